"""double_conv.py from the command line: training, reports, checkpoints."""

import os
import pathlib

from support import checkpoints, input_data

import numpy as np
import pytest
import tensorflow as tf
from double_runs import saved_steps, start_training, train, variables_of
from processes import ROOT, SHORT, SMALL, only_run, read_events, run

from double_conv import DoubleConv

pytestmark = pytest.mark.usefixtures("programs")  # starts them now; the last test needs one


def test_reports_and_checkpoints(undisturbed):
    folder, out, err = undisturbed
    lines = out.splitlines()
    assert [line.split(",")[0] for line in lines[:-1]] == [f"step {i}" for i in range(0, 61, 5)]
    assert lines[-1].startswith("test accuracy ")
    assert saved_steps(folder) == [60, 55, 50, 45, 40]
    assert tf.train.latest_checkpoint(str(folder)) == str(folder / "train_data-60")
    values = read_events(only_run(folder / "logs"))
    for tag in ("cross entropy", "accuracy", "h_conv1"):
        assert [step for name, step, _ in values if name == tag] == list(range(0, 61, 5))
    assert [step for name, step, _ in values if name == "filters"] == list(range(0, 61, 10))
    assert {"graph", "settings", "test accuracy"} <= {tag for tag, _, _ in values}


def test_hinted_command_draws_the_newest_checkpoint_from_any_folder(small_data, tmp_path):
    out, err = train(tmp_path, small_data, "--steps", 0)
    (command,) = (line for line in err.splitlines() if "visualize_filters" in line)
    python, script, *args = command.removeprefix("next: ").split()
    assert python == "python"
    assert script == str(ROOT / "visualize_filters.py")
    (tmp_path / "other").mkdir()
    again, err = run("visualize_filters.py", *args, folder=tmp_path / "other", constants=SMALL)
    assert again == out.splitlines(keepends=True)[-1]
    assert "warning" not in err


def test_each_step_is_adam_on_the_next_batch_with_a_new_dropout_mask(small_data, tmp_path):
    running = start_training(tmp_path, small_data, "--steps", 10, constants=SHORT)
    network, mnist = DoubleConv(1), input_data.read_data_sets(small_data)
    expected = {}
    for step in range(11):
        batch = mnist.train.next_batch(10)
        network.train_step(*batch, [1, step])
        variables = {name: getattr(network, name).numpy() for name in checkpoints.NAMES_OF_2016}
        expected[step] = *network.evaluate(*batch)[:2], variables
    running.result()
    values = {(tag, at): v for tag, at, v in read_events(only_run(tmp_path / "logs"))}
    for step in (0, 5, 10):
        cross_entropy, accuracy, variables = expected[step]
        assert values["cross entropy", step] == cross_entropy
        assert values["accuracy", step] == accuracy
        saved = variables_of(tmp_path / f"train_data-{step}")
        for name, value in variables.items():
            variable = saved[f"network/{name}/.ATTRIBUTES/VARIABLE_VALUE"]
            np.testing.assert_array_equal(variable, value)


def test_last_step_is_saved_even_without_a_report(small_data, tmp_path):
    train(tmp_path, small_data, "--steps", 7)
    assert saved_steps(tmp_path) == [7, 5, 0]


def pretend_to_have_no_bfloat16():
    original = pathlib.Path.read_text
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    pathlib.Path.exists = lambda path: path == cpuinfo or os.path.exists(path)
    pathlib.Path.read_text = lambda path: "avx2" if path == cpuinfo else original(path)


def test_bfloat16_trains_differently_and_is_tested_in_float32(small_data, tmp_path):
    args = small_data, "--steps", 20
    before = pretend_to_have_no_bfloat16
    float32 = start_training(tmp_path / "float32", *args)
    bfloat16 = start_training(tmp_path / "bfloat16", *args, "--bfloat16", before=before)
    out, err = bfloat16.result()
    assert "may be slower" in err
    assert "may be slower" not in float32.result()[1]
    name = "network/W_fc1/.ATTRIBUTES/VARIABLE_VALUE"
    paths = [tmp_path / folder / "train_data-20" for folder in ("float32", "bfloat16")]
    assert not np.array_equal(*(variables_of(path)[name] for path in paths))
    assert only_run(tmp_path / "bfloat16" / "logs").name.endswith("-bfloat16-not-MNIST")
    # visualize_filters.py tests in float32.
    args = ["--data-dir", small_data, "--figure-dir", tmp_path]
    path = tmp_path / "bfloat16" / "train_data-20"
    again, _ = run("visualize_filters.py", path, *args, constants=SMALL)
    assert out.splitlines(keepends=True)[-1] == again


def test_memory_stays_below_a_gigabyte(tmp_path):
    """Training and the test on 10,000 digits."""
    out = ["--steps", 3, "--dataset", "rendered", "--log-dir", tmp_path / "logs"]
    _, err = run(
        "double_conv.py", *out, "--checkpoint-dir", tmp_path, before=print_peak_memory_at_exit
    )
    assert "train_data-3 --dataset rendered" in err  # the hint
    peak = int(err.split("peak ")[1].split()[0]) / 2**10
    assert 200 < peak < 1000, f"{peak:.0f} MB"


def print_peak_memory_at_exit():
    from multiprocessing import util

    def show():
        status = open("/proc/self/status").read()
        os.write(2, f"peak {status.split('VmHWM:')[1].split()[0]} kB\n".encode())

    util.Finalize(None, show, exitpriority=0)


def test_reports_and_checkpoints_are_every_100_steps(programs):
    """The script as it is, with none of its constants replaced."""
    code, out, err, folder = programs("double")
    assert code == 0, err
    assert [line.split(",")[0] for line in out.splitlines()[:-1]] == ["step 0", "step 100"]
    assert saved_steps(folder) == [100, 0]
