"""experiments/seeds.py and variants.py: variants of the networks, trained with many seeds."""

import csv
import sys

import numpy as np
import pytest
import tensorflow as tf

import common
import single_conv
from double_conv import DoubleConv
from experiments import luck, seeds, variants
from single_conv import SingleConv
from support import input_data, machine


@pytest.fixture
def digits(small_data):
    """Two small training digits with their labels: float32 [2, 784] and [2, 10]."""
    return input_data.read_data_sets(small_data).train.next_batch(2)


@pytest.fixture
def three_steps(monkeypatch):
    """Experiments of three steps: without dropout and with it."""
    for name in "dense-16", "dense-1024":
        short = variants.EXPERIMENTS[name]._replace(steps=3)
        monkeypatch.setitem(variants.EXPERIMENTS, name, short)


def values(network):
    """Returns all numbers of a network."""
    return [variable.numpy() for variable in network.trainable_variables]


def assert_same(arrays, others):
    for array, other in zip(arrays, others, strict=True):
        np.testing.assert_array_equal(array, other)


def sums(network, x):
    """Returns the first convolution's sums."""
    return common.conv2d(x.reshape(-1, 28, 28, 1), network.W_conv1).numpy()


@pytest.mark.parametrize(
    ("frozen", "other", "stay"),
    [
        (variants.FrozenFilters, SingleConv, {"W_conv1"}),
        (variants.FrozenFirst, DoubleConv, {"W_conv1", "b_conv1"}),
        (variants.FrozenSecond, DoubleConv, {"W_conv2", "b_conv2"}),
        (variants.FrozenBoth, DoubleConv, {"W_conv1", "b_conv1", "W_conv2", "b_conv2"}),
    ],
)
def test_what_is_frozen_stays_and_everything_else_learns(frozen, other, stay, digits):
    network, before = frozen(1), other(1)
    dropout = {} if other is SingleConv else {"dropout_seed": [1, 0]}
    network.train_step(*digits, **dropout)
    names = [name for name in vars(before) if name.startswith(("W_", "b_"))]
    moved = {n for n in names if np.any(getattr(network, n) != getattr(before, n))}
    assert moved == set(names) - stay


def test_the_network_whose_first_layer_can_be_replaced_is_the_first_network(digits):
    network, other = variants.OwnFirstLayer(1), SingleConv(1)
    for _ in range(3):
        network.train_step(*digits)
        other.train_step(*digits)
    assert_same(values(network), values(other))


def test_four_filters_are_those_of_num_filters_4(digits, monkeypatch):
    monkeypatch.setattr(single_conv, "num_filters", 4)
    network, other = variants.FourFilters(1), SingleConv(1)
    assert_same(values(network), values(other))
    assert_same(network(digits[0]), other(digits[0]))


def test_without_abs_only_one_sign_remains(digits):
    network = variants.WithoutAbs(1)
    expected = np.maximum(sums(network, digits[0]) - np.float32(0.2), 0)
    np.testing.assert_array_equal(network(digits[0]).h_conv1, expected)


@pytest.mark.parametrize(
    ("make", "threshold"),
    [
        (variants.WithoutThreshold, 0),
        (variants.Threshold01, 0.1),
        (variants.OwnFirstLayer, 0.2),
        (variants.Threshold04, 0.4),
    ],
)
def test_weaker_sums_than_the_threshold_are_dropped(make, threshold, digits):
    network = make(1)
    expected = np.maximum(np.abs(sums(network, digits[0])) - np.float32(threshold), 0)
    np.testing.assert_array_equal(network(digits[0]).h_conv1, expected)


def test_biases_are_added_to_the_sums_and_learn(digits):
    network = variants.Biases(1)
    network.b_conv1.assign(np.linspace(-1, 1, 16))
    expected = np.maximum(sums(network, digits[0]) + network.b_conv1.numpy(), 0)
    np.testing.assert_array_equal(network(digits[0]).h_conv1, expected)
    before = network.b_conv1.numpy()
    network.train_step(*digits)
    assert np.any(network.b_conv1.numpy() != before)


