"""Cells of a stack: which stain they are found in, and the one loop that finds them slice by slice."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from napari_organelle.errors import (
    OrganelleError,
    OrganelleWarning,
    ReadError,
    RegionError,
    UnseenCellsError,
)
from napari_organelle.prepare.channels import ChannelMap, is_transmitted
from napari_organelle.read.image_set import Channel, ImageSet

BODY_STAINS = ("cytosol", "cytoplasm", "mcherry", "rfp", "microtubules", "er")
"""Slots and names of stains that fill cells, best first."""

HUMAN_STAINS = ("microtubules", "er")
"""Of cells that are large and have one round nucleus, from which they are best grown; yeast are not."""

FILLING_STAINS = tuple(stain for stain in BODY_STAINS if stain not in HUMAN_STAINS)
"""Of which a cell holds as much wherever it is thick."""

NUCLEAR_STAINS = ("nucleus", "nuclei", "dapi", "hoechst")


@dataclass(frozen=True, eq=False)
class Stains:
    """What `find_cells` takes of one slice.

    Parameters
    ----------
    body : (Y, X) array
        Where cells are seen.
    nuclei : (Y, X) array, optional
        The nuclear stain, if cells are grown from nuclei.
    fills : bool
        Whether `body` is known to fill cells.
    """

    body: np.ndarray
    nuclei: np.ndarray | None = None
    fills: bool = False


@dataclass(frozen=True)
class CellChannels:
    """Where cells are found.

    Parameters
    ----------
    body : int
        Channel in which cells are seen.
    nuclei : int or None
        Channel of the nuclear stain, if cells are grown from nuclei.
    fills : bool
        Whether `body` is known to be a stain that fills cells.
    """

    body: int
    nuclei: int | None = None
    fills: bool = False

    @property
    def indices(self) -> list[int]:
        """The channels that are read."""
        return [self.body] if self.nuclei is None else [self.body, self.nuclei]


def choose_stains(image_channels: Sequence[Channel], channels: ChannelMap | None = None) -> CellChannels:
    """The channels that cells are found in: those that the model's slots call stains, else by their names.

    Parameters
    ----------
    image_channels : sequence of Channel
        The image's.
    channels : ChannelMap, optional
        Which of them fill a model's slots. A body stain among these is taken first, then one among the names,
        then transmitted light, then the model's first channel.
    """
    filled, named = _stains_of(image_channels, channels)
    first = next(iter(filled.values()), 0)
    for known in (filled, named):
        if stain := next((stain for stain in BODY_STAINS if stain in known), ""):
            break
    light = next((number for number, each in enumerate(image_channels) if is_transmitted(each)), first)
    body = known[stain] if stain else light
    nuclei = filled.get("nucleus")
    if nuclei is None and stain in HUMAN_STAINS:
        nuclei = next((named[stain] for stain in NUCLEAR_STAINS if stain in named), None)
    return CellChannels(body, nuclei, fills_cells(body, image_channels, channels))


def fills_cells(channel: int, image_channels: Sequence[Channel], channels: ChannelMap | None = None) -> bool:
    """Whether a channel of the image is known, by a model's slot or by its name, to fill cells."""
    filled, named = _stains_of(image_channels, channels)
    return any(known.get(stain) == channel for known in (filled, named) for stain in FILLING_STAINS)


def _stains_of(
    image_channels: Sequence[Channel], channels: ChannelMap | None
) -> tuple[dict[str, int], dict[str, int]]:
    """Channels by the names of the model's slots that they fill, and by the words of their own names."""
    filled: dict[str, int] = {}
    if channels is not None:
        slots = zip(channels.slots, channels.indices, strict=True)
        filled = {slot.name.casefold(): index for slot, index in slots if index is not None}
    return filled, {word: index for index, word in reversed(list(_words(image_channels)))}


def _words(channels: Sequence[Channel]) -> Iterator[tuple[int, str]]:
    for index, channel in enumerate(channels):
        for word in re.split(r"[\W_]+", channel.name.casefold()):
            yield index, word


def read_stains(images: ImageSet, channels: CellChannels) -> Iterator[Stains | ReadError]:
    """The stains of every item; the error where an item can't be read."""
    for item in range(len(images)):
        try:
            pixels = images.read(item, channels.indices)
        except ReadError as error:
            yield error
        else:
            yield Stains(pixels[0], None if channels.nuclei is None else pixels[1], channels.fills)


def iter_cells(stains: Iterable[Stains | ReadError]) -> Iterator[np.ndarray | OrganelleError]:
    """Cells of one slice after the other.

    Yields
    ------
    (Y, X) int32 array or OrganelleError
        1..n, 0 for background; the error where a slice can't be read or has no cell.
    """
    from napari_organelle.prepare.segment import find_cells  # scikit-image takes long to import

    for slice_ in stains:
        if isinstance(slice_, ReadError):
            yield slice_
            continue
        try:
            yield find_cells(slice_.body, slice_.nuclei, fills=slice_.fills)
        except RegionError as error:
            yield error


def label_stack(
    stains: Iterable[Stains | ReadError], shape: tuple[int, int, int]
) -> Iterator[int | np.ndarray]:
    """Cells of a stack, each with a number of its own.

    Parameters
    ----------
    stains : iterable
        As `read_stains` gives them, N of them.
    shape : (N, Y, X)
        Of the result; a smaller item is at its top left.

    Yields
    ------
    int
        Before each slice its number, from 0.
    (N, Y, X) int32 array
        At the end; 0 is background. A slice in which no cell is found, beside others with cells, is empty;
        one that can't be read, or whose cells can't be seen, too, with a warning.

    Raises
    ------
    OrganelleError
        If no slice has a cell.
    """
    labels, found, unseen = np.zeros(shape, np.int32), 0, 0
    refusal: OrganelleError | None = None
    cells_of = iter_cells(stains)
    for number in range(shape[0]):
        yield number
        cells = next(cells_of)
        if isinstance(cells, OrganelleError):
            refusal = cells
            unseen += isinstance(cells, UnseenCellsError)
            if isinstance(cells, ReadError):
                warnings.warn(f"{cells}; no cells are looked for there", OrganelleWarning, stacklevel=2)
            continue
        height, width = cells.shape
        labels[number, :height, :width] = np.where(cells > 0, cells + found, 0)
        found += int(cells.max())
    if not found and refusal is not None:
        raise refusal
    if unseen:
        warnings.warn(f"cells can't be seen in {unseen} of {shape[0]} slices", OrganelleWarning, stacklevel=2)
    yield labels
