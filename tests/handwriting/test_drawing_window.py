"""The window of --draw: mouse and keys, what is then shown as pixels, and a real window."""

import shutil
import signal
import subprocess

import matplotlib.pyplot as plt
import numpy as np
import pytest
import tensorflow as tf
from digits import shades, small_image
from matplotlib.backend_bases import KeyEvent, MouseEvent
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from processes import SMALL, Running, run, wait_until

import double_conv
from handwriting import drawing_window
from handwriting.drawing_window import HEIGHT, PEN, WIDTH, DrawingWindow
from support import checkpoints, figures

SEVEN = [(110, 90), (280, 85), (190, 320)]
ONE = [(215, 70), (180, 320)]
ZERO = [(196 + 80 * np.sin(a), 196 - 120 * np.cos(a)) for a in np.linspace(0, 2 * np.pi, 30)]
LOOK = np.random.default_rng(0)
Y_CONV = np.array([0.02, 0.11, 0.07, 0.4, 0.05, 0.1, 0.03, 0.09, 0.07, 0.06])
H_POOL1, H_POOL2 = LOOK.random((14, 14, 32)), LOOK.random((7, 7, 64))


class Hand:
    """A window on a canvas without a display, and the mouse that draws in it.

    With 200 dpi, each of the pixels below is 2x2 of the canvas's.
    """

    def __init__(self, look=lambda image: (Y_CONV, H_POOL1, H_POOL2), dpi=100):
        self.scale = dpi // 100
        figure = Figure(figsize=(WIDTH / 100, HEIGHT / 100), dpi=dpi)
        self.canvas = FigureCanvasAgg(figure)
        self.images = []  # that the network has got
        self.window = DrawingWindow(
            figure, lambda image: (self.images.append(image), look(image))[1]
        )
        self.images.clear()

    def mouse(self, name, x, y, button=1):
        """Sends a mouse event at pixel (x, y), counted from the square's top left corner."""
        at = self.scale * (30 + x), self.scale * (HEIGHT - 40 - y)
        event = MouseEvent(f"{name}_event", self.canvas, *at, button)
        self.canvas.callbacks.process(event.name, event)

    def draw(self, points, button=1):
        self.mouse("button_press", *points[0], button)
        for point in points[1:]:
            self.mouse("motion_notify", *point, button)
        self.mouse("button_release", *points[-1], button)

    def press(self, key):
        event = KeyEvent("key_press_event", self.canvas, key)
        self.canvas.callbacks.process(event.name, event)

    def picture(self):
        """Returns the window's grey levels, as drawn last."""
        return np.asarray(self.canvas.buffer_rgba())[:: self.scale, :: self.scale, :3].mean(2)

    def ink(self):
        """Returns the ink in the square as drawn, from 0 to 1 [392, 392], without the frame."""
        ink = 1 - self.picture()[40 : 40 + 392, 30 : 30 + 392] / 255
        ink[:3], ink[-3:], ink[:, :3], ink[:, -3:] = 0, 0, 0, 0
        return ink

    def prediction(self):
        """Returns the text that tells the prediction."""
        (text,) = self.canvas.figure.texts
        return text.get_text()


def hand_after(points):
    hand = Hand()
    hand.draw(points)
    hand.canvas.draw()
    return hand


# --------------------------------------------------------------------------------- what is shown


def test_network_gets_the_drawn_digit_like_mnists_and_it_is_shown():
    hand = hand_after(SEVEN)
    (image,) = hand.images
    assert image.shape == (784,)
    assert image.dtype == np.float32
    rows, columns = np.nonzero(image.reshape(28, 28) > 0.5)
    assert rows.max() - rows.min() == 19  # MNIST's digits are 20 pixels high
    assert 12 <= columns.mean() <= 16
    at = 3 + 7 * np.arange(28)
    shown = hand.picture()[40 + at][:, 450 + at]
    np.testing.assert_allclose(shown, 255 * (1 - image.reshape(28, 28)), atol=2)


