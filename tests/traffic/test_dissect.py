"""PDUs and messages as trees, and the way from a byte to its field and back."""

from __future__ import annotations

import zlib
from dataclasses import replace

import pytest
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from traffic_wire import ACCEPT, CT, ECHO_RQ, REQUEST, USER, Wire, store_rq

from workstation.net.codec.dimse import encode_command
from workstation.net.codec.field import Field
from workstation.net.codec.pdu import (
    A_ASSOCIATE_AC,
    A_RELEASE_RQ,
    P_DATA_TF,
    PDU,
    PDV,
    AnsweredContext,
    UserIdentityRQ,
)
from workstation.traffic.conversation import Conversation
from workstation.traffic.decoding.dissect import Dissection, dissect
from workstation.traffic.log import TrafficLog
from workstation.traffic.record import Record
from workstation.traffic.rows import MessageRow


def data_set(pixels: int = 3000) -> bytes:
    dataset = Dataset()
    dataset.SOPClassUID = CT
    dataset.PatientName = "Doe^John"
    dataset.StudyDescription = "A description long enough to lie across two fragments"
    dataset.Rows = 32
    dataset.add_new(0x7FE00010, "OW", bytes(pixels))
    stream = DicomBytesIO()
    stream.is_implicit_VR = False
    stream.is_little_endian = True
    write_dataset(stream, dataset)
    value: bytes = stream.getvalue()
    return value


def conversation_of(records: list[Record]) -> Conversation:
    conversation = Conversation(1, 0.0)
    for record in records:
        conversation.fold(record)
    return conversation


def store(fragment: int = 1000, data: bytes | None = None, accept: PDU = ACCEPT) -> MessageRow:
    wire = Wire()
    records = [wire.pdu(REQUEST, sent=True), wire.pdu(accept, sent=False)]
    records += wire.message(store_rq(), data_set() if data is None else data, sent=True, fragment=fragment)
    return conversation_of(records).rows[-1]


def accepting(transfer_syntax: str) -> A_ASSOCIATE_AC:
    return A_ASSOCIATE_AC(
        called_ae_title="PACS",
        calling_ae_title="MODALITY",
        presentation_contexts=(AnsweredContext(context_id=3, result=0, transfer_syntax=transfer_syntax),),
        user_information=USER,
    )


def walk(fields: tuple[Field, ...]) -> list[Field]:
    return [one for field in fields for one in (field, *walk(field.children))]


def find(dissection: Dissection, start: str) -> Field:
    return next(field for field in walk(dissection.fields) if field.name.startswith(start))


def check(dissection: Dissection) -> None:
    """Every byte leads to a field, and every field that has bytes is found by its first."""
    for offset in range(0, len(dissection.data), 7):
        field = dissection.field_at(offset)
        assert field is not None
        assert field.offset <= offset < field.offset + field.length
    for field in walk(dissection.fields):
        if field.length and field.offset < len(dissection.data):
            path = dissection.path_at(field.offset)
            trail = [dissection.field(path[:depth]) for depth in range(1, len(path) + 1)]
            assert any(one is field for one in trail)


def test_a_message_goes_down_to_its_elements() -> None:
    row = store()
    dissection = dissect(row)
    assert [field.name for field in dissection.fields] == ["Command Set", "Data Set"]
    assert dissection.fields[0].meaning == "C-STORE-RQ"
    assert dissection.fields[1].meaning == "Explicit VR Little Endian"
    assert find(dissection, "(0000,0110) Message ID").value == 1
    name = find(dissection, "(0010,0010)")
    assert name.value == "Doe^John"
    assert dissection.data[name.offset : name.offset + name.length].endswith(b"Doe^John")
    assert len(dissection.data) == dissection.length
    assert not [field for field in walk(dissection.fields) if field.problem]
    check(dissection)


def test_bytes_of_a_message_are_found_in_their_pdus() -> None:
    row = store(fragment=300)
    dissection = dissect(row)
    pdus = {pdu.number: pdu for pdu in row.pdus}
    for offset in range(dissection.length):
        place = dissection.locate(offset)
        assert place is not None
        number, within = place
        assert pdus[number].data[within] == dissection.data[offset]
    assert dissection.locate(dissection.length) is None
    assert dissection.locate(-1) is None


@pytest.mark.parametrize("fragment", [20, 98, 300, 100_000])
def test_each_pdu_shows_its_part_of_the_message(fragment: int) -> None:
    row = store(fragment=fragment)
    whole = dissect(row)
    elements = {field.name: field for field in whole.fields[1].children}
    lengths = dict.fromkeys(elements, 0)
    for pdu in row.pdus:
        dissection = dissect(pdu)
        assert dissection.data == pdu.data
        assert dissection.fields[0].name == "P-DATA-TF"
        assert not [field for field in walk(dissection.fields) if field.problem]
        check(dissection)
        for field in walk(dissection.fields):
            if field.name in lengths:
                lengths[field.name] += field.length
                assert field.value == elements[field.name].value
    assert lengths == {name: field.length for name, field in elements.items()}


def test_a_field_across_pdus_says_where_it_goes_on() -> None:
    row = store(fragment=60)
    trees = [dissect(pdu) for pdu in row.pdus]
    found = [field for tree in trees for field in walk(tree.fields) if field.name.startswith("(0008,1030)")]
    first, second = (field.meaning for field in found)
    numbers = [pdu.number for pdu, tree in zip(row.pdus, trees, strict=True) if "(0008,1030)" in str(tree.fields)]
    assert f"ends in PDU {numbers[1]}" in first
    assert f"began in PDU {numbers[0]}" in second


