"""experiments/dead_filters.py: filters that no digit gets an answer from."""

import numpy as np

from experiments import dead_filters, seeds, variants


def test_a_filter_is_dead_if_no_digit_gets_an_answer_and_rare_if_few_do():
    network = variants.WithoutAbs(1)
    W = np.full([5, 5, 1, 16], -0.1, np.float32)  # negative sums, which without abs are dropped
    W[..., 3] = 0.1
    network.W_conv1.assign(W)
    images = np.zeros([600, 784], np.float32)
    images[500:, 300] = 1  # a sum of 0.1 is below the threshold of 0.2
    assert dead_filters.count(network, images) == (16, 16)
    images[550:, 300:303] = 1
    assert dead_filters.count(network, images) == (15, 16)
    images[500:, 300:303] = 1
    assert dead_filters.count(network, images) == (15, 15)


def test_rows_are_counts_of_each_seed_before_and_after_training_on_the_test_digits(
    run, trained, small_data, tmp_path, monkeypatch
):
    """Here, the "counts" are a weight and the number of digits: they tell which were counted."""
    monkeypatch.setattr(dead_filters, "EXPERIMENTS", ["small"])
    monkeypatch.setattr(dead_filters, "count", lambda n, x: (float(n.W_fc2[0, 0]), len(x)))
    options = ["--seeds", "1-2", "--steps", 14, "--data-dir", small_data, "--results", tmp_path]
    run(dead_filters, *options)
    for seed, row in zip((1, 2), seeds.rows(tmp_path / "dead_filters.csv"), strict=True):
        start = variants.EXPERIMENTS["small"].network(seed)
        assert (row["experiment"], row["seed"], row["step"]) == ("small", f"{seed}", "14")
        assert float(row["dead_at_start"]) == start.W_fc2[0, 0]
        assert float(row["dead_at_end"]) == trained[seed].at(14).W_fc2[0, 0]
        assert row["rare_at_start"] == row["rare_at_end"] == "500"
