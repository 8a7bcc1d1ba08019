"""DICOM objects in traffic: the data set of a message as bytes, as a DICOM file (PS3.10), and all of them as a folder.

A data set is never joined to be read: a `Stretches` refers to the bytes of the PDUs that carried it, as they were when
it was made, so that another thread may read it while the log lets PDUs go. What is not there is said; bytes are never
invented. File names are ours: a peer's UID becomes one only if it is a UID and nothing else. Knows no pixels and no Qt.
"""

from __future__ import annotations

import io
import os
import re
import uuid
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol

from workstation.net.part10 import MAGIC, PREAMBLE, NotDicomFileError, encode_head, read_head
from workstation.net.uids import uid_name
from workstation.traffic.conversation import Conversation
from workstation.traffic.decoding.elements import Source
from workstation.traffic.rows import MessageRow
from workstation.traffic.text import printable, quantity

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = [
    "DicomObject",
    "Exported",
    "FileObject",
    "MessageObject",
    "ObjectError",
    "Part10File",
    "Stretches",
    "data_set_reader",
    "export_objects",
    "is_uid",
    "save_object",
    "write_object",
]

_STRETCH: Final = 1 << 20
MAX_PROBLEMS: Final = 200
# PS3.5 section 9.1, and nothing that could be a path.
_UID: Final = re.compile(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))+")
_IMPLICIT, _EXPLICIT, _BIG_ENDIAN = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"


class ObjectError(ValueError):
    """A sentence that says why there is no object to read, show or save."""


def is_uid(text: str) -> bool:
    """Whether a text is a UID as PS3.5 section 9 has it."""
    return len(text) <= 64 and _UID.fullmatch(text) is not None


# --------------------------------------------------------------------------- bytes where they lie
class Stretches:
    """The data set of a message as it is kept now; a `Source`, to be read by any thread.

    Attributes:
        length: bytes of it that are known to be, kept or not.
        open_ended: whether there is or will be more.
        missing: why bytes may be absent, "not kept" or "not arrived yet".
        gap: a sentence on what is absent, "" when the data set is here as a whole.
    """

    def __init__(self, row: MessageRow) -> None:
        self.open_ended = not row.complete
        self.missing = "not arrived yet" if self.open_ended and not row.problem else "not kept"
        self.length = 0
        self.gap = ""
        self._starts: list[int] = []
        self._lengths: list[int] = []
        self._views: list[memoryview] = []
        cut = 0
        for fragment in row.fragments(command=False):
            # Unknown bytes are lost before this PDU: what comes behind cannot be placed.
            if fragment.pdu.lost and fragment.pdu is not row.pdus[0]:
                self.open_ended = True
                self.gap = "PDUs within it were not recorded"
                break
            view = memoryview(fragment.pdu.data)[fragment.offset : fragment.offset + fragment.length]
            cut += fragment.length - len(view)
            self._starts.append(self.length)
            self._lengths.append(fragment.length)
            self._views.append(view)
            self.length += fragment.length
        if row.omitted or self.length < row.data_size:
            self.open_ended = True
            self.gap = self.gap or f"{quantity(row.data_size - self.length, 'byte')} at its end are not kept"
        if cut:
            self.gap = self.gap or f"{cut:,} of its {quantity(row.data_size, 'byte')} are not kept"
        if not row.complete:
            self.gap = self.gap or (row.problem or "its end has not arrived")

    def read(self, offset: int, count: int) -> bytes:
        """At most `count` bytes from `offset`, up to the first that is not kept."""
        index = bisect_right(self._starts, offset) - 1
        pieces: list[memoryview] = []
        while 0 <= index < len(self._starts) and count > 0:
            within = offset - self._starts[index]
            wanted = min(count, self._lengths[index] - within)
            if wanted <= 0:
                break
            piece = self._views[index][within : within + wanted]
            pieces.append(piece)
            if len(piece) < wanted:
                break
            offset += wanted
            count -= wanted
            index += 1
        return bytes(pieces[0]) if len(pieces) == 1 else b"".join(pieces)


class _FileSource:
    """A data set in a file; a `Source`."""

    open_ended = False
    missing = "no longer in the file"

    def __init__(self, path: Path, offset: int, length: int) -> None:
        self.length = length
        self._offset = offset
        self._file = path.open("rb", buffering=0)
        self._lock = Lock()  # guards the place in the file

    def read(self, offset: int, count: int) -> bytes:
        with self._lock:
            if self._file.closed:
                return b""
            self._file.seek(self._offset + offset)
            return self._file.read(min(count, max(self.length - offset, 0))) or b""

    def close(self) -> None:
        with self._lock:
            self._file.close()


