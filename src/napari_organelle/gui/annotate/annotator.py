"""Giving classes by hand to the objects or points of one layer: assign, undo, count, save, restore."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Generic, TypeVar

from psygnal import Signal

from napari_organelle.errors import OrganelleError
from napari_organelle.gui.annotate.class_list import new_colour
from napari_organelle.gui.targets import Targets
from napari_organelle.read.tables.annotations import Annotation, AnnotationLog

T = TypeVar("T", bound=Targets)


class Annotator(Generic[T]):
    """Labels of one layer, each written to a file before it is shown.

    Parameters
    ----------
    targets : Targets
        What is labelled: a layer's objects or points, or a result's regions.
    colours : mapping of str to str
        The classes that can be given, and their colours (``#rrggbb``).
    log : AnnotationLog
        Where labels are written; what it holds already is restored.

    Raises
    ------
    ReadError
        If the file is no file of labels.
    """

    changed = Signal()

    def __init__(self, targets: T, colours: Mapping[str, str], log: AnnotationLog) -> None:
        history = log.read()
        self.targets = targets
        self.log = log
        self.colours = dict(history.colours or colours)
        self._saved_colours = dict(history.colours)
        self._undo: list[list[Annotation]] = []
        self.lost = self._restore(history.annotations)
        self.restored = len(self.targets.classes()) if history.annotations else 0
        for name in self.targets.classes().values():
            self.colours.setdefault(name, new_colour(name, self.colours))
        self.targets.show(self.colours)

    def _restore(self, annotations: tuple[Annotation, ...]) -> int:
        """Give the layer the last label of every position; the number of labels whose object is gone."""
        last = {each.position: each.label for each in annotations if each.kind == self.targets.kind}
        self.targets.add(position for position, label in last.items() if label)
        found = [(self.targets.find(position), label) for position, label in last.items()]
        self.targets.set_classes({key: label for key, label in found if key is not None})
        return sum(key is None and label != "" for key, label in found)

    def assign(self, label: str, *, advance: bool = False) -> None:
        """Give the selected objects or points a class, or take theirs away with ``""``.

        Parameters
        ----------
        label : str
            The class.
        advance : bool
            Whether the next one without a class is selected then.

        Raises
        ------
        OrganelleError
            If nothing is selected, or it can't be saved; then nothing changes.
        """
        keys = self.targets.selected()
        if not keys:
            raise OrganelleError(
                f"No {self.targets.kind} is selected: click one first, or press N for the next."
            )
        self._give(dict.fromkeys(keys, label))
        if advance and (following := self.next_unlabelled()) is not None:
            self.targets.select(following)
        self.refresh()

    def select(self, key: int) -> None:
        """Select one object or point."""
        self.targets.select(key)
        self.refresh()

    def undo(self) -> bool:
        """Take the last step back, as a new line of the file; False where there is none."""
        if not self._undo:
            return False
        step = self._undo[-1]
        found = {self.targets.find(each.position): each.previous for each in step}
        self._give({key: label for key, label in found.items() if key is not None}, keep=False)
        self._undo.pop()
        for key in [key for key in found if key is not None][:1]:
            self.targets.select(key)
        self.refresh()
        return True

    def rename(self, old: str, new: str) -> None:
        """Rename a class in the list and wherever it was given."""
        self.set_colours({new if name == old else name: colour for name, colour in self.colours.items()})
        self._give({key: new for key, name in self.targets.classes().items() if name == old}, keep=False)
        self._undo = [[_renamed(each, old, new) for each in step] for step in self._undo]
        self.refresh()

    def set_colours(self, colours: Mapping[str, str]) -> None:
        """Change the list of classes or their colours."""
        self.colours = dict(colours)
        if self.log.path.exists():
            self._save_colours()
        self.refresh()

    def next_unlabelled(self) -> int | None:
        """The first one without a class behind the selected one, from the start again at the end."""
        keys, labelled = self.targets.keys(), self.targets.classes()
        current = self.targets.selected()
        start = keys.index(current[-1]) + 1 if current else 0
        return next((key for key in keys[start:] + keys[:start] if key not in labelled), None)

    def counts(self) -> dict[str, int]:
        """How many have each class of the list, and, under ``""``, how many have none."""
        given = Counter(self.targets.classes().values())
        return {name: given[name] for name in self.colours} | {"": len(self.targets.keys()) - given.total()}

    def forget(self, keys: list[int]) -> None:
        """Write down that points are about to be deleted, so that they don't come back."""
        classes = self.targets.classes()
        self._write({key: "" for key in keys if key in classes})

    def move_to(self, log: AnnotationLog) -> None:
        """Go on in another file: take in what it holds, and write to it what it lacks.

        Raises
        ------
        ReadError
            If it is no file of labels.
        """
        history = log.read()
        self.colours |= history.colours
        before = self.targets.classes()
        self.lost = self._restore(history.annotations)
        held = {self.targets.find(each.position): each.label for each in history.annotations}
        self.log, self._saved_colours, self._undo = log, dict(history.colours), []
        self._write({key: label for key, label in before.items() if key not in held}, previous={})
        self.refresh()

    def refresh(self) -> None:
        """Show the layer as it is now."""
        self.targets.show(self.colours)
        self.changed.emit()

    def _give(self, classes: Mapping[int, str], *, keep: bool = True) -> None:
        written = self._write(classes)
        if keep and written:
            self._undo.append(written)
        self.targets.set_classes(classes)

    def _write(
        self, classes: Mapping[int, str], previous: Mapping[int, str] | None = None
    ) -> list[Annotation]:
        """Write what differs from the classes before; those of the layer where they aren't given."""
        previous = self.targets.classes() if previous is None else previous
        lines = [
            Annotation(
                layer=self.targets.layer.name,
                kind=self.targets.kind,
                id=self.targets.number(key),
                position=self.targets.position(key),
                label=label,
                previous=previous.get(key, ""),
            )
            for key, label in classes.items()
            if label != previous.get(key, "")
        ]
        if lines:
            if self.colours != self._saved_colours:
                self._save_colours()
            self.log.append(lines)
        return lines

    def _save_colours(self) -> None:
        self.log.append_colours(self.colours)
        self._saved_colours = dict(self.colours)


def _renamed(annotation: Annotation, old: str, new: str) -> Annotation:
    return replace(annotation, previous=new) if annotation.previous == old else annotation
