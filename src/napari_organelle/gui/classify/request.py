"""ClassifyRequest: all that a run needs, frozen before it starts; and the run, a generator of reports."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from napari_organelle.model.bundle import ModelBundle
from napari_organelle.model.classify import predict_regions
from napari_organelle.model.dense.predict import dense_problem
from napari_organelle.model.engine.loaded import load
from napari_organelle.model.predict import collect
from napari_organelle.model.prediction import BatchDone, Prediction
from napari_organelle.prepare.channels import ChannelMap
from napari_organelle.prepare.plans import RegionPlan
from napari_organelle.prepare.regions import Regions
from napari_organelle.read.image_set import ImageSet
from napari_organelle.show.placement import Placement


@dataclass(frozen=True, eq=False)
class ClassifyRequest:
    """One run, in plain data.

    Parameters
    ----------
    bundle : ModelBundle
        The model.
    images : ImageSet
        What is classified.
    channel_map : ChannelMap
        Slots of the model to channels of `images`.
    plan : RegionPlan
        What gets one answer each.
    placement : Placement
        Where the results go.
    device : str
        ``"auto"``, ``"cpu"``, ``"gpu:0"``...
    files : tuple of Path
        That the pixels come from; empty where one of the channels is in no file.
    """

    bundle: ModelBundle
    images: ImageSet
    channel_map: ChannelMap
    plan: RegionPlan
    placement: Placement
    device: str = "auto"
    files: tuple[Path, ...] = ()

    def problem(self) -> str:
        """Why the run can't start, with what to do; ``""`` when fine."""
        if self.plan.is_dense and (problem := dense_problem(self.bundle.spec.network)):
            return problem
        return self.channel_map.problem() or self.plan.problem(self.images)


@dataclass(frozen=True)
class RunStage:
    """What a run is doing when it isn't counting regions."""

    text: str


Report = RunStage | Regions | BatchDone


def run(request: ClassifyRequest) -> Iterator[Report]:
    """Do it: stages, then the regions, then a report a batch.

    Raises
    ------
    OrganelleError
        Of the kinds that `predict` and the regions name.
    """
    yield RunStage("cutting regions…")
    regions = request.plan.make(request.images, channels=request.channel_map)
    yield regions
    yield RunStage(f"loading {request.bundle.spec.name}…")
    yield from predict_regions(
        request.bundle,
        request.images,
        regions,
        request.channel_map,
        device=request.device,
        dense=request.plan.is_dense,
    )


def warm_up(bundle: ModelBundle, device: str) -> Iterator[None]:
    """Load the engine and a model before anybody asks; one report at the end, for a worker."""
    load(bundle, device)
    yield


def gather(request: ClassifyRequest, regions: Regions, batches: list[BatchDone]) -> Prediction:
    """The prediction of all batches that came, complete or not."""
    return collect(batches, regions, request.bundle)
