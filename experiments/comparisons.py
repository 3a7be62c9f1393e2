"""The comparisons that the pages tell, with their labels in English and Japanese."""

from typing import NamedTuple

# Where the numbers that stand beside the post's, and the 100 seeds, were measured.
TWO_CORES = "AMD EPYC, AVX512-BF16, cores: 2, float32"


class Change(NamedTuple):
    """Two experiments, without a change and with it."""

    without: str
    with_it: str
    english: str
    japanese: str = ""


# Of the first network. Compared after 1,001 steps, as far as the post trains it, and after 10,001.
DOUBLED = Change(
    "single", "single-doubled", "`h_conv1` doubled, the control", "`h_conv1` を 2 倍にする(対照)"
)
WITHOUT_ABS = Change("single", "single-without-abs", "without `abs`", "`abs` を外す")
FOUR_FILTERS = Change("single", "single-4-filters", "4 filters", "フィルターを 4 枚にする")
FROZEN_FILTERS = Change(
    "single",
    "single-frozen-filters",
    "filters frozen at their random start",
    "フィルターを初期値に固定する",
)
FROZEN_DOUBLED = Change(
    "single",
    "single-frozen-filters-doubled",
    "filters frozen, twice as large: as trained ones are after 1,001 steps",
    "フィルターを初期値の 2 倍に固定する(大きさは 1,001 ステップ学習した後と同じくらい)",
)
WITHOUT_THRESHOLD = Change(
    "single", "single-without-threshold", "0 in place of 0.2", "0.2 を 0 にする"
)
MEAN = Change(
    "single",
    "single-mean",
    "each block's mean in place of its maximum",
    "各ブロックの最大値の代わりに平均を取る",
)
UPPER_LEFT = Change(
    "single",
    "single-upper-left",
    "each block's upper left pixel in place of its maximum",
    "各ブロックの最大値の代わりに左上のピクセルを取る",
)
HALVED = Change(
    "single",
    "single-halved",
    "`h_conv1` halved, the control",
    "`h_conv1` を半分にする(対照)",
)
WITHOUT_FILTERS = Change(
    "single", "dense-16", "no filters: 784 → 16 → 10", "フィルターをすべて外す: 784 → 16 → 10"
)
AS_MANY_PARAMETERS = Change(
    "single",
    "dense-64",
    "no filters, but as many parameters: 784 → 64 → 10",
    "フィルターをすべて外し、パラメーターの数は保つ: 784 → 64 → 10",
)
CONTROLS = [HALVED, DOUBLED]
FIRST_NETWORK = [
    DOUBLED,
    HALVED,
    WITHOUT_ABS,
    WITHOUT_THRESHOLD,
    Change(
        "single",
        "single-biases",
        "biases in place of `abs` and 0.2",
        "`abs` と 0.2 をバイアスに置き換える",
    ),
    MEAN,
    UPPER_LEFT,
    FOUR_FILTERS,
    FROZEN_FILTERS,
    FROZEN_DOUBLED,
    WITHOUT_FILTERS,
    AS_MANY_PARAMETERS,
]
# In most, both sides share another change. In results.md, which is not in Japanese.
MORE_CHANGES = [
    Change(
        "single-doubled",
        "single-without-abs-doubled",
        "without `abs`, both doubled",
    ),
    Change(
        "single-without-abs",
        "single-relu",
        "0 in place of 0.2, both without `abs`",
    ),
    Change(
        "single-relu",
        "single-biases",
        "biases from 0, both without `abs` and 0.2",
    ),
    Change(
        "single-without-abs",
        "single-biases-from-minus-0.2",
        "biases from -0.2 in place of 0.2, both without `abs`",
    ),
    Change(
        "single-doubled",
        "single-mean-doubled",
        "each block's mean in place of its maximum, both doubled",
    ),
    Change(
        "single-biases-from-minus-0.2",
        "single-biases",
        "biases from 0 in place of from -0.2",
    ),
    Change(
        "dense-16",
        "dense-64",
        "64 features in place of 16, both without filters",
    ),
    Change(
        "single",
        "single-wide",
        "1,024 features in place of 16",
    ),
]
CARRIED_ON = [
    FOUR_FILTERS,
    FROZEN_FILTERS,
    FROZEN_DOUBLED,
    WITHOUT_FILTERS,
    AS_MANY_PARAMETERS,
]
# Of the second network, which is compared after up to 20,001 steps.
FROZEN_PARTS = [
    Change("double", "double-frozen-first", "first convolution frozen", "1 段目の畳み込みを固定"),
    Change("double", "double-frozen-second", "second convolution frozen", "2 段目の畳み込みを固定"),
    Change("double", "double-frozen-both", "both convolutions frozen", "両方の畳み込みを固定"),
]
# The same, and more comparisons of these networks.
FROZEN = [
    *FROZEN_PARTS,
    Change(
        "double-frozen-both",
        "double-frozen-second",
        "the first one trained, the second still frozen",
        "両方を固定した状態から、1 段目だけ学習",
    ),
    Change(
        "double-frozen-both",
        "double-frozen-first",
        "the second one trained, the first still frozen",
        "両方を固定した状態から、2 段目だけ学習",
    ),
    Change(
        "32-filters-1024",
        "double-frozen-second",
        "a random second one in place of none",
        "2 段目なしから、乱数のままの 2 段目へ",
    ),
    Change(
        "dense-4096",
        "double-frozen-both",
        "two random ones in place of none",
        "畳み込みなしから、乱数のままの 2 段へ",
    ),
]
PIXELS_DOUBLED = Change("double", "double-doubled", "pixels doubled, the control")
# In results.md, which is not in Japanese.
SECOND_NETWORK = [
    PIXELS_DOUBLED,
    Change("double", "double-without-dropout", "without dropout"),
    *FROZEN_PARTS,
    Change("double", "32-filters-1024", "no second convolution"),
    Change("double", "abs-filters-1024", "16 filters with `abs` and 0.2 in place of both"),
    Change("double", "dense-4096", "no convolution, but as many parameters: 784 → 4,096 → 10"),
]
TRY_THIS = [WITHOUT_ABS, FOUR_FILTERS, FROZEN_FILTERS]  # README's "Try this"
THIRTY_SEEDS = [WITHOUT_ABS, WITHOUT_THRESHOLD, FOUR_FILTERS, FROZEN_FILTERS]  # 1,001 steps only


