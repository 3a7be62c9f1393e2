"""Figures, as pixels: each filter, map, digit and bar in its place; a window or a file."""

import os
import shutil
import signal
import subprocess

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from digits import read_png, shades, small_image
from processes import Running, run, wait_until

from support import figures

TITLE = "a title\nof two lines"


@pytest.fixture(autouse=True)
def close_figures():
    """Draws without a display, and closes what a test has drawn."""
    plt.switch_backend("agg")
    yield
    plt.close("all")


def pixels(figure, tmp_path, dpi=100):
    """Returns the figure's grey levels, uint8 [h, w], at 100 dpi."""
    figures.save([figure], [tmp_path / "figure.png"], dpi)
    return read_png(tmp_path / "figure.png", dpi)


# ------------------------------------------------------------------------ filters and their maps


def test_contact_sheet_puts_each_image_in_its_place():
    black = np.zeros([5, 5])
    black[0, 0] = 1
    ramp = np.linspace(-3, 4, 196).reshape(14, 14)
    sheet = figures.contact_sheet([[None, black], [ramp, None]], cell=28)
    assert sheet.shape == (64, 64)
    assert np.all(sheet[:32, :32] == 0)
    assert np.all(sheet[32:, 32:] == 0)
    assert np.all(sheet[4:8, 36:40] == 1)  # enlarged five times, centred
    np.testing.assert_allclose(sheet[34:62:2, 2:30:2], (ramp + 3) / 7)  # 14x14 enlarged twice
    np.testing.assert_allclose(sheet[35:63:2, 3:31:2], (ramp + 3) / 7)
    assert np.all(sheet[33, 1:31] == 0.5)  # the frame


def test_an_image_without_differences_is_white():
    assert set(np.unique(figures.contact_sheet([[np.full([2, 2], 7.0)]], 28))) == {0, 0.5}


def features(count, side):
    """Returns random filters [5, 5, count], two digits and their maps [2, side, side, count]."""
    random = np.random.default_rng(0).normal
    return random(size=(5, 5, count)), random(size=(2, 784)), random(size=(2, side, side, count))


@pytest.mark.parametrize(
    ("count", "side", "cell"), [(16, 14, 56), (64, 7, 28), (4, 14, 56), (40, 14, 28)]
)
def test_each_filter_and_each_map_is_in_its_place_with_its_own_scale(tmp_path, count, side, cell):
    filters, digits, maps = features(count, side)
    picture = pixels(figures.draw_features(filters, digits, maps, TITLE, cell), tmp_path)
    pitch = cell + 4
    lines = [slice(first, min(first + 32, count)) for first in range(0, count, 32)]

    def check(image, top, column):
        found = small_image(picture, top, 8 + column * pitch, pitch, len(image))
        np.testing.assert_allclose(found, shades(image), atol=2)

    top = 44  # below the title
    for line in lines:
        top += 14  # the filters' numbers
        for column, k in enumerate(range(count)[line], start=1):
            check(filters[:, :, k], top, column)
        top += pitch
    for digit, its_maps in zip(digits, maps):
        check(digit.reshape(28, 28), top, 0)
        for line in lines:
            for column, k in enumerate(range(count)[line], start=1):
                check(its_maps[:, :, k], top, column)
            top += pitch
    assert len(picture) == top + 8


@pytest.mark.parametrize("count", [16, 40, 64])
def test_filters_are_numbered_from_1_above_each(tmp_path, count):
    figure = figures.draw_features(*features(count, 7), TITLE)
    picture = pixels(figure, tmp_path)
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.texts] == [str(k + 1) for k in range(count)]
    for k, text in enumerate(axes.texts):
        middle, top = 8 + (k % 32 + 1.5) * 32, 44 + k // 32 * (14 + 32)
        box = text.get_window_extent()
        assert (box.x0 + box.x1) / 2 == pytest.approx(middle, abs=1)
        assert top <= len(picture) - box.y1 < len(picture) - box.y0 <= top + 14
        strip = picture[top : top + 14]
        assert strip[:, int(middle) - 8 : int(middle) + 8].min() < 100  # it is drawn, and in black


