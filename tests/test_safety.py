"""double_conv.py and what is in its folders already: nothing of the user's is lost."""

import functools
import json
import pathlib
import shutil
import signal

from support import checkpoints

import pytest
import tensorflow as tf
from double_runs import args_for, files_in, saved_steps, start_training, train
from processes import SMALL, limit_file_size, run
from tensorflow.python.ops import gen_io_ops


def test_earlier_checkpoints_are_not_overwritten_by_accident(undisturbed, small_data):
    before = files_in(undisturbed[0])
    out, err = train(undisturbed[0], small_data, "--steps", 60, code=1)
    assert out == ""
    assert "--resume" in err
    assert "--overwrite" in err
    assert "train_data-60" in err
    assert files_in(undisturbed[0]) == before


def test_overwrite_deletes_our_checkpoints_only(small_data, tmp_path):
    args = args_for(tmp_path, small_data, "--checkpoint-dir", ".", "--steps")
    run(*args, 10, folder=tmp_path, constants=SMALL)
    others = ["train_data-notes.txt", "model-5.index", "train_data-x.index", "train_data-x_temp"]
    others += ["train_data-0.bak.index", "train_data-2024_temp/thesis.tex"]
    (tmp_path / "train_data-2024_temp").mkdir()
    for name in others:
        (tmp_path / name).write_text("mine")
    for path in tmp_path.glob("train_data-10.*"):  # a backup of the user's
        shutil.copy(path, path.with_name(path.name.replace("-10.", "-100-best.")))
    run(*args, 0, "--overwrite", folder=tmp_path, constants=SMALL)
    assert saved_steps(tmp_path) == [0]
    assert all((tmp_path / name).read_text() == "mine" for name in others)
    assert len(list(tmp_path.glob("train_data-100-best.*"))) == 2


def test_backup_with_another_name_is_not_resumed(small_data, copy):
    for path in copy.glob("train_data-40.*"):
        shutil.copy(path, path.with_name(path.name.replace("-40.", "-100-best.")))
    _, err = train(copy, small_data, "--steps", 60, "--resume")
    assert f"resuming from {copy / 'train_data-60'}" in err


def test_overwrite_leaves_a_corrupt_checkpoint_alone(small_data, copy):
    index = copy / "train_data-60.index"
    index.write_bytes(b"somebody else's, perhaps")
    before = files_in(copy)
    _, err = train(copy, small_data, "--steps", 0, "--overwrite", code=1)
    assert f"{copy / 'train_data-60'} was not written by this script, or is corrupt" in err
    assert files_in(copy).items() >= before.items()


def test_overwrite_deletes_nothing_before_the_new_run_has_saved(undisturbed, small_data, copy):
    (copy / "file").write_text("")
    args = ["--steps", 0, "--overwrite"]
    train(copy, small_data, *args, "--log-dir", copy / "file", code=1)
    full_disk = functools.partial(limit_file_size, 2**19)
    _, err = train(copy, small_data, *args, before=full_disk, code=1)
    assert err.splitlines()[-1].endswith("Fix that, then start over with --overwrite")
    assert saved_steps(copy) == [60, 55, 50, 45, 40]
    out, _ = train(copy, small_data, "--steps", 60, "--resume")
    assert out == undisturbed[1].splitlines(keepends=True)[-1]


@pytest.mark.parametrize("args", [[], ["--overwrite"], ["--resume"]])
@pytest.mark.parametrize("name", ["train_data-20000", "model-5"])
def test_another_programs_checkpoint_is_never_touched(small_data, tmp_path, name, args):
    manager = tf.train.CheckpointManager(
        tf.train.Checkpoint(v=tf.Variable(1.0)),
        str(tmp_path),
        max_to_keep=5,
        checkpoint_name=name.split("-")[0],
    )
    manager.save(checkpoint_number=int(name.split("-")[1]))
    before = files_in(tmp_path)
    _, err = train(tmp_path, small_data, "--steps", 0, *args, code=1)
    assert f"{name} was not written by this script" in err
    assert files_in(tmp_path).items() >= before.items()


