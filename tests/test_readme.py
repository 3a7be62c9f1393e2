"""Every number of the README: from the seeds' accuracies, the post's outputs, or the code."""

import csv
import inspect
import os
import re

import numpy as np
import pytest
from processes import ROOT, Running
from runs import posts_curve
from test_pages import BLOCK, REQUIREMENTS, rows

import double_conv
import single_conv
import visualize_filters
from support import checkpoints, input_data

README = (ROOT / "README.md").read_text()
TEXT = " ".join(BLOCK.sub("", README).split())
RESULTS = " ".join((ROOT / "docs" / "results.md").read_text().split())
RECORDINGS = " ".join((ROOT / "docs" / "recordings.md").read_text().split())


def accuracies(experiment):
    """Returns {seed: test accuracy} from docs/seeds."""
    with open(ROOT / "docs" / "seeds" / f"{experiment}.csv") as file:
        return {int(row["seed"]): float(row["test_accuracy"]) for row in csv.DictReader(file)}


def spread(experiment, seeds):
    """Returns "mean ± standard deviation" over the seeds."""
    values = [accuracies(experiment)[seed] for seed in seeds]
    return f"{np.mean(values):.4f} ± {np.std(values, ddof=1):.4f}"


def quoted(pattern, page):
    """Returns what a page has where the pattern has its group."""
    return "".join(re.findall(pattern, page))


def in_source(pattern, module):
    """Returns the integer in a module's source where the pattern has its group."""
    return int(re.search(pattern, inspect.getsource(module))[1])


SINGLE, DOUBLE = accuracies("single"), accuracies("double")
WITHOUT_DROPOUT = accuracies("double-without-dropout")
LOW, HIGH = np.quantile(list(SINGLE.values()), [0.05, 0.95])
LOWER = sum(accuracy < SINGLE[1] for accuracy in SINGLE.values())
SEEDS_OF_TRY_THIS = range(1, 31)
TRY_THIS = spread("single", SEEDS_OF_TRY_THIS)

# The post's text gives these; its program gave the others when it was recorded.
POST_SINGLE, POST_DOUBLE = "0.975", "0.9924"
RECORDED_SINGLE = quoted(r"test accuracy was [\d.]+ instead of ([\d.]+)\. ", RECORDINGS)
RECORDED_DOUBLE = quoted(r"recorded run ended with test accuracy ([\d.]+)\.", RECORDINGS)
ON_OTHER_CPUS = quoted(r"\): (0\.\d{4} to 0\.\d{4})\.", RESULTS)

HELD_OUT = in_source(r"train_images\[(\d+):\]", input_data)
AT_ONCE = in_source(r"images\[i : i \+ (\d+)\]", single_conv.common)
GRAPH_SEED = in_source(r"from_state\(\[0, seed, (\d+)\]", single_conv)
PATCH1, PATCH2 = (
    in_source(rf"{name}, images, size=(\d+),", visualize_filters) for name in ("h_conv1", "h_conv2")
)
FIRST_DIGITS = "7 2 1 0 4 1 4 9 5 9, then 0 6"
FILTERS1 = in_source(r"W_conv2 = weight_variable\(\[5, 5, (\d+), ", double_conv)
FILTERS2 = in_source(r"W_conv2 = weight_variable\(\[5, 5, \d+, (\d+)\]", double_conv)

# The medians in the tables of docs/results.md: single_conv.py, double_conv.py, with bfloat16.
OURS, PYTORCH = (
    re.search(rf"\| {row} \| ([\d.]+) .*?\| ([\d.]+) .*?\| ([\d.]+) ", RESULTS).groups()
    for row in ("this repository", "PyTorch, same work")
)
REAL = re.search(r"\| the folder's images \| (\d+) of (\d+) \|", RESULTS).groups()

