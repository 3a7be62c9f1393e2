"""requirements.txt, and the commands that install it."""

import re

from processes import ROOT


def test_every_file_that_a_page_installs_exists():
    found = []
    for page in [ROOT / "README.md", *ROOT.glob("*/*.md")]:
        found += re.findall(r"pip install.*? -r (\S*\w)", page.read_text())
    assert "requirements.txt" in found
    assert all((ROOT / name).is_file() for name in found)
