"""Labelled examples: windows of an ImageSet with labels and groups, and which of them can be trained on."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

import numpy as np

from napari_organelle.errors import ReadError, TrainingError
from napari_organelle.model.scoring.calibrate import Task
from napari_organelle.prepare.cut import iter_windows, unfit_items
from napari_organelle.prepare.regions import Regions, slice_regions
from napari_organelle.read.image_set import LABEL_SEPARATOR, ImageSet
from napari_organelle.train.splits import group_names, pick_groups

MAX_NAMED = 5
SCAN_BATCH = 256


@dataclass(frozen=True)
class Examples:
    """Labelled windows.

    Parameters
    ----------
    image_set : ImageSet
        Pixels.
    windows : (R, 5) int64
        Columns item, y, x, height, width, in pixels.
    labels : (R,) array of str
        Class of each window; several are joined by ``"|"``, ``""`` where unknown.
    groups : (R,) array of str
        What windows share (a field, a well, a protein); those of one group never part.
    grouped_by : str
        Name of what `groups` are.
    """

    image_set: ImageSet
    windows: np.ndarray
    labels: np.ndarray
    groups: np.ndarray
    grouped_by: str = "item"

    def __len__(self) -> int:
        return len(self.windows)

    def take(self, rows: np.ndarray) -> Examples:
        """Some of the examples."""
        return replace(self, windows=self.windows[rows], labels=self.labels[rows], groups=self.groups[rows])

    def names(self) -> np.ndarray:
        """(R,) array of str: what to call each window in a message; a file by folder and name."""
        items = self.image_set.items
        files = ["/".join(PurePath(path).parts[-2:]) for path in items["path"]]
        return np.where(items["path"] == "", items["item"], files).astype(str)[self.windows[:, 0]]

    @property
    def sides(self) -> np.ndarray | None:
        """(R,) array of str: the list's own split, where the item table has one."""
        items = self.image_set.items
        return items["split"].to_numpy(dtype=str)[self.windows[:, 0]] if "split" in items.columns else None


def examples_of_items(image_set: ImageSet, group_by: str = "auto", least: int = 3) -> Examples:
    """Every item of a set as one example, with the label that its table gives.

    Parameters
    ----------
    image_set : ImageSet
        With labels in ``items["label"]``.
    group_by : str
        As in `splits.group_names`; ``"auto"`` takes the widest column that leaves each class enough groups.
    least : int
        How many are enough; as in `splits.pick_groups`.
    """
    labels = image_set.items["label"].to_numpy(dtype=str)
    if group_by == "auto":
        _, targets = class_targets(labels)
        groups, group_by = pick_groups(image_set.items, targets, least)
    else:
        groups = group_names(image_set.items, group_by)
    return Examples(image_set, slice_regions(image_set).windows, labels, groups, group_by)


def examples_of_regions(
    image_set: ImageSet, regions: Regions, labels: Sequence[str], groups: Sequence[str] | None = None
) -> Examples:
    """Labelled objects, points or tiles.

    Parameters
    ----------
    image_set : ImageSet
        The pixels that the regions lie in.
    regions : Regions
        R windows.
    labels : sequence of str
        R classes; ``""`` where a region has none.
    groups : sequence of str, optional
        R groups. Where not given, each image is one if every class is found on three images, else each
        region.
    """
    names = np.asarray([str(label) for label in labels])
    if len(names) != len(regions):
        raise TrainingError(f"{len(regions)} regions need as many labels, not {len(names)}.")
    if groups is not None:
        return Examples(image_set, regions.windows, names, np.asarray(groups).astype(str), "group")
    items = regions.windows[:, 0]
    if all(len(set(items[names == name])) >= 3 for name in set(names) - {""}):
        return Examples(image_set, regions.windows, names, items.astype(str), "image")
    return Examples(image_set, regions.windows, names, regions.ids.astype(str), "item")


