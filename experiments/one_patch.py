"""Prints the guide's two examples by hand: a filter slides over a 7; a weight gets its gradient.

The filter of the first example is made by hand, and the digit is the first of the test set. The
gradient is that of the first training digit, by the chain rule, layer by layer, and by
tf.GradientTape, and then that of its batch, while the first network (seed 1) is still as random as
it starts. Also draws slide.png, the first example.

Example:
    python -m experiments.one_patch
"""

from typing import NamedTuple

import numpy as np
from matplotlib.patches import Rectangle

import common
from experiments import MY_RESULTS
from experiments.both_networks import activations
from single_conv import SingleConv, batch_size
from support import figures, input_data, terminal
from support.quiet import plt, tf

# The author's, from this notebook: a level edge, full ink above and paper below, gives exactly 1.
# https://github.com/enakai00/jupyter_tfbook/blob/master/Chapter04/ORENIST%20classification%20example.ipynb
BY_HAND = (
    np.array(
        [
            [2, 3, 4, 3, 2],
            [1, 2, 3, 2, 1],
            [0, 0, 0, 0, 0],
            [-1, -2, -3, -2, -1],
            [-2, -3, -4, -3, -2],
        ]
    )
    / 23
)
COLUMN = 10  # the strip's column, counted from 0
ROWS = range(4, 14)  # and its rows
FILTER = 15  # the trained filter, counted from 1


def digit_as_text(image):
    """Returns a digit [28, 28] as lines, a character per pixel: its ink in tenths, # above 0.95."""
    rows, columns = (np.flatnonzero(image.any(axis)) for axis in (1, 0))
    part = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    ink = [["." if x == 0 else "#" if x > 0.95 else f"{10 * x:.0f}" for x in row] for row in part]
    return "\n".join(" ".join(row) for row in ink)


def patches(image):
    """Returns the 5x5 patch around each pixel of an image [28, 28], 0 outside: [28, 28, 5, 5]."""
    return np.lib.stride_tricks.sliding_window_view(np.pad(image, 2), (5, 5))


def slide(image, weights):
    """Returns c(i, j) for each pixel of an image [28, 28]: the weights [5, 5] times its patch."""
    return (patches(image) * weights).sum((2, 3))


def W_conv1(network):
    """Returns the weights of FILTER, [5, 5]."""
    return network.W_conv1.numpy()[:, :, 0, FILTER - 1]


def sums(network, image):
    """Returns c(i, j) of FILTER: [28, 28]."""
    return slide(image, W_conv1(network))


def strong(c):
    """Returns h_conv1, what abs and 0.2 leave of c."""
    return np.maximum(0, np.abs(c) - 0.2)


def pool(h):
    """Returns the largest of each 2x2 of h [28, 28]: [14, 14]."""
    return h.reshape(14, 2, 14, 2).max((1, 3))


# The way back.


