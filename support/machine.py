"""The machine that a number was measured on."""

import os
import platform
import re
from pathlib import Path


def cpu():
    """Returns what the last bits of a sum depend on, e.g. "AMD EPYC, AVX2, cores: 2".

    That is the CPU's model; its widest vectors, because a virtual machine gives several CPUs one
    name; the number of cores that this process may use; and TF_ENABLE_ONEDNN_OPTS, if it is set:
    by default, TensorFlow uses oneDNN only where it finds AVX-512 VNNI, AVX VNNI or AMX.
    """
    info = Path("/proc/cpuinfo")  # on Linux
    text = info.read_text() if info.exists() else ""
    model = re.search(r"^model name\s*: (.*)", text, re.M)
    parts = [model[1] if model else platform.machine()]
    vectors = {
        "amx_bf16": "AMX",
        "avx512_bf16": "AVX512-BF16",
        "avx512f": "AVX-512",
        "avx2": "AVX2",
    }
    parts += [name for flag, name in vectors.items() if f" {flag}" in text][:1]
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:  # on macOS
        cores = os.cpu_count()
    parts.append(f"cores: {cores}")
    if "TF_ENABLE_ONEDNN_OPTS" in os.environ:
        parts.append(f"TF_ENABLE_ONEDNN_OPTS={os.environ['TF_ENABLE_ONEDNN_OPTS']}")
    return ", ".join(parts)
