"""The command line: options, one-line errors, the progress bar (support/terminal.py)."""

import importlib
import os
import re
import sys
import time
from pathlib import Path

import pytest
import tensorflow as tf
from processes import pseudo_terminal, run

from support import terminal

# ------------------------------------------------------------------------------------- options

TRAINING = {"data_dir": "/tmp/data", "dataset": "auto", "seed": "1"}
DEFAULTS = {
    "single_conv": TRAINING | {"steps": "1000", "log_dir": "/tmp/cnn_single"},
    "double_conv": TRAINING | {"steps": "20000", "log_dir": "/tmp/cnn", "checkpoint_dir": "."},
    "visualize_filters": {"checkpoint": "train_data-20000", "first": "10"},
}


@pytest.mark.parametrize("script", DEFAULTS)
def test_defaults_are_the_posts(script, monkeypatch):
    monkeypatch.setattr(sys, "argv", [f"{script}.py"])
    options = vars(importlib.import_module(script).options())
    assert {name: str(value) for name, value in options.items()}.items() >= DEFAULTS[script].items()


@pytest.mark.parametrize("script", ["single_conv.py", "double_conv.py", "visualize_filters.py"])
def test_help_is_shown_with_an_example_and_fits_a_terminal(script):
    out, err = run(script, "--help")
    assert err == ""
    assert f"python {script}" in out
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize("text", ["-1", "32", "1.5", "1e1", "", " ", "ten", "0x10", "1 2"])
def test_what_is_no_integer_in_range_is_refused(text):
    message = f"'{text}' is not an integer from 0 to 31"
    with pytest.raises(terminal.argparse.ArgumentTypeError, match=re.escape(message)):
        terminal.integer(0, 31)(text)


def test_integers_from_the_lowest_to_the_highest_are_taken():
    assert [terminal.integer(-1, 31)(text) for text in ("-1", "0", "007", "31")] == [-1, 0, 7, 31]


PATHS = {
    "single_conv": ["data_dir", "log_dir", "figure"],
    "double_conv": ["data_dir", "log_dir", "checkpoint_dir"],
    "visualize_filters": ["data_dir", "figure_dir", "checkpoint"],
}


@pytest.mark.parametrize("script", PATHS)
def test_tilde_is_the_home_folder_in_every_path(script, tmp_path, monkeypatch):
    """The shell expands ~ in `--log-dir ~/logs`, but not in `--log-dir=~/logs`."""
    monkeypatch.setenv("HOME", str(tmp_path))
    args = [f"--{name.replace('_', '-')}=~/{name}" for name in PATHS[script]]
    args[-1] = args[-1].removeprefix("--checkpoint=")
    monkeypatch.setattr(sys, "argv", [f"{script}.py", *args])
    options = vars(importlib.import_module(script).options())
    assert [options[name] for name in PATHS[script]] == [tmp_path / name for name in PATHS[script]]


# -------------------------------------------------------------------------------------- errors

REASONS = {
    "Failure": (terminal.Failure("do this"), "do this"),
    "OSError": (OSError(28, "No space left on device"), "No space left on device"),
    "of a file": (OSError(28, "No space left", "a/b"), "a/b: No space left"),
    "own text": (ConnectionError("could not download MNIST"), "could not download MNIST"),
    "of memory": (MemoryError(), "out of memory"),
    "NumPy's": (MemoryError("Unable to allocate 9 TiB"), "out of memory"),
    "TensorFlow's": (
        tf.errors.ResourceExhaustedError(
            None, None, "{{function_node __wrapped__SaveV2}} a/b; No space [Op:SaveV2] \nnode {}"
        ),
        "a/b: No space",
    ),
    "lines": (terminal.Failure("one\n  two\tthree"), "one two three"),
    "control characters": (terminal.Failure("\x1b[31mred\x07"), "?[31mred?"),
    "Japanese": (terminal.Failure("七.png"), "七.png"),
}


