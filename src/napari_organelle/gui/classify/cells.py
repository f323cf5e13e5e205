"""Finding the cells of every slice, as a job."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from napari_organelle.errors import RegionError
from napari_organelle.gui.classify.request import Stage


def find_in_stack(planes: Any, nuclei: Any | None) -> Iterator[Stage | np.ndarray]:
    """Outline the cells of a stack, each with a number of its own.

    Parameters
    ----------
    planes, nuclei : (N, Y, X) array, numpy or dask
        As `find_cells` takes them, a plane at a time.

    Yields
    ------
    Stage
        Before each plane.
    (N, Y, X) int32 array
        At the end: 0 is background.

    Raises
    ------
    RegionError
        If no plane has a cell; a plane without any beside others stays empty.
    """
    from napari_organelle.prepare.segment import find_cells

    labels = np.zeros(planes.shape, np.int32)
    refusal: RegionError | None = None
    found = 0
    for number, plane in enumerate(planes):
        yield Stage(f"finding cells, slice {number + 1} of {len(planes)}…")
        nuclear = None if nuclei is None else np.asarray(nuclei[number])
        try:
            cells = find_cells(np.asarray(plane), nuclear)
        except RegionError as error:
            refusal = error
            continue
        labels[number] = np.where(cells > 0, cells + found, 0)
        found += int(cells.max())
    if not found and refusal is not None:
        raise refusal
    yield labels
