"""The simulated yeast shows what its labels say."""

import numpy as np
import pytest
from scipy import ndimage

from napari_organelle.simulate.colony import clearance, surround
from napari_organelle.simulate.emitters import join
from napari_organelle.simulate.yeast import YEAST_CLASSES, simulate_crops, simulate_field
from napari_organelle.simulate.yeast_cell import Cell, draw_cell
from napari_organelle.simulate.yeast_organelles import Strain, cytosol, paint


def cells_of(phase: str, count: int = 6) -> list[Cell]:
    found: list[Cell] = []
    seed = 0
    while len(found) < count:
        cell = draw_cell(np.random.default_rng(seed))
        found += [cell] if cell.phase == phase and cell.vacuoles else []
        seed += 1
    return found


def structure(cell: Cell, organelle: str, look: float = 0.3):
    return paint(np.random.default_rng(3), cell, Strain(organelle, np.full(3, look), 0.0, 1000.0))


def share(cloud, inside) -> float:
    return float(cloud.weights[inside].sum() / cloud.weights.sum())


def depth(bodies, points):
    """Relative depth in whichever body holds the point best."""
    return np.min([body.depth(points) for body in bodies], axis=0)


def test_crops_have_the_promised_form():
    crops = simulate_crops(24, seed=1)
    assert crops.pixels.shape == (24, 2, 64, 64)
    assert crops.pixels.dtype == np.uint8
    assert crops.labels.dtype == np.int64
    np.testing.assert_array_equal(crops.labels, np.tile(np.arange(12), 2))


def test_a_crop_depends_on_its_seed_and_number_alone():
    whole = simulate_crops(8, seed=5).pixels
    parts = [simulate_crops(3, seed=5).pixels, simulate_crops(5, seed=5, start=3).pixels]
    np.testing.assert_array_equal(whole, np.concatenate(parts))
    assert (whole != simulate_crops(8, seed=6).pixels).any(axis=(1, 2, 3)).all()


def test_classes_and_size_can_be_chosen():
    crops = simulate_crops(4, seed=2, size=96, classes=["nucleus", "vacuole"])
    assert crops.pixels.shape == (4, 2, 96, 96)
    assert [YEAST_CLASSES[i] for i in crops.labels] == ["nucleus", "vacuole"] * 2


def test_a_larger_pixel_shows_the_same_cells_smaller():
    fine = simulate_crops(12, seed=4, size=64, pixel_size_um=0.12, classes=["cytoplasm"]).pixels[:, 0]
    coarse = simulate_crops(12, seed=4, size=32, pixel_size_um=0.24, classes=["cytoplasm"]).pixels[:, 0]
    binned = fine.reshape(12, 32, 2, 32, 2).mean(axis=(2, 4))
    alike = [np.corrcoef(one.ravel(), other.ravel())[0, 1] for one, other in zip(binned, coarse, strict=True)]
    assert np.median(alike) > 0.95


@pytest.mark.parametrize("phase", ["G1", "S", "G2", "anaphase", "telophase"])
@pytest.mark.parametrize(
    ("organelle", "least"),
    [("nucleus", 0.99), ("nucleolus", 0.85), ("vacuole", 0.85), ("cell periphery", 0.0)],
)
def test_proteins_stay_in_their_compartment(phase, organelle, least):
    for cell in cells_of(phase):
        cloud = structure(cell, organelle)
        bodies = cell.vacuoles if organelle == "vacuole" else cell.nuclei
        assert share(cloud, depth(bodies, cloud.points) < 1.15) >= least
        assert depth(cell.bodies, cloud.points).max() < 1.6


def test_periphery_lies_on_the_surface():
    for cell in cells_of("G1"):
        cloud = structure(cell, "cell periphery")
        assert share(cloud, np.abs(depth(cell.bodies, cloud.points) - 1) < 0.02) > 0.99


