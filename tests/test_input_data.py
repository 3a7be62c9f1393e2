"""MNIST's files, batches of digits, and downloads from servers on 127.0.0.1."""

import concurrent.futures
import contextlib
import functools
import gzip
import hashlib
import http.server
import os
import re
import shutil
import signal
import sys
import threading
import time

import numpy as np
import pytest
from digits import write_digits, write_idx
from processes import Running, limit_file_size, pseudo_terminal, run, wait_until
from tqdm import tqdm

from support import input_data
from support.input_data import SHA256, SHA256_GZIPPED, read_data_sets
from support.rendered_digits import rendered_digits
from support.terminal import Failure

TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = NAMES = list(SHA256)
GZIPPED = [f"{name}.gz" for name in NAMES]


def unpacked(path):
    """Returns the bytes that a gzipped file contains."""
    return gzip.decompress(path.read_bytes())


def sha256(data):
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def small_mnist(small_data, monkeypatch):
    """The small data, in place of MNIST."""
    for name in NAMES:
        monkeypatch.setitem(SHA256, name, sha256(unpacked(small_data / f"{name}.gz")))
        packed = (small_data / f"{name}.gz").read_bytes()
        monkeypatch.setitem(SHA256_GZIPPED, name, sha256(packed))
    return small_data


# -------------------------------------------------------------------------------------- files


def test_labels_are_one_hot(small_data):
    test = read_data_sets(small_data).test
    digits = np.frombuffer(unpacked(small_data / f"{TEST_LABELS}.gz"), np.uint8, offset=8)
    assert test.labels.dtype == np.float32
    np.testing.assert_array_equal(test.labels, digits[:, np.newaxis] == np.arange(10))


