"""Draw the two-layer network's filters and feature maps.

Restores a checkpoint of double_conv.py. Figure 1: the first layer's 32 filters
and, below them, each digit with its 32 pooled feature maps (14x14). Figure 2:
the same for the second layer's 64 filters (7x7). A second-layer filter has 32
sub-filters, one per first-layer feature map; --sub-filter chooses the one
shown.

Also reads checkpoints of the program in enakai00's post (TensorFlow 0.x, 1.x).

Example:
    python visualize_filters.py train_data-20000 --digits 3,5,8
"""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # where `python -I` does not look
# support comes first: it imports TensorFlow without its start-up messages
from support import checkpoints, figures, files, input_data, terminal
from support.terminal import Failure, integer

import numpy as np

import common
from double_conv import DoubleConv


def visualize(network, images, sub_filter, title):
    """Draws both layers' filters and their feature maps for images, float32 [n, 784].

    Returns the two figures.
    """
    layers = network(images)
    layer1 = figures.draw_features(
        network.W_conv1.numpy()[:, :, 0],  # [5, 5, 32]
        images,
        layers.h_pool1.numpy(),  # [n, 14, 14, 32]
        f"Layer 1: the 32 filters (top row) and their feature maps for {len(images)} test digits\n"
        f"{title}",
    )
    layer2 = figures.draw_features(
        network.W_conv2.numpy()[:, :, sub_filter],  # [5, 5, 64]
        images,
        layers.h_pool2.numpy(),  # [n, 7, 7, 64]
        f"Layer 2: sub-filter {sub_filter} of each of the 64 filters (top two rows) and the "
        f"filters' feature maps for {len(images)} test digits\n{title}",
    )
    return [layer1, layer2]


def choose(labels, wanted):
    """Returns the indices of each wanted digit's first example; if repeated, of its next one."""
    examples = {digit: iter(np.flatnonzero(labels == digit)) for digit in wanted}
    chosen = [next(examples[digit], None) for digit in wanted]
    if None in chosen:
        digit = wanted[chosen.index(None)]
        raise Failure(f"--digits: the test set has too few examples of the digit {digit}")
    return chosen


def digit_list(text):
    """An argparse type: comma-separated digits."""
    return [integer(0, 9)(digit) for digit in text.split(",")]


def checkpoint(text):
    """An argparse type: a checkpoint, or one of its files, as shell completion gives it."""
    return terminal.path(re.sub(r"\.(index|data-\d+-of-\d+)$", "", text))


def options():
    """Returns the command line's options."""
    parser = terminal.parser(__doc__)
    parser.add_argument(
        "checkpoint",
        nargs="?",
        type=checkpoint,
        default="train_data-20000",
        help="default: %(default)s",
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
        default=10,
        metavar="N",
        help="show the first N test digits, 1 to 100 (default: %(default)s)",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--digits",
        type=digit_list,
        metavar="D,D,...",
        help="show the first test example of each listed digit (repeat one for its next example)",
    )
    return parser.parse_args()


def main():
    args = options()
    paths = [(args.figure_dir or Path()) / name for name in ("layer1.png", "layer2.png")]
    for path in paths:
        files.check_png(path, "--figure-dir")
    network = DoubleConv()
    trained_on = checkpoints.restore(network, args.checkpoint)
    terminal.say(f"restored {args.checkpoint}")
    mnist = input_data.read_data_sets(args.data_dir, args.dataset)
    if trained_on not in (None, mnist.name):
        terminal.say(f"warning: {args.checkpoint} was trained on other data ({trained_on})")
    test_accuracy = common.test_accuracy(network, mnist.test)
    terminal.report(f"test accuracy {test_accuracy:g}{mnist.remark}")

    if args.digits:
        images = mnist.test.images[choose(mnist.test.labels.argmax(1), args.digits)]
    else:
        images, _ = mnist.test.next_batch(args.first)
    title = f"{args.checkpoint.name}, {mnist.name}, test accuracy {test_accuracy:g}"
    figures.select_backend(window=args.figure_dir is None)
    figures.show_or_save(visualize(network, images, args.sub_filter, title), paths)


if __name__ == "__main__":
    terminal.run(main)
