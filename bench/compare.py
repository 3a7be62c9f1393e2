"""Time our scripts, PyTorch, JAX and Keras one after the other; print a Markdown table.

Each run is a separate process. A round runs everything once, and the rounds follow each other, so
that a slow minute of the machine slows all of them.

Example:
    python -m bench.compare --rounds 5 > table.md
"""

import argparse
import datetime
import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from support import machine

ROOT = Path(__file__).resolve().parents[1]
OURS, OURS_BARE = "this repository", "this repository, bare loop"
COMPILED = "PyTorch, `torch.compile`, bare loop"
COLUMNS = {
    "`single_conv.py`": ["single"],
    "`double_conv.py`": ["double"],
    "`double_conv.py --bfloat16`": ["double", "--bfloat16"],
}
# Tells glibc to keep freed memory: else PyTorch's first network faults it in again at each step.
KEEP_MEMORY = {"MALLOC_TRIM_THRESHOLD_": "2000000000", "MALLOC_MMAP_THRESHOLD_": "2000000000"}
# Each row's command, and the row of ours that does the same work.
PEERS = {
    "PyTorch, same work": (["bench.peer_torch", "--reports"], OURS),
    "PyTorch, bare loop": (["bench.peer_torch"], OURS_BARE),
    COMPILED: (["bench.peer_torch", "--compile"], OURS_BARE),
    "JAX, bare loop": (["bench.peer_jax"], OURS_BARE),
    "Keras `fit`, bare loop": (["bench.peer_keras"], OURS_BARE),
}


def options():
    """Returns the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    text = "folder of MNIST's four files, gzipped; downloaded if missing (default: /tmp/data)"
    parser.add_argument("--data-dir", type=Path, default="/tmp/data", metavar="DIR", help=text)
    parser.add_argument("--rounds", type=int, default=5, help="(default: 5)")
    text = "time torch.compile too; it compiles for up to a minute per run, and needs g++"
    parser.add_argument("--compile", action="store_true", help=text)
    text = "one short round, to see that everything works; its numbers mean nothing"
    parser.add_argument("--quick", action="store_true", help=text)
    return parser.parse_args()


def available_peers(compiled):
    """Returns the PEERS that are asked for; reports a missing g++."""
    peers = dict(PEERS)
    if not compiled:
        del peers[COMPILED]
    elif not shutil.which("g++"):
        print_stderr("g++ is missing: torch.compile is left out")
        del peers[COMPILED]
    return peers


def commands(args):
    """Returns what to run: {(row, column): command}."""
    steps = {"single": 10, "double": 20} if args.quick else {"single": 500, "double": 200}
    peers = available_peers(args.compile)
    runs = {}
    for column, (network, *bfloat16) in COLUMNS.items():
        common = ["--data-dir", args.data_dir.resolve(), "--steps", steps[network]]
        runs[OURS, column] = [ROOT / f"{network}_conv.py", *bfloat16, "--log-dir", "log", *common]
        runs[OURS, column] += ["--dataset", "mnist"]
        runs[OURS_BARE, column] = ["-m", "bench.bare", network, *bfloat16, *common]
        for row, ((peer, *modes), _) in peers.items():
            if peer != "bench.peer_keras" or not bfloat16:
                runs[row, column] = ["-m", peer, network, *bfloat16, *modes, *common]
    return runs


def print_stderr(text):
    """Prints a line to stderr, so that stdout has only the table."""
    print(text, file=sys.stderr, flush=True)


def speed(command):
    """Runs a command in a temporary folder; returns the steps per second that it prints last.

    Raises RuntimeError with the last line of its output if it fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.run(
            [sys.executable, *map(str, command)],
            cwd=folder,
            env=os.environ | KEEP_MEMORY | {"PYTHONPATH": str(ROOT), "MPLBACKEND": "agg"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    speeds = re.findall(r"([\d.]+) steps/s", process.stdout)
    if process.returncode or not speeds:
        lines = process.stdout.strip().splitlines() or ["no output"]
        raise RuntimeError(lines[-1])
    return float(speeds[-1])


def measure(runs, rounds):
    """Returns the speeds of each run, {(row, column): [one per round]}; leaves out what fails."""
    speeds = {key: [] for key in runs}
    for i in range(rounds):
        for key in list(speeds):
            try:
                speeds[key].append(speed(runs[key]))
                result = f"{speeds[key][-1]:.1f} steps/s"
            except RuntimeError as error:
                del speeds[key]
                result = f"left out: {error}"
            print_stderr(f"round {i + 1}, {', '.join(key)}: {result}")
    return speeds


def cell(row, column, speeds):
    """Returns a cell of the table: median (lowest to highest), ours / the peer's."""
    values = speeds.get((row, column))
    if not values:
        return ""
    text = f"{median(values):.1f} ({min(values):.1f} to {max(values):.1f})"
    ours = speeds.get((PEERS[row][1], column)) if row in PEERS else None
    if ours:
        text += f", {median(a / b for a, b in zip(ours, values)):.2f}x"
    return text


def table(speeds):
    """Returns the speeds as a Markdown table."""
    head = "| |" + "".join(f" {column} |" for column in COLUMNS)
    lines = [head, "| --- |" + " --- |" * len(COLUMNS)]
    for row in dict.fromkeys(row for row, _ in speeds):
        cells = [cell(row, column, speeds) for column in COLUMNS]
        lines.append(f"| {row} |" + "".join(f" {text} |" if text else " |" for text in cells))
    return "\n".join(lines)


def environment():
    """Returns the CPU, the cores, the versions and the date on one line."""
    parts = [machine.cpu(), f"Python {platform.python_version()}"]
    for name, package in (
        ("TensorFlow", "tensorflow"),
        ("Keras", "keras"),
        ("PyTorch", "torch"),
        ("JAX", "jax"),
    ):
        try:
            parts.append(f"{name} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            parts.append(f"no {name}")
    return ", ".join([*parts, f"{datetime.date.today()}"])


def main():
    args = options()
    rounds = 1 if args.quick else args.rounds
    if os.getloadavg()[0] > 0.5:
        load = f"load average {os.getloadavg()[0]:.1f}"
        print_stderr(
            f"this machine is busy ({load}): PyTorch's threads wait for each other, see README.md"
        )
    speeds = measure(commands(args), rounds)
    if not speeds:
        sys.exit("nothing was measured, for the reasons above")
    print(table(speeds))
    print("\nSteps per second: median (lowest to highest), and how many times as fast as that this")
    print("repository doing the same is: the median, over the rounds, of ours / the peer's.")
    print(f"Rounds: {rounds}.", end=" ")
    print(environment())


if __name__ == "__main__":
    main()
