"""``napari-organelle demo``: the sample field of yeast, classified."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from napari_organelle.errors import OrganelleError

HELP = "open napari with the sample field classified by yeast-12"


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Arguments of the command."""
    parser: argparse.ArgumentParser = subparsers.add_parser("demo", help=HELP, description=HELP)
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FOLDER",
        help="write the screenshot and the table there and close; ./demo where there is no display",
    )
    return parser


def run(args: argparse.Namespace) -> int:
    """Show the demo, or write it where there is no display."""
    if has_display():
        from napari_organelle.gui.demo import show_demo

        show_demo(args.output)
        return 0
    if not shutil.which("xvfb-run"):
        raise OrganelleError(
            "There is no display, and no virtual one: expected DISPLAY to be set, or xvfb-run installed. "
            "Type: sudo apt-get install -y xvfb xauth libgl1-mesa-dri"
        )
    command = [sys.executable, "-m", "napari_organelle.cli", "demo", "--output", args.output or "demo"]
    return subprocess.run(["xvfb-run", "-a", "-s", "-screen 0 1400x900x24", *command], check=False).returncode


def has_display() -> bool:
    """Whether a window can be opened: always outside Linux."""
    displays = ("DISPLAY", "WAYLAND_DISPLAY")
    return sys.platform != "linux" or any(os.environ.get(name) for name in displays)
