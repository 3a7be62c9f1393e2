"""Writes the pages' tables of numbers, from the files in results/.

In a page, a table stands between two comments:

    <!-- table: ladder -->
    <!-- end of table -->

Its labels are English or, in a page *.ja.md, Japanese; its numbers are the same.

Example:
    python -m experiments.tables
    python -m experiments.tables --check    # names the pages that are out of date
"""

import itertools
import re
from pathlib import Path

import numpy as np
from scipy import stats

import experiments.second_layer
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
FROZEN = [
    "first convolution frozen",
    "second convolution frozen",
    "both convolutions frozen",
    "the first one trained, the second still frozen",
    "the second one trained, the first still frozen",
]
TRY_THIS = ["without `abs`", "4 filters", "10,001 steps", "filters frozen", "without dropout"]
SHIFTED = {
    "dense-16": "784 → 16 → 10, no convolution",
    "single": "the first network",
    "single-upper-left": "each block's upper left pixel in place of its maximum",
    "single-mean": "each block's mean in place of its maximum",
    "double": "the second network",
}
CHANGED = {
    "W_conv1": "`W_conv1`",
    "W_conv2": "`W_conv2`",
    "W_fc1": "`W_fc1`",
    "strongest of h_pool1": "strongest of each map in `h_pool1`",
    "strongest of h_pool1, changes shuffled": "the same, changes shuffled",
    "strongest of h_pool2": "strongest of each map in `h_pool2`",
    "strongest of h_pool2, changes shuffled": "the same, changes shuffled",
    "h_fc1": "`h_fc1`",
    "h_fc1, changes shuffled": "the same, changes shuffled",
}

# The tables' labels in Japanese; what is not here stays as it is.
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
    "difference to the rung above ± its standard error": "1 つ上の行との差 ± 標準誤差",
    "mean difference ± its standard error": "差の平均 ± 標準誤差",
    "times its error": "差 / 標準誤差",
    "by luck": "運だけで出る確率",
    "seeds worse": "下がったシード数",
    "unchanged": "変更なし",
    "changed": "変更あり",
    "pixels moved": "動かしたピクセル数",
    "dead at the start": "死んだフィルター(学習前)",
    "dead at the end": "死んだフィルター(学習後)",
    "rare at the start": "ほとんど反応しない(学習前)",
    "rare at the end": "ほとんど反応しない(学習後)",
    "the same with no rare filters, by a line": "同(回帰直線で 0 枚の場合)",
    "seed": "シード",
    "the nine patches of": "9 個の部分画像",
    "lowest–highest of the 64": "2 段目の最小〜最大",
    "above all of the first row": "1 行目の最大を超えるもの",
    "test accuracy, mean of the five": "テストセットの正答率(5 つの平均)",
    "test accuracy, the last": "同(最後)",
    "difference (by luck)": "差(運だけで出る確率)",
    "nine patches at random, with ink in the middle": "中央にインクのある、無作為に選んだ 9 個",
    "14×14 random weights, without a network": "14×14 の乱数の重み(ネットワークなし)",
    "first layer's 32": "1 段目の 32 枚",
    "second layer's 64": "2 段目の 64 枚",
    "deviation of the change / at the start": "変化の標準偏差 / 学習前の標準偏差",
    "the same, changes shuffled": "同(変化を並べ替えた場合)",
    "correlation with the start": "学習前との相関係数",
    "strongest of each map in `h_pool1`": "`h_pool1` の各出力画像の最大値",
    "strongest of each map in `h_pool2`": "`h_pool2` の各出力画像の最大値",
    "as trained": "学習後",
    "more without one map: mean": "1 枚を 0 にしたときの増加(平均)",
    "one digit told by one filter: mean": "1 枚で 1 つの数字を見分ける AUC(平均)",
    "largest": "同(最大)",
    "best": "同(最大)",
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
    "two convolutions in place of 16 `abs` filters": "16 枚の `abs` の代わりに 2 段の畳み込み",
    "without dropout": "ドロップアウトを外す",
    "first convolution frozen": "1 段目の畳み込みを固定",
    "second convolution frozen": "2 段目の畳み込みを固定",
    "both convolutions frozen": "両方の畳み込みを固定",
    "the first one trained, the second still frozen": "両方の固定から、1 段目の固定をやめる",
    "the second one trained, the first still frozen": "両方の固定から、2 段目の固定をやめる",
    "784 → 16 → 10, no convolution": "784 → 16 → 10、畳み込みなし",
    "16 filters before it: the first network": "16 枚のフィルターを加える(1 つ目のネットワーク)",
    "1,024 features": "特徴変数を 1,024 個に増やす",
    "Adam, batches of 50, 20,001 steps": "Adam、50 個のバッチ、20,001 ステップに変える",
    "dropout": "ドロップアウトを加える",
    "with dropout": "ドロップアウトあり",
    "no dropout": "ドロップアウトなし",
    "32 filters": "フィルターを 32 枚に増やす",
    "a second convolution and pooling: the second network": "2 段目の畳み込みとプーリングを加える",
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
    table = []
    for layers, name in ("one layer", "single"), ("two layers", "double"):
        theirs = luck.the_posts(f"post_{name}.py")
        cells = theirs["the_post"], theirs["tensorflow_0.12.1"], f"{luck.read(name)[1]:g}"
        table.append([f"{layers}, test accuracy", *cells, f"`python {name}_conv.py`"])
    double = luck.the_posts("post_double.py")
    restored = ["the post's program's checkpoint, restored here", ""]
    restored += [double["tensorflow_0.12.1"], double["checkpoint_restored_here"]]
    return columns, [*table, [*restored, "`python visualize_filters.py CHECKPOINT`"]]


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
        means = (f"{np.mean([side[seed] for seed in both]):.4f}" for side in (before, after))
        _, count, difference, _, p, worse = luck.change(name)
        table.append([name, count, *means, difference, p, worse])
    columns = ["change", "seeds", "unchanged", "changed", "mean difference ± its standard error"]
    return [*columns, "by luck", "seeds worse"], table


