"""What every part of a run has in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from napari_organelle.model.bundle import ModelBundle
from napari_organelle.prepare.regions import RegionKind


@dataclass(frozen=True)
class RegionOptions:
    """Which regions get an answer.

    Parameters
    ----------
    kind : {"image", "slices", "tiles", "objects", "points"}
        What an answer is given to.
    tile, stride : int, optional
        For tiles, in pixels; the model's window and the tile's side where not given.
    labels : Path, optional
        For objects: their label image; else the set's masks, or cells are found.
    points : Path, optional
        For points: their table.
    """

    kind: RegionKind = "image"
    tile: int | None = None
    stride: int | None = None
    labels: Path | None = None
    points: Path | None = None


@dataclass(frozen=True, kw_only=True)
class PartOptions:
    """How parts are answered; plain data that pickles to paths and numbers.

    Parameters
    ----------
    bundle : ModelBundle
        The model.
    weights : str
        SHA-256 of its weights: a worker that finds another model at the bundle's path refuses it.
    regions : RegionOptions
        Which regions.
    channels : str
        Such as ``"protein=GFP,cytosol=0"``; guessed where empty.
    threshold : float, optional
        Probability in [0, 1] from which a class is called; the model's own where not given.
    predict : mapping
        Keywords of `model.predict.predict`, such as ``device`` and ``batch_size``.
    """

    bundle: ModelBundle
    weights: str
    regions: RegionOptions = RegionOptions()
    channels: str = ""
    threshold: float | None = None
    predict: Mapping[str, Any] = field(default_factory=dict)

    @property
    def dense(self) -> bool:
        """Whether overlapping tiles share their work."""
        return bool(self.predict.get("dense"))

    def describe(self) -> dict[str, Any]:
        """What results depend on, ready for JSON: all but the device."""
        regions = {f"--{name}": value for name, value in asdict(self.regions).items()}
        regions["--regions"] = regions.pop("--kind")
        for name in ("--labels", "--points"):
            regions[name] = file_state(regions[name]) if regions[name] else None
        return {
            "model": f"{self.bundle.spec.name}@{self.weights}",
            "views": self.bundle.spec.views,
            **regions,
            "--channels": self.channels,
            "--threshold": self.threshold,
            **{name: value for name, value in self.predict.items() if name != "device"},
        }


def file_state(path: Path) -> str:
    """A path with the size and time of its last change, by which a replaced file is noticed."""
    try:
        found = path.stat()
    except OSError:
        return str(path.absolute())
    return f"{path.absolute()}, {found.st_size} bytes, changed {found.st_mtime_ns}"
