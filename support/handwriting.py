"""Handwriting made like MNIST's digits: from an image file, or from the ink drawn with a mouse."""

import warnings

from support.terminal import Failure

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

LARGEST = 1000
GRID = 100
THINNEST, THICKEST = 7.5, 22.5
RESAMPLE = Image.Resampling.BOX


def read_image(path):
    pixels = read_pixels(path)
    ink = find_ink(pixels)
    if ink is None:
        raise Failure(f"{path}: no ink found")
    return like_mnist(ink)


def read_pixels(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(path) as image:
                return as_pixels(image)
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise Failure(f"{path}: more than {Image.MAX_IMAGE_PIXELS:,} pixels") from None
        except UnidentifiedImageError:
            raise Failure(f"{path}: not an image") from None
        except Exception as error:
            raise Failure(f"{path}: {getattr(error, 'strerror', None) or error}") from None


def as_pixels(image):
    if image.mode.startswith(("I", "F")):
        image = image.convert("F")
    elif image.mode in ("1", "P", "PA"):
        image = image.convert("RGBA")
    image.thumbnail((LARGEST, LARGEST))
    image = ImageOps.exif_transpose(image)
    if image.mode == "F":
        values = np.asarray(image)
        values = (values - values.min()) / (np.ptp(values) or 1)
        return np.stack([values] * 3 + [np.ones_like(values)], axis=-1)
    return np.asarray(image.convert("RGBA").convert("RGBa"), np.float32) / 255


DEGREE = 2
QUANT = (0.25, 6)
ERODE = True
BORDER = True


def paper_of(pixels):
    powers = [np.vander(np.linspace(-1, 1, n), DEGREE + 1) for n in pixels.shape[:2]]
    step = -(-max(pixels.shape) // 64)
    basis = np.einsum("hi,wj->hwij", powers[0][::step], powers[1][::step])
    basis = basis.reshape(-1, (DEGREE + 1) ** 2)
    sample = pixels[::step, ::step].reshape(-1, 4)
    weights = np.ones([len(sample), 1])
    for _ in range(15):
        weighted = (weights * basis).T
        surface = np.linalg.lstsq(weighted @ basis, weighted @ sample, rcond=None)[0]
        distance = np.linalg.norm(sample - basis @ surface, axis=1, keepdims=True)
        weights = 1 / (distance + 0.01)
    surface = surface.reshape(DEGREE + 1, DEGREE + 1, 4)
    return np.einsum(
        "hi,ijc,wj->hwc",
        *(x.astype(np.float32) for x in (powers[0], surface, powers[1])),
        optimize=True,
    )


def otsu(values):
    counts, edges = np.histogram(values, 64)
    centres = (edges[1:] + edges[:-1]) / 2
    below = np.cumsum(counts)[:-1]
    above = below[-1] + counts[-1] - below
    total = np.cumsum(counts * centres)
    means = total[:-1] / np.maximum(below, 1), (total[-1] - total[:-1]) / np.maximum(above, 1)
    between = below * above * (means[1] - means[0]) ** 2.0
    return edges[1 + np.argmax(between)]


def find_ink(pixels):
    paper = paper_of(pixels)
    difference = pixels - paper
    distance = np.sqrt(np.einsum("hwc,hwc->hw", difference, difference))
    marks = distance[distance > max(0.1, QUANT[1] * np.quantile(distance[::4, ::4], QUANT[0]))]
    if not len(marks):
        return None
    strong = distance >= min(otsu(marks), marks.max())
    colour = np.median(pixels[strong], axis=0)
    to_ink = colour - paper
    dot = np.einsum("hwc,hwc->hw", difference, to_ink)
    ink = dot / np.maximum(np.einsum("hwc,hwc->hw", to_ink, to_ink), 1e-3)
    ink = np.clip(ink, 0, 1)
    return ink * without_specks(ink > 0.5)


def without_specks(mask):
    height, width = mask.shape
    block = -(-max(height, width) // 125)
    padded = np.pad(mask, [(0, -height % block), (0, -width % block)])
    area = padded.reshape(len(padded) // block, block, -1, block).sum((1, 3))
    labels = np.arange(1, area.size + 1).reshape(area.shape) * (area > 0)
    before = None
    while not np.array_equal(labels, before):
        before = labels
        labels = grow(labels) * (area > 0)
    areas = np.bincount(labels.ravel(), area.ravel())
    areas[0] = 0
    if BORDER:
        inner = np.ones_like(labels)
        inner[1:-1, 1:-1] = 0
        outer = np.unique(labels[inner > 0])
        cells = np.bincount(labels.ravel())
        cells[outer] = 0
        cells[0] = 0
        if cells.max() >= 10:
            areas[outer] = 0
    keep = grow(areas[labels] > 0.05 * areas.max())
    return keep.repeat(block, 0).repeat(block, 1)[:height, :width]


def grow(image):
    image = np.pad(image, 1)
    image = np.maximum(np.maximum(image[:-2], image[1:-1]), image[2:])
    return np.maximum(np.maximum(image[:, :-2], image[:, 1:-1]), image[:, 2:])


def bounds(ink):
    rows, columns = np.flatnonzero((ink > 0.5).any(1)), np.flatnonzero((ink > 0.5).any(0))
    if not len(rows):
        raise ValueError("no ink")
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def scale(ink, side):
    left, top, right, bottom = box = bounds(ink)
    factor = side / max(right - left, bottom - top)
    size = [max(1, round(factor * length)) for length in (right - left, bottom - top)]
    image = Image.fromarray(ink.astype(np.float32))
    return np.asarray(image.resize(size, RESAMPLE, box=box))


def with_usual_width(ink):
    down, across = np.gradient(ink)
    width = 2 * ink.sum() / np.hypot(down, across).sum()
    for _ in range(round((THINNEST - width) / 2)):
        ink = grow(np.pad(ink, 1))
    for _ in range(round((width - THICKEST) / 2) if ERODE else 0):
        ink = -grow(-ink)
    return ink


def like_mnist(ink):
    ink = with_usual_width(np.pad(scale(ink, GRID), 2))
    digit = scale(ink, 20)
    height, width = digit.shape
    y = np.arange(height) @ digit.sum(1) / digit.sum()
    x = digit.sum(0) @ np.arange(width) / digit.sum()
    top, left = np.clip([round(14 - y), round(14 - x)], 0, [28 - height, 28 - width])
    image = np.zeros([28, 28], np.float32)
    image[top : top + height, left : left + width] = digit
    return image.reshape(784)
