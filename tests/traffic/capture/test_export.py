"""The JSON of PDUs: what each kind says, what is hidden, and that nothing is kept longer than needed."""

from __future__ import annotations

import json
from io import BytesIO
from itertools import count
from typing import Any

import pytest
from traffic_wire import ACCEPT, CT, ECHO_RSP, REQUEST, USER, VERIFICATION, Wire, store_rq

from workstation.net.codec.dimse import C_FIND_RSP, N_GET_RQ, encode_command
from workstation.net.codec.pdu import (
    A_ABORT_RQ,
    A_ASSOCIATE_RJ,
    A_ASSOCIATE_RQ,
    A_RELEASE_RP,
    A_RELEASE_RQ,
    P_DATA_TF,
    PDV,
    UserIdentityRQ,
    encode_pdu,
)
from workstation.traffic.capture.export import JsonWriter, PassingLog, let_go, message_object, pdu_object
from workstation.traffic.conversation import Conversation
from workstation.traffic.record import Record
from workstation.traffic.rows import PduRow


def exported(*records: Record) -> list[dict[str, Any]]:
    """What the file of these records says, read again as JSON."""
    file = BytesIO()
    writer = JsonWriter(file)
    log = PassingLog(lambda conversation, pdu: writer.add(pdu_object(conversation, pdu)))
    log.add(records)
    log.end()
    writer.end()
    assert file.getvalue().isascii()
    found: list[dict[str, Any]] = json.loads(file.getvalue())
    return found


def value_of(one: dict[str, Any], name: str) -> Any:
    (field,) = [field for field in one["fields"] if field["name"] == name]
    return field["value"]


def test_each_kind_of_pdu() -> None:
    wire = Wire(7)
    pdus = (REQUEST, ACCEPT, A_ASSOCIATE_RJ(1, 1, 3), A_RELEASE_RQ(), A_RELEASE_RP(), A_ABORT_RQ(2, 6))
    found = exported(wire.open(), *(wire.pdu(pdu, sent=number != 1) for number, pdu in enumerate(pdus)))
    kinds = ["A-ASSOCIATE-RQ", "A-ASSOCIATE-AC", "A-ASSOCIATE-RJ", "A-RELEASE-RQ", "A-RELEASE-RP", "A-ABORT"]
    assert [one["type"] for one in found] == kinds
    assert [one["length"] for one in found] == [len(encode_pdu(pdu)) for pdu in pdus]
    assert [one["number"] for one in found] == [1, 2, 3, 4, 5, 6]
    assert [one["direction"] for one in found][:3] == ["to-acceptor", "to-requestor", "to-acceptor"]
    assert {one["association"] for one in found} == {7}
    assert found[0]["time"] == 1000.1
    assert found[0]["acceptor"] == "10.1.2.3:104"
    meanings = {"Source": "DICOM UL service-provider", "Reason/Diag.": "invalid-PDU-parameter value"}
    assert {field["name"]: field.get("meaning") for field in found[5]["fields"][4:]} == meanings
    assert found[5]["fields"][:5] == [
        {"name": "PDU Type", "value": 7, "offset": 0, "length": 1, "depth": 0, "meaning": "A-ABORT"},
        {"name": "Reserved", "value": "00", "offset": 1, "length": 1, "depth": 0},
        {"name": "PDU Length", "value": 4, "offset": 2, "length": 4, "depth": 0},
        {"name": "Reserved", "value": "0000", "offset": 6, "length": 2, "depth": 0},
        {"name": "Source", "value": 2, "offset": 8, "length": 1, "depth": 0, "meaning": meanings["Source"]},
    ]


def test_items_go_before_what_is_in_them() -> None:
    (one,) = exported(Wire().pdu(REQUEST, sent=True))
    fields = one["fields"]
    assert value_of(one, "Called AE Title") == "PACS"
    assert value_of(one, "Maximum Length Received") == 16384
    position = [(field["name"], field["value"]) for field in fields].index(("Abstract Syntax Name", CT))
    assert fields[position]["meaning"] == "CT Image Storage"
    around = next(field for field in reversed(fields[:position]) if field["depth"] < fields[position]["depth"])
    assert around["offset"] < fields[position]["offset"]
    assert around["offset"] + around["length"] >= fields[position]["offset"] + fields[position]["length"]


def test_the_acceptors_side_tells_the_same_direction() -> None:
    wire = Wire(mode="acceptor")
    found = exported(wire.open(), wire.pdu(REQUEST, sent=False), wire.pdu(ACCEPT, sent=True))
    assert [one["direction"] for one in found] == ["to-acceptor", "to-requestor"]


