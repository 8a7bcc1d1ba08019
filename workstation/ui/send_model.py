"""The objects to send as a tree: a study, its objects, and what became of each.

Made for thousands of files: they come and change in batches, each batch is one insertion or one change per study,
and text is made when a row is shown. Files that cannot be sent are grouped at the end, with their reasons.
Must not know peers or associations.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QFont, QIcon

from workstation.net.uids import uid_name
from workstation.scu.failure import CANCELLED
from workstation.scu.files import FoundFile
from workstation.scu.send import SendOutcome
from workstation.ui.plain import plain_tooltip
from workstation.ui.query_model import date_text, person_text
from workstation.ui.rates import bytes_text, count_text
from workstation.ui.theme import Theme
from workstation.ui.widgets import Outcome, outcome_icon

Index = QModelIndex | QPersistentModelIndex

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
    number: int
    """Stable, as the internal ID of its rows' indexes; the place changes when others are removed."""
    place: int
    key: str
    title: str
    rows: list[_Row] = field(default_factory=list)
    size: int = 0
    stored: int = 0
    failed: int = 0
    waiting: int = 0

    def count(self, row: _Row, step: int) -> None:
        """Count a row's standing in (1) or out (-1): summing up thousands at each repaint would be felt."""
        if row.outcome is not None:
            self.stored += step * row.outcome.stored
            self.failed += step * (not row.outcome.stored)
        self.waiting += step * row.under_way


