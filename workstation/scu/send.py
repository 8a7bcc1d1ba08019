"""Storage as SCU (PS3.4 Annex B): sends files as they are, with an answer for each.

Contexts are proposed from what the files are: one for each SOP class and transfer syntax, so that the peer's
answer tells about each, and a fallback for uncompressed ones. A file goes out undecoded if its own transfer
syntax was accepted; an uncompressed one is converted if only the fallback was.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from workstation.net import build_context, evt
from workstation.peers import Peer
from workstation.scu.caller import Caller
from workstation.scu.explain_association import explain_contexts, explain_end
from workstation.scu.failure import CANCELLED, Failure, Layer
from workstation.scu.files import FoundFile, ScanJob, ScanResult, inspect, scan
from workstation.scu.job import Job, Progress
from workstation.scu.outcome import Service, explain_status, warning_words

if TYPE_CHECKING:
    from workstation.net import Association
    from workstation.net.presentation import PresentationContext

__all__ = [
    "MAXIMUM_CONTEXTS",
    "FoundFile",
    "Plan",
    "ScanJob",
    "ScanResult",
    "SendJob",
    "SendOutcome",
    "SendResult",
    "inspect",
    "plan_contexts",
    "scan",
]

MAXIMUM_CONTEXTS = 128
"""Context IDs are the odd numbers below 256 (PS3.8 9.3.2.2)."""

_LARGE = 4_000_000
"""Bytes from which on a file's own progress is told: what is smaller is over before a person could look."""

_CHANGED = Failure(Layer.FILE, "The file changed while the list was sent", "", "Send it again.")

_PLAIN = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
_CONVERTIBLE = frozenset({*_PLAIN, DeflatedExplicitVRLittleEndian})


@dataclass(frozen=True, slots=True)
class Plan:
    """One association of a sending: what to propose, and the files that go over it."""

    contexts: tuple[PresentationContext, ...]
    files: tuple[FoundFile, ...]


def plan_contexts(files: Iterable[FoundFile], limit: int = MAXIMUM_CONTEXTS) -> tuple[Plan, ...]:
    """What to propose for these files, on as many associations as the contexts need.

    Files that cannot be sent are left out. The order of files is kept within an association.
    """
    sendable = [file for file in files if file.sendable]
    syntaxes: dict[str, dict[str, None]] = {}
    for file in sendable:
        syntaxes.setdefault(file.sop_class_uid, {})[file.transfer_syntax_uid] = None
    batches: list[tuple[list[PresentationContext], set[str]]] = []
    for sop_class, own in syntaxes.items():
        wanted = _contexts_of(sop_class, own)
        if not batches or len(batches[-1][0]) + len(wanted) > limit:
            batches.append(([], set()))
        contexts, classes = batches[-1]
        contexts.extend(wanted)
        classes.add(sop_class)
    return tuple(
        Plan(tuple(contexts), tuple(file for file in sendable if file.sop_class_uid in classes))
        for contexts, classes in batches
    )


def _contexts_of(sop_class: str, syntaxes: Iterable[str]) -> list[PresentationContext]:
    own = list(syntaxes)
    contexts = [build_context(sop_class, syntax) for syntax in own]
    fallback = [syntax for syntax in _PLAIN if syntax not in own]
    if fallback and any(syntax in _CONVERTIBLE for syntax in own):
        contexts.append(build_context(sop_class, fallback))
    return contexts


@dataclass(frozen=True, slots=True, kw_only=True)
class SendOutcome:
    """What became of one file."""

    file: FoundFile
    status: int | None = None
    """The response's status; None if there was none."""
    warning: str = ""
    """What a Warning status said; the object is stored all the same."""
    failure: Failure | None = None
    seconds: float = 0.0
    bytes: int = 0
    """The file's size if it was sent, else 0."""
    converted: bool = False
    """Whether it was sent in another transfer syntax than the file's."""

    @property
    def stored(self) -> bool:
        """Whether the peer says that it has the object."""
        return self.failure is None


@dataclass(frozen=True, slots=True, kw_only=True)
class SendResult:
    """What became of all files."""

    outcomes: tuple[SendOutcome, ...] = ()
    failure: Failure | None = None
    """Why the sending as a whole could not go on, if so."""
    seconds: float = 0.0
    bytes: int = 0
    cancelled: bool = False
    retry_failed: tuple[FoundFile, ...] = field(default=())
    """The files to send again: those that failed or were not reached."""

    @property
    def stored(self) -> int:
        """How many the peer has."""
        return sum(outcome.stored for outcome in self.outcomes)

    @property
    def sentence(self) -> str:
        """The result in one line."""
        warned = sum(bool(outcome.warning) for outcome in self.outcomes)
        failed = len(self.outcomes) - self.stored
        parts = [f"{self.stored} stored"]
        if warned:
            parts[0] += f" ({warned} with a warning)"
        if failed:
            parts.append(f"{failed} not stored")
        words = ", ".join(parts) + "."
        if self.failure is not None:
            return f"{words} {self.failure.sentence}"
        first = next((outcome.failure for outcome in self.outcomes if outcome.failure is not None), None)
        return f"{words} {first.sentence}" if first is not None else words