def test_title_is_above_the_sheet_and_within_the_figure(tmp_path):
    figure = figures.draw_features(*features(2, 14), TITLE)
    (text,), (axes,) = figure.texts, figure.axes
    assert text.get_text() == TITLE
    box = text.get_window_extent()
    assert box.y0 >= axes.get_window_extent().y1
    assert box.y1 <= figure.bbox.y1
    assert pixels(figure, tmp_path)[:44].min() < 50


def test_narrow_figure_has_room_for_its_title(tmp_path):
    assert pixels(figures.draw_features(*features(2, 14), TITLE), tmp_path).shape[1] == 560


def test_figure_does_not_depend_on_the_users_settings(tmp_path):
    drawn = []
    for settings in ({}, {"figure.facecolor": "black", "text.color": "w", "text.usetex": True}):
        with matplotlib.rc_context(settings):
            drawn.append(pixels(figures.draw_features(*features(2, 14), TITLE), tmp_path))
    np.testing.assert_array_equal(*drawn)


def test_dollars_in_titles_and_names_are_no_formula(tmp_path):
    pixels(figures.draw_features(*features(2, 14), "run$x_$1\ntitle"), tmp_path)
    images, y_conv = np.zeros([1, 784]), np.eye(10)[:1]
    pixels(figures.draw_predictions(images, y_conv, "run$x_$1\n", names=["$_$"]), tmp_path)


# ----------------------------------------------------------------------------------- predictions

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
    figure = figures.draw_predictions(images, Y_CONV, TITLE, LABELS)
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


def test_digits_0_to_9_are_below_their_bars(tmp_path):
    figure = figures.draw_predictions(np.zeros([1, 784]), Y_CONV[:1], TITLE, LABELS[:1])
    pixels(figure, tmp_path)  # which lays it out
    chart = figure.axes[1]
    box, ticks = chart.get_window_extent(), chart.get_xticklabels()
    assert [tick.get_text() for tick in ticks] == list("0123456789")
    for digit, tick in enumerate(ticks):
        below = tick.get_window_extent()
        middle = box.x0 + (digit + 0.4 + 0.05 * 9.8) / (1.1 * 9.8) * box.width
        assert (below.x0 + below.x1) / 2 == pytest.approx(middle, abs=1)
        assert below.y1 < box.y0


def titles_of(figure):
    return [axes.get_title() for axes in figure.axes if axes.get_title()]


def test_digits_are_titled_by_label_and_prediction_or_by_name():
    images = np.zeros([3, 784])
    figure = figures.draw_predictions(images, Y_CONV[:3], TITLE, labels=LABELS[:3])
    assert titles_of(figure)[:2] == ["label 5, predicted 2", "label 0, predicted 8"]
    assert figure.get_suptitle() == TITLE
    names = ["a.png", "an-extremely-long-name-of-a-file.png", "c"]
    figure = figures.draw_predictions(images, Y_CONV[:3], TITLE, names=names)
    assert titles_of(figure) == ["a.png: 2", "an-extremely...of-a-file.png: 8", "c: 1"]


@pytest.mark.parametrize(
    ("p", "text"),
    [(0.99991, "> 0.9999"), (1, "> 0.9999"), (0.9993, "0.9993"), (0.10004, "0.1000")],
)
def test_probability_has_four_digits_but_is_never_1(p, text):
    assert figures.probability(p) == text


# --------------------------------------------------------------------------- a window or a file


def test_several_figures_are_saved_in_order_and_named(tmp_path, capsys):
    drawn = [figures.draw_features(*features(2, 14), title) for title in ("one\n", "two\n")]
    paths = [tmp_path / "1.png", tmp_path / "2.png"]
    figures.show_or_save(False, drawn, paths)
    assert [path.read_bytes() for path in paths] == [figures.as_png(f, dpi=200) for f in drawn]
    assert paths[0].read_bytes() != paths[1].read_bytes()
    assert capsys.readouterr().err.splitlines() == [f"figure: {path}" for path in paths]


def test_an_earlier_figure_may_be_replaced(tmp_path):
    path = tmp_path / "figure.png"
    figures.save([figures.draw_features(*features(2, 14), TITLE)], [path], dpi=100)
    assert not figures.will_show([path], "--figure", chosen=True)


def arguments(small_data, tmp_path):
    """The shortest run with a figure."""
    where = ["--data-dir", small_data, "--log-dir", tmp_path / "logs"]
    return ["single_conv.py", "--steps", 0, *where]


