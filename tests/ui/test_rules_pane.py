"""The rules of a live book: hits as they come, what is edited is what is tried, a rule made of a past request."""

from __future__ import annotations

import threading

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from rules_person import click, write

from workstation.scp.rules.book import RuleBook
from workstation.scp.rules.occasion import Occasion
from workstation.scp.rules.rule import Action, Match, Rule
from workstation.ui.dialogs.rules.cards import CARD_ROLE
from workstation.ui.dialogs.rules.pane import RulesPane
from workstation.ui.theme import Theme

ECHO = Rule(name="echo", match=Match(events=("EVT_C_ECHO",)), action=Action(answer="status", status=0x0122))


@pytest.fixture
def book():
    return RuleBook((ECHO,))


@pytest.fixture
def pane(qapp, book, qtbot):
    pane = RulesPane(Theme())
    qtbot.addWidget(pane)
    pane.rules_changed.connect(book.replace)
    pane.set_book(book)
    pane.resize(900, 700)
    pane.show()
    return pane


def hits(pane: RulesPane, row: int = 0) -> str:
    return pane.editor.model.index(row).data(CARD_ROLE).right


def echo(calling: str = "CT1") -> Occasion:
    return Occasion(event="EVT_C_ECHO", calling=calling, association=3)


def test_hits_come_live_and_can_be_begun_anew(pane, book, qtbot):
    thread = threading.Thread(target=lambda: [book.decide(echo()) for _ in range(1200)])
    thread.start()
    thread.join()
    qtbot.waitUntil(lambda: hits(pane) == "1,200 ×")
    pane.editor._reset.trigger()
    assert hits(pane) == ""
    assert book.hits("echo").considered == 0
    pane.hide()
    assert book._listeners == ()
    book.decide(echo())
    pane.show()
    assert hits(pane) == "1 ×"


def test_what_is_edited_is_in_force_and_is_what_is_tried(pane, book, qtbot):
    asked = echo()
    book.decide(asked)
    write(pane.editor.form.when.calling.editor, "MR*")
    qtbot.waitUntil(lambda: book.rules[0].match.calling == "MR*")
    pane.tabs.setCurrentIndex(1)
    pane.try_panel.choose(asked.number)
    assert pane.try_panel._summary.text.startswith("No rule applies")
    assert "CT1" in pane.try_panel._model.verdicts[0].sentence


def test_a_rule_made_of_a_past_request_is_edited_at_once(pane, book, qtbot):
    asked = echo("CT9")
    book.decide(asked)
    pane.tabs.setCurrentIndex(1)
    pane.try_panel.choose(asked.number)
    click(pane.try_panel.make_rule)
    assert pane.tabs.currentIndex() == 0
    assert pane.editor.form.name.text == "C-ECHO from CT9"
    click(pane.editor.form.what.answers["ask"])
    # Behind the one that always answers it would never be asked.
    QTest.keyClick(pane.editor.list, Qt.Key.Key_Up, Qt.KeyboardModifier.ControlModifier)
    assert [rule.name for rule in book.rules] == ["C-ECHO from CT9", "echo"]
    assert book.decide(echo("CT9")).action == Action(answer="ask")
    assert book.decide(echo("CT1")).name == "echo"


def test_without_a_book_rules_are_still_edited(qapp, qtbot):
    pane = RulesPane(Theme())
    qtbot.addWidget(pane)
    told = []
    pane.rules_changed.connect(told.append)
    pane.set_rules((ECHO,))
    pane.show()
    pane.editor.switch_all(False)
    assert [rule.enabled for rule in told[-1]] == [False]
