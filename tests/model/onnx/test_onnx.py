"""Models as ONNX: ours written and read again, other people's opened, and what is refused."""

import hashlib
import io
import json
import pickle
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from napari_organelle import Channel, ImageSet, Tiles, classify
from napari_organelle.cli import main
from napari_organelle.errors import BundleError, DeviceError, OrganelleError
from napari_organelle.model.bundle import ModelBundle, find_bundles, open_bundle, save_bundle
from napari_organelle.model.dense.predict import dense_problem
from napari_organelle.model.engine.loaded import load
from napari_organelle.model.engine.openvino import compile_openvino
from napari_organelle.model.networks.plan import NetworkPlan
from napari_organelle.model.onnx.export import export_onnx
from napari_organelle.model.predict import answer
from napari_organelle.prepare.channels import HPA_SLOTS
from napari_organelle.prepare.pixels import usual_mixing

pytest.importorskip("openvino")
onnx = pytest.importorskip("onnx")

SIDE = 16
NAMES = ["er", "nucleus", "vacuole"]
DESCRIPTION = {
    "format_version": 1,
    "classes": NAMES,
    "task": "single",
    "slots": ["cytosol", "protein"],
    "input_size": SIDE,
    "scaling": "dtype",
    "output": "logits",
}
PLANS = [
    NetworkPlan(width=1 / 16, units=(16,)),
    NetworkPlan(width=1 / 8, blocks=(1, 4), units=()),
    NetworkPlan(width=1 / 16, head="notebook2019"),
]


def images(side: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).random((5, side, side, channels), np.float32)


def put_network(
    path: Path,
    *,
    batch: int | str = "batch",
    layout: str = "NCHW",
    channels: int = 2,
    classes: int = 3,
    before: list[Any] = [],  # noqa: B006
    after: list[Any] = [],  # noqa: B006
    domain: str = "",
) -> np.ndarray:
    """A network of somebody else's: each channel's mean over the image, and a matrix. Returns the matrix."""
    kernel = np.random.default_rng(1).normal(size=(channels, classes)).astype(np.float32)
    float_, info = onnx.TensorProto.FLOAT, onnx.helper.make_tensor_value_info
    make = onnx.helper.make_node
    axes = [2, 3] if layout == "NCHW" else [1, 2]
    shape = [channels, SIDE, SIDE] if layout == "NCHW" else [SIDE, SIDE, channels]
    nodes = [
        *before,
        make("ReduceMean", ["image"], ["means"], axes=axes, keepdims=0),
        make("MatMul", ["means", "kernel"], ["product"]),
        *(after or [make("Identity", ["product"], ["answer"])]),
    ]
    graph = onnx.helper.make_graph(
        nodes,
        "foreign",
        [info("image", float_, [batch, *shape])],
        [info("answer", float_, [batch, classes])],
        [onnx.numpy_helper.from_array(kernel, "kernel")],
    )
    opsets = [onnx.helper.make_opsetid(name, 17 if not name else 1) for name in {"", domain}]
    path.write_bytes(onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())
    return kernel


def describe(path: Path, **changes: Any) -> None:
    values = {name: value for name, value in (DESCRIPTION | changes).items() if value is not None}
    path.with_suffix(".json").write_text(json.dumps(values))


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits)
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("task", ["single", "multi"])
def test_an_exported_model_answers_as_the_bundle(
    make_bundle: Callable[..., ModelBundle], tmp_path: Path, plan: NetworkPlan, task: str
) -> None:
    thresholds = (0.6,) * (1 if task == "single" else 3)
    temperature = 40 if plan.head == "notebook2019" else 1.7
    bundle = make_bundle(network=plan, task=task, thresholds=thresholds, temperature=temperature)
    path, _ = export_onnx(bundle, tmp_path / "mine.onnx", licence="CC0")
    opened = ModelBundle.open(path)
    assert (opened.spec.classes, opened.spec.slots) == (bundle.spec.classes, bundle.spec.slots)
    assert opened.spec.pixels == replace(bundle.spec.pixels, mixing=((1, 0), (0, 1), (0, 0)))
    assert (opened.spec.thresholds, opened.spec.provenance["licence"]) == (thresholds, "CC0")
    expected, features = compile_openvino(bundle.spec, bundle.weights(), "float32")(images(32), True)
    model = load(opened)
    assert (model.device.name, model.device.precision, model.network) == ("openvino", "float32", None)
    assert expected.std(axis=0).max() > 1e-3
    np.testing.assert_allclose(model.probabilities(images(32)), expected, atol=1e-5)
    np.testing.assert_allclose(model.answers(images(32))[1], features, rtol=1e-4, atol=1e-4)


