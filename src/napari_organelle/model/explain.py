"""Why a region is called so: where hiding pixels changes the answer. It works on every device."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from napari_organelle.errors import ReadError
from napari_organelle.model.bundle import ModelBundle
from napari_organelle.model.engine.loaded import load
from napari_organelle.model.predict import answer, fitting_batch
from napari_organelle.prepare.channels import ChannelMap
from napari_organelle.prepare.cut import cut
from napari_organelle.prepare.pixels import network_input
from napari_organelle.read.image_set import ImageSet

PATCHES = 8
"""Patches along a side of the crop that would lie beside each other; they overlap by half."""

LEAST_CHANGE = 0.02
"""Mean change of a patch's pixels, in [0, 1], below which hiding it changes nothing that can be seen."""

SOFTEST = 1e-6
"""Probabilities are kept this far from 0 and 1 where odds are taken."""


@dataclass(frozen=True)
class Explanation:
    """What one answer rests on.

    Parameters
    ----------
    crop : (n, n, 3) float32
        RGB in [0, 1]: the region as the network sees it.
    probabilities : (K,) float32
        Of its classes, from this one view.
    target : int
        The class that is explained.
    heat : (n, n) float32
        Where the class's log-odds come from: the fall when a patch is hidden, shared among its pixels by
        how much hiding changed each, and summed over patches; 0 where the odds rise.
    """

    crop: np.ndarray
    probabilities: np.ndarray
    target: int
    heat: np.ndarray


@dataclass(frozen=True)
class HiddenDone:
    """How many of all patches have been hidden, and what is known before."""

    crop: np.ndarray
    probabilities: np.ndarray
    done: int
    total: int


def explain(
    bundle: ModelBundle,
    image_set: ImageSet,
    window: np.ndarray,
    channel_map: ChannelMap,
    target: int | None = None,
    device: str = "auto",
) -> Iterator[HiddenDone | Explanation]:
    """Hide one patch of a region after the other and watch the answer (occlusion: Zeiler and Fergus 2014).

    A patch is hidden under a blurred copy of the crop, so that it loses its structure and keeps its
    brightness, and no edge appears. Averaged views are not used: they have no place.

    Parameters
    ----------
    bundle : ModelBundle
        The model.
    image_set : ImageSet
        Where the region lies.
    window : (5,) int64
        Item, y, x, height, width, in pixels.
    channel_map : ChannelMap
        Which channel fills each slot of the model.
    target : int, optional
        The class to explain; the likeliest where not given.
    device : str
        As for `predict`.

    Yields
    ------
    HiddenDone
        First with the whole crop's answer, then after each batch.
    Explanation
        At the end.

    Raises
    ------
    ReadError
        If the region can't be read or has pixels that are no numbers.
    BundleError, DeviceError
        As for `predict`.
    """
    pieces = cut(image_set, np.asarray(window, np.int64)[None], channel_map.indices)
    crop = network_input(pieces, bundle.spec.pixels)[0]
    if not np.isfinite(crop).all():
        raise ReadError("the region has pixels that are NaN or infinite, so it has no answer to explain.")
    model = load(bundle, device)
    size = fitting_batch(bundle.spec.pixels.input_size, model.device)
    whole, size = answer(model.probabilities, model.device, crop[None], size)
    chosen = int(whole[0].argmax()) if target is None else target
    masks = patches(crop)
    yield HiddenDone(crop, whole[0], 0, len(masks))
    falls = np.empty(len(masks), np.float32)
    blurred = blur(crop)
    for start in range(0, len(masks), size):
        part = masks[start : start + size, :, :, None]
        hidden = crop * (1 - part) + blurred * part
        answers, size_now = answer(model.probabilities, model.device, hidden, size)
        falls[start : start + size] = log_odds(whole[0, chosen]) - log_odds(answers[:, chosen])
        size = size_now
        yield HiddenDone(crop, whole[0], min(start + len(part), len(masks)), len(masks))
    yield Explanation(crop, whole[0], chosen, heat_map(masks, falls, change(crop)))


def blur(crop: np.ndarray) -> np.ndarray:
    """A crop (n, n, 3) without structure smaller than a patch."""
    from scipy.ndimage import gaussian_filter

    return np.asarray(gaussian_filter(crop, (crop.shape[0] / PATCHES, crop.shape[1] / PATCHES, 0)))


def change(crop: np.ndarray) -> np.ndarray:
    """(n, n) float: by how much hiding would change each pixel of a crop (n, n, 3), mean of its colours."""
    return np.asarray(np.abs(crop - blur(crop)).mean(axis=-1))


def patches(crop: np.ndarray) -> np.ndarray:
    """(P, n, n) float32 masks in [0, 1] with soft edges, of the patches that hiding would change."""
    side = crop.shape[0]
    step = side / PATCHES / 2
    centres = (np.arange(2 * PATCHES) + 0.5) * step
    along = np.exp(-(((np.arange(side) + 0.5 - centres[:, None]) / step) ** 2) / 2).astype(np.float32)
    masks = (along[:, None, :, None] * along[None, :, None, :]).reshape(-1, side, side)
    changed = np.tensordot(masks, change(crop), 2) / masks.sum(axis=(1, 2))
    return np.asarray(masks[changed >= min(LEAST_CHANGE, changed.max())])


def heat_map(masks: np.ndarray, falls: np.ndarray, changed: np.ndarray) -> np.ndarray:
    """Falls (P,) of patches (P, n, n), each shared among its pixels by their change: (n, n) float32."""
    shares = masks * changed
    totals = shares.sum(axis=(1, 2))
    weights = np.divide(np.maximum(falls, 0), totals, out=np.zeros_like(totals), where=totals > 0)
    return np.asarray(np.tensordot(weights, shares, 1), np.float32)


def log_odds(probabilities: np.ndarray) -> np.ndarray:
    """Of probabilities in [0, 1]."""
    kept = np.clip(np.asarray(probabilities, np.float64), SOFTEST, 1 - SOFTEST)
    return np.asarray(np.log(kept / (1 - kept)))
