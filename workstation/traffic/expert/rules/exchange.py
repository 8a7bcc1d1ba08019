"""Rules on DIMSE messages: their PDUs, command sets, and which response answers what (PS3.7, PS3.8 9.3.5, Annex E)."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from workstation.net.codec.dimse import C_CANCEL_RQ, ELEMENTS, Message, Request, Response, decode_command
from workstation.net.errors import RemoteProtocolError
from workstation.net.status import (
    STATUS_CANCEL,
    STATUS_FAILURE,
    STATUS_PENDING,
    STATUS_UNKNOWN,
    STATUS_WARNING,
    code_to_category,
)
from workstation.traffic.expert.explanations import remedy_of_status, status_meaning
from workstation.traffic.expert.rules.data_sets import data_set_rules
from workstation.traffic.expert.rules.negotiation import UID_FORM
from workstation.traffic.expert.rules.note import Severity
from workstation.traffic.expert.rules.scene import Asked, Findings, Scene, named
from workstation.traffic.rows import MessageRow
from workstation.traffic.text import hex_bytes, printable, quantity

__all__ = ["message_rules", "problem_rules", "status_rules"]

_HEADER: Final = struct.Struct("<HHI")
_FRAGMENTED: Final = 16 << 10  # bytes of a data set whose PDUs tell how large they are made
_BREATH: Final = 500  # PDUs
_SLOW, _VERY_SLOW = 5.0, 30.0
_UNUSUAL: Final = 10  # times the median
_NOTABLE: Final = 1.0  # seconds; what is faster is not slow, whatever is usual
_RETRIEVALS: Final = ("C-GET-RSP", "C-MOVE-RSP")
# PS3.7 9.1: neither Pending nor Cancel is an answer to these.
_ANSWERED_ONCE: Final = ("C-ECHO", "C-STORE")
_CARRIED_SERVICES: Final = ("C-ECHO", "C-STORE", "C-FIND", "C-GET", "C-MOVE")


class _Problem(NamedTuple):
    """What to say of a fault that was found when the messages were put together."""

    begins: str
    rule: str
    severity: Severity
    title: str
    clause: str
    remedy: str = ""


_PROBLEMS: Final = (
    _Problem(
        "Sent on context",
        "context-refused",
        Severity.ERROR,
        "A message on a context that was not accepted",
        "PS3.8 7.1.1.13",
        "Only accepted contexts may be used: the sender has to look at the answer before it sends.",
    ),
    _Problem(
        "Fragments on contexts",
        "fragments-mixed",
        Severity.ERROR,
        "Fragments of one message on several contexts",
        "PS3.8 Annex E.2",
        "All fragments of a message go on one presentation context.",
    ),
    _Problem(
        "The next command came before",
        "fragments-interleaved",
        Severity.ERROR,
        "A command came within another message",
        "PS3.8 Annex E.2",
        "Messages in one direction follow one another: the data set has to end, with the bit for its last fragment.",
    ),
    _Problem(
        "A data set without the command",
        "data-without-command",
        Severity.ERROR,
        "A data set without a command",
        "PS3.8 Annex E.2",
        "Command fragments come before those of the data set.",
    ),
    _Problem(
        "The association ended before",
        "message-cut",
        Severity.WARNING,
        "The association ended within a message",
        "PS3.8 Annex E.2",
    ),
    _Problem("PDUs within it were", "not-kept", Severity.REMARK, "Part of a message was not recorded", ""),
    _Problem("Part of the command set", "not-kept", Severity.REMARK, "Part of a message was not recorded", ""),
    _Problem("More than", "many-pdvs", Severity.REMARK, "A PDU of very many PDVs", "PS3.8 9.3.5"),
    _Problem("The PDU ends within", "pdv-length", Severity.ERROR, "A PDV does not fit its PDU", "PS3.8 9.3.5.1"),
    _Problem("A PDV of length", "pdv-length", Severity.ERROR, "A PDV does not fit its PDU", "PS3.8 9.3.5.1"),
    _Problem("A P-DATA-TF without", "pdv-absent", Severity.ERROR, "A P-DATA-TF without a PDV", "PS3.8 9.3.5"),
    _Problem(
        "command set: it is in Explicit",
        "command-explicit",
        Severity.ERROR,
        "A command set in Explicit VR",
        "PS3.7 6.3.1",
    ),
    _Problem("command set:", "command-unreadable", Severity.ERROR, "A command set cannot be read", "PS3.7 6.3.1"),
    _Problem("A command set of", "command-huge", Severity.WARNING, "A command set is far too long", "PS3.7 6.3.1"),
    _Problem(
        "Context ", "context-unproposed", Severity.ERROR, "A context was answered that was not offered", "PS3.8 9.3.3.2"
    ),
    _Problem("PDU type", "pdu-unknown", Severity.ERROR, "Bytes that are no PDU", "PS3.8 9.3.1"),
)


def problem_rules(scene: Scene, row: MessageRow) -> Findings:
    """What was found when the message was put together."""
    text = row.problem
    if not text:
        return
    known = next((each for each in _PROBLEMS if text.startswith(each.begins)), None)
    if known is None and " were not kept" in text:
        known = next(each for each in _PROBLEMS if each.rule == "not-kept")
    if known is None:
        missing = text.endswith(" is missing") and row.is_dimse
        known = _Problem(
            "",
            "command-unreadable" if row.is_dimse else "pdu-unreadable",
            Severity.ERROR,
            "A command set lacks what it needs" if missing else f"{row.name} cannot be read as it should",
            "PS3.7 6.3.1" if row.is_dimse else "PS3.8 9.3",
        )
    severity = known.severity
    if not scene.started and known.rule in ("data-without-command", "fragments-interleaved"):
        severity = Severity.REMARK  # the beginning was not seen
    if known.rule == "message-cut" and (scene.aborted or scene.rejected):
        severity = Severity.REMARK  # the abort is the news
    yield scene.note(
        severity,
        known.rule,
        known.title,
        f"{scene.sender(row.sent)}, {row.name}: {text}",
        row=row,
        key=scene.sender(row.sent),
        clause=known.clause,
        remedy=known.remedy,
    )


def message_rules(scene: Scene, row: MessageRow) -> Findings:
    """All rules on a DIMSE message."""
    scene.messages += 1
    yield from problem_rules(scene, row)
    yield from _pdus(scene, row)
    yield from _pause(scene, row)
    is_large = len(row.pdus) > _BREATH  # then each look at all of its PDUs is a step of its own
    if is_large:
        yield None
    command = row.command_set()
    if command is None:
        return
    if is_large:
        yield None
    try:
        message = decode_command(command, row.context_id)
    except RemoteProtocolError:
        return
    yield from _command_form(scene, row, command, message)
    yield from _context(scene, row, message)
    if isinstance(message, Request):
        yield from _asked(scene, row, message)
    elif isinstance(message, Response):
        yield from _answered(scene, row, message)
    elif isinstance(message, C_CANCEL_RQ):
        yield from _cancelled(scene, row, message)
    yield None
    if row.data_size:
        yield from data_set_rules(scene, row, message)


# --------------------------------------------------------------------------- PDUs
def _pdus(scene: Scene, row: MessageRow) -> Findings:
    limit = scene.limit(row.sent)
    who = scene.sender(row.sent)
    flow = scene.flows[row.sent]
    if row.data_size >= _FRAGMENTED:
        flow.bytes += row.size
        flow.data_pdus += len(row.pdus)
        flow.longest = max(flow.longest, max(pdu.length for pdu in row.pdus))
    for count, pdu in enumerate(row.pdus, 1):
        if count % _BREATH == 0:
            yield None
        if limit and pdu.length - 6 > limit:
            yield scene.note(
                Severity.ERROR,
                "pdu-too-long",
                "A PDU is longer than the receiver takes",
                f"{who} sent a P-DATA-TF of {pdu.length - 6:,} bytes, but {scene.receiver(row.sent)} takes at most "
                f"{limit:,}",
                row=row,
                key=who,
                evidence=f"PDU Length {pdu.length - 6:,}; Maximum Length Received {limit:,}",
                clause="PS3.8 D.1",
                remedy=f"A strict receiver aborts here. Lower the PDU size that {who} sends, or correct what it takes "
                "from the negotiation.",
                pdu=pdu.number,
                place=(2, 4),
            )
        if pdu.others and pdu.message is row:
            yield scene.note(
                Severity.WARNING,
                "pdu-shared",
                "One PDU carries parts of several messages",
                f"{who} put parts of several messages into one P-DATA-TF",
                row=row,
                key=who,
                clause="PS3.8 Annex E.2",
                pdu=pdu.number,
            )
        numbers = pdu.pdvs
        for at in range(0, len(numbers), 4):
            if numbers[at] == row.number and numbers[at + 3] & 1:
                yield scene.note(
                    Severity.WARNING,
                    "fragment-odd",
                    "A fragment has an odd number of bytes",
                    f"{who} sent a fragment of {numbers[at + 3]:,} bytes; each has to be even",
                    row=row,
                    key=who,
                    clause="PS3.8 Annex E.2",
                    remedy="Most receivers take it; some count on even lengths and lose a byte.",
                    pdu=pdu.number,
                    place=(numbers[at + 2] - 6, 4),
                )


def _pause(scene: Scene, row: MessageRow) -> Findings:
    """Nothing was going on, and nobody waited for an answer."""
    last = scene.last_time
    if last is None or scene.outstanding or row.time - last <= _SLOW:
        return
    yield scene.note(
        Severity.REMARK,
        "pause",
        f"A pause of {_seconds(row.time - last)}",
        f"nothing was sent for {_seconds(row.time - last)} before {row.name}, and nobody waited for an answer: "
        f"{scene.sender(row.sent)} did something else",
        row=row,
        key=scene.sender(row.sent),
    )


# --------------------------------------------------------------------------- the command set
def _command_form(scene: Scene, row: MessageRow, command: bytes, message: Message) -> Findings:
    who = scene.sender(row.sent)
    offset, last = 0, -1
    first = _HEADER.unpack_from(command)
    if first[1] != 0:
        yield scene.note(
            Severity.WARNING,
            "group-length-absent",
            "A command set without its group length",
            f"the command set of {row.name} does not begin with Command Group Length (0000,0000)",
            row=row,
            key=who,
            clause="PS3.7 6.3.1, Annex E.1",
            place=(0, 8),
        )
    while offset + 8 <= len(command):
        _, number, length = _HEADER.unpack_from(command, offset)
        raw = command[offset + 8 : offset + 8 + length]
        place = (offset, 8 + length)
        if number == 0 and length == 4 and int.from_bytes(raw, "little") != len(command) - offset - 12:
            yield scene.note(
                Severity.WARNING,
                "group-length-wrong",
                "The group length of a command set is wrong",
                f"Command Group Length of {row.name} says {int.from_bytes(raw, 'little'):,} bytes follow, but "
                f"{len(command) - offset - 12:,} do",
                row=row,
                key=who,
                evidence=hex_bytes(raw),
                clause="PS3.7 6.3.1, Annex E.1",
                remedy="A receiver that trusts it reads too little or too much.",
                place=place,
            )
        if number <= last:
            yield scene.note(
                Severity.WARNING,
                "command-order",
                "The elements of a command set are out of order",
                f"(0000,{number:04X}) stands behind (0000,{last:04X}) in the command set of {row.name}",
                row=row,
                key=who,
                clause="PS3.7 6.3.1",
                place=place,
            )
        last = number
        if length & 1:
            yield scene.note(
                Severity.WARNING,
                "command-odd",
                "A command element has an odd length",
                f"(0000,{number:04X}) of {row.name} has {length:,} bytes; every element has an even number",
                row=row,
                key=f"{who} {number:04X}",
                evidence=printable(raw, 80),
                clause="PS3.5 7.1.1",
                remedy="Pad UIDs with one NUL and texts with a space.",
                place=place,
            )
        known = ELEMENTS.get(number)
        if known is not None and known[0] == "UI":
            yield from _command_uid(scene, row, known[2], raw, place)
        elif known is not None and known[0] == "AE":
            yield from _command_title(scene, row, known[2], raw, place)
        offset += 8 + length
    if message.missing:
        yield scene.note(
            Severity.WARNING,
            "command-lacks",
            f"{row.name} lacks {message.missing[0]}",
            f"{row.name} has no {', '.join(message.missing)}, which has to be there",
            row=row,
            key=f"{who} {row.name}",
            clause="PS3.7 9.3, 10.3",
        )


def _command_uid(scene: Scene, row: MessageRow, keyword: str, raw: bytes, place: tuple[int, int]) -> Findings:
    who = scene.sender(row.sent)
    uid = raw.rstrip(b"\0 ")
    padding = raw[len(uid) :]
    if b" " in padding or len(padding) > 1:
        how = "spaces" if b" " in padding else f"{len(padding)} NUL bytes"
        yield scene.note(
            Severity.WARNING,
            "command-uid-padded",
            f"A UID is padded with {how}",
            f"{keyword} of {row.name} is padded with {how}; a UID of odd length gets one NUL, an even one nothing",
            row=row,
            key=f"{who} {how}",
            evidence=printable(raw, 80),
            clause="PS3.5 9.1",
            remedy="A peer that compares the bytes takes it for another UID.",
            place=place,
        )
    if uid and not UID_FORM.match(uid.decode("latin-1")):
        yield scene.note(
            Severity.WARNING,
            "command-uid-form",
            "A UID is not well-formed",
            f"{keyword} of {row.name} breaks the rules of UIDs: numbers without leading zeros, parted by full stops, "
            "at most 64 characters",
            row=row,
            key=f"{who} {keyword}",
            evidence=printable(uid, 80),
            clause="PS3.5 9.1",
            place=place,
        )


def _command_title(scene: Scene, row: MessageRow, keyword: str, raw: bytes, place: tuple[int, int]) -> Findings:
    who = scene.sender(row.sent)
    title = raw.partition(b"\0")[0].strip(b" ")
    what = ""
    severity = Severity.REMARK
    if len(title) > 16:
        what, severity = f"has {len(title)} characters, more than 16", Severity.WARNING
    elif b"\0" in raw:
        what = "is padded with NUL, not with a space"
    elif raw[:1] == b" ":
        what = "begins with a space"
    elif title != title.upper():
        what = "has small letters, which count"
    if what:
        yield scene.note(
            severity,
            "command-title",
            f"{keyword} {what.split(',')[0]}",
            f"{keyword} of {row.name} {what}",
            row=row,
            key=f"{who} {what}",
            evidence=printable(raw, 40),
            clause="PS3.5 6.2, VR AE",
            place=place,
        )


def _context(scene: Scene, row: MessageRow, message: Message) -> Findings:
    """Whether the message may go on its context."""
    contexts = scene.conversation.contexts
    who = scene.sender(row.sent)
    if not scene.started or not contexts:
        return
    context = contexts.get(row.context_id)
    if context is None:
        yield scene.note(
            Severity.ERROR,
            "context-unknown",
            "A message on a context that does not exist",
            f"{who} sent {row.name} on context {row.context_id}, which was never offered",
            row=row,
            key=who,
            clause="PS3.8 9.3.5.1",
        )
        return
    uid, service = row.sop_class_uid, row.name.rpartition("-")[0]
    if not message.is_request or not uid or service not in _CARRIED_SERVICES or context.abstract_syntax == uid:
        return
    from workstation.net.sop_class import uid_to_service_class

    carriers = uid_to_service_class(uid).carriers.get(uid, ())
    if context.abstract_syntax not in carriers:
        yield scene.note(
            Severity.ERROR,
            "context-wrong",
            "A message on the context of another SOP class",
            f"{who} sent {row.name} of {named(uid)} on context {row.context_id}, which was agreed on for "
            f"{named(context.abstract_syntax)}",
            row=row,
            key=f"{who} {uid}",
            clause="PS3.7 9.3, PS3.8 7.1.1.13",
            remedy="The context ID has to be that of an accepted context of this SOP class.",
        )


# --------------------------------------------------------------------------- requests
def _asked(scene: Scene, row: MessageRow, message: Request) -> Findings:
    who = scene.sender(row.sent)
    key = (row.sent, message.MessageID)
    instance = str(getattr(message, "AffectedSOPInstanceUID", None) or "")
    earlier = scene.outstanding.get(key)
    if earlier is not None and scene.is_whole:
        yield scene.note(
            Severity.ERROR,
            "message-id-reused",
            "A Message ID is used again while it is in use",
            f"{who} sent {row.name} with Message ID {message.MessageID}, but {earlier.name} in row {earlier.row} has "
            "the same and is not answered yet",
            row=row,
            key=who,
            clause="PS3.7 9.1, Message ID",
            remedy="The answers cannot be told apart: count Message IDs up.",
        )
    window = scene.window(row.sent)
    waiting = sum(sent == row.sent for sent, _ in scene.outstanding) - (earlier is not None)
    if window and waiting + 1 > window and scene.is_whole and scene.started:
        yield scene.note(
            Severity.ERROR,
            "window-exceeded",
            "More requests are under way than agreed",
            f"{who} has {waiting + 1} requests under way, but at most {window} were agreed on",
            row=row,
            key=who,
            evidence="Asynchronous Operations Window "
            + ("not negotiated: one at a time" if window == 1 else f"of {window}"),
            clause="PS3.7 D.3.3.3",
            remedy="Wait for the response before the next request, or negotiate a window.",
        )
    yield from _role(scene, row)
    if row.name == "C-STORE-RQ":
        for asked in scene.outstanding.values():
            if asked.name == "C-GET-RQ":
                asked.stores += 1
        if instance in scene.failed_stores:
            yield scene.note(
                Severity.REMARK,
                "retry",
                "An object is sent again after a failure",
                f"{who} sends the object again that failed in row {scene.failed_stores[instance]}",
                row=row,
                key=who,
                evidence=instance,
            )
    if message.has_data_set is False and row.name in ("C-FIND-RQ", "C-MOVE-RQ", "C-GET-RQ", "C-STORE-RQ"):
        yield scene.note(
            Severity.ERROR,
            "data-set-absent",
            f"{row.name} without a data set",
            f"{row.name} says that it has no data set; without one it cannot be carried out",
            row=row,
            key=f"{who} {row.name}",
            clause="PS3.7 9.3",
        )
    scene.outstanding[key] = Asked(row.number, row.name, row.sop_class_uid, row.context_id, instance, row.end_time)
    scene.used_ids[key] = row.number


def _role(scene: Scene, row: MessageRow) -> Findings:
    """Whether the sender may send such a request: SCU or, for reports of events, SCP."""
    if not scene.started or scene.accept is None:
        return
    context = scene.conversation.contexts.get(row.context_id)
    if context is None or not context.accepted:
        return
    is_requestor, reports = scene.is_requestor(row.sent), row.name == "N-EVENT-REPORT-RQ"
    as_scu, as_scp = scene.roles(context.abstract_syntax)
    # The acceptor is SCP where the requestor is SCU, and the other way round.
    allowed = as_scu if is_requestor != reports else as_scp
    if allowed:
        return
    who, role = scene.sender(row.sent), "SCP" if reports else "SCU"
    yield scene.note(
        Severity.WARNING if reports else Severity.ERROR,
        "role-wrong",
        f"{row.name} from a side that is not {role}",
        f"{who} sent {row.name} of {named(context.abstract_syntax)}, but was not granted the role of {role} for it",
        row=row,
        key=f"{who} {row.name}",
        clause="PS3.7 D.3.3.4",
        remedy="Negotiate the role with SCP/SCU Role Selection; for C-GET the requestor proposes the SCP role of each "
        "storage SOP class.",
    )


def _cancelled(scene: Scene, row: MessageRow, message: C_CANCEL_RQ) -> Findings:
    key = (row.sent, message.MessageIDBeingRespondedTo)
    asked = scene.outstanding.get(key)
    if asked is not None:
        asked.cancelled = True
    elif key not in scene.used_ids and scene.is_whole and scene.started:
        yield scene.note(
            Severity.WARNING,
            "cancel-unknown",
            "A C-CANCEL-RQ for a request that was never made",
            f"{scene.sender(row.sent)} cancels Message ID {key[1]}, which it has not used",
            row=row,
            clause="PS3.7 9.3.2.3",
        )


# --------------------------------------------------------------------------- responses
def _answered(scene: Scene, row: MessageRow, message: Response) -> Findings:
    who, answers = scene.sender(row.sent), message.MessageIDBeingRespondedTo
    key = (not row.sent, answers)
    asked = scene.outstanding.get(key)
    if asked is None:
        if scene.is_whole and scene.started:
            before = scene.used_ids.get(key)
            yield scene.note(
                Severity.ERROR,
                "response-unasked",
                "A response to a request that is not under way",
                f"{who} sent {row.name} for Message ID {answers}, "
                + (
                    f"which was answered for good already (row {before})"
                    if before is not None
                    else "which was never asked"
                ),
                row=row,
                key=who,
                evidence=f"Message ID Being Responded To {answers}",
                clause="PS3.7 9.1",
                remedy="Look at how the sender fills in Message ID Being Responded To.",
            )
    else:
        yield from _pairing(scene, row, asked)
        yield from _thinking(scene, row, asked)
    if message.Status is None:
        return
    yield from status_rules(scene, row, message, asked)
    if row.name in _RETRIEVALS and asked is not None:
        yield from _counts(scene, row, asked)
    if asked is None:
        return
    asked.responses += 1
    asked.heard = row.end_time
    if not row.pending:
        del scene.outstanding[key]


def _pairing(scene: Scene, row: MessageRow, asked: Asked) -> Findings:
    who = scene.sender(row.sent)
    if row.name[:-4] != asked.name[:-3]:
        yield scene.note(
            Severity.ERROR,
            "response-kind",
            f"{row.name} in answer to {asked.name}",
            f"{who} answers {asked.name} of row {asked.row} with {row.name}",
            row=row,
            key=who,
            clause="PS3.7 9.3, 10.3",
        )
    elif row.context_id != asked.context_id:
        yield scene.note(
            Severity.ERROR,
            "response-context",
            "A response on another context than its request",
            f"{who} answers {asked.name} of context {asked.context_id} on context {row.context_id}",
            row=row,
            key=who,
            clause="PS3.8 Annex E.2",
        )
    elif row.sop_class_uid and asked.sop_class_uid and row.sop_class_uid != asked.sop_class_uid:
        yield scene.note(
            Severity.WARNING,
            "response-class",
            "A response names another SOP class",
            f"{row.name} names {named(row.sop_class_uid)}, its request {named(asked.sop_class_uid)}",
            row=row,
            key=who,
            clause="PS3.7 9.1, Affected SOP Class UID",
        )
    elif row.name == "C-STORE-RSP" and asked.instance:
        message = row.message
        instance = str(getattr(message, "AffectedSOPInstanceUID", None) or "")
        if instance and instance != asked.instance:
            yield scene.note(
                Severity.WARNING,
                "response-instance",
                "A response names another SOP instance",
                "C-STORE-RSP names another SOP instance than the request that it answers",
                row=row,
                key=who,
                evidence=f"{printable(instance, 64)}, asked {printable(asked.instance, 64)}",
                clause="PS3.7 9.1.1, Affected SOP Instance UID",
            )


def _thinking(scene: Scene, row: MessageRow, asked: Asked) -> Findings:
    seconds = row.time - asked.heard
    usual = scene.usual(row.name) if seconds > _NOTABLE else None
    unusual = usual is not None and seconds > _UNUSUAL * usual
    scene.learn(row.name, seconds)
    if seconds <= _SLOW and not unusual:
        return
    than = f", {seconds / usual:,.0f} times as long as usual" if usual and unusual else ""
    yield scene.note(
        Severity.WARNING if seconds > _VERY_SLOW else Severity.REMARK,
        "slow-answer",
        f"{scene.sender(row.sent)} took {_seconds(seconds)} for {row.name}",
        f"{scene.sender(row.sent)} took {_seconds(seconds)} for {row.name}{than}",
        row=row,
        key=row.name,
        remedy="Look at its load and its disk; if a timeout is near, raise it.",
    )


def status_rules(scene: Scene, row: MessageRow, message: Response, asked: Asked | None) -> Findings:
    """What a status says that is not a success."""
    status = row.status
    if status is None:
        return
    service = row.name[:-4]
    category = code_to_category(status)
    who = scene.sender(row.sent)
    uid = row.sop_class_uid or (asked.sop_class_uid if asked is not None else "")
    if category == STATUS_PENDING and service in _ANSWERED_ONCE:
        category = STATUS_FAILURE
    if category == STATUS_CANCEL:
        if asked is not None and not asked.cancelled and scene.is_whole:
            yield scene.note(
                Severity.WARNING,
                "cancel-unasked",
                f"{service} was cancelled, but nobody asked for that",
                f"{who} ended {service} as cancelled though no C-CANCEL-RQ was sent",
                row=row,
                key=who,
                evidence=row.status_text,
                clause="PS3.7 C.3",
            )
        return
    if category not in (STATUS_FAILURE, STATUS_WARNING, STATUS_UNKNOWN):
        return
    meaning = status_meaning(service, uid, status)
    failed = category != STATUS_WARNING
    if failed:
        scene.failures += 1
        if service == "C-STORE" and asked is not None and asked.instance:
            scene.failed_stores[asked.instance] = row.number
    what = service + (f" of {named(uid)}" if uid else "")
    said = f"{what} {'failed at' if failed else 'ended with a warning of'} {who}: "
    said += meaning or "a status that is not defined"
    from workstation.net.sop_class import uid_to_service_class

    evidence = [row.status_text]
    if row.error_comment:
        evidence.append(f'"{row.error_comment}"')
    if getattr(message, "OffendingElement", None):
        evidence.append("offending " + ", ".join(str(tag) for tag in message.OffendingElement[:4]))  # type: ignore[attr-defined]
    if asked is not None and asked.instance:
        evidence.append(f"instance {printable(asked.instance, 64)}")
    yield scene.note(
        Severity.ERROR if failed else Severity.WARNING,
        "status",
        f"{service} 0x{status:04X}: {meaning or 'undefined status'}",
        said,
        row=row,
        key=f"{who} {service} {status:04X} {uid}",
        evidence=", ".join(evidence),
        clause=uid_to_service_class(uid).section or "PS3.7 Annex C",
        remedy=remedy_of_status(service, status, scene.voice(row.sent)),
        place=_place_of(row, 0x0900),
    )


def _counts(scene: Scene, row: MessageRow, asked: Asked) -> Findings:
    """The sub-operations of C-GET and C-MOVE (PS3.7 9.1.3, 9.1.4)."""
    service = row.name[:-4]
    counts = row.counts or (None, None, None, None)
    remaining, completed, failed, warning = counts
    done = [each for each in (completed, failed, warning) if each is not None]
    who = scene.sender(row.sent)
    complaint = ""
    if row.pending:
        if remaining is not None and len(done) == 3:
            total = remaining + sum(done)
            if asked.total is not None and total != asked.total:
                complaint = f"they add up to {total}, before to {asked.total}"
            asked.total = total if asked.total is None else asked.total
        before = asked.counts
        if before and any(
            was is not None and now is not None and now < was for was, now in zip(before[1:], counts[1:], strict=True)
        ):
            complaint = complaint or "one of them is less than before"
        asked.counts = counts
    elif done:
        if remaining and row.status in (0x0000, 0xB000):
            complaint = f"{quantity(remaining, 'sub-operation')} remaining, though it has ended"
        elif row.status == 0 and failed:
            complaint = f"success, though {quantity(failed, 'sub-operation')} failed"
        elif asked.total is not None and len(done) == 3 and row.status in (0x0000, 0xB000) and sum(done) != asked.total:
            complaint = f"they add up to {sum(done)} at the end, before to {asked.total}"
        elif (
            service == "C-GET"
            and scene.is_whole
            and completed is not None
            and row.status in (0x0000, 0xB000)
            and (asked.stores > sum(done) or asked.stores < completed + (warning or 0))
        ):
            complaint = f"{sum(done)} are counted, but {asked.stores} C-STORE-RQ came on this association"
    if complaint and not asked.miscounted:
        asked.miscounted = True
        shown = ", ".join(
            f"{name} {count}"
            for name, count in zip(("remaining", "completed", "failed", "warning"), counts, strict=True)
            if count is not None
        )
        yield scene.note(
            Severity.WARNING,
            "counts",
            f"The counts of {service} do not add up",
            f"the sub-operations that {who} counts do not add up: {complaint}",
            row=row,
            key=who,
            evidence=shown,
            clause="PS3.4 C.4.2.1.6" if service == "C-MOVE" else "PS3.4 C.4.3.1.4",
            remedy="A progress display will be wrong; compare what arrived with what was asked for.",
        )


def _place_of(row: MessageRow, number: int) -> tuple[int, int] | None:
    """Where an element of the command set is."""
    command = row.command_set() or b""
    offset = 0
    while offset + 8 <= len(command):
        _, found, length = _HEADER.unpack_from(command, offset)
        if found == number:
            return offset, 8 + length
        offset += 8 + length
    return None


def _seconds(seconds: float) -> str:
    return f"{seconds:,.1f} s" if seconds < 60 else f"{seconds / 60:,.1f} min"
