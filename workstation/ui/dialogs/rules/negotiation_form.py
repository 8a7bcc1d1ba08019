"""The answer to a negotiation that a person chose. PS3.7 Annex D.3.3: user identity, window, extended negotiation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QLabel, QVBoxLayout, QWidget

from workstation.scp.rules.rule import EVENT_WORDS
from workstation.ui.dialogs.rules.fields import (
    LinesField,
    add_field,
    checked_field,
    form_layout,
    narrow,
    show_field,
    when_refused,
)
from workstation.ui.dialogs.rules.numbers import CountSpin
from workstation.ui.parts.widgets import heading, name_widget, stacked, still
from workstation.ui.theme import Theme

VALUES_OF: Mapping[str, tuple[str, ...]] = {
    "EVT_USER_ID": ("verified", "response"),
    "EVT_ASYNC_OPS": ("invoked", "performed"),
    "EVT_SOP_EXTENDED": ("answers",),
    "EVT_SOP_COMMON": ("accepted",),
}
"""Which values of `Action.negotiation` belong to which event."""

_UID = re.compile(r"[0-9]+(\.[0-9]+)*")
_ANSWER = re.compile(r"\s*([0-9.]+)\s*[=:]\s*((?:[0-9A-Fa-f]{2}\s*)*)")


def _check_hexadecimal(text: str) -> str:
    digits = re.sub(r"\s", "", text)
    if re.fullmatch(r"(?:[0-9A-Fa-f]{2})*", digits):
        return ""
    return "Two hexadecimal digits for each byte, such as 4F4B."


def _check_uid(line: str) -> str:
    if len(line) > 64 or not _UID.fullmatch(line):
        return f"{line!r} is no UID: digits and dots, at most 64 characters."
    return ""


def _check_answer(line: str) -> str:
    found = _ANSWER.fullmatch(line)
    if not found or _check_uid(found[1]):
        return f"{line!r}: write SOP Class UID = hexadecimal bytes, such as 1.2.840.10008.5.1.4.1.2.2.1 = 0101."
    return ""


class NegotiationForm(QWidget):
    """The values of the chosen negotiation events; one that is not given stays as built in.

    `edited` carries the mapping.
    """

    edited = Signal(object)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._values: dict[str, Any] = {}
        self._settled: dict[str, Any] = {}
        self.verified = narrow(QComboBox())
        name_widget(self.verified, "verified", "User", "Whether the user is let in")
        for words, value in (("as built in", None), ("let in", True), ("not let in", False)):
            self.verified.addItem(words, value)
        still(self.verified)
        self.response = checked_field(
            theme,
            "serverResponse",
            "Server response",
            "The server response that the peer gets, in hexadecimal digits",
            _check_hexadecimal,
            "none, or bytes such as 4F4B",
        )
        self.invoked = self._window("invoked", "Invoked", "Operations that the peer may invoke at once")
        self.performed = self._window("performed", "Performed", "Operations that the peer may perform at once")
        self.answers_given = QCheckBox("Answer with this application information")
        name_widget(self.answers_given, "answersGiven", "Choose the application information", "Without it: as built in")
        self.answers = LinesField(
            theme,
            "answers",
            "Application information",
            "A SOP Class UID, = and hexadecimal bytes, one a line; a class that is not named is not answered",
            check=_check_answer,
            placeholder="1.2.840.10008.5.1.4.1.2.2.1 = 0101",
        )
        self.accepted_given = QCheckBox("Accept only these SOP classes")
        name_widget(self.accepted_given, "acceptedGiven", "Choose the SOP classes", "Without it: as built in")
        self.accepted = LinesField(
            theme,
            "accepted",
            "Accepted SOP classes",
            "SOP Class UIDs whose common extended negotiation is accepted, one a line",
            check=_check_uid,
            placeholder="1.2.840.10008.5.1.4.1.1.2",
        )
        answers, accepted = QWidget(), QWidget()
        answers.setLayout(stacked(self.answers_given, self.answers))
        accepted.setLayout(stacked(self.accepted_given, self.accepted))

        self._form = form_layout()
        self._rows: dict[str, QWidget] = {
            "verified": self.verified,
            "response": self.response,
            "invoked": self.invoked,
            "performed": self.performed,
            "answers": answers,
            "accepted": accepted,
        }
        self._titles: dict[str, QLabel] = {}
        labels = ("User", "Server response", "May invoke", "May perform", "Information", "Accepted")
        for (name, row), label in zip(self._rows.items(), labels, strict=True):
            event = next(each for each, names in VALUES_OF.items() if name in names)
            if event not in self._titles:
                self._titles[event] = heading(EVENT_WORDS[event])
                self._form.addRow(self._titles[event])
            add_field(self._form, label, row)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(self._form)

        self.verified.activated.connect(lambda _row: self._set("verified", self.verified.currentData()))
        self.response.edited.connect(lambda text: self._set("response", re.sub(r"\s", "", text) or None))
        when_refused(self.response, lambda: self._set("response", self._settled.get("response")))
        self.answers.refused.connect(lambda: self._set("answers", self._settled.get("answers")))
        self.accepted.refused.connect(lambda: self._set("accepted", self._settled.get("accepted")))
        for name, spin in (("invoked", self.invoked), ("performed", self.performed)):
            spin.valueChanged.connect(lambda value, name=name: self._set(name, value if value >= 0 else None))
        self.answers_given.clicked.connect(lambda _checked: self._lines_changed())
        self.accepted_given.clicked.connect(lambda _checked: self._lines_changed())
        self.answers.edited.connect(lambda _lines: self._lines_changed())
        self.accepted.edited.connect(lambda _lines: self._lines_changed())

    def _window(self, name: str, label: str, tip: str) -> CountSpin:
        spin = CountSpin(
            lambda n: "as built in" if n < 0 else ("any number" if n == 0 else f"{n:,} at once"), -1, 65535
        )
        name_widget(spin, name, label, f"{tip}: a number, 0 for any")
        return spin

    @property
    def values(self) -> dict[str, Any]:
        """What is answered."""
        return dict(self._values)

    def set_values(self, values: Mapping[str, Any], events: tuple[str, ...]) -> None:
        """Show what is answered to these events; emits nothing."""
        self._values = dict(values)
        self._settled = dict(values)
        self.verified.setCurrentIndex(max(self.verified.findData(values.get("verified")), 0))
        if self.response.problem or re.sub(r"\s", "", self.response.text) != values.get("response", ""):
            self.response.set_text(values.get("response", ""))
        for name, spin in (("invoked", self.invoked), ("performed", self.performed)):
            with QSignalBlocker(spin):
                spin.setValue(values.get(name, -1))
        self.answers_given.setChecked("answers" in values)
        self.accepted_given.setChecked("accepted" in values)
        if "answers" in values and (self.answers.problem or self._typed_answers() != values["answers"]):
            self.answers.set_lines(tuple(f"{uid} = {digits}" for uid, digits in values["answers"].items()))
        if "accepted" in values and (self.accepted.problem or list(self.accepted.lines) != values["accepted"]):
            self.accepted.set_lines(tuple(values["accepted"]))
        self._enable()
        is_several = len(events) > 1
        for event, names in VALUES_OF.items():
            is_shown = event in events or any(name in values for name in names)
            show_field(self._form, self._titles[event], is_shown and is_several)
            for name in names:
                show_field(self._form, self._rows[name], is_shown)

    def settle(self) -> None:
        """What stands here now is in force: what is typed wrong from now on falls back to it."""
        self._settled = dict(self._values)

    def _typed_answers(self) -> dict[str, str]:
        found = (_ANSWER.fullmatch(line) for line in self.answers.lines)
        return {each[1]: re.sub(r"\s", "", each[2]) for each in found if each}

    def _enable(self) -> None:
        self.answers.setEnabled(self.answers_given.isChecked())
        self.accepted.setEnabled(self.accepted_given.isChecked())

    def _lines_changed(self) -> None:
        self._enable()
        if not self.answers.problem:
            self._keep("answers", self._typed_answers() if self.answers_given.isChecked() else None)
        if not self.accepted.problem:
            self._keep("accepted", list(self.accepted.lines) if self.accepted_given.isChecked() else None)
        self.edited.emit(self.values)

    def _set(self, name: str, value: Any) -> None:
        self._keep(name, value)
        self.edited.emit(self.values)

    def _keep(self, name: str, value: Any) -> None:
        if value is None:
            self._values.pop(name, None)
        else:
            self._values[name] = value
