"""What the three scripts share: layers, digits, reports, checkpoints and figures.

Read a script first; come here when a helper's inside matters. In order of appearance:

- starting up: TensorFlow without its chatter, errors as one line;
- the network's helpers: `weight_variable`, `bias_variable`, `conv2d`, `max_pool_2x2`, `matmul`;
- the digits: MNIST's four files, or digits drawn with matplotlib's fonts, and `Batches`;
- reports: run folders for TensorBoard, the live line, the speed line, the test;
- checkpoints: which to go on from, and none lost;
- figures: many small pictures put together into one.
"""

import argparse
import contextlib
import datetime
import gzip
import hashlib
import http.client
import io
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import sys
import tempfile
import time
import urllib.request
import zlib
from typing import NamedTuple

# ---------------------------------------------------------------------------------- starting up


class Failure(Exception):
    """Something that the user can mend: one line that says what is wrong and what to do."""


def say(text):
    """Prints a line on stderr; stdout is kept for the lines that the post's programs print."""
    print(text, file=sys.stderr, flush=True)


def reason(error):
    """Returns what the operating system said, out of an OSError or one of TensorFlow's errors."""
    words = getattr(error, "strerror", None) or error.message.splitlines()[0]
    return re.sub(r" \[Op:\w+\]", "", words).rsplit("; ", 1)[-1]


def run(main):
    """Calls main() as a terminal program: what goes wrong is one line on stderr, no traceback."""
    try:
        main()
        sys.stdout.flush()
    except Failure as failure:
        sys.exit(f"{os.path.basename(sys.argv[0])}: {failure}")
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except BrokenPipeError:
        # Whoever read our stdout is gone (`| head`); without this, Python complains at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + 13)  # SIGPIPE's number, as a shell shows it
    except OSError as error:  # stdout goes to a full disk, say
        sys.exit(f"{os.path.basename(sys.argv[0])}: {error}")


