"""docs/guide.md and docs/results.md: every number is computed again.

What a page tells is computed from the code, from docs/seeds and from what docs/programs printed
(docs/outputs). It must stand in the page, and a number that nothing computes is an error.
"""

import csv
import re

import numpy as np
import pytest
import tensorflow as tf
from processes import ROOT
from runs import posts_curve
from scipy import stats
from test_pages import rows as table_rows

import common
import double_conv
import single_conv
from double_conv import DoubleConv
from experiments import filters, luck, one_patch, seeds
from single_conv import SingleConv
from support import input_data

DOCS = ROOT / "docs"
GUIDE, RESULTS = ((DOCS / name).read_text() for name in ("guide.md", "results.md"))
# The speed and the pictures have tests of their own.
RESULTS = RESULTS[: RESULTS.index("## Speed")]
PATCH, FILTERS = (
    (DOCS / "outputs" / f"{name}.txt").read_text() for name in ("one_patch", "filters")
)
FIRST, SECOND = FILTERS.split("## The second network")
STEPS = {"single": 1001, "double": 20001}
TRAINING, TEST = 55000, 10000  # digits


def one_line(text):
    """Returns the text with every white space as one blank."""
    return " ".join(text.split())


def recorded(output, name):
    """Returns what stands after "name: " in a program's output."""
    (value,) = re.findall(rf"^{re.escape(name)}: (.*)$", output, re.MULTILINE)
    return value


def after(output, line, rows):
    """Returns the rows that follow a line of a program's output."""
    lines = output.splitlines()
    start = lines.index(line) + 1
    return lines[start : start + rows]


def markdown(rows):
    """Returns the lines of a Markdown table's rows."""
    return [f"| {' | '.join(row)} |" for row in rows]


def count(*variables):
    """Returns the number of parameters, as text."""
    return f"{sum(np.prod(variable.shape) for variable in variables):,}"


def listed(numbers, joined=", "):
    """Returns numbers as text: 1, 3, 5 or, with " and ", 1, 3 and 5."""
    *first, last = map(str, numbers)
    return f"{', '.join(first)}{joined}{last}" if first else last


def span(shares):
    """Returns the lowest and the highest of shares in per cent, as text."""
    values = sorted(int(share.rstrip("%")) for share in shares)
    return f"{values[0]}% to {values[-1]}%"


def mean(experiment):
    """Returns an experiment's mean test accuracy, as text."""
    return f"{np.mean(list(seeds.read(experiment).values())):.4f}"


# What the guide tells, section by section.


def introduction():
    return [
        f"their correlation with their random start is {recorded(FIRST, 'correlation of W_conv1')}",
        f"{recorded(SECOND, 'correlation of W_conv1')} in the second one's first layer",
        f"the first network still reads {mean('single-frozen-filters')} of the test digits",
        f"With trained ones it reads {mean('single')}",
        f"with {seeds.FourFilters(1).W_conv1.shape[-1]} trained ones in place of "
        f"{single_conv.num_filters} it reads {mean('single-4-filters')}",
        f"to its {mean('double')}",
        "enakai00's post",
        "(その3)",
        "Filters and maps are numbered from 1, pixels from 0; all are those of `--seed 1`",
    ]


def the_data():
    ones = max(map(int, recorded(PATCH, "test digits from 0 to 9").split()))
    held_out = 5000
    return [
        f"{TRAINING + held_out + TEST:,} handwritten digits of 28×28 pixels",
        "a number from 0 (paper) to 1 (full ink)",
        "`.` is 0, `#` is more than 0.95",
        *after(PATCH, "the first test digit, a 7:", 7),
        "the first test digit, a 7,",
        "ten numbers, 1 for that digit, 0 for the others",
        f"a **batch** of {single_conv.batch_size} digits",
        f"In an **epoch**, here {TRAINING // single_conv.batch_size} steps, it has seen all "
        f"{TRAINING:,} digits of the training set",
        f"The {TEST:,} digits of the **test set**",
        'answers "1" to everything',
        f"{ones / TEST:.4f}: of the {TEST:,} test digits, {ones:,} are a 1. "
        "Learning starts there, not at 0.",
    ]


