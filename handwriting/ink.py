"""From pixels to ink: what is paper, and which marks on it are the pen's.

1. Paper. If the image shows a sheet of paper on a table, it is cropped to the sheet (`only_paper`).
2. Colours become grey levels, along the direction in which they differ the most.
3. What most of the image's edge is, is paper: if it is dark, the levels change signs.
4. Ink is what is darker than the paper. Clean paper has one level. Other paper is darker on one
   side, so its level is taken from around each pixel, in a window wider than any stroke. Where ink
   fills the image, as in one cropped to its digit, or is thicker than any stroke, no paper is
   around: then it has one level, too.
5. The strongest ink is the pen's. What has at least FAINTEST of the pen's strength is ink; ruled
   lines, dust, and a shadow in a corner are not.

The constants without another reason were chosen by counting 606 images (see README.md).
"""

import numpy as np
from PIL import Image
from scipy import ndimage
from scipy.spatial import ConvexHull

from handwriting.form import INK
from handwriting.pixels import read_pixels
from support.terminal import Failure

SQUARE = np.ones([3, 3])  # a pixel and its eight neighbours
CORNERS = np.ix_([0, -1], [0, -1])  # of an image
COARSE = 100  # pixels: what varies slowly, and sheets of paper, are measured at this size
GRID = 125  # at most so many cells on the longer side: gaps of less than a cell don't part strokes
WRITTEN = 0.08  # of the image's longer side: a part as long, and inside, is written

# A sheet on a table
MOSTLY = 0.8  # of the sheet is light; of what is around it is dark, and is connected to a corner
RECTANGLE = 0.85  # of the smallest rectangle around it is the sheet's; an ellipse, a 0, fills 0.785
STEP = 0.2  # of the image's range of levels, from the sheet down to the table; a shadow is softer
BORDER = 3  # pixels on both sides of the sheet's outline, between which the step is

# Paper
CLEAN = 0.1  # of the image's range of levels: paper is clean if its middle half differs less
WINDOW = 0.4  # of the image's longer side: no stroke is so thick
THICK = 0.22  # of a digit's longer side: no stroke has so much ink around a pixel
FILLED = 0.25  # of the image: more ink fills it

# Ink
LEAST_CONTRAST = 0.08  # of the range from black to white: less is not seen as ink
NOISE = 10  # times the usual noise: less may be noise
GRAINY = 0.05  # of the range from black to white: more noise, and only its average is of use
FAINTEST = 0.42  # of the pen's strength: less is not ink
FAINTEST_IF_THICK = 0.75  # the same for a thick pen, whose gaps may be grey
CONTRAST = 0.6  # of the pen's strength, from no ink to full ink
SPECK = 0.1  # of the largest part's size: smaller parts are dust
SPECK_AT_EDGE = 0.3  # the same for parts that reach the image's edge
SLOPES = np.linspace(-0.15, 0.15, 25)  # of ruled lines
LINE = 0.2  # of the pen's strength: the faintest line
GAP = 0.03  # of the image's longer side: what is closed where a line crossed a stroke
TALL = 0.6  # of the tallest part's height: parts as tall, side by side, are several digits


def read_ink(path):
    """Reads a digit in any colour on paper of any other: float32 [h, w], 0 (paper) to 1 (ink).

    Reads the first image of a file that has several. Raises a Failure that names the file if it
    cannot be read or has no ink on it.
    """
    pixels, count = read_pixels(path)
    ink = ink_on(only_paper(pixels))
    if not (ink > INK).any():
        where = f" in the first of its {count} images" if count > 1 else ""
        raise Failure(f"{path}: no ink found{where}")
    return ink


# ---------------------------------------------------------------------------- a sheet on a table


