"""Crops side by side on one plane, and which crops a cell of a confusion matrix stands for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

COLUMNS_PER_ROW = 1.4
LONGEST_NAME = 14
GAP_SHARE, TEXT_SHARE = 0.06, 0.3
"""Room between crops, and for text above each, in crop sides."""


@dataclass(frozen=True)
class Montage:
    """Crops on one plane.

    Parameters
    ----------
    image : (Y, X, 3) uint8
        The crops row by row, black between them and above each.
    centres : (n, 2) float
        Middle of each crop, y and x.
    side : int
        Height and width of a crop in pixels.
    table : DataFrame
        One row a crop: ``truth``, ``called``, ``confidence``, ``right`` and ``item``, its name.
    """

    image: np.ndarray
    centres: np.ndarray
    side: int
    table: pd.DataFrame

    def captions(self) -> list[str]:
        """What to write above each: the truth, and below it the call where that is another one."""
        truths, calls = (self.table[name].map(_short) for name in ("truth", "called"))
        told = zip(truths, calls, self.table["right"], strict=True)
        return [truth if right else f"{truth}\n→ {call}" for truth, call, right in told]


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def make_montage(crops: np.ndarray, table: pd.DataFrame) -> Montage:
    """Lay crops out on a grid.

    Parameters
    ----------
    crops : (n, side, side, 3) float32
        In [0, 1]; NaN is black.
    table : DataFrame
        As in Montage.
    """
    count, side = len(crops), crops.shape[1]
    columns = max(1, min(count, round(np.sqrt(COLUMNS_PER_ROW * count))))
    row, column = np.divmod(np.arange(count), columns)
    text, step = round(TEXT_SHARE * side), round((1 + GAP_SHARE) * side)
    corners = np.column_stack([text + row * (step + text), column * step])
    image = np.zeros((*(corners.max(axis=0, initial=0) + side), 3), np.uint8)
    pixels = np.round(255 * np.nan_to_num(crops)).astype(np.uint8)
    for (y, x), crop in zip(corners, pixels, strict=True):
        image[y : y + side, x : x + side] = crop
    return Montage(image, corners + (side - 1) / 2, side, table)


def rows_of_cell(targets: np.ndarray, called: np.ndarray, truth: int, call: int) -> np.ndarray:
    """Rows that a cell of the confusion matrix counts.

    Parameters
    ----------
    targets, called : (N, K) bool
        What each item is, and what it was called.
    truth, call : int
        Row and column of the cell.
    """
    return np.flatnonzero(targets[:, truth] & called[:, call])


def sample_of_each_class(targets: np.ndarray, number: int, seed: int = 0) -> np.ndarray:
    """Up to `number` random rows, as many of each class as can be; in the classes' order."""
    rng = np.random.default_rng(seed)
    pools = [rng.permutation(np.flatnonzero(column)).tolist() for column in targets.T]
    chosen: dict[int, int] = {}
    for turn in range(max(map(len, pools), default=0)):
        for index, pool in enumerate(pools):
            if turn < len(pool) and len(chosen) < number:
                chosen.setdefault(pool[turn], index)
    return np.asarray(sorted(chosen, key=lambda row: (chosen[row], row)), np.int64)
