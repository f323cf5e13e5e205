"""One page on a trained model: what it learned from, how well it does, its curves and example calls."""

from __future__ import annotations

import base64
import io
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_organelle.errors import OrganelleError
from napari_organelle.model.spec import LEARNED_NOTHING
from napari_organelle.prepare.cut import cut
from napari_organelle.prepare.pixels import network_input
from napari_organelle.read.image_set import LABEL_SEPARATOR
from napari_organelle.train.run import TrainingResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

EXAMPLES = 24
COLUMNS = 8

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{name}</title><style>
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 60em; margin: 2em auto; color: #222 }}
table {{ border-collapse: collapse }}
td, th {{ padding: .15em .8em; text-align: right; border-bottom: 1px solid #ddd }}
td:first-child, th:first-child {{ text-align: left }} img {{ max-width: 100% }}
.bad {{ background: #b00020; color: white; padding: .6em 1em; font-weight: bold }}
</style></head><body><h1>{name}</h1>{body}</body></html>
"""


def write_report(result: TrainingResult, folder: Path) -> Path:
    """Write ``report.html``, with its figures inside.

    Parameters
    ----------
    result : TrainingResult
        Of a run.
    folder : Path
        Made if it is not there.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    OrganelleError
        If the disk refuses.
    """
    parts = [_verdict(result), _data_table(result)]
    if result.scores:
        parts += [_class_table(result), _image(draw_confusion(result), "confusion matrix")]
    parts += [_image(draw_curves(result), "curves")]
    if len(result.held_out.rows):
        parts += [
            "<h2>Examples that the network had not seen</h2>",
            _image(draw_examples(result), "example calls"),
        ]
    page = folder / "report.html"
    part = page.with_name(".report.html.part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        part.write_text(
            PAGE.format(name=escape(result.bundle.spec.name), body="\n".join(parts)), encoding="utf-8"
        )
        part.replace(page)
    except OSError as error:
        raise OrganelleError(f"The report can't be written to {page}: {error}") from error
    return page


def draw_curves(result: TrainingResult) -> Figure:
    """Loss and macro F1 by epoch, one column for each stage; folds are thin lines beside the head's."""
    from matplotlib.figure import Figure

    stages = {name: rows for name, rows in result.history.items() if rows and not name.startswith("fold")}
    fold_rows = [rows for name, rows in result.history.items() if name.startswith("fold")]
    figure = Figure(figsize=(4.5 * max(1, len(stages)), 5), layout="constrained")
    axes = figure.subplots(2, max(1, len(stages)), squeeze=False, sharex="col")
    for column, (name, rows) in enumerate(stages.items()):
        for axis, measure in zip(axes[:, column], ("loss", "macro_f1"), strict=True):
            _plot(axis, rows, f"train_{measure}", color="tab:blue", label="training")
            _plot(axis, rows, f"val_{measure}", color="tab:orange", label="validation")
            for fold in fold_rows if name == "head" else []:
                _plot(axis, fold, f"val_{measure}", color="tab:orange", linewidth=0.7, label="held-out fold")
            axis.set_ylabel("cross-entropy (nats)" if measure == "loss" else "macro F1")
        axes[0, column].set_title(name)
        axes[1, column].set_xlabel("epoch")
        handles = dict(zip(*reversed(axes[0, column].get_legend_handles_labels()), strict=True))
        axes[0, column].legend(handles.values(), handles.keys())
    return figure


def _plot(axis: Axes, rows: list[dict[str, float]], key: str, **style: Any) -> None:
    values = np.array([row[key] for row in rows], float)
    if np.isfinite(values).any():
        axis.plot(np.arange(1, len(values) + 1), values, **style)


def draw_confusion(result: TrainingResult) -> Figure:
    """Rows are the truth, columns the calls; colour is the share of a row, numbers are counts."""
    from matplotlib.figure import Figure

    if result.scores is None:
        raise ValueError("nothing was held out, so there is no confusion matrix")
    counts, names = np.array(result.scores.confusion), result.scores.classes
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = 2.5 + 0.45 * len(names)
    figure = Figure(figsize=(side, side), layout="constrained")
    axis = figure.subplots()
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.argwhere(counts > 0):
        shade = "white" if shares[row, column] > 0.5 else "black"
        axis.text(column, row, str(counts[row, column]), ha="center", va="center", color=shade, fontsize=8)
    axis.set_xticks(range(len(names)), names, rotation=60, ha="right")
    axis.set_yticks(range(len(names)), names)
    axis.set_xlabel("called" if result.scores.task == "single" else "called together with")
    axis.set_ylabel("truth")
    return figure


def draw_examples(result: TrainingResult) -> Figure:
    """Held-out examples as the network sees them, with truth and call; wrong ones have a red title."""
    from matplotlib.figure import Figure

    made, held, spec = result.training_set, result.held_out, result.bundle.spec
    chosen = np.random.default_rng(0).permutation(len(held.rows))[:EXAMPLES]
    windows = cut(made.examples.image_set, made.examples.windows[held.rows[chosen]], made.indices)
    images = network_input(windows, made.pixels)
    lines = -(-len(chosen) // COLUMNS)
    figure = Figure(figsize=(1.6 * COLUMNS, 2.1 * lines), layout="constrained")
    for axis in (axes := figure.subplots(lines, COLUMNS, squeeze=False)).flat:
        axis.set_axis_off()
    for axis, image, index in zip(axes.flat, images, chosen, strict=False):
        told = result.probabilities[index]
        is_in = told == told.max() if made.task == "single" else told >= np.array(spec.thresholds)
        called = _joined(made.classes, is_in)
        truth = _joined(made.classes, held.targets[index])
        axis.imshow(image)
        wrong = "" if called == truth else f"\n→ {called or 'none'}"
        axis.set_title(f"{truth}{wrong} {told.max():.2f}", fontsize=7, color="red" if wrong else "black")
    return figure


def _joined(names: tuple[str, ...], is_in: np.ndarray) -> str:
    return LABEL_SEPARATOR.join(name for name, there in zip(names, is_in, strict=True) if there)


def _image(figure: Figure, text: str) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    inside = base64.b64encode(buffer.getvalue()).decode()
    return f'<p><img alt="{text}" src="data:image/png;base64,{inside}"></p>'


def _verdict(result: TrainingResult) -> str:
    if result.scores is None:
        return "<p>Not judged: nothing was held out.</p>"
    summary, *warning = result.scores.summary().splitlines()
    shout = f'<p class="bad">{escape(warning[0])}</p>' if result.scores.verdict == LEARNED_NOTHING else ""
    notes = "".join(f"<li>{escape(note)}</li>" for note in result.scores.notes)
    return f"{shout}<p>{escape(summary)}.</p><ul>{notes}</ul>"


def _data_table(result: TrainingResult) -> str:
    told = result.bundle.spec.provenance
    examples = ", ".join(f"{name} {count:,}" for name, count in told["examples"].items())
    split = ", ".join(
        f"{side} {count:,} ({told['split']['groups'][side]} groups)"
        for side, count in told["split"]["examples"].items()
    )
    rows = {
        "examples": examples,
        "split by": f"{told['split']['by']}: {split}",
        "folds": told["split"]["folds"] or "none",
        "recipe": told["recipe"]["name"],
        "seed": told["seed"],
        "starts from": told["start"],
        "data hash": told["data_hash"],
        "device": told["device"],
        "seconds": told["seconds"],
        "versions": ", ".join(f"{name} {number}" for name, number in result.bundle.spec.versions.items()),
        "notes": " ".join(told["notes"]) or "none",
    }
    return _table([[name, str(value)] for name, value in rows.items()])


def _class_table(result: TrainingResult) -> str:
    if result.scores is None:
        return ""
    keys = ("precision", "recall", "f1", "average_precision", "n", "called")
    head = ["class", "precision", "recall", "F1", "average precision", "examples", "called"]
    rows = [[name, *(_number(row[key]) for key in keys)] for name, row in result.scores.per_class.items()]
    ece = result.scores.ece
    rest = (
        f"accuracy {result.scores.accuracy:.3f} (trivial answer {result.scores.trivial['accuracy']:.3f}), "
        f"true class among the first two {result.scores.top2:.3f}, "
        f"calibration error {ece['before']:.3f}, after the temperature {ece['after']:.3f}"
    )
    return f"<h2>Scores</h2>{_table(rows, head)}<p>{rest}</p>"


def _number(value: float | int | None) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _table(rows: list[list[str]], head: list[str] | None = None) -> str:
    def line(cells: list[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    return (
        "<table>" + (line(head, "th") if head else "") + "".join(line(row, "td") for row in rows) + "</table>"
    )
