"""experiments/tables.py: the pages' tables are those of the results."""

import pytest

from experiments import seeds, tables

MARKED = "before\n<!-- table: changes -->\nan old table\n<!-- end of table -->\nafter\n"


@pytest.fixture
def pages(tmp_path, monkeypatch):
    """A folder with an English and a Japanese page, each with an old table."""
    monkeypatch.setattr(tables, "ROOT", tmp_path)
    (tmp_path / "docs").mkdir()
    for name in "README.md", "docs/guide.ja.md":
        (tmp_path / name).write_text(MARKED)
    return tmp_path


def run(monkeypatch, *args):
    monkeypatch.setattr("sys.argv", ["tables", *args])
    tables.main()


def test_a_page_gets_its_table_in_its_language_and_keeps_the_rest(pages, monkeypatch):
    run(monkeypatch)
    english, japanese = ((pages / name).read_text() for name in ("README.md", "docs/guide.ja.md"))
    assert english.startswith("before\n<!-- table: changes -->\n| change | seeds |")
    assert english.endswith("|\n<!-- end of table -->\nafter\n")
    assert "| 変更 | シード数 |" in japanese
    difference = "| -0.0118 ± 0.0007 |"  # without abs
    assert difference in english
    assert difference in japanese


def test_check_names_the_page_that_is_out_of_date_and_writes_nothing(pages, monkeypatch):
    run(monkeypatch)
    (pages / "docs" / "guide.ja.md").write_text(MARKED)
    with pytest.raises(tables.terminal.Failure, match=r"^out of date: docs/guide\.ja\.md;"):
        run(monkeypatch, "--check")
    assert (pages / "docs" / "guide.ja.md").read_text() == MARKED
    run(monkeypatch)
    run(monkeypatch, "--check")


def test_a_table_that_a_program_printed_is_copied(tmp_path, monkeypatch):
    monkeypatch.setattr(seeds, "FOLDER", tmp_path)
    printed = "row: 3\n\ntable: slide\n| row | c |\n| --- | --- |\n| 4 | 0.84 |\n\nothers\n"
    (tmp_path / "one_patch.txt").write_text(printed)
    assert tables.markdown("slide", japanese=False) == "| row | c |\n| --- | --- |\n| 4 | 0.84 |\n"
