"""Figures of filters and feature maps: many small images in one, in a window or a PNG file."""

import io

from support import MPLBACKEND
from support.files import write_whole
from support.terminal import say

import matplotlib.pyplot as plt
import matplotlib.style
import numpy as np

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
    figure.text(box[0], 1 - 8 / height, title, fontsize=9, va="top", linespacing=1.4)
    return figure


@in_default_style
def as_png(figure, dpi):
    """Returns the figure as PNG bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()


def select_backend(window):
    """Selects matplotlib's backend for the figures drawn from here on.

    That is one with windows if `window` and if there is a display, otherwise one without.
    """
    try:
        if not window:
            plt.switch_backend("agg")
        elif MPLBACKEND:
            plt.switch_backend(MPLBACKEND)
        plt.close(plt.figure())
    except Exception as error:  # each GUI toolkit raises its own
        say(f"cannot open a window ({error}); saving to a file instead")
        plt.switch_backend("agg")


@in_default_style
def show_or_save(figures, paths, dpi=200):
    """Shows the figures until their windows are closed or, without windows, saves them to paths."""
    if figures[0].canvas.required_interactive_framework:
        plt.show(block=True)  # whatever the user's matplotlibrc makes of `interactive`
        return
    for figure, path in zip(figures, paths):
        write_whole(path, as_png(figure, dpi))
        say(f"figure: {path}")
