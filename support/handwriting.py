"""Handwriting made like MNIST's digits: arrays of ink from an image file or from the mouse.

How MNIST's were made (http://yann.lecun.com/exdb/mnist/): black and white digits, scaled with
their aspect kept into a 20x20 box, anti-aliased, and placed in 28x28 by their centre of mass.
"""

import warnings

from support.terminal import Failure

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

LARGEST = 800  # pixels: larger images are reduced first
INK = 0.5  # pixels with more ink than this belong to a stroke
GRID = 100  # pixels, five to one of MNIST's: strokes are measured at this height or width
THINNEST, THICKEST = 10, 17.5  # on that grid: the strokes of most of MNIST's digits
SPECK = 0.1  # parts smaller than this, compared with the largest, are dust


def read_image(path):
    """Reads a digit in any colour on paper of any other: float32 [784], 0 (paper) to 1 (ink).

    Raises a Failure that names the file if it cannot be read or has no ink on it. Of a file with
    several images, reads the first.
    """
    image = like_mnist(without_specks(ink_on_paper(read_pixels(path))))
    if not image.any():
        raise Failure(f"{path}: no ink found")
    return image


def like_mnist(ink):
    """Makes ink [h, w], from 0 (paper) to 1 (ink), like MNIST's digits: float32 [784].

    Without any ink, returns all zeros.
    """
    if not (ink > INK).any():
        return np.zeros([784], np.float32)
    digit = scale(with_usual_strokes(scale(ink, GRID)), 20)
    height, width = digit.shape
    y = np.average(np.arange(height), weights=digit.sum(1))
    x = np.average(np.arange(width), weights=digit.sum(0))
    # By whole pixels, like MNIST's, all within half a pixel of row 14 and column 14
    top, left = np.clip([round(14 - y), round(14 - x)], 0, [28 - height, 28 - width])
    image = np.zeros([28, 28], np.float32)
    image[top : top + height, left : left + width] = digit
    return image.reshape(784)


def scale(ink, side):
    """Crops ink [h, w] to its strokes and scales it: float32, the longer side is `side`."""
    stroke = ink > INK * ink.max()  # reduced to a grid, a fine pen's strokes are grey
    rows, columns = (np.flatnonzero(stroke.any(axis)) for axis in (1, 0))
    box = [int(edge) for edge in (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)]
    lengths = box[2] - box[0], box[3] - box[1]
    size = [max(1, round(side * length / max(lengths))) for length in lengths]
    image = Image.fromarray(ink.astype(np.float32))
    return np.asarray(image.resize(size, Image.Resampling.BOX, box=box))


