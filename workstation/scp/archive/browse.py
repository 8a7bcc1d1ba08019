"""The archive as a person looks through it: patients, their studies, series and objects, page by page, and a search.

Each page costs a fixed number of statements, however long it is. What it gives are texts as they were stored; whoever
shows them makes them harmless. Knows the tables; no network and no window.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, FromClause, Select, and_, func, or_, select

from workstation.scp.archive.archive import Archive, StoredObject
from workstation.scp.archive.schema import INSTANCE, PATIENT, SERIES, STUDY, TABLES
from workstation.scp.archive.search import MOST_PARAMETERS
from workstation.scp.archive.tree import NAMES, NO_PATIENT, Key, below
from workstation.scp.query.levels import Level

MOST_WORDS = 8
LONGEST_WORD = 64

SHOWN: dict[Level, tuple[str, ...]] = {
    Level.PATIENT: ("PatientName", "PatientID", "PatientBirthDate", "PatientSex"),
    Level.STUDY: ("StudyDate", "StudyTime", "StudyDescription", "AccessionNumber", "StudyID"),
    Level.SERIES: ("Modality", "SeriesNumber", "SeriesDescription", "BodyPartExamined", "SeriesDate", "SeriesTime"),
    Level.IMAGE: ("InstanceNumber", "SOPClassUID", "Rows", "Columns", "NumberOfFrames", "ContentDate", "ContentTime"),
}
"""What a row's `texts` have, by keyword."""

_BELOW = {Level.PATIENT: Level.STUDY, Level.STUDY: Level.SERIES, Level.SERIES: Level.IMAGE}


