"""What the archive asks of the disk: a file's bytes as a view, and a folder's changes made permanent."""

from __future__ import annotations

import mmap
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def mapped(path: Path, offset: int) -> Iterator[memoryview]:
    """Give the bytes of a file from `offset` on, as a view that is valid inside the `with` and takes no memory."""
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as pages,
        memoryview(pages) as whole,
        whole[offset:] as view,
    ):
        yield view


def sync_folder(folder: Path) -> None:
    """Flush a folder, so that a rename in it survives a power failure; Windows has no such call and needs none."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
