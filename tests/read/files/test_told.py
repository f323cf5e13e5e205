"""What metadata and pixels disagree about is told, and nothing is bound or dropped in silence."""

from __future__ import annotations

from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
import zarr
from plates import put_image

from napari_organelle.errors import ReadError
from napari_organelle.read.open import open_image_set

PLANES = np.random.default_rng(0).integers(1, 255, (6, 32, 40), np.uint8)


def ome(*images: tuple[str, str, int, float]) -> str:
    """OME-XML of images: the names of two channels, sections, and the pixel size."""
    described = "".join(
        f'<Image ID="Image:{n}"><Pixels ID="Pixels:{n}" DimensionOrder="XYCZT" Type="uint8" '
        f'SizeX="40" SizeY="32" SizeC="2" SizeZ="{sections}" SizeT="1" PhysicalSizeX="{size}" '
        f'PhysicalSizeY="{size}">'
        f'<Channel ID="Channel:{n}:0" Name="{first}" SamplesPerPixel="1"/>'
        f'<Channel ID="Channel:{n}:1" Name="{second}" SamplesPerPixel="1"/>'
        f'<TiffData IFD="{2 * n}" PlaneCount="{2 * sections}"/></Pixels></Image>'
        for n, (first, second, sections, size) in enumerate(images)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        f"{described}</OME>"
    )


def write_ome(path: Path, planes: np.ndarray, xml: str) -> Path:
    tifffile.imwrite(path, planes, photometric="minisblack", description=xml, metadata=None)
    return path


@pytest.mark.parametrize(
    ("second", "told"),
    [(("DAPI", "GFP", 1, 0.1), "DAPI, GFP"), (("GFP", "DAPI", 1, 0.2), "2 x 32 x 40")],
)
def test_positions_that_differ_in_channels_or_pixels_are_not_one_set(
    tmp_path: Path, second: tuple[str, str, int, float], told: str
) -> None:
    xml = ome(("GFP", "DAPI", 1, 0.1), second, ("GFP", "DAPI", 1, 0.1))
    images = open_image_set(write_ome(tmp_path / "positions.ome.tif", PLANES, xml))
    assert images.channel_names == ("GFP", "DAPI")
    np.testing.assert_array_equal(images.read(1), PLANES[4:6])
    assert len(images) == 2
    assert "1 of the 3 images in the file are unlike the others" in images.problems[0]
    assert told in images.problems[0]


def test_planes_that_ome_metadata_leave_out_or_make_up_are_told(tmp_path: Path) -> None:
    fewer = open_image_set(write_ome(tmp_path / "a.ome.tif", PLANES, ome(("GFP", "DAPI", 2, 0.1))))
    assert fewer.problems == (
        "a.ome.tif: it has 6 planes, 2 of which its metadata leave out; they are not read",
    )
    more = open_image_set(write_ome(tmp_path / "b.ome.tif", PLANES, ome(("GFP", "DAPI", 5, 0.1))))
    assert more.problems == ("b.ome.tif: its metadata speak of 10 planes; 4 are not there and blank",)
    right = open_image_set(write_ome(tmp_path / "c.ome.tif", PLANES, ome(("GFP", "DAPI", 3, 0.1))))
    assert right.problems == ()


@pytest.mark.parametrize("ending", ["tif", "png"])
def test_gray_saved_as_rgb_is_one_channel(tmp_path: Path, ending: str) -> None:
    def write(name: str, pixels: np.ndarray) -> Path:
        path = tmp_path / f"{name}.{ending}"
        path.parent.mkdir(exist_ok=True)
        if ending == "png":
            path.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels)))
        else:
            tifffile.imwrite(path, pixels, photometric="rgb")
        return path

    gray, coloured = np.dstack([PLANES[0]] * 3), np.moveaxis(PLANES[:3], 0, -1)
    images = open_image_set(write("gray", gray))
    assert images.channel_names == ("gray",)
    np.testing.assert_array_equal(images.read(0), PLANES[:1])
    assert "gray saved as RGB" in images.problems[0]
    assert open_image_set(write("coloured", coloured)).channel_names == ("red", "green", "blue")
    for name in ("many/1", "many/2"):
        write(name, gray)
    many = open_image_set(tmp_path / "many")
    assert many.channel_names == ("gray",)
    np.testing.assert_array_equal(many.read(1), PLANES[:1])


