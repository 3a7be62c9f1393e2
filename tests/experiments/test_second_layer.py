"""experiments/second_layer.py: what each of the 64 filters is for."""

import numpy as np
import pytest

from double_conv import DoubleConv
from experiments import second_layer
from support import checkpoints, input_data


@pytest.fixture(scope="module")
def digits(small_data):
    """A network, 50 digits and their labels."""
    test = input_data.read_data_sets(small_data).test
    return DoubleConv(), test.images[:50], test.labels[:50].argmax(1)


def test_mistakes_are_those_of_the_network_and_of_the_network_without_a_filter(digits):
    network, images, labels = digits
    h_pool2 = network(images).h_pool2.numpy()
    found = list(second_layer.mistakes_without(network, h_pool2, labels))

    def mistakes():
        wrong = network(images).y_conv.numpy().argmax(1) != labels
        return [np.sum(wrong & (labels == digit)) for digit in range(10)]

    assert found[0].tolist() == mistakes()
    W_conv2 = network.W_conv2.numpy()
    for k in 0, 40:
        without = W_conv2.copy()
        without[..., k] = 0  # with a bias of 0, its map is 0
        network.W_conv2.assign(without)
        assert found[k + 1].tolist() == mistakes()
    network.W_conv2.assign(W_conv2)


def test_auc_is_the_share_of_pairs_in_which_the_digit_is_stronger():
    responses = np.array([3, 1, 2, 0, 2, -1, -1, -1, -1, -1, -1, -1])[:, None]  # of one filter
    labels = np.array([7, 7, 5, 5, 3, 0, 1, 2, 4, 6, 8, 9])
    found = second_layer.auc(responses, labels)
    assert found[7] == (10 + 8) / 20  # 3 beats all ten others; 1 does not beat 2 and 2
    assert found[5] == (8.5 + 7) / 20  # 2 loses to 3 and ties with 2; 0 beats the -1s only


def test_summary_compares_each_filter_with_all_and_takes_the_digit_it_tells_best():
    wrong, tells = np.ones([65, 10]), np.full([65, 10], 0.5)
    wrong[1] = 3  # without filter 1, 30 mistakes in place of 10
    tells[1:, 4], tells[2, 7] = 0.75, 0.9375
    tells[1:, 1] = 0.0625  # weak responses to a 1
    found = second_layer.summary(wrong, tells)
    assert found == [10, 20 / 64, 20, (63 * 0.75 + 0.9375) / 64, 0.9375]


def test_rows_are_those_of_each_seeds_networks(run, fast_double, few_digits, tmp_path, monkeypatch):
    monkeypatch.setattr(second_layer, "EXPERIMENTS", ["double"])
    options = ["--seeds", "1-2", "--steps", 0, "--data-dir", few_digits, "--results", tmp_path]
    run(second_layer, *options)
    test = input_data.read_data_sets(few_digits).test
    images, labels = test.images, test.labels.argmax(1)
    found = second_layer.read(tmp_path / "second_layer.csv")
    names = ["untrained", *second_layer.EXPERIMENTS]
    assert list(found) == [(name, seed) for seed in "12" for name in names]
    for seed in 1, 2:
        networks = {"untrained": DoubleConv(seed)}
        for name in second_layer.EXPERIMENTS:
            networks[name] = DoubleConv(seed)
            folder = tmp_path / "networks" / f"{name}-{seed}-0"
            checkpoints.restore(networks[name], folder / "train_data-0")
        for name, network in networks.items():
            wrong, tells = found[name, f"{seed}"]
            h = network(images)
            mine = h.h_pool2.numpy()[labels == 3, :, :, 40].max((1, 2))[:, None]
            others = h.h_pool2.numpy()[labels != 3, :, :, 40].max((1, 2))
            share = np.mean((mine > others) + 0.5 * (mine == others))
            np.testing.assert_allclose(tells[41, 3], share, atol=6e-5, err_msg=f"{name} {seed}")
            missed = labels[h.y_conv.numpy().argmax(1) != labels]
            if name != "untrained":
                assert wrong[0].tolist() == [np.sum(missed == digit) for digit in range(10)]