@pytest.mark.parametrize(("top", "maps"), [(40, H_POOL1), (264, H_POOL2)])
def test_feature_maps_of_both_layers_are_eight_in_a_row_in_order(top, maps):
    picture = hand_after(ONE).picture()
    for k in range(maps.shape[-1]):
        y, x = top + 46 * (k // 8), 686 + 46 * (k % 8)
        found = small_image(picture[y : y + 46, x : x + 46], len(maps))
        np.testing.assert_allclose(found, shades(maps[:, :, k]), atol=2)


@pytest.mark.parametrize(("layer", "rows"), [("layer 1", 4), ("layer 2", 8)])
def test_rows_of_feature_maps_are_numbered_by_their_first_map(layer, rows):
    (axes,) = (a for a in Hand().canvas.figure.axes if a.get_title(loc="left").startswith(layer))
    labels = {label.get_position()[1]: label.get_text() for label in axes.get_yticklabels()}
    assert labels == {46 * (row + 0.5): str(8 * row + 1) for row in range(rows)}  # 46 pixels each


def test_bars_are_the_probabilities_and_the_predictions_is_black():
    hand = hand_after(ONE)
    chart = hand.picture()[476 : 476 + 136, 30 : 30 + 616]
    for digit, p in enumerate(Y_CONV):
        bar = chart[:, round(61.6 * (digit + 0.5)) - 10 : round(61.6 * (digit + 0.5)) + 10]
        top = np.flatnonzero(bar.max(1) < 230)[0]
        assert top == pytest.approx(136 * (1 - p), abs=1.5)
        expected = 0 if digit == 3 else 0.6 * 255
        np.testing.assert_allclose(bar[top + 2 : 134], expected, atol=2)
    assert hand.prediction() == "3 (0.4000)"


def test_hint_is_shown_until_the_pen_is_down():
    hand = Hand()
    middle = np.s_[186:206]
    assert hand.ink()[middle].max() > 0.2
    hand.mouse("button_press", 40, 40)
    assert hand.ink()[middle].max() == 0
    hand.mouse("button_release", 40, 40)
    hand.canvas.draw()
    assert hand.ink()[middle].max() == 0


def test_empty_window_has_no_prediction_no_bars_and_no_maps():
    hand = Hand()
    assert hand.prediction() == ""
    picture = hand.picture()
    assert picture[476 : 476 + 134, 40:640].min() == 255
    inside = small_image(picture[40 : 40 + 46, 686 : 686 + 46], 14)
    assert inside.min() == 255


@pytest.mark.parametrize("way", ["key", "button"])
def test_clear_makes_the_window_as_it_was(way):
    hand = Hand()
    empty = hand.picture().copy()
    hand.draw(ZERO)
    hand.canvas.draw()
    assert np.any(hand.picture() != empty)
    if way == "key":
        hand.press("c")
    else:
        for event in "button_press", "button_release":
            hand.mouse(event, 520, 374)
    hand.canvas.draw()
    np.testing.assert_array_equal(hand.picture(), empty)
    assert hand.prediction() == ""


# ------------------------------------------------------------------------------------- the mouse


def test_few_mouse_events_make_a_connected_line_of_the_pens_width():
    """An eighth of a digit's height: the square is to a digit as 28 pixels are to 20."""
    assert pytest.approx(392 * 20 / 28 / 8, abs=0.5) == PEN
    ink = hand_after([(50, 100), (350, 100)]).ink()
    assert np.all(ink[100, 51:350] > 0.98)
    assert ink[:, 200].sum() == pytest.approx(PEN, abs=1)


def test_click_makes_a_dot():
    ink = hand_after([(100, 200)]).ink()
    assert ink.sum() == pytest.approx(np.pi / 4 * PEN**2, rel=0.02)
    assert ink[200, 100] > 0.98


@pytest.mark.parametrize("dpi", [100, 200])
def test_ink_is_shown_while_it_is_drawn_as_it_is_afterwards(dpi):
    hand = Hand(dpi=dpi)
    hand.mouse("button_press", *SEVEN[0])
    hand.mouse("motion_notify", *SEVEN[1])
    during = hand.ink()
    hand.mouse("button_release", *SEVEN[1])
    hand.canvas.draw()
    assert np.abs(during - hand.ink()).mean() < 0.004
    assert np.sum(hand.ink() > 0.5) > 1000


def test_line_leaves_the_square_and_comes_back():
    ink = hand_after([(300, 100), (500, 100), (500, 300), (300, 300)]).ink()
    assert ink[100, 388] > 0.98
    assert ink[300, 388] > 0.98
    assert ink[200].sum() == 0


@pytest.mark.parametrize(("button", "start"), [(3, (100, 100)), (1, (405, 100))])
def test_other_buttons_and_lines_from_outside_draw_nothing(button, start):
    hand = Hand()
    hand.draw([start, (300, 200)], button)
    hand.canvas.draw()
    assert not hand.images
    assert hand.ink().max() < 0.5  # no more than the hint, which is grey
    assert hand.prediction() == ""


@pytest.fixture(scope="module")
def posts_network(reference_dir):
    network = double_conv.DoubleConv()
    checkpoints.restore(network, reference_dir / "train_data-20000")
    return network


@pytest.mark.parametrize(("digit", "points"), [(1, ONE), (7, SEVEN), (0, ZERO)])
def test_the_posts_network_reads_drawn_digits(posts_network, digit, points):
    def look(image):
        layers = posts_network(image[np.newaxis])
        return [layer.numpy()[0] for layer in (layers.y_conv, layers.h_pool1, layers.h_pool2)]

    hand = Hand(look)
    hand.draw(points)
    assert hand.prediction().startswith(f"{digit} (")


# --------------------------------------------------------------------------------- a real window


def test_matplotlibs_own_keys_do_nothing(monkeypatch, tmp_path):
    seen = []

    def press_keys():
        figure = plt.gcf()
        for key in "l", "k", "q", "s", "g", "f", "ctrl+w", "ctrl+s":
            event = KeyEvent("key_press_event", figure.canvas, key, 300, 100)
            figure.canvas.callbacks.process(event.name, event)
        seen.append(plt.fignum_exists(figure.number))
        seen.extend((axes.get_xscale(), axes.get_yscale()) for axes in figure.axes)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(figures, "show_until_closed", press_keys)
    plt.switch_backend("agg")
    drawing_window.open_window(lambda image: (Y_CONV, H_POOL1, H_POOL2))
    plt.close("all")
    assert seen == [True] + 6 * [("linear", "linear")]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("environment", [{}, {"DISPLAY": ":98765"}])
def test_without_a_display_one_line_tells_what_is_needed(environment):
    out, err = run("handwriting", "--draw", environment=environment, code=1)
    needed = "a display, and a GUI toolkit: apt install python3-tk, or pip install PySide6"
    assert (out, err) == ("", f"python -m handwriting: --draw needs a terminal with {needed}\n")


@pytest.fixture
def window(display, tmp_path, monkeypatch):
    """python -m handwriting --draw, running with its window open: (the Running, xdotool)."""
    if not shutil.which("xdotool"):
        pytest.skip("needs xdotool")
    monkeypatch.setattr(double_conv, "num_fc", SMALL["num_fc"])
    network = double_conv.DoubleConv()
    tf.train.Checkpoint(network=network).write(str(tmp_path / "train_data-7"))
    running = Running(
        "handwriting",
        "--draw",
        *("--checkpoint", tmp_path / "train_data-7"),
        environment={"DISPLAY": display, "MPLBACKEND": "TkAgg"},
        constants=SMALL,
        before=close_at_z,
    )

    def xdotool(*args):
        args = ["xdotool", *map(str, args)]
        result = subprocess.run(args, env={"DISPLAY": display}, capture_output=True, text=True)
        return result.stdout

    wait_until(lambda: xdotool("search", "--onlyvisible", "--name", "Draw a digit"))
    return running, xdotool


def close_at_z():
    """Lets the key z close the window as a window manager does: Xvfb has none."""

    def close(event):
        if event.key == "z":
            window = event.canvas.manager.window
            window.tk.call(window.protocol("WM_DELETE_WINDOW"))

    original = DrawingWindow.__init__

    def init(self, figure, look):
        original(self, figure, look)
        figure.canvas.mpl_connect("key_press_event", close)

    DrawingWindow.__init__ = init


def test_window_stays_until_ctrl_c_and_one_line_tells_so(window):
    running, xdotool = window
    xdotool("mousemove", 150, 150, "mousedown", 1, "mousemove", 200, 300, "mouseup", 1, "key", "q")
    running.process.join(0.5)
    assert running.process.is_alive()
    running.send(signal.SIGINT)
    out, err = running.result(130)
    assert out == ""
    assert err.splitlines()[1:] == ["python -m handwriting: stopped"]


def test_closing_the_window_ends_the_run(window):
    running, xdotool = window
    number = xdotool("search", "--onlyvisible", "--name", "Draw a digit").split()[0]
    xdotool("windowfocus", number, "key", "z")
    _, err = running.result()
    assert len(err.splitlines()) == 1  # restored
