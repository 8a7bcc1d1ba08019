"""How much, how fast, how long still: the numbers of long work, and how they read.

Pure: the clock is an argument. Must not know Qt or what the bytes are.
"""

from __future__ import annotations

from collections import deque


class RateMeter:
    """Rate over the last few seconds and the time left, from (time, amount done) pairs.

    A window rather than the average since the start: the network's rate changes, and a person wants the present one.
    """

    def __init__(self, total: int, window: float = 3.0) -> None:
        self._total = total
        self._window = window
        self._points: deque[tuple[float, int]] = deque()

    def update(self, now: float, done: int) -> None:
        """Note that `done` of the total is done at the time `now` (seconds, any origin)."""
        self._points.append((now, done))
        while len(self._points) > 2 and now - self._points[1][0] >= self._window:
            self._points.popleft()

    @property
    def rate(self) -> float | None:
        """Amount per second; None while nothing can be said."""
        if len(self._points) < 2:
            return None
        (start, before), (end, after) = self._points[0], self._points[-1]
        return (after - before) / (end - start) if end - start >= 0.05 else None

    @property
    def seconds_left(self) -> float | None:
        """Time to the end at the present rate; None while nothing can be said."""
        rate = self.rate
        if not rate or not self._points:
            return None
        return max(self._total - self._points[-1][1], 0) / rate


def bytes_text(count: float) -> str:
    """A size for reading: 999 B, 1.5 kB, 512 kB, 61 GB (decimal units, as disks and networks are sold)."""
    if count < 1000:
        return f"{count:.0f} B"
    for unit in ("kB", "MB", "GB", "TB"):
        count /= 1000
        if count < 9.95:
            return f"{count:.1f} {unit}"
        if count < 999.5 or unit == "TB":
            return f"{count:.0f} {unit}"
    raise AssertionError("unreachable: TB takes all")


def time_text(seconds: float) -> str:
    """A duration for reading: 40 ms, 0.4 s, 12 s, 2 min 5 s, 1 h 4 min."""
    if 0 < seconds < 0.0995:
        return f"{max(round(seconds * 1000), 1)} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def count_text(count: int, one: str, many: str = "") -> str:
    """A count with its noun: 1 object, 1,204 objects."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def milliseconds_text(milliseconds: float) -> str:
    """A short duration for reading: 0.4 ms, 12 ms, 1.2 s."""
    if milliseconds < 9.95:
        return f"{milliseconds:.1f} ms"
    return f"{milliseconds:.0f} ms" if milliseconds < 1000 else time_text(milliseconds / 1000)
