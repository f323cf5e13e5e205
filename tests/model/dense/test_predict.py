import itertools
from collections.abc import Callable
from dataclasses import replace

import dask.array as da
import keras
import numpy as np
import pytest

from napari_organelle.errors import BundleError, DeviceError, ReadError, RegionError
from napari_organelle.model import predict as one_by_one
from napari_organelle.model.agreement import Agreement
from napari_organelle.model.bundle import ModelBundle, save_bundle
from napari_organelle.model.classify import predict_regions
from napari_organelle.model.dense import predict as sharing
from napari_organelle.model.dense.compare import compare, placement_note
from napari_organelle.model.dense.network import build_dense_extractor
from napari_organelle.model.engine.device import Device
from napari_organelle.model.engine.loaded import LoadedModel
from napari_organelle.model.engine.loaded import load as load_model
from napari_organelle.model.networks.keras_models import assign_weights, build_backbone
from napari_organelle.model.networks.plan import NetworkPlan
from napari_organelle.model.predict import collect, notes_of
from napari_organelle.model.prediction import Prediction
from napari_organelle.model.scoring.calibrate import probabilities
from napari_organelle.prepare import dense as blocks
from napari_organelle.prepare.channels import YEAST_SLOTS, ChannelMap
from napari_organelle.prepare.pixels import PixelPlan
from napari_organelle.prepare.regions import Regions, slice_regions, tile_regions
from napari_organelle.read.image_set import Channel, ImageSet

CHANNELS = ChannelMap(YEAST_SLOTS, (0, 1), ("mCherry", "GFP"))
RAW_RANGE = PixelPlan(input_size=32, window_px=32, scaling="dtype")


def fields(count: int, height: int, width: int) -> ImageSet:
    data = np.random.default_rng(0).integers(0, 255, (count, 2, height, width)).astype(np.uint8)
    return ImageSet.from_array(data, (Channel("mCherry"), Channel("GFP")))


def answers(bundle: ModelBundle, images: ImageSet, regions: Regions, dense: bool) -> np.ndarray:
    run = predict_regions(bundle, images, regions, CHANNELS, device="cpu", dense=dense)
    return collect(run, regions, bundle).probabilities


@pytest.fixture(scope="module")
def without_neighbours(
    make_bundle: Callable[..., ModelBundle], tmp_path_factory: pytest.TempPathFactory
) -> ModelBundle:
    """A network whose convolutions look at single pixels, so that what lies around a tile does not count."""
    bundle = make_bundle(pixels=RAW_RANGE)
    weights = bundle.weights()
    for name, array in weights.items():
        if array.ndim == 4:
            weights[name] = np.where(np.arange(9).reshape(3, 3, 1, 1) == 4, 3 * array, 0).astype(np.float32)
    return save_bundle(tmp_path_factory.mktemp("bundle") / "alone.organelle", bundle.spec, weights)


