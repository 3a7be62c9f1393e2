"""experiments/luck.py: the tables and pictures of docs/seeds."""

import matplotlib.colors
import numpy as np
import pytest
from scipy import stats

from experiments import luck, seeds


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Returns a function that writes an experiment's test accuracies, for the seeds from 1 on."""
    monkeypatch.setattr(seeds, "FOLDER", tmp_path)

    def write(experiment, accuracies):
        for seed, accuracy in enumerate(accuracies, start=1):
            seeds.append(experiment, seed, accuracy)

    return write


def test_summary_has_mean_deviation_range_and_middle(write):
    write("single", np.linspace(0.90, 1.00, 21))
    spread = f"0.9500 ± {np.std(np.linspace(0.90, 1.00, 21), ddof=1):.4f}"
    row = ["single", "21", spread, "0.9000 to 1.0000", "0.9050 to 0.9950"]
    assert luck.summary("single") == row


def test_a_rung_counts_the_mistakes(write):
    write("double", [0.99, 0.98])
    what = "two convolutions before it: the second network"
    assert luck.rung("double") == [what, "2", "0.9850 ± 0.0071", "150"]


def test_a_single_seed_has_no_deviation(write):
    write("double", [0.99])
    assert luck.rung("double")[1:] == ["1", "0.9900", "100"]


def test_paired_test_is_that_of_scipy():
    before = {1: 0.97, 2: 0.96, 3: 0.98, 4: 0.97, 9: 0.5}
    after = {1: 0.96, 2: 0.955, 3: 0.981, 4: 0.95, 7: 0.1}
    expected = stats.ttest_rel([0.96, 0.955, 0.981, 0.95], [0.97, 0.96, 0.98, 0.97])
    test = luck.paired_test(before, after)
    assert test.seeds == 4  # seeds 7 and 9 have no partner
    assert test.worse == 3
    np.testing.assert_allclose([test.t, test.p], [expected.statistic, expected.pvalue])
    np.testing.assert_allclose(test.mean, -0.0085)
    np.testing.assert_allclose(test.error, stats.sem([-0.01, -0.005, 0.001, -0.02]))


def test_a_change_is_the_second_experiment_minus_the_first(write):
    write("double", [0.990, 0.991, 0.992])
    write("double-without-dropout", [0.989, 0.989, 0.989])
    row = ["without dropout", "3", "-0.0020 ± 0.0006", "-3.5", "0.074", "3"]
    assert luck.change("without dropout") == row


def test_every_change_and_rung_is_an_experiment():
    named = {*luck.LADDER, *(name for pair in luck.CHANGES.values() for name in pair)}
    assert named == set(seeds.EXPERIMENTS)


def test_histogram_has_every_seed_and_shades_nine_in_ten():
    accuracies = dict(enumerate(np.linspace(0.961, 0.979, 19), start=1))
    (axes,) = luck.draw_luck(accuracies).axes
    *bars, shading = axes.patches
    assert sum(bar.get_height() for bar in bars) == 19
    low, high = np.quantile(list(accuracies.values()), [0.05, 0.95])
    np.testing.assert_allclose([shading.get_x(), shading.get_width()], [low, high - low])
    # Neither nearly white nor the bars' own colour: luminance from 0 (black) to 1 (white).
    shade, bar = (matplotlib.colors.to_rgb(p.get_facecolor()) for p in (shading, bars[0]))
    assert np.mean(shade) < 0.9
    assert np.mean(bar) < np.mean(shade) - 0.3


def test_ladder_has_a_dot_per_seed_and_the_mean_of_each_rung():
    (axes,) = luck.draw_ladder().axes
    labels = [" ".join(label.get_text().split()) for label in axes.get_yticklabels()]
    assert labels == [f"{i}. {what}" for i, what in enumerate(luck.LADDER.values(), start=1)]
    for y, experiment in enumerate(luck.LADDER):
        values = np.array(list(seeds.read(experiment).values()))
        dots, mean = (line for line in axes.lines if set(line.get_ydata()) == {y})
        np.testing.assert_allclose(sorted(dots.get_xdata()), sorted(10000 * (1 - values)))
        np.testing.assert_allclose(mean.get_xdata(), 10000 * (1 - values.mean()))
        assert axes.texts[y].get_text() == f"{values.mean():.4f}"
