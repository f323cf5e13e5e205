from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_organelle.read.folders.channel_files import find_layout
from napari_organelle.read.open import SET_READERS, find_reader, open_image_set


def put(folder: Path, names: Sequence[str]) -> None:
    """A gray TIFF each, whose value is its place in the list."""
    for index, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(folder / name, np.full((6, 8), index, np.uint16))


NAMES = {
    "MetaXpress": (
        ["p_A01_s1_w1.TIF", "p_A01_s1_w2.TIF", "p_A02_s1_w1.TIF", "p_A02_s1_w2.TIF"],
        ["A01", "A02"],
    ),
    "MetaMorph": (["x_w1GFP_s1.TIF", "x_w2RFP_s1.TIF", "x_w1GFP_s2.TIF", "x_w2RFP_s2.TIF"], None),
    "Operetta or Opera Phenix": (
        [f"Images/r02c03f0{f}p01-ch{c}sk1fk1fl1.tiff" for f in (1, 2) for c in (1, 2)],
        ["B03", "B03"],
    ),
    "CQ1": ([f"W0001F000{f}T0001Z001C{c}.tif" for f in (1, 2) for c in (1, 2)], None),
    "CellVoyager": (
        [f"plate_{w}_T0001F001L01A01Z01C0{c}.tif" for w in ("B02", "B03") for c in (1, 2)],
        ["B02", "B03"],
    ),
    "IN Cell Analyzer": (
        [f"A - 1(fld {f} wv {c}).tif" for f in (1, 2) for c in ("DAPI - DAPI", "FITC - FITC")],
        ["A01", "A01"],
    ),
    "Micro-Manager": (
        [f"img_channel00{c}_position00{p}_time000000000_z000.tif" for p in (0, 1) for c in (0, 1)],
        None,
    ),
    "Micro-Manager 1.4": (
        [f"Pos{p}/img_000000000_{c}_000.tif" for p in (0, 1) for c in ("DAPI", "GFP")],
        None,
    ),
    "Cellomics": ([f"MFGTMP_24_B02f0{f}d{c}.TIF" for f in (0, 1) for c in (0, 1)], ["B02", "B02"]),
    "Gen5": ([f"A1_02_{n}_{f}_{c}_001.tif" for f in (1, 2) for n, c in enumerate(("DAPI", "GFP"), 1)], None),
    "Incucyte": (
        [f"{c}_VID1_A1_{f}_00d04h00m.tif" for f in (1, 2) for c in ("Green", "Phase")],
        ["A1", "A1"],
    ),
    "Opera": ([f"00200{w}-1-00100100{c}.tif" for w in (3, 4) for c in (1, 2)], ["B03", "B04"]),
    "Olympus FluoView": ([f"im{n}_C00{c}Z001.tif" for n in (1, 2) for c in (1, 2)], None),
    "ZEN": ([f"dish_s{f}c{c}m1_ORG.tif" for f in (1, 2) for c in (1, 2)], None),
    "NIS-Elements": ([f"dishxy{f}c{c}.tif" for f in (1, 2) for c in (1, 2)], None),
    "Fiji": (["C1-a.tif", "C2-a.tif", "C1-b.tif", "C2-b.tif"], None),
    "channels named first": (["DAPI_a.tif", "GFP_a.tif", "DAPI_b.tif", "GFP_b.tif"], None),
    "well, field, channel": ([f"C04_{f}_{c}.tif" for f in (1, 2) for c in ("DAPI", "GFP")], ["C04", "C04"]),
    "numbered channels": ([f"dish{d}_ch0{c}.tif" for d in (1, 2) for c in (0, 1)], None),
    "named channels": ([f"dish{d}_{c}.tif" for d in (1, 2) for c in ("Cy5", "GFP")], None),
}


@pytest.mark.parametrize("layout", NAMES)
def test_one_file_a_channel_becomes_items_with_channels(layout: str, tmp_path: Path) -> None:
    names, wells = NAMES[layout]
    put(tmp_path, names)
    images = open_image_set(tmp_path)
    assert find_reader(tmp_path, SET_READERS) is not None
    assert images.problems[0].endswith(f"taken for one file a channel, named as by {layout}")
    assert images.data.shape == (2, 2, 6, 8)
    assert [images.read(item)[:, 0, 0].tolist() for item in (0, 1)] == [[0, 1], [2, 3]]
    assert images.items["item"].is_unique
    if wells:
        assert images.items["well"].tolist() == wells


def test_names_of_channels_are_kept_and_numbers_say_nothing(tmp_path: Path) -> None:
    put(tmp_path / "a", NAMES["MetaMorph"][0])
    assert open_image_set(tmp_path / "a").channel_names == ("GFP", "RFP")
    put(tmp_path / "b", NAMES["MetaXpress"][0])
    assert open_image_set(tmp_path / "b").channel_names == ("channel 1", "channel 2")


