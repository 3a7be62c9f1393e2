"""All pages: links lead somewhere, commands parse, and what a page names is in the code."""

import argparse
import ast
import importlib
import itertools
import re
import shlex
import sys
from pathlib import Path

import pytest
import tensorflow as tf
from processes import ROOT

import support

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BILINGUAL = [ROOT / "docs" / f"from-tensorflow-0.x{language}.md" for language in ("", ".ja")]
SCRIPTS = [*ROOT.glob("*.py"), *(ROOT / "docs").rglob("*.py")]
SOURCES = {
    str(path.relative_to(ROOT)): path.read_text()
    for path in [*SCRIPTS, *(ROOT / "support").glob("*.py")]
}
ALL_CODE = "\n".join(SOURCES.values())
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
# Programs that are not ours, whose options and file names are theirs.
OTHERS = re.compile(r"(tensorboard|pip|uv|ruff|python3|apt|git|\S*tf012\S*) ")

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def prose(page):
    """Returns a page's text without its code blocks."""
    return BLOCK.sub("", page.read_text())


def spans(text):
    """Returns the `code` in a text."""
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", text)]


def shell_lines(page):
    """Returns the commands in a page's shell blocks, without comments."""
    lines = "\n".join(text for name, text in BLOCK.findall(page.read_text()) if name == "sh")
    return [line.split(" #")[0].strip() for line in lines.replace(" && ", "\n").splitlines()]


def rows(text):
    """Returns the cells of a text's tables, row by row, without the heads."""
    tables = re.findall(r"^\|[ |-]+\|\n((?:\|.*(?:\n|$))+)", text, re.MULTILINE)
    lines = "".join(tables).splitlines()
    return [[cell.strip() for cell in line[1:-1].split("|")] for line in lines]


# Links and images.


def links(page):
    """Returns the relative targets of a page's links and images."""
    targets = re.findall(r"\]\(([^)\s]+)\)", prose(page))
    return [target for target in targets if not re.match(r"[a-z]+:", target)]


def anchors(page):
    """Returns the anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@every_page
def test_every_link_leads_somewhere(page):
    for target in links(page):
        path, _, anchor = target.partition("#")
        target_page = (page.parent / path).resolve() if path else page
        assert target_page.exists(), target
        if anchor:
            assert anchor in anchors(target_page), target


def test_every_picture_is_shown_by_a_page():
    shown = {(page.parent / target).resolve() for page in PAGES for target in links(page)}
    assert set((ROOT / "docs" / "images").iterdir()) <= shown


@every_page
def test_github_renders_every_formula(page):
    """It takes a $ for a formula's only after a space and before a space or punctuation."""
    text = re.sub(r"`[^`]*`|^\$\$.*\$\$$", "", prose(page), flags=re.MULTILINE)
    for paragraph in text.split("\n\n"):
        parts = paragraph.split("$")
        assert len(parts) % 2, paragraph
        for before, formula, after in zip(parts[::2], parts[1::2], parts[2::2]):
            assert not before or before[-1].isspace(), formula
            assert not after or after[0] in " \n.,;:)", formula
            assert formula == formula.strip()


# Commands and options.


def commands(page):
    """Returns the commands that run one of our scripts: [script, argument, ...]."""
    found = [line for line in shell_lines(page) if line.startswith("python ")]
    code = [re.sub(r"^[!%](run )?(python )?", "python ", span) for span in spans(prose(page))]
    found += [span for span in code if re.match(r"python \S+\.py\b", span)]
    found += [f"python {span}" for span in code if re.match(r"[\w/]+\.py -", span)]
    split = [shlex.split(re.split(r" [>|]", command)[0])[1:] for command in found]
    return [args for args in split if args[0].endswith(".py")]


class Parsed(Exception):
    """Raised once a script has parsed its command line, before it does anything."""


