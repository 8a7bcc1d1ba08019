"""The search in the index: from a checked request to rows, and from rows to answers.

A coarse filter in SQL, which may let too much through but never too little, then the exact matcher on each row as it
is streamed. Bound parameters only. Knows the tables, no file and no network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from pydicom.datadict import dictionary_VM
from pydicom.dataset import Dataset
from sqlalchemy import Column, ColumnElement, Connection, FromClause, Row, Select, bindparam, func, literal, or_, select

from workstation.scp.archive.extract import items_from_text
from workstation.scp.archive.schema import INSTANCE, PATIENT, SERIES, STUDY, TABLES
from workstation.scp.query.answer import build_answer
from workstation.scp.query.levels import (
    COMPUTED,
    LEVEL_OF_TAG,
    UNIQUE_KEYS,
    VR_OF_TAG,
    FindRequest,
    RetrieveRequest,
    tag_of,
)
from workstation.scp.query.matching import (
    SINGLE_TEXT_VRS,
    AnyOf,
    EmptyValue,
    Key,
    PersonName,
    Range,
    SequenceKey,
    Universal,
    WildCards,
)
from workstation.scp.query.moments import date_text

# More values than this in one key are left to the exact matcher: databases limit the parameters of a statement.
MOST_PARAMETERS = 400
LONGEST_LITERAL = 64
ROWS_AT_ONCE = 100

_COMPUTED_TAGS = frozenset(tag_of(keyword) for keywords in COMPUTED.values() for keyword in keywords)
_MODALITIES_IN_STUDY = tag_of("ModalitiesInStudy")


@dataclass(frozen=True, slots=True)
class Located:
    """A stored object: what it is, and the file below the archive's folder."""

    file: str
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    checksum: str
    size: int


def find(connection: Connection, request: FindRequest, is_over: Callable[[], bool]) -> Iterator[Row[Any]]:
    """Yield a row for each match, and end early once `is_over` says so: it is asked for every row.

    A row begins with what the index has of the attributes that are answered, in the order of `request.answered`.
    """
    keys = {tag: key for tag, key in request.query.keys.items() if not isinstance(key, Universal)}
    paired = {tag for pair in request.query.combined for tag in pair}
    tags = [*request.answered, *sorted(paired.difference(request.answered))]
    tables = [TABLES[level] for level in request.levels]
    conditions = [condition for tag, key in keys.items() if (condition := _coarse(tag, key)) is not None]
    statement = (
        select(*(_column(tag).label(f"t{tag:08x}") for tag in tags), literal(1))
        .select_from(_joined(tables))
        .where(*conditions)
        .order_by(tables[-1].c.id)
    )
    places = {tag: place for place, tag in enumerate(tags)}
    tests = [(places[tag], _test(tag, key)) for tag, key in keys.items()]
    for row in _streamed(connection, statement):
        if is_over():
            return
        if tests and not all(test(row[place]) for place, test in tests):
            continue
        if paired and not request.query.combined_matches({tag: _values(tag, row[places[tag]]) for tag in paired}):
            continue
        yield row


def answer_of(request: FindRequest, row: Row[Any]) -> Dataset:
    """Return the identifier of a match."""
    return build_answer(request, {tag: shown(tag, row[place]) for place, tag in enumerate(request.answered)})


def locate(connection: Connection, request: RetrieveRequest) -> list[Located]:
    """Return the objects that a retrieval names."""
    conditions: list[ColumnElement[bool]] = []
    left: list[tuple[int, frozenset[str]]] = []
    columns: list[ColumnElement[Any]] = list(_LOCATION)
    for level, uids in request.uids.items():
        column = TABLES[level].c[UNIQUE_KEYS[level]]
        if len(uids) <= MOST_PARAMETERS:
            conditions.append(column.in_(sorted(uids)))
        else:
            left.append((len(columns), uids))
            columns.append(column)
    statement = (
        select(*columns)
        .select_from(_joined([PATIENT, STUDY, SERIES, INSTANCE]))
        .where(*conditions)
        .order_by(STUDY.c.patient_id, SERIES.c.study_id, INSTANCE.c.series_id, INSTANCE.c.id)
    )
    return [
        Located(*row[: len(_LOCATION)])
        for row in _streamed(connection, statement)
        if all(row[place] in uids for place, uids in left)
    ]


