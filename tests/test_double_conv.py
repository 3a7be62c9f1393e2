"""double_conv.py from the command line: checkpoints, stops, kills, resuming."""

import json
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest
from conftest import ROOT, only_run, read_events, run

import common
from common import np, tf

# Small steps and many checkpoints, so that a test meets as many as a long run would.
SMALL = "script.BATCH_SIZE = 10; script.REPORT_EVERY = 5; script.FILTERS_EVERY = 10"


def train(folder, small_data, *words, before=SMALL, **options):
    """Runs double_conv.py on small data with everything below folder."""
    where = ["--data-dir", small_data, "--log-dir", folder / "logs", "--checkpoint-dir", folder]
    return run("double_conv.py", *where, *words, before=before, **options)


def start_training(folder, small_data, *words):
    """Starts the same in the background."""
    where = ["--data-dir", small_data, "--log-dir", folder / "logs", "--checkpoint-dir", folder]
    command = f"import common, double_conv as script; {SMALL}; common.run(script.main)"
    return subprocess.Popen(
        [sys.executable, "-c", command, *map(str, [*where, *words])],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def variables_of(path):
    """Returns every number in a checkpoint, Adam's slots included: {name: array}."""
    reader = tf.train.load_checkpoint(str(path))
    names = [name for name in reader.get_variable_to_shape_map() if "settings" not in name]
    return {name: reader.get_tensor(name) for name in names if "GRAPH" not in name}


def assert_same_run(folder, other, step):
    """Asserts that two runs ended bit for bit the same: variables, and TensorBoard's curves."""
    variables, others = (variables_of(one / f"train_data-{step}") for one in (folder, other))
    assert len(variables) == 8 + 16 + 2 + 1  # weights and biases, Adam's m, v and powers, the step
    assert variables.keys() == others.keys()
    for name in variables:
        np.testing.assert_array_equal(variables[name], others[name])
    curves = []
    for one in (folder, other):
        values = read_events(only_run(one / "logs"))
        scalars = [
            (tag, at, value.tolist())
            for tag, at, value in values
            if tag in ("cross entropy", "accuracy", "test accuracy", "h_conv1", "W_conv1")
        ]
        assert len({(tag, at) for tag, at, _ in scalars}) == len(scalars)  # no point twice
        curves.append(sorted(scalars))
    assert curves[0] == curves[1]


@pytest.fixture(scope="module")
def undisturbed(small_data, tmp_path_factory):
    """A run of 61 steps that nothing disturbed: (its folder, stdout, stderr)."""
    folder = tmp_path_factory.mktemp("undisturbed")
    return folder, *train(folder, small_data, "--steps", 60)


def test_reports_and_checkpoints(undisturbed):
    folder, out, err = undisturbed
    lines = out.splitlines()
    assert [line.split(",")[0] for line in lines[:-1]] == [f"step {i}" for i in range(0, 61, 5)]
    assert lines[-1].startswith("test accuracy ")
    assert list(common.list_checkpoints(folder)) == [60, 55, 50, 45, 40]
    assert f"python visualize_filters.py {folder / 'train_data-60'}" in err
    values = read_events(only_run(folder / "logs"))
    for tag in ("cross entropy", "accuracy", "h_conv1"):
        assert [step for name, step, _ in values if name == tag] == list(range(0, 61, 5))
    assert [step for name, step, _ in values if name == "W_conv1"] == list(range(0, 61, 10))
    assert {"graph", "settings", "figure/1", "figure/2"} <= {tag for tag, _, _ in values}


def test_defaults_are_the_posts(small_data, tmp_path):
    out, _ = train(tmp_path, small_data, "--steps", 100, before="pass")
    assert [line.split(",")[0] for line in out.splitlines()[:-1]] == ["step 0", "step 100"]


def test_last_step_is_saved_though_no_report_falls_on_it(small_data, tmp_path):
    train(tmp_path, small_data, "--steps", 7)
    assert list(common.list_checkpoints(tmp_path)) == [7, 5, 0]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_run_goes_on_as_if_it_had_not_been(undisturbed, small_data, tmp_path, number):
    process = start_training(tmp_path, small_data, "--steps", 60)
    lines = [process.stdout.readline() for _ in range(4)]
    process.send_signal(number)
    rest, err = process.communicate()
    assert process.returncode == 128 + number
    assert "go on with --resume" in err.splitlines()[-1] and "Traceback" not in err
    out, _ = train(tmp_path, small_data, "--steps", 60, "--resume")
    assert "".join(lines) + rest + out == undisturbed[1]
    assert_same_run(tmp_path, undisturbed[0], 60)


def test_more_steps_may_be_added(undisturbed, small_data, tmp_path):
    train(tmp_path, small_data, "--steps", 40)
    out, _ = train(tmp_path, small_data, "--steps", 60, "--resume")
    assert out.splitlines()[0].startswith("step 45")
    assert_same_run(tmp_path, undisturbed[0], 60)


def test_finished_run_resumed_only_tests(undisturbed, small_data, tmp_path):
    shutil.copytree(undisturbed[0], tmp_path / "copy")
    out, _ = train(tmp_path / "copy", small_data, "--steps", 60, "--resume")
    assert out == undisturbed[1].splitlines(keepends=True)[-1]
    assert_same_run(tmp_path / "copy", undisturbed[0], 60)


def test_twenty_kills_change_nothing(small_data, tmp_path):
    """SIGKILL at random moments of a run, many of them in the middle of saving."""
    steps, clock = 500, random.Random(1)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for folder in (whole, killed):
        folder.mkdir()
    out, _ = train(whole, small_data, "--steps", steps)
    lines, kills = [], 0
    while kills < 20:
        process = start_training(killed, small_data, "--steps", steps, "--resume")
        first = process.stdout.readline()
        while not common.list_checkpoints(killed):  # killed earlier, there is nothing to resume
            time.sleep(0.01)
        time.sleep(clock.uniform(0, 0.8))
        process.kill()
        rest, err = process.communicate()
        assert process.returncode == -signal.SIGKILL, "it ended before the kill: " + err
        assert "Traceback" not in err
        lines += (first + rest).splitlines()
        kills += 1
    last, _ = train(killed, small_data, "--steps", steps, "--resume")
    lines += last.splitlines()
    # A line printed just before a kill may come again; each is what the whole run printed.
    assert set(lines) == set(out.splitlines())
    assert_same_run(killed, whole, steps)
    # Nothing is left of the saves that a kill broke off.
    assert {path.name for path in killed.iterdir()} == {path.name for path in whole.iterdir()}


def test_damaged_checkpoint_is_left_out(undisturbed, small_data, tmp_path):
    shutil.copytree(undisturbed[0], tmp_path / "copy")
    newest = tmp_path / "copy" / "train_data-60.data-00000-of-00001"
    newest.write_bytes(newest.read_bytes()[:1000])
    out, err = train(tmp_path / "copy", small_data, "--steps", 60, "--resume")
    assert "train_data-60 is damaged" in err and "going on from" in err
    assert out.splitlines()[0].startswith("step 60")
    assert_same_run(tmp_path / "copy", undisturbed[0], 60)


def test_renamed_checkpoint_is_not_taken_for_a_later_one(undisturbed, small_data, tmp_path):
    for path in undisturbed[0].glob("train_data-60.*"):
        shutil.copy(path, tmp_path / path.name.replace("60", "600"))
    _, err = train(tmp_path, small_data, "--steps", 700, "--resume", code=1)
    assert "train_data-600 was saved as train_data-60" in err.splitlines()[-1]


def test_resume_stops_where_every_checkpoint_is_damaged(undisturbed, small_data, tmp_path):
    for path in undisturbed[0].glob("train_data-60.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes()[:1000])
    before = sorted(tmp_path.iterdir())
    _, err = train(tmp_path, small_data, "--steps", 60, "--resume", code=1)
    assert "no checkpoint" in err.splitlines()[-1]
    assert sorted(tmp_path.iterdir()) == before


def test_nothing_to_resume(small_data, tmp_path):
    out, err = train(tmp_path, small_data, "--steps", 0, "--resume")
    assert "nothing to resume" in err and out.startswith("step 0")


@pytest.mark.parametrize(
    "words, message",
    [
        (["--seed", "2"], "trained with seed 1, not 2"),
        (["--bfloat16"], "trained with bfloat16 False, not True"),
        (["--dataset", "rendered"], "trained with data not MNIST, not rendered digits"),
        (["--steps", "30"], "past --steps 30"),
    ],
)
def test_resume_refuses_other_settings(undisturbed, small_data, words, message):
    before = sorted(undisturbed[0].iterdir())
    words = ["--steps", 60, "--resume", *words]
    out, err = train(undisturbed[0], small_data, *words, code=1)
    assert out == "" and message in err.splitlines()[-1]
    assert sorted(undisturbed[0].iterdir()) == before


def test_checkpoints_of_an_earlier_run_are_not_overwritten_by_accident(undisturbed, small_data):
    before = {path: path.stat().st_mtime_ns for path in undisturbed[0].iterdir()}
    out, err = train(undisturbed[0], small_data, "--steps", 60, code=1)
    assert out == "" and "--resume" in err and "--overwrite" in err and "train_data-60" in err
    assert {path: path.stat().st_mtime_ns for path in undisturbed[0].iterdir()} == before


def test_overwrite_deletes_our_checkpoints_only(small_data, tmp_path):
    train(tmp_path, small_data, "--steps", 10)
    others = ["train_data-notes.txt", "model-5.index", "train_data-x.index", "train_data-x_temp"]
    for name in others:
        (tmp_path / name).write_text("mine")
    train(tmp_path, small_data, "--steps", 0, "--overwrite")
    assert list(common.list_checkpoints(tmp_path)) == [0]
    assert all((tmp_path / name).read_text() == "mine" for name in others)


@pytest.mark.parametrize("words", [[], ["--overwrite"], ["--resume"]])
def test_another_programs_checkpoint_is_never_touched(small_data, tmp_path, words):
    tf.train.Checkpoint(v=tf.Variable(1.0)).write(str(tmp_path / "train_data-20000"))
    _, err = train(tmp_path, small_data, "--steps", 0, *words, code=1)
    assert "is not a checkpoint of this script" in err
    assert tf.train.load_checkpoint(str(tmp_path / "train_data-20000")).get_tensor(
        "v/.ATTRIBUTES/VARIABLE_VALUE"
    )


def test_full_disk_while_saving_keeps_the_older_checkpoints(undisturbed, small_data, tmp_path):
    """A limit on the size of files stands for the full disk: writing fails half-way."""
    shutil.copytree(undisturbed[0], tmp_path / "copy")
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (2**24, 2**24))"
    words = ["--steps", 70, "--resume"]
    before = f"{SMALL}; {limit}"
    _, err = train(tmp_path / "copy", small_data, *words, before=before, code=1)
    assert "train_data-65: File too large; make room and go on with --resume" in err
    names = {path.name.split(".")[0] for path in (tmp_path / "copy").iterdir()}
    assert names == {"logs", *(f"train_data-{step}" for step in (40, 45, 50, 55, 60))}
    out, _ = train(tmp_path / "copy", small_data, "--steps", 65, "--resume")
    assert out.splitlines()[0].startswith("step 65")


def test_checkpoint_dir_that_cannot_be_written(small_data, tmp_path):
    (tmp_path / "file").write_text("mine")
    words = ["--steps", 0, "--checkpoint-dir", tmp_path / "file" / "checkpoints"]
    out, err = train(tmp_path, small_data, *words, code=1)
    assert out == "" and "choose another --checkpoint-dir" in err.splitlines()[-1]


def test_settings_in_a_checkpoint_are_plain_json(undisturbed):
    reader = tf.train.load_checkpoint(str(undisturbed[0] / "train_data-60"))
    settings = json.loads(reader.get_tensor(common.SETTINGS_KEY))
    assert settings["seed"] == 1 and settings["data"] == "not MNIST"


def test_bfloat16_trains(small_data, tmp_path):
    out, _ = train(tmp_path, small_data, "--steps", 60, "--bfloat16")
    accuracy = float(out.splitlines()[-1].split()[2])
    assert accuracy > 0.3


def test_testing_takes_less_than_a_gigabyte(small_data, tmp_path):
    measure = (
        "import resource, atexit, sys; atexit.register(lambda: print('peak', "
        "resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr))"
    )
    _, err = train(tmp_path, small_data, "--steps", 3, before=measure)
    peak = int(err.split("peak ")[1].split()[0]) / (2**10 if sys.platform == "linux" else 2**20)
    assert peak < 1000, f"{peak:.0f} MB"


def test_300_steps_on_real_mnist_learn(mnist_dir, tmp_path):
    words = ["--data-dir", mnist_dir, "--log-dir", tmp_path / "logs", "--checkpoint-dir", tmp_path]
    out, _ = run("double_conv.py", *words, "--steps", 300)
    assert float(out.splitlines()[-1].removeprefix("test accuracy ")) > 0.9
    accuracies = [float(line.split()[-1]) for line in out.splitlines()[:-1]]
    assert len(accuracies) == 4 and accuracies[-1] > accuracies[0]
