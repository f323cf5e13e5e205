"""The recipes of docs/extending.md are true: toys are added by them alone."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
import tifffile

from napari_organelle import Channel, ImageSet, classify, open_image_set
from napari_organelle.cli import main, region_options
from napari_organelle.model.bundle import ModelBundle
from napari_organelle.model.engine.loaded import load
from napari_organelle.model.engine.openvino import compile_openvino
from napari_organelle.model.networks import plan as networks
from napari_organelle.model.networks.backbone import Backbone, scaled
from napari_organelle.model.networks.layers import Layers
from napari_organelle.model.onnx.export import export_onnx
from napari_organelle.prepare.plans import RegionPlan
from napari_organelle.prepare.regions import Regions, item_sizes
from napari_organelle.read import open as door

EXTENDING = Path(__file__).parents[1] / "docs" / "extending.md"


@dataclass(frozen=True)
class Corners(RegionPlan):
    """A toy kind of region: the four corners of every image."""

    kind: ClassVar[str] = "corners"
    noun: ClassVar[str] = "corner"

    window: int = 0

    def sized(self, window: int) -> "Corners":
        return Corners(self.window or window)

    def count(self, images: ImageSet) -> int:
        return 4 * len(images)

    def make(
        self,
        images: ImageSet,
        *,
        start: int = 0,
        stop: int | None = None,
        first: int = 0,
        channels: Any = None,
    ) -> Regions:
        side = self.window
        corners = [
            (item, y, x, side, side)
            for item, (height, width) in enumerate(item_sizes(images).tolist())
            for y in (0, height - side)
            for x in (0, width - side)
        ]
        return Regions(self.kind, np.array(corners)[start:stop], np.arange(len(corners))[start:stop])


def read_table(path: Path) -> ImageSet:
    """A toy format: numbers in a text file, one channel."""
    pixels = np.loadtxt(path)[None, None].astype(np.uint16)
    return ImageSet.from_array(pixels, (Channel("GFP", "green"),), name=path.name, source=path)


def test_a_kind_of_region_is_a_plan_and_a_line(
    tmp_path: Path, tiny_bundle: ModelBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = np.random.default_rng(0).integers(0, 4000, (2, 2, 64, 96)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "field.tif", pixels, imagej=True, metadata={"axes": "ZCYX"})
    monkeypatch.setitem(region_options.PLANS, "corners", lambda args: Corners())
    monkeypatch.setattr(Corners, "part_size", 4)
    channels = "cytosol=0,protein=1"
    options = ["--regions", "corners", "--model", str(tiny_bundle.path), "--channels", channels]
    output = tmp_path / "out.csv"
    assert (
        main(["classify", str(tmp_path / "field.tif"), *options, "--device", "cpu", "-o", str(output)]) == 0
    )
    table = classify(
        tmp_path / "field.tif", tiny_bundle, Corners(), channels=channels, device="cpu"
    ).to_frame()
    assert len(table) == 8
    written = pd.read_csv(output)
    assert written["called"].tolist() == table["called"].tolist()
    assert written[["y", "x"]].to_numpy().tolist() == table[["y", "x"]].to_numpy().tolist()


class Toy(Backbone):
    """A toy backbone: three convolutions, one a block."""

    name = "toy"
    title = "Toy"
    block_count = 3
    min_input_size = 8

    def begin(self, layers: Layers, image: Any) -> Any:
        return layers.rescale(image, 2.0, [-1.0] * 3)

    def block(self, layers: Layers, x: Any, number: int, width: float) -> Any:
        if number > 1:
            x = layers.max_pool(x, f"pool{number}")
        return layers.convolution(x, f"conv{number}", scaled(8 * number, width))


def test_a_backbone_is_a_class_and_a_line(
    make_bundle: Callable[..., ModelBundle], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(networks.BACKBONES, Toy.name, Toy())
    plan = networks.NetworkPlan(architecture="toy", blocks=(2, 3), units=())
    assert plan.strides() == (1, 2, 4)
    assert plan.block_layers() == (("conv1",), ("conv2",), ("conv3",))
    assert plan.multiplications(3, 32) == 9 * (1024 * 3 * 8 + 256 * 8 * 16 + 64 * 16 * 24) + 80 * 3
    bundle = ModelBundle.open(make_bundle(network=plan).path)
    assert bundle.spec.network == plan
    batch = np.random.default_rng(0).random((4, 32, 32, 3), np.float32)
    probabilities, features = load(bundle, "cpu").answers(batch)
    assert features.shape == (4, plan.feature_count(32)) == (4, 80)
    pytest.importorskip("openvino")
    if find_spec("onnx"):
        exported = ModelBundle.open(export_onnx(bundle, tmp_path / "toy.onnx")[0])
        np.testing.assert_allclose(load(exported).probabilities(batch), probabilities, atol=1e-5)
    run = compile_openvino(bundle.spec, bundle.weights(), "float32")
    np.testing.assert_allclose(run(batch, False)[0], probabilities, atol=1e-5)
    np.testing.assert_allclose(run(batch, True)[1], features, rtol=1e-4, atol=1e-4)


def test_a_reader_is_a_module_and_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savetxt(tmp_path / "a.numbers", np.arange(6).reshape(2, 3))
    reader = door.Reader(lambda path: path.suffix == ".numbers", read_table)
    monkeypatch.setattr(door, "READERS", (reader, *door.READERS))
    images = open_image_set(tmp_path / "a.numbers")
    assert images.read(0).tolist() == [[[0, 1, 2], [3, 4, 5]]]


def test_the_recipes_touch_few_files() -> None:
    wanted = {"A backbone": 3, "A kind of region": 4, "A kind of result": 3, "A reader": 2}
    recipes = dict(part.split("\n", 1) for part in EXTENDING.read_text("utf-8").split("\n## ")[1:])
    steps = {name: len(re.findall(r"^\d\. `", recipes[name], re.MULTILINE)) for name in wanted}
    assert all(0 < steps[name] <= limit for name, limit in wanted.items()), steps


def test_the_recipes_name_files_that_are_there() -> None:
    named = [part for part in EXTENDING.read_text("utf-8").split("`")[1::2] if part.endswith(".py")]
    source = Path(door.__file__).parents[1]
    old = [name for name in named if "NAME" not in name and not name.startswith("tests/")]
    assert old
    assert [name for name in old if not (source / name).is_file()] == []
