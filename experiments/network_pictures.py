"""Draws both networks with their own numbers: network1.png and network2.png.

Trains the first network (1,001 steps) and restores the second from a checkpoint
of double_conv.py. Every image, shape and number in the figures comes from these
two networks and one test digit.

Example:
    python -m experiments.network_pictures train_data-20000
"""

import numpy as np
from matplotlib.patches import Circle

import common
from experiments import MY_RESULTS
from experiments.both_networks import activations, parser, trained_networks
from experiments.page import COLORS, FAINT, INK, LEFT, RIGHT, TEXT, Page, columns, shape
from support import figures, terminal
from support.quiet import tf

INDEX = 9  # index of a test digit that the first network recognizes, but not with certainty


def count(variables):
    """Returns the number of parameters, as text."""
    return f"{sum(np.prod(variable.shape) for variable in variables):,} parameters"


def parameters(network, *names):
    """Returns the shapes of a layer's variables, and their number of parameters, as text."""
    variables = [getattr(network, name) for name in names]
    shapes = ", ".join(f"{name} {shape(variable)}" for name, variable in zip(names, variables))
    return f"{shapes}: {count(variables)}"


def check(computed, expected):
    """Raises an AssertionError if what a figure shows differs from what the network computes."""
    np.testing.assert_allclose(computed, expected, rtol=1e-3, atol=1e-4)


def draw_head(page, title, subtitle, network, image, name):
    """Draws the title, the input, and how to read the colors."""
    page.text(LEFT, page.y + 14, title, INK, 13, weight="bold")
    total = count(network.trainable_variables)
    page.text(RIGHT, page.y + 14, total, INK, 11, weight="bold", ha="right")
    page.text(LEFT, page.y + 38, subtitle, FAINT, 9)
    page.y += 60
    image = image.reshape(28, 28, 1)
    formula = "x_image = tf.reshape(x, [-1, 28, 28, 1])"
    with page.layer("input", name, formula, image):
        page.image(image[..., 0], LEFT, page.y - 20, 84, 84, 1)
        for y, signed, text in (
            (page.y + 18, False, "activations: 0 is white, the layer's largest is black"),
            (page.y + 42, True, "weights and terms of sums: negative is red, positive is blue"),
        ):
            page.image(np.linspace(-signed, 1, 80)[None], TEXT, y - 6, 80, 12, 1, signed)
            page.text(TEXT + 92, y, text, FAINT)
        page.y += 76


def draw_pooling(page, scope, formula, h_pool, xs, size):
    """Draws a pooling layer."""
    with page.layer(scope, "the largest of each 2×2 pixels", formula, h_pool):
        page.images(h_pool, xs, size)
        page.y += 12


