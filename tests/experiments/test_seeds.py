"""experiments/seeds.py: variants of the networks, trained with many seeds."""

import csv
import sys

import numpy as np
import pytest
import tensorflow as tf

import common
import single_conv
from experiments import seeds
from single_conv import SingleConv
from support import input_data


@pytest.fixture
def digits(small_data):
    """Two small training digits with their labels: float32 [2, 784] and [2, 10]."""
    return input_data.read_data_sets(small_data).train.next_batch(2)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder for the CSV files."""
    monkeypatch.setattr(seeds, "FOLDER", tmp_path / "csv")
    return tmp_path / "csv"


@pytest.fixture
def three_steps(monkeypatch):
    """Experiments of three steps: a short one and a long one, which saves checkpoints."""
    for name in "dense-16", "dense-1024":
        short = seeds.EXPERIMENTS[name]._replace(steps=3)
        monkeypatch.setitem(seeds.EXPERIMENTS, name, short)


def variables(network):
    """Returns all numbers of a network."""
    return [variable.numpy() for variable in network.trainable_variables]


def assert_same(arrays, others):
    for array, other in zip(arrays, others, strict=True):
        np.testing.assert_array_equal(array, other)


def test_frozen_filters_stay_and_everything_else_learns(digits):
    network, before = seeds.FrozenFilters(1), SingleConv(1)
    network.train_step(*digits)
    np.testing.assert_array_equal(network.W_conv1, before.W_conv1)
    for name in "W_fc1", "b_fc1", "W_fc2", "b_fc2":
        assert np.any(getattr(network, name) != getattr(before, name)), name


def test_the_network_whose_first_layer_can_be_replaced_is_the_first_network(digits):
    network, other = seeds.OwnFirstLayer(1), SingleConv(1)
    for _ in range(3):
        network.train_step(*digits)
        other.train_step(*digits)
    assert_same(variables(network), variables(other))


def test_four_filters_are_those_of_num_filters_4(digits, monkeypatch):
    monkeypatch.setattr(single_conv, "num_filters", 4)
    network, other = seeds.FourFilters(1), SingleConv(1)
    assert_same(variables(network), variables(other))
    assert_same(network(digits[0]), other(digits[0]))


def test_without_abs_only_one_sign_remains(digits):
    network = seeds.WithoutAbs(1)
    c = common.conv2d(digits[0].reshape(-1, 28, 28, 1), network.W_conv1).numpy()
    np.testing.assert_array_equal(network(digits[0]).h_conv1, np.maximum(c - np.float32(0.2), 0))


def test_without_threshold_every_sum_that_is_not_0_remains(digits):
    network = seeds.WithoutThreshold(1)
    c = common.conv2d(digits[0].reshape(-1, 28, 28, 1), network.W_conv1).numpy()
    np.testing.assert_array_equal(network(digits[0]).h_conv1, np.abs(c))


@pytest.mark.parametrize(
    ("make", "shapes"),
    [
        (seeds.Dense16, {"W_fc1": [784, 16], "W_fc2": [16, 10]}),
        (seeds.Dense1024, {"W_fc1": [784, 1024], "W_fc2": [1024, 10]}),
        (seeds.AbsFilters1024, {"W_conv1": [5, 5, 1, 16], "W_fc1": [3136, 1024]}),
    ],
)
def test_a_rung_has_the_layers_that_its_name_tells(make, shapes, digits):
    network = make(1)
    assert {name: getattr(network, name).shape for name in shapes} == shapes
    inputs = digits[0]
    if "W_conv1" in shapes:
        c = common.conv2d(inputs.reshape(-1, 28, 28, 1), network.W_conv1)
        h_pool1 = common.max_pool_2x2(np.maximum(np.abs(c) - np.float32(0.2), 0)).numpy()
        inputs = h_pool1.reshape(len(inputs), -1)
    h_fc1 = np.maximum(inputs @ network.W_fc1.numpy(), 0)
    np.testing.assert_allclose(
        network(digits[0]).logits, h_fc1 @ network.W_fc2.numpy(), rtol=1e-4, atol=1e-4
    )


def test_wide_networks_train_with_dropout_and_adam(digits):
    network = seeds.Dense1024(1)
    before, h_fc1 = network.W_fc2.numpy(), digits[0] @ network.W_fc1.numpy()
    network.train_step(*digits, dropout_seed=[1, 0])
    moved = np.abs(network.W_fc2.numpy() - before).max(axis=1)  # [1024]
    one, both = (np.mean(np.sum(h_fc1 > 0, axis=0) == count) for count in (1, 2))
    # Each mask drops half of the features, and a feature that ReLU made 0 does not count.
    assert abs(np.mean(moved > 0) - (one / 2 + both * 3 / 4)) < 0.06
    np.testing.assert_allclose(moved[moved > 0], 1e-4, rtol=0.05)  # Adam's first step


def test_without_dropout_all_features_are_kept(digits):
    network = seeds.WithoutDropout(1)
    kept = network(digits[0], keep_prob=0.5, dropout_seed=[1, 0]).logits
    np.testing.assert_array_equal(kept, network(digits[0]).logits)


def test_a_row_per_seed_is_appended_and_no_seed_is_trained_twice(
    small_data, folder, three_steps, monkeypatch, capsys
):
    command = ["seeds.py", "dense-16", "--data-dir", str(small_data), "--seeds"]
    for numbers in "1", "1-2":
        monkeypatch.setattr(sys, "argv", [*command, numbers])
        seeds.main()
    printed = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[0] for line in printed] == ["dense-16, seed 1", "dense-16, seed 2"]
    with open(folder / "dense-16.csv") as file:
        rows = list(csv.DictReader(file))
    assert [row["seed"] for row in rows] == ["1", "2"]
    assert [row["test_accuracy"] for row in rows] == [line.split()[-1] for line in printed]
    assert all(row["cpu"] == seeds.cpu() and row["tensorflow"] == tf.__version__ for row in rows)


def test_a_long_experiment_resumes_where_it_was(small_data, tmp_path, three_steps, capsys):
    networks = []
    for _ in range(2):  # the second one finds the first one's checkpoint, of step 0
        train = input_data.read_data_sets(small_data).train
        networks.append(seeds.trained("dense-1024", 1, train, tmp_path))
    assert "resuming from" in capsys.readouterr().err
    assert_same(*map(variables, networks))


def test_seeds_are_a_range_or_a_single_one():
    assert seeds.seed_range("3-5") == range(3, 6)
    assert seeds.seed_range("7") == range(7, 8)


def test_an_empty_range_of_seeds_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["seeds.py", "single", "--seeds", "5-3"])
    with pytest.raises(SystemExit) as stopped:
        seeds.main()
    assert stopped.value.code == 2
    assert "'5-3' has no seeds; the first one is too large" in capsys.readouterr().err


@pytest.mark.parametrize("experiment", ["dense-16", "single-frozen-filters"])
def test_a_seed_trained_again_gives_the_csv_files_accuracy(mnist_dir, experiment):
    """On another CPU it may differ by rounding."""
    mnist = input_data.read_data_sets(mnist_dir, "mnist", seed=2)
    network = seeds.trained(experiment, 2, mnist.train)
    assert abs(common.accuracy_on(network, mnist.test) - seeds.read(experiment)[2]) <= 0.002
