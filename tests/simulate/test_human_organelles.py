import numpy as np
import pytest
from scipy import ndimage

from napari_organelle.simulate.human_cell import HumanCell, find_cell
from napari_organelle.simulate.human_organelles import (
    HPA_LOCATIONS,
    divide,
    paint_locations,
    stain_unspecifically,
)


@pytest.fixture(scope="module")
def cell() -> HumanCell:
    rng = np.random.default_rng(0)
    rows, columns = np.indices((128, 128))
    body = np.hypot((rows - 64) / 46, (columns - 64) / 34) < 1
    nucleus = np.hypot(rows - 64, columns - 60) < 16
    spot = np.hypot(rows - 66, columns - 64) < 4
    grain = ndimage.gaussian_filter(rng.random((128, 128)), 1) + 0.5
    stains = (
        body * ~nucleus * grain,
        nucleus * np.where(spot, 0.3, 1.0) * grain,
        body * ~nucleus * (0.5 + grain / 2),
    )
    found = find_cell(*((stain * 150).astype(np.uint8) for stain in stains))
    assert found is not None
    return found


def share(light: np.ndarray, mask: np.ndarray) -> float:
    return float(light[mask].sum() / light.sum())


def test_masks_are_found_on_the_stains(cell: HumanCell):
    assert cell.radius == pytest.approx(16, abs=1.5)
    assert cell.center == pytest.approx((64, 60), abs=1)
    assert np.hypot(*(ndimage.center_of_mass(cell.nucleoli) - np.array([66, 64]))) < 6
    assert 0 < cell.from_nucleus[tuple(cell.organizer.astype(int))] < 0.5


def test_no_nucleus_is_no_cell():
    dark = np.zeros((64, 64), np.uint8)
    assert find_cell(dark, dark, dark) is None


@pytest.mark.parametrize("name", HPA_LOCATIONS)
def test_every_location_is_light_in_the_cell_and_the_same_for_a_seed(cell: HumanCell, name: str):
    used = divide(np.random.default_rng(1), cell) if name == "Mitotic spindle" else cell
    first, again = (paint_locations(np.random.default_rng(2), used, [name]) for _ in range(2))
    assert first.shape == used.shape
    assert np.isfinite(first).all()
    assert 0.5 < first.max() < 3
    assert np.array_equal(first, again)
    assert share(first, ndimage.binary_dilation(used.body, iterations=6)) > 0.9


def test_light_falls_where_the_location_is(cell: HumanCell):
    def mean_share(name: str, mask: np.ndarray) -> float:
        return float(
            np.mean([share(paint_locations(np.random.default_rng(s), cell, [name]), mask) for s in range(5)])
        )

    edge = cell.body & (cell.from_edge < 0.3)
    for name in ("Nucleoplasm", "Nuclear membrane", "Nuclear speckles", "Nuclear bodies", "Nucleoli"):
        assert mean_share(name, ndimage.binary_dilation(cell.dna, iterations=2)) > 0.9, name
    for name in ("Mitochondria", "Endoplasmic reticulum", "Golgi apparatus", "Lysosomes"):
        assert mean_share(name, ~cell.dna) > 0.8, name
    assert mean_share("Plasma membrane", edge) > mean_share("Mitochondria", edge)
    assert mean_share("Focal adhesion sites", edge) > mean_share("Endoplasmic reticulum", edge)


def test_no_location_leaves_only_the_haze(cell: HumanCell):
    rng = np.random.default_rng(0)
    dark = paint_locations(rng, cell, [])
    assert not dark.any()
    assert 0 < stain_unspecifically(rng, cell, dark).max() < 1
