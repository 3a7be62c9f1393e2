"""experiments/tables.py: the pages' tables are those of the results."""

import numpy as np
import pytest

from experiments import (
    changes,
    compare,
    dead_filters,
    patches,
    second_layer,
    seeds,
    shifts,
    tables,
    training_accuracy,
)
from experiments.comparisons import Change, Rung

MARKED = "before\n<!-- table: dead-filters -->\nold\n<!-- end of table -->\nafter\n"


def of_pairs(pairs):
    """Returns the mean of the pairs' differences ± its standard error, as text."""
    differences = np.array([after - before for before, after in pairs])
    error = np.std(differences, ddof=1) / np.sqrt(len(differences))
    return f"{differences.mean():+.4f} ± {error:.4f}"


# ------------------------------------------------------------------------- comparisons of two


def test_a_rung_is_compared_with_the_one_above_it_on_the_machine_that_has_all(write_accuracies):
    write_accuracies("first", 10, {1: 0.90, 2: 0.92, 3: 0.94})
    write_accuracies("second", 20, {1: 0.91, 2: 0.95})
    write_accuracies("third", 30, {1: 0.97, 2: 0.98})
    write_accuracies("first", 10, {1: 0.5, 2: 0.5, 3: 0.5, 4: 0.5}, cpu="B")
    rungs = [Rung("first", 10, "a", ""), Rung("second", 20, "b", ""), Rung("third", 30, "c", "")]
    columns, table = tables.ladder(rungs)
    assert len(columns) == len(table[0]) == 7
    assert [row[:6] for row in table] == [
        ["1", "a", "3", f"0.9200 ± {np.std([0.90, 0.92, 0.94], ddof=1):.4f}", "800", ""],
        ["2", "b", "2", "0.9300 ± 0.0283", "700", of_pairs([(0.90, 0.91), (0.92, 0.95)])],
        ["3", "c", "2", "0.9750 ± 0.0071", "250", of_pairs([(0.91, 0.97), (0.95, 0.98)])],
    ]


def test_a_change_is_compared_at_both_steps_on_one_machine(write_accuracies):
    """Machine B has more seeds at 1,000 steps, but none at 10,000."""
    write_accuracies("single", 1000, {1: 0.90, 2: 0.91})
    write_accuracies("changed", 1000, {1: 0.91, 2: 0.94})
    write_accuracies("single", 10000, {1: 0.95, 2: 0.97})
    write_accuracies("changed", 10000, {1: 0.96, 2: 0.979})
    for name in "single", "changed":
        write_accuracies(name, 1000, dict.fromkeys(range(1, 9), 0.5), cpu="B")
    columns, (row,) = tables.early_and_late([Change("single", "changed", "what")])
    early, late = of_pairs([(0.90, 0.91), (0.91, 0.94)]), of_pairs([(0.95, 0.96), (0.97, 0.979)])
    assert row == ["what", "2", f"{early}, 0.3", f"{late}, 0.033"]
    assert len(columns) == len(row)


def test_a_change_is_compared_with_each_control_at_the_last_step(write_accuracies):
    for name in "single", "halved", "doubled", "changed":
        write_accuracies(name, 1000, {1: 0.5, 2: 0.6})
    write_accuracies("single", 20000, {1: 0.95, 2: 0.97})
    write_accuracies("halved", 20000, {1: 0.955, 2: 0.96})
    write_accuracies("doubled", 20000, {1: 0.945, 2: 0.959})
    write_accuracies("changed", 20000, {1: 0.94, 2: 0.949})
    controls = [Change("single", "halved", "half"), Change("single", "doubled", "twice")]
    columns, table = tables.early_and_late(
        [*controls, Change("single", "changed", "what")], controls, steps=(1000, 20000)
    )
    halved, doubled = (
        tables.in_one_cell(compare.paired_test(control, {1: 0.94, 2: 0.949}))
        for control in ({1: 0.955, 2: 0.96}, {1: 0.945, 2: 0.959})
    )
    assert [row[4:] for row in table] == [["", ""], ["", ""], [halved, doubled]]
    assert all(len(row) == len(columns) for row in table)


def test_a_carried_on_change_is_compared_on_the_seeds_that_came_to_the_last_step(write_accuracies):
    before, after = {1: 0.98, 2: 0.982}, {1: 0.97, 2: 0.975}
    for step, more in (10000, 0), (20000, 0.001), (50000, 0.002):
        write_accuracies("single", step, {seed: a + more for seed, a in before.items()})
        write_accuracies("changed", step, {seed: a + 2 * more for seed, a in after.items()})
    for name in "single", "changed":
        write_accuracies(name, 10000, {3: 0.5})
    columns, table = tables.carried_on([Change("single", "changed", "what", "")])
    assert table[0][:2] == ["what", "2"]
    differences = [of_pairs([(0.98, 0.97 + m), (0.982, 0.975 + m)]) for m in (0, 0.001, 0.002)]
    assert [cell.split(", ")[0] for cell in table[0][2:]] == differences
    assert len(columns) == len(table[0])


