"""What surrounds a run: files, options, event files, checkpoints, figures; no network in here.

Importing it imports TensorFlow, without its start-up messages.
"""

import contextlib
import gc
import importlib.util
import os
import sys

REQUIREMENTS = "tensorflow tensorboard numpy matplotlib tqdm filelock PIL pooch scipy".split()


def check_python():
    """Exits with one line if Python is too old or too new, or a package is missing."""
    if not (3, 10) <= sys.version_info < (3, 14):
        sys.exit("TensorFlow 2.21 needs Python 3.10 to 3.13; see README.md")
    missing = [name for name in REQUIREMENTS if not importlib.util.find_spec(name)]
    if missing:
        names = ", ".join(missing)
        sys.exit(f"not installed: {names}; install them: pip install -r requirements.txt")


@contextlib.contextmanager
def without_start_up_messages():
    """Hides what TensorFlow logs during its import, before TF_CPP_MIN_LOG_LEVEL takes effect.

    See https://github.com/tensorflow/tensorflow/issues/100442; set that variable to 0 to see them.
    """
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") != "3":
        yield
        return
    stderr = os.dup(2)
    with open(os.devnull, "w") as devnull:
        os.dup2(devnull.fileno(), 2)  # the messages come from C++, past sys.stderr
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)


def import_tensorflow():
    """Imports TensorFlow; if that fails, or at Ctrl-C, exits with one line."""
    # Garbage collection among TensorFlow's objects finds nothing, and takes a second in all.
    gc.disable()
    try:
        import numpy  # noqa: F401  # first: what OpenBLAS prints when it gives up must be seen

        with without_start_up_messages():
            import tensorflow  # noqa: F401
    except ImportError as error:
        sys.exit(f"{error}; install the requirements again: pip install -r requirements.txt")
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(130)
    finally:
        gc.freeze()
        gc.enable()


def check_backend():
    """Forgets a notebook's matplotlib backend where it is not installed.

    A notebook passes it on to `!.venv/bin/python`, and then TensorFlow can't import matplotlib.
    """
    is_inline = "matplotlib_inline" in os.environ.get("MPLBACKEND", "")
    if is_inline and not importlib.util.find_spec("matplotlib_inline"):
        del os.environ["MPLBACKEND"]


check_python()
check_backend()
import_tensorflow()
