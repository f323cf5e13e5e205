"""Tell which organelle a fluorescent protein lights up, from napari or headless."""

__version__ = "0.1.0"
