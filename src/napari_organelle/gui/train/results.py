"""What a trained model is worth: verdict, scores beside the trivial answer's, confusion matrix, crops."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from napari_organelle.gui.fields import wrapped_label
from napari_organelle.gui.train.confusion import ConfusionTable
from napari_organelle.model.scoring.scores import OK, Scores
from napari_organelle.show.montage import (
    Montage,
    called_held_out,
    held_out_montage,
    rows_of_cell,
    sample_of_each_class,
)

if TYPE_CHECKING:
    from napari_organelle.train.run import TrainingResult

GOOD, CAUTION, BAD = "#2fbf71", "#e69f00", "#ff5a4d"
MAX_CROPS, MAX_EXAMPLES = 60, 35


@dataclass(frozen=True)
class CropWish:
    """Which held-out crops to show: those of one cell of the matrix, or a sample of all.

    Parameters
    ----------
    truth, call : int
        Row and column of the confusion matrix; -1 for a sample of all classes.
    """

    truth: int = -1
    call: int = -1


class TrainResults(QWidget):
    """A page of results; `wanted` says which crops are to be shown as layers."""

    wanted = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.verdict = wrapped_label()
        self.summary = QLabel()
        self.summary.setWordWrap(True)
        self.matrix_title = wrapped_label(
            "<b>Confusion matrix</b> (rows: truth, columns: called). Click a cell to see its crops."
        )
        self.matrix = ConfusionTable()
        self.examples = QPushButton("Show examples with their truth")
        self.examples.setToolTip(
            "Held-out crops of every class as a layer, with what they are and what they were called"
        )
        self.classes = QLabel()
        self.notes = wrapped_label()
        column = QVBoxLayout(self)
        for widget in (
            self.verdict,
            self.summary,
            self.matrix_title,
            self.matrix,
            self.examples,
            self.classes,
            self.notes,
        ):
            column.addWidget(widget)
        column.addStretch(1)
        self.matrix.cell_chosen.connect(lambda truth, call: self.wanted.emit(CropWish(truth, call)))
        self.examples.clicked.connect(lambda: self.wanted.emit(CropWish()))

    def show_result(self, result: TrainingResult) -> None:
        """Show what a run ended with."""
        scores = result.scores
        words, colour = verdict_words(scores, result.training_set.shared)
        self.verdict.setText(words)
        self.verdict.setStyleSheet(f"color: {colour}; font-size: 15px; font-weight: bold;")
        judged = scores is not None
        for widget in (self.summary, self.matrix_title, self.matrix, self.examples, self.classes):
            widget.setVisible(judged)
        spec = result.bundle.spec
        notes = [*spec.provenance.get("notes", ()), *(scores.notes if scores is not None else ())]
        self.notes.setText("\n".join([f"Saved as {result.bundle.path}.", *notes]))
        if scores is not None:
            self.summary.setText(summary_table(scores))
            self.classes.setText(class_table(scores))
            self.matrix.show_matrix(scores.confusion, scores.classes)


def verdict_words(scores: Scores | None, shared: Mapping[str, float] | None = None) -> tuple[str, str]:
    """The verdict in words, and the colour to say it in.

    Parameters
    ----------
    scores : Scores or None
        None where nothing was held out.
    shared : mapping of str to float, optional
        What held-out crops share with training ones, as `TrainingSet.shared`.
    """
    if scores is None:
        return "This model was not judged: nothing was held out. Its answers can't be relied on yet.", BAD
    if scores.verdict != OK:
        return "This model learned nothing better than guessing.", BAD
    if shared:
        same = " and ".join(f"{name}s" for name in shared)
        return (
            f"This model tells new crops of the same {same} apart. How it does on others was not measured.",
            CAUTION,
        )
    return "This model learned: its score clears that of the trivial answer.", GOOD


def summary_table(scores: Scores) -> str:
    """Scores beside the trivial answer's, as HTML."""
    low, high = scores.ci95
    trivial = scores.trivial
    rows: tuple[tuple[str, ...], ...] = (
        ("", "This model", f"Trivial answer ({trivial['answer']})"),
        ("Macro F1", f"<b>{scores.macro_f1:.3f}</b> ({low:.3f} to {high:.3f})", f"{trivial['macro_f1']:.3f}"),
        ("Exactly right", f"{scores.accuracy:.1%}", f"{trivial['accuracy']:.1%}"),
    )
    if len(scores.classes) > 2:
        rows += (("Right among the best two", f"{scores.top2:.1%}", ""),)
    note = f"{scores.n:,} held-out crops of {scores.groups:,} groups; 95 % interval over groups in brackets."
    return f"{_table(rows)}<p>{note}</p>"


def class_table(scores: Scores) -> str:
    """Precision, recall, F1 and average precision of each class, as HTML."""
    names = ("precision", "recall", "f1", "average_precision")
    rows: list[tuple[str, ...]] = [("Class", "Precision", "Recall", "F1", "Av. prec.", "Crops")]
    for name, values in scores.per_class.items():
        rows.append((html.escape(name), *(_two_digits(values[key]) for key in names), f"{values['n']:,}"))
    return _table(rows)


def _two_digits(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _table(rows: Any) -> str:
    cells = "".join(
        "<tr>" + "".join(f"<td style='padding-right: 12px'>{cell}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    return f"<table>{cells}</table>"


def montage_of(result: TrainingResult, wish: CropWish) -> Iterator[tuple[str, Montage, float | None]]:
    """One report: a name, held-out crops as the network sees them, and their pixel size; for a worker.

    Parameters
    ----------
    result : TrainingResult
        With scores.
    wish : CropWish
        Which crops; at most `MAX_CROPS` of them.
    """
    spec, targets = result.bundle.spec, result.held_out.targets
    if wish.truth < 0:
        rows = sample_of_each_class(targets, MAX_EXAMPLES)
        name = f"{spec.name}: examples"
    else:
        rows = rows_of_cell(targets, called_held_out(result), wish.truth, wish.call)[:MAX_CROPS]
        name = f"{spec.name}: {spec.class_names[wish.truth]} called {spec.class_names[wish.call]}"
    plan = result.training_set.pixels
    size = plan.pixel_size_um and plan.pixel_size_um * plan.window_px / plan.input_size
    yield name, held_out_montage(result, rows), size
