"""How an object comes into the index's tables: its patient, study and series made or brought up to date, then its row.

What the objects of one patient, study or series say differently, the one received last says for all: corrected objects
sent again correct the archive. An attribute that it leaves empty keeps the value from before.

Objects arrive series by series. So the writer remembers what the objects of the last series said, and the next one
that says the same is one statement: it adds the row if the series is still there and the object is not.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Select, Table, bindparam, delete, insert, select, update
from sqlalchemy.engine import Dialect

from workstation.scp.archive.extract import LONGEST_INDEXED, attributes_of
from workstation.scp.archive.schema import INSTANCE, PATIENT, SERIES, STUDY
from workstation.scp.query.levels import ATTRIBUTES, Level


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One object to index.

    Attributes:
        texts: by keyword, as `extract` returns them.
        file: its name below the archive's folder.
        transfer_syntax: its UID.
        checksum: of the data set's bytes, hexadecimal.
        size: of the data set in bytes.
    """

    texts: Mapping[str, str]
    file: str
    transfer_syntax: str
    checksum: str
    size: int


# Made once: building a statement costs more than running it.
_INSTANCE_BY_UID = select(INSTANCE.c.id, INSTANCE.c.file, INSTANCE.c.series_id).where(
    INSTANCE.c.SOPInstanceUID == bindparam("uid")
)
DELETE_INSTANCE = delete(INSTANCE).where(INSTANCE.c.id == bindparam("instance"))
_PATIENT_OF_STUDY = select(STUDY.c.patient_id).where(STUDY.c.StudyInstanceUID == bindparam("uid"))
_ROW_BY_KEY: dict[str, Select[Any]] = {
    PATIENT.name: select(PATIENT).where(PATIENT.c.identity == bindparam("identity")),
    STUDY.name: select(STUDY).where(STUDY.c.StudyInstanceUID == bindparam("StudyInstanceUID")),
    SERIES.name: select(SERIES).where(
        SERIES.c.SeriesInstanceUID == bindparam("SeriesInstanceUID"), SERIES.c.study_id == bindparam("study_id")
    ),
}
_PATIENT_TEXTS, _STUDY_TEXTS, _SERIES_TEXTS = (
    itemgetter(*ATTRIBUTES[level]) for level in (Level.PATIENT, Level.STUDY, Level.SERIES)
)
# Another process may have removed the series and given its id away, or have received the same object.
_ROW_COLUMNS = [column for column in INSTANCE.columns if column.name not in ("id", "series_id")]
_ADD_TO_SERIES = insert(INSTANCE).from_select(
    ["series_id", *(column.name for column in _ROW_COLUMNS)],
    select(SERIES.c.id, *(bindparam(column.name, type_=column.type) for column in _ROW_COLUMNS))
    .join_from(SERIES, STUDY)
    .join(PATIENT)
    .where(
        SERIES.c.id == bindparam("series"),
        SERIES.c.SeriesInstanceUID == bindparam("SeriesInstanceUID"),
        STUDY.c.StudyInstanceUID == bindparam("StudyInstanceUID"),
        PATIENT.c.identity == bindparam("identity"),
        ~select(INSTANCE.c.id).where(INSTANCE.c.SOPInstanceUID == bindparam("SOPInstanceUID")).exists(),
    ),
)
MOST_REMEMBERED = 256


@dataclass(frozen=True, slots=True)
class _Said:
    """What an object said of its patient, study and series."""

    identity: str
    patient: tuple[str, ...]
    study: tuple[str, ...]
    series: tuple[str, ...]

    def is_said_again(self, texts: Mapping[str, str]) -> bool:
        """Whether another object says the same."""
        said = _PATIENT_TEXTS(texts), _STUDY_TEXTS(texts), _SERIES_TEXTS(texts)
        return said == (self.patient, self.study, self.series)


