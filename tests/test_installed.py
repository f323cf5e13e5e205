"""What is installed is found by npe2 and opens a set in a viewer."""

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from npe2 import PluginManager

import napari_organelle


def test_npe2_finds_the_plugin() -> None:
    manager = PluginManager()
    manager.discover()
    manifest = manager.get_manifest("napari-organelle")
    assert manifest.package_version == version("napari-organelle") == napari_organelle.__version__


def test_a_set_opens_in_a_viewer(make_napari_viewer_proxy: Callable[[], Any], tmp_path: Path) -> None:
    for index, name in enumerate(("er", "golgi")):
        (tmp_path / name).mkdir()
        pixels = np.zeros((8, 8, 3), np.uint8)
        pixels[..., 1] = 10 * (index + 1)
        (tmp_path / name / "000001000-6-1-1.png").write_bytes(imagecodecs.png_encode(pixels))
    viewer = make_napari_viewer_proxy()
    viewer.open(tmp_path, plugin="napari-organelle")
    assert viewer.layers["protein"].data.shape == (2, 8, 8)
    assert int(np.asarray(viewer.layers["protein"].data[1]).max()) == 20
