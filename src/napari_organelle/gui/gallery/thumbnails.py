"""Thumbnails of regions, as the network sees them: cut in a thread when they are looked at, kept while there
is room."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Lock

import numpy as np
from qtpy.QtCore import QObject, Signal
from qtpy.QtGui import QImage

from napari_organelle.errors import OrganelleError, ReadError
from napari_organelle.gui.classify.results import Result
from napari_organelle.prepare.cut import iter_windows
from napari_organelle.prepare.pixels import COLOURS, network_input

LARGEST_PX = 96
CACHE_BYTES = 2**26
BATCH = 16
MAX_WAITING = 512
"""More than are on any screen: what was asked for longer ago has been scrolled past."""


class Thumbnails(QObject):
    """Thumbnails of a result's regions.

    Parameters
    ----------
    result : Result
        Whose regions.

    Signals
    -------
    ready : list of int
        Rows whose thumbnails have come.
    """

    ready = Signal(object)
    _cut = Signal(object)

    def __init__(self, result: Result) -> None:
        super().__init__()
        plan = result.bundle.spec.pixels
        self._result = result
        mixing = plan.mixing if plan.channel_count == COLOURS else ()
        self._plan = replace(plan, input_size=min(plan.input_size, LARGEST_PX), mixing=mixing)
        self._capacity = max(BATCH, CACHE_BYTES // (3 * self._plan.input_size**2))
        self._kept: OrderedDict[int, QImage] = OrderedDict()
        self._wanted: OrderedDict[int, None] = OrderedDict()
        self._lock = Lock()
        self._is_busy = self._is_closed = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="thumbnails")
        self._cut.connect(self._keep)

    @property
    def side(self) -> int:
        """Of a thumbnail, in pixels."""
        return self._plan.input_size

    def get(self, row: int) -> QImage | None:
        """A region's thumbnail; None while it is being cut, and an empty one where it can't be read."""
        if row in self._kept:
            self._kept.move_to_end(row)
            return self._kept[row]
        with self._lock:
            self._wanted[row] = None
            self._wanted.move_to_end(row)
            while len(self._wanted) > MAX_WAITING:
                self._wanted.popitem(last=False)
            start = not self._is_busy and not self._is_closed
            self._is_busy = True
        if start:
            self._thread.submit(self._work)
        return None

    def __len__(self) -> int:
        return len(self._kept)

    def close(self) -> None:
        """Cut no more."""
        with self._lock:
            self._is_closed = True
            self._wanted.clear()
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _work(self) -> None:
        """In the thread: the latest ones first, until none is wanted."""
        while rows := self._take():
            for pair in self._images(rows):
                if self._is_closed:
                    return
                self._cut.emit(pair)

    def _take(self) -> list[int]:
        with self._lock:
            rows = [self._wanted.popitem()[0] for _ in range(min(BATCH, len(self._wanted)))]
            self._is_busy = bool(rows)
        return sorted(rows)

    def _images(self, rows: list[int]) -> Iterator[tuple[int, QImage]]:
        windows = self._result.prediction.regions.windows[rows]
        try:
            pieces = iter_windows(self._result.images, windows, self._result.request.channel_map.indices)
            for row, piece in zip(rows, pieces, strict=True):
                yield row, QImage() if isinstance(piece, ReadError) else self._image(piece)
        except OrganelleError:
            for row in rows:
                yield row, QImage()

    def _image(self, piece: np.ndarray) -> QImage:
        pixels = np.nan_to_num(network_input([piece], self._plan)[0])
        return as_image(pixels)

    def _keep(self, pair: tuple[int, QImage]) -> None:
        row, image = pair
        self._kept[row] = image
        while len(self._kept) > self._capacity:
            self._kept.popitem(last=False)
        self.ready.emit([row])


def as_image(pixels: np.ndarray) -> QImage:
    """(Y, X, 3) float in [0, 1] as an image that owns its pixels."""
    bytes_ = np.ascontiguousarray(np.round(255 * np.clip(pixels, 0, 1)).astype(np.uint8))
    height, width = bytes_.shape[:2]
    return QImage(bytes_.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()
