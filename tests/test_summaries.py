"""Event files: histograms, run folders, the graph, the post's own run."""

import shutil

from support import summaries

import numpy as np
import pytest
import tensorflow as tf
from processes import intact_events, read_events

from double_conv import DoubleConv
from single_conv import SingleConv

SETTINGS = {"script": "single_conv.py", "data": "MNIST", "seed": 1}


@pytest.fixture(scope="module")
def network():
    """A network whose train_step is traced only once."""
    return SingleConv()


def test_histogram_is_numpys():
    values = np.random.default_rng(0).normal(size=5000).astype(np.float32)
    counts, edges = np.histogram(values, bins=30)
    buckets = summaries.buckets(values).numpy()
    np.testing.assert_allclose(buckets[:, 0], edges[:-1], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(buckets[:, 1], edges[1:], rtol=1e-4, atol=1e-5)
    assert buckets[:, 2].sum() == 5000
    assert np.abs(buckets[:, 2] - counts).max() <= 2


def test_histogram_of_equal_values():
    assert summaries.buckets(np.zeros(7, np.float32)).numpy()[:, 2].tolist() == [7] + [0] * 29


def test_histogram_is_one_to_tensorboard(network, tmp_path):
    writer = summaries.RunWriter(tmp_path, network, SETTINGS)
    with writer.logging(step=0):
        summaries.histogram("h_conv1", tf.zeros([3]))
    (path,) = writer.folder.iterdir()
    values = [value for event in intact_events(path) for value in event.summary.value]
    (value,) = (value for value in values if value.tag == "h_conv1")
    assert value.metadata.plugin_data.plugin_name == "histograms"
    assert tf.make_ndarray(value.tensor).dtype == np.float64


def test_filters_are_eight_in_a_row_each_with_its_own_scale(network, tmp_path):
    W = np.zeros([5, 5, 1, 10], np.float32)
    W[0, 0, 0, 1] = 3  # one large weight
    W[..., 9], W[0, 0, 0, 9] = 5, 5.1  # and one that is large only among its filter's
    writer = summaries.RunWriter(tmp_path, network, SETTINGS)
    with writer.logging(step=0):
        summaries.filters("filters", tf.constant(W))
    ((width, height, png),) = (v for tag, _, v in read_events(writer.folder) if tag == "filters")
    assert (int(width), int(height)) == (8 * 42, 2 * 42)
    sheet = tf.io.decode_png(png).numpy()[:, :, 0]
    cells = sheet.reshape(2, 42, 8, 42).swapaxes(1, 2).reshape(16, 42, 42)
    for k in (1, 9):
        assert np.all(cells[k, 1:9, 1:9] == 0)  # dark is large
        assert np.all(cells[k, 9:41, 9:41] == 255)
    assert np.all(np.abs(cells[:, 0].astype(int) - 127) <= 1)  # the frames


@pytest.mark.parametrize(
    ("changes", "rest"),
    [
        ({}, ""),
        ({"seed": 2}, "-seed2"),
        ({"bfloat16": True, "seed": 3}, "-seed3-bfloat16"),
    ],
)
def test_folder_is_named_for_what_is_not_the_default(tmp_path, changes, rest):
    name = summaries.new_folder(tmp_path, SETTINGS | changes, "-not-MNIST").name
    assert name[8] == "-"
    assert (name[:8] + name[9:15]).isdecimal()
    assert name[15:] == f"{rest}-not-MNIST"


def test_two_runs_of_a_second_have_their_own_folders(tmp_path):
    assert len({summaries.new_folder(tmp_path, SETTINGS, "") for _ in range(2)}) == 2


SCOPES = {
    SingleConv: "input convolution1 pooling1 fully-connected readout optimizer",
    DoubleConv: "input convolution1 pooling1 convolution2 pooling2 fully-connected dropout readout "
    "optimizer",
}


@pytest.mark.parametrize("make", [SingleConv, DoubleConv])
def test_graph_has_the_posts_scopes_and_no_others(make, tmp_path):
    writer = summaries.RunWriter(tmp_path, make(), SETTINGS | {"data": "not MNIST"})
    (value,) = (value for tag, _, value in read_events(writer.folder) if tag == "graph")
    graph = tf.compat.v1.GraphDef.FromString(value)
    assert {node.name.split("/")[0] for node in graph.node} == set(SCOPES[make].split())
    names = {node.name: node.op for node in graph.node}
    assert names["input/x-input"] == names["optimizer/y-input"] == "Placeholder"
    inputs = {name.lstrip("^").split(":")[0] for node in graph.node for name in node.input}
    assert inputs <= set(names)


@pytest.mark.parametrize("script", ["single", "double"])
def test_the_posts_run_is_written_once_and_only_beside_mnist(
    network, tmp_path, posts_curve, script
):
    settings = SETTINGS | {"script": f"{script}_conv.py"}
    summaries.RunWriter(tmp_path, network, settings | {"data": "not MNIST"})
    folder = tmp_path / summaries.the_posts_run(f"{script}_conv.py")
    assert not folder.exists()
    for suffix in ("-first", "-second"):  # else the second waits for a second to pass
        summaries.RunWriter(tmp_path, network, settings, suffix)
    values = read_events(folder)
    for column, tag in enumerate(("cross entropy", "accuracy")):
        written = {step: value for name, step, value in values if name == tag}
        expected = {step: np.float32(row[column]) for step, row in posts_curve(script).items()}
        assert written == expected
    assert len(values) == 2 * len(expected)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_report_on_a_full_disk_fails(network, tmp_path, monkeypatch):
    writer = summaries.RunWriter(tmp_path, network, SETTINGS)
    full = shutil._ntuple_diskusage(2**30, 2**30, 100_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: full)
    with pytest.raises(OSError, match="No space left on device"):
        with writer.logging(step=0):
            tf.summary.scalar("accuracy", 0.0)


def test_file_system_that_reports_no_size_is_not_full(network, tmp_path, monkeypatch):
    ramfs = shutil._ntuple_diskusage(0, 0, 0)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: ramfs)
    writer = summaries.RunWriter(tmp_path, network, SETTINGS)
    with writer.logging(step=0):
        tf.summary.scalar("accuracy", 0.0)


