"""What a retrieval asks for and what it came to, over as many requests as the selection needs.

Pure but for the archive that objects go into: no widgets, no threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pydicom.dataset import Dataset

from workstation.scu.failure import CANCELLED, Failure
from workstation.scu.job import Progress
from workstation.scu.retrieve import RetrieveResult
from workstation.ui.dialogs.query_keys import UNIQUE_KEYS, Level, Root, build_identifier
from workstation.ui.dialogs.query_model import unique_keys
from workstation.ui.parts.rates import count_text, time_text
from workstation.ui.parts.widgets import Outcome

if TYPE_CHECKING:
    from workstation.scp.archive.archive import Archive
    from workstation.scp.archive.sink import ArchiveSink

_DESTINATION_UNKNOWN = 0xA801

_UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")

_LONGEST_LIST = 500
"""UIDs of one request: 64 kB is the most that an explicit VR element of type UI holds."""


def retrieve_identifiers(root: Root, level: Level, matches: Iterable[Dataset], above: dict[str, str]) -> list[Dataset]:
    """The identifiers that name these matches: unique keys only (PS3.4 C.4.2.1.4).

    Images of one series go into one request as a list of UIDs. Above, each match has a request of its own: lists of
    studies and series are allowed as well, but less widely understood.
    """
    own = UNIQUE_KEYS[level]
    groups: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for match in matches:
        keys = unique_keys(root, level, match, above)
        value = keys.pop(own)
        groups.setdefault(tuple(keys.items()), []).append(value)
    size = _LONGEST_LIST if level is Level.IMAGE else 1
    return [
        build_identifier(level, {own: "\\".join(values[start : start + size])}, above=dict(keys))
        for keys, values in groups.items()
        for start in range(0, len(values), size)
    ]


def into_archive(archive: Archive, identifier: Dataset) -> tuple[Callable[[Any], int], Callable[..., ArchiveSink]]:
    """A store handler and a sink factory that put what a C-GET brings into the archive.

    Only what was asked for: a peer could otherwise replace any object that is there already.
    """
    asked = {keyword: _values(identifier, keyword) for keyword in _UIDS if keyword in identifier}

    def is_wanted(texts: Mapping[str, str]) -> bool:
        return all(texts[keyword] in values for keyword, values in asked.items())

    def begin(assoc: Any, request: Any, context: Any) -> ArchiveSink:
        return archive.new_sink(
            str(request.AffectedSOPClassUID or ""),
            str(request.AffectedSOPInstanceUID or ""),
            str(context.transfer_syntax),
            str(assoc.remote["ae_title"]).strip(),
        )

    def store(event: Any) -> int:
        return archive.commit(event.sink, is_wanted).status

    return store, begin


def _values(identifier: Dataset, keyword: str) -> frozenset[str]:
    value = identifier[keyword].value
    return frozenset([value] if isinstance(value, str) else map(str, value or ()))


class RetrieveTotal:
    """The counts of several requests added up, and how they read."""

    def __init__(self, requests: int) -> None:
        self._requests = requests
        self._results: list[RetrieveResult] = []

    def add(self, result: RetrieveResult) -> None:
        """One more request is over."""
        self._results.append(result)

    @property
    def failure(self) -> Failure | None:
        """The first reason why something is missing."""
        failures = (result.failure for result in self._results)
        return next((failure for failure in failures if failure not in (None, CANCELLED)), None)

    @property
    def hopeless(self) -> bool:
        """Whether the next request would fail for the same reason: nobody answers, or nobody knows the destination."""
        last = self._results[-1] if self._results else None
        if last is None or last.failure is None:
            return False
        return last.status is None or last.status == _DESTINATION_UNKNOWN

    @property
    def completed(self) -> int:
        """Objects that arrived."""
        return sum(
            max((result.counts.completed or 0) + (result.counts.warning or 0), result.received)
            for result in self._results
        )

    def _count(self, name: str) -> int:
        return sum(getattr(result.counts, name) or 0 for result in self._results)

    def bar(self, now: Progress | None) -> tuple[int, int, str]:
        """Done and total in thousandths of the requests, and the counts in words."""
        share = now.done / now.total if now is not None and now.total else 0.0
        done = round(1000 * (len(self._results) + share))
        return done, 1000 * self._requests, self.words(now)

    def words(self, now: Progress | None) -> str:
        """The sub-operations: remaining, completed, failed, with a warning."""
        failed, warned = self._count("failed"), self._count("warning")
        completed, parts = self._count("completed"), []
        if now is not None:
            failed, warned = failed + now.failed, warned + now.warnings
            completed += now.done - now.failed - now.warnings
            if now.total is not None:
                parts.append(f"{now.total - now.done:,} remaining")
        if now is None and not self._results:
            return "waiting for the peer"
        parts += [f"{completed:,} completed", f"{failed:,} failed", f"{warned:,} warning"]
        if now is not None and self._requests > 1:
            parts.append(f"request {min(len(self._results) + 1, self._requests)} of {self._requests}")
        if now is not None and now.seconds_left is not None and self._requests == 1:
            parts.append(f"{time_text(now.seconds_left)} left")
        return " · ".join(parts)

    def outcome(self, whereto: str) -> tuple[Outcome, str, str]:
        """How it all went."""
        seconds = sum(result.seconds for result in self._results)
        arrived = f"{count_text(self.completed, 'object')} retrieved {whereto} in {time_text(seconds)}"
        failure = self.failure
        if any(result.cancelled for result in self._results):
            return Outcome.CANCELLED, f"Cancelled: {arrived}", ""
        if failure is not None:
            evidence = " · ".join(part for part in (failure.layer.value, failure.evidence) if part)
            if self.completed:
                return Outcome.WARNING, f"{arrived}; {failure.what}", f"{evidence}\n{failure.remedy}".strip()
            return Outcome.FAILURE, failure.what, f"{evidence}\n{failure.remedy}".strip()
        if not self.completed:
            return Outcome.WARNING, f"Nothing was retrieved {whereto}", "The peer found no object for the selection."
        return Outcome.SUCCESS, arrived, ""
