"""experiments/optimizers.py: Adam and gradient descent, their losses and the best rates."""

import numpy as np

import common
import double_conv
from double_conv import DoubleConv
from experiments import optimizers
from support import input_data


def test_losses_are_those_of_the_step_with_the_optimizer_and_rate(small_data, monkeypatch):
    monkeypatch.setattr(double_conv, "num_fc", 16)
    train = input_data.read_data_sets(small_data).train
    found = {name: optimizers.losses(name, "1e-4", 1, train, 2) for name in optimizers.OPTIMIZERS}
    x, y_ = input_data.read_data_sets(small_data).train.next_batch(50)
    logits = DoubleConv(1)(x, keep_prob=0.5, dropout_seed=[1, 0]).logits
    expected = common.cross_entropy(logits, y_) / 50
    np.testing.assert_allclose(found["Adam"][0], expected, rtol=1e-4)
    assert found["Adam"][1] != found["gradient descent"][1]


def test_best_rate_has_the_lowest_loss_in_the_end_and_a_diverging_one_never_wins():
    steps = np.array([500, 1000, 1500])
    curves = {
        ("Adam", "1e-4"): (steps, np.array([9, 3, 0.2])),
        ("Adam", "1e-3"): (steps, np.array([1, 1, 0.3])),
        ("gradient descent", "1e-3"): (steps, np.array([1, 1, 0.9])),
        ("gradient descent", "1e-2"): (steps, np.array([1, np.nan, np.nan])),
    }
    assert optimizers.best_rates(curves) == {"Adam": "1e-4", "gradient descent": "1e-3"}
