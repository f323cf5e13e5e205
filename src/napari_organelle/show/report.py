"""One page on a trained model: what it learned from, how well it does, its curves and example calls."""

from __future__ import annotations

import base64
import io
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_organelle.errors import OrganelleError
from napari_organelle.files import whole_file
from napari_organelle.model.spec import LEARNED_NOTHING
from napari_organelle.show.montage import held_out_montage
from napari_organelle.train.run import TrainingResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

REPORT_FILE = "report.html"
EXAMPLES = 24
FIGURE_INCHES = 12.8

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{name}</title><style>
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 60em; margin: 2em auto; color: #222 }}
table {{ border-collapse: collapse }}
td, th {{ padding: .15em .8em; text-align: right; border-bottom: 1px solid #ddd }}
td:first-child, th:first-child {{ text-align: left }} img {{ max-width: 100% }}
.bad {{ background: #b00020; color: white; padding: .6em 1em; font-weight: bold }}
</style></head><body><h1>{name}</h1>{body}</body></html>
"""


def write_report(result: TrainingResult, folder: Path, *, replace: bool = False) -> Path:
    """Write ``report.html``, with its figures inside.

    Parameters
    ----------
    result : TrainingResult
        Of a run.
    folder : Path
        Made if it is not there.
    replace : bool
        Whether a page that is there is replaced.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    OrganelleError
        If a page is there and is to stay, or the disk refuses.
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
    page = folder / REPORT_FILE
    text = PAGE.format(name=escape(result.bundle.spec.name), body="\n".join(parts))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with whole_file(page, replace=replace) as part:
            part.write_text(text, encoding="utf-8")
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
    axis.set_xticks(range(len(names)), names, rotation=60, ha="right", parse_math=False)
    axis.set_yticks(range(len(names)), names, parse_math=False)
    axis.set_xlabel("called" if result.scores.task == "single" else "called together with")
    axis.set_ylabel("truth")
    return figure


def draw_examples(result: TrainingResult) -> Figure:
    """Held-out examples as the network sees them, with truth and call; wrong ones have red captions."""
    from matplotlib.figure import Figure

    chosen = np.random.default_rng(0).permutation(len(result.held_out.rows))[:EXAMPLES]
    montage = held_out_montage(result, chosen)
    height, width = montage.image.shape[:2]
    figure = Figure(figsize=(FIGURE_INCHES, FIGURE_INCHES * height / width), layout="constrained")
    axis = figure.subplots()
    axis.set_axis_off()
    axis.imshow(montage.image)
    right, confidence = montage.table["right"], montage.table["confidence"]
    rows = zip(montage.centres, montage.captions(), right, confidence, strict=True)
    for (y, x), caption, is_right, share in rows:
        colour = "white" if is_right else "#ff8a80"
        top = y - montage.side / 2
        text = f"{caption} {share:.2f}"
        axis.text(x, top, text, ha="center", va="bottom", fontsize=6, color=colour, parse_math=False)
    return figure


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
    provenance = result.bundle.spec.provenance
    examples = ", ".join(f"{name} {count:,}" for name, count in provenance["examples"].items())
    split = ", ".join(
        f"{side} {count:,} ({provenance['split']['groups'][side]} groups)"
        for side, count in provenance["split"]["examples"].items()
    )
    rows = {
        "examples": examples,
        "split by": f"{provenance['split']['by']}: {split}",
        "folds": provenance["split"]["folds"] or "none",
        "recipe": provenance["recipe"]["name"],
        "seed": provenance["seed"],
        "starts from": provenance["start"],
        "data hash": provenance["data_hash"],
        "device": provenance["device"],
        "seconds": provenance["seconds"],
        "versions": ", ".join(f"{name} {number}" for name, number in result.bundle.spec.versions.items()),
        "notes": " ".join(provenance["notes"]) or "none",
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
