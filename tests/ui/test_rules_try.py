"""Rules tried against past requests: a real book, what is shown of it, and that trying counts nothing."""

from __future__ import annotations

import threading

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QLabel, QLineEdit
from rules_person import click

from workstation.scp.rules.book import RuleBook
from workstation.scp.rules.occasion import Occasion
from workstation.scp.rules.rule import ASSOCIATION, Action, Match, Rule
from workstation.ui.dialogs.rules.cards import CARD_ROLE
from workstation.ui.dialogs.rules.editor import RulesEditor
from workstation.ui.dialogs.rules.past import rule_like
from workstation.ui.dialogs.rules.try_panel import TryPanel
from workstation.ui.parts.widgets import Outcome
from workstation.ui.tasks import Tasks
from workstation.ui.theme import Appearance, Theme

CT = "1.2.840.10008.5.1.4.1.1.2"
THIRD = Rule(name="third", match=Match(events=("EVT_C_STORE",), every=3), action=Action(answer="status", status=0xA700))
FINDS = Rule(name="finds", match=Match(events=("EVT_C_FIND",), calling="MR*"), action=Action(before=2.0))


def store(number: int = 1) -> Occasion:
    return Occasion(event="EVT_C_STORE", association=number, calling="CT1", sop_class=CT, address="127.0.0.1")


@pytest.fixture
def theme(qapp):
    return Theme()


@pytest.fixture
def book():
    return RuleBook((THIRD, FINDS))


@pytest.fixture
def panel(theme, book, qtbot):
    panel = TryPanel(theme)
    qtbot.addWidget(panel)
    panel.resize(900, 500)
    panel.show()
    panel.set_book(book)
    return panel


def cards(panel: TryPanel):
    return [panel._model.index(row).data(CARD_ROLE) for row in range(panel._model.rowCount())]


def test_past_requests_appear_as_they_come_from_any_thread(panel, book, qtbot):
    assert panel._empty.isVisible()
    thread = threading.Thread(target=lambda: [book.decide(store()) for _ in range(600)])
    thread.start()
    thread.join()
    qtbot.waitUntil(lambda: panel.past.rowCount() == 500)
    assert not panel._empty.isVisible()
    assert panel.past.shown(0).texts[1:] == ("CT1", "C-STORE, CT Image Storage", "third"), "the newest first"
    assert panel.past.shown(1).texts[3] == "no rule"


def test_each_rule_says_what_it_would_do_and_nothing_is_counted(panel, book):
    asked = store()
    book.decide(asked)
    before = book.hits("third")
    panel.refresh()
    panel.choose(asked.number)
    third, finds = cards(panel)
    assert third.sign is Outcome.SUCCESS
    assert third.lines[1] == ("→ 0xA700 Refused: out of resources", "")
    assert finds.sign is Outcome.CANCELLED
    assert "C-STORE" in finds.lines[0][0]
    assert panel._summary.text.splitlines() == [
        "“third”: 0xA700 Refused: out of resources",
        "Otherwise as built in.",
        "It was answered as built in.",
    ]
    assert book.hits("third") == before


def test_what_is_being_edited_is_tried_not_only_what_is_in_force(panel, book):
    asked = store()
    book.decide(asked)
    panel.refresh()
    panel.choose(asked.number)
    panel.set_rules((Rule(name="new", action=Action(answer="ask")),))
    assert [card.title for card in cards(panel)] == ["new"]
    assert panel._summary.text.startswith("“new”: ask me")
    panel.set_rules(())
    assert panel._summary.text.startswith("No rule applies")
    assert panel._no_verdict.isVisible()


def test_what_was_chosen_stays_chosen_while_more_comes(panel, book, qtbot):
    asked = store(7)
    book.decide(asked)
    panel.refresh()
    panel.choose(asked.number)
    for number in range(20):
        book.decide(store(number))
    qtbot.waitUntil(lambda: panel.past.rowCount() == 21)
    rows = panel.table.selectionModel().selectedRows()
    assert [panel.past.past(row.row()).occasion for row in rows] == [asked]
    seen = []
    panel.association_chosen.connect(seen.append)
    click(panel.show_traffic)
    assert seen == [7]


