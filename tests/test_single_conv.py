"""single_conv.py from the command line."""

import re
import signal

from support import figures, input_data

import numpy as np
import pytest
import tensorflow as tf
from processes import Running, only_run, pseudo_terminal, read_events, run

from single_conv import SingleConv


@pytest.fixture(scope="module")
def short_run(programs):
    """A run of 31 steps on small data."""
    return programs("single")


def start_training(folder, small_data, *args, steps=0):
    """Starts single_conv.py on small data with everything below folder."""
    where = ["--data-dir", small_data, "--log-dir", folder / "logs", "--steps", steps]
    return Running(["single_conv.py", *where, *args], folder)


def train(folder, small_data, *args, steps=0, code=0):
    """The same, to its end; returns its (stdout, stderr)."""
    return start_training(folder, small_data, *args, steps=steps).result(code)


def test_stdout_is_the_posts(short_run):
    lines = short_run.out.splitlines()
    assert [line.split(",")[0] for line in lines[:-1]] == [f"step {i}" for i in (0, 10, 20, 30)]
    assert all(re.fullmatch(r"step \d+, training accuracy [\d.]+", line) for line in lines[:-1])
    assert re.fullmatch(r"test accuracy (0\.\d+|1) \(not MNIST\)", lines[-1])


def test_stderr_has_speed_and_paths_and_nothing_from_tensorflow(short_run):
    run_folder = f"logs/{only_run(short_run.folder / 'logs').name}"
    expected = [
        r".* does not contain MNIST: results cannot be compared with the post's",
        r"30 steps after the first in [\d.]+ s: [\d.]+ steps/s, reports included",
        f"curves: {run_folder}",
        "next: tensorboard --logdir logs --samples_per_plugin images=1000",
        "figure: figure.png",
    ]
    lines = short_run.err.splitlines()
    assert len(lines) == len(expected), short_run.err
    assert all(re.fullmatch(*pair) for pair in zip(expected, lines)), short_run.err


def trained_network(small_data, steps):
    """The network and the data after the same steps, taken here."""
    network, mnist = SingleConv(1), input_data.read_data_sets(small_data)
    for _ in range(steps + 1):
        network.train_step(*mnist.train.next_batch(100))
    return network, mnist


def test_figure_shows_the_networks_filters_and_maps_of_the_first_12_test_digits(
    short_run, small_data
):
    network, mnist = trained_network(small_data, 30)
    images = mnist.test.images[:12]
    rows = [[None, *np.moveaxis(network.W_conv1.numpy()[:, :, 0], -1, 0)]]
    for image, maps in zip(images, network(images).h_pool1.numpy()):
        rows.append([image.reshape(28, 28), *np.moveaxis(maps, -1, 0)])
    expected = np.rint(255 * (1 - figures.contact_sheet(rows, 56)))
    data = (short_run.folder / "figure.png").read_bytes()
    png = tf.io.decode_png(data, channels=1).numpy()[:, :, 0]
    sheet = png[44:-8, 8:-8]
    assert sheet.shape == expected.shape
    assert np.abs(sheet - expected).max() <= 2  # the color map has 256 levels
    assert png[:44].min() < 50  # the title


def test_tensorboard_gets_every_report(short_run):
    values = read_events(only_run(short_run.folder / "logs"))
    for tag in ("cross entropy", "accuracy", "h_conv1"):
        assert [step for name, step, _ in values if name == tag] == [0, 10, 20, 30], tag
    (histogram,) = (value for tag, step, value in values if (tag, step) == ("h_conv1", 30))
    assert histogram.shape == (30, 3)
    assert histogram[:, 2].sum() == 100 * 28 * 28 * 16
    once = [tag for tag, _, _ in values if tag not in ("cross entropy", "accuracy", "h_conv1")]
    assert sorted(once) == ["filters", "graph", "settings", "test accuracy", "test digits"]
    (settings,) = (value for tag, _, value in values if tag == "settings")
    assert b"- seed: 1" in settings.item()


