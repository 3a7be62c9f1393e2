"""Figures, as pixels: each filter, map and digit in its place; the file, and then the window."""

import io
import os
import shutil
import signal
import struct
import subprocess
import sys
import zlib

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from digits import figure_cells, read_png, shades, small_image
from PIL import Image
from processes import ROOT, Running, run, wait_until

from support import figures
from support.terminal import Failure

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


def features(count, side, n=2):
    """Returns random filters [5, 5, count], n digits and their maps [n, side, side, count]."""
    random = np.random.default_rng(0).normal
    return random(size=(5, 5, count)), random(size=(n, 784)), random(size=(n, side, side, count))


@pytest.mark.parametrize(
    ("count", "side", "n", "cell"),
    # 226 / 100 inches, the height for four digits, times 100 dpi is less than 226.
    [(32, 14, 4, 28), (64, 7, 2, 28), (4, 14, 2, 56), (40, 14, 2, 28)],
)
def test_each_filter_and_each_map_is_in_its_place_with_its_own_scale(
    tmp_path, count, side, n, cell
):
    filters, digits, maps = features(count, side, n)
    picture = pixels(figures.draw_features(filters, digits, maps, TITLE, cell), tmp_path)
    lines = [slice(first, min(first + 32, count)) for first in range(0, count, 32)]
    rows = iter(figure_cells(picture, len(lines), cell + 4))

    def assert_shown(images, found):
        for image, cell in zip(images, found):
            np.testing.assert_allclose(small_image(cell, len(image)), shades(image), atol=2)

    for line in lines:
        assert_shown(np.moveaxis(filters[:, :, line], -1, 0), next(rows)[1:])
    for digit, its_maps in zip(digits.reshape(-1, 28, 28), maps):
        for line in lines:
            cells = next(rows)
            assert_shown([digit] if line.start == 0 else [], cells)
            assert_shown(np.moveaxis(its_maps[:, :, line], -1, 0), cells[1:])
    assert not list(rows)


def test_filters_are_numbered_from_1():
    (axes,) = figures.draw_features(*features(40, 7), TITLE).axes
    assert [text.get_text() for text in axes.texts] == [str(k + 1) for k in range(40)]


def test_figure_does_not_depend_on_the_users_settings(tmp_path):
    drawn = []
    for settings in ({}, {"figure.facecolor": "black", "text.color": "w", "text.usetex": True}):
        with matplotlib.rc_context(settings):
            drawn.append(pixels(figures.draw_features(*features(2, 14), TITLE), tmp_path))
    np.testing.assert_array_equal(*drawn)


def test_dollars_in_titles_are_no_formula(tmp_path):
    pixels(figures.draw_features(*features(2, 14), "run$x_$1\ntitle"), tmp_path)


# --------------------------------------------------------------------------------------- the file


def test_several_figures_are_saved_in_order_and_named(tmp_path, capsys):
    drawn = [figures.draw_features(*features(2, 14), title) for title in ("one\n", "two\n")]
    paths = [tmp_path / "1.png", tmp_path / "2.png"]
    figures.save(drawn, paths)
    assert [path.read_bytes() for path in paths] == [figures.as_png(f, dpi=200) for f in drawn]
    assert paths[0].read_bytes() != paths[1].read_bytes()
    assert capsys.readouterr().err.splitlines() == [f"figure: {path}" for path in paths]


def figure_of(program, monkeypatch):
    """Returns the bytes of a figure that this program has drawn."""
    with monkeypatch.context() as patch:
        patch.setattr(sys, "argv", [program])
        return figures.as_png(figures.draw_features(*features(2, 14), TITLE), dpi=100)


