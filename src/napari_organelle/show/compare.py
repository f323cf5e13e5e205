"""Two runs beside each other: how often they call the same, and which regions they call otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from napari_organelle.errors import RegionError
from napari_organelle.model.calling import UNSURE
from napari_organelle.model.prediction import Prediction
from napari_organelle.prepare.regions import Regions
from napari_organelle.show.colours import called_names
from napari_organelle.show.layers import LayerData
from napari_organelle.show.placement import Placement

CHANGE_COLOUR = "#ffffff"
RING_PER_WINDOW = 0.8
WINDOW = ["item", "y", "x", "height", "width"]
KEYS = {"labels": ["item", "id"], "points": ["item", "id"]}
"""What tells regions of a kind apart: objects and points are the same whatever window lies around them."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """What two runs call the regions that both have answered.

    Parameters
    ----------
    regions : Regions
        Of the first run.
    sides : (M,) int64
        The smaller of the sides of a region's windows in both runs, in pixels.
    rows : (M,) int64
        The regions that both have, as rows of the first run.
    first, second : (M,) str
        What each calls them.
    """

    regions: Regions
    sides: np.ndarray
    rows: np.ndarray
    first: np.ndarray
    second: np.ndarray

    @property
    def changed(self) -> np.ndarray:
        """(C,) int64: places in `rows` that are called otherwise."""
        return np.flatnonzero(self.first != self.second)

    def table(self) -> pd.DataFrame:
        """How many regions have each pair of calls: a row a call of the first run, a column of the second."""
        return pd.crosstab(_ordered(self.first), _ordered(self.second), dropna=True)

    def summary(self) -> str:
        """One sentence; agreement by chance alone is taken off in Cohen's kappa."""
        total, same = len(self.rows), int((self.first == self.second).sum())
        kappa = _kappa(self.first, self.second)
        beyond = "" if np.isnan(kappa) else f", kappa {kappa:.2f}"
        return f"{same:,} of {total:,} regions are called the same ({same / total:.1%}{beyond})."


def compare(
    first: Prediction,
    second: Prediction,
    thresholds: tuple[float | np.ndarray, float | np.ndarray],
) -> Comparison:
    """Compare two runs on the same image, region by region.

    Parameters
    ----------
    first, second : Prediction
        Of the same image; their classes may differ.
    thresholds : tuple of two, float or (K,) array
        Probability in [0, 1] from which each calls a class.

    Raises
    ------
    RegionError
        If they have no region in common.
    """
    mine, theirs = _places(first), _places(second)
    columns = KEYS.get(first.regions.layout, WINDOW)
    both = mine.drop_duplicates(columns).merge(theirs.drop_duplicates(columns), on=columns)
    if first.regions.layout != second.regions.layout:
        both = both.iloc[:0]
    if both.empty:
        raise RegionError("These runs have no region in common: classify the same regions by both.")
    names = (called_names(each, limit) for each, limit in zip((first, second), thresholds, strict=True))
    rows = both["row_x"].to_numpy(), both["row_y"].to_numpy()
    one, two = (called[row] for called, row in zip(names, rows, strict=True))
    sides = np.minimum(first.regions.windows[rows[0], 3], second.regions.windows[rows[1], 3])
    return Comparison(first.regions, sides, rows[0], one, two)


def changes_layer(comparison: Comparison, placement: Placement) -> LayerData:
    """A ring around each region that is called otherwise.

    Returns
    -------
    tuple
        ``(data, options, "points")``; the features say what either run calls it.
    """
    changed = comparison.changed
    rows = comparison.rows[changed]
    windows, centres = comparison.regions.windows[rows], comparison.regions.centres()[rows]
    data = np.column_stack([placement.leading_index(windows[:, 0]), centres[:, 1:]])
    options: dict[str, Any] = placement.options() | {
        "features": pd.DataFrame({"before": comparison.first[changed], "after": comparison.second[changed]}),
        "face_color": "transparent",
        "border_color": CHANGE_COLOUR,
        "border_width": 0.06,
        "size": RING_PER_WINDOW * comparison.sides[changed],
    }
    return data, options, "points"


def _places(prediction: Prediction) -> pd.DataFrame:
    """Where the answered regions lie, what they are numbered, and their rows."""
    regions = prediction.regions
    table = pd.DataFrame(regions.windows, columns=WINDOW)
    return table.assign(id=regions.ids, row=np.arange(len(regions)))[prediction.answered()]


def _ordered(called: np.ndarray) -> Any:
    """Names in the order of the alphabet, unsure last."""
    names: Any = sorted(set(called.tolist()), key=lambda name: (name == UNSURE, name))
    return pd.Categorical(called, names)


def _kappa(first: np.ndarray, second: np.ndarray) -> float:
    """Cohen's kappa (1960); NaN where both always say the same one thing."""
    shares = [pd.Series(each).value_counts(normalize=True) for each in (first, second)]
    chance = float(shares[0].mul(shares[1], fill_value=0).sum())
    return float("nan") if chance == 1 else (float((first == second).mean()) - chance) / (1 - chance)
