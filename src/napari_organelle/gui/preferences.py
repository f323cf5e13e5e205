"""What the user has set in napari's preferences: device, folder of models, size of the cache of features."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari_organelle.gui.devices import DeviceList
from napari_organelle.gui.docks import PLUGIN
from napari_organelle.gui.fields import ObjectCombo
from napari_organelle.model.bundle import choose_user_folder
from napari_organelle.model.engine.device import OPENVINO
from napari_organelle.train.features import CACHE_BYTES

AUTO = "auto"
GIGABYTE = 2**30


@dataclass(frozen=True)
class Preferences:
    """The plugin's own page of napari's preferences; the manifest declares it.

    Parameters
    ----------
    device : str
        ``"auto"``, ``"cpu"``, ``"openvino"``, ``"gpu:0"``...
    model_folder : str
        Where the user's own models are; the usual folder where empty.
    cache_gb : int
        Most GB of computed features that a training leaves on disk.
    """

    device: str = AUTO
    model_folder: str = ""
    cache_gb: int = CACHE_BYTES // GIGABYTE

    @property
    def training_device(self) -> str:
        """As `device`; OpenVINO trains nothing."""
        return AUTO if self.device == OPENVINO else self.device

    @property
    def cache_bytes(self) -> int:
        return self.cache_gb * GIGABYTE


def preferences() -> Preferences:
    """The present ones; the defaults where napari has no such page (before 0.9) or the plugin is off."""
    try:
        from napari.settings import get_plugin_settings
    except ImportError:
        return Preferences()
    try:
        found = get_plugin_settings(PLUGIN)
    except KeyError:
        return Preferences()
    return Preferences(found.network.device, found.files.model_folder.strip(), found.files.cache_gb)


def use_model_folder() -> None:
    """Look for the user's models where the preferences say."""
    folder = preferences().model_folder
    choose_user_folder(Path(folder).expanduser() if folder else None)


def offer_devices(
    combo: ObjectCombo, automatic: tuple[str, str], devices: DeviceList, preferred: str = AUTO
) -> None:
    """Offer devices, the automatic choice first; a choice that was made stays, even if it is not found.

    Parameters
    ----------
    combo : ObjectCombo
        Of (name, text).
    automatic : (str, str)
        Name and text of the automatic choice.
    devices : list of (str, str)
        Those that were found.
    preferred : str
        Name of the device that is chosen at first.
    """
    chosen = preferred if combo.value is None else combo.value[0]
    choices = [automatic, *devices]
    if chosen not in dict(choices):
        choices.append((chosen, f"{chosen} (of the preferences)"))
    combo.offer(choices, lambda device: device[1])
    combo.choose(next(device for device in choices if device[0] == chosen))
