"""Event files: histograms, run folders, the graph, the post's own run."""

import os
import shutil
import subprocess
import time
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from processes import run
from runs import only_run, posts_curve, read_events, saved_steps, start_training, train

from double_conv import DoubleConv
from single_conv import SingleConv
from support import summaries

SETTINGS = {"script": "single_conv.py", "data": "MNIST", "seed": 1}


@pytest.fixture(scope="module")
def network():
    """A network whose train_step is traced only once."""
    return SingleConv()


def write_summary(folder, write):
    """Calls write() with a writer to folder; returns the one value written, and its metadata."""
    writer = tf.summary.create_file_writer(str(folder))
    with writer.as_default(step=7):
        write()
    writer.close()
    (path,) = folder.iterdir()
    records = [tf.compat.v1.Event.FromString(record.numpy()) for record in dataset_of(path)]
    (value,) = (value for event in records for value in event.summary.value)
    return tf.make_ndarray(value.tensor), value


def dataset_of(path):
    return tf.data.TFRecordDataset(str(path))


# ------------------------------------------------------------------------------------ histograms


@pytest.mark.parametrize("what", ["normal", "many zeros", "equal"])
def test_histogram_is_that_of_tf_summary(tmp_path, what):
    """But for values so near an edge that rounding decides."""
    values = np.random.default_rng(0).normal(size=(5, 1000)).astype(np.float32)
    values = {"normal": values, "many zeros": values.clip(0), "equal": 0 * values + 3}[what]
    ours, value = write_summary(tmp_path / "1", lambda: summaries.histogram("h", values))
    theirs, expected = write_summary(
        tmp_path / "2", lambda: tf.summary.histogram("h", values, buckets=30)
    )
    assert value.tag == expected.tag == "h"
    assert value.metadata.plugin_data.plugin_name == "histograms"
    assert ours.dtype == theirs.dtype
    assert ours[:, 2].sum() == values.size
    if what == "equal":  # tf.summary puts them into the last of 30 buckets without a width
        assert ours[:, 2].tolist() == [values.size] + [0] * 29
    else:
        np.testing.assert_allclose(ours[:, :2], theirs[:, :2], rtol=1e-4, atol=1e-5)
        assert np.abs(ours[:, 2] - theirs[:, 2]).max() <= 2


# ------------------------------------------------------------------------------------ run folders


@pytest.mark.parametrize(
    ("changes", "suffix"),
    [
        ({}, ""),
        ({"seed": 3}, "-seed3"),
        ({"bfloat16": False}, ""),
        ({"bfloat16": True, "seed": 3}, "-seed3-bfloat16"),
        ({"data": "not MNIST"}, "-not-MNIST"),
        ({"data": "rendered digits, not MNIST", "seed": 2}, "-seed2-not-MNIST"),
    ],
)
def test_folder_is_named_for_the_time_and_for_what_is_not_the_default(tmp_path, changes, suffix):
    before = time.time()
    name = summaries.new_folder(tmp_path, SETTINGS | changes).name
    assert name.endswith(suffix)
    created = time.mktime(time.strptime(name.removesuffix(suffix), "%Y%m%d-%H%M%S"))
    assert before - 2 < created <= time.time()  # whole seconds, of a clock that may lag


def test_two_runs_in_the_same_second_have_separate_folders(tmp_path):
    assert len({summaries.new_folder(tmp_path, SETTINGS) for _ in range(2)}) == 2


def test_resumed_run_leaves_what_is_there_alone(network, tmp_path):
    """Promises 2 and 3."""

    def write(writer, steps):
        for step in steps:
            with writer.logging(step):
                tf.summary.scalar("accuracy", step / 10)

    first = summaries.RunWriter(tmp_path, network, SETTINGS)
    write(first, [0, 1, 2, 3])
    (path,) = first.folder.glob("events*")
    path.write_bytes(path.read_bytes() + b"half a record")  # as a kill leaves it
    before = path.read_bytes()
    for steps in ([2, 3, 4], [3, 4, 5]):  # resumed, killed, and resumed again
        writer = summaries.RunWriter(tmp_path, network, SETTINGS, run=first.folder.name)
        assert writer.folder == first.folder
        write(writer, steps)
    assert path.read_bytes() == before
    values = read_events(first.folder)
    points = {(step, float(value)) for tag, step, value in values if tag == "accuracy"}
    assert points == {(step, np.float32(step / 10)) for step in range(6)}
    tags = [tag for tag, _, _ in values]
    assert tags.count("graph") == tags.count("settings") == 1


def test_run_whose_folder_is_gone_starts_again_with_graph_and_settings(network, tmp_path, capsys):
    writer = summaries.RunWriter(tmp_path, network, SETTINGS, run="20200101-000000")
    assert writer.folder.name != "20200101-000000"
    assert {tag for tag, _, _ in read_events(writer.folder)} == {"settings", "graph"}
    message = f"{tmp_path / '20200101-000000'} does not exist; the curves start again from here"
    assert capsys.readouterr().err.splitlines() == [message]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small file system")
