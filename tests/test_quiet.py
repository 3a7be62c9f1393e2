"""How a script starts in a shell: TensorFlow's import, its messages, pipes (support/quiet.py)."""

import os
import re
import shlex
import signal
import subprocess
import sys

import pytest
from processes import LIMIT, ROOT


def begin(*args, folder=None, **environment):
    """Starts python in a new process."""
    return subprocess.Popen(
        [sys.executable, *args],
        cwd=folder,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # As in a shell; a background job would ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def result(process):
    """Waits for a process; returns its (exit code, stdout, stderr)."""
    out, err = process.communicate(timeout=LIMIT)
    return process.returncode, out, err


def start(*args, **options):
    """Runs python in a new process, to its end; returns its (exit code, stdout, stderr)."""
    return result(begin(*args, **options))


def start_without_tensorflow(code, folder):
    """Runs single_conv.py with this code in place of TensorFlow."""
    (folder / "tensorflow.py").write_text(code)
    return start(ROOT / "single_conv.py", PYTHONPATH=str(folder))


ADVICE = "In a new environment with Python 3.10 to 3.13: pip install -r requirements.txt"


@pytest.mark.parametrize("script", ["single_conv.py", "double_conv.py", "visualize_filters.py"])
def test_nothing_installed_is_one_line_that_tells_what_to_install(script):
    """Promise 4."""
    code, out, err = start("-S", ROOT / script)  # -S hides all that is installed
    assert (code, out) == (1, "")
    assert re.fullmatch(rf"No module named '\w+'\. {ADVICE}\n", err)


# As TensorFlow ends where a library is missing, and protobuf 5 under a TensorFlow made with 6.
NATIVE = """raise ImportError('''Traceback (most recent call last):
  File "pywrap_tensorflow.py", line 73, in <module>
    from tensorflow.python._pywrap_tensorflow_internal import *
no libc


Failed to load the native TensorFlow runtime.
See https://www.tensorflow.org/install/errors''')"""
PROTOBUF = "raise RuntimeError('Same major version is required. See Protobuf.')"


@pytest.mark.parametrize(
    ("code", "cause"),
    [(NATIVE, "no libc"), (PROTOBUF, "Same major version is required. See Protobuf")],
    ids=["native library", "protobuf"],
)
def test_tensorflow_that_cannot_be_imported_is_one_line_that_tells_what_to_do(
    tmp_path, code, cause
):
    """Promise 4."""
    assert start_without_tensorflow(code, tmp_path) == (1, "", f"{cause}. {ADVICE}\n")


def test_backend_that_matplotlib_no_longer_has_is_one_line():
    """Promise 4. Old answers prescribe it."""
    code, out, err = start(ROOT / "single_conv.py", "--help", MPLBACKEND="Qt4Agg")
    assert (code, out) == (1, "")
    assert re.fullmatch(r"(?i).*'Qt4Agg' is not a valid value .*\. Unset MPLBACKEND\n", err)


def test_ctrl_c_during_the_import_is_one_line(tmp_path):
    """Promise 5."""
    interrupted = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n"
    assert start_without_tensorflow(interrupted, tmp_path) == (130, "", "stopped\n")


LEVEL = "TF_CPP_MIN_LOG_LEVEL"
# Each module of support/ is imported after what it imports itself; a change is printed.
IMPORTS = """
import gc, importlib, logging, os, sys, warnings
import filelock, numpy, PIL.Image, pooch, requests, tensorboard.plugins.histogram.metadata, tqdm
import support.quiet

def loggers():
    return {name: vars(logging.getLogger(name)).copy() for name in known}

def state():
    collector = gc.isenabled(), gc.get_threshold()
    return dict(os.environ), list(sys.path), list(warnings.filters), loggers(), collector

known = sorted(logging.root.manager.loggerDict)
before = state()
for name in sys.argv[1:]:
    importlib.import_module(name)
    if state() != before:
        print(name)
        before = state()
"""


# The two fixtures that need the real TensorFlow take long, so they start before all tests here.


@pytest.fixture(scope="module", autouse=True)
def importing():
    """The import of each module of support/ but support.quiet.

    Only support.quiet, which imports TensorFlow, may change something in the process.
    """
    names = [f"support.{path.stem}" for path in (ROOT / "support").glob("*.py")]
    names = ["support", *sorted(set(names) - {"support.__init__", "support.quiet"})]
    assert len(names) > 5
    return begin("-c", IMPORTS, *names, folder=ROOT)


# TensorFlow, as far as its import matters here.
STUB = """
import logging, os
get_logger = logging.getLogger
os.write(2, b"a message")
"""


@pytest.mark.parametrize(("level", "messages"), [({}, ""), ({LEVEL: "0"}, "a message")])
def test_messages_of_tensorflows_are_for_those_who_ask(tmp_path, level, messages):
    (tmp_path / "tensorflow.py").write_text(STUB)
    found = start("-c", "import support.quiet", PYTHONPATH=f"{tmp_path}:{ROOT}", **level)
    assert found == (0, "", messages)


@pytest.fixture(scope="module", autouse=True)
def piping(small_data, tmp_path_factory):
    """single_conv.py in a shell whose pipe is closed after the first line."""
    script = [sys.executable, ROOT / "single_conv.py", "--steps", 100000]
    args = [*script, "--data-dir", small_data, "--log-dir", "logs"]
    command = f"{shlex.join(map(str, args))} | head -1"
    folder = tmp_path_factory.mktemp("pipe")
    process = subprocess.Popen(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    return process


# As `!python` in a notebook starts it, whose environment is not the one of .venv.
WITHOUT_IPYKERNEL = """
import importlib.metadata, sys
sys.modules["matplotlib_inline"] = None
importlib.metadata.entry_points = lambda **group: ()  # by which matplotlib knows its backend
from support.quiet import plt
plt.figure()
"""


def test_a_notebooks_backend_is_no_obstacle_where_it_is_not_installed(tmp_path):
    """Promise 5."""
    (tmp_path / "tensorflow.py").write_text(STUB)
    path, backend = f"{tmp_path}:{ROOT}", "module://matplotlib_inline.backend_inline"
    assert start("-c", WITHOUT_IPYKERNEL, PYTHONPATH=path, MPLBACKEND=backend) == (0, "", "")


def test_own_module_named_as_pythons_is_told_without_advice(tmp_path):
    """Promise 4. To install the requirements again would not help."""
    (tmp_path / "random.py").write_text("")
    code, out, err = start(ROOT / "single_conv.py", PYTHONPATH=str(tmp_path))
    assert (code, out) == (1, "")
    assert err == f"cannot import name 'Random' from 'random' ({tmp_path / 'random.py'})\n"


def test_importing_support_changes_nothing_in_the_process(importing):
    assert result(importing) == (0, "", "")


def test_closed_pipe_is_quiet(piping, small_data):
    """Promise 5. The one line also shows that there are no messages of TensorFlow's."""
    code, out, err = result(piping)
    assert code == 141
    assert re.fullmatch(r"step 0, training accuracy .*\n", out)
    assert err == f"{small_data} does not contain MNIST: do not compare results with the post's\n"
