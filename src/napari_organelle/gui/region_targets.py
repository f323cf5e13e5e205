"""The regions of a result, as what is labelled by hand: the same labels, in the same file, as the canvas."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Literal

import numpy as np
import pandas as pd
from napari.layers import Image, Labels, Layer

from napari_organelle.gui.classify.results import Result
from napari_organelle.gui.targets import CLASS, SAME_POINT_PX

DIGITS = 4
"""Of positions in the file, in pixels."""


class RegionTargets:
    """The regions of a result; a key is a region's row.

    Parameters
    ----------
    result : Result
        Whose regions. What is given is kept in its ``corrected``.
    layer : Labels, Points or Image
        The objects or points that were classified; the image, where neither was.
    on_change : callable
        Called when the regions' classes, or which of them are selected, are to be shown.
    """

    def __init__(self, result: Result, layer: Layer, on_change: Callable[[], None]) -> None:
        self.result = result
        self.layer = layer
        self.kind: Literal["object", "point"] = "object" if result.objects is not None else "point"
        self._on_change = on_change
        self._chosen: list[int] = []
        self._sorted = np.lexsort((result.prediction.regions.ids, result.prediction.regions.windows[:, 0]))

    def keys(self) -> list[int]:
        return list(range(len(self.result.prediction.regions)))

    def number(self, key: int) -> int:
        """The object's number or the point's row in the layer; of other windows the region's id."""
        return int(self.result.prediction.regions.ids[key])

    def classes(self) -> dict[int, str]:
        """The class of every region that was given one."""
        return dict(self.result.corrected)

    def set_classes(self, classes: Mapping[int, str]) -> None:
        """Give classes, also to the objects or points of the layer that were classified."""
        for row, name in classes.items():
            if name:
                self.result.corrected[row] = name
            else:
                self.result.corrected.pop(row, None)
        self._tell_layer(classes)

    def selected(self) -> list[int]:
        return list(self._chosen)

    def select(self, key: int) -> None:
        self.choose([key])

    def choose(self, rows: Iterable[int]) -> None:
        """Select several."""
        self._chosen = list(rows)

    def position(self, key: int) -> tuple[float, ...]:
        """A pixel of the object, or the middle of the window, in the layer's own axes."""
        item, y, x = self.result.prediction.regions.centres()[key].tolist()
        if self.result.objects is not None:
            y, x = self._inside(key)
        world = self.result.placement.world(int(item), y, x)
        return tuple(
            round(float(each), DIGITS) for each in self.layer.world_to_data(world)[-self.layer.ndim :]
        )

    def find(self, position: tuple[float, ...]) -> int | None:
        """The region that lies at a position now: the object there, or the window with its middle there."""
        if len(position) != self.layer.ndim:
            return None
        world = np.asarray(self.layer.data_to_world(position), float)
        count = len(self.result.placement.shape)
        found = self.result.placement.pixel([*np.zeros(max(0, count - len(world))), *world][-count:])
        if found is None:
            return None
        return self._object_at(*found) if self.result.objects is not None else self._window_at(*found)

    def add(self, positions: Iterable[tuple[float, ...]]) -> None:
        """A region can't be made up from its position: nothing is added."""

    def show(self, colours: Mapping[str, str]) -> None:
        self._on_change()

    def _inside(self, row: int) -> tuple[float, float]:
        """The pixel of an object that is nearest to the middle of its window."""
        regions = self.result.prediction.regions
        item, top, left, height, width = regions.windows[row].tolist()
        plane, (y0, x0) = self.result.objects[item], (max(0, top), max(0, left))
        within = np.asarray(plane[y0 : top + height, x0 : left + width]) == regions.ids[row]
        if not within.any():
            y0, x0, within = 0, 0, np.asarray(plane) == regions.ids[row]
        ys, xs = np.nonzero(within)
        middle = regions.centres()[row, 1:]
        nearest = ((ys + y0 - middle[0]) ** 2 + (xs + x0 - middle[1]) ** 2).argmin()
        return float(ys[nearest] + y0), float(xs[nearest] + x0)

    def _object_at(self, item: int, y: float, x: float) -> int | None:
        regions, at = self.result.prediction.regions, (item, round(y), round(x))
        inside = all(0 <= i < n for i, n in zip(at, self.result.objects.shape, strict=True))
        label = int(self.result.objects[at]) if inside else 0
        if not label:
            return None
        items = regions.windows[self._sorted, 0]
        start, stop = np.searchsorted(items, [item, item + 1])
        place = start + np.searchsorted(regions.ids[self._sorted[start:stop]], label)
        row = int(self._sorted[place]) if place < stop else -1
        return row if row >= 0 and regions.ids[row] == label else None

    def _window_at(self, item: int, y: float, x: float) -> int | None:
        regions = self.result.prediction.regions
        items = regions.windows[self._sorted, 0]
        start, stop = np.searchsorted(items, [item, item + 1])
        rows = self._sorted[start:stop]
        if not len(rows):
            return None
        distance = np.abs(regions.centres()[rows, 1:] - (y, x)).max(axis=1)
        near = int(distance.argmin())
        return int(rows[near]) if distance[near] <= SAME_POINT_PX + 10**-DIGITS else None

    def _tell_layer(self, classes: Mapping[int, str]) -> None:
        """Write the classes into the features of the objects or points, where Train looks for them."""
        if isinstance(self.layer, Image) or not classes:
            return
        ids = self.result.prediction.regions.ids
        given = {int(ids[row]): name for row, name in classes.items()}
        features = self.layer.features
        if CLASS not in features:
            features = features.assign(**{CLASS: ""})
        if isinstance(self.layer, Labels):
            if "index" not in features:
                features = features.assign(index=np.arange(len(features)))
            new = sorted(set(given) - set(features["index"]))
            features = pd.concat([features, pd.DataFrame({"index": new, CLASS: ""})], ignore_index=True)
        keys = features["index"] if isinstance(self.layer, Labels) else features.index.to_series()
        named = keys.map(given)
        self.layer.features = features.assign(
            **{CLASS: named.where(named.notna(), features[CLASS]).fillna("")}
        )
