"""From encoded objects to the index's texts: what is decoded here is what pydicom makes of it."""

import struct
from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scp_objects import BIG_ENDIAN, CT, EXPLICIT, IMPLICIT, encode, make_object

from workstation.scp.archive import extract as extract_module
from workstation.scp.archive.extract import extract
from workstation.scp.query.levels import ATTRIBUTES, VR_OF_TAG, tag_of

CHARACTER_SETS = ("", "ISO_IR 100", "ISO_IR 192", "ISO_IR 13", "ISO 2022 IR 6\\ISO 2022 IR 87", "GB18030", "nonsense")
# Long enough for every VR of the index but sequences.
TAGS = sorted(
    tag
    for keywords in ATTRIBUTES.values()
    for tag in map(tag_of, keywords)
    if VR_OF_TAG[tag] != "SQ" and tag not in (0x00080016, 0x00080018, 0x0020000D, 0x0020000E)
)
LETTERS = st.text("01279.-+eE\\=^ ~*\0AZaz\x1b\x80\xe4\xff", max_size=24).map(lambda text: text.encode("latin-1"))
VALUES = st.one_of(
    LETTERS, st.binary(max_size=12), st.from_regex(r"-?\d{1,12}(\.\d{0,12})? ?", fullmatch=True).map(str.encode)
)


def element(tag: int, vr: str, value: bytes, syntax: str) -> bytes:
    order = ">" if syntax == BIG_ENDIAN else "<"
    value += b" " * (len(value) % 2)
    if syntax == IMPLICIT:
        return struct.pack("<HHL", tag >> 16, tag & 0xFFFF, len(value)) + value
    return struct.pack(order + "HH2sH", tag >> 16, tag & 0xFFFF, vr.encode(), len(value)) + value


@pytest.mark.filterwarnings("ignore")
@given(
    st.sampled_from(TAGS), VALUES, st.sampled_from(CHARACTER_SETS), st.sampled_from((IMPLICIT, EXPLICIT, BIG_ENDIAN))
)
@example(0x00100010, b"Doe^John^^^ =\\=", "", EXPLICIT)
@example(0x00100010, b"Doe^~\\5c", "ISO_IR 13", EXPLICIT)
@example(0x00080020, b"1999.12.31", "", IMPLICIT)
@example(0x00200013, b"-0", "", EXPLICIT)
@example(0x00201041, b"-12.50", "", EXPLICIT)
@example(0x00280010, b"\x00\x02", "", BIG_ENDIAN)
def test_what_is_decoded_here_is_what_pydicom_reads(tag: int, value: bytes, character_set: str, syntax: str) -> None:
    parts = {
        0x00080005: element(0x00080005, "CS", character_set.encode(), syntax),
        0x00080016: element(0x00080016, "UI", CT.encode() + b"\0", syntax),
        0x00080018: element(0x00080018, "UI", b"1.2.3\0", syntax),
        0x0020000D: element(0x0020000D, "UI", b"1.2.", syntax),
        0x0020000E: element(0x0020000E, "UI", b"1.20", syntax),
        tag: element(tag, VR_OF_TAG[tag], value, syntax),
    }
    data = b"".join(parts[tag] for tag in sorted(parts))
    extract_module._remembered.cache_clear()
    texts = extract(data, syntax, CT, "1.2.3")
    with patch.object(extract_module, "_plain", lambda *_: None):
        extract_module._remembered.cache_clear()
        assert texts == extract(data, syntax, CT, "1.2.3")


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG_ENDIAN])
def test_honest_values_are_plain(syntax: str) -> None:
    """pydicom is not asked at all."""
    image = make_object(3, SliceLocation="-12.5", FrameOfReferenceUID="1.2.3", ImageType=["ORIGINAL", "PRIMARY"])
    with patch.object(extract_module, "read_dataset", side_effect=AssertionError):
        extract_module._remembered.cache_clear()
        texts = extract(encode(image, syntax), syntax, CT, str(image.SOPInstanceUID))
    assert texts["PatientName"] == "Doe^Number 0"
    assert (texts["StudyDate"], texts["Rows"], texts["InstanceNumber"]) == ("20240101", "4", "3")
    assert (texts["SliceLocation"], texts["ImageType"], texts["StudyID"]) == ("-12.5", "ORIGINAL\\PRIMARY", "")
