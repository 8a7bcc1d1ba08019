from __future__ import annotations

import time

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot
from viewer_wire import Talk, whole

from workstation.traffic.conversation import Conversation
from workstation.traffic.log import TrafficLog
from workstation.ui.messages_model import CONTEXT, DELTA, DETAIL, NAME, STATUS, TIME, MessagesModel, carried_by
from workstation.ui.messages_view import MessagesView
from workstation.ui.theme import Theme


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
    for message_id in range(1, 60):
        records = talk.find(message_id, fragment=30)
        for cut in (slice(0, 3), slice(3, 5), slice(5, None)):
            change = log.add(records[cut])
            if 1 in change.rows:
                model.apply(change.rows[1])
            assert model.rowCount() == len(log.conversations[0].rows)
            # Opened, as a view would: the PDUs that come later are inserted below it.
            for row in range(max(0, model.rowCount() - 3), model.rowCount()):
                above = model.index(row, 0)
                assert model.rowCount(above) == len(model.message_at(above).pdus) * model.hasChildren(above)
    assert log.conversations[0].trimmed > 0
    assert model.message_at(model.index(0, 0)) is log.conversations[0].rows[0]


def test_messages_group_their_pdus(view: MessagesView) -> None:
    shown(view, whole(1))
    names = ["→ A-ASSOCIATE-RQ", "← A-ASSOCIATE-AC", "→ C-FIND-RQ", "← C-FIND-RSP", "← C-FIND-RSP"]
    assert column(view, NAME) == [*names, "→ A-RELEASE-RQ", "← A-RELEASE-RP"]
    model = view.messages
    request = model.index(2, 0)
    assert model.hasChildren(request)
    assert not model.hasChildren(model.index(0, 0))
    assert model.index(0, NAME, request).data() == "→ P-DATA-TF  #3"
    assert model.index(0, DETAIL, request).data().startswith("command ")
    assert model.index(1, DETAIL, request).data().startswith("data ")
    assert carried_by(model.message_at(request)) == "P-DATA-TF × 2 (1 command, 1 data)"


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
    view.expand(view.messages.index(2, 0))
    with qtbot.waitSignal(view.row_chosen) as caught:
        view.setCurrentIndex(view.messages.index(0, 0, view.messages.index(2, 0)))
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
    start = time.process_time()
    for _ in range(20):
        for _ in range(5_000):
            row = type(template)(len(conversation.rows) + 1, "C-FIND-RSP", False, template.time, 0.001)
            row.pdus = template.pdus
            conversation.rows.append(row)
        view.messages.apply(type(base)(conversation, 0, 5_000, ()))
        view.follow.rows_came(5_000)
    view.grab()
    spent = time.process_time() - start
    assert view.messages.rowCount() > 100_000
    assert spent < 3.0, f"{spent:.1f} s of processor time"
