"""What is labelled by hand: objects of a Labels layer or points of a Points layer, behind one set of calls.

Classes are kept in the layer's own ``features["class"]``, ``""`` where there is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, Protocol

import numpy as np
import pandas as pd
from napari.layers import Labels, Layer, Points
from napari.utils.colormaps import DirectLabelColormap

from napari_organelle.errors import RegionError
from napari_organelle.gui.inputs import full_data
from napari_organelle.prepare.regions import object_regions

CLASS = "class"
UNLABELLED = (0.6, 0.6, 0.6, 0.5)
SELECTED = (1.0, 1.0, 1.0, 1.0)
CONTOUR_PX = 2
LARGEST_CONTOURED = 2**24
SAME_POINT_PX = 0.5
ORDER_SEED = 1
LARGEST_OBJECT_PX = 512


class Targets(Protocol):
    """What an Annotator asks of what it labels; a key tells one of them from the others."""

    @property
    def kind(self) -> Literal["object", "point"]: ...

    @property
    def layer(self) -> Layer: ...

    def keys(self) -> list[int]: ...

    def number(self, key: int) -> int: ...

    def classes(self) -> dict[int, str]: ...

    def set_classes(self, classes: Mapping[int, str]) -> None: ...

    def selected(self) -> list[int]: ...

    def select(self, key: int) -> None: ...

    def position(self, key: int) -> tuple[float, ...]: ...

    def find(self, position: tuple[float, ...]) -> int | None: ...

    def add(self, positions: Iterable[tuple[float, ...]]) -> None: ...

    def show(self, colours: Mapping[str, str]) -> None: ...


class ObjectTargets:
    """The objects of a Labels layer; a key is an object's number."""

    kind: Literal["object", "point"] = "object"

    def __init__(self, layer: Labels) -> None:
        self.layer = layer
        self.pixels: Any = full_data(layer)
        self._look = (layer.colormap, layer.contour, layer.opacity)
        self.scan()

    def scan(self) -> None:
        """Find all objects, and give each a row in the features.

        Raises
        ------
        RegionError
            If there is no object, or one number stands for objects in several images of a stack.
        """
        regions = object_regions(self.pixels, 1)
        self.centres = dict(zip(regions.ids.tolist(), regions.windows[:, :3].tolist(), strict=True))
        if len(self.centres) < len(regions):
            raise RegionError(
                f"the layer {self.layer.name!r} uses the same numbers for objects of several images. "
                "Give every object of the stack a number of its own, or label points instead."
            )
        features = self.layer.features
        if "index" not in features:
            features = features.assign(index=np.arange(len(features)))
        if CLASS not in features:
            features = features.assign(**{CLASS: ""})
        new = sorted(set(self.centres) - set(features["index"]))
        features = pd.concat([features, pd.DataFrame({"index": new, CLASS: ""})], ignore_index=True)
        self.layer.features = features.assign(**{CLASS: features[CLASS].fillna("").astype(str)})

    def keys(self) -> list[int]:
        """Shuffled, always alike: the first ones lie all over the image, where numbers run along it."""
        return np.random.default_rng(ORDER_SEED).permutation(list(self.centres)).tolist()

    def extent(self, key: int) -> float:
        """Longer side of an object in pixels, at most twice `LARGEST_OBJECT_PX`."""
        item, y, x = self.centres[key]
        plane = self.pixels if self.pixels.ndim == 2 else self.pixels[item]
        top, left = max(0, y - LARGEST_OBJECT_PX), max(0, x - LARGEST_OBJECT_PX)
        around = np.asarray(plane[top : y + LARGEST_OBJECT_PX, left : x + LARGEST_OBJECT_PX])
        return float(max(np.ptp(axis) + 1 for axis in np.nonzero(around == key)))

    def number(self, key: int) -> int:
        """The object's number in the layer."""
        return key

    def classes(self) -> dict[int, str]:
        """The class of every object that has one."""
        features = self.layer.features
        named = features[features[CLASS] != ""]
        return {
            int(key): name
            for key, name in zip(named["index"], named[CLASS], strict=True)
            if key in self.centres
        }

    def set_classes(self, classes: Mapping[int, str]) -> None:
        features = self.layer.features
        given = features["index"].map(classes)
        self.layer.features = features.assign(**{CLASS: given.where(given.notna(), features[CLASS])})

    def selected(self) -> list[int]:
        """The selected object, once it is one: [] on the background."""
        key = int(self.layer.selected_label)
        if key and key not in self.centres and bool((np.asarray(self.pixels) == key).any()):
            self.scan()
        return [key] if key in self.centres else []

    def select(self, key: int) -> None:
        self.layer.selected_label = key

    def under(self, position: Any, view: Mapping[str, Any]) -> int | None:
        """The object at a world position, if any."""
        value = self.layer.get_value(position, world=True, **view)
        value = value[1] if isinstance(value, tuple) else value
        return int(value) if value in self.centres else None

    def position(self, key: int) -> tuple[float, ...]:
        """A pixel of the object, the nearest to its centroid, in the layer's own axes."""
        item, y, x = self.centres[key]
        plane = self.pixels if self.pixels.ndim == 2 else self.pixels[item]
        if int(plane[y, x]) != key:
            ys, xs = np.nonzero(np.asarray(plane) == key)
            nearest = np.argmin((ys - y) ** 2 + (xs - x) ** 2)
            y, x = int(ys[nearest]), int(xs[nearest])
        return (float(y), float(x)) if self.pixels.ndim == 2 else (float(item), float(y), float(x))

    def find(self, position: tuple[float, ...]) -> int | None:
        """The object that lies at a position now."""
        index = tuple(round(each) for each in position)
        if len(index) != self.pixels.ndim or not all(
            0 <= i < n for i, n in zip(index, self.pixels.shape, strict=True)
        ):
            return None
        key = int(self.pixels[index])
        return key if key in self.centres else None

    def add(self, positions: Iterable[tuple[float, ...]]) -> None:
        """An object can't be made up from its position: nothing is added."""

    def show(self, colours: Mapping[str, str]) -> None:
        """Colour outlines by class: grey without one, white where selected."""
        table: dict[int | None, Any] = {
            key: colours.get(name, UNLABELLED) for key, name in self.classes().items()
        }
        table |= {None: UNLABELLED, 0: (0, 0, 0, 0)} | dict.fromkeys(self.selected(), SELECTED)
        self.layer.colormap = DirectLabelColormap(color_dict=table)
        self.layer.opacity = 1.0
        if not self.layer.contour and np.prod(self.pixels.shape[-2:]) <= LARGEST_CONTOURED:
            self.layer.contour = CONTOUR_PX

    def restore_look(self) -> None:
        """Give the layer back the colours and outlines that it had."""
        self.layer.colormap, self.layer.contour, self.layer.opacity = self._look


