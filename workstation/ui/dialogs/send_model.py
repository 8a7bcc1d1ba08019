"""The objects to send as rows: a study, its objects below it when it is open, and what became of each.

Made for thousands of files: they come and change in batches, each batch is one insertion or one change per study,
and text is made when a row is shown. Files that cannot be sent are grouped at the end, with their reasons.
Must not know peers or associations.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PySide6.QtCore import QModelIndex, QObject, QSize, Signal
from PySide6.QtGui import QPixmap

from workstation.net.uids import uid_name
from workstation.scu.failure import CANCELLED
from workstation.scu.files import FoundFile
from workstation.scu.send import SendOutcome
from workstation.traffic.text import printable
from workstation.ui.dialogs.query_model import date_text, person_text
from workstation.ui.parts.rates import bytes_text, count_text
from workstation.ui.parts.row_model import LEFT, RIGHT, Index, RowModel, Shown
from workstation.ui.parts.undisturbed import undisturbed
from workstation.ui.parts.widgets import Outcome, outcome_icon
from workstation.ui.theme import Theme

OBJECT, SOP_CLASS, SYNTAX, SIZE, RESULT = range(5)

TITLES = ("Object", "SOP Class", "Transfer Syntax", "Size", "Result")

_UNFIT = ""
"""The key of the group of files that cannot be sent; no study has an empty UID with this prefix."""

_NO_UID = " "


@dataclass(slots=True)
class _Row:
    file: FoundFile
    outcome: SendOutcome | None = None
    under_way: bool = False


@dataclass(slots=True)
class _Study:
    place: int
    """Among the studies."""
    line: int
    """Where its own row stands; those of its objects follow when it is open."""
    key: str
    title: str
    rows: list[_Row] = field(default_factory=list)
    is_open: bool = False
    size: int = 0
    stored: int = 0
    failed: int = 0
    waiting: int = 0

    @property
    def lines(self) -> int:
        """How many lines it takes."""
        return 1 + (len(self.rows) if self.is_open else 0)

    def count(self, row: _Row, step: int) -> None:
        """Count a row's standing in (1) or out (-1): summing up thousands at each repaint would be felt."""
        if row.outcome is not None:
            self.stored += step * row.outcome.stored
            self.failed += step * (not row.outcome.stored)
        self.waiting += step * row.under_way