class Order(Enum):
    """How patients are ordered. What is below them has an order of its own: studies by date, the others by number."""

    NEWEST = "newest study first"
    NAME = "by name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A patient, study, series or object.

    Attributes:
        key: To ask what is below it, or to do something with it.
        texts: By keyword, those of `SHOWN`.
        modalities: Of its series.
        studies, series, objects: How many are below it; 1 for itself.
        bytes: Of all data sets below it.
        received: When the last object below it came, epoch seconds.
        transfer_syntax_uid, file: Of an object; the file is below the archive's folder.
    """

    key: Key
    texts: Mapping[str, str] = field(default_factory=dict)
    modalities: tuple[str, ...] = ()
    studies: int = 1
    series: int = 1
    objects: int = 1
    bytes: int = 0
    received: float = 0.0
    transfer_syntax_uid: str = ""
    file: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of those that there are.

    Attributes:
        rows: Those asked for.
        total: How many there are in all.
    """

    rows: tuple[Row, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Totals:
    """How much something is."""

    objects: int
    bytes: int


class Browser:
    """Looks through an archive. From any thread; each method may raise SQLAlchemyError.

    Args:
        archive: Which.
    """

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def page(
        self,
        parent: Key | None = None,
        words: str = "",
        *,
        order: Order = Order.NEWEST,
        offset: int = 0,
        limit: int = 200,
    ) -> Page:
        """What is below a row, or the patients.

        Args:
            parent: Of whom; None for all patients. After them comes `NO_PATIENT` if there are such objects.
            words: All have to be found in the row, above it or below it: name, ID, birth date, accession number,
                description, modality, body part, date or UID. Case does not count.
            order: Of patients.
            offset, limit: Which of them.
        """
        level = Level.PATIENT if parent is None else _BELOW[parent.level]
        table = TABLES[level]
        conditions = _conditions(parent, level, split_words(words))
        with self._archive.index.reading() as connection:
            total = connection.execute(select(func.count()).select_from(table).where(*conditions)).scalar_one()
            columns = [table.c.id, NAMES[level], *(table.c[keyword] for keyword in SHOWN[level])]
            if level is Level.IMAGE:
                columns += [table.c.size, table.c.received, table.c.transfer_syntax, table.c.file]
            found = connection.execute(
                select(*columns).where(*conditions).order_by(*_order(level, order)).offset(offset).limit(limit)
            ).all()
            if level is Level.IMAGE:
                return Page(tuple(map(_object_row, found)), total)
            ids = [row[0] for row in found]
            sums, modalities = _sums(connection, level, ids), _modalities(connection, level, ids)
            rows = [_row(level, row, sums, modalities) for row in found]
            if parent is None and not words.strip():
                others = _others(connection)
                if others is not None:
                    total += 1
                    if len(rows) < limit:
                        rows.append(others)
        return Page(tuple(rows), total)

    def totals(self, keys: Iterable[Key] | None = None) -> Totals:
        """How many objects are below some rows, which must not be below one another; or of the whole archive."""
        sums: Select[Any] = select(func.count(), func.coalesce(func.sum(INSTANCE.c.size), 0))
        with self._archive.index.reading() as connection:
            statements = [sums.select_from(INSTANCE)] if keys is None else [below(sums, key) for key in keys]
            found = [connection.execute(statement).one() for statement in statements]
        return Totals(sum(int(row[0]) for row in found), sum(int(row[1]) for row in found))

    def objects(self, keys: Iterable[Key]) -> list[StoredObject]:
        """The objects below some rows, each once, in order of their series' and their own numbers."""
        found: dict[str, StoredObject] = {}
        with self._archive.index.reading() as connection:
            for key in keys:
                statement = below(select(*_OBJECT), key).order_by(INSTANCE.c.series_id, *_numbered("InstanceNumber"))
                for row in connection.execute(statement):
                    found[row.file] = self._stored(row)
        return list(found.values())

    def places(self, objects: Iterable[StoredObject]) -> dict[str, tuple[str, str]]:
        """By SOP Instance UID the Study and Series Instance UID; nothing of those that belong to no patient."""
        uids = [one.sop_instance_uid for one in objects]
        joined = INSTANCE.join(SERIES, INSTANCE.c.series_id == SERIES.c.id).join(STUDY, SERIES.c.study_id == STUDY.c.id)
        columns = (INSTANCE.c.SOPInstanceUID, STUDY.c.StudyInstanceUID, SERIES.c.SeriesInstanceUID)
        found: dict[str, tuple[str, str]] = {}
        with self._archive.index.reading() as connection:
            for start in range(0, len(uids), MOST_PARAMETERS):
                wanted = columns[0].in_(uids[start : start + MOST_PARAMETERS])
                for instance, study, series in connection.execute(select(*columns).select_from(joined).where(wanted)):
                    found[instance] = (study, series)
        return found

    def example(self, key: Key) -> Path | None:
        """The file that stands for a row: the object itself, or an image from the middle; None if it is gone."""
        statement = below(select(*_OBJECT), key)
        with self._archive.index.reading() as connection:
            if key.level is Level.SERIES:
                count = connection.execute(below(select(func.count()), key)).scalar_one()
                statement = statement.order_by(*_numbered("InstanceNumber")).offset(count // 2)
            elif key.level is not Level.IMAGE:
                # One with a picture, if there is any.
                statement = statement.order_by(INSTANCE.c.Rows == "", INSTANCE.c.series_id, INSTANCE.c.id)
            row = connection.execute(statement.limit(1)).first()
        return None if row is None else self._archive.folder / row.file

    def _stored(self, row: Any) -> StoredObject:
        return StoredObject(self._archive.folder / row.file, row.SOPClassUID, row.SOPInstanceUID, row.transfer_syntax)


_OBJECT = (INSTANCE.c.file, INSTANCE.c.SOPClassUID, INSTANCE.c.SOPInstanceUID, INSTANCE.c.transfer_syntax)


# --------------------------------------------------------------------------- order and counts
def _numbered(keyword: str) -> tuple[ColumnElement[Any], ...]:
    """Numbers that are texts in their order, whatever else somebody wrote there: shorter is less."""
    table = SERIES if keyword == "SeriesNumber" else INSTANCE
    return func.length(table.c[keyword]), table.c[keyword], table.c.id


def _order(level: Level, order: Order) -> tuple[ColumnElement[Any], ...]:
    match level:
        case Level.PATIENT if order is Order.NAME:
            return PATIENT.c.folded_name, PATIENT.c.id
        case Level.PATIENT:
            newest = select(func.max(STUDY.c.id)).where(STUDY.c.patient_id == PATIENT.c.id).scalar_subquery()
            return newest.desc(), PATIENT.c.id.desc()
        case Level.STUDY:
            return STUDY.c.StudyDate.desc(), STUDY.c.StudyTime.desc(), STUDY.c.id.desc()
        case Level.SERIES:
            return _numbered("SeriesNumber")
        case Level.IMAGE:
            return _numbered("InstanceNumber")


_WITH_SERIES = {
    Level.PATIENT: PATIENT.join(STUDY, STUDY.c.patient_id == PATIENT.c.id).join(
        SERIES, SERIES.c.study_id == STUDY.c.id
    ),
    Level.STUDY: STUDY.join(SERIES, SERIES.c.study_id == STUDY.c.id),
    Level.SERIES: SERIES,
}


def _sums(connection: Connection, level: Level, ids: Sequence[int]) -> dict[int, Any]:
    """By id: how many studies, series and objects are below, their bytes, and when the last came."""
    table = TABLES[level]
    studies = func.count(STUDY.c.id.distinct()) if level is Level.PATIENT else func.min(1)
    statement = (
        select(
            table.c.id,
            studies,
            func.count(SERIES.c.id.distinct()),
            func.count(),
            func.sum(INSTANCE.c.size),
            func.max(INSTANCE.c.received),
        )
        .select_from(_WITH_SERIES[level].join(INSTANCE, INSTANCE.c.series_id == SERIES.c.id))
        .where(table.c.id.in_(ids))
        .group_by(table.c.id)
    )
    return {row[0]: row for row in connection.execute(statement)} if ids else {}


def _modalities(connection: Connection, level: Level, ids: Sequence[int]) -> dict[int, set[str]]:
    table = TABLES[level]
    statement = select(table.c.id, SERIES.c.Modality).select_from(_WITH_SERIES[level]).where(table.c.id.in_(ids))
    found: dict[int, set[str]] = {}
    if ids:
        for key, modality in connection.execute(statement.distinct()):
            found.setdefault(key, set()).add(modality)
    return found


def _row(level: Level, row: Any, sums: Mapping[int, Any], modalities: Mapping[int, set[str]]) -> Row:
    _, studies, series, objects, size, received = sums.get(row[0], (0, 0, 0, 0, 0, 0.0))
    return Row(
        key=Key(level, row[0], row[1]),
        texts=dict(zip(SHOWN[level], row[2:], strict=True)),
        modalities=tuple(sorted(modalities.get(row[0], set()) - {""})),
        studies=studies,
        series=series,
        objects=objects,
        bytes=int(size),
        received=received,
    )


def _object_row(row: Any) -> Row:
    return Row(
        key=Key(Level.IMAGE, row[0], row[1]),
        texts=dict(zip(SHOWN[Level.IMAGE], row[2:-4], strict=True)),
        bytes=row.size,
        received=row.received,
        transfer_syntax_uid=row.transfer_syntax,
        file=row.file,
    )


def _others(connection: Connection) -> Row | None:
    """The row of the objects that belong to no patient, if there are any."""
    sums: Any = select(func.count(), func.sum(INSTANCE.c.size), func.max(INSTANCE.c.received))
    count, size, received = connection.execute(below(sums.select_from(INSTANCE), NO_PATIENT)).one()
    if not count:
        return None
    return Row(key=NO_PATIENT, studies=0, series=0, objects=count, bytes=int(size), received=received)


# --------------------------------------------------------------------------- the search
_DATE = re.compile(r"(\d{4})[-./](\d{2})(?:[-./](\d{2}))?")
# Long enough that looking through all objects' UIDs is worth it.
_UID_LIKE = re.compile(r"[0-9.]*\.[0-9.]*")
_SHORTEST_UID = 6

_SEARCHED: tuple[Column[Any], ...] = (
    PATIENT.c.PatientName,
    PATIENT.c.PatientID,
    PATIENT.c.PatientBirthDate,
    STUDY.c.AccessionNumber,
    STUDY.c.StudyDescription,
    STUDY.c.StudyID,
    STUDY.c.StudyDate,
    STUDY.c.StudyInstanceUID,
    SERIES.c.Modality,
    SERIES.c.SeriesDescription,
    SERIES.c.BodyPartExamined,
    SERIES.c.SeriesInstanceUID,
)


def split_words(words: str) -> list[str]:
    """The words of a search, dates as DICOM writes them; more than a person types are left out."""
    return [_DATE.sub(r"\1\2\3", word)[:LONGEST_WORD] for word in words.split()[:MOST_WORDS]]


def _conditions(parent: Key | None, level: Level, words: Sequence[str]) -> list[ColumnElement[bool]]:
    table = TABLES[level]
    conditions: list[ColumnElement[bool]] = []
    if parent == NO_PATIENT:
        return [INSTANCE.c.series_id.is_(None)]
    if parent is not None:
        above = TABLES[parent.level]
        # Its id alone may be somebody else's by now.
        named = select(above.c.id).where(above.c.id == parent.id, NAMES[parent.level] == parent.name)
        conditions.append(table.c[f"{above.name}_id"].in_(named))
    if words:
        conditions.append(table.c.id.in_(_having(parent, level, words)))
    return conditions


def _having(parent: Key | None, level: Level, words: Sequence[str]) -> Select[Any]:
    """The ids of the level's rows in whose line of patient, study, series (and object) all words are found."""
    joined: FromClause = _WITH_SERIES[Level.PATIENT]
    uids = [word for word in words if len(word) >= _SHORTEST_UID and _UID_LIKE.fullmatch(word)]
    if uids or level is Level.IMAGE:
        joined = joined.join(INSTANCE, INSTANCE.c.series_id == SERIES.c.id)
    found = [_found(word, [*_SEARCHED, *([INSTANCE.c.SOPInstanceUID] if word in uids else [])]) for word in words]
    statement = select(TABLES[level].c.id).select_from(joined).where(and_(*found))
    return statement if parent is None else statement.where(TABLES[parent.level].c.id == parent.id)


def _found(word: str, columns: Sequence[Column[Any]]) -> ColumnElement[bool]:
    lower = word.lower()
    # Not all databases know the small letters of all alphabets: as typed is looked for, too.
    anywhere = [func.lower(column).contains(lower, autoescape=True) for column in columns]
    if not word.isascii():
        anywhere += [column.contains(word, autoescape=True) for column in columns]
    anywhere.append(PATIENT.c.folded_name.contains(word.casefold(), autoescape=True))
    return or_(*anywhere)
