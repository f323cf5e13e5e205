"""Pixels and headers of PNG, JPEG and TIFF files, told apart by their first bytes and not by their names."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import imagecodecs
import numpy as np
import tifffile
from PIL import Image

from napari_organelle.errors import ReadError

SUFFIXES = (".png", ".tif", ".tiff", ".jpg", ".jpeg")
"""File names that may hold one picture."""

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff"
JPEG_END = b"\xff\xd9"
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

PNG_PLANES = {0: 1, 2: 3, 3: 3, 4: 1, 6: 3}
"""Planes by a PNG's colour type, without transparency; a palette becomes RGB."""

DTYPES = {depth: np.dtype(np.uint16 if depth == 16 else np.uint8) for depth in (1, 2, 4, 8, 16)}
"""Type of the decoded pixels by a PNG's bits."""


class Header(NamedTuple):
    """What a file says of its pixels; `planes` is 1 for grey, 3 for RGB, and a TIFF's number of channels."""

    height: int
    width: int
    planes: int
    dtype: np.dtype


def read_header(path: str | Path) -> Header:
    """Size and type of a picture, without decoding it.

    Raises
    ------
    ReadError
        If the file can't be opened, is no PNG, JPEG or TIFF, is damaged, or is a stack.
    """
    with _named(path), open(path, "rb", buffering=0) as file:  # noqa: PTH123 - half the time of Path.open
        start = file.read(33)
        if start.startswith(PNG):
            if len(start) < 26:
                raise ReadError("the file is cut short")
            width, height, depth, colour = struct.unpack(">16xIIBB", start[:26])
            return Header(height, width, PNG_PLANES[colour], DTYPES[depth])
        file.seek(0)
        if start.startswith(JPEG):
            with Image.open(file) as picture:
                return Header(picture.height, picture.width, len(picture.getbands()), np.dtype(np.uint8))
        if start.startswith(TIFF):
            with tifffile.TiffFile(file) as tiff:
                return _tiff_header(tiff)
        raise ReadError(_not_a_picture(start))


def decode(path: str | Path) -> np.ndarray:
    """Pixels of a picture.

    Returns
    -------
    (Y, X) or (Y, X, planes) array
        Raw values in the file's dtype; transparency is dropped.

    Raises
    ------
    ReadError
        If the file can't be opened, is no PNG, JPEG or TIFF, is damaged or cut short, or is a stack.
    """
    with _named(path):
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - half the time of Path.open
            data = file.read()
        if data.startswith(PNG):
            pixels = imagecodecs.png_decode(data)
        elif data.startswith(JPEG):
            if JPEG_END not in data[-1024:]:
                raise ReadError("the file is cut short: a JPEG's end marker is missing")
            pixels = imagecodecs.jpeg8_decode(data)
        elif data.startswith(TIFF):
            with tifffile.TiffFile(BytesIO(data)) as tiff:
                header = _tiff_header(tiff)
                pixels = tiff.series[0].asarray().reshape(-1, header.height, header.width)
                if "S" not in tiff.series[0].axes[-1:]:
                    return np.moveaxis(pixels, 0, -1) if header.planes > 1 else pixels[0]
                return pixels.reshape(header.height, header.width, header.planes)
        else:
            raise ReadError(_not_a_picture(data[:33]))
    planes = pixels.shape[2] if pixels.ndim == 3 else 1
    if planes in (2, 4):
        pixels = pixels[..., : planes - 1]
    return pixels[..., 0] if planes == 2 else pixels


def _tiff_header(tiff: tifffile.TiffFile) -> Header:
    series = tiff.series[0]
    sizes = dict(zip(series.axes, series.shape, strict=True))
    height, width = sizes.pop("Y"), sizes.pop("X")
    planes = int(np.prod(list(sizes.values()), dtype=int))
    if (
        any(axis in sizes and sizes[axis] > 1 for axis in "TZ")
        or len([n for n in sizes.values() if n > 1]) > 1
    ):
        raise ReadError(f"expected one picture; this is a stack with axes {series.axes} of {series.shape}")
    return Header(height, width, planes, np.dtype(series.dtype))


def _not_a_picture(start: bytes) -> str:
    if not start:
        return "the file is empty"
    return f"expected a PNG, JPEG or TIFF; the file begins with {start[:8]!r}"


@contextmanager
def _named(path: str | Path) -> Iterator[None]:
    """Turn whatever a decoder raises into a ReadError with the file's name."""
    try:
        yield
    except FileNotFoundError:
        raise ReadError(f"{path}: there is no such file") from None
    except PermissionError:
        raise ReadError(f"{path}: permission denied; make the file readable for you") from None
    except ReadError as error:
        raise ReadError(f"{path}: {error}") from error
    except (OSError, RuntimeError, ValueError, KeyError, IndexError, struct.error) as error:
        raise ReadError(f"{path}: the file is damaged or cut short ({error})") from error
