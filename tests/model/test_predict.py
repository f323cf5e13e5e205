import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import dask.array as da
import keras
import numpy as np
import pytest

from napari_organelle.errors import ChannelError, DeviceError, ReadError, RegionError
from napari_organelle.model import predict as predicting
from napari_organelle.model.bundle import ModelBundle
from napari_organelle.model.engine.device import Device
from napari_organelle.model.engine.loaded import load as load_model
from napari_organelle.model.predict import collect, fitting_batch, notes_of, predict, read_ahead
from napari_organelle.prepare.channels import YEAST_SLOTS, ChannelMap
from napari_organelle.prepare.cut import cut
from napari_organelle.prepare.pixels import network_input
from napari_organelle.prepare.regions import Regions
from napari_organelle.read.image_set import Channel, ImageSet

CHANNELS = ChannelMap(YEAST_SLOTS, (0, 1), ("mCherry", "GFP"))


def crops(count: int) -> ImageSet:
    data = np.random.default_rng(0).integers(0, 4000, (count, 2, 40, 40)).astype(np.uint16)
    return ImageSet.from_array(data, (Channel("mCherry"), Channel("GFP")))


def whole(image_set: ImageSet) -> Regions:
    count, _, height, width = image_set.data.shape
    windows = np.array([[item, 0, 0, height, width] for item in range(count)], np.int64)
    return Regions("slices", windows, np.arange(1, count + 1))


def answers(bundle: ModelBundle, image_set: ImageSet, batch_size: int | None = None) -> np.ndarray:
    regions = whole(image_set)
    batches = predict(bundle, image_set, regions, CHANNELS, device="cpu", batch_size=batch_size)
    return collect(batches, regions, bundle).probabilities


def test_each_region_gets_what_the_network_says_of_its_prepared_pixels(tiny_bundle: ModelBundle):
    image_set = crops(5)
    regions = whole(image_set)
    batches = list(predict(tiny_bundle, image_set, regions, CHANNELS, device="cpu", batch_size=2))
    assert [(b.start, b.stop, b.total, b.note) for b in batches] == [
        (0, 2, 5, ""),
        (2, 4, 5, ""),
        (4, 5, 5, ""),
    ]
    raw = cut(image_set, regions.windows, CHANNELS.indices)
    inputs = network_input(raw, tiny_bundle.spec.pixels)
    logits = keras.ops.convert_to_numpy(load_model(tiny_bundle, "cpu").network(inputs, training=False))
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    prediction = collect(batches, regions, tiny_bundle)
    np.testing.assert_allclose(prediction.probabilities, expected, atol=1e-5)
    assert prediction.probabilities.std(axis=0).max() > 1e-3
    assert (prediction.model_id, prediction.class_names) == (tiny_bundle.id, ("er", "nucleus", "vacuole"))


@pytest.mark.parametrize("size", [1, 3, 8, 64, None])
def test_the_batch_size_does_not_change_the_answers(tiny_bundle: ModelBundle, size: int | None):
    image_set = crops(7)
    np.testing.assert_allclose(
        answers(tiny_bundle, image_set, size), answers(tiny_bundle, image_set, 7), atol=1e-6
    )


def test_lazy_pixels_and_pixels_in_memory_give_equal_answers(tiny_bundle: ModelBundle):
    image_set = crops(6)
    lazy = replace(image_set, data=da.from_array(image_set.data, chunks=(1, 1, 40, 40)))
    np.testing.assert_array_equal(answers(tiny_bundle, lazy), answers(tiny_bundle, image_set))


@pytest.mark.parametrize("size", [0, -1])
def test_a_batch_of_no_regions_is_refused(tiny_bundle: ModelBundle, size: int):
    with pytest.raises(RegionError, match=f"batch_size must be at least 1, not {size}"):
        answers(tiny_bundle, crops(2), size)


def test_one_pixel_has_no_contrast_and_no_answer(tiny_bundle: ModelBundle):
    image_set = ImageSet.from_array(np.ones((1, 2, 1, 1), np.uint16), (Channel("a"), Channel("b")))
    (batch,) = predict(tiny_bundle, image_set, whole(image_set), CHANNELS, device="cpu")
    assert np.isnan(batch.probabilities).all()
    assert notes_of([batch]) == ["1 not classified: no contrast in a channel that the model needs."]
    assert batch.unread == 0


def test_answers_that_are_no_numbers_are_told(make_bundle: Callable[..., ModelBundle], monkeypatch):
    bundle = make_bundle(name="overflowing")
    weights = {name: np.full_like(array, 3e38) for name, array in bundle.weights().items()}
    monkeypatch.setattr(ModelBundle, "weights", lambda self: weights)
    image_set = crops(2)
    (batch,) = predict(bundle, image_set, whole(image_set), CHANNELS, device="cpu")
    assert np.isnan(batch.probabilities).all()
    assert notes_of([batch])[0].startswith("2 not classified: the model's answer is no number")
    assert batch.unread == 2


