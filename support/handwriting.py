"""Handwriting made like MNIST's digits: arrays of ink from an image file or from the mouse.

How MNIST's were made (http://yann.lecun.com/exdb/mnist/): black and white digits, scaled with
their aspect kept into a 20x20 box, anti-aliased, and placed in 28x28 by their centre of mass.

How an image is read:
1. On even paper (`ink_on_even_paper`): the paper's colour is fitted to the image's margin, and
   ink is what differs from it in the pen's direction. Of fainter and fainter lines on the paper
   the first threshold counts whose digit does not reach the image's edge.
2. If there is none, the edge is not paper: the digit fills the image, or a table or a shadow is
   on it (`ink_on_local_paper`). Ink is then what is thinner than the paper around it, in the
   colours' main direction. Which end of it is paper, most of the edge tells; if the digit found
   is thicker than any stroke, the other end.
3. Parts of the ink that are dust, or that frame the image, are left out (`writing`).
4. The strokes are made as thick as MNIST's, scaled and placed (`like_mnist`).
"""

import re
import warnings

from support.terminal import Failure

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from scipy import ndimage

LARGEST = 400  # pixels: larger images are reduced first
COARSE = 100  # pixels: what varies slowly is measured at this size
INK = 0.5  # pixels with more ink than this belong to a stroke
GRID = 100  # pixels, five to one of MNIST's: strokes are measured at this height or width
THINNEST, THICKEST = 10, 17.5  # on that grid: the strokes of most of MNIST's digits
FAINTEST = 0.42  # of the pen's strength: less is not ink, as long as this gives a digit
THICK = 0.18  # of a digit's longer side: no stroke has so much ink around a pixel
WINDOW = 0.4  # of the image's longer side: no stroke is so thick
SPECK, SPECK_AT_EDGE = 0.1, 0.3  # parts smaller than this, compared with the largest, are dust
INSIDE = 0.08  # of the image's longer side: a part this long inside the image is writing
LEAST_CONTRAST = 0.08  # of the range from black to white


def read_image(path):
    """Reads a digit in any colour on paper of any other: float32 [784], 0 (paper) to 1 (ink).

    Raises a Failure that names the file if it cannot be read or has no ink on it. Of a file with
    several images, reads the first.
    """
    image = like_mnist(ink_on_paper(read_pixels(path)))
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
    if re.match(r"(https?|ftp|file):/", str(path)):
        raise Failure(f"{path}: not a file but a URL; save the image first")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            # Opened here: given a path, Pillow scrambles the pixels of some turned TIFF files.
            with path.open("rb") as file, Image.open(file) as image:
                return as_pixels(image)
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            limit = f"more than {Image.MAX_IMAGE_PIXELS:,} pixels"
            raise Failure(f"{path}: {limit}; make the image smaller") from None
        except UnidentifiedImageError:
            advice = "convert it, e.g. to JPEG or PNG"
            raise Failure(f"{path}: not an image that Pillow can read; {advice}") from None
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
    """Tells ink from paper in pixels [h, w, 3]: float32 [h, w], from 0 (paper) to 1 (ink)."""
    ink = ink_on_even_paper(pixels)
    return ink if ink.any() else ink_on_local_paper(pixels)


def ink_on_even_paper(pixels):
    """Returns the ink, float32 [h, w], of a digit with paper all around it, or else zeros.

    A pixel's colour is a mixture of the paper's, which varies with the light, and the ink's. Its
    difference from the paper is measured along the ink's colour, where noise has both signs and
    averages out in a sum of pixels. A distance is never negative, so its noise would add up.
    """
    paper, noise = fit_paper(pixels)
    difference = pixels - paper
    distance = length(difference)
    marks = distance > max(0.1, 10 * noise)
    if not marks.any() or at_edge(marks).mean() > 0.25:  # ruled lines alone are less
        return np.zeros_like(distance)
    ink = np.median(pixels[marks & (distance > otsu(distance[marks]))], axis=0) - paper
    share = np.einsum("hwc,hwc->hw", difference, ink) / np.maximum(length(ink), 0.05) ** 2
    rim = 1
    for threshold in FAINTEST, 0.55, 0.7:
        found = writing(contrasted(share, threshold))
        inside = np.pad(found[rim:-rim, rim:-rim], rim)
        if np.array_equal(found, inside) and thickness(found) < THICK:
            return found
        rim = 1 + max(found.shape) // 12  # nearer to the edge, it may be pieces of a faint digit
    return np.zeros_like(distance)


def ink_on_local_paper(pixels):
    """Returns the ink, float32 [h, w], of a digit that may fill the image; without one, zeros."""
    grey = along_main_direction(pixels)
    coarse = reduced(grey)
    paper_is_dark = at_edge(coarse <= otsu(coarse)).mean() > 0.5
    guess = thinner_than_paper(-grey if paper_is_dark else grey)
    if thickness(guess) < THICK:
        return guess
    other = thinner_than_paper(grey if paper_is_dark else -grey)
    return min(guess, other, key=thickness)


