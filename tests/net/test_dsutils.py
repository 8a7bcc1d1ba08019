"""Data sets to bytes and back, and what a hostile one can do."""

from __future__ import annotations

import itertools
import random
import struct
import tracemalloc
import zlib
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    UID,
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from workstation.net import dsutils, evt
from workstation.net.codec.dimse import C_STORE_RQ
from workstation.net.presentation import PresentationContextTuple

UNCOMPRESSED = [ImplicitVRLittleEndian, ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian]


def sample() -> Dataset:
    item = Dataset()
    item.ReferencedSOPInstanceUID = "1.2.3"
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientName = "Müller^Jürgen"
    dataset.Rows = 512
    dataset.BitsAllocated = 16
    dataset.PixelRepresentation = 1
    dataset.add_new("SmallestImagePixelValue", "SS", -3)
    dataset.ReferencedImageSequence = [item]
    dataset.add_new(0x00091001, "UN", b"\x01\x02")
    return dataset


@pytest.mark.parametrize("syntax", UNCOMPRESSED, ids=lambda uid: uid.keyword)
def test_there_and_back(syntax: str) -> None:
    encoded = dsutils.encode_in(sample(), syntax)
    assert encoded is not None
    assert len(encoded) % 2 == 0
    assert dsutils.decode_in(encoded, syntax) == sample()


@pytest.mark.parametrize(("first", "second"), list(itertools.product(UNCOMPRESSED, repeat=2)))
def test_from_one_syntax_into_another(first: str, second: str) -> None:
    received = dsutils.decode_in(dsutils.encode_in(sample(), first) or b"", first)
    again = dsutils.encode_in(received, second)
    assert again == dsutils.encode_in(sample(), second)


def test_the_documented_arguments() -> None:
    encoded = dsutils.encode(sample(), True, True)
    assert encoded is not None
    assert encoded[:8] == bytes.fromhex("08 00 05 00 0a 00 00 00")
    stream = BytesIO(encoded)
    stream.seek(5)
    assert dsutils.decode(stream, True, True).Rows == 512
    deflated = dsutils.encode(sample(), False, True, True)
    assert deflated is not None
    assert dsutils.decode(BytesIO(deflated), False, True, True) == sample()


def test_group_2_stays_in_the_file(caplog: pytest.LogCaptureFixture) -> None:
    dataset = sample()
    dataset.add_new(0x00020010, "UI", ImplicitVRLittleEndian)
    assert dsutils.encode(dataset, True, True) == dsutils.encode(sample(), True, True)
    assert not caplog.records


def test_what_cannot_be_encoded_is_none_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    dataset = Dataset()
    dataset.add_new(0x00280010, "US", 5)
    dataset["Rows"]._value = "not a number"
    assert dsutils.encode(dataset, True, True) is None
    assert "could not be encoded" in caplog.text


def test_an_empty_data_set() -> None:
    assert dsutils.encode(Dataset(), True, True) == b""
    assert dsutils.decode(BytesIO(b""), True, True) == Dataset()


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom warns of what it can live with
@pytest.mark.parametrize("syntax", UNCOMPRESSED, ids=lambda uid: uid.keyword)
def test_cut_short_anywhere_it_decodes_or_raises_what_a_caller_catches(syntax: str) -> None:
    encoded = dsutils.encode_in(sample(), syntax) or b""
    outcomes = set()
    for length in range(len(encoded)):
        try:
            str(dsutils.decode_in(encoded[:length], syntax))
            outcomes.add("decoded")
        except Exception as error:
            outcomes.add(type(error).__name__)
    assert not outcomes & {"MemoryError", "RecursionError"}
    assert len(outcomes) > 1 or syntax == DeflatedExplicitVRLittleEndian


def nested(depth: int) -> bytes:
    """Sequences of undefined length, one in the other, explicit VR little endian."""
    head = struct.pack("<HH2sHI", 0x0008, 0x1140, b"SQ", 0, 0xFFFFFFFF) + struct.pack(
        "<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF
    )
    tail = struct.pack("<HHI", 0xFFFE, 0xE00D, 0) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    return head * depth + tail * depth


def test_nesting() -> None:
    assert len(dsutils.decode_in(nested(20), ExplicitVRLittleEndian)) == 1
    with pytest.raises(ValueError, match="nested too deep"):
        dsutils.decode_in(nested(100_000), ExplicitVRLittleEndian)


