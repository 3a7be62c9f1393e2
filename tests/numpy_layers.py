"""What both networks are made of, in NumPy."""

import numpy as np


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
