from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMenu
from pytestqt.qtbot import QtBot
from viewer_wire import Talk, whole

from workstation.traffic.conversation import Conversation
from workstation.traffic.log import TrafficLog
from workstation.traffic.rows import MessageRow
from workstation.ui.theme import Theme
from workstation.ui.viewers.message import find_bar
from workstation.ui.viewers.message.find_bar import BytesPane, DecodedPane, FindPane, Scope
from workstation.ui.viewers.message.shown_message import ShownMessage

ENTER = Qt.Key.Key_Return
SHIFT = Qt.KeyboardModifier.ShiftModifier
CONTROL = Qt.KeyboardModifier.ControlModifier


class Kit:
    """Both panes on one log, linked as the window links them."""

    def __init__(self, qtbot: QtBot) -> None:
        self.log = TrafficLog()
        talk = Talk(1)
        self.log.add([*talk.begin(), *talk.find(1, "Doe^Jane"), *talk.find(2, "Roe^Richard"), *talk.end()])
        self.log.add(whole(2))
        self.shown = ShownMessage(Theme())
        self.bytes = BytesPane(Theme(), self.shown.bytes, self.shown)
        self.decoded = DecodedPane(Theme(), self.shown.decoded, self.shown)
        self.conversation: Conversation = self.log.conversations[0]
        for pane in (self.bytes, self.decoded):
            qtbot.addWidget(pane)
            pane.resize(700, 400)
            pane.set_log(self.log)
            pane.set_conversation(self.conversation)
            pane.message_chosen.connect(self.go)
            pane.show()
        self.chosen: list[tuple[int, int]] = []

    def go(self, conversation: Conversation, row: MessageRow) -> None:
        self.chosen.append((conversation.number, row.number))
        self.conversation = conversation
        for pane in (self.bytes, self.decoded):
            pane.set_conversation(conversation)
        self.shown.show(row)

    def show(self, number: int) -> None:
        self.shown.show(self.conversation.rows[number - 1])


@pytest.fixture
def kit(qtbot: QtBot) -> Iterator[Kit]:
    kit = Kit(qtbot)
    yield kit
    for pane in (kit.bytes, kit.decoded):
        pane.close_find()


def look(qtbot: QtBot, pane: FindPane, text: str, scope: Scope = Scope.MESSAGE) -> None:
    pane.open_find()
    pane.bar.scope.setCurrentIndex(list(Scope).index(scope))
    pane.bar.text.clear()
    qtbot.keyClicks(pane.bar.text, text)
    with qtbot.waitSignal(pane.bar.edited):
        pass
    settle(qtbot, pane)


def settle(qtbot: QtBot, pane: FindPane) -> None:
    qtbot.waitUntil(lambda: not pane._slices.busy)


def test_ctrl_f_opens_the_bar_and_escape_closes_it(kit: Kit, qtbot: QtBot) -> None:
    kit.show(4)
    assert not kit.bytes.is_open
    kit.shown.bytes.setFocus()
    qtbot.keyClick(kit.shown.bytes, Qt.Key.Key_F, CONTROL)
    assert kit.bytes.bar.isVisible()
    assert not kit.decoded.is_open
    assert kit.bytes.focusWidget() is kit.bytes.bar.text
    qtbot.keyClick(kit.bytes.bar.text, Qt.Key.Key_Escape)
    assert not kit.bytes.is_open
    assert kit.bytes.focusWidget() is kit.shown.bytes


def test_the_menus_of_both_panes_open_the_bar(kit: Kit) -> None:
    kit.show(4)
    menu = kit.shown.bytes.make_menu()
    next(action for action in menu.actions() if action.text() == "Find…").trigger()
    assert kit.bytes.is_open
    menu = QMenu()
    kit.shown.decoded.fill_menu(menu, kit.shown.decoded.fields.index(0, 0))
    next(action for action in menu.actions() if action.text() == "Find…").trigger()
    assert kit.decoded.is_open


def test_the_pane_has_the_title_and_the_focus_of_its_view(kit: Kit) -> None:
    kit.show(4)
    assert kit.bytes.windowTitle() == "Bytes of C-FIND-RSP"
    assert kit.bytes.focusProxy() is kit.shown.bytes


def test_what_is_typed_is_gone_to_and_every_hit_is_underlined(kit: Kit, qtbot: QtBot) -> None:
    kit.show(4)
    look(qtbot, kit.bytes, "1.2.840")
    data = kit.shown.bytes.data
    first = data.find(b"1.2.840")
    assert kit.shown.bytes.selection() == b"1.2.840"
    assert kit.bytes.bar.result.text() == f"1 of {data.count(b'1.2.840')}"
    assert kit.shown.bytes.found == [(first, 7)]
    kit.bytes.close_find()
    assert kit.shown.bytes.found == []


