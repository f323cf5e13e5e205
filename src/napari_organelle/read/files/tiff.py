"""TIFF: one routine from a file's own axes to (items, channels, y, x), whichever way it is opened."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_organelle.errors import ReadError
from napari_organelle.outside import MAX_PLANES, require_memory
from napari_organelle.read.channel import Channel
from napari_organelle.read.files.evidence import lut_word, numbered_channels
from napari_organelle.read.files.tiff_metadata import TiffMetadata, tiff_metadata
from napari_organelle.read.files.tiff_open import named_files, open_tiff, stays_inside

RGB = (Channel("red", "red"), Channel("green", "green"), Channel("blue", "blue"))
ALPHA = Channel("alpha")
GRAY = Channel("gray")

UNNAMED = "TZRHVW"
"""Names for axes without one; all are items."""

MAX_CHANNELS = 4
"""Pages without a named axis that are taken for channels; more are taken for images."""

LARGE = 4096**2
"""Pixels of a plane beyond which it is read in blocks."""

MAX_PACKED = 2**20
"""Bytes of pixels for a byte of a file at most, counting tiles that are left out because they are empty."""

LARGEST_TILE, MAX_PADDED = 2**24, 16
"""Pixels of a tile, and times the image's, of which one may be surpassed, not both: tiles are padded."""

PHOTOMETRIC = tifffile.PHOTOMETRIC
NO_PICTURE = {
    PHOTOMETRIC.SEPARATED: "a CMYK picture is made for printing; save it as RGB or gray",
    PHOTOMETRIC.CIELAB: "its colours are CIE L*a*b*; save it as RGB or gray",
    PHOTOMETRIC.ICCLAB: "its colours are CIE L*a*b*; save it as RGB or gray",
    PHOTOMETRIC.ITULAB: "its colours are CIE L*a*b*; save it as RGB or gray",
}
"""What pixels can mean that a network can't use."""


@dataclass(frozen=True)
class TiffImage:
    """The images of a TIFF that are alike, without their pixels; pickles to its path.

    Parameters
    ----------
    path : str
        The file.
    series : tuple of int
        Which of tifffile's series; their items follow one another.
    axes : str
        Axes of each: C and S are channels, Y and X space, all others items.
    shape : tuple of int
        Of each, in the order of `axes`.
    dtype : dtype
        Of the pixels that `read` gives.
    channels : tuple of Channel
        What they show.
    pixel_size_um : float or None
        Micrometres per pixel.
    notes : tuple of str
        What was passed over, or is wrong in the metadata.
    meaning : str
        ``"inverted"`` where 0 is white, ``"palette"`` where pixels are numbers of colours, else ``""``.
    chunk : (int, int)
        Rows and columns that are read at once.
    files : tuple of str
        Names of all files that the images are in, where there are several.
    companion : str
        Path of the companion file that describes them, where the TIFF does not name it.
    bits : int
        Of a sample.
    """

    path: str
    series: tuple[int, ...]
    axes: str
    shape: tuple[int, ...]
    dtype: np.dtype
    channels: tuple[Channel, ...] = ()
    pixel_size_um: float | None = None
    notes: tuple[str, ...] = ()
    meaning: str = ""
    chunk: tuple[int, int] = (0, 0)
    files: tuple[str, ...] = ()
    companion: str = ""
    bits: int = field(default=0, repr=False)

    @property
    def height(self) -> int:
        return self.shape[self.axes.index("Y")]

    @property
    def width(self) -> int:
        return self.shape[self.axes.index("X")]

    @property
    def planes(self) -> int:
        """Planes of one item in the file, one a channel or more: constant transparency is no channel."""
        return int(
            np.prod([n for n, axis in zip(self.shape, self.axes, strict=True) if axis in "CS"], dtype=int)
        )

    @property
    def items(self) -> int:
        """Of all series."""
        one = [n for n, axis in zip(self.shape, self.axes, strict=True) if axis not in "CSYX"]
        return len(self.series) * int(np.prod(one, dtype=int))

    def read(self, tiff: tifffile.TiffFile) -> np.ndarray:
        """All pixels, from the open file.

        Returns
        -------
        (N, C, Y, X) array
        """
        require_memory(len(self.series) * prod(self.shape) * self.dtype.itemsize, "the image")
        parts = [
            arrange(self._mean(tiff.series[number].asarray(), tiff, number), self.axes)
            for number in self.series
        ]
        return np.concatenate(parts)[:, : len(self.channels)]

    def read_part(self, number: int, index: tuple[Any, ...]) -> np.ndarray:
        """A part of one series, in the order of `axes`, without reading the rest."""
        import zarr

        raw_index = index[:-1] if self.meaning == "palette" else index
        with open_tiff(self.path, self.companion) as (tiff, _):
            series = tiff.series[number]
            # some bytes of the file are then the pixels: nothing else has to be read or decoded
            if _is_mapped(series):
                raw = np.array(series.asarray(out="memmap")[raw_index])
            else:
                with series.aszarr(level=0) as store:
                    raw = np.asarray(zarr.open_array(store, mode="r")[raw_index])
            pixels = self._mean(raw, tiff, number)
        return pixels[..., index[-1]] if self.meaning == "palette" else pixels

    def read_box(self, box: tuple[slice, slice]) -> np.ndarray:
        """Some rows and columns of the only item, without reading the rest of a large image.

        Returns
        -------
        (C, height, width) array
        """
        sides = {"Y": box[0], "X": box[1]}
        index = tuple(sides.get(axis, slice(None)) for axis in self.axes)
        return arrange(self.read_part(self.series[0], index), self.axes)[0, : len(self.channels)]

    @property
    def _white(self) -> int:
        """What 0 becomes where it is white."""
        bits = self.dtype.itemsize * 8
        return 2**self.bits - 1 if self.bits < bits else int(np.iinfo(self.dtype).max)

    def undo_meaning(self, pixels: Any) -> Any:
        """Numbers as the file stores them, of an array as `read` gives it; palettes stay colours."""
        return self._white - pixels if self.meaning == "inverted" else pixels

    def _mean(self, pixels: np.ndarray, tiff: tifffile.TiffFile, number: int) -> np.ndarray:
        """Pixels as they are meant to look: more is brighter."""
        if self.meaning == "inverted":
            return (self._white - pixels.astype(self.dtype)).astype(self.dtype)
        if self.meaning == "palette":
            table = np.asarray(tiff.series[number].keyframe.colormap)
            # a palette has 16 bits a colour
            return (table.T[pixels] >> 8).astype(np.uint8)
        return pixels.astype(self.dtype, copy=False)


