"""A montage of crops as layers."""

from __future__ import annotations

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Layer, Points

from napari_organelle.show.montage import Montage

RIGHT, WRONG = "#2fbf71", "#ff5a4d"
FRAME_SHARE = 0.03
TEXT_SIZE, LARGE_TEXT_SIZE, MAX_LARGE_TEXTS = 6, 10, 15


def montage_layers(name: str, montage: Montage, pixel_size_um: float | None) -> tuple[Image, Points]:
    """The crops, and a frame around each: green where it was called what it is, red where not.

    The frames' features tell truth, call, confidence and the item's name, also under the mouse.

    Parameters
    ----------
    name : str
        Of the image layer.
    montage : Montage
        The crops.
    pixel_size_um : float or None
        Micrometres per pixel of the montage, where known.
    """
    colours = [RIGHT if right else WRONG for right in montage.table["right"]]
    place = {"scale": (pixel_size_um,) * 2, "units": ("um", "um")} if pixel_size_um else {}
    corner = -(montage.side / 2 + FRAME_SHARE * montage.side)
    image = Image(montage.image, name=name, rgb=True, **place)
    frames = Points(
        montage.centres,
        name=f"{name} (truth)",
        features=montage.table,
        symbol="square",
        size=montage.side * (1 + FRAME_SHARE),
        face_color=np.zeros(4),
        border_color=colours or "white",
        border_width=FRAME_SHARE,
        text={
            "string": {"array": np.asarray(montage.captions(), dtype=str)},
            "color": {"array": colours} if colours else "white",
            "anchor": "upper_left",
            "translation": (corner, corner),
            "size": TEXT_SIZE if len(montage.centres) > MAX_LARGE_TEXTS else LARGE_TEXT_SIZE,
        },
        **place,
    )
    return image, frames


def fill_canvas(viewer: ViewerModel, layer: Layer) -> None:
    """Move the camera so that one layer fills the canvas, however far others reach."""
    viewer.reset_view()
    all_sides, own = (np.diff(each.extent.world[:, -2:], axis=0)[0] for each in (viewer.layers, layer))
    camera = getattr(viewer, "scene", viewer).camera
    camera.center = (0.0, *layer.extent.world[:, -2:].mean(axis=0))
    camera.zoom *= all_sides.min() / own.max()
