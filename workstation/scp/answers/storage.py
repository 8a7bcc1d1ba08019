"""Verification and storage (PS3.4 A, B): C-ECHO, and C-STORE into the archive.

Knows the archive and the events; no socket and no thread. Each handler may run on many associations at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydicom.dataset import Dataset

from workstation.net import evt, uids
from workstation.net.association import Association
from workstation.net.codec.dimse import C_STORE_RQ
from workstation.net.events import Event, InterventionEvent
from workstation.net.presentation import PresentationContext, PresentationContextTuple, build_context
from workstation.scp.answers.contexts import STORAGE_CLASSES, TRANSFER_SYNTAXES, UNCOMPRESSED
from workstation.scp.archive.sink import ArchiveSink
from workstation.scp.query.answer import status_of
from workstation.scp.surroundings import Handler, Surroundings

SUCCESS = 0x0000
UNABLE_TO_PROCESS = 0xC000


class Verification:
    """C-ECHO."""

    def __init__(self, _surroundings: Surroundings) -> None:
        pass

    def contexts(self) -> Iterable[PresentationContext]:
        """The presentation contexts that it serves."""
        return [build_context(uids.VERIFICATION["Verification"], list(UNCOMPRESSED))]

    def handlers(self) -> Mapping[tuple[InterventionEvent, str], Handler]:
        """(event, abstract syntax) -> handler."""
        return {(evt.EVT_C_ECHO, uids.VERIFICATION["Verification"]): lambda _event: SUCCESS}

    def resume(self) -> None:
        """Nothing was interrupted."""


class DiscardingSink:
    """Takes an object that is not to be kept, and keeps nothing of it."""

    path = None

    def write(self, fragment: memoryview) -> None:
        """Take the next bytes."""

    def finish(self) -> None:
        """All bytes have arrived."""

    def discard(self) -> None:
        """The rest will never come."""


class Storage:
    """C-STORE into the archive. The data set goes to a sink of `open_sink` while it arrives."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._archive = surroundings.archive

    def contexts(self) -> Iterable[PresentationContext]:
        """The presentation contexts that it serves."""
        for uid in STORAGE_CLASSES:
            context = build_context(uid, list(TRANSFER_SYNTAXES))
            # Both roles: with C-GET the association's requestor is the storage SCP.
            context.scu_role = context.scp_role = True
            yield context

    def handlers(self) -> Mapping[tuple[InterventionEvent, str], Handler]:
        """(event, abstract syntax) -> handler."""
        return {(evt.EVT_C_STORE, uid): self.store for uid in STORAGE_CLASSES}

    def resume(self) -> None:
        """The archive tidies up for itself."""

    def open_sink(
        self, assoc: Association, request: C_STORE_RQ, context: PresentationContextTuple
    ) -> ArchiveSink | DiscardingSink:
        """Return where the data set of a C-STORE request goes."""
        if not (request.AffectedSOPClassUID and request.AffectedSOPInstanceUID):
            return DiscardingSink()
        return self._archive.new_sink(
            str(request.AffectedSOPClassUID),
            str(request.AffectedSOPInstanceUID),
            str(context.transfer_syntax),
            assoc.requestor.ae_title,
        )

    def store(self, event: Event) -> int | Dataset:
        """Answer a C-STORE whose data set has gone to a sink of `open_sink`."""
        sink = event.sink
        if not isinstance(sink, ArchiveSink):
            return status_of(UNABLE_TO_PROCESS, "The request does not say which object it brings.")
        result = self._archive.commit(sink)
        return SUCCESS if result.status == SUCCESS else status_of(result.status, result.comment)