def arrange(pixels: Any, axes: str) -> Any:
    """A numpy or dask array with some axes as (N, C, Y, X): C and S make the channels, others the items.

    Raises
    ------
    ReadError
        If Y or X is missing.
    """
    require_plane(axes)
    channels = [position for position, axis in enumerate(axes) if axis in "CS"]
    items = [position for position, axis in enumerate(axes) if axis not in "CSYX"]
    moved = pixels.transpose([*items, *channels, axes.index("Y"), axes.index("X")])
    count = int(np.prod([pixels.shape[position] for position in channels], dtype=int))
    number = int(np.prod([pixels.shape[position] for position in items], dtype=int))
    return moved.reshape(number, count, *moved.shape[-2:])


def require_plane(axes: str) -> None:
    """Raise ReadError for axes without Y and X."""
    if axes.count("Y") != 1 or axes.count("X") != 1:
        raise ReadError(f"expected an image with the axes Y and X; it has {axes or 'none'}")


def lay_out(path: str | Path, companion: str | Path = "") -> TiffImage:
    """As `lay_out_open`, for a file that is not open, and the companion file that describes it."""
    with open_tiff(path, companion) as (tiff, xml):
        return replace(lay_out_open(Path(path), tiff, xml), companion=str(companion))


def lay_out_open(path: Path, tiff: tifffile.TiffFile, xml: str | None) -> TiffImage:
    """What a TIFF holds, without its pixels.

    Of several images in one file (OME's positions, say) those that are alike are taken together; the others
    are named in `notes`, and so is what else is passed over.

    Raises
    ------
    ReadError
        If it has no image that can be used.
    """
    series = list(tiff.series)
    if not series:
        raise ReadError("the TIFF has no image")
    metadatas = tiff_metadata(tiff, xml)
    alike, left_out = _most_alike(series, metadatas)
    first, metadata = series[alike[0]], metadatas[alike[0]]
    image = _one(str(path), first)
    others, files = _named_files(path, xml)
    if first.kind == "ome" and not others:
        others = _planes_astray(tiff, one_file=not files)
    image = replace(
        image,
        series=alike,
        files=files,
        pixel_size_um=metadata.pixel_size_um,
        channels=_channels(image, first, metadata),
        notes=tuple(dict.fromkeys((*image.notes, *left_out, *others, *metadata.notes))),
    )
    return _without_flat_alpha(image, tiff)


