"""The matches of a query as a table: rows as they arrive, columns as they were asked for, text made when shown.

Also what a match is called in a breadcrumb, and the table as text for the clipboard and for CSV. Sorting is done when
a person asks for it or a query ends, never while rows stream in: nothing jumps under the mouse.
Must not know associations; a match is the identifier that came with a Pending response.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable, Sequence

from pydicom.dataset import Dataset
from pydicom.uid import UID
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from workstation.traffic.text import printable
from workstation.ui.dialogs.query_keys import UNIQUE_KEYS, Level, Root, attribute, keys_above
from workstation.ui.parts.plain import plain_tooltip

Index = QModelIndex | QPersistentModelIndex

NUMBER_VRS = frozenset({"IS", "DS", "US", "UL", "UV", "SS", "SL", "SV", "FL", "FD"})

# Shorter than the dictionary's names, because a column is as wide as its values.
COLUMN_NAMES = {
    "PatientName": "Patient's Name",
    "PatientBirthDate": "Birth Date",
    "PatientSex": "Sex",
    "AccessionNumber": "Accession No.",
    "ModalitiesInStudy": "Modalities",
    "ReferringPhysicianName": "Referring Physician",
    "NumberOfPatientRelatedStudies": "Studies",
    "NumberOfPatientRelatedInstances": "Images",
    "NumberOfStudyRelatedSeries": "Series",
    "NumberOfStudyRelatedInstances": "Images",
    "NumberOfSeriesRelatedInstances": "Images",
    "SeriesNumber": "No.",
    "InstanceNumber": "No.",
    "NumberOfFrames": "Frames",
    "BodyPartExamined": "Body Part",
    "SOPClassUID": "SOP Class",
    "SOPClassesInStudy": "SOP Classes",
}

# Characters of room by kind of value; columns are sized once and keep their width.
_WIDTH_BY_VR = {"PN": 26, "DA": 11, "TM": 9, "CS": 9, "UI": 24, "SH": 14, "LO": 22, "IS": 7, "US": 7, "AE": 14}
_WIDTH_BY_KEYWORD = {"SOPClassUID": 24, "PatientSex": 5, "BodyPartExamined": 12, "StudyID": 10}


def column_name(keyword: str) -> str:
    """A column's title."""
    return COLUMN_NAMES.get(keyword) or attribute(keyword).name


def is_number(keyword: str) -> bool:
    """Whether a column's values are numbers, which stand at its right edge."""
    return attribute(keyword).vr in NUMBER_VRS


def column_characters(keyword: str) -> int:
    """How many characters a column has room for: the values' or the title's."""
    by_kind = _WIDTH_BY_KEYWORD.get(keyword) or _WIDTH_BY_VR.get(attribute(keyword).vr, 16)
    return max(by_kind, len(column_name(keyword)) + 3)


def raw_value(match: Dataset, keyword: str) -> str:
    """A value as DICOM writes it; several separated by backslashes, absent or empty as an empty text."""
    try:
        value = match.get(keyword)
    except Exception:
        # A damaged value from a peer, which pydicom answers with almost any exception: nothing here, whole in the
        # traffic.
        return ""
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "\\".join("" if each is None else str(each) for each in value)
    return str(value)


def shown_value(match: Dataset, keyword: str) -> str:
    """A value for reading: dates with hyphens, names without carets, SOP classes by name."""
    text = printable(raw_value(match, keyword))
    match attribute(keyword).vr:
        case "PN":
            return person_text(text)
        case "DA":
            return ", ".join(date_text(part) for part in text.split("\\"))
        case "TM":
            return ", ".join(clock_text(part) for part in text.split("\\"))
        case "UI":
            return ", ".join(UID(part).name if part else "" for part in text.split("\\"))
        case _:
            return text.replace("\\", ", ")


def person_text(name: str) -> str:
    """A person's name for reading: Yamada Tarou (山田 太郎)."""
    groups = [" ".join(part for part in group.split("^") if part) for group in name.split("=")]
    shown = [isolated(group) for group in groups if group]
    if len(shown) < 2:
        return "".join(shown)
    return f"{shown[0]} ({', '.join(shown[1:])})"


def isolated(text: str) -> str:
    """Text written from right to left, kept from turning round what stands beside it (Unicode's isolates)."""
    if any(unicodedata.bidirectional(character) in ("R", "AL") for character in text):
        return f"\u2068{text}\u2069"
    return text


def date_text(value: str) -> str:
    """20260131 as 2026-01-31; anything else as it is."""
    return f"{value[:4]}-{value[4:6]}-{value[6:]}" if len(value) == 8 and value.isdigit() else value


def clock_text(value: str) -> str:
    """143005.123 as 14:30:05; anything else as it is."""
    digits = value.split(".")[0]
    if len(digits) in (2, 4, 6) and digits.isdigit():
        return ":".join(digits[start : start + 2] for start in range(0, len(digits), 2))
    return value


