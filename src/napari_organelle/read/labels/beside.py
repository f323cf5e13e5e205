"""Label images that lie beside images: in their folder, or in ``masks`` in or beside it."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

import numpy as np

from napari_organelle.errors import OrganelleWarning, ReadError
from napari_organelle.outside import opening
from napari_organelle.read.files.decode import SUFFIXES, read_header
from napari_organelle.read.files.listing import is_folder, scan
from napari_organelle.read.folders.layouts import IMAGES, MASKS
from napari_organelle.read.image_set import ImageSet
from napari_organelle.read.labels.label_image import open_label_image
from napari_organelle.read.tables.names import ENDING, ItemNames

if TYPE_CHECKING:
    import dask.array as da

MARK = re.compile(r"_(?:cp_masks?|predictedmask|masks?|labels?|seg)$", re.IGNORECASE)
"""What programs add to an image's name for its label image."""


@dataclass(frozen=True, eq=False)
class MaskFiles:
    """The label image of each item.

    Parameters
    ----------
    paths : tuple of N str
        ``""`` where an item has none.
    names : tuple of N str
        Of the items, for messages.
    sizes : (N, 2) int64
        Height and width of each item in pixels.
    """

    paths: tuple[str, ...]
    names: tuple[str, ...]
    sizes: np.ndarray

    def read(self, item: int) -> np.ndarray:
        """Label image of one item, (height, width) of integers.

        Raises
        ------
        ReadError
            If there is none, or it is damaged, no label image, or of another size.
        """
        path = self.paths[item]
        if not path:
            raise ReadError(f"{self.names[item]}: there is no label image of it")
        with opening(path):
            planes = open_label_image(Path(path))
            height, width = self.sizes[item]
            if planes.shape != (1, height, width):
                raise ReadError(_other_size(planes.shape[1:], (height, width)))
            return np.asarray(planes[0])

    def try_plane(self, item: int) -> np.ndarray | ReadError:
        """As `read`; the error in its place."""
        try:
            return self.read(item)
        except ReadError as error:
            return error

    def lazy(self) -> da.Array:
        """All items, (N, Y, X) int64, padded with zeros, read when asked; what can't be read is blank."""
        import dask.array as da

        height, width = (int(side) for side in self.sizes.max(axis=0))
        return da.map_blocks(
            _Block(self),
            chunks=((1,) * len(self.paths), (height,), (width,)),
            name=f"organelle-masks-{uuid4().hex}",
            dtype=np.int64,
            meta=np.empty((0, 0, 0), np.int64),
        )

    def span(self, start: int, stop: int) -> Self:
        """Those of consecutive items."""
        part = slice(start, stop)
        return replace(self, paths=self.paths[part], names=self.names[part], sizes=self.sizes[part])


class _Block:
    """Makes a dask chunk; picklable. No dataclass, whose fields dask would search for arrays."""

    def __init__(self, files: MaskFiles) -> None:
        self.files = files

    def __call__(self, block_id: tuple[int, ...]) -> np.ndarray:
        padded = np.zeros((1, *self.files.sizes.max(axis=0)), np.int64)
        plane = self.files.try_plane(block_id[0])
        if isinstance(plane, ReadError):
            if self.files.paths[block_id[0]]:
                warnings.warn(f"{plane}; it is shown blank", OrganelleWarning, stacklevel=2)
        else:
            padded[0, : plane.shape[0], : plane.shape[1]] = plane
        return padded


def with_masks(images: ImageSet, folder: Path) -> ImageSet:
    """The set with the label images that lie beside its images, and sentences on what is wrong with them.

    Parameters
    ----------
    images : ImageSet
        Without masks.
    folder : Path
        Where its images lie.
    """
    names = None
    for place, marked in _places(folder):
        if files := _candidates(place, marked):
            names = names or ItemNames(images)
            if found := _matched(files, names):
                return _with(images, place, found)
    return images


def _places(folder: Path) -> list[tuple[Path, bool]]:
    """Folders that may hold label images, and whether only files that are marked as such count there."""
    inside = [Path(e.path) for e in scan(folder) if e.name.casefold() in MASKS and is_folder(e)]
    above = folder.absolute().parent
    beside = (
        [Path(e.path) for e in scan(above) if e.name.casefold() in MASKS and is_folder(e)]
        if folder.absolute().name.casefold() in IMAGES
        else [above / "masks"]
        if is_folder(above / "masks")
        else []
    )
    return [(folder, True), *((place, False) for place in sorted(inside) + sorted(beside))]


def _candidates(place: Path, marked: bool) -> list[tuple[Path, str]]:
    """Pictures of a folder that may be label images, and the image's name that each has."""
    found = []
    for entry in scan(place):
        name = entry.name
        if not name.lower().endswith(SUFFIXES):
            continue
        stem = ENDING.sub("", name)
        if not marked or MARK.search(stem):
            found.append((place / name, MARK.sub("", stem)))
    return sorted(found)


def _matched(files: Sequence[tuple[Path, str]], names: ItemNames) -> dict[int, list[Path]]:
    found: dict[int, list[Path]] = {}
    for file, name in files:
        for item in names.find(name) or names.find(file.name):
            found.setdefault(item, []).append(file)
    return found


def _with(images: ImageSet, place: Path, found: dict[int, list[Path]]) -> ImageSet:
    names = tuple(str(name) for name in images.items["item"])
    sizes = images.items[["height", "width"]].to_numpy(np.int64)
    single = {item: str(files[0]) for item, files in found.items() if len(files) == 1}
    problems = []
    if several := [files for files in found.values() if len(files) > 1]:
        problems.append(
            f"{place}: {len(several):,} images have several label images, which are not used; first: "
            f"{' and '.join(file.name for file in several[0])}"
        )
    if not single:
        return replace(images, problems=(*images.problems, *problems))
    files = MaskFiles(tuple(single.get(item, "") for item in range(len(images))), names, sizes)
    if len(single) < len(images):
        problems.append(
            f"{place}: {len(images) - len(single):,} of {len(images):,} images have no label image"
        )
    problems += _odd(files)
    return replace(images, masks=files.lazy(), mask_files=files, problems=(*images.problems, *problems))


def _odd(files: MaskFiles) -> list[str]:
    """A sentence on label images that are unlike their images, by their headers."""
    odd = []
    for path, size in zip(files.paths, files.sizes, strict=True):
        if not path:
            continue
        try:
            header = read_header(path)
        except ReadError as error:
            odd.append(str(error))
            continue
        if header[:2] != tuple(size):
            odd.append(f"{path}: {_other_size(header[:2], tuple(size))}")
        elif header.planes > 2:
            odd.append(f"{path}: this is a colour picture, not one number an object")
    count = sum(map(bool, files.paths))
    return [f"{len(odd):,} of {count:,} label images can't be used; first: {odd[0]}"] if odd else []


def _other_size(mask: Sequence[Any], image: Sequence[Any]) -> str:
    return f"the mask is {mask[0]} x {mask[1]} pixels, the image {image[0]} x {image[1]}"
