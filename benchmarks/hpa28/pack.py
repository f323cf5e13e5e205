"""The real images that `hpa-28` learns from and is judged on, small enough to travel: one file.

    python benchmarks/hpa28/pack.py DATA -o hpa28_real.npz        # two minutes

Holds, as JPEG, the single cells of the mosaics at half size (224 pixels, four stains) with the teacher's
answers, and the single stains and complete sets of 2018 and 2021 at 512 pixels.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from scipy import ndimage
from teacher import load_teacher, teach

STAINS = ("red", "green", "blue", "yellow")
"""Microtubules, protein, nucleus, endoplasmic reticulum."""

CELL, FIELD = 224, 512
FROM_2021 = {
    0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 7, 8: 11, 9: 12, 10: 14, 11: 17, 12: 19, 13: 21, 14: 23,
    15: 24, 16: 25,
}  # fmt: skip


def grey(path: Path) -> np.ndarray:
    """(Y, X) uint8."""
    return np.asarray(Image.open(path).convert("L"))


def jpeg(image: np.ndarray) -> np.ndarray:
    """The bytes of a JPEG, as an array."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "jpeg", quality=78)
    return np.frombuffer(buffer.getvalue(), np.uint8)


def cut_cell(tile: np.ndarray) -> np.ndarray:
    """(4, 224, 224) of a (4, 512, 512) mosaic's tile, centred on its cell, at half size."""
    light = ndimage.gaussian_filter(tile[[0, 2, 3]].max(axis=0).astype(np.float32), 3) > 12
    rows, columns = (np.flatnonzero(light.any(axis=axis)) for axis in (1, 0))
    middle = [(int(each[0]) + int(each[-1])) // 2 if len(each) else 256 for each in (rows, columns)]
    y, x = (int(np.clip(m - CELL, 0, 512 - 2 * CELL)) for m in middle)
    part = tile[:, y : y + 2 * CELL, x : x + 2 * CELL].astype(np.float32)
    return part.reshape(4, CELL, 2, CELL, 2).mean(axis=(2, 4)).round().astype(np.uint8)


def mosaics(data: Path) -> tuple[np.ndarray, pd.DataFrame]:
    """(N, 4, 512, 512) tiles and a table of them: mosaic and target (an index of the 28)."""
    labels = pd.read_csv(data / "hpa_cells" / "labels.csv")
    tiles, rows = [], []
    for name, target in labels.itertuples(index=False):
        whole = np.stack([grey(data / "hpa_cells" / f"{name}_{stain}.jpg") for stain in STAINS])
        for tile in range(9):
            y, x = 512 * (tile // 3), 512 * (tile % 3)
            tiles.append(whole[:, y : y + 512, x : x + 512])
            rows.append((name, int(target)))
    return np.stack(tiles), pd.DataFrame(rows, columns=["mosaic", "target"])


def fields(data: Path) -> list[tuple[str, np.ndarray, np.ndarray, list[int]]]:
    """Name, (4, 512, 512) with zeros for missing stains, (4,) which are there, and targets or none."""
    truth = pd.read_csv(data / "hpa2018" / "train.csv", index_col="Id").Target
    found = []
    for folder in ("hpa2018/train", "hpa2018/complete"):
        for name in sorted({path.stem.rsplit("_", 1)[0] for path in (data / folder).glob("*.png")}):
            paths = [data / folder / f"{name}_{stain}.png" for stain in STAINS]
            there = np.array([path.exists() for path in paths])
            planes = [grey(p) if p.exists() else np.zeros((FIELD, FIELD), np.uint8) for p in paths]
            found.append((name, np.stack(planes), there, [int(t) for t in str(truth[name]).split()]))
    newer = pd.read_csv(data / "hpa2021" / "train.csv", index_col="ID").Label
    for name in sorted({path.stem.rsplit("_", 1)[0] for path in (data / "hpa2021/train").glob("*.png")}):
        planes = [
            np.asarray(
                Image.open(data / "hpa2021/train" / f"{name}_{stain}.png")
                .convert("L")
                .resize((FIELD, FIELD), 4)
            )
            for stain in STAINS
        ]
        targets = [FROM_2021[int(t)] for t in str(newer[name]).split("|") if int(t) in FROM_2021]
        found.append((name + "_2021", np.stack(planes), np.ones(4, bool), targets))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()
    tiles, table = mosaics(args.data)
    teacher = load_teacher(args.data / "gapnet_pl" / "weights.npz")
    predicted = teach(teacher, (tile[[2, 1, 0, 3]] for tile in tiles), batch=8)
    stored = {"teacher": predicted.astype(np.float16), "target": table.target.to_numpy(np.int16)}
    stored["mosaic"] = table.mosaic.to_numpy(str)
    for row, tile in enumerate(tiles):
        stored[f"cell{row:04d}"] = jpeg(np.concatenate(list(cut_cell(tile))))
    names = []
    for name, planes, there, targets in fields(args.data):
        for stain in np.flatnonzero(there):
            stored[f"field{len(names):04d}_{stain}"] = jpeg(planes[stain])
        names.append(f"{name} {' '.join(map(str, targets))}")
    stored["fields"] = np.array(names)
    np.savez(args.output, **stored)
    hits = predicted.argmax(axis=1)
    print(f"{len(tiles)} cells, {len(names)} fields; the teacher's calls: {np.bincount(hits, minlength=13)}")


if __name__ == "__main__":
    main()
