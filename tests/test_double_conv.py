"""double_conv.py: the network against NumPy, the post's training, what a run prints and logs."""

import re
import shlex
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from digits import cells, shades, small_image
from numpy_layers import conv2d, max_pool_2x2, relu, softmax
from processes import ROOT
from runs import (
    WEIGHTS,
    only_run,
    read_events,
    saved_steps,
    settings_of,
    start_training,
    variables_in,
)

import common
import double_conv
from double_conv import DoubleConv
from support import checkpoints, fast_ops, input_data


@pytest.fixture
def batch():
    """Twenty faint digits of noise, so that no probability is almost 1, with labels."""
    random = np.random.default_rng(0)
    x = random.random((20, 784), dtype=np.float32) / 10
    return x, np.eye(10, dtype=np.float32)[random.integers(10, size=20)]


@pytest.fixture
def network():
    """The network with biases other than 0."""
    network, random = DoubleConv(), np.random.default_rng(1)
    for bias in (network.b_conv1, network.b_conv2, network.b_fc1, network.b_fc2):
        bias.assign(random.normal(0, 0.1, bias.shape))
    return network


# ---------------------------------------------------------- the same network, written in NumPy


def numpy_layers(network, x, kept=1.0):
    """Returns the network's layers by name; `kept` is what dropout multiplies h_fc1 by."""
    v = {name: getattr(network, name).numpy() for name in WEIGHTS}
    h_conv1 = relu(conv2d(x.reshape(-1, 28, 28, 1), v["W_conv1"]) + v["b_conv1"])
    h_pool1 = max_pool_2x2(h_conv1)
    h_conv2 = relu(conv2d(h_pool1, v["W_conv2"]) + v["b_conv2"])
    h_pool2 = max_pool_2x2(h_conv2)
    h_fc1 = relu(h_pool2.reshape(len(x), 7 * 7 * 64) @ v["W_fc1"] + v["b_fc1"])
    logits = (h_fc1 * kept) @ v["W_fc2"] + v["b_fc2"]
    return {
        "h_conv1": h_conv1,
        "h_pool1": h_pool1,
        "h_conv2": h_conv2,
        "h_pool2": h_pool2,
        "h_fc1": h_fc1,
        "logits": logits,
        "y_conv": softmax(logits),
    }


def assert_same_layers(layers, expected):
    assert layers._fields == tuple(expected)
    for name, layer in expected.items():
        assert np.mean(layer != 0) > 0.1, name
        np.testing.assert_allclose(getattr(layers, name), layer, atol=1e-4, err_msg=name)


def test_layers_are_numpys(network, batch):
    layers = network(batch[0])
    assert_same_layers(layers, numpy_layers(network, batch[0]))
    assert layers.y_conv.numpy().max(axis=1).min() < 0.9


def test_dropout_keeps_half_of_the_features_and_doubles_them(network, batch):
    ones = tf.ones([20, 1024])
    kept = tf.nn.experimental.stateless_dropout(ones, rate=0.5, seed=[1, 0]).numpy() > 0
    assert 0.45 < kept.mean() < 0.55
    layers = network(batch[0], keep_prob=0.5, dropout_seed=[1, 0])
    assert_same_layers(layers, numpy_layers(network, batch[0], kept=2.0 * kept))


def test_reports_are_numpys_numbers_of_the_whole_network(network, batch):
    x, y_ = batch
    expected = numpy_layers(network, x)
    cross_entropy, accuracy, h_conv1 = network.evaluate(x, y_)
    np.testing.assert_allclose(cross_entropy, -np.log(expected["y_conv"][y_ == 1]).sum(), rtol=1e-4)
    correct = expected["y_conv"].argmax(axis=1) == y_.argmax(axis=1)
    np.testing.assert_allclose(accuracy, correct.mean(), rtol=1e-6)
    np.testing.assert_allclose(h_conv1, expected["h_conv1"], atol=1e-4)


def test_all_weights_draw_from_one_stream():
    network = DoubleConv(seed=1)
    random = tf.random.Generator.from_seed(1, alg="philox")
    for name in ("W_conv1", "W_conv2", "W_fc1", "W_fc2"):
        weights = getattr(network, name)
        drawn = random.truncated_normal(weights.shape, stddev=0.1)
        np.testing.assert_array_equal(weights, drawn, err_msg=name)


# ------------------------------------------------------------------------- the training step


class Adam:
    """The post's optimizer for one variable, in NumPy, as TensorFlow 0.x computes it.

    Epsilon is added to the square root of v before v's bias is corrected ("epsilon hat").
    """

    def __init__(self):
        self.t, self.m, self.v = 0, 0.0, 0.0

    def step(self, slope):
        """Returns what is added to the variable, given the loss's gradient for it."""
        self.t += 1
        self.m = 0.9 * self.m + 0.1 * slope
        self.v = 0.999 * self.v + 0.001 * slope**2
        rate = 1e-4 * np.sqrt(1 - 0.999**self.t) / (1 - 0.9**self.t)
        return -rate * self.m / (np.sqrt(self.v) + 1e-8)


