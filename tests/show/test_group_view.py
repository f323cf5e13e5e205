"""Groups with the shares of their calls, and the wells' places on a plate."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_organelle.show.group_view import columns_to_roll_up, group_view, plate_maps, well_place


def results(wells: list[str], called: list[str], plate: str = "p1") -> pd.DataFrame:
    """A table of results of two classes."""
    high = {"er": (0.9, 0.1), "golgi": (0.1, 0.9), "unsure": (0.5, 0.5), "": (np.nan, np.nan)}
    values = np.array([high[name] for name in called])
    return pd.DataFrame(
        {
            "source": "plate.zarr", "item": wells, "plate": plate, "well": wells, "gene": "",
            "called": called, "p_er": values[:, 0], "p_golgi": values[:, 1],
        }
    )  # fmt: skip


def test_shares_and_members_of_each_group() -> None:
    table = results(["B2", "A1", "B2", "B2", "B2", "A1"], ["er", "golgi", "er", "unsure", "", "golgi"])
    view = group_view(table, "well")
    assert view.groups["well"].tolist() == ["A1", "B2"]
    assert view.groups["called"].tolist() == ["golgi", "er"]
    assert view.members.tolist() == [1, 0, 1, 1, 1, 0]
    assert view.rows(0).tolist() == [1, 5]
    assert view.shares == pytest.approx(np.array([[0, 1, 0], [2 / 3, 0, 1 / 3]]))
    assert view.names == ("A1", "B2")


def test_a_call_of_several_counts_for_each() -> None:
    table = results(["A1", "A1"], ["er", "golgi"]).assign(called=["er|golgi", "er"])
    table[["p_er", "p_golgi"]] = [[0.9, 0.9], [0.9, 0.1]]
    assert group_view(table, "well").shares == pytest.approx(np.array([[2 / 3, 1 / 3, 0]]))


def test_only_columns_with_something_in_them_are_offered() -> None:
    assert columns_to_roll_up(results(["A1"], ["er"])) == ["well", "plate", "item"]


@pytest.mark.parametrize(
    ("well", "place"),
    [("A1", (0, 0)), ("a01", (0, 0)), ("P24", (15, 23)), ("AF48", (31, 47)), ("A0", None), ("well 3", None)],
)
def test_places_of_wells(well: str, place: tuple[int, int] | None) -> None:
    assert well_place(well) == place


def test_each_plate_has_its_wells() -> None:
    small, large = results(["A1", "H12"], ["er", "er"]), results(["P1", "C2"], ["er", "golgi"], "p2")
    maps = plate_maps(group_view(pd.concat([large, small]), "well"))
    assert [(m.plate, m.shape) for m in maps] == [("p1", (8, 12)), ("p2", (16, 24))]
    assert maps[0].wells == {(0, 0): 0, (7, 11): 1}
    assert maps[1].wells == {(2, 1): 2, (15, 0): 3}
    assert plate_maps(group_view(small, "plate")) == ()
    assert plate_maps(group_view(results(["x", "y"], ["er", "er"]), "well")) == ()
