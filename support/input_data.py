"""MNIST, under the names of the post's tensorflow/examples/tutorials/mnist/input_data.py."""

import gzip
import hashlib
import warnings
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from support.files import check_folder
from support.rendered_digits import rendered_digits
from support.terminal import BAR, Failure, print_stderr, reason

# yann.lecun.com, where the post's input_data downloads from, now answers 403.
MIRRORS = (
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
)
# sha256 of the files that the mirrors have, by which a download is verified.
SHA256_GZIPPED = {
    "train-images-idx3-ubyte": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
# sha256 of the unpacked files, by which MNIST is recognized: users' copies are packed in many ways.
SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
TIMEOUT = 15  # seconds without an answer from a mirror
CORRUPT = (ValueError, EOFError, gzip.BadGzipFile, zlib.error)  # raised for a corrupt file


class DataSet:
    """Digits in batches, as input_data's DataSet, from uint8 images [n, 784] and labels [n].

    The seed decides the order of all epochs but the first.
    """

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
        """Returns the next images [batch_size, 784] and labels [batch_size, 10]."""
        batch = self._next_indices(batch_size)
        return as_float(self._pixels[batch]), self.labels[batch]

    def skip(self, batches, batch_size):
        """Skips batches, so that a run can start at any step."""
        for _ in range(batches):
            self._next_indices(batch_size)

    def _next_indices(self, batch_size):
        """Returns the indices of the next batch.

        The first epoch is in file order; each later epoch reshuffles the previous one, and an
        incomplete last batch is dropped.
        """
        if self._index_in_epoch + batch_size > len(self._order):
            perm = np.arange(len(self._order))
            self._random.shuffle(perm)
            self._order, self._index_in_epoch = self._order[perm], 0
        start = self._index_in_epoch
        self._index_in_epoch += batch_size
        return self._order[start : self._index_in_epoch]


def as_float(pixels):
    """Returns pixels 0...255 as float32 0...1, by the same float32 product as input_data."""
    return np.multiply(pixels, np.float32(1 / 255), dtype=np.float32)


class DataSets(NamedTuple):
    """What read_data_sets returns."""

    train: DataSet
    test: DataSet
    name: str  # "MNIST", "not MNIST" or "rendered digits, not MNIST"


class File(NamedTuple):
    """An IDX file that was read."""

    path: Path
    array: np.ndarray  # uint8, images [n, 784] or labels [n]
    sha256: str  # of the unpacked file


def read_data_sets(data_dir, dataset="auto", seed=1):
    """Returns the DataSets that --data-dir and --dataset ask for.

    Raises a Failure if a file is corrupt, ConnectionError if MNIST is required but unavailable.
    """
    if dataset == "rendered":
        return rendered_data_sets(seed)
    try:
        files = read_files(data_dir)
    except PermissionError as error:
        raise Failure(f"{reason(error)}; choose another --data-dir") from None
    except ConnectionError as error:
        if dataset == "mnist":
            raise
        line = "=" * 78
        print_stderr(
            f"{line}\n"
            "NOT MNIST: this run uses digits rendered from matplotlib's fonts; its numbers\n"
            f"cannot be compared with the post's. The reason:\n{error}.\n{line}"
        )
        return rendered_data_sets(seed)
    train_images, train_labels, test_images, test_labels = (files[name].array for name in SHA256)
    name = "MNIST"
    if any(files[name].sha256 != SHA256[name] for name in SHA256):
        name = "not MNIST"
        print_stderr(f"{data_dir} does not contain MNIST: do not compare results with the post's")
    # input_data holds out the first 5,000 digits for validation.
    train = DataSet(train_images[5000:], train_labels[5000:], seed)
    return DataSets(train, DataSet(test_images, test_labels, seed), name)


def rendered_data_sets(seed):
    """Returns DataSets as large as MNIST's, of digits rendered from fonts."""
    train, test = (DataSet(*digits, seed) for digits in rendered_digits(train=55000, test=10000))
    return DataSets(train, test, "rendered digits, not MNIST")


def read_files(data_dir):
    """Returns {name: File} of the four files; downloads missing ones, but none beside other data.

    Raises a Failure if they do not belong together.
    """
    files = {name: read_file(data_dir, name) for name in SHA256}
    missing = [name for name in SHA256 if not files[name]]
    foreign = [file for name, file in files.items() if file and file.sha256 != SHA256[name]]
    # Four files that are not MNIST's are another data set; one of four is a corrupt MNIST.
    if foreign and (missing or len(foreign) == 1):
        message = "not MNIST's (wrong checksum). Delete it to download MNIST's, or choose another"
        raise Failure(f"{foreign[0].path}: {message} --data-dir, with four files that match")
    for name in missing:
        files[name] = download(name, data_dir)
    # 5,000 are held out, a batch has up to 100, and --first may ask for 100 test digits.
    for prefix, least in ("train", 5100), ("t10k", 100):
        images, labels = files[f"{prefix}-images-idx3-ubyte"], files[f"{prefix}-labels-idx1-ubyte"]
        if len(labels.array) != len(images.array) or len(images.array) < least:
            counts = f"{len(labels.array)} labels for {len(images.array)} images"
            raise Failure(f"{labels.path}: {counts}; equal numbers are needed, {least} or more")
    return files


def read_file(data_dir, name):
    """Returns the File with one of MNIST's names, gzipped or not; None if it is missing.

    Kaggle's copies have a dot in the name, or a folder of the same name around the file;
    torchvision's are in MNIST/raw.
    """
    dotted = name.replace("-idx", ".idx")
    folder = data_dir / name
    paths = [folder, data_dir / f"{name}.gz", data_dir / dotted, data_dir / f"{dotted}.gz"]
    for path in [*paths, folder / name, data_dir / "MNIST" / "raw" / name]:
        if path.is_file():
            try:
                data = path.read_bytes()
                if data.startswith(b"\x1f\x8b"):  # gzip's; some browsers unpack x.gz as x.gz
                    data = gzip.decompress(data)
                return File(path, parse_idx(data, name), hashlib.sha256(data).hexdigest())
            except CORRUPT as error:
                advice = "Replace it, or, if it was MNIST's, delete it to download it again"
                raise Failure(f"{path} is corrupt: {error}. {advice}") from None
    return None


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
    """Downloads a file of MNIST's, from the first mirror that delivers it, and returns its File.

    Raises ConnectionError if none does; the reasons are printed to stderr.
    """
    with warnings.catch_warnings():  # tqdm's, in a notebook without ipywidgets
        warnings.simplefilter("ignore")
        import pooch
        import requests
    pooch.get_logger().setLevel("WARNING")  # what is downloaded is reported here
    check_folder(data_dir, "--data-dir")
    for mirror in MIRRORS:
        url = f"{mirror}{name}.gz"
        print_stderr(f"downloading {url} to {data_dir}")
        bar = tqdm(total=1, unit="B", unit_scale=True, **BAR)  # pooch sets the real total
        try:
            path = pooch.retrieve(
                url,
                known_hash=f"sha256:{SHA256_GZIPPED[name]}",
                fname=f"{name}.gz",
                path=data_dir,
                downloader=pooch.HTTPDownloader(timeout=TIMEOUT, progressbar=bar),
            )
        except (requests.RequestException, ValueError) as error:  # ValueError: a wrong checksum
            cause = error
            while cause.__context__:  # the first of them says it in words
                cause = cause.__context__
            print_stderr(f"could not download it: {reason(cause)} ({type(error).__name__})")
        except OSError as error:  # the disk's
            message = f"could not download it: {reason(error)}; choose another --data-dir"
            raise Failure(message) from None
        else:
            Path(path).chmod(0o644)  # pooch's files are for their owner only; a class shares one
            return read_file(data_dir, name)
    names = ", ".join(f"{name}.gz" for name in SHA256)
    advice = f"fix what is reported above, or put its four files in {data_dir}: {names}"
    raise ConnectionError(f"could not download MNIST; {advice}")