def test_a_message_is_told_by_the_pdu_that_completes_its_command() -> None:
    wire = Wire()
    records = [*wire.established(), *wire.message(store_rq(9), b"x" * 30, sent=True, fragment=40)]
    found = exported(*records)
    told = [one.get("message") for one in found[2:]]
    whole = encode_command(store_rq(9))
    assert len(whole) > 80
    last = (len(whole) - 1) // 40
    assert [bool(message) for message in told] == [index == last for index in range(len(told))]
    message = told[last]
    assert message is not None
    assert {
        name: message[name] for name in ("name", "context_id", "message_id", "status", "has_data_set", "length")
    } == {
        "name": "C-STORE-RQ",
        "context_id": 3,
        "message_id": 9,
        "status": None,
        "has_data_set": True,
        "length": len(whole),
    }
    command = {element["tag"]: element for element in message["command"]}
    assert command["(0000,0002)"] == {
        "tag": "(0000,0002)",
        "name": "Affected SOP Class UID",
        "vr": "UI",
        "value": CT,
        "offset": 12,
        "length": 34,
        "meaning": "CT Image Storage",
    }
    assert command["(0000,0100)"]["value"] == 1
    assert command["(0000,0100)"]["meaning"] == "C-STORE-RQ"
    offset = 0
    for element in message["command"]:
        assert element["offset"] == offset
        offset += element["length"]
    assert offset == len(whole)


def test_statuses_and_lists_of_tags() -> None:
    wire = Wire()
    answer = C_FIND_RSP(
        context_id=1, MessageIDBeingRespondedTo=2, Status=0xA900, OffendingElement=(0x00100010, 0x00100020)
    )
    request = N_GET_RQ(
        context_id=1,
        MessageID=3,
        RequestedSOPClassUID=VERIFICATION,
        RequestedSOPInstanceUID="1.2.3",
        AttributeIdentifierList=(0x00100010,),
    )
    found = exported(*wire.established(), *wire.message(answer, sent=False), *wire.message(request, sent=True))
    first, second = found[2]["message"], found[3]["message"]
    assert (first["name"], first["message_id"], first["status"]) == ("C-FIND-RSP", 2, 0xA900)
    offending = next(element for element in first["command"] if element["vr"] == "AT")
    assert offending["value"] == ["(0010,0010)", "(0010,0020)"]
    assert offending["meaning"] == "Patient's Name, Patient ID"
    assert next(element for element in second["command"] if element["vr"] == "AT")["value"] == ["(0010,0010)"]


def test_two_messages_in_one_pdu_are_both_told() -> None:
    wire = Wire()
    command = encode_command(ECHO_RSP)
    both = P_DATA_TF((PDV(1, True, True, command), PDV(1, True, True, command)))
    one = exported(*wire.established(), wire.pdu(both, sent=False))[-1]
    assert one["message"]["name"] == "C-ECHO-RSP"
    assert [message["name"] for message in one["further_messages"]] == ["C-ECHO-RSP"]


# --------------------------------------------------------------------------- what is not, and what is not shown
def test_large_values_are_told_by_their_beginning() -> None:
    wire = Wire()
    data = bytes(range(256)) * 8
    one = exported(*wire.established(), *wire.message(store_rq(), data, sent=True))[-1]
    assert value_of(one, "Presentation Data Value") == {"bytes": 2048, "beginning": bytes(range(32)).hex()}
    assert len(json.dumps(one)) < 2000


def test_passcodes_are_hidden() -> None:
    secret = UserIdentityRQ(2, False, b"joe", b"s3cret")
    request = A_ASSOCIATE_RQ(
        called_ae_title="PACS",
        calling_ae_title="MODALITY",
        presentation_contexts=REQUEST.presentation_contexts,
        user_information=(*USER, secret),
    )
    (one,) = exported(Wire().pdu(request, sent=True))
    assert value_of(one, "Secondary Field") == "hidden (6 bytes)"
    assert b"s3cret".hex() not in json.dumps(one)
    assert "s3cret" not in json.dumps(one)


def test_what_a_peer_writes_stays_a_text() -> None:
    title = "\x1b[31m<b>\u202e"
    raw = bytearray(encode_pdu(REQUEST))
    raw[26:42] = title.encode("utf-8").ljust(16)
    (one,) = exported(Wire().raw(bytes(raw), sent=True))
    assert value_of(one, "Calling AE Title") == title.encode("utf-8").decode("latin-1").rstrip()


