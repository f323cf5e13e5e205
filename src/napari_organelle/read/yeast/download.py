"""DeepYeast from its authors' server: resumable, checked against the published MD5s, unpacked once."""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_organelle.errors import ReadError

SERVER = "http://kodu.ut.ee/~leopoldp/2016_DeepYeast"
LISTS = "code/image_prep/data"
CHUNK = 2**17
"""Bytes between two reports; as many may be lost when a connection breaks."""
TIMEOUT = (10.0, 60.0)
"""Seconds to connect, and to wait for the next bytes."""

MEMBERS_A_REPORT = 500


@dataclass(frozen=True)
class RemoteFile:
    """A file on the server: its address below `SERVER`, and its MD5."""

    address: str
    md5: str

    @property
    def name(self) -> str:
        return self.address.rpartition("/")[2]


@dataclass(frozen=True)
class DataSet:
    """One of the two sets: an archive of plates and the lists that say what is on them."""

    name: str
    archive: RemoteFile
    lists: tuple[RemoteFile, ...]


MAIN = DataSet(
    "main",
    RemoteFile("data/main.tar.gz", "f313fc0b8068941ab18ae65eb113afee"),
    (
        RemoteFile(f"{LISTS}/HOwt_doc.txt", "33b7780020972e2da4f884c6b5a63b25"),
        RemoteFile(f"{LISTS}/HOwt_train.txt", "b71eb4ff50f955adfa72048c6d8c0233"),
        RemoteFile(f"{LISTS}/HOwt_val.txt", "2ac1d1874b89d6a1ad3d948d36c1e229"),
        RemoteFile(f"{LISTS}/HOwt_test.txt", "c7958faa20232ff52fb196e754645bd1"),
    ),
)
"""90,000 cells of 12 classes."""

TRANSFER = DataSet(
    "transfer",
    RemoteFile("data/transfer.tar.gz", "5dfc4baab5156e3fc6b5694bab96ac41"),
    (
        RemoteFile(f"{LISTS}/HOwt_transfer_doc.txt", "699e4f5e390b8af78bbddae39f217745"),
        RemoteFile(f"{LISTS}/HOwt_transfer_train.txt", "9dcbe909a81e3bdab6fa72504c4205a7"),
        RemoteFile(f"{LISTS}/HOwt_transfer_val.txt", "32177364beaeabf54c4b4e589e2cb998"),
        RemoteFile(f"{LISTS}/HOwt_transfer_test.txt", "3d5ff91995abfed6c0dd3b6e1727b6d2"),
    ),
)
"""10,000 cells of four other classes."""


@dataclass(frozen=True)
class DownloadReport:
    """How far a download is: bytes of a file, or files of an archive; `total` is 0 where it is unknown."""

    task: str
    done: int
    total: int


def cache_folder() -> Path:
    """Where downloads are kept on this computer."""
    import pooch

    return Path(pooch.os_cache("napari-organelle")) / "deepyeast"


def downloaded(data_set: DataSet, cache: Path) -> Path | None:
    """The folder of a set that is already there and complete."""
    folder = cache / data_set.name
    return folder if folder.is_dir() else None


def download(data_set: DataSet, cache: Path, server: str = SERVER) -> Iterator[DownloadReport]:
    """Fetch and unpack a set to ``cache / data_set.name``; where it was stopped, it goes on the next time.

    Raises
    ------
    ReadError
        If the server can't be reached, a file's MD5 is wrong, or the archive is damaged or unsafe.
    """
    if downloaded(data_set, cache):
        return
    cache.mkdir(parents=True, exist_ok=True)
    for file in (*data_set.lists, data_set.archive):
        yield from _fetch(file, cache, server)
    unpacking = cache / f"{data_set.name}.unpacking"
    shutil.rmtree(unpacking, ignore_errors=True)
    yield from _unpack(cache / data_set.archive.name, unpacking)
    for file in data_set.lists:
        shutil.copy(cache / file.name, unpacking)
    unpacking.rename(cache / data_set.name)
    (cache / data_set.archive.name).unlink()


def _fetch(file: RemoteFile, cache: Path, server: str) -> Iterator[DownloadReport]:
    """Add to ``NAME.part`` until it is whole, then let pooch check it and give it its name."""
    import pooch

    part, url = cache / f"{file.name}.part", f"{server}/{file.address}"
    if (cache / file.name).is_file() and pooch.file_hash(str(cache / file.name), alg="md5") == file.md5:
        return
    yield from _receive(url, part)
    try:
        pooch.retrieve(url, f"md5:{file.md5}", fname=file.name, path=cache, downloader=_move_from(part))
    except ValueError as error:
        raise ReadError(
            f"{url}: what came does not have the published MD5 {file.md5}; it is deleted. Try again"
        ) from error


def _move_from(part: Path) -> Callable[[str, str, Any], None]:
    """A pooch downloader whose bytes are here already."""

    def move(_url: str, output: str, _pooch: Any) -> None:
        part.replace(output)

    return move


def _receive(url: str, part: Path) -> Iterator[DownloadReport]:
    import requests

    have = part.stat().st_size if part.is_file() else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    try:
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
            if answer.status_code == requests.codes.requested_range_not_satisfiable:
                return
            answer.raise_for_status()
            if answer.status_code != requests.codes.partial_content:
                have = 0
            left = int(answer.headers.get("Content-Length", 0))
            total = have + left if left else 0
            with part.open("ab" if have else "wb") as output:
                for block in answer.iter_content(CHUNK):
                    output.write(block)
                    have += len(block)
                    yield DownloadReport(f"Downloading {part.stem}", have, total)
        if have < total:
            raise ReadError(f"{url}: only {have:,} of {total:,} bytes came; try again to go on from there")
    except (requests.RequestException, OSError) as error:
        raise ReadError(
            f"{url} can't be fetched: {error}. Check the network and try again; {have:,} bytes are kept"
        ) from error


def _unpack(archive: Path, folder: Path) -> Iterator[DownloadReport]:
    """Extract a tar archive; nothing in it may lead out of the folder."""
    try:
        with tarfile.open(archive) as tar:
            for number, member in enumerate(tar, start=1):
                tar.extract(member, folder, filter="data")
                if number % MEMBERS_A_REPORT == 0:
                    yield DownloadReport(f"Unpacking {archive.name}", number, 0)
    except (tarfile.TarError, OSError, EOFError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise ReadError(f"{archive}: the archive can't be unpacked: {error}") from error
