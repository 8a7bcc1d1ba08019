"""Each rule of the expert notes: bytes that make it speak, and bytes as near as can be about which it is silent."""

from __future__ import annotations

import ast
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest
from expert_wire import (
    CT,
    ECHO,
    EXPLICIT,
    FIND,
    HEAD,
    IMPLICIT,
    PLAIN,
    QUERY,
    STUDY_UID,
    VERIFICATION,
    Talk,
    command,
    conversation_of,
    elements,
    got,
    hear,
    identifier,
    image,
    level,
    moved,
    notes,
    offering,
    padded,
    pdvs,
    query,
    raw,
    say,
    store_answer,
    store_request,
    stored,
    talk,
    uid,
    us,
    wait,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from traffic_wire import ECHO_RQ, ECHO_RSP, USER, Wire

from workstation.net.codec.dimse import C_CANCEL_RQ, N_EVENT_REPORT_RQ, encode_command
from workstation.net.codec.pdu import (
    A_ABORT_RQ,
    A_ASSOCIATE_RJ,
    A_RELEASE_RQ,
    PDV,
    AnsweredContext,
    AsynchronousOperationsWindow,
    MaximumLength,
    RoleSelection,
    SOPClassExtendedNegotiation,
    UnknownItem,
    UserIdentityAC,
    UserIdentityRQ,
    encode_pdu,
)
from workstation.traffic.decoding.dissect import dissect
from workstation.traffic.expert.experts import Examination, Layer, Severity, failure_of, notes_of, notes_of_log
from workstation.traffic.log import TrafficLog
from workstation.traffic.record import Record
from workstation.traffic.text import printable

RULES = Path(__file__).parents[2] / "workstation" / "traffic" / "expert" / "rules"
REQUEST, ACCEPT = PLAIN
MR = "1.2.840.10008.5.1.4.1.1.4"
JPEG = "1.2.840.10008.1.2.4.70"
DEFLATED = "1.2.840.10008.1.2.1.99"
STUDY = identifier(level("STUDY"), STUDY_UID)
FRAGMENTS = elements(*HEAD) + bytes.fromhex("e07f1000 4f420000 ffffffff feff00e0 00000000 feffdde0 00000000")
Records = list[Record]


class Case(NamedTuple):
    """What makes a rule speak, and what does not."""

    rule: str
    fires: Callable[[], Records]
    quiet: Callable[[], Records]


def requested(data: bytes | None = None, **changes: object) -> Records:
    """An echo after a request that is a little different."""
    request = replace(REQUEST, **changes) if data is None else data  # type: ignore[arg-type]
    return talk(*ECHO, request=request)


def accepted(*items: object, asked: tuple[object, ...] = ()) -> Records:
    """An echo after an acceptance with further items."""
    return talk(
        *ECHO,
        request=replace(REQUEST, user_information=(*USER, *asked)),  # type: ignore[arg-type]
        accept=replace(ACCEPT, user_information=(*USER, *items)),  # type: ignore[arg-type]
    )


def titled(called: bytes, calling: bytes = b"MODALITY".ljust(16)) -> Records:
    data = encode_pdu(REQUEST)
    return requested(data[:10] + called + calling + data[42:])


def without_contexts() -> bytes:
    data = encode_pdu(replace(REQUEST, presentation_contexts=REQUEST.presentation_contexts[:1]))
    start = data.index(b"\x20\x00", 74)
    end = start + 4 + int.from_bytes(data[start + 2 : start + 4], "big")
    body = data[6:start] + data[end:]
    return b"\x01\x00" + len(body).to_bytes(4, "big") + body


def negotiated(*contexts: tuple[str, list[str], int, str], parts: tuple[Talk, ...] = ECHO) -> Records:
    request, accept = offering(*contexts)
    return talk(*parts, request=request, accept=accept)


def in_syntax(syntax: str, data: bytes, *, offered: tuple[str, ...] = ()) -> Records:
    """A CT image stored in a transfer syntax."""
    request, accept = offering((VERIFICATION, [IMPLICIT], 0, IMPLICIT), (CT, [syntax, *offered], 0, syntax))
    return talk(*stored(data), request=request, accept=accept)


def asking(*parts: Talk, relational: bool = False) -> Records:
    request, accept = QUERY
    if relational:
        items = (*USER, SOPClassExtendedNegotiation(FIND, b"\1"))
        request, accept = replace(request, user_information=items), replace(accept, user_information=items)
    return talk(*parts, request=request, accept=accept)


def with_roles(*parts: Talk, granted: bool) -> Records:
    role = RoleSelection(CT, scu_role=True, scp_role=True)
    answer = RoleSelection(CT, scu_role=True, scp_role=granted)
    return talk(
        *parts,
        request=replace(REQUEST, user_information=(*USER, role)),
        accept=replace(ACCEPT, user_information=(*USER, answer)),
    )


def echoed(*elements: tuple[int, bytes], length: int | None = None) -> Records:
    return talk(command(*elements, length=length), hear(replace(ECHO_RSP, MessageIDBeingRespondedTo=7)))


def losing(wire: Wire) -> Records:
    whole = encode_command(store_request())
    records = [wire.pdu(_p_data(PDV(3, True, True, whole)), sent=True)]
    records.append(wire.pdu(_p_data(PDV(3, False, False, b"ab")), sent=True))
    records.append(wire.pdu(_p_data(PDV(3, False, True, image())), sent=True, lost=3))
    return records


def _p_data(*values: PDV):  # type: ignore[no-untyped-def]
    from workstation.net.codec.pdu import P_DATA_TF

    return P_DATA_TF(values)


ECHO_ELEMENTS = ((0x0002, uid(VERIFICATION)), (0x0100, us(0x30)), (0x0110, us(7)), (0x0800, us(0x0101)))
COMMAND = encode_command(ECHO_RQ)
STORE = encode_command(store_request())
GOOD = lambda: talk(*ECHO, *stored(image(), message_id=2))  # noqa: E731

CASES = [
    # --- negotiation
    Case("protocol-version", lambda: requested(protocol_version=2), lambda: requested(protocol_version=3)),
    Case("application-context", lambda: requested(application_context_name="1.2.3"), GOOD),
    Case("contexts-absent", lambda: requested(without_contexts()), GOOD),
    Case("title-empty", lambda: titled(b" " * 16), lambda: titled(b"A".ljust(16))),
    Case("title-nul", lambda: titled(b"PACS".ljust(16, b"\0")), lambda: titled(b"PACS".ljust(16))),
    Case("title-leading-space", lambda: titled(b" PACS".ljust(16)), lambda: titled(b"PACS 1".ljust(16))),
    Case("title-characters", lambda: titled(b"PACS\\1".ljust(16)), lambda: titled(b"PACS/1".ljust(16))),
    Case("title-case", lambda: titled(b"Pacs".ljust(16)), lambda: titled(b"PACS-1_2".ljust(16))),
    Case(
        "uid-padded",
        lambda: negotiated((VERIFICATION + " ", [IMPLICIT], 0, IMPLICIT), parts=()),
        lambda: negotiated((VERIFICATION, [IMPLICIT], 0, IMPLICIT), parts=()),
    ),
    Case(
        "uid-form",
        lambda: negotiated((VERIFICATION, [IMPLICIT], 0, IMPLICIT), ("1.2.03", [IMPLICIT], 3, "")),
        lambda: negotiated((VERIFICATION, [IMPLICIT], 0, IMPLICIT), ("1.2.0.3", [IMPLICIT], 3, "")),
    ),
    Case("maximum-length-absent", lambda: requested(user_information=USER[1:]), GOOD),
    Case(
        "maximum-length-tiny",
        lambda: requested(user_information=(MaximumLength(512), *USER[1:])),
        lambda: requested(user_information=(MaximumLength(0), *USER[1:])),
    ),
    Case("implementation-absent", lambda: requested(user_information=USER[:1]), GOOD),
    Case(
        "implementation-name",
        lambda: requested(user_information=(*USER[:2], UnknownItem(0x55, b"SEVENTEEN_LETTERS"))),
        lambda: requested(user_information=(*USER[:2], UnknownItem(0x55, b"SIXTEEN_LETTERS_"))),
    ),
    Case(
        "role-twice",
        lambda: requested(user_information=(*USER, *[RoleSelection(CT, True, False)] * 2)),
        lambda: requested(user_information=(*USER, RoleSelection(CT, True, False), RoleSelection(MR, True, False))),
    ),
    Case(
        "identity-in-clear",
        lambda: requested(user_information=(*USER, UserIdentityRQ(2, False, b"joe", b"s3cret"))),
        lambda: requested(user_information=(*USER, UserIdentityRQ(1, False, b"joe"))),
    ),
    Case(
        "contexts-none",
        lambda: negotiated((CT, [IMPLICIT], 3, ""), parts=()),
        lambda: negotiated((CT, [IMPLICIT], 3, ""), (VERIFICATION, [IMPLICIT], 0, IMPLICIT), parts=()),
    ),
    Case(
        "contexts-rejected",
        lambda: negotiated((VERIFICATION, [IMPLICIT], 0, IMPLICIT), (CT, [IMPLICIT], 3, "")),
        # the same SOP class is taken in another context
        lambda: negotiated((VERIFICATION, [IMPLICIT], 0, IMPLICIT), (VERIFICATION, [JPEG], 4, "")),
    ),
    Case(
        "contexts-unanswered",
        lambda: talk(*ECHO, accept=replace(ACCEPT, presentation_contexts=ACCEPT.presentation_contexts[:1])),
        GOOD,
    ),
    Case(
        "syntax-not-offered",
        lambda: negotiated((VERIFICATION, [IMPLICIT], 0, EXPLICIT)),
        lambda: negotiated((VERIFICATION, [IMPLICIT, EXPLICIT], 0, EXPLICIT)),
    ),
    Case(
        "syntax-private",
        lambda: negotiated((VERIFICATION, ["1.2.840.113619.5.2"], 0, "1.2.840.113619.5.2")),
        lambda: negotiated((VERIFICATION, ["1.2.840.113619.5.2", IMPLICIT], 0, IMPLICIT)),
    ),
    Case(
        "role-not-offered",
        lambda: accepted(RoleSelection(CT, True, True), asked=(RoleSelection(CT, True, False),)),
        lambda: accepted(RoleSelection(CT, True, False), asked=(RoleSelection(CT, True, True),)),
    ),
    Case(
        "window-not-offered",
        lambda: accepted(AsynchronousOperationsWindow(5, 1), asked=(AsynchronousOperationsWindow(3, 1),)),
        lambda: accepted(AsynchronousOperationsWindow(3, 1), asked=(AsynchronousOperationsWindow(0, 1),)),
    ),
    Case(
        "identity-unanswered",
        lambda: accepted(asked=(UserIdentityRQ(1, True, b"joe"),)),
        lambda: accepted(UserIdentityAC(b""), asked=(UserIdentityRQ(1, True, b"joe"),)),
    ),
    # --- PDUs and fragments
    Case(
        "context-refused",
        lambda: negotiated((VERIFICATION, [IMPLICIT], 0, IMPLICIT), (CT, [EXPLICIT], 3, ""), parts=stored(image())),
        GOOD,
    ),
    Case(
        "fragments-mixed",
        lambda: talk(pdvs(PDV(3, True, True, STORE)), pdvs(PDV(1, False, True, image()))),
        lambda: talk(pdvs(PDV(3, True, True, STORE)), pdvs(PDV(3, False, True, image())), hear(store_answer())),
    ),
    Case(
        "fragments-interleaved",
        lambda: talk(pdvs(PDV(3, True, True, STORE)), pdvs(PDV(3, False, False, b"ab")), *ECHO),
        GOOD,
    ),
    Case("data-without-command", lambda: talk(pdvs(PDV(3, False, True, image()))), GOOD),
    Case(
        "message-cut",
        lambda: talk(pdvs(PDV(3, True, True, STORE)), pdvs(PDV(3, False, False, b"ab")), release=False),
        GOOD,
    ),
    Case("not-kept", lambda: talk(losing), GOOD),
    Case(
        "many-pdvs",
        lambda: talk(pdvs(PDV(3, True, True, STORE), *[PDV(3, False, False, b"")] * 300)),
        lambda: talk(pdvs(PDV(3, True, True, STORE), *[PDV(3, False, False, b"")] * 100)),
    ),
    Case("pdv-length", lambda: talk(raw(bytes.fromhex("04 00 00000006 000000ff 01 03"))), GOOD),
    Case("pdv-absent", lambda: talk(raw(bytes.fromhex("04 00 00000000"))), GOOD),
    Case(
        "command-explicit",
        lambda: talk(pdvs(PDV(1, True, True, bytes.fromhex("00000000 554c0400 10000000")))),
        lambda: talk(*ECHO),
    ),
    Case("command-unreadable", lambda: talk(pdvs(PDV(1, True, True, b"\0\0\0\1"))), GOOD),
    Case(
        "command-huge",
        lambda: talk(
            say(replace(ECHO_RQ), fragment=16_000),
            pdvs(PDV(1, True, False, bytes(40_000))),
            pdvs(PDV(1, True, True, bytes(40_000))),
        ),
        GOOD,
    ),
    Case(
        "context-unproposed",
        lambda: talk(
            *ECHO,
            accept=replace(
                ACCEPT,
                presentation_contexts=(
                    *ACCEPT.presentation_contexts,
                    AnsweredContext(context_id=9, result=0, transfer_syntax=IMPLICIT),
                ),
            ),
        ),
        GOOD,
    ),
    Case("pdu-unreadable", lambda: talk(accept=encode_pdu(ACCEPT)[:-1]), GOOD),
    Case(
        "pdu-too-long",
        lambda: talk(pdvs(PDV(3, True, True, STORE)), pdvs(PDV(3, False, True, bytes(16_380)))),
        # a maximum length of 16384 holds 6 bytes of PDV header
        lambda: talk(pdvs(PDV(3, True, True, STORE)), pdvs(PDV(3, False, True, bytes(16_378)))),
    ),
    Case(
        "pdu-shared",
        lambda: talk(pdvs(PDV(1, True, True, COMMAND), PDV(3, True, True, STORE))),
        lambda: talk(pdvs(PDV(3, True, True, STORE), PDV(3, False, True, image()))),
    ),
    Case(
        "fragment-odd",
        lambda: talk(say(store_request(), image(), fragment=33), hear(store_answer())),
        lambda: talk(say(store_request(), image(), fragment=34), hear(store_answer())),
    ),
    Case("pause", lambda: talk(*ECHO, wait(6), *ECHO), lambda: talk(*ECHO, wait(4), *ECHO)),
    # --- command sets
    Case("group-length-absent", lambda: echoed(*ECHO_ELEMENTS, length=-1), lambda: echoed(*ECHO_ELEMENTS)),
    Case("group-length-wrong", lambda: echoed(*ECHO_ELEMENTS, length=4), lambda: echoed(*ECHO_ELEMENTS)),
    Case("command-order", lambda: echoed(*reversed(ECHO_ELEMENTS)), lambda: echoed(*ECHO_ELEMENTS)),
    Case("command-odd", lambda: echoed((0x0002, VERIFICATION.encode()), *ECHO_ELEMENTS[1:]), GOOD),
    Case("command-lacks", lambda: echoed(*ECHO_ELEMENTS[1:]), lambda: echoed(*ECHO_ELEMENTS)),
    Case("command-uid-padded", lambda: echoed((0x0002, padded(VERIFICATION)), *ECHO_ELEMENTS[1:]), GOOD),
    Case(
        "command-uid-form",
        lambda: talk(say(store_request(instance="1.2.x.4")), hear(store_answer(instance="1.2.x.4"))),
        lambda: talk(say(store_request(instance="1.2.0.4")), hear(store_answer(instance="1.2.0.4"))),
    ),
    Case(
        "command-title",
        lambda: asking(*moved(STUDY, (0, None, 1, 0, 0), destination="Dest")),
        lambda: asking(*moved(STUDY, (0, None, 1, 0, 0))),
    ),
    Case("context-unknown", lambda: talk(say(replace(ECHO_RQ, context_id=9))), GOOD),
    Case("context-wrong", lambda: talk(say(store_request(cls=MR), image())), GOOD),
    # --- requests and responses
    Case(
        "message-id-reused",
        lambda: talk(say(ECHO_RQ), say(ECHO_RQ), hear(ECHO_RSP)),
        lambda: talk(*ECHO, *ECHO),
    ),
    Case(
        "window-exceeded",
        lambda: talk(say(ECHO_RQ), say(replace(ECHO_RQ, MessageID=8)), hear(ECHO_RSP)),
        lambda: talk(
            say(ECHO_RQ),
            say(replace(ECHO_RQ, MessageID=8)),
            request=replace(REQUEST, user_information=(*USER, AsynchronousOperationsWindow(2, 1))),
            accept=replace(ACCEPT, user_information=(*USER, AsynchronousOperationsWindow(2, 1))),
        ),
    ),
    Case(
        "data-set-absent",
        lambda: asking(*query(None)),
        lambda: asking(*query(STUDY)),
    ),
    Case(
        "retry",
        lambda: talk(*stored(image(), 0xA700), *stored(image(), message_id=2)),
        lambda: talk(*stored(image()), *stored(image(), message_id=2)),
    ),
    Case(
        "role-wrong",
        lambda: with_roles(hear(store_request(), image()), say(store_answer()), granted=False),
        lambda: with_roles(hear(store_request(), image()), say(store_answer()), granted=True),
    ),
    Case(
        "cancel-unknown",
        lambda: asking(say(C_CANCEL_RQ(context_id=1, MessageIDBeingRespondedTo=9))),
        lambda: asking(*query(STUDY), say(C_CANCEL_RQ(context_id=1, MessageIDBeingRespondedTo=1))),
    ),
    Case(
        "cancel-unasked",
        lambda: asking(*query(STUDY, status=0xFE00)),
        lambda: asking(
            query(STUDY)[0],
            say(C_CANCEL_RQ(context_id=1, MessageIDBeingRespondedTo=1)),
            query(STUDY, status=0xFE00)[1],
        ),
    ),
    Case("response-unasked", lambda: talk(*ECHO, hear(ECHO_RSP)), lambda: talk(*ECHO, *ECHO)),
    Case(
        "response-kind",
        lambda: talk(say(replace(ECHO_RQ, MessageID=1)), hear(store_answer(context=1))),
        GOOD,
    ),
    Case("response-context", lambda: talk(say(ECHO_RQ), hear(replace(ECHO_RSP, context_id=3))), GOOD),
    Case(
        "response-class",
        lambda: talk(say(store_request(), image()), hear(store_answer(cls=MR))),
        lambda: talk(say(ECHO_RQ), hear(replace(ECHO_RSP, AffectedSOPClassUID=None))),
    ),
    Case("response-instance", lambda: talk(say(store_request(), image()), hear(store_answer(instance="1.9"))), GOOD),
    Case(
        "slow-answer",
        lambda: talk(say(ECHO_RQ), wait(6), hear(ECHO_RSP)),
        lambda: talk(say(ECHO_RQ), wait(4), hear(ECHO_RSP)),
    ),
    Case("status", lambda: talk(*stored(image(), 0xA700)), lambda: asking(*query(STUDY))),
    Case(
        "counts",
        lambda: asking(*moved(STUDY, (0xFF00, 3, 1, 0, 0), (0, None, 3, 0, 0))),
        lambda: asking(*moved(STUDY, (0xFF00, 3, 1, 0, 0), (0, None, 4, 0, 0))),
    ),
    # --- data sets
    Case(
        "deflate",
        lambda: in_syntax(DEFLATED, image()),
        lambda: in_syntax(DEFLATED, _deflated(image())),
    ),
    Case("file-sent", lambda: talk(*stored(bytes(128) + b"DICM" + image())), GOOD),
    Case("syntax-broken", lambda: talk(*stored(image(explicit=False))), GOOD),
    Case("meta-sent", lambda: talk(*stored(elements((0x00020010, "UI", uid(EXPLICIT))) + image())), GOOD),
    Case("pixels-native", lambda: in_syntax(JPEG, image()), lambda: in_syntax(JPEG, FRAGMENTS)),
    Case("pixels-compressed", lambda: talk(*stored(FRAGMENTS)), lambda: in_syntax(JPEG, FRAGMENTS)),
    Case("element-odd", lambda: talk(*stored(image(8, (0x00080060, "CS", b"CT1")))), GOOD),
    Case("element-order", lambda: talk(*stored(elements(*reversed(HEAD)))), GOOD),
    Case("element-size", lambda: talk(*stored(image(8, (0x00280006, "US", bytes(3))))), GOOD),
    Case("element-uid-space", lambda: talk(*stored(image(8, (0x0020000D, "UI", b"1.2.3 ")))), GOOD),
    Case(
        "element-uid-form",
        lambda: talk(*stored(image(8, (0x0020000D, "UI", b"1.02.3")))),
        lambda: talk(*stored(image(8, (0x0020000D, "UI", b"1.2.3\\1.2.4\0")))),
    ),
    Case(
        "element-nul",
        lambda: talk(*stored(image(8, (0x00100020, "LO", b"123\0")))),
        lambda: talk(*stored(image(8, (0x00100020, "LO", b"123 ")))),
    ),
    Case(
        "element-characters",
        lambda: talk(*stored(image(8, (0x00104000, "LT", "Ä ".encode("latin-1"))))),
        lambda: talk(*stored(image(8, (0x00080005, "CS", b"ISO_IR 100"), (0x00104000, "LT", "Ä ".encode("latin-1"))))),
    ),
    Case(
        "element-code",
        lambda: talk(*stored(image(8, (0x00080060, "CS", b"ct")))),
        lambda: talk(*stored(image(8, (0x00080008, "CS", b"ORIGINAL\\PRIMARY ")))),
    ),
    Case(
        "element-date",
        lambda: talk(*stored(image(8, (0x00080020, "DA", b"24-1-2024 ")))),
        lambda: talk(*stored(image(8, (0x00080020, "DA", b"20240124")))),
    ),
    Case(
        "value-long",
        lambda: talk(*stored(image(8, (0x00281053, "DS", b"1.2345678901234567")))),
        lambda: talk(*stored(image(8, (0x00281053, "DS", b"1.23456789012345")))),
    ),
    Case(
        "store-differs",
        lambda: talk(say(store_request(instance="1.9.9"), image()), hear(store_answer(instance="1.9.9"))),
        GOOD,
    ),
    Case(
        "implicit-chosen",
        lambda: in_syntax(IMPLICIT, image(8, (0x00090010, "LO", b"ME"), explicit=False), offered=(EXPLICIT,)),
        # nothing is lost
        lambda: in_syntax(IMPLICIT, image(explicit=False), offered=(EXPLICIT,)),
    ),
    Case("pixels-length", lambda: talk(*stored(image(6))), GOOD),
    # --- queries
    Case("level-absent", lambda: asking(*query(identifier(STUDY_UID))), lambda: asking(*query(STUDY))),
    Case("level-unknown", lambda: asking(*query(identifier(level("PATIENT")))), lambda: asking(*query(STUDY))),
    Case(
        "key-above",
        lambda: asking(*query(identifier(level("SERIES")))),
        lambda: asking(*query(identifier(level("SERIES"))), relational=True),
    ),
    Case(
        "retrieve-key",
        lambda: asking(*moved(identifier(level("STUDY")), (0, None, 0, 0, 0))),
        lambda: asking(*moved(STUDY, (0, None, 0, 0, 0))),
    ),
    # --- endings
    Case(
        "rejected",
        lambda: talk(accept=encode_pdu(A_ASSOCIATE_RJ(1, 1, 3)), release=False),
        GOOD,
    ),
    Case("aborted", lambda: talk(*ECHO, raw(encode_pdu(A_ABORT_RQ(2, 2)), sent=False), release=False), GOOD),
    Case("not-dicom", lambda: talk(accept=b"HTTP/1.1 400 Bad Request\r\n", release=False), GOOD),
    Case("connection-lost", lambda: talk(*ECHO, release=False), lambda: talk(*ECHO, release=False, close=False)),
    Case(
        "release-unanswered",
        lambda: talk(*ECHO, raw(encode_pdu(A_RELEASE_RQ())), release=False),
        lambda: talk(*ECHO, raw(encode_pdu(A_RELEASE_RQ())), release=False, close=False),
    ),
    Case("request-unanswered", lambda: talk(accept=None, release=False), GOOD),
    Case("artim", lambda: _timed_out("Sta2"), lambda: _timed_out("Sta13")),
    Case("connect-failed", lambda: _unconnected(), GOOD),
    Case("unanswered", lambda: talk(say(ECHO_RQ)), lambda: talk(*ECHO)),
    Case(
        "needed-rejected",
        lambda: negotiated((VERIFICATION, [IMPLICIT], 0, IMPLICIT), (CT, [IMPLICIT], 3, ""), parts=()),
        lambda: negotiated((VERIFICATION, [IMPLICIT], 0, IMPLICIT), (CT, [IMPLICIT], 3, ""), parts=ECHO),
    ),
    Case("nothing-done", lambda: talk(), GOOD),
    Case(
        "release-collision",
        lambda: talk(lambda wire: [wire.step("Sta7", "Evt12", "AR-8", "Sta9")]),
        lambda: talk(lambda wire: [wire.step("Sta6", "Evt12", "AR-2", "Sta8")]),
    ),
    Case(
        "pdus-small",
        lambda: talk(say(store_request(), image(300_000), fragment=4090), hear(store_answer())),
        lambda: talk(say(store_request(), image(300_000)), hear(store_answer())),
    ),
    Case(
        "pdus-default",
        lambda: talk(say(store_request(), image(11 << 20)), hear(store_answer())),
        lambda: talk(say(store_request(), image(1 << 20)), hear(store_answer())),
    ),
]


def _deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    packed = packer.compress(data) + packer.flush()
    return packed + b"\0" * (len(packed) % 2)


def _timed_out(state: str) -> Records:
    wire = Wire(mode="acceptor")
    return [wire.open(), wire.step(state, "Evt18", "AA-2", "Sta1"), wire.close()]


def _unconnected() -> Records:
    wire = Wire()
    return [wire.step("Sta1", "Evt1", "AE-1", "Sta4"), wire.step("Sta4", "Evt17", "AA-4", "Sta1")]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_a_rule_speaks_when_it_should(case: Case) -> None:
    note = notes(case.fires()).get(case.rule)
    assert note is not None
    assert note.title
    assert note.sentence.endswith((".", "!", "?", "…"))
    assert note.conversation == 1


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_a_rule_is_silent_when_it_should_be(case: Case) -> None:
    assert case.rule not in notes(case.quiet())


def test_no_rule_is_without_a_case() -> None:
    """Rules are the second argument of `scene.note`, or stand in one of the tables."""
    rules = {"element-" + what for what in _forms()} | _problems()
    for path in RULES.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(func=ast.Attribute(attr="note"), args=[_, ast.Constant(value=rule), *_]):
                    rules.add(str(rule))
    assert len(rules) > 80
    assert rules - {case.rule for case in CASES} == set()


def _forms() -> set[str]:
    from workstation.traffic.expert.rules.data_sets import _FORMS

    return set(_FORMS)


def _problems() -> set[str]:
    from workstation.traffic.expert.rules.exchange import _PROBLEMS

    # bytes that are no PDU are told by what else they are: see "not-dicom"
    return {problem.rule for problem in _PROBLEMS} - {"pdu-unknown"}


def test_an_ordinary_association_is_not_remarked_on() -> None:
    assert notes(GOOD()) == {}
    assert notes(asking(*query(STUDY), *moved(STUDY, (0xFF00, 1, 0, 0, 0), (0, None, 1, 0, 0)))) == {}
    assert notes(with_roles(hear(store_request(), image()), say(store_answer()), granted=True)) == {}
    assert failure_of(conversation_of(GOOD())) is None


# --------------------------------------------------------------------------- more about single rules
def test_words_name_the_sides_whichever_end_was_watched() -> None:
    for records in (talk(*stored(image(), 0xA700)), _as_acceptor(talk(*stored(image(), 0xA700)))):
        note = notes(records)["status"]
        assert note.sentence == "C-STORE of CT Image Storage failed at PACS: Refused: out of resources."
        assert "PACS has no room" in note.remedy
        assert note.clause == "PS3.4 Annex B"


def _as_acceptor(records: Records) -> Records:
    """The same, seen from the other end."""
    other = {"EVT_DATA_SENT": "EVT_DATA_RECV", "EVT_DATA_RECV": "EVT_DATA_SENT"}
    return [
        record._replace(
            event=other.get(record.event, record.event),
            facts=record.facts._replace(mode="acceptor") if record.facts is not None else None,
        )
        for record in records
        if record.transition is None
    ]


@pytest.mark.parametrize(
    ("records", "rule", "shown"),
    [
        (lambda: titled(b" PACS".ljust(16)), "title-leading-space", b" PACS".ljust(16)),
        (lambda: talk(*stored(image(8, (0x0020000D, "UI", b"1.2.3 ")))), "element-uid-space", b"1.2.3 "),
        (lambda: talk(*stored(image(6))), "pixels-length", bytes(6)),
        (
            lambda: echoed((0x0002, padded(VERIFICATION)), *ECHO_ELEMENTS[1:]),
            "command-uid-padded",
            padded(VERIFICATION),
        ),
        (lambda: talk(*stored(image(), 0xA700)), "status", us(0xA700)),
        (lambda: negotiated((VERIFICATION + " ", [IMPLICIT], 0, IMPLICIT)), "uid-padded", b"1.2.840.10008.1.1 "),
    ],
)
def test_the_bytes_named_are_the_bytes_meant(records: Callable[[], Records], rule: str, shown: bytes) -> None:
    conversation = conversation_of(records())
    note = next(note for note in notes_of(conversation) if note is not None and note.rule == rule)
    row = conversation.rows[conversation.index_of(note.row or 0)]
    assert note.offset is not None
    assert dissect(row).data[note.offset : note.offset + note.length].endswith(shown)


def test_a_pdu_named_is_the_pdu_meant() -> None:
    conversation = conversation_of(talk(pdvs(PDV(3, True, True, STORE)), pdvs(PDV(3, False, True, bytes(16_380)))))
    note = notes(talk(pdvs(PDV(3, True, True, STORE)), pdvs(PDV(3, False, True, bytes(16_380)))))["pdu-too-long"]
    row = conversation.rows[conversation.index_of(note.row or 0)]
    (pdu,) = [pdu for pdu in row.pdus if pdu.number == note.pdu]
    assert pdu.length == 16_380 + 12
    assert int.from_bytes(pdu.data[note.offset or 0 :][: note.length], "big") == 16_386


def test_the_same_again_is_one_note_with_a_count() -> None:
    parts = [part for at in range(1, 301) for part in stored(image(), 0xA700, at)]
    note = notes(talk(*parts))["status"]
    assert note.count == 300
    assert note.rows[:3] == (4, 6, 8)
    assert len(note.rows) == 100


def test_a_get_counts_the_objects_that_came() -> None:
    assert "counts" in notes(asking(*got(STUDY, (0, None, 2, 0, 0))))
    assert "counts" not in notes(asking(*got(STUDY, (0, None, 0, 0, 0))))
    # what failed may never have been sent
    assert "counts" not in notes(asking(*got(STUDY, (0xB000, None, 0, 2, 0))))
    assert "counts" in notes(asking(*moved(STUDY, (0, None, 1, 1, 0))))


def test_many_small_messages_are_no_small_pdus() -> None:
    parts = [part for at in range(1, 500) for part in stored(image(8, (0x00104000, "LT", b"a" * 900)), 0, at)]
    assert notes(talk(*parts)) == {}


def test_events_are_reported_by_the_scp() -> None:
    commitment = "1.2.840.10008.1.20.1"
    report = N_EVENT_REPORT_RQ(
        context_id=1,
        MessageID=1,
        AffectedSOPClassUID=commitment,
        AffectedSOPInstanceUID="1.2.840.10008.1.20.1.1",
        EventTypeID=1,
        has_data_set=False,
    )
    context = (commitment, [IMPLICIT], 0, IMPLICIT)
    assert "role-wrong" not in notes(negotiated(context, parts=(hear(report),)))
    assert notes(negotiated(context, parts=(say(report),)))["role-wrong"].severity is Severity.WARNING


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (image(explicit=False), "it is Implicit VR Little Endian"),
        (image(big=True), "it is Explicit VR Big Endian"),
    ],
)
def test_the_transfer_syntax_that_it_is_is_named(wrong: bytes, words: str) -> None:
    assert words in notes(talk(*stored(wrong)))["syntax-broken"].sentence
    assert "it is Explicit VR Little Endian" in notes(in_syntax(IMPLICIT, image()))["syntax-broken"].sentence


