"""The Japanese pages: their numbers, commands and messages are those of the English ones."""

import itertools
import re

import pytest
from processes import ROOT
from test_pages import ALL_CODE, BILINGUAL, BLOCK, commands, prose, rows, spans

DOCS = ROOT / "docs"
PAGES = [DOCS / "README.ja.md", DOCS / "guide.ja.md", DOCS / "from-tensorflow-0.x.ja.md"]
ENGLISH = [
    ROOT / "README.md",
    *(DOCS / f"{name}.md" for name in ("guide", "results", "recordings")),
    *(DOCS / "outputs").glob("*.txt"),  # what the programs of docs/programs print
]
README = PAGES[0].read_text()
WORDS = "zero one two three four five six seven eight nine ten".split()
JAPANESE = r"[ぁ-んァ-ヶー一-龠々「]"

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def numbers(text):
    """Returns the numbers in a text, also "four" or "nine in ten"; none of links or `code`.

    Up to 2 they are left out: in Japanese they are also "a", "both" and "the second".
    """
    text = re.sub(r"\]\([^)]*\)|`[^`]*`", " ", text)
    for number, word in [*enumerate(WORDS), (3, "third")]:
        text = re.sub(rf"\b{word}\b", f" {number} ", text, flags=re.IGNORECASE)
    found = re.findall(r"\d+(?:,\d{3})*(?:\.\d+)*", text)
    return {number for number in found if number not in ("0", "1", "2")}


def paragraphs(page):
    """Returns a page's paragraphs, each with the next one; a table or code block counts as one."""
    found = re.split(r"\n\n+", page.read_text())
    return [" ".join(pair) for pair in itertools.pairwise(found)]


def sentences(page):
    """Returns a page's sentences and rows of tables, without the numbers of lists."""
    return re.split(r"。|\n", re.sub(r"^\d\. ", "", prose(page), flags=re.MULTILINE))


@every_page
def test_numbers_of_a_sentence_are_in_one_english_paragraph(page):
    english = ENGLISH if page not in BILINGUAL else [DOCS / "from-tensorflow-0.x.md"]
    known = [numbers(paragraph) for other in english for paragraph in paragraphs(other)]
    for sentence in sentences(page):
        assert any(numbers(sentence) <= paragraph for paragraph in known), sentence


# Sentences with no other number, which the test above would find in too many paragraphs.
SAME_NUMBERS = {
    "README": [
        (r"学習後の (\d+) 枚の畳み込みフィルター", r"the (\d+) filters that it has learned"),
        (r"(\d+) 個のテスト画像にかけた結果", r"for (\d+) test digits"),
        (
            r"(\d+) 番のフィルターは縦の線を、(\d+) 番",
            r"filter (\d+) keeps .* filter (\d+) the level",
        ),
        (r"それぞれ (\d+) 個持っているサブフィルター", r"from all (\d+) sub-filters"),
        (r"1 段目の (\d+) 枚のフィルターで", r"first layer's (\d+) filters"),
        (r"2 段目の (\d+) 枚のフィルターで", r"second layer's (\d+), "),
        (r"右に (\d+×\d+) ピクセル", r"patches of (\d+×\d+) pixels"),
        (r"部分画像は (\d+×\d+) ピクセル", r"(\d+×\d+) pixels\.\*"),
        (r"シード 1〜(\d+) の平均", r"seeds 1 to (\d+) unless"),
        (r"`num_filters = (\d)` にする", r"`num_filters = (\d)` \|"),
    ],
    "guide": [
        (r"重みとピクセルの値を掛け、(\d+) 個の積", r"the (\d+) products"),
        (r"学習後の (\d+) 番のフィルター", r"the trained filter (\d+)"),
        (r"太さ (\d+) ピクセルの線", r"(\d+) pixels wide"),
        (r"中心から (\d+) ピクセル未満", r"less than (\d+) from the middle"),
        (r"大きさだけを (\d+) に変える", r"a batch had (\d+) images"),
        (
            r"学習率 ([\d.]+) は、平均を使うときの ([\d.]+)",
            r"rate of ([\d.]+) here is ([\d.]+) for",
        ),
    ],
}


@pytest.mark.parametrize(
    ("page", "japanese", "english"),
    [(page, *pair) for page, pairs in SAME_NUMBERS.items() for pair in pairs],
)
def test_numbers_are_those_of_the_english_sentence(page, japanese, english):
    text = (ROOT / "README.md" if page == "README" else DOCS / "guide.md").read_text()
    expected = re.search(english, " ".join(text.split())).groups()
    assert re.search(japanese, (DOCS / f"{page}.ja.md").read_text()).groups() == expected


