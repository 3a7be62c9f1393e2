"""Draws the pictures of many seeds, from the CSV files in experiments/results.

luck.png is the histogram of the first network's test accuracies over its seeds; learning.png has
the mistakes of its variants against the steps; ladder.png shows the steps from a network without a
convolution to the second network.

Example:
    python -m experiments.pictures
"""

import textwrap

import numpy as np
from matplotlib.ticker import MaxNLocator

from experiments import MY_RESULTS, compare, tables
from experiments.comparisons import CURVES, LADDER
from support import figures, terminal
from support.quiet import plt


@figures.in_default_style
def draw_luck(accuracies):
    """Draws the histogram of {seed: test accuracy}; returns the figure."""
    values = np.array(list(accuracies.values()))
    figure, axes = plt.subplots(figsize=(8, 3.2), layout="constrained")
    edges = np.arange(np.floor(values.min() * 1000) - 1, np.ceil(values.max() * 1000) + 2) / 1000
    axes.hist(values, bins=edges, color="#3b76af", edgecolor="white")
    low, high = np.quantile(values, [0.05, 0.95])
    label = f"nine seeds in ten: {low:.4f} to {high:.4f}"
    axes.axvspan(low, high, color="#cfd8e3", zorder=0, label=label)
    the_post = tables.the_posts("post_single.py")["the_post"]
    label = f"the post: {the_post}"
    axes.axvline(float(the_post), color="#c2410c", linestyle="--", label=label)
    label = f"--seed 1: {accuracies[1]:.4f}"
    axes.axvline(accuracies[1], color="black", linestyle=":", linewidth=2.5, label=label)
    axes.set_title(f"single_conv.py, seeds {min(accuracies)} to {max(accuracies)}", fontsize=11)
    axes.set_xlabel("test accuracy")
    axes.set_ylabel("seeds")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="upper left", fontsize=10)
    return figure


@figures.in_default_style
def draw_ladder():
    """Draws the ladder's rungs from top to bottom, a dot per seed; returns the figure."""
    figure, axes = plt.subplots(figsize=(9, 5), layout="constrained")
    machine = compare.machine_of([(rung.experiment, rung.step) for rung in LADDER])
    for y, rung in enumerate(LADDER):
        values = np.array(list(compare.read(rung.experiment)[machine, rung.step].values()))
        mistakes = 10000 * (1 - values)
        axes.plot(mistakes, np.full(len(mistakes), y), "o", color="#3b76af", alpha=0.3)
        axes.plot(mistakes.mean(), y, "|", color="black", markersize=22, markeredgewidth=2)
        axes.annotate(
            f"{values.mean():.4f}",
            (mistakes.min(), y),
            xytext=(10, 0),
            textcoords="offset points",
            va="center",
            fontsize=11,
        )
    labels = [f"{number}. {rung.english}" for number, rung in enumerate(LADDER, start=1)]
    axes.set_yticks(range(len(LADDER)), [textwrap.fill(t, 36) for t in labels], fontsize=10)
    axes.set_ylim(len(LADDER) - 0.4, -0.6)  # from top to bottom
    axes.set_xscale("log")
    axes.set_xlim(1200, 40)  # to the right, fewer mistakes
    ticks = [1000, 500, 300, 200, 100, 70]
    axes.set_xticks(ticks, map(str, ticks), fontsize=10)
    axes.minorticks_off()
    axes.set_xlabel(
        "mistakes of 10,000 test digits (log scale); a dot per seed, and the mean accuracy"
    )
    axes.grid(axis="x", color="#cfd8e3")
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(length=0)
    return figure


def main():
    parser = terminal.parser(__doc__)
    figures.add_figure_dir(parser, default=MY_RESULTS)
    folder = parser.parse_args().figure_dir
    machine = compare.machine_of([(name, 10000) for name in CURVES])
    learning = compare.draw_curves(
        {label: compare.curve_on(machine, name) for name, label in CURVES.items()},
        "variants of the first network; a dot per seed, lines through means (dashed: fewer seeds)",
    )
    drawn = {
        "luck.png": draw_luck(tables.accuracies_of("single", 1000)),
        "learning.png": learning,
        "ladder.png": draw_ladder(),
    }
    paths = [folder / name for name in drawn]
    for path in paths:
        figures.check_png(path, "--figure-dir")
    figures.save(drawn.values(), paths, dpi=150)


if __name__ == "__main__":
    terminal.run(main)
