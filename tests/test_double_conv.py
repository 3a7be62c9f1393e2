"""double_conv.py from the command line: checkpoints, stopping, killing and resuming."""

import functools
import json
import os
import pathlib
import random
import shutil
import signal
import threading
import time

from support import checkpoints, input_data

import numpy as np
import pytest
import tensorflow as tf
from processes import (
    ROOT,
    Running,
    kill_at,
    limit_file_size,
    nothing,
    only_run,
    read_events,
    run,
    run_python,
    small_network,
    small_steps,
)
from tensorflow.python.ops import io_ops

from double_conv import DoubleConv
from visualize_filters import NAMES_OF_2016

CURVES = ("cross entropy", "accuracy", "test accuracy", "h_conv1", "filters")


def words_for(folder, small_data, *words):
    where = ["--data-dir", small_data, "--log-dir", folder / "logs", "--checkpoint-dir", folder]
    return ["double_conv.py", *where, *words]


def train(folder, small_data, *words, change=small_network, **options):
    """Runs double_conv.py on small data with everything below folder."""
    return run(*words_for(folder, small_data, *words), change=change, **options)


def start_training(folder, small_data, *words, **options):
    """The same, in the background."""
    return Running(words_for(folder, small_data, *words), change=small_network, **options)


def saved_steps(folder):
    return [int(path.name.split("-")[1]) for path in checkpoints.list_checkpoints(folder)]


def files_in(folder):
    return {path: path.stat().st_mtime_ns for path in folder.iterdir() if path.is_file()}


def variables_of(path):
    """Returns every number in a checkpoint, Adam's slots included: {name: array}."""
    reader = tf.train.load_checkpoint(str(path))
    names = [name for name in reader.get_variable_to_shape_map() if "settings" not in name]
    names = [name for name in names if "GRAPH" not in name and "save_counter" not in name]
    return {name: reader.get_tensor(name) for name in names}


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
        points = [(tag, at, value.tolist()) for tag, at, value in values if tag in CURVES]
        assert len({(tag, at) for tag, at, _ in points}) == len(points)  # no point twice
        curves.append(sorted(points))
    assert curves[0] == curves[1]


@pytest.fixture(scope="module")
def undisturbed(small_data, tmp_path_factory):
    """An uninterrupted run of 61 steps: (its folder, stdout, stderr)."""
    folder = tmp_path_factory.mktemp("undisturbed")
    return folder, *train(folder, small_data, "--steps", 60)


@pytest.fixture
def copy(undisturbed, tmp_path):
    """A copy of the uninterrupted run's folder."""
    return shutil.copytree(undisturbed[0], tmp_path / "copy")


# ------------------------------------------------------------------------- an uninterrupted run


def test_reports_and_checkpoints(undisturbed):
    folder, out, err = undisturbed
    lines = out.splitlines()
    assert [line.split(",")[0] for line in lines[:-1]] == [f"step {i}" for i in range(0, 61, 5)]
    assert lines[-1].startswith("test accuracy ")
    assert saved_steps(folder) == [60, 55, 50, 45, 40]
    assert tf.train.latest_checkpoint(str(folder)) == str(folder / "train_data-60")
    values = read_events(only_run(folder / "logs"))
    for tag in ("cross entropy", "accuracy", "h_conv1"):
        assert [step for name, step, _ in values if name == tag] == list(range(0, 61, 5))
    assert [step for name, step, _ in values if name == "filters"] == list(range(0, 61, 10))
    assert {"graph", "settings", "test accuracy"} <= {tag for tag, _, _ in values}


def test_hinted_command_draws_the_newest_checkpoint_from_any_folder(small_data, tmp_path):
    out, err = train(tmp_path, small_data, "--steps", 0, change=small_steps)
    (command,) = (line for line in err.splitlines() if "visualize_filters" in line)
    python, script, *words = command.removeprefix("next: ").split()
    assert python == "python" and script == str(ROOT / "visualize_filters.py")
    (tmp_path / "other").mkdir()
    again, err = run("visualize_filters.py", *words, folder=tmp_path / "other")
    assert again == out.splitlines(keepends=True)[-1]
    assert "warning" not in err


