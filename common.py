"""The post's helpers for weights, convolution and pooling, and what both networks share."""

from support.quiet import tf

# The post's placeholders, for the signatures of the networks' functions.
X = tf.TensorSpec([None, 784], name="input/x-input")
Y_ = tf.TensorSpec([None, 10], name="optimizer/y-input")


def weight_variable(shape, random):
    """Returns a float32 variable of this shape, drawn by `random`, a tf.random.Generator.

    The values have a truncated normal distribution with stddev 0.1.
    """
    initial = random.truncated_normal(shape, stddev=0.1)
    return tf.Variable(initial)


def bias_variable(shape):
    """Returns a float32 variable of zeros.

    The post's `tf.constant(0,1, shape=shape)` is not 0.1: it is the value 0 with dtype number 1,
    which is float32.
    """
    initial = tf.constant(0.0, shape=shape)
    return tf.Variable(initial)


def conv2d(x, W):
    """Convolves x [batch, h, w, in] with the filters W [fh, fw, in, out]: [batch, h, w, out]."""
    return tf.nn.conv2d(x, W, strides=[1, 1, 1, 1], padding="SAME")


def max_pool_2x2(x):
    """Takes the maximum over each 2x2 block of x [batch, h, w, c]: [batch, h/2, w/2, c]."""
    return tf.nn.max_pool(x, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="SAME")


def cross_entropy(logits, y_):
    """Returns the cross entropy, summed over the batch, of logits and one-hot labels [batch, 10].

    The post's -sum(y_ * log(y_conv)) becomes NaN once a probability underflows to 0. Computed from
    the logits (the readout before its softmax) the value is the same, and always finite.
    """
    return tf.reduce_sum(tf.nn.softmax_cross_entropy_with_logits(y_, logits))


def accuracy(y_conv, y_):
    """Returns the share of the batch, from 0 to 1, whose largest probability is the label's."""
    correct_prediction = tf.equal(tf.argmax(y_conv, 1), tf.argmax(y_, 1))
    return tf.reduce_mean(tf.cast(correct_prediction, tf.float32))


def batches(images):
    """Returns images [n, 784] in batches of 500: all 10,000 at once would take gigabytes."""
    return [images[i : i + 500] for i in range(0, len(images), 500)]


def probabilities(network, images):
    """Returns the network's y_conv, a float32 tensor [n, 10], for images, float32 [n, 784]."""
    return tf.concat([network(x).y_conv for x in batches(images)], 0)


def accuracy_on(network, digits):
    """Returns the accuracy, from 0 to 1, on a data set with `images` and one-hot `labels`."""
    return float(accuracy(probabilities(network, digits.images), digits.labels))


def print_test_accuracy(network, mnist):
    """Prints the accuracy on the test set, and the data's name if they are not MNIST.

    These digits were never trained on, so it tells how well the network reads new ones. Returns it,
    from 0 to 1.
    """
    test_accuracy = accuracy_on(network, mnist.test)
    data = "" if mnist.name == "MNIST" else f" ({mnist.name})"
    print(f"test accuracy {test_accuracy:g}{data}", flush=True)
    return test_accuracy
