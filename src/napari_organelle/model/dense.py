"""Overlapping tiles at about the price of touching ones: convolutions once, pooled tile by tile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import numpy as np

from napari_organelle.errors import BundleError, DeviceError, ReadError
from napari_organelle.model.bundle import ModelBundle
from napari_organelle.model.calibrate import probabilities
from napari_organelle.model.dense_network import TilesOfBlock, compile_features, compile_logits
from napari_organelle.model.device import BACKENDS, Device, choose_device, out_of_memory_errors
from napari_organelle.model.loaded import LoadedModel
from napari_organelle.model.predict import (
    AHEAD,
    NOT_FINITE,
    collect,
    predict,
    read_ahead,
    unclassified,
)
from napari_organelle.model.prediction import UNSURE, BatchDone, Prediction
from napari_organelle.model.spec import ModelSpec
from napari_organelle.model.vgg16 import NetworkPlan
from napari_organelle.prepare.channels import ChannelMap
from napari_organelle.prepare.cut import iter_windows, unfit_items
from napari_organelle.prepare.dense import TileBlock, dense_input, fitting_stride, tile_blocks
from napari_organelle.prepare.regions import Regions
from napari_organelle.read.image_set import ImageSet

SAMPLE, SAMPLED_SHARE = 256, 64
"""Tiles at most, and one of how many, that are answered the exact way too, to compare."""

ENOUGH = 0.98
"""Share of equal calls below which the exact way is advised."""


def predict_dense(
    bundle: ModelBundle, image_set: ImageSet, regions: Regions, channel_map: ChannelMap, device: str = "auto"
) -> Iterator[BatchDone]:
    """Classify tiles from feature maps that overlapping ones share; close the generator to stop.

    Convolutions see a tile's real neighbours where the exact way (`predict.predict`) sees zeros, and pixels
    are scaled by percentiles that are interpolated between tiles, so that answers differ. Some tiles are
    answered the exact way as well, and the last report's note says how well the two agree.

    Parameters
    ----------
    bundle, image_set, regions, channel_map, device
        As for `predict.predict`. Where Keras can't use the device, convolutions run on the CPU.

    Yields
    ------
    BatchDone
        In the regions' order, without gaps; empty ones while a row of blocks isn't complete.

    Raises
    ------
    RegionError
        If the regions are no tiles.
    BundleError
        If the network has the head ``"seed"``, or the weights were altered.
    DeviceError
        If the device isn't there, or its memory does not hold a block.
    """
    channel_map.require()
    spec, total = bundle.spec, len(regions)
    if problem := dense_problem(spec.network):
        raise BundleError(problem)
    blocks = list(tile_blocks(regions, spec.pixels.input_size))
    model = _load(bundle, device)
    told = np.full((total, len(spec.classes)), np.nan, np.float32)
    sample = sample_rows(total)
    few = replace(regions, windows=regions.windows[sample], ids=regions.ids[sample])
    exact = []
    for batch in predict(bundle, image_set, few, channel_map, device=device):
        exact.append(batch)
        yield BatchDone(0, 0, told[:0], total)
    start, reasons = 0, Counter[str]()
    prepared = _prepare(image_set, regions, channel_map, spec, blocks)
    for block, why, logits in _run(compile_logits(model), prepared, model.device):
        told[block.rows[why == ""]] = probabilities(logits, spec.task, spec.temperature)
        reasons.update(filter(None, why.ravel()))
        if not block.last:
            yield BatchDone(start, start, told[:0], total)
            continue
        stop = int(block.rows[-1, -1]) + 1
        notes = [unclassified(reasons)]
        if stop == total:
            told_exactly = collect(exact, few, bundle)
            notes += [placement_note(regions, spec), agreement_note(told_exactly, told[sample], spec)]
        yield BatchDone(start, stop, told[start:stop].copy(), total, " ".join(filter(None, notes)))
        start, reasons = stop, Counter()


def dense_problem(network: NetworkPlan) -> str:
    """Why a network can't share its work between tiles, with what to do; ``""`` where it can."""
    if network.head == "pooled":
        return ""
    return (
        "Tiles can share their work only where the network pools means and maxima; this model has the seed's "
        "head, which looks at fixed places of each tile. Switch 'dense' off."
    )


def _load(bundle: ModelBundle, device: str) -> LoadedModel:
    """The bundle's network on a device, or on the CPU where Keras can't use that device."""
    return bundle.load(device if choose_device(device).backend in BACKENDS else "cpu")


Prepared = tuple[TileBlock, np.ndarray, np.ndarray]
"""A block, its (1, H, W, 3) network input, and why each of its (n_y, n_x) tiles can't be classified."""

Answered = tuple[TileBlock, np.ndarray, np.ndarray]
"""A block, why each of its tiles can't be classified, and a row for each of those that can."""


