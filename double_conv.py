"""Two layers of filters, 32 and 64, and dropout: 99.2 % of MNIST right.

The network is the post's second one. The first layer looks at the digit with
32 filters, the second at the 32 pictures that come out of it with 64; 1,024
features made of that decide between the ten digits. The 20,001 steps take
minutes ("time to slowly drink a coffee"), so every 100 steps the network is
saved as train_data-<step>; a run that was stopped goes on with --resume.

Example:
    python double_conv.py --checkpoint-dir checkpoints
    python visualize_filters.py checkpoints/train_data-20000
    tensorboard --logdir /tmp/cnn
"""

import pathlib
import sys
from typing import NamedTuple

import common
from common import bias_variable, conv2d, matmul, max_pool_2x2, np, tf, weight_variable

BATCH_SIZE = 50
REPORT_EVERY = 100  # steps
FILTERS_EVERY = 1000  # steps


class Layers(NamedTuple):
    """What the network makes of a batch: the post's tensors, under its names."""

    h_conv1: tf.Tensor
    h_pool1: tf.Tensor
    h_pool2: tf.Tensor
    logits: tf.Tensor
    y_conv: tf.Tensor


class DoubleConv(tf.Module):
    """The network with two layers of filters.

    Call it with digits x, float32 [batch, 784] from 0 to 1, to get its Layers.
    """

    def __init__(self, seed=1):
        super().__init__()
        # The post seeds nothing here: one stream, of which each variable takes the next numbers.
        random = tf.random.Generator.from_seed(seed, alg="philox")
        with tf.name_scope("convolution1"):
            self.W_conv1 = weight_variable([5, 5, 1, 32], random, "W_conv1")
            self.b_conv1 = bias_variable([32], "b_conv1")
        with tf.name_scope("convolution2"):
            self.W_conv2 = weight_variable([5, 5, 32, 64], random, "W_conv2")
            self.b_conv2 = bias_variable([64], "b_conv2")
        with tf.name_scope("fully-connected"):
            self.W_fc1 = weight_variable([7 * 7 * 64, 1024], random, "W_fc1")
            self.b_fc1 = bias_variable([1024], "b_fc1")
        with tf.name_scope("readout"):
            self.W_fc2 = weight_variable([1024, 10], random, "W_fc2")
            self.b_fc2 = bias_variable([10], "b_fc2")
        # The post's own class, since it runs TensorFlow's fused Adam kernel: a step took 34 ms, and
        # 36 ms with Keras's Adam (20 and 24 ms in bfloat16). Its epsilon is 1e-8.
        self.optimizer = tf.compat.v1.train.AdamOptimizer(1e-4)

    def __call__(self, x, keep_prob=1.0, dropout_seed=(0, 0)):
        # bias_add, and not the post's `+`: the same sums, with a gradient that is a kernel
        with tf.name_scope("input/"):
            x_image = tf.reshape(x, [-1, 28, 28, 1])  # [batch, 28, 28, 1]

        with tf.name_scope("convolution1/"):
            h_conv1 = conv2d(x_image, self.W_conv1)
            h_conv1 = tf.nn.relu(tf.nn.bias_add(h_conv1, self.b_conv1))  # [batch, 28, 28, 32]

        with tf.name_scope("pooling1/"):
            h_pool1 = max_pool_2x2(h_conv1)  # [batch, 14, 14, 32]

        with tf.name_scope("convolution2/"):
            h_conv2 = conv2d(h_pool1, self.W_conv2)
            h_conv2 = tf.nn.relu(tf.nn.bias_add(h_conv2, self.b_conv2))  # [batch, 14, 14, 64]

        with tf.name_scope("pooling2/"):
            h_pool2 = max_pool_2x2(h_conv2)  # [batch, 7, 7, 64]

        with tf.name_scope("fully-connected/"):
            h_pool2_flat = tf.reshape(h_pool2, [-1, 7 * 7 * 64])  # [batch, 3136]
            h_fc1 = matmul(h_pool2_flat, self.W_fc1)
            h_fc1 = tf.nn.relu(tf.nn.bias_add(h_fc1, self.b_fc1))  # [batch, 1024]

        with tf.name_scope("dropout/"):
            h_fc1_drop = tf.nn.experimental.stateless_dropout(
                h_fc1, rate=1 - keep_prob, seed=dropout_seed
            )  # [batch, 1024]

        with tf.name_scope("readout/"):
            logits = tf.matmul(h_fc1_drop, self.W_fc2)
            logits = tf.nn.bias_add(logits, self.b_fc2)  # [batch, 10]
            y_conv = tf.nn.softmax(logits)  # [batch, 10]

        return Layers(h_conv1, h_pool1, h_pool2, logits, y_conv)

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 784], name="input/x-input"),
            tf.TensorSpec([None, 10], name="optimizer/y-input"),
            tf.TensorSpec([2], tf.int32, name="dropout/seed"),
        ]
    )
    def train_step(self, x, y_, dropout_seed):
        """Takes one step of Adam on digits x with labels y_; dropout follows from its seed.

        Returns the cross entropy before the step. TensorFlow leaves a function that returns
        nothing unoptimized, without its fused kernels: 35 ms a step and not 30.
        """
        layers = self(x, keep_prob=0.5, dropout_seed=dropout_seed)
        cross_entropy, _ = common.measure(layers, y_)
        with tf.name_scope("optimizer/"):
            self.optimizer.minimize(cross_entropy, var_list=self.trainable_variables)
        return cross_entropy

    @tf.function(input_signature=[tf.TensorSpec([None, 784]), tf.TensorSpec([None, 10])])
    def report(self, x, y_):
        """Returns what a report says of a batch: cross entropy, accuracy and h_conv1."""
        layers = self(x)
        return *common.measure(layers, y_), layers.h_conv1


