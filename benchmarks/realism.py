"""Draw how simulated yeast cells measure beside unlabelled real ones.

    python benchmarks/realism.py DATA -o docs/images/realism.png

DATA holds `yeast_cyclops` (single cells) and `yeast_fields` (fields with instance masks).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from matplotlib.figure import Figure
from skimage.measure import regionprops_table

from napari_organelle.read.open import open_image_set
from napari_organelle.simulate.realism import (
    cell_diameter,
    channel_correlation,
    power_spectrum,
    stretched,
)
from napari_organelle.simulate.yeast import simulate_crops, simulate_field

SEED = 7
REAL, SIMULATED = "#222222", "#c8385a"
QUANTILES = (5, 25, 50, 75, 90, 95, 99)


def elongations(masks: np.ndarray) -> np.ndarray:
    """Long over short axis of each whole object of (Y, X)."""
    found = regionprops_table(masks, properties=("bbox", "axis_major_length", "axis_minor_length"))
    whole = (found["bbox-0"] > 0) & (found["bbox-1"] > 0)
    whole &= (found["bbox-2"] < len(masks)) & (found["bbox-3"] < masks.shape[1])
    whole &= found["axis_minor_length"] > 5
    return np.asarray(found["axis_major_length"][whole] / found["axis_minor_length"][whole])


def draw_bands(axes: Any, real: np.ndarray, simulated: np.ndarray, x: np.ndarray) -> None:
    """Median and quartiles over cells of (N, X) curves."""
    for curves, colour, name in ((real, REAL, "real"), (simulated, SIMULATED, "simulated")):
        low, middle, high = np.percentile(curves, [25, 50, 75], axis=0)
        axes.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)
        axes.plot(x, middle, color=colour, label=name)


def draw_histograms(axes: Any, real: np.ndarray, simulated: np.ndarray) -> None:
    edges = np.histogram_bin_edges(np.concatenate([real, simulated]), 25)
    for values, colour, name in ((real, REAL, "real"), (simulated, SIMULATED, "simulated")):
        label = f"{name}, median {np.median(values):.2f}"
        axes.hist(values, edges, density=True, histtype="step", color=colour, label=label)
    axes.set_yticks([])
    axes.legend(fontsize=7, frameon=False)


def draw_row(row: Any, name: str, real: np.ndarray, simulated: np.ndarray) -> None:
    """Panels of one compartment: brightness and spectrum of the protein, diameter, correlation."""
    pair = (real, simulated)
    brightness = [np.percentile(stretched(cells[:, 1]), QUANTILES, axis=(1, 2)).T for cells in pair]
    draw_bands(row[0], *brightness, np.array(QUANTILES))
    spectra = [np.array([power_spectrum(image) for image in stretched(cells[:, 1])]) for cells in pair]
    draw_bands(row[1], *spectra, np.arange(1, 13))
    sizes = [np.array([cell_diameter(i) for i in c[:, 0].astype(float)]) for c in pair]
    draw_histograms(row[2], *(size[np.isfinite(size)] for size in sizes))
    draw_histograms(row[3], *(np.array([channel_correlation(i) for i in c]) for c in pair))
    row[0].set_ylabel(f"{name}\nprotein, stretched")
    row[0].legend(fontsize=7, frameon=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()
    cells = open_image_set(args.data / "yeast_cyclops")
    genes, pixels = cells.items["label"].to_numpy(), np.asarray(cells.data)
    figure = Figure(figsize=(12, 7.5), layout="constrained", dpi=110)
    rows = figure.subplots(3, 4)
    for row, name, tagged in zip(
        rows, ("mitochondrion", "cytoplasm"), (("AAC1",), ("AAH1", "AAP1")), strict=False
    ):
        real = pixels[np.isin(genes, tagged)]
        draw_row(row, name, real, simulate_crops(len(real), seed=SEED, classes=[name]).pixels)
    masks = [tifffile.imread(f).astype(int) for f in sorted((args.data / "yeast_fields").glob("*labeled*"))]
    fields = [simulate_field(seed=seed).masks for seed in (SEED, SEED + 1)]
    draw_histograms(
        rows[2][0], *(np.concatenate([elongations(m) for m in group]) for group in (masks, fields))
    )
    for axes, title in zip(
        rows[0], ("brightness", "power spectrum", "cell diameter", "cytosol and protein"), strict=True
    ):
        axes.set_title(title, fontsize=10)
    for row in rows[:2]:
        for axes, label in zip(row, ("percentile", "cycles per 64 px", "pixels", "correlation"), strict=True):
            axes.set_xlabel(label, fontsize=8)
    rows[2][0].set_xlabel("elongation of segmented cells, buds included", fontsize=8)
    for axes in rows[2][1:]:
        axes.axis("off")
    args.output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(args.output)


if __name__ == "__main__":
    main()