class Writer:
    """Puts entries into the tables; used by one thread at a time, in a transaction of the caller's."""

    def __init__(self, dialect: Dialect) -> None:
        self._remembered: OrderedDict[tuple[str, str], tuple[_Said, int]] = OrderedDict()
        compiled = _ADD_TO_SERIES.compile(dialect=dialect)
        self._add_to_series = str(compiled)
        # Drivers take parameters in order or by name.
        self._in_order = itemgetter(*compiled.positiontup) if compiled.positiontup else None

    def forget(self) -> None:
        """Forget all ids: a transaction was rolled back, or rows were removed."""
        self._remembered.clear()

    def are_alike(self, entries: Iterable[Entry]) -> bool:
        """Whether each says of patient, study and series what the last one of its series said."""
        for entry in entries:
            remembered = self._remembered.get(_place(entry.texts))
            if remembered is None or not remembered[0].is_said_again(entry.texts):
                return False
        return True

    def put_alike(self, cursor: Any, entries: Sequence[Entry]) -> bool:
        """Add entries that `are_alike`; return False if one is not new or its series is gone: then roll back.

        Past SQLAlchemy, which would take three times as long for the little that there is to do.

        Args:
            cursor: the driver's own.
            entries: the objects.
        """
        rows = []
        for entry in entries:
            said, series = self._remembered[_place(entry.texts)]
            row = {**entry.texts, **_row_of(entry), "identity": said.identity, "series": series}
            rows.append(self._in_order(row) if self._in_order is not None else row)
        cursor.executemany(self._add_to_series, rows)
        return bool(cursor.rowcount == len(rows))

    def put(self, connection: Connection, entry: Entry) -> str | None:
        """Add an entry; return the file that it replaced."""
        texts = entry.texts
        before = connection.execute(_INSTANCE_BY_UID, {"uid": texts["SOPInstanceUID"]}).one_or_none()
        if before is not None:
            connection.execute(DELETE_INSTANCE, {"instance": before.id})
        series = self._series(connection, texts) if texts["StudyInstanceUID"] else None
        row = {"series_id": series, **_row_of(entry), **attributes_of(texts, Level.IMAGE)}
        connection.execute(insert(INSTANCE), row)
        if before is None:
            return None
        if before.series_id is not None and before.series_id != series:
            prune(connection, before.series_id)
            self.forget()
        return str(before.file) if before.file != entry.file else None

    def _series(self, connection: Connection, texts: Mapping[str, str]) -> int:
        identity = _identity(texts)
        series = self._merge_series(connection, texts, identity)
        said = _Said(identity, _PATIENT_TEXTS(texts), _STUDY_TEXTS(texts), _SERIES_TEXTS(texts))
        place = _place(texts)
        # Where another series said something else of the same patient or study, this is newer: it has to be looked at
        # again.
        for other, (theirs, _) in list(self._remembered.items()):
            if (theirs.identity == identity and theirs.patient != said.patient) or (
                other[0] == place[0] and (theirs.identity, theirs.study) != (identity, said.study)
            ):
                del self._remembered[other]
        self._remembered[place] = said, series
        if len(self._remembered) > MOST_REMEMBERED:
            self._remembered.popitem(last=False)
        return series

    def _merge_series(self, connection: Connection, texts: Mapping[str, str], identity: str) -> int:
        patient = _merge(
            connection,
            PATIENT,
            {"identity": identity},
            {**attributes_of(texts, Level.PATIENT), "folded_name": texts["PatientName"].casefold()},
        )
        uid = texts["StudyInstanceUID"]
        earlier = connection.execute(_PATIENT_OF_STUDY, {"uid": uid}).scalar_one_or_none()
        study = _merge(
            connection,
            STUDY,
            {"StudyInstanceUID": uid},
            {**attributes_of(texts, Level.STUDY), "patient_id": patient},
        )
        if earlier is not None and earlier != patient:
            _prune_patient(connection, earlier)
            self.forget()
        return _merge(
            connection,
            SERIES,
            {"SeriesInstanceUID": texts["SeriesInstanceUID"], "study_id": study},
            attributes_of(texts, Level.SERIES),
        )


def _place(texts: Mapping[str, str]) -> tuple[str, str]:
    return texts["StudyInstanceUID"], texts["SeriesInstanceUID"]


def _row_of(entry: Entry) -> dict[str, Any]:
    """Return what an object's row holds beside its attributes."""
    return {
        "file": entry.file,
        "transfer_syntax": entry.transfer_syntax,
        "checksum": entry.checksum,
        "size": entry.size,
        "received": time.time(),
    }


def _identity(texts: Mapping[str, str]) -> str:
    """Return what tells patients apart: ID and issuer, or name and birth date of those without an ID."""
    if texts["PatientID"]:
        identity = f"{texts['PatientID']}\t{texts['IssuerOfPatientID']}"
    else:
        identity = f"\t\t{texts['PatientName'].casefold()}\t{texts['PatientBirthDate']}"
    if len(identity) > LONGEST_INDEXED:
        # Longer than a database takes into an index; two patients must not become one by cutting.
        return f"\t\t\t{blake2b(identity.encode(), digest_size=32).hexdigest()}"
    return identity


def _merge(connection: Connection, table: Table, key: Mapping[str, Any], values: Mapping[str, Any]) -> int:
    """Return the id of the row with that key, made or brought up to date."""
    row = connection.execute(_ROW_BY_KEY[table.name], key).mappings().one_or_none()
    if row is None:
        made = connection.execute(insert(table), {**values, **key}).inserted_primary_key
        assert made is not None
        return int(made[0])
    newer = {name: value for name, value in values.items() if value != "" and row[name] != value}
    if newer:
        connection.execute(update(table).where(table.c.id == row["id"]).values(**newer))
    return int(row["id"])


def prune(connection: Connection, series: int) -> None:
    """Remove a series that became empty, and what becomes empty with it."""
    study = _remove_empty(connection, SERIES, series, INSTANCE, "study_id")
    if study is not None:
        patient = _remove_empty(connection, STUDY, study, SERIES, "patient_id")
        if patient is not None:
            _prune_patient(connection, patient)


def _prune_patient(connection: Connection, patient: int) -> None:
    _remove_empty(connection, PATIENT, patient, STUDY, "id")


def _remove_empty(connection: Connection, table: Table, key: int, child: Table, parent: str) -> int | None:
    """Remove the row if it has no children; return the value of its column `parent` then."""
    link = child.c[f"{table.name}_id"]
    if connection.execute(select(child.c.id).where(link == key).limit(1)).first() is not None:
        return None
    above: int | None = connection.execute(select(table.c[parent]).where(table.c.id == key)).scalar_one_or_none()
    connection.execute(delete(table).where(table.c.id == key))
    return above
