"""common.py: the weights. The seven facts and both networks in NumPy test the rest."""

import numpy as np
import tensorflow as tf

import common


def test_weights_are_truncated_normal_with_the_posts_deviation():
    weights = common.weight_variable([200, 300], tf.random.Generator.from_seed(1)).numpy()
    assert weights.dtype == np.float32
    assert weights.shape == (200, 300)
    assert np.abs(weights).max() <= 0.2  # truncated at two standard deviations,
    assert abs(weights.std() - 0.088) < 0.001  # which leaves 0.88 of the 0.1
    assert abs(weights.mean()) < 0.002