@pytest.mark.parametrize("tile", [32, 48])
def test_without_neighbours_the_dense_way_is_exact(
    without_neighbours: ModelBundle, tile: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(blocks, "BLOCK_PX", 128)
    images = fields(2, 6 * tile, 5 * tile)
    images.items.loc[1, "height"] = 4 * tile
    regions = tile_regions([(6 * tile, 5 * tile), (4 * tile, 5 * tile)], tile, tile // 2)
    exact, dense = (answers(without_neighbours, images, regions, way) for way in (False, True))
    assert exact.std(axis=0).max() > 0.01
    np.testing.assert_allclose(dense, exact, atol=2e-5)


def test_the_network_pools_each_tile_from_the_blocks_own_maps(tiny_bundle: ModelBundle):
    spec, weights = tiny_bundle.spec, tiny_bundle.weights()
    image = np.random.default_rng(1).random((1, 96, 128, 3), np.float32)
    tops, lefts = np.float32([[16, 32, 55]]), np.float32([[0, 48]])
    extractor, backbone = build_dense_extractor(spec.network, 32), build_backbone(spec.network)
    for model in (extractor, backbone):
        assign_weights(model, weights)
    maps = [keras.ops.convert_to_numpy(each)[0] for each in backbone(image)]
    pooled = []
    for top in tops[0]:
        for left in lefts[0]:
            parts = []
            for block in spec.network.blocks:
                step = spec.network.strides()[block - 1]
                y, x = round(top / step), round(left / step)
                part = maps[block - 1][y : y + 32 // step, x : x + 32 // step]
                parts += [part.mean(axis=(0, 1)), part.max(axis=(0, 1))]
            pooled.append(np.concatenate(parts))
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(extractor([image, tops, lefts])), pooled, rtol=1e-4, atol=1e-4
    )


def test_reports_come_in_order_and_the_last_says_how_well_it_agrees(
    tiny_bundle: ModelBundle, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(blocks, "BLOCK_PX", 128)
    images, regions = fields(1, 200, 200), tile_regions((200, 200), 32, 8)
    reports = list(predict_regions(tiny_bundle, images, regions, CHANNELS, device="cpu", dense=True))
    whole = [report for report in reports if report.stop > report.start]
    assert [report.start for report in whole] == [0, *(report.stop for report in whole[:-1])]
    assert whole[-1].stop == len(regions) == 22 * 22
    assert {report.total for report in reports} == {484}
    assert [report.agreement is not None for report in whole] == [False] * (len(whole) - 1) + [True]
    assert len(reports) > 2 * len(whole)
    exact = answers(tiny_bundle, images, regions, dense=False)
    rows = sharing.sample_rows(regions, np.array([(200, 200)]))
    apart = np.abs(exact - collect(reports, regions, tiny_bundle).probabilities)[rows].mean()
    assert f"of {len(rows)} sampled tiles called as exactly" in whole[-1].agreement.note()
    assert f"mean difference of probabilities {apart:.3f}." in whole[-1].agreement.note()


def test_what_cannot_be_read_is_reported_as_in_the_exact_way(without_neighbours: ModelBundle):
    images = fields(4, 64, 64)
    good = answers(without_neighbours, images, tile_regions([(64, 64)] * 4, 32, 16), dense=True)

    def load(block_info: dict) -> np.ndarray:
        item = block_info[None]["chunk-location"][0]
        if item == 2:
            raise ReadError("c.png: damaged")
        pixels = (images.data[item : item + 1] / 255).astype(np.float32)
        pixels[:, 1, 60, 60] = np.nan if item == 1 else pixels[:, 1, 60, 60]
        return pixels

    chunks = ((1,) * 4, 2, 64, 64)
    lazy = da.map_blocks(load, chunks=chunks, dtype=np.float32, meta=np.empty((0,) * 4, np.float32))
    broken = replace(images, data=lazy, items=images.items.copy())
    broken.items.loc[0, "missing"] = "GFP"
    regions = tile_regions([(64, 64)] * 4, 32, 16)
    reports = list(predict_regions(without_neighbours, broken, regions, CHANNELS, device="cpu", dense=True))
    assert notes_of(reports)[:3] == [
        "9 not classified: no GFP channel.",
        "1 not classified: pixels that are NaN or infinite.",
        "9 not classified: image[2]: c.png: damaged.",
    ]
    told = collect(reports, regions, without_neighbours).probabilities
    lost = np.r_[0:9, 17, 18:27]
    assert np.isnan(told[lost]).all()
    np.testing.assert_allclose(np.delete(told, lost, 0), np.delete(good, lost, 0), atol=1e-4)


def test_what_cannot_be_shared_is_refused(make_bundle: Callable[..., ModelBundle], tiny_bundle: ModelBundle):
    images = fields(1, 64, 64)
    with pytest.raises(RegionError, match="for tiles, not for slices"):
        next(predict_regions(tiny_bundle, images, slice_regions(images), CHANNELS, device="cpu", dense=True))
    seed = make_bundle(network=NetworkPlan(width=1 / 16, head="notebook2019"))
    with pytest.raises(BundleError, match="the head of the 2019 notebooks"):
        next(predict_regions(seed, images, tile_regions((64, 64), 32), CHANNELS, device="cpu", dense=True))


def test_a_device_without_keras_leaves_the_convolutions_to_the_cpu(
    without_neighbours: ModelBundle, monkeypatch: pytest.MonkeyPatch
):
    images, regions = fields(1, 64, 64), tile_regions((64, 64), 32, 16)
    expected = answers(without_neighbours, images, regions, dense=True)
    loaded: list[str] = []
    monkeypatch.setattr(sharing, "choose_device", lambda _: Device("openvino", "openvino", ""))

    def load_on_cpu(bundle: ModelBundle, name: str) -> LoadedModel:
        loaded.append(name)
        return load_model(bundle, "cpu")

    for module in (sharing, one_by_one):
        monkeypatch.setattr(module, "load", load_on_cpu)
    run = predict_regions(without_neighbours, images, regions, CHANNELS, device="openvino", dense=True)
    np.testing.assert_allclose(collect(run, regions, without_neighbours).probabilities, expected, atol=1e-6)
    assert loaded == ["cpu", "openvino"]


def test_where_the_memory_is_full_blocks_are_halved(
    without_neighbours: ModelBundle, monkeypatch: pytest.MonkeyPatch
):
    images, regions = fields(1, 200, 64), tile_regions((200, 64), 32, 16)
    expected = answers(without_neighbours, images, regions, dense=True)
    run = sharing.compile_logits(load_model(without_neighbours, "cpu"))
    shapes = []

    def small(image: np.ndarray, *starts: np.ndarray) -> np.ndarray:
        shapes.append(image.shape)
        if image.shape[1] > 150:
            raise MemoryError
        return run(image, *starts)

    monkeypatch.setattr(sharing, "compile_logits", lambda _: small)
    reports = list(predict_regions(without_neighbours, images, regions, CHANNELS, device="cpu", dense=True))
    assert [shape[1] for shape in shapes] == [240, 144, 136]
    assert reports[-1].note == "The device's memory was full: 6 rows of tiles at once now."
    np.testing.assert_allclose(
        collect(reports, regions, without_neighbours).probabilities, expected, atol=2e-5
    )


def test_one_view_is_compared_with_the_views_that_the_model_has(tiny_bundle: ModelBundle):
    images, regions = fields(1, 96, 96), tile_regions((96, 96), 32, 16)
    told = answers(tiny_bundle, images, regions, dense=True)
    many = tiny_bundle.with_views(8)
    report = list(predict_regions(many, images, regions, CHANNELS, device="cpu", dense=True))[-1]
    np.testing.assert_allclose(report.probabilities, told, atol=1e-6)
    row = sharing.sample_rows(regions, np.array([(96, 96)]))
    few = replace(regions, windows=regions.windows[row], ids=regions.ids[row])
    apart = [
        np.abs(answers(bundle, images, few, dense=False) - told[row]).mean() for bundle in (many, tiny_bundle)
    ]
    assert report.agreement.apart == pytest.approx(apart[0], rel=1e-3)
    assert abs(apart[0] - apart[1]) > 1e-4


def test_the_sample_does_not_depend_on_how_tiles_are_cut(monkeypatch: pytest.MonkeyPatch):
    sizes = np.array([(300, 217), (60, 130)])
    whole = sharing.sample_rows(tile_regions(sizes, 32, 4), sizes)
    counts = [68 * 48, 8 * 26]
    assert [int((whole < counts[0]).sum()), int((whole >= counts[0]).sum())] == [51, 4]
    cuts = [0, 30 * 48, 68 * 48, sum(counts)]
    parts = [
        sharing.sample_rows(tile_regions(sizes, 32, 4, start, stop), sizes) + start
        for start, stop in itertools.pairwise(cuts)
    ]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    monkeypatch.setattr(sharing, "SAMPLE", 10)
    assert len(sharing.sample_rows(tile_regions(sizes, 32, 4), sizes)) == 10 + 4


def test_a_memory_that_holds_no_block_ends_the_run(tiny_bundle: ModelBundle, monkeypatch: pytest.MonkeyPatch):
    error = sharing.out_of_memory_errors()[0]

    def full(*_: np.ndarray) -> np.ndarray:
        raise error(None, None, "OOM") if keras.backend.backend() == "tensorflow" else error("OOM")

    monkeypatch.setattr(sharing, "compile_logits", lambda _: full)
    with pytest.raises(DeviceError, match="does not hold a row of a block's tiles"):
        list(
            predict_regions(
                tiny_bundle, fields(1, 64, 64), tile_regions((64, 64), 32), CHANNELS, device="cpu", dense=True
            )
        )


def test_notes_give_the_figures_and_what_to_do(tiny_bundle: ModelBundle):
    spec = replace(tiny_bundle.spec, pixels=PixelPlan(224, 256))
    assert placement_note(tile_regions((512, 512), 256, 128), spec) == ""
    note = placement_note(tile_regions((512, 512), 256, 64), spec)
    assert "nearest 18.3 px" in note
    assert "with a stride of 128 px or a multiple" in note
    told = probabilities(np.eye(3)[np.arange(100) % 3] * 5, "single")
    exact = Prediction(tile_regions((176, 176), 32, 16), told, spec.class_names, "single", "")
    assert compare(exact, told, tiny_bundle.spec).note() == (
        "Dense: 100 of 100 sampled tiles called as exactly, 100 of the 100 that are not unsure; "
        "mean difference of probabilities 0.000."
    )
    other = told.copy()
    other[:3] = other[1:4]
    worse = compare(exact, other, tiny_bundle.spec)
    assert "97 of 100" in worse.note()
    assert worse.note().endswith("That is below 98%: for these images use the exact way.")
    unfit = replace(exact, regions=tile_regions((140, 140), 32, 12))
    both = worse + compare(unfit, told, tiny_bundle.spec) + Agreement()
    assert both.note().startswith("Dense: the coarsest features are taken to the nearest 16 px")
    assert "197 of 200 sampled tiles called as exactly, 197 of the 200 that are not unsure" in both.note()
    assert both.apart == pytest.approx(np.abs(other - told).mean(axis=1).sum())
