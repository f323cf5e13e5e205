"""How much of the bare network's speed is left end to end, and how much memory the way there takes.

Run ``python benchmarks/throughput.py``. Two-channel uint16 images are written as Zarr and classified by tiles
of 64 pixels: by VGG16, beside the same network on batches that are ready in memory, and by a small network on
larger images, for the memory that reading takes. Speeds are to be compared within one run only. Needs Linux.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from itertools import islice
from pathlib import Path
from threading import Event, Thread

import dask.array as da
import numpy as np

from napari_organelle.model.bundle import ModelBundle, ModelSpec, OrganelleClass, save_bundle
from napari_organelle.model.device import describe
from napari_organelle.model.predict import fitting_batch, predict, prepare_batches
from napari_organelle.model.vgg16 import NetworkPlan, imagenet_weights, weight_shapes
from napari_organelle.prepare.channels import YEAST_SLOTS, ChannelMap
from napari_organelle.prepare.pixels import PixelPlan
from napari_organelle.prepare.regions import Regions, tile_regions
from napari_organelle.read.image_set import Channel, ImageSet

TILE = 64
CHUNK = 1024
CHANNELS = ChannelMap(YEAST_SLOTS, (0, 1), ("mCherry", "GFP"))


def random_bundle(folder: Path, width: float, input_size: int = TILE) -> ModelBundle:
    """A model of 12 classes with a random head; VGG16's own layers where `width` is 1."""
    network = NetworkPlan(width=width)
    classes = tuple(OrganelleClass(f"class {index}", "#808080") for index in range(12))
    pixels = PixelPlan(input_size, TILE)
    spec = ModelSpec(
        name=f"width-{width:g}",
        classes=classes,
        task="single",
        slots=YEAST_SLOTS,
        pixels=pixels,
        network=network,
        thresholds=(0.5,),
    )
    rng = np.random.default_rng(0)
    shapes = weight_shapes(network, len(classes), input_size)
    weights = {name: np.abs(rng.normal(0, 0.05, shape)).astype(np.float32) for name, shape in shapes.items()}
    return save_bundle(
        folder / f"{spec.name}.organelle", spec, weights | (imagenet_weights() if width == 1 else {})
    )


def zarr_image(folder: Path, side: int) -> ImageSet:
    """Noise of 2 x `side` x `side` uint16 on disk."""
    rng = np.random.default_rng(0)
    block = rng.integers(0, 4000, (1, 2, CHUNK, CHUNK)).astype(np.uint16)
    chunks = ((1,), (2,), (CHUNK,) * (side // CHUNK), (CHUNK,) * (side // CHUNK))
    noise = da.map_blocks(lambda: block, chunks=chunks, dtype=np.uint16)
    path = folder / f"{side}.zarr"
    noise.to_zarr(str(path))
    return ImageSet.from_array(da.from_zarr(str(path)), (Channel("mCherry"), Channel("GFP")))


class PeakMemory:
    """Within the ``with`` block: by how many bytes the process grew at most, as `growth`."""

    def __enter__(self) -> PeakMemory:
        self._stop = Event()
        self._start = self._most = resident_bytes()
        self._thread = Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.01):
            self._most = max(self._most, resident_bytes())

    @property
    def growth(self) -> int:
        return self._most - self._start


def resident_bytes() -> int:
    """Memory that the process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def whole_rate(bundle: ModelBundle, image: ImageSet, regions: Regions) -> tuple[float, int]:
    """Regions per second from disk to probabilities, and bytes of memory that it took."""
    start = time.perf_counter()
    with PeakMemory() as memory:
        done = sum(batch.stop - batch.start for batch in predict(bundle, image, regions, CHANNELS))
    return done / (time.perf_counter() - start), memory.growth


def bare_rate(bundle: ModelBundle, image: ImageSet, regions: Regions, batches: int) -> float:
    """Regions per second of the network alone on batches in memory."""
    model = bundle.load()
    plan = bundle.spec.pixels
    size = fitting_batch(plan.input_size, model.device)
    ready = [b.inputs for b in islice(prepare_batches(image, regions, CHANNELS, plan, size), batches)]
    model.probabilities(ready[0])
    start = time.perf_counter()
    for inputs in ready:
        model.probabilities(inputs)
    return sum(map(len, ready)) / (time.perf_counter() - start)


def prepare_rate(bundle: ModelBundle, image: ImageSet, regions: Regions) -> float:
    """Regions per second that are read and prepared, without a network."""
    plan = bundle.spec.pixels
    start = time.perf_counter()
    for _ in prepare_batches(
        image, regions, CHANNELS, plan, fitting_batch(plan.input_size, bundle.load().device)
    ):
        pass
    return len(regions) / (time.perf_counter() - start)


def compare(bundle: ModelBundle, image: ImageSet, repeats: int) -> dict[str, object]:
    """The network alone and the way from disk, in turn so that a busy machine slows both."""
    regions = tile_regions(image.data.shape[2:], TILE)
    bare, whole, memory = [], [], []
    for _ in range(repeats):
        bare.append(bare_rate(bundle, image, regions, 16))
        speed, extra = whole_rate(bundle, image, regions)
        whole.append(speed)
        memory.append(extra)
    ready = prepare_rate(bundle, image, regions)
    return {
        "network": bundle.spec.name,
        "device": describe(bundle.load().device),
        "image": f"{image.data.shape[2]}²",
        "tiles": len(regions),
        "bare tiles/s": round(float(np.median(bare)), 1),
        "end to end tiles/s": round(float(np.median(whole)), 1),
        "ratio": round(float(np.median(np.divide(whole, bare))), 3),
        "prepared tiles/s": round(ready, 1),
        "memory MB": round(max(memory) / 1e6),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=2048, help="of the image for VGG16")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--large", type=int, nargs="+", default=[4096, 16384], help="for the small network")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows.append(compare(random_bundle(folder, 1.0), zarr_image(folder, args.side), args.repeats))
        small = random_bundle(folder, 1 / 32)
        rows += [compare(small, zarr_image(folder, side), 1) for side in args.large if side != args.side]
    for row in rows:
        print("  ".join(f"{key}: {value}" for key, value in row.items()))
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
