"""What the tests of the experiments share: a small network, trained here; made-up results."""

import sys

import numpy as np
import pytest
from digits import write_digits

from double_conv import DoubleConv
from experiments import comparisons, seeds, variants
from support import input_data, machine
from support.quiet import tf


class Small(variants.Dense1024):
    """784 -> 16 -> 10; dropout and Adam as in the second network. It learns slowly."""

    num_fc = 16


@pytest.fixture(autouse=True)
def small_experiment(monkeypatch):
    """Adds the experiment `small`."""
    monkeypatch.setitem(variants.EXPERIMENTS, "small", variants.like_double(Small))


class Trained:
    """The experiment `small`, trained without experiments.seeds for 103 steps, eight epochs."""

    def __init__(self, data_dir, seed):
        self.network = Small(seed)
        self.mnist = input_data.read_data_sets(data_dir, seed=seed)
        self.values = {}  # {step: {name: variable after it}}
        for step in range(103):
            self.network.train_step(*self.mnist.train.next_batch(50), dropout_seed=[seed, step])
            names = "W_fc1", "b_fc1", "W_fc2", "b_fc2"
            self.values[step] = {name: getattr(self.network, name).numpy() for name in names}

    def at(self, step):
        """Returns the network as it was after a step."""
        for name, value in self.values[step].items():
            getattr(self.network, name).assign(value)
        return self.network

    def accuracy(self, step, images, labels):
        """Returns the accuracy after a step: images [n, 784], labels one-hot [n, 10]."""
        return np.mean(self.at(step)(images).y_conv.numpy().argmax(1) == labels.argmax(1))

    def test_accuracy(self, step):
        """Returns the accuracy on the test set after a step."""
        return self.accuracy(step, self.mnist.test.images, self.mnist.test.labels)


@pytest.fixture(scope="session")
def trained(small_data):
    """{seed: Trained}."""
    return {seed: Trained(small_data, seed) for seed in (1, 2)}


class Fast(DoubleConv):
    """The second network, which changes much in one step."""

    def __init__(self, seed):
        super().__init__(seed)
        self.optimizer = tf.compat.v1.train.AdamOptimizer(0.05)


@pytest.fixture
def fast_double(monkeypatch):
    """Replaces the experiment `double` by a fast one, of 16 features."""
    monkeypatch.setattr("double_conv.num_fc", 16)
    fast = variants.like_double(Fast)._replace(batch_size=10)
    monkeypatch.setitem(variants.EXPERIMENTS, "double", fast)


@pytest.fixture(scope="session")
def few_digits(tmp_path_factory):
    """A data dir with 100 digits to train on and 100 to test on."""
    return write_digits(tmp_path_factory.mktemp("few"), train=5100, test=100)


@pytest.fixture
def run(monkeypatch):
    """Returns a function that runs a program's main() with a command line."""

    def run(program, *args):
        monkeypatch.setattr(sys, "argv", [program.__name__, *map(str, args)])
        program.main()

    return run


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Returns a function that writes rows to a published CSV file, as if measured on a CPU."""
    monkeypatch.setattr(seeds, "PUBLISHED", tmp_path)
    monkeypatch.setattr(comparisons, "TWO_CORES", "A, float32")

    def write(name, columns, rows, cpu="A", bfloat16=False):
        monkeypatch.setattr(machine, "cpu", lambda: cpu)
        seeds.append(tmp_path / f"{name}.csv", columns, rows, bfloat16)

    return write


@pytest.fixture
def write_accuracies(write):
    """Returns a function that writes an experiment's accuracies after a step, {seed: mean}.

    The accuracy at the step itself is 0.05 less.
    """

    def write_accuracies(experiment, step, accuracies, **measured_on):
        rows = [[s, step, f"{a - 0.05:.4f}", f"{a:.5f}"] for s, a in accuracies.items()]
        write(experiment, seeds.COLUMNS, rows, **measured_on)

    return write_accuracies