def test_optimizer_is_the_posts_adam():
    """Gradients of all sizes: epsilon counts for the small ones only."""
    random, adam = np.random.default_rng(0), Adam()
    variable, expected = tf.Variable(np.zeros(700, np.float32)), np.zeros(700)
    optimizer = DoubleConv().optimizer
    for _ in range(5):
        slope = random.normal(size=700) * np.repeat(10.0 ** np.arange(-6, 1), 100)
        optimizer.apply_gradients([(tf.constant(slope, tf.float32), variable)])
        expected += adam.step(slope)
        np.testing.assert_allclose(variable, expected, atol=1e-8)
    assert np.abs(expected[:100]).mean() < np.abs(expected[-100:]).mean() / 1.2


def test_three_training_steps_follow_the_gradient_with_dropout(network, batch):
    x, y_ = batch
    adams = [Adam() for _ in network.trainable_variables]
    expected = [variable.numpy().astype(np.float64) for variable in network.trainable_variables]
    for i in range(3):
        with tf.GradientTape() as tape:
            layers = network(x, keep_prob=0.5, dropout_seed=[1, i])
            before = -tf.reduce_sum(y_ * tf.math.log(layers.y_conv))  # the post's formula
        slopes = tape.gradient(before, network.trainable_variables)
        loss = network.train_step(x, y_, dropout_seed=[1, i])
        np.testing.assert_allclose(loss, before, rtol=1e-4)
        for j, (adam, slope) in enumerate(zip(adams, slopes)):
            expected[j] += adam.step(slope.numpy().astype(np.float64))
    assert len(expected) == 8
    for variable, value in zip(network.trainable_variables, expected):
        # Where a gradient is almost 0, rounding may turn its sign, and thereby Adam's step.
        close = np.abs(variable.numpy() - value) < 1e-6
        assert close.mean() > 0.99, variable.name


# ------------------------------------------------------------------------------- whole runs


@pytest.fixture(scope="module")
def seeded(small_data, tmp_path_factory):
    """A run with --seed 3 up to step 12, in folders with blanks in their names.

    The data are 600 digits: with batches of 50, step 12 begins the second epoch. Has the fields
    folder, out, err, events ({(tag, step): value}) and reports ({step: (cross entropy, accuracy,
    h_conv1, variables)}, computed here for the same steps, with the post's numbers).
    """
    folder = tmp_path_factory.mktemp("my runs")
    data_dir = shutil.copytree(small_data, folder / "my data")
    small = {"num_fc": 16, "report_every": 5, "filters_every": 10}
    args = "--seed", 3, "--steps", 12
    running = start_training(folder, data_dir, *args, constants=small)

    train = input_data.read_data_sets(data_dir).train
    shuffled = np.arange(600)
    np.random.RandomState(3).shuffle(shuffled)
    order = np.concatenate([np.arange(600), shuffled])
    reports = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(double_conv, "num_fc", 16)
        network = DoubleConv(seed=3)
    for step in range(13):
        batch = order[50 * step : 50 * (step + 1)]
        x, y_ = train.images[batch], train.labels[batch]
        network.train_step(x, y_, [3, step])
        if step in (0, 5, 10, 12):
            weights = {name: getattr(network, name).numpy() for name in WEIGHTS}
            reports[step] = *network.evaluate(x, y_), weights
    out, err = running.result()
    events = {(tag, at): v for tag, at, v in read_events(only_run(folder / "logs"))}
    return SimpleNamespace(folder=folder, out=out, err=err, events=events, reports=reports)


def test_stdout_is_the_posts(seeded):
    """Promise 1."""
    *lines, last = seeded.out.splitlines()
    assert lines == [
        f"step {step}, training accuracy {accuracy:g}"
        for step, (_, accuracy, _, _) in seeded.reports.items()
    ]
    accuracy = seeded.events["test accuracy", 12]
    assert last == f"test accuracy {accuracy:g} (not MNIST)"


def test_seed_and_step_decide_weights_batches_and_dropout(seeded):
    """Promise 1."""
    for step, (cross_entropy, _, _, weights) in seeded.reports.items():
        np.testing.assert_allclose(seeded.events["cross entropy", step], cross_entropy, rtol=1e-5)
        saved = variables_in(seeded.folder / f"train_data-{step}")
        for name, value in weights.items():
            variable = saved[f"network/{name}/.ATTRIBUTES/VARIABLE_VALUE"]
            np.testing.assert_allclose(variable, value, atol=1e-6, err_msg=name)


def test_last_step_is_reported_logged_and_saved_too(seeded):
    assert saved_steps(seeded.folder) == [12, 10, 5, 0]
    for tag in ("cross entropy", "accuracy", "h_conv1"):
        assert [step for name, step in seeded.events if name == tag] == [0, 5, 10, 12]


def test_checkpoint_has_the_name_of_the_curves_folder_so_that_it_may_be_moved(seeded):
    """Promise 2: --resume continues the curves below the --log-dir that it is given."""
    run = settings_of(seeded.folder / "train_data-12")["run"]
    assert run == only_run(seeded.folder / "logs").name


