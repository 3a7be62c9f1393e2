"""Draw the two-layer network's filters and feature maps.

This is the third program of enakai00's "Deep MNIST for Experts, part 3". It
restores a checkpoint of double_conv.py. Figure 1: the first layer's 32 filters
and, below them, each digit with its 32 pooled feature maps (14x14). Figure 2:
the same for the second layer's 64 filters (7x7). A second-layer filter has 32
sub-filters, one per first-layer feature map; --sub-filter chooses the one
shown.

Also reads checkpoints of the post's own program (TensorFlow 0.x, 1.x).

Example:
    python visualize_filters.py train_data-20000
    python visualize_filters.py train_data-20000 --digits 3,5,8
"""

import argparse
import re
from pathlib import Path

# support comes first: it imports TensorFlow without its start-up messages
from support import checkpoints, figures, input_data, terminal
from support.terminal import Failure, integer, print_stderr

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


def choose(labels, digits):
    """Returns the index of each digit's first example in labels [n]; if repeated, of its next one.

    Raises a Failure if there are too few.
    """
    chosen = []
    for digit in digits:
        examples = [i for i in np.flatnonzero(labels == digit) if i not in chosen]
        if not examples:
            raise Failure(f"--digits: the test set has too few examples of the digit {digit}")
        chosen.append(examples[0])
    return chosen


def digit_list(text):
    """An argparse type: up to 100 digits, separated by commas."""
    digits = [integer(0, 9)(digit) for digit in text.split(",")]
    if len(digits) > 100:
        raise argparse.ArgumentTypeError(f"{len(digits)} digits; give up to 100")
    return digits


def checkpoint(text):
    """An argparse type: a checkpoint, or one of its files, as shell completion gives it."""
    return terminal.path(re.sub(r"\.(index|meta|data-\d+-of-\d+)$", "", text))


def options():
    """Returns the command line's options."""
    parser = terminal.parser(__doc__)
    terminal.add_data_options(parser)
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
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument(
        "--first",
        type=integer(1, 100),
        default=10,  # the post's C
        metavar="N",
        help="show the first N test digits, 1 to 100 (default: %(default)s)",
    )
    choice.add_argument(
        "--digits",
        type=digit_list,
        metavar="D,...",
        help="show the first test example of each listed digit (repeat one for its next example)",
    )
    figures.add_figure_dir(parser)
    return parser.parse_args()


def main():
    args = options()
    paths = [(args.figure_dir or Path()) / name for name in ("layer1.png", "layer2.png")]
    show = figures.will_show(paths, "--figure-dir", chosen=args.figure_dir)
    network = DoubleConv()
    trained_on = checkpoints.restore(network, args.checkpoint)
    print_stderr(f"restored {args.checkpoint}")

    mnist = input_data.read_data_sets(args.data_dir, args.dataset)
    if trained_on not in (None, mnist.name):
        print_stderr(f"warning: {args.checkpoint} was trained on other data ({trained_on})")
    test_accuracy = common.accuracy_on(network, mnist.test)
    terminal.print_test_accuracy(test_accuracy, mnist.name)

    if args.digits:
        images = mnist.test.images[choose(mnist.test.labels.argmax(1), args.digits)]
    else:
        images, _ = mnist.test.next_batch(args.first)
    title = f"{args.checkpoint.name}, {mnist.name}, test accuracy {test_accuracy:g}"
    drawn = visualize(network, images, args.sub_filter, "test digits", title)
    figures.show_or_save(show, drawn, paths)


if __name__ == "__main__":
    terminal.run(main)
