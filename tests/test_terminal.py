"""The command line: --help, streams that are closed or full, files written whole."""

import os
import pathlib
import signal
import subprocess
import sys

from support import files, kernels, terminal

import pytest
from processes import ROOT, Running, run, run_python

SCRIPTS = ["single_conv.py", "double_conv.py", "visualize_filters.py"]


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_fits_80_columns_and_names_every_default(script):
    out, err = run(script, "--help")
    assert err == "" and "Example:" in out and "(default: /tmp/data)" in out
    assert max(map(len, out.splitlines())) <= 80


def test_tensorflows_messages_are_for_those_who_ask():
    assert "oneDNN" in run_python("single_conv.py", "--help", TF_CPP_MIN_LOG_LEVEL="0")[1]


# Shell commands, in which $single is single_conv.py on small data.
HELP_INTO_A_CLOSED_PIPE = "$single --help | true"
CLOSED_STREAMS = "$single <&- >&- 2>&-"
NO_TEMPORARY_FOLDER = "TMPDIR=/nowhere $single --dataset mnist"


@pytest.fixture(scope="module")
def shells(small_data, tmp_path_factory):
    """Runs these commands side by side: {command: (exit code, stderr, its folder)}."""
    started = {}
    for command in (HELP_INTO_A_CLOSED_PIPE, CLOSED_STREAMS, NO_TEMPORARY_FOLDER):
        folder = tmp_path_factory.mktemp("shell")
        words = f"--steps 20 --data-dir {small_data} --log-dir {folder}/logs --figure f.png"
        line = command.replace("$single", f"{sys.executable} {ROOT}/single_conv.py {words}")
        shell = ["bash", "-o", "pipefail", "-c", line]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        started[command] = subprocess.Popen(shell, cwd=folder, text=True, **pipes), folder
    ended = {}
    for command, (process, folder) in started.items():
        _, err = process.communicate(timeout=100)
        ended[command] = process.returncode, err, folder
    return ended


def start_training(folder, data, **options):
    """Starts single_conv.py on small data, without a figure."""
    words = ["--steps", 20, "--data-dir", data, "--log-dir", folder / "logs"]
    return Running(["single_conv.py", *words, "--figure", folder / "f.png"], **options)


def test_reader_that_goes_away(small_data, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    running = start_training(tmp_path, small_data, stdout=tmp_path / "pipe")
    with open(tmp_path / "pipe") as reader:
        assert reader.readline().startswith("step 0")
    code, _, err = running.wait()
    assert code == 141 and "Error" not in err and "Exception" not in err


def test_help_into_a_closed_pipe_is_quiet(shells):
    assert shells[HELP_INTO_A_CLOSED_PIPE][1] == ""


@pytest.mark.skipif(not pathlib.Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_stdout_is_one_line(small_data, tmp_path):
    code, _, err = start_training(tmp_path, small_data, stdout="/dev/full").wait()
    assert code == 1 and "Exception" not in err
    assert err.splitlines()[-1] == "single_conv.py: No space left on device"


def test_closed_streams_do_not_stop_a_run(shells):
    code, _, folder = shells[CLOSED_STREAMS]
    assert code == 0 and (folder / "f.png").stat().st_size > 10000


def test_temporary_folder_is_not_needed(shells):
    code, err, _ = shells[NO_TEMPORARY_FOLDER]
    assert code == 0 and "Traceback" not in err, err


def ignore_hangup():
    """What nohup does."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def test_hangup_is_ignored_under_nohup(small_data, tmp_path):
    running = start_training(tmp_path, small_data, before=ignore_hangup)
    running.lines(1)
    running.send(signal.SIGHUP)
    assert "test accuracy" in running.result()[0]


def test_written_file_is_the_old_one_or_the_new_one(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_text("old")

    def fill_the_disk(temporary, data):
        temporary.write_text("half")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(pathlib.Path, "write_bytes", fill_the_disk)
        with pytest.raises(OSError, match=f"No space left on device: '{path}'"):
            files.write_whole(path, b"new")
    assert [file.name for file in tmp_path.iterdir()] == ["file"] and path.read_text() == "old"
    files.write_whole(path, b"new")
    assert path.read_text() == "new"


@pytest.mark.parametrize("text, number", [("0", 0), ("31", 31), ("-1", None), ("32", None)])
def test_integer_has_bounds(text, number):
    parse = terminal.integer(0, 31)
    if number is None:
        with pytest.raises(terminal.argparse.ArgumentTypeError, match="from 0 to 31"):
            parse(text)
    else:
        assert parse(text) == number


@pytest.mark.parametrize(
    "flags, warns", [("sse2 avx2", True), ("avx2 avx512_bf16", False), ("amx_bf16", False)]
)
def test_bfloat16_warns_on_cpus_without_it(monkeypatch, capsys, flags, warns):
    monkeypatch.setattr(pathlib.Path, "exists", lambda path: True)
    monkeypatch.setattr(pathlib.Path, "read_text", lambda path: f"flags: {flags}\n")
    kernels.use_bfloat16(True)
    kernels.use_bfloat16(False)
    assert ("may be slower" in capsys.readouterr().err) == warns


@pytest.mark.parametrize("version", [(3, 9, 18), (3, 14, 0)])
def test_wrong_python_version_is_one_line(version):
    code = f"import sys; sys.version_info = {version}; import support"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 1
    assert (
        "TensorFlow 2.21 needs Python 3.10 to 3.13" in result.stderr
        and result.stderr.count("\n") == 1
    )


def requirements():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("line", requirements())
def test_every_requirement_is_bounded(line):
    assert ">=" in line and ",<" in line
