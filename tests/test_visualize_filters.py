"""visualize_filters.py from the command line, on our checkpoints and on the post's."""

import pathlib
import re
import shutil
import sys

from support import figures, input_data
from support.checkpoints import NAMES_OF_2016, Saver, restore
from support.terminal import Failure

import numpy as np
import pytest
import tensorflow as tf
from in_process import run_here
from processes import run

import visualize_filters
from double_conv import DoubleConv
from visualize_filters import choose


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """A folder with one network in both formats: train_data-7 (ours), old/train_data-7 (2016)."""
    folder = tmp_path_factory.mktemp("checkpoints")
    network = DoubleConv(seed=5)
    tf.train.Checkpoint(network=network).write(str(folder / "train_data-7"))
    values = {old: getattr(network, name).numpy() for name, old in NAMES_OF_2016.items()}
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        variables = {
            old: tf.compat.v1.get_variable(f"v{i}", initializer=value)
            for i, (old, value) in enumerate(values.items())
        }
        slot = tf.compat.v1.get_variable("slot", initializer=np.zeros([5, 5, 1, 32], np.float32))
        variables["optimizer/convolution1/Variable/Adam"] = slot
        session.run(tf.compat.v1.global_variables_initializer())
        (folder / "old").mkdir()
        for version, name in ((1, "train_data-1"), (2, "train_data-7")):
            saver = tf.compat.v1.train.Saver(variables, write_version=version)
            saver.save(session, str(folder / "old" / name))
    return folder


def draw(checkpoint, small_data, folder, *args):
    """Runs visualize_filters.py on small data; figures go to folder. Returns the Result."""
    args = [checkpoint, "--data-dir", small_data, "--figure-dir", folder, *args]
    return run_here(visualize_filters, *args)


def sheet_in(path):
    """Returns the figure without its margins, each of the sheet's pixels once."""
    png = tf.io.decode_png(path.read_bytes(), channels=1).numpy()[:, :, 0]
    assert png[: 2 * 44].min() < 50  # the title
    sheet = png[2 * 44 : -2 * 8, 2 * 8 : -2 * 8]
    # Sharp: each pixel of the sheet is two by two pixels of the PNG, unchanged.
    np.testing.assert_array_equal(sheet, sheet[::2, ::2].repeat(2, 0).repeat(2, 1))
    return sheet[::2, ::2]


def expected_sheets(small_data, chosen, sub_filter):
    """Returns both expected sheets, assembled here from the network's own numbers."""
    network = DoubleConv(seed=5)
    images = input_data.read_data_sets(small_data).test.images[chosen]
    layers = network(images)
    sheets = []
    for filters, maps in (
        (network.W_conv1.numpy()[:, :, 0], layers.h_pool1.numpy()),
        (network.W_conv2.numpy()[:, :, sub_filter], layers.h_pool2.numpy()),
    ):
        rows = []
        for first, cells in zip([None, *images], [filters, *maps]):
            for start in range(0, cells.shape[-1], 32):
                image = first.reshape(28, 28) if first is not None and start == 0 else None
                rows.append([image, *(cells[:, :, start + i] for i in range(32))])
        sheets.append(255 * (1 - figures.contact_sheet(rows, 28)))
    return sheets


@pytest.mark.parametrize(
    ("args", "chosen", "sub_filter"),
    [
        ([], range(10), 0),
        (["--first", 3, "--sub-filter", 31], range(3), 31),
        (["--digits", "3,5,3"], None, 0),
    ],
)
def test_figures_show_the_networks_own_filters_and_feature_maps(
    checkpoints, small_data, tmp_path, args, chosen, sub_filter
):
    draw(checkpoints / "train_data-7", small_data, tmp_path, *args)
    if chosen is None:
        labels = input_data.read_data_sets(small_data).test.labels.argmax(1)
        threes, fives = (np.flatnonzero(labels == digit) for digit in (3, 5))
        chosen = [threes[0], fives[0], threes[1]]
    for number, expected in enumerate(expected_sheets(small_data, list(chosen), sub_filter), 1):
        np.testing.assert_allclose(sheet_in(tmp_path / f"layer{number}.png"), expected, atol=2)


