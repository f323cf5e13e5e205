"""State of a training stage, on disk after each epoch, from which a killed run goes on unchanged."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_organelle.files import whole_file

if TYPE_CHECKING:
    import keras


@dataclass
class Progress:
    """State of a stage after an epoch: what a checkpoint holds.

    Parameters
    ----------
    history : list of dict
        Losses and F1 of each epoch.
    best : list of arrays
        The network's variables after the best epoch.
    best_epoch : int
        Counted from 1; 0 before the first.
    finished : bool
        Whether the stage is over.
    """

    history: list[dict[str, float]] = field(default_factory=list)
    best: list[np.ndarray] = field(default_factory=list)
    best_epoch: int = 0
    finished: bool = False

    def merit(self) -> tuple[float, float]:
        """Validation macro F1 of the best epoch, then how low its loss is."""
        return merit(self.history[self.best_epoch - 1])


def merit(row: dict[str, float]) -> tuple[float, float]:
    """What an epoch is chosen by: validation macro F1, then how low the validation loss is."""
    return row["val_macro_f1"], -row["val_loss"]


def read_variables(network: keras.Model) -> list[np.ndarray]:
    """Values of all variables of a network, those of its dropout among them."""
    return [_value(variable) for variable in network.variables]


def set_variables(network: keras.Model, values: Sequence[np.ndarray]) -> None:
    """Give a network the values that `read_variables` read."""
    for variable, value in zip(network.variables, values, strict=True):
        variable.assign(value)


def save_checkpoint(path: Path, network: keras.Model, progress: Progress) -> str:
    """Write network, optimizer and progress, whole or not at all.

    Parameters
    ----------
    path : Path
        File to write.
    network : keras.Model
        Compiled.
    progress : Progress
        After an epoch.

    Returns
    -------
    str
        What the user should know: empty, or that the disk refused, which does not end the training.
    """
    arrays: dict[str, Any] = {f"now_{index}": _value(each) for index, each in enumerate(_state(network))}
    if not progress.finished or progress.best_epoch != len(progress.history):
        arrays |= {f"best_{index}": value for index, value in enumerate(progress.best)}
    facts = {"history": progress.history, "best": len(progress.best)}
    facts |= {"best_epoch": progress.best_epoch, "finished": progress.finished}
    try:
        with whole_file(path) as part, part.open("wb") as file:
            np.savez(file, progress=np.array(json.dumps(facts)), **arrays)
    except OSError as error:
        return f"No checkpoint could be written ({error}): training goes on, but can't be resumed from here."
    return ""


def restore_checkpoint(path: Path, network: keras.Model, progress: Progress) -> str:
    """Bring network, optimizer and progress to where they were; without a checkpoint, leave them.

    Returns
    -------
    str
        What the user should know: empty, or that the checkpoint can't be read, and nothing was changed.
    """
    if not path.exists():
        return ""
    variables = _state(network)
    try:
        with np.load(path, allow_pickle=False) as arrays:
            facts = json.loads(str(arrays["progress"]))
            now = [_like(arrays[f"now_{index}"], variable) for index, variable in enumerate(variables)]
            names = [f"best_{index}" for index in range(facts["best"])]
            best = [arrays[name if name in arrays else name.replace("best", "now")] for name in names]
        held = Progress(facts["history"], best, facts["best_epoch"], facts["finished"])
    except Exception as error:  # noqa: BLE001 - whatever the bytes are, the stage can begin anew
        return f"The checkpoint {path.name} can't be read ({error or type(error).__name__}): begun anew."
    for variable, value in zip(variables, now, strict=True):
        variable.assign(value)
    vars(progress).update(vars(held))
    return ""


def _like(value: np.ndarray, variable: Any) -> np.ndarray:
    if value.shape != tuple(variable.shape):
        raise ValueError(f"{value.shape} instead of {tuple(variable.shape)}")
    return value


def _state(network: keras.Model) -> Sequence[Any]:
    return [*network.variables, *network.optimizer.variables]


def _value(variable: Any) -> np.ndarray:
    import keras

    return np.array(keras.ops.convert_to_numpy(variable.value))