class SendModel(QAbstractItemModel):
    """Studies and their objects."""

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._studies: list[_Study] = []
        self._by_key: dict[str, _Study] = {}
        self._by_number: dict[int, _Study] = {}
        self._place_of: dict[Path, tuple[_Study, int]] = {}
        self._last_number = 0
        self._icons: dict[Outcome, QIcon] = {}
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
            self.beginInsertRows(self._study_index(study), first, first + len(members) - 1)
            for offset, file in enumerate(members):
                self._place_of[file.path] = (study, first + offset)
            study.rows.extend(_Row(file) for file in members)
            study.size += sum(file.size for file in members)
            self.endInsertRows()
            self._study_changed(study)
        return len(new)

    def _add_study(self, key: str, file: FoundFile) -> _Study:
        # Unfit files stay last: they are read when something is missing above.
        unfit = self._by_key.get(_UNFIT)
        place = unfit.place if unfit is not None else len(self._studies)
        self._last_number += 1
        study = _Study(self._last_number, place, key, _study_title(key, file))
        self.beginInsertRows(QModelIndex(), place, place)
        self._studies.insert(place, study)
        self._by_key[key] = study
        self._by_number[study.number] = study
        self._renumber()
        self.endInsertRows()
        return study

    def remove(self, indexes: Iterable[Index]) -> None:
        """Take out the files of these rows; a study's row stands for all of its files."""
        chosen: dict[int, set[int]] = {}
        for index in indexes:
            study = self._study_of(index)
            whole = self._is_study(index)
            chosen.setdefault(study.number, set()).update(range(len(study.rows)) if whole else (index.row(),))
        for number, rows in chosen.items():
            study = self._by_number[number]
            if len(rows) == len(study.rows):
                self._remove_study(study)
            else:
                self._remove_rows(study, rows)

    def _remove_rows(self, study: _Study, rows: set[int]) -> None:
        for first, last in _runs(sorted(rows, reverse=True)):
            self.beginRemoveRows(self._study_index(study), first, last)
            for row in study.rows[first : last + 1]:
                del self._place_of[row.file.path]
                study.size -= row.file.size
                study.count(row, -1)
            del study.rows[first : last + 1]
            self.endRemoveRows()
        for place, row in enumerate(study.rows):
            self._place_of[row.file.path] = (study, place)
        self._study_changed(study)

    def _remove_study(self, study: _Study) -> None:
        self.beginRemoveRows(QModelIndex(), study.place, study.place)
        for row in study.rows:
            del self._place_of[row.file.path]
        del self._studies[study.place]
        del self._by_key[study.key]
        del self._by_number[study.number]
        self._renumber()
        self.endRemoveRows()

    def clear(self) -> None:
        """Take out everything."""
        self.beginResetModel()
        self._studies.clear()
        self._by_key.clear()
        self._by_number.clear()
        self._place_of.clear()
        self.endResetModel()

    def begin_sending(self, files: Iterable[FoundFile]) -> None:
        """These files are waiting to be sent: forget what became of them before."""
        self._change((file.path, None, True) for file in files)

    def set_outcomes(self, outcomes: Iterable[SendOutcome]) -> None:
        """Show what became of files."""
        self._change((outcome.file.path, outcome, False) for outcome in outcomes)

    def _change(self, changes: Iterable[tuple[Path, SendOutcome | None, bool]]) -> None:
        spans: dict[int, tuple[int, int]] = {}
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
            first, last = spans.get(study.number, (row, row))
            spans[study.number] = (min(first, row), max(last, row))
        for number, (first, last) in spans.items():
            study = self._by_number[number]
            self.dataChanged.emit(self.createIndex(first, RESULT, number), self.createIndex(last, RESULT, number))
            self._study_changed(study)

    # --- Qt's side

    def _renumber(self) -> None:
        for place, study in enumerate(self._studies):
            study.place = place

    def _study_index(self, study: _Study, column: int = 0) -> QModelIndex:
        return self.createIndex(study.place, column, 0)

    def _study_changed(self, study: _Study) -> None:
        self.dataChanged.emit(self._study_index(study), self._study_index(study, RESULT))

    def _is_study(self, index: Index) -> bool:
        return index.internalId() == 0

    def _study_of(self, index: Index) -> _Study:
        if self._is_study(index):
            return self._studies[index.row()]
        return self._by_number[index.internalId()]

    def index(self, row: int, column: int, parent: Index = QModelIndex()) -> QModelIndex:
        # Not hasIndex(): it would call back here three times, for each row of each layout.
        if row < 0 or not 0 <= column < len(TITLES):
            return QModelIndex()
        if not parent.isValid():
            return self.createIndex(row, column, 0) if row < len(self._studies) else QModelIndex()
        if not self._is_study(parent) or parent.column() != 0:
            return QModelIndex()
        study = self._studies[parent.row()]
        return self.createIndex(row, column, study.number) if row < len(study.rows) else QModelIndex()

    def parent(self, index: Index) -> QModelIndex:  # type: ignore[override]
        if not index.isValid() or self._is_study(index):
            return QModelIndex()
        study = self._by_number.get(index.internalId())
        return self._study_index(study) if study is not None else QModelIndex()

    def rowCount(self, parent: Index = QModelIndex()) -> int:
        if not parent.isValid():
            return len(self._studies)
        return len(self._studies[parent.row()].rows) if self._is_study(parent) and parent.column() == 0 else 0

    def columnCount(self, _parent: Index = QModelIndex()) -> int:
        return len(TITLES)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if orientation is not Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return TITLES[section]
        if role == Qt.ItemDataRole.TextAlignmentRole and section == SIZE:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid():
            return None
        column = index.column()
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter) if column == SIZE else None
        if self._is_study(index):
            return self._study_data(self._studies[index.row()], column, role)
        return self._row_data(self._study_of(index).rows[index.row()], column, role)

    def _study_data(self, study: _Study, column: int, role: int) -> object:
        match role:
            case Qt.ItemDataRole.DisplayRole:
                match column:
                    case 0:
                        return study.title
                    case 1:
                        return count_text(len(study.rows), "file" if study.key == _UNFIT else "object")
                    case 3:
                        return bytes_text(study.size)
                    case 4:
                        return _study_result(study)
            case Qt.ItemDataRole.FontRole if column == OBJECT:
                font = QFont()
                font.setBold(True)
                return font
            case Qt.ItemDataRole.ToolTipRole if column == OBJECT and study.key not in (_UNFIT, _NO_UID):
                return plain_tooltip(f"{study.title}\nStudy Instance UID {study.key}")
        return None

    def _row_data(self, row: _Row, column: int, role: int) -> object:
        file = row.file
        match role:
            case Qt.ItemDataRole.DisplayRole:
                match column:
                    case 0:
                        return object_title(file)
                    case 1:
                        return uid_name(file.sop_class_uid) or file.sop_class_uid
                    case 2:
                        return uid_name(file.transfer_syntax_uid) or file.transfer_syntax_uid
                    case 3:
                        return bytes_text(file.size)
                    case 4:
                        return result_text(row.outcome, file, row.under_way)
            case Qt.ItemDataRole.DecorationRole if column == RESULT:
                outcome = outcome_kind(row.outcome, file, row.under_way)
                return self._icon(outcome) if outcome is not Outcome.IDLE else None
            case Qt.ItemDataRole.ForegroundRole if column == RESULT:
                return outcome_kind(row.outcome, file, row.under_way).colour(self._theme)
            case Qt.ItemDataRole.ToolTipRole:
                return plain_tooltip(_tooltip(row, column))
        return None

    def _icon(self, outcome: Outcome) -> QIcon:
        if outcome not in self._icons:
            self._icons[outcome] = outcome_icon(self._theme, outcome)
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
        return file.path.name
    series = " ".join(part for part in (file.modality, file.series_number) if part)
    image = f"no. {file.instance_number}" if file.instance_number else ""
    return " · ".join(part for part in (series, image, file.path.name) if part)


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
                    str(file.path),
                    file.series_description,
                    f"SOP Instance UID {file.sop_instance_uid}" if file.sop_instance_uid else "",
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