def test_the_optional_slot_may_be_empty(tiny_bundle: ModelBundle):
    image_set = crops(3)
    regions = whole(image_set)
    empty = ChannelMap(YEAST_SLOTS, (None, 1), CHANNELS.channel_names)
    alone = collect(predict(tiny_bundle, image_set, regions, empty, device="cpu"), regions, tiny_bundle)
    image_set.data[:, 0] = 0
    np.testing.assert_array_equal(alone.probabilities, answers(tiny_bundle, image_set))


def test_a_missing_channel_and_bool_pixels_are_refused(tiny_bundle: ModelBundle):
    image_set = crops(2)
    without = ChannelMap(YEAST_SLOTS, (0, None), CHANNELS.channel_names)
    with pytest.raises(ChannelError, match="needs 'protein'; the file does not say"):
        list(predict(tiny_bundle, image_set, whole(image_set), without))
    flags = replace(image_set, data=image_set.data > 2000)
    with pytest.raises(ReadError, match="not bool"):
        list(predict(tiny_bundle, flags, whole(flags), CHANNELS))


def test_regions_that_cannot_be_read_are_nan_with_a_note_and_the_run_goes_on(tiny_bundle: ModelBundle):
    image_set = crops(6)
    good = answers(tiny_bundle, image_set)

    def load(block_info: dict) -> np.ndarray:
        item = block_info[None]["chunk-location"][0]
        if item == 2:
            raise ReadError("c.png: damaged")
        pixels = image_set.data[item : item + 1].astype(np.float32)
        pixels[:, 1, 5, 5] = np.nan if item == 4 else pixels[:, 1, 5, 5]
        return pixels

    lazy = da.map_blocks(
        load, chunks=((1,) * 6, 2, 40, 40), dtype=np.float32, meta=np.empty((0,) * 4, np.float32)
    )
    broken = replace(image_set, data=lazy, items=image_set.items.copy())
    broken.items.loc[0, "missing"] = "GFP"
    broken.items.loc[1, "missing"] = "mCherry"
    regions = whole(broken)
    batches = list(predict(tiny_bundle, broken, regions, CHANNELS, device="cpu", batch_size=3))
    assert notes_of(batches) == [
        "1 not classified: no GFP channel.",
        "1 not classified: image[2]: c.png: damaged.",
        "1 not classified: pixels that are NaN or infinite.",
    ]
    probabilities = collect(batches, regions, tiny_bundle).probabilities
    assert np.isnan(probabilities[[0, 2, 4]]).all()
    np.testing.assert_allclose(probabilities[[1, 3, 5]], good[[1, 3, 5]], atol=1e-5)


def test_no_regions_give_no_batches(tiny_bundle: ModelBundle):
    nothing = Regions("objects", np.empty((0, 5), np.int64), np.empty(0, np.int64))
    assert list(predict(tiny_bundle, crops(1), nothing, CHANNELS, device="cpu")) == []
    assert collect([], nothing, tiny_bundle).probabilities.shape == (0, 3)


