"""File > Save Selected Layers: a result as a table, by the ending of the name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from napari_organelle.errors import OrganelleError
from napari_organelle.gui.classify.record import RECORD, ResultRecord
from napari_organelle.gui.classify.results import RESULT, Result
from napari_organelle.gui.classify.saving import Saving
from napari_organelle.gui.inputs import METADATA

ADVICE = "Select layers that one run of Classify has added, or save as another type."


def write_results(path: str, layers: list[tuple[Any, dict[str, Any], str]]) -> list[str]:
    """Write the table of one run, at the thresholds that its layers show.

    Parameters
    ----------
    path : str
        Ends in ``.csv``, ``.parquet``, ``.h5ad`` or ``.geojson``; a file of that name is replaced, which
        napari's dialog has asked about.
    layers : list of (data, options, type)
        Of one run.

    Returns
    -------
    list of str
        What was written.

    Raises
    ------
    OrganelleError
        If a layer is no result, or the layers are of several runs.
    """
    runs: dict[int, tuple[Result, ResultRecord]] = {}
    for _, options, _ in layers:
        ours = options.get("metadata", {}).get(METADATA, {})
        if not isinstance(ours.get(RESULT), Result):
            raise OrganelleError(f"The layer {options.get('name', '')!r} is no result of a run. {ADVICE}")
        runs[id(ours[RESULT])] = ours[RESULT], ours[RECORD]
    if len(runs) > 1:
        raise OrganelleError(f"The layers are results of {len(runs)} runs. {ADVICE}")
    ((result, record),) = runs.values()
    limits = np.asarray(record.thresholds)
    for _ in Saving(result, limits).save(Path(path)):
        pass
    return [path]