def test_figure_may_be_new_or_replace_an_earlier_one_and_is_not_touched_yet(tmp_path, monkeypatch):
    """Promise 3."""
    earlier = figure_of("somewhere/single_conv.py", monkeypatch)
    (tmp_path / "earlier.PNG").write_bytes(earlier)
    monkeypatch.setattr(sys, "argv", ["single_conv.py"])
    figures.check_png(tmp_path / "earlier.PNG", "--figure")
    figures.check_png(tmp_path / "new" / "figure.png", "--figure")
    assert (tmp_path / "earlier.PNG").read_bytes() == earlier
    assert list((tmp_path / "new").iterdir()) == []


PICTURES = {
    "single_conv.py": ["single_conv.png"],
    "visualize_filters.py": ["layer1.png", "layer2.png", "patches.png"],
}


@pytest.mark.parametrize("program", PICTURES)
def test_the_pages_pictures_may_be_drawn_again_in_their_place(program, monkeypatch):
    """By the commands under "Pictures" in docs/results.md."""
    monkeypatch.setattr(sys, "argv", [program])
    for name in PICTURES[program]:
        figures.check_png(ROOT / "docs" / "images" / name, "--figure")


def users_plot():
    buffer = io.BytesIO()
    plt.figure().savefig(buffer, format="png")
    return buffer.getvalue()


def users_scan():
    """A PNG file of so many pixels that Pillow does not open it; one pixel of them is there."""
    buffer = io.BytesIO()
    Image.new("L", (1, 1)).save(buffer, "PNG")
    png = buffer.getvalue()
    header = b"IHDR" + struct.pack(">IIBBBBB", 20000, 20000, 8, 0, 0, 0, 0)
    return png[:12] + header + struct.pack(">I", zlib.crc32(header)) + png[33:]


@pytest.mark.parametrize("whose", ["empty", "text", "user's plot", "scan", "another program's"])
def test_no_other_file_is_replaced_by_a_figure(tmp_path, monkeypatch, whose):
    """Promise 3."""
    contents = {"empty": b"", "text": b"my notes"}.get(whose)
    if whose == "user's plot":
        contents = users_plot()
    if whose == "scan":
        contents = users_scan()
    if whose == "another program's":
        contents = figure_of("visualize_filters.py", monkeypatch)
    (tmp_path / "mine.png").write_bytes(contents)
    monkeypatch.setattr(sys, "argv", ["single_conv.py"])
    with pytest.raises(Failure, match=r"mine.png was not drawn by .*; .* another --figure"):
        figures.check_png(tmp_path / "mine.png", "--figure")
    assert (tmp_path / "mine.png").read_bytes() == contents


def arguments(small_data, tmp_path):
    """The shortest run with a figure."""
    where = ["--data-dir", small_data, "--log-dir", tmp_path / "logs"]
    return ["single_conv.py", "--steps", 0, *where]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("figure.jpg", "figure.jpg is not a PNG file's name; choose another --figure"),
        ("folder.png", "folder.png is not a PNG file's name; choose another --figure"),
        ("file/figure.png", "file is a file, not a folder; choose another --figure"),
        ("drawing.png", "another --figure"),
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
    """Promises 3 and 4."""
    (tmp_path / "file").touch()
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "drawing.png").write_text("mine")
    (tmp_path / "locked").mkdir(0o555)
    args = [*arguments(small_data, tmp_path), "--figure", name]
    out, err = run(*args, folder=tmp_path, code=1)
    assert out == ""
    (line,) = err.splitlines()
    assert line.startswith("single_conv.py: ")
    assert line.endswith(message)
    assert (tmp_path / "drawing.png").read_text() == "mine"


# ------------------------------------------------------------------------------------ the window


def find_aborting_backend():
    sys.path.insert(0, os.getcwd())


@pytest.fixture(scope="module")
def without_windows(small_data, tmp_path_factory):
    """Two runs that cannot open a window, each in its own folder; they go side by side."""
    silent, aborting = (tmp_path_factory.mktemp(name) for name in ("silent", "aborting"))
    (aborting / "aborting.py").write_text("import os\n\nos.abort()\n")
    return {
        "silent": Running(
            *arguments(small_data, silent),
            folder=silent,
            environment={"MPLBACKEND": "TkAgg", "DISPLAY": ":98765"},
        ),
        "aborting": Running(
            *arguments(small_data, aborting),
            folder=aborting,
            environment={"MPLBACKEND": "module://aborting"},
            before=find_aborting_backend,
        ),
    }