def test_pages_without_axes_follow_a_rule_that_is_told(tmp_path: Path) -> None:
    stack = PLANES.reshape(3, 2, 32, 40)
    tifffile.imwrite(tmp_path / "x.tif", stack, photometric="minisblack", metadata={"axes": "QQYX"})
    images = open_image_set(tmp_path / "x.tif")
    assert images.data.shape == (3, 2, 32, 40)
    np.testing.assert_array_equal(images.read(2), stack[2])
    assert images.problems == (
        "x.tif: its 3 x 2 pages have no named axis and are taken for images of 2 channels",
    )
    many = np.stack([PLANES] * 5, axis=1)
    tifffile.imwrite(tmp_path / "y.tif", many, photometric="minisblack", metadata={"axes": "QQYX"})
    assert open_image_set(tmp_path / "y.tif").data.shape == (30, 1, 32, 40)


def test_transparency_of_a_gray_tiff_is_no_channel_unless_it_carries_data(tmp_path: Path) -> None:
    def channels(alpha: np.ndarray) -> tuple[str, ...]:
        pixels = np.dstack([PLANES[0], alpha])
        tifffile.imwrite(tmp_path / "x.tif", pixels, photometric="minisblack", extrasamples=["unassalpha"])
        return open_image_set(tmp_path / "x.tif").channel_names

    assert channels(np.full_like(PLANES[0], 255)) == ("gray",)
    assert channels(PLANES[1]) == ("gray", "alpha")
    assert "kept as the channel alpha" in open_image_set(tmp_path / "x.tif").problems[0]


def test_a_thumbnail_before_the_image_is_not_the_image(tmp_path: Path) -> None:
    for subfile in (1, 0):
        with tifffile.TiffWriter(tmp_path / "x.tif") as file:
            file.write(PLANES[0, ::4, ::4], subfiletype=subfile, metadata=None)
            file.write(PLANES[0], metadata=None)
        np.testing.assert_array_equal(open_image_set(tmp_path / "x.tif").read(0), PLANES[:1])


def test_white_zero_of_floats_is_told(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "x.tif", PLANES[0].astype(np.float32), photometric="miniswhite")
    images = open_image_set(tmp_path / "x.tif")
    np.testing.assert_array_equal(images.read(0), PLANES[:1])
    assert "more is taken for brighter" in images.problems[0]


@pytest.mark.parametrize(
    ("shape", "expected", "told"),
    [
        ((32, 40, 3), (1, 3, 32, 40), "taken for colours"),
        ((5, 32, 40, 3), (5, 3, 32, 40), "images of their own"),
        ((2, 32, 40), (1, 2, 32, 40), "taken for channels"),
        ((7, 32, 40), (7, 1, 32, 40), "images of their own"),
        ((7, 2, 32, 40), (7, 2, 32, 40), "images of 2 channels"),
    ],
)
def test_a_zarr_without_axes_follows_the_same_rule(
    tmp_path: Path, shape: tuple[int, ...], expected: tuple[int, ...], told: str
) -> None:
    pixels = np.random.default_rng(0).integers(1, 255, shape, np.uint8)
    zarr.save(tmp_path / "x.zarr", pixels)
    images = open_image_set(tmp_path / "x.zarr")
    assert images.data.shape == expected
    assert told in images.problems[0]
    if shape[-1] == 3:
        assert images.channel_names == ("red", "green", "blue")


def test_a_zarr_whose_sides_nobody_can_tell_is_refused(tmp_path: Path) -> None:
    zarr.save(tmp_path / "x.zarr", np.zeros((64, 80, 5), np.uint8))
    with pytest.raises(ReadError, match=r"\(64, 80, 5\) does not say which are the sides"):
        open_image_set(tmp_path / "x.zarr")


def test_a_pixel_size_that_is_said_badly_for_one_axis_is_unknown(tmp_path: Path) -> None:
    xml = ome(("GFP", "DAPI", 3, 0.1)).replace('PhysicalSizeY="0.1"', 'PhysicalSizeY="NaN"')
    images = open_image_set(write_ome(tmp_path / "x.ome.tif", PLANES, xml))
    assert images.pixel_size_um is None
    assert "pixel size of 'NaN'" in images.problems[0]


def test_pixels_that_are_not_square_are_told_of_in_imagej_files(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, PLANES[0], imagej=True, resolution=(10, 5), metadata={"unit": "um"})
    images = open_image_set(path)
    assert images.pixel_size_um is None
    assert "not square (0.1 x 0.2 um)" in images.problems[0]


