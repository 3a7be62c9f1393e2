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
from experiments import compare, comparisons, seeds
from experiments.compare import difference
from support import terminal

ROOT = Path(__file__).parents[1]
TABLE = re.compile(r"(<!-- table: (\S+) -->\n).*?(<!-- end of table -->)", re.DOTALL)
ON_THE_WAY = 1000, 2000, 5000, 10000, 20000  # last steps of the second network's curves

SHIFTED = {
    "dense-64": "784 → 64 → 10, no convolution, as many parameters",
    "single": "the first network",
    "single-upper-left": comparisons.UPPER_LEFT.english,
    "single-mean": comparisons.MEAN.english,
    "double": "the second network",
}
CHANGED = {
    "W_conv1": "`W_conv1`",
    "W_conv2": "`W_conv2`",
    "W_fc1": "`W_fc1`",
    "strongest of h_pool1": "strongest of each map in `h_pool1`",
    "strongest of h_pool1, changes shuffled": "the same, changes shuffled",
    "strongest of h_pool1, another start": "the same, another random start",
    "strongest of h_pool2": "strongest of each map in `h_pool2`",
    "strongest of h_pool2, changes shuffled": "the same, changes shuffled",
    "strongest of h_pool2, another start": "the same, another random start",
    "h_fc1": "`h_fc1`",
    "h_fc1, changes shuffled": "the same, changes shuffled",
    "h_fc1, another start": "the same, another random start",
}

# The tables' labels in Japanese; what is not here stays as it is.
JAPANESE = {
    # column heads
    "change": "変更",
    "what changes": "変えたこと",
    "filters": "フィルター",
    "seeds": "シード数",
    "mean ± standard deviation": "平均 ± 標準偏差",
    "lowest to highest": "最小〜最大",
    "mistakes of 10,000": "10,000 個中の間違い",
    "difference to the rung above ± its standard error": "1 つ上の行との差 ± 標準誤差",
    "mean difference ± its standard error": "差の平均 ± 標準誤差",
    "difference, by luck": "差、p 値",
    "by luck": "偶然だけで出る確率(p 値)",
    "seeds worse": "下がったシード数",
    "1,001 steps: mean difference ± its standard error, by luck": (
        "1,001 ステップ: 差の平均 ± 標準誤差、p 値"
    ),
    "the same after 10,001 steps": "同、10,001 ステップ",
    "beside `h_conv1` halved, the control": "`h_conv1` を半分にした対照との差",
    "beside `h_conv1` doubled, the control": "`h_conv1` を 2 倍にした対照との差",
    "unchanged": "変更なし",
    "changed": "変更あり",
    "pixels moved": "動かしたピクセル数",
    "training digits misread, of 55,000: median": "トレーニングセット 55,000 個中の間違い(中央値)",
    "test accuracy, mean of the same checkpoints": (
        "同じチェックポイントの、テストセットの正答率の平均"
    ),
    "the nine patches of": "9 個の部分画像",
    "lowest–highest of the 64": "2 段目の最小〜最大",
    "above all of the first row": "1 行目の最大を超えるもの",
    "nine patches at random, with ink in the middle": "中央にインクのある、無作為に選んだ 9 個",
    "14×14 random weights, without a network": "14×14 の乱数の重み(ネットワークなし)",
    "first layer's 32": "1 段目の 32 枚",
    "second layer's 64": "2 段目の 64 枚",
    "standard deviation of the change / of the start": "変化の標準偏差 / 学習前の標準偏差",
    "the same, changes shuffled": "同(変化を並べ替えた場合)",
    "the same, another random start": "同(別のシードの初期値)",
    "correlation with the start": "学習前との相関係数",
    "strongest of each map in `h_pool1`": "`h_pool1` の各出力画像の最大値",
    "strongest of each map in `h_pool2`": "`h_pool2` の各出力画像の最大値",
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
    "none, but as many parameters (784 → 64 → 10)": "なし、パラメーターの数は同じ(784 → 64 → 10)",
    "random, as before training": "乱数(学習前のまま)",
    "random, twice as large": "乱数、2 倍の大きさ",
    "trained": "学習あり",
    "after 1,001 steps": "1,001 ステップ後",
    "one layer, test accuracy": "畳み込み 1 層の正答率",
    "two layers, test accuracy": "畳み込み 2 層の正答率",
    "the post's program's checkpoint, restored here": "記事のプログラムのチェックポイント",
    "with dropout": "ドロップアウトあり",
    "without dropout": "ドロップアウトなし",
    "difference": "差",
    "the first network": "1 つ目のネットワーク",
    "784 → 64 → 10, no convolution, as many parameters": (
        "784 → 64 → 10、畳み込みなし、パラメーターの数は同じ"
    ),
    "before training": "学習前",
    "after 10,001 steps": "10,001 ステップ後",
    "after 20,001 steps": "20,001 ステップ後",
    "after 50,001 steps": "50,001 ステップ後",
    "the post's checkpoint": "記事のプログラムのチェックポイント",
}


