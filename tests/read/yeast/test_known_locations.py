"""Where proteins were seen, as the study has it, and the classes that these places are."""

from napari_organelle.read.yeast.known_locations import CLASS_OF_LOCATION, known_classes, known_locations
from napari_organelle.simulate.yeast import YEAST_CLASSES


def test_genes_are_found_by_either_name_in_any_case() -> None:
    assert known_locations()["YMR056C"] == ("mitochondrion",)
    assert known_classes("aac1") == known_classes("YMR056C") == {"mitochondrion"}
    assert known_classes(" AAP1 ") == {"cytoplasm", "nucleus"}
    assert known_classes("SEC63") == {"er"}
    assert known_classes("no such gene") == frozenset()


def test_every_place_has_a_class_of_the_model_or_is_known_to_have_none() -> None:
    assert set(CLASS_OF_LOCATION.values()) == set(YEAST_CLASSES)
    places = {place for seen in known_locations().values() for place in seen}
    assert places - set(CLASS_OF_LOCATION) == {
        "ER to Golgi", "actin", "bud", "bud neck", "lipid particle", "microtubule", "punctate composite",
    }  # fmt: skip


def test_the_table_is_the_studys_size_and_a_name_of_two_genes_is_no_name() -> None:
    systematic = [name for name in known_locations() if name[0] == "Y" and name[2:3] in "LR"]
    assert len(systematic) >= 4156
    assert "PMP1" not in known_locations()
