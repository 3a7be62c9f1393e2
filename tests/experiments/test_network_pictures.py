"""experiments/network_pictures.py: each image is what the network computes, in reading order.

The sums that the figures tell are tested by `check`, whenever they are drawn.
"""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy import signal

from double_conv import DoubleConv
from experiments import network_pictures
from single_conv import SingleConv


def drawing(draw, network):
    """Draws a network with random biases and an image of noise.

    Returns the figure's images row by row, from left to right, and what they ought to show: the
    image [28, 28], the network's activations for it, and its variables, arrays under their names.
    """
    random = np.random.default_rng(0)
    for name in "b_conv1", "b_conv2", "b_fc1", "b_fc2":
        if hasattr(network, name):
            getattr(network, name).assign(random.normal(0, 0.1, getattr(network, name).shape))
    image = random.random(784, dtype=np.float32)
    (axes,) = draw(network, image, "noise", "not trained").axes
    plt.close("all")

    def place(image):
        left, _, _, top = image.get_extent()
        return round(top), left

    layers = {name: layer.numpy()[0] for name, layer in network(image[None])._asdict().items()}
    weights = {n: v.numpy() for n, v in vars(network).items() if n.startswith(("W_", "b_"))}
    return iter(sorted(axes.images, key=place)), image.reshape(28, 28), layers, weights


def assert_shown(image, values, limit, signed=False):
    """Asserts that an image shows values [h, w], on a scale from 0 or -limit to limit."""
    np.testing.assert_allclose(image.get_array(), values, rtol=1e-3, atol=1e-4)
    assert image.norm.vmax == pytest.approx(limit, rel=1e-3)
    assert image.norm.vmin == (-image.norm.vmax if signed else 0)
    assert image.get_cmap().name == ("RdBu" if signed else "gray_r")


def assert_all_shown(images, maps, signed=False):
    """Asserts that the next images are maps [h, w, n], the first one first, on one scale."""
    for values in np.moveaxis(maps, -1, 0):
        assert_shown(next(images), values, np.abs(maps).max(), signed)


def assert_first_layer_shown(images, image, layers, weights):
    """Asserts that the next images are the digit, the legend, the filters and their maps."""
    assert_shown(next(images), image, 1)
    next(images), next(images)  # the legend
    assert_all_shown(images, weights["W_conv1"][:, :, 0], signed=True)
    assert_all_shown(images, layers["h_conv1"])
    assert_all_shown(images, layers["h_pool1"])


def test_first_network_shows_filters_and_layers_in_order():
    images, image, layers, weights = drawing(network_pictures.draw_single, SingleConv())
    assert_first_layer_shown(images, image, layers, weights)
    assert_all_shown(images, layers["h_fc1"][None, None])
    assert not list(images)


def test_second_network_shows_filters_and_layers_in_order():
    images, image, layers, weights = drawing(network_pictures.draw_double, DoubleConv())
    assert_first_layer_shown(images, image, layers, weights)

    k = layers["h_conv2"].sum((0, 1)).argmax()
    maps, sub_filters = layers["h_pool1"], weights["W_conv2"][..., k]
    outputs = [signal.correlate2d(maps[..., i], sub_filters[..., i], "same") for i in range(32)]
    total = sum(outputs)
    assert_all_shown(images, sub_filters, signed=True)
    assert_all_shown(images, np.stack(outputs, -1), signed=True)
    assert_shown(next(images), total, np.abs(total).max(), signed=True)
    strongest = np.maximum(total + weights["b_conv2"][k], 0)
    assert_shown(next(images), strongest, layers["h_conv2"].max())
    assert_all_shown(images, layers["h_conv2"])
    assert_all_shown(images, layers["h_pool2"])
    h_fc1 = layers["h_fc1"].reshape(8, 128)
    assert_shown(next(images), h_fc1, h_fc1.max())
    assert not list(images)
