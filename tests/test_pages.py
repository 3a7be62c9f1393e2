"""The pages: links lead somewhere, commands parse, names are in the code, numbers are recorded."""

import argparse
import importlib
import re
import shlex
import sys

import pytest
import tensorflow as tf
from processes import ROOT, run

from experiments.variants import EXPERIMENTS

FOLDERS = ("docs", "handwriting", "experiments", "bench")
PAGES = [ROOT / "README.md", *(path for name in FOLDERS for path in ROOT.glob(f"{name}/*.md"))]
FILES = [path for name in (*FOLDERS, "support", "tests") for path in ROOT.glob(f"{name}/**/*")]
FILES += list(ROOT.glob("*"))
ALL_CODE = "\n".join(path.read_text() for path in FILES if path.suffix == ".py")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def prose(page):
    """Returns a page's text without its code blocks."""
    return BLOCK.sub("", page.read_text())


def spans(text):
    """Returns the `code` in a text."""
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", text)]


# ------------------------------------------------------------------------------ links and tables


def anchors(page):
    """Returns the anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@every_page
def test_every_link_leads_somewhere(page):
    targets = re.findall(r"\]\(([^)\s]+)\)", prose(page))
    for target in targets:
        if not re.match(r"[a-z]+:", target):  # in this repository
            path, _, anchor = target.partition("#")
            other = (page.parent / path).resolve() if path else page
            assert other.exists(), target
            assert not anchor or anchor in anchors(other), target


def test_tables_of_numbers_are_those_of_the_results():
    """Promise 1."""
    run("experiments.tables", "--check", folder=ROOT)


# --------------------------------------------------------------------------------------- commands


def commands(page):
    """Returns the commands that run a program of ours: [(program, argument, ...)].

    In the text, a program without arguments is only named, and an argument may stand for others.
    """
    blocks = "\n".join(text for name, text in BLOCK.findall(page.read_text()) if name == "sh")
    lines = blocks.replace(" && ", "\n").splitlines()
    examples = [span for span in spans(prose(page)) if not re.search(r"\b[A-Z]{3,}|\.\.\.", span)]
    found = []
    for line in lines + examples:
        if match := re.match(r"(?:%run|!?(?:\S*/)?python) (?:-m )?([\w./]+)", line):
            program = match[1]
            arguments = shlex.split(re.split(r" [>|#] ?", line[match.end() :])[0])
            is_ours = program.endswith(".py") or (ROOT / program.split(".")[0]).is_dir()
            if is_ours and (arguments or line in lines):
                found.append((program, *arguments))
    return found


COMMANDS = sorted({command for page in PAGES for command in commands(page)})


def module_of(program):
    """Imports a program: single_conv.py, experiments.seeds, handwriting."""
    if program.endswith(".py"):
        return importlib.import_module(program.removesuffix(".py"))
    is_package = (ROOT / program).is_dir()
    return importlib.import_module(f"{program}.__main__" if is_package else program)


class Parsed(Exception):
    """Raised once a program has parsed its command line, before it does anything."""


@pytest.mark.parametrize("command", COMMANDS, ids=shlex.join)
def test_every_command_parses(command, monkeypatch):
    program, *args = command
    try:
        module = module_of(program)
    except ModuleNotFoundError as error:
        if error.name.split(".")[0] in {program.split(".")[0], "support", *FOLDERS}:
            raise
        pytest.skip(f"needs {error.name}")
    parse = argparse.ArgumentParser.parse_args

    def parse_and_stop(parser):
        parse(parser)
        raise Parsed

    # The guide's reader adds this one.
    monkeypatch.setitem(EXPERIMENTS, "my-threshold", EXPERIMENTS["single"])
    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_and_stop)
    monkeypatch.setattr(sys, "argv", [program, *args])
    with pytest.raises(Parsed):
        module.main()


def test_commands_are_found():
    programs = {program for program, *_ in COMMANDS}
    scripts = {"single_conv.py", "double_conv.py", "visualize_filters.py"}
    assert scripts | {"handwriting", "bench.compare"} <= programs


# ---------------------------------------------------------------------------- code blocks, names

JAPANESE = sorted(page for page in PAGES if page.name.endswith(".ja.md"))


def blocks(page):
    """Returns a page's code blocks."""
    return [text for _, text in BLOCK.findall(page.read_text())]


@pytest.mark.parametrize("page", JAPANESE, ids=lambda page: page.name)
def test_code_blocks_are_those_of_the_english_pages(page):
    """Line by line: a block may show less. What the programs print is English, too."""
    english = [block for other in PAGES if other not in JAPANESE for block in blocks(other)]
    english += [path.read_text() for path in ROOT.glob("experiments/results/**/*.txt")]
    known = {line for text in english for line in text.splitlines()}
    assert {line for block in blocks(page) for line in block.splitlines()} - known == set()


def resolves(name):
    """Tells whether a dotted name, such as fast_ops.matmul or tf.nn.relu, exists."""
    module, *attributes = name.split(".")
    if module == "tf":
        found = tf
    elif (ROOT / "support" / f"{module}.py").exists():
        found = importlib.import_module(f"support.{module}")
    elif (ROOT / f"{module}.py").exists():
        found = importlib.import_module(module)
    else:
        return f".{attributes[-1]}" in ALL_CODE or f"def {attributes[-1]}" in ALL_CODE
    for attribute in attributes:
        if not hasattr(found, attribute):
            return False
        found = getattr(found, attribute)
    return True


FILE = re.compile(r"[\w./*-]+\.(py|md|csv|png|jpg|txt|toml)|[\w.*-]+(/[\w.*-]+)*/")
# In the tables of constructs, the first column is TensorFlow 0.x's.
FIRST_CELL = re.compile(r"^\|[^|\n]*", re.MULTILINE)


@every_page
def test_every_name_and_every_file_exists(page):
    """Files are in the repository, or a program writes them, or the page tells how to make them."""
    text = prose(page)
    if page.name.startswith("from-tensorflow"):
        text = FIRST_CELL.sub("", text)
    typed = "\n".join(blocks(page))
    for span in spans(text):
        if FILE.fullmatch(span):
            found = any(path.match(span) for path in FILES)
            assert found or span.strip("/") in ALL_CODE or span in typed, span
        elif re.fullmatch(r"[A-Za-z_]\w*(\.\w+)+", span):
            assert resolves(span), span
        elif re.fullmatch(r"[A-Za-z]+_\w+", span) and not span.isupper():
            assert re.search(rf"\b{span}\b", ALL_CODE), span
