"""Make the pictures of the tutorial: a sample field is classified, corrected, taught and compared in napari.

    xvfb-run -s "-screen 0 1920x1080x24" python benchmarks/screenshots.py -o docs/images [--theme light]

Cells that the model calls wrongly are corrected with the truth, which the sample has. The user's own models
and labels are not touched. Two minutes on two cores.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

CORRECTED, PATIENCE_S, REST_S, QUALITY = 12, 300, 3.0, 80


class Window:
    """A napari window of a size and theme.

    Parameters
    ----------
    folder : Path
        Of the pictures.
    theme : {"dark", "light"}
    width, height : int
        In pixels.
    """

    def __init__(self, folder: Path, theme: str, width: int, height: int) -> None:
        import napari
        from napari.settings import get_settings

        self.folder = folder
        get_settings().appearance.theme = theme
        self.viewer = napari.Viewer()
        self.viewer.window._qt_window.resize(width, height)

    def wait(self, done: Callable[[], bool]) -> None:
        """Let the window work until it is done."""
        from qtpy.QtWidgets import QApplication

        end = time.monotonic() + PATIENCE_S
        while not done():
            if time.monotonic() > end:
                raise TimeoutError("The window did not get as far.")
            QApplication.processEvents()
            time.sleep(0.005)

    def save(self, name: str) -> None:
        """Picture of the window once it has come to rest."""
        end = time.monotonic() + REST_S
        self.wait(lambda: time.monotonic() > end)
        self.viewer.window._qt_window.grab().save(str(self.folder / f"{name}.jpg"), quality=QUALITY)


def correct(gallery: Any, result: Any, truth: dict[int, str]) -> None:
    """Give some wrongly called cells, the surest errors first, the class that they have."""
    probabilities = result.prediction.probabilities
    called = np.array(result.bundle.spec.class_names)[probabilities.argmax(axis=1)]
    true = np.array([truth[number] for number in result.prediction.regions.ids.tolist()])
    order = np.argsort(-probabilities.max(axis=1))
    for row in order[called[order] != true[order]][:CORRECTED].tolist():
        gallery.show_region(row)
        gallery.give(true[row])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder")
    parser.add_argument("--theme", choices=("dark", "light"), default="dark")
    parser.add_argument("--size", default="1600x1000", help="of the window, in pixels")
    args = parser.parse_args()
    width, height = map(int, args.size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        for name in ("MODELS", "LABELS"):
            os.environ[f"NAPARI_ORGANELLE_{name}"] = str(Path(folder) / name.lower())
        show_the_loop(Window(args.output, args.theme, width, height))


def show_the_loop(window: Window) -> None:
    """From an opened field to corrected, taught, compared and grouped results."""
    from napari_organelle.gui.docks import open_classify, open_gallery

    viewer = window.viewer
    viewer.open_sample("napari-organelle", "yeast_field")
    truth = viewer.layers["cells"].features.set_index("index")["organelle"].to_dict()
    classify = open_classify(viewer)
    window.wait(lambda: classify.run_button.isEnabled() and bool(classify.devices))
    classify.start()
    window.wait(lambda: not classify.is_running)
    gallery = open_gallery(viewer)
    gallery.take(classify.results.result)
    correct(gallery, gallery.result, truth)
    gallery.go_to_next()
    window.save("correct")
    gallery.teach()
    window.wait(lambda: not classify.is_running)
    viewer.reset_view()
    window.save("taught")
    classify.pages.setCurrentIndex(classify._runs_page)
    window.save("compared")
    viewer.close()


if __name__ == "__main__":
    main()
