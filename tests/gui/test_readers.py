from pathlib import Path
from typing import Any

import imagecodecs
import npe2
import numpy as np
import pytest
from plates import put_plate

from napari_organelle.errors import OrganelleWarning, ReadError
from napari_organelle.gui.readers import get_reader, image_set_layers
from napari_organelle.read.image_set import Channel, ImageSet

PLUGIN = "napari-organelle"


@pytest.fixture
def atlas(tmp_path: Path) -> Path:
    """Ids a and b with all stains of 8 x 10 pixels, and their labels."""
    for number, image in enumerate("ab"):
        for value, colour in enumerate(("red", "green", "blue", "yellow"), start=1):
            pixels = np.full((8, 10), 10 * value + number, np.uint8)
            pixels[2:5, 3:6] = 200
            (tmp_path / f"{image}_{colour}.png").write_bytes(imagecodecs.png_encode(pixels))
    (tmp_path / "train.csv").write_text("Id,Target\na,7 1\nb,25\n")
    return tmp_path


def test_the_manifest_is_valid_and_its_commands_exist() -> None:
    manifest = npe2.PluginManifest.from_distribution(PLUGIN)
    manifest.validate_imports()


def test_only_image_sets_are_claimed(atlas: Path, tmp_path: Path) -> None:
    assert get_reader(str(atlas)) is not None
    assert get_reader(str(atlas / "train.csv")) is not None
    assert get_reader([str(atlas / "a_red.png"), str(atlas / "b_red.png")]) is not None
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "x.png").write_bytes(imagecodecs.png_encode(np.zeros((4, 4), np.uint8)))
    (photos / "points.csv").write_text("axis-0,axis-1\n1,2\n")
    for other in (photos, photos / "x.png", photos / "points.csv", photos / "gone.csv"):
        assert get_reader(str(other)) is None


def test_a_plate_opens_as_one_set(make_napari_viewer: Any, tmp_path: Path) -> None:
    fields = [np.full((2, 8, 10), value, np.uint16) for value in (3, 5)]
    plate = put_plate(tmp_path / "plate.zarr", "0.5", {"A/1": fields, "B/2": fields}, "cyx")
    viewer = make_napari_viewer()
    viewer.open(str(plate), plugin=PLUGIN)
    assert [layer.name for layer in viewer.layers] == ["GFP", "mCherry", "labels"]
    assert viewer.layers["GFP"].data.shape == (4, 8, 10)
    assert viewer.layers["GFP"].scale.tolist() == [1, 0.25, 0.25]
    viewer.dims.set_point(0, 3)
    assert viewer.layers["mCherry"]._data_view[0, 0] == 5
    assert viewer.layers["labels"].features["well"].tolist() == ["A1", "A1", "B2", "B2"]


def test_a_set_opens_as_layers_with_names_labels_and_table(make_napari_viewer: Any, atlas: Path) -> None:
    viewer = make_napari_viewer()
    viewer.open(str(atlas), plugin=PLUGIN)
    assert [layer.name for layer in viewer.layers] == ["microtubules", "protein", "nucleus", "ER", "labels"]
    for index, colormap in enumerate(("red", "green", "blue", "yellow")):
        layer = viewer.layers[index]
        assert (layer.colormap.name, layer.blending, layer.data.shape) == (colormap, "additive", (2, 8, 10))
        assert layer.contrast_limits == pytest.approx([10 * index + 10, 200])
        assert layer.metadata["napari_organelle"]["channel"] == index
    viewer.dims.set_point(0, 1)
    assert viewer.layers["nucleus"]._data_view[0, 0] == 31
    points = viewer.layers["labels"]
    assert points.data.tolist() == [[0, -0.5, -0.5], [1, -0.5, -0.5]]
    assert points.text.values.tolist() == ["Golgi apparatus, Nuclear membrane", "Cytosol"]
    assert points.features["item"].tolist() == ["a", "b"]
    assert points.features["label"].tolist() == ["Golgi apparatus|Nuclear membrane", "Cytosol"]
    assert points.out_of_slice_display is False
    assert viewer.dims.axis_labels == ("item", "y", "x")
    sets = {id(layer.metadata["napari_organelle"]["image_set"]) for layer in viewer.layers}
    assert len(sets) == 1


