import hashlib
import io
import tarfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import imagecodecs
import numpy as np
import pytest

from napari_organelle.errors import OrganelleError
from napari_organelle.gui import samples
from napari_organelle.read.yeast.download import DataSet, RemoteFile

PLUGIN = "napari-organelle"


@pytest.mark.slow
def test_yeast_crops(make_napari_viewer: Any) -> None:
    viewer = make_napari_viewer()
    viewer.open_sample(PLUGIN, "yeast_crops")
    assert [layer.name for layer in viewer.layers] == ["cytosol", "protein", "labels"]
    assert viewer.layers["protein"].data.shape == (240, 64, 64)
    counts = viewer.layers["labels"].features["label"].value_counts()
    assert counts.tolist() == [20] * 12
    assert viewer.layers["protein"].scale[1] < 0.5


def test_yeast_field(make_napari_viewer: Any) -> None:
    viewer = make_napari_viewer()
    viewer.open_sample(PLUGIN, "yeast_field")
    cells = viewer.layers["cells"]
    assert cells.data.shape == viewer.layers["cytosol"].data.shape == (1024, 1024)
    assert set(np.unique(cells.data)) - {0} <= set(cells.features["index"])
    assert "nucleus" in set(cells.features["organelle"])
    inside = viewer.layers["cytosol"].data[cells.data > 0].mean()
    assert inside > 2 * viewer.layers["cytosol"].data[cells.data == 0].mean()


def test_hpa_field(make_napari_viewer: Any) -> None:
    viewer = make_napari_viewer()
    viewer.open_sample(PLUGIN, "hpa_field")
    assert [layer.name for layer in viewer.layers] == [
        "microtubules",
        "protein",
        "nucleus",
        "ER",
        "cells",
        "labels",
    ]
    assert len(set(viewer.layers["cells"].features["organelle"])) == 6


@pytest.fixture
def deepyeast_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A local server with a DeepYeast of one cell, and an empty cache."""
    cell = imagecodecs.png_encode(np.full((64, 64, 3), (3, 4, 0), np.uint8))
    root = tmp_path / "server"
    root.mkdir()
    with tarfile.open(root / "main.tar.gz", "w:gz") as tar:
        member = tarfile.TarInfo("plate01/001013000-0-626-5.png")
        member.size = len(cell)
        tar.addfile(member, io.BytesIO(cell))
    (root / "HOwt_train.txt").write_text("plate01/001013000-0-626-5.png 0\n")
    (root / "HOwt_doc.txt").write_text("label;label_idx\ngolgi;0\n")
    files = {
        name: RemoteFile(name, hashlib.md5((root / name).read_bytes()).hexdigest())
        for name in ("main.tar.gz", "HOwt_train.txt", "HOwt_doc.txt")
    }
    lists = (files["HOwt_train.txt"], files["HOwt_doc.txt"])
    monkeypatch.setattr(samples, "MAIN", DataSet("main", files["main.tar.gz"], lists))
    monkeypatch.setattr(samples, "cache_folder", lambda: tmp_path / "cache")

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=root)) as http:
        Thread(target=http.serve_forever, daemon=True).start()
        monkeypatch.setattr(samples, "SERVER", f"http://127.0.0.1:{http.server_port}")
        yield samples.SERVER
        http.shutdown()


def test_deepyeast_is_downloaded_beside_the_window_and_then_opened(
    make_napari_viewer: Any, qtbot: Any, deepyeast_server: str
) -> None:
    viewer = make_napari_viewer()
    viewer.open_sample(PLUGIN, "deepyeast")
    assert [layer.name for layer in viewer.layers] == [samples.PLACEHOLDER]
    with pytest.raises(OrganelleError, match="downloaded already"):
        samples.deepyeast()
    qtbot.waitUntil(lambda: samples.DeepYeastDownload.running is None, timeout=20_000)
    assert [layer.name for layer in viewer.layers] == ["cytosol", "protein", "labels"]
    assert viewer.layers["labels"].text.values.tolist() == ["golgi"]
    layers = samples.deepyeast()
    assert [options["name"] for _, options, _ in layers] == ["cytosol", "protein", "labels"]


def test_a_cancelled_download_leaves_nothing_behind(
    make_napari_viewer: Any, qtbot: Any, deepyeast_server: str
) -> None:
    viewer = make_napari_viewer()
    viewer.open_sample(PLUGIN, "deepyeast")
    download = samples.DeepYeastDownload.running
    assert download is not None
    download.bar.cancel()
    qtbot.waitUntil(lambda: samples.DeepYeastDownload.running is None, timeout=20_000)
    assert len(viewer.layers) in (0, 3)
    assert samples.PLACEHOLDER not in viewer.layers
