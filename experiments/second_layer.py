"""Asks what each of the second network's 64 filters is for, trained and at its random start.

Two questions per filter. Which test digits are read wrongly if its map is set to 0, of each digit
(filter 0: no map is)? And how well does its strongest response alone tell a digit from all others:
the AUC, the share of pairs of one such digit and one other in which the digit's response is the
stronger (0.5: no better than chance, 1: always, 0: never)?

The networks: double; double-frozen-second and double-frozen-both, whose second layers are random
and whose readouts are trained; and "untrained", the random start of double, whose AUC alone is
measured. Appends a row per filter to RESULTS/second_layer.csv, and how much training changed each
variable and the activations to RESULTS/changes.csv, with a control: the activations of a network
in which the same changes are shuffled among each variable's numbers; that network's accuracy goes
to RESULTS/shuffled.csv. Seeds that are there already are left out, and what experiments.seeds has
trained is not trained again.

Example:
    python -m experiments.second_layer --seeds 1-3
"""

import numpy as np
from scipy import stats

import common
from double_conv import DoubleConv
from experiments import seeds
from support import input_data, terminal
from support.files import check_folder

EXPERIMENTS = ["double", "double-frozen-second", "double-frozen-both"]
COLUMNS = [
    "network",
    "seed",
    "filter",
    *(f"wrong_{digit}" for digit in range(10)),
    *(f"auc_{digit}" for digit in range(10)),
]
CHANGES = ["seed", "what", "deviation_at_start", "deviation_of_change", "correlation"]
SHUFFLED = ["seed", "test_accuracy", "test_accuracy_shuffled"]


def layers(network, images):
    """Returns {"h_pool1", "h_pool2", "h_fc1": array} of images [n, 784], float32 [n, ...]."""
    names = "h_pool1", "h_pool2", "h_fc1"
    batches = [network(x) for x in common.batches(images)]
    return {name: np.concatenate([getattr(h, name) for h in batches]) for name in names}


def mistakes(network, h_fc1, labels):
    """Returns how many of each digit are read wrongly from features h_fc1 [n, 1024]: int [10]."""
    wrong = (h_fc1 @ network.W_fc2.numpy() + network.b_fc2.numpy()).argmax(1) != labels
    return np.bincount(labels[wrong], minlength=10)


def mistakes_without(network, h_pool2, labels):
    """Yields the mistakes with all maps of h_pool2 [n, 7, 7, 64], then without each: int [10]."""
    W_fc1 = network.W_fc1.numpy().reshape(7, 7, 64, -1)
    sums = h_pool2.reshape(len(h_pool2), -1) @ network.W_fc1.numpy() + network.b_fc1.numpy()
    yield mistakes(network, np.maximum(sums, 0), labels)
    for k in range(64):
        of_map = h_pool2[..., k].reshape(len(h_pool2), -1) @ W_fc1[:, :, k].reshape(49, -1)
        yield mistakes(network, np.maximum(sums - of_map, 0), labels)


def auc(responses, labels):
    """Returns the AUC of each digit against all others, for responses [n, filters] to n digits.

    The array is float [10, filters]; [10], if the responses are one filter's, [n].
    """
    aucs = []
    for digit in range(10):
        mine, others = responses[labels == digit], responses[labels != digit]
        # A tie counts half. Its p-value is not used; an exact one would take long.
        pairs_won = stats.mannwhitneyu(mine, others, method="asymptotic").statistic
        aucs.append(pairs_won / (len(mine) * len(others)))
    return np.array(aucs)


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


def filters(name, seed, network, h_pool2, labels):
    """Returns the rows of COLUMNS of a network whose maps are h_pool2 [n, 7, 7, 64]."""
    strongest = h_pool2.max((1, 2))  # [n, 64]
    aucs = [[""] * 10]  # of filter 0: no map is set to 0
    aucs += [[f"{x:.4f}" for x in of_filter] for of_filter in auc(strongest, labels).T]
    if name == "untrained":  # its readout reads nothing
        wrong = [[""] * 10] * 65
    else:
        wrong = list(mistakes_without(network, h_pool2, labels))
    return [[name, seed, k, *wrong[k], *aucs[k]] for k in range(65)]


