"""Find cells: yeast as a small network sees them, large ones from their nuclei by thresholds.

Sizes are in units of a cell's diameter, and the image is brought to `WORKING_DIAMETER` pixels a cell before
it is segmented, so that yeast at 60x and human cells at 63x cost and behave alike.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from skimage import feature, filters, measure, segmentation
from skimage.morphology import h_maxima

from napari_organelle.errors import RegionError, UnseenCellsError
from napari_organelle.prepare.outlines import CLOSE, outline, roundness, seen_diameter
from napari_organelle.prepare.shrink import enlarged, shrunk

WORKING_DIAMETER = 26.0
"""Pixels across a cell while segmenting; about what yeast measure at 60x."""

GLOBAL_FACTOR = 0.7
LOCAL_FRACTION = 0.35
"""A pixel is a cell's if it is brighter than the global threshold times the first, and than the second of the
way from the background to the brightest pixels nearby."""

JOIN_AT = 0.6
"""Neighbours are one cell if the brightest point of their border has this share of the dimmer one's."""

SMALLEST, LARGEST_JOINED = 0.47, 2.8
"""Areas in units of a disc of one diameter."""

COARSE_SIDE = 1080
DIAMETER_PER_DEPTH = 2.4

ROUND = 0.67
"""Roundness below which bright blobs are clumps of cells rather than cells."""

WHAT_TO_DO = (
    "Pick a channel that shows whole cells (a cytosol marker, brightfield, phase contrast, DIC) or, for "
    "large cells, a nuclear stain; give outlines of your own as a Labels layer or with --labels; or "
    "classify tiles."
)


def find_cells(
    image: np.ndarray,
    nuclei: np.ndarray | None = None,
    diameter: float | None = None,
    *,
    fills: bool = False,
) -> np.ndarray:
    """Cells of one plane.

    Parameters
    ----------
    image : (Y, X) integer or float array
        Of yeast, a picture in which their outlines can be made out: a stain of the cytosol, a protein over
        the haze that most leave in the cell, brightfield, phase contrast or DIC. With `nuclei` a stain of
        the cell's body, bright on dark.
    nuclei : (Y, X) array, optional
        A nuclear stain; each nucleus then becomes one cell, grown over `image`.
    diameter : float, optional
        Of a cell (with `nuclei`: of a nucleus) in pixels; estimated from the image where not given.
    fills : bool
        Whether `image` is known to be a stain that fills cells, so that mother and bud, which share it, can
        be told from neighbours.

    Returns
    -------
    (Y, X) int32
        1..n, 0 is background.

    Raises
    ------
    RegionError
        If the image is no plane of finite numbers, has no contrast, or cells can't be made out in it.
    """
    for plane in (image,) if nuclei is None else (image, nuclei):
        _require_contrast(plane)
    if nuclei is not None:
        labels = _grow(_blobs(nuclei, diameter)[0], image)
        if not labels.any():
            raise UnseenCellsError(f"No nucleus was found. {WHAT_TO_DO}")
        return labels
    seen = diameter or seen_diameter(image)
    if fills and (blobs := _filled(image, diameter, seen)) is not None:
        return blobs
    found = outline(image, seen)
    if doubt := found.doubt():
        raise UnseenCellsError(f"I can't see cells here: {doubt}. {WHAT_TO_DO}")
    return found.labels


def _filled(image: np.ndarray, diameter: float | None, seen: float) -> np.ndarray | None:
    """Bright blobs, if they are single cells of about the size that the network sees."""
    labels, round_share = _blobs(image, diameter)
    areas = np.bincount(labels.ravel())[1:]
    width = float(np.sqrt(np.median(areas) * 4 / np.pi)) if len(areas) else 0.0
    return labels if round_share >= ROUND and seen / CLOSE < width < seen * CLOSE else None


def _require_contrast(plane: np.ndarray) -> None:
    if plane.ndim != 2 or plane.dtype.kind not in "uif":
        raise RegionError(
            f"expected one plane (Y, X) of real numbers; got {plane.dtype} of shape {plane.shape}"
        )
    low, high = plane.min(), plane.max()
    if not np.isfinite(low) or not np.isfinite(high):
        raise RegionError(
            "the image holds NaN or infinite pixels, so that no threshold can be set. Fill them first."
        )
    if low == high:
        raise RegionError(f"every pixel of the image is {low}, so that no cell can be told from background.")


def _blobs(image: np.ndarray, diameter: float | None) -> tuple[np.ndarray, float]:
    """Bright blobs as (Y, X) int32 labels, found at the working scale, and their roundness."""
    diameter = diameter or _estimate_diameter(image)
    shape = [max(1, round(side * WORKING_DIAMETER / diameter)) for side in image.shape]
    working = _resized(image, shape)
    background, threshold = _levels(working)
    labels = _split(_foreground(working, background, threshold))
    labels = segmentation.expand_labels(_join(labels, working - background), 2)
    disc = np.pi / 4 * WORKING_DIAMETER**2
    keep = np.bincount(labels.ravel()) >= SMALLEST * disc
    keep[0] = False
    labels = segmentation.relabel_sequential(np.where(keep[labels], labels, 0))[0]
    return enlarged(labels, image.shape), roundness(labels)


