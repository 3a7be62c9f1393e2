"""requirements.txt, and the commands that install it."""

import importlib
import re

import pytest
from packaging.requirements import Requirement
from processes import ROOT

FILES = [ROOT / "requirements.txt", *ROOT.glob("*/requirements.txt")]
LINES = [line for path in FILES for line in path.read_text().splitlines()]
REQUIREMENTS = [
    Requirement(line.split("  #")[0]) for line in LINES if line and not line.startswith(("#", "-"))
]
IMPORTED_AS = {"pillow": "PIL"}


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda requirement: requirement.name)
def test_every_requirement_can_be_imported(requirement):
    importlib.import_module(IMPORTED_AS.get(requirement.name, requirement.name))


def test_every_file_that_a_page_installs_exists():
    found = []
    for page in [ROOT / "README.md", *ROOT.glob("*/*.md")]:
        found += re.findall(r"pip install.*? -r (\S*\w)", page.read_text())
    assert "requirements.txt" in found
    assert all((ROOT / name).is_file() for name in found)
