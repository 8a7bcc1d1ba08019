"""The command set codec: one list of (message, bytes) drives encoding, decoding, damage and dissection."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, replace
from typing import Any

import pytest

from workstation.net.codec.dimse import (
    C_CANCEL_RQ,
    C_ECHO_RQ,
    C_ECHO_RSP,
    C_FIND_RQ,
    C_FIND_RSP,
    C_GET_RQ,
    C_GET_RSP,
    C_MOVE_RQ,
    C_MOVE_RSP,
    C_STORE_RQ,
    C_STORE_RSP,
    ELEMENTS,
    MESSAGES,
    N_ACTION_RQ,
    N_ACTION_RSP,
    N_CREATE_RQ,
    N_CREATE_RSP,
    N_DELETE_RQ,
    N_DELETE_RSP,
    N_EVENT_REPORT_RQ,
    N_EVENT_REPORT_RSP,
    N_GET_RQ,
    N_GET_RSP,
    N_SET_RQ,
    N_SET_RSP,
    CommandField,
    Message,
    Priority,
    UnknownElement,
    decode_command,
    dissect_command,
    encode_command,
    response_class,
)
from workstation.net.codec.dimse_elements import HEADER
from workstation.net.errors import LocalProtocolError, RemoteProtocolError

h = bytes.fromhex


def command(*elements: bytes) -> bytes:
    body = b"".join(elements)
    return h("0000 0000 04000000") + len(body).to_bytes(4, "little") + body


# Elements as they are on the wire, by the names of what they hold.
AFFECTED_CLASS = h("0000 0200 04000000") + b"1.2\0"
REQUESTED_CLASS = h("0000 0300 04000000") + b"1.2\0"
AFFECTED_INSTANCE = h("0000 0010 06000000") + b"1.2.34"
REQUESTED_INSTANCE = h("0000 0110 06000000") + b"1.2.34"
ID_7 = h("0000 1001 02000000 0700")
TO_7 = h("0000 2001 02000000 0700")
PRIORITY_LOW = h("0000 0007 02000000 0200")
DATA = h("0000 0008 02000000 0100")
NO_DATA = h("0000 0008 02000000 0101")
SUCCESS = h("0000 0009 02000000 0000")
PENDING = h("0000 0009 02000000 00ff")
FAILED = h("0000 0009 02000000 1001")
OFFENDING = h("0000 0109 08000000 0800 1800 1000 2000")
COMMENT = h("0000 0209 06000000") + b"wrong "
ERROR_ID = h("0000 0309 02000000 0900")
EVENT = h("0000 0210 02000000 0300")
TAGS = h("0000 0510 08000000 1000 1000 1000 2000")
ACTION = h("0000 0810 02000000 0400")
COUNTERS = h("0000 2010 02000000 0400 0000 2110 02000000 0300 0000 2210 02000000 0200 0000 2310 02000000 0100")
UNKNOWN = h("0000 1000 02000000 abcd")


def field(value: int) -> bytes:
    return h("0000 0001 02000000") + value.to_bytes(2, "little")


CLASS: dict[str, Any] = {"AffectedSOPClassUID": "1.2"}
BOTH: dict[str, Any] = {**CLASS, "AffectedSOPInstanceUID": "1.2.34"}
REQUESTED: dict[str, Any] = {"RequestedSOPClassUID": "1.2", "RequestedSOPInstanceUID": "1.2.34"}
FOUR: dict[str, Any] = {
    "NumberOfRemainingSuboperations": 4,
    "NumberOfCompletedSuboperations": 3,
    "NumberOfFailedSuboperations": 2,
    "NumberOfWarningSuboperations": 1,
}

CASES: list[tuple[Message, bytes]] = [
    (
        C_STORE_RQ(MessageID=7, **BOTH, Priority=Priority.LOW, has_data_set=True),
        command(AFFECTED_CLASS, field(0x0001), ID_7, PRIORITY_LOW, DATA, AFFECTED_INSTANCE),
    ),
    (
        C_STORE_RQ(
            MessageID=7, **BOTH, Priority=2, has_data_set=True,
            MoveOriginatorApplicationEntityTitle="MOVER", MoveOriginatorMessageID=5,
        ),
        command(
            AFFECTED_CLASS, field(0x0001), ID_7, PRIORITY_LOW, DATA, AFFECTED_INSTANCE,
            h("0000 3010 06000000") + b"MOVER ", h("0000 3110 02000000 0500"),
        ),
    ),
    (
        C_STORE_RSP(MessageIDBeingRespondedTo=7, **BOTH, Status=0),
        command(AFFECTED_CLASS, field(0x8001), TO_7, NO_DATA, SUCCESS, AFFECTED_INSTANCE),
    ),
    (
        C_STORE_RSP(
            MessageIDBeingRespondedTo=7, Status=0x0110, OffendingElement=(0x00080018, 0x00100020),
            ErrorComment="wrong", ErrorID=9, unknown=(UnknownElement(0x0010, b"\xab\xcd"),),
        ),
        command(UNKNOWN, field(0x8001), TO_7, NO_DATA, FAILED, OFFENDING, COMMENT, ERROR_ID),
    ),
    (
        C_FIND_RQ(MessageID=7, **CLASS, Priority=2, has_data_set=True),
        command(AFFECTED_CLASS, field(0x0020), ID_7, PRIORITY_LOW, DATA),
    ),
    (
        C_FIND_RSP(MessageIDBeingRespondedTo=7, **CLASS, Status=0xFF00, has_data_set=True),
        command(AFFECTED_CLASS, field(0x8020), TO_7, DATA, PENDING),
    ),
    (
        C_GET_RQ(MessageID=7, **CLASS, Priority=2, has_data_set=True),
        command(AFFECTED_CLASS, field(0x0010), ID_7, PRIORITY_LOW, DATA),
    ),
    (
        C_GET_RSP(MessageIDBeingRespondedTo=7, Status=0xFF00, **FOUR),
        command(field(0x8010), TO_7, NO_DATA, PENDING, COUNTERS),
    ),
    (
        C_MOVE_RQ(MessageID=7, **CLASS, Priority=2, MoveDestination="STORE", has_data_set=True),
        command(
            AFFECTED_CLASS, field(0x0021), ID_7, h("0000 0006 06000000") + b"STORE ", PRIORITY_LOW, DATA
        ),
    ),
    (
        C_MOVE_RSP(MessageIDBeingRespondedTo=7, Status=0xFF00, **FOUR),
        command(field(0x8021), TO_7, NO_DATA, PENDING, COUNTERS),
    ),
    (C_ECHO_RQ(MessageID=7, **CLASS), command(AFFECTED_CLASS, field(0x0030), ID_7, NO_DATA)),
    (C_ECHO_RSP(MessageIDBeingRespondedTo=7, Status=0), command(field(0x8030), TO_7, NO_DATA, SUCCESS)),
    (C_CANCEL_RQ(MessageIDBeingRespondedTo=7), command(field(0x0FFF), TO_7, NO_DATA)),
    (
        N_EVENT_REPORT_RQ(MessageID=7, **BOTH, EventTypeID=3, has_data_set=True),
        command(AFFECTED_CLASS, field(0x0100), ID_7, DATA, AFFECTED_INSTANCE, EVENT),
    ),
    (
        N_EVENT_REPORT_RSP(MessageIDBeingRespondedTo=7, **BOTH, EventTypeID=3, Status=0),
        command(AFFECTED_CLASS, field(0x8100), TO_7, NO_DATA, SUCCESS, AFFECTED_INSTANCE, EVENT),
    ),
    (
        N_GET_RQ(MessageID=7, **REQUESTED, AttributeIdentifierList=(0x00100010, 0x00100020)),
        command(REQUESTED_CLASS, field(0x0110), ID_7, NO_DATA, REQUESTED_INSTANCE, TAGS),
    ),
    (
        N_GET_RQ(MessageID=7, **REQUESTED, AttributeIdentifierList=()),
        command(REQUESTED_CLASS, field(0x0110), ID_7, NO_DATA, REQUESTED_INSTANCE, h("0000 0510 00000000")),
    ),
    (
        N_GET_RSP(MessageIDBeingRespondedTo=7, **BOTH, Status=0, has_data_set=True),
        command(AFFECTED_CLASS, field(0x8110), TO_7, DATA, SUCCESS, AFFECTED_INSTANCE),
    ),
    (
        N_SET_RQ(MessageID=7, **REQUESTED, has_data_set=True),
        command(REQUESTED_CLASS, field(0x0120), ID_7, DATA, REQUESTED_INSTANCE),
    ),
    (
        N_SET_RSP(MessageIDBeingRespondedTo=7, Status=0, AttributeIdentifierList=(0x00100010, 0x00100020)),
        command(field(0x8120), TO_7, NO_DATA, SUCCESS, TAGS),
    ),
    (
        N_ACTION_RQ(MessageID=7, **REQUESTED, ActionTypeID=4, has_data_set=True),
        command(REQUESTED_CLASS, field(0x0130), ID_7, DATA, REQUESTED_INSTANCE, ACTION),
    ),
    (
        N_ACTION_RSP(MessageIDBeingRespondedTo=7, ActionTypeID=4, Status=0),
        command(field(0x8130), TO_7, NO_DATA, SUCCESS, ACTION),
    ),
    (
        N_CREATE_RQ(MessageID=7, **CLASS, has_data_set=True),
        command(AFFECTED_CLASS, field(0x0140), ID_7, DATA),
    ),
    (
        N_CREATE_RSP(MessageIDBeingRespondedTo=7, **BOTH, Status=0),
        command(AFFECTED_CLASS, field(0x8140), TO_7, NO_DATA, SUCCESS, AFFECTED_INSTANCE),
    ),
    (
        N_DELETE_RQ(MessageID=7, **REQUESTED),
        command(REQUESTED_CLASS, field(0x0150), ID_7, NO_DATA, REQUESTED_INSTANCE),
    ),
    (N_DELETE_RSP(MessageIDBeingRespondedTo=7, Status=0), command(field(0x8150), TO_7, NO_DATA, SUCCESS)),
]  # fmt: skip

IDS = [f"{number} {message.name}" for number, (message, _) in enumerate(CASES)]


def elements_of(data: bytes) -> list[bytes]:
    found = []
    while data:
        length = 8 + int.from_bytes(data[4:8], "little")
        found.append(data[:length])
        data = data[length:]
    return found


def test_the_list_has_every_message() -> None:
    assert {type(message) for message, _ in CASES} == set(MESSAGES.values())
    assert len(MESSAGES) == 23 == len(CommandField)


@pytest.mark.parametrize(("message", "data"), CASES, ids=IDS)
def test_encode(message: Message, data: bytes) -> None:
    assert encode_command(message).hex(" ") == data.hex(" ")


@pytest.mark.parametrize(("message", "data"), CASES, ids=IDS)
def test_decode(message: Message, data: bytes) -> None:
    assert decode_command(data) == message
    assert decode_command(memoryview(bytearray(data)), 3) == replace(message, context_id=3)


@pytest.mark.parametrize(("message", "data"), CASES, ids=IDS)
def test_cut_at_every_length(message: Message, data: bytes) -> None:
    # A cut between elements may leave a whole message with less in it; every other cut is an error.
    ends = {sum(map(len, elements_of(data)[:count])) for count in range(len(elements_of(data)))}
    for length in range(len(data)):
        if length in ends:
            try:
                cut = decode_command(data[:length])
            except RemoteProtocolError:
                continue
            assert type(cut) is type(message)
        else:
            with pytest.raises(RemoteProtocolError):
                decode_command(data[:length])


@pytest.mark.parametrize(("message", "data"), CASES, ids=IDS)
def test_trailing_bytes(message: Message, data: bytes) -> None:
    for count in range(1, 8):
        with pytest.raises(RemoteProtocolError, match="too few for an element"):
            decode_command(data + bytes(count))


@pytest.mark.parametrize(("message", "data"), CASES, ids=IDS)
def test_order_and_group_length_do_not_matter(message: Message, data: bytes) -> None:
    group_length, *others = elements_of(data)
    assert decode_command(b"".join(others)) == message
    assert decode_command(b"".join(reversed(others)) + group_length) == message
    assert decode_command(group_length[:8] + h("ffffffff") + b"".join(others)) == message
    assert decode_command(h("0000 0000 02000000 ffff") + b"".join(others)) == message


@pytest.mark.parametrize(("message", "data"), CASES, ids=IDS)
def test_dissection_covers_every_byte(message: Message, data: bytes) -> None:
    for offset in (0, 12):
        position = offset
        for one in dissect_command(data, offset):
            assert one.offset == position
            assert not one.problem
            assert [child.name for child in one.children] == ["Tag", "Value Length", "Value"]
            for child in one.children:
                assert child.offset == position
                position += child.length
            assert position == one.offset + one.length
        assert position == offset + len(data)


@pytest.mark.parametrize(("message", "data"), CASES, ids=IDS)
def test_dissection_of_damaged_command_sets(message: Message, data: bytes) -> None:
    for length in range(len(data)):
        shown = dissect_command(data[:length], 6)
        assert sum(one.length for one in shown) == length
    *_, last = dissect_command(data + b"abc")
    assert (last.name, last.offset, last.length) == ("Not Decoded", len(data), 3)
    assert "too few" in last.problem


@pytest.mark.parametrize(("message", "data"), CASES, ids=IDS)
def test_the_command_set_as_a_data_set(message: Message, data: bytes) -> None:
    command_set = message.command_set
    assert command_set.CommandField == message.command_field
    assert (command_set.CommandDataSetType != 0x0101) is message.has_data_set
    for keyword, _ in message.elements:
        value = getattr(message, keyword)
        if value is None:
            assert keyword not in command_set
        elif isinstance(value, tuple):
            assert tuple(command_set.get(keyword) or ()) == value
        else:
            assert command_set.get(keyword) == value


# -- what messages are -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("message", "data"), CASES, ids=IDS)
def test_every_message_is_whole(message: Message, data: bytes) -> None:
    assert message.is_valid_request is message.is_request
    assert message.is_valid_response is message.is_response
    assert message.is_request is not message.is_response


def test_names() -> None:
    message = N_EVENT_REPORT_RSP(MessageIDBeingRespondedTo=1)
    assert (message.name, message.msg_type) == ("N-EVENT-REPORT-RSP", "N-EVENT-REPORT")
    assert C_CANCEL_RQ(MessageIDBeingRespondedTo=1).name == "C-CANCEL-RQ"


def test_responses_belong_to_requests() -> None:
    for message in MESSAGES.values():
        if message.command_field < 0x8000 and message is not C_CANCEL_RQ:
            assert response_class(message).command_field == message.command_field + 0x8000
    with pytest.raises(KeyError):
        response_class(C_CANCEL_RQ)
    with pytest.raises(KeyError):
        response_class(C_ECHO_RSP)


def test_the_elements_are_pydicoms() -> None:
    from pydicom.datadict import dictionary_keyword, dictionary_VM, dictionary_VR

    for number, (vr, vm, keyword) in ELEMENTS.items():
        assert (vr, vm, keyword) == (dictionary_VR(number), dictionary_VM(number), dictionary_keyword(number))


def test_every_attribute_of_a_message_is_an_element_or_common() -> None:
    common = {"context_id", "data", "has_data_set", "unknown"}
    for message in MESSAGES.values():
        assert {one.name for one in fields(message)} == common | {keyword for keyword, _ in message.elements}
        assert set(message.mandatory) <= {keyword for keyword, _ in message.elements}


def test_data_in_memory_is_a_data_set() -> None:
    message = C_STORE_RQ(MessageID=1, data=b"\1\2")
    assert message.has_data_set
    assert message.DataSet is not None
    assert message.DataSet.getvalue() == message.data_set.getvalue() == b"\1\2"
    assert C_STORE_RQ(MessageID=1).DataSet is None
    assert C_STORE_RQ(MessageID=1).data_set.getvalue() == b""
    assert replace(C_FIND_RQ(MessageID=1), data=b"").has_data_set


@pytest.mark.parametrize(
    ("message", "name"),
    [
        (C_FIND_RQ, "Identifier"), (C_FIND_RSP, "Identifier"), (C_GET_RQ, "Identifier"), (C_GET_RSP, "Identifier"),
        (C_MOVE_RQ, "Identifier"), (C_MOVE_RSP, "Identifier"), (N_EVENT_REPORT_RQ, "EventInformation"),
        (N_EVENT_REPORT_RSP, "EventReply"), (N_GET_RSP, "AttributeList"), (N_SET_RQ, "ModificationList"),
        (N_SET_RSP, "AttributeList"), (N_ACTION_RQ, "ActionInformation"), (N_ACTION_RSP, "ActionReply"),
        (N_CREATE_RQ, "AttributeList"), (N_CREATE_RSP, "AttributeList"),
    ],
)  # fmt: skip
def test_the_data_set_by_its_name_in_the_service(message: Any, name: str) -> None:
    own = "MessageID" if message.command_field < 0x8000 else "MessageIDBeingRespondedTo"
    assert getattr(message(**{own: 1}, data=b"ab"), name).read() == b"ab"
    assert getattr(message(**{own: 1}), name) is None


def test_data_sets_stay_out_of_logs() -> None:
    assert "SECRET" not in repr(C_STORE_RQ(MessageID=1, data=b"SECRET"))


def test_messages_do_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        C_ECHO_RQ(MessageID=1).MessageID = 2  # type: ignore[misc]


def test_counters_saturate() -> None:
    message = C_MOVE_RSP(MessageIDBeingRespondedTo=1, Status=0xFF00, NumberOfCompletedSuboperations=70000)
    assert message.NumberOfCompletedSuboperations == 65535
    assert decode_command(encode_command(message)) == message


# -- what peers get wrong without harm ---------------------------------------------------------------------------


def decode_store(*elements: bytes) -> C_STORE_RQ:
    message = decode_command(command(field(0x0001), ID_7, DATA, *elements))
    assert isinstance(message, C_STORE_RQ)
    return message


@pytest.mark.parametrize(
    ("raw", "uid"),
    [
        (b"1.2\0", "1.2"), (b"1.2 ", "1.2"), (b"1.2", "1.2"), (b"1.2\0\0 ", "1.2"), (b"1." * 50, "1." * 50),
        (b"1.02.x", "1.02.x"), (b"\0\0", None), (b"", None), (b"1.\xff", "1.ÿ"),
    ],
)  # fmt: skip
def test_uids(raw: bytes, uid: str | None) -> None:
    message = decode_store(h("0000 0010") + len(raw).to_bytes(4, "little") + raw)
    assert message.AffectedSOPInstanceUID == uid


@pytest.mark.parametrize(("raw", "title"), [(b" MOVER\0x", "MOVER"), (b"MOVER", "MOVER"), (b"    ", None)])
def test_ae_titles(raw: bytes, title: str | None) -> None:
    message = decode_store(h("0000 3010") + len(raw).to_bytes(4, "little") + raw)
    assert message.MoveOriginatorApplicationEntityTitle == title


def test_missing_elements_are_none_and_the_service_answers() -> None:
    message = decode_store()
    assert message.AffectedSOPClassUID is None
    assert message.missing == ("AffectedSOPClassUID", "AffectedSOPInstanceUID", "Priority")
    assert not message.is_valid_request
    response = decode_command(command(field(0x8001), TO_7, NO_DATA))
    assert isinstance(response, C_STORE_RSP)
    assert response.Status is None
    assert not response.is_valid_response


def test_a_request_that_needs_a_data_set_and_has_none() -> None:
    assert not C_STORE_RQ(MessageID=1, **BOTH, Priority=0).is_valid_request
    assert C_STORE_RQ(MessageID=1, **BOTH, Priority=0, has_data_set=True).is_valid_request


def test_an_empty_number_is_as_good_as_absent() -> None:
    assert decode_store(h("0000 0007 00000000")).Priority is None


def test_message_id_zero() -> None:
    message = decode_command(command(field(0x0030), h("0000 1001 02000000 0000"), NO_DATA))
    assert message == C_ECHO_RQ(MessageID=0)


@pytest.mark.parametrize(("value", "follows"), [(0x0101, False), (0x0000, True), (0x0001, True), (0x0102, True)])
def test_command_data_set_type(value: int, follows: bool) -> None:
    data = command(field(0x8030), TO_7, h("0000 0008 02000000") + value.to_bytes(2, "little"))
    assert decode_command(data).has_data_set is follows


def test_elements_of_other_messages_and_unknown_ones_are_kept_and_sent_on() -> None:
    data = command(UNKNOWN, field(0x0030), ID_7, PRIORITY_LOW, NO_DATA, EVENT)
    message = decode_command(data)
    assert isinstance(message, C_ECHO_RQ)
    assert {one.tag: one.value for one in message.unknown} == {0x0010: b"\xab\xcd", 0x0700: b"\2\0", 0x1002: b"\3\0"}
    assert encode_command(replace(message, AffectedSOPClassUID="1.2")) == command(
        AFFECTED_CLASS, UNKNOWN, field(0x0030), ID_7, PRIORITY_LOW, NO_DATA, EVENT
    )
    assert 0x0010 in message.command_set


def test_a_response_repeats_a_uid_that_should_never_have_been_sent() -> None:
    over_long = "1." * 40 + "ÿ"
    data = encode_command(C_STORE_RSP(MessageIDBeingRespondedTo=1, Status=0, AffectedSOPInstanceUID=over_long))
    assert over_long.encode("latin-1") in data


@pytest.mark.parametrize(
    ("comment", "sent"),
    [("x" * 100, "x" * 64), ("line\nbreak", "line break"), ("grün", "gr?n"), ("a\\b", "a/b"), ("\x1b[31m", " [31m")],
)
def test_an_error_comment_is_cleaned(comment: str, sent: str) -> None:
    message = decode_command(
        encode_command(C_ECHO_RSP(MessageIDBeingRespondedTo=1, Status=0x0110, ErrorComment=comment))
    )
    assert isinstance(message, C_ECHO_RSP)
    assert message.ErrorComment == sent


# -- what nobody can read ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "CommandField is missing"),
        (command(), "CommandField is missing"),
        (command(ID_7, NO_DATA), "CommandField is missing"),
        (command(field(0x0030), ID_7), "CommandDataSetType is missing"),
        (command(field(0x0030), NO_DATA), "C-ECHO-RQ: MessageID is missing"),
        (command(field(0x0030), TO_7, NO_DATA), "C-ECHO-RQ: MessageID is missing"),
        (command(field(0x8030), ID_7, NO_DATA), "C-ECHO-RSP: MessageIDBeingRespondedTo is missing"),
        (command(field(0x0FFF), NO_DATA), "C-CANCEL-RQ: MessageIDBeingRespondedTo is missing"),
        (command(field(0x0031), ID_7, NO_DATA), "0031H is no message"),
        (command(field(0x8FFF), ID_7, NO_DATA), "8FFFH is no message"),
        (command(field(0x0030), ID_7, ID_7, NO_DATA), "MessageID is there twice"),
        (command(field(0x0030), h("0000 1001 04000000 07000000"), NO_DATA), "MessageID has 4 bytes, not 2"),
        (command(field(0x0030), h("0000 1001 01000000 07"), NO_DATA), "MessageID has 1 bytes, not 2"),
        (command(field(0x0030), h("0000 1001 00000000"), NO_DATA), "MessageID is missing"),
        (command(field(0x8030), TO_7, NO_DATA, h("0000 0109 06000000 080018000000")), "multiple of 4"),
        (command(field(0x0030), ID_7, NO_DATA, h("0800 1800 02000000 3100")), r"\(0008,0018\) is no command element"),
        (command(field(0x0030), ID_7, NO_DATA, h("0000 0200 ffffffff")), "length of 4294967295"),
        (h("0000 0000") + b"UL" + h("0400 38000000 0000 0200") + b"UI" + h("0400") + b"1.2\0", "Explicit VR"),
        (h("0000 0200") + b"UI" + h("1200") + b"1.2.840.10008.1.1\0", "Explicit VR"),
        (h("0000 0000 0000 0004 0000 0038"), "length of"),  # big endian
    ],
)
def test_errors(data: bytes, words: str) -> None:
    with pytest.raises(RemoteProtocolError, match=words):
        decode_command(data)
    assert sum(one.length for one in dissect_command(data)) == len(data)


# -- what we do not send -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (C_ECHO_RQ(MessageID=1), "AffectedSOPClassUID is missing"),
        (C_ECHO_RSP(MessageIDBeingRespondedTo=1), "Status is missing"),
        (C_ECHO_RQ(MessageID=1, AffectedSOPClassUID="1" * 65), "AffectedSOPClassUID"),
        (C_ECHO_RQ(MessageID=1, AffectedSOPClassUID=""), "AffectedSOPClassUID"),
        (C_MOVE_RQ(MessageID=1, **CLASS, Priority=0, MoveDestination=""), "MoveDestination"),
        (C_MOVE_RQ(MessageID=1, **CLASS, Priority=0, MoveDestination="A\\B"), "MoveDestination"),
        (C_MOVE_RQ(MessageID=1, **CLASS, Priority=0, MoveDestination="SEVENTEEN_CHARS_7"), "MoveDestination"),
    ],
)
def test_encode_refuses(message: Message, words: str) -> None:
    with pytest.raises(LocalProtocolError, match=words):
        encode_command(message)


@pytest.mark.parametrize(
    ("attributes", "error"),
    [
        ({"MessageID": 65536}, ValueError),
        ({"MessageID": -1}, ValueError),
        ({"MessageID": "1"}, TypeError),
        ({"MessageID": None}, TypeError),
        ({"MessageID": 1, "Priority": 1.0}, TypeError),
        ({"MessageID": 1, "AffectedSOPClassUID": b"1.2"}, TypeError),
        ({"MessageID": 1, "Status": 0}, TypeError),
        ({}, TypeError),
    ],
)
def test_an_impossible_message_cannot_be_made(attributes: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        C_STORE_RQ(**attributes)


@pytest.mark.parametrize(
    ("tags", "error"), [([1], TypeError), ((1 << 32,), ValueError), (("00100010",), TypeError), (0x00100010, TypeError)]
)
def test_impossible_tags(tags: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        N_GET_RQ(MessageID=1, AttributeIdentifierList=tags)


# -- words -------------------------------------------------------------------------------------------------------


def test_dissection_speaks_the_standards_words() -> None:
    message = C_MOVE_RSP(
        MessageIDBeingRespondedTo=1,
        AffectedSOPClassUID="1.2.840.10008.1.1",
        Status=0xFE00,
        OffendingElement=(0x00100010, 0x00091001),
    )
    shown = {one.name: one for one in dissect_command(encode_command(message))}
    assert shown["Affected SOP Class UID"].meaning == "Verification SOP Class"
    assert shown["Command Field"].meaning == "C-MOVE-RSP"
    assert shown["Command Data Set Type"].meaning == "no data set"
    assert "Cancel" in shown["Status"].meaning
    assert shown["Offending Element"].meaning == "Patient's Name, (0009,1001)"
    shown = {
        one.name: one for one in dissect_command(command(field(0x1234), PRIORITY_LOW, DATA, h("0000 eeee 00000000")))
    }
    assert shown["Command Field"].meaning == "no message"
    assert shown["Priority"].meaning == "Low"
    assert shown["Command Data Set Type"].meaning == "a data set follows"
    assert shown["Unknown Element"].value == b""


def test_dissection_goes_on_after_a_value_of_the_wrong_size() -> None:
    shown = dissect_command(command(field(0x0030), h("0000 1001 01000000 07"), NO_DATA))
    assert [one.problem for one in shown] == ["", "", "command set: MessageID has 1 bytes, not 2", ""]
    assert shown[2].value == b"\7"


# --------------------------------------------------------------------------- the same again with another Message ID
def test_another_message_id_is_another_message() -> None:
    for number in (1, 2, 0, 0xFFFF, 2):
        request = C_ECHO_RQ(context_id=1, MessageID=number, AffectedSOPClassUID="1.2.840.10008.1.1")
        assert decode_command(encode_command(request), 1) == request
        response = C_ECHO_RSP(context_id=3, MessageIDBeingRespondedTo=number, Status=0)
        assert decode_command(encode_command(response), 3) == response
        assert decode_command(encode_command(response), 5).context_id == 5


def test_bytes_like_a_message_id_within_a_value_are_that_value() -> None:
    # the element (0000,0110) itself comes after a comment that looks like it
    alike = HEADER.pack(0, 0x0110, 2)
    for text in (b"\x01\x00", b"\x02\x00", b"\x01\x00"):
        body = HEADER.pack(0, 0x0100, 2) + b"\x30\x80"
        body += HEADER.pack(0, 0x0120, 2) + b"\x07\x00" + HEADER.pack(0, 0x0800, 2) + b"\x01\x01"
        body += HEADER.pack(0, 0x0900, 2) + b"\x00\x00"
        body += HEADER.pack(0, 0x4000, len(alike + text)) + alike + text
        message = decode_command(body, 1)
        assert isinstance(message, C_ECHO_RSP)
        assert message.MessageIDBeingRespondedTo == 7
        assert [one.value for one in message.unknown] == [alike + text]


def test_another_instance_is_another_message() -> None:
    for number, uid in ((1, "1.2.3"), (2, "1.2.4"), (3, "1.2.3.4"), (4, "1.2.34"), (5, "not a UID"), (6, "1.2.3")):
        request = C_STORE_RQ(
            context_id=1,
            MessageID=number,
            AffectedSOPClassUID="1.2.840.10008.5.1.4.1.1.2",
            AffectedSOPInstanceUID=uid,
            Priority=2,
            MoveOriginatorMessageID=9,
            has_data_set=True,
        )
        assert decode_command(encode_command(request), 1) == request
        response = C_STORE_RSP(context_id=1, MessageIDBeingRespondedTo=number, AffectedSOPInstanceUID=uid, Status=0)
        assert decode_command(encode_command(response), 1) == response


@pytest.mark.parametrize("uid", [b"1.2.3\0", b"1.2.4\0", b"\0\0", b"", b"\xff\0\0\x10\2\0"])
def test_an_instance_uid_that_has_no_place_stays_what_it_is(uid: bytes) -> None:
    body = HEADER.pack(0, 0x0100, 2) + b"\x10\x00" + HEADER.pack(0, 0x0110, 2) + b"\x07\x00"  # C-GET-RQ
    body += HEADER.pack(0, 0x0800, 2) + b"\x00\x00" + HEADER.pack(0, 0x1000, len(uid)) + uid
    message = decode_command(body, 1)
    assert [one.value for one in message.unknown] == [uid]
    store = body.replace(b"\x10\x00", b"\x01\x00", 1)
    message = decode_command(store, 1)
    assert isinstance(message, C_STORE_RQ)
    text = uid.rstrip(b"\0")
    assert (message.AffectedSOPInstanceUID or "").encode("latin-1", "replace").startswith(text[:1])
    assert decode_command(store + HEADER.pack(0, 0x1031, 2) + b"\x05\x00", 1) != message
    for cut in range(1, len(uid) + 8):
        with pytest.raises(RemoteProtocolError):
            decode_command(store[:-cut], 1)
