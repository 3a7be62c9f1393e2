"""experiments/dead_filters.py: filters that no digit gets an answer from."""

import numpy as np

from experiments import dead_filters, variants


def test_a_filter_is_dead_if_it_answers_no_digit_and_nearly_dead_if_it_answers_few():
    network = variants.WithoutAbs(1)
    W = np.full([5, 5, 1, 16], -0.1, np.float32)  # negative sums, which without abs are dropped
    W[..., 3] = 0.1
    network.W_conv1.assign(W)
    images = np.zeros([600, 784], np.float32)
    images[:29, 300] = 1  # a sum of 0.1 is below the threshold of 0.2
    assert dead_filters.count_dead(network, images) == [16, 0]
    images[:29, 300:303] = 1
    assert dead_filters.count_dead(network, images) == [15, 1]
    images[:30, 300:303] = 1  # one in twenty
    assert dead_filters.count_dead(network, images) == [15, 0]
