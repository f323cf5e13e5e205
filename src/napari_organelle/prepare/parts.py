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


def require_one_part(plane: Any, number: int) -> None:
    """Refuse a label image whose only number stands for several objects.

    Raises
    ------
    RegionError
        Which says how to take each part as an object.
    """
    from skimage.measure import label

    if plane.size > MAX_PIXELS:
        return
    parts = np.bincount(label(np.asarray(plane) == number).ravel())[1:]
    if len(parts) > 1 and parts.max() < LARGEST_SHARE * parts.sum():
        raise RegionError(
            f"the labels have one number, {number}, in {len(parts)} parts: this is a mask, not one number an "
            "object. Take each part as an object (--connected), or give every object a number of its own"
        )
