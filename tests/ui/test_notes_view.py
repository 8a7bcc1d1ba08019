"""The pane of expert notes: what it lists, what it says of one, and where it leads."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot
from viewer_wire import Talk, whole

from workstation.net.codec.dimse import C_ECHO_RQ
from workstation.net.codec.pdu import A_ABORT_RQ
from workstation.traffic.decoding.dissect import dissect
from workstation.traffic.expert.experts import Severity
from workstation.traffic.filters.filter import Filter
from workstation.traffic.log import TrafficLog
from workstation.ui.theme import Appearance, Theme
from workstation.ui.viewers.notes.model import WHAT
from workstation.ui.viewers.notes.view import NotesView

VERIFICATION = "1.2.840.10008.1.1"


def aborted(number: int) -> list:  # type: ignore[type-arg]
    """An association whose peer aborts on an echo, which goes on the wrong context."""
    talk = Talk(number)
    records = talk.begin()
    records += talk.message(C_ECHO_RQ(context_id=1, MessageID=1, AffectedSOPClassUID=VERIFICATION), sent=True)
    records += talk.pdu(A_ABORT_RQ(2, 2), sent=False)
    return [*records, talk.record("EVT_CONN_CLOSE")]


@pytest.fixture
def log() -> TrafficLog:
    log = TrafficLog()
    log.add(whole(1, finds=3))
    log.add(aborted(2))
    return log


@pytest.fixture
def view(qtbot: QtBot, log: TrafficLog) -> NotesView:
    view = NotesView(Theme())
    qtbot.addWidget(view)
    view.resize(600, 420)
    view.set_log(log)
    view.show()
    return view


def settle(view: NotesView, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: not view.busy)


def show(view: NotesView, log: TrafficLog, number: int, qtbot: QtBot) -> None:
    view.set_conversation(log.conversation(number))
    settle(view, qtbot)


def rules(view: NotesView) -> list[str]:
    return [note.rule for at in range(view.notes.rowCount()) if (note := view.notes.note(at)) is not None]


def test_nothing_selected_says_so(view: NotesView) -> None:
    assert "No association selected" in view.empty.text
    assert view.windowTitle() == "Notes"


def test_the_gravest_come_first_and_the_title_counts_them(view: NotesView, log: TrafficLog, qtbot: QtBot) -> None:
    show(view, log, 2, qtbot)
    severities = [view.notes.note(at).severity for at in range(view.notes.rowCount())]  # type: ignore[union-attr]
    assert severities == sorted(severities, reverse=True)
    assert rules(view)[:3] == ["context-wrong", "unanswered", "aborted"]
    assert view.windowTitle() == "Notes (✕ 3)"
    assert view.shown_severities[Severity.ERROR].text() == "✕ 3"
    assert "aborted the association during C-ECHO" in view.verdict.text


def test_the_same_again_is_one_row(view: NotesView, log: TrafficLog, qtbot: QtBot) -> None:
    show(view, log, 1, qtbot)
    at = rules(view).index("level-unknown")
    assert view.notes.shown(at).texts[WHAT].endswith("× 3")
    seen: list[object] = []
    view.message_chosen.connect(lambda _, row: seen.append(row.number))
    view.list.choose(view.notes.index(at, 0))
    assert view.details.count.text() == "Row 3 · 1 of 3"
    view.details.forward.click()
    assert view.details.count.text() == "Row 6 · 2 of 3"
    assert seen == [3, 6]
    assert view.details.back.isEnabled()


def test_a_note_leads_to_its_message_and_bytes(view: NotesView, log: TrafficLog, qtbot: QtBot) -> None:
    show(view, log, 2, qtbot)
    messages: list[tuple[object, object]] = []
    places: list[tuple[object, object, int, int]] = []
    view.message_chosen.connect(lambda *values: messages.append(values))
    view.bytes_chosen.connect(lambda *values: places.append(values))
    conversation = log.conversation(2)
    assert conversation is not None
    index = view.notes.index(rules(view).index("aborted"), 0)
    qtbot.mouseClick(view.list.viewport(), Qt.MouseButton.LeftButton, pos=view.list.visualRect(index).center())
    row = conversation.rows[-1]
    assert messages == [(conversation, row)]
    ((_, place_row, offset, length),) = places
    assert place_row is row
    assert dissect(row).data[offset : offset + length] == bytes((2, 2))
    assert "protocol layer aborted" in view.details.sentence.text()
    places.clear()
    view.details.show_bytes.click()
    assert [place[1:] for place in places] == [(row, 8, 2)]


def test_a_row_chosen_elsewhere_selects_its_note(view: NotesView, log: TrafficLog, qtbot: QtBot) -> None:
    show(view, log, 2, qtbot)
    chosen: list[object] = []
    view.message_chosen.connect(lambda *values: chosen.append(values))
    conversation = log.conversation(2)
    assert conversation is not None
    view.select_row(conversation.rows[2].pdus[0])
    assert view.list.currentIndex().row() == rules(view).index("context-wrong")
    assert "was agreed on for" in view.details.sentence.text()
    view.select_row(None)
    assert chosen == []


def test_all_associations(view: NotesView, log: TrafficLog, qtbot: QtBot) -> None:
    view.scope.setCurrentIndex(1)
    settle(view, qtbot)
    assert {view.notes.note(at).conversation for at in range(view.notes.rowCount())} == {1, 2}  # type: ignore[union-attr]
    assert not view.verdict.isVisible()
    log.add(aborted(3))
    view.apply(log.add(aborted(4)))
    settle(view, qtbot)
    settle(view, qtbot)
    assert "retries" in rules(view)


def test_severities_and_a_filter_hide_notes(view: NotesView, log: TrafficLog, qtbot: QtBot) -> None:
    show(view, log, 2, qtbot)
    view.shown_severities[Severity.ERROR].setChecked(False)
    assert set(rules(view)) == {"contexts-rejected"}
    view.shown_severities[Severity.REMARK].setChecked(False)
    assert rules(view) == []
    assert "hidden by the buttons" in view.empty.text
    for button in view.shown_severities.values():
        button.setChecked(True)
    view.set_filter(Filter.of('dimse == "C-ECHO-RQ"'))
    assert set(rules(view)) == {"context-wrong", "unanswered"}
    view.set_filter(Filter.of("number == 999"))
    assert "No note passes the filter" in view.empty.text
    view.set_filter(None)
    assert len(rules(view)) == 4


def test_live_traffic_is_examined_as_it_comes(view: NotesView, qtbot: QtBot) -> None:
    log = TrafficLog()
    talk = Talk(1)
    log.add(talk.begin())
    view.set_log(log)
    show(view, log, 1, qtbot)
    assert rules(view) == ["contexts-rejected"]
    view.apply(log.add(talk.find(1)))
    qtbot.waitUntil(lambda: "level-unknown" in rules(view))
    view.list.choose(view.notes.index(0, 0))
    view.apply(log.add(talk.find(2)))
    qtbot.waitUntil(lambda: view.notes.shown(0).texts[WHAT].endswith("× 2"))
    # what the person looks at stays
    assert view.list.currentIndex().row() == 0
    assert view.details.count.text() == "Row 3 · 1 of 2"


def test_a_hidden_view_does_nothing(view: NotesView, log: TrafficLog, qtbot: QtBot) -> None:
    view.hide()
    view.set_conversation(log.conversation(2))
    view.apply(log.add(aborted(3)))
    assert not view.busy
    assert rules(view) == []
    view.show()
    qtbot.waitUntil(lambda: len(rules(view)) == 4)


def test_nothing_to_remark(view: NotesView, qtbot: QtBot) -> None:
    log = TrafficLog()
    talk = Talk(1)
    log.add([*talk.begin()[:4]])
    view.set_log(log)
    show(view, log, 1, qtbot)
    assert "Nothing to remark" in view.empty.text
    assert not view.details.isVisible()


def test_a_note_can_be_copied_and_filtered_on(view: NotesView, log: TrafficLog, qtbot: QtBot) -> None:
    show(view, log, 1, qtbot)
    at = rules(view).index("level-unknown")
    menu = QMenu(view)
    view.fill_menu(menu, view.notes.index(at, 0))
    actions = {action.text(): action for action in menu.actions()}
    actions["Copy note"].trigger()
    clipboard = QApplication.clipboard()
    assert clipboard is not None
    assert clipboard.text().startswith("Error: A Query/Retrieve Level that the model does not have")
    assert "Clause: PS3.4" in clipboard.text()
    asked: list[str] = []
    view.filter_asked.connect(asked.append)
    actions["Filter on its messages"].trigger()
    conversation = log.conversation(1)
    assert conversation is not None
    assert Filter.of(asked[0]).rows(conversation) == [3, 6, 9]


@pytest.mark.parametrize("appearance", [Appearance.LIGHT, Appearance.DARK])
def test_it_can_be_painted_narrow_in_both_palettes(
    view: NotesView, log: TrafficLog, qtbot: QtBot, appearance: Appearance
) -> None:
    view._theme.set_appearance(appearance)
    view.resize(360, 420)
    show(view, log, 2, qtbot)
    view.list.choose(view.notes.index(0, 0))
    image = view.grab().toImage()
    assert image.width() == 360
    # no part of the details lies beyond the pane
    qtbot.waitUntil(lambda: view.details.widget().width() <= view.details.viewport().width())
    assert view.details.sentence.width() <= view.details.viewport().width()