def test_without_a_display_the_figure_is_saved_in_the_current_folder(small_data, tmp_path):
    _, err = run(*arguments(small_data, tmp_path), folder=tmp_path)
    assert err.splitlines()[-1] == "figure: single_conv.png"
    assert read_png(tmp_path / "single_conv.png").shape == (44 + 14 + 13 * 60 + 8, 17 * 60 + 16)


@pytest.mark.parametrize("backend", ["module://nothing", "TkAgg"])
def test_if_no_window_can_be_opened_one_line_tells_why(small_data, tmp_path, backend):
    environment = {"MPLBACKEND": backend, "DISPLAY": ":98765"}
    args = arguments(small_data, tmp_path)
    _, err = run(*args, folder=tmp_path, environment=environment)
    lines = err.splitlines()
    assert lines[0].startswith("cannot open a window: ")
    assert lines[-1] == "figure: single_conv.png"
    assert (tmp_path / "single_conv.png").exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("figure.jpg", "figure.jpg is not a PNG file's name; choose another --figure"),
        ("folder.png", "folder.png is not a PNG file's name; choose another --figure"),
        ("file/figure.png", "file: File exists; choose another --figure"),
        (
            "drawing.png",
            "drawing.png was not drawn by these scripts; move it, or choose another --figure",
        ),
        pytest.param(
            "mine.png",
            "mine.png is write-protected; choose another --figure",
            marks=pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere"),
        ),
        pytest.param(
            "locked/figure.png",
            "locked: Permission denied; choose another --figure",
            marks=pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere"),
        ),
    ],
)
def test_figure_that_cannot_be_written_is_refused_before_the_training(
    small_data, tmp_path, name, message
):
    (tmp_path / "file").touch()
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "drawing.png").write_text("mine")
    (tmp_path / "mine.png").touch(0o444)
    (tmp_path / "locked").mkdir(0o555)
    args = [*arguments(small_data, tmp_path), "--figure", name]
    out, err = run(*args, folder=tmp_path, code=1)
    assert out == ""
    assert err == f"single_conv.py: {message}\n"
    assert (tmp_path / "drawing.png").read_text() == "mine"


def wait_for_window(running, display, title):
    """Waits until a window is open; returns its number."""
    if not shutil.which("xdotool"):
        pytest.skip("needs xdotool")
    found = []

    def search():
        command = ["xdotool", "search", "--onlyvisible", "--name", title]
        process = subprocess.run(command, env={"DISPLAY": display}, capture_output=True, text=True)
        found[:] = process.stdout.split()
        return found

    wait_until(lambda: search() or not running.process.is_alive())
    assert found, running.stderr
    return found[0]


@pytest.fixture
def window(display, small_data, tmp_path):
    """single_conv.py with its window open: (the Running, the window's number)."""
    environment = {"DISPLAY": display, "MPLBACKEND": "TkAgg"}
    args = arguments(small_data, tmp_path)
    running = Running(*args, folder=tmp_path, environment=environment)
    return running, wait_for_window(running, display, "^Figure 1$")


def test_on_a_display_a_window_opens_and_stays_until_ctrl_c(window, tmp_path):
    running, _ = window
    running.process.join(0.5)
    assert running.process.is_alive()
    running.send(signal.SIGINT)
    _, err = running.result(130)
    assert err.splitlines()[-1] == "single_conv.py: stopped"
    assert not (tmp_path / "single_conv.png").exists()


def test_closing_the_window_ends_the_run(window, display):
    running, number = window
    command = ["xdotool", "windowfocus", number, "key", "q"]  # matplotlib's key to close a window

    def has_ended():
        subprocess.run(command, env={"DISPLAY": display}, stderr=subprocess.DEVNULL)
        return not running.process.is_alive()

    wait_until(has_ended)
    _, err = running.result()
    assert err.splitlines()[-1].startswith("next: tensorboard")


def test_figure_option_saves_even_on_a_display(display, small_data, tmp_path):
    environment = {"DISPLAY": display, "MPLBACKEND": "TkAgg"}
    args = [*arguments(small_data, tmp_path), "--figure", "new/figure.png"]
    _, err = run(*args, folder=tmp_path, environment=environment)
    assert err.splitlines()[-1] == "figure: new/figure.png"
    assert (tmp_path / "new" / "figure.png").exists()
