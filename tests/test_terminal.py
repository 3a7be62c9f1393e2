"""The command line: --help, missing packages, signals, streams that are closed or full."""

import functools
import importlib
import io
import os
import pathlib
import re
import signal
import subprocess
import sys
import types

from support import input_data, terminal

import pytest
from processes import LIMIT, ROOT, Running, interrupt_at, run

SCRIPTS = ["single_conv.py", "double_conv.py", "visualize_filters.py"]


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_fits_80_columns(script):
    out, err = run(script, "--help")
    assert err == ""
    assert "Example:" in out
    assert "(default: /tmp/data)" in out
    assert max(map(len, out.splitlines())) <= 80


def parse(script, *args):
    """Returns the options of a script for these args on its command line."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [script, *args])
        return importlib.import_module(script.removesuffix(".py")).options()


DATA = {"data_dir": "/tmp/data", "dataset": "auto"}
RUN = DATA | {"seed": "1"}
DEFAULTS = {
    "single_conv.py": RUN | {"steps": "1000", "log_dir": "/tmp/cnn_single"},
    "double_conv.py": RUN | {"steps": "20000", "log_dir": "/tmp/cnn"},
    "visualize_filters.py": DATA
    | {"checkpoint": "train_data-20000", "sub_filter": "0", "first": "10"},
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_defaults_are_those_in_the_help(script, capsys):
    found = {name: str(value) for name, value in vars(parse(script)).items()}
    assert found.items() >= DEFAULTS[script].items()
    with pytest.raises(SystemExit):
        parse(script, "--help")
    text = " ".join(capsys.readouterr().out.split())
    named = re.findall(r"default: ([^ );]+)\)|(\w+) \(default\)", text)
    assert sorted(map("".join, named)) == sorted(DEFAULTS[script].values())


PATHS = [(script, "--data-dir") for script in SCRIPTS]
PATHS += [(script, "--log-dir") for script in SCRIPTS[:2]]
PATHS += [("single_conv.py", "--figure"), ("double_conv.py", "--checkpoint-dir")]
PATHS += [("visualize_filters.py", "--figure-dir"), ("visualize_filters.py", "--")]


@pytest.mark.parametrize(("script", "option"), PATHS)
def test_path_that_is_not_utf8_is_refused(script, option, capsys):
    path = os.fsdecode(b"caf\xe9.png") if os.name == "posix" else "caf\udce9.png"
    with pytest.raises(SystemExit) as end:
        parse(script, option, path)
    err = capsys.readouterr().err
    assert end.value.code == 2
    assert "'caf\\udce9.png' is not UTF-8, or not in this locale" in err


@pytest.mark.parametrize("script", SCRIPTS)
def test_missing_packages_are_one_line_in_isolated_mode_and_through_a_link_too(script, tmp_path):
    """Python's option -S hides all packages, and -I the script's own folder."""
    (tmp_path / script).symlink_to(ROOT / script)
    command = [sys.executable, "-I", "-S", tmp_path / script]
    result = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT)
    names = "tensorflow, tensorboard, numpy, matplotlib, tqdm, filelock, PIL"
    assert result.returncode == 1
    assert result.stdout == ""
    advice = "install them: pip install -r requirements.txt"
    assert result.stderr == f"not installed: {names}; {advice}\n"


def run_with(package, code, folder, **options):
    """Runs single_conv.py with the code, a module in folder, in place of a package."""
    (folder / f"{package}.py").write_text(code)
    options |= {"capture_output": True, "text": True, "timeout": LIMIT}
    environment = os.environ | {"PYTHONPATH": str(folder)}
    return subprocess.run([sys.executable, ROOT / "single_conv.py"], env=environment, **options)


def test_messages_of_numpys_import_are_shown(tmp_path):
    """Without enough memory or threads, its OpenBLAS ends the process with one."""
    result = run_with("numpy", "import os\nos.write(2, b'no threads')\nos._exit(1)", tmp_path)
    assert result.stderr == "no threads"


def test_tensorflows_messages_are_for_those_who_ask(programs):
    assert "oneDNN" in programs("variables").err


def start_training(folder, data, **options):
    """Starts single_conv.py on small data, without a figure."""
    args = ["--steps", 20, "--data-dir", data, "--log-dir", folder / "logs"]
    return Running(["single_conv.py", *args, "--figure", folder / "f.png"], **options)


def test_reader_that_goes_away(small_data, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    running = start_training(tmp_path, small_data, stdout=tmp_path / "pipe")
    with open(tmp_path / "pipe") as reader:
        assert reader.readline().startswith("step 0")
    code, _, err = running.wait()
    assert code == 141
    assert "Error" not in err
    assert "Exception" not in err


def test_help_into_a_closed_pipe_is_quiet(programs):
    assert programs("help into a closed pipe").err == ""


@pytest.mark.skipif(not pathlib.Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_stdout_is_one_line(small_data, tmp_path):
    code, _, err = start_training(tmp_path, small_data, stdout="/dev/full").wait()
    assert code == 1
    assert "Exception" not in err
    assert err.splitlines()[-1] == "single_conv.py: cannot write to stdout: No space left on device"


def test_closed_streams_do_not_stop_a_run(programs):
    code, _, _, folder = programs("closed streams")
    assert code == 0
    assert (folder / "figure.png").stat().st_size > 10000


def hang_up(handler):
    """Makes a process, for which the shell has set this handler, lose its terminal."""
    signal.signal(signal.SIGHUP, handler)
    interrupt_at(lambda: os.kill(os.getpid(), signal.SIGHUP), "support.summaries", "histogram", 2)


def test_hangup_is_ignored_under_nohup(small_data, tmp_path):
    before = functools.partial(hang_up, signal.SIG_IGN)
    assert "test accuracy" in start_training(tmp_path, small_data, before=before).result()[0]


def test_hangup_without_nohup_is_one_line(small_data, tmp_path):
    before = functools.partial(hang_up, signal.SIG_DFL)
    _, err = start_training(tmp_path, small_data, before=before).result(128 + signal.SIGHUP)
    assert err.splitlines()[-1] == "single_conv.py: stopped"


def instead_of_the_data(function):
    """Makes a script call this function where it would read the data."""
    input_data.read_data_sets = lambda *_: function()


def stop_within_tensorflow():
    """TensorFlow turns an exception in its argument binding into a TypeError."""
    try:
        os.kill(os.getpid(), signal.SIGTERM)
    except KeyboardInterrupt as error:
        raise TypeError("Binding inputs to tf.function failed") from error


def test_stop_that_becomes_another_exception_is_still_a_stop(tmp_path):
    before = functools.partial(instead_of_the_data, stop_within_tensorflow)
    out, err = run("double_conv.py", code=128 + signal.SIGTERM, folder=tmp_path, before=before)
    assert (out, err) == (
        "",
        "double_conv.py: stopped; --resume continues from the newest checkpoint\n",
    )


def hang_while_stopping():
    try:
        terminal.report("working")
        signal.pause()
    except KeyboardInterrupt:
        terminal.report("cleaning up")
        signal.pause()


def test_second_ctrl_c_ends_a_process_that_hangs_while_stopping(tmp_path):
    before = functools.partial(instead_of_the_data, hang_while_stopping)
    running = Running(["double_conv.py"], folder=tmp_path, before=before)
    for count in (1, 2):
        running.lines(count)
        running.send(signal.SIGINT)
    assert running.wait() == (-signal.SIGINT, "working\ncleaning up\n", "")


def run_out_of_memory():
    raise MemoryError


def test_out_of_memory_is_one_line(tmp_path):
    before = functools.partial(instead_of_the_data, run_out_of_memory)
    _, err = run("double_conv.py", code=1, folder=tmp_path, before=before)
    assert err == "double_conv.py: out of memory\n"


def report_a_japanese_name():
    terminal.report("七.png")
    raise terminal.Failure("that was all")


def write_ascii():
    sys.stdout.reconfigure(encoding="ascii")
    instead_of_the_data(report_a_japanese_name)


def test_letters_that_stdout_cannot_encode_are_escaped(tmp_path):
    out, err = run("double_conv.py", code=1, folder=tmp_path, before=write_ascii)
    assert (out, err) == ("\\u4e03.png\n", "double_conv.py: that was all\n")


# Imported in place of TensorFlow: Ctrl-C in the middle of its import.
INTERRUPTED_IMPORT = """
import os, signal
os.kill(os.getpid(), signal.SIGINT)
raise ImportError("not interrupted")
"""


@pytest.mark.parametrize("handler", [signal.SIG_DFL, signal.SIG_IGN], ids=["default", "ignored"])
def test_ctrl_c_during_the_import_ends_it_quietly_unless_ignored(tmp_path, handler):
    def before():
        signal.signal(signal.SIGINT, handler)

    result = run_with("tensorflow", INTERRUPTED_IMPORT, tmp_path, preexec_fn=before)
    if handler == signal.SIG_DFL:
        assert (result.returncode, result.stderr) == (-signal.SIGINT, "")
    else:  # a background job, which the shell protects from Ctrl-C
        assert result.returncode == 1
        assert result.stderr.startswith("not interrupted")


def test_speed_leaves_the_first_step_out(monkeypatch, capsys):
    clock = [0]
    monkeypatch.setattr(terminal, "time", types.SimpleNamespace(perf_counter=lambda: clock[0]))
    for i in terminal.progress(range(20, 31)):
        clock[0] += 100 if i == 20 else 2
    assert (
        "10 steps after the first in 20.0 s: 0.5 steps/s, reports included"
        in capsys.readouterr().err
    )


def test_one_step_has_no_speed(capsys):
    assert list(terminal.progress(range(5, 6))) == [5]
    assert capsys.readouterr().err == ""


class Screen(io.StringIO):
    """A terminal that keeps what it has shown."""

    def isatty(self):
        return True


def test_bar_of_a_resumed_run_begins_where_it_was_left(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Screen())
    assert list(terminal.progress(range(60, 101))) == list(range(60, 101))
    first = sys.stderr.getvalue().split("\r")[1]
    assert " 60/101 " in first
    assert first.startswith(" 59%|")


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("31", 31), ("-1", None), ("32", None)])
def test_integer_has_bounds(text, number):
    parse = terminal.integer(0, 31)
    if number is None:
        with pytest.raises(terminal.argparse.ArgumentTypeError, match="from 0 to 31"):
            parse(text)
    else:
        assert parse(text) == number


@pytest.mark.parametrize("version", [(3, 9, 18), (3, 14, 0)])
def test_wrong_python_version_is_one_line(version):
    code = f"import sys; sys.version_info = {version}; import support"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 1
    assert "TensorFlow 2.21 needs Python 3.10 to 3.13" in result.stderr
    assert result.stderr.count("\n") == 1


def requirements():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("line", requirements())
def test_every_requirement_is_bounded(line):
    assert ">=" in line
    assert ",<" in line
