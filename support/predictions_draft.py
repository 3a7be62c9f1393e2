"""Draft of figures.draw_predictions; to be moved into figures.py."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.legend_handler import HandlerTuple


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
    # One set of axes, in pixels, for all: a hundred digits would take 200, which are slow.
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

    def bars(digits, **style):  # one per cell
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
    figure.text(margin / total_width, 1 - 8 / total_height, title, fontsize=9, va="top")
    return figure
