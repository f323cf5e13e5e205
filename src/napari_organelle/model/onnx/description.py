"""The JSON beside an ONNX file, which says what its answers mean; ``docs/onnx.md`` explains every key."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from napari_organelle.errors import BundleError
from napari_organelle.model.networks.onnx_file import Layout, OnnxNetwork, Output
from napari_organelle.model.palette import colour_classes
from napari_organelle.model.spec import ModelSpec, OrganelleClass, read_object
from napari_organelle.outside import opening, read_whole
from napari_organelle.prepare.channels import Slot
from napari_organelle.prepare.pixels import MAX_SLOTS, PixelPlan, Scaling, usual_mixing

FORMAT_VERSION = 1
MAX_BYTES = 2**22
DEFAULT_THRESHOLD = 0.5


@dataclass(frozen=True, kw_only=True)
class OnnxDescription:
    """What the JSON file says, key by key; those without a value here have to be there.

    `classes` and `slots` may be lists of names. What the keys mean is said by `ModelSpec`, `PixelPlan` and
    `OnnxNetwork`, whose fields they are.
    """

    format_version: int
    classes: tuple[OrganelleClass, ...]
    task: Literal["single", "multi"]
    slots: tuple[Slot, ...]
    input_size: int
    scaling: Scaling
    output: Output
    name: str = ""
    layout: Layout = "NCHW"
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    mixing: tuple[tuple[float, ...], ...] = ()
    window_px: int = 0
    pixel_size_um: float | None = None
    field_parts: int = 1
    temperature: float = 1.0
    thresholds: tuple[float, ...] = ()
    views: Literal[1, 8] = 1
    description: str = ""
    licence: str = ""
    onnx_sha256: str = ""
    scores: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        channels = len(self.mixing) or len(self.slots)
        if not 1 <= channels <= MAX_SLOTS:
            raise ValueError(
                f"the network may take 1 to {MAX_SLOTS} channels, not {channels} (slots, mixing)"
            )
        if any(numbers and len(numbers) != channels for numbers in (self.mean, self.std)):
            raise ValueError(f"mean and std must have a number for each of the {channels} input channels")
        if not all(self.std):
            raise ValueError(f"std must not be 0, as in {self.std}")
        if self.output == "probabilities" and self.temperature != 1:
            raise ValueError("the temperature of a network that gives probabilities must be 1")

    def spec(self, stem: str) -> ModelSpec:
        """The model that an ONNX file of this name is, without its network's weights."""
        slots = range(len(self.slots))
        own_channels = tuple(tuple(float(row == slot) for slot in slots) for row in slots)
        licence = {"licence": self.licence} if self.licence else {}
        return ModelSpec(
            name=self.name or re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip(".-_") or "onnx",
            classes=self.classes,
            task=self.task,
            slots=self.slots,
            pixels=PixelPlan(
                self.input_size,
                self.window_px or self.input_size,
                self.pixel_size_um,
                self.scaling,
                self.mixing or own_channels,
                self.field_parts,
            ),
            network=OnnxNetwork(self.output, self.layout, self.mean, self.std),
            thresholds=self.thresholds
            or (DEFAULT_THRESHOLD,) * (1 if self.task == "single" else len(self.classes)),
            temperature=self.temperature,
            views=self.views,
            description=self.description,
            scores=self.scores,
            provenance={**self.provenance, **licence},
            versions=self.versions,
        )


def description_path(path: Path) -> Path:
    """Where the description of an ONNX file is: ``NAME.json`` beside ``NAME.onnx``."""
    return path.with_suffix(".json")


def read_description(path: Path) -> OnnxDescription:
    """What is said of an ONNX file.

    Parameters
    ----------
    path : Path
        Of the ``.onnx`` file.

    Raises
    ------
    BundleError
        If there is no description, or one that makes no sense.
    """
    beside = description_path(path)
    if not beside.exists():
        raise BundleError(
            f"{path} needs a file {beside.name} beside it that says what its classes, channels and pixels "
            "are: see 'ONNX' in the documentation."
        )
    with opening(beside, BundleError):
        values = json.loads(read_whole(beside, MAX_BYTES))
        return parse_description(values, beside.name)


def parse_description(values: Any, where: str) -> OnnxDescription:
    """Check JSON values; messages begin with `where`."""
    if isinstance(values, dict):
        if type(version := values.get("format_version")) is int and version > FORMAT_VERSION:
            raise BundleError(
                f"{where} has format version {version}; this napari-organelle reads up to version "
                f"{FORMAT_VERSION}: upgrade it."
            )
        values = {**values}
        if _are_names(values.get("classes")):
            values["classes"] = [asdict(each) for each in colour_classes(values["classes"])]
        if _are_names(values.get("slots")):
            values["slots"] = [{"name": name} for name in values["slots"]]
    read = read_object(OnnxDescription, values, where)
    assert isinstance(read, OnnxDescription)
    return read


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def onnx_description(spec: ModelSpec, licence: str, sha256: str) -> dict[str, Any]:
    """The description of a model of ours whose network was written as ONNX, as JSON values.

    Parameters
    ----------
    spec : ModelSpec
        Of the model.
    licence : str
        Under which it may be used; ``""`` where that is not known.
    sha256 : str
        Of the ONNX file.
    """
    pixels = spec.pixels
    description = OnnxDescription(
        format_version=FORMAT_VERSION,
        classes=spec.classes,
        task=spec.task,
        slots=spec.slots,
        input_size=pixels.input_size,
        scaling=pixels.scaling,
        output="logits",
        name=spec.name,
        mixing=pixels.mixing or usual_mixing(len(spec.slots)),
        window_px=pixels.window_px,
        pixel_size_um=pixels.pixel_size_um,
        field_parts=pixels.field_parts,
        temperature=spec.temperature,
        thresholds=spec.thresholds,
        views=spec.views,
        description=spec.description,
        licence=licence,
        onnx_sha256=sha256,
        scores=spec.scores,
        provenance=spec.provenance,
        versions=spec.versions,
    )
    return asdict(description)
