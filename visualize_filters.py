"""Draw the two-layer network's filters and feature maps.

Restores a checkpoint of double_conv.py. Figure 1: the first layer's 32 filters
and, below them, each digit with its 32 pooled feature maps (14x14). Figure 2:
the same for the second layer's 64 filters (7x7). A second-layer filter has 32
sub-filters, one per first-layer feature map; --sub-filter chooses the one
shown. For --mistakes and --image a third figure, predictions.png, has the ten
probabilities of each digit.

Also reads checkpoints of the program in enakai00's post (TensorFlow 0.x, 1.x).

Example:
    python visualize_filters.py train_data-20000 --digits 3,5,8
    python visualize_filters.py --mistakes
    python visualize_filters.py --image seven.png
    python visualize_filters.py --draw
"""

import re
import sys
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent))  # `python -I` does not search it
# support comes first: it imports TensorFlow without its start-up messages
from support import checkpoints, drawing_window, figures, handwriting, input_data, terminal
from support.terminal import Failure, integer

import numpy as np

import common
from double_conv import DoubleConv


def visualize(network, images, sub_filter, what, title):
    """Draws both layers' filters and their feature maps for images, float32 [n, 784].

    `what` tells what the images are, e.g. "test digits". Returns the two figures.
    """
    layers = network(images)
    layer1 = figures.draw_features(
        network.W_conv1.numpy()[:, :, 0],  # [5, 5, 32]
        images,
        layers.h_pool1.numpy(),  # [n, 14, 14, 32]
        f"Layer 1: the 32 filters (top row) and their feature maps for {len(images)} {what}\n"
        f"{title}",
    )
    layer2 = figures.draw_features(
        network.W_conv2.numpy()[:, :, sub_filter],  # [5, 5, 64]
        images,
        layers.h_pool2.numpy(),  # [n, 7, 7, 64]
        f"Layer 2: sub-filter {sub_filter} of each of the 64 filters (top two rows) and the "
        f"filters' feature maps for {len(images)} {what}\n{title}",
    )
    return [layer1, layer2]


class Digits(NamedTuple):
    """The digits to draw."""

    images: np.ndarray  # float32 [n, 784]
    what: str  # what the images are, e.g. "test digits"
    title: str  # the second line of the figures' titles: the checkpoint and the data
    labels: np.ndarray | None = None  # int [n], given for --mistakes
    names: list | None = None  # the files' names, given for --image


def choose(labels, wanted):
    """Returns the indices of each wanted digit's first example; if repeated, of its next one."""
    examples = {digit: iter(np.flatnonzero(labels == digit)) for digit in wanted}
    chosen = [next(examples[digit], None) for digit in wanted]
    if None in chosen:
        digit = wanted[chosen.index(None)]
        raise Failure(f"--digits: the test set has too few examples of the digit {digit}")
    return chosen


def choose_digits(args, test, y_conv, title):
    """Returns the Digits of the test set that the options ask for; y_conv is [10000, 10]."""
    labels = test.labels.argmax(1)
    if args.digits:
        return Digits(test.images[choose(labels, args.digits)], "test digits", title)
    if not args.mistakes:
        images, _ = test.next_batch(args.first)
        return Digits(images, "test digits", title)
    wrong = np.flatnonzero(y_conv.argmax(1) != labels)
    terminal.say(f"{len(wrong)} of {len(labels):,} test digits are misclassified")
    wrong = wrong[: args.first]
    return Digits(test.images[wrong], "misclassified test digits", title, labels[wrong])


def read_handwriting(args):
    """Returns the Digits in the image files that the options name."""
    images = np.stack([handwriting.read_image(path) for path in args.image])
    names = [path.name for path in args.image]
    return Digits(images, "images of handwriting", args.checkpoint.name, names=names)


def draw(network):
    """Opens the window in which one draws a digit, and returns when it is closed."""

    def look(image):
        layers = network(image[None])
        return [layer.numpy()[0] for layer in (layers.y_conv, layers.h_pool1, layers.h_pool2)]

    drawing_window.open_window(look)


