"""Runs a script's main() inside the tests' process: no start to wait for, figures to look at."""

import contextlib
import io
import sys
from typing import NamedTuple

from support import figures, input_data

import matplotlib.pyplot as plt
import pytest
from processes import ROOT, SMALL

import common
import double_conv
import single_conv

# Enough steps for a report in the second epoch, whose order depends on the seed: an epoch of the
# small data is 6 steps.
SEED, STEPS = 3, 10
DOUBLE = SMALL | {"batch_size": 100}


class Result(NamedTuple):
    """What a run has printed, and the titles of its figures."""

    out: str
    err: str
    titles: list
    backend: str  # matplotlib's; "svg" if the script would have opened a window


@contextlib.contextmanager
def constants(module, values):
    """Replaces constants of a script, e.g. with SMALL, as long as the `with` block lasts."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in values.items():
            patch.setattr(module, name, value)
        yield


def run_here(script, *args):
    """Runs the main() of a script, an imported module, with the arguments; returns a Result."""
    out, err = io.StringIO(), io.StringIO()
    argv = [str(ROOT / f"{script.__name__}.py"), *map(str, args)]
    with contextlib.ExitStack() as stack:
        stack.enter_context(constants(sys, {"argv": argv}))
        stack.enter_context(constants(figures, {"MPLBACKEND": "svg"}))
        stack.enter_context(contextlib.redirect_stdout(out))
        stack.enter_context(contextlib.redirect_stderr(err))
        plt.close("all")
        script.main()
    titles = [plt.figure(number).texts[0].get_text() for number in plt.get_fignums()]
    plt.close("all")
    return Result(out.getvalue(), err.getvalue(), titles, plt.get_backend())


class Report(NamedTuple):
    """What a training script should report for a step."""

    step: int
    accuracy_before: float  # before the step's update
    accuracy: float
    cross_entropy: float
    h_conv1: object


def expected_reports(network, train, report_every, dropout=False):
    """Trains the network as its script should, with SEED, and returns the list of Reports."""
    reports = []
    for i in range(STEPS + 1):
        x, y_ = train.next_batch(100)
        before = common.accuracy(network(x).y_conv, y_)
        network.train_step(x, y_, *([[SEED, i]] if dropout else []))
        if i % report_every == 0:
            layers = network(x)
            accuracy = common.accuracy(layers.y_conv, y_)
            cross_entropy = common.cross_entropy(layers.logits, y_)
            reports.append(
                Report(i, float(before), float(accuracy), float(cross_entropy), layers.h_conv1)
            )
    return reports


class SeededRun(NamedTuple):
    """A run with --seed 3, in a folder whose name has a blank, and what it should have reported."""

    folder: object
    result: Result
    expected: list


def seeded_single(folder, data):
    """Runs single_conv.py with SEED for STEPS, everything below folder."""
    args = ["--data-dir", data, "--log-dir", folder / "logs", "--figure", folder / "figure.PNG"]
    result = run_here(single_conv, *args, "--seed", SEED, "--steps", STEPS)
    network = single_conv.SingleConv(SEED)
    train = input_data.read_data_sets(data, "mnist", SEED).train
    return SeededRun(folder, result, expected_reports(network, train, report_every=10))


def seeded_double(folder, data):
    """Runs double_conv.py with SEED for STEPS, everything below folder."""
    args = ["--data-dir", data, "--log-dir", folder / "logs", "--checkpoint-dir", folder]
    with constants(double_conv, DOUBLE):
        result = run_here(double_conv, *args, "--seed", SEED, "--steps", STEPS)
        network = double_conv.DoubleConv(SEED)
    train = input_data.read_data_sets(data, "mnist", SEED).train
    reports = expected_reports(network, train, report_every=5, dropout=True)
    return SeededRun(folder, result, reports)
