"""bench/compare.py: ratios and the table, with made-up speeds; the peers' data."""

import gzip
import re
import sys

import numpy as np
import pytest
from processes import ROOT, Running

import double_conv
import single_conv
from bench import compare, peers

SINGLE, DOUBLE, BFLOAT16 = compare.COLUMNS
SAME_WORK, KERAS = "PyTorch, same work", "Keras `fit`, bare loop"


def test_factor_is_the_median_of_the_ratios_per_round():
    """A slow minute of the machine slows ours and the peer's: here the second round."""
    speeds = {(compare.OURS, DOUBLE): [40.0, 10.0, 44.0], (SAME_WORK, DOUBLE): [20.0, 4.0, 20.0]}
    assert compare.cell(SAME_WORK, DOUBLE, speeds) == "20.0 (4.0 to 20.0), 2.20x"
    assert compare.cell(compare.OURS, DOUBLE, speeds) == "40.0 (10.0 to 44.0)"


def test_bare_loops_are_compared_with_our_bare_loop():
    ours = {(compare.OURS, DOUBLE): [30.0], (compare.OURS_BARE, DOUBLE): [40.0]}
    for row in compare.PEERS:
        factor = "2.00x" if "bare" in row else "1.50x"
        cell = compare.cell(row, DOUBLE, ours | {(row, DOUBLE): [20.0]})
        assert cell == f"20.0 (20.0 to 20.0), {factor}"


def test_table_has_a_row_per_peer_and_empty_cells_for_what_is_not_timed():
    speeds = {
        (compare.OURS, SINGLE): [200.0],
        (compare.OURS_BARE, DOUBLE): [30.0],
        (SAME_WORK, SINGLE): [100.0],
        (SAME_WORK, BFLOAT16): [80.0],
        (KERAS, DOUBLE): [40.0],
    }
    assert compare.table(speeds).splitlines() == [
        "| | `single_conv.py` | `double_conv.py` | `double_conv.py --bfloat16` |",
        "| --- | --- | --- | --- |",
        "| this repository | 200.0 (200.0 to 200.0) | | |",
        "| this repository, bare loop | | 30.0 (30.0 to 30.0) | |",
        "| PyTorch, same work | 100.0 (100.0 to 100.0), 2.00x | | 80.0 (80.0 to 80.0) |",
        "| Keras `fit`, bare loop | | 40.0 (40.0 to 40.0), 0.75x | |",
    ]


def test_what_fails_is_left_out_and_reported(capsys):
    """Each round runs everything once; the last speed that a program prints counts."""
    good = ["-c", "import bench; print('9 steps/s'); print('20 steps in 0.5 s (40.5 steps/s)')"]
    bad = ["-c", "print('10 steps/s', flush=True); raise SystemExit('no memory')"]
    speeds = compare.measure({("good", "x"): good, ("bad", "x"): bad}, rounds=2)
    assert speeds == {("good", "x"): [40.5, 40.5]}
    assert capsys.readouterr().err.splitlines() == [
        "round 1, good, x: 40.5 steps/s",
        "round 1, bad, x: left out: no memory",
        "round 2, good, x: 40.5 steps/s",
    ]


def test_nothing_measured_is_an_error(monkeypatch):
    """A table without numbers would be taken for a result."""
    monkeypatch.setattr(sys, "argv", ["compare.py", "--quick"])
    bad = ["-c", "raise SystemExit('no data')"]
    monkeypatch.setattr(compare, "commands", lambda args: {("bad", SINGLE): bad})
    with pytest.raises(SystemExit, match="nothing was measured"):
        compare.main()


def test_all_train_as_many_steps_of_the_same_networks(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "argv", ["compare.py", "--data-dir", str(tmp_path)])
    monkeypatch.setattr(compare, "available_peers", lambda compiled: compare.PEERS)
    runs = compare.commands(compare.options())
    steps = {"single": 500, "double": 200}
    for (row, column), command in runs.items():
        network, *bfloat16 = compare.COLUMNS[column]
        args = [str(arg) for arg in command]
        assert args[args.index("--steps") + 1] == str(steps[network])
        assert args[args.index("--data-dir") + 1] == str(tmp_path)
        assert ("--bfloat16" in args) == bool(bfloat16)
        assert network in args or args[0].endswith(f"/{network}_conv.py")
        assert ("--dataset" in args) == (row == compare.OURS)


def test_peers_train_on_the_posts_training_set(small_data):
    """All but the first 5,000 digits, from 0 to 1."""
    images, labels = peers.read_training_set(small_data)
    with gzip.open(small_data / "train-images-idx3-ubyte.gz") as file:
        pixels = np.frombuffer(file.read()[16:], np.uint8).reshape(5600, 784)
    with gzip.open(small_data / "train-labels-idx1-ubyte.gz") as file:
        digits = np.frombuffer(file.read()[8:], np.uint8)
    np.testing.assert_array_equal(images, pixels[5000:] * np.float32(1 / 255))
    assert images.dtype == np.float32
    np.testing.assert_array_equal(labels, digits[5000:])


def test_batches_of_the_peers_are_the_posts():
    sizes = {"single": single_conv.batch_size, "double": double_conv.batch_size}
    assert peers.BATCH_SIZE == sizes


def test_our_own_rows_run_and_print_their_speed(monkeypatch, small_data):
    monkeypatch.setattr(sys, "argv", ["compare.py", "--quick", "--data-dir", str(small_data)])
    runs = compare.commands(compare.options())
    module, *args = runs[compare.OURS_BARE, SINGLE][1:]
    started = [Running(*runs[compare.OURS, SINGLE]), Running(module, *args, folder=ROOT)]
    for running in started:
        assert re.search(r"\d steps/s\)?\n", "".join(running.result()))