def digit_list(text):
    """An argparse type: comma-separated digits."""
    return [integer(0, 9)(digit) for digit in text.split(",")]


def checkpoint(text):
    """An argparse type: a checkpoint, or one of its files, as shell completion gives it."""
    return terminal.path(re.sub(r"\.(index|meta|data-\d+-of-\d+)$", "", text))


def options():
    """Returns the command line's options."""
    parser = terminal.parser(__doc__)
    parser.add_argument(
        "checkpoint",
        nargs="?",
        type=checkpoint,
        default="train_data-20000",
        help="checkpoint to restore (default: %(default)s)",
    )
    parser.add_argument(
        "--sub-filter",
        type=integer(0, 31),
        default=0,
        metavar="K",
        help="sub-filter of the second layer to show, 0 to 31 (default: %(default)s)",
    )
    parser.add_argument(
        "--figure-dir",
        type=terminal.path,
        metavar="DIR",
        help="save the figures here (default: open windows; without a display, the current folder)",
    )
    parser.add_argument(
        "--first",
        type=integer(1, 100),
        default=10,  # the post's C
        metavar="N",
        help="show the first N test digits, 1 to 100 (default: %(default)s)",
    )
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument(
        "--image",
        type=terminal.path,
        nargs="+",
        metavar="FILE",
        help="show handwriting from image files, one digit each, up to 100",
    )
    choice.add_argument(
        "--digits",
        type=digit_list,
        metavar="D,...",
        help="show the first test example of each listed digit (repeat one for its next example)",
    )
    choice.add_argument(
        "--mistakes",
        action="store_true",
        help="show the first N test digits that the network misclassifies",
    )
    choice.add_argument(
        "--draw", action="store_true", help="open a window to draw digits in with the mouse"
    )
    args = parser.parse_args()
    for option, given in ("--image", args.image), ("--digits", args.digits):
        if given and len(given) > 100:
            raise Failure(f"{option}: {len(given)} digits; give up to 100")
    return args


def main():
    args = options()
    names = ["layer1.png", "layer2.png"]
    if args.mistakes or args.image:
        names.append("predictions.png")
    paths = [(args.figure_dir or Path()) / name for name in names]
    if args.draw:
        drawing_window.check_display()
    else:
        window = args.figure_dir is None
        figures.prepare(paths, "--figure-dir", window, inputs=args.image or [])
    digits = read_handwriting(args) if args.image else None
    network = DoubleConv()
    trained_on = checkpoints.restore(network, args.checkpoint)
    terminal.say(f"restored {args.checkpoint}")
    if args.draw:
        draw(network)
        return

    if not args.image:
        mnist = input_data.read_data_sets(args.data_dir, args.dataset)
        if trained_on not in (None, mnist.name):
            terminal.say(f"warning: {args.checkpoint} was trained on other data ({trained_on})")
        y_conv = common.probabilities(network, mnist.test.images).numpy()
        test_accuracy = float(common.accuracy(y_conv, mnist.test.labels))
        terminal.report(f"test accuracy {test_accuracy:g}{mnist.remark}")
        title = f"{args.checkpoint.name}, {mnist.name}, test accuracy {test_accuracy:g}"
        digits = choose_digits(args, mnist.test, y_conv, title)
    if not len(digits.images):
        terminal.say("there is nothing to draw")
        return
    drawn = visualize(network, digits.images, args.sub_filter, digits.what, digits.title)
    if args.mistakes or args.image:
        y_conv = network(digits.images).y_conv.numpy()
        for name, p in zip(digits.names or [], y_conv):
            terminal.report(f"{name}: {p.argmax()} ({p.max():.4f})")
        title = f"Probabilities of the ten digits for {len(y_conv)} {digits.what}\n{digits.title}"
        drawn.append(
            figures.draw_predictions(digits.images, y_conv, title, digits.labels, digits.names)
        )
    figures.show_or_save(drawn, paths)


if __name__ == "__main__":
    terminal.run(main)
