"""Handwriting made like MNIST's digits: arrays of ink from an image file or from the mouse.

How MNIST's were made (http://yann.lecun.com/exdb/mnist/): black and white digits, scaled with
their aspect kept into a 20x20 box, anti-aliased, and placed in 28x28 by their centre of mass.

How an image is read:
1. Colours become grey levels, along the direction in which they differ the most.
2. What most of the image's edge is, is paper: if it is dark, the levels change signs.
3. Strength is how much darker a pixel is than the paper. Clean paper has one level, and there is
   nothing to weigh, but that a thick pen's gaps may be grey, and that what covers the edge in one
   piece may be a shadow or a table.
4. Otherwise the paper is what is around a pixel, in a window wider than any stroke. If ink fills
   the image, as it fills one cropped to its digit, or is thicker than any stroke, the paper is of
   one level after all: that of the thinner of the two readings, if thickness was the reason.
5. Parts that are dust, or that frame the image, are not writing (`writing`). The strongest of the
   rest is the pen; ink is what has at least FAINTEST of its strength (`written`).
6. Lines straight across the image are erased if then the ink hardly reaches its edge any more
   (`without_lines`).
7. The strokes are made as thick as MNIST's, scaled and placed (`like_mnist`).

The constants without another reason were chosen by counting 606 images (see README.md). None is
critical: made 10 to 50% larger or smaller, any one of them costs or gains three images at most.
"""

import warnings

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from scipy import ndimage

from support.figures import SOURCE
from support.terminal import Failure

LARGEST = 400  # pixels: larger images are reduced first
COARSE = 100  # pixels: what varies slowly, and a digit's strokes, are measured at this size
INK = 0.5  # pixels with more ink than this belong to a stroke
THICKNESS = 12  # the average of MNIST's strokes, on digits as large as COARSE
LEAST_CONTRAST = 0.08  # of the range from black to white
FAINTEST, FULL = 0.42, 0.75  # of the pen's strength: less is not ink; if the pen is thick
CONTRAST = 0.6  # of the pen's strength, from no ink to full ink
CLEAN = 0.1  # of the image's range of levels: paper is clean if its middle half differs less
FILLED = 0.25  # of the image: more ink fills it
THICK = 0.22  # of a digit's longer side: no stroke has so much ink around a pixel
WINDOW = 0.4  # of the image's longer side: no stroke is so thick
BESIDE = 0.6  # of the tallest part's height
SPECK, SPECK_AT_EDGE = 0.1, 0.3  # parts smaller than this, compared with the largest, are dust
INSIDE = 0.08  # of the image's longer side: a part this long inside the image is writing
SLOPES = np.linspace(-0.15, 0.15, 25)  # of ruled lines


def read_image(path):
    """Reads an image file and makes its digit like MNIST's: float32 [784], see read_ink."""
    return like_mnist(read_ink(path))


def read_ink(path):
    """Reads a digit in any colour on paper of any other: float32 [h, w], 0 (paper) to 1 (ink).

    Reads the first image of a file that has several. Raises a Failure that names the file if it
    cannot be read or has no ink on it.
    """
    pixels, count = read_pixels(path)
    ink = ink_on_paper(pixels)
    if not (ink > INK).any():
        where = f" in the first of its {count} images" if count > 1 else ""
        raise Failure(f"{path}: no ink found{where}")
    return ink


def side_by_side(ink):
    """Tells whether ink [h, w] looks like several digits: parts beside each other, all tall.

    Tall is at least BESIDE of the tallest part's height.
    """
    labels, _ = ndimage.label(ink > INK, np.ones([3, 3]))
    boxes = ndimage.find_objects(labels)
    tallest = max(rows.stop - rows.start for rows, _ in boxes)
    tall = [across for rows, across in boxes if rows.stop - rows.start >= BESIDE * tallest]
    tall.sort(key=lambda across: across.start)
    return any(left.stop <= right.start for left, right in zip(tall, tall[1:]))


def like_mnist(ink):
    """Makes ink [h, w], from 0 (paper) to 1 (ink), like MNIST's digits: float32 [784].

    Without any ink, returns all zeros.
    """
    if not (ink > INK).any():
        return np.zeros([784], np.float32)
    return centred(scale(with_usual_strokes(scale(ink, COARSE)), 20))


