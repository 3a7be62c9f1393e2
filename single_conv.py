"""Train one layer of 16 filters: 97.5% accuracy on MNIST after 1,001 steps.

This is the first network of enakai00's "Deep MNIST for Experts, part 3".
Sixteen 5x5 filters are meant to find edges; each filter's output is pooled to
14x14 pixels, and 16 features computed from these classify the ten digits. At
the end the script draws the filters and their feature maps for the first 12
test digits.

Example:
    python single_conv.py --figure filters.png
    tensorboard --logdir /tmp/cnn_single --samples_per_plugin images=1000
"""

from typing import NamedTuple

import common
from common import bias_variable, conv2d, max_pool_2x2, weight_variable
from support import figures, input_data, summaries, terminal
from support.quiet import tf

num_filters = 16
num_fc = 16
batch_size = 100
report_every = 10  # steps
filters_every = 100  # steps from one logged image of the filters to the next
C = 12  # test digits to draw


class Layers(NamedTuple):
    """The network's activations for a batch, under the post's names, float32."""

    h_conv1: tf.Tensor  # [batch, 28, 28, 16]
    h_pool1: tf.Tensor  # [batch, 14, 14, 16]
    h_fc1: tf.Tensor  # [batch, 16]
    logits: tf.Tensor  # [batch, 10]
    y_conv: tf.Tensor  # [batch, 10]


class SingleConv(tf.Module):
    """The network. Call it with a batch x, float32 [batch, 784] from 0 to 1, to get its Layers.

    28x28x1 -conv 5x5-> 28x28x16 -pool-> 14x14x16 -> 16 -> 10
    """

    def __init__(self, seed=1):
        super().__init__()

        def new_stream():
            # The post gives truncated_normal the seed 1; its tf.set_random_seed(1) acts on another
            # graph. So TensorFlow 0.x takes the pair (87654321, 1), and every variable restarts
            # that stream.
            return tf.random.Generator.from_state([0, seed, 87654321], alg="philox")

        self.W_conv1 = weight_variable([5, 5, 1, num_filters], new_stream())
        self.W_fc1 = weight_variable([14 * 14 * num_filters, num_fc], new_stream())
        self.b_fc1 = bias_variable([num_fc])
        self.W_fc2 = weight_variable([num_fc, 10], new_stream())
        self.b_fc2 = bias_variable([10])
        # The post's own class; Keras's SGD is no faster.
        self.optimizer = tf.compat.v1.train.GradientDescentOptimizer(0.001)

    def __call__(self, x):
        with tf.name_scope("input"):
            x_image = tf.reshape(x, [-1, 28, 28, 1])  # [batch, 28, 28, 1]

        # A filter responds to dark-to-light and light-to-dark edges with opposite signs; abs()
        # keeps both, and relu(... - 0.2) drops weak responses.
        with tf.name_scope("convolution1"):
            h_conv1 = tf.nn.relu(tf.abs(conv2d(x_image, self.W_conv1)) - 0.2)  # [batch, 28, 28, 16]

        # Meant to tell that there is an edge, and less exactly where: keep the strongest response
        # of each 2x2 block.
        with tf.name_scope("pooling1"):
            h_pool1 = max_pool_2x2(h_conv1)  # [batch, 14, 14, 16]

        # 16 features, each a weighted sum of all pixels of all 16 feature maps.
        with tf.name_scope("fully-connected"):
            h_pool1_flat = tf.reshape(h_pool1, [-1, 14 * 14 * num_filters])  # [batch, 3136]
            h_fc1 = tf.nn.relu(tf.matmul(h_pool1_flat, self.W_fc1) + self.b_fc1)  # [batch, 16]

        # The probabilities of the ten digits.
        with tf.name_scope("readout"):
            logits = tf.matmul(h_fc1, self.W_fc2) + self.b_fc2  # [batch, 10]
            y_conv = tf.nn.softmax(logits)  # [batch, 10]

        return Layers(h_conv1, h_pool1, h_fc1, logits, y_conv)

    # tf.function traces the Python code once into a graph, which every call then runs. The
    # signature's None lets one graph serve batches of any size; its names are the post's.
    # AutoGraph, which would translate Python's `if` and `for`, has nothing to translate here.
    @tf.function(input_signature=[common.X, common.Y_], autograph=False)
    def train_step(self, x, y_):
        """Takes one gradient-descent step on the batch.

        Returns the cross entropy before the step. If it returned nothing, TensorFlow would also
        compute what nobody uses, such as the convolution's gradient for the image.
        """
        with tf.GradientTape() as tape:
            logits = self(x).logits
            with tf.name_scope("optimizer") as scope:
                cross_entropy = common.cross_entropy(logits, y_)
        with tf.name_scope(scope):  # the same scope again
            gradients = tape.gradient(cross_entropy, self.trainable_variables)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
        return cross_entropy

    @tf.function(input_signature=[common.X, common.Y_], autograph=False)
    def evaluate(self, x, y_):
        """Returns a batch's cross entropy, accuracy and h_conv1."""
        h = self(x)
        return common.cross_entropy(h.logits, y_), common.accuracy(h.y_conv, y_), h.h_conv1


def visualize(network, images, title):
    """Draws the filters and, below them, their feature maps for images, float32 [n, 784]."""
    return figures.draw_features(
        network.W_conv1.numpy()[:, :, 0],  # [5, 5, 16]
        images,
        network(images).h_pool1.numpy(),  # [n, 14, 14, 16]
        f"single_conv.py: {num_filters} filters (top row), their feature maps for {len(images)} "
        f"test digits\n{title}",
        # Half as many columns as the other figures: cells twice as large, saved at half their dpi.
        cell=56,
    )


def options():
    """Returns the command line's options."""
    parser = terminal.parser(__doc__)
    terminal.add_training_options(parser, steps=1000, log_dir="/tmp/cnn_single")
    parser.add_argument(
        "--figure",
        type=terminal.path,
        default="single_conv.png",
        metavar="PNG",
        help="file for the figure, which replaces an earlier one (default: %(default)s)",
    )
    return parser.parse_args()


def main():
    args = options()
    figures.check_png(args.figure, "--figure")
    mnist = input_data.read_data_sets(args.data_dir, args.dataset, args.seed)
    network = SingleConv(args.seed)
    settings = {"script": "single_conv.py", "data": mnist.name, "seed": args.seed}
    writer = summaries.RunWriter(args.log_dir, network, settings)
    summaries.write_the_posts_run(args.log_dir, settings)

    for i in terminal.progress(range(args.steps + 1)):
        x, y_ = mnist.train.next_batch(batch_size)
        network.train_step(x, y_)
        if i % report_every == 0:
            cross_entropy, accuracy, h_conv1 = network.evaluate(x, y_)
            with writer.logging(step=i):
                tf.summary.scalar("cross entropy", cross_entropy)
                tf.summary.scalar("accuracy", accuracy)
                summaries.histogram("h_conv1", h_conv1)  # tf.summary.histogram, only faster
                if i % filters_every == 0:  # not in the post: the filters as they are learned
                    summaries.filters("filters", network.W_conv1)
            terminal.print_stdout(f"step {i}, training accuracy {accuracy:g}")

    test_accuracy = common.print_test_accuracy(network, mnist)

    images, _ = mnist.test.next_batch(C)
    title = f"{mnist.name}, seed {args.seed}, step {args.steps}, test accuracy {test_accuracy:g}"
    figure = visualize(network, images, title)
    figures.save([figure], [args.figure], dpi=100)
    writer.finish(args.steps, test_accuracy, args.figure)
    figures.show([args.figure])


if __name__ == "__main__":
    terminal.run(main)
