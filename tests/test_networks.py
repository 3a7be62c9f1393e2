"""The networks: variables, shapes, gradients, dropout, and the optimized training step."""

import csv
import pathlib
import types

from support import input_data, kernels

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.eager import context

import common
from double_conv import DoubleConv
from single_conv import SingleConv

HERE = pathlib.Path(__file__).parent


@pytest.fixture
def batch():
    """Twenty digits of noise, with labels."""
    random = np.random.default_rng(0)
    x = random.random((20, 784), dtype=np.float32)
    return x, np.eye(10, dtype=np.float32)[random.integers(10, size=20)]


def test_single_network_starts_from_tensorflow_0_12s_numbers():
    network = SingleConv(seed=1)
    with open(HERE / "single_initial_weights_tf0.12.1.csv") as file:
        rows = list(csv.DictReader(file))
    assert {row["variable"] for row in rows} == {"W_conv1", "W_fc1", "W_fc2"}
    for row in rows:
        value = getattr(network, row["variable"]).numpy().flat[int(row["index"])]
        assert abs(value - float(row["value"])) <= 1e-7


@pytest.mark.parametrize("make", [SingleConv, DoubleConv])
def test_biases_start_at_zero(make):
    biases = [v for v in make().trainable_variables if v.name.split("/")[-1].startswith("b_")]
    assert len(biases) >= 2
    for bias in biases:
        assert bias.dtype == tf.float32
        np.testing.assert_array_equal(bias, 0)


def test_double_network_draws_weights_from_one_stream():
    network = DoubleConv(seed=1)
    first = [getattr(network, name).numpy().flat[:10] for name in ("W_conv1", "W_conv2", "W_fc1")]
    assert not np.allclose(first[0], first[1])
    assert not np.allclose(first[1], first[2])
    weights = network.W_fc1.numpy()
    assert abs(weights.std() - 0.088) < 0.001  # that of a normal with stddev 0.1, truncated at 0.2
    assert np.abs(weights).max() <= 0.2


def test_another_seed_gives_other_weights():
    assert not np.allclose(SingleConv(1).W_conv1, SingleConv(2).W_conv1)
    assert not np.allclose(DoubleConv(1).W_conv1, DoubleConv(2).W_conv1)


def test_single_network_shapes(batch):
    network = SingleConv()
    assert network.W_fc1.shape == [3136, 16] and network.W_fc2.shape == [16, 10]
    layers = network(batch[0])
    assert layers.h_conv1.shape == [20, 28, 28, 16]
    assert layers.h_pool1.shape == [20, 14, 14, 16]
    assert layers.logits.shape == layers.y_conv.shape == [20, 10]


def test_double_network_shapes(batch):
    layers = DoubleConv()(batch[0])
    assert layers.h_conv1.shape == [20, 28, 28, 32]
    assert layers.h_pool1.shape == [20, 14, 14, 32]
    assert layers.h_pool2.shape == [20, 7, 7, 64]
    assert layers.logits.shape == layers.y_conv.shape == [20, 10]


def test_edge_filter_ignores_sign_and_weak_edges(batch):
    network = SingleConv()
    h_conv1 = network(batch[0]).h_conv1.numpy()
    network.W_conv1.assign(-network.W_conv1)
    np.testing.assert_array_equal(network(batch[0]).h_conv1, h_conv1)
    conv = tf.nn.conv2d(batch[0].reshape(-1, 28, 28, 1), network.W_conv1, 1, "SAME")
    np.testing.assert_allclose(h_conv1, np.maximum(np.abs(conv) - 0.2, 0), atol=1e-6)


def test_cross_entropy_is_the_posts_formula_where_that_is_finite(batch):
    layers = DoubleConv()(batch[0] / 10)
    formula = -tf.reduce_sum(batch[1] * tf.math.log(layers.y_conv))
    assert np.isfinite(formula)
    np.testing.assert_allclose(common.cross_entropy(layers.logits, batch[1]), formula, rtol=1e-5)


def test_accuracy_is_the_share_of_correct_predictions(batch):
    y_conv = DoubleConv()(batch[0]).y_conv
    correct = np.argmax(y_conv, 1) == np.argmax(batch[1], 1)
    assert 0 < correct.sum() < 20
    np.testing.assert_allclose(common.accuracy(y_conv, batch[1]), correct.mean(), rtol=1e-6)


def test_cross_entropy_is_finite_for_huge_logits():
    logits = np.full([1, 10], -1e4, np.float32)
    logits[0, 3] = 1e4
    wrong, right = tf.one_hot([7], 10), tf.one_hot([3], 10)
    assert not np.isfinite(-tf.reduce_sum(wrong * tf.math.log(tf.nn.softmax(logits))))
    assert common.cross_entropy(logits, wrong) == 2e4
    assert common.cross_entropy(logits, right) == 0


class Threes:
    """A network that takes every digit for a 3, and notes how many it gets at once."""

    def __init__(self):
        self.sizes = []

    def __call__(self, x):
        tf.py_function(lambda n: self.sizes.append(int(n)), [tf.shape(x)[0]], [])
        return types.SimpleNamespace(y_conv=tf.one_hot(tf.fill([tf.shape(x)[0]], 3), 10))


