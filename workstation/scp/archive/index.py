"""The archive's index: which objects are stored where, and what the search needs to know of them.

Knows the tables and the order of their changes; no file and no network.

A row costs as much as receiving its object, most of it for the transaction. So in SQLite the rows of new objects follow
a moment later, many in one transaction; whoever looks has those that wait written first, and so finds all that was
added. Other processes find them a moment later, and a crash takes only what the next start makes again from the files.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from sqlalchemy import Connection, PoolProxiedConnection, bindparam, delete, func, insert, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from workstation.net.data_sets import EncodedDataSet
from workstation.scp.archive import schema, search
from workstation.scp.archive.schema import DOOMED, INSTANCE
from workstation.scp.archive.search import Located
from workstation.scp.archive.together import Together
from workstation.scp.archive.tree import Key, below
from workstation.scp.archive.writing import DELETE_INSTANCE, Entry, Writer, prune
from workstation.scp.query.encoding import AnswerEncoder
from workstation.scp.query.levels import ATTRIBUTES, FindRequest, Level, RetrieveRequest

LOGGER = logging.getLogger(__name__)

# Seconds that rows wait for others, and after a failure for the next attempt.
_MOMENT, _PAUSE = 0.25, 1.0
# Rows after which whoever adds the next writes them all.
_MANY = 64
# Values that every database takes in one statement.
_AT_ONCE = 500
_IS_KNOWN = 'SELECT 1 FROM instance WHERE "SOPInstanceUID" = ?'
_FORGET = delete(DOOMED).where(DOOMED.c.file == bindparam("gone"))


_REHEARSED = Entry(
    texts={**dict.fromkeys(chain(*ATTRIBUTES.values()), ""), "PatientID": "-", "StudyInstanceUID": "-"},
    file="-",
    transfer_syntax="",
    checksum="",
    size=0,
)


@dataclass(frozen=True, slots=True)
class Removed:
    """An object that the index knows no more: its file and the size of its data set."""

    file: str
    size: int


@dataclass(slots=True)
class _Ticket:
    """An entry on its way through the one writer.

    Attributes:
        replaces: it takes the place of the object with the same SOP Instance UID.
        follows: nobody waits for it: what fails is tried again.
    """

    entry: Entry
    replaces: bool
    follows: bool = False
    done: bool = False
    first: Located | None = None
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
        # The database has one writer, and one flush is for many objects.
        self._together = Together(self._commit)
        self._writer = Writer(self._engine.dialect)
        # Of whoever writes: taken from the pool and given back it would take as long as what is written.
        self._kept: PoolProxiedConnection | None = None
        self._is_closed = False
        # Guards what follows.
        self._arriving = threading.Lock()
        # The SOP Instance UIDs of rows that follow.
        self._coming: set[str] = set()
        self._asked: PoolProxiedConnection | None = None
        self._follower: threading.Thread | None = None
        self._has_followers, self._ending = threading.Event(), threading.Event()
        self._fails = False
        try:
            if checks and schema.is_damaged(self._engine):
                raise DamagedIndexError
            self.was_rebuilt = not schema.create_tables(self._engine)
            self._rehearse()
        except BaseException:
            self._engine.dispose()
            raise

    def _rehearse(self) -> None:
        """Add an object and take it back: SQLAlchemy compiles its statements now, and not while the first one waits."""
        # Whatever is wrong here is heard of by whoever stores.
        with suppress(SQLAlchemyError), self._transaction() as connection:
            search.locate_one(connection, _REHEARSED.texts["SOPInstanceUID"])
            self._writer.put(connection, _REHEARSED)
            connection.rollback()
        self._writer.forget()

    def close(self) -> None:
        """Write what waits, and close the connections that nobody uses."""
        with self._arriving:
            self._is_closed = True
            asked, self._asked = self._asked, None
        if self._follower is not None:
            self._ending.set()
            self._has_followers.set()
            self._follower.join()
        self._together.settle()
        with self._together.alone:
            self._give_back()
        if asked is not None:
            asked.close()
        self._engine.dispose()

    def _give_back(self) -> None:
        """With the writer's lock: keep no connection."""
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.close()

    def _throw_away(self) -> None:
        """With the writer's lock: close the connection that is kept, whatever state it is in."""
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.invalidate()

    def add(self, entry: Entry) -> Located | None:
        """Add an object unless there is one with its SOP Instance UID. Whoever looks from now on finds it.

        Returns:
            The one that is there: nothing was changed.

        Raises:
            Exception: the database's; nothing was changed.
        """
        if self._may_follow(entry):
            self._together.leave(_Ticket(entry, replaces=False, follows=True))
            if len(self._together) >= _MANY:
                self._together.settle()
            elif not self._has_followers.is_set():
                self._has_followers.set()
            return None
        first = self._done(_Ticket(entry, replaces=False)).first
        # Of a commit that failed afterwards only.
        return first if first is not None and first.file != entry.file else None

    def store(self, entry: Entry) -> str | None:
        """Add an object, in place of the one with the same SOP Instance UID if there is one. Returns when committed.

        Returns:
            The file that the replaced object was in: nobody knows it any more.

        Raises:
            Exception: the database's; nothing was changed.
        """
        return self._done(_Ticket(entry, replaces=True)).replaced

    def _may_follow(self, entry: Entry) -> bool:
        """Whether nothing but its row is new about an object, and whether that can wait for others."""
        if self._engine.dialect.name != "sqlite" or self._fails or not self._writer.are_alike((entry,)):
            return False
        uid = entry.texts["SOPInstanceUID"]
        with self._arriving:
            if self._is_closed or uid in self._coming or self._is_known(uid):
                return False
            if self._follower is None:
                self._follower = threading.Thread(target=self._follow, name="archive-index", daemon=True)
                self._follower.start()
            self._coming.add(uid)
        return True

    def _is_known(self, uid: str) -> bool:
        """With the lock: whether there is an object with that UID, or nobody can tell."""
        try:
            if self._asked is None:
                self._asked = self._engine.raw_connection()
            driver: Any = self._asked.driver_connection
            return driver.execute(_IS_KNOWN, (uid,)).fetchone() is not None
        except (self._engine.dialect.loaded_dbapi.Error, SQLAlchemyError):
            asked, self._asked = self._asked, None
            if asked is not None:
                asked.invalidate()
            return True

    def _follow(self) -> None:
        """Write the rows that follow, until the index is closed; in a thread of its own."""
        while not self._ending.is_set():
            self._has_followers.wait()
            self._ending.wait(_PAUSE if self._fails else _MOMENT)
            self._has_followers.clear()
            self._together.settle()
            if len(self._together):
                self._has_followers.set()

    def _done(self, ticket: _Ticket) -> _Ticket:
        self._together.do(ticket)
        if ticket.error is not None:
            raise ticket.error
        return ticket

    def _commit(self, tickets: list[_Ticket]) -> None:
        # Whatever happens belongs to each ticket's owner: nobody may take silence for success.
        if not self._write_all_alike(tickets):
            try:
                self._write(tickets)
            except Exception as error:
                self._writer.forget()
                is_of_one = isinstance(error, IntegrityError)
                for ticket in tickets:
                    ticket.error = error
                if is_of_one or len(tickets) > 1:
                    # Who waits hears of his own; rows that follow wait while it is the database's.
                    self._write_one_by_one([each for each in tickets if is_of_one or not each.follows])
        for ticket in tickets:
            ticket.done = True
        followers = [each for each in tickets if each.follows]
        if followers:
            self._have_followed(followers)
        if self._is_closed:
            self._give_back()

    def _have_followed(self, followers: list[_Ticket]) -> None:
        """Rows that nobody waits for were written, or are to be tried again."""
        for ticket in followers:
            if ticket.first is not None and ticket.first.file != ticket.entry.file:
                # Another process was quicker, and what came last stays: a replacement, with a flush of its own.
                ticket.replaces = True
                self._write_one_by_one([ticket])
            ticket.done = ticket.error is None
        with self._arriving:
            self._coming -= {each.entry.texts["SOPInstanceUID"] for each in followers if each.done}
        failed = next((each.error for each in followers if each.error is not None), None)
        if failed is not None and not self._fails:
            LOGGER.warning("Rows of stored objects wait, because the archive's index cannot be written: %s", failed)
        self._fails = failed is not None

    def _write_all_alike(self, tickets: list[_Ticket]) -> bool:
        """The usual case: new objects of series that were added to just now. Anything else is left to `_write`."""
        if not self._writer.are_alike(each.entry for each in tickets):
            return False
        try:
            if self._kept is None:
                self._kept = self._engine.raw_connection()
            driver: Any = self._kept.driver_connection
            schema.begin_to_write(driver.execute, self._engine, is_durable=self.durable, is_derived=True)
            if self._writer.put_alike(driver.cursor(), [each.entry for each in tickets]):
                driver.commit()
                return True
            driver.rollback()
            return False
        except (self._engine.dialect.loaded_dbapi.Error, SQLAlchemyError):
            # It is the same for `_write`, which says so in SQLAlchemy's words; or it was for a moment.
            self._throw_away()
            return False
        except BaseException:
            self._throw_away()
            raise

    def _write_one_by_one(self, tickets: list[_Ticket]) -> None:
        """One bad entry must not fail the others; and another process may have added the same study just now."""
        for ticket in tickets:
            try:
                self._write([ticket])
            except Exception as error:
                self._writer.forget()
                ticket.error = error

    def _write(self, tickets: list[_Ticket]) -> None:
        # A new object's row is made again from its file when it is missing at the next start.
        with self._transaction(is_derived=not any(ticket.replaces for ticket in tickets)) as connection:
            for ticket in tickets:
                ticket.first = ticket.error = None
                if not ticket.replaces:
                    ticket.first = search.locate_one(connection, ticket.entry.texts["SOPInstanceUID"])
                if ticket.first is None:
                    ticket.replaced = self._writer.put(connection, ticket.entry)
                    if ticket.follows and ticket.replaced is not None:
                        # Nobody removes its file before the next start.
                        connection.execute(insert(DOOMED), {"file": ticket.replaced})

    @contextmanager
    def _transaction(self, *, is_derived: bool = False) -> Iterator[Connection]:
        options = {"writes": True, "is_derived": is_derived}
        with self._engine.connect().execution_options(**options) as connection, connection.begin():
            yield connection

    def remove(self, key: Key, most: int) -> list[Removed]:
        """Remove the objects below a row, or itself, and what becomes empty; at most so many at once.

        Their files are doomed from then on: say `forget` once they are gone.

        Returns:
            What was removed: fewer than `most` when nothing is left.
        """
        statement = below(select(INSTANCE.c.id, INSTANCE.c.series_id, INSTANCE.c.file, INSTANCE.c.size), key)
        self._together.settle()
        with self._together.alone:
            # Rows that the writer remembers may go.
            self._writer.forget()
            with self._transaction() as connection:
                rows = connection.execute(statement.order_by(INSTANCE.c.id).limit(most)).all()
                if rows:
                    connection.execute(insert(DOOMED), [{"file": row.file} for row in rows])
                    connection.execute(DELETE_INSTANCE, [{"instance": row.id} for row in rows])
                    for series in {row.series_id for row in rows} - {None}:
                        prune(connection, series)
        return [Removed(row.file, row.size) for row in rows]

    def forget(self, files: Iterable[str]) -> None:
        """Doomed files are gone."""
        gone = [{"gone": file} for file in files]
        if gone:
            with self._together.alone, self._transaction() as connection:
                connection.execute(_FORGET, gone)

    def doomed(self) -> list[str]:
        """Return the files whose objects were removed, and that may still be there."""
        with self.reading() as connection:
            return list(connection.execute(select(DOOMED.c.file)).scalars())

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection to read with, which finds all that was added."""
        self._together.settle()
        with self._engine.connect() as connection:
            yield connection

    def known(self, sop_instance_uid: str) -> Located | None:
        """Return where the object with that UID is, or None."""
        with self.reading() as connection:
            return search.locate_one(connection, sop_instance_uid)

    def find(self, request: FindRequest, is_over: Callable[[], bool] = lambda: False) -> Generator[Dataset, None, None]:
        """Yield the identifier of each match, read from the database as they are taken.

        Close the generator when leaving early: it holds a connection. `is_over` is asked for every row, because a
        query that matches nothing gives nobody an opportunity to leave.
        """
        with self.reading() as connection:
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
        with self.reading() as connection:
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
        with self.reading() as connection:
            return search.locate(connection, request)

    def counts(self) -> dict[Level, int]:
        """Return how many patients, studies, series and objects there are."""
        with self.reading() as connection:
            return {
                level: int(connection.execute(select(func.count()).select_from(table)).scalar_one())
                for level, table in schema.TABLES.items()
            }

    def among(self, files: Iterable[str]) -> set[str]:
        """Return those of the files that are objects'."""
        wanted, found = iter(files), set()
        with self.reading() as connection:
            while some := list(islice(wanted, _AT_ONCE)):
                found |= set(connection.execute(select(INSTANCE.c.file).where(INSTANCE.c.file.in_(some))).scalars())
        return found
