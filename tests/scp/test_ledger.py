"""The ledger: what is kept comes back as it was, changes are whole, listeners hear of them."""

from __future__ import annotations

import struct
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from scp_objects import EXPLICIT, IMPLICIT

from workstation.net import dsutils
from workstation.scp.kept import data_set_of, text_of
from workstation.scp.ledger import DuplicateRecordError, Ledger, Record, UnknownRecordError


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'ledger.sqlite'}"


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    made = Ledger(url, durable=False)
    yield made
    made.close()


def step(**values: object) -> Dataset:
    data_set = Dataset()
    data_set.PatientName = "Yamada^Tarou=山田^太郎=やまだ^たろう"
    data_set.PatientID = "P1"
    for keyword, value in values.items():
        setattr(data_set, keyword, value)
    return data_set


# records


def test_what_is_added_is_there_after_a_restart(ledger: Ledger, url: str) -> None:
    added = ledger.add("ups", "1.2.3", step(), state="SCHEDULED", peer="CT1", facts={"lock": None, "tries": 2})
    ledger.close()
    again = Ledger(url, durable=False)
    assert again.get("ups", "1.2.3") == added
    assert again.get("ups", "1.2.4") is None
    assert again.get("worklist", "1.2.3") is None
    again.close()


def test_a_uid_is_taken_once_in_its_kind_only(ledger: Ledger) -> None:
    ledger.add("ups", "1", step())
    with pytest.raises(DuplicateRecordError, match="ups 1"):
        ledger.add("ups", "1", step(PatientID="other"))
    ledger.add("worklist", "1", step())
    kept = ledger.get("ups", "1")
    assert kept is not None
    assert kept.data_set.PatientID == "P1"
    assert ledger.counts() == {"ups": 1, "worklist": 1}


def test_a_change_is_told_and_timed_and_keeps_what_identifies_the_record(ledger: Ledger) -> None:
    added = ledger.add("ups", "1", step(), state="SCHEDULED", peer="CT1")
    heard: list[tuple[str, str]] = []
    end = ledger.listen(lambda kind, uid: heard.append((kind, uid)))
    changed = ledger.change("ups", "1", lambda record: replace(record, state="IN PROGRESS", uid="2", created=0.0))
    assert (changed.state, changed.uid, changed.created) == ("IN PROGRESS", "1", added.created)
    assert changed.changed > added.changed
    assert ledger.get("ups", "1") == changed
    assert heard == [("ups", "1")]
    assert ledger.remove("ups", "1")
    assert not ledger.remove("ups", "1")
    assert heard == [("ups", "1")] * 2
    end()
    end()
    ledger.add("ups", "1", step())
    assert len(heard) == 2


def test_what_a_change_raises_changes_nothing(ledger: Ledger) -> None:
    added = ledger.add("ups", "1", step())
    heard: list[str] = []
    ledger.listen(lambda _, uid: heard.append(uid))

    def refuse(record: Record) -> Record:
        record.data_set.PatientID = "other"
        raise PermissionError

    with pytest.raises(PermissionError):
        ledger.change("ups", "1", refuse)
    with pytest.raises(UnknownRecordError, match="ups 2"):
        ledger.change("ups", "2", refuse)
    assert ledger.get("ups", "1") == added
    assert not heard


def test_facts_that_are_no_json_are_refused_whole(ledger: Ledger) -> None:
    with pytest.raises(TypeError):
        ledger.add("ups", "1", step(), facts={"thread": threading.current_thread()})
    assert ledger.counts() == {}


def test_a_listener_that_fails_fails_nothing_else(ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    heard: list[str] = []

    def fail(_kind: str, _uid: str) -> None:
        raise RuntimeError("not my day")

    ledger.listen(fail)
    ledger.listen(lambda _, uid: heard.append(uid))
    ledger.add("ups", "1", step())
    assert heard == ["1"]
    assert "not my day" in caplog.text


def test_no_change_is_lost_between_threads(ledger: Ledger) -> None:
    ledger.add("ups", "1", step(), facts={"count": 0})

    def count(_: int) -> None:
        ledger.change("ups", "1", lambda record: replace(record, facts={"count": int(str(record.facts["count"])) + 1}))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(80)))
    record = ledger.get("ups", "1")
    assert record is not None
    assert record.facts == {"count": 80}