def only_paper(pixels):
    """Crops pixels [h, w, 3] to the sheet of paper that they show on a table, if they do.

    What else is in the box around the sheet gets the paper's colour.
    """
    sheet = find_sheet(reduced(grey_levels(pixels), COARSE))
    if sheet is None:
        return pixels
    sheet = ndimage.binary_erosion(sheet, SQUARE, border_value=1)  # its outline is blurred
    sheet = resized(sheet.astype(np.float32), pixels.shape[:2]) > 0.5
    rows, columns = (np.flatnonzero(sheet.any(axis)) for axis in (1, 0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    paper = np.median(pixels[sheet], axis=0)
    return np.where(sheet[box][:, :, np.newaxis], pixels[box], paper)


def find_sheet(coarse):
    """Finds a sheet of paper on a table in grey levels [h, w], on COARSE: bool [h, w], or None.

    The sheet is the largest light part, with its holes: what is written on it. The table reaches
    the image's corners; what reaches an edge only may be a stroke.
    """
    light = coarse > otsu(coarse)
    sheet = largest_part(light)
    around = ~sheet
    if not sheet.any() or not around.any():
        return None
    outer, _ = ndimage.label(around, SQUARE)
    table = around & np.isin(outer, outer[CORNERS])
    # The marks on the sheet are its dark parts, except those that are connected to what is around.
    marks, _ = ndimage.label(~(light & sheet), SQUARE)
    marks[np.isin(marks, marks[around])] = 0
    found = (
        (light & sheet).sum() > MOSTLY * sheet.sum()  # a light 0's hole is larger
        and (~light & around).sum() > MOSTLY * around.sum()  # light parts would be paper, too
        and table.sum() > MOSTLY * around.sum()
        and step_down(coarse, sheet) > STEP * np.ptp(coarse)
        and rectangularity(sheet) > RECTANGLE
        and longest(marks) > WRITTEN * max(coarse.shape)
    )
    return sheet if found else None


def largest_part(light):
    """Returns the largest part of light, bool [h, w]: smoothed, and without its holes."""
    smooth = ndimage.binary_opening(np.pad(light, 2, "edge"), SQUARE)
    parts, _ = ndimage.label(smooth)
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    largest = (parts == sizes.argmax()) & smooth
    return ndimage.binary_fill_holes(ndimage.binary_closing(largest, SQUARE)[2:-2, 2:-2])


def step_down(coarse, sheet):
    """Returns how much darker than the sheet, bool [h, w], the levels beyond its outline are."""
    inner = sheet & ~ndimage.binary_erosion(sheet, iterations=BORDER, border_value=1)
    beyond = ndimage.binary_dilation(sheet, iterations=BORDER) & ~sheet
    return np.median(coarse[inner]) - np.median(coarse[beyond])


def rectangularity(part):
    """Returns the share that a part, bool [h, w], fills of the smallest rectangle around it.

    One side of that rectangle is one of the convex hull's, so these are tried.
    """
    outline = np.argwhere(part ^ ndimage.binary_erosion(part))
    to_corners = [[y, x] for y in (-0.5, 0.5) for x in (-0.5, 0.5)]  # from a pixel's middle
    corners = np.vstack([outline + to_corner for to_corner in to_corners])
    hull = corners[ConvexHull(corners).vertices]
    sides = np.roll(hull, -1, axis=0) - hull
    sides /= np.linalg.norm(sides, axis=1, keepdims=True)
    along = hull @ sides.T
    across = hull @ np.stack([-sides[:, 1], sides[:, 0]])
    return part.sum() / (np.ptp(along, axis=0) * np.ptp(across, axis=0)).min()


def longest(parts):
    """Returns the longest height or width of labelled parts, int [h, w]; 0 without any."""
    boxes = [box for box in ndimage.find_objects(parts) if box]
    return max((side.stop - side.start for box in boxes for side in box), default=0)


# ---------------------------------------------------------------------------------- ink on paper


def ink_on(pixels):
    """Returns the ink, float32 [h, w] from 0 to 1, in pixels [h, w, 3] of paper."""
    grey = grey_levels(pixels)
    coarse = reduced(grey, COARSE)
    if noise_in(grey) > GRAINY:  # a grid between the pixels of a digit, or a photo in the dark
        grey = resized(coarse, grey.shape)
    if (at_edge(coarse) <= otsu(coarse)).mean() > 0.5:  # most of the edge is dark
        grey, coarse = -grey, -coarse
    paper = coarse[coarse > otsu(coarse)]
    lower, upper = np.percentile(paper, [25, 75])
    if upper - lower < CLEAN * np.ptp(coarse):
        ink = ink_on_one_level(paper, grey)
        if pieces_at_edge(ink) != 1:  # what covers the edge in one piece may be a shadow
            return ink
    ink = ink_darker_than(paper_around(coarse), grey)
    if not too_thick(ink) and (ink > INK).mean() <= FILLED:
        return ink
    # Where no ink is found, it is not on one level either: that would be noise.
    return ink_on_one_level(paper, grey) if ink.any() else ink


def ink_on_one_level(paper, grey):
    """Returns the ink, float32 [h, w], in grey levels [h, w] on paper whose levels [n] are one."""
    level = np.median(paper)
    ink = ink_darker_than(level, grey)
    return ink_darker_than(level, grey, FAINTEST_IF_THICK) if too_thick(ink) else ink


def paper_around(coarse):
    """Returns the paper's levels [h, w]: the closing by a window wider than any stroke."""
    return ndimage.grey_closing(coarse, round(WINDOW * max(coarse.shape)))


def grey_levels(pixels):
    """Returns the colours' coordinate in which details differ the most, float32 [h, w].

    It is the first principal component of the differences from the colours around. In it noise
    has both signs and averages out; in a distance, never negative, it would add up.
    """
    bands = [reduced(pixels[:, :, i], COARSE) for i in range(3)]
    size = max(bands[0].shape) // 4 | 1
    details = np.array([band - ndimage.uniform_filter(band, size) for band in bands])
    details = details.reshape(3, -1)
    direction = np.linalg.eigh(details @ details.T)[1][:, -1]
    direction /= abs(direction).sum() * (1 if direction.sum() >= 0 else -1)
    return (pixels @ direction).astype(np.float32)


def ink_darker_than(paper, grey, faintest=FAINTEST):
    """Returns the ink, float32 [h, w], in grey levels [h, w] that are darker than the paper.

    The paper is a level, or levels on COARSE. Ruled lines are left out, if then the ink hardly
    reaches the image's edge any more.
    """
    if np.ndim(paper):
        paper = resized(paper, grey.shape)
    strength = np.clip(paper - grey, 0, None)
    least = max(LEAST_CONTRAST, NOISE * noise_in(grey))
    ink, pen = ink_and_pen(strength, least, faintest)
    if pieces_at_edge(ink) < 2:
        return ink
    bare = without_lines(strength, pen)
    bare = without_lines(bare.T, pen).T  # the vertical lines
    bare, _ = ink_and_pen(bare, least, faintest)
    # In an image cropped to its digit, what runs across may be a stroke, and others end there.
    rows, columns = (slice(size // 20, size - size // 20) for size in bare.shape)
    few = pieces_at_edge(bare[rows, columns]) <= pieces_at_edge(ink) // 6
    return bare if bare.any() and few else ink


def noise_in(grey):
    """Returns the usual noise in grey levels [h, w]: what is lost when they are reduced."""
    return np.median(abs(grey - resized(reduced(grey, COARSE), grey.shape)))


def ink_and_pen(strength, least, faintest):
    """Returns the ink, float32 [h, w], where strength [h, w] is a pen's, and the pen's strength.

    Of what is over the least, Otsu's threshold separates the stronger ink; the pen's strength is
    the 90th percentile of that. If nothing is over the least, returns zeros, and 1.
    """
    marks = strength > least
    values = strength[marks & writing_in(marks)]
    if not values.size:
        return np.zeros_like(strength), 1
    pen = np.percentile(values[values > otsu(values)], 90)
    # Spread, so that the faintest becomes INK
    ink = np.clip(INK + (strength / pen - faintest) / CONTRAST, 0, 1)
    return ink * writing_in(ink > INK), pen


def without_lines(strength, pen):
    """Erases ruled lines that run nearly horizontally across the image from strength [h, w].

    A line is where, along one of SLOPES, nearly all of the image has more than LINE of the pen's
    strength, and more than above and below. What is twice as strong as the line is a stroke that
    crosses it, and stays. In a weaker stroke the line leaves a gap, which is closed. An image less
    than COARSE // 2 high or wide is too small to tell lines from strokes, and stays as it is.
    """
    small = reduced(strength, 2 * COARSE)  # on COARSE, a fine line would fade
    height, width = small.shape
    if min(height, width) < COARSE // 2:
        return strength
    wide = ndimage.maximum_filter1d(small, 3, axis=0)  # a line may be a pixel off its slope
    rows = np.arange(height)[:, np.newaxis]
    across = np.arange(width) - width / 2
    some = slice(None, None, -(-width // 60))  # about 60 columns are enough
    lines = np.zeros_like(small)
    for slope in SLOPES:
        shift = np.round(slope * across).astype(int)
        shifted = np.clip(rows + shift[some], 0, height - 1)
        along = np.take_along_axis(wide[:, some], shifted, axis=0)
        profile = np.percentile(along, 15, axis=1)  # 85% of the columns have at least this
        # What is wider than any line is no line: a stroke, or a shadow.
        profile -= ndimage.grey_opening(profile, max(5, height // 25))
        profile[profile < LINE * pen] = 0
        lines = np.maximum(lines, profile[np.clip(rows - shift, 0, height - 1)])
    lines = ndimage.maximum_filter1d(lines, 3, axis=0)  # with a line's soft edges
    lines = resized(lines, strength.shape)
    bare = np.where(strength < 2 * lines, 0, strength)
    closed = ndimage.grey_closing(bare, (round(GAP * max(strength.shape)), 1))
    return np.minimum(closed, strength)  # outside the lines, bare is strength, and closed no less


def parts_of(stroke):
    """Numbers the parts of stroke, bool [h, w], on a grid of GRID: int [h', w'], and a cell's side.

    In a cell, strokes with small gaps hold together.
    """
    cell = -(-max(stroke.shape) // GRID)
    padded = np.pad(stroke, [(0, -size % cell) for size in stroke.shape])
    cells = padded.reshape(len(padded) // cell, cell, -1, cell).any((1, 3))
    return ndimage.label(cells, SQUARE)[0], cell


def writing_in(stroke):
    """Tells writing from dust and from shadows in stroke, bool [h, w]: bool [h, w].

    A part of the digit may reach the image's edge. But if another part is wholly inside, a part
    in one of the image's corners is a shadow.
    """
    parts, cell = parts_of(stroke)
    sizes = np.bincount(parts.ravel())
    inner = np.where(np.isin(parts, at_edge(parts)), 0, parts)
    if longest(inner) >= WRITTEN * max(parts.shape):
        sizes[parts[CORNERS]] = 0
    sizes[0] = 0
    least = np.full(len(sizes), SPECK)
    least[at_edge(parts)] = SPECK_AT_EDGE
    keep = ndimage.maximum_filter((sizes > least * sizes.max())[parts], 3)
    height, width = stroke.shape
    return keep.repeat(cell, 0).repeat(cell, 1)[:height, :width]


# --------------------------------------------------------------------- what may be wrong with ink


def too_thick(ink):
    """Tells whether ink [h, w] is thicker than any stroke; True also without any ink."""
    return thickness(ink) >= THICK


def side_by_side(ink):
    """Tells whether ink [h, w] looks like several digits: parts beside each other, all tall."""
    parts, _ = parts_of(ink > INK)
    boxes = ndimage.find_objects(parts)
    tallest = max((rows.stop - rows.start for rows, _ in boxes), default=0)
    tall = [across for rows, across in boxes if rows.stop - rows.start >= TALL * tallest]
    tall.sort(key=lambda across: across.start)
    return any(left.stop <= right.start for left, right in zip(tall, tall[1:]))


def thickness(ink):
    """Returns the radius of the largest disk of ink [h, w], as a share of the ink's longer side.

    Without any ink, returns 1.
    """
    stroke = ink > INK
    if not stroke.any():
        return 1
    longer = max(np.ptp(np.flatnonzero(stroke.any(axis))) + 1 for axis in (0, 1))
    return ndimage.distance_transform_edt(np.pad(stroke, 1)).max() / longer


# ----------------------------------------------------------------------------------------- images


def pieces_at_edge(ink):
    """Returns in how many pieces ink [h, w] covers the image's edge; 0 if it covers all of it."""
    covered = at_edge(ink > INK)
    return np.count_nonzero(covered & ~np.roll(covered, 1))


def at_edge(image):
    """Returns the values along the edge of an image [h, w], once around it: [n]."""
    return np.concatenate([image[0], image[1:-1, -1], image[-1, ::-1], image[-2:0:-1, 0]])


def reduced(image, largest):
    """Reduces an image, float32 [h, w], to at most `largest` high and wide."""
    if max(image.shape) <= largest:
        return image
    size = [max(1, round(n * largest / max(image.shape))) for n in image.shape]
    return resized(image, size, Image.Resampling.BOX)


def resized(image, shape, how=Image.Resampling.BILINEAR):
    """Returns an image, float32 [h, w], in another shape."""
    image = Image.fromarray(np.ascontiguousarray(image))
    return np.asarray(image.resize(shape[::-1], how))


def otsu(values):
    """Returns the threshold that best splits values in two (Otsu 1979), below their maximum."""
    counts, edges = np.histogram(values, 128, (values.min() - 0.01, values.max() + 0.01))
    sums = np.cumsum(counts * (edges[1:] + edges[:-1]) / 2)
    below = np.cumsum(counts)[:-1]
    above = values.size - below
    gap = sums[:-1] / np.maximum(below, 1) - (sums[-1] - sums[:-1]) / np.maximum(above, 1)
    return edges[1:-1][np.argmax(below * above * gap**2)]
