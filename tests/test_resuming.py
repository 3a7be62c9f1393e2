"""double_conv.py stopped, killed and resumed: the same bits as an undisturbed run."""

import functools
import os
import random
import shutil
import signal
import time

from support import checkpoints

import pytest
import tensorflow as tf
from double_runs import assert_same_run, curves_of, files_in, saved_steps, start_training, train
from processes import block, interrupt_at, kill_myself, nothing, only_run, read_events


def test_stopped_run_resumes_as_if_it_had_not_stopped(undisturbed, small_data, tmp_path):
    """Two runs side by side, one for each core and each signal."""
    before = functools.partial(interrupt_at, block, "support.summaries", "histogram", count=5)
    folders = {number: tmp_path / number.name for number in (signal.SIGINT, signal.SIGTERM)}

    def start(folder, *args, **options):
        return start_training(folder, small_data, "--steps", 60, *args, **options)

    printed, advice = {}, "--resume continues from the newest checkpoint"
    stopped = {number: start(folder, before=before) for number, folder in folders.items()}
    for number, running in stopped.items():
        running.lines(4)
        running.send(number)
        code, printed[number], err = running.wait()
        assert code == 128 + number
        assert err.splitlines()[-1] == f"double_conv.py: stopped; {advice}"
    resumed = {number: start(folder, "--resume") for number, folder in folders.items()}
    for number, running in resumed.items():
        out, _ = running.result()
        assert set((printed[number] + out).splitlines()) == set(undisturbed[1].splitlines())
        assert_same_run(folders[number], undisturbed[0], 60)


def test_more_steps_may_be_added(undisturbed, small_data, tmp_path):
    train(tmp_path, small_data, "--steps", 40)
    out, _ = train(tmp_path, small_data, "--steps", 60, "--resume")
    assert out.splitlines()[0].startswith("step 45")
    values = read_events(only_run(tmp_path / "logs"))
    assert [step for tag, step, _ in values if tag == "test accuracy"] == [40, 60]
    assert_same_run(tmp_path, undisturbed[0], 60)


def test_finished_run_resumed_only_tests(undisturbed, small_data, copy):
    out, _ = train(copy, small_data, "--steps", 60, "--resume")
    assert out == undisturbed[1].splitlines(keepends=True)[-1]
    assert_same_run(copy, undisturbed[0], 60)


# Where a run kills itself, before and after the call: when the data are written, when they get
# their name, at the state file, and at the deletion of old ones, which leaves half of them.
OPS, MANAGEMENT = "tensorflow.python.ops.", "tensorflow.python.checkpoint.checkpoint_management"
POINTS = [
    (f"{OPS}io_ops", "save_v2", 2),
    (f"{OPS}gen_io_ops", "merge_v2_checkpoints", 2),
    (MANAGEMENT, "update_checkpoint_state_internal", 3),
    (MANAGEMENT, "_delete_file_if_exists", 1),
    ("support.checkpoints", "delete_checkpoint", 1),
]


def test_kills_change_nothing(small_data, tmp_path):
    """SIGKILL before and after every point of saving, and at random moments; then resumed.

    Two runs side by side, one for each core: one is killed before the points, the other after.
    """
    clock, folders = random.Random(1), [tmp_path / "before", tmp_path / "after"]

    def resume(folder, last=10**6, before=nothing):
        return start_training(folder, small_data, "--steps", last, "--resume", before=before)

    lines = []
    for point in POINTS:
        kills = [
            functools.partial(interrupt_at, kill_myself, *point, after=after)
            for after in (False, True)
        ]
        both = [resume(folder, before=kill) for folder, kill in zip(folders, kills)]
        for running in both:
            code, printed, err = running.wait()
            assert code == -signal.SIGKILL, f"not killed at {point}: {err}"
            lines += printed.splitlines()
    for _ in range(2):
        both = [resume(folder) for folder in folders]
        assert all(running.lines(1) for running in both)
        time.sleep(clock.uniform(0, 0.1))
        for running in both:
            running.send(signal.SIGKILL)
            assert running.wait()[0] == -signal.SIGKILL
    steps = max(saved_steps(folder)[0] for folder in folders) + 10  # however fast the machine is
    whole = tmp_path / "whole"
    undisturbed = start_training(whole, small_data, "--steps", steps)
    for running in [resume(folder, last=steps) for folder in folders]:
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


def test_checkpoint_of_a_different_network_is_skipped(undisturbed, small_data, copy):
    """Whatever is missing in it, or left over, is not made up for by the new network's values."""
    network = tf.Module()
    network.W_conv1 = tf.Variable(tf.zeros([5, 5, 1, 32]))
    settings = checkpoints.read_settings(checkpoints.open_checkpoint(copy / "train_data-60"))
    saver = checkpoints.Saver(copy, network, settings)
    saver.checkpoint.write(str(copy / "train_data-60"))
    out, err = train(copy, small_data, "--steps", 60, "--resume")
    assert "train_data-60 is corrupt, truncated or from a different network; skipping it" in err
    assert_same_run(copy, undisturbed[0], 60)


def test_unfinished_save_of_a_killed_run_is_deleted(small_data, copy):
    (copy / "train_data-99_temp").mkdir()
    (copy / "train_data-99_temp" / "part-00000-of-00001.index").write_text("half")
    train(copy, small_data, "--steps", 60, "--resume")
    assert not (copy / "train_data-99_temp").exists()


