"""What visualize_filters.py is given: the state file, and weights that are no numbers."""

from support import checkpoints
from support.terminal import Failure

import numpy as np
import pytest
import tensorflow as tf
from double_runs import train
from processes import run  # puts the project on sys.path

from double_conv import DoubleConv


def test_state_file_instead_of_a_checkpoint_lists_the_checkpoints(undisturbed):
    folder, _, _ = undisturbed
    _, err = run("visualize_filters.py", folder / "checkpoint", code=1, folder=folder)
    found = ", ".join(str(folder / f"train_data-{step}") for step in (60, 55, 50, 45, 40))
    message = f"{folder / 'checkpoint'}: no such checkpoint; found {found}"
    assert err == f"visualize_filters.py: {message}; double_conv.py trains one\n"


def test_folder_with_a_checkpoints_name_is_not_taken_for_it(copy, small_data):
    """Such as one for its figures."""
    (copy / "train_data-60").mkdir()
    settings = checkpoints.read_settings(checkpoints.open_checkpoint(copy / "train_data-60"))
    assert settings["script"] == "double_conv.py"
    _, err = train(copy, small_data, "--steps", 60, "--resume")
    assert f"resuming from {copy / 'train_data-60'}" in err


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(tmp_path, value):
    network = DoubleConv()
    network.b_conv2.assign(tf.fill([64], value))
    tf.train.Checkpoint(network=network).write(str(tmp_path / "train_data-7"))
    with pytest.raises(Failure, match="train_data-7: b_conv2 is not finite"):
        checkpoints.restore(DoubleConv(), tmp_path / "train_data-7")
