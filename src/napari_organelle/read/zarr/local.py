"""A folder as a Zarr store that gives only what lies in it; imported where a Zarr is opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from zarr.storage import LocalStore

from napari_organelle.outside import require_file, require_inside, require_memory


class CheckedStore(LocalStore):
    """Read-only; a pipe would be waited for without end, and a link may lead anywhere."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, read_only=True)

    async def get(self, key: str, *args: Any, **options: Any) -> Any:
        """As of `LocalStore`, of a regular file that lies in the folder and fits into memory."""
        file = self.root / key
        if file.is_symlink() or file.exists():
            require_inside(self.root, key)
            require_file(file)
            require_memory(file.stat().st_size, key)
        return await super().get(key, *args, **options)

    def __reduce__(self) -> tuple[type[CheckedStore], tuple[Path]]:
        return type(self), (self.root,)
