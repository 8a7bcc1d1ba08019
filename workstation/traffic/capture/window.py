"""A stretch of a file in memory that moves forward, and the search for where its records go on behind damage."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO, Final

__all__ = ["Window", "find_next"]

_BLOCK: Final = 1 << 20
# How far behind a damage a next record is looked for.
_SEARCHED: Final = 256 << 20
# Places looked at in all in a file: a file can be made of what looks like records and is none.
_TRIES: Final = 2_000_000


class Window:
    """Some of a file.

    Attributes:
        data: the bytes in memory.
        base: where in the file they begin.
        ended: whether nothing of the file comes behind them.
        tries: how many places a search may still look at.
    """

    def __init__(self, file: BinaryIO, base: int = 0) -> None:
        self._file = file
        self.data = b""
        self.base = base
        self.ended = False
        self.tries = _TRIES

    def fill(self, keep: int) -> None:
        """Read a block more, and let go what is before `keep`."""
        block = self._file.read(_BLOCK)
        self.data = self.data[keep:] + block if keep < len(self.data) else block
        self.base += keep
        self.ended = not block


def find_next(
    window: Window,
    start: int,
    candidates: Callable[[bytes, int, int], Iterator[int]],
    follows: Callable[[bytes, int], int],
    reach: int,
) -> int | None:
    """Look for a record with another record, or the end of the file, behind it.

    Args:
        window: moves forward while searching.
        start: in `window.data`, where the search begins.
        candidates: the places between two that may begin a record.
        follows: where the record behind the one at a place begins; 0 when there is none at that place.
        reach: how many bytes `follows` may have to see, twice.

    Returns:
        The place in `window.data`, or None.
    """
    first = window.base + start
    place = start
    while True:
        data = window.data
        limit = len(data) if window.ended else len(data) - reach
        for candidate in candidates(data, place, limit):
            window.tries -= 1
            if window.tries < 0:
                return None
            behind = follows(data, candidate)
            if behind and (behind == len(data) if behind >= len(data) else follows(data, behind)):
                return candidate
        place = max(place, limit)
        if window.ended or window.base + place - first > _SEARCHED:
            return None
        window.fill(place)
        place = 0
