"""``python -m napari_organelle.cli`` is ``napari-organelle``."""

from napari_organelle.cli import program

if __name__ == "__main__":
    program()
