"""Random changes of network input that leave the organelle what it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Augmentation:
    """Ranges of the random changes; the defaults change nothing.

    Parameters
    ----------
    rotation : float
        Degrees, uniform between minus and plus this.
    flip_x, flip_y : bool
        Mirror left and right, up and down, each for half of the images.
    shift : float
        Share of the side, uniform between minus and plus this, along each axis.
    zoom : (low, high)
        Magnification, uniform.
    gain : float
        Brightness and gamma of each colour are changed by factors between ``1 / (1 + gain)`` and ``1 +
        gain``.
    noise : float
        Highest standard deviation of added normal noise, in units of the full range.
    """

    rotation: float = 0.0
    flip_x: bool = False
    flip_y: bool = False
    shift: float = 0.0
    zoom: tuple[float, float] = (1.0, 1.0)
    gain: float = 0.0
    noise: float = 0.0

    @property
    def moves(self) -> bool:
        """Whether pixels must be interpolated."""
        return bool(self.rotation or self.shift or self.zoom != (1.0, 1.0))


NONE = Augmentation()
DEFAULT = Augmentation(
    rotation=180, flip_x=True, flip_y=True, shift=0.06, zoom=(0.9, 1.15), gain=0.25, noise=0.03
)
NOTEBOOK_YEAST = Augmentation(rotation=90, flip_x=True)
NOTEBOOK_HPA = Augmentation(rotation=45, flip_x=True, flip_y=True, shift=0.1, zoom=(0.9, 1.25))


def augment(images: np.ndarray, ranges: Augmentation, rng: np.random.Generator) -> np.ndarray:
    """Change each image at random; what a move uncovers repeats the edge.

    Parameters
    ----------
    images : (B, n, n, 3) float32
        Network input in [0, 1].
    ranges : Augmentation
        How far.
    rng : Generator
        The same state gives the same images.

    Returns
    -------
    (B, n, n, 3) float32
        In [0, 1].
    """
    changed = np.array(images, np.float32)
    for image in changed:
        if ranges.flip_x and rng.random() < 0.5:
            image[:] = image[:, ::-1].copy()
        if ranges.flip_y and rng.random() < 0.5:
            image[:] = image[::-1].copy()
        if ranges.moves:
            _move(image, ranges, rng)
    if ranges.gain:
        spread = np.log1p(ranges.gain)
        gain, gamma = np.exp(rng.uniform(-spread, spread, (2, len(changed), 1, 1, 3))).astype(np.float32)
        changed = np.clip(changed, 0, 1) ** gamma * gain
    if ranges.noise:
        sigma = rng.uniform(0, ranges.noise, (len(changed), 1, 1, 1)).astype(np.float32)
        changed += sigma * rng.standard_normal(changed.shape, np.float32)
    return np.clip(changed, 0, 1)


def _move(image: np.ndarray, ranges: Augmentation, rng: np.random.Generator) -> None:
    """Rotate, zoom and shift one (n, n, 3) image about its centre, in place."""
    from scipy.ndimage import affine_transform

    side = image.shape[0]
    angle = np.deg2rad(rng.uniform(-ranges.rotation, ranges.rotation))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / rng.uniform(
        *ranges.zoom
    )
    center = np.full(2, (side - 1) / 2)
    offset = center - turn @ center + rng.uniform(-ranges.shift, ranges.shift, 2) * side
    for colour in range(image.shape[-1]):
        if image[..., colour].any():
            image[..., colour] = affine_transform(image[..., colour], turn, offset, order=1, mode="nearest")