def test_time_points_are_no_classes_and_previews_no_images(tmp_path: Path) -> None:
    names = [f"TimePoint_{t}/p_B02_s1_w{w}.TIF" for t in (1, 2) for w in (1, 2)]
    put(tmp_path, [*names, "TimePoint_1/p_B02_s1_w1_thumb.TIF"])
    images = open_image_set(tmp_path)
    assert images.kind == "channels"
    assert images.items["time"].tolist() == [1, 2]
    assert images.class_names == ()
    assert any("masks, outlines or previews" in problem for problem in images.problems)


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    put(tmp_path, NAMES["MetaXpress"][0][:3])
    images = open_image_set(tmp_path)
    assert images.items["missing"].tolist() == ["", "channel 2"]


def test_other_names_are_no_layout() -> None:
    assert find_layout(["a.tif", "b.tif"]) is None
    assert find_layout(["cell_1.tif", "cell_2.tif"]) is None
    assert find_layout(["A01_s1_w1.tif", "A02_s1_w1.tif"]) is None


def test_projections_beside_images_are_no_class(tmp_path: Path) -> None:
    for folder in ("Image", "Projection"):
        (tmp_path / folder).mkdir()
        for name in ("W1F1T1Z1C1", "W1F1T1Z1C2", "W1F2T1Z1C1", "W1F2T1Z1C2"):
            tifffile.imwrite(tmp_path / folder / f"{name}.tif", np.full((6, 8), 1 + len(folder), np.uint8))
    images = open_image_set(tmp_path)
    assert (len(images), set(images.items["label"])) == (2, {""})
    assert images.read(0).shape == (2, 6, 8)
    assert images.read(0).max() == 6
    assert "Image/ beside Projection/ are no classes" in images.problems[0]


def test_images_beside_masks_and_what_programs_leave(tmp_path: Path) -> None:
    put(tmp_path / "a", ["images/1.tif", "images/2.tif", "masks/1.tif", "masks/2.tif"])
    images = open_image_set(tmp_path / "a")
    assert images.items["item"].tolist() == ["1.tif", "2.tif"]
    assert "images/ beside masks/" in images.problems[0]
    put(tmp_path / "b", ["1.tif", "2.tif", "1_cp_masks.tif", "2_cp_masks.tif"])
    (tmp_path / "b" / "1_seg.npy").touch()
    images = open_image_set(tmp_path / "b")
    assert len(images) == 2
    assert "3 files that look like masks, outlines or previews" in images.problems[0]


def test_a_plain_folder_says_what_is_left_out(tmp_path: Path) -> None:
    put(tmp_path, ["a.tif", "b.tif"])
    tifffile.imwrite(tmp_path / "c.tif", np.zeros((9, 6, 8), np.uint8))
    (tmp_path / "d.tif").write_bytes(b"")
    (tmp_path / "e.czi").write_bytes(b"ZISRAWFILE")
    images = open_image_set(tmp_path)
    assert images.items["item"].tolist() == ["a.tif", "b.tif"]
    assert "1 other files (1 .czi) are skipped; first: e.czi" in images.problems[0]
    assert "2 images are unlike the others" in images.problems[1]


def test_folders_named_like_positions_are_classes_where_no_file_names_a_channel(tmp_path: Path) -> None:
    put(tmp_path, ["Pos1/a.tif", "Pos1/b.tif", "Pos2/a.tif", "Pos2/b.tif"])
    assert open_image_set(tmp_path).items["label"].tolist() == ["Pos1", "Pos1", "Pos2", "Pos2"]


def test_dyes_of_cellinsight_are_channels(tmp_path: Path) -> None:
    for well in ("A01", "A02"):
        for dye in ("OrigBlue", "OrigGreen"):
            tifffile.imwrite(tmp_path / f"{well}_{dye}.tif", np.ones((6, 8), np.uint8))
    images = open_image_set(tmp_path)
    assert images.channel_names == ("OrigBlue", "OrigGreen")
    assert len(images) == 2


def test_bands_and_lines_of_lasers_name_channels_and_wells_go_on_after_z(tmp_path: Path) -> None:
    put(
        tmp_path / "bands",
        [f"A1_0{n}_1_1Z0_{c}_001.tif" for n, c in ((1, "GFP 469,525"), (2, "RFP 531,593"))],
    )
    put(tmp_path / "lines", [f"s{n}_{line}.tif" for n in (1, 2) for line in (488, 561)])
    put(tmp_path / "wells", [f"p_AA0{n}_s1_w{c}.tif" for n in (1, 2) for c in (1, 2)])
    assert open_image_set(tmp_path / "bands").channel_names == ("GFP", "RFP")
    assert open_image_set(tmp_path / "lines").channel_names == ("488", "561")
    assert open_image_set(tmp_path / "wells").items["well"].tolist() == ["AA01", "AA02"]


def test_names_that_differ_by_a_word_are_perhaps_channels(tmp_path: Path) -> None:
    put(tmp_path / "words", [f"cell{n}_{word}.tif" for n in (1, 2, 3) for word in ("fl", "ph")])
    put(tmp_path / "numbers", [f"cell{n}_t{time}.tif" for n in (1, 2, 3) for time in (1, 2)])
    problems = open_image_set(tmp_path / "words").problems
    assert "each of 3 pictures is there as fl, ph" in problems[0]
    assert open_image_set(tmp_path / "numbers").problems == ()
