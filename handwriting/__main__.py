"""Recognize handwriting with the two-layer network, and see what it gets wrong.

The post ends with the filters; this asks what the network concludes from them.
Restores a checkpoint of double_conv.py and reads image files, one digit each:
photos, scans or drawings, in any size and colour. Prints a line per file: the
digit and its probability. Three figures show the digits as the network gets
them, with both layers' feature maps and with the ten probabilities of each.

Example:
    python -m handwriting seven.png eight.jpg
    python -m handwriting --draw      # a window to draw digits in
    python -m handwriting --mistakes  # test digits that the network gets wrong
"""

import gc
import sys
from typing import NamedTuple

import common
from double_conv import DoubleConv
from handwriting import drawing_window, predictions
from handwriting.form import like_mnist
from handwriting.ink import read_ink, side_by_side, too_thick
from support import checkpoints, figures, input_data, terminal
from support.quiet import np
from support.terminal import Failure, integer, print_stderr, print_stdout
from visualize_filters import visualize

MOST = 100  # digits in a figure
PHOTOGRAPH = "show only the paper, with one digit on it, upright"


class Digits(NamedTuple):
    """Digits that the network has read."""

    images: np.ndarray  # float32 [n, 784]
    y_conv: np.ndarray  # float32 [n, 10]
    description: str  # what the images are, e.g. "images of handwriting"
    labels: np.ndarray | None = None  # int [n], given for mistakes
    names: list | None = None  # the names of the files, if the images are from files


def printable(name):
    """Returns a file's name with "?" for what stdout's encoding lacks."""
    encoding = sys.stdout.encoding or "utf-8"
    return name.encode(encoding, errors="replace").decode(encoding)


def recognize(network, paths):
    """Prints which digit each image file shows; returns the Digits.

    A file that can't be read gets a line on stderr, and the others are still read.
    """
    images, names = [], []
    for path in paths:
        try:
            ink = read_ink(path)
        except Failure as failure:
            print_stderr(str(failure))
            continue
        if side_by_side(ink):
            print_stderr(f"{path}: looks like more than one digit; give each in its own image")
        elif too_thick(ink):
            print_stderr(f"{path}: hardly looks like strokes; {PHOTOGRAPH}")
        images.append(like_mnist(ink))
        names.append(path.name)
    if not images:
        raise Failure("none of the files could be read")
    images = np.array(images)
    y_conv = common.probabilities(network, images).numpy()
    for name, p in zip(names, y_conv):
        print_stdout(f"{printable(name)}: {p.argmax()} ({predictions.probability(p.max())})")
    if len(images) > MOST:
        print_stderr(f"the figures show the first {MOST} of {len(images)} images")
    description = "images of handwriting" if len(images) > 1 else "image of handwriting"
    return Digits(images, y_conv, description, names=names)


def find_mistakes(network, test):
    """Counts the digits of the test set that the network gets wrong; returns the Digits."""
    labels = test.labels.argmax(1)
    y_conv = common.probabilities(network, test.images).numpy()
    wrong = y_conv.argmax(1) != labels
    print_stdout(f"{wrong.sum()} of {len(labels):,} test digits are misclassified")
    description = "misclassified test digits"
    return Digits(test.images[wrong], y_conv[wrong], description, labels=labels[wrong])


def draw_figures(network, digits, count, title):
    """Returns three figures of the first `count` digits: both layers, and the predictions."""
    images, y_conv = digits.images[:count], digits.y_conv[:count]
    heading = f"Probabilities of the ten digits for {len(images)} {digits.description}\n{title}"
    return [
        *visualize(network, images, 1, digits.description, title),
        predictions.draw_predictions(images, y_conv, heading, digits.labels, digits.names),
    ]


def refuse_if_not_utf8(path):
    """Raises a Failure if a name, e.g. from an old zip file, can be neither printed nor drawn."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise Failure(f"{path}: the name is not UTF-8; rename it") from None


def options():
    """Returns the command line's options."""
    parser = terminal.parser(__doc__)
    terminal.add_data_options(parser)
    task = parser.add_mutually_exclusive_group(required=True)
    task.add_argument(
        "files",
        nargs="*",
        type=terminal.path,
        default=[],
        metavar="FILE",
        help="image of one handwritten digit",
    )
    task.add_argument(
        "--draw", action="store_true", help="open a window to draw digits in with the mouse"
    )
    task.add_argument(
        "--mistakes",
        action="store_true",
        help="show the first N test digits that the network gets wrong",
    )
    parser.add_argument(
        "--first",
        type=integer(1, MOST),
        metavar="N",
        help=f"with --mistakes: how many to show, 1 to {MOST} (default: 10)",
    )
    parser.add_argument(
        "--checkpoint",
        type=checkpoints.path,
        default="train_data-20000",
        help="checkpoint to restore (default: %(default)s)",
    )
    figures.add_figure_dir(parser)
    args = parser.parse_args()
    for path in [*args.files, args.checkpoint, args.data_dir, args.figure_dir]:
        refuse_if_not_utf8(path)
    if args.first and not args.mistakes:
        parser.error("--first goes with --mistakes only")
    return args


def restored_network(path):
    """Returns the network with the variables of the checkpoint at path, and its data's name."""
    network = DoubleConv()
    trained_on = checkpoints.restore(network, path)
    print_stderr(f"restored {path}")
    return network, trained_on


def open_window(args):
    """--draw: opens the window to draw digits in, and returns when it is closed."""
    drawing_window.check_display()
    network, trained_on = restored_network(args.checkpoint)
    checkpoints.warn_if_other_data(args.checkpoint, trained_on, "MNIST")

    def compute(image):
        layers = network(image[np.newaxis])
        return [layer.numpy()[0] for layer in (layers.y_conv, layers.h_pool1, layers.h_pool2)]

    drawing_window.open_window(compute)


def read_digits(args):
    """Reads the files or, for --mistakes, the test digits, and draws the network's output."""
    what = "mistakes" if args.mistakes else "handwriting"
    paths = [args.figure_dir / f"{what}-{n}.png" for n in ("layer1", "layer2", "predictions")]
    for path in paths:
        figures.check_png(path, "--figure-dir")
    network, trained_on = restored_network(args.checkpoint)
    if args.mistakes:
        mnist = input_data.read_data_sets(args.data_dir, args.dataset)
        checkpoints.warn_if_other_data(args.checkpoint, trained_on, mnist.name)
        digits, count = find_mistakes(network, mnist.test), args.first or 10
    else:
        # An image is made like MNIST's digits, whatever the checkpoint was trained on.
        checkpoints.warn_if_other_data(args.checkpoint, trained_on, "MNIST")
        digits, count = recognize(network, args.files), MOST
    if len(digits.images):
        drawn = draw_figures(network, digits, count, args.checkpoint.name)
        for figure, path in zip(drawn, paths):
            figures.save([figure], [path])
            figure.clear()
            gc.collect()  # 100 MB of pixels: its parts refer to them, and to each other
        figures.show(paths)
    if len(digits.images) < len(args.files):
        unread = len(args.files) - len(digits.images)
        raise Failure(f"{unread} of {len(args.files)} files could not be read")


def main():
    args = options()
    if args.draw:
        open_window(args)
    else:
        read_digits(args)


if __name__ == "__main__":
    sys.argv[0] = "python -m handwriting"  # in messages, not the path of this file
    terminal.run(main)