def rows(name, **values):
    """Returns the rows of a CSV file that have these values, a {column: text} each."""
    return seeds.rows_with(seeds.PUBLISHED / f"{name}.csv", **values)


def the_posts(program):
    """Returns {column: text}, the test accuracies of the post's post_single.py or post_double.py.

    docs/recordings.md tells how the programs were run.
    """
    (row,) = rows("the_post", program=program)
    return row


def accuracies_of(experiment, step):
    """Returns {seed: accuracy} after that step itself, on comparisons.TWO_CORES."""
    return compare.read(experiment, column="test_accuracy")[comparisons.TWO_CORES, step]


def mean_and_deviation(values):
    """Returns "mean ± standard deviation", of one value only the mean.

    The standard deviation is the sample's (divided by n - 1).
    """
    if len(values) == 1:
        return f"{values[0]:.4f}"
    return f"{np.mean(values):.4f} ± {np.std(values, ddof=1):.4f}"


def numbers():
    """The post's test accuracies, those of its code under TensorFlow 0.12.1, and ours."""
    columns = ["", "the post", "the post's code, run under TF 0.12.1", "this repository", "command"]
    table = []
    for layers, name, step in ("one layer", "single", 1000), ("two layers", "double", 20000):
        theirs = the_posts(f"post_{name}.py")
        ours = f"{accuracies_of(name, step)[1]:g}"
        cells = theirs["the_post"], theirs["tensorflow_0.12.1"], ours
        table.append([f"{layers}, test accuracy", *cells, f"`python {name}_conv.py`"])
    double = the_posts("post_double.py")
    restored = ["the post's program's checkpoint, restored here", ""]
    restored += [double["tensorflow_0.12.1"], double["checkpoint_restored_here"]]
    return columns, [*table, [*restored, "`python visualize_filters.py CHECKPOINT`"]]


def accuracies():
    """Every experiment: its seeds, their mean and spread, after 1,001 steps and at its last one."""
    table = []
    for name, experiment in seeds.EXPERIMENTS.items():
        for (machine, step), of_seeds in sorted(compare.read(name).items()):
            if step in (1000, experiment.last):
                values = list(of_seeds.values())
                extremes = f"{min(values):.4f} to {max(values):.4f}"
                spread = mean_and_deviation(values)
                table.append([name, f"{step:,}", str(len(values)), spread, extremes, machine])
    columns = ["experiment", "last step", "seeds", "mean ± standard deviation", "lowest to highest"]
    return [*columns, "machine"], table


def ladder(rungs):
    """From a network without filters to the second network, on one machine.

    A rung is compared with the one above it, on the seeds that both have.
    """
    columns = ["", "what changes", "seeds", "mean ± standard deviation", "mistakes of 10,000"]
    columns += ["difference to the rung above ± its standard error", "by luck"]
    sides = [(rung.experiment, rung.step) for rung in rungs]
    machine = compare.machine_of(sides)
    table = []
    for i, (rung, side) in enumerate(zip(rungs, sides)):
        values = list(compare.read(rung.experiment)[machine, rung.step].values())
        row = [f"{i + 1}", rung.english, f"{len(values)}", mean_and_deviation(values)]
        row.append(f"{10000 * (1 - np.mean(values)):.0f}")
        row += difference(compare.compare(sides[i - 1], side, machine)) if i else ["", ""]
        table.append(row)
    return columns, table