def test_an_exported_model_is_standard_onnx(tiny_bundle: ModelBundle, tmp_path: Path) -> None:
    """Another runtime, ONNX's own reference, reads it and says the same."""
    path, beside = export_onnx(tiny_bundle, tmp_path / "mine.onnx")
    onnx.checker.check_model(onnx.load(path), full_check=True)
    from onnx.reference import ReferenceEvaluator

    logits, _ = ReferenceEvaluator(str(path)).run(None, {"image": images(32).transpose(0, 3, 1, 2)})
    expected = compile_openvino(tiny_bundle.spec, tiny_bundle.weights(), "float32")(images(32), False)[0]
    temperature = json.loads(beside.read_text())["temperature"]
    np.testing.assert_allclose(softmax(logits / temperature), expected, atol=1e-5)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_the_usual_colours_are_written_as_a_mixing(
    make_bundle: Callable[..., ModelBundle], tmp_path: Path, count: int
) -> None:
    bundle = make_bundle(slots=HPA_SLOTS[:count])
    opened = ModelBundle.open(export_onnx(bundle, tmp_path / "m.onnx")[0])
    pixels = np.random.default_rng(0).integers(0, 4000, (2, count, 48, 48)).astype(np.uint16)
    image_set = ImageSet.from_array(pixels, tuple(Channel(slot.name) for slot in HPA_SLOTS[:count]))
    answers = [classify(image_set, each, device="openvino").probabilities for each in (bundle, opened)]
    np.testing.assert_allclose(*answers, atol=0.02)  # ours may multiply in 16 bits
    assert len(usual_mixing(count)) == 3


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("batch", ["batch", 1, 2])
def test_a_foreign_network_opens_and_classifies(tmp_path: Path, layout: str, batch: int | str) -> None:
    path = tmp_path / "their model.onnx"
    kernel = put_network(path, batch=batch, layout=layout)
    describe(path, layout=layout, mean=[0.2, 0.25], std=[0.02, 0.02], temperature=2)
    model = open_bundle(path)
    assert model.spec.name == "their-model"
    assert model.spec.class_names == tuple(NAMES)
    assert pickle.loads(pickle.dumps(model)) == model  # noqa: S301
    rng = np.random.default_rng(0)
    tile = rng.integers(0, 60000, (SIDE, SIDE)).astype(np.uint16)
    pixels = np.kron(rng.random((1, 2, 2, 3)), tile).astype(np.uint16)
    image_set = ImageSet.from_array(pixels, (Channel("cytosol"), Channel("protein")))
    answers = classify(image_set, model, Tiles(), device="auto")
    tiles = (pixels[0] / 65535).reshape(2, 2, SIDE, 3, SIDE).mean(axis=(2, 4)).reshape(2, 6).T
    expected = softmax((tiles - [0.2, 0.25]) / [0.02, 0.02] @ kernel / 2)
    np.testing.assert_allclose(answers.probabilities, expected, atol=1e-5)
    assert answers.to_frame()["called"].nunique() > 1


