"""A run of the window as a command line, or as lines of Python, that give the same table."""

from __future__ import annotations

import hashlib
import io
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from tifffile import imwrite

from napari_organelle.errors import OrganelleError
from napari_organelle.files import whole_file
from napari_organelle.gui.classify.request import ClassifyRequest
from napari_organelle.gui.classify.saving import Saving
from napari_organelle.model.bundle import BUNDLED, ModelBundle, find_bundles, user_folder
from napari_organelle.prepare.plans import Objects, Points, Tiles
from napari_organelle.read.image_set import ImageSet
from napari_organelle.read.open import open_image_set


@dataclass(frozen=True)
class Copied:
    """Text for the clipboard, and what to say of it."""

    text: str
    message: str


@dataclass(frozen=True, eq=False)
class Repeat:
    """How a result comes about outside of the window.

    Parameters
    ----------
    saving : Saving
        The result, at its thresholds.
    files : tuple of Path
        That are opened.
    channels : str
        Slots of the model to channels of these files.
    item : int or None
        The one image of them that was classified; None for all.
    """

    saving: Saving
    files: tuple[Path, ...]
    channels: str
    item: int | None

    @property
    def request(self) -> ClassifyRequest:
        """What was asked."""
        return self.saving.result.request

    def command(self) -> str:
        """The command line.

        Raises
        ------
        OrganelleError
            If the command line has no words for it.
        """
        if self.item is not None:
            raise OrganelleError("The command line classifies all slices; copy this run as Python.")
        request = self.request
        words = ["napari-organelle", "classify", *map(str, self.files), "--model", self._model()]
        words += ["-o", self._output(), "--channels", self.channels, "--regions", request.plan.kind]
        for name, value in self._sizes().items():
            words += [f"--{name}", str(value)]
        if request.plan.is_dense:
            words.append("--dense")
        if isinstance(request.plan, Objects):
            words += ["--labels", str(self._labels_file())]
        elif isinstance(request.plan, Points):
            words += ["--points", str(self._points_file())]
        if self._is_fast():
            words.append("--fast")
        limits = self._limits()
        if limits is not None and len(limits) > 1:
            raise OrganelleError(
                "The command line knows one threshold for all organelles: put the slider back to 0.50, "
                "or copy as Python."
            )
        if limits is not None:
            words += ["--threshold", f"{limits[0]:.6g}"]
        return shlex.join(words)

    def python(self) -> str:
        """The same in Python."""
        request, plan = self.request, type(self.request.plan).__name__
        arguments = [f"{name}={value}" for name, value in self._sizes().items()]
        if request.plan.is_dense:
            arguments.append("dense=True")
        if isinstance(request.plan, Objects):
            arguments.insert(0, f"labels=Path({str(self._labels_file())!r})")
        elif isinstance(request.plan, Points):
            arguments.insert(0, f"points=Path({str(self._points_file())!r})")
        paths = [str(path) for path in self.files]
        span = "" if self.item is None else f".span({self.item}, {self.item + 1})"
        limits = self._limits()
        threshold = "" if limits is None else f"{limits[0]:.6g}" if len(limits) == 1 else _array(limits)
        lines = [
            "from pathlib import Path\n" if "Path(" in "".join(arguments) else "",
            "import numpy as np\n" if "np." in threshold else "",
            f"from napari_organelle import {plan}, classify, open_image_set, open_model\n\n",
            f"images = open_image_set({(paths[0] if len(paths) == 1 else paths)!r}){span}\n",
            f"model = open_model({self._model()!r}){'.with_views(1)' if self._is_fast() else ''}\n",
            f"regions = {plan}({', '.join(arguments)})\n",
            f"prediction = classify(images, model, regions, channels={self.channels!r})\n",
            f"prediction.to_frame({threshold}).to_csv({self._output()!r}, index=False)\n",
        ]
        return "".join(lines)

    def _model(self) -> str:
        bundle = self.request.bundle
        # the command line does not know the folder of models that napari's preferences name
        is_ours = bundle.path.parent == BUNDLED and find_bundles().get(bundle.spec.name) == bundle.path
        return bundle.spec.name if is_ours else str(bundle.path)

    def _output(self) -> str:
        return f"{self.files[0].name.split('.')[0]} {self.request.bundle.spec.name}.csv".replace(" ", "-")

    def _sizes(self) -> dict[str, int]:
        """Lengths in pixels that the plan has."""
        plan = self.request.plan
        if isinstance(plan, Tiles):
            return {name: value for name, value in (("tile", plan.tile), ("stride", plan.stride)) if value}
        window = getattr(plan, "window", None)
        return {} if window is None else {"window": window}

    def _is_fast(self) -> bool:
        bundle = self.request.bundle
        return bool(bundle.spec.views < ModelBundle.open(bundle.path).spec.views)

    def _limits(self) -> np.ndarray | None:
        """The thresholds, where they are not the model's own."""
        limits = np.atleast_1d(self.saving.limits)
        own = np.array(self.request.bundle.spec.thresholds)
        return None if len(own) == len(limits) and np.allclose(own, limits) else limits

    def _labels_file(self) -> Path:
        """The objects in a file of the user's folder, which has them all in its name's hash."""
        labels = np.asarray(self.saving.result.objects)
        labels = labels.astype(np.uint16 if labels.max(initial=0) < 2**16 else np.uint32)
        if self.item is None and len(labels) == 1:
            labels = labels[0]
        buffer = io.BytesIO()
        axes = {"axes": "QYX"} if labels.ndim == 3 else {}
        imwrite(buffer, labels, compression="zlib", metadata=axes)
        return _kept("objects", labels.tobytes(), ".tif", buffer.getvalue())

    def _points_file(self) -> Path:
        points = np.asarray(getattr(self.request.plan, "points", ()), float)
        table = pd.DataFrame(points, columns=["item", "y", "x"][-points.shape[1] :])
        text = table.astype({"item": int} if "item" in table else {}).to_csv(index=False).encode()
        return _kept("points", text, ".csv", text)


