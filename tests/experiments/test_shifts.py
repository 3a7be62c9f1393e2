"""experiments/shifts.py: digits that are moved by some pixels."""

import numpy as np
import pytest

from experiments import shifts


@pytest.mark.parametrize(
    ("direction", "place"),
    [("up", (8, 20)), ("down", (12, 20)), ("left", (10, 18)), ("right", (10, 22))],
)
def test_a_digit_is_moved(direction, place):
    image = np.zeros([1, 28, 28])
    image[0, 10, 20] = 1
    moved = shifts.moved(image.reshape(1, 784), direction, 2).reshape(28, 28)
    assert np.argwhere(moved).tolist() == [list(place)]


def test_what_leaves_the_image_is_lost():
    image = np.zeros([1, 28, 28])
    image[0, 1, 0] = 1
    assert shifts.moved(image.reshape(1, 784), "left", 1).sum() == 0
