"""What the archive asks of the disk: a file's data set to be scanned, and a folder's changes made permanent."""

from __future__ import annotations

import contextlib
import os
import struct
import sys
from io import FileIO
from pathlib import Path

from workstation.net.part10 import open_file

HEAD = 16 * 1024
"""Bytes of a data set's beginning that are looked at in memory: mostly all headers but that of the pixels."""
_STRETCH = 1 << 20
# Headers that are further on stand far apart, or very many small elements do.
_WINDOW = 8 * 1024


class FileSource:
    """A file from `offset` on, read through one window. Not a memory map: a disk error there would end the process.

    Args:
        path: the file.
        offset: where the data set begins.
        head: the data set's first bytes and
        size: all its bytes, if somebody knows them: the file is opened when more than these are asked for.

    Raises:
        OSError: the file cannot be opened; `read` raises it when it became shorter, too.
    """

    def __init__(self, path: str | Path, offset: int, head: bytes | None = None, size: int = 0) -> None:
        self._path = path
        self._offset = offset
        self._file: FileIO | None = None
        self._start = 0
        self._window = b""
        if head is None:
            file = self._open()
            size = os.fstat(file.fileno()).st_size - offset
            file.seek(offset)
            head = file.read(HEAD) or b""
        self.size = size
        self.head = head

    def read(self, place: int, length: int) -> bytes:
        """Return the bytes from `place` on."""
        if place + length <= len(self.head):
            return self.head[place : place + length]
        start = place - self._start
        if start < 0 or start + length > len(self._window):
            file = self._file or self._open()
            file.seek(self._offset + place)
            # A raw read of a regular file is only short at its end.
            self._window = file.read(max(length, _WINDOW)) or b""
            self._start, start = place, 0
            if len(self._window) < length:
                raise OSError(f"{self._path} became shorter while it was read")
        return self._window[start : start + length]

    def _open(self) -> FileIO:
        self._file = open_file(self._path)
        return self._file

    def __enter__(self) -> FileSource:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()


def are_same(one: Path, other: Path, size: int) -> bool:
    """Return whether two files end with the same `size` bytes.

    Raises:
        OSError: one cannot be read, or is shorter.
    """
    with one.open("rb", buffering=0) as first, other.open("rb", buffering=0) as second:
        first.seek(-size, os.SEEK_END)
        second.seek(-size, os.SEEK_END)
        while stretch := first.read(_STRETCH):
            if stretch != second.read(_STRETCH):
                return False
        return True


def sync_file(path: Path) -> None:
    """Flush a file.

    Raises:
        OSError: it cannot be opened for writing, or the disk refuses.
    """
    with path.open("rb+", buffering=0) as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Flush a folder, so that a rename in it survives a power failure; Windows has no such call and needs none."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# FS_IOC_GETFLAGS, FS_IOC_SETFLAGS and FS_TOPDIR_FL of linux/fs.h; on machines with other numbers they do nothing.
_GET_FLAGS, _SET_FLAGS = (
    way << 30 | struct.calcsize("l") << 16 | ord("f") << 8 | number for way, number in ((2, 1), (1, 2))
)
_TOP_FOLDER = 0x00020000


def set_apart(folder: Path) -> None:
    """Have the file system put the folders in this one far from each other, if it can: those that come from now on.

    ext4 puts the files of near folders into one group, and looks at each that was deleted there in the last minutes
    before it makes another: in an archive that was just emptied that takes longer than to write the object.
    """
    if sys.platform != "linux":
        return
    import fcntl

    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            flags = struct.unpack_from("I", fcntl.ioctl(descriptor, _GET_FLAGS, bytes(8)))[0]
            fcntl.ioctl(descriptor, _SET_FLAGS, struct.pack("I4x", flags | _TOP_FOLDER))
        finally:
            os.close(descriptor)
