"""Regions: the windows of an image that are classified, one answer each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_organelle.errors import RegionError

if TYPE_CHECKING:
    from napari_organelle.read.image_set import ImageSet
    from napari_organelle.read.labels.outlines import Outline

Layout = Literal["whole", "grid", "labels", "points"]

LAYOUTS: dict[str, Layout] = {"image": "whole", "slices": "whole", "tiles": "grid", "objects": "labels"}
"""How answers are drawn over the image; kinds that are not named here are drawn as points."""

ROWS_AT_A_TIME = 1024
CROPPED = 1.25
"""Times the window's side from which an object's diameter leaves too much of it outside."""

LARGEST_LABEL = 2**63 - 1
MAX_NAMED = 5


@dataclass(frozen=True)
class Regions:
    """Windows of an ImageSet, one for each answer.

    Parameters
    ----------
    kind : str
        Of the plan that made them: ``"image"``, ``"slices"``, ``"tiles"``, ``"objects"`` or ``"points"``.
    windows : (R, 5) int64
        Columns item, y, x, height, width, in pixels; y and x may be negative and a window may reach past the
        image: what lies outside is filled when pixels are cut.
    ids : (R,) int64
        For objects the label in the Labels image, for points the point's row, for tiles 1 + the tile's
        position in the flattened (items, rows, columns) grid, otherwise 1..R.
    grid : (rows, columns), optional
        For tiles: how many there are along y and x in the largest item.
    stride : int, optional
        For tiles: pixels from one tile to the next.
    notes : tuple of str
        Why items have no regions that could not be read.
    names : mapping of (item, id) to str, optional
        What objects are called where their outlines came from; not given where they have no names.
    diameter : float, optional
        Of objects: the median diameter in pixels, of a circle of the same area.
    """

    kind: str
    windows: np.ndarray
    ids: np.ndarray
    grid: tuple[int, int] | None = None
    stride: int | None = None
    notes: tuple[str, ...] = ()
    names: Mapping[tuple[int, int], str] | None = None
    diameter: float | None = None

    def __len__(self) -> int:
        return len(self.windows)

    def first(self, count: int) -> Regions:
        """The first `count` of them."""
        return replace(self, windows=self.windows[:count], ids=self.ids[:count])

    @property
    def doubt(self) -> str:
        """A sentence where windows are too small to hold the objects; ``""`` where fine, or not known."""
        window = int(np.median(self.windows[:, 3])) if len(self) else 0
        if self.diameter is None or self.diameter <= CROPPED * window:
            return ""
        return (
            f"the objects are about {self.diameter:.0f} px wide, and windows of {window} px hold a part of "
            "each: give the image's pixel size, or a larger window"
        )

    @property
    def layout(self) -> Layout:
        """How answers are drawn: over whole images, as a grid, in the objects' labels, or as points alone."""
        return LAYOUTS.get(self.kind, "points")

    def centres(self) -> np.ndarray:
        """Middle of each window as a (R, 3) float array of item, y, x; pixel centres are at whole numbers."""
        middle = self.windows[:, :3].astype(float)
        middle[:, 1:] += (self.windows[:, 3:] - 1) / 2
        return middle


def item_sizes(images: ImageSet) -> np.ndarray:
    """Height and width of every item in pixels, without padding: (N, 2) int64."""
    return images.items[["height", "width"]].to_numpy(np.int64)


def pixels_from_um(length_um: float, pixel_size_um: float | None) -> int:
    """A length in micrometres as a whole number of pixels, at least 1.

    Raises
    ------
    RegionError
        Where the image's pixel size is not known.
    """
    if not pixel_size_um:
        raise RegionError(
            f"a size of {length_um:g} µm needs the pixel size, and the image has none. "
            "Give the size in pixels, or set the layer's scale and units."
        )
    return max(1, round(length_um / pixel_size_um))


def image_regions(images: ImageSet) -> Regions:
    """Every item of a set as one window of its own size (kind ``"image"``)."""
    return whole_regions("image", images)


