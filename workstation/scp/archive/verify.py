"""Is a stored object still what was received? Its row, its file and its bytes, read again (PS3.4 J.3, PS3.10 7.1).

For Storage Commitment: who is told that an object is committed may delete the original. So nothing is believed here
that is not looked at: the data set's checksum is computed from the file again. Knows no network.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from workstation.net.part10 import NotDicomFileError, read_head
from workstation.scp.archive.archive import Archive
from workstation.scp.archive.disk import FileSource
from workstation.scp.archive.search import Located
from workstation.scp.archive.sink import has_checksum

LOGGER = logging.getLogger(__name__)

# Failure Reason (0008,1197), PS3.3 C.14.1.1.
SAFE = 0x0000
PROCESSING_FAILURE = 0x0110
NO_SUCH_OBJECT_INSTANCE = 0x0112
CLASS_INSTANCE_CONFLICT = 0x0119


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found: a Failure Reason, or 0x0000 if the object is safe, and a sentence for a person."""

    reason: int = SAFE
    sentence: str = ""


def verify(archive: Archive, sop_class_uid: str, sop_instance_uid: str) -> Verdict:
    """Read a stored object again and compare it with what was received."""
    try:
        located = archive.index.known(sop_instance_uid)
        while True:
            if located is None:
                return Verdict(NO_SUCH_OBJECT_INSTANCE, "It is not in the archive.")
            if located.sop_class_uid != sop_class_uid:
                return Verdict(CLASS_INSTANCE_CONFLICT, f"Its SOP class is {located.sop_class_uid}.")
            verdict = _compare(archive.folder / located.file, located)
            if verdict.reason == SAFE:
                return verdict
            # An object that is sent again replaces its file: then the new one is the one to look at.
            now = archive.index.known(sop_instance_uid)
            if now == located:
                LOGGER.warning("The stored object %s is not safe: %s", sop_instance_uid, verdict.sentence)
                return verdict
            located = now
    except SQLAlchemyError as error:
        LOGGER.warning("The archive's index cannot be read: %s", error)
        return Verdict(PROCESSING_FAILURE, "The archive's index cannot be read.")


def _compare(path: Path, expected: Located) -> Verdict:
    try:
        head = read_head(path)
        size = head.size - head.offset
        if size != expected.size:
            return _damaged(f"Its file has {size} bytes of data set in place of {expected.size}.")
        if head.sop_instance_uid != expected.sop_instance_uid:
            return _damaged("Its file is another object's.")
        if head.transfer_syntax_uid != expected.transfer_syntax_uid:
            return _damaged("Its file names another transfer syntax.")
        with FileSource(path, head.offset) as data:
            if not has_checksum(data, expected.checksum):
                return _damaged("Its file has other bytes than were received.")
    except FileNotFoundError:
        return _damaged("Its file is missing.")
    except (OSError, NotDicomFileError) as error:
        return _damaged(f"Its file cannot be read: {getattr(error, 'strerror', None) or error}.")
    return Verdict()


def _damaged(sentence: str) -> Verdict:
    return Verdict(PROCESSING_FAILURE, sentence)
