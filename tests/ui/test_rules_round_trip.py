"""A rule with every condition: made in the editor, written to a file, read again, shown again.

What a rule can do is in `test_server_dialog_behaviours`, through the whole dialog.
"""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from rules_person import Person, click, paste, shown, write

from workstation.scp.rules.rule import Match, Rule
from workstation.scp.rules.rule_file import load_rule_file, save_rule_file
from workstation.ui.dialogs.rules.editor import RulesEditor
from workstation.ui.theme import Theme


@pytest.fixture
def editor(qtbot):
    editor = RulesEditor(Theme())
    qtbot.addWidget(editor)
    editor.resize(900, 700)
    editor.show()
    return editor


def test_every_condition_comes_out_is_kept_and_shown_again(editor, qtbot, tmp_path):
    person = Person(editor)
    person.new_rule("all of it", "EVT_C_FIND", "EVT_C_MOVE")
    QTest.keyClick(editor.list, Qt.Key.Key_Space)
    write(person.when.calling.editor, "CT*")
    write(person.when.every, "3")
    click(person.when.more.button)
    write(person.when.called.editor, "PACS?")
    write(person.when.address.editor, "10.0.0.0/8")
    write(person.when.user.editor, "doe")
    paste(person.when.transfer_syntax.editor, "*JPEG*")
    paste(person.when.sop_class.editor, "1.2.840.10008.5.1.4.1.2.2.1")
    paste(person.when.keys.search, "PatientName")
    QTest.keyClick(person.when.keys.search, Qt.Key.Key_Return)
    write(person.when.keys.field("PatientName"), "DOE*")
    paste(person.when.keys.search, "0009,1001")
    QTest.keyClick(person.when.keys.search, Qt.Key.Key_Return)
    write(person.when.first, "4")
    write(person.when.probability, "12.5")
    write(editor.form.comment, "because\nof a ticket")
    editor.flush()
    wanted = Rule(
        name="all of it",
        comment="because\nof a ticket",
        match=Match(
            events=("EVT_C_FIND", "EVT_C_MOVE"),
            calling="CT*",
            called="PACS?",
            address="10.0.0.0/8",
            user="doe",
            sop_class="1.2.840.10008.5.1.4.1.2.2.1",
            transfer_syntax="*JPEG*",
            keys={"PatientName": "DOE*", "0009,1001": ""},
            every=3,
            first=4,
            probability=0.125,
        ),
    )
    assert editor.rules == (wanted,)
    path = tmp_path / "rules.toml"
    save_rule_file(path, editor.rules)
    read, problems = load_rule_file(path)
    assert (read, problems) == ((wanted,), [])
    again = RulesEditor(Theme())
    qtbot.addWidget(again)
    again.show()
    again.set_rules(read)
    assert again.form.when.more.is_open
    assert shown(again) == wanted