def class_targets(labels: np.ndarray, classes: Sequence[str] = ()) -> tuple[tuple[str, ...], np.ndarray]:
    """Classes and which of them each label names.

    Parameters
    ----------
    labels : (R,) array of str
        Joined by ``"|"`` where there are several.
    classes : sequence of str
        The classes in order; all that occur, sorted, where not given. Other names are left out of the
        targets.

    Returns
    -------
    tuple of str, (R, K) bool
    """
    parts = [{name for name in label.split(LABEL_SEPARATOR) if name} for label in labels.tolist()]
    order = tuple(classes) or tuple(sorted(set().union(*parts)))
    column = {name: index for index, name in enumerate(order)}
    targets = np.zeros((len(labels), len(order)), bool)
    for row, names in enumerate(parts):
        targets[row, [column[name] for name in names if name in column]] = True
    return order, targets


def choose_classes(
    examples: Examples, min_count: int, wanted: Sequence[str] = ()
) -> tuple[tuple[str, ...], list[str]]:
    """Classes that can be learned, and a note on those that can't.

    Raises
    ------
    TrainingError
        If fewer than two classes have `min_count` examples.
    """
    counts = Counter(
        name for label in examples.labels.tolist() for name in label.split(LABEL_SEPARATOR) if name
    )
    kept = tuple(name for name in (wanted or sorted(counts)) if counts[name] >= min_count)
    dropped = [f"{name} ({count})" for name, count in sorted(counts.items()) if name not in kept]
    if len(kept) < 2:
        raise TrainingError(
            f"A classifier needs two classes with at least {min_count} labelled examples each; "
            f"the data have {', '.join(f'{name} ({counts[name]})' for name in sorted(counts)) or 'no label'}."
        )
    return kept, [
        f"Labels left out, too few examples or not asked for: {', '.join(dropped)}."
    ] if dropped else []


def task_of(labels: np.ndarray) -> Task:
    """``"multi"`` where any label joins several classes."""
    return "multi" if any(LABEL_SEPARATOR in label for label in labels.tolist()) else "single"


@dataclass(frozen=True)
class Scan:
    """What reading through the examples found.

    Parameters
    ----------
    hashes : (R,) array of 15 bytes
        Of each window's raw pixels in the chosen channels; empty bytes where it is unfit.
    problems : tuple of (str, str)
        Name of an unfit window, and what is wrong with it.
    """

    hashes: np.ndarray
    problems: tuple[tuple[str, str], ...]

    def fit(self) -> np.ndarray:
        """Rows that can be used."""
        return np.flatnonzero(self.hashes != b"")

    def notes(self) -> list[str]:
        """A sentence for each kind of problem, with the names of a few."""
        named: dict[str, list[str]] = {}
        for name, reason in self.problems:
            named.setdefault(reason, []).append(name)
        return [
            f"{len(names)} left out, {reason}: {', '.join(names[:MAX_NAMED])}"
            f"{', …' * (len(names) > MAX_NAMED)}."
            for reason, names in named.items()
        ]


def scan(examples: Examples, indices: Sequence[int | None]) -> Iterator[int | Scan]:
    """Read every window once: hash its pixels and find those that can't be trained on.

    Parameters
    ----------
    examples : Examples
        R windows.
    indices : sequence of int or None
        Channel of each slot.

    Yields
    ------
    int or Scan
        How many windows have been read, now and then; the Scan at last.
    """
    names = examples.names()
    hashes = np.zeros(len(examples), "S15")
    problems = []
    items = examples.windows[:, 0].tolist()
    unfit = unfit_items(examples.image_set, indices)
    for row, pixels in enumerate(iter_windows(examples.image_set, examples.windows, indices)):
        reason = unfit.get(items[row]) or _problem(pixels)
        if reason:
            problems.append((str(names[row]), reason))
        else:
            hashes[row] = window_hash(np.asarray(pixels))
        if (row + 1) % SCAN_BATCH == 0:
            yield row + 1
    yield Scan(hashes, tuple(problems))


def window_hash(pixels: np.ndarray) -> bytes:
    """15 bytes that stand for an array's values, shape and dtype, none of them zero."""
    digest = hashlib.blake2b(f"{pixels.shape}{pixels.dtype.str}".encode(), digest_size=15)
    digest.update(np.ascontiguousarray(pixels).data)
    return bytes(byte or 1 for byte in digest.digest())


def _problem(pixels: np.ndarray | ReadError) -> str:
    if isinstance(pixels, ReadError):
        return f"unreadable ({pixels})"
    if not np.isfinite(pixels).all():
        return "pixels that are NaN or infinite"
    return "every pixel the same" if pixels.min() == pixels.max() else ""
