"""Prints what docs/seeds/*.csv say, and draws docs/images/luck.png from them.

docs/images/luck.png is the histogram of the first network's test accuracies over its
seeds, with the post's accuracy and seed 1's marked in it.

Example:
    python docs/programs/luck.py
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # for support

# support comes first: it imports TensorFlow without its start-up messages
from support import figures, terminal

import matplotlib.pyplot as plt
import numpy as np
import seeds
from matplotlib.ticker import MaxNLocator

THE_POSTS = 0.975  # the test accuracy that the post gives for its first program


def summary(experiment):
    """Returns a row of the table: experiment, seeds, mean ± standard deviation, range, middle 90%.

    The standard deviation is the sample's (divided by n - 1).
    """
    values = np.array(list(seeds.read(experiment).values()))
    low, high = np.quantile(values, [0.05, 0.95])
    spread = f"{values.mean():.4f} ± {values.std(ddof=1):.4f}"
    extremes = f"{values.min():.4f} to {values.max():.4f}"
    return [experiment, str(len(values)), spread, extremes, f"{low:.4f} to {high:.4f}"]


@figures.in_default_style
def draw(accuracies):
    """Draws the histogram of {seed: test accuracy}; returns the figure."""
    values = np.array(list(accuracies.values()))
    figure, axes = plt.subplots(figsize=(8, 3.2), layout="constrained")
    edges = np.arange(np.floor(values.min() * 1000) - 1, np.ceil(values.max() * 1000) + 2) / 1000
    axes.hist(values, bins=edges, color="#a8c5e2", edgecolor="white")
    low, high = np.quantile(values, [0.05, 0.95])
    axes.axvspan(low, high, color="#f0f2f5", zorder=0, label="nine seeds in ten")
    axes.axvline(THE_POSTS, color="#c2410c", linestyle="--", label=f"the post: {THE_POSTS}")
    label = f"--seed 1: {accuracies[1]:.4f}"
    axes.axvline(accuracies[1], color="#1d4ed8", linestyle=":", linewidth=2.5, label=label)
    axes.set_title(f"single_conv.py, seeds {min(accuracies)} to {max(accuracies)}", fontsize=10)
    axes.set_xlabel("test accuracy")
    axes.set_ylabel("seeds")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="upper left", fontsize=9)
    return figure


def main():
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    print("| experiment | seeds | mean ± standard deviation | lowest to highest | 5% to 95% |")
    print("| --- | --- | --- | --- | --- |")
    for experiment in seeds.EXPERIMENTS:
        print("| " + " | ".join(summary(experiment)) + " |")
    path = Path(__file__).parents[1] / "images" / "luck.png"
    figures.save([draw(seeds.read("single"))], [path], dpi=150)


if __name__ == "__main__":
    terminal.run(main)
