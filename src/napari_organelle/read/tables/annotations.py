"""Labels given by hand, in an append-only file: one JSON object a line, never rewritten."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import platformdirs

from napari_organelle.errors import OrganelleError, ReadError
from napari_organelle.outside import opening, require_file

SUFFIX = ".labels.jsonl"


@dataclass(frozen=True)
class Annotation:
    """One label given, changed, or taken away.

    Parameters
    ----------
    layer : str
        Name of the layer at that time.
    kind : {"object", "point"}
        What was labelled.
    id : int
        The object's number in its Labels layer, or the point's row at that time.
    position : tuple of float
        A pixel inside the object, or the point: (y, x) or (item, y, x) in pixels. This tells which one it is,
        whatever `id` has become.
    label : str
        The class; ``""`` takes the label away.
    previous : str
        The class that it had before; ``""`` for none.
    time : str
        ISO 8601, UTC; filled in when written.
    """

    layer: str
    kind: Literal["object", "point"]
    id: int
    position: tuple[float, ...]
    label: str
    previous: str = ""
    time: str = ""


@dataclass(frozen=True)
class AnnotationHistory:
    """What a file of annotations holds.

    Parameters
    ----------
    colours : mapping of str to str
        The last list of classes, with their colours (``#rrggbb``).
    annotations : tuple of Annotation
        Every label given, in order.
    skipped : int
        Lines that could not be read, such as one cut short by a crash.
    """

    colours: Mapping[str, str]
    annotations: tuple[Annotation, ...]
    skipped: int = 0


@dataclass(frozen=True)
class AnnotationLog:
    """An append-only file of annotations. Each line is on the disk before `append` returns.

    Parameters
    ----------
    path : Path
        The file; made by the first `append`.
    """

    path: Path

    def read(self) -> AnnotationHistory:
        """Everything written so far; nothing where there is no file yet.

        Raises
        ------
        ReadError
            If the file can't be read, or holds no annotation at all.
        """
        lines: list[str] = []
        with opening(self.path):
            if self.path.exists():
                require_file(self.path)
                lines = self.path.read_text(encoding="utf-8").splitlines()
        colours: dict[str, str] = {}
        annotations, skipped = [], 0
        for line in filter(str.strip, lines):
            try:
                record = json.loads(line)
                if "colours" in record:
                    colours = {str(name): str(colour) for name, colour in record["colours"].items()}
                else:
                    annotations.append(_annotation(record))
            except Exception:  # noqa: BLE001 - whatever the line is, the others count
                skipped += 1
        if skipped and not annotations and not colours:
            raise ReadError(
                f"{self.path}: expected labels written by this plugin, found {lines[0][:60]!r}. "
                "Choose another file; nothing was written to this one."
            )
        return AnnotationHistory(colours, tuple(annotations), skipped)

    def append(self, annotations: Sequence[Annotation]) -> None:
        """Write labels behind those that are there.

        Raises
        ------
        OrganelleError
            If the disk refuses.
        """
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._write({**asdict(each), "time": each.time or now} for each in annotations)

    def append_colours(self, colours: Mapping[str, str]) -> None:
        """Write the list of classes and their colours (``#rrggbb``); the last one in the file counts.

        Raises
        ------
        OrganelleError
            If the disk refuses.
        """
        self._write([{"colours": dict(colours)}])

    def _write(self, records: Iterable[Mapping[str, Any]]) -> None:
        text = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab+") as file:
                if self._ends_inside_a_line():
                    text = "\n" + text
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise OrganelleError(
                f"The label can't be saved to {self.path}, so it was not given: {error}"
            ) from error

    def _ends_inside_a_line(self) -> bool:
        with self.path.open("rb") as file:
            if file.seek(0, os.SEEK_END) == 0:
                return False
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"


def _annotation(record: Mapping[str, Any]) -> Annotation:
    return Annotation(
        layer=str(record["layer"]),
        kind="object" if record["kind"] == "object" else "point",
        id=int(record["id"]),
        position=_finite(record["position"]),
        label=str(record["label"]),
        previous=str(record["previous"]),
        time=str(record["time"]),
    )


def _finite(position: Sequence[Any]) -> tuple[float, ...]:
    numbers = tuple(float(each) for each in position)
    if not all(map(math.isfinite, numbers)):
        raise ValueError(f"expected pixels, not {numbers}")
    return numbers


def annotations_folder() -> Path:
    """Where labels are saved: ``$NAPARI_ORGANELLE_LABELS``, or ``labels`` in the platform's data folder."""
    named = os.environ.get("NAPARI_ORGANELLE_LABELS")
    return (
        Path(named)
        if named
        else Path(platformdirs.user_data_dir("napari-organelle", appauthor=False)) / "labels"
    )
