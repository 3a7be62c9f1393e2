"""single_conv.py: the network against NumPy, and a run from the command line."""

import re
import shutil
import sys

import numpy as np
import pytest
import tensorflow as tf
from digits import cells, figure_cells, read_png, shades, small_image, write_idx
from numpy_layers import conv2d, max_pool_2x2, relu, softmax
from processes import ROOT, Running
from runs import only_run, posts_curve, read_events

import single_conv
from single_conv import SingleConv
from support import input_data

SEED, STEPS = 5, 20  # the last accuracy is printed as 1

# --------------------------------------------------------------- the same network, written in NumPy


def forward(variables, x):
    """Returns the network's layers by name, from its variables by name."""
    v = variables
    h_conv1 = relu(np.abs(conv2d(x.reshape(-1, 28, 28, 1), v["W_conv1"])) - 0.2)
    h_pool1 = max_pool_2x2(h_conv1)
    h_fc1 = relu(h_pool1.reshape(len(x), -1) @ v["W_fc1"] + v["b_fc1"])
    logits = h_fc1 @ v["W_fc2"] + v["b_fc2"]
    layers = {"h_conv1": h_conv1, "h_pool1": h_pool1, "h_fc1": h_fc1}
    return layers | {"logits": logits, "y_conv": softmax(logits)}


def variables_of(network):
    """Returns the network's variables by name, float64."""
    names = [name for name in vars(network) if name.startswith(("W_", "b_"))]
    return {name: getattr(network, name).numpy().astype(np.float64) for name in names}


@pytest.fixture
def batch():
    """Twenty digits of noise, with labels."""
    random = np.random.default_rng(0)
    x = random.random((20, 784), dtype=np.float32)
    return x, np.eye(10, dtype=np.float32)[random.integers(10, size=20)]


@pytest.fixture
def network():
    """A network whose biases are not 0."""
    network, random = SingleConv(), np.random.default_rng(1)
    network.b_fc1.assign(random.normal(0, 0.1, [16]))
    network.b_fc2.assign(random.normal(0, 0.1, [10]))
    return network


def test_layers_are_numpys(network, batch):
    layers, expected = network(batch[0]), forward(variables_of(network), batch[0])
    assert layers._fields == tuple(expected)
    for name, layer in expected.items():
        found = getattr(layers, name).numpy()
        assert found.shape == layer.shape, name
        assert np.mean(layer != 0) > 0.1, name
        np.testing.assert_allclose(found, layer, rtol=1e-3, atol=1e-3, err_msg=name)
    assert layers.y_conv.numpy().max(axis=1).min() < 0.9


def test_a_step_is_gradient_descent_with_rate_0_001(network, batch):
    before = variables_of(network)
    y_conv = forward(before, batch[0])["y_conv"]
    cross_entropy = network.train_step(*batch)
    np.testing.assert_allclose(cross_entropy, -np.log(y_conv[batch[1] == 1]).sum(), rtol=1e-3)
    # The slope for a bias of the readout is the sum of the differences from the labels.
    slope = (y_conv - batch[1]).sum(0)
    np.testing.assert_allclose(network.b_fc2, before["b_fc2"] - 0.001 * slope, atol=1e-5)
    assert np.abs(slope).max() > 0.5
    for name, value in before.items():
        x, step = batch[0], np.random.default_rng(2).normal(size=value.shape)
        moved = getattr(network, name).numpy() - value
        # The slope along a random direction, from two evaluations: moved is -0.001 times that.
        losses = []
        for sign in 1, -1:
            changed = before | {name: value + sign * 1e-5 * step}
            losses.append(-np.log(forward(changed, x)["y_conv"][batch[1] == 1]).sum())
        slope = (losses[0] - losses[1]) / 2e-5
        assert np.sum(moved * step) == pytest.approx(-0.001 * slope, rel=0.02, abs=1e-4), name


def test_another_seed_gives_other_weights_and_the_same_seed_the_same():
    one, same, other = (variables_of(SingleConv(seed)) for seed in (1, 1, 2))
    for name in ("W_conv1", "W_fc1", "W_fc2"):
        np.testing.assert_array_equal(one[name], same[name])
        assert not np.allclose(one[name], other[name])