@pytest.fixture
def parse(monkeypatch):
    """Returns a function that gives a command line to a script's own parser."""
    real_parse = argparse.ArgumentParser.parse_args

    def parse_and_stop(parser):
        real_parse(parser)
        raise Parsed

    def parse(script, *args):
        monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_and_stop)
        monkeypatch.syspath_prepend((ROOT / script).parent)
        monkeypatch.setattr(sys, "argv", [script, *args])
        try:
            module = importlib.import_module(Path(script).stem)
        except ImportError:  # PyTorch or JAX is not installed
            options = [arg for arg in args if arg.startswith("--")]
            source = SOURCES[script] + SOURCES["bench/peers.py"]
            assert all(f'"{option}"' in source for option in options)
        else:
            with pytest.raises(Parsed):
                module.main()

    return parse


@every_page
def test_every_command_parses(page, parse, capsys):
    for script, *args in commands(page):
        assert script in SOURCES, script
        try:
            parse(script, *args)
        except SystemExit:
            pytest.fail(f"{script} {shlex.join(args)}: {capsys.readouterr().err}")


def test_commands_are_found():
    found = {script for page in PAGES for script, *_ in commands(page)}
    assert {"single_conv.py", "double_conv.py", "visualize_filters.py", "recognize.py"} < found


@every_page
def test_every_option_exists(page):
    code = [span for span in spans(prose(page)) if not OTHERS.match(span)]
    code += [line for line in shell_lines(page) if not OTHERS.match(line)]
    others = "\n".join(line for line in shell_lines(page) if OTHERS.match(line))
    for option in re.findall(r"(?<![\w-])--[a-z][\w-]*", "\n".join(code)):
        assert f'"{option}"' in ALL_CODE or option in others or option == "--help", option


@every_page
def test_tensorboard_is_started_as_the_scripts_print_it(page):
    for command in [*shell_lines(page), *spans(prose(page))]:
        if command.startswith("tensorboard "):
            folder = re.fullmatch(
                r"tensorboard --logdir (\S+) --samples_per_plugin images=1000", command
            )[1]
            assert f'"{folder}"' in ALL_CODE


# Files, names and versions.


def is_path(span):
    """Tells whether a span names a file or a folder."""
    with_slash = r"[\w./*-]*\w/[\w./*-]*|/[\w./-]+"
    return re.fullmatch(rf"{with_slash}|[\w./*-]+\.(py|md|csv|png|jpg|txt|toml)", span)


@every_page
def test_every_path_exists(page):
    """In the repository, or a script writes it, or the page itself tells how to make it."""
    blocks = "\n".join(text for _, text in BLOCK.findall(page.read_text()))
    for span in filter(is_path, spans(prose(page))):
        name = span.rstrip("/")
        exists = not span.startswith("/") and any(
            itertools.chain(ROOT.glob(name), page.parent.glob(name))
        )
        assert exists or f'"{name}"' in ALL_CODE or name in blocks, span


def definitions(source):
    """Returns {dotted name: code} of a file's classes, functions and methods."""
    lines, found = source.splitlines(), {}

    def add(nodes, prefix):
        for node in nodes:
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                found[prefix + node.name] = "\n".join(lines[node.lineno - 1 : node.end_lineno])
                add(node.body, f"{prefix}{node.name}.")

    add(ast.parse(source).body, "")
    return found


DEFINED = {path: definitions(source) for path, source in SOURCES.items()}


def source_of(place):
    """Returns the code of a file, or of the classes and functions with a dotted name."""
    if place in SOURCES:
        return SOURCES[place]
    found = [code[place] for code in DEFINED.values() if place in code]
    if not found:  # a method, without its class
        found = [code[k] for code in DEFINED.values() for k in code if k.endswith(f".{place}")]
    assert found, f"{place} is neither a file nor defined in one"
    return "\n".join(found)


def assert_named(text):
    """Asserts that "`name`, `name` in `place`; ...", or "`place` の `name`", is true."""
    for part in text.split(";"):
        found = spans(part)
        if " の " in part:
            place, *names = found
        elif re.search(r" (in|of) `[^`]+`\W*$", part):
            *names, place = found
        else:
            for place in found:
                assert (ROOT / place).is_dir() or source_of(place)
            continue
        source = source_of(place)
        for name in names:
            known = name in DEFINED[place] if "." in name else re.search(rf"\b{name}\b", source)
            assert known, f"{name} in {place}"


