"""Files into the archive: single ones, folders, and what a DICOMDIR lists (PS3.10, PS3.3 F). Copies, moves nothing.

Each file goes the way of a received object: the same checks, the same safety. What is wrong with one is a sentence of
its own and stops nothing else; a full disk stops all. Several threads, because each spends its time waiting for the
disk. Knows the archive and files, no network and no window.
"""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from queue import SimpleQueue

import pydicom

from workstation.net.part10 import read_head
from workstation.scp.archive.archive import Archive
from workstation.scp.archive.disk import FileSource
from workstation.scp.archive.extract import uids_of
from workstation.scp.archive.scan import DamagedDataSetError
from workstation.scp.archive.sink import OUT_OF_RESOURCES, StoreResult
from workstation.traffic.decoding.objects import FileObject, ObjectError
from workstation.traffic.text import printable

DICOMDIR_CLASS = "1.2.840.10008.1.3.10"
MOST_KEPT = 1000
"""Outcomes with a sentence that a result keeps; the others are only counted."""

_THREADS = 4
# A preamble and nothing, or not even that: the encoding of what follows is a guess.
_LONGEST_NO_HEAD = 132
_NO_DICOM = "This is no DICOM file: bytes 128 to 131 are not DICM (PS3.10 7.1), and it begins with no data set."
_STRETCH = 1 << 20


