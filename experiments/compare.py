"""Compares two experiments of experiments.seeds: is the difference more than luck?

For each step at which both were measured, it takes the seeds that both have, and prints the two
mean accuracies, the mean of the seeds' differences with its standard error, and how often luck
alone gives a mean at least as many standard errors from 0. The first step is 0, so a last step of
1,000 is the 1,001st.

An accuracy's last digits depend on the CPU, the number of cores and the precision. So rows are
paired only with rows of the same ones; what has no partner is reported and left out. An accuracy is
the mean of the five that experiments.seeds measures up to a step; if a row has none, that at the
step itself.

Example:
    python -m experiments.compare single single-without-abs
    python -m experiments.compare single single-without-abs --curves curves.png
    python -m experiments.compare single single-mean --results experiments/results  # published
"""

import shlex
from typing import NamedTuple

import numpy as np
from matplotlib.ticker import LogLocator
from scipy import stats

from experiments import seeds
from support import figures, terminal
from support.quiet import plt


def read(experiment, folder=None, column="mean_of_five"):
    """Returns {(machine, step): {seed: accuracy}} of an experiment, {} if it has no file.

    A machine is a CPU, with its cores, and a precision, as text. The folder is PUBLISHED by
    default.
    """
    curves = {}
    for row in seeds.rows((folder or seeds.PUBLISHED) / f"{experiment}.csv"):
        machine = f"{row['cpu']}, {row['precision']}"
        accuracy = float(row[column] or row["test_accuracy"])
        curves.setdefault((machine, int(row["step"])), {})[int(row["seed"])] = accuracy
    return curves


class Paired(NamedTuple):
    """The paired test of two sides on the same seeds; the differences are after minus before."""

    seeds: int
    before: float  # mean accuracy
    after: float  # mean accuracy
    mean: float  # of the differences
    error: float  # the mean's standard error: the differences' standard deviation / √seeds
    p: float  # how often luck alone would give a mean / error at least this far from 0
    worse: int  # seeds whose accuracy is lower after than before


def paired_test(before, after):
    """Returns the Paired test of two {seed: accuracy}, on the seeds that both have."""
    both = sorted(before.keys() & after.keys())
    before, after = (np.array([side[seed] for seed in both]) for side in (before, after))
    change = np.round(after - before, 5)  # as many decimals as the files have
    means = before.mean(), after.mean(), change.mean()
    worse = int(np.sum(change < 0))
    if np.ptp(change) == 0:  # one seed, or the same for all: no error can be estimated
        return Paired(len(both), *means, np.nan, np.nan, worse)
    p = stats.ttest_1samp(change, 0).pvalue
    return Paired(len(both), *means, stats.sem(change), p, worse)


def difference(test):
    """Returns a Paired test's mean ± its error, and its p, as text.

    If no error can be estimated, the mean and an empty text.
    """
    if np.isnan(test.error):
        return f"{test.mean:+.4f}", ""
    p = "< 0.0001" if test.p < 0.0001 else f"{test.p:.2g}"
    return f"{test.mean:+.4f} ± {test.error:.4f}", p


def machine_of(sides):
    """Returns the machine on which all sides, [(experiment, step)], have most seeds in common.

    Raises a Failure if there is none.
    """
    curves = {experiment: read(experiment) for experiment, step in sides}
    machines = sorted({machine for curve in curves.values() for machine, step in curve})

    def seeds_in_common(machine):
        seeds_of_sides = (set(curves[name].get((machine, step), {})) for name, step in sides)
        return len(set.intersection(*seeds_of_sides))

    best = max(machines, key=seeds_in_common, default=None)
    if best is None or seeds_in_common(best) == 0:
        names = ", ".join(f"{name} at step {step}" for name, step in sides)
        raise terminal.Failure(f"no machine has a seed of all of: {names}")
    return best


def compare(before, after, machine):
    """Returns the Paired test of two (experiment, step), on one machine."""
    sides = (read(name)[machine, step] for name, step in (before, after))
    return paired_test(*sides)


def tests_of(before, after, folder):
    """Returns {(machine, step): Paired} of two experiments, where they have seeds in common.

    Raises a Failure if there is nothing to compare.
    """
    curves = {name: read(name, folder) for name in (before, after)}
    for name, curve in curves.items():
        if not curve:
            command = f"python -m experiments.seeds {name} --results {shlex.quote(str(folder))}"
            raise terminal.Failure(f"{folder} has no results of {name}; run {command}")
    tests = {}
    for key in sorted(curves[before].keys() & curves[after].keys()):
        sides = curves[before][key], curves[after][key]
        if sides[0].keys() & sides[1].keys():
            tests[key] = paired_test(*sides)
    if not tests:
        advice = "train both with the same seeds and steps, on one machine, in one precision"
        advice += ", in a --results folder of their own"
        raise terminal.Failure(f"{before} and {after} have nothing in common; {advice}")
    return tests


