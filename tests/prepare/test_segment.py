"""Cells are found where they are, at any scale, and hopeless images are refused."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy import ndimage
from skimage import draw

from napari_organelle.errors import RegionError, UnseenCellsError
from napari_organelle.prepare.segment import find_cells
from napari_organelle.simulate.transmitted import simulate_transmitted
from napari_organelle.simulate.yeast import simulate_field

CENTRES = [(40, 40), (40, 110), (110, 60), (120, 130)]


def discs(scale: int = 1, radius: int = 13) -> np.ndarray:
    """A noisy uint16 field of four bright discs."""
    image = np.random.default_rng(0).normal(200, 5, (160 * scale, 170 * scale))
    for centre in CENTRES:
        image[draw.disk(np.multiply(centre, scale), radius * scale)] += 1000
    return image.clip(0).astype(np.uint16)


@pytest.mark.parametrize("scale", [1, 4])
def test_separate_cells_are_found_at_any_scale(scale: int) -> None:
    labels = find_cells(discs(scale), fills=True)
    assert labels.dtype == np.int32
    assert labels.shape == (160 * scale, 170 * scale)
    assert labels.max() == 4
    assert sorted(labels[y * scale, x * scale] for y, x in CENTRES) == [1, 2, 3, 4]
    assert labels[0, 0] == 0
    areas = np.bincount(labels.ravel())[1:] / scale**2
    assert areas == pytest.approx(np.full(4, np.pi * 15**2), rel=0.2)


def test_touching_cells_are_split_and_a_bright_neck_joins() -> None:
    y, x = np.indices((120, 120))
    pair = sum(np.exp(-((((y - 60) ** 2 + (x - centre) ** 2) / 130) ** 3)) for centre in (47, 73))
    image = 200 + 1000 * pair + np.random.default_rng(0).normal(0, 2, pair.shape)
    image[draw.disk((20, 20), 12)] += 1000
    image[draw.disk((100, 20), 12)] += 1000
    assert (
        find_cells(image, diameter=26, fills=True)[60, 47]
        != find_cells(image, diameter=26, fills=True)[60, 73]
    )
    image[draw.disk((60, 60), 6)] = 1200
    joined = find_cells(image, diameter=26, fills=True)
    assert joined[60, 47] == joined[60, 73] != 0


def test_every_nucleus_becomes_a_cell() -> None:
    body = discs(4, radius=16)
    labels = find_cells(body, discs(4, radius=6))
    assert labels.max() == 4
    areas = np.bincount(labels.ravel())[1:]
    assert (areas > 2 * np.pi * 24**2).all()


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.full((50, 50), 7), "every pixel of the image is 7"),
        (np.where(np.eye(50) > 0, np.nan, 1.0), "NaN"),
        (np.zeros((2, 50, 50)), r"one plane \(Y, X\)"),
        (np.zeros((50, 50), complex), "complex128"),
        (np.eye(50, dtype=bool), "bool"),
    ],
)
def test_hopeless_images_are_refused(image: np.ndarray, message: str) -> None:
    with pytest.raises(RegionError, match=message):
        find_cells(image)


def test_specks_are_no_cells() -> None:
    speck = np.zeros((200, 200), np.uint8)
    speck[5, 5] = 255
    with pytest.raises(RegionError, match="I can't see cells here"):
        find_cells(speck, diameter=26)


@pytest.mark.parametrize("light", ["nucleus", "brightfield", "dic"])
def test_yeast_are_seen_without_a_marker(light: str) -> None:
    field = simulate_field(seed=5, size=256, cells=15, classes=["nucleus"])
    image = field.pixels[1]
    if light != "nucleus":
        image = simulate_transmitted(seed=5, size=256, cells=15, contrast=light)  # type: ignore[arg-type]
    assert f1_at_half(field.masks, find_cells(image)) > 0.6


def test_what_is_no_picture_of_cells_is_refused() -> None:
    smooth = ndimage.gaussian_filter(np.random.default_rng(0).normal(100, 5, (300, 300)), 4)
    with pytest.raises(UnseenCellsError, match=r"I can't see cells here.*Pick a channel"):
        find_cells(smooth)


@pytest.mark.parametrize("shape", [(1, 50), (100, 101), (40, 900)])
def test_noise_of_any_shape_is_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(UnseenCellsError):
        find_cells(np.random.default_rng(0).normal(100, 5, shape))


@pytest.mark.real_data
@pytest.mark.parametrize(("field", "least"), [("r01c01f01p01", 0.70), ("r01c01f02p01", 0.70)])
def test_real_yeast_fields(real_data: Path, field: str, least: float) -> None:
    folder = real_data / "yeast_fields"
    truth = tifffile.imread(folder / f"{field}_labeled.tiff")
    found = find_cells(tifffile.imread(folder / f"{field}-ch3sk1fk1fl1.tiff"), fills=True)
    assert f1_at_half(truth, found) > least


def f1_at_half(truth: np.ndarray, found: np.ndarray) -> float:
    hits = 0
    for label in np.unique(truth[truth > 0]):
        inside = truth == label
        candidate = np.bincount(found[inside]).argmax()
        other = found == candidate
        hits += candidate > 0 and (inside & other).sum() / (inside | other).sum() > 0.5
    return 2 * hits / (len(np.unique(truth)) + len(np.unique(found)) - 2)
