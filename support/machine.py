"""The machine that a number was measured on."""

import os
import platform
import re
from pathlib import Path


def cpu():
    """Returns the CPU's model and how many cores this process may use: "AMD EPYC, cores: 2"."""
    info = Path("/proc/cpuinfo")  # on Linux
    model = re.search(r"^model name\s*: (.*)", info.read_text() if info.exists() else "", re.M)
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:  # on macOS
        cores = os.cpu_count()
    return f"{model[1] if model else platform.machine()}, cores: {cores}"
