"""How a script starts, from a shell and in a notebook."""

import os
import re
import signal
import subprocess
import sys

import pytest
from processes import LIMIT, ROOT

import support

# ------------------------------------------------------------------------------ before TensorFlow


def start(*args, **options):
    """Runs python, to its end; returns its (exit code, stdout, stderr)."""
    options = {"capture_output": True, "text": True, "timeout": LIMIT} | options
    process = subprocess.run([sys.executable, *args], **options)
    return process.returncode, process.stdout, process.stderr


def required_packages():
    """Returns the names that requirements.txt installs."""
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    return [re.match(r"[a-z]+", line)[0] for line in lines if not line.startswith("#")]


@pytest.mark.parametrize("script", ["single_conv.py", "recognize.py"])
def test_every_missing_requirement_is_named(script):
    code, out, err = start("-S", ROOT / script)  # -S hides all that is installed
    names = ", ".join(required_packages()).replace("pillow", "PIL")
    assert (code, out) == (1, "")
    assert err == f"not installed: {names}; install them: pip install -r requirements.txt\n"


def test_missing_package_is_named_alone():
    code, out, err = start(
        "-c", "import sys; sys.modules['pooch'] = None; import support", cwd=ROOT
    )
    assert (code, out) == (1, "")
    assert err == "not installed: pooch; install them: pip install -r requirements.txt\n"


@pytest.mark.parametrize("version", [(3, 9, 18), (3, 14, 0)])
def test_python_without_tensorflow_is_one_line(version):
    code, out, err = start(
        "-c", f"import sys; sys.version_info = {version}; import support", cwd=ROOT
    )
    assert (code, out) == (1, "")
    assert err == "TensorFlow 2.21 needs Python 3.10 to 3.13; see README.md\n"


@pytest.mark.parametrize("version", [(3, 10, 0), (3, 13, 11)])
def test_python_with_tensorflow_is_taken(version, monkeypatch):
    monkeypatch.setattr(sys, "version_info", version)
    support.check_python()


def start_with(module, code, folder, **options):
    """Runs single_conv.py with this code in place of a module."""
    (folder / f"{module}.py").write_text(code)
    return start(ROOT / "single_conv.py", env=os.environ | {"PYTHONPATH": str(folder)}, **options)


def test_last_words_of_numpys_import_are_shown(tmp_path):
    """Its OpenBLAS ends a process that has too little memory."""
    last_words = "import os\nos.write(2, b'no memory for threads')\nos._exit(1)"
    assert start_with("numpy", last_words, tmp_path) == (1, "", "no memory for threads")


def test_tensorflow_that_cannot_be_imported_is_one_line(tmp_path):
    _, _, err = result = start_with("tensorflow", "raise ImportError('no libc')", tmp_path)
    advice = "install the requirements again: pip install -r requirements.txt"
    assert result == (1, "", f"no libc; {advice}\n"), err


def test_ctrl_c_during_the_import_is_one_line(tmp_path):
    interrupted = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n"
    foreground = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.default_int_handler)}
    result = start_with("tensorflow", interrupted, tmp_path, **foreground)
    assert result == (130, "", "stopped\n")


# ------------------------------------------------------------------------------ real starts


@pytest.fixture(scope="module")
def ended(starts):
    """What the starts led to: {name: (exit code, stdout, stderr)}."""
    outputs = {name: process.communicate(timeout=LIMIT) for name, process in starts.items()}
    return {name: (starts[name].returncode, *output) for name, output in outputs.items()}


def test_start_shows_no_messages_of_tensorflows(ended, small_data):
    code, out, err = ended["link"]
    assert code == 0
    assert re.fullmatch(r"step 0, training accuracy .*\ntest accuracy .* \(not MNIST\)\n", out)
    assert [line.split(":")[0] for line in err.splitlines()] == [
        f"{small_data} does not contain MNIST",
        "curves",
        "next",
        "checkpoints",
        "next",
    ]


def test_notebooks_backend_is_no_obstacle_where_it_is_not_installed(ended):
    assert ended["link"][0] == 0


def test_script_behind_a_link_tells_where_the_next_one_is(ended):
    _, _, err = ended["link"]
    command = f"next: python {ROOT / 'visualize_filters.py'} train_data-0 --data-dir "
    assert err.splitlines()[-1].startswith(command)


