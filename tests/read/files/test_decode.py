from pathlib import Path
from typing import NoReturn

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_organelle.errors import ReadError
from napari_organelle.read.files.decode import decode, read_header

RGB8 = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)


@pytest.mark.parametrize(
    "pixels",
    [RGB8[..., 0], RGB8, RGB8.astype(np.uint16) * 300, RGB8[..., 1].astype(np.uint16) * 300],
    ids=["grey8", "rgb8", "rgb16", "grey16"],
)
def test_png_gives_its_header_and_its_pixels(tmp_path: Path, pixels: np.ndarray) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels)))
    assert read_header(path) == (6, 8, 3 if pixels.ndim == 3 else 1, pixels.dtype)
    np.testing.assert_array_equal(decode(path), pixels)


def test_transparency_is_kept_where_it_carries_data(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    flat = np.full_like(RGB8[..., :1], 200)
    for pixels, kept in (
        (np.dstack([RGB8, RGB8[..., :1]]), np.dstack([RGB8, RGB8[..., :1]])),
        (np.dstack([RGB8, flat]), RGB8),
        (RGB8[..., :2], RGB8[..., :2]),
        (np.dstack([RGB8[..., :1], flat]), RGB8[..., 0]),
    ):
        path.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels)))
        assert read_header(path).planes == (kept.shape[2] if kept.ndim == 3 else 1)
        np.testing.assert_array_equal(decode(path), kept)


def test_a_jpeg_that_is_named_png_is_read_as_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(imagecodecs.jpeg8_encode(np.full((16, 24, 3), 90, np.uint8)))
    assert read_header(path) == (16, 24, 3, np.uint8)
    assert abs(int(decode(path).mean()) - 90) <= 1


@pytest.mark.parametrize("axes", ["YX", "CYX", "YXS"])
def test_tiff_planes_come_last(tmp_path: Path, axes: str) -> None:
    path = tmp_path / "x.tif"
    planes = RGB8.astype(np.float32)
    stored = {"YX": planes[..., 0], "CYX": np.moveaxis(planes, -1, 0), "YXS": planes}[axes]
    tifffile.imwrite(
        path, stored, photometric="rgb" if axes == "YXS" else "minisblack", metadata={"axes": axes}
    )
    expected = planes[..., 0] if axes == "YX" else planes
    assert read_header(path) == (6, 8, 1 if axes == "YX" else 3, np.float32)
    np.testing.assert_array_equal(decode(path), expected)


def test_a_stack_is_refused_where_a_picture_is_expected(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, np.zeros((5, 6, 8), np.uint8), metadata={"axes": "ZYX"}, photometric="minisblack")
    for function in (read_header, decode):
        with pytest.raises(ReadError, match=r"x\.tif: expected one picture; this is a stack"):
            function(path)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
def test_a_file_that_is_cut_short_is_an_error_with_its_name(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"cut.{suffix}"
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)
    if suffix == "tif":
        tifffile.imwrite(path, pixels, photometric="rgb")
    else:
        path.write_bytes({"png": imagecodecs.png_encode, "jpg": imagecodecs.jpeg8_encode}[suffix](pixels))
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(ReadError, match=rf"cut\.{suffix}: "):
        decode(path)


def test_other_files_are_named_with_their_first_bytes(tmp_path: Path) -> None:
    path = tmp_path / "note.png"
    path.write_bytes(b"hello world")
    with pytest.raises(ReadError, match=r"note\.png: expected a PNG, JPEG or TIFF; .* b'hello wo'"):
        read_header(path)
    path.write_bytes(b"")
    with pytest.raises(ReadError, match=r"note\.png: the file is empty"):
        decode(path)
    with pytest.raises(ReadError, match=r"gone\.png: there is no such file"):
        decode(tmp_path / "gone.png")


def test_a_file_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, *args: object, **options: object) -> NoReturn:
        raise PermissionError(13, "Permission denied", str(path))

    path = tmp_path / "secret.png"
    path.touch()
    monkeypatch.setattr("napari_organelle.read.files.decode.open", refuse, raising=False)
    with pytest.raises(ReadError, match=r"secret\.png: permission denied; make it readable"):
        decode(path)


def test_a_transparent_colour_makes_no_plane(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    for pixels, colour in ((RGB8[..., 0], 3), (RGB8, (3, 4, 5))):
        Image.fromarray(pixels).save(path, transparency=colour)
        assert read_header(path).planes == (1 if pixels.ndim == 2 else 3)
        np.testing.assert_array_equal(decode(path), pixels)
