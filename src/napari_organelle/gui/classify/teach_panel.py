"""What a person corrected in the last result, and the button that teaches it to the model."""

from __future__ import annotations

from collections import Counter

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_organelle.gui.classify.lesson import Lesson
from napari_organelle.gui.classify.results import Result
from napari_organelle.gui.fields import wrapped_label
from napari_organelle.model.bundle import ModelBundle
from napari_organelle.read.image_set import LABEL_SEPARATOR

HOW = "Nothing is corrected yet: in the gallery, select regions and press the number of their class."
ALREADY = (
    "{model} has learned these {count} corrections. After more of them, Teach begins again at {teacher}, "
    "with all."
)


class TeachPanel(QWidget):
    """Three buttons and a sentence.

    A model that was taught with corrections of an image and then corrected there again is not taught further:
    the model that it came from is, with all corrections, since only that one has not seen them.
    """

    gallery_wanted = Signal()
    next_wanted = Signal()
    """The region that would teach the model most is to be looked at."""
    wanted = Signal(object)
    """A Lesson that is to be taught."""

    def __init__(self) -> None:
        super().__init__()
        self.result: Result | None = None
        self._lessons: dict[tuple[str, str], Lesson] = {}
        self.intention = wrapped_label()
        self.gallery_button = QPushButton("Gallery")
        self.gallery_button.setToolTip("See the regions of each class side by side, and correct them")
        self.next_button = QPushButton("Next")
        self.next_button.setToolTip(
            "Go to the region whose class would teach the model most: an unsure one, unlike those corrected"
        )
        self.teach_button = QPushButton("Teach")
        self.teach_button.setToolTip(
            "Make a new model that has learned these corrections and keeps the other classes, in about a "
            "minute, and answer again"
        )
        buttons = QHBoxLayout()
        for button in (self.gallery_button, self.next_button, self.teach_button):
            buttons.addWidget(button, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(buttons)
        column.addWidget(self.intention)
        self.gallery_button.clicked.connect(self.gallery_wanted)
        self.next_button.clicked.connect(self.next_wanted)
        self.teach_button.clicked.connect(self._teach)

    def show_result(self, result: Result) -> None:
        """Say what there is to teach now."""
        self.result = result
        lesson = self.lesson(result)
        problem = self._problem(lesson)
        self.teach_button.setEnabled(not problem)
        self.intention.setText(problem or intention(lesson))

    def lesson(self, result: Result) -> Lesson:
        """A result's corrections, for the model that has not been taught them."""
        learned = self._learned(result)
        return Lesson.of(result, learned.teacher if learned else result.bundle)

    def remember(self, lesson: Lesson, taught: ModelBundle) -> None:
        """What a model was taught."""
        self._lessons[taught.id, lesson.result.record.image_id] = lesson

    def _learned(self, result: Result) -> Lesson | None:
        """What the result's model was taught of its image."""
        return self._lessons.get((result.bundle.id, result.record.image_id))

    def _problem(self, lesson: Lesson) -> str:
        learned = self._learned(lesson.result)
        if not lesson.corrected:
            return HOW
        if learned and learned.corrected == lesson.corrected:
            return ALREADY.format(
                model=lesson.result.bundle.spec.name,
                count=len(lesson.corrected),
                teacher=lesson.teacher.spec.name,
            )
        return lesson.problem()

    def _teach(self) -> None:
        if self.result is not None:
            self.wanted.emit(self.lesson(self.result))


def intention(lesson: Lesson) -> str:
    """What Teach will do."""
    counts = Counter(name for label in lesson.corrected.values() for name in label.split(LABEL_SEPARATOR))
    named = ", ".join(f"{name} {count:,}" for name, count in counts.most_common())
    return (
        f"Teach makes {lesson.output.stem} from {lesson.teacher.spec.name} and "
        f"{len(lesson.corrected):,} corrections ({named})."
    )
