"""requirements.txt, pyproject.toml, and .ci/run with stand-ins for pip, pytest and ruff."""

import ast
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys

import pytest
from packaging.requirements import Requirement
from processes import LIMIT, ROOT

LINES = (ROOT / "requirements.txt").read_text().splitlines()
REQUIREMENTS = [Requirement(line.split("  #")[0]) for line in LINES if not line.startswith("#")]
PROGRAMS = [*ROOT.glob("*.py"), *ROOT.glob("support/*.py")]


def imports_of(path):
    """Returns the names of the packages that a program imports."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom)]
    return {name.split(".")[0] for name in names}


def test_every_imported_package_is_required():
    ours = {path.stem for path in ROOT.glob("*.py")} | {"support"}
    imported = set().union(*map(imports_of, PROGRAMS)) - ours - set(sys.stdlib_module_names)
    required = {requirement.name for requirement in REQUIREMENTS} - {"pillow"} | {"PIL"}
    assert imported == required | {"requests"}  # which pooch requires


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda requirement: requirement.name)
def test_every_requirement_has_bounds_and_is_installed_within_them(requirement):
    assert sorted(one.operator for one in requirement.specifier) == ["<", ">="]
    version = importlib.metadata.version(requirement.name)
    assert requirement.specifier.contains(version)


@pytest.mark.parametrize("name", ["tensorflow", "tensorboard"])
def test_tensorflow_is_2_21(name):
    (requirement,) = (one for one in REQUIREMENTS if one.name == name)
    for version, fits in ("2.20.1", False), ("2.21.0", True), ("2.21.5", True), ("2.22.0", False):
        assert requirement.specifier.contains(version) == fits


def test_on_other_pythons_pip_skips_tensorflow_and_the_scripts_tell_why():
    """check_python in support/__init__.py has the same bounds; see test_support.py."""
    (requirement,) = (one for one in REQUIREMENTS if one.name == "tensorflow")
    versions = [f"3.{minor}" for minor in range(8, 17)]
    fit = [one for one in versions if requirement.marker.evaluate({"python_version": one})]
    assert fit == ["3.10", "3.11", "3.12", "3.13"]


def test_tools_of_development_are_pinned():
    (tools,) = re.findall(r"^dev = \[(.*)\]$", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    names = re.findall(r'"(\w+)==[\d.]+"', tools)
    assert names == ["pytest", "ruff"]
    assert tools.count('"') == 2 * len(names)


# ------------------------------------------------------------------------------------- .ci/run

STYLE = ["ruff check .", "ruff format --check ."]
PINNED = ["pip install --quiet --upgrade pip", "pip install --quiet --group dev"]
TESTS = ["pip install -r requirements.txt pytest", "python -m pytest"]

# Writes down how it was called, and fails if it is asked to.
STAND_IN = """#!/bin/bash
echo "$(basename "$0") $*" >> "$LOG"
if [ "$(basename "$0")" = python ]; then echo "${MNIST_DIR-} ${REFERENCE_DIR-}" > "$LOG.data"; fi
[ "$(basename "$0") $*" != "$FAIL" ]
"""
# python3 -m venv DIR
PYTHON3 = """#!/bin/bash
mkdir -p "$3/bin"
for name in python pip ruff; do cp "$(dirname "$0")/stand-in" "$3/bin/$name"; done
echo "PATH=$3/bin:$PATH" > "$3/bin/activate"
"""


@pytest.fixture
def ci(tmp_path):
    """Returns a function that runs a copy of .ci/run: (exit code, the programs it has called)."""
    for folder in ("repository/.ci", "bin", "temporary"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(ROOT / ".ci" / "run", tmp_path / "repository" / ".ci")
    shutil.copy(ROOT / "README.md", tmp_path / "repository")
    for name, code in (("python3", PYTHON3), ("stand-in", STAND_IN)):
        (tmp_path / "bin" / name).write_text(code)
        (tmp_path / "bin" / name).chmod(0o755)

    def run(fail=""):
        environment = {
            "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
            "TMPDIR": str(tmp_path / "temporary"),
            "LOG": str(tmp_path / "log"),
            "FAIL": fail,
        }
        command = ["bash", tmp_path / "repository" / ".ci" / "run"]
        process = subprocess.run(command, env=environment, capture_output=True, timeout=LIMIT)
        assert list((tmp_path / "temporary").iterdir()) == []
        return process.returncode, (tmp_path / "log").read_text().splitlines()

    return run


def test_ci_checks_the_style_and_runs_the_readmes_tests_with_the_pinned_tools(ci):
    assert ci() == (0, PINNED + STYLE + TESTS)


@pytest.mark.parametrize("fail", PINNED + STYLE + TESTS)
def test_ci_fails_if_a_step_fails_and_stops_there(ci, fail):
    code, called = ci(fail)
    assert code != 0
    assert called[-1] == fail


@pytest.mark.parametrize("present", [[], ["mnist"], ["mnist", "reference"]], ids=str)
def test_ci_tests_on_the_data_that_are_there(ci, tmp_path, present):
    for name in present:
        (tmp_path / "shared" / name).mkdir(parents=True)
    ci()
    folders = (tmp_path / "log.data").read_text().split()
    found = [(tmp_path / "repository" / folder).resolve() for folder in folders]
    assert found == [tmp_path / "shared" / name for name in present]
