"""Query as SCU (PS3.4 C.4.1): asks and hands each match on as it comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from workstation.peers import Peer
from workstation.scu.caller import Caller
from workstation.scu.failure import Failure
from workstation.scu.job import Progress
from workstation.scu.operation import UTF8, Model, Operation, identifier
from workstation.scu.outcome import Service, warning_words

if TYPE_CHECKING:
    from workstation.net import Association

__all__ = ["Model", "QueryJob", "QueryResult", "identifier"]

LONGEST_MATCH = 1024 * 1024
"""Bytes of one identifier; honest ones have a thousandth of it."""
MOST_BYTES = 512 * 1024 * 1024
"""Of all matches of one query, which whoever asked keeps in memory: as many as half a million honest ones have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryResult:
    """How a query ended; the matches went to `on_match`."""

    matches: int = 0
    unreadable: int = 0
    """Matches whose identifier could not be decoded, or is too long to be one."""
    status: int | None = None
    """The final status; None if there was none."""
    unsupported_keys: bool = False
    """The peer said (0xFF01) that it does not support some optional keys."""
    warning: str = ""
    failure: Failure | None = None
    cancelled: bool = False
    limited: bool = False
    """Ended by us because `limit` matches had come."""
    seconds: float = 0.0

    @property
    def sentence(self) -> str:
        """The result in one line."""
        words = f"{self.matches:,} {'match' if self.matches == 1 else 'matches'} in {self.seconds:.1f} s"
        if self.limited:
            words += ", ended at the limit"
        elif self.cancelled:
            words += ", cancelled"
        words += "."
        if self.unreadable:
            words += f" {self.unreadable} of them could not be decoded."
        if self.unsupported_keys:
            words += " The peer does not support some of the optional keys."
        if self.warning:
            words += f" {self.warning}."
        if self.failure is not None and not self.cancelled:
            words = f"{self.failure.sentence} ({words.rstrip('.')})" if self.matches else self.failure.sentence
        return words


class QueryJob(Operation[QueryResult]):
    """One C-FIND.

    Args:
        caller: Who asks.
        peer: Who is asked.
        model: "patient", "study" or a `Model`.
        level: PATIENT, STUDY, SERIES or IMAGE.
        keys: Matching and return keys; the level and the character set are added.
        on_match: Gets each match, in the job's thread.
        on_progress: Hears of each match.
        limit: After so many matches the query is cancelled; None for all, within `MOST_BYTES`.
        character_set: The request's Specific Character Set unless `keys` has one. Many servers answer in the
            request's; without one, names that Latin letters cannot write would be lost.
    """

    service = Service.FIND

    def __init__(
        self,
        caller: Caller,
        peer: Peer,
        model: str,
        level: str,
        keys: Dataset,
        on_match: Callable[[Dataset], None],
        on_progress: Callable[[Progress], None] | None = None,
        limit: int | None = None,
        character_set: str = UTF8,
    ) -> None:
        chosen = Model(model)
        request = identifier(chosen, level, keys, character_set)
        super().__init__(caller, peer, chosen.find, request, on_progress)
        self._on_match = on_match
        self._limit = limit
        self._matches = 0
        self._unreadable = 0
        self._unsupported = False
        self._limited = False
        self._bytes = 0

    def run(self) -> QueryResult:
        """Ask, and return when the last match has come."""
        ending = self._perform()
        cancelled = ending.cancelled or self.cancelled
        return QueryResult(
            matches=self._matches,
            unreadable=self._unreadable,
            status=ending.code,
            unsupported_keys=self._unsupported,
            warning="" if ending.status is None else warning_words(Service.FIND, ending.status),
            failure=None if self._limited else ending.failure,
            cancelled=cancelled and not self._limited,
            limited=self._limited,
            seconds=self._seconds(),
        )

    def _start(self, association: Association) -> Iterator[tuple[Dataset, Dataset | None]]:
        return association.send_c_find(self.request, self.sop_class, msg_id=1)

    def _pending(self, status: Dataset, answer: Dataset | None) -> None:
        if self.cancelled:
            # Matches that were on their way when the person had enough.
            return
        self._matches += 1
        self._unsupported = self._unsupported or int(status.Status) == 0xFF01
        length = 0 if answer is None else _length(answer)
        self._bytes += length
        if answer is None or length > LONGEST_MATCH:
            self._unreadable += 1
        else:
            self._on_match(answer)
        self._tell(done=self._matches)
        if (self._limit is not None and self._matches >= self._limit) or self._bytes >= MOST_BYTES:
            self._limited = True
            self.cancel()


def _length(answer: Dataset) -> int:
    """Bytes of an identifier's values, about; without decoding them."""
    length = 0
    for tag in answer.keys():  # noqa: SIM118 - to iterate over a Dataset is to decode it
        value = answer.get_item(tag).value
        if isinstance(value, bytes | str):
            length += len(value)
        elif isinstance(value, Sequence):
            length += sum(_length(item) for item in value)
    return length
