import io
import json
import pickle
import zipfile
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image
from roifile import ImagejRoi

from napari_organelle.errors import ReadError
from napari_organelle.read.image_set import Channel, ImageSet
from napari_organelle.read.labels.label_image import open_label_image
from napari_organelle.read.labels.open import open_labels
from napari_organelle.read.labels.outlines import paint
from napari_organelle.read.open import open_image_set

SQUARES = np.zeros((30, 40), np.uint16)
SQUARES[2:8, 3:9], SQUARES[12:20, 20:28] = 5, 300


def images(count: int = 1) -> ImageSet:
    return ImageSet.from_array(np.zeros((count, 1, 30, 40)), (Channel("protein"),), name="im")


def polygon(y: int, x: int, side: int) -> list[list[float]]:
    """A square of whole pixels, by the corners of its pixels."""
    return [[x, y], [x + side, y], [x + side, y + side], [x, y + side], [x, y]]


def outlines_of(path: Path, count: int = 1) -> list[dict[int, int]]:
    """Pixels of each number on each item."""
    found, _ = open_labels(path, images(count))
    planes = [paint(each.found, (30, 40)) for each in found]
    return [dict(zip(*np.unique(p[p > 0], return_counts=True), strict=True)) for p in planes]


@pytest.mark.parametrize("dtype", ["uint8", "int32", "uint64", "float32", "float64", "float16"])
def test_whole_numbers_of_any_type_are_labels(tmp_path: Path, dtype: str) -> None:
    labels = np.minimum(SQUARES, 200).astype(dtype)
    tifffile.imwrite(tmp_path / "l.tif", labels)
    found = np.asarray(open_label_image(tmp_path / "l.tif"))
    assert found.dtype.kind in "iu"
    np.testing.assert_array_equal(found[0], labels.astype(int))


@pytest.mark.parametrize("dtype", ["int16", "int64", "float32"])
@pytest.mark.parametrize(("background", "objects"), [(-1, 0), (0, -7)])
def test_negative_numbers_are_no_labels(tmp_path: Path, dtype: str, background: int, objects: int) -> None:
    np.save(tmp_path / "l.npy", np.where(SQUARES > 0, objects, background).astype(dtype))
    with pytest.raises(ReadError, match=r"l\.npy: expected 0 for the background.*there is -[17]"):
        np.asarray(open_label_image(tmp_path / "l.npy"))


def test_minus_one_in_the_place_of_0_is_background(tmp_path: Path) -> None:
    np.save(tmp_path / "l.npy", np.where(SQUARES > 0, SQUARES.astype(np.int64), -1))
    np.testing.assert_array_equal(np.asarray(open_label_image(tmp_path / "l.npy"))[0], SQUARES)


def test_grey_saved_as_rgb_npy_zarr_and_pages(tmp_path: Path) -> None:
    grey = np.minimum(SQUARES, 200).astype(np.uint8)
    Image.fromarray(np.dstack([grey] * 3)).save(tmp_path / "grey.png")
    np.save(tmp_path / "l.npy", grey)
    tifffile.imwrite(tmp_path / "pages.tif", np.stack([grey, 2 * grey]))
    np.testing.assert_array_equal(np.asarray(open_label_image(tmp_path / "grey.png"))[0], grey)
    np.testing.assert_array_equal(np.asarray(open_label_image(tmp_path / "l.npy"))[0], grey)
    assert open_label_image(tmp_path / "pages.tif", items=2).shape == (2, 30, 40)


