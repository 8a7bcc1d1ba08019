from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from traffic_wire import ACCEPT, REQUEST, Wire, store_rq

from workstation.net.codec.pdu import A_ASSOCIATE_RQ, ImplementationClassUID, MaximumLength, UserIdentityRQ
from workstation.traffic.analysis.find import (
    FindError,
    Hit,
    Needle,
    Words,
    _search,
    find_bytes,
    find_fields,
    find_in_bytes,
    find_in_fields,
)
from workstation.traffic.conversation import Conversation
from workstation.traffic.decoding.dissect import dissect
from workstation.traffic.log import TrafficLog


def encoded(**values: object) -> bytes:
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    stream = DicomBytesIO()
    stream.is_little_endian, stream.is_implicit_VR = True, False
    write_dataset(stream, dataset)
    return stream.getvalue()


def stored(*data: bytes, fragment: int = 1 << 20, kept: int | None = None, number: int = 1) -> Conversation:
    wire = Wire(number)
    records = wire.established()
    for message_id, one in enumerate(data, 1):
        records += wire.message(store_rq(message_id), one, sent=True, fragment=fragment, kept=kept)
    log = TrafficLog()
    log.add(records)
    return log.conversations[0]


def places(hits: object) -> list[tuple[int, int]]:
    return [hit for hit in hits if hit is not None]  # type: ignore[attr-defined]


def told(hits: object) -> list[Hit]:
    return [hit for hit in hits if hit is not None]  # type: ignore[attr-defined]


# --------------------------------------------------------------------------- what to look for
@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("0800", b"\x08\x00"),
        ("08 00", b"\x08\x00"),
        ("0x08,0x00", b"\x08\x00"),
        ("\\x08\\x00", b"\x08\x00"),
        ("08:00-ff", b"\x08\x00\xff"),
        ("FfFe", b"\xff\xfe"),
    ],
)
def test_hexadecimal_digits_however_they_are_set_apart(text: str, data: bytes) -> None:
    assert Needle.of_hex(text).patterns == (data,)


@pytest.mark.parametrize(("text", "words"), [("", "Type bytes"), ("0", "one is missing"), ("0g", "“g” is no")])
def test_what_are_no_bytes_is_said(text: str, words: str) -> None:
    with pytest.raises(FindError, match=words):
        Needle.of_hex(text)


def test_there_has_to_be_a_text() -> None:
    for make in (Needle.of_text, Words.of_text):
        with pytest.raises(FindError):
            make("")


@pytest.mark.parametrize("name", ["Müller", "MÜLLER", "müller"])
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_a_text_is_found_in_its_usual_encodings_and_either_case(name: str, encoding: str) -> None:
    data = b"xx" + name.encode(encoding) + b"yy"
    (found,) = places(find_in_bytes(data, Needle.of_text("müller")))
    assert found[0] == 2
    exactly = places(find_in_bytes(data, Needle.of_text("müller", case=True)))
    assert bool(exactly) == (name == "müller")


@given(st.text(max_size=20))
def test_any_text_is_bytes_or_a_sentence(text: str) -> None:
    for make in (Needle.of_text, Needle.of_hex):
        with suppress(FindError):
            assert all(make(text).patterns)


@given(
    st.binary(max_size=60).map(lambda data: bytes(byte % 3 for byte in data)),
    st.binary(min_size=1, max_size=4).map(lambda data: bytes(byte % 3 for byte in data)),
    st.lists(st.integers(1, 9), min_size=1, max_size=12),
)
def test_pieces_are_searched_as_the_whole_is(data: bytes, pattern: bytes, sizes: list[int]) -> None:
    needle = Needle((pattern,))
    pieces, start = [], 0
    while start < len(data):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(data[start : start + size])
        start += size
    assert places(_search(pieces, needle)) == list(needle.places(data))


# --------------------------------------------------------------------------- bytes
def test_a_place_counts_in_what_the_bytes_pane_shows() -> None:
    conversation = stored(encoded(PatientName="Doe^Jane", PatientID="4711"), encoded(PatientID="DOE"))
    hits = told(find_bytes([conversation], Needle.of_text("doe")))
    assert [hit.row.number for hit in hits] == [3, 4]
    for hit, data in zip(hits, (b"Doe", b"DOE"), strict=True):
        shown = dissect(hit.row).data
        assert shown[hit.place[0] : hit.place[0] + hit.length] == data
    assert [hit.key for hit in hits] == sorted(hit.key for hit in hits)


