"""When a rule applies: its `Match`, field by field. What cannot be stays in its field, with a sentence beside it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QCompleter, QVBoxLayout, QWidget

from workstation.peers import check_ae_title
from workstation.scp.rules.rule import Match
from workstation.scp.rules.words import ordinal
from workstation.ui.dialogs.rules.event_picker import EventPicker
from workstation.ui.dialogs.rules.fields import (
    Fold,
    NameField,
    add_field,
    checked_field,
    form_layout,
    when_refused,
)
from workstation.ui.dialogs.rules.keys_editor import KeysEditor
from workstation.ui.dialogs.rules.numbers import CountSpin, SecondsSpin
from workstation.ui.parts.widgets import sentence_of, still
from workstation.ui.theme import Theme

_MOST = 1_000_000
_WILD = "* stands for any characters, ? for one; empty for all"

_SELDOM = ("called", "address", "user", "transfer_syntax", "keys", "first", "probability")


def _check_title(text: str) -> str:
    text = text.strip()
    if not text or "*" in text or "?" in text:
        return ""
    return sentence_of(check_ae_title)(text)


def _check_address(text: str) -> str:
    return sentence_of(lambda address: Match(address=address))(text.strip())


class PercentSpin(SecondsSpin):
    """A probability, in per cent."""

    def __init__(self) -> None:
        super().__init__("never")
        self.setRange(0, 100)
        self.setSingleStep(5)
        self.setSuffix(" %")

    def textFromValue(self, value: float) -> str:
        return "100" if value >= 100 else super().textFromValue(value)


class WhenForm(QWidget):
    """The conditions of a rule. `edited` carries the `Match`; an edit changes only the condition that was edited."""

    edited = Signal(object)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._match = self._settled = Match()
        self.events = EventPicker(theme)
        self.calling = checked_field(
            theme, "whenCalling", "Calling AE title", f"Who asks. {_WILD}", _check_title, "anybody"
        )
        self.called = checked_field(
            theme, "whenCalled", "Called AE title", f"Who is asked. {_WILD}", _check_title, "any"
        )
        self.address = checked_field(
            theme,
            "whenAddress",
            "Address",
            "The peer's address or network: 10.1.2.3, 10.0.0.0/8, fe80::/10",
            _check_address,
            "any, or 10.1.2.3, 10.0.0.0/8",
        )
        self.user = checked_field(
            theme, "whenUser", "User", f"Primary field of the user identity. {_WILD}", placeholder="any"
        )
        self.sop_class = NameField(
            theme, "SOP class", "whenSopClass", "SOP class", f"SOP class of the request: name, keyword or UID. {_WILD}"
        )
        self.transfer_syntax = NameField(
            theme,
            "transfer syntax",
            "whenTransferSyntax",
            "Transfer syntax",
            f"Transfer syntax of the presentation context: name, keyword or UID. {_WILD}",
        )
        self.keys = KeysEditor(theme)
        self.every = CountSpin(lambda n: "every time" if n == 1 else f"every {ordinal(n)} time", 1, _MOST)
        self.every.setObjectName("whenEvery")
        self.every.setAccessibleName("How often")
        self.every.setToolTip("Only every nth time that all other conditions hold: type a number")
        self.first = CountSpin(
            lambda n: "no limit" if n == 0 else ("the first time only" if n == 1 else f"the first {n:,} times only"),
            0,
            _MOST,
        )
        self.first.setObjectName("whenFirst")
        self.first.setAccessibleName("At most")
        self.first.setToolTip("Only the first n times that all other conditions hold: type a number, 0 for no limit")
        self.probability = PercentSpin()
        self.probability.setObjectName("whenChance")
        self.probability.setAccessibleName("Chance in per cent")
        self.probability.setToolTip("By chance: of how many of a hundred such requests, 100 for each")
        still(self.probability)

        usual = form_layout()
        add_field(usual, "Request", self.events)
        add_field(usual, "From AE title", self.calling)
        add_field(usual, "SOP class", self.sop_class)
        add_field(usual, "How often", self.every)
        content = QWidget()
        seldom = form_layout()
        content.setLayout(seldom)
        add_field(seldom, "Called AE title", self.called)
        add_field(seldom, "Address", self.address)
        add_field(seldom, "User", self.user)
        add_field(seldom, "Transfer syntax", self.transfer_syntax)
        add_field(seldom, "Data set", self.keys)
        add_field(seldom, "At most", self.first)
        add_field(seldom, "By chance", self.probability)
        self.more = Fold("More: address, user, data set, chance…", "moreConditions", content)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addLayout(usual)
        layout.addWidget(self.more)

        self.events.edited.connect(lambda names: self._update(events=names))
        for name, field in (("calling", self.calling), ("called", self.called), ("address", self.address)):
            field.edited.connect(lambda text, name=name: self._update(**{name: text.strip()}))
            # Not a part of what cannot be, which was good while it was typed, but what stood there before.
            when_refused(field, partial(self._fall_back, name))
        self.user.edited.connect(lambda text: self._update(user=text.strip()))
        self.sop_class.edited.connect(lambda text: self._update(sop_class=text))
        self.transfer_syntax.edited.connect(lambda text: self._update(transfer_syntax=text))
        self.keys.edited.connect(lambda keys: self._update(keys=keys))
        self.every.valueChanged.connect(lambda value: self._update(every=value))
        self.first.valueChanged.connect(lambda value: self._update(first=value))
        self.probability.valueChanged.connect(lambda value: self._update(probability=round(value / 100, 5)))

    @property
    def match(self) -> Match:
        """The conditions, the last ones that can be."""
        return self._match

    def set_match(self, match: Match) -> None:
        """Show these; emits nothing."""
        self._match = self._settled = match
        self.events.set_events(match.events)
        self.calling.set_text(match.calling)
        self.called.set_text(match.called)
        self.address.set_text(match.address)
        self.user.set_text(match.user)
        self.sop_class.set_text(match.sop_class)
        self.transfer_syntax.set_text(match.transfer_syntax)
        self.keys.set_keys(match.keys)
        for spin, value in ((self.every, match.every), (self.first, match.first)):
            with QSignalBlocker(spin):
                spin.setValue(value)
        with QSignalBlocker(self.probability):
            self.probability.setValue(match.probability * 100)
        nothing = Match()
        self.more.show_content(any(getattr(match, name) != getattr(nothing, name) for name in _SELDOM))

    def _fall_back(self, name: str) -> None:
        self._update(**{name: getattr(self._settled, name)})

    def set_titles(self, titles: Iterable[str]) -> None:
        """Offer these AE titles, of peers that are known, while one is typed."""
        offered = list(dict.fromkeys(titles))
        for field in (self.calling, self.called):
            completer = QCompleter(offered, field.editor)
            completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
            completer.setFilterMode(Qt.MatchFlag.MatchContains)
            field.editor.setCompleter(completer)

    def settle(self) -> None:
        """What stands here now is in force: what is typed wrong from now on falls back to it."""
        self._settled = self._match

    def _update(self, **values: Any) -> None:
        match = replace(self._match, **values)
        if match != self._match:
            self._match = match
            self.edited.emit(match)
