"""The command line: options, one-line errors, the progress bar and the speed."""

import argparse
import contextlib
import os
import re
import signal
import sys
import time
from pathlib import Path

import tensorflow as tf
from tqdm import tqdm

BAR = {"disable": None, "leave": False, "dynamic_ncols": True}  # None: only on a terminal


class Failure(Exception):
    """An error the user can fix; the message tells what is wrong and what to do."""


def report(text, end="\n"):
    """Prints a line to stdout, immediately and above the progress bar."""
    try:
        tqdm.write(text, file=sys.stdout, end=end)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Failure(f"cannot write to stdout: {error.strerror}") from None


def say(text):
    """Prints a line to stderr; stdout carries only what the post's programs print."""
    with contextlib.suppress(OSError):  # a full or closed stderr is no reason to end a run
        tqdm.write(text, file=sys.stderr)
        sys.stderr.flush()


def reason(error):
    """Returns an error's message on one line, printable.

    "{{function_node __wrapped__SaveV2}} a/b; No space left on device [Op:SaveV2]", for example,
    becomes "a/b: No space left on device", and so does OSError(28, ..., "a/b").
    """
    if isinstance(error, tf.errors.OpError):
        first_line = error.message.strip().split("\n")[0]
        text = re.sub(r"\{\{.*?\}\} *| *\[Op:\w*\]", "", first_line).replace("; ", ": ")
    elif getattr(error, "strerror", None):
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    elif isinstance(error, MemoryError):
        text = str(error) or "out of memory"
    else:
        text = str(error)
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))


stopped_by = []  # the number of the signal that asked this process to stop


def stop(number, _):
    """A signal handler that ends the run; the same signal again ends it immediately."""
    signal.signal(number, signal.SIG_DFL)
    stopped_by.append(number)
    raise KeyboardInterrupt


def run(main, if_stopped=""):
    """Runs main() with one-line errors; a signal to stop prints "stopped" and if_stopped."""
    sys.stdout.reconfigure(errors="backslashreplace")  # a file's name that it can't encode
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        # Ignored already: Ctrl-C in a background job, SIGHUP under nohup.
        if number and signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, stop)
    try:
        try:
            return main()
        finally:
            report("", end="")  # flushes what argparse printed; an error is one line, like others
    except BaseException as error:
        code, message = exit_code_and_message(error, if_stopped)
    if message:
        say(f"{os.path.basename(sys.argv[0])}: {message}")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # otherwise Python flushes a broken stdout again
    sys.exit(code)


def exit_code_and_message(error, if_stopped):
    """Returns the exit code and the one line for an exception; raises it again if it is a bug."""
    if stopped_by:  # TensorFlow turns a signal's exception into others, even into TypeError
        return 128 + stopped_by[0], f"stopped{if_stopped}"
    if isinstance(error, BrokenPipeError):  # the reader of our stdout has gone (`| head`)
        return 141, ""  # SIGPIPE, as shells report it
    if isinstance(error, (Failure, OSError, MemoryError, tf.errors.OpError)):
        return 1, reason(error)
    raise error


def progress(steps):
    """Yields the range's steps, with a progress bar on terminals; prints the speed at the end.

    The first step is not timed: in it, TensorFlow traces and optimizes its functions.
    """
    for i in tqdm(steps, initial=steps.start, total=steps.stop, unit=" steps", **BAR):
        yield i
        if i == steps.start:
            start = time.perf_counter()
    if len(steps) > 1:
        count, seconds = len(steps) - 1, time.perf_counter() - start
        speed = f"{count / seconds:.1f} steps/s, reports included"
        say(f"{count} steps after the first in {seconds:.1f} s: {speed}")


def integer(low, high=2**31 - 1):
    """Returns an argparse type: an integer from low to high."""

    def parse(text):
        if re.fullmatch(r"-?\d+", text) and low <= int(text) <= high:
            return int(text)
        raise argparse.ArgumentTypeError(f"{text!r} is not an integer from {low} to {high}")

    return parse


def path(text):
    """An argparse type: a path that TensorFlow can open, which takes UTF-8 only."""
    try:
        text.encode()
    except UnicodeEncodeError:  # undecoded bytes of the command line
        message = f"{text!a} is not UTF-8, or not in this locale; rename it, or set LC_ALL=C.UTF-8"
        raise argparse.ArgumentTypeError(message) from None
    return Path(text)


def parser(description):
    """Returns an argument parser with the options of all scripts: where the digits come from."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_data_dir(parser)
    parser.add_argument(
        "--dataset",
        choices=["auto", "mnist", "rendered"],
        default="auto",
        help="%(default)s (default) is MNIST if available, else digits rendered from fonts",
    )
    return parser


def add_data_dir(parser):
    """Adds the option for MNIST's folder."""
    parser.add_argument(
        "--data-dir",
        type=path,
        default="/tmp/data",
        metavar="DIR",
        help="folder of MNIST's four files, downloaded if missing (default: %(default)s)",
    )


def add_training_options(parser, steps, log_dir):
    """Adds the options of both training scripts, with their defaults for steps and log_dir."""
    parser.add_argument(
        "--steps", type=integer(0), default=steps, help="the last step (default: %(default)s)"
    )
    parser.add_argument(
        "--seed", type=integer(0), default=1, help="random seed (default: %(default)s)"
    )
    parser.add_argument(
        "--log-dir",
        type=path,
        default=log_dir,
        metavar="DIR",
        help="folder for TensorBoard, one subfolder per run (default: %(default)s)",
    )
