import json
import pickle
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from plates import VERSIONS, put, put_image, put_plate

from napari_organelle.cli.info import describe
from napari_organelle.errors import ReadError
from napari_organelle.prepare.cut import cut
from napari_organelle.read.image_set import NoImagesError
from napari_organelle.read.open import open_image_set
from napari_organelle.read.zarr import plate


@pytest.fixture(params=VERSIONS)
def make_plate(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[..., Path]:
    """Wells A/1 and B/2 with two fields each of (1, 2, sections, 40, 50); value = 100 * well + 10 * field."""

    def make(sections: int = 1) -> Path:
        def pixels(well: int, field: int) -> np.ndarray:
            made = np.full((1, 2, sections, 40, 50), 100 * well + 10 * field, np.uint16)
            made[:, 1] += 1
            return made + np.arange(sections, dtype=np.uint16)[:, None, None] * 3

        wells = {
            place: [pixels(well, field) for field in (0, 1)] for well, place in enumerate(("A/1", "B/2"))
        }
        return put_plate(tmp_path / "screen.ome.zarr", request.param, wells, "tczyx")

    return make


def test_a_plate_is_one_set_with_an_item_a_field(make_plate: Callable[..., Path]):
    path = make_plate()
    images = open_image_set(path)
    assert images.kind == "plate"
    assert images.data.shape == (4, 2, 40, 50)
    assert images.channel_names == ("GFP", "mCherry")
    assert images.pixel_size_um == 0.25
    assert images.items["item"].tolist() == ["A/1/0", "A/1/1", "B/2/0", "B/2/1"]
    assert images.items["well"].tolist() == ["A1", "A1", "B2", "B2"]
    columns = images.items[["plate", "row", "column", "field"]]
    assert columns.iloc[3].tolist() == ["screen", "B", "2", "1"]
    assert images.read(2)[:, 0, 0].tolist() == [100, 101]
    assert images.read(3, [1])[:, 5, 5].tolist() == [111]
    assert np.asarray(images.data[1, :, 0, 0]).tolist() == [10, 11]
    assert describe(images)["shape"] == [4, 2, 40, 50]


def test_sections_are_items(make_plate: Callable[..., Path]):
    images = open_image_set(make_plate(sections=3))
    assert len(images) == 12
    assert images.items["item"].tolist()[:4] == ["A/1/0[0,0]", "A/1/0[0,1]", "A/1/0[0,2]", "A/1/1[0,0]"]
    assert images.read(4)[:, 0, 0].tolist() == [13, 14]


def test_a_span_pickles_to_paths_and_reads_the_same(make_plate: Callable[..., Path]):
    images = open_image_set(make_plate())
    part = pickle.loads(pickle.dumps(images.span(2, 4)))  # noqa: S301
    assert part.items["item"].tolist() == ["B/2/0", "B/2/1"]
    np.testing.assert_array_equal(part.read(1), images.read(3))
    assert len(pickle.dumps(images.span(2, 4))) < 4000


def test_missing_and_broken_fields_and_wells_are_listed(make_plate: Callable[..., Path]):
    path = make_plate()
    shutil.rmtree(path / "A" / "1" / "1")
    (path / "B" / "2" / "0" / "0").rename(path / "B" / "2" / "0" / "gone")
    images = open_image_set(path)
    problems = images.items["problem"].tolist()
    assert [bool(problem) for problem in problems] == [False, True, True, False]
    assert "A/1/1: there is no such field" in problems[1]
    assert "2 of 4 fields have a problem" in images.problems[0]
    assert images.read(3)[0, 0, 0] == 110
    with pytest.raises(ReadError, match="no such field"):
        images.read(1)
    shutil.rmtree(path / "A" / "1")
    images = open_image_set(path)
    assert len(images) == 2
    assert "A/1: the well can't be read" in images.problems[0]
    shutil.rmtree(path / "B" / "2" / "1")
    with pytest.raises(NoImagesError, match="none of its 2 fields"):
        open_image_set(path)


def test_large_fields_are_read_in_blocks(make_plate: Callable[..., Path], monkeypatch: pytest.MonkeyPatch):
    path = make_plate()
    whole = open_image_set(path)
    monkeypatch.setattr(plate, "LARGE", 100)
    images = open_image_set(path)
    assert images.files is None
    windows = np.array([[1, 5, 5, 8, 8], [3, 30, 40, 16, 16]])
    for expected, found in zip(cut(whole, windows, [0, 1]), cut(images, windows, [0, 1]), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_collection_of_images_is_a_set(make_plate: Callable[..., Path], tmp_path: Path):
    plate_path = make_plate()
    path = tmp_path / "collection.zarr"
    put(path, "0.4", {"bioformats2raw.layout": 3})
    for number in (0, 1):
        shutil.copytree(plate_path / "A" / "1" / str(number), path / str(number))
    images = open_image_set(path)
    assert images.items["item"].tolist() == ["0", "1"]
    assert images.read(1)[:, 0, 0].tolist() == [10, 11]


def test_a_plate_of_thousands_of_fields_opens_fast(tmp_path: Path):
    path = tmp_path / "large.zarr"
    wells = [{"path": f"{row}/{column}"} for row in "ABCDEFGHIJKLMNOP" for column in range(1, 25)]
    put(path, "0.5", {"plate": {"wells": wells}})
    put_image(path / "field", "0.5", np.zeros((1, 2, 1, 8, 8), np.uint16))
    fields = [str(number) for number in range(9)]
    text = json.dumps({"attributes": {"ome": {"well": {"images": [{"path": name} for name in fields]}}}})
    for well in wells:
        (path / well["path"]).mkdir(parents=True)
        (path / well["path"] / "zarr.json").write_text(text)
        for name in fields:
            (path / well["path"] / name).symlink_to(path / "field")
    start = time.perf_counter()
    images = open_image_set(path)
    assert len(images) == 3456
    assert time.perf_counter() - start < 3


def test_wells_outside_the_plate_are_refused(make_plate: Callable[..., Path]):
    path = make_plate()
    put(path, "0.4" if (path / ".zattrs").exists() else "0.5", {"plate": {"wells": [{"path": "../other/1"}]}})
    with pytest.raises(ReadError, match="which is outside of the set; it is not read"):
        open_image_set(path)


def test_acquisitions_of_a_plate_are_a_column(make_plate: Callable[..., Path]) -> None:
    path = make_plate()
    assert "acquisition" not in open_image_set(path).items
    for file in [*path.rglob(".zattrs"), *path.rglob("zarr.json")]:
        content = json.loads(file.read_text())
        outer = content.get("attributes", content)
        outer = outer.get("ome", outer)
        if "plate" in outer:
            outer["plate"]["acquisitions"] = [{"id": 0, "name": "before"}, {"id": 7}]
        for number, image in enumerate(outer.get("well", {}).get("images", ())):
            image["acquisition"] = 7 * number
        file.write_text(json.dumps(content))
    assert open_image_set(path).items["acquisition"].tolist() == ["before", "7"] * 2
