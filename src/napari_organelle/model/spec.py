"""ModelSpec: all that is known of a model but its weights, and its JSON form."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, NoReturn, Union, cast, get_args, get_origin, get_type_hints

from napari_organelle.errors import BundleError
from napari_organelle.model.networks.onnx_file import OnnxNetwork
from napari_organelle.model.networks.plan import NetworkPlan
from napari_organelle.prepare.channels import Slot
from napari_organelle.prepare.pixels import COLOURS, MAX_SLOTS, PixelPlan

FORMAT_VERSION = 2

JSON_NAMES = {str: "a string", int: "a whole number", float: "a number", bool: "true or false"}

TEMPERATURES = (1e-3, 1e3)
"""Least and most that logits are divided by; fitted ones are from 0.05 to 20."""

MAX_INPUT_SIZE = 2048
"""Pixels along a side of the network's input; the first block's maps of one such window take 1 GB."""

MAX_WINDOW = 16384
"""Pixels along a side of a window."""

LEARNED_NOTHING = "learned nothing"
"""Verdict on a model whose scores do not clear those of the trivial answer."""


@dataclass(frozen=True)
class OrganelleClass:
    """A class and its fixed colour, ``#rrggbb``."""

    name: str
    colour: str


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """A model, without its weights.

    Parameters
    ----------
    name : str
        Short name: letters, digits, ``.``, ``_`` and ``-``.
    classes : tuple of OrganelleClass
        K classes in the order of the network's outputs.
    task : {"single", "multi"}
        One organelle an image (softmax), or several (a sigmoid each).
    slots : tuple of Slot
        1 to 4 channel inputs.
    pixels : PixelPlan
        How windows become network input.
    network : NetworkPlan or OnnxNetwork
        What the network is made of, or what is known of one that an ONNX file holds.
    thresholds : tuple of float
        Probability from which a class is called, in [0, 1]: one number for a single-label model, K for a
        multi-label one.
    temperature : float
        Positive; logits are divided by it before softmax or sigmoid, so that probabilities are calibrated.
    views : {1, 8}
        How many views of a window are answered and averaged: the window alone, or all 8 that quarter turns
        and mirroring make of it, which takes 8 times as long.
    description : str
        A sentence or two: what it is for.
    scores : dict
        JSON values: scores and, under ``"trivial"``, those of the trivial answer; ``"verdict"`` is ``"ok"``
        or ``"learned nothing"``.
    provenance : dict
        JSON values: data, its hash, split, seed, recipe, duration, device.
    versions : dict of str to str
        Of the packages that trained it.
    """

    name: str
    classes: tuple[OrganelleClass, ...]
    task: Literal["single", "multi"]
    slots: tuple[Slot, ...]
    pixels: PixelPlan
    network: NetworkPlan | OnnxNetwork
    thresholds: tuple[float, ...]
    temperature: float = 1.0
    views: Literal[1, 8] = 1
    description: str = ""
    scores: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        if problem := self._problem():
            raise BundleError(f"Model {self.name!r}: {problem}.")

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(each.name for each in self.classes)

    @property
    def plan(self) -> NetworkPlan:
        """What the network is made of.

        Raises
        ------
        BundleError
            If an ONNX file holds it, which can answer and nothing else.
        """
        if isinstance(self.network, NetworkPlan):
            return self.network
        raise BundleError(
            f"{self.name} is a model from an ONNX file, which only classifies: take an .organelle file here."
        )

    @property
    def is_onnx(self) -> bool:
        """Whether an ONNX file holds the network, which then runs on the CPU by OpenVINO and in 32 bits."""
        return isinstance(self.network, OnnxNetwork)

    @property
    def verdict(self) -> str:
        """``"ok"``, ``"learned nothing"``, or ``"not judged"`` where no scores were saved."""
        return str(self.scores.get("verdict", "not judged"))

    def _problem(self) -> str:
        names = self.class_names
        wanted = 1 if self.task == "single" else len(names)
        slot_names = [slot.name for slot in self.slots]
        checks = (
            (
                re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", self.name),
                "the name may hold letters, digits, '.', '_', '-'",
            ),
            (
                len(names) > 1 and len(set(names)) == len(names) and all(names),
                "it needs two or more different classes",
            ),
            (
                all(re.fullmatch("#[0-9a-fA-F]{6}", c.colour) for c in self.classes),
                "class colours must be #rrggbb",
            ),
            (self.task in ("single", "multi"), f"task must be 'single' or 'multi', not {self.task!r}"),
            (
                1 <= len(self.slots) <= MAX_SLOTS,
                f"it needs 1 to {MAX_SLOTS} channel slots, not {len(self.slots)}",
            ),
            (len(set(slot_names)) == len(slot_names), "channel slots must have different names"),
            (
                all(len(row) == len(self.slots) for row in self.pixels.mixing),
                f"the mixing of pixels must have one number for each of its {len(self.slots)} slots",
            ),
            (
                self.is_onnx or self.pixels.channel_count == COLOURS,
                f"its network takes {COLOURS} colours, not {self.pixels.channel_count}",
            ),
            (len(self.thresholds) == wanted, f"it needs {wanted} thresholds, not {len(self.thresholds)}"),
            (
                all(0 <= t <= 1 for t in self.thresholds),
                f"thresholds must be in [0, 1], not {self.thresholds}",
            ),
            (
                TEMPERATURES[0] <= self.temperature <= TEMPERATURES[1],
                f"the temperature must be from {TEMPERATURES[0]:g} to {TEMPERATURES[1]:g}, "
                f"not {self.temperature}",
            ),
            (
                self.network.min_input_size <= self.pixels.input_size <= MAX_INPUT_SIZE,
                f"input_size must be from {self.network.min_input_size} to {MAX_INPUT_SIZE} pixels, "
                f"not {self.pixels.input_size!s:.20}",
            ),
            (
                self.pixels.window_px <= MAX_WINDOW,
                f"window_px must be at most {MAX_WINDOW} pixels, not {self.pixels.window_px!s:.20}",
            ),
        )
        return next((text for fine, text in checks if not fine), "")

    def to_json(self) -> dict[str, Any]:
        """The spec as JSON values; `from_json` reads it back."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Any) -> ModelSpec:
        """Read what `to_json` made.

        Raises
        ------
        BundleError
            If the format is newer than this version's, a key is missing or unknown, or a value is not what it
            should be; the message names the key.
        """
        version = values.get("format_version") if isinstance(values, dict) else None
        if type(version) is not int:
            raise BundleError("model.json must be an object with a whole number 'format_version'.")
        if version > FORMAT_VERSION:
            raise BundleError(
                f"The model has format version {version}; this napari-organelle reads up to version "
                f"{FORMAT_VERSION}: upgrade it."
            )
        return cast(ModelSpec, read_object(cls, _upgraded(values, version), "model.json"))


def _upgraded(values: dict[str, Any], version: int) -> dict[str, Any]:
    """JSON values of an older format as the present one's.

    Version 1 knew only VGG16, called the head of the 2019 notebooks ``"seed"``, and could have a second head
    for tiles that share their work, which is left out.
    """
    if version >= 2:
        return values
    network = values.get("network")
    if isinstance(network, dict) and network.get("head") == "seed":
        network = {**network, "head": "notebook2019"}
    kept = {name: value for name, value in values.items() if name != "dense_head"}
    return {**kept, "format_version": FORMAT_VERSION} | ({"network": network} if "network" in values else {})


def _read(hint: Any, value: Any, where: str) -> Any:
    """Check a JSON value against a type hint of this package's dataclasses, and make what the hint says."""
    origin, args = get_origin(hint), get_args(hint)
    if is_dataclass(hint):
        return read_object(hint, value, where)
    if origin is Literal:
        return value if value in args else _refuse(where, f"one of {args}", value)
    if origin in (Union, UnionType):
        return None if value is None and NoneType in args else _read(args[0], value, where)
    if origin is tuple:
        items = value if isinstance(value, list | tuple) else _refuse(where, "a list", value)
        return tuple(_read(args[0], item, f"{where}[{index}]") for index, item in enumerate(items))
    if origin is Mapping:
        return value if isinstance(value, dict) else _refuse(where, "an object", value)
    if hint is float and type(value) in (int, float):
        return float(value)
    return value if type(value) is hint else _refuse(where, JSON_NAMES[hint], value)


