"""The matching rules of PS3.4 C.2.2.2, one line each."""

import time

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from workstation.scp.query.matching import AnyOf, MalformedKeyError, Query, Universal, compile_key, significant

# VR, key, stored values, matches?
RULES = [
    # single value
    ("LO", "ABC", ["ABC"], True),
    ("LO", "ABC", ["abc"], False),
    ("LO", "ABC", [], False),
    ("LO", "ABC", ["X", "ABC"], True),
    ("UI", "1.2.3", ["1.2.3"], True),
    ("UI", "1.2.3", ["1.2.30"], False),
    ("IS", "1", ["01"], True),
    ("IS", "1", ["+1"], True),
    ("IS", "1", ["10"], False),
    ("IS", "1", ["one"], False),
    ("DS", "1.50", ["1.5"], True),
    ("US", "512", ["512"], True),
    # universal
    ("LO", "", ["ABC"], True),
    ("LO", "", [], True),
    ("LO", "*", [], True),
    ("DA", "*", ["20240101"], True),
    ("OB", "anything", ["x"], True),
    # list
    ("UI", "1.2\\1.3", ["1.3"], True),
    ("UI", "1.2\\1.3", ["1.4"], False),
    ("CS", "CT\\MR", ["MR", "SR"], True),
    ("CS", "CT\\MR", ["SR"], False),
    # wild cards, only where they are some
    ("SH", "A*", ["ABC"], True),
    ("SH", "A*", ["BAC"], False),
    ("SH", "A?C", ["ABC"], True),
    ("SH", "A?C", ["AC"], False),
    ("SH", "a*", ["ABC"], False),
    ("SH", "A*", [], False),
    ("UI", "1.2.*", ["1.2.3"], False),
    ("AS", "0?0Y", ["030Y"], False),
    # person names
    ("PN", "doe^john", ["Doe^John"], True),
    ("PN", "DOE^JOHN^^", ["Doe^John"], True),
    ("PN", "DOE", ["Doe^John"], False),
    ("PN", "doe*", ["Doe^John"], True),
    ("PN", "doe^john^*", ["Doe^John"], True),
    ("PN", "doe^*", ["Doe"], True),
    ("PN", "yamada*", ["Yamada^Tarou=山田^太郎=やまだ^たろう"], True),
    ("PN", "山田*", ["Yamada^Tarou=山田^太郎=やまだ^たろう"], True),
    ("PN", "やまだ^たろう", ["Yamada^Tarou=山田^太郎=やまだ^たろう"], True),
    ("PN", "*=山田*", ["Yamada^Tarou=山田^太郎"], True),
    ("PN", "=山田^太郎", ["Yamada^Tarou=山田^太郎"], True),
    ("PN", "=鈴木*", ["Yamada^Tarou=山田^太郎"], False),
    ("PN", "Yamada^Tarou=山田^太郎", ["Yamada^Tarou"], False),
    ("PN", "ÄNDERS*", ["änders^eva"], True),
    # ranges of dates
    ("DA", "20240101", ["20240101"], True),
    ("DA", "20240101", ["2024.01.01"], True),
    ("DA", "20240101-20240131", ["20240131"], True),
    ("DA", "20240101-20240131", ["20240201"], False),
    ("DA", "-20240131", ["19000101"], True),
    ("DA", "20240131-", ["20240130"], False),
    ("DA", "20240131-", ["20240131"], True),
    ("DA", "20240131-", [], False),
    ("DA", "20240131-", ["unknown"], False),
    ("DA", "20240101 - 20240131", ["20240115"], True),
    # of times, by precision
    ("TM", "10-11", ["100000"], True),
    ("TM", "10-11", ["115959.999999"], True),
    ("TM", "10-11", ["120000"], False),
    ("TM", "1030", ["103059"], True),
    ("TM", "103000", ["1030"], True),
    ("TM", "103001", ["1030"], False),
    ("TM", "-10", ["095959"], True),
    ("TM", "103000-", ["102959.9"], False),
    # of date-times, where a - may be an offset
    ("DT", "20240101-20240131", ["20240131235959"], True),
    ("DT", "20240101120000-0500", ["20240101170000+0000"], True),
    ("DT", "20240101120000-0500", ["20240101120000-0500"], True),
    ("DT", "20240101-0500-20240102-0500", ["20240103045959+0000"], True),
    ("DT", "20240101-0500-20240102-0500", ["20240103050000+0000"], False),
    ("DT", "-20240102", ["2024010212"], True),
    ("DT", "2024-2025", ["20250601"], True),
    ("DT", "2024-0500", ["2023"], False),
    ("DT", "2024-0500", ["202406"], True),
    # empty value
    ("LO", '""', [], True),
    ("LO", '""', ["x"], False),
]