def first_network():
    network, images = SingleConv(), np.zeros([1, 784], np.float32)
    h = network(images)
    h_conv1, h_pool1 = ("×".join(map(str, maps.shape[1:])) for maps in (h.h_conv1, h.h_pool1))
    size, n, fc = network.W_conv1.shape[0], single_conv.num_filters, single_conv.num_fc
    pooled = network.W_fc1.shape[0]
    first, second = (x.split() for x in recorded(FIRST, "the picture's digit").split(", "))
    return [
        "a test digit, a 9",
        f"gets {first[1]} as a {first[0]}, {second[1]} as a {second[0]}",
        f"| convolution, pooling | {h_conv1}, {h_pool1} | "
        f"{size}·{size}·1·{n} = {count(network.W_conv1)} |",
        f"| fully connected | {fc} | "
        f"{pooled:,}·{fc} + {fc} = {count(network.W_fc1, network.b_fc1)} |",
        f"| readout | 10 | {fc}·10 + 10 = {count(network.W_fc2, network.b_fc2)}; "
        f"together {count(*network.trainable_variables)} |",
        f"28×28 pixels, not 24×24; the picture is of {n} filters, not 32",
    ]


def convolution():
    network = SingleConv()
    size, n = network.W_conv1.shape[0], single_conv.num_filters
    last, reach, outputs = size - 1, size // 2, 28 * 28 * n
    ink = after(PATCH, "ink around row 10, column 10:", 5)
    weights = after(PATCH, "weights of filter 15:", 5)
    without_abs, without_threshold = (
        luck.paired_test(*map(seeds.read, luck.CHANGES[name]))
        for name in ("without `abs`", "0 in place of 0.2")
    )
    return [
        f"is a {size}×{size} table of weights",
        "(**stride** 1)",
        "Pixels outside count as 0",
        rf"c(i, j) = \sum_{{r=0}}^{{{last}}} \sum_{{s=0}}^{{{last}}} w(r, s) \cdot "
        f"x(i + r - {reach}, j + s - {reach})",
        f"its **receptive field**, here {size}×{size}",
        f"the 7 around row {one_patch.ROW}, column {one_patch.COLUMN}",
        f"the trained filter {one_patch.FILTER}:",
        *(f"{left} {right}" for left, right in zip(ink, weights)),
        f"the {size * size} products add up to $c = {recorded(PATCH, 'c')}$",
        "On empty paper $c$ is 0",
        r"h(i, j) = \max(0, |c(i, j)| - 0.2)",
        f"Here that is {recorded(PATCH, 'h')}, the largest number in the map",
        "0: the strongest response of this map would be lost",
        f"The accuracy falls to {mean('single-without-abs')}",
        f"it is lower for {without_abs.worse} of {without_abs.seeds} seeds",
        r"the name of $\max(0, \cdot)$",
        "Its derivative is 0 or 1",
        "**Why 0.2?**",
        "divided by 23, so that a straight edge of full ink gives exactly 1",
        f"removes {recorded(FIRST, 'removed by 0.2, trained')} of the sums that are not 0",
        f"(of 100 test digits; {recorded(FIRST, 'removed by 0.2, initial')} before training)",
        f"with 0 in its place the accuracy is lower by {-without_threshold.mean:.4f} ± "
        f"{without_threshold.error:.4f}",
        f"784 pixels and the maps' {outputs:,} numbers have 784·{outputs:,} = {784 * outputs:,} "
        f"weights in place of {size * size * n}",
    ]


def from_maps_to_a_loss():
    network = SingleConv()
    size, n, batch = network.W_conv1.shape[0], single_conv.num_filters, single_conv.batch_size
    W = network.W_fc1.numpy()
    total = sum(np.prod(variable.shape) for variable in network.trainable_variables)
    return [
        "each 2×2 block",
        r"p(i, j) = \max_{0 \le r, s \le 1} h(2i + r, 2j + s)",
        f"Of {28 * 28 * n:,} numbers 14·14·{n} = {len(W):,} remain",
        f"the receptive field is now {size + 1}×{size + 1}",
        r"z_m = \max(0, \sum_n p_n W_{nm} + b_m)",
        f"The matrix $W$ holds {W.size / total:.1%} of all parameters",
        "positive numbers that add up to 1",
        rf"\sum_{{m=1}}^{{{single_conv.num_fc}}} z_m V_{{mk}}",
        r"\sum_{l=0}^{9} e^{u_l}",
        "A logit larger by 1 means $e$ times",
        "be 1 if its image $a$ shows the digit $k$, otherwise 0",
        f"a product of {batch} factors",
        rf"E = -\sum_{{a=1}}^{{{batch}}} \sum_{{k=0}}^{{9}} t_{{ak}}",
        r"rounds to 0, this computes $0 \cdot \log 0$",
        "if every digit gets 1/10",
        f"{batch} log 10 ≈ {batch * np.log(10):.0f}",
        f"reports {posts_curve('single')[0][0]:.1f} after its first step",
    ]


