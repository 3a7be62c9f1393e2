"""Asks how much training changes the second network: its weights, and what they compute.

For each variable, and for the strongest response in each map and the features of all test digits:
the standard deviation at the start, that of the change, and the correlation of before and after.
The control is a network in which the same changes are shuffled among each variable's numbers: if
only their size mattered, it would compute what the trained one does. Appends rows to
RESULTS/changes.csv, and the test accuracy of the trained network and of the control to
RESULTS/shuffled.csv. Seeds that are there already are left out, and what experiments.seeds has
trained is not trained again.

Example:
    python -m experiments.changes --seeds 1-3
"""

import numpy as np

import common
from double_conv import DoubleConv
from experiments import seeds
from support import input_data, terminal

COLUMNS = ["seed", "step", "what", "deviation_at_start", "deviation_of_change", "correlation"]
SHUFFLED = ["seed", "step", "test_accuracy", "test_accuracy_shuffled"]


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


def shuffled(before, after, seed):
    """Returns a DoubleConv: `before`, with the changes to `after` shuffled within each variable."""
    random, network = np.random.default_rng(seed), DoubleConv()
    of_all = zip(network.trainable_variables, before.trainable_variables, after.trainable_variables)
    for variable, first, last in of_all:
        moved = random.permutation(np.ravel(last.numpy() - first.numpy()))
        variable.assign(first + moved.reshape(first.shape))
    return network


def changes(before, after, controls, images):
    """Returns the last four of COLUMNS, a row each; `controls` are {name: network}."""
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
    test = input_data.read_data_sets(args.data_dir, "mnist").test
    step = seeds.last_step("double", args)
    for seed in seeds.missing(path, args.seeds, step=step):
        before = seeds.untrained("double", seed)
        after, _ = seeds.trained("double", seed, args)
        other, another = shuffled(before, after, seed), seeds.untrained("double", seed + 1)
        controls = {", changes shuffled": other, ", another start": another}
        accuracies = (f"{common.accuracy_on(network, test):.4f}" for network in (after, other))
        row = [seed, step, *accuracies]
        seeds.append(args.results / "shuffled.csv", SHUFFLED, [row], args.bfloat16)
        changed = changes(before, after, controls, test.images)
        rows = [[seed, step, *numbers] for numbers in changed]
        seeds.append(path, COLUMNS, rows, args.bfloat16)
        terminal.print_stdout(f"seed {seed}: done")


if __name__ == "__main__":
    terminal.run(main, if_stopped="; the same command continues")
