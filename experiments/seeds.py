"""Trains variants of the networks with many seeds: what does a change do, and what is luck?

Appends a row per seed to experiments/results/EXPERIMENT.csv; seeds that are there already
are left out, so an interrupted script continues where it was. An experiment of
1,001 steps takes about 5 seconds a seed, one of 20,001 steps 2 to 10 minutes.

Example:
    python -m experiments.seeds single --seeds 1-100
    python -m experiments.seeds double-without-dropout --seeds 1-5
"""

import argparse
import csv
import datetime
import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import common
from common import bias_variable, conv2d, max_pool_2x2, weight_variable
from double_conv import DoubleConv
from single_conv import Layers, SingleConv
from support import checkpoints, input_data, terminal
from support.quiet import tf

FOLDER = Path(__file__).parent / "results"
COLUMNS = ["seed", "test_accuracy", "cpu", "python", "tensorflow", "date"]


# Variants of the first network.


class FrozenFilters(SingleConv):
    """The first network, whose filters stay at their random start."""

    @property
    def trainable_variables(self):
        return [self.W_fc1, self.b_fc1, self.W_fc2, self.b_fc2]


class OwnFirstLayer(SingleConv):
    """The first network again, in which a subclass can replace the first layer."""

    def first_layer(self, x_image):
        """Returns h_conv1, float32 [batch, 28, 28, filters]."""
        return tf.nn.relu(tf.abs(conv2d(x_image, self.W_conv1)) - 0.2)

    def __call__(self, x):
        h_conv1 = self.first_layer(tf.reshape(x, [-1, 28, 28, 1]))
        h_pool1 = max_pool_2x2(h_conv1)
        h_pool1_flat = tf.reshape(h_pool1, [-1, self.W_fc1.shape[0]])
        h_fc1 = tf.nn.relu(tf.matmul(h_pool1_flat, self.W_fc1) + self.b_fc1)
        logits = tf.matmul(h_fc1, self.W_fc2) + self.b_fc2
        return Layers(h_conv1, h_pool1, h_fc1, logits, tf.nn.softmax(logits))


class FourFilters(OwnFirstLayer):
    """With 4 filters in place of 16, and the weights that num_filters = 4 gives them."""

    def __init__(self, seed):
        super().__init__(seed)

        def new_stream():  # as in SingleConv
            return tf.random.Generator.from_state([0, seed, 87654321], alg="philox")

        self.W_conv1 = weight_variable([5, 5, 1, 4], new_stream())
        self.W_fc1 = weight_variable([14 * 14 * 4, 16], new_stream())


class WithoutAbs(OwnFirstLayer):
    """Without the abs: one sign of each edge is lost."""

    def first_layer(self, x_image):
        return tf.nn.relu(conv2d(x_image, self.W_conv1) - 0.2)


class WithoutThreshold(OwnFirstLayer):
    """With 0 in place of 0.2: weak responses stay. ReLU has nothing left to do."""

    def first_layer(self, x_image):
        return tf.abs(conv2d(x_image, self.W_conv1))


# Networks without convolutions, or with one: the ladder from the first network to the second.


class Outputs(NamedTuple):
    """What a test and a step of training need of a network."""

    logits: tf.Tensor  # float32 [batch, 10]
    y_conv: tf.Tensor  # float32 [batch, 10]


class Dense16(tf.Module):
    """784 -> 16 -> 10 without a convolution, trained like the first network."""

    num_fc = 16

    def __init__(self, seed):
        super().__init__()
        self.create_variables(tf.random.Generator.from_seed(seed, alg="philox"))
        self.optimizer = tf.compat.v1.train.GradientDescentOptimizer(0.001)

    def create_variables(self, random, inputs=784):
        """Creates the weights and biases from `inputs` numbers to the ten logits."""
        self.W_fc1 = weight_variable([inputs, self.num_fc], random)
        self.b_fc1 = bias_variable([self.num_fc])
        self.W_fc2 = weight_variable([self.num_fc, 10], random)
        self.b_fc2 = bias_variable([10])

    def __call__(self, x):
        h_fc1 = tf.nn.relu(tf.matmul(x, self.W_fc1) + self.b_fc1)
        logits = tf.matmul(h_fc1, self.W_fc2) + self.b_fc2
        return Outputs(logits, tf.nn.softmax(logits))

    train_step = SingleConv.train_step


class Dense1024(Dense16):
    """784 -> 1024 -> 10 without a convolution; dropout and Adam as in the second network."""

    num_fc = 1024

    def __init__(self, seed):
        super().__init__(seed)
        self.optimizer = tf.compat.v1.train.AdamOptimizer(1e-4)

    def inputs(self, x):
        """Returns what the features are computed from, float32 [batch, n]: here the pixels."""
        return x

    def __call__(self, x, keep_prob=1.0, dropout_seed=(0, 0)):
        h_fc1 = tf.nn.relu(tf.matmul(self.inputs(x), self.W_fc1) + self.b_fc1)
        dropout = tf.nn.experimental.stateless_dropout
        h_fc1_drop = dropout(h_fc1, rate=1 - keep_prob, seed=dropout_seed)
        logits = tf.matmul(h_fc1_drop, self.W_fc2) + self.b_fc2
        return Outputs(logits, tf.nn.softmax(logits))

    train_step = DoubleConv.train_step


