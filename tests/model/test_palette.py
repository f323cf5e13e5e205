"""Colours of organelles stay apart, also for people without red or green cones."""

import numpy as np
import pytest
from skimage.color import rgb2lab

from napari_organelle.model.palette import colour_classes
from napari_organelle.simulate.yeast import YEAST_CLASSES

SEEN = {
    "by most": np.eye(3),
    "without red cones": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "without green cones": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
}
"""Of linear RGB; Machado, Oliveira and Fernandes (2009), severity 1."""

LEAST = 15
"""Distance in CIELAB; about 2.3 is just seen."""


def as_seen(colours: list[str], matrix: np.ndarray) -> np.ndarray:
    """(N, 3) CIELAB."""
    rgb = np.array([[int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)] for colour in colours])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.asarray(matrix).T, 0, 1)
    return rgb2lab(np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055)[None])[0]


@pytest.mark.parametrize("eyes", SEEN)
def test_no_two_organelles_look_alike(eyes: str) -> None:
    colours = [each.colour for each in colour_classes(YEAST_CLASSES)]
    lab = as_seen(colours, SEEN[eyes])
    apart = np.linalg.norm(lab[:, None] - lab[None], axis=2)[np.triu_indices(len(lab), 1)]
    assert apart.min() > LEAST
