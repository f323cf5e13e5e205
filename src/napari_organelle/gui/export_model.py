"""A form that writes a model for other programs; magicgui makes it of a function's parameters."""

from __future__ import annotations

import pathlib  # magicgui resolves annotations by dotted names only
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from magicgui import magic_factory
from napari.utils.notifications import show_error, show_info

from napari_organelle.errors import OrganelleError
from napari_organelle.files import check_outputs
from napari_organelle.gui.jobs import Job
from napari_organelle.gui.model_news import model_news
from napari_organelle.gui.preferences import use_model_folder
from napari_organelle.model.bundle import SUFFIX, find_bundles, open_bundle
from napari_organelle.model.onnx.description import description_path
from napari_organelle.model.onnx.export import export_onnx


def _models(_: Any) -> list[tuple[str, Path]]:
    """Those that can be written: an ONNX file is written already."""
    return [(name, path) for name, path in find_bundles().items() if path.suffix == SUFFIX]


def _follow_models(form: Any) -> None:
    """List models anew when one was trained, while the form is there."""
    use_model_folder()
    form.reset_choices()
    model_news.saved.connect(form.reset_choices)
    form.native.destroyed.connect(lambda: model_news.saved.disconnect(form.reset_choices))


@magic_factory(
    widget_init=_follow_models,
    call_button="Export",
    model={"choices": _models, "tooltip": "The model that is written as ONNX"},
    output={
        "label": "file",
        "mode": "w",
        "filter": "*.onnx",
        "tooltip": "The .onnx file to write; a .json file beside it says what its answers mean",
    },
    licence={"tooltip": "Under which others may use the model, such as CC BY 4.0"},
    replace={"label": "replace files", "tooltip": "Whether files of these names are replaced"},
)
def export_model(
    model: pathlib.Path, output: pathlib.Path = Path("model.onnx"), licence: str = "", replace: bool = False
) -> None:
    """Write a model and its description for other programs, beside the window.

    Parameters
    ----------
    model : Path
        Of the model's file.
    output : Path
        The ``.onnx`` file.
    licence : str
        Under which others may use the model.
    replace : bool
        Whether files that are there are replaced.
    """
    try:
        check_outputs(output, description_path(output), force=replace)
    except OrganelleError as error:
        show_error(str(error).replace("add --force to replace it", "tick 'replace files'"))
        return
    Job(_written(model, output, licence, replace), show_info, _end)


def _written(model: Path, output: Path, licence: str, replace: bool) -> Iterator[str]:
    path, beside = export_onnx(open_bundle(model), output, licence=licence, overwrite=replace)
    yield f"Wrote {path}, described in {beside.name}."


def _end(error: BaseException | None, cancelled: bool) -> None:
    if error is not None:
        show_error(str(error))
