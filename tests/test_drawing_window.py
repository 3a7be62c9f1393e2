"""The window of --draw: mouse and keys on a canvas without a display, and a real window."""

import functools
import os
import signal
import sys

from support import checkpoints, drawing_window
from support.drawing_window import DrawingWindow

import numpy as np
import pytest
from matplotlib.backend_bases import KeyEvent, MouseEvent
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from processes import SMALL, nothing, run
from windows import close_soon, open_windows

from double_conv import DoubleConv

SEVEN = [(110, 90), (280, 85), (190, 320)]
ONE = [(215, 70), (180, 320)]
ZERO = [(196 + 80 * np.sin(a), 196 - 120 * np.cos(a)) for a in np.linspace(0, 2 * np.pi, 30)]


def look_at_nothing(image):
    """A network whose prediction is 3, whatever the image is."""
    return np.eye(10)[3], np.ones([14, 14, 32]), np.ones([7, 7, 64])


class Hand:
    """A window on a canvas without a display, and the mouse that draws in it."""

    def __init__(self, look=look_at_nothing):
        figure = Figure(figsize=(drawing_window.WIDTH / 100, drawing_window.HEIGHT / 100), dpi=100)
        self.canvas = FigureCanvasAgg(figure)
        self.images = []  # that the network has got
        self.window = DrawingWindow(
            figure, lambda image: (self.images.append(image), look(image))[1]
        )
        self.images.clear()

    def mouse(self, event, point, button=1, axes=None):
        """Sends a mouse event at a point of the square, or of other axes."""
        x, y = (axes or self.window.square).transData.transform(point)
        name = {"press": "button_press", "move": "motion_notify", "release": "button_release"}
        event = MouseEvent(f"{name[event]}_event", self.canvas, x, y, button)
        self.canvas.callbacks.process(event.name, event)

    def draw(self, points, button=1):
        self.mouse("press", points[0], button)
        for point in points[1:]:
            self.mouse("move", point, button)
        self.mouse("release", points[-1], button)

    def press(self, key):
        event = KeyEvent("key_press_event", self.canvas, key)
        self.canvas.callbacks.process(event.name, event)

    def shown(self):
        """Returns the pixels of the figure, as drawn last."""
        return np.asarray(self.canvas.buffer_rgba()).copy()


@pytest.fixture(scope="module")
def network(reference_dir):
    network = DoubleConv()
    checkpoints.restore(network, reference_dir / "train_data-20000")
    return network


@pytest.mark.parametrize(("digit", "points"), [(1, ONE), (7, SEVEN), (0, ZERO)])
def test_drawn_digit_is_predicted(network, digit, points):
    def look(image):
        layers = network(image[np.newaxis])
        return [layer.numpy()[0] for layer in (layers.y_conv, layers.h_pool1, layers.h_pool2)]

    hand = Hand(look)
    hand.draw(points)
    assert hand.window.prediction.get_text().startswith(f"{digit} (")


def test_network_gets_the_image_and_its_output_is_shown():
    hand = Hand()
    hand.draw(SEVEN)
    (image,) = hand.images
    assert image.shape == (784,)
    assert image.dtype == np.float32
    assert 0.9 < image.max() <= 1
    np.testing.assert_array_equal(hand.window.input.get_array(), image.reshape(28, 28))
    assert hand.window.prediction.get_text() == "3 (1.0000)"
    assert [bar.get_height() for bar in hand.window.bars] == [0, 0, 0, 1] + [0] * 6


def test_feature_maps_are_shown_each_in_its_place():
    maps = np.zeros([14, 14, 32])
    maps[0, 0, 9] = 1
    hand = Hand(lambda image: (np.eye(10)[3], maps, np.zeros([7, 7, 64])))
    hand.draw(ONE)
    sheet = hand.window.layer1.get_array()
    assert sheet.shape == (4 * 46, 8 * 46)
    assert np.argwhere(sheet == 1).min(0).tolist() == [46 + 2, 46 + 2]  # second row and column


