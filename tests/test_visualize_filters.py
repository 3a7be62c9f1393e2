"""visualize_filters.py from the command line: filters, feature maps and patches, cell by cell."""

import pathlib
import re
import sys

import numpy as np
import pytest
import tensorflow as tf
from digits import figure_cells, read_png, shades, small_image, write_digits
from numpy_layers import conv2d, max_pool_2x2, relu
from processes import SMALL, Running, run

import double_conv
import visualize_filters
from support import checkpoints, input_data
from support.checkpoints import Saver
from support.terminal import Failure


@pytest.fixture(scope="module")
def network():
    """A small network whose weights, biases too, are random; none of its filters is always at 0."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(double_conv, "num_fc", SMALL["num_fc"])
        network = double_conv.DoubleConv(seed=5)
    random = np.random.default_rng(1)
    network.b_conv1.assign(random.uniform(0.3, 0.6, [32]))
    network.b_conv2.assign(random.uniform(5, 6, [64]))
    return network


@pytest.fixture(scope="module")
def checkpoint(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoint") / "train_data-7"
    tf.train.Checkpoint(network=network).write(str(path))
    return path


@pytest.fixture(scope="module")
def test_set(small_data):
    return input_data.read_data_sets(small_data).test


def start(checkpoint, small_data, folder, *args):
    """Starts visualize_filters.py on small data; its figures go to folder."""
    where = ["--data-dir", small_data, "--figure-dir", folder]
    return Running("visualize_filters.py", checkpoint, *where, *args, constants=SMALL)


# ------------------------------------------------------------------ the filters and feature maps


def assert_shows(row, images, first=None):
    """Asserts that a row of cells shows an image or nothing, then 32."""
    assert len(row) == 33
    for cell, image in zip(row, [first, *images]):
        if image is not None:
            expected = shades(image) if np.ptp(image) else 255
            np.testing.assert_allclose(small_image(cell, len(image)), expected, atol=2)


@pytest.fixture(scope="module")
def started(network, checkpoint, small_data, tmp_path_factory):
    """Four runs side by side; each has a folder of its own, where the figures are.

    "patches" has 700 digits, which the network gets in two batches.
    """
    folders = [tmp_path_factory.mktemp(name) for name in ("default", "first", "digits", "p")]
    args = ["--data-dir", small_data, "--first", 3, "--sub-filter", 32]
    first = Running("visualize_filters.py", checkpoint, *args, folder=folders[1], constants=SMALL)
    Saver(folders[2], network, {"data": "rendered digits, not MNIST"}).save(8, run=None)
    (folders[2] / "patches.png").mkdir()
    other = folders[2] / "train_data-8"
    return {
        "default": start(f"{checkpoint}.index", small_data, folders[0] / "new"),
        "first": first,
        "digits": start(other, small_data, folders[2], "--digits", "3,3,5"),
        "patches": start(
            checkpoint,
            write_digits(folders[3], train=5100, test=700),
            folders[3] / "figures",
            "--patches",
        ),
    }


@pytest.mark.parametrize("name", ["default", "first", "digits"])
def test_figures_show_filters_and_feature_maps_each_in_its_place(network, test_set, started, name):
    labels = test_set.labels.argmax(1)
    threes, fives = (np.flatnonzero(labels == digit) for digit in (3, 5))
    chosen = {"default": range(10), "first": range(3), "digits": [*threes[:2], fives[0]]}[name]
    sub_filter = 32 if name == "first" else 1
    images = test_set.images[list(chosen)]
    layers = network(images)
    _, err = started[name].result()
    paths = [line.removeprefix("figure: ") for line in err.splitlines()[-2:]]
    layer1, layer2 = (read_png(started[name].folder / path, dpi=200) for path in paths)

    filters, *rows = figure_cells(layer1, lines=1)
    assert len(rows) == len(images)
    assert_shows(filters, np.moveaxis(network.W_conv1.numpy()[:, :, 0], -1, 0))
    for row, image, maps in zip(rows, images, np.moveaxis(layers.h_pool1, -1, 1)):
        assert_shows(row, maps, image.reshape(28, 28))

    W = np.moveaxis(network.W_conv2.numpy()[:, :, sub_filter - 1], -1, 0)
    filters1, filters2, *rows = figure_cells(layer2, lines=2)
    assert len(rows) == 2 * len(images)
    assert_shows(filters1, W[:32])
    assert_shows(filters2, W[32:])
    for i, (image, maps) in enumerate(zip(images, np.moveaxis(layers.h_pool2, -1, 1))):
        assert_shows(rows[2 * i], maps[:32], image.reshape(28, 28))
        assert_shows(rows[2 * i + 1], maps[32:])


def test_output_is_the_test_accuracy_and_where_the_figures_are(
    network, checkpoint, small_data, test_set, started
):
    out, err = started["default"].result()
    correct = network(test_set.images).y_conv.numpy().argmax(1) == test_set.labels.argmax(1)
    assert 0 < correct.mean() < 1
    assert out == f"test accuracy {correct.mean():g} (not MNIST)\n"
    restored, data, *rest = err.splitlines()
    assert restored == f"restored {checkpoint}"
    assert data == f"{small_data} does not contain MNIST: do not compare results with the post's"
    names = [line.rpartition("/new/")[2] for line in rest]
    assert names == ["layer1.png", "layer2.png"]


def test_without_a_display_the_figures_are_saved_in_the_current_folder(started):
    _, err = started["first"].result()
    assert err.splitlines()[-2:] == ["figure: layer1.png", "figure: layer2.png"]
    names = sorted(path.name for path in started["first"].folder.iterdir())
    assert names == ["layer1.png", "layer2.png"]


def test_checkpoint_trained_on_other_data_brings_a_warning(started):
    _, err = started["digits"].result()
    (warning,) = (line for line in err.splitlines() if line.startswith("warning"))
    assert "train_data-8 was trained on other data (rendered digits, not MNIST)" in warning


def test_checkpoint_trained_on_the_same_data_brings_none(capsys):
    for trained_on in ("MNIST", None):  # None: by another program
        checkpoints.warn_if_other_data("train_data-7", trained_on, "MNIST")
    assert capsys.readouterr().err == ""


def test_a_figure_that_is_not_drawn_may_be_in_the_way(started):
    """There is a folder named patches.png."""
    _, err = started["digits"].result()
    assert "layer2.png" in err.splitlines()[-1]


@pytest.fixture(scope="module")
def drawn_and_shown(network, checkpoint, small_data, tmp_path_factory):
    """The figures that a run draws, and the names of those that it shows in windows."""
    folder = tmp_path_factory.mktemp("shown")
    drawn, shown, visualize = [], [], visualize_filters.visualize
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            visualize_filters, "visualize", lambda *args: drawn.extend(visualize(*args)) or drawn
        )
        patch.setattr(visualize_filters, "DoubleConv", lambda: network)
        patch.setattr(visualize_filters.common, "accuracy_on", lambda *_: 0.9876)
        patch.setattr(visualize_filters.figures, "show", shown.extend)
        args = [checkpoint, "--data-dir", small_data, "--first", 3, "--sub-filter", 32]
        args = map(str, [*args, "--figure-dir", folder])
        patch.setattr(sys, "argv", ["visualize_filters.py", *args])
        visualize_filters.main()
    return drawn, [path.name for path in shown]


def test_both_figures_are_shown_in_windows(drawn_and_shown):
    assert drawn_and_shown[1] == ["layer1.png", "layer2.png"]


def test_titles_name_the_layer_the_sub_filter_and_what_is_drawn(drawn_and_shown):
    drawn, _ = drawn_and_shown
    last = "train_data-7, not MNIST, test accuracy 0.9876"
    assert [figure.texts[0].get_text() for figure in drawn] == [
        f"Layer 1: the 32 filters (top row) and their feature maps for 3 test digits\n{last}",
        "Layer 2: sub-filter 32 of each of the 64 filters (top two rows) and the filters' feature "
        f"maps for 3 test digits\n{last}",
    ]


@pytest.mark.parametrize("suffix", ["", ".index", ".meta", ".data-00000-of-00001"])
def test_a_file_of_a_checkpoint_names_it(monkeypatch, suffix):
    monkeypatch.setattr("sys.argv", ["visualize_filters.py", f"a/train_data-7{suffix}"])
    assert str(visualize_filters.options().checkpoint) == "a/train_data-7"


def test_the_last_checkpoint_of_double_convs_default_run_is_the_default():
    _, err = run("visualize_filters.py", code=1)
    message = "train_data-20000: no such checkpoint; double_conv.py trains one"
    assert err == f"visualize_filters.py: {message}\n"


def test_the_posts_own_checkpoint_has_the_posts_accuracy(started_posts_network):
    """Promise 1."""
    out, err = started_posts_network.result()
    assert out == "test accuracy 0.9925\n"
    assert "warning" not in err


# ------------------------------------------------------------------------------------ the patches


def patch_at(image, row, column, size):
    """Returns the size x size pixels from (row, column) on; outside of the image they are 0."""
    patch = np.zeros([size, size], np.float32)
    for i in range(size):
        for j in range(size):
            if 0 <= row + i < 28 and 0 <= column + j < 28:
                patch[i, j] = image[row + i, column + j]
    return patch


def strongest(h, k, count=9):
    """Returns the digits that excite filter k most: [(digit, row, column, response)]."""
    places = []
    for digit, responses in enumerate(h[:, :, :, k]):
        row, column = np.unravel_index(responses.argmax(), responses.shape)
        places.append((digit, row, column, responses[row, column]))
    return sorted(places, key=lambda place: place[3], reverse=True)[:count]


def response_to(network, patch):
    """Returns the second layer's responses [64] to 14x14 pixels, computed from these alone."""
    h_conv1 = relu(conv2d(patch[None, :, :, None], network.W_conv1) + network.b_conv1)
    h_pool1 = max_pool_2x2(h_conv1[:, 2:-2, 2:-2])  # where all 5x5 pixels are in the patch
    return relu(conv2d(h_pool1, network.W_conv2) + network.b_conv2)[0, 2, 2]


