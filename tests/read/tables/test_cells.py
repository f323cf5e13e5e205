"""No cell runs in a spreadsheet; our readers give back what was there; numbers stay numbers."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_organelle.read.tables.cells import bare, guarded
from napari_organelle.read.tables.table import read_table
from napari_organelle.show.results_file import read_results
from napari_organelle.show.tables import write_csv, write_tables

FORMULAS = ["=cmd|' -C calc'!A0.png", "+1+1", "-a", "@SUM(1)", "\tx", "\rx", "'=x", "''-x"]


@pytest.mark.parametrize("text", [*FORMULAS, "x=1", "'x", "'", "", "-1", "+2.5e-3", "-.5", "µ"])
def test_cells_come_back_and_only_formulas_change(text: str) -> None:
    written = guarded(text)
    assert bare(written) == text
    assert (written != text) == (text in FORMULAS)
    assert written[:1] not in ("=", "@", "\t", "\r")


def test_tables_are_written_guarded_and_read_back(tmp_path: Path) -> None:
    texts = [text for text in FORMULAS if "\r" not in text]
    table = pd.DataFrame({"item": texts, "=called": "-1", "p_a": -0.25, "called": "=er", "p_b": 0.5})
    write_tables([table, table], path := tmp_path / "out.csv")
    head, first, *_ = path.read_text().splitlines()
    assert head == "item,'=called,p_a,called,p_b"
    assert first == "'=cmd|' -C calc'!A0.png,-1,-0.25,'=er,0.5"
    read = read_table(path)
    assert read.columns == ("item", "=called", "p_a", "called", "p_b")
    assert read.values(0) == texts * 2
    assert read.numbers(2).tolist() == [-0.25] * 2 * len(texts)
    results = read_results(path)
    assert results["called"].unique().tolist() == ["=er"]
    assert results["p_a"].dtype == np.float32
    assert table["called"].unique().tolist() == ["=er"]


def test_names_that_are_no_text_can_be_written(tmp_path: Path) -> None:
    write_csv(pd.DataFrame({"item": ["\udcb5m.png"]}, dtype=object), tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text().splitlines() == ["item", "\\udcb5m.png"]