def test_default_run_as_a_program(small_data, tmp_path):
    """The script as it is: reports and checkpoints every 100 steps."""
    out, _ = run_python(*words_for(tmp_path, small_data, "--steps", 100))
    assert [line.split(",")[0] for line in out.splitlines()[:-1]] == ["step 0", "step 100"]
    assert saved_steps(tmp_path) == [100, 0]


def test_each_step_is_adam_on_the_next_batch_with_a_new_dropout_mask(small_data, tmp_path):
    train(tmp_path, small_data, "--steps", 10, change=small_steps)
    network, mnist = DoubleConv(1), input_data.read_data_sets(small_data)
    values = {(tag, at): v for tag, at, v in read_events(only_run(tmp_path / "logs"))}
    for step in range(11):
        batch = mnist.train.next_batch(10)
        network.train_step(*batch, [1, step])
        if step % 5 == 0:
            cross_entropy, accuracy, _ = network.evaluate(*batch)
            assert values["cross entropy", step] == cross_entropy
            assert values["accuracy", step] == accuracy
            # Saved in the background while training goes on, but with this step's values.
            saved = variables_of(tmp_path / f"train_data-{step}")
            for name in NAMES_OF_2016:
                variable = saved[f"network/{name}/.ATTRIBUTES/VARIABLE_VALUE"]
                np.testing.assert_array_equal(variable, getattr(network, name))


def test_last_step_is_saved_even_without_a_report(small_data, tmp_path):
    train(tmp_path, small_data, "--steps", 7)
    assert saved_steps(tmp_path) == [7, 5, 0]


def test_last_save_waits_for_those_in_the_background(tmp_path, monkeypatch):
    original = io_ops.save_v2

    def slow_in_the_background(*args, **kwargs):
        if threading.current_thread() is not threading.main_thread():
            time.sleep(0.5)
        return original(*args, **kwargs)

    monkeypatch.setattr(io_ops, "save_v2", slow_in_the_background)
    saver = checkpoints.Saver(tmp_path, DoubleConv(), {})
    saver.begin(1, resume=False, overwrite=False)
    for step in (0, 1):
        saver.save(step, log=None)
    saver.manager.sync()
    assert saved_steps(tmp_path) == [1, 0]
    assert tf.train.latest_checkpoint(str(tmp_path)) == str(tmp_path / "train_data-1")


def pretend_to_have_no_bfloat16():
    original = pathlib.Path.read_text
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    pathlib.Path.exists = lambda path: path == cpuinfo or os.path.exists(path)
    pathlib.Path.read_text = lambda path: "avx2" if path == cpuinfo else original(path)


def test_bfloat16_trains_differently_and_is_tested_in_float32(small_data, tmp_path):
    def start(name, *words, before=nothing):
        words = words_for(tmp_path / name, small_data, "--steps", 20, *words)
        return Running(words, change=small_steps, before=before)

    float32 = start("float32")
    bfloat16 = start("bfloat16", "--bfloat16", before=pretend_to_have_no_bfloat16)
    out, err = bfloat16.result()
    assert "may be slower" in err and "may be slower" not in float32.result()[1]
    name = "network/W_fc1/.ATTRIBUTES/VARIABLE_VALUE"
    paths = [tmp_path / folder / "train_data-20" for folder in ("float32", "bfloat16")]
    assert not np.array_equal(*(variables_of(path)[name] for path in paths))
    assert only_run(tmp_path / "bfloat16" / "logs").name.endswith("-bfloat16-not-MNIST")
    # visualize_filters.py tests in float32.
    words = ["--data-dir", small_data, "--figure-dir", tmp_path]
    again, _ = run("visualize_filters.py", tmp_path / "bfloat16" / "train_data-20", *words)
    assert out.splitlines(keepends=True)[-1] == again


