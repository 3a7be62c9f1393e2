"""The data: intact files, batches, bad files."""

import gzip
import hashlib
import itertools
import os

from support import input_data
from support.input_data import SHA256, as_float, read_data_sets
from support.terminal import Failure

import numpy as np
import pytest
from digits import write_digits, write_idx

NAMES = list(SHA256)


# ------------------------------------------------------------------------------- intact files


def test_test_set_is_the_second_pair_of_files(small_data):
    test = read_data_sets(small_data, "mnist").test
    for path, found, header in (
        ("t10k-images-idx3-ubyte.gz", test.images, 16),
        ("t10k-labels-idx1-ubyte.gz", test.labels.argmax(1), 8),
    ):
        data = gzip.decompress((small_data / path).read_bytes())[header:]
        written = np.frombuffer(data, np.uint8).reshape(found.shape)
        np.testing.assert_array_equal(found, as_float(written) if header == 16 else written)


def test_unpacked_files_are_read_too(small_data, tmp_path):
    for name in NAMES:
        (tmp_path / name).write_bytes(gzip.decompress((small_data / f"{name}.gz").read_bytes()))
    packed, unpacked = (read_data_sets(folder, "mnist") for folder in (small_data, tmp_path))
    np.testing.assert_array_equal(packed.test.images, unpacked.test.images)
    np.testing.assert_array_equal(packed.train.labels, unpacked.train.labels)


def test_names_of_kaggles_copies_are_known(small_data, tmp_path):
    for name in NAMES:
        data = gzip.decompress((small_data / f"{name}.gz").read_bytes())
        (tmp_path / name.replace("-idx", ".idx")).write_bytes(data)
    assert len(read_data_sets(tmp_path, "mnist").train.labels) == 600


def test_other_digits_than_mnist_are_called_so(small_data, capsys):
    mnist = read_data_sets(small_data)
    assert mnist.name == "not MNIST"
    assert mnist.remark == " (not MNIST)"
    assert "cannot be compared with the post's" in capsys.readouterr().err


@pytest.mark.parametrize("other", list(itertools.combinations(NAMES, 2)))
def test_mnist_is_four_files_and_not_two(small_data, monkeypatch, other):
    for name in set(NAMES) - set(other):
        data = gzip.decompress((small_data / f"{name}.gz").read_bytes())
        monkeypatch.setitem(SHA256, name, hashlib.sha256(data).hexdigest())
    assert read_data_sets(small_data).name == "not MNIST"


def test_real_mnist_is_known(mnist_dir, capsys):
    mnist = read_data_sets(mnist_dir)
    assert mnist.name == "MNIST"
    assert mnist.remark == ""
    assert mnist.train.images.shape == (55000, 784)
    assert mnist.test.images.shape == (10000, 784)
    assert capsys.readouterr().err == ""


# ------------------------------------------------------------------------------------- batches


def test_incomplete_last_batch_is_dropped(small_data):
    train = read_data_sets(small_data, seed=1).train
    labels = train.labels
    for start in range(0, 560, 70):  # 600 digits: 8 batches of 70, 40 digits left over
        np.testing.assert_array_equal(train.next_batch(70)[1], labels[start : start + 70])
    perm = np.arange(600)
    np.random.RandomState(1).shuffle(perm)
    np.testing.assert_array_equal(train.next_batch(70)[1], labels[perm[:70]])


def test_a_run_can_start_at_any_step(small_data):
    through, direct = (read_data_sets(small_data, seed=3).train for _ in range(2))
    batches = [through.next_batch(50) for _ in range(40)]
    direct.skip(17, 50)
    for expected in batches[17:]:
        for one, other in zip(direct.next_batch(50), expected):
            np.testing.assert_array_equal(one, other)


def test_another_seed_gives_another_order(small_data):
    one, other = (read_data_sets(small_data, seed=seed).train for seed in (1, 2))
    assert np.array_equal(one.next_batch(600)[0], other.next_batch(600)[0])
    assert not np.array_equal(one.next_batch(600)[0], other.next_batch(600)[0])


def test_images_and_labels_stay_together(small_data):
    train = read_data_sets(small_data).train
    train.skip(1, 600)
    images, labels = train.next_batch(600)
    squares = images.reshape(-1, 28, 28)  # each class is a bright square at its own position
    for image, digit in zip(squares, labels.argmax(1)):
        row, column = divmod(int(digit), 4)
        assert image[row * 9 : row * 9 + 7, column * 7 : column * 7 + 6].min() > 0.7


# ----------------------------------------------------------------------------------- bad files


def flip_a_bit(data):
    return data[:2000] + bytes([data[2000] ^ 4]) + data[2001:]


