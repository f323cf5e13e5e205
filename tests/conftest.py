"""Shared fixtures; real images come from ../shared/data or from $NAPARI_ORGANELLE_DATA."""

import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("NAPARI_ORGANELLE_DATA", Path(__file__).parents[2] / "shared" / "data"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if DATA.is_dir():
        return
    skip = pytest.mark.skip(reason=f"no real images in {DATA}; set NAPARI_ORGANELLE_DATA")
    for item in items:
        if item.get_closest_marker("real_data"):
            item.add_marker(skip)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real images; for tests marked ``real_data``."""
    return DATA
