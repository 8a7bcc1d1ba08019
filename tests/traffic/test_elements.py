"""Elements of data sets with their places, of sound and of damaged ones."""

from __future__ import annotations

import random
import struct
import time
from io import BytesIO

import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.sequence import Sequence

from workstation.net.codec.field import Field
from workstation.traffic.decoding.elements import MAX_DEPTH, BytesSource, Encoding, dissect_elements, encoding_of

EXPLICIT = Encoding(False, True)
IMPLICIT = Encoding(True, True)
BIG = Encoding(False, False)


def encoded(dataset: Dataset, encoding: Encoding) -> bytes:
    stream = DicomBytesIO()
    stream.is_implicit_VR = encoding.implicit
    stream.is_little_endian = encoding.little_endian
    write_dataset(stream, dataset)
    value: bytes = stream.getvalue()
    return value


def sample() -> Dataset:
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    dataset.PatientName = "Müller^Jürgen"
    dataset.PatientID = "4711"
    item = Dataset()
    item.ReferencedSOPInstanceUID = "1.2.3"
    dataset.ReferencedImageSequence = Sequence([item, Dataset()])
    dataset.Rows = 512
    dataset.PixelSpacing = [0.5, 0.25]
    dataset.FrameIncrementPointer = 0x00181063
    dataset.add_new(0x00181063, "DS", "40")
    dataset.add_new(0x00189087, "FD", 1.5)
    dataset.add_new(0x00091010, "LO", "ACME")
    dataset.add_new(0x7FE00010, "OW", bytes(2000))
    return dataset


def walk(fields: tuple[Field, ...]) -> list[Field]:
    return [one for field in fields for one in (field, *walk(field.children))]


def by_tag(fields: tuple[Field, ...], tag: str) -> Field:
    return next(field for field in walk(fields) if field.name.startswith(tag))


def check_spans(fields: tuple[Field, ...], start: int, end: int) -> None:
    """Children lie in order within their parent, without overlap."""
    position = start
    for field in fields:
        assert field.offset >= position
        assert field.length >= 0
        position = field.offset + field.length
        assert position <= end
        check_spans(field.children, field.offset, position)


@pytest.mark.parametrize("encoding", [EXPLICIT, IMPLICIT, BIG])
def test_a_data_set_in_each_encoding(encoding: Encoding) -> None:
    data = encoded(sample(), encoding)
    fields = dissect_elements(BytesSource(data), encoding)
    assert not [field for field in walk(fields) if field.problem]
    check_spans(fields, 0, len(data))
    assert sum(field.length for field in fields) == len(data)
    assert by_tag(fields, "(0010,0010)").value == "Müller^Jürgen"
    assert by_tag(fields, "(0010,0010)").name == "(0010,0010) Patient's Name"
    assert by_tag(fields, "(0008,0016)").meaning == "UI, CT Image Storage"
    assert by_tag(fields, "(0028,0010)").value == 512
    assert by_tag(fields, "(0028,0030)").value == "0.5\\0.25"
    assert by_tag(fields, "(0028,0009)").value == "(0018,1063)"
    assert by_tag(fields, "(0018,9087)").value == 1.5
    assert by_tag(fields, "(7FE0,0010)").value == "2,000 bytes"
    sequence = by_tag(fields, "(0008,1140)")
    assert [item.name for item in sequence.children] == ["Item 1", "Item 2"]
    assert sequence.children[0].children[0].value == "1.2.3"
    name = by_tag(fields, "(0010,0020)")
    assert data[name.offset : name.offset + name.length].endswith(b"4711")


def test_undefined_lengths_and_their_delimiters() -> None:
    dataset = sample()
    dataset["ReferencedImageSequence"].is_undefined_length = True
    for item in dataset.ReferencedImageSequence:
        item.is_undefined_length_sequence_item = True
    data = encoded(dataset, EXPLICIT)
    fields = dissect_elements(BytesSource(data), EXPLICIT)
    assert not [field for field in walk(fields) if field.problem]
    assert sum(field.length for field in fields) == len(data)
    assert len(by_tag(fields, "(0008,1140)").children) == 2


