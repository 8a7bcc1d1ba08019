"""The archive's window, on a real archive: what a person does there, and what peers do meanwhile."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from dialog_kit import act, focus, idle, running_services
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QDialog,
    QFileDialog,
    QLineEdit,
    QMessageBox,
    QPlainTextEdit,
    QPushButton,
)
from scp_files import one_object, patients, store_directly

from workstation.net import AE, build_context
from workstation.paths import DataDir
from workstation.scp.archive.archive import Archive
from workstation.scp.archive.browse import Browser, Order
from workstation.scp.archive.importing import ImportJob
from workstation.scp.query.levels import Level
from workstation.ui.dialogs.archive_browser import model as model_module
from workstation.ui.dialogs.archive_browser.model import More
from workstation.ui.dialogs.archive_browser.window import ArchiveWindow
from workstation.ui.dialogs.archive_browser.words import IDENTIFIER, MODALITY, NAME, OBJECTS, name_of
from workstation.ui.parts.widgets import Outcome
from workstation.ui.viewers.data_set.view import DataSetView

SAMPLES = 34


@pytest.fixture
def services(qt_loop, qtbot, tmp_path, free_port):
    with running_services(qtbot, tmp_path, free_port) as services:
        yield services


@pytest.fixture
def archive(services) -> Archive:
    return services.archive


@pytest.fixture(scope="module")
def stock(tmp_path_factory) -> Path:
    """The folder of an archive with the samples."""
    archive = Archive(tmp_path_factory.mktemp("stock") / "archive", durable=False)
    assert ImportJob(archive, [Path(__file__).parents[2] / "resources" / "samples"]).run().stored == SAMPLES
    archive.close()
    return archive.folder


@pytest.fixture
def filled(stock, tmp_path, request) -> Archive:
    """Come before the services: they open what is there."""
    shutil.copytree(stock, DataDir.at(tmp_path / "data").archive)
    archive = request.getfixturevalue("archive")
    assert archive.counts()[Level.IMAGE] == SAMPLES
    return archive


@pytest.fixture
def window(services, qtbot):
    window = ArchiveWindow(services, DataSetView)
    qtbot.addWidget(window)
    window.show()
    yield window
    window.close()
    qtbot.waitUntil(lambda: services.tasks.running == 0, timeout=10_000)


def names(window, depth: int | None = None) -> list[str]:
    model = window.model
    lines = [model.shown(row) for row in range(model.rowCount())]
    return [line.texts[NAME] for line in lines if depth is None or line.depth == depth]


def wait_for_rows(qtbot, window, count: int) -> None:
    qtbot.waitUntil(lambda: window.model.rowCount() == count, timeout=10_000)


def open_down(qtbot, window, row: int, depth: int) -> int:
    """Open a row, the first below it, and so on; returns the row of the last."""
    for _ in range(depth):
        before = window.model.rowCount()
        window.model.open_row(row, True)
        row += 1
        qtbot.waitUntil(lambda b=before, r=row: window.model.rowCount() > b and window.model.node(r) is not None)
    return row


def select(window, *rows: int) -> None:
    window.table.clearSelection()
    for row in rows:
        window.table.selectionModel().select(
            window.model.index(row, 0),
            window.table.selectionModel().SelectionFlag.Select | window.table.selectionModel().SelectionFlag.Rows,
        )
    window.table.selectionModel().setCurrentIndex(
        window.model.index(rows[-1], 0), window.table.selectionModel().SelectionFlag.NoUpdate
    )


def row_of(window, text: str) -> int:
    return next(row for row in range(window.model.rowCount()) if text in window.model.shown(row).texts[NAME])


# --------------------------------------------------------------------------------------------------- looking
def test_an_empty_archive_says_what_fills_it(window, qtbot):
    qtbot.waitUntil(window.empty.isVisible)
    assert window.empty.text.startswith("The archive is empty\nWhat peers send")
    assert window.empty_import.isVisible()
    qtbot.waitUntil(lambda: "0 objects, 0 B" in window.space.text)
    for button in (window.export_button, window.send_button, window.delete_button):
        assert not button.isEnabled()


def test_patients_and_what_is_below_them(filled, window, qtbot):
    counts = filled.counts()
    wait_for_rows(qtbot, window, counts[Level.PATIENT])
    assert not window.empty.isVisible()
    row = row_of(window, "Nørgaard")
    cells = window.model.shown(row).texts
    assert (cells[IDENTIFIER], cells[OBJECTS]) == ("DW-1001", "14")
    assert "CT" in cells[MODALITY]
    last = open_down(qtbot, window, row, 3)
    assert window.model.shown(last).depth == 3
    assert window.model.node(last).row.file
    # Closed and opened again, nothing is fetched twice.
    fetched: list[object] = []
    window.model.wanted.connect(lambda node, _offset: fetched.append(node))
    before = names(window)
    window.model.open_row(row, False)
    window.model.open_row(row, True)
    assert (names(window), fetched) == (before, [])


def test_keyboard_alone(filled, window, qtbot):
    wait_for_rows(qtbot, window, filled.counts()[Level.PATIENT])
    focus(qtbot, window.table)
    QTest.keyClick(window.table, Qt.Key.Key_Home)
    before = window.model.rowCount()
    QTest.keyClick(window.table, Qt.Key.Key_Right)
    qtbot.waitUntil(lambda: window.model.rowCount() > before and window.model.node(1) is not None)
    QTest.keyClick(window.table, Qt.Key.Key_Return)
    assert window.model.rowCount() == before
    opened: list[Path] = []
    window.file_opened.connect(opened.append)
    last = open_down(qtbot, window, 0, 3)
    window.table.setCurrentIndex(window.model.index(last, 0))
    QTest.keyClick(window.table, Qt.Key.Key_Return)
    assert len(opened) == 1
    assert opened[0].is_file()
    QTest.keyClick(window.table, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    assert window.search.hasFocus()


def test_the_picture_of_what_is_selected(filled, window, qtbot):
    wait_for_rows(qtbot, window, filled.counts()[Level.PATIENT])
    select(window, row_of(window, "Nørgaard"))
    with qtbot.waitSignal(window.preview.picture.shown, timeout=10_000):
        pass
    assert window.preview.shown_object is not None
    assert not window.preview.picture.canvas.grab().isNull()
    window.table.clearSelection()
    qtbot.waitUntil(lambda: window.preview.shown_object is None)
    assert window._pages.currentIndex() == 0


def test_search_thins_out_and_comes_back(filled, window, qtbot):
    everybody = filled.counts()[Level.PATIENT]
    wait_for_rows(qtbot, window, everybody)
    QTest.keyClicks(window.search, "ase dw-1001")
    wait_for_rows(qtbot, window, 0)
    qtbot.waitUntil(lambda: window.empty.text.startswith("Nothing found for “ase dw-1001”"))
    assert not window.empty_import.isVisible()
    window.search.setText("nørgaard DW-1001")
    wait_for_rows(qtbot, window, 1)
    assert names(window)[0].startswith("Nørgaard")
    window.search.clear()
    wait_for_rows(qtbot, window, everybody)


def test_order_by_name(filled, window, qtbot):
    wait_for_rows(qtbot, window, filled.counts()[Level.PATIENT])
    window.order.setCurrentIndex(1)
    window.order.activated.emit(1)
    expected = [name_of(row) for row in Browser(filled).page(order=Order.NAME).rows]
    assert expected[0].startswith("Hong")
    qtbot.waitUntil(lambda: names(window) == expected)


def test_many_are_fetched_as_they_come_into_sight(archive, services, qtbot, monkeypatch, tmp_path):

    monkeypatch.setattr(model_module, "PAGE", 20)
    monkeypatch.setattr("workstation.ui.dialogs.archive_browser.window.PAGE", 20)
    patients(archive, 70)
    window = ArchiveWindow(services, DataSetView)
    qtbot.addWidget(window)
    window.resize(1000, 300)
    window.show()
    wait_for_rows(qtbot, window, 21)
    assert isinstance(window.model.line(20), More)
    assert window.model.shown(20).texts[0] == "50 more"
    bar = window.table.verticalScrollBar()

    def is_at_the_end() -> bool:
        bar.setValue(bar.maximum())
        return window.model.rowCount() == 70

    qtbot.waitUntil(is_at_the_end, timeout=10_000)
    assert len(set(names(window))) == 70
    window.close()


# --------------------------------------------------------------------------------------------------- following
def test_what_peers_store_appears_and_nothing_jumps(filled, services, window, qtbot, samples):

    wait_for_rows(qtbot, window, filled.counts()[Level.PATIENT])
    row = row_of(window, "Nørgaard")
    open_down(qtbot, window, row, 2)
    select(window, row + 1)
    chosen, before = window.model.node(row + 1), names(window)
    association = AE().associate(*services.server.address, contexts=[build_context(one_object().SOPClassUID)])
    assert association.send_c_store(one_object(PatientName="New^One", PatientID="NEW")).Status == 0
    association.release()
    qtbot.waitUntil(lambda: any("New One" in name for name in names(window)), timeout=10_000)
    assert [name for name in names(window) if "New One" not in name] == before
    assert window.table.chosen_nodes() == [chosen]
    assert window.model.node(window.table.currentIndex().row()) is chosen


def test_a_patient_that_moves_keeps_its_selection(filled, window, qtbot):

    wait_for_rows(qtbot, window, filled.counts()[Level.PATIENT])
    last = window.model.rowCount() - 1
    select(window, last)
    chosen = window.model.node(last)
    patient = chosen.row.texts
    new = one_object(
        SpecificCharacterSet="ISO_IR 192",
        PatientID=patient["PatientID"],
        PatientName=patient["PatientName"],
        StudyInstanceUID="1.2.3.99",
    )
    store_directly(filled, new)
    qtbot.waitUntil(lambda: window.model.node(0) is not None and window.model.node(0).key == chosen.key, timeout=10_000)
    assert window.table.chosen_nodes() == [window.model.node(0)]


def test_nobody_looks_nothing_is_asked(filled, services, window, qtbot):

    wait_for_rows(qtbot, window, filled.counts()[Level.PATIENT])
    window.hide()
    qtbot.waitUntil(lambda: services.tasks.running == 0)
    assert filled._listeners == ()
    store_directly(filled, one_object(PatientName="Unseen", PatientID="UNSEEN"))
    assert "Unseen" not in names(window)
    window.show()
    qtbot.waitUntil(lambda: "Unseen" in names(window), timeout=10_000)


# --------------------------------------------------------------------------------------------------- importing
def test_import_of_a_folder_with_progress_and_what_was_wrong(window, services, qtbot, samples, tmp_path):
    folder = tmp_path / "in"
    shutil.copytree(samples, folder)
    (folder / "<b>note<b>.txt").write_text("no object")
    seen: list[str] = []
    window.progress.valueChanged.connect(lambda _value: seen.append(window.progress_words.text()))
    act(qtbot, window, lambda: window.import_paths([folder]))
    assert window.outcome.outcome is Outcome.SUCCESS
    assert f"{SAMPLES} objects imported" in window.outcome.text
    assert "2 files without an object" in window.outcome.text
    assert services.archive.counts()[Level.IMAGE] == SAMPLES
    assert not window._work.isVisible()
    qtbot.waitUntil(lambda: window.model.rowCount() == services.archive.counts()[Level.PATIENT])
    window.details_button.click()
    details = window.findChild(QDialog, "archiveDetailsDialog")
    assert "<b>note<b>.txt: This is no DICOM file" in details.findChild(QPlainTextEdit).toPlainText()
    details.close()
    act(qtbot, window, lambda: window.import_paths([folder]))
    assert f"{SAMPLES} there already" in window.outcome.text
    assert window.outcome.outcome is Outcome.SUCCESS


def test_import_by_the_menu_and_by_dropping(window, services, qtbot, samples):
    menu = window.import_button.menu()
    next(each for each in menu.actions() if "older" in each.text()).trigger()
    chooser = window.findChild(QFileDialog, "archiveImportDialog")
    assert chooser.fileMode() is QFileDialog.FileMode.Directory
    act(qtbot, window, lambda: chooser.filesSelected.emit([str(samples)]))
    chooser.close()
    assert services.archive.counts()[Level.IMAGE] == SAMPLES
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(samples))])
    drop = QDropEvent(
        QPointF(QPoint(20, 20)),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    act(qtbot, window, lambda: window.table.dropEvent(drop))
    assert f"{SAMPLES} there already" in window.outcome.text


def test_a_full_disk(window, services, qtbot, samples, monkeypatch):
    qtbot.waitUntil(lambda: bool(window.space.text))
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(total=100_000_000_000, free=900_000_000))
    act(qtbot, window, lambda: window.import_paths([samples]))
    assert window.outcome.outcome is Outcome.FAILURE
    assert window.outcome.text.startswith("Import stopped: The archive's disk has 900 MB left, less than 1.1 GB.")
    qtbot.waitUntil(lambda: "900 MB of 100 GB free: nothing is stored below 1.1 GB" in window.space.text)
    assert window.space._sign.isVisible()


def test_closing_cancels_the_import(services, qtbot, samples, tmp_path):
    for number in range(40):
        shutil.copytree(samples, tmp_path / "in" / str(number))
    window = ArchiveWindow(services, DataSetView)
    qtbot.addWidget(window)
    window.show()
    window.import_paths([tmp_path / "in"])
    qtbot.waitUntil(window._work.isVisible)
    window.close()
    idle(qtbot, window)
    assert window.outcome.outcome is Outcome.CANCELLED
    qtbot.waitUntil(lambda: services.tasks.running == 0)


# --------------------------------------------------------------------------------------- exporting and sending
@pytest.mark.parametrize("dicomdir", [False, True])
def test_export(filled, window, qtbot, tmp_path, dicomdir):
    wait_for_rows(qtbot, window, filled.counts()[Level.PATIENT])
    select(window, row_of(window, "Nørgaard"))
    window.export_button.menu().actions()[int(dicomdir)].trigger()
    chooser = window.findChild(QFileDialog, "archiveExportDialog")
    act(qtbot, window, lambda: chooser.fileSelected.emit(str(tmp_path / "out")))
    chooser.close()
    assert window.outcome.outcome in (Outcome.SUCCESS, Outcome.WARNING)
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert ("DICOMDIR" in {path.name for path in files}) == dicomdir
    assert f"{len(files) - dicomdir} files written" in window.outcome.text
    assert dicomdir or len(files) == 14


def test_send_hands_the_files_on(filled, window, qtbot):
    wait_for_rows(qtbot, window, filled.counts()[Level.PATIENT])
    row = row_of(window, "Nørgaard")
    open_down(qtbot, window, row, 1)
    # What is below a selected row is not sent twice.
    select(window, row, row + 1)
    with qtbot.waitSignal(window.send_asked) as asked:
        window.send_button.click()
    (paths,) = asked.args
    assert len(paths) == len(set(paths)) == 14
    assert all(path.is_file() for path in paths)


# --------------------------------------------------------------------------------------------------- deleting
def question_of(qtbot, window) -> QMessageBox:
    qtbot.waitUntil(lambda: window.findChild(QMessageBox, "archiveDeleteQuestion") is not None)
    return window.findChild(QMessageBox, "archiveDeleteQuestion")


def test_delete_asks_in_words_and_keeps_by_default(filled, window, qtbot):
    wait_for_rows(qtbot, window, filled.counts()[Level.PATIENT])
    select(window, row_of(window, "Nørgaard"))
    focus(qtbot, window.table)
    QTest.keyClick(window.table, Qt.Key.Key_Delete)
    box = question_of(qtbot, window)
    assert box.text() == "Delete the patient “Nørgaard Åse Fru”?"
    assert box.informativeText().startswith("14 objects (")
    assert box.findChild(QPushButton, "archiveDeleteYes").text() == "Delete 14 objects"
    assert box.defaultButton().text() == "Keep"
    QTest.keyClick(box, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: not box.isVisible())
    assert filled.counts()[Level.IMAGE] == SAMPLES


def test_delete(filled, window, qtbot):
    patients = filled.counts()[Level.PATIENT]
    wait_for_rows(qtbot, window, patients)
    row = row_of(window, "Nørgaard")
    study = open_down(qtbot, window, row, 1)
    objects = window.model.node(study).row.objects
    select(window, study)
    window.delete_button.click()
    box = question_of(qtbot, window)
    act(qtbot, window, box.findChild(QPushButton, "archiveDeleteYes").click)
    qtbot.waitUntil(lambda: window.outcome.outcome is Outcome.SUCCESS)
    assert window.outcome.text.startswith(f"{objects} object")
    assert filled.counts()[Level.IMAGE] == SAMPLES - objects
    assert len(list((filled.folder / "objects").rglob("*.dcm"))) == SAMPLES - objects
    qtbot.waitUntil(lambda: f"{SAMPLES - objects} objects" in window.space.text, timeout=10_000)


# --------------------------------------------------------------------------------------------------- hostile
def test_texts_of_peers_are_shown_letter_by_letter(archive, window, qtbot):

    store_directly(
        archive,
        one_object(
            SpecificCharacterSet="ISO_IR 192", PatientName="<b>bold</b>\u202etxet", StudyDescription="<img src=x>"
        ),
    )
    wait_for_rows(qtbot, window, 1)
    assert "<b>bold</b>" in names(window)[0]
    assert "\u202e" not in names(window)[0]
    open_down(qtbot, window, 0, 1)
    assert names(window, 1) == ["<img src=x>"]
    tip = window.model.data(window.model.index(1, 0), Qt.ItemDataRole.ToolTipRole)
    assert "&lt;img src=x&gt;" in tip
    select(window, 0)
    window.delete_button.click()
    box = question_of(qtbot, window)
    assert box.textFormat() is Qt.TextFormat.PlainText
    box.reject()


def test_a_run_without_an_archive(services, qtbot):
    servers, services.servers = services.servers, None
    window = ArchiveWindow(services, DataSetView)
    qtbot.addWidget(window)
    window.show()
    qtbot.waitUntil(window.empty.isVisible)
    assert window.empty.text.startswith("No archive")
    assert not window.import_button.isEnabled()
    services.servers = servers
    services.server_changed.emit()
    qtbot.waitUntil(lambda: window.empty.text.startswith("The archive is empty"))
    assert window.import_button.isEnabled()
    window.close()
    qtbot.waitUntil(lambda: services.tasks.running == 0)


def test_narrow_and_wide(window, qtbot):
    for width, orientation in ((1000, Qt.Orientation.Horizontal), (700, Qt.Orientation.Vertical)):
        window.resize(width, 640)
        qtbot.waitUntil(lambda o=orientation: window._splitter.orientation() == o)
        assert window.width() == width
        for button in (window.import_button, window.export_button, window.send_button, window.delete_button):
            assert button.width() >= button.sizeHint().width()


def test_everything_has_a_name(window):
    for kind in (QAbstractButton, QComboBox, QLineEdit):
        for widget in window.findChildren(kind):
            if window.preview.isAncestorOf(widget) or widget.objectName().startswith("qt_"):
                continue
            assert widget.accessibleName() or isinstance(widget.parent(), QLineEdit), widget
