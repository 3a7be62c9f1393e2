"""double_conv.py stopped, killed and resumed: the same bits as an undisturbed run."""

import functools
import random
import shutil
import signal
import time

import pytest
from double_runs import assert_same_run, curves_of, files_in, saved_steps, start_training, train
from processes import kill_at, nothing, only_run, read_events


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
    assert [step for tag, step, _ in values if tag == "test accuracy"] == [40, 60]
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
    "args, message",
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
    assert out == "" and message in err.splitlines()[-1]
    assert files_in(undisturbed[0]) == before


def test_curves_whose_folder_is_gone_start_again(undisturbed, small_data, copy):
    shutil.rmtree(copy / "logs")
    _, err = train(copy, small_data, "--steps", 65, "--resume")
    assert "no longer exists; the curves start again from here" in err
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
    for folder in (copy, other):
        args = ["--steps", 65, "--resume", "--log-dir", copy / "logs"]
        train(folder, small_data, *args)
    assert before.read_bytes() == data
    assert len(list(only_run(copy / "logs").glob("events*"))) == 3
    assert ("accuracy", 65) in curves_of(copy)
