"""Tell which organelle a fluorescent protein lights up, from napari or headless.

>>> from napari_organelle import Tiles, classify
>>> table = classify("field.tif", "yeast-12", Tiles()).to_frame()  # doctest: +SKIP
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_organelle.api import (
        Channel,
        Images,
        ImageSet,
        ModelBundle,
        Objects,
        Points,
        Prediction,
        Slices,
        Tiles,
        TrainingPlan,
        TrainingResult,
        classify,
        find_cells,
        open_image_set,
        open_model,
        train_model,
    )

    __version__: str

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


def __getattr__(name: str) -> object:
    """Import a name when it is asked for: importing the package alone costs nothing."""
    if name == "__version__":
        return import_module("importlib.metadata").version("napari-organelle")
    if name in __all__:
        return getattr(import_module("napari_organelle.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
