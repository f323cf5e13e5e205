"""Tells every widget of this napari when a model was saved."""

from __future__ import annotations

from qtpy.QtCore import QObject, Signal


class ModelNews(QObject):
    """`saved` comes with the path of the new bundle."""

    saved = Signal(object)


model_news = ModelNews()
