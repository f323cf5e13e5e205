"""A model as an ONNX file with its description beside it, for any runtime."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from napari_organelle.errors import BundleError
from napari_organelle.files import whole_file
from napari_organelle.model.bundle import BUNDLED, ONNX_SUFFIX, ModelBundle
from napari_organelle.model.networks.onnx_graph import build_onnx
from napari_organelle.model.onnx.description import description_path, onnx_description

OUR_LICENCE = "BSD-3-Clause; made from VGG16's ImageNet layers (Simonyan & Zisserman, CC BY 4.0)"
"""Of the models that come with the package."""


def export_onnx(
    bundle: ModelBundle, path: str | Path, *, licence: str = "", overwrite: bool = False
) -> tuple[Path, Path]:
    """Write ``NAME.onnx`` and ``NAME.json``, each whole or not at all.

    Parameters
    ----------
    bundle : ModelBundle
        The model.
    path : str or Path
        The ``.onnx`` file to write.
    licence : str
        Under which others may use the model; that of a bundled model is known.
    overwrite : bool
        Whether files of these names are replaced.

    Returns
    -------
    Path, Path
        The two files.

    Raises
    ------
    BundleError
        If the path ends in something else, a file is there and is to stay, the package ``onnx`` is missing,
        the model is an ONNX file itself, or the disk refuses.
    """
    path = Path(path).absolute()
    if path.suffix != ONNX_SUFFIX:
        raise BundleError(f"{path} must end in {ONNX_SUFFIX}.")
    raw, text = build_onnx_files(bundle, licence).values()
    beside = description_path(path)
    try:
        with whole_file(path, replace=overwrite) as part, whole_file(beside, replace=overwrite) as other:
            part.write_bytes(raw)
            other.write_bytes(text)
    except FileExistsError as error:
        raise BundleError(f"{error}: choose another name, or say that it is to be replaced.") from error
    except OSError as error:
        raise BundleError(f"The model can't be written to {path}: {error}") from error
    return path, beside


def build_onnx_files(bundle: ModelBundle, licence: str = "") -> dict[str, bytes]:
    """What ``NAME.onnx`` and ``NAME.json`` of a model hold, by these names.

    Parameters
    ----------
    bundle, licence
        As for `export_onnx`.

    Raises
    ------
    BundleError
        If the package ``onnx`` is missing, or the model is an ONNX file itself.
    """
    spec = bundle.spec
    weights = bundle.weights()
    try:
        model = build_onnx(spec.plan, weights, len(spec.classes), spec.pixels.input_size, spec.name)
    except ImportError as error:
        raise BundleError(
            'Writing ONNX needs a package more: pip install "napari-organelle[onnx]"'
        ) from error
    model.producer_name, model.doc_string = "napari-organelle", spec.description
    raw = model.SerializeToString(deterministic=True)
    known = OUR_LICENCE if bundle.path.parent == BUNDLED else str(spec.provenance.get("licence", ""))
    values = onnx_description(spec, licence or known, hashlib.sha256(raw).hexdigest())
    text = json.dumps(values, indent=1, allow_nan=False)
    return {f"{spec.name}.onnx": raw, f"{spec.name}.json": text.encode()}
