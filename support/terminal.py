"""The command line: options, one-line errors, stdout and stderr, the progress bar."""

import argparse
import builtins
import contextlib
import os
import re
import shlex
import sys
import time
import traceback
from pathlib import Path

from tqdm import tqdm

from support.quiet import tf

SCRIPTS = Path(__file__).parents[1]  # the folder that they are in
BAR = {"disable": None, "leave": False, "dynamic_ncols": True}  # None: only on a terminal


class Failure(Exception):
    """An error the user can fix; the message tells what is wrong and what to do."""


def print_stdout(text):
    """Prints a line to stdout, immediately and above the progress bar."""
    tqdm.write(text, file=sys.stdout)
    sys.stdout.flush()


def print_stderr(text):
    """Prints a line to stderr; stdout carries only what the post's programs print.

    If stderr cannot be written, the run continues.
    """
    with contextlib.suppress(OSError):
        tqdm.write(text, file=sys.stderr)


def print_next(*command):
    """Prints a command to continue with; its paths are absolute, so that it runs in any folder."""
    words = [str(word.absolute() if isinstance(word, Path) else word) for word in command]
    print_stderr(f"next: {shlex.join(words)}")


def places(error):
    """Returns the scripts' lines that led to an error of TensorFlow's, the last one last.

    The mistake may be in an earlier one. Lines of common.py, which the scripts call, count only if
    there are no others.
    """
    lines = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    # In a graph, the lines that made it are in the message; the traceback ends where it was run.
    lines += re.findall(r'File "(.+)", line (\d+)', error.message)
    found = [
        f"{Path(path).name}, line {number}"
        for path, number in lines
        if Path(path).parent == SCRIPTS
    ]
    return [place for place in found if not place.startswith("common.py")] or found


def reason(error):
    """Returns an error's message on one line, printable.

    "{{function_node __wrapped__SaveV2}} a/b; No space left on device [Op:SaveV2]", for example,
    becomes "a/b: No space left on device", and so does OSError(28, ..., "a/b").
    """
    if isinstance(error, tf.errors.OpError):
        # In a tf.function's message, the lines of code that led to the error precede the cause.
        trace = r'(?m)^(Graph execution error|Detected at|<stack traces|  File ").*\n+'
        first_line = re.sub(trace, "", error.message).strip().split("\n")[0]
        text = re.sub(r"\{\{.*?\}\} *| *\[Op:\w*\]( name: *)?", "", first_line).replace("; ", ": ")
        text += "".join(f" (refused in {place})" for place in places(error)[-1:])
    elif getattr(error, "strerror", None):
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    elif isinstance(error, MemoryError):  # often without text
        text = "out of memory"
    else:
        text = str(error) or type(error).__name__
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))


def in_notebook():
    """Tells whether IPython runs this code: %run in a notebook."""
    return hasattr(builtins, "__IPYTHON__")


def run(main, if_stopped=""):
    """Runs main(); Ctrl-C, or an error the user can fix, ends it with one line, no traceback.

    `if_stopped` is appended to "stopped", and to errors that do not tell what to do.
    """
    try:
        main()
        return
    except KeyboardInterrupt:
        code, message = 130, f"stopped{if_stopped}"
    except BrokenPipeError:  # the reader of our stdout has gone (`| head`)
        code, message = 141, None  # as if SIGPIPE had ended us
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes at its exit
    except (Failure, ConnectionError) as error:
        code, message = 1, reason(error)
    except (OSError, MemoryError, tf.errors.OpError) as error:
        code, message = 1, f"{reason(error)}{if_stopped}"
    except SystemExit as error:  # argparse's; it has printed its message
        code, message = error.code, None
    if message:
        print_stderr(f"{os.path.basename(sys.argv[0])}: {message}")
    if not in_notebook():  # there, IPython would add three lines about SystemExit
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
        count, seconds = len(steps) - 1, time.perf_counter() - start
        print_stderr(f"{count} steps in {seconds:.1f} s ({count / seconds:.1f} steps/s)")


def integer(low, high=2**31 - 1):
    """Returns an argparse type: an integer from low to high."""

    def parse(text):
        if re.fullmatch(r"-?\d+", text) and low <= int(text) <= high:
            return int(text)
        raise argparse.ArgumentTypeError(f"{text!r} is not an integer from {low} to {high}")

    return parse


def path(text):
    """An argparse type: a path; `~` is the home folder, also in --option=~/folder."""
    return Path(os.path.expanduser(text))


def parser(description):
    """Returns an argument parser whose help text begins with a script's docstring."""
    return argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def add_data_options(parser):
    """Adds the options that choose the digits."""
    add_data_dir(parser)
    parser.add_argument(
        "--dataset",
        choices=["auto", "mnist", "rendered"],
        default="auto",
        help="%(default)s (default) is MNIST if available, else digits rendered from fonts",
    )


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
    add_data_options(parser)
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
