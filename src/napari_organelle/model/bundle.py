"""ModelBundle: a model as a zip file or folder with ``model.json`` and ``weights.npz``, and nothing else.

No pickle and no code is read. ``model.json`` is a ModelSpec and the SHA-256 of the weights; layers that are
the ImageNet ones that come with the package are not stored again but referred to by their file's SHA-256.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import platformdirs

from napari_organelle.errors import BundleError
from napari_organelle.model.spec import ModelSpec, OrganelleClass
from napari_organelle.model.vgg16 import IMAGENET_FILE, IMAGENET_SHA256, imagenet_weights, weight_shapes

if TYPE_CHECKING:
    from napari_organelle.model.loaded import LoadedModel

__all__ = [
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
DENSE_HEAD = "dense/"
"""Before the names of a second head's weights, which is fitted to features that overlapping tiles share."""

SPEC_FILE = "model.json"
WEIGHTS_FILE = "weights.npz"
MAX_SPEC_BYTES = 2**22
MAX_WEIGHTS_BYTES = 2**30


@dataclass(frozen=True)
class ModelBundle:
    """A model on disk. Pickles to its path, so that another process opens the file itself.

    Parameters
    ----------
    path : Path
        Zip file or folder.
    spec : ModelSpec
        All that is known of it but its weights.
    sha256 : str
        Of the stored weights.
    imagenet : bool
        Whether the layers that are not stored are the package's ImageNet ones.
    """

    path: Path
    spec: ModelSpec
    sha256: str
    imagenet: bool

    @classmethod
    def open(cls, path: str | Path) -> ModelBundle:
        """Read a bundle's spec; its weights wait until they are needed.

        Raises
        ------
        BundleError
            If it can't be read, holds anything but its two files, or was made for a newer version.
        """
        path = Path(path).absolute()
        values = _parse(_read_member(path, SPEC_FILE, MAX_SPEC_BYTES), path)
        sha256, imagenet = values.pop("weights_sha256", None), values.pop("imagenet_sha256", None)
        try:
            spec = ModelSpec.from_json(values)
        except BundleError as error:
            raise BundleError(f"{path}: {error}") from error
        if not isinstance(sha256, str):
            raise BundleError(f"{path}: {SPEC_FILE} lacks 'weights_sha256'.")
        if imagenet not in (None, IMAGENET_SHA256):
            raise BundleError(
                f"{path} stands on other ImageNet layers than this napari-organelle has: upgrade it."
            )
        return cls(path, spec, sha256, imagenet is not None)

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
            If the weights were altered, hold anything but numbers, or are not this network's.
        """
        raw = _read_member(self.path, WEIGHTS_FILE, MAX_WEIGHTS_BYTES)
        if hashlib.sha256(raw).hexdigest() != self.sha256:
            raise BundleError(
                f"{self.path}: the weights were altered; their SHA-256 is not the one in {SPEC_FILE}."
            )
        weights = (
            {**imagenet_weights(), **_load_arrays(raw, self.path)}
            if self.imagenet
            else _load_arrays(raw, self.path)
        )
        _check_complete(self.spec, weights, self.path)
        return weights

    def load(self, device: str = "auto") -> LoadedModel:
        """The network with its weights on a device, as `loaded.load`.

        Raises
        ------
        BundleError
            As for `weights`.
        DeviceError
            If the device isn't there.
        """
        from napari_organelle.model.loaded import load

        return load(self, device)


def _reopen(path: Path, views: Literal[1, 8]) -> ModelBundle:
    return ModelBundle.open(path).with_views(views)


def save_bundle(
    path: str | Path, spec: ModelSpec, weights: Mapping[str, np.ndarray], *, overwrite: bool = False
) -> ModelBundle:
    """Write a bundle as a zip file, whole or not at all.

    Parameters
    ----------
    path : str or Path
        File to write; ``.organelle`` by custom.
    spec : ModelSpec
        Of the model.
    weights : mapping of str to float16 or float32 arrays
        All of the network's, as from `vgg16.read_weights`; stored in the dtype that they have. Layers equal
        to the ImageNet ones are left out.
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
        name: weights[name] for name in weights if not _is_imagenet(name, weights[name])
    }
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **{name: stored[name] for name in sorted(stored)})
    raw = buffer.getvalue()
    values = {
        **spec.to_json(),
        "weights_sha256": hashlib.sha256(raw).hexdigest(),
        "imagenet_sha256": IMAGENET_SHA256 if len(stored) < len(weights) else None,
    }
    members = {SPEC_FILE: json.dumps(values, indent=1, allow_nan=False).encode(), WEIGHTS_FILE: raw}
    try:
        _write_zip(path, members)
    except OSError as error:
        raise BundleError(f"The model can't be written to {path}: {error}") from error
    return ModelBundle.open(path)


