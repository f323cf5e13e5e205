"""Cutting raw windows out of an ImageSet; lazy pixels are read once for many windows, a block at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from math import prod

import numpy as np

from napari_organelle.errors import ReadError, RegionError
from napari_organelle.outside import opening
from napari_organelle.prepare.pixels import check_pixels
from napari_organelle.read.image_set import ImageSet

BLOCK_BYTES = 2**26
"""Most that is held of a lazy array at once, unless one of its chunks is larger."""

MAX_FILES = 64
"""Most items whose files are read at once."""

READERS = 4
"""Threads that read files."""

ARRAY_CHUNK = [1, 1024, 1024]
"""Item, y and x of what counts as a chunk of an array in memory."""

PLANNED_ROWS = 2**14
"""Windows whose reading is planned at once."""

LARGEST_WINDOW, MAX_IMAGES = 4096, 4
"""Pixels along a window's side, and times the image's, of which one may be surpassed, not both."""

MAX_WASTE = 4
"""Chunks read for each one that a window needs."""

ItemPixels = tuple[dict[int, np.ndarray | ReadError], tuple[int, int]]
"""(C, y, x) pixels of items, or why they can't be read; and the y and x at which the pixels begin."""


def cut(image_set: ImageSet, windows: np.ndarray, indices: Sequence[int | None]) -> list[np.ndarray]:
    """Raw pixels of windows.

    Parameters
    ----------
    image_set : ImageSet
        Pixels in memory or lazy.
    windows : (R, 5) int64
        Columns item, y, x, height, width, in pixels. Where a window reaches past its item, the item's edge
        pixels are repeated.
    indices : sequence of int or None
        Channel of each of S slots; an empty slot is 0.

    Returns
    -------
    list of (S, height, width) arrays
        In the set's dtype.

    Raises
    ------
    ReadError
        If pixels can't be read, or are bool or complex.
    """
    return raise_errors(iter_windows(image_set, windows, indices))


def raise_errors(pieces: Iterable[np.ndarray | ReadError]) -> list[np.ndarray]:
    """What `iter_windows` gives, as a list; the first error among it is raised."""
    windows = []
    for piece in pieces:
        if isinstance(piece, ReadError):
            raise piece
        windows.append(piece)
    return windows


def iter_windows(
    image_set: ImageSet, windows: np.ndarray, indices: Sequence[int | None]
) -> Iterator[np.ndarray | ReadError]:
    """As `cut`, one window after the other; for a window that can't be read, the error in its place.

    Windows that are neighbours in the list and in the image are read together: keep them in the image's
    order.

    Raises
    ------
    ReadError
        If the pixels are bool or complex.
    RegionError
        As for `require_windows`.
    """
    check_pixels(image_set.data.dtype)
    sizes = image_set.items[["height", "width"]].to_numpy(np.int64)
    require_windows(windows, sizes)
    channels = sorted({index for index in indices if index is not None})
    slots = [(slot, channels.index(index)) for slot, index in enumerate(indices) if index is not None]
    whole = image_set.files is not None and not image_set.files.have_boxes
    read, blocks = (_read_files, _file_blocks) if whole else (_read_box, _box_blocks)
    # some at once, since a plate may have millions of windows, each with a box
    for part in (windows[row : row + PLANNED_ROWS] for row in range(0, len(windows), PLANNED_ROWS)):
        boxes = _boxes(part, sizes)
        for start, stop in blocks(image_set, boxes, len(channels)):
            items, (top, left) = read(image_set, boxes[start:stop], channels)
            for item, y, x, height, width in part[start:stop].tolist():
                pixels = items[item]
                if isinstance(pixels, ReadError):
                    yield pixels
                    continue
                rows, columns = _span(y, height, sizes[item, 0], top), _span(x, width, sizes[item, 1], left)
                window = np.zeros((len(indices), height, width), pixels.dtype)
                for slot, channel in slots:
                    # in two steps: two arrays of indices at once would be paired, not crossed
                    window[slot] = pixels[channel, rows][:, columns]
                yield window


