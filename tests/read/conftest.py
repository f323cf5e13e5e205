"""Small made-up files."""

from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest


@pytest.fixture
def write_png() -> Callable[..., Path]:
    """Write an array as PNG; without one, a 6 x 8 RGB picture whose planes are 10, 20 and 0."""

    def write(path: Path, pixels: np.ndarray | None = None) -> Path:
        if pixels is None:
            pixels = np.broadcast_to(np.array([10, 20, 0], np.uint8), (6, 8, 3)).copy()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels)))
        return path

    return write
