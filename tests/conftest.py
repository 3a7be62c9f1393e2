"""What the tests share: synthetic digits, and real MNIST if available."""

import gzip
import os
import pathlib

import support  # noqa: F401  TensorFlow without its start-up messages

import numpy as np
import pytest
from processes import ROOT  # puts the project on sys.path

for name in ("TF_CPP_MIN_LOG_LEVEL", "PYTHONUNBUFFERED"):  # tests start processes as a user does
    os.environ.pop(name, None)


def write_idx(folder, name, array, compress=True):
    """Writes uint8 images [n, 28, 28] or labels [n] as an IDX file, and returns its path."""
    magic = 2051 if array.ndim == 3 else 2049
    data = np.array([magic, *array.shape], ">i4").tobytes() + array.astype(np.uint8).tobytes()
    path = folder / (f"{name}.gz" if compress else name)
    path.write_bytes(gzip.compress(data, 1) if compress else data)
    return path


def write_digits(folder, train=5600, test=500, seed=0):
    """Writes four small files: each class is a bright square at its own position, with noise."""
    random = np.random.default_rng(seed)
    for name, count in (("train", train), ("t10k", test)):
        labels = random.integers(10, size=count)
        images = random.integers(60, size=(count, 28, 28))
        for image, label in zip(images, labels):
            row, column = divmod(int(label), 4)
            image[row * 9 : row * 9 + 7, column * 7 : column * 7 + 6] += 180
        write_idx(folder, f"{name}-images-idx3-ubyte", images)
        write_idx(folder, f"{name}-labels-idx1-ubyte", labels)
    return folder


@pytest.fixture(scope="session")
def small_data(tmp_path_factory):
    """A data dir with 600 + 500 digits to train and test on (the first 5,000 are held out)."""
    return write_digits(tmp_path_factory.mktemp("digits"))


def folder_of(variable, what):
    if variable not in os.environ:
        pytest.skip(f"set {variable} to a folder with {what} to run this test")
    return pathlib.Path(os.environ[variable]).resolve()


@pytest.fixture(scope="session")
def mnist_dir():
    """The folder with the real MNIST files."""
    return folder_of("MNIST_DIR", "the four MNIST files")


@pytest.fixture(scope="session")
def reference_dir():
    """The folder with a checkpoint of the post's own program."""
    return folder_of("REFERENCE_DIR", "the post's own checkpoint train_data-20000")


@pytest.fixture(scope="session")
def posts_curve():
    """Returns a function from "single" or "double" to {step: (cross entropy, accuracy)}."""

    def read(script):
        rows = (ROOT / "support" / f"{script}_curve_tf0.12.1.csv").read_text().splitlines()[1:]
        return {int(step): (float(ce), float(a)) for step, ce, a in (r.split(",") for r in rows)}

    return read
