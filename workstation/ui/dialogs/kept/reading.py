"""What the window asks of the ledger: rows to list, a data set to show, files to write, records to remove.

All of it runs in jobs, and holds no data set for longer than that: a ledger may have ten thousand. Knows no widget.
"""

from __future__ import annotations

import io
import json
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from workstation.net._globals import PYNETDICOM_IMPLEMENTATION_UID, PYNETDICOM_IMPLEMENTATION_VERSION
from workstation.net.dsutils import encode
from workstation.net.part10 import encode_head
from workstation.scp.answers.printing import film_file, remove_job
from workstation.scp.kept import text_of
from workstation.scp.ledger import Ledger, Record
from workstation.traffic.decoding.elements import BytesSource, Source
from workstation.traffic.decoding.objects import Part10File, is_uid
from workstation.traffic.text import printable
from workstation.ui.dialogs.kept.kinds import Kind, remarks_of
from workstation.ui.parts.rates import count_text
from workstation.ui.parts.widgets import Outcome

_EXPLICIT = "1.2.840.10008.1.2.1"

# As many as a person reads beside the data set.
MOST_REMARKS = 5

_SCREEN, _BATCH = 60, 400

Key = tuple[str, str]
"""Kind and UID of a record."""


# Compared by what it is, not by what it says: lists of them are looked through for one.
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Row:
    """One record as the list shows it.

    Attributes:
        texts: A text for each column; safe to show.
        tip: What else there is to say.
        search: What a search looks at, in small letters.
    """

    key: Key
    texts: tuple[str, ...]
    outcome: Outcome
    changed: float
    tip: str
    search: str


class UnreadableRecordError(ValueError):
    """A sentence that says why a record cannot be shown or saved."""


# rows


def row_of(kind: Kind, record: Record) -> Row:
    """A record as a row of the lists of all but worklist items."""
    try:
        summary = printable(kind.summary(record), 300)
    except Exception:
        # Made of what a peer sent, and pydicom answers damage with almost any exception.
        summary = "its data set cannot be read"
    state = printable(record.state, 40)
    peer = printable(record.peer, 40)
    words = state.capitalize() if state else "–"
    remarks = remarks_of(record)
    if remarks:
        summary = f"{summary} · ⚠ {count_text(len(remarks), 'remark')}".removeprefix(" · ")
    tip = "\n".join(
        (
            summary,
            *(printable(remark, 200) for remark in remarks[:MOST_REMARKS]),
            f"Since {_moment(record.created)}, last changed {_moment(record.changed)}",
            printable(record.uid, 200),
        )
    )
    return Row(
        key=(record.kind, record.uid),
        texts=(words, summary, peer, time_text(record.changed)),
        outcome=kind.outcomes.get(record.state, Outcome.IDLE),
        changed=record.changed,
        tip=tip,
        search=f"{state} {summary} {peer} {record.uid}".lower(),
    )


def time_text(seconds: float) -> str:
    """When something was: the time of today, else the day as well."""
    then = time.localtime(seconds)
    today = time.localtime()
    if (then.tm_year, then.tm_yday) == (today.tm_year, today.tm_yday):
        return time.strftime("%H:%M:%S", then)
    return time.strftime("%Y-%m-%d %H:%M", then)


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


class ReadRows:
    """Reads all records of a tab; a job.

    Args:
        ledger: Where from.
        kinds: Of the records.
        make: Makes a record a row.
        newest_first: The order.
        put: Is given the rows as they are read, some at a time; with several kinds they are not yet in their order.
    """

    def __init__(
        self,
        ledger: Ledger,
        kinds: Sequence[str],
        make: Callable[[Record], Row],
        *,
        newest_first: bool,
        put: Callable[[list[Row]], None] | None = None,
    ) -> None:
        self._ledger = ledger
        self._kinds = kinds
        self._make = make
        self._newest_first = newest_first
        self._put = put
        self._over = threading.Event()

    def run(self) -> list[Row]:
        """The rows, all or as many as there were until it was cancelled."""
        rows: list[Row] = []
        told = 0
        for kind in self._kinds:
            for record in self._ledger.records(kind, newest_first=self._newest_first):
                if self._over.is_set():
                    return rows
                rows.append(self._make(record))
                # What fills a screen at once, then more at a time.
                if self._put is not None and len(rows) - told >= (_BATCH if told else _SCREEN):
                    self._put(rows[told:])
                    told = len(rows)
        if self._put is not None and told < len(rows):
            self._put(rows[told:])
        if len(self._kinds) > 1 and self._newest_first:
            rows.sort(key=lambda row: row.changed, reverse=True)
        return rows

    def cancel(self) -> None:
        """Read no further."""
        self._over.set()


