"""Wild cards: `*` is any run of characters, `?` exactly one (PS3.4 C.2.2.2.4). Pure."""

from __future__ import annotations

import re
from functools import lru_cache


class Pattern:
    """A text with `*` (any run, also empty) and `?` (exactly one character).

    The runs between the stars are looked for from left to right, each at its first possible place, which is enough
    for this language. So no input makes it slow; a regular expression with several `.*` would.
    """

    __slots__ = ("_first", "_last", "_middle", "_shortest", "_star", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        first, *rest = text.split("*")
        self._star = bool(rest)
        self._first = first
        self._last = rest[-1] if rest else ""
        self._middle = tuple(run for run in rest[:-1] if run)
        self._shortest = len(text) - text.count("*")

    def __repr__(self) -> str:
        return f"Pattern({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pattern) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    @property
    def has_wild_card(self) -> bool:
        """Whether it can match more than one text."""
        return self._star or "?" in self.text

    def literals(self, separators: str = "") -> list[str]:
        """Return the runs of ordinary characters, cut at `separators` too: each occurs in every text that fits."""
        return [run for run in re.split("[" + re.escape("*?" + separators) + "]", self.text) if run]

    def fits(self, value: str) -> bool:
        """Return True if the whole value fits."""
        if len(value) < self._shortest:
            return False
        if not self._star:
            return len(value) == len(self.text) and _same_run(self.text, value, 0)
        end = len(value) - len(self._last)
        if not (_same_run(self._first, value, 0) and _same_run(self._last, value, end)):
            return False
        place = len(self._first)
        for run in self._middle:
            place = _find_run(run, value, place, end)
            if place < 0:
                return False
            place += len(run)
        return True


def _same_run(run: str, value: str, place: int) -> bool:
    if "?" not in run:
        return value.startswith(run, place)
    return all(wanted in ("?", value[place + step]) for step, wanted in enumerate(run))


def _find_run(run: str, value: str, start: int, end: int) -> int:
    if "?" not in run:
        return value.find(run, start, end)
    # Nothing in it repeats, so this takes no longer than trying each place; a loop here would be much slower.
    found = _compiled(run).search(value, start, end)
    return found.start() if found else -1


@lru_cache(maxsize=1024)
def _compiled(run: str) -> re.Pattern[str]:
    return re.compile(".".join(map(re.escape, run.split("?"))), re.DOTALL)
