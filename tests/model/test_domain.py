from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_organelle.errors import BundleError
from napari_organelle.model.bundle import ModelBundle, open_bundle, save_bundle
from napari_organelle.model.domain import DOMAIN_FILE, Domain, read_domain, unlike_note
from napari_organelle.model.engine.loaded import load
from napari_organelle.model.engine.views import turned
from napari_organelle.model.predict import collect, predict
from napari_organelle.model.prediction import Prediction
from napari_organelle.prepare.channels import ChannelMap
from napari_organelle.prepare.cut import cut
from napari_organelle.prepare.pixels import network_input
from napari_organelle.prepare.regions import image_regions
from napari_organelle.read.image_set import Channel, ImageSet
from napari_organelle.simulate.yeast import simulate_crops

PAIR = (Channel("mCherry", "red"), Channel("GFP", "green"))


def with_domain(bundle: ModelBundle, path: Path, **arrays: np.ndarray) -> ModelBundle:
    return save_bundle(path, bundle.spec, bundle.weights(), extras={DOMAIN_FILE: arrays})


def told(bundle: ModelBundle, pixels: np.ndarray, device: str = "cpu") -> Prediction:
    images = ImageSet.from_array(pixels, PAIR)
    regions = image_regions(images)
    slots = {"cytosol": 0, "protein": 1}
    channels = ChannelMap(
        bundle.spec.slots, tuple(slots[slot.name] for slot in bundle.spec.slots), images.channel_names
    )
    return collect(predict(bundle, images, regions, channels, device=device), regions, bundle)


@pytest.fixture
def crops() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 4000, (6, 2, 40, 40)).astype(np.uint16)


def own_excess(bundle: ModelBundle, domain: Domain, crops: np.ndarray) -> np.ndarray:
    """As `predict` should have it, region by region and view by view."""
    images = ImageSet.from_array(crops, PAIR)
    inputs = network_input(cut(images, image_regions(images).windows, (0, 1)), bundle.spec.pixels)
    views = list(turned(inputs)) if bundle.spec.views == 8 else [inputs]
    return np.mean([domain.excess(load(bundle, "cpu").answers(view)[1]) for view in views], axis=0)


@pytest.mark.parametrize("views", [1, 8])
def test_regions_beyond_the_boundary_are_told_of_and_called_nothing(
    views: int, make_bundle: Callable[..., ModelBundle], crops: np.ndarray, tmp_path: Path
):
    bundle = make_bundle(views=views)
    length = bundle.spec.plan.feature_count(32)
    direction = np.random.default_rng(1).normal(size=length).astype(np.float32)
    middle = np.median(own_excess(bundle, Domain(direction, 0.0), crops))
    known = with_domain(
        bundle, tmp_path / "m.organelle", weights=direction, offset=np.array([-middle], np.float32)
    )
    prediction = told(known, crops)
    expected = own_excess(bundle, Domain(direction, -float(middle)), crops) > 0
    assert prediction.unlike.tolist() == expected.tolist()
    assert expected.sum() == 3
    np.testing.assert_allclose(prediction.probabilities, told(bundle, crops).probabilities, atol=1e-6)
    calls = np.array(prediction.called(0.0))
    assert set(calls[expected]) == {"unsure"}
    assert "unsure" not in calls[~expected]
    assert prediction.to_frame(0.0)["unlike_training"].tolist() == expected.tolist()


def test_models_without_a_domain_tell_of_none(tiny_bundle: ModelBundle, crops: np.ndarray):
    prediction = told(tiny_bundle, crops)
    assert prediction.unlike is None
    assert "unlike_training" not in prediction.to_frame(0.5)


def test_a_domain_of_another_network_is_refused(tiny_bundle: ModelBundle, tmp_path: Path):
    wrong = with_domain(tiny_bundle, tmp_path / "short.organelle", weights=np.ones(3), offset=np.zeros(1))
    with pytest.raises(BundleError, match=r"domain.npz must hold finite arrays .* not .*\(3,\)"):
        read_domain(wrong)
    length = tiny_bundle.spec.plan.feature_count(32)
    endless = with_domain(
        tiny_bundle, tmp_path / "nan.organelle", weights=np.full(length, np.nan), offset=np.zeros(1)
    )
    with pytest.raises(BundleError, match="finite"):
        read_domain(endless)


def test_the_note_counts_and_is_silent_where_there_are_none():
    assert unlike_note(0, 10, "m") == ""
    assert unlike_note(1_200, 5_000, "m").startswith(
        "1,200 of 5,000 regions are unlike the images that m was"
    )


def test_yeast_12_knows_yeast_from_other_pictures():
    bundle = open_bundle("yeast-12")
    cells = simulate_crops(48, seed=77).pixels
    rng = np.random.default_rng(0)
    noise = rng.poisson(20, (48, 2, 64, 64))
    enlarged = cells[..., 21:42, 21:42].repeat(3, -1).repeat(3, -2)
    assert told(bundle, cells, "auto").unlike.mean() <= 0.05
    assert told(bundle, np.concatenate([noise, 255 - cells]), "auto").unlike.mean() >= 0.95
    assert told(bundle, enlarged, "auto").unlike.mean() >= 0.9