def test_the_command_line_writes_and_classifies(
    tiny_bundle: ModelBundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    import pandas as pd
    import tifffile

    monkeypatch.setenv("NAPARI_ORGANELLE_MODELS", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    command = ["export-model", str(tiny_bundle.path), "tiny.onnx"]
    assert main([*command, "--licence", "CC BY 4.0"]) == 0
    assert json.loads(Path("tiny.json").read_text())["licence"] == "CC BY 4.0"
    before = Path("tiny.onnx").read_bytes()
    Path("tiny.json").unlink()
    assert main(command) == 2
    assert "add --force" in capsys.readouterr().err
    assert not Path("tiny.json").exists()
    assert main([*command, "--force"]) == 0
    assert Path("tiny.onnx").read_bytes() == before
    assert find_bundles()["tiny.onnx"] == tmp_path / "tiny.onnx"
    pixels = np.random.default_rng(0).integers(0, 4000, (2, 64, 96)).astype(np.uint16)
    tifffile.imwrite("field.tif", pixels, imagej=True, metadata={"axes": "CYX"})
    options = ["--regions", "tiles", "--channels", "cytosol=0,protein=1"]
    for model in (str(tiny_bundle.path), "tiny.onnx"):
        output = f"{Path(model).suffix[1:]}.csv"
        assert main(["classify", "field.tif", "--model", model, *options, "-o", output]) == 0
    ours, theirs = (pd.read_csv(name).filter(like="p_") for name in ("organelle.csv", "onnx.csv"))
    np.testing.assert_allclose(ours, theirs, atol=0.02)
    assert main(["models"]) == 0
    assert "tiny.onnx" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("network", "description", "message"),
    [
        ({}, {"classes": ["er", "nucleus"]}, "names 2 classes, which takes ['batch', 2]"),
        ({}, {"input_size": 32}, "says ['batch', 2, 32, 32]"),
        ({}, {"layout": "NHWC"}, "says ['batch', 16, 16, 2]"),
        ({}, {"slots": ["protein"]}, "says ['batch', 1, 16, 16]"),
        ({"before": [onnx.helper.make_node("RandomNormal", [], ["odd"], shape=[1])]}, {}, "by chance"),
        (
            {
                "domain": "com.evil",
                "after": [onnx.helper.make_node("Run", ["product"], ["answer"], domain="com.evil")],
            },
            {},
            "operators of 'com.evil'",
        ),
        ({}, {"output": "probabilities"}, "sum to|answers go from"),
    ],
)
def test_what_does_not_fit_is_refused(
    tmp_path: Path, network: dict[str, Any], description: dict[str, Any], message: str
) -> None:
    path = tmp_path / "odd.onnx"
    put_network(path, **network)
    describe(path, **description)
    with pytest.raises(BundleError) as caught:
        load(ModelBundle.open(path)).probabilities(images(SIDE, 2))
    assert any(part in str(caught.value) for part in message.split("|"))
    assert str(path) in str(caught.value)


def test_a_network_may_give_probabilities(tmp_path: Path) -> None:
    kernel = put_network(
        tmp_path / "a.onnx", after=[onnx.helper.make_node("Softmax", ["product"], ["answer"], axis=1)]
    )
    describe(tmp_path / "a.onnx", output="probabilities")
    batch = images(SIDE, 2)
    answers = load(ModelBundle.open(tmp_path / "a.onnx")).probabilities(batch)
    np.testing.assert_allclose(answers, softmax(batch.mean(axis=(1, 2)) @ kernel), atol=1e-5)


def test_loops_and_foreign_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "odd.onnx"
    flag = onnx.helper.make_node("Constant", [], ["flag"], value_int=1)
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Identity", ["product"], ["inner"])],
        "branch",
        [],
        [onnx.helper.make_tensor_value_info("inner", onnx.TensorProto.FLOAT, ["batch", 3])],
    )
    cast = onnx.helper.make_node("Cast", ["flag"], ["yes"], to=onnx.TensorProto.BOOL)
    branch = onnx.helper.make_node("If", ["yes"], ["answer"], then_branch=graph, else_branch=graph)
    put_network(path, after=[flag, cast, branch])
    describe(path)
    with pytest.raises(BundleError, match="may never end"):
        load(ModelBundle.open(path))
    put_network(path)
    model = onnx.load(path)
    (tmp_path / "secret").write_bytes(model.graph.initializer[0].raw_data)
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="secret")
    path.write_bytes(model.SerializeToString())
    with pytest.raises(BundleError, match=r"another file|no sound ONNX"):
        load(ModelBundle.open(path))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"output": None}, "key 'output' is missing"),
        ({"colour": 1}, "unknown key 'colour'"),
        ({"format_version": 2}, "upgrade"),
        ({"mean": [0.5]}, "for each of the 2 input channels"),
        ({"std": [1, 0]}, "std must not be 0"),
        ({"output": "probabilities", "temperature": 2}, "must be 1"),
        ({"thresholds": [0.5, 0.5]}, "1 thresholds"),
        ({"scaling": "none"}, "scaling"),
        ({"slots": list("abcde")}, "1 to 4 channels"),
        ({"mixing": [[1]]}, "one number for each of its 2 slots"),
        ({"input_size": 10**6}, "input_size"),
    ],
)
def test_a_description_that_makes_no_sense_is_refused(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    put_network(tmp_path / "a.onnx")
    describe(tmp_path / "a.onnx", **changes)
    with pytest.raises(BundleError, match=message) as caught:
        ModelBundle.open(tmp_path / "a.onnx")
    assert str(tmp_path) in str(caught.value)


def test_a_file_without_description_or_sense_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    put_network(path)
    with pytest.raises(BundleError, match=r"needs a file a\.json"):
        ModelBundle.open(path)
    path.write_bytes(b"<?xml version='1.0'?><net/>")
    describe(path)
    with pytest.raises(BundleError, match="no sound ONNX"):
        load(ModelBundle.open(path))


def test_an_altered_file_is_refused(tiny_bundle: ModelBundle, tmp_path: Path) -> None:
    path, _ = export_onnx(tiny_bundle, tmp_path / "mine.onnx")
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    with pytest.raises(BundleError, match="altered"):
        load(ModelBundle.open(path))


def test_what_an_onnx_model_can_not_do_is_said(tmp_path: Path) -> None:
    put_network(tmp_path / "a.onnx")
    describe(tmp_path / "a.onnx")
    model = ModelBundle.open(tmp_path / "a.onnx")
    with pytest.raises(BundleError, match="only classifies"):
        model.weights()
    with pytest.raises(BundleError, match="only classifies"):
        export_onnx(model, tmp_path / "b.onnx")
    with pytest.raises(OrganelleError, match="only classifies"):
        save_bundle(tmp_path / "a.organelle", model.spec, {})
    with pytest.raises(DeviceError, match="runs on the CPU"):
        load(model, "gpu:0")
    with pytest.raises(BundleError, match="no output 'features'"):
        load(model).answers(images(SIDE, 2))
    assert "ONNX" in dense_problem(model.spec.network)


@pytest.mark.parametrize("task", ["single", "multi"])
def test_a_package_of_the_model_zoo_holds_what_it_describes(
    make_bundle: Callable[..., ModelBundle], tmp_path: Path, task: str
) -> None:
    """Its own test image gives its own test answer, by ONNX's reference and the steps that it names."""
    from onnx.reference import ReferenceEvaluator

    thresholds = (0.5,) * (1 if task == "single" else 3)
    bundle = make_bundle(task=task, thresholds=thresholds, temperature=1.7)
    assert main(["export-model", str(bundle.path), str(tmp_path / "tiny.zip"), "--licence", "CC0-1.0"]) == 0
    with zipfile.ZipFile(tmp_path / "tiny.zip") as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    described = yaml.safe_load(files["bioimageio.yaml"])
    assert (described["type"], described["license"]) == ("model", "CC0-1.0")
    named = [*described["attachments"], *described["weights"].values()]
    named += [each["test_tensor"] for each in described["inputs"] + described["outputs"]]
    for file in named:
        assert hashlib.sha256(files[file["source"]]).hexdigest() == file["sha256"]
    arrays = [np.load(io.BytesIO(files[f"test_{name}.npy"])) for name in ("input", "output", "features")]
    image, answer, features = arrays
    scale, clip = described["inputs"][0]["preprocessing"]
    low, high = (scale["kwargs"][f"{end}_percentile"] for end in ("min", "max"))
    assert np.percentile(image, (low, high), axis=(2, 3)).tolist() == [[[0] * 3], [[1] * 3]]
    assert (image.min(), image.max()) == (clip["kwargs"]["min"], clip["kwargs"]["max"])
    logits, given = ReferenceEvaluator(files["tiny.onnx"]).run(None, {"image": image})
    gain, last = described["outputs"][0]["postprocessing"]
    scaled = gain["kwargs"]["gain"] * logits
    expected = softmax(scaled) if last["id"] == "softmax" else 1 / (1 + np.exp(-scaled))
    np.testing.assert_allclose(answer, expected, atol=1e-5)
    np.testing.assert_allclose(features, given, rtol=1e-4, atol=1e-4)
    assert main(["export-model", str(bundle.path), str(tmp_path / "tiny.zip")]) == 2


def test_a_network_larger_than_the_memory_is_refused_before_it_takes_any(tmp_path: Path) -> None:
    make = onnx.helper.make_node
    after = [
        make("Constant", [], ["repeats"], value_ints=[10**6, 10**6]),
        make("Tile", ["product", "repeats"], ["large"]),
        make("ReduceMean", ["large"], ["mean"], keepdims=0),
        make("Add", ["product", "mean"], ["answer"]),
    ]
    put_network(tmp_path / "a.onnx", after=after)
    describe(tmp_path / "a.onnx")
    model = load(ModelBundle.open(tmp_path / "a.onnx"))
    with pytest.raises(DeviceError, match="does not hold a single region"):
        answer(model.probabilities, model.device, images(SIDE, 2), 8)
