"""experiments/luck.py: means, paired tests, and the two pictures."""

import numpy as np
import pytest
from scipy import stats

from experiments import luck, seeds


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Returns a function that writes an experiment's test accuracies, for the seeds from 1 on."""
    monkeypatch.setattr(seeds, "FOLDER", tmp_path)

    def write(folder, experiment, accuracies):
        rows = [[seed, accuracy, "float32"] for seed, accuracy in enumerate(accuracies, start=1)]
        seeds.append(tmp_path / folder / f"{experiment}.csv", seeds.COLUMNS, rows)

    return write


def test_summary_has_mean_deviation_range_and_middle(write):
    write("", "single", np.linspace(0.90, 1.00, 21))
    spread = f"0.9500 ± {np.std(np.linspace(0.90, 1.00, 21), ddof=1):.4f}"
    row = ["single", "21", spread, "0.9000 to 1.0000", "0.9050 to 0.9950"]
    assert luck.measured() == ["single"]
    assert luck.summary("single") == row


def test_a_rung_is_compared_with_the_one_before_on_the_same_seeds(write):
    write(luck.BFLOAT16, "32-filters-1024", [0.970, 0.985, 0.980])
    write(luck.BFLOAT16, "double", [0.990, 0.991])
    error = np.std([0.020, 0.006], ddof=1) / np.sqrt(2)
    row = luck.rung("double")
    assert row[1:5] == ["2", "0.9905 ± 0.0007", "95", f"+0.0130 ± {error:.4f}"]


def test_a_single_seed_has_no_deviation():
    assert luck.mean_and_deviation([0.99]) == "0.9900"


def test_paired_test_takes_the_seeds_that_both_have():
    before = {1: 0.97, 2: 0.96, 3: 0.98, 4: 0.97, 9: 0.5}
    after = {1: 0.96, 2: 0.955, 3: 0.981, 4: 0.95, 7: 0.1}
    difference = [-0.01, -0.005, 0.001, -0.02]
    test = luck.paired_test(before, after)
    assert test.seeds == 4  # seeds 7 and 9 have no partner
    assert test.worse == 3
    np.testing.assert_allclose(test.mean, np.mean(difference))
    np.testing.assert_allclose(test.error, np.std(difference, ddof=1) / 2)
    np.testing.assert_allclose(test.t, test.mean / test.error)
    np.testing.assert_allclose(test.p, 2 * stats.t.sf(abs(test.t), df=3))


def test_one_pair_has_a_difference_and_no_error(write):
    write("", "double", [0.990])
    write("", "double-without-dropout", [0.989])
    assert luck.change("without dropout") == ["without dropout", "1", "-0.0010", "", "", "1"]


def test_a_change_is_the_second_experiment_minus_the_first(write):
    write("", "double", [0.990, 0.991, 0.992])
    write("", "double-without-dropout", [0.989, 0.989, 0.989])
    row = ["without dropout", "3", "-0.0020 ± 0.0006", "-3.5", "0.074", "3"]
    assert luck.change("without dropout") == row


def test_every_change_and_rung_has_its_results():
    for rung in luck.LADDER:
        assert luck.read(rung, luck.BFLOAT16), rung
    for folder, *both in luck.CHANGES.values():
        assert all(luck.read(experiment, folder) for experiment in both), both


def test_ladder_has_a_dot_per_seed_and_the_mean_of_each_rung():
    (axes,) = luck.draw_ladder().axes
    for y, experiment in enumerate(luck.LADDER):
        values = np.array(list(luck.read(experiment, luck.BFLOAT16).values()))
        dots, mean = (line for line in axes.lines if set(line.get_ydata()) == {y})
        np.testing.assert_allclose(sorted(dots.get_xdata()), sorted(10000 * (1 - values)))
        np.testing.assert_allclose(mean.get_xdata(), 10000 * (1 - values.mean()))
