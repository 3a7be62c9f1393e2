"""Draws how a photo becomes what the network gets: the steps in README.md.

Example:
    python -m handwriting.steps seven.jpg    # default: a made-up photo
"""

import sys
from pathlib import Path

from handwriting import form, ink, pixels
from support import figures, terminal
from support.quiet import plt

PHOTO = Path(__file__).with_name("photo.jpg")  # made up: a 2 on a sheet of paper on a table


@figures.in_default_style
def draw_steps(path):
    """Draws the steps from an image file to 28x28 pixels; returns a matplotlib figure."""
    photo, _ = pixels.read_pixels(path)
    paper = ink.only_paper(photo)
    found = ink.ink_on(paper)
    strokes = form.with_usual_strokes(form.cropped_and_scaled(found, form.LARGE))
    digit = form.like_mnist(found).reshape(form.SIDE, form.SIDE)
    steps = {
        "the file": photo,
        "1. paper": paper,
        "2. ink": found,
        "3. strokes": strokes,
        "4. form: 28x28": digit,
    }
    figure = plt.Figure((12, 2.7), layout="constrained")
    for ax, (title, image) in zip(figure.subplots(1, len(steps)), steps.items()):
        ax.imshow(image, "gray_r", vmin=0, vmax=1, interpolation="nearest")
        ax.set(xticks=[], yticks=[])
        ax.set_title(title)
    return figure


def options():
    """Returns the command line's options."""
    parser = terminal.parser(__doc__)
    parser.add_argument(
        "file", nargs="?", type=terminal.path, default=PHOTO, help="image of one digit"
    )
    figures.add_figure_dir(parser)
    return parser.parse_args()


def main():
    args = options()
    path = args.figure_dir / "handwriting-steps.png"
    figures.check_png(path, "--figure-dir")
    figures.save([draw_steps(args.file)], [path], dpi=100)
    figures.show([path])


if __name__ == "__main__":
    sys.argv[0] = "python -m handwriting.steps"  # in messages, not the path of this file
    terminal.run(main)
