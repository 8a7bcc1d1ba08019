"""What a rule does: its `Action`. Who answers, what, when, and what goes wrong on purpose."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QComboBox, QFileDialog, QRadioButton, QVBoxLayout, QWidget

from workstation.scp.rules.rule import ASSOCIATION, EVENTS, NEGOTIATION_EVENTS, Action, AnswerKind
from workstation.ui.dialogs.rules.fault_form import FaultForm
from workstation.ui.dialogs.rules.fields import (
    add_field,
    checked_field,
    form_layout,
    narrow,
    show_field,
)
from workstation.ui.dialogs.rules.flow_layout import FlowLayout
from workstation.ui.dialogs.rules.negotiation_form import NegotiationForm
from workstation.ui.dialogs.rules.numbers import SecondsSpin
from workstation.ui.dialogs.rules.status_form import (
    StatusForm,
    default_status,
    file_name,
    offered_statuses,
    services_of,
)
from workstation.ui.parts.widgets import DimLabel, in_row, name_widget, push_button, stacked, still
from workstation.ui.theme import Theme

_ANSWERS: tuple[tuple[AnswerKind, str, str], ...] = (
    ("built-in", "Built in", "What a server of this kind does"),
    ("status", "This answer", "Nothing is done but to answer so"),
    ("ask", "Ask me", "The request opens in the window and waits until you answer it"),
    ("script", "A script", "A function of a Python file of yours answers"),
)

# Of several radio buttons the Tab key stops at the one that is chosen; Qt sees to that only after a click.
_TAB_STOP = Qt.FocusPolicy.StrongFocus
_NO_TAB_STOP = Qt.FocusPolicy.ClickFocus

_SEVERAL_RESPONSES = frozenset({"EVT_C_FIND", "EVT_C_GET", "EVT_C_MOVE"})


class DoForm(QWidget):
    """`edited` carries the `Action`; `script_edit_asked` a script's path as the rule has it, "" for a new one."""

    edited = Signal(object)
    script_edit_asked = Signal(str, str)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._action = Action()
        self._events: tuple[str, ...] = ()
        self._sop_class = ""
        self._folder: Path | None = None

        self.answers: dict[AnswerKind, QRadioButton] = {}
        self._group = QButtonGroup(self)
        holder = QWidget()
        flow = FlowLayout(holder)
        for kind, label, tip in _ANSWERS:
            button = QRadioButton(label)
            name_widget(button, f"answer-{kind}", label, tip)
            button.clicked.connect(lambda _checked, kind=kind: self._answer_chosen(kind))
            self._group.addButton(button)
            button.toggled.connect(lambda on, button=button: button.setFocusPolicy(_TAB_STOP if on else _NO_TAB_STOP))
            flow.addWidget(button)
            self.answers[kind] = button
        self._answer_words = DimLabel(theme)
        self._answer_words.setObjectName("answerWords")
        who = QWidget()
        who.setLayout(stacked(holder, self._answer_words, space=2))

        self.status = StatusForm(theme)
        self.negotiation = NegotiationForm(theme)
        self._script = self._script_form(theme)

        self.before = SecondsSpin("at once")
        name_widget(self.before, "doBefore", "Answer after", "Seconds to wait before the answer")
        self.between = SecondsSpin("no pause")
        name_widget(
            self.between, "doBetween", "Between responses", "Seconds to wait between two responses of one answer"
        )
        self.after = SecondsSpin("no pause")
        name_widget(self.after, "doAfter", "Before the last", "Seconds to wait before the final response")
        self.fault = FaultForm(theme)

        first = form_layout()
        add_field(first, "Who answers", who)
        self._times = form_layout()
        add_field(self._times, "Answer after", self.before)
        add_field(self._times, "Between responses", self.between)
        add_field(self._times, "Before the last", self.after)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addLayout(first)
        layout.addWidget(self.status)
        layout.addWidget(self.negotiation)
        layout.addWidget(self._script)
        layout.addLayout(self._times)
        layout.addWidget(self.fault)

        self.status.edited.connect(self._status_edited)
        self.negotiation.edited.connect(lambda values: self._update(negotiation=values))
        self.before.valueChanged.connect(lambda value: self._update(before=value))
        self.between.valueChanged.connect(lambda value: self._update(between=value))
        self.after.valueChanged.connect(lambda value: self._update(after=value))
        self.fault.edited.connect(lambda fault: self._update(fault=fault))
        self.set_action(Action(), (), "")

    def _script_form(self, theme: Theme) -> QWidget:
        self.script = checked_field(
            theme,
            "doScript",
            "Script",
            "A Python file with handlers; relative to the profile's file",
            self._check_script,
            "answers.py",
        )
        self.choose_file = push_button("Choose…", "doChooseScript", "Choose a Python file", self._choose_script)
        self.edit_script = push_button(
            "Edit…", "doEditScript", "Open the script in the editor; a new one if none is named", self._edit_script
        )
        self.function = narrow(QComboBox())
        self.function.setEditable(True)
        self.function.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        name_widget(self.function, "doFunction", "Function", "The handler; empty for the one bound to the event there")
        editor = self.function.lineEdit()
        assert editor is not None
        editor.setPlaceholderText("as bound in the script")
        editor.setAccessibleName("Function")
        still(self.function)
        words = DimLabel(theme, "A script is your own code: it runs with your rights.")
        file = QWidget()
        file.setLayout(stacked(self.script, in_row(self.choose_file, self.edit_script, None), space=4))
        file.setFocusProxy(self.script)
        holder = QWidget()
        form = form_layout()
        holder.setLayout(form)
        add_field(form, "File", file)
        add_field(form, "Function", self.function)
        add_field(form, "", words)
        self.script.edited.connect(lambda text: self._script_edited(text.strip()))
        self.script.editor.textChanged.connect(lambda _text: self._name_edit_button())
        self.function.editTextChanged.connect(lambda text: self._update(function=text.strip()))
        return holder

    @property
    def action(self) -> Action:
        """What the rule does, as far as it can be."""
        return self._action

    def set_folder(self, folder: Path | None) -> None:
        """Where relative names of scripts and data sets begin."""
        self._folder = folder
        self.status.set_folder(folder)

    def set_action(self, action: Action, events: tuple[str, ...], sop_class: str) -> None:
        """Show what is done for these events; emits nothing."""
        self._action = action
        self._show_answer(action.answer)
        self.set_subject(events, sop_class)
        for spin, value in ((self.before, action.before), (self.between, action.between), (self.after, action.after)):
            with QSignalBlocker(spin):
                spin.setValue(value)
        self.script.set_text(action.script)
        self._name_edit_button()
        with QSignalBlocker(self.function):
            self.function.setEditText(action.function)

    def set_subject(self, events: tuple[str, ...], sop_class: str) -> None:
        """The rule is about these events now; what is done stays. Emits nothing."""
        self._events, self._sop_class = events, sop_class
        action = self._action
        self.status.set_action(action, events, sop_class)
        self.negotiation.set_values(action.negotiation, events)
        self.fault.set_fault(action.fault, events)
        self._offer_functions()
        self._show_parts()

    def choose_script(self, path: str, function: str = "") -> None:
        """Let a script answer, such as one that was just written."""
        self._show_answer("script")
        self.script.set_text(path)
        self._name_edit_button()
        with QSignalBlocker(self.function):
            self.function.setEditText(function)
        self._show_parts()
        self._update(answer="script", script=path, function=function)

    def settle(self) -> None:
        """What stands here now is in force: what is typed wrong from now on falls back to it."""
        for part in (self.status, self.negotiation, self.fault):
            part.settle()

    # --- who answers

    @property
    def chosen(self) -> AnswerKind:
        """Who is chosen to answer; a script is in force only once its file is named."""
        return next((kind for kind, button in self.answers.items() if button.isChecked()), "built-in")

    def _show_answer(self, kind: AnswerKind) -> None:
        self.answers[kind].setChecked(True)

    def _answer_chosen(self, kind: AnswerKind) -> None:
        values: dict[str, Any] = {"answer": kind}
        is_first = self._action.answer != "status" and self._action.status == 0
        if kind == "status" and is_first and services_of(self._events):
            # Success is what is built in: who wants another answer wants a failure first.
            values["status"] = default_status(offered_statuses(self._events, self._sop_class))
        if kind == "script":
            script = self.script.text.strip()
            # Not in force before a file is named.
            values = {"answer": kind, "script": script} if script else {}
        self._update(**values)
        self.status.set_action(self._action, self._events, self._sop_class)
        self._show_parts()
        if kind == "script" and not self.script.text:
            self.script.set_text("")  # shows what is missing
            self.script.editor.setFocus()

    def _show_parts(self) -> None:
        kind = self.chosen
        events = self._events or EVENTS
        services = services_of(self._events)
        negotiations = [event for event in self._events if event in NEGOTIATION_EVENTS]
        is_about_association_only = self._events == (ASSOCIATION,)
        self.status.setVisible(kind == "status" and bool(services))
        self.negotiation.setVisible(kind == "status" and bool(negotiations or self._action.negotiation))
        self._script.setVisible(kind == "script")
        has_several = bool(_SEVERAL_RESPONSES.intersection(events))
        show_field(self._times, self.between, has_several or self._action.between > 0)
        show_field(self._times, self.after, has_several or self._action.after > 0)
        self.answers["status"].setEnabled(not is_about_association_only or kind == "status")
        words = next(tip for each, _, tip in _ANSWERS if each == kind) + "."
        if is_about_association_only:
            match kind:
                case "built-in":
                    words = "Accepted or rejected as the server is set. To reject it, choose so below."
                case "status":
                    words = "An association request has no status: choose below what is to go wrong."
                case "ask":
                    words = "The request opens in the window and waits until you accept or reject it."
        elif kind == "status" and not services and not negotiations:
            words = "The requests chosen above have no status."
        self._answer_words.setText(words)

    # --- the script

    def _check_script(self, text: str) -> str:
        if not text.strip():
            return "Name a Python file: until then nothing changes." if self.chosen == "script" else ""
        return "A file's name cannot have a NUL." if "\0" in text else ""

    def _name_edit_button(self) -> None:
        words = "Edit…" if self.script.text.strip() else "New…"
        self.edit_script.setText(words)
        self.edit_script.setAccessibleName(f"{words.rstrip('…')} script")

    def _script_edited(self, text: str) -> None:
        if self.chosen == "script" and text:
            self._update(answer="script", script=text)

    def _choose_script(self) -> None:
        dialog = QFileDialog(self, "Script that Answers")
        dialog.setObjectName("chooseScriptDialog")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters(["Python files (*.py)", "All files (*)"])
        if self._folder is not None:
            dialog.setDirectory(str(self._folder))
        dialog.fileSelected.connect(
            lambda path: self.choose_script(file_name(Path(path), self._folder), self._action.function)
        )
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _edit_script(self) -> None:
        self.script_edit_asked.emit(self.script.text.strip(), self.function.currentText().strip())

    def _offer_functions(self) -> None:
        from workstation.scp.scripts import FUNCTION_NAMES

        names = [name for event in self._events for name in FUNCTION_NAMES.get(event, ())[:1]]
        text = self.function.currentText()
        with QSignalBlocker(self.function):
            self.function.clear()
            self.function.addItems(["", *names])
            self.function.setEditText(text)

    # --- changes

    def _status_edited(self, action: Action) -> None:
        self._update(
            status=action.status,
            keep=action.keep,
            comment=action.comment,
            offending=action.offending,
            data_sets=action.data_sets,
        )

    def _update(self, **values: Any) -> None:
        action = replace(self._action, **values)
        if action != self._action:
            self._action = action
            self.edited.emit(action)
