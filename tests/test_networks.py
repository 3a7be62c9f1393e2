"""The networks: weights, layers, gradients, dropout, and the optimized training step."""

import pathlib

from support import kernels

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.eager import context

import common
from double_conv import DoubleConv
from single_conv import SingleConv


@pytest.fixture
def batch():
    """Twenty digits of noise, with labels."""
    random = np.random.default_rng(0)
    x = random.random((20, 784), dtype=np.float32)
    return x, np.eye(10, dtype=np.float32)[random.integers(10, size=20)]


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


# ---------------------------------------------------------- the same networks, written in NumPy


def relu(x):
    return np.maximum(x, 0)


def conv2d(x, W):
    """Sums over the 5x5 pixels around each pixel and over the channels; beyond the edge is 0."""
    x = np.pad(x, [(0, 0), (2, 2), (2, 2), (0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(x, (5, 5), axis=(1, 2))
    return np.tensordot(windows, W, axes=([4, 5, 3], [0, 1, 2]))


def max_pool_2x2(x):
    batch, height, width, channels = x.shape
    return x.reshape(batch, height // 2, 2, width // 2, 2, channels).max(axis=(2, 4))


def softmax(logits):
    exp = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exp / exp.sum(axis=1, keepdims=True)


def single_forward(v, x):
    """Returns the single network's layers by name, from its variables."""
    h_conv1 = relu(np.abs(conv2d(x.reshape(-1, 28, 28, 1), v["W_conv1"])) - 0.2)
    h_pool1 = max_pool_2x2(h_conv1)
    h_fc1 = relu(h_pool1.reshape(len(x), -1) @ v["W_fc1"] + v["b_fc1"])
    logits = h_fc1 @ v["W_fc2"] + v["b_fc2"]
    return {
        "h_conv1": h_conv1,
        "h_pool1": h_pool1,
        "h_fc1": h_fc1,
        "logits": logits,
        "y_conv": softmax(logits),
    }


def double_forward(v, x, kept=1.0):
    """Returns the double network's layers by name; `kept` is what dropout multiplies h_fc1 by."""
    h_conv1 = relu(conv2d(x.reshape(-1, 28, 28, 1), v["W_conv1"]) + v["b_conv1"])
    h_pool1 = max_pool_2x2(h_conv1)
    h_conv2 = relu(conv2d(h_pool1, v["W_conv2"]) + v["b_conv2"])
    h_pool2 = max_pool_2x2(h_conv2)
    h_fc1 = relu(h_pool2.reshape(len(x), -1) @ v["W_fc1"] + v["b_fc1"])
    logits = (h_fc1 * kept) @ v["W_fc2"] + v["b_fc2"]
    return {
        "h_conv1": h_conv1,
        "h_pool1": h_pool1,
        "h_conv2": h_conv2,
        "h_pool2": h_pool2,
        "h_fc1": h_fc1,
        "logits": logits,
        "y_conv": softmax(logits),
    }


def with_biases(network):
    """Gives the network biases other than 0; returns it and its variables' values by name."""
    random = np.random.default_rng(1)
    values = {}
    for name in vars(network):
        if name.startswith("b_"):
            getattr(network, name).assign(random.normal(0, 0.1, getattr(network, name).shape))
        if name.startswith(("W_", "b_")):
            values[name] = getattr(network, name).numpy().astype(np.float64)
    return network, values


def assert_same_layers(layers, expected):
    assert layers._fields == tuple(expected)
    for name, layer in expected.items():
        found = getattr(layers, name).numpy()
        assert found.shape == layer.shape, name
        assert np.mean(layer != 0) > 0.1, name
        np.testing.assert_allclose(found, layer, rtol=1e-3, atol=1e-3, err_msg=name)


# The second network's digits are faint, so that no probability is almost 1.
both = pytest.mark.parametrize(
    ("make", "forward", "brightness"),
    [(SingleConv, single_forward, 1), (DoubleConv, double_forward, 0.1)],
)


@both
def test_layers_are_numpys(make, forward, brightness, batch):
    network, values = with_biases(make())
    x = batch[0] * np.float32(brightness)
    layers = network(x)
    assert_same_layers(layers, forward(values, x))
    assert layers.y_conv.numpy().max(axis=1).min() < 0.9


def test_dropout_keeps_half_of_the_features_and_doubles_them(batch):
    network, values = with_biases(DoubleConv())
    ones = tf.ones([20, 1024])
    kept = tf.nn.experimental.stateless_dropout(ones, rate=0.5, seed=[1, 0]).numpy() > 0
    assert 0.45 < kept.mean() < 0.55
    layers = network(batch[0], keep_prob=0.5, dropout_seed=[1, 0])
    assert_same_layers(layers, double_forward(values, batch[0], kept=2.0 * kept))


@both
def test_reports_are_numpys_numbers_of_the_whole_network(make, forward, brightness, batch):
    network, values = with_biases(make())
    x, y_ = batch[0] * np.float32(brightness), batch[1]
    expected = forward(values, x)
    cross_entropy, accuracy, h_conv1 = network.evaluate(x, y_)
    np.testing.assert_allclose(cross_entropy, -np.log(expected["y_conv"][y_ == 1]).sum(), rtol=1e-3)
    correct = expected["y_conv"].argmax(axis=1) == y_.argmax(axis=1)
    np.testing.assert_allclose(accuracy, correct.mean(), rtol=1e-6)
    np.testing.assert_allclose(h_conv1, expected["h_conv1"], atol=1e-3)


# ------------------------------------------------------------------------------ loss and accuracy


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


def gradients(network, cross_entropy_of):
    """Returns a function's value and its gradients for the network's variables, as arrays."""
    with tf.GradientTape() as tape:
        cross_entropy = cross_entropy_of()
    return cross_entropy, [g.numpy() for g in tape.gradient(cross_entropy, network.variables)]


def test_a_step_of_the_single_network_is_gradient_descent(batch):
    network = SingleConv()
    before = [variable.numpy() for variable in network.variables]
    cross_entropy, slopes = gradients(
        network, lambda: common.cross_entropy(network(batch[0]).logits, batch[1])
    )
    np.testing.assert_allclose(network.train_step(*batch), cross_entropy, rtol=1e-5)
    for variable, value, slope in zip(network.variables, before, slopes):
        np.testing.assert_allclose(variable, value - 0.001 * slope, atol=1e-5)
        assert np.abs(slope).max() > 0.1


def test_a_step_of_the_double_network_is_adam(batch):
    network = DoubleConv()
    weights = network.trainable_variables
    before = [variable.numpy() for variable in weights]

    def cross_entropy_with_dropout():
        layers = network(batch[0], keep_prob=0.5, dropout_seed=[1, 0])
        return common.cross_entropy(layers.logits, batch[1])

    cross_entropy, slopes = gradients(network, cross_entropy_with_dropout)
    np.testing.assert_allclose(
        network.train_step(*batch, np.array([1, 0], np.int32)), cross_entropy, rtol=1e-5
    )
    # Adam's first step is 1e-4 along the gradient's sign, except for the effect of epsilon, 1e-8.
    rate = 1e-4 * np.sqrt(1 - 0.999) / (1 - 0.9)
    for variable, value, slope in zip(weights, before, slopes):
        step = rate * 0.1 * slope / (np.sqrt(0.001 * slope**2) + 1e-8)
        clear = np.abs(slope) > 1e-2  # rounding may turn the sign of a slope near 0
        np.testing.assert_allclose(variable.numpy()[clear], (value - step)[clear], atol=2e-6)
        assert np.abs(step).max() > 9e-5


def test_dropout_is_determined_by_its_seed(batch):
    network = DoubleConv()
    one, same, other = (
        network(batch[0], keep_prob=0.5, dropout_seed=[1, step]).logits for step in (7, 7, 8)
    )
    np.testing.assert_array_equal(one, same)
    assert not np.allclose(one, other)


@pytest.mark.parametrize("make", [SingleConv, DoubleConv])
def test_graph_of_the_training_step_holds_the_network_itself(make):
    network = make()
    nodes = network.train_step.get_concrete_function().graph.as_graph_def().node
    operations = {node.op for node in nodes}
    assert {"Conv2D", "Conv2DBackpropFilter"} <= operations
    assert not {"While", "StatelessWhile", "PartitionedCall"} & operations
    backward = [node.name for node in nodes if node.op == "Conv2DBackpropFilter"]
    assert backward
    assert all(name.startswith("optimizer/") for name in backward)


def operations_of(network, *arguments):
    """Returns the operations that TensorFlow really executes in a training step, as a list."""
    runtime = context.context()
    runtime.enable_run_metadata()
    network.train_step(*arguments)
    functions = runtime.export_run_metadata().function_graphs
    runtime.disable_run_metadata()
    return [node.op for f in functions for graph in f.partition_graphs for node in graph.node]


@pytest.mark.parametrize("make", [SingleConv, DoubleConv])
def test_training_step_fuses_kernels_and_computes_no_gradient_for_the_image(make, batch):
    """Without a return value TensorFlow would compute that gradient as well."""
    seed = [[1, 0]] if make is DoubleConv else []
    network = make()
    operations = operations_of(network, *batch, *seed)
    assert any("Fused" in name for name in operations), operations
    for_inputs = sum("Conv2DBackpropInput" in name for name in operations)
    assert for_inputs == (make is DoubleConv)  # for h_pool1, the second convolution's input


def test_bfloat16_reaches_the_convolutions_and_is_off_again(batch):
    steps = []
    for on in (False, True, False):
        kernels.use_bfloat16(on)
        network = DoubleConv()
        steps.append(float(network.train_step(*batch, [1, 0])))
    assert steps[0] == steps[2] != steps[1]
    assert abs(steps[1] / steps[0] - 1) < 0.05


@pytest.mark.parametrize(
    ("flags", "warns"), [("sse2 avx2", True), ("avx2 avx512_bf16", False), ("amx_bf16", False)]
)
def test_bfloat16_warns_on_cpus_without_it(monkeypatch, capsys, flags, warns):
    monkeypatch.setattr(pathlib.Path, "exists", lambda path: True)
    monkeypatch.setattr(pathlib.Path, "read_text", lambda path: f"flags: {flags}\n")
    kernels.use_bfloat16(True)
    kernels.use_bfloat16(False)
    assert ("may be slower" in capsys.readouterr().err) == warns
