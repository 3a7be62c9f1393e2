"""From ink to the form of MNIST's digits.

How MNIST's were made (http://yann.lecun.com/exdb/mnist/): black and white digits, scaled with
their aspect kept into a 20x20 box, anti-aliased, and placed in 28x28 by their centre of mass.
"""

import numpy as np
from PIL import Image
from scipy import ndimage

INK = 0.5  # pixels with more ink than this belong to a stroke
SIDE, BOX = 28, 20  # MNIST's pixels: of an image, and of the box that its digit fills
LARGE = 100  # pixels: the longer side on which strokes are made thicker or thinner
THICKNESS = 12  # the average of MNIST's strokes, on digits as large as that


def like_mnist(ink):
    """Makes ink [h, w], from 0 (paper) to 1 (ink), like MNIST's digits: float32 [784].

    Without any ink, returns all zeros.
    """
    if not (ink > INK).any():
        return np.zeros([SIDE * SIDE], np.float32)
    large = with_usual_strokes(cropped_and_scaled(ink, LARGE))
    return centred(cropped_and_scaled(large, BOX))


def cropped_and_scaled(ink, side):
    """Crops ink [h, w] to its strokes, and scales their longer side to `side` pixels."""
    stroke = ink > INK * ink.max()  # a thick pen's ink, or thinned strokes, may all be less than 1
    rows, columns = (np.flatnonzero(stroke.any(axis)) for axis in (1, 0))
    box = [int(edge) for edge in (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)]
    lengths = box[2] - box[0], box[3] - box[1]
    size = [max(1, round(side * length / max(lengths))) for length in lengths]
    image = Image.fromarray(ink.astype(np.float32))
    return np.asarray(image.resize(size, Image.Resampling.BOX, box=box))


def with_usual_strokes(ink):
    """Makes the strokes in ink [h, w] as thick as MNIST's; the result has a wider margin.

    Otherwise, at 20x20, a fine pen's strokes would fade, and a marker's would close the loops.
    """
    ink = ink / ink.max()  # scaled down to LARGE, a fine pen's strokes are grey
    ink = np.pad(ink, LARGE // 5)  # wider than any stroke can grow
    # Across the outline the ink rises from 0 to 1, so its slopes add up to the outline's length.
    outline_length = np.hypot(*np.gradient(ink)).sum()
    width = 2 * ink.sum() / outline_length  # a stroke's outline is about twice its length
    reach = round(abs(THICKNESS - width) / 2)
    down, across = np.ogrid[-reach : reach + 1, -reach : reach + 1]
    disk = np.hypot(down, across) <= reach + 0.3  # rounder than without the 0.3
    if width < THICKNESS:
        return ndimage.grey_dilation(ink, footprint=disk)
    return ndimage.grey_erosion(ink, footprint=disk)


def centred(digit):
    """Places a digit, float32 [h, w] of at most 20x20, by its centre of mass: float32 [784]."""
    height, width = digit.shape
    y, x = ndimage.center_of_mass(digit)
    # By whole pixels, as MNIST's digits were: their centres of mass all lie within half a pixel of
    # row 14 and column 14, and hardly any exactly there.
    middle = SIDE // 2
    top, left = np.clip([round(middle - y), round(middle - x)], 0, [SIDE - height, SIDE - width])
    image = np.zeros([SIDE, SIDE], np.float32)
    image[top : top + height, left : left + width] = digit
    return image.reshape(SIDE * SIDE)
