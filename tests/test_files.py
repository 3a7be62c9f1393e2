"""Folders that can be written, and files written whole or not at all."""

import multiprocessing
import os
import pathlib

import pytest
from processes import limit_file_size

from support import files
from support.terminal import Failure

OLD, NEW = b"old", b"new" * 10000


def test_folder_is_created_with_its_parents(tmp_path):
    files.check_folder(tmp_path / "new" / "folder", "--log-dir")
    assert list((tmp_path / "new" / "folder").iterdir()) == []


def test_folder_that_is_a_file_is_refused(tmp_path):
    """Promise 4."""
    (tmp_path / "file").write_bytes(OLD)
    with pytest.raises(Failure, match="file is a file, not a folder; choose another --log-dir"):
        files.check_folder(tmp_path / "file", "--log-dir")
    with pytest.raises(Failure, match="file/below: Not a directory; choose another --log-dir"):
        files.check_folder(tmp_path / "file" / "below", "--log-dir")
    assert (tmp_path / "file").read_bytes() == OLD


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="needs a folder that nobody can write")
def test_folder_that_cannot_be_written_is_refused():
    """Promise 4."""
    with pytest.raises(Failure, match="/proc: .*; choose another --log-dir"):
        files.check_folder(pathlib.Path("/proc"), "--log-dir")


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
    """Promises 3 and 4."""
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
