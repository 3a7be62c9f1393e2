"""NumPy, matplotlib and TensorFlow, without start-up messages: `from support.quiet import tf`.

Set TF_CPP_MIN_LOG_LEVEL=0 to see TensorFlow's.
"""

import contextlib
import gc
import importlib.util
import logging
import os
import re
import sys


@contextlib.contextmanager
def without_messages():
    """Hides what is written to stderr by C++, past sys.stderr."""
    stderr = os.dup(2)
    with open(os.devnull, "w") as devnull:
        os.dup2(devnull.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)


def what_to_do(error):
    """Returns an import's error, and what to do, on one line."""
    # TensorFlow's text may be a traceback, the cause, and where to ask.
    cause = re.sub(r"(?m)^(Traceback|  ).*\n+", "", f"{error}").split("\n")[0].rstrip(".")
    path = getattr(error, "path", None)
    if path and "-packages" not in path:  # the user's own random.py, for example
        return cause
    if "for backend" in cause:
        return f"{cause}. Unset MPLBACKEND"
    advice = "In a new environment with Python 3.10 to 3.13: pip install -r requirements.txt"
    return f"{cause}. {advice}"


def import_quietly():
    """Imports and returns NumPy, matplotlib and TensorFlow; if that fails, exits with one line."""
    # A notebook passes its backend on to `!.venv/bin/python`, where it may not be installed.
    is_inline = "matplotlib_inline" in os.environ.get("MPLBACKEND", "")
    if is_inline and not importlib.util.find_spec("matplotlib_inline"):
        del os.environ["MPLBACKEND"]
    # During its import TensorFlow logs before it reads this variable, so stderr is closed to it:
    # https://github.com/tensorflow/tensorflow/issues/100442
    hide = os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") == "3"
    # Garbage collection among TensorFlow's objects finds nothing, and takes a second in all.
    gc.disable()
    try:
        import matplotlib.pyplot
        import numpy

        with without_messages() if hide else contextlib.nullcontext():
            import tensorflow
    except Exception as error:  # e.g. for a wrong version of protobuf, its own
        sys.exit(what_to_do(error))
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(130)
    finally:
        gc.freeze()
        gc.enable()
    if hide:  # what Python logs before an error, e.g. 33 lines for one corrupt checkpoint
        logging.getLogger("absl").disabled = True
        tensorflow.get_logger().setLevel("ERROR")
    return numpy, matplotlib, tensorflow


np, matplotlib, tf = import_quietly()
plt = matplotlib.pyplot
