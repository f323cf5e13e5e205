"""``napari-organelle export-model MODEL OUT.onnx`` or ``OUT.zip``: a model for other programs."""

from __future__ import annotations

import argparse

from napari_organelle.cli.say import answer, json_text
from napari_organelle.files import check_outputs
from napari_organelle.model.bundle import open_bundle
from napari_organelle.model.onnx.description import description_path
from napari_organelle.model.onnx.export import export_onnx
from napari_organelle.model.onnx.model_zoo import SUFFIX, export_package


def run(args: argparse.Namespace) -> int:
    """Write a model's ONNX file and its description, or both in a package of the BioImage Model Zoo.

    Raises
    ------
    OrganelleError
        As for `export_onnx`.
    """
    is_package = args.output.suffix == SUFFIX
    check_outputs(args.output, None if is_package else description_path(args.output), force=args.force)
    bundle = open_bundle(args.model)
    options = {"licence": args.licence, "overwrite": args.force}
    written = (
        (export_package(bundle, args.output, **options),)
        if is_package
        else export_onnx(bundle, args.output, **options)
    )
    if args.json:
        print(json_text({"model": bundle.id, "written": list(map(str, written))}))
    else:
        answer(f"wrote {bundle.id} as {' and '.join(map(str, written))}")
    return 0