@every_page
def test_code_with_a_number_is_in_an_english_page_or_in_the_code(page):
    known = {span for english in [*ENGLISH, BILINGUAL[0]] for span in spans(prose(english))}
    code = {span for span in spans(prose(page)) if re.search(r"\d", span)}
    assert not [c for c in code - known - set(messages()) if c not in ALL_CODE]


def blocks(text):
    """Returns the lines of a text's code blocks."""
    return {line for _, block in BLOCK.findall(text) for line in block.splitlines()}


@every_page
def test_code_blocks_are_those_of_the_english_pages(page):
    """What is typed, what is printed, and tables of numbers, line by line."""
    known = {line for other in ENGLISH for line in other.read_text().splitlines()}
    assert blocks(page.read_text()) <= known


def test_commands_are_those_of_the_english_pages():
    known = [command for page in ENGLISH for command in commands(page)]
    found = [command for page in PAGES for command in commands(page)]
    assert found
    assert all(command in known for command in found)
    uv = [span for span in spans(prose(PAGES[0])) if span.startswith("uv ")]
    assert len(uv) == 1
    assert uv[0] in spans(prose(ENGLISH[0]))


def test_table_of_accuracies_is_that_of_the_readme():
    def accuracies(text):
        return [row[1:] for row in rows(text) if len(row) == 5]

    assert accuracies(README) == accuracies(ENGLISH[0].read_text())


def test_changes_to_try_have_the_accuracies_of_the_readme():
    """Row by row, by the command or the line to change."""
    english = {cell: row for row in rows(ENGLISH[0].read_text()) for cell in spans(row[1])}
    tried = [row for row in rows(README) if len(row) == 3 and row[0].isdigit()]
    assert tried
    for row in tried:
        code = spans(row[1])[-1]
        assert numbers(row[2]) <= numbers(english[code][2]), code


def test_seven_facts_are_those_of_the_readme_in_its_order():
    number = r"\d+(?:[.,/]\d+)*"
    japanese = re.findall(r"^(\d)\. (.*)$", README, re.MULTILINE)
    english = [row for row in rows(ENGLISH[0].read_text()) if row[-1].startswith(("kept", "fixed"))]
    assert [fact for fact, _ in japanese] == [row[0] for row in english] == list("1234567")
    for (_, text), (_, fact, here) in zip(japanese, english):
        fact += here
        assert set(spans(text)) <= set(spans(fact))
        assert set(re.findall(number, text)) <= {*re.findall(number, fact), "2"}  # 2 つ目
        assert text.endswith("(そのまま)" if here.startswith("kept") else "(直しました)")


def messages():
    """Returns the messages in the first column of the last table."""
    return [row[0].strip("`") for row in rows(README) if row[0].startswith("`") and " " in row[0]]


def test_messages_are_in_the_code():
    """`...` and FOLDER stand for anything, names of checkpoints for other ones."""
    assert len(messages()) == 5
    for message in messages():
        parts = re.split(r"[():;,]|\.\.\.|FOLDER|train_data-20000", message)
        for part in filter(None, map(str.strip, parts)):
            assert part in ALL_CODE, part


def test_five_messages_are_those_that_one_meets_most():
    for words in "not MNIST", "another run is using", "--resume", "no such checkpoint":
        assert words in README
    assert "cannot open a window" in README


def test_the_post_is_quoted_in_its_own_words():
    for word in "畳み込みフィルター 特徴変数 サブフィルター プーリング層 全結合層 正答率".split():
        assert any(word in page.read_text() for page in PAGES), word


def test_the_tables_of_constructs_have_the_same_code_in_every_row():
    english, japanese = (rows(page.read_text()) for page in BILINGUAL)
    assert len(english) == len(japanese) > 40
    for row, other in zip(english, japanese):
        assert row[2:] == other[2:]
        assert spans(row[0]) == spans(other[0])
        assert sorted(spans(row[1])) == sorted(spans(other[1]))


@every_page
def test_no_line_is_broken_between_kana_or_kanji(page):
    """Some browsers would show a gap; after a full stop nobody minds it."""
    text = BLOCK.sub("", page.read_text())
    assert not re.findall(rf"[^。|\n]\n{JAPANESE}.*", text)


def test_the_supplement_has_120_to_180_lines():
    assert 120 <= len(PAGES[1].read_text().splitlines()) <= 180


def test_the_english_pages_lead_to_the_japanese_ones():
    assert "](docs/README.ja.md)" in ENGLISH[0].read_text()
    assert "](from-tensorflow-0.x.ja.md)" in BILINGUAL[0].read_text()
    assert "](guide.ja.md)" in README
