"""One layer of 16 edge filters: 97.5 % of MNIST right after 1,001 short steps.

The network is the post's first one. Sixteen 5x5 filters look for edges; what
each finds is pooled to 14x14 pixels; 16 features made of that decide between
the ten digits. At the end the filters are drawn, with what they make of the
first 12 test digits.

Example:
    python single_conv.py --figure filters.png
    tensorboard --logdir /tmp/cnn_single
"""

import pathlib
from typing import NamedTuple

import common
from common import bias_variable, conv2d, max_pool_2x2, tf, weight_variable

num_filters = 16
num_fc = 16
BATCH_SIZE = 100
REPORT_EVERY = 10  # steps


class Layers(NamedTuple):
    """What the network makes of a batch: the post's tensors, under its names."""

    h_conv1: tf.Tensor
    h_pool1: tf.Tensor
    logits: tf.Tensor
    y_conv: tf.Tensor


class SingleConv(tf.Module):
    """The network with one layer of filters.

    Call it with digits x, float32 [batch, 784] from 0 to 1, to get its Layers.
    """

    def __init__(self, seed=1):
        super().__init__()

        def random():
            # The post's truncated_normal(seed=1) outside of any graph seed: TensorFlow 0.x takes
            # the pair (87654321, 1), and each variable starts that same stream anew.
            return tf.random.Generator.from_state([0, seed, 87654321], alg="philox")

        with tf.name_scope("convolution1"):
            self.W_conv1 = weight_variable([5, 5, 1, num_filters], random(), "W_conv1")
        with tf.name_scope("fully-connected"):
            self.W_fc1 = weight_variable([14 * 14 * num_filters, num_fc], random(), "W_fc1")
            self.b_fc1 = bias_variable([num_fc], "b_fc1")
        with tf.name_scope("readout"):
            self.W_fc2 = weight_variable([num_fc, 10], random(), "W_fc2")
            self.b_fc2 = bias_variable([10], "b_fc2")

    def __call__(self, x):
        with tf.name_scope("input/"):
            x_image = tf.reshape(x, [-1, 28, 28, 1])  # [batch, 28, 28, 1]

        with tf.name_scope("convolution1/"):
            # [batch, 28, 28, 16]; an edge counts whichever side of it is dark, if it is clear
            h_conv1 = tf.nn.relu(tf.abs(conv2d(x_image, self.W_conv1)) - 0.2)

        with tf.name_scope("pooling1/"):
            h_pool1 = max_pool_2x2(h_conv1)  # [batch, 14, 14, 16]

        with tf.name_scope("fully-connected/"):
            h_pool1_flat = tf.reshape(h_pool1, [-1, 14 * 14 * num_filters])  # [batch, 3136]
            h_fc1 = tf.nn.relu(tf.matmul(h_pool1_flat, self.W_fc1) + self.b_fc1)  # [batch, 16]

        with tf.name_scope("readout/"):
            logits = tf.matmul(h_fc1, self.W_fc2) + self.b_fc2  # [batch, 10]
            y_conv = tf.nn.softmax(logits)  # [batch, 10]

        return Layers(h_conv1, h_pool1, logits, y_conv)

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 784], name="input/x-input"),
            tf.TensorSpec([None, 10], name="optimizer/y-input"),
        ]
    )
    def train_step(self, x, y_):
        """Moves the variables down the gradient of the cross entropy of digits x, labels y_.

        Returns the cross entropy before the step: a function that returns nothing is not optimized
        by TensorFlow.
        """
        cross_entropy, _ = common.measure(self(x), y_)
        with tf.name_scope("optimizer/"):
            variables = self.trainable_variables
            # tf.gradients, since a GradientTape's gradients lie outside this scope in TensorBoard
            for variable, gradient in zip(variables, tf.gradients(cross_entropy, variables)):
                variable.assign_sub(0.001 * gradient)
        return cross_entropy

    @tf.function(input_signature=[tf.TensorSpec([None, 784]), tf.TensorSpec([None, 10])])
    def report(self, x, y_):
        """Returns what a report says of a batch: cross entropy, accuracy and h_conv1."""
        layers = self(x)
        return *common.measure(layers, y_), layers.h_conv1


def visualize(network, digits, title):
    """Draws the 16 filters and what they make of the first 12 test digits."""
    images = common.as_float(digits.test_images[:12])
    h_pool1 = network(images).h_pool1.numpy()
    return common.draw_features(network.W_conv1.numpy()[:, :, 0], images, h_pool1, title, cell=56)


def main():
    parser = common.parser(__doc__)
    common.add_training_options(parser, steps=1000, log_dir="/tmp/cnn_single")
    common.add_data_options(parser)
    parser.add_argument(
        "--figure",
        type=common.png_file,
        metavar="FILE",
        help="write the figure here as PNG; without it a window opens, or where there is no "
        "display, single_conv.png is written",
    )
    args = parser.parse_args()

    window = common.opens_window(args.figure)
    figure_path = args.figure or pathlib.Path("single_conv.png")
    if not window:
        common.check_writable(figure_path, "--figure")
    digits = common.load_digits(args.dataset, args.data_dir)
    next_batch = common.Batches(digits, BATCH_SIZE, args.seed)
    network = SingleConv(args.seed)
    curves = common.Curves(args.log_dir / common.new_run_folder(args.log_dir, digits))
    settings = {"script": "single_conv.py", "data": digits.name, "seed": args.seed}
    curves.start(settings | {"steps": args.steps}, network)

    speed = common.Speed()
    with common.LiveLine(0, args.steps) as live_line:
        for i in range(args.steps + 1):
            x, y_ = next_batch(i)
            network.train_step(x, y_)
            if i % REPORT_EVERY == 0:
                cross_entropy, accuracy, h_conv1 = network.report(x, y_)
                curves.report(i, cross_entropy, accuracy, h_conv1)
                curves.filters(i, network.W_conv1)
                live_line.print(f"step {i}, training accuracy {accuracy:g}")
                speed.report(i)
            live_line.show(i)
    speed_line = speed.line(args.steps + 1, args.steps)

    test_accuracy = common.print_test_accuracy(network, digits)
    title = (
        "single_conv.py: the 16 filters (top row), and what they make of the first 12 test digits"
        f"\n{digits.name}, seed {args.seed}, step {args.steps}, test accuracy {test_accuracy:g}"
    )
    figure = visualize(network, digits, title)
    curves.results(args.steps, test_accuracy, [figure])
    common.say(speed_line)
    common.say(f"curves: {curves.folder}")
    common.say(f"next: {common.tensorboard_command(args.log_dir)}")
    common.show_or_write(window, {figure_path: figure}, dpi=100)


if __name__ == "__main__":
    common.run(main)
