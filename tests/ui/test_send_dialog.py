"""The send dialog, sending to the built-in server and to DCMTK."""

from __future__ import annotations

import socket
import subprocess
import sys
from dataclasses import replace

import pytest
from dialog_kit import NOBODY, act, focus, idle, running_services
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from rules_kit import answering, delaying

from workstation.peers import Peer
from workstation.scp.query.levels import Level
from workstation.ui.dialogs.send_dialog import SendDialog
from workstation.ui.dialogs.send_model import RESULT
from workstation.ui.parts.widgets import Outcome


@pytest.fixture
def services(qt_loop, qtbot, tmp_path, free_port):
    with running_services(qtbot, tmp_path, free_port) as services:
        yield services


@pytest.fixture
def dialog(services, qtbot):
    dialog = SendDialog(services, services.built_in())
    qtbot.addWidget(dialog)
    dialog.show()
    return dialog


def results(dialog) -> list[str]:
    model = dialog.model
    for line in reversed(range(model.rowCount())):
        model.open_row(line, True)
    rows = [model.shown(line) for line in range(model.rowCount())]
    return [row.texts[RESULT] for row in rows if row.depth]


def test_the_samples_arrive_in_the_archive(dialog, services, qtbot, samples):
    expected = len(list(samples.rglob("*.dcm")))
    act(qtbot, dialog, dialog.add_samples_button.click)
    assert dialog.model.count == expected
    act(qtbot, dialog, dialog.send_button.click)
    assert dialog.outcome.outcome is Outcome.SUCCESS, dialog.outcome.text
    assert f"{expected} objects stored by Built-in" in dialog.outcome.text
    assert services.archive.counts()[Level.IMAGE] == expected
    assert dialog._progress_words.text() == ""
    assert not dialog.retry_button.isEnabled()


def test_what_will_be_proposed_follows_from_the_files(dialog, qtbot, samples):
    assert dialog.contexts.topLevelItemCount() == 0
    act(qtbot, dialog, lambda: dialog.add_paths([samples / "ct-chest"]))
    qtbot.waitUntil(lambda: dialog.contexts.topLevelItemCount() > 0)
    item = dialog.contexts.topLevelItem(0)
    assert item.text(0) == "CT Image Storage"
    assert "Explicit VR Little Endian" in [item.child(row).text(0) for row in range(item.childCount())]
    assert "presentation context" in dialog._contexts_note.text()


def test_files_that_are_no_dicom_are_listed_with_the_reason(dialog, qtbot, tmp_path, samples):
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "empty.dcm").touch()
    sample = next((samples / "ct-chest").rglob("*.dcm"))
    cut = tmp_path / "cut.dcm"
    cut.write_bytes(sample.read_bytes()[:-1000])
    act(qtbot, dialog, lambda: dialog.add_paths([tmp_path / "notes.txt", tmp_path / "empty.dcm", cut, sample]))
    assert dialog.model.count == 1
    assert sorted(filter(None, results(dialog))) == [
        "The file ends too early",
        "The file is empty",
        "This is no DICOM file",
    ]
    assert "3 files cannot be sent" in dialog.outcome.text


@pytest.mark.parametrize("width", [1100, 1700])
def test_results_are_in_sight_at_any_width(dialog, qtbot, width):
    dialog.resize(width, 700)
    table = dialog.list
    qtbot.waitUntil(lambda: 0 <= table.viewport().width() - table.header().length() < 5)


