"""What surrounds a run: files, options, event files, checkpoints, figures; no network in here.

Importing it imports TensorFlow, without its start-up messages.
"""

import gc
import importlib.util
import os
import signal
import sys

REQUIREMENTS = (
    "tensorflow",
    "tensorboard",
    "numpy",
    "matplotlib",
    "tqdm",
    "filelock",
    "PIL",
    "scipy",
)


def keep_streams_open():
    """Opens os.devnull in place of the streams that the shell has closed (`>&-`).

    Otherwise the next file opened would get the number of stdout, and our output.
    """
    while os.open(os.devnull, os.O_RDWR) < 3:
        pass
    sys.stdout = sys.stdout or open(os.devnull, "w")
    sys.stderr = sys.stderr or open(os.devnull, "w")


def check_python():
    """Exits with one line if Python is one without TensorFlow 2.21, or a package is missing."""
    if not (3, 10) <= sys.version_info < (3, 14):
        sys.exit("TensorFlow 2.21 needs Python 3.10 to 3.13; see README.md")
    missing = [name for name in REQUIREMENTS if not importlib.util.find_spec(name)]
    if missing:
        names = ", ".join(missing)
        sys.exit(f"not installed: {names}; install them: pip install -r requirements.txt")


def import_tensorflow_quietly():
    """Imports TensorFlow without the messages that it logs before TF_CPP_MIN_LOG_LEVEL counts.

    See https://github.com/tensorflow/tensorflow/issues/100442; set that variable to see them.
    """
    if signal.getsignal(signal.SIGINT) == signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends the import without a traceback
    # Garbage collection among TensorFlow's objects finds nothing, and takes a second in all.
    gc.disable()
    stderr = os.dup(2)
    try:
        # First, because OpenBLAS may end the process with a message, which must be seen.
        import numpy  # noqa: F401

        if "TF_CPP_MIN_LOG_LEVEL" not in os.environ:
            os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        import tensorflow  # noqa: F401
    except ImportError as error:
        sys.exit(f"{error}; install the requirements again: pip install -r requirements.txt")
    finally:
        os.dup2(stderr, 2)
        gc.freeze()
        gc.enable()
    if signal.getsignal(signal.SIGINT) == signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)


keep_streams_open()
check_python()
# Tried when a window is opened (support/figures.py): a wrong name would stop matplotlib's import.
MPLBACKEND = os.environ.pop("MPLBACKEND", None)
import_tensorflow_quietly()
