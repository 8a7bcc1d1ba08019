"""The ledger: what the server keeps beside objects. Worklist items, procedure steps, commitments, print jobs, UPS ...

One table for all: a kind, a UID, a state, who sent it, and the data set as DICOM JSON. So everything survives a
restart, and a browser shows all kinds alike. Changes are serialised per record by the database; listeners hear of each.
SQLite beside the archive by default; with a database of several workstations, in that one.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
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
)


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
                _METADATA.create_all(connection)
        except BaseException:
            self._engine.dispose()
            raise

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
        now = time.time()
        record = Record(
            kind=kind,
            uid=uid,
            state=state,
            peer=peer,
            facts=dict(facts or {}),
            data_set=data_set,
            created=now,
            changed=now,
        )
        try:
            with self._transaction() as connection:
                connection.execute(insert(_RECORD).values(created=now, kind=kind, uid=uid, **_columns(record)))
        except IntegrityError as error:
            raise DuplicateRecordError(f"There is a {kind} {uid} already.") from error
        self._tell(kind, uid)
        return record

    def change(self, kind: str, uid: str, changed: Callable[[Record], Record]) -> Record:
        """Replace a record by what `changed` makes of it, in one transaction; what it raises changes nothing.

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
            record = replace(changed(_record(row)), changed=time.time())
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
        """The records of a kind in the order of their arrival, read as they are taken. Close it when leaving early."""
        order = _RECORD.c.id.desc() if newest_first else _RECORD.c.id
        statement = select(_RECORD).where(_RECORD.c.kind == kind).order_by(order)
        if state is not None:
            statement = statement.where(_RECORD.c.state == state)
        with self._engine.connect() as connection:
            for row in connection.execution_options(yield_per=100).execute(statement):
                yield _record(row)

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


def _columns(record: Record) -> dict[str, object]:
    return {
        "state": record.state,
        "peer": record.peer,
        "changed": record.changed,
        "facts": json.dumps(record.facts),
        "data_set": json.dumps(record.data_set.to_json_dict(suppress_invalid_tags=True)),
    }


def _record(row: Row[tuple[object, ...]]) -> Record:
    return Record(
        kind=row.kind,
        uid=row.uid,
        state=row.state,
        peer=row.peer,
        facts=json.loads(row.facts),
        data_set=Dataset.from_json(row.data_set),
        created=row.created,
        changed=row.changed,
    )