@pytest.mark.parametrize("args", [[], ["--overwrite"], ["--resume"]])
def test_checkpoint_of_2016_is_never_touched(small_data, tmp_path, args):
    """One file, its graph beside it, and the state file."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        variable = tf.compat.v1.get_variable("v", initializer=1.0)
        session.run(variable.initializer)
        saver = tf.compat.v1.train.Saver([variable], write_version=1)
        saver.save(session, str(tmp_path / "train_data"), global_step=100)
    before = files_in(tmp_path)
    _, err = train(tmp_path, small_data, "--steps", 0, *args, code=1)
    assert "train_data-100 was not written by this script" in err
    assert files_in(tmp_path).items() >= before.items()


@pytest.mark.parametrize("args", [["--resume"], ["--overwrite"]])
def test_users_own_file_checkpoint_is_not_replaced(small_data, copy, args):
    (copy / "checkpoint").write_text("my notes")
    _, err = train(copy, small_data, "--steps", 65, *args, code=1)
    assert f"{copy / 'checkpoint'} is in the way; move it" in err.splitlines()[-1]
    assert (copy / "checkpoint").read_text() == "my notes"
    assert saved_steps(copy) == [60, 55, 50, 45, 40]


@pytest.mark.parametrize("settings", ["[1]", "5", "no JSON", 1.5])
def test_checkpoint_with_other_settings_than_a_json_object_is_corrupt(tmp_path, settings):
    saver = checkpoints.Saver(tmp_path, tf.Module(), {})
    saver.checkpoint.settings = tf.Variable(settings)
    saver.checkpoint.write(str(tmp_path / "train_data-0"))
    with pytest.raises(checkpoints.CORRUPT):
        checkpoints.read_settings(checkpoints.open_checkpoint(tmp_path / "train_data-0"))


def test_second_run_in_the_same_folder_is_refused(small_data, tmp_path):
    running = start_training(tmp_path, small_data, "--steps", 10**6)
    running.lines(2)
    running.send(signal.SIGSTOP)  # still holds the lock, but leaves the cores to the others
    options = [], ["--resume"], ["--overwrite"]
    refused = [start_training(tmp_path, small_data, "--steps", 0, *args) for args in options]
    for other in refused:
        _, err = other.result(code=1)
        assert "another run is using" in err.splitlines()[-1]
    running.send(signal.SIGKILL)
    running.wait()
    train(tmp_path, small_data, "--steps", 0, "--overwrite")  # the lock died with its process


def test_full_disk_while_saving_keeps_the_earlier_checkpoints(undisturbed, small_data, copy):
    """A file size limit simulates a full disk: writing fails half-way."""
    before = functools.partial(limit_file_size, 2**19)
    _, err = train(copy, small_data, "--steps", 70, "--resume", before=before, code=1)
    assert f"in {copy}: File too large. Fix that, then continue with --resume" in err
    names = {path.name.split(".")[0] for path in copy.glob("train_data*")}
    assert names == {f"train_data-{step}" for step in (40, 45, 50, 55, 60)}
    out, _ = train(copy, small_data, "--steps", 65, "--resume")
    assert out.splitlines()[0].startswith("step 65")


def fail_to_write_the_index(folder):
    """Simulates a disk without room for the index: the data have got their name, it has not."""

    def fail(_, prefix, **options):
        pathlib.Path(f"{folder}/train_data-65.index").write_bytes(b"")
        pathlib.Path(f"{folder}/train_data-65.data-00000-of-00001").write_bytes(b"data")
        raise tf.errors.ResourceExhaustedError(None, None, f"{folder}; No space left on device")

    gen_io_ops.merge_v2_checkpoints = fail


def test_checkpoint_whose_index_cannot_be_written_is_deleted(small_data, copy):
    before = functools.partial(fail_to_write_the_index, copy)
    _, err = train(copy, small_data, "--steps", 70, "--resume", before=before, code=1)
    assert f"in {copy}: No space left on device. Fix that" in err.splitlines()[-1]
    assert not list(copy.glob("train_data-65*"))


def test_lock_that_fails_is_named(small_data, tmp_path):
    lock = tmp_path / ".train_data.lock"
    lock.mkdir()
    _, err = train(tmp_path, small_data, "--steps", 0, code=1)
    message = f"cannot lock {lock}: Is a directory; choose another --checkpoint-dir"
    assert err.splitlines()[-1] == f"double_conv.py: {message}"


def pretend_full_disk():
    shutil.disk_usage = lambda path: shutil._ntuple_diskusage(2**30, 2**30, 4096)


def test_full_log_disk_ends_the_run(undisturbed, small_data, copy):
    out, err = train(copy, small_data, "--steps", 70, "--resume", before=pretend_full_disk, code=1)
    assert out == ""
    assert ": No space left on device; free some" in err.splitlines()[-1]
    assert saved_steps(copy)[0] == 60


@pytest.mark.parametrize("option", ["--log-dir", "--checkpoint-dir"])
def test_folder_that_is_a_file_is_named_with_its_option(small_data, tmp_path, option):
    (tmp_path / "file").write_text("mine")
    _, err = train(tmp_path, small_data, "--steps", 0, option, tmp_path / "file", code=1)
    message = f"{tmp_path / 'file'}: File exists; choose another {option}"
    assert err.splitlines()[-1] == f"double_conv.py: {message}"


@pytest.mark.parametrize("name", ["run [1]", "back\\slash"])
def test_folder_that_tensorflow_takes_for_a_pattern_is_refused(small_data, tmp_path, name):
    out, err = train(tmp_path, small_data, "--checkpoint-dir", tmp_path / name, code=1)
    assert out == ""
    assert "takes this path for a pattern" in err.splitlines()[-1]


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
    args = ["--steps", 0, "--checkpoint-dir", tmp_path / "file" / "checkpoints"]
    out, err = train(tmp_path, small_data, *args, code=1)
    assert out == ""
    assert "choose another --checkpoint-dir" in err.splitlines()[-1]


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
        checkpoints.open_checkpoint(copy / "train_data-60")


def test_settings_in_a_checkpoint_are_plain_json(undisturbed):
    reader = tf.train.load_checkpoint(str(undisturbed[0] / "train_data-60"))
    settings = json.loads(reader.get_tensor(checkpoints.SETTINGS))
    assert settings["seed"] == 1
    assert settings["data"] == "not MNIST"
