"""A person at the rules editor: does everything with mouse and keyboard, and reads back what the widgets show.

`behaviours` chooses each kind of behaviour that an event can have.
"""

from __future__ import annotations

import re
from typing import Any

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QCheckBox,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QSpinBox,
    QWidget,
)

from workstation.scp.rules.faults import FAULTS, POINTS
from workstation.scp.rules.rule import ASSOCIATION, EVENTS, NEGOTIATION_EVENTS, Action, Fault, Match, Rule
from workstation.scp.rules.statuses import statuses_of
from workstation.ui.dialogs.rules.editor import RulesEditor
from workstation.ui.dialogs.rules.fault_form import points_for
from workstation.ui.dialogs.rules.fields import LinesField
from workstation.ui.dialogs.rules.negotiation_form import VALUES_OF
from workstation.ui.dialogs.rules.numbers import NumberChooser
from workstation.ui.dialogs.rules.status_form import WITH_DATA_SETS, read_tags

SERVICES = [name for name in EVENTS if name != ASSOCIATION and name not in NEGOTIATION_EVENTS]

# Of each fault with values other ones than those that stand there at first.
OTHER_VALUES = {
    "reject": {"result": 2, "source": 3, "reason": 2},
    "contexts": {"refuse": ("CT*", "1.2.840.10008.1.1"), "result": 1, "syntaxes": ("JPEG*",)},
    "abort": {"source": 2, "reason": 6},
    "slow-read": {"rate": 77},
    "slow-write": {"rate": 5},
    "truncate": {"bytes": 3, "close": False},
    "pdu-length": {"difference": -7},
    "item-length": {"difference": 9},
    "context-id": {"context_id": 251},
    "message-id": {"difference": -2},
    "pdu-type": {"type": 0x9A},
    "counters": {"remaining": 1, "completed": -2, "failed": 3, "warning": 4},
}

NEGOTIATED = {
    "EVT_USER_ID": {"verified": False, "response": "4F4B"},
    "EVT_ASYNC_OPS": {"invoked": 5, "performed": 0},
    "EVT_SOP_EXTENDED": {"answers": {"1.2.840.10008.5.1.4.1.2.2.1": "0101"}},
    "EVT_SOP_COMMON": {"accepted": ["1.2.840.10008.5.1.4.1.1.2", "1.2.3"]},
}

MANY_RESPONSES = {"EVT_C_FIND", "EVT_C_GET", "EVT_C_MOVE"}