def test_random_filters_have_a_share_of_the_way_from_none_to_trained(write_accuracies):
    """The seeds' shares are 25%, 50% and 0%; at the last step 20%, 100% and 0%."""
    for step, trained in (1000, (0.95, 0.98)), (10000, (0.95, 0.98)), (50000, (0.96, 0.96)):
        write_accuracies("dense-64", step, {1: 0.91, 2: 0.94, 3: 0.9})
        write_accuracies("single-frozen-filters", step, {1: 0.92, 2: 0.96, 3: 0.9})
        write_accuracies("single-frozen-filters-doubled", step, {1: 0.91, 2: 0.94, 3: 0.9})
        write_accuracies("single", step, {1: trained[0], 2: trained[1], 3: 0.97, 4: 0.5})
        write_accuracies("single", step, {1: 0.5, 2: 0.5}, cpu="B")
    columns, table = tables.random_filters()
    error = np.std([25, 50, 0], ddof=1) / np.sqrt(3)
    assert [row[1:3] for row in table[:4]] == [
        ["0.9167, 0%"] * 2,
        [f"0.9267, 25 ± {error:.0f}%"] * 2,
        ["0.9167, 0 ± 0%"] * 2,
        ["0.9667, 100%"] * 2,
    ]
    assert table[1][3] == "0.9267, 40 ± 31%"
    assert table[4] == ["seeds", "3", "3", "3"]
    assert columns == ["filters", *(f"after {n} steps" for n in ("1,001", "10,001", "50,001"))]


def test_a_change_of_the_second_network_has_the_seeds_that_are_worse(write_accuracies):
    write_accuracies("double", 20000, {1: 0.99, 2: 0.991, 3: 0.992})
    write_accuracies("changed", 20000, {1: 0.989, 2: 0.989, 3: 0.993})
    columns, (row,) = tables.after_one_step([Change("double", "changed", "what", "")])
    difference = of_pairs([(0.99, 0.989), (0.991, 0.989), (0.992, 0.993)])
    assert [*row[:5], row[6]] == ["what", "3", "0.9910", "0.9903", difference, "2"]
    assert len(columns) == len(row)


# ------------------------------------------------------------------------- accuracies


def test_numbers_are_the_posts_and_those_of_seed_1_after_the_last_step(write, write_accuracies):
    """On TWO_CORES, not of a machine that has more seeds."""
    columns = ["program", "the_post", "tensorflow_0.12.1", "checkpoint_restored_here"]
    rows = [["post_single.py", "0.9", "0.91", ""], ["post_double.py", "0.92", "0.93", "0.94"]]
    write("the_post", columns, rows)
    write_accuracies("single", 1000, {1: 0.9, 2: 0.8})
    write_accuracies("single", 10000, {1: 0.99})
    write_accuracies("double", 20000, {1: 0.98, 2: 0.97})
    write_accuracies("double", 20000, {1: 0.99, 2: 0.99, 3: 0.99}, cpu="B")
    _, table = tables.numbers()
    found = [[cell for cell in row if cell.startswith("0.")] for row in table]
    assert found == [["0.9", "0.91", "0.85"], ["0.92", "0.93", "0.93"], ["0.93", "0.94"]]


def test_accuracies_are_those_of_each_machine_at_the_posts_step_and_the_last(write_accuracies):
    write_accuracies("single", 500, {1: 0.5})
    write_accuracies("single", 1000, {1: 0.9, 2: 0.92})
    write_accuracies("single", 10000, {1: 0.95}, cpu="B", bfloat16=True)
    write_accuracies("double", 20000, {1: 0.99})
    _, table = tables.accuracies()
    spread = "0.9100 ± 0.0141"
    assert table == [
        ["single", "1,000", "2", spread, "0.9000 to 0.9200", "A, float32"],
        ["single", "10,000", "1", "0.9500", "0.9500 to 0.9500", "B, bfloat16"],
        ["double", "20,000", "1", "0.9900", "0.9900 to 0.9900", "A, float32"],
    ]


# ------------------------------------------------------------------------- what looks into networks


