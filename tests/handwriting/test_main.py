"""python -m handwriting: image files and mistakes, with networks whose answers are known."""

import json
import os
import re
import shutil
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
import tensorflow as tf
from digits import figure_cells, read_png, shades, small_image, write_idx
from PIL import Image, ImageDraw
from processes import SMALL, Running, run

import double_conv
from handwriting import __main__ as handwriting
from handwriting import predictions
from handwriting.form import like_mnist
from handwriting.ink import read_ink
from support import figures, input_data

# Strokes that are easy to tell apart, and the digit that the network is made to read in each.
STROKES = {
    "bar": [(100, 20), (100, 130)],
    "seven": [(60, 30), (120, 30), (80, 130)],
    "cross": [(60, 30), (140, 130), (100, 80), (140, 30), (60, 130)],
    "box": [(60, 30), (140, 30), (140, 130), (60, 130), (60, 30)],
}
ANSWERS = {"bar": 1, "seven": 7, "cross": 4, "box": 0}


def write_strokes(path, name, **options):
    """Writes an image file of 200 x 150 pixels; returns its path."""
    image = Image.new("L", (200, 150), 255)
    ImageDraw.Draw(image).line(STROKES[name], fill=0, width=12)
    image.save(path, **options)
    return path


def teach(images, answers, certainty):
    """Returns a small network that reads answers[k] in images[k], float32 [n, 784].

    The first filter of each layer copies its input, so that the first of the last layer's maps is
    the maximum over each 4x4 pixels. Feature k compares these 7x7 maxima with those of image k.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(double_conv, "num_fc", SMALL["num_fc"])
        network = double_conv.DoubleConv(seed=5)
    for W in network.W_conv1, network.W_conv2:
        values = W.numpy()
        values[:, :, :, 0] = 0
        values[2, 2, 0, 0] = 1
        W.assign(values)
    W_fc1 = np.zeros([7, 7, 64, SMALL["num_fc"]], np.float32)
    W_fc2 = np.zeros([SMALL["num_fc"], 10], np.float32)
    for k, (image, answer) in enumerate(zip(images, answers)):
        maxima = image.reshape(7, 4, 7, 4).max((1, 3))
        W_fc1[:, :, 0, k] = maxima / np.linalg.norm(maxima)
        W_fc2[k, answer] = certainty
    network.W_fc1.assign(W_fc1.reshape(network.W_fc1.shape))
    network.W_fc2.assign(W_fc2)
    return network


def save(network, folder):
    path = folder / "train_data-7"
    tf.train.Checkpoint(network=network).write(str(path))
    return path


# ------------------------------------------------------------------------------------ image files


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """A network that reads ANSWERS in STROKES: (the network, its checkpoint)."""
    folder = tmp_path_factory.mktemp("reader")
    images = [like_mnist(read_ink(write_strokes(folder / f"{name}.png", name))) for name in STROKES]
    network = teach(images, ANSWERS.values(), certainty=2)
    return network, save(network, folder)


def start(checkpoint, folder, *args):
    """Starts python -m handwriting with this checkpoint; its figures go to folder."""
    where = ["--checkpoint", checkpoint, "--figure-dir", folder]
    return Running("handwriting", *args, *where)


def pngs(folder):
    return sorted(path.name for path in folder.glob("*.png"))


FIGURES = [f"handwriting-{name}.png" for name in ("layer1", "layer2", "predictions")]


@pytest.fixture(scope="module")
def three_files(reader, tmp_path_factory):
    """Three different digits are read: (the files, the figures' folder, stdout, stderr).

    MNIST is not needed: its folder is empty.
    """
    folder = tmp_path_factory.mktemp("files")
    names = {"b.png": "box", "これは 7.bmp": "seven", "a.png": "bar"}
    files = [write_strokes(folder / name, stroke) for name, stroke in names.items()]
    where = ["--data-dir", folder / "nothing", "--dataset", "mnist"]
    return files, folder / "new", *start(reader[1], folder / "new", *files, *where).result()


def test_each_file_has_a_line_with_its_digit_and_the_probability_in_the_order_given(
    three_files, reader
):
    files, _, out, err = three_files
    y_conv = reader[0](np.array([like_mnist(read_ink(path)) for path in files])).y_conv.numpy()
    assert y_conv.argmax(1).tolist() == [ANSWERS["box"], ANSWERS["seven"], ANSWERS["bar"]]
    assert out.splitlines() == [
        f"b.png: 0 ({y_conv[0, 0]:.4f})",
        f"これは 7.bmp: 7 ({y_conv[1, 7]:.4f})",
        f"a.png: 1 ({y_conv[2, 1]:.4f})",
    ]
    assert len(set(y_conv.max(1).round(4))) == 3
    assert "download" not in err
    assert "Warning" not in err  # of letters that matplotlib's font lacks


def test_what_is_drawn_are_the_files_in_the_order_given(three_files, reader, tmp_path):
    files, folder, _, err = three_files
    images = np.array([like_mnist(read_ink(path)) for path in files])
    y_conv = reader[0](images).y_conv.numpy()
    title = "Probabilities of the ten digits for 3 images of handwriting\ntrain_data-7"
    expected = predictions.draw_predictions(images, y_conv, title, names=[p.name for p in files])
    drawn = read_png(folder / FIGURES[2])
    np.testing.assert_array_equal(drawn, as_picture(expected, tmp_path))
    assert pngs(folder) == FIGURES
    _, *rows = figure_cells(read_png(folder / FIGURES[0], dpi=200), lines=1)
    for image, row in zip(images, rows):
        digit = small_image(row[0], 28)
        np.testing.assert_allclose(digit, shades(image.reshape(28, 28)), atol=2)
    assert err.splitlines()[-3:] == [f"figure: {folder / name}" for name in FIGURES]


def test_of_more_files_than_a_figure_takes_all_have_a_line_and_the_first_are_drawn(
    reader, tmp_path, monkeypatch, capsys
):
    """With 2 in place of 100, whose figure takes long to draw."""
    files = [write_strokes(tmp_path / f"{name}.png", name) for name in STROKES]
    where = ["--checkpoint", reader[1], "--figure-dir", tmp_path / "new"]
    assert handwriting.MOST == 100
    monkeypatch.setattr(handwriting, "MOST", 2)
    monkeypatch.setattr(double_conv, "num_fc", SMALL["num_fc"])
    monkeypatch.setattr("sys.argv", ["handwriting", *map(str, [*files, *where])])
    handwriting.main()
    assert [line[0] for line in capsys.readouterr().out.splitlines()] == ["b", "s", "c", "b"]
    picture = read_png(tmp_path / "new" / FIGURES[0], dpi=200)
    assert len(figure_cells(picture, lines=1)) == 1 + 2


def test_certain_answer_is_not_printed_as_1(tmp_path):
    file = write_strokes(tmp_path / "box.png", "box")
    network = teach([like_mnist(read_ink(file))], [0], certainty=100)
    out, _ = start(save(network, tmp_path), tmp_path, file).result()
    assert out == "box.png: 0 (> 0.9999)\n"


def test_file_that_cannot_be_read_has_a_line_on_stderr_and_the_others_are_read(reader, tmp_path):
    good = [write_strokes(tmp_path / f"{name}.png", name) for name in ("box", "bar")]
    bad = tmp_path / "bad.png"
    bad.write_text("no image")
    files = [good[0], bad, tmp_path / "missing.png", good[1]]
    out, err = start(reader[1], tmp_path / "new", *files).result(code=1)
    assert re.sub(r"\(.*?\)", "", out) == "box.png: 0 \nbar.png: 1 \n"
    lines = err.splitlines()
    assert lines[1].startswith(f"{bad}: not an image that Pillow can read")
    assert lines[2] == f"{tmp_path / 'missing.png'}: No such file or directory"
    assert lines[-1] == "python -m handwriting: 2 of 4 files could not be read"
    assert pngs(tmp_path / "new") == FIGURES


def test_if_no_file_can_be_read_there_is_no_figure(reader, tmp_path):
    (tmp_path / "blank.png").touch()
    out, err = start(reader[1], tmp_path / "new", tmp_path / "blank.png").result(code=1)
    assert out == ""
    assert err.splitlines()[-1] == "python -m handwriting: none of the files could be read"
    assert pngs(tmp_path / "new") == []


def test_file_is_not_replaced_by_a_figure(reader, tmp_path):
    file = write_strokes(tmp_path / "handwriting-predictions.png", "seven")
    before = file.read_bytes()
    args = [file.name, "--checkpoint", reader[1]]
    out, err = run("handwriting", *args, folder=tmp_path, constants=SMALL, code=1)
    assert out == ""
    message = "handwriting-predictions.png was not drawn by this program; move it"
    assert err == f"python -m handwriting: {message}, or choose another --figure-dir\n"
    assert file.read_bytes() == before
    assert pngs(tmp_path) == ["handwriting-predictions.png"]


def test_two_digits_in_one_image_are_told_and_one_in_two_strokes_is_not(reader, tmp_path):
    four = [(60, 30), (60, 80), (120, 80), (120, 30), (120, 130)]
    parts = {"ten": [STROKES["bar"], [(140, 20), (190, 20), (190, 130), (140, 130), (140, 20)]]}
    parts["five"] = [[(60, 30), (60, 70), (100, 80), (100, 130), (50, 130)], [(80, 30), (140, 30)]]
    parts["four"] = [four]
    files = []
    for name, lines in parts.items():
        image = Image.new("L", (200, 150), 255)
        for line in lines:
            ImageDraw.Draw(image).line(line, fill=0, width=8)
        files.append(tmp_path / f"{name}.png")
        image.save(files[-1])
    _, err = start(reader[1], tmp_path / "new", *files).result()
    told = [line for line in err.splitlines() if "more than one digit" in line]
    assert [line.partition(":")[0] for line in told] == [str(files[0])]


def test_what_is_no_single_digit_of_strokes_is_told_and_a_grid_of_pixels_is_one(reader, tmp_path):
    digit = like_mnist(read_ink(write_strokes(tmp_path / "seven.png", "seven"))).reshape(28, 28)
    grid = np.kron(digit > 0.5, np.ones([14, 14]))
    grid[np.arange(392) % 14 < 2] = grid[:, np.arange(392) % 14 < 2] = 0
    blob = Image.new("L", (200, 150), 255)
    ImageDraw.Draw(blob).rectangle([50, 40, 150, 110], fill=0)
    blob.save(tmp_path / "blob.png")
    Image.fromarray(np.uint8(255 - 255 * grid)).save(tmp_path / "grid.png")
    files = [tmp_path / name for name in ("blob.png", "grid.png")]
    _, err = start(reader[1], tmp_path / "new", *files).result()
    advice = "show only the paper, with one digit on it, upright"
    told = [line for line in err.splitlines() if str(tmp_path / "new") not in line]
    assert told[1:] == [f"{files[0]}: hardly looks like strokes; {advice}"]


def test_checkpoint_of_other_data_gets_a_warning(reader, tmp_path):
    path = tmp_path / "train_data-7"
    settings = tf.Variable(json.dumps({"data": "rendered digits, not MNIST"}))
    tf.train.Checkpoint(network=reader[0], settings=settings).write(str(path))
    _, err = start(path, tmp_path, write_strokes(tmp_path / "box.png", "box")).result()
    warning = f"warning: {path} was trained on other data (rendered digits, not MNIST)"
    assert err.splitlines()[1] == warning


def test_a_folder_is_one_line_that_tells_how_to_give_its_images(reader, tmp_path):
    out, err = start(reader[1], tmp_path / "new", tmp_path).result(code=1)
    assert out == ""
    assert err.splitlines()[1].startswith(f"{tmp_path}: a folder; give its images")


@pytest.mark.skipif(os.name == "nt", reason="not a name there")
def test_names_that_stdout_or_the_font_cannot_show_are_read_all_the_same(reader, tmp_path):
    names = ["手書きの七.png", "\U0010fffd.png"]
    files = [write_strokes(tmp_path / name, "seven") for name in names]
    where = ["--checkpoint", reader[1], "--figure-dir", tmp_path / "new"]
    ascii_only = {"before": stdout_in_ascii}
    out, _ = run("handwriting", *files, *where, constants=SMALL, **ascii_only)
    assert re.sub(r"\(.*?\)", "", out) == "?????.png: 7 \n?.png: 7 \n"
    assert pngs(tmp_path / "new") == FIGURES


@pytest.mark.skipif(os.name == "nt", reason="not a name there")
def test_a_name_that_is_not_utf8_is_refused_in_one_line(tmp_path):
    _, err = run("handwriting", "seven.png", os.fsdecode(b"caf\xe9.png"), code=1)
    assert err == "python -m handwriting: caf?.png: the name is not UTF-8; rename it\n"


def stdout_in_ascii():
    sys.stdout.reconfigure(encoding="ascii")


# --------------------------------------------------------------------------------------- mistakes

WRONG = [3, 40, *range(100, 109), 499]  # twelve test digits that the network gets wrong


@pytest.fixture(scope="module")
def squares(small_data, tmp_path_factory):
    """A network that reads the made-up digits: (it, its checkpoint, a folder with data).

    The labels there are those that it reads, but for WRONG, which are 1 to 3 higher.
    """
    folder = tmp_path_factory.mktemp("squares")
    test = input_data.read_data_sets(small_data).test
    firsts = [np.flatnonzero(test.labels.argmax(1) == digit)[0] for digit in range(10)]
    network = teach(test.images[firsts], range(10), certainty=3)
    labels = network(test.images).y_conv.numpy().argmax(1)
    assert set(labels) == set(range(10))
    data = shutil.copytree(small_data, folder / "data")
    labels[WRONG] = (labels[WRONG] + 4 * [1, 2, 3]) % 10
    write_idx(data, "t10k-labels-idx1-ubyte", labels)
    return network, save(network, folder), data


@pytest.mark.parametrize(("args", "drawn"), [(["--first", 2], 2), ([], 10)])
def test_mistakes_are_counted_and_the_first_of_them_drawn(squares, tmp_path, args, drawn):
    network, checkpoint, data = squares
    running = start(checkpoint, tmp_path, "--mistakes", "--data-dir", data, *args)
    test = input_data.read_data_sets(data).test
    images, labels = test.images[WRONG[:drawn]], test.labels.argmax(1)[WRONG[:drawn]]
    y_conv = network(test.images).y_conv.numpy()[WRONG[:drawn]]
    what = f"{drawn} misclassified test digits\ntrain_data-7"
    title = f"Probabilities of the ten digits for {what}"
    expected = predictions.draw_predictions(images, y_conv, title, labels=labels)
    expected = as_picture(expected, tmp_path)
    out, _ = running.result()
    assert out == "12 of 500 test digits are misclassified\n"
    np.testing.assert_array_equal(read_png(tmp_path / "mistakes-predictions.png"), expected)
    _, _, *rows = figure_cells(read_png(tmp_path / "mistakes-layer2.png", dpi=200), lines=2)
    assert len(rows) == 2 * drawn
    for image, row in zip(images, rows[::2]):
        digit = small_image(row[0], 28)
        np.testing.assert_allclose(digit, shades(image.reshape(28, 28)), atol=2)


@pytest.mark.parametrize(("trained_on", "warned"), [("MNIST", True), ("not MNIST", False)])
def test_mistakes_in_other_data_than_the_checkpoints_get_a_warning(
    squares, tmp_path, trained_on, warned
):
    network, _, data = squares
    path = tmp_path / "train_data-7"
    settings = tf.Variable(json.dumps({"data": trained_on}))
    tf.train.Checkpoint(network=network, settings=settings).write(str(path))
    args = ["--mistakes", "--data-dir", data, "--first", 1]
    _, err = start(path, tmp_path, *args).result()
    warning = f"warning: {path} was trained on other data ({trained_on})"
    assert (warning in err.splitlines()) == warned


def as_picture(figure, folder):
    """Returns the figure's grey levels at 200 dpi."""
    figures.save([figure], [folder / "expected.png"], dpi=200)
    plt.close(figure)
    return read_png(folder / "expected.png")


def test_without_mistakes_there_is_one_line_and_no_figure(squares, tmp_path):
    network, checkpoint, data = squares
    data = shutil.copytree(data, tmp_path / "data")
    labels = network(input_data.read_data_sets(data).test.images).y_conv.numpy().argmax(1)
    write_idx(data, "t10k-labels-idx1-ubyte", labels)
    out, _ = start(checkpoint, tmp_path / "new", "--mistakes", "--data-dir", data).result()
    assert out == "0 of 500 test digits are misclassified\n"
    assert pngs(tmp_path / "new") == []


# --------------------------------------------------------------------------------------- options


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "one of the arguments FILE --draw --mistakes is required"),
        (["a.png", "--mistakes"], "argument --mistakes: not allowed with argument FILE"),
        (["--draw", "--mistakes"], "argument --mistakes: not allowed with argument --draw"),
        (["--draw", "a.png"], "argument FILE: not allowed with argument --draw"),
        (["--mistakes", "--first", 0], "'0' is not an integer from 1 to 100"),
        (["--mistakes", "--first", 101], "'101' is not an integer from 1 to 100"),
        (["a.png", "--first", 3], "--first goes with --mistakes only"),
    ],
)
def test_files_mistakes_and_draw_exclude_each_other(args, message):
    _, err = run("handwriting", *args, code=2)
    assert err.splitlines()[-1].startswith("python -m handwriting: error: ")
    assert message in err.splitlines()[-1]


def without_scipy():
    for name in list(sys.modules):
        if name.startswith(("handwriting", "scipy")):
            del sys.modules[name]
    sys.modules["scipy"] = None  # as if it were not installed


@pytest.mark.parametrize("program", ["handwriting", "handwriting.evaluate", "handwriting.steps"])
def test_without_scipy_one_line_tells_what_to_install(program):
    _, err = run(program, "--help", code=1, before=without_scipy)
    assert err.count("\n") == 1
    assert err.endswith(". For handwriting: pip install -r handwriting/requirements.txt\n")


def test_without_a_checkpoint_one_line_tells_how_to_get_one():
    _, err = run("handwriting", "--mistakes", code=1)
    message = "train_data-20000: no such checkpoint; double_conv.py trains one"
    assert err == f"python -m handwriting: {message}\n"
