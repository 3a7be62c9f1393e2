"""Promise 5: the scripts in a notebook, by `%run` and by `!python`."""

import signal

import pytest
from processes import LIMIT, ROOT, Running

pytest.importorskip("ipykernel")
nbclient, nbformat = (pytest.importorskip(name) for name in ("nbclient", "nbformat"))


class Notebook:
    """A notebook's kernel; call it with a cell's code to get what the cell shows."""

    def __init__(self, folder):
        notebook = nbformat.v4.new_notebook()
        where = {"metadata": {"path": str(folder)}}
        self.client = nbclient.NotebookClient(
            notebook, timeout=LIMIT, allow_errors=True, resources=where
        )
        self.cells = notebook.cells

    def __call__(self, code):
        """Returns a cell's (text on stdout, text on stderr, number of images)."""
        self.cells.append(nbformat.v4.new_code_cell(code))
        outputs = self.client.execute_cell(self.cells[-1], len(self.cells) - 1).outputs
        assert not [output for output in outputs if output.output_type == "error"]
        streams = [output for output in outputs if output.output_type == "stream"]
        out, err = (
            "".join(stream.text for stream in streams if stream.name == name)
            for name in ("stdout", "stderr")
        )
        return out, err, sum("image/png" in output.get("data", {}) for output in outputs)


@pytest.fixture(scope="module")
def notebook(small_data, tmp_path_factory):
    notebook = Notebook(tmp_path_factory.mktemp("notebook"))
    with notebook.client.setup_kernel():
        notebook(f"data, logs = '--data-dir {small_data}', '--log-dir logs'")
        yield notebook


def test_run_shows_the_lines_and_the_figure_below_the_cell(notebook):
    out, err, images = notebook(f"%run {ROOT}/single_conv.py $data $logs --steps 10")
    assert [line.split(" accuracy")[0] for line in out.splitlines()] == [
        "step 0, training",
        "step 10, training",
        "test",
    ]
    assert "figure: single_conv.png" in err.splitlines()
    assert images == 1


def test_the_second_network_is_trained_and_its_checkpoint_drawn(notebook):
    folder = "--checkpoint-dir checkpoints"
    out, _, _ = notebook(f"%run {ROOT}/double_conv.py $data $logs --steps 0 {folder}")
    assert out.startswith("step 0, training accuracy")
    args = "checkpoints/train_data-0 $data --first 1"
    _, err, images = notebook(f"%run {ROOT}/visualize_filters.py {args}")
    assert err.splitlines()[-2:] == ["figure: layer1.png", "figure: layer2.png"]
    assert images == 2


@pytest.fixture(scope="module", autouse=True)
def shell_command(small_data, tmp_path_factory):
    """What `!python` starts: with the notebook's backend. It goes on while the kernel starts."""
    args = ["--data-dir", small_data, "--log-dir", "logs", "--steps", 0]
    environment = {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    folder = tmp_path_factory.mktemp("shell")
    return Running("single_conv.py", *args, folder=folder, environment=environment)


def test_shell_command_saves_the_figure(shell_command):
    out, err = shell_command.result()
    assert len(out.splitlines()) == 2
    assert [line.split(":")[0] for line in err.splitlines()[-3:]] == ["figure", "curves", "next"]
    assert (shell_command.folder / "single_conv.png").is_file()


@pytest.mark.parametrize(
    ("args", "line"),
    [
        ("--log-dir /dev/null/x", "/dev/null/x: Not a directory; choose another --log-dir"),
        ("--steps 1.5", "error: argument --steps: '1.5' is not an integer from 0 to 2147483647"),
    ],
)
def test_error_is_one_line_and_the_next_cell_works(notebook, args, line):
    out, err, images = notebook(f"%run {ROOT}/single_conv.py $data $logs {args}")
    assert (out, images) == ("", 0)
    assert err.splitlines()[-1] == f"single_conv.py: {line}"
    assert notebook("print(1 + 1)") == ("2\n", "", 0)


def test_interrupt_is_one_line_and_the_next_cell_works(notebook):
    notebook("import os, threading")
    timer = f"threading.Timer(1, os.kill, [os.getpid(), {signal.SIGINT.value}]).start()"
    _, err, images = notebook(f"{timer}\n%run {ROOT}/single_conv.py $data $logs --steps 1000000")
    assert err.splitlines()[-1] == "single_conv.py: stopped"
    assert images == 0
    assert notebook("print(1 + 1)") == ("2\n", "", 0)
