"""A run's parts: some items of a set and the regions in them, without pixels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import count
from pathlib import Path

import numpy as np

from napari_organelle.distribute.options import PartOptions
from napari_organelle.distribute.sources import ImageSource
from napari_organelle.errors import OrganelleError
from napari_organelle.prepare.regions import Regions
from napari_organelle.read.image_set import ImageSet
from napari_organelle.read.open import open_image_set


@dataclass(frozen=True)
class ArraySpan:
    """Consecutive items of a file that is an array by itself, such as a Zarr or a TIFF stack."""

    path: Path
    start: int
    stop: int

    def open(self) -> ImageSet:
        """The items as a set of their own; the file is opened once for parts in a row."""
        return _open(self.path).span(self.start, self.stop)


@lru_cache(maxsize=2)
def _open(path: Path) -> ImageSet:
    return open_image_set(path)


@dataclass(frozen=True)
class Part:
    """A piece of a run; pickles to paths and windows.

    Parameters
    ----------
    number : int
        From 0, in the order of the results.
    images : ImageSet or ArraySpan
        Its items.
    first : int
        The first item's position in its source.
    regions : Regions or None
        Windows on these items; None where objects are to be found.
    notes : tuple of str
        What is wrong with the set that it is the first part of, where nothing told it before.
    """

    number: int
    images: ImageSet | ArraySpan
    first: int
    regions: Regions | None
    notes: tuple[str, ...] = ()

    def open(self) -> ImageSet:
        """The items with their pixels, lazily.

        Raises
        ------
        ReadError
            If the file is gone.
        """
        return self.images if isinstance(self.images, ImageSet) else self.images.open()

    @property
    def size(self) -> int:
        """Its regions, or the items whose objects are to be found."""
        if self.regions is not None:
            return len(self.regions)
        return (
            len(self.images) if isinstance(self.images, ImageSet) else (self.images.stop - self.images.start)
        )


def iter_parts(sources: Iterable[ImageSource], options: PartOptions) -> Iterator[Part | OrganelleError]:
    """All parts of a run in order, made when their turn comes.

    Yields
    ------
    Part or OrganelleError
        The error where a set can't be read, or the regions don't fit it.
    """
    numbers = count()
    for source in sources:
        first = 0
        for images in source.sets():
            if isinstance(images, OrganelleError):
                yield images
                continue
            notes = images.problems if source.in_pieces else ()
            try:
                for part in _split(images, options, first):
                    yield replace(part, number=next(numbers), notes=notes)
                    notes = ()
            except OrganelleError as error:
                yield error
            first += len(images)


def _split(images: ImageSet, options: PartOptions, first: int) -> Iterator[Part]:
    plan = options.regions_of(images)
    plan.count(images)
    if plan.is_found:
        for start in range(0, len(images), plan.part_size):
            stop = min(start + plan.part_size, len(images))
            yield Part(0, _span(images, start, stop), first + start, None)
        return
    ends = plan.part_ends(images, options.bundle.spec.pixels.input_size)
    for begin, end in _runs(ends, plan.part_size):
        regions = plan.make(images, start=begin, stop=end, first=first)
        start, stop = int(regions.windows[:, 0].min()), int(regions.windows[:, 0].max()) + 1
        # a part has only the items that it needs, counted from 0
        regions.windows[:, 0] -= start
        yield Part(0, _span(images, start, stop), first + start, regions)


def _runs(ends: np.ndarray, largest: int) -> Iterator[tuple[int, int]]:
    """Consecutive runs that stop at one of `ends`: the last within `largest`, or the next where none is."""
    start = 0
    while start < ends[-1]:
        after, within = np.searchsorted(ends, [start, start + largest], side="right")
        stop = int(ends[max(after, within - 1)])
        yield start, stop
        start = stop


def _span(images: ImageSet, start: int, stop: int) -> ImageSet | ArraySpan:
    # an array that came from a file would be pickled whole: a worker opens the file instead
    if images.files is None and images.source is not None:
        return ArraySpan(images.source, start, stop)
    return images.span(start, stop)
