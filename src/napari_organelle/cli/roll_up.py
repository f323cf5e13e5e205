"""``napari-organelle roll-up TABLE --by gene``: what proteins, wells or images are called by their cells."""

from __future__ import annotations

import argparse
import json

from napari_organelle.cli.say import answer, json_text, say
from napari_organelle.files import check_outputs
from napari_organelle.model.prediction import PROBABILITY
from napari_organelle.show.results_file import read_results
from napari_organelle.show.roll_up import roll_up, summary
from napari_organelle.show.tables import write_tables


def run(args: argparse.Namespace) -> int:
    """Roll up, and write or print.

    Raises
    ------
    ReadError
        If the table is none of results or lacks the column.
    OrganelleError
        If the output is there already and is to stay, or the disk refuses.
    """
    check_outputs(args.output, force=args.force, inputs=(args.table,))
    groups = roll_up(read_results(args.table), args.by)
    if args.output is not None:
        write_tables([groups], args.output, replace=args.force)
        say(f"wrote {len(groups):,} rows to {args.output}")
    if args.json:
        print(json_text(json.loads(groups.to_json(orient="records"))))
    elif args.output is None:
        summary_table = groups.drop(columns=[name for name in groups if str(name).startswith(PROBABILITY)])
        answer(summary_table.to_string(index=False, float_format="%.3f"))
    say(summary(groups, args.by))
    return 0
