"""experiments/variants.py: what each variant of the networks computes, and how it learns."""

import numpy as np
import pytest

import common
import single_conv
from double_conv import DoubleConv
from experiments import variants
from single_conv import SingleConv
from support import input_data


@pytest.fixture
def digits(small_data):
    """Two small training digits with their labels: float32 [2, 784] and [2, 10]."""
    return input_data.read_data_sets(small_data).train.next_batch(2)


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


def test_frozen_filters_doubled_are_twice_the_first_networks():
    frozen = variants.FrozenFiltersDoubled(1).W_conv1
    np.testing.assert_array_equal(frozen, 2 * SingleConv(1).W_conv1)


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
        (variants.OwnFirstLayer, 0.2),
    ],
)
def test_weaker_sums_than_the_threshold_are_dropped(make, threshold, digits):
    network = make(1)
    expected = np.maximum(np.abs(sums(network, digits[0])) - np.float32(threshold), 0)
    np.testing.assert_array_equal(network(digits[0]).h_conv1, expected)


@pytest.mark.parametrize(
    ("make", "start"), [(variants.Biases, 0), (variants.BiasesFromMinus02, -0.2)]
)
def test_biases_are_added_to_the_sums_and_learn(make, start, digits):
    network = make(1)
    np.testing.assert_allclose(network.b_conv1, np.full([16], start))
    network.b_conv1.assign(np.linspace(-1, 1, 16))
    expected = np.maximum(sums(network, digits[0]) + network.b_conv1.numpy(), 0)
    np.testing.assert_array_equal(network(digits[0]).h_conv1, expected)
    before = network.b_conv1.numpy()
    network.train_step(*digits)
    assert np.any(network.b_conv1.numpy() != before)


def test_relu_alone_drops_what_is_negative_and_nothing_else(digits):
    network = variants.Relu(1)
    np.testing.assert_array_equal(
        network(digits[0]).h_conv1, np.maximum(sums(network, digits[0]), 0)
    )


@pytest.mark.parametrize(
    ("control", "unchanged", "factor"),
    [
        (variants.SingleDoubled, variants.OwnFirstLayer, 2),
        (variants.SingleHalved, variants.OwnFirstLayer, 0.5),
        (variants.WithoutAbsDoubled, variants.WithoutAbs, 2),
        (variants.MeanDoubled, variants.Mean, 2),
        (variants.DoubleDoubled, DoubleConv, 2),
    ],
)
def test_a_control_only_changes_the_scale(control, unchanged, factor, digits):
    after, before = control(1)(digits[0]), unchanged(1)(digits[0])
    np.testing.assert_array_equal(after.h_conv1, factor * before.h_conv1)
    np.testing.assert_allclose(after.h_pool1, factor * before.h_pool1, rtol=1e-6)


def test_without_pooling_the_upper_left_or_the_mean_stays(digits):
    upper_left, mean = (make(1)(digits[0]) for make in (variants.UpperLeft, variants.Mean))
    blocks = upper_left.h_conv1.numpy().reshape(2, 14, 2, 14, 2, 16)
    np.testing.assert_array_equal(upper_left.h_pool1, blocks[:, :, 0, :, 0])
    np.testing.assert_allclose(mean.h_pool1, blocks.mean((2, 4)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("make", "shapes"),
    [
        (variants.Dense16, {"W_fc1": [784, 16], "W_fc2": [16, 10]}),
        (variants.Dense64, {"W_fc1": [784, 64], "W_fc2": [64, 10]}),
        (variants.Dense1024, {"W_fc1": [784, 1024], "W_fc2": [1024, 10]}),
        (variants.Dense4096, {"W_fc1": [784, 4096], "W_fc2": [4096, 10]}),
        (variants.AbsFilters1024, {"W_conv1": [5, 5, 1, 16], "W_fc1": [3136, 1024]}),
        (variants.SingleWide, {"W_conv1": [5, 5, 1, 16], "W_fc1": [3136, 1024]}),
        (variants.Filters1024, {"W_conv1": [5, 5, 1, 16], "b_conv1": [16]}),
        (variants.ThirtyTwoFilters1024, {"W_conv1": [5, 5, 1, 32], "W_fc1": [6272, 1024]}),
    ],
)
def test_a_rung_has_the_layers_that_its_name_tells(make, shapes, digits):
    network = make(1)
    assert {name: getattr(network, name).shape for name in shapes} == shapes
    random = np.random.default_rng(0)
    for name in "b_conv1", "b_fc1", "b_fc2":  # they are 0 before training
        if hasattr(network, name):
            getattr(network, name).assign(random.normal(size=getattr(network, name).shape))
    inputs = digits[0]
    if "W_conv1" in shapes:
        h = sums(network, inputs)
        h = h + network.b_conv1 if hasattr(network, "b_conv1") else np.abs(h) - np.float32(0.2)
        inputs = common.max_pool_2x2(np.maximum(h, 0)).numpy().reshape(len(inputs), -1)
    h_fc1 = np.maximum(inputs @ network.W_fc1.numpy() + network.b_fc1, 0)
    expected = h_fc1 @ network.W_fc2.numpy() + network.b_fc2
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


@pytest.mark.parametrize(
    "make",
    [
        variants.WithoutDropout,
        variants.AbsFilters1024WithoutDropout,
    ],
)
def test_without_dropout_all_features_are_kept(make, digits):
    network = make(1)
    kept = network(digits[0], keep_prob=0.5, dropout_seed=[1, 0]).logits
    np.testing.assert_array_equal(kept, network(digits[0]).logits)
