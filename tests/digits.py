"""Small files of made-up digits, in MNIST's format."""

import gzip

import numpy as np


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
