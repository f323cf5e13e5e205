"""Which item of a set a table means: by its name or file, with or without folder and ending."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cached_property

from napari_organelle.errors import ReadError
from napari_organelle.read.image_set import ImageSet

COLUMNS = (
    "item",
    "image",
    "filename",
    "file",
    "file name",
    "file_name",
    "image name",
    "name",
    "path",
    "source",
)
"""Headers of the column that names the items."""

ENDING = re.compile(
    r"(\.ome)?\.(tiff?|tf[28]|btf|lsm|stk|flex|png|jpe?g|bmp|gif|zarr|npy|czi|nd2|lif)(\.gz)?$", re.IGNORECASE
)
PARTS = 3
"""Folders and name that are compared at most."""


class ItemNames:
    """Finds the items of a set by what a table calls them.

    Parameters
    ----------
    images : ImageSet
        The set.
    """

    def __init__(self, images: ImageSet) -> None:
        self.names = [_even(str(name)) for name in images.items["item"]]
        self._first = [str(path) or name for path, name in zip(images.items["path"], self.names, strict=True)]
        self._files = images.files.paths if images.files is not None else [(path,) for path in self._first]
        self._exact = {name: [row] for row, name in enumerate(self.names)}

    def find(self, text: str) -> list[int]:
        """Items of this name, or whose file has it; several only where they are of one file.

        Folders are compared as far as both tell them; then endings are left away; then case.
        """
        value = _even(text)
        if value in self._exact:
            return self._exact[value]
        for known, form in ((self._by_file, value), (self._by_folded, value.casefold())):
            for key in _forms(form):
                rows = known.get(key, [])
                if len({self._first[row] for row in rows}) == 1:
                    return rows
        return []

    @cached_property
    def _by_file(self) -> dict[str, list[int]]:
        known: dict[str, list[int]] = {}
        for row, name in enumerate(self.names):
            names = dict.fromkeys([name, *(_even(file) for file in self._files[row] if file)])
            for key in dict.fromkeys(key for text in names for key in _forms(text)):
                known.setdefault(key, []).append(row)
        return known

    @cached_property
    def _by_folded(self) -> dict[str, list[int]]:
        folded: dict[str, list[int]] = {}
        for key, rows in self._by_file.items():
            there = folded.setdefault(key.casefold(), [])
            there += [row for row in rows if row not in there]
        return folded


def require_match(found: Iterable[object], first: str, names: ItemNames, what: str) -> None:
    """Refuse a table of which not one row fits an item; the error shows one beside the other.

    Raises
    ------
    ReadError
        If nothing was found.
    """
    if not any(found):
        raise ReadError(
            f"{what} names no item of the set: its first row has {first!r}, the first item is "
            f"{names.names[0]!r}. Write the names of the items, or of their files."
        )


def _forms(text: str) -> Iterator[str]:
    """The name with fewer and fewer folders, then the same without its ending."""
    parts = text.split("/")[-PARTS:]
    bare = [*parts[:-1], ENDING.sub("", parts[-1])]
    for form in (parts, bare):
        for start in range(len(form)):
            yield "/".join(form[start:])


def _even(text: str) -> str:
    """Composed letters, blanks and quotes stripped, folders parted by ``/``."""
    even = text.strip().strip("\"'").replace("\\", "/")
    return even if even.isascii() else unicodedata.normalize("NFC", even)
