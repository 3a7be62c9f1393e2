"""Figures: every cell in its place, and a file if no window can be opened."""

import contextlib
import os
import signal

from support import figures, files
from support.terminal import Failure

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from processes import SMALL
from windows import close_soon, open_windows, wait_for


def test_contact_sheet_puts_each_cell_in_its_place():
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


def test_constant_image_is_white():
    assert set(np.unique(figures.contact_sheet([[np.full([2, 2], 7.0)]], 28))) == {0, 0.5}


def features():
    """Arguments for draw_features: 2 filters, 1 digit, its maps, a title."""
    random = np.random.default_rng(0).random
    return random((5, 5, 2)), random((1, 784)), random((1, 14, 14, 2)), "a title\nof two lines"


def save(path, window=False):
    figures.select_backend(window)
    figures.show_or_save([figures.draw_features(*features())], [path])


def test_figure_does_not_depend_on_the_users_settings(tmp_path):
    drawn = []
    for settings in ({}, {"figure.facecolor": "black", "text.color": "w", "text.usetex": True}):
        path = tmp_path / "figure.png"
        with matplotlib.rc_context(settings):
            save(path)
        drawn.append(path.read_bytes())
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize(("count", "width"), [(32, 1072), (2, 560)])
def test_figure_has_at_most_32_filters_per_row_and_room_for_its_title(count, width):
    random = np.random.default_rng(0).random
    filters, maps = random((5, 5, count)), random((1, 14, 14, count))
    figure = figures.draw_features(filters, random((1, 784)), maps, "a title\nof two lines")
    size = figure.get_size_inches() * 100
    np.testing.assert_allclose(size, [width, 44 + 2 * 32 + 8])


def test_title_is_above_the_sheet_and_in_the_figure():
    figure = figures.draw_features(*features())
    (text,), (axes,) = figure.texts, figure.axes
    assert text.get_text() == "a title\nof two lines"
    box = text.get_window_extent()
    assert box.y0 >= axes.get_window_extent().y1
    assert box.y1 <= figure.bbox.y1


def test_old_figure_is_replaced_and_not_written_over(tmp_path):
    path, old = tmp_path / "figure.png", tmp_path / "old.png"
    path.write_bytes(b"old")
    os.link(path, old)  # another name of the same file
    save(path)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert old.read_bytes() == b"old"


@pytest.mark.parametrize("name", ["figure.png", "FIGURE.PNG", "Figure.Png"])
def test_name_of_a_png_file_may_be_in_capitals(tmp_path, name):
    files.check_png(tmp_path / name, "--figure")


@pytest.mark.parametrize("name", ["figure", "figure.jpg", "png", ".png"])
def test_other_names_are_refused(tmp_path, name):
    with pytest.raises(Failure, match="is not a PNG file's name; choose another --figure"):
        files.check_png(tmp_path / name, "--figure")


@pytest.mark.parametrize("shown", [True, False])
def test_files_are_checked_only_if_they_will_be_written(tmp_path, monkeypatch, shown):
    monkeypatch.setattr(figures, "try_window", lambda: shown)
    (tmp_path / "figure.png").mkdir()
    fails = pytest.raises(Failure, match="choose another --figure")
    with contextlib.nullcontext() if shown else fails:
        figures.prepare([tmp_path / "figure.png"], "--figure", window=True)


def test_dollars_in_a_title_are_no_formula(tmp_path):
    figure = figures.draw_features(*features()[:3], "run$x_$1\ntitle")
    figures.as_png(figure, dpi=100)
    images, y_conv = np.zeros([1, 784]), np.eye(10)[:1]
    figures.as_png(figures.draw_predictions(images, y_conv, "run$x_$1\n", names=["$_$"]), dpi=100)


def test_no_window_is_opened_unless_asked_for(monkeypatch):
    monkeypatch.setattr(figures, "MPLBACKEND", "svg")  # stands for one with windows
    figures.select_backend(window=True)
    assert plt.get_backend() == "svg"
    figures.select_backend(window=False)
    assert plt.get_backend() == "agg"


def test_windows_stay_until_they_are_closed_and_nothing_is_saved(tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(figures, "show_until_closed", lambda: shown.append(True))
    figures.select_backend(window=False)
    figure = figures.draw_features(*features())
    monkeypatch.setattr(type(figure.canvas), "required_interactive_framework", "tk")
    figures.show_or_save([figure], [tmp_path / "figure.png"])
    assert shown == [True]
    assert not list(tmp_path.iterdir())


def test_several_figures_are_saved_in_order(tmp_path, capsys):
    figures.select_backend(window=False)
    drawn = [figures.draw_features(*features()[:3], title) for title in ("one\n", "two\n")]
    paths = [tmp_path / "1.png", tmp_path / "2.png"]
    figures.show_or_save(drawn, paths)
    assert [path.read_bytes() for path in paths] == [figures.as_png(f, dpi=200) for f in drawn]
    assert paths[0].read_bytes() != paths[1].read_bytes()
    assert capsys.readouterr().err.splitlines() == [f"figure: {path}" for path in paths]


def test_figure_follows_a_link_and_the_umask(tmp_path):
    (tmp_path / "link.png").symlink_to(tmp_path / "real.png")
    before = os.umask(0o027)
    try:
        save(tmp_path / "link.png")
    finally:
        os.umask(before)
    assert (tmp_path / "link.png").is_symlink()
    assert (tmp_path / "real.png").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("backend", ["TkAgg", "WebAgg", "module://no_such_module"])
def test_figure_is_saved_if_the_display_is_gone(tmp_path, monkeypatch, capsys, backend):
    monkeypatch.setattr(figures, "MPLBACKEND", backend)
    monkeypatch.setenv("DISPLAY", ":987654")
    save(tmp_path / "figure.png", window=True)
    assert (tmp_path / "figure.png").exists()
    assert capsys.readouterr().err.splitlines()[-1] == f"figure: {tmp_path / 'figure.png'}"


def test_wrong_mplbackend_does_not_stop_a_run(programs):
    code, _, err, folder = programs("variables")
    assert code == 0, err
    assert "saving to a file instead" in err
    assert err.splitlines()[-1] == "figure: single_conv.png"
    assert (folder / "single_conv.png").exists()


def test_window_opens_on_a_display_and_stays(small_data, tmp_path, display):
    args = ["--steps", 0, "--data-dir", small_data, "--log-dir", tmp_path / "logs"]
    running = open_windows(display, "single_conv.py", *args, folder=tmp_path)
    running.process.join(0.5)
    assert running.process.is_alive()
    assert not (tmp_path / "single_conv.png").exists()
    running.send(signal.SIGTERM)
    _, err = running.result(128 + signal.SIGTERM)
    assert err.splitlines()[-1] == "single_conv.py: stopped"


def test_a_signal_is_noticed_after_one_of_two_windows_was_closed(
    undisturbed, small_data, tmp_path, display
):
    args = ["visualize_filters.py", undisturbed[0] / "train_data-60", "--data-dir", small_data]
    options = {"folder": tmp_path, "constants": SMALL}
    running = open_windows(display, *args, then=close_soon, **options)
    wait_for(running, "closed\n")
    running.send(signal.SIGTERM)
    running.result(128 + signal.SIGTERM)
