"""Writes the pages' tables of numbers, from the files in results/.

In a page, a table stands between two comments:

    <!-- table: ladder -->
    <!-- end of table -->

Its words are English or, in a page *.ja.md, Japanese; its numbers are the same.

Example:
    python -m experiments.tables
    python -m experiments.tables --check    # names the pages that are behind
"""

import csv
import itertools
import re
from pathlib import Path

import numpy as np

from experiments import luck, seeds
from support import terminal

ROOT = Path(__file__).parents[1]
TABLE = re.compile(r"(<!-- table: (\S+) -->\n).*?(<!-- end of table -->)", re.DOTALL)

# Of luck.CHANGES: what the guide takes away from the first network, freezes in the second one, and
# what the README lets you try.
TAKEN_AWAY = [
    "without `abs`",
    "0 in place of 0.2",
    "0.1 in place of 0.2",
    "0.4 in place of 0.2",
    "biases in place of `abs` and 0.2",
    "without `abs`, biases in place of 0.2",
    "each block's upper left pixel in place of its maximum",
    "each block's mean in place of its maximum",
    "filters frozen",
    "4 filters",
    "10,001 steps",
]
FROZEN = ["first convolution frozen", "second convolution frozen", "both convolutions frozen"]
TRY_THIS = ["without `abs`", "4 filters", "10,001 steps", "filters frozen", "without dropout"]
SHIFTED = {
    "dense-16": "784 → 16 → 10, no convolution",
    "single": "the first network",
    "single-upper-left": "each block's upper left pixel in place of its maximum",
    "single-mean": "each block's mean in place of its maximum",
    "double": "the second network",
}

# The tables' words in Japanese; what is not here stays as it is.
JAPANESE = {
    # column heads
    "experiment": "実験",
    "change": "変更",
    "what changes": "変えたこと",
    "seeds": "シード数",
    "mean ± standard deviation": "平均 ± 標準偏差",
    "lowest to highest": "最小〜最大",
    "5% to 95%": "5%〜95%",
    "mistakes of 10,000": "10,000 個中の間違い",
    "mistakes of 55,000": "55,000 個中の間違い",
    "difference to the rung above ± its standard error": "1 つ上の段との差 ± 標準誤差",
    "mean difference ± its standard error": "差の平均 ± 標準誤差",
    "times its error": "差 / 標準誤差",
    "by luck": "偶然で出る確率",
    "seeds worse": "下がったシード数",
    "unchanged": "変更なし",
    "changed": "変更あり",
    "pixels moved": "動かしたピクセル数",
    "dead at the start": "死んだ枚数、学習前",
    "nearly dead at the start": "ほぼ死んだ枚数、学習前",
    "at the end": "学習後",
    "correlation with the accuracy": "正答率との相関係数",
    "training accuracy": "トレーニングセットの正答率",
    "test accuracy": "テストセットの正答率",
    "network": "ネットワーク",
    "first layer's 32": "1 段目の 32 枚",
    "second layer's 64": "2 段目の 64 枚",
    "row": "行",
    "ink": "インク",
    "h in column 11": "列 11 の h",
    "pooled": "プーリング後",
    "moved down by": "下に動かしたピクセル数",
    "forward, from top to bottom": "順方向(上から下へ)",
    "back, from bottom to top": "逆方向(下から上へ)",
    "the post": "記事",
    "the post's code, run under TF 0.12.1": "記事のコード(TF 0.12.1 で実行)",
    "this repository": "このリポジトリ",
    "command": "コマンド",
    # changes and networks
    "one layer, test accuracy": "畳み込み 1 層の正答率",
    "two layers, test accuracy": "畳み込み 2 層の正答率",
    "the post's program's checkpoint, restored here": "記事のチェックポイントを読み込む",
    "without `abs`": "`abs` を外す",
    "4 filters": "フィルターを 4 枚にする",
    "filters frozen": "フィルターを初期値に固定する",
    "10,001 steps": "10,001 ステップに増やす",
    "0 in place of 0.2": "0.2 を 0 にする",
    "0.1 in place of 0.2": "0.2 を 0.1 にする",
    "0.4 in place of 0.2": "0.2 を 0.4 にする",
    "biases in place of `abs` and 0.2": "`abs` と 0.2 をバイアスに置き換える",
    "without `abs`, biases in place of 0.2": "`abs` を外した上で、0.2 をバイアスに置き換える",
    "a bias per filter in place of abs and 0.2": "`abs` と 0.2 をバイアスに置き換える",
    "each block's upper left pixel in place of its maximum": "最大値の代わりに左上のピクセルを取る",
    "each block's mean in place of its maximum": "最大値の代わりに平均を取る",
    "without dropout": "ドロップアウトを外す",
    "first convolution frozen": "1 段目の畳み込みを固定する",
    "second convolution frozen": "2 段目の畳み込みを固定する",
    "both convolutions frozen": "両方の畳み込みを固定する",
    "784 → 16 → 10, no convolution": "784 → 16 → 10、畳み込みなし",
    "16 filters before it: the first network": "16 枚のフィルターを加える(1 つ目のネットワーク)",
    "1,024 features": "特徴変数を 1,024 個に増やす",
    "Adam, batches of 50, 20,001 steps": "Adam、50 個のバッチ、20,001 ステップに変える",
    "dropout": "ドロップアウトあり",
    "no dropout": "ドロップアウトなし",
    "32 filters": "フィルターを 32 枚に増やす",
    "a second convolution: the second network": "2 段目の畳み込みを加える(2 つ目のネットワーク)",
    "the first network": "1 つ目のネットワーク",
    "the second network": "2 つ目のネットワーク",
    "with `abs`": "`abs` あり",
    "before training": "学習前",
    "after 20,001 steps": "20,001 ステップ後",
    "the post's checkpoint": "記事のプログラムのチェックポイント",
}


