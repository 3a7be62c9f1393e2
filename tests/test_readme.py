"""The README's promises that no other test keeps."""

import re

import pytest
from processes import ROOT

README = (ROOT / "README.md").read_text()
LINES = re.findall(r"^\| `([\w./]+)` \| (\d+) \|", README, re.MULTILINE)


def length(path):
    files = path.glob("*.py") if path.is_dir() else [path]
    return sum(len(file.read_text().splitlines()) for file in files)


@pytest.mark.parametrize("name, lines", LINES)
def test_files_are_as_long_as_the_table_says(name, lines):
    assert length(ROOT / name) == int(lines)


def test_scripts_are_as_long_as_the_first_paragraph_says():
    scripts = [length(ROOT / name) for name, _ in LINES if name.count("_")]
    assert f"Three scripts of {min(scripts)} to {max(scripts)} lines" in README
    assert len(scripts) == 3 and len(LINES) == 5