def test_14x14_pixels_are_all_that_a_response_of_the_second_layer_depends_on(network, test_set):
    images = test_set.images[:4].reshape(-1, 28, 28)
    h = network(test_set.images[:4]).h_conv2.numpy()
    for digit, row, column in [(0, 2, 2), (1, 7, 4), (2, 11, 11), (3, 5, 9)]:
        patch = patch_at(images[digit], 2 * row - 6, 2 * column - 6, 14)
        np.testing.assert_allclose(response_to(network, patch), h[digit, row, column], atol=1e-4)


def test_patches_of_all_test_digits_are_drawn_strongest_first(network, started):
    out, err = started["patches"].result()
    assert re.fullmatch(r"test accuracy 0\.\d+ \(not MNIST\)\n", out)
    folder = pathlib.Path(err.splitlines()[-1].removeprefix("figure: ")).parent
    assert [path.name for path in folder.iterdir()] == ["patches.png"]
    test_set = input_data.read_data_sets(folder.parent).test
    layers, images = network(test_set.images), test_set.images.reshape(-1, 28, 28)
    picture = read_png(folder / "patches.png", dpi=200).astype(float)

    def check(patches, top, left, scale):
        framed = len(patches[0]) * scale + 2
        for i, patch in enumerate(patches):
            y, x = top + i // 3 * framed + 1, left + i % 3 * framed + 1
            at = scale // 2 + scale * np.arange(len(patch))
            found = picture[y + at][:, x + at]
            np.testing.assert_allclose(found, 255 * (1 - patch), atol=2)

    W_conv1, h_conv1 = network.W_conv1.numpy()[:, :, 0], layers.h_conv1.numpy()
    for k in range(0, 32, 3):
        top, left = 44 + k // 8 * (16 + 66 + 6) + 16, 8 + k % 8 * 116 + 2
        found = small_image(picture[top : top + 34, left : left + 34], 5)
        np.testing.assert_allclose(found, shades(W_conv1[:, :, k]), atol=2)
        places = strongest(h_conv1, k)
        patches = [patch_at(images[d], row - 2, column - 2, 5) for d, row, column, _ in places]
        check(patches, top, left + 34 + 4, scale=4)
    h_conv2 = layers.h_conv2.numpy()
    for k in range(0, 64, 3):
        top, left = 44 + 4 * (16 + 66 + 6) + k // 8 * (16 + 90 + 6) + 16, 8 + k % 8 * 116 + 2
        places = strongest(h_conv2, k)
        patches = [patch_at(images[d], 2 * i - 6, 2 * j - 6, 14) for d, i, j, _ in places]
        check(patches, top, left, scale=2)