def gradient():
    rate = SingleConv().optimizer._learning_rate
    delta = float(recorded(PATCH, "before training, delta"))
    top, *_, bottom = (row.split() for row in after(PATCH, "the gradient by hand:", 5))
    ink = after(PATCH, "ink around row 10, column 10:", 5)
    nonzero, positions = recorded(PATCH, "positions whose delta is not 0").split(" of ")
    epochs = STEPS["single"] * single_conv.batch_size / TRAINING
    reach = SingleConv().W_conv1.shape[0] // 2
    return [
        rf"\partial w$, with $\eta = {rate}$",
        "where its output is above 0",
        r"\sum_{i=0}^{27} \sum_{j=0}^{27} \delta(i, j) \cdot "
        f"x(i + r - {reach}, j + s - {reach})",
        f"Take the 7 and filter {one_patch.FILTER} again, before training. At row {one_patch.ROW}, "
        f"column {one_patch.COLUMN}, $c = {recorded(PATCH, 'before training, c')}$",
        rf"$\delta = {delta}$",
        f"the pixel under the weight at the upper left is {ink[0].split()[0]}",
        f"so this place gives it {delta * float(ink[0].split()[0]):.4f}",
        f"Of {positions} positions, {nonzero} pass something on",
        f"their sum is {recorded(PATCH, 'the gradient of the weight at the upper left')}",
        f"The five of the top row get {listed(top, ' and ')}, those of the bottom row "
        f"{listed(bottom, ' and ')}.",
        "TensorFlow 2's own way",
        f"assign_sub({rate} * gradient)",
        "if a batch had 200 images",
        f"(A learning rate of {rate} here is {rate * single_conv.batch_size:.1f} for the mean.)",
        f"the {STEPS['single']:,} steps would be {2 * epochs:.2f} epochs",
        f"now they are {epochs:.2f}",
    ]


def what_the_filters_found():
    rows = table_rows(FIRST)
    kinds = {kind: [row for row in rows if row[5] == kind] for kind in (*filters.DIRECTIONS, "any")}
    numbers = {kind: listed(row[0] for row in kinds[kind]) for kind in kinds}
    least = {
        kind: min(float(row[6]) for row in kinds[kind] if row[6]) for kind in filters.DIRECTIONS
    }
    others = [row[7] for row in rows if row[5] != "any"]
    (clear, none), falling = kinds["\\"], numbers["\\"]
    assert none[6] == "inf"
    maxima = recorded(FIRST, "first 7, maxima").split()
    upright, level = ([int(row[0]) for row in kinds[kind]] for kind in ("upright", "level"))

    def shares(name, of):
        found = recorded(FIRST, f"0, {name}").split()
        return span(found[k - 1] for k in of)

    return [
        f"![{single_conv.num_filters} filters and their feature maps",
        f"for {single_conv.C} test digits]",
        f"Top row: the {single_conv.num_filters} filters",
        f"for the first 7, map 7 reaches {maxima[6]} and map 15 reaches {maxima[14]}",
        "3 pixels wide with soft edges",
        "the pixels less than 10 from the middle",
        f"| upright strokes | {numbers['upright']} | at least {least['upright']} times",
        f"| level strokes | {numbers['level']} | at least {least['level']} times",
        f"| strokes like `\\` | {falling} | {clear[0]}: {clear[6]} times as much as to `/`; "
        f"{none[0]}: to `/` not at all",
        f"| strokes like `/` | {numbers['/']} | {least['/']} times as much as to `\\`",
        f"| any stroke | {numbers['any']} |",
        f"{span(row[7] for row in kinds['any'])} of their weight, by absolute value, has one sign "
        f"({span(others)} in the others)",
        "Cut the 0 in the eleventh row",
        f"The left and right ones have {recorded(FIRST, '0, left and right, ink')} of its ink, but "
        f"{shares('left and right', upright)} of `h_conv1` in maps {listed(upright, ' and ')}",
        f"top and bottom have {recorded(FIRST, '0, top and bottom, ink')} of the ink, but "
        f"{shares('top and bottom', level)} in maps {listed(level, ' and ')}",
    ]


