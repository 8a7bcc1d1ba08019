"""Rules on how an association ends, and on what it did as a whole (PS3.8 9.2, 9.3.4 to 9.3.8)."""

from __future__ import annotations

from typing import Final

from workstation.net.codec.pdu import A_ABORT_RQ, A_ASSOCIATE_RJ
from workstation.traffic.expert.explanations import explain_abort, explain_first_bytes, explain_rejection
from workstation.traffic.expert.rules.note import Severity
from workstation.traffic.expert.rules.scene import Findings, Scene
from workstation.traffic.rows import MessageRow
from workstation.traffic.text import hex_bytes, printable, quantity

__all__ = ["abort_rules", "doing", "end_rules", "lost_connection", "reject_rules", "strange_bytes"]

_MUCH: Final = 256 << 10
_VERY_MUCH: Final = 10 << 20
_SMALL_PDU: Final = 4 << 10
_DEFAULT_PDU: Final = 16 << 10


def doing(scene: Scene) -> str:
    """What was under way, for a sentence; "" for nothing."""
    asked = next(iter(scene.outstanding.values()), None)
    return f"during {asked.name.rpartition('-')[0]}" if asked is not None else ""


def reject_rules(scene: Scene, row: MessageRow, rejection: A_ASSOCIATE_RJ) -> Findings:
    """Why an association was rejected."""
    conversation = scene.conversation
    voice = scene.voice(row.sent)
    if (rejection.source, rejection.reason) == (1, 7):
        voice = voice._replace(peer="the acceptor")  # its name is what is wrong
    verdict = explain_rejection(rejection, conversation.calling, conversation.called, voice)
    yield scene.note(
        Severity.ERROR,
        "rejected",
        f"Rejected: {rejection.reason_text}",
        verdict.what,
        row=row,
        evidence=verdict.evidence,
        clause="PS3.8 9.3.4",
        remedy=verdict.remedy,
        place=(7, 3),
    )


def abort_rules(scene: Scene, row: MessageRow, abort: A_ABORT_RQ) -> Findings:
    """Who aborted, and during what."""
    what = doing(scene) or ("instead of answering the request" if scene.accept is None and scene.started else "")
    verdict = explain_abort(abort, what, scene.voice(row.sent))
    quiet = abort.source == 0 and not what and not scene.failures
    yield scene.note(
        Severity.WARNING if quiet else Severity.ERROR,
        "aborted",
        f"Aborted by {scene.sender(row.sent)}" + (f" {what}" if what else ""),
        verdict.what + (": release would have been in order, nothing was under way" if quiet else ""),
        row=row,
        evidence=verdict.evidence,
        clause="PS3.8 9.3.8",
        remedy=verdict.remedy,
        place=(8, 2),
    )


def strange_bytes(scene: Scene, row: MessageRow) -> Findings:
    """Bytes that are no PDU: what else speaks so?"""
    data = row.pdus[0].data
    verdict = explain_first_bytes(data, scene.sender(row.sent))
    first = row.number == 1 or (row.number == 2 and scene.started)
    yield scene.note(
        Severity.ERROR,
        "not-dicom",
        "These bytes are not DICOM",
        verdict.what if verdict is not None and first else f"{scene.sender(row.sent)} sent bytes that are no PDU",
        row=row,
        evidence=verdict.evidence if verdict is not None and first else hex_bytes(data),
        clause="PS3.8 9.3.1",
        remedy=verdict.remedy if verdict is not None and first else "Look at what was sent just before.",
        place=(0, min(len(data), 16)),
    )


def lost_connection(scene: Scene) -> str:
    """How the connection ended without a word, in a few words; "" if it ended in order or goes on."""
    conversation = scene.conversation
    if not conversation.finished or scene.rejected or scene.aborted or scene.released or not scene.is_whole:
        return ""
    if not conversation.rows and not conversation.trimmed:
        return ""
    if scene.release_asked:
        return "unreleased"
    if scene.accept is not None or conversation.established:
        return "lost"
    return "unanswered" if scene.started else ""


def end_rules(scene: Scene) -> Findings:
    """What is remarkable when it is over."""
    conversation = scene.conversation
    last = conversation.rows[-1].number if conversation.rows else None
    yield from _connection(scene, last)
    if scene.is_whole and not scene.rejected:
        for asked in list(scene.outstanding.values())[:50]:
            yield scene.note(
                Severity.ERROR,
                "unanswered",
                f"{asked.name} was never answered",
                f"{asked.name} with its row {asked.row} got "
                + (
                    "no response"
                    if not asked.responses
                    else f"{quantity(asked.responses, 'response')} but not the last one"
                )
                + " before the association ended",
                row=asked.row,
                key=asked.name,
                clause="PS3.7 9.3, 10.3",
                remedy="See how the association ended: who ended it, did so before the answer.",
            )
    yield from _nothing_done(scene, last)
    yield from _collision(scene)
    yield from _small_pdus(scene)


