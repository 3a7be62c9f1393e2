"""experiments/filters.py: what the guide tells of the trained filters, counted."""

import re

import numpy as np
import pytest

import common
from double_conv import DoubleConv
from experiments import both_networks, filters
from single_conv import SingleConv
from support import input_data
from support.quiet import tf


@pytest.fixture
def rows(capsys):
    """The table of a network whose filters 1 to 3 find upright edges, level edges and ink.

    The others' weights are too small for any response.
    """
    network = SingleConv()
    edge = np.repeat([[-1, -1, 0, 1, 1]], 5, axis=0) / 10
    W = np.full([5, 5, 1, 16], 0.001, np.float32)
    W[:, :, 0, 0], W[:, :, 0, 1], W[:, :, 0, 2] = edge, edge.T, 0.1
    network.W_conv1.assign(W)
    filters.print_responses(network, "trained")
    lines = capsys.readouterr().out.splitlines()
    return [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")][2:]


def test_stroke_is_three_pixels_wide_and_rises_with_its_angle():
    level, rising, upright = (filters.stroke(angle).reshape(28, 28) for angle in (0, 45, 90))
    np.testing.assert_allclose(level.sum(axis=0), 3)
    np.testing.assert_allclose(upright.sum(axis=1), 3, rtol=1e-6)
    assert rising[0, 27] == rising[27, 0] == 1
    assert rising[0, 0] == rising[27, 27] == 0


def test_an_edge_filter_responds_to_strokes_along_its_edge_and_not_to_those_across(rows):
    assert rows[0][5:] == ["upright", "inf", "50%"]  # as much weight above as below 0
    assert rows[1][5:] == ["level", "inf", "50%"]


def test_a_filter_without_an_edge_responds_to_any_stroke(rows):
    assert rows[2][5:] == ["any", "", "100%"]


def test_a_response_is_the_mean_of_h_conv1_near_the_middle(rows):
    """A 5x5 filter of 0.1 on an upright stroke, whose ink is 0.5, 1, 1 and 0.5 wide."""
    x = np.array([0, 0, 0, 0, 0.5, 1, 1, 0.5, 0, 0, 0, 0])  # columns 8 to 19
    h = np.maximum(5 * 0.1 * np.convolve(x, np.ones(5), "same") - 0.2, 0)
    columns = np.arange(8, 20) - 13.5
    rows_within_10 = [np.sum(np.hypot(np.arange(28) - 13.5, c) < 10) for c in columns]
    near = np.sum(np.hypot(*np.mgrid[-13.5:14, -13.5:14]) < 10)
    assert rows[2][3] == rows[2][1] == f"{np.sum(h * rows_within_10) / near:.3f}"


def test_the_controls_of_directions_are_as_large_as_what_is_trained(capsys):
    initial, trained = SingleConv(1), SingleConv(1)
    trained.W_conv1.assign(2 * initial.W_conv1)
    filters.print_directions(trained, initial)
    _, larger, as_trained, shuffled = capsys.readouterr().out.splitlines()
    count = np.sum(filters.directions(filters.responses(trained)) != "any")
    assert larger.startswith(
        f"random filters, times 2.00, with a direction, seeds 1 to 10: {count} "
    )
    assert as_trained.endswith("strongest response stronger 16.0 of 16")
    other = [float(re.search(r"direction ([\d.]+)", line)[1]) for line in (as_trained, shuffled)]
    assert other[0] < other[1]


def test_share_is_that_of_each_map():
    maps = np.zeros([2, 2, 2])
    maps[0, :, 0], maps[:, 0, 1] = 1, [1, 3]
    upper = np.array([[True, True], [False, False]])
    assert filters.shares(maps, upper) == "100% 25%"


def test_the_program_prints_what_the_trained_networks_do_with_the_test_digits(
    run, small_data, tmp_path, monkeypatch, capsys
):
    """The first network is trained for 20 steps here, past the first epoch, the second is not."""
    monkeypatch.setattr("double_conv.num_fc", 16)
    monkeypatch.setattr(both_networks, "STEPS", 20)
    double, mnist, single = DoubleConv(3), input_data.read_data_sets(small_data), SingleConv(1)
    path = tf.train.Checkpoint(network=double).write(str(tmp_path / "train_data-0"))
    run(filters, path, "--data-dir", small_data)
    of_single, of_double = capsys.readouterr().out.split("## The second network\n")

    def printed(text, name):
        return re.search(rf"^{name}: (.*)$", text, re.MULTILINE)[1]

    images, initial = mnist.test.images, single.W_conv1.numpy()
    for _ in range(20):
        single.train_step(*mnist.train.next_batch(100))
    c = np.abs(common.conv2d(images[:100].reshape(-1, 28, 28, 1), single.W_conv1))
    removed = np.sum((c > 0) & (c <= 0.2)) / np.sum(c > 0)
    assert printed(of_single, "removed by 0.2, trained") == f"{removed:.0%}"
    zeros = np.mean(single(images[:100]).h_conv1.numpy() == 0)
    assert printed(of_single, "zeros in h_conv1, trained") == f"{zeros:.0%}"
    correlation = np.corrcoef(single.W_conv1.numpy().ravel(), initial.ravel())[0, 1]
    assert printed(of_single, "correlation of W_conv1") == f"{correlation:.2f}"
    maxima = single(images[:1]).h_pool1.numpy()[0].max((0, 1))
    assert printed(of_single, "first 7, maxima") == " ".join(f"{x:.2f}" for x in maxima)
    y_conv = single(images[9:10]).y_conv.numpy()[0]
    best, second = sorted(range(10), key=lambda digit: -y_conv[digit])[:2]
    expected = f"{best} {y_conv[best]:.0%}, {second} {y_conv[second]:.0%}"
    assert printed(of_single, "the picture's digit") == expected

    y_conv, labels = double(images).y_conv.numpy(), mnist.test.labels.argmax(1)
    p, wrong = y_conv.max(1), y_conv.argmax(1) != labels
    assert printed(of_double, "mistakes") == f"{np.sum(wrong)}"
    rank = np.sum(y_conv > y_conv[np.arange(500), labels][:, None], axis=1)
    assert printed(of_double, "the label is second") == f"{np.sum(rank == 1)}"
    assert printed(of_double, "median probability, mistakes") == f"{np.median(p[wrong]):.2f}"
    assert printed(of_double, "median probability, others") == f"{np.median(p[~wrong]):.6f}"
    for more, what in (p > 0.9, "more than 90%"), (p <= 0.9, "90% or less"):
        expected = f"{np.sum(more)}, of these mistakes: {np.sum(more & wrong)}"
        assert printed(of_double, f"digits with {what}") == expected