def test_output_of_a_run_as_a_program(programs):
    code, out, err, folder = programs("visualize")
    assert code == 0, err
    assert re.fullmatch(r"test accuracy 0\.\d+ \(not MNIST\)\n", out)
    restored, data, *rest = err.splitlines()
    assert restored.startswith("restored ")
    assert restored.endswith("/train_data-7")
    assert "does not contain MNIST" in data
    assert rest == ["figure: new/layer1.png", "figure: new/layer2.png"]
    assert sorted(path.name for path in (folder / "new").iterdir()) == ["layer1.png", "layer2.png"]


@pytest.mark.parametrize("name", ["train_data-7", "train_data-1"])
def test_checkpoint_of_2016_gives_the_same_network(checkpoints, name):
    ours, old = DoubleConv(1), DoubleConv(2)
    restore(ours, checkpoints / "train_data-7")
    restore(old, checkpoints / "old" / name)
    for variable, other in zip(ours.trainable_variables, old.trainable_variables):
        np.testing.assert_array_equal(variable, other)


def test_the_posts_own_checkpoint_has_the_posts_accuracy(reference_dir, mnist_dir, tmp_path):
    result = draw(reference_dir / "train_data-20000", mnist_dir, tmp_path)
    assert result.out == "test accuracy 0.9925\n"
    assert "warning" not in result.err


@pytest.mark.parametrize("suffix", ["", ".index", ".meta", ".data-00000-of-00001"])
def test_file_of_a_checkpoint_may_be_named(monkeypatch, suffix):
    monkeypatch.setattr(sys, "argv", ["visualize_filters.py", f"a/train_data-7{suffix}"])
    assert visualize_filters.options().checkpoint == pathlib.Path("a/train_data-7")


def test_first_ten_digits_of_the_default_runs_last_checkpoint_are_the_default(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["visualize_filters.py"])
    args = visualize_filters.options()
    assert args.checkpoint == pathlib.Path("train_data-20000")
    assert (args.first, args.digits, args.sub_filter) == (10, None, 0)


def test_titles_name_the_checkpoint_the_data_and_the_sub_filter(checkpoints, small_data, tmp_path):
    args = ["--first", 3, "--sub-filter", 31]
    result = draw(checkpoints / "train_data-7", small_data, tmp_path, *args)
    accuracy = result.out.removeprefix("test accuracy ").split()[0]
    below = f"train_data-7, not MNIST, test accuracy {accuracy}"
    assert result.titles == [
        "Layer 1: the 32 filters (top row) and their feature maps for 3 test digits\n" + below,
        "Layer 2: sub-filter 31 of each of the 64 filters (top two rows) and the filters' feature "
        "maps for 3 test digits\n" + below,
    ]


def test_figure_dir_opens_no_windows_and_without_it_they_are_tried(
    checkpoints, small_data, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    args = [checkpoints / "train_data-7", "--data-dir", small_data, "--first", 1]
    assert run_here(visualize_filters, *args).backend == "svg"
    assert run_here(visualize_filters, *args, "--figure-dir", tmp_path / "new").backend == "agg"


def test_dataset_option_reaches_the_data(checkpoints, small_data, tmp_path, monkeypatch):
    few = input_data.read_data_sets(small_data)._replace(name="rendered digits, not MNIST")
    monkeypatch.setattr(input_data, "rendered_data_sets", lambda seed: few)
    result = draw(checkpoints / "train_data-7", small_data, tmp_path, "--dataset", "rendered")
    assert result.out.endswith(" (rendered digits, not MNIST)\n")
    assert "rendered digits, not MNIST, test accuracy" in result.titles[0]


def test_other_data_than_the_checkpoints_are_noticed(small_data, tmp_path):
    settings = {"data": "rendered digits, not MNIST"}
    saver = Saver(tmp_path, DoubleConv(), settings)
    saver.begin(0, resume=False, overwrite=False)
    saver.save(0, run=None)
    err = draw(tmp_path / "train_data-0", small_data, tmp_path).err
    assert "was trained on other data (rendered digits, not MNIST)" in err


def test_same_data_as_the_checkpoints_bring_no_warning(small_data, tmp_path):
    saver = Saver(tmp_path, DoubleConv(), {"data": "not MNIST"})
    saver.begin(0, resume=False, overwrite=False)
    saver.save(0, run=None)
    assert "warning" not in draw(tmp_path / "train_data-0", small_data, tmp_path).err


def test_without_a_display_the_figures_go_to_the_current_folder(checkpoints, small_data, tmp_path):
    args = [checkpoints / "train_data-7", "--data-dir", small_data, "--first", 1]
    run("visualize_filters.py", *args, folder=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["layer1.png", "layer2.png"]


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["--sub-filter", "32"], 2, "from 0 to 31"),
        (["--first", "0"], 2, "from 1 to 100"),
        (["--digits", "3,x"], 2, "'x' is not an integer from 0 to 9"),
        (["--digits", "10"], 2, "'10' is not an integer from 0 to 9"),
        (["--digits", ",".join("1" * 101)], 1, "101 digits; give up to 100"),
        (["--figure-dir", "file"], 1, "choose another --figure-dir"),
    ],
)
def test_bad_command_line_is_refused(checkpoints, small_data, tmp_path, args, code, message):
    (tmp_path / "file").write_text("mine")
    base = [checkpoints / "train_data-7", "--data-dir", small_data]
    out, err = run("visualize_filters.py", *base, *args, code=code, folder=tmp_path)
    assert out == ""
    assert message in err.splitlines()[-1]


