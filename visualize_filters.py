"""Draw the two-layer network's filters and feature maps.

This is the third program of enakai00's "Deep MNIST for Experts, part 3". It
restores a checkpoint of double_conv.py. Figure 1: the first layer's 32 filters
and, below them, each digit with its 32 pooled feature maps (14x14). Figure 2:
the same for the second layer's 64 filters (7x7). A second-layer filter has 32
sub-filters, one per first-layer feature map; --sub-filter chooses the one
shown.

The post ends by saying that nobody can tell what the second layer looks at.
--patches looks from the other side: it draws, for each filter, the nine patches
of test digits that excite it most. (A filter that was never trained has its
kind of stroke, too: see docs/guide.md.)

Also reads checkpoints of other programs with the same network, such as the
post's own (TensorFlow 0.x, 1.x) and a Keras model's.

Example:
    python visualize_filters.py train_data-20000
    python visualize_filters.py train_data-20000 --digits 3,5,8
    python visualize_filters.py train_data-20000 --patches
"""

import argparse

import common
from double_conv import DoubleConv
from support import checkpoints, figures, input_data, terminal
from support.quiet import np
from support.terminal import Failure, integer, print_stderr


def visualize(network, images, sub_filter, description, title):
    """Draws both layers' filters and their feature maps for images, float32 [n, 784].

    `sub_filter`, 1 to 32, is the second layer's sub-filter to draw. The description tells what the
    images are, e.g. "test digits". Returns the two figures.
    """
    layers = network(images)
    layer1 = figures.draw_features(
        network.W_conv1.numpy()[:, :, 0],  # [5, 5, 32]
        images,
        layers.h_pool1.numpy(),  # [n, 14, 14, 32]
        f"Layer 1: the 32 filters (top row) and their feature maps for {len(images)} "
        f"{description}\n{title}",
    )
    layer2 = figures.draw_features(
        network.W_conv2.numpy()[:, :, sub_filter - 1],  # [5, 5, 64]
        images,
        layers.h_pool2.numpy(),  # [n, 7, 7, 64]
        f"Layer 2: sub-filter {sub_filter} of each of the 64 filters (top two rows) and the "
        f"filters' feature maps for {len(images)} {description}\n{title}",
    )
    return [layer1, layer2]


def strongest_patches(responses, images, size, stride, before):
    """Returns the patches of images that excite each filter most: float32 [n, 9, size, size].

    responses(x), for a batch x of images, float32 [count, 784], is h_conv1 or h_conv2, [count, h,
    w, n]. A response in row i depends on `size` rows of the digit, from row stride * i - before;
    columns alike. Pixels outside of the digit are 0. Only the strongest position in each digit
    counts: otherwise the nine would show the same stroke, a pixel apart.
    """
    strongest, positions = [], []
    for x in common.batches(images):
        h = responses(x).numpy()
        width = h.shape[2]
        h = h.reshape(len(h), -1, h.shape[-1])  # [count, h * w, n]
        strongest.append(h.max(1))
        positions.append(h.argmax(1))
    strongest, positions = np.concatenate(strongest), np.concatenate(positions)  # [digits, n]
    digits = np.pad(images.reshape(-1, 28, 28), [(0, 0), (before, size), (before, size)])
    patches = []
    for k in range(strongest.shape[1]):
        for digit in strongest[:, k].argsort()[::-1][:9]:
            row, column = np.multiply(stride, divmod(positions[digit, k], width))
            patches.append(digits[digit, row : row + size, column : column + size])
    return np.reshape(patches, [-1, 9, size, size])


def patches_of_both_layers(network, images):
    """Returns each layer's strongest patches: float32 [32, 9, 5, 5] and [64, 9, 14, 14].

    What does a response depend on, its receptive field? In h_conv1, (i, j) is a sum over 5x5
    pixels, the rows i - 2 to i + 2. Pooling takes two neighbours, so that a row i of h_pool1
    depends on 6 rows, 2i - 2 to 2i + 3. The second convolution takes five of those, i - 2 to i + 2,
    which are 2 pixels apart: 6 + 4 * 2 = 14 rows, from 2(i - 2) - 2 = 2i - 6 to 2i + 7.
    """
    return (
        strongest_patches(lambda x: network(x).h_conv1, images, size=5, stride=1, before=2),
        strongest_patches(lambda x: network(x).h_conv2, images, size=14, stride=2, before=6),
    )


def visualize_patches(network, images, title):
    """Draws both layers' filters by what excites them; returns the figure."""
    return figures.draw_patches(
        network.W_conv1.numpy()[:, :, 0],  # [5, 5, 32]
        *patches_of_both_layers(network, images),
        "The nine patches of test digits that excite each filter most. Layer 1, the top four rows: "
        f"the filter and 5x5 pixels. Layer 2: 14x14 pixels.\n{title}",
    )


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
    digits = [integer(0, 9)(digit.strip()) for digit in text.split(",")]
    if len(digits) > 100:
        raise argparse.ArgumentTypeError(f"{len(digits)} digits; give up to 100")
    return digits


def options():
    """Returns the command line's options."""
    parser = terminal.parser(__doc__)
    terminal.add_data_options(parser)
    parser.add_argument(
        "checkpoint",
        nargs="?",
        type=checkpoints.path,
        default="train_data-20000",
        help="checkpoint to restore (default: %(default)s)",
    )
    parser.add_argument(
        "--sub-filter",
        type=integer(1, 32),
        metavar="K",
        help="sub-filter of the second layer to show, 1 to 32 (default: 1)",
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
    choice.add_argument(
        "--patches",
        action="store_true",
        help="draw the patches of test digits that excite each filter most, and nothing else",
    )
    figures.add_figure_dir(parser)
    args = parser.parse_args()
    if args.patches and args.sub_filter:
        parser.error("--patches draws no sub-filters, so --sub-filter does not go with it")
    return args


def main():
    args = options()
    names = ["patches.png"] if args.patches else ["layer1.png", "layer2.png"]
    paths = [args.figure_dir / name for name in names]
    for path in paths:
        figures.check_png(path, "--figure-dir")
    # Before the data: a missing checkpoint should not cost a download.
    network = DoubleConv()
    trained_on = checkpoints.restore(network, args.checkpoint)
    print_stderr(f"restored {args.checkpoint}")

    mnist = input_data.read_data_sets(args.data_dir, args.dataset)
    checkpoints.warn_if_other_data(args.checkpoint, trained_on, mnist.name)
    test_accuracy = common.print_test_accuracy(network, mnist)

    title = f"{args.checkpoint.name}, {mnist.name}, test accuracy {test_accuracy:g}"
    if args.patches:
        drawn = [visualize_patches(network, mnist.test.images, title)]
    else:
        if args.digits:
            images = mnist.test.images[choose(mnist.test.labels.argmax(1), args.digits)]
        else:
            images, _ = mnist.test.next_batch(args.first)
        sub_filter = args.sub_filter or 1  # the post's w2[:,:,0,i]
        drawn = visualize(network, images, sub_filter, "test digits", title)
    figures.save(drawn, paths)
    figures.show(paths)


if __name__ == "__main__":
    terminal.run(main)