@pytest.mark.parametrize("equal_rows", [False, True])
def test_equal_filters_stay_equal_only_if_the_features_weight_all_maps_alike(batch, equal_rows):
    """As the guide tells."""
    network = SingleConv()
    network.W_conv1.assign(tf.repeat(network.W_conv1[..., :1], 16, axis=-1))
    if equal_rows:  # of W_fc1, from map to map
        maps = tf.reshape(network.W_fc1, [196, 16, 16])
        network.W_fc1.assign(tf.reshape(tf.repeat(maps[:, :1], 16, axis=1), [3136, 16]))
    network.train_step(*batch)
    difference = np.ptp(network.W_conv1.numpy(), axis=-1).max()
    assert difference < 1e-6 if equal_rows else difference > 1e-4


# ---------------------------------------------------------------------- a run of 21 steps, seed 5


@pytest.fixture(scope="module")
def data(small_data, tmp_path_factory):
    """Made-up digits whose test labels are wrong, each 1 higher: no network gets any right."""
    folder = shutil.copytree(small_data, tmp_path_factory.mktemp("data") / "my data")
    labels = input_data.read_data_sets(folder).test.labels.argmax(1)
    write_idx(folder, "t10k-labels-idx1-ubyte", (labels + 1) % 10)
    return folder


def start(data, folder):
    where = ["--data-dir", data, "--log-dir", folder / "my logs", "--figure", folder / "f.PNG"]
    return Running("single_conv.py", "--seed", SEED, "--steps", STEPS, *where, folder=folder)


@pytest.fixture(scope="module")
def started(data, tmp_path_factory):
    """The run, with blanks in its paths, which goes on while the same steps are taken here."""
    return start(data, tmp_path_factory.mktemp("my run"))


@pytest.fixture(scope="module")
def same_again(data, started, tmp_path_factory):
    """The same run, beside the first one."""
    return start(data, tmp_path_factory.mktemp("my run"))


@pytest.fixture(scope="module")
def trained(started, same_again, expected):
    """The run at its end: (its folder, stdout, stderr)."""
    return started.folder, *started.result()


@pytest.fixture(scope="module")
def expected(started, data):
    """The same steps, taken here, with reports computed by NumPy: (network, data, {step: report}).

    A report is of the batch just trained on, after the step: cross entropy, accuracy, h_conv1.
    """
    network, mnist, reports = SingleConv(SEED), input_data.read_data_sets(data, seed=SEED), {}
    for i in range(STEPS + 1):
        x, y_ = mnist.train.next_batch(100)
        network.train_step(x, y_)
        if i % 10 == 0:
            layers = forward(variables_of(network), x)
            correct = layers["y_conv"].argmax(1) == y_.argmax(1)
            cross_entropy = -np.log(layers["y_conv"][y_ == 1]).sum()
            reports[i] = cross_entropy, correct.mean(), layers["h_conv1"]
    return network, mnist, reports


@pytest.fixture(scope="module")
def events(trained):
    """Returns {(tag, step): value} of the run's event file."""
    values = read_events(only_run(trained[0] / "my logs"))
    events = {(tag, step): value for tag, step, value in values}
    assert len(events) == len(values)
    return events


def test_every_tenth_step_is_reported_after_its_update_and_at_the_end_the_test(trained, expected):
    """Promise 1: stdout carries what the post's program prints, and no more."""
    *lines, last = trained[1].splitlines()
    network, mnist, reports = expected
    assert lines == [
        f"step {i}, training accuracy {accuracy:g}" for i, (_, accuracy, _) in reports.items()
    ]
    y_conv = forward(variables_of(network), mnist.test.images)["y_conv"]
    accuracy = np.mean(y_conv.argmax(1) == mnist.test.labels.argmax(1))
    assert accuracy < 0.3 < reports[STEPS][1]  # so that the training set would be noticed
    assert last == f"test accuracy {accuracy:g} (not MNIST)"


def test_stderr_has_the_speed_and_the_paths_and_nothing_from_tensorflow(trained, data):
    """Promise 1."""
    folder, _, err = trained
    run_folder = only_run(folder / "my logs")
    lines = err.splitlines()
    assert re.fullmatch(r"20 steps in [\d.]+ s \(\d+(\.\d+)? steps/s\)", lines.pop(1))
    assert lines == [
        f"{data} does not contain MNIST: do not compare results with the post's",
        f"figure: {folder / 'f.PNG'}",
        f"curves: {run_folder}",
        f"next: tensorboard --logdir '{run_folder.parent}' --samples_per_plugin images=1000",
    ]