def locate_one(connection: Connection, sop_instance_uid: str) -> Located | None:
    """Return where the object with that UID is."""
    row = connection.execute(_LOCATE_ONE, {"uid": sop_instance_uid}).one_or_none()
    return None if row is None else Located(*row)


_LOCATION = (
    INSTANCE.c.file,
    INSTANCE.c.SOPClassUID,
    INSTANCE.c.SOPInstanceUID,
    INSTANCE.c.transfer_syntax,
    INSTANCE.c.checksum,
    INSTANCE.c.size,
)
_LOCATE_ONE = select(*_LOCATION).where(INSTANCE.c.SOPInstanceUID == bindparam("uid"))


def _streamed(connection: Connection, statement: Select[Any]) -> Iterator[Row[Any]]:
    # The first rows come alone, so that a peer has its first match at once; then more and more together.
    with connection.execution_options(stream_results=True, max_row_buffer=ROWS_AT_ONCE).execute(statement) as result:
        yield from result


def _joined(tables: list[Any]) -> FromClause:
    joined: FromClause = tables[0]
    for above, table in pairwise(tables):
        joined = joined.join(table, table.c[f"{above.name}_id"] == above.c.id)
    return joined


def _column(tag: int) -> ColumnElement[Any]:
    if tag in _COMPUTED_TAGS:
        return _COMPUTATIONS[tag]
    return _stored_column(tag)


def _stored_column(tag: int) -> Column[Any]:
    return TABLES[LEVEL_OF_TAG[tag]].c[_KEYWORD_OF_TAG[tag]]


_KEYWORD_OF_TAG = {
    tag_of(name): name
    for table in TABLES.values()
    for name in table.columns.keys()  # noqa: SIM118 - a column collection is no mapping
    if name[0].isupper()
}


def _count(counted: Any, joined: FromClause, condition: ColumnElement[bool]) -> ColumnElement[Any]:
    return select(func.count(counted)).select_from(joined).where(condition).scalar_subquery()


def _collected(column: Column[Any], joined: FromClause, condition: ColumnElement[bool]) -> ColumnElement[Any]:
    """All values joined with a backslash, each as often as it occurs: a correlated DISTINCT is not portable."""
    texts = func.aggregate_strings(column, "\\")
    return select(texts).select_from(joined).where(condition).scalar_subquery()


_STUDIES, _SERIES, _INSTANCES = STUDY.alias(), SERIES.alias(), INSTANCE.alias()
_SERIES_OF_STUDY = _STUDIES.join(_SERIES, _SERIES.c.study_id == _STUDIES.c.id)
_INSTANCES_OF_SERIES = _SERIES.join(_INSTANCES, _INSTANCES.c.series_id == _SERIES.c.id)
_INSTANCES_OF_STUDY = _SERIES_OF_STUDY.join(_INSTANCES, _INSTANCES.c.series_id == _SERIES.c.id)

