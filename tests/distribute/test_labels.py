import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
import zarr
from plates import VERSIONS, put_plate

from napari_organelle.cli import main
from napari_organelle.model.bundle import ModelBundle
from napari_organelle.model.calling import UNSURE_COLOUR
from napari_organelle.read.open import open_image_set
from napari_organelle.read.zarr.plate import read_attributes


@pytest.fixture(params=VERSIONS)
def plate(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Fields A/1/0 and A/1/1, (c, y, x) of 96 x 128 pixels of 0.25 um."""
    rng = np.random.default_rng(0)
    fields = [rng.integers(0, 4000, (2, 96, 128)).astype(np.uint16) for _ in range(2)]
    return put_plate(tmp_path / "plate.zarr", request.param, {"A/1": fields}, "cyx")


def run(plate: Path, bundle: ModelBundle, *options: object) -> int:
    fixed = ["--channels", "cytosol=0,protein=1", "--device", "cpu", "--write-labels", "organelles"]
    return main(["classify", str(plate), "--model", str(bundle.path), *fixed, *map(str, options)])


def meaning(group: Path) -> dict[int, str]:
    properties = read_attributes(group)["image-label"]["properties"]
    return {each["label-value"]: each["called"] for each in properties}


def test_objects_are_written_with_their_calls(plate: Path, tiny_bundle: ModelBundle, tmp_path: Path, capsys):
    cells = np.zeros((2, 96, 128), np.uint16)
    cells[0, 20:40, 20:40], cells[1, 50:70, 60:90], cells[1, :9, :9] = 4, 7, 2
    tifffile.imwrite(tmp_path / "cells.tif", cells, imagej=True, metadata={"axes": "ZYX"})
    before = {path: path.read_bytes() for path in plate.rglob("*") if path.is_file()}
    options = ("--labels", tmp_path / "cells.tif", "-o", tmp_path / "out.csv")
    assert run(plate, tiny_bundle, *options) == 0
    table = pd.read_csv(tmp_path / "out.csv")
    for item, field in enumerate(("0", "1")):
        group = plate / "A" / "1" / field / "labels" / "organelles"
        np.testing.assert_array_equal(zarr.open_array(group / "0", mode="r")[:], cells[item])
        rows = table[table["item"] == f"A/1/{field}"]
        assert meaning(group) == dict(zip(rows["region"], rows["called"], strict=True))
        attributes = read_attributes(group)
        colours = {each["label-value"]: each["rgba"] for each in attributes["image-label"]["colors"]}
        known = {each.name: [*bytes.fromhex(each.colour[1:]), 255] for each in tiny_bundle.spec.classes}
        expected = {
            int(r): known.get(c, [*bytes.fromhex(UNSURE_COLOUR[1:]), 255]) for r, c in meaning(group).items()
        }
        assert colours == expected
        assert attributes["multiscales"][0]["datasets"][0]["coordinateTransformations"][0]["scale"] == [
            0.25,
            0.25,
        ]
        assert read_attributes(group.parent)["labels"] == ["organelles"]
    assert {path: path.read_bytes() for path in before} == before
    assert len(open_image_set(plate)) == 2
    assert run(plate, tiny_bundle, "--force", *options[:2], "-o", tmp_path / "out.csv") == 0
    other = ("--threshold", 0.9, *options[:2], "-o", tmp_path / "other.csv")
    assert run(plate, tiny_bundle, *other) == 2
    assert "organelles is there already" in capsys.readouterr().err
    assert not (tmp_path / "other.csv").exists()


def test_tiles_are_one_pixel_each_in_their_place(plate: Path, tiny_bundle: ModelBundle, tmp_path: Path):
    options = ("--regions", "tiles", "--tile", 32, "-o", tmp_path / "out.csv")
    assert run(plate, tiny_bundle, *options) == 0
    table = pd.read_csv(tmp_path / "out.csv")
    group = plate / "A" / "1" / "1" / "labels" / "organelles"
    pixels = zarr.open_array(group / "0", mode="r")[:]
    assert pixels.shape == (3, 4)
    called = table["called"][table["item"] == "A/1/1"].to_numpy()
    assert [meaning(group)[int(value)] for value in pixels.ravel()] == called.tolist()
    (transforms,) = [
        level["coordinateTransformations"] for level in read_attributes(group)["multiscales"][0]["datasets"]
    ]
    np.testing.assert_allclose(transforms[0]["scale"], [8, 8])
    np.testing.assert_allclose(transforms[1]["translation"], [3.875, 3.875])


def test_what_has_no_place_for_labels_is_refused(tiny_bundle: ModelBundle, tmp_path: Path, capsys):
    tifffile.imwrite(tmp_path / "field.tif", np.zeros((2, 64, 64), np.uint16))
    options = ("--regions", "tiles", "--tile", 32, "-o", tmp_path / "out.csv")
    assert run(tmp_path / "field.tif", tiny_bundle, *options) == 2
    assert "OME-Zarr images only" in capsys.readouterr().err
    assert run(tmp_path / "field.tif", tiny_bundle, "-o", tmp_path / "out.csv") == 2
    assert "--regions tiles or objects" in capsys.readouterr().err


def test_a_missing_field_gets_no_labels_and_nothing_is_made_for_it(
    plate: Path, tiny_bundle: ModelBundle, tmp_path: Path, capsys
):
    shutil.rmtree(plate / "A" / "1" / "1")
    options = ("--regions", "tiles", "--tile", 32, "-o", tmp_path / "out.csv")
    assert run(plate, tiny_bundle, *options) == 1
    assert "wrote labels/organelles into 1 images" in capsys.readouterr().err
    assert (plate / "A" / "1" / "0" / "labels" / "organelles").is_dir()
    assert not (plate / "A" / "1" / "1").exists()
    assert pd.read_csv(tmp_path / "out.csv")["called"].isna().sum() == 12


def test_labels_do_not_follow_a_link_out_of_the_image(
    plate: Path, tiny_bundle: ModelBundle, tmp_path: Path, capsys
):
    (tmp_path / "elsewhere").mkdir()
    (plate / "A" / "1" / "0" / "labels").symlink_to(tmp_path / "elsewhere")
    options = ("--regions", "tiles", "--tile", 32, "-o", tmp_path / "out.csv")
    assert run(plate, tiny_bundle, *options) == 2
    assert "outside of the set" in capsys.readouterr().err
    assert not list((tmp_path / "elsewhere").iterdir())
