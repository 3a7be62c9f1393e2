"""The digits: files, batches, downloads, and the stand-in drawn with fonts."""

import gzip
import hashlib
import http.server
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from conftest import ROOT, write_digits, write_idx

import common
from common import np

NAMES = list(common.SHA256)


# ---------------------------------------------------------------------------------- good files


def test_train_is_what_input_data_calls_train(small_data):
    digits = common.load_digits("mnist", small_data)
    with gzip.open(small_data / "train-images-idx3-ubyte.gz") as file:
        whole = np.frombuffer(file.read()[16:], np.uint8).reshape(-1, 784)
    np.testing.assert_array_equal(digits.train_images, whole[5000:])
    assert digits.train_labels.shape == (600,) and digits.test_images.shape == (500, 784)


def test_pixels_are_multiplied_with_a_float32():
    pixels = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(
        common.as_float(pixels), np.multiply(pixels.astype(np.float32), 1.0 / 255.0)
    )


def test_unpacked_files_are_read_too(small_data, tmp_path):
    for name in NAMES:
        (tmp_path / name).write_bytes(gzip.decompress((small_data / f"{name}.gz").read_bytes()))
    packed, unpacked = (common.load_digits("mnist", folder) for folder in (small_data, tmp_path))
    assert packed.fingerprint() == unpacked.fingerprint()


def test_other_digits_than_mnist_are_said_to_be_so(small_data, capsys):
    assert common.load_digits("auto", small_data).name == "not MNIST"
    assert "will not be the post's" in capsys.readouterr().err


def test_real_mnist_is_known_and_in_file_order(mnist_dir, capsys):
    digits = common.load_digits("auto", mnist_dir)
    assert digits.name == "MNIST" and digits.remark == ""
    assert digits.train_images.shape == (55000, 784) and digits.test_images.shape == (10000, 784)
    assert list(digits.test_labels[:12]) == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9, 0, 6]
    assert capsys.readouterr().err == ""


# ------------------------------------------------------------------------------------- batches


def test_first_epoch_is_in_file_order_and_drops_the_rest(small_data):
    digits = common.load_digits("mnist", small_data)
    next_batch = common.Batches(digits, 70, seed=1)  # 600 digits: 8 batches, 40 digits left over
    for step in range(8):
        x, y_ = next_batch(step)
        expected = slice(step * 70, step * 70 + 70)
        np.testing.assert_array_equal(x, common.as_float(digits.train_images[expected]))
        np.testing.assert_array_equal(y_.argmax(1), digits.train_labels[expected])


def test_later_epochs_shuffle_the_already_shuffled(small_data):
    digits = common.load_digits("mnist", small_data)
    next_batch = common.Batches(digits, 100, seed=1)
    labels = digits.train_labels
    np.random.seed(1)  # as the post does
    for epoch in (1, 2):
        perm = np.arange(600)
        np.random.shuffle(perm)
        labels = labels[perm]
        got = [next_batch(epoch * 6 + i)[1].argmax(1) for i in range(6)]
        np.testing.assert_array_equal(np.concatenate(got), labels)


def test_a_run_can_start_at_any_step(small_data):
    digits = common.load_digits("mnist", small_data)
    through, direct = (common.Batches(digits, 50, seed=3) for _ in range(2))
    batches = [through(step) for step in range(40)]
    for wanted in (17, 39):
        for one, other in zip(direct(wanted), batches[wanted]):
            np.testing.assert_array_equal(one, other)


# ----------------------------------------------------------------------------------- bad files


def flip_a_bit(data):
    return data[:2000] + bytes([data[2000] ^ 4]) + data[2001:]


def idx(magic, *sizes, body=b""):
    return gzip.compress(np.array([magic, *sizes], ">i4").tobytes() + body)


