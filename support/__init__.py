"""What surrounds a run: files, options, event files, checkpoints, figures; no network in here.

Importing it imports TensorFlow, without the messages that TensorFlow 2.21 logs even before
TF_CPP_MIN_LOG_LEVEL takes effect (https://github.com/tensorflow/tensorflow/issues/100442).
Set that variable yourself to see them.
"""

import gc
import os
import signal
import sys

# The number of a stream that the shell has closed (`>&-`) must not go to the next file opened.
while os.open(os.devnull, os.O_RDWR) < 3:
    pass
sys.stdout = sys.stdout or open(os.devnull, "w")
sys.stderr = sys.stderr or open(os.devnull, "w")
# Tried when a window is opened (support/figures.py): a wrong name would stop matplotlib's import.
MPLBACKEND = os.environ.pop("MPLBACKEND", None)

if not (3, 10) <= sys.version_info < (3, 14):
    sys.exit("TensorFlow 2.21 needs Python 3.10 to 3.13; see README.md")

# Garbage collection among TensorFlow's objects finds nothing: 0.6 s of the import, 0.5 s at exit.
gc.disable()
stderr, ctrl_c = os.dup(2), signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C: no traceback
try:
    if "TF_CPP_MIN_LOG_LEVEL" not in os.environ:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    import tensorflow  # noqa: F401
except ImportError as error:
    sys.exit(f"{error}; install the requirements: pip install -r requirements.txt")
finally:
    os.dup2(stderr, 2)
    signal.signal(signal.SIGINT, ctrl_c)
    gc.freeze()
    gc.enable()
