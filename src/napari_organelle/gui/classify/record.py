"""What a result's layers know of the run that they come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
import pandas as pd
from napari.layers import Layer

from napari_organelle.gui.classify.request import ClassifyRequest
from napari_organelle.gui.inputs import METADATA

RECORD = "result"
"""Key of the record in a layer's ``metadata["napari_organelle"]``."""


@dataclass(frozen=True)
class ResultRecord:
    """How a result was made; in the metadata of each of its layers.

    Parameters
    ----------
    image : str
        Name of the layer that was classified, at the time.
    image_id : str
        Its ``unique_id``.
    model : str
        Name of the model.
    model_id : str
        Name and the first digits of the hash of its weights.
    version : str
        Of napari-organelle, when the model was trained; empty where unknown.
    thresholds : tuple of float
        From which a class is called, in [0, 1]: one, or one a class.
    settings : mapping of str to str
        Regions, slices, views, channels: what else decides the answers.
    date : str
        When the run ended, local time, ISO 8601 to the second.
    regions, regions_id : str
        Name and ``unique_id`` of the layer whose objects or points were classified; empty without one.
    """

    image: str
    image_id: str
    model: str
    model_id: str
    version: str
    thresholds: tuple[float, ...]
    settings: Mapping[str, str] = field(default_factory=dict)
    date: str = ""
    regions: str = ""
    regions_id: str = ""

    def same_run(self, other: ResultRecord) -> bool:
        """Whether both answer the same question by the same model, so that one may take the other's place."""
        mine, theirs = ((r.image_id, r.model_id, dict(r.settings)) for r in (self, other))
        return mine == theirs

    def at(self, thresholds: tuple[float, ...]) -> ResultRecord:
        """The same, called from other probabilities."""
        return replace(self, thresholds=thresholds)

    def about(self) -> str:
        """Two lines: what was asked of which model, and when."""
        low, high = min(self.thresholds), max(self.thresholds)
        limits = f"threshold {low:.2f}" if low == high else f"thresholds {low:.2f} to {high:.2f}"
        when = datetime.fromisoformat(self.date).strftime("%Y-%m-%d %H:%M") if self.date else ""
        asked = f"{self.image} by {self.model_id}, {self.settings.get('regions', '')}"
        return f"{asked}\n{limits}; {when}; {self.settings.get('channels', '')}"

    def stamp(self, table: pd.DataFrame) -> pd.DataFrame:
        """A table with columns model, model_id, threshold and classified at its end."""
        limits = "|".join(f"{limit:.4g}" for limit in self.thresholds)
        return table.assign(model=self.model, model_id=self.model_id, threshold=limits, classified=self.date)


def record_of(request: ClassifyRequest, image: Layer, regions: Layer | None = None) -> ResultRecord:
    """The record of a run that is about to start; `regions` is the layer of its objects or points."""
    spec, plan = request.bundle.spec, request.plan
    sizes = [f"{name} {value}" for name, value in vars(plan).items() if isinstance(value, int) and value]
    channels = request.channel_map
    settings = {
        "regions": " ".join([plan.kind, *sizes, *([] if regions is None else [f"of {regions.name}"])]),
        "slices": ",".join(str(use) for use in request.placement.leading),
        "views": str(spec.views),
        "channels": ", ".join(
            f"{slot.name}={'none' if index is None else channels.channel_names[index]}"
            for slot, index in zip(channels.slots, channels.indices, strict=True)
        ),
    }
    return ResultRecord(
        image=image.name,
        image_id=str(image.unique_id),
        model=spec.name,
        model_id=request.bundle.id,
        version=str(spec.versions.get("napari-organelle", "")),
        thresholds=tuple(spec.thresholds),
        settings=settings,
        date=now(),
        regions="" if regions is None else regions.name,
        regions_id="" if regions is None else str(regions.unique_id),
    )


def now() -> str:
    """Local time to the second."""
    return datetime.now().astimezone().isoformat(timespec="seconds")


def limits_of(threshold: float | np.ndarray) -> tuple[float, ...]:
    """A threshold, or one a class, as a record has them."""
    return tuple(float(limit) for limit in np.atleast_1d(threshold))


def record(layer: Layer) -> ResultRecord | None:
    """The record of a layer of results; None of any other layer."""
    found = layer.metadata.get(METADATA, {}).get(RECORD)
    return found if isinstance(found, ResultRecord) else None
