"""What the archive asks of the disk: a file's data set to be scanned, and a folder's changes made permanent."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_WINDOW = 64 * 1024


class FileSource:
    """A file from `offset` on, read through one window. Not a memory map: a disk error there would end the process.

    Raises:
        OSError: the file cannot be opened; `read` raises it when it became shorter, too.
    """

    def __init__(self, path: Path, offset: int) -> None:
        self._path = path
        self._offset = offset
        self._file = path.open("rb", buffering=0)
        self.size = os.fstat(self._file.fileno()).st_size - offset
        self._start = 0
        self._window = b""

    def read(self, place: int, length: int) -> bytes:
        """Return the bytes from `place` on."""
        start = place - self._start
        if start < 0 or start + length > len(self._window):
            self._file.seek(self._offset + place)
            # A raw read of a regular file is only short at its end.
            self._window = self._file.read(max(length, _WINDOW)) or b""
            self._start, start = place, 0
            if len(self._window) < length:
                raise OSError(f"{self._path} became shorter while it was read")
        return self._window[start : start + length]

    def __enter__(self) -> FileSource:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def sync_folder(folder: Path) -> None:
    """Flush a folder, so that a rename in it survives a power failure; Windows has no such call and needs none."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
