"""Figures of filters and feature maps: many small images in one, in a window or a PNG file."""

import io
import signal
import time
import warnings

import numpy as np

from support import terminal
from support.files import SOURCE, check_png, write_whole
from support.quiet import plt
from support.terminal import in_notebook, print_stderr, reason

# Matplotlib's font lacks e.g. Japanese: such letters of a file's name are boxes in a figure.
warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
# The user's matplotlibrc does not change how the figures look.
in_default_style = plt.style.context("default")


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
    figure = plt.figure(figsize=(width / 100, height / 100), dpi=100)
    box = margin / width, margin / height, sheet.shape[1] / width, sheet.shape[0] / height
    axes = figure.add_axes(box, frameon=False, xticks=[], yticks=[])
    extent = 0, sheet.shape[1], sheet.shape[0], 0
    axes.imshow(
        sheet, "gray_r", vmin=0, vmax=1, interpolation="nearest", aspect="auto", extent=extent
    )
    style = {"fontsize": 9, "va": "top", "linespacing": 1.4, "parse_math": False}
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


def probability(p):
    """Returns a probability as text: four digits, but never 1.0000, which would look certain."""
    return "> 0.9999" if p > 0.9999 else f"{p:.4f}"


@in_default_style
def draw_predictions(images, y_conv, title, labels=None, names=None):
    """Draws each digit above a bar chart of its ten probabilities; returns a matplotlib figure.

    images is float32 [n, 784], y_conv [n, 10]. A digit's title is its label (labels, int [n]) or,
    without labels, its name (names, n strings), and the prediction. The prediction's bar is black,
    the label's hatched.
    """
    columns = min(len(images), 5)
    rows = -(-len(images) // columns)
    figure, axes = plt.subplots(
        2 * rows,
        columns,
        figsize=(max(2.2 * columns, 5.6), 2.9 * rows + 0.9),
        height_ratios=[5, 4] * rows,
        squeeze=False,
        layout="constrained",
    )
    for ax in axes.flat:
        ax.set_axis_off()
    for i, (image, p) in enumerate(zip(images, y_conv)):
        digit, chart = axes[i // columns * 2 : i // columns * 2 + 2, i % columns]
        predicted = p.argmax()
        if labels is None:
            text = names[i] if len(names[i]) <= 28 else f"{names[i][:12]}...{names[i][-13:]}"
            text += f": {predicted}"
        else:
            text = f"label {labels[i]}, predicted {predicted}"
        digit.imshow(image.reshape(28, 28), "gray_r", vmin=0, vmax=1, interpolation="nearest")
        digit.set_axis_on()
        digit.set(xticks=[], yticks=[])
        digit.set_title(text, fontsize=9, parse_math=False)
        bars = chart.bar(range(10), p, color="0.7")
        bars[predicted].set_color("black")
        if labels is not None:
            bars[labels[i]].set(facecolor="white", edgecolor="black", hatch="//////")
        chart.set_axis_on()
        chart.set(xticks=range(10), yticks=[], ylim=(0, 1))
        chart.tick_params(length=0, labelsize=11)
        chart.spines[["left", "top", "right"]].set_visible(False)
    figure.suptitle(title, fontsize=10, x=0.01, ha="left", parse_math=False)
    return figure


@in_default_style
def as_png(figure, dpi):
    """Returns the figure as PNG bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Source": SOURCE})
    return buffer.getvalue()


def can_show():
    """Tells whether matplotlib can show figures: in windows or, in a notebook, below the cell.

    If its backend fails, selects one that only draws files.
    """
    try:
        figure = plt.figure()
    except Exception as error:  # each GUI toolkit raises its own
        print_stderr(f"cannot open a window: {reason(error)}")
        plt.switch_backend("agg")
        return False
    opens_windows = figure.canvas.required_interactive_framework is not None
    plt.close(figure)
    return opens_windows or (in_notebook() and plt.get_backend().lower() != "agg")


def will_show(paths, option, chosen):
    """Tells whether figures will be shown, and not saved to paths.

    They are, if matplotlib can and the user has not `chosen` the option, which tells where to save
    them. If they will be saved, raises a Failure that names the option if a path can't be written.
    """
    show = can_show() and not chosen
    if not show:
        for path in paths:
            check_png(path, option)
    return show


def show_until_closed():
    """Shows all figures, and returns when their windows are closed.

    During plt.show() some GUI toolkits notice Ctrl-C only when something happens in a window; and
    Tk prints a traceback and continues if it comes while a window is drawn. So it is noted here.
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


@in_default_style
def show_or_save(show, figures, paths, dpi=200):
    """Shows the figures until their windows are closed or, unless `show`, saves them to paths."""
    if show:
        show_until_closed()
    else:
        save(figures, paths, dpi)


def save(figures, paths, dpi):
    """Saves each figure as a PNG file, whole or not at all, and prints where it is."""
    for figure, path in zip(figures, paths):
        write_whole(path, as_png(figure, dpi))
        print_stderr(f"figure: {path}")


def add_figure_dir(parser):
    """Adds the option for the folder of a script's figures."""
    parser.add_argument(
        "--figure-dir",
        type=terminal.path,
        metavar="DIR",
        help="save the figures here, in place of earlier ones (default: open windows; without a "
        "display, the current folder)",
    )