def idx(magic, *sizes, body=b""):
    return gzip.compress(np.array([magic, *sizes], ">i4").tobytes() + body)


BAD = {
    "truncated": (
        "train-images-idx3-ubyte",
        lambda data: data[: len(data) // 2],
        "file ended before",
    ),
    "bit flipped": ("train-images-idx3-ubyte", flip_a_bit, "CRC check failed"),
    "empty": ("t10k-labels-idx1-ubyte", lambda data: b"", "buffer is smaller"),
    "error page": (
        "t10k-images-idx3-ubyte",
        lambda data: b"<html>403</html>",
        "Not a gzipped file",
    ),
    "magic": (
        "t10k-images-idx3-ubyte",
        lambda data: idx(2049, 1, 28, 28),
        "[2049, 28, 28] instead of [2051, 28, 28]",
    ),
    "count": (
        "t10k-labels-idx1-ubyte",
        lambda data: idx(2049, 9, body=b"12"),
        "size 2 into shape (9,)",
    ),
    "size": (
        "t10k-images-idx3-ubyte",
        lambda data: idx(2051, 1, 32, 32),
        "[2051, 32, 32] instead of",
    ),
    "fewer": (
        "t10k-labels-idx1-ubyte",
        lambda data: idx(2049, 1, body=b"\1"),
        "1 labels for 500 images",
    ),
    "overflow": (
        "t10k-images-idx3-ubyte",
        lambda data: idx(2051, 268435956, 28, 28, body=bytes(500 * 784)),
        "size 392000 into shape (268435956,784)",
    ),
    "negative": (
        "t10k-labels-idx1-ubyte",
        lambda data: idx(2049, -1, body=bytes(500)),
        "size 500 into shape (4294967295,)",
    ),
    "label": ("t10k-labels-idx1-ubyte", lambda data: idx(2049, 1, body=b"\x0a"), "label 10"),
}


@pytest.mark.parametrize("dataset", ["auto", "mnist"])
@pytest.mark.parametrize(("name", "damage", "words"), BAD.values(), ids=BAD)
def test_damaged_file_is_named(small_data, tmp_path, dataset, name, damage, words):
    for path in small_data.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    path = tmp_path / f"{name}.gz"
    path.write_bytes(damage(path.read_bytes()))
    damaged = path.read_bytes()
    with pytest.raises(Failure) as failure:
        read_data_sets(tmp_path, dataset)
    message = str(failure.value)
    assert message.startswith(str(path))
    assert words in message
    assert "\n" not in message
    assert path.read_bytes() == damaged


def test_a_flipped_pixel_in_unpacked_mnist_is_found(mnist_dir, tmp_path):
    for name in NAMES:
        packed = mnist_dir / f"{name}.gz"
        (tmp_path / packed.name).symlink_to(packed)
    images = gzip.decompress((mnist_dir / f"{NAMES[2]}.gz").read_bytes())
    (tmp_path / NAMES[2]).write_bytes(flip_a_bit(images))
    with pytest.raises(Failure, match="not MNIST's"):
        read_data_sets(tmp_path)


def test_data_dir_that_is_a_file(tmp_path):
    (tmp_path / "data").write_text("mine")
    with pytest.raises(Failure, match="choose another --data-dir"):
        read_data_sets(tmp_path / "data")
    assert (tmp_path / "data").read_text() == "mine"


def test_pipe_instead_of_a_file(tmp_path):
    os.mkfifo(tmp_path / NAMES[0])
    with pytest.raises(Failure, match="not a regular file"):
        read_data_sets(tmp_path)


@pytest.mark.parametrize(("train", "test", "name"), [(5099, 200, NAMES[1]), (5100, 99, NAMES[3])])
def test_too_few_digits(tmp_path, train, test, name):
    write_digits(tmp_path, train, test)
    with pytest.raises(Failure, match=f"{name}.gz: {train if name == NAMES[1] else test} labels"):
        read_data_sets(tmp_path)


def test_just_enough_digits(tmp_path):
    mnist = read_data_sets(write_digits(tmp_path, 5100, 100))
    assert len(mnist.train.labels) == len(mnist.test.labels) == 100


def test_idx_writer_of_the_tests_writes_what_is_read(tmp_path):
    labels = np.arange(10)
    path = write_idx(tmp_path, NAMES[3], labels)
    found, array, sha256 = input_data.read_file(tmp_path, NAMES[3])
    assert found == path
    assert sha256 == hashlib.sha256(gzip.decompress(path.read_bytes())).hexdigest()
    np.testing.assert_array_equal(array, labels)