def ladder():
    ten_times = float(mean("single-10001-steps")) - float(mean("single"))
    convolution = float(mean("double")) - float(mean("abs-filters-1024"))
    rungs = enumerate(map(luck.rung, luck.LADDER), start=1)
    wide = seeds.Dense1024(1).num_fc
    return [
        *markdown([str(number), *rung] for number, rung in rungs),
        f"mistakes of {TEST:,}",
        f"Rungs 4 to 6 have {wide:,} features",
        f"batches of {double_conv.batch_size} and {STEPS['double']:,} steps",
        f"from rung 2 to 3, {ten_times:.4f} against {convolution:.4f} from rung 5 to 6",
    ]


def second_network():
    network = DoubleConv()
    optimizer = network.optimizer
    h = network(np.zeros([1, 784], np.float32))
    shape = ["×".join(map(str, maps.shape[1:])) for maps in h[:4]]
    size, _, n1, n2 = network.W_conv2.shape
    fc, pooled = double_conv.num_fc, h.h_pool2[0].numpy().size
    total = int(count(*network.trainable_variables).replace(",", ""))
    field = size + 1 + (size - 1) * 2
    reach = size // 2
    epochs = STEPS["double"] * double_conv.batch_size / TRAINING
    low, high = recorded(SECOND, "largest of a filter's 32 outputs").split(" to ")
    positive = recorded(SECOND, "first layer's biases above 0").split()
    assert "11" in positive
    clear = {
        kind: [row[0] for row in table_rows(SECOND) if row[5] == kind and float(row[6]) >= 10]
        for kind in filters.DIRECTIONS
    }
    kinds = {kind: listed(clear[kind], " and ") for kind in clear}
    keep, falling = 0.5, "\\"
    assert f"keep_prob={keep}" in (ROOT / "double_conv.py").read_text()
    two = {recorded(SECOND, f"correlation of {name}") for name in ("W_conv2", "W_fc1")}
    return [
        f"| first convolution, pooling | {shape[0]}, {shape[1]} | {size}·{size}·1·{n1} + {n1} = "
        f"{count(network.W_conv1, network.b_conv1)} |",
        f"| second convolution, pooling | {shape[2]}, {shape[3]} | "
        f"{size}·{size}·{n1}·{n2} + {n2} = {count(network.W_conv2, network.b_conv2)} |",
        f"| fully connected | {fc:,} | {pooled:,}·{fc:,} + {fc:,} = "
        f"{count(network.W_fc1, network.b_fc1)} |",
        f"| readout | 10 | {fc:,}·10 + 10 = {count(network.W_fc2, network.b_fc2)}; "
        f"together {total:,} |",
        "the absolute value and the 0.2 go",
        r"h(i, j) = \max(0, c(i, j) + b)",
        "Biases start at 0",
        f"the {n1} pooled maps, its channels. So each of its {n2} filters $g$ has {n1} sub-filters",
        rf"\max\left(0, b_g + \sum_{{f=1}}^{{{n1}}} \sum_{{r=0}}^{{{size - 1}}} "
        rf"\sum_{{s=0}}^{{{size - 1}}} w_{{fg}}(r, s) \cdot p_f(i + r - {reach}, j + s - {reach})",
        f"There are {n2}·{n1} = {n1 * n2:,} sub-filters, but only {n2} maps",
        f"{field}×{field}: five pooled pixels in a row, 2 pixels of the digit apart",
        f"each with a field of {size + 1}: {size + 1} + {size - 1}·2.",
        f"With {total / 1e6:.1f} million parameters, the network can learn {TRAINING:,} digits",
        f"every one of the {fc:,} features to 0 with probability 1/{1 / keep:.0f}",
        f"$q = {keep}$ (`keep_prob`)",
        r"$(q \cdot z_k + (1 - q) \cdot 0) / q = z_k$",
        rf"$\beta_1 = {optimizer._beta1}$ and $\beta_2 = {optimizer._beta2}$",
        "Both start at 0, too small at first",
        r"m_t = \beta_1 m_{t-1} + (1 - \beta_1) g_t",
        r"v_t = \beta_2 v_{t-1} + (1 - \beta_2) g_t^2",
        r"w \leftarrow w - \eta \frac{\sqrt{1 - \beta_2^t}}{1 - \beta_1^t} \cdot "
        r"\frac{m_t}{\sqrt{v_t} + \epsilon}",
        rf"Here $\eta = {optimizer._lr}$",
        rf"$\epsilon = 10^{{{np.log10(optimizer._epsilon):.0f}}}$",
        "the sign of $g_1$ cancels: unless $g_1$ is close to 0",
        f"The {STEPS['double']:,} steps use {double_conv.batch_size} images each",
        f"{epochs:.1f} epochs",
        f"three numbers of 4 bytes per parameter, hence the {3 * 4 * total / 1e6:.1f} MB",
        f"![the first layer's {n1} filters",
        f"![the second layer's {n2} filters",
        f"Filters {kinds['upright']} respond to upright strokes at least 10 times as much",
        f"so do {kinds['level']} to level ones",
        f"{kinds['/']} to `/`, and {kinds[falling]} to `{falling}`",
        *("Filter 5 looks for", "corner of a 4, 10 for", "one of a 7, 38 for"),  # in patches.png
        *('55 for "("', "60 for a cross, 61 for the loop of a 6"),
        "Where a bias is above 0, even empty paper responds: map 11 is pale gray around the 1s",
        f"with the random start is {recorded(SECOND, 'correlation of W_conv1')}",
        f"and {two.pop()} for `W_conv2` and `W_fc1`",
        f"each digit has two rows of {n2 // 2} maps",
        f"a sum of {n1} outputs, and the largest contributes {low} to {high}",
    ]


