"""single_conv.py from the command line."""

import contextlib
import csv
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest
from conftest import ROOT, only_run, read_events, run

from common import np, tf


@pytest.fixture(scope="module")
def short_run(small_data, tmp_path_factory):
    """A run of 31 steps on small data: (stdout, stderr, its folder)."""
    folder = tmp_path_factory.mktemp("single")
    words = ["--steps", 30, "--data-dir", small_data, "--log-dir", folder / "logs"]
    out, err = run("single_conv.py", *words, "--figure", folder / "figure.png")
    return out, err, folder


def test_stdout_is_the_posts(short_run):
    lines = short_run[0].splitlines()
    assert [line.split(",")[0] for line in lines[:-1]] == [f"step {i}" for i in (0, 10, 20, 30)]
    assert all(re.fullmatch(r"step \d+, training accuracy [\d.]+", line) for line in lines[:-1])
    assert re.fullmatch(r"test accuracy 0\.\d+ \(not MNIST\)|test accuracy 1 .*", lines[-1])


def test_stderr_says_where_things_are_and_nothing_of_tensorflow(short_run):
    err, folder = short_run[1:]
    assert f"figure: {folder / 'figure.png'}" in err
    assert f"curves: {only_run(folder / 'logs')}" in err
    assert f"tensorboard --logdir {folder / 'logs'}" in err
    assert "steps/s from step 10 on (20 in" in err
    assert len(err.splitlines()) == 5, err


def test_figure_is_a_png(short_run):
    png = tf.io.decode_png((short_run[2] / "figure.png").read_bytes(), channels=3)
    assert png.shape[0] > 800 and png.shape[1] > 1000


def test_tensorboard_gets_every_report(short_run):
    values = read_events(only_run(short_run[2] / "logs"))
    for tag in ("cross entropy", "accuracy", "h_conv1", "W_conv1"):
        assert [step for name, step, _ in values if name == tag] == [0, 10, 20, 30], tag
    (histogram,) = (value for tag, step, value in values if (tag, step) == ("h_conv1", 30))
    assert histogram.shape == (30, 3) and histogram[:, 2].sum() == 100 * 28 * 28 * 16
    once = {tag: step for tag, step, _ in values if tag not in ("cross entropy", "accuracy")}
    assert {"settings", "graph", "test accuracy", "figure/1/image", "figure/1"} & set(once)
    assert once["test accuracy"] == 30
    (settings,) = (value for tag, _, value in values if tag == "settings")
    assert b"| seed | 1 |" in settings.item()


def test_same_seed_gives_the_same_lines_in_a_run_of_its_own(short_run, small_data):
    out, _, folder = short_run
    words = ["--steps", 30, "--data-dir", small_data, "--log-dir", folder / "logs"]
    assert run("single_conv.py", *words, "--figure", folder / "again.png")[0] == out
    assert len(list((folder / "logs").iterdir())) == 2
    for other in (folder / "logs").iterdir():
        assert len(list(other.iterdir())) == 1


def test_live_line_is_for_terminals_and_leaves_stdout_alone(short_run, small_data, tmp_path):
    """With stderr on a terminal of 80 columns a line shows the progress; stdout stays the same."""
    terminal, stderr = pty.openpty()
    fcntl.ioctl(stderr, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    words = ["--data-dir", small_data, "--log-dir", tmp_path, "--figure", tmp_path / "f.png"]
    command = [sys.executable, ROOT / "single_conv.py", "--steps", "30", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True)
    os.close(stderr)
    shown = b""
    with contextlib.suppress(OSError):  # how Linux tells that the other end is closed
        while data := os.read(terminal, 1024):
            shown += data
    assert process.stdout.read() == short_run[0] and process.wait() == 0
    assert b"of 30" in shown and b"left" in shown
    assert "of 30" not in short_run[1]


def test_without_a_display_the_figure_goes_to_the_current_folder(small_data, tmp_path):
    words = ["--steps", 0, "--data-dir", small_data, "--log-dir", tmp_path / "logs"]
    _, err = run("single_conv.py", *words, folder=tmp_path)
    assert "figure: single_conv.png" in err
    assert (tmp_path / "single_conv.png").exists()


def test_rendered_digits_need_no_network_and_are_named_everywhere(tmp_path):
    words = ["--steps", 0, "--dataset", "rendered", "--log-dir", tmp_path / "logs"]
    out, _ = run("single_conv.py", *words, folder=tmp_path)
    assert out.splitlines()[-1].endswith(" (rendered digits, not MNIST)")
    assert only_run(tmp_path / "logs").name.endswith(" (rendered digits, not MNIST)")


@pytest.mark.parametrize(
    "words, code, message",
    [
        (["--steps", "-1"], 2, "'-1' is not a whole number from 0 to"),
        (["--steps", "x"], 2, "'x' is not a whole number"),
        (["--seed", "2147483648"], 2, "from 0 to 2147483647"),
        (["--figure", "figure.jpg"], 2, "does not end in .png"),
        (["--dataset", "fashion"], 2, "invalid choice"),
        (["--stepz", "3"], 2, "unrecognized arguments"),
        (["--log-dir", "file"], 1, "choose another --log-dir"),
        (["--figure", "file/figure.png"], 1, "choose another --figure"),
        (["--figure", "folder.png"], 1, "is a folder"),
        (["--data-dir", "file"], 1, "choose another --data-dir"),
    ],
)
def test_bad_command_line_is_refused_before_training(small_data, tmp_path, words, code, message):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder.png").mkdir()
    base = ["--data-dir", small_data, "--log-dir", tmp_path / "logs", "--figure", "new.png"]
    out, err = run("single_conv.py", *base, *words, code=code, folder=tmp_path)
    assert out == ""
    assert message in err.splitlines()[-1]
    assert (tmp_path / "file").read_text() == "mine"
    assert not (tmp_path / "new.png").exists()


@pytest.mark.parametrize("script", ["single_conv.py", "double_conv.py", "visualize_filters.py"])
def test_help_is_a_short_manual(script):
    out, err = run(script, "--help")
    assert err == "" and "Example:" in out and "/tmp/data" in out
    assert max(map(len, out.splitlines())) <= 80


def test_tensorflows_words_are_for_those_who_ask():
    assert "oneDNN" in run("single_conv.py", "--help", TF_CPP_MIN_LOG_LEVEL="0")[1]


def test_real_mnist_gives_the_posts_accuracy_and_curve(mnist_dir, tmp_path):
    """The whole default run: 0.975, and TensorFlow 0.12.1's cross entropy while rounding allows."""
    words = ["--data-dir", mnist_dir, "--log-dir", tmp_path, "--figure", tmp_path / "f.png"]
    out, _ = run("single_conv.py", *words)
    lines = out.splitlines()
    assert len(lines) == 102
    assert abs(float(lines[-1].removeprefix("test accuracy ")) - 0.975) <= 0.0015
    folder = next(path for path in tmp_path.iterdir() if path.is_dir())
    ours = {step: v for tag, step, v in read_events(folder) if tag == "cross entropy"}
    with open(ROOT / "tests" / "single_curve_tf0.12.1.csv") as file:
        posts = {int(row["step"]): float(row["cross_entropy"]) for row in csv.DictReader(file)}
    assert list(ours) == list(posts)
    for step, limit in ((0, 1e-5), (10, 1e-5), (20, 1e-3)):
        assert abs(ours[step] / posts[step] - 1) <= limit
    # Later the rounding of the two drifts apart, but the curves stay together.
    late = [step for step in posts if step > 500]
    assert 0.8 < np.mean([ours[i] for i in late]) / np.mean([posts[i] for i in late]) < 1.25
