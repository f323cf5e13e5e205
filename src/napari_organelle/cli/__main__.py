"""``python -m napari_organelle.cli`` is ``napari-organelle``."""

import sys

from napari_organelle.cli import main

if __name__ == "__main__":
    sys.exit(main())
