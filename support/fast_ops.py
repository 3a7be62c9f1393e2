"""A matrix product with a faster gradient; and bfloat16, which is faster but less precise.

The speeds are in docs/results.md, with the commands that print them.
"""

import contextlib
from pathlib import Path

from support.quiet import tf
from support.terminal import print_stderr

CPUINFO = Path("/proc/cpuinfo")  # on Linux


@tf.custom_gradient
def matmul(x, W):
    """Multiplies x [batch, n] by W [n, m], as tf.matmul does: [batch, m].

    tf.matmul computes its gradient for x with the transpose of W, which is slow in oneDNN for a
    wide W; tf.einsum computes the same sums faster. With plain tf.matmul a float32 step of the
    second network takes some 10% more time on an AMD EPYC, and 3% less on an Intel Xeon.
    """

    def gradient(upstream):
        return tf.einsum("bm,nm->bn", upstream, W), tf.matmul(x, upstream, transpose_a=True)

    return tf.matmul(x, W), gradient


@contextlib.contextmanager
def bfloat16(on):
    """Multiplies and convolves in bfloat16, if `on`, as long as the `with` block lasts.

    This applies to a tf.function whose first call is in the block. Variables, and what is computed
    outside of tf.functions, stay in float32. Warns if this CPU is known not to have bfloat16: it
    is then emulated by oneDNN or, where TensorFlow leaves oneDNN out, not used at all.
    """
    if on and CPUINFO.exists() and "bf16" not in CPUINFO.read_text():
        slow = "bfloat16 is slower here, or not used"
        print_stderr(f"this CPU has neither AVX512-BF16 nor AMX: {slow}")
    option = "auto_mixed_precision_onednn_bfloat16"
    tf.config.optimizer.set_experimental_options({option: on})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({option: False})
