"""The head of a DICOM file (PS3.10 section 7.1): where its data set starts and how it is encoded.

Only what sending and receiving need: a data set is passed on as the bytes it is. Reading whole files is pydicom's.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from io import FileIO
from struct import Struct
from typing import NamedTuple

PREAMBLE = 128
MAGIC = b"DICM"
LARGEST_META = 64 * 1024  # group 0002 is a few hundred bytes; more is a damaged or hostile file
_SHORT = Struct("<2xH2sH")  # number, VR and length of an element of group 0002, unless its VR is one of these:
_LONG_LENGTH = {b"OB", b"OW", b"OF", b"OD", b"OL", b"OV", b"SQ", b"UC", b"UN", b"UR", b"UT", b"SV", b"UV"}
_HAS_WRITEV = hasattr(os, "writev")  # not on Windows
_MOST_PIECES = 512  # in one call; every system takes 1024
_INSTANCE = 0x0003
_WANTED = (0x0002, _INSTANCE, 0x0010)  # Media Storage SOP Class UID, SOP Instance UID, Transfer Syntax UID
_GROUP = b"\x02\x00"
_INSTANCE_ELEMENT = _GROUP + b"\x03\x00UI"
_AFTER_LENGTH = PREAMBLE + 4 + 12  # where group 0002 begins, as its length counts


class NotDicomFileError(ValueError):
    """The file has no DICOM file meta information that can be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileHead:
    """What group 0002 says, and where the data set starts.

    Attributes:
        sop_class_uid: Media Storage SOP Class UID, "" if absent.
        sop_instance_uid: Media Storage SOP Instance UID, "" if absent.
        transfer_syntax_uid: Transfer Syntax UID, "" if absent.
        offset: The data set's first byte, counted from the start of the file.
        size: The file's size in bytes.
    """

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    offset: int
    size: int


def read_head(path: str | os.PathLike[str]) -> FileHead:
    """Read the head of a DICOM file; otherwise as `head_of`.

    Raises:
        OSError: The file cannot be opened.
    """
    with open_file(path) as file:
        return head_of(file)[0]


def open_file(path: str | os.PathLike[str]) -> FileIO:
    """Open a file for reading, without a buffer of Python's.

    Raises:
        OSError: The file cannot be opened.
    """
    return FileIO(os.fspath(path))  # FileIO itself would take the number of any open file


def head_of(file: FileIO, ahead: int = 2048) -> tuple[FileHead, bytes]:
    """Read the head of a DICOM file that has just been opened.

    Args:
        file: It.
        ahead: Bytes to read beyond the preamble, at most, as long as the head needs no more.

    Returns:
        The head, and what has been read of the file.

    Raises:
        OSError: The file cannot be read.
        NotDicomFileError: It has no preamble with "DICM", or its file meta information is damaged.
    """
    size = os.fstat(file.fileno()).st_size
    head = _reaching(file, file.read(min(PREAMBLE + 4 + ahead, size)), PREAMBLE + 4)
    if head[PREAMBLE : PREAMBLE + 4] != MAGIC:
        raise NotDicomFileError("no DICOM file: bytes 128 to 131 are not DICM (PS3.10 section 7.1)")
    found = _like_others(head) or _scan(head, is_all=len(head) >= size)
    while found.lacks:
        had, head = len(head), _reaching(file, head, found.lacks)
        found = _scan(head, is_all=len(head) >= size or len(head) == had)
    if not found.values:
        raise NotDicomFileError("the file meta information (group 0002) is missing")
    return FileHead(
        sop_class_uid=found.values.get(0x0002, ""),
        sop_instance_uid=found.values.get(_INSTANCE, ""),
        transfer_syntax_uid=found.values.get(0x0010, ""),
        offset=found.offset,
        size=size,
    ), head


class _Meta(NamedTuple):
    """Group 0002 as far as its elements are whole.

    Attributes:
        values: Of the wanted elements, by number.
        offset: The first byte after those.
        lacks: How far the file has to be read to tell what is there; 0 if that is known.
    """

    values: dict[int, str]
    offset: int
    lacks: int = 0


def _scan(head: bytes, *, is_all: bool) -> _Meta:
    """Read the elements one after the other; `is_all`: there is no more of the file."""
    values: dict[int, str] = {}
    position = PREAMBLE + 4
    while True:
        start = position + 8
        if len(head) < start + 4 and not is_all:
            return _Meta(values, position, start + 4)
        if head[position : position + 2] != _GROUP:
            return _Meta(values, position)
        if len(head) < start:
            raise NotDicomFileError("the file ends within its file meta information")
        element, vr, length = _SHORT.unpack_from(head, position)
        if vr in _LONG_LENGTH:
            length, start = int.from_bytes(head[start : start + 4], "little"), start + 4
        end = start + length
        if end > LARGEST_META:
            raise NotDicomFileError("the file meta information is longer than 64 KiB")
        if len(head) < end:
            if is_all:
                raise NotDicomFileError("the file ends within its file meta information")
            return _Meta(values, position, end)
        if element in _WANTED:
            values[element] = _uid(head[start:end])
        position = end