# Whoever writes a sentence with a number into the README adds it here, with the number's source.
PHRASES = [
    "# Deep MNIST for Experts, part 3,",
    "a 2016 blog post by enakai00",
    "Deep MNIST for Experts(その3)",
    f"{SINGLE[1]:.1%} with one layer of {single_conv.num_filters} filters",
    f"{DOUBLE[1]:.1%} with two layers",
    f"{single_conv.num_filters} numbered filters and their feature maps for {single_conv.C} test",
    f"the {single_conv.num_filters} filters that it has learned",
    "filter 3 keeps the upright strokes of every digit, filter 15 the level ones",
    f"the second layer's {FILTERS2} feature maps",
    f"the first layer's {FILTERS1} filters, each beside its patches of {PATCH1}×{PATCH1} pixels",
    f"the second layer's {FILTERS2}, {PATCH2}×{PATCH2} pixels",
    f"| {POST_SINGLE} | {RECORDED_SINGLE} | {SINGLE[1]:g} | `python single_conv.py` |",
    f"| {POST_DOUBLE} | {RECORDED_DOUBLE} | {DOUBLE[1]:g} | `python double_conv.py` |",
    f"| | {RECORDED_DOUBLE} | {RECORDED_DOUBLE} | `python visualize_filters.py CHECKPOINT` |",
    f"Over seeds {min(SINGLE)} to {max(SINGLE)}, `single_conv.py` gives {spread('single', SINGLE)}",
    f"nine in ten are between {LOW:.4f} and {HIGH:.4f}",
    f"the default seed 1 beats {LOWER} of the {len(SINGLE)}",
    f"On other CPUs the same seed gives {ON_OTHER_CPUS}",
    f"Over seeds {min(DOUBLE)} to {max(DOUBLE)}, `double_conv.py` gives {spread('double', DOUBLE)}",
    "| 1 | `tf.constant(0,1, shape=shape)` is not 0.1: it is the value 0 with dtype number 1 "
    "(float32), so biases start at 0.",
    "| 2 | `tf.set_random_seed(1)` is called outside the graph",
    f"the pair ({GRAPH_SEED}, 1)",
    f"| 3 | `mnist.train` is the *last* {60000 - HELD_OUT:,} training digits, multiplied by "
    "float32(1/255)",
    "| 4 | The accuracy printed for step i",
    "| 5 | `-sum(y * log(softmax))` becomes NaN once a probability underflows to 0",
    "| 6 | Evaluating all 10,000 test digits at once",
    f"in batches of {AT_ONCE}",
    f"| 7 | `mnist.test.next_batch(C)` returns the first C test digits in file order: "
    f"{FIRST_DIGITS}.",
    "a digit has 28×28 pixels, not 24×24",
    f"the first network {single_conv.num_filters} filters, not 32",
    f"over seeds {min(SEEDS_OF_TRY_THIS)} to {max(SEEDS_OF_TRY_THIS)} unless the row",
    "| 1 | `single_conv.py`: delete the `abs`, so that the line reads "
    "`tf.nn.relu(conv2d(x_image, self.W_conv1) - 0.2)` | "
    f"{spread('single-without-abs', SEEDS_OF_TRY_THIS)} instead of {TRY_THIS}",
    "| 2 | `single_conv.py`: `num_filters = 4` | "
    f"{spread('single-4-filters', SEEDS_OF_TRY_THIS)} instead of {TRY_THIS}: "
    f"four filters do most of the work of {single_conv.num_filters}",
    "| 3 | `python single_conv.py --steps 10000` | "
    f"{spread('single-10001-steps', range(1, 6))} (5 seeds)",
    "| 4 | `single_conv.py`: `var_list=self.trainable_variables[1:]` in `train_step`, so that the "
    f"filters stay at their random start | {spread('single-frozen-filters', SEEDS_OF_TRY_THIS)} "
    f"instead of {TRY_THIS}",
    "| 5 | `double_conv.py`: `keep_prob=1.0` in `train_step`; train with `--checkpoint-dir "
    "no-dropout` | "
    f"{spread('double-without-dropout', WITHOUT_DROPOUT)} instead of {spread('double', DOUBLE)} "
    f"({len(WITHOUT_DROPOUT)} seeds)",
    f"| 6 | `python single_conv.py --seed 2` | {SINGLE[2]:g}, other filters, and a second curve in "
    "TensorBoard, named `...-seed2`",
    "| 7 | `python visualize_filters.py --sub-filter 7`",
    f"they come from all {FILTERS1} sub-filters together",
    "| 8 | `python recognize.py --mistakes`",
    "a 7 drawn with the mouse",
    "a photo of a 2 on paper, and the 28×28 pixels that the network gets",
    "draw a 7 with and without a crossbar",
    "`seven.png: 7 (0.9993)`",
    f"On {REAL[1]} such files by 46 people, [the accuracy is {int(REAL[0]) / int(REAL[1]):.1%}]",
    f"On two cores of an AMD EPYC (2026-11-25), `double_conv.py` makes {OURS[1]} training steps",
    f"doing the same work, {PYTORCH[1]}; with `--bfloat16`, {OURS[2]} and {PYTORCH[2]}; and "
    f"`single_conv.py` {OURS[0]} and {PYTORCH[0]}",
    f"every {double_conv.report_every} steps and keeps the newest five",
    "(pip 25.1 or later)",  # the first with --group
    "(x86-64; arm64 under emulation)",
]
# These have tests of their own in test_pages.py.
VERSIONS_AND_NAMES = (
    r"\]\([^)]*\)",
    r"(Python|`--python|--python) 3\.\d+( to 3\.\d+)?",
    r"`python3[-\w]*`( is 3\.\d+ or later)?",
    r"(TensorFlow|TF) (2\.21|0\.12\.1|0\.x)",
    r"`h_conv1`|`layer2.png`|enakai00",
)


@pytest.mark.parametrize("phrase", PHRASES)
def test_the_readme_says(phrase):
    assert phrase in TEXT


def test_every_number_of_the_readme_is_in_a_phrase():
    rest = TEXT
    for phrase in PHRASES:
        rest = rest.replace(phrase, " ")
    for pattern in VERSIONS_AND_NAMES:
        rest = re.sub(pattern, " ", rest)
    assert not re.findall(r".{0,40}\d.{0,40}", rest)


