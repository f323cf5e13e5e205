"""The demo: what a user would do with the sample field of yeast, done by itself."""

from __future__ import annotations

from pathlib import Path

import napari
from qtpy.QtCore import QEventLoop, QTimer

from napari_organelle.errors import OrganelleError
from napari_organelle.gui.classify.widget import ClassifyWidget
from napari_organelle.model.bundle import find_bundles

PLUGIN = "napari-organelle"
MODEL = "yeast-12"
SETTLE_MS = 500
"""Until layers that were just added are drawn."""


def show_demo(output: Path | None = None) -> None:
    """Open the sample field in napari and classify its cells with yeast-12.

    Parameters
    ----------
    output : Path, optional
        Folder in which to write ``demo.png`` (the window) and ``demo.csv`` (the table) before the window
        closes; without it the window stays open.

    Raises
    ------
    OrganelleError
        If the field can't be classified, or the files can't be written.
    """
    viewer = napari.Viewer(title="napari-organelle demo")
    viewer.window.resize(1400, 900)
    _, widget = viewer.window.add_plugin_dock_widget(PLUGIN, "Classify organelles")
    viewer.open_sample(PLUGIN, "yeast_field")
    viewer.layers.selection.active = viewer.layers["protein"]
    widget.form.model.open(find_bundles()[MODEL])
    QTimer.singleShot(0, widget.start)
    if output is None:
        napari.run()
        return
    loop = QEventLoop()
    widget.ended.connect(loop.quit)
    loop.exec()
    QTimer.singleShot(SETTLE_MS, loop.quit)
    loop.exec()
    try:
        write(viewer, widget, output)
    finally:
        viewer.close()


def write(viewer: napari.Viewer, widget: ClassifyWidget, output: Path) -> None:
    """Write the window and the table of a finished run, and say where."""
    answer = widget.message.text()
    if widget.results.result is None:
        raise OrganelleError(answer)
    screenshot, table = output / "demo.png", output / "demo.csv"
    try:
        output.mkdir(parents=True, exist_ok=True)
        viewer.screenshot(str(screenshot), canvas_only=False, flash=False)
    except OSError as error:
        raise OrganelleError(f"{output}: the demo's files can't be written: {error}") from error
    widget.results.export(table)
    print(f"{answer}\nScreenshot: {screenshot}\nTable:      {table}")