class Part10File(io.RawIOBase):
    """File meta information and a data set as one readable file, without a copy of either.

    It ends where the first byte is absent.
    """

    # pydicom asks a buffered reader for the name of its file.
    name = ""

    def __init__(self, head: bytes, source: Source) -> None:
        self._head = head
        self._source = source
        self._position = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """The place of the next byte to be read."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: len(self._head) + self._source.length}
        self._position = max(base[whence] + offset, 0)
        return self._position

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Read as many bytes as are wanted and there."""
        wanted = memoryview(buffer)
        start, head = self._position, self._head
        if start < len(head):
            piece = head[start : start + len(wanted)]
        else:
            piece = self._source.read(start - len(head), len(wanted))
        wanted[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)


def data_set_reader(row: MessageRow) -> BinaryIO:
    """The data set of a message as a readable, seekable file; it ends at the first byte that is not kept."""
    return io.BufferedReader(Part10File(b"", Stretches(row)), _STRETCH)


# --------------------------------------------------------------------------- objects
class DicomObject(Protocol):
    """A data set somewhere, and what is needed to read it.

    Attributes:
        title: what to call it; safe to show.
        sop_class_uid: "" if not known.
        sop_instance_uid: "" if not known.
        transfer_syntax: a UID, "" if not known.
        head: the file meta information before it, preamble included.
        gap: a sentence on what is absent, "" when it is whole.
    """

    title: str
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax: str
    head: bytes
    gap: str

    @property
    def source(self) -> Source:
        """The bytes of the data set."""

    def open(self) -> BinaryIO:
        """The object as a DICOM file; the caller closes it."""

    def close(self) -> None:
        """Nobody will read it any more."""


class MessageObject:
    """What a message carries, as it is kept now.

    Raises:
        ObjectError: The message has no data set, or nothing of it is kept.
    """

    def __init__(self, conversation: Conversation, row: MessageRow) -> None:
        from workstation.net._globals import PYNETDICOM_IMPLEMENTATION_UID, PYNETDICOM_IMPLEMENTATION_VERSION

        if not row.is_dimse:
            raise ObjectError(f"{row.name} carries no data set.")
        stretches = Stretches(row)
        if not stretches.length:
            raise ObjectError(f"This {row.name} has no data set.")
        message = row.message
        instance = ""
        for keyword in ("AffectedSOPInstanceUID", "RequestedSOPInstanceUID"):
            instance = instance or printable(str(getattr(message, keyword, None) or ""), 64)
        self.source: Source = stretches
        self.title = f"{row.name}, association {conversation.number}, message {row.number}"
        self.name = row.name
        self.sop_class_uid = row.sop_class_uid
        self.sop_instance_uid = instance
        self.transfer_syntax = row.transfer_syntax
        self.gap = stretches.gap
        # PS3.10 Table 7.1-1 wants both UIDs; an identifier has no instance, so it gets one of its own, always the same.
        own = uuid.uuid5(uuid.NAMESPACE_OID, f"{conversation.start_time!r} {conversation.number} {row.number}")
        self.head = encode_head(
            sop_class_uid=row.sop_class_uid if is_uid(row.sop_class_uid) else "",
            sop_instance_uid=instance if is_uid(instance) else f"2.25.{own.int}",
            transfer_syntax_uid=row.transfer_syntax if is_uid(row.transfer_syntax) else "",
            implementation_class_uid=str(PYNETDICOM_IMPLEMENTATION_UID),
            implementation_version_name=PYNETDICOM_IMPLEMENTATION_VERSION,
            source_ae_title=conversation.calling[:16] if row.name == "C-STORE-RQ" else "",
        )

    @property
    def why_not_a_file(self) -> str:
        """Why it cannot be saved as it was, "" if it can."""
        if self.gap:
            return f"It is not complete: {self.gap}."
        if not is_uid(self.transfer_syntax):
            return "The transfer syntax of its presentation context is not known."
        return ""

    def open(self) -> BinaryIO:
        """The object as a DICOM file; the caller closes it."""
        return io.BufferedReader(Part10File(self.head, self.source), _STRETCH)

    def close(self) -> None:
        """Nobody will read it any more."""


