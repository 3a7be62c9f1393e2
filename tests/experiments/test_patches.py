"""experiments/patches.py: how alike a filter's nine patches are."""

import numpy as np
import pytest

from double_conv import DoubleConv
from experiments import patches, seeds
from support import checkpoints, figures, input_data
from support.quiet import tf
from support.terminal import Failure
from visualize_filters import patches_of_both_layers


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


def test_rows_and_picture_are_those_of_each_seeds_untrained_and_trained_network(
    run, fast_double, few_digits, tmp_path, monkeypatch
):
    """A second run measures nothing again, and draws the picture again."""
    figures_drawn = []
    monkeypatch.setattr(figures, "save", lambda figures, paths, dpi: figures_drawn.extend(figures))
    command = ["--seeds", "1-2", "--steps", 0, "--data-dir", few_digits]
    command += ["--results", tmp_path, "--figure-dir", tmp_path]
    posts = DoubleConv(3)
    path = tf.train.Checkpoint(network=posts).write(str(tmp_path / "posts"))
    command += ["--the-posts", path]
    for _ in range(2):
        run(patches, *command)

    images = input_data.read_data_sets(few_digits).test.images
    expected, shown = {}, {}
    for seed in 1, 2:
        start, after = DoubleConv(seed), DoubleConv(seed)
        saved = tmp_path / "networks" / f"double-{seed}-0" / "train_data-0"
        checkpoints.restore(after, saved)
        for network, both in {
            "random patches": patches.with_ink(images, seed),
            "random weights": [None, patches.of_random_weights(images, seed)],
            "untrained": patches_of_both_layers(start, images),
            "trained": patches_of_both_layers(after, images),
        }.items():
            expected[network, f"{seed}", "1"], expected[network, f"{seed}", "2"] = both
            shown[network, seed] = both[1][:8]
    of_posts = patches_of_both_layers(posts, images)
    expected["the post's", "", "1"], expected["the post's", "", "2"] = of_posts
    del expected["random weights", "1", "1"], expected["random weights", "2", "1"]

    found = {}
    for row in seeds.rows(tmp_path / "patches.csv"):
        found.setdefault((row["network"], row["seed"], row["layer"]), []).append(row)
    assert found.keys() == expected.keys()
    for key, filters in expected.items():
        rows = found[key]
        assert [row["filter"] for row in rows] == [str(k + 1) for k in range(len(filters))]
        texts = [f"{patches.alikeness(nine):.4f}" for nine in filters]
        assert [row["correlation"] for row in rows] == texts, key
    assert len(figures_drawn) == 2
    for figure in figures_drawn:
        for ax, network in zip(figure.axes, ("untrained", "trained"), strict=True):
            image = patches.row_of_filters(shown[network, 1])
            np.testing.assert_array_equal(ax.images[0].get_array(), image, network)


def test_controls_are_patches_with_ink_in_the_middle_and_those_that_random_weights_prefer():
    random = np.random.default_rng(0)
    images = np.float32(random.random([600, 28, 28]) > 0.9).reshape(-1, 784)
    layer1, layer2 = patches.with_ink(images, 1)
    assert layer1.shape == (32, 9, 5, 5)
    assert layer2.shape == (64, 9, 14, 14)
    assert layer1[:, :, 2, 2].all()
    assert layer2[:, :, 6, 6].all()
    assert np.any(layer1[0] != layer1[1])
    assert np.any(layer2[0] != layer2[1])
    W = tf.random.Generator.from_seed(1, alg="philox").truncated_normal([14, 14, 1, 64], stddev=0.1)
    digits = np.pad(images.reshape(-1, 28, 28), [(0, 0), (6, 6), (6, 6)])
    windows = np.lib.stride_tricks.sliding_window_view(digits, (14, 14), (1, 2))[:, ::2, ::2]
    sums = np.einsum("nijrs,rs->nij", windows, W[:, :, 0, 5]).max((1, 2))
    found = np.einsum("krs,rs->k", patches.of_random_weights(images, 1)[5], W[:, :, 0, 5])
    np.testing.assert_allclose(found, np.sort(sums)[::-1][:9], rtol=1e-4)


def test_a_mistyped_checkpoint_is_told_before_the_training(run, tmp_path, monkeypatch):
    """Promise 4."""
    monkeypatch.setattr(seeds, "trained", None)
    with pytest.raises(Failure, match="none: no such checkpoint"):
        run(patches, "--results", tmp_path, "--the-posts", tmp_path / "none")
