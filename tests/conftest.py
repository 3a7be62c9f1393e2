"""What the tests share: made-up digits, the folders with real MNIST, the longest runs, a display.

The tests protect what this project promises. `grep -rn "Promise 3" tests` finds a promise's:

1. The post's numbers and printed lines; the same seed gives the same bits.
2. A run killed at any moment resumes exactly, from the newest intact checkpoint.
3. No file is overwritten or deleted that a run of ours did not write.
4. What the user can fix ends a script with one line and exit code 1, without a traceback.
5. It works offline, without a display, in a pipe and in a notebook; Ctrl-C ends it with a line.
6. Downloads are verified, and put in place whole.
"""

import multiprocessing.forkserver
import os
import pathlib
import shutil
import subprocess

import pytest
from digits import write_digits
from processes import ROOT, Running, forkserver

import support.quiet  # noqa: F401  TensorFlow without its start-up messages, for all tests

# Tests start processes as a user does, who has no display.
for name in "TF_CPP_MIN_LOG_LEVEL PYTHONUNBUFFERED DISPLAY WAYLAND_DISPLAY MPLBACKEND".split():
    os.environ.pop(name, None)

if forkserver:
    folder = os.getcwd()
    os.chdir(ROOT)  # the server passes over what it does not find from there
    multiprocessing.forkserver.ensure_running()  # imports TensorFlow while pytest collects tests
    os.chdir(folder)


def pytest_sessionfinish():
    """Kills what a failed test has left running, or stopped: pytest would wait for its end."""
    for process in Running.started:
        process.kill()


@pytest.fixture(scope="session")
def small_data(tmp_path_factory):
    """A data dir with 600 + 500 digits to train and test on (the first 5,000 are held out)."""
    return write_digits(tmp_path_factory.mktemp("digits"))


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


@pytest.fixture(scope="session")
def started_default_run(mnist_dir, tmp_path_factory):
    """The default run of single_conv.py on MNIST, in an empty folder."""
    args = ["--data-dir", mnist_dir, "--log-dir", "logs"]
    return Running("single_conv.py", *args, folder=tmp_path_factory.mktemp("default"))


@pytest.fixture(scope="session")
def started_posts_network(mnist_dir, reference_dir, tmp_path_factory):
    """visualize_filters.py with the post's own checkpoint, on MNIST."""
    args = [reference_dir / "train_data-20000", "--data-dir", mnist_dir]
    return Running(
        "visualize_filters.py", *args, folder=tmp_path_factory.mktemp("post"), constants={}
    )


@pytest.fixture(scope="session", autouse=True)
def start_early(request):
    """Starts the longest runs before all tests, if one needs them: there is more than one core."""
    runs = {"started_default_run": {"MNIST_DIR"}}
    runs["started_posts_network"] = {"MNIST_DIR", "REFERENCE_DIR"}
    for name, variables in runs.items():
        needed = any(name in item.fixturenames for item in request.session.items)
        if needed and forkserver and variables <= set(os.environ):
            request.getfixturevalue(name)


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
