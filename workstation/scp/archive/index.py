"""The archive's index: which objects are stored where, and what the search needs to know of them.

Knows the tables and the order of their changes; no file and no network.

What the objects of one patient, study or series say differently, the one received last says for all: corrected objects
sent again correct the archive. An attribute that it leaves empty keeps the value from before.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from sqlalchemy import Connection, Select, Table, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from workstation.net.data_sets import EncodedDataSet
from workstation.scp.archive import schema, search
from workstation.scp.archive.extract import LONGEST_INDEXED, attributes_of
from workstation.scp.archive.schema import DOOMED, INSTANCE, PATIENT, SERIES, STUDY
from workstation.scp.archive.search import Located
from workstation.scp.archive.tree import Key, below
from workstation.scp.query.encoding import AnswerEncoder
from workstation.scp.query.levels import ATTRIBUTES, FindRequest, Level, RetrieveRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One object to index.

    Attributes:
        texts: by keyword, as `extract` returns them.
        file: its name below the archive's folder.
        transfer_syntax: its UID.
        digest: of the data set's bytes, hexadecimal.
        size: of the data set in bytes.
    """

    texts: Mapping[str, str]
    file: str
    transfer_syntax: str
    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class Removed:
    """An object that the index knows no more: its file and the size of its data set."""

    file: str
    size: int


@dataclass(slots=True)
class _Ticket:
    """An entry on its way through the one writer."""

    entry: Entry
    done: bool = False
    replaced: str | None = None
    error: Exception | None = None


class DamagedIndexError(Exception):
    """The database is none, or damaged."""