def test_patches_are_numbered_from_1_in_both_layers(network, test_set):
    figure = visualize_filters.visualize_patches(network, test_set.images[:12], "below")
    (axes,) = figure.axes
    numbers = [text.get_text() for text in axes.texts]
    assert numbers == [str(k + 1) for layer in (32, 64) for k in range(layer)]


# ---------------------------------------------------------------------------------------- options


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["--sub-filter", 0], 2, "'0' is not an integer from 1 to 32"),
        (["--sub-filter", 33], 2, "'33' is not an integer from 1 to 32"),
        (["--first", 0], 2, "'0' is not an integer from 1 to 100"),
        (["--digits", "3,x"], 2, "'x' is not an integer from 0 to 9"),
        (["--digits", "10"], 2, "'10' is not an integer from 0 to 9"),
        (["--digits", ",".join("1" * 101)], 2, "101 digits; give up to 100"),
        (["--first", 3, "--digits", 3], 2, "--digits: not allowed with argument --first"),
        (["--patches", "--digits", 3], 2, "--digits: not allowed with argument --patches"),
        (["--patches", "--first", 3], 2, "--first: not allowed with argument --patches"),
        (["--patches", "--sub-filter", 1], 2, "so --sub-filter does not go with it"),
        (["--figure-dir", "file"], 1, "file is a file, not a folder; choose another --figure-dir"),
    ],
)
def test_wrong_options_are_refused(tmp_path, args, code, message):
    (tmp_path / "file").touch()
    _, err = run("visualize_filters.py", *args, folder=tmp_path, code=code)
    assert err.splitlines()[-1].endswith(message)


def test_more_examples_of_a_digit_than_there_are_is_refused():
    message = "--digits: the test set has too few examples of the digit 3"
    with pytest.raises(Failure, match=message):
        visualize_filters.choose(np.array([3, 5, 3]), [3, 5, 3, 3])
