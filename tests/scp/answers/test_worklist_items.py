"""Worklist items as a person makes them: cells, records, samples, and the files of other tools."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import date
from pathlib import Path

import pytest
from dcmtk_peers import worklist_item as peers_item
from dcmtk_peers import write_worklist
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from scp_objects import encode

from workstation.net import dsutils
from workstation.scp.answers.worklist import ATTRIBUTES
from workstation.scp.answers.worklist_files import read_worklist_files
from workstation.scp.answers.worklist_items import (
    WORKLIST,
    add_item,
    add_items,
    completed,
    key_of,
    one_step_each,
    save_item,
    status_of_step,
    worklist_item,
)
from workstation.scp.answers.worklist_samples import sample_worklist
from workstation.scp.answers.worklist_table import (
    STATUSES,
    WORKLIST_COLUMNS,
    CellError,
    WorklistColumn,
    get_cell,
    set_cell,
)
from workstation.scp.ledger import DuplicateRecordError, Ledger, UnknownRecordError
from workstation.scp.query.levels import tag_of

DAY = date(2026, 7, 5)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}", durable=False)
    yield made
    made.close()


def column(keyword: str) -> WorklistColumn:
    return next(one for one in WORKLIST_COLUMNS if one.keyword == keyword)


# cells


def test_every_column_can_be_matched_and_is_named_once() -> None:
    assert len({one.label for one in WORKLIST_COLUMNS}) == len({one.path for one in WORKLIST_COLUMNS})
    for one in WORKLIST_COLUMNS:
        place = ATTRIBUTES
        for keyword in one.path:
            below = place[tag_of(keyword)]
            place = below if below is not None else {}


@pytest.mark.parametrize(
    ("keyword", "typed", "value", "shown"),
    [
        ("PatientName", " Doe^Jane ", "Doe^Jane", "Doe^Jane"),
        ("PatientName", "Yamada^Tarou=山田^太郎=やまだ^たろう", "Yamada^Tarou=山田^太郎=やまだ^たろう", None),
        ("ScheduledProcedureStepStartDate", "2026-07-05", "20260705", "2026-07-05"),
        ("ScheduledProcedureStepStartDate", "20260705", "20260705", "2026-07-05"),
        ("PatientBirthDate", "1999.12.31", "19991231", "1999-12-31"),
        ("ScheduledProcedureStepStartTime", "14:30", "1430", "14:30"),
        ("ScheduledProcedureStepStartTime", "143000", "143000", "14:30"),
        ("ScheduledProcedureStepStartTime", "14:30:15", "143015", "14:30:15"),
        ("ScheduledProcedureStepStartTime", "14:30:15.25", "143015.25", "14:30:15.25"),
        ("ScheduledProcedureStepStartTime", "14", "14", "14"),
        ("Modality", "ct", "CT", "CT"),
        ("ScheduledStationAETitle", "CT1\\CT2", ["CT1", "CT2"], "CT1\\CT2"),
        ("PatientWeight", "70,5", 70.5, "70.5"),
        ("PregnancyStatus", "4", 4, "4"),
        ("StudyInstanceUID", "1.2.840.1", "1.2.840.1", "1.2.840.1"),
    ],
)
def test_what_is_typed_is_kept_as_the_standard_has_it(
    keyword: str, typed: str, value: object, shown: str | None
) -> None:
    item = Dataset()
    set_cell(item, column(keyword), typed)
    place = item
    for step in column(keyword).path[:-1]:
        place = place[step].value[0]
    assert place[keyword].value == value
    assert get_cell(item, column(keyword)) == (typed if shown is None else shown)
    set_cell(item, column(keyword), "")
    assert get_cell(item, column(keyword)) == ""
    assert keyword in place
    encode(item)


@pytest.mark.parametrize(
    ("keyword", "typed", "word"),
    [
        ("ScheduledProcedureStepStartDate", "2026-02-30", "2026-07-05"),
        ("ScheduledProcedureStepStartDate", "5.7.2026", "date"),
        ("ScheduledProcedureStepStartDate", "20260101-20260201", "date"),
        ("ScheduledProcedureStepStartTime", "25:00", "14:30"),
        ("ScheduledProcedureStepStartTime", "９:00", "time"),
        ("Modality", "C-T", "capital"),
        ("Modality", "X" * 17, "17 characters"),
        ("ScheduledStationAETitle", "Röntgen", "ASCII"),
        ("ScheduledStationAETitle", "ABCDEFGHIJKLMNOPQ", "16"),
        ("PatientName", "A^B^C^D^E^F", "five"),
        ("PatientName", "A=B=C=D", "three"),
        ("PatientName", "x" * 65, "65"),
        ("PatientID", "two\nlines", "control"),
        ("AccessionNumber", "1" * 17, "16"),
        ("PatientWeight", "heavy", "number"),
        ("PregnancyStatus", "70000", "65535"),
        ("StudyInstanceUID", "1.02.3", "UID"),
        ("StudyInstanceUID", "study", "UID"),
        ("StudyInstanceUID", "1." + "2" * 63, "64"),
    ],
)
def test_what_cannot_be_kept_is_a_sentence_and_changes_nothing(keyword: str, typed: str, word: str) -> None:
    item = sample_worklist(DAY)[0]
    before = deepcopy(item)
    with pytest.raises(CellError) as caught:
        set_cell(item, column(keyword), typed)
    sentence = str(caught.value)
    assert word in sentence
    assert sentence.startswith(column(keyword).label)
    assert sentence.endswith(".")
    assert item == before


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(WORKLIST_COLUMNS), st.text(max_size=70) | st.from_regex(r"[0-9:.\-\\^=]{0,20}", fullmatch=True))
def test_any_text_is_refused_or_can_be_sent(one: WorklistColumn, text: str) -> None:
    item = worklist_item(PatientName="Doe^Jane")
    before = deepcopy(item)
    try:
        set_cell(item, one, text)
    except CellError:
        assert item == before
        return
    encoded = dsutils.encode_in(item, "1.2.840.10008.1.2.1")
    assert encoded is not None
    back = dsutils.decode_in(encoded, "1.2.840.10008.1.2.1")
    shown = get_cell(item, one)
    assert get_cell(back, one) == shown
    set_cell(back, one, shown)
    assert get_cell(back, one) == shown


def test_a_character_beyond_the_character_set_makes_it_utf_8() -> None:
    item = Dataset()
    set_cell(item, column("PatientName"), "Plain")
    assert "SpecificCharacterSet" not in item
    item.SpecificCharacterSet = "ISO_IR 100"
    set_cell(item, column("PatientName"), "Müller")
    assert item.SpecificCharacterSet == "ISO_IR 100"
    set_cell(item, column("PatientName"), "Иванов")
    assert item.SpecificCharacterSet == "ISO_IR 192"


def test_cells_of_an_empty_item_are_empty() -> None:
    odd = Dataset()
    odd.ScheduledProcedureStepSequence = Sequence()
    for item in (Dataset(), odd):
        assert {get_cell(item, one) for one in WORKLIST_COLUMNS} == {""}


# items and records


def test_what_an_item_needs_is_made_up() -> None:
    item = worklist_item(PatientName="Doe^Jane", Modality="CT")
    assert item.ScheduledProcedureStepSequence[0].Modality == "CT"
    assert status_of_step(item) == "SCHEDULED"
    study, step = key_of(item).split("/")
    assert study == item.StudyInstanceUID
    assert len(study) <= 64
    assert len(step) <= 16
    assert completed(item) == item
    assert key_of(worklist_item(PatientName="Doe^Jane")) != key_of(item)
    with pytest.raises(ValueError, match="Study Instance UID"):
        key_of(Dataset())
    with pytest.raises(KeyError):
        worklist_item(Rows="512")


def test_items_are_kept_changed_and_given_other_identifiers(ledger: Ledger) -> None:
    record = add_item(ledger, worklist_item(PatientName="Doe^Jane", Modality="CT"))
    with pytest.raises(DuplicateRecordError):
        add_item(ledger, record.data_set)
    item = record.data_set
    set_cell(item, column("ScheduledProcedureStepStatus"), "READY")
    saved = save_item(ledger, record.uid, item)
    assert (saved.uid, saved.state) == (record.uid, "READY")
    set_cell(item, column("ScheduledProcedureStepID"), "OTHER")
    moved = save_item(ledger, record.uid, item)
    assert moved.uid.endswith("/OTHER")
    assert [one.uid for one in ledger.records(WORKLIST)] == [moved.uid]
    with pytest.raises(UnknownRecordError):
        save_item(ledger, record.uid, item)
    second = add_item(ledger, worklist_item(PatientID="2"))
    with pytest.raises(DuplicateRecordError):
        save_item(ledger, second.uid, moved.data_set)
    assert ledger.get(WORKLIST, second.uid) is not None


def test_a_procedure_of_several_steps_is_an_item_each(ledger: Ledger) -> None:
    item = worklist_item(PatientName="Doe^Jane", ScheduledProcedureStepID="A")
    second = Dataset()
    second.ScheduledProcedureStepID = "B"
    item.ScheduledProcedureStepSequence.append(second)
    split = one_step_each(item)
    assert [key_of(one)[-1] for one in split] == ["A", "B"]
    split[0].PatientName = "Other"
    assert split[1].PatientName == "Doe^Jane"
    assert add_items(ledger, [item]) == (2, 0)


# samples


@pytest.mark.parametrize("day", [DAY, date(2024, 2, 29), date(2000, 12, 31)])
def test_samples_are_of_the_day_and_sound(ledger: Ledger, day: date) -> None:
    items = sample_worklist(day)
    assert len(items) == 12
    assert add_items(ledger, items) == (12, 0)
    assert add_items(ledger, sample_worklist(day)) == (0, 12)
    assert {get_cell(item, column("ScheduledProcedureStepStartDate")) for item in items} == {day.isoformat()}
    assert len({get_cell(item, column("Modality")) for item in items}) >= 8
    times = [get_cell(item, column("ScheduledProcedureStepStartTime")) for item in items]
    assert times == sorted(times)
    for item in items:
        assert status_of_step(item) in STATUSES
        for one in WORKLIST_COLUMNS:
            set_cell(item, one, get_cell(item, one))
        assert encode(item)


# files


def names(items: list[Dataset]) -> list[str]:
    return [str(item.PatientName) for item in items]


def test_worklist_files_of_dcmtk_and_orthanc(tmp_path: Path) -> None:
    folder = tmp_path / "WORKLIST"
    write_worklist(folder, [peers_item(number, "CT", "20260705", "CT1") for number in range(3)])
    items, problems = read_worklist_files([folder])
    assert problems == []
    assert names(items) == ["Worklist^Patient0", "Sørensen^Søren", "Worklist^Patient2"]
    assert items[0].ScheduledProcedureStepSequence[0].ScheduledStationAETitle == "CT1"
    assert items[1].SpecificCharacterSet == "ISO_IR 100"
    assert not any(element.tag.group <= 2 for item in items for element in item)


def test_what_dump2dcm_makes(tmp_path: Path, program: Callable[[str], str], ledger: Ledger) -> None:
    dump = tmp_path / "item.dump"
    dump.write_text(
        "(0008,0050) SH ACC1\n(0010,0010) PN Dump^Made\n(0010,0020) LO D1\n(0020,000d) UI 1.2.3\n"
        "(0040,0100) SQ\n(fffe,e000) -\n(0008,0060) CS MR\n(0040,0009) SH STEP1\n(fffe,e00d) -\n(fffe,e0dd) -\n"
    )
    files = [tmp_path / "part10.wl", tmp_path / "bare.wl", tmp_path / "implicit.dcm"]
    for file, options in zip(files, ([], ["-F"], ["-F", "+ti"]), strict=True):
        subprocess.run([program("dump2dcm"), *options, str(dump), str(file)], check=True, capture_output=True)
    items, problems = read_worklist_files(files)
    assert problems == []
    assert {key_of(item) for item in items} == {"1.2.3/STEP1"}
    assert items[0] == items[1] == items[2]
    assert add_items(ledger, items) == (1, 2)


def test_dicom_json(tmp_path: Path) -> None:
    first, second = sample_worklist(DAY)[:2]
    one, several = tmp_path / "one.json", tmp_path / "several.json"
    one.write_text(json.dumps(first.to_json_dict()), encoding="utf-8-sig")
    several.write_text(json.dumps([first.to_json_dict(), second.to_json_dict()], ensure_ascii=False), encoding="utf-8")
    items, problems = read_worklist_files([one, str(several)])
    assert problems == []
    assert items == [first, first, second]


def test_what_is_no_worklist_item_is_a_sentence_each(tmp_path: Path) -> None:
    contents = {
        "text.wl": b"Dear modality, please scan Mrs. Miller.",
        "empty.dcm": b"",
        "broken.json": b'{"00100010": ',
        "number.json": b"[1, 2]",
        "none.json": b"[]",
        "model.json": b'{"name": "Doe"}',
        "other.json": b'{"00280010": {"vr": "US", "Value": [512]}}',
        "surprise.json": b'{"00100010": {"vr": "PN", "Value": "Doe"}}',
        "vr.json": b'{"00100010": {"Value": ["Doe"]}}',
        "large.json": b'{"00100020": {"vr": "LO", "Value": ["1"]}, "00280010": {"vr": "US", "Value": [70000]}}',
        "deep.json": b'{"00400100":' * 3000,
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    good = tmp_path / "good.json"
    good.write_text(json.dumps(sample_worklist(DAY)[0].to_json_dict()))
    (tmp_path / "sub").mkdir()
    paths = [*(tmp_path / name for name in contents), tmp_path / "gone.wl", tmp_path / "sub", good]
    items, problems = read_worklist_files(paths)
    assert names(items) == ["Miller^Anna^K"]
    assert [problem.split(":")[0] for problem in problems] == [path.name for path in paths[:-1]]
    for problem in problems:
        assert problem.endswith("."), problem
        assert "Error" not in problem


def test_a_damaged_file_is_a_sentence(tmp_path: Path) -> None:
    encoded = encode(peers_item(1, "CT", "20260705", "CT1"))
    path = tmp_path / "cut.wl"
    for length in range(0, len(encoded), 7):
        path.write_bytes(encoded[:length])
        items, problems = read_worklist_files([path])
        assert len(items) + len(problems) == 1
