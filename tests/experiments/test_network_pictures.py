"""The figures of both networks: what the network computes, numbered in reading order."""

import io
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.text import Text
from PIL import Image

from double_conv import DoubleConv
from experiments import networks
from single_conv import SingleConv
from support import figures

TEXTS = {
    "single": {
        "single_conv.py: one layer of 16 filters",
        "50,762 parameters",
        "28×28×1",
        "28×28×16",
        "W_conv1 5×5×1×16: 400 parameters",
        "14×14×16",
        "W_fc1 3,136×16, b_fc1 16: 50,192 parameters",
        "W_fc2 16×10, b_fc2 10: 170 parameters",
    },
    "double": {
        "double_conv.py: two layers of 32 and 64 filters",
        "3,274,634 parameters",
        "28×28×32",
        "W_conv1 5×5×1×32, b_conv1 32: 832 parameters",
        "14×14×32",
        "64 filters of 32 sub-filters each, one for each map of h_pool1",
        "W_conv2 5×5×32×64, b_conv2 64: 51,264 parameters",
        "14×14×64",
        "7×7×64",
        "W_fc1 3,136×1,024, b_fc1 1,024: 3,212,288 parameters",
        "1,024",
        "W_fc2 1,024×10, b_fc2 10: 10,250 parameters",
    },
}


def drawing(draw, network, brightness):
    """Draws a network with random biases and an image of noise; returns what the tests compare.

    `pixels` are the figure's, uint8 [2 * height, 2 * width, 3]: the page's units are pixels at 100
    dpi. `layers` and `weights` are arrays under the post's names.
    """
    random = np.random.default_rng(0)
    for name in "b_conv1", "b_conv2", "b_fc1", "b_fc2":
        if hasattr(network, name):
            getattr(network, name).assign(random.normal(0, 0.1, getattr(network, name).shape))
    image = random.random(784, dtype=np.float32) * np.float32(brightness)
    figure = draw(network, image, "noise", "not trained")
    png = figures.as_png(figure, dpi=200)
    return SimpleNamespace(
        image=image,
        figure=figure,
        pixels=np.asarray(Image.open(io.BytesIO(png)).convert("RGB")),
        texts=[text for text in figure.findobj(Text) if text.get_text()],
        layers={k: v.numpy()[0] for k, v in network(image[None])._asdict().items()},
        weights={k: v.numpy() for k, v in vars(network).items() if k.startswith(("W_", "b_"))},
    )


@pytest.fixture(scope="module")
def single():
    yield drawing(networks.draw_single, SingleConv(), 1)
    plt.close("all")


@pytest.fixture(scope="module")
def double():
    yield drawing(networks.draw_double, DoubleConv(), 0.1)  # no probability is almost 1
    plt.close("all")


@pytest.fixture(params=["single", "double"])
def drawn(request):
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("name", ["single", "double"])
def test_figure_tells_shapes_and_parameters(name, request):
    texts = {text.get_text() for text in request.getfixturevalue(name).texts}
    assert TEXTS[name] | {"noise", "not trained"} <= texts


# ---------------------------------------------------------------------------- images, cell by cell


def reading_order(drawn):
    """Returns the page's small images row by row, from left to right."""
    (axes,) = drawn.figure.axes

    def place(image):
        left, _, _, top = image.get_extent()
        return round(top), left

    return sorted(axes.images, key=place)


def assert_shown(drawn, image, values, limit, signed=False):
    """Asserts that the page's pixels show values [h, w] where `image` is."""
    left, right, bottom, top = image.get_extent()
    height, width = values.shape
    y = top + (bottom - top) * (np.arange(height) + 0.5) / height
    x = left + (right - left) * (np.arange(width) + 0.5) / width
    colors = drawn.pixels[(2 * y).astype(int)[:, None], (2 * x).astype(int)].astype(int)
    if signed:
        expected = plt.get_cmap("RdBu")(0.5 + 0.5 * values / limit)[..., :3] * 255
        red, blue = colors[..., 0], colors[..., 2]
        assert np.all((red > blue)[values < -limit / 10])
        assert np.all((red < blue)[values > limit / 10])
    else:
        expected = 255 * (1 - (values / limit) ** 0.65)[..., None] * np.ones(3)
    if height > 5:  # a thick frame covers the cells at the edge
        colors, expected = colors[1:-1, 1:-1], expected[1:-1, 1:-1]
    np.testing.assert_allclose(colors, expected, atol=4)


