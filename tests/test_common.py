"""common.py: weights, convolution and pooling, the loss, the accuracy, the test in batches."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

import common


@pytest.fixture
def random():
    """A generator of random numbers, the same ones for each test."""
    return np.random.default_rng(0)


class Recording:
    """A network that answers with one softmax layer, and remembers the size of each batch."""

    W = np.random.default_rng(1).normal(0, 0.1, size=(784, 10)).astype(np.float32)

    def __init__(self):
        self.sizes = []

    def __call__(self, x):
        self.sizes.append(len(x))
        return SimpleNamespace(y_conv=tf.nn.softmax(x @ self.W))


def digits(count, random):
    """Returns `count` made-up images, float32 [count, 784], and their one-hot labels."""
    labels = np.eye(10, dtype=np.float32)[random.integers(10, size=count)]
    return random.random((count, 784), dtype=np.float32), labels


def test_weights_are_truncated_normal_with_the_posts_deviation():
    stream = tf.random.Generator.from_seed(1)
    variable = common.weight_variable([200, 300], stream, "W")
    weights = variable.numpy()
    assert weights.dtype == np.float32
    assert weights.shape == (200, 300)
    assert np.abs(weights).max() <= 0.2  # truncated at two standard deviations,
    assert abs(weights.std() - 0.088) < 0.001  # which leaves 0.88 of the 0.1
    assert abs(weights.mean()) < 0.002
    assert variable.name == "W:0"


def test_second_weight_variable_continues_the_stream():
    stream = tf.random.Generator.from_seed(1)
    first, second = (common.weight_variable([100], stream, "W").numpy() for _ in range(2))
    assert not np.allclose(first, second)


def test_biases_are_float32_zeros_and_not_0_1():
    """The post's tf.constant(0,1, ...) is 0 with dtype number 1, which is float32."""
    bias = common.bias_variable([32], "b")
    assert bias.dtype == tf.float32
    assert bias.name == "b:0"
    np.testing.assert_array_equal(bias, np.zeros(32))


def test_convolution_sums_over_the_window_and_the_channels(random):
    x, W = random.normal(size=(2, 6, 7, 3)), random.normal(size=(5, 5, 3, 4))
    padded = np.zeros((2, 10, 11, 3))  # two pixels of zeros on each side
    padded[:, 2:8, 2:9] = x
    expected = np.zeros((2, 6, 7, 4))
    for row in range(6):
        for column in range(7):
            window = padded[:, row : row + 5, column : column + 5]
            expected[:, row, column] = np.einsum("bijc,ijcn->bn", window, W)
    np.testing.assert_allclose(common.conv2d(x, W), expected, atol=1e-9)


def test_pooling_takes_the_maximum_of_each_2x2_block(random):
    x = random.normal(size=(2, 4, 6, 3)).astype(np.float32)
    expected = x.reshape(2, 2, 2, 3, 2, 3).max(axis=(2, 4))
    np.testing.assert_array_equal(common.max_pool_2x2(x), expected)


def test_cross_entropy_is_the_posts_formula_where_that_is_finite(random):
    logits, labels = random.normal(size=(20, 10)), digits(20, random)[1]
    formula = -np.sum(labels * np.log(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)))
    np.testing.assert_allclose(common.cross_entropy(logits, labels), formula, rtol=1e-6)


def test_cross_entropy_is_finite_where_a_probability_underflows_to_0():
    logits = np.array([[0, -1000] + 8 * [0]], np.float32)
    label = np.eye(10, dtype=np.float32)[[1]]
    assert tf.nn.softmax(logits)[0, 1] == 0
    np.testing.assert_allclose(common.cross_entropy(logits, label), 1000 + np.log(9), rtol=1e-6)


def test_accuracy_is_the_share_of_correct_predictions():
    labels = np.eye(10, dtype=np.float32)
    y_conv = np.full((10, 10), 0.05) + 0.5 * np.eye(10)
    y_conv[:3] = np.roll(y_conv[:3], 1, axis=1)  # three of ten are wrong
    np.testing.assert_allclose(common.accuracy(y_conv, labels), 0.7, rtol=1e-6)


@pytest.mark.parametrize(
    ("count", "sizes"),
    [(100, [100]), (500, [500]), (700, [500, 200]), (1001, [500, 500, 1])],
)
def test_probabilities_in_batches_are_those_of_one_big_batch(random, count, sizes):
    network, (images, _) = Recording(), digits(count, random)
    found = common.probabilities(network, images)
    assert network.sizes == sizes
    assert found.shape == (count, 10)
    np.testing.assert_allclose(found, Recording()(images).y_conv, rtol=1e-4)


def test_accuracy_counts_each_of_700_test_digits_once(random):
    images, labels = digits(700, random)
    correct = (images @ Recording.W).argmax(1) == labels.argmax(1)
    test = SimpleNamespace(images=images, labels=labels)
    accuracy = common.accuracy_on(Recording(), test)
    assert isinstance(accuracy, float)
    assert round(700 * accuracy, 3) == correct.sum()
    assert correct[:500].mean() != correct.mean()  # the last 200 count too