def test_memory_stays_below_a_gigabyte(tmp_path):
    """Training and the test on 10,000 digits."""
    out = ["--steps", 3, "--dataset", "rendered", "--log-dir", tmp_path / "logs"]
    _, err = run(
        "double_conv.py", *out, "--checkpoint-dir", tmp_path, before=print_peak_memory_at_exit
    )
    assert "train_data-3 --dataset rendered" in err  # the hint
    peak = int(err.split("peak ")[1].split()[0]) / 2**10
    assert 200 < peak < 1000, f"{peak:.0f} MB"


def print_peak_memory_at_exit():
    from multiprocessing import util

    def show():
        status = open("/proc/self/status").read()
        os.write(2, f"peak {status.split('VmHWM:')[1].split()[0]} kB\n".encode())

    util.Finalize(None, show, exitpriority=0)


# ------------------------------------------------------------------------ stopping and resuming


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_run_resumes_as_if_it_had_not_stopped(undisturbed, small_data, tmp_path, number):
    running = start_training(tmp_path, small_data, "--steps", 60)
    running.lines(4)
    running.send(number)
    code, first, err = running.wait()
    assert code == 128 + number
    assert err.splitlines()[-1] == "double_conv.py: stopped; continue with --resume"
    out, _ = train(tmp_path, small_data, "--steps", 60, "--resume")
    assert set((first + out).splitlines()) == set(undisturbed[1].splitlines())
    assert_same_run(tmp_path, undisturbed[0], 60)


def test_more_steps_may_be_added(undisturbed, small_data, tmp_path):
    train(tmp_path, small_data, "--steps", 40)
    out, _ = train(tmp_path, small_data, "--steps", 60, "--resume")
    assert out.splitlines()[0].startswith("step 45")
    values = read_events(only_run(tmp_path / "logs"))
    assert [step for tag, step, _ in values if tag == "test accuracy"] == [60]
    assert_same_run(tmp_path, undisturbed[0], 60)


def test_finished_run_resumed_only_tests(undisturbed, small_data, copy):
    out, _ = train(copy, small_data, "--steps", 60, "--resume")
    assert out == undisturbed[1].splitlines(keepends=True)[-1]
    assert_same_run(copy, undisturbed[0], 60)


# Where a run kills itself, each in its second to seventh checkpoint: before and after the data are
# written, before and after they get their name, at the state file, and at the deletion of old ones.
OPS, MANAGEMENT = "tensorflow.python.ops.", "tensorflow.python.checkpoint.checkpoint_management"
POINTS = [
    (f"{OPS}io_ops", "save_v2", 2, False),
    (f"{OPS}io_ops", "save_v2", 2, True),
    (f"{OPS}gen_io_ops", "merge_v2_checkpoints", 2, False),
    (f"{OPS}gen_io_ops", "merge_v2_checkpoints", 2, True),
    (MANAGEMENT, "update_checkpoint_state_internal", 3, False),
    (MANAGEMENT, "update_checkpoint_state_internal", 3, True),
    (MANAGEMENT, "_delete_file_if_exists", 2, False),
    (MANAGEMENT, "_delete_file_if_exists", 1, True),
]


