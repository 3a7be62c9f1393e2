"""Prints one 5x5 patch of a digit, worked by hand: a filter's response, a weight's gradient.

The digit is the first of the test set, a 7. A filter made by hand slides over it, then one of the
trained first network (seed 1). The gradient is that of its random start, by the chain rule and by
tf.GradientTape: for the 7, and for the first batch of the training.

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
STRIP = slice(4, 13)  # rows of COLUMN that show how the filter's response changes
# Made by hand: what is below, minus what is above. It finds edges that run from left to right.
LEVEL = np.repeat([[-0.2], [-0.2], [0], [0.2], [0.2]], 5, axis=1)


def digit_as_text(image):
    """Returns a digit [28, 28] as lines, a character per pixel: its ink in tenths, # above 0.95."""
    rows, columns = (np.flatnonzero(image.any(axis)) for axis in (1, 0))
    part = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    ink = [["." if x == 0 else "#" if x > 0.95 else f"{10 * x:.0f}" for x in row] for row in part]
    return "\n".join(" ".join(row) for row in ink)


def patches(image):
    """Returns the 5x5 patch around each pixel of an image [28, 28], 0 outside: [28, 28, 5, 5]."""
    return np.lib.stride_tricks.sliding_window_view(np.pad(image, 2), (5, 5))


def slide(weights, image):
    """Returns c(i, j), a filter's weights [5, 5] times the patch's pixels, added: [28, 28]."""
    return (patches(image) * weights).sum((2, 3))


def sums(network, image):
    """Returns c(i, j) of FILTER, [28, 28]."""
    return slide(network.W_conv1.numpy()[:, :, 0, FILTER - 1], image)


def layer(c):
    """Returns what the first layer makes of c [28, 28]: h [28, 28], and pooled [14, 14]."""
    h = np.maximum(np.abs(c) - 0.2, 0)
    return h, h.reshape(14, 2, 14, 2).max((1, 3))


