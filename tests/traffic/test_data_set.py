"""The lazy tree of a data set, against pydicom's reading of the same bytes, and with bytes nobody should send."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset

from workstation.traffic.decoding.data_set import (
    DataSetTree,
    find_elements,
    json_text,
    line_of,
    path_text,
    tree_of,
)
from workstation.traffic.decoding.elements import BytesSource, Encoding
from workstation.traffic.decoding.objects import FileObject

EXPLICIT = Encoding(implicit=False, little_endian=True)
IMPLICIT = Encoding(implicit=True, little_endian=True)


def explicit(group: int, element: int, vr: bytes, value: bytes, length: int | None = None) -> bytes:
    head = group.to_bytes(2, "little") + element.to_bytes(2, "little") + vr
    size = len(value) if length is None else length
    if vr in (b"SQ", b"OB", b"OW", b"UN", b"UT", b"OF"):
        return head + b"\0\0" + size.to_bytes(4, "little") + value
    return head + size.to_bytes(2, "little") + value


def item(value: bytes, length: int | None = None) -> bytes:
    return b"\xfe\xff\x00\xe0" + (len(value) if length is None else length).to_bytes(4, "little") + value


ITEM_END, SEQUENCE_END = b"\xfe\xff\x0d\xe0\0\0\0\0", b"\xfe\xff\xdd\xe0\0\0\0\0"
UNDEFINED = 0xFFFFFFFF


def tree(data: bytes, encoding: Encoding = EXPLICIT) -> DataSetTree:
    return DataSetTree(BytesSource(data), encoding)


def lines(data: bytes, encoding: Encoding = EXPLICIT) -> list[str]:
    return [
        "  " * len(around) + f"{element.tag_text} {element.name}: {line_of(element)}{' !' * bool(element.problem)}"
        for around, element in tree(data, encoding).walk()
    ]


def leaves(data: Dataset) -> list[tuple[int, int, str]]:
    """(depth, tag, VR) of every element, as pydicom reads it."""
    found: list[tuple[int, int, str]] = []

    def collect(each: Dataset, depth: int) -> None:
        for element in each:
            found.append((depth, int(element.tag), str(element.VR)))
            if element.VR == "SQ":
                for inner in element.value:
                    collect(inner, depth + 2)

    collect(data, 0)
    return found


FILES = (
    "CT_small.dcm",
    "MR_small_implicit.dcm",
    "MR_small_bigendian.dcm",
    "rtplan.dcm",
    "rtdose_rle_1frame.dcm",
    "test-SR.dcm",
    "priv_SQ.dcm",
    "nested_priv_SQ.dcm",
    "UN_sequence.dcm",
    "image_dfl.dcm",
    "liver_1frame.dcm",
    "SC_rgb_jpeg.dcm",  # says Explicit VR and is Implicit
)


@pytest.mark.parametrize("name", FILES)
def test_every_element_that_pydicom_finds_is_found(name: str) -> None:
    path = get_testdata_file(name, download=False)
    assert isinstance(path, str)
    found = FileObject(path)
    ours = [
        (len(around), (element.tag[0] << 16) | element.tag[1], element.read_as or element.vr)
        for around, element in tree_of(found.source, found.transfer_syntax).walk()
        if element.kind == "element"
    ]
    found.close()
    theirs = leaves(dcmread(path, force=True))
    assert [each[:2] for each in ours] == [each[:2] for each in theirs]
    # What the dictionary leaves open ("US or SS") and vendors' elements aside.
    differing = [(a, b) for a, b in zip(ours, theirs, strict=True) if a[2] != b[2] and not (a[1] >> 16) % 2]
    assert all("or" in b[2] or {a[2], b[2]} <= {"OB", "OW", "US", "SS"} for a, b in differing)


def test_sequences_of_undefined_length_are_stepped_over_and_opened() -> None:
    inner = explicit(0x0008, 0x0100, b"SH", b"T-01") + explicit(0x0008, 0x0104, b"LO", b"Head")
    data = explicit(
        0x0008, 0x1140, b"SQ", item(inner, UNDEFINED) + ITEM_END + item(inner) + SEQUENCE_END, UNDEFINED
    ) + explicit(0x0010, 0x0020, b"LO", b"4711")
    assert lines(data) == [
        "(0008,1140) Referenced Image Sequence: items",
        "  Item 1 Item 1: ",
        "    (0008,0100) Code Value: T-01",
        "    (0008,0104) Code Meaning: Head",
        "  Item 2 Item 2: ",
        "    (0008,0100) Code Value: T-01",
        "    (0008,0104) Code Meaning: Head",
        "(0010,0020) Patient ID: 4711",
    ]


def test_levels_are_read_only_when_somebody_looks() -> None:
    deep = explicit(0x0010, 0x0020, b"LO", b"4711")
    for _ in range(3):
        deep = explicit(0x0008, 0x1140, b"SQ", item(deep))
    (sequence,) = tree(deep).top()
    assert sequence.children is None

    class Counting(BytesSource):
        read_at: list[int]

        def read(self, offset: int, count: int) -> bytes:
            self.read_at.append(count)
            return super().read(offset, count)

    big = explicit(0x0008, 0x1140, b"SQ", item(bytes(1 << 20))) + explicit(0x0010, 0x0020, b"LO", b"4711")
    source = Counting(big)
    source.read_at = []
    top = DataSetTree(source, EXPLICIT).top()
    assert [element.tag_text for element in top] == ["(0008,1140)", "(0010,0020)"]
    assert sum(source.read_at) < 100_000


def test_private_elements_have_their_creators_names() -> None:
    data = (
        explicit(0x0009, 0x0010, b"LO", b"GEMS_IDEN_01")
        + explicit(0x0009, 0x1001, b"LO", b"GE_GENESIS_FF ")
        + explicit(0x0009, 0x1101, b"LO", b"nobody's")
    )
    first, second, third = tree(data).top()
    assert first.name == "Private Creator"
    assert (second.creator, second.name) == ("GEMS_IDEN_01", "Full fidelity")
    assert (third.creator, third.name) == ("", "Private Data Element")


def test_text_is_shown_in_its_character_set() -> None:
    data = explicit(0x0008, 0x0005, b"CS", b"ISO_IR 192") + explicit(
        0x0010, 0x0010, b"PN", "Müller^Jörg".encode() + b" "
    )
    assert line_of(tree(data).top()[1]) == "Müller^Jörg"


def test_values_from_a_peer_are_one_safe_line() -> None:
    data = explicit(0x0010, 0x0010, b"PN", b"a\x1b[31m\nb\0") + explicit(0x0010, 0x0020, b"LO", b"x" * 5000)
    name, identity = tree(data).top()
    assert line_of(name) == "a\\x1b[31m\\nb"
    assert len(line_of(identity)) == 256
    assert line_of(identity).endswith("…")
    assert tree(data).full_text(identity) == "x" * 5000
    assert tree(data).full_text(identity, 100) == "x" * 100 + "\n… 4,900 more bytes not shown"


def test_numbers_are_shown_and_listed() -> None:
    data = explicit(0x0028, 0x3002, b"US", b"\x00\x01\x00\x00\x10\x00") + explicit(
        0x0066, 0x0016, b"OF", b"\0\0\x80\x3f" * 2
    )
    descriptor, points = tree(data).top()
    assert line_of(descriptor) == "256\\0\\16"
    assert tree(data).full_text(descriptor) == "256\n0\n16"
    assert line_of(points) == "00 00 80 3f 00 00 80 3f"


def test_damage_is_said_where_it_is() -> None:
    good = explicit(0x0010, 0x0020, b"LO", b"4711")
    assert lines(good + explicit(0x0010, 0x0030, b"DA", b"2020", 400)) == [
        "(0010,0020) Patient ID: 4711",
        "(0010,0030) Patient's Birth Date: 2020 !",
    ]
    assert tree(good + b"\1\2\3").top()[1].problem == "Too few bytes for an element"
    assert tree(good + b"\x10\0\x30\0\x05\0\0\0xxxxx").top()[1].problem.startswith("(0010,0030) has no VR")
    no_end = explicit(0x0008, 0x1140, b"SQ", item(good), UNDEFINED)
    (sequence,) = tree(no_end).top()
    assert sequence.problem == "Its end is missing"
    assert [element.name for _, element in tree(no_end).walk()][2] == "Patient ID"


def test_a_hundred_thousand_levels_are_no_recursion() -> None:
    data = (explicit(0x0008, 0x1140, b"SQ", b"", UNDEFINED) + item(b"", UNDEFINED)) * 50_000
    (sequence,) = tree(data).top()
    assert sequence.problem == "Its end is missing"
    assert sum(1 for _ in tree(data).walk()) < 200


def test_what_has_not_arrived_is_no_damage() -> None:
    class Growing(BytesSource):
        open_ended = True
        missing = "not arrived yet"

    source = Growing(explicit(0x0010, 0x0020, b"LO", b"4711") + explicit(0x7FE0, 0x0010, b"OW", b"12", 1000))
    identity, pixels, rest = DataSetTree(source, EXPLICIT).top()
    assert identity.problem == ""
    assert pixels.problem == "Its end is not arrived yet"
    assert (rest.kind, rest.problem, line_of(rest)) == ("rest", "", "not arrived yet")


def test_un_is_read_as_what_the_dictionary_knows() -> None:
    inner = b"\x10\x00\x20\x00\x04\x00\x00\x004711"
    data = explicit(0x0028, 0x0010, b"UN", b"\x40\x00") + explicit(0x0008, 0x1140, b"UN", item(inner))
    rows, sequence = tree(data).top()
    assert (rows.vr, rows.read_as, line_of(rows)) == ("UN", "US", "64")
    assert lines(data)[-1] == "    (0010,0020) Patient ID: 4711"
    assert sequence.vr == "UN"


def test_fragments_of_compressed_pixels() -> None:
    data = explicit(0x7FE0, 0x0010, b"OB", item(b"\0\0\0\0") + item(b"abcd") + item(b"ef") + SEQUENCE_END, UNDEFINED)
    assert lines(data) == [
        "(7FE0,0010) Pixel Data: fragments",
        "  Offset Table Offset Table: 00 00 00 00",
        "  Fragment 1 Fragment 1: 61 62 63 64",
        "  Fragment 2 Fragment 2: 65 66",
    ]


def test_a_deflated_data_set_is_inflated() -> None:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    data = packer.compress(explicit(0x0010, 0x0020, b"LO", b"4711")) + packer.flush()
    (element,) = tree_of(BytesSource(data), "1.2.840.10008.1.2.1.99").top()
    assert line_of(element) == "4711"
    with pytest.raises(ValueError, match="deflated and cannot be inflated"):
        tree_of(BytesSource(b"\xff\xff\xff\xff"), "1.2.840.10008.1.2.1.99")


def test_private_transfer_syntaxes_are_not_guessed() -> None:
    with pytest.raises(ValueError, match=r"1\.2\.3 is not a transfer syntax of the standard"):
        tree_of(BytesSource(b""), "1.2.3")
    with pytest.raises(ValueError, match="The transfer syntax is not known"):
        tree_of(BytesSource(b""), "")


def ways(data: bytes, words: str) -> list[str]:
    return [path_text(way) for way in find_elements(tree(data), words) if way is not None]


def test_search_finds_tags_keywords_names_and_values() -> None:
    inner = explicit(0x0008, 0x0104, b"LO", b"Head")
    data = explicit(0x0008, 0x1140, b"SQ", item(b"") + item(inner)) + explicit(0x0010, 0x0010, b"PN", b"Doe^Jane")
    assert ways(data, "head") == ["(0008,1140)[1].(0008,0104)"]
    assert ways(data, "CodeMeaning") == ["(0008,1140)[1].(0008,0104)"]
    assert ways(data, "(0010,0010)") == ways(data, "00100010") == ways(data, "patientsname") == ["(0010,0010)"]
    assert ways(data, "patient's name") == ways(data, "doe^j") == ["(0010,0010)"]
    assert ways(data, "absent") == []


def test_json_is_that_of_the_standard(samples: Path) -> None:
    path = samples / "sr-report.dcm"
    found = FileObject(path)
    shown = tree_of(found.source, found.transfer_syntax)
    theirs = dcmread(path)
    for element in shown.top():
        tag = f"{element.tag[0]:04X}{element.tag[1]:04X}"
        if tag not in ("00080005",):
            assert json.loads(json_text(shown, element)) == {tag: theirs[tag].to_json_dict(None, 0)}
    sequence = next(element for element in shown.top() if element.name == "Content Sequence")
    first = shown.below(sequence)[0]
    assert json.loads(json_text(shown, first)) == theirs.ContentSequence[0].to_json_dict()
    found.close()


def test_json_of_what_is_not_there_is_refused() -> None:
    data = explicit(0x7FE0, 0x0010, b"OB", b"12", 100)
    whole = tree(data)
    (element,) = whole.top()
    with pytest.raises(ValueError, match="not all of it is here"):
        json_text(whole, element)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400), st.sampled_from([EXPLICIT, IMPLICIT, Encoding(False, False)]))
def test_any_bytes_can_be_looked_at(data: bytes, encoding: Encoding) -> None:
    whole = tree(data, encoding)
    for around, element in whole.walk():
        assert 0 <= element.offset <= element.value_offset <= max(element.end, element.value_offset)
        assert element.end <= len(data) or element.problem or not element.size
        assert line_of(element).isprintable()
        whole.full_text(element)
        path_text((*around, element))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_real_object_with_any_byte_changed_can_be_looked_at(samples: Path, data: st.DataObject) -> None:
    path = samples / "sr-report.dcm"
    whole = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(400, len(whole) - 1))] = data.draw(st.integers(0, 255))
    for _, element in tree(bytes(whole[400:])).walk():
        assert line_of(element).isprintable()