@pytest.mark.parametrize(("error", "reason"), REASONS.values(), ids=REASONS)
def test_error_is_one_line_and_exit_code_1(error, reason, capsys, monkeypatch):
    """Promise 4."""

    def main():
        raise error

    monkeypatch.setattr(sys, "argv", ["/somewhere/script.py"])
    with pytest.raises(SystemExit) as end:
        terminal.run(main)
    assert end.value.code == 1
    assert capsys.readouterr() == ("", f"script.py: {reason}\n")


def test_ctrl_c_is_one_line_and_exit_code_130(capsys, monkeypatch):
    """Promise 5."""

    def main():
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "argv", ["script.py"])
    for advice in ("", "; try again"):
        with pytest.raises(SystemExit) as end:
            terminal.run(main, if_stopped=advice)
        assert end.value.code == 130
        assert capsys.readouterr() == ("", f"script.py: stopped{advice}\n")


def test_error_in_the_program_keeps_its_traceback():
    def main():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        terminal.run(main)


def remove_current_folder():
    os.rmdir(os.getcwd())


@pytest.mark.parametrize(
    ("script", "option"), [("single_conv.py", "--figure"), ("double_conv.py", "--checkpoint-dir")]
)
def test_deleted_current_folder_is_one_line(script, option, small_data, tmp_path):
    """Promise 4."""
    (tmp_path / "deleted").mkdir()
    args = [script, "--data-dir", small_data, "--log-dir", tmp_path / "logs"]
    out, err = run(*args, code=1, folder=tmp_path / "deleted", before=remove_current_folder)
    assert out == ""
    line = f"{script}: .: No such file or directory; choose another {option}"
    assert err.splitlines()[-1] == line


def test_next_command_runs_as_printed_in_any_folder(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    terminal.print_next("tensorboard", "--logdir", Path("-my logs"))
    assert capsys.readouterr().err == f"next: tensorboard --logdir '{tmp_path}/-my logs'\n"


# ------------------------------------------------------------------------------------ progress


def test_speed_leaves_the_first_step_out(capsys):
    for i in terminal.progress(range(20, 31)):
        time.sleep(0.8 if i == 20 else 0.01)
    line = capsys.readouterr().err
    count, seconds, speed = re.fullmatch(r"(\d+) steps in (.*) s \((.*) steps/s\)\n", line).groups()
    assert count == "10"
    assert 0.1 <= float(seconds) < 0.8
    assert float(speed) == pytest.approx(10 / float(seconds), rel=0.6)
    assert float(speed) < 100


def test_two_steps_have_a_speed_and_one_has_none(capsys):
    assert list(terminal.progress(range(5, 7))) == [5, 6]
    assert capsys.readouterr().err.startswith("1 steps in 0.0 s (")
    assert list(terminal.progress(range(5, 6))) == [5]
    assert capsys.readouterr().err == ""


def bar_of(steps, monkeypatch):
    """Returns what a terminal shows of a progress bar, and of lines printed meanwhile."""
    with pseudo_terminal() as (device, read):
        with open(device, "w") as stderr, monkeypatch.context() as patch:
            patch.setattr(sys, "stderr", stderr)
            for i in terminal.progress(steps):
                terminal.print_stderr(f"line {i}")
                time.sleep(0.11)  # tqdm's bar moves every 0.1 s
        return read()


def test_bar_of_a_resumed_run_begins_where_it_was_left(monkeypatch):
    shown = bar_of(range(60, 64), monkeypatch)
    bars = re.findall(r"(\d+)%\|[^|]*\| (\d+)/(\d+) ", shown)
    assert bars[0] == ("94", "60", "64")
    assert ("98", "63", "64") in bars
    assert "steps/s]" in shown


def test_lines_are_printed_above_the_bar(monkeypatch):
    shown = bar_of(range(2), monkeypatch)
    assert shown.count("\rline 0\r\n") == shown.count("\rline 1\r\n") == 1
    assert shown.count("\n") == 3  # the third line is the speed's
