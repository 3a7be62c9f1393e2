"""Measures how well handwriting is read: prints a Markdown table.

FOLDER holds labelled images, in subfolders too: a file's label is the first character of its name
if that is a digit, otherwise the first English word for a digit among the parts of its name between
underscores (photo_seven.png). Other files are skipped. Each image is read as it is, cropped to its
ink, and cropped with a margin of 2%. MNIST's first test digits are read enlarged ten times, on
made-up papers.

Example:
    python -m handwriting.evaluate train_data-20000 photos
"""

import io
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from scipy import ndimage

import common
from double_conv import DoubleConv
from handwriting.image import read_image
from support import checkpoints, input_data, terminal
from support.terminal import Failure

WORDS = "zero one two three four five six seven eight nine".split()
SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
ENLARGED = 10  # times
SQUARED = 300  # digits on squared paper
PNG = {"format": "png", "compress_level": 1}
JPEG = {"format": "jpeg", "quality": 50}


def label_of(path):
    """Returns the digit that a file's name tells, or None."""
    if path.name[0].isdecimal():
        return int(path.name[0])
    labels = [WORDS.index(part) for part in path.stem.split("_") if part in WORDS]
    return labels[0] if labels else None


def labelled_files(folder):
    """Returns a folder's labelled image files, in its subfolders too: a list of (path, label).

    Raises a Failure if there are none.
    """
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    files = [(path, label_of(path)) for path in paths if label_of(path) is not None]
    if not files:
        raise Failure(f"{folder}: no labelled images; begin a file's name with its digit")
    return files


def otsu(values):
    """Returns the threshold that best splits values, of any shape, in two (Otsu 1979)."""
    counts, edges = np.histogram(values, 256)
    sums = np.cumsum(counts * (edges[1:] + edges[:-1]) / 2)
    below = np.cumsum(counts)[:-1]
    above = np.maximum(values.size - below, 1)
    gap = sums[:-1] / np.maximum(below, 1) - (sums[-1] - sums[:-1]) / above
    return edges[1:-1][np.argmax(below * above * gap**2)]


def grey_levels(image):
    """Returns an open image's grey levels, float64 [h, w]; transparent pixels are the median's
    opposite.
    """
    if image.mode.startswith(("I", "F")):
        return np.asarray(image, float)
    grey, alpha = (np.asarray(band, float) for band in image.convert("LA").split())
    paper = 0 if np.median(grey[alpha > 127]) > 127 else 255
    return np.where(alpha > 127, grey, paper)


def ink_box(image):
    """Finds the box (left, top, right, bottom) of an open image's ink, or None if unclear.

    Shares nothing with the code that is measured. Ink is what differs from the local paper (the
    median of coarse squares around) by more than Otsu's threshold. Parts at the image's edge and
    those smaller than a tenth of the largest are left out. It is unclear if nothing is left, or
    less than 5% of the image's height and width.
    """
    grey = grey_levels(image)
    coarse = [round(size / max(1, max(grey.shape) / 24)) for size in grey.shape]
    small = Image.fromarray(grey.astype(np.float32)).resize(
        [max(1, n) for n in coarse[::-1]], Image.Resampling.BOX
    )
    paper = Image.fromarray(ndimage.median_filter(np.asarray(small), 13, mode="nearest"))
    paper = paper.resize(grey.shape[::-1], Image.Resampling.BILINEAR)
    difference = np.abs(grey - np.asarray(paper))
    parts, count = ndimage.label(difference > otsu(difference), np.ones([3, 3]))
    sizes = np.bincount(parts.ravel())
    sizes[np.concatenate([[0], parts[0], parts[-1], parts[:, 0], parts[:, -1]])] = 0
    kept = (sizes > sizes.max() / 10)[parts] if sizes.any() else np.zeros(grey.shape, bool)
    rows, columns = np.flatnonzero(kept.any(1)), np.flatnonzero(kept.any(0))
    if len(rows) <= 0.05 * len(grey) and len(columns) <= 0.05 * grey.shape[1]:
        return None
    return [int(n) for n in (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)]


