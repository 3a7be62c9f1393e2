"""Runs the scripts in a shell, as a user does: where their start itself is tested.

Each takes seconds, so they run once in a session, one after the other, beside the tests (see
`programs` in conftest.py).
"""

import os
import pathlib
import subprocess
import sys
from typing import NamedTuple

from processes import LIMIT, NOT_INHERITED, ROOT

# What the commands call: the scripts on small data.
SHELL = """
single() { "$python" "$root/single_conv.py" --data-dir "$data" --log-dir logs "$@"; }
double() { "$python" "$root/double_conv.py" --data-dir "$data" --log-dir logs "$@"; }
visualize() { "$python" "$root/visualize_filters.py" "$checkpoint" --data-dir "$data" "$@"; }
"""
# Each runs in a separate folder; in the order in which the tests need them.
COMMANDS = {
    "double": "double --steps 100",
    "variables": "MPLBACKEND=nonsense DISPLAY=:987654 TF_CPP_MIN_LOG_LEVEL=0 single --steps 0",
    "single": "single --steps 30 --figure figure.png",
    "closed streams": "single --steps 20 --figure figure.png <&- >&- 2>&-",
    "help into a closed pipe": "single --help | true",
    "visualize": "visualize --figure-dir new",
}
# The last two, on real MNIST, if MNIST_DIR names its folder; the second --data-dir counts.
ON_MNIST = {
    "double on MNIST": 'double --data-dir "$mnist" --steps 200',
    "single on MNIST": 'single --data-dir "$mnist" --figure figure.png',
}


class Ended(NamedTuple):
    """What a command has left."""

    code: int
    out: str
    err: str
    folder: pathlib.Path


def start_all(pool, data, checkpoint, make_folder):
    """Starts all commands in a pool; returns {name: future of its Ended}.

    make_folder(name) makes a new folder.
    """
    commands = COMMANDS
    paths = {"python": sys.executable, "root": ROOT, "data": data, "checkpoint": checkpoint}
    if "MNIST_DIR" in os.environ:
        commands = COMMANDS | ON_MNIST
        paths["mnist"] = pathlib.Path(os.environ["MNIST_DIR"]).resolve()
    environment = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
    environment |= {name: str(path) for name, path in paths.items()}

    def run(command):
        folder = make_folder("program")
        shell = ["bash", "-o", "pipefail", "-c", SHELL + command]
        options = {"capture_output": True, "text": True, "timeout": LIMIT}
        ended = subprocess.run(shell, cwd=folder, env=environment, **options)
        return Ended(ended.returncode, ended.stdout, ended.stderr, folder)

    return {name: pool.submit(run, command) for name, command in commands.items()}
