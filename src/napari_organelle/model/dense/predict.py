"""Overlapping tiles at about the price of touching ones: convolutions once, pooled tile by tile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import numpy as np

from napari_organelle.errors import BundleError, DeviceError, ReadError
from napari_organelle.model.bundle import ModelBundle
from napari_organelle.model.dense.compare import compare
from napari_organelle.model.dense.network import TilesOfBlock, compile_logits
from napari_organelle.model.engine.device import choose_device, out_of_memory_errors
from napari_organelle.model.engine.loaded import LoadedModel, load
from napari_organelle.model.networks.onnx_file import OnnxNetwork
from napari_organelle.model.networks.plan import NetworkPlan
from napari_organelle.model.predict import (
    AHEAD,
    NO_NUMBER,
    NOT_FINITE,
    collect,
    count_unread,
    predict,
    read_ahead,
)
from napari_organelle.model.prediction import BatchDone
from napari_organelle.model.scoring.calibrate import probabilities
from napari_organelle.model.spec import ModelSpec
from napari_organelle.prepare.channels import ChannelMap
from napari_organelle.prepare.cut import iter_windows, unfit_items
from napari_organelle.prepare.dense import (
    BLOCK_PX,
    TileBlock,
    dense_input,
    grid_rows,
    strips,
    tile_blocks,
)
from napari_organelle.prepare.regions import Regions, item_sizes
from napari_organelle.read.image_set import ImageSet

SAMPLE, SAMPLED_SHARE = 256, 64
"""Tiles of an image at most, and one of how many, that are answered the exact way too, to compare."""


def predict_dense(
    bundle: ModelBundle, image_set: ImageSet, regions: Regions, channel_map: ChannelMap, device: str = "auto"
) -> Iterator[BatchDone]:
    """Classify tiles from feature maps that overlapping ones share; close the generator to stop.

    Convolutions see a tile's real neighbours where the exact way (`predict.predict`) sees zeros, and pixels
    are scaled by percentiles that are interpolated between tiles, so that answers differ. They are from one
    view, also where the model averages over 8 (`views`). Some tiles are answered the exact way as well, with
    the views that the model has, and the last report says how well the two agree.

    Parameters
    ----------
    bundle, image_set, regions, channel_map, device
        As for `predict.predict`. Where Keras can't use the device, convolutions run on the CPU. Where the
        device's memory does not hold a block, it is halved, with a note; what is around a tile then ends
        at the halo, and answers differ a little.

    Yields
    ------
    BatchDone
        In the regions' order, without gaps; empty ones while a row of blocks isn't complete.

    Raises
    ------
    RegionError
        If the regions are no tiles, or not whole rows of blocks (`prepare.dense.tile_blocks`).
    BundleError
        If the network has the head ``"notebook2019"``, or the weights were altered.
    DeviceError
        If the device isn't there, or its memory does not hold a row of a block's tiles.
    """
    channel_map.require()
    spec, total, sizes = bundle.spec, len(regions), item_sizes(image_set)
    if problem := dense_problem(spec.network):
        raise BundleError(problem)
    blocks = list(tile_blocks(regions, sizes, spec.pixels.input_size))
    model = load(bundle, dense_device(device))
    answers_of_all = np.full((total, len(spec.classes)), np.nan, np.float32)
    # dense answers differ a little: how much on these images is measured in each run, not promised
    sample = sample_rows(regions, sizes)
    sampled = replace(regions, windows=regions.windows[sample], ids=regions.ids[sample])
    exact = []
    for batch in predict(bundle, image_set, sampled, channel_map, device=device):
        exact.append(batch)
        yield BatchDone(0, 0, answers_of_all[:0], total)
    start, reasons, notes = 0, Counter[str](), list[str]()
    prepared = _prepare(image_set, regions, channel_map, spec, blocks)
    for block, why, logits, note in _run(compile_logits(model), prepared, model):
        answers = probabilities(logits, spec.task, spec.temperature)
        answers_of_all[block.rows[why == ""]] = answers
        reasons[NO_NUMBER] += int((~np.isfinite(answers)).any(axis=1).sum())
        reasons.update(filter(None, why.ravel()))
        notes.append(note)
        if not block.last:
            yield BatchDone(start, start, answers_of_all[:0], total)
            continue
        stop = int(block.rows[-1, -1]) + 1
        report = (
            compare(collect(exact, sampled, bundle), answers_of_all[sample], spec) if stop == total else None
        )
        yield BatchDone(
            start, stop, answers_of_all[start:stop].copy(), total, " ".join(filter(None, notes)),
            count_unread(reasons), report, reasons=reasons,
        )  # fmt: skip
        start, reasons, notes = stop, Counter(), []


def dense_problem(network: NetworkPlan | OnnxNetwork) -> str:
    """Why a network can't share its work between tiles, with what to do; ``""`` where it can."""
    if network.shares_tiles:
        return ""
    return (
        "Tiles can share their work only where the network is this plugin's and pools means and maxima; this "
        "model is an ONNX file, or has the head of the 2019 notebooks, which looks at fixed places of each "
        "tile. Switch 'dense' off."
    )


