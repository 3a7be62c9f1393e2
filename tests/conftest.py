"""What the tests share: made-up digits and real MNIST, runs, a display."""

import csv
import multiprocessing.forkserver
import os
import pathlib
import shutil
import subprocess

import support  # noqa: F401  TensorFlow without its start-up messages

import pytest
from digits import write_digits
from processes import ROOT, Running, forkserver
from runs import train

# Tests start processes as a user does.
for name in ("TF_CPP_MIN_LOG_LEVEL", "PYTHONUNBUFFERED"):
    os.environ.pop(name, None)

if forkserver:
    multiprocessing.forkserver.ensure_running()  # imports TensorFlow while pytest collects tests


@pytest.fixture(autouse=True)
def no_process_is_left():
    """Kills what a failed test has left running, or stopped: pytest would wait for its end."""
    yield
    while Running.started:
        Running.started.pop().kill()


@pytest.fixture(scope="session")
def small_data(tmp_path_factory):
    """A data dir with 600 + 500 digits to train and test on (the first 5,000 are held out)."""
    return write_digits(tmp_path_factory.mktemp("digits"))


@pytest.fixture(scope="session")
def undisturbed(small_data, tmp_path_factory):
    """An uninterrupted run of double_conv.py, 61 steps: (its folder, stdout, stderr)."""
    folder = tmp_path_factory.mktemp("undisturbed")
    return folder, *train(folder, small_data, "--steps", 60)


@pytest.fixture
def copy(undisturbed, tmp_path):
    """A copy of the uninterrupted run's folder."""
    return shutil.copytree(undisturbed[0], tmp_path / "copy")


@pytest.fixture(scope="session")
def display():
    """A display of Xvfb's, as DISPLAY's value."""
    if not shutil.which("Xvfb"):
        pytest.skip("needs Xvfb")
    pytest.importorskip("tkinter")
    # Without -noreset it would refuse windows for a moment after the last one was closed.
    args = ["Xvfb", "-displayfd", "1", "-noreset", "-screen", "0", "1400x1000x24"]
    server = subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    yield f":{server.stdout.readline().strip()}"  # it prints the number as soon as it is ready
    server.kill()
    server.wait()


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

    def read(network):
        with open(ROOT / "support" / "recordings" / f"{network}_curve_tf0.12.1.csv") as file:
            rows = csv.DictReader(file)
            return {
                int(row["step"]): (float(row["cross_entropy"]), float(row["accuracy"]))
                for row in rows
            }

    return read
