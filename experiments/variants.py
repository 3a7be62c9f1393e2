"""Variants of both networks, and the table of the experiments that train them."""

from typing import NamedTuple

import double_conv
import single_conv
from common import bias_variable, conv2d, max_pool_2x2, weight_variable
from double_conv import DoubleConv
from single_conv import Layers, SingleConv
from support import fast_ops
from support.quiet import tf

# ------------------------------------------------------------------ variants of the first network


class Frozen:
    """Comes before a network's class: its variables named in `frozen` stay at their start."""

    @property
    def trainable_variables(self):
        stay = [getattr(self, name) for name in self.frozen]
        # `in` would compare them with ==, which tf.Variable does number by number.
        return [v for v in super().trainable_variables if not any(v is other for other in stay)]


class FrozenFilters(Frozen, SingleConv):
    """The first network, whose filters stay at their random start."""

    frozen = ("W_conv1",)


class FrozenFiltersDoubled(FrozenFilters):
    """With filters twice as large: as large as trained ones are after 1,001 steps."""

    def __init__(self, seed):
        super().__init__(seed)
        self.W_conv1.assign(2 * self.W_conv1)


class OwnFirstLayer(SingleConv):
    """The first network again, in which a subclass can replace the first layer."""

    threshold = 0.2

    def first_layer(self, x_image):
        """Returns h_conv1, float32 [batch, 28, 28, filters]."""
        return tf.nn.relu(tf.abs(conv2d(x_image, self.W_conv1)) - self.threshold)

    def pool(self, h_conv1):
        """Returns h_pool1, float32 [batch, 14, 14, filters]."""
        return max_pool_2x2(h_conv1)

    def __call__(self, x):
        h_conv1 = self.first_layer(tf.reshape(x, [-1, 28, 28, 1]))
        h_pool1 = self.pool(h_conv1)
        h_pool1_flat = tf.reshape(h_pool1, [-1, self.W_fc1.shape[0]])
        h_fc1 = tf.nn.relu(tf.matmul(h_pool1_flat, self.W_fc1) + self.b_fc1)
        logits = tf.matmul(h_fc1, self.W_fc2) + self.b_fc2
        return Layers(h_conv1, h_pool1, h_fc1, logits, tf.nn.softmax(logits))


class FourFilters(OwnFirstLayer):
    """With 4 filters in place of 16, and the weights that num_filters = 4 gives them."""

    def __init__(self, seed):
        super().__init__(seed)

        def new_stream():  # as in SingleConv
            return tf.random.Generator.from_state([0, seed, 87654321], alg="philox")

        self.W_conv1 = weight_variable([5, 5, 1, 4], new_stream())
        self.W_fc1 = weight_variable([14 * 14 * 4, 16], new_stream())


class WithoutAbs(OwnFirstLayer):
    """Without the abs: one sign of each edge is lost."""

    def first_layer(self, x_image):
        return tf.nn.relu(conv2d(x_image, self.W_conv1) - self.threshold)


class WithoutThreshold(OwnFirstLayer):
    """With 0 in place of 0.2: weak responses stay. ReLU has nothing left to do."""

    threshold = 0


class Relu(OwnFirstLayer):
    """With ReLU alone: neither abs nor 0.2, and no bias."""

    def first_layer(self, x_image):
        return tf.nn.relu(conv2d(x_image, self.W_conv1))


class Biases(OwnFirstLayer):
    """With a trained bias per filter in place of abs and 0.2, as in the second network."""

    start = 0.0

    def __init__(self, seed):
        super().__init__(seed)
        self.b_conv1 = tf.Variable(tf.fill([16], self.start))

    def first_layer(self, x_image):
        return tf.nn.relu(conv2d(x_image, self.W_conv1) + self.b_conv1)


class BiasesFromMinus02(Biases):
    """With a trained bias that starts where the threshold is."""

    start = -0.2


class UpperLeft(OwnFirstLayer):
    """Without pooling: of each 2x2 the upper left stays, as if the filter took steps of 2."""

    def pool(self, h_conv1):
        return h_conv1[:, ::2, ::2]


class Mean(OwnFirstLayer):
    """With the mean of each 2x2 in place of its maximum."""

    def pool(self, h_conv1):
        return tf.nn.avg_pool(h_conv1, ksize=2, strides=2, padding="SAME")


class Doubled:
    """Comes before a network's class: h_conv1 times 2, a control.

    Nothing is seen or lost, but larger numbers make larger gradients: the network learns faster.
    """

    def first_layer(self, x_image):
        return 2 * super().first_layer(x_image)


