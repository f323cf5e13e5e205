"""Rate of local workers against this process, on the same tiles in the same run; and a worker that is killed.

Run ``python benchmarks/workers.py``. Tiles of 64 pixels of a two-channel noise image go through VGG16; rates
count from the first part that is done to the last, so that starting TensorFlow in each process is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from speeds.measure import Row, Setting
from speeds.synthetic import random_bundle, zarr_image

from napari_organelle.distribute.options import PartOptions
from napari_organelle.distribute.run import LargeRun
from napari_organelle.distribute.sources import find_sources
from napari_organelle.distribute.workers import workers
from napari_organelle.model.bundle import ModelBundle
from napari_organelle.prepare.plans import Tiles

TILE = 64
PART = 64
"""Tiles of a part, so that a short run has many."""


def rate(image: Path, bundle: ModelBundle, output: Path, count: int, kill: bool = False) -> float:
    """Tiles a second, first part to last.

    Parameters
    ----------
    image : Path
        A Zarr.
    bundle : ModelBundle
        The model.
    output : Path
        Table to write.
    count : int
        Worker processes; 0 for this process.
    kill : bool
        Whether one of them is killed after a third of the parts.
    """
    regions = Tiles(TILE)
    options = PartOptions(
        bundle=bundle, weights=bundle.sha256, regions=regions, channels="cytosol=0,protein=1"
    )
    run = LargeRun(list(find_sources([str(image)])), options, output)
    run.begin(force=True)
    parts = sum(1 for _ in run.parts())
    times, sizes = [], []
    with workers(count) if count else nullcontext() as client:
        for summary in run.answer(client):
            times.append(time.perf_counter())
            sizes.append(summary.size)
            if kill and client and len(times) == parts // 3:
                os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)
    run.finish()
    return sum(sizes[max(1, count) :]) / (times[-1] - times[max(1, count) - 1])


def compare(side: int = 2048, repeats: int = 3) -> list[dict[str, Any]]:
    """Rates of this process, one worker, two, and two of which one is killed, in turn."""
    Tiles.part_size = PART
    ways = {"this process": (0, False), "1 worker": (1, False), "2 workers": (2, False)}
    ways["2 workers, one killed"] = (2, True)
    rates: dict[str, list[float]] = {name: [] for name in ways}
    tables: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bundle = random_bundle(folder, 1.0, TILE)
        zarr_image(folder, side)
        for _ in range(repeats):
            for way, (count, kill) in ways.items():
                output = folder / "out.csv"
                rates[way].append(rate(folder / f"{side}.zarr", bundle, output, count, kill))
                tables[way] = output.read_bytes()
    here = float(np.median(rates["this process"]))
    return [
        {
            "way": way,
            "tiles/s": round(float(np.median(found)), 1),
            "ratio": round(float(np.median(found)) / here, 2),
            "same bytes": tables[way] == tables["this process"],
        }
        for way, found in rates.items()
    ]


def worker_rows(setting: Setting) -> Iterator[Row]:
    """Local workers beside this process, for the table of all speeds; one round, since each starts anew."""
    for row in compare(repeats=1):
        about = f"{row['way']}: tiles of 64 px through VGG16, against this process"
        same = "same bytes" if row["same bytes"] else "OTHER BYTES"
        yield Row(f"{about}; {same}", float(row["tiles/s"]), "tiles/s", float(row["ratio"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=2048, help="of the image")
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    for row in compare(args.side, args.repeats):
        print(json.dumps(row))


if __name__ == "__main__":
    main()
