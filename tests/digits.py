"""Small files of made-up digits, in MNIST's format; and figures, to compare them with arrays."""

import gzip

import numpy as np
from PIL import Image


def write_idx(folder, name, array, compress=True):
    """Writes uint8 images [n, 28, 28] or labels [n] as an IDX file, and returns its path."""
    magic = 2051 if array.ndim == 3 else 2049
    data = np.array([magic, *array.shape], ">i4").tobytes() + array.astype(np.uint8).tobytes()
    path = folder / (f"{name}.gz" if compress else name)
    path.write_bytes(gzip.compress(data, 1) if compress else data)
    return path


def write_digits(folder, train=5600, test=500, seed=0):
    """Writes four small files: each class is a bright square at its own position, with noise."""
    random = np.random.default_rng(seed)
    for name, count in (("train", train), ("t10k", test)):
        labels = random.integers(10, size=count)
        images = random.integers(60, size=(count, 28, 28))
        for image, label in zip(images, labels):
            row, column = divmod(int(label), 4)
            image[row * 9 : row * 9 + 7, column * 7 : column * 7 + 6] += 180
        write_idx(folder, f"{name}-images-idx3-ubyte", images)
        write_idx(folder, f"{name}-labels-idx1-ubyte", labels)
    return folder


def read_png(path, dpi=100):
    """Returns a figure's grey levels, uint8 [h, w], at 100 dpi: the file has dpi / 100 as many."""
    with Image.open(path) as image:
        return np.asarray(image.convert("L"))[:: dpi // 100, :: dpi // 100]


def shades(image):
    """Returns the grey levels of an image in a figure: its maximum black, its minimum white."""
    return 255 * (image.max() - image) / np.ptp(image)


def cells(picture, pitch):
    """Splits a picture into cells of pitch x pitch pixels: uint8 [rows, columns, pitch, pitch]."""
    height, width = picture.shape
    assert height % pitch == 0
    columns = width // pitch  # the rest is white
    picture = picture[:, : columns * pitch]
    return picture.reshape(-1, pitch, columns, pitch).swapaxes(1, 2)


def figure_cells(picture, lines, pitch=32):
    """Returns a figure's cells; `lines` is how many of their rows hold the filters.

    Above each of these are its filters' numbers, 14 pixels high; around all are margins of 8
    pixels, and the title takes 44.
    """
    sheet = picture[44:-8, 8:-8]
    numbers = [top + i for top in np.arange(lines) * (14 + pitch) for i in range(14)]
    return cells(np.delete(sheet, numbers, axis=0), pitch)


def small_image(cell, side):
    """Returns the grey levels, float [side, side], of the image in a cell.

    It is in the middle, with 2 pixels or more to spare at each edge, and its pixels are enlarged.
    """
    scale = (len(cell) - 4) // side
    start = (len(cell) - scale * side) // 2 + scale // 2
    at = start + scale * np.arange(side)
    return cell[at][:, at].astype(float)
