"""Regions classified one by one, or overlapping tiles from feature maps that they share."""

from __future__ import annotations

from collections.abc import Iterator

from napari_organelle.model.bundle import ModelBundle
from napari_organelle.model.dense.predict import predict_dense
from napari_organelle.model.predict import predict
from napari_organelle.model.prediction import BatchDone
from napari_organelle.prepare.channels import ChannelMap
from napari_organelle.prepare.regions import Regions
from napari_organelle.read.image_set import ImageSet


def predict_regions(
    bundle: ModelBundle,
    image_set: ImageSet,
    regions: Regions,
    channel_map: ChannelMap,
    *,
    device: str = "auto",
    batch_size: int | None = None,
    dense: bool = False,
) -> Iterator[BatchDone]:
    """Classify regions; close the generator to stop.

    Parameters
    ----------
    bundle, image_set, regions, channel_map, device, batch_size
        As for `predict.predict`.
    dense : bool
        Whether overlapping tiles share their convolutions: much faster, and nearly equal answers; see
        `dense.predict.predict_dense`. `batch_size` is not used then.

    Yields
    ------
    BatchDone
        As from `predict.predict`.
    """
    if dense:
        return predict_dense(bundle, image_set, regions, channel_map, device)
    return predict(bundle, image_set, regions, channel_map, device=device, batch_size=batch_size)
