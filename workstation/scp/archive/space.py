"""How much room the archive's disk has, and when storing must stop: before it is full, not when.

A full disk fails more than storing: the index, the settings, other programs. So a limit is kept free. Knows the disk.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

MINIMUM_FREE = 1 << 30
"""Bytes that are kept free unless somebody says otherwise."""

LOOK_EVERY = 16 << 20
"""Bytes of one object from one look at the disk to the next."""


@dataclass(frozen=True, slots=True)
class Space:
    """The disk of the archive, in bytes.

    Attributes:
        total: Its size.
        free: What is left of it for us.
        minimum_free: What is to be left; 0 for no limit.
    """

    total: int
    free: int
    minimum_free: int

    @property
    def is_low(self) -> bool:
        """Whether nothing is stored any more."""
        return self.free < self.minimum_free


class SpaceGuard:
    """Looks at the disk of a folder; from any thread.

    Attributes:
        minimum_free: Bytes to be left free, 0 for no limit; may be changed at any time.
    """

    def __init__(self, folder: Path, minimum_free: int = MINIMUM_FREE) -> None:
        self._folder = folder
        self.minimum_free = minimum_free

    def look(self) -> Space:
        """What the disk says now.

        Raises:
            OSError: The folder is gone.
        """
        usage = shutil.disk_usage(self._folder)
        return Space(usage.total, usage.free, self.minimum_free)

    def shortage(self) -> str:
        """Why nothing more can be stored, as an Error Comment (at most 64 characters); "" if there is room."""
        if not self.minimum_free:
            return ""
        try:
            space = self.look()
        except OSError:
            # Whoever writes hears what is wrong, and says so.
            return ""
        if not space.is_low:
            return ""
        return f"The archive's disk has {_size(space.free)} left, less than {_size(space.minimum_free)}."


def _size(count: int) -> str:
    """Short, decimal, as disks are sold."""
    value, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.0f} {unit}" if unit == "B" or value >= 10 else f"{value:.1f} {unit}"
