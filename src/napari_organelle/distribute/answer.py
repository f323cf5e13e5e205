"""One part answered and written as a Parquet file, whole or not at all."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from threading import Lock

import numpy as np
import pandas as pd

from napari_organelle.distribute.options import PartOptions
from napari_organelle.distribute.split import Part
from napari_organelle.distribute.work import Summary, WorkFolder
from napari_organelle.errors import BundleError, DeviceError, OrganelleError, RegionError
from napari_organelle.model.classify import predict_regions
from napari_organelle.model.predict import collect, notes_of
from napari_organelle.model.prediction import BatchDone
from napari_organelle.prepare.channels import ChannelMap, bind_channels
from napari_organelle.prepare.regions import Regions
from napari_organelle.read.image_set import ImageSet
from napari_organelle.show.tables import results_table

FATAL = (BundleError, DeviceError)
"""Errors that would come back with every part."""

MAX_NOTES = 20

_one_at_a_time = Lock()
"""Held while a part is answered: a process runs one network at a time, whatever threads a worker has."""


def find_regions(part: Part, options: PartOptions) -> Regions | OrganelleError:
    """The regions of a part whose objects are to be found, or why there are none."""
    try:
        images = part.open()
        channels = channel_map(options, images)
        return options.regions_of(images).make(images, first=part.first, channels=channels)
    except OrganelleError as error:
        return error


def answer_part(
    part: Part,
    options: PartOptions,
    work: WorkFolder,
    progress: Callable[[int], object] | None = None,
    found: Regions | OrganelleError | None = None,
) -> Summary:
    """Classify a part, unless its file is there already, and write it.

    Parameters
    ----------
    part : Part
        Items and regions.
    options : PartOptions
        How.
    work : WorkFolder
        Where to.
    progress : callable, optional
        Told after each batch how many more regions are done.
    found : Regions or OrganelleError, optional
        What `find_regions` gives, where it is known already.

    Returns
    -------
    Summary
        With the reason in `failed` where the part can't be answered, and nothing is written.

    Raises
    ------
    BundleError, DeviceError
        If no part can be answered here.
    OrganelleError
        If the disk refuses.
    KeyboardInterrupt
        If the user stops it; the rows that are done are kept for the partial table.
    """
    if summary := work.summary(part.number):
        return summary
    with _one_at_a_time:
        try:
            table, summary = _classify(part, options, work, progress, found)
        except FATAL:
            raise
        except OrganelleError as error:
            return Summary(part.number, part.size, failed=str(error))
    work.write(summary, table)
    _release_memory()
    return summary


def channel_map(options: PartOptions, images: ImageSet) -> ChannelMap:
    """The channels of a set that fill the model's slots.

    Raises
    ------
    ChannelError
        If a slot that the model needs is empty.
    """
    channels = bind_channels(options.bundle.spec.slots, images.channels, options.channels)
    channels.require()
    return channels


def _classify(
    part: Part,
    options: PartOptions,
    work: WorkFolder,
    progress: Callable[[int], object] | None,
    found: Regions | OrganelleError | None,
) -> tuple[pd.DataFrame, Summary]:
    """The part's rows, and what is told of them."""
    bundle = options.bundle
    if bundle.sha256 != options.weights:
        raise BundleError(f"{bundle.path} was changed since the run began: its weights are not the same.")
    images = part.open()
    channels = channel_map(options, images)
    regions = part.regions if found is None else found
    if regions is None:
        regions = find_regions(part, options)
    if isinstance(regions, RegionError):
        return pd.DataFrame(), Summary(part.number, part.size, notes=(*part.notes, str(regions)))
    if isinstance(regions, OrganelleError):
        raise regions
    batches: list[BatchDone] = []
    try:
        for batch in predict_regions(
            bundle, images, regions, channels, dense=options.regions.is_dense, **options.predict
        ):
            batches.append(batch)
            if progress and part.regions:
                progress(batch.stop - batch.start)
    except KeyboardInterrupt:
        done = batches[-1].stop if batches else 0
        work.write_unfinished(_table(batches, regions, images, options).iloc[:done])
        raise
    table = _table(batches, regions, images, options)
    return table, Summary(
        part.number,
        part.size,
        len(table),
        (*part.notes, *([regions.doubt] if part.number == 0 and regions.doubt else []), *_notes(batches)),
        skipped=regions.notes,
        unread=sum(batch.unread for batch in batches),
        agreement=batches[-1].agreement,
        unlike=sum(int(batch.unlike.sum()) for batch in batches if batch.unlike is not None),
    )


def _table(
    batches: list[BatchDone], regions: Regions, images: ImageSet, options: PartOptions
) -> pd.DataFrame:
    spec = options.bundle.spec
    threshold = np.array(spec.thresholds) if options.threshold is None else options.threshold
    return results_table(collect(batches, regions, options.bundle), images, threshold)


def _release_memory() -> None:
    """Give memory that was freed back to the system.

    The C library of Linux keeps it for the thread that freed it; of wide images, whose chunks several threads
    decode, it keeps more with each part, in pieces between which little is in use. Elsewhere: nothing.
    """
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)):
        trim(0)


def _notes(batches: list[BatchDone]) -> tuple[str, ...]:
    """The first notes of a part, and how many more there are."""
    notes = notes_of(batches)
    more = len(notes) - MAX_NOTES
    return (*notes[:MAX_NOTES], *([f"and {more} more such notes"] if more > 0 else []))