class SingleDoubled(Doubled, OwnFirstLayer):
    """The first network, its h_conv1 doubled."""


class SingleHalved(OwnFirstLayer):
    """The first network, its h_conv1 halved: the control in the other direction."""

    def first_layer(self, x_image):
        return super().first_layer(x_image) / 2


class WithoutAbsDoubled(Doubled, WithoutAbs):
    """Without the abs, h_conv1 doubled."""


class MeanDoubled(Doubled, Mean):
    """With the mean of each 2x2, h_conv1 doubled."""


# ------------------------------------- the ladder from a network without filters to the second one


class SingleWide(OwnFirstLayer):
    """The first network with 1,024 features in place of 16; AbsFilters1024 has the same start."""

    def __init__(self, seed):
        super().__init__(seed)
        random = tf.random.Generator.from_seed(seed, alg="philox")
        self.W_conv1 = weight_variable([5, 5, 1, 16], random)
        self.W_fc1 = weight_variable([14 * 14 * 16, 1024], random)
        self.b_fc1 = bias_variable([1024])
        self.W_fc2 = weight_variable([1024, 10], random)


class Outputs(NamedTuple):
    """What a test and a step of training need of a network."""

    logits: tf.Tensor  # float32 [batch, 10]
    y_conv: tf.Tensor  # float32 [batch, 10]


class Dense16(tf.Module):
    """784 -> 16 -> 10 without a convolution, trained like the first network."""

    num_fc = 16

    def __init__(self, seed):
        super().__init__()
        self.create_variables(tf.random.Generator.from_seed(seed, alg="philox"))
        self.optimizer = tf.compat.v1.train.GradientDescentOptimizer(0.001)

    def create_variables(self, random):
        """Creates all variables, from a stream of random numbers."""
        self.create_dense(random, 784)

    def create_dense(self, random, inputs):
        """Creates the weights and biases from `inputs` numbers to the ten logits."""
        self.W_fc1 = weight_variable([inputs, self.num_fc], random)
        self.b_fc1 = bias_variable([self.num_fc])
        self.W_fc2 = weight_variable([self.num_fc, 10], random)
        self.b_fc2 = bias_variable([10])

    def __call__(self, x):
        h_fc1 = tf.nn.relu(tf.matmul(x, self.W_fc1) + self.b_fc1)
        logits = tf.matmul(h_fc1, self.W_fc2) + self.b_fc2
        return Outputs(logits, tf.nn.softmax(logits))

    train_step = SingleConv.train_step


class Dense64(Dense16):
    """784 -> 64 -> 10 without a convolution: 50,890 parameters, the first network has 50,762."""

    num_fc = 64


class Dense1024(Dense16):
    """784 -> 1024 -> 10 without a convolution; dropout and Adam as in the second network."""

    num_fc = 1024

    def __init__(self, seed):
        super().__init__(seed)
        self.optimizer = tf.compat.v1.train.AdamOptimizer(1e-4)

    def inputs(self, x):
        """Returns what the features are computed from, float32 [batch, n]: here the pixels."""
        return x

    def __call__(self, x, keep_prob=1.0, dropout_seed=(0, 0)):
        h_fc1 = tf.nn.relu(fast_ops.matmul(self.inputs(x), self.W_fc1) + self.b_fc1)
        dropout = tf.nn.experimental.stateless_dropout
        h_fc1_drop = dropout(h_fc1, rate=1 - keep_prob, seed=dropout_seed)
        logits = tf.matmul(h_fc1_drop, self.W_fc2) + self.b_fc2
        return Outputs(logits, tf.nn.softmax(logits))

    train_step = DoubleConv.train_step


class Dense4096(Dense1024):
    """784 -> 4096 -> 10: 3,256,330 parameters, the second network has 3,274,634."""

    num_fc = 4096


class AbsFilters1024(Dense1024):
    """The first network's 16 filters, abs, 0.2 and pooling before the 1,024 features."""

    num_filters = 16

    def create_variables(self, random):
        self.W_conv1 = weight_variable([5, 5, 1, self.num_filters], random)
        self.create_dense(random, 14 * 14 * self.num_filters)

    def first_layer(self, x_image):
        """Returns h_conv1, float32 [batch, 28, 28, num_filters]."""
        return tf.nn.relu(tf.abs(conv2d(x_image, self.W_conv1)) - 0.2)

    def inputs(self, x):
        h_conv1 = self.first_layer(tf.reshape(x, [-1, 28, 28, 1]))
        return tf.reshape(max_pool_2x2(h_conv1), [-1, 14 * 14 * self.num_filters])