class Outcome(Enum):
    """What became of a file."""

    STORED = "stored"
    REPLACED = "stored in place of another with its UID"
    DUPLICATE = "there already"
    OTHER = "no DICOM object"
    FAILED = "not stored"


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """One file.

    Attributes:
        path: Which.
        outcome: What became of it.
        sentence: Why, if it was not stored; safe to show.
        bytes: Of its data set.
    """

    path: Path
    outcome: Outcome
    sentence: str = ""
    bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportProgress:
    """How far an import is.

    Attributes:
        done, total: Files; the total is None while folders are looked through.
        stored: Objects, replacements among them.
        bytes: Read.
        name: Of the last file; safe to show.
    """

    done: int = 0
    total: int | None = None
    stored: int = 0
    bytes: int = 0
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import did.

    Attributes:
        counts: Files by what became of them.
        bytes: Of the data sets stored.
        problems: Those with a sentence, at most `MOST_KEPT`.
        stopped: Why it ended before its end, a sentence; "" if it did not.
        cancelled: Whether a person ended it.
        seconds: How long it took.
    """

    counts: dict[Outcome, int]
    bytes: int
    problems: tuple[FileOutcome, ...]
    stopped: str = ""
    cancelled: bool = False
    seconds: float = 0.0

    @property
    def stored(self) -> int:
        """Objects stored, replacements among them."""
        return self.counts[Outcome.STORED] + self.counts[Outcome.REPLACED]


class ImportJob:
    """Imports once. `run` in one thread, `cancel` from any.

    Args:
        archive: Where to.
        paths: Files, folders and DICOMDIRs that a person chose. Of a folder everything below it.
        on_progress: Hears of each file, in the thread of `run`.
        on_file: Hears what became of each file, in the thread of `run`.
    """

    def __init__(
        self,
        archive: Archive,
        paths: Iterable[str | Path],
        on_progress: Callable[[ImportProgress], None] = lambda _progress: None,
        on_file: Callable[[FileOutcome], None] = lambda _outcome: None,
    ) -> None:
        self._archive = archive
        self._paths = [Path(path) for path in paths]
        self._on_progress = on_progress
        self._on_file = on_file
        self._cancelled = threading.Event()
        # Whoever meets the full disk stops the others.
        self._stopped = ""
        self._lists: list[FileOutcome] = []

    def cancel(self) -> None:
        """Have `run` end after the files under way; what is stored stays."""
        self._cancelled.set()

    @property
    def _is_over(self) -> bool:
        return self._cancelled.is_set() or bool(self._stopped)

    def run(self) -> Imported:
        """Import all; what is wrong with a file is part of the result."""
        began = time.monotonic()
        counts = dict.fromkeys(Outcome, 0)
        problems: list[FileOutcome] = []
        progress = ImportProgress()
        size = 0
        files = self._collect()
        progress = replace(progress, total=len(files) + len(self._lists))
        self._on_progress(progress)
        for outcome in self._outcomes(files):
            counts[outcome.outcome] += 1
            if outcome.sentence and len(problems) < MOST_KEPT:
                problems.append(outcome)
            is_stored = outcome.outcome in (Outcome.STORED, Outcome.REPLACED)
            size += outcome.bytes if is_stored else 0
            progress = replace(
                progress,
                done=progress.done + 1,
                stored=progress.stored + is_stored,
                bytes=progress.bytes + outcome.bytes,
                name=printable(outcome.path.name),
            )
            self._on_file(outcome)
            self._on_progress(progress)
        return Imported(
            counts=counts,
            bytes=size,
            problems=tuple(problems),
            stopped=self._stopped,
            cancelled=self._cancelled.is_set(),
            seconds=time.monotonic() - began,
        )

    # --- which files

    def _collect(self) -> list[Path]:
        found: dict[str, Path] = {}
        last_told = time.monotonic()
        for path in self._walk():
            if self._cancelled.is_set():
                break
            found.setdefault(os.path.realpath(path) if "\0" not in str(path) else str(path), path)
            if time.monotonic() - last_told > 0.1:
                last_told = time.monotonic()
                self._on_progress(ImportProgress(done=len(found), name=printable(path.parent.name)))
        return list(found.values())

    def _walk(self) -> Iterator[Path]:
        for path in self._paths:
            if not _is_folder(path):
                if _is_dicomdir(path):
                    yield from self._listed(path)
                else:
                    yield path
                continue
            folders = [path]
            while folders and not self._cancelled.is_set():
                folder = folders.pop()
                try:
                    with os.scandir(folder) as entries:
                        children = sorted(entries, key=lambda entry: entry.name)
                except OSError as error:
                    self._lists.append(FileOutcome(folder, Outcome.FAILED, _reason("This folder", error)))
                    continue
                # Links below could lead round in circles, or out of what the person chose.
                below = [Path(entry.path) for entry in children if entry.is_dir(follow_symlinks=False)]
                yield from (Path(entry.path) for entry in children if not _is_folder(Path(entry.path)))
                folders.extend(reversed(below))

    def _listed(self, path: Path) -> Iterator[Path]:
        """The files that a DICOMDIR lists; never outside its folder, whatever it says."""
        try:
            directory = pydicom.dcmread(path)
            records = list(directory.DirectoryRecordSequence)
            references = [each for each in (record.get("ReferencedFileID") for record in records) if each]
        except Exception as error:
            # pydicom answers damaged bytes with almost any exception.
            sentence = f"This DICOMDIR cannot be read ({type(error).__name__}). Choose its folder to import all files."
            self._lists.append(FileOutcome(path, Outcome.FAILED, sentence))
            return
        if not references:
            self._lists.append(FileOutcome(path, Outcome.FAILED, "This DICOMDIR lists no file, or is cut short."))
        for reference in references:
            names = [str(name) for name in ([reference] if isinstance(reference, str) else reference)]
            file = _within(path.parent, names)
            if file is None:
                sentence = f"The DICOMDIR lists {printable('/'.join(names), 80)}, which is not there."
                self._lists.append(FileOutcome(path, Outcome.FAILED, sentence))
            else:
                yield file

    # --- one file after the other, in several threads

    def _outcomes(self, files: list[Path]) -> Iterator[FileOutcome]:
        yield from self._lists
        outcomes: SimpleQueue[FileOutcome | None] = SimpleQueue()
        waiting = iter(files)
        lock = threading.Lock()  # guards `waiting`

        def work() -> None:
            try:
                while not self._is_over:
                    with lock:
                        path = next(waiting, None)
                    if path is None:
                        return
                    outcomes.put(self._import(path))
            finally:
                outcomes.put(None)

        if not files:
            return
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="workstation-import") as pool:
            workers = [pool.submit(work) for _ in range(_THREADS)]
            for _ in workers:
                while (outcome := outcomes.get()) is not None:
                    yield outcome
            for worker in workers:
                # A defect of ours is not taken for success.
                worker.result()

    def _import(self, path: Path) -> FileOutcome:
        try:
            state = path.stat()
            if not stat.S_ISREG(state.st_mode):
                return FileOutcome(path, Outcome.OTHER, "This is no regular file.")
            if not state.st_size:
                return FileOutcome(path, Outcome.OTHER, "The file is empty.")
            found = FileObject(path)
            found.close()
            if found.sop_class_uid == DICOMDIR_CLASS:
                return FileOutcome(path, Outcome.OTHER, "This is a DICOMDIR; the files that it lists are imported.")
            offset = state.st_size - found.source.length
            with FileSource(path, offset) as data:
                try:
                    # What the data set says, not its file meta information: some leave that as it was of another file.
                    sop_class, instance = uids_of(data, found.transfer_syntax)
                except DamagedDataSetError:
                    if offset > _LONGEST_NO_HEAD:
                        raise
                    sop_class = ""
                if not sop_class and offset <= _LONGEST_NO_HEAD:
                    # Any file may begin with what could be a tag.
                    return FileOutcome(path, Outcome.OTHER, _NO_DICOM)
                return self._store(path, data, sop_class, instance, found.transfer_syntax)
        except ObjectError:
            return FileOutcome(path, Outcome.OTHER, _NO_DICOM)
        except DamagedDataSetError as error:
            return FileOutcome(path, Outcome.FAILED, printable(str(error), 300))
        except (OSError, ValueError) as error:
            # ValueError: a path with a NUL, which some programs let one drop.
            return FileOutcome(path, Outcome.FAILED, _reason("The file", error))

    def _store(self, path: Path, data: FileSource, sop_class: str, instance: str, transfer_syntax: str) -> FileOutcome:
        sink = self._archive.new_sink(sop_class, instance, transfer_syntax)
        try:
            for place in range(0, data.size, _STRETCH):
                if sink.failure is not None or self._cancelled.is_set():
                    break
                sink.write(memoryview(data.read(place, min(_STRETCH, data.size - place))))
            if self._cancelled.is_set():
                sink.discard()
                return FileOutcome(path, Outcome.FAILED, "The import was cancelled.")
        except BaseException:
            sink.discard()
            raise
        sink.finish()
        return self._told(path, data.size, self._archive.commit(sink))

    def _told(self, path: Path, size: int, result: StoreResult) -> FileOutcome:
        if result.status == OUT_OF_RESOURCES:
            # Nothing that comes after will have more room, or a better disk.
            self._stopped = self._stopped or result.comment
        if result.status != 0x0000:
            return FileOutcome(path, Outcome.FAILED, printable(result.comment, 300), size)
        if result.was_there:
            return FileOutcome(path, Outcome.DUPLICATE, "", size)
        return FileOutcome(path, Outcome.REPLACED if result.has_replaced else Outcome.STORED, "", size)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _is_dicomdir(path: Path) -> bool:
    try:
        # A pipe or a device would block or never end.
        return path.is_file() and read_head(path).sop_class_uid == DICOMDIR_CLASS
    except (OSError, ValueError):
        return False


def _within(folder: Path, names: Iterable[str]) -> Path | None:
    """The file of a DICOMDIR's reference, whatever the case of its name on this medium; None if there is none."""
    path = folder
    for name in names:
        if not name or name in (".", "..") or any(sign in name for sign in "/\\:\0"):
            return None
        candidate = path / name
        if not candidate.exists():
            try:
                spelled = [each.name for each in os.scandir(path) if each.name.upper().split(";")[0] == name.upper()]
            except OSError:
                return None
            if not spelled:
                return None
            candidate = path / spelled[0]
        path = candidate
    # A link must not lead out of the medium either.
    return path if path.is_file() and path.resolve().is_relative_to(folder.resolve()) else None


def _reason(what: str, error: OSError | ValueError) -> str:
    return f"{what} cannot be read: {printable(getattr(error, 'strerror', None) or str(error), 200)}."
