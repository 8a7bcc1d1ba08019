"""Our bytes against those of other encoders: pynetdicom's PDUs and messages, pydicom's data sets, Wireshark's fields.

They are peers here as they are over a socket: their documented interfaces make and read bytes, ours read and make
the same. First cases that say what is meant, then whatever Hypothesis makes. What real programs said to each other is
in `interop/test_recorded_traffic.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from codec_strategies import KNOWN_PDUS, blob, byte, examples, messages_of
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pdu_facts import comparable_with_tshark, dissected, facts_of, facts_of_bytes, pynetdicom_reads, tshark_reads
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset
from pynetdicom import build_context, dimse_messages, dimse_primitives
from pynetdicom import pdu as peer_pdu
from pynetdicom import pdu_primitives as peer
from recording import Chunk, Conversation, write_pcap
from tshark import TsharkPdu, dissect_file

from workstation.net.codec import dimse
from workstation.net.codec.pdu import (
    A_ABORT_RQ,
    A_ASSOCIATE_AC,
    A_ASSOCIATE_RJ,
    A_ASSOCIATE_RQ,
    A_RELEASE_RP,
    A_RELEASE_RQ,
    P_DATA_TF,
    PDU,
    PDV,
    AnsweredContext,
    AsynchronousOperationsWindow,
    ImplementationClassUID,
    ImplementationVersionName,
    MaximumLength,
    PDUType,
    ProposedContext,
    RoleSelection,
    SOPClassCommonExtendedNegotiation,
    SOPClassExtendedNegotiation,
    UserIdentityAC,
    UserIdentityRQ,
    decode_pdu,
    encode_pdu,
    iter_pdvs,
)

CT = "1.2.840.10008.5.1.4.1.1.2"
VERIFICATION = "1.2.840.10008.1.1"
IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"

REQUEST = A_ASSOCIATE_RQ(
    called_ae_title="ANY-SCP",
    calling_ae_title="WORKSTATION",
    presentation_contexts=(
        ProposedContext(context_id=1, abstract_syntax=VERIFICATION, transfer_syntaxes=(IMPLICIT, EXPLICIT)),
        ProposedContext(context_id=3, abstract_syntax=CT, transfer_syntaxes=(EXPLICIT,)),
    ),
    user_information=(
        MaximumLength(16382),
        ImplementationClassUID("1.2.826.0.1"),
        AsynchronousOperationsWindow(5, 0),
        RoleSelection(CT, False, True),
        ImplementationVersionName("WORKSTATION_1"),
        SOPClassExtendedNegotiation(CT, b"\2\0\3\0\1\0"),
        SOPClassCommonExtendedNegotiation(CT, "1.2.840.10008.4.2", ("1.2.840.10008.5.1.4.1.1.2.1",)),
        UserIdentityRQ(2, True, b"user", b"pass"),
    ),
)
ACCEPT = A_ASSOCIATE_AC(
    called_ae_title="ANY-SCP",
    calling_ae_title="WORKSTATION",
    presentation_contexts=(
        AnsweredContext(context_id=1, result=0, transfer_syntax=IMPLICIT),
        AnsweredContext(context_id=3, result=4, transfer_syntax=EXPLICIT),
    ),
    user_information=(
        MaximumLength(0),
        ImplementationClassUID("1.2.826.0.1"),
        RoleSelection(CT, False, True),
        UserIdentityAC(b"ticket"),
    ),
)

PDUS: list[tuple[type[Any], PDU]] = [
    (peer_pdu.A_ASSOCIATE_RQ, REQUEST),
    (peer_pdu.A_ASSOCIATE_AC, ACCEPT),
    (peer_pdu.A_ASSOCIATE_RJ, A_ASSOCIATE_RJ(2, 3, 1)),
    (peer_pdu.P_DATA_TF, P_DATA_TF((PDV(1, True, True, b"\1\2"), PDV(1, False, True, b"\3\4")))),
    (peer_pdu.A_RELEASE_RQ, A_RELEASE_RQ()),
    (peer_pdu.A_RELEASE_RP, A_RELEASE_RP()),
    (peer_pdu.A_ABORT_RQ, A_ABORT_RQ(2, 5)),
]


@pytest.mark.parametrize(("kind", "pdu"), PDUS, ids=[type(pdu).__name__ for _, pdu in PDUS])
def test_pynetdicom_reads_our_pdus_and_writes_the_same(kind: type[Any], pdu: PDU) -> None:
    data = encode_pdu(pdu)
    theirs = kind()
    theirs.decode(data)
    assert theirs.encode().hex(" ") == data.hex(" ")


def test_pynetdicom_reads_what_we_meant() -> None:
    theirs = peer_pdu.A_ASSOCIATE_RQ()
    theirs.decode(encode_pdu(REQUEST))
    primitive = theirs.to_primitive()
    assert primitive.calling_ae_title == "WORKSTATION"
    assert primitive.called_ae_title == "ANY-SCP"
    contexts = primitive.presentation_context_definition_list
    assert [(one.context_id, str(one.abstract_syntax), len(one.transfer_syntax)) for one in contexts] == [
        (1, VERIFICATION, 2),
        (3, CT, 1),
    ]
    items: dict[str, Any] = {type(one).__name__: one for one in primitive.user_information}
    assert items["MaximumLengthNotification"].maximum_length_received == 16382
    assert items["UserIdentityNegotiation"].secondary_field == b"pass"
    assert items["SCP_SCU_RoleSelectionNegotiation"].scp_role is True
    common = items["SOPClassCommonExtendedNegotiation"]
    assert common.related_general_sop_class_identification == ["1.2.840.10008.5.1.4.1.1.2.1"]


def test_we_read_pynetdicoms_request() -> None:
    primitive = peer.A_ASSOCIATE()
    primitive.application_context_name = "1.2.840.10008.3.1.1.1"
    primitive.calling_ae_title = "WORKSTATION"
    primitive.called_ae_title = "ANY-SCP"
    contexts = [build_context(VERIFICATION, [IMPLICIT, EXPLICIT]), build_context(CT, EXPLICIT)]
    contexts[0].context_id, contexts[1].context_id = 1, 3
    primitive.presentation_context_definition_list = contexts
    maximum = peer.MaximumLengthNotification()
    maximum.maximum_length_received = 16382
    implementation = peer.ImplementationClassUIDNotification()
    implementation.implementation_class_uid = "1.2.826.0.1"
    window = peer.AsynchronousOperationsWindowNegotiation()
    window.maximum_number_operations_invoked = 5
    window.maximum_number_operations_performed = 0
    role = peer.SCP_SCU_RoleSelectionNegotiation()
    role.sop_class_uid, role.scu_role, role.scp_role = CT, False, True
    version = peer.ImplementationVersionNameNotification()
    version.implementation_version_name = "WORKSTATION_1"
    extended = peer.SOPClassExtendedNegotiation()
    extended.sop_class_uid, extended.service_class_application_information = CT, b"\2\0\3\0\1\0"
    common = peer.SOPClassCommonExtendedNegotiation()
    common.sop_class_uid, common.service_class_uid = CT, "1.2.840.10008.4.2"
    common.related_general_sop_class_identification = ["1.2.840.10008.5.1.4.1.1.2.1"]
    identity = peer.UserIdentityNegotiation()
    identity.user_identity_type, identity.positive_response_requested = 2, True
    identity.primary_field, identity.secondary_field = b"user", b"pass"
    primitive.user_information = [maximum, implementation, window, role, version, extended, common, identity]
    theirs = peer_pdu.A_ASSOCIATE_RQ(primitive)
    assert decode_pdu(theirs.encode()) == REQUEST
    assert encode_pdu(REQUEST).hex(" ") == theirs.encode().hex(" ")


# -- messages ----------------------------------------------------------------------------------------------------

BOTH: dict[str, Any] = {"AffectedSOPClassUID": CT, "AffectedSOPInstanceUID": "1.2.3.4"}
REQUESTED: dict[str, Any] = {"RequestedSOPClassUID": CT, "RequestedSOPInstanceUID": "1.2.3.4"}
DATA = b"\x10\0\x10\0\4\0\0\0Doe "

MESSAGES: list[dimse.Message] = [
    dimse.C_ECHO_RQ(MessageID=1, AffectedSOPClassUID=VERIFICATION),
    dimse.C_ECHO_RSP(MessageIDBeingRespondedTo=1, AffectedSOPClassUID=VERIFICATION, Status=0),
    dimse.C_STORE_RQ(MessageID=65535, Priority=2, **BOTH, data=DATA),
    dimse.C_STORE_RQ(
        MessageID=2, Priority=0, **BOTH, data=DATA,
        MoveOriginatorApplicationEntityTitle="MOVER", MoveOriginatorMessageID=9,
    ),
    dimse.C_STORE_RSP(MessageIDBeingRespondedTo=2, **BOTH, Status=0xA700, ErrorComment="No room"),
    dimse.C_FIND_RQ(MessageID=3, AffectedSOPClassUID=CT, Priority=1, data=DATA),
    dimse.C_FIND_RSP(MessageIDBeingRespondedTo=3, AffectedSOPClassUID=CT, Status=0xFF00, data=DATA),
    dimse.C_GET_RQ(MessageID=4, AffectedSOPClassUID=CT, Priority=1, data=DATA),
    dimse.C_GET_RSP(
        MessageIDBeingRespondedTo=4, AffectedSOPClassUID=CT, Status=0xFF00, NumberOfRemainingSuboperations=4,
        NumberOfCompletedSuboperations=3, NumberOfFailedSuboperations=2, NumberOfWarningSuboperations=1,
    ),
    dimse.C_MOVE_RQ(MessageID=5, AffectedSOPClassUID=CT, Priority=1, MoveDestination="STORE_SCP", data=DATA),
    dimse.C_MOVE_RSP(
        MessageIDBeingRespondedTo=5, AffectedSOPClassUID=CT, Status=0xB000, NumberOfRemainingSuboperations=0,
        NumberOfCompletedSuboperations=3, NumberOfFailedSuboperations=2, NumberOfWarningSuboperations=1, data=DATA,
    ),
    dimse.C_CANCEL_RQ(MessageIDBeingRespondedTo=5),
    dimse.N_EVENT_REPORT_RQ(MessageID=6, **BOTH, EventTypeID=2, data=DATA),
    dimse.N_EVENT_REPORT_RSP(MessageIDBeingRespondedTo=6, **BOTH, EventTypeID=2, Status=0, data=DATA),
    dimse.N_GET_RQ(MessageID=7, **REQUESTED, AttributeIdentifierList=(0x00100010, 0x00100020)),
    dimse.N_GET_RSP(MessageIDBeingRespondedTo=7, **BOTH, Status=0, data=DATA),
    dimse.N_SET_RQ(MessageID=8, **REQUESTED, data=DATA),
    dimse.N_SET_RSP(MessageIDBeingRespondedTo=8, **BOTH, Status=0, data=DATA),
    dimse.N_ACTION_RQ(MessageID=9, **REQUESTED, ActionTypeID=1, data=DATA),
    dimse.N_ACTION_RSP(MessageIDBeingRespondedTo=9, **BOTH, ActionTypeID=1, Status=0, data=DATA),
    dimse.N_CREATE_RQ(MessageID=10, **BOTH, data=DATA),
    dimse.N_CREATE_RSP(MessageIDBeingRespondedTo=10, **BOTH, Status=0, data=DATA),
    dimse.N_DELETE_RQ(MessageID=11, **REQUESTED),
    dimse.N_DELETE_RSP(MessageIDBeingRespondedTo=11, **BOTH, Status=0x0112),
]  # fmt: skip

DATA_SET_NAMES = {
    "C_STORE": ("DataSet", ""), "C_FIND": ("Identifier", "Identifier"), "C_GET": ("Identifier", "Identifier"),
    "C_MOVE": ("Identifier", "Identifier"), "N_EVENT_REPORT": ("EventInformation", "EventReply"),
    "N_GET": ("", "AttributeList"), "N_SET": ("ModificationList", "AttributeList"),
    "N_ACTION": ("ActionInformation", "ActionReply"), "N_CREATE": ("AttributeList", "AttributeList"),
}  # fmt: skip


def theirs_of(message: dimse.Message) -> Any:
    """The same message, made by pynetdicom."""
    service = type(message).__name__.rpartition("_")[0]
    primitive = getattr(dimse_primitives, service)()
    for keyword, _ in message.elements:
        value = getattr(message, keyword)
        if value is not None:
            setattr(primitive, keyword, list(value) if isinstance(value, tuple) else value)
    if message.data is not None:
        setattr(primitive, DATA_SET_NAMES[service][message.is_response], BytesIO(message.data))
    theirs = getattr(dimse_messages, type(message).__name__)()
    theirs.primitive_to_message(primitive)
    return theirs


def fragments(theirs: Any) -> tuple[bytes, bytes]:
    """Command set and data set of a message that pynetdicom sends in small PDUs, as our engine reads them."""
    parts: dict[int, bytes] = {0: b"", 1: b""}
    for primitive in theirs.encode_msg(1, 64):
        for context_id, control, fragment in iter_pdvs(memoryview(peer_pdu.P_DATA_TF(primitive).encode())[6:]):
            assert context_id == 1
            parts[control & 1] += fragment
    return parts[1], parts[0]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.name)
def test_pynetdicom_writes_the_same_command_set(message: dimse.Message) -> None:
    command, data = fragments(theirs_of(message))
    assert dimse.encode_command(message).hex(" ") == command.hex(" ")
    assert data == (message.data or b"")


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.name)
def test_we_read_pynetdicoms_command_set(message: dimse.Message) -> None:
    command, data = fragments(theirs_of(message))
    read = dimse.decode_command(command)
    for keyword, _ in message.elements:
        assert getattr(read, keyword) == getattr(message, keyword)
    assert (type(read), read.has_data_set, read.unknown) == (type(message), bool(data), ())


def test_every_message_is_compared() -> None:
    assert {type(message) for message in MESSAGES} == set(dimse.MESSAGES.values())


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.name)
def test_pydicom_writes_the_same_elements(message: dimse.Message) -> None:
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, True
    write_dataset(buffer, message.command_set)
    # Ours starts with the 12 bytes of the group length.
    assert dimse.encode_command(message)[12:].hex(" ") == buffer.getvalue().hex(" ")


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.name)
def test_pydicom_reads_the_same_elements(message: dimse.Message) -> None:
    from pydicom import dcmread

    read: Dataset = dcmread(BytesIO(dimse.encode_command(message)), force=True)
    assert read.CommandGroupLength == len(dimse.encode_command(message)) - 12
    for element in message.command_set:
        assert read[element.tag].value == element.value


# -- whatever Hypothesis makes -----------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")  # a PDU may carry any UID, and pydicom remarks on it
@pytest.mark.parametrize("kind", KNOWN_PDUS, ids=lambda kind: kind.name)
@examples(30)
@given(st.data())
def test_pynetdicom_reads_any_pdu_of_ours(kind: PDUType, data: st.DataObject) -> None:
    encoded = encode_pdu(data.draw(KNOWN_PDUS[kind]))
    assert facts_of_bytes(encoded, structure=True) == pynetdicom_reads(encoded)
    assert facts_of(decode_pdu(encoded)) == facts_of_bytes(encoded, structure=False)


def peer_reads(message: dimse.Message, command: bytes, data: bytes, size: int) -> Any:
    """What pynetdicom makes of a message that comes in fragments of `size` bytes."""
    theirs = dimse_messages.DIMSEMessage()
    parts = [(1, command), (0, data)] if message.has_data_set else [(1, command)]
    whole = False
    for control, part in parts:
        for start in range(0, len(part) or 1, size):
            assert not whole
            last = start + size >= len(part)
            primitive: Any = peer.P_DATA()
            value = bytes([control | last << 1]) + part[start : start + size]
            primitive.presentation_data_value_list = [[message.context_id, value]]
            whole = theirs.decode_msg(primitive)
    assert whole
    return theirs


@pytest.mark.parametrize("field", dimse.MESSAGES, ids=lambda field: field.name)
@examples(8)
@given(st.data())
def test_pynetdicom_reads_any_message_of_ours(field: dimse.CommandField, data: st.DataObject) -> None:
    message = data.draw(messages_of(dimse.MESSAGES[field], formal=True))
    content = data.draw(blob.filter(bool))
    command = dimse.encode_command(message)
    theirs = peer_reads(message, command, content, data.draw(st.integers(1, 300)))
    assert type(theirs).__name__ == type(message).__name__
    assert message.context_id == theirs.context_id
    assert theirs.data_set.getvalue() == (content if message.has_data_set else b"")
    check_elements(message, len(command), theirs.command_set)


@pytest.mark.parametrize("field", dimse.MESSAGES, ids=lambda field: field.name)
@examples(8)
@given(st.data())
def test_pydicom_reads_and_writes_any_message_of_ours(field: dimse.CommandField, data: st.DataObject) -> None:
    message = data.draw(messages_of(dimse.MESSAGES[field], formal=True))
    command = dimse.encode_command(message)
    read = read_dataset(BytesIO(command), is_implicit_VR=True, is_little_endian=True)
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, True
    write_dataset(buffer, read)
    assert buffer.getvalue().hex(" ") == command.hex(" ")
    check_elements(message, len(command), read)


def check_elements(message: dimse.Message, size: int, read: Dataset) -> None:
    """Each element is an attribute of the message and the other way round."""
    found = {element.keyword: element for element in read}
    assert found.pop("CommandGroupLength").value == size - 12
    assert found.pop("CommandField").value == message.command_field
    assert (found.pop("CommandDataSetType").value != dimse.NO_DATA_SET) == message.has_data_set
    for keyword, _ in message.elements:
        mine, element = getattr(message, keyword), found.pop(keyword, None)
        if element is None:
            assert mine is None
        elif isinstance(mine, tuple):
            value = element.value
            assert list(mine) == (
                [] if value is None else [value] if element.VM == 1 and len(mine) == 1 else list(value)
            )
        else:
            assert mine == element.value
    assert found == {}


# -- one file for Wireshark --------------------------------------------------------------------------------------


def established(pdus: list[bytes], *ids: int) -> Conversation:
    """A conversation in which the client says these PDUs, on contexts that were accepted before."""
    chunks = []
    if ids:
        proposed = (ProposedContext(context_id=one, abstract_syntax=CT, transfer_syntaxes=(IMPLICIT,)) for one in ids)
        answered = (AnsweredContext(context_id=one, result=0, transfer_syntax=IMPLICIT) for one in ids)
        items = (MaximumLength(0),)
        request = replace(REQUEST, presentation_contexts=tuple(proposed), user_information=items)
        accept = replace(ACCEPT, presentation_contexts=tuple(answered), user_information=items)
        chunks = [Chunk(1.0, True, encode_pdu(request)), Chunk(1.0, False, encode_pdu(accept))]
    chunks += [Chunk(1.0, True, pdu) for pdu in pdus]
    return Conversation("generated", [*chunks, Chunk(1.0, True, b""), Chunk(1.0, False, b"")], 1.0)


# Wireshark refuses odd fragments and those under two bytes, and stops at what it cannot read in one that is the last.
_even = st.binary(min_size=1, max_size=60).map(lambda data: data + data)
_wireshark_p_data = st.builds(
    lambda first, last: P_DATA_TF((*first, last)),
    st.lists(st.builds(PDV, byte.map(lambda n: n | 1), st.just(False), st.just(False), _even), max_size=4),
    st.builds(PDV, byte.map(lambda n: n | 1), st.booleans(), st.booleans(), _even),
)


def conversations_of(made: list[bytes]) -> Iterator[Conversation]:
    for data in made:
        pdu = decode_pdu(data)
        ids = sorted({pdv.context_id for pdv in pdu.pdvs}) if isinstance(pdu, P_DATA_TF) else []
        yield established([data], *ids)


def wireshark_reads(folder: Path, conversations: list[Conversation]) -> list[TsharkPdu]:
    """The last PDU of each conversation in Wireshark's words."""
    path = folder / "generated.pcap"
    write_pcap(path, conversations)
    last = {pdu.conversation: pdu for pdu in dissect_file(path)}
    return [last[index] for index in range(len(conversations))]


