"""support/fast_ops.py: a product with a faster gradient, and bfloat16."""

import numpy as np
import pytest
import tensorflow as tf

from support import fast_ops

A, B = np.random.default_rng(0).normal(size=(2, 100, 100)).astype(np.float32)

needs_bfloat16 = pytest.mark.skipif(
    fast_ops.CPUINFO.exists() and "avx512" not in fast_ops.CPUINFO.read_text(),
    reason="needs a CPU for which TensorFlow has bfloat16",
)


def product_and_gradients(product, x, W, upstream):
    """Returns x times W and the gradients for x and W, given the gradient of what follows."""
    with tf.GradientTape() as tape:
        tape.watch([x, W])
        y = product(x, W)
    return y, *tape.gradient(y, [x, W], upstream)


def test_product_and_gradients_are_tf_matmuls():
    x, W, upstream = map(tf.constant, (A[:5, :30], B[:30, :7], A[5:10, :7]))
    ours = product_and_gradients(fast_ops.matmul, x, W, upstream)
    theirs = product_and_gradients(tf.matmul, x, W, upstream)
    for found, expected in zip(ours, theirs):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def error_of_a_product():
    """Returns the largest error of relu(A B), from a tf.function that is traced now."""
    found = tf.function(lambda a, b: tf.nn.relu(tf.matmul(a, b)), autograph=False)(A, B)
    exact = np.maximum(A.astype(np.float64) @ B, 0)
    return np.abs(found - exact).max()


@needs_bfloat16
def test_bfloat16_is_on_within_the_block_only():
    assert error_of_a_product() < 1e-3
    with fast_ops.bfloat16(True):
        assert 1e-2 < error_of_a_product() < 1
    assert error_of_a_product() < 1e-3


def test_bfloat16_is_off_if_it_is_not_asked_for():
    with fast_ops.bfloat16(False):
        assert error_of_a_product() < 1e-3


@needs_bfloat16
def test_bfloat16_is_off_again_after_an_exception():
    with pytest.raises(KeyboardInterrupt), fast_ops.bfloat16(True):
        raise KeyboardInterrupt
    assert error_of_a_product() < 1e-3


def test_what_is_outside_of_tf_functions_stays_in_float32():
    with fast_ops.bfloat16(True):
        np.testing.assert_allclose(tf.matmul(A, B), A @ B, atol=1e-3)


@pytest.mark.parametrize(
    ("on", "flags", "warns"),
    [(True, "sse2 avx2", True), (True, "avx2 avx512_bf16", False), (False, "sse2 avx2", False)],
)
def test_bfloat16_warns_on_cpus_without_it(tmp_path, monkeypatch, capsys, on, flags, warns):
    monkeypatch.setattr(fast_ops, "CPUINFO", tmp_path / "cpuinfo")
    fast_ops.CPUINFO.write_text(f"flags\t\t: {flags}\n")
    with fast_ops.bfloat16(on):
        pass
    line = "this CPU has neither AVX512-BF16 nor AMX: bfloat16 is slower here, or not used\n"
    assert capsys.readouterr().err == (line if warns else "")
