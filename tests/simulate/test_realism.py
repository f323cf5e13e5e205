"""Simulated cells measure like unlabelled real ones (CyCLOPS), for the two compartments that these show."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_organelle.simulate.realism import (
    cell_diameter,
    channel_correlation,
    power_spectrum,
    stretched,
)
from napari_organelle.simulate.yeast import simulate_crops

pytestmark = pytest.mark.real_data


def real_cells(folder: Path, genes: tuple[str, ...], count: int = 100) -> np.ndarray:
    """(N, 2, 64, 64) float: cytosol, protein."""
    files = [path for gene in genes for path in sorted((folder / "yeast_cyclops" / gene).glob("*_gfp.tif"))]
    chosen = files[:: max(1, len(files) // count)]
    return np.array(
        [[tifffile.imread(str(f).replace("_gfp.tif", "_rfp.tif")), tifffile.imread(f)] for f in chosen]
    )


KINDS = {"mitochondrion": ("AAC1",), "cytoplasm": ("AAH1", "AAP1")}


@pytest.fixture(scope="module", params=KINDS)
def pair(request: pytest.FixtureRequest, real_data: Path) -> tuple[np.ndarray, np.ndarray]:
    """Real and simulated cells of one compartment."""
    simulated = simulate_crops(100, seed=7, classes=[request.param]).pixels.astype(float)
    return real_cells(real_data, KINDS[request.param]), simulated


def test_cells_are_as_large(pair):
    real, simulated = (np.nanmedian([cell_diameter(image) for image in cells[:, 0]]) for cells in pair)
    assert simulated == pytest.approx(real, rel=0.1)


@pytest.mark.parametrize("channel", [0, 1])
def test_power_spectra_agree_to_four_fifths_of_a_decade(pair, channel):
    """Simulated cells are noisier on purpose: proteins are dimmer than those of the two cytosolic genes."""
    real, simulated = (
        np.median([power_spectrum(i) for i in stretched(cells[:, channel])], axis=0) for cells in pair
    )
    assert np.abs(real - simulated).max() < 0.8
    assert np.abs(real - simulated).mean() < 0.42


@pytest.mark.parametrize("channel", [0, 1])
def test_intensity_histograms_agree(pair, channel):
    real, simulated = (np.percentile(stretched(cells[:, channel]), [25, 50, 75, 90]) for cells in pair)
    assert np.abs(real - simulated).max() < 0.17


def test_channels_are_as_much_alike(pair):
    real, simulated = (np.median([channel_correlation(cell) for cell in cells]) for cells in pair)
    assert simulated == pytest.approx(real, abs=0.12)
