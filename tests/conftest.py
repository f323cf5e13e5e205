"""Shared fixtures; real images come from ../shared/data or from $NAPARI_ORGANELLE_DATA."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_organelle.model.bundle import ModelBundle, ModelSpec, OrganelleClass, save_bundle
from napari_organelle.model.networks.plan import NetworkPlan
from napari_organelle.prepare.channels import YEAST_SLOTS
from napari_organelle.prepare.pixels import PixelPlan

DATA = Path(os.environ.get("NAPARI_ORGANELLE_DATA", Path(__file__).parents[2] / "shared" / "data"))

STATUS = pytest.StashKey[int]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if DATA.is_dir():
        return
    skip = pytest.mark.skip(reason=f"no real images in {DATA}; set NAPARI_ORGANELLE_DATA")
    for item in items:
        if item.get_closest_marker("real_data"):
            item.add_marker(skip)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    session.config.stash[STATUS] = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave without C++'s destructors where both TensorFlow and a window were in this process.

    TensorFlow and Mesa, which draws the windows, both bring LLVM, and at exit its destructors free each
    other's memory: "free(): invalid pointer", after every test has been reported. The exit status stays.
    """
    if sys.platform == "linux" and {"tensorflow", "vispy"} <= sys.modules.keys():
        from pytest_xvfb import shutdown_xvfb

        shutdown_xvfb()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(config.stash.get(STATUS, 1))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real images; for tests marked ``real_data``."""
    return DATA


@pytest.fixture(scope="session")
def random_weights() -> Callable[[ModelSpec], dict[str, np.ndarray]]:
    """Make weights for a ModelSpec, always the same ones, with which the network tells images apart."""

    def make(spec: ModelSpec) -> dict[str, np.ndarray]:
        rng = np.random.default_rng(0)
        shapes = spec.network.weight_shapes(len(spec.classes), spec.pixels.input_size)
        weights = {
            name: (rng.normal(size=shape) * np.sqrt(2 / np.prod(shape[:-1]))).astype(np.float32)
            for name, shape in shapes.items()
        }
        if spec.network.head == "pooled":
            weights["standardise/moving_variance"] = np.full(
                shapes["standardise/moving_variance"], 900, np.float32
            )
        return weights

    return make


@pytest.fixture(scope="session")
def make_bundle(
    tmp_path_factory: pytest.TempPathFactory, random_weights: Callable[[ModelSpec], dict[str, np.ndarray]]
) -> Callable[..., ModelBundle]:
    """Make a small random model of three classes; takes changes of its ModelSpec."""

    def make(**changes: Any) -> ModelBundle:
        names = {"er": "#e41a1c", "nucleus": "#377eb8", "vacuole": "#4daf4a"}
        values: dict[str, Any] = {
            "name": "tiny",
            "classes": tuple(OrganelleClass(name, colour) for name, colour in names.items()),
            "task": "single",
            "slots": YEAST_SLOTS,
            "pixels": PixelPlan(input_size=32, window_px=32, pixel_size_um=0.1),
            "network": NetworkPlan(width=1 / 16, units=(16,)),
            "thresholds": (0.5,),
        }
        spec = ModelSpec(**(values | changes))
        return save_bundle(
            tmp_path_factory.mktemp("bundle") / f"{spec.name}.organelle", spec, random_weights(spec)
        )

    return make


@pytest.fixture(scope="session")
def tiny_bundle(make_bundle: Callable[..., ModelBundle]) -> ModelBundle:
    """A random model of three classes that answers in milliseconds."""
    return make_bundle()
