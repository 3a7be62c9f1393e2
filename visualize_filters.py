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
from pathlib import Path

# support comes first: it imports TensorFlow without its start-up messages
from support import checkpoints, figures, input_data, terminal
from support.terminal import Failure, integer, reason

import numpy as np
import tensorflow as tf

import common
from double_conv import DoubleConv

# How TensorFlow 0.x and 1.x name the post's variables in a checkpoint: by scope, in creation order.
NAMES_OF_2016 = {
    "W_conv1": "convolution1/Variable",
    "b_conv1": "convolution1/Variable_1",
    "W_conv2": "convolution2/Variable",
    "b_conv2": "convolution2/Variable_1",
    "W_fc1": "fully-connected/Variable",
    "b_fc1": "fully-connected/Variable_1",
    "W_fc2": "readout/Variable",
    "b_fc2": "readout/Variable_1",
}


def restore(network, path):
    """Sets the network's variables, and nothing else, from the checkpoint at path.

    Returns the name of the data set it was trained on, None if another program wrote it. Raises a
    Failure if it is missing, corrupt, or from a different network.
    """
    if not Path(f"{path}.index").is_file() and not path.is_file():
        others = checkpoints.list_checkpoints(path if path.is_dir() else path.parent)
        found = f"found {', '.join(map(str, others))}; " if others else ""
        raise Failure(f"{path}: no such checkpoint; {found}double_conv.py trains one")
    checkpoints.check_path(path.parent)
    try:
        reader = tf.train.load_checkpoint(str(path))
        for name, name_of_2016 in NAMES_OF_2016.items():
            key = f"network/{name}/.ATTRIBUTES/VARIABLE_VALUE"
            key = key if reader.has_tensor(key) else name_of_2016
            getattr(network, name).assign(reader.get_tensor(key))
    except checkpoints.CORRUPT as error:
        raise Failure(f"{path}: corrupt, or from a different network: {reason(error)}") from None
    return (checkpoints.read_settings(path) or {}).get("data")


def visualize(network, images, sub_filter, title):
    """Draws both layers' filters and their feature maps for images, float32 [n, 784]."""
    layers = network(images)
    figures.draw_features(
        network.W_conv1.numpy()[:, :, 0],  # [5, 5, 32]
        images,
        layers.h_pool1.numpy(),  # [n, 14, 14, 32]
        f"Layer 1: the 32 filters (top row) and their feature maps for {len(images)} test digits\n"
        f"{title}",
    )
    figures.draw_features(
        network.W_conv2.numpy()[:, :, sub_filter],  # [5, 5, 64]
        images,
        layers.h_pool2.numpy(),  # [n, 7, 7, 64]
        f"Layer 2: sub-filter {sub_filter} of each of the 64 filters (top two rows) and the "
        f"filters' feature maps for {len(images)} test digits\n{title}",
    )


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


def options():
    """Returns the command line's options."""
    parser = terminal.parser(__doc__)
    add = parser.add_argument
    add("checkpoint", nargs="?", default="train_data-20000", help="default: %(default)s")
    text = "sub-filter of the second layer to show, 0 to 31 (default: 0)"
    add("--sub-filter", type=integer(0, 31), default=0, metavar="K", help=text)
    text = "save the figures here (default: open windows; without a display, the current folder)"
    add("--figure-dir", type=Path, metavar="DIR", help=text)
    add = parser.add_mutually_exclusive_group().add_argument
    text = "show the first N test digits, 1 to 100 (default: 10)"
    add("--first", type=integer(1, 100), default=10, metavar="N", help=text)
    text = "show the first test example of each listed digit (repeat a digit for its next example)"
    add("--digits", type=digit_list, metavar="D,D,...", help=text)
    args = parser.parse_args()
    # One of its files, as shell completion gives, stands for the checkpoint.
    args.checkpoint = Path(re.sub(r"\.(index|data-\d+-of-\d+)$", "", args.checkpoint))
    return args


def main():
    args = options()
    paths = [(args.figure_dir or Path()) / name for name in ("layer1.png", "layer2.png")]
    figures.check_paths(paths, "--figure-dir")
    network = DoubleConv()
    trained_on = restore(network, args.checkpoint)
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
    with figures.drawing(args.figure_dir is None, paths):
        visualize(network, images, args.sub_filter, title)


if __name__ == "__main__":
    terminal.run(main)
