"""``napari-organelle export TABLE -o OUT``: results as other programs read them."""

from __future__ import annotations

import argparse

from napari_organelle.cli.say import answer, json_text, say
from napari_organelle.files import check_outputs
from napari_organelle.show.exports.cellprofiler import cellprofiler_table
from napari_organelle.show.results_file import read_results
from napari_organelle.show.tables import write_tables


def run(args: argparse.Namespace) -> int:
    """Read, and write in another form.

    Raises
    ------
    OrganelleError
        If the table is none of results, the output is there already and is to stay, or the disk refuses.
    """
    check_outputs(args.output, force=args.force, inputs=(args.table,))
    table = read_results(args.table, whole=True)
    if args.cellprofiler:
        table = cellprofiler_table(table)
    rows = write_tables([table], args.output, replace=args.force)
    say(f"wrote {rows:,} rows to {args.output}")
    if args.json:
        answer(json_text({"output": str(args.output), "rows": rows}))
    return 0
