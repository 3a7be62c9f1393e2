"""Compares the patches that excite trained filters with those of untrained ones, the control.

For each filter, the nine patches of test digits that excite it most, as visualize_filters.py
--patches draws them, and how alike the nine are: the mean correlation of their 36 pairs. The
networks are the second network's seeds at their random start and trained, and, with --the-posts,
that of the post's own program. Two more controls: nine patches that have nothing in common but ink
in the middle, and, in place of the second layer, filters of 14x14 random weights, which need no
network. Appends a row per filter to RESULTS/patches.csv; what is there already is left out, and
what experiments.seeds has trained is not trained again. Draws patches_control.png, in any case: the
first eight filters of the second layer of the first seed, untrained and trained.

A patch of equal pixels has no correlation with any; its pairs are left out.

Example:
    python -m experiments.patches --seeds 1-3 --the-posts /reference/train_data-20000
"""

import numpy as np

from common import weight_variable
from double_conv import DoubleConv
from experiments import MY_RESULTS, seeds
from support import checkpoints, figures, input_data, terminal
from support.quiet import plt, tf
from visualize_filters import patches_of_both_layers, strongest_patches

COLUMNS = ["network", "seed", "step", "layer", "filter", "correlation"]
THE_POSTS = "the post's"  # its network's name in the file
SHOWN = 8  # filters in the picture, from the first


def alikeness(nine):
    """Returns the mean correlation of the pairs among patches [9, h, w].

    nan if no two of them have different pixels.
    """
    flat = nine.reshape(len(nine), -1)
    flat = flat[np.ptp(flat, axis=1) > 0]
    if len(flat) < 2:
        return np.nan
    return np.corrcoef(flat)[np.triu_indices(len(flat), 1)].mean()


def with_ink(images, seed):
    """Returns random patches of images [n, 784] with ink in the middle.

    They have patches_of_both_layers's shapes: [32, 9, 5, 5] and [64, 9, 14, 14].
    """
    random = np.random.default_rng(seed)

    def at_random(stride, count):
        def responses(x):
            ink = x.reshape(-1, 28, 28, 1)[:, ::stride, ::stride] > 0.5
            return tf.constant(ink * random.random([*ink.shape[:3], count]))

        return responses

    return (
        strongest_patches(at_random(1, 32), images, size=5, stride=1, before=2),
        strongest_patches(at_random(2, 64), images, size=14, stride=2, before=6),
    )


def of_random_weights(images, seed):
    """Returns the strongest patches of 64 filters of 14x14 random weights: [64, 9, 14, 14]."""
    random = tf.random.Generator.from_seed(seed, alg="philox")
    W = weight_variable([14, 14, 1, 64], random)

    def responses(x):
        padding = [[0, 0], [6, 6], [6, 6], [0, 0]]  # then a row i has rows 2i - 6 to 2i + 7
        return tf.nn.conv2d(x.reshape(-1, 28, 28, 1), W, strides=2, padding=padding)

    return strongest_patches(responses, images, size=14, stride=2, before=6)


def row_of_filters(filters):
    """Tiles the patches [n, 9, 14, 14] of n filters side by side."""
    return np.hstack([np.pad(figures.nine_in_one(nine, scale=2), 4) for nine in filters])


@figures.in_default_style
def draw(untrained, trained, seed, step):
    """Draws second-layer filters' patches [n, 9, 14, 14], untrained above, trained below."""
    figure, axes = plt.subplots(2, 1, figsize=(9, 2.9), layout="constrained")
    rows = {"before training": untrained, f"after {step + 1:,} steps": trained}
    for ax, (what, filters) in zip(axes, rows.items()):
        image = row_of_filters(filters)
        ax.imshow(image, "gray_r", vmin=0, vmax=1, interpolation="nearest")
        width = image.shape[1] / len(filters)
        ax.set_xticks(width * (np.arange(len(filters)) + 0.5), range(1, len(filters) + 1))
        ax.xaxis.tick_top()
        ax.tick_params(length=0)
        ax.set_yticks([])
        ax.set_ylabel(what, fontsize=9)
        ax.spines[:].set_visible(False)
    title = f"double_conv.py --seed {seed}, second layer: the nine patches that excite each filter"
    figure.suptitle(title, fontsize=11)
    return figure


def correlations(name, seed, step, layer, filters):
    """Returns a layer's rows of COLUMNS, from its patches [n, 9, size, size]; prints their mean."""
    alike = [alikeness(nine) for nine in filters]
    terminal.print_stdout(f"{name} {seed}, layer {layer}: {np.nanmean(alike):.3f}")
    return [[name, seed, step, layer, k, f"{r:.4f}"] for k, r in enumerate(alike, start=1)]


def of_both_layers(name, seed, step, layers):
    """Returns the rows of COLUMNS of both layers' patches."""
    layer1, layer2 = layers
    return correlations(name, seed, step, 1, layer1) + correlations(name, seed, step, 2, layer2)


def main():
    parser = terminal.parser(__doc__)
    seeds.add_options(parser, default="1-3")
    parser.add_argument(
        "--the-posts",
        type=checkpoints.path,
        metavar="CHECKPOINT",
        help="checkpoint of the post's own program, whose network is measured too",
    )
    figures.add_figure_dir(parser, default=MY_RESULTS)
    args = parser.parse_args()
    picture = args.figure_dir / "patches_control.png"
    figures.check_png(picture, "--figure-dir")
    if args.the_posts:  # before the training: a typo should not cost hours
        the_posts = DoubleConv()
        checkpoints.restore(the_posts, args.the_posts)
    test = input_data.read_data_sets(args.data_dir, "mnist").test
    path, first = args.results / "patches.csv", args.seeds[0]
    step = seeds.last_step("double", args)
    missing = list(seeds.missing(path, args.seeds, network="trained", step=step))
    for seed in dict.fromkeys([first, *missing]):  # the picture needs the first one in any case
        network, _ = seeds.trained("double", seed, args)
        trained = patches_of_both_layers(network, test.images)
        untrained = patches_of_both_layers(seeds.untrained("double", seed), test.images)
        if seed in missing:
            random = of_random_weights(test.images, seed)
            rows = of_both_layers("random patches", seed, step, with_ink(test.images, seed))
            rows += correlations("random weights", seed, step, 2, random)
            rows += of_both_layers("untrained", seed, step, untrained)
            rows += of_both_layers("trained", seed, step, trained)
            seeds.append(path, COLUMNS, rows, args.bfloat16)
        if seed == first:
            figure = draw(untrained[1][:SHOWN], trained[1][:SHOWN], seed, step)
            figures.save([figure], [picture], dpi=150)
    if args.the_posts:
        if seeds.rows_with(path, network=THE_POSTS):
            terminal.print_stderr(f"{THE_POSTS}: already in {path}")
        else:
            layers = patches_of_both_layers(the_posts, test.images)
            seeds.append(path, COLUMNS, of_both_layers(THE_POSTS, "", "", layers), bfloat16=False)


if __name__ == "__main__":
    terminal.run(main, if_stopped="; the same command continues")
