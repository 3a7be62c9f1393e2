"""What both scripts have in common: they run eagerly, as in a student's debugger.

The weights of common.py are tested in test_the_post.py, the rest by both networks in NumPy.
"""

import pathlib
import re

import numpy as np
import pytest
import tensorflow as tf
from processes import SMALL, Running
from runs import read_events

import double_conv
from double_conv import DoubleConv
from single_conv import SingleConv
from support import input_data


def run_eagerly():
    tf.config.run_functions_eagerly(True)


@pytest.fixture(scope="module")
def eager(small_data, tmp_path_factory):
    """Both scripts, side by side: {script: Running}."""
    scripts = ["single_conv.py", "double_conv.py"]
    folder, where = tmp_path_factory.mktemp("eager"), ["--data-dir", small_data, "--log-dir"]
    args = {script: [script, "--steps", 20, *where, folder / script] for script in scripts}
    return {script: Running(*args[script], before=run_eagerly) for script in scripts}


def losses_of_the_graph(script, train, monkeypatch):
    """Returns the cross entropies that the script reports in 21 steps; they are trained here."""
    if script == "single_conv.py":
        network, batch_size, report_every, seeds = SingleConv(), 100, 10, [[]] * 21
    else:
        monkeypatch.setattr(double_conv, "num_fc", SMALL["num_fc"])
        network, batch_size, report_every = DoubleConv(), SMALL["batch_size"], 5
        seeds = [[[1, i]] for i in range(21)]
    losses = []
    for i, seed in enumerate(seeds):
        x, y_ = train.next_batch(batch_size)
        network.train_step(x, y_, *seed)
        if i % report_every == 0:
            losses.append(float(network.evaluate(x, y_)[0]))
    return losses


@pytest.mark.parametrize("script", ["single_conv.py", "double_conv.py"])
def test_scripts_run_eagerly_and_have_the_losses_of_the_graph(
    script, eager, small_data, monkeypatch
):
    train = input_data.read_data_sets(small_data).train
    expected = losses_of_the_graph(script, train, monkeypatch)
    _, err = eager[script].result()
    (folder,) = re.findall("^curves: (.*)$", err, re.MULTILINE)
    values = read_events(pathlib.Path(folder))
    losses = [float(value) for tag, _, value in values if tag == "cross entropy"]
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