def with_usual_strokes(ink):
    """Makes strokes in ink [h, w], on GRID, as thick as MNIST's: an array with a wider margin.

    Else, scaled to 20x20, a fine pen's strokes would fade, and a marker's would close the loops.
    """
    ink = np.pad(ink, 2 * GRID // 10)
    outline = np.hypot(*np.gradient(ink)).sum()
    width = 2 * ink.sum() / outline  # a stroke's outline is about twice its length
    for _ in range(round((THINNEST - width) / 2)):
        ink = grow(ink)
    for _ in range(round((width - THICKEST) / 2)):
        ink = -grow(-ink)
    return ink


def grow(image):
    """Takes the maximum over each pixel of [h, w] and its eight neighbours."""
    image = np.pad(image, 1, mode="edge")
    image = np.maximum(np.maximum(image[:-2], image[1:-1]), image[2:])
    return np.maximum(np.maximum(image[:, :-2], image[:, 1:-1]), image[:, 2:])


def read_pixels(path):
    """Reads red, green and blue: float32 [h, w, 3], from 0 to 1.

    Raises a Failure that names the file if Pillow cannot read it, or if it is so large that it
    may be a decompression bomb.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            # Opened here: given a path, Pillow scrambles the pixels of some turned TIFF files.
            with path.open("rb") as file, Image.open(file) as image:
                return as_pixels(image)
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise Failure(f"{path}: more than {Image.MAX_IMAGE_PIXELS:,} pixels") from None
        except UnidentifiedImageError:
            raise Failure(f"{path}: not an image that Pillow can read") from None
        except Exception as error:  # each of Pillow's decoders raises its own
            reason = getattr(error, "strerror", None) or f"cannot be decoded: {error}"
            raise Failure(f"{path}: {reason}") from None


def as_pixels(image):
    """Returns an open image upright and at most LARGEST high and wide, as read_pixels does."""
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


def ink_on_paper(pixels):
    """Tells ink from paper in pixels [h, w, 3]: float32 [h, w], from 0 (paper) to 1 (ink).

    A pixel's colour is a mixture of the paper's, which varies with the light, and the ink's. Its
    difference from the paper is measured along the ink's colour, where noise has both signs and
    averages out in a sum of pixels. A distance is never negative, so its noise would add up.
    """
    paper, noise = fit_paper(pixels)
    difference = pixels - paper
    distance = length(difference)
    marks = distance > max(0.1, 10 * noise)
    if not marks.any():
        return np.zeros_like(distance)
    ink = np.median(pixels[marks & (distance > otsu(distance[marks]))], axis=0) - paper
    share = np.einsum("hwc,hwc->hw", difference, ink) / np.maximum(length(ink), 0.05) ** 2
    return np.clip(share, 0, 1)


def length(colours):
    """Returns the Euclidean length of each colour in [h, w, 3]: float32 [h, w]."""
    return np.sqrt(np.einsum("hwc,hwc->hw", colours, colours))


def fit_paper(pixels):
    """Fits the paper's colour under uneven light, a quadratic surface, to pixels [h, w, 3].

    Begins with the image's margin, which is paper even if a thick pen's ink covers most of the
    rest, and continues with all pixels, each with less weight the more it differs from the fit.
    Returns the surface, float32 [h, w, 3], and the median distance from it in the margin: noise.
    """
    down, across = (
        np.vander(np.linspace(-1, 1, size), 3, increasing=True).astype(np.float32)
        for size in pixels.shape[:2]
    )
    i, j = np.nonzero(np.add.outer(range(3), range(3)) < 3)  # 1, x, xx, y, yx, yy
    step = -(-max(pixels.shape) // 64)  # about 64x64 pixels are enough
    terms = (down[::step, None, i] * across[::step][:, j]).reshape(-1, 6)
    colours = pixels[::step, ::step].reshape(-1, 3)
    margin = np.maximum(abs(down[::step, None, 1]), abs(across[::step, 1])).ravel() > 0.9
    weights = margin[:, None].astype(float)
    for _ in range(10):
        weighted = (weights * terms).T
        fit = np.linalg.lstsq(weighted @ terms, weighted @ colours, rcond=None)[0]
        squares = np.sum((colours - terms @ fit) ** 2, axis=1, keepdims=True)
        weights = 1 / (squares + 0.05**2)
    surface = np.zeros([3, 3, 3], np.float32)
    surface[i, j] = fit
    paper = np.einsum("hi,ijc,wj->hwc", down, surface, across, optimize=True)
    return paper, np.sqrt(np.median(squares[margin]))


def otsu(values):
    """Returns the threshold that best splits values in two (Otsu 1979), below their maximum."""
    counts, edges = np.histogram(values, 64, (0, values.max()))
    sums = np.cumsum(counts * (edges[1:] + edges[:-1]) / 2)
    below = np.cumsum(counts)[:-1]
    above = len(values) - below
    gap = sums[:-1] / np.maximum(below, 1) - (sums[-1] - sums[:-1]) / above
    return edges[1:-1][np.argmax(below * above * gap**2)]


def without_specks(ink):
    """Erases what is not writing from ink [h, w]: dust, and shadows that reach the image's edge.

    Works on a grid of about 125x125 cells, where strokes with small gaps hold together.
    """
    height, width = ink.shape
    cell = -(-max(height, width) // 125)
    padded = np.pad(ink > INK, [(0, -height % cell), (0, -width % cell)])
    cells = padded.reshape(len(padded) // cell, cell, -1, cell).any((1, 3))
    labels = np.arange(1, cells.size + 1).reshape(cells.shape) * cells
    before = None
    while not np.array_equal(labels, before):  # a part's largest label spreads all over it
        before, labels = labels, grow(labels) * cells
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    at_edge = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    inside = sizes.copy()
    inside[at_edge] = 0
    if inside.max() >= 10:  # more than dust: the writing does not reach the edge
        sizes = inside
    keep = grow(sizes[labels] > SPECK * sizes.max())
    return ink * keep.repeat(cell, 0).repeat(cell, 1)[:height, :width]