def _like_others(head: bytes) -> _Meta | None:
    """The same of a file that is like others but for its SOP Instance UID, as those of a series are; or None."""
    at = head.find(_INSTANCE_ELEMENT, PREAMBLE + 4) + len(_INSTANCE_ELEMENT)
    start = at + 2
    end = start + int.from_bytes(head[at:start], "little")
    offset = _AFTER_LENGTH + int.from_bytes(head[_AFTER_LENGTH - 4 : _AFTER_LENGTH], "little")
    if at < PREAMBLE or not end <= offset <= min(LARGEST_META, len(head) - 2):
        return None
    if head[offset : offset + 2] == _GROUP:
        return None
    values = _beside_the_instance(head[PREAMBLE + 4 : at], head[end:offset])
    return None if values is None else _Meta({**values, _INSTANCE: _uid(head[start:end])}, offset)


@lru_cache(maxsize=64)
def _beside_the_instance(before: bytes, after: bytes) -> dict[int, str] | None:
    """The values of group 0002 whose bytes these are, before the length of the SOP Instance UID and after that.

    None unless they are whole elements, of which that is one.
    """
    whole = bytes(PREAMBLE + 4) + before + b"\0\0" + after
    try:
        found = _scan(whole, is_all=True)
    except NotDicomFileError:
        return None
    if found.offset != len(whole) or found.values.pop(_INSTANCE, None) != "" or _INSTANCE_ELEMENT in after:
        return None
    return found.values


def _uid(value: bytes) -> str:
    return value.decode("ascii", "replace").rstrip("\0 ")


def _reaching(file: FileIO, head: bytes, end: int) -> bytes:
    """`head` and what follows it, to `end` at least if the file has as much."""
    while len(head) < end and (more := file.read(LARGEST_META)):
        head += more
    return head


def write_pieces(descriptor: int, pieces: Sequence[bytes | memoryview]) -> None:
    """Write them one after the other, with one call where the system can.

    Raises:
        OSError: The disk refuses; some may have been written.
    """
    if len(pieces) > 1 and _HAS_WRITEV:
        for first in range(0, len(pieces), _MOST_PIECES):
            some = pieces[first : first + _MOST_PIECES]
            written = os.writev(descriptor, some)
            if written < sum(map(len, some)):
                _write_on(descriptor, memoryview(b"".join(some))[written:])
    else:
        for piece in pieces:
            _write_on(descriptor, piece)


def _write_on(descriptor: int, piece: bytes | memoryview) -> None:
    while (written := os.write(descriptor, piece)) < len(piece):
        piece = memoryview(piece)[written:]


@lru_cache(maxsize=64)
def _element(number: int, vr: bytes, value: bytes) -> bytes:
    """One explicit VR little endian element of group 0002; the next object's are mostly the same."""
    if len(value) % 2:
        value += b"\0" if vr in (b"UI", b"OB") else b" "
    head = b"\x02\x00" + number.to_bytes(2, "little") + vr
    if vr in _LONG_LENGTH:
        return head + b"\0\0" + len(value).to_bytes(4, "little") + value
    return head + len(value).to_bytes(2, "little") + value


def encode_head(
    *,
    sop_class_uid: str,
    sop_instance_uid: str,
    transfer_syntax_uid: str,
    implementation_class_uid: str,
    implementation_version_name: str = "",
    source_ae_title: str = "",
) -> bytes:
    """Preamble, "DICM" and group 0002: what comes before the data set as it was received."""
    body = _element(0x0001, b"OB", b"\x00\x01")
    body += _element(0x0002, b"UI", sop_class_uid.encode("ascii", "replace"))
    body += _element(0x0003, b"UI", sop_instance_uid.encode("ascii", "replace"))
    body += _element(0x0010, b"UI", transfer_syntax_uid.encode("ascii", "replace"))
    body += _element(0x0012, b"UI", implementation_class_uid.encode("ascii"))
    if implementation_version_name:
        body += _element(0x0013, b"SH", implementation_version_name.encode("ascii"))
    if source_ae_title:
        body += _element(0x0016, b"AE", source_ae_title.encode("ascii", "replace"))
    return bytes(PREAMBLE) + MAGIC + _element(0x0000, b"UL", len(body).to_bytes(4, "little")) + body
