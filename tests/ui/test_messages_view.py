from __future__ import annotations

import time

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot
from viewer_wire import Talk, whole

from workstation.traffic.conversation import Conversation
from workstation.traffic.log import TrafficLog
from workstation.ui.parts.row_model import OPEN_ROLE
from workstation.ui.theme import Theme
from workstation.ui.viewers.lists.messages_model import (
    CONTEXT,
    DELTA,
    DETAIL,
    NAME,
    STATUS,
    TIME,
    MessagesModel,
    carried_by,
)
from workstation.ui.viewers.lists.messages_view import MessagesView


@pytest.fixture
def view(qtbot: QtBot) -> MessagesView:
    view = MessagesView(Theme())
    qtbot.addWidget(view)
    view.resize(800, 240)
    view.show()
    return view


def shown(view: MessagesView, records: list, log: TrafficLog | None = None) -> Conversation:
    log = TrafficLog() if log is None else log
    log.add(records)
    view.set_conversation(log.conversations[0])
    return log.conversations[0]


def column(view: MessagesView, which: int) -> list[str]:
    return [view.messages.index(row, which).data() for row in range(view.messages.rowCount())]


def test_the_model_keeps_qt_s_rules_whatever_comes(qtbot: QtBot) -> None:
    log = TrafficLog(max_rows=120)
    model = MessagesModel(Theme())
    QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    talk = Talk(1)
    log.add(talk.begin())
    model.set_conversation(log.conversations[0])
    for message_id in range(1, 30):
        records = talk.find(message_id, fragment=30)
        for cut in (slice(0, 3), slice(3, 5), slice(5, None)):
            change = log.add(records[cut])
            if 1 in change.rows:
                model.apply(change.rows[1])
            newest = log.conversations[0].rows[-1]
            model.set_open(newest.number, True)
            for row in log.conversations[0].rows:
                index = model.index_of(row.number)
                assert model.message_at(index) is row
                assert model.pdu_at(index) is None
                if model.is_open(row.number):
                    shown = [model.pdu_at(model.pdu_index(row.number, place)) for place in range(len(row.pdus))]
                    assert shown == row.pdus
    assert log.conversations[0].trimmed > 0
    for row in log.conversations[0].rows:
        model.set_open(row.number, False)
    assert model.rowCount() == len(log.conversations[0].rows)


def test_messages_group_their_pdus(view: MessagesView) -> None:
    shown(view, whole(1))
    names = ["→ A-ASSOCIATE-RQ", "← A-ASSOCIATE-AC", "→ C-FIND-RQ", "← C-FIND-RSP", "← C-FIND-RSP"]
    assert column(view, NAME) == [*names, "→ A-RELEASE-RQ", "← A-RELEASE-RP"]
    model = view.messages
    request = model.index(2, 0)
    assert request.data(OPEN_ROLE) is False
    assert model.index(0, 0).data(OPEN_ROLE) is None
    view.set_open(request, True)
    assert request.data(OPEN_ROLE) is True
    assert column(view, NAME)[3:6] == ["→ P-DATA-TF  #3", "→ P-DATA-TF  #4", "← C-FIND-RSP"]
    assert column(view, DETAIL)[3].startswith("command ")
    assert column(view, DETAIL)[4].startswith("data ")
    assert carried_by(model.message_at(request)) == "P-DATA-TF × 2 (1 command, 1 data)"


def test_messages_are_opened_by_keys_and_by_their_sign(view: MessagesView, qtbot: QtBot) -> None:
    shown(view, whole(1))
    view.setCurrentIndex(view.messages.index(2, 0))
    qtbot.keyClick(view, Qt.Key.Key_Right)
    assert view.messages.rowCount() == 9
    qtbot.keyClick(view, Qt.Key.Key_Down)
    assert view.current_row().number == 3
    qtbot.keyClick(view, Qt.Key.Key_Left)
    assert view.currentIndex().row() == 2
    qtbot.keyClick(view, Qt.Key.Key_Left)
    assert view.messages.rowCount() == 7
    place = view.visualRect(view.messages.index(3, NAME))
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place.topLeft() + QPoint(6, 8))
    assert view.messages.is_open(4)
    qtbot.mouseDClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place.center())
    assert not view.messages.is_open(4)
    qtbot.keyClick(view, Qt.Key.Key_End)
    assert view.currentIndex().row() == 6


