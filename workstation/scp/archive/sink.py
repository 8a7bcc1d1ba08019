"""Where a received object goes while it arrives: straight into its unfinished file (PS3.10 7.1).

Called on the association's reader thread, so it never waits for the disk to be flushed and never raises; what went
wrong is kept for the handler's answer. Knows nothing of the index or the network.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import logging
import os
import sys
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from xxhash import xxh3_64

from workstation.net._globals import PYNETDICOM_IMPLEMENTATION_UID, PYNETDICOM_IMPLEMENTATION_VERSION
from workstation.net.part10 import encode_head, write_pieces
from workstation.scp.archive.disk import HEAD, FileSource
from workstation.scp.archive.extract import DATA_SET_DOES_NOT_MATCH, LONGEST_UID
from workstation.scp.archive.scan import Source
from workstation.scp.archive.space import LOOK_EVERY, SpaceGuard

LOGGER = logging.getLogger(__name__)

OUT_OF_RESOURCES = 0xA700
_STRETCH = 1 << 20
_CRC_DIGITS = 8
# Bytes after which the disk begins to write.
_EARLY = 256 * 1024
MAXIMUM_OBJECT = 4 * 1024**3
# Names of files: none has another's, whatever process made it.
_PROCESS, _NUMBERS = os.urandom(8).hex(), itertools.count(1)
_NO_SPACE = frozenset({errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)})


@dataclass(frozen=True, slots=True)
class StoreResult:
    """How storing ended.

    Attributes:
        status: To answer.
        comment: A sentence for the Error Comment if it failed.
        was_there: The same bytes were stored already; the file from before is kept.
        has_replaced: Other bytes were stored under this SOP Instance UID, and are gone.
    """

    status: int = 0x0000
    comment: str = ""
    was_there: bool = False
    has_replaced: bool = False


class ArchiveSink:
    """Takes one object's data set as it arrives. Errors are kept for `Archive.commit`, never raised."""

    # The number of the one that was made last.
    _last = 0

    def __init__(
        self,
        folder: Path,
        *,
        sop_class_uid: str,
        sop_instance_uid: str,
        transfer_syntax_uid: str,
        calling_ae_title: str = "",
        maximum_size: int = MAXIMUM_OBJECT,
        guard: SpaceGuard | None = None,
        durable: bool = False,
        failure: StoreResult | None = None,
    ) -> None:
        self.sop_class_uid = sop_class_uid
        self.sop_instance_uid = sop_instance_uid
        self.transfer_syntax_uid = transfer_syntax_uid
        self.folder = folder
        # Ours: nothing of the peer's.
        self._number = ArchiveSink._last = next(_NUMBERS)
        self.name = f"{_PROCESS}{self._number:016x}.part"
        self.size = 0
        self.failure = failure
        self._maximum_size = maximum_size
        self._guard = guard
        self._next_look = LOOK_EVERY
        self._durable = durable
        # What the disk was told to write by now.
        self._begun = 0
        self._checksum = xxh3_64()
        # The first bytes of the data set, as they came.
        self._head: list[bytes] = []
        self._lacking = HEAD
        self._file: FileIO | None = None
        head = encode_head(
            sop_class_uid=sop_class_uid[:LONGEST_UID],
            sop_instance_uid=sop_instance_uid[:LONGEST_UID],
            transfer_syntax_uid=transfer_syntax_uid,
            implementation_class_uid=str(PYNETDICOM_IMPLEMENTATION_UID),
            implementation_version_name=PYNETDICOM_IMPLEMENTATION_VERSION,
            source_ae_title=calling_ae_title[:16],
        )
        self.offset = len(head)
        # Leaves with the first bytes of the data set.
        self._ahead: tuple[memoryview, ...] = (memoryview(head),)
        if failure is not None:
            return
        if max(len(sop_class_uid), len(sop_instance_uid)) > LONGEST_UID:
            self.failure = StoreResult(DATA_SET_DOES_NOT_MATCH, f"A UID has more than {LONGEST_UID} characters.")
            return
        if guard is not None and (shortage := guard.shortage()):
            self.failure = StoreResult(OUT_OF_RESOURCES, shortage)
            return
        try:
            # Unbuffered: fragments are large, and a buffer would keep bytes that the disk refused.
            self._file = FileIO(f"{folder}/{self.name}", "xb")
        except OSError as error:
            self._fail(error)

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / self.name

    @property
    def checksum(self) -> str:
        """Of the data set's bytes so far."""
        return self._checksum.hexdigest()

    def write(self, fragment: memoryview) -> None:
        """Take the next bytes of the data set."""
        self.write_all((fragment,))

    def write_all(self, fragments: Sequence[memoryview]) -> None:
        """Take the next bytes of the data set."""
        if self.failure is not None:
            return
        self.size += sum(map(len, fragments))
        if self.size > self._maximum_size:
            self.refuse(StoreResult(OUT_OF_RESOURCES, f"The object is larger than {self._maximum_size} bytes."))
            return
        if self.size >= self._next_look and self._guard is not None:
            self._next_look = self.size + LOOK_EVERY
            if shortage := self._guard.shortage():
                self.refuse(StoreResult(OUT_OF_RESOURCES, shortage))
                return
        for fragment in fragments:
            self._checksum.update(fragment)
            if self._lacking:
                self._head.append(bytes(fragment[: self._lacking]))
                self._lacking -= len(self._head[-1])
        try:
            self._write(fragments)
            # Of several that arrive at once none begins: each flush of the file system would wait for them all.
            if self._durable and self.size - self._begun >= _EARLY and self._number == ArchiveSink._last:
                self._begin_to_flush()
        except OSError as error:
            self._fail(error)

    def finish(self) -> None:
        """All bytes have arrived. Flushing them is left to `Archive.commit`: this is the reader's thread."""

    def _begin_to_flush(self) -> None:
        """Let the disk write what it would keep until the flush, which has less to wait for then."""
        if sys.platform == "linux" and self._file is not None:
            # Linux begins to write pages that nobody will need, and drops those that are written: these are not yet.
            begun, self._begun = self._begun, self.size
            with contextlib.suppress(OSError):
                os.posix_fadvise(self._file.fileno(), begun, self.size - begun, os.POSIX_FADV_DONTNEED)

    def arrived(self) -> FileSource:
        """What has arrived, to be scanned once: its beginning is still in memory, and goes with what is returned."""
        head = b"".join(self._head)
        self._head.clear()
        return FileSource(f"{self.folder}/{self.name}", self.offset, head, self.size)

    def discard(self) -> None:
        """The rest will never come, or the object is not wanted: remove what was written."""
        self._head.clear()
        self._close()
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            LOGGER.warning("The unfinished file %s stays until the next start: %s", self.path, error)

    def complete(self, *, durable: bool) -> None:
        """Bring the file to the disk and give it the name of a whole one.

        Raises:
            OSError: The disk refuses.
        """
        if self._ahead:
            self._write(())
        if self._file is not None and durable:
            os.fsync(self._file.fileno())
        self._close()
        final = f"{self.name.removesuffix('.part')}.dcm"
        os.rename(f"{self.folder}/{self.name}", f"{self.folder}/{final}")  # noqa: PTH104 - a path takes as long to make
        self.name = final

    def refuse(self, failure: StoreResult) -> None:
        """Keep the first reason why the object is not stored, and give its space back at once."""
        if self.failure is None:
            self.failure = failure
            self.discard()

    def _write(self, fragments: Sequence[memoryview]) -> None:
        assert self._file is not None
        ahead, self._ahead = self._ahead, ()
        write_pieces(self._file.fileno(), (*ahead, *fragments))

    def _fail(self, error: OSError) -> None:
        self.refuse(disk_failure(error))

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()


