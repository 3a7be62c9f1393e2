"""Runs the scripts in separate processes, with their own signals, streams and exit code.

Importing TensorFlow takes seconds, so these are forked from a server that has imported it and run
nothing. Those whose start itself is tested are in programs.py.
"""

import ast
import contextlib
import importlib
import multiprocessing
import os
import pathlib
import runpy
import signal
import sys
import tempfile
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
LIMIT = 120  # seconds; nothing is waited for any longer
NOT_INHERITED = ("DISPLAY", "WAYLAND_DISPLAY", "MPLBACKEND", "TF_CPP_MIN_LOG_LEVEL")

forkserver = None
if "forkserver" in multiprocessing.get_all_start_methods():
    forkserver = multiprocessing.get_context("forkserver")
    modules = "input_data checkpoints summaries figures files kernels terminal".split()
    forkserver.set_forkserver_preload(
        [*(f"support.{m}" for m in modules), "common", "pytest", "tensorboard.summary"]
    )


# The constants of double_conv.py for a short run that makes as many reports and checkpoints as a
# long one; and with a small network as well, whose checkpoints have 1 MB instead of 39.
SHORT = {"batch_size": 10, "report_every": 5, "film_every": 10}
SMALL = SHORT | {"num_fc": 16}


def run_as_main(script, constants):
    """Runs a script as `python SCRIPT` does, with some constants of double_conv.py replaced."""
    if not constants:
        runpy.run_path(sys.argv[0], run_name="__main__")
        return
    network = importlib.import_module("double_conv")
    for name, value in constants.items():
        assert hasattr(network, name)
        setattr(network, name, value)
    module = importlib.import_module(pathlib.Path(script).stem)
    # The last statement is `if __name__ == "__main__":`; its body runs in the imported module.
    last = ast.parse((ROOT / script).read_text()).body[-1]
    exec(compile(ast.Module(last.body, []), sys.argv[0], "exec"), vars(module))


def execute(script, args, folder, streams, before, constants):
    """Runs a script as __main__; the body of a forked process."""
    for number, path in enumerate(streams, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)
    for name in NOT_INHERITED:
        os.environ.pop(name, None)
    os.chdir(folder)
    os.setpgrp()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs ignore Ctrl-C
    sys.argv = [str(ROOT / script), *args]
    before()
    run_as_main(script, constants)


def nothing():
    """The default of what a process does before the script."""


class Running:
    """A script that was started; `wait` returns its (exit code, stdout, stderr).

    Its streams go to files, or to the devices or named pipes `stdout` and `stderr`.
    """

    started = []  # to kill those that a failed test has left (see conftest.py)

    def __init__(self, args, folder=None, before=nothing, constants=None, stdout=None, stderr=None):
        if not forkserver:
            pytest.skip("needs a fork server")
        script, *args = map(str, args)
        self.folder = tempfile.TemporaryDirectory()
        self.streams = [stdout or f"{self.folder.name}/out", stderr or f"{self.folder.name}/err"]
        arguments = script, args, str(folder or ROOT), self.streams, before, constants
        self.process = forkserver.Process(target=execute, args=arguments)
        self.process.start()
        self.started.append(self.process)

    def lines(self, count):
        """Returns its first `count` lines on stdout, as soon as they are there."""
        wait_until(lambda: self.stdout.count("\n") >= count or not self.process.is_alive())
        return self.stdout.splitlines(keepends=True)[:count]

    @property
    def stdout(self):
        return read_file(self.streams[0])

    @property
    def stderr(self):
        return read_file(self.streams[1])

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


def read_file(path):
    """Returns a file's text, "" for what is not a file, or not there yet."""
    return pathlib.Path(path).read_text() if os.path.isfile(path) else ""


def wait_until(condition):
    """Waits until condition() is true, and fails after LIMIT seconds."""
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def run(*args, code=0, folder=None, before=nothing, constants=None):
    """Runs a script and returns its (stdout, stderr).

    Args:
        args: the command line after `python`.
        code: expected exit code.
        folder: working directory (default: the project's).
        before: a function that the process calls before the script, e.g. to limit file sizes.
        constants: constants of double_conv.py to replace, e.g. SMALL.
    """
    return Running(args, folder, before, constants).result(code)


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


def interrupt_at(action, module, name, count=1, after=False):
    """Calls action() at the count-th call of module.name, before or after it.

    Called in a process before its script, this makes the moment of a signal certain.
    """
    module = importlib.import_module(module)
    original, calls = getattr(module, name), []

    def interrupted(*args, **kwargs):
        calls.append(name)
        if len(calls) == count and not after:
            action()
        result = original(*args, **kwargs)
        if len(calls) == count and after:
            action()
        return result

    setattr(module, name, interrupted)


def kill_myself():
    os.kill(os.getpid(), signal.SIGKILL)


def block():
    """Waits for a signal."""
    time.sleep(LIMIT)


def limit_file_size(size):
    """Simulates a full disk: writing a file beyond `size` bytes fails."""
    import resource

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def read_events(folder):
    """Returns every value in a run's event files: [(tag, step, value)], in the order written."""
    import tensorflow as tf

    values = []
    for path in sorted(folder.glob("events.out.tfevents.*")):
        for event in intact_events(path):
            if event.graph_def:
                values.append(("graph", event.step, event.graph_def))
            for value in event.summary.value:
                values.append((value.tag, event.step, tf.make_ndarray(value.tensor)))
    return values


def intact_events(path):
    """Yields the events of a file up to the first broken one, as a kill may leave it."""
    import tensorflow as tf

    with contextlib.suppress(tf.errors.DataLossError):
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            yield tf.compat.v1.Event.FromString(record)


def only_run(log_dir):
    """Returns the folder of the one run under log_dir, besides the post's."""
    (folder,) = (path for path in log_dir.iterdir() if not path.name.startswith("the-post"))
    return folder