def test_filters_3_and_15_are_those_that_the_guide_found_by_strokes():
    found = {cells[0]: cells[1].split(", ") for cells in rows((ROOT / "docs/guide.md").read_text())}
    assert "3" in found["upright strokes"]
    assert "15" in found["level strokes"]


def test_dropout_is_the_better_one_for_four_of_the_five_seeds():
    assert "dropout is the better one for four of the five seeds" in TEXT
    assert DOUBLE.keys() == WITHOUT_DROPOUT.keys() == set(range(1, 6))
    assert sum(DOUBLE[seed] > WITHOUT_DROPOUT[seed] for seed in DOUBLE) == 4


def test_accuracies_of_the_posts_programs_are_those_that_they_printed(reference_dir):
    for network, recorded in ("single", RECORDED_SINGLE), ("double", RECORDED_DOUBLE):
        output = (reference_dir / f"{network}_output_tf0.12.1.txt").read_text()
        assert output.splitlines()[-1] == f"test accuracy {recorded}"


def test_the_first_test_digits_are_those_listed(mnist_dir):
    _, labels = input_data.read_data_sets(mnist_dir).test.next_batch(12)
    assert labels.argmax(1).tolist() == [int(digit) for digit in re.findall(r"\d", FIRST_DIGITS)]


def test_five_facts_are_kept_and_two_fixed():
    facts = [cells for cells in rows(README) if cells[-1].startswith(("kept: ", "fixed: "))]
    assert [cells[0] for cells in facts] == list("1234567")
    assert sum(cells[2].startswith("kept") for cells in facts) == 5
    assert "Five are kept, two are fixed" in TEXT


def test_lines_to_change_are_in_the_scripts():
    single, double = inspect.getsource(single_conv), inspect.getsource(double_conv)
    assert "tf.nn.relu(tf.abs(conv2d(x_image, self.W_conv1)) - 0.2)" in single
    assert "\nnum_filters = " in single
    assert "keep_prob=0.5" in inspect.getsource(double_conv.DoubleConv.train_step.python_function)
    assert double.count("keep_prob=0.5") == 1


def test_five_checkpoints_are_kept():
    assert checkpoints.KEEP == 5


# The quick start.


def block(first_word):
    """Returns the lines of the README's code block that begins with a word."""
    blocks = [text.splitlines() for _, text in BLOCK.findall(README)]
    return next(lines for lines in blocks if lines[0].startswith(first_word))


def test_printed_accuracies_are_those_that_the_posts_program_logged():
    """With the same seed both see the same digits with the same weights, up to rounding."""
    printed = [line for line in block("step 0,") if line.startswith("step ")]
    logged = [f"step {i}, training accuracy {posts_curve('single')[i][1]:g}" for i in (0, 10, 20)]
    assert printed == [*logged, f"step 1000, training accuracy {posts_curve('single')[1000][1]:g}"]
    assert f"test accuracy {SINGLE[1]:g}" in block("step 0,")


def test_printed_speed_is_that_of_the_printed_time():
    (line,) = (line for line in block("step 0,") if "steps/s" in line)
    steps, seconds, speed = map(float, re.findall(r"[\d.]+", line))
    assert abs(speed - steps / seconds) < speed / 50


def shape(line):
    """Returns a printed line with N for every number."""
    return re.sub(r"\d[\d.]*(-\d+)?", "N", line)


@pytest.fixture(scope="module")
def first_run(request):
    """The quick start, with fewer steps where MNIST is not at hand: (stdout, stderr)."""
    if "MNIST_DIR" in os.environ:
        running = request.getfixturevalue("default_run")
    else:
        where = ["--data-dir", request.getfixturevalue("small_data"), "--log-dir", "logs"]
        running = Running("single_conv.py", *where, "--steps", 20)
    out, err = running.result()
    return out, re.sub(r"\blogs\b", "/tmp/cnn_single", err)


def test_printed_lines_are_those_of_a_run(first_run):
    printed = "".join(first_run).replace(" (not MNIST)", "").replace("-not-MNIST", "")
    lines = [line for line in printed.splitlines() if "does not contain MNIST" not in line]
    expected = {shape(line) for line in block("step 0,") if line != "..."}
    assert {shape(line) for line in lines} == expected


@pytest.mark.usefixtures("mnist_dir")
def test_first_lines_are_those_of_a_run_on_mnist(first_run):
    assert first_run[0].splitlines()[:3] == block("step 0,")[:3]


# What is easy to read.


def test_headings_are_in_the_order_in_which_a_newcomer_needs_them():
    assert re.findall(r"^##+ (.*)$", README, re.MULTILINE) == [
        "Quick start",
        "What you will see",
        "The numbers",
        "What the post's code really does",
        "Try this",
        "Your own handwriting",
        "TensorBoard",
        "More",
    ]


def test_a_picture_comes_before_the_quick_start():
    assert README.index("![") < README.index("## Quick start")


def test_it_is_short():
    assert len(README.splitlines()) <= 180


def test_what_the_quick_start_installs_is_there():
    assert "pip install -r requirements.txt" in block("python3 -m venv")
    assert "tensorflow" in REQUIREMENTS
