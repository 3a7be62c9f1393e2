"""Draws docs/curves.png: our learning curves beside those of the post's programs.

The post's are in tests/*_curve_tf0.12.1.csv, as its unchanged programs wrote them under TensorFlow
0.12.1. Ours are read from two runs' folders under --log-dir.

Example:
    python docs/curves.py /tmp/cnn_single/RUN /tmp/cnn/RUN
"""

import argparse
import csv
import pathlib
import sys

import matplotlib.pyplot as plt

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tensorboard.backend.event_processing.event_accumulator import (  # noqa: E402
    EventAccumulator,
)

from common import np, tf  # noqa: E402


def read_run(folder, tag):
    """Returns the steps and values of a scalar in a run's folder."""
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0}).Reload()
    points = events.Tensors(tag)
    values = [tf.make_ndarray(point.tensor_proto) for point in points]
    return np.array([point.step for point in points]), np.array(values)


def read_csv(path, column):
    """Returns the steps and values of one of the post's curves."""
    with open(path) as file:
        rows = list(csv.DictReader(file))
    return np.array([int(r["step"]) for r in rows]), np.array([float(r[column]) for r in rows])


def running_mean(values, count=9):
    """Returns the mean of `count` values around each, fewer at the ends."""
    ones = np.ones(count)
    return np.convolve(values, ones, "same") / np.convolve(np.ones(len(values)), ones, "same")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("single_run", type=pathlib.Path)
    parser.add_argument("double_run", type=pathlib.Path)
    args = parser.parse_args()
    figure, axes = plt.subplots(2, 2, figsize=(11, 6.5), layout="constrained")
    for row, (name, run) in enumerate((("single", args.single_run), ("double", args.double_run))):
        posts = ROOT / "tests" / f"{name}_curve_tf0.12.1.csv"
        for column, tag in enumerate(("cross entropy", "accuracy")):
            ax = axes[row, column]
            curves = (
                ("the post's program, TensorFlow 0.12.1", read_csv(posts, tag.replace(" ", "_"))),
                (f"{name}_conv.py", read_run(run, tag)),
            )
            # The post's line is the wider one: where the two agree it shows on both sides of ours.
            for (label, (steps, values)), color, width in zip(
                curves, ("tab:orange", "tab:blue"), (4.5, 1.5)
            ):
                ax.plot(steps, values, color=color, alpha=0.25, linewidth=width / 2)
                ax.plot(steps, running_mean(values), color=color, linewidth=width, label=label)
            ax.set_title(f"{name}_conv.py: {tag} of a report's batch", fontsize=10)
            ax.set_xlabel("step")
            ax.grid(alpha=0.3)
            if tag == "cross entropy":
                ax.set_yscale("symlog", linthresh=1)
            else:
                ax.set_ylim(0.8, 1.005)
            ax.legend(fontsize=9)
    path = ROOT / "docs" / "curves.png"
    figure.savefig(path, dpi=110)
    print(path)


if __name__ == "__main__":
    main()