def shuffled(start, after, seed):
    """Returns a DoubleConv: `start`, with the changes to `after` shuffled within each variable."""
    random, network = np.random.default_rng(seed), DoubleConv()
    of_all = zip(network.trainable_variables, start.trainable_variables, after.trainable_variables)
    for variable, first, last in of_all:
        moved = random.permutation(np.ravel(last.numpy() - first.numpy()))
        variable.assign(first + moved.reshape(first.shape))
    return network


def changes(seed, before, after, h_before, h_after, h_shuffled):
    """Returns the rows of CHANGES of a network before and after training, and its activations."""
    changed = {
        name: change(getattr(before, name).numpy(), getattr(after, name).numpy())
        for name in ("W_conv1", "W_conv2", "W_fc1", "W_fc2")
    }
    for what, h in ("", h_after), (", changes shuffled", h_shuffled):
        for name in "h_pool1", "h_pool2":
            strongest = (layer[name].max((1, 2)) for layer in (h_before, h))
            changed[f"strongest of {name}{what}"] = mean_change(*strongest)
        changed[f"h_fc1{what}"] = mean_change(h_before["h_fc1"], h["h_fc1"])
    return [[seed, what, *(f"{x:.4f}" for x in numbers)] for what, numbers in changed.items()]


def read(path):
    """Returns {(network, seed): mistakes and AUC, float [2, 65, 10]} of the CSV; nan if empty."""
    tables = {}
    for row in seeds.rows(path):
        wrong, tells = (
            [float(row[f"{what}_{digit}"] or "nan") for digit in range(10)]
            for what in ("wrong", "auc")
        )
        tables.setdefault((row["network"], row["seed"]), []).append((wrong, tells))
    return {key: np.moveaxis(np.array(table), 1, 0) for key, table in tables.items()}


def summary(wrong, tells):
    """Returns a network's numbers: mistakes [65, 10], and AUC [65, 10] without its row 0.

    Mistakes with all maps; how many more without one map, on average and at most; and the mean and
    the largest AUC of a filter for the digit that it tells best. (Weak responses are not counted:
    most filters respond weakly to a 1, because it has little ink.)
    """
    total = wrong.sum(1)
    best = tells[1:].max(1)
    more = total[1:] - total[0]
    return [total[0], more.mean(), more.max(), best.mean(), best.max()]


def main():
    parser = terminal.parser(__doc__)
    seeds.add_options(parser, default="1-3")
    args = parser.parse_args()
    check_folder(args.results, "--results")
    path = args.results / "second_layer.csv"
    test = input_data.read_data_sets(args.data_dir, "mnist").test
    images, labels = test.images, test.labels.argmax(1)
    for seed in seeds.missing(path, args.seeds):
        start = seeds.untrained("double", seed)
        h_start = layers(start, images)
        rows = filters("untrained", seed, start, h_start["h_pool2"], labels)
        for name in EXPERIMENTS:
            network, _ = seeds.trained(name, seed, args)
            h = layers(network, images)
            rows += filters(name, seed, network, h["h_pool2"], labels)
            if name == "double":
                other = shuffled(start, network, seed)
                changed = changes(seed, start, network, h_start, h, layers(other, images))
                both = (common.accuracy_on(n, test) for n in (network, other))
                accuracies = [seed, *(f"{accuracy:.4f}" for accuracy in both)]
        seeds.append(args.results / "changes.csv", CHANGES, changed, args.bfloat16)
        seeds.append(args.results / "shuffled.csv", SHUFFLED, [accuracies], args.bfloat16)
        seeds.append(path, COLUMNS, rows, args.bfloat16)
        terminal.print_stdout(f"seed {seed}: done")


if __name__ == "__main__":
    terminal.run(main)
