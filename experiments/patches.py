"""Compares the patches that excite trained filters with those of untrained ones, the control.

For each filter, the nine patches of test digits that excite it most, as visualize_filters.py
--patches draws them, and how alike the nine are: the mean correlation of their 36 pairs. The
networks are the second network's seeds at their random start and trained, and checkpoints that
are named. Appends a row per filter to RESULTS/patches.csv, and draws patches_control.png: the
first eight filters of the second layer of the first seed, untrained and trained.

A patch of equal pixels has no correlation with any; its pairs are left out.

Example:
    python -m experiments.patches --seeds 1-3 --bfloat16 --checkpoint /reference/train_data-20000
"""

import numpy as np

from double_conv import DoubleConv
from experiments import IMAGES, seeds
from support import checkpoints, figures, input_data, terminal
from support.quiet import plt
from visualize_filters import strongest_patches

COLUMNS = ["network", "seed", "layer", "filter", "correlation"]
# As in visualize_filters.visualize_patches, which derives the numbers.
LAYERS = {
    1: {"size": 5, "stride": 1, "before": 2},
    2: {"size": 14, "stride": 2, "before": 6},
}
SHOWN = 8  # filters in the picture, from the first


def patches(network, images):
    """Returns the nine patches per filter: {1: float32 [32, 9, 5, 5], 2: [64, 9, 14, 14]}."""
    return {
        1: strongest_patches(lambda x: network(x).h_conv1, images, **LAYERS[1]),
        2: strongest_patches(lambda x: network(x).h_conv2, images, **LAYERS[2]),
    }


def alikeness(nine):
    """Returns the mean correlation of the pairs among patches [9, h, w].

    nan if no two of them have different pixels.
    """
    flat = nine.reshape(len(nine), -1)
    flat = flat[np.ptp(flat, axis=1) > 0]
    if len(flat) < 2:
        return np.nan
    return np.corrcoef(flat)[np.triu_indices(len(flat), 1)].mean()


def row_of_filters(filters):
    """Tiles the patches [n, 9, 14, 14] of n filters side by side."""
    return np.hstack([np.pad(figures.nine_in_one(nine, scale=2), 4) for nine in filters])


@figures.in_default_style
def draw(untrained, trained, seed):
    """Draws second-layer filters' patches [n, 9, 14, 14], untrained above, trained below."""
    figure, axes = plt.subplots(2, 1, figsize=(9, 2.9), layout="constrained")
    for ax, what, found in zip(
        axes, ("before training", "after 20,001 steps"), (untrained, trained)
    ):
        image = row_of_filters(found)
        ax.imshow(image, "gray_r", vmin=0, vmax=1, interpolation="nearest")
        width = image.shape[1] / len(found)
        ax.set_xticks(width * (np.arange(len(found)) + 0.5), range(1, len(found) + 1))
        ax.xaxis.tick_top()
        ax.tick_params(length=0)
        ax.set_yticks([])
        ax.set_ylabel(what, fontsize=9)
        ax.spines[:].set_visible(False)
    title = f"double_conv.py --seed {seed}, second layer: the nine patches that excite each filter"
    figure.suptitle(title, fontsize=11)
    return figure


def main():
    parser = terminal.parser(__doc__)
    seeds.add_options(parser, default="1-3")
    parser.add_argument(
        "--checkpoint",
        type=checkpoints.path,
        help="another trained network, e.g. that of the post's own program",
    )
    args = parser.parse_args()
    mnist = input_data.read_data_sets(args.data_dir, "mnist")
    path = args.results / "patches.csv"

    def found_in(network, name, seed):
        found = patches(network, mnist.test.images)
        rows = [
            [name, seed, layer, k, f"{alikeness(nine):.4f}"]
            for layer in LAYERS
            for k, nine in enumerate(found[layer], start=1)
        ]
        seeds.append(path, COLUMNS, rows)
        for layer in LAYERS:
            mean = np.nanmean([float(row[-1]) for row in rows if row[2] == layer])
            terminal.print_stdout(f"{name} {seed}, layer {layer}: {mean:.3f}")
        return found[2][:SHOWN]

    for seed in args.seeds:
        train = input_data.read_data_sets(args.data_dir, "mnist", seed).train
        untrained = found_in(seeds.untrained("double", seed), "untrained", seed)
        network = seeds.trained("double", seed, train, args.checkpoint_dir, args.bfloat16)
        trained = found_in(network, "trained", seed)
        if seed == args.seeds[0]:
            figures.save(
                [draw(untrained, trained, seed)], [IMAGES / "patches_control.png"], dpi=150
            )
    if args.checkpoint:
        network = DoubleConv()
        checkpoints.restore(network, args.checkpoint)
        found_in(network, args.checkpoint.name, "")


if __name__ == "__main__":
    terminal.run(main)
