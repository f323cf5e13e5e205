"""The front door: a classification or a training in a few lines; its names are those of the package."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_organelle.errors import OrganelleWarning, ReadError
from napari_organelle.model.bundle import ModelBundle, open_bundle
from napari_organelle.model.classify import predict_regions
from napari_organelle.model.domain import unlike_note
from napari_organelle.model.predict import collect, notes_of
from napari_organelle.model.prediction import Prediction
from napari_organelle.prepare.cells import choose_stains, label_stack, read_stains
from napari_organelle.prepare.channels import ChannelMap, bind_channels
from napari_organelle.prepare.plans import Images, Objects, Points, RegionPlan, Slices, Tiles
from napari_organelle.read.image_set import Channel, ImageSet
from napari_organelle.read.open import open_image_set
from napari_organelle.train.examples import Examples
from napari_organelle.train.run import TrainingPlan, TrainingResult, train

__all__ = [
    "Channel",
    "ImageSet",
    "Images",
    "ModelBundle",
    "Objects",
    "Points",
    "Prediction",
    "Slices",
    "Tiles",
    "TrainingPlan",
    "TrainingResult",
    "classify",
    "find_cells",
    "open_image_set",
    "open_model",
    "train_model",
]

ImagesOrPath = ImageSet | str | Path | Sequence[str | Path]
"""An image set, or what `open_image_set` opens."""


def open_model(name_or_path: str | Path) -> ModelBundle:
    """Open a model by its name, such as ``"yeast-12"``, or the path of its ``.organelle`` or ``.onnx`` file.

    Raises
    ------
    BundleError
        If there is none, or it can't be read.
    """
    return open_bundle(name_or_path)


def classify(
    images: ImagesOrPath,
    model: ModelBundle | str | Path,
    regions: RegionPlan | None = None,
    *,
    channels: str = "",
    device: str = "auto",
    batch_size: int | None = None,
) -> Prediction:
    """Tell the organelle of every region.

    Parameters
    ----------
    images : ImageSet, or path or list of paths
        What is classified.
    model : ModelBundle, or name or path
        What classifies.
    regions : RegionPlan, optional
        What gets one answer each: `Images`, `Slices`, `Tiles`, `Objects` or `Points`. Sizes that it doesn't
        give are the model's. Whole images where not given.
    channels : str
        Which channel fills each of the model's slots, such as ``"protein=GFP,cytosol=0"``; what the channels
        are called decides about slots that it does not name.
    device : str
        ``"auto"``, ``"cpu"``, ``"openvino"``, ``"gpu:0"``...
    batch_size : int, optional
        Regions at once; fitted to the device where not given.

    Returns
    -------
    Prediction
        `Prediction.to_frame` makes a table of it. Regions that could not be classified have no answer, and a
        warning says why.

    Raises
    ------
    OrganelleError
        If images or model can't be read, a channel is missing, or the regions don't fit the images.
    """
    image_set = _opened(images)
    bundle = model if isinstance(model, ModelBundle) else open_bundle(model)
    channel_map = _bound(bundle, image_set, channels)
    plan = (regions or Images()).sized(bundle.spec.pixels.window_for(image_set.pixel_size_um))
    windows = plan.make(image_set, channels=channel_map)
    batches = []
    for batch in predict_regions(
        bundle, image_set, windows, channel_map, device=device, batch_size=batch_size, dense=plan.is_dense
    ):
        batches.append(batch)
    prediction = collect(batches, windows, bundle)
    notes = [*windows.notes, windows.doubt, *notes_of(batches)]
    if prediction.unlike is not None:
        notes.append(unlike_note(int(prediction.unlike.sum()), len(windows), bundle.spec.name))
    notes += [batch.agreement.note() for batch in batches if batch.agreement]
    for note in dict.fromkeys(filter(None, notes)):
        warnings.warn(note, OrganelleWarning, stacklevel=2)
    return prediction


def find_cells(
    images: ImagesOrPath, model: ModelBundle | str | Path | None = None, *, channels: str = ""
) -> np.ndarray:
    """Outline the cells of every image, each with a number of its own.

    Parameters
    ----------
    images : ImageSet, or path or list of paths
        Where cells are found: in the stain that fills them, grown from nuclei where human cells have them
        stained.
    model : ModelBundle, or name or path, optional
        Whose slots say which channel is which stain; else the channels' names do.
    channels : str
        As for `classify`.

    Returns
    -------
    (N, Y, X) int32
        0 is background. `Objects` takes it.

    Raises
    ------
    RegionError
        If there is no cell.
    """
    image_set = _opened(images)
    channel_map = None
    if model is not None:
        bundle = model if isinstance(model, ModelBundle) else open_bundle(model)
        channel_map = _bound(bundle, image_set, channels)
    stains = read_stains(image_set, choose_stains(image_set.channels, channel_map))
    count, _, height, width = image_set.data.shape
    *_, labels = label_stack(stains, (count, height, width))
    return np.asarray(labels)


def train_model(images: ImagesOrPath | Examples, output: str | Path, **options: Any) -> TrainingResult:
    """Train, judge and save a classifier of one's own.

    Parameters
    ----------
    images : ImageSet, or path or list of paths, or Examples
        Labelled images, or labelled windows in them.
    output : str or Path
        Model to write, such as ``"mine.organelle"``.
    **options
        Those of `TrainingPlan`, such as ``recipe``, ``judge``, ``seed``, ``device`` and ``overwrite``.

    Returns
    -------
    TrainingResult
        The saved model, and its scores beside those of the trivial answer.

    Raises
    ------
    TrainingError
        If the data or the options can't give a model.
    """
    data = images if isinstance(images, Examples) else _opened(images)
    reports = train(TrainingPlan(output=Path(output), **options), data)
    try:
        while True:
            next(reports)
    except StopIteration as end:
        result: TrainingResult = end.value
        return result


def _opened(images: ImagesOrPath) -> ImageSet:
    if isinstance(images, ImageSet):
        return images
    if hasattr(images, "ndim"):
        raise ReadError(
            "expected an ImageSet or paths; an array does not say what its channels show: "
            "ImageSet.from_array(array, channels) does, with the axes item, channel, y, x"
        )
    return open_image_set(images)


def _bound(bundle: ModelBundle, images: ImageSet, channels: str) -> ChannelMap:
    found = bind_channels(bundle.spec.slots, images.channels, channels)
    found.require()
    return found