def rows(name):
    """Returns the rows of a CSV file in the folders of the Xeon: {column: text}."""
    paths = (seeds.FOLDER / folder / f"{name}.csv" for folder in (luck.FLOAT32, luck.BFLOAT16))
    return [row for path in paths for row in seeds.rows(path)]


def mean(group, column):
    """Returns the mean of a column's numbers in a group of rows, to four decimals."""
    return f"{np.mean([float(row[column]) for row in group]):.4f}"


def shifts():
    """The test accuracy on moved digits, a mean of all directions and seeds."""
    moved = rows("shifts")
    table = []
    for name, label in SHIFTED.items():
        mine = [row for row in moved if row["experiment"] == name]
        by_pixels = [[row for row in mine if row["pixels"] == str(n)] for n in range(5)]
        count = len({row["seed"] for row in mine})
        table.append([label, str(count), *(mean(group, "test_accuracy") for group in by_pixels)])
    return ["pixels moved", "seeds", "0", "1", "2", "3", "4"], table


def dead_filters():
    """How many filters are dead or rare without abs, and whether that explains what it costs.

    The costs are those of each seed, and what a line through them gives for no rare filters.
    """
    columns = ["", "seeds", "dead at the start", "dead at the end", "rare at the start"]
    columns += ["rare at the end", "mean difference ± its standard error"]
    columns += ["the same with no rare filters, by a line"]
    found = rows("dead_filters")
    table, accuracy = [], {}
    for name, words in {"single": "with `abs`", "single-without-abs": "without `abs`"}.items():
        mine = {int(row["seed"]): row for row in found if row["experiment"] == name}
        accuracy[name] = {seed: float(row["test_accuracy"]) for seed, row in mine.items()}
        counts = {
            column: np.array([int(row[column]) for row in mine.values()])
            for column in ("dead_at_start", "dead_at_end", "rare_at_start", "rare_at_end")
        }
        cells = [f"{count.sum()} / {16 * len(mine)}" for count in counts.values()]
        table.append([words, str(len(mine)), *cells])
    with_abs, without = accuracy.values()
    cost, _ = luck.difference(luck.paired_test(with_abs, without))
    costs = [without[seed] - with_abs[seed] for seed in without]
    line = stats.linregress(counts["rare_at_end"], costs)  # the counts without abs, the last ones
    no_rare = f"{line.intercept:+.4f} ± {line.intercept_stderr:.4f}"
    return columns, [[*table[0], "", ""], [*table[1], cost, no_rare]]


