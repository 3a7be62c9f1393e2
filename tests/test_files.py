"""Folders that can be written, and files written whole or not at all."""

import io
import multiprocessing
import os
import pathlib

import matplotlib.pyplot as plt
import pytest
from processes import limit_file_size, run

from support import files
from support.terminal import Failure

OLD, NEW = b"old", b"new" * 10000


def test_folder_is_created_with_its_parents(tmp_path):
    files.check_folder(tmp_path / "new" / "folder", "--log-dir")
    assert list((tmp_path / "new" / "folder").iterdir()) == []


def test_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_bytes(OLD)
    with pytest.raises(Failure, match="file: File exists; choose another --log-dir"):
        files.check_folder(tmp_path / "file", "--log-dir")
    with pytest.raises(Failure, match="file/below: Not a directory; choose another --log-dir"):
        files.check_folder(tmp_path / "file" / "below", "--log-dir")
    assert (tmp_path / "file").read_bytes() == OLD


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="needs a folder that nobody can write")
def test_folder_that_cannot_be_written_is_refused():
    with pytest.raises(Failure, match="/proc: .*; choose another --log-dir"):
        files.check_folder(pathlib.Path("/proc"), "--log-dir")


@pytest.mark.parametrize("name", ["figure.jpg", "figure", "png", ".png", "folder.png"])
def test_figure_must_have_a_png_files_name(tmp_path, name):
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(Failure, match="is not a PNG file's name; choose another --figure"):
        files.check_png(tmp_path / name, "--figure")


def figure(source):
    """Returns a figure's PNG bytes, with this in its metadata."""
    buffer = io.BytesIO()
    plt.figure().savefig(buffer, format="png", metadata={"Source": source})
    plt.close("all")
    return buffer.getvalue()


def test_figure_may_be_new_or_replaced_and_is_not_touched_yet(tmp_path):
    earlier = figure(files.SOURCE)
    (tmp_path / "earlier.PNG").write_bytes(earlier)
    files.check_png(tmp_path / "earlier.PNG", "--figure")
    files.check_png(tmp_path / "new" / "figure.png", "--figure")
    assert (tmp_path / "earlier.PNG").read_bytes() == earlier
    assert list((tmp_path / "new").iterdir()) == []


@pytest.mark.parametrize("mine", [b"", OLD, figure("my own script")], ids=["empty", "text", "plot"])
def test_users_own_file_is_not_replaced_by_a_figure(tmp_path, mine):
    (tmp_path / "mine.png").write_bytes(mine)
    message = "mine.png was not drawn by these scripts; move it, or choose another --figure"
    with pytest.raises(Failure, match=message):
        files.check_png(tmp_path / "mine.png", "--figure")


def test_figure_that_the_user_has_changed_is_not_replaced(tmp_path):
    """As Qt's programs save it: with the metadata, but after pHYs."""
    before, ours, after = figure(files.SOURCE).partition(b"tEXtSource\0" + files.SOURCE.encode())
    assert ours
    assert after.count(b"pHYs") == 1
    changed = before + after.replace(b"IDAT", ours + b"IDAT", 1)
    (tmp_path / "changed.png").write_bytes(changed)
    with pytest.raises(Failure, match="changed.png was not drawn by these scripts"):
        files.check_png(tmp_path / "changed.png", "--figure")


@pytest.mark.parametrize("target", ["earlier.png", "missing.png", "mine.png"])
def test_link_is_not_replaced_by_a_figure(tmp_path, target):
    (tmp_path / "earlier.png").write_bytes(figure(files.SOURCE))
    (tmp_path / "mine.png").write_bytes(OLD)
    (tmp_path / "link.png").symlink_to(target)
    with pytest.raises(Failure, match="link.png is a link; move it, or choose another --figure"):
        files.check_png(tmp_path / "link.png", "--figure")


def test_write_protected_figure_is_refused(tmp_path):
    path = tmp_path / "figure.png"
    path.write_bytes(figure(files.SOURCE))
    path.chmod(0o400)
    if os.access(path, os.W_OK):
        pytest.skip("root may write all")
    with pytest.raises(Failure, match="figure.png is write-protected; choose another --figure"):
        files.check_png(path, "--figure")


@pytest.mark.parametrize(
    ("script", "option", "name"),
    [
        ("single_conv.py", "--figure", "file/figure.png"),
        ("visualize_filters.py", "--figure-dir", "file"),
        ("recognize.py", "--figure-dir", "file"),
    ],
)
def test_place_for_figures_that_is_unusable_stops_a_script_at_once(tmp_path, script, option, name):
    (tmp_path / "file").write_bytes(OLD)
    more = ["--mistakes"] if script == "recognize.py" else []
    out, err = run(script, option, tmp_path / name, *more, code=1)
    assert out == ""
    assert err.startswith(f"{script}: {tmp_path / 'file'}: ")
    assert err.endswith(f"; choose another {option}\n")
    assert err.count("\n") == 1


def test_file_is_written_or_replaced(tmp_path):
    path = tmp_path / "file"
    for data in (OLD, NEW):
        files.write_whole(path, data)
        assert path.read_bytes() == data
    assert list(tmp_path.iterdir()) == [path]


def write_on_a_full_disk(path, queue):
    limit_file_size(1000)
    try:
        files.write_whole(path, NEW)
    except Failure as failure:
        queue.put(str(failure))


def test_on_a_full_disk_the_old_file_stays_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(OLD)
    context = multiprocessing.get_context("forkserver")
    queue = context.SimpleQueue()
    process = context.Process(target=write_on_a_full_disk, args=(path, queue))
    process.start()
    advice = "free some space, or choose another folder"
    assert queue.get() == f"cannot write {path}: File too large; {advice}"
    process.join()
    assert path.read_bytes() == OLD
    assert list(tmp_path.iterdir()) == [path]
