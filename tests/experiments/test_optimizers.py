"""experiments/optimizers.py: Adam and gradient descent, their losses and the best rates."""

import numpy as np

import common
import double_conv
from experiments import optimizers, seeds, variants
from support import figures, input_data
from support.quiet import tf


def losses(network, optimizer, data_dir):
    """Returns each step's cross entropy per digit, before the step: seed 1, 24 steps, dropout."""
    network.optimizer = optimizer
    train, found = input_data.read_data_sets(data_dir, seed=1).train, []
    for i in range(24):
        x, y_ = train.next_batch(50)
        logits = network(x, keep_prob=0.5, dropout_seed=[1, i]).logits
        found.append(common.cross_entropy(logits, y_) / 50)
        network.train_step(x, y_, dropout_seed=[1, i])
    return np.array(found)


def test_rows_are_mean_losses_before_each_step_and_the_picture_has_the_last_means(
    run, small_data, tmp_path, monkeypatch
):
    """With a small network. An epoch has 12 steps; after it, the order is the seed's."""
    Small = variants.EXPERIMENTS["small"].network
    monkeypatch.setattr(double_conv, "DoubleConv", Small)
    for name, value in {"STEPS": 24, "MEAN_OF": 6, "LAST": 12, "RATES": ["1e-4", "1e-2"]}.items():
        monkeypatch.setattr(optimizers, name, value)
    drawn = []
    monkeypatch.setattr(figures, "save", lambda figures, paths, dpi: drawn.extend(figures))
    command = ["--data-dir", small_data, "--results", tmp_path, "--figure-dir", tmp_path]
    for _ in range(2):  # the second time, there is nothing to train
        run(optimizers, *command)

    found = {}
    for row in seeds.rows(tmp_path / "optimizers.csv"):
        found.setdefault((row["optimizer"], row["rate"]), []).append((row["step"], row["loss"]))
    assert list(found) == [(o, r) for o in ("Adam", "gradient descent") for r in ("1e-4", "1e-2")]
    for key, optimizer in {
        ("Adam", "1e-2"): tf.compat.v1.train.AdamOptimizer(1e-2),
        ("gradient descent", "1e-4"): tf.compat.v1.train.GradientDescentOptimizer(1e-4),
    }.items():
        means = losses(Small(1), optimizer, small_data).reshape(4, 6).mean(1)
        assert [step for step, loss in found[key]] == ["6", "12", "18", "24"]
        np.testing.assert_allclose([float(loss) for _, loss in found[key]], means, atol=2e-4)

    for figure in drawn:
        (axes,) = figure.axes
        curves = [[float(loss) for step, loss in rows] for rows in found.values()]
        assert sorted(list(line.get_ydata()) for line in axes.lines) == sorted(curves)
        best = [line for line in axes.lines if line.get_linewidth() == 2]
        lowest = [
            min(curves[:2], key=lambda c: sum(c[-2:])),
            min(curves[2:], key=lambda c: sum(c[-2:])),
        ]
        assert sorted(list(line.get_ydata()) for line in best) == sorted(lowest)
    assert len(drawn) == 2


def test_best_rate_has_the_lowest_loss_in_the_end_and_a_diverging_one_never_wins():
    steps = np.array([500, 1000, 1500])
    curves = {
        ("Adam", "1e-4"): (steps, np.array([9, 3, 0.2])),
        ("Adam", "1e-3"): (steps, np.array([1, 1, 0.3])),
        ("gradient descent", "1e-3"): (steps, np.array([1, 1, 0.9])),
        ("gradient descent", "1e-2"): (steps, np.array([1, np.nan, np.nan])),
    }
    assert optimizers.best_rates(curves) == {"Adam": "1e-4", "gradient descent": "1e-3"}