class PointTargets:
    """The points of a Points layer; a key is a point's row."""

    kind: Literal["object", "point"] = "point"

    def __init__(self, layer: Points) -> None:
        self.layer = layer
        self._look = (layer.face_color.copy(), layer.border_color.copy())
        features = layer.features
        known = features[CLASS].fillna("").astype(str) if CLASS in features else ""
        layer.features = features.assign(**{CLASS: pd.Series(known, index=features.index, dtype=object)})
        layer.feature_defaults = {**dict(layer.feature_defaults.iloc[0]), CLASS: ""}

    def keys(self) -> list[int]:
        return list(range(len(self.layer.data)))

    def number(self, key: int) -> int:
        """The point's row in the layer."""
        return key

    def extent(self, key: int) -> float:
        """How wide a point is drawn, in pixels: about as wide as what it marks."""
        return float(self.layer.size[key])

    def classes(self) -> dict[int, str]:
        """The class of every point that has one."""
        return {row: name for row, name in enumerate(self.layer.features[CLASS]) if name}

    def set_classes(self, classes: Mapping[int, str]) -> None:
        names = self.layer.features[CLASS].tolist()
        for row, name in classes.items():
            names[row] = name
        self.layer.features = self.layer.features.assign(**{CLASS: names})

    def selected(self) -> list[int]:
        return sorted(self.layer.selected_data)

    def select(self, key: int) -> None:
        self.layer.selected_data = {key}

    def under(self, position: Any, view: Mapping[str, Any]) -> int | None:
        """The point at a world position, if any."""
        value = self.layer.get_value(position, world=True, **view)
        return None if value is None else int(value)

    def position(self, key: int) -> tuple[float, ...]:
        return tuple(float(each) for each in self.layer.data[key])

    def find(self, position: tuple[float, ...]) -> int | None:
        """The point at a position, to half a pixel."""
        if not len(self.layer.data) or len(position) != self.layer.ndim:
            return None
        distance = np.abs(self.layer.data - np.asarray(position)).max(axis=1)
        return int(distance.argmin()) if distance.min() <= SAME_POINT_PX else None

    def add(self, positions: Iterable[tuple[float, ...]]) -> None:
        """Put back points that are no longer in the layer."""
        lost = [each for each in positions if len(each) == self.layer.ndim and self.find(each) is None]
        if lost:
            self.layer.add(np.asarray(lost))

    def show(self, colours: Mapping[str, str]) -> None:
        """Colour faces by class: grey without one; the selected ones have a white border."""
        count = len(self.layer.data)
        if not count:
            return
        names, chosen = self.layer.features[CLASS], set(self.selected())
        self.layer.face_color = [colours.get(name, UNLABELLED) for name in names]
        self.layer.border_color = [
            SELECTED if row in chosen else (0.2, 0.2, 0.2, 1.0) for row in range(count)
        ]

    def restore_look(self) -> None:
        """Give the layer back the colours that it had, where it still has the same points."""
        face, border = self._look
        if len(face) == len(self.layer.data):
            self.layer.face_color, self.layer.border_color = face, border


LayerTargets = ObjectTargets | PointTargets
