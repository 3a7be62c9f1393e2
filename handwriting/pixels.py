"""From an image file to pixels: upright, not too large, red, green and blue from 0 to 1."""

import warnings

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from support.figures import SOURCE
from support.terminal import Failure

LARGEST = 400  # pixels: larger images are reduced; more would take longer, and read no better


def read_pixels(path):
    """Reads red, green and blue, float32 [h, w, 3], from 0 to 1, and counts the file's images.

    Raises a Failure that names the file if Pillow cannot read it, if it has so many pixels that
    they might not fit into memory, or if it is a figure that these scripts drew.
    """
    if path.is_dir():
        raise Failure(f"{path}: a folder; give its images, e.g. {path / '*.png'}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            # Opened here: given a path, Pillow scrambles the pixels of some turned TIFF files.
            with path.open("rb") as file, Image.open(file) as image:
                count = getattr(image, "n_frames", 1)
                source = image.info.get("Source")
                pixels = as_pixels(image)
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            limit = f"more than {Image.MAX_IMAGE_PIXELS:,} pixels"
            raise Failure(f"{path}: {limit}; make the image smaller") from None
        except UnidentifiedImageError:
            raise Failure(f"{path}: {what_it_is(path)}") from None
        except Exception as error:  # each of Pillow's decoders raises its own
            reason = getattr(error, "strerror", None) or f"cannot be decoded: {error}"
            raise Failure(f"{path}: {reason}") from None
    if str(source).startswith(SOURCE):  # `*.png` where an earlier run saved its figures
        raise Failure(f"{path}: a figure that these scripts drew, not a digit")
    return pixels, count


def what_it_is(path):
    """Tells what a file is that Pillow cannot read, and what to do."""
    with path.open("rb") as file:
        start = file.read(200).lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "a web page, not an image; download the image itself"
    if start.startswith(b"version https://git-lfs"):
        return "a pointer of Git LFS, not the image; fetch it with git lfs pull"
    if start[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypmsf1"):
        return "a HEIC image, which Pillow cannot read; convert it, e.g. to JPEG or PNG"
    return "not an image that Pillow can read; convert it, e.g. to JPEG or PNG"


def as_pixels(image):
    """Returns an open image's red, green and blue: upright, at most LARGEST high and wide."""
    if image.mode.startswith(("I", "F")):
        image = image.convert("F")  # 16 and 32 bits; Pillow's own way to 8 bits would clip them
    elif image.mode in ("1", "P", "PA"):
        image = image.convert("RGBA")  # in these modes Pillow would drop pixels, not average them
    image.thumbnail((LARGEST, LARGEST))
    image = ImageOps.exif_transpose(image)
    if image.mode == "F":
        grey = np.asarray(image, np.float64)
        if not np.isfinite(grey).all():
            raise ValueError("some of its pixels are not finite numbers")
        grey = (grey - grey.min()) / (np.ptp(grey) or 1)
        return np.stack([grey, grey, grey], axis=-1).astype(np.float32)
    pixels = np.asarray(image.convert("RGBA").convert("RGBa"), np.float32) / 255
    colour_times_alpha, alpha = pixels[:, :, :3], pixels[:, :, 3:]
    # Transparent pixels are white if the others are rather dark, otherwise black.
    paper = colour_times_alpha.mean() < alpha.mean() / 2
    return colour_times_alpha + (1 - alpha) * paper
