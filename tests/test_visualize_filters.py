"""visualize_filters.py from the command line, on new checkpoints and on those of 2016."""

import re

import pytest
from conftest import run

import common
from common import np, tf
from double_conv import DoubleConv
from visualize_filters import NAMES_OF_2016, restore


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """A folder with one network in both formats: train_data-7 (ours), old/train_data-7 (2016)."""
    folder = tmp_path_factory.mktemp("checkpoints")
    network = DoubleConv(seed=5)
    tf.train.Checkpoint(network=network).write(str(folder / "train_data-7"))
    values = {old: getattr(network, name).numpy() for name, old in NAMES_OF_2016.items()}
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        variables = {
            old: tf.compat.v1.get_variable(f"v{i}", initializer=value)
            for i, (old, value) in enumerate(values.items())
        }
        slot = tf.compat.v1.get_variable("slot", initializer=np.zeros([5, 5, 1, 32], np.float32))
        variables["optimizer/convolution1/Variable/Adam"] = slot
        session.run(tf.compat.v1.global_variables_initializer())
        (folder / "old").mkdir()
        for version, name in ((1, "train_data-1"), (2, "train_data-7")):
            saver = tf.compat.v1.train.Saver(variables, write_version=version)
            saver.save(session, str(folder / "old" / name))
    return folder


def test_figures_and_accuracy_of_a_checkpoint(checkpoints, small_data, tmp_path):
    words = [checkpoints / "train_data-7", "--data-dir", small_data, "--figure-dir", tmp_path / "f"]
    out, err = run("visualize_filters.py", *words)
    assert re.fullmatch(r"test accuracy 0\.\d+ \(not MNIST\)\n", out)
    assert f"showing {checkpoints / 'train_data-7'}" in err
    for name, height in (("layer1.png", 11 * 64), ("layer2.png", 22 * 64)):
        png = tf.io.decode_png((tmp_path / "f" / name).read_bytes())
        assert height < png.shape[0] < height + 150
        assert f"figure: {tmp_path / 'f' / name}" in err


@pytest.mark.parametrize("name", ["train_data-7", "train_data-1"])
def test_checkpoint_of_2016_gives_the_same_network(checkpoints, name):
    ours, old = DoubleConv(1), DoubleConv(2)
    restore(ours, checkpoints / "train_data-7")
    restore(old, checkpoints / "old" / name)
    for variable, other in zip(ours.trainable_variables, old.trainable_variables):
        np.testing.assert_array_equal(variable, other)


def test_the_posts_own_checkpoint_gets_the_same_digits_right(reference_dir, mnist_dir, tmp_path):
    words = [reference_dir / "train_data-20000", "--data-dir", mnist_dir, "--figure-dir", tmp_path]
    assert run("visualize_filters.py", *words)[0] == "test accuracy 0.9925\n"


def test_files_of_a_checkpoint_may_be_named(checkpoints, small_data, tmp_path):
    words = ["--data-dir", small_data, "--figure-dir", tmp_path, "--sub-filter", 31]
    out, _ = run(
        "visualize_filters.py", checkpoints / "train_data-7.index", *words, "--digits", "3,5,8"
    )
    assert out.startswith("test accuracy")
    png = tf.io.decode_png((tmp_path / "layer1.png").read_bytes())
    assert 4 * 64 < png.shape[0] < 4 * 64 + 150


def test_without_a_display_the_figures_go_to_the_current_folder(checkpoints, small_data, tmp_path):
    words = [checkpoints / "train_data-7", "--data-dir", small_data, "--first", 1]
    run("visualize_filters.py", *words, folder=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["layer1.png", "layer2.png"]


@pytest.mark.parametrize(
    "words, code, message",
    [
        (["--sub-filter", "32"], 2, "from 0 to 31"),
        (["--first", "0"], 2, "from 1 to 100"),
        (["--digits", "3,x"], 2, "digits from 0 to 9"),
        (["--digits", "10"], 2, "digits from 0 to 9"),
        (["--figure-dir", "file"], 1, "choose another --figure-dir"),
    ],
)
def test_bad_command_line_is_refused(checkpoints, small_data, tmp_path, words, code, message):
    (tmp_path / "file").write_text("mine")
    base = [checkpoints / "train_data-7", "--data-dir", small_data]
    out, err = run("visualize_filters.py", *base, *words, code=code, folder=tmp_path)
    assert out == "" and message in err.splitlines()[-1]


def failure_of(path):
    with pytest.raises(common.Failure) as failure:
        restore(DoubleConv(), path)
    assert "\n" not in str(failure.value)
    return str(failure.value)


def test_missing_checkpoint_lists_those_that_are_there(checkpoints, tmp_path):
    there = str(checkpoints / "train_data-7")
    assert failure_of(checkpoints / "train_data-8").endswith(f"there are {there}")
    assert failure_of(checkpoints).endswith(f"there are {there}")
    assert "train one with double_conv.py" in failure_of(tmp_path / "train_data-20000")


@pytest.mark.parametrize("damage", ["index", "data", "cut off"])
def test_damaged_checkpoint(checkpoints, tmp_path, damage):
    for path in checkpoints.glob("train_data-7.*"):
        data = bytearray(path.read_bytes())
        if path.suffix == ".index" and damage == "index":
            data = data[: len(data) // 2]
        if path.suffix != ".index" and damage == "cut off":
            data = data[: len(data) // 2]
        if path.suffix != ".index" and damage == "data":
            data[len(data) // 2] ^= 1
        (tmp_path / path.name).write_bytes(data)
    assert "damaged" in failure_of(tmp_path / "train_data-7")


def test_checkpoint_of_another_network(tmp_path):
    tf.train.Checkpoint(v=tf.Variable(1.0)).write(str(tmp_path / "train_data-1"))
    assert "belongs to another network" in failure_of(tmp_path / "train_data-1")