def require_windows(windows: np.ndarray, sizes: np.ndarray) -> None:
    """Refuse windows that can't be cut from images of some (N, 2) sizes.

    Raises
    ------
    RegionError
        If a window is empty, lies outside of its image, or is many times larger than any.
    """
    if windows.ndim != 2 or windows.shape[1] != 5:
        raise RegionError(f"expected windows of 5 numbers each; their shape is {windows.shape}")
    if not len(windows):
        return
    item, corner, extent = windows[:, 0], windows[:, 1:3], windows[:, 3:]
    if item.min() < 0 or item.max() >= len(sizes):
        raise RegionError(f"a window is on item {item.max()}; there are {len(sizes)} items, from 0")
    if extent.min() < 1:
        raise RegionError(f"a window of {extent.min()} pixels is empty")
    if (side := int(extent.max())) > max(LARGEST_WINDOW, MAX_IMAGES * int(sizes.max(initial=0))):
        raise RegionError(
            f"a window of {side:,} pixels is larger than the image ({sizes[0, 0]} x {sizes[0, 1]}); where it "
            "comes from a pixel size, that is likely wrong"
        )
    outside = ((corner + extent <= 0) | (corner >= np.maximum(sizes[item], 1))).any(axis=1)
    if outside.any():
        row = int(outside.argmax())
        raise RegionError(f"the window {windows[row].tolist()} (item, y, x, height, width) is off its image")


def _span(start: int, length: int, limit: int, low: int) -> slice | np.ndarray:
    """Index of `length` pixels from `start` along an axis read from `low`; the edge's past the `limit`."""
    # a slice copies nothing; indices are only needed where edge pixels are repeated
    if start >= 0 and start + length <= limit:
        return slice(start - low, start - low + length)
    return np.clip(np.arange(start, start + length), 0, limit - 1) - low


