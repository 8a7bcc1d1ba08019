"""What the archive's window has done in threads: pages and numbers in one go, and a deletion that can be cancelled."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from workstation.scp.archive.archive import Archive, Deleted
from workstation.scp.archive.browse import Browser, Order, Page, Totals
from workstation.scp.archive.space import Space
from workstation.scp.archive.tree import Key


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The archive as it was a moment ago."""

    pages: Mapping[Key | None, Page]
    totals: Totals
    space: Space


def look(archive: Archive, fetched: Mapping[Key | None, int], least: int, words: str, order: Order) -> Snapshot:
    """Fetch again what was fetched, and the numbers."""
    browser = Browser(archive)
    pages = {key: browser.page(key, words, order=order, limit=max(count, least)) for key, count in fetched.items()}
    return Snapshot(pages, browser.totals(), archive.space())


class DeleteJob:
    """Deletes; what is done when it is cancelled stays done."""

    def __init__(self, archive: Archive, keys: Sequence[Key], on_progress: Callable[[int], None]) -> None:
        self._archive = archive
        self._keys = keys
        self._on_progress = on_progress
        self._cancelled = threading.Event()

    def run(self) -> Deleted:
        """Delete all."""
        return self._archive.delete(self._keys, on_progress=self._on_progress, cancelled=self._cancelled.is_set)

    def cancel(self) -> None:
        """Stop after the objects under way."""
        self._cancelled.set()
