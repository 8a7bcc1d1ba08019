"""One rule as a form: its name, when it applies, what it does, a note. Knows neither the list nor the server."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QFrame, QLabel, QVBoxLayout, QWidget

from workstation.scp.rules.rule import LONGEST_NAME, Action, Match, Rule
from workstation.scp.rules.words import action_words, match_words
from workstation.ui.dialogs.rules.do_form import DoForm
from workstation.ui.dialogs.rules.fields import TextBox, add_field, checked_field, form_layout, when_refused
from workstation.ui.dialogs.rules.templates import BLANK
from workstation.ui.dialogs.rules.when_form import WhenForm
from workstation.ui.parts.widgets import SPACE, DimLabel, heading, name_widget, stacked
from workstation.ui.theme import Theme

_OFF = "It is off: its box in the list switches it on."


class RuleForm(QWidget):
    """One rule: its name, when it applies, what it does, a note. `edited` carries the `Rule`."""

    edited = Signal(object)

    def __init__(self, theme: Theme, taken: Callable[[], Iterable[str]]) -> None:
        super().__init__()
        self._rule = self._settled = BLANK
        self._why_off = _OFF
        self._taken = taken
        self.name = checked_field(theme, "ruleName", "Name", "What the rule is called in lists", self._check_name)
        self.when = WhenForm(theme)
        self.what = DoForm(theme)
        self.comment = TextBox(theme)
        self.comment.setPlaceholderText("Why there is this rule")
        name_widget(self.comment, "ruleComment", "Note", "For whoever reads the rule later")

        self._words = DimLabel(theme)
        self._words.setObjectName("ruleWords")
        self._missing = _WarningLabel(theme)
        top, bottom = form_layout(), form_layout()
        add_field(top, "Name", self.name)
        words = QWidget()
        words.setLayout(stacked(self._words, self._missing, space=2))
        add_field(top, "In words", words)
        add_field(bottom, "Note", self.comment)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE, 4, SPACE, SPACE)
        layout.setSpacing(6)
        layout.addLayout(top)
        for title, part in (("When", self.when), ("Then", self.what)):
            layout.addSpacing(4)
            layout.addWidget(_line())
            layout.addWidget(heading(title))
            layout.addWidget(part)
        layout.addSpacing(4)
        layout.addWidget(_line())
        layout.addLayout(bottom)
        layout.addStretch(1)

        self.name.edited.connect(lambda text: self._update(replace(self._rule, name=text.strip())))
        when_refused(self.name, lambda: self._update(self._rule.renamed(self._settled.name)))
        self.when.edited.connect(self._match_edited)
        self.what.edited.connect(self._action_edited)
        self.comment.textChanged.connect(
            lambda: self._update(replace(self._rule, comment=self.comment.toPlainText().rstrip()))
        )

    @property
    def rule(self) -> Rule:
        """The rule, as far as it can be."""
        return self._rule

    def set_rule(self, rule: Rule) -> None:
        """Show a rule; emits nothing."""
        self._rule = self._settled = rule
        self._why_off = _OFF
        self.name.set_text(rule.name)
        self.name.editor.setCursorPosition(0)
        self.when.set_match(rule.match)
        self.what.set_action(rule.action, rule.match.events, rule.match.sop_class)
        with QSignalBlocker(self.comment):
            self.comment.setPlainText(rule.comment)
        self._say_words()

    def set_enabled(self, is_enabled: bool) -> None:
        """The rule was switched on or off."""
        self._rule = replace(self._rule, enabled=is_enabled)
        self.say_why_off("")

    def say_why_off(self, why: str) -> None:
        """Why the rule is off; "" if the person switched it."""
        self._why_off = why or _OFF
        self._say_words()

    def settle(self) -> None:
        """What stands here now is in force: what is typed wrong from now on falls back to it."""
        self._settled = self._rule
        self.when.settle()
        self.what.settle()

    def _check_name(self, text: str) -> str:
        if not text.strip():
            return "A rule needs a name."
        if len(text.strip()) > LONGEST_NAME:
            return f"At most {LONGEST_NAME} characters; this has {len(text.strip())}."
        return "Another rule is called so: hits are counted by name." if text.strip() in self._taken() else ""

    def _match_edited(self, match: Match) -> None:
        old = self._rule.match
        if (old.events, old.sop_class) != (match.events, match.sop_class):
            self.what.set_subject(match.events, match.sop_class)
        self._update(replace(self._rule, match=match))

    def _action_edited(self, action: Action) -> None:
        self._update(replace(self._rule, action=action))

    def show_missing(self, sentences: Iterable[str]) -> None:
        """Which files the rule names that are not there; they may come later, so nothing is refused."""
        self._missing.setText("\n".join(sentences))
        self._missing.setVisible(bool(self._missing.text()))

    def _say_words(self) -> None:
        words = f"{match_words(self._rule)} → {action_words(self._rule)}"
        self._words.setText(words if self._rule.enabled else f"{words}\n{self._why_off}")

    def _update(self, rule: Rule) -> None:
        if rule != self._rule:
            self._rule = rule
            self._say_words()
            self.edited.emit(rule)


class _WarningLabel(QLabel):
    """What is to be minded, in words and in the warning's colour."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.setObjectName("ruleWarning")
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.hide()
        theme.changed.connect(self._colour)
        self._colour()

    def _colour(self) -> None:
        palette = self.palette()
        palette.setColor(self.foregroundRole(), self._theme.warning)
        self.setPalette(palette)


def _line() -> QFrame:
    line = QFrame()
    line.setFrameShape(QFrame.Shape.HLine)
    line.setFrameShadow(QFrame.Shadow.Sunken)
    return line
