"""Each event with each kind of behaviour: chosen in the window, as a rule, in a file, read again, shown again."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from rules_person import Person, choose, click, paste, shown, write

from workstation.scp.rules.faults import FAULTS, POINTS
from workstation.scp.rules.rule import ASSOCIATION, EVENTS, NEGOTIATION_EVENTS, Action, Fault, Match, Rule
from workstation.scp.rules.rule_file import load_rule_file, save_rule_file
from workstation.scp.rules.statuses import statuses_of
from workstation.ui.dialogs.rules.editor import RulesEditor
from workstation.ui.dialogs.rules.fault_form import points_for
from workstation.ui.dialogs.rules.status_form import WITH_DATA_SETS
from workstation.ui.theme import Theme

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


@pytest.fixture
def editor(qtbot):
    editor = RulesEditor(Theme())
    qtbot.addWidget(editor)
    editor.resize(900, 700)
    editor.show()
    return editor


def behaviours(person: Person, event: str) -> list[Rule]:
    """Make a rule for each kind of behaviour that the event can have; returns what they have to be."""
    wanted: list[Rule] = []

    def begin(name: str, **action: object) -> None:
        person.new_rule(name, event)
        wanted.append(Rule(name=name, match=Match(events=(event,)), action=Action(**action)))

    begin("built-in")
    QTest.keyClick(person.editor.list, Qt.Key.Key_Space)  # off until it does something, or somebody switches it on
    begin("delay", before=2.5)
    write(person.what.before, "2.5")
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


@pytest.mark.parametrize("event", EVENTS)
def test_each_behaviour_of_each_event_comes_out_is_kept_and_shown_again(event, editor, qtbot, tmp_path):
    told = []
    editor.rules_changed.connect(told.append)
    wanted = behaviours(Person(editor), event)
    editor.flush()
    assert list(told[-1]) == wanted

    path = tmp_path / "rules.toml"
    save_rule_file(path, told[-1])
    read, problems = load_rule_file(path)
    assert problems == []
    assert list(read) == wanted

    again = RulesEditor(Theme())
    qtbot.addWidget(again)
    again.resize(900, 700)
    again.show()
    emitted = []
    again.rules_changed.connect(emitted.append)
    again.set_rules(read)
    for rule in wanted:
        again.select(rule.name)
        assert shown(again) == rule
    again.flush()
    assert emitted == []


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
