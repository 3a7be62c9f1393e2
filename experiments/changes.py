"""Asks how much training changes the second network: its weights, and what they compute.

For each variable, and for the strongest response in each map and the features of all test digits:
the standard deviation at the start, that of the change, and the correlation of before and after.
Two controls take the trained network's place: one in which the same changes are shuffled among each
variable's numbers (what does their size alone do?), and the random start of the next seed (how
alike are two networks that have nothing in common?). Appends rows to RESULTS/changes.csv, and the
test accuracies at the start, trained, and with shuffled changes to RESULTS/shuffled.csv. Seeds that
are there already are left out, and what experiments.seeds has trained is not trained again.

Example:
    python -m experiments.changes --seeds 1-3
"""

import numpy as np

import common
from double_conv import DoubleConv
from experiments import seeds
from support import terminal

NUMBERS = ["what", "deviation_at_start", "deviation_of_change", "correlation"]
COLUMNS = ["experiment", "seed", "step", *NUMBERS]
ACCURACIES = ["test_accuracy_at_start", "test_accuracy", "test_accuracy_shuffled"]
SHUFFLED = ["experiment", "seed", "step", *ACCURACIES]


def computed(network, images):
    """Returns what a network computes for images [n, 784], a {name: float32 [n, features]}.

    The features are the strongest response in each map of a layer, and those of h_fc1.
    """
    found = {"strongest of h_pool1": [], "strongest of h_pool2": [], "h_fc1": []}
    for x in common.batches(images):
        h = network(x)
        found["strongest of h_pool1"].append(h.h_pool1.numpy().max((1, 2)))
        found["strongest of h_pool2"].append(h.h_pool2.numpy().max((1, 2)))
        found["h_fc1"].append(h.h_fc1.numpy())
    return {name: np.concatenate(parts) for name, parts in found.items()}


def change(before, after):
    """Returns the standard deviation at the start, that of the change, and the correlation."""
    before, after = np.ravel(before), np.ravel(after)
    return before.std(), (after - before).std(), np.corrcoef(before, after)[0, 1]


def mean_change(before, after):
    """Returns the means over the features of [n, features] of the three, each over n digits.

    A feature that is the same for all digits, before or after, is left out.
    """
    vary = (np.ptp(before, axis=0) > 0) & (np.ptp(after, axis=0) > 0)
    return np.mean([change(*pair) for pair in zip(before[:, vary].T, after[:, vary].T)], axis=0)


def with_shuffled_change(first, last, random):
    """Returns the array `first` with its change to `last`, in an order that `random` shuffles."""
    return first + random.permutation(np.ravel(last - first)).reshape(first.shape)


def shuffled(before, after, seed):
    """Returns a DoubleConv: `before`, with the changes to `after` shuffled within each variable."""
    random, network = np.random.default_rng(seed), DoubleConv()
    of_all = zip(network.trainable_variables, before.trainable_variables, after.trainable_variables)
    for variable, first, last in of_all:
        variable.assign(with_shuffled_change(first.numpy(), last.numpy(), random))
    return network


def changes(before, after, controls, images):
    """Returns rows of NUMBERS; `controls` are {name: network}."""
    changed = {
        name: change(getattr(before, name).numpy(), getattr(after, name).numpy())
        for name in ("W_conv1", "W_conv2", "W_fc1")
    }
    at_start = computed(before, images)
    for what, network in {"": after, **controls}.items():
        for name, features in computed(network, images).items():
            changed[f"{name}{what}"] = mean_change(at_start[name], features)
    return [[what, *(f"{x:.4f}" for x in numbers)] for what, numbers in changed.items()]


def main():
    parser = terminal.parser(__doc__)
    seeds.add_options(parser, default="1-3")
    args = parser.parse_args()
    path = args.results / "changes.csv"
    for experiment, seed, after, mnist in seeds.networks(["double"], path, args):
        before, another = (seeds.untrained(experiment, s) for s in (seed, seed + 1))
        control = shuffled(before, after, seed)
        first = [experiment, seed, seeds.last_step(experiment, args)]
        three = before, after, control
        accuracies = [f"{common.accuracy_on(network, mnist.test):.4f}" for network in three]
        controls = {", changes shuffled": control, ", another start": another}
        rows = [[*first, *row] for row in changes(before, after, controls, mnist.test.images)]
        shuffled_csv = args.results / "shuffled.csv"
        seeds.append(shuffled_csv, SHUFFLED, [[*first, *accuracies]], args.bfloat16)
        seeds.append(path, COLUMNS, rows, args.bfloat16)  # last: it tells that a seed is done
        terminal.print_stdout(f"seed {seed}: done")


if __name__ == "__main__":
    terminal.run(main, if_stopped="; the same command continues")
