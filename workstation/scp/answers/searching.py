"""One kind of the ledger's records, held in memory as texts, so that a C-FIND over ten thousand of them is quick.

To decode ten thousand data sets takes seconds; to compare their texts takes tens of milliseconds. The picture is made
by the first search, or before that by `warm`, and follows the ledger: by listening, and where other processes write
into the same database by comparing versions at each search.

    searching = Searching(ledger, "ups", attributes)
    for uid, data_set in searching.find(request, is_over=event.over.is_set):
        yield request.pending, request.answer(data_set)
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from pydicom.dataset import Dataset

from workstation.scp.kept import data_set_of_model
from workstation.scp.ledger import Ledger
from workstation.scp.query.whole import Attributes, Texts, WholeRequest, texts_of_json
from workstation.scp.surroundings import Later

# Records that are read in one go: some tens of milliseconds at most.
_STRETCH = 200


@dataclass(frozen=True, slots=True)
class _Held:
    changed: float
    state: str
    texts: Texts


class Searching:
    """Finds the records of a kind that match a C-FIND. All methods may be called from any thread.

    Args:
        ledger: Of the records.
        kind: Of the records.
        attributes: What can be searched for, as `check_whole` has them; None for all.
    """

    def __init__(self, ledger: Ledger, kind: str, attributes: Attributes | None = None) -> None:
        self._ledger = ledger
        self._kind = kind
        self._attributes = attributes
        self._lock = threading.Lock()  # one thread at a time reads from the ledger what several miss
        self._held: dict[str, _Held] = {}
        self._versions: Mapping[str, float] = {}
        self._is_stale = True
        own = weakref.ref(self)

        def heard(kind: str, _uid: str) -> None:
            searching = own()
            if searching is None:
                end()
            elif kind == searching._kind:
                searching._is_stale = True

        end = ledger.listen(heard)

    def warm(self, later: Later) -> None:
        """Make the picture soon, a stretch at a time: then the first search is as quick as all others."""

        def stretches() -> Iterator[Mapping[str, float]]:
            yield from _stretches(self._current())

        left = stretches()

        def step() -> None:
            stretch = next(left, None)
            if stretch is not None:
                self._read(stretch)
                later.call(0, step)

        later.call(0, step)

    def find(
        self,
        request: WholeRequest,
        *,
        is_over: Callable[[], bool],
        is_wanted: Callable[[str], bool] = lambda _: True,
    ) -> Iterator[tuple[str, Dataset]]:
        """UID and data set of the records that match, in the order of their arrival.

        Args:
            request: What is asked for.
            is_over: Whether nobody waits any longer; asked now and then.
            is_wanted: Takes a record's state; the others are passed over.
        """
        for stretch in _stretches(self._current()):
            if is_over():
                return
            self._read(stretch)
            matching: dict[str, _Held] = {}
            for uid in stretch:
                held = self._held.get(uid)
                if held is not None and is_wanted(held.state) and request.matches(held.texts):
                    matching[uid] = held
            if not matching:
                continue
            found = {one[0]: one[1:] for one in self._ledger.models(self._kind, matching)}
            for uid, held in matching.items():
                # It may have been removed, or changed, since.
                if uid not in found:
                    continue
                state, changed, model = found[uid]
                if changed != held.changed:
                    texts = texts_of_json(model, self._attributes)
                    if not (is_wanted(state) and request.matches(texts)):
                        continue
                yield uid, data_set_of_model(model)

    def _current(self) -> Mapping[str, float]:
        """Return UID and version of all records."""
        with self._lock:
            if self._is_stale or self._ledger.is_shared:
                self._is_stale = False  # first: what is changed while we read makes it stale again
                self._versions = self._ledger.versions(self._kind)
                for uid in self._held.keys() - self._versions.keys():
                    del self._held[uid]
            return self._versions

    def _read(self, stretch: Mapping[str, float]) -> None:
        """Make sure of the texts of these records."""
        if not self._missing(stretch):
            return
        with self._lock:
            for uid, state, changed, model in self._ledger.models(self._kind, self._missing(stretch)):
                self._held[uid] = _Held(changed, state, texts_of_json(model, self._attributes))

    def _missing(self, stretch: Mapping[str, float]) -> list[str]:
        held = self._held
        return [uid for uid, changed in stretch.items() if (one := held.get(uid)) is None or one.changed < changed]


def _stretches(versions: Mapping[str, float]) -> Iterator[dict[str, float]]:
    uids = list(versions)
    for start in range(0, len(uids), _STRETCH):
        yield {uid: versions[uid] for uid in uids[start : start + _STRETCH]}
