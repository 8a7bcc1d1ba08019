from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot
from viewer_wire import Talk, whole

from workstation.net.codec.pdu import A_ASSOCIATE_RJ
from workstation.traffic.log import TrafficLog
from workstation.ui.theme import Theme
from workstation.ui.viewers.lists.associations_model import (
    CONTEXTS,
    DURATION,
    NUMBER,
    PARTIES,
    PDUS,
    PEER,
    STATE,
    AssociationsModel,
    duration_text,
)
from workstation.ui.viewers.lists.associations_view import AssociationsView


@pytest.fixture
def log() -> TrafficLog:
    return TrafficLog()


@pytest.fixture
def view(qtbot: QtBot) -> AssociationsView:
    view = AssociationsView(Theme())
    qtbot.addWidget(view)
    view.resize(900, 160)
    view.show()
    return view


def cell(view: AssociationsView, number: int, column: int) -> str:
    return view.associations.index_of(number).siblingAtColumn(column).data()


def test_the_model_keeps_qt_s_rules_whatever_comes(log: TrafficLog, qtbot: QtBot) -> None:
    model = AssociationsModel(Theme())
    QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    one, two = Talk(1), Talk(2)
    for records in (one.begin()[:2], one.begin()[2:] + two.begin(), one.end(), two.find(), two.end()):
        model.apply(log.add(records), 0.0)
        model.set_open(1, True)
    model.set_open(2, True)
    assert model.rowCount() == 12
    model.set_open(1, False)
    assert model.rowCount() == 7
    model.apply(log.clear(), 0.0)
    assert model.rowCount() == 0


def test_a_row_says_who_where_how_and_how_much(view: AssociationsView, log: TrafficLog) -> None:
    view.apply(log.add(whole(12)))
    assert cell(view, 12, NUMBER) == "12"
    assert cell(view, 12, PARTIES) == "→ MODALITY → PACS"
    assert cell(view, 12, PEER) == "10.1.2.3:104"
    assert cell(view, 12, STATE) == "✓ Released"
    assert cell(view, 12, CONTEXTS) == "1/2"
    assert cell(view, 12, PDUS) == "9"
    assert cell(view, 12, DURATION) == "90 ms"


def test_contexts_are_below_it_with_the_reason_of_a_rejection(view: AssociationsView, log: TrafficLog) -> None:
    view.apply(log.add(whole(1) + whole(2)))
    model = view.associations
    view.set_open(model.index_of(1), True)
    assert model.rowCount() == 7
    accepted, rejected = model.index(1, STATE), model.index(2, STATE)
    assert accepted.data() == "✓ Accepted"
    assert rejected.data() == "✕ Rejected: abstract syntax not supported"
    assert rejected.data(Qt.ItemDataRole.ForegroundRole) == Theme().failure
    assert model.index(2, PARTIES).data() == "MR Image Storage"
    assert "Explicit VR Little Endian (1.2.840.10008.1.2.1)" in rejected.data(Qt.ItemDataRole.ToolTipRole)
    assert model.index(3, PARTIES).data() == "Requestor: TEST"
    end = model.shown(5)
    assert end.texts[0] == "It was released"
    assert end.is_sentence
    assert model.conversation_at(model.index(5, 0)) is log.conversation(1)
    assert model.index_of(2).row() == 6


def test_they_are_opened_by_the_keyboard_and_by_their_sign(
    view: AssociationsView, log: TrafficLog, qtbot: QtBot
) -> None:
    view.apply(log.add(whole(1) + whole(2)))
    model = view.associations
    view.select(log.conversation(1))
    qtbot.keyClick(view, Qt.Key.Key_Right)
    assert model.rowCount() == 7
    qtbot.keyClick(view, Qt.Key.Key_Right)
    qtbot.keyClick(view, Qt.Key.Key_Down)
    assert view.currentIndex().row() == 2
    qtbot.keyClick(view, Qt.Key.Key_Left)
    assert view.currentIndex().row() == 0
    qtbot.keyClick(view, Qt.Key.Key_Minus)
    assert model.rowCount() == 2
    place = view.visualRect(model.index(1, 0))
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place.topLeft() + QPoint(7, 8))
    assert model.rowCount() == 7
    assert view.currentIndex().row() == 0, "opening is no choice"
    qtbot.mouseDClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place.center())
    assert model.rowCount() == 2
    assert not view.follow.following