def save_odd(folder: Path) -> None:
    rgb = np.zeros((30, 40, 3), np.uint8)
    rgb[2:8, 3:9, 0] = 200
    Image.fromarray(rgb).save(folder / "colour.png")
    Image.fromarray(rgb).quantize(4).save(folder / "palette.png")
    tifffile.imwrite(folder / "half.tif", SQUARES + np.float32(0.5))
    tifffile.imwrite(folder / "nan.tif", np.where(SQUARES, SQUARES, np.float32(np.nan)))
    tifffile.imwrite(folder / "large.tif", SQUARES * np.float32(1e6))
    tifffile.imwrite(folder / "huge.tif", SQUARES.astype(np.uint64) + np.uint64(2**63))
    tifffile.imwrite(folder / "two.tif", np.stack([SQUARES, SQUARES]))
    np.save(folder / "a_seg.npy", np.array({"masks": SQUARES}, object), allow_pickle=True)
    (folder / "real.npy").write_bytes(pickle.dumps({"masks": 1}))
    (folder / "rle.csv").write_text("ImageId,EncodedPixels\nim,1 2 3 4\n")
    (folder / "empty.geojson").write_text('{"type": "FeatureCollection", "features": []}')
    (folder / "broken.geojson").write_text("{")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("colour.png", "colour picture"),
        ("palette.png", "colour picture"),
        ("half.tif", r"values such as 0\.5"),
        ("nan.tif", "values such as nan"),
        ("large.tif", "can't tell labels above 16,777,216 apart"),
        ("huge.tif", r"labels below 2\*\*63"),
        ("two.tif", "2 channels"),
        ("a_seg.npy", "Python pickle.*Save masks"),
        ("real.npy", "Python pickle.*Save masks"),
        ("rle.csv", "expected a label image .*RoiSet"),
        ("empty.geojson", "it holds nothing"),
        ("broken.geojson", "expected GeoJSON"),
        ("gone.tif", "no such file"),
    ],
)
def test_what_is_no_label_image_is_refused(tmp_path: Path, name: str, reason: str) -> None:
    save_odd(tmp_path)
    with pytest.raises(ReadError, match=reason):
        np.asarray(open_labels(tmp_path / name, images())[0][0].found)


def test_geojson_of_every_kind(tmp_path: Path) -> None:
    ring, hole = polygon(2, 3, 6), polygon(4, 5, 2)
    geometry = {"type": "Polygon", "coordinates": [ring, hole]}
    parts = {"type": "MultiPolygon", "coordinates": [[polygon(12, 20, 8)], [polygon(22, 2, 3)]]}
    point = {"type": "Feature", "id": "p", "geometry": {"type": "Point", "coordinates": [1, 2]}}
    features = [
        {"type": "Feature", "id": "7", "geometry": geometry, "properties": {"name": "bud"}},
        {"type": "Feature", "id": "300", "geometry": parts, "properties": {}},
    ]
    contents = {
        "collection": {"type": "FeatureCollection", "features": [*features, point]},
        "list": features,
        "feature": features[0],
        "geometry": geometry,
    }
    for name, content in contents.items():
        (tmp_path / f"{name}.geojson").write_text(json.dumps(content))
    assert outlines_of(tmp_path / "collection.geojson") == [{7: 32, 300: 73}]
    assert outlines_of(tmp_path / "list.geojson") == [{7: 32, 300: 73}]
    assert outlines_of(tmp_path / "feature.geojson") == [{7: 32}]
    assert outlines_of(tmp_path / "geometry.geojson") == [{1: 32}]
    found, notes = open_labels(tmp_path / "collection.geojson", images())
    assert [outline.name for outline in found[0].found] == ["bud", "300"]
    assert "1 Point enclose no area" in notes[0]


