"""What other programs read: files have the structure that they document, and lose nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_organelle.cli import main
from napari_organelle.errors import OrganelleError
from napari_organelle.show.exports.cellprofiler import cellprofiler_table
from napari_organelle.show.exports.geojson import outlines_of, write_geojson
from napari_organelle.show.tables import write_tables


def results(items: int = 1) -> pd.DataFrame:
    """Two regions an image; the last one has no answer."""
    rows = 2 * items
    table = pd.DataFrame(
        {
            "source": "a.tif", "well": "B2", "item": np.repeat([f"a{n}" for n in range(items)], 2),
            "region": np.arange(1, rows + 1), "y": 0, "x": 16, "height": 16, "width": 8,
            "called": "er", "confidence": np.float32(0.75),
            "p_er": np.float32(0.75), "p_golgi": np.float32(0.25),
        }
    )  # fmt: skip
    table.loc[rows - 1, ["called", "confidence", "p_er", "p_golgi"]] = ["", np.nan, np.nan, np.nan]
    return table


def text(dataset: object) -> list[str]:
    return [each.decode() for each in dataset[:]]  # type: ignore[index]


def test_anndata_has_features_in_obs_and_probabilities_in_obsm(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    assert write_tables([results(), results()], tmp_path / "a.h5ad") == 4
    with h5py.File(tmp_path / "a.h5ad") as file:
        assert file.attrs["encoding-type"] == "anndata"
        obs = file["obs"]
        assert list(obs.attrs["column-order"])[:4] == ["source", "well", "item", "region"]
        assert text(obs["_index"]) == ["0", "1", "2", "3"]
        assert obs["x"][:].tolist() == [16] * 4
        called = np.array(text(obs["called/categories"]))[obs["called/codes"][:]]
        assert called.tolist() == ["er", "", "er", ""]
        assert text(file["uns/classes"]) == ["er", "golgi"]
        assert file["obsm/probabilities"].dtype == np.float32
        assert file["obsm/probabilities"][0].tolist() == [0.75, 0.25]
        assert np.isnan(file["obsm/probabilities"][1]).all()


def test_anndata_is_read_by_its_own_library(tmp_path: Path) -> None:
    anndata = pytest.importorskip("anndata")
    write_tables([results(3)], tmp_path / "a.h5ad")
    read = anndata.read_h5ad(tmp_path / "a.h5ad")
    assert read.n_obs == 6
    assert read.obs["called"].tolist() == ["er"] * 5 + [""]
    assert read.obsm["probabilities"].shape == (6, 2)


def test_geojson_has_a_detection_for_each_region(tmp_path: Path) -> None:
    write_tables([results()], tmp_path / "a.geojson")
    told = json.loads((tmp_path / "a.geojson").read_text())
    assert told["type"] == "FeatureCollection"
    first, second = told["features"]
    assert first["geometry"]["coordinates"] == [[[16, 0], [24, 0], [24, 16], [16, 16], [16, 0]]]
    assert first["properties"]["objectType"] == "detection"
    assert first["properties"]["classification"]["name"] == "er"
    assert len(first["properties"]["classification"]["color"]) == 3
    assert first["properties"]["measurements"] == {"confidence": 0.75, "p_er": 0.75, "p_golgi": 0.25}
    assert "classification" not in second["properties"]
    with pytest.raises(OrganelleError, match="one image; these are of 2"):
        write_tables([results(2)], tmp_path / "b.geojson")
    assert not (tmp_path / "b.geojson").exists()


def test_what_a_person_said_is_the_class_in_qupath_and_a_column_elsewhere(tmp_path: Path) -> None:
    table = results().assign(corrected=["golgi", ""])
    write_tables([table], tmp_path / "a.geojson")
    first, second = json.loads((tmp_path / "a.geojson").read_text())["features"]
    assert first["properties"]["classification"]["name"] == "golgi"
    assert first["properties"]["measurements"]["p_er"] == 0.75
    assert "classification" not in second["properties"]
    other = cellprofiler_table(table)
    assert other["Organelle_Called"].tolist() == ["er", ""]
    assert other["Organelle_Corrected"].tolist() == ["golgi", ""]


def test_outlines_go_around_the_pixels_of_an_object(tmp_path: Path) -> None:
    labels = np.zeros((20, 20), np.int32)
    labels[5:8, 10:14] = 1
    labels[0:2, 0:2] = 2
    rings = outlines_of(labels)
    x, y = np.array(rings[1]).T
    assert (x.min(), x.max(), y.min(), y.max()) == (10, 14, 5, 8)
    assert rings[1][0] == rings[1][-1]
    assert min(rings[2]) == [0, 0.5]
    write_geojson(results(), tmp_path / "a.geojson", rings)
    told = json.loads((tmp_path / "a.geojson").read_text())["features"]
    assert told[0]["geometry"]["coordinates"] == [rings[1]]


def test_cellprofiler_knows_image_and_object() -> None:
    table = cellprofiler_table(results(2))
    assert table["ImageNumber"].tolist() == [1, 1, 2, 2]
    assert table["ObjectNumber"].tolist() == [1, 2, 3, 4]
    assert table["Location_Center_X"].tolist() == [19.5] * 4
    assert table["Metadata_Well"].tolist() == ["B2"] * 4
    assert table["Organelle_Probability_golgi"].tolist()[0] == 0.25


@pytest.mark.parametrize("written", ["a.csv", "a.parquet"])
def test_the_command_turns_a_table_into_others(tmp_path: Path, written: str) -> None:
    write_tables([results(2)], tmp_path / written)
    out = tmp_path / "objects.csv"
    assert main(["export", str(tmp_path / written), "-o", str(out), "--cellprofiler"]) == 0
    table = pd.read_csv(out, keep_default_na=False)
    assert list(table.columns[:2]) == ["ImageNumber", "ObjectNumber"]
    assert table["Organelle_Called"].tolist() == ["er", "er", "er", ""]
    assert main(["export", str(tmp_path / written), "-o", str(out)]) == 2
    assert main(["export", str(tmp_path / written), "-o", str(tmp_path / "a.h5ad")]) == 0
