"""Measures the accuracy on the 55,000 digits that a network was trained on, beside the test set's.

All features are kept (no dropout) in both. It is that of each checkpoint that was kept, the last
five of a long run: from one to the next, it can change. Appends a row per checkpoint to
RESULTS/training_accuracy.csv; seeds that are there already are left out, and what experiments.seeds
has trained is not trained again.

Example:
    python -m experiments.training_accuracy double double-without-dropout --seeds 1-6
"""

import common
from experiments import seeds
from support import checkpoints, terminal

COLUMNS = ["experiment", "seed", "step", "training_accuracy", "test_accuracy"]


def main():
    parser = terminal.parser(__doc__)
    parser.add_argument("experiments", nargs="+", choices=seeds.EXPERIMENTS, metavar="EXPERIMENT")
    seeds.add_options(parser, default="1-6")
    args = parser.parse_args()
    path = args.results / "training_accuracy.csv"
    for experiment, seed, network, mnist in seeds.networks(args.experiments, path, args):
        kept = checkpoints.list_checkpoints(seeds.folder_of(experiment, seed, args))
        new_rows = []
        for checkpoint in reversed(kept):  # from the oldest to the newest
            checkpoints.restore(network, checkpoint)
            step = checkpoint.name.rpartition("-")[2]
            training, test = (common.accuracy_on(network, d) for d in (mnist.train, mnist.test))
            # Five digits: one of 55,000 is 0.00002.
            new_rows.append([experiment, seed, step, f"{training:.5f}", f"{test:.4f}"])
            terminal.print_stdout(" ".join(map(str, new_rows[-1])))
        seeds.append(path, COLUMNS, new_rows, args.bfloat16)


if __name__ == "__main__":
    terminal.run(main, if_stopped="; the same command continues")
