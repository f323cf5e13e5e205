"""The form: which image, model, channels, regions and device. It collects a ClassifyRequest, no more."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QWidget

from napari_organelle.errors import OrganelleError
from napari_organelle.gui.classify.model_form import ModelForm
from napari_organelle.gui.classify.region_form import RegionForm
from napari_organelle.gui.classify.request import ClassifyRequest
from napari_organelle.gui.devices import DeviceList
from napari_organelle.gui.fields import ObjectCombo, show_row
from napari_organelle.gui.inputs import (
    ChannelOption,
    belong_together,
    channel_options,
    guess_binding,
    guess_channel_axis,
    image_set_of,
    is_input,
    pixel_size_um,
    spatial_shape,
)
from napari_organelle.gui.preferences import offer_devices, preferences
from napari_organelle.gui.selection import Selection
from napari_organelle.gui.viewer_events import ViewerEvents
from napari_organelle.model.spec import ModelSpec
from napari_organelle.prepare.channels import ChannelMap

if TYPE_CHECKING:
    from napari.layers import Image

NO_IMAGE = "Open an image, or a set of images, to classify."
AUTO = ("auto", "Automatic")
THIS_SLICE, ALL_SLICES = "this slice", "all slices"


class ClassifyForm(QWidget):
    """Fields of the Classify widget.

    Parameters
    ----------
    events : ViewerEvents
        Of the viewer whose layers are offered and followed.
    """

    changed = Signal()

    def __init__(self, events: ViewerEvents) -> None:
        super().__init__()
        self.viewer = events.viewer
        self.image = ObjectCombo("The image to classify: the active layer, unless you pick another")
        self.channel_axis = ObjectCombo("The axis of this layer along which its channels lie")
        self.slices = ObjectCombo("Classify only the slice on display, or every slice")
        self.model = ModelForm()
        self.regions = RegionForm(self._pixel_size)
        self.device = ObjectCombo("Where the network runs")
        self.offer_devices([])
        self.slots: list[ObjectCombo] = []
        self._image_picked = False
        self._slot_picks: dict[str, ChannelOption | None] = {}
        self._axis_picks: dict[str, int | None] = {}
        self._reference: Image | None = None
        self._lay_out()
        self._connect(events)
        self.refresh_layers()

    def _lay_out(self) -> None:
        self.layout_ = QFormLayout(self)
        self.layout_.setContentsMargins(0, 0, 0, 0)
        self.layout_.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        self.layout_.addRow("Model", self.model)
        self.layout_.addRow(self.model.info)
        self.layout_.addRow("", self.model.fast)
        self.layout_.addRow("Image", self.image)
        self.layout_.addRow("Channels", self.channel_axis)
        self.layout_.addRow("Slices", self.slices)
        self._slot_row = self.layout_.rowCount()
        self.layout_.addRow("Regions", self.regions.kind)
        for text, field in self.regions.fields:
            self.layout_.addRow(text, field)
        self.layout_.addRow("Device", self.device)

    def _connect(self, events: ViewerEvents) -> None:
        self.image.activated.connect(self._on_image_picked)
        self.channel_axis.activated.connect(self._on_axis_picked)
        self.slices.activated.connect(self._on_slices_picked)
        self.device.activated.connect(self.changed)
        self.model.changed.connect(self._on_model)
        self.regions.changed.connect(self._on_regions)
        events.on_layers(self.refresh_layers)
        events.on_active(self._on_active)
        events.on_step(self._on_step)
        self._make_slots()

    # what the viewer tells

    def refresh_layers(self, event: Any = None) -> None:
        """Offer the layers that there are now."""
        images = [layer for layer in self.viewer.layers if is_input(layer)]
        self.image.offer(images, lambda layer: layer.name)
        if not self._image_picked:
            self._take_active()
        self._on_reference()

    def offer_devices(self, devices: DeviceList) -> None:
        """Offer the devices that were found."""
        offer_devices(self.device, AUTO, devices, preferences().device)

    def _on_active(self, event: Any = None) -> None:
        if not self._image_picked:
            self._take_active()
            self._on_reference()

    def _take_active(self) -> None:
        active = self.viewer.layers.selection.active
        if active is not None and is_input(active):
            self.image.choose(active)

    def _on_step(self, event: Any = None) -> None:
        if self.slices.value == THIS_SLICE:
            self.changed.emit()

    # what the user picks

    def _on_image_picked(self) -> None:
        self._image_picked = True
        self._on_reference()

    def _on_reference(self) -> None:
        """Offer what goes with the image; a new image has its own guesses."""
        layer = self.image.value
        is_new = layer is not self._reference
        self._reference = layer
        has_channels = layer is not None and not layer.rgb and image_set_of(layer) is None
        leading = range(len(spatial_shape(layer)) - 2) if has_channels else range(0)
        self.channel_axis.offer([None, *leading], self._axis_text)
        if is_new and layer is not None:
            key = str(layer.unique_id)
            self.channel_axis.choose(
                self._axis_picks[key] if key in self._axis_picks else guess_channel_axis(layer)
            )
        show_row(self.channel_axis, self.layout_.labelForField(self.channel_axis), len(leading) > 0)
        self._on_axis(is_new)

    def _on_axis_picked(self) -> None:
        self._axis_picks[str(self.image.value.unique_id)] = self.channel_axis.value
        self._on_axis(True)

    def _on_axis(self, is_new: bool) -> None:
        count = self._item_axis_lengths()
        self.slices.offer([ALL_SLICES, THIS_SLICE], lambda choice: _slices_text(choice, count))
        show_row(self.slices, self.layout_.labelForField(self.slices), bool(count))
        if is_new and self.image.value is not None:
            opened = image_set_of(self.image.value)
            self.model.suggest(opened.kind if opened else None, self._fit)
        self._offer_channels(is_new)
        self._offer_layers()
        self._offer_kinds(is_new)
        self.changed.emit()

    def _on_slices_picked(self) -> None:
        self._offer_kinds(False)
        self.changed.emit()

    def _on_model(self) -> None:
        show_row(self.model.fast, None, self.model.has_views)
        self._make_slots()
        self._offer_channels(True)
        self._offer_layers()
        self._offer_kinds(True)
        self.changed.emit()

    def _on_slot_picked(self, slot: str, combo: ObjectCombo, _row: int = 0) -> None:
        """Keep what was picked; the image then follows the active layer no longer."""
        self._slot_picks[slot] = combo.value
        self._image_picked = True
        self.changed.emit()

    def _on_regions(self) -> None:
        self.changed.emit()

    # filling the fields

    def _make_slots(self) -> None:
        """A row for each channel slot of the model."""
        for combo in self.slots:
            self.layout_.removeRow(combo)
        slots = self.model.bundle.spec.slots if self.model.bundle else ()
        self.slots = []
        for number, slot in enumerate(slots):
            need = "needed" if slot.required else "may stay empty"
            combo = ObjectCombo(f"The channel that shows {slot.name}; {need}")
            combo.setAccessibleName(f"Channel for {slot.name}")
            combo.activated.connect(partial(self._on_slot_picked, slot.name, combo))
            self.layout_.insertRow(self._slot_row + number, slot.name, combo)
            self.slots.append(combo)
        for before, after in pairwise([self.slices, *self.slots, self.regions.kind]):
            QWidget.setTabOrder(before, after)

    def _offer_channels(self, guess: bool) -> None:
        """Offer channels; a guess fills what the user has not picked, nothing else."""
        options = self._options()
        for combo in self.slots:
            combo.offer([None, *options], lambda option: "—" if option is None else str(option))
        if guess and self.model.bundle is not None and self.image.value is not None:
            chosen = guess_binding(self.model.bundle.spec.slots, self.image.value, options)
            for slot, combo, option in zip(self.model.bundle.spec.slots, self.slots, chosen, strict=True):
                combo.choose(self._picked(slot.name, option, options))

    def _picked(
        self, slot: str, guess: ChannelOption | None, options: list[ChannelOption]
    ) -> ChannelOption | None:
        """What the user picked for a slot, where that can belong to the image; else the guess."""
        picked = self._slot_picks.get(slot, guess)
        if slot not in self._slot_picks or picked is None:
            return picked
        fits = picked in options and belong_together(picked.layer, self.image.value)
        return picked if fits else guess

    def _fit(self, spec: ModelSpec) -> int:
        """Slots that find a channel less those that don't; least of all where a needed one is empty."""
        chosen = guess_binding(spec.slots, self.image.value, self._options())
        lacking = [slot for slot, option in zip(spec.slots, chosen, strict=True) if option is None]
        filled = len(spec.slots) - len(lacking)
        return -len(spec.slots) if any(slot.required for slot in lacking) else filled - len(lacking)

    def _offer_layers(self) -> None:
        """Offer labels, points, and channels to find cells in."""
        options = self._options()
        bound = [options.index(combo.value) if combo.value in options else None for combo in self.slots]
        slots = self.model.bundle.spec.slots if self.model.bundle else ()
        names = tuple(str(option) for option in options)
        self.regions.offer_layers(self.viewer.layers, options, ChannelMap(slots, tuple(bound), names))

    def _offer_kinds(self, guess: bool) -> None:
        bundle, layer = self.model.bundle, self.image.value
        if bundle is None or layer is None:
            return
        selection = self.selection()
        window = bundle.spec.pixels.window_for(self._pixel_size())
        self.regions.offer_kinds(selection, window, guess)

    def _options(self) -> list[ChannelOption]:
        axis, options = self.channel_axis.value, []
        for layer in self.viewer.layers:
            if is_input(layer):
                options += channel_options(
                    layer, axis if layer is self.image.value else guess_channel_axis(layer)
                )
        return options

    def _axis_text(self, axis: int | None) -> str:
        if axis is None:
            return "each layer is one"
        layer = self.image.value
        return f"along axis {layer.axis_labels[axis]} ({spatial_shape(layer)[axis]})"

    def _item_axis_lengths(self) -> list[int]:
        layer = self.image.value
        if layer is None:
            return []
        shape = spatial_shape(layer)
        return [shape[axis] for axis in range(len(shape) - 2) if axis != self.channel_axis.value]

    def _pixel_size(self) -> float | None:
        layer = self.image.value
        if layer is None:
            return None
        source = image_set_of(layer)
        return pixel_size_um(layer) or (source.pixel_size_um if source else None)

    # what is asked of the form

    def selection(self) -> Selection:
        """The input as it is chosen now; there must be an image and a model."""
        layer = self.image.value
        return Selection(
            reference=layer,
            channel_axis=self.channel_axis.value,
            whole_stack=self.slices.value == ALL_SLICES,
            slots=self.model.bundle.spec.slots if self.model.bundle else (),
            binding=tuple(combo.value for combo in self.slots),
            current=self._current(layer),
        )

    def _current(self, layer: Image) -> tuple[int, ...]:
        """The pixel of a layer that is on display, inside it."""
        position = layer.world_to_data(self.viewer.dims.point)
        shape = spatial_shape(layer)
        values = [*position][-len(shape) - int(layer.rgb) :][: len(shape)]
        return tuple(min(max(round(float(v)), 0), n - 1) for v, n in zip(values, shape, strict=True))

    def request(self) -> tuple[ClassifyRequest | None, str]:
        """The request, or None and why there is none."""
        if self.image.value is None:
            return None, NO_IMAGE
        if self.model.bundle is None:
            return None, self.model.problem
        selection = self.selection()
        if problem := selection.problem():
            return None, problem
        try:
            plan = self.regions.plan(selection, self._pixel_size())
            images = selection.image_set()
        except OrganelleError as error:
            return None, str(error)
        request = ClassifyRequest(
            bundle=self.model.bundle,
            images=images,
            channel_map=selection.channel_map(),
            plan=plan,
            placement=selection.placement(),
            device=self.device.value[0],
            files=selection.files(),
        )
        problem = request.problem()
        return (None, problem) if problem else (request, "")


def _slices_text(choice: str, lengths: list[int]) -> str:
    return f"All {prod(lengths):,}" if choice == ALL_SLICES else "This one"