def print_tests(before, after, tests):
    """Prints a table for each machine."""
    columns = "last step", "seeds", before, after, "difference ± its standard error", "by luck"
    for machine in sorted({machine for machine, step in tests}):
        lines = [columns]
        for (other, step), test in tests.items():
            if other == machine:
                means = f"{test.before:.4f}", f"{test.after:.4f}"
                lines.append((f"{step}", f"{test.seeds}", *means, *difference(test)))
        terminal.print_stdout(f"{machine}:")
        for line in lines:
            cells = (f"{cell:>{max(8, len(column))}}" for cell, column in zip(line, columns))
            terminal.print_stdout("  ".join(cells))


def print_left_out(before, after, folder):
    """Reports the seeds of each that the other does not have on the same machine."""
    for name, other in (before, after), (after, before):
        partners = read(other, folder)
        for (machine, step), accuracies in sorted(read(name, folder).items()):
            alone = sorted(accuracies.keys() - partners.get((machine, step), {}).keys())
            if alone:
                numbers = ", ".join(map(str, alone))
                if len(alone) > 2 and alone == list(range(alone[0], alone[-1] + 1)):
                    numbers = f"{alone[0]}-{alone[-1]}"
                what = f"{name}, {step} steps, seeds {numbers} on {machine}"
                terminal.print_stderr(f"left out, since {other} does not have them: {what}")


def lines(curve):
    """Yields the lines to draw of a curve, {step: {seed: accuracy}}, as {step: mean accuracy}.

    Where a step has other seeds than the one before, a new line begins at the one before, of the
    seeds that both have, or at the step itself if there are none. So no line rises or falls because
    its seeds are others.
    """
    steps, line = sorted(curve), []
    for step, following in zip(steps, [*steps[1:], None]):
        line.append(step)
        next_seeds = curve[following].keys() if following is not None else set()
        if curve[step].keys() != next_seeds:
            of_all = set.intersection(*(set(curve[s]) for s in line))
            yield {s: np.mean([curve[s][seed] for seed in of_all]) for s in line}
            line = [step] if curve[step].keys() & next_seeds else []


@figures.in_default_style
def draw_curves(curves, title):
    """Draws mistakes against steps; returns the figure.

    `curves` is {label: {step: {seed: accuracy}}}: a line per label through the means, and a dot per
    seed. A label's lines after the first, of other seeds, are dashed.
    """
    figure, axes = plt.subplots(figsize=(9, 5.2), layout="constrained")
    for number, (label, curve) in enumerate(curves.items()):
        color = f"C{number}" if number < 10 else "black"  # there are ten of them
        for step, of_seeds in curve.items():
            mistakes = [10000 * (1 - accuracy) for accuracy in of_seeds.values()]
            axes.plot(np.full(len(mistakes), step), mistakes, ".", color=color, alpha=0.4, ms=6)
        for part, line in enumerate(lines(curve)):
            mistakes = [10000 * (1 - mean) for mean in line.values()]
            style, in_legend = ("o--", None) if part else ("o-", label)
            axes.plot(list(line), mistakes, style, color=color, ms=4, label=in_legend)
    steps = sorted({step for curve in curves.values() for step in curve})
    axes.set(xscale="log", yscale="log")
    axes.set_xticks(steps, [f"{step:,}" for step in steps], fontsize=9)
    axes.yaxis.set_major_locator(LogLocator(subs=[1, 1.5, 2, 3, 5, 7]))
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.tick_params(axis="y", labelsize=9)
    axes.minorticks_off()
    axes.set_xlabel("steps (log scale)")
    axes.set_ylabel("mistakes of 10,000 test digits (log scale)")
    axes.set_title(title, fontsize=11)
    axes.grid(color="#cfd8e3")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def curve_on(machine, experiment, folder=None):
    """Returns an experiment's curve on a machine, {step: {seed: accuracy}}; folder as in read."""
    curves = sorted(read(experiment, folder).items())
    return {step: accuracies for (other, step), accuracies in curves if other == machine}


def in_common(curves):
    """Returns the curves without the steps and seeds that not all of them have."""
    found = {name: {} for name in curves}
    for step in sorted(set.intersection(*map(set, curves.values()))):
        of_all = set.intersection(*(set(curve[step]) for curve in curves.values()))
        if of_all:
            for name, curve in curves.items():
                found[name][step] = {seed: curve[step][seed] for seed in sorted(of_all)}
    return found


def options():
    """Returns the command line's options."""
    parser = terminal.parser(__doc__)
    names = {"choices": seeds.EXPERIMENTS}
    parser.add_argument("before", **names, metavar="A", help="experiment without the change")
    parser.add_argument("after", **names, metavar="B", help="experiment with it")
    seeds.add_results(parser)
    parser.add_argument(
        "--curves", type=terminal.path, metavar="PNG", help="also draw the curves, as a PNG file"
    )
    return parser.parse_args()


def main():
    args = options()
    before, after = args.before, args.after
    if args.curves:
        figures.check_png(args.curves, "--curves")
    tests = tests_of(before, after, args.results)
    print_tests(before, after, tests)
    print_left_out(before, after, args.results)
    if args.curves:
        machine, _ = max(tests, key=lambda key: tests[key].seeds)
        curves = {name: curve_on(machine, name, args.results) for name in (before, after)}
        title = f"a dot per seed, a line through the means; {machine}"
        figures.save([draw_curves(in_common(curves), title)], [args.curves], dpi=100)


if __name__ == "__main__":
    terminal.run(main)
