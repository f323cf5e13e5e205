import hashlib
import io
import tarfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import imagecodecs
import numpy as np
import pytest

from napari_organelle.errors import ReadError
from napari_organelle.read.yeast import download as deepyeast_download
from napari_organelle.read.yeast.deepyeast import read
from napari_organelle.read.yeast.download import DataSet, RemoteFile, download, downloaded

CELL = "plate01/001013000-0-626-5.png"


class Server:
    """A local server whose connection can break after some bytes; remembers what was asked."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.ranges: list[str | None] = []
        self.break_after: int | None = None
        self.ignores_ranges = False
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                content = outer.files.get(self.path.lstrip("/"))
                if content is None:
                    self.send_error(404)
                    return
                asked = self.headers.get("Range")
                outer.ranges.append(asked)
                start = (
                    int(asked.removeprefix("bytes=").rstrip("-")) if asked and not outer.ignores_ranges else 0
                )
                if start >= len(content):
                    self.send_error(416)
                    return
                self.send_response(206 if start else 200)
                self.send_header("Content-Length", str(len(content) - start))
                self.end_headers()
                self.wfile.write(content[start:][: outer.break_after])

            def log_message(self, *_: object) -> None: ...

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.http.server_port}"
        Thread(target=self.http.serve_forever, daemon=True).start()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(deepyeast_download, "CHUNK", 50_000)
    server = Server()
    yield server
    server.http.shutdown()
    server.http.server_close()


def archive(name: str = CELL) -> bytes:
    """A tar.gz with one cell, and noise that does not compress."""
    rng = np.random.default_rng(0)
    contents = {
        name: imagecodecs.png_encode(np.full((64, 64, 3), (3, 4, 0), np.uint8)),
        "noise.bin": rng.integers(0, 255, 400_000, dtype=np.uint8).tobytes(),
    }
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w:gz") as tar:
        for path, content in contents.items():
            member = tarfile.TarInfo(path)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return output.getvalue()


def offer(server: Server, content: bytes) -> DataSet:
    server.files = {"data/tiny.tar.gz": content, "lists/HOwt_train.txt": f"{CELL} 0\n".encode()}
    files = [RemoteFile(path, hashlib.md5(data).hexdigest()) for path, data in server.files.items()]
    return DataSet("tiny", files[0], (files[1],))


def test_a_set_is_fetched_unpacked_and_opened(server: Server, tmp_path: Path) -> None:
    data_set = offer(server, archive())
    reports = list(download(data_set, tmp_path, server.address))
    assert reports[-1].task == "Downloading tiny.tar.gz"
    assert reports[-1].done == reports[-1].total == len(server.files["data/tiny.tar.gz"])
    folder = downloaded(data_set, tmp_path)
    assert folder == tmp_path / "tiny"
    assert not (tmp_path / "tiny.tar.gz").exists()
    with_labels = read(folder)
    assert with_labels.items["label"].tolist() == ["0"]
    assert with_labels.read(0)[:, 0, 0].tolist() == [3, 4]
    asked = len(server.ranges)
    assert list(download(data_set, tmp_path, server.address)) == []
    assert len(server.ranges) == asked


@pytest.mark.parametrize("ignores_ranges", [False, True])
def test_a_broken_download_goes_on_where_it_stopped(
    server: Server, tmp_path: Path, ignores_ranges: bool
) -> None:
    data_set = offer(server, archive())
    server.break_after = 150_000
    with pytest.raises(ReadError, match=r"tiny\.tar\.gz.*[Tt]ry again"):
        list(download(data_set, tmp_path, server.address))
    part = tmp_path / "tiny.tar.gz.part"
    have = part.stat().st_size
    assert 0 < have <= 150_000
    server.break_after, server.ignores_ranges = None, ignores_ranges
    reports = list(download(data_set, tmp_path, server.address))
    assert server.ranges[-1] == f"bytes={have}-"
    assert reports[0].done > have or ignores_ranges
    assert downloaded(data_set, tmp_path)


def test_a_download_stopped_by_the_user_goes_on_too(server: Server, tmp_path: Path) -> None:
    data_set = offer(server, archive())
    job = download(data_set, tmp_path, server.address)
    for report in job:
        if report.task == "Downloading tiny.tar.gz" and report.done >= 100_000:
            break
    job.close()  # type: ignore[attr-defined]
    assert (tmp_path / "tiny.tar.gz.part").stat().st_size >= 100_000
    list(download(data_set, tmp_path, server.address))
    assert server.ranges[-1] is not None
    assert downloaded(data_set, tmp_path)


def test_a_wrong_checksum_is_refused_and_fetched_afresh(server: Server, tmp_path: Path) -> None:
    data_set = offer(server, archive())
    right = server.files["data/tiny.tar.gz"]
    server.files["data/tiny.tar.gz"] = right[:-1] + b"?"
    with pytest.raises(ReadError, match=r"tiny\.tar\.gz: what came does not have the published MD5"):
        list(download(data_set, tmp_path, server.address))
    assert not list(tmp_path.glob("tiny.tar.gz*"))
    server.files["data/tiny.tar.gz"] = right
    list(download(data_set, tmp_path, server.address))
    assert downloaded(data_set, tmp_path)


@pytest.mark.parametrize("name", ["../outside.png", "/outside.png"])
def test_an_archive_that_leads_out_of_its_folder_is_refused(
    server: Server, tmp_path: Path, name: str
) -> None:
    cache = tmp_path / "cache"
    data_set = offer(server, archive(name))
    if name.startswith("/"):
        list(download(data_set, cache, server.address))
        assert (cache / "tiny" / "outside.png").is_file()
    else:
        with pytest.raises(ReadError, match=r"the archive can't be unpacked: .*outside"):
            list(download(data_set, cache, server.address))
        assert downloaded(data_set, cache) is None
    assert not (tmp_path / "outside.png").exists()
    assert not Path("/outside.png").exists()


def test_offline_is_said_plainly(tmp_path: Path) -> None:
    data_set = DataSet("tiny", RemoteFile("data/tiny.tar.gz", "0"), ())
    with pytest.raises(
        ReadError, match=r"http://127\.0\.0\.1:9/data/tiny\.tar\.gz can't be fetched: .*Check the network"
    ):
        list(download(data_set, tmp_path, "http://127.0.0.1:9"))


def test_a_file_that_is_gone_is_an_error(server: Server, tmp_path: Path) -> None:
    data_set = DataSet("tiny", RemoteFile("data/gone.tar.gz", "0"), ())
    with pytest.raises(ReadError, match="404"):
        list(download(data_set, tmp_path, server.address))
