"""The figures of both networks: true shapes and counts, no text cut off, sums that add up."""

import itertools
import sys

from support import figures

import numpy as np
import pytest
from matplotlib.text import Text
from PIL import Image
from processes import ROOT

from double_conv import DoubleConv
from single_conv import SingleConv

sys.path.insert(0, str(ROOT / "docs" / "programs"))
import networks

SINGLE = {
    "single_conv.py: one layer of 16 edge filters",
    "50,762 parameters",
    "28×28×1",
    "28×28×16",
    "W_conv1 5×5×1×16: 400 parameters",
    "14×14×16",
    "W_fc1 3,136×16, b_fc1 16: 50,192 parameters",
    "W_fc2 16×10, b_fc2 10: 170 parameters",
}
DOUBLE = {
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
}


@pytest.fixture
def image():
    return np.random.default_rng(0).random(784, dtype=np.float32)


@pytest.mark.parametrize(
    ("network", "draw", "expected"),
    [(SingleConv, networks.draw_single, SINGLE), (DoubleConv, networks.draw_double, DOUBLE)],
)
def test_figure_shows_shapes_counts_and_probabilities(image, network, draw, expected):
    network = network()
    figures.select_backend(window=False)
    figure = draw(network, image, "noise", "not trained")
    texts = [text for text in figure.findobj(Text) if text.get_text()]
    written = {text.get_text() for text in texts}
    assert expected | {"noise", "not trained"} <= written
    assert {f"{p:.1%}" for p in network(image[None]).y_conv.numpy()[0]} <= written
    assert min(text.get_fontsize() for text in texts) / 72 * 100 >= 11  # pixels, 900 wide
    figure.set_dpi(200)
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in texts]
    page = figure.bbox.padded(-36)
    assert all(page.contains(*box.min) and page.contains(*box.max) for box in boxes)
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))


@pytest.mark.parametrize("name", ["network1.png", "network2.png"])
def test_committed_figure_is_sharp_and_small(name):
    path = ROOT / "docs" / "images" / name
    assert Image.open(path).width == 1800
    assert path.stat().st_size < 300_000


def test_sum_that_does_not_add_up_is_an_error(image, monkeypatch):
    real = networks.tf.nn.depthwise_conv2d
    monkeypatch.setattr(networks.tf.nn, "depthwise_conv2d", lambda *args: real(*args) * 1.1)
    with pytest.raises(AssertionError):
        networks.draw_double(DoubleConv(), image, "noise", "not trained")
