"""Models and images that the rows share."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import dask.array as da
import numpy as np
from PIL import Image

from napari_organelle.model.bundle import ModelBundle, ModelSpec, OrganelleClass, save_bundle
from napari_organelle.model.networks.plan import NetworkPlan
from napari_organelle.model.networks.vgg16 import imagenet_weights
from napari_organelle.prepare.channels import YEAST_SLOTS, ChannelMap
from napari_organelle.prepare.pixels import PixelPlan
from napari_organelle.read.image_set import Channel, ImageSet

CHANNELS = ChannelMap(YEAST_SLOTS, (1, 0), ("cytosol", "protein"))
CHUNK = 1024
ITEMS_A_CHUNK = 256


@cache
def random_bundle(folder: Path, width: float, side: int) -> ModelBundle:
    """A model of 12 classes with a random head; VGG16's own layers where `width` is 1."""
    network = NetworkPlan(width=width)
    classes = tuple(OrganelleClass(f"class {index}", "#808080") for index in range(12))
    spec = ModelSpec(
        name=f"width-{width:g}-{side}",
        classes=classes,
        task="single",
        slots=YEAST_SLOTS,
        pixels=PixelPlan(side, side),
        network=network,
        thresholds=(0.5,),
    )
    rng = np.random.default_rng(0)
    shapes = network.weight_shapes(len(classes), side)
    weights = {name: np.abs(rng.normal(0, 0.05, shape)).astype(np.float32) for name, shape in shapes.items()}
    return save_bundle(
        folder / f"{spec.name}.organelle", spec, weights | (imagenet_weights() if width == 1 else {})
    )


def made_image(side: int) -> ImageSet:
    """Noise of 2 x `side` x `side` uint16, made when it is read."""
    noise = _noise(CHUNK)
    chunks = ((1,), (2,), (CHUNK,) * (side // CHUNK), (CHUNK,) * (side // CHUNK))
    pixels = da.map_blocks(lambda: noise, chunks=chunks, dtype=np.uint16, meta=noise[:0])
    return ImageSet.from_array(pixels, (Channel("cytosol"), Channel("protein")))


def zarr_image(folder: Path, side: int) -> ImageSet:
    """As `made_image`, on disk as Zarr."""
    path = folder / f"{side}.zarr"
    made = made_image(side)
    made.data.to_zarr(str(path))
    return ImageSet.from_array(da.from_zarr(str(path)), made.channels)


def made_items(count: int, side: int) -> ImageSet:
    """`count` items of 2 x `side` x `side` uint16, made when they are read."""
    noise = np.broadcast_to(_noise(side), (ITEMS_A_CHUNK, 2, side, side))
    whole, rest = divmod(count, ITEMS_A_CHUNK)
    chunks = ((ITEMS_A_CHUNK,) * whole + (rest,) * bool(rest), (2,), (side,), (side,))

    def make(block_info: dict) -> np.ndarray:
        return noise[: block_info[None]["chunk-shape"][0]]

    pixels = da.map_blocks(make, chunks=chunks, dtype=np.uint16, meta=noise[:0])
    return ImageSet.from_array(pixels, (Channel("cytosol"), Channel("protein")))


@cache
def png_pairs(folder: Path, count: int, side: int) -> Path:
    """A folder of ``<cell>_rfp.png`` and ``<cell>_gfp.png``, 8 bit."""
    folder = folder / "cells"
    folder.mkdir()
    noise = np.random.default_rng(0).poisson(60, (2, side, side)).astype(np.uint8)
    for index in range(count):
        for name, pixels in zip(("rfp", "gfp"), np.roll(noise, index, axis=2), strict=True):
            Image.fromarray(pixels).save(folder / f"cell{index:05d}_{name}.png")
    return folder


def _noise(side: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 4000, (1, 2, side, side)).astype(np.uint16)
