"""How well `find_cells` finds known cells: F1 at IoU 0.5, or that it says that it can't see them.

``python benchmarks/segmentation.py DATA`` prints a line a field; DATA holds ``yeast_fields``, ``yeast_more``
and ``hpa2021``. ``--simulated 1`` instead takes fields of simulated yeast, for each protein alone, its
cytosol marker and transmitted light.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import imageio.v3 as imageio
import numpy as np
import tifffile
from skimage import measure

from napari_organelle.errors import RegionError
from napari_organelle.prepare.segment import find_cells
from napari_organelle.simulate.transmitted import CONTRASTS, simulate_transmitted
from napari_organelle.simulate.yeast import YEAST_CLASSES, simulate_field

IOU = 0.5
WORTH = 0.6
"""F1 from which outlines are worth more than none: what `find_cells` should show, and below it refuse."""


class Match(NamedTuple):
    """F1, recall and precision in [0, 1], and how many objects are true and found."""

    f1: float
    recall: float
    precision: float
    true: int
    found: int


class Known(NamedTuple):
    """A picture (Y, X) with known cells (Y, X), or only about how many; `nuclei` where they are stained."""

    name: str
    image: np.ndarray
    truth: np.ndarray | int
    nuclei: np.ndarray | None = None
    fills: bool = False


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


def real_fields(data: Path) -> Iterator[Known]:
    """Fields with outlines by people, or with cells that were counted by eye."""
    for field in ("r01c01f01p01", "r01c01f02p01"):
        folder = data / "yeast_fields"
        truth = tifffile.imread(folder / f"{field}_labeled.tiff")
        for channel, stain in ((3, "cytosol"), (2, "nuclei alone"), (1, "autofluorescence")):
            image = tifffile.imread(folder / f"{field}-ch{channel}sk1fk1fl1.tiff")
            yield Known(f"yeast {field[3:9]}, {stain}", image, truth, fills=stain == "cytosol")
    more = data / "yeast_more"
    outlined = measure.label(tifffile.imread(more / "er_sec63" / "cells.tif") == 0)
    yield Known("yeast, ER (Sec63)", tifffile.imread(more / "er_sec63" / "sec63_mneon.tif"), outlined)
    planes = tifffile.imread(more / "lipid_droplets" / "pln1_bf_mask.tif")
    yield Known("yeast, brightfield", planes[0], planes[2].astype(int))
    yield Known("yeast, lipid droplets", planes[1], planes[2].astype(int))
    nucleoli = tifffile.imread(more / "nucleolus_25c" / "tif6_nsr1_sis1.tif")
    for plane, name in zip(nucleoli, ("Tif6", "Nsr1", "Sis1"), strict=True):
        yield Known(f"yeast, nucleolus ({name})", plane, 56)
    (path,) = (more / "nucleus_field").glob("*.tiff")
    yield Known("yeast, nuclei", tifffile.imread(path), 260)
    library = tifffile.imread(more / "gfp_nucleus" / "four_fields_g_r.tif")
    for number, count in enumerate((7, 9, 12, 22)):
        yield Known(f"yeast, nucleus of a library strain {number + 1}", library[2 * number], count)
    yield Known("yeast, mitochondria", tifffile.imread(more / "mito_field_nolicence" / "mtgfp.tif"), 60)
    for path in sorted((data / "hpa2021" / "masks").glob("*_predictedmask.png")):
        image_id = path.name.removesuffix("_predictedmask.png")
        er, nuclei, protein = (
            imageio.imread(data / "hpa2021" / "train" / f"{image_id}_{colour}.png")
            for colour in ("yellow", "blue", "green")
        )
        outlines = imageio.imread(path)
        yield Known(f"HPA {image_id[:8]}, nuclei and ER", er, outlines, nuclei)
        yield Known(f"HPA {image_id[:8]}, nuclei and protein", protein, outlines, nuclei)
        yield Known(f"HPA {image_id[:8]}, ER alone", er, outlines)
        yield Known(f"HPA {image_id[:8]}, protein alone", protein, outlines)


def simulated_fields(seeds: range) -> Iterator[Known]:
    """Simulated yeast: every protein alone, its marker, and transmitted light."""
    for seed in seeds:
        for number, organelle in enumerate(YEAST_CLASSES):
            chosen = 1000 * seed + number
            field = simulate_field(seed=chosen, size=512, cells=60, classes=[organelle])
            yield Known(organelle, field.pixels[1], field.masks)
            if number < 4:
                yield Known("cytosol marker", field.pixels[0], field.masks, fills=True)
                for contrast in CONTRASTS:
                    light = simulate_transmitted(seed=chosen, size=512, cells=60, contrast=contrast)
                    yield Known(contrast, light, field.masks)


def report(known: Known) -> Match | None:
    """Print a line; None where `find_cells` refuses."""
    start = time.perf_counter()
    try:
        found = find_cells(known.image, known.nuclei, fills=known.fills)
    except RegionError as error:
        print(f"{known.name}: refused ({time.perf_counter() - start:.2f} s): {str(error)[:90]}")
        return None
    size = f"{time.perf_counter() - start:.2f} s for {known.image.shape[0]} x {known.image.shape[1]} px"
    if isinstance(known.truth, int):
        print(f"{known.name}: {found.max()} found of about {known.truth} ({size})")
        return None
    result = match(known.truth, found)
    print(
        f"{known.name}: F1 {result.f1:.3f}, recall {result.recall:.3f}, precision {result.precision:.3f} "
        f"({result.true} known, {result.found} found, {size})"
    )
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--simulated", type=int, metavar="FIELDS", default=0, help="of each kind")
    args = parser.parse_args()
    for known in real_fields(args.data) if args.data else ():
        report(known)
    kinds: dict[str, list[Match | None]] = {}
    for known in simulated_fields(range(1, args.simulated + 1)):
        kinds.setdefault(known.name, []).append(report(known))
    for name, results in kinds.items():
        f1 = [result.f1 for result in results if result]
        mean = f"mean F1 {np.mean(f1):.3f}, worst {min(f1):.3f}; " if f1 else ""
        poor = sum(value < WORTH for value in f1)
        print(f"{name}: {mean}{len(f1)} of {len(results)} outlined, {poor} of them below {WORTH}")


if __name__ == "__main__":
    main()
