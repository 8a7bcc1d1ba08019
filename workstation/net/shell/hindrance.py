"""What may keep a transport connection from working as it should, on purpose: silence, and a slow wire.

Exists for test servers; a connection without one asks `is None` and nothing else. Pure: the time is an argument.
"""

from __future__ import annotations

_STRETCHES = 20  # a second's bytes come in so many stretches


class Pace:
    """So many bytes a second and no more, in stretches of a twentieth of a second.

    Args:
        rate: Bytes a second, 1 or more.

    Attributes:
        next: When more may pass, of `time.monotonic()`.
    """

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.next = 0.0
        self._stretch = max(1, rate // _STRETCHES)

    def room(self, now: float) -> int:
        """How many bytes may pass now; 0 is to wait until `next`."""
        return self._stretch if now >= self.next else 0

    def passed(self, count: int, now: float) -> None:
        """So many bytes have passed."""
        self.next = max(self.next, now) + count / self.rate


class Hindrance:
    """What hinders one connection; changed and asked under its lock.

    Attributes:
        silent: Nothing leaves any more, and no deadline of ours ends the association.
        reading: How fast is read, or None.
        writing: How fast is written, or None.
    """

    def __init__(self) -> None:
        self.silent = False
        self.reading: Pace | None = None
        self.writing: Pace | None = None

    def plan(self, now: float, deadline: float | None, *, write: bool) -> tuple[bool, bool, float | None]:
        """What whoever reads waits for.

        Args:
            now: The time.
            deadline: The engine's.
            write: Whether there is something to write.

        Returns:
            Whether to wait for bytes to read, whether for room to write, and until when.
        """
        read = True
        if self.silent:
            deadline = None
        if self.reading is not None and not self.reading.room(now):
            read, deadline = False, _sooner(deadline, self.reading.next)
        if write and self.writing is not None and not self.writing.room(now):
            write, deadline = False, _sooner(deadline, self.writing.next)
        return read, write, deadline


def _sooner(deadline: float | None, other: float) -> float:
    return other if deadline is None else min(deadline, other)