def test_wireshark_reads_any_pdu_of_ours(tmp_path: Path) -> None:
    made: list[bytes] = []
    for kind, strategy in {**KNOWN_PDUS, PDUType.P_DATA_TF: _wireshark_p_data}.items():

        @settings(max_examples=25, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(strategy)
        def collect(pdu: PDU) -> None:
            if isinstance(pdu, A_ASSOCIATE_RQ | A_ASSOCIATE_AC):
                assume(pdu.user_information)  # Wireshark does not show an empty item
            made.append(encode_pdu(pdu))

        collect()
        assert made[-1][0] == kind
    for data, theirs in zip(made, wireshark_reads(tmp_path, list(conversations_of(made))), strict=True):
        assert comparable_with_tshark(dissected(data)) == tshark_reads(theirs), data.hex()


def test_wireshark_reads_any_message_of_ours(tmp_path: Path) -> None:
    made: list[dimse.Message] = []
    for kind in dimse.MESSAGES.values():

        @settings(max_examples=5, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(messages_of(kind, formal=True))
        def collect(message: dimse.Message) -> None:
            made.append(message)

        collect()
    pdus = [encode_pdu(P_DATA_TF((PDV(one.context_id, True, True, dimse.encode_command(one)),))) for one in made]
    conversations = [established([pdu], one.context_id) for one, pdu in zip(made, pdus, strict=True)]
    for pdu, theirs in zip(pdus, wireshark_reads(tmp_path, conversations), strict=True):
        mine = [
            (part.offset, pdu[part.offset : part.offset + part.length])
            for element in dimse.dissect_command(pdu[12:], 12)
            for part in element.children
            if part.length
        ]
        assert mine == theirs.elements, pdu.hex()