def test_messages_of_tensorflows_are_for_those_who_ask(ended):
    code, out, err = ended["messages"]
    assert code == 0
    assert out.startswith("usage: single_conv.py")
    assert "absl::InitializeLog()" in err


def test_closed_pipe_is_quiet(ended, small_data):
    code, out, err = ended["head"]
    assert code == 141
    assert re.fullmatch(r"step 0, training accuracy .*\n", out)
    assert err.splitlines() == [
        f"{small_data} does not contain MNIST: do not compare results with the post's"
    ]


# ---------------------------------------------------------------------------------- notebooks


class Notebook:
    """A notebook's kernel; call it with a cell's code to get what the cell shows."""

    def __init__(self, folder):
        self.nbformat = pytest.importorskip("nbformat")
        nbclient = pytest.importorskip("nbclient")
        pytest.importorskip("ipykernel")
        notebook = self.nbformat.v4.new_notebook()
        where = {"metadata": {"path": str(folder)}}
        self.client = nbclient.NotebookClient(
            notebook, timeout=LIMIT, allow_errors=True, resources=where
        )
        self.cells = notebook.cells

    def __call__(self, code):
        """Returns a cell's (text on stdout, text on stderr, number of images)."""
        self.cells.append(self.nbformat.v4.new_code_cell(code))
        outputs = self.client.execute_cell(self.cells[-1], len(self.cells) - 1).outputs
        assert not [output for output in outputs if output.output_type == "error"]
        streams = [output for output in outputs if output.output_type == "stream"]
        out, err = (
            "".join(stream.text for stream in streams if stream.name == name)
            for name in ("stdout", "stderr")
        )
        return out, err, sum("image/png" in output.get("data", {}) for output in outputs)


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    notebook = Notebook(tmp_path_factory.mktemp("notebook"))
    with notebook.client.setup_kernel():
        yield notebook


@pytest.fixture
def single(small_data, tmp_path):
    """The arguments of a run of single_conv.py."""
    return f"{ROOT}/single_conv.py --data-dir {small_data} --log-dir {tmp_path}/logs --steps 10"


def test_notebook_shows_a_run_and_its_figure(notebook, single, small_data):
    out, err, images = notebook(f"%run {single}")
    assert [line.split(" accuracy")[0] for line in out.splitlines()] == [
        "step 0, training",
        "step 10, training",
        "test",
    ]
    assert [line.split(":")[0] for line in err.splitlines()] == [
        f"{small_data} does not contain MNIST",
        re.search("10 steps in .*", err)[0],
        "curves",
        "next",
    ]
    assert images == 1


@pytest.mark.parametrize(
    ("args", "line"),
    [
        ("--data-dir /dev/null/x", "/dev/null/x: Not a directory; choose another --data-dir"),
        ("--steps 1.5", "error: argument --steps: '1.5' is not an integer from 0 to 2147483647"),
    ],
)
def test_error_in_a_notebook_is_one_line_and_the_next_cell_works(notebook, single, args, line):
    out, err, images = notebook(f"%run {single} {args}")
    assert (out, images) == ("", 0)
    assert err.splitlines()[-1] == f"single_conv.py: {line}"
    assert notebook("print(1 + 1)") == ("2\n", "", 0)


def test_interrupted_run_in_a_notebook_is_one_line_and_the_next_cell_works(notebook, single):
    notebook("import os, signal, threading")
    interrupt = "threading.Timer(2, os.kill, [os.getpid(), signal.SIGINT]).start()"
    out, err, images = notebook(f"{interrupt}\n%run {single} --steps 1000000")
    assert err.splitlines()[-1] == "single_conv.py: stopped"
    assert images == 0
    assert notebook("print(1 + 1)") == ("2\n", "", 0)


def test_shell_command_in_a_notebook_saves_the_figure(notebook, single):
    notebook(f"%run {single} --help")  # what it leaves in the environment changes nothing
    out, err, images = notebook(f"!{sys.executable} {single}")
    assert "oneDNN" not in out
    assert out.splitlines()[-1] == "figure: single_conv.png"
    assert (err, images) == ("", 0)
