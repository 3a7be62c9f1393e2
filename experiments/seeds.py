"""Trains variants of the networks with many seeds: what does a change do, and what is luck?

A change can make a network see less, or only learn more slowly. So its accuracy on the test set is
measured on the way, at 100, 200, 500, 1,000, 2,000, 5,000, 10,000, ... steps and at the last one.
Appends a row per seed and step to RESULTS/EXPERIMENT.csv, and keeps the network in
RESULTS/networks. What is there already is not trained again, and an interrupted script continues
where it was. `python -m experiments.compare` compares two experiments.

Example:
    python -m experiments.seeds single --seeds 1-5
    python -m experiments.seeds single-without-abs --seeds 1-5
    python -m experiments.compare single single-without-abs
"""

import argparse
import csv
import datetime
import platform
from pathlib import Path

import numpy as np

import common
from experiments import MY_RESULTS
from experiments.variants import EXPERIMENTS
from support import checkpoints, fast_ops, input_data, machine, terminal
from support.files import check_folder
from support.quiet import tf

PUBLISHED = Path(__file__).parent / "results"  # what the pages' tables are made from
MACHINE = ["precision", "cpu", "python", "tensorflow", "date"]  # the last columns of every CSV file
COLUMNS = ["seed", "step", "test_accuracy", "mean_of_five"]
POINTS = [100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000, 200000]  # steps
SAVE_EVERY = 1000  # steps


def measured_at(step):
    """Returns the steps whose accuracies' mean is taken for this one: at 96, 97, 98, 99 and 100%.

    From one step to the next, an accuracy jumps by up to half a per cent. Below step 100, some of
    the five are the same.
    """
    return sorted({step - step * k // 100 for k in range(5)})


def trained(experiment, seed, args):
    """Trains an experiment's network; returns it, and its DataSets.

    Appends rows of COLUMNS to RESULTS/EXPERIMENT.csv, as soon as they are known. The network is
    saved every 1,000 steps; one that is there already is only restored. `args` are the options of
    add_options.
    """
    mnist = input_data.read_data_sets(args.data_dir, "mnist", seed)
    plan, last = EXPERIMENTS[experiment], last_step(experiment, args)
    network = untrained(experiment, seed)
    settings = {
        "network": plan.network.__name__,
        "seed": seed,
        "bfloat16": args.bfloat16,
        "data": mnist.name,
    }
    saver = checkpoints.Saver(folder_of(experiment, seed, args), network, settings)
    first, run = saver.begin(last, resume=True, overwrite=False)
    mnist.train.skip(first, plan.batch_size)
    path = args.results / f"{experiment}.csv"
    means = {point: measured_at(point) for point in [*(p for p in POINTS if p < last), last]}
    measured, accuracies = set().union(*means.values()), {}  # {step: accuracy}

    with fast_ops.bfloat16(args.bfloat16):
        for i in terminal.progress(range(first, last + 1)):
            dropout_seed = {"dropout_seed": [seed, i]} if plan.dropout else {}
            network.train_step(*mnist.train.next_batch(plan.batch_size), **dropout_seed)
            if i in measured:
                accuracies[i] = common.accuracy_on(network, mnist.test)
            if i in means and not rows_with(path, seed=seed, step=i):
                mean = np.mean([accuracies[step] for step in means[i]])
                row = [seed, i, f"{accuracies[i]:.4f}", f"{mean:.5f}"]
                append(path, COLUMNS, [row], args.bfloat16)
            if i % SAVE_EVERY == 0 or i == last:
                # Not between two steps of one mean: whoever continues from there lacks the first.
                between = any(steps[0] <= i < point for point, steps in means.items())
                if not between:
                    saver.save(i, run)
    return network, mnist


def last_step(experiment, args):
    """Returns the last step of an experiment's training: --steps, if it was given."""
    return EXPERIMENTS[experiment].last if args.steps is None else args.steps


def folder_of(experiment, seed, args):
    """Returns the folder of a network's checkpoints."""
    return args.results / "networks" / f"{experiment}-{seed}-{last_step(experiment, args)}"


def untrained(experiment, seed):
    """Returns an experiment's network at its random start."""
    return EXPERIMENTS[experiment].network(seed)


def rows(path):
    """Returns the rows of a CSV file, a {column: text} each; none if there is no file."""
    if not path.exists():
        return []
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def rows_with(path, **values):
    """Returns a CSV file's rows that have these values, e.g. experiment="double", seed=1."""
    wanted = {column: str(value) for column, value in values.items()}.items()
    return [row for row in rows(path) if wanted <= row.items()]


def missing(path, seeds, **values):
    """Yields the seeds that have no row with these values in a CSV file, and reports the others.

    Creates the file's folder; raises a Failure if that is impossible.
    """
    check_folder(path.parent, "--results")
    for seed in seeds:
        if found := rows_with(path, seed=seed, **values):
            what = "".join(f"{column} {value}, " for column, value in values.items())
            measured_on = f"{found[0]['precision']}, {found[0]['cpu']}"
            terminal.print_stderr(f"{what}seed {seed}: already in {path} ({measured_on})")
        else:
            yield seed


def networks(experiments, path, args):
    """Yields (experiment, seed, trained network, DataSets) of what has no row in a CSV file yet.

    `args` are the options of add_options; what experiments.seeds has trained is not trained again.
    """
    for experiment in experiments:
        last = last_step(experiment, args)
        for seed in missing(path, args.seeds, experiment=experiment, step=last):
            yield experiment, seed, *trained(experiment, seed, args)


def append(path, columns, new_rows, bfloat16):
    """Appends rows to a CSV file, each with the MACHINE; the columns' names first if it is new."""
    measured_on = ["bfloat16" if bfloat16 else "float32", machine.cpu()]
    measured_on += [platform.python_version(), tf.__version__, datetime.date.today()]
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
        "--steps",
        type=terminal.integer(0),
        metavar="STEPS",
        help="the last step (default: 10000 for variants of the first network, 20000 for others)",
    )
    add_result_options(parser)


def add_result_options(parser):
    """Adds the options that tell which folder the results go to, and their precision."""
    parser.add_argument(
        "--bfloat16",
        action="store_true",
        help="train as double_conv.py --bfloat16; give it a --results folder of its own",
    )
    add_results(parser)


def add_results(parser):
    """Adds the option that tells which folder the results are in."""
    parser.add_argument(
        "--results",
        type=checkpoints.folder,
        default=MY_RESULTS,
        metavar="DIR",
        help="folder for the CSV files and the trained networks (default: %(default)s)",
    )


def options():
    """Returns the command line's options."""
    parser = terminal.parser(__doc__)
    parser.add_argument(
        "experiment", choices=EXPERIMENTS, metavar="EXPERIMENT", help=", ".join(EXPERIMENTS)
    )
    add_options(parser, default="1-5")
    return parser.parse_args()


def main():
    args = options()
    name, last = args.experiment, last_step(args.experiment, args)
    path = args.results / f"{name}.csv"
    for seed in missing(path, args.seeds, step=last):
        trained(name, seed, args)
        if not rows_with(path, seed=seed, step=last):  # the user has deleted the CSV file
            folder = folder_of(name, seed, args)
            message = f"{folder} is trained, but {path} has no row of it"
            raise terminal.Failure(f"{message}; delete that folder to train it again")
        for row in rows(path):
            if row["seed"] == str(seed):
                text = "{step} steps: test accuracy {test_accuracy}, mean of five {mean_of_five}"
                terminal.print_stdout(f"{name}, seed {seed}, {text.format(**row)}")


if __name__ == "__main__":
    terminal.run(main, if_stopped="; the same command continues")
