from __future__ import annotations

import logging
import threading

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from viewer_wire import Talk, whole

from workstation.traffic.record import Record
from workstation.ui.theme import Theme
from workstation.ui.viewers.lists.log_model import TEXT, Line, LogModel
from workstation.ui.viewers.lists.log_view import LogView, line_of, summed_up


@pytest.fixture
def view(qtbot: QtBot) -> LogView:
    view = LogView(Theme(), "test_log_view")
    qtbot.addWidget(view)
    view.resize(500, 200)
    view.show()
    logging.getLogger("test_log_view").setLevel(logging.DEBUG)
    return view


def texts(view: LogView) -> list[str]:
    return [view.lines.index(row, TEXT).data() for row in range(len(view.lines))]


def test_lines_come_from_any_thread(view: LogView, qtbot: QtBot) -> None:
    def work(which: int) -> None:
        for at in range(50):
            logging.getLogger(f"test_log_view.t{which}").info("line %d of %d", at, which)

    threads = [threading.Thread(target=work, args=(which,)) for which in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    qtbot.waitUntil(lambda: len(view.lines) == 150)
    assert [text for text in texts(view) if text.endswith("of 1")] == [f"line {at} of 1" for at in range(50)]


def test_the_level_chooses_what_is_shown(view: LogView, qtbot: QtBot) -> None:
    logger = logging.getLogger("test_log_view")
    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
        logger.log(level, "at %d", level)
    qtbot.waitUntil(lambda: len(view.lines) == 3)
    view.level.setCurrentIndex(0)
    assert texts(view) == ["at 10", "at 20", "at 30", "at 40"]
    view.level.setCurrentIndex(3)
    assert texts(view) == ["at 40"]
    assert view.lines.index(0, 1).data() == "✕ Error"
    assert view.lines.index(0, 1).data(Qt.ItemDataRole.ForegroundRole) == Theme().failure


def test_it_is_bounded(qtbot: QtBot) -> None:
    model = LogModel(Theme(), bound=100)
    for at in range(1000):
        model.add([Line(float(at), logging.INFO, "x", f"line {at}")])
    assert len(model) <= 100
    assert model.line(len(model) - 1).text == "line 999"
    assert model.dropped == 1000 - len(model)
    model.add([Line(0.0, logging.INFO, "x", str(at)) for at in range(5000)])
    assert len(model) <= 100


def test_text_from_outside_stays_one_plain_line(view: LogView, qtbot: QtBot) -> None:
    logging.getLogger("test_log_view").warning("bad <b>title</b>\nsecond\u202e")
    qtbot.waitUntil(lambda: len(view.lines) == 1)
    assert texts(view) == ["bad <b>title</b>\\nsecond\\u202e"]
    tip = view.lines.index(0, TEXT).data(Qt.ItemDataRole.ToolTipRole)
    assert "<b>" not in tip
    assert "&lt;b&gt;title" in tip


def test_every_event_has_a_sentence() -> None:
    lines = {record.event: line_of(record) for record in whole(3)}
    assert lines["EVT_CONN_OPEN"].text == "Connection opened with 10.1.2.3:104"
    assert lines["EVT_ESTABLISHED"].text == "Association established MODALITY → PACS"
    assert lines["EVT_DIMSE_RECV"].text == "← C-FIND-RSP, Message ID 1, Status 0x0000"
    assert lines["EVT_PDU_SENT"].text == "→ A-RELEASE-RQ PDU"
    assert lines["EVT_FSM_TRANSITION"].text == "Sta7 —AR-3→ Sta1 (Evt13)"
    assert all(line.source == "#3" for line in lines.values())
    aborted = line_of(Record(1, 0.0, 3, "EVT_ABORTED"))
    assert aborted.level == logging.WARNING


def test_a_burst_is_one_line_for_each_association() -> None:
    records = [record for number in (1, 2) for record in whole(number, finds=20) if record.event == "EVT_PDU_RECV"]
    lines = summed_up(records)
    assert [(line.source, line.text) for line in lines] == [("#1", "← 62 PDUs"), ("#2", "← 62 PDUs")]


def test_copy_and_clear(view: LogView, qtbot: QtBot) -> None:
    view.note(Talk(1).begin()[1:3])
    qtbot.waitUntil(lambda: len(view.lines) == 2)
    view.list.selectAll()
    qtbot.keyClick(view.list, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert "Association requested MODALITY → PACS" in QApplication.clipboard().text()
    qtbot.mouseClick(view.clear_button, Qt.MouseButton.LeftButton)
    assert len(view.lines) == 0
    assert view.empty.isVisible()


def test_the_handler_goes_with_the_view(qtbot: QtBot) -> None:
    logger = logging.getLogger("test_log_view.gone")
    view = LogView(Theme(), logger.name)
    assert view.handler in logger.handlers
    handler = view.handler
    view.deleteLater()
    qtbot.waitUntil(lambda: handler not in logger.handlers)
    logger.warning("nobody listens")
