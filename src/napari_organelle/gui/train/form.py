"""What is to be learned from and how: the fields of the Train widget, and the request that they make."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from napari.layers import Image
from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_organelle.errors import OrganelleError
from napari_organelle.gui.devices import DeviceList
from napari_organelle.gui.fields import ObjectCombo, pixel_box, whole_box, wrapped_label
from napari_organelle.gui.layer_combo import LayerCombo
from napari_organelle.gui.preferences import offer_devices, preferences
from napari_organelle.gui.train.channel_rows import ChannelRows
from napari_organelle.gui.train.label_bars import LabelBars
from napari_organelle.gui.train.request import AUTO_GROUPS, TrainingRequest, label_counts
from napari_organelle.gui.train.sources import (
    Crops,
    CropSource,
    LayerSource,
    SetSource,
    channels_around,
    select,
    sources_of,
)
from napari_organelle.gui.train.teaching import FROM_IMAGENET, start_text, starts, taught_plan
from napari_organelle.gui.viewer_events import ViewerEvents
from napari_organelle.model.bundle import SUFFIX, open_bundle, user_folder
from napari_organelle.read.image_set import ImageSet
from napari_organelle.train.recipes import RECIPES
from napari_organelle.train.splits import OUTER_COLUMNS
from napari_organelle.train.trainset import TrainingPlan

AUTO_DEVICE = ("auto", "automatic")
GROUP_TEXTS = {AUTO_GROUPS: "automatic", "image": "image file", "item": "nothing (every crop for itself)"}
NO_DATA = "Open a labelled set, or label cells by hand first: Layers > Annotate > Label organelles by hand."
SHOWN_PROBLEMS = 3


class TrainForm(QWidget):
    """The fields. `changed` comes whenever the request may be another one."""

    changed = Signal()
    wanted = Signal(object)

    def __init__(self, events: ViewerEvents) -> None:
        super().__init__()
        self.viewer = events.viewer
        self._opened: list[CropSource] = []
        self._make_fields(events)
        self._arrange()
        self._connect()
        self.refresh()

    def _make_fields(self, events: ViewerEvents) -> None:
        self.source = ObjectCombo("Labelled sets and layers of the viewer, and sets opened here")
        self.open = QPushButton("Open…")
        self.open.setToolTip("Open a labelled set from disk, without showing it")
        menu = QMenu(self.open)
        menu.addAction("Folder of images…", lambda: self._ask(folder=True))
        menu.addAction("List or table…", lambda: self._ask(folder=False))
        self.open.setMenu(menu)
        self.image = LayerCombo(events, (Image,), "The image that the labelled objects or points lie in")
        self.window = pixel_box(64, "Side of the square that is cut out around each object or point")
        self.facts = wrapped_label()
        self.bars = LabelBars()
        self.channels = ChannelRows()
        self.start = ObjectCombo("Train a new model, or teach one that is there: two crops a class help")
        self.recipe = ObjectCombo(
            "How the network is trained; the notebook2019 recipes are those of the notebooks of 2019"
        )
        self.recipe.offer(list(RECIPES))
        self.group_by = ObjectCombo("Crops that share this are never split between training and judging")
        self.epochs = whole_box(1, 1000, "At most so many passes through the training crops")
        self.tuned = whole_box(0, 5, "How many of the five blocks of VGG16 are trained too: slow on a CPU")
        self.seed = whole_box(0, 99999, "The same seed on the same data gives the same model on a CPU")
        self.device = ObjectCombo("Where the network runs")
        self.offer_devices(AUTO_DEVICE, [])
        self.name = QLineEdit("my-model")
        self.name.setToolTip("Letters, digits, '.', '_' and '-'")
        self.save_in = QPushButton("In…")
        self.save_in.setToolTip("Folder that the model is saved in; Classify finds those in the usual one")
        self.folder = user_folder()
        self.replace = QCheckBox("Replace it")
        self.replace.setToolTip("Overwrite the model of this name")
        self.resume = QCheckBox("Go on with it")
        self.resume.setToolTip("Train on from the epoch that the stopped run had reached")
        self._set_epochs()

    def _arrange(self) -> None:
        data, name = QHBoxLayout(), QHBoxLayout()
        for row, left, right in ((data, self.source, self.open), (name, self.name, self.save_in)):
            row.addWidget(left, 1)
            row.addWidget(right)
        self._form = QFormLayout()
        self._form.addRow("Data", data)
        self._form.addRow("Image", self.image)
        self._form.addRow("Crop", self.window)
        self._form.addRow(self.facts)
        self._form.addRow(self.bars)
        for text, field in (
            ("Start from", self.start),
            ("Channels", self.channels),
            ("Recipe", self.recipe),
            ("Keep together", self.group_by),
            ("Epochs", self.epochs),
            ("Fine-tune", self.tuned),
            ("Seed", self.seed),
            ("Device", self.device),
            ("Name", name),
        ):
            self._form.addRow(text, field)
        self._form.addRow("", self.replace)
        self._form.addRow("", self.resume)
        for choice in (self.replace, self.resume):
            self._form.setRowVisible(choice, False)
        self.tuned.setSuffix(" blocks")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(self._form)

    def _connect(self) -> None:
        self.source.activated.connect(self._take_source)
        self.image.chosen.connect(self._take_image)
        self.recipe.activated.connect(self._set_epochs)
        self.start.activated.connect(self._take_start)
        self.save_in.clicked.connect(self._ask_folder)
        for signal in (
            self.window.valueChanged,
            self.channels.changed,
            self.recipe.activated,
            self.group_by.activated,
            self.epochs.valueChanged,
            self.tuned.valueChanged,
            self.seed.valueChanged,
            self.device.activated,
            self.name.textChanged,
            self.replace.toggled,
            self.resume.toggled,
        ):
            signal.connect(lambda *_: self.changed.emit())

    def offer_devices(self, automatic: tuple[str, str], devices: DeviceList) -> None:
        """Offer the devices that can train."""
        offer_devices(self.device, automatic, devices, preferences().training_device)

    def refresh(self) -> None:
        """Offer the sources that the viewer has now."""
        before = self.source.value
        self.start.offer(starts(), start_text)
        self.source.offer([*sources_of(self.viewer.layers), *self._opened], lambda source: source.name)
        if self.source.value != before:
            self._take_source()

    def add_set(self, images: ImageSet) -> None:
        """Offer an opened set, and choose it."""
        source = SetSource(images.source.name if images.source else images.kind, images)
        self._opened.append(source)
        self.refresh()
        self.source.choose(source)
        self._take_source()

    def request(self) -> tuple[TrainingRequest | None, str]:
        """The request that the fields make, or why there is none."""
        source = self.source.value
        if source is None:
            self._show_crops(None)
            return None, NO_DATA
        chosen = self.channels.chosen()
        slots = tuple(slot for _, slot in chosen)
        try:
            crops, indices = self._crops(source, [key for key, _ in chosen], slots)
        except OrganelleError as error:
            self._show_crops(None)
            return None, f"{error}"
        self._show_crops(crops)
        output = self.folder / f"{self.name.text().strip()}{SUFFIX}"
        plan = TrainingPlan(
            output=output,
            recipe=self._recipe(),
            slots=slots,
            indices=indices,
            group_by=self.group_by.value,
            seed=self.seed.value(),
            device=self.device.value[0],
            teacher=self.start.value,
            overwrite=self.replace.isChecked(),
            resume=self.resume.isChecked(),
            cache_bytes=preferences().cache_bytes,
        )
        self._form.setRowVisible(self.replace, output.exists())
        self._form.setRowVisible(self.resume, plan.folder.exists())
        try:
            plan = taught_plan(plan, crops.labels) if plan.teacher else plan
        except OrganelleError as error:
            return None, f"{error}"
        request = TrainingRequest(crops, plan)
        problem = request.problem()
        return (None, problem) if problem else (request, "")

    def propose_free_name(self) -> None:
        """Number the name, so that the next model doesn't replace the last one."""
        stem = re.sub(r"-\d+$", "", self.name.text().strip())
        names = (f"{stem}-{number}" for number in itertools.count(2))
        self.name.setText(next(name for name in names if not (self.folder / f"{name}{SUFFIX}").exists()))

    def _crops(self, source: CropSource, keys: list[Any], slots: Any) -> tuple[Crops, tuple[int, ...]]:
        if isinstance(source, SetSource):
            return source.crops(), tuple(keys)
        if self.image.value is None:
            raise OrganelleError("Open the image that the labels belong to.")
        selection = select(self.image.value, keys, slots)
        used = list(dict.fromkeys(keys))
        return source.crops(selection, self.window.value()), tuple(used.index(key) for key in keys)

    def _recipe(self) -> Any:
        recipe = RECIPES[self.recipe.value]
        return replace(
            recipe,
            head=replace(recipe.head, epochs=self.epochs.value()),
            tuned_blocks=self.tuned.value(),
        )

    def _take_source(self, _row: object = None) -> None:
        source = self.source.value
        by_hand = isinstance(source, LayerSource)
        self._form.setRowVisible(self.image, by_hand)
        self._form.setRowVisible(self.window, by_hand)
        if isinstance(source, SetSource):
            self.channels.offer([(index, channel.name) for index, channel in enumerate(source.channels())])
            self._offer_groups(source.images)
            self._propose_name(source.name)
        elif by_hand:
            self._take_image()
            self._propose_name(source.layer.name)
        self.changed.emit()

    def _take_start(self, _row: object = None) -> None:
        anew = self.start.value == FROM_IMAGENET
        for field in (self.recipe, self.epochs, self.tuned):
            self._form.setRowVisible(field, anew)
        self._take_image()
        self.changed.emit()

    def _take_image(self) -> None:
        source, image = self.source.value, self.image.value
        if not isinstance(source, LayerSource) or image is None:
            return
        options = channels_around(image, self.viewer.layers)
        self.channels.offer([(option, str(option)) for option in options])
        images = select(image, options[:1], ()).image_set() if options else None
        self.window.setValue(source.default_window(image))
        if self.start.value and images is not None:
            self.window.setValue(open_bundle(self.start.value).spec.pixels.window_for(images.pixel_size_um))
        self._offer_groups(images)
        self.changed.emit()

    def _offer_groups(self, images: ImageSet | None) -> None:
        columns = [name for name in OUTER_COLUMNS if images is not None and name in images.items]
        self.group_by.offer(
            [AUTO_GROUPS, *columns, *list(GROUP_TEXTS)[1:]], lambda by: GROUP_TEXTS.get(by, by)
        )

    def _propose_name(self, text: str) -> None:
        if not self.name.isModified():
            self.name.setText(re.sub(r"[^A-Za-z0-9._-]+", "-", Path(text).stem).strip("-.") or "my-model")

    def _show_crops(self, crops: Crops | None) -> None:
        if crops is None:
            self.facts.setText("")
            self.bars.show_counts({})
            return
        counts = label_counts(crops.labels)
        if counts != self.bars.counts:
            self.bars.show_counts(counts)
        self.facts.setText(facts_of(crops))
        self.facts.setToolTip("\n".join(crops.images.problems))

    def _set_epochs(self, _row: object = None) -> None:
        recipe = RECIPES[self.recipe.value]
        self.epochs.setValue(recipe.head.epochs)
        self.tuned.setValue(recipe.tuned_blocks)

    def _ask(self, *, folder: bool) -> None:
        title = "Folder of labelled images" if folder else "List or table of labelled images"
        ask = QFileDialog.getExistingDirectory if folder else QFileDialog.getOpenFileName
        answer = ask(self, title, str(Path.home()))
        path = answer if folder else answer[0]
        if path:
            self.wanted.emit(Path(path))

    def _ask_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Folder for the model", str(self.folder))
        if path:
            self.folder = Path(path)
            self.save_in.setToolTip(path)
            self.changed.emit()


def facts_of(crops: Crops) -> str:
    """Number and size of the crops, what has no label, and the first problems of the set."""
    unlabelled = int((crops.labels == "").sum())
    low, high = crops.sides
    size = f"{low} px" if low == high else f"{low} to {high} px"
    unlabelled_part = f", {unlabelled:,} without a label" if unlabelled else ""
    facts = f"{len(crops.labels):,} crops of {size} a side{unlabelled_part}."
    problems = crops.images.problems
    if problems:
        more = len(problems) - SHOWN_PROBLEMS
        facts += (
            f" {_sentences(problems[:SHOWN_PROBLEMS])}{f' And {more:,} more problems.' if more > 0 else ''}"
        )
    return facts


def _sentences(problems: Iterable[str]) -> str:
    return " ".join(f"{problem.rstrip('.')}." for problem in problems)
