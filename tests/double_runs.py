"""Runs of double_conv.py with a small network on small data, and how to compare them."""

from support import checkpoints

import numpy as np
import tensorflow as tf
from processes import SMALL, Running, only_run, read_events  # puts the project on sys.path

CURVES = ("cross entropy", "accuracy", "h_conv1", "filters")


def args_for(folder, small_data, *args):
    """Returns the command line of a run on small data with everything below folder."""
    where = ["--data-dir", small_data, "--log-dir", folder / "logs", "--checkpoint-dir", folder]
    return ["double_conv.py", *where, *args]


def start_training(folder, small_data, *args, constants=SMALL, **options):
    """Starts double_conv.py on small data."""
    return Running(args_for(folder, small_data, *args), constants=constants, **options)


def train(folder, small_data, *args, code=0, **options):
    """The same, to its end; returns its (stdout, stderr)."""
    return start_training(folder, small_data, *args, **options).result(code)


def saved_steps(folder):
    """Returns the steps of the checkpoints in folder, newest first."""
    return [int(path.name.split("-")[1]) for path in checkpoints.list_checkpoints(folder)]


def files_in(folder):
    """Returns what tells whether a file was touched, the lock aside: {path: modification time}."""
    files = [path for path in folder.iterdir() if path.is_file() and path.suffix != ".lock"]
    return {path: path.stat().st_mtime_ns for path in files}


def variables_of(path):
    """Returns every number in a checkpoint, Adam's slots included: {name: array}."""
    reader = tf.train.load_checkpoint(str(path))
    names = [name for name in reader.get_variable_to_shape_map() if "settings" not in name]
    names = [name for name in names if "GRAPH" not in name and "save_counter" not in name]
    return {name: reader.get_tensor(name) for name in names}


def curves_of(folder):
    """Returns {(tag, step): value} of a run's event files; the same point twice must be equal."""
    curves = {}
    for tag, step, value in read_events(only_run(folder / "logs")):
        if tag in CURVES:
            assert curves.setdefault((tag, step), value.tolist()) == value.tolist()
    return curves


def assert_same_run(folder, other, step):
    """Asserts that two runs ended bit for bit the same: variables, and TensorBoard's curves."""
    variables, others = (variables_of(one / f"train_data-{step}") for one in (folder, other))
    assert len(variables) == 8 + 16 + 2 + 1  # weights and biases, Adam's m, v and powers, the step
    assert variables.keys() == others.keys()
    for name in variables:
        np.testing.assert_array_equal(variables[name], others[name])
    assert curves_of(folder) == curves_of(other)
