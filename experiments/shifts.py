"""Moves the test digits by 0 to 4 pixels, and counts how well the networks still read them.

What leaves the image is lost; what comes in is 0. Appends rows to RESULTS/shifts.csv, one per
direction and distance; what is there already is left out, and what experiments.seeds has trained
is not trained again.

Example:
    python -m experiments.shifts single dense-64
    python -m experiments.shifts double --seeds 1-3
"""

import numpy as np

import common
from experiments import seeds
from support import terminal

DIRECTIONS = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}  # rows, columns
PIXELS = range(5)
COLUMNS = ["experiment", "seed", "step", "direction", "pixels", "test_accuracy"]


def moved(images, direction, pixels):
    """Returns images [n, 784], moved by that many pixels."""
    down, across = (pixels * step for step in DIRECTIONS[direction])
    padded = np.pad(images.reshape(-1, 28, 28), [(0, 0), (pixels, pixels), (pixels, pixels)])
    top, left = pixels - down, pixels - across
    return padded[:, top : top + 28, left : left + 28].reshape(-1, 784)


def accuracies(network, test):
    """Yields (direction, pixels, accuracy on the test digits moved so)."""
    for direction in DIRECTIONS:
        for pixels in PIXELS:
            y_conv = common.probabilities(network, moved(test.images, direction, pixels))
            yield direction, pixels, float(common.accuracy(y_conv, test.labels))


def main():
    parser = terminal.parser(__doc__)
    parser.add_argument("experiments", nargs="+", choices=seeds.EXPERIMENTS, metavar="EXPERIMENT")
    seeds.add_options(parser, default="1-5")
    args = parser.parse_args()
    path = args.results / "shifts.csv"
    for experiment, seed, network, mnist in seeds.networks(args.experiments, path, args):
        step = seeds.last_step(experiment, args)
        rows = [
            [experiment, seed, step, direction, pixels, f"{accuracy:.4f}"]
            for direction, pixels, accuracy in accuracies(network, mnist.test)
        ]
        seeds.append(path, COLUMNS, rows, args.bfloat16)
        terminal.print_stdout(f"{experiment}, seed {seed}: done")


if __name__ == "__main__":
    terminal.run(main, if_stopped="; the same command continues")