def test_what_lies_across_fragments_is_found() -> None:
    data = encoded(PatientName="Doe^Jane", PatientID="4711")
    conversation = stored(data, fragment=9)
    (hit,) = told(find_bytes([conversation], Needle.of_text("Doe^Jane")))
    assert dissect(hit.row).data[hit.place[0] :].startswith(b"Doe^Jane")


def test_headers_of_fragments_and_the_command_set_are_looked_at_too() -> None:
    conversation = stored(encoded(PatientID="4711"))
    hits = told(find_bytes([conversation], Needle.of_text("1.2.3.4.5")))
    assert [hit.row.name for hit in hits] == ["C-STORE-RQ"]
    assert [hit.row.name for hit in told(find_bytes([conversation], Needle.of_text("MODALITY")))] == [
        "A-ASSOCIATE-RQ",
        "A-ASSOCIATE-AC",
    ]


def test_what_was_let_go_is_not_found_nor_what_comes_behind_it() -> None:
    data = encoded(PatientName="Doe^Jane", PatientID="4711")
    conversation = stored(data, fragment=30, kept=20)
    assert told(find_bytes([conversation], Needle.of_text("4711"))) == []


def test_passcodes_are_not_found() -> None:
    wire = Wire()
    secret = UserIdentityRQ(2, False, b"joe", b"s3cret")
    request = A_ASSOCIATE_RQ(
        called_ae_title="PACS",
        calling_ae_title="CT",
        presentation_contexts=REQUEST.presentation_contexts,
        user_information=(MaximumLength(16384), ImplementationClassUID("1.2.3"), secret),
    )
    log = TrafficLog()
    log.add([wire.open(), wire.pdu(request, sent=True), wire.pdu(ACCEPT, sent=False)])
    assert told(find_bytes(log.conversations, Needle.of_text("s3cret"))) == []
    assert told(find_fields(log.conversations, Words.of_text("s3cret"))) == []


def test_rows_may_come_and_go_meanwhile() -> None:
    conversation = stored(*(encoded(PatientID=str(number)) for number in range(50)))
    search = find_bytes([conversation], Needle.of_text("LO"))
    found = [hit for _ in range(20) if (hit := next(search)) is not None]
    conversation.trim(30)
    for record in Wire().message(store_rq(99), encoded(PatientID="last"), sent=True):
        conversation.fold(record)
    found += told(search)
    numbers = [hit.row.number for hit in found]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] == conversation.rows[-1].number
    assert all(conversation.index_of(number) >= 0 for number in numbers[len(numbers) // 2 :])


def test_a_search_takes_small_steps() -> None:
    found = find_in_bytes(bytes(4 << 20), Needle.of_hex("01"))
    assert len([step for step in found if step is None]) >= 8


# --------------------------------------------------------------------------- fields
def test_names_values_and_uids_of_fields_are_found() -> None:
    conversation = stored(encoded(PatientName="Doe^Jane", PatientID="4711"))
    dissection = dissect(conversation.rows[2])
    for text, name in (
        ("patient's name", "(0010,0010) Patient's Name"),
        ("doe^", "(0010,0010) Patient's Name"),
        ("0010,0020", "(0010,0020) Patient ID"),
        ("1.2.840.10008.5.1.4.1.1.2", "(0000,0002) Affected SOP Class UID"),
        ("ct image", "(0000,0002) Affected SOP Class UID"),
    ):
        paths = places(find_in_fields(dissection.fields, Words.of_text(text)))
        assert paths, text
        field = dissection.field(paths[0])  # type: ignore[arg-type]
        assert field is not None
        assert field.name == name
    assert places(find_in_fields(dissection.fields, Words.of_text("DOE^", case=True))) == []


def test_fields_are_found_in_all_associations_in_order() -> None:
    one = stored(encoded(PatientID="A"), encoded(PatientID="B"), number=1)
    two = stored(encoded(PatientID="A"), number=2)
    hits = told(find_fields([one, two], Words.of_text("patient id: a")))
    assert [(hit.conversation.number, hit.row.number) for hit in hits] == [(1, 3), (2, 3)]
    for hit in hits:
        field = dissect(hit.row).field(hit.place)
        assert field is not None
        assert field.value == "A"


@given(st.text(max_size=20))
def test_any_words_are_looked_for(text: str) -> None:
    conversation = stored(encoded(PatientID="4711"))
    if text.strip():
        told(find_fields([conversation], Words.of_text(text)))
