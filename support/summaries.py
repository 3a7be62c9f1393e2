"""Event files for TensorBoard: run folders, the fast histogram, the filters, the post's own run."""

import contextlib
import csv
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
from tensorboard.plugins.histogram.metadata import create_summary_metadata

from support import figures
from support.files import check_folder, write_whole
from support.quiet import tf
from support.terminal import Failure, print_next, print_stderr


class RunWriter:
    """Logs a run to a separate folder under log_dir, with tf.summary.

    `settings` is a dict with the keys "script", "data" and "seed", and perhaps more; a new run
    begins with them, as text, and with the graph of the network's train_step. `run` is the name of
    the folder of a run that is resumed; a new event file continues it, and the files that are there
    stay as they are. A point that was logged already is logged again, on the same CPU with the same
    value, and TensorBoard shows it once.
    """

    def __init__(self, log_dir, network, settings, run=None):
        if run and not (log_dir / run).is_dir():
            print_stderr(f"{log_dir / run} does not exist; the curves start again from here")
            run = None
        check_folder(log_dir, "--log-dir")
        self.folder = log_dir / run if run else new_folder(log_dir, settings)
        self.writer = tf.summary.create_file_writer(str(self.folder))
        if not run:
            with self.logging(step=0):
                tf.summary.text("settings", "\n".join(f"- {k}: {v}" for k, v in settings.items()))
                tf.summary.graph(graph_of(network.train_step))

    @contextlib.contextmanager
    def logging(self, step):
        """Lets tf.summary log to this run; what is logged is on disk when the `with` block ends.

        Raises a Failure on a full disk, where TensorFlow is silent.
        """
        if shutil.disk_usage(self.folder).free < 2**20:
            raise Failure(f"{self.folder}: No space left on device; free some, or use --log-dir")
        with self.writer.as_default(step):
            yield  # as_default flushes when it ends

    def finish(self, step, test_accuracy, png=None):
        """Logs the test accuracy and a figure, a PNG file; prints where the curves are."""
        with self.logging(step):
            tf.summary.scalar("test accuracy", test_accuracy)
            if png:
                tf.summary.image("test digits", tf.io.decode_png(png.read_bytes())[None])
        print_stderr(f"curves: {self.folder}")
        # By default TensorBoard keeps only 10 images per tag.
        images = ["--samples_per_plugin", "images=1000"]
        print_next("tensorboard", "--logdir", self.folder.parent, *images)


def new_folder(log_dir, settings):
    """Creates and returns a run's folder, named after the time and what is not the default."""
    suffix = f"-seed{settings['seed']}" if settings["seed"] != 1 else ""
    if settings.get("bfloat16"):
        suffix += "-bfloat16"
    if settings["data"] != "MNIST":
        suffix += "-not-MNIST"
    while True:
        folder = log_dir / f"{time.strftime('%Y%m%d-%H%M%S')}{suffix}"
        with contextlib.suppress(FileExistsError):  # another run started in the same second
            folder.mkdir()
            return folder
        time.sleep(0.1)


def graph_of(function):
    """Returns the GraphDef of a tf.function, without the nodes that tf.function itself adds.

    These, its output plumbing, are outside all name scopes. Unlike the post's, the graph of
    train_step does not contain the accuracy, which only the reports compute.
    """
    graph = function.get_concrete_function().graph.as_graph_def()
    nodes = [node for node in graph.node if "/" in node.name]
    return tf.compat.v1.GraphDef(node=nodes, versions=graph.versions)


def the_posts_run(script):
    """Returns the name of the run of the post's own program, e.g. for "single_conv.py"."""
    return f"the-post-{Path(script).stem}-tensorflow-0.12.1"


def write_the_posts_run(log_dir, settings):
    """Writes the curves of the post's own program as a run beside ours, unless it is there.

    Those curves are MNIST's; beside a run on other data there are none.
    """
    script = settings["script"]
    events = log_dir / the_posts_run(script) / "events.out.tfevents.0.the-post"
    if settings["data"] != "MNIST" or events.exists():
        return
    name = f"{script.split('_')[0]}_curve_tf0.12.1.csv"
    curve = Path(__file__).parent / "recordings" / name
    # Written elsewhere until it is whole: a killed process must not leave half of a curve.
    with tempfile.TemporaryDirectory() as unfinished:
        writer = tf.summary.create_file_writer(unfinished)
        with open(curve) as file, writer.as_default():
            for row in csv.DictReader(file):
                for tag in "accuracy", "cross entropy":
                    tf.summary.scalar(tag, float(row[tag.replace(" ", "_")]), int(row["step"]))
        writer.close()
        (written,) = Path(unfinished).iterdir()
        events.parent.mkdir(exist_ok=True)
        write_whole(events, written.read_bytes())


def filters(tag, W):
    """Logs the filters W [h, w, 1, n] as one image, eight in a row; dark is a large weight."""
    images = list(np.moveaxis(W.numpy()[:, :, 0], -1, 0))
    rows = [images[i : i + 8] for i in range(0, len(images), 8)]
    sheet = 1 - figures.contact_sheet(rows, cell=40)
    tf.summary.image(tag, sheet[np.newaxis, :, :, np.newaxis])


def histogram(tag, values):
    """Logs a tensor as tf.summary.histogram does (equal values aside), but many times faster."""
    metadata = create_summary_metadata(None, None)
    tf.summary.write(tag, tf.cast(buckets(values), tf.float64), metadata=metadata)


@tf.function(input_signature=[tf.TensorSpec(None)], autograph=False)
def buckets(values):
    """Returns left edge, right edge and count of 30 buckets, float32 [30, 3]."""
    low, high = tf.reduce_min(values), tf.reduce_max(values)
    high = tf.where(high > low, high, low + 1)
    counts = tf.histogram_fixed_width(values, [low, high], nbins=30)
    edges = tf.linspace(low, high, 31)
    return tf.stack([edges[:-1], edges[1:], tf.cast(counts, tf.float32)], axis=1)
