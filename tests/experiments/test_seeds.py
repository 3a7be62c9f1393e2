"""experiments/seeds.py: networks trained with many seeds, and the rows of their accuracies."""

import contextlib

import numpy as np
import pytest
import tensorflow as tf
from runs import variables_in

import common
from experiments import seeds
from support import fast_ops, input_data, machine
from support.terminal import Failure

MEASURED = {100: [96, 97, 98, 99, 100], 102: [98, 99, 100, 101, 102]}  # of 103 steps


@pytest.fixture
def command(small_data, tmp_path):
    """The command line of 103 steps, without --seeds."""
    return ["small", "--steps", 102, "--data-dir", small_data, "--results", tmp_path]


def rows_in(folder):
    """Returns the CSV file's rows, as text: [(seed, step, accuracy at the step, mean of five)]."""
    return [tuple(row[c] for c in seeds.COLUMNS) for row in seeds.rows(folder / "small.csv")]


def expected_rows(trained, seed):
    """Returns the same, as computed here."""
    expected = []
    for step, measured in MEASURED.items():
        mean = np.mean([trained[seed].test_accuracy(s) for s in measured])
        at_step = trained[seed].test_accuracy(step)
        expected.append((f"{seed}", f"{step}", f"{at_step:.4f}", f"{mean:.5f}"))
    return expected


def assert_trained(folder, trained, seed):
    """Asserts that the network in the folder is that of 103 steps."""
    saved = variables_in(folder / "networks" / f"small-{seed}-102" / "train_data-102")
    for name, value in trained[seed].values[102].items():
        found = saved[f"network/{name}/.ATTRIBUTES/VARIABLE_VALUE"]
        np.testing.assert_array_equal(found, value, err_msg=f"seed {seed}, {name}")


def test_rows_are_test_accuracies_at_and_around_each_step_of_each_seeds_own_training(
    run, command, trained, tmp_path, capsys
):
    shorter = ("1", "50", "0.1", "0.1")  # the rows of a training that ended earlier
    seeds.append(tmp_path / "small.csv", seeds.COLUMNS, [shorter], bfloat16=False)
    run(seeds, *command, "--seeds", "1")
    run(seeds, *command, "--seeds", "1-2")
    assert rows_in(tmp_path) == [shorter, *expected_rows(trained, 1), *expected_rows(trained, 2)]
    for seed in 1, 2:
        assert_trained(tmp_path, trained, seed)
    out, err = capsys.readouterr()
    measured_on = f"float32, {machine.cpu()}"
    assert f"step 102, seed 1: already in {tmp_path / 'small.csv'} ({measured_on})\n" in err
    for seed, step, at_step, mean in rows_in(tmp_path):
        line = f"small, seed {seed}, {step} steps: test accuracy {at_step}, mean of five {mean}\n"
        assert line in out
    for row in seeds.rows(tmp_path / "small.csv"):
        assert (row["precision"], row["cpu"]) == ("float32", machine.cpu())
        assert row["tensorflow"] == tf.__version__


def test_an_interrupted_training_goes_on_to_the_same_rows_and_the_same_network(
    run, command, trained, tmp_path, monkeypatch
):
    """Saved every 7 steps, the last time at 91: at 98, a mean has begun."""
    monkeypatch.setattr(seeds, "SAVE_EVERY", 7)
    accuracy_on = common.accuracy_on
    for stop_at in 4, 7:  # the accuracy of step 99; that of step 102
        left = stop_at

        def accuracy_or_stop(*args):
            nonlocal left
            left -= 1
            if not left:
                raise KeyboardInterrupt
            return accuracy_on(*args)

        monkeypatch.setattr(common, "accuracy_on", accuracy_or_stop)
        with contextlib.suppress(KeyboardInterrupt):
            run(seeds, *command, "--seeds", "1")
    monkeypatch.setattr(common, "accuracy_on", accuracy_on)
    assert rows_in(tmp_path) == expected_rows(trained, 1)[:1]
    run(seeds, *command, "--seeds", "1")
    assert rows_in(tmp_path) == expected_rows(trained, 1)
    assert_trained(tmp_path, trained, 1)