def limit_memory(bundle: ModelBundle, rows: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Make the device's memory hold only `rows`; the list is filled with the batch sizes that were tried."""
    model = load_model(bundle, "cpu")
    error = predicting.out_of_memory_errors()[0]
    sizes: list[int] = []

    def probabilities(inputs: np.ndarray) -> np.ndarray:
        sizes.append(len(inputs))
        if len(inputs) > rows:
            raise error(None, None, "OOM") if keras.backend.backend() == "tensorflow" else error("OOM")
        return model.probabilities(inputs)

    limited = replace(model, probabilities=probabilities)
    monkeypatch.setattr(predicting, "load", lambda *_: limited)
    return sizes


def test_a_full_memory_halves_the_batch_and_says_so(
    tiny_bundle: ModelBundle, monkeypatch: pytest.MonkeyPatch
):
    image_set = crops(16)
    expected = answers(tiny_bundle, image_set)
    sizes = limit_memory(tiny_bundle, 3, monkeypatch)
    regions = whole(image_set)
    batches = list(predict(tiny_bundle, image_set, regions, CHANNELS, batch_size=8))
    assert [batch.note for batch in batches] == [
        "The device's memory was full: 2 regions at once now, no longer 8.",
        "",
    ]
    assert sizes == [8, 4] + [2] * 8
    np.testing.assert_allclose(collect(batches, regions, tiny_bundle).probabilities, expected, atol=1e-5)


def test_a_memory_that_holds_no_region_and_any_other_error_end_the_run(
    tiny_bundle: ModelBundle, monkeypatch: pytest.MonkeyPatch
):
    image_set = crops(4)
    limit_memory(tiny_bundle, 0, monkeypatch)
    with pytest.raises(DeviceError, match="does not hold a single region"):
        list(predict(tiny_bundle, image_set, whole(image_set), CHANNELS))

    def fail(_: np.ndarray) -> np.ndarray:
        raise RuntimeError("no out of memory")

    broken = replace(load_model(tiny_bundle), probabilities=fail)
    monkeypatch.setattr(predicting, "load", lambda *_: broken)
    with pytest.raises(RuntimeError, match="no out of memory"):
        list(predict(tiny_bundle, image_set, whole(image_set), CHANNELS))


def test_closing_stops_reading_and_keeps_what_is_done(tiny_bundle: ModelBundle):
    image_set = crops(1)
    read: list[int] = []

    def load(block_info: dict) -> np.ndarray:
        read.append(block_info[None]["chunk-location"][0])
        return image_set.data

    lazy = da.map_blocks(
        load, chunks=((1,) * 1000, 2, 40, 40), dtype=np.uint16, meta=np.empty((0,) * 4, np.uint16)
    )
    many = ImageSet.from_array(lazy, image_set.channels)
    regions = whole(many)
    run = predict(tiny_bundle, many, regions, CHANNELS, device="cpu", batch_size=4)
    done = [next(run), next(run)]
    run.close()
    threads = [thread.name for thread in threading.enumerate() if thread.name.startswith("read ahead")]
    assert threads == []
    probabilities = collect(done, regions, tiny_bundle).probabilities
    assert np.isfinite(probabilities[:8]).all()
    assert np.isnan(probabilities[8:]).all()


def count(upto: int, made: list[int]) -> Iterator[int]:
    for number in range(upto):
        made.append(number)
        yield number


def test_reading_ahead_keeps_the_order_and_is_bounded():
    made: list[int] = []
    ahead = read_ahead(count(20, made), 3)
    assert next(ahead) == 0
    time.sleep(0.1)
    assert len(made) == 4
    assert list(ahead) == list(range(1, 20))


def test_an_error_while_reading_ahead_is_raised_in_its_place():
    def broken() -> Iterator[int]:
        yield 1
        raise ReadError("gone")

    ahead = read_ahead(broken(), 3)
    assert next(ahead) == 1
    with pytest.raises(ReadError, match="gone"):
        next(ahead)


def test_batches_are_fitted_to_the_device():
    cpu, gpu = Device("cpu", "tensorflow", ""), Device("gpu:0", "tensorflow", "")
    assert fitting_batch(64, cpu) == 32
    assert fitting_batch(2048, cpu) == 1
    assert fitting_batch(224, gpu) == 256
    assert fitting_batch(32, gpu) == predicting.MAX_BATCH


@pytest.mark.parametrize(("gibibytes", "size"), [(2, 32), (8, 128), (24, 256), (80, 1024)])
def test_a_gpus_batch_grows_with_its_memory(gibibytes: int, size: int):
    gpu = Device("gpu:0", "tensorflow", "", "mixed_float16", gibibytes * 2**30)
    assert fitting_batch(224, gpu) == size


def test_a_bundle_saved_with_another_temperature_is_another_model(make_bundle: Callable[..., ModelBundle]):
    image_set = crops(4)
    sharp, soft = make_bundle(temperature=0.5), make_bundle(temperature=5.0)
    assert (answers(sharp, image_set).max(axis=1) > answers(soft, image_set).max(axis=1)).all()


def test_a_field_is_answered_by_the_mean_of_its_parts(make_bundle: Callable[..., ModelBundle]):
    bundle = make_bundle(name="fields")
    pixels = replace(bundle.spec.pixels, window_px=16, field_parts=2)
    bundle = replace(bundle, spec=replace(bundle.spec, pixels=pixels))
    image_set = crops(5)
    image_set.data[3, :, :20] = 7
    image_set.data[4] = 7
    quarters = [image_set.data[:, :, y : y + 20, x : x + 20] for y in (0, 20) for x in (0, 20)]
    tiles = ImageSet.from_array(np.concatenate(quarters), (Channel("mCherry"), Channel("GFP")))
    expected = answers(bundle, tiles).reshape(4, 5, 3)
    for size in (1, 3, 32):
        found = answers(bundle, image_set, size)
        np.testing.assert_allclose(found[:3], expected[:, :3].mean(axis=0), atol=1e-6)
        np.testing.assert_allclose(found[3], expected[2:, 3].mean(axis=0), atol=1e-6)
        assert np.isnan(found[4]).all()


def test_a_field_with_a_part_that_is_no_number_has_no_answer(make_bundle: Callable[..., ModelBundle]):
    bundle = make_bundle(name="fields")
    pixels = replace(bundle.spec.pixels, window_px=16, field_parts=2)
    bundle = replace(bundle, spec=replace(bundle.spec, pixels=pixels))
    data = crops(2).data.astype(np.float32)
    data[1, 1, 35, 5] = np.nan
    image_set = ImageSet.from_array(data, (Channel("mCherry"), Channel("GFP")))
    (batch,) = predict(bundle, image_set, whole(image_set), CHANNELS, device="cpu")
    assert np.isfinite(batch.probabilities).all(axis=1).tolist() == [True, False]
    assert notes_of([batch]) == ["1 not classified: pixels that are NaN or infinite."]


def test_a_reason_of_several_batches_is_told_once_with_its_count(tiny_bundle: ModelBundle):
    image_set = ImageSet.from_array(np.ones((5, 2, 40, 40), np.uint16), (Channel("a"), Channel("b")))
    batches = list(predict(tiny_bundle, image_set, whole(image_set), CHANNELS, device="cpu", batch_size=2))
    assert len(batches) == 3
    assert notes_of(batches) == ["5 not classified: no contrast in a channel that the model needs."]