@figures.in_default_style
def draw_single(network, image, name, subtitle):
    """Draws the first network and its activations for an image [784]; returns the figure."""
    layers = activations(network, image)
    h_fc1 = layers.h_fc1
    filters = network.W_conv1.numpy()[:, :, 0]  # [5, 5, 16]
    maps, cells, digits = (columns(n) for n in (len(filters.T), len(h_fc1), 10))
    page = Page()
    title = f"single_conv.py: one layer of {len(maps)} filters"
    draw_head(page, title, subtitle, network, image, name)

    what = f"{len(maps)} filters respond to edges or to ink; abs drops the sign, -0.2 what is weak"
    formula = "h_conv1 = relu(abs(conv2d(x_image, W_conv1)) - 0.2)"
    weights = parameters(network, "W_conv1")
    with page.layer("convolution1", what, formula, layers.h_conv1, weights):
        page.images(filters, maps, 40, signed=True)
        page.arrows(maps)
        page.images(layers.h_conv1, maps, 42, numbered=False)
        page.y += 12

    formula = "h_pool1 = max_pool_2x2(h_conv1)"
    draw_pooling(page, "pooling1", formula, layers.h_pool1, maps, 28)

    # What each map adds to each feature: sums over the map's pixels, [maps, features].
    weights = network.W_fc1.numpy().reshape(*layers.h_pool1.shape, -1)
    terms = np.einsum("hwm,hwmf->mf", layers.h_pool1, weights)
    check(np.maximum(terms.sum(0) + network.b_fc1.numpy(), 0), h_fc1)
    what = f"{len(h_fc1)} features, weighted sums of all pixels; lines: what each map adds to them"
    formula = "h_fc1 = relu(matmul(h_pool1_flat, W_fc1) + b_fc1)"
    weights = parameters(network, "W_fc1", "b_fc1")
    with page.layer("fully-connected", what, formula, h_fc1, weights):
        page.fan(terms, maps, cells)
        page.images(h_fc1[None, None], cells, 28, numbered=False)
        for x, feature in zip(cells, h_fc1):
            page.text(x, page.y + 13, f"{feature:.1f}", ha="center")
        page.y += 28

    # What each feature adds to each logit, [features, digits].
    terms = h_fc1[:, None] * network.W_fc2.numpy()
    check(terms.sum(0) + network.b_fc2.numpy(), layers.logits)
    what = "softmax turns ten sums into probabilities; lines: what each feature adds to a sum"
    formula = "y_conv = softmax(matmul(h_fc1, W_fc2) + b_fc2)"
    weights = parameters(network, "W_fc2", "b_fc2")
    with page.layer("readout", what, formula, layers.y_conv, weights):
        page.fan(terms, cells, digits)
        page.bars(layers.y_conv)
    return page.finish()


