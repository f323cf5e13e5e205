"""See that this machine can draw a window: on a screen, or else on a virtual one (Xvfb with Mesa).

On a Linux machine without the system libraries that Qt and OpenGL need, installs them with apt-get where
that is allowed (root or passwordless sudo), and otherwise says the one line to type. Does nothing on other
systems.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys

LIBRARIES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libX11-xcb.so.1": "libx11-xcb1",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-xinerama.so.0": "libxcb-xinerama0",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
}


def is_loadable(library: str) -> bool:
    """Whether the dynamic linker finds a shared library."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def missing_packages() -> list[str]:
    """Debian packages that this machine lacks for showing, or drawing off screen, a Qt window."""
    packages = [package for library, package in LIBRARIES.items() if not is_loadable(library)]
    if not os.environ.get("DISPLAY") and not shutil.which("Xvfb"):
        packages += ["xvfb", "xauth", "libgl1-mesa-dri"]
    return packages


def has_passwordless_sudo() -> bool:
    """Whether sudo works without asking."""
    return (
        shutil.which("sudo") is not None
        and subprocess.run(["sudo", "-n", "true"], check=False).returncode == 0
    )


def install(packages: list[str]) -> None:
    """Install Debian packages, or leave with the line that a user has to type."""
    by_hand = f"sudo apt-get update && sudo apt-get install -y {' '.join(packages)}"
    if not shutil.which("apt-get") or not (os.geteuid() == 0 or has_passwordless_sudo()):
        sys.exit(f"System libraries are missing. Type:\n{by_hand}")
    apt = ["apt-get"] if os.geteuid() == 0 else ["sudo", "-n", "apt-get"]
    subprocess.run([*apt, "update", "-qq"], check=True)
    subprocess.run([*apt, "install", "-y", "-qq", "--no-install-recommends", *packages], check=True)


if __name__ == "__main__" and sys.platform == "linux" and (packages := missing_packages()):
    install(packages)