def test_search_leaves_what_has_the_text(panel, book):
    book.decide(store())
    book.decide(Occasion(event="EVT_C_FIND", calling="MR7", summing_up=lambda: "C-FIND Study Root, PatientName=DOE*"))
    panel.refresh()
    QTest.keyClicks(panel.search, "doe")
    assert [panel.past.shown(row).texts[1] for row in range(panel.past.rowCount())] == ["MR7"]
    QTest.keyClicks(panel.search, "nobody")
    assert panel.past.rowCount() == 0
    assert "Nothing has this text" in panel._empty.text


def test_a_rule_like_the_chosen_request_applies_to_it(panel, book, theme, qtbot):
    editor = RulesEditor(theme)
    qtbot.addWidget(editor)
    panel.rule_wanted.connect(editor.add_rule)
    asked = store()
    book.decide(asked)
    panel.refresh()
    assert not panel.make_rule.isEnabled()
    panel.choose(asked.number)
    click(panel.make_rule)
    (rule,) = editor.rules
    assert not rule.enabled, "until it is said what it does"
    editor.switch_all(True)
    (rule,) = editor.rules
    assert rule.match == Match(events=("EVT_C_STORE",), calling="CT1", sop_class="CT Image Storage")
    assert RuleBook((rule,)).explain(asked)[0].applies
    association = Occasion(event=ASSOCIATION, calling="")
    assert RuleBook((rule_like(association),)).explain(association)[0].applies


def test_explaining_beside_the_window(theme, book, qt_loop, qtbot):
    threads = []

    def read():
        threads.append(threading.current_thread())

    panel = TryPanel(theme, tasks=Tasks())
    qtbot.addWidget(panel)
    panel.show()
    book.replace((Rule(name="keys", match=Match(keys={"PatientName": "DOE*"})),))
    asked = Occasion(event="EVT_C_FIND", data_set=read)
    book.decide(asked)
    panel.set_book(book)
    threads.clear()
    panel.choose(asked.number)
    qtbot.waitUntil(lambda: panel._model.rowCount() == 1)
    assert len(threads) == 1
    assert threads[0] is not threading.main_thread()


def test_hidden_it_does_not_listen(panel, book, qtbot):
    panel.hide()
    assert book._listeners == ()
    book.decide(store())
    panel.show()
    assert panel.past.rowCount() == 1
    panel.set_book(None)
    assert book._listeners == ()
    assert panel.past.rowCount() == 0


def test_what_a_peer_wrote_is_shown_letter_by_letter(panel, book):
    evil = Occasion(event="EVT_C_FIND", calling="<b>\u202e", summing_up=lambda: "<img src=x>\n2")
    book.decide(evil)
    panel.refresh()
    assert panel.past.shown(0).texts[1:3] == ("<b>\\u202e", "<img src=x>\\n2")
    assert "<img" not in panel.past.index(0, 2).data(Qt.ItemDataRole.ToolTipRole)


def test_names_tooltips_and_room(panel, theme, book, qtbot):
    asked = store()
    book.decide(asked)
    panel.refresh()
    panel.choose(asked.number)
    for each in (*panel.findChildren(QAbstractButton), *panel.findChildren(QLineEdit)):
        if each.objectName().startswith("qt_") or type(each) is QAbstractButton or isinstance(each.parent(), QLineEdit):
            continue
        assert all((each.objectName(), each.accessibleName(), each.toolTip())), each
    for appearance in (Appearance.DARK, Appearance.LIGHT):
        theme.set_appearance(appearance)
        for width in (900, 360):
            panel.resize(width, 640)
            qtbot.waitUntil(lambda width=width: panel.width() == width)
            labels = [each for each in panel.findChildren(QLabel) if each.isVisible() and each.text()]
            assert [each.text() for each in labels if each.width() < each.minimumSizeHint().width()] == []
    theme.set_appearance(Appearance.SYSTEM)
