"""Figures of filters and feature maps: many small images in one, saved, then shown in a window."""

import contextlib
import io
import signal
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from matplotlib import font_manager
from PIL import Image

from support import terminal
from support.files import check_folder, write_whole
from support.quiet import plt
from support.terminal import Failure, in_notebook, print_stderr, reason

# In the metadata of the programs' figures, so that a later run may replace them.
SOURCE = "Deep MNIST for Experts, part 3"
# The user's matplotlibrc does not change how the figures look.
in_default_style = plt.style.context("default")
# Of a pixel. Before 3.11, matplotlib makes 225 of a figure's 225.9999999 pixels, and 101 of an
# image's 100.0000001.
HAIR = 0.001


def fonts_for(text):
    """Returns the names of installed fonts that have all of the text's letters, or None."""
    letters = set(map(ord, text)) - {ord("\n")}
    default = font_manager.findfont("DejaVu Sans")  # comes with matplotlib
    letters -= font_manager.get_font(default).get_charmap().keys()
    if not letters:
        return ["DejaVu Sans"]
    for font in font_manager.fontManager.ttflist:
        if font.name.startswith("Last Resort"):  # has a box for every letter
            continue
        with contextlib.suppress(OSError, RuntimeError):  # uninstalled since, or broken
            if letters <= font_manager.get_font(font.fname).get_charmap().keys():
                return ["DejaVu Sans", font.name]
    return None


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


def sheet_figure(sheet, numbers, title):
    """Returns a figure with a contact sheet, the filters' numbers in it, and a title of two lines.

    A pixel of the sheet is a pixel of the figure at 100 dpi. numbers is a list of (x, y, number);
    x and y are the number's middle, in pixels of the sheet.
    """
    margin, head = 8, 44  # pixels; the title is in the head
    width = max(sheet.shape[1] + 2 * margin, 560)  # wide enough for the title
    height = sheet.shape[0] + margin + head
    figure = plt.Figure(figsize=((width + HAIR) / 100, (height + HAIR) / 100), dpi=100)
    box = margin / width, margin / height, sheet.shape[1] / width, sheet.shape[0] / height
    axes = figure.add_axes(box, frameon=False, xticks=[], yticks=[])
    # A band at a time: when it is saved, matplotlib makes several copies of an image, enlarged.
    for top in range(0, len(sheet), 100):
        band = np.float32(sheet[top : top + 100])
        extent = HAIR, sheet.shape[1] - HAIR, top + len(band) - HAIR, top + HAIR
        style = {"vmin": 0, "vmax": 1, "interpolation": "nearest", "aspect": "auto"}
        axes.imshow(band, "gray_r", extent=extent, **style)
    axes.set(xlim=(0, sheet.shape[1]), ylim=(len(sheet), 0))
    style = {"fontsize": 9, "va": "top", "linespacing": 1.4, "parse_math": False}
    style["family"] = fonts_for(title)  # a checkpoint's name may be Japanese
    figure.text(box[0], 1 - 8 / height, title, **style)
    for x, y, number in numbers:
        axes.text(x, y, number, fontsize=8, ha="center", va="center")
    return figure


@in_default_style
def draw_features(filters, images, maps, title, cell=28):
    """Draws filters [h, w, n], at most 32 per row, and returns a matplotlib figure.

    Above them are their numbers, from 1. Below them, each of the digits, images [count, 784], is
    followed by its feature maps, maps [count, h, w, n], laid out like the filters. The title has
    two lines; cells are `cell` pixels.
    """
    columns, pitch, line = min(filters.shape[-1], 32), cell + 4, 14  # pixels
    filters = list(np.moveaxis(filters, -1, 0))
    parts, numbers, rows = [], [], []
    for first in range(0, len(filters), columns):
        shown = filters[first : first + columns]
        row = contact_sheet([[None, *shown, *[None] * (columns - len(shown))]], cell)
        y = sum(map(len, parts)) + line / 2
        numbers += [((i + 1.5) * pitch, y, first + i + 1) for i in range(len(shown))]
        parts += [np.zeros([line, row.shape[1]]), row]
    for image, features in zip(images.reshape(-1, 28, 28), maps):
        cells = list(np.moveaxis(features, -1, 0))
        for first in range(0, len(cells), columns):
            rows.append([None if first else image, *cells[first : first + columns]])
    return sheet_figure(np.vstack([*parts, contact_sheet(rows, cell)]), numbers, title)


def nine_in_one(patches, scale):
    """Tiles patches [9, h, w], from 0 to 1, three by three, each enlarged and framed."""
    enlarged = np.kron(patches, np.ones([1, scale, scale]))
    framed = np.pad(enlarged, [(0, 0), (1, 1), (1, 1)], constant_values=0.3)
    return np.block([list(framed[i : i + 3]) for i in range(0, 9, 3)])


