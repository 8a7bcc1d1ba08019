"""What a patient, study, series or object of the archive is called by, and which objects are below one.

A row's id alone is not enough: a database gives the id of a removed row away again, and a person may confirm minutes
later. Knows the tables, no file and no network.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from sqlalchemy import Column, ColumnElement, FromClause, Select

from workstation.scp.archive.schema import INSTANCE, PATIENT, SERIES, STUDY, TABLES
from workstation.scp.query.levels import Level


@dataclass(frozen=True, slots=True)
class Key:
    """One row.

    Attributes:
        level: Which table.
        id: Its row.
        name: What it is called by for good: a UID, or of a patient what tells patients apart.
    """

    level: Level
    id: int
    name: str


NO_PATIENT = Key(Level.SERIES, 0, "")
"""Stands for the series of objects that belong to no patient, such as hanging protocols."""

NAMES: dict[Level, Column[Any]] = {
    Level.PATIENT: PATIENT.c.identity,
    Level.STUDY: STUDY.c.StudyInstanceUID,
    Level.SERIES: SERIES.c.SeriesInstanceUID,
    Level.IMAGE: INSTANCE.c.SOPInstanceUID,
}
"""The column with `Key.name`."""

_TO_OBJECTS = (PATIENT, STUDY, SERIES, INSTANCE)


def below(statement: Select[Any], key: Key) -> Select[Any]:
    """The statement, which selects from the objects' table, limited to the objects below a row (or to itself)."""
    if key == NO_PATIENT:
        return statement.where(INSTANCE.c.series_id.is_(None))
    joined: FromClause = INSTANCE
    place = list(TABLES).index(key.level)
    for lower, upper in pairwise(reversed(_TO_OBJECTS[place:])):
        joined = joined.join(upper, lower.c[f"{upper.name}_id"] == upper.c.id)
    return statement.select_from(joined).where(*is_row(key))


def is_row(key: Key) -> tuple[ColumnElement[bool], ...]:
    """The conditions that only this row fulfils, if it is still there."""
    return TABLES[key.level].c.id == key.id, NAMES[key.level] == key.name
