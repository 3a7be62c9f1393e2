"""Downloads from mirrors, here servers on 127.0.0.1, and what happens without them."""

import functools
import gzip
import hashlib
import http.server
import os
import signal
import threading
import time

from support import input_data
from support.input_data import SHA256, read_data_sets
from support.terminal import Failure

import numpy as np
import pytest
from digits import write_digits
from processes import Running, pseudo_terminal, wait_until

NAMES = list(SHA256)


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


def test_rendered_digits_are_shuffled_by_the_seed(no_rendering, mirrors, tmp_path):
    mirrors("missing")
    for make in (
        lambda seed: read_data_sets(tmp_path, "rendered", seed),
        lambda seed: read_data_sets(tmp_path, "auto", seed),  # the fallback
    ):
        one, other = make(1).train, make(2).train
        np.testing.assert_array_equal(one.next_batch(550)[0], other.next_batch(550)[0])
        assert not np.array_equal(one.next_batch(550)[0], other.next_batch(550)[0])
