"""Trains variants of the networks with many seeds: what does a change do, and what is luck?

Appends a row per seed to RESULTS/EXPERIMENT.csv; seeds that are there already are
left out, so an interrupted script continues where it was. On one core of an Intel
Xeon, an experiment of 1,001 steps takes about 10 seconds a seed, one of 20,001
steps 2 to 13 minutes.

Compare accuracies of one machine and one precision only: their last digits
depend on both.

Example:
    python -m experiments.seeds single --seeds 1-100 --results my-results
    python -m experiments.seeds double-frozen-both --seeds 1-3 --bfloat16 --results my-results
"""

import argparse
import csv
import datetime
import platform
from pathlib import Path

import common
from experiments.variants import EXPERIMENTS
from support import checkpoints, fast_ops, input_data, machine, terminal
from support.quiet import tf

FOLDER = Path(__file__).parent / "results"
MACHINE = ["cpu", "python", "tensorflow", "date"]  # the last columns of every CSV file
COLUMNS = ["seed", "test_accuracy", "precision"]


def trained(experiment, seed, train, folder=None, bfloat16=False):
    """Trains an experiment's network on a DataSet, and returns it.

    Checkpoints are saved in a subfolder of `folder`; a network that is there already is restored.
    """
    make, steps, batch_size, dropout = EXPERIMENTS[experiment]
    network = untrained(experiment, seed)
    first = 0
    if folder:
        settings = {"network": make.__name__, "seed": seed, "bfloat16": bfloat16}
        saver = checkpoints.Saver(folder / f"{experiment}-{seed}", network, settings)
        first, run = saver.begin(steps - 1, resume=True, overwrite=False)
        train.skip(first, batch_size)
    with fast_ops.bfloat16(bfloat16):
        for i in terminal.progress(range(first, steps)):
            dropout_seed = {"dropout_seed": [seed, i]} if dropout else {}
            network.train_step(*train.next_batch(batch_size), **dropout_seed)
            if folder and i % 1000 == 0:
                saver.save(i, run)
    return network


def untrained(experiment, seed):
    """Returns an experiment's network at its random start."""
    return EXPERIMENTS[experiment].network(seed)


def rows(path):
    """Returns the rows of a CSV file, a {column: text} each; none if there is no file."""
    if not path.exists():
        return []
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def missing(path, seeds, **values):
    """Yields the seeds that have no row in a CSV file, and reports those that have one.

    `values` are what else is in such a row, e.g. experiment="double".
    """
    table = rows(path)
    for seed in seeds:
        wanted = values | {"seed": str(seed)}
        if any(wanted.items() <= row.items() for row in table):
            name = "".join(f"{value}, " for value in values.values())
            terminal.print_stderr(f"{name}seed {seed}: already in {path}")
        else:
            yield seed


def networks(experiments, path, args):
    """Yields (experiment, seed, DataSets, trained network) of what has no row in a CSV file yet.

    `args` are the options of add_options; what experiments.seeds has trained is not trained again.
    """
    for experiment in experiments:
        for seed in missing(path, args.seeds, experiment=experiment):
            mnist = input_data.read_data_sets(args.data_dir, "mnist", seed)
            network = trained(experiment, seed, mnist.train, args.checkpoint_dir, args.bfloat16)
            yield experiment, seed, mnist, network


def append(path, columns, new_rows):
    """Appends rows to a CSV file, each with the MACHINE; the columns' names first if it is new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    measured_on = [machine.cpu(), platform.python_version()]
    measured_on += [tf.__version__, datetime.date.today()]
    is_new = not path.exists()
    with open(path, "a", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if is_new:
            writer.writerow([*columns, *MACHINE])
        writer.writerows([*row, *measured_on] for row in new_rows)


def seed_range(text):
    """An argparse type: "1-100" or a single seed."""
    first, dash, last = text.partition("-")
    integer = terminal.integer(0)
    seeds = range(integer(first), integer(last if dash else first) + 1)
    if not seeds:
        raise argparse.ArgumentTypeError(f"{text!r} has no seeds; the first one is too large")
    return seeds


def add_options(parser, default):
    """Adds the options that all programs of many seeds have; `default` is their seeds' default."""
    terminal.add_data_dir(parser)
    parser.add_argument(
        "--seeds",
        type=seed_range,
        default=seed_range(default),
        metavar="FIRST-LAST",
        help=f"seeds to train with (default: {default})",
    )
    parser.add_argument(
        "--checkpoint-dir",
        type=terminal.path,
        default="seeds",
        metavar="DIR",
        help="folder for the trained networks; those in it are not trained again (default: "
        "%(default)s)",
    )
    add_result_options(parser)


def add_result_options(parser):
    """Adds the options that tell which folder the results go to, and their precision."""
    parser.add_argument(
        "--bfloat16", action="store_true", help="train as double_conv.py --bfloat16"
    )
    parser.add_argument(
        "--results",
        type=terminal.path,
        default=FOLDER,
        metavar="DIR",
        help="folder for the CSV file (default: experiments/results)",
    )


def options():
    """Returns the command line's options."""
    parser = terminal.parser(__doc__)
    parser.add_argument("experiment", choices=EXPERIMENTS)
    add_options(parser, default="1-5")
    return parser.parse_args()


def main():
    args = options()
    name, folder = args.experiment, args.checkpoint_dir
    precision = "bfloat16" if args.bfloat16 else "float32"
    path = args.results / f"{name}.csv"
    for seed in missing(path, args.seeds):
        mnist = input_data.read_data_sets(args.data_dir, "mnist", seed)
        network = trained(name, seed, mnist.train, folder, args.bfloat16)
        test_accuracy = common.accuracy_on(network, mnist.test)
        append(path, COLUMNS, [[seed, f"{test_accuracy:.4f}", precision]])
        terminal.print_stdout(f"{name}, seed {seed}: test accuracy {test_accuracy:.4f}")


if __name__ == "__main__":
    terminal.run(main, if_stopped="; the same command continues")