class AbsFilters1024(Dense1024):
    """The first network's 16 filters, abs, 0.2 and pooling before the 1,024 features."""

    def create_variables(self, random):
        self.W_conv1 = weight_variable([5, 5, 1, 16], random)
        super().create_variables(random, 14 * 14 * 16)

    def inputs(self, x):
        x_image = tf.reshape(x, [-1, 28, 28, 1])
        h_conv1 = tf.nn.relu(tf.abs(conv2d(x_image, self.W_conv1)) - 0.2)
        return tf.reshape(max_pool_2x2(h_conv1), [-1, 14 * 14 * 16])


class WithoutDropout(DoubleConv):
    """The second network, which keeps all features in training too."""

    def __call__(self, x, keep_prob=1.0, dropout_seed=(0, 0)):
        return super().__call__(x)


# Training.


def train_like_single(network, seed, train, steps, folder):
    """Trains a network as single_conv.py does."""
    for _ in range(steps):
        network.train_step(*train.next_batch(100))


def train_like_double(network, seed, train, steps, folder):
    """Trains a network as double_conv.py does; saves checkpoints in folder, and resumes."""
    settings = {"network": type(network).__name__, "seed": seed}
    saver = checkpoints.Saver(folder, network, settings)
    first, run = saver.begin(steps - 1, resume=True, overwrite=False)
    train.skip(first, 50)
    for i in terminal.progress(range(first, steps)):
        network.train_step(*train.next_batch(50), dropout_seed=[seed, i])
        if i % 1000 == 0:
            saver.save(i, run)


class Experiment(NamedTuple):
    """A network, and how it is trained."""

    network: type  # called with a seed
    train: Callable
    steps: int


EXPERIMENTS = {
    "dense-16": Experiment(Dense16, train_like_single, 1001),
    "single": Experiment(SingleConv, train_like_single, 1001),
    "single-4-filters": Experiment(FourFilters, train_like_single, 1001),
    "single-without-abs": Experiment(WithoutAbs, train_like_single, 1001),
    "single-without-threshold": Experiment(WithoutThreshold, train_like_single, 1001),
    "single-frozen-filters": Experiment(FrozenFilters, train_like_single, 1001),
    "single-10001-steps": Experiment(SingleConv, train_like_single, 10001),
    "dense-1024": Experiment(Dense1024, train_like_double, 20001),
    "abs-filters-1024": Experiment(AbsFilters1024, train_like_double, 20001),
    "double": Experiment(DoubleConv, train_like_double, 20001),
    "double-without-dropout": Experiment(WithoutDropout, train_like_double, 20001),
}


def trained(experiment, seed, train, folder=None):
    """Trains an experiment's network on a DataSet, and returns it.

    The long experiments save checkpoints in a subfolder of `folder`.
    """
    make, train_like, steps = EXPERIMENTS[experiment]
    network = make(seed)
    train_like(network, seed, train, steps, folder and folder / f"{experiment}-{seed}")
    return network


def trained_single(seed, train):
    """Returns the first network, trained on a DataSet as single_conv.py does."""
    return trained("single", seed, train)


def read(experiment):
    """Returns {seed: test accuracy} of an experiment's CSV file, {} if there is none."""
    path = FOLDER / f"{experiment}.csv"
    if not path.exists():
        return {}
    with open(path, newline="") as file:
        return {int(row["seed"]): float(row["test_accuracy"]) for row in csv.DictReader(file)}


def cpu():
    """Returns the CPU's model and its number of cores, e.g. "AMD EPYC, cores: 2"."""
    path = Path("/proc/cpuinfo")  # on Linux
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.split(": ")[1] for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, cores: {len(os.sched_getaffinity(0))}"


def append(experiment, seed, test_accuracy):
    """Appends a row to an experiment's CSV file."""
    path = FOLDER / f"{experiment}.csv"
    path.parent.mkdir(exist_ok=True)
    new = not path.exists()
    with open(path, "a", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if new:
            writer.writerow(COLUMNS)
        versions = [cpu(), platform.python_version(), tf.__version__]
        writer.writerow([seed, f"{test_accuracy:.4f}", *versions, datetime.date.today()])


def seed_range(text):
    """An argparse type: "1-100" or a single seed."""
    first, dash, last = text.partition("-")
    integer = terminal.integer(0)
    seeds = range(integer(first), integer(last if dash else first) + 1)
    if not seeds:
        raise argparse.ArgumentTypeError(f"{text!r} has no seeds; the first one is too large")
    return seeds


def options():
    """Returns the command line's options."""
    parser = terminal.parser(__doc__)
    terminal.add_data_dir(parser)
    parser.add_argument("experiment", choices=EXPERIMENTS)
    parser.add_argument(
        "--seeds",
        type=seed_range,
        default=range(1, 6),
        metavar="FIRST-LAST",
        help="seeds to train with (default: 1-5)",
    )
    parser.add_argument(
        "--checkpoint-dir",
        type=terminal.path,
        default="seeds",
        metavar="DIR",
        help="folder for the long experiments' checkpoints (default: %(default)s)",
    )
    return parser.parse_args()


def main():
    args = options()
    for seed in args.seeds:
        if seed not in read(args.experiment):
            mnist = input_data.read_data_sets(args.data_dir, "mnist", seed)
            network = trained(args.experiment, seed, mnist.train, args.checkpoint_dir)
            test_accuracy = common.accuracy_on(network, mnist.test)
            append(args.experiment, seed, test_accuracy)
            terminal.print_stdout(
                f"{args.experiment}, seed {seed}: test accuracy {test_accuracy:.4f}"
            )


if __name__ == "__main__":
    terminal.run(main, if_stopped="; the same command continues")
