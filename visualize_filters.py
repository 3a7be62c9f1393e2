"""Pictures of what the two-layer network's filters look for.

They are drawn from a checkpoint of double_conv.py. Figure 1: the first layer's
32 filters and, under them, digits with what each filter makes of them, pooled
to 14x14 pixels. Figure 2: the same for the second layer's 64 filters, 7x7
pixels; each of those has 32 sub-filters, one for each picture of the first
layer, of which one is shown.

The checkpoint may also be one that the post's own program wrote, under
TensorFlow 0.x or 1.x.

Example:
    python visualize_filters.py train_data-20000 --digits 3,5,8
"""

import argparse
import pathlib
import re

import common
from common import np, tf
from double_conv import DoubleConv

# Where TensorFlow 0.x and 1.x keep the post's variables: by scope, in the order of their making.
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

    Raises:
        Failure: there is none, it is damaged, or it belongs to another network.
    """
    if not path.with_name(f"{path.name}.index").exists() and not path.is_file():
        others = common.list_checkpoints(path if path.is_dir() else path.parent).values()
        there = f"there are {', '.join(others)}" if others else "train one with double_conv.py"
        raise common.Failure(f"{path}: no such checkpoint; {there}")
    try:
        reader = tf.train.load_checkpoint(str(path))
        shapes = reader.get_variable_to_shape_map()
        for name, name_of_2016 in NAMES_OF_2016.items():
            key = f"network/{name}/.ATTRIBUTES/VARIABLE_VALUE"
            key = key if key in shapes else name_of_2016
            variable = getattr(network, name)
            if (
                not reader.has_tensor(key)
                or reader.get_variable_to_shape_map()[key] != variable.shape
            ):
                raise common.Failure(
                    f"{path}: belongs to another network: its {name} is missing or different"
                )
            variable.assign(reader.get_tensor(key))
    except common.UNREADABLE:
        raise common.Failure(f"{path}: damaged, or not a checkpoint; choose another one") from None


def visualize(network, images, sub_filter, title):
    """Draws both layers' filters, and what they make of images (uint8 [count, 784]).

    Returns:
        Two matplotlib figures.
    """
    images = common.as_float(images)
    layers = network(images)
    layer1 = common.draw_features(
        network.W_conv1.numpy()[:, :, 0],  # [5, 5, 32]
        images,
        layers.h_pool1.numpy(),  # [count, 14, 14, 32]
        "Layer 1: the 32 filters (top row), and what they make of "
        f"{len(images)} test digits\n{title}",
    )
    layer2 = common.draw_features(
        network.W_conv2.numpy()[:, :, sub_filter],  # [5, 5, 64]
        images,
        layers.h_pool2.numpy(),  # [count, 7, 7, 64]
        f"Layer 2: sub-filter {sub_filter} of each of the 64 filters (top two rows), and what the "
        f"filters make of {len(images)} test digits\n{title}",
    )
    return layer1, layer2


def digit_list(text):
    """An argparse type: digits with commas between them."""
    if not re.fullmatch(r"[0-9](,[0-9])*", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not digits from 0 to 9 with commas between")
    return [int(digit) for digit in text.split(",")]


def choose(labels, wanted):
    """Returns the indices of the first digits in labels that are, in turn, those wanted.

    A digit that is wanted again gives the next of its kind: 3,3 the first two threes.
    """
    chosen = []
    for place, digit in enumerate(wanted):
        of_its_kind = np.flatnonzero(labels == digit)
        before = wanted[:place].count(digit)
        if before >= len(of_its_kind):
            raise common.Failure(f"--digits: the test set has {before} digits {digit}, no more")
        chosen.append(of_its_kind[before])
    return chosen


def checkpoint_path(text):
    """An argparse type: a checkpoint's path, also where a shell has completed it to a file's."""
    return pathlib.Path(re.sub(r"\.(index|data-\d+-of-\d+)$", "", text))


def main():
    parser = common.parser(__doc__)
    parser.add_argument(
        "checkpoint",
        nargs="?",
        type=checkpoint_path,
        default="train_data-20000",
        metavar="CHECKPOINT",
        help="the checkpoint, as double_conv.py names it (default: %(default)s)",
    )
    common.add_data_options(parser)
    parser.add_argument(
        "--sub-filter",
        type=common.whole_number(0, 31),
        default=0,
        metavar="K",
        help="which of each second-layer filter's 32 sub-filters to show, 0 to 31 (default: 0)",
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--first",
        type=common.whole_number(1, 100),
        default=10,
        metavar="N",
        help="show the first N test digits, 1 to 100 (default: 10)",
    )
    which.add_argument(
        "--digits",
        type=digit_list,
        metavar="3,5,8",
        help="show the first test digit of each of these kinds, 0 to 9",
    )
    parser.add_argument(
        "--figure-dir",
        type=pathlib.Path,
        metavar="DIR",
        help="write layer1.png and layer2.png here; without it windows open, or where there is no "
        "display, they are written to the current folder",
    )
    args = parser.parse_args()

    window = common.opens_window(args.figure_dir)
    folder = args.figure_dir or pathlib.Path(".")
    paths = [folder / "layer1.png", folder / "layer2.png"]
    if not window:
        for path in paths:
            common.check_writable(path, "--figure-dir")
    network = DoubleConv()
    restore(network, args.checkpoint)
    common.say(f"showing {args.checkpoint}")
    digits = common.load_digits(args.dataset, args.data_dir)
    accuracy = common.print_test_accuracy(network, digits)

    chosen = choose(digits.test_labels, args.digits) if args.digits else slice(args.first)
    title = f"{args.checkpoint.name}, {digits.name}, test accuracy {accuracy:g}"
    figures = visualize(network, digits.test_images[chosen], args.sub_filter, title)
    common.show_or_write(window, dict(zip(paths, figures)))


if __name__ == "__main__":
    common.run(main)