def in_one_cell(test):
    """Returns what `difference` gives of a Paired test, as one text."""
    return ", ".join(filter(None, difference(test)))


def machine_of_changes(changes, step):
    """Returns the machine on which all networks of some changes have most seeds in common."""
    sides = [(name, step) for change in changes for name in (change.without, change.with_it)]
    return compare.machine_of(sides)


def early_and_late(changes, controls=(), steps=(1000, 10000)):
    """Changes of a network, on one machine, after two numbers of steps.

    With controls, changes that take nothing away, also each change's difference to each control
    in the end.
    """
    first, last = steps
    machine = machine_of_changes(changes, last)
    columns = ["change", "seeds"]
    columns += [f"{first + 1:,} steps: mean difference ± its standard error, by luck"]
    columns += [f"the same after {last + 1:,} steps"]
    columns += [f"beside {control.english}" for control in controls]
    table = []
    for change in changes:
        early, late = (
            compare.compare((change.without, step), (change.with_it, step), machine)
            for step in steps
        )
        row = [change.english, f"{late.seeds}", in_one_cell(early), in_one_cell(late)]
        for control in controls:
            pair = (control.with_it, last), (change.with_it, last)
            row.append(
                in_one_cell(compare.compare(*pair, machine)) if change not in controls else ""
            )
        table.append(row)
    return columns, table


def carried_on(changes, steps=(10000, 20000, 50000)):
    """Changes' differences after more and more steps, on the seeds that came to the last one."""
    last = steps[-1]
    machine = machine_of_changes(changes, last)

    def at(name, step):
        curve = compare.curve_on(machine, name)
        return {seed: curve[step][seed] for seed in curve[last]}

    table = []
    for change in changes:
        tests = [compare.paired_test(at(change.without, s), at(change.with_it, s)) for s in steps]
        table.append([change.english, f"{tests[0].seeds}", *map(in_one_cell, tests)])
    return ["difference, by luck", "seeds", *(f"after {s + 1:,} steps" for s in steps)], table


def random_filters():
    """The accuracy without filters, with random and with trained ones, on one machine.

    And the share of the way from the first to the last: mean ± standard error of the seeds'.
    """
    labels = {
        "dense-64": "none, but as many parameters (784 → 64 → 10)",
        "single-frozen-filters": "random, as before training",
        "single-frozen-filters-doubled": "random, twice as large",
        "single": "trained",
    }
    steps = 1000, 10000, 50000
    machine = compare.machine_of([(name, steps[-1]) for name in labels])
    curves = compare.in_common({name: compare.curve_on(machine, name) for name in labels})

    def accuracies(name, step):
        return np.array(list(curves[name][step].values()))

    def cell(name, step):
        mean = f"{np.mean(accuracies(name, step)):.4f}"
        if name in ("dense-64", "single"):
            return f"{mean}, {'0%' if name == 'dense-64' else '100%'}"
        none, trained = accuracies("dense-64", step), accuracies("single", step)
        shares = 100 * (accuracies(name, step) - none) / (trained - none)
        return f"{mean}, {np.mean(shares):.0f} ± {stats.sem(shares):.0f}%"

    table = [[label, *(cell(name, step) for step in steps)] for name, label in labels.items()]
    table.append(["seeds", *(f"{len(curves['single'][step])}" for step in steps)])
    return ["filters", *(f"after {step + 1:,} steps" for step in steps)], table


def after_one_step(changes, step=20000):
    """The paired tests of some changes after a step, on one machine."""
    machine = machine_of_changes(changes, step)
    table = []
    for change in changes:
        test = compare.compare((change.without, step), (change.with_it, step), machine)
        means = f"{test.before:.4f}", f"{test.after:.4f}"
        cells = [f"{test.seeds}", *means, *difference(test), f"{test.worse}"]
        table.append([change.english, *cells])
    columns = ["change", "seeds", "unchanged", "changed", "mean difference ± its standard error"]
    return [*columns, "by luck", "seeds worse"], table


