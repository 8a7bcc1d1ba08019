"""Finds the DICOM files among what a person chose, and says what is wrong with the others.

Reads only what sending and showing a list need: the file meta information and the identifying elements, never
pixel data. A file that cannot be sent is found as well, with the explanation.
Knows nothing of peers and associations.
"""

from __future__ import annotations

import os
import stat
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.filereader import read_partial
from pydicom.tag import BaseTag
from pydicom.uid import ExplicitVRLittleEndian, MediaStorageDirectoryStorage

from workstation.net.dsutils import encoding_of
from workstation.net.part10 import FileHead, NotDicomFileError, encode_head, read_head
from workstation.scu.failure import Failure, Layer
from workstation.scu.job import Job, Progress
from workstation.traffic.text import printable

# What is shown of an object: the field of `FoundFile` for each element.
_SHOWN = {
    "patient_name": "PatientName",
    "patient_id": "PatientID",
    "study_instance_uid": "StudyInstanceUID",
    "study_date": "StudyDate",
    "study_description": "StudyDescription",
    "modality": "Modality",
    "series_instance_uid": "SeriesInstanceUID",
    "series_number": "SeriesNumber",
    "series_description": "SeriesDescription",
    "instance_number": "InstanceNumber",
}
_TAGS = [tag for tag in map(tag_for_keyword, ("SpecificCharacterSet", *_SHOWN.values())) if tag is not None]
# Float, double and plain Pixel Data, and what may follow them: where the cheap part of a file ends.
_PIXEL_DATA = 0x7FE00008
_UNDEFINED_LENGTH = 0xFFFFFFFF
_SHORTEST_ELEMENT = 8
# A deflated file of half a megabyte may inflate to half a gigabyte; what is shown stands at its beginning.
_INFLATED = 4 * 1024 * 1024
_LONGEST_UID = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFile:
    """A file and what it holds, or why it cannot be sent."""

    path: Path
    size: int = 0
    sop_class_uid: str = ""
    sop_instance_uid: str = ""
    transfer_syntax_uid: str = ""
    patient_name: str = ""
    patient_id: str = ""
    study_instance_uid: str = ""
    study_date: str = ""
    study_description: str = ""
    modality: str = ""
    series_instance_uid: str = ""
    series_number: str = ""
    series_description: str = ""
    instance_number: str = ""
    problem: Failure | None = None

    @property
    def sendable(self) -> bool:
        """Whether it can be sent as it is."""
        return self.problem is None

    @property
    def sentence(self) -> str:
        """Why it cannot be sent; "" if it can."""
        return "" if self.problem is None else self.problem.sentence


def inspect(path: Path) -> FoundFile:
    """Look at one file; what is wrong with it becomes part of the answer."""
    size = 0
    try:
        state = path.stat()
        size = state.st_size
        if stat.S_ISREG(state.st_mode) and not size:
            # Not opened: what the system shows of itself as files (/proc) has no size either, and may never end.
            return _unfit(path, 0, "The file is empty", "", "Copy or export it again.")
        if not stat.S_ISREG(state.st_mode):
            # A pipe or a device would block or never end.
            return _unfit(path, size, "This is no regular file", "", "Choose files or folders.")
        head = read_head(path)
        if head.sop_class_uid == MediaStorageDirectoryStorage:
            return _unfit(
                path,
                size,
                "This is a DICOMDIR, a table of contents that is not sent",
                "",
                "The files that it lists are found in the folders beside it.",
            )
        missing = [
            name
            for name, value in (
                ("Media Storage SOP Class UID", head.sop_class_uid),
                ("Media Storage SOP Instance UID", head.sop_instance_uid),
                ("Transfer Syntax UID", head.transfer_syntax_uid),
            )
            if not value
        ]
        if missing:
            return _unfit(
                path,
                size,
                "The file meta information is incomplete",
                "it has no " + " and no ".join(missing),
                "Export the object again, or repair its group 0002.",
            )
        # Without these two no context can be proposed; an instance's UID may be as odd as it likes.
        odd = [uid for uid in (head.sop_class_uid, head.transfer_syntax_uid) if not _is_uid(uid)]
        if odd:
            return _unfit(
                path,
                size,
                "The file meta information is damaged",
                f"{odd[0]!a} is no UID",
                "Export the object again, or repair its group 0002.",
            )
        return _read(path, head)
    except NotDicomFileError as error:
        return _unfit(
            path, size, "This is no DICOM file", str(error), "Choose DICOM files (PS3.10); other files are left out."
        )
    except (OSError, ValueError) as error:
        # ValueError: a path with a NUL, which some programs let one drop.
        return unreadable(path, error, size)


def _is_uid(text: str) -> bool:
    return 0 < len(text) <= _LONGEST_UID and all(character in "0123456789." for character in text)


def unreadable(path: Path, error: OSError | ValueError, size: int = 0) -> FoundFile:
    """A file or folder that the system does not let us read."""
    reason = getattr(error, "strerror", None) or str(error)
    return _unfit(path, size, "It cannot be read", reason, "Check that it exists and that you may read it.")


def _unfit(path: Path, size: int, what: str, evidence: str, remedy: str) -> FoundFile:
    return FoundFile(path=path, size=size, problem=Failure(Layer.FILE, what, evidence, remedy))