def write_unpacked(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def dotted(name):
    return name.replace("-idx", ".idx")


LAYOUTS = {
    "unpacked": lambda folder, name, data: write_unpacked(folder / name, data),
    "Kaggle's archive": lambda folder, name, data: (
        write_unpacked(folder / name / name, data),
        write_unpacked(folder / dotted(name), data),
    ),
    "Kaggle's folders only": lambda folder, name, data: write_unpacked(folder / name / name, data),
    "Kaggle's files only": lambda folder, name, data: write_unpacked(folder / dotted(name), data),
    "torchvision's root": lambda folder, name, data: write_unpacked(
        folder / "MNIST" / "raw" / name, data
    ),
    "Kaggle's names, gzipped": lambda folder, name, data: write_unpacked(
        folder / f"{dotted(name)}.gz", gzip.compress(data, 1)
    ),
    "unpacked under a gzipped file's name": lambda folder, name, data: write_unpacked(
        folder / f"{name}.gz", data
    ),
    "gzipped under an unpacked file's name": lambda folder, name, data: write_unpacked(
        folder / name, gzip.compress(data, 1)
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_mnist_is_read_however_it_was_unpacked(small_mnist, tmp_path, layout):
    for name in NAMES:
        layout(tmp_path, name, unpacked(small_mnist / f"{name}.gz"))
    found, expected = read_data_sets(tmp_path, "mnist"), read_data_sets(small_mnist, "mnist")
    assert found.name == "MNIST"
    np.testing.assert_array_equal(found.train.images, expected.train.images)
    np.testing.assert_array_equal(found.train.labels, expected.train.labels)
    np.testing.assert_array_equal(found.test.images, expected.test.images)
    np.testing.assert_array_equal(found.test.labels, expected.test.labels)


def test_folder_with_a_files_name_is_passed_over(small_mnist, tmp_path):
    shutil.copytree(small_mnist, tmp_path, dirs_exist_ok=True)
    for name in NAMES:
        (tmp_path / name).mkdir()
        (tmp_path / dotted(name)).mkdir()
    assert read_data_sets(tmp_path, "mnist").name == "MNIST"


def test_real_mnist_is_recognized(mnist_dir, capsys):
    mnist = read_data_sets(mnist_dir)
    assert mnist.name == "MNIST"
    assert mnist.train.images.shape == (55000, 784)
    assert mnist.test.images.shape == (10000, 784)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("dataset", ["auto", "mnist"])
def test_other_digits_than_mnist_are_called_so(small_data, capsys, dataset):
    assert read_data_sets(small_data, dataset).name == "not MNIST"
    remark = f"{small_data} does not contain MNIST: do not compare results with the post's\n"
    assert capsys.readouterr().err == remark


@pytest.mark.parametrize("other", [NAMES[:2], NAMES[2:]], ids=["training set", "test set"])
def test_half_of_mnist_is_not_mnist(small_mnist, monkeypatch, other):
    for name in other:
        monkeypatch.setitem(SHA256, name, "another")
    assert read_data_sets(small_mnist).name == "not MNIST"


# ------------------------------------------------------------------------------------ batches


def test_full_last_batch_of_an_epoch_is_taken(small_data):
    test = read_data_sets(small_data).test  # 500 digits
    test.next_batch(250)
    np.testing.assert_array_equal(test.next_batch(250)[1], test.labels[250:])


def test_incomplete_last_batch_is_dropped(small_data):
    train = read_data_sets(small_data, seed=1).train
    for start in range(0, 560, 70):  # 600 digits: 8 batches of 70, 40 digits left over
        np.testing.assert_array_equal(train.next_batch(70)[1], train.labels[start : start + 70])
    perm = np.arange(600)
    np.random.RandomState(1).shuffle(perm)
    np.testing.assert_array_equal(train.next_batch(70)[1], train.labels[perm[:70]])


def test_skipping_batches_is_like_taking_them(small_data):
    through, direct = (read_data_sets(small_data, seed=3).train for _ in range(2))
    batches = [through.next_batch(50) for _ in range(40)]
    direct.skip(17, 50)
    for expected in batches[17:]:
        for one, other in zip(direct.next_batch(50), expected):
            np.testing.assert_array_equal(one, other)


# --------------------------------------------------------------------------- files with errors


def idx(magic, *sizes, body=b""):
    """Returns an IDX file's bytes, gzipped."""
    return gzip.compress(np.array([magic, *sizes], ">i4").tobytes() + body, 1)


def flip_a_bit(data):
    return data[:2000] + bytes([data[2000] ^ 4]) + data[2001:]


CORRUPT = {
    "truncated": (TRAIN_IMAGES, lambda data: data[: len(data) // 2], "file ended before"),
    "bit flipped": (TRAIN_IMAGES, flip_a_bit, "CRC check failed"),
    "empty": (TEST_LABELS, lambda data: b"", "buffer is smaller"),
    "error page": (TEST_IMAGES, lambda data: b"<html>403</html>" * 9, "its header has"),
    "labels for images": (TEST_IMAGES, lambda data: idx(2049, 1, 28, 28), "[2049, 28, 28] instead"),
    "large images": (TEST_IMAGES, lambda data: idx(2051, 1, 32, 32), "[2051, 32, 32] instead"),
    "too short": (TEST_LABELS, lambda data: idx(2049, 9, body=b"12"), "size 2 into shape (9,)"),
    "negative": (TEST_LABELS, lambda data: idx(2049, -1, body=bytes(500)), "(4294967295,)"),
    "label 10": (TEST_LABELS, lambda data: idx(2049, 1, body=b"\x0a"), "label 10 is not a digit"),
}


@pytest.mark.parametrize(("name", "damage", "message"), CORRUPT.values(), ids=CORRUPT)
def test_corrupt_file_is_named_and_kept(small_data, tmp_path, name, damage, message):
    """Promises 3 and 4."""
    shutil.copytree(small_data, tmp_path, dirs_exist_ok=True)
    path = tmp_path / f"{name}.gz"
    corrupt = damage(path.read_bytes())
    path.write_bytes(corrupt)
    with pytest.raises(Failure) as failure:
        read_data_sets(tmp_path)
    text = str(failure.value)
    assert text.startswith(f"{path} is corrupt: ")
    assert message in text
    assert text.endswith("if it was MNIST's, delete it to download it again")
    assert "\n" not in text
    assert path.read_bytes() == corrupt


def test_one_wrong_file_of_four_is_a_corrupt_mnist(small_mnist, tmp_path):
    shutil.copytree(small_mnist, tmp_path, dirs_exist_ok=True)
    images = flip_a_bit(unpacked(tmp_path / f"{TEST_IMAGES}.gz"))  # no CRC tells
    (tmp_path / TEST_IMAGES).write_bytes(images)
    with pytest.raises(Failure, match=f"{TEST_IMAGES}: not MNIST's .wrong checksum"):
        read_data_sets(tmp_path)


@pytest.mark.parametrize(("train", "test"), [(5099, 100), (5100, 99)])
def test_too_few_digits_are_refused(tmp_path, train, test):
    few, least = (train, 5100) if train < 5100 else (test, 100)
    message = f"{few} labels for {few} images; equal numbers are needed, {least} or more"
    with pytest.raises(Failure, match=message):
        read_data_sets(write_digits(tmp_path, train, test))


def test_just_enough_digits_are_read(tmp_path):
    mnist = read_data_sets(write_digits(tmp_path, train=5100, test=100))
    assert len(mnist.train.labels) == len(mnist.test.labels) == 100


def test_images_without_a_label_are_refused(tmp_path):
    write_digits(tmp_path, train=5100, test=200)
    write_idx(tmp_path, TEST_LABELS, np.zeros(199))
    with pytest.raises(Failure, match=f"{TEST_LABELS}.gz: 199 labels for 200 images"):
        read_data_sets(tmp_path)


def test_data_dir_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "data").write_text("mine")
    with pytest.raises(Failure, match="data is a file, not a folder; choose another --data-dir"):
        read_data_sets(tmp_path / "data")
    assert (tmp_path / "data").read_text() == "mine"


def leave_root():
    """Root may read everything: become nobody."""
    if os.geteuid() == 0:
        os.setuid(65534)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs users")
@pytest.mark.parametrize("private", ["folder", "file"])
def test_private_data_of_another_user_are_one_line(small_data, tmp_path, private):
    """Promise 4."""
    data = shutil.copytree(small_data, tmp_path / "data")
    (data if private == "folder" else data / f"{TEST_LABELS}.gz").chmod(0)
    try:
        out, err = run("double_conv.py", "--data-dir", data, code=1, before=leave_root)
    finally:
        data.chmod(0o700)
    assert out == ""
    assert err.startswith(f"double_conv.py: {data}")
    assert err.endswith(": Permission denied; choose another --data-dir\n")
    assert err.count("\n") == 1


# ---------------------------------------------------------------------------------- downloads


class Mirror(http.server.ThreadingHTTPServer):
    """A server of a folder's files on 127.0.0.1; `asked` lists the requested names."""

    def __init__(self, folder, behaviour):
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder, self.behaviour, self.asked = folder, behaviour, []
        self.ended = threading.Event()
        self.two = threading.Barrier(2)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/"
        threading.Thread(target=self.serve_forever, args=[0.01], daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers as its server's `behaviour` says."""

    def do_GET(self):
        behaviour, name = self.server.behaviour, self.path.strip("/")
        self.server.asked.append(name)
        data = (self.server.folder / name).read_bytes()
        if behaviour == "missing":
            self.send_error(404)
            return
        if behaviour == "hangs":
            self.server.ended.wait(20)
            return
        if behaviour == "waits for two":
            self.server.two.wait(20)
        if behaviour == "wrong":
            data = gzip.compress(b"something else")
        self.send_response(200)
        self.send_header("Content-Length", len(data))
        self.end_headers()
        self.wfile.write(data[: len(data) // 2])
        if behaviour == "truncated":
            return
        if behaviour == "stalls":
            self.server.ended.wait(20)
            return
        if behaviour == "pauses":
            time.sleep(0.3)
        self.wfile.write(data[len(data) // 2 :])

    def do_CONNECT(self):  # to a proxy
        self.send_error(407)

    def log_message(self, *_):
        """Keeps stderr free."""


@pytest.fixture
def mirrors(small_mnist, monkeypatch):
    """Returns a function that replaces the public mirrors by Mirrors of the small data."""
    servers = []

    def start(*behaviours):
        servers.extend(Mirror(small_mnist, behaviour) for behaviour in behaviours)
        monkeypatch.setattr(input_data, "MIRRORS", [server.url for server in servers])
        return servers

    yield start
    for server in servers:
        server.ended.set()
        server.shutdown()
        server.server_close()


@pytest.fixture
def data_dir(tmp_path):
    """An empty folder."""
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def test_missing_files_are_downloaded(mirrors, small_data, tmp_path, capsys):
    """Promise 6."""
    (server,) = mirrors("intact")
    folder = tmp_path / "new" / "folder"
    assert read_data_sets(folder, "mnist").name == "MNIST"
    assert sorted(path.name for path in folder.iterdir()) == sorted(GZIPPED)
    for name in GZIPPED:
        assert (folder / name).read_bytes() == (small_data / name).read_bytes()
    lines = [f"downloading {server.url}{name} to {folder}" for name in GZIPPED]
    assert capsys.readouterr().err.splitlines() == lines


def test_downloads_can_be_read_by_a_whole_class(mirrors, data_dir):
    mirrors("intact")
    read_data_sets(data_dir, "mnist")
    assert {path.stat().st_mode & 0o777 for path in data_dir.iterdir()} == {0o644}


def test_only_missing_files_are_downloaded(mirrors, small_data, data_dir):
    (server,) = mirrors("intact")
    for name in NAMES[1:]:
        (data_dir / name).write_bytes(unpacked(small_data / f"{name}.gz"))
    read_data_sets(data_dir, "mnist")
    assert server.asked == GZIPPED[:1]


@pytest.mark.parametrize("dataset", ["auto", "mnist"])
def test_nothing_is_downloaded_beside_other_data(mirrors, data_dir, dataset):
    """Promise 3."""
    (server,) = mirrors("intact")
    write_digits(data_dir, seed=7)
    (data_dir / GZIPPED[0]).unlink()
    with pytest.raises(Failure, match="not MNIST's .*choose another --data-dir"):
        read_data_sets(data_dir, dataset)
    assert server.asked == []


FAILURES = {
    "missing": "404 Client Error: Not Found for url: ",
    "wrong": "SHA256 hash of downloaded file (",
    "truncated": "IncompleteRead(",
    "hangs": "timed out (ReadTimeout)",
    "stalls": "timed out (ConnectionError)",
}


@pytest.mark.parametrize(("behaviour", "cause"), FAILURES.items(), ids=FAILURES)
def test_second_mirror_is_tried_if_the_first_fails(
    mirrors, small_data, data_dir, monkeypatch, capsys, behaviour, cause
):
    """Promise 6: whatever fails, nothing unverified is left."""
    for name in GZIPPED[1:]:
        shutil.copy(small_data / name, data_dir)
    monkeypatch.setattr(input_data, "TIMEOUT", 0.5)
    first, second = mirrors(behaviour, "intact")
    start = time.monotonic()
    assert read_data_sets(data_dir, "mnist").name == "MNIST"
    assert time.monotonic() - start < 10
    assert first.asked == second.asked == GZIPPED[:1]
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert lines[1].startswith(f"could not download it: {cause}")
    assert sorted(path.name for path in data_dir.iterdir()) == sorted(GZIPPED)


def test_corrupt_file_is_no_reason_for_rendered_digits(mirrors, data_dir):
    mirrors("missing")
    (data_dir / GZIPPED[0]).write_bytes(b"<html>403</html>")
    with pytest.raises(Failure, match="is corrupt"):
        read_data_sets(data_dir)


def prepare(urls, sums, size=None):
    """Called in a process before the script: replaces the mirrors, and limits the disk."""
    input_data.MIRRORS = urls
    input_data.rendered_digits = lambda train, test: rendered_digits(600, 500)  # to save time
    SHA256.update(sums[0])
    SHA256_GZIPPED.update(sums[1])
    if size is not None:
        limit_file_size(size)


def start_run(data_dir, *args, size=None, **options):
    """Starts single_conv.py --steps 0, which downloads from the current Mirrors."""
    folder = data_dir.parent
    args = ["--steps", 0, "--data-dir", data_dir, "--log-dir", folder / "logs", *args]
    sums = dict(SHA256), dict(SHA256_GZIPPED)
    before = functools.partial(prepare, input_data.MIRRORS, sums, size)
    return Running("single_conv.py", *args, "--figure", folder / "f.png", before=before, **options)


def test_without_mnist_a_run_is_labelled_and_tells_what_to_do(mirrors, data_dir):
    """Promise 5."""
    (server,) = mirrors("missing")
    (data_dir / "mnist.zip").write_text("a user's")
    out, err = start_run(data_dir).result()
    assert out.splitlines()[-1].startswith("test accuracy 0.")
    assert out.splitlines()[-1].endswith(" (rendered digits, not MNIST)")
    line = "=" * 78
    url = f"{server.url}{GZIPPED[0]}"
    assert err.splitlines()[:7] == [
        f"downloading {url} to {data_dir}",
        f"could not download it: 404 Client Error: Not Found for url: {url} (HTTPError)",
        line,
        "NOT MNIST: this run uses digits rendered from matplotlib's fonts; its numbers",
        "cannot be compared with the post's. The reason:",
        "could not download MNIST; fix what is reported above, or put its four files in "
        f"{data_dir}: {', '.join(GZIPPED)}.",
        line,
    ]


def test_required_mnist_that_is_unavailable_ends_the_run(mirrors, data_dir):
    """Promise 4."""
    mirrors("missing")
    out, err = start_run(data_dir, "--dataset", "mnist").result(code=1)
    assert out == ""
    message = "single_conv.py: could not download MNIST; fix what is reported above, or put"
    assert err.splitlines()[-1].startswith(message)
    assert len(err.splitlines()) == 3


def test_two_downloads_at_once_both_succeed(mirrors, data_dir):
    """Promise 6."""
    (server,) = mirrors("waits for two")
    with concurrent.futures.ThreadPoolExecutor() as threads:
        both = [threads.submit(read_data_sets, data_dir, "mnist") for _ in range(2)]
    assert [one.result().name for one in both] == ["MNIST", "MNIST"]
    assert sorted(server.asked) == sorted(2 * GZIPPED)
    assert sorted(path.name for path in data_dir.iterdir()) == sorted(GZIPPED)


def test_killed_download_leaves_nothing_under_the_real_name(mirrors, data_dir):
    """Promise 6."""
    mirrors("stalls")
    running = start_run(data_dir)

    def has_begun():
        with contextlib.suppress(FileNotFoundError):  # of check_folder's, deleted in between
            return any(path.stat().st_size for path in data_dir.iterdir())

    wait_until(has_begun)
    assert not (data_dir / GZIPPED[0]).exists()
    running.send(signal.SIGKILL)
    running.wait()
    assert not (data_dir / GZIPPED[0]).exists()


def test_download_has_a_bar_on_a_terminal(mirrors, small_data, data_dir, monkeypatch):
    mirrors("pauses")
    for name in GZIPPED[1:]:
        shutil.copy(small_data / name, data_dir)
    with pseudo_terminal() as (device, read):
        with open(device, "w") as stderr, monkeypatch.context() as patch:
            patch.setattr(sys, "stderr", stderr)
            read_data_sets(data_dir, "mnist")
        shown = read()
    total = tqdm.format_sizeof((data_dir / GZIPPED[0]).stat().st_size)
    assert re.search(rf"[1-9]\d*%\|[^|]*\| [\d.]+[kM]/{total} \[.*B/s\]", shown)


# --------------------------------------------------------------------------- rendered digits


def test_rendered_digits_are_as_many_as_mnists_and_labelled(monkeypatch, capsys, tmp_path):
    counts = []

    def count(train, test):
        counts.append((train, test))
        return rendered_digits(300, 200)  # to save time

    monkeypatch.setattr(input_data, "rendered_digits", count)
    rendered = read_data_sets(tmp_path, "rendered")
    assert counts == [(55000, 10000)]
    assert rendered.name == "rendered digits, not MNIST"
    assert (len(rendered.train.labels), len(rendered.test.labels)) == (300, 200)
    assert capsys.readouterr().err == ""
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_not_taken_for_a_lack_of_network(mirrors, data_dir):
    """Promises 4 and 6."""
    mirrors("intact")
    out, err = start_run(data_dir, size=10000).result(code=1)
    assert out == ""
    line = "could not download it: File too large; choose another --data-dir"
    assert err.splitlines()[-1] == f"single_conv.py: {line}"
    assert list(data_dir.iterdir()) == []


def test_a_failure_of_tls_is_told(mirrors, data_dir, monkeypatch, capsys):
    """Behind a company's proxy; here, a server that does not speak TLS."""
    (server,) = mirrors("intact")
    monkeypatch.setattr(input_data, "MIRRORS", [server.url.replace("http", "https")])
    with pytest.raises(ConnectionError):
        read_data_sets(data_dir, "mnist")
    assert "could not download it: [SSL: WRONG_VERSION_NUMBER]" in capsys.readouterr().err


def test_a_proxy_that_asks_for_a_password_is_told(mirrors, data_dir, monkeypatch, capsys):
    """It is not taken for a lack of network."""
    proxy, server = mirrors("is a proxy", "intact")
    monkeypatch.setattr(input_data, "MIRRORS", [server.url.replace("http", "https")])
    monkeypatch.setenv("https_proxy", proxy.url)
    monkeypatch.setenv("no_proxy", "")
    with pytest.raises(ConnectionError, match="could not download MNIST; fix what is reported"):
        read_data_sets(data_dir, "mnist")
    message = "could not download it: Tunnel connection failed: 407 Proxy Authentication Required"
    assert message in capsys.readouterr().err
