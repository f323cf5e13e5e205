"""A small labelled set, and a recipe that learns it in a second."""

from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_organelle.model.networks.plan import NetworkPlan
from napari_organelle.read.image_set import Channel, ImageSet
from napari_organelle.train.fitting import EpochReport
from napari_organelle.train.recipes import DEFAULT, FitPlan, Recipe
from napari_organelle.train.run import TrainingPlan, TrainingResult

TINY = replace(
    DEFAULT,
    network=NetworkPlan(width=1 / 16, blocks=(1, 2, 3), units=(), dropout=0.1),
    head=FitPlan(epochs=6, batch_size=16, learning_rate=3e-3),
    tuning=FitPlan(epochs=2, batch_size=16),
    input_size=32,
)


@pytest.fixture(scope="session")
def tiny_recipe() -> Recipe:
    return TINY


@pytest.fixture
def stripes_and_spots() -> ImageSet:
    """72 images of 32 x 32 pixels in 12 fields of their own; the protein is in stripes or in spots."""
    rng = np.random.default_rng(0)
    data = rng.normal(100, 10, (72, 2, 32, 32))
    labels = np.where(np.arange(72) // 6 % 2, "spots", "stripes")
    for image, label in zip(data[:, 1], labels, strict=True):
        if label == "stripes":
            image[:, rng.integers(4) :: 4] += 150
        else:
            image[tuple(rng.integers(2, 30, (2, 12)))] += 400
    images = ImageSet.from_array(
        data.astype(np.uint16), (Channel("cytosol", "red"), Channel("protein", "green"))
    )
    images.items["label"] = labels
    images.items["field"] = [str(field) for field in np.arange(72) // 6]
    return images


@pytest.fixture
def make_plan(tmp_path: Path) -> Callable[..., TrainingPlan]:
    """A plan with the tiny recipe that writes ``model.organelle``."""

    def make(**changes: Any) -> TrainingPlan:
        values: dict[str, Any] = {
            "output": tmp_path / "model.organelle",
            "recipe": TINY,
            "group_by": "field",
            "device": "cpu",
            "cache": tmp_path / "cache",
        }
        return TrainingPlan(**(values | changes))

    return make


@pytest.fixture(scope="session")
def finish() -> Callable[
    [Generator[EpochReport, None, TrainingResult]], tuple[list[EpochReport], TrainingResult]
]:
    """Run a training to its end: all reports, and the result."""

    def run(
        reports: Generator[EpochReport, None, TrainingResult],
    ) -> tuple[list[EpochReport], TrainingResult]:
        seen = []
        while True:
            try:
                seen.append(next(reports))
            except StopIteration as end:
                return seen, end.value

    return run
