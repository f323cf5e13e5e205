"""Picking a model, and what it says of itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QFileDialog, QHBoxLayout, QPushButton, QWidget

from napari_organelle.errors import BundleError
from napari_organelle.gui.fields import ObjectCombo, wrapped_label
from napari_organelle.gui.model_news import model_news
from napari_organelle.model.bundle import ONNX_SUFFIX, SUFFIX, ModelBundle, find_bundles, user_folder
from napari_organelle.model.spec import LEARNED_NOTHING, ModelSpec
from napari_organelle.model.suggest import ASIDE, suggest_model

SHOWN_CLASSES = 4
UNKNOWN = "Nothing says what cells these are: this model was chosen by its channels alone."


class ModelForm(QWidget):
    """Combo of the models that are found, and a button for another file.

    `info`, a line on the chosen one, and `fast` are to be laid out below by the form that has this.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.combo = ObjectCombo("The trained model that names the organelles")
        self.open_button = QPushButton("Open…")
        self.open_button.setToolTip(
            f"Pick a model file (*{SUFFIX}, or *{ONNX_SUFFIX} with its .json beside it)"
        )
        self.info = wrapped_label()
        self.fast = QCheckBox("look at each region once, not 8 times")
        self.fast.setToolTip(
            "This model averages its answers to 8 turned and mirrored views of each region.\n"
            "One view takes an eighth of the time, and is right a little less often."
        )
        self.bundle: ModelBundle | None = None
        self.problem = ""
        self.has_views = False
        self._opened: dict[str, Path] = {}
        self._shown: tuple[str, int] | str = ""
        self._is_picked, self._is_known = False, True
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.combo, 1)
        row.addWidget(self.open_button)
        self.combo.activated.connect(self._on_picked)
        self.open_button.clicked.connect(self._ask_file)
        self.fast.toggled.connect(self._take)
        model_news.saved.connect(self.add)
        self.refresh()

    def refresh(self) -> None:
        """Look for models again."""
        self.combo.offer([*(find_bundles() | self._opened).items()], lambda found: found[0])
        self._take()

    def add(self, path: Path) -> None:
        """Offer a model that was just saved; the choice stays as it is."""
        self._opened[path.stem] = path
        self.refresh()

    def open(self, path: Path) -> None:
        """Add a model file to the choices and choose it."""
        self._opened[path.stem] = path
        self.combo.offer([*(find_bundles() | self._opened).items()], lambda found: found[0])
        self.combo.choose((path.stem, path))
        self._on_picked()

    def suggest(self, kind: str | None, fit: Callable[[ModelSpec], int]) -> None:
        """Choose the model for what is open, or else the one that fits best, unless the user has picked one.

        Parameters
        ----------
        kind : str, optional
            Of the image set; None where no reader of this package opened it.
        fit : callable
            How well a model fits; the first of the best is taken.
        """
        if self._is_picked or self.combo.value is None:
            return
        fits = {}
        for found in [*(find_bundles() | self._opened).items()]:
            if found[0] in ASIDE:
                continue
            try:
                fits[found] = fit(ModelBundle.open(found[1]).spec)
            except BundleError:
                continue
        suited = suggest_model(kind, [name for name, _ in fits]).model
        best = max(fits, key=lambda found: (found[0] == suited, fits[found]), default=self.combo.value)
        was_known, self._is_known = self._is_known, suited is not None
        if best != self.combo.value or was_known != self._is_known:
            self.combo.choose(best)
            self._take()

    def _on_picked(self, row: Any = None) -> None:
        self._is_picked = self._is_known = True
        self._take()

    def _ask_file(self) -> None:
        name, _ = QFileDialog.getOpenFileName(
            self, "Open a model", str(user_folder()), f"Models (*{SUFFIX} *{ONNX_SUFFIX})"
        )
        if name:
            self.open(Path(name))

    def _take(self) -> None:
        """Open the chosen bundle's spec."""
        self.bundle, self.problem = None, ""
        if self.combo.value is None:
            self.problem = f"No model is found. Press 'Open…', or put a *{SUFFIX} file in {user_folder()}."
        else:
            try:
                self.bundle = ModelBundle.open(self.combo.value[1])
            except BundleError as error:
                self.problem = str(error)
        self.has_views = self.bundle is not None and self.bundle.spec.views > 1
        if self.bundle and self.fast.isChecked():
            self.bundle = self.bundle.with_views(1)
        text = about(self.bundle.spec) if self.bundle else self.problem
        if self.bundle and not self._is_known:
            text = f"{UNKNOWN} {text}"
        self.info.setText(text)
        bad = self.bundle is None or self.bundle.spec.verdict == LEARNED_NOTHING
        self.info.setStyleSheet("color: #ff5a4d;" if bad else "")
        self.info.setToolTip(self.bundle.spec.description if self.bundle else "")
        shown = (self.bundle.id, self.bundle.spec.views) if self.bundle else self.problem
        if shown != self._shown:
            self._shown = shown
            self.changed.emit()


def about(spec: ModelSpec) -> str:
    """What it is for in a sentence, classes, score and the trivial answer's score."""
    names = ", ".join(spec.class_names[:SHOWN_CLASSES])
    more = len(spec.classes) - SHOWN_CLASSES
    classes = f"{len(spec.classes)} classes: {names}{f' and {more} more' if more > 0 else ''}."
    return f"{purpose(spec)} {classes} {score_line(spec)}".strip()


def purpose(spec: ModelSpec) -> str:
    """The first sentence of a model's description."""
    first = spec.description.partition(". ")[0].strip()
    return f"{first.rstrip('.')}." if first else ""


def score_line(spec: ModelSpec) -> str:
    """The macro F1 beside the trivial answer's, and a warning where the model is no better."""
    score, trivial = spec.scores.get("macro_f1"), spec.scores.get("trivial")
    answer = (
        trivial.get("answer", "the trivial answer") if isinstance(trivial, dict) else "the trivial answer"
    )
    trivial = trivial.get("macro_f1") if isinstance(trivial, dict) else trivial
    if not isinstance(score, int | float):
        return "It was never judged on held-out images."
    beside = f" ({answer}: {trivial:.2f})" if isinstance(trivial, int | float) else ""
    warning = "It LEARNED NOTHING better than guessing. " if spec.verdict == LEARNED_NOTHING else ""
    judged_on = spec.provenance.get("judged_on", "held-out images")
    return f"{warning}Macro F1 {score:.2f} on {judged_on}{beside}."
