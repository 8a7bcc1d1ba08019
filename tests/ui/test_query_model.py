"""Matches as a table: text when shown, sorting that keeps the selection, text that is safe to take away."""

from __future__ import annotations

import csv
import io

import pytest
from pydicom.dataset import Dataset
from PySide6.QtCore import QItemSelectionModel, Qt

from workstation.ui.dialogs.query_keys import Level, Root
from workstation.ui.dialogs.query_model import (
    MatchesModel,
    clock_text,
    date_text,
    match_title,
    person_text,
    raw_value,
    shown_value,
    unique_keys,
)


def match(**values: object) -> Dataset:
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def test_values_are_shown_for_reading_and_kept_for_sending():
    study = match(PatientName="Yamada^Tarou=山田^太郎", StudyDate="20260131", ModalitiesInStudy=["CT", "SR"])
    assert shown_value(study, "PatientName") == "Yamada Tarou (山田 太郎)"
    assert shown_value(study, "StudyDate") == "2026-01-31"
    assert shown_value(study, "ModalitiesInStudy") == "CT, SR"
    assert raw_value(study, "PatientName") == "Yamada^Tarou=山田^太郎"
    assert raw_value(study, "ModalitiesInStudy") == "CT\\SR"
    assert shown_value(study, "AccessionNumber") == ""
    assert shown_value(match(SOPClassUID="1.2.840.10008.5.1.4.1.1.2"), "SOPClassUID") == "CT Image Storage"


@pytest.mark.parametrize(("value", "text"), [("143005.12", "14:30:05"), ("14", "14"), ("1430", "14:30"), ("?", "?")])
def test_times(value, text):
    assert clock_text(value) == text


def test_odd_values_are_shown_as_they_are():
    assert date_text("2026") == "2026"
    assert person_text("Doe") == "Doe"
    assert person_text("") == ""


def test_a_name_from_right_to_left_does_not_turn_its_neighbours_round():
    title = match_title(Level.STUDY, match(PatientName="כהן^רבקה", StudyDate="20240502"))
    assert title == "\u2068כהן רבקה\u2069 · 2024-05-02"


def test_rows_arrive_at_the_end_and_are_sorted_when_the_query_is_over(qtbot):
    model = MatchesModel(("SeriesNumber", "Modality"))
    model.append([match(SeriesNumber=10, Modality="CT"), match(SeriesNumber=9, Modality="MR")])
    model.sort(0)
    assert [model.index(row, 0).data() for row in range(2)] == ["9", "10"]
    model.append([match(SeriesNumber=1)])
    assert [model.index(row, 0).data() for row in range(3)] == ["9", "10", "1"]
    model.finish()
    assert [model.index(row, 0).data() for row in range(3)] == ["1", "9", "10"]


def test_one_batch_is_one_insertion(qtbot):
    model = MatchesModel(("Modality",))
    spans = []
    model.rowsInserted.connect(lambda _parent, first, last: spans.append((first, last)))
    model.append(match(Modality="CT") for _ in range(500))
    model.append([])
    assert spans == [(0, 499)]


def test_the_selection_stays_on_its_match(qtbot):
    model = MatchesModel(("PatientName",))
    model.append(match(PatientName=name) for name in ("B", "C", "A"))
    selection = QItemSelectionModel(model)
    selection.select(model.index(1, 0), QItemSelectionModel.SelectionFlag.Select)
    model.sort(0, Qt.SortOrder.DescendingOrder)
    assert [index.data() for index in selection.selectedRows()] == ["C"]
    assert selection.selectedRows()[0].row() == 0


def test_csv_has_the_raw_values_and_no_formulas():
    model = MatchesModel(("PatientName", "StudyDescription", "PatientID"))
    model.append([match(PatientName='Doe^"J"', StudyDescription="=HYPERLINK(1)", PatientID="-12")])
    rows = list(csv.reader(io.StringIO(model.as_csv())))
    assert rows == [["PatientName", "StudyDescription", "PatientID"], ['Doe^"J"', "'=HYPERLINK(1)", "-12"]]
    assert model.as_text([0]).splitlines()[0] == "PatientName\tStudyDescription\tPatientID"


def test_tooltips_show_markup_as_letters():
    model = MatchesModel(("StudyDescription",))
    model.append([match(StudyDescription="<b>bold</b>")])
    assert "&lt;b&gt;" in model.index(0, 0).data(Qt.ItemDataRole.ToolTipRole)


def test_unique_keys_fall_back_to_what_was_asked_with():
    series = match(SeriesInstanceUID="1.2.3")
    keys = unique_keys(Root.PATIENT, Level.SERIES, series, {"PatientID": "P1", "StudyInstanceUID": "1.2"})
    assert keys == {"PatientID": "P1", "StudyInstanceUID": "1.2", "SeriesInstanceUID": "1.2.3"}
