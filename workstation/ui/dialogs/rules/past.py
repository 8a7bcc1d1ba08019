"""What a panel to try rules lists: past requests, and what each rule says of one. Texts of peers are made printable."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from workstation.net.uids import uid_name
from workstation.scp.rules.book import Verdict
from workstation.scp.rules.occasion import Occasion
from workstation.scp.rules.rule import EVENT_WORDS, Match, Rule
from workstation.scp.rules.words import action_words, match_words
from workstation.traffic.text import printable
from workstation.ui.dialogs.rules.cards import CARD_ROLE, Card
from workstation.ui.parts.plain import plain_tooltip
from workstation.ui.parts.row_model import LEFT, RowModel, Shown
from workstation.ui.parts.widgets import Outcome
from workstation.ui.theme import Theme

Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class Past:
    """A request that was decided, and by which rule; "" for none."""

    occasion: Occasion
    rule: str


class PastModel(RowModel):
    """Past requests, the newest first."""

    titles = ("Time", "From", "Request", "Answered by")
    alignments = (LEFT, LEFT, LEFT, LEFT)

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(theme, parent)
        self._all: tuple[Past, ...] = ()
        self._rows: list[Past] = []
        self._text = ""

    @property
    def count(self) -> int:
        """How many there are, also those that are not shown."""
        return len(self._all)

    def past(self, row: int) -> Past:
        """One of those that are shown."""
        return self._rows[row]

    def row_of(self, number: int) -> int:
        """Where the occasion of this number is shown; -1 if it is not."""
        return next((row for row, past in enumerate(self._rows) if past.occasion.number == number), -1)

    def set_past(self, past: Iterable[Past]) -> None:
        """Show these."""
        self._all = tuple(past)
        self._filter()

    def set_text(self, text: str) -> None:
        """Show only those that have this text in a column."""
        self._text = text.strip().casefold()
        self._filter()

    def _filter(self) -> None:
        self.beginResetModel()
        if self._text:
            self._rows = [each for each in self._all if any(self._text in t.casefold() for t in _texts(each))]
        else:
            self._rows = list(self._all)
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def shown(self, row: int) -> Shown:
        past = self._rows[row]
        return Shown(_texts(past), ("dimmed", "", "", "" if past.rule else "dimmed"))

    def tip(self, row: int, column: int) -> str:
        return "\n".join(_details(self._rows[row].occasion))


def _texts(past: Past) -> tuple[str, str, str, str]:
    occasion = past.occasion
    moment = datetime.fromtimestamp(occasion.time)
    return (
        f"{moment:%H:%M:%S}",
        printable(occasion.calling or occasion.address, 40),
        _request(occasion),
        printable(past.rule, 80) or "no rule",
    )


def _request(occasion: Occasion) -> str:
    if occasion.summary:
        return printable(occasion.summary, 200)
    words = EVENT_WORDS.get(occasion.event, occasion.event)
    sop_class = uid_name(occasion.sop_class) or printable(occasion.sop_class, 64)
    return f"{words}, {sop_class}" if sop_class else words


def _details(occasion: Occasion) -> list[str]:
    moment = datetime.fromtimestamp(occasion.time)
    values = (
        ("Time", f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d}"),
        ("Association", f"#{occasion.association}" if occasion.association else ""),
        ("Calling", occasion.calling),
        ("Called", occasion.called),
        ("Address", occasion.address),
        ("User", occasion.user),
        ("SOP class", uid_name(occasion.sop_class) or occasion.sop_class),
        ("Transfer syntax", uid_name(occasion.transfer_syntax) or occasion.transfer_syntax),
        ("SOP instance", occasion.sop_instance),
    )
    return [_request(occasion), *(f"{name}: {printable(value, 200)}" for name, value in values if value)]


class VerdictModel(QAbstractListModel):
    """What each rule says of one occasion."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.verdicts: Sequence[Verdict] = ()

    def set_verdicts(self, verdicts: Sequence[Verdict]) -> None:
        """Show these."""
        self.beginResetModel()
        self.verdicts = verdicts
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:
        return 0 if parent.isValid() else len(self.verdicts)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        verdict = self.verdicts[index.row()]
        name, said, does = printable(verdict.rule.name), printable(verdict.sentence, 400), action_words(verdict.rule)
        if role == CARD_ROLE:
            return Card(
                title=name,
                lines=((said, "dimmed"), *([(f"→ {does}", "")] if verdict.applies else [])),
                is_dimmed=not verdict.applies,
                sign=Outcome.SUCCESS if verdict.applies else Outcome.CANCELLED,
            )
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return name
            case Qt.ItemDataRole.AccessibleTextRole:
                return f"{name}: {said} {does if verdict.applies else ''}".strip()
            case Qt.ItemDataRole.ToolTipRole:
                return plain_tooltip("\n".join((name, said, match_words(verdict.rule), f"→ {does}")))
        return None


def rule_like(occasion: Occasion) -> Rule:
    """A rule that applies to requests like this one, as yet answered as built in."""
    words = EVENT_WORDS.get(occasion.event, occasion.event)
    calling = printable(occasion.calling.strip(), 16)
    return Rule(
        name=f"{words} from {calling}" if calling else words,
        match=Match(
            events=(occasion.event,),
            calling=occasion.calling.strip(),
            sop_class=uid_name(occasion.sop_class) or occasion.sop_class,
        ),
    )
