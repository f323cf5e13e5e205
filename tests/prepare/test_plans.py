"""Plans of regions: what they count, make in pieces, and refuse."""

import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from napari_organelle.errors import OrganelleError
from napari_organelle.prepare.plans import Images, Objects, Points, RegionPlan, Slices, Tiles
from napari_organelle.read.image_set import Channel, ImageSet


@pytest.fixture
def stack() -> ImageSet:
    """Three planes of two channels, 40 x 60 pixels."""
    return ImageSet.from_array(np.zeros((3, 2, 40, 60), np.uint8), (Channel("a"), Channel("b")))


@pytest.mark.parametrize(
    ("plan", "count", "noun"),
    [
        (Images(), 3, "image"),
        (Slices(), 3, "slice"),
        (Tiles(), 3 * 3 * 4, "tile"),
        (Tiles(20), 3 * 2 * 3, "tile"),
        (Tiles(20, 10), 3 * 3 * 5, "tile"),
        (Points(np.array([[0, 5, 5], [2, 30.0, 50]])), 2, "point"),
    ],
)
def test_pieces_are_the_whole(stack: ImageSet, plan: RegionPlan, count: int, noun: str) -> None:
    plan = plan.sized(16)
    whole = plan.make(stack)
    assert plan.count(stack) == len(whole) == count
    assert (plan.noun, plan.kind) == (noun, whole.kind)
    pieces = [plan.make(stack, start=at, stop=at + 2) for at in range(0, count, 2)]
    np.testing.assert_array_equal(np.concatenate([piece.windows for piece in pieces]), whole.windows)
    np.testing.assert_array_equal(np.concatenate([piece.ids for piece in pieces]), whole.ids)


def test_images_count_on_from_the_sets_before(stack: ImageSet) -> None:
    assert Images().make(stack, start=1, first=10).ids.tolist() == [12, 13]


def test_objects_come_from_an_array_a_file_or_the_masks(stack: ImageSet, tmp_path: Path) -> None:
    import tifffile

    labels = np.zeros((3, 40, 60), np.uint16)
    labels[0, 3:9, 3:9], labels[2, 20:29, 20:29], labels[2, 30:33, 30:33] = 5, 5, 9
    tifffile.imwrite(tmp_path / "labels.tif", labels, imagej=True, metadata={"axes": "ZYX"})
    made = Objects(labels).sized(16).make(stack)
    assert made.ids.tolist() == [5, 5, 9]
    assert made.windows[:, 0].tolist() == [0, 2, 2]
    assert Objects(labels).count(stack) == 3
    named = Objects(tmp_path / "labels.tif", window=16).make(stack)
    np.testing.assert_array_equal(named.windows, made.windows)
    piece = Objects(labels, window=16).make(stack.span(2, 3), first=2)
    assert piece.ids.tolist() == [5, 9]
    assert Objects().count(stack) is None


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (Tiles(41), "at most 40 px"),
        (Tiles(0), "at least 1 px"),
        (Points(np.array([[3, 0.0, 0.0]])), "outside the image"),
        (Points(np.zeros((0, 3))), "expected points"),
        (Points(Path("nowhere.csv"), window=8), "nowhere.csv: there is no such file"),
        (Objects(np.zeros((3, 40, 60), int)), "hold no object"),
        (Objects(np.zeros((2, 40, 60), int)), "the labels have shape"),
        (Objects(np.zeros((3, 40, 60))), "whole-number labels"),
    ],
)
def test_a_plan_says_what_is_wrong_with_it(stack: ImageSet, plan: RegionPlan, message: str) -> None:
    if not isinstance(plan, Points) or plan.window is None:
        plan = plan.sized(16)
    assert message in plan.problem(stack)
    with pytest.raises(OrganelleError):
        plan.make(stack)


def test_a_mask_of_one_value_is_refused_and_its_parts_are_objects_where_asked(stack: ImageSet) -> None:
    mask = np.zeros((3, 40, 60), np.uint8)
    mask[:, 3:9, 3:9], mask[:, 20:29, 20:29] = 255, 255
    with pytest.raises(OrganelleError, match=r"one number, 255, in 2 parts.*--connected"):
        Objects(mask).sized(16).make(stack)
    made = Objects(mask, connected=True).sized(16).make(stack)
    assert made.ids.tolist() == [1, 2] * 3
    crumb = mask[:1].copy()
    crumb[:, 3:9, 3:9] = 0
    crumb[:, 0, 0] = 255
    assert len(Objects(crumb).sized(16).make(stack.span(0, 1))) == 1


def test_outlines_that_overlap_all_have_windows_and_names(stack: ImageSet, tmp_path: Path) -> None:
    squares = [[[2, 2], [12, 2], [12, 12], [2, 12]], [[4, 4], [10, 4], [10, 10], [4, 10]], [[90, 90]] * 4]
    features = [
        {"type": "Feature", "id": name, "geometry": {"type": "Polygon", "coordinates": [ring]}}
        for name, ring in zip(("mother", "bud", "far"), squares, strict=True)
    ]
    (tmp_path / "cells.geojson").write_text(json.dumps(features))
    made = Objects(tmp_path / "cells.geojson").sized(4).make(stack.span(0, 1))
    assert made.windows.tolist() == [[0, 5, 5, 4, 4]] * 2
    assert made.names == {(0, 1): "mother", (0, 2): "bud", (0, 3): "far"}
    assert "1 outlines hold no pixel of the image: far" in made.notes[0]


@pytest.mark.parametrize(
    ("name", "text", "one"),
    [
        ("p.csv", "y,x\n1,2\n", True),
        ("p.csv", "item,y,x\n0,1,2\n", True),
        ("p.csv", "item,y,x\nim,1,2\n", False),
    ],
)
def test_a_table_without_names_is_of_one_set(tmp_path: Path, name: str, text: str, one: bool) -> None:
    (tmp_path / name).write_text(text)
    assert bool(Points(tmp_path / name).one_set) == one
    assert Objects(tmp_path).one_set == ""
    assert Objects(tmp_path / "l.tif").one_set == str(tmp_path / "l.tif")


def test_a_mask_of_few_values_in_many_parts_is_refused(stack: ImageSet) -> None:
    mask = np.zeros((40, 60), np.uint8)
    for number, (y, x) in enumerate(product(range(2, 34, 10), range(2, 54, 12))):
        mask[y : y + 6, x : x + 6] = 1 + number % 2
    with pytest.raises(OrganelleError, match=r"the numbers 1, 2 in 20 parts.*--connected"):
        Objects(mask).sized(16).make(stack.span(0, 1))
    assert len(Objects(mask, connected=True).sized(16).make(stack.span(0, 1))) == 20
    halves = np.zeros((40, 60), np.uint8)
    halves[2:8, 2:8] = halves[20:26, 2:8] = 1
    halves[2:8, 30:36] = halves[20:26, 30:36] = 2
    assert len(Objects(halves).sized(16).make(stack.span(0, 1))) == 2