def test_an_inflate_bomb_is_stopped_early() -> None:
    bomb = dsutils.deflate(bytes(256 * 1024 * 1024))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="inflates to more than"):
            dsutils.decode_in(bomb, DeflatedExplicitVRLittleEndian)
        assert tracemalloc.get_traced_memory()[1] < 64 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_blank_images_inflate() -> None:
    blank = bytes(8 * 1024 * 1024)
    assert dsutils.inflate(dsutils.deflate(blank)) == blank


@pytest.mark.parametrize("size", [0, 1, 2, 1000, 65536, 65537, 200_001])
def test_inflate_is_the_reverse_of_deflate(size: int) -> None:
    data = bytes(i * 7 % 251 for i in range(size))
    deflated = dsutils.deflate(data)
    assert len(deflated) % 2 == 0
    assert dsutils.inflate(deflated) == data
    assert zlib.decompressobj(-15).decompress(deflated) == data


def test_damaged_and_truncated_deflate() -> None:
    deflated = dsutils.deflate(bytes(range(256)) * 400)
    for length in (0, 1, 10, len(deflated) // 2):
        with pytest.raises(ValueError, match="cut short"):
            dsutils.inflate(deflated[:length])
    with pytest.raises(ValueError, match="damaged"):
        dsutils.inflate(b"\xff" * 50)


def test_encoding_of_a_transfer_syntax() -> None:
    assert dsutils.encoding_of("1.2.840.10008.1.2") == (True, True, False)
    assert dsutils.encoding_of("1.2.840.10008.1.2.1.99") == (False, True, True)
    assert dsutils.encoding_of("1.2.840.10008.1.2.2") == (False, False, False)
    assert dsutils.encoding_of("1.2.840.10008.1.2.4.95") == (False, True, True)
    assert dsutils.encoding_of("1.2.3.4.private") == (False, True, False)


def test_files_with_and_without_a_head(tmp_path: Path) -> None:
    dataset = sample()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = "1.2"
    dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    whole, bare = tmp_path / "whole.dcm", tmp_path / "bare"
    dataset.save_as(whole, enforce_file_format=True)
    bare.write_bytes(dsutils.encode_in(sample(), ImplicitVRLittleEndian) or b"")
    # The file's own transfer syntax counts, not the one that is said.
    assert dsutils.read_file(whole, ImplicitVRLittleEndian) == sample()
    assert dsutils.read_file(bare, ImplicitVRLittleEndian) == sample()
    assert dsutils.read_encoded(bare) == bare.read_bytes()
    assert whole.read_bytes().endswith(dsutils.read_encoded(whole))
    assert dsutils.decode_in(dsutils.read_encoded(whole), DeflatedExplicitVRLittleEndian).Rows == dcmread(whole).Rows


def test_what_is_large_already_may_not_inflate_as_much_as_what_is_small() -> None:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    noise = random.Random(1).randbytes(2 * 1024 * 1024)
    bomb = packer.compress(noise) + packer.compress(bytes(96 * 1024 * 1024)) + packer.flush()
    with pytest.raises(ValueError, match="inflate"):
        dsutils.inflate(bomb)


def test_file_meta_is_made_written_and_read_again(tmp_path: Path) -> None:
    meta = dsutils.create_file_meta(
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2", sop_instance_uid="1.2.3", transfer_syntax="1.2.840.10008.1.2.1"
    )
    encoded = dsutils.encode_file_meta(meta)
    path = tmp_path / "object"
    path.write_bytes(b"\0" * 128 + b"DICM" + encoded + b"\x10\x00\x20\x00LO\x02\x00ID")
    read, offset = dsutils.split_dataset(path)
    assert read == meta
    assert read.ImplementationVersionName == meta.ImplementationVersionName
    assert offset == 132 + len(encoded)
    assert dcmread(path).PatientID == "ID"


def test_a_file_without_file_meta_is_all_data_set(tmp_path: Path) -> None:
    path = tmp_path / "object"
    path.write_bytes(b"\x10\x00\x20\x00LO\x02\x00ID")
    assert dsutils.split_dataset(path) == (Dataset(), 0)


def test_the_head_of_what_was_received_is_what_pydicom_writes() -> None:
    request = C_STORE_RQ(
        context_id=1, MessageID=1, AffectedSOPClassUID=CTImageStorage, AffectedSOPInstanceUID="1.2.3", data=b"ab"
    )
    context = PresentationContextTuple(1, UID(CTImageStorage), UID("1.2.840.10008.1.2.4.50"))
    event = evt.Event(None, evt.EVT_C_STORE, {"request": request, "context": context})  # type: ignore[arg-type]
    head = bytes(128) + b"DICM" + dsutils.encode_file_meta(event.file_meta)
    assert event.encoded_dataset() == head + b"ab"
    assert event.encoded_dataset(include_meta=False) == b"ab"
