"""Paths to image sets; long lists and folders of files become many sets, opened when their turn comes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

from napari_organelle.distribute.options import file_state
from napari_organelle.errors import ReadError
from napari_organelle.read import deepyeast
from napari_organelle.read.decode import SUFFIXES
from napari_organelle.read.image_file import is_zarr, picture_facts
from napari_organelle.read.image_set import ImageSet
from napari_organelle.read.listing import scan, strays
from napari_organelle.read.open import find_reader, open_image_set

LINES = 1024
"""Lines of a list that are opened at once."""

FILES = 256
"""Files of a folder that are opened at once."""

SHOWN_PROBLEMS = 3
"""Of what is wrong with a set."""

Sets = Iterator[ImageSet | ReadError]
"""Sets in order; in the place of one that can't be read, the error."""


@dataclass(frozen=True)
class Source:
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
    """

    name: str
    items: int
    state: str
    sets: Callable[[], Sets]
    problems: tuple[str, ...] = ()


def find_sources(paths: Sequence[str]) -> Iterator[Source | ReadError]:
    """A source for each path, made absolute for workers; files that make up one set are one.

    Yields
    ------
    Source or ReadError
        The error where a path is not there or nothing that a reader knows.
    """
    places = [Path(path).expanduser().absolute() for path in paths]
    why_apart: tuple[str, ...] = ()
    if len(places) > 1 and all(place.is_file() for place in places):
        try:
            yield _opened(open_image_set(places))
            return
        except ReadError as error:
            why_apart = (f"read one by one: {error}",)
    for place in places:
        try:
            source = _find(place)
        except ReadError as error:
            yield error
            continue
        yield replace(source, problems=why_apart + source.problems)
        why_apart = ()


def _find(path: Path) -> Source:
    if path.is_file() and deepyeast.matches(path):
        lines, distinct = deepyeast.count_list(path)
        if lines > LINES and distinct:
            return Source(str(path), lines, file_state(path), lambda: deepyeast.iter_list(path, LINES))
    if path.is_dir() and find_reader(path) is None and (source := _folder(path)):
        return source
    return _opened(open_image_set(path))


def _opened(images: ImageSet) -> Source:
    names = images.items[["item", "path", "height", "width"]].itertuples(index=False)
    file = file_state(images.source) if images.source and images.source.is_file() else str(images.source)
    state = f"{file}, {len(images)} items, {_digest(map(str, names))}"
    problems = images.problems[:SHOWN_PROBLEMS]
    return Source(str(images.source or "images"), len(images), state, lambda: iter([images]), problems)


def _folder(folder: Path) -> Source | None:
    """The images of a folder that is no set; None where there are none."""
    names = sorted(entry.name for entry in scan(folder) if _is_image(entry.name, entry.is_dir(), folder))
    if not names:
        return None
    known = set(names)
    others = [entry.name for entry in scan(folder) if entry.name not in known and entry.is_file()]
    state = f"{folder.absolute()}, {len(names)} files, {_digest(names)}"

    def sets() -> Sets:
        for start in range(0, len(names), FILES):
            yield from open_files([folder / name for name in names[start : start + FILES]])

    return Source(str(folder), len(names), state, sets, tuple(strays(folder, others)))


def _is_image(name: str, is_folder: bool, folder: Path) -> bool:
    return is_zarr(folder / name) if is_folder else name.lower().endswith(SUFFIXES)


def open_files(paths: Sequence[Path]) -> Sets:
    """Files as sets: neighbours of one picture each that are alike together, everything else one by one."""
    for facts, group in groupby(paths, key=_facts):
        files = list(group)
        for chosen in [files] if facts else [[file] for file in files]:
            try:
                yield open_image_set(chosen)
            except ReadError as error:
                yield error


def _facts(path: Path) -> tuple[object, ...]:
    """What pictures of one set share; nothing for a stack, a Zarr or a broken file."""
    try:
        return () if path.is_dir() else picture_facts(path)
    except ReadError:
        return ()


def _digest(names: Iterable[str]) -> str:
    digest = hashlib.blake2b(digest_size=12)
    for name in names:
        digest.update(f"{name}\n".encode())
    return digest.hexdigest()
