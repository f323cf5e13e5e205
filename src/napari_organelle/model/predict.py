"""Regions in, probabilities out, a batch at a time, while the next batches are read and prepared."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar, cast

import numpy as np

from napari_organelle.errors import DeviceError, ReadError, RegionError
from napari_organelle.model.bundle import ModelBundle
from napari_organelle.model.domain import read_domain, with_excess
from napari_organelle.model.engine.device import Device, out_of_memory_errors
from napari_organelle.model.engine.loaded import load
from napari_organelle.model.engine.views import over_views
from napari_organelle.model.prediction import BatchDone, Prediction
from napari_organelle.prepare.channels import ChannelMap
from napari_organelle.prepare.cut import iter_windows, unfit_items
from napari_organelle.prepare.fields import parts_of
from napari_organelle.prepare.pixels import PixelPlan, network_input
from napari_organelle.prepare.regions import Regions
from napari_organelle.read.image_set import ImageSet

T = TypeVar("T")
Answering = Callable[[np.ndarray], np.ndarray]

AHEAD = 3
"""Batches that are read and prepared ahead of the network."""

CPU_BATCH_PIXELS = 32 * 64 * 64
"""Pixels of network input in a batch on a CPU whose size isn't given: the first block's 64 feature maps are
then as large as a processor's last cache (33 MB). Weights as constants gained nothing over variables."""

GPU_BATCH_PIXELS = 256 * 224 * 224
"""As `CPU_BATCH_PIXELS`, on a GPU whose memory is not known; halved where it does not hold them."""

GPU_BYTES_A_PIXEL = 1024
"""Of a GPU's memory for a pixel of network input: the 64 float32 maps before and after a convolution of the
first block take 512, and as much is left to its workspace and to others."""

MAX_BATCH = 1024

NOT_FINITE = "pixels that are NaN or infinite"
NO_NUMBER = "the model's answer is no number: its weights or the pixels are too large"
EMPTY = "no contrast in a channel that the model needs"


@dataclass(frozen=True)
class PreparedBatch:
    """Network input of consecutive regions.

    Parameters
    ----------
    start : int
        Row of the first.
    inputs : (P, n, n, 3) float32
        In [0, 1], of the parts of B regions; zeros where a part is unfit.
    reasons : tuple of str
        Why each of the B regions can't be classified; ``""`` where it can.
    rows : (P,) int64
        Which of the B regions each input is a part of, or -1 where a part is unfit: it does not count.
    """

    start: int
    inputs: np.ndarray
    reasons: tuple[str, ...]
    rows: np.ndarray

    def by_region(self, answers: np.ndarray) -> np.ndarray:
        """Mean of each region's fit parts: (P, K) to (B, K), NaN where a region has none."""
        sums = np.zeros((len(self.reasons), answers.shape[1]))
        fit = self.rows >= 0
        np.add.at(sums, self.rows[fit], answers[fit])
        counts = np.bincount(self.rows[fit], minlength=len(sums))[:, None]
        return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0).astype(np.float32)

    def unread(self) -> int:
        """How many of the regions could not be read or lack a channel."""
        return count_unread(Counter(self.reasons))


def count_unread(reasons: Counter[str]) -> int:
    """How many regions could not be read or lack a channel, by why they have no answer."""
    return sum(count for reason, count in reasons.items() if reason not in ("", EMPTY))


def notes_of(batches: Iterable[BatchDone]) -> list[str]:
    """What is to be told of a run: its notes, once each, and how many regions have no answer and why."""
    reasons, notes = Counter[str](), dict[str, None]()
    for batch in batches:
        reasons.update(batch.reasons)
        notes[batch.note] = None
    unanswered = [
        f"{count:,} not classified: {reason.rstrip('.')}." for reason, count in reasons.items() if count
    ]
    return [*filter(None, notes), *unanswered]