def read_object(kind: Any, values: Any, where: str) -> Any:
    """Make a dataclass from a JSON object.

    Parameters
    ----------
    kind : type
        The dataclass.
    values : Any
        What JSON gave.
    where : str
        With which messages begin, such as the file's name.

    Raises
    ------
    BundleError
        If a key is missing or unknown, or a value is not what it should be; the message names the key.
    """
    if not isinstance(values, dict):
        _refuse(where, "an object", values)
    known = {each.name: each for each in fields(kind)}
    if unknown := sorted(set(values) - set(known)):
        raise BundleError(f"{where}: unknown key {unknown[0]!r}; known are {', '.join(known)}.")
    needed = {
        name for name, each in known.items() if each.default is MISSING and each.default_factory is MISSING
    }
    if missing := sorted(needed - set(values)):
        raise BundleError(f"{where}: the key {missing[0]!r} is missing.")
    hints = get_type_hints(kind)
    read = {name: _read(hints[name], value, f"{where}: {name}") for name, value in values.items()}
    try:
        return kind(**read)
    except ValueError as error:
        raise BundleError(f"{where}: {error}.") from error


def _refuse(where: str, expected: str, value: Any) -> NoReturn:
    raise BundleError(f"{where} must be {expected}, not {value!r:.80}.")
