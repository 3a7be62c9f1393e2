"""A run of each training script with --seed 3: what the seed decides, what is logged and hinted."""

import shlex

from support import checkpoints, input_data

import numpy as np
import pytest
import tensorflow as tf
from in_process import SEED, STEPS, run_here
from processes import ROOT, only_run, read_events

import double_conv
import single_conv

both = pytest.mark.parametrize("name", ["single", "double"])


def events(run):
    """Returns {(tag, step): value} of a run's event file."""
    return {(tag, step): value for tag, step, value in read_events(only_run(run.folder / "logs"))}


@both
def test_seed_decides_weights_batches_and_dropout(seeded_run, name):
    run = seeded_run(name)
    logged = events(run)
    for report in run.expected:
        np.testing.assert_allclose(
            logged["cross entropy", report.step], report.cross_entropy, rtol=1e-5
        )


@both
def test_histogram_is_of_h_conv1(seeded_run, name):
    run = seeded_run(name)
    logged = events(run)
    for report in run.expected:
        histogram = logged["h_conv1", report.step]
        assert histogram[:, 2].sum() == tf.size(report.h_conv1)
        np.testing.assert_allclose(histogram[0, 0], 0)
        np.testing.assert_allclose(histogram[-1, 1], tf.reduce_max(report.h_conv1), rtol=1e-4)


@both
def test_logged_accuracy_is_the_printed_one(seeded_run, name):
    run = seeded_run(name)
    logged = events(run)
    for line in run.result.out.splitlines()[:-1]:
        step, accuracy = line.removeprefix("step ").split(", training accuracy ")
        assert f"{logged['accuracy', int(step)]:g}" == accuracy


@both
def test_test_accuracy_is_logged_at_the_last_step(seeded_run, name):
    run = seeded_run(name)
    (value,) = (v for (tag, step), v in events(run).items() if tag == "test accuracy")
    assert events(run)["test accuracy", STEPS] == value
    assert run.result.out.splitlines()[-1] == f"test accuracy {value:g} (not MNIST)"


@both
def test_settings_are_logged_and_the_run_is_named_for_the_seed(seeded_run, name):
    run = seeded_run(name)
    settings = [f"- script: {name}_conv.py", "- data: not MNIST", f"- seed: {SEED}"]
    settings += ["- bfloat16: False"] if name == "double" else []
    assert events(run)["settings", 0].item().decode().splitlines() == settings
    assert only_run(run.folder / "logs").name.endswith(f"-seed{SEED}-not-MNIST")


def test_settings_are_saved_in_each_checkpoint(seeded_run):
    run = seeded_run("double")
    reader = checkpoints.open_checkpoint(run.folder / f"train_data-{STEPS}")
    settings = checkpoints.read_settings(reader)
    expected = {"script": "double_conv.py", "data": "not MNIST", "seed": SEED, "bfloat16": False}
    assert settings.items() >= expected.items()
    assert settings["run"] == only_run(run.folder / "logs").name


@both
def test_hinted_tensorboard_command_survives_blanks_in_the_path(seeded_run, name):
    run = seeded_run(name)
    hints = [line.removeprefix("next: ") for line in run.result.err.splitlines()]
    (command,) = (shlex.split(hint) for hint in hints if hint.startswith("tensorboard"))
    log_dir = str(run.folder / "logs")
    assert command == ["tensorboard", "--logdir", log_dir, "--samples_per_plugin", "images=1000"]


def test_hinted_command_survives_blanks_in_its_paths(seeded_run):
    run = seeded_run("double")
    hints = [line.removeprefix("next: ") for line in run.result.err.splitlines()]
    (command,) = (shlex.split(hint) for hint in hints if hint.startswith("python"))
    script, checkpoint, *data = command[1:]
    assert script == str(ROOT / "visualize_filters.py")
    assert checkpoint == str(run.folder / f"train_data-{STEPS}")
    assert data == ["--data-dir", str(run.folder / "my data")]
    assert f"checkpoints: {checkpoint} and up to four earlier ones" in run.result.err


def test_title_names_the_data_the_seed_the_step_and_the_accuracy(seeded_run):
    run = seeded_run("single")
    accuracy = run.result.out.splitlines()[-1].split()[2]
    (title,) = run.result.titles
    assert title == (
        "single_conv.py: 16 filters (top row), their feature maps for 12 test digits\n"
        f"not MNIST, seed {SEED}, step {STEPS}, test accuracy {accuracy}"
    )


def test_figure_option_saves_and_opens_no_window(seeded_run):
    run = seeded_run("single")
    assert run.result.backend == "agg"
    assert f"figure: {run.folder / 'figure.PNG'}" in run.result.err


def test_figure_is_logged_too(seeded_run):
    run = seeded_run("single")
    width, height, png = events(run)["test digits", STEPS]
    saved = tf.io.decode_png((run.folder / "figure.PNG").read_bytes())
    assert (int(height), int(width)) == saved.shape[:2]
    np.testing.assert_array_equal(tf.io.decode_png(png), saved)


def test_without_a_figure_option_a_window_is_tried(small_data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    args = ["--data-dir", small_data, "--log-dir", tmp_path / "logs", "--steps", 0]
    assert run_here(single_conv, *args).backend == "svg"


@pytest.mark.parametrize("script", [single_conv, double_conv])
def test_dataset_option_reaches_the_data(script, tmp_path, monkeypatch):
    asked = []

    def read(data_dir, dataset, seed):
        asked.append((data_dir, dataset, seed))
        raise ConnectionError

    monkeypatch.setattr(input_data, "read_data_sets", read)
    with pytest.raises(ConnectionError):
        run_here(script, "--data-dir", tmp_path, "--dataset", "mnist", "--seed", 7)
    assert asked == [(tmp_path, "mnist", 7)]
