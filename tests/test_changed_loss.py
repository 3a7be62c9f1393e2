"""A reader changes a script, as the guide invites to, and makes a mistake: what is printed."""

import re

import tensorflow as tf
from processes import ROOT, Running

import common


def nan():
    common.cross_entropy = lambda logits, y_: -tf.reduce_sum(y_ * tf.math.log(0 * logits))


def wrong_shape():
    common.cross_entropy = lambda logits, y_: tf.reduce_sum(tf.reshape(logits, [-1, 7]))


def wrong_index_run_eagerly():
    tf.config.run_functions_eagerly(True)  # as the guide's "Look on" does
    common.cross_entropy = lambda logits, y_: tf.reduce_sum(
        tf.gather(logits, tf.argmax(y_, 1) + 10, axis=1)
    )


def wrong_size_outside_of_a_function():
    """It shows in common.py, at the script's end."""
    common.probabilities = lambda network, images: network(images[:7]).y_conv


CAUSES = [
    (nan, r"value_range .* got '\[nan, nan\]'", "summaries.histogram("),
    (wrong_shape, "Input to reshape .* a multiple of 7", "common.cross_entropy("),
    (
        wrong_index_run_eagerly,
        r"indices\[0\] = 1\d is not in \[0, 10\)",
        "common.cross_entropy(",
    ),
    (
        wrong_size_outside_of_a_function,
        r"Incompatible shapes: \[7\] vs. \[500\]",
        "common.print_test_accuracy(",
    ),
]


def test_the_error_tells_its_cause_and_the_scripts_line(small_data, tmp_path):
    """Promise 4. TensorFlow's first line is "Graph execution error:", the cause comes later."""
    args = [
        "single_conv.py",
        "--data-dir",
        small_data,
        "--log-dir",
        tmp_path / "logs",
        "--steps",
        0,
    ]
    started = [Running(*args, before=change) for change, _, _ in CAUSES]
    for running, (_, cause, code) in zip(started, CAUSES):
        _, err = running.result(code=1)
        line = rf"single_conv\.py: {cause} \(refused in single_conv\.py, line (\d+)\)"
        found = re.fullmatch(line, err.splitlines()[-1])
        assert found, err
        assert code in (ROOT / "single_conv.py").read_text().splitlines()[int(found[1]) - 1]
