"""Figures of what the network takes digits for: each digit and its ten probabilities."""

from support.figures import fonts_for, in_default_style
from support.quiet import plt


def probability(p):
    """Returns a probability as text: four digits, but never 1.0000, which would look certain."""
    return "> 0.9999" if p > 0.9999 else f"{p:.4f}"


@in_default_style
def draw_predictions(images, y_conv, title, labels=None, names=None):
    """Draws each digit above a bar chart of its ten probabilities; returns a matplotlib figure.

    images is float32 [n, 784], y_conv [n, 10]. A digit's title is its label (labels, int [n]) or,
    without labels, its name (names, n strings), and the prediction. A name that no font can show
    is "file" and its number, from 1. The prediction's bar is black, the label's hatched.
    """
    columns = min(len(images), 5)
    rows = -(-len(images) // columns)
    figure = plt.Figure((max(2.2 * columns, 5.6), 2.9 * rows + 0.9), layout="constrained")
    axes = figure.subplots(2 * rows, columns, height_ratios=[5, 4] * rows, squeeze=False)
    for ax in axes.flat:
        ax.set_axis_off()
    for i, (image, p) in enumerate(zip(images, y_conv)):
        digit, chart = axes[i // columns * 2 : i // columns * 2 + 2, i % columns]
        predicted, fonts = p.argmax(), ["DejaVu Sans"]
        if labels is None:
            text = names[i] if len(names[i]) <= 28 else f"{names[i][:12]}...{names[i][-13:]}"
            fonts = fonts_for(text)
            text = f"{text if fonts else f'file {i + 1}'}: {predicted}"
        else:
            text = f"label {labels[i]}, predicted {predicted}"
        digit.imshow(image.reshape(28, 28), "gray_r", vmin=0, vmax=1, interpolation="nearest")
        digit.set_axis_on()
        digit.set(xticks=[], yticks=[])
        digit.set_title(text, fontsize=9, family=fonts, parse_math=False)
        bars = chart.bar(range(10), p, color="0.7")
        bars[predicted].set_color("black")
        if labels is not None:
            bars[labels[i]].set(facecolor="white", edgecolor="black", hatch="//////")
        chart.set_axis_on()
        chart.set(xticks=range(10), yticks=[], ylim=(0, 1))
        chart.tick_params(length=0, labelsize=11)
        chart.spines[["left", "top", "right"]].set_visible(False)
    style = {"family": fonts_for(title), "parse_math": False}
    figure.suptitle(title, fontsize=10, x=0.01, ha="left", **style)
    return figure
