"""Writes the pages' tables of numbers, from the files in results/.

In a page, a table stands between two comments:

    <!-- table: ladder -->
    <!-- end of table -->

Its words are English or, in a page *.ja.md, Japanese; its numbers are the same.

Example:
    python -m experiments.tables
    python -m experiments.tables --check    # names the pages that are behind
"""

import itertools
import re
from pathlib import Path

from experiments import luck, seeds
from support import terminal

ROOT = Path(__file__).parents[1]
TABLE = re.compile(r"(<!-- table: (\S+) -->\n).*?(<!-- end of table -->)", re.DOTALL)

# The tables' words in Japanese. What is not here stays as it is.
JAPANESE = {
    "seeds": "シード",
    "mean ± standard deviation": "平均 ± 標準偏差",
}


def seeds_table():
    """Every experiment: its seeds, their mean and spread."""
    columns = ["experiment", "seeds", "mean ± standard deviation", "lowest to highest"]
    return [*columns, "5% to 95%"], map(luck.summary, seeds.EXPERIMENTS)


def ladder():
    """From a network without a convolution to the second network."""
    columns = ["", "what changes", "seeds", "mean ± standard deviation", "mistakes of 10,000"]
    return columns, ([str(i), *luck.rung(name)] for i, name in enumerate(luck.LADDER, start=1))


def changes():
    """The paired tests."""
    columns = ["change", "seeds", "mean difference ± its standard error", "t", "p", "seeds worse"]
    return columns, map(luck.change, luck.CHANGES)


TABLES = {"seeds": seeds_table, "ladder": ladder, "changes": changes}


def copied(name):
    """Returns the lines of a table that a program printed after "table: NAME"."""
    outputs = "".join(path.read_text() for path in sorted(seeds.FOLDER.glob("*.txt")))
    lines = outputs[outputs.index(f"table: {name}\n") :].splitlines()[1:]
    lines = itertools.takewhile(lambda line: line.startswith("|"), lines)
    return [[cell.strip() for cell in line[1:-1].split("|")] for line in lines]


def markdown(name, japanese):
    """Returns a table in Markdown."""
    if name in TABLES:
        columns, rows = TABLES[name]()
        lines = [columns, ["---"] * len(columns), *rows]
    else:
        lines = copied(name)
    if japanese:
        lines = [[JAPANESE.get(cell, cell) for cell in line] for line in lines]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def with_tables(page):
    """Returns a page's text with the tables as they are now."""
    japanese = page.name.endswith(".ja.md")
    return TABLE.sub(lambda at: at[1] + markdown(at[2], japanese) + at[3], page.read_text())


def main():
    parser = terminal.parser(__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail if a page is behind"
    )
    args = parser.parse_args()
    pages = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
    behind = [page for page in pages if with_tables(page) != page.read_text()]
    names = ", ".join(str(page.relative_to(ROOT)) for page in behind)
    if args.check and behind:
        raise terminal.Failure(f"{names}: behind the results; run python -m experiments.tables")
    for page in behind:
        page.write_text(with_tables(page))
    terminal.print_stderr(f"written: {names}" if behind else "all tables are up to date")


if __name__ == "__main__":
    terminal.run(main)