def test_no_secret_is_in_a_note() -> None:
    records = requested(user_information=(*USER, UserIdentityRQ(2, True, b"joe", b"s3cret")))
    for note in notes(records).values():
        assert "s3cret" not in repr(note)


def test_what_began_before_the_capture_is_not_missed() -> None:
    found = notes(talk(*ECHO, hear(ECHO_RSP), *ECHO)[4:])
    assert {rule for rule, note in found.items() if note.severity is Severity.ERROR} == set()
    conversation = conversation_of(talk(hear(ECHO_RSP)))
    conversation.remarks.append("The capture begins within the association")
    found = {note.rule: note for note in notes_of(conversation) if note is not None}
    assert "response-unasked" not in found
    assert found["capture"].sentence == "The capture begins within the association."


# --------------------------------------------------------------------------- examining
def test_going_on_finds_what_a_whole_look_finds() -> None:
    records = talk(*stored(image(6), 0xA700), *ECHO, wait(7), *stored(image(), 0xA700, 2), release=False)
    whole = [note for note in notes_of(conversation_of(records)) if note is not None]
    log = TrafficLog()
    examination: Examination | None = None
    for record in records:
        log.add([record])
        examination = examination or Examination(log.conversations[0])
        work = examination.go_on()
        next(work, None)  # dropped in the middle, as a view that is hidden does
        for _ in range(3):
            next(examination.go_on(), None)
    assert examination is not None
    while not examination.is_current:
        for _ in examination.go_on():
            pass
    assert examination.notes == whole
    assert examination.is_current
    assert examination.verdict == failure_of(log.conversations[0])


