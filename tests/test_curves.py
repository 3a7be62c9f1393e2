"""The figure of the learning curves: each network's own, beside the post's."""

import importlib.util
import sys

from support import figures, summaries

import matplotlib.pyplot as plt
import numpy as np
import pytest
import tensorflow as tf
from processes import ROOT

from single_conv import SingleConv

SPEC = importlib.util.spec_from_file_location("curves", ROOT / "docs" / "programs" / "curves.py")
curves = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(curves)

STEPS = np.array([0, 100, 200, 300])
VALUES = {  # per script and tag
    ("single", "cross entropy"): np.array([230.0, 120, 60, 31]),
    ("single", "accuracy"): np.array([0.125, 0.25, 0.5, 0.875]),
    ("double", "cross entropy"): np.array([200.0, 90, 30, 7]),
    ("double", "accuracy"): np.array([0.5, 0.625, 0.75, 1]),
}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """The figure of two runs, and the path to which it was saved."""
    folder = tmp_path_factory.mktemp("curves")
    runs = []
    for name in ("single", "double"):
        settings = {"script": f"{name}_conv.py", "data": "MNIST", "seed": 1}
        writer = summaries.RunWriter(folder / "logs", SingleConv(), settings, f"-{name}")
        for i, step in enumerate(STEPS):
            with writer.logging(step):
                for tag in ("cross entropy", "accuracy"):
                    tf.summary.scalar(tag, VALUES[name, tag][i])
        runs.append(writer.folder)
    figures.select_backend(window=False)
    plt.close("all")
    with pytest.MonkeyPatch.context() as patch:
        path = folder / "curves.png"
        patch.setattr(sys, "argv", ["curves.py", *map(str, runs), "--figure", str(path)])
        curves.main()
    yield plt.gcf(), path
    plt.close("all")


CELLS = [
    (i, f"{name}_conv.py", tag)
    for i, (name, tag) in enumerate(VALUES)  # row by row
]


@pytest.mark.parametrize(("i", "script", "tag"), CELLS)
def test_each_panel_shows_its_script_beside_the_posts(drawn, posts_curve, i, script, tag):
    axes = drawn[0].axes[i]
    assert axes.get_title() == f"{script}: training {tag} (batch of each report)"
    name = script.split("_")[0]
    recorded = posts_curve(name)
    column = ("cross entropy", "accuracy").index(tag)
    posts = list(recorded), [row[column] for row in recorded.values()]
    points, mean, our_points, our_mean = (line.get_data() for line in axes.lines)
    np.testing.assert_allclose(points, posts, rtol=1e-6)
    np.testing.assert_allclose(our_points, [STEPS, VALUES[name, tag]], rtol=1e-6)
    np.testing.assert_allclose(mean[1], curves.running_mean(np.array(posts[1])), rtol=1e-5)
    np.testing.assert_allclose(our_mean[1], curves.running_mean(VALUES[name, tag]), rtol=1e-5)
    colors = [line.get_color() for line in axes.lines]
    assert colors == ["tab:orange", "tab:orange", "tab:blue", "tab:blue"]


@pytest.mark.parametrize(("i", "script", "tag"), CELLS)
def test_each_panel_has_a_legend(drawn, i, script, tag):
    labels = [text.get_text() for text in drawn[0].axes[i].get_legend().get_texts()]
    assert labels == ["the post's program, TensorFlow 0.12.1", script]


def test_figure_is_saved(drawn):
    figure, path = drawn
    assert tf.io.decode_png(path.read_bytes()).shape[:2] == (715, 1210)


@pytest.mark.parametrize("count", [1, 4, 30])
def test_running_mean_is_of_nine_values_and_of_fewer_at_the_ends(count):
    values = np.random.default_rng(0).random(count)
    expected = [values[max(i - 4, 0) : i + 5].mean() for i in range(count)]
    np.testing.assert_allclose(curves.running_mean(values), expected)
