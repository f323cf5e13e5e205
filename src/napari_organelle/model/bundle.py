"""ModelBundle: a model as a zip file or folder with ``model.json``, ``weights.npz`` and known extras.

No pickle and no code is read. ``model.json`` is a ModelSpec and the SHA-256 of the other files; layers that
are the ImageNet ones that come with the package are not stored again but referred to by their file's SHA-256.
An ONNX file with its description beside it (`model.onnx`) is a bundle too, which only answers.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import platformdirs

from napari_organelle.errors import BundleError
from napari_organelle.files import whole_file
from napari_organelle.model.onnx.check import MAX_BYTES as MAX_ONNX_BYTES
from napari_organelle.model.onnx.description import read_description
from napari_organelle.model.spec import ModelSpec, OrganelleClass
from napari_organelle.outside import load_arrays, opening, read_whole, require_file

__all__ = [
    "ONNX_SUFFIX",
    "SUFFIX",
    "ModelBundle",
    "ModelSpec",
    "OrganelleClass",
    "find_bundles",
    "open_bundle",
    "save_bundle",
    "user_folder",
]

SUFFIX = ".organelle"
ONNX_SUFFIX = ".onnx"
BUNDLED = Path(__file__).parents[1] / "bundled"
"""Models that come with the package."""

SECOND_HEAD = "dense/"
"""Before the names of weights that format version 1 could hold and that nothing uses any more."""

SPEC_FILE = "model.json"
WEIGHTS_FILE = "weights.npz"
EXTRA_FILES = ("replay.npz", "domain.npz")
"""Arrays that a model may bring beside its weights; see `train.replay` and `model.domain`."""

MAX_SPEC_BYTES = 2**22
MAX_EXTRA_BYTES = 2**27
MAX_WEIGHTS_BYTES = 2**30


@dataclass(frozen=True)
class ModelBundle:
    """A model on disk. Pickles to its path, so that another process opens the file itself.

    Parameters
    ----------
    path : Path
        Zip file or folder, or ONNX file.
    spec : ModelSpec
        All that is known of it but its weights.
    sha256 : str
        Of the stored weights.
    pretrained : bool
        Whether the layers that are not stored are those that come with the package.
    extras : mapping of str to str
        Names of the `EXTRA_FILES` that it brings, and their SHA-256.
    """

    path: Path
    spec: ModelSpec
    sha256: str
    pretrained: bool
    extras: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def open(cls, path: str | Path) -> ModelBundle:
        """Read a bundle's spec; its weights wait until they are needed.

        Raises
        ------
        BundleError
            If it can't be read, holds anything but its own files, or was made for a newer version; for an
            ``.onnx`` file, if there is no sound description beside it.
        """
        path = Path(path).absolute()
        if path.suffix.lower() == ONNX_SUFFIX:
            return _open_onnx(path)
        with opening(path, BundleError):
            values = _parse(_read_member(path, SPEC_FILE, MAX_SPEC_BYTES), path)
            sha256, pretrained = values.pop("weights_sha256", None), values.pop("imagenet_sha256", None)
            extras = _extra_hashes(values.pop("extras_sha256", {}))
            spec = ModelSpec.from_json(values)
        if not isinstance(sha256, str):
            raise BundleError(f"{path}: {SPEC_FILE} lacks 'weights_sha256'.")
        if pretrained not in (None, spec.plan.backbone.pretrained_sha256):
            raise BundleError(
                f"{path} stands on other ImageNet layers than this napari-organelle has: upgrade it."
            )
        return cls(path, spec, sha256, pretrained is not None, extras)

    def __reduce__(self) -> tuple[Callable[[Path, Literal[1, 8]], ModelBundle], tuple[Path, Literal[1, 8]]]:
        return _reopen, (self.path, self.spec.views)

    def with_views(self, views: Literal[1, 8]) -> ModelBundle:
        """The same model, which answers from so many views of a window (see `ModelSpec`)."""
        return replace(self, spec=replace(self.spec, views=views))

    @property
    def id(self) -> str:
        """Name and the first digits of the weights' hash."""
        return f"{self.spec.name}@{self.sha256[:12]}"

    def weights(self) -> dict[str, np.ndarray]:
        """All weights of the network, ``layer/variable`` to float16 or float32 arrays.

        Raises
        ------
        BundleError
            If the weights were altered, hold anything but numbers, or are not this network's; or if this is
            an ONNX file.
        """
        plan = self.spec.plan
        with opening(self.path, BundleError):
            raw = _read_member(self.path, WEIGHTS_FILE, MAX_WEIGHTS_BYTES)
            if hashlib.sha256(raw).hexdigest() != self.sha256:
                raise BundleError(f"the weights were altered; their SHA-256 is not the one in {SPEC_FILE}.")
            loaded = _load_arrays(raw, WEIGHTS_FILE, MAX_WEIGHTS_BYTES)
            stored = {name: array for name, array in loaded.items() if not name.startswith(SECOND_HEAD)}
        weights = {**plan.backbone.pretrained(), **stored} if self.pretrained else stored
        _check_complete(self.spec, weights, self.path)
        return weights

    def extra(self, name: str) -> dict[str, np.ndarray]:
        """Arrays of one of the `EXTRA_FILES`; none where the model does not bring it.

        Raises
        ------
        BundleError
            If the file is missing, was altered, or holds anything but numbers.
        """
        if name not in self.extras:
            return {}
        with opening(self.path, BundleError):
            raw = _read_member(self.path, name, MAX_EXTRA_BYTES)
            if hashlib.sha256(raw).hexdigest() != self.extras[name]:
                raise BundleError(f"{name} was altered; its SHA-256 is not the one in {SPEC_FILE}.")
            return _load_arrays(raw, name, MAX_EXTRA_BYTES)

    def onnx(self) -> bytes:
        """What an ONNX file holds; nothing is known of it yet but its hash.

        Raises
        ------
        BundleError
            If it was altered, or can't be read.
        """
        with opening(self.path, BundleError):
            raw = read_whole(self.path, MAX_ONNX_BYTES)
            if hashlib.sha256(raw).hexdigest() != self.sha256:
                raise BundleError("the file was altered; its SHA-256 is no longer what it was.")
        return raw