def read_changed(ledger: Ledger, keys: Iterable[Key], make: Callable[[Record], Row]) -> list[tuple[Key, Row | None]]:
    """Records that were changed, as rows; None for one that is gone."""
    found: list[tuple[Key, Row | None]] = []
    for key in keys:
        record = ledger.get(*key)
        found.append((key, None if record is None else make(record)))
    return found


# one record


class KeptObject:
    """A record's data set, for the viewers of data sets: a DICOM object in memory."""

    gap = ""

    def __init__(self, title: str, sop_class_uid: str, record: Record) -> None:
        encoded = encode(record.data_set, False, True)
        if encoded is None:
            raise UnreadableRecordError("A value of its data set fits no DICOM encoding; save it as JSON.")
        self.title = title
        self.sop_class_uid = sop_class_uid
        self.sop_instance_uid = record.uid if is_uid(record.uid) else ""
        self.transfer_syntax = _EXPLICIT
        # PS3.10 Table 7.1-1 wants an instance; what has none gets one of its own, always the same.
        own = uuid.uuid5(uuid.NAMESPACE_OID, f"{record.kind} {record.uid}")
        self.head = encode_head(
            sop_class_uid=sop_class_uid,
            sop_instance_uid=self.sop_instance_uid or f"2.25.{own.int}",
            transfer_syntax_uid=_EXPLICIT,
            implementation_class_uid=str(PYNETDICOM_IMPLEMENTATION_UID),
            implementation_version_name=PYNETDICOM_IMPLEMENTATION_VERSION,
        )
        self.data = encoded
        self.source: Source = BytesSource(encoded)

    def open(self) -> BinaryIO:
        """The object as a DICOM file; the caller closes it."""
        return io.BufferedReader(Part10File(self.head, self.source))

    def close(self) -> None:
        """Nothing: it is in memory."""


@dataclass(frozen=True, slots=True)
class Details:
    """What the right side shows of a record.

    Attributes:
        found: Its data set, None if that cannot be shown; then `problem` says why.
        film: The file with its picture, if there is one.
        remarks: What the server found to say of it; safe to show.
    """

    key: Key
    found: KeptObject | None
    film: Path | None
    problem: str = ""
    remarks: str = ""


def read_details(ledger: Ledger, kind: Kind, key: Key, films: Path) -> Details | None:
    """A record's data set and film; None if the record is gone."""
    record = ledger.get(*key)
    if record is None:
        return None
    film = film_file(films, record) if kind.has_film else None
    if film is not None and not film.exists():
        film = None
    sentences = remarks_of(record)
    lines = [f"⚠ {printable(sentence, 200)}" for sentence in sentences[:MOST_REMARKS]]
    if len(sentences) > MOST_REMARKS:
        lines.append(f"And {len(sentences) - MOST_REMARKS:,} more.")
    remarks = "\n".join(lines)
    try:
        found = KeptObject(_title(kind, record), kind.sop_class, record)
    except UnreadableRecordError as error:
        return Details(key, None, film, str(error), remarks)
    return Details(key, found, film, remarks=remarks)


def _title(kind: Kind, record: Record) -> str:
    try:
        words = kind.summary(record)
    except Exception:
        # As for the row.
        words = ""
    return printable(f"{kind.noun.capitalize()}: {words or record.uid}", 120)


# files and removal


def save_records(ledger: Ledger, kind: Kind, keys: Sequence[Key], path: Path, films: Path) -> int:
    """Write records to a file: DICOM JSON if its name ends so, else one as a DICOM file, a print job's film itself.

    Returns:
        How many were written.

    Raises:
        UnreadableRecordError: There is nothing to write, or not in that form.
        OSError: The file cannot be written.
    """
    records = [record for key in keys if (record := ledger.get(*key)) is not None]
    if not records:
        raise UnreadableRecordError("It has been removed meanwhile.")
    if path.suffix.lower() == ".json":
        models = [json.loads(text_of(record.data_set)) for record in records]
        path.write_text(json.dumps(models if len(models) > 1 else models[0], indent=2, ensure_ascii=False), "utf-8")
        return len(records)
    if len(records) > 1:
        raise UnreadableRecordError("A DICOM file holds one data set; save several as JSON.")
    (record,) = records
    if kind.has_film:
        film = film_file(films, record)
        if film is None:
            raise UnreadableRecordError("This job has no film.")
        shutil.copyfile(film, path)
        return 1
    found = KeptObject("", kind.sop_class, record)
    path.write_bytes(found.head + found.data)
    return 1


def remove_records(ledger: Ledger, kind: Kind, keys: Sequence[Key], films: Path) -> int:
    """Remove records, with their films; how many there were.

    Raises:
        OSError: A film cannot be removed; what comes after it stays.
    """
    count = 0
    for key in keys:
        count += remove_job(ledger, films, key[1]) if kind.has_film else ledger.remove(*key)
    return count
