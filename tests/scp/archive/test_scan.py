"""The scan of encoded data sets: whole ones in every encoding, cut ones at every byte, hostile ones."""

import struct
import time
import tracemalloc
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.sequence import Sequence
from scp_objects import BIG_ENDIAN, EXPLICIT, IMPLICIT, encode, make_object

from workstation.scp.archive.scan import MAXIMUM_INFLATED, DamagedDataSetError, scan

DEFLATED = "1.2.840.10008.1.2.1.99"
WANTED = {0x00080018, 0x00100020, 0x00400275}


def nested(depth: int, *, undefined: bool = True) -> Dataset:
    innermost = Dataset()
    innermost.PatientID = "deep"
    for _ in range(depth):
        outer = Dataset()
        outer.RequestAttributesSequence = Sequence([innermost])
        outer["RequestAttributesSequence"].is_undefined_length = undefined
        innermost.is_undefined_length_sequence_item = undefined
        innermost = outer
    return innermost


def deflate(data: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflater.compress(data) + deflater.flush()


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG_ENDIAN])
def test_wanted_elements_are_found_as_they_are(syntax: str) -> None:
    image = make_object(3, RequestAttributesSequence=nested(2).RequestAttributesSequence)
    wanted = Dataset()
    for tag in WANTED:
        wanted[tag] = image[tag]
    found = scan(encode(image, syntax), syntax, WANTED)
    assert found.wanted_bytes == encode(wanted, syntax)
    assert (found.is_implicit, found.is_little_endian) == (syntax == IMPLICIT, syntax != BIG_ENDIAN)


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG_ENDIAN])
def test_a_cut_data_set_is_noticed_wherever_it_is_cut(syntax: str) -> None:
    image = make_object(3, RequestAttributesSequence=nested(2).RequestAttributesSequence)
    whole = encode(image, syntax)
    ends = {0}
    for tag in sorted(image.keys()):
        part = Dataset()
        part[tag] = image[tag]
        ends.add(max(ends) + len(encode(part, syntax)))
    for length in range(len(whole)):
        # Cut between two elements it is whole for all that anybody can tell; so it is if only zeros are left over.
        start = max(end for end in ends if end <= length)
        if not any(whole[start:length]):
            scan(whole[:length], syntax, WANTED)
        else:
            with pytest.raises(DamagedDataSetError):
                scan(whole[:length], syntax, WANTED)


def test_encapsulated_pixels_are_walked_to_their_end() -> None:
    image = make_object(1)
    image.PixelData = encapsulate([b"frame one ", b"frame two!"])
    icon = Dataset()
    icon.PixelData = image.PixelData
    for data_set in (image, icon):
        data_set["PixelData"].VR = "OB"
        data_set["PixelData"].is_undefined_length = True
    image.IconImageSequence = Sequence([icon])
    # The helper would make the pixels OW.
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = False, True
    write_dataset(buffer, image)
    data = buffer.getvalue()
    scan(data, "1.2.840.10008.1.2.4.90", WANTED)
    with pytest.raises(DamagedDataSetError, match="ends"):
        scan(data[:-8], "1.2.840.10008.1.2.4.90", WANTED)


@pytest.mark.parametrize("undefined", [True, False])
@pytest.mark.parametrize(("depth", "is_taken"), [(10, True), (63, True), (70, False), (150, False)])
def test_nesting_has_a_limit(depth: int, is_taken: bool, undefined: bool) -> None:
    data = encode(nested(depth, undefined=undefined))
    if is_taken:
        assert scan(data, EXPLICIT, WANTED).wanted_bytes == data
    else:
        with pytest.raises(DamagedDataSetError, match="deeper than 64"):
            scan(data, EXPLICIT, WANTED)


def test_very_deep_nesting_costs_nothing() -> None:
    level = struct.pack("<HH2sHL", 0x0040, 0x0275, b"SQ", 0, 0xFFFFFFFF) + struct.pack(
        "<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF
    )
    began = time.thread_time()
    with pytest.raises(DamagedDataSetError, match="deeper"):
        scan(level * 100_000, EXPLICIT, WANTED)
    assert time.thread_time() - began < 1


def test_un_of_undefined_length_is_implicit_inside() -> None:
    inner = encode(nested(1), IMPLICIT)
    data = struct.pack("<HH2sHL", 0x0009, 0x1001, b"UN", 0, 0xFFFFFFFF) + inner[8:] + encode(make_object())
    assert scan(data, EXPLICIT, {0x00100020}).wanted_bytes.endswith(b"P0")


def test_the_wrong_transfer_syntax_is_noticed() -> None:
    with pytest.raises(DamagedDataSetError, match="no VR"):
        scan(encode(make_object(), IMPLICIT), EXPLICIT, WANTED)
    with pytest.raises(DamagedDataSetError):
        scan(encode(make_object(), EXPLICIT), IMPLICIT, WANTED)


def test_zeros_at_the_end_are_padding() -> None:
    data = encode(make_object())
    assert scan(data + bytes(2), EXPLICIT, WANTED) == scan(data, EXPLICIT, WANTED)


def test_deflated_data_is_inflated_for_the_scan_only() -> None:
    data = encode(make_object())
    assert scan(deflate(data), DEFLATED, WANTED) == scan(data, EXPLICIT, WANTED)
    for damaged in (deflate(data)[:-20], b"no deflate", deflate(data[:-3])):
        with pytest.raises(DamagedDataSetError):
            scan(damaged, DEFLATED, WANTED)


def test_an_inflate_bomb_is_not_inflated() -> None:
    image = encode(make_object())
    bomb = deflate(image + struct.pack("<HH2sHL", 0x7FE1, 0x0010, b"OB", 0, 256 << 20) + bytes(256 << 20))
    tracemalloc.start()
    found = scan(bomb, DEFLATED, WANTED)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.wanted == scan(image, EXPLICIT, WANTED).wanted
    assert not found.is_whole
    assert peak < 3 * MAXIMUM_INFLATED


@given(st.binary(max_size=200), st.sampled_from([IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED]))
def test_any_bytes_are_scanned_or_refused(data: bytes, syntax: str) -> None:
    with suppress(DamagedDataSetError):
        scan(data, syntax, WANTED)


@given(st.data())
def test_a_flipped_byte_is_scanned_or_refused(data: st.DataObject) -> None:
    whole = bytearray(encode(make_object(2, RequestAttributesSequence=nested(3).RequestAttributesSequence)))
    whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    with suppress(DamagedDataSetError):
        scan(bytes(whole), EXPLICIT, WANTED)