def test_one_of_many_threads_adds_a_record(ledger: Ledger) -> None:
    def add(number: int) -> bool:
        try:
            ledger.add("ups", "1", step(PatientID=str(number)))
        except DuplicateRecordError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(add, range(16))) == 1


# reading many


def test_records_come_in_the_order_of_their_arrival(ledger: Ledger) -> None:
    assert list(ledger.records("ups")) == []
    assert ledger.add_many("ups", [(str(number), step(), "OPEN" if number % 2 else "") for number in range(250)]) == [
        str(number) for number in range(250)
    ]
    numbers = [int(record.uid) for record in ledger.records("ups")]
    assert numbers == list(range(250))
    assert [int(record.uid) for record in ledger.records("ups", newest_first=True)] == numbers[::-1]
    assert [int(record.uid) for record in ledger.records("ups", state="OPEN")] == numbers[1::2]
    assert list(ledger.versions("ups")) == [str(number) for number in numbers]


def test_many_are_added_without_those_that_are_there(ledger: Ledger) -> None:
    ledger.add("ups", "2", step(PatientID="first"))
    heard: list[str] = []
    ledger.listen(lambda _, uid: heard.append(uid))
    assert ledger.add_many("ups", [("1", step(), ""), ("2", step(), ""), ("3", step(), "X")]) == ["1", "3"]
    assert ledger.add_many("ups", []) == []
    assert heard == ["1", "3"]
    second = ledger.get("ups", "2")
    assert second is not None
    assert second.data_set.PatientID == "first"


def test_records_can_be_changed_and_removed_while_they_are_read(ledger: Ledger) -> None:
    ledger.add_many("ups", [(str(number), step(), "") for number in range(220)])
    seen = []
    for record in ledger.records("ups"):
        seen.append(record)
        if record.uid == "0":
            ledger.change("ups", "150", lambda old: replace(old, state="CHANGED"))
            ledger.remove("ups", "160")
        ledger.change("ups", record.uid, lambda old: replace(old, peer="SEEN"))
    assert len(seen) == 219
    assert next(record for record in seen if record.uid == "150").state == "CHANGED"


def test_a_reader_who_stops_early_holds_nobody_up(ledger: Ledger, url: str) -> None:
    ledger.add_many("ups", [(str(number), step(), "") for number in range(300)])
    abandoned = ledger.records("ups")
    next(abandoned)
    # No transaction is open: the log can be written back, and whoever takes the whole file gets it.
    other = Ledger(url, durable=False)
    with other._engine.connect() as connection:
        busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()[0]
    other.close()
    assert busy == 0


def test_versions_and_models_tell_what_changed(ledger: Ledger) -> None:
    for uid in ("1", "2", "3"):
        ledger.add("ups", uid, step())
    before = ledger.versions("ups")
    ledger.change("ups", "2", lambda record: replace(record, state="DONE", data_set=step(PatientID="new")))
    ledger.remove("ups", "3")
    after = ledger.versions("ups")
    assert after.keys() == {"1", "2"}
    assert [uid for uid in after if before[uid] != after[uid]] == ["2"]
    models = {uid: (state, model) for uid, state, _, model in ledger.models("ups", ["2", "3"])}
    assert models.keys() == {"2"}
    assert models["2"][0] == "DONE"
    assert models["2"][1]["00100020"]["Value"] == ["new"]
    assert not ledger.is_shared


