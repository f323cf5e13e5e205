from pathlib import Path

import numpy as np
import pytest

from napari_organelle.errors import ReadError
from napari_organelle.read.image_set import Channel, ImageSet
from napari_organelle.read.tables.points import read_points


def images(count: int) -> ImageSet:
    return ImageSet.from_array(np.zeros((count, 1, 50, 60)), (Channel("protein"),), name="im")


def write(folder: Path, text: str) -> Path:
    path = folder / "points.csv"
    path.write_text(text, encoding="utf-8")
    return path


def placed(folder: Path, text: str, count: int) -> list[list[float]]:
    return read_points(write(folder, text)).place(images(count))[0].tolist()


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("item,y,x\n0,1.5,2\n2,3,4\n", 3),
        ("item,y,x\nim[0],1.5,2\nim[2],3,4\n", 3),
        (",Y,X,mass,frame\n0,1.5,2,100,0\n1,3,4,100,2\n", 3),
        ("z;y;x\n0;1,5;2\n2;3;4\n", 3),
        ("t,y,x\n1,1.5,2\n3,3,4\n", 3),
        ("index,axis-0,axis-1,axis-2\n0,0,1.5,2\n1,2,3,4\n", 3),
        ("t,z,y,x\n0,0,1.5,2\n0,2,3,4\n", 3),
        ('"item" , "y" , "x"\n0, "1.5", "2"\n2, "3", "4"\n', 3),
    ],
    ids=["item", "name", "trackpy", "german z", "from one", "napari", "one time", "blanks"],
)
def test_the_item_of_a_point(tmp_path: Path, text: str, count: int) -> None:
    assert placed(tmp_path, text, count) == [[0, 1.5, 2], [2, 3, 4]]


@pytest.mark.parametrize(
    ("text", "count", "reason"),
    [
        ("y,x\n1,2\n", 3, "no column says in which a point lies"),
        ("frame,y,x\n1,1,2\n2,1,2\n", 3, "may count from 0 or 1"),
        ("frame,y,x\n0,1,2\n3,1,2\n", 3, "frame is '3'; there are 3 images"),
        ("frame,y,x\n0,1,2\n1,1,2\n", 1, "frame is '1'; there are 1 images"),
        ("frame,y,x\n0.5,1,2\n", 3, "must be a whole number"),
        ("t,z,y,x\n0,0,1,2\n1,1,3,4\n", 4, "both 't' and 'z' vary"),
        ("item,y,x\n3,1,2\n", 3, "item is '3'; there are 3 images"),
        (" ,Area,X,Y\n1,50,7,6\n", 1, "may be micrometres"),
        ("ImageNumber,Location_Center_X,Location_Center_Y\n1,7,6\n", 1, "must have the columns y and x"),
    ],
)
def test_points_that_are_refused(tmp_path: Path, text: str, count: int, reason: str) -> None:
    with pytest.raises(ReadError, match=reason):
        placed(tmp_path, text, count)


def test_time_and_section_find_their_picture(tmp_path: Path) -> None:
    stack = images(6)
    stack.items["time"], stack.items["section"] = [0, 0, 0, 1, 1, 1], [0, 1, 2, 0, 1, 2]
    for text in ("t,z,y,x\n0,1,1,2\n1,0,3,4\n", "axis-0,axis-1,axis-2,axis-3\n0,1,1,2\n1,0,3,4\n"):
        assert read_points(write(tmp_path, text)).place(stack)[0].tolist() == [[1, 1, 2], [3, 3, 4]]
    with pytest.raises(ReadError, match="no column says a point's time"):
        read_points(write(tmp_path, "z,y,x\n0,1,2\n1,3,4\n")).place(stack)


def test_points_of_other_images_are_left_to_them(tmp_path: Path) -> None:
    table = read_points(write(tmp_path, "image,y,x\nother.tif,1,2\nim[1],3,4\n"))
    points, rows = table.place(images(2))
    assert points.tolist() == [[1, 3, 4]]
    assert rows.tolist() == [1]
