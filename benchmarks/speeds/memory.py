"""Memory that classifying takes above the loaded network, by size of the image and by number of items."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from napari_organelle.model.predict import predict
from napari_organelle.prepare.regions import Regions, slice_regions, tile_regions
from napari_organelle.read.image_set import ImageSet
from speeds.measure import PeakMemory, Row, Setting
from speeds.synthetic import CHANNELS, made_image, made_items, random_bundle

SIDES = (1024, 4096, 16384, 65536)
TILE = 128
COUNTS = (1_000, 100_000)
WIDTH, INPUT = 1 / 32, 32


def memory_rows(setting: Setting) -> Iterator[Row]:
    """Images and lists that are made while they are read."""
    for side in SIDES:
        images = made_image(side)
        regions = tile_regions(images.data.shape[2:], TILE)
        yield Row(f"memory, {len(regions):,} tiles of {side}²", _growth(setting, images, regions), "MB")
    for count in COUNTS:
        images = made_items(count, INPUT)
        yield Row(f"memory, {count:,} items", _growth(setting, images, slice_regions(images)), "MB")


def _growth(setting: Setting, images: ImageSet, regions: Regions) -> float:
    bundle = random_bundle(setting.folder, WIDTH, INPUT)
    some = replace(regions, windows=regions.windows[:16], ids=regions.ids[:16])
    device = setting.devices[-1]
    for part in (some, regions):
        with PeakMemory() as memory:
            for _ in predict(bundle, images, part, CHANNELS, device=device):
                pass
    return memory.growth / 1e6
