"""Draws luck.png and ladder.png, and has the comparisons that experiments.tables writes.

luck.png is the histogram of the first network's test accuracies over its seeds; ladder.png shows
the steps from a network without a convolution to the second network.

A comparison's two sides are always from one folder, that is from one machine and one precision:
results/ itself is float32 on two cores of an AMD EPYC, xeon-float32 and xeon-bfloat16 are one core
of an Intel Xeon.

Example:
    python -m experiments.luck
"""

import textwrap
from typing import NamedTuple

import numpy as np
from matplotlib.ticker import MaxNLocator
from scipy import stats

from experiments import IMAGES, seeds
from support import figures, terminal
from support.quiet import plt

# Folders in seeds.FOLDER.
AMD, FLOAT32, BFLOAT16 = "", "xeon-float32", "xeon-bfloat16"
# Experiment: what changes from one rung of the ladder to the next. All are in BFLOAT16.
LADDER = {
    "dense-16": "784 → 16 → 10, no convolution",
    "single": "16 filters before it: the first network",
    "single-10001-steps": "10,001 steps",
    "single-wide": "1,024 features",
    "abs-filters-1024-without-dropout": "Adam, batches of 50, 20,001 steps",
    "abs-filters-1024": "dropout",
    "filters-1024": "a bias per filter in place of abs and 0.2",
    "32-filters-1024": "32 filters",
    "double": "a second convolution and pooling: the second network",
}


class Change(NamedTuple):
    """Two experiments of a folder, without a change and with it."""

    folder: str
    without: str
    with_it: str


CHANGES = {
    "without `abs`": Change(AMD, "single", "single-without-abs"),
    "4 filters": Change(AMD, "single", "single-4-filters"),
    "filters frozen": Change(AMD, "single", "single-frozen-filters"),
    "10,001 steps": Change(AMD, "single", "single-10001-steps"),
    "0 in place of 0.2": Change(AMD, "single", "single-without-threshold"),
    "0.1 in place of 0.2": Change(FLOAT32, "single", "single-threshold-0.1"),
    "0.4 in place of 0.2": Change(FLOAT32, "single", "single-threshold-0.4"),
    "each block's upper left pixel in place of its maximum": Change(
        FLOAT32, "single", "single-upper-left"
    ),
    "each block's mean in place of its maximum": Change(FLOAT32, "single", "single-mean"),
    "biases in place of `abs` and 0.2": Change(FLOAT32, "single", "single-biases"),
    "without `abs`, biases in place of 0.2": Change(FLOAT32, "single-without-abs", "single-biases"),
    "two convolutions in place of 16 `abs` filters": Change(AMD, "abs-filters-1024", "double"),
    "without dropout": Change(AMD, "double", "double-without-dropout"),
    "without dropout, in bfloat16": Change(BFLOAT16, "double", "double-without-dropout"),
    "first convolution frozen": Change(BFLOAT16, "double", "double-frozen-first"),
    "second convolution frozen": Change(BFLOAT16, "double", "double-frozen-second"),
    "both convolutions frozen": Change(BFLOAT16, "double", "double-frozen-both"),
    "the first one trained, the second still frozen": Change(
        BFLOAT16, "double-frozen-both", "double-frozen-second"
    ),
    "the second one trained, the first still frozen": Change(
        BFLOAT16, "double-frozen-both", "double-frozen-first"
    ),
}


def read(experiment, folder=AMD):
    """Returns {seed: test accuracy} of an experiment, from a folder; {} if there are none."""
    table = seeds.rows(seeds.FOLDER / folder / f"{experiment}.csv")
    return {int(row["seed"]): float(row["test_accuracy"]) for row in table}


def the_posts(program):
    """Returns {column: text}, the test accuracies of the post's post_single.py or post_double.py.

    docs/recordings.md tells how the programs were run.
    """
    (row,) = (r for r in seeds.rows(seeds.FOLDER / "the_post.csv") if r["program"] == program)
    return row


def mean_and_deviation(values):
    """Returns "mean ± standard deviation", of one value only the mean.

    The standard deviation is the sample's (divided by n - 1).
    """
    if len(values) == 1:
        return f"{values[0]:.4f}"
    return f"{np.mean(values):.4f} ± {np.std(values, ddof=1):.4f}"


def measured(folder=AMD):
    """Returns the experiments that have a CSV file in a folder."""
    return [experiment for experiment in seeds.EXPERIMENTS if read(experiment, folder)]


def summary(experiment, folder=AMD):
    """Returns a row of the experiments: name, seeds, mean ± deviation, range, middle 90%."""
    values = list(read(experiment, folder).values())
    low, high = np.quantile(values, [0.05, 0.95])
    spread, extremes = mean_and_deviation(values), f"{min(values):.4f} to {max(values):.4f}"
    return [experiment, str(len(values)), spread, extremes, f"{low:.4f} to {high:.4f}"]


class Paired(NamedTuple):
    """The paired test of a change: the same seeds with it and without it."""

    seeds: int
    mean: float  # of the differences, with the change minus without
    error: float  # the mean's standard error: the differences' standard deviation / √seeds
    t: float  # mean / error
    p: float  # how often luck alone would give a t this far from 0
    worse: int  # seeds whose accuracy is lower with the change


def paired_test(before, after):
    """Returns the Paired test of two {seed: test accuracy}, on the seeds that both have."""
    both = sorted(before.keys() & after.keys())
    before, after = (np.array([side[seed] for seed in both]) for side in (before, after))
    change = after - before
    worse = int(np.sum(change < 0))
    if len(both) == 1:
        return Paired(1, change[0], np.nan, np.nan, np.nan, worse)
    t, p = stats.ttest_rel(after, before)
    return Paired(len(both), change.mean(), stats.sem(change), t, p, worse)


def difference(test):
    """Returns a Paired test's mean ± its error, and its p, as text; of one seed only the mean."""
    if test.seeds == 1:
        return f"{test.mean:+.4f}", ""
    p = "< 0.0001" if test.p < 0.0001 else f"{test.p:.2g}"
    return f"{test.mean:+.4f} ± {test.error:.4f}", p


def rung(experiment):
    """Returns a row of the ladder, in which the seeds are those of this rung and the one before.

    What changed, seeds, mean ± deviation, mistakes of 10,000, paired difference ± its error, p.
    """
    names = list(LADDER)
    values = read(experiment, BFLOAT16)
    row = [LADDER[experiment], str(len(values)), mean_and_deviation(list(values.values()))]
    row.append(f"{10000 * (1 - np.mean(list(values.values()))):.0f}")
    if experiment == names[0]:
        return [*row, "", ""]
    test = paired_test(read(names[names.index(experiment) - 1], BFLOAT16), values)
    return [*row, *difference(test)]


def change(name):
    """Returns a row of the paired tests, as text."""
    folder, without, with_it = CHANGES[name]
    test = paired_test(read(without, folder), read(with_it, folder))
    mean, p = difference(test)
    t = f"{test.t:.1f}" if p else ""
    return [name, str(test.seeds), mean, t, p, str(test.worse)]


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
    the_post = the_posts("post_single.py")["the_post"]
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
    for y, experiment in enumerate(LADDER):
        values = np.array(list(read(experiment, BFLOAT16).values()))
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
    labels = [f"{number}. {what}" for number, what in enumerate(LADDER.values(), start=1)]
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
    terminal.parser(__doc__).parse_args()
    drawn = [draw_luck(read("single")), draw_ladder()]
    figures.save(drawn, [IMAGES / "luck.png", IMAGES / "ladder.png"], dpi=150)


if __name__ == "__main__":
    terminal.run(main)
