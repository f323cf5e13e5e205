"""Simulated cells measure like unlabelled real ones (CyCLOPS), for the two compartments that these show."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy import ndimage

from napari_organelle.simulate.yeast import simulate_crops

pytestmark = pytest.mark.real_data


def real_cells(folder: Path, genes: tuple[str, ...], count: int = 100) -> np.ndarray:
    """(N, 2, 64, 64) float: cytosol, protein."""
    files = [path for gene in genes for path in sorted((folder / "yeast_cyclops" / gene).glob("*_gfp.tif"))]
    chosen = files[:: max(1, len(files) // count)]
    return np.array(
        [[tifffile.imread(str(f).replace("_gfp.tif", "_rfp.tif")), tifffile.imread(f)] for f in chosen]
    )


def scaled(images: np.ndarray) -> np.ndarray:
    low, high = np.percentile(images, [0.5, 99.8], axis=(-2, -1), keepdims=True)
    return (images - low) / (high - low)


def spectrum(image: np.ndarray) -> np.ndarray:
    """Decades of power at 1 to 12 cycles per image side."""
    side = len(image)
    window = np.outer(np.hanning(side), np.hanning(side))
    power = np.abs(np.fft.fft2((image - image.mean()) * window)) ** 2
    frequency = np.fft.fftfreq(side, 1 / side)
    ring = np.hypot(*np.meshgrid(frequency, frequency)).astype(int).ravel()
    mean = np.bincount(ring, power.ravel()) / np.bincount(ring)
    return np.log10(mean[1:13])


def diameter(image: np.ndarray) -> float:
    """Of the middle object at half height, in pixels; NaN where it touches the border."""
    smooth = ndimage.gaussian_filter(image, 1)
    low, high = np.percentile(smooth, 5), np.percentile(smooth[24:40, 24:40], 80)
    objects, _ = ndimage.label(ndimage.binary_fill_holes(smooth > (low + high) / 2))
    middle = objects == objects[32, 32]
    framed = middle[[0, -1]].any() or middle[:, [0, -1]].any() or not objects[32, 32]
    return np.nan if framed else 2 * np.sqrt(middle.sum() / np.pi)


KINDS = {"mitochondrion": ("AAC1",), "cytoplasm": ("AAH1", "AAP1")}


@pytest.fixture(scope="module", params=KINDS)
def pair(request: pytest.FixtureRequest, real_data: Path) -> tuple[np.ndarray, np.ndarray]:
    """Real and simulated cells of one compartment."""
    simulated = simulate_crops(100, seed=7, classes=[request.param]).pixels.astype(float)
    return real_cells(real_data, KINDS[request.param]), simulated


def test_cells_are_as_large(pair):
    real, simulated = (np.nanmedian([diameter(image) for image in cells[:, 0]]) for cells in pair)
    assert simulated == pytest.approx(real, rel=0.1)


@pytest.mark.parametrize("channel", [0, 1])
def test_power_spectra_agree_to_half_a_decade(pair, channel):
    real, simulated = (np.median([spectrum(i) for i in scaled(cells[:, channel])], axis=0) for cells in pair)
    assert np.abs(real - simulated).max() < 0.65
    assert np.abs(real - simulated).mean() < 0.35


@pytest.mark.parametrize("channel", [0, 1])
def test_intensity_histograms_agree(pair, channel):
    real, simulated = (np.percentile(scaled(cells[:, channel]), [25, 50, 75, 90]) for cells in pair)
    assert np.abs(real - simulated).max() < 0.17


def test_channels_are_as_much_alike(pair):
    def correlation(cells: np.ndarray) -> float:
        return float(np.median([np.corrcoef(*cell.reshape(2, -1))[0, 1] for cell in cells]))

    assert correlation(pair[1]) == pytest.approx(correlation(pair[0]), abs=0.12)