def test_full_disk_ends_a_run_with_one_line(small_data, tmp_path):
    """Promise 4."""
    (tmp_path / "logs").mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=900k", "tmpfs", tmp_path / "logs"]
    if subprocess.run(mount, stderr=subprocess.DEVNULL).returncode:
        pytest.skip("needs to mount a file system")
    try:
        args = ["--data-dir", small_data, "--log-dir", tmp_path / "logs", "--steps", 10]
        _, err = run("single_conv.py", *args, code=1)
    finally:
        subprocess.run(["umount", tmp_path / "logs"], check=True)
    last = err.splitlines()[-1]
    assert last.startswith(f"single_conv.py: {tmp_path / 'logs'}/")
    assert last.endswith(": No space left on device; free some, or use --log-dir")


def test_a_run_needs_no_more_free_space_than_a_mebibyte(network, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=2**20))
    summaries.RunWriter(tmp_path, network, SETTINGS)


# ------------------------------------------------------------------------------------- the graph

SCOPES = {
    SingleConv: "input convolution1 pooling1 fully-connected readout optimizer",
    DoubleConv: "input convolution1 pooling1 convolution2 pooling2 fully-connected dropout readout "
    "optimizer",
}


@pytest.mark.parametrize("make", [SingleConv, DoubleConv])
def test_graph_has_the_posts_scopes_and_one_box_for_the_way_back(make, tmp_path):
    network = make()
    writer = summaries.RunWriter(tmp_path, network, SETTINGS)
    (value,) = (value for tag, _, value in read_events(writer.folder) if tag == "graph")
    graph = tf.compat.v1.GraphDef.FromString(value)
    boxes = {node.name.split("/")[0] for node in graph.node}
    assert boxes == {*SCOPES[make].split(), "gradient_tape"}  # no optimizer_1, no stray nodes
    ops = {node.name: node.op for node in graph.node}
    assert ops["input/x-input"] == ops["optimizer/y-input"] == "Placeholder"
    inputs = {name.lstrip("^").split(":")[0] for node in graph.node for name in node.input}
    assert inputs <= set(ops)  # it is whole
    convolutions = [name for name, op in ops.items() if op == "Conv2D"]
    assert [name.split("/")[0] for name in convolutions] == [
        scope for scope in SCOPES[make].split() if scope.startswith("convolution")
    ]
    for name, op in ops.items():
        is_backward = op in ("MaxPoolGrad", "Conv2DBackpropFilter", "Conv2DBackpropInput")
        assert is_backward <= name.startswith("gradient_tape/"), name


# ----------------------------------------------------------------------------- the post's own run


@pytest.mark.parametrize("script", ["single", "double"])
def test_the_posts_run_is_its_recorded_curve_whole_and_written_once(tmp_path, script):
    """Promise 1."""
    settings = SETTINGS | {"script": f"{script}_conv.py"}
    summaries.write_the_posts_run(tmp_path, settings)
    (folder,) = tmp_path.iterdir()
    assert folder.name == f"the-post-{script}_conv-tensorflow-0.12.1"
    (path,) = folder.iterdir()
    before = path.stat()
    summaries.write_the_posts_run(tmp_path, settings)
    assert list(folder.iterdir()) == [path]
    assert path.stat() == before
    written = {(tag, step): float(value) for tag, step, value in read_events(folder)}
    expected = {}
    for step, (cross_entropy, accuracy) in posts_curve(script).items():
        expected["cross entropy", step] = np.float32(cross_entropy)
        expected["accuracy", step] = np.float32(accuracy)
    assert written == expected
    assert len(read_events(folder)) == len(expected)


def test_the_posts_run_is_not_written_beside_other_data(tmp_path):
    summaries.write_the_posts_run(tmp_path, SETTINGS | {"data": "not MNIST"})
    assert list(tmp_path.iterdir()) == []


def test_the_posts_run_is_not_there_before_it_is_whole(tmp_path, monkeypatch):
    """A run that is stopped until then leaves nothing of it, and the next one writes it all."""

    def stop(path, data):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(summaries, "write_whole", stop)
        with pytest.raises(KeyboardInterrupt):
            summaries.write_the_posts_run(tmp_path, SETTINGS)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    summaries.write_the_posts_run(tmp_path, SETTINGS)
    assert len(read_events(tmp_path / summaries.the_posts_run("single_conv.py"))) == 2 * 101


def test_folder_deleted_during_a_run_is_one_line_that_names_resume(small_data, tmp_path):
    """Promise 2. Students tidy up their curves while a network trains."""
    running = start_training(tmp_path, small_data, "--steps", 1000)
    running.wait_for_lines(1)
    folder = only_run(tmp_path / "logs")
    shutil.rmtree(folder)
    _, err = running.result(code=1)
    message = f"{folder}: No such file or directory; --resume continues"
    assert err.splitlines()[-1].startswith(f"double_conv.py: {message}")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small file system")
def test_overwrite_deletes_nothing_if_there_is_no_room_for_the_curves(small_data, tmp_path):
    """Promise 3."""
    train(tmp_path, small_data, "--steps", 5)
    mount = ["mount", "-t", "tmpfs", "-o", "size=900k", "tmpfs", tmp_path / "logs"]
    if subprocess.run(mount, stderr=subprocess.DEVNULL).returncode:
        pytest.skip("needs to mount a file system")
    try:
        train(tmp_path, small_data, "--steps", 5, "--overwrite", code=1)
    finally:
        subprocess.run(["umount", tmp_path / "logs"], check=True)
    assert saved_steps(tmp_path) == [5, 0]