class SendModel(RowModel):
    """Studies and their objects, in one flat list of lines."""

    titles = TITLES
    alignments = (LEFT, LEFT, LEFT, RIGHT, LEFT)
    branch_column = OBJECT
    icon_column = RESULT

    changed = Signal()
    """Files came or went; once for each batch."""

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(theme, parent)
        self._studies: list[_Study] = []
        self._heads: list[int] = []
        self._by_key: dict[str, _Study] = {}
        self._place_of: dict[Path, tuple[_Study, int]] = {}
        self._icons: dict[Outcome, QPixmap] = {}
        theme.changed.connect(self._icons.clear)

    # --- what is in it

    @property
    def files(self) -> list[FoundFile]:
        """The files that can be sent, in the order shown."""
        return [row.file for study in self._studies if study.key != _UNFIT for row in study.rows]

    @property
    def unfit(self) -> int:
        """How many cannot be sent."""
        study = self._by_key.get(_UNFIT)
        return len(study.rows) if study is not None else 0

    @property
    def count(self) -> int:
        """How many can be sent."""
        return len(self._place_of) - self.unfit

    @property
    def size(self) -> int:
        """Bytes of those that can be sent."""
        return sum(study.size for study in self._studies if study.key != _UNFIT)

    def kinds(self) -> list[FoundFile]:
        """One file of each SOP class and transfer syntax: what is proposed depends on nothing else."""
        kinds = {(row.sop_class_uid, row.transfer_syntax_uid): row for row in reversed(self.files)}
        return list(reversed(kinds.values()))

    def failed(self) -> list[FoundFile]:
        """The files that were tried and not stored, or not reached."""
        return [
            row.file
            for study in self._studies
            for row in study.rows
            if row.outcome is not None and not row.outcome.stored and row.file.sendable
        ]

    def outcome_of(self, path: Path) -> SendOutcome | None:
        """What became of a file, if it was tried."""
        place = self._place_of.get(path)
        return place[0].rows[place[1]].outcome if place is not None else None

    # --- changes

    def add(self, files: Iterable[FoundFile]) -> int:
        """Add files, each path once; returns how many were new."""
        groups: dict[str, list[FoundFile]] = {}
        new: set[Path] = set()
        for file in files:
            if file.path not in self._place_of and file.path not in new:
                new.add(file.path)
                key = (file.study_instance_uid or _NO_UID) if file.sendable else _UNFIT
                groups.setdefault(key, []).append(file)
        for key, members in groups.items():
            study = self._by_key.get(key) or self._add_study(key, members[0])
            first = len(study.rows)
            if study.is_open:
                line = study.line + 1 + first
                self.beginInsertRows(QModelIndex(), line, line + len(members) - 1)
            for offset, file in enumerate(members):
                self._place_of[file.path] = (study, first + offset)
            study.rows.extend(_Row(file) for file in members)
            study.size += sum(file.size for file in members)
            if study.is_open:
                self._renumber(study.place)
                self.endInsertRows()
            self._rows_changed(study.line, study.line)
        if groups:
            self.changed.emit()
        return len(new)

    def _add_study(self, key: str, file: FoundFile) -> _Study:
        # Unfit files stay last: they are read when something is missing above.
        unfit = self._by_key.get(_UNFIT)
        place = unfit.place if unfit is not None else len(self._studies)
        line = unfit.line if unfit is not None else self.rowCount()
        study = _Study(place, line, key, _study_title(key, file))
        self.beginInsertRows(QModelIndex(), line, line)
        self._studies.insert(place, study)
        self._by_key[key] = study
        self._renumber(place)
        self.endInsertRows()
        return study

    def remove(self, indexes: Iterable[Index]) -> None:
        """Take out the files of these rows; a study's row stands for all of its files."""
        chosen: dict[str, set[int]] = {}
        for index in indexes:
            study, row = self._at(index.row())
            chosen.setdefault(study.key, set()).update(range(len(study.rows)) if row < 0 else (row,))
        for key, rows in chosen.items():
            study = self._by_key[key]
            if len(rows) == len(study.rows):
                self._remove_study(study)
            else:
                self._remove_rows(study, rows)
        if chosen:
            self.changed.emit()

    def _remove_rows(self, study: _Study, rows: set[int]) -> None:
        for first, last in _runs(sorted(rows, reverse=True)):
            self.beginRemoveRows(QModelIndex(), study.line + 1 + first, study.line + 1 + last)
            for row in study.rows[first : last + 1]:
                del self._place_of[row.file.path]
                study.size -= row.file.size
                study.count(row, -1)
            del study.rows[first : last + 1]
            self._renumber(study.place)
            self.endRemoveRows()
        for place, row in enumerate(study.rows):
            self._place_of[row.file.path] = (study, place)
        self._rows_changed(study.line, study.line)

    def _remove_study(self, study: _Study) -> None:
        self.beginRemoveRows(QModelIndex(), study.line, study.line + study.lines - 1)
        for row in study.rows:
            del self._place_of[row.file.path]
        del self._studies[study.place]
        del self._by_key[study.key]
        self._renumber(study.place)
        self.endRemoveRows()

    def clear(self) -> None:
        """Take out everything."""
        self.beginResetModel()
        self._studies.clear()
        self._heads.clear()
        self._by_key.clear()
        self._place_of.clear()
        self.endResetModel()
        self.changed.emit()

    def open_row(self, row: int, is_open: bool) -> None:
        study, _ = self._at(row)
        if study.is_open == is_open:
            return
        first, last = study.line + 1, study.line + len(study.rows)
        if is_open:
            self.beginInsertRows(QModelIndex(), first, last)
        else:
            self.beginRemoveRows(QModelIndex(), first, last)
        study.is_open = is_open
        self._renumber(study.place)
        if is_open:
            self.endInsertRows()
        else:
            self.endRemoveRows()
        self._rows_changed(study.line, study.line)

    def begin_sending(self, files: Iterable[FoundFile]) -> None:
        """These files are waiting to be sent: forget what became of them before."""
        self._change((file.path, None, True) for file in files)

    def set_outcomes(self, outcomes: Iterable[SendOutcome]) -> None:
        """Show what became of files."""
        self._change((outcome.file.path, outcome, False) for outcome in outcomes)

    def _change(self, changes: Iterable[tuple[Path, SendOutcome | None, bool]]) -> None:
        spans: dict[str, tuple[int, int]] = {}
        for path, outcome, under_way in changes:
            place = self._place_of.get(path)
            if place is None:
                # Removed from the list while it was being sent.
                continue
            study, row = place
            changed = study.rows[row]
            study.count(changed, -1)
            changed.outcome, changed.under_way = outcome, under_way
            study.count(changed, 1)
            first, last = spans.get(study.key, (row, row))
            spans[study.key] = (min(first, row), max(last, row))
        for key, (first, last) in spans.items():
            study = self._by_key[key]
            self._rows_changed(study.line, study.line)
            if study.is_open:
                self._rows_changed(study.line + 1 + first, study.line + 1 + last)

    # --- lines

    def _renumber(self, first: int) -> None:
        """Count the lines of the studies anew, from one on."""
        studies = self._studies
        line = studies[first - 1].line + studies[first - 1].lines if first else 0
        del self._heads[first:]
        for place in range(first, len(studies)):
            study = studies[place]
            study.place, study.line = place, line
            self._heads.append(line)
            line += study.lines

    def _at(self, line: int) -> tuple[_Study, int]:
        """The study in or above a line, and which of its objects it is; -1 for the study itself."""
        study = self._studies[bisect_right(self._heads, line) - 1]
        return study, line - study.line - 1

    def _rows_changed(self, first: int, last: int) -> None:
        undisturbed.emit(self.dataChanged, self.index(first, 0), self.index(last, RESULT))

    def rowCount(self, parent: Index = QModelIndex()) -> int:
        if parent.isValid() or not self._studies:
            return 0
        return self._studies[-1].line + self._studies[-1].lines

    def head_of(self, row: int) -> int:
        return self._at(row)[0].line

    def shown(self, row: int) -> Shown:
        study, place = self._at(row)
        if place < 0:
            noun = "file" if study.key == _UNFIT else "object"
            size = bytes_text(study.size)
            texts = (study.title, count_text(len(study.rows), noun), "", size, _study_result(study))
            return Shown(texts, is_open=study.is_open, is_bold=True)
        one = study.rows[place]
        file = one.file
        texts = (
            object_title(file),
            uid_name(file.sop_class_uid) or file.sop_class_uid,
            uid_name(file.transfer_syntax_uid) or file.transfer_syntax_uid,
            bytes_text(file.size),
            result_text(one.outcome, file, one.under_way),
        )
        kind = outcome_kind(one.outcome, file, one.under_way)
        icon = self._icon(kind) if kind is not Outcome.IDLE else None
        return Shown(texts, ("", "", "", "", kind.colour_name), depth=1, icon=icon)

    def tip(self, row: int, column: int) -> str:
        study, place = self._at(row)
        if place >= 0:
            return _tooltip(study.rows[place], column)
        if column == OBJECT and study.key not in (_UNFIT, _NO_UID):
            return f"{study.title}\nStudy Instance UID {study.key}"
        return ""

    def _icon(self, outcome: Outcome) -> QPixmap:
        if outcome not in self._icons:
            self._icons[outcome] = outcome_icon(self._theme, outcome).pixmap(QSize(16, 16), 2.0)
        return self._icons[outcome]


