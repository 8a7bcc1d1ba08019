"""Captures in the window: recorded, saved, opened, filtered, exported; whatever the file is like."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from dialog_kit import running_services
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QFileDialog, QMenu, QPushButton, QToolButton
from viewer_wire import emit, whole

from workstation.net import AE
from workstation.net.sop_class import Verification
from workstation.traffic.capture.writing import write_log
from workstation.traffic.log import TrafficLog
from workstation.ui.viewers.viewers import Viewers
from workstation.ui.window.main_window import MainWindow


@pytest.fixture
def window(qt_loop, qtbot, tmp_path, free_port):
    with running_services(qtbot, tmp_path, free_port) as services:
        window = MainWindow(services, Viewers(services.bridge, services.log, services.theme, services.tasks))
        qtbot.addWidget(window)
        with qtbot.waitExposed(window):
            window.show()
        yield window
        window.close()


@pytest.fixture
def capture(tmp_path) -> Path:
    """Three associations of made-up traffic."""
    log = TrafficLog()
    log.add(whole(1) + whole(2, finds=3) + whole(3))
    path = tmp_path / "three.pcapng"
    write_log(path, log.conversations)
    return path


def opened(qtbot, window: MainWindow, path: Path) -> bool:
    task = asyncio.ensure_future(window.captures.load(path))
    qtbot.waitUntil(task.done, timeout=20_000)
    return task.result()


def echo(qtbot, window: MainWindow) -> None:
    """An association with the built-in server, both ends heard by the window."""
    services = window.services

    def ask() -> None:
        ae = AE("TESTER")
        ae.add_requested_context(Verification)
        assoc = ae.associate("127.0.0.1", services.profile.port, evt_handlers=services.handlers())
        assert assoc.send_c_echo().Status == 0
        assoc.release()

    known = len(services.log)
    task = asyncio.ensure_future(services.tasks.call(ask))
    qtbot.waitUntil(task.done, timeout=20_000)
    task.result()
    qtbot.waitUntil(lambda: len(services.log) >= known + 2 and all(c.finished for c in services.log.conversations))


def choose(window: MainWindow, dialog_name: str, path: Path) -> None:
    """Name a file in the dialog that is open."""
    dialog = window.findChild(QFileDialog, dialog_name)
    dialog.selectFile(str(path))
    dialog.accept()


def tabs(window: MainWindow) -> list[str]:
    bar = window.viewers.sources
    return [bar.tabText(place) for place in range(bar.count())] if bar.isVisible() else []


def numbers(window: MainWindow) -> list[int]:
    model = window.viewers.associations.associations
    found = [model.conversation_at(model.index(line, 0)) for line in range(model.rowCount())]
    return [conversation.number for conversation in found if conversation is not None]


def test_an_opened_capture_is_read_like_live_traffic(window, qtbot, capture) -> None:
    assert tabs(window) == []
    assert opened(qtbot, window, capture)
    viewers = window.viewers
    assert tabs(window) == ["Live", "three.pcapng"]
    assert not viewers.is_live
    assert numbers(window) == [1, 2, 3]
    # It is read from its beginning.
    assert viewers.conversation.number == 1
    assert viewers.messages.current_row().name == "A-ASSOCIATE-RQ"
    assert viewers.decoded.windowTitle() == "Decoded A-ASSOCIATE-RQ"
    assert viewers.state.step > 0
    viewers.select_association(2)
    viewers.select_message(4)
    assert viewers.dissection.fields[0].name == "Command Set"


def test_live_traffic_goes_on_behind_an_opened_capture(window, qtbot, capture) -> None:
    opened(qtbot, window, capture)
    before = numbers(window)
    echo(qtbot, window)
    assert numbers(window) == before
    window.viewers.show_source(window.services.log)
    qtbot.waitUntil(lambda: len(numbers(window)) == 2)
    assert window.viewers.following
    echo(qtbot, window)
    assert len(numbers(window)) == 4


def test_a_capture_is_closed_by_its_tab_and_by_clear(window, qtbot, capture) -> None:
    opened(qtbot, window, capture)
    opened(qtbot, window, capture)
    assert tabs(window) == ["Live", "three.pcapng", "three.pcapng"]
    bar = window.viewers.sources
    button = bar.tabButton(2, bar.ButtonPosition.RightSide)
    assert isinstance(button, QToolButton)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert tabs(window) == ["Live", "three.pcapng"]
    bar.select(bar.logs[1])
    window.commands["clear"].trigger()
    assert tabs(window) == []
    assert window.viewers.is_live
    assert window.viewers.conversation is None


def test_the_filter_narrows_both_lists(window, qtbot, capture) -> None:
    opened(qtbot, window, capture)
    window.filter_bar.set_text("message_id == 3")
    assert numbers(window) == [2]
    names = {row.name for row in map(window.viewers.messages.messages.message_at, _lines(window))}
    assert names == {"C-FIND-RQ", "C-FIND-RSP"}
    window.filter_bar.set_text("calling == nobody")
    assert numbers(window) == []
    clear = window.viewers.associations.findChild(QPushButton, "clearFilter")
    qtbot.mouseClick(clear, Qt.MouseButton.LeftButton)
    assert numbers(window) == [1, 2, 3]
    window.viewers.select_association(3)
    window.commands["follow_association"].trigger()
    assert numbers(window) == [3]
    # Bad text changes nothing that is in force.
    window.filter_bar.set_text("association == ")
    assert numbers(window) == [3]


def _lines(window: MainWindow) -> list:
    model = window.viewers.messages.messages
    return [model.index(line, 0) for line in range(model.rowCount())]


def test_filter_on_this_from_the_menu_of_a_message(window, qtbot, capture) -> None:
    opened(qtbot, window, capture)
    view = window.viewers.messages
    menu = QMenu(view)
    view.fill_menu(menu, view.messages.index(3, 3))
    ways = menu.findChild(QMenu, "filterOnThis")
    next(action for action in ways.actions() if action.objectName() == "filter only").trigger()
    assert window.filter_bar.text == "dimse == C-FIND-RSP"
    assert [row.name for row in map(view.messages.message_at, _lines(window))] == ["C-FIND-RSP", "C-FIND-RSP"]


def test_recorded_traffic_opens_as_it_was_seen(window, qtbot, tmp_path) -> None:
    path = tmp_path / "run.pcapng"
    window.captures.record(path)
    assert window.commands["record"].isChecked()
    echo(qtbot, window)
    window.captures.stop_recording()
    qtbot.waitUntil(lambda: not window.captures.recording and bool(window.info_bar.text))
    assert "1 association with 6 PDUs saved" in window.info_bar.text
    assert opened(qtbot, window, path)
    (conversation,) = window.viewers.log.conversations
    live = window.services.log.conversations[0]
    assert [row.name for row in conversation.rows] == [row.name for row in live.rows]
    assert [pdu.data for row in conversation.rows for pdu in row.pdus] == [
        pdu.data for row in live.rows for pdu in row.pdus
    ]


def test_what_is_shown_is_saved(window, qtbot, tmp_path) -> None:
    emit(window.services.bridge, whole(1) + whole(2))
    path = tmp_path / "saved.pcapng"
    window.captures.choose_and_save()
    choose(window, "saveCaptureDialog", path)
    qtbot.waitUntil(lambda: "saved" in window.info_bar.text)
    assert opened(qtbot, window, path)
    assert numbers(window) == [1, 2]


def test_exports_of_what_is_shown(window, qtbot, tmp_path, capture) -> None:
    opened(qtbot, window, capture)
    path = tmp_path / "three.json"
    window.captures.choose_and_export()
    choose(window, "exportJsonDialog", path)
    qtbot.waitUntil(lambda: "exported" in window.info_bar.text)
    pdus = json.loads(path.read_text())
    assert len(pdus) == sum(len(row.pdus) for c in window.viewers.log.conversations for row in c.rows)
    assert pdus[0]["type"] == "A-ASSOCIATE-RQ"
    window.info_bar.dismiss()
    window.viewers.select_association(2)
    window.save_report("text")
    choose(window, "saveReportDialog", tmp_path / "report.txt")
    qtbot.waitUntil(lambda: "report" in window.info_bar.text)
    assert "C-FIND-RSP" in (tmp_path / "report.txt").read_text()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"This is no capture." * 10, "no pcap or pcapng file"),
    ],
)
def test_a_file_that_is_none_is_explained(window, qtbot, tmp_path, content, said) -> None:
    path = tmp_path / "odd.pcapng"
    path.write_bytes(content)
    assert not opened(qtbot, window, path)
    assert said in window.info_bar.text
    assert tabs(window) == []
    assert not window.work_strip.isVisible()


def test_half_a_capture_shows_what_is_there_and_says_so(window, qtbot, capture) -> None:
    whole_file = capture.read_bytes()
    capture.write_bytes(whole_file[: len(whole_file) // 2])
    assert opened(qtbot, window, capture)
    assert window.info_bar.text.startswith("three.pcapng:")
    assert numbers(window)


def test_a_capture_with_nothing_of_dicom_says_so(window, qtbot, tmp_path) -> None:
    path = tmp_path / "none.pcapng"
    write_log(path, [])
    assert not opened(qtbot, window, path)
    assert "no DICOM traffic in none.pcapng" in window.info_bar.text


def test_limits_of_a_capture_are_said(window, qtbot, capture) -> None:
    services = window.services
    services.save_settings(
        replace(services.settings, traffic=replace(services.settings.traffic, capture_max_rows=1000))
    )
    log = TrafficLog()
    log.add(whole(1, finds=400))
    write_log(capture, log.conversations)
    assert opened(qtbot, window, capture)
    assert "beyond the limits in the preferences" in window.info_bar.text


def test_a_capture_dropped_on_the_window_is_opened(window, qtbot, capture) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(capture))])
    event = QDropEvent(
        QPointF(QPoint(300, 300)),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    window.dropEvent(event)
    qtbot.waitUntil(lambda: tabs(window) == ["Live", "three.pcapng"])


def test_choosing_a_message_in_another_pane_shows_it_everywhere(window, qtbot, capture) -> None:
    opened(qtbot, window, capture)
    viewers = window.viewers
    conversation = viewers.log.conversations[2]
    row = conversation.rows[3]
    viewers.sequence.message_chosen.emit(conversation, row)
    assert viewers.conversation is conversation
    assert viewers.messages.current_row() is row
    assert viewers.message.row is row
    pdu = row.pdus[0]
    viewers.timing.message_chosen.emit(conversation, pdu)
    assert viewers.messages.current_row() is pdu
    viewers.notes.bytes_chosen.emit(conversation, row, 4, 8)
    assert viewers.bytes.marks == ((4, 8),)
    # Also one that the filter leaves out.
    window.filter_bar.set_text("dimse == C-FIND-RQ")
    viewers.sequence.message_chosen.emit(conversation, row)
    assert viewers.message.row is row


def test_many_captures_opened_at_once_take_turns(window, capture, qtbot) -> None:
    running: list[int] = []
    window.services.tasks.running_changed.connect(running.append)
    window.captures.open([capture] * 12)
    qtbot.waitUntil(lambda: len(window.viewers.sources.logs) == 13, timeout=20_000)
    assert max(running) == 2
    assert [len(log) for log in window.viewers.sources.logs[1:]] == [3] * 12