def repeat_of(saving: Saving) -> Repeat:
    """Find the files and channels that a result came from, and make sure that they still hold these pixels.

    Raises
    ------
    OrganelleError
        If the pixels are in no file, or opening the files gives others.
    """
    request = saving.result.request
    files = request.files
    if not files:
        raise OrganelleError("These pixels are in no file: save the image first, open it, and classify that.")
    opened = open_image_set(files[0] if len(files) == 1 else list(files))
    item = _item(request)
    images = opened if item is None else opened.span(item, item + 1)
    if len(images) != len(request.images) or images.data.shape[2:] != request.images.data.shape[2:]:
        raise OrganelleError(
            f"{files[0]} opens as {len(opened):,} images of {opened.data.shape[2:]} px, "
            "other ones than were classified."
        )
    bound = request.channel_map
    pairs = [
        f"{slot.name}={'none' if index is None else _same_channel(request.images, index, images)}"
        for slot, index in zip(bound.slots, bound.indices, strict=True)
    ]
    return Repeat(saving, files, ",".join(pairs), item)


def copy_command(saving: Saving) -> Iterator[Copied]:
    """One report, for a worker: the command line."""
    yield Copied(repeat_of(saving).command(), "The command is on the clipboard.")


def copy_python(saving: Saving) -> Iterator[Copied]:
    """One report, for a worker: the lines of Python."""
    yield Copied(repeat_of(saving).python(), "The Python is on the clipboard.")


def _item(request: ClassifyRequest) -> int | None:
    """Which image of the files was classified, where it was one slice of a stack."""
    uses = zip(request.placement.leading, request.placement.shape, strict=False)
    chosen = [(use, length) for use, length in uses if use != "all"]
    if not chosen or any(use == "items" for use, _ in chosen):
        return None
    index = np.array([use for use, _ in chosen], dtype=np.int64)
    return int(np.ravel_multi_index(tuple(index), tuple(length for _, length in chosen)))


def _same_channel(images: ImageSet, channel: int, opened: ImageSet) -> int:
    """The channel of what was opened that has the pixels of a channel of what was classified."""
    ends = sorted({0, len(images) - 1})
    wanted = [np.asarray(images.data[item, channel]) for item in ends]
    candidates: Sequence[int] = range(opened.data.shape[1])
    for other in candidates:
        found = [np.asarray(opened.data[item, other]) for item in ends]
        if all(one.tobytes() == two.tobytes() for one, two in zip(wanted, found, strict=True)):
            return other
    raise OrganelleError(
        f"{opened.source} has no channel with the pixels of {images.channel_names[channel]!r} any more."
    )


def _array(limits: np.ndarray) -> str:
    return f"np.array([{', '.join(f'{limit:.6g}' for limit in limits)}])"


def _kept(kind: str, content: bytes, ending: str, raw: bytes) -> Path:
    """Write a file of the user's folder that is named by its content, unless it is there."""
    digest = hashlib.blake2b(content, digest_size=6).hexdigest()
    path = user_folder().parent / "regions" / f"{kind}-{digest}{ending}"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as part:
            part.write_bytes(raw)
    return path
