"""The lists of associations and messages with a filter: what passes has a line, and lines keep Qt's rules."""

from __future__ import annotations

import random

import pytest
from PySide6.QtTest import QAbstractItemModelTester
from pytestqt.qtbot import QtBot
from viewer_wire import Talk, whole

from workstation.traffic.conversation import Conversation
from workstation.traffic.filters.filter import Filter
from workstation.traffic.log import TrafficLog
from workstation.ui.theme import Theme
from workstation.ui.viewers.lists import messages_model
from workstation.ui.viewers.lists.associations_model import AssociationsModel
from workstation.ui.viewers.lists.messages_model import MessagesModel
from workstation.ui.viewers.lists.messages_view import MessagesView

RESPONSES = Filter.of("dimse == C-FIND-RSP")
FINAL = Filter.of("status == 0")


def checked_model(conversation: Conversation | None) -> MessagesModel:
    model = MessagesModel(Theme())
    QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal, model)
    model.set_conversation(conversation)
    return model


def lines(model: MessagesModel) -> list[tuple[int, int]]:
    """Of each line the number of its message and of its PDU, 0 for the message itself."""
    found = []
    for line in range(model.rowCount()):
        index = model.index(line, 0)
        message, pdu = model.message_at(index), model.pdu_at(index)
        assert message is not None
        found.append((message.number, pdu.number if pdu is not None else 0))
    return found


def expected(model: MessagesModel, conversation: Conversation, wanted: Filter | None) -> list[tuple[int, int]]:
    found = []
    for row in conversation.rows:
        if wanted is None or wanted.passes(conversation, row):
            found.append((row.number, 0))
            if model.is_open(row.number):
                found += [(row.number, pdu.number) for pdu in row.pdus]
    return found


@pytest.mark.parametrize("seed", range(4))
def test_lines_are_the_messages_that_pass_whatever_comes(qtbot: QtBot, seed: int) -> None:
    chance = random.Random(seed)
    log = TrafficLog(max_rows=chance.choice((60, 150, 10_000)))
    talk = Talk(1)
    log.add(talk.begin())
    conversation = log.conversations[0]
    model = checked_model(conversation)
    wanted: Filter | None = None
    waiting: list = []
    for message_id in range(1, 16):
        waiting += talk.find(message_id, fragment=chance.choice((20, 30, 1 << 20)))
        while waiting:
            count = chance.randint(1, 6)
            change = log.add(waiting[:count])
            del waiting[:count]
            if 1 in change.rows:
                model.apply(change.rows[1])
            assert lines(model) == expected(model, conversation, wanted)
            if chance.random() < 0.3 and model.rowCount():
                model.open_row(chance.randrange(model.rowCount()), chance.random() < 0.7)
            if chance.random() < 0.1:
                wanted = chance.choice((None, RESPONSES, FINAL, Filter.of("pdu.count > 1"), Filter.of("number < 5")))
                model.set_filter(wanted)
            assert lines(model) == expected(model, conversation, wanted)
            assert model.hidden == len(conversation.rows) - len({number for number, _ in lines(model)})
            for row in conversation.rows:
                index = model.index_of(row.number)
                assert index.isValid() == (wanted is None or wanted.passes(conversation, row))
                if index.isValid():
                    assert model.message_at(index) is row


def test_a_long_list_is_filtered_in_steps_while_more_comes(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages_model, "_AT_ONCE", 10)
    log = TrafficLog()
    talk = Talk(1)
    log.add([*talk.begin(), *(record for number in range(1, 60) for record in talk.find(number, fragment=30))])
    conversation = log.conversations[0]
    model = checked_model(conversation)
    before = lines(model)
    model.set_filter(FINAL)
    assert model.needs_sifting
    assert lines(model) == before  # as it was, until the filter is through
    half = talk.find(99, fragment=30)
    steps = model.sifted()
    next(steps, None)
    for record in half:
        change = log.add([record])
        if 1 in change.rows:
            model.apply(change.rows[1])
        next(steps, None)
    for _ in steps:
        pass
    assert lines(model) == expected(model, conversation, FINAL)
    assert not model.needs_sifting


def test_the_view_shows_what_passes_and_says_when_nothing_does(qtbot: QtBot) -> None:
    view = MessagesView(Theme())
    qtbot.addWidget(view)
    view.resize(800, 240)
    view.show()
    log = TrafficLog()
    log.add(whole(1))
    view.set_conversation(log.conversations[0])
    view.set_filter(RESPONSES)
    assert view.messages.rowCount() == 2
    assert not view.empty.isVisible()
    view.set_filter(Filter.of("dimse == C-STORE-RQ"))
    assert view.messages.rowCount() == 0
    assert view.empty.isVisible()
    assert "leaves out 7 messages" in view.empty.text
    view.set_filter(None)
    assert view.messages.rowCount() == 7
    assert not view.empty.isVisible()


def test_the_selected_message_stays_selected_when_it_passes(qtbot: QtBot) -> None:
    view = MessagesView(Theme())
    qtbot.addWidget(view)
    view.show()
    log = TrafficLog()
    log.add(whole(1))
    conversation = log.conversations[0]
    view.set_conversation(conversation)
    row = conversation.rows[3]
    view.reveal(row)
    view.set_filter(RESPONSES)
    assert view.current_row() is row
    view.reveal(row.pdus[0])
    assert view.current_row() is row.pdus[0]


def listed(model: AssociationsModel) -> list[int]:
    found = []
    for line in range(model.rowCount()):
        index = model.index(line, 0)
        conversation = model.conversation_at(index)
        if conversation is not None and model.part_at(index) is None:
            found.append(conversation.number)
    return found


def test_associations_come_when_one_of_their_messages_passes(qtbot: QtBot) -> None:
    log = TrafficLog()
    model = AssociationsModel(Theme())
    QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal, model)
    model.set_filter(RESPONSES)
    first, second = Talk(1), Talk(2)
    model.apply(log.add([*first.begin(), *second.begin()]), 0.0)
    assert listed(model) == []
    model.apply(log.add(second.find(1)), 0.0)
    assert listed(model) == [2]
    model.apply(log.add(first.find(1)), 0.0)
    assert listed(model) == [1, 2]  # in their order, whichever passed first
    assert model.came_since == {1, 2}
    model.set_open(1, True)
    model.apply(log.add(Talk(3).begin()), 0.0)
    assert listed(model) == [1, 2]


def test_associations_come_by_what_they_are(qtbot: QtBot) -> None:
    log = TrafficLog()
    model = AssociationsModel(Theme())
    model.set_filter(Filter.of("association > 1"))
    model.apply(log.add([*whole(1), *whole(2), *whole(3)]), 0.0)
    assert listed(model) == [2, 3]