def test_test_accuracy_counts_every_digit_in_batches_of_500():
    labels = np.zeros(10000, np.uint8)
    labels[::7] = 3  # 1,429 of them, unevenly over the batches
    network = Threes()
    test = input_data.DataSet(np.zeros([10000, 784], np.uint8), labels, seed=1)
    np.testing.assert_allclose(common.test_accuracy(network, test), 0.1429, rtol=1e-6)
    assert network.sizes == [500] * 20


def test_fast_gradient_is_tf_matmuls_gradient():
    random = np.random.default_rng(0)
    x, W = (tf.constant(random.normal(size=size), tf.float32) for size in ((5, 30), (30, 7)))
    upstream = tf.constant(random.normal(size=(5, 7)), tf.float32)
    results = []
    for product in (kernels.matmul, tf.matmul):
        with tf.GradientTape() as tape:
            tape.watch([x, W])
            y = product(x, W)
        results.append((y, *tape.gradient(y, [x, W], upstream)))
    for ours, theirs in zip(*results):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_a_step_of_the_single_network_is_gradient_descent(batch):
    network = SingleConv()
    before = network.W_fc2.numpy()
    with tf.GradientTape() as tape:
        cross_entropy = common.cross_entropy(network(batch[0]).logits, batch[1])
    gradient = tape.gradient(cross_entropy, network.W_fc2).numpy()
    network.train_step(*batch)
    np.testing.assert_allclose(network.W_fc2, before - 0.001 * gradient, atol=1e-6)


def test_a_step_of_the_double_network_is_adam(batch):
    network = DoubleConv()
    before = network.W_fc2.numpy()
    with tf.GradientTape() as tape:
        layers = network(batch[0], keep_prob=0.5, dropout_seed=[1, 0])
        cross_entropy = common.cross_entropy(layers.logits, batch[1])
    gradient = tape.gradient(cross_entropy, network.W_fc2).numpy()
    network.train_step(*batch, np.array([1, 0], np.int32))
    # Adam's first step is 1e-4 along the gradient's sign, except for the effect of epsilon, 1e-8.
    rate = 1e-4 * np.sqrt(1 - 0.999) / (1 - 0.9)
    step = rate * 0.1 * gradient / (np.sqrt(0.001 * gradient**2) + 1e-8)
    np.testing.assert_allclose(network.W_fc2, before - step, atol=2e-6)
    assert np.abs(step).max() > 9e-5


def test_dropout_is_determined_by_its_seed_and_off_in_reports(batch):
    network = DoubleConv()
    one, same, other = (
        network(batch[0], keep_prob=0.5, dropout_seed=[1, step]).logits for step in (7, 7, 8)
    )
    np.testing.assert_array_equal(one, same)
    assert not np.allclose(one, other)
    cross_entropy, _, _ = network.evaluate(*batch)
    whole = network(batch[0], keep_prob=1.0)
    expected = common.cross_entropy(whole.logits, batch[1])
    np.testing.assert_allclose(cross_entropy, expected, rtol=1e-5)
    assert not np.allclose(one, whole.logits)


def test_dropout_keeps_half_and_doubles_it(batch):
    network = DoubleConv()
    for variable in (network.W_fc2, network.W_fc1):
        variable.assign(tf.zeros_like(variable))
    network.b_fc1.assign(tf.ones([1024]))  # h_fc1 is 1 everywhere
    network.W_fc2.assign(tf.ones([1024, 10]))  # each logit is the sum of what dropout leaves
    kept = network(batch[0], keep_prob=0.5, dropout_seed=[1, 0]).logits.numpy()[:, 0] / 2
    assert len(set(kept)) > 1
    assert np.all(np.abs(kept - 512) < 100)


@pytest.mark.parametrize("make", [SingleConv, DoubleConv])
def test_graph_of_the_training_step_holds_the_network_itself(make):
    network = make()
    nodes = network.train_step.get_concrete_function().graph.as_graph_def().node
    operations = {node.op for node in nodes}
    assert {"Conv2D", "Conv2DBackpropFilter"} <= operations
    assert not {"While", "StatelessWhile", "PartitionedCall"} & operations
    backward = [node.name for node in nodes if node.op == "Conv2DBackpropFilter"]
    assert backward and all(name.startswith("optimizer/") for name in backward)


def operations_of(network, *arguments):
    """Returns the operations that TensorFlow really executes in a training step."""
    runtime = context.context()
    runtime.enable_run_metadata()
    network.train_step(*arguments)
    functions = runtime.export_run_metadata().function_graphs
    runtime.disable_run_metadata()
    return {node.op for f in functions for graph in f.partition_graphs for node in graph.node}


@pytest.mark.parametrize("make", [SingleConv, DoubleConv])
def test_training_step_runs_fused_kernels(make, batch):
    """TensorFlow does not optimize a function without outputs: train_step must return something."""
    seed = [[1, 0]] if make is DoubleConv else []
    network = make()
    operations = operations_of(network, *batch, *seed)
    assert any("Fused" in name for name in operations), operations


def test_bfloat16_reaches_the_convolutions_and_is_off_again(batch):
    steps = []
    for on in (False, True, False):
        kernels.use_bfloat16(on)
        network = DoubleConv()
        steps.append(float(network.train_step(*batch, [1, 0])))
    assert steps[0] == steps[2] != steps[1]
    assert abs(steps[1] / steps[0] - 1) < 0.05
