"""experiments/patches.py: how alike a filter's nine patches are."""

import numpy as np
import pytest

from experiments import patches


def test_equal_patches_are_alike_and_opposite_ones_are_not():
    random = np.random.default_rng(0)
    patch = random.random([14, 14])
    assert patches.alikeness(np.stack([patch] * 9)) == pytest.approx(1)
    both = np.stack([patch] * 3 + [1 - patch] * 6)
    assert patches.alikeness(both) == pytest.approx((3 + 15 - 18) / 36)
    assert abs(patches.alikeness(random.random([9, 14, 14]))) < 0.05


def test_a_patch_of_equal_pixels_is_left_out():
    patch = np.random.default_rng(0).random([14, 14])
    nine = np.stack([patch] * 2 + [np.ones([14, 14])] * 7)
    assert patches.alikeness(nine) == pytest.approx(1)
    assert np.isnan(patches.alikeness(np.ones([9, 5, 5])))
