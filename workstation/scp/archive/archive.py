"""The archive: received objects as files, safe on disk before anybody is told success (PS3.10, PS3.4 B.4).

An object is written as its bytes arrive into `objects/<folder>/<name>.part`, beside its final place: preamble and file
meta information first, then the data set as received. `commit` scans it, flushes it and renames it to `.dcm`, flushes
the folder and adds its row to the index; only then it is stored. Objects that arrive at once share the flush of the
folder. Names are ours; the peer's text reaches the index, never a path. Knows no network.

The same SOP Instance UID again: identical bytes keep the first file; other bytes replace it, the new file being
committed before the old one is removed.

After a crash the next start removes unfinished files, renames those whose row was quicker than their name (where nobody
waited for the disk), and reads finished ones that have no row into the index. So the index is rebuilt from the files
when it is absent or damaged, a damaged one is kept aside, and the row of a new object need be neither flushed nor
committed at once.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import Dataset
from sqlalchemy.exc import SQLAlchemyError

from workstation.net.part10 import NotDicomFileError, read_head
from workstation.scp.archive.disk import FileSource, are_same, sync_file, sync_folder
from workstation.scp.archive.extract import UnsuitableObjectError, extract
from workstation.scp.archive.folder_lock import FolderLock
from workstation.scp.archive.folders import Folders
from workstation.scp.archive.index import DamagedIndexError, Index
from workstation.scp.archive.search import Located
from workstation.scp.archive.sink import OUT_OF_RESOURCES, ArchiveSink, StoreResult, checksum_of, disk_failure
from workstation.scp.archive.space import MINIMUM_FREE, Space, SpaceGuard
from workstation.scp.archive.tree import Key
from workstation.scp.archive.writing import Entry
from workstation.scp.query.levels import Level, Model, check_find, check_retrieve

LOGGER = logging.getLogger(__name__)

# PS3.7 C.5.20, Refused: Not Authorized.
NOT_AUTHORIZED = 0x0124


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object of the archive, to be sent."""

    path: Path
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to the archive: how many objects were stored, new or in place of another, or removed."""

    stored: int = 0
    removed: int = 0


@dataclass(frozen=True, slots=True)
class Deleted:
    """What a deletion did."""

    objects: int
    bytes: int
    cancelled: bool


Listener = Callable[[Change], None]

_OBJECTS = "objects"
_STORED, _NEW = Change(stored=1), StoreResult()
# Storing waits for one such step of a deletion.
_AT_ONCE = 200


class Archive:
    """Objects on disk and their index. All methods may be called from any thread.

    Args:
        folder: everything is below it; made if absent.
        url: the index's database, by default SQLite in the folder.
        durable: flush to the disk before success; False trades this for speed.
        minimum_free: bytes of the disk to be left free: nothing is stored while there are fewer. 0 for no limit.

    Raises:
        OSError: the folder cannot be made or written.
        SQLAlchemyError: the database cannot be used.
    """

    def __init__(
        self,
        folder: str | Path,
        url: str | None = None,
        durable: bool = True,
        minimum_free: int = MINIMUM_FREE,
    ) -> None:
        self.folder = Path(folder).absolute()
        self._durable = durable
        self._objects = self.folder / _OBJECTS
        self._guard = SpaceGuard(self.folder, minimum_free)
        self._listeners: tuple[Listener, ...] = ()
        self._objects.mkdir(parents=True, exist_ok=True)
        sync_folder(self.folder)
        self._folders = Folders(self._objects)
        self._lock = FolderLock(self.folder / "in-use")
        try:
            is_alone = self._lock.is_alone()
            self._index = self._open_index(url, is_alone)
            if is_alone or self._index.was_rebuilt:
                # Somebody else's unfinished file looks like one that a crash left behind: sweep only when alone.
                self._recover(sweeps=is_alone)
            self._lock.share()
        except BaseException:
            self._lock.release()
            raise

    def _open_index(self, url: str | None, is_alone: bool) -> Index:
        if url is not None:
            return Index(url, durable=self._durable)
        path = self.folder / "index.sqlite"
        own = f"sqlite:///{path}"
        if not is_alone:
            # Whoever came first has looked at it, and it must not be taken away from under them.
            return Index(own, durable=self._durable)
        try:
            return Index(own, durable=self._durable, checks=True)
        except DamagedIndexError:
            kept = _keep_aside(path)
            LOGGER.warning("The archive's index was damaged. It is made again from the files and kept as %s", kept)
            return Index(own, durable=self._durable)

    def close(self) -> None:
        """Close the index and let others tidy up."""
        self._index.close()
        self._lock.release()

    @property
    def durable(self) -> bool:
        """Whether success waits for the disk. May be changed at any time."""
        return self._durable

    @durable.setter
    def durable(self, durable: bool) -> None:
        self._durable = self._index.durable = durable

    @property
    def minimum_free(self) -> int:
        """Bytes of the disk to be left free; may be changed at any time."""
        return self._guard.minimum_free

    @minimum_free.setter
    def minimum_free(self, count: int) -> None:
        self._guard.minimum_free = count

    # hearing of changes

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` after each change, in the thread that made it: it must be quick. Returns what ends that.

        Only of what this archive did: another process on the same folder has listeners of its own.
        """
        self._listeners = (*self._listeners, listener)

        def end() -> None:
            self._listeners = tuple(each for each in self._listeners if each is not listener)

        return end

    def _tell(self, change: Change) -> None:
        for listener in self._listeners:
            try:
                listener(change)
            except Exception:
                # What is stored is stored, whoever makes a mistake afterwards.
                LOGGER.exception("A listener of the archive failed")

    # storing

    def new_sink(
        self, sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str, calling_ae_title: str = ""
    ) -> ArchiveSink:
        """Return the sink for an object that begins to arrive. Give it to `commit`, or `discard` it."""
        failure = None
        try:
            folder = self._folders.place()
        except OSError as error:
            folder, failure = self._objects, disk_failure(error)
        return ArchiveSink(
            folder,
            sop_class_uid=sop_class_uid,
            sop_instance_uid=sop_instance_uid,
            transfer_syntax_uid=transfer_syntax_uid,
            calling_ae_title=calling_ae_title,
            guard=self._guard,
            durable=self._durable,
            failure=failure,
        )

    def commit(self, sink: ArchiveSink, is_wanted: Callable[[Mapping[str, str]], bool] | None = None) -> StoreResult:
        """Make an arrived object part of the archive. Status 0x0000 means that it is safe and can be found.

        Args:
            sink: what has arrived.
            is_wanted: looks at the object's attributes, by keyword, and says whether it may be stored.
        """
        if sink.failure is not None:
            return sink.failure
        try:
            return self._commit(sink, is_wanted)
        except UnsuitableObjectError as error:
            sink.discard()
            return StoreResult(error.status, str(error))
        except OSError as error:
            sink.discard()
            return disk_failure(error)
        except SQLAlchemyError as error:
            LOGGER.warning("The archive's index cannot be written: %s", error)
            self._discard_unless_indexed(sink)
            return StoreResult(OUT_OF_RESOURCES, "The archive's index cannot be written.")
        except BaseException:
            sink.discard()
            raise

    def _discard_unless_indexed(self, sink: ArchiveSink) -> None:
        """Remove the file of a failed commit, unless the database made the row and failed afterwards, or is mute.

        A row must never lose its file; a file without a row is dealt with at the next start.
        """
        try:
            found = self._index.known(sink.sop_instance_uid)
        except SQLAlchemyError:
            return
        if found is None or found.file != _file_of(sink):
            sink.discard()

    def _commit(self, sink: ArchiveSink, is_wanted: Callable[[Mapping[str, str]], bool] | None) -> StoreResult:
        durable = self._durable
        with sink.arrived() as data:
            texts = extract(data, sink.transfer_syntax_uid, sink.sop_class_uid, sink.sop_instance_uid)
        if is_wanted is not None and not is_wanted(texts):
            raise UnsuitableObjectError(NOT_AUTHORIZED, "Nobody here asked for this object.")
        # Last, because the disk writes while we look.
        sink.complete(durable=durable)
        # From here a failure removes the final file; a crash leaves it for the next start.
        if durable:
            self._folders.flush(sink.folder)
        entry = Entry(
            texts=texts,
            file=_file_of(sink),
            transfer_syntax=sink.transfer_syntax_uid,
            checksum=sink.checksum,
            size=sink.size,
        )
        first = self._index.add(entry)
        result = _NEW
        if first is not None:
            if self._is_same(first, entry):
                sink.discard()
                if durable:
                    self._make_sure_of(self.folder / first.file)
                return StoreResult(was_there=True)
            replaced = self._index.store(entry)
            if replaced is not None:
                self._remove(self.folder / replaced)
                result = StoreResult(has_replaced=True)
        if self._listeners:
            self._tell(_STORED)
        return result

    def _make_sure_of(self, path: Path) -> None:
        """Bring a file to the disk that was stored while nobody waited for that."""
        sync_file(path)
        self._folders.flush(path.parent)

    def _is_same(self, first: Located, entry: Entry) -> bool:
        """Whether the same data set is stored already, its file still as it was received."""
        if (first.size, first.transfer_syntax_uid) != (entry.size, entry.transfer_syntax):
            return False
        try:
            return are_same(self.folder / first.file, self.folder / entry.file, entry.size)
        except OSError:
            return False

    def _is_whole(self, path: Path, size: int) -> bool:
        try:
            # The file has a head of a few hundred bytes before the data set.
            return path.stat().st_size > size
        except OSError:
            return False

    def _remove(self, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            LOGGER.warning("The file %s stays until the next start: %s", path, error)

    # deleting

    def delete(
        self,
        keys: Iterable[Key],
        *,
        on_progress: Callable[[int], None] = lambda _count: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Deleted:
        """Remove patients, studies, series or objects: rows first, then files. One that is gone already is passed over.

        A file that somebody reads stays readable for them. What a cancelled deletion has done stays done.

        Args:
            keys: as `browse` returns them.
            on_progress: hears how many objects are removed so far.
            cancelled: asked between some hundred objects.

        Raises:
            SQLAlchemyError: the index cannot be written; objects removed so far are.
        """
        count = size = 0
        was_cancelled = False
        for key in keys:
            while not (was_cancelled := was_cancelled or cancelled()):
                removed = self._index.remove(key, _AT_ONCE)
                if removed:
                    count += len(removed)
                    size += sum(each.size for each in removed)
                    self._remove_doomed(each.file for each in removed)
                    on_progress(count)
                    self._tell(Change(removed=len(removed)))
                if len(removed) < _AT_ONCE:
                    break
        return Deleted(objects=count, bytes=size, cancelled=was_cancelled)

    def _remove_doomed(self, files: Iterable[str]) -> None:
        gone = []
        for file in files:
            try:
                (self.folder / file).unlink(missing_ok=True)
            except OSError as error:
                # Somebody reads it, on a system that does not allow that.
                LOGGER.warning("The deleted file %s stays until the next start: %s", file, error)
            else:
                gone.append(file)
        self._index.forget(gone)

    # finding

    def find(self, level: Level, model: Model, identifier: Dataset) -> Iterator[Dataset]:
        """Yield the identifier of each match of a query. For the whole of C-FIND's answer see `index`.

        Raises:
            WrongIdentifierError: at the first match, with the status to answer.
        """
        request = Dataset()
        request.update(identifier)
        request.QueryRetrieveLevel = level.value
        yield from self._index.find(check_find(model, request))

    def matches_for_retrieve(
        self, level: Level, model: Model, identifier: Dataset, *, relational: bool = False
    ) -> list[StoredObject]:
        """Return the objects that a retrieval names.

        Raises:
            WrongIdentifierError: with the status to answer.
        """
        request = Dataset()
        request.update(identifier)
        request.QueryRetrieveLevel = level.value
        return [
            StoredObject(
                self.folder / found.file, found.sop_class_uid, found.sop_instance_uid, found.transfer_syntax_uid
            )
            for found in self._index.objects(check_retrieve(model, request, relational=relational))
        ]

    @property
    def index(self) -> Index:
        """The index."""
        return self._index

    def counts(self) -> dict[Level, int]:
        """Return how many patients, studies, series and objects are stored."""
        return self._index.counts()

    def space(self) -> Space:
        """Return how large the archive's disk is, what is left of it, and what is to be left."""
        return self._guard.look()

    # after a crash

    def _recover(self, *, sweeps: bool) -> None:
        self._remove_doomed(self._index.doomed())
        missing = self._index.counts()[Level.IMAGE]
        for folder in self._folders:
            names = {entry.name for entry in os.scandir(folder)}
            if not names and sweeps:
                self._remove_folder(folder)
                continue
            place = folder.relative_to(self.folder)
            finished = {
                name.removesuffix(".part").removesuffix(".dcm") + ".dcm"
                for name in names
                if name.isascii() and name.endswith((".part", ".dcm"))
            }
            indexed = {Path(file).name for file in self._index.among(f"{place.as_posix()}/{name}" for name in finished)}
            missing -= len(indexed)
            for name in sorted(names - indexed):
                path = folder / name
                if not path.is_file():
                    # Not ours; a pipe would never end.
                    continue
                if name.endswith(".part") and sweeps:
                    final = path.with_suffix(".dcm")
                    if final.name in indexed - names:
                        path.rename(final)
                    else:
                        self._remove(path)
                elif name.endswith(".dcm"):
                    self._adopt(path, sweeps=sweeps)
        if missing > 0:
            LOGGER.warning("%d indexed files are missing from %s", missing, self._objects)

    def _remove_folder(self, folder: Path) -> None:
        try:
            folder.rmdir()
        except OSError as error:
            LOGGER.warning("The empty folder %s stays: %s", folder, error)

    def _adopt(self, path: Path, *, sweeps: bool) -> None:
        """Index a finished file that has no row: its row was not committed, or the index was lost."""
        try:
            head = read_head(path)
            first = self._index.known(head.sop_instance_uid)
            if first is not None and self._is_whole(self.folder / first.file, first.size):
                # Replaced, or never acknowledged: either way the indexed one is what the peer was told of. Unless
                # somebody else is about to index this one.
                if sweeps:
                    self._remove(path)
                return
            with FileSource(path, head.offset) as data:
                texts = extract(data, head.transfer_syntax_uid, head.sop_class_uid, head.sop_instance_uid)
                checksum = checksum_of(data)
            self._index.store(
                Entry(
                    texts=texts,
                    file=path.relative_to(self.folder).as_posix(),
                    transfer_syntax=head.transfer_syntax_uid,
                    checksum=checksum,
                    size=head.size - head.offset,
                )
            )
        except (OSError, NotDicomFileError, UnsuitableObjectError) as error:
            LOGGER.warning("The file %s is not in the index and cannot be read into it: %s", path, error)


def _file_of(sink: ArchiveSink) -> str:
    """Where an object's file is below the archive's folder."""
    return f"{_OBJECTS}/{sink.folder.name}/{sink.name}"


def _keep_aside(path: Path) -> Path:
    """Rename a damaged database, and what belongs to it, to a name that nobody has yet."""
    number = 1
    while (kept := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    path.rename(kept)
    for ending in ("-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)
    return kept
