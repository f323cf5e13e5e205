"""The same file opened in every way gives the same pixels and channels."""

import shutil
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile

from napari_organelle.distribute.sources import find_sources
from napari_organelle.errors import ReadError
from napari_organelle.read.image_set import ImageSet
from napari_organelle.read.open import open_image_set

TWO = np.random.default_rng(0).integers(0, 4000, (2, 20, 24), np.uint16)
COLOURS = np.random.default_rng(1).integers(0, 255, (3, 20, 24), np.uint8)
GRAY = COLOURS[0]
LAST = np.ascontiguousarray(np.moveaxis(TWO, 0, -1))
RGB_LAST = np.ascontiguousarray(np.moveaxis(COLOURS, 0, -1))
FLAT = np.full((20, 24, 1), 255, np.uint8)
PALETTE = np.random.default_rng(2).integers(0, 65535, (3, 256)).astype(np.uint16)
RAMP = np.outer([0, 1, 0], np.arange(256) * 257).astype(np.uint16)


def written(path: Path, pixels: np.ndarray, **options: object) -> Path:
    tifffile.imwrite(path, pixels, **options)  # type: ignore[arg-type]
    return path


WAYS: dict[str, tuple[Callable[[Path], Path], np.ndarray, tuple[str, ...]]] = {
    "channels first": (lambda p: written(p / "a.tif", TWO, metadata={"axes": "CYX"}), TWO, ()),
    "channels last": (lambda p: written(p / "a.tif", LAST, metadata={"axes": "YXC"}), TWO, ()),
    "samples": (
        lambda p: written(p / "a.tif", LAST, photometric="minisblack", planarconfig="contig"),
        TWO,
        (),
    ),
    "big endian": (lambda p: written(p / "a.tif", TWO, byteorder=">", metadata={"axes": "CYX"}), TWO, ()),
    "tiles": (lambda p: written(p / "a.tif", TWO, tile=(16, 16), metadata={"axes": "CYX"}), TWO, ()),
    "BigTIFF of another name": (
        lambda p: written(p / "a.btf", TWO, bigtiff=True, metadata={"axes": "CYX"}),
        TWO,
        (),
    ),
    "OME": (
        lambda p: written(
            p / "a.ome.tif",
            TWO,
            photometric="minisblack",
            metadata={"axes": "CYX", "Channel": {"Name": ["TRITC", "FITC"]}},
        ),
        TWO,
        ("TRITC", "FITC"),
    ),
    "RGB": (lambda p: written(p / "a.tif", RGB_LAST, photometric="rgb"), COLOURS, ("red", "green", "blue")),
    "planar RGB": (
        lambda p: written(p / "a.tif", COLOURS, photometric="rgb", planarconfig="separate"),
        COLOURS,
        ("red", "green", "blue"),
    ),
    "flat alpha": (
        lambda p: written(
            p / "a.tif", np.dstack([RGB_LAST, FLAT]), photometric="rgb", extrasamples=["unassalpha"]
        ),
        COLOURS,
        ("red", "green", "blue"),
    ),
    "alpha with data": (
        lambda p: written(
            p / "a.tif", np.dstack([RGB_LAST, GRAY]), photometric="rgb", extrasamples=["unassalpha"]
        ),
        np.stack([*COLOURS, GRAY]),
        ("red", "green", "blue", "alpha"),
    ),
    "0 is white": (
        lambda p: written(p / "a.tif", GRAY, photometric="miniswhite"),
        255 - GRAY[None],
        ("gray",),
    ),
    "a palette": (
        lambda p: written(p / "a.tif", GRAY, photometric="palette", colormap=PALETTE),
        (PALETTE[:, GRAY] >> 8).astype(np.uint8),
        ("red", "green", "blue"),
    ),
    "a lookup table": (
        lambda p: written(p / "a.tif", GRAY, photometric="palette", colormap=RAMP),
        GRAY[None],
        (),
    ),
}


def opened(path: Path) -> list[ImageSet]:
    """One by one, in a list, in a folder for people and for runs; a second file is a copy."""
    other = path.with_name(f"b{path.name[1:]}")
    shutil.copy(path, other)
    runs = next(iter(find_sources([str(path.parent)])))
    assert not isinstance(runs, ReadError)
    sets = [open_image_set(path), open_image_set([path, other]), open_image_set(path.parent), *runs.sets()]
    for name in ("er", "golgi"):
        (path.parent / "classes" / name).mkdir(parents=True)
        shutil.copy(path, path.parent / "classes" / name)
    return [*sets, open_image_set(path.parent / "classes")]


@pytest.mark.parametrize("kind", WAYS)
def test_a_file_is_the_same_however_it_is_opened(kind: str, tmp_path: Path) -> None:
    write, expected, names = WAYS[kind]
    *sets, classes = opened(write(tmp_path))
    assert len(sets) == 4
    for images in sets:
        assert not isinstance(images, ReadError)
        np.testing.assert_array_equal(images.read(0), expected)
        if names:
            assert images.channel_names == names
        assert images.channels == sets[0].channels
    if names[:3] == ("red", "green", "blue"):
        expected = expected[:2]
    np.testing.assert_array_equal(classes.read(0), expected)


def test_a_lookup_table_of_one_colour_is_evidence(tmp_path: Path) -> None:
    write, _, _ = WAYS["a lookup table"]
    assert open_image_set(write(tmp_path)).channels[0].evidence == "green"


