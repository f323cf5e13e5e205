"""What a person said of a result's regions: where it is written, and how it is found again."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from napari.layers import Image, Labels, Layer, Points

from napari_organelle.gui.annotate.annotator import Annotator
from napari_organelle.gui.annotate.layers import label_file, may_have_labels, window_file
from napari_organelle.gui.classify.results import Result
from napari_organelle.gui.region_targets import RegionTargets
from napari_organelle.read.tables.annotations import AnnotationLog


def corrector(
    result: Result, layers: Iterable[Layer], on_change: Callable[[], None]
) -> Annotator[RegionTargets] | None:
    """Takes a result's corrections, and restores those that its objects, points or windows have already.

    Parameters
    ----------
    result : Result
        What is corrected; the classes are kept in its ``corrected``.
    layers : iterable of Layer
        Of the viewer.
    on_change : callable
        Called when the regions' classes, or which of them are selected, are to be shown.

    Returns
    -------
    Annotator or None
        None where the layer that was classified is gone.

    Raises
    ------
    OrganelleError
        If the file of labels can't be read.
    """
    layers = list(layers)
    layer, image = source_layer(result, layers), _image(result, layers)
    if layer is None or (image is None and isinstance(layer, Image)):
        return None
    path = (
        label_file(layer, image)
        if isinstance(layer, Labels | Points)
        else window_file(layer, _windows(result))
    )
    colours = {each.name: each.colour for each in result.bundle.spec.classes}
    annotator = Annotator(RegionTargets(result, layer, on_change), colours, AnnotationLog(path))
    more = {name: colour for name, colour in annotator.colours.items() if name not in colours}
    annotator.colours = colours | more
    return annotator


def restore(result: Result, layers: Iterable[Layer]) -> None:
    """Give a result the classes that its objects, points or windows were given by hand before.

    Raises
    ------
    OrganelleError
        If the file of labels can't be read.
    """
    layers = list(layers)
    layer, image = source_layer(result, layers), _image(result, layers)
    if layer is None:
        return
    what = _windows(result) if isinstance(layer, Image) else layer.name
    if may_have_labels(layer if image is None else image, what):
        corrector(result, layers, lambda: None)


def source_layer(result: Result, layers: Iterable[Layer]) -> Layer | None:
    """The layer whose objects or points were classified, or else the image; None where it is gone."""
    wanted = result.record.regions_id or result.record.image_id
    found = next((layer for layer in layers if str(layer.unique_id) == wanted), None)
    fits = isinstance(found, Labels | Points) or (isinstance(found, Image) and not result.record.regions_id)
    return found if fits else None


def _image(result: Result, layers: Iterable[Layer]) -> Layer | None:
    return next((each for each in layers if str(each.unique_id) == result.record.image_id), None)


def _windows(result: Result) -> str:
    """What windows without a layer of their own are called, such as tiles of a size."""
    return result.record.settings.get("regions", "regions")
