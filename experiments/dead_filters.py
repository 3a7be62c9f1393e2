"""Counts the dead filters of the first network, with abs and without, before and after training.

A filter is dead if no test digit excites it: its h_conv1 are 0 everywhere. Then its gradient
is 0 too, and it stays as it is. A filter is rare if fewer than one test digit in ten excites
it. Appends a row per network to RESULTS/dead_filters.csv; what experiments.seeds has trained is
not trained again.

Example:
    python -m experiments.dead_filters --seeds 1-30 --steps 1000
    python -m experiments.dead_filters --seeds 1-10
"""

import numpy as np

import common
from experiments import seeds
from support import terminal

EXPERIMENTS = ["single", "single-without-abs"]
COUNTS = ["dead_at_start", "rare_at_start", "dead_at_end", "rare_at_end"]
COLUMNS = ["experiment", "seed", "step", *COUNTS]


def count(network, images):
    """Returns how many filters of the first layer are dead, and how many rare, in images [n, 784].

    Dead filters are rare, too.
    """
    answers = [network(x).h_conv1.numpy().max((1, 2)) > 0 for x in common.batches(images)]
    share = np.concatenate(answers).mean(0)  # [16], of the digits that get an answer
    return int(np.sum(share == 0)), int(np.sum(share < 0.1))


def main():
    parser = terminal.parser(__doc__)
    seeds.add_options(parser, default="1-30")
    args = parser.parse_args()
    path = args.results / "dead_filters.csv"
    for experiment, seed, after, mnist in seeds.networks(EXPERIMENTS, path, args):
        before, images = seeds.untrained(experiment, seed), mnist.test.images
        counts = [*count(before, images), *count(after, images)]
        row = [experiment, seed, seeds.last_step(experiment, args), *counts]
        seeds.append(path, COLUMNS, [row], args.bfloat16)
        terminal.print_stdout(" ".join(map(str, row)))


if __name__ == "__main__":
    terminal.run(main, if_stopped="; the same command continues")
