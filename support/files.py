"""Folders that can be written, and files written whole or not at all."""

import os
import tempfile
import uuid

from support.terminal import Failure


def check_folder(folder, option):
    """Creates the folder if needed; raises a Failure that names the option if it can't be used."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except FileExistsError:
        raise Failure(f"{folder} is a file, not a folder; choose another {option}") from None
    except OSError as error:
        raise Failure(f"{folder}: {error.strerror}; choose another {option}") from None


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
