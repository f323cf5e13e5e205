"""Labels from a table of one's own: for items of a set, or for points in its images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from napari_organelle.errors import ReadError
from napari_organelle.prepare.regions import Regions, item_sizes, point_regions
from napari_organelle.read.image_set import ImageSet

POINT_COLUMNS = ("y", "x")


def read_labels(path: Path) -> pd.DataFrame:
    """Read a CSV with a column ``label`` and others that say what it is the label of; all values as text.

    Raises
    ------
    ReadError
        If it can't be read, or has no column ``label``.
    """
    try:
        table = pd.read_csv(
            path, dtype=str, keep_default_na=False, encoding="utf-8-sig", sep=None, engine="python"
        )
    except (OSError, ValueError, pd.errors.ParserError) as error:
        raise ReadError(f"{path} can't be read as a table of labels: {error}") from error
    if "label" not in table.columns:
        raise ReadError(f"{path} needs a column 'label'; it has {list(table.columns)}.")
    return table


def has_points(table: pd.DataFrame) -> bool:
    """Whether the rows are points: columns ``y`` and ``x``, in pixels."""
    return all(name in table.columns for name in POINT_COLUMNS)


def label_items(image_set: ImageSet, table: pd.DataFrame) -> tuple[ImageSet, int]:
    """Give items the labels of a table.

    Parameters
    ----------
    image_set : ImageSet
        Its labels are replaced; items that the table does not name have none.
    table : DataFrame
        As from `read_labels`. Its other columns that the item table has too (``item``, ``gene``, ``well``...)
        say which items a row labels: those that are equal in all of them.

    Returns
    -------
    ImageSet, int
        And how many rows of the table match no item.

    Raises
    ------
    ReadError
        If the two tables share no column, or two rows give one item different labels.
    """
    items = image_set.items
    shared = [name for name in table.columns if name != "label" and name in items.columns]
    if not shared:
        raise ReadError(
            f"The table of labels has the columns {list(table.columns)}, the items {list(items.columns)}: "
            "one besides 'label' must be in both."
        )
    rows = table.drop_duplicates([*shared, "label"])
    if (twice := rows.duplicated(shared)).any():
        raise ReadError(f"The table labels {' '.join(rows.loc[twice, shared].iloc[0])} twice, differently.")
    labels = rows.set_index(shared)["label"].to_dict()
    names = [
        key[0] if len(shared) == 1 else key
        for key in items[shared].astype(str).itertuples(index=False, name=None)
    ]
    given = [str(labels.get(name, "")) for name in names]
    return replace(image_set, items=items.assign(label=given)), len(set(labels) - set(names))


def label_points(image_set: ImageSet, table: pd.DataFrame, window: int) -> tuple[Regions, np.ndarray]:
    """Windows around the labelled points of a table.

    Parameters
    ----------
    image_set : ImageSet
        N items.
    table : DataFrame
        As from `read_labels`, with ``y`` and ``x`` in pixels and, where the set has several items, ``item``
        (its name).
    window : int
        Side in pixels.

    Returns
    -------
    Regions, (R,) array of str
        And the labels.

    Raises
    ------
    ReadError
        If a coordinate is no number, or an item is not there.
    RegionError
        If a point lies outside.
    """
    names = {str(name): row for row, name in enumerate(image_set.items["item"])}
    try:
        items = [names[name] for name in table["item"]] if "item" in table.columns else [0] * len(table)
        points = np.column_stack([items, table[list(POINT_COLUMNS)].astype(float)])
    except KeyError as error:
        raise ReadError(f"The table of labels names the item {error}, which is not in the set.") from error
    except ValueError as error:
        raise ReadError(f"The columns y and x must be numbers, in pixels: {error}") from error
    return point_regions(points, window, item_sizes(image_set)), table["label"].to_numpy(dtype=str)
