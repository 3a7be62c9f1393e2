"""Runs of double_conv.py with a small network on small data, their event files and checkpoints.

And the curves that were recorded from the post's own programs.
"""

import contextlib
import csv
import json

import numpy as np
import tensorflow as tf
from processes import ROOT, Running

from support import checkpoints

WEIGHTS = "W_conv1 b_conv1 W_conv2 b_conv2 W_fc1 b_fc1 W_fc2 b_fc2".split()  # and biases
CURVES = ("cross entropy", "accuracy", "h_conv1", "filters")


def start_training(folder, small_data, *args, **options):
    """Starts double_conv.py on small data with everything below folder; see Running."""
    where = ["--data-dir", small_data, "--log-dir", folder / "logs", "--checkpoint-dir", folder]
    return Running("double_conv.py", *where, *args, **options)


def train(folder, small_data, *args, code=0, **options):
    """The same, to its end with this exit code; returns its (stdout, stderr)."""
    return start_training(folder, small_data, *args, **options).result(code)


def saved_steps(folder):
    """Returns the steps of the checkpoints in folder, newest first."""
    return [int(path.name.split("-")[1]) for path in checkpoints.list_checkpoints(folder)]


def files_in(folder):
    """Returns what tells whether a file was touched, the lock aside: {name: modification time}."""
    files = [path for path in folder.iterdir() if path.is_file() and path.suffix != ".lock"]
    return {path.name: path.stat().st_mtime_ns for path in files}


def settings_of(path):
    """Returns the settings in a checkpoint of ours, as a dict."""
    return json.loads(tf.train.load_variable(str(path), checkpoints.SETTINGS))


def variables_in(path):
    """Returns every number in a checkpoint, Adam's slots included: {name: array}."""
    reader = tf.train.load_checkpoint(str(path))
    names = [name for name in reader.get_variable_to_shape_map() if "settings" not in name]
    names = [name for name in names if "GRAPH" not in name and "save_counter" not in name]
    return {name: reader.get_tensor(name) for name in names}


def read_events(folder):
    """Returns every value in a run's event files: [(tag, step, value)], in the order written."""
    values = []
    for path in sorted(folder.glob("events.out.tfevents.*")):
        for event in intact_events(path):
            if event.graph_def:
                values.append(("graph", event.step, event.graph_def))
            for value in event.summary.value:
                values.append((value.tag, event.step, tf.make_ndarray(value.tensor)))
    return values


def intact_events(path):
    """Yields the events of a file up to the first broken one, as a kill may leave it."""
    with contextlib.suppress(tf.errors.DataLossError):
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            yield tf.compat.v1.Event.FromString(record)


def only_run(log_dir):
    """Returns the folder of the one run under log_dir, besides the post's."""
    (folder,) = (path for path in log_dir.iterdir() if not path.name.startswith("the-post"))
    return folder


def curves_of(folder):
    """Returns {(tag, step): value} of a run's event files; the same point twice must be equal."""
    curves = {}
    for tag, step, value in read_events(only_run(folder / "logs")):
        if tag in CURVES:
            assert curves.setdefault((tag, step), value.tolist()) == value.tolist()
    return curves


def assert_same_run(folder, other, step):
    """Asserts that two runs ended bit for bit the same: variables, and TensorBoard's curves."""
    variables, others = (variables_in(one / f"train_data-{step}") for one in (folder, other))
    assert len(variables) == 8 + 16 + 2 + 1  # weights and biases, Adam's m, v and powers, the step
    assert variables.keys() == others.keys()
    for name in variables:
        np.testing.assert_array_equal(variables[name], others[name])
    assert curves_of(folder) == curves_of(other)


def posts_curve(network):
    """Returns {step: (cross entropy, accuracy)} of the post's "single" or "double" program."""
    with open(ROOT / "support" / "recordings" / f"{network}_curve_tf0.12.1.csv") as file:
        return {
            int(row["step"]): (float(row["cross_entropy"]), float(row["accuracy"]))
            for row in csv.DictReader(file)
        }
