"""Data sets on their way out: which presentation context takes one, and the bytes it becomes (PS3.5, PS3.8 9.3.2.2).

pydicom encodes; a file whose transfer syntax was accepted is passed on as it is, read in stretches. The file is
read and not mapped: a mapped file that another program cuts short ends the process with SIGBUS.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from io import FileIO

from pydicom.dataset import Dataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from workstation.net import dsutils
from workstation.net.part10 import FileHead
from workstation.net.presentation import PresentationContext

_log = logging.getLogger("workstation.net.data_sets")
FIRST = 64 * 1024  # bytes of a data set that leave before more of it is read: the peer has something to do meanwhile
STRETCH = 1 << 20  # bytes that are read and sent at once: what each costs outweighs the processor's cache
_META = 1024  # bytes of file meta information that are expected
Stretches = Iterator[tuple[memoryview, bool]]
"""An encoded data set piece by piece, each with whether it is the last; there is at least one."""
_LITTLE = (ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian)


class EncodedDataSet:
    """A data set that its maker has encoded, for handlers that answer a C-FIND with thousands of them.

    Args:
        encoded: The bytes, of even length.
        transfer_syntax: In which; what is sent goes in that of its presentation context, and no other.
    """

    __slots__ = ("encoded", "transfer_syntax")

    def __init__(self, encoded: bytes, transfer_syntax: str) -> None:
        self.encoded = encoded
        self.transfer_syntax = transfer_syntax

    def decoded(self) -> Dataset:
        """Return the data set."""
        return dsutils.decode_in(self.encoded, self.transfer_syntax)


def encode_for(data_set: Dataset | EncodedDataSet, context: PresentationContext) -> bytes:
    """Encode a data set as the context's transfer syntax demands.

    Raises:
        ValueError: It cannot be encoded, or is in another transfer syntax.
    """
    syntax = context.transfer_syntax[0]
    if isinstance(data_set, EncodedDataSet):
        if data_set.transfer_syntax != syntax:
            raise ValueError(f"the data set is encoded in {data_set.transfer_syntax}, the context takes {syntax}")
        return data_set.encoded
    encoded = dsutils.encode_in(data_set, syntax)
    if encoded is None:
        raise ValueError("the data set cannot be encoded")
    return encoded


def syntax_of(data_set: Dataset) -> UID:
    """The transfer syntax that a data set is in, by its file meta and by how it was read.

    Raises:
        AttributeError: The file meta has no Transfer Syntax UID, or the encoding contradicts it.
    """
    meta = getattr(data_set, "file_meta", None)
    if meta is None or "TransferSyntaxUID" not in meta:
        raise AttributeError("the data set's file_meta has no (0002,0010) Transfer Syntax UID")
    syntax = UID(meta.TransferSyntaxUID)
    implicit, little = data_set.original_encoding
    if implicit is None or little is None:
        return syntax
    if syntax.is_implicit_VR == implicit and syntax.is_little_endian == little:
        return syntax
    actual = {(True, True): ImplicitVRLittleEndian, (False, False): ExplicitVRBigEndian}.get((implicit, little))
    if actual is None or syntax.is_compressed:
        raise AttributeError(f"the data set's encoding contradicts its Transfer Syntax UID, {syntax.name}")
    _log.warning("The data set says %s but is encoded as %s; it is sent as that", syntax.name, actual.name)
    return actual


def context_for(
    contexts: Iterable[PresentationContext], sop_class_uid: str, syntax: str, *, convert: bool
) -> PresentationContext | None:
    """The accepted context that takes an object.

    Args:
        contexts: Accepted contexts.
        sop_class_uid: The object's SOP Class UID.
        syntax: The transfer syntax that it is in.
        convert: Whether another uncompressed little endian syntax will do; compressed data need their own.
    """
    candidates = [c for c in contexts if c.abstract_syntax == sop_class_uid and c.as_scu]
    for context in candidates:
        if context.transfer_syntax[0] == syntax:
            return context
    if convert and syntax in _LITTLE:
        for context in candidates:
            if context.transfer_syntax[0] in _LITTLE:
                return context
    return None


def stretches(encoded: bytes, fragment: int) -> Stretches:
    """A data set in memory in stretches, each a whole number of fragments but the last."""
    size = _whole(STRETCH, fragment)
    view = memoryview(encoded)
    while len(view) > size:
        yield view[:size], False
        view = view[size:]
    yield view, True


def ahead(fragment: int) -> int:
    """How much of a file to read at first, so that its data set begins to leave at once."""
    return _META + _whole(FIRST, fragment)


def file_stretches(file: FileIO, head: FileHead, begun: bytes, fragment: int) -> Stretches:
    """A file's data set as it is, in such stretches; an odd length is padded.

    Each stretch has bytes of its own: whoever hears of what is sent may keep them.

    Args:
        file: Where the head was read, and nothing else since.
        head: It.
        begun: What has been read of the file.
        fragment: Bytes in the largest fragment.

    Raises:
        OSError: The file cannot be read any longer.
    """
    size = _whole(STRETCH, fragment)
    left = head.size - head.offset
    stretch = memoryview(begun)[head.offset : head.size]
    if len(stretch) < left:
        stretch = stretch[: len(stretch) - len(stretch) % fragment]
        file.seek(head.offset + len(stretch))
    while len(stretch) < left:
        if stretch:
            yield stretch, False
            left -= len(stretch)
        stretch = memoryview(_read(file, min(size, left)))
    # fragments have even length (PS3.8 Annex E); an odd file ends a byte early
    yield memoryview(bytes(stretch) + b"\0") if left % 2 else stretch, True


def _read(file: FileIO, count: int) -> bytes:
    """So many bytes, in which nothing was copied if they came at once; no bytearray, which would be zeroed before."""
    read = file.read(count) or b""
    while len(read) < count and (more := file.read(count - len(read))):
        read += more
    if len(read) < count:
        raise OSError(f"{os.fspath(file.name)} became shorter while it was sent")
    return read


def _whole(size: int, fragment: int) -> int:
    return fragment * max(1, size // fragment)


def names(contexts: Sequence[PresentationContext]) -> str:
    """Contexts in words, for messages."""
    return ", ".join(f"{UID(c.abstract_syntax or '').name} in {UID(c.transfer_syntax[0]).name}" for c in contexts)
