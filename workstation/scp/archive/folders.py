"""The folders that objects lie in. One is filled after the other, so that objects that arrive at once share its flush.

Knows the disk, no index.
"""

from __future__ import annotations

import os
import re
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from workstation.scp.archive.disk import sync_folder

# Folders with many thousands of files are slow on some file systems.
MOST_IN_ONE = 256
# Names of ours, the two characters those of earlier versions; whatever else is there belongs to somebody else.
_OURS = re.compile("[0-9a-f]{2}|[0-9a-f]{8}")


class Folders:
    """The folders below one. All methods may be called from any thread, also of several processes.

    Args:
        root: where they are made, each when it is needed.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        # Guards what follows; nobody waits for the disk with it but who makes a folder.
        self._lock = threading.Lock()
        self._folder = root
        self._left = 0
        # Their names are not on the disk for sure.
        self._new: set[Path] = set()
        # Flushes that have not begun: whoever comes now shares them.
        self._waiting: dict[Path, Future[None]] = {}
        self._flusher: ThreadPoolExecutor | None = ThreadPoolExecutor(1, "archive-flush")

    def close(self) -> None:
        """End the thread that flushes. Who flushes afterwards does it himself."""
        with self._lock:
            flusher, self._flusher = self._flusher, None
        if flusher is not None:
            flusher.shutdown()

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

    def flush(self, folder: Path) -> Future[None]:
        """Make the names in a folder permanent; all that are in it by now.

        Returns:
            What ends with the flush, or with the OSError that the disk answered.
        """
        with self._lock:
            waiting = self._waiting.get(folder)
            if waiting is not None:
                return waiting
            if self._flusher is not None:
                begun = self._waiting[folder] = self._flusher.submit(self._flush, folder)
                return begun
        done: Future[None] = Future()
        try:
            self._flush(folder)
        except OSError as error:
            done.set_exception(error)
        else:
            done.set_result(None)
        return done

    def _flush(self, folder: Path) -> None:
        with self._lock:
            self._waiting.pop(folder, None)
            is_new = folder in self._new
        sync_folder(folder)
        if is_new:
            sync_folder(self.root)
            with self._lock:
                self._new.discard(folder)

    def __iter__(self) -> Iterator[Path]:
        """All that are there."""
        for name in sorted(entry.name for entry in os.scandir(self.root) if entry.is_dir(follow_symlinks=False)):
            if _OURS.fullmatch(name):
                yield self.root / name