def numbers():
    """The post's test accuracies, those of its code under TensorFlow 0.12.1, and ours."""
    columns = ["", "the post", "the post's code, run under TF 0.12.1", "this repository", "command"]
    single, double = (f"{luck.read(name)[1]:g}" for name in ("single", "double"))
    checkpoint = "`python visualize_filters.py CHECKPOINT`"
    return columns, [
        ["one layer, test accuracy", "0.975", "0.9745", single, "`python single_conv.py`"],
        ["two layers, test accuracy", "0.9924", "0.9925", double, "`python double_conv.py`"],
        ["the post's program's checkpoint, restored here", "", "0.9925", "0.9925", checkpoint],
    ]


def accuracies(folder):
    """Every experiment of a folder: its seeds, their mean and spread."""
    columns = ["experiment", "seeds", "mean ± standard deviation", "lowest to highest", "5% to 95%"]
    return columns, (luck.summary(name, folder) for name in luck.measured(folder))


def ladder():
    """From a network without filters to the second network."""
    columns = ["", "what changes", "seeds", "mean ± standard deviation", "mistakes of 10,000"]
    columns += ["difference to the rung above ± its standard error", "by luck"]
    return columns, ([str(i), *luck.rung(name)] for i, name in enumerate(luck.LADDER, start=1))


def all_changes():
    """The paired tests."""
    columns = ["change", "seeds", "mean difference ± its standard error"]
    columns += ["times its error", "by luck", "seeds worse"]
    return columns, map(luck.change, luck.CHANGES)


def changes(names):
    """The paired tests of some changes, with the mean accuracies of the seeds."""
    table = []
    for name in names:
        folder, without, with_it = luck.CHANGES[name]
        before, after = luck.read(without, folder), luck.read(with_it, folder)
        both = before.keys() & after.keys()
        means = (f"{np.mean([found[seed] for seed in both]):.4f}" for found in (before, after))
        _, count, difference, _, p, worse = luck.change(name)
        table.append([name, count, *means, difference, p, worse])
    columns = ["change", "seeds", "unchanged", "changed", "mean difference ± its standard error"]
    return [*columns, "by luck", "seeds worse"], table


