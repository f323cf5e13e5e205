"""Files that are written whole or not at all, and places that are looked at before the work begins."""

from __future__ import annotations

import glob
import os
import platform
import secrets
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from napari_organelle.errors import OrganelleError

NAME_SHOWN = 40
"""Letters of a file's name that its unfinished part keeps, so that a long name stays within the limit."""


def readable(name: str | Path) -> str:
    r"""A file's name for tables and sentences: bytes that are no UTF-8, as of old zips, become ``\\xb5``."""
    return str(name).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


@contextmanager
def whole_file(path: Path, *, replace: bool = True) -> Generator[Path]:
    """A file to write beside `path`, which takes its name once all is written and on the disk.

    Parameters
    ----------
    path : Path
        Where the file is to be.
    replace : bool
        Whether it may take the place of another; if not, one that appears while it is written stays too.

    Yields
    ------
    Path
        Where to write. Its name has the computer, the process and a random number, so that two writers never
        share it.

    Raises
    ------
    FileExistsError
        If `replace` is off and there is a file of that name, now or in the end.
    OSError
        If the disk refuses; what was there before is untouched.
    """
    if not replace and os.path.lexists(path):
        raise FileExistsError(f"{path} is there already")
    part = path.with_name(f"{_part_prefix(path)}{os.getpid()}.{secrets.token_hex(4)}.part")
    try:
        yield part
        give_name(part, path, replace=replace)
    finally:
        part.unlink(missing_ok=True)


def _part_prefix(path: Path) -> str:
    return f".{path.name[:NAME_SHOWN]}.{platform.node()}."


def _remove_left(path: Path) -> None:
    """Delete unfinished parts of a file that processes of this computer left when they were killed."""
    prefix = _part_prefix(path)
    for part in path.parent.glob(f"{glob.escape(prefix)}*.????????.part"):
        pid = part.name.removeprefix(prefix).partition(".")[0]
        if pid.isdecimal() and not is_running(int(pid)):
            part.unlink(missing_ok=True)


def give_name(part: Path, path: Path, *, replace: bool) -> None:
    """Give a finished file its name, once it is on the disk.

    Parameters
    ----------
    part : Path
        The file, in the same file system.
    path : Path
        Its name.
    replace : bool
        Whether it may take the place of another.

    Raises
    ------
    FileExistsError
        If `replace` is off and there is a file of that name, or a pipe or device has it.
    OSError
        If the disk refuses.
    """
    if is_special(path):
        raise FileExistsError(f"{path} is no regular file and is not replaced")
    _sync(part)
    if replace:
        part.replace(path)
    else:
        _take_free_name(part, path)
    if os.name == "posix":
        _sync(path.parent)


def _take_free_name(part: Path, path: Path) -> None:
    if os.name == "nt":
        part.rename(path)  # fails there where a file has that name
        return
    try:
        os.link(part, path)  # unlike a renaming, this fails where a file has that name
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links, such as FAT
        path.touch(exist_ok=False)
        try:
            part.replace(path)
        except OSError:
            path.unlink()
            raise
    else:
        part.unlink()


def _sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def is_special(path: Path) -> bool:
    """Whether a name is, or leads to, a pipe, a device or the like, which a file must not take the place of.

    So is every name in ``/dev`` itself: ``/dev/stdout`` leads to a regular file where a shell redirects it.
    """
    in_devices = os.name == "posix" and path.absolute().parent.resolve() == Path("/dev")
    return in_devices or (path.exists() and not path.is_file() and not path.is_dir())


def check_outputs(*outputs: Path | None, force: bool = False, inputs: tuple[Path | None, ...] = ()) -> None:
    """Refuse, before any work, what could not be written in the end or would replace what is there.

    Parameters
    ----------
    *outputs : Path, optional
        Files that are going to be written; None for one that isn't.
    force : bool
        Whether files of these names are replaced.
    inputs : tuple of Path, optional
        Files that are going to be read, which nothing replaces.

    Raises
    ------
    OrganelleError
        If there is a file of that name and it is to stay, a folder, pipe or device of that name, or no
        folder to write into.
    """
    for path in filter(None, outputs):
        folder = path.absolute().parent
        try:
            is_there, is_folder, has_folder = os.path.lexists(path), path.is_dir(), folder.is_dir()
            is_no_file = is_special(path)
        except OSError as error:
            raise OrganelleError(f"{path} can't be written: {error}. Choose another name.") from error
        if is_folder:
            raise OrganelleError(f"{path} is a folder: choose the name of a file.")
        if is_no_file:
            raise OrganelleError(f"{path} is a pipe or a device: choose the name of a regular file.")
        if is_there and not force:
            raise OrganelleError(
                f"{path} is there already: choose another name, or add --force to replace it."
            )
        if is_there and any(each and each.exists() and each.samefile(path) for each in inputs):
            raise OrganelleError(f"{path} is read by this command: choose another name to write to.")
        if not has_folder:
            raise OrganelleError(f"There is no folder {folder} to write into: make it first.")
        check_folder(folder)
        _remove_left(path)


def check_folder(folder: Path, what: str = "Nothing", advice: str = "Choose another place.") -> None:
    """Refuse a folder in which no file can be made, by making one without a name.

    Parameters
    ----------
    folder : Path
        That is there.
    what : str
        What can't be written there, with which the sentence begins.
    advice : str
        What to do, with which it ends.

    Raises
    ------
    OrganelleError
        If the disk refuses.
    """
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OrganelleError(f"{what} can be written into {folder}: {error}. {advice}") from error


def is_running(pid: int) -> bool:
    """Whether this computer has a process of that number that has not ended."""
    if sys.platform == "win32":
        import ctypes

        handle = ctypes.windll.kernel32.OpenProcess(0x1000, False, pid)  # the right to ask, and no other
        return bool(handle and ctypes.windll.kernel32.CloseHandle(handle))
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        return not Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].startswith(" Z")
    except OSError:  # no such listing on this system
        return True