def means_of_seeds(measured):
    """Returns {(cpu, precision, seed): test accuracy}, the means of each seed's rows."""
    found = {}
    for row in measured:
        key = row["cpu"], row["precision"], row["seed"]
        found.setdefault(key, []).append(float(row["test_accuracy"]))
    return {key: np.mean(accuracies) for key, accuracies in found.items()}


def shifts(names, step, paired=False):
    """The test accuracy on moved digits, a mean of all directions and seeds.

    With `paired`, also the paired differences to the first of the networks.
    """
    table, moved = [], {}  # moved: {name: [means_of_seeds, of 0 pixels and more]}
    for name in names:
        of_pixels = (rows("shifts", experiment=name, step=step, pixels=n) for n in range(5))
        moved[name] = list(map(means_of_seeds, of_pixels))
        cells = (f"{np.mean(list(of_seeds.values())):.4f}" for of_seeds in moved[name])
        table.append([SHIFTED[name], f"{len(moved[name][0])}", *cells])
        if paired and name != names[0]:
            tests = list(map(compare.paired_test, moved[names[0]], moved[name]))
            table.append(["difference, by luck", f"{tests[0].seeds}", *map(in_one_cell, tests)])
    return ["pixels moved", "seeds", "0", "1", "2", "3", "4"], table


def dead_filters():
    """How many filters are dead or rare, with abs and without, before and after training."""
    table = []
    for step in "1000", "10000":
        for name, label in ("single", "the first network"), ("single-without-abs", "without `abs`"):
            mine = rows("dead_filters", experiment=name, step=step)
            counts = (
                sum(int(row[column]) for row in mine)
                for column in ("dead_at_start", "dead_at_end", "rare_at_start", "rare_at_end")
            )
            cells = [f"{count} / {16 * len(mine)}" for count in counts]
            table.append([label, f"{int(step) + 1:,}", f"{len(mine)}", *cells])
    columns = ["", "steps", "seeds", "dead at the start", "dead at the end"]
    return [*columns, "rare at the start", "rare at the end"], table


def dropout():
    """Training digits that the last five checkpoints misread, and those checkpoints' test accuracy.

    A count is the median, because a few are many times larger; an accuracy is a seed's mean.
    """
    labels = {"double": "with dropout", "double-without-dropout": "without dropout"}
    table, means = [], {}  # means: {experiment: means_of_seeds}
    for name, label in labels.items():
        mine = rows("training_accuracy", experiment=name)
        wrong = [round(55000 * (1 - float(row["training_accuracy"]))) for row in mine]
        means[name] = means_of_seeds(mine)
        accuracy = f"{np.mean(list(means[name].values())):.4f}"
        cells = [f"{np.median(wrong):g}", f"{min(wrong)}–{max(wrong)}", accuracy, ""]
        table.append([label, f"{len(means[name])}", *cells])
    test = compare.paired_test(means["double-without-dropout"], means["double"])
    table.append(["difference", f"{test.seeds}", "", "", *difference(test)])
    columns = ["", "seeds", "training digits misread, of 55,000: median", "lowest to highest"]
    return [*columns, "test accuracy, mean of the same checkpoints", "by luck"], table


def patches():
    """How alike the nine patches of a filter are, a mean of all filters and seeds."""
    table, random = [], rows("patches", network="random patches", layer=2)
    highest = max(float(row["correlation"]) for row in random)
    for network, label in {
        "random patches": "nine patches at random, with ink in the middle",
        "random weights": "14×14 random weights, without a network",
        "untrained": "before training",
        "trained": "after 20,001 steps",
        "the post's": "the post's checkpoint",
    }.items():
        mine = rows("patches", network=network)
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
        mine = rows("changes", what=what)
        numbers = [
            [float(row["deviation_of_change"]) / float(row["deviation_at_start"]) for row in mine],
            [float(row["correlation"]) for row in mine],
        ]
        table.append([words, str(len(mine)), *(f"{np.mean(found):.2f}" for found in numbers)])
    columns = [
        "",
        "seeds",
        "standard deviation of the change / of the start",
        "correlation with the start",
    ]
    return columns, table


