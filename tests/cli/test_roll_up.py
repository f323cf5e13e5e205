"""Genes from a table of cells, without a window."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from napari_organelle.cli import main
from napari_organelle.model.bundle import ModelBundle


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "calls.csv"
    path.write_text(
        "source,item,gene,called,confidence,p_cytoplasm,p_mitochondrion\n"
        "f.tif,a,AAC1,mitochondrion,0.9,0.1,0.9\nf.tif,b,AAC1,unsure,0.5,0.5,0.5\n"
        "f.tif,c,AAH1,cytoplasm,0.8,0.8,0.2\n"
    )
    return path


def test_genes_are_printed_or_written(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["roll-up", str(table), "--by", "gene"]) == 0
    told = capsys.readouterr()
    assert "AAC1" in told.out
    assert "2 of 2 called by gene; 2 of 2 where Huh et al. (2003) saw them." in told.err
    out = table.with_name("genes.csv")
    assert main(["roll-up", str(table), "--by", "gene", "-o", str(out)]) == 0
    assert pd.read_csv(out)["called"].tolist() == ["mitochondrion", "cytoplasm"]
    assert main(["roll-up", str(table), "--by", "gene", "-o", str(out)]) == 2
    assert "is there already" in capsys.readouterr().err


def test_what_the_table_lacks_is_said(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["roll-up", str(table), "--by", "well"]) == 2
    assert "no column 'well'" in capsys.readouterr().err


def test_classify_writes_both_tables(tiny_bundle: ModelBundle, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    field = tmp_path / "field.tif"
    meta = {"axes": "CYX", "Labels": ["cytosol", "protein"]}
    tifffile.imwrite(field, rng.integers(0, 999, (2, 64, 96), np.uint16), imagej=True, metadata=meta)
    out = tmp_path / "out.csv"
    options = ("--regions", "tiles", "--tile", "32", "--device", "cpu", "--roll-up", "item")
    arguments = ["classify", str(field), "--model", str(tiny_bundle.path), "-o", str(out), *options]
    assert main(arguments) == 0
    groups = pd.read_csv(tmp_path / "out.by_item.csv")
    assert groups["n"].tolist() == [len(pd.read_csv(out))] == [6]
    out.unlink()
    assert main(arguments) == 2
    assert not out.exists()
