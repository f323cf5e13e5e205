"""What is bundled for human cells."""

import numpy as np
import pytest

from napari_organelle.model.bundle import ModelBundle, find_bundles, open_bundle
from napari_organelle.model.predict import collect, predict
from napari_organelle.prepare.channels import bind_channels
from napari_organelle.prepare.regions import slice_regions
from napari_organelle.read.hpa.atlas import CHANNELS
from napari_organelle.read.image_set import ImageSet
from napari_organelle.simulate.hpa import simulate_hpa_field
from napari_organelle.simulate.human_organelles import HPA_LOCATIONS
from napari_organelle.simulate.yeast import simulate_crops

NAMES = ("hpa-28", "hpa-28-compact")


@pytest.fixture(params=NAMES)
def bundle(request: pytest.FixtureRequest) -> ModelBundle:
    return open_bundle(request.param)


def test_it_knows_the_28_locations_and_needs_only_the_protein(bundle: ModelBundle):
    spec = bundle.spec
    assert spec.class_names == tuple(HPA_LOCATIONS)
    assert [slot.name for slot in spec.slots if slot.required] == ["protein"]
    assert spec.task == "multi"
    assert bind_channels(spec.slots, CHANNELS).indices == (0, 1, 2, 3)
    assert spec.verdict == "ok"


def test_nothing_is_called_in_a_dark_window(bundle: ModelBundle):
    images = ImageSet.from_array(np.zeros((1, 4, 224, 224), np.uint8), CHANNELS)
    regions = slice_regions(images)
    batches = predict(bundle, images, regions, bind_channels(bundle.spec.slots, CHANNELS), device="cpu")
    answered = collect(batches, regions, bundle)
    assert np.isnan(answered.probabilities).all()


def test_both_are_found_the_whole_one_first():
    found = [name for name in find_bundles() if name in NAMES]
    assert found == list(NAMES)


def test_yeast_is_unlike_what_the_whole_one_was_trained_on_and_human_cells_are_not():
    bundle = open_bundle("hpa-28")

    def unlike(pixels: np.ndarray, channels: str) -> np.ndarray:
        images = ImageSet.from_array(pixels, CHANNELS[: pixels.shape[1]])
        regions = slice_regions(images)
        bound = bind_channels(bundle.spec.slots, images.channels, channels)
        return collect(predict(bundle, images, regions, bound, device="cpu"), regions, bundle).unlike

    yeast = simulate_crops(12, seed=5).pixels
    assert unlike(yeast, "protein=1,nucleus=none").mean() > 0.9
    field = simulate_hpa_field(seed=5, size=448).pixels
    assert not unlike(field[None, :, :224, :224], "").any()