class Index:
    """The index in one database. All methods may be called from any thread."""

    def __init__(self, url: str, *, durable: bool = True, checks: bool = False) -> None:
        """Connect and make sure of the tables.

        With `checks`, all pages of an SQLite database are looked at, once.

        Raises:
            DamagedIndexError: they are not what they should be; nobody holds the file any more.

        Attributes:
            durable: commits wait for the disk; may be changed at any time (SQLite; others know themselves).
            was_rebuilt: the tables were those of another version and are empty now.
        """
        self.durable = durable
        self._engine = schema.connect(url, is_durable=lambda: self.durable)
        self._waiting: deque[_Ticket] = deque()
        # Guards the database's one writer. Whoever gets it commits for all that wait: one flush for many objects.
        self._writing = threading.Lock()
        self._writer = _Writer()
        try:
            if checks and schema.is_damaged(self._engine):
                raise DamagedIndexError
            self.was_rebuilt = not schema.create_tables(self._engine)
        except BaseException:
            self._engine.dispose()
            raise

    def close(self) -> None:
        """Close the connections that nobody uses."""
        self._engine.dispose()

    def store(self, entry: Entry) -> str | None:
        """Add an object, in place of the one with the same SOP Instance UID if there is one. Returns when committed.

        Returns:
            The file that the replaced object was in: nobody knows it any more.

        Raises:
            Exception: the database's; nothing was changed.
        """
        ticket = _Ticket(entry)
        self._waiting.append(ticket)
        with self._writing:
            if not ticket.done:
                tickets = [self._waiting.popleft() for _ in range(len(self._waiting))]
                self._commit(tickets)
        if ticket.error is not None:
            raise ticket.error
        return ticket.replaced

    def _commit(self, tickets: list[_Ticket]) -> None:
        # Whatever happens belongs to each ticket's owner: nobody may take silence for success.
        try:
            self._write(tickets)
        except Exception as error:
            self._writer.forget()
            if len(tickets) == 1 and not isinstance(error, IntegrityError):
                tickets[0].error = error
            else:
                self._write_one_by_one(tickets)
        for ticket in tickets:
            ticket.done = True

    def _write_one_by_one(self, tickets: list[_Ticket]) -> None:
        """One bad entry must not fail the others; and another process may have added the same study just now."""
        for ticket in tickets:
            try:
                self._write([ticket])
            except Exception as error:
                self._writer.forget()
                ticket.error = error

    def _write(self, tickets: list[_Ticket]) -> None:
        with self._transaction() as connection:
            for ticket in tickets:
                ticket.replaced = self._writer.put(connection, ticket.entry)

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with self._engine.connect().execution_options(writes=True) as connection, connection.begin():
            yield connection

    def remove(self, key: Key, most: int) -> list[Removed]:
        """Remove the objects below a row, or itself, and what becomes empty; at most so many at once.

        Their files are doomed from then on: say `forget` once they are gone.

        Returns:
            What was removed: fewer than `most` when nothing is left.
        """
        statement = below(select(INSTANCE.c.id, INSTANCE.c.series_id, INSTANCE.c.file, INSTANCE.c.size), key)
        with self._writing:
            # Rows that the writer remembers may go.
            self._writer.forget()
            with self._transaction() as connection:
                rows = connection.execute(statement.order_by(INSTANCE.c.id).limit(most)).all()
                if rows:
                    connection.execute(insert(DOOMED), [{"file": row.file} for row in rows])
                    connection.execute(_DELETE_INSTANCE, [{"instance": row.id} for row in rows])
                    for series in {row.series_id for row in rows} - {None}:
                        _prune(connection, series)
        return [Removed(row.file, row.size) for row in rows]

    def forget(self, files: Iterable[str]) -> None:
        """Doomed files are gone."""
        gone = [{"gone": file} for file in files]
        if gone:
            with self._writing, self._transaction() as connection:
                connection.execute(_FORGET, gone)

    def doomed(self) -> list[str]:
        """Return the files whose objects were removed, and that may still be there."""
        with self.reading() as connection:
            return list(connection.execute(select(DOOMED.c.file)).scalars())

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection to read with."""
        with self._engine.connect() as connection:
            yield connection

    def known(self, sop_instance_uid: str) -> Located | None:
        """Return where the object with that UID is, or None."""
        with self._engine.connect() as connection:
            return search.locate_one(connection, sop_instance_uid)

    def find(self, request: FindRequest, is_over: Callable[[], bool] = lambda: False) -> Generator[Dataset, None, None]:
        """Yield the identifier of each match, read from the database as they are taken.

        Close the generator when leaving early: it holds a connection. `is_over` is asked for every row, because a
        query that matches nothing gives nobody an opportunity to leave.
        """
        with self._engine.connect() as connection:
            for row in search.find(connection, request, is_over):
                yield search.answer_of(request, row)

    def find_encoded(
        self,
        request: FindRequest,
        transfer_syntax: str,
        filled_in: Iterable[DataElement] = (),
        is_over: Callable[[], bool] = lambda: False,
    ) -> Generator[EncodedDataSet | Dataset, None, None]:
        """As `find`, with each identifier encoded, many times as fast.

        Args:
            request: What is asked for.
            transfer_syntax: To encode in.
            filled_in: Elements that every identifier gets besides.
            is_over: As of `find`.

        Yields:
            The identifier; as a data set where it could not be encoded, which tells why when it is tried again.
        """
        filled_in = tuple(filled_in)
        encoder: AnswerEncoder | None = None
        with self._engine.connect() as connection:
            for row in search.find(connection, request, is_over):
                # Only now: a request may name thousands of attributes, and match nothing.
                encoder = encoder or AnswerEncoder(request, transfer_syntax, search.shown, filled_in)
                encoded = encoder.encode(row)
                if encoded is not None:
                    yield EncodedDataSet(encoded, transfer_syntax)
                    continue
                answer = search.answer_of(request, row)
                for element in filled_in:
                    answer[element.tag] = element
                yield answer

    def objects(self, request: RetrieveRequest) -> list[Located]:
        """Return all objects that a retrieval names, in order of patient, study, series and reception."""
        with self._engine.connect() as connection:
            return search.locate(connection, request)

    def counts(self) -> dict[Level, int]:
        """Return how many patients, studies, series and objects there are."""
        with self._engine.connect() as connection:
            return {
                level: int(connection.execute(select(func.count()).select_from(table)).scalar_one())
                for level, table in schema.TABLES.items()
            }

    def files(self, folder: str) -> set[str]:
        """Return the files of the objects in one folder below the archive's."""
        with self._engine.connect() as connection:
            condition = INSTANCE.c.file.startswith(folder + "/", autoescape=True)
            return set(connection.execute(select(INSTANCE.c.file).where(condition)).scalars())