def _estimate_diameter(image: np.ndarray) -> float:
    """Typical diameter in pixels, from how deep the foreground's bulges are."""
    factor = max(1.0, max(image.shape) / COARSE_SIDE)
    coarse = _resized(image, [max(1, round(side / factor)) for side in image.shape], blur=2)
    depth = filters.gaussian(
        ndimage.distance_transform_edt(ndimage.binary_fill_holes(coarse > _levels(coarse)[1])), 2
    )
    peaks = feature.peak_local_max(depth, min_distance=3, threshold_abs=2)
    if not len(peaks):
        return WORKING_DIAMETER
    radii = np.sort(depth[tuple(peaks.T)])
    weights = np.cumsum(radii**2)
    middle = radii[np.searchsorted(weights, weights[-1] / 2)]
    return float(DIAMETER_PER_DEPTH * factor * np.median(radii[(radii > middle / 2) & (radii < middle * 2)]))


def _resized(image: np.ndarray, shape: list[int], blur: float = 1) -> np.ndarray:
    return ndimage.gaussian_filter(shrunk(image, shape), blur)


def _levels(image: np.ndarray) -> tuple[float, float]:
    """Brightness of the background, and Otsu's threshold of the logarithm."""
    floor = image.min()
    logarithm = np.log(image - floor + max(1e-6, 0.01 * float(image.mean() - floor)))
    bright = logarithm > filters.threshold_otsu(logarithm)
    return float(np.median(image[~bright])), float(image[bright].min())


def _foreground(image: np.ndarray, background: float, threshold: float) -> np.ndarray:
    size = round(WORKING_DIAMETER)
    nearby = filters.gaussian(ndimage.maximum_filter(image, size), size / 4, preserve_range=True)
    above = image - background
    mask = (above > GLOBAL_FACTOR * (threshold - background)) & (
        above > LOCAL_FRACTION * (nearby - background)
    )
    return ndimage.binary_opening(ndimage.binary_fill_holes(mask))


def _split(mask: np.ndarray) -> np.ndarray:
    depth = filters.gaussian(ndimage.distance_transform_edt(mask), 1.5, preserve_range=True)
    return segmentation.watershed(-depth, measure.label(h_maxima(depth, 0.5)), mask=mask)


def _join(labels: np.ndarray, brightness: np.ndarray) -> np.ndarray:
    """Join neighbours whose border is bright: bud and mother share their cytosol, cells that touch don't."""
    count = int(labels.max())
    area = np.bincount(labels.ravel(), minlength=count + 1)
    inside = labels > 0
    typical = np.zeros(count + 1)
    typical[1:] = ndimage.median(brightness[inside], labels[inside], np.arange(1, count + 1))
    first, second, bridge = _borders(labels, brightness)
    share = bridge / np.maximum(np.minimum(typical[first], typical[second]), 1e-6)
    limit = LARGEST_JOINED * np.pi / 4 * WORKING_DIAMETER**2
    parent = list(range(count + 1))

    def root(label: int) -> int:
        while parent[label] != label:
            parent[label] = label = parent[parent[label]]
        return label

    for index in np.argsort(-share):
        if share[index] < JOIN_AT:
            break
        a, b = root(int(first[index])), root(int(second[index]))
        if a != b and area[a] + area[b] < limit:
            parent[b] = a
            area[a] += area[b]
    return np.array([root(label) for label in range(count + 1)])[labels]


def _borders(labels: np.ndarray, brightness: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of labels that touch, and the brightest point of each pair's border."""
    pairs, values = [], []
    for here, there in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
        a, b = labels[here], labels[there]
        touch = (a != b) & (a > 0) & (b > 0)
        pairs.append(np.sort(np.column_stack([a[touch], b[touch]]), axis=1))
        values.append(np.minimum(brightness[here][touch], brightness[there][touch]))
    unique, index = np.unique(np.concatenate(pairs), axis=0, return_inverse=True)
    brightest = np.full(len(unique), -np.inf)
    np.maximum.at(brightest, index.ravel(), np.concatenate(values))
    return unique[:, 0], unique[:, 1], brightest


def _grow(nuclei: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Nuclei to cells, over the bright parts of the image and at most a nucleus's width away."""
    typical = float(np.sqrt(np.median(np.bincount(nuclei.ravel())[1:]))) if nuclei.any() else 1.0
    shape = [max(1, round(side * WORKING_DIAMETER / typical)) for side in image.shape]
    working = _resized(image, shape, blur=2)
    seeds = enlarged(nuclei, shape)
    near = ndimage.distance_transform_edt(seeds == 0) < 1.5 * WORKING_DIAMETER
    background, threshold = _levels(working)
    mask = near & (working - background > GLOBAL_FACTOR * (threshold - background)) | (seeds > 0)
    cells = segmentation.watershed(-working, seeds, mask=mask)
    return enlarged(cells, image.shape)