def _most_alike(
    series: list[tifffile.TiffPageSeries], metadatas: list[TiffMetadata]
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """The largest group of images that are alike, if need be of the largest images; a sentence on others.

    Alike are images of one shape, whose metadata say the same of channels and pixels: were their channels in
    another order, the second image's would be taken for the first one's.
    """
    # a reduced image is a thumbnail or a level of another one
    full = [number for number, one in enumerate(series) if not one.keyframe.is_reduced]
    keys = {
        number: (one.axes, one.shape, str(one.dtype), one.keyframe.photometric,
                 said.names, said.evidence, said.pixel_size_um)
        for number, (one, said) in enumerate(zip(series, metadatas, strict=True))
        if number in full or not full
    }  # fmt: skip
    counts = Counter(keys.values())
    usual = max(counts, key=lambda key: (counts[key], prod(key[1])))
    alike = tuple(number for number, key in keys.items() if key == usual)
    unlike = [
        f"{number} ({' x '.join(map(str, key[1]))}{''.join(f', {name}' for name in key[4] if name)})"
        for number, key in keys.items()
        if key != usual
    ]
    if not unlike:
        return alike, ()
    return alike, (
        f"{len(unlike)} of the {len(keys)} images in the file are unlike the others and left out: "
        f"number {', '.join(unlike[:4])}; save them as files of their own to use them",
    )


def _one(path: str, series: tifffile.TiffPageSeries) -> TiffImage:
    """Axes, meaning and size of one series."""
    page = series.keyframe
    if sentence := NO_PICTURE.get(page.photometric):
        raise ReadError(sentence)
    axes, shape, notes = str(series.axes), tuple(int(n) for n in series.shape), tuple[str, ...]()
    require_plane(axes)
    if 0 in shape:
        raise ReadError(f"the image is empty: its shape is {shape}")
    if re.fullmatch("[QI]+YXS?", axes):
        axes, note = guess_axes(axes, shape)
        notes = (note,)
    dtype, meaning = np.dtype(series.dtype), ""
    if page.photometric == PHOTOMETRIC.MINISWHITE and dtype.kind not in "ub":
        notes += (f"it says that 0 is white; in {dtype} pixels more is taken for brighter all the same",)
    elif page.photometric == PHOTOMETRIC.MINISWHITE:
        dtype, meaning = (np.dtype(np.uint8) if dtype.kind == "b" else dtype), "inverted"
    elif (
        page.photometric == PHOTOMETRIC.PALETTE and page.colormap is not None and not _is_ramp(page.colormap)
    ):
        axes, shape, dtype, meaning = axes + "S", (*shape, 3), np.dtype(np.uint8), "palette"
    elif dtype.kind == "b":
        dtype = np.dtype(np.uint8)
    if dtype.kind not in "uif":
        raise ReadError(f"expected integer or float pixels; it has {dtype}")
    chunk = _chunk(series, shape[axes.index("Y")], shape[axes.index("X")])
    _require_plausible(page, axes, shape, dtype)
    bits = int(page.bitspersample)
    return TiffImage(path, (), axes, shape, dtype, notes=notes, meaning=meaning, chunk=chunk, bits=bits)


def guess_axes(axes: str, shape: tuple[int, ...]) -> tuple[str, str]:
    """Axes in place of those that have no name, all before Y; and a sentence that tells the guess.

    The last of them are channels where they are few and there are none yet, all others images of their own.
    """
    unnamed = axes.index("Y")
    are_channels = shape[unnamed - 1] <= MAX_CHANNELS and "S" not in axes
    items = UNNAMED[: unnamed - are_channels]
    what = "images of their own"
    if are_channels:
        what = f"images of {shape[unnamed - 1]} channels" if items else "channels"
    pages = " x ".join(map(str, shape[:unnamed]))
    return (
        items + "C" * are_channels + axes[unnamed:],
        f"its {pages} pages have no named axis and are taken for {what}",
    )


def _require_plausible(
    page: tifffile.TiffPage | tifffile.TiffFrame, axes: str, shape: tuple[int, ...], dtype: np.dtype
) -> None:
    """Refuse sizes that the file can't hold, and pieces that memory can't."""
    planes = prod(length for length, axis in zip(shape, axes, strict=True) if axis not in "YX")
    if planes > MAX_PLANES:
        raise ReadError(f"the file says {planes:,} planes, more than an image can have")
    size, needed = page.parent.filehandle.size, prod(shape) * dtype.itemsize
    if needed > MAX_PACKED * size:
        raise ReadError(f"the file is damaged: an image of {shape} can't be in {size:,} bytes")
    rows, columns = _segment(page)
    if rows * columns > max(LARGEST_TILE, MAX_PADDED * page.imagelength * page.imagewidth):
        raise ReadError(f"the file is damaged: it says tiles of {rows:,} x {columns:,} pixels")
    require_memory(
        rows * columns * page.samplesperpixel * dtype.itemsize, f"a tile or strip of {rows:,} x {columns:,}"
    )


def _is_ramp(colormap: np.ndarray) -> bool:
    """Whether each colour of a palette only rises: the numbers are then intensities."""
    return bool((np.diff(np.asarray(colormap, np.int64), axis=1) >= 0).all())


def _chunk(series: tifffile.TiffPageSeries, height: int, width: int) -> tuple[int, int]:
    """Rows and columns of what is read at once: a plane, or some tiles or strips of a large one."""
    if height * width <= LARGE:
        return height, width
    if _is_mapped(series):
        return min(height, 1024), min(width, 1024)
    rows, columns = _segment(series.keyframe)
    rows, columns = min(max(rows, 1), height), min(max(columns, 1), width)
    tall = 1 if rows > 1024 else 1024 // rows
    wide = 1 if columns > 1024 else 1024 // columns
    return min(height, rows * tall), min(width, columns * wide)


def _segment(page: tifffile.TiffPage | tifffile.TiffFrame) -> tuple[int, int]:
    """Rows and columns of a tile or strip, which are decoded at once."""
    if page.is_tiled:
        return int(page.tilelength), int(page.tilewidth)
    return min(int(page.rowsperstrip), int(page.imagelength)), int(page.imagewidth)


def _is_mapped(series: tifffile.TiffPageSeries) -> bool:
    """Whether all pixels lie in the file one after the other as they are, so that any part can be read."""
    return series.dataoffset is not None and series.keyframe.is_memmappable


def _channels(
    image: TiffImage, series: tifffile.TiffPageSeries, metadata: TiffMetadata
) -> tuple[Channel, ...]:
    page, count = series.keyframe, image.planes
    coloured = image.meaning == "palette" or page.photometric in (PHOTOMETRIC.RGB, PHOTOMETRIC.YCBCR)
    samples = dict(zip(image.axes, image.shape, strict=True)).get("S", 1)
    if coloured and samples >= 3 and count == samples:
        more = [
            ALPHA if extra in (1, 2) else Channel(f"channel {n}")
            for n, extra in enumerate(page.extrasamples, 3)
        ]
        spare = [Channel(f"channel {n}") for n in range(3 + len(more), count)]
        return (*RGB, *more, *spare)[:count]
    if samples == count == 2 and page.extrasamples in ((1,), (2,)):
        return GRAY, ALPHA
    evidence = metadata.evidence
    if page.photometric == PHOTOMETRIC.PALETTE and page.colormap is not None and not evidence:
        evidence = (lut_word(np.asarray(page.colormap)),) * count
    if count == 1 and not any(metadata.names) and not any(evidence):
        return (GRAY,)
    return numbered_channels(count, metadata.names, evidence)


def _without_flat_alpha(image: TiffImage, tiff: tifffile.TiffFile) -> TiffImage:
    """Leave transparency out that is the same everywhere; it is no data."""
    # not worth reading a large image for
    if image.channels[-1] != ALPHA or image.items > 1 or image.height * image.width > LARGE:
        return image
    alpha = image.read(tiff)[0, -1]
    if alpha.min() == alpha.max():
        return replace(image, channels=image.channels[:-1])
    note = "its transparency is not the same everywhere: it is kept as the channel alpha"
    return replace(image, notes=(*image.notes, note))


def _planes_astray(tiff: tifffile.TiffFile, *, one_file: bool) -> tuple[str, ...]:
    """Sentences on planes that OME metadata name and the file lacks, and on those that they leave out."""
    pages = [page for series in tiff.series for page in series]
    blank, notes = pages.count(None), []
    if blank:
        notes.append(f"its metadata speak of {len(pages)} planes; {blank} are not there and blank")
    known = {page.index for page in pages if page is not None}
    if one_file and (more := len(tiff.pages) - len(known)) > 0:
        notes.append(
            f"it has {len(tiff.pages)} planes, {more} of which its metadata leave out; they are not read"
        )
    return tuple(notes)


def _named_files(place: Path, xml: str | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """A sentence on other files that could not be read, and the names of all files of the image."""
    if xml and "BinaryOnly" in xml:
        return ("its metadata are in another file, which is not there; channels and size are unknown",), ()
    names = named_files(xml) if xml else []
    others = [name for name in names if name != place.name]
    if not others:
        return (), ()
    if not stays_inside(place, xml or ""):
        return (f"its metadata name files outside of its folder ({others[0][:60]!r}); they are not read",), ()
    lost = [name for name in others if not place.with_name(name).is_file()]
    note = (
        (f"{len(lost)} of its {len(names)} files are not there and blank; first: {lost[0]}",) if lost else ()
    )
    return note, tuple(names)
