"""experiments/one_patch.py: the guide's two examples, worked by hand."""

import re

import numpy as np
import pytest
from scipy import signal

import common
from experiments import one_patch
from single_conv import SingleConv
from support import figures, input_data
from support.quiet import tf


@pytest.fixture(scope="module")
def example(small_data):
    """An untrained network, a digit [28, 28] and its label."""
    test = input_data.read_data_sets(small_data).test
    return SingleConv(), test.images[0].reshape(28, 28), test.labels[0]


def test_gradient_by_hand_is_tensorflows(example):
    network, image, label = example
    by_hand = one_patch.gradient_by_hand(network, image, label)
    by_tape = one_patch.gradient_by_tape(network, image.reshape(1, 784), label[None])
    assert np.abs(by_tape).min() > 0
    np.testing.assert_allclose(by_hand, by_tape, rtol=1e-3, atol=1e-4)


def test_sum_of_a_patch_times_the_weights_is_the_convolution(example):
    network, image, _ = example
    h_conv1 = network(image.reshape(1, 784)).h_conv1.numpy()[0, :, :, one_patch.FILTER - 1]
    c = one_patch.sums(network, image)
    np.testing.assert_allclose(np.maximum(np.abs(c) - 0.2, 0), h_conv1, atol=1e-5)


def test_only_the_largest_of_each_block_passes_something_on():
    h = np.zeros([28, 28])
    h[1, 0], h[26, 27] = 1, 2
    delta = np.arange(1, 197.0).reshape(14, 14)
    passed = one_patch.unpool(delta, h)
    assert passed.sum() == delta.sum()
    assert passed[1, 0] == 1
    assert passed[26, 27] == 196


def test_digit_as_text_has_no_margin_and_tells_the_ink_in_tenths():
    image = np.zeros([28, 28])
    image[3, 4:7] = 0.02, 0.5, 0.96
    image[5, 6] = 0.94
    assert one_patch.digit_as_text(image) == "0 5 #\n. . .\n. . 9"


# ----------------------------------------------------------------------------- what is printed


def table(text, name):
    """Returns the rows of a table that was printed, without its head."""
    lines = text.partition(f"table: {name}\n")[2].partition("\n\n")[0].splitlines()
    return [line.strip("| ").split(" | ") for line in lines if line.startswith("|")][2:]


def matrix(text, name):
    """Returns the five rows of numbers below a line, [5, 5]."""
    lines = text.partition(f"\n{name}:\n")[2].splitlines()[:5]
    return np.array([[float(number) for number in line.split()] for line in lines])


def number(text, name):
    """Returns the number after "name: " on a line."""
    return float(re.search(rf"^{re.escape(name)}:? (-?[\d.]+)", text, re.MULTILINE)[1])


def test_slide_prints_a_column_of_the_filter_made_by_hand_and_the_pooled_when_moved_down(capsys):
    """With strong random ink, to which the filter responds everywhere."""
    image = 3 * np.random.default_rng(0).random([28, 28])
    one_patch.print_slide(image)
    text = capsys.readouterr().out
    upper = np.array([[2, 3, 4, 3, 2], [1, 2, 3, 2, 1]])
    by_hand = np.vstack([upper, np.zeros([1, 5]), -upper[::-1]])

    def h_of(image):
        c = signal.correlate2d(image, by_hand / 23, mode="same")
        return c, np.maximum(np.abs(c) - 0.2, 0)

    def pooled_in_columns_10_and_11(h, first, last):
        return [f"{h[i : i + 2, 10:12].max():.2f}" for i in range(first, last + 1, 2)]

    c, h = h_of(image)
    pooled = pooled_in_columns_10_and_11(h, 4, 12)
    expected = []
    for i in range(4, 14):
        numbers = image[i, 10], c[i, 10], h[i, 10], h[i, 11]
        last = pooled[(i - 4) // 2] if i % 2 == 0 else ""
        expected.append([f"{i}", *(f"{x:.2f}" for x in numbers), last])
    assert [row + [""] * (6 - len(row)) for row in table(text, "slide")] == expected
    expected = []
    for down in range(3):
        moved = np.vstack([np.zeros([down, 28]), image[: 28 - down]])
        expected.append([f"{down}", *pooled_in_columns_10_and_11(h_of(moved)[1], 4, 14)])
    assert table(text, "slide-moved") == expected


def test_the_program_prints_the_gradients_and_where_the_training_leads(
    run, small_data, tmp_path, monkeypatch, capsys
):
    """With batches of 2 digits; the first one's way back is compared with tf.GradientTape's."""
    monkeypatch.setattr(one_patch, "batch_size", 2)
    monkeypatch.setattr(figures, "save", lambda figures, paths, dpi: None)
    run(one_patch, "--data-dir", small_data, "--figure-dir", tmp_path)
    text = capsys.readouterr().out

    mnist = input_data.read_data_sets(small_data, seed=1)
    images, labels = mnist.train.next_batch(2)
    network = SingleConv(1)
    accuracy = common.accuracy_on(network, mnist.test)
    assert number(text, "test accuracy before training") == pytest.approx(accuracy, abs=1e-4)

    with tf.GradientTape(persistent=True) as tape:
        h = network(images[:1])
        loss = common.cross_entropy(h.logits, labels[:1])
        of_batch = common.cross_entropy(network(images).logits, labels)
    i, j = map(int, re.search(r"ink around row (\d+), column (\d+)", text).groups())
    feature, digit = int(number(text, "feature")) - 1, labels[0].argmax()
    at = {
        "h_conv1": (0, i, j, 14),
        "h_pool1": (0, i // 2, j // 2, 14),
        "h_fc1": (0, feature),
        "logits": (0, digit),
    }
    rows = {row[0].split()[0].strip("`"): row for row in table(text, "way-back")}
    for name, place in at.items():
        layer = getattr(h, name)
        _, forward, _, back = rows[name]
        assert float(forward) == pytest.approx(layer.numpy()[place], abs=1e-3), name
        assert float(back) == pytest.approx(tape.gradient(loss, layer).numpy()[place], abs=1e-3)
    assert float(rows["y_conv"][1]) == pytest.approx(h.y_conv.numpy()[0, digit], abs=1e-4)

    gradient = tape.gradient(loss, network.W_conv1).numpy()[:, :, 0, 14]
    for name in "the digit's gradient by hand", "the digit's gradient by tf.GradientTape":
        np.testing.assert_allclose(matrix(text, name), gradient, atol=0.006, err_msg=name)
    gradient = tape.gradient(of_batch, network.W_conv1).numpy()[:, :, 0, 14]
    np.testing.assert_allclose(matrix(text, "the batch's gradient"), gradient, atol=0.006)
    assert number(text, "its weight at the upper right") == pytest.approx(gradient[0, 4], abs=0.01)

    start, moved = network.W_conv1.numpy(), {}
    for step in range(1, 1002):
        network.train_step(images, labels)
        moved[step] = (network.W_conv1.numpy() - start).ravel()
        images, labels = mnist.train.next_batch(2)
    for step in 1, 10, 100:
        expected = np.corrcoef(moved[step], moved[1001])[0, 1]
        name = f"correlation of all filters' change after {step} steps with the last"
        assert number(text, name) == pytest.approx(expected, abs=0.006), step
    end = network.W_conv1.numpy()
    found = matrix(text, "weights of filter 15 after training")
    np.testing.assert_allclose(found, end[:, :, 0, 14], atol=0.006)
    line = f"start {start.std():.3f}, change {moved[1001].std():.3f}, end {end.std():.3f}"
    assert text.splitlines()[-1] == line
