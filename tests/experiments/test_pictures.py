"""experiments/pictures.py: what the pictures of many seeds show."""

import numpy as np
import pytest

from experiments import pictures
from experiments.comparisons import CURVES, LADDER
from support import figures

SIDES = {(rung.experiment, rung.step) for rung in LADDER}
SIDES |= {(name, step) for name in CURVES for step in (100, 10000)}
ACCURACIES = {side: np.array([0.9003, 0.9103]) + k / 1000 for k, side in enumerate(sorted(SIDES))}


@pytest.fixture
def drawn(run, write, write_accuracies, tmp_path, monkeypatch):
    """{name: axes} of the pictures of made-up results: machine A has all, B more of one."""
    write("the_post", ["program", "the_post"], [["post_single.py", "0.975"]])
    for (name, step), accuracies in ACCURACIES.items():
        write_accuracies(name, step, dict(enumerate(accuracies, start=1)))
    for step in 1000, 10000:
        write_accuracies("dense-16", step, {1: 0.7, 2: 0.7, 3: 0.7}, cpu="B")
    found = {}

    def save(figures, paths, dpi):
        for figure, path in zip(figures, paths, strict=True):
            (found[path.name],) = figure.axes

    monkeypatch.setattr(figures, "save", save)
    run(pictures, "--figure-dir", tmp_path)
    return found


def test_pictures_show_the_mistakes_of_each_seed_and_their_means(drawn):
    for y, rung in enumerate(LADDER):
        mistakes = 10000 * (1 - ACCURACIES[rung.experiment, rung.step])
        dots, mean = (line for line in drawn["ladder.png"].lines if set(line.get_ydata()) == {y})
        np.testing.assert_allclose(dots.get_xdata(), mistakes, err_msg=rung.english)
        np.testing.assert_allclose(mean.get_xdata(), mistakes.mean(), err_msg=rung.english)

    lines = {line.get_label(): line for line in drawn["learning.png"].lines}
    for name, label in CURVES.items():
        steps, means = lines[label].get_data()
        assert list(steps) == sorted(step for other, step in SIDES if other == name), label
        mistakes = [10000 * (1 - ACCURACIES[name, step].mean()) for step in steps]
        np.testing.assert_allclose(means, mistakes, err_msg=label)

    # Not of the mean of five: single_conv.py prints the accuracy after the last step.
    at_step = ACCURACIES["single", 1000] - 0.05
    bars = drawn["luck.png"].containers[0]
    expected = [sum(0 <= a - bar.get_x() < bar.get_width() for a in at_step) for bar in bars]
    assert sum(expected) == 2
    assert [bar.get_height() for bar in bars] == expected
    texts = [text.get_text() for text in drawn["luck.png"].get_legend().get_texts()]
    assert {"the post: 0.975", f"--seed 1: {at_step[0]:.4f}"} <= set(texts)
