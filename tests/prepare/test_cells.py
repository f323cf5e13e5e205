"""Which stain cells are found in, and cells of a stack."""

import numpy as np
import pytest
from skimage.draw import disk

from napari_organelle.errors import OrganelleWarning, ReadError, RegionError
from napari_organelle.prepare.cells import CellChannels, Stains, choose_stains, label_stack
from napari_organelle.prepare.channels import HPA_SLOTS, YEAST_SLOTS, ChannelMap, is_transmitted
from napari_organelle.read.image_set import Channel

HPA_NAMES = ("microtubules", "protein", "nucleus", "ER")


@pytest.mark.parametrize(
    ("names", "channels", "expected"),
    [
        (HPA_NAMES, ChannelMap(HPA_SLOTS, (0, 1, 2, 3), HPA_NAMES), (0, 2, False)),
        (HPA_NAMES, None, (0, 2, False)),
        (("cells: ER", "DAPI"), None, (0, 1, False)),
        (("GFP", "mCherry"), None, (1, None, True)),
        (("GFP", "mCherry", "DAPI"), None, (1, None, True)),
        (("a", "b"), ChannelMap(YEAST_SLOTS, (1, 0), ("a", "b")), (1, None, True)),
        (("a", "b"), ChannelMap(YEAST_SLOTS, (None, 1), ("a", "b")), (1, None, False)),
        (("a", "b"), None, (0, None, False)),
        (("GFP", "BF"), ChannelMap(YEAST_SLOTS, (None, 0), ("GFP", "BF")), (1, None, False)),
        (
            ("GFP", "mCherry", "BF"),
            ChannelMap(YEAST_SLOTS, (1, 0), ("GFP", "mCherry", "BF")),
            (1, None, True),
        ),
    ],
)
def test_the_stain_is_the_model_s_or_a_known_name(
    names: tuple[str, ...], channels: ChannelMap | None, expected: tuple[int, int | None, bool]
) -> None:
    assert choose_stains([Channel(name) for name in names], channels) == CellChannels(*expected)


@pytest.mark.parametrize(
    ("name", "evidence", "expected"),
    [
        ("BF", "", True),
        ("Bright Field", "", True),
        ("T-PMT", "", True),
        ("Phase Contrast", "", True),
        ("DIC N2", "", True),
        ("Trans", "", True),
        ("channel 1", "Phase", True),
        ("GFP trans-Golgi", "", False),
        ("GFP", "Brightfield", False),
        ("channel 1", "green", False),
    ],
)
def test_transmitted_light_is_known_by_name_or_by_the_file(name: str, evidence: str, expected: bool) -> None:
    assert is_transmitted(Channel(name, evidence=evidence)) is expected


def cells(*centres: tuple[int, int]) -> np.ndarray:
    image = np.full((120, 160), 100, np.uint16)
    for centre in centres:
        image[disk(centre, 13, shape=image.shape)] = 3000
    return image


def test_every_cell_of_a_stack_has_its_own_number() -> None:
    planes = [Stains(cells((40, 40), (80, 110))), Stains(cells()), Stains(cells((60, 60)))]
    *numbers, labels = label_stack(planes, (3, 120, 160))
    assert numbers == [0, 1, 2]
    assert sorted(np.unique(labels[0])) == [0, 1, 2]
    assert not labels[1].any()
    assert labels[2, 60, 60] == 3


def test_a_slice_that_cannot_be_read_is_named_and_no_cell_at_all_is_refused() -> None:
    with pytest.warns(OrganelleWarning, match=r"a\.tif is broken"):
        *_, labels = label_stack([ReadError("a.tif is broken"), Stains(cells((60, 60)))], (2, 120, 160))
    assert labels.max() == 1
    with pytest.raises(RegionError, match="every pixel"):
        list(label_stack([Stains(cells())], (1, 120, 160)))