def _prepare(
    image_set: ImageSet, regions: Regions, channel_map: ChannelMap, spec: ModelSpec, blocks: list[TileBlock]
) -> Iterator[Prepared]:
    """Read blocks and make them network input."""
    unfit = unfit_items(image_set, channel_map.required_indices())
    windows = np.array([block.window for block in blocks])
    tile = int(regions.windows[0, 3])
    for block, piece in zip(blocks, iter_windows(image_set, windows, channel_map.indices), strict=True):
        if isinstance(piece, ReadError):
            raw, reason = np.zeros((len(channel_map.slots), *block.window[3:]), np.uint8), str(piece)
        else:
            raw, reason = piece, unfit.get(int(block.window[0]), "")
        reasons = np.full(block.rows.shape, reason, object)
        if not reason:
            reasons[_broken(raw, block, regions)] = NOT_FINITE
        yield block, dense_input(raw, spec.pixels, tile), reasons


def _broken(raw: np.ndarray, block: TileBlock, regions: Regions) -> np.ndarray:
    """(n_y, n_x) bool: which of a block's tiles hold NaN or infinite pixels; `raw` is (S, height, width)."""
    broken = np.zeros(block.rows.shape, bool)
    finite = np.asarray(np.isfinite(raw).all(axis=0))
    if not finite.all():
        corners = regions.windows[block.rows, 1:] - [*block.window[1:3], 0, 0]
        for place in np.ndindex(broken.shape):
            y, x, height, width = corners[place]
            broken[place] = not finite[y : y + height, x : x + width].all()
    return broken


def _run(run: TilesOfBlock, prepared: Iterator[Prepared], device: Device) -> Iterator[Answered]:
    """The network on blocks, while the next ones are read."""
    with closing(read_ahead(prepared, AHEAD)) as ahead:
        for block, image, reasons in ahead:
            fit = reasons == ""
            if not fit.any():
                yield block, reasons, np.zeros((0, 1), np.float32)
                continue
            try:
                rows = run(image, block.tops[None], block.lefts[None])
            except out_of_memory_errors() as error:
                raise DeviceError(
                    f"The memory of {device.name} does not hold a block of tiles: close other programs, "
                    "or choose the device cpu or the exact way."
                ) from error
            grid = rows.reshape(len(block.tops), len(block.lefts), -1)
            yield block, reasons, grid[: fit.shape[0], : fit.shape[1]][fit]


def dense_features(
    bundle: ModelBundle, image_set: ImageSet, regions: Regions, channel_map: ChannelMap, device: str = "auto"
) -> np.ndarray:
    """Features of tiles from maps that they share, on which a head for the dense way is fitted.

    Parameters
    ----------
    bundle, image_set, regions, channel_map, device
        As for `predict_dense`.

    Returns
    -------
    (R, features) float32
        NaN where a tile can't be classified.
    """
    spec, model = bundle.spec, _load(bundle, device)
    width = spec.network.feature_count(spec.pixels.input_size)
    features = np.full((len(regions), width), np.nan, np.float32)
    blocks = list(tile_blocks(regions, spec.pixels.input_size))
    prepared = _prepare(image_set, regions, channel_map, spec, blocks)
    for block, reasons, rows in _run(compile_features(model), prepared, model.device):
        features[block.rows[reasons == ""]] = rows
    return features


def sample_rows(total: int) -> np.ndarray:
    """Random tiles that are answered the exact way too, the same ones each time; their cost stays small."""
    count = min(SAMPLE, -(-total // SAMPLED_SHARE))
    return np.sort(np.random.default_rng(0).choice(total, count, replace=False))


def placement_note(regions: Regions, spec: ModelSpec) -> str:
    """What to know where tiles don't lie on whole pixels of the coarsest features; ``""`` where they do."""
    tile, coarsest = int(regions.windows[0, 3]), 2 ** (spec.network.blocks[-1] - 1)
    fitting = fitting_stride(tile, spec.pixels.input_size, coarsest)
    if (regions.stride or tile) % fitting == 0:
        return ""
    step = coarsest * tile / spec.pixels.input_size
    return (
        f"Dense: the coarsest features are taken to the nearest {step:.3g} px; "
        f"tiles lie exactly with a stride of {fitting} px or a multiple."
    )


def agreement_note(exact: Prediction, told: np.ndarray, spec: ModelSpec) -> str:
    """How well the dense way agrees with the exact one.

    Parameters
    ----------
    exact : Prediction
        Of the sampled tiles.
    told : (n, K) float32
        Probabilities of the same tiles by the dense way.
    spec : ModelSpec
        Of the model, for its thresholds.
    """
    both = exact.answered() & np.isfinite(told).all(axis=1)
    if not both.any():
        return ""
    one, other = (
        np.array(p.called(np.array(spec.thresholds)))[both]
        for p in (exact, replace(exact, probabilities=told))
    )
    equal, sure = int((one == other).sum()), one != UNSURE
    apart = float(np.abs(exact.probabilities - told)[both].mean())
    note = (
        f"Dense: {equal} of {both.sum()} sampled tiles called as exactly, "
        f"{(one == other)[sure].sum()} of the {sure.sum()} that are not unsure; "
        f"mean difference of probabilities {apart:.3f}."
    )
    if equal < ENOUGH * both.sum():
        note += f" That is below {ENOUGH:.0%}: for these images use the exact way."
    return note
