"""Train the post's networks in JAX and optax, and print the speed.

Example:
    python -m bench.peer_jax double --bfloat16
"""

import functools
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax

from bench import peers


def weights(key, *shape):
    """Draws a weight variable as the post does."""
    return 0.1 * jax.random.truncated_normal(key, -2, 2, shape)


def conv2d(x, W, dtype):
    """Convolves x [batch, h, w, in] with W [fh, fw, in, out] in dtype: float32."""
    layout = ("NHWC", "HWIO", "NHWC")
    y = jax.lax.conv_general_dilated(
        x.astype(dtype), W.astype(dtype), (1, 1), "SAME", dimension_numbers=layout
    )
    return y.astype(jnp.float32)


def matmul(x, W, dtype):
    """Multiplies x [batch, n] by W [n, m] in dtype: float32."""
    return (x.astype(dtype) @ W.astype(dtype)).astype(jnp.float32)


def max_pool_2x2(x):
    """Takes the maximum over each 2x2 block of x [batch, h, w, c]: [batch, h/2, w/2, c]."""
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def single_conv(p, x, dropout_key, dtype):
    """The post's first network: from images [batch, 28, 28, 1] to logits [batch, 10]."""
    h_conv1 = jax.nn.relu(jnp.abs(conv2d(x, p["W_conv1"], dtype)) - 0.2)
    h_pool1_flat = max_pool_2x2(h_conv1).reshape(-1, 14 * 14 * 16)
    h_fc1 = jax.nn.relu(matmul(h_pool1_flat, p["W_fc1"], dtype) + p["b_fc1"])
    return matmul(h_fc1, p["W_fc2"], dtype) + p["b_fc2"]


def double_conv(p, x, dropout_key, dtype):
    """The post's second network: from images [batch, 28, 28, 1] to logits [batch, 10]."""
    h_pool1 = max_pool_2x2(jax.nn.relu(conv2d(x, p["W_conv1"], dtype) + p["b_conv1"]))
    h_pool2 = max_pool_2x2(jax.nn.relu(conv2d(h_pool1, p["W_conv2"], dtype) + p["b_conv2"]))
    h_pool2_flat = h_pool2.reshape(-1, 7 * 7 * 64)
    h_fc1 = jax.nn.relu(matmul(h_pool2_flat, p["W_fc1"], dtype) + p["b_fc1"])
    kept = jax.random.bernoulli(dropout_key, 0.5, h_fc1.shape)
    return matmul(jnp.where(kept, h_fc1 / 0.5, 0), p["W_fc2"], dtype) + p["b_fc2"]


def new_network(name):
    """Returns a network's function, its parameters and its optimizer."""
    key = jax.random.split(jax.random.key(1), 4)
    if name == "single":
        p = {
            "W_conv1": weights(key[0], 5, 5, 1, 16),
            "W_fc1": weights(key[1], 14 * 14 * 16, 16),
            "b_fc1": jnp.zeros(16),
            "W_fc2": weights(key[2], 16, 10),
            "b_fc2": jnp.zeros(10),
        }
        return single_conv, p, optax.sgd(0.001)
    p = {
        "W_conv1": weights(key[0], 5, 5, 1, 32),
        "b_conv1": jnp.zeros(32),
        "W_conv2": weights(key[1], 5, 5, 32, 64),
        "b_conv2": jnp.zeros(64),
        "W_fc1": weights(key[2], 7 * 7 * 64, 1024),
        "b_fc1": jnp.zeros(1024),
        "W_fc2": weights(key[3], 1024, 10),
        "b_fc2": jnp.zeros(10),
    }
    return double_conv, p, optax.adam(1e-4)


def main():
    parser = peers.parser(__doc__)
    parser.add_argument("--bfloat16", action="store_true", help="multiply in bfloat16")
    args = parser.parse_args()
    images, labels = peers.read_training_set(args.data_dir)
    images, labels = images.reshape(-1, 28, 28, 1), np.eye(10, dtype=np.float32)[labels]
    batch_size = peers.BATCH_SIZE[args.network]
    dtype = jnp.bfloat16 if args.bfloat16 else jnp.float32
    network, p, optimizer = new_network(args.network)
    state, dropout_key = optimizer.init(p), jax.random.key(2)

    @functools.partial(jax.jit, donate_argnums=(0, 1))  # updates the parameters in place
    def step(p, state, x, y, i):
        def cross_entropy(p):
            logits = network(p, x, jax.random.fold_in(dropout_key, i), dtype)
            return optax.softmax_cross_entropy(logits, y).sum()

        updates, state = optimizer.update(jax.grad(cross_entropy)(p), state, p)
        return optax.apply_updates(p, updates), state

    for i in range(args.steps + peers.WARM_UP):
        if i == peers.WARM_UP:
            jax.block_until_ready(p)
            start = time.perf_counter()
        begin = i * batch_size % len(images)
        batch = images[begin : begin + batch_size], labels[begin : begin + batch_size]
        p, state = step(p, state, *batch, i)
    jax.block_until_ready(p)
    peers.print_speed(args.steps, time.perf_counter() - start)


if __name__ == "__main__":
    main()
