"""experiments/patches.py: how alike a filter's nine patches are."""

import sys
from collections import Counter

import numpy as np
import pytest
from digits import write_digits

from experiments import patches, seeds, variants


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


def test_nothing_is_measured_twice_and_the_picture_is_drawn_again(tmp_path, monkeypatch):
    one_step = variants.EXPERIMENTS["double"]._replace(steps=1)
    monkeypatch.setitem(variants.EXPERIMENTS, "double", one_step)
    monkeypatch.setattr(patches, "IMAGES", tmp_path)
    monkeypatch.setattr("double_conv.num_fc", 16)  # the features do not matter here
    command = ["patches.py", "--seeds", 1, "--checkpoint-dir", tmp_path, "--results", tmp_path]
    command += ["--data-dir", write_digits(tmp_path, train=5100, test=100)]
    command += ["--the-posts", tmp_path / "double-1" / "train_data-0"]
    monkeypatch.setattr(sys, "argv", list(map(str, command)))
    for _ in range(2):
        patches.main()
        (tmp_path / "patches_control.png").unlink()
    counts = Counter((row["network"], row["layer"]) for row in seeds.rows(tmp_path / "patches.csv"))
    networks = "untrained", "trained", "the post's"
    expected = {(n, layer): k for n in networks for layer, k in (("1", 32), ("2", 64))}
    assert counts == expected
