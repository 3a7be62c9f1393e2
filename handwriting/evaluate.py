"""Measures how well handwriting is read: prints a Markdown table.

FOLDER holds labelled images, in subfolders too. If all the images are in
folders named 0 to 9, these are their labels. Otherwise a file's label is the
first character of its name if that is a digit, or else the first English word
for a digit among the parts of its name between underscores (photo_seven.png);
other files are skipped, and a subfolder holds one person's images: the
standard error is clustered by person, because whoever writes one digit oddly
writes others so too.

The second row is a plain preparation's: Otsu's threshold, a crop to the ink,
20x20 pixels, the centre of mass in the middle. A test set is counted, and
nothing else; --details also names the files that are misread.

Example:
    python -m handwriting.evaluate train_data-20000 photos
"""

import sys

import numpy as np
from PIL import Image
from scipy import ndimage

import common
from double_conv import DoubleConv
from handwriting.form import BOX, SIDE, centred, like_mnist
from handwriting.ink import ink_on, only_paper, otsu
from handwriting.pixels import read_pixels
from support import checkpoints, terminal
from support.terminal import Failure

DIGITS = list("0123456789")
WORDS = "zero one two three four five six seven eight nine".split()
SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}


def label_in_name(path):
    """Returns the digit that a file's name tells, or None."""
    if path.name[0] in DIGITS:
        return int(path.name[0])
    labels = [WORDS.index(part) for part in path.stem.split("_") if part in WORDS]
    return labels[0] if labels else None


def labelled_files(folder):
    """Returns a folder's labelled image files, in its subfolders too.

    That is a list of (path, label, person); the person is None if folders are labels. Raises a
    Failure if there are none.
    """
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if paths and all(path.parent != folder and path.parent.name in DIGITS for path in paths):
        return [(path, int(path.parent.name), None) for path in paths]
    files = [(path, label_in_name(path), path.relative_to(folder).parts[0]) for path in paths]
    files = [(path, label, person) for path, label, person in files if label is not None]
    if not files:
        how = "begin a file's name with its digit, or put it in a folder named 0 to 9"
        raise Failure(f"{folder}: no labelled images; {how}")
    return files


def plain(pixels):
    """Prepares pixels [h, w, 3] in the plainest way: float32 [784].

    Otsu's threshold; what most of the edge is, is paper; the ink is cropped, scaled into a 20x20
    box, and placed by its centre of mass.
    """
    grey = pixels.mean(2)
    dark = grey <= otsu(grey)
    edge = np.concatenate([dark[0], dark[-1], dark[1:-1, 0], dark[1:-1, -1]])
    ink = ~dark if edge.mean() > 0.5 else dark
    if not ink.any():
        return np.zeros([SIDE * SIDE], np.float32)
    paper, pen = np.median(grey[~ink]), np.median(grey[ink])
    soft = np.clip((grey - paper) / (pen - paper), 0, 1) * ndimage.binary_dilation(ink)
    rows, columns = (np.flatnonzero(ink.any(axis)) for axis in (1, 0))
    soft = Image.fromarray(soft.astype(np.float32))
    soft = soft.crop([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
    size = [max(1, round(BOX * length / max(soft.size))) for length in soft.size]
    way = Image.Resampling.BOX if max(soft.size) > BOX else Image.Resampling.BICUBIC
    return centred(np.clip(soft.resize(size, way), 0, 1))


def predict(network, images):
    """Returns the predictions, int [n], for images, float32 [n, 784]; -1 where there is no ink."""
    predictions = common.probabilities(network, images).numpy().argmax(1)
    return np.where(images.any(1), predictions, -1)


def clustered_error(correct, people):
    """Returns the standard error of the mean of correct, bool [n], clustered by people, [n]."""
    residuals = correct - np.mean(correct)
    sums = np.array([residuals[people == person].sum() for person in np.unique(people)])
    return np.sqrt(len(sums) / max(len(sums) - 1, 1) * np.sum(sums**2)) / len(correct)


def print_row(name, correct, people):
    """Prints how many of correct, bool [n], are, with the error if some people have several."""
    share, count = f"{np.mean(correct):.1%}", len(set(people))
    if None not in people and count < len(people):
        share += f" ± {clustered_error(correct, np.array(people)):.1%}, {count} people"
    terminal.print_stdout(f"| {name} | {np.sum(correct)} of {len(correct)} | {share} |")


def options():
    """Returns the command line's options."""
    parser = terminal.parser(__doc__)
    parser.add_argument("checkpoint", type=checkpoints.path, help="checkpoint of double_conv.py")
    parser.add_argument("folder", type=terminal.path, help="folder of labelled images")
    parser.add_argument("--details", action="store_true", help="name the files that are misread")
    return parser.parse_args()


def main():
    args = options()
    paths, labels, people = zip(*labelled_files(args.folder))
    network = DoubleConv()
    checkpoints.restore(network, args.checkpoint)
    ours = np.zeros([len(paths), SIDE * SIDE], np.float32)  # zeros for what cannot be read
    plains = ours.copy()
    for i, path in enumerate(paths):
        try:
            pixels, _ = read_pixels(path)
        except Failure as failure:
            if args.details:
                terminal.print_stderr(str(failure))
            continue
        ours[i], plains[i] = like_mnist(ink_on(only_paper(pixels))), plain(pixels)
    predictions = predict(network, ours)
    terminal.print_stdout("| prepared | read as labelled | |\n| --- | --- | --- |")
    print_row("by this program", predictions == labels, people)
    print_row("plainly", predict(network, plains) == labels, people)
    if args.details:
        for path, label, prediction in zip(paths, labels, predictions):
            if prediction != label:
                what = prediction if prediction >= 0 else "no ink"
                terminal.print_stderr(f"{path}: read as {what}")


if __name__ == "__main__":
    sys.argv[0] = "python -m handwriting.evaluate"  # in messages, not the path of this file
    terminal.run(main)