@in_default_style
def draw_patches(filters, patches1, patches2, title):
    """Draws, for each filter, the nine patches that excite it most; returns a matplotlib figure.

    filters is [5, 5, n1], of the first layer, patches1 [n1, 9, 5, 5] and patches2 [n2, 9, 14, 14].
    The filters are numbered from 1, eight in a row; to the left of a first-layer filter's patches
    is the filter itself. The title has two lines.
    """
    layer1 = []
    for image, patches in zip(np.moveaxis(filters, -1, 0), patches1):
        nine = nine_in_one(patches, scale=4)
        image = contact_sheet([[image]], cell=30)
        image = np.pad(image, [(0, len(nine) - len(image)), (0, 4)])
        layer1.append(np.hstack([image, nine]))
    layer2 = [nine_in_one(patches, scale=2) for patches in patches2]
    width, line, sheets, numbers = 116, 16, [], []  # pixels
    for blocks in layer1, layer2:
        for first in range(0, len(blocks), 8):
            row = blocks[first : first + 8]
            top = sum(map(len, sheets))
            numbers += [(width * i + 9, top + line / 2, first + i + 1) for i in range(len(row))]
            padded = [np.pad(block, [(line, 6), (2, width - 2 - block.shape[1])]) for block in row]
            sheets.append(np.hstack(padded))
    return sheet_figure(np.vstack(sheets), numbers, title)


def check_png(path, option):
    """Raises a Failure that names the option if no figure can be saved to path.

    Only an earlier figure of the same program may be there. Creates the folder if needed.
    """
    if path.suffix.lower() != ".png" or path.is_dir():
        raise Failure(f"{path} is not a PNG file's name; choose another {option}")
    check_folder(path.parent, option)
    if path.exists() and source_of(path) != source():
        raise Failure(f"{path} was not drawn by this program; move it, or choose another {option}")


def source():
    """Returns what a figure's metadata name as its source: this program."""
    return f"{SOURCE}: {Path(sys.argv[0]).name}"


def source_of(path):
    """Returns the source in an image file's metadata, None if it has none or cannot be read."""
    with contextlib.suppress(Exception), Image.open(path) as image:  # each format raises its own
        return image.info.get("Source")


@in_default_style
def as_png(figure, dpi):
    """Returns the figure as PNG bytes."""
    png = io.BytesIO()
    with warnings.catch_warnings():
        # Matplotlib's font lacks e.g. Japanese; such letters of a file's name become boxes.
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        figure.savefig(png, format="png", dpi=dpi, metadata={"Source": source()})
    return png.getvalue()


def save(figures, paths, dpi=200):
    """Saves each figure as a PNG file, whole or not at all, and prints where it is."""
    for figure, path in zip(figures, paths):
        write_whole(path, as_png(figure, dpi))
        print_stderr(f"figure: {path}")


@in_default_style
def show(paths):
    """Shows the PNG files in windows, until they are closed, or below a notebook's cell.

    Without a display, or a GUI toolkit that matplotlib can use, does nothing.
    """
    try:
        if plt.get_backend().lower() == "agg":  # what matplotlib takes if there is no window
            return
        for path in paths:
            pixels = np.asarray(Image.open(path))
            height, width = pixels.shape[:2]
            longest = max(height / 900, width / 1600, 1)  # so that it fits most screens
            size = width / longest / 100, height / longest / 100
            figure = plt.figure(path.stem, figsize=size, dpi=100)
            figure.add_axes([0, 0, 1, 1], frameon=False, xticks=[], yticks=[]).imshow(pixels)
        opens_windows = figure.canvas.required_interactive_framework is not None
    except Exception as error:  # each GUI toolkit raises its own
        print_stderr(f"cannot open a window: {reason(error)}")
        return
    if opens_windows or in_notebook():
        show_until_closed()


def show_until_closed():
    """Shows all figures, and returns when their windows are closed.

    During plt.show() some GUI toolkits notice Ctrl-C only when something happens in a window; and
    Tk prints a traceback and continues if it comes while a window is drawn. So the handler only
    records it, and the loop raises it.
    """
    interrupts = []
    handler = signal.signal(signal.SIGINT, lambda *signal_and_frame: interrupts.append(True))
    try:
        plt.show(block=False)
        while plt.get_fignums() and plt.gcf().canvas.required_interactive_framework:
            plt.gcf().canvas.flush_events()
            if interrupts:
                raise KeyboardInterrupt
            time.sleep(0.02)
    finally:
        signal.signal(signal.SIGINT, handler)


def add_figure_dir(parser, default="."):
    """Adds the option for the folder of a program's figures."""
    parser.add_argument(
        "--figure-dir",
        type=terminal.path,
        default=default,
        metavar="DIR",
        help="folder for the figures, which replace earlier ones (default: %(default)s)",
    )
