import os
import sys
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import imageio.v3 as imageio
import numpy as np
import pandas as pd
import pytest
import tifffile

from napari_organelle.cli import main
from napari_organelle.distribute import answer
from napari_organelle.model.bundle import ModelBundle, save_bundle
from napari_organelle.model.classify import predict_regions
from napari_organelle.model.domain import DOMAIN_FILE
from napari_organelle.model.networks.plan import NetworkPlan
from napari_organelle.model.predict import collect
from napari_organelle.prepare.channels import ChannelMap
from napari_organelle.prepare.plans import Tiles
from napari_organelle.prepare.regions import tile_regions
from napari_organelle.read.image_set import Channel, ImageSet

FIXED = ["source", "item", "region", "y", "x", "height", "width", "called", "confidence", "p_er", "p_nucleus"]
COLUMNS = [*FIXED, "p_vacuole"]

METADATA = {"axes": "CYX", "Labels": ["cytosol", "protein"]}


@pytest.fixture
def field(tmp_path: Path) -> Path:
    """A two-channel uint16 field of 96 x 128 pixels with three bright discs in both."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:96, :128]
    discs = sum((np.hypot(y - cy, x - cx) < 12) * 3000.0 for cy, cx in [(25, 30), (60, 90), (70, 35)])
    pixels = np.stack([discs, discs * rng.random((96, 128))]) + rng.integers(90, 110, (2, 96, 128))
    path = tmp_path / "field.tif"
    tifffile.imwrite(path, pixels.astype(np.uint16), imagej=True, metadata=METADATA)
    return path


def run(*args: object) -> int:
    return main(["classify", *map(str, args), "--device", "cpu"])


def table_of(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, keep_default_na=False, na_values=[""])


def test_tiles_are_written_as_the_engine_answers_them(field: Path, tiny_bundle: ModelBundle, tmp_path: Path):
    out = tmp_path / "out.csv"
    options = ("--regions", "tiles", "--tile", 32, "--stride", 16, "--channels", "cytosol=0,protein=1")
    assert run(field, "--model", tiny_bundle.path, *options, "-o", out) == 0
    table = table_of(out)
    assert list(table.columns) == COLUMNS
    assert set(table["source"]) == {str(field)}
    assert len(table) == 5 * 7
    assert table.loc[8, ["y", "x", "height", "width"]].tolist() == [16, 16, 32, 32]
    images = ImageSet.from_array(tifffile.imread(field)[None], (Channel("a"), Channel("b")))
    regions = tile_regions((96, 128), 32, 16)
    channels = ChannelMap(tiny_bundle.spec.slots, (0, 1), ("a", "b"))
    prediction = collect(
        predict_regions(tiny_bundle, images, regions, channels, device="cpu"), regions, tiny_bundle
    )
    np.testing.assert_allclose(table[COLUMNS[-3:]], prediction.probabilities, atol=1e-5)
    assert table["called"].tolist() == prediction.called(0.5)


def test_dense_tiles_are_the_engines_and_the_agreement_is_said(
    field: Path, tiny_bundle: ModelBundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    out = tmp_path / "out.csv"
    options = (
        "--regions",
        "tiles",
        "--tile",
        32,
        "--stride",
        16,
        "--dense",
        "--channels",
        "cytosol=0,protein=1",
    )
    assert run(field, "--model", tiny_bundle.path, *options, "-o", out) == 0
    images = ImageSet.from_array(tifffile.imread(field)[None], (Channel("a"), Channel("b")))
    regions = tile_regions((96, 128), 32, 16)
    channels = ChannelMap(tiny_bundle.spec.slots, (0, 1), ("a", "b"))
    running = predict_regions(tiny_bundle, images, regions, channels, device="cpu", dense=True)
    np.testing.assert_allclose(
        table_of(out)[COLUMNS[-3:]], collect(running, regions, tiny_bundle).probabilities, atol=1e-5
    )
    assert "of 1 sampled tiles called as exactly" in capsys.readouterr().err


def test_what_cannot_be_dense_is_refused_before_the_run(
    field: Path, tiny_bundle: ModelBundle, make_bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    out, seed = tmp_path / "out.csv", make_bundle(network=NetworkPlan(width=1 / 16, head="notebook2019"))
    assert run(field, "--model", tiny_bundle.path, "--regions", "slices", "--dense", "-o", out) == 2
    assert "--dense is for tiles that overlap: add --regions tiles" in capsys.readouterr().err
    assert run(field, "--model", seed.path, "--regions", "tiles", "--dense", "-o", out) == 2
    assert "the head of the 2019 notebooks" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["field.tif"]


def test_bands_of_dense_tiles_are_told_of_in_one_sentence(
    field: Path, tiny_bundle: ModelBundle, tmp_path: Path, monkeypatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("napari_organelle.prepare.dense.BLOCK_PX", 112)
    monkeypatch.setattr(Tiles, "part_size", 16)
    options = ("--regions", "tiles", "--tile", 32, "--stride", 8, "--dense")
    channels = ("--channels", "cytosol=0,protein=1")
    assert run(field, "--model", tiny_bundle.path, *options, *channels, "-o", tmp_path / "out.csv") == 0
    said = capsys.readouterr().err.splitlines()
    assert [line.count("sampled tiles called as exactly") for line in said if "Dense" in line] == [1]
    assert any("the nearest 16 px" in line and " of 2 sampled tiles" in line for line in said)


def test_channels_threshold_and_batch_are_heeded(field: Path, tiny_bundle: ModelBundle, tmp_path: Path):
    tables = []
    for index, options in enumerate(
        [("cytosol=0,protein=1", 8), ("cytosol=0,protein=1", 3), ("cytosol=1,protein=0", 8)]
    ):
        out = tmp_path / f"{index}.csv"
        chosen = ("--channels", options[0], "--batch", options[1], "--threshold", 0.999)
        assert run(field, "--model", tiny_bundle.path, "--regions", "tiles", *chosen, "-o", out) == 0
        tables.append(table_of(out))
    assert set(tables[0]["called"]) == {"unsure"}
    np.testing.assert_allclose(tables[0]["p_er"], tables[1]["p_er"], atol=1e-5)
    assert np.abs(tables[0]["p_er"] - tables[2]["p_er"]).max() > 1e-3


def test_fast_asks_for_one_view_of_a_model_that_averages_over_eight(
    field: Path, make_bundle: Callable[..., ModelBundle], tmp_path: Path
):
    once, turned = make_bundle(), make_bundle(name="turned", views=8)
    asked = {"once": (once, []), "turned": (turned, []), "fast": (turned, ["--fast"])}
    tables = {}
    for name, (bundle, options) in asked.items():
        out = tmp_path / f"{name}.csv"
        assert run(field, "--model", bundle.path, "--regions", "tiles", *options, "-o", out) == 0
        tables[name] = table_of(out)[COLUMNS[-3:]].to_numpy()
    np.testing.assert_array_equal(tables["fast"], tables["once"])
    assert np.abs(tables["turned"] - tables["once"]).max() > 1e-4


def test_objects_of_a_label_image_and_points_of_a_table(
    field: Path, tiny_bundle: ModelBundle, tmp_path: Path
):
    labels = np.zeros((96, 128), np.uint16)
    labels[20:30, 25:35] = 7
    labels[90:, 120:] = 3
    imageio.imwrite(tmp_path / "labels.png", labels)
    out = tmp_path / "objects.csv"
    assert run(field, "--model", tiny_bundle.path, "--labels", tmp_path / "labels.png", "-o", out) == 0
    table = table_of(out)
    assert table["region"].tolist() == [3, 7]
    assert np.isfinite(table["confidence"]).all()
    (tmp_path / "points.csv").write_text("index,axis-0,axis-1\n0,25,30\n1,60,90\n")
    out = tmp_path / "points_out.csv"
    assert run(field, "--model", tiny_bundle.path, "--points", tmp_path / "points.csv", "-o", out) == 0
    table = table_of(out)
    assert (table["y"] + (table["height"] - 1) / 2 - [25, 60]).abs().max() <= 0.5
    assert (table["x"] + (table["width"] - 1) / 2 - [30, 90]).abs().max() <= 0.5


def test_cells_are_found_where_no_labels_are_given(field: Path, tiny_bundle: ModelBundle, tmp_path: Path):
    out = tmp_path / "cells.csv"
    assert run(field, "--model", tiny_bundle.path, "--regions", "objects", "-o", out) == 0
    table = table_of(out)
    centres = {
        (round(y + h / 2), round(x + w / 2)) for y, x, h, w in table[["y", "x", "height", "width"]].to_numpy()
    }
    assert len(centres) == 3
    for y, x in [(25, 30), (60, 90), (70, 35)]:
        assert min(np.hypot(y - cy, x - cx) for cy, cx in centres) < 3


def test_a_labelled_set_keeps_its_labels(tiny_bundle: ModelBundle, tmp_path: Path):
    rng = np.random.default_rng(0)
    for name in ("er", "vacuole"):
        (tmp_path / "set" / name).mkdir(parents=True)
        for index in range(2):
            pixels = rng.integers(0, 255, (40, 40, 3)).astype(np.uint8)
            imageio.imwrite(tmp_path / "set" / name / f"{index}.png", pixels)
    out = tmp_path / "out.csv"
    assert run(tmp_path / "set", "--model", tiny_bundle.path, "--channels", "protein=1", "-o", out) == 0
    table = table_of(out)
    assert list(table.columns) == [*COLUMNS, "label"]
    assert table["label"].tolist() == ["er", "er", "vacuole", "vacuole"]
    assert (table[["height", "width"]] == 40).all(axis=None)


def test_a_broken_path_is_skipped_and_said_so(
    field: Path, tiny_bundle: ModelBundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "bad.tif").write_text("no image")
    out = tmp_path / "out.csv"
    assert run(field, tmp_path / "bad.tif", "--model", tiny_bundle.path, "-o", out) == 1
    assert len(table_of(out)) == 1
    assert "bad.tif" in capsys.readouterr().err


def test_the_exit_status_tells_of_images_that_could_not_be_read(
    tiny_bundle: ModelBundle, tmp_path: Path, capsys
):
    rng = np.random.default_rng(0)
    whole = imagecodecs.png_encode(rng.integers(0, 255, (40, 40, 3)).astype(np.uint8))
    for folder, names in (("one", ("a", "b")), ("all", ())):
        (tmp_path / folder).mkdir()
        for name in ("a", "b", "c"):
            (tmp_path / folder / f"{name}.png").write_bytes(
                whole if name in names else whole[: len(whole) // 2]
            )
    fixed = ("--model", tiny_bundle.path, "--channels", "cytosol=red,protein=green")
    assert run(tmp_path / "one", *fixed, "-o", tmp_path / "one.csv") == 1
    assert table_of(tmp_path / "one.csv")["called"].isna().tolist() == [False, False, True]
    assert run(tmp_path / "all", *fixed, "-o", tmp_path / "all.csv") == 2
    assert "a.png: it is damaged or cut short" in capsys.readouterr().err
    assert not (tmp_path / "all.csv").exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
@pytest.mark.timeout(60)
def test_pipes_and_links_in_a_circle_are_skipped_and_named(tiny_bundle: ModelBundle, tmp_path: Path, capsys):
    imagecodecs.imwrite(tmp_path / "a.png", np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8))
    os.mkfifo(tmp_path / "b.png")
    (tmp_path / "c.png").symlink_to(tmp_path / "c.png")
    fixed = ("--model", tiny_bundle.path, "--channels", "cytosol=red,protein=green")
    assert run(tmp_path, *fixed, "-o", tmp_path / "out.csv") == 1
    assert len(table_of(tmp_path / "out.csv")) == 1
    told = capsys.readouterr().err
    assert f"skipped: {tmp_path / 'b.png'}: expected a regular file" in told
    assert f"skipped: {tmp_path / 'c.png'}: " in told


def test_a_model_that_learned_nothing_is_announced(
    field: Path, make_bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    bundle = make_bundle(scores={"verdict": "learned nothing"})
    assert run(field, "--model", bundle.path, "-o", tmp_path / "out.csv") == 0
    assert "learned nothing better than guessing" in capsys.readouterr().err


def test_ctrl_c_keeps_what_is_done_and_the_same_command_goes_on(
    field: Path, tiny_bundle: ModelBundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    def interrupted(*args, **kwargs):
        running = predict_regions(*args, **kwargs)
        yield next(running)
        raise KeyboardInterrupt

    out, partial = tmp_path / "out.csv", tmp_path / "out.partial.csv"
    options = (field, "--model", tiny_bundle.path, "--regions", "tiles", "--batch", 4, "-o", out)
    with monkeypatch.context() as patch:
        patch.setattr(answer, "predict_regions", interrupted)
        assert run(*options) == 130
    assert not out.exists()
    started = table_of(partial)
    assert len(started) == 4
    assert started["confidence"].notna().all()
    assert "The same command again goes on" in capsys.readouterr().err
    assert run(*options) == 0
    table = table_of(out)
    assert len(table) == 12
    pd.testing.assert_frame_equal(table[:4], started)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["field.tif", "out.csv"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--regions", "points"), "add --points"),
        (("--points", "none.csv"), "none.csv"),
        (("--points", "names.csv"), "must have the columns y and x"),
        (("--labels", "none.png"), "no such file"),
        (("--regions", "tiles", "--tile", 500), "tiles of 500 px do not fit"),
        (("--channels", "nucleus=0"), "no slot 'nucleus'"),
        (("--batch", 0), "--batch must be at least 1"),
        (("--threshold", 3), "--threshold must be from 0 to 1"),
        (("--roll-up", "gen"), "no column 'gen' to roll up by; it has item"),
        (("--workers", 0), "--workers must be at least 1"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    field: Path, tiny_bundle: ModelBundle, tmp_path: Path, options, message: str, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    Path("names.csv").write_text("a,b\n1,2\n")
    assert run(field, "--model", tiny_bundle.path, *options, "-o", "out.csv") == 2
    assert message in capsys.readouterr().err
    assert not Path("out.csv").exists()


def test_a_device_that_is_not_there_is_refused(field: Path, tiny_bundle: ModelBundle, tmp_path: Path, capsys):
    args = ["classify", field, "--model", tiny_bundle.path, "--device", "gpu:7", "-o", tmp_path / "out.csv"]
    assert main([str(arg) for arg in args]) == 2
    assert "no device 'gpu:7'" in capsys.readouterr().err


def test_workers_without_dask_distributed_say_what_to_install(
    field: Path, tiny_bundle: ModelBundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    monkeypatch.setitem(sys.modules, "distributed", None)
    out = tmp_path / "out.csv"
    assert run(field, "--model", tiny_bundle.path, "--workers", 2, "-o", out) == 2
    assert "pip install 'napari-organelle[distributed]'" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["field.tif"]


def test_an_output_that_is_there_stays_without_force(
    field: Path, tiny_bundle: ModelBundle, tmp_path: Path, capsys
):
    out = tmp_path / "out.csv"
    out.write_text("precious")
    assert run(field, "--model", tiny_bundle.path, "-o", out) == 2
    assert out.read_text() == "precious"
    assert "--force" in capsys.readouterr().err
    assert run(field, "--model", tiny_bundle.path, "-o", out, "--force") == 0
    assert len(table_of(out)) == 1


@pytest.mark.real_data
def test_real_sets_and_fields_in_every_region_mode(tiny_bundle: ModelBundle, real_data: Path, tmp_path: Path):
    field = real_data / "yeast_fields" / "r01c01f01p01-ch3sk1fk1fl1.tiff"
    masks = real_data / "yeast_fields" / "r01c01f01p01_labeled.tiff"
    atlas = real_data / "hpa2021" / "train"
    (tmp_path / "places.csv").write_text("y,x\n500,500\n0,0\n")
    protein = ("--channels", "protein=0")
    both = ("--channels", "protein=protein,cytosol=ER")
    cases = {
        "slices": (real_data / "yeast_cyclops", "--regions", "slices"),
        "tiles": (atlas, "--regions", "tiles", "--tile", 512, *both),
        "masks": (atlas, "--regions", "objects", *both),
        "objects": (field, "--labels", masks, *protein),
        "points": (field, "--points", tmp_path / "places.csv", *protein),
        "image": (field, *protein),
    }
    rows = {}
    for name, options in cases.items():
        assert run(*options, "--model", tiny_bundle.path, "-o", tmp_path / f"{name}.csv") == 0
        table = table_of(tmp_path / f"{name}.csv")
        assert np.isfinite(table["confidence"]).all()
        rows[name] = len(table)
    assert rows["tiles"] == 2 * 16 + 36
    assert rows["objects"] == len(np.unique(tifffile.imread(masks))) - 1
    assert rows["slices"] > 400
    assert (rows["points"], rows["image"]) == (2, 1)
    assert rows["masks"] > 20


def test_regions_unlike_the_training_images_are_counted_and_called_nothing(
    field: Path, tiny_bundle: ModelBundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    length = tiny_bundle.spec.plan.feature_count(32)
    beyond = {"weights": np.zeros(length, np.float32), "offset": np.ones(1, np.float32)}
    model = save_bundle(
        tmp_path / "m.organelle", tiny_bundle.spec, tiny_bundle.weights(), extras={DOMAIN_FILE: beyond}
    )
    out = tmp_path / "out.csv"
    options = ("--channels", "cytosol=0,protein=1", "--threshold", 0)
    assert run(field, "--model", model.path, *options, "-o", out) == 0
    assert "warning: 1 of 1 regions is unlike the images that tiny was trained on" in capsys.readouterr().err
    table = table_of(out)
    assert table["called"].tolist() == ["unsure"]
    assert table["unlike_training"].tolist() == [True]
