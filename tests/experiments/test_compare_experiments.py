"""experiments/compare.py: two experiments, paired by their seeds, and their curves."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy import stats

from experiments import compare
from support.terminal import Failure

BEFORE = {1: 0.97, 2: 0.96, 3: 0.98, 4: 0.97, 9: 0.5}
AFTER = {1: 0.96, 2: 0.955, 3: 0.981, 4: 0.95, 7: 0.1}
CHANGE = np.array([-0.01, -0.005, 0.001, -0.02])  # of the seeds that both have
ERROR = np.sqrt(np.sum((CHANGE - CHANGE.mean()) ** 2) / 3 / 4)


def test_paired_test_takes_the_seeds_that_both_have():
    test = compare.paired_test(BEFORE, AFTER)
    assert test.seeds == 4  # seeds 7 and 9 have no partner
    assert test.worse == 3
    np.testing.assert_allclose((test.before, test.after), (0.97, 0.9615))
    np.testing.assert_allclose(test.mean, CHANGE.mean())
    np.testing.assert_allclose(test.error, ERROR)
    np.testing.assert_allclose(test.p, 2 * stats.t.sf(abs(CHANGE.mean()) / ERROR, df=3))


@pytest.mark.parametrize("after", [{1: 0.961}, {1: 0.961, 2: 0.971, 3: 0.981}])
def test_of_one_seed_or_of_equal_differences_only_the_mean_is_told(after):
    before = {1: 0.96, 2: 0.97, 3: 0.98}
    assert compare.difference(compare.paired_test(before, after)) == ("+0.0010", "")


@pytest.fixture
def results(write_accuracies, tmp_path):
    """A folder of results, on two machines and in two precisions."""
    write_accuracies("single", 1000, BEFORE)
    write_accuracies("small", 1000, AFTER)
    write_accuracies("single", 1000, {1: 0.9, 2: 0.91}, cpu="B")
    write_accuracies("small", 1000, {1: 0.92, 2: 0.94}, cpu="B")
    write_accuracies("single", 1000, {5: 0.3}, cpu="B", bfloat16=True)
    write_accuracies("small", 2000, dict.fromkeys((1, 2, 3), 0.97))
    write_accuracies("small", 3000, dict.fromkeys((1, 2, 4), 0.97))
    return tmp_path


def test_only_rows_of_one_cpu_and_precision_are_paired_and_the_others_are_reported(
    run, results, capsys
):
    run(compare, "single", "small", "--results", results)
    out, err = capsys.readouterr()
    lines = [line.split() for line in out.splitlines()]
    p = 2 * stats.t.sf(abs(CHANGE.mean()) / ERROR, df=3)
    p_of_b = 2 * stats.t.sf(0.025 / 0.005, df=1)
    means = [f"{CHANGE.mean():+.4f}", "±", f"{ERROR:.4f}", f"{p:.2g}"]
    head = "last step seeds single small difference ± its standard error by luck".split()
    assert lines == [
        ["A,", "float32:"],
        head,
        ["1000", "4", "0.9700", "0.9615", *means],
        ["B,", "float32:"],
        head,
        ["1000", "2", "0.9050", "0.9300", "+0.0250", "±", "0.0050", f"{p_of_b:.2g}"],
    ]
    assert err.splitlines() == [
        "left out, since small does not have them: single, 1000 steps, seeds 9 on A, float32",
        "left out, since small does not have them: single, 1000 steps, seeds 5 on B, bfloat16",
        "left out, since single does not have them: small, 1000 steps, seeds 7 on A, float32",
        "left out, since single does not have them: small, 2000 steps, seeds 1-3 on A, float32",
        "left out, since single does not have them: small, 3000 steps, seeds 1, 2, 4 on A, float32",
    ]


def test_curves_are_drawn_of_the_seeds_that_both_have_if_asked_for(
    run, results, capsys, monkeypatch
):
    drawn = {}
    draw_curves = compare.draw_curves
    monkeypatch.setattr(compare, "draw_curves", lambda *c: drawn.update(c[0]) or draw_curves(*c))
    run(compare, "single", "small", "--results", results, "--curves", results / "c.png")
    assert (results / "c.png").read_bytes().startswith(b"\x89PNG")
    assert f"figure: {results / 'c.png'}\n" in capsys.readouterr().err
    of_both = {"single": BEFORE, "small": AFTER}
    assert drawn == {
        name: {1000: {seed: of_seed[seed] for seed in (1, 2, 3, 4)}}
        for name, of_seed in of_both.items()
    }


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("single", "double"), "has no results of double; run python -m experiments.seeds double"),
        (("dense-16", "single"), "dense-16 and single have nothing in common; train both with"),
    ],
)
def test_what_cannot_be_compared_is_one_line(names, message, run, results, write_accuracies):
    write_accuracies("dense-16", 1000, {1: 0.9}, cpu="C")
    with pytest.raises(Failure, match=message):
        run(compare, *names, "--results", results)


def test_where_no_mean_was_measured_the_accuracy_at_the_step_counts(write, tmp_path):
    write("single", ["seed", "step", "test_accuracy", "mean_of_five"], [[1, 1000, "0.9750", ""]])
    assert compare.read("single", tmp_path) == {("A, float32", 1000): {1: 0.975}}


def test_machine_is_the_one_on_which_the_side_with_the_fewest_seeds_has_most(write_accuracies):
    write_accuracies("single", 1000, dict.fromkeys(range(9), 0.9))
    write_accuracies("double", 1000, {1: 0.9})
    write_accuracies("single", 1000, {1: 0.9, 2: 0.9}, cpu="B")
    write_accuracies("double", 1000, {1: 0.9, 2: 0.9}, cpu="B")
    assert compare.machine_of([("single", 1000)]) == "A, float32"
    assert compare.machine_of([("single", 1000), ("double", 1000)]) == "B, float32"
    with pytest.raises(Failure, match="no machine has a seed of all of: small at step 1"):
        compare.machine_of([("small", 1), ("single", 1000)])


def test_curves_are_the_mean_mistakes_and_a_dot_per_seed():
    curves = {"one": {100: {1: 0.9, 2: 0.8}, 1000: {1: 0.97, 2: 0.95}}, "other": {100: {1: 0.7}}}
    (axes,) = compare.draw_curves(curves, "title").axes
    means = {
        line.get_label(): line.get_xydata() for line in axes.lines if line.get_linestyle() == "-"
    }
    np.testing.assert_allclose(means["one"], [[100, 1500], [1000, 400]])
    np.testing.assert_allclose(means["other"], [[100, 3000]])
    dots = [line.get_xydata() for line in axes.lines if line.get_marker() == "."]
    expected = [[100, 1000], [100, 2000], [1000, 300], [1000, 500], [100, 3000]]
    np.testing.assert_allclose(np.concatenate(dots), expected)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["one", "other"]
    plt.close("all")


def test_a_line_joins_means_of_the_same_seeds():
    curve = {
        10: {1: 0.5, 2: 0.7},
        20: {1: 0.6, 2: 0.8},
        30: {1: 0.7},  # seed 2 was not carried on
        40: {1: 0.8},
    }
    found = list(compare.lines(curve))
    assert found == [
        {10: pytest.approx(0.6), 20: pytest.approx(0.7)},
        {20: 0.6, 30: 0.7, 40: 0.8},
    ]
    assert list(compare.lines({10: {1: 0.5}})) == [{10: 0.5}]
    other_seeds = {10: {1: 0.5}, 20: {3: 0.6}, 30: {3: 0.7}}
    assert list(compare.lines(other_seeds)) == [{10: 0.5}, {20: 0.6, 30: 0.7}]


def test_curves_have_the_steps_and_seeds_that_all_have():
    one = {10: {1: 0.5}, 20: {1: 0.6, 2: 0.7}, 30: {1: 0.7}}
    other = {10: {3: 0.5}, 20: {2: 0.8, 3: 0.7}}
    assert compare.in_common({"one": one, "other": other}) == {
        "one": {20: {2: 0.7}},
        "other": {20: {2: 0.8}},
    }