def test_an_open_one_grows_and_goes(view: AssociationsView, qtbot: QtBot) -> None:
    log = TrafficLog(max_rows=60)
    talk = Talk(1)
    view.apply(log.add(talk.begin()[:4]))
    view.associations.set_open(1, True)
    view.apply(log.add(talk.begin()[4:]))
    assert [view.associations.index(row, PARTIES).data() for row in range(1, 4)] == [
        "Study Root Query/Retrieve Information Model - FIND",
        "MR Image Storage",
        "Requestor: TEST",
    ]
    view.apply(log.add(talk.end()))
    assert view.associations.index(5, 0).data() == "It was released"
    for number in range(2, 12):
        view.apply(log.add(whole(number)))
    assert log.conversation(1) is None
    assert not view.associations.index_of(1).isValid()
    assert view.associations.rowCount() == len(log.conversations)


def test_a_rejected_one_is_told_by_sign_word_and_colour(view: AssociationsView, log: TrafficLog) -> None:
    talk = Talk(1)
    records = talk.begin()[:5] + talk.pdu(A_ASSOCIATE_RJ(result=1, source=1, reason=7), sent=False)
    view.apply(log.add([*records, talk.step("Sta5", "Evt4", "AE-4", "Sta1")]))
    assert cell(view, 1, STATE) == "✕ Rejected by the peer"
    index = view.associations.index_of(1).siblingAtColumn(STATE)
    assert index.data(Qt.ItemDataRole.ForegroundRole) == Theme().failure


def test_choosing_is_told_and_selecting_is_not(view: AssociationsView, log: TrafficLog, qtbot: QtBot) -> None:
    view.apply(log.add(whole(1) + whole(2)))
    with qtbot.assertNotEmitted(view.conversation_chosen):
        view.select(log.conversation(2))
    with qtbot.waitSignal(view.conversation_chosen) as caught:
        qtbot.keyClick(view, Qt.Key.Key_Up)
    assert caught.args == [log.conversation(1)]


def test_it_follows_the_end_until_the_person_looks_elsewhere(
    view: AssociationsView, log: TrafficLog, qtbot: QtBot
) -> None:
    for number in range(1, 31):
        view.apply(log.add(whole(number)))
    bar = view.verticalScrollBar()
    qtbot.waitUntil(lambda: bar.maximum() > 0 and bar.value() == bar.maximum())
    view.setFocus()
    qtbot.keyClick(view, Qt.Key.Key_Home)
    assert not view.follow.following
    view.apply(log.add(whole(31) + whole(32)))
    assert view.follow.button.isVisible()
    assert view.follow.button.text() == "2 new ↓"
    qtbot.wait(120)
    assert bar.value() < bar.maximum()
    qtbot.mouseClick(view.follow.button, Qt.MouseButton.LeftButton)
    assert view.follow.following
    assert not view.follow.button.isVisible()
    qtbot.waitUntil(lambda: bar.value() == bar.maximum())


def test_the_clock_runs_only_while_something_is_open(view: AssociationsView, log: TrafficLog) -> None:
    talk = Talk(1)
    view.apply(log.add(talk.begin()))
    assert view._clock.isActive()
    view.apply(log.add(talk.end()))
    view._tick()
    assert not view._clock.isActive()


def test_gone_conversations_leave_the_list(view: AssociationsView, qtbot: QtBot) -> None:
    log = TrafficLog(max_rows=60)
    for number in range(1, 12):
        view.apply(log.add(whole(number)))
    kept = [conversation.number for conversation in log.conversations]
    model = view.associations
    assert [int(model.index(row, 0).data()) for row in range(model.rowCount())] == kept
    assert len(kept) < 11


def test_copying(view: AssociationsView, log: TrafficLog, qtbot: QtBot) -> None:
    view.apply(log.add(whole(1)))
    view.select(log.conversation(1))
    qtbot.keyClick(view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QApplication.clipboard().text().startswith("1\t→ MODALITY → PACS\t10.1.2.3:104\t✓ Released\t1/2")
    menu = QMenu()
    view.associations.set_open(1, True)
    view.fill_menu(menu, view.associations.index(2, 0))
    {action.text(): action for action in menu.actions()}["Copy Abstract Syntax UID"].trigger()
    assert QApplication.clipboard().text() == "1.2.840.10008.5.1.4.1.1.4"


def test_empty_says_what_will_fill_it(view: AssociationsView, log: TrafficLog) -> None:
    assert view.empty.isVisible()
    view.apply(log.add(Talk(1).begin()))
    assert not view.empty.isVisible()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0124, "12 ms"), (1.44, "1.4 s"), (59.9, "59.9 s"), (125, "2 min 05 s"), (3840, "1 h 04 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text