def test_encapsulated_pixel_data() -> None:
    dataset = Dataset()
    dataset.add_new(0x7FE00010, "OB", encapsulate([b"a" * 10, b"b" * 20]))
    dataset["PixelData"].is_undefined_length = True
    data = encoded(dataset, EXPLICIT)
    (pixels,) = dissect_elements(BytesSource(data), EXPLICIT)
    assert [field.name for field in pixels.children] == ["Basic Offset Table", "Fragment 1", "Fragment 2"]
    assert pixels.children[0].value == "2 offsets"
    assert pixels.children[2].value == "20 bytes"
    assert pixels.meaning == "OB, encapsulated"
    assert pixels.length == len(data)
    assert not pixels.problem


def test_un_of_undefined_length_is_an_implicit_sequence() -> None:
    inner = encoded(sample(), IMPLICIT)
    data = struct.pack("<HH2sHI", 0x0009, 0x1020, b"UN", 0, 0xFFFFFFFF)
    data += struct.pack("<HHI", 0xFFFE, 0xE000, len(inner)) + inner + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    (field,) = dissect_elements(BytesSource(data), EXPLICIT)
    assert field.length == len(data)
    assert by_tag(field.children, "(0010,0020)").value == "4711"


@pytest.mark.parametrize(
    ("character_set", "raw", "shown"),
    [
        (b"ISO_IR 100", "Größe".encode("latin-1"), "Größe"),
        (b"\\ISO 2022 IR 87", b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B", "Yamada^Tarou=山田^太郎"),
        (b"GB18030 ", "王^小东".encode("gb18030"), "王^小东"),
        (b"NONSENSE", b"Gr\xf6\xdfe", "Größe"),
        (b"ISO_IR 192", b"\xff\xfe", "��"),
    ],
)
def test_character_sets(character_set: bytes, raw: bytes, shown: str) -> None:
    data = struct.pack("<HH2sH", 8, 5, b"CS", len(character_set)) + character_set
    data += struct.pack("<HH2sH", 0x10, 0x10, b"PN", len(raw)) + raw
    fields = dissect_elements(BytesSource(data), EXPLICIT)
    assert fields[1].value == shown


def test_control_characters_and_long_values_are_tamed() -> None:
    raw = b"a\x1b[31m\r\n\x00<b>" + b"x" * 5000
    data = struct.pack("<HH2sHI", 0x0008, 0x0119, b"UC", 0, len(raw)) + raw
    (field,) = dissect_elements(BytesSource(data), EXPLICIT)
    assert isinstance(field.value, str)
    assert field.value.isprintable()
    assert len(field.value) <= 256
    assert "\\r\\n" in field.value
    assert field.length == len(data)


def test_lengths_that_run_past_the_end() -> None:
    data = struct.pack("<HH2sH", 0x0010, 0x0010, b"PN", 500) + b"Doe"
    (field,) = dissect_elements(BytesSource(data), EXPLICIT)
    assert "runs past the end (3 bytes left)" in field.problem
    assert field.value == "Doe"
    assert field.length == len(data)


def test_what_is_no_element() -> None:
    sound = struct.pack("<HH2sH", 0x0010, 0x0020, b"LO", 2) + b"ab"
    fields = dissect_elements(BytesSource(sound + b"\x10\0\x30\0\1\2\3\4rest"), EXPLICIT)
    assert fields[0].value == "ab"
    assert "has no VR" in fields[1].problem
    assert (fields[1].offset, fields[1].length) == (10, 12)
    assert "Too few" in dissect_elements(BytesSource(sound + b"abc"), EXPLICIT)[1].problem


def test_implicit_vr_where_explicit_was_agreed_is_guessed_but_not_followed() -> None:
    fields = dissect_elements(BytesSource(encoded(sample(), IMPLICIT)), EXPLICIT)
    assert len(fields) == 1
    assert "as in Implicit VR" in fields[0].problem


def test_nesting_has_an_end() -> None:
    level = struct.pack("<HHI", 0x0008, 0x1140, 0xFFFFFFFF) + struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    data = level * 5000
    fields = dissect_elements(BytesSource(data), IMPLICIT)
    depth, field = 0, fields[0]
    while field.children:
        depth, field = depth + 1, field.children[0]
    assert depth <= MAX_DEPTH
    assert "Nested deeper" in fields[-1].problem


def test_many_elements_have_an_end() -> None:
    data = struct.pack("<HH2sH", 0x0010, 0x0020, b"LO", 0) * 1000
    fields = dissect_elements(BytesSource(data), EXPLICIT, max_elements=100)
    assert len(fields) == 101
    assert fields[-1].value == "7,200 bytes"
    assert not fields[-1].problem


def test_a_prefix_says_that_the_rest_is_missing() -> None:
    class Cut(BytesSource):
        open_ended = True
        missing = "not arrived yet"

    data = encoded(sample(), EXPLICIT)
    fields = dissect_elements(Cut(data[:-2100]), EXPLICIT)
    assert not [field for field in walk(fields) if field.problem]
    assert fields[-1].meaning == "not arrived yet"


@pytest.mark.parametrize("encoding", [EXPLICIT, IMPLICIT, BIG])
def test_damaged_data_never_raises_and_spans_stay_inside(encoding: Encoding) -> None:
    dataset = sample()
    dataset["ReferencedImageSequence"].is_undefined_length = True
    dataset.PixelData = bytes(30)
    whole = encoded(dataset, encoding)
    for length in range(len(whole)):
        check_spans(dissect_elements(BytesSource(whole[:length]), encoding), 0, length)
    chance = random.Random(1)
    for _ in range(2000):
        damaged = bytearray(whole)
        for _ in range(chance.randrange(1, 5)):
            damaged[chance.randrange(len(damaged))] = chance.choice((0, 1, 255, chance.randrange(256)))
        check_spans(dissect_elements(BytesSource(bytes(damaged)), encoding), 0, len(damaged))


def test_a_large_value_is_not_read() -> None:
    class Counting(BytesSource):
        read_bytes = 0

        def read(self, offset: int, count: int) -> bytes:
            self.read_bytes += count
            return super().read(offset, count)

    dataset = sample()
    dataset.PixelData = bytes(4 << 20)
    source = Counting(encoded(dataset, EXPLICIT))
    start = time.perf_counter()
    dissect_elements(source, EXPLICIT)
    assert source.read_bytes < 10_000
    assert time.perf_counter() - start < 1


@pytest.mark.parametrize(
    ("uid", "expected"),
    [
        ("1.2.840.10008.1.2", Encoding(True, True)),
        ("1.2.840.10008.1.2.1", Encoding(False, True)),
        ("1.2.840.10008.1.2.2", Encoding(False, False)),
        ("1.2.840.10008.1.2.1.99", Encoding(False, True, deflated=True)),
        ("1.2.840.10008.1.2.4.90", Encoding(False, True, encapsulated=True)),
        ("1.2.840.10008.1.2.6.2", None),
        ("1.2.3", None),
        ("", None),
    ],
)
def test_encodings(uid: str, expected: Encoding | None) -> None:
    assert encoding_of(uid) == expected


def test_bytes_io_is_not_needed() -> None:
    # A source is anything with a length and a read.
    class Stream:
        open_ended = False
        missing = ""

        def __init__(self, data: bytes) -> None:
            self.length = len(data)
            self._stream = BytesIO(data)

        def read(self, offset: int, count: int) -> bytes:
            self._stream.seek(offset)
            return self._stream.read(count)

    data = encoded(sample(), EXPLICIT)
    assert dissect_elements(Stream(data), EXPLICIT) == dissect_elements(BytesSource(data), EXPLICIT)
