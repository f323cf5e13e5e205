"""The window and the command line find the same cells."""

from collections.abc import Callable

import napari
import numpy as np

from napari_organelle import Objects, find_cells
from napari_organelle.gui.classify.cells import find_in_stack
from napari_organelle.gui.classify.widget import ClassifyWidget
from napari_organelle.gui.readers import image_set_layers
from napari_organelle.read.image_set import Channel, ImageSet

NAMES = ("microtubules", "protein", "nucleus", "ER")


def human_cells() -> ImageSet:
    """Two cells whose microtubules reach farther than their endoplasmic reticulum."""
    y, x = np.ogrid[:160, :240]
    pixels = np.full((1, 4, 160, 240), 20, np.uint8)
    for centre in ((80, 60), (80, 180)):
        distance = np.hypot(y - centre[0], x - centre[1])
        for channel, radius in ((0, 45), (1, 20), (2, 15), (3, 30)):
            pixels[0, channel][distance < radius] = 200
    return ImageSet.from_array(pixels, tuple(Channel(name) for name in NAMES), name="cells")


def test_the_same_image_has_the_same_cells_everywhere(
    viewer: napari.Viewer, open_widget: Callable[[], ClassifyWidget]
) -> None:
    images = human_cells()
    for layer_data in image_set_layers(images):
        viewer._add_layer_from_data(*layer_data)
    widget = open_widget()
    form = widget.form
    assert (str(form.regions.cells.value), str(form.regions.nuclei.value)) == ("microtubules", "nucleus")
    selection = form.selection()
    planes = [selection.planes(each.value) for each in (form.regions.cells, form.regions.nuclei)]
    *_, in_window = find_in_stack(*planes)
    in_script = find_cells(images)
    np.testing.assert_array_equal(in_window, in_script)
    (plane,) = Objects().planes(images)
    np.testing.assert_array_equal(plane, in_script[0])
    assert np.unique(in_script).tolist() == [0, 1, 2]
