import os
import sys
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
import zarr

from napari_organelle.errors import ReadError
from napari_organelle.read.open import open_image_set

WritePng = Callable[..., Path]
HYPERSTACK = np.arange(2 * 3 * 4 * 6 * 8, dtype=np.uint16).reshape(2, 3, 4, 6, 8)
"""(T, Z, C, Y, X)"""


def test_imagej_hyperstacks_become_items_and_channels(tmp_path: Path) -> None:
    path = tmp_path / "stack.tif"
    tifffile.imwrite(
        path,
        HYPERSTACK,
        imagej=True,
        resolution=(1 / 0.12, 1 / 0.12),
        metadata={"axes": "TZCYX", "unit": "um"},
    )
    images = open_image_set(path)
    assert images.kind == "image"
    assert images.data.shape == (6, 4, 6, 8)
    assert images.data.chunksize == (1, 1, 6, 8)  # type: ignore[union-attr]
    np.testing.assert_array_equal(images.read(4), HYPERSTACK[1, 1])
    assert images.pixel_size_um == pytest.approx(0.12)
    assert images.items["item"].tolist()[:2] == ["stack.tif[0]", "stack.tif[1]"]


def test_ome_tiff_gives_names_and_pixel_size(tmp_path: Path) -> None:
    path = tmp_path / "field.ome.tif"
    metadata = {
        "axes": "CYX",
        "Channel": {"Name": ["mCherry", "GFP", "DAPI", "other"]},
        "PhysicalSizeX": 65,
        "PhysicalSizeXUnit": "nm",
        "PhysicalSizeY": 65,
        "PhysicalSizeYUnit": "nm",
    }
    tifffile.imwrite(path, HYPERSTACK[0, 0], metadata=metadata, ome=True, photometric="minisblack")
    images = open_image_set(path)
    assert images.channel_names == ("mCherry", "GFP", "DAPI", "other")
    assert images.pixel_size_um == pytest.approx(0.065)
    np.testing.assert_array_equal(images.read(0), HYPERSTACK[0, 0])


def test_plain_tiff_axes(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, HYPERSTACK[0, 0, 0])
    assert open_image_set(path).data.shape == (1, 1, 6, 8)
    assert open_image_set(path).pixel_size_um is None
    tifffile.imwrite(path, HYPERSTACK[0, 0, :2], photometric="minisblack")
    images = open_image_set(path)
    assert images.channel_names == ("channel 0", "channel 1")
    np.testing.assert_array_equal(images.read(0), HYPERSTACK[0, 0, :2])
    tifffile.imwrite(path, np.moveaxis(HYPERSTACK[0, 0, :3], 0, -1).astype(np.uint8), photometric="rgb")
    assert open_image_set(path).channel_names == ("red", "green", "blue")


def test_a_damaged_tiff_is_an_error_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    path.write_bytes(b"II*\0nothing")
    with pytest.raises(ReadError, match=r"x\.tif: "):
        open_image_set(path)


def test_pictures_have_named_planes(tmp_path: Path, write_png: WritePng) -> None:
    images = open_image_set(write_png(tmp_path / "photo.png"))
    assert images.channel_names == ("red", "green", "blue")
    assert images.read(0)[:, 0, 0].tolist() == [10, 20, 0]
    grey = write_png(tmp_path / "grey.png", np.full((6, 8), 4, np.uint8))
    assert open_image_set(grey).channel_names == ("gray",)
    both = open_image_set([tmp_path / "photo.png", write_png(tmp_path / "other.png")])
    assert both.items["item"].tolist() == ["photo.png", "other.png"]
    with pytest.raises(ReadError, match=r"expected equally many channels in all files; there are \[1, 3\]"):
        open_image_set([tmp_path / "photo.png", grey])


@pytest.mark.parametrize("version", [2, 3])
def test_ome_zarr_gives_names_and_pixel_size(tmp_path: Path, version: int) -> None:
    path = tmp_path / "field.ome.zarr"
    group = zarr.open_group(path, mode="w", zarr_format=version)
    group.create_array("0", data=HYPERSTACK[0, 0], chunks=(1, 6, 8))
    units = {"type": "space", "unit": "micrometer"}
    image = {
        "multiscales": [
            {
                "axes": [{"name": "c", "type": "channel"}, {"name": "y", **units}, {"name": "x", **units}],
                "datasets": [
                    {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [1, 0.1, 0.1]}]}
                ],
            }
        ],
        "omero": {"channels": [{"label": name} for name in ("GFP", "mCherry", "DAPI", "BF")]},
    }
    group.attrs.update({"ome": image} if version == 3 else image)
    images = open_image_set(path)
    assert images.channel_names == ("GFP", "mCherry", "DAPI", "BF")
    assert images.pixel_size_um == pytest.approx(0.1)
    np.testing.assert_array_equal(images.read(0), HYPERSTACK[0, 0])


def test_plain_zarr_arrays(tmp_path: Path) -> None:
    zarr.save_array(tmp_path / "a.zarr", HYPERSTACK[0, 0])
    images = open_image_set(tmp_path / "a.zarr")
    assert images.data.shape == (1, 4, 6, 8)
    np.testing.assert_array_equal(images.read(0), HYPERSTACK[0, 0])
    zarr.open_group(tmp_path / "group.zarr", mode="w")
    with pytest.raises(ReadError, match=r"group\.zarr: expected an array or OME-Zarr"):
        open_image_set(tmp_path / "group.zarr")


@pytest.mark.real_data
def test_real_yeast_field(real_data: Path) -> None:
    images = open_image_set(real_data / "yeast_fields" / "r01c01f01p01-ch3sk1fk1fl1.tiff")
    assert images.data.shape == (1, 1, 1080, 1080)
    assert images.data.dtype == np.uint16
    assert images.pixel_size_um is None, "6.45 um is the pitch of the camera"
    assert int(images.read(0).max()) == 16_281


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux's file systems take any bytes as a name")
def test_names_that_are_no_utf_8_open_and_are_shown_escaped(tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"x\xb5m.png")
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8)
    for path in (odd, tmp_path / "b.png"):
        path.write_bytes(imagecodecs.png_encode(pixels))
    images = open_image_set(tmp_path)
    assert images.items["item"].tolist() == ["b.png", r"x\xb5m.png"]
    assert images.items["problem"].tolist() == ["", ""]
    np.testing.assert_array_equal(np.asarray(images.data), [[pixels]] * 2)


def test_what_other_programs_leave_beside_images_is_passed_over_and_named(tmp_path: Path) -> None:
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8)
    left = ["a_Simple Segmentation", "a-Probabilities", "a.labels", "a_overlay", "a_preview"]
    for name in ("a", "b", *left):
        tifffile.imwrite(tmp_path / f"{name}.tif", pixels)
    images = open_image_set(tmp_path)
    assert images.items["item"].tolist() == ["a.tif", "b.tif"]
    assert "5 files that look like masks, outlines or previews are passed over" in " ".join(images.problems)


@pytest.mark.parametrize(
    ("unit", "size"), [("m", 0.12e-6), ("cm", 0.12e-4), ("Å", 1200), ("nm", 120), ("µm", 0.12)]
)
def test_pixel_sizes_of_ome_are_read_in_its_units(unit: str, size: float, tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    metadata = {"axes": "YX", "PhysicalSizeX": size, "PhysicalSizeY": size}
    metadata |= {"PhysicalSizeXUnit": unit, "PhysicalSizeYUnit": unit}
    tifffile.imwrite(path, np.zeros((8, 8), np.uint8), ome=True, metadata=metadata)
    assert open_image_set(path).pixel_size_um == pytest.approx(0.12)