class FileObject:
    """A file, read where it lies.

    A data set without the head that PS3.10 wants is read too, in the encoding that its first bytes look like.

    Raises:
        ObjectError: It cannot be read, or is no data set.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.title = printable(self.path.name)
        self.gap = ""
        self.sop_class_uid = self.sop_instance_uid = ""
        try:
            try:
                found = read_head(self.path)
            except NotDicomFileError as error:
                with self.path.open("rb") as file:
                    start = file.read(PREAMBLE + len(MAGIC) + 8)
                    size = file.seek(0, os.SEEK_END)
                offset = PREAMBLE + len(MAGIC) if start[PREAMBLE:].startswith(MAGIC) else 0
                self.transfer_syntax = _guessed_syntax(start[offset : offset + 8])
                if not self.transfer_syntax:
                    raise ObjectError(f"{self.title}: {error}.") from error
                from workstation.net._globals import PYNETDICOM_IMPLEMENTATION_UID

                self.title += " (no file meta information, encoding guessed)"
                self.head = encode_head(
                    sop_class_uid="",
                    sop_instance_uid="",
                    transfer_syntax_uid=self.transfer_syntax,
                    implementation_class_uid=str(PYNETDICOM_IMPLEMENTATION_UID),
                )
                self._has_head = False
            else:
                offset, size = found.offset, found.size
                self.sop_class_uid = printable(found.sop_class_uid, 64)
                self.sop_instance_uid = printable(found.sop_instance_uid, 64)
                self.transfer_syntax = printable(found.transfer_syntax_uid, 64)
                with self.path.open("rb") as file:
                    self.head = file.read(offset)
                self._has_head = True
            self.source: Source = _FileSource(self.path, offset, size - offset)
        except OSError as error:
            raise ObjectError(f"{self.title} cannot be read: {error.strerror or error}.") from error
        if not self.transfer_syntax:
            self.transfer_syntax = _guessed_syntax(self.source.read(0, 8)) or _IMPLICIT

    def open(self) -> BinaryIO:
        """The object as a DICOM file; the caller closes it."""
        if self._has_head:
            return self.path.open("rb")
        return io.BufferedReader(Part10File(self.head, self.source), _STRETCH)

    def close(self) -> None:
        """Close the file."""
        if isinstance(self.source, _FileSource):
            self.source.close()


def _guessed_syntax(start: bytes) -> str:
    """The transfer syntax of a data set that does not say it, "" if these bytes begin none."""
    if len(start) < 8:
        return ""
    group = int.from_bytes(start[:2], "little")
    if start[4:6].isalpha() and start[4:6].isupper():
        return _BIG_ENDIAN if group > 0xFF and group & 0xFF == 0 else _EXPLICIT
    # Data sets begin with a low group; anything may follow what looks like a tag.
    return _IMPLICIT if 0 < group <= 0x0032 and int.from_bytes(start[4:8], "little") < 1 << 20 else ""


# --------------------------------------------------------------------------- files
def save_object(
    conversation: Conversation, row: MessageRow, path: str | os.PathLike[str], *, incomplete: bool = False
) -> int:
    """Write what a message carries as a DICOM file; returns its size in bytes.

    Written beside `path` and renamed, so that there is never half a file under that name.

    Args:
        conversation: Where the message is.
        row: A message with a data set.
        path: Where to; a file there is replaced.
        incomplete: Save what is kept of one that is not whole, up to the first absent byte.

    Raises:
        ObjectError: There is no data set, or it is not whole.
        OSError: The file cannot be written.
    """
    return write_object(MessageObject(conversation, row), path, incomplete=incomplete)


def write_object(found: MessageObject, path: str | os.PathLike[str], *, incomplete: bool = False) -> int:
    """Write what was kept of a message when `found` was made; see `save_object`."""
    why = found.why_not_a_file
    if why and not (incomplete and is_uid(found.transfer_syntax)):
        raise ObjectError(why)
    target = Path(path)
    part = target.with_name(f".{uuid.uuid4().hex}.part")
    try:
        size, _ = _write(found, part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return size


def _write(found: MessageObject, path: Path) -> tuple[int, bytes]:
    """Size and digest of the file written."""
    size, digest = 0, blake2b(digest_size=20)
    with found.open() as file, path.open("wb", buffering=0) as out:
        while stretch := file.read(_STRETCH):
            out.write(stretch)
            digest.update(stretch)
            size += len(stretch)
    return size, digest.digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What `export_objects` did.

    Attributes:
        files: how many files were written.
        bytes: in them.
        duplicates: objects that were not written because the same bytes are there already.
        skipped: objects that could not be written; `problems` says why.
        problems: sentences, at most `MAX_PROBLEMS` and one that counts the others.
        cancelled: whether it was stopped before its end.
    """

    files: int
    bytes: int
    duplicates: int
    skipped: int
    problems: tuple[str, ...]
    cancelled: bool


