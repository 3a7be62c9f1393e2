"""A page on which experiments/network_pictures.py draws a network, layer by layer."""

import contextlib

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import PowerNorm
from matplotlib.patches import Circle, FancyBboxPatch, Polygon, Rectangle

from support.quiet import plt

WIDTH = 900  # of a figure, in pixels at 100 dpi, as are all lengths here
LEFT, RIGHT = 34, WIDTH - 34  # where text and images begin and end
TEXT = LEFT + 142  # where the second column of text begins
INK, FAINT, GRAY = "#1f2328", "#59636e", "#8c959f"
COLORS = {
    "input": "#59636e",
    "convolution1": "#0f766e",
    "pooling1": "#a16207",
    "convolution2": "#0f766e",
    "pooling2": "#a16207",
    "fully-connected": "#6d28d9",
    "dropout": "#59636e",
    "readout": "#9d174d",
}


class Page:
    """A figure that is filled from top to bottom; y is where the next thing goes."""

    def __init__(self):
        self.figure = plt.figure(figsize=(WIDTH / 100, WIDTH / 100), facecolor="white")
        self.ax = self.figure.add_axes((0, 0, 1, 1), frameon=False, xticks=[], yticks=[])
        self.ax.set(xlim=(0, WIDTH), ylim=(WIDTH, 0), autoscale_on=False)
        self.y = 18

    def finish(self):
        """Frames the page, fits the figure's height to it, and returns the figure."""
        self.y += 18
        self.frame(0.5, 0.5, WIDTH - 1, self.y - 1, "#d0d7de", 1)
        self.figure.set_size_inches(WIDTH / 100, self.y / 100)
        self.ax.set_ylim(self.y, 0)
        return self.figure

    @contextlib.contextmanager
    def layer(self, scope, what, formula, output, weights="no parameters"):
        """Opens a layer's box: two lines of text, then whatever the `with` block draws."""
        if scope != "input":
            self.arrow(WIDTH / 2, self.y + 5, 9)
            self.y += 19
        color, top = COLORS[scope], self.y
        self.text(LEFT, top + 18, scope, color, 10, weight="bold")
        self.text(TEXT, top + 18, what, FAINT)
        self.text(RIGHT, top + 18, shape(output), INK, 10, weight="bold", ha="right")
        self.text(TEXT, top + 37, formula, INK, 8, family="monospace")
        self.text(RIGHT, top + 37, weights, FAINT, ha="right")
        self.y += 56
        yield
        box = (18, top), WIDTH - 36, self.y - top, "round,pad=0,rounding_size=6"
        self.ax.add_patch(FancyBboxPatch(*box, fc=color + "0d", ec=color + "55", lw=0.8, zorder=-1))

    def text(self, x, y, text, color=INK, size=8.5, **settings):
        """Writes one line, vertically centred at y."""
        self.ax.text(x, y, text, color=color, fontsize=size, va="center_baseline", **settings)

    def arrow(self, x, y, size):
        """Draws a downward triangle below x, y."""
        corners = [(x - size, y), (x + size, y), (x, y + size)]
        self.ax.add_patch(Polygon(corners, fc=GRAY, lw=0))

    def arrows(self, xs):
        """Draws an arrow in each column."""
        for x in xs:
            self.arrow(x, self.y + 4, 4.5)
        self.y += 12

    def lines(self, lines, colors, width):
        """Draws lines, each from one (x, y) to another."""
        self.ax.add_collection(LineCollection(lines, colors=colors, linewidths=width))

    def image(self, image, left, top, width, height, limit, signed=False):
        """Draws an image in a frame: 0 is white, `limit` black or, if signed, blue (-limit red)."""
        box = left, left + width, top + height, top
        norm = plt.Normalize(-limit, limit) if signed else PowerNorm(0.65, 0, limit)
        cmap = "RdBu" if signed else "gray_r"
        self.ax.imshow(image, cmap, norm, aspect="auto", interpolation="nearest", extent=box)
        self.frame(left, top, width, height, GRAY, 0.5)

    def frame(self, left, top, width, height, color, line):
        """Draws a rectangle's outline."""
        self.ax.add_patch(Rectangle((left, top), width, height, fill=False, ec=color, lw=line))

    def images(self, images, xs, size, signed=False, numbered=True, framed=None):
        """Draws images [h, w, n] on one scale, row by row; xs are the columns' centres.

        Above each is its number, from 1, unless the images above have the same numbers and
        columns. The image with the index `framed` gets a thick frame.
        """
        limit = np.abs(images).max()
        for first in range(0, images.shape[-1], len(xs)):
            self.y += 14 if numbered else 0
            for k, x in enumerate(xs, start=first):
                if numbered:
                    self.text(x, self.y - 7, str(k + 1), size=8, ha="center")
                self.image(images[..., k], x - size / 2, self.y, size, size, limit, signed)
                if k == framed:
                    self.frame(x - size / 2, self.y, size, size, COLORS["convolution2"], 1.5)
            self.y += size + 5
        self.y -= 5

    def fan(self, terms, tops, bottoms):
        """Draws a line for each of terms [tops, bottoms]: the larger, the stronger."""
        strength = terms.ravel() / np.abs(terms).max()
        order = np.argsort(np.abs(strength))  # faint lines first, strong ones over them
        colors = plt.get_cmap("RdBu")(0.5 + 0.4 * np.sign(strength))
        colors[:, 3] = np.abs(strength)
        lines = [[(x, self.y + 6), (x_, self.y + 60)] for x in tops for x_ in bottoms]
        self.lines([lines[k] for k in order], colors[order], 1.4)
        for x in tops:
            self.ax.add_patch(Circle((x, self.y + 6), 3, fc=GRAY, lw=0, zorder=3))
        self.y += 60

    def bars(self, y_conv):
        """Draws the ten probabilities as bars and marks the largest one's digit."""
        color = COLORS["readout"]
        for digit, (x, probability) in enumerate(zip(columns(10), y_conv)):
            best = digit == y_conv.argmax()
            face, ink, weight = (color, "white", "bold") if best else ("white", INK, "normal")
            self.ax.add_patch(Circle((x, self.y + 11), 11, fc=face, ec=color, lw=0.8, zorder=3))
            self.text(x, self.y + 11, str(digit), ink, 9, weight=weight, ha="center")
            height = 48 * probability
            self.ax.add_patch(Rectangle((x - 20, self.y + 78 - height), 40, height, fc=color))
            self.lines([[(x - 20, self.y + 78), (x + 20, self.y + 78)]], color, 0.8)
            self.text(x, self.y + 90, f"{probability:.1%}", weight=weight, ha="center")
        self.y += 104


def columns(count):
    """Returns the centres of `count` columns that together are as wide as the text."""
    return LEFT + (RIGHT - LEFT) * (np.arange(count) + 0.5) / count


def shape(array):
    """Returns an array's shape as text, e.g. 14×14×16."""
    return "×".join(f"{n:,}" for n in array.shape)