def centred(digit):
    """Places a digit, float32 [h, w] of at most 20x20, by its centre of mass: float32 [784]."""
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
    """Makes strokes in ink [h, w], on COARSE, as thick as MNIST's: an array with a wider margin.

    Otherwise, at 20x20, a fine pen's strokes would fade, and a marker's would close the loops.
    """
    # Reduced to a grid, a fine pen's strokes are grey.
    ink = ink / ink.max()
    ink = np.pad(ink, COARSE // 5)
    outline = np.hypot(*np.gradient(ink)).sum()
    width = 2 * ink.sum() / outline  # a stroke's outline is about twice its length
    reach = round(abs(THICKNESS - width) / 2)
    down, across = np.ogrid[-reach : reach + 1, -reach : reach + 1]
    disk = down**2 + across**2 <= (reach + 0.3) ** 2
    if width < THICKNESS:
        return ndimage.grey_dilation(ink, footprint=disk)
    return ndimage.grey_erosion(ink, footprint=disk)


def read_pixels(path):
    """Reads red, green and blue, float32 [h, w, 3], from 0 to 1, and counts the file's images.

    Raises a Failure that names the file if Pillow cannot read it, or if it is so large that it
    may be a decompression bomb.
    """
    if path.is_dir():
        raise Failure(f"{path}: a folder; give its images, e.g. {path / '*.png'}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            # Opened here: given a path, Pillow scrambles the pixels of some turned TIFF files.
            with path.open("rb") as file, Image.open(file) as image:
                count, source = getattr(image, "n_frames", 1), image.info.get("Source")
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
    start = path.read_bytes()[:200].lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "a web page, not an image; download the image itself"
    if start.startswith(b"version https://git-lfs"):
        return "a pointer of Git LFS, not the image; fetch it with git lfs pull"
    if start[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypmsf1"):
        return "a HEIC image, which Pillow cannot read; convert it, e.g. to JPEG or PNG"
    return "not an image that Pillow can read; convert it, e.g. to JPEG or PNG"


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
    grey = along_main_direction(pixels)
    coarse = reduced(grey, COARSE)
    if (at_edge(coarse) <= otsu(coarse)).mean() > 0.5:
        grey, coarse = -grey, -coarse
    paper = lighter(coarse)
    if np.ptp(np.percentile(paper, [25, 75])) < CLEAN * np.ptp(coarse):
        ink = on_one_level(paper, grey)
        if crossings(ink) != 1:
            return ink
    around = darker_than(paper_around(coarse), grey)
    if not around.any():
        return around
    thick = thickness(around)
    if thick < THICK and (around > INK).mean() <= FILLED:
        return around
    if thick >= THICK and thickness(darker_than(paper_around(-coarse), -grey)) < thick:
        grey, paper = -grey, lighter(-coarse)
    return on_one_level(paper, grey)


def lighter(coarse):
    """Returns the grey levels, [n], of the lighter part of an image [h, w]."""
    return coarse[coarse > otsu(coarse)]


def on_one_level(paper, grey):
    """Returns the ink, float32 [h, w], in grey levels [h, w] on paper whose levels [n] are one."""
    level = np.median(paper)
    ink = darker_than(level, grey)
    return darker_than(level, grey, FULL) if thickness(ink) >= THICK else ink


def paper_around(coarse):
    """Returns the paper's levels [h, w]: the closing by a window wider than any stroke."""
    return ndimage.grey_closing(coarse, round(WINDOW * max(coarse.shape)))


def along_main_direction(pixels):
    """Returns the colours' coordinate in which details differ the most, float32 [h, w].

    It is the first principal component of the differences from the colours around. In it noise
    has both signs and averages out; in a distance, never negative, it would add up.
    """
    bands = [reduced(np.ascontiguousarray(pixels[:, :, i]), COARSE) for i in range(3)]
    size = max(bands[0].shape) // 4 | 1
    details = np.array([band - ndimage.uniform_filter(band, size) for band in bands])
    details = details.reshape(3, -1)
    direction = np.linalg.eigh(details @ details.T)[1][:, -1]
    direction /= abs(direction).sum() * (1 if direction.sum() >= 0 else -1)
    return (pixels @ direction).astype(np.float32)


def darker_than(paper, grey, faintest=FAINTEST):
    """Returns the ink, float32 [h, w], in grey levels [h, w] on paper, a level or COARSE levels.

    The noise is what is lost when the image is reduced.
    """
    if np.ndim(paper):
        paper = resized(paper, grey.shape)
    strength = np.clip(paper - grey, 0, None)
    noise = np.median(abs(grey - resized(reduced(grey, COARSE), grey.shape)))
    least = max(LEAST_CONTRAST, 10 * noise)
    ink, pen = written(strength, least, faintest)
    if crossings(ink) < 2:
        return ink
    bare = written(without_lines(without_lines(strength, pen).T, pen).T, least, faintest)[0]
    # In an image cropped to its digit, what runs across may be a stroke, and others end there.
    rows, columns = (slice(size // 20, size - size // 20) for size in bare.shape)
    return bare if bare.any() and crossings(bare[rows, columns]) <= crossings(ink) // 6 else ink


def crossings(ink):
    """Returns how often ink [h, w] begins along the image's edge."""
    covered = at_edge(ink > INK)
    return np.count_nonzero(covered & ~np.roll(covered, 1))


def written(strength, least, faintest):
    """Returns the ink, float32 [h, w], where strength [h, w] is a pen's, and the pen's strength.

    The pen's is that of the strongest tenth of what is over the least. Without any, returns zeros.
    """
    marks = strength > least
    values = strength[marks & writing(marks)]
    if not values.size:
        return np.zeros_like(strength), 1
    pen = np.percentile(values[values > otsu(values)], 90)
    # Spread, so that the faintest becomes INK
    ink = np.clip(INK + (strength / pen - faintest) / CONTRAST, 0, 1)
    return ink * writing(ink > INK), pen


def without_lines(strength, pen):
    """Erases ruled lines across the image from strength [h, w].

    A line is where, along one of SLOPES, nearly all of the image has more than a fifth of the
    pen's strength, and more than above and below. What is stronger than the line is a stroke that
    crosses it. Gaps in strokes as weak are closed.
    """
    small = reduced(strength, 2 * COARSE)
    height, width = small.shape
    if min(height, width) < COARSE // 2:
        return strength
    wide = ndimage.maximum_filter1d(small, 3, axis=0)
    rows, across = np.arange(height)[:, None], np.arange(width) - width / 2
    some = slice(None, None, -(-width // 60))  # about 60 columns are enough
    lines = np.zeros_like(small)
    for slope in SLOPES:
        shift = np.round(slope * across).astype(int)
        along = np.take_along_axis(wide[:, some], np.clip(rows + shift[some], 0, height - 1), 0)
        profile = np.percentile(along, 15, axis=1)
        profile -= ndimage.grey_opening(profile, max(5, height // 25))
        profile[profile < pen / 5] = 0
        lines = np.maximum(lines, profile[np.clip(rows - shift, 0, height - 1)])
    lines = resized(ndimage.maximum_filter1d(lines, 3, axis=0), strength.shape)
    bare = np.where(strength < 2 * lines, 0, strength)
    closed = ndimage.grey_closing(bare, (round(0.03 * max(strength.shape)), 1))
    return np.where(bare < strength, np.minimum(closed, strength), bare)


def writing(stroke):
    """Tells writing from dust and from what frames the image in stroke, bool [h, w]: bool [h, w].

    Works on a grid of about 125x125 cells, where strokes with small gaps hold together. A part of
    the digit may reach the image's edge. But if another part is wholly inside, a part in one of
    the image's corners is a table, a shadow, or a scanner's border.
    """
    height, width = stroke.shape
    cell = -(-max(height, width) // 125)
    padded = np.pad(stroke, [(0, -height % cell), (0, -width % cell)])
    cells = padded.reshape(len(padded) // cell, cell, -1, cell).any((1, 3))
    labels, count = ndimage.label(cells, np.ones([3, 3]))
    boxes = ndimage.find_objects(labels)
    sizes = np.bincount(labels.ravel())
    inside = np.array([0] + [max(s.stop - s.start for s in box) for box in boxes])
    inside[at_edge(labels)] = 0
    if inside.max() >= INSIDE * max(cells.shape):
        sizes[labels[[0, 0, -1, -1], [0, -1, 0, -1]]] = 0
    sizes[0] = 0
    least = np.full(count + 1, SPECK)
    least[at_edge(labels)] = SPECK_AT_EDGE
    keep = ndimage.maximum_filter((sizes > least * sizes.max())[labels], 3)
    return keep.repeat(cell, 0).repeat(cell, 1)[:height, :width]


def thickness(ink):
    """Returns the radius of the largest disk of ink [h, w], as a share of the ink's longer side.

    Without any ink, returns 1.
    """
    stroke = ink > INK
    if not stroke.any():
        return 1
    longer = max(np.ptp(np.flatnonzero(stroke.any(axis))) + 1 for axis in (0, 1))
    return ndimage.distance_transform_edt(np.pad(stroke, 1)).max() / longer


def at_edge(image):
    """Returns the values along the edge of an image [h, w], once around it: [n]."""
    return np.concatenate([image[0], image[1:-1, -1], image[-1, ::-1], image[-2:0:-1, 0]])


def reduced(image, largest):
    """Reduces an image, float32 [h, w], to at most `largest` high and wide."""
    if max(image.shape) <= largest:
        return image
    size = [max(1, round(n * largest / max(image.shape))) for n in image.shape]
    return resized(image, size, Image.Resampling.BOX)


def resized(image, shape, filter=Image.Resampling.BILINEAR):
    """Returns an image, float32 [h, w], in another shape."""
    image = Image.fromarray(np.ascontiguousarray(image))
    return np.asarray(image.resize(shape[::-1], filter))


def otsu(values):
    """Returns the threshold that best splits values in two (Otsu 1979), below their maximum."""
    counts, edges = np.histogram(values, 128, (values.min() - 0.01, values.max() + 0.01))
    sums = np.cumsum(counts * (edges[1:] + edges[:-1]) / 2)
    below = np.cumsum(counts)[:-1]
    above = values.size - below
    gap = sums[:-1] / np.maximum(below, 1) - (sums[-1] - sums[:-1]) / np.maximum(above, 1)
    return edges[1:-1][np.argmax(below * above * gap**2)]