def slice_regions(images: ImageSet, items: Sequence[int] | None = None) -> Regions:
    """Some items of a set, or all, as one window each (kind ``"slices"``).

    Parameters
    ----------
    images : ImageSet
        N items.
    items : sequence of int, optional
        Which of them; all where not given.
    """
    return whole_regions("slices", images, items)


def whole_regions(kind: str, images: ImageSet, items: Sequence[int] | None = None) -> Regions:
    """As `slice_regions`, with the kind named.

    Raises
    ------
    RegionError
        If there are no items.
    """
    rows = np.arange(len(images)) if items is None else np.asarray(items, np.int64)
    if not len(rows):
        raise RegionError("expected at least one image to classify; the set is empty")
    sizes = item_sizes(images)[rows]
    windows = np.column_stack([rows, np.zeros_like(sizes), sizes]).astype(np.int64)
    return Regions(kind, windows, np.arange(1, len(windows) + 1))


def tile_regions(
    sizes: Any, tile: int, stride: int | None = None, start: int = 0, stop: int | None = None
) -> Regions:
    """A grid of square tiles over every item.

    Tiles start at every multiple of ``stride``; the last row and column are moved inwards to end at the
    border, so that the whole image is covered and every answer rests on real pixels alone.

    Parameters
    ----------
    sizes : (height, width) or (N, 2) array of int
        Size of the image, or of each item, in pixels.
    tile : int
        Side of a tile in pixels.
    stride : int, optional
        Pixels from one tile to the next: smaller than ``tile`` they overlap, larger they leave gaps.
        ``tile`` where not given.
    start, stop : int
        Which of the tiles, in the order of all; all where not given. Their ids are those that they have
        among all.

    Returns
    -------
    Regions
        Row by row, item by item; items smaller than the largest have only the tiles that they need.

    Raises
    ------
    RegionError
        If the tile or the stride is no positive whole number, or an item is smaller than a tile.
    """
    tile = whole_pixels(tile, "the side of a tile")
    stride = tile if stride is None else whole_pixels(stride, "the stride of tiles")
    sizes = np.atleast_2d(np.asarray(sizes, np.int64))
    counts = tile_counts(sizes, tile, stride)
    rows, columns = (int(n) for n in counts.max(axis=0))
    ends = np.cumsum(counts.prod(axis=1))
    position = np.arange(start, ends[-1] if stop is None else min(stop, int(ends[-1])))
    item = np.searchsorted(ends, position, side="right")
    row, column = np.divmod(position - (ends - counts.prod(axis=1))[item], counts[item, 1])
    # the last row and column are moved inwards: an answer on padding would be one on made-up pixels
    y, x = np.minimum(np.stack([row, column]) * stride, sizes[item].T - tile)
    side = np.full_like(item, tile)
    windows = np.column_stack([item, y, x, side, side])
    return Regions("tiles", windows, (item * rows + row) * columns + column + 1, (rows, columns), stride)


def whole_pixels(side: Any, what: str = "the side of a window") -> int:
    """A side as a whole number of pixels.

    Raises
    ------
    RegionError
        If it is none.
    """
    try:
        number = float(side)
    except (TypeError, ValueError):
        number = math.nan
    if not number.is_integer():
        raise RegionError(f"expected {what} in whole pixels, not {side!r}")
    return int(number)