def test_kills_change_nothing(small_data, tmp_path):
    """SIGKILL at every point of saving, and at random moments; then resumed to the end.

    Two runs side by side, one for each core, meet half of the points each.
    """
    steps, clock = 120, random.Random(1)
    whole, folders = tmp_path / "whole", [tmp_path / "one", tmp_path / "other"]
    undisturbed = start_training(whole, small_data, "--steps", steps)

    def resume(folder, last=steps, before=nothing):
        return start_training(folder, small_data, "--steps", last, "--resume", before=before)

    lines = []
    for points in zip(POINTS[::2], POINTS[1::2]):
        kills = [functools.partial(kill_at, *point) for point in points]
        both = [resume(folder, before=kill) for folder, kill in zip(folders, kills)]
        for running, point in zip(both, points):
            code, printed, err = running.wait()
            assert code == -signal.SIGKILL, f"not killed at {point}: {err}"
            lines += printed.splitlines()
    for _ in range(2):
        both = [resume(folder, last=10**6) for folder in folders]
        assert all(running.lines(1) for running in both)
        time.sleep(clock.uniform(0, 0.1))
        for running in both:
            running.send(signal.SIGKILL)
            assert running.wait()[0] == -signal.SIGKILL
    assert max(saved_steps(folder)[0] for folder in folders) < steps, "the kills came too late"
    for running in [resume(folder) for folder in folders]:
        lines += running.result()[0].splitlines()
    # A line printed just before a kill may come again; each is what the whole run printed.
    assert set(lines) <= set(undisturbed.result()[0].splitlines())
    for folder in folders:
        assert_same_run(folder, whole, steps)
        assert not list(folder.glob("*_temp"))


def test_corrupt_checkpoint_is_skipped(undisturbed, small_data, copy):
    newest = copy / "train_data-60.data-00000-of-00001"
    newest.write_bytes(newest.read_bytes()[:1000])
    out, err = train(copy, small_data, "--steps", 60, "--resume")
    assert "train_data-60 is corrupt, truncated or from a different network; skipping it" in err
    assert f"resuming from {copy / 'train_data-55'}" in err
    assert out.splitlines()[0].startswith("step 60")
    assert_same_run(copy, undisturbed[0], 60)


def test_unfinished_save_of_a_killed_run_is_deleted(small_data, copy):
    (copy / "train_data-99_temp").mkdir()
    train(copy, small_data, "--steps", 60, "--resume")
    assert not (copy / "train_data-99_temp").exists()


