"""What an experienced colleague would remark on traffic: notes on associations, and one sentence on why one failed.

An `Examination` goes through the rows of a conversation once, in order, and goes on where it stopped when more came;
the rules are in `expert_rules`, one small function for each matter. Everything is a generator that gives None between
small steps, so that it can run in slices beside a window. Knows conversations and rows; no Qt, no clock of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Final

from workstation.net.codec.dimse import Response
from workstation.net.codec.pdu import A_ABORT_RQ, A_ASSOCIATE_AC, A_ASSOCIATE_RJ, A_ASSOCIATE_RQ, PDU, decode_pdu
from workstation.net.errors import RemoteProtocolError
from workstation.traffic.conversation import Conversation
from workstation.traffic.expert.rules.ending import (
    abort_rules,
    end_rules,
    reject_rules,
    strange_bytes,
)
from workstation.traffic.expert.rules.exchange import message_rules, problem_rules, status_rules
from workstation.traffic.expert.rules.negotiation import accept_rules, request_rules
from workstation.traffic.expert.rules.note import Note, Severity
from workstation.traffic.expert.rules.scene import Asked, Findings, Scene
from workstation.traffic.expert.verdict import Layer, Verdict
from workstation.traffic.log import TrafficLog
from workstation.traffic.rows import MessageRow
from workstation.traffic.text import quantity

__all__ = ["Examination", "Layer", "Note", "Severity", "Verdict", "failure_of", "notes_of", "notes_of_log"]

_MOST_NOTES: Final = 500  # of one association, folded
_MOST_ROWS: Final = 100  # that one note names
_BREATH: Final = 8  # rows
# What a capture says of the network and not of what it lacks.
_HARMLESS: Final = ("Sent again", "Out of order", "Keep-alive")


class Examination:
    """The notes of one conversation, kept up to date.

    Attributes:
        conversation: whose.
        notes: what was found so far, in the order in which it was found first.
        verdict: the first of them that made the association or an operation fail, as one explanation.
    """

    def __init__(self, conversation: Conversation) -> None:
        self.conversation = conversation
        self._scene = Scene(conversation)
        self._next = 1
        self._over = False
        self._found: dict[tuple[str, str], Note] = {}
        self._remarks = 0
        self._work: Iterator[None] | None = None
        self.verdict: Verdict | None = None

    @property
    def notes(self) -> list[Note]:
        """What was found so far."""
        return list(self._found.values())

    @property
    def is_current(self) -> bool:
        """Whether there is nothing new to look at."""
        conversation = self.conversation
        if self._work is not None or len(conversation.remarks) > self._remarks:
            return False
        if conversation.finished:
            return self._over
        rows = conversation.rows
        return self._next > conversation.trimmed + len(rows) or not self._settled(
            rows, max(self._next - 1 - conversation.trimmed, 0)
        )

    def go_on(self) -> Iterator[None]:
        """Look at what came since; yields between small steps. May be dropped: the next call goes on there."""
        work = self._work = self._work or self._run()
        # Not "yield from": that would end the work when this generator is dropped.
        for step in work:  # noqa: UP028
            yield step
        self._work = None

    def _run(self) -> Iterator[None]:
        conversation, scene = self.conversation, self._scene
        for remark in conversation.remarks[self._remarks :]:
            if remark.startswith(_HARMLESS):
                continue
            self._add(
                scene.note(Severity.WARNING, "capture", "The capture does not have all of it", remark, key=remark)
            )
            scene.is_whole = False
        self._remarks = len(conversation.remarks)
        done = 0
        while True:
            rows = conversation.rows
            index = self._next - 1 - conversation.trimmed
            if index < 0:  # rows went before they were looked at
                scene.is_whole = False
                self._next = conversation.trimmed + 1
                continue
            if index >= len(rows) or not self._settled(rows, index):
                break
            row = rows[index]
            self._next += 1
            yield from self._take(self._rules(row))
            scene.last_time, scene.last_row = row.end_time, row.number
            done += 1
            if done % _BREATH == 0:
                yield None
        if conversation.finished and not self._over:
            self._over = True
            yield from self._take(end_rules(scene))

    def _settled(self, rows: list[MessageRow], index: int) -> bool:
        """Whether a row has come to its end, well or not."""
        row = rows[index]
        if row.complete or self.conversation.finished:
            return True
        return any(later.sent == row.sent for later in rows[index + 1 : index + 9])

    def _take(self, findings: Findings) -> Iterator[None]:
        for note in findings:
            if note is None:
                yield None
            else:
                self._add(note)

    def _add(self, note: Note) -> None:
        if self.verdict is None and note.rule in _LAYERS and _fails(note):
            self.verdict = _verdict_of(note)
        key = (note.rule, note.key)
        known = self._found.get(key)
        if known is None:
            if len(self._found) < _MOST_NOTES:
                self._found[key] = note
            return
        rows = known.rows
        if note.row is not None and len(rows) < _MOST_ROWS and note.row not in rows[-1:]:
            rows = (*rows, note.row)
        self._found[key] = replace(known, count=known.count + 1, rows=rows, severity=max(known.severity, note.severity))

    def _rules(self, row: MessageRow) -> Findings:
        scene = self._scene
        if row.omitted or any(pdu.lost for pdu in row.pdus):
            scene.is_whole = False
        if row.is_dimse or row.name == "P-DATA-TF":
            yield from message_rules(scene, row)
            return
        if row.name == "Unrecognized bytes":
            yield from strange_bytes(scene, row)
            return
        yield from problem_rules(scene, row)
        match _decoded(row):
            case A_ASSOCIATE_RQ() as request:
                if row.number == 1:
                    scene.started = True
                scene.request = request
                yield from request_rules(scene, row, request)
            case A_ASSOCIATE_AC() as accept:
                scene.accept = accept
                yield from accept_rules(scene, row, accept)
            case A_ASSOCIATE_RJ() as rejection:
                scene.rejected = True
                yield from reject_rules(scene, row, rejection)
            case A_ABORT_RQ() as abort:
                if not scene.aborted:
                    yield from abort_rules(scene, row, abort)
                scene.aborted = True
        if row.name == "A-RELEASE-RQ":
            scene.release_asked = True
        elif row.name == "A-RELEASE-RP":
            scene.released = True


def _decoded(row: MessageRow) -> PDU | None:
    """A PDU of association control; None for one that is not here as a whole or cannot be decoded."""
    pdu = row.pdus[0]
    return None if pdu.cut else _decode(pdu.data)


# The same bytes come again: at the other end of an association, and with each association of a peer. Requests with
# 128 contexts take milliseconds.
@lru_cache(maxsize=64)
def _decode(data: bytes) -> PDU | None:
    try:
        return decode_pdu(data)
    except RemoteProtocolError:
        return None


def notes_of(conversation: Conversation) -> Iterator[Note | None]:
    """The notes of an association; None between steps."""
    examination = Examination(conversation)
    yield from examination.go_on()
    yield from examination.notes


# --------------------------------------------------------------------------- several associations
_REPEATED: Final = 3
_STORM: Final = 10  # associations
_STORM_SECONDS: Final = 30.0


def notes_of_log(
    log: TrafficLog, verdict_of: Callable[[Conversation], Verdict | None] | None = None
) -> Iterator[Note | None]:
    """Notes on what several associations show together; None between steps.

    The same failure of the same two again and again, and an association for each single object.

    Args:
        log: the associations.
        verdict_of: says why one failed; `failure_of` unless somebody knows already.
    """
    failing: dict[tuple[str, str, str, str], list[tuple[Conversation, Verdict]]] = {}
    short: dict[tuple[str, str, str, str], list[Conversation]] = {}
    found: list[Note] = []
    for conversation in log.conversations:
        yield None
        if not conversation.finished:
            continue
        parties = (conversation.mode, conversation.calling, conversation.called, conversation.facts.address)
        verdict = (verdict_of or failure_of)(conversation)
        before = failing.get(parties, [])
        if before and (verdict is None or verdict.what != before[-1][1].what):
            found += _repeated(failing.pop(parties))
        if verdict is not None:
            failing.setdefault(parties, []).append((conversation, verdict))
        requests = [row for row in conversation.rows[:20] if row.is_dimse and row.name.endswith("-RQ")]
        same = short.setdefault(parties, [])
        if same and conversation.start_time - same[-1].start_time > _STORM_SECONDS:
            found += _storm(same)
            same.clear()
        if len(conversation.rows) < 20 and len(requests) == 1 and requests[0].name == "C-STORE-RQ":
            same.append(conversation)
    for failures in failing.values():
        found += _repeated(failures)
    for conversations in short.values():
        found += _storm(conversations)
    yield from found


def _repeated(failures: list[tuple[Conversation, Verdict]]) -> list[Note]:
    if len(failures) < _REPEATED:
        return []
    conversation, verdict = failures[-1]
    count, first = len(failures), failures[0][0]
    scene = Scene(conversation)
    return [
        scene.note(
            Severity.WARNING,
            "retries",
            f"{count} failures in a row",
            f"{quantity(count, 'association')} of {scene.requestor} with {scene.acceptor} failed in the same way, from "
            f"#{first.number} on: {verdict.what}",
            row=verdict.row,
            evidence=verdict.evidence,
            remedy=verdict.remedy,
        )
    ]


def _storm(conversations: list[Conversation]) -> list[Note]:
    if len(conversations) < _STORM:
        return []
    scene = Scene(conversations[-1])
    return [
        scene.note(
            Severity.REMARK,
            "one-each",
            "An association for each object",
            f"{scene.requestor} opened {len(conversations)} associations from #{conversations[0].number} on to "
            f"send one object each to {scene.acceptor}; negotiating each time takes longer than sending",
            remedy="Send the objects of a study on one association.",
        )
    ]


# --------------------------------------------------------------------------- one sentence
def failure_of(conversation: Conversation) -> Verdict | None:
    """Why an association, or what was asked on it, failed: the layer, the reason, the usual remedy. None if it did not.

    The first cause counts: a store that fails and an abort after it is a failed store.
    """
    if not conversation.rows:
        return _without_rows(conversation)
    scene = Scene(conversation)
    scene.started = conversation.rows[0].name == "A-ASSOCIATE-RQ"
    for row in conversation.rows:
        if row.is_dimse:
            verdict = _failed_message(scene, row)
            if verdict is not None:
                return verdict
            continue
        note = next((note for note in _control_notes(scene, row) if note is not None), None)
        if note is not None:
            return _verdict_of(note)
    return _failed_at_the_end(scene)


# The rules whose notes say that something failed, and on which layer.
_LAYERS: Final = {
    "rejected": Layer.ASSOCIATION,
    "aborted": Layer.ASSOCIATION,
    "not-dicom": Layer.ASSOCIATION,
    "request-unanswered": Layer.ASSOCIATION,
    "contexts-none": Layer.CONTEXT,
    "status": Layer.STATUS,
    "context-refused": Layer.CONTEXT,
    "connection-lost": Layer.TCP,
    "connect-failed": Layer.TCP,
    "unanswered": Layer.STATUS,
    "needed-rejected": Layer.CONTEXT,
}


def _fails(note: Note) -> bool:
    return note.severity is Severity.ERROR or note.rule in ("needed-rejected", "aborted")


def _verdict_of(note: Note) -> Verdict:
    layer = _LAYERS[note.rule]
    if note.rule == "contexts-none" and note.key == "syntaxes":
        layer = Layer.SYNTAX
    elif note.rule == "not-dicom" and "TLS" in note.sentence:
        layer = Layer.TLS
    return Verdict(layer, note.sentence.rstrip("."), note.evidence, note.remedy, note.row)


def _control_notes(scene: Scene, row: MessageRow) -> Findings:
    """The errors that a row of association control shows."""
    if row.name == "Unrecognized bytes":
        yield from strange_bytes(scene, row)
        return
    match _decoded(row):
        case A_ASSOCIATE_RQ() as request:
            scene.request = request
        case A_ASSOCIATE_AC() as accept:
            scene.accept = accept
            contexts = scene.conversation.contexts
            if contexts and not scene.conversation.accepted_contexts:
                for note in accept_rules(scene, row, accept):
                    if note is not None and note.rule == "contexts-none":
                        yield note
        case A_ASSOCIATE_RJ() as rejection:
            scene.rejected = True
            yield from reject_rules(scene, row, rejection)
        case A_ABORT_RQ() as abort:
            scene.aborted = True
            yield from abort_rules(scene, row, abort)
    if row.name == "A-RELEASE-RQ":
        scene.release_asked = True
    elif row.name == "A-RELEASE-RP":
        scene.released = True
    return


def _failed_message(scene: Scene, row: MessageRow) -> Verdict | None:
    scene.messages += 1
    if row.message_id is not None and row.name.endswith("-RQ") and row.name != "C-CANCEL-RQ":
        scene.outstanding[row.sent, row.message_id] = Asked(
            row.number, row.name, row.sop_class_uid, row.context_id, "", row.end_time
        )
    elif row.message_id is not None and row.status is not None and not row.pending:
        scene.outstanding.pop((not row.sent, row.message_id), None)
    if row.problem.startswith("Sent on context"):
        context = scene.conversation.contexts.get(row.context_id)
        syntax = context is not None and context.result == 4
        return Verdict(
            Layer.SYNTAX if syntax else Layer.CONTEXT,
            f"{scene.sender(row.sent)} sent {row.name} on a context that was not accepted",
            row.problem,
            "Only accepted contexts may be used: the sender has to look at the answer before it sends.",
            row.number,
        )
    message = row.message if row.status else None
    if not isinstance(message, Response):
        return None
    asked = scene.asked_of(row)
    note = next((note for note in status_rules(scene, row, message, asked) if note is not None and _fails(note)), None)
    return _verdict_of(note) if note is not None else None


def _failed_at_the_end(scene: Scene) -> Verdict | None:
    conversation = scene.conversation
    if not conversation.finished:
        return None
    for note in end_rules(scene):
        if note is not None and note.rule in _LAYERS and _fails(note):
            return _verdict_of(note)
    return None


def _without_rows(conversation: Conversation) -> Verdict | None:
    if not conversation.finished or conversation.trimmed:
        return None
    reason = conversation.end_reason
    tls = any(word in reason for word in ("TLS", "SSL", "certificate"))
    failed = any(transition.state == "Sta4" and transition.event == "Evt17" for transition in conversation.path)
    if not failed and not tls:
        return None
    place = conversation.peer_address or "the peer"
    if tls:
        return Verdict(
            Layer.TLS,
            f"The TLS handshake with {place} failed",
            reason,
            "Check that both sides use TLS on this port, and their certificates.",
        )
    return Verdict(
        Layer.TCP,
        f"No connection to {place} came about",
        reason,
        "Check the address and the port, that the DICOM server runs and listens there, and that no firewall is "
        "between.",
    )
