"""What every part of a run has in common."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from napari_organelle.errors import RegionError
from napari_organelle.model.bundle import ModelBundle
from napari_organelle.prepare.plans import Images, RegionPlan
from napari_organelle.read.image_set import ImageSet

WHOLE = ("image", "slices")
"""Kinds of regions that have no window."""

TINY_WINDOW = 16
"""Sides of windows that are doubted."""

MAX_IMAGES = 4
"""Times that a window may be larger than the image before it is refused."""


@dataclass(frozen=True, kw_only=True)
class PartOptions:
    """How parts are answered; plain data that pickles to paths and numbers.

    Parameters
    ----------
    bundle : ModelBundle
        The model.
    weights : str
        SHA-256 of its weights: a worker that finds another model at the bundle's path refuses it.
    regions : RegionPlan
        What gets an answer each; names files, so that it pickles to their paths.
    channels : str
        Such as ``"protein=GFP,cytosol=0"``; guessed where empty.
    threshold : float, optional
        Probability in [0, 1] from which a class is called; the model's own where not given.
    pixel_size_um : float, optional
        Micrometres per pixel, instead of what the files say.
    window : int, optional
        Side in pixels of a window around an object or a point, and of a tile; by the pixel size where not
        given.
    predict : mapping
        Keywords of `model.predict.predict`: ``device`` and ``batch_size``.
    """

    bundle: ModelBundle
    weights: str
    regions: RegionPlan = field(default_factory=Images)
    channels: str = ""
    threshold: float | None = None
    pixel_size_um: float | None = None
    window: int | None = None
    predict: Mapping[str, Any] = field(default_factory=dict)

    def regions_of(self, images: ImageSet) -> RegionPlan:
        """The plan with the sizes that it has on a set.

        Raises
        ------
        RegionError
            If the pixel size makes windows many times larger than the image.
        """
        window = self.window_of(images)
        if self.regions.kind not in WHOLE and window > MAX_IMAGES * max(images.data.shape[2:]):
            raise RegionError(self.doubt(images))
        return self.regions.sized(window)

    def window_of(self, images: ImageSet) -> int:
        """Side of a window in pixels of a set."""
        size = self.pixel_size_um or images.pixel_size_um
        return self.window or self.bundle.spec.pixels.window_for(size)

    def doubt(self, images: ImageSet) -> str:
        """A sentence where the pixel size makes an unlikely window; ``""`` where fine, or not used."""
        window, size = self.window_of(images), self.pixel_size_um or images.pixel_size_um
        height, width = images.data.shape[2:]
        if self.regions.kind in WHOLE or self.window or size is None:
            return ""
        if TINY_WINDOW < window <= max(height, width):
            return ""
        what = (
            "is only a few pixels"
            if window <= TINY_WINDOW
            else f"is larger than the image ({height} x {width})"
        )
        return (
            f"a window of {window:,} px at {size:g} um a pixel {what}; the pixel size is likely wrong: "
            "add --pixel-size UM or --window PX"
        )

    def describe(self) -> dict[str, Any]:
        """What results depend on, ready for JSON: all but the device."""
        regions = {f"--{name}": _ready(value) for name, value in vars(self.regions).items()}
        return {
            "model": f"{self.bundle.spec.name}@{self.weights}",
            "views": self.bundle.spec.views,
            "--regions": self.regions.kind,
            **regions,
            "--channels": self.channels,
            "--pixel-size": self.pixel_size_um,
            "--window": self.window,
            "--threshold": self.threshold,
            **{name: value for name, value in self.predict.items() if name != "device"},
        }


def _ready(value: object) -> object:
    """A field of a plan for JSON: a path with the state of its file, or of all files of a folder."""
    if not isinstance(value, Path):
        return value
    if not value.is_dir():
        return file_state(value)
    return f"{value.absolute()}, {files_state(path for path in sorted(value.rglob('*')) if path.is_file())}"


def files_state(files: Iterable[Path]) -> str:
    """Changes when a file is another, or is changed."""
    return digest(map(file_state, files))


def digest(names: Iterable[str]) -> str:
    """Hash of names in their order."""
    found = hashlib.blake2b(digest_size=12)
    for name in names:
        found.update(f"{name}\n".encode(errors="surrogateescape"))
    return found.hexdigest()


def file_state(path: Path) -> str:
    """A path with the size and time of its last change, by which a replaced file is noticed."""
    try:
        found = path.stat()
    except OSError:
        return str(path.absolute())
    return f"{path.absolute()}, {found.st_size} bytes, changed {found.st_mtime_ns}"
