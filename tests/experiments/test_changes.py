"""experiments/changes.py: how much training changes the second network."""

import numpy as np
import pytest

import common
from double_conv import DoubleConv
from experiments import changes, seeds
from support import checkpoints, input_data


def test_change_tells_how_far_and_how_alike():
    before = np.array([-1.0, 1, -1, 1])
    deviation, of_change, correlation = changes.change(before, 3 * before)
    assert (deviation, of_change) == (1, 2)
    assert correlation == pytest.approx(1)
    two = changes.mean_change(np.stack([before, before], 1), np.stack([before, -before], 1))
    np.testing.assert_allclose(two, [1, 1, 0], atol=1e-12)


def test_shuffled_changes_are_the_same_numbers_elsewhere_in_each_variable():
    before, after = DoubleConv(1), DoubleConv(2)
    control = changes.shuffled(before, after, 1)
    for name in "W_conv2", "W_fc2":
        first, last, found = (getattr(n, name).numpy() for n in (before, after, control))
        expected, moved = (np.ravel(x - first) for x in (last, found))
        np.testing.assert_allclose(np.sort(moved), np.sort(expected), atol=1e-6)
        assert abs(np.corrcoef(moved, expected)[0, 1]) < 0.1


def test_rows_are_those_of_each_seeds_network(run, fast_double, few_digits, tmp_path):
    options = ["--seeds", "1-2", "--steps", 0, "--data-dir", few_digits, "--results", tmp_path]
    run(changes, *options)
    test = input_data.read_data_sets(few_digits).test
    for seed in 1, 2:
        before, after = DoubleConv(seed), DoubleConv(seed)
        checkpoints.restore(after, tmp_path / "networks" / f"double-{seed}-0" / "train_data-0")
        control = changes.shuffled(before, after, seed)
        expected = {"W_fc1": changes.change(before.W_fc1.numpy(), after.W_fc1.numpy())}
        networks = {
            "": after,
            ", changes shuffled": control,
            ", another start": DoubleConv(seed + 1),
        }
        h_before = before(test.images)
        for what, network in networks.items():
            h = network(test.images)
            features = h_before.h_fc1.numpy(), h.h_fc1.numpy()
            strongest = (layers.h_pool1.numpy().max((1, 2)) for layers in (h_before, h))
            expected[f"h_fc1{what}"] = changes.mean_change(*features)
            expected[f"strongest of h_pool1{what}"] = changes.mean_change(*strongest)
        for what, numbers in expected.items():
            (row,) = seeds.rows_with(tmp_path / "changes.csv", seed=seed, what=what)
            found = [float(row[column]) for column in changes.NUMBERS[1:]]
            np.testing.assert_allclose(found, numbers, atol=2e-4, err_msg=f"{what}, seed {seed}")
        (row,) = seeds.rows_with(tmp_path / "shuffled.csv", seed=seed)
        for column, network in zip(changes.ACCURACIES, (before, after, control), strict=True):
            assert row[column] == f"{common.accuracy_on(network, test):.4f}", column
