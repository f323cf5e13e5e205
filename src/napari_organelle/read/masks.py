"""Instance masks that come with images of the Human Protein Atlas: ``<id>_predictedmask.png``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_organelle.read.files import ItemFiles
from napari_organelle.read.image_set import ImageSet

ENDING = "_predictedmask.png"


def find_masks(images: ImageSet) -> ImageSet:
    """The set with the masks in its images' folder, or in ``masks`` in or beside it."""
    folder = Path(images.items["path"].iloc[0]).parent
    for place in (folder, folder.parent / "masks", folder / "masks"):
        found = (
            {path.name for path in place.iterdir() if path.name.endswith(ENDING)} if place.is_dir() else set()
        )
        names = [f"{image}{ENDING}" for image in images.items["id"]] if found else []
        if found.intersection(names):
            paths = tuple((str(place / name) if name in found else "",) for name in names)
            sizes = images.items[["height", "width"]].to_numpy(np.int64)
            files = ItemFiles(paths, ((0,),), sizes, np.dtype(np.int32))
            return replace(images, masks=files.lazy(channel=0), mask_files=files)
    return images
