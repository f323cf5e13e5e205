from pathlib import Path

import numpy as np
import pytest

from napari_organelle.errors import TrainingError
from napari_organelle.model.bundle import ModelBundle
from napari_organelle.model.predict import collect, predict
from napari_organelle.model.spec import ModelSpec
from napari_organelle.prepare.channels import YEAST_SLOTS, ChannelMap
from napari_organelle.prepare.regions import tile_regions
from napari_organelle.read.image_set import Channel, ImageSet
from napari_organelle.train.dense_head import Pairs, answer_both_ways, fit_dense_head

CHANNELS = ChannelMap(YEAST_SLOTS, (0, 1), ("mCherry", "GFP"))

SIDE = 160


def field(seed: int) -> ImageSet:
    """Blobs of several sizes on noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE]
    pixels = rng.normal(200, 20, (1, 2, SIDE, SIDE))
    for _ in range(30):
        (cy, cx), radius = rng.uniform(0, SIDE, 2), rng.uniform(2, 14)
        pixels[0, rng.integers(2)] += rng.uniform(300, 3000) * np.exp(
            -((y - cy) ** 2 + (x - cx) ** 2) / radius**2
        )
    return ImageSet.from_array(pixels.astype(np.uint16), (Channel("mCherry"), Channel("GFP")))


@pytest.fixture(scope="module")
def pairs(tiny_bundle: ModelBundle) -> Pairs:
    return answer_both_ways(tiny_bundle, field(1), CHANNELS, 256, device="cpu")


def test_a_second_head_brings_dense_answers_nearer_and_leaves_exact_ones(
    tiny_bundle: ModelBundle, pairs: Pairs, tmp_path: Path
):
    assert pairs.told.shape == (256, 3)
    fitted = fit_dense_head(tiny_bundle, [pairs], tmp_path / "two.organelle")
    before, after = tiny_bundle.weights(), fitted.weights()
    assert fitted.spec.dense_head
    assert fitted.spec.provenance["dense_head"] == {"tiles": 256, "seed": 0}
    assert {name.removeprefix("dense/") for name in after if name not in before} == {
        name for name in before if not name.startswith("block")
    }
    for name, array in before.items():
        np.testing.assert_array_equal(after[name], array)
    regions = tile_regions((SIDE, SIDE), 32, 16)
    exact, one, two = (
        collect(
            predict(bundle, field(4), regions, CHANNELS, device="cpu", dense=dense), regions, bundle
        ).probabilities
        for bundle, dense in ((tiny_bundle, False), (tiny_bundle, True), (fitted, True))
    )
    assert np.abs(exact - two).mean() < 0.8 * np.abs(exact - one).mean()


def test_bundles_from_before_have_one_head(tiny_bundle: ModelBundle):
    values = tiny_bundle.spec.to_json()
    del values["dense_head"]
    assert not ModelSpec.from_json(values).dense_head


def test_too_few_tiles_are_refused(tiny_bundle: ModelBundle, pairs: Pairs, tmp_path: Path):
    few = Pairs(pairs.features[:50], pairs.told[:50])
    with pytest.raises(TrainingError, match="needs 200 tiles, and there are 50"):
        fit_dense_head(tiny_bundle, [few], tmp_path / "two.organelle")
