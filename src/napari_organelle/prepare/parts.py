"""Connected parts of label images: masks of one value hold many objects."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_organelle.errors import OrganelleError, RegionError

LARGEST_SHARE = 0.9
"""An object in several parts is one where the largest has at least so much of it: the others are crumbs."""

MAX_PIXELS = 2**27
"""Of a larger label image parts are not counted."""


def connected_parts(objects: Any) -> Any:
    """Every connected part of a label image as an object; outlines and errors as they are.

    Parameters
    ----------
    objects : (Y, X) array, tuple of Outline, or OrganelleError
        Of one item.
    """
    from skimage.measure import label

    if isinstance(objects, tuple | OrganelleError):
        return objects
    try:
        return label(np.asarray(objects))
    except OrganelleError as error:
        return error


FEW_NUMBERS, MANY_PARTS = 4, 4
"""A label image with so few numbers, which all stand for so many parts on average, numbers classes."""


def require_one_part(plane: Any, numbers: np.ndarray) -> None:
    """Refuse a label image whose only number, or few numbers, stand for several objects each.

    Parameters
    ----------
    plane : (Y, X) array
        Of one item.
    numbers : (n,) int64
        Those that it has.

    Raises
    ------
    RegionError
        Which says how to take each part as an object.
    """
    from skimage.measure import label

    if plane.size > MAX_PIXELS or len(numbers) > FEW_NUMBERS:
        return
    parts = [np.bincount(label(np.asarray(plane) == number).ravel())[1:] for number in numbers]
    if not all(len(each) > 1 and each.max() < LARGEST_SHARE * each.sum() for each in parts):
        return
    count = sum(map(len, parts))
    if len(numbers) > 1 and count < MANY_PARTS * len(numbers):
        return
    listed = ", ".join(map(str, numbers.tolist()))
    have = f"one number, {listed}," if len(numbers) == 1 else f"the numbers {listed}"
    raise RegionError(
        f"the labels have {have} in {count} parts: this is a mask, not one number an object. Take each part "
        "as an object (--connected), or give every object a number of its own"
    )