def rows(name):
    """Returns the rows of a CSV file in the folders of the Xeon: {column: text}."""
    found = []
    for folder in luck.FLOAT32, luck.BFLOAT16:
        path = seeds.FOLDER / folder / f"{name}.csv"
        if path.exists():
            with open(path, newline="") as file:
                found += csv.DictReader(file)
    return found


def mean(found, column):
    """Returns the mean of a column's numbers in some rows, four digits."""
    return f"{np.mean([float(row[column]) for row in found]):.4f}"


def shifts():
    """The test accuracy on moved digits, a mean of all directions and seeds."""
    moved = rows("shifts")
    table = []
    for name, words in SHIFTED.items():
        mine = [row for row in moved if row["experiment"] == name]
        by_pixels = [[row for row in mine if row["pixels"] == str(n)] for n in range(5)]
        count = len({row["seed"] for row in mine})
        table.append([words, str(count), *(mean(found, "test_accuracy") for found in by_pixels)])
    return ["pixels moved", "seeds", "0", "1", "2", "3", "4"], table


def dead_filters():
    """How many filters are dead or nearly dead, and whether that explains the accuracy."""
    columns = ["", "seeds", "dead at the start", "at the end", "nearly dead at the start"]
    columns += ["at the end", "correlation with the accuracy"]
    table = []
    for name, words in {"single": "with `abs`", "single-without-abs": "without `abs`"}.items():
        mine = [row for row in rows("dead_filters") if row["experiment"] == name]
        counts = {
            column: np.array([int(row[column]) for row in mine])
            for when in ("at_start", "at_end")
            for column in (f"dead_{when}", f"nearly_dead_{when}")
        }
        cells = [
            f"{counts[column].sum()} / {16 * len(mine)}"
            for column in ("dead_at_start", "dead_at_end")
            + ("nearly_dead_at_start", "nearly_dead_at_end")
        ]
        both = counts["dead_at_end"] + counts["nearly_dead_at_end"]
        accuracy = [float(row["test_accuracy"]) for row in mine]
        found = f"{np.corrcoef(both, accuracy)[0, 1]:.2f}" if both.any() else ""
        table.append([words, str(len(mine)), *cells, found])
    return columns, table


def training_accuracy():
    """The accuracy on the training set beside that on the test set."""
    table = []
    for name, words in {"double": "dropout", "double-without-dropout": "no dropout"}.items():
        mine = [row for row in rows("training_accuracy") if row["experiment"] == name]
        training = np.array([float(row["training_accuracy"]) for row in mine])
        wrong = f"{55000 * (1 - training.mean()):.0f}"
        accuracy = f"{training.mean():.5f}"
        table.append([words, str(len(mine)), accuracy, wrong, mean(mine, "test_accuracy")])
    columns = ["", "seeds", "training accuracy", "mistakes of 55,000", "test accuracy"]
    return columns, table


def patches():
    """How alike the nine patches of a filter are, a mean of all filters and seeds."""
    table = []
    for network, words in {
        "untrained": "before training",
        "trained": "after 20,001 steps",
        "train_data-20000": "the post's checkpoint",
    }.items():
        mine = [row for row in rows("patches") if row["network"] == network]
        layers = [[row for row in mine if row["layer"] == layer] for layer in "12"]
        alike = [np.nanmean([float(row["correlation"]) for row in found]) for found in layers]
        count = len({row["seed"] for row in mine})
        table.append([words, str(count), *(f"{x:.2f}" for x in alike)])
    return ["network", "seeds", "first layer's 32", "second layer's 64"], table


TABLES = {
    "numbers": numbers,
    "accuracies-amd": lambda: accuracies(luck.AMD),
    "accuracies-xeon-float32": lambda: accuracies(luck.FLOAT32),
    "accuracies-xeon-bfloat16": lambda: accuracies(luck.BFLOAT16),
    "ladder": ladder,
    "changes": all_changes,
    "take-away": lambda: changes(TAKEN_AWAY),
    "try-this": lambda: changes(TRY_THIS),
    "frozen": lambda: changes(FROZEN),
    "shifts": shifts,
    "dead-filters": dead_filters,
    "training-accuracy": training_accuracy,
    "patches": patches,
}


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