def test_next_and_previous_wrap_and_say_so(kit: Kit, qtbot: QtBot) -> None:
    kit.show(4)
    look(qtbot, kit.bytes, "e")
    data = kit.shown.bytes.data.lower()
    places = [place for place, byte in enumerate(data) if byte == ord("e")]
    assert len(places) >= 3
    bar, view = kit.bytes.bar, kit.shown.bytes
    assert view.cursor_offset == places[0]
    for number, place in enumerate(places[1:], 2):
        qtbot.keyClick(bar.text, ENTER)
        assert view.cursor_offset == place
        assert bar.result.text() == f"{number} of {len(places)}"
    qtbot.keyClick(bar.text, ENTER)
    assert view.cursor_offset == places[0]
    assert bar.result.text().endswith(", from the top")
    qtbot.keyClick(bar.text, ENTER, SHIFT)
    assert view.cursor_offset == places[-1]
    assert bar.result.text().endswith(", from the end")


def test_next_goes_on_from_where_the_person_went(kit: Kit, qtbot: QtBot) -> None:
    kit.show(4)
    look(qtbot, kit.bytes, "e")
    places = [span[0] for span in kit.shown.bytes.found]
    kit.shown.bytes.go_to(places[1] + 1)
    qtbot.keyClick(kit.bytes.bar.text, ENTER)
    assert kit.shown.bytes.cursor_offset == next(place for place in places if place > places[1])


def test_the_field_of_a_hit_is_selected_and_the_hit_stays_selected(kit: Kit, qtbot: QtBot) -> None:
    kit.show(4)
    look(qtbot, kit.bytes, "Jane")
    field = kit.shown.decoded.fields.field_at(kit.shown.decoded.currentIndex())
    assert field is not None
    assert field.value == "Doe^Jane"
    assert kit.shown.bytes.selection() == b"Jane"


def test_hexadecimal_and_what_is_none(kit: Kit, qtbot: QtBot) -> None:
    kit.show(4)
    kit.bytes.open_find()
    kit.bytes.bar.kind.setCurrentIndex(1)
    look(qtbot, kit.bytes, "10 00 10 00")
    assert kit.shown.bytes.selection() == bytes.fromhex("10001000")
    look(qtbot, kit.bytes, "10 0")
    assert "one is missing" in kit.bytes.bar.result.text()
    look(qtbot, kit.bytes, "ffffffff")
    assert kit.bytes.bar.result.text() == "Not found"
    assert not kit.bytes.bar.case.isEnabled()


def test_case_matters_when_it_shall(kit: Kit, qtbot: QtBot) -> None:
    kit.show(4)
    look(qtbot, kit.bytes, "JANE")
    assert kit.shown.bytes.selection() == b"Jane"
    kit.bytes.bar.case.click()
    settle(qtbot, kit.bytes)
    assert kit.bytes.bar.result.text() == "Not found"


def test_all_associations_are_gone_through_in_order_and_back(kit: Kit, qtbot: QtBot) -> None:
    kit.show(1)
    look(qtbot, kit.bytes, "Jane", Scope.ALL)
    assert kit.bytes.bar.result.text() == "2 found"
    assert kit.chosen == [], "typing goes nowhere"
    qtbot.keyClick(kit.bytes.bar.text, ENTER)
    qtbot.keyClick(kit.bytes.bar.text, ENTER)
    assert kit.chosen == [(1, 4), (2, 4)]
    assert kit.shown.bytes.selection() == b"Jane"
    assert kit.bytes.bar.result.text() == "2 of 2"
    qtbot.keyClick(kit.bytes.bar.text, ENTER)
    assert kit.chosen[-1] == (1, 4)
    assert kit.bytes.bar.result.text() == "1 of 2, from the top"
    qtbot.keyClick(kit.bytes.bar.text, ENTER, SHIFT)
    assert kit.chosen[-1] == (2, 4)


def test_an_association_is_looked_through_alone(kit: Kit, qtbot: QtBot) -> None:
    kit.show(1)
    look(qtbot, kit.bytes, "Jane", Scope.ASSOCIATION)
    assert kit.bytes.bar.result.text() == "1 found"


def test_traffic_that_came_meanwhile_is_found_by_the_next_question(kit: Kit, qtbot: QtBot) -> None:
    kit.show(1)
    look(qtbot, kit.bytes, "Late", Scope.ALL)
    assert kit.bytes.bar.result.text() == "Not found"
    talk = Talk(3)
    change = kit.log.add([*talk.begin(), *talk.find(1, "Late^Lucy")])
    kit.bytes.apply(change)
    qtbot.keyClick(kit.bytes.bar.text, ENTER)
    settle(qtbot, kit.bytes)
    assert kit.chosen == [(3, 4)]
    assert kit.bytes.bar.result.text() == "1 of 1"


