"""The networks: variables, shapes, gradients, and the graph that TensorBoard shows."""

import csv
import pathlib

import pytest
from conftest import read_events

import common
from common import np, tf
from double_conv import DoubleConv
from single_conv import SingleConv

HERE = pathlib.Path(__file__).parent


@pytest.fixture
def batch():
    """Twenty digits of noise, with labels."""
    random = np.random.default_rng(0)
    x = random.random((20, 784), dtype=np.float32)
    return x, common.one_hot(random.integers(10, size=20))


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
    assert abs(weights.std() - 0.088) < 0.001  # a normal of 0.1 cut off at 0.2 has 0.088
    assert np.abs(weights).max() <= 0.2


def test_another_seed_gives_other_weights():
    assert not np.allclose(SingleConv(1).W_conv1, SingleConv(2).W_conv1)
    assert not np.allclose(DoubleConv(1).W_conv1, DoubleConv(2).W_conv1)


def test_single_network_shapes(batch):
    layers = SingleConv()(batch[0])
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


def layers_with(logits):
    return SingleConv()(np.zeros([1, 784], np.float32))._replace(
        logits=tf.constant(logits), y_conv=tf.nn.softmax(logits)
    )


def test_cross_entropy_is_the_posts_formula_where_that_is_finite(batch):
    layers = DoubleConv()(batch[0] / 10)
    cross_entropy, accuracy = common.measure(layers, batch[1])
    formula = -tf.reduce_sum(batch[1] * tf.math.log(layers.y_conv))
    assert np.isfinite(formula)
    np.testing.assert_allclose(cross_entropy, formula, rtol=1e-5)
    right = np.mean(np.argmax(layers.y_conv, 1) == np.argmax(batch[1], 1))
    np.testing.assert_allclose(accuracy, right, rtol=1e-6)


def test_cross_entropy_is_finite_for_huge_logits():
    logits = np.full([1, 10], -1e4, np.float32)
    logits[0, 3] = 1e4
    layers = layers_with(logits)
    wrong, right = common.one_hot([7]), common.one_hot([3])
    assert not np.isfinite(-tf.reduce_sum(wrong * tf.math.log(layers.y_conv)))
    assert common.measure(layers, wrong)[0] == 2e4
    assert common.measure(layers, right)[0] == 0


def test_matmul_has_tf_matmuls_gradients():
    random = np.random.default_rng(0)
    x, W = (tf.constant(random.normal(size=size), tf.float32) for size in ((5, 30), (30, 7)))
    upstream = tf.constant(random.normal(size=(5, 7)), tf.float32)
    results = []
    for product in (common.matmul, tf.matmul):
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
        cross_entropy = common.measure(network(batch[0]), batch[1])[0]
    gradient = tape.gradient(cross_entropy, network.W_fc2).numpy()
    network.train_step(*batch)
    np.testing.assert_allclose(network.W_fc2, before - 0.001 * gradient, atol=1e-6)


def test_a_step_of_the_double_network_is_adam(batch):
    network = DoubleConv()
    before = network.W_fc2.numpy()
    with tf.GradientTape() as tape:
        layers = network(batch[0], keep_prob=0.5, dropout_seed=[1, 0])
        cross_entropy = common.measure(layers, batch[1])[0]
    gradient = tape.gradient(cross_entropy, network.W_fc2).numpy()
    network.train_step(*batch, np.array([1, 0], np.int32))
    # Adam's first step is 1e-4 along the gradient's sign, but for epsilon 1e-8 beside its size.
    rate = 1e-4 * np.sqrt(1 - 0.999) / (1 - 0.9)
    step = rate * 0.1 * gradient / (np.sqrt(0.001 * gradient**2) + 1e-8)
    np.testing.assert_allclose(network.W_fc2, before - step, atol=2e-6)
    assert np.abs(step).max() > 9e-5


def test_dropout_follows_from_its_seed_and_is_off_in_reports(batch):
    network = DoubleConv()
    one, same, other = (
        network(batch[0], keep_prob=0.5, dropout_seed=[1, step]).logits for step in (7, 7, 8)
    )
    np.testing.assert_array_equal(one, same)
    assert not np.allclose(one, other)
    cross_entropy, _, _ = network.report(*batch)
    whole = network(batch[0], keep_prob=1.0)
    np.testing.assert_allclose(cross_entropy, common.measure(whole, batch[1])[0], rtol=1e-5)
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


SCOPES = {
    SingleConv: "input convolution1 pooling1 fully-connected readout optimizer",
    DoubleConv: "input convolution1 pooling1 convolution2 pooling2 fully-connected dropout readout "
    "optimizer",
}


@pytest.mark.parametrize("make", [SingleConv, DoubleConv])
def test_graph_has_the_posts_scopes_and_nothing_beside_them(make, tmp_path):
    common.Curves(tmp_path).start({"seed": 1}, make())
    values = {tag: value for tag, _, value in read_events(tmp_path)}
    graph = tf.compat.v1.GraphDef.FromString(values["graph"])
    assert {node.name.split("/")[0] for node in graph.node} == set(SCOPES[make].split())
    names = {node.name: node.op for node in graph.node}
    assert names["input/x-input"] == "Placeholder"
    assert "Conv2D" in names.values() and "Conv2DBackpropFilter" in names.values()
    assert not {"While", "StatelessWhile", "PartitionedCall"} & set(names.values())
    backward = [name for name, op in names.items() if op == "Conv2DBackpropFilter"]
    assert all(name.startswith("optimizer/") for name in backward)
    inputs = {name.lstrip("^").split(":")[0] for node in graph.node for name in node.input}
    assert inputs <= set(names)


def test_training_step_is_optimized_by_tensorflow():
    """A tf.function without a result is not (no fused kernels): the step must return one."""
    for make in (SingleConv, DoubleConv):
        assert make().train_step.get_concrete_function().outputs