def test_command_and_data_set_in_one_pdu() -> None:
    wire = Wire()
    data = data_set(10)
    pdu = P_DATA_TF((PDV(3, True, True, encode_command(store_rq())), PDV(3, False, True, data)))
    row = conversation_of([*wire.established(), wire.pdu(pdu, sent=True)]).rows[-1]
    dissection = dissect(row.pdus[0])
    assert find(dissection, "(0000,0100)").meaning == "C-STORE-RQ"
    name = find(dissection, "(0010,0010)")
    assert row.pdus[0].data[name.offset : name.offset + name.length].endswith(b"Doe^John")
    check(dissection)


def test_association_control() -> None:
    wire = Wire()
    rows = conversation_of([*wire.established(), wire.pdu(A_RELEASE_RQ(), sent=True)]).rows
    assert dissect(rows[0]).fields == dissect(rows[0].pdus[0]).fields
    assert dissect(rows[0]).fields[0].name == "A-ASSOCIATE-RQ"
    called = find(dissect(rows[0]), "Called AE Title")
    assert (called.value, called.offset, called.length) == ("PACS", 10, 16)
    for row in rows:
        check(dissect(row))


def test_bytes_that_are_no_pdu() -> None:
    wire = Wire()
    row = conversation_of([wire.raw(b"GET / HTTP/1.1\r\n\r\n", sent=False)]).rows[0]
    dissection = dissect(row)
    assert dissection.fields[0].problem
    assert dissection.field_at(15) is not None


def test_passcodes_are_masked_in_the_bytes_as_well() -> None:
    wire = Wire()
    identity = UserIdentityRQ(identity_type=2, positive_response_requested=True, primary=b"ann", secondary=b"s3cret")
    pdu = wire.pdu(replace(REQUEST, user_information=(*USER, identity)), sent=True)
    row = conversation_of([pdu]).rows[0]
    assert b"s3cret" in row.pdus[0].data
    dissection = dissect(row)
    assert b"s3cret" not in dissection.data
    assert len(dissection.data) == dissection.length
    field = next(field for field in walk(dissection.fields) if field.name == "Secondary Field")
    assert dissection.data[field.offset : field.offset + field.length] == b"******"
    assert b"MODALITY" in dissection.data
    assert "s3cret" not in str(dissection.fields)


def test_a_message_still_arriving() -> None:
    wire = Wire()
    records = wire.message(store_rq(), data_set(), sent=False, fragment=500)
    row = conversation_of([*wire.established(), *records[:3]]).rows[-1]
    dissection = dissect(row)
    assert find(dissection, "(0010,0010)").value == "Doe^John"
    assert not [field for field in walk(dissection.fields) if field.problem]
    dissect(row.pdus[-1])


def test_a_command_still_arriving() -> None:
    wire = Wire()
    records = wire.message(ECHO_RQ, sent=False, fragment=30)
    row = conversation_of([*wire.established(), *records[:1]]).rows[-1]
    assert dissect(row).fields[0].children[0].name == "Command fragments"
    dissect(row.pdus[0])


def test_what_was_let_go_is_said_and_not_made_up() -> None:
    log = TrafficLog(max_bytes=12_000)
    wire = Wire()
    records = wire.message(store_rq(), data_set(20_000), sent=True, fragment=4000)
    log.add([*wire.established(), *records])
    row = log.conversations[0].rows[-1]
    dissection = dissect(row)
    assert len(dissection.data) < dissection.length
    # The elements before the pixels lie in the first fragment's kept bytes, the pixels' header too.
    assert find(dissection, "(7FE0,0010)").value == "20,000 bytes"
    cut = next(pdu for pdu in row.pdus if pdu.cut)
    inside = dissect(cut)
    assert len(inside.data) == 256
    assert "Only the first 256 of 4,012 bytes are kept" in inside.fields[0].problem
    assert inside.fields[0].length == 4012
    assert find(inside, "Presentation Data Value").children


def test_lost_pdus_end_what_can_be_placed() -> None:
    wire = Wire()
    records = wire.message(store_rq(), data_set(), sent=True, fragment=500)
    records[3] = records[3]._replace(lost=2)
    row = conversation_of([*wire.established(), *records]).rows[-1]
    dissection = dissect(row)
    assert find(dissection, "(0010,0010)").value == "Doe^John"
    for pdu in row.pdus:
        dissect(pdu)


def test_a_deflated_data_set_is_shown_inflated_without_places() -> None:
    deflater = zlib.compressobj(wbits=-15)
    data = deflater.compress(data_set()) + deflater.flush()
    dissection = dissect(store(data=data, accept=accepting("1.2.840.10008.1.2.1.99")))
    name = find(dissection, "(0010,0010)")
    assert name.value == "Doe^John"
    assert name.length == 0
    assert "inflated" in dissection.fields[1].meaning
    damaged = dissect(store(data=b"\xff" * 50, accept=accepting("1.2.840.10008.1.2.1.99")))
    assert "Cannot be inflated" in damaged.fields[1].problem


def test_an_unknown_transfer_syntax_is_not_guessed() -> None:
    dissection = dissect(store(accept=accepting("1.2.3.4")))
    assert dissection.fields[1].children == ()
    assert "not decoded" in dissection.fields[1].meaning


def test_a_capture_without_its_beginning_says_so() -> None:
    wire = Wire()
    row = conversation_of(wire.message(store_rq(), data_set(), sent=True)).rows[-1]
    assert "not known" in dissect(row).fields[1].problem


def test_markup_and_control_characters_of_the_peer_stay_text() -> None:
    data = b"\x10\0\x10\0PN\x12\0<b>\x1b[31m\x07evil</b> "
    assert len(data) == 8 + 18
    field = find(dissect(store(data=data)), "(0010,0010)")
    assert field.value == "<b>\\x1b[31m\\x07evil</b>"
