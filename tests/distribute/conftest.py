from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_organelle.distribute.options import PartOptions
from napari_organelle.model.bundle import ModelBundle
from napari_organelle.prepare.plans import Images, RegionPlan


@pytest.fixture
def field(tmp_path: Path) -> Path:
    """Two sections of a two-channel uint16 field of 160 x 224 pixels."""
    pixels = np.random.default_rng(0).integers(0, 4000, (2, 2, 160, 224)).astype(np.uint16)
    path = tmp_path / "field.tif"
    tifffile.imwrite(
        path, pixels, imagej=True, metadata={"axes": "ZCYX", "Labels": ["cytosol", "protein"] * len(pixels)}
    )
    return path


@pytest.fixture
def crops(tmp_path: Path) -> Callable[[int], Path]:
    """A DeepYeast list of so many lines, each with its PNG."""

    def make(count: int) -> Path:
        rng = np.random.default_rng(1)
        folder = tmp_path / "yeast"
        (folder / "plate01").mkdir(parents=True)
        names = [f"plate01/007013000-2-{index // 9}-{index}.png" for index in range(count)]
        for name in names:
            Image.fromarray(rng.integers(0, 255, (40, 40, 3)).astype(np.uint8)).save(folder / name)
        path = folder / "HOwt_test.txt"
        (folder / "HOwt_doc.txt").write_text("class;index\na;0\nb;1\n")
        path.write_text("".join(f"{name} {index % 2}\n" for index, name in enumerate(names)))
        return path

    return make


@pytest.fixture
def options(tiny_bundle: ModelBundle) -> Callable[..., PartOptions]:
    """Options on the CPU for the tiny model; takes the plan of the regions."""

    def make(regions: RegionPlan | None = None) -> PartOptions:
        return PartOptions(
            bundle=tiny_bundle,
            weights=tiny_bundle.sha256,
            regions=regions or Images(),
            channels="cytosol=0,protein=1",
            predict={"device": "cpu", "batch_size": 16},
        )

    return make