def test_a_cut_pdu_says_what_is_here() -> None:
    wire = Wire()
    one = exported(*wire.established(), *wire.message(store_rq(), b"x" * 5000, sent=True, kept=256))[-1]
    assert (one["length"], one["kept"]) == (5012, 256)
    assert one["problem"] == "Only the first 256 of 5,012 bytes are kept"
    assert value_of(one, "Presentation Data Value")["bytes"] == 5000


def test_lost_pdus_are_counted() -> None:
    wire = Wire()
    one = exported(*wire.established(), wire.pdu(A_RELEASE_RQ(), sent=True, lost=4))[-1]
    assert one["lost_before"] == 4


@pytest.mark.parametrize("raw", [b"\x0a\0\0\0\0\2ab", b"\x0a", b"", b"\4\0\0\0\0\4\0\0\0\1", b"\1\0\0\0\0\2ab"])
def test_what_is_no_pdu_of_the_standard_is_told(raw: bytes) -> None:
    wire = Wire()
    record = wire.raw(raw or b"\0", sent=False)._replace(data=raw, length=len(raw))
    (one,) = exported(record)
    assert one["length"] == len(raw)
    assert one["type"] in ("0x0a", "0x00", "P-DATA-TF", "A-ASSOCIATE-RQ")
    assert one.get("problem") or any(field.get("problem") for field in one["fields"])


def test_a_command_set_that_cannot_be_read_is_told_as_far_as_it_can() -> None:
    wire = Wire()
    broken = encode_command(ECHO_RSP)[:-4]
    pdu = wire.pdu(P_DATA_TF((PDV(1, True, True, broken),)), sent=False)
    message = exported(*wire.established(), pdu)[-1]["message"]
    assert message["name"] is None
    assert "bytes are left" in message["problem"]
    assert message["command"][0]["tag"] == "(0000,0000)"
    assert message["command"][-1]["name"] == "Not Decoded"


# --------------------------------------------------------------------------- nothing is kept longer than needed
def test_a_long_message_does_not_stay_in_memory() -> None:
    wire = Wire()
    kept: list[int] = []

    def on_pdu(conversation: Conversation, pdu: PduRow) -> None:
        let_go(conversation, pdu)
        kept.append(sum(len(pdu.data) for row in conversation.rows for pdu in row.pdus))

    log = PassingLog(on_pdu)
    log.add(wire.established())
    log.add(wire.message(store_rq(), bytes(4_000_000), sent=True, fragment=100_000))
    assert len(kept) == 43
    assert max(kept) < 30_000


def test_many_messages_do_not_stay_in_memory() -> None:
    wire = Wire()
    rows: list[int] = []
    names: list[str] = []

    def on_pdu(conversation: Conversation, pdu: PduRow) -> None:
        names.extend(message_object(row)["name"] for row in [pdu.message] if row is not None and row.is_dimse)  # type: ignore[misc]
        let_go(conversation, pdu)
        rows.append(len(conversation.rows))

    log = PassingLog(on_pdu)
    log.add(wire.established())
    for _ in range(500):
        log.add(wire.echo())
    assert max(rows) <= 65
    assert names == ["C-ECHO-RQ", "C-ECHO-RSP"] * 500


def test_a_message_under_way_stays_while_others_go() -> None:
    """A long C-STORE request, and meanwhile a hundred answers of the other side."""
    wire = Wire()
    numbers = count()
    log = PassingLog(let_go)
    found: list[dict[str, Any]] = []
    log._on_pdu = lambda conversation, pdu: (found.append(pdu_object(conversation, pdu)), let_go(conversation, pdu))
    log.add(wire.established())
    store = wire.message(store_rq(), b"x" * 200, sent=True, fragment=20)
    for record in store:
        log.add([record])
        for _ in range(30):
            log.add(wire.message(ECHO_RSP, sent=False))
            next(numbers)
    messages = [one["message"]["name"] for one in found if "message" in one]
    assert messages.count("C-STORE-RQ") == 1
    assert messages.count("C-ECHO-RSP") == next(numbers)


def test_an_association_that_is_over_is_let_go() -> None:
    ended: list[int] = []
    log = PassingLog(lambda conversation, pdu: None, lambda conversation: ended.append(conversation.number))
    for number in range(1, 4):
        wire = Wire(number)
        log.add([*wire.established(), wire.close()])
    under_way = Wire(4)
    log.add(under_way.established())
    assert ended == [1, 2, 3]
    log.end()
    assert ended == [1, 2, 3, 4]
