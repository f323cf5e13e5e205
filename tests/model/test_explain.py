"""Hiding patches finds what an answer rests on."""

from collections.abc import Callable

import numpy as np
import pytest

from napari_organelle.errors import ReadError
from napari_organelle.model import explain as module
from napari_organelle.model.bundle import ModelBundle, open_bundle
from napari_organelle.model.explain import Explanation, HiddenDone, explain, heat_map, patches
from napari_organelle.prepare.channels import ChannelMap
from napari_organelle.read.image_set import Channel, ImageSet
from napari_organelle.simulate.located import simulate_located

CHANNELS = (Channel("cytosol"), Channel("protein"))


def images_of(pixels: np.ndarray) -> ImageSet:
    return ImageSet.from_array(pixels[None], CHANNELS, name="cell")


def run(bundle: ModelBundle, pixels: np.ndarray, target: int | None = None, device: str = "cpu") -> list:
    channels = ChannelMap(bundle.spec.slots, (0, 1), ("cytosol", "protein"))
    window = np.array([0, 0, 0, *pixels.shape[1:]])
    return list(explain(bundle, images_of(pixels), window, channels, target, device))


def spots() -> np.ndarray:
    pixels = np.random.default_rng(0).integers(0, 20, (2, 32, 32)).astype(np.uint8)
    pixels[1, 4:8, 4:8] = 200
    pixels[1, 22:26, 22:26] = 200
    return pixels


@pytest.fixture
def looks_at_one_spot(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that only sees the spot at the lower right."""

    class Fake:
        device = type("Device", (), {"is_gpu": False, "name": "cpu"})()

        def probabilities(self, batch: np.ndarray) -> np.ndarray:
            seen = batch[:, 22:26, 22:26, 1].mean(axis=(1, 2))
            return np.stack([seen / 2, 1 - seen / 2, np.zeros_like(seen)], axis=1)

    monkeypatch.setattr(module, "load", lambda bundle, device: Fake())


def test_the_heat_lies_where_the_network_looks(tiny_bundle: ModelBundle, looks_at_one_spot: None) -> None:
    reports = run(tiny_bundle, spots(), target=0)
    assert isinstance(reports[0], HiddenDone)
    assert reports[0].done == 0
    assert reports[-2].done == reports[-2].total
    found = reports[-1]
    assert isinstance(found, Explanation)
    assert found.crop.shape == (32, 32, 3)
    assert found.target == 0
    assert found.heat[20:28, 20:28].sum() > 0.7 * found.heat.sum()
    against = run(tiny_bundle, spots(), target=1)[-1]
    assert against.heat[20:28, 20:28].sum() <= 0.05 * max(found.heat.sum(), against.heat.sum())


def test_the_likeliest_class_is_explained_by_a_real_network(make_bundle: Callable[..., ModelBundle]) -> None:
    found = run(make_bundle(), spots())[-1]
    assert found.target == found.probabilities.argmax()
    assert found.probabilities.sum() == pytest.approx(1, abs=1e-4)
    assert (found.heat >= 0).all()


def test_a_crop_without_structure_has_no_heat(tiny_bundle: ModelBundle, looks_at_one_spot: None) -> None:
    assert not run(tiny_bundle, np.full((2, 32, 32), 7, np.uint8))[-1].heat.any()


def test_each_fall_is_shared_among_the_pixels_that_changed() -> None:
    masks = np.ones((2, 4, 4), np.float32)
    changed = np.zeros((4, 4))
    changed[1, 1], changed[2, 2] = 3, 1
    heat = heat_map(masks, np.array([2.0, -5.0]), changed)
    assert heat[1, 1] == pytest.approx(1.5)
    assert heat[2, 2] == pytest.approx(0.5)
    assert heat.sum() == pytest.approx(2)


def test_only_patches_that_change_something_are_hidden() -> None:
    crop = np.zeros((64, 64, 3), np.float32)
    crop[8:16, 8:16] = 1
    masks = patches(crop)
    assert 4 <= len(masks) <= 60
    assert masks.sum(axis=0)[50:, 50:].max() < 1e-3


def test_pixels_that_are_no_numbers_are_refused(tiny_bundle: ModelBundle) -> None:
    with pytest.raises(ReadError, match="NaN"):
        run(tiny_bundle, np.full((2, 32, 32), np.nan, np.float32))


@pytest.mark.slow
@pytest.mark.parametrize("device", ["cpu", "openvino"])
def test_heat_falls_on_the_organelle(device: str) -> None:
    if device == "openvino":
        pytest.importorskip("openvino")
    bundle = open_bundle("yeast-12")
    for name in ("nucleus", "nucleolus", "nuclear periphery", "vacuole"):
        index, ratios = bundle.spec.class_names.index(name), []
        for seed in range(2):
            cell = simulate_located(name, seed=seed)
            heat = run(bundle, cell.pixels, index, device)[-1].heat
            ratios.append(heat[cell.organelle].sum() / heat.sum() / cell.organelle.mean())
        assert np.mean(ratios) >= 2, (name, ratios)