def _read(path: Path, head: FileHead) -> FoundFile:
    """The identifying elements, and whether the file is as long as its elements say."""
    truncated = ""
    end: int | None = None  # of the element seen last; None if it does not say
    is_empty = True

    def enough(tag: BaseTag, _: str | None, length: int) -> bool:
        nonlocal truncated, end, is_empty
        is_empty = False
        if deflated:
            return int(tag) >= _PIXEL_DATA
        end = None if length == _UNDEFINED_LENGTH else file.tell() + length
        if end is not None and end > head.size:
            truncated = f"element {tag} needs {length:,} bytes, of which {end - head.size:,} are missing"
            return True
        if int(tag) >= _PIXEL_DATA:
            end = None
            return True
        return False

    # The data set of a deflated file is read from memory, where positions say nothing about the file.
    deflated = encoding_of(head.transfer_syntax_uid)[2]
    dataset = Dataset()
    file: BinaryIO
    with path.open("rb") as file:
        try:
            source = _beginning(file, head) if deflated else file
            dataset = read_partial(source, stop_when=enough, specific_tags=_TAGS)
        except RecursionError:
            return _unfit(
                path,
                head.size,
                "The data set cannot be read",
                "its sequences are nested too deep",
                "No system writes such objects by itself: export it again, or look at it with a dump tool.",
            )
        except Exception as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            # pydicom answers damaged bytes with almost any exception, an OSError of its own among them.
            return _unfit(
                path,
                head.size,
                "The data set is damaged",
                f"{type(error).__name__}: {error}",
                "Copy or export the object again.",
            )
    shown: dict[str, Any] = {field: _text(dataset, keyword) for field, keyword in _SHOWN.items()}
    found = FoundFile(
        path=path,
        size=head.size,
        sop_class_uid=head.sop_class_uid,
        sop_instance_uid=head.sop_instance_uid,
        transfer_syntax_uid=head.transfer_syntax_uid,
        **shown,
    )
    if is_empty:
        return _unfit(path, head.size, "The file holds no data set", "", "Copy or export the object again.")
    if end is not None and 0 < head.size - end < _SHORTEST_ELEMENT:
        truncated = "it ends within the head of an element"
    if truncated:
        return _unfit(path, head.size, "The file ends too early", truncated, "Copy or export the object again.")
    return found


def _beginning(file: BinaryIO, head: FileHead) -> BytesIO:
    """A deflated file as if it were not deflated and ended after the first megabytes."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    file.seek(head.offset)
    inflated = inflater.decompress(file.read(_INFLATED), _INFLATED)
    return BytesIO(
        encode_head(
            sop_class_uid=head.sop_class_uid,
            sop_instance_uid=head.sop_instance_uid,
            transfer_syntax_uid=ExplicitVRLittleEndian,
            implementation_class_uid="0",
        )
        + inflated
    )


def _text(dataset: Dataset, keyword: str) -> str:
    """A value as it is shown: one line; nothing if it cannot be decoded, which is no reason not to send the file."""
    try:
        value = dataset.get(keyword)
    except Exception:
        return ""
    return "" if value is None else printable(str(value).strip("\0 "))


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        # In a folder that may not be looked into, a link to itself, or no path at all: `inspect` says what is wrong.
        return False


def _walk(
    paths: Iterable[str | Path], cancelled: Callable[[], bool], on_found: Callable[[FoundFile], None]
) -> Iterator[Path]:
    """Every file at and below the paths, in order of name; folders that cannot be read are reported."""
    for path in map(Path, paths):
        # Only what a person chose may be a link to a folder: links below it could lead round in circles.
        if not _is_folder(path):
            yield path
            continue
        folders = [path]
        while folders and not cancelled():
            folder = folders.pop()
            try:
                with os.scandir(folder) as entries:
                    children = sorted(entries, key=lambda entry: entry.name)
            except OSError as error:
                on_found(unreadable(folder, error))
                continue
            below = []
            for entry in children:
                if entry.is_dir(follow_symlinks=False):
                    below.append(Path(entry.path))
                elif not (entry.is_symlink() and _is_folder(Path(entry.path))):
                    yield Path(entry.path)
            folders.extend(reversed(below))


def scan(
    paths: Iterable[str | Path],
    on_found: Callable[[FoundFile], None],
    cancelled: Callable[[], bool] = lambda: False,
) -> None:
    """Look at every file at and below `paths`, each once.

    Args:
        paths: Files and folders.
        on_found: Gets each file, sendable or not, as it is found.
        cancelled: Asked before each file; True ends the search.
    """
    seen: set[str] = set()
    for path in _walk(paths, cancelled, on_found):
        if cancelled():
            return
        real = os.path.realpath(path) if "\0" not in str(path) else str(path)
        if real not in seen:
            seen.add(real)
            on_found(inspect(path))


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanResult:
    """How a search ended."""

    found: int = 0
    unfit: int = 0
    bytes: int = 0
    cancelled: bool = False


class ScanJob(Job[ScanResult]):
    """`scan` as a job.

    Args:
        paths: Files and folders.
        on_found: Gets each file, in the job's thread.
        on_progress: Hears of each file.
    """

    def __init__(
        self,
        paths: Iterable[str | Path],
        on_found: Callable[[FoundFile], None],
        on_progress: Callable[[Progress], None] | None = None,
    ) -> None:
        super().__init__(on_progress)
        self.paths = tuple(paths)
        self._on_found = on_found

    def run(self) -> ScanResult:
        """Search until the end or until cancelled."""
        found = unfit = size = 0

        def count(file: FoundFile) -> None:
            nonlocal found, unfit, size
            if file.sendable:
                found += 1
                size += file.size
            else:
                unfit += 1
            self._on_found(file)
            self._tell(done=found, failed=unfit, bytes_done=size, text=str(file.path))

        scan(self.paths, count, lambda: self.cancelled)
        return ScanResult(found=found, unfit=unfit, bytes=size, cancelled=self.cancelled)
