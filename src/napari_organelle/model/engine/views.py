"""Views of an image: the 8 that quarter turns and mirroring make of it, and the mean answer over them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np


def turned(images: np.ndarray) -> Iterator[np.ndarray]:
    """The 8 views of square images (B, n, n, C): quarter turns, each as it is and mirrored."""
    for quarters in range(4):
        turn = np.rot90(images, quarters, axes=(1, 2))
        yield np.ascontiguousarray(turn)
        yield np.ascontiguousarray(turn[:, :, ::-1])


def over_views(answer: Callable[[np.ndarray], np.ndarray], views: int) -> Callable[[np.ndarray], np.ndarray]:
    """A function of images that gives the mean of `answer` over their views; `answer` itself for 1 view.

    Parameters
    ----------
    answer : callable
        (B, n, n, C) float32 to (B, K) float32.
    views : {1, 8}
        How many.
    """
    if views == 1:
        return answer
    return lambda images: np.stack([answer(view) for view in turned(images)]).mean(axis=0)