def _runs(descending: Sequence[int]) -> list[tuple[int, int]]:
    """Neighbouring rows as (first, last), from the end, so that removing one leaves the others in place."""
    runs: list[tuple[int, int]] = []
    for row in descending:
        if runs and row == runs[-1][0] - 1:
            runs[-1] = (row, runs[-1][1])
        else:
            runs.append((row, row))
    return runs


def _study_title(key: str, file: FoundFile) -> str:
    if key == _UNFIT:
        return "Cannot be sent"
    parts = (person_text(file.patient_name) or file.patient_id, date_text(file.study_date), file.study_description)
    return " · ".join(part for part in parts if part) or "Without patient and study"


def object_title(file: FoundFile) -> str:
    """What one object is called: its series, its number, its file."""
    if not file.sendable:
        return printable(file.path.name)
    series = " ".join(part for part in (file.modality, file.series_number) if part)
    image = f"no. {file.instance_number}" if file.instance_number else ""
    return " · ".join(part for part in (series, image, printable(file.path.name)) if part)


def outcome_kind(outcome: SendOutcome | None, file: FoundFile, under_way: bool) -> Outcome:
    """How a file stands."""
    if not file.sendable:
        return Outcome.WARNING
    if outcome is None:
        return Outcome.RUNNING if under_way else Outcome.IDLE
    if outcome.failure is not None:
        return Outcome.CANCELLED if outcome.failure == CANCELLED else Outcome.FAILURE
    return Outcome.WARNING if outcome.warning else Outcome.SUCCESS


def result_text(outcome: SendOutcome | None, file: FoundFile, under_way: bool) -> str:
    """What became of a file, in a few words; the tooltip has the rest."""
    if file.problem is not None:
        return file.problem.what
    if outcome is None:
        return "waiting" if under_way else ""
    if outcome.failure is not None:
        return "cancelled" if outcome.failure == CANCELLED else outcome.failure.what
    text = outcome.warning or "stored"
    return f"{text}, converted" if outcome.converted else text


def _tooltip(row: _Row, column: int) -> str:
    file, outcome = row.file, row.outcome
    match column:
        case 0:
            return "\n".join(
                part
                for part in (
                    printable(str(file.path), 1024),
                    file.series_description,
                    f"SOP Instance UID {printable(file.sop_instance_uid)}" if file.sop_instance_uid else "",
                )
                if part
            )
        case 1:
            return file.sop_class_uid
        case 2:
            return file.transfer_syntax_uid
        case 3:
            return f"{file.size:,} bytes"
        case _:
            if not file.sendable:
                return file.sentence
            if outcome is None:
                return ""
            return outcome.failure.sentence if outcome.failure is not None else outcome.warning


def _study_result(study: _Study) -> str:
    if not study.stored and not study.failed:
        return "waiting" if study.waiting else ""
    words = f"{study.stored:,} of {len(study.rows):,} stored"
    return f"{words}, {study.failed:,} not" if study.failed else words