def test_shifts_are_means_of_directions_and_seeds_at_one_step(write):
    rows = [
        [name, seed, step, direction, pixels, 0.9 - 0.1 * pixels + 0.01 * k]
        for name, step in (("single", 1000), ("single", 10000), ("dense-64", 1000))
        for k, (seed, direction) in enumerate([(1, "up"), (1, "left"), (2, "up"), (2, "left")])
        for pixels in range(5)
    ]
    rows += [["dense-64", 3, 1000, way, n, 0.6] for way in ("up", "left") for n in range(5)]
    rows += [["single", 1, 500, "up", pixels, 0.1] for pixels in range(5)]
    write("shifts", shifts.COLUMNS, rows)
    _, table = tables.shifts(["dense-64", "single"], 1000)
    means = [0.915 - 0.1 * pixels for pixels in range(5)]
    with_seed_3 = [f"{(2 * mean + 0.6) / 3:.4f}" for mean in means]
    assert [row[1:] for row in table] == [
        ["3", *with_seed_3],
        ["2", *(f"{mean:.4f}" for mean in means)],
    ]


def test_shifts_are_compared_seed_by_seed_on_like_machines(write):
    accuracies = {"single": [0.9, 0.92, 0.95], "single-mean": [0.91, 0.915, 0.97]}
    for name, of_seeds in accuracies.items():
        rows = [
            [name, seed, 10000, direction, pixels, f"{accuracy - 0.1 * pixels + more:.4f}"]
            for seed, accuracy in enumerate(of_seeds, start=1)
            for direction, more in (("up", 0.001), ("left", -0.001))
            for pixels in range(5)
        ]
        write("shifts", shifts.COLUMNS, rows)
    for name, cpu in ("single", "B"), ("single-mean", "C"):
        write("shifts", shifts.COLUMNS, [[name, 4, 10000, "up", n, 0.5] for n in range(5)], cpu=cpu)
    _, table = tables.shifts(["single", "single-mean"], 10000, paired=True)
    expected = of_pairs(zip(*accuracies.values()))
    assert [row[1] for row in table] == ["4", "4", "3"]
    assert table[2][0] == "difference, by luck"
    assert all(cell.startswith(f"{expected}, 0.") for cell in table[2][2:])


def test_dead_filters_are_counted_of_all_filters_of_all_seeds(write):
    rows = [
        ["single", 1, 1000, 0, 1, 2, 3],
        ["single", 2, 1000, 4, 5, 6, 7],
        ["single-without-abs", 1, 1000, 8, 9, 10, 11],
        ["single", 1, 10000, 12, 13, 14, 15],
        ["single-without-abs", 1, 10000, 16, 16, 15, 16],
    ]
    write("dead_filters", dead_filters.COLUMNS, rows)
    columns, table = tables.dead_filters()
    heads = ["dead at the start", "dead at the end", "rare at the start", "rare at the end"]
    assert columns[3:] == heads
    assert table == [
        ["the first network", "1,001", "2", "4 / 32", "8 / 32", "6 / 32", "10 / 32"],
        ["without `abs`", "1,001", "1", "8 / 16", "10 / 16", "9 / 16", "11 / 16"],
        ["the first network", "10,001", "1", "12 / 16", "14 / 16", "13 / 16", "15 / 16"],
        ["without `abs`", "10,001", "1", "16 / 16", "15 / 16", "16 / 16", "16 / 16"],
    ]


def test_dropout_has_the_median_count_and_the_mean_accuracy_of_the_checkpoints(write):
    wrong = {"double": [1, 101, 2, 4], "double-without-dropout": [0, 0, 1, 9]}
    accuracies = {"double": [0.97, 0.99, 0.988, 0.996], "double-without-dropout": [0.96, 0.98] * 2}
    rows = [
        [name, seed, step, f"{1 - wrong[name][i] / 55000:.5f}", f"{accuracies[name][i]}"]
        for name in wrong
        for i, (seed, step) in enumerate([(1, 19000), (1, 20000), (2, 19000), (2, 20000)])
    ]
    write("training_accuracy", training_accuracy.COLUMNS, rows)
    columns, table = tables.dropout()
    assert table[0][1:] == ["2", "3", "1–101", "0.9860", ""]
    assert table[1][1:] == ["2", "0.5", "0–9", "0.9700", ""]
    pairs = [(0.97, 0.98), (0.97, 0.992)]
    assert table[2][:-1] == ["difference", "2", "", "", of_pairs(pairs)]
    assert len(columns) == len(table[0])


def test_patches_count_what_is_above_all_random_patches(write):
    rows = [["random patches", 1, 1, 1, 0.9], ["random patches", 1, 2, 1, 0.1]]
    rows += [["random patches", 2, 2, 1, 0.3], ["random weights", 1, 2, 1, 0.31]]
    rows += [["untrained", 1, 1, 1, 0.5], ["untrained", 1, 2, 1, 0.2], ["untrained", 1, 2, 2, 0.4]]
    rows += [["trained", 1, 1, 1, 0.6], ["trained", 2, 1, 1, "nan"], ["trained", 2, 2, 1, 0.3]]
    rows += [["the post's", "", 1, 1, 0.7], ["the post's", "", 2, 1, 0.8]]
    rows = [[name, seed, 20000, *of_filter] for name, seed, *of_filter in rows]
    write("patches", patches.COLUMNS, rows)
    _, table = tables.patches()
    assert [row[1:] for row in table] == [
        ["2", "0.90", "0.20", "0.10–0.30", "0 / 2"],
        ["1", "", "0.31", "0.31–0.31", "1 / 1"],
        ["1", "0.50", "0.30", "0.20–0.40", "1 / 2"],
        ["2", "0.60", "0.30", "0.30–0.30", "0 / 1"],
        ["1", "0.70", "0.80", "0.80–0.80", "1 / 1"],
    ]