def test_report_into_a_folder_that_is_gone_fails(network, tmp_path):
    writer = summaries.RunWriter(tmp_path, network, SETTINGS)
    shutil.rmtree(writer.folder)
    with pytest.raises(FileNotFoundError):
        with writer.logging(step=0):
            tf.summary.scalar("accuracy", 0.0)


def test_continued_run_leaves_what_is_there_alone(network, tmp_path):
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
    tags = [tag for tag, _, _ in read_events(first.folder)]
    assert tags.count("graph") == tags.count("settings") == 1


def test_run_whose_folder_is_gone_starts_again_with_graph_and_settings(network, tmp_path, capsys):
    writer = summaries.RunWriter(tmp_path, network, SETTINGS, run="20200101-000000")
    assert {tag for tag, _, _ in read_events(writer.folder)} == {"settings", "graph"}
    assert "20200101-000000 does not exist" in capsys.readouterr().err


def test_both_scripts_have_the_posts_run_in_the_same_log_dir(network, tmp_path):
    for script in ("single_conv.py", "double_conv.py"):
        summaries.RunWriter(tmp_path, network, SETTINGS | {"script": script}, f"-{script}")
    lasts = []
    for script in ("single_conv.py", "double_conv.py"):
        values = read_events(tmp_path / summaries.the_posts_run(script))
        lasts.append(max(step for _, step, _ in values))
    assert lasts == [1000, 20000]


def test_half_written_run_of_the_posts_is_never_seen(tmp_path, monkeypatch):
    """After a kill in the middle there is nothing in the log folder; the next run writes it all."""
    original, written = tf.summary.scalar, []

    def stop_half_way(*args, **kwargs):
        written.append(args)
        if len(written) == 50:
            assert list(tmp_path.iterdir()) == []
            raise KeyboardInterrupt
        original(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(tf.summary, "scalar", stop_half_way)
        with pytest.raises(KeyboardInterrupt):
            summaries.write_the_posts_run(tmp_path, "single_conv.py")
    assert not list(tmp_path.glob("the-post*"))
    summaries.write_the_posts_run(tmp_path, "single_conv.py")
    assert len(read_events(tmp_path / summaries.the_posts_run("single_conv.py"))) == 202
