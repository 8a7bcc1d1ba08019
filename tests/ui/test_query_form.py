"""The key form: usual keys, presets, any attribute by search, sentences beside the fields."""

from __future__ import annotations

from datetime import date

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QToolButton

from workstation.ui.dialogs.query_form import QueryForm
from workstation.ui.dialogs.query_keys import Level, Root
from workstation.ui.theme import Theme


@pytest.fixture
def form(qapp, qtbot):
    form = QueryForm(Theme())
    qtbot.addWidget(form)
    form.resize(340, 560)
    form.show()
    return form


def test_usual_keys_come_first(form):
    assert list(form.texts())[:4] == ["PatientName", "PatientID", "StudyDate", "AccessionNumber"]
    assert "NumberOfStudyRelatedInstances" in form.asked()
    assert form.columns()[-1] == "StudyInstanceUID"


def test_a_field_says_what_is_wrong(form, qtbot):
    field = form.field("StudyDate")
    QTest.keyClicks(field.field.editor, "2026-02-30")
    assert field.findChild(QLabel, "problem").text() == "There is no date 2026-02-30."
    assert form.problem == "Study Date: There is no date 2026-02-30."


def test_date_presets_fill_the_field(form):
    button = form.field("StudyDate").findChild(QToolButton, "usualStudyDate")
    entries = {each.text(): each for each in button.menu().actions()}
    entries["Today"].trigger()
    assert form.texts()["StudyDate"] == f"{date.today():%Y%m%d}"
    entries["Any date"].trigger()
    assert form.texts()["StudyDate"] == ""


@pytest.mark.qt_log_ignore("This plugin does not support")  # a pop-up asks for what the offscreen platform lacks
@pytest.mark.parametrize("typed", ["birth time", "0010,0032", "PatientBirthTime", "Patient's Birth Time"])
def test_any_attribute_is_found_by_search(form, qtbot, typed):
    form.search.setFocus()
    QTest.keyClicks(form.search, typed)
    popup = form.search.completer().popup()
    if popup.isVisible():
        QTest.keyClick(popup, Qt.Key.Key_Down)
        QTest.keyClick(popup, Qt.Key.Key_Return)
    else:
        QTest.keyClick(form.search, Qt.Key.Key_Return)
    assert "PatientBirthTime" in form.texts()
    qtbot.waitUntil(lambda: form.search.text() == "")
    assert "PatientBirthTime" in form.columns()


def test_an_added_attribute_can_be_taken_out(form, qtbot):
    form.field("PatientName").field.editor.setText("Doe*")
    form.add_attribute("PatientBirthTime")
    form.field("PatientBirthTime").findChild(QToolButton, "removePatientBirthTime").click()
    qtbot.waitUntil(lambda: "PatientBirthTime" not in form.texts())
    assert form.texts()["PatientName"] == "Doe*"


def test_keys_above_are_shown_and_asked_for(form):
    form.show_level(Root.PATIENT, Level.SERIES)
    assert list(form.above()) == ["PatientID", "StudyInstanceUID"]
    note = form.findChild(QLabel, "aboveNote")
    assert note.isVisible()
    form.field("PatientID").field.editor.setText("P1")
    form.field("StudyInstanceUID").field.editor.setText("1.2")
    assert not note.isVisible()
    assert "PatientID" not in form.matches()


def test_what_was_typed_stays_where_the_key_stays(form):
    form.field("PatientName").field.editor.setText("Doe*")
    form.field("StudyDate").field.editor.setText("20260131")
    form.show_level(Root.PATIENT, Level.PATIENT)
    assert form.texts()["PatientName"] == "Doe*"
    assert "StudyDate" not in form.texts()


def test_clear(form):
    form.field("PatientName").field.editor.setText("Doe*")
    form.clear()
    assert not any(form.texts().values())