def _connection(scene: Scene, last: int | None) -> Findings:
    conversation = scene.conversation
    how = lost_connection(scene)
    reason = printable(conversation.end_reason, 200)
    if how == "lost":
        during = doing(scene)
        yield scene.note(
            Severity.ERROR if conversation.accepted_contexts else Severity.REMARK,
            "connection-lost",
            f"The connection ended {during}".rstrip() + " without release or abort",
            f"the TCP connection was closed {during}".rstrip()
            + " though the association was neither released nor aborted",
            row=last,
            evidence=reason,
            clause="PS3.8 9.2.3, AA-4",
            remedy="One side crashed or was stopped, or something between cut the connection: look in both logs, at "
            "firewalls and at their idle timeouts.",
        )
    elif how == "unreleased":
        yield scene.note(
            Severity.WARNING,
            "release-unanswered",
            "The release was not answered",
            "A-RELEASE-RQ was sent, and the connection closed without A-RELEASE-RP",
            row=last,
            evidence=reason,
            clause="PS3.8 9.3.7",
            remedy="What was done before stands; the side that closed is careless.",
        )
    elif how == "unanswered":
        yield scene.note(
            Severity.ERROR,
            "request-unanswered",
            "The association request was not answered",
            f"{scene.acceptor} took the connection but closed it, or let it time out, without an answer to the request",
            row=last,
            evidence=reason,
            clause="PS3.8 9.2",
            remedy="Often a server that expects TLS, a list of allowed addresses, or another service at this port.",
        )
    for transition in conversation.path:
        if transition.event == "Evt18" and transition.state == "Sta2":
            yield scene.note(
                Severity.WARNING,
                "artim",
                "A connection without an association request",
                f"{scene.requestor} opened a connection and sent no A-ASSOCIATE-RQ in time",
                row=last,
                clause="PS3.8 9.1.4, ARTIM",
                remedy="A port scan or a monitor, or a client that expects TLS to begin on our side.",
            )
        elif transition.event == "Evt17" and transition.state == "Sta4":
            place = conversation.peer_address or "the peer"
            yield scene.note(
                Severity.ERROR,
                "connect-failed",
                "No connection",
                f"no connection to {place} came about",
                evidence=reason,
                clause="PS3.8 9.1.1",
                remedy="Check the address and the port, that the DICOM server runs and listens there, and that no "
                "firewall is between.",
            )


def _nothing_done(scene: Scene, last: int | None) -> Findings:
    if not scene.is_whole or scene.messages or scene.accept is None or not scene.conversation.accepted_contexts:
        return
    if scene.aborted:
        return
    refused = [context for context in scene.conversation.contexts.values() if context.result]
    if refused:
        yield scene.note(
            Severity.WARNING,
            "needed-rejected",
            "Nothing was done, perhaps because of a rejected context",
            f"{scene.requestor} ended the association without a message: probably it needed one of the "
            f"{quantity(len(refused), 'context')} that {scene.acceptor} rejected",
            row=last,
            clause="PS3.8 9.3.3.2",
            remedy="Compare the rejected contexts with what should have been done; turn the service or the transfer "
            "syntax on.",
        )
    else:
        yield scene.note(
            Severity.REMARK,
            "nothing-done",
            "Nothing was done on this association",
            "the association was established and ended without a message",
            row=last,
        )


def _collision(scene: Scene) -> Findings:
    if any(transition.next_state in ("Sta9", "Sta10") for transition in scene.conversation.path):
        yield scene.note(
            Severity.REMARK,
            "release-collision",
            "Both sides asked for release at once",
            "both sides sent A-RELEASE-RQ at the same time; the standard says how that ends, but few have tested it",
            clause="PS3.8 9.2.3, AR-8",
        )


def _small_pdus(scene: Scene) -> Findings:
    for sent, flow in scene.flows.items():
        limit = scene.limit(sent)
        if not flow.data_pdus:
            continue
        who, receiver = scene.sender(sent), scene.receiver(sent)
        if flow.bytes >= _MUCH and flow.longest <= _SMALL_PDU + 12:
            yield scene.note(
                Severity.REMARK,
                "pdus-small",
                "Small PDUs slow the transfer down",
                f"{who} sent {flow.bytes:,} bytes in {flow.data_pdus:,} PDUs of at most {flow.longest:,}",
                key=who,
                evidence=f"{receiver} takes at most {limit:,}" if limit else "",
                clause="PS3.8 D.1",
                remedy=f"Raise the maximum PDU length of {receiver}, to 64 KiB or more."
                if limit and limit <= _SMALL_PDU + 12
                else f"Let {who} send larger PDUs.",
            )
        elif flow.bytes >= _VERY_MUCH and limit is not None and 0 < limit <= _DEFAULT_PDU + 12:
            yield scene.note(
                Severity.REMARK,
                "pdus-default",
                "The maximum length is the old default of 16 KiB",
                f"{who} sent {flow.bytes:,} bytes in PDUs of at most {limit:,}: {receiver} takes no longer ones",
                key=who,
                clause="PS3.8 D.1",
                remedy=f"A larger maximum PDU length of {receiver}, 64 to 128 KiB, saves time on a fast network.",
            )