def training_accuracy():
    """How many training digits the last checkpoints misread, beside the test accuracy.

    That the checkpoints' mean is compared was decided with the first three seeds, so the others
    have a difference of their own.
    """
    labels = {"double": "with dropout", "double-without-dropout": "no dropout"}
    found = sorted(rows("training_accuracy"), key=lambda row: int(row["step"]))
    steps = sorted({int(row["step"]) for row in found})
    table, test = [], {}  # {(experiment, seed): (mean, last) test accuracy}
    for name, seed in itertools.product(labels, range(1, 7)):
        mine = [row for row in found if (row["experiment"], row["seed"]) == (name, str(seed))]
        wrong = [f"{55000 * (1 - float(row['training_accuracy'])):.0f}" for row in mine]
        accuracies = [float(row["test_accuracy"]) for row in mine]
        test[name, seed] = np.mean(accuracies), accuracies[-1]
        table.append([labels[name], str(seed), *wrong, *(f"{x:.4f}" for x in test[name, seed])])
    for group in (1, 2, 3), (4, 5, 6):
        cells = []
        for column in (0, 1):
            before, after = ({seed: test[name, seed][column] for seed in group} for name in labels)
            difference, p = luck.difference(luck.paired_test(before, after))
            cells.append(f"{difference} ({p})")
        table.append(
            ["difference (by luck)", f"{group[0]}–{group[-1]}", *[""] * len(steps), *cells]
        )
    columns = ["", "seed", *(f"{step:,}" for step in steps), "test accuracy, mean of the five"]
    return [*columns, "test accuracy, the last"], table


def patches():
    """How alike the nine patches of a filter are, a mean of all filters and seeds."""
    table, found = [], rows("patches")
    random = [row for row in found if (row["network"], row["layer"]) == ("random patches", "2")]
    highest = max(float(row["correlation"]) for row in random)
    for network, label in {
        "random patches": "nine patches at random, with ink in the middle",
        "random weights": "14×14 random weights, without a network",
        "untrained": "before training",
        "trained": "after 20,001 steps",
        "the post's": "the post's checkpoint",
    }.items():
        mine = [row for row in found if row["network"] == network]
        layer1, layer2 = (
            [float(row["correlation"]) for row in mine if row["layer"] == layer] for layer in "12"
        )
        first = f"{np.nanmean(layer1):.2f}" if layer1 else ""
        extremes = f"{np.nanmin(layer2):.2f}–{np.nanmax(layer2):.2f}"
        count = len({row["seed"] for row in mine})
        above = f"{np.sum(np.array(layer2) > highest)} / {len(layer2)}"
        table.append([label, str(count), first, f"{np.nanmean(layer2):.2f}", extremes, above])
    columns = ["the nine patches of", "seeds", "first layer's 32", "second layer's 64"]
    return [*columns, "lowest–highest of the 64", "above all of the first row"], table


def what_changes():
    """How much training changes the second network's weights, and what they compute."""
    table = []
    for what, words in CHANGED.items():
        mine = [row for row in rows("changes") if row["what"] == what]
        numbers = [
            [float(row["deviation_of_change"]) / float(row["deviation_at_start"]) for row in mine],
            [float(row["correlation"]) for row in mine],
        ]
        table.append([words, str(len(mine)), *(f"{np.mean(found):.2f}" for found in numbers)])
    columns = ["", "seeds", "deviation of the change / at the start", "correlation with the start"]
    return columns, table


def second_layer():
    """What each of the second layer's filters is for: means over the seeds."""
    found = experiments.second_layer.read(seeds.FOLDER / luck.BFLOAT16 / "second_layer.csv")
    table = []
    for network, words in {
        "double": "as trained",
        "double-frozen-second": "second convolution frozen",
        "double-frozen-both": "both convolutions frozen",
        "untrained": "before training",
    }.items():
        mine = [found[key] for key in found if key[0] == network]
        numbers = np.mean([experiments.second_layer.summary(*read) for read in mine], axis=0)
        cells = ["" if np.isnan(x) else f"{x:.{n}f}" for x, n in zip(numbers, (0, 1, 0, 2, 2))]
        table.append([words, str(len(mine)), *cells])
    columns = ["", "seeds", "mistakes of 10,000", "more without one map: mean", "largest"]
    return [*columns, "one digit told by one filter: mean", "best"], table


TABLES = {
    "what-changes": what_changes,
    "second-layer": second_layer,
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
        "--check", action="store_true", help="write nothing; fail if a page is out of date"
    )
    args = parser.parse_args()
    pages = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
    texts = {page: with_tables(page) for page in pages}
    old = [page for page in pages if texts[page] != page.read_text()]
    names = ", ".join(str(page.relative_to(ROOT)) for page in old)
    if args.check and old:
        raise terminal.Failure(f"out of date: {names}; run python -m experiments.tables")
    for page in old:
        page.write_text(texts[page])
    terminal.print_stderr(f"written: {names}" if old else "all tables are up to date")


if __name__ == "__main__":
    terminal.run(main)