@pytest.mark.parametrize(("vr", "key", "values", "expected"), RULES)
def test_rule(vr: str, key: str, values: list[str], expected: bool) -> None:
    keys = [significant(vr, text) for text in key.split("\\")]
    assert compile_key(vr, keys).matches(values) is expected


@pytest.mark.parametrize(
    ("vr", "key"),
    [("DA", "2024"), ("DA", "2024*"), ("DA", "-"), ("TM", "25"), ("DT", "soon"), ("IS", "x"), ("TM", "-" * 9000)],
)
def test_a_key_without_meaning_is_explained(vr: str, key: str) -> None:
    began = time.thread_time()
    with pytest.raises(MalformedKeyError, match="Study Thing"):
        compile_key(vr, [key], name="Study Thing")
    assert time.thread_time() - began < 1


@pytest.mark.parametrize(
    ("vr", "text", "expected"),
    [
        ("LO", "  ABC ", "ABC"),
        ("LT", "  ABC ", "  ABC"),
        ("UI", "1.2.3\0", "1.2.3"),
        ("PN", "Doe^John^^^ =^ =", "Doe^John"),
    ],
)
def test_padding_is_not_significant(vr: str, text: str, expected: str) -> None:
    assert significant(vr, text) == expected


def data_set(**values: object) -> Dataset:
    result = Dataset()
    for keyword, value in values.items():
        setattr(result, keyword, value)
    return result


def test_all_keys_of_a_query_must_match() -> None:
    query = Query(data_set(PatientID="1", PatientName="DOE*", StudyDate=""))
    assert query.matches(data_set(PatientID="1", PatientName="Doe^John", StudyDate="20240101"))
    assert not query.matches(data_set(PatientID="2", PatientName="Doe^John"))
    assert not query.matches(data_set(PatientName="Doe^John"))


def test_elements_that_are_no_keys_fail_nothing() -> None:
    identifier = data_set(SpecificCharacterSet="ISO_IR 100", PatientID="1")
    identifier.add_new(0x00080000, "UL", 10)
    identifier.add_new(0x00091001, "LO", "private")
    query = Query(identifier)
    assert list(query.keys) == [0x00100020]


def step(modality: str, date: str) -> Dataset:
    return data_set(Modality=modality, ScheduledProcedureStepStartDate=date)


def test_all_keys_of_a_sequence_match_in_one_item() -> None:
    stored = data_set(ScheduledProcedureStepSequence=Sequence([step("CT", "20240101"), step("MR", "20240201")]))
    both = data_set(ScheduledProcedureStepSequence=Sequence([step("MR", "20240201-")]))
    crossed = data_set(ScheduledProcedureStepSequence=Sequence([step("CT", "20240201-")]))
    assert Query(both).matches(stored)
    assert not Query(crossed).matches(stored)
    assert not Query(both).matches(Dataset())


@pytest.mark.parametrize("items", [[], [Dataset()], [step("", "")]])
def test_an_empty_item_is_universal(items: list[Dataset]) -> None:
    query = Query(data_set(ScheduledProcedureStepSequence=Sequence(items)))
    assert query.keys == {0x00400100: Universal()}
    assert query.matches(Dataset())


def test_a_sequence_key_has_one_item() -> None:
    with pytest.raises(MalformedKeyError, match="one item"):
        Query(data_set(ScheduledProcedureStepSequence=Sequence([step("CT", ""), step("MR", "")])))


def test_the_dictionary_says_the_vr_not_the_wire() -> None:
    identifier = Dataset()
    identifier.add_new(0x0020000D, "LO", "1.2*")
    assert Query(identifier).keys == {0x0020000D: AnyOf(frozenset({"1.2*"}))}


@pytest.mark.parametrize(
    ("date", "time_of_day", "matches", "apart"),
    [
        ("20240101", "230000", False, False),
        ("20240102", "010000", True, False),
        ("20240102", "230000", True, False),
        ("20240103", "070000", True, True),
        ("20240103", "090000", False, False),
    ],
)
def test_combined_date_time_is_one_moment(date: str, time_of_day: str, matches: bool, apart: bool) -> None:
    """From the first's evening to the third's morning; apart they are dates, and times of 6 to 8 o'clock."""
    identifier = data_set(StudyDate="20240102-20240103", StudyTime="000000-080000")
    stored = data_set(StudyDate=date, StudyTime=time_of_day)
    assert Query(identifier, combined_date_time=True).matches(stored) is matches
    identifier.StudyTime = "060000-080000"
    assert Query(identifier).matches(stored) is apart
