"""``napari-organelle demo``: the sample field of yeast, classified."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from napari_organelle.cli.stopping import interruptible
from napari_organelle.errors import OrganelleError
from napari_organelle.files import check_outputs

SCREEN = "-screen 0 1400x900x24"
FILES = ("demo.png", "demo.csv")


def run(args: argparse.Namespace) -> int:
    """Show the demo, or write it where there is no display.

    Raises
    ------
    OrganelleError
        If Qt is not installed, there is neither a display nor a virtual one, or its files are there already.
    """
    if not has_toolkit():
        raise OrganelleError(
            "The demo opens napari, and no window toolkit is installed: "
            'pip install "napari-organelle[all]", or classify from the command line.'
        )
    output = args.output if args.output or has_display() else Path("demo")
    if output and output.exists():
        check_outputs(*(output / name for name in FILES), force=args.force)
    elif output:
        check_outputs(output)
    if has_display():
        from napari_organelle.gui.demo import show_demo

        show_demo(output)
        return 0
    if not shutil.which("xvfb-run"):
        raise OrganelleError(
            "There is no display, and no virtual one: expected DISPLAY to be set, or xvfb-run installed. "
            "Type: sudo apt-get install -y xvfb xauth libgl1-mesa-dri"
        )
    command = [sys.executable, "-m", "napari_organelle.cli", "demo", "--output", str(output)]
    command += ["--force"] * args.force
    with interruptible():
        return subprocess.run(["xvfb-run", "-a", "-s", SCREEN, *command], check=False).returncode


def has_toolkit() -> bool:
    """Whether one of the Python packages for Qt is installed."""
    return any(find_spec(name) for name in ("PyQt6", "PySide6", "PyQt5", "PySide2"))


def has_display() -> bool:
    """Whether a window can be opened: always outside Linux."""
    displays = ("DISPLAY", "WAYLAND_DISPLAY")
    return sys.platform != "linux" or any(os.environ.get(name) for name in displays)
