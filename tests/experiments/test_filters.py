"""experiments/filters.py: what the guide tells of the trained filters, counted."""

import numpy as np
import pytest

from experiments import filters
from single_conv import SingleConv


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
    filters.print_responses(network)
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


def test_share_is_that_of_each_map():
    maps = np.zeros([2, 2, 2])
    maps[0, :, 0], maps[:, 0, 1] = 1, [1, 3]
    upper = np.array([[True, True], [False, False]])
    assert filters.shares(maps, upper) == "100% 25%"