def _boxes(windows: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """(R, 2, 3) int64: first and past-the-last item, y and x of the pixels, at least one, of each window."""
    item, corner, extent = windows[:, 0], windows[:, 1:3], windows[:, 3:5]
    limit = np.maximum(sizes[item], 1)
    low = np.clip(corner, 0, limit - 1)
    high = np.maximum(np.minimum(corner + extent, limit), low + 1)
    return np.stack([np.column_stack([item, low]), np.column_stack([item + 1, high])], axis=1)


def _file_blocks(image_set: ImageSet, boxes: np.ndarray, channels: int) -> Iterator[tuple[int, int]]:
    """Runs of windows on as many items as `BLOCK_BYTES` and `MAX_FILES` allow."""
    item_bytes = image_set.data.dtype.itemsize * channels * prod(image_set.data.shape[2:])
    items_at_once = min(MAX_FILES, max(1, BLOCK_BYTES // item_bytes))
    start, items = 0, set[int]()
    for row, item in enumerate(boxes[:, 0, 0].tolist()):
        if item not in items and len(items) == items_at_once:
            yield start, row
            start, items = row, set()
        items.add(item)
    if items:
        yield start, len(boxes)


def _read_files(image_set: ImageSet, boxes: np.ndarray, channels: list[int]) -> ItemPixels:
    """Whole items, several files at a time: a share of the items for each thread."""

    def read(item: int) -> np.ndarray | ReadError:
        try:
            return image_set.read(item, channels)
        except ReadError as error:
            return error

    items = np.unique(boxes[:, 0, 0]).tolist()
    shares = [items[first::READERS] for first in range(READERS)]
    with ThreadPoolExecutor(READERS) as pool:
        read_shares = pool.map(lambda share: [(item, read(item)) for item in share], shares)
        return dict(pair for pairs in read_shares for pair in pairs), (0, 0)


def _box_blocks(image_set: ImageSet, boxes: np.ndarray, channels: int) -> Iterator[tuple[int, int]]:
    """Runs of windows on one box of an array.

    A run grows while the box around it, and the chunks of a lazy array that are read whole for it, stay below
    `BLOCK_BYTES`, or it touches a single chunk, and touches at most `MAX_WASTE` chunks for each that its
    windows touch one by one.
    """
    data = image_set.data
    in_memory = isinstance(data, np.ndarray)
    chunk = (
        ARRAY_CHUNK
        if isinstance(data, np.ndarray) or image_set.files is not None
        else [data.chunksize[axis] for axis in (0, 2, 3)]
    )
    pixel_bytes = data.dtype.itemsize * channels
    needs = np.prod((boxes[:, 1] - 1) // chunk - boxes[:, 0] // chunk + 1, axis=1).tolist()
    chunk_bytes = 0 if in_memory else pixel_bytes * prod(chunk)
    start, wanted = 0, 0
    low: list[int] = []
    high: list[int] = []
    for row, ((first, last), needed) in enumerate(zip(boxes.tolist(), needs, strict=True)):
        if row > start:
            new_low, new_high = list(map(min, low, first)), list(map(max, high, last))
            touched = _chunks_touched(new_low, new_high, chunk)
            held = pixel_bytes * prod(stop - begin for begin, stop in zip(new_low, new_high, strict=True))
            held = max(held, touched * chunk_bytes)
            # one chunk is read whole anyway, so that more windows in it cost nothing; but a box around
            # windows that lie far apart would be read mostly for nothing
            if touched == 1 or (held <= BLOCK_BYTES and touched <= MAX_WASTE * (wanted + needed)):
                low, high, wanted = new_low, new_high, wanted + needed
                continue
            yield start, row
        start, low, high, wanted = row, first, last, needed
    if len(boxes):
        yield start, len(boxes)


def _chunks_touched(low: list[int], high: list[int], chunk: list[int]) -> int:
    return prod(
        (stop - 1) // size - begin // size + 1 for begin, stop, size in zip(low, high, chunk, strict=True)
    )


def _read_box(image_set: ImageSet, boxes: np.ndarray, channels: list[int]) -> ItemPixels:
    """The box around `boxes`; item by item where it can't be read at once."""
    first, top, left = boxes[:, 0].min(axis=0).tolist()
    last, bottom, right = boxes[:, 1].max(axis=0).tolist()
    items: dict[int, np.ndarray | ReadError] = {}
    try:
        # whatever a library raises on a broken chunk becomes a ReadError, which is caught below
        with opening(str(image_set.items["item"].iloc[first])):
            block = _box(image_set, range(first, last), channels, (slice(top, bottom), slice(left, right)))
            return dict(zip(range(first, last), block, strict=True)), (top, left)
    except ReadError as error:
        if last - first == 1:
            return {first: error}, (top, left)
    # one broken item must not take the others of its block along
    for item in range(first, last):
        box = np.array([[[item, top, left], [item + 1, bottom, right]]])
        items |= _read_box(image_set, box, channels)[0]
    return items, (top, left)


def _box(
    image_set: ImageSet, items: range, channels: list[int], box: tuple[slice, slice]
) -> Sequence[np.ndarray] | np.ndarray:
    """(C, y, x) pixels of a box in each of some items."""
    if image_set.files is not None:
        return [image_set.files.read_box(item, box, channels) for item in items]
    block = image_set.data[items.start : items.stop, channels, box[0], box[1]]
    return block if isinstance(block, np.ndarray) else block.compute(scheduler="threads", pool=_readers())


@cache
def _readers() -> ThreadPoolExecutor:
    """Threads for dask, which else starts and keeps a pool for every thread that it is called from."""
    return ThreadPoolExecutor(READERS, "read")


def unfit_items(image_set: ImageSet, indices: Sequence[int | None]) -> dict[int, str]:
    """Items that can't be used, and why: no file for a channel of `indices`, or a problem in the table."""
    used = {image_set.channel_names[index] for index in indices if index is not None}
    columns = (image_set.items[name].astype(str) for name in ("missing", "problem"))
    unfit = {}
    for item, (missing, problem) in enumerate(zip(*columns, strict=True)):
        lacking = sorted(used & set(missing.split(", "))) if missing else []
        if problem or lacking:
            unfit[item] = problem or f"no {' and no '.join(lacking)} channel"
    return unfit