def test_without_pooling_the_upper_left_or_the_mean_stays(digits):
    upper_left, mean = (make(1)(digits[0]) for make in (variants.UpperLeft, variants.Mean))
    blocks = upper_left.h_conv1.numpy().reshape(2, 14, 2, 14, 2, 16)
    np.testing.assert_array_equal(upper_left.h_pool1, blocks[:, :, 0, :, 0])
    np.testing.assert_allclose(mean.h_pool1, blocks.mean((2, 4)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("make", "shapes"),
    [
        (variants.Dense16, {"W_fc1": [784, 16], "W_fc2": [16, 10]}),
        (variants.Dense1024, {"W_fc1": [784, 1024], "W_fc2": [1024, 10]}),
        (variants.AbsFilters1024, {"W_conv1": [5, 5, 1, 16], "W_fc1": [3136, 1024]}),
        (variants.SingleWide, {"W_conv1": [5, 5, 1, 16], "W_fc1": [3136, 1024]}),
        (variants.Filters1024, {"W_conv1": [5, 5, 1, 16], "b_conv1": [16]}),
        (variants.ThirtyTwoFilters1024, {"W_conv1": [5, 5, 1, 32], "W_fc1": [6272, 1024]}),
    ],
)
def test_a_rung_has_the_layers_that_its_name_tells(make, shapes, digits):
    network = make(1)
    assert {name: getattr(network, name).shape for name in shapes} == shapes
    inputs = digits[0]
    if "W_conv1" in shapes:
        h = sums(network, inputs)
        if not hasattr(network, "b_conv1"):  # it is 0 before training
            h = np.abs(h) - np.float32(0.2)
        inputs = common.max_pool_2x2(np.maximum(h, 0)).numpy().reshape(len(inputs), -1)
    h_fc1 = np.maximum(inputs @ network.W_fc1.numpy(), 0)
    expected = h_fc1 @ network.W_fc2.numpy()
    np.testing.assert_allclose(network(digits[0]).logits, expected, rtol=1e-4, atol=1e-4)


def test_the_step_to_another_optimizer_keeps_the_start():
    assert_same(values(variants.SingleWide(1)), values(variants.AbsFilters1024(1)))


def test_wide_networks_train_with_dropout_and_adam(digits):
    network = variants.Dense1024(1)
    before, h_fc1 = network.W_fc2.numpy(), digits[0] @ network.W_fc1.numpy()
    network.train_step(*digits, dropout_seed=[1, 0])
    moved = np.abs(network.W_fc2.numpy() - before).max(axis=1)  # [1024]
    one, both = (np.mean(np.sum(h_fc1 > 0, axis=0) == count) for count in (1, 2))
    # Each mask drops half of the features, and a feature that ReLU made 0 does not count.
    assert abs(np.mean(moved > 0) - (one / 2 + both * 3 / 4)) < 0.06
    np.testing.assert_allclose(moved[moved > 0], 1e-4, rtol=0.05)  # Adam's first step


@pytest.mark.parametrize("make", [variants.WithoutDropout, variants.AbsFilters1024WithoutDropout])
def test_without_dropout_all_features_are_kept(make, digits):
    network = make(1)
    kept = network(digits[0], keep_prob=0.5, dropout_seed=[1, 0]).logits
    np.testing.assert_array_equal(kept, network(digits[0]).logits)


def test_a_row_per_seed_is_appended_and_no_seed_is_trained_twice(
    small_data, tmp_path, three_steps, monkeypatch, capsys
):
    folders = ["--checkpoint-dir", str(tmp_path), "--results", str(tmp_path / "csv")]
    command = ["seeds.py", "dense-16", "--data-dir", str(small_data), *folders, "--seeds"]
    for numbers in "1", "1-2":
        monkeypatch.setattr(sys, "argv", [*command, numbers])
        seeds.main()
    out, err = capsys.readouterr()
    assert f"seed 1: already in {tmp_path / 'csv/dense-16.csv'}\n" in err
    printed = out.splitlines()
    assert [line.split(": ")[0] for line in printed] == ["dense-16, seed 1", "dense-16, seed 2"]
    with open(tmp_path / "csv/dense-16.csv") as file:
        rows = list(csv.DictReader(file))
    assert [row["seed"] for row in rows] == ["1", "2"]
    assert [row["test_accuracy"] for row in rows] == [line.split()[-1] for line in printed]
    assert all(row["precision"] == "float32" for row in rows)
    assert all(row["cpu"] == machine.cpu() and row["tensorflow"] == tf.__version__ for row in rows)


def test_a_seed_is_missing_unless_the_same_experiment_has_its_row(tmp_path, capsys):
    path = tmp_path / "shifts.csv"
    assert list(seeds.missing(path, range(1, 3), experiment="single")) == [1, 2]
    seeds.append(path, ["experiment", "seed"], [["single", 1], ["double", 2]])
    assert list(seeds.missing(path, range(1, 4), experiment="single")) == [2, 3]
    assert capsys.readouterr().err == f"single, seed 1: already in {path}\n"


@pytest.mark.parametrize("experiment", ["dense-16", "dense-1024"])
def test_a_network_that_was_trained_is_restored(
    experiment, small_data, tmp_path, three_steps, capsys
):
    networks = []
    for _ in range(2):  # the second one finds the first one's checkpoint, of step 0
        train = input_data.read_data_sets(small_data).train
        networks.append(seeds.trained(experiment, 1, train, tmp_path))
    assert "resuming from" in capsys.readouterr().err
    assert_same(*map(values, networks))


def test_seeds_are_a_range_or_a_single_one():
    assert seeds.seed_range("3-5") == range(3, 6)
    assert seeds.seed_range("7") == range(7, 8)


def test_an_empty_range_of_seeds_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["seeds.py", "single", "--seeds", "5-3"])
    with pytest.raises(SystemExit) as stopped:
        seeds.main()
    assert stopped.value.code == 2
    assert "'5-3' has no seeds; the first one is too large" in capsys.readouterr().err


def test_a_seed_trained_again_gives_the_csv_files_accuracy(mnist_dir):
    """On another CPU it may differ by rounding."""
    mnist = input_data.read_data_sets(mnist_dir, "mnist", seed=2)
    network = seeds.trained("dense-16", 2, mnist.train)
    expected = luck.read("dense-16")[2]
    assert abs(common.accuracy_on(network, mnist.test) - expected) <= 0.002