def save_rois(path: Path, rois: dict[str, ImagejRoi]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, roi in rois.items():
            archive.writestr(f"{name}.roi", roi.tobytes())


def square_roi(y: int, x: int, side: int, **options: int) -> ImagejRoi:
    roi = ImagejRoi.frompoints(np.array(polygon(y, x, side)[:-1], np.int32))
    for name, value in options.items():
        setattr(roi, name, value)
    return roi


def test_fiji_s_outlines_keep_numbers_and_names(tmp_path: Path) -> None:
    save_rois(tmp_path / "RoiSet.zip", {"0278": square_roi(2, 3, 6), "0300": square_roi(12, 20, 8)})
    assert outlines_of(tmp_path / "RoiSet.zip") == [{278: 36, 300: 64}]
    save_rois(tmp_path / "named.zip", {"bud": square_roi(2, 3, 6), "mother": square_roi(12, 20, 8)})
    assert outlines_of(tmp_path / "named.zip") == [{1: 36, 2: 64}]
    (tmp_path / "one.roi").write_bytes(square_roi(2, 3, 6).tobytes())
    assert outlines_of(tmp_path / "one.roi") == [{1: 36}]


def test_outlines_lie_on_the_picture_that_they_were_drawn_on(tmp_path: Path) -> None:
    path = tmp_path / "RoiSet.zip"
    save_rois(path, {"1": square_roi(2, 3, 6, position=1), "2": square_roi(12, 20, 8, z_position=3)})
    assert outlines_of(path, 3) == [{1: 36}, {}, {2: 64}]
    with pytest.raises(ReadError, match="drawn on picture 3 of a stack"):
        outlines_of(path)
    save_rois(path, {"1": square_roi(2, 3, 6)})
    with pytest.raises(ReadError, match="does not say on which it was drawn"):
        outlines_of(path, 3)


def test_a_folder_of_labels_by_the_names_of_the_images(tmp_path: Path) -> None:
    folder, masks = tmp_path / "in", tmp_path / "found"
    folder.mkdir(), masks.mkdir()
    for name in "abcde":
        tifffile.imwrite(folder / f"{name}.tif", np.ones((30, 40), np.uint8))
    tifffile.imwrite(masks / "a_cp_masks.tif", SQUARES)
    Image.fromarray(SQUARES).save(masks / "b-labels.png")
    save_rois(masks / "c_RoiSet.zip", {"8": square_roi(2, 3, 6)})
    (masks / "d.tif.geojson").write_text(json.dumps({"type": "Polygon", "coordinates": [polygon(2, 3, 6)]}))
    found, _ = open_labels(masks, open_image_set(folder))
    assert [type(each.found).__name__ for each in found] == ["Array", "Array", "tuple", "tuple", "ReadError"]
    np.testing.assert_array_equal(found[1].found, SQUARES)
    assert "e.tif: there is no file with its labels" in str(found[4].found)
    tifffile.imwrite(masks / "a_mask.tif", SQUARES)
    found, _ = open_labels(masks, open_image_set(folder))
    assert "several files" in str(found[0].found)
    with pytest.raises(ReadError, match=r"its first file is 'a_cp_masks\.tif'"):
        open_labels(masks, images())


def test_a_pickle_is_never_run(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "ran",))

    buffer = io.BytesIO()
    np.save(buffer, np.array([Bomb()], object), allow_pickle=True)
    (tmp_path / "x_seg.npy").write_bytes(buffer.getvalue())
    with pytest.raises(ReadError, match="pickle"):
        open_labels(tmp_path / "x_seg.npy", images())
    assert not (tmp_path / "ran").exists()


def test_labels_are_the_numbers_of_the_file_also_where_0_is_white(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    for labels in (np.array([[0, 1], [2, 700]], np.uint16), np.array([[0, 1], [2, 3]], np.uint8)):
        tifffile.imwrite(path, labels, photometric="miniswhite")
        np.testing.assert_array_equal(np.asarray(open_label_image(path))[0], labels)


def test_a_jpeg_is_no_label_image(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    path.write_bytes(imagecodecs.jpeg8_encode(np.zeros((16, 16), np.uint8)))
    with pytest.raises(ReadError, match=r"a JPEG changes numbers.* Save the labels as TIFF or PNG"):
        open_label_image(path)


def test_one_broken_outline_and_what_macos_adds_lose_no_others(tmp_path: Path) -> None:
    path = tmp_path / "RoiSet.zip"
    save_rois(path, {"7": square_roi(2, 3, 6), "9": square_roi(12, 20, 8)})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("8.roi", b"Iout, and cut short")
        archive.writestr("__MACOSX/._7.roi", b"Mac OS X")
    assert outlines_of(path) == [{7: 36, 9: 64}]
    _, problems = open_labels(path, images())
    assert any("1 of 3 outlines can't be read and are left out; first: '8.roi'" in each for each in problems)


def test_outlines_that_are_all_broken_are_refused_as_such(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "RoiSet.zip", "w") as archive:
        archive.writestr("8.roi", b"Iout, and cut short")
    with pytest.raises(ReadError, match="1 of 1 outlines can't be read"):
        open_labels(tmp_path / "RoiSet.zip", images())


def test_an_image_is_not_its_own_labels(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.stack([SQUARES] * 2), metadata={"axes": "CYX"})
    Image.fromarray(SQUARES).save(tmp_path / "a_cp_masks.png")
    images = open_image_set(tmp_path / "a.tif")
    found, _ = open_labels(tmp_path, images)
    np.testing.assert_array_equal(np.asarray(found[0].found), SQUARES)
