"""Folders that can be written, and files written whole or not at all."""

import os
import tempfile
import uuid

from support.terminal import Failure

# In the metadata of the scripts' figures, so that a later run may replace them.
SOURCE = "Deep MNIST for Experts, part 3"


def check_folder(folder, option):
    """Creates the folder if needed; raises a Failure that names the option if it can't be used."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise Failure(f"{folder}: {error.strerror}; choose another {option}") from None


def check_png(path, option):
    """Raises a Failure that names the option if no figure can be written to path.

    Only an earlier figure may be there: a user's own file is not replaced. Creates the folder if
    needed.
    """
    if path.suffix.lower() != ".png" or path.is_dir():
        raise Failure(f"{path} is not a PNG file's name; choose another {option}")
    check_folder(path.parent, option)
    if path.is_symlink():
        raise Failure(f"{path} is a link; move it, or choose another {option}")
    if path.exists() and not os.access(path, os.W_OK):
        raise Failure(f"{path} is write-protected; choose another {option}")
    # matplotlib puts the metadata before pHYs, the size of a pixel. An editor with which the user
    # has changed a figure puts them after it, or drops them.
    if path.exists() and SOURCE.encode() not in path.read_bytes().partition(b"pHYs")[0]:
        raise Failure(f"{path} was not drawn by these scripts; move it, or choose another {option}")


def write_whole(path, data):
    """Writes the bytes to path; raises a Failure if that is impossible, and the old file stays.

    A process that is killed leaves the old file too, and perhaps a temporary one beside it.
    """
    temporary = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, path)
    except OSError as error:
        advice = "free some space, or choose another folder"
        raise Failure(f"cannot write {path}: {error.strerror}; {advice}") from None
    finally:
        temporary.unlink(missing_ok=True)
