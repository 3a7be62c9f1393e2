"""experiments/training_accuracy.py: how well the digits are read that a network was trained on."""

from experiments import seeds, training_accuracy


def test_rows_are_the_accuracies_at_each_checkpoint_to_a_single_digit(
    run, trained, small_data, tmp_path, monkeypatch
):
    monkeypatch.setattr(seeds, "SAVE_EVERY", 3)
    options = ["--seeds", "1-2", "--steps", 14, "--data-dir", small_data, "--results", tmp_path]
    run(training_accuracy, "small", *options)
    expected = []
    for seed in 1, 2:
        mnist = trained[seed].mnist
        for step in 3, 6, 9, 12, 14:  # the last five
            training = trained[seed].accuracy(step, mnist.train.images, mnist.train.labels)
            test = trained[seed].test_accuracy(step)
            expected.append(["small", f"{seed}", f"{step}", f"{training:.5f}", f"{test:.4f}"])
    found = seeds.rows(tmp_path / "training_accuracy.csv")
    assert [[row[column] for column in training_accuracy.COLUMNS] for row in found] == expected