def _open_onnx(path: Path) -> ModelBundle:
    description = read_description(path)
    with opening(path, BundleError):
        try:
            spec = description.spec(path.stem)
        except ValueError as error:
            raise BundleError(f"its description says what can't be: {error}") from error
        facts = path.stat()
        sha256 = description.onnx_sha256 or _sha256(path, facts.st_size, facts.st_mtime_ns)
    return ModelBundle(path, spec, sha256, pretrained=False)


@lru_cache(maxsize=64)
def _sha256(path: Path, size: int, changed: int) -> str:
    """Of a file that has this size since it was changed; once, since a window opens its models often."""
    return hashlib.sha256(read_whole(path, MAX_ONNX_BYTES)).hexdigest()


def _reopen(path: Path, views: Literal[1, 8]) -> ModelBundle:
    return ModelBundle.open(path).with_views(views)


def save_bundle(
    path: str | Path,
    spec: ModelSpec,
    weights: Mapping[str, np.ndarray],
    *,
    extras: Mapping[str, Mapping[str, np.ndarray]] | None = None,
    overwrite: bool = False,
) -> ModelBundle:
    """Write a bundle as a zip file, whole or not at all.

    Parameters
    ----------
    path : str or Path
        File to write; ``.organelle`` by custom.
    spec : ModelSpec
        Of the model.
    weights : mapping of str to float16 or float32 arrays
        All of the network's, as from `keras_models.read_weights`; stored in the dtype that they have.
        Layers equal to those that come with the package are left out.
    extras : mapping of str to mapping of str to array, optional
        Arrays of the `EXTRA_FILES` that it is to bring.
    overwrite : bool
        Whether a file of that name is replaced.

    Raises
    ------
    BundleError
        If the file exists and is to stay, weights are missing or of other shapes, or the disk refuses.
    """
    path = Path(path).absolute()
    if path.exists() and not overwrite:
        raise BundleError(f"{path} exists already: choose another name, or say that it is to be replaced.")
    _check_complete(spec, weights, path)
    stored: dict[str, Any] = {
        name: array for name, array in weights.items() if not _is_pretrained(spec, name, array)
    }
    raw = _npz({name: stored[name] for name in sorted(stored)}, compress=False)
    beside = {name: _npz(arrays, compress=True) for name, arrays in (extras or {}).items() if arrays}
    values = {
        **spec.to_json(),
        "weights_sha256": hashlib.sha256(raw).hexdigest(),
        "extras_sha256": {name: hashlib.sha256(content).hexdigest() for name, content in beside.items()},
        "imagenet_sha256": spec.plan.backbone.pretrained_sha256 if len(stored) < len(weights) else None,
    }
    members = {SPEC_FILE: json.dumps(values, indent=1, allow_nan=False).encode(), WEIGHTS_FILE: raw, **beside}
    try:
        _write_zip(path, members, overwrite)
    except OSError as error:
        raise BundleError(f"The model can't be written to {path}: {error}") from error
    return ModelBundle.open(path)


def user_folder() -> Path:
    """Where a user's own bundles are: ``$NAPARI_ORGANELLE_MODELS``, the chosen folder, or the usual one."""
    named = os.environ.get("NAPARI_ORGANELLE_MODELS")
    if named:
        return Path(named)
    return _chosen_folder or Path(platformdirs.user_data_dir("napari-organelle", appauthor=False)) / "models"


_chosen_folder: Path | None = None


def choose_user_folder(folder: Path | None) -> None:
    """Look for the user's own bundles in another folder, in this process; None for the usual one."""
    global _chosen_folder
    _chosen_folder = folder


