"""What the tests share: small digits made here, real MNIST where there is one, the command line."""

import gzip
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from common import np, tf  # noqa: E402


def write_idx(folder, name, array, compress=True):
    """Writes uint8 images [n, 28, 28] or labels [n] as an IDX file, and returns its path."""
    magic = 2051 if array.ndim == 3 else 2049
    data = np.array([magic, *array.shape], ">i4").tobytes() + array.astype(np.uint8).tobytes()
    path = folder / (f"{name}.gz" if compress else name)
    path.write_bytes(gzip.compress(data, 1) if compress else data)
    return path


def write_digits(folder, train=5600, test=500, seed=0):
    """Writes four small files: digit d is a bright square at a place of its own, with noise."""
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
    """A data dir with 600 + 500 digits to train and test on (the first 5,000 are set aside)."""
    return write_digits(tmp_path_factory.mktemp("digits"))


@pytest.fixture(scope="session")
def mnist_dir():
    """The folder with the real MNIST files."""
    if "MNIST_DIR" not in os.environ:
        pytest.skip("set MNIST_DIR to the folder of MNIST's four files to run this test")
    return pathlib.Path(os.environ["MNIST_DIR"]).resolve()


@pytest.fixture(scope="session")
def reference_dir():
    """The folder with a checkpoint that the post's own program wrote."""
    if "REFERENCE_DIR" not in os.environ:
        pytest.skip("set REFERENCE_DIR to the folder of the 2016 checkpoint to run this test")
    return pathlib.Path(os.environ["REFERENCE_DIR"]).resolve()


def run(*words, code=0, folder=None, before="", **variables):
    """Runs a script as a user would, and returns what it printed: (stdout, stderr).

    Args:
        words: the command line after `python`.
        code: the exit code that it must have.
        folder: the current folder, if it is not the project's.
        before: Python statements to run in the script's process first (for small steps, say).
        variables: environment variables to set.
    """
    script, *rest = (str(word) for word in words)
    command = [sys.executable, ROOT / script, *rest]
    if before:
        start = f"import sys, common; sys.argv[0] = {script!r}; import {script[:-3]} as script; "
        command = [sys.executable, "-c", f"{start}{before}; common.run(script.main)", *rest]
    # No window opens, and TensorFlow is as quiet as it is for a user.
    ours = ("DISPLAY", "TF_CPP_MIN_LOG_LEVEL")
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    environment |= {"PYTHONPATH": str(ROOT), **variables}
    result = subprocess.run(
        command, cwd=folder or ROOT, env=environment, capture_output=True, text=True, timeout=900
    )
    assert result.returncode == code, result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    return result.stdout, result.stderr


def read_events(folder):
    """Returns every value in a run's event files: [(tag, step, value)], in the order written."""
    values = []
    for path in sorted(folder.glob("events.out.tfevents.*")):
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            event = tf.compat.v1.Event.FromString(record)
            if event.graph_def:
                values.append(("graph", event.step, event.graph_def))
            for value in event.summary.value:
                values.append((value.tag, event.step, tf.make_ndarray(value.tensor)))
    return values


def only_run(log_dir):
    """Returns the folder of the one run under log_dir."""
    (folder,) = log_dir.iterdir()
    return folder