_COMPUTATIONS: dict[int, ColumnElement[Any]] = {
    tag_of(keyword): expression
    for keyword, expression in {
        "NumberOfPatientRelatedStudies": _count(_STUDIES.c.id, _STUDIES, _STUDIES.c.patient_id == PATIENT.c.id),
        "NumberOfPatientRelatedSeries": _count(_SERIES.c.id, _SERIES_OF_STUDY, _STUDIES.c.patient_id == PATIENT.c.id),
        "NumberOfPatientRelatedInstances": _count(
            _INSTANCES.c.id, _INSTANCES_OF_STUDY, _STUDIES.c.patient_id == PATIENT.c.id
        ),
        "ModalitiesInStudy": _collected(_SERIES.c.Modality, _SERIES, _SERIES.c.study_id == STUDY.c.id),
        "SOPClassesInStudy": _collected(
            _INSTANCES.c.SOPClassUID, _INSTANCES_OF_SERIES, _SERIES.c.study_id == STUDY.c.id
        ),
        "NumberOfStudyRelatedSeries": _count(_SERIES.c.id, _SERIES, _SERIES.c.study_id == STUDY.c.id),
        "NumberOfStudyRelatedInstances": _count(
            _INSTANCES.c.id, _INSTANCES_OF_SERIES, _SERIES.c.study_id == STUDY.c.id
        ),
        "NumberOfSeriesRelatedInstances": _count(_INSTANCES.c.id, _INSTANCES, _INSTANCES.c.series_id == SERIES.c.id),
    }.items()
}


def _values(tag: int, text: Any) -> list[str]:
    if text is None or text == "":
        return []
    text = str(text)
    return [text] if VR_OF_TAG[tag] in SINGLE_TEXT_VRS else text.split("\\")


def shown(tag: int, text: Any) -> str:
    """Return the text of what a row has of an attribute."""
    if tag in _COMPUTED_TAGS and isinstance(text, str):
        return "\\".join(sorted(set(text.split("\\")) - {""}))
    return "" if text is None else str(text)


def _test(tag: int, key: Key) -> Callable[[Any], bool]:
    """Return the exact test of a row's value."""
    if isinstance(key, SequenceKey):
        return lambda text: key.matches_items(items_from_text(text))
    return lambda text: key.matches(_values(tag, text))


def _coarse(tag: int, key: Key) -> ColumnElement[bool] | None:
    """Return a condition that every match fulfils, or None if SQL cannot help."""
    if tag == _MODALITIES_IN_STUDY:
        modalities = _coarse_text(_SERIES.c.Modality, key, has_lists=False)
        if modalities is None or isinstance(key, EmptyValue):
            return None
        return select(_SERIES.c.id).where(_SERIES.c.study_id == STUDY.c.id, modalities).exists()
    if tag in _COMPUTED_TAGS:
        return None
    if isinstance(key, PersonName):
        return _coarse_name(key) if tag == tag_of("PatientName") else None
    return _coarse_text(_stored_column(tag), key, has_lists=dictionary_VM(tag) != "1")


def _coarse_text(column: Column[Any], key: Key, *, has_lists: bool) -> ColumnElement[bool] | None:
    condition: ColumnElement[bool] | None = None
    match key:
        case EmptyValue():
            return column == ""
        case AnyOf(texts) if len(texts) <= MOST_PARAMETERS:
            condition = column.in_(sorted(texts))
        case WildCards(patterns) if len(patterns) <= MOST_PARAMETERS:
            literals = [max(pattern.literals(), key=len, default="")[:LONGEST_LITERAL] for pattern in patterns]
            if all(literals):
                # No pattern of the peer's reaches LIKE, whose matcher can be made very slow; one literal cannot.
                return or_(*(column.contains(text, autoescape=True) for text in literals))
        case Range("DA", spans):
            condition = or_(*(_between(column, low, high) for low, high in spans))
        case _:
            pass
    if condition is not None and has_lists:
        condition = or_(condition, column.contains("\\", autoescape=True))
    return condition


def _between(column: Column[Any], low: int | None, high: int | None) -> ColumnElement[bool]:
    condition = column >= (date_text(low) if low is not None else "0")
    return condition & (column <= date_text(high)) if high is not None else condition


def _coarse_name(key: PersonName) -> ColumnElement[bool] | None:
    folded = PATIENT.c.folded_name
    literals: list[str] = []
    for name in key.names:
        runs = [run for pattern in name if pattern is not None for run in pattern.literals("^")]
        literals.append(max(runs, key=len, default="")[:LONGEST_LITERAL])
    if not all(literals) or len(literals) > MOST_PARAMETERS:
        return None
    return or_(*(folded.contains(text, autoescape=True) for text in literals))
