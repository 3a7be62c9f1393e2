"""What the tests share: made-up digits and real MNIST, runs, a display."""

import contextlib
import functools
import multiprocessing.forkserver
import os
import pathlib
import shutil
import subprocess
import sys

import pytest
from digits import write_digits
from processes import ROOT, Running, forkserver

import support  # noqa: F401  TensorFlow without its start-up messages

# Tests start processes as a user does, who has no display.
for name in "TF_CPP_MIN_LOG_LEVEL PYTHONUNBUFFERED DISPLAY WAYLAND_DISPLAY MPLBACKEND".split():
    os.environ.pop(name, None)

if forkserver:
    multiprocessing.forkserver.ensure_running()  # imports TensorFlow while pytest collects tests


@pytest.fixture(autouse=True)
def no_process_is_left():
    """Kills what a failed test has left running, or stopped: pytest would wait for its end."""
    before = len(Running.started)
    yield
    while len(Running.started) > before:
        Running.started.pop().kill()


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


# ----------------------------------------------------------------------------------- long runs

# What takes seconds starts before the first test and runs beside the tests that do not need it.
# It has a low priority, so that it slows none of them down.
LONG_RUNS = [
    "default_run",
    "hundred_steps",
    "posts_figures",
    "posts_mistakes",
    "rendered_run",
    "starts",
]


@pytest.fixture(scope="session", autouse=True)
def start_long_runs(request):
    """Starts those that a test needs."""
    needed = {name for item in request.session.items for name in item.fixturenames}
    for name in LONG_RUNS:
        if name in needed:
            with contextlib.suppress(pytest.skip.Exception):  # the test itself will be skipped
                request.getfixturevalue(name)
    yield
    while Running.started:
        Running.started.pop().kill()


@pytest.fixture(scope="session")
def long_run(tmp_path_factory):
    """Returns a function that starts a script in a new folder, and returns the Running."""

    def start(*args, **options):
        folder, before = tmp_path_factory.mktemp("long"), functools.partial(os.nice, 19)
        return Running(*args, folder=folder, before=before, **options)

    return start


@pytest.fixture(scope="session")
def default_run(long_run, mnist_dir):
    """The first network's default run on MNIST."""
    return long_run("single_conv.py", "--data-dir", mnist_dir, "--log-dir", "logs")


@pytest.fixture(scope="session")
def hundred_steps(long_run, mnist_dir):
    """The second network up to step 100, on MNIST."""
    args = ["--data-dir", mnist_dir, "--log-dir", "logs", "--steps", 100]
    return long_run("double_conv.py", *args, constants={})


@pytest.fixture(scope="session")
def posts_figures(long_run, reference_dir, mnist_dir):
    """visualize_filters.py with the checkpoint of the post's own program."""
    args = [reference_dir / "train_data-20000", "--data-dir", mnist_dir]
    return long_run("visualize_filters.py", *args, constants={})


@pytest.fixture(scope="session")
def posts_mistakes(long_run, reference_dir, mnist_dir):
    """recognize.py --mistakes with the same checkpoint."""
    args = ["--checkpoint", reference_dir / "train_data-20000", "--data-dir", mnist_dir]
    return long_run("recognize.py", "--mistakes", "--first", 1, *args, constants={})


@pytest.fixture(scope="session")
def rendered_run(long_run):
    """The first network, 1 step on rendered digits."""
    args = ["--steps", 0, "--dataset", "rendered", "--log-dir", "logs"]
    return long_run("single_conv.py", *args)


INLINE = "MPLBACKEND=module://matplotlib_inline.backend_inline"  # as a notebook passes it on
COMMANDS = {
    "link": f"ln -s $root/double_conv.py link.py && {INLINE} python link.py $data --steps 0",
    "messages": "TF_CPP_MIN_LOG_LEVEL=0 python $root/single_conv.py --help",
    "head": "python $root/single_conv.py $data --steps 20 --figure f.png | head -1",
}


@pytest.fixture(scope="session")
def starts(small_data, tmp_path_factory):
    """The COMMANDS in a shell, as a user types them, each in a separate folder: {name: Popen}."""
    environment = os.environ | {"root": str(ROOT)}
    environment["data"] = f"--data-dir {small_data} --log-dir logs"
    environment["PATH"] = f"{pathlib.Path(sys.executable).parent}:{environment['PATH']}"
    return {
        name: subprocess.Popen(
            ["nice", "bash", "-o", "pipefail", "-c", command],
            cwd=tmp_path_factory.mktemp("start"),
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name, command in COMMANDS.items()
    }
