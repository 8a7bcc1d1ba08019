"""Who uses a folder: a lock file that every process shares and that a crash releases. Knows nothing else."""

from __future__ import annotations

import errno
import os
import random
import sys
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

# Windows has no shared locks by this way: each holder locks one of these bytes, and who can lock all is alone.
_PLACES = 0x4000


class FolderLock:
    """A lock, held from construction to `release` or the end of the process.

    Who is alone keeps everybody else waiting until `share`: what others begin meanwhile looks like what a crash left.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        self._alone = self._lock_all()
        if not self._alone:
            self._share()

    def is_alone(self) -> bool:
        """Return True if nobody else held the folder when this lock was made."""
        return self._alone

    def share(self) -> None:
        """Let others in. They may come before this returns: it then waits until they let others in."""
        if self._alone:
            self._unlock_all()
            self._share()

    def release(self) -> None:
        """Give the folder up. May be called twice."""
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)

    if sys.platform == "win32":

        def _lock_all(self) -> bool:
            try:
                os.lseek(self._file, 0, os.SEEK_SET)
                msvcrt.locking(self._file, msvcrt.LK_NBLCK, _PLACES)
            except OSError:
                return False
            return True

        def _unlock_all(self) -> None:
            os.lseek(self._file, 0, os.SEEK_SET)
            msvcrt.locking(self._file, msvcrt.LK_UNLCK, _PLACES)

        def _share(self) -> None:
            os.lseek(self._file, random.randrange(_PLACES), os.SEEK_SET)
            while True:
                try:
                    msvcrt.locking(self._file, msvcrt.LK_LOCK, 1)
                except OSError as error:
                    # It waits for ten seconds and gives up then.
                    if error.errno != errno.EDEADLK:
                        raise
                else:
                    return

    else:

        def _lock_all(self) -> bool:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return False
            return True

        def _unlock_all(self) -> None:
            """Nothing: a lock becomes another."""

        def _share(self) -> None:
            # The change from exclusive to shared may let another one in between: nothing is unfinished then.
            fcntl.flock(self._file, fcntl.LOCK_SH)
