"""The figure of the learning curves: each script's beside the post's, in the right panel."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import tensorflow as tf
from runs import posts_curve

from experiments import curves
from single_conv import SingleConv
from support import summaries
from support.terminal import Failure

STEPS = np.array([0, 100, 200, 300])
VALUES = {  # row by row, as the panels
    ("single", "cross entropy"): np.array([230.0, 120, 60, 31]),
    ("single", "accuracy"): np.array([0.125, 0.25, 0.5, 0.875]),
    ("double", "cross entropy"): np.array([200.0, 90, 30, 7]),
    ("double", "accuracy"): np.array([0.5, 0.625, 0.75, 1]),
}
PANELS = [(i, *panel) for i, panel in enumerate(VALUES)]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The folders of two runs, with the post's beside them."""
    log_dir, folders = tmp_path_factory.mktemp("logs"), []
    for name in ("single", "double"):
        script = f"{name}_conv.py"
        settings = {"script": script, "data": "MNIST", "seed": 1}
        writer = summaries.RunWriter(log_dir, SingleConv(), settings)
        for i, step in enumerate(STEPS):
            with writer.logging(step):
                for tag in ("cross entropy", "accuracy"):
                    tf.summary.scalar(tag, VALUES[name, tag][i])
        summaries.write_the_posts_run(log_dir, settings)
        folders.append(writer.folder)
    return folders


@pytest.fixture(scope="module")
def axes(runs):
    yield curves.draw(runs).axes
    plt.close("all")


def mean_of_nine(values):
    """Returns the mean of the nine values around each, of fewer at the ends."""
    return [values[max(i - 4, 0) : i + 5].mean() for i in range(len(values))]


@pytest.mark.parametrize(("i", "name", "tag"), PANELS)
def test_panel_shows_the_script_beside_the_post(axes, i, name, tag):
    recorded = posts_curve(name)
    posts = np.array([row[("cross entropy", "accuracy").index(tag)] for row in recorded.values()])
    ours = VALUES[name, tag]
    expected = {
        "tab:orange": [(list(recorded), posts), (list(recorded), mean_of_nine(posts))],
        "tab:blue": [(STEPS, ours), (STEPS, mean_of_nine(ours))],
    }
    for color, both in expected.items():
        lines = [line for line in axes[i].lines if line.get_color() == color]
        for line, points in zip(lines, both, strict=True):
            np.testing.assert_allclose(line.get_data(), points, rtol=1e-5)


def test_figure_is_saved(run, runs, tmp_path, capsys):
    run(curves, *runs, "--figure-dir", tmp_path)
    path = tmp_path / "curves.png"
    assert capsys.readouterr() == ("", f"figure: {path}\n")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_folder_without_a_run_is_one_line(tmp_path):
    with pytest.raises(Failure, match="none: no such run; give the folders that runs on MNIST"):
        curves.read_run(tmp_path / "none", "accuracy")
