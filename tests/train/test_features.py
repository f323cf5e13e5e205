"""Features are the network's, read and prepared ahead, kept once, and taken up where a run stopped."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import dask.array as da
import numpy as np
import pytest

from napari_organelle.errors import ReadError
from napari_organelle.model.engine.device import choose_device
from napari_organelle.model.networks.plan import NetworkPlan
from napari_organelle.prepare.augment import Augmentation
from napari_organelle.prepare.pixels import PixelPlan
from napari_organelle.prepare.regions import slice_regions
from napari_organelle.read.image_set import ImageSet
from napari_organelle.train import features
from napari_organelle.train.examples import Examples
from napari_organelle.train.features import (
    FeatureCache,
    FeatureJob,
    FeatureKey,
    compile_extractor,
    compute_features,
    job_input,
)

NETWORK = NetworkPlan(width=1 / 16, blocks=(1, 2, 3), units=())
LENGTH = NETWORK.feature_count(32)
WEIGHTS = {
    name: np.random.default_rng(0).normal(0, 0.1, shape).astype(np.float32)
    for name, shape in NETWORK.weight_shapes(2, 32).items()
}


@pytest.fixture
def job(stripes_and_spots: ImageSet) -> FeatureJob:
    """Every image as it is, and the first 12 again, turned."""
    rows = np.concatenate([np.arange(72), np.arange(12)])
    windows = slice_regions(stripes_and_spots).windows[rows]
    names = np.full(len(rows), "")
    return FeatureJob(
        examples=Examples(stripes_and_spots, windows, names, names),
        hashes=np.array([b"%015d" % row for row in rows]),
        copies=np.repeat([0, 1], [72, 12]),
        indices=(1, 0),
        key=FeatureKey(NETWORK, PixelPlan(32, 32), ""),
        augmentation=Augmentation(flip_x=True, rotation=90),
        seed=0,
    )


def compute(job: FeatureJob, folder: Path, upto: int | None = None) -> list[tuple[int, int]]:
    """Reports of a run, closed after `upto` of them."""
    running = compute_features(job, FeatureCache(folder, LENGTH), WEIGHTS, choose_device("cpu", keras=True))
    reports = []
    for report in running:
        reports.append(report)
        if len(reports) == upto:
            running.close()
    return reports


@pytest.fixture
def batches_of_16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "fitting_batch", lambda *_: 16)
    monkeypatch.setattr(features, "SEGMENT_ROWS", 32)


@pytest.mark.usefixtures("batches_of_16")
def test_features_are_the_networks_and_are_computed_once(job: FeatureJob, tmp_path: Path):
    assert compute(job, tmp_path) == [(16, 84), (32, 84), (48, 84), (64, 84), (80, 84), (84, 84)]
    run = compile_extractor(job.key, WEIGHTS, choose_device("cpu", keras=True))
    kept = FeatureCache(tmp_path, LENGTH).read(job.keys())
    np.testing.assert_allclose(kept, run(job_input(job, np.arange(84))), rtol=1e-4, atol=1e-3)
    assert kept.std(axis=0).max() > 1
    assert not np.allclose(kept[:12], kept[72:])
    assert compute(job, tmp_path) == []


@pytest.mark.usefixtures("batches_of_16")
def test_a_stopped_run_goes_on_where_it_was(job: FeatureJob, tmp_path: Path):
    assert compute(job, tmp_path, upto=4)[-1] == (64, 84)
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("read ahead")]
    assert compute(job, tmp_path)[-1] == (52, 52)


@pytest.mark.usefixtures("batches_of_16")
def test_an_image_that_cannot_be_read_ends_the_run_and_keeps_what_was_done(job: FeatureJob, tmp_path: Path):
    images = job.examples.image_set

    def load(block_info: dict) -> np.ndarray:
        item = block_info[None]["chunk-location"][0]
        if item == 60:
            raise ReadError("60 is gone")
        return images.data[item : item + 1]

    lazy = da.map_blocks(load, chunks=((1,) * 72, 2, 32, 32), dtype=np.uint16, meta=images.data[:0])
    broken = replace(job, examples=replace(job.examples, image_set=replace(images, data=lazy)))
    with pytest.raises(ReadError, match="60 is gone"):
        compute(broken, tmp_path)
    assert compute(job, tmp_path)[-1] == (52, 52)


@pytest.mark.usefixtures("batches_of_16")
def test_a_full_memory_halves_the_batch(job: FeatureJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    sizes = []

    def limited(*_: object) -> Callable[[np.ndarray], np.ndarray]:
        def run(batch: np.ndarray) -> np.ndarray:
            sizes.append(len(batch))
            if len(batch) > 8:
                raise MemoryError("full")
            return np.zeros((len(batch), LENGTH), np.float32)

        return run

    monkeypatch.setattr(features, "compile_extractor", limited)
    assert compute(job, tmp_path)[-1] == (84, 84)
    assert sizes == [16] + [8] * 10 + [4]


@pytest.mark.usefixtures("batches_of_16")
@pytest.mark.parametrize("harm", ["swapped rows", "cut rows", "cut hashes"])
def test_damaged_features_are_computed_anew(job: FeatureJob, tmp_path: Path, harm: str):
    compute(job, tmp_path)
    kept = FeatureCache(tmp_path, LENGTH).read(job.keys())
    file = next(tmp_path.glob("*.hashes" if harm == "cut hashes" else "*.rows"))
    held = file.read_bytes()
    middle = len(held) // 2
    file.write_bytes(held[middle:] + held[:middle] if harm == "swapped rows" else held[:-7])
    assert 0 < len(job.missing(FeatureCache(tmp_path, LENGTH))) < 84
    assert compute(job, tmp_path)
    np.testing.assert_allclose(FeatureCache(tmp_path, LENGTH).read(job.keys()), kept, rtol=1e-4, atol=1e-3)
    assert compute(job, tmp_path) == []