def export_objects(
    conversations: Iterable[Conversation],
    folder: str | os.PathLike[str],
    *,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    identifiers: bool = False,
) -> Exported:
    """Write every object that crossed the wire as a DICOM file of its own.

    A file is named by its SOP Instance UID; when another object has it, a number follows. An object that was seen at
    both ends of an association, sent twice, or exported before is written once. Existing files are never changed.

    Args:
        conversations: Whose C-STORE requests are looked at.
        folder: Where to; made if it is not there.
        progress: Called with the messages done and their number, in the thread of the caller.
        cancelled: Asked before each message.
        identifiers: Write the data sets of all other messages as well.

    Raises:
        OSError: The folder cannot be made.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    wanted = [
        (conversation, row)
        for conversation in conversations
        for row in tuple(conversation.rows)
        if row.name == "C-STORE-RQ" or (identifiers and row.is_dimse and row.data_size)
    ]
    export = _Export(target)
    stopped = False
    for done, (conversation, row) in enumerate(wanted):
        if cancelled is not None and cancelled():
            stopped = True
            break
        if progress is not None:
            progress(done, len(wanted))
        try:
            export.add(conversation, row)
        except OSError as error:
            export.skip(f"Writing stopped: {error.strerror or error}.", len(wanted) - done)
            break
    if progress is not None and not stopped:
        progress(len(wanted), len(wanted))
    return export.result(cancelled=stopped)


class _Export:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files = self._bytes = self._duplicates = self._skipped = 0
        self._problems: list[str] = []
        self._digests: dict[Path, bytes] = {}

    def add(self, conversation: Conversation, row: MessageRow) -> None:
        place = f"Association {conversation.number}, message {row.number} ({row.name}"
        place += f", {uid_name(row.sop_class_uid)})" if uid_name(row.sop_class_uid) else ")"
        try:
            found = MessageObject(conversation, row)
        except ObjectError as error:
            self.skip(f"{place}: {error}")
            return
        if found.why_not_a_file:
            self.skip(f"{place} is not exported. {found.why_not_a_file}")
            return
        part = self._folder / f".{uuid.uuid4().hex}.part"
        try:
            size, digest = _write(found, part)
            path = self._free(self._name(found, conversation, row), size, digest)
            if path is None:
                self._duplicates += 1
                return
            part.replace(path)
            self._digests[path] = digest
            self._files += 1
            self._bytes += size
        finally:
            part.unlink(missing_ok=True)

    def skip(self, sentence: str, count: int = 1) -> None:
        self._skipped += count
        self._problems.append(sentence)

    @staticmethod
    def _name(found: MessageObject, conversation: Conversation, row: MessageRow) -> str:
        if row.name == "C-STORE-RQ" and is_uid(found.sop_instance_uid):
            return found.sop_instance_uid
        return f"association-{conversation.number}-message-{row.number}-{row.name.lower()}"

    def _free(self, name: str, size: int, digest: bytes) -> Path | None:
        """A path that no file has, None when a file with that name and these bytes is there."""
        number = 1
        while True:
            path = self._folder / (f"{name}.dcm" if number == 1 else f"{name}-{number}.dcm")
            known = self._digests.get(path)
            if known is None and path.exists():
                known = self._digests[path] = _digest_of(path) if path.stat().st_size == size else b""
            if known is None:
                return path
            if known == digest:
                return None
            number += 1

    def result(self, *, cancelled: bool) -> Exported:
        problems = self._problems[:MAX_PROBLEMS]
        if len(self._problems) > len(problems):
            problems.append(f"{quantity(len(self._problems) - len(problems), 'more object')} not exported.")
        return Exported(
            files=self._files,
            bytes=self._bytes,
            duplicates=self._duplicates,
            skipped=self._skipped,
            problems=tuple(problems),
            cancelled=cancelled,
        )


def _digest_of(path: Path) -> bytes:
    digest = blake2b(digest_size=20)
    with path.open("rb") as file:
        while stretch := file.read(_STRETCH):
            digest.update(stretch)
    return digest.digest()
