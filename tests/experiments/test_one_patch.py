"""experiments/one_patch.py: the guide's two examples, worked by hand."""

import numpy as np
import pytest

from experiments import one_patch
from single_conv import SingleConv
from support import input_data


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
