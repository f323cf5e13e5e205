"""The line that says, before Run, what will happen."""

from __future__ import annotations

import os
import sys

from napari_organelle.gui.classify.request import ClassifyRequest
from napari_organelle.model.bundle import ModelBundle

VGG16_MACS = 15.3e9
"""Multiplications of VGG16's convolutions for one image of 224 x 224 pixels."""

MACS_PER_SECOND = {"cpu": 50e9, "openvino": 80e9, "gpu": 4e12}
"""Per core, and per GPU: rough, until a run has been timed."""

START_SECONDS = 8
NOUNS = {"image": "image", "slices": "slice", "tiles": "tile", "objects": "object", "points": "point"}


class Speed:
    """Seconds a region, measured where a model has run on a device, else guessed from the network's size."""

    def __init__(self) -> None:
        self._measured: dict[tuple[str, int, str], float] = {}

    def learn(self, bundle: ModelBundle, device: str, seconds_per_region: float) -> None:
        """Remember what a run took."""
        self._measured[bundle.id, bundle.spec.views, device] = seconds_per_region

    def seconds(self, bundle: ModelBundle, device: str, count: int) -> float:
        """About how long `count` regions take, with the start of Keras where it hasn't started yet."""
        spec = bundle.spec
        start = 0 if "keras" in sys.modules else START_SECONDS
        each = self._measured.get((bundle.id, spec.views, device))
        if each is None:
            macs = VGG16_MACS * (spec.pixels.input_size / 224) ** 2 * spec.network.width**2 * spec.views
            kind = device.partition(":")[0]
            units = 1 if kind == "gpu" else os.cpu_count() or 1
            each = macs / (units * MACS_PER_SECOND.get(kind, MACS_PER_SECOND["cpu"]))
        return start + count * each


def status_line(request: ClassifyRequest, device: str, seconds: float | None, count: int | None) -> str:
    """What Run will do: regions, model, image, channels, device, time."""
    kind = request.plan.kind
    many = (
        f"{count:,} {NOUNS[kind]}{'' if count == 1 else 's'}" if count is not None else f"all {NOUNS[kind]}s"
    )
    items, _, height, width = request.images.data.shape
    slices = f"{items:,} x " if items > 1 else ""
    channels = request.channel_map
    bound = [
        _bound(slot.name, None if index is None else channels.channel_names[index])
        for slot, index in zip(channels.slots, channels.indices, strict=True)
    ]
    size = f"{slices}{height} x {width} px {request.images.data.dtype}"
    time = "" if seconds is None else f" About {duration(seconds)}."
    what = f"Will classify {many} of {size} with {request.bundle.spec.name} ({', '.join(bound)})."
    return f"{what} {device[:1].upper()}{device[1:].rstrip('.')}.{time}"


def _bound(slot: str, channel: str | None) -> str:
    if channel is None:
        return f"no {slot}"
    return slot if slot == channel else f"{slot} = {channel}"


def duration(seconds: float) -> str:
    """``"8 s"``, ``"3 min"``, ``"2.5 h"``."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
