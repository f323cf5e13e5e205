import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image
from plates import put_plate

from napari_organelle.cli import main
from napari_organelle.distribute.answer import answer_part, find_regions
from napari_organelle.distribute.options import PartOptions
from napari_organelle.distribute.run import LargeRun
from napari_organelle.distribute.sources import find_sources
from napari_organelle.distribute.split import iter_parts
from napari_organelle.distribute.work import WorkFolder
from napari_organelle.distribute.workers import workers
from napari_organelle.errors import BundleError, OrganelleError
from napari_organelle.model.bundle import ModelBundle
from napari_organelle.model.classify import predict_regions
from napari_organelle.model.predict import collect
from napari_organelle.model.prediction import BatchDone
from napari_organelle.prepare.channels import ChannelMap
from napari_organelle.prepare.plans import Objects, Tiles
from napari_organelle.prepare.regions import slice_regions, tile_regions
from napari_organelle.read.open import open_image_set
from napari_organelle.show.tables import results_table, write_csv


def finished(path: Path, options: PartOptions, output: Path, client=None) -> LargeRun:
    run = LargeRun(list(find_sources([str(path)])), options, output)
    run.begin()
    sum(1 for _ in run.answer(client))
    run.finish()
    return run


def whole(
    path: Path, bundle: ModelBundle, output: Path, make_regions: Callable, dense: bool = False
) -> BatchDone:
    """The table as the engine gives it in one piece, and its last report."""
    images = open_image_set(path)
    regions = make_regions(images)
    channels = ChannelMap(bundle.spec.slots, (0, 1), images.channel_names)
    batches = list(
        predict_regions(bundle, images, regions, channels, device="cpu", batch_size=16, dense=dense)
    )
    threshold = np.array(bundle.spec.thresholds)
    write_csv(results_table(collect(batches, regions, bundle), images, threshold), output)
    return batches[-1]


