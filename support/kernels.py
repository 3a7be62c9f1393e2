"""How the CPU multiplies: a matrix product with a faster gradient, and bfloat16.

The speeds are in docs/results.md, with the commands that print them.
"""

from pathlib import Path

from support.terminal import say

import tensorflow as tf


@tf.custom_gradient
def matmul(x, W):
    """Multiplies x [batch, n] by W [n, m], as tf.matmul does: [batch, m].

    tf.matmul computes its gradient for x with the transpose of W, which is slow in oneDNN for a
    wide W; tf.einsum computes the same sums faster.
    """

    def gradient(upstream):
        return tf.einsum("bm,nm->bn", upstream, W), tf.matmul(x, upstream, transpose_a=True)

    return tf.matmul(x, W), gradient


def use_bfloat16(on):
    """Turns bfloat16 convolutions and matrix products on or off in what is traced from here on.

    Warns if this CPU is known not to multiply in bfloat16.
    """
    cpuinfo = Path("/proc/cpuinfo")  # on Linux
    if on and cpuinfo.exists() and "bf16" not in cpuinfo.read_text():
        say("this CPU has neither AVX512-BF16 nor AMX, so training in bfloat16 may be slower")
    tf.config.optimizer.set_experimental_options({"auto_mixed_precision_onednn_bfloat16": on})
