"""The data: files, batches, downloads, and the rendered substitute."""

import functools
import gzip
import hashlib
import http.server
import itertools
import os
import signal
import threading
import time

from support import input_data, rendered_digits
from support.input_data import SHA256, as_float, read_data_sets
from support.terminal import Failure

import matplotlib
import numpy as np
import pytest
from digits import write_digits, write_idx
from processes import Running, pseudo_terminal, wait_until

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


# ----------------------------------------------------------------------------------- downloads


class Mirror(http.server.ThreadingHTTPServer):
    """A server on 127.0.0.1; `asked` lists the requested names."""

    def __init__(self, folder, behaviour):
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder, self.behaviour, self.asked = folder, behaviour, []
        self.ended = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_address[1]}/"
        threading.Thread(target=self.serve_forever, args=[0.01], daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        behaviour, name = self.server.behaviour, self.path.strip("/")
        self.server.asked.append(name)
        data = (self.server.folder / name).read_bytes()
        if behaviour == "missing":
            self.send_error(404)
            return
        if behaviour == "hangs":  # and then answers, later than anyone should wait
            self.server.ended.wait(20)
        if behaviour == "loops":
            self.send_response(302)
            self.send_header("Location", self.path)
            self.end_headers()
            return
        if behaviour == "not HTTP":
            self.wfile.write(b"\x1b[31m\x07red\r\n")
            return
        if behaviour == "wrong":
            data = gzip.compress(b"something else")
        if behaviour == "page":
            data = b"<html>Forbidden</html>"
        self.send_response(200)
        self.send_header("Content-Length", len(data))
        self.end_headers()
        if behaviour == "truncated":
            data = data[: len(data) // 2]
        if behaviour == "pauses":
            self.wfile.write(data[:100000])
            time.sleep(0.25)
            data = data[100000:]
        if behaviour == "slow":
            self.wfile.write(data[:1000])
            self.server.ended.wait(20)
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture
def mirrors(small_data, monkeypatch):
    """Returns a function that replaces the public mirrors with mirrors of the small data."""
    for name in NAMES:
        data = gzip.decompress((small_data / f"{name}.gz").read_bytes())
        monkeypatch.setitem(SHA256, name, hashlib.sha256(data).hexdigest())
    servers = []

    def start(*behaviours):
        servers.extend(Mirror(small_data, behaviour) for behaviour in behaviours)
        monkeypatch.setattr(input_data, "MIRRORS", [server.url for server in servers])
        return servers

    yield start
    for server in servers:
        server.ended.set()
        server.shutdown()


@pytest.fixture
def no_rendering(monkeypatch):
    """Noise in place of the rendered digits, which take a second."""
    random = np.random.default_rng(0)
    sets = [
        (random.integers(256, size=(count, 784)), random.integers(10, size=count))
        for count in (550, 100)
    ]
    monkeypatch.setattr(input_data, "rendered_digits", lambda train, test: sets)


def test_missing_files_are_downloaded(mirrors, small_data, tmp_path):
    mirrors("intact")
    mnist = read_data_sets(tmp_path / "new" / "folder", "mnist")
    assert mnist.name == "MNIST"
    assert len(mnist.test.labels) == 500
    for name in NAMES:
        downloaded = (tmp_path / "new" / "folder" / f"{name}.gz").read_bytes()
        assert downloaded == (small_data / f"{name}.gz").read_bytes()


def test_download_says_what_it_loads_and_where(mirrors, tmp_path, capsys):
    (server,) = mirrors("intact")
    read_data_sets(tmp_path, "mnist")
    lines = [f"downloading {server.url}{name}.gz to {tmp_path}" for name in NAMES]
    assert capsys.readouterr().err.splitlines() == lines


def test_unreachable_mirror_is_named_with_the_reason(monkeypatch, tmp_path):
    monkeypatch.setattr(input_data, "MIRRORS", ["http://127.0.0.1:1/mnist/"])
    with pytest.raises(ConnectionError) as error:
        read_data_sets(tmp_path, "mnist")
    assert "(http://127.0.0.1:1/mnist/: urlopen error [Errno 111] Connection refused); try" in str(
        error.value
    )


def test_only_missing_files_are_downloaded(mirrors, small_data, tmp_path):
    (server,) = mirrors("intact")
    for name in NAMES[1:]:
        (tmp_path / f"{name}.gz").write_bytes((small_data / f"{name}.gz").read_bytes())
    read_data_sets(tmp_path, "mnist")
    assert server.asked == [f"{NAMES[0]}.gz"]


@pytest.mark.parametrize("dataset", ["auto", "mnist"])
def test_nothing_is_downloaded_beside_other_data(mirrors, tmp_path, dataset):
    (server,) = mirrors("intact")
    write_digits(tmp_path, seed=7)
    (tmp_path / f"{NAMES[0]}.gz").unlink()
    with pytest.raises(Failure, match="not MNIST's .*choose another --data-dir"):
        read_data_sets(tmp_path, dataset)
    assert server.asked == []


@pytest.mark.parametrize("behaviour", ["missing", "wrong", "page", "truncated"])
def test_second_mirror_is_tried_if_the_first_fails(mirrors, tmp_path, behaviour):
    mirrors(behaviour, "intact")
    assert read_data_sets(tmp_path, "mnist").name == "MNIST"


def test_second_mirror_is_tried_if_the_first_hangs(mirrors, small_data, tmp_path, monkeypatch):
    for name in NAMES[1:]:
        (tmp_path / f"{name}.gz").write_bytes((small_data / f"{name}.gz").read_bytes())
    monkeypatch.setattr(input_data, "TIMEOUT", 1)
    first, second = mirrors("hangs", "intact")
    read_data_sets(tmp_path, "mnist")
    assert first.asked == second.asked == [f"{NAMES[0]}.gz"]


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [("loops", "infinite loop. The last 30x error"), ("not HTTP", "?[31m?red")],
)
def test_reason_of_a_failed_download_is_one_printable_line(mirrors, tmp_path, behaviour, reason):
    (server,) = mirrors(behaviour)
    with pytest.raises(ConnectionError) as error:
        read_data_sets(tmp_path, "mnist")
    assert f"{server.url}: " in str(error.value)
    assert reason in str(error.value)
    assert str(error.value).isprintable()


@pytest.mark.parametrize("behaviour", ["missing", "wrong", "truncated"])
def test_nothing_is_left_of_a_failed_download(mirrors, tmp_path, behaviour):
    mirrors(behaviour, behaviour)
    with pytest.raises(ConnectionError, match="could not download MNIST"):
        read_data_sets(tmp_path, "mnist")
    assert list(tmp_path.iterdir()) == []


def test_auto_falls_back_to_rendered_digits_with_a_note(no_rendering, mirrors, tmp_path, capsys):
    mirrors("missing")
    mnist = read_data_sets(tmp_path)
    assert mnist.name == "rendered digits, not MNIST"
    assert mnist.remark == " (rendered digits, not MNIST)"
    note = capsys.readouterr().err
    assert "NOT MNIST" in note
    assert "404" in note
    assert "put the four MNIST files" in note


def test_corrupt_file_is_no_reason_to_fall_back(mirrors, tmp_path):
    mirrors("missing")
    (tmp_path / f"{NAMES[0]}.gz").write_bytes(b"<html>")
    with pytest.raises(Failure, match="Not a gzipped file"):
        read_data_sets(tmp_path)


def use_mirror(url, sums):
    """Makes a process download from url; called before the script."""
    input_data.MIRRORS = [url]
    SHA256.update(sums)


def start_download(url, folder, **options):
    args = ["single_conv.py", "--steps", 0, "--dataset", "mnist", "--data-dir", folder]
    args += ["--log-dir", folder.parent / "logs", "--figure", folder.parent / "figure.png"]
    before = functools.partial(use_mirror, url, dict(SHA256))
    return Running(args, before=before, **options)


@pytest.fixture
def data_dir(tmp_path):
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def test_two_downloads_at_once_both_succeed(mirrors, data_dir):
    (server,) = mirrors("intact")
    both = [start_download(server.url, data_dir) for _ in range(2)]
    assert [one.wait()[0] for one in both] == [0, 0]
    assert sorted(path.name for path in data_dir.iterdir()) == sorted(f"{n}.gz" for n in NAMES)


def test_killed_download_leaves_nothing_under_the_real_name(mirrors, data_dir):
    (server,) = mirrors("slow")
    running = start_download(server.url, data_dir)
    wait_until(lambda: server.asked)
    time.sleep(0.3)
    running.send(signal.SIGKILL)
    running.wait()
    assert list(data_dir.iterdir()) == []


def test_download_has_a_bar_on_terminals_only(mirrors, data_dir, capsys):
    (server,) = mirrors("pauses")
    with pseudo_terminal() as (terminal, read):
        start_download(server.url, data_dir, stderr=terminal).result()
        shown = read()
    assert "B/s" in shown
    assert "%|" in shown
    server.behaviour = "intact"
    input_data.fetch(f"{server.url}{NAMES[0]}.gz")
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write all")
def test_data_dir_that_cannot_be_written(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(Failure, match="choose another --data-dir"):
        read_data_sets(tmp_path)


# -------------------------------------------------------------------------------------- rendered


def test_rendered_digits_are_the_same_whatever_the_users_settings():
    one = rendered_digits.rendered_digits(train=2000, test=1000)
    with matplotlib.rc_context({"figure.facecolor": "black", "text.color": "white"}):
        other = rendered_digits.rendered_digits(train=2000, test=1000)
    for array, same in zip(one[0] + one[1], other[0] + other[1]):
        np.testing.assert_array_equal(array, same)


def test_rendered_digits_are_as_many_as_mnists():
    sets = rendered_digits.rendered_digits(train=55000, test=10000)
    assert [len(images) for images, _ in sets] == [55000, 10000]
    for images, labels in sets:
        assert images.shape == (len(labels), 784)
        assert images.dtype == labels.dtype == np.uint8
        assert np.all(np.bincount(labels, minlength=10) > len(labels) / 12)
        assert images.max() == 255
        assert np.median(images) == 0
        assert np.all(images.max(axis=1) > 100)  # no digit has left its image


def test_rendered_digits_are_turned_sheared_scaled_and_moved():
    random = np.random.default_rng(0)
    a, b, left, c, d, top, *perspective = rendered_digits.random_transforms(random, 1000).T
    assert np.ptp(c / d) > 0.4  # with no turn, a vertical line stays vertical: c is 0
    assert np.ptp(b / a + c / d) > 0.4  # with no shear, right angles stay right
    areas = 1 / (a * d - b * c)
    assert 0.5 < areas.min() < 0.7
    assert 1.15 < areas.max() < 1.4
    across = a * 13.5 + b * 13.5 + left - 13.5  # where the middle comes from
    down = c * 13.5 + d * 13.5 + top - 13.5
    assert np.ptp(across) > 4
    assert np.ptp(down) > 4
    np.testing.assert_array_equal(perspective, 0)


def test_rendered_test_digits_come_from_other_fonts(monkeypatch):
    def stay(random, count):
        return np.tile(np.float32([1, 0, 0, 0, 1, 0, 0, 0]), [count, 1])

    monkeypatch.setattr(rendered_digits, "random_transforms", stay)
    draw = functools.cache(rendered_digits.draw_glyph)
    monkeypatch.setattr(rendered_digits, "draw_glyph", draw)
    sets = rendered_digits.rendered_digits(train=3000, test=1000)
    fonts = rendered_digits.TRAIN_FONTS, rendered_digits.TEST_FONTS
    assert not set(fonts[0]) & set(fonts[1])
    for (images, labels), names in zip(sets, fonts):
        glyphs = {draw(str(digit), font).tobytes(): digit for font in names for digit in range(10)}
        assert {image.tobytes() for image in images} == set(glyphs)
        assert [glyphs[image.tobytes()] for image in images] == list(labels)


def test_rendered_data_are_as_many_as_mnists_and_say_what_they_are(monkeypatch, tmp_path):
    asked = []

    def render(train, test):
        asked.append((train, test))
        return [(np.zeros([1, 784], np.uint8), np.zeros(1, np.uint8))] * 2

    monkeypatch.setattr(input_data, "rendered_digits", render)
    mnist = read_data_sets(tmp_path, "rendered")
    assert asked == [(55000, 10000)]
    assert (mnist.name, mnist.suffix) == ("rendered digits, not MNIST", "-rendered")
    assert mnist.options == ["--dataset", "rendered"]


@pytest.mark.parametrize("font", ["DejaVuSans", "cmr10", "DejaVuSerif-BoldItalic"])
def test_rendered_digit_is_20_pixels_high_and_in_the_middle(font):
    for digit in "0123456789":
        rows, columns = np.nonzero(rendered_digits.draw_glyph(digit, font) > 127)
        assert 17 <= np.ptp(rows) + 1 <= 22
        assert abs((rows.min() + rows.max()) / 2 - 13.5) <= 2
        # One version of matplotlib is half a pixel off another.
        assert abs((columns.min() + columns.max()) / 2 - 13.5) <= 2.5


def test_rendered_digits_are_shuffled_by_the_seed(no_rendering, mirrors, tmp_path):
    mirrors("missing")
    for make in (
        lambda seed: read_data_sets(tmp_path, "rendered", seed),
        lambda seed: read_data_sets(tmp_path, "auto", seed),  # the fallback
    ):
        one, other = make(1).train, make(2).train
        np.testing.assert_array_equal(one.next_batch(550)[0], other.next_batch(550)[0])
        assert not np.array_equal(one.next_batch(550)[0], other.next_batch(550)[0])


def test_idx_writer_of_the_tests_writes_what_is_read(tmp_path):
    labels = np.arange(10)
    path = write_idx(tmp_path, NAMES[3], labels)
    found, array, sha256 = input_data.read_file(tmp_path, NAMES[3])
    assert found == path
    assert sha256 == hashlib.sha256(gzip.decompress(path.read_bytes())).hexdigest()
    np.testing.assert_array_equal(array, labels)
