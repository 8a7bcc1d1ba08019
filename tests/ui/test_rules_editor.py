"""The rules editor as a whole: making, ordering, switching, deleting, files, what is refused, what is told when."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
)
from rules_person import Person, choose, click, paste, shown, write

from workstation.scp.rules.book import Hits
from workstation.scp.rules.rule import Action, Fault, Match, Rule
from workstation.scp.rules.rule_file import load_rule_file, save_rule_file
from workstation.ui.dialogs.rules.cards import CARD_ROLE
from workstation.ui.dialogs.rules.editor import RulesEditor
from workstation.ui.dialogs.rules.templates import TEMPLATES
from workstation.ui.parts.widgets import Outcome
from workstation.ui.theme import Appearance, Theme

ONE = Rule(name="one", match=Match(events=("EVT_C_STORE",)), action=Action(answer="status", status=0xA700))
TWO = Rule(name="two", match=Match(events=("EVT_C_FIND",)), action=Action(before=1.0))
THREE = Rule(name="three", action=Action(answer="ask"))


@pytest.fixture
def theme(qapp):
    return Theme()


@pytest.fixture
def editor(theme, qtbot):
    editor = RulesEditor(theme)
    qtbot.addWidget(editor)
    editor.resize(900, 700)
    editor.show()
    return editor


@pytest.fixture
def told(editor):
    told: list[tuple[Rule, ...]] = []
    editor.rules_changed.connect(told.append)
    return told


def give(editor: RulesEditor, *rules: Rule) -> None:
    """Let the editor show rules, each part of it at its place."""
    editor.set_rules(rules)
    QApplication.processEvents()


def names(editor: RulesEditor) -> list[str]:
    return [rule.name for rule in editor.rules]


def test_every_third_store_of_ct1_is_refused_after_two_seconds(editor, told, qtbot):
    """What somebody who never saw it wants first."""
    person = Person(editor)
    person.new_rule("mine", "EVT_C_STORE")
    write(person.when.calling.editor, "CT1")
    write(person.when.every, "3")
    person.answer("status")
    assert person.what.status.status.status == 0xA700, "the first failure is offered, so nothing is to be chosen"
    write(person.what.before, "2")
    # Nobody presses a button for it: it is in force a moment after the last key.
    qtbot.waitUntil(lambda: bool(told) and told[-1][0].action.before == 2.0)
    assert told[-1] == (
        Rule(
            name="mine",
            match=Match(events=("EVT_C_STORE",), calling="CT1", every=3),
            action=Action(answer="status", status=0xA700, before=2.0),
        ),
    )
    assert "C-STORE from CT1" in editor.form.findChild(QLabel, "ruleWords").text()


def test_typing_is_told_once_it_pauses_not_letter_by_letter(editor, told, qtbot):
    editor.set_rules([ONE])
    write(editor.form.when.calling.editor, "CT1")
    assert told == []
    assert editor.rules[0].match.calling == "CT1", "the list says it at once"
    qtbot.waitUntil(lambda: bool(told))
    assert [rules[0].match.calling for rules in told] == ["CT1"]


def test_the_wheel_that_scrolls_past_the_status_does_not_choose_another(editor, told):
    editor.set_rules([ONE])
    combo = editor.form.what.status.status.combo
    editor.form.name.editor.setFocus()
    middle = QPointF(combo.rect().center())
    wheel = QWheelEvent(
        middle,
        combo.mapToGlobal(middle),
        QPoint(),
        QPoint(0, -120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(combo, wheel)
    editor.flush()
    assert editor.rules == (ONE,)
    assert told == []


def test_whoever_clicks_into_a_time_types_it_over_the_words_that_stand_there(editor, qtbot):
    give(editor, ONE)
    before = editor.form.what.before
    assert before.text() == "at once"
    place = before.rect().center()
    editor.form.name.editor.setFocus()
    before.setFocus(Qt.FocusReason.MouseFocusReason)
    QTest.mouseClick(before.lineEdit(), Qt.MouseButton.LeftButton, pos=place)
    QApplication.processEvents()
    QTest.keyClicks(before.lineEdit(), "2")
    editor.flush()
    assert editor.rules[0].action.before == 2.0


def test_a_status_that_was_typed_as_a_number_gets_its_name(editor):
    editor.set_rules([ONE])
    combo = editor.form.what.status.status.combo
    combo.setEditText("C000")
    combo.lineEdit().editingFinished.emit()
    editor.flush()
    assert combo.currentText() == "C000  Error: cannot understand"
    assert editor.rules[0].action.status == 0xC000


def test_what_was_typed_is_told_when_the_editor_is_hidden(editor, told):
    editor.set_rules([ONE])
    write(editor.form.when.calling.editor, "CT1")
    editor.hide()
    assert told[-1][0].match.calling == "CT1"


def test_what_cannot_be_stays_in_its_field_and_the_last_good_stays_in_force(editor, told):
    editor.set_rules([ONE, TWO])
    editor.select("one")
    form = editor.form
    click(form.when.more.button)
    write(form.when.address.editor, "10.1.2.3")
    editor.flush()
    write(form.when.address.editor, "10.1.2.x")
    write(form.when.calling.editor, "A TITLE THAT IS TOO LONG")
    write(form.name.editor, "two")
    paste(form.what.status.status.combo.lineEdit(), "A7000")
    write(form.what.status.offending.editor, "0010,0020 Nonsense")
    editor.flush()
    # Not what was good as long as it was not finished: "10.1.2" and "A TITLE" are not what anybody meant.
    assert told[-1] == (replace(ONE, match=replace(ONE.match, address="10.1.2.3")), TWO)
    assert editor.rules[0].action.status == 0xA700
    assert editor.rules[0].action.offending == ()
    problems = [each.text() for each in form.findChildren(QLabel, "problem") if each.isVisibleTo(editor)]
    assert any("10.1.2.x" in each for each in problems)
    assert any("16 characters" in each for each in problems)
    assert any("Another rule" in each for each in problems)
    assert any("hexadecimal" in each for each in problems)
    assert any("Nonsense" in each for each in problems)
    # Shown again, it is what is in force.
    editor.select("two")
    editor.select("one")
    assert form.when.address.text == "10.1.2.3"
    assert form.name.text == "one"


def test_a_script_is_in_force_once_its_file_is_named(editor, told):
    editor.set_rules([TWO])
    asked = []
    editor.script_edit_asked.connect(lambda path, function: asked.append((path, function)))
    Person(editor).answer("script")
    editor.flush()
    assert told == []
    problem = [each.text() for each in editor.form.what.script.findChildren(QLabel, "problem") if each.text()]
    assert problem == ["Name a Python file: until then nothing changes."]
    click(editor.form.what.edit_script)
    assert asked == [("", "")]
    editor.choose_script("scripts/mine.py", "handle_find")
    editor.flush()
    assert told[-1][0].action == replace(TWO.action, answer="script", script="scripts/mine.py", function="handle_find")
    click(editor.form.what.edit_script)
    assert asked[-1] == ("scripts/mine.py", "handle_find")


def test_rules_that_come_back_from_their_owner_do_not_disturb_who_types(editor, told):
    editor.set_rules([ONE])
    editor.rules_changed.connect(editor.set_rules)
    write(editor.form.when.calling.editor, "CT")
    editor.flush()
    QTest.keyClicks(editor.form.when.calling.editor, "1")
    editor.set_rules(told[-1])  # late, of before the last letter
    assert editor.form.when.calling.text == "CT1"
    editor.flush()
    assert told[-1][0].match.calling == "CT1"


def test_values_that_the_fields_cannot_show_exactly_are_not_changed_by_looking(editor, told):
    odd = Rule(
        name="odd",
        match=Match(probability=0.123456789, sop_class=" CTImageStorage "),
        action=Action(
            before=0.0004, status=0x1234, negotiation={"verified": True}, fault=Fault(kind="slow-read", values={})
        ),
    )
    editor.set_rules([odd, ONE])
    editor.select("one")
    editor.select("odd")
    editor.flush()
    assert told == []
    write(editor.form.when.calling.editor, "X")
    assert editor.rules[0] == replace(odd, match=replace(odd.match, calling="X"))


# --- the list


def test_new_from_each_template_and_every_name_is_free(editor, told):
    for _group, rules in TEMPLATES:
        for rule in rules:
            editor.add_rule(rule)
            editor.add_rule(rule)
    assert len(set(names(editor))) == len(names(editor)) == 2 * sum(len(rules) for _, rules in TEMPLATES)
    for rule in editor.rules:
        editor.select(rule.name)
        assert shown(editor) == rule


def test_a_new_rule_is_off_until_it_does_something(editor, told):
    give(editor, ONE, TWO)
    editor.select("one")
    person = Person(editor)
    person.new_rule("mine", "EVT_C_STORE")
    assert [rule.enabled for rule in told[-1]] == [True, False, True], "half made it must not stand before others"
    words = editor.form.findChild(QLabel, "ruleWords")
    assert "off until" in words.text()
    person.answer("ask")
    editor.flush()
    assert [rule.enabled for rule in told[-1]] == [True, True, True]
    assert "off" not in words.text()
    # Who has switched it off means it.
    QTest.keyClick(editor.list, Qt.Key.Key_Space)
    person.answer("status")
    editor.flush()
    assert [rule.enabled for rule in told[-1]] == [True, False, True]
    assert "its box" in words.text()


def test_the_templates_are_in_the_menu(editor):
    action = next(each for each in editor.new.menu().actions() if each.text() == "Slow C-FIND")
    action.trigger()
    assert names(editor) == ["Slow C-FIND"]


def test_duplicate_delete_and_undo(editor, told):
    give(editor, ONE, TWO)
    editor.select("one")
    click(editor.duplicate)
    assert names(editor) == ["one", "one 2", "two"]
    assert editor.rules[1] == ONE.renamed("one 2")
    editor.list.setFocus()
    QTest.keyClick(editor.list, Qt.Key.Key_Delete)
    assert names(editor) == ["one", "two"] == [rule.name for rule in told[-1]]
    click(editor.undo)
    assert names(editor) == ["one", "one 2", "two"] == [rule.name for rule in told[-1]]
    for _ in range(3):
        click(editor.delete)
    assert told[-1] == ()
    assert editor.findChild(QPushButton, "beginBlank").isVisibleTo(editor)


def test_keys_move_and_switch(editor, told):
    give(editor, ONE, TWO, THREE)
    editor.select("one")
    QTest.keyClick(editor.list, Qt.Key.Key_Down, Qt.KeyboardModifier.ControlModifier)
    assert names(editor) == ["two", "one", "three"]
    QTest.keyClick(editor.list, Qt.Key.Key_Down, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClick(editor.list, Qt.Key.Key_Down, Qt.KeyboardModifier.ControlModifier)
    assert names(editor) == ["two", "three", "one"], "at the end it stays"
    assert not editor.down.isEnabled()
    assert editor.form.name.text == "one"
    click(editor.up)
    assert [rule.name for rule in told[-1]] == ["two", "one", "three"]
    QTest.keyClick(editor.list, Qt.Key.Key_Space)
    assert [rule.enabled for rule in told[-1]] == [True, False, True]
    # Switched off it can be edited, and stays off.
    write(editor.form.when.calling.editor, "CT1")
    editor.flush()
    assert told[-1][1] == replace(ONE, enabled=False, match=replace(ONE.match, calling="CT1"))


def test_the_box_in_the_list_switches_with_the_mouse(editor, told):
    editor.set_rules([ONE, TWO])
    QApplication.processEvents()
    row = editor.list.visualRect(editor.model.index(1))
    box = editor.list.itemDelegate().box(row, editor.list.fontMetrics().lineSpacing())
    QTest.mouseClick(editor.list.viewport(), Qt.MouseButton.LeftButton, pos=box.center())
    assert [rule.enabled for rule in told[-1]] == [True, False]
    QTest.mouseClick(editor.list.viewport(), Qt.MouseButton.LeftButton, pos=row.center())
    assert len(told) == 1, "beside the box a click only chooses"


def test_all_off_and_on(editor, told):
    editor.set_rules([ONE, replace(TWO, enabled=False)])
    editor.switch_all(False)
    assert [rule.enabled for rule in told[-1]] == [False, False]
    editor.switch_all(True)
    assert [rule.enabled for rule in told[-1]] == [True, True]


def test_hits_are_shown_live_without_touching_the_form(editor, told):
    editor.set_rules([ONE, TWO])
    editor.select("one")
    editor.form.when.calling.editor.setFocus()
    editor.set_hits({"one": Hits(considered=40, matched=9, fired=3, last_time=time.time())})
    card = editor.model.index(0).data(CARD_ROLE)
    assert card.right == "3 ×"
    assert "Asked 40 ×" in editor.model.index(0).data(Qt.ItemDataRole.ToolTipRole)
    assert editor.model.index(1).data(CARD_ROLE).right == ""
    assert editor.form.when.calling.editor.hasFocus()
    assert told == []


def test_hostile_names_and_comments_are_shown_letter_by_letter(editor):
    evil = Rule(name="<b>x</b>\u202egnp", comment="<img src=x>")
    editor.set_rules([evil])
    index = editor.model.index(0)
    assert index.data(CARD_ROLE).title == "<b>x</b>\\u202egnp"
    assert "<b>" not in index.data(Qt.ItemDataRole.ToolTipRole)
    assert "<img" not in index.data(Qt.ItemDataRole.ToolTipRole)


# --- files


def test_import_adds_and_export_writes(editor, told, tmp_path):
    path = tmp_path / "shared.toml"
    save_rule_file(path, [ONE, THREE])
    editor.set_rules([ONE])
    editor.import_file(path)
    assert told[-1] == (ONE, ONE.renamed("one 2"), THREE)
    assert "2 rules added from shared.toml" in editor._note.text
    out = tmp_path / "out.toml"
    editor.export_file(out)
    assert load_rule_file(out) == (told[-1], [])


def test_imported_rules_that_run_a_script_are_off_and_said(editor, told, tmp_path):
    (tmp_path / "theirs").mkdir()
    path = tmp_path / "theirs" / "rules.toml"
    save_rule_file(path, [ONE, Rule(name="theirs", action=Action(answer="script", script="answer.py"))])
    editor.set_folder(tmp_path)
    editor.import_file(path)
    assert [rule.enabled for rule in told[-1]] == [True, False]
    assert told[-1][1].action.script == path.with_name("answer.py").as_posix()
    assert editor._note.outcome is Outcome.WARNING
    assert "answer.py" in editor._note.text


def test_a_broken_file_is_explained_and_changes_nothing(editor, told, tmp_path):
    path = tmp_path / "broken.toml"
    path.write_text('[[rule]]\nname = "x"\n[rule.do]\nstatus = "zero"\n', encoding="utf-8")
    editor.set_rules([ONE])
    editor.import_file(path)
    assert told == []
    assert editor.rules == (ONE,)
    assert editor._note.outcome is Outcome.FAILURE
    assert "Nothing was taken from broken.toml" in editor._note.text
    editor.import_file(tmp_path / "there is none.toml")
    assert editor._note.outcome is Outcome.FAILURE
    editor.export_file(tmp_path / "shared.toml" / "below a file.toml")
    (tmp_path / "file").write_text("", encoding="utf-8")
    editor.export_file(tmp_path / "file" / "rules.toml")
    assert "could not be written" in editor._note.text


def test_files_beside_the_window(theme, qt_loop, qtbot, tmp_path):
    from workstation.ui.tasks import Tasks

    tasks = Tasks()
    editor = RulesEditor(theme, tasks=tasks)
    qtbot.addWidget(editor)
    editor.show()
    save_rule_file(tmp_path / "shared.toml", [ONE])
    editor.import_file(tmp_path / "shared.toml")
    qtbot.waitUntil(lambda: editor.rules == (ONE,))
    editor.export_file(tmp_path / "out.toml")
    qtbot.waitUntil(lambda: (tmp_path / "out.toml").exists() and tasks.running == 0)
    assert load_rule_file(tmp_path / "out.toml") == ((ONE,), [])


def test_files_in_the_profiles_folder_are_named_relative_to_it(editor, tmp_path):
    editor.set_folder(tmp_path)
    editor.set_rules([Rule(name="x", match=Match(events=("EVT_C_FIND",)), action=Action(answer="status"))])
    editor.form.what.status.add_files([tmp_path / "answers" / "a.dcm", Path("/elsewhere/b.json")])
    assert editor.rules[0].action.data_sets == ("answers/a.dcm", "/elsewhere/b.json")


def test_files_that_are_not_there_are_named_and_nothing_is_refused(editor, told, tmp_path):
    editor.set_folder(tmp_path)
    give(editor, replace(ONE, action=Action(answer="script", script="mine.py")), TWO)
    warning = editor.form.findChild(QLabel, "ruleWarning")
    assert warning.isVisibleTo(editor)
    assert "mine.py" in warning.text()
    editor.select("two")
    assert not warning.isVisibleTo(editor)
    (tmp_path / "mine.py").write_text("", encoding="utf-8")
    editor.select("one")
    assert not warning.isVisibleTo(editor)
    write(editor.form.what.script.editor, "other.py")
    editor.flush()
    assert told[-1][0].action.script == "other.py"
    assert "other.py" in warning.text()


# --- forms that follow the events


def test_known_titles_are_offered_while_one_is_typed(editor):
    give(editor, ONE)
    editor.set_titles(["CT1", "PACS", "CT1"])
    completer = editor.form.when.calling.editor.completer()
    completer.setCompletionPrefix("t1")
    assert completer.completionCount() == 1
    assert completer.currentCompletion() == "CT1"


def test_statuses_and_faults_are_those_of_the_requests(editor):
    person = Person(editor)
    person.new_rule("x", "EVT_C_MOVE")
    person.answer("status")
    assert 0xA801 in person.what.status.status.names
    assert person.what.fault.kinds.findData("reject") < 0
    assert person.what.between.isVisibleTo(editor)
    person.fault("drop", point="between", count=4)
    click(person.when.events.boxes["EVT_C_MOVE"])
    click(person.when.events.boxes["A-ASSOCIATE"])
    assert person.what.fault.kinds.findData("reject") > 0
    assert person.what.fault.kinds.findData("twice") < 0
    assert not person.what.between.isVisibleTo(editor)
    # What no longer fits stays, and says so.
    assert editor.rules[0].action.fault == Fault(kind="drop", values={"point": "between", "count": 4})
    click(person.when.events.boxes["A-ASSOCIATE"])
    click(person.when.events.boxes["EVT_C_STORE"])
    choose(person.what.fault.kinds, "twice")
    click(person.when.events.boxes["EVT_C_STORE"])
    click(person.when.events.boxes["EVT_USER_ID"])
    assert editor.rules[0].action.fault == Fault(kind="twice")
    problems = [each.text() for each in person.what.fault.findChildren(QLabel, "problem") if each.isVisibleTo(editor)]
    assert problems == ["The requests chosen above cannot have this fault."]


def test_a_rejections_reasons_follow_its_source(editor):
    person = Person(editor)
    person.new_rule("x", "A-ASSOCIATE")
    person.fault("reject", source=1)
    combo = person.find(QComboBox, "fault_reason")
    assert combo.findText("7  called AE title not recognized") >= 0
    person.fault("reject", source=3)
    offered = [combo.itemText(row) for row in range(combo.count())]
    assert offered == ["1  temporary congestion", "2  local limit exceeded"]
    paste(combo.lineEdit(), "300")
    assert editor.rules[0].action.fault["reason"] == 1
    paste(combo.lineEdit(), "200")
    assert editor.rules[0].action.fault["reason"] == 200


def test_names_of_the_standard_are_explained_and_doubted(editor, theme):
    editor.set_rules([ONE])
    field = editor.form.when.sop_class
    words = field.findChild(QLabel, "whenSopClassWords")
    field.editor.setText("ct image storage")
    assert words.text() == "1.2.840.10008.5.1.4.1.1.2"
    field.editor.setText("CTImageStorage")
    assert words.text() == "1.2.840.10008.5.1.4.1.1.2"
    field.editor.setText("CT*")
    assert "Fits" in words.text()
    field.editor.setText("CT Imige")
    assert words.text().startswith("No SOP class")
    assert words.palette().windowText().color() == theme.warning


# --- what every dialog owes


def test_everything_has_names_tooltips_and_plain_text(editor):
    kinds = (QAbstractButton, QLineEdit, QComboBox, QAbstractSpinBox, QPlainTextEdit)
    person = Person(editor)
    person.new_rule("x", "A-ASSOCIATE")
    person.fault("contexts")
    editor.form.when.keys.add_key("PatientName")
    widgets = [
        each
        for kind in kinds
        for each in editor.findChildren(kind)
        if not each.objectName().startswith("qt_")
        and not isinstance(each.parent(), QComboBox | QAbstractSpinBox | QLineEdit)
        and type(each) is not QAbstractButton
    ]
    assert len(widgets) > 60
    assert [type(each).__name__ for each in widgets if not each.objectName()] == []
    assert [each.objectName() for each in widgets if not each.accessibleName()] == []
    assert [each.objectName() for each in widgets if not each.toolTip()] == []
    found = [each.objectName() for each in widgets]
    assert sorted(set(found)) == sorted(found)
    assert [each.text() for each in editor.findChildren(QLabel) if each.textFormat() != Qt.TextFormat.PlainText] == []


def test_the_tab_key_goes_round_through_all_that_can_be_seen(editor, qtbot):
    editor.set_rules([ONE])
    editor.activateWindow()
    qtbot.waitUntil(editor.isActiveWindow)
    editor.list.setFocus()
    seen = []
    for _ in range(80):
        focused = QApplication.focusWidget()
        if seen and focused is seen[0]:
            break
        seen.append(focused)
        QTest.keyClick(focused, Qt.Key.Key_Tab)
    assert len(seen) < 80, "the focus is caught somewhere"
    form = editor.form
    for widget in (
        form.name.editor,
        *form.when.events.boxes.values(),
        form.when.calling.editor,
        form.when.every,
        form.what.answers["status"],
        form.what.status.status.combo,
        form.what.before,
        form.what.fault.kinds,
        form.comment,
        editor.new,
        editor.more,
    ):
        assert widget in seen, widget.objectName()


@pytest.mark.parametrize("width", [360, 600, 900])
@pytest.mark.parametrize("appearance", [Appearance.LIGHT, Appearance.DARK])
def test_nothing_is_cut_at_any_width_in_both_palettes(theme, editor, width, appearance, qtbot):
    theme.set_appearance(appearance)
    person = Person(editor)
    person.new_rule("x", "EVT_C_FIND", "EVT_USER_ID", "EVT_SOP_COMMON")
    person.answer("status")
    person.fault("drop", point="between")
    click(person.when.more.button)
    editor.form.when.keys.add_key("ScheduledStationAETitle")
    editor.resize(width, 800)
    QApplication.processEvents()
    assert editor.width() == width
    assert editor.form.width() >= editor.form.minimumSizeHint().width()
    cut = [
        each.text()
        for each in (*editor.findChildren(QAbstractButton), *editor.findChildren(QLabel))
        if each.isVisible()
        and each.text()
        and each.sizePolicy().horizontalPolicy() != each.sizePolicy().Policy.Ignored
        and each.width() < each.minimumSizeHint().width()
    ]
    assert cut == []
    right = [
        each.objectName()
        for each in (*editor.form.findChildren(QAbstractButton), *editor.form.findChildren(QLineEdit))
        if each.isVisible() and each.mapTo(editor.form, QPoint(each.width(), 0)).x() > editor._area.viewport().width()
    ]
    assert right == []
    theme.set_appearance(Appearance.SYSTEM)


def test_a_drop_between_rules_moves_one_and_the_chosen_stays_chosen(editor, told):
    # What the list view asks of its model when a row was dragged (Qt offers no way to drag with the offscreen mouse).
    give(editor, ONE, TWO, THREE)
    editor.select("one")
    root = editor.list.rootIndex()
    model = editor.model
    assert model.flags(model.index(0)) & Qt.ItemFlag.ItemIsDragEnabled
    assert not model.flags(model.index(0)) & Qt.ItemFlag.ItemIsDropEnabled, "nothing is dropped on a rule"
    assert model.moveRows(root, 0, 1, root, 3)
    assert [rule.name for rule in told[-1]] == ["two", "three", "one"]
    assert editor.form.name.text == "one"
    assert model.moveRows(root, 2, 1, root, 1)
    assert [rule.name for rule in told[-1]] == ["two", "one", "three"]
    assert not model.moveRows(root, 1, 1, root, 2), "to where it is"


def test_the_list_takes_its_share_of_a_large_window(editor, qtbot):
    editor.add_blank()
    widths = []
    for width in (900, 1700):
        editor.resize(width, 600)
        qtbot.waitUntil(lambda width=width: editor._splitter.width() == width)
        widths.append(editor.list.width())
    assert widths[1] > widths[0] + 150
