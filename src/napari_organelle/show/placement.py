"""Placement: where an image lies in the world, and how results on a coarser grid lie over it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

AxisUse = int | Literal["items", "all"]


@dataclass(frozen=True, kw_only=True)
class Placement:
    """An image's transform, and what its axes before y and x were used for.

    As in napari, a pixel p lies at ``affine @ (rotate @ shear @ diag(scale) @ p + translate)`` in the world.

    Parameters
    ----------
    shape : tuple of int
        D axes, the last two y and x; an RGB axis is not among them.
    leading : tuple of int or {"items", "all"}
        For each of the D - 2 axes before y and x: the index of the one slice that was classified; ``"items"``
        if items run along it, in C order with the other such axes; ``"all"`` if the answers hold all along
        it, as for a channel axis.
    scale, translate : tuple of float
        D values, in `units` per pixel and in `units`.
    rotate : (D, D) array
        Rotation matrix.
    shear : array
        Upper triangle of the shear matrix, row by row.
    affine : (D + 1, D + 1) array
        What napari calls affine.
    units, axis_labels : tuple of str
        One for each axis.
    """

    shape: tuple[int, ...]
    leading: tuple[AxisUse, ...]
    scale: tuple[float, ...]
    translate: tuple[float, ...]
    rotate: np.ndarray
    shear: np.ndarray
    affine: np.ndarray
    units: tuple[str, ...]
    axis_labels: tuple[str, ...]

    @classmethod
    def plain(cls, shape: Sequence[int], leading: Sequence[AxisUse] = ()) -> Placement:
        """Pixels as units, at the origin."""
        count = len(shape)
        return cls(
            shape=tuple(shape),
            leading=tuple(leading),
            scale=(1.0,) * count,
            translate=(0.0,) * count,
            rotate=np.eye(count),
            shear=np.zeros(count * (count - 1) // 2),
            affine=np.eye(count + 1),
            units=("pixel",) * count,
            axis_labels=tuple(f"-{count - axis}" for axis in range(count)),
        )

    @property
    def result_shape(self) -> tuple[int, ...]:
        """Lengths of results along the D - 2 leading axes: its own where items run along an axis, else 1."""
        uses = zip(self.leading, self.shape, strict=False)
        return tuple(length if use == "items" else 1 for use, length in uses)

    def leading_index(self, item: np.ndarray) -> np.ndarray:
        """Where items are along the leading axes of results: (R,) int to (R, D - 2) int64."""
        if not self.leading:
            return np.zeros((len(item), 0), np.int64)
        return np.column_stack(np.unravel_index(item, self.result_shape)).astype(np.int64)

    def options(self, step: Sequence[float] = (1, 1), offset: Sequence[float] = (0, 0)) -> dict[str, Any]:
        """Layer options of a result whose index g along y and x lies over pixel ``step * g + offset``.

        Parameters
        ----------
        step, offset : two floats
            Along y and x, in pixels of the image.
        """
        steps, offsets = [], []
        for use, length in zip(self.leading, self.shape, strict=False):
            steps.append(float(length) if use == "all" else 1.0)
            # one result stands for the whole axis: stretched over it, its middle is the axis's middle
            offsets.append((length - 1) / 2 if use == "all" else float(use) if isinstance(use, int) else 0.0)
        steps, offsets = [*steps, *step], [*offsets, *offset]
        return {
            "scale": tuple(np.multiply(self.scale, steps).tolist()),
            "translate": tuple((np.asarray(self.translate) + self._linear() @ np.asarray(offsets)).tolist()),
            "rotate": self.rotate,
            "shear": self.shear,
            "affine": self.affine,
            "units": self.units,
            "axis_labels": self.axis_labels,
        }

    def matrix(self) -> np.ndarray:
        """Pixel to world in homogeneous coordinates, (D + 1, D + 1)."""
        matrix = np.eye(len(self.shape) + 1)
        matrix[:-1, :-1] = self._linear()
        matrix[:-1, -1] = self.translate
        return np.asarray(self.affine @ matrix)

    def world(self, item: int, y: float, x: float) -> np.ndarray:
        """Where a pixel of an item lies in the world, (D,) float; along axes of use ``"all"`` at index 0."""
        index = iter(self.leading_index(np.array([item]))[0]) if self.leading else iter(())
        fixed = [use if isinstance(use, int) else at for use, at in zip(self.leading, index, strict=True)]
        return np.asarray((self.matrix() @ np.array([*fixed, y, x, 1.0]))[:-1])

    def pixel(self, world: Sequence[float]) -> tuple[int, float, float] | None:
        """Item, y and x of a place in the world; None where it lies on no item that was classified.

        Parameters
        ----------
        world : sequence of float
            D coordinates.
        """
        *leading, y, x = (np.linalg.inv(self.matrix()) @ np.array([*world, 1.0]))[:-1]
        item = 0
        for use, length, at in zip(self.leading, self.result_shape, np.round(leading), strict=True):
            if (isinstance(use, int) and at != use) or (use == "items" and not 0 <= at < length):
                return None
            item = item * length + (int(at) if use == "items" else 0)
        return item, float(y), float(x)

    def _linear(self) -> np.ndarray:
        shear = np.eye(len(self.shape))
        shear[np.triu_indices(len(self.shape), 1)] = self.shear
        return np.asarray(self.rotate @ shear @ np.diag(self.scale))
