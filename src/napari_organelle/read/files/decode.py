"""Pixels and headers of PNG, JPEG and TIFF files, told apart by their first bytes and not by their names."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, NamedTuple

import imagecodecs
import numpy as np
from PIL.JpegImagePlugin import JpegImageFile

from napari_organelle.errors import ReadError
from napari_organelle.outside import opening, require_file, require_memory
from napari_organelle.read.files.tiff import TiffImage, lay_out, lay_out_open
from napari_organelle.read.files.tiff_open import STARTS, open_tiff

COMPARED = 16
"""Pictures whose colours are compared before all are taken for gray."""

TIFF_SUFFIXES = (".tif", ".tiff", ".lsm", ".stk", ".btf", ".tf2", ".tf8", ".flex")
"""File names of TIFFs."""

SUFFIXES = (".png", ".jpg", ".jpeg", *TIFF_SUFFIXES)
"""File names that may hold a picture."""

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff"
JPEG_END = b"\xff\xd9"

PNG_PLANES = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}
"""Planes by a PNG's colour type; a palette becomes RGB."""

DTYPES = {depth: np.dtype(np.uint16 if depth == 16 else np.uint8) for depth in (1, 2, 4, 8, 16)}
"""Type of the decoded pixels by a PNG's bits."""

MAX_PACKED = 2000
"""Bytes of pixels that a byte of a PNG or JPEG can hold at most, with room to spare."""

OTHERS = {
    b"ZISRAWFI": "a Zeiss CZI",
    b"\xda\xce\xbe\n": "a Nikon ND2",
    b"p\0\0\0": "a Leica LIF",
    b"\x89HDF": "an HDF5 file",
    b"\xd0\xcf\x11\xe0": "an Olympus OIB or Zeiss ZVI",
    b"\0\0\0\x0cjP  ": "a JPEG 2000",
    b"\0\0\0\x0cJXL ": "a JPEG XL",
    b"\xff\x0a": "a JPEG XL",
    b"RIFF": "a WebP or AVI",
    b"P5": "a PGM",
    b"P6": "a PPM",
    b"8BPS": "a Photoshop file",
    b"%PDF": "a PDF",
    b"NRRD": "an NRRD",
    b"SIMPLE": "a FITS",
    b"BM": "a BMP",
    b"GIF8": "a GIF",
    b"\x1f\x8b": "packed by gzip",
    b"PK\3\4": "a zip or an Excel workbook",
}
"""What else microscopes and programs write, by its first bytes."""

ADVICE = {
    **dict.fromkeys(
        (
            "a BMP",
            "a GIF",
            "a JPEG 2000",
            "a JPEG XL",
            "a WebP or AVI",
            "a PGM",
            "a PPM",
            "a Photoshop file",
            "a PDF",
        ),
        "save it as PNG or TIFF",
    ),
    "packed by gzip": "unpack the .gz first",
    "a zip or an Excel workbook": "unpack a zip first, and save a sheet as CSV",
}
"""Next steps; for all others OME-TIFF."""


class Header(NamedTuple):
    """What a file says of its pixels; `planes` is 1 for gray, 3 for RGB, and a TIFF's number of channels."""

    height: int
    width: int
    planes: int
    dtype: np.dtype


def read_header(path: str | Path) -> Header:
    """Size and type of a picture, without decoding it, but for its transparency.

    Raises
    ------
    ReadError
        If the file can't be opened, is no PNG, JPEG or TIFF, is damaged, or is a stack.
    """
    with opening(path):
        require_file(Path(path))
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - half the time of Path.open
            start = file.read(33)
            if start.startswith(PNG):
                return _png_header(start, path)
            file.seek(0)
            if start.startswith(JPEG):
                return _jpeg_header(file, Path(path).stat().st_size)
        if start.startswith(STARTS):
            return _one_picture(lay_out(path))
        raise ReadError(_not_a_picture(start))


def is_stack(path: Path) -> bool:
    """Whether a file is a TIFF of several pictures; False where it can't be read."""
    try:
        with path.open("rb") as file:
            return file.read(4) in STARTS and lay_out(path).items > 1
    except Exception:  # noqa: BLE001 - what is wrong with it is told when it is opened
        return False


def decode(path: str | Path) -> np.ndarray:
    """Pixels of a picture.

    Returns
    -------
    (Y, X) or (Y, X, planes) array
        Raw values; transparency that is the same everywhere is left out.

    Raises
    ------
    ReadError
        If the file can't be opened, is no PNG, JPEG or TIFF, is damaged or cut short, or is a stack.
    """
    with opening(path):
        require_file(Path(path))
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - half the time of Path.open
            start = file.read(33)
            if start.startswith(STARTS):
                return _decode_tiff(path)
            data = start + file.read()
        if data.startswith(PNG):
            planes = _png_size(data, len(data)).planes
            return _without_flat_alpha(_own_planes(imagecodecs.png_decode(data), planes))
        if data.startswith(JPEG):
            _jpeg_header(BytesIO(data), len(data))
            if JPEG_END not in data[-1024:]:
                raise ReadError("the file is cut short: a JPEG's end marker is missing")
            return np.asarray(imagecodecs.jpeg8_decode(data))
        raise ReadError(_not_a_picture(data[:33]))