def shuffled():
    """The second network's accuracy, that of its start with shuffled changes, and the start's."""
    columns = {
        "test_accuracy": "as trained",
        "test_accuracy_shuffled": "changes shuffled",
        "test_accuracy_at_start": "before training",
    }
    table = []
    for column, words in columns.items():
        values = [float(row[column]) for row in rows("shuffled")]
        table.append([words, f"{len(values)}", mean_and_deviation(values)])
    return ["", "seeds", "mean ± standard deviation"], table


def second_layer():
    """What each of the second layer's filters is for: `summary`, a mean of the seeds."""
    found = experiments.second_layer.read(seeds.PUBLISHED / "second_layer.csv")
    table = []
    for network, words in {
        "double": "as trained",
        "double-frozen-second": "second convolution frozen",
        "double-frozen-both": "both convolutions frozen",
        "untrained": "before training",
    }.items():
        mine = [found[key] for key in found if key[0] == network]
        numbers = np.mean([experiments.second_layer.summary(*read) for read in mine], axis=0)
        texts = ["" if np.isnan(x) else f"{x:.{n}f}" for x, n in zip(numbers, (0, 1, 0, 2, 2))]
        table.append([words, f"{len(mine)}", *texts])
    columns = ["", "seeds", "mistakes of 10,000", "more without one map: mean", "largest"]
    return [*columns, "one digit told by one filter: mean", "best"], table


TABLES = {
    "what-changes": what_changes,
    "shuffled": shuffled,
    "second-layer": second_layer,
    "numbers": numbers,
    "accuracies": accuracies,
    "ladder": lambda: ladder(comparisons.LADDER),
    "other-end": lambda: ladder(comparisons.OTHER_END),
    "take-away": lambda: early_and_late(comparisons.FIRST_NETWORK, comparisons.CONTROLS),
    "take-away-both": lambda: early_and_late(comparisons.MORE_CHANGES),
    "random-filters": random_filters,
    "carried-on": lambda: carried_on(comparisons.CARRIED_ON),
    "rungs": lambda: carried_on(comparisons.LAST_RUNGS, ON_THE_WAY),
    "try-this": lambda: early_and_late(comparisons.TRY_THIS),
    "after-1001-steps": lambda: after_one_step(comparisons.THIRTY_SEEDS, 1000),
    "second-network": lambda: early_and_late(
        comparisons.SECOND_NETWORK, [comparisons.PIXELS_DOUBLED], steps=(1000, 20000)
    ),
    "frozen": lambda: after_one_step(comparisons.FROZEN),
    "frozen-on-the-way": lambda: carried_on(comparisons.FROZEN, ON_THE_WAY),
    "shifts": lambda: shifts(["dense-64", "single"], 10000),
    "shifts-10001": lambda: shifts(
        ["single", "single-upper-left", "single-mean", "dense-64"], 10000, paired=True
    ),
    "shifts-double": lambda: shifts(["double"], 20000),
    "dead-filters": dead_filters,
    "dropout": dropout,
    "patches": patches,
}


def japanese_labels():
    """Returns {English: Japanese} of all labels."""
    labels = dict(JAPANESE)
    for change in [*comparisons.FIRST_NETWORK, *comparisons.FROZEN]:
        labels[change.english] = change.japanese
    for rung in [*comparisons.LADDER, *comparisons.OTHER_END]:
        labels[rung.english] = rung.japanese
    return labels


def copied(name):
    """Returns the lines of a table that a program printed after "table: NAME"."""
    outputs = "".join(path.read_text() for path in sorted(seeds.PUBLISHED.glob("*.txt")))
    if f"table: {name}\n" not in outputs:
        raise terminal.Failure(f"there is no table {name}")
    lines = outputs[outputs.index(f"table: {name}\n") :].splitlines()[1:]
    lines = itertools.takewhile(lambda line: line.startswith("|"), lines)
    return [[cell.strip() for cell in line[1:-1].split("|")] for line in lines]


def markdown(name, japanese):
    """Returns a table in Markdown."""
    if name in TABLES:
        columns, table = TABLES[name]()
        lines = [columns, ["---"] * len(columns), *table]
    else:
        lines = copied(name)
    if japanese:
        labels = japanese_labels()
        lines = [[labels.get(cell, cell) for cell in line] for line in lines]
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