def test_logged_accuracy_and_histogram_are_those_of_the_report(seeded):
    for step, (_, accuracy, h_conv1, _) in seeded.reports.items():
        np.testing.assert_allclose(seeded.events["accuracy", step], accuracy, rtol=1e-6)
        edges_and_counts = seeded.events["h_conv1", step]
        np.testing.assert_allclose(edges_and_counts[-1, 1], np.max(h_conv1), rtol=1e-4)
        assert edges_and_counts[:, 2].sum() == 50 * 28 * 28 * 32


def test_settings_are_logged_and_the_run_is_named_for_the_seed(seeded):
    text = seeded.events["settings", 0].item().decode()
    assert text.splitlines() == [
        "- script: double_conv.py",
        "- data: not MNIST",
        "- seed: 3",
        "- bfloat16: False",
    ]
    assert re.fullmatch(r"\d{8}-\d{6}-seed3-not-MNIST", only_run(seeded.folder / "logs").name)


def test_stderr_has_the_speed_the_paths_and_the_next_commands(seeded):
    """Promise 1."""
    folder = seeded.folder
    speed = seeded.err.splitlines()[1]
    assert re.fullmatch(r"12 steps in \d+\.\d s \([\d.]+ steps/s\)", speed)
    assert seeded.err.splitlines() == [
        f"{folder / 'my data'} does not contain MNIST: do not compare results with the post's",
        speed,
        f"curves: {only_run(folder / 'logs')}",
        f"next: tensorboard --logdir '{folder / 'logs'}' --samples_per_plugin images=1000",
        f"next: python {shlex.quote(str(ROOT / 'visualize_filters.py'))} "
        f"'{folder / 'train_data-12'}' "
        f"--data-dir '{folder / 'my data'}'",
    ]


def test_reports_are_every_100_steps_and_the_filters_every_1000():
    """Promise 1."""
    assert (double_conv.report_every, double_conv.filters_every) == (100, 1000)


def test_filters_are_logged_as_an_image(seeded):
    images = {step: value for (tag, step), value in seeded.events.items() if tag == "filters"}
    assert list(images) == [0, 10]
    picture = tf.io.decode_png(images[10][2]).numpy()[:, :, 0]
    W_conv1 = seeded.reports[10][-1]["W_conv1"][:, :, 0]
    for k, cell in enumerate(np.concatenate(cells(picture, pitch=44))):
        np.testing.assert_allclose(small_image(cell, 5), shades(W_conv1[:, :, k]), atol=2)
    assert k == 31


# Elsewhere TensorFlow leaves out oneDNN, and with it bfloat16.
CPUINFO = fast_ops.CPUINFO.read_text() if fast_ops.CPUINFO.exists() else ""
HAS_ONEDNN = re.search("avx512_vnni|avx_vnni|amx_tile", CPUINFO)


@pytest.mark.skipif(not HAS_ONEDNN, reason="TensorFlow has no bfloat16 on this CPU")
def test_bfloat16_trains_differently_and_is_tested_in_float32(small_data, tmp_path, monkeypatch):
    running = start_training(tmp_path, small_data, "--steps", 20, "--bfloat16")
    monkeypatch.setattr(double_conv, "num_fc", 16)
    network, data = DoubleConv(), input_data.read_data_sets(small_data)
    for i in range(21):  # the same in float32
        network.train_step(*data.train.next_batch(10), dropout_seed=[1, i])
    out, _ = running.result()
    path = tmp_path / "train_data-20"
    W_fc1 = variables_in(path)["network/W_fc1/.ATTRIBUTES/VARIABLE_VALUE"]
    assert W_fc1.dtype == np.float32
    assert np.mean(np.abs(W_fc1 - network.W_fc1)) > 1e-6
    np.testing.assert_allclose(W_fc1, network.W_fc1, atol=5e-3)
    assert only_run(tmp_path / "logs").name.endswith("-bfloat16-not-MNIST")
    checkpoints.restore(network, path)
    accuracy = common.accuracy_on(network, data.test)
    assert out.splitlines()[-1] == f"test accuracy {accuracy:g} (not MNIST)"


# ---------------------------------------------------------------------------------------- options


def test_resume_and_overwrite_exclude_each_other(monkeypatch, capsys):
    """Promise 3: a run does not replace the one that it continues."""
    monkeypatch.setattr("sys.argv", ["double_conv.py", "--resume", "--overwrite"])
    with pytest.raises(SystemExit):
        double_conv.options()
    assert "--overwrite: not allowed with argument --resume" in capsys.readouterr().err


def test_folder_for_checkpoints_keeps_its_ending(monkeypatch):
    """Promise 3: the folder best.meta is not the folder best."""
    monkeypatch.setattr("sys.argv", ["double_conv.py", "--checkpoint-dir", "runs/best.meta"])
    assert str(double_conv.options().checkpoint_dir) == "runs/best.meta"