@contextlib.contextmanager
def quiet_import():
    """Silences what TensorFlow writes to stderr while it is imported.

    TF_CPP_MIN_LOG_LEVEL alone does not: at import TensorFlow 2.21 logs before its logger is set up
    (https://github.com/tensorflow/tensorflow/issues/100442). A failing import's words are shown,
    and everything is for users who have set the variable themselves.
    """
    if "TF_CPP_MIN_LOG_LEVEL" in os.environ:
        yield
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    stderr = os.dup(2)
    ctrl_c = signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback out of an import
    with tempfile.TemporaryFile() as chatter:
        os.dup2(chatter.fileno(), 2)
        try:
            yield
        except BaseException:
            chatter.seek(0)
            os.write(stderr, chatter.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            signal.signal(signal.SIGINT, ctrl_c)


try:
    with quiet_import():
        import numpy as np
        import tensorflow as tf
        from tensorboard.plugins.histogram.metadata import create_summary_metadata
except ImportError as error:
    sys.exit(f"{error}; install what is needed: pip install -r requirements.txt")


def whole_number(low, high):
    """Returns an argparse type: a whole number from low to high."""

    def parse(text):
        try:
            number = int(text)
        except ValueError:
            number = None
        if number is None or not low <= number <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {low} to {high}")
        return number

    return parse


def parser(manual):
    """Returns an argument parser whose --help starts with the manual, line by line as it is."""
    return argparse.ArgumentParser(
        description=manual, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def add_training_options(parser, steps, log_dir):
    """Adds the options that both training scripts have."""
    parser.add_argument(
        "--steps",
        type=whole_number(0, 10**9),
        default=steps,
        metavar="N",
        help="number of the last step: steps 0 to N run (default: %(default)s)",
    )
    parser.add_argument(
        "--seed",
        type=whole_number(0, 2**31 - 1),
        default=1,
        metavar="N",
        help="fixes everything random: the same seed, the same run (default: %(default)s)",
    )
    parser.add_argument(
        "--log-dir",
        type=pathlib.Path,
        default=log_dir,
        metavar="DIR",
        help="where TensorBoard's files go, each run in a folder of its own (default: %(default)s)",
    )


DATA_DIR = "/tmp/data"  # as in the post


def add_data_options(parser):
    """Adds the options that say which digits all three scripts work on."""
    parser.add_argument(
        "--data-dir",
        type=pathlib.Path,
        default=DATA_DIR,
        metavar="DIR",
        help="MNIST's four files, gzipped or not; missing ones are downloaded to it "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--dataset",
        choices=["auto", "mnist", "rendered"],
        default="auto",
        help="mnist: MNIST or an error; rendered: digits drawn with matplotlib's fonts, which "
        "needs no network; auto (the default): MNIST, and where it cannot be had, rendered",
    )


# ------------------------------------------------------------------------ the network's helpers


def weight_variable(shape, generator, name):
    """Returns a float32 variable of truncated normal numbers (stddev 0.1), drawn from generator."""
    initial = generator.truncated_normal(shape, stddev=0.1)
    return tf.Variable(initial, name=name)


def bias_variable(shape, name):
    """Returns a float32 variable of zeros.

    The post's `tf.constant(0,1, shape=shape)` is not 0.1: it is the value 0 with dtype 1 (float32).
    """
    initial = tf.constant(0.0, shape=shape)
    return tf.Variable(initial, name=name)


def conv2d(x, W):
    """Convolves x [batch, h, w, in] with the filters W [fh, fw, in, out]: [batch, h, w, out]."""
    return tf.nn.conv2d(x, W, strides=[1, 1, 1, 1], padding="SAME")


def max_pool_2x2(x):
    """Keeps the largest of each 2x2 pixels of x [batch, h, w, c]: [batch, h/2, w/2, c]."""
    return tf.nn.max_pool(x, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="SAME")


@tf.custom_gradient
def matmul(x, W):
    """Multiplies x [batch, n] with W [n, m], as tf.matmul does, with a faster gradient.

    tf.matmul's own gradient for x multiplies with the transpose of W, and for the wide matrix of
    the fully connected layer that is oneDNN's slow case: 7.4 ms of a step, where `tf.einsum` does
    the same sums in 3.5 ms (two cores of AMD EPYC with AVX-512; the whole step gains 14 %).
    """

    def gradient(upstream):
        return tf.einsum("bm,nm->bn", upstream, W), tf.matmul(x, upstream, transpose_a=True)

    return tf.matmul(x, W), gradient


def measure(layers, y_):
    """Returns the cross entropy, summed over the batch, and the accuracy from 0 to 1.

    The post's -sum(y_ * log(y_conv)) is NaN where a probability underflows to 0. Taken from the
    logits it is the same number, and always finite.

    Args:
        layers: a network's Layers, with logits and y_conv [batch, 10].
        y_: the labels, one-hot, float32 [batch, 10].
    """
    with tf.name_scope("optimizer/"):
        cross_entropy = tf.reduce_sum(tf.nn.softmax_cross_entropy_with_logits(y_, layers.logits))
        correct_prediction = tf.equal(tf.argmax(layers.y_conv, 1), tf.argmax(y_, 1))
        accuracy = tf.reduce_mean(tf.cast(correct_prediction, tf.float32))
    return cross_entropy, accuracy


def use_bfloat16(on):
    """Lets TensorFlow convolve and multiply in bfloat16 from here on, or not."""
    tf.config.optimizer.set_experimental_options({"auto_mixed_precision_onednn_bfloat16": on})


def warn_if_bfloat16_is_slow():
    """Says so where the processor is not known to have bfloat16 units."""
    try:
        flags = pathlib.Path("/proc/cpuinfo").read_text().split()
    except OSError:
        flags = []
    if not {"avx512_bf16", "amx_bf16"} & set(flags):
        say("--bfloat16: no AVX512-BF16 or AMX found in this processor, it may be slower")


# ------------------------------------------------------------------------------------ the digits

# yann.lecun.com, where the post's input_data downloads from, answers 403 these days.
MIRRORS = (
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
)
# sha256 of the unpacked files: a mirror may pack them anew, the digits stay the same.
SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
TRAIN_SIZE = 55000
VALIDATION_SIZE = 5000  # input_data sets the training files' first 5,000 digits aside
TIMEOUT = 15  # seconds that a mirror may be silent
DEADLINE = 300  # seconds that one file may take
LARGEST = 1 << 30  # bytes in an unpacked file; MNIST's largest has 47 MB
RENDERED = "rendered digits, not MNIST"


class Digits(NamedTuple):
    """Images are uint8 [n, 784], labels uint8 [n]; train as input_data's `mnist.train`."""

    name: str
    train_images: "np.ndarray"
    train_labels: "np.ndarray"
    test_images: "np.ndarray"
    test_labels: "np.ndarray"

    @property
    def remark(self):
        """What must stand beside every accuracy: nothing for MNIST, else the data's name."""
        return "" if self.name == "MNIST" else f" ({self.name})"

    def fingerprint(self):
        """Returns the sha256 of all images and labels, as a hexadecimal string."""
        sha256 = hashlib.sha256()
        for array in self[1:]:
            sha256.update(np.ascontiguousarray(array))
        return sha256.hexdigest()


def load_digits(dataset, data_dir):
    """Returns the digits that --dataset and --data-dir ask for.

    Raises:
        Failure: a file is damaged (in every mode), or MNIST is wanted and not to be had.
    """
    if dataset == "rendered":
        return rendered_digits()
    files = read_idx_files(data_dir)
    missing = [name for name in SHA256 if name not in files]
    if missing:
        try:
            download(missing, data_dir)
        except ConnectionError as error:
            how_to = f"put MNIST's four files ({missing[0]}.gz, ...) into {data_dir}"
            if dataset == "mnist":
                answers = "; ".join(error.args)
                raise Failure(f"MNIST cannot be downloaded ({answers}); {how_to}") from None
            say("=" * 78)
            say("NOT MNIST: this run works on digits drawn with matplotlib's fonts, so its numbers")
            say(f"are not the post's. {data_dir} does not hold MNIST, and no mirror gives it:")
            for answer in error.args:
                say(f"  {answer}")
            say(f"To get MNIST, run this again with a network, or {how_to}.")
            say("=" * 78)
            return rendered_digits()
        files = read_idx_files(data_dir)
    return mnist_digits(files, data_dir)


def mnist_digits(files, data_dir):
    """Splits the files' arrays as input_data does, and says so where they are not MNIST's."""
    paths, arrays, sums = zip(*(files[name] for name in SHA256))
    foreign = [path for path, found, own in zip(paths, sums, SHA256.values()) if found != own]
    if len(foreign) == 1:
        raise Failure(f"{foreign[0]}: damaged: the other three files are MNIST's. {DELETE_IT}")
    images, labels, test_images, test_labels = arrays
    for one, other, path in ((images, labels, paths[1]), (test_images, test_labels, paths[3])):
        if len(one) != len(other):
            raise Failure(f"{path}: {len(other)} labels, but there are {len(one)} images")
    if len(images) < VALIDATION_SIZE + 100 or not len(test_images):
        raise Failure(f"{paths[0]}: {len(images)} digits are too few to train on")
    if foreign:
        say(f"{data_dir} holds other digits than MNIST: the numbers will not be the post's")
    return Digits(
        "not MNIST" if foreign else "MNIST",
        images[VALIDATION_SIZE:],
        labels[VALIDATION_SIZE:],
        test_images,
        test_labels,
    )


DELETE_IT = "Delete it, and it is downloaded anew"


def read_idx_files(data_dir):
    """Reads those of the four files that are there: {name: (path, array, sha256 of the file)}."""
    files = {}
    for name in SHA256:
        for path in (data_dir / name, data_dir / f"{name}.gz"):
            try:
                data = path.read_bytes()
            except FileNotFoundError:
                continue
            except OSError as error:
                raise Failure(f"{path}: {error.strerror}; choose another --data-dir") from None
            if path.suffix == ".gz":
                try:
                    data = unpack(data)
                except ValueError as error:
                    raise Failure(f"{path}: {error}. {DELETE_IT}") from None
            files[name] = path, parse_idx(data, name, path), hashlib.sha256(data).hexdigest()
            break
    return files


def unpack(data):
    """Returns the gzipped data unpacked; a ValueError says what is wrong with it."""
    try:
        with gzip.open(io.BytesIO(data)) as file:
            return file.read(LARGEST)
    except (OSError, EOFError, zlib.error) as error:
        if data.lstrip()[:1] == b"<":
            raise ValueError("an HTML page, not a gzip file") from None
        raise ValueError(f"damaged ({str(error).lower()})") from None


def parse_idx(data, name, path):
    """Returns the images [n, 784] or labels [n] of an IDX file's bytes, as uint8.

    The format (http://yann.lecun.com/exdb/mnist/): big-endian int32 magic number (2051 images,
    2049 labels), count and, for images, rows and columns; then a byte per pixel or label.
    """
    magic, sizes = (2051, (28, 28)) if "images" in name else (2049, ())
    fields = 2 + len(sizes)
    if len(data) < 4 * fields:
        raise Failure(f"{path}: empty, or cut off in its header. {DELETE_IT}")
    header = np.frombuffer(data, ">i4", count=fields)
    if header[0] != magic:
        raise Failure(f"{path}: magic number {header[0]}, not {magic}. {DELETE_IT}")
    if tuple(header[2:]) != sizes:
        raise Failure(f"{path}: images of {header[2]}x{header[3]} pixels, not 28x28")
    body = np.frombuffer(data, np.uint8, offset=4 * fields)
    if len(body) != header[1] * (784 if sizes else 1):
        raise Failure(
            f"{path}: {len(body)} bytes do not hold the {header[1]} it names. {DELETE_IT}"
        )
    if not sizes and len(body) and body.max() > 9:
        raise Failure(f"{path}: label {body.max()}, which is no digit. {DELETE_IT}")
    return body.reshape(-1, 784) if sizes else body


def download(names, data_dir):
    """Downloads the named files to data_dir, each put in place whole, once it has proved right.

    Raises:
        ConnectionError: no mirror has a file; its args are each mirror's answer.
        Failure: the file cannot be written.
    """
    check_writable(data_dir / names[0], "--data-dir")
    for name in names:
        say(f"downloading {name}.gz to {data_dir}")
        answers = []
        for mirror in MIRRORS:
            try:
                data = fetch(f"{mirror}{name}.gz", name)
                break
            except (OSError, http.client.HTTPException, ValueError) as error:
                answers.append(f"{mirror}: {str(error).strip('<>')}")
        else:
            raise ConnectionError(*answers)
        write_whole(data_dir / f"{name}.gz", data, "choose another --data-dir")


def fetch(url, name):
    """Returns the gzipped bytes at url, checked against the file's sha256."""
    deadline = time.monotonic() + DEADLINE
    data = bytearray()
    with urllib.request.urlopen(url, timeout=TIMEOUT) as response:
        while chunk := response.read1(1 << 16):
            data += chunk
            if time.monotonic() > deadline or len(data) > LARGEST:
                raise TimeoutError(f"took over {DEADLINE} s")
    if hashlib.sha256(unpack(bytes(data))).hexdigest() != SHA256[name]:
        raise ValueError("what it sent is not the file (its sha256 differs)")
    return data


def write_whole(path, data, remedy):
    """Writes data to a temporary file beside path and moves it there: all of it or nothing."""
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".part-", delete=False) as file:
            temporary = file.name
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)  # NamedTemporaryFile's 0600 keeps other users from reading it
        os.replace(temporary, path)
    except OSError as error:
        raise Failure(f"cannot write {path}: {error.strerror}; {remedy}") from None
    finally:
        if temporary:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


