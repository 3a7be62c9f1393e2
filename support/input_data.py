"""MNIST, under the names of the post's tensorflow/examples/tutorials/mnist/input_data.py."""

import collections
import gzip
import hashlib
import http.client
import urllib.request
import zlib
from pathlib import Path

from support.rendered_digits import rendered_digits
from support.terminal import BAR, Failure, check_writable, say, write_whole

import numpy as np
from tqdm import tqdm

# yann.lecun.com, where the post's input_data downloads from, now answers 403.
MIRRORS = (
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
)
# sha256 of the unpacked files: a mirror may recompress the files, but their contents stay the same.
SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
TIMEOUT = 15  # seconds without an answer from a mirror
CORRUPT = (ValueError, EOFError, gzip.BadGzipFile, zlib.error)  # raised for a corrupt file


class DataSet:
    """Digits in batches, as input_data's DataSet, from uint8 images [n, 784] and labels [n]."""

    def __init__(self, images, labels, seed):
        self._pixels = images
        self.labels = np.eye(10, dtype=np.float32)[labels]  # one-hot [n, 10]
        self._order, self._index_in_epoch = np.arange(len(images)), 0
        self._random = np.random.RandomState(seed)

    @property
    def images(self):
        """All images, float32 [n, 784] from 0 to 1."""
        return as_float(self._pixels)

    def next_batch(self, batch_size):
        """Returns the next images [batch_size, 784] and labels [batch_size, 10].

        The first epoch is in file order; each later epoch reshuffles the previous one, and an
        incomplete last batch is dropped.
        """
        if self._index_in_epoch + batch_size > len(self._order):
            perm = np.arange(len(self._order))
            self._random.shuffle(perm)
            self._order, self._index_in_epoch = self._order[perm], 0
        self._index_in_epoch += batch_size
        batch = self._order[self._index_in_epoch - batch_size : self._index_in_epoch]
        return as_float(self._pixels[batch]), self.labels[batch]

    def skip(self, batches, batch_size):
        """Skips batches, so that a run can start at any step."""
        for _ in range(batches):
            self.next_batch(batch_size)


def as_float(pixels):
    """Returns pixels 0...255 as float32 0...1, by the same float32 product as input_data."""
    return np.multiply(pixels, np.float32(1 / 255), dtype=np.float32)


# Two DataSets; "MNIST", "not MNIST" or "rendered digits, not MNIST"; the remark that follows every
# printed accuracy: "", " (not MNIST)", ...; and the options with which a script reads them again.
DataSets = collections.namedtuple("DataSets", "train test name remark options")


def read_data_sets(data_dir, dataset="auto", seed=1):
    """Returns the DataSets that --data-dir and --dataset ask for.

    Raises a Failure if a file is corrupt, ConnectionError if MNIST is required but unavailable.
    """
    try:
        files = read_files(data_dir) if dataset != "rendered" else None
    except ConnectionError as error:
        if dataset == "mnist":
            raise
        files, line = None, "=" * 78
        note = "this run uses digits rendered from matplotlib's fonts; its numbers\ncannot be"
        say(f"{line}\nNOT MNIST: {note} compared with the post's. The reason:\n{error}.\n{line}")
    if files:
        _, (images, labels, *test), sums = zip(*files)
        train = images[5000:], labels[5000:]  # input_data holds out 5,000 for validation
        name = "MNIST" if list(sums) == list(SHA256.values()) else "not MNIST"
    else:
        (train, test), name = rendered_digits(train=55000, test=10000), "rendered digits, not MNIST"
    if name == "not MNIST":
        say(f"{data_dir} does not contain MNIST: results cannot be compared with the post's")
    remark = f" ({name})" if name != "MNIST" else ""
    options = ["--data-dir", data_dir] if files else ["--dataset", "rendered"]
    return DataSets(DataSet(*train, seed), DataSet(*test, seed), name, remark, options)


def read_files(data_dir):
    """Returns read_file of the four files; downloads missing ones, but none beside other data."""
    files = {name: read_file(data_dir, name) for name in SHA256}
    missing = [name for name in SHA256 if not files[name]]
    foreign = [file[0] for name, file in files.items() if file and file[2] != SHA256[name]]
    if foreign and (missing or len(foreign) == 1):
        message = "not MNIST's (wrong checksum). Delete it to download MNIST's, or choose another"
        raise Failure(f"{foreign[0]}: {message} --data-dir, with four files that belong together")
    files |= {name: download(name, data_dir) for name in missing}
    train, train_labels, test, test_labels = files.values()
    for images, labels, least in (train, train_labels, 5100), (test, test_labels, 100):
        if len(labels[1]) != len(images[1]) or len(images[1]) < least:
            counts = f"{len(labels[1])} labels for {len(images[1])} images"
            raise Failure(f"{labels[0]}: {counts}; as many are needed, and {least} or more")
    return files.values()


def read_file(data_dir, name):
    """Returns (path, array, sha256 of the unpacked file) of an IDX file; None if it is missing."""
    for path in filter(Path.exists, (data_dir / name, data_dir / f"{name}.gz")):
        if not path.is_file():
            raise Failure(f"{path}: not a regular file; choose another --data-dir")
        try:
            data = path.read_bytes()
            data = gzip.decompress(data) if path.suffix == ".gz" else data
            return path, parse_idx(data, name), hashlib.sha256(data).hexdigest()
        except CORRUPT as error:
            advice = "Replace it, or, if it was MNIST's, delete it to download it again"
            raise Failure(f"{path} is corrupt: {error}. {advice}") from None


def parse_idx(data, name):
    """Returns the images [n, 784] or labels [n] of an IDX file's bytes, as uint8.

    The format (http://yann.lecun.com/exdb/mnist/): big-endian int32 magic number (2051 images,
    2049 labels), count and, for images, rows and columns; then a byte per pixel or label.
    Raises ValueError if the data are anything else.
    """
    expected = [2051, 28, 28] if "images" in name else [2049]
    header = np.frombuffer(data, ">u4", len(expected) + 1).tolist()
    magic, count, *size = header
    if [magic, *size] != expected:
        raise ValueError(f"its header has {[magic, *size]} instead of {expected}")
    array = np.frombuffer(data, np.uint8, offset=4 * len(header))
    array = array.reshape([count, 784] if size else [count])
    if not size and array.max(initial=0) > 9:
        raise ValueError(f"label {array.max()} is not a digit")
    return array


def download(name, data_dir):
    """Downloads a file whole and reads it; raises ConnectionError if no mirror delivers it."""
    check_writable(data_dir, "--data-dir")
    errors = []
    for mirror in MIRRORS:
        say(f"downloading {mirror}{name}.gz to {data_dir}")
        try:
            data = fetch(f"{mirror}{name}.gz")
            if hashlib.sha256(gzip.decompress(data)).hexdigest() != SHA256[name]:
                raise ValueError("wrong checksum (sha256)")
        except (OSError, http.client.HTTPException, *CORRUPT) as error:
            errors.append(f"{mirror}: {str(error).strip('<>')}")
        else:
            write_whole(data_dir / f"{name}.gz", data)
            return read_file(data_dir, name)
    advice = f"try again with network access, or put the four MNIST files (*.gz) in {data_dir}"
    raise ConnectionError(f"could not download MNIST ({'; '.join(errors)}); {advice}")


def fetch(url):
    """Returns the bytes at url, with a progress bar on terminals."""
    with urllib.request.urlopen(url, timeout=TIMEOUT) as response:
        with tqdm.wrapattr(response, "read", total=response.length, **BAR) as body:
            return b"".join(iter(lambda: body.read(2**16), b""))
