"""Labels given by hand survive crashes, and no file is overwritten."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from napari_organelle.errors import OrganelleError, ReadError
from napari_organelle.read.tables.annotations import Annotation, AnnotationLog, annotations_folder


def point(label: str, previous: str = "") -> Annotation:
    return Annotation("cells", "point", 0, (1.0, 2.5), label, previous)


def test_lines_are_added_and_read_back(tmp_path: Path) -> None:
    log = AnnotationLog(tmp_path / "new folder" / "a.labels.jsonl")
    assert log.read().annotations == ()
    log.append_colours({"er": "#009e73"})
    log.append([point("er")])
    before = log.path.read_bytes()
    log.append([point("golgi", "er"), Annotation("cells", "object", 7, (3.0, 4.0, 5.0), "er")])
    log.append_colours({"er": "#009e73", "golgi": "#e69f00"})
    assert log.path.read_bytes().startswith(before)
    history = AnnotationLog(log.path).read()
    assert dict(history.colours) == {"er": "#009e73", "golgi": "#e69f00"}
    assert [(a.label, a.previous, a.position, a.id) for a in history.annotations] == [
        ("er", "", (1.0, 2.5), 0),
        ("golgi", "er", (1.0, 2.5), 0),
        ("er", "", (3.0, 4.0, 5.0), 7),
    ]
    written = datetime.fromisoformat(history.annotations[0].time)
    assert abs((datetime.now(UTC) - written).total_seconds()) < 60


def test_a_line_cut_short_by_a_crash_costs_only_itself(tmp_path: Path) -> None:
    log = AnnotationLog(tmp_path / "a.labels.jsonl")
    log.append([point("er"), point("golgi", "er")])
    log.path.write_bytes(log.path.read_bytes()[:-20])
    assert [a.label for a in log.read().annotations] == ["er"]
    log.append([point("nucleus", "er")])
    history = log.read()
    assert [a.label for a in history.annotations] == ["er", "nucleus"]
    assert history.skipped == 1


@pytest.mark.parametrize("text", ["y,x,class\n1,2,er\n", '{"some": "json"}\n', "\x00\xff"])
def test_a_file_of_something_else_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.txt"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ReadError, match=r"other\.txt"):
        AnnotationLog(path).read()
    assert path.read_bytes() == text.encode("latin-1")


def test_a_disk_that_refuses_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OrganelleError, match="can't be saved"):
        AnnotationLog(tmp_path / "file" / "a.labels.jsonl").append([point("er")])


def test_the_folder_can_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAPARI_ORGANELLE_LABELS", str(tmp_path))
    assert annotations_folder() == tmp_path
    monkeypatch.delenv("NAPARI_ORGANELLE_LABELS")
    assert annotations_folder().parts[-2:] == ("napari-organelle", "labels")
