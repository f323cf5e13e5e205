"""The simulated human cells show the protein where it is said to be."""

import numpy as np
import pytest
from scipy import ndimage

from napari_organelle.simulate.hpa import HPA_CHANNELS, HPA_PROTEINS, MIXED, simulate_hpa_field


def field(protein: str):
    return simulate_hpa_field(seed=2, size=384, protein=protein)


def test_form_and_repeatability():
    one = field("mitochondria")
    assert one.pixels.shape == (len(HPA_CHANNELS), 384, 384)
    assert one.pixels.dtype == np.uint8
    assert one.masks.max() >= 4
    np.testing.assert_array_equal(one.pixels, field("mitochondria").pixels)


def test_microtubules_end_at_the_border_and_do_not_pile_up_there():
    microtubules = field("mitochondria").pixels[0].astype(float)
    border = np.ones(microtubules.shape, bool)
    border[2:-2, 2:-2] = False
    assert microtubules[border].mean() < 1.2 * microtubules[~border].mean()


@pytest.mark.parametrize("protein", HPA_PROTEINS)
def test_every_protein_is_seen_inside_cells(protein):
    pixels = field(protein).pixels[1]
    masks = field(protein).masks
    assert pixels.max() > 100
    outside = ndimage.distance_transform_edt(masks == 0) > 3
    assert pixels[masks > 0].mean() > 5 * max(pixels[outside].mean(), 0.2)


def test_nuclear_and_cytoplasmic_stains_exclude_each_other():
    one = field("nucleoplasm")
    nucleus = one.pixels[2] > 60
    assert one.pixels[1][nucleus].mean() > 10 * one.pixels[1][~nucleus].mean()
    assert one.pixels[3][nucleus].mean() < one.pixels[3][~nucleus & (one.masks > 0)].mean()


def test_the_protein_does_not_change_the_cells():
    np.testing.assert_array_equal(field("golgi apparatus").masks, field("cytosol").masks)


def test_unknown_protein_names_the_known_ones():
    with pytest.raises(ValueError, match="mitochondria"):
        field("kidney")


def test_a_mixed_field_shows_another_protein_in_each_cell():
    mixed, nucleoli = field(MIXED), field("nucleoli")
    assert set(mixed.organelles) == set(np.unique(mixed.masks)) - {0}
    assert len(set(mixed.organelles.values())) >= 4
    np.testing.assert_array_equal(mixed.masks, nucleoli.masks)
    assert set(nucleoli.organelles.values()) == {"nucleoli"}