def test_tensorboards_curves_are_the_reports(events, expected):
    reports = expected[2]
    for tag in "cross entropy", "accuracy", "h_conv1":
        assert [step for name, step in events if name == tag] == list(reports)
    for step, (cross_entropy, accuracy, h_conv1) in reports.items():
        np.testing.assert_allclose(events["cross entropy", step], cross_entropy, rtol=1e-3)
        np.testing.assert_allclose(events["accuracy", step], accuracy, rtol=1e-6)
        edges_and_counts = events["h_conv1", step]
        np.testing.assert_allclose(edges_and_counts[-1, 1], h_conv1.max(), rtol=1e-3)
        assert edges_and_counts[:, 2].sum() == h_conv1.size


def test_filters_are_logged_as_an_image(events):
    """The first ones, before the first report, are one step from the initial ones."""
    assert [step for tag, step in events if tag == "filters"] == [0]
    W = SingleConv(SEED).W_conv1.numpy()[:, :, 0]
    image = tf.io.decode_png(events["filters", 0][2]).numpy()[:, :, 0]
    for k, cell in enumerate(np.concatenate(cells(image, pitch=44))):
        np.testing.assert_allclose(small_image(cell, 5), shades(W[:, :, k]), atol=4)
    assert k == 15


def test_settings_graph_and_test_accuracy_are_logged_once(events, trained):
    settings = ["- script: single_conv.py", "- data: not MNIST", f"- seed: {SEED}"]
    assert events["settings", 0].item().decode().splitlines() == settings
    curves = ("cross entropy", "accuracy", "h_conv1", "filters")
    once = {key for key in events if key[0] not in curves}
    ends = {("test accuracy", STEPS), ("test digits", STEPS)}
    assert once == {("graph", 0), ("settings", 0)} | ends
    last = trained[1].splitlines()[-1]
    assert last == f"test accuracy {events['test accuracy', STEPS]:g} (not MNIST)"


def test_figure_shows_the_filters_and_the_maps_of_the_first_12_test_digits(
    trained, events, expected
):
    picture = read_png(trained[0] / "f.PNG")
    network, mnist, _ = expected
    W, images = network.W_conv1.numpy()[:, :, 0], mnist.test.images[:12]
    h_pool1 = forward(variables_of(network), images)["h_pool1"]
    filters, *rows = figure_cells(picture, lines=1, pitch=60)
    assert (len(filters), len(rows)) == (17, 12)
    for k in range(16):
        found = small_image(filters[k + 1], 5)
        np.testing.assert_allclose(found, shades(W[:, :, k]), atol=2)
    for image, maps, row in zip(images, h_pool1, rows):
        found = small_image(row[0], 28)
        np.testing.assert_allclose(found, shades(image.reshape(28, 28)), atol=2)
        for k in range(16):
            if np.ptp(maps[:, :, k]) > 0.05:  # not only noise
                found = small_image(row[k + 1], 14)
                np.testing.assert_allclose(found, shades(maps[:, :, k]), atol=3)
    logged = tf.io.decode_png(events["test digits", STEPS][2], channels=1)
    assert logged.shape[:2] == picture.shape


def test_title_tells_what_is_drawn_and_of_which_run(monkeypatch, small_data, tmp_path, capsys):
    drawn, visualize = [], single_conv.visualize
    monkeypatch.setattr(
        single_conv, "visualize", lambda *args: drawn.append(visualize(*args)) or drawn[-1]
    )
    monkeypatch.setattr(single_conv.figures, "show", lambda paths: None)
    args = ["--seed", "3", "--steps", "0", "--data-dir", str(small_data), "--log-dir"]
    args += [str(tmp_path), "--figure", str(tmp_path / "f.png")]
    monkeypatch.setattr(sys, "argv", ["single_conv.py", *args])
    single_conv.main()
    accuracy = capsys.readouterr().out.splitlines()[-1].removesuffix(" (not MNIST)")
    assert len(accuracy) == len("test accuracy 0.123")  # so that rounding would be noticed
    assert drawn[0].texts[0].get_text() == (
        "single_conv.py: 16 filters (top row), their feature maps for 12 test digits\n"
        f"not MNIST, seed 3, step 0, {accuracy}"
    )


def test_four_filters_are_enough_for_the_script(monkeypatch, batch):
    """README's second experiment: `num_filters = 4`."""
    monkeypatch.setattr(single_conv, "num_filters", 4)
    network = SingleConv()
    np.testing.assert_allclose(
        network(batch[0]).y_conv, forward(variables_of(network), batch[0])["y_conv"], atol=1e-3
    )
    network.train_step(*batch)
    figure = single_conv.visualize(network, batch[0], "below")
    assert figure.texts[0].get_text().startswith("single_conv.py: 4 filters")


