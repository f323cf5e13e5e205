import numpy as np
import pandas as pd
import pytest

from napari_organelle.errors import TrainingError
from napari_organelle.train.splits import (
    Split,
    check_leakage,
    folds,
    given_split,
    group_names,
    pick_groups,
    shared_with_training,
    split_examples,
    split_problem,
)

CYCLOPS = pd.DataFrame(
    {
        "item": list("abcdef"),
        "path": [""] * 6,
        "gene": ["AAC1"] * 3 + ["AAH1"] * 3,
        "field": ["1", "2", "3"] * 2,
    }
)


def one_hot(labels: np.ndarray) -> np.ndarray:
    return np.eye(labels.max() + 1, dtype=bool)[labels]


def test_a_field_counts_within_its_gene():
    assert group_names(CYCLOPS, "field").tolist() == [
        "AAC1/1",
        "AAC1/2",
        "AAC1/3",
        "AAH1/1",
        "AAH1/2",
        "AAH1/3",
    ]


def test_unknown_column_is_named_with_those_there_are():
    with pytest.raises(TrainingError, match=r"'well'.*gene, field"):
        group_names(CYCLOPS, "well")


def test_groups_picked_leave_each_class_three():
    targets = one_hot(np.array([0, 0, 0, 1, 1, 1]))
    assert pick_groups(CYCLOPS, targets)[1] == "field"
    assert pick_groups(CYCLOPS.drop(columns="field"), targets)[1] == "item"


def test_the_widest_column_is_picked_that_leaves_every_class_on_both_sides():
    items = pd.DataFrame(
        {"item": [str(row) for row in range(24)], "path": ""}
        | {"plate": np.arange(24) // 12, "gene": np.arange(24) // 4, "field": np.arange(24) // 2}
    )
    plates_in_both = one_hot(np.arange(24) % 2)
    assert pick_groups(items, plates_in_both, 2)[1] == "plate"
    assert pick_groups(items, plates_in_both, 3)[1] == "gene"
    gene_a_class = one_hot(np.arange(24) // 4)
    assert pick_groups(items, gene_a_class, 2)[1] == "field"


def test_what_cannot_be_split_is_refused_with_the_reason():
    classes = one_hot(np.array([0, 0, 0, 1, 1, 1]))
    genes = group_names(CYCLOPS, "gene")
    problem = split_problem(classes, genes, ("er", "golgi"), "gene")
    assert "er (AAC1), golgi (AAH1)" in problem
    assert "something finer" in problem
    assert split_problem(classes, group_names(CYCLOPS, "field"), ("er", "golgi"), "field") == ""


def test_what_both_sides_share_is_told():
    train, held = np.array([0, 1, 3, 4]), np.array([2, 5])
    assert shared_with_training(CYCLOPS, np.arange(6), [(train, held)]) == {"gene": 1.0}
    by_gene = [(np.arange(3), np.arange(3, 6))]
    assert shared_with_training(CYCLOPS, np.arange(6), by_gene) == {}


@pytest.mark.parametrize("task", ["single", "multi"])
def test_sides_share_no_group_and_have_the_classes_in_proportion(task: str):
    rng = np.random.default_rng(0)
    groups = rng.integers(60, size=1200)
    targets = one_hot(rng.choice(3, 60, p=(0.6, 0.3, 0.1))[groups])
    if task == "multi":
        targets |= rng.random(targets.shape) < 0.1
    split = split_examples(targets, groups, task, seed=0)
    names = [set(groups[rows]) for rows in split.sides().values()]
    assert not names[0] & names[1]
    assert not names[0] & names[2]
    assert not names[1] & names[2]
    assert sum(map(len, split.sides().values())) == 1200
    assert 0.1 < len(split.test) / 1200 < 0.3
    assert np.abs(targets[split.test].mean(axis=0) - targets.mean(axis=0)).max() < 0.12
    assert np.array_equal(split_examples(targets, groups, task, seed=0).test, split.test)
    assert not np.array_equal(split_examples(targets, groups, task, seed=1).test, split.test)


def test_rare_labels_are_spread_over_the_folds():
    """Five items have the rare label, and each of five folds gets one; by chance 4 % of deals do so."""
    targets = np.zeros((500, 3), bool)
    targets[:, 0] = True
    targets[:5, 1] = True
    targets[5:255, 2] = True
    dealt = list(folds(targets, np.arange(500), "multi", 0, 5))
    assert [int(targets[rows, 1].sum()) for rows in dealt] == [1] * 5
    assert {len(rows) for rows in dealt} == {100}


def test_folds_hold_out_every_row_once():
    rng = np.random.default_rng(1)
    groups = rng.integers(7, size=100)
    targets = one_hot(rng.integers(2, size=100))
    dealt = list(folds(targets, groups, "single", 0, 5))
    assert np.array_equal(np.sort(np.concatenate(dealt)), np.arange(100))


def test_fewer_groups_than_folds_give_fewer_folds():
    targets = one_hot(np.array([0, 1] * 6))
    assert len(list(folds(targets, np.repeat(np.arange(3), 4), "single", 0, 5))) == 3


def test_two_groups_are_too_few_for_three_sides():
    with pytest.raises(TrainingError, match="at least 3 groups; the examples have 2"):
        split_examples(one_hot(np.array([0, 1, 0, 1])), np.array([0, 0, 1, 1]), "single", 0)


def test_the_lists_own_split_is_kept():
    targets, groups = one_hot(np.array([0, 1] * 3)), np.arange(6)
    split = given_split(
        np.array(["train", "Train", "val", "validate", "test", "test"]), targets, groups, "single", 0
    )
    assert split is not None
    assert [rows.tolist() for rows in split.sides().values()] == [[0, 1], [2, 3], [4, 5]]
    assert given_split(np.array(["train"] * 6), targets, groups, "single", 0) is None
    assert given_split(np.array([""] * 6), targets, groups, "single", 0) is None


def test_a_list_without_validation_gives_some_of_its_training_side():
    targets, groups = one_hot(np.array([0, 1] * 10)), np.arange(20)
    split = given_split(np.array(["train"] * 15 + ["test"] * 5), targets, groups, "single", 0)
    assert split is not None
    assert split.test.tolist() == list(range(15, 20))
    assert len(split.val) == 3
    assert set(split.val) | set(split.train) == set(range(15))


def test_one_group_on_two_sides_is_named():
    split = Split(np.array([0, 1]), np.array([2]), np.array([3]))
    names = np.array(["a.png", "b.png", "c.png", "d.png"])
    with pytest.raises(TrainingError, match=r"'f1'.*b.png in train and d.png in test"):
        check_leakage(split, np.array(["f0", "f1", "f2", "f1"]), np.arange(4), names)


def test_the_same_pixels_in_two_groups_are_named():
    split = Split(np.array([0, 1]), np.array([2]), np.array([3]))
    names = np.array(["a.png", "b.png", "c.png", "d.png"])
    with pytest.raises(TrainingError, match=r"a.png .*f0.* and d.png .*f3.* have the same pixels"):
        check_leakage(split, np.array(["f0", "f1", "f2", "f3"]), np.array([7, 8, 9, 7]), names)
    check_leakage(split, np.array(["f0", "f0", "f2", "f3"]), np.array([7, 7, 9, 1]), names)


def test_a_list_with_a_few_training_examples_spares_none_for_validation():
    targets, groups = one_hot(np.array([0, 1] * 10)), np.arange(20)
    split = given_split(np.array(["train"] * 4 + ["test"] * 16), targets, groups, "single", 0)
    assert split is not None
    assert len(split.train) == 4
    assert len(split.val) == 0