def checksum_of(source: Source) -> str:
    """Return the checksum of a data set that is stored already, as a sink computes it of one that arrives.

    XXH3, against what disks do to bytes. Nothing stronger: half of the time that an object takes would be for a
    cryptographic digest, which is for those who change bytes on purpose, and they can change the index as well.
    """
    checksum = xxh3_64()
    for stretch in _stretches(source):
        checksum.update(stretch)
    return checksum.hexdigest()


def has_checksum(source: Source, expected: str) -> bool:
    """Return whether the index has this checksum of a data set, which once was CRC-32."""
    if len(expected) != _CRC_DIGITS:
        return checksum_of(source) == expected
    checksum = 0
    for stretch in _stretches(source):
        checksum = zlib.crc32(stretch, checksum)
    return f"{checksum:08x}" == expected


def _stretches(source: Source) -> Iterator[bytes]:
    for place in range(0, source.size, _STRETCH):
        yield source.read(place, min(_STRETCH, source.size - place))


def disk_failure(error: OSError) -> StoreResult:
    """Return the answer for an error of the disk."""
    if error.errno in _NO_SPACE:
        return StoreResult(OUT_OF_RESOURCES, "The archive's disk is full.")
    LOGGER.warning("The archive cannot write: %s", error)
    return StoreResult(OUT_OF_RESOURCES, f"The archive cannot write: {error.strerror or type(error).__name__}.")