def predict(
    bundle: ModelBundle,
    image_set: ImageSet,
    regions: Regions,
    channel_map: ChannelMap,
    *,
    device: str = "auto",
    batch_size: int | None = None,
) -> Iterator[BatchDone]:
    """Classify regions; close the generator to stop.

    Parameters
    ----------
    bundle : ModelBundle
        The model; loaded when the first batch is asked for.
    image_set : ImageSet
        Pixels in memory or lazy; a lazy set is read in bounded blocks.
    regions : Regions
        R windows.
    channel_map : ChannelMap
        Which channel fills each slot of the model.
    device : str
        ``"auto"``, ``"cpu"``, ``"openvino"``, ``"gpu:0"``...
    batch_size : int, optional
        Windows that the network takes at once; fitted to the device where not given. Halved, with a note,
        when the device's memory is full.

    Yields
    ------
    BatchDone
        In the regions' order, without gaps. Regions that can't be read, hold a NaN or infinite pixel, lack a
        required channel or have no contrast in one, as empty tiles, get NaN probabilities and a note. Where
        the model brings its domain, it is told which regions are unlike the training pictures.

    Raises
    ------
    ChannelError
        If a required slot is empty.
    ReadError
        If pixels are bool or complex.
    RegionError
        If a window is empty or off its image, or the batch size is not positive.
    BundleError
        If the weights were altered.
    DeviceError
        If the device isn't there, or its memory does not hold a single window.
    """
    channel_map.require()
    if batch_size is not None and batch_size < 1:
        raise RegionError(f"batch_size must be at least 1, not {batch_size}")
    model = load(bundle, device)
    domain = read_domain(bundle)
    run = over_views(with_excess(model.answers, domain) if domain else model.probabilities, bundle.spec.views)
    classes = len(bundle.spec.classes)
    plan = bundle.spec.pixels
    size = batch_size or fitting_batch(plan.input_size, model.device)
    prepared = prepare_batches(image_set, regions, channel_map, plan, size)
    with closing(read_ahead(prepared, AHEAD)) as batches:
        for batch in batches:
            answers, fitting = answer(run, model.device, batch.inputs, size)
            columns = batch.by_region(answers)
            probabilities, excess = columns[:, :classes], columns[:, classes:]
            note = ""
            if fitting < size:
                note = f"The device's memory was full: {fitting} regions at once now, no longer {size}."
                size = fitting
            reasons = Counter(filter(None, batch.reasons))
            unfit = np.array(batch.reasons) != ""
            if wrong := int((~np.isfinite(probabilities[~unfit])).any(axis=1).sum()):
                reasons[NO_NUMBER] += wrong
            stop = batch.start + len(probabilities)
            yield BatchDone(
                batch.start, stop, probabilities, len(regions), note, batch.unread() + wrong,
                reasons=reasons,
                unlike=excess[:, 0] > 0 if domain else None,
            )  # fmt: skip


def collect(batches: Iterable[BatchDone], regions: Regions, bundle: ModelBundle) -> Prediction:
    """Gather what `predict` yields; regions that it did not reach are NaN.

    Parameters
    ----------
    batches : iterable of BatchDone
        All of them, or those that came before a stop.
    regions : Regions
        As given to `predict`.
    bundle : ModelBundle
        As given to `predict`.
    """
    spec = bundle.spec
    probabilities = np.full((len(regions), len(spec.classes)), np.nan, np.float32)
    unlike = None
    for batch in batches:
        probabilities[batch.start : batch.stop] = batch.probabilities
        if batch.unlike is not None:
            unlike = np.zeros(len(regions), bool) if unlike is None else unlike
            unlike[batch.start : batch.stop] = batch.unlike
    return Prediction(regions, probabilities, spec.class_names, spec.task, bundle.id, spec.thresholds, unlike)


