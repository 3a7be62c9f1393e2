"""Train two layers of filters (32, then 64) with dropout: 99.2% accuracy on MNIST.

This is the second network of enakai00's "Deep MNIST for Experts, part 3".
The first layer applies 32 filters to the digit, the second 64 filters to the
resulting 32 feature maps; 1,024 features computed from these classify the ten
digits. The 20,001 steps take five to ten minutes ("time to slowly drink a
coffee"), so the network is saved every 100 steps as train_data-<step>; continue
an interrupted run with --resume.

Example:
    python double_conv.py --checkpoint-dir checkpoints
    python visualize_filters.py checkpoints/train_data-20000
    tensorboard --logdir /tmp/cnn --samples_per_plugin images=1000
"""

from typing import NamedTuple

import common
from common import bias_variable, conv2d, max_pool_2x2, weight_variable
from support import checkpoints, fast_ops, input_data, summaries, terminal
from support.quiet import tf

num_fc = 1024
batch_size = 50
report_every = 100  # steps; each report also saves a checkpoint
filters_every = 1000  # steps from one logged image of the filters to the next
DROPOUT_SEED = tf.TensorSpec([2], tf.int32, name="dropout/seed")


class Layers(NamedTuple):
    """The network's activations for a batch, under the post's names, float32."""

    h_conv1: tf.Tensor  # [batch, 28, 28, 32]
    h_pool1: tf.Tensor  # [batch, 14, 14, 32]
    h_conv2: tf.Tensor  # [batch, 14, 14, 64]
    h_pool2: tf.Tensor  # [batch, 7, 7, 64]
    h_fc1: tf.Tensor  # [batch, 1024], before dropout
    logits: tf.Tensor  # [batch, 10]
    y_conv: tf.Tensor  # [batch, 10]


class DoubleConv(tf.Module):
    """The network. Call it with a batch x, float32 [batch, 784] from 0 to 1, to get its Layers.

    28x28x1 -conv 5x5-> 28x28x32 -pool-> 14x14x32 -conv 5x5-> 14x14x64 -pool-> 7x7x64 -> 1024 -> 10
    """

    def __init__(self, seed=1):
        super().__init__()
        # The post does not seed this network; here all weights draw from one stream, in order.
        random = tf.random.Generator.from_seed(seed, alg="philox")
        self.W_conv1 = weight_variable([5, 5, 1, 32], random)
        self.b_conv1 = bias_variable([32])
        self.W_conv2 = weight_variable([5, 5, 32, 64], random)
        self.b_conv2 = bias_variable([64])
        self.W_fc1 = weight_variable([7 * 7 * 64, num_fc], random)
        self.b_fc1 = bias_variable([num_fc])
        self.W_fc2 = weight_variable([num_fc, 10], random)
        self.b_fc2 = bias_variable([10])
        # tf.compat.v1 holds the post's own class, with its epsilon of 1e-8. It is faster than
        # Keras's Adam, because it uses TensorFlow's fused kernel.
        self.optimizer = tf.compat.v1.train.AdamOptimizer(1e-4)

    def __call__(self, x, keep_prob=1.0, dropout_seed=(0, 0)):
        """Returns the Layers; keep_prob is the share of h_fc1 that dropout keeps, 1.0 for all.

        dropout_seed, int32 [2], determines which features are kept.
        """
        with tf.name_scope("input"):
            x_image = tf.reshape(x, [-1, 28, 28, 1])  # [batch, 28, 28, 1]

        # Whether edges are useful features is not known here, so the layer is a general linear one:
        # filters and biases.
        with tf.name_scope("convolution1"):
            h_conv1 = tf.nn.relu(conv2d(x_image, self.W_conv1) + self.b_conv1)  # [b., 28, 28, 32]

        # Each pooling halves height and width: 28x28 becomes 14x14, and later 7x7.
        with tf.name_scope("pooling1"):
            h_pool1 = max_pool_2x2(h_conv1)  # [batch, 14, 14, 32]

        # Each of the 64 filters has 32 sub-filters, one per feature map of the first layer, and
        # adds up their outputs: 64 * 32 = 2,048 sub-filters in all.
        with tf.name_scope("convolution2"):
            h_conv2 = tf.nn.relu(conv2d(h_pool1, self.W_conv2) + self.b_conv2)  # [b., 14, 14, 64]

        with tf.name_scope("pooling2"):
            h_pool2 = max_pool_2x2(h_conv2)  # [batch, 7, 7, 64]

        # 1,024 features, each a weighted sum of the 7 * 7 * 64 = 3,136 pooled pixels.
        with tf.name_scope("fully-connected"):
            h_pool2_flat = tf.reshape(h_pool2, [-1, 7 * 7 * 64])  # [batch, 3136]
            # tf.matmul, but with a faster gradient
            h_fc1 = tf.nn.relu(fast_ops.matmul(h_pool2_flat, self.W_fc1) + self.b_fc1)  # [b., 1024]

        # In training, half of the features are dropped at random. This is meant to keep them from
        # relying on one another, and the network from learning the training set by heart. Those
        # that are kept are divided by keep_prob, that is doubled, so that their sum stays about the
        # same; the reports and the test keep all features, and need no change.
        with tf.name_scope("dropout"):
            dropout = tf.nn.experimental.stateless_dropout
            h_fc1_drop = dropout(h_fc1, rate=1 - keep_prob, seed=dropout_seed)  # [batch, 1024]

        # The probabilities of the ten digits.
        with tf.name_scope("readout"):
            logits = tf.matmul(h_fc1_drop, self.W_fc2) + self.b_fc2  # [batch, 10]
            y_conv = tf.nn.softmax(logits)  # [batch, 10]

        return Layers(h_conv1, h_pool1, h_conv2, h_pool2, h_fc1, logits, y_conv)

    @tf.function(input_signature=[common.X, common.Y_, DROPOUT_SEED], autograph=False)
    def train_step(self, x, y_, dropout_seed):
        """Takes one step of Adam on the batch; dropout_seed determines the dropout mask.

        Returns the cross entropy before the step. If it returned nothing, TensorFlow would also
        compute what nobody uses, such as the first convolution's gradient for the image.
        """
        with tf.GradientTape() as tape:
            logits = self(x, keep_prob=0.5, dropout_seed=dropout_seed).logits
            with tf.name_scope("optimizer") as scope:
                cross_entropy = common.cross_entropy(logits, y_)
        with tf.name_scope(scope):  # the same scope again
            gradients = tape.gradient(cross_entropy, self.trainable_variables)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
        return cross_entropy

    @tf.function(input_signature=[common.X, common.Y_], autograph=False)
    def evaluate(self, x, y_):
        """Returns a batch's cross entropy, accuracy and h_conv1, without dropout."""
        h = self(x)
        return common.cross_entropy(h.logits, y_), common.accuracy(h.y_conv, y_), h.h_conv1


