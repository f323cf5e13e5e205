"""From disk to answers, and from crops to training features, beside the bare network on ready batches."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import numpy as np

from napari_organelle.model.bundle import ModelBundle
from napari_organelle.model.engine.device import choose_device
from napari_organelle.model.engine.loaded import load
from napari_organelle.model.networks.vgg16 import imagenet_weights
from napari_organelle.model.predict import fitting_batch, predict, prepare_batches
from napari_organelle.prepare.augment import NONE
from napari_organelle.prepare.regions import Regions, slice_regions, tile_regions
from napari_organelle.read.image_set import ImageSet
from napari_organelle.read.open import open_image_set
from napari_organelle.train.examples import Examples
from napari_organelle.train.features import (
    FeatureCache,
    FeatureJob,
    FeatureKey,
    compile_extractor,
    compute_features,
    weights_hash,
)
from speeds.measure import Rate, Row, Setting, Work, compared, interleave, rate
from speeds.synthetic import CHANNELS, png_pairs, random_bundle, zarr_image

IMAGE_SIDE, TILE, ITEMS = 4096, 64, 10_000
SECONDS, LEAST = 4, 512
"""About how long each work of a round takes, and the fewest regions, whole batches of them: the first block's
reading must not weigh more than it does in a long run."""

BARE_BATCHES = 8
FEATURE_WINDOWS = 320


def tile_rows(setting: Setting) -> Iterator[Row]:
    """Tiles of an image on disk."""
    images = zarr_image(setting.folder, IMAGE_SIDE)
    regions = tile_regions(images.data.shape[2:], TILE)
    yield from _both_models(setting, images, regions, f"{len(regions):,} tiles of a {IMAGE_SIDE}² Zarr")


def item_rows(setting: Setting) -> Iterator[Row]:
    """Crops that are files of their own."""
    images = open_image_set(png_pairs(setting.folder, ITEMS, TILE))
    yield from _both_models(setting, images, slice_regions(images), f"{ITEMS:,} items, PNG pairs")


def _both_models(setting: Setting, images: ImageSet, regions: Regions, what: str) -> Iterator[Row]:
    for bundle in (random_bundle(setting.folder, width, TILE) for width in (1.0, 0.25)):
        for device in setting.devices:
            bare = bare_work(bundle, images, regions, device)
            bare()
            count = max(LEAST, round(rate(bare).wall * SECONDS))
            count = min(len(regions) // setting.rounds, count) // LEAST * LEAST
            whole = whole_work(bundle, images, regions, device, count)
            rates = interleave({"whole": whole, "bare": bare}, setting.rounds)
            name = "VGG16" if bundle.spec.network.width == 1 else "VGG16 of a quarter of the width"
            about = f"{what}, {name} on {device}, read to answer against bare"
            yield compared(about, rates["whole"], rates["bare"], "regions/s", ">= 0.95")


def bare_work(bundle: ModelBundle, images: ImageSet, regions: Regions, device: str) -> Work:
    """The network on batches in memory, for about as long as `whole_work`; it does regions."""
    model, plan = load(bundle, device), bundle.spec.pixels
    size = fitting_batch(plan.input_size, model.device)
    made = prepare_batches(images, regions, CHANNELS, plan, size)
    ready = [batch.inputs for batch in islice(made, BARE_BATCHES)]

    def work() -> float:
        stop, done = time.perf_counter() + SECONDS / 2, 0
        while time.perf_counter() < stop:
            for inputs in ready:
                model.probabilities(inputs)
                done += len(inputs)
        return float(done)

    return work


def whole_work(bundle: ModelBundle, images: ImageSet, regions: Regions, device: str, count: int) -> Work:
    """From reading to probabilities, other regions each time; it does regions."""
    starts = iter(range(0, len(regions) * 100, count))

    def work() -> float:
        start = next(starts) % max(1, len(regions) - count)
        part = slice(start, start + count)
        some = replace(regions, windows=regions.windows[part], ids=regions.ids[part])
        return float(sum(b.stop - b.start for b in predict(bundle, images, some, CHANNELS, device=device)))

    return work


def feature_rows(setting: Setting) -> Iterator[Row]:
    """Training's features beside their bare network, compiled before the clock starts."""
    images = open_image_set(png_pairs(setting.folder, ITEMS, TILE))
    windows = slice_regions(images).windows[:FEATURE_WINDOWS]
    bundle, device = random_bundle(setting.folder, 1.0, TILE), choose_device("cpu")
    key = FeatureKey(bundle.spec.network, bundle.spec.pixels, weights_hash(imagenet_weights()))
    names = np.full(len(windows), "")
    hashes = np.array([b"%015d" % row for row in range(len(windows))])
    job = FeatureJob(
        Examples(images, windows, names, names),
        hashes,
        np.zeros(len(windows), int),
        CHANNELS.indices,
        key,
        NONE,
        0,
    )
    run = compile_extractor(key, imagenet_weights(), device)
    size = fitting_batch(TILE, device)
    made = prepare_batches(images, slice_regions(images), CHANNELS, key.pixels, size)
    ready = [batch.inputs for batch in islice(made, BARE_BATCHES)]

    def bare() -> float:
        for inputs in ready:
            run(inputs)
        return float(size * len(ready))

    whole: list[Rate] = []
    others: list[Rate] = []
    for number in range(setting.rounds + 1):
        cache = FeatureCache(setting.folder / f"features-{number}", key.network.feature_count(TILE))
        running = compute_features(job, cache, imagenet_weights(), device)
        first, _ = next(running)
        whole.append(rate(lambda running=running, first=first: max(done for done, _ in running) - first))
        others.append(rate(bare))
    yield compared(
        "training's features, VGG16 at 64 px, against bare", whole[1:], others[1:], "windows/s", ">= 0.95"
    )