def dense_device(name: str) -> str:
    """The device of that name, or the CPU where Keras can't use it."""
    return name if choose_device(name).runs_keras else "cpu"


Prepared = tuple[TileBlock, np.ndarray, np.ndarray]
"""A block, its (1, H, W, 3) network input, and why each of its (n_y, n_x) tiles can't be classified."""

Answered = tuple[TileBlock, np.ndarray, np.ndarray, str]
"""A block, why each of its tiles can't be classified, a row for each of those that can, and a note."""


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


def _run(run: TilesOfBlock, prepared: Iterator[Prepared], model: LoadedModel) -> Iterator[Answered]:
    """The network on blocks, while the next ones are read."""
    rows_at_once = BLOCK_PX
    with closing(read_ahead(prepared, AHEAD)) as ahead:
        for block, image, reasons in ahead:
            fit = reasons == ""
            if not fit.any():
                yield block, reasons, np.zeros((0, 1), np.float32), ""
                continue
            rows, fitting = _answer(run, model, block, image, rows_at_once)
            full = f"The device's memory was full: {fitting} rows of tiles at once now."
            grid = rows.reshape(len(block.tops), len(block.lefts), -1)
            yield block, reasons, grid[: fit.shape[0], : fit.shape[1]][fit], full * (fitting < rows_at_once)
            rows_at_once = fitting


def _answer(
    run: TilesOfBlock, model: LoadedModel, block: TileBlock, image: np.ndarray, rows_at_once: int
) -> tuple[np.ndarray, int]:
    """A row for each tile of a block, and how many rows of tiles at once the device's memory held."""
    side = model.bundle.spec.pixels.input_size
    while True:
        try:
            parts = [
                run(strip, tops[None], block.lefts[None])
                for strip, tops in strips(image, block.tops, rows_at_once, side)
            ]
        except out_of_memory_errors() as error:
            rows_at_once = min(rows_at_once, len(block.tops)) // 2
            if not rows_at_once:
                raise DeviceError(
                    f"The memory of {model.device.name} does not hold a row of a block's tiles: close other "
                    "programs, or choose the device cpu or the exact way."
                ) from error
        else:
            return np.concatenate(parts), rows_at_once


def sample_rows(regions: Regions, sizes: np.ndarray) -> np.ndarray:
    """Tiles that are answered the exact way too: random ones of each item, the same however it is cut.

    Parameters
    ----------
    regions : Regions
        All tiles, or whole rows.
    sizes : (N, 2) int64
        Height and width of every item in pixels.

    Returns
    -------
    (n,) int64
        Rows of the regions, increasing.
    """
    sampled = [np.zeros(0, np.int64)]
    for grid in grid_rows(regions, sizes):
        columns = grid.rows.shape[1]
        total = grid.count * columns
        count = min(SAMPLE, -(-total // SAMPLED_SHARE))
        places = np.random.default_rng(0).choice(total, count, replace=False) - grid.first * columns
        sampled.append(grid.rows.ravel()[places[(places >= 0) & (places < grid.rows.size)]])
    return np.sort(np.concatenate(sampled))
