import json
from dataclasses import replace
from typing import Any

import pytest

from napari_organelle.errors import BundleError
from napari_organelle.model.bundle import ModelBundle
from napari_organelle.model.spec import FORMAT_VERSION, ModelSpec


def test_a_spec_survives_json(tiny_bundle: ModelBundle):
    scored = replace(tiny_bundle.spec, scores={"macro_f1": 0.9, "verdict": "ok"}, temperature=1.5)
    assert ModelSpec.from_json(json.loads(json.dumps(scored.to_json()))) == scored
    assert scored.verdict == "ok"
    assert tiny_bundle.spec.verdict == "not judged"
    assert tiny_bundle.spec.class_names == ("er", "nucleus", "vacuole")


def set_key(values: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    *parents, key = path.split(".")
    inner: Any = values
    for parent in parents:
        inner = inner[int(parent) if parent.isdigit() else parent]
    inner[key] = value
    return values


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            "format_version",
            FORMAT_VERSION + 1,
            f"format version {FORMAT_VERSION + 1}; .* reads up to version {FORMAT_VERSION}",
        ),
        ("format_version", "1", "whole number 'format_version'"),
        ("lambda", "x: x", "unknown key 'lambda'"),
        ("name", 3, "name must be a string, not 3"),
        ("name", "../evil", "the name may hold letters"),
        ("classes", "abc", "classes must be a list, not 'abc'"),
        ("classes.1.colour", "red", "class colours must be #rrggbb"),
        ("classes.1.name", "er", "two or more different classes"),
        ("classes.2.name", None, r"classes\[2\]: name must be a string, not None"),
        ("task", "both", r"task must be one of \('single', 'multi'\), not 'both'"),
        ("slots", [], "1 to 4 channel slots, not 0"),
        ("slots.0.required", 1, r"slots\[0\]: required must be true or false, not 1"),
        ("pixels.input_size", 16, "input_size must be from 32 to 2048 pixels"),
        ("pixels.input_size", 64.5, "pixels: input_size must be a whole number, not 64.5"),
        ("pixels.scaling", "eval", "pixels: scaling must be one of"),
        ("network.width", 2, r"network: width must be in \(0, 1\], not 2.0"),
        ("network.blocks", [6], "network: blocks must be different numbers from 1 to 5"),
        ("thresholds", [0.5, 0.5], "it needs 1 thresholds, not 2"),
        ("thresholds", [1.5], r"thresholds must be in \[0, 1\]"),
        ("pixels.input_size", 200_000, "input_size must be from 32 to 2048 pixels"),
        ("pixels.window_px", 10**9, "window_px must be at most 16384"),
        ("temperature", 0, "temperature must be from 0.001"),
        ("temperature", 1e-320, "temperature must be from 0.001"),
        ("temperature", True, "temperature must be a number, not True"),
        ("pixels.mixing", [[1, 0], [0, 1]], "takes 3 colours, not 2"),
        ("network", None, "network must be an object, not None"),
        ("scores", [], "scores must be an object"),
    ],
)
def test_a_bad_value_is_refused_by_its_key(tiny_bundle: ModelBundle, path: str, value: Any, message: str):
    values = json.loads(json.dumps(tiny_bundle.spec.to_json()))
    with pytest.raises(BundleError, match=message):
        ModelSpec.from_json(set_key(values, path, value))


def test_a_missing_key_is_named(tiny_bundle: ModelBundle):
    values = tiny_bundle.spec.to_json()
    del values["pixels"]["window_px"]
    with pytest.raises(BundleError, match="pixels: the key 'window_px' is missing"):
        ModelSpec.from_json(values)
    with pytest.raises(BundleError, match="must be an object"):
        ModelSpec.from_json([1])


def test_version_1_opens_as_vgg16_with_the_present_names(tiny_bundle: ModelBundle):
    values = tiny_bundle.spec.to_json()
    network = {name: value for name, value in values["network"].items() if name != "architecture"}
    old = values | {"format_version": 1, "dense_head": False, "network": network | {"head": "seed"}}
    spec = ModelSpec.from_json(old)
    assert (spec.network.architecture, spec.network.head) == ("vgg16", "notebook2019")
    assert spec.format_version == FORMAT_VERSION
