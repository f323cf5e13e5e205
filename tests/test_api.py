"""The front door: a classification in three lines."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from skimage.draw import disk

import napari_organelle
from napari_organelle import (
    Channel,
    ImageSet,
    Objects,
    Tiles,
    classify,
    find_cells,
    open_image_set,
    open_model,
)
from napari_organelle.errors import OrganelleWarning, ReadError
from napari_organelle.model.bundle import ModelBundle, save_bundle
from napari_organelle.model.domain import DOMAIN_FILE
from napari_organelle.model.predict import predict
from napari_organelle.prepare.channels import ChannelMap
from napari_organelle.prepare.regions import tile_regions


@pytest.fixture
def field(tmp_path: Path) -> Path:
    """Two sections of 64 x 96 pixels, cytosol and protein."""
    pixels = np.random.default_rng(0).integers(0, 4000, (2, 2, 64, 96)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "field.tif", pixels, imagej=True, metadata={"axes": "ZCYX"})
    return tmp_path / "field.tif"


def test_every_name_is_there_and_listed() -> None:
    assert set(napari_organelle.__all__) <= set(dir(napari_organelle))
    for name in napari_organelle.__all__:
        assert getattr(napari_organelle, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'clasify'"):
        napari_organelle.clasify  # noqa: B018


def test_names_cost_no_network_library() -> None:
    code = (
        "import sys; from napari_organelle import classify, train_model; "
        "heavy = ('tensorflow', 'keras', 'torch', 'napari', 'skimage'); "
        "print([name for name in heavy if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_classify_answers_as_the_engine_does(field: Path, tiny_bundle: ModelBundle) -> None:
    choice = "cytosol=0,protein=1"
    prediction = classify(field, tiny_bundle.path, Tiles(32), channels=choice, device="cpu")
    images = open_image_set(field)
    regions = tile_regions([(64, 96)] * 2, 32)
    channels = ChannelMap(tiny_bundle.spec.slots, (0, 1), images.channel_names)
    (batch,) = predict(tiny_bundle, images, regions, channels, device="cpu")
    np.testing.assert_array_equal(prediction.probabilities, batch.probabilities)
    table = prediction.to_frame()
    assert len(table) == 12
    assert table["called"].tolist() == prediction.called(tiny_bundle.spec.thresholds[0])


def test_tiles_have_the_model_s_window(tiny_bundle: ModelBundle) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (1, 2, 64, 64), np.uint8)
    images = ImageSet.from_array(pixels, (Channel("mCherry"), Channel("GFP")))
    table = classify(images, tiny_bundle, Tiles(), device="cpu").to_frame()
    assert table["height"].unique().tolist() == [32]


def test_what_cannot_be_classified_is_warned_of(tiny_bundle: ModelBundle) -> None:
    pixels = np.random.default_rng(0).random((2, 2, 32, 32)).astype(np.float32)
    pixels[1, 1, 3, 3] = np.nan
    images = ImageSet.from_array(pixels, (Channel("mCherry"), Channel("GFP")))
    with pytest.warns(OrganelleWarning, match="1 not classified: pixels that are NaN"):
        prediction = classify(images, tiny_bundle, device="cpu")
    assert prediction.answered().tolist() == [True, False]


def test_several_organelles_are_called_at_their_own_thresholds(make_bundle, field: Path) -> None:
    model = make_bundle(name="several", task="multi", thresholds=(0.0, 1.0, 0.0))
    table = classify(field, model, channels="cytosol=0,protein=1", device="cpu").to_frame()
    assert table["called"].tolist() == ["er|vacuole"] * 2


def test_cells_are_found_and_classified(tiny_bundle: ModelBundle) -> None:
    pixels = np.random.default_rng(0).integers(90, 110, (1, 2, 120, 160)).astype(np.uint16)
    for centre in ((40, 40), (80, 110)):
        rows, columns = disk(centre, 13)
        pixels[0, 0, rows, columns] = 3000
    images = ImageSet.from_array(pixels, (Channel("mCherry"), Channel("GFP")))
    cells = find_cells(images, tiny_bundle)
    assert np.unique(cells).tolist() == [0, 1, 2]
    given = classify(images, tiny_bundle, Objects(cells), device="cpu")
    found = classify(images, open_model(tiny_bundle.path), Objects(), device="cpu")
    np.testing.assert_array_equal(given.regions.windows, found.regions.windows)
    np.testing.assert_array_equal(given.probabilities, found.probabilities)


def test_regions_unlike_the_training_images_are_told_of(tiny_bundle: ModelBundle, tmp_path: Path) -> None:
    length = tiny_bundle.spec.plan.feature_count(tiny_bundle.spec.pixels.input_size)
    beyond = {"weights": np.zeros(length, np.float32), "offset": np.ones(1, np.float32)}
    path = tmp_path / "m.organelle"
    model = save_bundle(path, tiny_bundle.spec, tiny_bundle.weights(), extras={DOMAIN_FILE: beyond})
    pixels = np.random.default_rng(0).integers(0, 255, (2, 2, 40, 40)).astype(np.uint8)
    images = ImageSet.from_array(pixels, (Channel("mCherry"), Channel("GFP")))
    with pytest.warns(
        OrganelleWarning, match="2 of 2 regions are unlike the images that tiny was trained on"
    ):
        prediction = classify(images, model, device="cpu")
    assert prediction.called(0.0) == ["unsure", "unsure"]


def test_an_array_is_no_image_set_and_the_error_says_how_to_make_one() -> None:
    with pytest.raises(ReadError, match=r"ImageSet\.from_array\(array, channels\)"):
        napari_organelle.find_cells(np.zeros((64, 64)))


def test_windows_smaller_than_the_objects_are_warned_of(tiny_bundle: ModelBundle) -> None:
    rng = np.random.default_rng(0)
    images = ImageSet.from_array(
        rng.integers(1, 255, (1, 2, 200, 200), np.uint8), (Channel("a"), Channel("b"))
    )
    labels = np.zeros((1, 200, 200), int)
    labels[0, 20:180, 20:180] = 1
    with pytest.warns(OrganelleWarning, match="objects are about 181 px wide, and windows of 32 px"):
        classify(images, tiny_bundle, Objects(labels, window=32), channels="cytosol=0,protein=1")


@pytest.mark.parametrize("shape", [(64, 64), (1, 2, 0, 64)])
def test_pixels_have_four_axes_and_are_not_empty(shape: tuple[int, ...]) -> None:
    with pytest.raises(ReadError, match="expected pixels with the axes item, channel, y, x"):
        ImageSet.from_array(np.zeros(shape, np.uint8), (Channel("GFP"), Channel("RFP")))
