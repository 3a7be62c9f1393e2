"""Measures how well handwriting is read: prints a Markdown table.

FOLDER holds labelled images, in subfolders too: a file's label is the first character of its name
if that is a digit, otherwise the first English word for a digit among the parts of its name between
underscores (photo_seven.png). Other files are skipped. A subfolder holds one person's images: the
standard error is clustered by person, because whoever writes one digit oddly writes others so too.

A test set is counted, and nothing else. --details is for images that are not: it names the files
that are misread, reads each image again cropped to its ink, without a margin and with one of 2%,
and reads MNIST's first test digits on made-up papers, and reduced, enlarged and thickened.

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
from handwriting.image import centred, read_image
from support import checkpoints, input_data, terminal
from support.terminal import Failure

WORDS = "zero one two three four five six seven eight nine".split()
SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
ENLARGED = 10  # times
SIZES = 20, 28, 40, 100, 400, 2000  # pixels, to which MNIST's 28 are reduced or enlarged
THICKER = 0, 1, 2, 3  # of MNIST's pixels
MARGINS = 0, 0.05, 0.3  # of a digit's longer side
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


def enlarged(digit, times):
    """Enlarges a digit of MNIST's, [784]: ink, float32 [28 * times, 28 * times]."""
    size = [28 * times, 28 * times]
    image = Image.fromarray(digit.reshape(28, 28)).resize(size, Image.Resampling.BICUBIC)
    return np.clip(np.asarray(image), 0, 1)


def with_margins(ink, left, top, right, bottom):
    """Crops ink [h, w] to what is over a half, and adds margins, given in pixels."""
    rows, columns = (np.flatnonzero((ink > 0.5).any(axis)) for axis in (1, 0))
    widest = max(left, top, right, bottom)
    ink = np.pad(ink, widest)
    return ink[
        widest + rows[0] - top : widest + rows[-1] + 1 + bottom,
        widest + columns[0] - left : widest + columns[-1] + 1 + right,
    ]