def test_rows_that_were_let_go_are_no_fault() -> None:
    parts = [
        part
        for at in range(200)
        for part in (say(replace(ECHO_RQ, MessageID=at)), hear(replace(ECHO_RSP, MessageIDBeingRespondedTo=at)))
    ]
    log = TrafficLog(max_rows=60)
    records = talk(*parts, close=False)
    for record in records:
        log.add([record])
    found = [note.rule for note in notes_of(log.conversations[0]) if note is not None]
    assert found == []


def test_a_step_is_short() -> None:
    """A step is a few messages at most, so that a window can go on between two of them."""
    parts = [part for at in range(1, 200) for part in stored(image(), 0, at)]
    steps = sum(note is None for note in notes_of(conversation_of(talk(*parts))))
    assert steps > 200


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.binary(min_size=1, max_size=300)), max_size=8), st.randoms())
def test_nothing_that_a_peer_sends_does_harm(parts: list[tuple[bool, bytes]], chance: Random) -> None:
    good = talk(*stored(image(), 0xA700), *ECHO)
    for index, record in enumerate(good):
        if record.data and chance.random() < 0.3:
            data = bytearray(record.data)
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            good[index] = record._replace(data=bytes(data), pdu_type=data[0])
    wire = Wire()
    records = good[:-3] + [wire.raw(data, sent=sent) for sent, data in parts] + good[-1:]
    conversation = conversation_of(records)
    for note in notes_of(conversation):
        if note is not None:
            assert printable(note.sentence, 1000) == note.sentence
            assert printable(note.evidence, 500) == note.evidence
            assert printable(note.title, 160) == note.title
    failure_of(conversation)


