"""Draws docs/images/handwriting.png: a photo of a digit on paper, and what the network gets.

The photo is made up: a 2 in blue ink, on paper that is darker on one side, with the noise of a
camera.

Example:
    python -m handwriting.photo
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from handwriting.image import read_image
from support import figures, terminal

WIDTH, HEIGHT = 640, 480  # pixels
PAPER, INK = np.array([247, 242, 230]), np.array([38, 52, 120])  # red, green, blue
TWO = [  # the corners of a pen's way, (x, y)
    *[(247, 186), (252, 150), (278, 118), (320, 104), (362, 114), (388, 146), (388, 190)],
    *[(366, 236), (322, 290), (276, 336), (240, 366), (268, 358), (312, 362), (356, 372)],
    *[(396, 374), (424, 362)],
]


def smooth(points):
    """Cuts the corners of a line, float [n, 2], three times: what is left is a curve."""
    for _ in range(3):
        starts, ends = points[:-1], points[1:]
        between = np.stack([0.75 * starts + 0.25 * ends, 0.25 * starts + 0.75 * ends], axis=1)
        points = np.vstack([points[:1], between.reshape(-1, 2), points[-1:]])
    return points


def make_photo():
    """Returns a photo of a 2 on paper, uint8 [480, 640, 3]."""
    image = Image.new("L", (WIDTH, HEIGHT))
    line = [tuple(point) for point in smooth(np.array(TWO, float))]
    ImageDraw.Draw(image).line(line, fill=255, width=13, joint="curve")
    ink = np.asarray(image.filter(ImageFilter.GaussianBlur(2.5)))[..., np.newaxis] / 255
    down, across = np.mgrid[:HEIGHT, :WIDTH]
    light = (1 - 0.45 * across / WIDTH - 0.15 * down / HEIGHT)[..., np.newaxis]
    noise = np.random.default_rng(1).normal(0, 4, [HEIGHT, WIDTH, 3])
    photo = light * (ink * INK + (1 - ink) * PAPER) + noise
    return np.clip(photo, 0, 255).astype(np.uint8)


@figures.in_default_style
def draw(photo):
    """Draws the photo, uint8 [h, w, 3], beside its 28x28 pixels; returns the figure."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "two.jpg")
        Image.fromarray(photo).save(path, quality=80)
        image = read_image(path)
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(9, 4.1), width_ratios=[WIDTH, HEIGHT], layout="constrained"
    )
    left.imshow(photo)
    left.set_title("a photo of a digit on paper")
    right.imshow(image.reshape(28, 28), "gray_r", vmin=0, vmax=1, interpolation="nearest")
    right.set_title("the 28x28 pixels that the network gets")
    for ax in left, right:
        ax.set(xticks=[], yticks=[])
    return figure


def main():
    terminal.parser(__doc__).parse_args()
    path = Path(__file__).parents[1] / "docs" / "images" / "handwriting.png"
    figures.save([draw(make_photo())], [path], dpi=100)


if __name__ == "__main__":
    terminal.run(main)