def user_folder() -> Path:
    """Where a user's own bundles are: ``$NAPARI_ORGANELLE_MODELS``, or in the platform's data folder."""
    named = os.environ.get("NAPARI_ORGANELLE_MODELS")
    return (
        Path(named)
        if named
        else Path(platformdirs.user_data_dir("napari-organelle", appauthor=False)) / "models"
    )


def find_bundles() -> dict[str, Path]:
    """Names and paths of the bundles that come with the package and of those in the user's folder.

    The name is the file's without its suffix; a user's bundle hides a bundled one of the same name.
    """
    found: dict[str, Path] = {}
    for folder in (IMAGENET_FILE.parent, user_folder()):
        found |= {path.stem: path for path in sorted(folder.glob(f"*{SUFFIX}"))}
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
            f"There is no model {str(name_or_path)!r}: give a {SUFFIX} file or one of: {known}."
        )
    return ModelBundle.open(path)


def _read_member(path: Path, name: str, limit: int) -> bytes:
    """One of the two files, from a zip or a folder that holds nothing else."""
    try:
        return _read_from_folder(path, name, limit) if path.is_dir() else _read_from_zip(path, name, limit)
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise BundleError(f"{path} can't be read as a model bundle (zip or folder): {error}") from error


def _read_from_folder(path: Path, name: str, limit: int) -> bytes:
    members = [member for member in path.iterdir() if not member.name.startswith(".")]
    _check_members(path, [member.name for member in members], any(member.is_symlink() for member in members))
    if (path / name).stat().st_size > limit:
        raise BundleError(f"{path}: {name} is larger than {limit} bytes.")
    return (path / name).read_bytes()


def _read_from_zip(path: Path, name: str, limit: int) -> bytes:
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        links = any(stat.S_ISLNK(member.external_attr >> 16) for member in members)
        _check_members(path, [member.filename for member in members], links)
        if archive.getinfo(name).file_size > limit:
            raise BundleError(f"{path}: {name} is larger than {limit} bytes.")
        return archive.read(name)


def _check_members(path: Path, names: list[str], links: bool) -> None:
    if sorted(names) != [SPEC_FILE, WEIGHTS_FILE] or links:
        raise BundleError(
            f"{path} must hold the files {SPEC_FILE} and {WEIGHTS_FILE} and nothing else; "
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


def _load_arrays(raw: bytes, path: Path) -> dict[str, np.ndarray]:
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            if sum(member.file_size for member in archive.infolist()) > MAX_WEIGHTS_BYTES:
                raise BundleError(f"{path}: {WEIGHTS_FILE} unpacks to more than {MAX_WEIGHTS_BYTES} bytes.")
        with np.load(io.BytesIO(raw), allow_pickle=False) as stored:
            return dict(stored)
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise BundleError(f"{path}: {WEIGHTS_FILE} is no plain .npz of numbers: {error}") from error


def _is_imagenet(name: str, array: np.ndarray) -> bool:
    known = imagenet_weights().get(name)
    return known is not None and np.array_equal(known, array)


def _check_complete(spec: ModelSpec, weights: Mapping[str, np.ndarray], path: Path) -> None:
    """Raise BundleError unless the weights are all of the network's, and finite."""
    wanted = weight_shapes(spec.network, len(spec.classes), spec.pixels.input_size)
    if spec.dense_head:
        wanted |= {DENSE_HEAD + name: shape for name, shape in wanted.items() if not name.startswith("block")}
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


def _write_zip(path: Path, members: Mapping[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive:
            for name, content in members.items():
                archive.writestr(zipfile.ZipInfo(name), content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