def tile_counts(sizes: np.ndarray, tile: int, stride: int) -> np.ndarray:
    """How many tiles there are along y and x of each item: (N, 2) int64.

    Raises
    ------
    RegionError
        As for `tile_regions`.
    """
    tile, stride = whole_pixels(tile, "the side of a tile"), whole_pixels(stride, "the stride of tiles")
    if tile < 1 or stride < 1:
        raise RegionError(f"expected a tile and a stride of at least 1 px; got {tile} and {stride}")
    _require_room(sizes, tile)
    return np.asarray(-(-(sizes - tile) // stride) + 1)


def _require_room(sizes: np.ndarray, tile: int) -> None:
    if len(sizes) == 0:
        raise RegionError("expected at least one image to cut tiles from; the set is empty")
    smallest = int(sizes.min())
    if tile > smallest:
        height, width = sizes[sizes.min(axis=1).argmin()]
        raise RegionError(
            f"tiles of {tile} px do not fit an image of {height} x {width} px. "
            f"Choose tiles of at most {smallest} px, or classify the whole image."
        )


def object_regions(labels: Any, window: int, shape: tuple[int, ...] | None = None) -> Regions:
    """A square window around the centroid of every object of a label image.

    Parameters
    ----------
    labels : (Y, X) or (N, Y, X) integer array, numpy or dask
        0 is background. In a stack each item's objects are regions of their own, whether or not a label
        comes back in another item.
    window : int
        Side of the windows in pixels.
    shape : tuple of int, optional
        Shape (Y, X) or (N, Y, X) that the labels must have to fit the image; (Y, X) and (1, Y, X) are one.

    Returns
    -------
    Regions
        Ordered by item and label.

    Raises
    ------
    RegionError
        If the labels are not integers, have another shape than the image, or hold no object.
    """
    require_labels(labels, shape)
    window = whole_pixels(window)
    stack = labels[None] if labels.ndim == 2 else labels
    parts = [_object_windows(plane, item, window) for item, plane in enumerate(stack)]
    table = np.concatenate(parts)
    if not len(table):
        raise RegionError("the labels hold no object: every pixel is 0. Draw or find cells first.")
    return Regions("objects", table[:, :5], table[:, 5], diameter=_diameter(table[:, 6]))


def outline_regions(outlines: Sequence[Outline], window: int, shape: tuple[int, int]) -> Regions:
    """A square window around the centroid of every outline, also of those that overlap.

    Parameters
    ----------
    outlines : sequence of Outline
        Of one image.
    window : int
        Side of the windows in pixels.
    shape : (int, int)
        Of the image.

    Returns
    -------
    Regions
        Of item 0, in the order of the outlines; a note names those that hold no pixel of the image.

    Raises
    ------
    RegionError
        If none holds a pixel of the image.
    """
    window = whole_pixels(window)
    held = [(outline, outline.pixels(shape)) for outline in outlines]
    inside = [(outline, pixels) for outline, pixels in held if len(pixels[0])]
    if not inside:
        raise RegionError(
            f"none of the {len(outlines)} outlines holds a pixel of the image of {shape[0]} x {shape[1]} px. "
            "Are they in micrometres, or of another image?"
        )
    centres = np.array([[axis.mean() for axis in pixels] for _, pixels in inside])
    ids = np.array([outline.number for outline, _ in inside], np.int64)
    y, x = _window_start(centres, window).T
    side = np.full_like(ids, window)
    lost = [outline.name or str(outline.number) for outline, pixels in held if not len(pixels[0])]
    notes = (
        (f"{len(lost)} outlines hold no pixel of the image: {', '.join(lost[:MAX_NAMED])}",) if lost else ()
    )
    windows = np.column_stack([np.zeros_like(ids), y, x, side, side])
    areas = np.array([len(pixels[0]) for _, pixels in inside])
    return Regions("objects", windows, ids, notes=notes, diameter=_diameter(areas))


def _diameter(areas: np.ndarray) -> float:
    """The median diameter of circles of these areas."""
    return float(2 * np.sqrt(np.median(areas) / np.pi))


def require_labels(labels: Any, shape: tuple[int, ...] | None = None) -> None:
    """Refuse a label image that is not made of integers, or has another shape than the image.

    Raises
    ------
    RegionError
        Which says so.
    """
    if np.dtype(labels.dtype).kind not in "iu":
        raise RegionError(
            f"expected whole-number labels, one number an object; got {labels.dtype}. "
            "Label the mask's connected parts first, or use 'find cells'."
        )
    if shape is not None and (1, *labels.shape)[-3:] != (1, *shape)[-3:]:
        raise RegionError(
            f"the labels have shape {labels.shape}, the image {tuple(shape)}. "
            "Pick labels that were made from this image."
        )


def require_size(plane: Any, *sizes: tuple[int, ...]) -> None:
    """Refuse a label image of one item that has none of some sizes (height, width).

    Raises
    ------
    RegionError
        Which says so.
    """
    if tuple(plane.shape) not in sizes:
        raise RegionError(
            f"the labels have {plane.shape[0]} x {plane.shape[1]} pixels, the image {sizes[0][0]} x "
            f"{sizes[0][1]}. Pick labels that were made from this image."
        )


def _object_windows(plane: Any, item: int, window: int) -> np.ndarray:
    """Rows item, y, x, height, width, label, area of the objects of one (Y, X) plane, read in strips."""
    ids, counts, sums = [], [], []
    for start in range(0, plane.shape[0], ROWS_AT_A_TIME):
        strip = np.asarray(plane[start : start + ROWS_AT_A_TIME])
        y, x = np.nonzero(strip > 0)
        strip_ids, inverse = np.unique(strip[y, x], return_inverse=True)
        if len(strip_ids) and int(strip_ids[-1]) > LARGEST_LABEL:
            raise RegionError(
                f"expected labels below 2**63; there is {strip_ids[-1]}. Number the objects from 1 on."
            )
        # an object may go on in the next strip: sums are joined below, and divided only then
        ids.append(strip_ids.astype(np.int64))
        counts.append(np.bincount(inverse, minlength=len(strip_ids)))
        sums.append([np.bincount(inverse, axis, len(strip_ids)) for axis in (y + start, x)])
    labels, inverse = np.unique(np.concatenate(ids), return_inverse=True)
    total = np.bincount(inverse, np.concatenate(counts), len(labels))
    summed = np.concatenate(sums, axis=1)
    centroids = [np.bincount(inverse, axis, len(labels)) / np.maximum(total, 1) for axis in summed]
    y, x = (_window_start(centre, window) for centre in centroids)
    side = np.full_like(labels, window)
    return np.column_stack([np.full_like(labels, item), y, x, side, side, labels, total.astype(np.int64)])


def point_regions(points: np.ndarray, window: int, sizes: Any) -> Regions:
    """A square window around every point.

    Parameters
    ----------
    points : (R, 2) or (R, 3) float array
        y, x or item, y, x in pixels; pixel centres are at whole numbers.
    window : int
        Side of the windows in pixels.
    sizes : (height, width) or (N, 2) array of int
        Size of the image, or of each item, in pixels.

    Raises
    ------
    RegionError
        If there is no point, or points lie outside the image.
    """
    points, window = np.asarray(points, float), whole_pixels(window)
    if not len(points):
        raise RegionError("expected points to classify around; the layer has none. Add points first.")
    if points.shape[1] == 2:
        points = np.column_stack([np.zeros(len(points)), points])
    sizes = np.atleast_2d(np.asarray(sizes, np.int64))
    item = np.round(points[:, 0]).astype(np.int64)
    known = (item >= 0) & (item < len(sizes))
    limits = sizes[np.where(known, item, 0)]
    # a pixel reaches half a pixel to each side of its centre
    within = (points[:, 1:] >= -0.5) & (points[:, 1:] < limits - 0.5)
    outside = np.flatnonzero(~(known & within.all(axis=1)))
    if len(outside):
        named = ", ".join(map(str, outside[:MAX_NAMED])) + (", …" if len(outside) > MAX_NAMED else "")
        raise RegionError(
            f"{len(outside)} of {len(points)} points lie outside the image of "
            f"{limits[outside[0]][0]} x {limits[outside[0]][1]} px: rows {named}. Move or delete them."
        )
    y, x = (_window_start(points[:, axis], window) for axis in (1, 2))
    side = np.full_like(item, window)
    return Regions("points", np.column_stack([item, y, x, side, side]), np.arange(len(points)))


def _window_start(centre: np.ndarray, window: int) -> np.ndarray:
    """First pixel of a window of this side whose middle is nearest to the centre."""
    return np.floor(centre - (window - 1) / 2 + 0.5).astype(np.int64)