def along_main_direction(pixels):
    """Returns the colours' coordinate in which details differ the most, float32 [h, w].

    It is the first principal component of the differences from the colours around.
    """
    coarse = np.stack([reduced(np.ascontiguousarray(band)) for band in pixels.transpose(2, 0, 1)])
    size = max(coarse.shape) // 4 | 1
    details = (coarse - ndimage.uniform_filter(coarse, (1, size, size))).reshape(3, -1)
    direction = np.linalg.eigh(details @ details.T)[1][:, -1]
    direction /= abs(direction).sum() * (1 if direction.sum() >= 0 else -1)
    return (pixels @ direction).astype(np.float32)


def thinner_than_paper(grey):
    """Returns the ink, float32 [h, w], in grey [h, w], where it is the lower of the two.

    The paper is the closing by a window wider than any stroke. Noise is what a reduction averages
    out.
    """
    coarse = reduced(grey)
    paper = resized(ndimage.grey_closing(coarse, round(WINDOW * max(coarse.shape))), grey.shape)
    strength = np.clip(paper - grey, 0, None)
    if strength.max() < LEAST_CONTRAST:
        return np.zeros_like(grey)
    pen = np.percentile(strength[strength > otsu(strength)], 90)
    noise = np.median(abs(grey - resized(coarse, grey.shape)))
    if pen < max(LEAST_CONTRAST, 8 * noise):
        return np.zeros_like(grey)
    return writing(contrasted(strength / pen, FAINTEST))


def contrasted(share, threshold):
    """Spreads shares of the pen's strength, so that the threshold becomes INK: from 0 to 1."""
    return np.clip(INK + (share - threshold) / 0.8, 0, 1)


def reduced(image):
    """Reduces an image, float32 [h, w], to at most COARSE high and wide."""
    largest = max(image.shape)
    if largest <= COARSE:
        return image
    size = [max(1, round(n * COARSE / largest)) for n in image.shape[::-1]]
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX))


def resized(image, shape):
    """Returns an image, float32 [h, w], interpolated to another shape."""
    return np.asarray(Image.fromarray(image).resize(shape[::-1], Image.Resampling.BILINEAR))


def at_edge(image):
    """Returns the values along the edge of an image [h, w]: [n]."""
    return np.concatenate([image[0], image[-1], image[1:-1, 0], image[1:-1, -1]])


def thickness(ink):
    """Returns how far ink [h, w] reaches around a pixel at most, by its longer side; 1 if none."""
    stroke = ink > INK
    if not stroke.any():
        return 1
    longer = max(np.ptp(np.flatnonzero(stroke.any(axis))) + 1 for axis in (0, 1))
    return ndimage.distance_transform_edt(np.pad(stroke, 1)).max() / longer


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
    counts, edges = np.histogram(values, 128, (values.min() - 0.01, values.max() + 0.01))
    sums = np.cumsum(counts * (edges[1:] + edges[:-1]) / 2)
    below = np.cumsum(counts)[:-1]
    above = values.size - below
    gap = sums[:-1] / np.maximum(below, 1) - (sums[-1] - sums[:-1]) / np.maximum(above, 1)
    return edges[1:-1][np.argmax(below * above * gap**2)]


def writing(ink):
    """Erases what is not writing from ink [h, w]: dust, and what frames the image.

    Works on a grid of about 125x125 cells, where strokes with small gaps hold together. A part of
    the digit may reach the image's edge. But if another part is wholly inside, a part in one of
    the image's corners is a table, a shadow, or a scanner's border.
    """
    height, width = ink.shape
    cell = -(-max(height, width) // 125)
    padded = np.pad(ink > INK, [(0, -height % cell), (0, -width % cell)])
    cells = padded.reshape(len(padded) // cell, cell, -1, cell).any((1, 3))
    labels, count = ndimage.label(cells, np.ones([3, 3]))
    if not count:
        return np.zeros_like(ink)
    sizes = np.bincount(labels.ravel())
    lengths = [0] + [
        max(np.subtract(s.stop, s.start) for s in box) for box in ndimage.find_objects(labels)
    ]
    inside = np.array(lengths)
    inside[at_edge(labels)] = 0
    if inside.max() >= INSIDE * max(cells.shape):
        sizes[labels[[0, 0, -1, -1], [0, -1, 0, -1]]] = 0
    sizes[0] = 0
    least = np.full(count + 1, SPECK)
    least[at_edge(labels)] = SPECK_AT_EDGE
    keep = ndimage.maximum_filter((sizes > least * sizes.max())[labels], 3)
    return ink * keep.repeat(cell, 0).repeat(cell, 1)[:height, :width]