def cropped(path, margin):
    """Returns the image in a file, cropped to its ink with a margin, or None if it is unclear.

    The margin is a share of the box's longer side.
    """
    with Image.open(path) as image:
        image = ImageOps.exif_transpose(image)
        if image.mode == "P":
            image = image.convert("RGBA")
        box = ink_box(image)
        if not box:
            return None
        extra = int(np.ceil(margin * max(box[2] - box[0], box[3] - box[1])))
        left, top = (max(0, edge - extra) for edge in box[:2])
        right, bottom = (min(size, edge + extra) for size, edge in zip(image.size, box[2:]))
        return image.crop([left, top, right, bottom])


def enlarged(digit, margin, random=None):
    """Enlarges a digit of MNIST's, [784]: ink, float32 [h, w], cropped to what is over a half.

    The margin is a share of the box's longer side. With `random` it is at least that wide, and
    the digit anywhere.
    """
    side = 28 * ENLARGED
    image = Image.fromarray(digit.reshape(28, 28)).resize([side, side], Image.Resampling.BICUBIC)
    ink = np.clip(np.asarray(image), 0, 1)
    rows, columns = (np.flatnonzero((ink > 0.5).any(axis)) for axis in (1, 0))
    ink = np.pad(ink, side)
    extra = round(margin * max(np.ptp(rows), np.ptp(columns)))
    top, bottom, left, right = (
        extra + (random.integers(side // 4) if random else 0) for _ in range(4)
    )
    return ink[
        side + rows[0] - top : side + rows[-1] + 1 + bottom,
        side + columns[0] - left : side + columns[-1] + 1 + right,
    ]


def as_bytes(values):
    """Returns values, from 0 to 1 and some beyond, as uint8 from 0 to 255."""
    return np.uint8(np.clip(255 * values, 0, 255))


def dark_on_light(ink, random):
    """Returns an image, uint8 [h, w], of black ink on white paper."""
    return as_bytes(1 - ink)


def light_on_dark(ink, random):
    """Returns an image, uint8 [h, w], of white ink on black paper."""
    return as_bytes(ink)


def shaded(shape, random):
    """Returns light, float64 [h, w], that falls to 55% towards a random side."""
    down, across = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    angle = random.uniform(0, 2 * np.pi)
    return 0.775 + 0.225 * (down * np.sin(angle) + across * np.cos(angle)) / 2**0.5


def shaded_and_noisy(ink, random):
    """Returns an image, uint8 [h, w], of grey ink on shaded paper with a camera's noise."""
    paper = 0.9 * shaded(ink.shape, random)
    return as_bytes(paper * (1 - 0.7 * ink) + random.normal(0, 0.03, ink.shape))


def coloured(ink, random):
    """Returns an image, uint8 [h, w, 3], of ink in a random colour on light paper."""
    pen, paper = random.uniform(0, 0.8, 3), random.uniform(0.85, 1, 3)
    pen[random.integers(3)] = random.uniform(0, 0.3)  # of three light bands it would be pale
    return as_bytes(paper + ink[:, :, None] * (pen - paper))


def squared(ink, random):
    """Returns an image, uint8 [h, w, 3], of a pen on turned squared paper, its grid visible.

    The lines are 45 to 70 pixels apart and 2 to 5 pixels wide, with 30 to 70% of the pen's
    strength.
    """
    down, across = np.mgrid[: ink.shape[0], : ink.shape[1]]
    angle, pitch = np.radians(random.uniform(-4, 4)), random.uniform(45, 70)
    width, strength = random.uniform(2, 5), random.uniform(0.3, 0.7)
    grid = np.zeros(ink.shape)
    for position in (
        down * np.cos(angle) + across * np.sin(angle),
        across * np.cos(angle) - down * np.sin(angle),
    ):
        nearest = np.abs((position + random.uniform(0, pitch)) % pitch - pitch / 2)
        grid = np.maximum(grid, np.clip(width / 2 - nearest + 0.5, 0, 1))
    paper, pen, line = np.array([[0.87, 0.86, 0.82], [0.15, 0.15, 0.3], [0.3, 0.4, 0.55]])
    colours = paper + strength * grid[:, :, None] * (line - paper)
    colours = colours + ink[:, :, None] * (pen - colours)
    light = shaded(ink.shape, random)[:, :, None]
    return as_bytes(light * colours + random.normal(0, 0.02, colours.shape))


# Row of the table: (paper, margin, file's options, number of digits or None for all, whether the
# digit is anywhere).
PAPERS = {
    **{
        f"{name}, margin {margin:.0%}": (paper, margin, PNG, None, False)
        for name, paper in (("dark on light", dark_on_light), ("light on dark", light_on_dark))
        for margin in (0, 0.05, 0.3)
    },
    "shaded and noisy": (shaded_and_noisy, 0.1, PNG, None, True),
    "JPEG of quality 50": (dark_on_light, 0.1, JPEG, None, True),
    "coloured ink": (coloured, 0.1, PNG, None, True),
    "squared paper": (squared, 0.2, JPEG, SQUARED, True),
}


def read(images):
    """Reads image files, given as paths or as bytes: float32 [n, 784], zeros for what fails."""
    found = np.zeros([len(images), 784], np.float32)
    with tempfile.TemporaryDirectory() as folder:
        for i, image in enumerate(images):
            path = image
            if not isinstance(image, Path):
                path = Path(folder, "image")
                path.write_bytes(image)
            try:
                found[i] = read_image(path)
            except Failure as failure:
                terminal.print_stderr(str(failure))
    return found


def encoded(image, options):
    """Returns the bytes of an image file; options are those of Pillow's save."""
    file = io.BytesIO()
    image.save(file, **options)
    return file.getvalue()


def predict(network, images):
    """Returns the predictions, int [n], for images, float32 [n, 784]; -1 where there is no ink."""
    predictions = common.probabilities(network, images).numpy().argmax(1)
    return np.where(images.any(1), predictions, -1)


def print_row(name, correct, total):
    terminal.print_stdout(f"| {name} | {correct} of {total} | {correct / total:.1%} |")


def print_folder(network, files):
    """Prints the rows of labelled files: as they are, and cropped."""
    paths, labels = [path for path, _ in files], np.array([label for _, label in files])
    start = time.perf_counter()
    images = read(paths)
    seconds = time.perf_counter() - start
    terminal.print_stderr(f"{1000 * seconds / len(files):.0f} ms per image")
    predictions = predict(network, images)
    for path, label, prediction in zip(paths, labels, predictions):
        if prediction != label:
            terminal.print_stderr(f"{path}: read as {prediction}")
    print_row("the folder's images", np.sum(predictions == labels), len(files))
    for name, margin in ("cropped to the ink", 0), ("with a margin of 2%", 0.02):
        images = [cropped(path, margin) for path in paths]
        clear = [i for i, image in enumerate(images) if image]
        data = [encoded(images[i], PNG) for i in clear]
        print_row(name, np.sum(predict(network, read(data)) == labels[clear]), len(clear))


def print_papers(network, digits):
    """Prints the rows of MNIST's digits, float32 [n, 784], enlarged on each of PAPERS."""
    for name, (paper, margin, options, count, anywhere) in PAPERS.items():
        random = np.random.default_rng(0)
        images = []
        for digit in digits[:count]:
            ink = enlarged(digit, margin, random if anywhere else None)
            images.append(encoded(Image.fromarray(paper(ink, random)), options))
        same = predict(network, read(images)) == predict(network, digits[:count])
        print_row(f"MNIST, {name}", np.sum(same), len(same))


def options():
    """Returns the command line's options."""
    parser = terminal.parser(__doc__)
    parser.add_argument("checkpoint", type=checkpoints.path, help="checkpoint of double_conv.py")
    parser.add_argument("folder", type=terminal.path, help="folder of labelled images")
    terminal.add_data_options(parser)
    parser.add_argument(
        "--first",
        type=terminal.integer(1, 10000),
        default=1000,
        metavar="N",
        help="enlarge the first N test digits (default: %(default)s)",
    )
    return parser.parse_args()


def main():
    args = options()
    files = labelled_files(args.folder)
    network = DoubleConv()
    checkpoints.restore(network, args.checkpoint)
    digits = input_data.read_data_sets(args.data_dir, args.dataset).test.images[: args.first]
    terminal.print_stdout("| images | as labelled, or as the original | |\n| --- | --- | --- |")
    print_folder(network, files)
    print_papers(network, digits)


if __name__ == "__main__":
    terminal.run(main)