def click(button: QAbstractButton) -> None:
    """Press a button, or tick a box, with the mouse, where its sign is."""
    assert button.isVisibleTo(button.window()), f"{button.objectName()} cannot be seen"
    assert button.isEnabled(), f"{button.objectName()} is off"
    QTest.mouseClick(button, Qt.MouseButton.LeftButton, pos=QPoint(8, button.height() // 2))


def write(field: QLineEdit | QPlainTextEdit | QAbstractSpinBox, text: str) -> None:
    """Write a text instead of what is there."""
    assert field.isVisibleTo(field.window()), f"{field.objectName()} cannot be seen"
    assert field.isEnabled(), f"{field.objectName()} is off"
    field.selectAll()
    if text:
        for number, line in enumerate(text.split("\n")):
            if number:
                QTest.keyClick(field, Qt.Key.Key_Return)
            QTest.keyClicks(field, line)
    else:
        QTest.keyClick(field, Qt.Key.Key_Delete)
    if isinstance(field, QAbstractSpinBox):
        QTest.keyClick(field, Qt.Key.Key_Return)


def paste(field: QLineEdit, text: str) -> None:
    """Put a text from the clipboard in instead of what is there: no list of names opens, which offscreen cannot."""
    assert field.isVisibleTo(field.window()), f"{field.objectName()} cannot be seen"
    QGuiApplication.clipboard().setText(text)
    field.selectAll()
    field.paste()


def choose(combo: QComboBox, data: Any) -> None:
    """Choose an entry with the arrow keys."""
    assert combo.isVisibleTo(combo.window()), f"{combo.objectName()} cannot be seen"
    row = combo.findData(data)
    assert row >= 0, f"{combo.objectName()} does not offer {data!r}"
    if not combo.isEditable() and abs(row - combo.currentIndex()) > combo.count() - row:
        QTest.keyClick(combo, Qt.Key.Key_End)
    while combo.currentIndex() != row:
        before = combo.currentIndex()
        QTest.keyClick(combo, Qt.Key.Key_Down if before < row else Qt.Key.Key_Up)
        assert combo.currentIndex() != before, f"{combo.objectName()} stays at {before}"


class Person:
    """Somebody with a `RulesEditor` in front of them."""

    def __init__(self, editor: RulesEditor) -> None:
        self.editor = editor

    @property
    def when(self):
        return self.editor.form.when

    @property
    def what(self):
        return self.editor.form.what

    def find(self, kind: type[QWidget], name: str) -> Any:
        """A widget that can be seen, by its name."""
        found = [each for each in self.editor.findChildren(kind, name) if each.isVisibleTo(self.editor)]
        assert len(found) == 1, f"{len(found)} {name} can be seen"
        return found[0]

    def new_rule(self, name: str, *events: str) -> None:
        """Make an empty rule, name it, tick its events."""
        if self.editor.rules:
            click(self.editor.new)
        else:
            click(self.find(QAbstractButton, "beginBlank"))
            QApplication.processEvents()  # a person sees the form before they press something in it
        write(self.editor.form.name.editor, name)
        for event in events:
            click(self.when.events.boxes[event])

    def answer(self, kind: str) -> None:
        """Choose who answers."""
        click(self.what.answers[kind])

    def status(self, code: int) -> None:
        """Choose the status from the list."""
        choose(self.what.status.status.combo, code)

    def fault(self, kind: str, **values: Any) -> None:
        """Choose what goes wrong, with these values."""
        choose(self.what.fault.kinds, kind)
        for name, value in values.items():
            self._fault_value(name, value)

    def _fault_value(self, name: str, value: Any) -> None:
        row = self.what.fault._rows[name]
        if isinstance(row, QCheckBox):
            if row.isChecked() != value:
                click(row)
        elif isinstance(row, LinesField):
            write(row.editor, "\n".join(value))
        elif isinstance(row, NumberChooser):
            digits = f"{value:02X}" if FAULTS[self.what.fault.kinds.currentData()].parameters[0].hexadecimal else value
            paste(row.combo.lineEdit(), str(digits))
        elif isinstance(row, QComboBox):
            choose(row, value)
        else:
            write(row, str(value))


def shown(editor: RulesEditor) -> Rule:
    """The chosen rule as the widgets show it, read from them alone; what cannot be seen has its default."""
    form = editor.form
    when, what = form.when, form.what
    rule = editor.model.rule(editor.list.row)
    match = Match(
        events=when.events.events,
        calling=when.calling.text,
        called=when.called.text,
        address=when.address.text,
        user=when.user.text,
        sop_class=when.sop_class.text,
        transfer_syntax=when.transfer_syntax.text,
        keys=when.keys.keys,
        every=_number(when.every, 1),
        first=_number(when.first, 0),
        probability=when.probability.value() / 100,
    )
    kind = next(kind for kind, button in what.answers.items() if button.isChecked())
    values: dict[str, Any] = {"answer": kind}
    if what.status.isVisibleTo(editor):
        values["status"] = what.status.status.status
        values["comment"] = what.status.comment.text
        values["offending"] = read_tags(what.status.offending.text)
        if what.status.keep.isVisibleTo(editor):
            values["keep"] = what.status.keep.isChecked()
        if what.status.data_sets.isVisibleTo(editor):
            values["data_sets"] = what.status.data_sets.lines
    if what.negotiation.isVisibleTo(editor):
        values["negotiation"] = _negotiation(editor, match.events)
    if what.script.isVisibleTo(editor):
        values["script"] = what.script.text
        values["function"] = what.function.currentText()
    for name, spin in (("before", what.before), ("between", what.between), ("after", what.after)):
        if spin.isVisibleTo(editor):
            values[name] = spin.value()
    values["fault"] = _fault(editor)
    enabled = editor.model.index(editor.list.row).data(Qt.ItemDataRole.CheckStateRole) == Qt.CheckState.Checked
    return Rule(
        name=form.name.text,
        enabled=enabled,
        comment=form.comment.toPlainText(),
        match=match,
        action=Action(**values) if kind != "script" or values.get("script") else rule.action,
    )


def _number(spin: QSpinBox, none: int) -> int:
    found = re.search(r"[\d,]+", spin.text())
    if found:
        return int(found[0].replace(",", ""))
    return 1 if "first time" in spin.text() else none


def _negotiation(editor: RulesEditor, events: tuple[str, ...]) -> dict[str, Any]:
    form = editor.form.what.negotiation
    found: dict[str, Any] = {}
    for event in events:
        for name in VALUES_OF.get(event, ()):
            match name:
                case "verified":
                    found[name] = form.verified.currentData()
                case "response":
                    found[name] = form.response.text or None
                case "invoked" | "performed":
                    value = getattr(form, name).value()
                    found[name] = value if value >= 0 else None
                case "answers" if form.answers_given.isChecked():
                    pairs = (line.split("=") for line in form.answers.lines)
                    found[name] = {uid.strip(): digits.strip() for uid, digits in pairs}
                case "accepted" if form.accepted_given.isChecked():
                    found[name] = list(form.accepted.lines)
    return {name: value for name, value in found.items() if value is not None}


def _fault(editor: RulesEditor) -> Fault | None:
    form = editor.form.what.fault
    kind = form.kinds.currentData()
    if not kind:
        return None
    values: dict[str, Any] = {}
    for parameter in FAULTS[kind].parameters:
        row = form._rows[parameter.name]
        if not row.isVisibleTo(editor):
            continue
        if isinstance(row, QCheckBox):
            values[parameter.name] = row.isChecked()
        elif isinstance(row, LinesField):
            values[parameter.name] = row.lines
        elif isinstance(row, NumberChooser):
            values[parameter.name] = row.number
        elif isinstance(row, QComboBox):
            values[parameter.name] = row.currentData()
        else:
            values[parameter.name] = row.value()
    return Fault(kind=kind, values=values)


def behaviours(person: Person, event: str) -> list[Rule]:
    """Make a rule for each kind of behaviour that the event can have; returns what they have to be."""
    wanted: list[Rule] = []

    def begin(name: str, **action: object) -> None:
        person.new_rule(name, event)
        wanted.append(Rule(name=name, match=Match(events=(event,)), action=Action(**action)))

    begin("built-in")
    QTest.keyClick(person.editor.list, Qt.Key.Key_Space)  # off until it does something, or somebody switches it on
    delays = {"before": 2.5} | ({"between": 0.25, "after": 3} if event in MANY_RESPONSES else {})
    begin("delay", **delays)
    for name, seconds in delays.items():
        write(getattr(person.what, name), f"{seconds:g}")
    begin("ask", answer="ask")
    person.answer("ask")
    begin("script", answer="script", script="answers.py", function="my_own")
    person.answer("script")
    write(person.what.script.editor, "answers.py")
    paste(person.what.function.lineEdit(), "my_own")
    if event in SERVICES:
        failure = next(code for code, _ in statuses_of(event) if code not in (0x0000, 0x0110))
        data_sets = ("a.dcm", "more/b.json") if event in WITH_DATA_SETS else ()
        begin(
            "status",
            answer="status",
            status=failure,
            comment="no room",
            offending=(0x00100020, 0x00080018),
            data_sets=data_sets,
        )
        person.answer("status")
        person.status(failure)
        write(person.what.status.comment.editor, "no room")
        write(person.what.status.offending.editor, "0010,0020 SOPInstanceUID")
        if data_sets:
            write(person.what.status.data_sets.editor, "a.dcm\nmore/b.json")
        begin("any number", answer="status", status=0xBEEF)
        person.answer("status")
        paste(person.what.status.status.combo.lineEdit(), "BEEF")
    if event == "EVT_C_STORE":
        begin("warn and store", answer="status", status=0xB006, keep=True)
        person.answer("status")
        person.status(0xB006)
        click(person.what.status.keep)
    if event in NEGOTIATION_EVENTS:
        begin("values", answer="status", negotiation=NEGOTIATED[event])
        person.answer("status")
        negotiate(person, event)
    faults = [(kind, dict(OTHER_VALUES.get(kind, {}))) for kind, spec in FAULTS.items() if spec.applies_to(event)]
    for point in POINTS:
        if event in [*SERVICES, ASSOCIATION] and point in points_for((event,)):
            placed = {"point": point}
            placed |= {"bytes": 99} if point in ("middle", "receiving") else {}
            placed |= {"count": 7} if point == "between" else {}
            faults.append(("reset", placed))
    for number, (kind, values) in enumerate(faults):
        name = f"fault {number} {kind}"
        if not number:
            person.new_rule(name, event)
        else:
            # As whoever makes many rules that are much the same.
            click(person.editor.duplicate)
            write(person.editor.form.name.editor, name)
        person.fault(kind, **values)
        wanted.append(
            Rule(name=name, match=Match(events=(event,)), action=Action(fault=Fault(kind=kind, values=values)))
        )
    return wanted


def negotiate(person: Person, event: str) -> None:
    form = person.what.negotiation
    match event:
        case "EVT_USER_ID":
            choose(form.verified, False)
            write(form.response.editor, "4F 4B")
        case "EVT_ASYNC_OPS":
            write(form.invoked, "5")
            write(form.performed, "0")
        case "EVT_SOP_EXTENDED":
            click(form.answers_given)
            write(form.answers.editor, "1.2.840.10008.5.1.4.1.2.2.1 = 0101")
        case "EVT_SOP_COMMON":
            click(form.accepted_given)
            write(form.accepted.editor, "1.2.840.10008.5.1.4.1.1.2\n1.2.3")
