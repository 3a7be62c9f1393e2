"""What the post's code really does: the README's seven facts, in its order (Promise 1)."""

import csv
import gzip
import types

import numpy as np
import pytest
import tensorflow as tf
from processes import ROOT, SMALL
from runs import only_run, read_events, start_training

import common
import double_conv
from double_conv import DoubleConv
from single_conv import SingleConv
from support import input_data


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
    names = "W_conv1", "W_fc1", "W_fc2"
    weights = {name: getattr(network, name).numpy().ravel() for name in names}
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
    random = np.random.RandomState(1)  # np.random.seed(1), as the post has it
    for _ in range(3):
        epoch = np.concatenate([train.next_batch(100)[0] for _ in range(len(images) // 100)])
        np.testing.assert_array_equal(epoch, images)
        perm = np.arange(len(images))
        random.shuffle(perm)
        images = images[perm]


def test_printed_accuracy_is_that_of_the_same_batch_after_the_update_without_dropout(
    small_data, tmp_path, monkeypatch
):
    """Compared with the step taken here, with double_conv.py; test_single_conv.py does the same."""
    running = start_training(tmp_path, small_data, "--steps", 0)
    monkeypatch.setattr(double_conv, "num_fc", SMALL["num_fc"])
    network = DoubleConv()
    x, y_ = input_data.read_data_sets(small_data).train.next_batch(SMALL["batch_size"])
    before, _, _ = network.evaluate(x, y_)
    network.train_step(x, y_, [1, 0])
    cross_entropy, accuracy, _ = network.evaluate(x, y_)
    out, _ = running.result()
    logged = {tag: value for tag, _, value in read_events(only_run(tmp_path / "logs"))}
    assert out.splitlines()[0] == f"step 0, training accuracy {accuracy:g}"
    np.testing.assert_allclose(logged["cross entropy"], cross_entropy, rtol=1e-4)
    # So that a report before the update would be noticed.
    assert abs(before / cross_entropy - 1) > 0.005


def test_cross_entropy_is_the_posts_formula_and_finite_where_that_is_not():
    random = np.random.default_rng(0)
    logits = random.normal(size=(20, 10)).astype(np.float32)
    y_ = tf.one_hot(random.integers(10, size=20), 10)
    formula = -tf.reduce_sum(y_ * tf.math.log(tf.nn.softmax(logits)))
    np.testing.assert_allclose(common.cross_entropy(logits, y_), formula, rtol=1e-5)
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
        self.sizes.append(len(x))
        return types.SimpleNamespace(y_conv=x[:, :10])


@pytest.mark.parametrize(("count", "sizes"), [(10000, [500] * 20), (700, [500, 200])])
def test_test_accuracy_counts_all_test_digits_in_batches_of_500(count, sizes):
    labels = np.random.default_rng(0).integers(10, size=count)
    images = np.zeros([count, 784], np.uint8)
    images[np.arange(count), labels] = 255
    labels[::7] = (labels[::7] + 1) % 10  # what the image shows is not these labels
    network = Reader()
    test = input_data.DataSet(images, labels, seed=1)
    wrong = len(labels[::7]) / count
    np.testing.assert_allclose(common.accuracy_on(network, test), 1 - wrong, rtol=1e-6)
    assert network.sizes == sizes


@pytest.mark.parametrize(
    ("data", "digits"),
    [("small_data", "8 5 8 8 7 2 4 1 1 1 7 3"), ("mnist_dir", "7 2 1 0 4 1 4 9 5 9 0 6")],
)
def test_the_first_test_digits_are_shown_in_file_order(request, data, digits):
    test = input_data.read_data_sets(request.getfixturevalue(data)).test
    images, labels = test.next_batch(12)
    np.testing.assert_array_equal(images, test.images[:12])
    assert " ".join(map(str, labels.argmax(1))) == digits


def test_50_steps_of_the_second_network_learn_mnist(mnist_dir):
    mnist, network = input_data.read_data_sets(mnist_dir), DoubleConv()

    def accuracy():
        return float(network.evaluate(mnist.test.images[:1000], mnist.test.labels[:1000])[1])

    assert accuracy() < 0.3
    for i in range(51):
        network.train_step(*mnist.train.next_batch(50), dropout_seed=[1, i])
    assert accuracy() > 0.7
