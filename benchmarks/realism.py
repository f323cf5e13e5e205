"""Draw how simulated yeast cells measure beside unlabelled real ones.

    python benchmarks/realism.py DATA -o docs/images/realism.png

DATA holds `yeast_cyclops`, single cells.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from napari_organelle.read.open import open_image_set
from napari_organelle.simulate.realism import (
    cell_diameter,
    channel_correlation,
    darkest_quarter,
    power_spectrum,
    stretched,
)
from napari_organelle.simulate.yeast import simulate_crops

SEED = 7
REAL, SIMULATED = "#222222", "#c8385a"
COMPARED = {"mitochondrion": ("AAC1",), "cytoplasm": ("AAH1", "AAP1")}
"""Compartments, and the genes whose cells are compared with them."""

TITLES = ("brightness", "power spectrum", "cell diameter", "vacuoles in the cytosol", "cytosol and protein")
LABELS = ("percentile", "cycles per 64 px", "pixels", "darkest quarter / bright parts", "correlation")
QUANTILES = (5, 25, 50, 75, 90, 95, 99)


def draw_bands(axes: Any, real: np.ndarray, simulated: np.ndarray, x: np.ndarray) -> None:
    """Median and quartiles over cells of (N, X) curves."""
    for curves, colour, name in ((real, REAL, "real"), (simulated, SIMULATED, "simulated")):
        low, middle, high = np.percentile(curves, [25, 50, 75], axis=0)
        axes.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)
        axes.plot(x, middle, color=colour, label=name)


def draw_histograms(axes: Any, real: np.ndarray, simulated: np.ndarray) -> None:
    real, simulated = (values[np.isfinite(values)] for values in (real, simulated))
    edges = np.linspace(*np.percentile(np.concatenate([real, simulated]), [0.5, 99.5]), 25)
    for values, colour, name in ((real, REAL, "real"), (simulated, SIMULATED, "simulated")):
        label = f"{name}, median {np.median(values):.2f}"
        axes.hist(values, edges, density=True, histtype="step", color=colour, label=label)
    axes.set_yticks([])
    axes.margins(y=0.35)
    axes.legend(fontsize=7, frameon=False, loc="upper left")


def draw_row(row: Any, name: str, real: np.ndarray, simulated: np.ndarray) -> None:
    """Panels of one compartment: brightness and spectrum of the protein, diameter, vacuoles, correlation."""
    pair = (real, simulated)
    brightness = [np.percentile(stretched(cells[:, 1]), QUANTILES, axis=(1, 2)).T for cells in pair]
    draw_bands(row[0], *brightness, np.array(QUANTILES))
    spectra = [np.array([power_spectrum(image) for image in stretched(cells[:, 1])]) for cells in pair]
    draw_bands(row[1], *spectra, np.arange(1, 13))
    for axes, measure in zip(row[2:4], (cell_diameter, darkest_quarter), strict=True):
        draw_histograms(axes, *(np.array([measure(i) for i in c[:, 0].astype(float)]) for c in pair))
    draw_histograms(row[4], *(np.array([channel_correlation(i) for i in c]) for c in pair))
    row[0].set_ylabel(f"{name}\nprotein, stretched")
    row[0].legend(fontsize=7, frameon=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()
    cells = open_image_set(args.data / "yeast_cyclops")
    genes, pixels = cells.items["label"].to_numpy(), np.asarray(cells.data)
    figure = Figure(figsize=(14, 6), layout="constrained", dpi=110)
    rows = figure.subplots(2, 5)
    for row, (name, tagged) in zip(rows, COMPARED.items(), strict=True):
        real = pixels[np.isin(genes, tagged)]
        draw_row(row, name, real, simulate_crops(len(real), seed=SEED, classes=[name]).pixels)
        for axes, label in zip(row, LABELS, strict=True):
            axes.set_xlabel(label, fontsize=8)
    for axes, title in zip(rows[0], TITLES, strict=True):
        axes.set_title(title, fontsize=10)
    args.output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(args.output)


if __name__ == "__main__":
    main()