# --------------------------------------------------------------------------- one sentence
@pytest.mark.parametrize(
    ("records", "layer", "words"),
    [
        (lambda: _unconnected(), Layer.TCP, "No connection"),
        (lambda: talk(accept=bytes.fromhex("15030100020246"), release=False), Layer.TLS, "expects TLS"),
        (lambda: talk(accept=b"HTTP/1.1 400 Bad Request\r\n", release=False), Layer.ASSOCIATION, "web server"),
        (lambda: talk(accept=None, release=False), Layer.ASSOCIATION, "without an answer"),
        (
            lambda: talk(accept=encode_pdu(A_ASSOCIATE_RJ(1, 1, 3)), release=False),
            Layer.ASSOCIATION,
            "PACS does not know the AE title 'MODALITY'",
        ),
        (lambda: negotiated((CT, [IMPLICIT], 3, ""), parts=()), Layer.CONTEXT, "none of the contexts"),
        (lambda: negotiated((CT, [JPEG], 4, ""), parts=()), Layer.SYNTAX, "none of the contexts"),
        (lambda: talk(*stored(image(), 0xA700)), Layer.STATUS, "C-STORE"),
        (lambda: asking(*moved(STUDY, (0xA801, None, 0, 0, 0))), Layer.STATUS, "Move Destination unknown"),
        (
            lambda: talk(say(ECHO_RQ), raw(encode_pdu(A_ABORT_RQ(2, 6)), sent=False), release=False),
            Layer.ASSOCIATION,
            "PACS's protocol layer aborted the association during C-ECHO",
        ),
        (lambda: talk(say(ECHO_RQ), release=False), Layer.TCP, "closed during C-ECHO"),
        (lambda: talk(say(ECHO_RQ)), Layer.STATUS, "no response"),
        # the first cause counts
        (
            lambda: talk(*stored(image(), 0xA900), raw(encode_pdu(A_ABORT_RQ(0)), sent=True), release=False),
            Layer.STATUS,
            "C-STORE",
        ),
    ],
)
def test_a_failure_is_one_sentence(records: Callable[[], Records], layer: Layer, words: str) -> None:
    conversation = conversation_of(records())
    verdict = failure_of(conversation)
    assert verdict is not None
    assert verdict.layer is layer
    assert words in verdict.what
    assert verdict.remedy
    examination = Examination(conversation)
    for _ in examination.go_on():
        pass
    assert examination.verdict is not None
    assert examination.verdict.layer is layer


