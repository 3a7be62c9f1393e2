"""Figures of filters and feature maps: many small images in one, in a window or a PNG file."""

import io
import signal
import warnings

from support import MPLBACKEND
from support.files import behind_links, check_png, write_whole
from support.terminal import Failure, reason, say, stop

import matplotlib.pyplot as plt
import matplotlib.style
import numpy as np
from matplotlib.legend_handler import HandlerTuple

# Matplotlib's font lacks e.g. Japanese: such letters of a file's name are boxes in a figure.
warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
# The user's matplotlibrc does not change how the figures look.
in_default_style = matplotlib.style.context("default")


def contact_sheet(rows, cell):
    """Tiles small square images into one: float [height, width] from 0 (white) to 1 (black).

    A row is a list of [h, h] arrays, or None for an empty cell. Each image is rescaled to 0...1 by
    its own minimum and maximum, enlarged by the largest integer that fits `cell`, and framed.
    """
    pitch = cell + 4
    sheet = np.zeros([len(rows) * pitch, max(map(len, rows)) * pitch])
    for top, row in enumerate(rows):
        for left, image in enumerate(row):
            if image is not None:
                image = (image - image.min()) / (np.ptp(image) or 1)
                scale = cell // len(image)
                framed = np.pad(np.kron(image, np.ones([scale, scale])), 1, constant_values=0.5)
                y, x = (at * pitch + (pitch - len(framed)) // 2 for at in (top, left))
                sheet[y : y + len(framed), x : x + len(framed)] = framed
    return sheet


@in_default_style
def draw_features(filters, images, maps, title, cell=28):
    """Draws filters [h, w, n], at most 32 per row, and returns a matplotlib figure.

    Below them, each of the digits, images [count, 784], is followed by its feature maps, maps
    [count, h, w, n], laid out like the filters. The title has two lines; cells are `cell` pixels.
    """
    rows, columns = [], min(filters.shape[-1], 32)
    for first, features in zip([None, *images.reshape(-1, 28, 28)], [filters, *maps]):
        cells = list(np.moveaxis(features, -1, 0))
        for i in range(0, len(cells), columns):
            rows.append([None if i else first, *cells[i : i + columns]])
    sheet = contact_sheet(rows, cell)
    margin, head = 8, 44  # pixels; the title is in the head
    width, height = max(sheet.shape[1] + 2 * margin, 560), sheet.shape[0] + margin + head
    figure = plt.figure(figsize=(width / 100, height / 100), dpi=100)
    box = margin / width, margin / height, sheet.shape[1] / width, sheet.shape[0] / height
    axes = figure.add_axes(box, frameon=False, xticks=[], yticks=[])
    axes.imshow(sheet, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest", aspect="auto")
    style = {"fontsize": 9, "va": "top", "linespacing": 1.4, "parse_math": False}
    figure.text(box[0], 1 - 8 / height, title, **style)
    return figure


@in_default_style
def draw_predictions(images, y_conv, title, labels=None, names=None):
    """Draws each digit beside a bar chart of its ten probabilities; returns a matplotlib figure.

    images is float32 [n, 784], y_conv [n, 10]. The digits' titles tell the prediction and labels,
    int [n], or else names, a list of n strings. The figure's title has two lines.
    """
    count, columns = len(images), min(len(images), 5)
    width, height, margin, head = 250, 112, 12, 72  # pixels; title and legend are in the head
    total_width = max(columns * width + 2 * margin, 560)
    total_height = -(-count // columns) * height + head
    figure = plt.figure(figsize=(total_width / 100, total_height / 100), dpi=100)
    axes = figure.add_axes((0, 0, 1, 1), frameon=False, xticks=[], yticks=[])
    # One set of axes, in pixels, for all: two for each digit would take seconds to draw.
    left = margin + np.arange(count) % columns * width  # [n]
    top = head + np.arange(count) // columns * height  # [n]
    floor = top + 80  # where the bars stand
    bar_x = left[:, np.newaxis] + 80 + 15 * np.arange(10)  # [n, 10]

    predicted, each = y_conv.argmax(1), np.arange(count)
    for i, image in enumerate(images):
        box = left[i], left[i] + 60, floor[i], floor[i] - 60
        image = image.reshape(28, 28)
        axes.imshow(image, "gray_r", vmin=0, vmax=1, interpolation="nearest", extent=box)
        if labels is None:
            name = names[i] if len(names[i]) <= 28 else f"{names[i][:12]}...{names[i][-13:]}"
            text = f"{name}: {predicted[i]}"
        else:
            text = f"label {labels[i]}, predicted {predicted[i]}"
        axes.text(left[i], floor[i] - 66, text, fontsize=8, parse_math=False)
    frame = 60 * np.array([[0, 1, 1, 0, 0], [0, 0, 1, 1, 0]])[..., np.newaxis]
    axes.plot(left + frame[0], floor - frame[1], color="0.5", linewidth=0.8)
    axes.hlines(floor, left + 72, left + 223, color="0.5", linewidth=0.8)

    def bars(digits, **style):  # one for each image
        return axes.bar(bar_x[each, digits], -60 * y_conv[each, digits], 11, floor, **style)

    def marks(digits, marker, size, down, **style):
        style |= {"color": "black", "linestyle": "", "markeredgewidth": 0.8}
        (drawn,) = axes.plot(
            bar_x[each, digits], floor + down, marker=marker, markersize=size, **style
        )
        return drawn

    for digit in range(10):
        bars(np.full(count, digit), color="0.7")
        marks(np.full(count, digit), f"${digit}$", 5, 10, markeredgecolor="none")
    prediction = bars(predicted, color="black"), marks(predicted, "^", 4, 23)
    legend = {"prediction": prediction}
    if labels is not None:
        style = {"facecolor": "white", "edgecolor": "black", "hatch": "//////", "linewidth": 0.8}
        legend["label"] = bars(labels, **style), marks(labels, "o", 10, 10, fillstyle="none")
    figure.legend(
        legend.values(),
        legend.keys(),
        handler_map={tuple: HandlerTuple(ndivide=None)},
        loc="upper left",
        bbox_to_anchor=(0, 1 - 38 / total_height),
        ncols=2,
        handlelength=3,
        fontsize=8,
        frameon=False,
    )
    axes.set(xlim=(0, total_width), ylim=(total_height, 0), aspect="auto")
    style = {"fontsize": 9, "va": "top", "parse_math": False}
    figure.text(margin / total_width, 1 - 8 / total_height, title, **style)
    return figure


@in_default_style
def as_png(figure, dpi):
    """Returns the figure as PNG bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()


def try_window():
    """Selects matplotlib's usual backend, or MPLBACKEND; returns whether it opens windows.

    Raises whatever the GUI toolkit raises if it can't.
    """
    if MPLBACKEND:
        plt.switch_backend(MPLBACKEND)
    canvas = plt.figure().canvas
    opens_windows = canvas.required_interactive_framework is not None
    plt.close(canvas.figure)
    return opens_windows


def select_backend(window):
    """Selects matplotlib's backend for the figures drawn from here on.

    That is one with windows if `window` and if there is a display, otherwise one without. Returns
    whether it opens windows.
    """
    if window:
        try:
            return try_window()
        except Exception as error:  # each GUI toolkit raises its own
            say(f"cannot open a window ({reason(error)}); saving to a file instead")
    plt.switch_backend("agg")
    return False


def prepare(paths, option, window, inputs=()):
    """Selects the backend for figures that will be shown or saved to paths.

    If they will be saved, raises a Failure that names the option if a path can't be written, or if
    it is that of one of the files `inputs`.
    """
    if not select_backend(window):
        for path in paths:
            check_png(path, option)
        for path in inputs:
            if behind_links(path) in map(behind_links, paths):
                raise Failure(f"{path} would be replaced by a figure; choose another {option}")


@in_default_style
def show_or_save(figures, paths, dpi=200):
    """Shows the figures until their windows are closed or, without windows, saves them to paths."""
    if figures[0].canvas.required_interactive_framework:
        show_until_closed()
        return
    for figure, path in zip(figures, paths):
        write_whole(path, as_png(figure, dpi))
        say(f"figure: {path}")


def show_until_closed():
    """Shows the figures' windows until the last is closed, or until a signal to stop.

    During plt.show(), GUI toolkits call no signal handler until something happens in a window, and
    lose what it raises. Here the handler only notes the signal, and the loop ends.
    """
    received = []
    numbers = [n for n in signal.valid_signals() if signal.getsignal(n) == stop]
    for number in numbers:
        signal.signal(number, lambda number, _: received.append(number))
    for number in plt.get_fignums():
        connect = plt.figure(number).canvas.mpl_connect
        connect("close_event", lambda event: event.canvas.stop_event_loop())
    plt.show(block=False)
    while plt.get_fignums() and not received:
        plt.gcf().canvas.start_event_loop(0.1)
    for number in numbers:
        signal.signal(number, stop)
    if received:
        stop(received[0], None)
