"""What the peers share: options, MNIST's training set, the speed; without TensorFlow."""

import argparse
import gzip
from pathlib import Path

import numpy as np

BATCH_SIZE = {"single": 100, "double": 50}
WARM_UP = 10  # steps before the clock starts: they trace, compile and allocate


def parser(description):
    """Returns an argument parser with the options of every peer."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("network", choices=BATCH_SIZE)
    text = "folder of MNIST's files, gzipped (default: /tmp/data)"
    parser.add_argument("--data-dir", type=Path, default="/tmp/data", metavar="DIR", help=text)
    text = "how many steps to time, after ten that are not timed (default: 200)"
    parser.add_argument("--steps", type=int, default=200, help=text)
    return parser


def read_training_set(data_dir):
    """Returns the digits of the post's mnist.train: float32 [55000, 784], int64 [55000]."""
    with gzip.open(data_dir / "train-images-idx3-ubyte.gz") as file:
        images = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 784)
    with gzip.open(data_dir / "train-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)
    return images[5000:] * np.float32(1 / 255), labels[5000:].astype(np.int64)


def print_speed(steps, seconds):
    """Prints the line that compare.py reads."""
    print(f"{steps} steps in {seconds:.1f} s, {steps / seconds:.1f} steps/s")
