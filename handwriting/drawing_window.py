"""The window of --draw: a square to draw a digit in, and what the network computes from it."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.widgets import Button

from handwriting import predictions
from handwriting.form import like_mnist
from support import figures, terminal
from support.terminal import Failure

# Lengths are pixels at 100 dpi; positions are counted from the window's top left corner.
WIDTH, HEIGHT = 1084, 666
SIDE = 392  # of the square to draw in
PEN = 0.09 * SIDE  # its diameter: an eighth of a typical digit's height, as in MNIST
CELL = 42  # of a feature map: enlarges layer 1's pixels three times, layer 2's six times


def add_segment(ink, start, end):
    """Adds a line with round ends, PEN wide, to ink, float [h, w]; a point is an (x, y)."""
    x = np.arange(ink.shape[1]) - start[0]  # [w]
    y = np.arange(ink.shape[0])[:, np.newaxis] - start[1]  # [h, 1]
    dx, dy = end[0] - start[0], end[1] - start[1]
    # From 0 (start) to 1 (end): the point of the line that is nearest to each pixel.
    nearest = np.clip((x * dx + y * dy) / (dx * dx + dy * dy or 1), 0, 1)  # [h, w]
    distance = np.hypot(x - nearest * dx, y - nearest * dy)
    np.maximum(ink, np.clip((PEN + 1) / 2 - distance, 0, 1), out=ink)


class DrawingWindow:
    """Lays out a figure of WIDTH x HEIGHT pixels and responds to its mouse and keyboard.

    compute(image), image float32 [784], returns arrays: y_conv [10], h_pool1 [14, 14, 32] and
    h_pool2 [7, 7, 64].
    """

    def __init__(self, figure, compute):
        self.figure, self.compute = figure, compute
        self.ink = np.zeros([SIDE, SIDE])  # from 0 (paper) to 1 (ink)
        self.pen = None  # its (x, y) in the ink while the mouse button is down
        # TensorFlow's first call is slow, so it is made before the first digit is drawn.
        self.no_layers = [np.zeros_like(layer) for layer in compute(np.zeros(784, np.float32))]

        self.square = self.add_panel(30, 40, SIDE, SIDE, "your digit")
        self.paper = self.add_image(self.square, SIDE, SIDE)
        self.paper.set_interpolation("bilinear")
        style = {"color": "black", "solid_capstyle": "round"}
        (self.segment,) = self.square.plot([], [], scalex=False, scaley=False, **style)
        middle = {"ha": "center", "va": "center", "transform": self.square.transAxes}
        self.hint = self.square.text(0.5, 0.5, "draw a digit here", color="0.6", **middle)

        self.input = self.add_image(self.add_panel(450, 40, 196, 196, "input: 28x28"), 28, 28)
        button = self.add_panel(450, 396, 196, 36)
        self.button = Button(button, "clear (c)", color="white", hovercolor="0.93")
        self.button.on_clicked(lambda event: self.clear())

        self.chart = self.add_panel(30, 476, 616, 136, "probabilities")
        self.chart.set(xticks=range(10), xlim=(-0.5, 9.5), ylim=(0, 1))
        self.chart.tick_params(length=0)
        self.chart.spines[["left", "top", "right"]].set_visible(False)
        self.bars = self.chart.bar(range(10), 0, linewidth=0)
        self.prediction = figure.text(548 / WIDTH, 1 - 316 / HEIGHT, "", fontsize=24, ha="center")

        pitch = CELL + 4  # of figures.contact_sheet
        panel = self.add_panel(686, 40, 8 * pitch, 4 * pitch, "layer 1: 32 feature maps, 14x14")
        self.layer1 = self.add_image(panel, 8 * pitch, 4 * pitch)
        panel = self.add_panel(686, 264, 8 * pitch, 8 * pitch, "layer 2: 64 feature maps, 7x7")
        self.layer2 = self.add_image(panel, 8 * pitch, 8 * pitch)
        for image, rows in (self.layer1, 4), (self.layer2, 8):
            image.axes.set_frame_on(False)
            # To the left of a row is the number of its first map; they count from 1.
            image.axes.set_yticks((np.arange(rows) + 0.5) * pitch, 8 * np.arange(rows) + 1)
            image.axes.tick_params(length=0)

        connect = figure.canvas.mpl_connect
        connect("button_press_event", self.pen_down)
        connect("motion_notify_event", self.pen_move)
        connect("button_release_event", self.pen_up)
        connect("key_press_event", lambda event: event.key == "c" and self.clear())
        self.clear()

    def add_panel(self, x, y, width, height, title=""):
        """Returns new axes without ticks."""
        box = x / WIDTH, 1 - (y + height) / HEIGHT, width / WIDTH, height / HEIGHT
        axes = self.figure.add_axes(box, xticks=[], yticks=[])
        axes.set_title(title, loc="left", fontsize=10)
        axes.spines[:].set_color("0.5")
        return axes

    def add_image(self, axes, width, height):
        """Fills the axes with an image, still white, of values from 0 (white) to 1 (black)."""
        style = {"cmap": "gray_r", "vmin": 0, "vmax": 1, "interpolation": "nearest"}
        return axes.imshow(np.zeros([height, width]), aspect="auto", **style)

    def pen_down(self, event):
        """Starts a stroke."""
        if event.button == 1 and event.inaxes is self.square:
            self.hint.set_visible(False)
            self.figure.draw_artist(self.square)
            points_per_pixel = self.square.bbox.width / SIDE * 72 / self.figure.dpi
            self.segment.set_linewidth(PEN * points_per_pixel)
            self.pen = self.position(event)
            self.pen_move(event)  # a click makes a dot

    def pen_move(self, event):
        """Adds a segment to the ink, and draws it and nothing else."""
        if self.pen:
            start, self.pen = self.pen, self.position(event)
            add_segment(self.ink, start, self.pen)
            self.segment.set_data(*zip(start, self.pen))
            self.figure.draw_artist(self.segment)
            self.figure.canvas.blit(self.square.bbox)

    def pen_up(self, event):
        """Ends the stroke, and shows what the network computes from the digit."""
        if event.button == 1 and self.pen:
            self.pen = None
            image = like_mnist(self.ink)
            self.show(image, *self.compute(image))

    def position(self, event):
        """Returns the mouse's (x, y) in the ink; event.xdata is None outside of the square."""
        return tuple(self.square.transData.inverted().transform((event.x, event.y)))

    def clear(self):
        """Erases the ink."""
        self.pen = None
        self.ink[:] = 0
        self.hint.set_visible(True)
        self.show(np.zeros(784), *self.no_layers)

    def show(self, image, y_conv, h_pool1, h_pool2):
        """Shows the ink, and what the network gets and computes; all 0 if there is no ink."""
        self.paper.set_data(self.ink)
        self.segment.set_data([], [])
        self.input.set_data(image.reshape(28, 28))
        for sheet, maps in (self.layer1, h_pool1), (self.layer2, h_pool2):
            rows = np.moveaxis(maps, -1, 0).reshape(-1, 8, *maps.shape[:2])  # 8 maps in a row
            sheet.set_data(figures.contact_sheet(rows, CELL))
        predicted = y_conv.argmax()
        for digit, bar in enumerate(self.bars):
            bar.set(height=y_conv[digit], color="black" if digit == predicted else "0.6")
        text = f"{predicted} ({predictions.probability(y_conv[predicted])})" if y_conv.any() else ""
        self.prediction.set_text(text)
        self.figure.canvas.draw_idle()


def check_display():
    """Raises a Failure that tells what is needed if matplotlib cannot open a window."""
    try:
        figure = plt.figure()
        opens_windows = figure.canvas.required_interactive_framework is not None
        plt.close(figure)
    except Exception:  # each GUI toolkit raises its own
        opens_windows = False
    if terminal.in_notebook() or not opens_windows:
        needed = "a display, and a GUI toolkit: apt install python3-tk, or pip install PySide6"
        raise Failure(f"--draw needs a terminal with {needed}")


@figures.in_default_style
def open_window(compute):
    """Opens the window and returns when it is closed; DrawingWindow describes compute."""
    with matplotlib.rc_context({"toolbar": "None"}):
        size = WIDTH / 100, HEIGHT / 100
        figure = plt.figure("Draw a digit", figsize=size, dpi=100)
        # Otherwise matplotlib's own keys would e.g. make the chart logarithmic.
        figure.canvas.mpl_disconnect(figure.canvas.manager.key_press_handler_id)
        figure.window = DrawingWindow(figure, compute)  # matplotlib keeps only weak references
        figures.show_until_closed()
