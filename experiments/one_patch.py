"""Prints one 5x5 patch of a digit, worked by hand: a filter's response, a weight's gradient.

The digit is the first of the test set, a 7. The response is that of the trained first network
(seed 1), the gradient that of its random start, by the chain rule and by tf.GradientTape.

Example:
    python -m experiments.one_patch
"""

import numpy as np

import common
from experiments import networks, seeds
from single_conv import SingleConv
from support import input_data, terminal
from support.quiet import tf

FILTER = 15  # counted from 1
ROW, COLUMN = 10, 10  # the patch's middle, counted from 0


def digit_as_text(image):
    """Returns a digit [28, 28] as lines, a character per pixel: its ink in tenths, # above 0.95."""
    rows, columns = (np.flatnonzero(image.any(axis)) for axis in (1, 0))
    part = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    ink = [["." if x == 0 else "#" if x > 0.95 else f"{10 * x:.0f}" for x in row] for row in part]
    return "\n".join(" ".join(row) for row in ink)


def patches(image):
    """Returns the 5x5 patch around each pixel of an image [28, 28], 0 outside: [28, 28, 5, 5]."""
    return np.lib.stride_tricks.sliding_window_view(np.pad(image, 2), (5, 5))


def sums(network, image):
    """Returns c(i, j) of FILTER, its weights times the patch's pixels, added: [28, 28]."""
    return (patches(image) * network.W_conv1.numpy()[:, :, 0, FILTER - 1]).sum((2, 3))


def unpool(delta, h_conv1):
    """Passes delta [14, 14] to the largest of each 2x2 of h_conv1 [28, 28]: [28, 28]."""
    passed = np.zeros_like(h_conv1)
    for i, j in np.ndindex(delta.shape):
        block = h_conv1[2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
        r, s = np.unravel_index(block.argmax(), block.shape)
        passed[2 * i + r, 2 * j + s] = delta[i, j]
    return passed


def deltas(network, image, label):
    """Returns the loss's derivative for each c(i, j) of FILTER, [28, 28], by the chain rule.

    image is float32 [28, 28], label one-hot [10].
    """
    h = networks.activations(network, image.reshape(784))
    h_conv1 = h.h_conv1[:, :, FILTER - 1]
    W_fc1 = network.W_fc1.numpy().reshape(14, 14, 16, 16)[:, :, FILTER - 1]  # of this map

    delta = h.y_conv - label  # softmax and cross entropy
    delta = network.W_fc2.numpy() @ delta * (h.h_fc1 > 0)  # the readout's sums; ReLU
    delta = W_fc1 @ delta  # the features' sums, [14, 14]
    delta = unpool(delta, h_conv1)  # pooling, [28, 28]
    return delta * (h_conv1 > 0) * np.sign(sums(network, image))  # ReLU; abs


def gradient_by_hand(network, image, label):
    """Returns the loss's derivative for FILTER's weights, [5, 5]: the sum over all positions."""
    delta, x = deltas(network, image, label), patches(image)
    return sum(delta[i, j] * x[i, j] for i, j in np.ndindex(delta.shape))


def gradient_by_tape(network, image, label):
    """Returns the same from TensorFlow."""
    with tf.GradientTape() as tape:
        loss = common.cross_entropy(network(image.reshape(1, 784)).logits, label[np.newaxis])
    return tape.gradient(loss, network.W_conv1).numpy()[:, :, 0, FILTER - 1]


def print_table(name, table):
    """Prints a 5x5 table of numbers."""
    print(f"\n{name}:")
    for row in table:
        print(" ".join(f"{x:5.2f}" for x in row))


def print_patch(initial, trained, test):
    """Prints all numbers of the example, for the network before and after training."""
    image, label = test.images[0].reshape(28, 28), test.labels[0]
    print(f"test digits from 0 to 9: {' '.join(f'{n:.0f}' for n in test.labels.sum(0))}")
    print(f"the first test digit, a {label.argmax()}:\n{digit_as_text(image)}")
    print_table(f"ink around row {ROW}, column {COLUMN}", patches(image)[ROW, COLUMN])
    print_table(f"weights of filter {FILTER}", trained.W_conv1.numpy()[:, :, 0, FILTER - 1])
    c = sums(trained, image)[ROW, COLUMN]
    print(f"\nc: {c:.3f}\nh: {max(0, abs(c) - 0.2):.3f}")
    h_conv1 = networks.activations(trained, image.reshape(784)).h_conv1[:, :, FILTER - 1]
    print(f"the map's maximum: {h_conv1.max():.3f}")

    delta, by_hand = deltas(initial, image, label), gradient_by_hand(initial, image, label)
    print(f"\nbefore training, c: {sums(initial, image)[ROW, COLUMN]:.3f}")
    print(f"before training, delta: {delta[ROW, COLUMN]:.4f}")
    print(f"positions whose delta is not 0: {np.count_nonzero(delta)} of {delta.size}")
    print(f"the gradient of the weight at the upper left: {by_hand[0, 0]:.4f}")
    print_table("the gradient by hand", by_hand)
    print_table("the gradient by tf.GradientTape", gradient_by_tape(initial, image, label))

    shared, dense = initial.W_conv1.numpy().size, 784 * 28 * 28 * 16
    print(f"\nweights: {shared} shared, {dense:,} of a dense layer from 784 to {28 * 28 * 16:,}")


def main():
    parser = terminal.parser(__doc__)
    terminal.add_data_options(parser)
    args = parser.parse_args()
    mnist = input_data.read_data_sets(args.data_dir, args.dataset)
    print(f"data: {mnist.name}")
    print_patch(SingleConv(), seeds.trained_single(1, mnist.train), mnist.test)


if __name__ == "__main__":
    terminal.run(main)
