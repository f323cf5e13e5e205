"""Large pictures: of a TIFF only what a window needs is read; what can't be is refused."""

import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile

from napari_organelle.errors import ReadError
from napari_organelle.prepare.cut import cut
from napari_organelle.read.files import item_files, tiff
from napari_organelle.read.open import open_image_set

PIXELS = np.random.default_rng(0).integers(0, 4000, (90, 110)).astype(np.uint16)
COLOURS = np.random.default_rng(1).integers(0, 255, (90, 110, 3)).astype(np.uint8)
WINDOWS = np.array([[0, 3, 5, 20, 24], [0, 70, 90, 30, 30], [1, -5, -5, 16, 16], [1, 40, 40, 9, 9]])

LAYOUTS: dict[str, dict[str, Any]] = {
    "tiles": {"tile": (16, 32), "compression": "zlib"},
    "strips": {"rowsperstrip": 7, "compression": "zlib"},
    "one strip": {},
    "big-endian": {"byteorder": ">"},
    "inverted": {"photometric": "miniswhite", "tile": (16, 16)},
}


@pytest.mark.parametrize("folder", [False, True])
@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_windows_of_large_tiffs_are_those_of_small_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str, colour: bool, folder: bool
) -> None:
    options = LAYOUTS[layout] | ({"photometric": "rgb"} if colour else {})
    files = [tmp_path / name for name in ("a.tif", "b.tif")]
    for number, file in enumerate(files):
        tifffile.imwrite(file, (COLOURS if colour else PIXELS) + number, **options)
    path, windows = (tmp_path, WINDOWS) if folder else (files[0], WINDOWS[:2])
    small = open_image_set(path)
    channels = list(range(small.data.shape[1]))
    expected = cut(small, windows, channels)
    monkeypatch.setattr(tiff, "LARGE", 1000)
    monkeypatch.setattr(item_files, "LARGE", 1000)
    large = open_image_set(path)
    assert large.files is None or large.files.have_boxes
    for window, same in zip(cut(large, windows, channels), expected, strict=True):
        np.testing.assert_array_equal(window, same)


PEAK = """
import resource, sys
import numpy as np
from napari_organelle.prepare.cut import cut
from napari_organelle.read.open import open_image_set
images = open_image_set(sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
cut(images, np.array([[0, y, y, 64, 64] for y in range(0, 11000, 500)]), [0])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs the peak of memory in kB")
@pytest.mark.parametrize("folder", [False, True])
def test_windows_of_a_large_tiff_take_little_memory(tmp_path: Path, folder: bool) -> None:
    tiles = (np.zeros((1024, 1024), np.uint16) for _ in range(144))
    options = {"shape": (12000, 12000), "dtype": np.uint16, "tile": (1024, 1024), "compression": "zlib"}
    tifffile.imwrite(tmp_path / "a.tif", tiles, **options)
    path = tmp_path if folder else tmp_path / "a.tif"
    if folder:
        (tmp_path / "b.tif").write_bytes((tmp_path / "a.tif").read_bytes())
    answer = subprocess.run([sys.executable, "-c", PEAK, path], capture_output=True, text=True, check=True)
    assert int(answer.stdout) < 130_000  # the whole image takes 281,250 kB


def test_a_jpeg_of_two_hundred_million_pixels_opens(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(imagecodecs.jpeg8_encode(np.zeros((14000, 14000), np.uint8)))
    assert open_image_set(tmp_path / "a.jpg").read(0).shape == (1, 14000, 14000)


def header(width: int, height: int, compression: int = 8, rows: int | None = None) -> bytes:
    """A TIFF of 16 bits whose one strip is a few bytes."""
    tags = [(256, 4, width), (257, 4, height), (258, 3, 16), (259, 3, compression), (262, 3, 1), (273, 4, 8)]
    tags += [(278, 4, rows or height), (279, 4, 4)]
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    return b"II*\0" + struct.pack("<I", 16) + b"\0" * 8 + struct.pack("<H", len(tags)) + entries + b"\0" * 4


@pytest.mark.parametrize(("width", "height"), [(40, 2**32 - 1), (2**31, 2**31), (65_000, 65_000), (40, 0)])
@pytest.mark.parametrize("compression", [1, 8])
@pytest.mark.parametrize("rows", [None, 1, 2**32 - 1])
def test_headers_of_absurd_sizes_are_refused(
    tmp_path: Path, width: int, height: int, compression: int, rows: int | None
) -> None:
    (tmp_path / "a.tif").write_bytes(header(width, height, compression, rows))
    with pytest.raises(ReadError, match=r"a\.tif"):
        open_image_set(tmp_path / "a.tif").read(0)


OME = (
    '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">'
    '<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" '
    'SizeX="8" SizeY="8" SizeZ="{z}" SizeC="1" SizeT="1">'
    '<Channel ID="Channel:0:0" SamplesPerPixel="1"/><TiffData IFD="{ifd}" PlaneCount="{count}"/>'
    "</Pixels></Image></OME>"
)


@pytest.mark.timeout(30)
@pytest.mark.parametrize("changes", [{"z": 2**40}, {"count": 2**40}, {"ifd": 2**40}])
def test_planes_that_metadata_make_up_are_neither_looked_for_nor_held(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    xml = OME.format(**({"z": 1, "ifd": 0, "count": 1} | changes))
    tifffile.imwrite(tmp_path / "a.ome.tif", np.zeros((8, 8), np.uint16), description=xml, metadata=None)
    with pytest.raises(ReadError, match=r"a\.ome\.tif: its OME metadata say 1,099,511,627,776 planes"):
        open_image_set(tmp_path / "a.ome.tif")


@pytest.mark.timeout(30)
def test_pages_that_lie_over_one_another_end(tmp_path: Path) -> None:
    pages = b"".join(struct.pack("<HI", 0, 8 + 2 * n) for n in range(1, 2000))
    overlapping = b"II*\0" + struct.pack("<I", 8) + (struct.pack("<H", 0) + struct.pack("<I", 8))
    for data in (overlapping, b"II*\0" + struct.pack("<I", 8) + pages):
        (tmp_path / "a.tif").write_bytes(data)
        with pytest.raises(ReadError, match=r"a\.tif"):
            open_image_set(tmp_path / "a.tif")
