"""Runs the scripts in separate processes, as a user does from the command line.

Importing TensorFlow takes seconds, so these processes are forked from one that has imported it,
and what else they need.
"""

import contextlib
import multiprocessing
import os
import pathlib
import re
import runpy
import signal
import sys
import tempfile
import time

import matplotlib
import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIMIT = 300  # seconds; nothing is waited for any longer
# Constants of double_conv.py: a small network, and many reports and checkpoints in few steps.
SMALL = {"num_fc": 16, "batch_size": 10, "report_every": 5, "filters_every": 10}

forkserver = None
if "forkserver" in multiprocessing.get_all_start_methods():
    forkserver = multiprocessing.get_context("forkserver")
    needed = ["visualize_filters", "single_conv", "scipy.ndimage", "tensorboard.summary", "pytest"]
    forkserver.set_forkserver_preload(needed)


def execute(script, args, folder, streams, environment, constants, before):
    """Runs a script, or a package (`python -m`), as __main__; the body of a forked process."""
    for number, path in enumerate(streams, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    sys.stdout = open(1, "w", closefd=False)
    sys.stderr = open(2, "w", buffering=1, closefd=False)  # as Python's own: line by line
    os.environ.update(environment)
    if "MPLBACKEND" in environment:  # matplotlib reads it when it is imported: before the fork
        matplotlib.rcParams["backend"] = environment["MPLBACKEND"]
    os.chdir(folder)
    os.setpgrp()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs ignore Ctrl-C
    sys.argv = [str(ROOT / script), *args]
    assert "double_conv" in sys.modules, "the fork server has imported nothing"
    if before:
        before()

    import double_conv

    # The constants are replaced in its source, and in the module that other scripts import.
    source = (ROOT / "double_conv.py").read_text()
    for name, value in constants.items():
        setattr(double_conv, name, value)
        source, count = re.subn(rf"(?m)^{name} = \d+", f"{name} = {value}", source)
        assert count == 1
    if script == "double_conv.py":
        exec(compile(source, sys.argv[0], "exec"), {"__name__": "__main__"})
    elif script.endswith(".py"):
        runpy.run_path(sys.argv[0], run_name="__main__")
    else:
        runpy.run_module(script, run_name="__main__", alter_sys=True)


class Running:
    """A script that was started; `wait` returns its (exit code, stdout, stderr).

    Args:
        args: the command line after `python`, or after `python -m`.
        folder: working directory (default: a new, empty one).
        environment: variables to set, e.g. DISPLAY.
        constants: constants of double_conv.py to replace (default: SMALL; {} for none).
        stdout, stderr: a device or named pipe in place of a file.
        before: a function that the process calls first, e.g. to limit the size of files.
    """

    started = []  # to kill those that a failed test has left (see conftest.py)

    def __init__(
        self,
        *args,
        folder=None,
        environment=None,
        constants=SMALL,
        stdout=None,
        stderr=None,
        before=None,
    ):
        if not forkserver:
            pytest.skip("needs a fork server")
        script, *args = map(str, args)
        self.temporary = tempfile.TemporaryDirectory()
        (pathlib.Path(self.temporary.name) / "empty").mkdir()
        self.folder = pathlib.Path(folder or f"{self.temporary.name}/empty")
        self.streams = [
            stdout or f"{self.temporary.name}/stdout",
            stderr or f"{self.temporary.name}/stderr",
        ]
        self.process = forkserver.Process(
            target=execute,
            args=(script, args, self.folder, self.streams, environment or {}, constants, before),
        )
        self.process.start()
        self.started.append(self.process)

    @property
    def stdout(self):
        return read_text(self.streams[0])

    @property
    def stderr(self):
        return read_text(self.streams[1])

    def wait_for_lines(self, count):
        """Waits until it has printed `count` lines to stdout, or has ended."""
        wait_until(lambda: self.stdout.count("\n") >= count or not self.process.is_alive())

    def send(self, number):
        """Sends it a signal."""
        os.kill(self.process.pid, number)

    def wait(self):
        """Waits for its end; a process that does not end is killed, and the test fails."""
        self.process.join(LIMIT)
        if self.process.is_alive():
            self.process.kill()
            raise AssertionError(f"no end after {LIMIT} s")
        assert "Traceback" not in self.stderr, self.stderr
        return self.process.exitcode, self.stdout, self.stderr

    def result(self, code=0):
        """Waits for its end with this exit code, and returns its (stdout, stderr)."""
        found, out, err = self.wait()
        assert found == code, out + err
        return out, err


def run(*args, code=0, **options):
    """Runs a script to its end, which must have this exit code; returns its (stdout, stderr).

    The arguments and options are those of Running.
    """
    return Running(*args, **options).result(code)


def read_text(path):
    """Returns a file's text, "" for what is not a file, or not there yet."""
    return pathlib.Path(path).read_text() if os.path.isfile(path) else ""


def wait_until(condition):
    """Waits until condition() is true, and fails after LIMIT seconds."""
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


@contextlib.contextmanager
def pseudo_terminal(columns=80):
    """Yields (a terminal's device, a function that returns in the end what was shown there)."""
    import fcntl
    import pty
    import struct
    import termios

    shown, stream = pty.openpty()
    fcntl.ioctl(stream, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def read():
        os.close(stream)
        data = b""
        with contextlib.suppress(OSError):  # how Linux reports that the other end is closed
            while chunk := os.read(shown, 1024):
                data += chunk
        return data.decode()

    yield os.ttyname(stream), read
    os.close(shown)


def limit_file_size(size):
    """Simulates a full disk: writing a file beyond `size` bytes fails."""
    import resource

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
