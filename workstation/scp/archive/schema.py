"""The tables of the archive's index and the connection to their database. SQLAlchemy Core; knows no file of an object.

One table a level, one column an attribute of `levels.ATTRIBUTES`, named by its keyword and holding its text ("" if
unknown, several values joined with a backslash, a sequence as DICOM JSON).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from hashlib import blake2b
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    create_engine,
    event,
    insert,
    inspect,
    select,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError

from workstation.scp.query.levels import ATTRIBUTES, Level

METADATA = MetaData()


def _texts(level: Level) -> list[Column[Any]]:
    return [Column(keyword, Text, nullable=False, default="") for keyword in ATTRIBUTES[level]]


def _parent(name: str, *, nullable: bool = False) -> Column[Any]:
    return Column(f"{name}_id", Integer, ForeignKey(f"{name}.id"), nullable=nullable, index=True)


PATIENT = Table(
    "patient",
    METADATA,
    Column("id", Integer, primary_key=True),
    # Patient ID and its issuer, or what else tells patients without an ID apart.
    Column("identity", Text, nullable=False, unique=True),
    # Patient's Name without regard to case, for the coarse filter.
    Column("folded_name", Text, nullable=False),
    *_texts(Level.PATIENT),
    Index("patient_by_id", "PatientID"),
)
STUDY = Table(
    "study",
    METADATA,
    Column("id", Integer, primary_key=True),
    _parent("patient"),
    *_texts(Level.STUDY),
    UniqueConstraint("StudyInstanceUID"),
    Index("study_by_date", "StudyDate"),
    Index("study_by_accession", "AccessionNumber"),
)
SERIES = Table(
    "series",
    METADATA,
    Column("id", Integer, primary_key=True),
    _parent("study"),
    *_texts(Level.SERIES),
    UniqueConstraint("SeriesInstanceUID", "study_id"),
)
INSTANCE = Table(
    "instance",
    METADATA,
    Column("id", Integer, primary_key=True),
    # None for objects that belong to no patient, such as hanging protocols.
    _parent("series", nullable=True),
    *_texts(Level.IMAGE),
    Column("file", Text, nullable=False, unique=True),
    Column("transfer_syntax", Text, nullable=False),
    Column("checksum", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("received", Float, nullable=False),
    UniqueConstraint("SOPInstanceUID"),
)
# Files whose rows were deleted and that may still be there: without this a crash would bring them back.
DOOMED = Table("doomed", METADATA, Column("file", Text, primary_key=True))
LAYOUT = Table("layout", METADATA, Column("fingerprint", Text, primary_key=True))

TABLES: dict[Level, Table] = {
    Level.PATIENT: PATIENT,
    Level.STUDY: STUDY,
    Level.SERIES: SERIES,
    Level.IMAGE: INSTANCE,
}


def fingerprint() -> str:
    """Return what changes when the tables do, so that an index of another version is noticed."""
    parts = [f"{table.name}.{column.name}" for table in METADATA.sorted_tables for column in table.columns]
    for table in METADATA.sorted_tables:
        parts += sorted(str(index.name) for index in table.indexes)
    return blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()


def connect(url: str, *, is_durable: Callable[[], bool]) -> Engine:
    """Return the engine for a database URL, of SQLite or PostgreSQL.

    A transaction whose connection has the execution option `writes` is the only one of its kind, also among other
    processes: a second writer waits at the beginning in place of failing in the middle. SQLite has BEGIN IMMEDIATE
    for that, PostgreSQL a lock that ends with the transaction. With the option `is_derived` as well, see
    `begin_to_write`.

    Raises:
        ArgumentError: the URL is none, or what it needs is not installed; its text is a sentence.
    """
    target = make_url(url)
    if target.get_backend_name() in ("postgresql", "postgres"):
        return _connect_postgresql(target, is_durable)
    if target.get_backend_name() != "sqlite":
        raise ArgumentError(f"The database must be SQLite or PostgreSQL, not {target.get_backend_name()}.")
    # isolation_level None: the driver leaves transactions to the `begin` listener.
    engine = create_engine(
        target, connect_args={"timeout": 30, "isolation_level": None, "check_same_thread": False}, max_overflow=-1
    )

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: Any) -> None:
        # In WAL mode readers and the writer do not wait for each other.
        for pragma in ("journal_mode = WAL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        if options.get("writes", False):
            begin_to_write(
                connection.exec_driver_sql, engine, is_durable=is_durable(), is_derived=options.get("is_derived", False)
            )
        else:
            connection.exec_driver_sql("BEGIN")

    return engine


# Any number that other programs in the same database are unlikely to lock.
_WRITERS_LOCK = 0x44494346_41524348


def begin_to_write(
    execute: Callable[[str], object], engine: Engine, *, is_durable: bool, is_derived: bool = False
) -> None:
    """Begin a transaction that writes.

    Args:
        execute: runs a statement.
        engine: of the database.
        is_durable: whether a commit waits for the disk.
        is_derived: whether what is written can be had again from elsewhere: after a power failure it may be missing,
            the last first, and nothing before it.
    """
    if engine.dialect.name == "sqlite":
        # FULL flushes the log at each commit, NORMAL now and then.
        execute(f"PRAGMA synchronous = {'OFF' if not is_durable else 'NORMAL' if is_derived else 'FULL'}")
        execute("BEGIN IMMEDIATE")
    else:
        # The driver has begun it.
        execute(f"SELECT pg_advisory_xact_lock({_WRITERS_LOCK})")
        if not is_durable:
            execute("SET LOCAL synchronous_commit TO OFF")


_CONNECT_TIMEOUT = 10


def _connect_postgresql(target: URL, is_durable: Callable[[], bool]) -> Engine:
    try:
        engine = create_engine(
            target.set(drivername="postgresql+psycopg"),
            # A server that was restarted meanwhile has closed the connections of the pool.
            pool_pre_ping=True,
            max_overflow=-1,
            connect_args={"connect_timeout": _CONNECT_TIMEOUT},
        )
    except ImportError as error:
        raise ArgumentError(
            "PostgreSQL needs psycopg: install dicom-workstation[postgresql], or psycopg[binary] beside it."
        ) from error

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: Any) -> None:
        # It takes longer to compile a search of a large archive than to send its first hundred matches.
        connection.execute("SET jit TO off")
        connection.commit()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if connection.get_execution_options().get("writes", False):
            begin_to_write(connection.exec_driver_sql, engine, is_durable=is_durable())

    return engine


def is_damaged(engine: Engine) -> bool:
    """Return True if the file of an SQLite database is no database, or a damaged one (a tenth of a second each 40 MB).

    Raises:
        SQLAlchemyError: it cannot be read for another reason.
    """
    if engine.dialect.name != "sqlite":
        return False
    try:
        with engine.connect() as connection:
            return bool(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one() != "ok")
    except DatabaseError as error:
        code = getattr(error.orig, "sqlite_errorcode", 0)
        if code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return True
        raise


def create_tables(engine: Engine) -> bool:
    """Make sure of the tables. Return False if there were those of another version, which are empty now."""
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        present = set(inspect(connection).get_table_names())
        known = connection.execute(select(LAYOUT.c.fingerprint)).scalars().first() if LAYOUT.name in present else None
        if known == fingerprint() and present.issuperset(METADATA.tables):
            return True
        # The files are the truth: the archive reads them all again into the new tables.
        METADATA.drop_all(connection)
        METADATA.create_all(connection)
        connection.execute(insert(LAYOUT).values(fingerprint=fingerprint()))
        return known is None
