"""support/checkpoints.py: what is saved, resumed, restored and refused; stops, kills, full disks.

KILLS=30 pytest tests/test_checkpoints.py -k killed kills more often than the usual 4 times.
"""

import functools
import json
import os
import pathlib
import random
import re
import shutil
import signal
import time
import zipfile

import h5py
import numpy as np
import pytest
import tensorflow as tf
from processes import SMALL, limit_file_size, run
from runs import (
    WEIGHTS,
    assert_same_run,
    files_in,
    saved_steps,
    settings_of,
    start_training,
    train,
    variables_in,
)

import double_conv
from double_conv import DoubleConv
from support import checkpoints, terminal
from support.terminal import Failure

KILLS = int(os.environ.get("KILLS", "4"))


@pytest.fixture(scope="module")
def undisturbed(small_data, tmp_path_factory):
    """An uninterrupted run of double_conv.py, 61 steps: (its folder, stdout, stderr)."""
    folder = tmp_path_factory.mktemp("undisturbed")
    return folder, *train(folder, small_data, "--steps", 60)


@pytest.fixture(scope="module")
def resumed(undisturbed, small_data, tmp_path_factory):
    """Runs that resume copies of it, side by side: {name: (its folder, the Running)}.

    Those named for an option have a full disk: a file size limit, which fails a write half-way.
    """
    full = functools.partial(limit_file_size, 2**19)
    runs = {
        "finished": (60, "--resume", None),
        "corrupt": (60, "--resume", None),
        "--resume": (70, "--resume", full),
        "--overwrite": (70, "--overwrite", full),
    }
    folder, started = tmp_path_factory.mktemp("resumed"), {}
    for name, (last, option, before) in runs.items():
        copy = shutil.copytree(undisturbed[0], folder / name)
        if name == "corrupt":
            damage(copy)
        if name == "--overwrite":  # the new run's first checkpoint has the name of an earlier one
            rename_checkpoint(copy, 40, "train_data-0")
        args = copy, small_data, "--steps", last, option
        started[name] = copy, start_training(*args, before=before)
    return started


@pytest.fixture
def copy(undisturbed, tmp_path):
    """A copy of the uninterrupted run's folder."""
    return shutil.copytree(undisturbed[0], tmp_path / "copy")


@pytest.fixture
def small(monkeypatch):
    """Makes networks as small as those that the runs here train."""
    monkeypatch.setattr(double_conv, "num_fc", SMALL["num_fc"])