def test_film_shows_the_filters_every_100_steps(small_data, tmp_path):
    running = start_training(tmp_path, small_data, "--figure", "f.png", steps=100)
    network, _ = trained_network(small_data, 100)
    running.result()
    films = [v for tag, _, v in read_events(only_run(tmp_path / "logs")) if tag == "filters"]
    assert len(films) == 2
    rows = np.moveaxis(network.W_conv1.numpy()[:, :, 0], -1, 0).reshape(2, 8, 5, 5)
    expected = 255 * (1 - figures.contact_sheet(rows, 40))
    image = tf.io.decode_png(films[1][2]).numpy()[:, :, 0]
    # Side by side, without contact_sheet's margin of one pixel around each filter.
    inner = [i for i in range(len(expected)) if i % 44 not in (0, 43)]
    across = [i for i in range(expected.shape[1]) if i % 44 not in (0, 43)]
    np.testing.assert_allclose(image, expected[np.ix_(inner, across)], atol=1)
    assert films[0][2] != films[1][2]


def test_same_seed_gives_the_same_lines_in_a_separate_run(short_run, small_data):
    folder = short_run.folder
    assert train(folder, small_data, "--figure", "again.png", steps=30)[0] == short_run.out
    runs = list((folder / "logs").iterdir())
    assert len(runs) == 2
    assert all(len(list(path.iterdir())) == 1 for path in runs)


def test_progress_bar_is_for_terminals_and_leaves_stdout_alone(short_run, small_data, tmp_path):
    args = ["--data-dir", small_data, "--log-dir", tmp_path, "--figure", tmp_path / "f.png"]
    with pseudo_terminal() as (terminal, read):
        running = Running(["single_conv.py", "--steps", 30, *args], stderr=terminal)
        assert running.result()[0] == short_run.out
        shown = read()
    assert re.search(r"\d+/31 \[", shown)
    assert "steps/s" in shown
    assert "/31 [" not in short_run.err


def test_without_a_display_the_figure_goes_to_the_current_folder(small_data, tmp_path):
    _, err = train(tmp_path, small_data)
    assert "figure: single_conv.png" in err
    assert (tmp_path / "single_conv.png").exists()


def test_rendered_digits_need_no_network_and_are_named_everywhere(tmp_path):
    args = ["--steps", 0, "--dataset", "rendered", "--log-dir", tmp_path / "logs"]
    out, _ = run("single_conv.py", *args, folder=tmp_path)
    assert out.splitlines()[-1].endswith(" (rendered digits, not MNIST)")
    assert only_run(tmp_path / "logs").name.endswith("-rendered")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopping_prints_one_line(small_data, tmp_path, number):
    running = start_training(tmp_path, small_data, steps=10**6)
    running.lines(2)
    running.send(number)
    code, _, err = running.wait()
    assert code == 128 + number
    assert err.splitlines()[1:] == ["single_conv.py: stopped"]


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["--steps", "-1"], 2, "'-1' is not an integer from 0 to"),
        (["--steps", "x"], 2, "'x' is not an integer"),
        (["--seed", "2147483648"], 2, "from 0 to 2147483647"),
        (["--figure", "figure.jpg"], 1, "figure.jpg is not a PNG file's name"),
        (["--dataset", "fashion"], 2, "invalid choice"),
        (["--stepz", "3"], 2, "unrecognized arguments"),
        (["--log-dir", "file"], 1, "file: File exists"),
        (["--log-dir", "nowhere"], 1, "nowhere: File exists"),  # a link to nothing
        (["--figure", "file/figure.png"], 1, "choose another --figure"),
        (["--figure", "folder.png"], 1, "is not a PNG file's name"),
        (["--data-dir", "file"], 1, "file: File exists; choose another --data-dir"),
    ],
)
def test_bad_command_line_is_refused_before_training(small_data, tmp_path, args, code, message):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "nowhere").symlink_to("nothing")
    out, err = train(tmp_path, small_data, "--figure", "new.png", *args, code=code)
    assert out == ""
    assert message in err.splitlines()[-1]
    assert (tmp_path / "file").read_text() == "mine"
    assert not (tmp_path / "new.png").exists()
