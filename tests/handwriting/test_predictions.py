"""handwriting/predictions.py: each digit and its ten probabilities, as pixels."""

import numpy as np
import pytest
from digits import read_png
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager
from scipy import ndimage

from handwriting import predictions as drawing
from support import figures

TITLE = "a title\nof two lines"


Y_CONV = np.array(
    [
        [0.04, 0.09, 0.49, 0.01, 0.06, 0.16, 0.02, 0.03, 0.05, 0.05],
        [0.25, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.36, 0.04],
        [0.1, 0.64, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.02, 0.03],
        [0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.09, 0.16, 0.4],
        [0.71, 0.12, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02, 0.03, 0.02],
        [0.05, 0.06, 0.07, 0.5, 0.1, 0.02, 0.04, 0.06, 0.08, 0.02],
        [0.04, 0.04, 0.12, 0.04, 0.04, 0.04, 0.06, 0.56, 0.02, 0.04],
    ]
)
LABELS = np.array([5, 0, 0, 8, 1, 4, 2])


@pytest.fixture(scope="module")
def predictions(tmp_path_factory):
    """Seven digits in a figure: (the digits, each one's pixels there, those of its chart).

    The figure has two rows of digits, each above a row of charts; the axes are found by where they
    are, and not by how they were created.
    """
    images = np.random.default_rng(0).random((7, 784))
    figure = drawing.draw_predictions(images, Y_CONV, TITLE, LABELS)
    path = tmp_path_factory.mktemp("predictions") / "figure.png"
    figures.save([figure], [path], dpi=200)
    picture = read_png(path)
    boxes = [axes.get_window_extent() for axes in figure.axes if axes.axison]
    boxes.sort(key=lambda box: (-round(box.y0 / 20), box.x0))  # rows from the top, then columns
    parts = []
    for box in boxes:
        (left, right), (bottom, top) = np.round(2 * box.intervalx), np.round(2 * box.intervaly)
        height = len(picture)
        parts.append(picture[int(height - top) : int(height - bottom), int(left) : int(right)])
    drawn, charts = [*parts[:5], *parts[10:12]], [*parts[5:10], *parts[12:]]
    return images, drawn, charts


def bar(chart, digit):
    """Returns the pixels in the middle of a digit's bar, and as high as the chart.

    A bar is 0.8 wide, and at the left and at the right is a margin of 5%: in all, 1.1 * 9.8.
    """
    unit = chart.shape[1] / (1.1 * 9.8)
    middle = (digit + 0.4 + 0.05 * 9.8) * unit
    return chart[:, round(middle - 0.25 * unit) : round(middle + 0.25 * unit)]


def test_digits_are_drawn_upright_and_in_order(predictions):
    images, drawn, _ = predictions
    for image, picture in zip(images.reshape(-1, 28, 28), drawn):
        rows, columns = ((np.arange(28) + 0.5) * size / 28 for size in picture.shape)
        found = picture[rows.astype(int)][:, columns.astype(int)].astype(float)
        np.testing.assert_allclose(found, 255 * (1 - image), atol=2)


def test_bars_are_as_high_as_the_probabilities_from_0_at_the_left_to_9(predictions):
    _, _, charts = predictions
    for chart, p in zip(charts, Y_CONV):
        tops = [np.flatnonzero(bar(chart, digit).min(1) < 230)[0] for digit in range(10)]
        np.testing.assert_allclose(1 - np.array(tops) / len(chart), p, atol=0.02)


def test_the_predictions_bar_is_black_and_the_labels_is_hatched(predictions):
    _, _, charts = predictions
    for chart, p, label in zip(charts, Y_CONV, LABELS):
        for digit in range(10):
            inside = bar(chart, digit)[-round(p[digit] * len(chart)) : -4]  # above the axis
            shade = inside.mean() if inside.size else None
            if digit == label:
                assert inside.min() < 50
                assert inside.max() > 200
            elif shade is not None and len(inside) > 6:
                assert shade == pytest.approx(0 if digit == p.argmax() else 178, abs=25)


def titles_of(figure):
    return [axes.get_title() for axes in figure.axes if axes.get_title()]


def test_digits_are_titled_by_label_and_prediction_or_by_name():
    images = np.zeros([3, 784])
    figure = drawing.draw_predictions(images, Y_CONV[:3], TITLE, labels=LABELS[:3])
    assert titles_of(figure)[:2] == ["label 5, predicted 2", "label 0, predicted 8"]
    assert figure.get_suptitle() == TITLE
    names = ["a.png", "an-extremely-long-name-of-a-file.png", "c"]
    figure = drawing.draw_predictions(images, Y_CONV[:3], TITLE, names=names)
    assert titles_of(figure) == ["a.png: 2", "an-extremely...of-a-file.png: 8", "c: 1"]


PRIVATE = "\U0010fffd"  # a letter of nobody's, which no font has


def install_font(path):
    """Makes a font whose only letter is PRIVATE, a black square, known to matplotlib."""
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for point in (0, 1000), (1000, 1000), (1000, 0):
        pen.lineTo(point)
    pen.closePath()
    square = pen.glyph()
    builder = FontBuilder(1000)
    builder.setupGlyphOrder([".notdef", "square"])
    builder.setupCharacterMap({ord(PRIVATE): "square"})
    builder.setupGlyf({".notdef": TTGlyphPen(None).glyph(), "square": square})
    builder.setupHorizontalMetrics({".notdef": (1000, 0), "square": (1000, 0)})
    builder.setupHorizontalHeader(ascent=1000, descent=0)
    builder.setupNameTable({"familyName": "Squares", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(path)
    font_manager.fontManager.addfont(path)


def test_a_name_is_drawn_in_a_font_that_has_its_letters_or_is_a_number(tmp_path, monkeypatch):
    def names_drawn():
        names = ["a.png", f"{PRIVATE}.png"]
        figure = drawing.draw_predictions(np.zeros([2, 784]), Y_CONV[:2], TITLE, names=names)
        figures.save([figure], [tmp_path / "figure.png"], dpi=200)
        picture = read_png(tmp_path / "figure.png", dpi=200)
        black = picture[: len(picture) // 2] < 100  # above the bars
        return titles_of(figure), ndimage.binary_erosion(black, np.ones([9, 9])).any()

    assert names_drawn() == (["a.png: 2", "file 2: 8"], False)
    installed = list(font_manager.fontManager.ttflist)
    monkeypatch.setattr(font_manager.fontManager, "ttflist", installed)
    install_font(tmp_path / "squares.ttf")
    assert names_drawn() == (["a.png: 2", f"{PRIVATE}.png: 8"], True)


@pytest.mark.parametrize(
    ("p", "text"),
    [(0.99991, "> 0.9999"), (1, "> 0.9999"), (0.9993, "0.9993"), (0.10004, "0.1000")],
)
def test_probability_has_four_digits_but_is_never_1(p, text):
    assert drawing.probability(p) == text
