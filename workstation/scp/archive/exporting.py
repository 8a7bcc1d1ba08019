"""Objects out of the archive: as files in a folder, with or without a DICOMDIR (PS3.10). Takes nothing away.

Names are UIDs that are nothing but UIDs, or ours; no text of a peer becomes a path. Without a DICOMDIR a file is copied
as it lies in the archive, into a folder for its study and one for its series; with one, pydicom names the files as
media want them. Existing files are never changed. Knows the archive and files, no network and no window.
"""

from __future__ import annotations

import errno
import filecmp
import os
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from workstation.scp.archive.archive import Archive, StoredObject
from workstation.scp.archive.browse import Browser
from workstation.scp.archive.tree import Key
from workstation.traffic.decoding.objects import is_uid
from workstation.traffic.text import printable

if TYPE_CHECKING:
    from pydicom.fileset import FileSet

MOST_KEPT = 1000
"""Sentences that a result keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportProgress:
    """How far an export is: objects done of how many, and bytes written."""

    done: int = 0
    total: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What an export did.

    Attributes:
        written: Files.
        there: Objects that were in the folder already, byte for byte.
        failed: Objects that are not in the folder.
        bytes: Written.
        problems: Sentences, at most `MOST_KEPT`; safe to show.
        stopped: Why it ended before its end, a sentence; "" if it did not.
        cancelled: Whether a person ended it.
        seconds: How long it took.
    """

    written: int = 0
    there: int = 0
    failed: int = 0
    bytes: int = 0
    problems: tuple[str, ...] = ()
    stopped: str = ""
    cancelled: bool = False
    seconds: float = 0.0


class ExportJob:
    """Exports once. `run` in one thread, `cancel` from any.

    Args:
        archive: Where from.
        keys: What, as `browse` returns them.
        folder: Where to; made if it is not there.
        dicomdir: Whether to write a DICOMDIR, with files named for media.
        on_progress: Hears of each object, in the thread of `run`.
    """

    def __init__(
        self,
        archive: Archive,
        keys: Iterable[Key],
        folder: str | Path,
        *,
        dicomdir: bool = False,
        on_progress: Callable[[ExportProgress], None] = lambda _progress: None,
    ) -> None:
        self._archive = archive
        self._keys = tuple(keys)
        self._folder = Path(folder)
        self._with_dicomdir = dicomdir
        self._on_progress = on_progress
        self._cancelled = threading.Event()
        self._done = Exported()
        self._problems: list[str] = []

    def cancel(self) -> None:
        """Have `run` end after the file under way; what is written stays."""
        self._cancelled.set()

    def run(self) -> Exported:
        """Export all; what is wrong with an object is part of the result.

        Raises:
            SQLAlchemyError: The index cannot be read.
        """
        began = time.monotonic()
        objects = Browser(self._archive).objects(self._keys)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            if self._with_dicomdir:
                self._write_file_set(objects)
            else:
                self._copy_all(objects)
        except OSError as error:
            self._done = replace(self._done, stopped=_reason(self._folder, error))
        return replace(
            self._done,
            problems=tuple(self._problems),
            cancelled=self._cancelled.is_set(),
            seconds=time.monotonic() - began,
        )

    def _tell(self, done: int, total: int) -> None:
        self._on_progress(ExportProgress(done=done, total=total, bytes=self._done.bytes))

    def _failed(self, sentence: str) -> None:
        self._done = replace(self._done, failed=self._done.failed + 1)
        if len(self._problems) < MOST_KEPT:
            self._problems.append(sentence)

    # --- as they are

    def _copy_all(self, objects: list[StoredObject]) -> None:
        folders = Browser(self._archive).places(objects)
        for number, one in enumerate(objects):
            if self._cancelled.is_set():
                return
            self._tell(number, len(objects))
            study, series = folders.get(one.sop_instance_uid, ("", ""))
            target = self._folder
            if study:
                target = target / safe_name(study) / safe_name(series)
            try:
                target.mkdir(parents=True, exist_ok=True)
                self._copy(one, target)
            except FileNotFoundError:
                self._failed(f"{printable(one.sop_instance_uid, 64)}: it was deleted meanwhile.")
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
                    raise
                self._failed(f"{printable(one.sop_instance_uid, 64)}: {_reason(target, error)}")
        self._tell(len(objects), len(objects))

    def _copy(self, one: StoredObject, folder: Path) -> None:
        name = safe_name(one.sop_instance_uid)
        number = 1
        while (path := folder / (f"{name}.dcm" if number == 1 else f"{name}-{number}.dcm")).exists():
            if filecmp.cmp(one.path, path, shallow=False):
                self._done = replace(self._done, there=self._done.there + 1)
                return
            number += 1
        # Never half a file under its name.
        part = folder / f".{uuid.uuid4().hex}.part"
        try:
            shutil.copyfile(one.path, part)
            part.rename(path)
        finally:
            part.unlink(missing_ok=True)
        self._done = replace(self._done, written=self._done.written + 1, bytes=self._done.bytes + path.stat().st_size)

    # --- with a DICOMDIR

    def _write_file_set(self, objects: list[StoredObject]) -> None:
        # Slow to load.
        from pydicom.fileset import FileSet

        if any(os.scandir(self._folder)):
            self._done = replace(
                self._done, stopped="A DICOMDIR is written into an empty folder; this one has something in it."
            )
            return
        file_set = FileSet()
        for number, one in enumerate(objects):
            if self._cancelled.is_set():
                return
            self._tell(number, len(objects))
            self._add(file_set, one)
        if not len(file_set):
            return
        file_set.write(self._folder)
        files = [path for path in self._folder.rglob("*") if path.is_file() and path.name != "DICOMDIR"]
        self._done = replace(self._done, written=len(files), bytes=sum(path.stat().st_size for path in files))
        self._tell(len(objects), len(objects))

    def _add(self, file_set: FileSet, one: StoredObject) -> None:
        try:
            file_set.add(one.path)
        except FileNotFoundError:
            self._failed(f"{printable(one.sop_instance_uid, 64)}: it was deleted meanwhile.")
        except OSError:
            raise
        except Exception as error:
            # What a peer left out, or wrote oddly, pydicom answers with almost any exception.
            reason = printable(str(error), 200) or type(error).__name__
            self._failed(f"{printable(one.sop_instance_uid, 64)} cannot be listed in a DICOMDIR: {reason}")


def safe_name(uid: str) -> str:
    """A name for a file or folder: the UID if it is one, else one of ours that is always the same for this text."""
    return uid if is_uid(uid) else f"no-uid-{blake2b(uid.encode('utf-8', 'replace'), digest_size=8).hexdigest()}"


def _reason(place: Path, error: OSError) -> str:
    return f"{printable(str(place), 200)} cannot be written: {error.strerror or error}."
