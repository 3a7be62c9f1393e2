"""experiments/patches.py: how alike a filter's nine patches are."""

import sys
from collections import Counter

import numpy as np
import pytest
from digits import write_digits

from experiments import patches, seeds, variants
from support.quiet import tf


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
    networks = "random patches", "untrained", "trained", "the post's"
    expected = {(n, layer): k for n in networks for layer, k in (("1", 32), ("2", 64))}
    assert counts == expected | {("random weights", "2"): 64}


def test_controls_are_patches_with_ink_in_the_middle_and_those_that_random_weights_prefer():
    random = np.random.default_rng(0)
    images = np.float32(random.random([600, 28, 28]) > 0.9).reshape(-1, 784)
    layer1, layer2 = patches.with_ink(images, 1)
    assert layer1.shape == (32, 9, 5, 5)
    assert layer2.shape == (64, 9, 14, 14)
    assert layer1[:, :, 2, 2].all()
    assert layer2[:, :, 6, 6].all()
    W = tf.random.Generator.from_seed(1, alg="philox").truncated_normal([14, 14, 1, 64], stddev=0.1)
    digits = np.pad(images.reshape(-1, 28, 28), [(0, 0), (6, 6), (6, 6)])
    windows = np.lib.stride_tricks.sliding_window_view(digits, (14, 14), (1, 2))[:, ::2, ::2]
    sums = np.einsum("nijrs,rs->nij", windows, W[:, :, 0, 5]).max((1, 2))
    found = np.einsum("krs,rs->k", patches.of_random_weights(images, 1)[5], W[:, :, 0, 5])
    np.testing.assert_allclose(found, np.sort(sums)[::-1][:9], rtol=1e-4)