def test_tiffs_with_an_ending_that_says_nothing_open_in_a_folder(tmp_path: Path) -> None:
    for name in ("a.dat", "b"):
        tifffile.imwrite(tmp_path / "x.tif", PLANES[0])
        (tmp_path / "x.tif").rename(tmp_path / name)
    (tmp_path / "c.dat").write_bytes(b"no picture")
    images = open_image_set(tmp_path)
    assert images.items["item"].tolist() == ["a.dat", "b"]
    assert "c.dat" in images.problems[0]


def in_two_files() -> str:
    """OME-XML of an image whose channels are in ``p0.tif`` and ``p1.tif``."""
    files = "".join(
        f'<TiffData FirstC="{n}" IFD="0" PlaneCount="1">'
        f'<UUID FileName="p{n}.tif">urn:uuid:{n}</UUID></TiffData>'
        for n in (0, 1)
    )
    return ome(("TRITC", "FITC", 1, 0.1)).replace('<TiffData IFD="0" PlaneCount="2"/>', files)


def companion(folder: Path, **options: None) -> Path:
    """TIFFs of one plane each that only a companion describes."""
    for number in (0, 1):
        tifffile.imwrite(folder / f"p{number}.tif", PLANES[number], **options)
    path = folder / "x.companion.ome"
    path.write_text(in_two_files(), encoding="utf-8")
    return path


@pytest.mark.parametrize("options", [{}, {"metadata": None}], ids=["described", "plain"])
@pytest.mark.parametrize("whole_folder", [False, True])
def test_a_companion_describes_tiffs_that_do_not_name_it(
    tmp_path: Path, options: dict[str, None], whole_folder: bool
) -> None:
    path = companion(tmp_path, **options)
    images = open_image_set(tmp_path if whole_folder else path)
    assert images.channel_names == ("TRITC", "FITC")
    assert images.pixel_size_um == pytest.approx(0.1)
    assert len(images) == 1
    np.testing.assert_array_equal(images.read(0), PLANES[:2])


def test_metadata_that_are_cut_short_are_told(tmp_path: Path) -> None:
    images = open_image_set(write_ome(tmp_path / "a.tif", PLANES[:2], ome(("GFP", "DAPI", 1, 0.1))[:-40]))
    assert any("its metadata can't be read" in problem for problem in images.problems)


def test_files_of_one_image_are_one_item_of_a_list_and_a_stack_is_no_problem(tmp_path: Path) -> None:
    for number in (0, 1):
        write_ome(tmp_path / f"p{number}.tif", PLANES[number], in_two_files())
    images = open_image_set([tmp_path / "p0.tif", tmp_path / "p1.tif"])
    assert len(images) == 1
    np.testing.assert_array_equal(images.read(0), PLANES[:2])
    stack = tmp_path / "stack"
    stack.mkdir()
    tifffile.imwrite(stack / "s.tif", PLANES, imagej=True, metadata={"axes": "TYX"})
    assert open_image_set(stack).problems == ()


def test_labels_in_an_ome_zarr_are_named_and_groups_of_arrays_explained(tmp_path: Path) -> None:
    image = tmp_path / "a.zarr"
    put_image(image, "0.5", PLANES[None, :2], "tcyx")
    (image / "labels" / "cells").mkdir(parents=True)
    assert f"--labels {image / 'labels' / 'cells'}" in open_image_set(image).problems[0]
    group = zarr.open_group(tmp_path / "g.zarr", mode="w")
    for name in ("gfp", "rfp"):
        group.create_array(name, shape=(8, 8), dtype="u1")
    with pytest.raises(ReadError, match=r"2 arrays, gfp, rfp.*open one by itself, such as"):
        open_image_set(tmp_path / "g.zarr")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\0\0\0\x0cjP  \r\n\x87\n", "this is a JPEG 2000: save it as PNG or TIFF"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "this is a WebP or AVI: save it as PNG or TIFF"),
        (b"P6\n2 2\n255\n", "this is a PPM: save it as PNG or TIFF"),
    ],
)
def test_pictures_of_other_formats_are_named(content: bytes, told: str, tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(content)
    with pytest.raises(ReadError, match=told):
        open_image_set(tmp_path / "a.bin")


def test_a_table_of_something_else_is_told_where_it_belongs(tmp_path: Path) -> None:
    (tmp_path / "regionprops.csv").write_text("id,label,area\n1,12,300\n")
    with pytest.raises(ReadError, match=r"a table with the columns id, label, area.*--labels.*--points"):
        open_image_set(tmp_path / "regionprops.csv")
