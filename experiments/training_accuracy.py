"""Measures the accuracy on the 55,000 digits that a network was trained on, beside the test set's.

All features are kept (no dropout) in both. Appends a row per network to
RESULTS/training_accuracy.csv; what is there already is left out, and what experiments.seeds has
trained is not trained again.

Example:
    python -m experiments.training_accuracy double double-without-dropout --seeds 1-3 --bfloat16
"""

import common
from experiments import seeds
from experiments.variants import EXPERIMENTS
from support import terminal

COLUMNS = ["experiment", "seed", "training_accuracy", "test_accuracy"]


def main():
    parser = terminal.parser(__doc__)
    parser.add_argument("experiments", nargs="+", choices=EXPERIMENTS, metavar="EXPERIMENT")
    seeds.add_options(parser, default="1-3")
    args = parser.parse_args()
    path = args.results / "training_accuracy.csv"
    for experiment, seed, mnist, network in seeds.networks(args.experiments, path, args):
        both = [common.accuracy_on(network, digits) for digits in (mnist.train, mnist.test)]
        # Five digits: one of 55,000 is 0.00002.
        row = [experiment, seed, f"{both[0]:.5f}", f"{both[1]:.4f}"]
        seeds.append(path, COLUMNS, [row])
        terminal.print_stdout(" ".join(map(str, row)))


if __name__ == "__main__":
    terminal.run(main)