BAD = {
    "cut off": ("train-images-idx3-ubyte", lambda data: data[: len(data) // 2], "damaged"),
    "bit flipped": ("train-images-idx3-ubyte", flip_a_bit, "damaged"),
    "empty": ("t10k-labels-idx1-ubyte", lambda data: b"", "empty"),
    "error page": ("t10k-images-idx3-ubyte", lambda data: b"<html>403</html>", "an HTML page"),
    "magic": ("t10k-images-idx3-ubyte", lambda data: idx(2049, 1, 28, 28), "magic number 2049"),
    "count": ("t10k-labels-idx1-ubyte", lambda data: idx(2049, 9, body=b"12"), "2 bytes"),
    "size": ("t10k-images-idx3-ubyte", lambda data: idx(2051, 1, 32, 32), "32x32"),
    "fewer": ("t10k-labels-idx1-ubyte", lambda data: idx(2049, 1, body=b"\1"), "500 images"),
    "label": ("t10k-labels-idx1-ubyte", lambda data: idx(2049, 1, body=b"\x0a"), "label 10"),
}


@pytest.mark.parametrize("dataset", ["auto", "mnist"])
@pytest.mark.parametrize("name, damage, words", BAD.values(), ids=BAD)
def test_damaged_file_is_named(small_data, tmp_path, dataset, name, damage, words):
    for path in small_data.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    path = tmp_path / f"{name}.gz"
    path.write_bytes(damage(path.read_bytes()))
    damaged = path.read_bytes()
    with pytest.raises(common.Failure) as failure:
        common.load_digits(dataset, tmp_path)
    message = str(failure.value)
    assert message.startswith(str(path)) and words in message and "\n" not in message
    assert path.read_bytes() == damaged


def test_a_flipped_pixel_in_unpacked_mnist_is_found(mnist_dir, tmp_path):
    for name in NAMES:
        packed = mnist_dir / f"{name}.gz"
        (tmp_path / packed.name).symlink_to(packed)
    images = gzip.decompress((mnist_dir / f"{NAMES[2]}.gz").read_bytes())
    (tmp_path / NAMES[2]).write_bytes(flip_a_bit(images))
    with pytest.raises(common.Failure, match="damaged"):
        common.load_digits("mnist", tmp_path)


def test_data_dir_that_is_a_file(tmp_path):
    (tmp_path / "data").write_text("mine")
    with pytest.raises(common.Failure, match="choose another --data-dir"):
        common.load_digits("auto", tmp_path / "data")
    assert (tmp_path / "data").read_text() == "mine"


def test_too_few_digits_to_train_on(tmp_path):
    write_digits(tmp_path, train=1000, test=10)
    with pytest.raises(common.Failure, match="too few"):
        common.load_digits("mnist", tmp_path)


# ----------------------------------------------------------------------------------- downloads


class Mirror(http.server.ThreadingHTTPServer):
    """A server on 127.0.0.1 that answers as `behaviour` says; `asked` lists what was asked for."""

    def __init__(self, folder, behaviour):
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder, self.behaviour, self.asked = folder, behaviour, []
        self.url = f"http://127.0.0.1:{self.server_address[1]}/"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        behaviour, name = self.server.behaviour, self.path.strip("/")
        self.server.asked.append(name)
        data = (self.server.folder / name).read_bytes()
        if behaviour == "missing":
            self.send_error(404)
            return
        if behaviour == "hangs":
            time.sleep(20)
            return
        if behaviour == "wrong":
            data = gzip.compress(b"something else")
        if behaviour == "page":
            data = b"<html>Forbidden</html>"
        self.send_response(200)
        self.send_header("Content-Length", len(data))
        self.end_headers()
        if behaviour == "cut off":
            data = data[: len(data) // 2]
        if behaviour == "slow":
            self.wfile.write(data[:1000])
            time.sleep(20)
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture
def mirrors(small_data, monkeypatch):
    """Returns a function that puts mirrors of the small data in the place of the public ones."""
    for name in NAMES:
        data = gzip.decompress((small_data / f"{name}.gz").read_bytes())
        monkeypatch.setitem(common.SHA256, name, hashlib.sha256(data).hexdigest())
    monkeypatch.setattr(common, "TIMEOUT", 1)
    servers = []

    def start(*behaviours):
        servers.extend(Mirror(small_data, behaviour) for behaviour in behaviours)
        monkeypatch.setattr(common, "MIRRORS", [server.url for server in servers])
        return servers

    yield start
    for server in servers:
        server.shutdown()


def test_missing_files_are_downloaded(mirrors, small_data, tmp_path):
    mirrors("good")
    digits = common.load_digits("mnist", tmp_path / "new" / "folder")
    assert digits.name == "MNIST" and len(digits.test_labels) == 500
    for name in NAMES:
        there = (tmp_path / "new" / "folder" / f"{name}.gz").read_bytes()
        assert there == (small_data / f"{name}.gz").read_bytes()


def test_only_missing_files_are_downloaded(mirrors, small_data, tmp_path):
    (server,) = mirrors("good")
    for name in NAMES[1:]:
        (tmp_path / f"{name}.gz").write_bytes((small_data / f"{name}.gz").read_bytes())
    common.load_digits("mnist", tmp_path)
    assert server.asked == [f"{NAMES[0]}.gz"]


@pytest.mark.parametrize("behaviour", ["missing", "wrong", "page", "cut off", "hangs"])
def test_second_mirror_is_tried_where_the_first_fails(mirrors, tmp_path, behaviour):
    mirrors(behaviour, "good")
    assert common.load_digits("mnist", tmp_path).name == "MNIST"


@pytest.mark.parametrize("behaviour", ["missing", "wrong", "cut off"])
def test_nothing_is_left_of_a_failed_download(mirrors, tmp_path, behaviour):
    mirrors(behaviour, behaviour)
    with pytest.raises(common.Failure, match="MNIST cannot be downloaded"):
        common.load_digits("mnist", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_auto_falls_back_to_rendered_digits_and_says_so(mirrors, tmp_path, capsys):
    mirrors("missing")
    digits = common.load_digits("auto", tmp_path)
    assert digits.name == common.RENDERED
    assert digits.remark == " (rendered digits, not MNIST)"
    note = capsys.readouterr().err
    assert "NOT MNIST" in note and "404" in note and "To get MNIST" in note


def test_damaged_file_is_no_reason_to_fall_back(mirrors, tmp_path):
    mirrors("missing")
    (tmp_path / f"{NAMES[0]}.gz").write_bytes(b"<html>")
    with pytest.raises(common.Failure, match="an HTML page"):
        common.load_digits("auto", tmp_path)


DOWNLOAD = """
import pathlib, sys, common
common.MIRRORS = [sys.argv[1]]
common.SHA256 = dict(zip(common.SHA256, sys.argv[3].split(",")))
print(common.load_digits("mnist", pathlib.Path(sys.argv[2])).name)
"""


def start_download(url, folder):
    words = [sys.executable, "-c", DOWNLOAD, url, folder, ",".join(common.SHA256.values())]
    return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_two_downloads_at_once_both_end_well(mirrors, tmp_path):
    (server,) = mirrors("good")
    both = [start_download(server.url, tmp_path) for _ in range(2)]
    assert [one.communicate()[0].strip() for one in both] == ["MNIST", "MNIST"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"{n}.gz" for n in NAMES)


def test_killed_download_leaves_nothing_under_the_real_name(mirrors, tmp_path):
    (server,) = mirrors("slow")
    process = start_download(server.url, tmp_path)
    while not server.asked:
        time.sleep(0.1)
    time.sleep(0.3)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not any(path.name.startswith(("train", "t10k")) for path in tmp_path.iterdir())


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write all")
def test_data_dir_that_cannot_be_written(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(common.Failure, match="choose another --data-dir"):
        common.load_digits("auto", tmp_path)


# -------------------------------------------------------------------------------------- rendered


def test_rendered_digits_are_as_many_as_mnists_and_always_the_same():
    one, other = common.rendered_digits(), common.rendered_digits()
    assert one.train_images.shape == (55000, 784) and one.test_images.shape == (10000, 784)
    assert one.fingerprint() == other.fingerprint()
    for images, labels in (one[1:3], one[3:5]):
        assert images.dtype == labels.dtype == np.uint8
        assert np.all(np.bincount(labels, minlength=10) > len(labels) / 12)
        assert images.max() == 255 and np.median(images) == 0
        assert np.all(images.max(axis=1) > 100)  # no digit has slipped out of its picture


def test_rendered_test_digits_come_from_other_fonts():
    assert not set(common.TRAIN_FONTS) & set(common.TEST_FONTS)


def test_wrong_idx_writer_would_be_noticed(tmp_path):
    """The tests' own files are read back as they were written."""
    labels = np.arange(10)
    path = write_idx(tmp_path, "t10k-labels-idx1-ubyte", labels)
    files = common.read_idx_files(tmp_path)
    assert files["t10k-labels-idx1-ubyte"][0] == path
    np.testing.assert_array_equal(files["t10k-labels-idx1-ubyte"][1], labels)
