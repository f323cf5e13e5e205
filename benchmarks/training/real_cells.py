"""Real yeast cells that may be trained on, and those that judge: one file for `train_yeast_12.py`.

python benchmarks/training/real_cells.py DATA -o real.npz
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import tifffile
from scipy import ndimage
from skimage import measure
from skimage.filters import gaussian, threshold_otsu
from skimage.transform import resize

sys.path.insert(0, str(Path(__file__).parents[1]))
from yeast_12_card import FIELD_WINDOW, cyclops, figure_cells, marked_cells

from napari_organelle.prepare.cut import cut
from napari_organelle.prepare.regions import object_regions
from napari_organelle.read.image_set import Channel, ImageSet
from napari_organelle.simulate.yeast import YEAST_CLASSES
from training.starve import as_uint8

CROP = 72
CELL_PX, NUCLEUS_PX = 34, 15
"""Diameters in the model's pixels."""


def window(planes: np.ndarray, center: np.ndarray, side: int) -> np.ndarray | None:
    """A square of `planes` (2, Y, X) as (2, 72, 72) uint8; None at the field's edge."""
    y, x = np.rint(center).astype(int) - side // 2
    if min(y, x) < 0 or y + side > planes.shape[1] or x + side > planes.shape[2]:
        return None
    square = planes[:, y : y + side, x : x + side].astype(float)
    square = resize(square, (2, CROP, CROP), order=1, anti_aliasing=side > CROP)
    low = square.min((1, 2), keepdims=True)
    high = np.percentile(square, 99.9, axis=(1, 2), keepdims=True)
    return np.clip((square - low) / np.maximum(high - low, 1e-9) * 220, 0, 255).astype(np.uint8)


def windows(planes: np.ndarray, centers: list, side: int) -> list[np.ndarray]:
    return [found for c in centers if (found := window(planes, np.array(c), side)) is not None]


def endoplasmic_reticulum(data: Path) -> list[np.ndarray]:
    plane = tifffile.imread(data / "yeast_more/er_sec63/sec63_mneon.tif")
    masks = measure.label(tifffile.imread(data / "yeast_more/er_sec63/cells.tif") == 0)
    cells = measure.regionprops(masks)
    side = round(CROP * np.median([c.equivalent_diameter_area for c in cells]) / CELL_PX)
    return windows(np.stack([plane * 0, plane]), [c.centroid for c in cells], side)


def nucleoli(data: Path) -> list[np.ndarray]:
    tif6, nsr1, sis1 = tifffile.imread(data / "yeast_more/nucleolus_25c/tif6_nsr1_sis1.tif")
    smooth = gaussian(sis1.astype(float), 1.5)
    distance = ndimage.distance_transform_edt(smooth > threshold_otsu(smooth) * 0.9)
    peaks = (distance == ndimage.maximum_filter(distance, 11)) & (distance > 5)
    radius = np.median(distance[peaks])
    print(f"nucleolus: cells of {2 * radius:.0f} px")
    bright = gaussian(nsr1.astype(float), 1)
    spots = measure.regionprops(measure.label(bright > threshold_otsu(bright)))
    centers = [s.centroid for s in spots if s.area > 6]
    side = round(CROP * 2 * radius / CELL_PX)
    return windows(np.stack([sis1, tif6]), centers, side) + windows(np.stack([sis1, nsr1]), centers, side)


def nuclei(data: Path) -> list[np.ndarray]:
    (file,) = (data / "yeast_more/nucleus_field").glob("*.tiff")
    plane = np.minimum(tifffile.imread(file), 8000)
    smooth = gaussian(plane.astype(float), 1)
    spots = measure.regionprops(measure.label(smooth > threshold_otsu(np.minimum(smooth, 3000))))
    centers = [s.centroid for s in spots if 20 < s.area < 200]
    return windows(np.stack([plane * 0, plane]), centers, round(CROP * 0.12 / 0.2))[:120]


def autofluorescent(data: Path, count: int = 150) -> np.ndarray:
    """Cells (N, 2, 40, 40) of two fields: cytosol marker, and a GFP channel in which no protein is tagged."""
    found = []
    for outlines in sorted((data / "yeast_fields").glob("*_labeled.tiff")):
        stem = str(outlines).removesuffix("_labeled.tiff")
        field = np.stack([tifffile.imread(f"{stem}-ch{channel}sk1fk1fl1.tiff") for channel in (3, 1)])
        masks = tifffile.imread(outlines).astype(np.int64)
        squares = object_regions(masks, FIELD_WINDOW).windows
        inside = (squares[:, 1:3] >= 0).all(1) & (squares[:, 1:3] + FIELD_WINDOW <= masks.shape).all(1)
        images = ImageSet.from_array(field[None], (Channel("mCherry", "red"), Channel("GFP", "green")))
        found += cut(images, squares[inside], (0, 1))
    return np.stack(found[:count])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()
    figure, classes = figure_cells(args.data)
    padded = np.pad(figure, ((0, 0), (0, 0), (4, 4), (4, 4)), mode="reflect")
    sets = {
        "er": endoplasmic_reticulum(args.data),
        "nucleolus": nucleoli(args.data),
        "nucleus": nuclei(args.data),
    }
    print({name: len(cells) for name, cells in sets.items()})
    genes, truth, names = cyclops(args.data)
    np.savez_compressed(
        args.output,
        figure=padded,
        figure_labels=classes,
        more=np.concatenate([np.stack(cells) for cells in sets.values()]),
        more_labels=np.concatenate([[YEAST_CLASSES.index(n)] * len(cells) for n, cells in sets.items()]),
        cyclops=as_uint8(genes),
        cyclops_labels=truth,
        cyclops_genes=names.astype(str),
        nuclei=marked_cells(args.data)[0][:150],
        autofluorescent=autofluorescent(args.data),
    )


if __name__ == "__main__":
    main()