def main():
    parser = common.parser(__doc__)
    common.add_training_options(parser, steps=20000, log_dir="/tmp/cnn")
    common.add_data_options(parser)
    parser.add_argument(
        "--checkpoint-dir",
        type=pathlib.Path,
        default=".",
        metavar="DIR",
        help="where the checkpoints train_data-<step> go; the newest five are kept "
        "(default: the current folder)",
    )
    goes_on = parser.add_mutually_exclusive_group()
    goes_on.add_argument(
        "--resume",
        action="store_true",
        help="go on from the newest checkpoint in --checkpoint-dir; --steps may be larger than "
        "it was, the other settings must be the same",
    )
    goes_on.add_argument(
        "--overwrite",
        action="store_true",
        help="delete the checkpoints of an earlier run in --checkpoint-dir, and start anew",
    )
    parser.add_argument(
        "--bfloat16",
        action="store_true",
        help="convolve and multiply with 8 bits of precision, variables and Adam staying float32: "
        "1.4 times as fast on a processor with AVX512-BF16, more with AMX, perhaps slower "
        "without either; three seeds gave the test accuracies 0.9919 to 0.9928, in float32 "
        "0.9919 to 0.9924 (default: off)",
    )
    args = parser.parse_args()

    checkpoints = common.Checkpoints(args.checkpoint_dir, args.resume, args.overwrite)
    digits = common.load_digits(args.dataset, args.data_dir)
    next_batch = common.Batches(digits, BATCH_SIZE, args.seed)
    if args.bfloat16:
        common.warn_if_bfloat16_is_slow()
        common.use_bfloat16(True)
    network = DoubleConv(args.seed)
    network.train_step.get_concrete_function()  # makes Adam's variables
    settings = {
        "script": "double_conv.py",
        "data": digits.name,
        "sha256 of the data": digits.fingerprint(),
        "seed": args.seed,
        "bfloat16": args.bfloat16,
    }
    done = checkpoints.resume(network, settings, args.steps) if args.resume else None
    if done is None:
        if args.resume:
            common.say(f"nothing to resume in {args.checkpoint_dir}: starting at step 0")
        first = 0
        run = common.new_run_folder(args.log_dir, digits)
        checkpoints.start(network, settings | {"run": run})
    else:
        first = done + 1
        run = pathlib.Path(checkpoints.settings["run"]).name
        common.rewind(args.log_dir / run, done)
    curves = common.Curves(args.log_dir / run)
    if curves.is_new:
        if done is not None:
            common.say(f"{curves.folder} is gone, so its curves begin at step {first}")
        curves.start(settings | {"steps": args.steps}, network)

    speed = common.Speed()
    with common.noted_signals() as stopped_by, common.LiveLine(first, args.steps) as live_line:
        for i in range(first, args.steps + 1):
            x, y_ = next_batch(i)
            network.train_step(x, y_, np.array([args.seed, i], np.int32))
            if i % REPORT_EVERY == 0:
                cross_entropy, accuracy, h_conv1 = network.report(x, y_)
                curves.report(i, cross_entropy, accuracy, h_conv1)
                if i % FILTERS_EVERY == 0:
                    curves.filters(i, network.W_conv1)
                live_line.print(f"step {i}, training accuracy {accuracy:g}")
            if i % REPORT_EVERY == 0 or i == args.steps or stopped_by:
                checkpoints.save(i)
            if i % REPORT_EVERY == 0:
                speed.report(i)
            live_line.show(i)
            if stopped_by:
                break
    if stopped_by:
        common.say(f"stopped after step {i}, saved as {checkpoints.newest}; go on with --resume")
        sys.exit(128 + stopped_by[0])
    speed_line = speed.line(args.steps + 1 - first, args.steps)

    common.use_bfloat16(False)  # the test is the blog's, in float32
    test_accuracy = common.print_test_accuracy(network, digits)
    from visualize_filters import visualize  # here, since it imports this file

    common.draw_offscreen()
    title = f"{digits.name}, seed {args.seed}, step {args.steps}, test accuracy {test_accuracy:g}"
    figures = visualize(network, digits.test_images[:10], 0, title)
    curves.results(args.steps, test_accuracy, figures)
    newest = args.checkpoint_dir / f"train_data-{args.steps}"
    common.say(speed_line)
    common.say(f"checkpoints: {newest} and those before it")
    common.say(f"curves: {curves.folder}")
    common.say(f"next: {common.tensorboard_command(args.log_dir)}")
    words = "python", "visualize_filters.py", newest, *common.data_words(args)
    common.say(f"next: {common.command(*words)}")


if __name__ == "__main__":
    common.run(main)
