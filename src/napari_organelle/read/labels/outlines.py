"""Outlines of objects: where they lie, and as a label image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_organelle.errors import ReadError
from napari_organelle.read.image_set import ImageSet

TIME, SECTION = "time", "section"
"""Columns of an item table that an outline's time point and section are compared with."""


@dataclass(frozen=True, eq=False)
class Outline:
    """One object.

    Parameters
    ----------
    rings : tuple of (n, 2) float arrays
        y and x in pixels, pixel centres at whole numbers. What lies in an even number of rings is outside, so
        that holes and parts are rings.
    number : int
        Its label, unique in its file.
    name : str
        What the other program calls it; ``""`` where nothing.
    step : int, optional
        Which picture of a stack it was drawn on, from 0, where the stack has one axis.
    time, section : int, optional
        The same for stacks with time points or sections.
    """

    rings: tuple[np.ndarray, ...]
    number: int
    name: str = ""
    step: int | None = None
    time: int | None = None
    section: int | None = None

    def pixels(self, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """y and x of the pixels whose centre lies inside, within an image of a shape."""
        from skimage.draw import polygon

        points = np.concatenate(self.rings)
        low = np.clip(np.floor(points.min(axis=0)), 0, shape).astype(int)
        high = np.clip(np.ceil(points.max(axis=0)) + 1, low, shape).astype(int)
        inside = np.zeros(high - low, bool)
        for ring in self.rings:
            rows, columns = polygon(*(ring - low).T, shape=inside.shape)
            inside[rows, columns] ^= True
        y, x = np.nonzero(inside)
        return y + low[0], x + low[1]


def paint(outlines: Sequence[Outline], shape: tuple[int, int]) -> np.ndarray:
    """Outlines as a label image (Y, X) int64, small objects over large ones."""
    plane = np.zeros(shape, np.int64)
    filled = [(outline.number, outline.pixels(shape)) for outline in outlines]
    for number, pixels in sorted(filled, key=lambda each: -len(each[1][0])):
        plane[pixels] = number
    return plane


def by_item(
    outlines: Sequence[Outline], images: ImageSet, first: int, name: str, whole: bool
) -> list[tuple[Outline, ...]]:
    """Which outlines lie on each item.

    Parameters
    ----------
    outlines : sequence of Outline
        Of one file.
    images : ImageSet
        N items.
    first : int
        Items that came before.
    name : str
        Of the file, for messages.
    whole : bool
        Whether every outline must lie on one of these items.

    Raises
    ------
    ReadError
        If there are several items and an outline does not say on which it was drawn, or none is there.
    """
    found: list[list[Outline]] = [[] for _ in range(len(images))]
    for outline in outlines:
        item = _item(outline, images, first, name)
        if 0 <= item < len(images):
            found[item].append(outline)
        elif whole:
            raise ReadError(
                f"{name}: {outline.name or outline.number} was drawn on picture {item + 1} of a stack; there "
                f"are {len(images)}. Open the stack, or save the outlines of these pictures alone"
            )
    return [tuple(each) for each in found]


def _item(outline: Outline, images: ImageSet, first: int, name: str) -> int:
    """Position of the picture in the set."""
    place = {TIME: outline.time, SECTION: outline.section}
    known = {column: step for column, step in place.items() if step is not None}
    if {TIME, SECTION} <= set(images.items) and len(known) == len(place):
        fit = np.logical_and.reduce([images.items[column] == step for column, step in known.items()])
        return int(np.flatnonzero(fit)[0]) if fit.any() else -1
    steps = {step for step in known.values() if step} or set(known.values())
    if len(steps) > 1:
        raise ReadError(
            f"{name}: {outline.name or outline.number} has a time and a section; the stack has one axis"
        )
    step = steps.pop() if steps else outline.step
    if step and step < len(images.channels) and len(images) == 1 and not first:
        step = 0  # drawn on one of the channels
    if step is None and (len(images) > 1 or first):
        raise ReadError(
            f"{name}: there are several images, and {outline.name or outline.number} does not say on which "
            "it was drawn. Give a folder with a file of outlines for each image, named as the images are"
        )
    return (step or 0) - first
