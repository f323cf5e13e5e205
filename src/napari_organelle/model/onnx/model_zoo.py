"""A model as a package of the BioImage Model Zoo, which Fiji, QuPath, ilastik and others open."""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from napari_organelle.errors import BundleError
from napari_organelle.files import whole_file
from napari_organelle.model.bundle import ModelBundle
from napari_organelle.model.engine.openvino import compile_openvino
from napari_organelle.model.networks.onnx_graph import OPSET
from napari_organelle.model.onnx.export import build_onnx_files
from napari_organelle.model.spec import ModelSpec
from napari_organelle.prepare.pixels import COLOURS, PERCENTILES

SUFFIX = ".zip"
FORMAT_VERSION = "0.5.4"
"""Of the Zoo's description of models."""

PACKAGE_FILE = "bioimageio.yaml"
HOME = "https://github.com/napari-organelle/napari-organelle"
BRIGHTEST, DARKEST = 1.05, -0.05
"""Range of the random numbers that make the test image: cut off at 0 and 1, so that scaling leaves it."""


def export_package(
    bundle: ModelBundle, path: str | Path, *, licence: str = "", overwrite: bool = False
) -> Path:
    """Write a zip of the ONNX file, its descriptions, and a test image with its answer, whole or not at all.

    Parameters
    ----------
    bundle, path, licence, overwrite
        As for `export.export_onnx`; the path ends in ``.zip``.

    Raises
    ------
    BundleError
        As for `export.export_onnx`.
    """
    path = Path(path).absolute()
    spec = bundle.spec
    files = build_onnx_files(bundle, licence)
    image = _test_image(spec)
    answer, features = compile_openvino(spec, bundle.weights(), "float32")(image, True)
    files |= {
        "test_input.npy": _npy(image.transpose(0, 3, 1, 2)),
        "test_output.npy": _npy(answer),
        "test_features.npy": _npy(features),
        "README.md": f"# {spec.name}\n\n{spec.description}\n\nMade by [napari-organelle]({HOME}).\n".encode(),
    }
    licence = str(json.loads(files[f"{spec.name}.json"])["licence"])
    # JSON is YAML too
    files[PACKAGE_FILE] = json.dumps(zoo_description(spec, files, licence), indent=1).encode()
    try:
        with whole_file(path, replace=overwrite) as part, zipfile.ZipFile(part, "w") as archive:
            for name, content in files.items():
                archive.writestr(zipfile.ZipInfo(name), content)
    except FileExistsError as error:
        raise BundleError(f"{error}: choose another name, or say that it is to be replaced.") from error
    except OSError as error:
        raise BundleError(f"The model can't be written to {path}: {error}") from error
    return path


def zoo_description(spec: ModelSpec, files: dict[str, bytes], licence: str) -> dict[str, Any]:
    """What the Zoo's programs have to know, as JSON values.

    Parameters
    ----------
    spec : ModelSpec
        Of the model.
    files : dict of str to bytes
        Of the package, by name.
    licence : str
        Begins with its SPDX identifier where it is known.
    """

    def file(name: str) -> dict[str, str]:
        return {"source": name, "sha256": hashlib.sha256(files[name]).hexdigest()}

    side = spec.pixels.input_size
    space = [{"type": "space", "id": axis, "size": side} for axis in "yx"]
    colours = ["red", "green", "blue"]
    first = re.match(r"[A-Za-z0-9.-]*\w", licence)
    return {
        "type": "model",
        "format_version": FORMAT_VERSION,
        "name": re.sub(r"[^\w +().-]", " ", spec.name),
        "description": spec.description[:1024] or spec.name,
        "documentation": "README.md",
        "authors": [{"name": "The napari-organelle developers"}],
        "cite": [{"text": "napari-organelle", "url": HOME}],
        "tags": ["classification", "fluorescence-light-microscopy", "organelle"],
        **({"license": first[0]} if first else {}),
        "attachments": [file(f"{spec.name}.json")],
        "inputs": [
            {
                "id": "image",
                "description": "The slots of the attached JSON as colours, by its mixing.",
                "axes": [{"type": "batch"}, {"type": "channel", "channel_names": colours}, *space],
                "data": {"type": "float32"},
                "test_tensor": file("test_input.npy"),
                "preprocessing": _preprocessing(spec),
            }
        ],
        "outputs": [
            {
                "id": "logits",
                "description": "Probabilities of the classes, once they are postprocessed.",
                "axes": [{"type": "batch"}, {"type": "channel", "channel_names": _identifiers(spec)}],
                "data": {"type": "float32"},
                "test_tensor": file("test_output.npy"),
                "postprocessing": _postprocessing(spec),
            },
            {
                "id": "features",
                "axes": [
                    {"type": "batch"},
                    {"type": "index", "size": spec.plan.feature_count(side)},
                ],
                "data": {"type": "float32"},
                "test_tensor": file("test_features.npy"),
            },
        ],
        "weights": {"onnx": {**file(f"{spec.name}.onnx"), "opset_version": OPSET}},
    }


def _identifiers(spec: ModelSpec) -> list[str]:
    """Names of classes as the Zoo takes them; those as they are stand in the attached JSON."""
    return [
        re.sub(r"\W+", "_", name).strip("_").lower() or f"class_{i}"
        for i, name in enumerate(spec.class_names)
    ]


def _preprocessing(spec: ModelSpec) -> list[dict[str, Any]]:
    """As `prepare.pixels.network_input` does from the colours on."""
    clip = {"id": "clip", "kwargs": {"min": 0.0, "max": 1.0}}
    if spec.pixels.scaling == "dtype":
        return [clip]
    low, high = PERCENTILES
    kwargs = {"axes": ["y", "x"], "min_percentile": low, "max_percentile": high}
    return [{"id": "scale_range", "kwargs": kwargs}, clip]


def _postprocessing(spec: ModelSpec) -> list[dict[str, Any]]:
    scale = {"id": "scale_linear", "kwargs": {"gain": 1 / spec.temperature}}
    last = {"id": "softmax", "kwargs": {"axis": "channel"}} if spec.task == "single" else {"id": "sigmoid"}
    return [scale, last]


def _test_image(spec: ModelSpec) -> np.ndarray:
    """(1, n, n, 3) float32."""
    side = spec.pixels.input_size
    image = np.random.default_rng(0).uniform(DARKEST, BRIGHTEST, (1, side, side, COLOURS))
    return np.clip(image, 0, 1).astype(np.float32)


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(array))
    return buffer.getvalue()