def test_bfloat16_is_used_and_is_in_each_row(run, command, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(fast_ops, "CPUINFO", tmp_path / "cpuinfo")  # of a CPU that warns of it
    fast_ops.CPUINFO.write_text("flags\t\t: sse2 avx2\n")
    run(seeds, *command, "--seeds", "1", "--steps", "0", "--bfloat16")
    assert [row["precision"] for row in seeds.rows(tmp_path / "small.csv")] == ["bfloat16"]
    assert "bfloat16 is slower here, or not used" in capsys.readouterr().err


def test_a_network_is_not_continued_with_other_data(
    run, command, small_data, tmp_path, monkeypatch
):
    run(seeds, *command, "--seeds", "1", "--steps", "0")
    (tmp_path / "small.csv").unlink()
    files = {name: input_data.read_file(small_data, name).sha256 for name in input_data.SHA256}
    monkeypatch.setattr(input_data, "SHA256", files)  # now these are MNIST
    with pytest.raises(Failure, match="was trained with data='not MNIST', not 'MNIST'"):
        run(seeds, *command, "--seeds", "1", "--steps", "0")
    assert not (tmp_path / "small.csv").exists()


def test_a_trained_network_whose_rows_are_gone_is_reported(run, command, tmp_path):
    run(seeds, *command, "--seeds", "1", "--steps", "0")
    (tmp_path / "small.csv").unlink()
    with pytest.raises(
        Failure, match="small-1-0 is trained, but .*small.csv has no row of it; del"
    ):
        run(seeds, *command, "--seeds", "1", "--steps", "0")


@pytest.mark.parametrize(
    ("name", "message"),
    [("a[1]", "takes this path for a pattern"), ("file/results", "choose another --results$")],
)
def test_results_that_cannot_be_written_are_refused_before_training(
    name, message, run, command, tmp_path, monkeypatch
):
    """Promise 4."""
    (tmp_path / "file").touch()
    monkeypatch.setattr(seeds, "trained", None)
    with pytest.raises(Failure, match=message):
        run(seeds, *command, "--seeds", "1", "--results", tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_seed_is_missing_unless_a_row_has_the_same_experiment_and_step(tmp_path, capsys):
    path = tmp_path / "shifts.csv"
    values = {"experiment": "single", "step": 1000}
    assert list(seeds.missing(path, range(1, 3), **values)) == [1, 2]
    rows = [["single", 1, 1000], ["double", 2, 1000], ["single", 3, 10000]]
    seeds.append(path, ["experiment", "seed", "step"], rows, bfloat16=False)
    assert list(seeds.missing(path, range(1, 4), **values)) == [2, 3]
    line = f"experiment single, step 1000, seed 1: already in {path} (float32, {machine.cpu()})\n"
    assert capsys.readouterr().err == line


def test_seeds_are_a_range_or_a_single_one():
    assert seeds.seed_range("3-5") == range(3, 6)
    assert seeds.seed_range("7") == range(7, 8)


def test_an_empty_range_of_seeds_is_refused(run, capsys):
    with pytest.raises(SystemExit) as stopped:
        run(seeds, "single", "--seeds", "5-3")
    assert stopped.value.code == 2
    assert "'5-3' has no seeds; the first one is too large" in capsys.readouterr().err


def test_a_seed_trained_again_gives_the_csv_files_accuracy(run, mnist_dir, tmp_path):
    """On another CPU it may differ by rounding."""
    options = ["--seeds", 2, "--steps", 1000, "--data-dir", mnist_dir, "--results", tmp_path]
    run(seeds, "dense-16", *options)
    found, published = (
        [float(row["test_accuracy"]) for row in seeds.rows_with(path, seed=2, step=1000)]
        for path in (tmp_path / "dense-16.csv", seeds.PUBLISHED / "dense-16.csv")
    )
    assert published
    assert max(abs(accuracy - found[0]) for accuracy in published) <= 0.002