# Made once: building a statement costs more than running it.
_INSTANCE_BY_UID = select(INSTANCE.c.id, INSTANCE.c.file, INSTANCE.c.series_id).where(
    INSTANCE.c.SOPInstanceUID == bindparam("uid")
)
_DELETE_INSTANCE = delete(INSTANCE).where(INSTANCE.c.id == bindparam("instance"))
_FORGET = delete(DOOMED).where(DOOMED.c.file == bindparam("gone"))
_PATIENT_OF_STUDY = select(STUDY.c.patient_id).where(STUDY.c.StudyInstanceUID == bindparam("uid"))
_ROW_BY_KEY: dict[str, Select[Any]] = {
    PATIENT.name: select(PATIENT).where(PATIENT.c.identity == bindparam("identity")),
    STUDY.name: select(STUDY).where(STUDY.c.StudyInstanceUID == bindparam("StudyInstanceUID")),
    SERIES.name: select(SERIES).where(
        SERIES.c.SeriesInstanceUID == bindparam("SeriesInstanceUID"), SERIES.c.study_id == bindparam("study_id")
    ),
}
_SERIES_IS_STILL = (
    select(SERIES.c.id)
    .join_from(SERIES, STUDY)
    .join(PATIENT)
    .where(
        SERIES.c.id == bindparam("series"),
        SERIES.c.SeriesInstanceUID == bindparam("series_uid"),
        STUDY.c.StudyInstanceUID == bindparam("study_uid"),
        PATIENT.c.identity == bindparam("identity"),
    )
)
_PARENT_KEYWORDS = tuple(
    keyword for level in (Level.PATIENT, Level.STUDY, Level.SERIES) for keyword in ATTRIBUTES[level]
)
MOST_REMEMBERED = 256


class _Writer:
    """Puts entries into the tables; used by one thread at a time, in a transaction of the caller's.

    Objects arrive series by series. So it remembers the series of the last ones with what their objects said: the
    next object that says the same needs no look at its patient, study and series but that they are still there
    (another process may have removed them and given their id away).
    """

    def __init__(self) -> None:
        self._remembered: OrderedDict[tuple[str, str], tuple[tuple[str, ...], int]] = OrderedDict()

    def forget(self) -> None:
        """Forget all ids: a transaction was rolled back, or rows were removed."""
        self._remembered.clear()

    def put(self, connection: Connection, entry: Entry) -> str | None:
        """Add an entry; return the file that it replaced."""
        texts = entry.texts
        before = connection.execute(_INSTANCE_BY_UID, {"uid": texts["SOPInstanceUID"]}).one_or_none()
        if before is not None:
            connection.execute(_DELETE_INSTANCE, {"instance": before.id})
        series = self._series(connection, texts) if texts["StudyInstanceUID"] else None
        connection.execute(
            insert(INSTANCE),
            {
                "series_id": series,
                "file": entry.file,
                "transfer_syntax": entry.transfer_syntax,
                "digest": entry.digest,
                "size": entry.size,
                "received": time.time(),
                **attributes_of(texts, Level.IMAGE),
            },
        )
        if before is None:
            return None
        if before.series_id is not None and before.series_id != series:
            _prune(connection, before.series_id)
            self.forget()
        return str(before.file) if before.file != entry.file else None

    def _series(self, connection: Connection, texts: Mapping[str, str]) -> int:
        place = (texts["StudyInstanceUID"], texts["SeriesInstanceUID"])
        says = tuple(texts[keyword] for keyword in _PARENT_KEYWORDS)
        identity = _identity(texts)
        remembered = self._remembered.get(place)
        if remembered is not None and remembered[0] == says:
            keys = {"series": remembered[1], "study_uid": place[0], "series_uid": place[1], "identity": identity}
            if connection.execute(_SERIES_IS_STILL, keys).first() is not None:
                return remembered[1]
        series = self._merge_series(connection, texts, identity)
        # What another series of the study said is newer now: it has to be looked at again.
        for other in [key for key in self._remembered if key[0] == place[0]]:
            del self._remembered[other]
        self._remembered[place] = (says, series)
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


def _prune(connection: Connection, series: int) -> None:
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