def test_a_figure_that_is_not_drawn_may_be_in_the_way(checkpoints, small_data, tmp_path):
    (tmp_path / "predictions.png").mkdir()
    result = draw(checkpoints / "train_data-7", small_data, tmp_path, "--first", 1)
    assert f"figure: {tmp_path / 'layer2.png'}" in result.err


@pytest.mark.parametrize("path", ["", ".", "/", "train_data-9"])
def test_path_without_a_checkpoint(tmp_path, path):
    _, err = run("visualize_filters.py", path, folder=tmp_path, code=1)
    assert err.splitlines()[-1].endswith("no such checkpoint; double_conv.py trains one")


def failure_of(path):
    with pytest.raises(Failure) as failure:
        restore(DoubleConv(), path)
    assert "\n" not in str(failure.value)
    return str(failure.value)


def test_missing_checkpoint_lists_those_that_exist(checkpoints):
    found = f"found {checkpoints / 'train_data-7'};"
    assert found in failure_of(checkpoints / "train_data-8")
    assert found in failure_of(checkpoints)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ("index", "not an sstable"),
        ("data", "Checksum does not match"),
        ("truncated", "Read less bytes than requested"),
    ],
)
def test_corrupt_checkpoint(checkpoints, tmp_path, damage, reason):
    for path in checkpoints.glob("train_data-7.*"):
        data = bytearray(path.read_bytes())
        if path.suffix == ".index" and damage == "index":
            data = data[: len(data) // 2]
        if path.suffix != ".index" and damage == "truncated":
            data = data[: len(data) // 2]
        if path.suffix != ".index" and damage == "data":
            data[len(data) // 2] ^= 1
        (tmp_path / path.name).write_bytes(data)
    message = failure_of(tmp_path / "train_data-7")
    assert "corrupt, or from a different network: " in message
    assert reason in message


def test_folder_that_tensorflow_takes_for_a_pattern_is_refused(checkpoints, tmp_path):
    folder = shutil.copytree(checkpoints, tmp_path / "run [1]")
    assert f"{folder}: TensorFlow takes this path for a pattern" in failure_of(
        folder / "train_data-7"
    )


def test_checkpoint_of_a_different_network(tmp_path):
    tf.train.Checkpoint(v=tf.Variable(1.0)).write(str(tmp_path / "train_data-1"))
    reason = "from a different network: Key convolution1/Variable not found in checkpoint"
    assert reason in failure_of(tmp_path / "train_data-1")
    network = DoubleConv()
    network.W_fc1 = tf.Variable(tf.zeros([3136, 512]))
    tf.train.Checkpoint(network=network).write(str(tmp_path / "train_data-2"))
    assert "from a different network: Cannot assign" in failure_of(tmp_path / "train_data-2")


def test_chosen_digits_are_the_first_examples():
    labels = np.array([7, 3, 8, 3, 5, 3])
    assert choose(labels, [3, 5, 8]) == [1, 4, 2]
    assert choose(labels, [3, 3]) == [1, 3]
    with pytest.raises(Failure, match="too few examples of the digit 5"):
        choose(labels, [5, 5])
