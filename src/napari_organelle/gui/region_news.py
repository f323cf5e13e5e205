"""What the docks of one viewer tell each other of a result: which region, or which class, is looked at."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QObject, Signal


class RegionNews(QObject):
    """Signals between docks; each begins with the viewer that it is about.

    Signals
    -------
    region : viewer, Result, int
        A region was chosen in a list: its row.
    category : viewer, str
        A class was chosen in the legend: its name, or ``"unsure"``.
    corrected : viewer, Result
        Regions of a result were given classes by hand, or these were taken away.
    """

    region = Signal(object, object, int)
    category = Signal(object, str)
    corrected = Signal(object, object)


region_news = RegionNews()


def is_same(viewer: Any, other: Any) -> bool:
    """Whether both are one viewer: napari gives every plugin a wrapper of its own around it."""
    return getattr(viewer, "__wrapped__", viewer) is getattr(other, "__wrapped__", other)
