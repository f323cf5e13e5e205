"""What the dense way costs, and how well it agrees with the exact one.

    python benchmarks/dense.py [--data DATA] [--model NAME] [--side 2048]

Times are of VGG16 on a two-channel uint16 Zarr of noise, 64 px tiles: exact without overlap, exact with a
stride of a quarter on a part of the image, dense with that stride on all of it, in turn. DATA holds real
images (``yeast_fields``, ``hpa2018``, ``hpa2021``, ``hpa_if``), of which up to 800 random tiles of a stride
of a quarter are answered both ways.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from speeds.measure import Row, Setting
from speeds.synthetic import CHANNELS, random_bundle, zarr_image
from train_hpa_stain import PIXEL_SIZE_UM

from napari_organelle.model.bundle import ModelBundle, open_bundle
from napari_organelle.model.classify import predict_regions
from napari_organelle.model.predict import collect
from napari_organelle.model.prediction import UNSURE, Prediction
from napari_organelle.prepare.channels import ChannelMap
from napari_organelle.prepare.regions import Regions, tile_regions
from napari_organelle.read.image_set import Channel, ImageSet
from napari_organelle.read.open import open_image_set

TILE = 64
STRIDE = TILE // 4
SIDE, ROUNDS, COMPARED = 2048, 2, 800
EXACT_TILES = 1024
"""Of the exact way with overlap, whose whole would take 16 times as long as without."""


def seconds(
    bundle: ModelBundle, image: ImageSet, regions: Regions, dense: bool = False, device: str = "cpu"
) -> float:
    """From the first pixel read to the last answer."""
    start = time.perf_counter()
    for _ in predict_regions(bundle, image, regions, CHANNELS, dense=dense, device=device):
        pass
    return time.perf_counter() - start


def time_ways(bundle: ModelBundle, image: ImageSet, repeats: int) -> dict[str, float]:
    """Median seconds of each way, and the median ratios of the dense way's to the others'."""
    shape = image.data.shape[2:]
    touching, overlapping = tile_regions(shape, TILE), tile_regions(shape, TILE, STRIDE)
    part = np.linspace(0, len(overlapping) - 1, EXACT_TILES).astype(int)
    some = replace(overlapping, windows=overlapping.windows[part], ids=overlapping.ids[part])
    seconds(bundle, image, tile_regions((4 * TILE, 4 * TILE), TILE))
    times = np.array(
        [
            (
                seconds(bundle, image, touching),
                seconds(bundle, image, overlapping, dense=True),
                seconds(bundle, image, some) * len(overlapping) / len(some),
            )
            for _ in range(repeats)
        ]
    )
    exact, dense, exact_overlapping = times.T
    return {
        "exact, no overlap, s": float(np.median(exact)),
        "dense, stride a quarter, s": float(np.median(dense)),
        "exact, stride a quarter, s (from a part)": float(np.median(exact_overlapping)),
        "dense / exact without overlap": float(np.median(dense / exact)),
        "dense / exact with the same stride": float(np.median(dense / exact_overlapping)),
    }


def dense_rows(setting: Setting) -> Iterator[Row]:
    """The dense way beside the exact one, for the table of all speeds."""
    times = time_ways(random_bundle(setting.folder, 1.0, TILE), zarr_image(setting.folder, SIDE), ROUNDS)
    seconds_taken = times["dense, stride a quarter, s"]
    for other, wanted in (("exact without overlap", "<= 2"), ("exact with the same stride", "")):
        about = f"dense tiles of {SIDE}², stride a quarter, time against {other}"
        yield Row(about, seconds_taken, "s", times[f"dense / {other}"], wanted=wanted)


def agreement(exact: Prediction, dense: Prediction, threshold: np.ndarray) -> dict[str, float]:
    """Share of equal calls (unsure is one) and likeliest classes; mean difference of probabilities."""
    calls = [np.array(each.called(threshold)) for each in (exact, dense)]
    best = [each.probabilities.argmax(axis=1) for each in (exact, dense)]
    return {
        "tiles": len(calls[0]),
        "unsure": float((calls[0] == UNSURE).mean()),
        "same call": float((calls[0] == calls[1]).mean()),
        "same class, of called": float((best[0] == best[1])[calls[0] != UNSURE].mean()),
        "same class": float((best[0] == best[1]).mean()),
        "difference": float(np.abs(exact.probabilities - dense.probabilities).mean()),
    }


def compare(bundle: ModelBundle, image: ImageSet, channels: ChannelMap) -> dict[str, float]:
    """Both ways on random tiles of an image."""
    tile = bundle.spec.pixels.window_for(image.pixel_size_um)
    regions = tile_regions(image.data.shape[2:], tile, tile // 4)
    count = min(COMPARED, len(regions))
    rows = np.sort(np.random.default_rng(0).choice(len(regions), count, replace=False))
    some = replace(regions, windows=regions.windows[rows], ids=regions.ids[rows])
    exact = collect(predict_regions(bundle, image, some, channels), some, bundle)
    whole = collect(predict_regions(bundle, image, regions, channels, dense=True), regions, bundle)
    dense = replace(whole, regions=some, probabilities=whole.probabilities[rows])
    return agreement(exact, dense, np.array(bundle.spec.thresholds))


def yeast_fields(data: Path, bundle: ModelBundle) -> Iterator[tuple[str, ImageSet, ChannelMap]]:
    """Real yeast: autofluorescence in the GFP channel, or the nucleus marker, as the protein."""
    for field in (1, 2):
        planes = [
            open_image_set(data / f"yeast_fields/r01c01f0{field}p01-ch{c}sk1fk1fl1.tiff") for c in (1, 2, 3)
        ]
        pixels = np.concatenate([each.read(0) for each in planes])[None]
        image = ImageSet.from_array(pixels, tuple(map(Channel, ("GFP", "nucleus", "cytosol"))))
        for protein, name in ((0, "GFP"), (1, "nucleus marker")):
            yield (
                f"yeast field {field}, {name}",
                image,
                ChannelMap(bundle.spec.slots, (2, protein), image.channel_names),
            )


def hpa_fields(data: Path, bundle: ModelBundle) -> Iterator[tuple[str, ImageSet, ChannelMap]]:
    """Real human cells, one stain at a time."""
    for folder in ("hpa2018/complete", "hpa2021/train", "hpa_if"):
        full = open_image_set(data / folder)
        for item, name in enumerate(full.items["item"]):
            pixels = full.read(item)[None]
            pixel_size = PIXEL_SIZE_UM * 512 / pixels.shape[-1]
            image = ImageSet.from_array(pixels, full.channels, pixel_size_um=pixel_size)
            for channel in full.channel_names:
                if channel != "protein":
                    index = full.channel_names.index(channel)
                    yield (
                        f"{folder} {name}, {channel}",
                        image,
                        ChannelMap(bundle.spec.slots, (index,), full.channel_names),
                    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of real images")
    parser.add_argument("--model", default="yeast-12", help="judged on the real images that suit its slots")
    parser.add_argument("--side", type=int, default=2048, help="of the image that is timed; 0 times nothing")
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    if args.side:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            times = time_ways(random_bundle(folder, 1.0, TILE), zarr_image(folder, args.side), args.repeats)
            print("\n".join(f"{what}: {value:.3g}" for what, value in times.items()))
    if args.data:
        bundle = open_bundle(args.model)
        fields = yeast_fields if len(bundle.spec.slots) == 2 else hpa_fields
        for name, image, channels in fields(args.data, bundle):
            row = compare(bundle, image, channels)
            print(name, *(f"{what} {value:.3f}" for what, value in row.items()), sep=" | ", flush=True)


if __name__ == "__main__":
    main()