# Other fonts for the test set than for the training set; all come with matplotlib.
TRAIN_FONTS = (
    "DejaVuSans DejaVuSans-Bold DejaVuSans-Oblique DejaVuSans-BoldOblique "
    "DejaVuSansMono DejaVuSansMono-Bold DejaVuSansMono-Oblique DejaVuSansMono-BoldOblique "
    "STIXGeneral STIXGeneralBol STIXGeneralItalic STIXGeneralBolIta cmr10 cmtt10"
).split()
TEST_FONTS = "DejaVuSerif DejaVuSerif-Bold DejaVuSerif-Italic DejaVuSerif-BoldItalic cmss10".split()


def rendered_digits():
    """Returns 55,000 + 10,000 digits drawn with matplotlib's fonts; always the same ones."""
    random = np.random.default_rng(1)
    arrays = []
    for fonts, count in ((TRAIN_FONTS, TRAIN_SIZE), (TEST_FONTS, 10000)):
        glyphs = np.stack([draw_glyph(digit, font) for font in fonts for digit in "0123456789"])
        chosen = random.integers(len(glyphs), size=count)
        transforms = random_transforms(random, count)
        # In parts, since all at once would take 170 MB as float32.
        images = [
            tf.raw_ops.ImageProjectiveTransformV3(
                images=glyphs[chosen[part : part + 5000], :, :, None],
                transforms=transforms[part : part + 5000],
                output_shape=[28, 28],
                fill_value=0.0,
                interpolation="BILINEAR",
            )
            .numpy()
            .astype(np.uint8)
            .reshape(-1, 784)
            for part in range(0, count, 5000)
        ]
        arrays += [np.concatenate(images), (chosen % 10).astype(np.uint8)]
    return Digits(RENDERED, *arrays)


