"""Asks what each of the second network's 64 filters is for, trained and at its random start.

Two questions per filter. Which test digits are read wrongly if its map is set to 0, of each digit
(filter 0: no map is)? And how well does its strongest response alone tell a digit from all others:
the AUC, the share of pairs of one such digit and one other in which the digit's response is the
stronger (0.5: no better than chance, 1: always, 0: never)?

The networks: double; double-frozen-second and double-frozen-both, whose second layers are random
and whose readouts are trained; and "untrained", the random start of double, whose AUC alone is
measured. Appends a row per filter to RESULTS/second_layer.csv. Seeds that are there already are
left out, and what experiments.seeds has trained is not trained again.

Example:
    python -m experiments.second_layer --seeds 1-3
"""

import numpy as np
from scipy import stats

import common
from experiments import seeds
from support import input_data, terminal

EXPERIMENTS = ["double", "double-frozen-second", "double-frozen-both"]
COLUMNS = [
    "network",
    "seed",
    "step",
    "filter",
    *(f"wrong_{digit}" for digit in range(10)),
    *(f"auc_{digit}" for digit in range(10)),
]


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
    """Returns each digit's AUC against all others, [10, filters], for responses [n, filters]."""
    aucs = []
    for digit in range(10):
        mine, others = responses[labels == digit], responses[labels != digit]
        # A tie counts half. Its p-value is not used; an exact one would take long.
        pairs_won = stats.mannwhitneyu(mine, others, method="asymptotic").statistic
        aucs.append(pairs_won / (len(mine) * len(others)))
    return np.array(aucs)


def filters(name, seed, step, network, h_pool2, labels):
    """Returns the rows of COLUMNS of a network whose maps are h_pool2 [n, 7, 7, 64]."""
    strongest = h_pool2.max((1, 2))  # [n, 64]
    aucs = [[""] * 10]  # of filter 0: no map is set to 0
    aucs += [[f"{x:.4f}" for x in of_filter] for of_filter in auc(strongest, labels).T]
    if name == "untrained":  # its readout reads nothing
        wrong = [[""] * 10] * 65
    else:
        wrong = list(mistakes_without(network, h_pool2, labels))
    return [[name, seed, step, k, *wrong[k], *aucs[k]] for k in range(65)]


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
    path = args.results / "second_layer.csv"
    test = input_data.read_data_sets(args.data_dir, "mnist").test
    labels = test.labels.argmax(1)
    step = seeds.last_step("double", args)
    for seed in seeds.missing(path, args.seeds, step=step):
        networks = {"untrained": seeds.untrained("double", seed)}
        for name in EXPERIMENTS:
            networks[name], _ = seeds.trained(name, seed, args)
        rows = []
        for name, network in networks.items():
            h_pool2 = np.concatenate([network(x).h_pool2 for x in common.batches(test.images)])
            rows += filters(name, seed, step, network, h_pool2, labels)
        seeds.append(path, COLUMNS, rows, args.bfloat16)
        terminal.print_stdout(f"seed {seed}: done")


if __name__ == "__main__":
    terminal.run(main, if_stopped="; the same command continues")