def tensorboard():
    return [
        f"In batches of {double_conv.batch_size}",
        f"a dip to {1 - 1 / double_conv.batch_size:.2f} is one digit",
        "![the histograms of h_conv1]",
        "TensorFlow 0.12.1",
        f"`h_conv1`; at 0 is what ReLU removed ({recorded(FIRST, 'zeros in h_conv1, trained')} in",
    ]


def how_much_is_luck():
    accuracies = list(seeds.read("single").values())
    low, high = np.quantile(accuracies, [0.05, 0.95])
    beaten = sum(accuracy < luck.THE_POSTS for accuracy in accuracies)
    four = luck.paired_test(*map(seeds.read, ("single", "single-4-filters")))
    limits = [stats.t.ppf(1 - 1 / 20 / 2, df=n - 1) for n in (30, 5)]
    error = np.sqrt(luck.THE_POSTS * (1 - luck.THE_POSTS) / TEST)
    return [
        f"test accuracy of the first network for {len(accuracies)} seeds",
        f"Of {len(accuracies)} seeds, nine in ten give the first network a test accuracy between "
        f"{low:.4f} and {high:.4f}; the post's {luck.THE_POSTS} beats {beaten} of them",
        "python single_conv.py --seed 2",
        f"In 1 case of 20, luck alone gives a $t$ beyond ±{limits[0]:.1f}",
        f"(30 seeds; ±{limits[1]:.1f} for 5 seeds)",
        "as far from 0 as yours",
        *markdown(map(luck.change, luck.CHANGES)),
        f"With 4 filters, {-four.mean:.4f} is lost; the standard deviation is "
        f"{np.std(list(seeds.read('single-4-filters').values()), ddof=1):.4f}",
        f"the mean of {four.seeds} differences is known to ± {four.error:.4f}",
        f"And {four.worse} of {four.seeds} seeds are worse",
        f"The {TEST:,} test digits are a sample",
        f"gives {luck.THE_POSTS} a standard error of {error:.4f}",
    ]