def test_one_item_has_two_axes(make_napari_viewer: Any, atlas: Path) -> None:
    viewer = make_napari_viewer()
    viewer.open(str(atlas / "b_green.png"), plugin=PLUGIN)
    assert viewer.dims.ndim == 2
    assert viewer.layers["protein"].data.shape == (8, 10)
    assert viewer.layers["labels"].text.values.tolist() == ["Cytosol"]


def test_masks_become_labels(make_napari_viewer: Any, atlas: Path) -> None:
    mask = np.zeros((8, 10), np.uint8)
    mask[2:5, 3:6] = 7
    (atlas / "a_predictedmask.png").write_bytes(imagecodecs.png_encode(mask))
    viewer = make_napari_viewer()
    with pytest.warns(OrganelleWarning, match="1 of 2 images have no label image"):
        viewer.open(str(atlas), plugin=PLUGIN)
    labels = viewer.layers["cells"]
    np.testing.assert_array_equal(np.asarray(labels.data[0]), mask)
    assert labels.visible is False


def test_pixel_size_becomes_scale_and_units(make_napari_viewer: Any) -> None:
    images = ImageSet.from_array(np.zeros((3, 1, 4, 5)), (Channel("protein", "green"),), pixel_size_um=0.12)
    viewer = make_napari_viewer()
    for layer in image_set_layers(images):
        viewer._add_layer_from_data(*layer)
    for layer in viewer.layers:
        assert layer.scale.tolist() == [1, 0.12, 0.12]
        assert [str(unit) for unit in layer.units] == ["pixel", "micrometer", "micrometer"]


def test_problems_are_told_in_one_warning(atlas: Path) -> None:
    (atlas / "b_red.png").unlink()
    (atlas / "note.md").touch()
    reader = get_reader(str(atlas))
    assert reader is not None
    with pytest.warns(OrganelleWarning) as caught:
        layers = reader(str(atlas))
    assert len(caught) == 1
    message = str(caught[0].message)
    assert "note.md" in message
    assert "1 of 2 items lack channels" in message
    assert len(layers) == 5


def test_a_set_without_images_is_an_error_when_opened(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text("Id,Target\na,1\n")
    reader = get_reader(str(path))
    assert reader is not None
    with pytest.raises(ReadError, match=r"none of its 1 images can be read.*a_green\.png"):
        reader(str(path))


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("path", "item", "layer", "text", "brightest"),
    [
        ("deepyeast/figure_cells", 8, "protein", "golgi", 255),
        ("yeast_cyclops", 0, "cytosol", "AAC1", None),
        ("hpa2018/complete", 0, "nucleus", "Cytokinetic bridge, Nucleoplasm", 147),
    ],
)
def test_real_sets(
    make_napari_viewer: Any,
    real_data: Path,
    path: str,
    item: int,
    layer: str,
    text: str,
    brightest: int | None,
) -> None:
    viewer = make_napari_viewer()
    reader = get_reader(str(real_data / path))
    assert reader is not None
    with pytest.warns() if path.startswith("hpa") else pytest.MonkeyPatch.context():
        for data in reader(str(real_data / path)):
            viewer._add_layer_from_data(*data)
    viewer.dims.set_point(0, item)
    assert viewer.layers["labels"].text.values[item] == text
    shown = viewer.layers[layer]._data_view
    expected = viewer.layers[layer].metadata["napari_organelle"]["image_set"]
    channel = expected.channel_names.index(layer)
    np.testing.assert_array_equal(shown, expected.read(item, [channel])[0])
    assert brightest is None or shown.max() == brightest