def test_positions_are_items_and_what_is_unlike_them_is_named(tmp_path: Path) -> None:
    path = tmp_path / "positions.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as tiff:
        tiff.write(RGB_LAST, photometric="rgb")
        for shift in (0, 1):
            tiff.write(TWO + shift, photometric="minisblack", metadata={"axes": "CYX"})
    images = open_image_set(path)
    assert len(images) == 2
    np.testing.assert_array_equal(images.read(1), TWO + 1)
    assert "1 of the 3 images in the file are unlike the others and left out: number 0" in images.problems[0]


COMPANION = """<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:9">
<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" SizeX="24" SizeY="20"
SizeC="2" SizeZ="1" SizeT="1" PhysicalSizeX="0,1">
<Channel ID="Channel:0:0" Name="mCherry"/><Channel ID="Channel:0:1" Color="16711935"/>
<TiffData FirstC="0" IFD="0" PlaneCount="1"><UUID FileName="a.ome.tif">urn:uuid:1</UUID></TiffData>
<TiffData FirstC="1" IFD="0" PlaneCount="1"><UUID FileName="{second}">urn:uuid:2</UUID></TiffData>
</Pixels></Image></OME>"""
BINARY_ONLY = (
    '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
    '<BinaryOnly MetadataFile="set.companion.ome" UUID="urn:uuid:9"/></OME>'
)


def test_a_companion_file_joins_its_tiffs(tmp_path: Path) -> None:
    for name, plane in zip(("a.ome.tif", "b.ome.tif"), TWO, strict=True):
        tifffile.imwrite(tmp_path / name, plane, description=BINARY_ONLY, metadata=None)
    assert "in another file, which is not there" in open_image_set(tmp_path / "a.ome.tif").problems[0]
    (tmp_path / "set.companion.ome").write_text(COMPANION.format(second="b.ome.tif"))
    for path in (tmp_path / "a.ome.tif", tmp_path / "set.companion.ome", tmp_path):
        images = open_image_set(path)
        assert images.channel_names == ("mCherry", "channel 1")
        assert images.channels[1].evidence == "green"
        assert images.pixel_size_um == pytest.approx(0.1)
        np.testing.assert_array_equal(images.read(0), TWO)


def test_metadata_name_no_files_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    for name, plane in zip(("set/a.ome.tif", "b.ome.tif"), TWO, strict=True):
        tifffile.imwrite(tmp_path / name, plane, description=BINARY_ONLY, metadata=None)
    (tmp_path / "set" / "set.companion.ome").write_text(COMPANION.format(second="../b.ome.tif"))
    images = open_image_set(tmp_path / "set" / "a.ome.tif")
    assert any(
        "files outside of its folder ('../b.ome.tif'); they are not read" in p for p in images.problems
    )
    np.testing.assert_array_equal(images.read(0)[0], TWO[0])


@pytest.mark.parametrize("size", ["NaN", "-0.1", "INF", "0", "wide"])
def test_an_impossible_pixel_size_is_unknown_and_told(size: str, tmp_path: Path) -> None:
    metadata = {"axes": "CYX", "PhysicalSizeX": 0.12345, "PhysicalSizeY": 0.12345}
    path = written(tmp_path / "a.ome.tif", TWO, photometric="minisblack", metadata=metadata)
    path.write_bytes(path.read_bytes().replace(b'"0.12345"', f'"{size}"'.ljust(9).encode()))
    images = open_image_set(path)
    assert images.pixel_size_um is None
    assert f"a pixel size of {size!r}; the size is taken as unknown" in images.problems[0]


def test_broken_metadata_cost_names_and_size_only(tmp_path: Path) -> None:
    path = written(tmp_path / "a.ome.tif", TWO, photometric="minisblack", metadata={"axes": "CYX"})
    path.write_bytes(path.read_bytes().replace(b"<Image ", b"<Imag& "))
    images = open_image_set(path)
    np.testing.assert_array_equal(images.read(0), TWO)
    assert any("its metadata can't be read" in problem for problem in images.problems)


def test_large_tiled_tiffs_are_read_by_tile(tmp_path: Path) -> None:
    path = tmp_path / "large.tif"
    tifffile.imwrite(path, np.zeros((5000, 4000), np.uint8), tile=(256, 256), compression="zlib")
    images = open_image_set(path)
    assert images.data.chunksize == (1, 1, 1024, 1024)  # type: ignore[union-attr]
    assert int(images.data[0, 0, 4990:, 3990:].max().compute()) == 0  # type: ignore[union-attr]


def test_printers_colours_are_refused(tmp_path: Path) -> None:
    cmyk = np.dstack([RGB_LAST, GRAY])
    path = written(tmp_path / "a.tif", cmyk, photometric="separated")
    with pytest.raises(ReadError, match=r"a\.tif: a CMYK picture is made for printing; save it as RGB"):
        open_image_set(path)


def test_pages_in_a_circle_and_sizes_that_cannot_be(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tif", GRAY)
    data = bytearray(path.read_bytes())
    first = int.from_bytes(data[4:8], "little")
    tags = int.from_bytes(data[first : first + 2], "little")
    data[first + 2 + 12 * tags :][:4] = b""
    end = first + 2 + 12 * tags
    data[end : end + 4] = first.to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(ReadError, match="round in a circle"):
        open_image_set(path)
    png = bytearray(imagecodecs.png_encode(GRAY))
    png[16:24] = (10**6).to_bytes(4, "big") * 2
    (tmp_path / "b.png").write_bytes(png)
    with pytest.raises(ReadError, match="1,000,000 x 1,000,000 pixels can't be in"):
        open_image_set(tmp_path / "b.png")