def options():
    """Returns the command line's options."""
    parser = terminal.parser(__doc__)
    terminal.add_training_options(parser, steps=20000, log_dir="/tmp/cnn")
    parser.add_argument(
        "--checkpoint-dir",
        type=checkpoints.folder,
        default=".",
        metavar="DIR",
        help="folder for train_data-<step>; the newest five are kept (default: current folder)",
    )
    parser.add_argument(
        "--bfloat16",
        action="store_true",
        help="multiply in bfloat16: faster on most CPUs with AVX512-BF16 or AMX, slower or without "
        "effect on others",
    )
    existing = parser.add_mutually_exclusive_group()
    existing.add_argument(
        "--resume",
        action="store_true",
        help="continue from the newest checkpoint; on the same CPU with the same number of cores, "
        "the result is that of an uninterrupted run",
    )
    existing.add_argument(
        "--overwrite",
        action="store_true",
        help="start over; this script's checkpoints in that folder are deleted as soon as the new "
        "run has saved its first",
    )
    return parser.parse_args()


def main():
    args = options()
    mnist = input_data.read_data_sets(args.data_dir, args.dataset, args.seed)
    network = DoubleConv(args.seed)
    settings = {
        "script": "double_conv.py",
        "data": mnist.name,
        "seed": args.seed,
        "bfloat16": args.bfloat16,
    }
    saver = checkpoints.Saver(args.checkpoint_dir, network, settings)
    first, run = saver.begin(args.steps, args.resume, args.overwrite)
    writer = summaries.RunWriter(args.log_dir, network, settings, run)
    summaries.write_the_posts_run(args.log_dir, settings)
    mnist.train.skip(first, batch_size)

    with fast_ops.bfloat16(args.bfloat16):
        for i in terminal.progress(range(first, args.steps + 1)):
            x, y_ = mnist.train.next_batch(batch_size)
            # A new dropout mask at each step, and the same one again after --resume.
            network.train_step(x, y_, dropout_seed=[args.seed, i])
            if i % report_every == 0 or i == args.steps:
                cross_entropy, accuracy, h_conv1 = network.evaluate(x, y_)
                with writer.logging(step=i):
                    tf.summary.scalar("cross entropy", cross_entropy)
                    tf.summary.scalar("accuracy", accuracy)
                    summaries.histogram("h_conv1", h_conv1)  # tf.summary.histogram, only faster
                    if i % filters_every == 0:  # not in the post: the filters as they are learned
                        summaries.filters("filters", network.W_conv1)
                # Unlike the post, saved before printed: --resume never repeats a step you saw.
                saver.save(i, run=writer.folder.name)
                terminal.print_stdout(f"step {i}, training accuracy {accuracy:g}")

    test_accuracy = common.print_test_accuracy(network, mnist)
    writer.finish(args.steps, test_accuracy)
    newest = args.checkpoint_dir / f"train_data-{args.steps}"
    script = terminal.SCRIPTS / "visualize_filters.py"
    terminal.print_next("python", script, newest, "--data-dir", args.data_dir)


if __name__ == "__main__":
    terminal.run(main, if_stopped="; --resume continues from the newest checkpoint, if any")