def mistakes():
    wrong, second = recorded(SECOND, "mistakes"), recorded(SECOND, "the label is second")
    assert int(wrong) == round(TEST * (1 - seeds.read("double")[1]))
    others = float(recorded(SECOND, "median probability, others"))
    assert others > 0.9999
    return [
        f"gets wrong, {wrong} of {TEST:,}. In {second} of them",
        f"the prediction is {recorded(SECOND, 'median probability, mistakes')}",
        "against over 0.9999",
        f"{recorded(SECOND, 'mistakes with more than 90%')} mistakes are made with over 90%",
        "by its mass in 20×20 of 28×28 pixels",
    ]


SECTIONS = [
    introduction,
    the_data,
    first_network,
    convolution,
    from_maps_to_a_loss,
    gradient,
    what_the_filters_found,
    ladder,
    second_network,
    tensorboard,
    how_much_is_luck,
    mistakes,
]


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.__name__)
def test_the_guide_tells_what_was_computed(section):
    assert [fact for fact in section() if one_line(fact) not in one_line(GUIDE)] == []


def uncomputed(page, facts):
    """Returns the words of a page that have a digit, outside of facts, names and links."""
    text = one_line(re.sub(r"^\d\. ", "", page, flags=re.MULTILINE))  # without a list's numbers
    for fact in sorted(map(one_line, facts), key=len, reverse=True):
        text = text.replace(fact, " ")
    text = re.sub(r"\]\([^)]*\)|`[^`]*`|<code>.*?</code>", " ", text)
    return [word for word in text.split() if re.search(r"\d", word)]


def test_every_number_of_the_guide_is_computed():
    assert uncomputed(GUIDE, [fact for section in SECTIONS for fact in section()]) == []


# What the results tell.


def elsewhere():
    """Returns the test accuracies of seed 1 of the first network, rounded otherwise."""
    with open(seeds.FOLDER / "seed-1-elsewhere.csv") as file:
        return [float(row["test_accuracy"]) for row in csv.DictReader(file)]


def results():
    """Returns what docs/results.md tells of accuracy and luck."""
    bfloat16, single, double = (seeds.read(n) for n in ("double-bfloat16", "single", "double"))
    rate, adam = SingleConv().optimizer._learning_rate, DoubleConv().optimizer._lr
    date = "2026-11-25"
    # tests/test_visualize_filters.py restores the checkpoint of the post's program.
    return [
        "AMD EPYC (AVX512-BF16, no AMX), Python 3.11.7, TensorFlow 2.21.0",
        f"| one layer | {single[1]:g} | `python single_conv.py` | {date} |",
        f"| two layers | {double[1]:g} | `python double_conv.py` | {date} |",
        f"bfloat16 | {bfloat16[1]:g} | `python double_conv.py --bfloat16` | {date} |",
        f"| the same, seed 2 | {bfloat16[2]:g} | `python double_conv.py --bfloat16 --seed 2` |",
        f"post's program | 0.9925 | `python visualize_filters.py CHECKPOINT` | {date}",
        "At steps 0 and 10",
        "TensorFlow 0.12.1's",
        f"a relative {LIMITS[0]}, at step 20 by less than {LIMITS[20]}.",
        date,
        "5% to 95%",
        "[seed-1-elsewhere.csv](seeds/seed-1-elsewhere.csv)",
        *markdown(map(luck.summary, seeds.EXPERIMENTS)),
        "Seed 1 of the first network",
        f"): {min(elsewhere()):.4f} to {max(elsewhere()):.4f}.",
        *markdown([str(i), *luck.rung(name)] for i, name in enumerate(luck.LADDER, start=1)),
        f"Rungs 1 to 3 are trained like the first network: batches of {single_conv.batch_size}, "
        f"gradient descent at {rate}. Rungs 4 to 6 are trained like the second one: batches of "
        f"{double_conv.batch_size}, Adam at {adam}, dropout of half of the {double_conv.num_fc:,}",
        "as far from 0.",
        *markdown(map(luck.change, luck.CHANGES)),
        f"filters.py train_data-{STEPS['double'] - 1}` printed",
        f"checkpoint of `double_conv.py`, seed 1. {date}.",
        "mistakes of 10,000",
    ]


LIMITS = {0: "1e-5", 10: "1e-5", 20: "1e-3"}  # of the cross entropy's relative difference at a step