def test_status_times_context_and_details(view: MessagesView) -> None:
    shown(view, whole(1))
    assert column(view, STATUS)[3:5] == ["… 0xFF00 (Pending)", "✓ 0x0000 (Success)"]
    assert column(view, CONTEXT)[2] == "1"
    assert column(view, TIME)[:2] == ["0.010", "0.020"]
    assert column(view, DELTA)[:2] == ["–", "10.0"]
    assert column(view, DETAIL)[0] == "2 contexts offered"
    tip = view.messages.index(2, CONTEXT).data(Qt.ItemDataRole.ToolTipRole)
    assert "1.2.840.10008.1.2" in tip
    colours = [view.messages.index(row, NAME).data(Qt.ItemDataRole.ForegroundRole) for row in (0, 1)]
    assert colours == [Theme().sent, Theme().received]


def test_choosing_is_told_and_pauses_following(view: MessagesView, qtbot: QtBot) -> None:
    log = TrafficLog()
    conversation = shown(view, Talk(1).begin(), log)
    with qtbot.waitSignal(view.row_chosen) as caught:
        view.setCurrentIndex(view.messages.index(1, 0))
    assert caught.args == [conversation.rows[1]]
    talk = Talk(1)
    view.apply(log.add(talk.find()))
    assert view.follow.button.text() == "3 new ↓"
    view.set_open(view.messages.index(2, 0), True)
    with qtbot.waitSignal(view.row_chosen) as caught:
        view.setCurrentIndex(view.messages.pdu_index(3, 0))
    assert caught.args == [conversation.rows[2].pdus[0]]
    view.follow.resume()
    assert not view.follow.button.isVisible()


def test_going_to_the_request_of_a_response(view: MessagesView, qtbot: QtBot) -> None:
    shown(view, whole(1))
    menu = QMenu()
    view.fill_menu(menu, view.messages.index(4, 0))
    actions = {action.text(): action for action in menu.actions()}
    actions["Go to its request, row 3"].trigger()
    assert view.currentIndex().row() == 2
    actions["Copy status"].trigger()
    assert QApplication.clipboard().text() == "0x0000 (Success)"


def test_copying_rows(view: MessagesView, qtbot: QtBot) -> None:
    shown(view, whole(1))
    view.selectAll()
    qtbot.keyClick(view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    lines = QApplication.clipboard().text().splitlines()
    assert len(lines) == 7
    assert lines[3].split("\t")[3:6] == ["← C-FIND-RSP", "1", "… 0xFF00 (Pending)"]


def test_the_title_names_the_association(view: MessagesView) -> None:
    shown(view, whole(7))
    assert view.windowTitle() == "Messages of #7"
    view.set_conversation(None)
    assert view.windowTitle() == "Messages"
    assert view.empty.isVisible()


def test_a_hundred_thousand_rows_stay_fluid(view: MessagesView, qtbot: QtBot) -> None:
    log = TrafficLog(max_rows=1_000_000)
    talk = Talk(1)
    records = talk.begin()
    log.add(records)
    conversation = log.conversations[0]
    view.set_conversation(conversation)
    base = log.add(talk.find()).rows[1]
    view.messages.apply(base)
    template = conversation.rows[-1]

    def grow(count: int) -> None:
        for _ in range(count):
            row = type(template)(len(conversation.rows) + 1, "C-FIND-RSP", False, template.time, 0.001)
            row.pdus = template.pdus
            conversation.rows.append(row)
        view.messages.apply(type(base)(conversation, 0, count, ()))
        view.follow.rows_came(count)

    grow(100_000)
    qtbot.wait(10)
    start = time.process_time()
    for _ in range(10):
        grow(400)
        qtbot.wait(1)
    spent = (time.process_time() - start) / 10
    assert view.messages.rowCount() > 104_000
    assert spent < 0.06, f"{spent * 1000:.0f} ms of processor time for a batch"
