"""The window of kept records: lists, live changes, search, data set and film, saving, deleting, and the worklist."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from kept_wire import Keeping, data_set
from pydicom import dcmread
from pydicom.dataset import Dataset
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QTimer, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QComboBox, QFileDialog, QLineEdit, QMessageBox, QPushButton

from workstation.paths import DataDir
from workstation.scp.answers.worklist_items import add_item, worklist_item
from workstation.scp.answers.worklist_table import WORKLIST_COLUMNS
from workstation.scp.ledger import Ledger, Record
from workstation.ui.dialogs.kept.pane import KeptPane
from workstation.ui.dialogs.kept.reading import Row
from workstation.ui.dialogs.kept.window import KeptWindow
from workstation.ui.dialogs.kept.worklist_pane import WorklistPane
from workstation.ui.parts.widgets import Outcome
from workstation.ui.services import Services
from workstation.ui.tasks import Tasks
from workstation.ui.theme import Appearance, Theme
from workstation.ui.viewers.data_set.view import DataSetView

COLUMN = {column.keyword: place for place, column in enumerate(WORKLIST_COLUMNS)}


@pytest.fixture
def keeping(qtbot, qt_loop, tmp_path: Path) -> Iterator[Keeping]:
    films = tmp_path / "films"
    films.mkdir()
    made = Keeping(
        folder=tmp_path,
        ledger=Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}", durable=False),
        films=films,
        theme=Theme(),
        tasks=Tasks(),
        folders=DataDir.at(tmp_path / "data"),
    )
    made.theme.apply()
    yield made
    qtbot.waitUntil(lambda: made.tasks.running == 0, timeout=10_000)
    made.ledger.close()


@pytest.fixture
def open_window(qtbot, keeping: Keeping) -> Iterator[Callable[..., KeptWindow]]:
    made: list[KeptWindow] = []

    def opened(key: str = "worklist", width: int = 900) -> KeptWindow:
        window = KeptWindow(cast(Services, keeping), keeping.ledger, keeping.films, DataSetView)
        qtbot.addWidget(window)
        made.append(window)
        window.resize(width, 600)
        window.show_kind(key)
        pane = window.panes[key]
        with qtbot.waitSignal(pane.loaded, timeout=10_000):
            window.show()
        return window

    yield opened
    for window in made:
        window.close()
        for pane in window.panes.values():
            pane.view.set_conversation(None)
    qtbot.waitUntil(lambda: keeping.tasks.running == 0, timeout=10_000)


def texts(pane: KeptPane, column: int = 1) -> list[str]:
    return [pane.model.shown(line).texts[column] for line in range(pane.model.rowCount())]


def select(qtbot, pane: KeptPane, line: int, column: int = 0) -> None:
    """Go to a row, and wait for its data set."""
    with qtbot.waitSignal(pane.detailed, timeout=10_000):
        pane.table.setCurrentIndex(pane.model.index(line, column))


def dialog_of(qtbot, window: KeptWindow, kind: type, name: str) -> Any:
    qtbot.waitUntil(lambda: window.findChild(kind, name) is not None, timeout=5000)
    return window.findChild(kind, name)


# ------------------------------------------------------------------- lists
@pytest.mark.parametrize("key", ["worklist", "procedureSteps", "commitments", "printJobs", "ups", "availability"])
def test_an_empty_tab_says_what_fills_it(qtbot, open_window, key: str) -> None:
    pane = open_window(key).panes[key]
    assert pane.empty.isVisible()
    assert pane.empty.text.startswith(pane.kind.empty[0])
    assert pane.kind.empty[1] in pane.empty.text
    assert not pane.details.isVisible()
    assert not pane.save_button.isEnabled()
    assert not pane.remove_button.isEnabled()


def test_records_are_listed_and_their_number_stands_in_the_tab(qtbot, keeping: Keeping, open_window) -> None:
    keeping.step("Miller^Anna")
    keeping.step("Doe^Jane", state="COMPLETED")
    window = open_window("procedureSteps")
    pane = window.panes["procedureSteps"]
    assert texts(pane) == ["Doe Jane · P1 · CT", "Miller Anna · P1 · CT"]
    assert texts(pane, 0) == ["Completed", "In progress"]
    assert not pane.empty.isVisible()
    qtbot.waitUntil(lambda: window.tabs.tabText(1) == "MPPS (2)", timeout=5000)
    assert window.tabs.tabText(0) == "Worklist"


def test_the_list_follows_the_ledger(qtbot, keeping: Keeping, open_window) -> None:
    first = keeping.step("Miller^Anna")
    window = open_window("procedureSteps")
    pane = window.panes["procedureSteps"]
    second = keeping.step("Doe^Jane")
    qtbot.waitUntil(lambda: len(texts(pane)) == 2, timeout=5000)
    keeping.ledger.change("procedure-step", first.uid, lambda now: replace(now, state="COMPLETED"))
    qtbot.waitUntil(lambda: texts(pane, 0) == ["In progress", "Completed"], timeout=5000)
    keeping.ledger.remove("procedure-step", second.uid)
    qtbot.waitUntil(lambda: texts(pane) == ["Miller Anna · P1 · CT"], timeout=5000)
    qtbot.waitUntil(lambda: window.tabs.tabText(1) == "MPPS (1)", timeout=5000)


def test_a_flood_of_changes_is_read_as_a_whole(qtbot, keeping: Keeping, open_window) -> None:
    pane = open_window("procedureSteps").panes["procedureSteps"]
    keeping.ledger.add_many("procedure-step", [(f"1.2.{number}", Dataset(), "COMPLETED") for number in range(300)])
    qtbot.waitUntil(lambda: pane.model.total == 300, timeout=10_000)


def test_a_tab_out_of_sight_reads_when_it_is_shown(qtbot, keeping: Keeping, open_window) -> None:
    window = open_window("worklist")
    pane = window.panes["procedureSteps"]
    keeping.step()
    qtbot.waitUntil(lambda: window.tabs.tabText(1) == "MPPS (1)", timeout=5000)
    assert pane.model.total == 0
    with qtbot.waitSignal(pane.loaded, timeout=5000):
        window.show_kind("procedureSteps")
    assert pane.model.total == 1


def test_a_closed_window_hears_nothing_and_reads_when_it_is_opened_again(qtbot, keeping: Keeping, open_window) -> None:
    window = open_window("procedureSteps")
    pane = window.panes["procedureSteps"]
    window.close()
    assert not keeping.ledger._listeners
    keeping.step()
    with qtbot.waitSignal(pane.loaded, timeout=5000):
        window.show()
    assert pane.model.total == 1


def test_search(qtbot, keeping: Keeping, open_window) -> None:
    keeping.step("Miller^Anna")
    keeping.step("Doe^Jane", peer="MR7")
    pane = open_window("procedureSteps").panes["procedureSteps"]
    qtbot.keyClicks(pane.search, "mr7 jane")
    qtbot.waitUntil(lambda: texts(pane) == ["Doe Jane · P1 · CT"], timeout=5000)
    assert pane.count.text() == "1 of 2"
    pane.search.setText("nobody")
    qtbot.keyClick(pane.search, Qt.Key.Key_Return)
    assert pane.empty.isVisible()
    assert "2 procedure steps" in pane.empty.text
    pane.search.clear()
    qtbot.waitUntil(lambda: len(texts(pane)) == 2, timeout=5000)


def test_a_click_on_a_title_sorts_and_keeps_the_choice(qtbot, keeping: Keeping, open_window) -> None:
    for name in ("B^B", "A^A", "C^C"):
        keeping.step(name)
    pane = open_window("procedureSteps").panes["procedureSteps"]
    select(qtbot, pane, 1)
    header = pane.table.header()
    for order in (["A A", "B B", "C C"], ["C C", "B B", "A A"]):
        where = QPoint(header.sectionViewportPosition(1) + 20, header.height() // 2)
        qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=where)
        assert [text[:3] for text in texts(pane)] == order
        row = pane.table.current_row()
        assert row is not None
        assert row.texts[1].startswith("A A")


def test_many_are_shown_as_they_come_and_changes_meanwhile_are_not_missed(
    qtbot, keeping: Keeping, open_window, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeping.ledger.add_many("procedure-step", [(f"1.{number}", Dataset(), "COMPLETED") for number in range(200)])
    halfway, go_on = threading.Event(), threading.Event()
    make, count = KeptPane.make_row, itertools.count()

    def slow(self: KeptPane, record: Record) -> Row:
        if next(count) == 100:
            halfway.set()
            assert go_on.wait(40)
        return make(self, record)

    monkeypatch.setattr(KeptPane, "make_row", slow)
    window = KeptWindow(cast(Services, keeping), keeping.ledger, keeping.films, DataSetView)
    qtbot.addWidget(window)
    pane = window.panes["procedureSteps"]
    window.show_kind("procedureSteps")
    window.show()
    qtbot.waitUntil(lambda: halfway.is_set() and pane.model.total >= 60)
    assert pane.table.current_row() is not None
    assert pane.model.total < 200
    keeping.ledger.add("procedure-step", "2.1", Dataset(), state="COMPLETED")
    qtbot.waitUntil(lambda: bool(pane._missed), timeout=5000)
    go_on.set()
    qtbot.waitUntil(lambda: pane.model.total == 201, timeout=10_000)
    window.close()
    pane.view.set_conversation(None)


# ------------------------------------------------------------------- data set and film
def test_the_chosen_ones_data_set_is_shown_and_kept_up_to_date(qtbot, keeping: Keeping, open_window) -> None:
    first = keeping.step("Miller^Anna", PerformedProcedureStepID="X1")
    keeping.step("Doe^Jane")
    pane = open_window("procedureSteps").panes["procedureSteps"]

    def values() -> list[str]:
        elements = pane.view.elements.table.elements
        return [elements.shown(line).texts[4] for line in range(elements.rowCount())]

    select(qtbot, pane, 1)
    qtbot.waitUntil(lambda: "Miller^Anna" in values(), timeout=5000)
    assert "X1" in values()
    other = data_set(PatientName="Miller^Anne")
    keeping.ledger.change("procedure-step", first.uid, lambda now: replace(now, data_set=other))
    qtbot.waitUntil(lambda: "Miller^Anne" in values(), timeout=5000)
    with qtbot.waitSignal(pane.window_asked, timeout=5000) as asked:
        pane.view._hand_on(pane.view.window_asked, pane.view.shown_object)  # type: ignore[arg-type]
    assert asked.args[0].sop_class_uid == pane.kind.sop_class


def test_a_print_job_shows_its_film_and_the_job(qtbot, keeping: Keeping, open_window) -> None:
    keeping.job()
    failed = keeping.job(has_film=False, state="FAILURE")
    pane = open_window("printJobs").panes["printJobs"]
    select(qtbot, pane, 1)
    qtbot.waitUntil(lambda: pane.view.picture.canvas.image is not None, timeout=10_000)
    assert pane.which.currentIndex() == 0
    qtbot.waitUntil(lambda: pane.view.title.text().startswith("1 film · 2 copies · Hip"), timeout=5000)
    # One that failed has no film: the job is all there is.
    select(qtbot, pane, 0)
    assert pane.table.current_row().key[1] == failed.uid  # type: ignore[union-attr]
    assert (pane.which.currentIndex(), pane.which.isTabEnabled(0)) == (1, False)
    select(qtbot, pane, 1)
    assert pane.which.currentIndex() == 0
    with qtbot.waitSignal(pane.detailed, timeout=5000):
        qtbot.mouseClick(pane.which, Qt.MouseButton.LeftButton, pos=pane.which.tabRect(1).center())
    qtbot.waitUntil(lambda: pane.view.elements.table.elements.rowCount() > 0, timeout=5000)
    assert pane.view.pages.currentWidget() is pane.view.elements


# ------------------------------------------------------------------- saving and deleting
def test_saving_through_the_dialog(qtbot, keeping: Keeping, open_window, tmp_path: Path) -> None:
    keeping.step("Miller^Anna", SpecificCharacterSet="ISO_IR 192")
    window = open_window("procedureSteps")
    pane = window.panes["procedureSteps"]
    pane.save_button.click()
    dialog = dialog_of(qtbot, window, QFileDialog, "procedureStepsSaveDialog")
    dialog.fileSelected.emit(str(tmp_path / "step.dcm"))
    dialog.close()
    qtbot.waitUntil(lambda: pane.result.outcome is Outcome.SUCCESS, timeout=5000)
    assert "1 procedure step" in pane.result.text
    assert dcmread(tmp_path / "step.dcm").PatientName == "Miller^Anna"


def test_several_are_saved_as_json(qtbot, keeping: Keeping, open_window, tmp_path: Path) -> None:
    keeping.step("A^A")
    keeping.step("B^B")
    pane = open_window("procedureSteps").panes["procedureSteps"]
    pane.table.selectAll()
    pane.save_to(tmp_path / "steps.json", [row.key for row in pane.table.chosen_rows()])
    qtbot.waitUntil(lambda: pane.result.outcome is Outcome.SUCCESS, timeout=5000)
    assert len(json.loads((tmp_path / "steps.json").read_text())) == 2


def test_a_film_is_saved_as_it_is(qtbot, keeping: Keeping, open_window, tmp_path: Path) -> None:
    job = keeping.job()
    pane = open_window("printJobs").panes["printJobs"]
    pane.save_to(tmp_path / "film.dcm", [("print-job", job.uid)])
    qtbot.waitUntil(lambda: pane.result.outcome is Outcome.SUCCESS, timeout=5000)
    assert dcmread(tmp_path / "film.dcm").Rows == 1500
    pane.save_to(tmp_path / "no" / "such" / "film.dcm", [("print-job", job.uid)])
    qtbot.waitUntil(lambda: pane.result.outcome is Outcome.FAILURE, timeout=5000)
    assert "Not saved" in pane.result.text


@pytest.mark.parametrize("is_sure", [True, False])
def test_deleting_asks_first(qtbot, keeping: Keeping, open_window, is_sure: bool) -> None:
    keeping.job()
    window = open_window("printJobs")
    pane = window.panes["printJobs"]
    pane.table.setFocus()
    pane.remove_button.click()
    question = dialog_of(qtbot, window, QMessageBox, "printJobsDeleteQuestion")
    assert "1 print job" in question.text()
    assert "films" in question.informativeText()
    if not is_sure:
        question.reject()
        assert len(list(keeping.films.iterdir())) == pane.model.total == 1
        return
    question.findChild(QPushButton, "printJobsDeleteYes").click()
    qtbot.waitUntil(lambda: pane.model.total == 0, timeout=5000)
    assert not list(keeping.films.iterdir())
    assert "1 print job deleted" in pane.result.text
    qtbot.waitUntil(pane.empty.isVisible, timeout=5000)


# ------------------------------------------------------------------- the worklist
@pytest.fixture
def worklist(keeping: Keeping, open_window) -> WorklistPane:
    add_item(keeping.ledger, worklist_item(PatientName="Doe^Jane", Modality="CT", StudyInstanceUID="1.2.3"))
    add_item(keeping.ledger, worklist_item(PatientName="Miller^Anna", Modality="MR"))
    window: KeptWindow = open_window()
    return window.worklist


def edit(qtbot, pane: WorklistPane, line: int, keyword: str) -> Any:
    """Open a cell with the keyboard; its editor."""
    pane.window().activateWindow()
    qtbot.waitUntil(pane.window().isActiveWindow, timeout=5000)
    pane.table.setFocus()
    pane.table.setCurrentIndex(pane.model.index(line, COLUMN[keyword]))
    qtbot.keyClick(pane.table, Qt.Key.Key_F2)
    kind = QComboBox if WORKLIST_COLUMNS[COLUMN[keyword]].choices else QLineEdit
    editor = pane.table.viewport().findChild(kind, "worklistCell")
    assert editor is not None
    return editor


def cell(pane: WorklistPane, line: int, keyword: str) -> str:
    return str(pane.model.shown(line).texts[COLUMN[keyword]])


def kept(keeping: Keeping) -> list[Dataset]:
    return [record.data_set for record in keeping.ledger.records("worklist")]


def test_a_cell_is_edited_with_the_keyboard(qtbot, keeping: Keeping, worklist: WorklistPane) -> None:
    editor = edit(qtbot, worklist, 1, "PatientName")
    assert editor.text() == "Miller^Anna"
    editor.setText("Müller^Anna")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: cell(worklist, 1, "PatientName") == "Müller^Anna", timeout=5000)
    assert kept(keeping)[1].PatientName == "Müller^Anna"
    assert kept(keeping)[1].SpecificCharacterSet == "ISO_IR 192"
    assert cell(worklist, 0, "PatientName") == "Doe^Jane"


def test_a_value_is_chosen_or_typed_where_there_are_usual_ones(qtbot, keeping: Keeping, worklist: WorklistPane) -> None:
    editor = edit(qtbot, worklist, 0, "Modality")
    assert editor.currentText() == "CT"
    assert editor.findText("US") >= 0
    editor.setEditText("us")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: cell(worklist, 0, "Modality") == "US", timeout=5000)


def test_a_wrong_value_is_explained_and_not_kept(qtbot, keeping: Keeping, worklist: WorklistPane) -> None:
    keyword = "ScheduledProcedureStepStartDate"
    editor = edit(qtbot, worklist, 0, keyword)
    qtbot.keyClicks(editor, "31.02.2026")
    assert worklist.problem.isVisible()
    assert "not a date" in worklist.problem.text()
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    assert editor.isVisible(), "it waits for a right one"
    editor.selectAll()
    qtbot.keyClicks(editor, "2026-03-01")
    assert not worklist.problem.isVisible()
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: cell(worklist, 0, keyword) == "2026-03-01", timeout=5000)
    # Left for another place with something wrong in it, what was there stays.
    editor = edit(qtbot, worklist, 0, keyword)
    qtbot.keyClicks(editor, "nonsense")
    worklist.search.setFocus()
    qtbot.waitUntil(lambda: not worklist.problem.isVisible(), timeout=5000)
    assert cell(worklist, 0, keyword) == "2026-03-01"


def test_escape_leaves_a_cell_and_not_the_window(qtbot, worklist: WorklistPane) -> None:
    editor = edit(qtbot, worklist, 0, "PatientName")
    qtbot.keyClicks(editor, "X")
    qtbot.keyClick(editor, Qt.Key.Key_Escape)
    assert worklist.window().isVisible()
    assert cell(worklist, 0, "PatientName") == "Doe^Jane"


def test_arrows_go_from_cell_to_cell_and_tab_to_the_next_while_editing(qtbot, worklist: WorklistPane) -> None:
    editor = edit(qtbot, worklist, 0, "PatientName")
    qtbot.keyClick(editor, Qt.Key.Key_Tab)
    assert worklist.table.currentIndex().column() == COLUMN["PatientID"]
    following = worklist.table.viewport().findChild(QLineEdit, "worklistCell")
    if following is not None:
        qtbot.keyClick(following, Qt.Key.Key_Escape)
    worklist.table.setFocus()
    qtbot.keyClick(worklist.table, Qt.Key.Key_Left)
    assert worklist.table.currentIndex().column() == COLUMN["PatientName"]


def test_other_identifiers_keep_the_items_place(qtbot, keeping: Keeping, worklist: WorklistPane) -> None:
    editor = edit(qtbot, worklist, 0, "StudyInstanceUID")
    qtbot.keyClicks(editor, "1.2.4")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: "1.2.4" in [item.StudyInstanceUID for item in kept(keeping)], timeout=5000)
    qtbot.waitUntil(lambda: "1.2.4" in [cell(worklist, line, "StudyInstanceUID") for line in (0, 1)], timeout=5000)
    assert worklist.model.total == 2


def test_an_item_that_went_meanwhile_is_said(qtbot, keeping: Keeping, worklist: WorklistPane) -> None:
    row = worklist.model.row_at(0)
    assert row is not None
    keeping.ledger.remove(*row.key)
    worklist.edit(row, COLUMN["PatientName"], "X")
    qtbot.waitUntil(lambda: worklist.result.outcome is Outcome.FAILURE, timeout=5000)
    assert "removed meanwhile" in worklist.result.text


def test_adding_and_duplicating(qtbot, keeping: Keeping, worklist: WorklistPane) -> None:
    worklist.search.setText("doe")
    qtbot.waitUntil(lambda: worklist.model.rowCount() == 1, timeout=5000)
    worklist.add_button.click()
    qtbot.waitUntil(lambda: worklist.model.rowCount() == 3, timeout=5000)
    row = worklist.table.current_row()
    assert row is not None
    assert row.texts[0] == "New^Patient"
    worklist.table.setCurrentIndex(worklist.model.index(0, 0))
    worklist.copy_button.click()
    qtbot.waitUntil(lambda: worklist.model.rowCount() == 4, timeout=5000)
    assert len({item.StudyInstanceUID for item in kept(keeping)}) == 4
    assert cell(worklist, 3, "PatientName") == "Doe^Jane"


def test_samples_come_once(qtbot, keeping: Keeping, open_window) -> None:
    pane = open_window().worklist
    button = pane.empty.findChild(QPushButton, "worklistEmptySamples")
    assert not button.autoDefault(), "Enter in the search must not press it"
    button.click()
    qtbot.waitUntil(lambda: pane.model.total == 12, timeout=5000)
    assert "12 items added" in pane.result.text
    assert pane.details.isVisible()
    pane.samples_button.click()
    qtbot.waitUntil(lambda: "12 were there already" in pane.result.text, timeout=5000)
    assert pane.model.total == 12


def test_files_are_imported_chosen_or_dropped(qtbot, keeping: Keeping, open_window, tmp_path: Path) -> None:
    window = open_window()
    pane = window.worklist
    good, bad = tmp_path / "item.json", tmp_path / "bad.wl"
    good.write_text(json.dumps(data_set(PatientName="File^Item", PatientID="F").to_json_dict()))
    bad.write_bytes(b"nothing")
    pane.choose_files()
    dialog = dialog_of(qtbot, window, QFileDialog, "worklistImportDialog")
    dialog.filesSelected.emit([str(good), str(bad)])
    dialog.close()
    qtbot.waitUntil(lambda: pane.model.total == 1, timeout=5000)
    assert pane.result.outcome is Outcome.WARNING
    assert "bad.wl" in pane.result.text
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(good))])
    none = Qt.KeyboardModifier.NoModifier
    drop = QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, none)
    pane.dropEvent(drop)
    qtbot.waitUntil(lambda: pane.model.total == 2, timeout=5000)
    assert kept(keeping)[0].PatientName == "File^Item"


# ------------------------------------------------------------------- looks
@pytest.mark.parametrize(
    ("key", "width", "way"),
    [
        ("procedureSteps", 600, Qt.Orientation.Vertical),
        ("procedureSteps", 1100, Qt.Orientation.Horizontal),
        ("printJobs", 900, Qt.Orientation.Horizontal),
    ],
)
def test_it_fits_where_it_stands(
    qtbot, keeping: Keeping, open_window, key: str, width: int, way: Qt.Orientation
) -> None:
    keeping.step()
    keeping.job()
    window = open_window(key, width)
    pane = window.panes[key]
    for appearance in (Appearance.LIGHT, Appearance.DARK):
        keeping.theme.set_appearance(appearance)
        assert window.width() == width
        assert pane.splitter.orientation() is way
        header = pane.table.header()
        qtbot.waitUntil(lambda header=header: header.length() <= pane.table.viewport().width())
        assert pane.table.width() > 200
        assert not window.grab().isNull()


def test_nothing_runs_when_it_is_closed(qtbot, keeping: Keeping, open_window) -> None:
    keeping.step()
    window = open_window("procedureSteps")
    window.close()
    qtbot.waitUntil(lambda: not any(timer.isActive() for timer in window.findChildren(QTimer)), timeout=5000)
