"""Counts the dead filters of the first network, with abs and without, and of random filters.

A filter is dead if no test digit gets an answer from it: h_conv1 is 0 everywhere. Then its
gradient is 0 too, and it stays as it is. Appends a row per network to RESULTS/dead_filters.csv;
what experiments.seeds has trained is not trained again.

Example:
    python -m experiments.dead_filters --seeds 1-30
"""

import numpy as np

import common
from experiments import seeds
from support import input_data, terminal

EXPERIMENTS = ["single", "single-without-abs"]
COLUMNS = ["experiment", "seed", "dead_at_start", "dead_at_end", "test_accuracy"]


def count_dead(network, images):
    """Returns how many filters of the first layer answer 0 everywhere in images [n, 784]."""
    strongest = [network(x).h_conv1.numpy().max((0, 1, 2)) for x in common.batches(images)]
    return int(np.sum(np.max(strongest, axis=0) == 0))


def main():
    parser = terminal.parser(__doc__)
    seeds.add_options(parser, default="1-30")
    args = parser.parse_args()
    path = args.results / "dead_filters.csv"
    for experiment in EXPERIMENTS:
        for seed in seeds.missing(path, args.seeds, experiment=experiment):
            mnist = input_data.read_data_sets(args.data_dir, "mnist", seed)
            before = seeds.untrained(experiment, seed)
            folder = args.checkpoint_dir
            after = seeds.trained(experiment, seed, mnist.train, folder, args.bfloat16)
            images = mnist.test.images
            counts = [count_dead(before, images), count_dead(after, images)]
            accuracy = f"{common.accuracy_on(after, mnist.test):.4f}"
            row = [experiment, seed, *counts, accuracy]
            seeds.append(path, COLUMNS, [row])
            terminal.print_stdout(" ".join(map(str, row)))


if __name__ == "__main__":
    terminal.run(main)
