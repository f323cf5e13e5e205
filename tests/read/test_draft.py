import pickle
from collections.abc import Callable
from pathlib import Path

import dask
import numpy as np
import pandas as pd
import pytest

from napari_organelle.errors import OrganelleWarning, ReadError
from napari_organelle.read.draft import Draft, build
from napari_organelle.read.image_set import Channel, ImageSet, NoImagesError

CHANNELS = (Channel("cytosol", "magenta"), Channel("protein", "green"))
WritePng = Callable[..., Path]


def make(paths: list[tuple[str, ...]], **options: object) -> ImageSet:
    items = pd.DataFrame({"item": [f"i{number}" for number in range(len(paths))], "label": "er"})
    draft = Draft(
        kind="test",
        source=Path("set"),
        channels=CHANNELS,
        items=items,
        paths=paths,
        planes=((0,), (1,)),
        looked="here",
        **options,  # type: ignore[arg-type]
    )
    return build(draft)


def test_channels_come_from_their_planes_or_their_files(tmp_path: Path, write_png: WritePng) -> None:
    rgb = str(write_png(tmp_path / "rgb.png"))
    grey = str(write_png(tmp_path / "grey.png", np.full((6, 8), 7, np.uint8)))
    images = make([(rgb, rgb), (grey, rgb), ("", rgb)])
    assert images.read(0)[:, 0, 0].tolist() == [10, 20]
    assert images.read(1)[:, 0, 0].tolist() == [7, 20]
    assert images.read(2)[:, 0, 0].tolist() == [0, 20]
    assert images.read(1, [1])[:, 0, 0].tolist() == [20]
    assert images.items["missing"].tolist() == ["", "", "cytosol"]
    np.testing.assert_array_equal(np.asarray(images.data), np.stack([images.read(item) for item in range(3)]))
    np.testing.assert_array_equal(np.asarray(images.channel_data(1)), np.full((3, 6, 8), 20))


def test_a_grey_file_for_all_channels_fills_one(tmp_path: Path, write_png: WritePng) -> None:
    rgb = str(write_png(tmp_path / "rgb.png"))
    grey = str(write_png(tmp_path / "grey.png", np.full((6, 8), 7, np.uint8)))
    images = make([(rgb, rgb), (grey, grey)], grey=1)
    assert images.read(1)[:, 0, 0].tolist() == [0, 7]
    assert images.items["missing"].tolist() == ["", "cytosol"]
    assert images.problems == ("1 of 2 items lack channels, shown blank (column 'missing')",)


def test_smaller_items_are_padded_and_keep_their_size(tmp_path: Path, write_png: WritePng) -> None:
    big = str(write_png(tmp_path / "big.png", np.full((9, 10, 3), 5, np.uint8)))
    small = str(write_png(tmp_path / "small.png", np.full((4, 6, 3), 5, np.uint8)))
    images = make([(big, big), (small, small)])
    assert images.data.shape == (2, 2, 9, 10)
    assert images.items[["height", "width"]].to_numpy().tolist() == [[9, 10], [4, 6]]
    padded = np.asarray(images.data[1, 0])
    assert padded[:4, :6].min() == 5
    assert padded.sum() == 4 * 6 * 5
    assert images.read(1).shape == (2, 4, 6)
    assert "2 image sizes: 9 x 10 (1), 4 x 6 (1)" in images.problems[0]


def test_mixed_types_are_held_by_the_larger(tmp_path: Path, write_png: WritePng) -> None:
    one = str(write_png(tmp_path / "8.png", np.full((6, 8, 3), 200, np.uint8)))
    two = str(write_png(tmp_path / "16.png", np.full((6, 8, 3), 4000, np.uint16)))
    images = make([(one, one), (two, two)])
    assert images.data.dtype == np.uint16
    assert [int(images.read(item).max()) for item in range(2)] == [200, 4000]
    assert images.problems == ("2 pixel types: uint8 (1), uint16 (1); values are kept as they are",)


def test_a_broken_file_is_blank_on_screen_and_an_error_in_a_run(tmp_path: Path, write_png: WritePng) -> None:
    good = str(write_png(tmp_path / "good.png"))
    cut = write_png(tmp_path / "cut.png")
    cut.write_bytes(cut.read_bytes()[:40])
    images = make([(good, good), (str(cut), str(cut))])
    with pytest.warns(OrganelleWarning, match=r"cut\.png.*blank"):
        assert np.asarray(images.data[1]).max() == 0
    with pytest.raises(ReadError, match=r"cut\.png"):
        images.read(1)
    assert images.read(0).max() == 20


def test_what_the_header_shows_is_in_the_table(tmp_path: Path, write_png: WritePng) -> None:
    good, empty = str(write_png(tmp_path / "good.png")), tmp_path / "empty.png"
    empty.touch()
    images = make([(good, good), (str(empty), str(empty)), (str(tmp_path / "gone.png"),) * 2])
    assert images.items["problem"].tolist() == [
        "",
        f"{empty}: the file is empty",
        f"{tmp_path / 'gone.png'}: there is no such file",
    ]
    assert images.problems[0].startswith("2 of 3 items have a problem (column 'problem'); first: ")


def test_an_item_without_any_file_is_not_read_as_black(tmp_path: Path, write_png: WritePng) -> None:
    good = str(write_png(tmp_path / "good.png"))
    images = make([(good, good), ("", "")])
    assert np.asarray(images.data[1]).max() == 0
    with pytest.raises(ReadError, match="i1: it has no file"):
        images.read(1)


def test_alike_files_are_believed_until_they_are_read(tmp_path: Path, write_png: WritePng) -> None:
    paths = [str(write_png(tmp_path / f"{number}.png")) for number in range(200)]
    write_png(tmp_path / "101.png", np.zeros((3, 3, 3), np.uint8))
    images = make([(path, path) for path in paths], alike=True)
    assert images.data.shape == (200, 2, 6, 8)
    with pytest.raises(ReadError, match=r"101\.png: expected 6 x 8 pixels; it has 3 x 3"):
        images.read(101)


def test_no_image_at_all_is_an_error_that_keeps_the_labels(tmp_path: Path) -> None:
    with pytest.raises(NoImagesError, match=r"set: none of its 2 images .* Looked in here") as caught:
        make([(str(tmp_path / "a.png"),) * 2, (str(tmp_path / "b.png"),) * 2])
    assert caught.value.items["label"].tolist() == ["er", "er"]


def test_lazy_pixels_pickle_for_dask_workers(tmp_path: Path, write_png: WritePng) -> None:
    rgb = str(write_png(tmp_path / "rgb.png"))
    images = pickle.loads(pickle.dumps(make([(rgb, rgb)] * 3)))  # noqa: S301
    with dask.config.set(scheduler="synchronous"):
        assert np.asarray(images.data[2, :, 0, 0]).tolist() == [10, 20]
    assert images.read(2)[:, 0, 0].tolist() == [10, 20]


def test_a_file_with_all_channels_is_decoded_once(
    tmp_path: Path, write_png: WritePng, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_organelle.read.files import item_files as files

    decoded: list[str] = []
    decode = files.decode
    monkeypatch.setattr(files, "decode", lambda path: decoded.append(path) or decode(path))
    rgb = str(write_png(tmp_path / "rgb.png"))
    images = make([(rgb, rgb)] * 3)
    assert decoded == []
    np.asarray(images.data[1])
    assert decoded == [rgb]
