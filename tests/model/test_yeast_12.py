"""The bundled yeast models on simulated cells, and on what they were not made for."""

import numpy as np
import pytest

from napari_organelle.model.bundle import open_bundle
from napari_organelle.model.predict import collect, predict
from napari_organelle.model.prediction import Prediction
from napari_organelle.prepare.channels import YEAST_SLOTS, ChannelMap
from napari_organelle.prepare.regions import image_regions, tile_regions
from napari_organelle.read.image_set import Channel, ImageSet
from napari_organelle.simulate.hpa import simulate_hpa_field
from napari_organelle.simulate.yeast import PIXEL_SIZE_UM, YEAST_CLASSES, SimulatedCrops, simulate_crops

CHANNELS = (Channel("mCherry", "red"), Channel("GFP", "green"))
SLOTS = {"protein": 1, "cytosol": 0}


def ask(model: str, pixels: np.ndarray, tile: int | None = None, **slots: int | None) -> Prediction:
    """Crops (N, 2, Y, X), or tiles of them."""
    bundle = open_bundle(model)
    images = ImageSet.from_array(pixels, CHANNELS)
    chosen = SLOTS | slots
    channels = ChannelMap(YEAST_SLOTS, tuple(chosen[slot.name] for slot in YEAST_SLOTS), ("mCherry", "GFP"))
    regions = tile_regions(images.items[["height", "width"]], tile) if tile else image_regions(images)
    return collect(predict(bundle, images, regions, channels, device="cpu"), regions, bundle)


def accuracy(prediction: Prediction, labels: np.ndarray) -> float:
    return float((prediction.probabilities.argmax(axis=1) == labels).mean())


@pytest.fixture(params=("yeast-12", "yeast-12-compact"))
def model(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def crops() -> SimulatedCrops:
    """Ten of each class; not the seeds of the training."""
    return simulate_crops(120, seed=41)


def unsure(model: str, prediction: Prediction) -> float:
    called = prediction.called(np.array(open_bundle(model).spec.thresholds))
    return float(np.mean([name == "unsure" for name in called]))


def test_classes_are_those_of_deepyeast(model: str) -> None:
    assert open_bundle(model).spec.class_names == YEAST_CLASSES


def test_simulated_cells_are_told_far_better_than_by_chance(model: str, crops: SimulatedCrops) -> None:
    assert accuracy(ask(model, crops.pixels), crops.labels) > 0.65


def test_the_protein_alone_is_enough(model: str, crops: SimulatedCrops) -> None:
    assert accuracy(ask(model, crops.pixels, cytosol=None), crops.labels) > 0.5


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_other_pixel_sizes_are_resampled(model: str, factor: float) -> None:
    other = simulate_crops(96, seed=42, size=round(64 / factor), pixel_size_um=PIXEL_SIZE_UM * factor)
    assert accuracy(ask(model, other.pixels), other.labels) > 0.55


def test_saturated_cells_are_still_mostly_told(model: str, crops: SimulatedCrops) -> None:
    hot = np.clip(crops.pixels.astype(float) * 3, 0, 255).astype(np.uint8)
    assert accuracy(ask(model, hot), crops.labels) > 0.5


def test_one_look_is_enough(model: str) -> None:
    assert open_bundle(model).spec.views == 1


def test_a_cell_with_too_little_light_is_unsure_and_not_called_wrongly(
    model: str, crops: SimulatedCrops
) -> None:
    rng = np.random.default_rng(0)
    light = crops.pixels[:, 1] / np.maximum(crops.pixels[:, 1].max((1, 2), keepdims=True), 1) * 6 + 2
    dim = np.clip(rng.poisson(light) + rng.normal(0, 1.5, light.shape), 0, 255) * 6
    starved = np.stack([crops.pixels[:, 0], dim.astype(np.uint8)], axis=1)
    prediction = ask(model, starved)
    wrong = prediction.probabilities.argmax(axis=1) != crops.labels
    sure = prediction.probabilities.max(axis=1) >= open_bundle(model).spec.thresholds[0]
    assert np.mean(wrong & sure) < 0.1


def test_empty_crops_are_not_answered(model: str) -> None:
    prediction = ask(model, np.zeros((3, 2, 64, 64), np.uint8))
    assert np.isnan(prediction.probabilities).all()
    assert list(prediction.called(np.array(open_bundle(model).spec.thresholds))) == ["", "", ""]


@pytest.mark.parametrize("kind", ["human cells", "noise"])
def test_what_is_no_yeast_is_unsure(model: str, kind: str) -> None:
    rng = np.random.default_rng(0)
    human = simulate_hpa_field(seed=3, size=512).pixels[:2]
    strange = human if kind == "human cells" else rng.integers(0, 255, (2, 512, 512), dtype=np.uint8)
    assert unsure(model, ask(model, strange[None], tile=64)) >= 0.9