def test_what_changes_is_the_mean_ratio_and_the_mean_correlation(write):
    rows = [
        ["double", seed, 20000, what, 0.2, change, correlation]
        for what in tables.CHANGED
        for seed, change, correlation in ((1, 0.1, 0.9), (2, 0.02, 0.5))
    ]
    write("changes", changes.COLUMNS, rows)
    _, table = tables.what_changes()
    assert [row[0] for row in table] == list(tables.CHANGED.values())
    assert all(row[1:] == ["2", "0.30", "0.70"] for row in table)


def test_shuffled_tells_the_accuracies_of_all_three_networks(write):
    write(
        "shuffled",
        changes.SHUFFLED,
        [["double", 1, 20000, 0.1, 0.99, 0.5], ["double", 2, 20000, 0.1, 0.98, 0.7]],
    )
    _, table = tables.shuffled()
    spreads = ["0.9850 ± 0.0071", "0.6000 ± 0.1414", "0.1000 ± 0.0000"]
    assert [row[1:] for row in table] == [["2", spread] for spread in spreads]


def test_second_layer_is_the_mean_of_the_seeds_summaries(write):
    rows = []
    for name in "double", "double-frozen-second", "double-frozen-both", "untrained":
        for seed in 1, 2:
            for k in range(65):
                wrong = [seed + (k == 1)] * 10 if name != "untrained" else [""] * 10
                tells = [""] * 10 if k == 0 else [0.5] * 8 + [0.6, 0.8 if k == 2 else 0.7]
                rows.append([name, seed, 20000, k, *wrong, *tells])
    write("second_layer", second_layer.COLUMNS, rows)
    columns, table = tables.second_layer()
    trained = ["2", "15", "0.2", "10", "0.70", "0.80"]  # 10 and 20 mistakes; 10 more for one of 64
    assert [row[1:] for row in table] == [trained] * 3 + [["2", "", "", "", "0.70", "0.80"]]
    assert table[3][0] == "before training"
    assert len(columns) == len(table[0])


# ------------------------------------------------------------------------- pages


@pytest.fixture
def pages(tmp_path, monkeypatch, write):
    """A folder with an English and a Japanese page, each with an old table."""
    rows = [[n, 1, s, 0, 0, 1, 2] for n in dead_filters.EXPERIMENTS for s in (1000, 10000)]
    write("dead_filters", dead_filters.COLUMNS, rows)
    monkeypatch.setattr(tables, "ROOT", tmp_path)
    (tmp_path / "docs").mkdir()
    for name in "README.md", "docs/guide.ja.md":
        (tmp_path / name).write_text(MARKED)
    return tmp_path


def test_a_page_gets_its_table_in_its_language_and_keeps_the_rest(pages, run):
    run(tables)
    english, japanese = ((pages / name).read_text() for name in ("README.md", "docs/guide.ja.md"))
    assert english.startswith("before\n<!-- table: dead-filters -->\n|  | steps | seeds | dead at")
    assert english.endswith("|\n<!-- end of table -->\nafter\n")
    assert "| シード数 |" in japanese
    numbers = "| 1,001 | 1 | 0 / 16 | 1 / 16 | 0 / 16 | 2 / 16 |"
    assert numbers in english
    assert numbers in japanese


def test_check_names_the_page_that_is_out_of_date_and_writes_nothing(pages, run):
    run(tables)
    (pages / "docs" / "guide.ja.md").write_text(MARKED)
    with pytest.raises(tables.terminal.Failure, match=r"^out of date: docs/guide\.ja\.md;"):
        run(tables, "--check")
    assert (pages / "docs" / "guide.ja.md").read_text() == MARKED
    run(tables)
    run(tables, "--check")


def test_a_table_that_a_program_printed_is_copied(tmp_path, monkeypatch):
    monkeypatch.setattr(seeds, "PUBLISHED", tmp_path)
    printed = "row: 3\n\ntable: slide\n| row | c |\n| --- | --- |\n| 4 | 0.84 |\n\nothers\n"
    (tmp_path / "one_patch.txt").write_text(printed)
    assert tables.markdown("slide", japanese=False) == "| row | c |\n| --- | --- |\n| 4 | 0.84 |\n"
