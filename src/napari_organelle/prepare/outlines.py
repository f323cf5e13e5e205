"""Yeast of one plane, outlined from what `cell_network` sees of them at the right scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, sparse
from skimage import feature, segmentation

from napari_organelle.prepare.cell_network import SEEN_DIAMETER, STEP, cell_maps
from napari_organelle.prepare.shrink import enlarged, shrunk

DIAMETERS = (14.0, 22.0, 34.0, 54.0, 85.0, 135.0)
"""Pixels across a cell that are tried where it is not known."""

PROBE_SIDE = 224
"""Side in pixels, at the network's scale, of the part in which the diameters are tried."""

FINAL_DIAMETER = 15.0
"""Pixels across a cell in the whole image: the coarsest that costs no cells."""

CLOSE = 1.5
"""A diameter that is off by no more is not corrected."""

APART = 0.1
"""Neighbours are two cells where the border between them is as likely."""

SMALLEST = 0.2
"""Of the median area: smaller objects are no cells."""

LIKE_CELLS = 0.9
"""Least `Outlines.likeness` of what is taken for cells; see docs/benchmarks.md."""


@dataclass(frozen=True)
class Outlines:
    """Cells of a plane, and how sure the network is.

    Parameters
    ----------
    labels : (Y, X) int32
        1..n, 0 is background.
    diameter : float
        Median, in pixels.
    certainty : float in [0, 1]
        Of pixels that may be cells, how clearly they are or are not: 1 where all are.
    roundness : float in [0, 1]
        As `roundness` gives it.
    spread : float
        Standard deviation of the cells' diameters over their mean.
    """

    labels: np.ndarray
    diameter: float
    certainty: float
    roundness: float
    spread: float

    @property
    def likeness(self) -> float:
        """How much like yeast these are: clear, round and alike in size; at most 2."""
        return self.certainty + self.roundness - self.spread

    def doubt(self) -> str:
        """Why these are hardly all cells, or cells at all; ``""`` where they seem to be."""
        if not self.labels.any():
            return "nothing in it looks like a cell"
        if self.likeness < LIKE_CELLS:
            return "what stands out in it is too vague, too uneven in size or not round enough to be cells"
        return ""


def outline(image: np.ndarray, diameter: float) -> Outlines:
    """Outline the yeast of a plane.

    Parameters
    ----------
    image : (Y, X) array
        Any picture in which a person sees the cells.
    diameter : float
        Of a cell, in pixels.
    """
    return _outlined(image, diameter, FINAL_DIAMETER)


def seen_diameter(image: np.ndarray) -> float:
    """Of a cell, in pixels: the diameter at which the network is surest of cells that have it."""
    best, most = DIAMETERS[0], -1.0
    for diameter in DIAMETERS:
        found = _outlined(_busiest(image, round(PROBE_SIDE * diameter / SEEN_DIAMETER)), diameter)
        ratio = max(found.diameter, 1.0) / diameter
        sure = found.certainty * np.exp(-(np.log2(ratio) ** 2))
        if sure > most:
            best, most = diameter * float(np.clip(ratio, 1 / CLOSE, CLOSE)), sure
    return best


def _busiest(image: np.ndarray, side: int) -> np.ndarray:
    """The part of an image, at most `side` pixels a side, with most contrast."""
    corner = []
    height, width = (min(side, each) for each in image.shape)
    step = max(1, min(height, width) // 16)
    blocks = [each // step for each in image.shape]
    coarse = image[: blocks[0] * step, : blocks[1] * step].reshape(blocks[0], step, blocks[1], step)
    busy = ndimage.uniform_filter(coarse.astype(np.float32).std((1, 3)), 16, mode="nearest")
    middle = np.unravel_index(int(busy.argmax()), busy.shape)
    for at, length, whole in zip(middle, (height, width), image.shape, strict=True):
        corner.append(int(np.clip(at * step + step // 2 - length // 2, 0, whole - length)))
    return image[corner[0] : corner[0] + height, corner[1] : corner[1] + width]


def _outlined(image: np.ndarray, diameter: float, working: float = SEEN_DIAMETER) -> Outlines:
    """The cells at a diameter, which becomes `working` pixels for the network."""
    scale = working / diameter
    shape = [max(STEP, round(side * scale)) for side in image.shape]
    cell, border, depth = cell_maps(shrunk(image, shape))
    labels = _separated(cell, border, depth)
    areas = np.bincount(labels.ravel())[1:]
    seen = float(2 * np.sqrt(np.median(areas) / np.pi)) / scale if len(areas) else 0.0
    maybe = cell > 0.1
    certainty = float(np.abs(2 * cell[maybe] - 1).mean()) if maybe.any() else 0.0
    widths = np.sqrt(areas)
    spread = float(widths.std() / widths.mean()) if len(areas) else 0.0
    return Outlines(enlarged(labels, image.shape), seen, certainty, roundness(labels), spread)


def roundness(labels: np.ndarray) -> float:
    """Median share of an object that the largest disc in it fills; about 0.6 of yeast with small buds.

    Parameters
    ----------
    labels : (Y, X) integer array
        1..n, at a scale at which objects are some 15 to 30 pixels wide; 0.0 where there is none.
    """
    areas = np.bincount(labels.ravel())[1:]
    if not len(areas):
        return 0.0
    inner = (labels > 0) & (ndimage.maximum_filter(labels, 3) == ndimage.minimum_filter(labels, 3))
    radii = ndimage.maximum(ndimage.distance_transform_edt(inner), labels, np.arange(1, len(areas) + 1))
    return float(np.median(np.pi * (np.asarray(radii) + 0.5) ** 2 / areas))


def _separated(cell: np.ndarray, border: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Labels (Y, X) int32: basins of depth, joined where no border is seen between them."""
    mask = ndimage.binary_fill_holes(cell > 0.5)
    smooth = ndimage.gaussian_filter(depth, 1)
    peaks = feature.peak_local_max(smooth, min_distance=2, threshold_abs=0.05, labels=mask.astype(int))
    seeds = np.zeros(mask.shape, np.int32)
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    labels = segmentation.watershed(-smooth, seeds, mask=mask)
    labels = _joined(labels, border)
    areas = np.bincount(labels.ravel())
    areas[0] = 0
    if areas.any():
        keep = areas >= SMALLEST * np.median(areas[areas > 0])
        labels = segmentation.relabel_sequential(np.where(keep[labels], labels, 0))[0]
    return labels.astype(np.int32)


def _joined(labels: np.ndarray, border: np.ndarray) -> np.ndarray:
    """Join neighbours whose border is unlikely."""
    pairs, values = [], []
    for here, there in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
        a, b = labels[here], labels[there]
        touch = (a != b) & (a > 0) & (b > 0)
        pairs.append(np.sort(np.column_stack([a[touch], b[touch]]), axis=1))
        values.append(np.maximum(border[here][touch], border[there][touch]))
    count = int(labels.max()) + 1
    both = np.concatenate(pairs).astype(np.int64)
    keys, index = np.unique(both[:, 0] * count + both[:, 1], return_inverse=True)
    mean = np.bincount(index, np.concatenate(values), len(keys)) / np.bincount(index, minlength=len(keys))
    first, second = np.divmod(keys[mean < APART], count)
    graph = sparse.coo_array((np.ones(len(first), bool), (first, second)), (count, count))
    return np.asarray(sparse.csgraph.connected_components(graph, directed=False)[1])[labels]
