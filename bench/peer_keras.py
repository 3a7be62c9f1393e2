"""Train the post's networks with Keras's fit, and print the speed.

Example:
    python -m bench.peer_keras double
"""

import time

import keras
from keras import layers, ops

from bench import peers


def single_conv():
    """Returns the post's first network: from images [batch, 784] to logits [batch, 10]."""
    weights = keras.initializers.TruncatedNormal(stddev=0.1)
    return keras.Sequential(
        [
            keras.Input([784]),
            layers.Reshape([28, 28, 1]),
            layers.Conv2D(16, 5, padding="same", use_bias=False, kernel_initializer=weights),
            layers.Lambda(lambda h: ops.relu(ops.abs(h) - 0.2)),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(16, activation="relu", kernel_initializer=weights),
            layers.Dense(10, kernel_initializer=weights),
        ]
    )


def double_conv():
    """Returns the post's second network: from images [batch, 784] to logits [batch, 10]."""
    weights = keras.initializers.TruncatedNormal(stddev=0.1)
    relu = {"activation": "relu", "kernel_initializer": weights}
    return keras.Sequential(
        [
            keras.Input([784]),
            layers.Reshape([28, 28, 1]),
            layers.Conv2D(32, 5, padding="same", **relu),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 5, padding="same", **relu),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(1024, **relu),
            layers.Dropout(0.5),
            layers.Dense(10, kernel_initializer=weights),
        ]
    )


def main():
    args = peers.parser(__doc__).parse_args()
    images, labels = peers.read_training_set(args.data_dir)
    batch_size = peers.BATCH_SIZE[args.network]
    keras.utils.set_random_seed(1)
    if args.network == "single":
        network, optimizer = single_conv(), keras.optimizers.SGD(0.001)
    else:
        network, optimizer = double_conv(), keras.optimizers.Adam(1e-4, epsilon=1e-8)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")
    network.compile(optimizer, loss)

    def fit(steps):
        n = steps * batch_size
        network.fit(images[:n], labels[:n], batch_size=batch_size, verbose=0)

    fit(peers.WARM_UP)
    steps = min(args.steps, len(images) // batch_size)  # one epoch at most
    start = time.perf_counter()
    fit(steps)
    peers.print_speed(steps, time.perf_counter() - start)


if __name__ == "__main__":
    main()
