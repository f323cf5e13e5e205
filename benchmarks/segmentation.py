"""How well `find_cells` finds the cells that people outlined in real fields: F1 at IoU 0.5.

``python benchmarks/segmentation.py DATA`` prints one line a field; DATA holds ``yeast_fields``
and ``hpa2021``.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import NamedTuple

import imageio.v3 as imageio
import numpy as np
import tifffile

from napari_organelle.prepare.segment import find_cells

IOU = 0.5


class Match(NamedTuple):
    """F1, recall and precision in [0, 1], and how many objects are true and found."""

    f1: float
    recall: float
    precision: float
    true: int
    found: int


def match(truth: np.ndarray, found: np.ndarray) -> Match:
    """Compare two (Y, X) label images; an object is found if one overlaps it by more than `IOU`."""
    true_ids, true_rows = np.unique(truth, return_inverse=True)
    found_ids, found_rows = np.unique(found, return_inverse=True)
    overlap = np.zeros((len(true_ids), len(found_ids)))
    np.add.at(overlap, (true_rows.ravel(), found_rows.ravel()), 1)
    union = overlap.sum(axis=1)[:, None] + overlap.sum(axis=0) - overlap
    hits = int((overlap / union > IOU)[np.ix_(true_ids > 0, found_ids > 0)].sum())
    n_true, n_found = int((true_ids > 0).sum()), int((found_ids > 0).sum())
    return Match(2 * hits / (n_true + n_found), hits / n_true, hits / max(n_found, 1), n_true, n_found)


def report(name: str, truth: np.ndarray, image: np.ndarray, nuclei: np.ndarray | None = None) -> None:
    start = time.perf_counter()
    found = find_cells(image, nuclei)
    seconds = time.perf_counter() - start
    result = match(truth, found)
    size = f"{image.shape[0]} x {image.shape[1]} px"
    print(
        f"{name}: F1 {result.f1:.3f}, recall {result.recall:.3f}, precision {result.precision:.3f} "
        f"({result.true} outlined, {result.found} found, {seconds:.2f} s for {size})"
    )


def main(data: Path) -> None:
    for field in ("r01c01f01p01", "r01c01f02p01"):
        folder = data / "yeast_fields"
        truth = tifffile.imread(folder / f"{field}_labeled.tiff")
        report(f"yeast {field}, cytosol", truth, tifffile.imread(folder / f"{field}-ch3sk1fk1fl1.tiff"))
    for path in sorted((data / "hpa2021" / "masks").glob("*_predictedmask.png")):
        image_id = path.name.removesuffix("_predictedmask.png")
        er, nuclei = (
            imageio.imread(data / "hpa2021" / "train" / f"{image_id}_{colour}.png")
            for colour in ("yellow", "blue")
        )
        report(f"HPA {image_id[:8]}, nuclei and ER", imageio.imread(path), er, nuclei)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
