"""Display filters: the language, what each field reads, and that nothing a person or a peer writes breaks them."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from traffic_wire import CT, EXPLICIT, IMPLICIT, Wire, store_rq

from workstation.net.codec.dimse import (
    C_CANCEL_RQ,
    C_FIND_RQ,
    C_FIND_RSP,
    C_MOVE_RQ,
    C_MOVE_RSP,
    C_STORE_RSP,
    encode_command,
)
from workstation.net.codec.pdu import A_ABORT_RQ, A_RELEASE_RP, A_RELEASE_RQ
from workstation.traffic.contexts import ContextRow
from workstation.traffic.conversation import Conversation
from workstation.traffic.filters.asking import ASSOCIATION_COLUMNS, MESSAGE_COLUMNS
from workstation.traffic.filters.fields import FIELDS, Kind, field_named, operators_of
from workstation.traffic.filters.filter import Filter, FilterError, combine, complete, filter_on, filter_on_field
from workstation.traffic.filters.language import quoted
from workstation.traffic.log import TrafficLog

MOVE = "1.2.840.10008.5.1.4.1.2.2.2"
FIND = "1.2.840.10008.5.1.4.1.2.2.1"


def encoded(dataset: Dataset, *, implicit: bool = False) -> bytes:
    stream = DicomBytesIO()
    stream.is_little_endian, stream.is_implicit_VR = True, implicit
    write_dataset(stream, dataset)
    return BytesIO(stream.getvalue()).read()


def image() -> Dataset:
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.SOPClassUID = CT
    dataset.SOPInstanceUID = "1.2.3.4.5"
    dataset.StudyDate = "20260501"
    item = Dataset()
    item.ReferencedSOPInstanceUID = "9.8.7"
    item.ScheduledStationAETitle = "CT9"
    dataset.ReferencedImageSequence = [item]
    dataset.PatientName = "Müller^Jürgen"
    dataset.PatientID = "4711"
    dataset.Rows = 512
    dataset.PixelData = b"\x01\x02" * 400
    dataset["PixelData"].VR = "OW"
    return dataset


def talk() -> Conversation:
    """An echo, a CT that is stored with a warning, a move that fails, a cancel and an abort: eleven rows."""
    wire = Wire()
    records = [*wire.established(), *wire.echo()]
    records += wire.message(store_rq(2), encoded(image()), sent=True, fragment=300)
    answered = C_STORE_RSP(
        context_id=3,
        MessageIDBeingRespondedTo=2,
        AffectedSOPClassUID=CT,
        AffectedSOPInstanceUID="1.2.3.4.5",
        Status=0xB000,
    )
    wire.time += 4
    records += wire.message(answered, sent=False)
    identifier = Dataset()
    identifier.QueryRetrieveLevel = "STUDY"
    move = C_MOVE_RQ(
        context_id=1,
        MessageID=9,
        AffectedSOPClassUID=MOVE,
        Priority=0,
        MoveDestination="ELSEWHERE",
        has_data_set=True,
    )
    records += wire.message(move, encoded(identifier, implicit=True), sent=True)
    for status, counts in ((0xFF00, (3, 1, 0, 0)), (0xA702, (0, 1, 2, 1))):
        moved = C_MOVE_RSP(
            context_id=1,
            MessageIDBeingRespondedTo=9,
            AffectedSOPClassUID=MOVE,
            Status=status,
            ErrorComment="No disk" if status == 0xA702 else None,
            NumberOfRemainingSuboperations=counts[0],
            NumberOfCompletedSuboperations=counts[1],
            NumberOfFailedSuboperations=counts[2],
            NumberOfWarningSuboperations=counts[3],
        )
        records += wire.message(moved, sent=False)
    records += wire.message(C_CANCEL_RQ(context_id=1, MessageIDBeingRespondedTo=9), sent=True)
    records.append(wire.pdu(A_ABORT_RQ(source=0), sent=False))
    log = TrafficLog()
    log.add(records)
    (conversation,) = log.conversations
    return conversation


TALK = talk()
ALL = [row.number for row in TALK.rows]


def passing(text: str, conversation: Conversation = TALK) -> list[int]:
    """The rows that pass, by each of the ways to ask."""
    wanted = Filter.of(text)
    rows = wanted.rows(conversation)
    assert rows == [row.number for row in conversation.rows if wanted.passes(conversation, row)]
    found: list[int] = []
    for _ in wanted.search(conversation, found):
        pass
    assert found == rows
    one: list[int] = []
    for _ in wanted.search(conversation, one, most=1):
        pass
    assert one == rows[:1]
    assert wanted.any(conversation) == bool(rows)
    return rows


def test_the_talk_is_what_the_tests_say() -> None:
    assert [row.name for row in TALK.rows] == [
        "A-ASSOCIATE-RQ",
        "A-ASSOCIATE-AC",
        "C-ECHO-RQ",
        "C-ECHO-RSP",
        "C-STORE-RQ",
        "C-STORE-RSP",
        "C-MOVE-RQ",
        "C-MOVE-RSP",
        "C-MOVE-RSP",
        "C-CANCEL-RQ",
        "A-ABORT",
    ]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        # logic
        ('calling == "MODALITY" and status != 0', [6, 8, 9]),
        ("status == 0 or dimse == C-CANCEL-RQ", [4, 10]),
        ("not dimse", [1, 2, 11]),
        ("!dimse && direction == received", [2, 11]),
        ("status or dimse and not dimse", [4, 6, 8, 9]),
        ("(status or dimse) and not dimse", []),
        ("not not status", [4, 6, 8, 9]),
        ("dimse AND STATUS", [4, 6, 8, 9]),
        # status: a row without one passes no comparison
        ("status != 0", [6, 8, 9]),
        ("not status == 0", [1, 2, 3, 5, 6, 7, 8, 9, 10, 11]),
        ("status", [4, 6, 8, 9]),
        ("status == warning", [6]),
        ("status == pending", [8]),
        ("status in {failure, success}", [4, 9]),
        ("status != warning", [4, 8, 9]),
        ("status >= 0xA700", [6, 8, 9]),
        ("status == A702", [9]),
        ("status eq 0000", [4]),
        ("status in {0xA700..0xAFFF, 0}", [4, 9]),
        ("status in 0xFF00..0xFFFF", [8]),
        # numbers, times and sizes
        ("number in {1, 3..5}", [1, 3, 4, 5]),
        ("association == 1", ALL),
        ("association != 1", []),
        ("time > 4 s", [6, 7, 8, 9, 10, 11]),
        ("time > 4000 ms and time <= 5.5 s", [6, 7, 8, 9]),
        ("delta > 2 s", [6]),
        ("response_time > 4000ms", [6]),
        ("response_time < 1", [4, 8, 9]),
        ("message_id == 9", [7, 8, 9, 10]),
        ("request == 7", [8, 9]),
        ("size > 0.9 KiB", [5]),
        ("data_size > 800 B", [5]),
        ("duration > 0", [5, 7]),
        ("context == 3", [5, 6]),
        ("context != 3", [3, 4, 7, 8, 9, 10]),
        ("remaining == 3", [8]),
        ("failed > 0 and warnings == 1 and completed == 1", [9]),
        ("completed", [8, 9]),
        # names
        ("dimse == C-STORE", [5, 6]),
        ("dimse == c-store-rq", [5]),
        ("dimse != C-ECHO", [1, 2, 5, 6, 7, 8, 9, 10, 11]),
        ("dimse in {C-ECHO-RSP, A-ABORT}", [4, 11]),
        ("dimse contains store", [5, 6]),
        ('dimse matches "^c-(store|echo)-rq$"', [3, 5]),
        ("direction == sent", [1, 3, 5, 7, 10]),
        ("direction == to-requestor", [2, 4, 6, 8, 9, 11]),
        ("direction != to-requestor", [1, 3, 5, 7, 10]),
        ("pdu.type == A-ABORT", [11]),
        ("pdu.type != 4", [1, 2, 11]),
        ("dicom.pdu.type in {1, 2}", [1, 2]),
        ("pdu.length > 200", [1, 2, 5]),
        ("pdu.length != 10", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        ("pdu.count > 2", [5]),
        # UIDs
        ("sop_class == CTImageStorage", [5, 6]),
        ('sop_class == "CT Image Storage"', [5, 6]),
        (f"sop_class == {CT}", [5, 6]),
        ("sop_class != CTImageStorage", [3, 4, 7, 8, 9]),
        ("sop_class contains image", [5, 6]),
        ('sop_class matches "ct.*storage"', [5, 6]),
        ("sop_class in {Verification, CTImageStorage}", [3, 4, 5, 6]),
        ("sop_instance == 1.2.3.4.5", [5, 6]),
        ("transfer_syntax == ExplicitVRLittleEndian", [5, 6]),
        # texts
        ('error_comment contains "DISK"', [9]),
        ("error_comment", [9]),
        ('error_comment != "else"', [9]),
        ("detail contains accepted", [2]),
        ("problem", []),
        ("complete", ALL),
        ("complete == false", []),
        # of the association
        ('called == "PACS"', ALL),
        ("called == pacs", []),
        ("called contains pacs", ALL),
        ("calling in {A, MODALITY}", ALL),
        ("address == 10.1.2.3", ALL),
        ('address == "10.1.2.3:104"', ALL),
        ('address != "10.1.2.3:104"', []),
        ('address != "10.9.9.9"', ALL),
        ("port == 104", ALL),
        ("local_port", []),
        ("state == sta6", ALL),
        ("outcome contains abort", ALL),
        ("mode == requestor", ALL),
        ("role == acceptor", []),
        ("established and not finished", ALL),
        ("implementation == TEST", ALL),
        ("remark", []),
        # elements
        ('PatientID == "4711"', [5]),
        ("tag(0010,0020) == 4711", [5]),
        ("(0010,0020) contains 71", [5]),
        ("PatientName contains müller", [5]),
        ('PatientName matches "^M.*J"', [5]),
        ("ImageType == PRIMARY", [5]),
        ('ImageType == "ORIGINAL\\PRIMARY"', [5]),
        ("ScheduledStationAETitle == CT9", [5]),
        ("ReferencedSOPInstanceUID", [5]),
        ("ReferencedImageSequence", [5]),
        ("Rows > 500 and Rows <= 512", [5]),
        ("Rows in 500..512", [5]),
        ("Rows == 512.0", [5]),
        ("StudyDate >= 2026-01-01", [5]),
        ("StudyDate > 2026-05-01", []),
        ("PixelData", [5]),
        ("StudyInstanceUID", []),
        ("PatientID != 4711", []),
        ("QueryRetrieveLevel == STUDY", [7]),
        ("MoveDestination == ELSEWHERE", [7]),
        ("Priority == 0", [5, 7]),
        ("SOPClassUID == CTImageStorage", [5]),
        # searches
        ('"elsewhere"', [7]),
        ('"MÜLLER"', [5]),
        ('text contains "No disk"', [9]),
        ('"Success"', [4]),
        ('text matches "m.ller\\^j"', [5]),
        ('bytes contains "10 00 20 00 4C 4F"', [5]),
        ('bytes contains "1000:2000-4C"', [5]),
        ("bytes contains 10:00:20:00", [5]),
        ("bytes contains 0x0700", [1, 2, 5, 11]),
    ],
)
def test_each_field_and_relation(text: str, rows: list[int]) -> None:
    if text.startswith("bytes contains 0x"):
        needle = bytes.fromhex("0700")
        rows = [row.number for row in TALK.rows if any(needle in pdu.data for pdu in row.pdus)]
        assert 0 < len(rows) < len(ALL)
    assert passing(text) == rows


def test_moments_are_as_long_as_they_are_written() -> None:
    # The rows lie 1000 s after the epoch and some; the clock on the wall depends on the place.
    from datetime import datetime

    first = datetime.fromtimestamp(TALK.rows[0].time)
    fifth = datetime.fromtimestamp(TALK.rows[5].time)
    assert passing(f"clock == {first:%Y-%m-%d}") == ALL
    assert passing(f'clock == "{first:%Y-%m-%d %H:%M}"') == ALL
    assert passing(f'clock < "{first:%Y-%m-%d %H:%M}"') == []
    assert passing(f"clock >= {fifth:%H:%M:%S}") == [number for number in ALL if number >= 6]
    assert passing(f"clock > {fifth:%H:%M:%S.%f}") == [number for number in ALL if number > 6]
    assert passing(f"clock != {first:%H:%M}") == []
    assert passing(f"clock in {first:%H:%M:%S}..{first:%H:%M:%S}") == [1, 2, 3, 4, 5]


def test_text_is_found_across_fragments_and_not_beside_them() -> None:
    log = TrafficLog()
    wire = Wire()
    log.add(wire.established())
    log.add(wire.message(store_rq(), encoded(image()), sent=True, fragment=7))
    log.add(wire.message(store_rq(2), encoded(image())[:4] + b"4711", sent=True, fragment=2))
    (conversation,) = log.conversations
    data = encoded(image())
    assert passing('"4711"', conversation) == [3, 4]
    assert passing(f'bytes contains "{data[100:140].hex()}"', conversation) == [3]
    assert passing('"Müller^J"', conversation) == [3]
    assert passing("PatientID == 4711", conversation) == [3]
    # A stretch that would need bytes of the next PDU's header is not in the message.
    other = data[:7] + conversation.rows[2].pdus[2].data[:6]
    assert passing(f'bytes contains "{other.hex()}"', conversation) == []


def test_elements_of_other_encodings_and_damaged_ones() -> None:
    dataset = image()
    del dataset.PixelData
    plain = encoded(dataset)
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    deflated = deflater.compress(plain) + deflater.flush()
    cases = [
        (IMPLICIT, encoded(dataset, implicit=True), True),
        (EXPLICIT, plain, True),
        ("1.2.840.10008.1.2.1.99", deflated, True),
        ("1.2.840.10008.1.2.1.99", plain, False),
        ("1.2.3.4", plain, False),
        (EXPLICIT, plain[:60], False),
        (EXPLICIT, b"\x10\x00\x20\x00" * 20, False),
        (IMPLICIT, plain, False),
    ]
    for syntax, data, there in cases:
        log = TrafficLog()
        wire = Wire()
        log.add(wire.established())
        (conversation,) = log.conversations
        conversation.contexts[3] = ContextRow(3, CT, (syntax,), 0, syntax)
        log.add(wire.message(store_rq(), data, sent=True))
        assert passing('PatientID == "4711"', conversation) == ([3] if there else []), syntax
        assert passing('PatientName == "Müller^Jürgen"', conversation) == ([3] if there else []), syntax


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([IMPLICIT, EXPLICIT, "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"]))
def test_whatever_a_peer_sends_as_a_data_set_is_looked_at_without_harm(data: bytes, syntax: str) -> None:
    log = TrafficLog()
    wire = Wire()
    log.add(wire.established())
    (conversation,) = log.conversations
    conversation.contexts[3] = ContextRow(3, CT, (syntax,), 0, syntax)
    order = ">" if syntax.endswith(".2.2") else "<"
    header = struct.pack(f"{order}HH", 0x0010, 0x0020)
    log.add(wire.message(store_rq(), data + header + data + header * 3, sent=True, fragment=64))
    for text in ("PatientID", "PatientID == x", 'PatientID matches "a*b"', "PatientID > 3", '"a"', 'text matches "x$"'):
        assert set(passing(text, conversation)) <= {1, 2, 3}


def test_an_association_without_rows_passes_by_itself() -> None:
    log = TrafficLog()
    wire = Wire()
    log.add([wire.open()])
    (conversation,) = log.conversations
    assert Filter.of('calling == "MODALITY"').any(conversation)
    assert not Filter.of('calling == "OTHER"').any(conversation)
    assert not Filter.of("status").any(conversation)
    assert Filter.of("not status and port == 104").any(conversation)
    assert Filter.of("port == 104").passes(conversation, None)
    log.add(wire.established()[3:])
    assert not Filter.of("status").any(conversation)
    assert Filter.of("pdu.type == 1").any(conversation)


def test_what_is_about_the_association_alone_is_known_and_cheap_to_ask() -> None:
    assert Filter.of('calling == "A" or not (port == 3 and finished)').on_association_only
    assert not Filter.of('calling == "A" or status').on_association_only
    assert [Filter.of(text).cost for text in ("status", "pdu.length > 3", "PatientID", '"x"')] == [0, 1, 2, 3]
    assert Filter.of(" status ") == Filter.of("status")
    assert Filter.of("status") != Filter.of("problem")


def test_a_pdu_passes_as_its_message_does() -> None:
    wanted = Filter.of("dimse == C-STORE-RQ")
    assert all(wanted.passes(TALK, pdu) == (row.number == 5) for row in TALK.rows for pdu in row.pdus)


def test_a_row_that_grows_is_asked_again() -> None:
    log = TrafficLog()
    wire = Wire()
    log.add(wire.established())
    records = wire.message(store_rq(), encoded(image()), sent=True, fragment=200)
    log.add(records[:3])
    (conversation,) = log.conversations
    wanted = Filter.of("complete and PatientID")
    assert wanted.rows(conversation) == []
    log.add(records[3:])
    assert wanted.rows(conversation) == [3]


def test_search_goes_on_while_rows_come_and_go() -> None:
    log = TrafficLog(max_rows=30_000)
    wire = Wire()
    log.add(wire.established())
    for _ in range(6_000):
        log.add(wire.message(store_rq(), sent=True))
    (conversation,) = log.conversations
    found: list[int] = []
    wanted = Filter.of("dimse == C-STORE-RQ and pdu.length > 0")
    work = wanted.search(conversation, found)
    next(work)
    assert 0 < len(found) < 6_000
    conversation.trim(4_500)
    for _ in range(10):
        log.add(wire.message(store_rq(), sent=True))
    for _ in work:
        pass
    assert found == sorted(set(found))
    assert set(wanted.rows(conversation)) <= set(found)
    assert found[-1] == conversation.rows[-1].number


@pytest.mark.parametrize(
    ("text", "words", "mark"),
    [
        ("", "empty", ""),
        ("   ", "empty", "   "),
        ("statsu == 0", "Do you mean status?", "statsu"),
        ("PatientNam", "Do you mean PatientName?", "PatientNam"),
        ("rubbish", 'put it in quotes: "rubbish"', "rubbish"),
        ("status ==", "value is missing", "=="),
        ('calling "CT1"', 'calling == "CT1"', '"CT1"'),
        ('calling == "CT1', "has no end", '"'),
        ("(status == 0", "not closed", "("),
        ("status == 0)", "closes nothing", ")"),
        ("status == 0 problem", "and, or", "problem"),
        ("and status", "before and", "and"),
        ("status and", "missing at the end", ""),
        ("not", "missing at the end", ""),
        ("== 3", "nothing in front", "=="),
        ("5 == status", "is a value", "5"),
        ("status == sideways", "no status", "sideways"),
        ("status < failure", "no order", "failure"),
        ("status contains 3", "it takes", "status contains 3"),
        ("dimse == C-STORR", "Do you mean C-STORE?", "C-STORR"),
        ("sop_class == CTImageStorag", "Do you mean CTImageStorage?", "CTImageStorag"),
        ("pdu.type == P-DATA", "Do you mean P-DATA-TF?", "P-DATA"),
        ("direction == up", "to-requestor", "up"),
        ("complete == perhaps", "neither true nor false", "perhaps"),
        ("size > 5 ms", "no unit ms", "5 ms"),
        ("number == 3 s", "leave it out", "3 s"),
        ("number == x", "no number", "x"),
        ("number in 5..2", "ends before it begins", "5..2"),
        ("calling in A..B", "not between texts", "A..B"),
        ("status in {1, 2", "} is missing", "{"),
        ("calling == called", "not with each other", "called"),
        ("clock > 25:00", "no time", "25:00"),
        ("clock > 5", "no time", "5"),
        ('clock > "13:05+02:00"', "no time", '"13:05+02:00"'),
        ('calling matches "(a"', "not closed", "("),
        ('bytes contains "1"', "pairs of hexadecimal", '"1"'),
        ("bytes == 10", "it takes contains", "bytes == 10"),
        ("text", "text contains", "text"),
        ("direction", "needs something", "direction"),
        ('""', "nothing between the quotes", '""'),
        ("status # 0", "means nothing", "#"),
        ("(" * 60 + "status" + ")" * 60, "Nested deeper", "("),
        ("status " * 1000, "at most", ""),
    ],
)
def test_what_is_wrong_is_said_and_marked(text: str, words: str, mark: str) -> None:
    with pytest.raises(FilterError) as caught:
        Filter.of(text)
    error = caught.value
    assert words in error.sentence
    assert text[error.position : error.position + error.length] == mark
    assert str(error) == error.sentence


# --- nothing else is raised, whatever is written ---------------------------------------------------------------------


def filter_or_error(text: str) -> Filter | FilterError:
    try:
        return Filter.of(text)
    except FilterError as error:
        return error


PIECES = st.sampled_from(
    [
        *(field.name for field in FIELDS),
        *(operator for operator in ("==", "!=", "<", ">=", "contains", "matches", "in", "and", "or", "not", "(", ")")),
        *("{", "}", ",", "..", '"x"', "'", '"', "0x1F", "12 ms", "3.5", "C-STORE", "failure", "12:30", "2026-01-01"),
        *(
            "PatientID",
            "tag(0010,0020)",
            "true",
            "CTImageStorage",
            "1.2.840.10008.1.1",
            '"(a+)+"',
            "\\",
            "\n",
            "-",
            "π",
        ),
    ]
)


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.lists(PIECES, max_size=12).map(" ".join), st.text(max_size=60)))
def test_any_text_is_a_filter_or_a_filter_error(text: str) -> None:
    wanted = filter_or_error(text)
    if isinstance(wanted, FilterError):
        assert wanted.sentence
        assert 0 <= wanted.position <= len(text)
        assert 0 <= wanted.length <= len(text) - wanted.position
        return
    assert Filter.of(wanted.text) == wanted
    rows = passing(text)
    assert set(rows) <= set(ALL)
    if wanted.on_association_only:
        assert rows in ([], ALL)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40), st.integers(0, 60))
def test_completion_takes_any_text(text: str, cursor: int) -> None:
    for offer in complete(text, cursor):
        assert 0 <= offer.start <= offer.end <= len(text)
        assert offer.text


@st.composite
def field_tests(draw: DrawFn) -> str:
    field = draw(st.sampled_from(FIELDS))
    relation = draw(st.sampled_from(operators_of(field)))
    if not relation:
        return field.name
    value = {
        Kind.STATUS: "0xB000",
        Kind.MESSAGE: "C-STORE-RSP",
        Kind.PDU_TYPE: "4",
        Kind.DIRECTION: "sent",
        Kind.FLAG: "true",
        Kind.MOMENT: "2000-01-01",
        Kind.BYTES: "'00 01'",
        Kind.UID: "CTImageStorage",
    }.get(field.kind, "5")
    return f"{field.name} {relation} {{{value}}}" if relation == "in" else f"{field.name} {relation} {value}"


@settings(max_examples=40, deadline=None)
@given(field_tests(), field_tests())
def test_logic_is_that_of_sets(one: str, other: str) -> None:
    first, second = set(passing(one)), set(passing(other))
    assert set(passing(f"{one} and {other}")) == first & second
    assert set(passing(f"{one} or {other}")) == first | second
    assert set(passing(f"not {one}")) == set(ALL) - first
    assert set(passing(f"not ({one} or {other})")) == set(ALL) - first - second
    assert set(passing(f"{one} and not {other} or {other} and not {one}")) == first ^ second
    assert set(passing(combine(one, other, "and"))) == first & second
    assert set(passing(combine(one, other, "or"))) == first | second
    assert set(passing(combine(one, other, "and not"))) == first - second
    assert set(passing(combine(combine(one, other, "or"), one, "and"))) == first


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_every_example_of_the_help_is_a_filter(field: object) -> None:
    Filter.of(field.example)  # type: ignore[attr-defined]
    for relation in operators_of(field):  # type: ignore[arg-type]
        assert field_named(field.name) is field  # type: ignore[attr-defined]
        assert isinstance(relation, str)


@settings(max_examples=100, deadline=None)
@given(st.text(min_size=1, max_size=40))
def test_any_value_is_quoted_so_that_it_is_found_again(value: str) -> None:
    conversation = Conversation(1, 0.0)
    conversation.calling = value
    assert Filter.of(f"calling == {quoted(value)}").any(conversation)
    assert not Filter.of(f"calling == {quoted(value + 'x')}").any(conversation)
    assert Filter.of(f"calling != {quoted(value + 'x')}").any(conversation)


# --- filters on what a person points at ------------------------------------------------------------------------------


def test_filtering_on_a_cell_keeps_its_row() -> None:
    for row in TALK.rows:
        for column in MESSAGE_COLUMNS:
            expression = filter_on(TALK, row, column)
            assert row.number in passing(expression), (column, expression)
            assert filter_on(TALK, row, MESSAGE_COLUMNS.index(column)) == expression
        for pdu in row.pdus:
            for column in MESSAGE_COLUMNS:
                assert row.number in passing(filter_on(TALK, pdu, column))
    for column in ASSOCIATION_COLUMNS:
        assert passing(filter_on(TALK, None, column))[-1] == 11
    assert filter_on(TALK, None, 99) == ""


def test_filtering_on_a_cell_says_what_the_cell_says() -> None:
    rows = {row.number: row for row in TALK.rows}
    assert filter_on(TALK, rows[9], "status") == "status == 0xA702"
    assert filter_on(TALK, rows[9], "detail") == 'error_comment == "No disk"'
    assert filter_on(TALK, rows[5], "detail") == "sop_class == CTImageStorage"
    assert filter_on(TALK, rows[5], "name") == "dimse == C-STORE-RQ"
    assert filter_on(TALK, rows[5].pdus[0], "name") == "pdu.type == P-DATA-TF"
    assert filter_on(TALK, rows[1], "context") == "not dimse"
    assert filter_on(TALK, None, "parties") == 'calling == "MODALITY" and called == "PACS"'


@pytest.mark.parametrize(
    ("name", "value", "expression"),
    [
        ("(0010,0020) Patient ID", "4711", 'PatientID == "4711"'),
        ("(0010,0010) Patient's Name", "Very long…", 'PatientName contains "Very long"'),
        ("(0029,1010) Private Data Element", "x", 'tag(0029,1010) == "x"'),
        ("(0000,0900) Status", 0xA700, "status == 0xA700"),
        ("(0000,0002) Affected SOP Class UID", CT, "sop_class == CTImageStorage"),
        ("(0000,0100) Command Field", 0x8021, "dimse == C-MOVE-RSP"),
        ("(0000,1021) Number of Completed Sub-operations", 3, "completed == 3"),
        ("Calling AE Title", 'a"b', 'calling == "a\\"b"'),
        ("PDU Type", 7, "pdu.type == A-ABORT"),
        ("PDU Length", 4, "pdu.length == 10"),
        ("Reserved", b"\x00\x01", 'bytes contains "00 01"'),
        ("Maximum Length Received", 16384, 'text contains "16384"'),
        ("Anything", None, ""),
        ("(0010,0020) Patient ID", "", "PatientID"),
    ],
)
def test_filtering_on_a_decoded_field(name: str, value: object, expression: str) -> None:
    assert filter_on_field(name, value) == expression
    if expression:
        Filter.of(expression)


def test_what_a_peer_wrote_stays_a_value() -> None:
    evil = '" or status == 0 or "'
    conversation = Conversation(1, 0.0)
    conversation.calling = evil
    expression = filter_on(conversation, None, "parties")
    assert Filter.of(expression).any(conversation)
    assert Filter.of(filter_on_field("(0010,0010) Patient's Name", evil)).rows(TALK) == []


@pytest.mark.parametrize(
    ("old", "new", "how", "both"),
    [
        ("", "status", "and", "status"),
        ("", "status or dimse", "and not", "not (status or dimse)"),
        ("problem or dimse", "status", "and", "(problem or dimse) and status"),
        ("problem", "status or dimse", "and", "problem and (status or dimse)"),
        ("problem", "status", "and not", "problem and not status"),
        ("problem", "status and dimse", "and not", "problem and not (status and dimse)"),
        ("problem", "status", "or", "problem or status"),
        ("status ==", "problem", "and", "problem"),
        ("status", "status", "and", "status"),
        ("dimse and status", "status", "and", "dimse and status"),
        ("status", "status", "or", "status"),
    ],
)
def test_combining(old: str, new: str, how: str, both: str) -> None:
    assert combine(old, new, how) == both  # type: ignore[arg-type]
    Filter.of(both)


# --- completion ------------------------------------------------------------------------------------------------------


def known(name: str) -> list[str]:
    return {"calling": ["CT1", "MR 2"], "sop_class": [CT, FIND]}.get(name, [])


@pytest.mark.parametrize(
    ("text", "first", "start", "end"),
    [
        ("sta", ["state", "status"], 0, 3),
        ("status != 0 and dim", ["dimse"], 16, 19),
        ("(pdu.t", ["pdu.type"], 1, 6),
        ("status ", ["==", "!=", "<", "<="], 7, 7),
        ("text con", ["contains"], 5, 8),
        ("status == f", ["failure"], 10, 11),
        ("status in {", ["success", "pending"], 11, 11),
        ("status in {0, ", ["success", "pending"], 14, 14),
        ("status in {0} ", ["and", "or"], 14, 14),
        ("calling == ", ['"CT1"', '"MR 2"'], 11, 11),
        ('calling == "M', ['"MR 2"'], 11, 13),
        ("sop_class == CTI", ["CTImageStorage"], 13, 16),
        ("sop_class == ", ["CTImageStorage", "StudyRootQueryRetrieveInformationModelFind"], 13, 13),
        ("transfer_syntax == JPEGBas", ["JPEGBaseline8Bit"], 19, 26),
        ("dimse == C-ST", ["C-STORE", "C-STORE-RQ", "C-STORE-RSP"], 9, 13),
        ("PatientN", ["PatientName"], 0, 8),
        ("time > ", ["10 ms"], 7, 7),
        ("status == 0 a", ["and"], 12, 13),
        ("not ", ["association"], 4, 4),
    ],
)
def test_completion_offers_what_may_come(text: str, first: list[str], start: int, end: int) -> None:
    offers = complete(text, len(text), known)
    assert [offer.text for offer in offers][: len(first)] == first
    assert {(offer.start, offer.end) for offer in offers} == {(start, end)}


def test_completion_in_the_midst_replaces_the_whole_word() -> None:
    offers = complete("statxx != 0", 4, known)
    assert [(offer.text, offer.start, offer.end) for offer in offers[:2]] == [("state", 0, 6), ("status", 0, 6)]
    closed = complete('calling == "C" and', 13, known)
    assert [(offer.text, offer.start, offer.end) for offer in closed] == [('"CT1"', 11, 14)]


def test_completion_stays_silent_within_a_text_that_is_looked_for() -> None:
    assert complete('"sta', 4, known) == []
    assert all(offer.help for offer in complete("", 0, known))
    assert complete("status", 6)[0].text == "status"
    assert complete("error_comment", 13) == []


def test_a_rejected_association_and_one_that_releases() -> None:
    log = TrafficLog()
    wire = Wire(association=4)
    log.add([*wire.established(), wire.pdu(A_RELEASE_RQ(), sent=True), wire.pdu(A_RELEASE_RP(), sent=False)])
    (conversation,) = log.conversations
    assert passing("outcome == released and association == 4", conversation) == [1, 2, 3, 4]
    assert passing("pdu.type in {A-RELEASE-RQ, 6}", conversation) == [3, 4]


def test_a_find_with_a_broken_command_is_seen_as_a_problem() -> None:
    asked = C_FIND_RQ(context_id=1, MessageID=1, AffectedSOPClassUID=FIND, Priority=0, has_data_set=True)
    assert encode_command(asked)
    log = TrafficLog()
    wire = Wire()
    log.add(wire.established())
    answer = C_FIND_RSP(context_id=1, MessageIDBeingRespondedTo=1, AffectedSOPClassUID=FIND, Status=0)
    log.add(wire.message(answer, sent=False, fragment=20, kept=30)[:-1])
    log.add(wire.message(asked, b"\x08\x00\x52\x00", sent=False))
    (conversation,) = log.conversations
    assert passing("problem or not complete", conversation)
