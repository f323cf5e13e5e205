"""What is no Zarr of an image is refused before memory is taken, code is run or a pipe is waited for."""

import json
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from plates import VERSIONS, put, put_image, put_plate

from napari_organelle.errors import ReadError
from napari_organelle.read.open import open_image_set

DEEP = "[" * 100_000


def put_array(path: Path, version: int = 2) -> Path:
    zarr.create_array(path, shape=(8, 9), dtype="u2", zarr_format=version, chunks=(8, 9))[:] = 7
    return path


def change(file: Path, **changes: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"chunks": [400_000, 400_000], "shape": [400_000, 400_000]}, "not enough memory"),
        ({"chunks": [1, 1], "shape": [10**6, 10**6]}, "1,000,000,000,000 chunks"),
        ({"chunks": [9, 9, 9], "shape": [10**9, 9, 9]}, "1,000,000,000 planes"),
        ({"shape": [0, 9]}, "empty"),
        ({"shape": [-8, 9]}, ""),
        ({"chunks": [0, 9]}, ""),
        ({"dtype": "|O"}, ""),
        ({"dtype": "<U4"}, ""),
        ({"dtype": "<c8"}, ""),
        ({"filters": [{"id": "pickle"}]}, ""),
        ({"compressor": {"id": "pickle"}}, ""),
        ({"shape": "many"}, ""),
        ({"zarr_format": 7}, ""),
    ],
)
def test_arrays_that_are_no_image(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    path = put_array(tmp_path / "x.zarr")
    change(path / ".zarray", **changes)
    with pytest.raises(ReadError, match=rf"x\.zarr.*{told}"):
        open_image_set(path)


def test_pickled_pixels_run_no_code(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "ran",))

    path = put_array(tmp_path / "x.zarr")
    change(path / ".zarray", compressor={"id": "pickle"}, dtype="|O", filters=[{"id": "pickle"}])
    (path / "0.0").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(ReadError):
        open_image_set(path).read(0)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("chunk", [b"", b"\0\1", None])
def test_a_broken_chunk_is_an_error_with_the_items_name(
    tmp_path: Path, version: int, chunk: bytes | None
) -> None:
    path = put_array(tmp_path / "x.zarr", version)
    file = path / "0.0" if version == 2 else path / "c" / "0" / "0"
    file.unlink()
    if chunk is None:
        file.symlink_to(put_array(tmp_path / "other.zarr") / "0.0")
    else:
        file.write_bytes(chunk)
    with pytest.raises(ReadError, match=r"x\.zarr"):
        open_image_set(path).read(0)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
@pytest.mark.timeout(30)
@pytest.mark.parametrize("name", ["0.0", ".zattrs"])
def test_a_pipe_is_not_waited_for(tmp_path: Path, name: str) -> None:
    path = put_array(tmp_path / "x.zarr")
    (path / name).unlink(missing_ok=True)
    os.mkfifo(path / name)
    with pytest.raises(ReadError, match="regular file"):
        open_image_set(path).read(0)


@pytest.mark.parametrize(
    "text",
    ["", "{", DEEP, "[1]", "3", "null", '{"plate": [1]}', '{"plate": {"wells": 3}}',
     '{"plate": {"wells": ["A/1"]}}',
     '{"plate": {"wells": [{"path": 3}]}}', '{"plate": {}}', '{"multiscales": 3}', '{"multiscales": [[]]}',
     '{"multiscales": [{"datasets": {}}]}',
     '{"multiscales": [{"datasets": [{"path": "0"}], "axes": [7, null]}]}',
     '{"multiscales": [{"datasets": [{"path": ["0"]}]}]}', "\\xff"],
)  # fmt: skip
def test_metadata_of_any_shape_end_in_an_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.zarr"
    zarr.open_group(path, mode="w", zarr_format=2)
    (path / ".zattrs").write_text(text)
    with pytest.raises(ReadError, match=r"x\.zarr"):
        open_image_set(path)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("well", [{"well": 3}, {"well": {"images": "ab"}}, {"well": {"images": [1]}}, {}])
def test_an_odd_well_does_not_take_the_others_along(
    tmp_path: Path, version: str, well: dict[str, Any]
) -> None:
    pixels = np.zeros((2, 8, 8), np.uint16)
    path = put_plate(tmp_path / "p.zarr", version, {"A/1": [pixels], "A/2": [pixels]}, "cyx")
    node = zarr.open_group(path / "A" / "1", mode="a")
    node.attrs.clear()
    put(path / "A" / "1", version, well)
    images = open_image_set(path)
    assert images.items["item"].tolist() == ["A/2/0"]
    assert "A/1: the well can't be read" in " ".join(images.problems)


@pytest.mark.parametrize("place", ["../other.zarr", "/etc", "a\\b", "link"])
def test_series_and_fields_stay_inside(tmp_path: Path, place: str) -> None:
    for name in ("coll.zarr", "other.zarr"):
        put(tmp_path / name, "0.4", {"bioformats2raw.layout": 3})
        put_image(tmp_path / name / "0", "0.4", np.zeros((2, 8, 8), np.uint16), "cyx")
    put(tmp_path / "coll.zarr" / "OME", "0.4", {"series": ["0", place]})
    (tmp_path / "coll.zarr" / "link").symlink_to(tmp_path / "other.zarr" / "0")
    images = open_image_set(tmp_path / "coll.zarr")
    assert images.items["item"].tolist() == ["0"]
    assert "outside of the set" in images.problems[0]