def test_resume_stops_where_every_checkpoint_is_corrupt(undisturbed, small_data, tmp_path):
    for path in undisturbed[0].glob("train_data-60.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes()[:1000])
    before = {path: path.read_bytes() for path in tmp_path.glob("train_data*")}
    _, err = train(tmp_path, small_data, "--steps", 60, "--resume", code=1)
    assert "no usable checkpoint" in err.splitlines()[-1]
    assert {path: path.read_bytes() for path in tmp_path.glob("train_data*")} == before


def test_nothing_to_resume(small_data, tmp_path):
    out, err = train(tmp_path, small_data, "--steps", 0, "--resume")
    assert "no checkpoint to resume" in err and out.startswith("step 0")


@pytest.mark.parametrize(
    "words, message",
    [
        (["--seed", "2"], "trained with seed=1, not 2"),
        (["--bfloat16"], "trained with bfloat16=False, not True"),
        (["--dataset", "rendered"], "trained with data=not MNIST, not rendered digits"),
        (["--steps", "30"], "past --steps 30"),
    ],
)
def test_resume_refuses_other_settings(undisturbed, small_data, words, message):
    before = files_in(undisturbed[0])
    out, err = train(undisturbed[0], small_data, "--steps", 60, "--resume", *words, code=1)
    assert out == "" and message in err.splitlines()[-1]
    assert files_in(undisturbed[0]) == before


def test_curves_whose_folder_is_gone_start_again(undisturbed, small_data, copy):
    shutil.rmtree(copy / "logs")
    _, err = train(copy, small_data, "--steps", 65, "--resume")
    assert "no longer exists; the curves start again from here" in err
    values = read_events(only_run(copy / "logs"))
    assert [step for tag, step, _ in values if tag == "accuracy"] == [65]


def test_broken_event_file_loses_nothing(undisturbed, small_data, copy):
    (events,) = only_run(copy / "logs").glob("events*")
    data = bytearray(events.read_bytes())
    data[len(data) // 2] ^= 1
    events.write_bytes(data)
    train(copy, small_data, "--steps", 65, "--resume")
    size = checkpoints.read_settings(copy / "train_data-60")["log"]["sizes"][events.name]
    assert events.read_bytes() == data[:size]
    assert 0 < len(data) - size < 200  # only the test accuracy is behind the last checkpoint


# ------------------------------------------------------------- nothing of the user's is lost


def test_earlier_checkpoints_are_not_overwritten_by_accident(undisturbed, small_data):
    before = files_in(undisturbed[0])
    out, err = train(undisturbed[0], small_data, "--steps", 60, code=1)
    assert out == "" and "--resume" in err and "--overwrite" in err and "train_data-60" in err
    assert files_in(undisturbed[0]) == before


def test_overwrite_deletes_our_checkpoints_only(small_data, tmp_path):
    words = words_for(tmp_path, small_data, "--checkpoint-dir", ".", "--steps")
    run(*words, 10, folder=tmp_path, change=small_network)
    others = ["train_data-notes.txt", "model-5.index", "train_data-x.index", "train_data-x_temp"]
    for name in others:
        (tmp_path / name).write_text("mine")
    run(*words, 0, "--overwrite", folder=tmp_path, change=small_network)
    assert saved_steps(tmp_path) == [0]
    assert all((tmp_path / name).read_text() == "mine" for name in others)


def test_overwrite_leaves_a_corrupt_checkpoint_alone(small_data, copy):
    index = copy / "train_data-60.index"
    index.write_bytes(b"somebody else's, perhaps")
    before = files_in(copy)
    _, err = train(copy, small_data, "--steps", 0, "--overwrite", code=1)
    assert f"{copy / 'train_data-60'} was not written by this script, or is corrupt" in err
    assert files_in(copy).items() >= before.items()


def test_overwrite_deletes_nothing_before_the_new_run_has_saved(undisturbed, small_data, copy):
    (copy / "file").write_text("")
    words = ["--steps", 0, "--overwrite"]
    train(copy, small_data, *words, "--log-dir", copy / "file", code=1)
    train(copy, small_data, *words, before=functools.partial(limit_file_size, 2**19), code=1)
    assert saved_steps(copy) == [60, 55, 50, 45, 40]
    out, _ = train(copy, small_data, "--steps", 60, "--resume")
    assert out == undisturbed[1].splitlines(keepends=True)[-1]


@pytest.mark.parametrize("words", [[], ["--overwrite"], ["--resume"]])
@pytest.mark.parametrize("name", ["train_data-20000", "model-5"])
def test_another_programs_checkpoint_is_never_touched(small_data, tmp_path, name, words):
    manager = tf.train.CheckpointManager(
        tf.train.Checkpoint(v=tf.Variable(1.0)),
        str(tmp_path),
        max_to_keep=5,
        checkpoint_name=name.split("-")[0],
    )
    manager.save(checkpoint_number=int(name.split("-")[1]))
    before = files_in(tmp_path)
    _, err = train(tmp_path, small_data, "--steps", 0, *words, code=1)
    assert f"{name} was not written by this script" in err
    assert files_in(tmp_path).items() >= before.items()


def test_second_run_in_the_same_folder_is_refused(small_data, tmp_path):
    running = start_training(tmp_path, small_data, "--steps", 10**6)
    running.lines(2)
    running.send(signal.SIGSTOP)  # still holds the lock, but leaves the cores to the others
    for words in ([], ["--resume"], ["--overwrite"]):
        _, err = train(tmp_path, small_data, "--steps", 0, *words, code=1)
        assert "another run is using" in err.splitlines()[-1]
    running.send(signal.SIGKILL)
    running.wait()
    train(tmp_path, small_data, "--steps", 0, "--overwrite")  # the lock died with its process


def test_full_disk_while_saving_keeps_the_earlier_checkpoints(undisturbed, small_data, copy):
    """A file size limit simulates a full disk: writing fails half-way."""
    before = functools.partial(limit_file_size, 2**19)
    _, err = train(copy, small_data, "--steps", 70, "--resume", before=before, code=1)
    assert f"in {copy}: File too large; free some space and continue with --resume" in err
    names = {path.name.split(".")[0] for path in copy.glob("train_data*")}
    assert names == {f"train_data-{step}" for step in (40, 45, 50, 55, 60)}
    out, _ = train(copy, small_data, "--steps", 65, "--resume")
    assert out.splitlines()[0].startswith("step 65")


def pretend_full_disk():
    shutil.disk_usage = lambda path: shutil._ntuple_diskusage(2**30, 2**30, 4096)


def test_full_log_disk_ends_the_run(undisturbed, small_data, copy):
    out, err = train(copy, small_data, "--steps", 70, "--resume", before=pretend_full_disk, code=1)
    assert out == "" and err.splitlines()[-1].endswith(": No space left on device")
    assert saved_steps(copy)[0] == 60


@pytest.mark.parametrize("name", ["run [1]", "back\\slash"])
def test_folder_that_tensorflow_takes_for_a_pattern_is_refused(small_data, tmp_path, name):
    out, err = train(tmp_path, small_data, "--checkpoint-dir", tmp_path / name, code=1)
    assert out == "" and "takes this path for a pattern" in err.splitlines()[-1]


def test_folder_with_stars_blanks_and_umlauts(small_data, tmp_path):
    folder = tmp_path / "ü * ? {a,b}"
    train(folder, small_data, "--steps", 10)
    out, _ = train(folder, small_data, "--steps", 15, "--resume")
    assert out.startswith("step 15")


def test_folder_that_matches_others_as_a_pattern_is_refused(small_data, tmp_path):
    (tmp_path / "run1").mkdir()
    _, err = train(tmp_path, small_data, "--checkpoint-dir", tmp_path / "run*", code=1)
    assert "takes this path for a pattern" in err.splitlines()[-1]


def test_checkpoint_dir_that_cannot_be_written(small_data, tmp_path):
    (tmp_path / "file").write_text("mine")
    words = ["--steps", 0, "--checkpoint-dir", tmp_path / "file" / "checkpoints"]
    out, err = train(tmp_path, small_data, *words, code=1)
    assert out == "" and "choose another --checkpoint-dir" in err.splitlines()[-1]


def test_folder_called_train_data_is_no_obstacle(small_data, tmp_path):
    (tmp_path / "train_data").mkdir()
    train(tmp_path, small_data, "--steps", 0)
    assert saved_steps(tmp_path) == [0]


@pytest.mark.parametrize("suffix", [".index", ".data-00000-of-00001"])
def test_checkpoint_without_permission_is_not_called_corrupt(copy, monkeypatch, suffix):
    original = pathlib.Path.open

    def deny(path, *mode):
        if path.name == f"train_data-60{suffix}":
            raise PermissionError(13, "Permission denied", str(path))
        return original(path, *mode)

    monkeypatch.setattr(pathlib.Path, "open", deny)
    with pytest.raises(PermissionError):
        checkpoints.read_settings(copy / "train_data-60")


def test_settings_in_a_checkpoint_are_plain_json(undisturbed):
    reader = tf.train.load_checkpoint(str(undisturbed[0] / "train_data-60"))
    settings = json.loads(reader.get_tensor(checkpoints.SETTINGS))
    assert settings["seed"] == 1 and settings["data"] == "not MNIST"


def test_200_steps_on_real_mnist_learn(mnist_dir, tmp_path):
    words = ["--data-dir", mnist_dir, "--log-dir", tmp_path / "logs", "--checkpoint-dir", tmp_path]
    out, _ = run("double_conv.py", *words, "--steps", 200)
    assert float(out.splitlines()[-1].removeprefix("test accuracy ")) > 0.9
    accuracies = [float(line.split()[-1]) for line in out.splitlines()[:-1]]
    assert len(accuracies) == 3 and accuracies[-1] > accuracies[0]
