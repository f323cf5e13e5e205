"""Microscope and camera: light sources in micrometres become 8-bit pixels."""

from __future__ import annotations

from dataclasses import dataclass

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from napari_organelle.simulate.emitters import Cloud
from napari_organelle.simulate.yeast_cell import Floats

DEPTHS_UM = (0.0, 0.5, 1.0, 1.7, 2.6, 4.0)
"""Edges of the layers of defocus, as distance from the focal plane; the last layer is open."""


HALO_UM = 1.4
"""Standard deviation of scattered light; the dark between real cells is 0.1–0.2 of their brightness."""


@dataclass(frozen=True)
class Optics:
    """A spinning-disk or widefield microscope.

    Attributes
    ----------
    pixel_size_um : float
        Micrometres per pixel.
    sigma_um : float
        Standard deviation of the point-spread function in focus.
    focus_um : float
        Height of the focal plane over the cells' middles.
    depth_um : float
        Defocus at which the spot has grown by √2.
    section_um : float
        Defocus at which a confocal pinhole passes half the light; large for widefield.
    halo : float
        Share of the light that is scattered over `HALO_UM`.
    """

    pixel_size_um: float
    sigma_um: float
    focus_um: float
    depth_um: float
    section_um: float
    halo: float


@dataclass(frozen=True)
class Camera:
    """To grey levels: `gain` a photon, `read_noise` photons, `offset` levels, `smoothing` px."""

    gain: float
    read_noise: float
    offset: float
    smoothing: float = 0.0


PROJECTED, OUT_OF_FOCUS = 0.15, 0.1
"""Shares of pictures that are projections of a stack, and that are focused on a wrong plane."""


def draw_optics(rng: np.random.Generator, pixel_size_um: float) -> Optics:
    """A section through the cells; or a projection, in which every plane is in focus."""
    chance = rng.random()
    projected, astray = chance < PROJECTED, chance > 1 - OUT_OF_FOCUS
    return Optics(
        pixel_size_um=pixel_size_um,
        sigma_um=rng.uniform(0.12, 0.25),
        focus_um=rng.normal(0.0, 1.1 if astray else 0.45),
        depth_um=rng.uniform(0.45, 0.8) * (5.0 if projected else 1.0),
        section_um=20.0 if projected else float(np.exp(rng.uniform(np.log(0.55), np.log(2.2)))),
        halo=rng.uniform(0.02, 0.3),
    )


def expose(cloud: Cloud, optics: Optics, shape: tuple[int, int]) -> Floats:
    """Light (Y, X) that falls on each pixel; the image's middle is the origin of the cloud."""
    half = np.array(shape) / 2
    row, column = np.floor(cloud.points[:, :2] / optics.pixel_size_um + half).astype(np.int64).T
    defocus = np.abs(cloud.points[:, 2] - optics.focus_um)
    layer = np.searchsorted(DEPTHS_UM, defocus, side="right") - 1
    seen = (row >= 0) & (row < shape[0]) & (column >= 0) & (column < shape[1])
    place = (layer * shape[0] + row) * shape[1] + column
    light = cloud.weights / (1 + (defocus / optics.section_um) ** 2)
    layers = np.bincount(place[seen], light[seen], minlength=len(DEPTHS_UM) * shape[0] * shape[1])
    image = np.zeros(shape)
    for flat, middle in zip(layers.reshape(-1, *shape), _middles(), strict=True):
        if flat.any():
            sigma = optics.sigma_um * np.hypot(1.0, middle / optics.depth_um) / optics.pixel_size_um
            image += gaussian_filter(flat, sigma, mode="constant", truncate=3.0)
    scattered = gaussian_filter(image, HALO_UM / optics.pixel_size_um, truncate=2.5)
    return np.asarray((1 - optics.halo) * image + optics.halo * scattered)


def _middles() -> Floats:
    edges = np.array([*DEPTHS_UM, 6.0])
    return np.asarray((edges[1:] + edges[:-1]) / 2)


def digitise(rng: np.random.Generator, photons: Floats, camera: Camera) -> NDArray[np.uint8]:
    """8-bit picture of expected photons (Y, X): shot noise, read noise, smoothing, saturation at 255."""
    seen = rng.poisson(photons) + rng.normal(0.0, camera.read_noise, photons.shape)
    if camera.smoothing > 0:
        seen = gaussian_filter(seen, camera.smoothing)
    return np.asarray(np.clip(np.rint(seen * camera.gain + camera.offset), 0, 255), dtype=np.uint8)


def soften(rng: np.random.Generator, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture (2, Y, X) as figures and web pages pass it on: resampled once, then through JPEG."""
    blurred = gaussian_filter(picture.astype(float), (0, *[rng.uniform(0.3, 0.9)] * 2))
    colours = np.stack([*blurred, np.zeros_like(blurred[0])], axis=-1)
    rounded = np.ascontiguousarray(np.rint(colours), dtype=np.uint8)
    coded = imagecodecs.jpeg8_encode(rounded, level=int(rng.integers(70, 97)), subsampling="444")
    return np.ascontiguousarray(np.moveaxis(imagecodecs.jpeg8_decode(coded)[..., :2], -1, 0))
