"""The ledger: what the server keeps beside objects. Worklist items, procedure steps, commitments, print jobs, UPS ...

One table for all: a kind, a UID, a state, who sent it, and the data set as DICOM JSON. So everything survives a
restart, and a browser shows all kinds alike. Changes are serialised per record by the database; listeners hear of each
that is made in this process. SQLite beside the archive by default; with a database for several workstations, in it.
"""

from __future__ import annotations

import itertools
import json
import logging
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from pydicom.dataset import Dataset
from sqlalchemy import (
    Column,
    Connection,
    Float,
    Index,
    Integer,
    MetaData,
    Row,
    Select,
    Table,
    Text,
    UniqueConstraint,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from workstation.scp.archive import schema
from workstation.scp.kept import data_set_of, text_of

LOGGER = logging.getLogger(__name__)

_METADATA = MetaData()
_RECORD = Table(
    "ledger",
    _METADATA,
    Column("id", Integer, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("uid", Text, nullable=False),
    Column("state", Text, nullable=False, default=""),
    Column("peer", Text, nullable=False, default=""),
    Column("created", Float, nullable=False),
    Column("changed", Float, nullable=False),
    Column("facts", Text, nullable=False, default="{}"),
    Column("data_set", Text, nullable=False, default="{}"),
    UniqueConstraint("kind", "uid"),
    Index("ledger_by_state", "kind", "state"),
    # Has all that `versions` reads, so that it need not touch the wide rows.
    Index("ledger_by_change", "kind", "uid", "changed"),
)
# Rows that are read at once: no transaction stays open while somebody looks at them.
_PAGE = 100
# Of PostgreSQL's advisory locks: one process at a time makes the table.
_MAKING = 0x4C454447


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One thing that the server keeps.

    Attributes:
        kind: What it is, such as "worklist", "procedure-step", "commitment", "print-job", "ups".
        uid: Identifies it within its kind: a SOP Instance UID where it has one.
        state: Such as "IN PROGRESS"; its kind says which there are.
        peer: AE title that sent it, or "".
        facts: What belongs to it and is no data element, such as a lock or a file's name; JSON values.
        data_set: Its attributes; a copy, to be given back by `Ledger.change`.
        created, changed: Epoch seconds.
    """

    kind: str
    uid: str
    state: str = ""
    peer: str = ""
    facts: dict[str, object]
    data_set: Dataset
    created: float
    changed: float


class DuplicateRecordError(Exception):
    """There is a record of this kind and UID already."""


class UnknownRecordError(Exception):
    """There is no record of this kind and UID."""


class Ledger:
    """The records. All methods may be called from any thread.

    Args:
        url: Of the database, as SQLAlchemy has it: "sqlite:///file".
        durable: Whether changes wait for the disk.

    Raises:
        SQLAlchemyError: The database cannot be used.
    """

    def __init__(self, url: str, *, durable: bool = True) -> None:
        self.durable = durable
        self._engine = schema.connect(url, is_durable=lambda: self.durable)
        self._listeners: list[Callable[[str, str], None]] = []
        # One writer at a time in this process: SQLite has one anyway, and so nobody waits for its lock by polling.
        self._writing = threading.Lock()
        try:
            with self._transaction() as connection:
                if self._engine.dialect.name == "postgresql":
                    connection.execute(select(func.pg_advisory_xact_lock(_MAKING)))
                _METADATA.create_all(connection)
        except BaseException:
            self._engine.dispose()
            raise

    @property
    def is_shared(self) -> bool:
        """Whether other processes may change it, which no listener hears of."""
        return self._engine.dialect.name != "sqlite"

    def close(self) -> None:
        """Close the database."""
        self._engine.dispose()

    # changing

    def add(
        self,
        kind: str,
        uid: str,
        data_set: Dataset,
        *,
        state: str = "",
        peer: str = "",
        facts: dict[str, object] | None = None,
    ) -> Record:
        """Add a record.

        Raises:
            DuplicateRecordError: There is one already.
        """
        record = _new(kind, uid, data_set, state=state, peer=peer, facts=facts)
        values = _columns(record)
        try:
            with self._transaction() as connection:
                connection.execute(insert(_RECORD).values(**values))
        except IntegrityError as error:
            raise DuplicateRecordError(f"There is a {kind} {uid} already.") from error
        self._tell(kind, uid)
        return record

    def add_many(self, kind: str, records: Iterable[tuple[str, Dataset, str]]) -> list[str]:
        """Add many records in one transaction; return the UIDs of those that were not there.

        Args:
            kind: Of all of them.
            records: UID, data set and state of each.
        """
        rows = {uid: _columns(_new(kind, uid, data_set, state=state)) for uid, data_set, state in records}
        if not rows:
            return []
        with self._transaction() as connection:
            known = set(connection.execute(select(_RECORD.c.uid).where(_RECORD.c.kind == kind)).scalars())
            added = [uid for uid in rows if uid not in known]
            if added:
                connection.execute(insert(_RECORD), [rows[uid] for uid in added])
        for uid in added:
            self._tell(kind, uid)
        return added

    def change(self, kind: str, uid: str, changed: Callable[[Record], Record]) -> Record:
        """Replace a record by what `changed` makes of it, in one transaction; what it raises changes nothing.

        Kind, UID and time of creation stay. `changed` must be quick and must not use the ledger: others wait for it.

        Raises:
            UnknownRecordError: There is no such record.
        """
        with self._transaction() as connection:
            statement = _by_key(kind, uid)
            if self._engine.dialect.name != "sqlite":
                statement = statement.with_for_update()
            row = connection.execute(statement).one_or_none()
            if row is None:
                raise UnknownRecordError(f"There is no {kind} {uid}.")
            before = _record(row)
            # Never the same time twice, whatever the clock does: `versions` tells changes by it.
            now = max(time.time(), math.nextafter(before.changed, math.inf))
            record = replace(changed(before), kind=kind, uid=uid, created=before.created, changed=now)
            connection.execute(update(_RECORD).where(_RECORD.c.id == row.id).values(**_columns(record)))
        self._tell(kind, uid)
        return record

    def remove(self, kind: str, uid: str) -> bool:
        """Remove a record; whether there was one."""
        with self._transaction() as connection:
            gone = connection.execute(delete(_RECORD).where(_RECORD.c.kind == kind, _RECORD.c.uid == uid)).rowcount
        if gone:
            self._tell(kind, uid)
        return bool(gone)

    # reading

    def get(self, kind: str, uid: str) -> Record | None:
        """One record, or None."""
        with self._engine.connect() as connection:
            row = connection.execute(_by_key(kind, uid)).one_or_none()
        return None if row is None else _record(row)

    def records(self, kind: str, *, state: str | None = None, newest_first: bool = False) -> Iterator[Record]:
        """The records of a kind in the order of their arrival, read a few at a time as they are taken.

        One that is changed or removed meanwhile comes as it is when its turn comes, or not at all.
        """
        place: int | None = None
        order = _RECORD.c.id.desc() if newest_first else _RECORD.c.id
        statement = select(_RECORD).where(_RECORD.c.kind == kind).order_by(order).limit(_PAGE)
        if state is not None:
            statement = statement.where(_RECORD.c.state == state)
        while True:
            page = statement
            if place is not None:
                page = statement.where(_RECORD.c.id < place if newest_first else _RECORD.c.id > place)
            with self._engine.connect() as connection:
                rows = connection.execute(page).all()
            for row in rows:
                yield _record(row)
            if len(rows) < _PAGE:
                return
            place = rows[-1].id

    def versions(self, kind: str) -> dict[str, float]:
        """The records of a kind in the order of their arrival: UID -> when it was changed, no change at the same time.

        Costs some milliseconds for ten thousand; together with `models` for those who keep their own picture of a kind.
        """
        statement = select(_RECORD.c.uid, _RECORD.c.changed, _RECORD.c.id).where(_RECORD.c.kind == kind)
        with self._engine.connect() as connection:
            rows = connection.execute(statement).all()
        return {uid: changed for uid, changed, _ in sorted(rows, key=lambda row: row.id)}

    def models(self, kind: str, uids: Iterable[str]) -> Iterator[tuple[str, str, float, dict[str, Any]]]:
        """UID, state, time of change and data set in the DICOM JSON model of those records, as far as there are any."""
        wanted = iter(uids)
        while page := list(itertools.islice(wanted, _PAGE)):
            columns = (_RECORD.c.uid, _RECORD.c.state, _RECORD.c.changed, _RECORD.c.data_set)
            statement = select(*columns).where(_RECORD.c.kind == kind, _RECORD.c.uid.in_(page))
            with self._engine.connect() as connection:
                rows = connection.execute(statement).all()
            for row in rows:
                yield row.uid, row.state, row.changed, json.loads(row.data_set)

    def counts(self) -> dict[str, int]:
        """How many records there are of each kind."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(_RECORD.c.kind, func.count()).group_by(_RECORD.c.kind))
            return {str(kind): int(count) for kind, count in rows}

    # hearing of changes

    def listen(self, listener: Callable[[str, str], None]) -> Callable[[], None]:
        """Call `listener(kind, uid)` after each change, in the thread that made it; returns what ends that."""
        self._listeners.append(listener)

        def end() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return end

    def _tell(self, kind: str, uid: str) -> None:
        for listener in list(self._listeners):
            try:
                listener(kind, uid)
            except Exception:
                # A listener's mistake must not fail what has been stored.
                LOGGER.exception("A listener of the ledger failed")

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with (
            self._writing,
            self._engine.connect().execution_options(writes=True) as connection,
            connection.begin(),
        ):
            yield connection


def _by_key(kind: str, uid: str) -> Select[Any]:
    return select(_RECORD).where(_RECORD.c.kind == kind, _RECORD.c.uid == uid)


def _new(
    kind: str,
    uid: str,
    data_set: Dataset,
    *,
    state: str = "",
    peer: str = "",
    facts: dict[str, object] | None = None,
) -> Record:
    now = time.time()
    return Record(
        kind=kind,
        uid=uid,
        state=state,
        peer=peer,
        facts=dict(facts or {}),
        data_set=data_set,
        created=now,
        changed=now,
    )


def _columns(record: Record) -> dict[str, object]:
    return {
        "kind": record.kind,
        "uid": record.uid,
        "state": record.state,
        "peer": record.peer,
        "created": record.created,
        "changed": record.changed,
        "facts": json.dumps(record.facts),
        "data_set": text_of(record.data_set),
    }


def _record(row: Row[tuple[object, ...]]) -> Record:
    return Record(
        kind=row.kind,
        uid=row.uid,
        state=row.state,
        peer=row.peer,
        facts=json.loads(row.facts),
        data_set=data_set_of(row.data_set),
        created=row.created,
        changed=row.changed,
    )
