"""What a whole run of ``classify --regions objects`` spends its processor time on.

    python benchmarks/shares.py DATA [--json FILE]

Ten real fields of each kind, each turned or mirrored anew from those of DATA: yeast of 1080² and the Atlas's
2021 set of 2048². The stages are done one after the other and timed alone, by processor time, which other
work on the machine does not lengthen; the run, in which they overlap, beside their sum.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tifffile
from PIL import Image
from speeds.measure import machine

from napari_organelle.distribute.options import PartOptions
from napari_organelle.distribute.run import plan_run
from napari_organelle.model.bundle import ModelBundle, open_bundle
from napari_organelle.model.engine.loaded import load
from napari_organelle.model.predict import collect, fitting_batch, predict, prepare_batches
from napari_organelle.prepare.cells import choose_stains, iter_cells, read_stains
from napari_organelle.prepare.channels import bind_channels
from napari_organelle.prepare.cut import iter_windows
from napari_organelle.prepare.plans import Objects
from napari_organelle.read.open import open_image_set
from napari_organelle.show.tables import results_table, write_tables

FIELDS = 10
DEVICE = "openvino"


def turned(planes: list[np.ndarray], index: int) -> list[np.ndarray]:
    """The same field, seen anew for each index below 8."""
    views = [np.rot90(plane, index % 4) for plane in planes]
    return [view[:, ::-1] for view in views] if index >= 4 else views


def yeast_fields(data: Path, folder: Path) -> Path:
    """Ten files of two channels from two fields."""
    folder.mkdir()
    stems = [f"{data}/yeast_fields/r01c01f0{field}p01" for field in (1, 2)]
    for index in range(FIELDS):
        planes = [tifffile.imread(f"{stems[index % 2]}-ch{channel}sk1fk1fl1.tiff") for channel in (3, 1)]
        pixels = np.stack(turned(planes, index // 2))
        tifffile.imwrite(
            folder / f"field{index}.ome.tif",
            pixels,
            metadata={"axes": "CYX", "Channel": {"Name": ["mCherry", "GFP"]}},
            compression="zlib",
        )
    return folder


def atlas_fields(data: Path, folder: Path) -> Path:
    """Ten sets of four stains, 2048², from two."""
    folder.mkdir()
    sets = sorted((data / "hpa2021/train").glob("*_blue.png"))
    square = [file for file in sets if Image.open(file).size == (2048, 2048)]
    for index in range(FIELDS):
        file = square[index % len(square)]
        for stain in ("red", "green", "blue", "yellow"):
            plane = np.asarray(Image.open(str(file).replace("blue", stain)))
            view = turned([plane], index // len(square))[0]
            Image.fromarray(np.ascontiguousarray(view)).save(folder / f"field{index}_{stain}.png")
    return folder


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.process_time()
    done = work()
    return time.process_time() - began, done


def stages(bundle: ModelBundle, folder: Path, output: Path) -> dict[str, float]:
    """Seconds of processor time, by stage."""
    opening, images = timed(lambda: open_image_set(folder))
    channels = bind_channels(bundle.spec.slots, images.channels, "")
    stains = choose_stains(images.channels, channels)
    plan = bundle.spec.pixels
    seconds = {}
    reading, planes = timed(lambda: list(read_stains(images, stains)))
    seconds["find cells"], _ = timed(lambda: list(iter_cells(planes)))
    regions = Objects(window=plan.window_px).make(images, channels=channels)
    cutting, _ = timed(lambda: list(iter_windows(images, regions.windows, channels.indices)))
    model = load(bundle, DEVICE)
    size = fitting_batch(plan.input_size, model.device)
    both, batches = timed(lambda: list(prepare_batches(images, regions, channels, plan, size)))
    seconds["read"] = opening + reading + cutting
    seconds["prepare"] = both - cutting
    answer = answering(model, size)
    answer(batches[:1])
    seconds["network"], _ = timed(lambda: answer(batches))
    answers = collect(predict(bundle, images, regions, channels, device=DEVICE), regions, bundle)
    threshold = np.array(bundle.spec.thresholds)
    seconds["write"], _ = timed(lambda: write_tables([results_table(answers, images, threshold)], output))
    return seconds | {"cells": len(regions)}


def answering(model: Any, size: int) -> Callable[[list], None]:
    def answer(batches: list) -> None:
        for batch in batches:
            rows = batch.inputs
            model.probabilities(np.concatenate([rows, np.zeros((size - len(rows), *rows.shape[1:]), "f4")]))

    return answer


def whole(bundle: ModelBundle, folder: Path, output: Path) -> tuple[float, float]:
    """Processor and wall time of the command's run."""
    options = PartOptions(
        bundle=bundle,
        weights=bundle.sha256,
        regions=Objects(window=bundle.spec.pixels.window_px),
        predict={"device": DEVICE, "batch_size": None},
    )
    wall = time.perf_counter()
    spent, _ = timed(lambda: do(plan_run([str(folder)], options, output)[0]))
    return spent, time.perf_counter() - wall


def do(run: Any) -> None:
    run.begin()
    for _ in run.answer():
        pass
    run.finish()


def rows(data: Path) -> Iterator[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as name:
        kinds = {
            "yeast 1080²": (yeast_fields(data, Path(name) / "yeast"), ("yeast-12",)),
            "Atlas 2048²": (atlas_fields(data, Path(name) / "atlas"), ("hpa-28", "hpa-28-compact")),
        }
        for kind, (folder, models) in kinds.items():
            for model in models:
                bundle = open_bundle(model)
                seconds = stages(bundle, folder, Path(name) / f"{model}.csv")
                spent, wall = whole(bundle, folder, Path(name) / f"{model}-run.csv")
                yield {"fields": kind, "model": model, **seconds, "run": spent, "wall": wall}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    done = []
    for row in rows(args.data):
        done.append(row)
        parts = {name: row[name] for name in ("read", "find cells", "prepare", "network", "write")}
        total = sum(parts.values())
        shares = ", ".join(f"{name} {seconds / total:.2f}" for name, seconds in parts.items())
        print(
            f"{row['fields']}, {row['model']}, {row['cells']} cells: {shares}; "
            f"{total / FIELDS:.2f} s a field; "
            f"the run {row['run'] / FIELDS:.2f} s of processor time a field, {row['wall'] / FIELDS:.2f} s",
            flush=True,
        )
    if args.json:
        args.json.write_text(json.dumps({"machine": machine(), "rows": done}, indent=1) + "\n")


if __name__ == "__main__":
    main()
