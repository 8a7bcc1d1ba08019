"""Data sets to and from bytes, through pydicom.

PS3.5 section 7 (encoding), Annex A (transfer syntaxes; A.5 the deflated one). A failure to encode is None, a failure to
decode an exception. Knows nothing of messages or associations.
"""

from __future__ import annotations

import logging
import zlib
from io import BytesIO
from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset, read_file_meta_info
from pydicom.filewriter import write_dataset, write_file_meta_info
from pydicom.uid import UID

from workstation.net import flat_data_sets, part10
from workstation.net._globals import PYNETDICOM_IMPLEMENTATION_UID, PYNETDICOM_IMPLEMENTATION_VERSION

LOGGER = logging.getLogger(__name__)

# A few kilobytes can inflate to any size. Data sets compress up to some tens of times, blank images more: those
# are small enough for the floor. What is large already is no blank image.
INFLATED_AT_LEAST = 16 * 1024 * 1024
INFLATED_TIMES = 64
LARGE_INFLATED = 64 * 1024 * 1024
LARGE_INFLATED_TIMES = 8
_STEP = 64 * 1024

IMPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2"
DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1.99"
EXPLICIT_VR_BIG_ENDIAN = "1.2.840.10008.1.2.2"


def encoding_of(transfer_syntax: str) -> tuple[bool, bool, bool]:
    """Return (is implicit VR, is little endian, is deflated) of a transfer syntax.

    A private or unknown one counts as Explicit VR Little Endian: PS3.5 A.4 has all encapsulated ones be that.
    """
    return (
        transfer_syntax == IMPLICIT_VR_LITTLE_ENDIAN,
        transfer_syntax != EXPLICIT_VR_BIG_ENDIAN,
        # JPIP Referenced Deflate and its HTJ2K twin deflate the data set as well.
        transfer_syntax in (DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205"),
    )


def decode(bytestring: BytesIO, is_implicit_vr: bool, is_little_endian: bool, deflated: bool = False) -> Dataset:
    """Return the data set that is encoded in `bytestring`.

    Most elements are decoded by pydicom when they are first looked at, so that a damaged value raises there.

    Args:
        bytestring: The encoded data set; read from its start.
        is_implicit_vr: Whether VRs are implicit.
        is_little_endian: Whether the byte order is little endian.
        deflated: Whether it is deflated.

    Raises:
        ValueError: if it inflates beyond all measure, or sequences are nested deeper than can be read.
        Exception: what pydicom raises for bytes that are no data set.
    """
    return _decode(bytestring.getvalue(), is_implicit_vr, is_little_endian, deflated)


def decode_in(encoded: bytes | memoryview, transfer_syntax: str) -> Dataset:
    """Return the data set that is encoded in `transfer_syntax`; otherwise as `decode`."""
    return _decode(bytes(encoded), *encoding_of(transfer_syntax))


def _decode(encoded: bytes, is_implicit_vr: bool, is_little_endian: bool, deflated: bool) -> Dataset:
    if deflated:
        encoded = inflate(encoded)
    if is_little_endian:
        flat = flat_data_sets.decode(encoded, is_implicit_vr=is_implicit_vr)
        if flat is not None:
            return flat
    try:
        return read_dataset(BytesIO(encoded), is_implicit_vr, is_little_endian)
    except RecursionError:
        raise ValueError("The data set has sequences nested too deep to be decoded") from None


def encode(ds: Dataset, is_implicit_vr: bool, is_little_endian: bool, deflated: bool = False) -> bytes | None:
    """Return `ds` encoded, or None (and an error in the log) if it cannot be.

    Elements of groups 0000 and 0002, which belong to the command set and the file meta information, are left out.

    Args:
        ds: The data set.
        is_implicit_vr: Whether to make VRs implicit.
        is_little_endian: Whether to make the byte order little endian.
        deflated: Whether to deflate.
    """
    flat = flat_data_sets.encode(ds, is_implicit_vr=is_implicit_vr) if is_little_endian else None
    if flat is not None:
        return deflate(flat) if deflated else flat
    stream = DicomBytesIO()
    stream.is_implicit_VR = is_implicit_vr
    stream.is_little_endian = is_little_endian
    try:
        # PS3.10 7.1: group 0002 is the file's, not the data set's. Iterating over the Dataset itself would decode it.
        has_other_groups = any(tag.group < 0x0003 for tag in ds.keys())  # noqa: SIM118
        write_dataset(stream, ds[0x00030000:] if has_other_groups else ds)
    except Exception:
        # pydicom raises anything for a value that does not fit its VR; the caller only needs to know that it failed.
        LOGGER.exception("The data set could not be encoded")
        return None
    encoded: bytes = stream.getvalue()
    return deflate(encoded) if deflated else encoded


def read_file(path: Path, transfer_syntax: str, offset: int | None = None) -> Dataset:
    """Return the data set of a file: a DICOM file (PS3.10), or nothing but a data set in `transfer_syntax`.

    Args:
        path: The file.
        transfer_syntax: Of the data set, unless file meta information says another.
        offset: Where the data set begins, by whoever wrote it: it may itself begin like file meta information.
    """
    encoded, written_in = _read(path, offset)
    return decode_in(encoded, written_in or transfer_syntax)


def read_encoded(path: Path, offset: int | None = None) -> bytes:
    """Return the data set of a file as it is encoded, without preamble and file meta information; see `read_file`."""
    return _read(path, offset)[0]


def _read(path: Path, offset: int | None) -> tuple[bytes, str]:
    if offset is not None:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(), ""
    try:
        head = part10.read_head(path)
    except part10.NotDicomFileError:
        # A sink may keep the bare data set; then what the file says of its encoding is nothing.
        return path.read_bytes(), ""
    with path.open("rb") as file:
        file.seek(head.offset)
        return file.read(), head.transfer_syntax_uid


def encode_in(ds: Dataset, transfer_syntax: str) -> bytes | None:
    """Return `ds` encoded in `transfer_syntax`; otherwise as `encode`."""
    return encode(ds, *encoding_of(transfer_syntax))


def create_file_meta(
    *,
    sop_class_uid: str,
    sop_instance_uid: str,
    transfer_syntax: str,
    implementation_uid: str = PYNETDICOM_IMPLEMENTATION_UID,
    implementation_version: str = PYNETDICOM_IMPLEMENTATION_VERSION,
) -> FileMetaDataset:
    """Return File Meta Information (PS3.10 7.1) for a SOP instance; its group length is set by whoever writes it.

    Args:
        sop_class_uid: Media Storage SOP Class UID.
        sop_instance_uid: Media Storage SOP Instance UID.
        transfer_syntax: Transfer Syntax UID.
        implementation_uid: Implementation Class UID.
        implementation_version: Implementation Version Name.
    """
    meta = FileMetaDataset()
    meta.FileMetaInformationGroupLength = 0
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID = UID(sop_class_uid)
    meta.MediaStorageSOPInstanceUID = UID(sop_instance_uid)
    meta.TransferSyntaxUID = UID(transfer_syntax)
    meta.ImplementationClassUID = UID(implementation_uid)
    meta.ImplementationVersionName = implementation_version
    return meta


def encode_file_meta(file_meta: FileMetaDataset) -> bytes:
    """Return File Meta Information encoded, with its group length, without preamble and "DICM"."""
    stream = DicomBytesIO()
    write_file_meta_info(stream, file_meta)
    encoded: bytes = stream.getvalue()
    return encoded


def split_dataset(path: Path) -> tuple[Dataset, int]:
    """Return a file's File Meta Information and where its data set starts, in bytes from the start of the file.

    Without preamble or with nothing in group 0002 the first is empty.

    Raises:
        OSError: The file cannot be read.
    """
    try:
        head = part10.read_head(path)
    except part10.NotDicomFileError:
        return Dataset(), 0
    return read_file_meta_info(path), head.offset


def inflate(data: bytes | memoryview) -> bytes:
    """Return what a deflated data set was (PS3.5 A.5: raw deflate, padded to even length).

    Raises:
        ValueError: if it is damaged, cut short, or inflates beyond all measure.
    """
    size = len(data)
    limit = max(INFLATED_AT_LEAST, min(INFLATED_TIMES * size, LARGE_INFLATED), LARGE_INFLATED_TIMES * size)
    decompressor = zlib.decompressobj(-zlib.MAX_WBITS)
    inflated = bytearray()
    pending: bytes | memoryview = data
    try:
        while not decompressor.eof:
            step = decompressor.decompress(pending, _STEP)
            if not step and not decompressor.eof:
                raise ValueError("The deflated data set is cut short")
            inflated += step
            if len(inflated) > limit:
                raise ValueError(f"The deflated data set of {len(data)} bytes inflates to more than {limit} bytes")
            pending = decompressor.unconsumed_tail
    except zlib.error as error:
        raise ValueError(f"The deflated data set is damaged: {error}") from None
    return bytes(inflated)


def deflate(data: bytes) -> bytes:
    """Return `data` as PS3.5 A.5 has it: raw deflate, padded to even length."""
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    deflated = compressor.compress(data) + compressor.flush()
    return deflated + b"\x00" if len(deflated) % 2 else deflated
