"""experiments/shifts.py: digits that are moved by some pixels."""

import numpy as np
import pytest

from experiments import seeds, shifts

PLACES = {"up": (8, 20), "down": (12, 20), "left": (10, 18), "right": (10, 22)}


@pytest.mark.parametrize("direction", PLACES)
def test_a_digit_is_moved(direction):
    image = np.zeros([1, 28, 28])
    image[0, 10, 20] = 1
    moved = shifts.moved(image.reshape(1, 784), direction, 2).reshape(28, 28)
    assert np.argwhere(moved).tolist() == [list(PLACES[direction])]


def test_what_leaves_the_image_is_lost():
    image = np.zeros([1, 28, 28])
    image[0, 1, 0] = 1
    assert shifts.moved(image.reshape(1, 784), "left", 1).sum() == 0


def test_rows_are_each_seeds_accuracies_on_the_moved_digits(run, trained, small_data, tmp_path):
    """The step is past the first epoch, where the order of the digits depends on the seed."""
    options = ["--seeds", "1-2", "--steps", 14, "--data-dir", small_data, "--results", tmp_path]
    expected = [["small", "1", "5", "up", "0", "0.1"]]  # of a training that ended earlier
    seeds.append(tmp_path / "shifts.csv", shifts.COLUMNS, expected, bfloat16=False)
    run(shifts, "small", *options)
    for seed in 1, 2:
        test = trained[seed].mnist.test
        for direction in "up", "down", "left", "right":
            for pixels in range(5):
                moved = shifts.moved(test.images, direction, pixels)
                accuracy = trained[seed].accuracy(14, moved, test.labels)
                expected.append(["small", f"{seed}", "14", direction, f"{pixels}"])
                expected[-1].append(f"{accuracy:.4f}")
    found = seeds.rows(tmp_path / "shifts.csv")
    assert [[row[column] for column in shifts.COLUMNS] for row in found] == expected