def unpool(delta, h_conv1):
    """Passes delta [14, 14] to the largest of each 2x2 of h_conv1 [28, 28]: [28, 28]."""
    passed = np.zeros_like(h_conv1)
    for i, j in np.ndindex(delta.shape):
        block = h_conv1[2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
        r, s = np.unravel_index(block.argmax(), block.shape)
        passed[2 * i + r, 2 * j + s] = delta[i, j]
    return passed


def deltas(network, image, label):
    """Returns the loss's derivatives by the chain rule, from the last layer to the first.

    image is float32 [28, 28], label one-hot [10]. Returns {line of code: its result}; the last
    result is the derivative for each c(i, j) of FILTER, [28, 28].
    """
    h = networks.activations(network, image.reshape(784))
    y_conv, h_fc1, h_conv1 = h.y_conv, h.h_fc1, h.h_conv1[:, :, FILTER - 1]
    W_fc2 = network.W_fc2.numpy()
    W_fc1 = network.W_fc1.numpy().reshape(14, 14, 16, 16)[:, :, FILTER - 1]  # of this map
    c = sums(network, image)

    steps = {}
    steps["delta = y_conv - label"] = delta = y_conv - label  # [10]
    steps["delta = W_fc2 @ delta * (h_fc1 > 0)"] = delta = W_fc2 @ delta * (h_fc1 > 0)  # [16]
    steps["delta = W_fc1 @ delta"] = delta = W_fc1 @ delta  # [14, 14]
    steps["delta = unpool(delta, h_conv1)"] = delta = unpool(delta, h_conv1)  # [28, 28]
    steps["delta = delta * (h_conv1 > 0) * np.sign(c)"] = delta * (h_conv1 > 0) * np.sign(c)
    return steps


def gradient_by_hand(network, images, labels):
    """Returns the loss's derivative for FILTER's weights, [5, 5].

    It is the sum over all images [n, 28, 28], with labels [n, 10], and all positions.
    """
    gradient = np.zeros([5, 5])
    for image, label in zip(images, labels):
        *_, delta = deltas(network, image, label).values()
        gradient += np.einsum("ij,ijrs->rs", delta, patches(image))
    return gradient


def gradient_by_tape(network, images, labels):
    """Returns the same from TensorFlow."""
    with tf.GradientTape() as tape:
        loss = common.cross_entropy(network(images.reshape(-1, 784)).logits, labels)
    return tape.gradient(loss, network.W_conv1).numpy()[:, :, 0, FILTER - 1]


def print_table(name, table, digits=2):
    """Prints a 5x5 table of numbers."""
    print(f"\n{name}:")
    for row in table:
        print(" ".join(f"{x:{digits + 3}.{digits}f}" for x in row))


def numbers(values, digits=2):
    """Returns numbers as text."""
    return " ".join(f"{x:.{digits}f}" for x in values)


def print_strip(name, c, image):
    """Prints COLUMN of an image from above to below: ink, c, h, and pooled."""
    h, pooled = layer(c)
    rows = range(28)[STRIP]
    print(f"\n{name}, column {COLUMN}\n")
    print(f"| row | {' | '.join(map(str, rows))} |")
    print(f"| --- |{' --- |' * len(rows)}")
    for what, values in ("ink", image), ("c", c), ("abs(c) - 0.2, or 0", h):
        print(f"| {what} | {' | '.join(f'{x:.2f}' for x in values[STRIP, COLUMN])} |")
    two_rows = [f"{pooled[i // 2, COLUMN // 2]:.2f}" if i % 2 == 0 else "" for i in rows]
    print(f"| pooled, rows i and i + 1 | {' | '.join(two_rows)} |")


def print_forward(network, image, label):
    """Prints what the 7 becomes on its way through the network, where FILTER's patch has a part."""
    h = networks.activations(network, image.reshape(784))
    i, j = ROW // 2, COLUMN // 2
    block = h.h_conv1[2 * i : 2 * i + 2, 2 * j : 2 * j + 2, FILTER - 1].ravel()
    print("\nbefore training, the way forward:")
    print(f"c: {sums(network, image)[ROW, COLUMN]:.3f}")
    print(f"h_conv1: {h.h_conv1[ROW, COLUMN, FILTER - 1]:.3f}")
    print(f"h_conv1, the 2x2 block: {numbers(block, 3)}")
    print(f"h_pool1: {h.h_pool1[i, j, FILTER - 1]:.3f}")
    print(f"h_fc1: {numbers(h.h_fc1)}")
    print(f"logits: {numbers(h.logits)}")
    print(f"y_conv: {numbers(h.y_conv)}")
    print(f"loss: {-np.log(h.y_conv[label.argmax()]):.3f}")


def print_back(network, image, label):
    """Prints the way back, a line of code and its numbers: all, or those of FILTER's patch."""
    print("\nbefore training, the way back:")
    for line, delta in deltas(network, image, label).items():
        place = {14: f"[{ROW // 2}, {COLUMN // 2}]", 28: f"[{ROW}, {COLUMN}]"}.get(len(delta), "")
        if len(delta) == 14:
            print(f"{line}  # at {place}: {delta[ROW // 2, COLUMN // 2]:.4f}")
        elif len(delta) == 28:
            print(f"{line}  # at {place}: {delta[ROW, COLUMN]:.4f}")
        else:
            print(f"{line}  # {numbers(delta)}")
    print(f"positions whose delta is not 0: {np.count_nonzero(delta)} of {delta.size}")


def print_batch(initial, trained, images, labels):
    """Prints the gradient of a training batch, images [n, 28, 28], beside what training changed."""
    by_hand, by_tape = (f(initial, images, labels) for f in (gradient_by_hand, gradient_by_tape))
    before, after = (net.W_conv1.numpy()[:, :, 0, FILTER - 1] for net in (initial, trained))
    each = [gradient_by_hand(initial, *one)[0, 0] for one in zip(images[:, None], labels[:, None])]
    print(f"\nthe first batch of the training, {len(images)} digits")
    print_table("the gradient by hand", by_hand)
    print_table("the gradient by tf.GradientTape", by_tape)
    positive = np.sum(np.array(each) > 0)
    print(f"\ndigits whose gradient for the weight at the upper left is above 0: {positive}")
    print_table(f"weights of filter {FILTER} before training", before, digits=4)
    print_table("weights after one step", before - 0.001 * by_tape, digits=4)
    print_table("what 1,001 steps changed", after - before)
    correlation = np.corrcoef(-by_tape.ravel(), (after - before).ravel())[0, 1]
    print(f"\ncorrelation of the first step with what all changed: {correlation:.2f}")


def print_patch(initial, trained, test, train):
    """Prints all numbers of the example, for the network before and after training."""
    image, label = test.images[0].reshape(28, 28), test.labels[0]
    print(f"test digits from 0 to 9: {' '.join(f'{n:.0f}' for n in test.labels.sum(0))}")
    print(f"the first test digit, a {label.argmax()}:\n{digit_as_text(image)}")
    print_table("a filter made by hand", LEVEL)
    print_strip("the filter made by hand", slide(LEVEL, image), image)
    print_strip("the same on its side", slide(LEVEL.T, image), image)
    print_table(f"ink around row {ROW}, column {COLUMN}", patches(image)[ROW, COLUMN])
    print_table(f"weights of filter {FILTER}", trained.W_conv1.numpy()[:, :, 0, FILTER - 1])
    c = sums(trained, image)
    print(f"\nc: {c[ROW, COLUMN]:.3f}\nh: {layer(c)[0][ROW, COLUMN]:.3f}")
    print(f"the map's maximum: {layer(c)[0].max():.3f}")
    print_strip(f"filter {FILTER}", c, image)

    print_forward(initial, image, label)
    print_back(initial, image, label)
    by_hand = gradient_by_hand(initial, image[None], label[None])
    print(f"the gradient of the weight at the upper left: {by_hand[0, 0]:.4f}")
    print_table("the gradient by hand", by_hand)
    print_table(
        "the gradient by tf.GradientTape", gradient_by_tape(initial, image[None], label[None])
    )
    images, labels = train.next_batch(100)
    print_batch(initial, trained, images.reshape(-1, 28, 28), labels)

    shared, dense = initial.W_conv1.numpy().size, 784 * 28 * 28 * 16
    print(f"\nweights: {shared} shared, {dense:,} of a dense layer from 784 to {28 * 28 * 16:,}")


def main():
    parser = terminal.parser(__doc__)
    terminal.add_data_options(parser)
    args = parser.parse_args()
    mnist = input_data.read_data_sets(args.data_dir, args.dataset)
    print(f"data: {mnist.name}; {seeds.cpu()}; TensorFlow {tf.__version__}")
    trained = seeds.trained_single(1, mnist.train)
    train = input_data.read_data_sets(args.data_dir, args.dataset).train  # from its start again
    print_patch(SingleConv(), trained, mnist.test, train)


if __name__ == "__main__":
    terminal.run(main)