class SendJob(Job[SendResult]):
    """Send files to a peer.

    The first `cancel` ends the sending after the file under way, the second at once by A-ABORT. When the peer
    aborts, the rest goes over a new association, as long as each of them brings some file across.

    Args:
        caller: Who sends.
        peer: Where to.
        files: What; those that cannot be sent get an outcome as well.
        on_progress: Hears of each file, and of the PDUs of large ones (from the thread that sends them).
        on_outcome: Gets each outcome as soon as it is known.
    """

    def __init__(
        self,
        caller: Caller,
        peer: Peer,
        files: Sequence[FoundFile],
        on_progress: Callable[[Progress], None] | None = None,
        on_outcome: Callable[[SendOutcome], None] | None = None,
    ) -> None:
        super().__init__(on_progress)
        self.caller = caller
        self.peer = peer
        self.files = tuple(files)
        self._on_outcome = on_outcome
        self._outcomes: list[SendOutcome] = []
        self._bytes = 0
        self._total = sum(file.size for file in self.files if file.sendable)
        self._failed = self._warned = self._message_id = 0

    def run(self) -> SendResult:
        """Send all files and return what became of each."""
        for file in self.files:
            if not file.sendable:
                self._finish(SendOutcome(file=file, failure=file.problem))
        failure: Failure | None = None
        for plan in plan_contexts(self.files):
            rest: Sequence[FoundFile] = plan.files
            while rest and failure is None:
                rest, failure = self._send_some(plan, rest)
            for file in rest:
                self._finish(SendOutcome(file=file, failure=failure))
            if failure is None and self.cancelled:
                failure = CANCELLED
        return SendResult(
            outcomes=tuple(self._outcomes),
            failure=failure,
            seconds=self._seconds(),
            bytes=self._bytes,
            cancelled=self.cancelled,
            retry_failed=tuple(
                outcome.file for outcome in self._outcomes if not outcome.stored and outcome.file.sendable
            ),
        )

    def _cancel_gently(self, association: Association) -> None:
        """Nothing: the loop sees it before the next file."""

    def _send_some(self, plan: Plan, files: Sequence[FoundFile]) -> tuple[Sequence[FoundFile], Failure | None]:
        """Send over one association; the files that are left when it ends, and why no other should be tried."""
        association, failure = self._open(self.caller, self.peer, plan.contexts)
        if association is None:
            return files, failure
        reached = False
        try:
            for place, file in enumerate(files):
                if self.cancelled:
                    return files[place:], CANCELLED
                outcome = self._send(association, file)
                lost = outcome.failure is not None and not association.is_established
                if lost and self.cancelled:
                    outcome = SendOutcome(file=file, failure=CANCELLED, seconds=outcome.seconds)
                self._finish(outcome)
                if lost:
                    return files[place + 1 :], None if reached and not self.cancelled else outcome.failure
                reached = True
            return (), None
        finally:
            self._close(association)

    def _send(self, association: Association, file: FoundFile) -> SendOutcome:
        exact = convertible = False
        for context in association.accepted_contexts:
            if context.abstract_syntax == file.sop_class_uid and context.as_scu:
                exact = exact or context.transfer_syntax[0] == file.transfer_syntax_uid
                convertible = convertible or context.transfer_syntax[0] in _PLAIN
        if not exact and not (convertible and file.transfer_syntax_uid in _CONVERTIBLE):
            failure = explain_contexts(association, file.sop_class_uid, [file.transfer_syntax_uid])
            return SendOutcome(file=file, failure=failure)
        if not file.path.is_file():
            # Gone, or something else since it was found: a pipe in its place would never give a byte.
            return SendOutcome(file=file, failure=inspect(file.path).problem or _CHANGED)
        self._message_id = self._message_id % 0xFFFF + 1
        began = time.monotonic()
        try:
            with self._watched(association, file):
                status = association.send_c_store(file.path, msg_id=self._message_id, streamed=exact)
        except RuntimeError:
            return SendOutcome(file=file, failure=explain_end(association, "before C-STORE"))
        except (OSError, ValueError, AttributeError) as error:
            # The file changed since it was found, or conversion met something that it cannot encode.
            problem = inspect(file.path).problem or Failure(
                Layer.FILE, "The object cannot be sent", str(error), "Export it again, or validate it."
            )
            return SendOutcome(file=file, failure=problem)
        seconds = time.monotonic() - began
        if "Status" not in status:
            failure = explain_end(association, f"during C-STORE of {file.path.name}", self.caller.dimse_timeout)
            return SendOutcome(file=file, failure=failure, seconds=seconds)
        return SendOutcome(
            file=file,
            status=int(status.Status),
            warning=warning_words(Service.STORE, status),
            failure=explain_status(Service.STORE, status),
            seconds=seconds,
            bytes=file.size,
            converted=not exact,
        )

    @contextmanager
    def _watched(self, association: Association, file: FoundFile) -> Iterator[None]:
        """Tell how far a large file is while it is sent."""
        if self._on_progress is None or file.size < _LARGE:
            yield
            return
        sent = 0

        def left(event: Any) -> None:
            nonlocal sent
            sent += len(event.data)
            self._tell_files(file, min(sent, file.size))

        association.bind(evt.EVT_DATA_SENT, left)
        try:
            yield
        finally:
            association.unbind(evt.EVT_DATA_SENT, left)

    def _finish(self, outcome: SendOutcome) -> None:
        self._outcomes.append(outcome)
        self._bytes += outcome.bytes
        self._failed += not outcome.stored
        self._warned += bool(outcome.warning)
        if self._on_outcome is not None:
            self._on_outcome(outcome)
        self._tell_files(outcome.file, 0)

    def _tell_files(self, file: FoundFile, part: int) -> None:
        """Tell the progress: all files so far, and `part` bytes of the one under way."""
        self._tell(
            done=len(self._outcomes),
            total=len(self.files),
            failed=self._failed,
            warnings=self._warned,
            bytes_done=self._bytes + part,
            bytes_total=self._total,
            text=file.path.name,
        )
