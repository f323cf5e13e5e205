"""Paths to image sets; long lists and folders of files become many sets, opened when their turn comes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from napari_organelle.distribute.options import digest, file_state, files_state
from napari_organelle.errors import ReadError
from napari_organelle.outside import opening
from napari_organelle.read.files.image_file import group_files, is_zarr, whole_images
from napari_organelle.read.folders.plain import images_beside_masks, perhaps_channels, pictures
from napari_organelle.read.image_set import ImageSet
from napari_organelle.read.labels.beside import with_masks
from napari_organelle.read.open import SET_READERS, find_reader, open_image_set
from napari_organelle.read.yeast import deepyeast

LINES = 1024
"""Lines of a list that are opened at once."""

FILES = 256
"""Files of a folder that are opened at once."""

LABELS = "labels"
"""Folder of an OME-Zarr image for what is made from its pixels, also by a run that is under way."""

SHOWN_PROBLEMS = 3
"""Of what is wrong with a set."""

Sets = Iterator[ImageSet | ReadError]
"""Sets in order; in the place of one that can't be read, the error."""


@dataclass(frozen=True)
class ImageSource:
    """What a path holds.

    Parameters
    ----------
    name : str
        For people.
    items : int
        How many there are; for a folder of stacks, how many files.
    state : str
        Changes when what is there changes.
    sets : callable
        The sets, from the first.
    problems : tuple of str
        What was passed over.
    in_pieces : bool
        Whether its sets are opened one after the other, so that their problems come only then.
    """

    name: str
    items: int
    state: str
    sets: Callable[[], Sets]
    problems: tuple[str, ...] = ()
    in_pieces: bool = False


def find_sources(paths: Sequence[str]) -> Iterator[ImageSource | ReadError]:
    """A source for each path, made absolute for workers; files that make up one set are one.

    Yields
    ------
    ImageSource or ReadError
        The error where a path is not there or nothing that a reader knows.
    """
    places = [Path(path).expanduser().absolute() for path in paths]
    why_apart: tuple[str, ...] = ()
    if len(places) > 1 and all(map(os.path.isfile, places)):
        try:
            yield _opened(open_image_set(places))
            return
        except ReadError as error:
            why_apart = (f"read one by one: {error}",)
            places = [*whole_images(places)]
    for place in places:
        try:
            with opening(place):
                source = _find(place)
        except ReadError as error:
            yield error
            continue
        yield replace(source, problems=why_apart + source.problems)
        why_apart = ()


def _find(path: Path) -> ImageSource:
    if path.is_file() and deepyeast.matches(path):
        lines, distinct = deepyeast.count_list(path)
        if lines > LINES and distinct:
            state = f"{file_state(path)}, {files_state(deepyeast.list_files(path))}"
            return ImageSource(
                str(path), lines, state, lambda: deepyeast.iter_list(path, LINES), in_pieces=True
            )
    if path.is_dir() and find_reader(path, SET_READERS) is None and (source := _folder(path)):
        return source
    return _opened(open_image_set(path))


def _opened(images: ImageSet) -> ImageSource:
    names = images.items[["item", "path", "height", "width"]].itertuples(index=False)
    file = file_state(images.source) if images.source and images.source.is_file() else str(images.source)
    state = f"{file}, {len(images)} items, {digest(map(str, names))}, {files_state(_files(images))}"
    more = len(images.problems) - SHOWN_PROBLEMS
    problems = images.problems[:SHOWN_PROBLEMS]
    if more > 0:
        problems += (f"and {more:,} more of what is wrong there: the command info lists it",)
    return ImageSource(str(images.source or "images"), len(images), state, lambda: iter([images]), problems)


def _folder(folder: Path) -> ImageSource | None:
    """The images of a folder that is no set; None where there are none."""
    if is_zarr(folder) or images_beside_masks(folder):
        return None
    files, problems = pictures(folder)
    if not files:
        return None
    state = f"{folder.absolute()}, {len(files)} files, {files_state(files)}"

    def sets() -> Sets:
        for start in range(0, len(files), FILES):
            for images in open_files(files[start : start + FILES]):
                yield images if isinstance(images, ReadError) else with_masks(images, folder)

    return ImageSource(
        str(folder), len(files), state, sets, (*problems, *perhaps_channels(files)), in_pieces=True
    )


def open_files(paths: Sequence[Path]) -> Sets:
    """Files as sets: neighbours of one picture each that are alike together, everything else one by one."""
    for files in group_files(paths):
        try:
            yield open_image_set(files)
        except ReadError as error:
            yield error


def _files(images: ImageSet) -> Iterator[Path]:
    """Everything that the pixels of a set lie in; the files of a Zarr, but for labels inside it."""
    used: list[Iterable[str]] = [images.items["path"]]
    used += [chain.from_iterable(files.paths) for files in (images.files, images.mask_files) if files]
    walked: set[Path] = set()
    for name in dict.fromkeys(filter(None, chain.from_iterable(used))):
        path = Path(name)
        if not path.is_dir():
            yield path
            continue
        if not walked.isdisjoint(path.parents):
            continue
        walked.add(path)
        for folder, folders, files in os.walk(path):
            folders[:] = sorted(name for name in folders if name != LABELS)
            yield from (Path(folder, file) for file in sorted(files))
