"""Files: can they be written, and written whole."""

import os
import pathlib

from support import files, terminal

import pytest
from processes import run


def test_unusable_figure_path_is_named_with_its_reason(tmp_path):
    loop, file = tmp_path / "loop.png", tmp_path / "file"
    loop.symlink_to(loop)
    file.write_text("mine")
    (tmp_path / "link.png").symlink_to(file / "figure.png")
    reasons = {
        loop: "Too many levels of symbolic links",
        tmp_path / "link.png": "Not a directory",
        tmp_path / f"{'x' * 252}.png": "File name too long",
    }
    for path, reason in reasons.items():
        with pytest.raises(terminal.Failure, match=f"{reason}; choose another --figure"):
            files.check_png(path, "--figure")


@pytest.mark.parametrize(
    ("script", "option", "name"),
    [("single_conv.py", "--figure", "layer1.png"), ("visualize_filters.py", "--figure-dir", "")],
)
def test_figure_that_cannot_be_written_stops_the_script_at_once(tmp_path, script, option, name):
    (tmp_path / "layer1.png").symlink_to("layer1.png")
    out, err = run(script, option, tmp_path / name, code=1)
    assert out == ""
    assert err.count("\n") == 1
    assert "layer1.png: Too many levels of symbolic links; choose another" in err


def test_a_link_to_a_device_is_no_place_for_a_figure(tmp_path):
    (tmp_path / "link.png").symlink_to(os.devnull)
    with pytest.raises(terminal.Failure, match="is not a PNG file's name"):
        files.check_png(tmp_path / "link.png", "--figure")


def test_longest_file_name_can_be_written(tmp_path):
    path = tmp_path / f"{'x' * 251}.png"
    files.check_png(path, "--figure")
    files.write_whole(path, b"png")
    assert path.read_bytes() == b"png"


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
    assert [file.name for file in tmp_path.iterdir()] == ["file"]
    assert path.read_text() == "old"
    files.write_whole(path, b"new")
    assert path.read_text() == "new"
