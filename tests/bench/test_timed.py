"""What bench's programs time, with a clock that counts: bare.py, parts.py, peer_keras.py."""

import contextlib
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

import double_conv
import single_conv
from bench import bare, parts, peer_keras, peers


@pytest.mark.parametrize(
    ("name", "bfloat16", "size"), [("single", [], 100), ("double", ["--bfloat16"], 50)]
)
def test_bare_loop_times_the_steps_after_the_warm_up_in_the_precision_that_is_asked_for(
    monkeypatch, capsys, small_data, name, bfloat16, size
):
    made, precisions = [], []

    class Network:
        W_conv1 = tf.constant(0.0)

        def train_step(self, x, y_, dropout_seed=None):
            made.append((name, len(x), len(y_), precisions[-1]))

    @contextlib.contextmanager
    def record(on):
        precisions.append(on)
        yield
        precisions.append("none")

    monkeypatch.setattr(bare, "SingleConv" if name == "single" else "DoubleConv", Network)
    monkeypatch.setattr(bare.fast_ops, "bfloat16", record)
    monkeypatch.setattr(bare, "time", SimpleNamespace(perf_counter=lambda: len(made) / 4))
    args = ["bare.py", name, *bfloat16, "--steps", "8", "--data-dir", str(small_data)]
    monkeypatch.setattr(sys, "argv", args)
    bare.main()
    assert made == (8 + peers.WARM_UP) * [(name, size, size, bool(bfloat16))]
    assert capsys.readouterr().out == "8 steps in 2.0 s, 4.0 steps/s\n"


def test_parts_are_so_many_times_faster_than_tensorflows(monkeypatch, capsys):
    """The ratio is the median, over the blocks, of TensorFlow's time / ours."""
    ours, theirs = iter([100, 2, 2, 8]), iter([100, 6, 10, 8])  # the first ones warm up
    pair = {"a part": (lambda: next(ours), lambda: next(theirs))}
    monkeypatch.setattr(parts, "pairs", lambda writer: pair)
    monkeypatch.setattr(parts, "milliseconds", lambda function: function())
    monkeypatch.setattr(parts, "BLOCKS", 3)
    monkeypatch.setattr(sys, "argv", ["parts.py"])
    parts.main()
    assert capsys.readouterr().out.splitlines()[-1] == "| a part | 2.0 | 8.0 | 3.00 |"


def test_milliseconds_are_those_of_one_call(monkeypatch):
    calls = []
    monkeypatch.setattr(parts, "time", SimpleNamespace(perf_counter=lambda: 0.003 * len(calls)))
    assert parts.milliseconds(lambda: calls.append(1)) == pytest.approx(3)


@pytest.mark.parametrize("name", ["single", "double"])
def test_keras_computes_our_networks_logits(name):
    random = np.random.default_rng(1)
    if name == "single":
        ours, peer = single_conv.SingleConv(), peer_keras.single_conv()
        variables = [ours.W_conv1, ours.W_fc1, ours.b_fc1, ours.W_fc2, ours.b_fc2]
    else:
        ours, peer = double_conv.DoubleConv(), peer_keras.double_conv()
        variables = [ours.W_conv1, ours.b_conv1, ours.W_conv2, ours.b_conv2]
        variables += [ours.W_fc1, ours.b_fc1, ours.W_fc2, ours.b_fc2]
    for variable in variables:
        variable.assign(random.normal(0, 0.1, variable.shape))
    peer.set_weights([variable.numpy() for variable in variables])
    images = random.random((3, 784), dtype=np.float32)
    np.testing.assert_allclose(peer(images), ours(images).logits, rtol=1e-3, atol=1e-3)


def test_keras_is_timed_after_the_warm_up(monkeypatch, capsys, small_data):
    fitted = []

    class Network:
        def compile(self, optimizer, loss):
            pass

        def fit(self, images, labels, batch_size, verbose):
            assert len(images) == len(labels)
            fitted.extend(range(0, len(images), batch_size))

    monkeypatch.setattr(peer_keras, "double_conv", Network)
    monkeypatch.setattr(peer_keras, "time", SimpleNamespace(perf_counter=lambda: len(fitted) / 4))
    args = ["peer_keras.py", "double", "--steps", "8", "--data-dir", str(small_data)]
    monkeypatch.setattr(sys, "argv", args)
    peer_keras.main()
    assert len(fitted) == peers.WARM_UP + 8
    assert capsys.readouterr().out == "8 steps in 2.0 s, 4.0 steps/s\n"
