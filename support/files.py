"""Files and folders: can they be written, and written whole or not at all."""

import os
import tempfile
from pathlib import Path

from support.terminal import Failure


def check_folder(folder, option):
    """Creates the folder if needed; raises a Failure that names the option if it can't be used."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise Failure(f"{folder}: {error.strerror}; choose another {option}") from None


def check_png(path, option):
    """Raises a Failure that names the option if no PNG file can be written to path.

    Creates its folder if needed.
    """
    in_the_way = os.path.exists(path) and not os.path.isfile(path)  # a folder, a device
    if path.suffix.lower() != ".png" or in_the_way:
        raise Failure(f"{path} is not a PNG file's name; choose another {option}")
    try:
        path.stat()
    except FileNotFoundError:
        pass
    except OSError as error:  # a link to itself, a name that is too long
        raise Failure(f"{path}: {error.strerror}; choose another {option}") from None
    check_folder(behind_links(path).parent, option)


def behind_links(path):
    """Returns the path that `path` links to, or path itself."""
    return Path(os.path.realpath(path))


def write_whole(path, data):
    """Writes the bytes to path (or where it links to); on an OSError the old file stays as it was.

    A process that is killed leaves the old file too, and perhaps a temporary one beside it.
    """
    path = behind_links(path)
    temporary = path.with_name(f".{os.getpid()}.part")  # short: path may have the longest name
    try:
        temporary.write_bytes(data)
        os.replace(temporary, path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        temporary.unlink(missing_ok=True)