def fitting_batch(input_size: int, device: Device) -> int:
    """Batch size for inputs of `input_size` pixels a side on a device: a power of two."""
    pixels = CPU_BATCH_PIXELS
    if device.is_gpu:
        pixels = device.memory_bytes // GPU_BYTES_A_PIXEL or GPU_BATCH_PIXELS
    return min(MAX_BATCH, _power_of_two(max(1, pixels // input_size**2)))


def prepare_batches(
    image_set: ImageSet, regions: Regions, channel_map: ChannelMap, plan: PixelPlan, size: int
) -> Iterator[PreparedBatch]:
    """Read and prepare regions, as many as have `size` windows, at least one; fields have several each."""
    unfit = unfit_items(image_set, channel_map.required_indices())
    # a whole field is answered by several windows, which are to meet in one batch
    parts, region_of = parts_of(regions, image_set, plan)
    ends = np.searchsorted(region_of, np.arange(len(regions)), side="right")
    windows = iter_windows(image_set, parts, channel_map.indices)
    blank = np.zeros((len(channel_map.slots), 1, 1), image_set.data.dtype)
    needed = [number for number, slot in enumerate(channel_map.slots) if slot.required]
    start = first = 0
    while start < len(regions):
        stop = max(start + 1, int(np.searchsorted(ends, first + size, side="right")))
        last = int(ends[stop - 1])
        pieces = list(islice(windows, last - first))
        inputs = network_input([blank if isinstance(piece, ReadError) else piece for piece in pieces], plan)
        broken = ~np.isfinite(inputs[:, 0, 0, 0])
        inputs[broken] = 0
        faults = [
            str(piece) if isinstance(piece, ReadError) else unfit.get(item, "") or _fault(piece, bad, needed)
            for piece, bad, item in zip(pieces, broken, parts[first:last, 0].tolist(), strict=True)
        ]
        yield PreparedBatch(start, inputs, *_by_region(faults, region_of[first:last] - start))
        start, first = stop, last


def _fault(piece: np.ndarray, broken: bool, needed: list[int]) -> str:
    """Why a window can't be classified; ``""`` where it can."""
    if broken:
        return NOT_FINITE
    # without contrast in a slot that the model needs there is nothing to call
    return EMPTY if any(piece[slot].min() == piece[slot].max() for slot in needed) else ""


def _by_region(faults: list[str], rows: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
    """Reasons and rows of a `PreparedBatch` from those of its parts.

    A part that can't be read leaves its region without an answer; an empty one does not count unless all are.
    """
    by_region = [set[str]() for _ in range(int(rows[-1]) + 1)]
    for row, fault in zip(rows.tolist(), faults, strict=True):
        by_region[row].add(fault)
    reasons = tuple(max(each - {EMPTY}, default=EMPTY) for each in by_region)
    fit = np.array([fault == reasons[row] == "" for row, fault in zip(rows.tolist(), faults, strict=True)])
    return reasons, np.where(fit, rows, -1)


def read_ahead(source: Iterator[T], depth: int) -> Generator[T, None, None]:
    """Run an iterator in a thread of its own, at most `depth` items ahead; its errors are raised here.

    Closing it waits for the item that is being made, and for no other.
    """
    end = object()
    pool = ThreadPoolExecutor(1, "read ahead")
    try:
        waiting = deque(pool.submit(next, source, end) for _ in range(depth))
        while (item := waiting.popleft().result()) is not end:
            waiting.append(pool.submit(next, source, end))
            yield cast(T, item)
    finally:
        pool.shutdown(cancel_futures=True)


def answer(run: Answering, device: Device, inputs: np.ndarray, size: int) -> tuple[np.ndarray, int]:
    """What a network says to a batch, and the size at which the device's memory held it.

    Parameters
    ----------
    run : callable
        (n, side, side, 3) float32 to (n, K) float32; a new n may be compiled anew.
    device : Device
        Where it runs.
    inputs : (B, side, side, 3) float32
        In [0, 1].
    size : int
        Rows that go through the network at once; halved until they fit.

    Returns
    -------
    (B, K) float32, int

    Raises
    ------
    DeviceError
        If not even one row fits.
    """
    while True:
        try:
            parts = [
                _answer_padded(run, inputs[row : row + size], size) for row in range(0, len(inputs), size)
            ]
        except out_of_memory_errors() as error:
            if size == 1:
                raise DeviceError(
                    f"The memory of {device.name} does not hold a single region: close other programs, "
                    "or choose the device cpu."
                ) from error
            size //= 2
        else:
            return np.concatenate(parts), size


def _answer_padded(run: Answering, inputs: np.ndarray, size: int) -> np.ndarray:
    """Answers to up to `size` rows, filled up to a power of two: each new size is compiled anew."""
    rows = len(inputs)
    missing = min(size, _power_of_two(2 * rows - 1)) - rows
    if missing > 0:
        inputs = np.pad(inputs, ((0, missing), (0, 0), (0, 0), (0, 0)))
    return run(inputs)[:rows]


def _power_of_two(limit: int) -> int:
    """The largest power of two up to `limit`."""
    return 1 << (limit.bit_length() - 1)
