"""Memory above the loaded network, and time, of runs of up to a million crops and of many million tiles.

Run ``python benchmarks/large.py``. Lists of linked crops and low-entropy Zarr images are made in a temporary
folder and classified in parts by a very small network, so that what is measured is everything else. Needs
Linux.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import zarr
from PIL import Image
from speeds.measure import PeakMemory
from speeds.synthetic import random_bundle

from napari_organelle.distribute.options import PartOptions
from napari_organelle.distribute.run import LargeRun, survey
from napari_organelle.distribute.sources import find_sources
from napari_organelle.model.bundle import ModelBundle
from napari_organelle.prepare.plans import Images, RegionPlan, Tiles

LINKS = 50_000
"""Names that one file gets; file systems set a limit."""

CHUNK = 1024


def crop_list(folder: Path, items: int) -> Path:
    """A DeepYeast list of `items` lines, each with its PNG."""
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    lines = []
    for index in range(items):
        plate = folder / f"plate{index // LINKS + 1:02}"
        if index % LINKS == 0:
            plate.mkdir()
            original = folder / f"{plate.name}.png"
            Image.fromarray(pixels).save(original)
        name = f"007013000-2-{index // 1000}-{index}.png"
        os.link(original, plate / name)
        lines.append(f"{plate.name}/{name} {index % 3}\n")
    (folder / "HOwt_doc.txt").write_text("class;index\na;0\nb;1\nc;2\n")
    path = folder / "HOwt_test.txt"
    path.write_text("".join(lines))
    return path


def image(folder: Path, side: int) -> Path:
    """Two channels of `side` x `side` uint16 as a Zarr."""
    path = folder / f"{side}.zarr"
    block = np.random.default_rng(0).integers(0, 9, (2, CHUNK // 16, CHUNK // 16)).astype(np.uint16)
    block = block.repeat(16, axis=1).repeat(16, axis=2) * 400
    array = zarr.create_array(path, shape=(2, side, side), chunks=(2, CHUNK, CHUNK), dtype="uint16")
    for y in range(0, side, CHUNK):
        for x in range(0, side, CHUNK):
            array[:, y : y + CHUNK, x : x + CHUNK] = block
    return path


def measure(path: Path, bundle: ModelBundle, regions: RegionPlan, folder: Path) -> dict[str, object]:
    """One run, from its path to its table."""
    start = time.perf_counter()
    with PeakMemory() as memory:
        options = PartOptions(
            bundle=bundle, weights=bundle.sha256, regions=regions, channels="cytosol=0,protein=1"
        )
        sources = list(find_sources([str(path)]))
        count = survey(sources[0], options).regions
        planned = time.perf_counter() - start
        run = LargeRun(sources, options, folder / "out.csv")
        run.begin(force=True)
        parts = sum(1 for _ in run.answer())
        answered = time.perf_counter() - start
        rows = run.finish()
    seconds = time.perf_counter() - start
    return {
        "what": path.name if isinstance(regions, Tiles) else f"list of {count:,}",
        "stride": regions.stride if isinstance(regions, Tiles) else None,
        "rows": rows,
        "parts": parts,
        "memory MB": round(memory.growth / 1e6),
        "planned s": round(planned, 2),
        "joined s": round(seconds - answered, 1),
        "s": round(seconds, 1),
        "µs a row": round(seconds / rows * 1e6, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, nargs="*", default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--sides", type=int, nargs="*", default=[1024, 4096, 16384, 65536])
    parser.add_argument("--strides", type=int, nargs="*", default=[64, 16])
    parser.add_argument("--most", type=int, default=20_000_000, help="tiles beyond which none are cut")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bundle = random_bundle(folder, 1 / 32, 32)
        measure(crop_list(folder / "warm", 1024), bundle, Images(), folder)
        for count in args.items:
            path = crop_list(folder / str(count), count)
            print(json.dumps(measure(path, bundle, Images(), folder), ensure_ascii=False), flush=True)
        for side in args.sides:
            path = image(folder, side)
            for stride in args.strides:
                if (side // stride) ** 2 <= args.most:
                    options = Tiles(64, stride)
                    row = measure(path, bundle, options, folder)
                    print(json.dumps(row, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
