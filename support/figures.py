"""Figures of filters and feature maps: many small images in one, in a window or a PNG file."""

import contextlib
import io

from support import MPLBACKEND
from support.terminal import Failure, check_writable, say, write_whole

import matplotlib.pyplot as plt
import matplotlib.style
import numpy as np


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


def as_png(figure, dpi):
    """Returns the figure as PNG bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()


def check_paths(paths, option):
    """Raises a Failure that names the option if figures cannot be saved to paths."""
    for path in paths:
        check_writable(path.parent, option)
        if path.is_dir() or path.suffix.lower() != ".png":
            raise Failure(f"{path} is not a PNG file's name; choose another {option}")


@contextlib.contextmanager
def drawing(window, paths, dpi=200):
    """Opens the figures drawn in its `with` block in windows if `window` and there is a display.

    Otherwise saves them to paths. The user's matplotlibrc does not change how they look.
    """
    backend = MPLBACKEND if window else "agg"
    with matplotlib.style.context("default"):
        try:
            if backend:
                plt.switch_backend(backend)
            window = plt.figure().canvas.required_interactive_framework
        except Exception as error:  # each GUI toolkit raises its own
            say(f"cannot open a window ({error}); saving to a file instead")
            window = None
            plt.switch_backend("agg")
        plt.close("all")
        yield
        if window:
            return plt.show()
        for path, number in zip(paths, plt.get_fignums()):
            write_whole(path, as_png(plt.figure(number), dpi))
            say(f"figure: {path}")
