"""The lists of kept records as models, the words for each record, and what is asked of the ledger; without a window."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from kept_wire import data_set
from pydicom import config, dcmread
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from PySide6.QtCore import Qt

from workstation.scp.answers.worklist_items import add_item, worklist_item
from workstation.scp.answers.worklist_table import COLUMN_OF, WORKLIST_COLUMNS, CellError
from workstation.scp.ledger import DuplicateRecordError, Ledger, Record, UnknownRecordError
from workstation.ui.dialogs.kept.kinds import RECORDS, WORKLIST, Kind
from workstation.ui.dialogs.kept.models import PEER, SUMMARY, TIME, RecordModel, WorklistModel
from workstation.ui.dialogs.kept.reading import (
    KeptObject,
    ReadRows,
    Row,
    UnreadableRecordError,
    read_changed,
    read_details,
    remove_records,
    row_of,
    save_records,
)
from workstation.ui.dialogs.kept.worklist_items import (
    add_copies,
    add_new,
    add_samples,
    edit_cell,
    import_files,
    item_row,
    problem_of,
)
from workstation.ui.parts.widgets import Outcome
from workstation.ui.theme import Theme

KINDS = {kind.key: kind for kind in RECORDS}
STEPS = KINDS["procedureSteps"]
NOW = datetime(2026, 7, 5, 14, 37)


def record(kind: str = "procedure-step", uid: str = "1.2.3", **more: Any) -> Record:
    values: dict[str, Any] = {"facts": {}, "data_set": Dataset(), "created": 0.0, "changed": 0.0, **more}
    return Record(kind=kind, uid=uid, **values)


def row(uid: str, search: str = "", changed: float = 0.0) -> Row:
    return Row(
        key=("procedure-step", uid),
        texts=("State", search, "PEER", "12:00"),
        outcome=Outcome.IDLE,
        changed=changed,
        tip="",
        search=search,
    )


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}", durable=False)
    yield made
    made.close()


@pytest.fixture
def model(qapp: object) -> RecordModel:
    return RecordModel(Theme(), newest_first=True)


def shown(model: RecordModel | WorklistModel) -> list[str]:
    return [found.key[1] for line in range(model.rowCount()) if (found := model.row_at(line)) is not None]


# ------------------------------------------------------------------- the model
def test_new_records_come_first_changed_ones_stay_where_they_are(model: RecordModel) -> None:
    model.set_rows([row("b"), row("a")])
    changed = row("a", "other words")
    model.apply([(("procedure-step", "c"), row("c")), (changed.key, changed)])
    assert shown(model) == ["c", "b", "a"]
    assert model.shown(2).texts[SUMMARY] == "other words"
    model.apply([(("procedure-step", "b"), None), (("procedure-step", "never"), None)])
    assert shown(model) == ["c", "a"]
    assert model.total == 2


def test_all_words_have_to_be_there(model: RecordModel) -> None:
    model.set_rows([row("1", "miller anna ct"), row("2", "miller bert mr"), row("3", "doe ct")])
    model.set_words("CT  Mill")
    assert shown(model) == ["1"]
    assert model.total == 3
    model.apply([(("procedure-step", "4"), row("4", "new")), (("procedure-step", "5"), row("5", "ct mill"))])
    assert shown(model) == ["5", "1"]
    # What a person looks at stays, even if it has the words no longer.
    model.apply([(("procedure-step", "1"), row("1", "doe"))])
    assert shown(model) == ["5", "1"]
    model.set_words("")
    assert model.rowCount() == 5


def test_sorting_by_text_and_by_time(model: RecordModel) -> None:
    model.set_rows([row("1", "b", 30.0), row("2", "A", 10.0), row("3", "c", 20.0)])
    model.sort(SUMMARY)
    assert shown(model) == ["2", "1", "3"]
    model.sort(TIME, Qt.SortOrder.DescendingOrder)
    assert shown(model) == ["1", "3", "2"]


def test_a_record_with_another_key_stays_where_it_is(model: RecordModel) -> None:
    model.set_rows([row("1"), row("2"), row("3")])
    model.rename(("procedure-step", "2"), row("9"))
    assert shown(model) == ["1", "9", "3"]
    # The ledger has told of it already.
    model.apply([(("procedure-step", "8"), row("8"))])
    model.rename(("procedure-step", "9"), row("8"))
    assert shown(model) == ["1", "8", "3"]
    assert model.total == 3


# ------------------------------------------------------------------- words
@pytest.mark.parametrize(
    ("kind", "what", "words", "outcome"),
    [
        (
            STEPS,
            record(
                state="COMPLETED",
                data_set=data_set(
                    PatientName="Doe^Jane",
                    PatientID="7",
                    Modality="CT",
                    PerformedSeriesSequence=[data_set(ReferencedImageSequence=[Dataset(), Dataset()])],
                ),
            ),
            "Doe Jane · 7 · CT · 2 objects",
            Outcome.SUCCESS,
        ),
        (STEPS, record(state="DISCONTINUED"), "", Outcome.WARNING),
        (
            KINDS["commitments"],
            record("commitment", state="FAILED", facts={"objects": 3, "attempts": 4, "reason": "Nobody there."}),
            "3 objects · all safe · tried 4 × · Nobody there.",
            Outcome.FAILURE,
        ),
        (
            KINDS["commitments"],
            record(
                "commitment",
                state="DELIVERED",
                data_set=data_set(ReferencedSOPSequence=[Dataset()], FailedSOPSequence=[Dataset()]),
            ),
            "2 objects · 1 not safe",
            Outcome.SUCCESS,
        ),
        (
            KINDS["printJobs"],
            record(
                "print-job",
                state="DONE",
                facts={"films": 2, "copies": 3},
                data_set=data_set(
                    FilmBoxContentSequence=[data_set(ImageDisplayFormat="STANDARD\\1,2", FilmSizeID="A4")]
                ),
            ),
            "2 films · 3 copies · STANDARD 1,2 · A4",
            Outcome.SUCCESS,
        ),
        (
            KINDS["ups"],
            record(
                "ups",
                state="IN PROGRESS",
                facts={"lock": "1.2"},
                data_set=data_set(ProcedureStepLabel="Plan", ScheduledProcedureStepStartDateTime="20260705143000.0000"),
            ),
            "Plan · 2026-07-05 14:30 · locked",
            Outcome.RUNNING,
        ),
        (
            KINDS["ups"],
            record("ups-subscription", uid="RECEIVER", facts={"global": "lock"}),
            "Subscription · RECEIVER · to all worklists",
            Outcome.IDLE,
        ),
        (
            KINDS["availability"],
            record(
                "availability",
                state="ONLINE",
                data_set=data_set(
                    StudyInstanceUID="1.2", ReferencedSeriesSequence=[data_set(ReferencedSOPSequence=[Dataset()])]
                ),
            ),
            "1 object · 1.2",
            Outcome.SUCCESS,
        ),
    ],
)
def test_a_record_in_words(kind: Kind, what: Record, words: str, outcome: Outcome) -> None:
    made = row_of(kind, what)
    assert made.texts[SUMMARY] == words
    assert made.outcome is outcome


def test_what_a_peer_wrote_is_harmless_and_damage_is_no_end(qapp: object) -> None:
    made = row_of(STEPS, record(peer="A\nB\u202e", state="X\x07", data_set=data_set(PatientName="A\u202eB\nC")))
    assert not any(sign in "".join(made.texts) for sign in "\n\u202e\x07")
    damaged = Dataset()
    damaged.add_new(0x00400340, "LO", "no sequence")
    assert row_of(STEPS, record(data_set=damaged)).texts[PEER] == ""


# ------------------------------------------------------------------- the ledger
def test_rows_of_several_kinds_the_last_changed_first(ledger: Ledger) -> None:
    ledger.add("commitment", "1", Dataset(), state="PENDING")
    ledger.add("commitment-report", "2", Dataset())
    ledger.add("commitment", "3", Dataset(), state="PENDING")
    kind = KINDS["commitments"]
    job = ReadRows(ledger, kind.kinds, lambda found: row_of(kind, found), newest_first=True)
    assert [found.key[1] for found in job.run()] == ["3", "2", "1"]
    job.cancel()
    assert job.run() == []


def test_changed_and_removed_records_are_read(ledger: Ledger) -> None:
    ledger.add("procedure-step", "1", Dataset(), state="COMPLETED")
    keys = [("procedure-step", "1"), ("procedure-step", "2")]
    (_, first), (_, second) = read_changed(ledger, keys, lambda found: row_of(STEPS, found))
    assert first is not None
    assert first.texts[0] == "Completed"
    assert second is None


def test_a_record_is_a_file_that_others_read(ledger: Ledger, tmp_path: Path) -> None:
    ledger.add("procedure-step", "1.2.3", data_set(PatientName="Doe^Jane", SpecificCharacterSet="ISO_IR 192"))
    path = tmp_path / "step.dcm"
    assert save_records(ledger, STEPS, [("procedure-step", "1.2.3")], path, tmp_path) == 1
    read = dcmread(path)
    assert (read.PatientName, read.file_meta.MediaStorageSOPInstanceUID) == ("Doe^Jane", "1.2.3")
    details = read_details(ledger, STEPS, ("procedure-step", "1.2.3"), tmp_path)
    assert details is not None
    assert details.found is not None
    with details.found.open() as file:
        assert file.read() == path.read_bytes()
    assert read_details(ledger, STEPS, ("procedure-step", "9"), tmp_path) is None


def test_several_records_are_saved_as_json_only(ledger: Ledger, tmp_path: Path) -> None:
    for uid in ("1", "2"):
        ledger.add("procedure-step", uid, data_set(PatientID=uid))
    keys = [("procedure-step", "1"), ("procedure-step", "2")]
    path = tmp_path / "steps.json"
    assert save_records(ledger, STEPS, keys, path, tmp_path) == 2
    assert [Dataset.from_json(one).PatientID for one in json.loads(path.read_text())] == ["1", "2"]
    with pytest.raises(UnreadableRecordError, match="JSON"):
        save_records(ledger, STEPS, keys, tmp_path / "steps.dcm", tmp_path)
    with pytest.raises(UnreadableRecordError, match="removed"):
        save_records(ledger, STEPS, [("procedure-step", "9")], path, tmp_path)
    assert remove_records(ledger, STEPS, [*keys, ("procedure-step", "9")], tmp_path) == 2


def test_a_value_that_fits_no_encoding_is_said(ledger: Ledger) -> None:
    made = record(data_set=data_set())
    made.data_set[0x00280010] = DataElement(0x00280010, "US", 70000, validation_mode=config.IGNORE)
    with pytest.raises(UnreadableRecordError, match="JSON"):
        KeptObject("", "1.2", made)


# ------------------------------------------------------------------- worklist items
def test_an_item_is_a_row_of_cells(ledger: Ledger) -> None:
    kept = add_item(ledger, worklist_item(PatientName="Doe^Jane", ScheduledProcedureStepStartDate="20260705"))
    made = item_row(kept)
    assert len(made.texts) == len(WORKLIST_COLUMNS)
    assert made.texts[0] == "Doe^Jane"
    assert "2026-07-05" in made.texts
    assert "doe^jane" in made.search


def test_a_cell_is_changed_in_the_ledger(ledger: Ledger) -> None:
    kept = add_item(ledger, worklist_item(PatientName="Doe^Jane"))
    edit_cell(ledger, kept.uid, COLUMN_OF["Modality"], "mr")
    now = ledger.get("worklist", kept.uid)
    assert now is not None
    assert now.data_set.ScheduledProcedureStepSequence[0].Modality == "MR"
    edited = edit_cell(ledger, kept.uid, COLUMN_OF["ScheduledProcedureStepStatus"], "ARRIVED")
    assert edited.state == "ARRIVED"
    with pytest.raises(CellError):
        edit_cell(ledger, kept.uid, COLUMN_OF["Modality"], "ü")
    with pytest.raises(UnknownRecordError):
        edit_cell(ledger, "1/2", COLUMN_OF["Modality"], "MR")


def test_other_identifiers_make_it_another_record(ledger: Ledger) -> None:
    first = add_item(ledger, worklist_item(StudyInstanceUID="1.2.3", ScheduledProcedureStepID="A"))
    second = add_item(ledger, worklist_item(StudyInstanceUID="1.2.3", ScheduledProcedureStepID="B"))
    moved = edit_cell(ledger, first.uid, COLUMN_OF["StudyInstanceUID"], "1.2.4")
    assert (moved.uid, ledger.get("worklist", first.uid)) == ("1.2.4/A", None)
    edit_cell(ledger, second.uid, COLUMN_OF["StudyInstanceUID"], "1.2.4")
    with pytest.raises(DuplicateRecordError):
        edit_cell(ledger, "1.2.4/B", COLUMN_OF["ScheduledProcedureStepID"], "A")


def test_new_items_copies_samples_and_files(ledger: Ledger, tmp_path: Path) -> None:
    new = add_new(ledger, NOW)
    step = new.data_set.ScheduledProcedureStepSequence[0]
    assert (step.ScheduledProcedureStepStartDate, step.ScheduledProcedureStepStartTime) == ("20260705", "143000")
    edit_cell(ledger, new.uid, COLUMN_OF["ScheduledProcedureStepStatus"], "COMPLETED")
    (copied,) = add_copies(ledger, [("worklist", new.uid), ("worklist", "gone")])
    assert copied.state == "SCHEDULED"
    assert copied.data_set.PatientID == new.data_set.PatientID
    assert copied.data_set.StudyInstanceUID != new.data_set.StudyInstanceUID
    assert add_samples(ledger, NOW) == (12, 0)
    assert add_samples(ledger, NOW) == (0, 12)
    path = tmp_path / "items.json"
    keys = [("worklist", new.uid), ("worklist", copied.uid)]
    assert save_records(ledger, WORKLIST, keys, path, tmp_path) == 2
    remove_records(ledger, WORKLIST, keys, tmp_path)
    (tmp_path / "no.json").write_text("{")
    added, known, problems = import_files(ledger, [path, tmp_path / "no.json", tmp_path / "absent.wl"])
    assert (added, known, len(problems)) == (2, 0, 2)


def test_what_is_wrong_with_a_cell_is_said_before_it_is_kept() -> None:
    assert problem_of(COLUMN_OF["ScheduledProcedureStepStartDate"], "2026-07-05") == ""
    assert "not a date" in problem_of(COLUMN_OF["ScheduledProcedureStepStartDate"], "tomorrow")


def test_remarks_of_the_server_are_seen(ledger: Ledger, tmp_path: Path) -> None:
    remarks: dict[str, object] = {"remarks": [f"Attribute {number} is missing." for number in range(7)]}
    ledger.add("procedure-step", "1", Dataset(), state="COMPLETED", facts=remarks)
    kept = ledger.get("procedure-step", "1")
    assert kept is not None
    made = row_of(STEPS, kept)
    assert made.texts[SUMMARY] == "⚠ 7 remarks"
    assert "Attribute 0 is missing." in made.tip
    details = read_details(ledger, STEPS, ("procedure-step", "1"), tmp_path)
    assert details is not None
    assert details.remarks.splitlines()[0] == "⚠ Attribute 0 is missing."
    assert details.remarks.splitlines()[-1] == "And 2 more."