def match_title(level: Level, match: Dataset) -> str:
    """What a match is called in the breadcrumb."""
    match level:
        case Level.PATIENT:
            parts = [shown_value(match, "PatientName"), raw_value(match, "PatientID")]
        case Level.STUDY:
            parts = [
                shown_value(match, "PatientName"),
                shown_value(match, "StudyDate"),
                raw_value(match, "StudyDescription") or shown_value(match, "ModalitiesInStudy"),
            ]
        case Level.SERIES:
            number = raw_value(match, "SeriesNumber")
            parts = [
                f"{raw_value(match, 'Modality')} {number}".strip(),
                raw_value(match, "SeriesDescription"),
            ]
        case Level.IMAGE:
            parts = [f"image {raw_value(match, 'InstanceNumber')}".strip()]
    title = " · ".join(part for part in parts if part)
    return title or raw_value(match, UNIQUE_KEYS[level]) or "without a name"


def unique_keys(root: Root, level: Level, match: Dataset, above: dict[str, str]) -> dict[str, str]:
    """The unique keys that name a match: those of the levels above and its own.

    A server may leave the keys above out of its answer; those that were asked with stand in.
    """
    wanted = (*keys_above(root, level), UNIQUE_KEYS[level])
    return {keyword: raw_value(match, keyword) or above.get(keyword, "") for keyword in wanted}


class MatchesModel(QAbstractTableModel):
    """The matches of one query."""

    def __init__(self, columns: Sequence[str] = (), parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._columns = list(columns)
        self._matches: list[Dataset] = []
        self._sorted: tuple[int, Qt.SortOrder] | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The keywords of the columns."""
        return tuple(self._columns)

    @property
    def matches(self) -> tuple[Dataset, ...]:
        """The matches in the order shown."""
        return tuple(self._matches)

    def match_at(self, row: int) -> Dataset:
        """The match in a row."""
        return self._matches[row]

    def append(self, matches: Iterable[Dataset]) -> None:
        """Add what came, at the end, in one insertion."""
        new = list(matches)
        if new:
            first = len(self._matches)
            self.beginInsertRows(QModelIndex(), first, first + len(new) - 1)
            self._matches.extend(new)
            self.endInsertRows()

    def finish(self) -> None:
        """The query has ended: put the late rows where the chosen order wants them."""
        if self._sorted is not None:
            self.sort(*self._sorted)

    def rowCount(self, parent: Index = QModelIndex()) -> int:
        return 0 if parent.isValid() else len(self._matches)

    def columnCount(self, parent: Index = QModelIndex()) -> int:
        return 0 if parent.isValid() else len(self._columns)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid():
            return None
        keyword = self._columns[index.column()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return shown_value(self._matches[index.row()], keyword)
            case Qt.ItemDataRole.ToolTipRole:
                return plain_tooltip(printable(raw_value(self._matches[index.row()], keyword), 2048))
            case Qt.ItemDataRole.TextAlignmentRole if is_number(keyword):
                return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if orientation is Qt.Orientation.Vertical:
            return section + 1 if role == Qt.ItemDataRole.DisplayRole else None
        keyword = self._columns[section]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return column_name(keyword)
            case Qt.ItemDataRole.ToolTipRole:
                entry = attribute(keyword)
                return f"{entry.name} {entry.tag}"
            case Qt.ItemDataRole.TextAlignmentRole if is_number(keyword):
                return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        if not 0 <= column < len(self._columns):
            self._sorted = None
            return
        self._sorted = (column, order)
        keyword = self._columns[column]
        keys = [_sort_key(keyword, match) for match in self._matches]
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        sequence = sorted(range(len(keys)), key=keys.__getitem__, reverse=order == Qt.SortOrder.DescendingOrder)
        self._matches = [self._matches[row] for row in sequence]
        if before:
            # The selection stays on its matches.
            place = {old: new for new, old in enumerate(sequence)}
            after = [self.index(place[index.row()], index.column()) for index in before]
            self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()

    def as_csv(self, rows: Iterable[int] | None = None) -> str:
        """The table with DICOM's own values, keywords as titles."""
        return self._delimited(",", rows)

    def as_text(self, rows: Iterable[int] | None = None) -> str:
        """The table for pasting into a spreadsheet or a mail."""
        return self._delimited("\t", rows)

    def _delimited(self, delimiter: str, rows: Iterable[int] | None) -> str:
        target = io.StringIO()
        writer = csv.writer(target, delimiter=delimiter, lineterminator="\r\n" if delimiter == "," else "\n")
        writer.writerow(self._columns)
        for row in range(len(self._matches)) if rows is None else rows:
            writer.writerow([_cell(raw_value(self._matches[row], keyword)) for keyword in self._columns])
        return target.getvalue()


def _cell(value: str) -> str:
    # A spreadsheet runs a cell that begins like a formula; what peers send must not become one.
    if value[:1] in ("=", "+", "-", "@", "\t", "\r") and not _is_number(value):
        return f"'{value}"
    return value


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


def _sort_key(keyword: str, match: Dataset) -> tuple[int, float, str]:
    text = raw_value(match, keyword)
    if is_number(keyword) and _is_number(text):
        return (0, float(text), "")
    return (1, 0.0, text.casefold()) if text else (2, 0.0, "")
