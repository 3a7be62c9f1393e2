"""visualize_filters.py --mistakes and --image: what the network concludes."""

import re
import shutil

from support import figures, input_data

import numpy as np
import pytest
import tensorflow as tf
from digits import write_idx
from PIL import Image, ImageDraw
from processes import SMALL, run  # puts the project on sys.path

import double_conv

TEST_LABELS = "t10k-labels-idx1-ubyte"


@pytest.fixture(scope="module")
def network():
    """A small network, not trained."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(double_conv, "num_fc", SMALL["num_fc"])
        return double_conv.DoubleConv(seed=5)


@pytest.fixture(scope="module")
def checkpoint(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoint") / "train_data-7"
    tf.train.Checkpoint(network=network).write(str(path))
    return path


@pytest.fixture
def relabel(small_data, tmp_path, network):
    """Returns a function that copies the small data and labels all but some test digits correctly.

    Correctly means as the network does; `wrong` are indices of test digits.
    """

    def copy(wrong):
        folder = shutil.copytree(small_data, tmp_path / "data")
        images = input_data.read_data_sets(folder).test.images
        labels = network(images).y_conv.numpy().argmax(1)
        labels[wrong] = (labels[wrong] + 1) % 10
        write_idx(folder, TEST_LABELS, labels)
        return folder

    return copy


def draw(checkpoint, folder, *args, **options):
    """Runs visualize_filters.py with figures in folder."""
    args = [checkpoint, "--figure-dir", folder, *args]
    return run("visualize_filters.py", *args, constants=SMALL, **options)


def pngs(folder):
    return sorted(path.name for path in folder.glob("*.png"))


def write_digit(path, **options):
    """Writes an image file with a 7, 100 pixels high."""
    image = Image.new("L", (200, 150), 255)
    ImageDraw.Draw(image).line([(60, 30), (120, 30), (80, 130)], fill=0, width=12)
    image.save(path, **options)
    return path


def test_mistakes_are_counted_and_the_first_of_them_drawn(checkpoint, relabel, tmp_path):
    wrong = [3, 40, 499]
    out, err = draw(checkpoint, tmp_path, "--data-dir", relabel(wrong), "--mistakes", "--first", 2)
    assert out == "test accuracy 0.994 (not MNIST)\n"
    assert "3 of 500 test digits are misclassified" in err.splitlines()
    assert pngs(tmp_path) == ["layer1.png", "layer2.png", "predictions.png"]


def test_mistakes_are_those_whose_label_is_not_the_prediction(network, relabel, monkeypatch):
    import visualize_filters

    test = input_data.read_data_sets(relabel([3, 40, 499])).test
    monkeypatch.setattr("sys.argv", ["", "train_data-7", "--mistakes"])
    args = visualize_filters.options()
    y_conv = network(test.images).y_conv.numpy()
    digits = visualize_filters.choose_digits(args, test, y_conv, "title")
    np.testing.assert_array_equal(digits.images, test.images[[3, 40, 499]])
    np.testing.assert_array_equal(digits.labels, test.labels[[3, 40, 499]].argmax(1))


def test_without_mistakes_there_is_one_line_and_no_figure(checkpoint, relabel, tmp_path):
    _, err = draw(checkpoint, tmp_path, "--data-dir", relabel([]), "--mistakes")
    assert err.splitlines()[-2:] == [
        "0 of 500 test digits are misclassified",
        "there is nothing to draw",
    ]
    assert pngs(tmp_path) == []


def test_each_image_has_a_line_and_its_predictions_a_figure(checkpoint, tmp_path):
    """In the order given, and without MNIST: its folder is empty."""
    files = [write_digit(tmp_path / name) for name in ("seven.png", "これは 7.bmp")]
    (tmp_path / "figures").mkdir()
    where = ["--data-dir", tmp_path / "nothing", "--dataset", "mnist"]
    out, err = draw(checkpoint, tmp_path / "figures", *where, "--image", *files)
    lines = out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["seven.png", "これは 7.bmp"]
    assert all(re.fullmatch(r".*: \d \(0\.\d{4}\)", line) for line in lines)
    assert "download" not in err
    assert "Warning" not in err  # of letters that matplotlib's font lacks
    assert pngs(tmp_path / "figures") == ["layer1.png", "layer2.png", "predictions.png"]


def texts_of(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_predictions_are_labelled(network):
    random = np.random.default_rng(0)
    images = random.random((2, 784), dtype=np.float32)
    y_conv = np.eye(10)[[9, 3]]
    figures.select_backend(window=False)
    figure = figures.draw_predictions(images, y_conv, "title\nof two lines", np.array([4, 3]))
    assert texts_of(figure) == ["label 4, predicted 9", "label 3, predicted 3"]
    figure = figures.draw_predictions(images, y_conv, "title\n", names=["a.png", "b" * 60])
    assert texts_of(figure)[0] == "a.png: 9"
    assert re.fullmatch("b+[.]{3}b+: 3", texts_of(figure)[1])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "No such file"),
        (lambda path: path.mkdir(), "directory"),
        (lambda path: path.write_text("no image"), "not an image"),
        (lambda path: path.write_bytes(write_digit(path).read_bytes()[:200]), "truncated"),
        (lambda path: Image.new("L", (99, 99), 255).save(path), "no ink"),
        (lambda path: Image.new("1", (13400, 13400), 1).save(path), "pixels"),
        (lambda path: Image.new("F", (99, 99), np.nan).save(path, "tiff"), "not finite"),
    ],
    ids=["missing", "folder", "text", "truncated", "blank", "bomb", "not finite"],
)
def test_bad_image_is_one_line_with_its_name(checkpoint, tmp_path, make, message):
    good, bad = write_digit(tmp_path / "good.png"), tmp_path / "bad.png"
    make(bad)
    (tmp_path / "figures").mkdir()
    out, err = draw(checkpoint, tmp_path / "figures", "--image", good, bad, code=1)
    assert out == ""
    assert str(bad) in err.splitlines()[-1]
    assert message in err.splitlines()[-1]
    assert pngs(tmp_path / "figures") == []


def test_image_is_not_replaced_by_a_figure(checkpoint, tmp_path):
    (tmp_path / "predictions.png").write_bytes(b"mine")
    (tmp_path / "link.png").symlink_to("predictions.png")
    for name in ("predictions.png", "link.png"):
        out, err = draw(checkpoint, tmp_path, "--image", tmp_path / name, code=1)
        assert out == ""
        message = f"{tmp_path / name} would be replaced by a figure; choose another --figure-dir"
        assert err == f"visualize_filters.py: {message}\n"
    assert (tmp_path / "predictions.png").read_bytes() == b"mine"


def test_more_than_100_images_are_refused(checkpoint, tmp_path):
    _, err = draw(checkpoint, tmp_path, "--image", *["seven.png"] * 101, code=1)
    assert err.splitlines()[-1].endswith("--image: 101 digits; give up to 100")


@pytest.mark.parametrize("option", [["--image", "seven.png"], ["--mistakes"], ["--draw"]])
def test_ways_to_choose_digits_exclude_each_other(checkpoint, tmp_path, option):
    _, err = draw(checkpoint, tmp_path, "--digits", "3", *option, code=2)
    assert "not allowed with argument --digits" in err