def draw_glyph(digit, font):
    """Returns the digit drawn in the middle of [28, 28] pixels, float32 from 0 to 255."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    canvas = FigureCanvasAgg(Figure(figsize=(1, 1), dpi=28))
    path = pathlib.Path(matplotlib.get_data_path(), "fonts", "ttf", f"{font}.ttf")
    # 68 points at 28 dots an inch: digits about 20 pixels high, as MNIST's are.
    canvas.figure.text(0.5, 0.47, digit, font=path, fontsize=68, ha="center", va="center_baseline")
    canvas.draw()
    return 255 - np.asarray(canvas.buffer_rgba())[:, :, 0].astype(np.float32)


def random_transforms(random, count):
    """Returns [count, 8] float32 projective transforms: turn, shear, scale and shift.

    Each maps a pixel of the new image to one of the old (tf.raw_ops.ImageProjectiveTransformV3).
    """
    turn = np.radians(random.uniform(-15, 15, count))
    shear = random.uniform(-0.25, 0.25, count)
    scale_x, scale_y = 1 / random.uniform(0.75, 1.15, (2, count))
    a, b = scale_x * np.cos(turn), scale_x * (shear * np.cos(turn) - np.sin(turn))
    c, d = scale_y * np.sin(turn), scale_y * (shear * np.sin(turn) + np.cos(turn))
    middle = 13.5
    x, y = middle + random.uniform(-2.5, 2.5, (2, count))
    rows = [a, b, middle - a * x - b * y, c, d, middle - c * x - d * y, 0 * a, 0 * a]
    return np.stack(rows, axis=1).astype(np.float32)


def as_float(images):
    """Returns pixels 0...255 as float32 0...1, by the very product that input_data takes."""
    return images.astype(np.float32) * np.float32(1 / 255)


def one_hot(labels):
    """Returns labels [n] as float32 [n, 10]: a 1 in the column of each label."""
    return np.eye(10, dtype=np.float32)[labels]


class Batches:
    """`mnist.train.next_batch` as a function of (seed, step), so that a run can start at any step.

    The first epoch goes through the digits in file order. Each later one shuffles the order of the
    one before it, with one generator for the whole run; digits that do not fill a last batch are
    dropped. (From input_data's DataSet.next_batch in TensorFlow 0.12.1.)
    """

    def __init__(self, digits, batch_size, seed):
        self.images, self.labels = digits.train_images, digits.train_labels
        self.batch_size = batch_size
        self.epoch = 0
        self.order = np.arange(len(self.images))
        self.random = np.random.RandomState(seed)

    def __call__(self, step):
        """Returns the step's images [n, 784] and labels [n, 10], float32; steps only go up."""
        epoch, batch = divmod(step, len(self.order) // self.batch_size)
        while self.epoch < epoch:
            perm = np.arange(len(self.order))
            self.random.shuffle(perm)
            self.order = self.order[perm]
            self.epoch += 1
        chosen = self.order[batch * self.batch_size :][: self.batch_size]
        return as_float(self.images[chosen]), one_hot(self.labels[chosen])


# --------------------------------------------------------------------------------------- reports


def accuracy_of(network, digits):
    """Returns the part of the test digits that the network gets right, from 0 to 1.

    In slices: all 10,000 in one piece would take gigabytes in the two-layer network.
    """

    @tf.function(input_signature=[tf.TensorSpec([None, 784])])
    def predict(x):
        return tf.argmax(network(x).y_conv, 1)

    right = 0
    for part in range(0, len(digits.test_labels), 500):
        predicted = predict(as_float(digits.test_images[part : part + 500])).numpy()
        right += np.count_nonzero(predicted == digits.test_labels[part : part + 500])
    return right / len(digits.test_labels)


def print_test_accuracy(network, digits):
    """Prints the post's last line, and returns the test accuracy."""
    accuracy = accuracy_of(network, digits)
    print(f"test accuracy {accuracy:g}{digits.remark}", flush=True)
    return accuracy


def new_run_folder(log_dir, digits):
    """Makes a folder of its own for a run's curves under log_dir, and returns its name.

    Raises:
        Failure: it cannot be made.
    """
    start = datetime.datetime.now().strftime("%Y-%m-%d %H.%M.%S")
    try:
        log_dir.mkdir(parents=True, exist_ok=True)
        for again in range(1, 1000):
            name = start + (f" {again}" if again > 1 else "") + digits.remark
            with contextlib.suppress(FileExistsError):
                (log_dir / name).mkdir()
                return name
        raise FileExistsError(17, "too many runs within a second")
    except OSError as error:
        raise Failure(f"{log_dir}: {error.strerror}; choose another --log-dir") from None


RESULT_TAGS = ("test accuracy", "figure")


class Curves:
    """Writes a run's folder for TensorBoard; each call is on disk when it returns.

    Raises:
        Failure: the folder cannot be written, or the disk is full.
    """

    def __init__(self, folder):
        self.folder = folder
        with self.writing(None):
            folder.mkdir(parents=True, exist_ok=True)
            self.is_new = not any(folder.iterdir())
            self.writer = tf.summary.create_file_writer(str(folder))

    @contextlib.contextmanager
    def writing(self, step):
        """Makes tf.summary write here at this step, and turns its errors into a Failure."""
        try:
            if step is None:
                yield
            else:
                with self.writer.as_default(step):
                    yield
                self.writer.flush()
        except (tf.errors.OpError, OSError) as error:
            message = f"cannot write curves to {self.folder}: {reason(error)}"
            raise Failure(f"{message}; choose another --log-dir") from None

    def start(self, settings, network):
        """Writes the run's settings as text, and the network's training step as a graph."""
        lines = ["| setting | value |", "| --- | --- |"]
        lines += [f"| {name} | {value} |" for name, value in settings.items()]
        graph = network.train_step.get_concrete_function().graph.as_graph_def()
        # What lies in no scope is tf.function's own: a node that passes its result out.
        nodes = [node for node in graph.node if "/" in node.name]
        with self.writing(0):
            tf.summary.text("settings", "\n".join(lines))
            tf.summary.graph(tf.compat.v1.GraphDef(node=nodes, versions=graph.versions))

    def report(self, step, cross_entropy, accuracy, h_conv1):
        """Writes what a report says, as the post's summaries do."""
        with self.writing(step):
            tf.summary.scalar("cross entropy", cross_entropy)
            tf.summary.scalar("accuracy", accuracy)
            # tf.summary.histogram makes the same 30 buckets in 85 ms, NumPy in 8.
            counts, edges = np.histogram(h_conv1, bins=30)
            buckets = np.stack([edges[:-1], edges[1:], counts], axis=1)
            tf.summary.write("h_conv1", buckets, metadata=create_summary_metadata(None, None))

    def filters(self, step, W_conv1):
        """Writes the first layer's filters [5, 5, 1, n] as one picture, eight in a row."""
        sheet = contact_sheet(filter_rows(W_conv1.numpy()[:, :, 0], 8), cell=40)
        with self.writing(step):
            tf.summary.image("W_conv1", sheet[None])

    def results(self, step, accuracy, figures):
        """Writes what stands at a run's end: the test accuracy and the figures."""
        with self.writing(step):
            tf.summary.scalar("test accuracy", accuracy)
            for number, figure in enumerate(figures, start=1):
                picture = tf.io.decode_png(as_png(figure, dpi=100), channels=3)
                tf.summary.image(f"figure/{number}", picture[None])


def rewind(folder, step):
    """Takes out of a run's folder what was written after step, and the results of its end.

    So a run that goes on from its checkpoint at `step` writes each point once.

    Raises:
        Failure: the folder cannot be read or written.
    """
    for path in sorted(folder.glob("events.out.tfevents.*")):
        kept = []
        try:
            for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
                event = tf.compat.v1.Event.FromString(record)
                tags = {value.tag.split("/")[0] for value in event.summary.value}
                if event.step <= step and not tags & set(RESULT_TAGS):
                    kept.append(record)
        except tf.errors.DataLossError:
            pass  # the half record that a killed run ends with
        except tf.errors.OpError as error:
            raise Failure(f"cannot read {path}: {reason(error)}") from None
        with tempfile.TemporaryDirectory() as temporary:
            copy = pathlib.Path(temporary, path.name)
            with tf.io.TFRecordWriter(str(copy)) as writer:
                for record in kept:
                    writer.write(record)
            write_whole(path, copy.read_bytes(), "choose another --log-dir")


class LiveLine:
    """On a terminal, a line under the printed ones: step, steps per second, time left."""

    def __init__(self, first, last):
        self.bar = None
        if sys.stderr.isatty():
            from rich import console, progress

            self.bar = progress.Progress(
                progress.TextColumn("step {task.completed:.0f} of {task.total:.0f}"),
                progress.BarColumn(),
                progress.TextColumn("{task.fields[speed]}"),
                progress.TimeRemainingColumn(),
                progress.TextColumn("left"),
                console=console.Console(stderr=True),
                redirect_stdout=False,
                redirect_stderr=False,
                transient=True,
            )
            self.task = self.bar.add_task("", total=last, completed=first, speed="")

    def __enter__(self):
        if self.bar:
            self.bar.start()
        return self

    def __exit__(self, *error):
        if self.bar:
            self.bar.stop()

    def show(self, step):
        """Moves the line on to the step that is done."""
        if self.bar:
            speed = self.bar.tasks[0].speed
            speed = f"{speed:.1f} steps/s" if speed else ""
            self.bar.update(self.task, completed=step, speed=speed)

    def print(self, text):
        """Prints text on stdout, flushed, above the line."""
        self.__exit__()
        print(text, flush=True)
        self.__enter__()


class Speed:
    """Times a run from its second report on, so that TensorFlow's tracing is left out."""

    def __init__(self):
        self.marks = []

    def report(self, step):
        """Notes that the report at this step is done."""
        self.marks.append((step, time.perf_counter()))

    def line(self, steps, last):
        """Returns the line at a run's end: `steps` steps in all, `last` the last one's number."""
        if len(self.marks) < 2 or last == self.marks[1][0]:
            return f"{steps} steps, too few to time: the speed counts from the second report on"
        first, start = self.marks[1]
        seconds = time.perf_counter() - start
        return (
            f"{steps} steps; {(last - first) / seconds:.1f} steps/s from step {first} on "
            f"({last - first} in {seconds:.1f} s, reports included)"
        )


@contextlib.contextmanager
def noted_signals():
    """Notes Ctrl-C, SIGTERM and a lost terminal in the list it yields, instead of dying of them."""
    noted = []
    names = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP
    signals = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = [signal.signal(number, lambda number, _: noted.append(number)) for number in signals]
    try:
        yield noted
    finally:
        for number, handler in zip(signals, before):
            signal.signal(number, handler)


def command(*words):
    """Returns words as a line to paste into a shell."""
    return shlex.join(str(word) for word in words)


def data_words(args):
    """Returns the data options of this run, for a command that is to work on the same digits."""
    words = []
    if args.dataset != "auto":
        words += ["--dataset", args.dataset]
    if args.data_dir != pathlib.Path(DATA_DIR):
        words += ["--data-dir", args.data_dir]
    return words


def tensorboard_command(log_dir):
    """Returns the command that shows the runs; by default TensorBoard keeps 10 of the images."""
    return command("tensorboard", "--logdir", log_dir, "--samples_per_plugin", "images=1000")


# ----------------------------------------------------------------------------------- checkpoints

CHECKPOINT_NAME = "train_data"
KEPT = 5  # as tf.train.Saver keeps them
SETTINGS_KEY = "settings/.ATTRIBUTES/VARIABLE_VALUE"
# What TensorFlow's checkpoint reader raises, depending on where a file is damaged.
UNREADABLE = (tf.errors.OpError, ValueError, IndexError, RuntimeError)


def list_checkpoints(folder):
    """Returns {step: path without ending} of the checkpoints in folder, the newest first."""
    found = {}
    for path in folder.glob(f"{CHECKPOINT_NAME}-*.index"):
        step = path.stem.removeprefix(f"{CHECKPOINT_NAME}-")
        if step.isdecimal():
            found[int(step)] = str(path.with_suffix(""))
    return dict(sorted(found.items(), reverse=True))


def remove_checkpoint(path):
    """Deletes a checkpoint, its index last: if a kill breaks this off, a later call ends it."""
    for data in pathlib.Path(path).parent.glob(f"{os.path.basename(path)}.data-*"):
        data.unlink()
    os.unlink(f"{path}.index")


def read_settings(path):
    """Returns the settings in a checkpoint of ours, None in one of another program.

    Raises:
        one of UNREADABLE: it cannot be read.
    """
    reader = tf.train.load_checkpoint(path)
    if not reader.has_tensor(SETTINGS_KEY):
        return None
    settings = json.loads(reader.get_tensor(SETTINGS_KEY))
    return settings if isinstance(settings, dict) and "run" in settings else None


class Checkpoints:
    """The checkpoints train_data-<step> of one run in one folder; the newest five are kept."""

    def __init__(self, folder, resume, overwrite):
        """Looks at the folder before any work is done.

        Raises:
            Failure: it cannot be written, or holds checkpoints that must not be lost.
        """
        self.folder = folder
        check_writable(folder / CHECKPOINT_NAME, "--checkpoint-dir")
        self.found = list_checkpoints(folder)
        for path in self.found.values():
            with contextlib.suppress(*UNREADABLE):
                if read_settings(path) is None:
                    message = f"{path} is not a checkpoint of this script; choose another"
                    raise Failure(f"{message} --checkpoint-dir")
        if self.found and not resume and not overwrite:
            raise Failure(
                f"{folder} holds {', '.join(f'{CHECKPOINT_NAME}-{step}' for step in self.found)}: "
                "go on from the newest with --resume, or delete them with --overwrite"
            )

    def start(self, network, settings):
        """Begins a new run, which may mean to delete the checkpoints of an earlier one.

        Raises:
            Failure: one cannot be read, so that it may be somebody else's.
        """
        for path in self.found.values():
            try:
                read_settings(path)
            except UNREADABLE:
                raise Failure(f"{path} cannot be read; move or delete it yourself") from None
        if self.found:
            say(f"deleting the checkpoints of an earlier run in {self.folder}")
        for path in self.found.values():
            remove_checkpoint(path)
        self.watch(network, settings)

    def watch(self, network, settings):
        """Makes `settings` and the network's variables what is saved."""
        self.settings = settings
        for path in self.folder.glob(f"{CHECKPOINT_NAME}-*_temp"):
            if re.fullmatch(rf"{CHECKPOINT_NAME}-\d+_temp", path.name):
                shutil.rmtree(path)  # of a run that was killed while it saved
        self.checkpoint = tf.train.Checkpoint(
            network=network,
            step=tf.Variable(0, dtype=tf.int64),
            settings=tf.Variable(json.dumps(settings)),
        )

    def resume(self, network, settings, last):
        """Puts the newest usable checkpoint's values into the network.

        Args:
            network: its variables are set.
            settings: what the checkpoint must have been trained with.
            last: the number of the last step that is to be trained.

        Returns:
            The step that the checkpoint was saved after, or None if there is nothing to resume.

        Raises:
            Failure: it was trained with other settings, or beyond the last step, or all are
                damaged.
        """
        for step, path in self.found.items():
            try:
                reader = tf.train.load_checkpoint(path)
                for name in reader.get_variable_to_shape_map():
                    reader.get_tensor(name)  # checks its checksum
                trained_with = read_settings(path)
                break
            except UNREADABLE:
                say(f"{path} is damaged or cut off: left out")
        else:
            if self.found:
                raise Failure(f"no checkpoint in {self.folder} is usable; --overwrite starts anew")
            return None
        for name, value in settings.items():
            if trained_with.get(name) != value:
                raise Failure(
                    f"{path} was trained with {name} {trained_with.get(name)}, not {value}: give "
                    "the same settings, or start anew with --overwrite"
                )
        if step > last:
            raise Failure(f"{path} is already past --steps {last}; give --steps {step} or more")
        self.watch(network, trained_with)
        try:
            self.checkpoint.read(path).assert_consumed()
        except (AssertionError, *UNREADABLE):
            raise Failure(f"{path} belongs to another network; --overwrite starts anew") from None
        if self.checkpoint.step != step:
            saved = f"{CHECKPOINT_NAME}-{int(self.checkpoint.step)}"
            raise Failure(f"{path} was saved as {saved}; give it its name back")
        say(f"going on from {path}")
        return step

    def save(self, step):
        """Saves train_data-<step>; older ones than the newest five go when it is complete.

        Raises:
            Failure: it cannot be saved, the disk being full, say; the older ones stay good.
        """
        name = f"{CHECKPOINT_NAME}-{step}"
        self.checkpoint.step.assign(step)
        try:
            self.newest = self.checkpoint.write(str(self.folder / name))
        except (tf.errors.OpError, OSError) as error:
            for path in self.folder.glob(f"{name}.*"):
                path.unlink()
            shutil.rmtree(self.folder / f"{name}_temp", ignore_errors=True)
            raise Failure(
                f"cannot save {self.folder / name}: {reason(error)}; "
                "make room and go on with --resume, the older checkpoints are good"
            ) from None
        for path in list(list_checkpoints(self.folder).values())[KEPT:]:
            remove_checkpoint(path)


# --------------------------------------------------------------------------------------- figures


def ink(picture):
    """Returns picture scaled by itself, from 0 (its least) to 1; a flat one is 0 all over."""
    low, high = picture.min(), picture.max()
    return (picture - low) / (high - low) if high > low else np.zeros_like(picture)


def contact_sheet(rows, cell=28):
    """Puts small square pictures together into one.

    Args:
        rows: a list of rows; a row is a list of [h, h] arrays from 0 (white) to 1 (black), or None
            for an empty place. Each is enlarged by the largest whole number that fits a cell.
        cell: a cell's width in pixels, without its frame.

    Returns:
        uint8 [height, width, 3], from 0 (black) to 255 (white).
    """
    pitch = cell + 4  # a frame of one pixel, and one between frames
    sheet = np.zeros([len(rows) * pitch, max(map(len, rows)) * pitch])
    for top, row in enumerate(rows):
        for left, picture in enumerate(row):
            if picture is None:
                continue
            scale = cell // len(picture)
            framed = np.pad(picture.repeat(scale, 0).repeat(scale, 1), 1, constant_values=0.5)
            y, x = (at * pitch + (pitch - len(framed)) // 2 for at in (top, left))
            sheet[y : y + len(framed), x : x + len(framed)] = framed
    return np.repeat(np.uint8(np.rint(255 * (1 - sheet)))[:, :, None], 3, axis=2)


def filter_rows(filters, columns):
    """Returns filters [h, w, n] as rows for a contact sheet, each filter scaled by itself."""
    cells = [ink(filters[:, :, i]) for i in range(filters.shape[-1])]
    return [cells[i : i + columns] for i in range(0, len(cells), columns)]


def draw_features(filters, images, maps, title, cell=28):
    """Draws filters in the top rows and, under them, digits with what the filters make of each.

    Args:
        filters: [h, w, n]; rows of 32 at the most.
        images: the digits, float32 [count, 784] from 0 to 1.
        maps: their feature maps [count, h, w, n], in as many rows a digit as the filters have.
        title: one or two lines that say what is what.
        cell: a cell's width in pixels.

    Returns:
        A matplotlib figure, one screen pixel to a pixel of the sheet.
    """
    import matplotlib.pyplot as plt

    columns = min(filters.shape[-1], 32)
    rows = [[None, *row] for row in filter_rows(filters, columns)]
    for image, features in zip(images, maps):
        first, *others = filter_rows(features, columns)
        rows += [[image.reshape(28, 28), *first], *([None, *row] for row in others)]
    sheet = contact_sheet(rows, cell)
    height, width = sheet.shape[:2]
    margin, head = 8, 28 + 16 * title.count("\n")
    size = np.array([width + 2 * margin, height + margin + head])
    figure = plt.figure(figsize=size / 100, dpi=100)
    axes = figure.add_axes((margin / size[0], margin / size[1], width / size[0], height / size[1]))
    axes.imshow(sheet, interpolation="nearest", aspect="auto")
    axes.set_axis_off()
    figure.text(margin / size[0], 1 - 8 / size[1], title, fontsize=9, va="top", linespacing=1.4)
    return figure


def as_png(figure, dpi=200):
    """Returns the figure as PNG bytes; at 200 dpi two pixels to a pixel of its sheet, and sharp."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()


def png_file(text):
    """An argparse type: a path that ends in .png."""
    path = pathlib.Path(text)
    if path.suffix.lower() != ".png":
        raise argparse.ArgumentTypeError(f"{text!r} does not end in .png")
    return path


def show_or_write(window, figures, dpi=200):
    """Opens a window for each figure of {path: figure}, or writes each as PNG to its path."""
    import matplotlib.pyplot as plt

    if window:
        plt.show()
        return
    for path, figure in figures.items():
        write_whole(path, as_png(figure, dpi), "choose another path for the figure")
        say(f"figure: {path}")


def draw_offscreen():
    """Keeps matplotlib from opening windows."""
    import matplotlib.pyplot as plt

    plt.switch_backend("agg")


def opens_window(figure_path):
    """Returns whether figures go to a window: no file is asked for, and there is a display."""
    import matplotlib.pyplot as plt

    if figure_path is None:
        try:
            canvas = plt.figure().canvas
        except ImportError as error:  # MPLBACKEND names a window system that is not there
            raise Failure(f"{error}; unset MPLBACKEND, or name a file for the figure") from None
        plt.close()
        if canvas.required_interactive_framework:
            return True
    draw_offscreen()
    return False


def check_writable(path, option):
    """Makes the folder that path lies in where needed, and raises a Failure if path is a folder or
    its folder cannot be written to."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
        if path.is_dir():
            raise IsADirectoryError(21, "is a folder, not a file")
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}; choose another {option}") from None