def test_nuclear_periphery_is_a_shell_and_nucleus_is_not():
    for cell in cells_of("G1"):
        shell = structure(cell, "nuclear periphery")
        assert share(shell, depth(cell.nuclei, shell.points) > 0.9) > 0.99
        lumen = structure(cell, "nucleus")
        assert share(lumen, depth(cell.nuclei, lumen.points) < 0.9) > 0.6


def test_nucleolus_is_on_one_side_of_the_nucleus():
    for cell in cells_of("G1"):
        cloud = structure(cell, "nucleolus")
        side = (cloud.points - cell.nuclei[0].center) @ cell.nucleolus_axis
        assert share(cloud, side > 0) > 0.85


def test_er_is_at_the_nucleus_and_at_the_cortex():
    for cell in cells_of("G1"):
        cloud = structure(cell, "er")
        envelope = share(cloud, np.abs(depth(cell.nuclei, cloud.points) - 1) < 0.05)
        cortex = share(cloud, np.abs(depth([b.grown(-0.08) for b in cell.bodies], cloud.points) - 1) < 0.02)
        assert envelope > 0.1
        assert cortex > 0.5
        assert envelope + cortex > 0.8


def test_mitochondria_lie_under_the_cortex():
    for cell in cells_of("G1"):
        cloud = structure(cell, "mitochondrion")
        assert share(cloud, depth(cell.bodies, cloud.points) > 0.6) > 0.8


@pytest.mark.parametrize(("phase", "poles"), [("G1", 1), ("G2", 2), ("anaphase", 2), ("telophase", 2)])
def test_spindle_poles_by_phase(phase, poles):
    for cell in cells_of(phase):
        assert cell.poles.shape == (poles, 3)
        assert np.abs(depth(cell.nuclei, cell.poles) - 1).max() < 0.3


@pytest.mark.parametrize(
    ("organelle", "low", "high"), [("peroxisome", 1, 12), ("golgi", 2, 22), ("endosome", 1, 12)]
)
def test_numbers_of_puncta(organelle, low, high):
    counts = [len(structure(cell, organelle).points) / 24 for cell in cells_of("G1", 12)]
    assert low <= min(counts)
    assert max(counts) <= high


def test_vacuoles_are_dark_in_the_cytosol():
    for cell in cells_of("G1"):
        cloud = cytosol(np.random.default_rng(0), cell, nucleus=1.0, vacuole=0.0)
        assert cloud.weights[depth(cell.vacuoles, cloud.points) < 1].sum() == 0


def test_neighbours_touch_and_do_not_overlap():
    crowds = [surround(rng, draw_cell(rng), 4) for rng in map(np.random.default_rng, range(12))]
    gaps = [clearance(cell, crowd[:i]) for crowd in crowds for i, cell in enumerate(crowd) if i]
    assert len(gaps) > 20
    assert min(gaps) > -0.2
    assert np.mean(np.array(gaps) < 0.4) > 0.4


def test_scaled_and_joined_clouds_keep_their_light():
    cell = cells_of("G1", 1)[0]
    one, other = structure(cell, "golgi").scaled(3.0), structure(cell, "er").scaled(4.0)
    assert join(one, other).weights.sum() == pytest.approx(7.0)


def test_field_mixes_classes_and_its_masks_fit_its_cells():
    field = simulate_field(seed=3, size=512, cells=40)
    assert field.pixels.shape == (2, 512, 512)
    assert field.masks.dtype == np.int32
    assert set(field.organelles.values()) == set(YEAST_CLASSES)
    assert set(np.unique(field.masks)) - {0} <= set(field.organelles)
    inside = field.pixels[0][field.masks > 0].mean()
    assert inside > 3 * np.median(field.pixels[0][ndimage.distance_transform_edt(field.masks == 0) > 12])


def test_a_real_plate_has_one_protein():
    field = simulate_field(seed=3, size=256, cells=6, classes=["nucleus"])
    assert set(field.organelles.values()) == {"nucleus"}
    np.testing.assert_array_equal(
        field.pixels, simulate_field(seed=3, size=256, cells=6, classes=["nucleus"]).pixels
    )
