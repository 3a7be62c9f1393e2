"""Trains one of the networks with many seeds: how much of its accuracy is luck?

Appends a row per seed to docs/seeds/EXPERIMENT.csv; seeds that are there already
are left out, so an interrupted script continues where it was. The first network
takes about 5 seconds a seed, the second about 10 minutes.

Example:
    python docs/programs/seeds.py single --seeds 1-100
    python docs/programs/seeds.py double-without-dropout --seeds 1-5
"""

import argparse
import csv
import datetime
import platform
import sys
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # for support and the scripts

# support comes first: it imports TensorFlow without its start-up messages
from support import checkpoints, input_data, terminal

import tensorflow as tf

import common
import double_conv
import single_conv

FOLDER = Path(__file__).parents[1] / "seeds"
COLUMNS = ["seed", "test_accuracy", "cpu", "python", "tensorflow", "date"]


def trained_single(seed, train):
    """Returns the first network after single_conv.py's 1,001 steps."""
    network = single_conv.SingleConv(seed)
    for _ in range(1001):
        network.train_step(*train.next_batch(single_conv.batch_size))
    return network


def train_single(seed, mnist, folder):
    """Trains the first network as single_conv.py does; returns its test accuracy."""
    return common.accuracy_on(trained_single(seed, mnist.train), mnist.test)


def train_single_4_filters(seed, mnist, folder):
    """The same, with 4 filters in place of 16."""
    with mock.patch.object(single_conv, "num_filters", 4):
        return train_single(seed, mnist, folder)


def train_single_without_abs(seed, mnist, folder):
    """The same, without the abs in h_conv1."""
    with mock.patch.object(tf, "abs", tf.identity):
        return train_single(seed, mnist, folder)


def train_double(seed, mnist, folder, make=double_conv.DoubleConv):
    """Trains the second network as double_conv.py does; returns its test accuracy.

    Saves checkpoints below folder and continues from them; double_conv.py's own will do.
    """
    network = make(seed)
    settings = {"script": "double_conv.py", "data": mnist.name, "seed": seed, "bfloat16": False}
    saver = checkpoints.Saver(folder / f"{make.__name__}-{seed}", network, settings)
    first, run = saver.begin(20000, resume=True, overwrite=False)
    mnist.train.skip(first, double_conv.batch_size)
    for i in terminal.progress(range(first, 20001)):
        x, y_ = mnist.train.next_batch(double_conv.batch_size)
        network.train_step(x, y_, dropout_seed=[seed, i])
        if i % 1000 == 0:
            saver.save(i, run)
    return common.accuracy_on(network, mnist.test)


class WithoutDropout(double_conv.DoubleConv):
    """The second network, which keeps all features in training too."""

    def __call__(self, x, keep_prob=1.0, dropout_seed=(0, 0)):
        return super().__call__(x)


def train_double_without_dropout(seed, mnist, folder):
    """The second network without dropout."""
    return train_double(seed, mnist, folder, WithoutDropout)


EXPERIMENTS = {
    "single": train_single,
    "single-4-filters": train_single_4_filters,
    "single-without-abs": train_single_without_abs,
    "double": train_double,
    "double-without-dropout": train_double_without_dropout,
}


def read(experiment):
    """Returns {seed: test accuracy} of an experiment's CSV file, {} if there is none."""
    path = FOLDER / f"{experiment}.csv"
    if not path.exists():
        return {}
    with open(path, newline="") as file:
        return {int(row["seed"]): float(row["test_accuracy"]) for row in csv.DictReader(file)}


def append(experiment, seed, test_accuracy):
    """Appends a row to an experiment's CSV file."""
    path = FOLDER / f"{experiment}.csv"
    path.parent.mkdir(exist_ok=True)
    new = not path.exists()
    with open(path, "a", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if new:
            writer.writerow(COLUMNS)
        versions = [checkpoints.this_cpu(), platform.python_version(), tf.__version__]
        writer.writerow([seed, f"{test_accuracy:.4f}", *versions, datetime.date.today()])


def seed_range(text):
    """An argparse type: "1-100" or a single seed."""
    first, dash, last = text.partition("-")
    integer = terminal.integer(0)
    seeds = range(integer(first), integer(last if dash else first) + 1)
    if not seeds:
        raise argparse.ArgumentTypeError(f"{text!r} has no seeds; the first one is too large")
    return seeds


def options():
    """Returns the command line's options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    terminal.add_data_dir(parser)
    parser.add_argument("experiment", choices=EXPERIMENTS)
    parser.add_argument(
        "--seeds",
        type=seed_range,
        default=range(1, 6),
        metavar="FIRST-LAST",
        help="seeds to train with (default: 1-5)",
    )
    parser.add_argument(
        "--checkpoint-dir",
        type=terminal.path,
        default="seeds",
        metavar="DIR",
        help="folder for the second network's checkpoints (default: %(default)s)",
    )
    return parser.parse_args()


def main():
    args = options()
    for seed in args.seeds:
        if seed not in read(args.experiment):
            mnist = input_data.read_data_sets(args.data_dir, "mnist", seed)
            test_accuracy = EXPERIMENTS[args.experiment](seed, mnist, args.checkpoint_dir)
            append(args.experiment, seed, test_accuracy)
            terminal.print_stdout(
                f"{args.experiment}, seed {seed}: test accuracy {test_accuracy:.4f}"
            )


if __name__ == "__main__":
    terminal.run(main, if_stopped="; the same command continues")