def test_the_same_seed_gives_the_same_bits(started, same_again, trained, events):
    """Promise 1."""
    out, _ = same_again.result()
    assert out == trained[1]
    values = read_events(only_run(same_again.folder / "my logs"))
    for tag, step, value in values:
        if tag != "graph":
            np.testing.assert_array_equal(events[tag, step], value)
    assert len(values) == len(events)
    figures = [(running.folder / "f.PNG").read_bytes() for running in (started, same_again)]
    assert figures[0] == figures[1]


def test_rendered_digits_need_no_network_and_are_named_everywhere(tmp_path):
    """Promise 5."""
    args = ["--steps", 0, "--dataset", "rendered", "--log-dir", tmp_path]
    out, _ = Running("single_conv.py", *args).result()
    assert out.splitlines()[-1].endswith(" (rendered digits, not MNIST)")
    assert only_run(tmp_path).name.endswith("-not-MNIST")


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["--steps", "-1"], 2, "'-1' is not an integer from 0 to 2147483647"),
        (["--steps", "x"], 2, "'x' is not an integer from 0 to 2147483647"),
        (["--seed", "2147483648"], 2, "is not an integer from 0 to 2147483647"),
        (["--log-dir", "file"], 1, "file is a file, not a folder; choose another --log-dir"),
    ],
)
def test_wrong_options_are_refused_before_training(small_data, tmp_path, args, code, message):
    """Promise 4."""
    (tmp_path / "file").write_text("mine")
    args = ["single_conv.py", "--data-dir", small_data, "--log-dir", "logs", *args]
    out, err = Running(*args, folder=tmp_path).result(code)
    assert out == ""
    assert err.splitlines()[-1].endswith(message)
    assert (tmp_path / "file").read_text() == "mine"


# ------------------------------------------------------------------------------------ real MNIST


@pytest.fixture(scope="module")
def default_run(started_default_run):
    """The default run on MNIST at its end."""
    started_default_run.result()
    return started_default_run


def test_default_run_has_the_posts_accuracy(default_run):
    """Promise 1."""
    lines = default_run.stdout.splitlines()
    assert len(lines) == 102
    assert abs(float(lines[-1].removeprefix("test accuracy ")) - 0.975) <= 0.002


def test_cross_entropy_is_the_posts_until_rounding_differences_dominate(default_run):
    """Promise 1. The limits are those that docs/results.md tells."""
    values = read_events(only_run(default_run.folder / "logs"))
    ours = {step: value for tag, step, value in values if tag == "cross entropy"}
    posts = {step: cross_entropy for step, (cross_entropy, _) in posts_curve("single").items()}
    assert list(ours) == list(posts)
    for step, limit in (0, 1e-5), (10, 1e-5), (20, 1e-3):
        assert abs(ours[step] / posts[step] - 1) < limit
    # Later rounding differences add up, but the curves stay together.
    late = [step for step in posts if step > 500]
    assert 0.8 < np.mean([ours[i] for i in late]) / np.mean([posts[i] for i in late]) < 1.25


def test_filters_are_logged_every_100_steps_as_they_are_learned(default_run):
    values = read_events(only_run(default_run.folder / "logs"))
    images = {step: value[2] for tag, step, value in values if tag == "filters"}
    assert list(images) == list(range(0, 1001, 100))
    assert len(set(images.values())) == 11


def test_the_posts_own_run_is_beside_ours(default_run):
    logs = default_run.folder / "logs"
    names = {path.name for path in logs.iterdir()}
    assert names == {"the-post-single_conv-tensorflow-0.12.1", only_run(logs).name}


def test_the_readme_shows_the_lines_of_this_run(default_run):
    """Promise 1. The first accuracies to the digit; of other lines only what is no number."""

    def shape(line):
        return re.sub(r"\d[\d.]*(-\d+)?", "N", line)

    readme = (ROOT / "README.md").read_text()
    shown = re.search(r"^step 0, .*?(?=^```)", readme, re.MULTILINE | re.DOTALL)[0].splitlines()
    printed = default_run.stdout + default_run.stderr
    printed = re.sub(
        rf"({re.escape(str(default_run.folder))}/)?\blogs\b", "/tmp/cnn_single", printed
    )
    assert shown[:3] == printed.splitlines()[:3]
    shapes = {shape(line) for line in printed.splitlines()}
    assert {shape(line) for line in shown if line != "..."} <= shapes