def test_few_mouse_events_make_a_connected_line_of_the_pens_width():
    hand = Hand()
    hand.draw([(50, 100), (350, 100)])
    assert np.all(hand.window.ink[100, 50:351] == 1)
    assert hand.window.ink[:, 200].sum() == pytest.approx(drawing_window.PEN, abs=0.5)


def test_click_makes_a_dot():
    hand = Hand()
    hand.draw([(100, 200)])
    area = np.pi / 4 * drawing_window.PEN**2
    assert hand.window.ink.sum() == pytest.approx(area, rel=0.01)


def test_ink_is_shown_while_it_is_drawn_as_it_is_afterwards():
    hand = Hand()
    hand.mouse("press", SEVEN[0])
    hand.mouse("move", SEVEN[1])
    during = hand.shown()
    hand.mouse("release", SEVEN[1])
    square = np.s_[41:430, 32:420]
    difference = np.abs(during[square].astype(int) - hand.shown()[square])
    assert difference.mean() < 1
    assert np.sum(hand.shown()[square] < 128) > 1000


def test_line_leaves_the_square_and_comes_back():
    hand = Hand()
    hand.draw([(300, 100), (500, 100), (500, 300), (300, 300)])
    assert hand.window.ink[100, 391] == hand.window.ink[300, 391] == 1
    assert hand.window.ink[200].sum() == 0


@pytest.mark.parametrize(("button", "start"), [(3, (100, 100)), (1, (500, 100))])
def test_other_buttons_and_lines_from_outside_draw_nothing(button, start):
    hand = Hand()
    hand.draw([start, (300, 200)], button)
    assert hand.window.ink.sum() == 0
    assert not hand.images


@pytest.mark.parametrize("way", ["key", "button"])
def test_clear_makes_the_window_as_it_was(way):
    hand = Hand()
    empty = hand.shown()
    hand.draw(ZERO)
    assert np.any(hand.shown() != empty)
    if way == "key":
        hand.press("c")
    else:
        hand.mouse("press", (0.5, 0.5), axes=hand.window.button.ax)
        hand.mouse("release", (0.5, 0.5), axes=hand.window.button.ax)
    assert hand.window.ink.sum() == 0
    np.testing.assert_array_equal(hand.shown(), empty)


def hide_the_toolkits():
    os.environ["DISPLAY"] = ":1"
    for name in ("tkinter", "_tkinter", "PySide6", "PyQt6", "PySide2", "PyQt5", "wx", "gi"):
        sys.modules[name] = None


def set_a_wrong_display():
    os.environ["DISPLAY"] = ":987654"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, there is a display")
@pytest.mark.parametrize(
    ("before", "message"),
    [
        (nothing, "--draw needs a display; neither DISPLAY nor WAYLAND_DISPLAY is set"),
        (set_a_wrong_display, "--draw needs a display; cannot open a window on :987654"),
        (hide_the_toolkits, "--draw needs a GUI toolkit for matplotlib: apt install python3-tk"),
    ],
)
def test_one_line_tells_what_a_window_needs(before, message):
    if before is set_a_wrong_display:
        pytest.importorskip("tkinter")
    out, err = run("visualize_filters.py", "--draw", before=before, code=1)
    assert out == ""
    assert err.startswith(f"visualize_filters.py: {message}")
    assert err.count("\n") == 1


@pytest.fixture
def draw(undisturbed, display):
    """Returns a function that opens the window of --draw; its options are open_windows's."""
    args = ["visualize_filters.py", undisturbed[0] / "train_data-60", "--draw"]
    return functools.partial(open_windows, display, *args, constants=SMALL)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_closes_a_window_with_one_line(draw, number):
    running = draw()
    running.process.join(0.5)
    assert running.process.is_alive()  # the window stays open
    running.send(number)
    out, err = running.result(128 + number)
    assert out == "shown\n"
    assert err.splitlines()[1:] == ["visualize_filters.py: stopped"]


def test_closing_the_window_ends_the_run(draw):
    out, err = draw(then=close_soon).result()
    assert out == "shown\nclosed\n"
    assert err.splitlines()[1:] == []