def decode_box(path: str | Path, box: tuple[slice, slice]) -> np.ndarray:
    """Some rows and columns of a picture in a TIFF, without reading the rest.

    Returns
    -------
    (Y, X) or (Y, X, planes) array
        As of `decode`.

    Raises
    ------
    ReadError
        As of `decode`.
    """
    with opening(path):
        image = lay_out(path)
        _one_picture(image)
        pixels = image.read_box(box)
    return pixels[0] if len(pixels) == 1 else np.moveaxis(pixels, 0, -1)


def _decode_tiff(path: str | Path) -> np.ndarray:
    with open_tiff(path) as (tiff, xml):
        image = lay_out_open(Path(path), tiff, xml)
        _one_picture(image)
        pixels = image.read(tiff)[0]
    return pixels[0] if len(pixels) == 1 else np.moveaxis(pixels, 0, -1)


def _one_picture(image: TiffImage) -> Header:
    if image.items > 1:
        raise ReadError(
            f"expected one picture; this is a stack with axes {image.axes} of {image.shape}: open it alone"
        )
    return Header(image.height, image.width, len(image.channels), image.dtype)


def _png_header(start: bytes, path: str | Path) -> Header:
    header = _png_size(start, Path(path).stat().st_size)
    if header.planes not in (2, 4):
        return header
    pixels = decode(path)
    return header._replace(planes=1 if pixels.ndim == 2 else pixels.shape[2])


def _png_size(start: bytes, size: int) -> Header:
    if len(start) < 26:
        raise ReadError("the file is cut short")
    width, height, depth, colour = struct.unpack(">16xIIBB", start[:26])
    header = Header(height, width, PNG_PLANES[colour], DTYPES[depth])
    return _plausible(header, size)


def _jpeg_header(file: BinaryIO, size: int) -> Header:
    with JpegImageFile(file) as picture:  # not Image.open, which refuses large pictures
        if picture.mode == "CMYK":
            raise ReadError("a CMYK picture is made for printing; save it as RGB or gray")
        header = Header(picture.height, picture.width, len(picture.getbands()), np.dtype(np.uint8))
    return _plausible(header, size)


def _plausible(header: Header, size: int) -> Header:
    """Refuse a size that a file of so many bytes can't hold, before memory is taken for it."""
    needed = header.height * header.width * header.planes * header.dtype.itemsize
    if not needed:
        raise ReadError(f"the image is empty: it has {header.height} x {header.width} pixels")
    if needed > size * MAX_PACKED + 2**20:
        raise ReadError(
            f"the file is damaged: {header.height:,} x {header.width:,} pixels can't be in {size:,} bytes"
        )
    require_memory(needed, f"a picture of {header.height:,} x {header.width:,} pixels")
    return header


def are_gray(paths: Sequence[str | Path]) -> bool:
    """Whether red, green and blue are the same in some of the pictures, as where gray was saved as RGB.

    Pictures that can't be read say nothing of the others; one without any light is not gray.
    """
    answers = [_has_equal_planes(path) for path in paths[:: -(-len(paths) // COMPARED)]]
    return True in answers and False not in answers


def _has_equal_planes(path: str | Path) -> bool | None:
    try:
        pixels = decode(path)
    except ReadError:
        return None
    return pixels.ndim == 2 or bool(pixels.any() and (pixels[..., :3] == pixels[..., :1]).all())


def _own_planes(pixels: np.ndarray, planes: int) -> np.ndarray:
    """A PNG's pixels without the plane that libpng makes of a transparent colour (tRNS)."""
    if pixels.ndim == 2:
        return pixels
    return pixels[..., 0] if planes == 1 else pixels[..., :planes]


def _without_flat_alpha(pixels: np.ndarray) -> np.ndarray:
    """Leave transparency out that is the same everywhere; it is no data."""
    planes = pixels.shape[2] if pixels.ndim == 3 else 1
    if planes not in (2, 4) or pixels[..., -1].min() != pixels[..., -1].max():
        return pixels
    return pixels[..., 0] if planes == 2 else pixels[..., :3]


def foreign(path: Path) -> str:
    """What a file of another format is, by its first bytes, and what to do; ``""`` where nobody knows."""
    with opening(path):
        require_file(path)
        with path.open("rb") as file:
            start = file.read(16)
    known = any(start.startswith(magic) for magic in OTHERS)
    return _not_a_picture(start) if known or not start else ""


def _not_a_picture(start: bytes) -> str:
    if not start:
        return "the file is empty"
    other = next((name for magic, name in OTHERS.items() if start.startswith(magic)), "")
    if not other:
        return f"expected a PNG, JPEG or TIFF; the file begins with {start[:8]!r}"
    advice = ADVICE.get(other, "save it as OME-TIFF or OME-Zarr (Fiji, bioformats2raw)")
    return f"expected a PNG, JPEG or TIFF; this is {other}: {advice}"
