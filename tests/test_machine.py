"""support/machine.py: the machine that a number was measured on."""

import os

from support import machine


def test_cores_are_those_that_the_process_may_use(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 2, 3}, raising=False)
    assert machine.cpu().endswith(", cores: 3")


def test_on_macos_all_cores_count(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 5)
    assert machine.cpu().endswith(", cores: 5")