@figures.in_default_style
def draw_double(network, image, name, subtitle):
    """Draws the second network and its activations for an image [784]; returns the figure."""
    layers = activations(network, image)
    h_conv2, h_fc1 = layers.h_conv2, layers.h_fc1
    filters = network.W_conv1.numpy()[:, :, 0]  # [5, 5, 32]
    maps, halves = columns(len(filters.T)), columns(len(filters.T) // 2)
    page = Page()
    title = f"double_conv.py: two layers of {len(maps)} and {len(h_conv2.T)} filters"
    draw_head(page, title, subtitle, network, image, name)

    what = f"{len(maps)} filters and biases: any feature of 5×5 pixels, not only edges"
    formula = "h_conv1 = relu(conv2d(x_image, W_conv1) + b_conv1)"
    weights = parameters(network, "W_conv1", "b_conv1")
    with page.layer("convolution1", what, formula, layers.h_conv1, weights):
        page.images(filters, halves, 30, signed=True)
        page.arrows(halves)
        page.images(layers.h_conv1, halves, 42)
        page.y += 12

    formula = "h_pool1 = max_pool_2x2(h_conv1)"
    draw_pooling(page, "pooling1", formula, layers.h_pool1, maps, 21)

    what = f"{len(h_conv2.T)} filters of {len(maps)} sub-filters each, one for each map of h_pool1"
    formula = "h_conv2 = relu(conv2d(h_pool1, W_conv2) + b_conv2)"
    weights = parameters(network, "W_conv2", "b_conv2")
    with page.layer("convolution2", what, formula, h_conv2, weights):
        draw_sum(page, network, layers.h_pool1, h_conv2, maps)
        page.y += 12

    formula = "h_pool2 = max_pool_2x2(h_conv2)"
    draw_pooling(page, "pooling2", formula, layers.h_pool2, maps, 17.5)

    pixels = layers.h_pool2.size
    what = f"{len(h_fc1):,} features (in 8 rows), weighted sums of all {pixels:,} pixels"
    formula = "h_fc1 = relu(matmul(h_pool2_flat, W_fc1) + b_fc1)"
    weights = parameters(network, "W_fc1", "b_fc1")
    with page.layer("fully-connected", what, formula, h_fc1, weights):
        page.image(h_fc1.reshape(8, -1), LEFT, page.y, RIGHT - LEFT, 52, h_fc1.max())
        page.y += 64

    what = "only in training: half of the features, at random, become 0, and the others double"
    formula = "h_fc1_drop = dropout(h_fc1, keep_prob)"
    with page.layer("dropout", what, formula, h_fc1):
        page.y -= 4

    what = "softmax turns ten weighted sums of the features into probabilities"
    formula = "y_conv = softmax(matmul(h_fc1_drop, W_fc2) + b_fc2)"
    weights = parameters(network, "W_fc2", "b_fc2")
    with page.layer("readout", what, formula, layers.y_conv, weights):
        page.bars(layers.y_conv)
    return page.finish()


def draw_sum(page, network, h_pool1, h_conv2, maps):
    """Draws how the sub-filters' outputs of one filter add up to its map, and then all maps."""
    k = h_conv2.sum((0, 1)).argmax()
    sub_filters = network.W_conv2.numpy()[..., k]  # [5, 5, 32]
    terms = tf.nn.depthwise_conv2d(h_pool1[None], sub_filters[..., None], [1, 1, 1, 1], "SAME")
    terms = terms[0].numpy()  # [14, 14, 32]
    total, bias, h = terms.sum(-1), network.b_conv2.numpy()[k], h_conv2[..., k]  # [14, 14]
    check(np.maximum(total + bias, 0), h)

    page.text(
        LEFT,
        page.y + 8,
        f"Filter {k + 1}, whose feature map is the strongest: its {len(maps)} sub-filters "
        "and their outputs",
    )
    page.y += 20
    page.images(sub_filters, maps, 20, signed=True)
    page.arrows(maps)
    page.images(terms, maps, 21, signed=True, numbered=False)
    draw_equation(page, maps, k, total, h, h_conv2.max())
    page.images(h_conv2, maps, 21, framed=k)


def draw_equation(page, maps, k, total, h, largest):
    """Draws that the outputs add up to `total`, and that bias and relu make of it the map `h`."""
    color, x, bus = COLORS["convolution2"], 190, page.y + 10
    stems = [[(x_, bus - 7), (x_, bus)] for x_ in maps]
    page.lines([*stems, [(maps[0], bus), (maps[-1], bus)], [(x, bus), (x, bus + 32)]], color, 0.9)
    page.y = bus + 14
    middle = page.y + 28
    page.ax.add_patch(Circle((x, middle), 13, fc="white", ec=color, lw=0.9, zorder=3))
    page.text(x, middle, "Σ", color, 11, weight="bold", ha="center")
    page.text(x + 29, middle, "=", ha="center", family="monospace")
    page.image(total, x + 44, page.y, 56, 56, np.abs(total).max(), signed=True)
    page.text(x + 122, middle, "relu(Σ + bias) =", INK, 8, family="monospace")
    page.image(h, x + 244, page.y, 56, 56, largest)
    page.frame(x + 244, page.y, 56, 56, color, 1.5)
    page.text(x + 314, middle, f"feature map {k + 1}, framed below")
    page.y += 66


def main():
    options = parser(__doc__)
    figures.add_figure_dir(options, default=MY_RESULTS)
    args = options.parse_args()
    paths = [args.figure_dir / name for name in ("network1.png", "network2.png")]
    for path in paths:
        figures.check_png(path, "--figure-dir")
    single, double, mnist = trained_networks(args)
    image, label = mnist.test.images[INDEX], mnist.test.labels[INDEX].argmax()
    name = f"mnist.test.images[{INDEX}], a {label}"
    drawn = []
    for network, draw in (single, draw_single), (double, draw_double):
        accuracy = common.accuracy_on(network, mnist.test)
        subtitle = f"trained on {mnist.name}, test accuracy {accuracy:g}"
        drawn.append(draw(network, image, name, subtitle))
    figures.save(drawn, paths)


if __name__ == "__main__":
    terminal.run(main)