def test_files_can_be_dropped(dialog, qtbot, samples):
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(samples / "ct-chest"))])
    enter = QDragEnterEvent(
        QPoint(50, 50), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    QApplication.sendEvent(dialog.list.viewport(), enter)
    assert enter.isAccepted()
    drop = QDropEvent(
        QPointF(50, 50), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    act(qtbot, dialog, lambda: QApplication.sendEvent(dialog.list.viewport(), drop))
    assert dialog.model.count == len(list((samples / "ct-chest").rglob("*.dcm")))


def test_text_cannot_be_dropped(dialog):
    data = QMimeData()
    data.setText("not a file")
    enter = QDragEnterEvent(
        QPoint(50, 50), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    QApplication.sendEvent(dialog.list.viewport(), enter)
    assert not enter.isAccepted()


def test_a_refused_status_is_shown_per_object_and_retried(dialog, services, qtbot, samples):
    refuse = (answering("EVT_C_STORE", 0xA700),)
    services.server.apply(replace(services.profile, rules=refuse))
    act(qtbot, dialog, lambda: dialog.add_paths([samples / "ct-chest"]))
    count = dialog.model.count
    act(qtbot, dialog, dialog.send_button.click)
    assert dialog.outcome.outcome is Outcome.FAILURE
    assert all(text.startswith("0xA700 Refused: ") for text in results(dialog))
    assert dialog.retry_button.isEnabled()
    services.server.apply(replace(services.profile, rules=()))
    act(qtbot, dialog, dialog.retry_button.click)
    assert dialog.outcome.outcome is Outcome.SUCCESS
    assert results(dialog) == ["stored"] * count
    assert services.archive.counts()[Level.IMAGE] == count


def test_what_one_peer_has_another_has_not(dialog, services, qtbot, samples):
    refuse = (answering("EVT_C_STORE", 0xA700),)
    act(qtbot, dialog, lambda: dialog.add_paths([samples / "ct-chest"]))
    act(qtbot, dialog, dialog.send_button.click)
    services.server.apply(replace(services.profile, rules=refuse))
    act(qtbot, dialog, lambda: dialog.add_paths([samples / "mr-head-prior"]))
    act(qtbot, dialog, dialog.send_button.click)
    assert 0 < results(dialog).count("stored") < dialog.model.count
    assert dialog.retry_button.isEnabled()
    dialog.peer.choose(NOBODY)
    assert dialog.windowTitle() == f"Send to {NOBODY.name}"
    assert not dialog.retry_button.isEnabled()
    act(qtbot, dialog, dialog.send_button.click)
    assert len(dialog.model.failed()) == dialog.model.count


def test_nobody_listens(dialog, qtbot, samples):
    dialog.peer.choose(NOBODY)
    act(qtbot, dialog, lambda: dialog.add_paths([samples / "ct-chest"]))
    act(qtbot, dialog, dialog.send_button.click)
    assert dialog.outcome.text.startswith("Nothing listens at 127.0.0.1:1\nTCP")
    assert len(dialog.model.failed()) == dialog.model.count


def test_cancel_stops_after_the_object_under_way(dialog, services, qtbot, samples):
    slow = (delaying("EVT_C_STORE", 0.3),)
    services.server.apply(replace(services.profile, rules=slow))
    act(qtbot, dialog, lambda: dialog.add_paths([samples / "ct-chest"]))
    dialog.send_button.click()
    qtbot.waitUntil(lambda: "stored" in results(dialog), timeout=10_000)
    dialog.cancel_button.click()
    idle(qtbot, dialog)
    assert dialog.outcome.outcome is Outcome.CANCELLED
    assert 1 <= results(dialog).count("stored") < dialog.model.count
    assert "cancelled" in results(dialog)
    stored, cancelled = results(dialog).count("stored"), results(dialog).count("cancelled")
    assert dialog.outcome.text == f"Cancelled: {stored} object{'s'[: stored - 1]} stored, {cancelled} not sent"
    services.server.apply(replace(services.profile, rules=()))
    act(qtbot, dialog, dialog.send_button.click)
    assert services.archive.counts()[Level.IMAGE] == dialog.model.count


def test_what_is_added_during_a_sending_is_looked_at_afterwards(dialog, services, qtbot, samples):
    services.server.apply(replace(services.profile, rules=(delaying("EVT_C_STORE", 0.2),)))
    files = sorted((samples / "ct-chest").rglob("*.dcm"))
    act(qtbot, dialog, lambda: dialog.add_paths(files[:1]))
    dialog.send_button.click()
    qtbot.waitUntil(lambda: dialog.cancel_button.isEnabled())
    dialog.add_paths(files[1:2])
    qtbot.waitUntil(lambda: dialog.model.count == 2 and dialog._job is None, timeout=10_000)


def test_rows_are_removed_with_the_delete_key(dialog, qtbot, samples):
    act(qtbot, dialog, lambda: dialog.add_paths([samples / "ct-chest"]))
    count = dialog.model.count
    dialog.model.open_row(0, True)
    dialog.list.setCurrentIndex(dialog.model.index(1, 0))
    focus(qtbot, dialog.list)
    QTest.keyClick(dialog.list, Qt.Key.Key_Delete)
    assert dialog.model.count == count - 1
    dialog.clear_button.click()
    assert dialog.model.rowCount() == 0
    assert not dialog.send_button.isEnabled()


def test_paths_given_at_the_start_are_looked_at(services, qtbot, samples):
    dialog = SendDialog(services, services.built_in(), (samples / "ct-chest",))
    qtbot.addWidget(dialog)
    dialog.show()
    qtbot.waitUntil(lambda: dialog.model.count > 0 and dialog._job is None, timeout=10_000)


def test_dcmtk_takes_them(dialog, services, qtbot, tmp_path, program, samples):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path / "received"
    folder.mkdir()
    with subprocess.Popen([program("storescp"), "+xa", "-od", str(folder), str(port)]) as peer:
        try:
            dialog.peer.choose(Peer("DCMTK", "ANY-SCP", "127.0.0.1", port))
            act(qtbot, dialog, dialog.add_samples_button.click)
            for _ in range(50):
                act(qtbot, dialog, dialog.send_button.click)
                if dialog.outcome.outcome is Outcome.SUCCESS:
                    break
            assert len(list(folder.iterdir())) == dialog.model.count
        finally:
            peer.terminate()


def test_pynetdicom_takes_them(dialog, services, qtbot, tmp_path, samples):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path / "received"
    folder.mkdir()
    command = [sys.executable, "-m", "pynetdicom", "storescp", "-od", str(folder), str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as peer:
        try:
            dialog.peer.choose(Peer("pynetdicom", "STORESCP", "127.0.0.1", port))
            act(qtbot, dialog, lambda: dialog.add_paths([samples / "ct-chest", samples / "mr-head"]))
            for _ in range(100):
                act(qtbot, dialog, dialog.send_button.click)
                if dialog.outcome.outcome is Outcome.SUCCESS:
                    break
            assert dialog.outcome.outcome is Outcome.SUCCESS, dialog.outcome.text
            assert len(list(folder.iterdir())) == dialog.model.count
        finally:
            peer.terminate()
