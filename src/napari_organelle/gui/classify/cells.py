"""Finding the cells of every slice, as a job."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from napari_organelle.gui.classify.request import RunStage
from napari_organelle.prepare.cells import Stains, label_stack


def find_in_stack(planes: Any, nuclei: Any | None, fills: bool = False) -> Iterator[RunStage | np.ndarray]:
    """Outline the cells of a stack, each with a number of its own.

    Parameters
    ----------
    planes, nuclei : (N, Y, X) array, numpy or dask
        As `find_cells` takes them, a plane at a time.
    fills : bool
        As for `find_cells`.

    Yields
    ------
    RunStage
        Before each plane.
    (N, Y, X) int32 array
        At the end: 0 is background.

    Raises
    ------
    RegionError
        If no plane has a cell; a plane without any beside others stays empty.
    """
    stains = (
        Stains(np.asarray(plane), None if nuclei is None else np.asarray(nuclei[number]), fills)
        for number, plane in enumerate(planes)
    )
    for report in label_stack(stains, planes.shape):
        if isinstance(report, int):
            yield RunStage(f"finding cells, slice {report + 1} of {len(planes)}…")
        else:
            yield report
