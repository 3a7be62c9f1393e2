"""What the post's code really does: the README's seven facts, in its order."""

import csv
import gzip
import types

from support import input_data

import numpy as np
import pytest
import tensorflow as tf
from processes import ROOT

import common
from double_conv import DoubleConv
from single_conv import SingleConv


@pytest.mark.parametrize("make", [SingleConv, DoubleConv])
def test_biases_start_at_0_and_not_at_0_1(make):
    network = make()
    biases = [name for name in vars(network) if name.startswith("b_")]
    assert len(biases) >= 2
    for name in biases:
        bias = getattr(network, name)
        assert bias.dtype == tf.float32
        np.testing.assert_array_equal(bias, tf.zeros_like(bias))


def test_every_weight_variable_draws_the_same_stream_from_its_start():
    network = SingleConv(seed=1)
    weights = {name: getattr(network, name).numpy().ravel() for name in ("W_conv1", "W_fc1")}
    weights["W_fc2"] = network.W_fc2.numpy().ravel()
    np.testing.assert_array_equal(weights["W_fc1"][:400], weights["W_conv1"])
    np.testing.assert_array_equal(weights["W_fc2"], weights["W_conv1"][:160])
    with open(ROOT / "support" / "recordings" / "single_initial_weights_tf0.12.1.csv") as file:
        recorded = list(csv.DictReader(file))  # from the post's program
    assert {row["variable"] for row in recorded} == set(weights)
    for row in recorded:
        value = weights[row["variable"]][int(row["index"])]
        assert abs(value - float(row["value"])) <= 1e-7


def test_train_is_all_but_the_first_5000_in_file_order_and_then_reshuffled(small_data):
    with gzip.open(small_data / "train-images-idx3-ubyte.gz") as file:
        pixels = np.frombuffer(file.read()[16:], np.uint8).reshape(-1, 784)[5000:]
    images = np.multiply(pixels, np.float32(1 / 255), dtype=np.float32)
    train = input_data.read_data_sets(small_data, seed=1).train
    np.testing.assert_array_equal(train.images, images)
    np.random.seed(1)  # as the post does
    for _ in range(3):
        epoch = np.concatenate([train.next_batch(100)[0] for _ in range(len(images) // 100)])
        np.testing.assert_array_equal(epoch, images)
        perm = np.arange(len(images))
        np.random.shuffle(perm)
        images = images[perm]


@pytest.mark.parametrize("script", ["single", "double"])
def test_printed_accuracy_is_that_of_the_same_batch_after_the_update(seeded_run, script):
    run = seeded_run(script)
    printed = run.result.out.splitlines()[:-1]
    assert printed == [f"step {r.step}, training accuracy {r.accuracy:g}" for r in run.expected]
    assert any(report.accuracy != report.accuracy_before for report in run.expected)


def test_cross_entropy_is_finite_where_the_posts_formula_is_not():
    logits = np.full([1, 10], -1e4, np.float32)
    logits[0, 3] = 1e4
    wrong, right = tf.one_hot([7], 10), tf.one_hot([3], 10)
    assert not np.isfinite(-tf.reduce_sum(wrong * tf.math.log(tf.nn.softmax(logits))))
    assert common.cross_entropy(logits, wrong) == 2e4
    assert common.cross_entropy(logits, right) == 0


class Reader:
    """A network that reads the digit in an image's first ten pixels; notes its batches' sizes."""

    def __init__(self):
        self.sizes = []

    def __call__(self, x):
        tf.py_function(lambda n: self.sizes.append(int(n)), [tf.shape(x)[0]], [])
        return types.SimpleNamespace(y_conv=x[:, :10])


def test_test_accuracy_counts_all_10000_digits_in_batches_of_500():
    labels = np.random.default_rng(0).integers(10, size=10000)
    images = np.zeros([10000, 784], np.uint8)
    images[np.arange(10000), labels] = 255
    labels[::7] = (labels[::7] + 1) % 10  # 1,429 of them are not what the image shows
    network = Reader()
    test = input_data.DataSet(images, labels, seed=1)
    np.testing.assert_allclose(common.test_accuracy(network, test), 1 - 0.1429, rtol=1e-6)
    assert network.sizes == [500] * 20


@pytest.mark.parametrize(
    ("data", "digits"),
    [("small_data", "8 5 8 8 7 2 4 1 1 1 7 3"), ("mnist_dir", "7 2 1 0 4 1 4 9 5 9 0 6")],
)
def test_the_first_test_digits_are_shown_in_file_order(request, data, digits):
    test = input_data.read_data_sets(request.getfixturevalue(data)).test
    images, labels = test.next_batch(12)
    np.testing.assert_array_equal(images, test.images[:12])
    assert " ".join(map(str, labels.argmax(1))) == digits
