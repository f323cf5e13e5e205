"""The line that says, before Run, what will happen, and the words on the progress bar."""

from __future__ import annotations

from napari_organelle.gui.classify.request import ClassifyRequest
from napari_organelle.train.fitting import EpochReport

STAGES = {
    "reading": "Reading crops",
    "features": "Computing features",
    "head": "Training",
    "fine-tuning": "Fine-tuning",
}
"""What the progress bar calls the stages of a training; folds of a cross-validation go by their number."""


class Speed:
    """How long a region took where a model has run on a device; nothing is said of what has not run yet."""

    def __init__(self) -> None:
        self._measured: dict[tuple[object, ...], float] = {}

    def learn(self, request: ClassifyRequest, device: str, seconds_per_region: float) -> None:
        """Remember what a run took."""
        self._measured[_work(request, device)] = seconds_per_region

    def seconds(self, request: ClassifyRequest, device: str, count: int | None) -> float | None:
        """About how long `count` regions take once the model is loaded; None where it was not measured."""
        each = self._measured.get(_work(request, device))
        return None if each is None or count is None else count * each


def _work(request: ClassifyRequest, device: str) -> tuple[object, ...]:
    """What decides how long a region takes."""
    dense = request.plan if request.plan.is_dense else None
    return request.bundle.id, request.bundle.spec.views, device, dense


def status_line(request: ClassifyRequest, device: str, seconds: float | None, count: int | None) -> str:
    """What Run will do: regions, model, image, channels, device, time."""
    noun = request.plan.noun
    amount = f"all {noun}s" if count is None else f"{count:,} {noun}{'' if count == 1 else 's'}"
    items, _, height, width = request.images.data.shape
    slices = f"{items:,} x " if items > 1 else ""
    channels = request.channel_map
    bound = [
        _bound(slot.name, None if index is None else channels.channel_names[index])
        for slot, index in zip(channels.slots, channels.indices, strict=True)
    ]
    size = f"{slices}{height} x {width} px {request.images.data.dtype}"
    time = "" if seconds is None else f" About {duration(seconds)}."
    what = f"Will classify {amount} of {size} with {request.bundle.spec.name} ({', '.join(bound)})."
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


def progress_text(report: EpochReport) -> str:
    """Stage, count and time left."""
    stage = STAGES.get(report.stage, report.stage.capitalize())
    left = f" · {duration(report.seconds_left)} left" if report.seconds_left == report.seconds_left else ""
    return f"{stage}: {report.epoch:,} of {report.total:,}{left}"
