"""docs/programs/filters.py: what the guide says of the trained filters, counted."""

import sys

import numpy as np
import pytest
from processes import ROOT

sys.path.insert(0, str(ROOT / "docs" / "programs"))
import filters

from single_conv import SingleConv


@pytest.fixture
def network():
    """A network whose first filter finds upright edges, the second level ones, and no other any."""
    network = SingleConv()
    edge = np.repeat([[-1, -1, 0, 1, 1]], 5, axis=0) / 10
    W = np.zeros([5, 5, 1, 16], np.float32)
    W[:, :, 0, 0], W[:, :, 0, 1] = edge, edge.T
    network.W_conv1.assign(W)
    return network


def test_stroke_is_three_pixels_wide_and_rises_with_its_angle():
    level, rising, upright = (filters.stroke(angle).reshape(28, 28) for angle in (0, 45, 90))
    np.testing.assert_allclose(level.sum(axis=0), 3)
    np.testing.assert_allclose(upright.sum(axis=1), 3, rtol=1e-6)
    assert rising[0, 27] == rising[27, 0] == 1
    assert rising[0, 0] == rising[27, 27] == 0


def test_answers_are_the_strongest_to_strokes_along_the_edge(network, capsys):
    filters.print_answers(network)
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines() if "°" in line]
    assert rows[0][:3] == ["| 1", "90°", "inf"]
    assert rows[1][:3] == ["| 2", "0°", "0"]
    assert rows[0][5] == "50% |"  # as much weight above as below 0


def test_share_is_that_of_each_map():
    maps = np.zeros([2, 2, 2])
    maps[0, :, 0], maps[:, 0, 1] = 1, [1, 3]
    upper = np.array([[True, True], [False, False]])
    assert filters.shares(maps, upper) == "100% 25%"