def assert_all_shown(drawn, images, maps, signed=False):
    """Asserts that the next of the images are maps [h, w, n], the first one first."""
    limit = np.abs(maps).max()
    for values in np.moveaxis(maps, -1, 0):
        assert_shown(drawn, next(images), values, limit, signed)


def test_first_network_shows_filters_and_layers_in_order(single):
    images, layers = iter(reading_order(single)), single.layers
    assert_shown(single, next(images), single.image.reshape(28, 28), 1)
    next(images), next(images)  # the legend
    assert_all_shown(single, images, single.weights["W_conv1"][:, :, 0], signed=True)
    assert_all_shown(single, images, layers["h_conv1"])
    assert_all_shown(single, images, layers["h_pool1"])
    assert_all_shown(single, images, layers["h_fc1"][None, None])
    assert not list(images)


def correlate(image, filter):
    """Returns the sum over the 5x5 pixels around each pixel; beyond the edge is 0."""
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(image, 2), (5, 5))
    return np.tensordot(windows, filter, 2)


def test_second_network_shows_filters_and_layers_in_order(double):
    images, layers, weights = iter(reading_order(double)), double.layers, double.weights
    assert_shown(double, next(images), double.image.reshape(28, 28), 1)
    next(images), next(images)  # the legend
    assert_all_shown(double, images, weights["W_conv1"][:, :, 0], signed=True)
    assert_all_shown(double, images, layers["h_conv1"])
    assert_all_shown(double, images, layers["h_pool1"])

    k = layers["h_conv2"].sum((0, 1)).argmax()
    sub_filters = weights["W_conv2"][..., k]
    outputs = [correlate(layers["h_pool1"][..., i], sub_filters[..., i]) for i in range(32)]
    total = sum(outputs)
    assert_all_shown(double, images, sub_filters, signed=True)
    assert_all_shown(double, images, np.stack(outputs, -1), signed=True)
    assert_shown(double, next(images), total, np.abs(total).max(), signed=True)
    strongest = np.maximum(total + weights["b_conv2"][k], 0)
    assert_shown(double, next(images), strongest, layers["h_conv2"].max())
    assert_all_shown(double, images, layers["h_conv2"])
    assert_all_shown(double, images, layers["h_pool2"])
    h_fc1 = layers["h_fc1"].reshape(8, 128)
    assert_shown(double, next(images), h_fc1, h_fc1.max())
    assert not list(images)
    texts = " ".join(text.get_text() for text in double.texts)
    assert f"Filter {k + 1}, whose feature map is the strongest" in texts
    assert f"feature map {k + 1}, framed below" in texts


# ------------------------------------------------------------------ probabilities


def centers(count):
    """Returns the x of the centers of `count` columns between the margins, 34 pixels each."""
    return 34 + 832 * (np.arange(count) + 0.5) / count


def test_bars_are_the_probabilities_and_the_largest_ones_digit_is_filled(drawn):
    color = np.array([157, 23, 77])  # the readout's
    p = drawn.layers["y_conv"]
    assert 0.1 < p.max() < 0.9
    for digit, x in enumerate(centers(10)):
        (circle,) = (t for t in drawn.texts if t.get_text() == str(digit) and t.get_fontsize() == 9)
        assert circle.get_position()[0] == pytest.approx(x)
        y = circle.get_position()[1]
        inside = drawn.pixels[round(2 * y), round(2 * (x - 8))]
        expected = color if digit == p.argmax() else [255, 255, 255]
        np.testing.assert_allclose(inside, expected, atol=2)
        bar = drawn.pixels[round(2 * y) + 28 : round(2 * y) + 134, round(2 * (x + 10))]
        height = np.sum(np.abs(bar - color.astype(float)).max(-1) < 2) / 2
        assert height == pytest.approx(48 * p[digit], abs=1.5)
        below = [t for t in drawn.texts if t.get_text() == f"{p[digit]:.1%}"]
        assert any(text.get_position()[0] == pytest.approx(x) for text in below)
