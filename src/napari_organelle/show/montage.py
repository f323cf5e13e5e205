"""Crops side by side on one plane, and which crops a cell of a confusion matrix stands for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from napari_organelle.model.scoring.scores import Answers
from napari_organelle.prepare.cut import cut
from napari_organelle.prepare.pixels import network_input

if TYPE_CHECKING:
    from napari_organelle.train.run import TrainingResult

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
        rows = zip(truths, calls, self.table["right"], strict=True)
        return [truth if right else f"{truth}\n→ {call}" for truth, call, right in rows]


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


def held_out_montage(result: TrainingResult, rows: np.ndarray) -> Montage:
    """Held-out crops as the network sees them, with what they are and what they were called.

    Parameters
    ----------
    result : TrainingResult
        With held-out examples.
    rows : (n,) int64
        Which of them.
    """
    held, training_set, names = result.held_out, result.training_set, result.bundle.spec.class_names
    called = called_held_out(result)[rows]
    examples = training_set.examples.take(held.rows[rows])
    crops = network_input(
        cut(examples.image_set, examples.windows, training_set.indices), training_set.pixels
    )
    table = pd.DataFrame(
        {
            "truth": _joined(held.targets[rows], names),
            "called": _joined(called, names),
            "confidence": result.probabilities[rows].max(axis=1),
            "right": (called == held.targets[rows]).all(axis=1),
            "item": examples.names(),
        }
    )
    return make_montage(crops, table)


def called_held_out(result: TrainingResult) -> np.ndarray:
    """(N, K) bool: what the held-out examples were called, as their scores count it."""
    spec = result.bundle.spec
    thresholds = np.asarray(spec.thresholds)
    answers = Answers(result.held_out.targets, result.probabilities, spec.class_names, spec.task, thresholds)
    return answers.called()


def _joined(flags: np.ndarray, names: tuple[str, ...]) -> list[str]:
    """Names of the classes of each row."""
    return [", ".join(names[index] for index in np.flatnonzero(row)) or "none" for row in flags]


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