@every_page
def test_what_the_sections_name_is_in_the_code(page):
    text = " ".join(prose(page).replace("\n\n", ". ").split())
    for named in re.findall(r"(?:In the code|コード): (.*?)(?:\. |$)", text):
        assert_named(named)


@every_page
def test_what_is_said_to_be_in_a_file_is_there(page):
    for name, file in re.findall(r"`([\w.]+)` in `([\w/]+\.py)`", prose(page)):
        assert_named(f"`{name}` in `{file}`")


@pytest.mark.parametrize("page", BILINGUAL, ids=lambda page: page.name)
def test_where_columns_name_what_is_in_the_code(page):
    where = [cells[2] for cells in rows(prose(page)) if len(cells) == 3]
    assert len(where) > 30
    for cell in where:
        assert_named(cell)


@pytest.mark.parametrize("page", BILINGUAL, ids=lambda page: page.name)
def test_here_columns_quote_the_code(page):
    """`...` stands for anything."""
    code = re.sub(r"\s+", "", ALL_CODE)
    for cells in rows(prose(page)):
        for span in spans(cells[1]):
            pattern = ".*?".join(map(re.escape, re.sub(r"\s+", "", span).split("...")))
            pattern = pattern.replace("<step>", ".*?")
            assert re.search(pattern.replace(r"\)", r",?\)"), code), span


def resolves(name):
    """Tells whether a dotted name, such as fast_ops.matmul or tf.nn.relu, exists."""
    module, *attributes = name.split(".")
    if module == "tf":
        found = tf
    elif f"support/{module}.py" in SOURCES:
        found = importlib.import_module(f"support.{module}")
    elif f"{module}.py" in SOURCES:
        found = importlib.import_module(module)
    else:
        return any(name in code for code in DEFINED.values()) or f".{attributes[-1]}" in ALL_CODE
    for attribute in attributes:
        if not hasattr(found, attribute):
            return False
        found = getattr(found, attribute)
    return True


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page not in BILINGUAL], ids=lambda page: page.name
)
def test_every_name_is_in_the_code(page):
    """Such as `W_conv1`, `fast_ops.matmul`, `tf.nn.relu`; the tables have their own tests."""
    for span in spans(prose(page)):
        if is_path(span) or span == "tf.set_random_seed":  # TensorFlow 0.x's
            continue
        if re.fullmatch(r"[A-Za-z_]\w*(\.\w+)+", span):
            assert resolves(span), span
        elif re.fullmatch(r"[A-Za-z]+_\w+", span) and not span.isupper():
            assert re.search(rf"\b{span}\b", ALL_CODE), span


REQUIREMENTS = (ROOT / "requirements.txt").read_text()
LOWEST, BEYOND = re.search(
    r'tensorflow.*python_version >= "(.*?)" and python_version < "(.*?)"', REQUIREMENTS
).groups()
HIGHEST = f"3.{int(BEYOND[2:]) - 1}"
TENSORFLOW = re.search(r"tensorflow>=(\d+\.\d+)", REQUIREMENTS)[1]


@every_page
def test_versions_are_those_of_the_requirements(page):
    text = page.read_text()
    for low, high in re.findall(r"Python (3\.\d+)(?: to |〜)(3\.\d+)", text):
        assert (low, high) == (LOWEST, HIGHEST)
    for version in re.findall(r"(3\.\d+)(?: or later| 以降)", text):
        assert version == BEYOND
    for version in re.findall(r"(?:--python|Python) (3\.\d+)(?!\.?\d)", text):
        assert version in (LOWEST, HIGHEST, BEYOND) or page.name == "recordings.md"
    for version in re.findall(r"TensorFlow (\d+\.\d+)(?!x)", text):
        assert version in (TENSORFLOW, "0.12")


def test_the_scripts_accept_the_versions_that_the_requirements_name():
    expected = f"TensorFlow {TENSORFLOW} needs Python {LOWEST} to {HIGHEST}"
    assert expected in Path(support.__file__).read_text()
