"""A group is called as its cells say together, and says how sure that is."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_organelle.errors import ReadError
from napari_organelle.show.group_view import group_view
from napari_organelle.show.results_file import read_results
from napari_organelle.show.roll_up import roll_up, summary

CLASSES = ("cytoplasm", "mitochondrion", "nucleus")


def results(cells: list[tuple[str, list[float]]], threshold: float = 0.6, **more: object) -> pd.DataFrame:
    """Single-label results: gene and probabilities of each cell; NaN where there is no answer."""
    told = np.array([p for _, p in cells], np.float32)
    best = [CLASSES[i] for i in np.nan_to_num(told).argmax(axis=1)]
    called = np.where(told.max(axis=1) >= threshold, best, np.where(np.isnan(told[:, 0]), "", "unsure"))
    table = pd.DataFrame({"source": "f.tif", "item": range(len(cells)), "gene": [g for g, _ in cells]})
    table = table.assign(called=called, confidence=told.max(axis=1), **more)
    return table.assign(**{f"p_{name}": told[:, i] for i, name in enumerate(CLASSES)})


def test_called_cells_vote_by_the_mean_of_their_logarithms() -> None:
    cells = [("AAC1", [0.1, 0.8, 0.1]), ("AAC1", [0.05, 0.9, 0.05]), ("AAC1", [0.5, 0.3, 0.2])]
    group = roll_up(results(cells), "gene").iloc[0]
    expected = np.sqrt(np.array([0.1 * 0.05, 0.8 * 0.9, 0.1 * 0.05]))
    expected /= expected.sum()
    np.testing.assert_allclose(group[[f"p_{n}" for n in CLASSES]].to_numpy(float), expected, rtol=1e-5)
    assert (group["n"], group["n_called"], group["called"]) == (3, 2, "mitochondrion")
    assert group["agreement"] == 1
    assert group["low"] < group["confidence"] < group["high"]


def test_known_places_stand_beside_the_call() -> None:
    sure = [0.05, 0.9, 0.05]
    groups = roll_up(results([("aac1", sure), ("YHR047C", sure), ("none", sure)]), "gene").set_index("gene")
    assert groups.loc["aac1", ["huh2003", "huh2003_agrees"]].tolist() == ["mitochondrion", "yes"]
    assert groups.loc["YHR047C", ["huh2003", "huh2003_agrees"]].tolist() == ["cytoplasm|nucleus", "no"]
    assert groups.loc["none", ["huh2003", "huh2003_agrees"]].tolist() == ["", ""]
    assert summary(groups.reset_index(), "gene").endswith("1 of 2 where Huh et al. (2003) saw them.")


def test_no_gene_of_yeast_no_known_places() -> None:
    assert "huh2003" not in roll_up(results([("LMNA", [0.1, 0.1, 0.8])]), "gene")


@pytest.mark.parametrize(
    ("cells", "called"),
    [
        ([[0.9, 0.05, 0.05], [0.05, 0.9, 0.05]], "unsure"),
        ([[0.4, 0.3, 0.3]] * 3, "unsure"),
        ([[np.nan] * 3] * 2, ""),
        ([[0.05, 0.9, 0.05]] * 20 + [[0.999, 0.0005, 0.0005]], "mitochondrion"),
    ],
    ids=["they differ", "none is called", "no answer", "one dissents"],
)
def test_what_a_group_is_called(cells: list[list[float]], called: str) -> None:
    assert roll_up(results([("g", cell) for cell in cells]), "gene")["called"].tolist() == [called]


def test_a_dissenter_that_is_sure_does_not_outvote_many() -> None:
    cells = [("g", [0.3, 0.7, 0.0])] * 30 + [("g", [1.0, 0.0, 0.0])]
    assert roll_up(results(cells), "gene")["called"].tolist() == ["mitochondrion"]


def test_wells_of_two_plates_and_fields_of_two_genes_are_apart() -> None:
    cells = [("a", [0.9, 0.05, 0.05]), ("b", [0.05, 0.9, 0.05])]
    table = results(cells, plate=["1", "2"], well="A01", field="1")
    wells = roll_up(table, "well")
    assert wells[["plate", "well", "called"]].to_numpy().tolist() == [
        ["1", "A01", "cytoplasm"],
        ["2", "A01", "mitochondrion"],
    ]
    assert wells["gene"].tolist() == ["a", "b"]
    assert len(roll_up(table.drop(columns="plate"), "well")) == 1
    assert len(roll_up(table.drop(columns="plate"), "field")) == 2


def test_several_organelles_a_cell() -> None:
    table = pd.DataFrame(
        {
            "protein": ["P"] * 3 + ["Q"],
            "called": ["er|nucleus", "er", "er", "unsure"],
            "p_er": [0.9, 0.6, 0.8, 0.3],
            "p_golgi": [0.1, 0.1, 0.0, 0.2],
            "p_nucleus": [0.8, 0.3, 0.2, 0.1],
        }
    )
    groups = roll_up(table, "protein").set_index("protein")
    assert groups["called"].to_dict() == {"P": "er", "Q": "unsure"}
    assert groups.loc["P", "p_er"] == pytest.approx(2.3 / 3)
    assert groups.loc["P", "agreement"] == 1


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_what_a_person_said_counts_instead_of_the_answer(tmp_path: Path, suffix: str) -> None:
    wrong = [0.9, 0.05, 0.05]
    cells = [("a", wrong)] * 3 + [("b", [np.nan] * 3)] * 2 + [("c", wrong)]
    table = results(cells, corrected=["nucleus"] * 3 + ["lysosome"] * 2 + [""])
    path = tmp_path / f"out{suffix}"
    table.to_csv(path, index=False) if suffix == ".csv" else table.to_parquet(path)
    groups = roll_up(read_results(path), "gene").set_index("gene")
    assert groups["called"].to_dict() == {"a": "nucleus", "b": "lysosome", "c": "cytoplasm"}
    assert groups.loc["a", "p_nucleus"] == pytest.approx(1, abs=0.01)
    assert groups.loc["c", "p_lysosome"] < 0.01
    view = group_view(table, "gene")
    assert view.classes == (*CLASSES, "lysosome")
    np.testing.assert_array_equal(view.shares.argmax(axis=1), [2, 3, 0])
    assert table["called"].iloc[0] == "cytoplasm"


def test_a_table_without_the_column_says_what_it_has() -> None:
    with pytest.raises(ReadError, match=r"no column 'well'.*gene, item"):
        roll_up(results([("g", [0.9, 0.05, 0.05])]), "well")
    with pytest.raises(ReadError, match="p_<class>"):
        roll_up(pd.DataFrame({"gene": ["a"]}), "gene")
    with pytest.raises(ReadError, match="No region has a gene"):
        roll_up(results([("", [0.9, 0.05, 0.05])]), "gene")


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_tables_read_back_give_the_same(tmp_path: Path, suffix: str) -> None:
    cells = [("NA", [0.1, 0.8, 0.1]), ("NA", [0.2, 0.7, 0.1]), ("007", [np.nan] * 3)]
    table = results(cells, well="A01", y=[1, 2, 3])
    path = tmp_path / f"out{suffix}"
    table.to_csv(path, index=False) if suffix == ".csv" else table.to_parquet(path)
    groups = roll_up(read_results(path), "gene")
    pd.testing.assert_frame_equal(groups, roll_up(table, "gene"), check_dtype=False, atol=1e-6)
    assert groups["gene"].tolist() == ["007", "NA"]


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ReadError, match="no table of results"):
        read_results(tmp_path / "notes.csv")
    with pytest.raises(ReadError, match="can't be read"):
        read_results(tmp_path / "none.csv")
