"""common.py: the weights; the seven facts and both networks in NumPy test the rest.

And what both scripts have in common: they run eagerly, as in a student's debugger.
"""

import numpy as np
import pytest
import tensorflow as tf
from processes import Running
from runs import only_run, read_events

import common


def test_weights_are_truncated_normal_with_the_posts_deviation():
    weights = common.weight_variable([200, 300], tf.random.Generator.from_seed(1)).numpy()
    assert weights.dtype == np.float32
    assert weights.shape == (200, 300)
    assert np.abs(weights).max() <= 0.2  # truncated at two standard deviations,
    assert abs(weights.std() - 0.088) < 0.001  # which leaves 0.88 of the 0.1
    assert abs(weights.mean()) < 0.002


def run_eagerly():
    tf.config.run_functions_eagerly(True)


@pytest.mark.parametrize("script", ["single_conv.py", "double_conv.py"])
def test_scripts_run_eagerly_and_have_the_losses_of_the_graph(script, small_data, tmp_path):
    args = [script, "--steps", 20, "--data-dir", small_data, "--log-dir", "logs"]
    folders = {"graph": None, "eager": run_eagerly}
    started = []
    for name, before in folders.items():
        (tmp_path / name).mkdir()
        started.append(Running(*args, folder=tmp_path / name, before=before))
    losses = []
    for running in started:
        running.result()
        values = read_events(only_run(running.folder / "logs"))
        losses.append([float(value) for tag, _, value in values if tag == "cross entropy"])
    assert len(losses[0]) >= 3
    np.testing.assert_allclose(*losses, rtol=1e-5)