# --------------------------------------------------------------------------- several associations
def _log(count: int, make: Callable[[], Records], apart: float = 1.0) -> TrafficLog:
    log = TrafficLog()
    for number in range(1, count + 1):
        log.add(record._replace(association=number, time=record.time + apart * number) for record in make())
    return log


def test_the_same_failure_again_and_again_is_remarked_on() -> None:
    def rejected() -> Records:
        return talk(accept=encode_pdu(A_ASSOCIATE_RJ(1, 1, 3)), release=False)

    (note,) = [note for note in notes_of_log(_log(3, rejected)) if note is not None]
    assert note.rule == "retries"
    assert note.title == "3 failures in a row"
    assert [note for note in notes_of_log(_log(2, rejected)) if note is not None] == []


def test_an_association_for_each_object_is_remarked_on() -> None:
    def one() -> Records:
        return talk(*stored(image()))

    assert [note.rule for note in notes_of_log(_log(10, one)) if note is not None] == ["one-each"]
    assert [note for note in notes_of_log(_log(9, one)) if note is not None] == []
    assert [note for note in notes_of_log(_log(10, one, apart=60.0)) if note is not None] == []
    assert [note for note in notes_of_log(_log(10, GOOD)) if note is not None] == []


def test_how_an_association_ended_is_no_gap_of_its_capture() -> None:
    wire = Wire(1)
    log = TrafficLog(source="trace.pcapng")
    log.add([*wire.established(), wire.record("EVT_CONN_OPEN", note="Sent again or captured twice: 2 segments.")])
    (conversation,) = log.conversations
    assert not [note for note in notes_of(conversation) if note is not None and note.rule == "capture"]
    log.add([wire.record("EVT_CONN_OPEN", note="The capture lacks 1,000 bytes from the requestor, in 1 place.")])
    assert [note.sentence for note in notes_of(conversation) if note is not None and note.rule == "capture"]