@pytest.fixture(scope="module")
def network():
    """The network that the runs here train, with its optimizer's slots."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(double_conv, "num_fc", SMALL["num_fc"])
        network = DoubleConv()
    network.train_step.get_concrete_function()
    return network


EACH_WAY = "", "--resume", "--overwrite"
SETTINGS = {"script": "double_conv.py", "data": "not MNIST", "seed": 1, "bfloat16": False}


def begin(folder, network, option="", last=60, **changes):
    """Begins a run as double_conv.py does; returns (first step, name of its curves' folder)."""
    saver = checkpoints.Saver(folder, network, SETTINGS | changes)
    try:
        return saver.begin(last, option == "--resume", option == "--overwrite")
    finally:
        saver.lock.release()


def refusal(folder, *args, **options):
    """Returns the line with which a run is refused before it has changed anything; see begin."""
    before = files_in(folder)
    with pytest.raises(Failure) as failure:
        begin(folder, *args, **options)
    assert files_in(folder) == before
    (line,) = str(failure.value).splitlines()
    return line


def checkpoint_with(network, settings, step=0):
    """Returns a tf.train.Checkpoint like those that double_conv.py writes."""
    step, settings = tf.Variable(step, dtype=tf.int64), tf.Variable(json.dumps(settings))
    return tf.train.Checkpoint(network=network, step=step, settings=settings)


def rename_checkpoint(folder, step, name):
    """Renames train_data-<step>."""
    for path in folder.glob(f"train_data-{step}.*"):
        path.rename(path.with_name(path.name.replace(f"train_data-{step}", name)))


# ---------------------------------------------------------------------- what is in the folder


def test_checkpoints_are_listed_by_their_names_newest_first(tmp_path):
    for step in (95, 100, 0):
        (tmp_path / f"train_data-{step}.index").touch()
    others = ["train_data-100-best.index", "train_data-007.index", "model-5.index"]
    others += ["train_data-5.data-00000-of-00001", "train_data-x.index", "train_data-2.index.bak"]
    for name in others:
        (tmp_path / name).touch()
    listed = checkpoints.list_checkpoints(tmp_path)
    assert listed == [tmp_path / f"train_data-{step}" for step in (100, 95, 0)]


def test_newest_five_are_kept_and_nothing_else(undisturbed):
    names = {path.name for path in undisturbed[0].iterdir()}
    kept = [f"train_data-{step}" for step in (40, 45, 50, 55, 60)]
    files = [f"{name}.{suffix}" for name in kept for suffix in ("index", "data-00000-of-00001")]
    assert names == {*files, "checkpoint", ".train_data.lock", "logs"}


def test_tensorflow_finds_the_newest_and_all_five(undisturbed):
    folder = undisturbed[0]
    state = tf.train.get_checkpoint_state(str(folder))
    assert state.model_checkpoint_path == str(folder / "train_data-60")
    paths = [str(folder / f"train_data-{step}") for step in (40, 45, 50, 55, 60)]
    assert list(state.all_model_checkpoint_paths) == paths


# ------------------------------------------------------------------------------------- resume


def test_finished_run_that_is_resumed_only_tests(undisturbed, resumed):
    """Promise 2."""
    folder, running = resumed["finished"]
    out, err = running.result()
    assert out == undisturbed[1].splitlines(keepends=True)[-1]
    assert f"resuming from {folder / 'train_data-60'}" in err.splitlines()
    assert files_in(folder) == files_in(undisturbed[0])


def test_without_a_checkpoint_a_resumed_run_starts_at_step_0(network, tmp_path, capsys):
    assert begin(tmp_path, network, "--resume") == (0, None)
    message = f"no checkpoint to resume in {tmp_path}; starting from step 0\n"
    assert capsys.readouterr().err == message


def test_resume_refuses_other_arguments_and_other_data(network, small_data, copy):
    """Promise 4."""
    path, before = copy / "train_data-60", files_in(copy)
    advice = "use the same options, or start over in another folder"
    _, err = train(copy, small_data, "--steps", 60, "--resume", "--seed", 2, code=1)
    message = f"{path} was trained with seed=1, not 2; {advice}"
    assert err.splitlines()[-1] == f"double_conv.py: {message}"
    assert files_in(copy) == before
    line = refusal(copy, network, "--resume", bfloat16=True)
    assert line == f"{path} was trained with bfloat16=False, not True; {advice}"
    line = refusal(copy, network, "--resume", data="MNIST")
    assert line == f"{path} was trained with data='not MNIST', not 'MNIST'; {advice}"
    line = refusal(copy, network, "--resume", last=30)
    assert line == "the checkpoint is past --steps 30; use --steps 60"


def damage(folder):
    """Makes all checkpoints but the oldest corrupt, each in another way."""
    data, index = (
        {step: folder / f"train_data-{step}.{suffix}" for step in (60, 55, 50, 45)}
        for suffix in ("data-00000-of-00001", "index")
    )
    data[60].write_bytes(data[60].read_bytes()[:1000])
    index[55].write_bytes(b"")
    data[50].unlink()
    flipped = bytearray(data[45].read_bytes())
    flipped[len(flipped) // 2] ^= 1
    data[45].write_bytes(flipped)


def test_every_kind_of_corrupt_checkpoint_is_skipped_with_its_reason(resumed):
    """Promise 2."""
    copy, running = resumed["corrupt"]
    _, err = running.result()
    skipped = [line for line in err.splitlines() if line.startswith("skipping")]
    reasons = ["Read less bytes than requested", "too short", "No such file", "hecksum"]
    for line, step, reason in zip(skipped, (60, 55, 50, 45), reasons, strict=True):
        assert line.startswith(f"skipping {copy / f'train_data-{step}'}: ")
        assert reason in line
    assert f"resuming from {copy / 'train_data-40'}" in err.splitlines()


def test_resumed_run_takes_the_next_batches_and_ends_with_the_same_bits(undisturbed, resumed):
    """Promise 2."""
    copy, running = resumed["corrupt"]  # but for step 40
    out, _ = running.result()
    assert out.splitlines() == undisturbed[1].splitlines()[-5:]  # steps 45 to 60, and the test
    assert_same_run(copy, undisturbed[0], 60)


def test_resume_stops_where_every_checkpoint_is_corrupt(copy, network):
    """Promises 3 and 4."""
    for path in copy.glob("train_data-*.data*"):
        path.write_bytes(path.read_bytes()[:1000])
    line = refusal(copy, network, "--resume")
    advice = "choose another folder, or move them away"
    assert line == f"no usable checkpoint in {copy}; {advice}"


def assert_restored(network, path):
    """Asserts that the network's weights and biases are those of a run's checkpoint."""
    saved = variables_in(path)
    for name in WEIGHTS:
        value = saved[f"network/{name}/.ATTRIBUTES/VARIABLE_VALUE"]
        np.testing.assert_array_equal(getattr(network, name), value, err_msg=name)


def test_checkpoint_with_fewer_or_more_variables_is_skipped(copy, network, monkeypatch, capsys):
    """Promise 2: what is missing is not made up for by the new network's values."""
    settings, fewer = settings_of(copy / "train_data-60"), tf.Module()
    fewer.W_conv1 = network.W_conv1
    checkpoint_with(fewer, settings).write(str(copy / "train_data-60"))
    with monkeypatch.context() as patch:
        patch.setattr(network, "another", tf.Variable(1.0), raising=False)
        checkpoint_with(network, settings).write(str(copy / "train_data-55"))
    assert begin(copy, network, "--resume") == (51, settings["run"])
    paths = [copy / "train_data-60", copy / "train_data-55"]
    skipped = [f"skipping {path}: from a different network" for path in paths]
    lines = [*skipped, f"resuming from {copy / 'train_data-50'}"]
    assert capsys.readouterr().err.splitlines() == lines
    assert_restored(network, copy / "train_data-50")


def test_another_number_of_features_is_one_line_per_checkpoint(undisturbed, monkeypatch, capsys):
    monkeypatch.setattr(double_conv, "num_fc", SMALL["num_fc"] + 1)
    line = refusal(undisturbed[0], DoubleConv(), "--resume")
    assert line.startswith("no usable checkpoint")
    skipped = capsys.readouterr().err.splitlines()
    for line, step in zip(skipped, (60, 55, 50, 45, 40), strict=True):
        assert line.startswith(f"skipping {undisturbed[0] / f'train_data-{step}'}: ")


def state_file_of(folder):
    """Returns a state file in TensorFlow's format that lists the folder's checkpoints."""
    paths = [folder / f"train_data-{step}" for step in (40, 45, 50, 55, 60)]
    lines = [f'model_checkpoint_path: "{paths[0]}"']
    lines += [f'all_model_checkpoint_paths: "{path}"' for path in paths]
    return "\n".join(lines).encode()


def test_state_file_is_not_read(undisturbed, network, tmp_path):
    """Promise 2: TensorFlow's file `checkpoint` may list anything; the folder is the truth."""
    before = files_in(undisturbed[0])
    states = {
        "missing": None,
        "truncated": b'model_checkpoint_path: "\xff',
        "of another folder": state_file_of(undisturbed[0]),
    }
    for name, state in states.items():
        folder = shutil.copytree(undisturbed[0], tmp_path / name)
        (folder / "checkpoint").unlink()
        if state:
            (folder / "checkpoint").write_bytes(state)
        saver = checkpoints.Saver(folder, network, SETTINGS)
        first, run = saver.begin(65, resume=True, overwrite=False)
        assert first == 61
        saver.save(65, run)
        assert saved_steps(folder) == [65, 60, 55, 50, 45]
        assert tf.train.latest_checkpoint(str(folder)) == str(folder / "train_data-65")
    assert files_in(undisturbed[0]) == before


# ----------------------------------------------------------------------------- stops and kills


def test_runs_stopped_and_killed_at_random_moments_end_as_an_undisturbed_one(small_data, tmp_path):
    """Promises 2 and 5. Two runs at once: Ctrl-C and SIGTERM first, then SIGKILL repeatedly."""
    clock, folders = random.Random(1), [tmp_path / "one", tmp_path / "two"]
    rounds = [(signal.SIGINT, signal.SIGTERM)] + [(signal.SIGKILL,) * 2] * (KILLS // 2)
    lines, advice = [], "--resume continues from the newest checkpoint, if any"

    def resume(folder, last):
        return start_training(folder, small_data, "--steps", last, "--resume")

    for signals in rounds:
        both = [resume(folder, 10**6) for folder in folders]
        for folder, running, number in zip(folders, both, signals):
            running.wait_for_lines(clock.randrange(1, 4))
            time.sleep(clock.choice([0, clock.uniform(0, 0.2)]))
            running.send(number)
            code, out, err = running.wait()
            assert code == (130 if number == signal.SIGINT else -number)
            if number == signal.SIGINT:
                assert err.splitlines()[-1] == f"double_conv.py: stopped; {advice}"
            lines += out.splitlines()
            printed = int(re.match(r"step (\d+)", lines[-1])[1])
            assert saved_steps(folder)[0] >= printed
    last = max(saved_steps(folder)[0] for folder in folders) + 10  # however fast the machine is
    whole = start_training(tmp_path / "whole", small_data, "--steps", last)
    for running in [resume(folder, last) for folder in folders]:
        lines += running.result()[0].splitlines()
    expected = whole.result()[0].splitlines()
    assert set(lines) <= set(expected)
    # A kill between a save and its line leaves that line away; nothing else is missing, nor twice.
    assert 2 * len(expected) - 2 * len(rounds) <= len(lines) <= 2 * len(expected)
    for folder in folders:
        assert_same_run(folder, tmp_path / "whole", last)
        assert not list(folder.glob("*_temp"))


def test_second_run_in_the_same_folder_is_refused(network, small_data, tmp_path):
    """Promise 3."""
    running = start_training(tmp_path, small_data, "--steps", 10**6)
    running.wait_for_lines(1)
    running.send(signal.SIGSTOP)  # still holds the lock
    for option in EACH_WAY:
        line = refusal(tmp_path, network, option)
        assert line == f"another run is using {tmp_path}; choose another folder"
    running.send(signal.SIGKILL)
    running.wait()
    assert begin(tmp_path, network, "--overwrite") == (0, None)  # the lock died with its process


def test_what_a_killed_save_leaves_is_deleted_but_nothing_of_the_users(network, copy):
    """Promise 3."""
    mine = ["train_data-2024_temp/thesis.tex", "train_data-old_temp/part-1.txt", "x_temp/part-2"]
    parts = [f"train_data-99_temp/part-00000-of-00001.{s}" for s in ("index", "data.tempstate5")]
    for name in mine + parts:
        (copy / name).parent.mkdir(exist_ok=True)
        (copy / name).write_text("half, or mine")
    begin(copy, network, "--resume")
    assert not (copy / "train_data-99_temp").exists()
    assert all((copy / name).exists() for name in mine)


@pytest.mark.parametrize(
    ("option", "advice"),
    [
        ("--resume", "; --resume continues from the newest checkpoint, if any"),
        ("--overwrite", ". Fix that, then start over with --overwrite"),
    ],
)
def test_full_disk_while_saving_keeps_the_earlier_checkpoints(
    undisturbed, network, resumed, option, advice
):
    """Promises 3 and 4."""
    folder, running = resumed[option]
    out, err = running.result(code=1)
    assert out == ""
    message = f"cannot save a checkpoint in {folder}: File too large{advice}"
    assert err.splitlines()[-1] == f"double_conv.py: {message}"
    assert sorted(files_in(folder).values()) == sorted(files_in(undisturbed[0]).values())
    assert len(os.listdir(folder)) == len(os.listdir(undisturbed[0]))
    assert begin(folder, network, "--resume")[0] == 61


# --------------------------------------------------------------- nothing of the user's is lost


def test_earlier_checkpoints_are_not_overwritten_by_accident(undisturbed, small_data):
    """Promise 3."""
    folder, before = undisturbed[0], files_in(undisturbed[0])
    out, err = train(folder, small_data, "--steps", 60, code=1)
    assert out == ""
    names = ", ".join(f"train_data-{step}" for step in (60, 55, 50, 45, 40))
    advice = (
        "continue with --resume, start over with --overwrite, or choose another --checkpoint-dir"
    )
    assert err.splitlines()[-1] == f"double_conv.py: {folder} already contains {names}; {advice}"
    assert files_in(folder) == before


def test_overwrite_deletes_our_checkpoints_only(small_data, copy):
    """Promise 3."""
    others = ["train_data-notes.txt", "train_data", "model.txt", "train_data-0.bak.data"]
    for name in others:
        (copy / name).write_text("mine")
    for path in copy.glob("train_data-40.*"):  # a backup
        path.rename(path.with_name(path.name.replace("40", "100-best")))
        others.append(path.name.replace("40", "100-best"))
    before = {name: (copy / name).read_bytes() for name in others}
    assert len(before) == 6
    where = ["--data-dir", small_data, "--log-dir", "logs", "--checkpoint-dir", "."]
    run("double_conv.py", *where, "--steps", 0, "--overwrite", folder=copy)
    assert saved_steps(copy) == [0]
    assert len(list(copy.glob("train_data-?.data-00000-of-00001"))) == 1
    assert {name: (copy / name).read_bytes() for name in others} == before


def test_overwrite_leaves_a_corrupt_checkpoint_alone(network, copy):
    """Promise 3."""
    (copy / "train_data-60.index").write_bytes(b"somebody else's, perhaps")
    line = refusal(copy, network, "--overwrite")
    assert line.startswith(
        f"{copy / 'train_data-60'} was not written by this script, or is corrupt"
    )


def test_overwrite_goes_on_where_an_earlier_checkpoint_cannot_be_deleted(network, copy, capsys):
    """Promise 3. It is not one of the newest five either; step 0's is replaced by its namesake."""
    rename_checkpoint(copy, 40, "train_data-0")
    (copy / "train_data-55.data-00000-of-00001").unlink()
    (copy / "train_data-55.data-00000-of-00001").mkdir()
    saver = checkpoints.Saver(copy, network, SETTINGS)
    saver.begin(60, resume=False, overwrite=True)
    assert saved_steps(copy) == [60, 55, 50, 45, 0]
    for step in (0, 5, 10, 15, 20, 25):
        saver.save(step, run=None)
        state = tf.train.get_checkpoint_state(str(copy))
        steps = [step for step in saved_steps(copy)[::-1] if step != 55]
        assert list(state.all_model_checkpoint_paths) == [f"{copy}/train_data-{s}" for s in steps]
    assert saved_steps(copy) == [55, 25, 20, 15, 10, 5]
    (warning,) = capsys.readouterr().err.splitlines()
    assert warning.startswith(f"warning: cannot delete {copy / 'train_data-55'}: Is a directory")


@pytest.mark.parametrize("name", ["train_data-20000", "model-5"])
def test_another_programs_checkpoint_is_never_touched(network, tmp_path, name):
    """Promise 3."""
    tf.train.Checkpoint(v=tf.Variable(1.0)).write(str(tmp_path / name))
    (tmp_path / "train_data-9.data-00000-of-00001").touch()  # of a save of theirs that was killed
    (tmp_path / "train_data-9_temp").mkdir()
    part = tmp_path / "train_data-9_temp" / "part-00000-of-00001.index"
    part.touch()
    assert len(files_in(tmp_path)) == 3
    message = f"{tmp_path / name} was not written by this script, or is corrupt"
    advice = "move or delete it, or choose another folder"
    for option in EACH_WAY:
        assert refusal(tmp_path, network, option) == f"{message}; {advice}"
        assert part.exists()


def test_checkpoint_of_2016_is_never_touched(network, tmp_path):
    """Promise 3. TensorFlow 0.x's one file, its graph beside it, and the state file."""
    write_as_2016(network, tmp_path / "train_data", version=1, global_step=100)
    assert set(files_in(tmp_path)) == {"train_data-100", "train_data-100.meta", "checkpoint"}
    for option in EACH_WAY:
        line = refusal(tmp_path, network, option)
        assert line.startswith(f"{tmp_path / 'train_data-100'} was not written by this script")


def test_users_own_file_checkpoint_is_not_replaced(network, tmp_path):
    """Promise 3."""
    (tmp_path / "checkpoint").write_text("my notes")
    message = f"{tmp_path / 'checkpoint'} is in the way; move it, or choose another"
    for option in EACH_WAY:
        assert refusal(tmp_path, network, option) == f"{message} folder"


def test_users_data_without_an_index_are_never_overwritten(network, tmp_path):
    """Promise 3. A checkpoint of the user's, copied by halves."""
    (tmp_path / "train_data-5.data-00000-of-00001").write_text("mine")
    for option in EACH_WAY:
        line = refusal(tmp_path, network, option)
        assert line.startswith(f"{tmp_path / 'train_data-5'} was not written by this script")


def test_lock_that_fails_is_named(network, tmp_path):
    """Promise 4."""
    lock = tmp_path / ".train_data.lock"
    lock.mkdir()
    message = f"cannot lock {lock}: Is a directory; choose another folder"
    assert refusal(tmp_path, network) == message


# ------------------------------------------------------------------------------------ restore


THE_POSTS = "convolution1", "convolution2", "fully-connected", "readout"


def write_as_2016(network, path, version=1, scopes=THE_POSTS, **options):
    """Saves the network's weights and biases, and Adam's slots, as the post's program does."""
    values = [getattr(network, name).numpy() for name in WEIGHTS]
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        variables = []
        for scope, weights, biases in zip(scopes, values[::2], values[1::2]):
            with tf.name_scope(scope):
                variables.append(tf.compat.v1.Variable(weights, use_resource=False))
                variables.append(tf.compat.v1.Variable(biases, use_resource=False))
        with tf.name_scope("optimizer"):
            loss = tf.add_n([tf.reduce_sum(variable) for variable in variables])
            tf.compat.v1.train.AdamOptimizer().minimize(loss)
        session.run(tf.compat.v1.global_variables_initializer())
        saver = tf.compat.v1.train.Saver(write_version=version)
        saver.save(session, str(path), **options)


def write_as_keras(network, path):
    """Saves the network's weights and biases as those of a compiled Keras model."""
    layers = tf.keras.layers
    model = tf.keras.Sequential(
        [
            layers.Input([28, 28, 1]),
            layers.Conv2D(32, 5, padding="same"),
            layers.MaxPool2D(),
            layers.Conv2D(64, 5, padding="same"),
            layers.MaxPool2D(),
            layers.Flatten(),
            layers.Dense(double_conv.num_fc),
            layers.Dense(10),
        ]
    )
    model.set_weights([getattr(network, name) for name in WEIGHTS])
    model.compile("adam")
    model.optimizer.build(model.trainable_variables)
    tf.train.Checkpoint(model=model).write(str(path))


def assert_same_weights(network, other):
    for name in WEIGHTS:
        one, two = getattr(network, name), getattr(other, name)
        np.testing.assert_array_equal(one, two, err_msg=name)


@pytest.fixture
def trained(small):
    """A small network whose weights and biases are not those of DoubleConv()."""
    network, normal = DoubleConv(seed=2), np.random.default_rng(0).normal
    for bias in (network.b_conv1, network.b_conv2, network.b_fc1, network.b_fc2):
        bias.assign(normal(size=bias.shape))
    return network


def write_as_tensorflow_2(network, path):
    """Saves the network, and Adam's slots, under another name than double_conv.py does."""
    network.train_step.get_concrete_function()
    tf.train.Checkpoint(model=network).write(str(path))


OTHER_PROGRAMS = {
    "the post's, TensorFlow 0.x": functools.partial(write_as_2016, version=1),
    "the post's, TensorFlow 1.x": functools.partial(write_as_2016, version=2),
    "the official tutorial's": functools.partial(write_as_2016, version=2, scopes=[""] * 4),
    "TensorFlow 2": write_as_tensorflow_2,
    "Keras": write_as_keras,
}


@pytest.mark.parametrize("write", OTHER_PROGRAMS.values(), ids=OTHER_PROGRAMS)
def test_checkpoint_of_another_program_is_restored(trained, tmp_path, write):
    write(trained, tmp_path / "saved")
    network = DoubleConv()
    assert checkpoints.restore(network, tmp_path / "saved") is None
    assert_same_weights(network, trained)


def test_checkpoint_of_a_run_is_restored(undisturbed, network):
    path = undisturbed[0] / "train_data-55"
    assert checkpoints.restore(network, path) == "not MNIST"
    assert_restored(network, path)


def test_folder_beside_the_checkpoint_may_have_its_name(copy, network):
    (copy / "train_data-60").mkdir()
    assert checkpoints.restore(network, copy / "train_data-60") == "not MNIST"


def failure_of_restore(network, path):
    """Returns the message with which the checkpoint is refused, which is one line."""
    with pytest.raises(Failure) as failure:
        checkpoints.restore(network, path)
    (line,) = str(failure.value).splitlines()
    return line


def test_missing_checkpoint_lists_what_is_there(undisturbed, tmp_path):
    found = ", ".join(str(undisturbed[0] / f"train_data-{step}") for step in (60, 55, 50, 45, 40))
    path, network = undisturbed[0] / "train_data-7", tf.Module()
    message = f"{path}: no such checkpoint; found {found}; double_conv.py trains one"
    assert failure_of_restore(network, path) == message
    for path in (tmp_path / "train_data-7", tmp_path / "missing" / "train_data-7"):
        message = f"{path}: no such checkpoint; double_conv.py trains one"
        assert failure_of_restore(network, path) == message


def test_our_own_checkpoint_is_restored_by_name_whatever_its_shapes(monkeypatch, tmp_path):
    monkeypatch.setattr(double_conv, "num_fc", 64)  # as many as the second layer's filters
    saved = DoubleConv(seed=2)
    saved.b_fc1.assign(tf.range(64.0))
    tf.train.Checkpoint(network=saved).write(str(tmp_path / "train_data-7"))
    network = DoubleConv()
    checkpoints.restore(network, tmp_path / "train_data-7")
    assert_same_weights(network, saved)


def test_checkpoint_of_a_different_network_is_not_restored(undisturbed, trained, tmp_path):
    path = undisturbed[0] / "train_data-60"
    message = "is from a different network: it has no variables of W_fc1's shape (3136, 1024)"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(double_conv, "num_fc", 1024)
        assert failure_of_restore(DoubleConv(), path) == f"{path} {message}"
    path = tmp_path / "two"
    tf.train.Checkpoint(one=trained, other=DoubleConv()).write(str(path))
    message = "is from a different network: it has 2 variables of W_conv1's shape (5, 5, 1, 32)"
    assert failure_of_restore(trained, path) == f"{path} {message}"


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_not_restored(trained, tmp_path, value):
    trained.b_conv2.assign(tf.fill([64], value))
    path = tmp_path / "train_data-7"
    tf.train.Checkpoint(network=trained).write(str(path))
    message = f"{path}: b_conv2 is not finite: the training diverged"
    assert failure_of_restore(DoubleConv(), path) == message


# ------------------------------------------------------------------- what users' folders hold


@pytest.mark.parametrize(
    ("script", "name"), [("double_conv.py", "run [1]"), ("visualize_filters.py", "run\\1")]
)
def test_path_that_tensorflow_takes_for_a_pattern_is_refused_first(script, name, tmp_path):
    """Promise 4. Ten minutes of training could be saved there, but not restored."""
    folder = tmp_path / name
    args = ["--checkpoint-dir", folder] if script == "double_conv.py" else [folder / "train_data-5"]
    _, err = run(script, *args, code=1)
    message = f"{script}: {args[-1]}: TensorFlow takes this path for a pattern; rename"
    assert err.startswith(message)
    assert err.count("\n") == 1
    assert not folder.exists()


def test_data_without_its_index_name_the_missing_file(copy, network):
    (copy / "train_data-60.index").unlink()
    line = failure_of_restore(network, copy / "train_data-60")
    assert line.startswith(f"{copy / 'train_data-60'}.index is missing; copy it too")


@pytest.mark.parametrize(("suffix", "size"), [("index", 10), ("data-00000-of-00001", 1000)])
def test_file_that_was_not_copied_to_its_end_is_called_incomplete(copy, network, suffix, size):
    os.truncate(copy / f"train_data-60.{suffix}", size)
    failure = Failure(failure_of_restore(network, copy / "train_data-60"))
    line = terminal.reason(failure)  # as it is printed
    assert line.count(": incomplete file (") == line.count("incomplete file") == 1


def write_list(path):
    path.write_text('model_checkpoint_path: "train_data-60"\n')


def write_renamed_data(path):
    path.write_bytes(bytes(1000))


def write_hdf5(path):
    h5py.File(path, "w").close()


def write_zip(path):
    zipfile.ZipFile(path, "w").writestr("model", "")


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (write_hdf5, "an HDF5 file of Keras's, not a checkpoint; in Keras, load it and call "),
        (write_zip, "a zip file, as of Keras or PyTorch, not a checkpoint; in Keras, load it and "),
        (write_list, "TensorFlow's list of checkpoints; give one of those in it"),
        (write_renamed_data, "not a checkpoint, or corrupt; most checkpoints are two files, NAME."),
    ],
)
def test_what_is_no_checkpoint_is_named(trained, tmp_path, write, message):
    """Promise 4."""
    write(tmp_path / "file")
    line = failure_of_restore(trained, tmp_path / "file")
    assert line.startswith(f"{tmp_path / 'file'}: {message}")


def test_save_killed_between_its_data_and_its_index_is_resumed(network, copy):
    """Promise 2. TensorFlow moves the data out of the folder _temp before it writes the index."""
    (copy / "train_data-60_temp").mkdir()
    index = copy / "train_data-60.index"
    index.rename(copy / "train_data-60_temp" / "part-00000-of-00001.index")
    assert begin(copy, network, "--resume")[0] == 56
    assert not list(copy.glob("train_data-60*"))


@pytest.mark.parametrize(("option", "first"), [("--resume", 61), ("--overwrite", 0)])
def test_overwrite_killed_between_deletions_goes_on(network, copy, monkeypatch, option, first):
    """Promise 2. It has deleted one of the two files of the oldest checkpoint."""

    def unlink_and_stop(path, missing_ok):
        os.unlink(path)
        raise KeyboardInterrupt

    saver = checkpoints.Saver(copy, network, SETTINGS)
    saver.begin(60, resume=False, overwrite=True)
    with monkeypatch.context() as patch:
        patch.setattr(pathlib.Path, "unlink", unlink_and_stop)
        with pytest.raises(KeyboardInterrupt):
            saver.save(0, run=None)
    saver.lock.release()
    assert saved_steps(copy) == [60, 55, 50, 45, 40, 0]
    assert len(list(copy.glob("train_data-40.*"))) == 1
    assert begin(copy, network, option)[0] == first