def test_each_change_has_a_later_time_whatever_the_clock_says(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    added = ledger.add("ups", "1", step())
    monkeypatch.setattr("workstation.scp.ledger.time.time", lambda: added.changed - 100)
    times = [ledger.change("ups", "1", lambda record: record).changed for _ in range(5)]
    assert sorted({added.changed, *times}) == [added.changed, *times]


# data sets as texts


def element(vr: str, value: bytes) -> bytes:
    head = struct.pack("<HH", 0x0010, 0x4000) + vr.encode()
    is_long = vr in ("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV")
    return head + (struct.pack("<xxI", len(value)) if is_long else struct.pack("<H", len(value))) + value


@pytest.mark.parametrize(
    ("vr", "value"),
    [
        ("DS", b"1.50"),
        ("DS", b"1\\\\2"),
        ("DS", b"12345678901234567890"),
        ("DS", b" 0.3"),
        ("IS", b"007 "),
        ("IS", b"1.5 "),
        ("IS", b"\\2"),
        ("PN", b"A^B=\\C"),
        ("PN", b"Doe\\"),
        ("PN", b"A=B=C=D "),
        ("PN", b"==C "),
        ("PN", b"A= "),
        ("AT", b"\x08\0\x05"),
        ("LO", b"a\\\\b"),
        ("LO", b"\\ "),
        ("LT", b"a\\b "),
        ("UN", b"a\0"),
        ("OB", bytes(range(256))),
        ("FD", struct.pack("<d", float("inf"))),
        ("FL", struct.pack("<f", float("nan"))),
        ("UV", struct.pack("<Q", 2**64 - 1)),
        ("AT", b"\x08\0\x05\0\x10\0\x20\0"),
        ("DA", b"20240101-2024013"),
        ("TM", b"nonsense"),
        ("UI", b"1.2.letters\0"),
        ("CS", b"not Upper "),
        ("SH", b"x" * 40),
        ("UR", b"http://localhost/ "),
    ],
)
def test_what_a_peer_sent_is_kept_as_it_was(vr: str, value: bytes) -> None:
    received = dsutils.decode_in(element(vr, value), EXPLICIT)
    assert next(iter(received)).value is not None  # decoded, as it is when it is looked at
    sent = dsutils.encode_in(received, EXPLICIT)
    back = data_set_of(text_of(received))
    assert dsutils.encode_in(back, EXPLICIT) == sent
    assert back[0x00104000].VR == received[0x00104000].VR


def test_a_value_that_is_none_of_its_vr_is_kept_as_bytes() -> None:
    received = dsutils.decode_in(element("IS", b"many"), EXPLICIT)
    kept = data_set_of(text_of(received))
    assert dsutils.encode_in(kept, IMPLICIT) == dsutils.encode_in(received, IMPLICIT)


def test_sequences_private_elements_and_empty_ones_are_kept() -> None:
    data_set = step(PatientBirthDate="", PatientWeight=None)
    data_set.ReferencedStudySequence = []
    code = Dataset()
    code.CodeMeaning = "Größe\\größer"
    code.ProcedureCodeSequence = [Dataset()]
    data_set.RequestedProcedureCodeSequence = Sequence([code, Dataset()])
    block = data_set.private_block(0x0099, "TESTER", create=True)
    block.add_new(1, "UN", b"\1\2")
    block.add_new(2, "LO", "ours")
    back = data_set_of(text_of(data_set))
    assert back == data_set
    assert "\\u" in text_of(data_set), "no character set of a database matters"


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["PatientName", "PatientID", "PatientComments", "StudyDescription", "OtherPatientIDs"]),
        st.text(st.characters(exclude_characters="\\^=\0", exclude_categories=("Cs",)), max_size=40),
    )
)
def test_any_text_comes_back(texts: dict[str, str]) -> None:
    data_set = Dataset()
    for keyword, text in texts.items():
        data_set[keyword] = DataElement(keyword, "PN" if keyword == "PatientName" else "LT", text)
    back = data_set_of(text_of(data_set))
    assert {keyword: str(back[keyword].value or "") for keyword in texts} == texts