def test_the_results_tell_what_was_computed():
    assert [fact for fact in results() if one_line(fact) not in one_line(RESULTS)] == []


def test_every_number_of_the_results_is_computed():
    assert uncomputed(RESULTS, results()) == []


def test_the_machine_of_the_results_is_that_of_every_row():
    for path in seeds.FOLDER.glob("*.csv"):
        with open(path) as file:
            for row in csv.DictReader(file):
                assert row["cpu"].startswith("AMD EPYC"), path
                assert [row["python"], row["tensorflow"]] == ["3.11.7", "2.21.0"], path
                assert row["date"] == "2026-11-25", path


def test_the_cross_entropy_is_the_posts_as_long_as_the_results_tell(mnist_dir):
    network, train = SingleConv(), input_data.read_data_sets(mnist_dir).train
    for step in range(max(LIMITS) + 1):
        batch = train.next_batch(single_conv.batch_size)
        network.train_step(*batch)
        if step in LIMITS:
            cross_entropy = float(network.evaluate(*batch)[0])
            assert abs(cross_entropy / posts_curve("single")[step][0] - 1) < float(LIMITS[step])


# What the programs printed is what they print.


def assert_same_but_for_rounding(output, expected):
    """Asserts that two outputs have the same words, and numbers that differ by rounding only."""
    number = r"-?\d+(?:,\d{3})*(?:\.\d+)?"
    assert re.sub(number, "", output).split() == re.sub(number, "", expected).split()
    numbers, others = (re.findall(number, text) for text in (output, expected))
    for value, other in zip(numbers, others, strict=True):
        margin = 0.05 if "." in other else 3  # counts and shares in per cent are integers
        value, other = (float(text.replace(",", "")) for text in (value, other))
        assert abs(value - other) <= margin + 0.2 * abs(other), (value, other)


@pytest.fixture(scope="module")
def trained(mnist_dir):
    """The first network, trained with seed 1, and the test digits."""
    mnist = input_data.read_data_sets(mnist_dir)
    return seeds.trained_single(1, mnist.train), mnist.test


def test_one_patch_prints_what_is_recorded(trained, capsys):
    one_patch.print_patch(SingleConv(), *trained)
    assert_same_but_for_rounding(capsys.readouterr().out, PATCH.partition("\n")[2])


def test_filters_prints_what_is_recorded_of_the_first_network(trained, capsys):
    filters.print_single(*trained)
    assert_same_but_for_rounding(capsys.readouterr().out, FIRST.partition("MNIST\n")[2])


# Code, and what it does.


def test_the_step_with_a_gradient_tape_is_that_of_the_first_network(small_data):
    (block,) = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    names = {"tf": tf, "common": common}
    exec(block, names)
    batch = input_data.read_data_sets(small_data).train.next_batch(single_conv.batch_size)
    network, other = SingleConv(), SingleConv()
    for _ in range(3):
        network.train_step(*batch)
        names["train_step"](other, *batch)
    for variable, same in zip(network.trainable_variables, other.trainable_variables):
        np.testing.assert_allclose(variable, same, rtol=1e-5, atol=1e-6)


def filters_after_a_step(small_data, equal_rows):
    """Returns the filters [5, 5, 1, 16] after a step from equal ones."""
    network = SingleConv()
    network.W_conv1.assign(tf.repeat(network.W_conv1[..., :1], 16, axis=-1))
    if equal_rows:  # of W_fc1, from map to map
        maps = tf.reshape(network.W_fc1, [196, 16, 16])
        network.W_fc1.assign(tf.reshape(tf.repeat(maps[:, :1], 16, axis=1), [3136, 16]))
    network.train_step(*input_data.read_data_sets(small_data).train.next_batch(100))
    return network.W_conv1.numpy()


def test_equal_filters_differ_after_a_step(small_data):
    W = filters_after_a_step(small_data, equal_rows=False)
    assert np.ptp(W, axis=-1).max() > 1e-4


def test_equal_filters_stay_equal_if_the_features_weight_all_maps_alike(small_data):
    W = filters_after_a_step(small_data, equal_rows=True)
    assert np.ptp(W, axis=-1).max() < 1e-6
