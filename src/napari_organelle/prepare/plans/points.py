"""A window around every point."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from napari_organelle.errors import RegionError
from napari_organelle.prepare.plans.base import RegionPlan
from napari_organelle.prepare.regions import Regions, item_sizes, point_regions
from napari_organelle.read.tables.points import PointTable, read_points

if TYPE_CHECKING:
    from napari_organelle.prepare.channels import ChannelMap
    from napari_organelle.read.image_set import ImageSet


@dataclass(frozen=True, eq=False)
class Points(RegionPlan):
    """A square window around every point.

    Parameters
    ----------
    points : (R, 2) or (R, 3) float array, PointTable or Path
        y, x or item, y, x in pixels; pixel centres are at whole numbers. A path is that of a table.
    window : int, optional
        Side in pixels; the model's window where not given.
    rows : (R,) int64, optional
        What to call the points; 0..R-1 where not given.
    """

    kind: ClassVar[str] = "points"
    noun: ClassVar[str] = "point"

    points: np.ndarray | PointTable | Path
    window: int | None = None
    rows: np.ndarray | None = None

    @property
    def one_set(self) -> str:
        """As `RegionPlan.one_set`: a table that does not name its images is of one set."""
        given = self._given()
        return str(given.table.path) if isinstance(given, PointTable) and not given.has_names else ""

    @property
    def notes(self) -> tuple[str, ...]:
        """As `RegionPlan.notes`."""
        given = self._given()
        return given.table.problems if isinstance(given, PointTable) else ()

    def sized(self, window: int) -> Self:
        """As `RegionPlan.sized`."""
        return replace(self, points=self._given(), window=window if self.window is None else self.window)

    def count(self, images: ImageSet) -> int:
        """As `RegionPlan.count`."""
        return len(self.make(images))

    def make(
        self,
        images: ImageSet,
        *,
        start: int = 0,
        stop: int | None = None,
        first: int = 0,
        channels: ChannelMap | None = None,
    ) -> Regions:
        """As `RegionPlan.make`."""
        if self.window is None:
            raise RegionError("expected the side of a window in pixels; give one, or take the model's")
        points, rows = self._placed(images, first)
        regions = point_regions(points, self.window, item_sizes(images))
        ids = rows[regions.ids]
        notes = self._notes(len(points)) if start == 0 else ()
        return Regions("points", regions.windows[start:stop], ids[start:stop], notes=notes)

    def _notes(self, placed: int) -> tuple[str, ...]:
        """What the user should know of points that lie elsewhere."""
        given = self._given()
        if not isinstance(given, PointTable) or placed == len(given):
            return ()
        left = len(given) - placed
        return (f"{left:,} of {len(given):,} points of {given.table.path} lie in no item of the set",)

    def _given(self) -> np.ndarray | PointTable:
        return read_points(Path(self.points)) if isinstance(self.points, str | Path) else self.points

    def _placed(self, images: ImageSet, first: int) -> tuple[np.ndarray, np.ndarray]:
        """(P, 2) or (P, 3) points of a set, and what to call them."""
        given = self._given()
        if isinstance(given, PointTable):
            points, rows = given.place(images, first)
        else:
            points, rows = given, np.arange(len(given))
        return points, rows if self.rows is None else self.rows[rows]