def unpool(delta, h_conv1):
    """Passes delta [14, 14] to the largest of each 2x2 of h_conv1 [28, 28]: [28, 28]."""
    passed = np.zeros_like(h_conv1)
    for i, j in np.ndindex(delta.shape):
        block = h_conv1[2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
        r, s = np.unravel_index(block.argmax(), block.shape)
        passed[2 * i + r, 2 * j + s] = delta[i, j]
    return passed


class WayBack(NamedTuple):
    """The loss's derivatives with respect to each layer, from the last layer to the first."""

    d_logits: np.ndarray  # [10]
    d_h_fc1: np.ndarray  # [16]
    d_h_pool1: np.ndarray  # of FILTER's map: [14, 14]
    d_h_conv1: np.ndarray  # [28, 28]
    d_c: np.ndarray  # [28, 28]


def way_back(network, image, label):
    """Returns the loss's derivatives by the chain rule: image [28, 28], label one-hot [10]."""
    h = activations(network, image.reshape(784))
    h_map = h.h_conv1[:, :, FILTER - 1]
    W_fc1 = network.W_fc1.numpy().reshape(14, 14, 16, 16)[:, :, FILTER - 1]  # of this map

    d_logits = h.y_conv - label
    d_h_fc1 = network.W_fc2.numpy() @ d_logits
    d_h_pool1 = W_fc1 @ (d_h_fc1 * (h.h_fc1 > 0))
    d_h_conv1 = unpool(d_h_pool1, h_map)
    d_c = d_h_conv1 * (h_map > 0) * np.sign(sums(network, image))
    return WayBack(d_logits, d_h_fc1, d_h_pool1, d_h_conv1, d_c)


def gradient_by_hand(network, image, label):
    """Returns the loss's derivative for FILTER's weights, [5, 5]: the sum over all positions."""
    delta, x = way_back(network, image, label).d_c, patches(image)
    return sum(delta[i, j] * x[i, j] for i, j in np.ndindex(delta.shape))


def gradient_by_tape(network, images, labels):
    """Returns the same from TensorFlow, for a batch of images [n, 784] and labels [n, 10]."""
    with tf.GradientTape() as tape:
        loss = common.cross_entropy(network(images).logits, labels)
    return tape.gradient(loss, network.W_conv1).numpy()[:, :, 0, FILTER - 1]


# What is printed.


def signs(numbers):
    """Returns how many numbers are positive, negative and 0, as text."""
    return ", ".join(str(np.count_nonzero(np.sign(numbers) == sign)) for sign in (1, -1, 0))


def print_weights(name, weights):
    """Prints a filter, or its gradient, [5, 5]."""
    print(f"\n{name}:")
    for row in weights:
        print(" ".join(f"{x:5.2f}" for x in row))


def print_table(name, columns, rows):
    """Prints a table in Markdown, for experiments.tables."""
    print(f"\ntable: {name}")
    for row in [columns, ["---"] * len(columns), *rows]:
        print(f"| {' | '.join(row)} |")


def print_slide(image):
    """Prints what the filter made by hand gives, down a column of the image [28, 28]."""
    print(f"the first test digit:\n{digit_as_text(image)}")
    c = slide(image, BY_HAND)
    h = strong(c)
    moved = [pool(strong(slide(np.roll(image, down, axis=0), BY_HAND))) for down in range(3)]
    rows = []
    for i in ROWS:
        numbers = [image[i, COLUMN], c[i, COLUMN], h[i, COLUMN], h[i, COLUMN + 1]]
        pooled = f"{moved[0][i // 2, COLUMN // 2]:.2f}" if i % 2 == 0 else ""
        rows.append([str(i), *(f"{x:.2f}" for x in numbers), pooled])
    columns = ["row", "ink", "c", "h", f"h in column {COLUMN + 1}", "pooled"]
    print_table("slide", columns, rows)

    rows = []
    for down, pooled in enumerate(moved):
        strip = pooled[ROWS[0] // 2 : ROWS[-1] // 2 + 2, COLUMN // 2]
        rows.append([str(down), *(f"{x:.2f}" for x in strip)])
    columns = [f"{2 * i}, {2 * i + 1}" for i in range(ROWS[0] // 2, ROWS[-1] // 2 + 2)]
    print_table("slide-moved", ["moved down by", *columns], rows)


def print_way_back(network, image, label):
    """Prints each layer's number on the way forward, and the loss's derivative on the way back.

    They are those of the position that passes the most back, of the feature through which most of
    it goes, and of the label's digit.
    """
    h, back = activations(network, image.reshape(784)), way_back(network, image, label)
    i, j = np.unravel_index(np.abs(back.d_c).argmax(), back.d_c.shape)
    m, digit = np.abs(back.d_h_fc1 * (h.h_fc1 > 0)).argmax(), label.argmax()
    print(f"\nthe first training digit:\n{digit_as_text(image)}")
    print_weights(f"ink around row {i}, column {j}", patches(image)[i, j])
    print_weights(f"weights of filter {FILTER} before training", W_conv1(network))

    forward = {
        "`c = conv2d(x_image, W_conv1)`": sums(network, image)[i, j],
        "`h_conv1 = relu(abs(c) - 0.2)`": h.h_conv1[i, j, FILTER - 1],
        "`h_pool1 = max_pool_2x2(h_conv1)`": h.h_pool1[i // 2, j // 2, FILTER - 1],
        "`h_fc1 = relu(matmul(h_pool1_flat, W_fc1) + b_fc1)`": h.h_fc1[m],
        "`logits = matmul(h_fc1, W_fc2) + b_fc2`": h.logits[digit],
    }
    backward = {
        "`d_c = d_h_conv1 * (h_conv1 > 0) * sign(c)`": back.d_c[i, j],
        "`d_h_conv1 = unpool(d_h_pool1, h_conv1)`": back.d_h_conv1[i, j],
        "`d_h_pool1 = W_fc1 @ (d_h_fc1 * (h_fc1 > 0))`": back.d_h_pool1[i // 2, j // 2],
        "`d_h_fc1 = W_fc2 @ d_logits`": back.d_h_fc1[m],
        "`d_logits = y_conv - label`": back.d_logits[digit],
    }
    rows = [
        [left, f"{x:.4f}", right, f"{d:.4f}"]
        for (left, x), (right, d) in zip(forward.items(), backward.items(), strict=True)
    ]
    rows.append(["`y_conv = softmax(logits)`", f"{h.y_conv[digit]:.4f}", "", ""])
    columns = ["forward, from top to bottom", "", "back, from bottom to top", ""]
    print_table("way-back", columns, rows)
    print(f"\nfeature {m + 1}; features above 0: {np.count_nonzero(h.h_fc1)}")
    print(f"positions that pass something back: {np.count_nonzero(back.d_c)} of {back.d_c.size}")
    here = back.d_c[i, j] * patches(image)[i, j, 0, 4]
    print(f"what this position passes to the weight at the upper right: {here:.4f}")
    print_weights("the digit's gradient by hand", gradient_by_hand(network, image, label))
    by_tape = gradient_by_tape(network, image.reshape(1, 784), label[None])
    print_weights("the digit's gradient by tf.GradientTape", by_tape)


def print_first_steps(network, images, labels, train):
    """Prints the gradient of the first training batch, and where the steps from there lead."""
    print_weights("the batch's gradient", gradient_by_tape(network, images, labels))
    by_hand = [
        gradient_by_hand(network, image.reshape(28, 28), label)
        for image, label in zip(images, labels)
    ]
    upper_right = np.array(by_hand)[:, 0, 4]
    print(f"\nits weight at the upper right: {upper_right.sum():.2f}")
    print(f"digits for which it is positive, negative, 0: {signs(upper_right)}")

    start, moved = network.W_conv1.numpy(), {}
    for step in range(1, 1002):
        network.train_step(images, labels)
        if step in (1, 10, 100, 1001):
            moved[step] = network.W_conv1.numpy() - start
        images, labels = train.next_batch(batch_size)
    end = network.W_conv1.numpy()
    for step, change in moved.items():
        r = np.corrcoef(change.ravel(), moved[1001].ravel())[0, 1]
        print(f"correlation of all filters' change after {step} steps with the last: {r:.2f}")
    print_weights(f"weights of filter {FILTER} after training", W_conv1(network))
    print("\nstandard deviation of all filters' weights")
    print(f"start {start.std():.3f}, change {moved[1001].std():.3f}, end {end.std():.3f}")


@figures.in_default_style
def draw_slide(image):
    """Draws the image [28, 28], the filter on it, and what it gives; returns the figure."""
    c = slide(image, BY_HAND)
    figure, axes = plt.subplots(1, 4, figsize=(9, 2.5), layout="constrained")
    panels = [
        ("ink; blue: the filter's 5×5 pixels", image, "gray_r", 0.0, 1.0),
        ("c: blue is positive, red negative", c, "RdBu", -1.0, 1.0),
        ("h = max(0, |c| − 0.2)", strong(c), "gray_r", 0.0, 1.0),
        ("pooled, 14×14", pool(strong(c)), "gray_r", 0.0, 1.0),
    ]
    for ax, (title, shown, cmap, low, high) in zip(axes, panels):
        ax.imshow(shown, cmap, vmin=low, vmax=high, interpolation="nearest")
        ax.set_title(title, fontsize=9)
        ax.set(xticks=[], yticks=[])
        scale = len(shown) / 28  # of a pixel of the digit
        strip = (COLUMN * scale - 0.5, ROWS[0] * scale - 0.5), max(1, scale), len(ROWS) * scale
        ax.add_patch(Rectangle(*strip, fill=False, ec="#c2410c", lw=1.5))
    axes[0].add_patch(Rectangle((COLUMN - 2.5, 7.5), 5, 5, fill=False, ec="#3b76af", lw=1.5))
    return figure


def main():
    parser = terminal.parser(__doc__)
    terminal.add_data_options(parser)
    figures.add_figure_dir(parser, default=MY_RESULTS)
    args = parser.parse_args()
    path = args.figure_dir / "slide.png"
    figures.check_png(path, "--figure-dir")
    mnist = input_data.read_data_sets(args.data_dir, args.dataset)
    print(f"data: {mnist.name}")
    image = mnist.test.images[0].reshape(28, 28)
    print_slide(image)
    figures.save([draw_slide(image)], [path], dpi=150)
    images, labels = mnist.train.next_batch(batch_size)
    network = SingleConv()
    print(f"\ntest accuracy before training: {common.accuracy_on(network, mnist.test):.4f}")
    print_way_back(network, images[0].reshape(28, 28), labels[0])
    print_first_steps(network, images, labels, mnist.train)


if __name__ == "__main__":
    terminal.run(main)
