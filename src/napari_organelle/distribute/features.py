"""Features for training, computed on workers that fill the same cache."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_organelle.distribute.workers import on_workers
from napari_organelle.errors import TrainingError
from napari_organelle.model.engine.device import Device, choose_device, device_names
from napari_organelle.train.features import FeatureCache, FeatureJob, compute_features, weights_hash
from napari_organelle.train.stages import start_weights
from napari_organelle.train.trainset import TrainingPlan

if TYPE_CHECKING:
    from distributed import Client

WINDOWS = 2048
"""Windows of a part; a worker builds the network anew for each."""


@dataclass(frozen=True)
class FeaturePart:
    """Some of a job's windows; pickles to paths, windows and hashes.

    Parameters
    ----------
    plan : TrainingPlan
        Names the weights and the device.
    job : FeatureJob
        Some of the windows.
    folder : Path
        The cache's, on a disk that all workers and the user's process share.
    length : int
        Of a feature vector.
    """

    plan: TrainingPlan
    job: FeatureJob
    folder: Path
    length: int


@dataclass(frozen=True)
class WorkerFeatures:
    """Does what `train.features.compute_features` does, on workers.

    Parameters
    ----------
    client : Client
        Of dask.distributed.
    plan : TrainingPlan
        What is trained.
    """

    client: Client
    plan: TrainingPlan

    def __call__(
        self, job: FeatureJob, cache: FeatureCache, weights: Mapping[str, np.ndarray], device: Device
    ) -> Iterator[tuple[int, int]]:
        """As `compute_features`.

        Raises
        ------
        TrainingError
            If the workers' features are not in this process's cache.
        """
        missing = job.missing(cache)
        parts = (
            FeaturePart(self.plan, _with_rows(job, missing[row : row + WINDOWS]), cache.folder, cache.length)
            for row in range(0, len(missing), WINDOWS)
        )
        done = 0
        for count in on_workers(self.client, compute_part, parts):
            done += count
            yield done, len(missing)
        cache.refresh()
        if len(job.missing(cache)):
            raise TrainingError(
                f"The workers' features are not in {cache.folder}: name a folder that they share with this "
                "machine with --cache, or train without workers."
            )


def compute_part(part: FeaturePart) -> int:
    """Add the features of a part's windows to the cache; how many windows it has.

    Raises
    ------
    TrainingError
        If the weights here are not those that the features are kept under.
    """
    weights = start_weights(part.plan)
    if weights_hash(weights) != part.job.key.weights:
        raise TrainingError(
            "A worker has other weights to start from: install the same napari-organelle everywhere."
        )
    device = choose_device(device_names(part.plan.device)[0])
    cache = FeatureCache(part.folder, part.length)
    for _ in compute_features(part.job, cache, weights, device):
        pass
    return len(part.job.hashes)


def _with_rows(job: FeatureJob, rows: np.ndarray) -> FeatureJob:
    """Some windows of a job, with the items that they lie in."""
    examples = job.examples.take(rows)
    first, last = int(examples.windows[:, 0].min()), int(examples.windows[:, 0].max())
    windows = examples.windows - np.array([first, 0, 0, 0, 0])
    images = examples.image_set.span(first, last + 1)
    return replace(
        job,
        examples=replace(examples, image_set=images, windows=windows),
        hashes=job.hashes[rows],
        copies=job.copies[rows],
    )