def test_newest_checkpoint_has_the_largest_number(copy):
    for step, name in (60, 95), (55, 100), (50, 105):
        for path in copy.glob(f"train_data-{step}.*"):
            path.rename(path.with_name(path.name.replace(f"-{step}.", f"-{name}.")))
    assert saved_steps(copy) == [105, 100, 95, 45, 40]


def state_file_of(folder):
    """Returns a state file in TensorFlow's format that lists the folder's checkpoints."""
    paths = [folder / f"train_data-{step}" for step in (40, 45, 50, 55, 60)]
    lines = [f'model_checkpoint_path: "{paths[0]}"']
    lines += [f'all_model_checkpoint_paths: "{path}"' for path in paths]
    lines += ["all_model_checkpoint_timestamps: 1.0"] * len(paths)
    return "\n".join(lines).encode()


def test_state_file_is_not_read(undisturbed, small_data, tmp_path):
    """TensorFlow's file `checkpoint` may be anything; the checkpoints themselves are the truth."""
    before = files_in(undisturbed[0])
    states = {
        "empty": b"",
        "truncated": b'model_checkpoint_path: "\xff',
        "of another folder": state_file_of(undisturbed[0]),
    }
    resumed = {}
    for name, state in states.items():
        folder = shutil.copytree(undisturbed[0], tmp_path / name)
        (folder / "checkpoint").write_bytes(state)
        resumed[folder] = start_training(folder, small_data, "--steps", 65, "--resume")
    for folder, running in resumed.items():
        _, err = running.result()
        assert f"resuming from {folder / 'train_data-60'}" in err
        assert saved_steps(folder) == [65, 60, 55, 50, 45]
        assert tf.train.latest_checkpoint(str(folder)) == str(folder / "train_data-65")
    assert files_in(undisturbed[0]) == before


def pretend_another_cpu():
    checkpoints.this_cpu = lambda: "another one, cores: 64"


def test_another_cpu_than_the_checkpoints_is_noticed(undisturbed, small_data, copy, tmp_path):
    args = small_data, "--steps", 60, "--resume"
    same = start_training(shutil.copytree(copy, tmp_path / "same"), *args)
    another = start_training(copy, *args, before=pretend_another_cpu)
    _, err = another.result()
    assert f"on another CPU ({checkpoints.this_cpu()}; this is another one, cores: 64)" in err
    assert "another CPU" not in same.result()[1]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs taskset's system call")
def test_cores_are_those_that_the_process_may_use():
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, [min(allowed)])
    try:
        assert checkpoints.this_cpu().endswith("cores: 1")
    finally:
        os.sched_setaffinity(0, allowed)
    assert checkpoints.this_cpu().endswith(f"cores: {len(allowed)}")


def test_resume_stops_where_every_checkpoint_is_corrupt(undisturbed, small_data, tmp_path):
    for path in undisturbed[0].glob("train_data-60.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes()[:1000])
    before = {path: path.read_bytes() for path in tmp_path.glob("train_data*")}
    _, err = train(tmp_path, small_data, "--steps", 60, "--resume", code=1)
    assert "no usable checkpoint" in err.splitlines()[-1]
    assert {path: path.read_bytes() for path in tmp_path.glob("train_data*")} == before


def test_nothing_to_resume(small_data, tmp_path):
    out, err = train(tmp_path, small_data, "--steps", 0, "--resume")
    assert "no checkpoint to resume" in err
    assert out.startswith("step 0")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--seed", "2"], "trained with seed=1, not 2"),
        (["--bfloat16"], "trained with bfloat16=False, not True"),
        (["--dataset", "rendered"], "trained with data=not MNIST, not rendered digits"),
        (["--steps", "30"], "past --steps 30"),
    ],
)
def test_resume_refuses_other_settings(undisturbed, small_data, args, message):
    before = files_in(undisturbed[0])
    out, err = train(undisturbed[0], small_data, "--steps", 60, "--resume", *args, code=1)
    assert out == ""
    assert message in err.splitlines()[-1]
    assert files_in(undisturbed[0]) == before


def test_curves_whose_folder_is_gone_start_again(undisturbed, small_data, copy):
    shutil.rmtree(copy / "logs")
    _, err = train(copy, small_data, "--steps", 65, "--resume")
    assert "does not exist; the curves start again from here" in err
    values = read_events(only_run(copy / "logs"))
    assert [step for tag, step, _ in values if tag == "accuracy"] == [65]


def test_broken_event_file_stays_as_it_is_and_the_curves_go_on(undisturbed, small_data, copy):
    (events,) = only_run(copy / "logs").glob("events*")
    data = bytearray(events.read_bytes())
    data[len(data) // 2] ^= 1
    events.write_bytes(data)
    train(copy, small_data, "--steps", 65, "--resume")
    assert events.read_bytes() == data
    assert ("accuracy", 65) in curves_of(copy)


def test_run_and_its_copy_do_not_touch_each_others_curves(undisturbed, small_data, copy, tmp_path):
    """Both continue in the same run folder, each in a new event file."""
    other = shutil.copytree(copy, tmp_path / "other")
    (before,) = only_run(copy / "logs").glob("events*")
    data = before.read_bytes()
    args = ["--steps", 65, "--resume", "--log-dir", copy / "logs"]
    for running in [start_training(folder, small_data, *args) for folder in (copy, other)]:
        running.result()
    assert before.read_bytes() == data
    assert len(list(only_run(copy / "logs").glob("events*"))) == 3
    assert ("accuracy", 65) in curves_of(copy)