def test_if_no_window_can_be_opened_the_figure_is_saved_and_one_line_tells_why(without_windows):
    """Promise 5: here, because the display does not answer."""
    running = without_windows["silent"]
    _, err = running.result()
    assert "figure: single_conv.png" in err.splitlines()
    assert err.splitlines()[-1].startswith("cannot open a window: ")
    picture = read_png(running.folder / "single_conv.png")
    assert figure_cells(picture, lines=1, pitch=60).shape[:2] == (13, 17)


def test_a_backend_that_ends_the_process_loses_nothing(without_windows):
    """Promise 5: pip's Qt calls abort() where libxcb is missing."""
    running = without_windows["aborting"]
    out, err = running.result(-signal.SIGABRT)
    assert "test accuracy" in out
    assert {line.split(":")[0] for line in err.splitlines()} >= {"figure", "curves"}
    assert (running.folder / "single_conv.png").is_file()


def test_window_of_a_large_figure_fits_a_screen_and_a_small_one_is_as_it_is(tmp_path, monkeypatch):
    sizes = {"wide": (3200, 900), "high": (1600, 1800), "small": (560, 200)}
    for name, size in sizes.items():
        Image.new("L", size).save(tmp_path / f"{name}.png")
    monkeypatch.setattr(plt, "get_backend", lambda: "not agg")
    figures.show([tmp_path / f"{name}.png" for name in sizes])
    windows = {name: plt.figure(name).get_size_inches() * 100 for name in sizes}
    assert {name: tuple(size) for name, size in windows.items()} == {
        "wide": (1600, 450),
        "high": (800, 900),
        "small": (560, 200),
    }


def wait_for_window(running, display, title):
    """Waits until a window is open; returns its number."""
    found = []

    def search():
        command = ["xdotool", "search", "--onlyvisible", "--name", title]
        process = subprocess.run(command, env={"DISPLAY": display}, capture_output=True, text=True)
        found[:] = process.stdout.split()
        return found

    wait_until(lambda: search() or not running.process.is_alive())
    assert found, running.stderr
    return found[0]


@pytest.fixture(scope="module")
def windows(display, small_data, tmp_path_factory):
    """single_conv.py, twice, with its window open: (the Running, the window's number) of each."""
    if not shutil.which("xdotool"):
        pytest.skip("needs xdotool")
    folder = tmp_path_factory.mktemp("windows")
    args, started = arguments(small_data, folder), {}
    for name in "one", "two":
        environment = {"DISPLAY": display, "MPLBACKEND": "TkAgg"}
        options = ["--figure", folder / f"{name}.png"]
        started[name] = Running(*args, *options, folder=folder, environment=environment)
    return {
        name: (running, wait_for_window(running, display, f"^{name}$"))
        for name, running in started.items()
    }


def test_on_a_display_a_window_opens_after_saving_and_stays_until_ctrl_c(windows):
    """Promise 5."""
    running, _ = windows["one"]
    assert (running.folder / "one.png").is_file()
    running.process.join(0.5)
    assert running.process.is_alive()
    running.send(signal.SIGINT)
    _, err = running.result(130)
    assert err.splitlines()[-1] == "single_conv.py: stopped"


def test_closing_the_window_ends_the_run(windows, display):
    running, number = windows["two"]
    command = ["xdotool", "windowfocus", number, "key", "q"]  # matplotlib's key to close a window

    def has_ended():
        subprocess.run(command, env={"DISPLAY": display}, stderr=subprocess.DEVNULL)
        return not running.process.is_alive()

    wait_until(has_ended)
    running.result()
