"""experiments/dead_filters.py: filters that no digit gets an answer from."""

import numpy as np

from experiments import dead_filters, variants


def test_a_filter_is_dead_if_no_digit_gets_an_answer_and_rare_if_few_do():
    network = variants.WithoutAbs(1)
    W = np.full([5, 5, 1, 16], -0.1, np.float32)  # negative sums, which without abs are dropped
    W[..., 3] = 0.1
    network.W_conv1.assign(W)
    images = np.zeros([600, 784], np.float32)
    images[500:, 300] = 1  # a sum of 0.1 is below the threshold of 0.2
    assert dead_filters.count(network, images) == (16, 16)
    images[550:, 300:303] = 1
    assert dead_filters.count(network, images) == (15, 16)
    images[500:, 300:303] = 1
    assert dead_filters.count(network, images) == (15, 15)
