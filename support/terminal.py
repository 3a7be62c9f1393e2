"""The command line: options, one-line errors, the progress bar, files written whole."""

import argparse
import os
import re
import signal
import sys
import tempfile
import time
from pathlib import Path

import tensorflow as tf
from tqdm import tqdm

BAR = {"disable": None, "leave": False, "dynamic_ncols": True}  # None: only on a terminal


class Failure(Exception):
    """An error the user can fix; the message says what is wrong and what to do."""


def report(text, file=None):
    """Prints a line to stdout, at once and above the progress bar."""
    tqdm.write(text, file=file or sys.stdout)
    (file or sys.stdout).flush()


def say(text):
    """Prints a line to stderr; stdout carries only what the post's programs print."""
    report(text, sys.stderr)


def warn_if_bfloat16_is_slow():
    """Prints a warning if this CPU is known not to multiply in bfloat16."""
    cpu = Path("/proc/cpuinfo")
    if cpu.exists() and "bf16" not in cpu.read_text():
        say("this CPU has neither AVX512-BF16 nor AMX, so training in bfloat16 may be slower")


def reason(error):
    """Returns an error's message on one line; of TensorFlow's, the system's part."""
    if isinstance(error, tf.errors.OpError):
        return re.sub(r" \[Op:\w+\]", "", error.message.split("\n")[0]).rsplit("; ", 1)[-1]
    path = f"{error.filename}: " if getattr(error, "filename", None) else ""
    return path + (getattr(error, "strerror", None) or str(error))


def stop(number, _):
    """A signal handler that ends the run; the same signal again ends it at once."""
    signal.signal(number, signal.SIG_DFL)
    raise KeyboardInterrupt(number)


def run(main, if_stopped=""):
    """Runs main() with one-line errors; Ctrl-C and SIGTERM print "stopped" and if_stopped."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) != signal.SIG_IGN:  # as a background job's Ctrl-C is
            signal.signal(number, stop)
    try:
        try:
            return main()
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt as stopped:
        code, message = 128 + stopped.args[0], f"stopped{if_stopped}"
    except BrokenPipeError:  # the reader of our stdout has gone (`| head`)
        code, message = 141, ""  # SIGPIPE, as shells report it
    except (Failure, OSError, tf.errors.OpError) as error:
        code, message = 1, reason(error)
    if message:
        say(f"{os.path.basename(sys.argv[0])}: {message}")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # else Python tries a broken stdout again
    sys.exit(code)


def progress(steps):
    """Yields the range's steps, with a progress bar on terminals; prints the speed at the end.

    The first step is not timed: in it, TensorFlow traces and optimizes its functions.
    """
    for i in tqdm(steps, initial=steps.start, total=steps.stop, unit=" steps", **BAR):
        yield i
        if i == steps.start:
            start = time.perf_counter()
    if len(steps) > 1:
        seconds = time.perf_counter() - start
        speed = f"{(len(steps) - 1) / seconds:.1f} steps/s after the first, reports included"
        say(f"{len(steps)} steps in {seconds:.1f} s, {speed}")


def integer(low, high=2**31 - 1):
    """Returns an argparse type: an integer from low to high."""

    def parse(text):
        if re.fullmatch(r"-?\d+", text) and low <= int(text) <= high:
            return int(text)
        raise argparse.ArgumentTypeError(f"{text!r} is not an integer from {low} to {high}")

    return parse


def parser(description, steps=None, log_dir=None):
    """Returns an argument parser with the data options and, given `steps`, those of training."""
    verbatim = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=description, formatter_class=verbatim)
    add = parser.add_argument
    text = "folder of MNIST's four files, downloaded if missing (default: /tmp/data)"
    add("--data-dir", type=Path, default="/tmp/data", metavar="DIR", help=text)
    text = "auto (default) is MNIST if available, else digits rendered from fonts"
    add("--dataset", choices=["auto", "mnist", "rendered"], default="auto", help=text)
    if steps is not None:
        add("--steps", type=integer(0), default=steps, help=f"the last step (default: {steps})")
        add("--seed", type=integer(0), default=1, help="random seed (default: 1)")
        text = f"folder for TensorBoard, one subfolder per run (default: {log_dir})"
        add("--log-dir", type=Path, default=log_dir, metavar="DIR", help=text)
    return parser


def check_writable(folder, option):
    """Creates the folder if needed; raises a Failure that names the option if it cannot be used."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise Failure(f"{folder}: {error.strerror}; choose another {option}") from None


def write_whole(path, data):
    """Writes data to path (or where it links to), or raises OSError and leaves the old file."""
    path = path.resolve()
    temporary = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        temporary.unlink(missing_ok=True)