def test_a_message_that_is_gone_is_not_gone_to(kit: Kit, qtbot: QtBot) -> None:
    kit.show(1)
    look(qtbot, kit.bytes, "Jane", Scope.ALL)
    kit.conversation.trim(len(kit.conversation.rows))
    qtbot.keyClick(kit.bytes.bar.text, ENTER)
    assert kit.chosen == []
    assert kit.bytes.bar.result.text() == "That message is no longer kept"


def test_another_message_is_looked_through_when_it_is_shown(kit: Kit, qtbot: QtBot) -> None:
    kit.show(4)
    look(qtbot, kit.bytes, "Jane")
    kit.show(5)
    settle(qtbot, kit.bytes)
    assert kit.bytes.bar.result.text() == "Not found"
    kit.show(4)
    settle(qtbot, kit.bytes)
    assert kit.bytes.bar.result.text() == "1 found"


def test_a_hidden_pane_does_not_search(kit: Kit, qtbot: QtBot) -> None:
    kit.show(4)
    look(qtbot, kit.bytes, "e", Scope.ALL)
    kit.bytes.hide()
    kit.bytes.apply(kit.log.add(whole(4)))
    assert not kit.bytes._slices.busy
    kit.bytes.go(True)
    assert not kit.bytes._slices.busy


def test_a_search_ends_at_its_bound(kit: Kit, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find_bar, "_MOST_HITS", 5)
    kit.show(4)
    look(qtbot, kit.bytes, "e", Scope.ALL)
    assert kit.bytes.bar.result.text() == "5+ found"


def test_another_log_forgets_what_was_found(kit: Kit, qtbot: QtBot) -> None:
    kit.show(4)
    look(qtbot, kit.bytes, "Jane", Scope.ALL)
    kit.bytes.set_log(TrafficLog())
    assert kit.bytes.bar.result.text() == ""
    qtbot.keyClick(kit.bytes.bar.text, ENTER)
    assert kit.bytes.bar.result.text() == "Not found"


def test_fields_are_found_by_name_and_value_and_shown(kit: Kit, qtbot: QtBot) -> None:
    kit.show(4)
    look(qtbot, kit.decoded, "patient's name")
    view = kit.shown.decoded
    field = view.fields.field_at(view.currentIndex())
    assert field is not None
    assert "Patient's Name" in field.name
    assert kit.shown.bytes.marks == ((field.offset, field.length),), "the bytes follow"
    look(qtbot, kit.decoded, "4711", Scope.ALL)
    qtbot.keyClick(kit.decoded.bar.text, ENTER)
    assert kit.decoded.bar.result.text().startswith("1 of ") or kit.decoded.bar.result.text().startswith("2 of ")
    assert not kit.decoded.bar.kind.isVisible()


def test_fields_of_other_messages_are_gone_to(kit: Kit, qtbot: QtBot) -> None:
    kit.show(1)
    look(qtbot, kit.decoded, "Roe^Richard", Scope.ALL)
    qtbot.keyClick(kit.decoded.bar.text, ENTER)
    settle(qtbot, kit.decoded)
    assert kit.chosen == [(1, 7)]
    view = kit.shown.decoded
    field = view.fields.field_at(view.currentIndex())
    assert field is not None
    assert field.value == "Roe^Richard"
    qtbot.keyClick(kit.decoded.bar.text, ENTER)
    assert kit.decoded.bar.result.text() == "1 of 1, from the top"


def test_a_pdu_is_searched_too(kit: Kit, qtbot: QtBot) -> None:
    row = kit.conversation.rows[3]
    kit.shown.show(row.pdus[-1])
    look(qtbot, kit.bytes, "Jane")
    assert kit.shown.bytes.selection() == b"Jane"
    look(qtbot, kit.bytes, "Jane", Scope.ALL)
    qtbot.keyClick(kit.bytes.bar.text, ENTER)
    assert kit.chosen == [(1, 4)]


@pytest.mark.parametrize("width", [320, 360, 900])
def test_nothing_of_the_bar_is_cut_off(kit: Kit, qtbot: QtBot, width: int) -> None:
    kit.bytes.resize(width, 300)
    kit.show(4)
    look(qtbot, kit.bytes, "Jane")
    bar = kit.bytes.bar
    assert bar.width() <= width
    for widget in (bar.text, bar.kind, bar.case, bar.scope, bar.result):
        assert widget.isVisible()
        assert bar.rect().contains(widget.geometry()), widget.objectName()
        assert widget.accessibleName()
    assert bar.result.width() >= bar.result.fontMetrics().horizontalAdvance("1 of 1")