class Filters1024(AbsFilters1024):
    """With a trained bias per filter in place of abs and 0.2."""

    def create_variables(self, random):
        super().create_variables(random)
        self.b_conv1 = bias_variable([self.num_filters])

    def first_layer(self, x_image):
        return tf.nn.relu(conv2d(x_image, self.W_conv1) + self.b_conv1)


class ThirtyTwoFilters1024(Filters1024):
    """The second network without its second layer."""

    num_filters = 32


class KeepsAllFeatures:
    """Comes before a network's class: no dropout in training."""

    def __call__(self, x, keep_prob=1.0, dropout_seed=(0, 0)):
        return super().__call__(x)


class AbsFilters1024WithoutDropout(KeepsAllFeatures, AbsFilters1024):
    """AbsFilters1024, which keeps all features in training too."""


# ----------------------------------------------------------------- variants of the second network


class WithoutDropout(KeepsAllFeatures, DoubleConv):
    """The second network, which keeps all features in training too."""


class FrozenFirst(Frozen, DoubleConv):
    """The second network, whose first convolution stays at its random start."""

    frozen = ("W_conv1", "b_conv1")


class FrozenSecond(Frozen, DoubleConv):
    """The second network, whose second convolution stays at its random start."""

    frozen = ("W_conv2", "b_conv2")


class FrozenBoth(Frozen, DoubleConv):
    """The second network, both of whose convolutions stay at their random start."""

    frozen = ("W_conv1", "b_conv1", "W_conv2", "b_conv2")


class DoubleDoubled(DoubleConv):
    """The second network, its pixels doubled: a control, in which nothing is lost.

    Without a threshold, that doubles h_conv1, too, and what follows, as long as the biases are 0.
    """

    def __call__(self, x, keep_prob=1.0, dropout_seed=(0, 0)):
        return super().__call__(2 * x, keep_prob, dropout_seed)


# -------------------------------------------------------------------------------- the experiments


class Experiment(NamedTuple):
    """A network, and how it is trained."""

    network: type  # called with a seed
    last: int  # the last step; the first one is 0
    batch_size: int
    dropout: bool  # whether train_step takes a seed for dropout


def like_single(network):
    """Returns the Experiment that trains a network as single_conv.py --steps 10000 does.

    On the way it passes the post's 1,001 steps, and its accuracy there is kept too.
    """
    return Experiment(network, 10000, single_conv.batch_size, dropout=False)


def like_double(network):
    """Returns the Experiment that trains a network as double_conv.py does."""
    return Experiment(network, 20000, double_conv.batch_size, dropout=True)


EXPERIMENTS = {
    "single": like_single(SingleConv),
    "single-doubled": like_single(SingleDoubled),
    "single-halved": like_single(SingleHalved),
    "single-without-abs": like_single(WithoutAbs),
    "single-without-abs-doubled": like_single(WithoutAbsDoubled),
    "single-mean": like_single(Mean),
    "single-mean-doubled": like_single(MeanDoubled),
    "single-upper-left": like_single(UpperLeft),
    "single-biases": like_single(Biases),
    "single-frozen-filters": like_single(FrozenFilters),
    "single-frozen-filters-doubled": like_single(FrozenFiltersDoubled),
    "dense-16": like_single(Dense16),
    "dense-64": like_single(Dense64),
    "single-without-threshold": like_single(WithoutThreshold),
    "single-4-filters": like_single(FourFilters),
    "single-relu": like_single(Relu),
    "single-biases-from-minus-0.2": like_single(BiasesFromMinus02),
    "single-wide": like_single(SingleWide),
    "dense-1024": like_double(Dense1024),
    "dense-4096": like_double(Dense4096),
    "abs-filters-1024-without-dropout": like_double(AbsFilters1024WithoutDropout),
    "abs-filters-1024": like_double(AbsFilters1024),
    "filters-1024": like_double(Filters1024),
    "32-filters-1024": like_double(ThirtyTwoFilters1024),
    "double": like_double(DoubleConv),
    "double-without-dropout": like_double(WithoutDropout),
    "double-frozen-first": like_double(FrozenFirst),
    "double-frozen-second": like_double(FrozenSecond),
    "double-frozen-both": like_double(FrozenBoth),
    "double-doubled": like_double(DoubleDoubled),
}
