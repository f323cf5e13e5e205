"""How many cells a second `yeast-12-compact` answers beside `yeast-12`, reading and preparing included.

    python benchmarks/compact_speed.py

Simulated crops, both models in turn, median of five. Half a minute on two cores.
"""

from __future__ import annotations

import time
from statistics import median

import numpy as np

from napari_organelle.model.bundle import open_bundle
from napari_organelle.model.predict import collect, predict
from napari_organelle.prepare.channels import bind_channels
from napari_organelle.prepare.regions import image_regions
from napari_organelle.read.image_set import Channel, ImageSet
from napari_organelle.simulate.yeast import simulate_crops

CHANNELS = (Channel("mCherry", "red"), Channel("GFP", "green"))
CROPS = {"yeast-12": 1_000, "yeast-12-compact": 4_000}
ROUNDS = 5


def rate(name: str, images: ImageSet, count: int) -> float:
    """Cells a second."""
    bundle, regions = open_bundle(name), image_regions(images).first(count)
    began = time.perf_counter()
    collect(predict(bundle, images, regions, bind_channels(bundle.spec.slots, CHANNELS)), regions, bundle)
    return count / (time.perf_counter() - began)


def main() -> None:
    pixels = simulate_crops(200, seed=1).pixels
    images = ImageSet.from_array(np.tile(pixels, (max(CROPS.values()) // len(pixels), 1, 1, 1)), CHANNELS)
    for name in CROPS:
        rate(name, images, 64)
    rates = [{name: rate(name, images, count) for name, count in CROPS.items()} for _ in range(ROUNDS)]
    for name in CROPS:
        print(f"{name}: {median(each[name] for each in rates):,.0f} cells/s")
    print(f"ratio: {median(each['yeast-12-compact'] / each['yeast-12'] for each in rates):.1f}")


if __name__ == "__main__":
    main()
