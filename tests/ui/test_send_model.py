"""The objects to send as rows: batches, removal, outcomes."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester

from workstation.scu.failure import CANCELLED, Failure, Layer
from workstation.scu.files import FoundFile
from workstation.scu.send import SendOutcome
from workstation.ui.dialogs.send_model import OBJECT, RESULT, SIZE, SOP_CLASS, SendModel
from workstation.ui.theme import Theme

CT = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
BROKEN = Failure(Layer.FILE, "This is no DICOM file", "", "Choose DICOM files.")
REFUSED = Failure(Layer.STATUS, "C-STORE failed: Refused: out of resources", "0xA700", "Look at its disk.")


def found(study: int, number: int, **values) -> FoundFile:
    given = {
        "path": Path(f"/data/{study}/{number}.dcm"),
        "size": 1000,
        "sop_class_uid": CT,
        "sop_instance_uid": f"1.{study}.{number}",
        "transfer_syntax_uid": EXPLICIT,
        "patient_name": f"Patient^{study}",
        "study_instance_uid": f"1.{study}",
        "study_date": "20260131",
        "modality": "CT",
        "series_number": "2",
        "instance_number": str(number),
    }
    return FoundFile(**{**given, **values})


def unfit(name: str) -> FoundFile:
    return FoundFile(path=Path("/data") / name, size=10, problem=BROKEN)


@pytest.fixture
def model(qapp):
    model = SendModel(Theme())
    # Checks every insertion, removal and index against Qt's rules.
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    yield model
    del tester


def heads(model: SendModel) -> list[int]:
    """The lines of the studies."""
    return [line for line in range(model.rowCount()) if not model.shown(line).depth]


def below(model: SendModel, study: int) -> range:
    """The lines of a study's objects, opened."""
    model.open_row(heads(model)[study], True)
    ends = [*heads(model), model.rowCount()]
    return range(ends[study] + 1, ends[study + 1])


def text(model: SendModel, row: int, column: int, study: int | None = None) -> str:
    """A text of a study, or of one of its objects."""
    line = heads(model)[row] if study is None else below(model, study)[row]
    return model.index(line, column).data()


def test_objects_are_grouped_by_study(model):
    assert model.add([found(1, 1), found(2, 1), found(1, 2)]) == 3
    assert [text(model, row, OBJECT) for row in range(2)] == ["Patient 1 · 2026-01-31", "Patient 2 · 2026-01-31"]
    assert text(model, 0, SOP_CLASS) == "2 objects"
    assert text(model, 0, SIZE) == "2.0 kB"
    assert text(model, 1, OBJECT, study=0) == "CT 2 · no. 2 · 2.dcm"
    assert text(model, 1, SOP_CLASS, study=0) == "CT Image Storage"


def test_each_path_once(model):
    assert model.add([found(1, 1), found(1, 1)]) == 1
    assert model.add([found(1, 1)]) == 0
    assert model.count == 1


def test_what_cannot_be_sent_is_last_with_its_reason(model):
    model.add([unfit("notes.txt"), found(1, 1)])
    model.add([found(2, 1)])
    assert text(model, 2, OBJECT) == "Cannot be sent"
    assert text(model, 0, RESULT, study=2) == "This is no DICOM file"
    assert (model.count, model.unfit, len(model.files)) == (2, 1, 2)


def test_a_batch_is_one_insertion_a_study(model):
    spans = []
    told = []
    model.rowsInserted.connect(lambda _parent, first, last: spans.append((first, last)))
    model.changed.connect(lambda: told.append(model.count))
    model.add(found(1, number) for number in range(200))
    assert spans == [(0, 0)], "a closed study is one row"
    model.open_row(0, True)
    model.add(found(1, number) for number in range(200, 300))
    assert spans == [(0, 0), (1, 200), (201, 300)]
    assert told == [200, 300]


def test_opening_and_closing(model):
    model.add([found(1, 1), found(2, 1), found(1, 2), unfit("notes.txt")])
    assert [model.shown(line).is_open for line in range(model.rowCount())] == [False] * 3
    model.open_row(0, True)
    model.open_row(3, True)
    assert heads(model) == [0, 3, 5]
    assert [model.head_of(line) for line in range(6)] == [0, 0, 0, 3, 3, 5]
    model.open_row(1, False)
    assert heads(model) == [0, 1, 3]
    assert model.shown(0).is_open is False


def test_outcomes(model):
    files = [found(1, number) for number in range(4)]
    model.add(files)
    model.begin_sending(files)
    assert text(model, 0, RESULT) == "waiting"
    assert text(model, 3, RESULT, study=0) == "waiting"
    model.set_outcomes(
        [
            SendOutcome(file=files[0], status=0, bytes=1000),
            SendOutcome(file=files[1], status=0xB000, warning="0xB000 (Warning): coercion"),
            SendOutcome(file=files[2], status=0xA700, failure=REFUSED),
            SendOutcome(file=files[3], failure=CANCELLED),
        ]
    )
    assert [text(model, row, RESULT, study=0) for row in range(4)] == [
        "stored",
        "0xB000 (Warning): coercion",
        "C-STORE failed: Refused: out of resources",
        "cancelled",
    ]
    assert text(model, 0, RESULT) == "2 of 4 stored, 2 not"
    assert model.failed() == files[2:]
    refused = model.index(below(model, 0)[2], RESULT)
    assert refused.data(Qt.ItemDataRole.ForegroundRole) == Theme().failure
    assert refused.data(Qt.ItemDataRole.DecorationRole).height() == 32
    tip = refused.data(Qt.ItemDataRole.ToolTipRole)
    assert "Look at its disk." in tip


def test_an_outcome_of_a_removed_file_is_dropped(model):
    files = [found(1, 1), found(1, 2)]
    model.add(files)
    model.remove([model.index(below(model, 0)[0], 0)])
    model.set_outcomes([SendOutcome(file=each, status=0) for each in files])
    assert text(model, 0, RESULT) == "1 of 1 stored"


def test_removing_rows_and_studies(model):
    random.seed(1)
    model.add(found(study, number) for study in range(5) for number in range(8))
    for _ in range(8):
        lines = below(model, random.randrange(len(heads(model))))
        rows = random.sample(lines, k=min(2, len(lines)))
        model.remove([model.index(row, column) for row in rows for column in (0, 1)])
    left = {file.path for file in model.files}
    assert model.count == len(left) == 40 - 8 * 2
    model.remove([model.index(0, 0)])
    assert model.count < 24
    model.clear()
    assert (model.rowCount(), model.count, model.size) == (0, 0, 0)


def test_one_file_of_each_kind(model):
    model.add([found(1, 1), found(1, 2), found(2, 3, transfer_syntax_uid="1.2.840.10008.1.2.5")])
    assert [each.transfer_syntax_uid for each in model.kinds()] == [EXPLICIT, "1.2.840.10008.1.2.5"]


def test_thousands_come_quickly(qapp):
    model = SendModel(Theme())
    files = [found(number % 10, number) for number in range(8_000)]
    began = time.perf_counter()
    for start in range(0, len(files), 500):
        model.add(files[start : start + 500])
    model.begin_sending(files)
    for start in range(0, len(files), 500):
        model.set_outcomes(SendOutcome(file=file, status=0) for file in files[start : start + 500])
    # A generous limit: what it guards against is work that grows with the square.
    assert time.perf_counter() - began < 3
    assert model.failed() == []
