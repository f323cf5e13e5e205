"""Results as a table, and tables as files that are written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd

from napari_organelle.errors import OrganelleError
from napari_organelle.model.prediction import Prediction
from napari_organelle.read.image_set import ImageSet


def results_table(prediction: Prediction, images: ImageSet, threshold: float | np.ndarray) -> pd.DataFrame:
    """One row a region, as it is exported.

    Parameters
    ----------
    prediction : Prediction
        Of regions of `images`.
    images : ImageSet
        What was classified.
    threshold : float or (K,) array
        Probability in [0, 1] from which a class is called.

    Returns
    -------
    DataFrame
        Columns source, item, region, y, x, height, width (pixels), called, confidence, ``p_<class>``..., and
        label where the set has one.
    """
    table = prediction.to_frame(threshold)
    items = images.items.iloc[table["item"].to_numpy()]
    source = items["path"].where(items["path"] != "", str(images.source or ""))
    table.insert(0, "source", source.to_numpy())
    table["item"] = items["item"].to_numpy()
    if (images.items["label"] != "").any():
        table["label"] = items["label"].to_numpy()
    return table


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a CSV with commas, points and UTF-8; a file of that name is replaced only once all is written.

    Parameters
    ----------
    table : DataFrame
        Written without its index; numbers with up to 6 significant digits.
    path : Path
        Where to.

    Raises
    ------
    OrganelleError
        If the disk is full or the folder can't be written to; what was there before is untouched.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        table.to_csv(part, index=False, float_format="%.6g")
        part.replace(path)
    except OSError as error:
        raise OrganelleError(
            f"the table could not be written to {path}: {error}. Choose another place."
        ) from error
    finally:
        part.unlink(missing_ok=True)