def find_bundles() -> dict[str, Path]:
    """Names and paths of the bundles that come with the package and of those in the user's folder.

    The name is the file's, without its suffix unless that is ``.onnx``; a user's bundle hides a bundled one
    of the same name.
    """
    found: dict[str, Path] = {}
    for folder in (BUNDLED, user_folder()):
        found |= {path.stem: path for path in sorted(folder.glob(f"*{SUFFIX}"), key=lambda path: path.stem)}
        found |= {path.name: path for path in sorted(folder.glob(f"*{ONNX_SUFFIX}"))}
    return found


def open_bundle(name_or_path: str | Path) -> ModelBundle:
    """Open a bundle by its name in `find_bundles`, or by its path.

    Raises
    ------
    BundleError
        If there is none, or it can't be read.
    """
    found = find_bundles()
    path = found.get(str(name_or_path), Path(name_or_path))
    if not path.exists():
        known = ", ".join(found) or "none"
        raise BundleError(
            f"There is no model {str(name_or_path)!r}: give a {SUFFIX} or {ONNX_SUFFIX} file, or one of: "
            f"{known}."
        )
    return ModelBundle.open(path)


def _read_member(path: Path, name: str, limit: int) -> bytes:
    """One of the two files, from a zip or a folder that holds nothing else."""
    try:
        return _read_from_folder(path, name, limit) if path.is_dir() else _read_from_zip(path, name, limit)
    except BundleError:
        raise
    except Exception as error:
        raise BundleError(f"{path} can't be read as a model bundle (zip or folder): {error}") from error


def _read_from_folder(path: Path, name: str, limit: int) -> bytes:
    members = [member for member in path.iterdir() if not member.name.startswith(".")]
    _check_members(path, [member.name for member in members], any(member.is_symlink() for member in members))
    return read_whole(path / name, limit)


def _read_from_zip(path: Path, name: str, limit: int) -> bytes:
    require_file(path)
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        links = any(stat.S_ISLNK(member.external_attr >> 16) for member in members)
        _check_members(path, [member.filename for member in members], links)
        if archive.getinfo(name).file_size > limit:
            raise BundleError(f"{path}: {name} is larger than {limit} bytes.")
        return archive.read(name)


def _check_members(path: Path, names: list[str], links: bool) -> None:
    rest = sorted(name for name in names if name not in EXTRA_FILES)
    if rest != [SPEC_FILE, WEIGHTS_FILE] or len(set(names)) < len(names) or links:
        raise BundleError(
            f"{path} must hold the files {SPEC_FILE} and {WEIGHTS_FILE}, perhaps "
            f"{', '.join(EXTRA_FILES)}, and nothing else; "
            f"it holds {sorted(names)[:5]}{', and links' if links else ''}."
        )


def _parse(raw: bytes, path: Path) -> dict[str, Any]:
    try:
        values = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{path}: {SPEC_FILE} is no JSON: {error}") from error
    if not isinstance(values, dict):
        raise BundleError(f"{path}: {SPEC_FILE} must be a JSON object.")
    return values


def _extra_hashes(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise BundleError(f"{SPEC_FILE}: extras_sha256 must be an object of strings, not {value!r:.80}.")
    return {name: sha256 for name, sha256 in value.items() if name in EXTRA_FILES}


def _npz(arrays: Mapping[str, Any], *, compress: bool) -> bytes:
    buffer = io.BytesIO()
    (np.savez_compressed if compress else np.savez)(buffer, **arrays)
    return buffer.getvalue()


def _load_arrays(raw: bytes, name: str, limit: int) -> dict[str, np.ndarray]:
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            if sum(member.file_size for member in archive.infolist()) > limit:
                raise BundleError(f"{name} unpacks to more than {limit} bytes.")
        return load_arrays(io.BytesIO(raw))
    except BundleError:
        raise
    except Exception as error:
        raise BundleError(f"{name} is no plain .npz of numbers: {error}") from error


def _is_pretrained(spec: ModelSpec, name: str, array: np.ndarray) -> bool:
    known = spec.plan.backbone.pretrained().get(name)
    return known is not None and np.array_equal(known, array)


def _check_complete(spec: ModelSpec, weights: Mapping[str, np.ndarray], path: Path) -> None:
    """Raise BundleError unless the weights are all of the network's, and finite."""
    wanted = spec.plan.weight_shapes(len(spec.classes), spec.pixels.input_size)
    if odd := sorted(set(wanted) ^ set(weights)):
        raise BundleError(
            f"{path}: the weights {'lack' if odd[0] in wanted else 'have an unknown'} {odd[0]}."
        )
    for name, shape in wanted.items():
        array = weights[name]
        if (
            array.shape != shape
            or array.dtype not in (np.float16, np.float32)
            or not np.isfinite(array).all()
        ):
            raise BundleError(
                f"{path}: {name} must be finite float16 or float32 of shape {shape}; "
                f"it is {array.dtype} of {array.shape}."
            )


def _write_zip(path: Path, members: Mapping[str, bytes], replace: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path, replace=replace) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
