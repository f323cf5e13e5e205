import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_organelle.distribute import features
from napari_organelle.distribute.features import WorkerFeatures
from napari_organelle.errors import TrainingError
from napari_organelle.model.networks.plan import NetworkPlan
from napari_organelle.read.image_set import ImageSet
from napari_organelle.read.open import open_image_set
from napari_organelle.train.features import FeatureCache
from napari_organelle.train.recipes import DEFAULT, FitPlan
from napari_organelle.train.run import TrainingPlan, train

RECIPE = replace(
    DEFAULT,
    network=NetworkPlan(width=1 / 16, blocks=(1, 2, 3), units=(), dropout=0.1),
    head=FitPlan(epochs=2, batch_size=16, learning_rate=3e-3),
    input_size=32,
)


@pytest.fixture
def client() -> Iterator:
    """A client of two workers in this process."""
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, processes=False, threads_per_worker=1, dashboard_address=None, memory_limit=0
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture
def labelled(tmp_path: Path) -> ImageSet:
    """Two class folders of 24 crops each."""
    rng = np.random.default_rng(0)
    for name in ("spots", "stripes"):
        (tmp_path / "set" / name).mkdir(parents=True)
        for index in range(24):
            pixels = rng.integers(0, 90, (32, 32, 3)).astype(np.uint8)
            pixels[:: 4 if name == "stripes" else 15, ::2, 1] = 255
            Image.fromarray(pixels).save(tmp_path / "set" / name / f"{index}.png")
    return open_image_set(tmp_path / "set")


def plan(folder: Path, name: str) -> TrainingPlan:
    return TrainingPlan(
        output=folder / f"{name}.organelle", recipe=RECIPE, group_by="item", device="cpu", cache=folder / name
    )


def stored(folder: Path) -> dict[bytes, bytes]:
    """Every vector of a cache by its hash."""
    (place,) = folder.iterdir()
    cache = FeatureCache(place, RECIPE.network.feature_count(32))
    keys = sorted(cache._places)
    return {key: row.tobytes() for key, row in zip(keys, cache.read(keys), strict=True)}


def test_workers_fill_the_cache_as_this_process_does(
    client, labelled: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(features, "WINDOWS", 32)
    here, there = plan(tmp_path, "here"), plan(tmp_path, "there")
    list(train(here, labelled))
    reports = list(train(there, labelled, WorkerFeatures(client, there)))
    assert stored(tmp_path / "there").keys() == stored(tmp_path / "here").keys()
    for key, vector in stored(tmp_path / "here").items():
        np.testing.assert_allclose(
            np.frombuffer(stored(tmp_path / "there")[key], np.float32),
            np.frombuffer(vector, np.float32),
            rtol=1e-4,
            atol=1e-4,
        )
    told = [(report.epoch, report.total) for report in reports if report.stage == "features"]
    assert told[-1][0] == told[-1][1] == len(stored(tmp_path / "here"))


def test_a_part_is_paths_windows_and_hashes(client, labelled: ImageSet, tmp_path: Path, monkeypatch):
    seen = []

    def watch(_, function, parts):
        for part in parts:
            seen.append(len(pickle.dumps(part)))
            yield function(pickle.loads(pickle.dumps(part)))  # noqa: S301

    monkeypatch.setattr(features, "on_workers", watch)
    there = plan(tmp_path, "there")
    list(train(there, labelled, WorkerFeatures(client, there)))
    assert max(seen) < 50_000 < 48 * 32 * 32 * 3


def test_a_cache_that_is_not_shared_is_named(client, labelled: ImageSet, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(features, "compute_part", lambda part: len(part.job.hashes))
    there = plan(tmp_path, "there")
    with pytest.raises(TrainingError, match="name a folder that they share"):
        list(train(there, labelled, WorkerFeatures(client, there)))
