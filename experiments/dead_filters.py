"""Counts the dead and the nearly dead filters of the first network, with abs and without.

A filter answers a digit if h_conv1 is above 0 somewhere. It is dead if it answers no test digit:
then its gradient is 0 too, and it stays as it is. It is nearly dead if it answers fewer than one
digit in twenty. Appends a row per network to RESULTS/dead_filters.csv; what experiments.seeds has
trained is not trained again.

Example:
    python -m experiments.dead_filters --seeds 1-30
"""

import numpy as np

import common
from experiments import seeds
from support import input_data, terminal

EXPERIMENTS = ["single", "single-without-abs"]
COUNTS = ["dead_at_start", "nearly_dead_at_start", "dead_at_end", "nearly_dead_at_end"]
COLUMNS = ["experiment", "seed", *COUNTS, "test_accuracy"]


def answers(network, images):
    """Returns the share of images [n, 784] that each filter of the first layer answers."""
    strongest = [network(x).h_conv1.numpy().max((1, 2)) for x in common.batches(images)]
    return np.mean(np.concatenate(strongest) > 0, axis=0)


def count_dead(network, images):
    """Returns how many filters are dead, and how many others are nearly dead."""
    shares = answers(network, images)
    return [int(np.sum(shares == 0)), int(np.sum((shares > 0) & (shares < 0.05)))]


def main():
    parser = terminal.parser(__doc__)
    seeds.add_options(parser, default="1-30")
    args = parser.parse_args()
    for experiment in EXPERIMENTS:
        for seed in args.seeds:
            mnist = input_data.read_data_sets(args.data_dir, "mnist", seed)
            before = seeds.untrained(experiment, seed)
            after = seeds.trained(experiment, seed, mnist.train, args.checkpoint_dir)
            images = mnist.test.images
            counts = [*count_dead(before, images), *count_dead(after, images)]
            accuracy = f"{common.accuracy_on(after, mnist.test):.4f}"
            row = [experiment, seed, *counts, accuracy]
            seeds.append(args.results / "dead_filters.csv", COLUMNS, [row])
            terminal.print_stdout(" ".join(map(str, row)))


if __name__ == "__main__":
    terminal.run(main)
