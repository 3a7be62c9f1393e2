"""Time the scripts' faster parts, each beside TensorFlow's own.

Each pair computes the same; blocks of both alternate, on made-up digits. Prints
a table with the median over the blocks, in milliseconds.

Example:
    python -m bench.parts
"""

import statistics
import tempfile
import time
from unittest import mock

import numpy as np

import double_conv
from support import fast_ops, summaries, terminal
from support.quiet import tf

BLOCKS, CALLS = 12, 20
RANDOM = np.random.default_rng(1)
IMAGES = RANDOM.random((double_conv.batch_size, 784), dtype=np.float32)
LABELS = np.eye(10, dtype=np.float32)[RANDOM.integers(10, size=double_conv.batch_size)]


class WithKerasAdam(double_conv.DoubleConv):
    """The second network, trained with Keras's Adam."""

    def __init__(self):
        super().__init__()
        self.optimizer = tf.keras.optimizers.Adam(1e-4, epsilon=1e-8)
        self.optimizer.build(self.trainable_variables)


def step_of(network):
    """Returns a function that makes one training step, traced already."""

    def step():
        network.train_step(IMAGES, LABELS, tf.constant([1, 1]))

    step()
    return step


def pairs(writer):
    """Returns {name: (our function, TensorFlow's)}."""
    ours = step_of(double_conv.DoubleConv())
    with mock.patch.object(fast_ops, "matmul", tf.matmul):
        with_tf_matmul = step_of(double_conv.DoubleConv())
    h_conv1 = double_conv.DoubleConv()(IMAGES).h_conv1

    def log(histogram):
        with writer.as_default(step=0):
            histogram("h_conv1", h_conv1)

    return {
        "a step with `fast_ops.matmul`, with `tf.matmul`": (ours, with_tf_matmul),
        "a step with `tf.compat.v1.train.AdamOptimizer`, with Keras's Adam": (
            ours,
            step_of(WithKerasAdam()),
        ),
        "`summaries.histogram`, `tf.summary.histogram`": (
            lambda: log(summaries.histogram),
            lambda: log(tf.summary.histogram),
        ),
    }


def milliseconds(function):
    """Returns how long a call takes, on average over a block."""
    start = time.perf_counter()
    for _ in range(CALLS):
        function()
    return (time.perf_counter() - start) / CALLS * 1000


def main():
    terminal.parser(__doc__).parse_args()
    print("| what | ours, ms | TensorFlow's, ms | ratio |")
    print("| --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        for name, both in pairs(tf.summary.create_file_writer(folder)).items():
            for function in both:
                milliseconds(function)  # warms up
            blocks = [[milliseconds(function) for function in both] for _ in range(BLOCKS)]
            ours, theirs = (statistics.median(column) for column in zip(*blocks))
            ratio = statistics.median(b / a for a, b in blocks)
            print(f"| {name} | {ours:.1f} | {theirs:.1f} | {ratio:.2f} |", flush=True)


if __name__ == "__main__":
    terminal.run(main)