class Rung(NamedTuple):
    """A rung of a ladder: a network after some steps, and what changes from the rung above it."""

    experiment: str
    step: int
    english: str
    japanese: str


NO_FILTERS = Rung(
    "dense-16",
    1000,
    "784 → 16 → 10, no convolution, 1,001 steps",
    "784 → 16 → 10、畳み込みなし、1,001 ステップ",
)
LADDER = [
    NO_FILTERS,
    Rung(
        "single",
        1000,
        "16 filters before it: the first network",
        "16 枚のフィルターを加える(1 つ目のネットワーク)",
    ),
    Rung("single", 10000, "10,001 steps", "10,001 ステップに増やす"),
    Rung("single-wide", 10000, "1,024 features", "特徴変数を 1,024 個に増やす"),
    Rung(
        "abs-filters-1024-without-dropout",
        20000,
        "Adam, batches of 50, 20,001 steps",
        "Adam、50 個のバッチ、20,001 ステップに変える",
    ),
    Rung("abs-filters-1024", 20000, "dropout", "ドロップアウトを加える"),
    Rung(
        "filters-1024",
        20000,
        "a bias per filter in place of abs and 0.2",
        "`abs` と 0.2 をバイアスに置き換える",
    ),
    Rung("32-filters-1024", 20000, "32 filters", "フィルターを 32 枚に増やす"),
    Rung(
        "double",
        20000,
        "a second convolution and pooling: the second network",
        "2 段目の畳み込みとプーリングを加える",
    ),
]
# The last four, on the way to their last step.
LAST_RUNGS = [
    Change(above.experiment, rung.experiment, rung.english)
    for above, rung in zip(LADDER[4:], LADDER[5:])
]
# The same ground in another order: what brings much if it comes first brings less if it comes last.
OTHER_END = [
    NO_FILTERS,
    Rung(
        "dense-1024",
        20000,
        "1,024 features, Adam, batches of 50, 20,001 steps, dropout",
        "特徴変数 1,024 個、Adam、50 個のバッチ、20,001 ステップ、ドロップアウトに変える",
    ),
    Rung(
        "dense-4096",
        20000,
        "4,096 features: as many parameters as the next rung",
        "特徴変数 4,096 個に増やす(パラメーターの数は次の行と同じ)",
    ),
    Rung(
        "abs-filters-1024",
        20000,
        "16 filters before 1,024 features",
        "特徴変数を 1,024 個に戻し、ピクセルとの間に、16 枚のフィルターとプーリングを加える",
    ),
    Rung(
        "double",
        20000,
        "two convolutions with biases in their place: the second network",
        "1 段の畳み込みを、バイアスのある 2 段に置き換える(2 つ目のネットワーク)",
    ),
]
# The curves of learning.png. Their legend is English in both languages, like the other pictures'.
CURVES = {
    "dense-16": "no filters",
    "dense-64": "no filters, 64 features",
    "single-frozen-filters": "filters frozen",
    "single-frozen-filters-doubled": "frozen, twice as large",
    "single-upper-left": "upper left pixel",
    "single-4-filters": "4 filters",
    "single-without-abs": "without abs",
    "single-mean": "mean, not maximum",
    "single-halved": "h_conv1 halved",
    "single-doubled": "h_conv1 doubled",
    "single": "the first network",
}