def anywhere(digit, margin, random):
    """Enlarges a digit of MNIST's, [784]: ink, float32 [h, w], with at least that margin.

    The margin is a share of the digit's height or width, whichever is longer.
    """
    ink = enlarged(digit, ENLARGED)
    extra = round(margin * 20 * ENLARGED)
    return with_margins(ink, *(extra + random.integers(len(ink) // 4, size=4)))


def thickened(digit, pixels):
    """Thickens the strokes of a digit, [784], by MNIST's pixels: ink, float32 [360, 360].

    It is enlarged ten times, with four of MNIST's pixels around.
    """
    ink = np.pad(enlarged(digit, 10), 40)
    if not pixels:
        return ink
    down, across = np.ogrid[-5 * pixels : 5 * pixels + 1, -5 * pixels : 5 * pixels + 1]
    disk = down**2 + across**2 <= (5 * pixels) ** 2
    return ndimage.grey_dilation(ink, footprint=disk)


def in_size(ink, size, margin):
    """Returns what `thickened` returns, where MNIST's 28 pixels are `size`, with a margin."""
    side = round(size * 36 / 28)
    way = Image.Resampling.BOX if side < len(ink) else Image.Resampling.BICUBIC
    ink = np.clip(np.asarray(Image.fromarray(ink).resize([side, side], way)), 0, 1)
    rows, columns = (np.ptp(np.flatnonzero((ink > 0.5).any(axis))) + 1 for axis in (1, 0))
    return with_margins(ink, *[round(margin * max(rows, columns))] * 4)


def plain(image):
    """Prepares a grey image, uint8 [h, w], in the plainest way: float32 [784].

    Otsu's threshold; what most of the edge is, is paper; the ink is cropped, scaled into a 20x20
    box, and placed by its centre of mass.
    """
    dark = image <= otsu(image)
    edge = np.concatenate([dark[0], dark[-1], dark[1:-1, 0], dark[1:-1, -1]])
    ink = ~dark if edge.mean() > 0.5 else dark
    if not ink.any():
        return np.zeros([784], np.float32)
    levels = [np.median(image[~ink]), np.median(image[ink])]
    soft = (image - levels[0]) / (levels[1] - levels[0]) * ndimage.binary_dilation(ink)
    rows, columns = (np.flatnonzero(ink.any(axis)) for axis in (1, 0))
    soft = soft[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.float32)
    scale = 20 / max(soft.shape)
    size = [max(1, round(scale * n)) for n in soft.shape[::-1]]
    way = Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
    digit = np.clip(np.asarray(Image.fromarray(np.clip(soft, 0, 1)).resize(size, way)), 0, 1)
    return centred(digit)


def as_bytes(values):
    """Returns values, from 0 to 1 and some beyond, as uint8 from 0 to 255."""
    return np.uint8(np.clip(255 * values, 0, 255))


def dark_on_light(ink, random):
    """Returns an image, uint8 [h, w], of black ink on white paper."""
    return as_bytes(1 - ink)


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


# Row of the table: (paper, margin, file's options, number of digits or None for all)
PAPERS = {
    "shaded and noisy": (shaded_and_noisy, 0.1, PNG, None),
    "JPEG of quality 50": (dark_on_light, 0.1, JPEG, None),
    "coloured ink": (coloured, 0.1, PNG, None),
    "squared paper": (squared, 0.2, JPEG, SQUARED),
}


def read(images, complain=False):
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
                if complain:
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


def print_row(name, correct, people=""):
    """Prints how many of correct, bool [n], are; people has the standard error, if it is known."""
    share = f"{np.mean(correct):.1%}"
    terminal.print_stdout(f"| {name} | {np.sum(correct)} of {len(correct)} | {share}{people} |")


def clustered_error(correct, people):
    """Returns the standard error of the mean of correct, bool [n], clustered by people, [n]."""
    residuals = correct - np.mean(correct)
    sums = np.array([residuals[people == person].sum() for person in np.unique(people)])
    return np.sqrt(len(sums) / max(len(sums) - 1, 1) * np.sum(sums**2)) / len(correct)


def print_folder(network, folder, files, details):
    """Prints the row of a folder's labelled files, and for details those of the cropped."""
    paths, labels = [path for path, _ in files], np.array([label for _, label in files])
    people = np.array([path.relative_to(folder).parts[0] for path in paths])
    start = time.process_time()
    images = read(paths, details)
    seconds = time.process_time() - start
    terminal.print_stderr(f"{1000 * seconds / len(files):.0f} ms per image")
    predictions = predict(network, images)
    error, count = clustered_error(predictions == labels, people), len(np.unique(people))
    people = f" ± {error:.1%}, {count} people" if count < len(files) else ""  # no subfolders
    print_row("the folder's images", predictions == labels, people)
    if not details:
        return
    for path, label, prediction in zip(paths, labels, predictions):
        if prediction != label:
            terminal.print_stderr(f"{path}: read as {prediction}")
    for name, margin in ("cropped to the ink", 0), ("with a margin of 2%", 0.02):
        images = [cropped(path, margin) for path in paths]
        clear = [i for i, image in enumerate(images) if image]
        data = [encoded(images[i], PNG) for i in clear]
        print_row(name, predict(network, read(data)) == labels[clear])


def print_papers(network, digits):
    """Prints the rows of MNIST's digits, float32 [n, 784], enlarged on each of PAPERS."""
    originals = predict(network, digits)
    for name, (paper, margin, options, count) in PAPERS.items():
        random = np.random.default_rng(0)
        images = []
        for digit in digits[:count]:
            ink = anywhere(digit, margin, random)
            images.append(encoded(Image.fromarray(paper(ink, random)), options))
        same = predict(network, read(images)) == originals[:count]
        print_row(f"MNIST, {name}", same)


def print_sizes(network, digits):
    """Prints how many of MNIST's digits, float32 [n, 784], are read otherwise than they are.

    In each of SIZES, thickened, on dark and on light paper; beside it the plain preparation.
    """
    columns = " | ".join(f"margin {margin:.0%}, plain" for margin in MARGINS)
    terminal.print_stdout(f"\n| size, thickened by | {columns} |\n| --- {'| --- ' * len(MARGINS)}|")
    originals = np.repeat(predict(network, digits), 2)
    for thicker in THICKER:
        inks = [thickened(digit, thicker) for digit in digits]
        for size in SIZES:
            cells = []
            for margin in MARGINS:
                images = [as_bytes(in_size(ink, size, margin) + 0.5 / 255) for ink in inks]
                images = [paper for image in images for paper in (image, 255 - image)]
                files = [encoded(Image.fromarray(image), PNG) for image in images]
                ways = read(files), np.array([plain(image) for image in images])
                ours, theirs = (np.mean(predict(network, way) != originals) for way in ways)
                cells.append(f"{ours:.1%}, {theirs:.1%}")
            terminal.print_stdout(f"| {size}, {thicker} | {' | '.join(cells)} |")


def options():
    """Returns the command line's options."""
    parser = terminal.parser(__doc__)
    parser.add_argument("checkpoint", type=checkpoints.path, help="checkpoint of double_conv.py")
    parser.add_argument("folder", type=terminal.path, help="folder of labelled images")
    parser.add_argument("--details", action="store_true", help="more than the count: see above")
    terminal.add_data_options(parser)
    parser.add_argument(
        "--first",
        type=terminal.integer(1, 10000),
        default=1000,
        metavar="N",
        help="with --details: read the first N test digits (default: %(default)s)",
    )
    return parser.parse_args()


def main():
    args = options()
    files = labelled_files(args.folder)
    network = DoubleConv()
    checkpoints.restore(network, args.checkpoint)
    terminal.print_stdout("| images | as labelled, or as the original | |\n| --- | --- | --- |")
    print_folder(network, args.folder, files, args.details)
    if args.details:
        digits = input_data.read_data_sets(args.data_dir, args.dataset).test.images[: args.first]
        print_papers(network, digits)
        print_sizes(network, digits)


if __name__ == "__main__":
    terminal.run(main)
