"""The folders that objects lie in. One is filled after the other, so that objects that arrive at once share its flush.

Knows the disk, no index.
"""

from __future__ import annotations

import os
import re
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workstation.scp.archive.disk import set_apart, sync_folder
from workstation.scp.archive.together import Together

# Folders with many thousands of files are slow on some file systems.
MOST_IN_ONE = 256
# Names of ours, the two characters those of earlier versions; whatever else is there belongs to somebody else.
_OURS = re.compile("[0-9a-f]{2}|[0-9a-f]{8}")


@dataclass(slots=True)
class _Flush:
    """Somebody's wish to have a folder flushed."""

    folder: Path
    done: bool = False
    error: OSError | None = None


class Folders:
    """The folders below one. All methods may be called from any thread, also of several processes.

    Args:
        root: where they are made, each when it is needed.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        set_apart(root)
        # Guards what follows; nobody waits for the disk with it but who makes a folder.
        self._lock = threading.Lock()
        self._folder = root
        self._left = 0
        # Their names are not on the disk for sure.
        self._new: set[Path] = set()
        self._together = Together(self._flush)

    def place(self) -> Path:
        """Return the folder for the next object.

        Raises:
            OSError: a new one cannot be made.
        """
        with self._lock:
            if not self._left:
                folder = self.root / uuid.uuid4().hex[:8]
                folder.mkdir()
                self._folder, self._left = folder, MOST_IN_ONE
                self._new.add(folder)
            self._left -= 1
            return self._folder

    def flush(self, folder: Path) -> None:
        """Make the names in a folder permanent; all that are in it by now.

        Raises:
            OSError: the disk refuses.
        """
        flush = _Flush(folder)
        self._together.do(flush)
        if flush.error is not None:
            raise flush.error

    def _flush(self, flushes: list[_Flush]) -> None:
        errors: dict[Path, OSError | None] = {}
        for flush in flushes:
            if flush.folder not in errors:
                errors[flush.folder] = self._flush_one(flush.folder)
            flush.error = errors[flush.folder]
            flush.done = True

    def _flush_one(self, folder: Path) -> OSError | None:
        try:
            with self._lock:
                is_new = folder in self._new
            sync_folder(folder)
            if is_new:
                sync_folder(self.root)
                with self._lock:
                    self._new.discard(folder)
        except OSError as error:
            return error
        return None

    def __iter__(self) -> Iterator[Path]:
        """All that are there."""
        for name in sorted(entry.name for entry in os.scandir(self.root) if entry.is_dir(follow_symlinks=False)):
            if _OURS.fullmatch(name):
                yield self.root / name
