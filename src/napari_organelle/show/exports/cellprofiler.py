"""Results with the columns that CellProfiler and its Analyst know objects by."""

from __future__ import annotations

import pandas as pd

from napari_organelle.model.calling import CORRECTED
from napari_organelle.model.prediction import PROBABILITY
from napari_organelle.show.tables import PLACES


def cellprofiler_table(table: pd.DataFrame) -> pd.DataFrame:
    """A table of results as CellProfiler names its columns.

    Parameters
    ----------
    table : DataFrame
        As `tables.results_table`.

    Returns
    -------
    DataFrame
        ImageNumber (from 1, in the order of the images), ObjectNumber (the object's label, or the region's
        number), Location_Center_X and _Y (pixels), Image_FileName, Metadata_Plate, Metadata_Well... where
        they are known, Organelle_Called, Organelle_Corrected where any region was, Organelle_Confidence and
        Organelle_Probability_<class>.
    """
    image = table.groupby(["source", "item"], sort=False).ngroup() + 1
    columns = {
        "ImageNumber": image.to_numpy(),
        "ObjectNumber": table["region"].to_numpy(),
        "Location_Center_X": (table["x"] + (table["width"] - 1) / 2).to_numpy(),
        "Location_Center_Y": (table["y"] + (table["height"] - 1) / 2).to_numpy(),
        "Image_FileName": table["item"].to_numpy(),
        "Image_PathName": table["source"].to_numpy(),
    }
    columns |= {f"Metadata_{name.capitalize()}": table[name].to_numpy() for name in PLACES if name in table}
    columns |= {"Organelle_Called": table["called"].to_numpy()}
    columns |= {"Organelle_Corrected": table[CORRECTED].to_numpy()} if CORRECTED in table else {}
    columns |= {"Organelle_Confidence": table["confidence"].to_numpy()}
    for name in table:
        if str(name).startswith(PROBABILITY):
            columns[f"Organelle_Probability_{str(name).removeprefix(PROBABILITY)}"] = table[name].to_numpy()
    return pd.DataFrame(columns)