def test_parts_of_a_tile_grid_give_the_bytes_of_the_whole(
    field: Path, tiny_bundle: ModelBundle, options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Tiles, "part_size", 64)
    sizes = [(160, 224)] * 2
    whole(field, tiny_bundle, tmp_path / "whole.csv", lambda images: tile_regions(sizes, 32, 16))
    finished(field, options(Tiles(32, 16)), tmp_path / "parts.csv")
    assert len(pd.read_csv(tmp_path / "parts.csv")) == 2 * 9 * 13
    assert (tmp_path / "parts.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["field.tif", "parts.csv", "whole.csv"]


def test_bands_of_dense_tiles_give_the_bytes_of_the_whole_and_one_sentence(
    field: Path, tiny_bundle: ModelBundle, options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Tiles, "part_size", 64)
    monkeypatch.setattr("napari_organelle.prepare.dense.BLOCK_PX", 112)
    sizes, out = [(160, 224)] * 2, tmp_path / "parts.csv"
    last = whole(
        field, tiny_bundle, tmp_path / "whole.csv", lambda _: tile_regions(sizes, 32, 12), dense=True
    )
    tiles = options(Tiles(32, 12, dense=True))
    assert [part.size for part in iter_parts(find_sources([str(field)]), tiles)] == [4 * 17] * 6
    first = LargeRun(list(find_sources([str(field)])), tiles, out)
    first.begin()
    next(first.answer())
    first.close()
    run = finished(field, tiles, out)
    table = pd.read_csv(out)
    assert len(table) == 2 * 12 * 17
    assert table["y"].unique().tolist() == [*range(0, 132, 12), 128]
    assert out.read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert run.notes.count == 0
    assert run.agreement.sampled == 8
    assert replace(run.agreement, apart=0) == replace(last.agreement, apart=0)
    assert run.agreement.apart == pytest.approx(last.agreement.apart)


def test_dense_parts_hold_whole_bands_and_several_small_images(options, tmp_path: Path, monkeypatch):
    pixels = np.zeros((5, 2, 64, 96), np.uint16)
    tifffile.imwrite(
        tmp_path / "small.tif",
        pixels,
        imagej=True,
        metadata={"axes": "ZCYX", "Labels": ["cytosol", "protein"] * len(pixels)},
    )
    monkeypatch.setattr(Tiles, "part_size", 40)
    parts = list(iter_parts(find_sources([str(tmp_path / "small.tif")]), options(Tiles(32, 16, dense=True))))
    assert [(part.first, part.size) for part in parts] == [(0, 30), (2, 30), (4, 15)]


def test_parts_of_a_long_list_give_the_bytes_of_the_whole(
    crops, tiny_bundle: ModelBundle, options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = crops(150)
    (path.parent / "plate01" / "007013000-2-7-70.png").write_text("broken")
    whole(path, tiny_bundle, tmp_path / "whole.csv", slice_regions)
    monkeypatch.setattr("napari_organelle.distribute.sources.LINES", 64)
    run = finished(path, options(), tmp_path / "parts.csv")
    assert (tmp_path / "parts.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    table = pd.read_csv(tmp_path / "parts.csv")
    assert table["region"].tolist() == list(range(1, 151))
    assert table.index[table["confidence"].isna()].tolist() == [70]
    assert "007013000-2-7-70.png" in run.notes.first[0]


def test_a_parquet_table_has_the_same_rows(field: Path, options, tmp_path: Path):
    finished(field, options(Tiles(32)), tmp_path / "out.csv")
    finished(field, options(Tiles(32)), tmp_path / "out.parquet")
    exact, rounded = pd.read_parquet(tmp_path / "out.parquet"), pd.read_csv(tmp_path / "out.csv")
    assert exact["p_er"].dtype == np.float32
    pd.testing.assert_frame_equal(exact, rounded, check_dtype=False, rtol=1e-5)


def test_wells_and_fields_are_kept_beside_a_set_without_them(crops, field: Path, options, tmp_path: Path):
    plate = put_plate(tmp_path / "a.zarr", "0.5", {"B/2": list(np.ones((2, 2, 40, 40), np.uint8))}, "cyx")
    sources = list(find_sources([str(field), str(crops(1)), str(plate)]))
    run = LargeRun(sources, options(), tmp_path / "out.parquet")
    run.begin()
    assert [summary.rows for summary in run.answer()] == [2, 1, 2]
    run.finish()
    places = pd.read_parquet(tmp_path / "out.parquet")[["plate", "well", "field"]]
    assert places.to_numpy().tolist() == [
        ["", "", ""],
        ["", "", ""],
        ["1", "G13", "2"],
        ["screen", "B2", "0"],
        ["screen", "B2", "1"],
    ]


def test_a_part_is_paths_and_windows(crops, field: Path, options):
    parts = list(iter_parts(find_sources([str(crops(40))]), options()))
    parts += list(iter_parts(find_sources([str(field)]), options(Tiles(32))))
    assert [part.size for part in parts] == [40, 70]
    for part in parts:
        stored = pickle.dumps(part)
        assert len(stored) < 30_000
        np.testing.assert_array_equal(pickle.loads(stored).open().read(0), part.open().read(0))  # noqa: S301


def test_a_broken_or_stray_file_in_a_folder_is_skipped_and_named(options, tmp_path: Path):
    folder = tmp_path / "plain"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in ("a.png", "b.png", "d.png"):
        Image.fromarray(rng.integers(0, 255, (40, 40, 3)).astype(np.uint8)).save(folder / name)
    (folder / "c.png").write_text("no image")
    (folder / "notes.doc").write_text("")
    sources = list(find_sources([str(folder)]))
    assert "1 other files (1 .doc) are skipped; first: notes.doc" in sources[0].problems[0]
    run = finished(folder, options(), tmp_path / "out.csv")
    table = pd.read_csv(tmp_path / "out.csv")
    assert table["item"].tolist() == ["a.png", "b.png", "d.png"]
    assert table["confidence"].notna().all()
    assert run.failed.count == 1
    assert "c.png" in run.failed.first[0]


def test_what_is_wrong_with_an_image_of_a_folder_is_told_once(options, tmp_path: Path):
    folder = tmp_path / "plain"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 255, (3, 40, 40)).astype(np.uint8)
    for name in ("a.tif", "b.tif"):
        tifffile.imwrite(folder / name, pixels, photometric="minisblack", metadata=None)
    run = finished(folder, options(), tmp_path / "out.csv")
    told = [note for note in run.notes.first if "have no named axis" in note]
    assert len(told) == 2
    assert "a.tif: its 3 pages have no named axis and are taken for channels" in told[0]


def test_objects_are_found_part_by_part(field: Path, options, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(Objects, "part_size", 1)
    labels = np.zeros((2, 160, 224), np.uint16)
    labels[0, 20:30, 20:30], labels[1, 50:60, 50:60], labels[1, 90:99, 50:60] = 4, 2, 9
    tifffile.imwrite(tmp_path / "labels.tif", labels, imagej=True, metadata={"axes": "ZYX"})
    finished(field, options(Objects(tmp_path / "labels.tif")), tmp_path / "out.csv")
    table = pd.read_csv(tmp_path / "out.csv")
    assert table[["item", "region"]].to_numpy().tolist() == [
        ["field.tif[0]", 4],
        ["field.tif[1]", 2],
        ["field.tif[1]", 9],
    ]


def test_the_next_parts_objects_are_found_while_the_network_answers(
    field: Path, options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Objects, "part_size", 1)
    labels = np.zeros((2, 160, 224), np.uint16)
    labels[:, 20:30, 20:30] = 1
    tifffile.imwrite(tmp_path / "labels.tif", labels, imagej=True, metadata={"axes": "ZYX"})
    both_found = Event()
    count = iter((False, True))

    def find(*args):
        found = find_regions(*args)
        if next(count):
            both_found.set()
        return found

    def answer(part, *args):
        assert both_found.wait(20), "the second part waits for the first"
        return answer_part(part, *args)

    monkeypatch.setattr("napari_organelle.distribute.run.find_regions", find)
    monkeypatch.setattr("napari_organelle.distribute.run.answer_part", answer)
    finished(field, options(Objects(tmp_path / "labels.tif")), tmp_path / "out.csv")
    assert len(pd.read_csv(tmp_path / "out.csv")) == 2


def test_a_run_goes_on_with_the_parts_that_are_there(field: Path, options, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(Tiles, "part_size", 16)
    tiles = options(Tiles(32, 16))
    finished(field, tiles, tmp_path / "whole.csv")
    run = LargeRun(list(find_sources([str(field)])), tiles, tmp_path / "out.csv")
    assert run.begin() == 0
    answering = run.answer()
    assert [next(answering).number for _ in range(3)] == [0, 1, 2]
    answering.close()
    run.close()
    done = {path: path.stat().st_mtime_ns for path in run.work.tables()}
    assert [path.name for path in done] == ["00000000.parquet", "00000001.parquet", "00000002.parquet"]
    again = LargeRun(list(find_sources([str(field)])), tiles, tmp_path / "out.csv")
    assert again.begin() == 3
    assert len(list(again.answer())) == 15
    assert {path: path.stat().st_mtime_ns for path in done} == done
    again.finish()
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_parts_of_another_command_are_refused(field: Path, options, tmp_path: Path):
    output = tmp_path / "out.csv"
    sources = list(find_sources([str(field)]))
    unused = LargeRun(sources, options(Tiles(24)), output)
    unused.begin()
    unused.close()
    first = LargeRun(sources, options(Tiles(32)), output)
    assert first.begin() == 0
    next(first.answer())
    first.close()
    other = LargeRun(sources, options(Tiles(40)), output)
    with pytest.raises(OrganelleError, match=r"--tile was 32, is 40.*--force"):
        other.begin()
    assert len(list(first.work.tables())) == 1
    assert other.begin(force=True) == 0
    next(other.answer())
    other.close()
    field.write_bytes(field.read_bytes() + b"0")
    with pytest.raises(OrganelleError, match=r"field\.tif was .* bytes"):
        LargeRun(list(find_sources([str(field)])), options(Tiles(40)), output).begin()


def test_a_model_that_changed_on_the_way_is_refused(field: Path, options, tmp_path: Path):
    run = LargeRun(
        list(find_sources([str(field)])), replace(options(), weights="0" * 64), tmp_path / "out.csv"
    )
    run.begin()
    with pytest.raises(BundleError, match="was changed since the run began"):
        list(run.answer())


@pytest.fixture
def half(field: Path, options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Makes runs of one command, with 15 parts; the first three of the first one are done."""
    monkeypatch.setattr(Tiles, "part_size", 16)

    def make() -> LargeRun:
        return LargeRun(list(find_sources([str(field)])), options(Tiles(32, 16)), tmp_path / "out.csv")

    run = make()
    run.begin()
    answering = run.answer()
    assert [next(answering).number for _ in range(3)] == [0, 1, 2]
    answering.close()
    run.close()
    return make


def go_on(run: LargeRun) -> list[str]:
    """Finish a run; the parts that it left as they were."""
    before = {path: path.stat().st_ino for path in run.work.path.glob("[0-9]*.parquet")}
    run.begin()
    list(run.answer())
    kept = [path.name[7] for path, node in sorted(before.items()) if path.stat().st_ino == node]
    run.finish()
    return kept


@pytest.mark.parametrize("harm", ["emptied", "cut short", "damaged inside", "another plan's"])
def test_a_part_that_cant_be_trusted_is_computed_anew(half, field: Path, options, tmp_path: Path, harm: str):
    finished(field, options(Tiles(32, 16)), tmp_path / "whole.csv")
    run = half()
    part = run.work.path / "00000001.parquet"
    held = part.read_bytes()
    if harm == "another plan's":
        summary, table = run.work.summary(1), run.work.table(1)
        assert summary is not None
        replace(run.work, mark="0" * 32).write(summary, table.assign(called="wrong"))
        assert run.work.summary(1) is None
    else:
        middle = len(held) // 3
        inside = held[:middle] + bytes(200) + held[middle + 200 :]
        part.write_bytes({"emptied": b"", "cut short": held[:-9], "damaged inside": inside}[harm])
    assert go_on(run) == ["0", "2"]
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert not run.work.path.exists()


def test_a_plan_is_written_once_and_parts_do_without_it(half, options, tmp_path: Path, field: Path):
    run = half()
    plan = run.work.path / "plan.json"
    node = plan.stat().st_ino
    run.begin()
    run.close()
    assert plan.stat().st_ino == node
    plan.write_text("")
    other = LargeRun(run.sources, options(Tiles(40)), run.output)
    with pytest.raises(OrganelleError, match=r"parts of another run .* plan\.json can't be read"):
        other.begin()
    assert go_on(half()) == ["0", "1", "2"]


def test_a_second_run_to_the_same_output_is_refused(half):
    first, second = half(), half()
    first.begin()
    with pytest.raises(OrganelleError, match="Another run writes to"):
        second.begin(force=True)
    first.close()
    assert second.begin() == 3
    second.close()


def test_only_what_a_run_wrote_is_removed(half, tmp_path: Path):
    run = half()
    (tmp_path / "out.partial.csv").write_text("mine")
    (run.work.path / "notes.txt").write_text("mine too")
    with pytest.raises(OrganelleError, match=r"out\.partial\.csv is there already.* move it"):
        run.begin()
    assert run.begin(force=True) == 3
    list(run.answer())
    run.finish()
    assert (tmp_path / "out.partial.csv").read_text() == "mine"
    assert [path.name for path in run.work.path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("file", ["notes.txt", "plan.json"])
def test_a_folder_of_the_users_is_refused_and_stays(field: Path, options, tmp_path: Path, file: str):
    (tmp_path / "out.csv.parts").mkdir()
    mine = tmp_path / "out.csv.parts" / file
    mine.write_text('{"a": 1}')
    run = LargeRun(list(find_sources([str(field)])), options(Tiles(32)), tmp_path / "out.csv")
    with pytest.raises(OrganelleError, match="holds no parts of a run: move it"):
        run.begin(force=True)
    assert [path.name for path in mine.parent.iterdir()] == [file]


def test_a_partial_table_is_the_runs_until_somebody_changes_it(half, tmp_path: Path):
    run, table = half(), tmp_path / "out.partial.csv"
    run.begin()
    assert run.keep() == 48
    run.close()
    again = half()
    again.begin()
    assert again.keep() == 48
    again.close()
    with table.open("a") as file:
        file.write("a note of mine\n")
    with pytest.raises(OrganelleError, match="there already"):
        half().begin()
    assert table.read_text().endswith("a note of mine\n")


def test_a_table_that_appears_in_mid_run_stays_and_so_do_the_parts(half, tmp_path: Path):
    run = half()
    run.begin()
    list(run.answer())
    (tmp_path / "out.csv").write_text("mine")
    with pytest.raises(OrganelleError, match="Its parts are kept"):
        run.finish()
    run.close()
    assert (tmp_path / "out.csv").read_text() == "mine"
    (tmp_path / "out.csv").unlink()
    assert len(go_on(half())) == 15


@pytest.mark.parametrize("kind", ["folder", "list", "zarr"])
def test_an_image_that_was_replaced_between_stop_and_resume_is_refused(
    kind: str, crops, options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("napari_organelle.distribute.sources.LINES", 4)
    if kind == "folder":
        source = tmp_path / "plain"
        source.mkdir()
        for name in "ab":
            Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(source / f"{name}.png")
        image = source / "b.png"
    elif kind == "list":
        source = crops(6)
        image = sorted((source.parent / "plate01").iterdir())[-1]
    else:
        source = put_plate(tmp_path / "a.zarr", "0.5", {"B/2": [np.ones((2, 40, 40), np.uint8)]}, "cyx")
        image = next(path for path in source.rglob("c/**/0") if path.is_file())

    def make() -> LargeRun:
        return LargeRun(list(find_sources([str(source)])), options(), tmp_path / "out.csv")

    run = make()
    run.begin()
    next(run.answer())
    run.close()
    if kind == "zarr":
        (image.parents[4] / "labels").mkdir()
        (image.parents[4] / "labels" / "zarr.json").write_text("{}")
    make().work.begin(make().plan).release()
    image.write_bytes(image.read_bytes() + b"0")
    with pytest.raises(OrganelleError, match="holds the parts of another run"):
        make().begin()


COMMAND = """
import sys
from napari_organelle.cli import main
from napari_organelle.prepare.plans import Tiles
Tiles.part_size = 256
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_a_command_that_was_killed_goes_on(
    field: Path, tiny_bundle: ModelBundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    monkeypatch.setattr(Tiles, "part_size", 256)
    out = tmp_path / "out.csv"
    tiles = ("--regions", "tiles", "--tile", "32", "--stride", "4", "--batch", "4", "--device", "cpu")
    command = ["classify", str(field), "--model", str(tiny_bundle.path), *tiles]
    command += ["--channels", "cytosol=0,protein=1", "-o"]
    work = WorkFolder.beside(out, {})
    killed = [sys.executable, "-c", COMMAND, *command, str(out)]
    with subprocess.Popen(killed, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(lambda: len(list(work.path.glob("[0-9]*.parquet"))) >= 2)
        finally:
            process.kill()
    assert not out.exists()
    assert json.loads((work.path / "plan.json").read_text())["--tile"] == 32
    assert main([*command, str(out)]) == 0
    assert "going on with" in capsys.readouterr().err
    assert main([*command, str(tmp_path / "whole.csv")]) == 0
    assert out.read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert not work.path.exists()


@pytest.mark.slow
def test_two_workers_one_of_them_killed_give_the_same_bytes(
    field: Path, options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    pytest.importorskip("distributed")
    monkeypatch.setattr(Tiles, "part_size", 64)
    tiles = options(Tiles(32, 8))
    finished(field, tiles, tmp_path / "here.csv")
    run = LargeRun(list(find_sources([str(field)])), tiles, tmp_path / "there.csv")
    run.begin()
    with workers(2) as client:
        pids = client.run(os.getpid)
        assert len(set(pids.values())) == 2
        numbers = []
        for summary in run.answer(client):
            numbers.append(summary.number)
            if len(numbers) == 3:
                os.kill(next(iter(pids.values())), signal.SIGKILL)
        assert set(client.run(os.getpid).values()) != set(pids.values())
        assert set(client.run(signal.getsignal, signal.SIGINT).values()) == {signal.SIG_IGN}
    assert sorted(numbers) == list(range(14))
    run.finish()
    assert (tmp_path / "there.csv").read_bytes() == (tmp_path / "here.csv").read_bytes()


@pytest.mark.slow
def test_workers_answer_bands_of_dense_tiles_as_one_process_does(options, tmp_path: Path):
    pytest.importorskip("distributed")
    pixels = np.random.default_rng(0).integers(0, 4000, (1, 2, 1500, 64)).astype(np.uint16)
    field = tmp_path / "tall.tif"
    tifffile.imwrite(
        field, pixels, imagej=True, metadata={"axes": "ZCYX", "Labels": ["cytosol", "protein"] * len(pixels)}
    )
    tiles = options(Tiles(32, 8, dense=True))
    here = finished(field, tiles, tmp_path / "here.csv")
    with workers(2) as client:
        there = finished(field, tiles, tmp_path / "there.csv", client)
    tables = [pd.read_csv(tmp_path / f"{name}.csv") for name in ("here", "there")]
    pd.testing.assert_frame_equal(*tables, atol=1e-5)
    assert len(tables[0]) == 185 * 5
    assert there.agreement.note() == here.agreement.note()
    assert there.agreement.sampled == 15


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    stop = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < stop
        time.sleep(0.05)
