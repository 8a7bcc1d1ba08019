"""Plain data sets, encoded and decoded without pydicom's ways: always what pydicom makes of them, or nothing."""

from __future__ import annotations

import copy
import pickle
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import config
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset
from pydicom.tag import BaseTag
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from tests.net.codec_strategies import examples
from workstation.net import dsutils, flat_data_sets

pytestmark = pytest.mark.filterwarnings("ignore")  # of pydicom's, on values that break the rules

TEXT = st.text(
    st.one_of(st.sampled_from("AZ az09^=\\ _.\0\t"), st.characters(codec="latin-1"), st.characters(codec="utf-8")),
    max_size=12,
)
ASCII = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)
DIGITS = st.from_regex(r"[0-9]{1,5}", fullmatch=True)
BYTES = st.binary(max_size=9)


def several(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(values, values, st.lists(values, max_size=3), st.none(), st.just(""))


VALUES: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(("AE", "AS", "CS", "DA", "DT", "TM"), several(ASCII)),
    **dict.fromkeys(("LO", "SH", "UC", "PN"), several(TEXT)),
    **dict.fromkeys(("LT", "ST", "UT", "UR"), st.one_of(TEXT, st.none())),
    "UI": several(st.from_regex(r"[0-9.]{1,20}", fullmatch=True)),
    "IS": several(st.one_of(DIGITS, st.integers(-(2**31), 2**31 - 1))),
    "DS": several(st.one_of(DIGITS, st.floats(-1e3, 1e3, width=16), st.just(" 1.50 "))),
    "US": several(st.integers(0, 0xFFFF)),
    "SS": several(st.integers(-0x8000, 0x7FFF)),
    "UL": several(st.integers(0, 0xFFFFFFFF)),
    "SL": several(st.integers(-0x80000000, 0x7FFFFFFF)),
    "UV": several(st.integers(0, 2**64 - 1)),
    "SV": several(st.integers(-(2**63), 2**63 - 1)),
    **dict.fromkeys(("FL", "FD"), several(st.one_of(st.floats(width=32), st.integers(-5, 5)))),
    "AT": several(st.integers(0, 0xFFFFFFFF)),
    **dict.fromkeys(("OB", "OW", "OD", "OF", "OL", "OV", "UN", "OB or OW"), st.one_of(BYTES, st.none())),
    "US or SS": several(st.integers(0, 0x7FFF)),
}
# Of a dictionary's tag the right VR, and of others any.
TAGS: dict[str, int] = {
    "AE": 0x00080054,
    "AS": 0x00101010,
    "AT": 0x00280009,
    "CS": 0x00080052,
    "DA": 0x00080020,
    "DS": 0x00180050,
    "DT": 0x0040A120,
    "FD": 0x00189073,
    "FL": 0x00109431,
    "IS": 0x00201208,
    "LO": 0x00100020,
    "LT": 0x00104000,
    "PN": 0x00100010,
    "SH": 0x00080050,
    "SL": 0x00186020,
    "SS": 0x00189219,
    "ST": 0x00080081,
    "TM": 0x00080030,
    "UC": 0x00080119,
    "UI": 0x0020000D,
    "UL": 0x00081161,
    "UR": 0x00080120,
    "US": 0x00280010,
    "UT": 0x0040A160,
    "OB or OW": 0x7FE00010,
    "US or SS": 0x00280106,
}
OTHER_TAGS = st.sampled_from([0x00020010, 0x00100000, 0x00080000, 0x00091001, 0x00090010, 0x30010020, 0x0040FFFF])
CHARACTER_SETS = st.sampled_from(
    [None, None, "", "ISO_IR 6", "ISO_IR 100", "ISO_IR 192", "ISO_IR 144", ["", "ISO 2022 IR 87"], "ISO_IR_100", "no"]
)


@st.composite
def elements(draw: Any) -> DataElement:
    vr = draw(st.sampled_from(sorted(VALUES)))
    if vr not in TAGS:
        tag = 0x00091001  # pydicom itself gives a known tag another VR than UN
    else:
        tag = draw(OTHER_TAGS) if draw(st.integers(0, 9)) == 0 else TAGS[vr]
    return DataElement(tag, vr, draw(VALUES[vr]), validation_mode=config.IGNORE)


@st.composite
def data_sets(draw: Any, depth: int = 2) -> Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data_set = Dataset()
        character_set = draw(CHARACTER_SETS)
        if character_set is not None:
            data_set.SpecificCharacterSet = character_set
        for element in draw(st.lists(elements(), max_size=6)):
            data_set[element.tag] = element
        if depth and draw(st.integers(0, 3)) == 0:
            items = draw(st.lists(data_sets(depth - 1), max_size=2))
            data_set.ScheduledProcedureStepSequence = items
            data_set[0x00400100].is_undefined_length = draw(st.sampled_from([False, False, True]))
            for item in items:
                item.is_undefined_length_sequence_item = draw(st.sampled_from([False, False, True]))
        return data_set


def by_pydicom(data_set: Dataset, *, is_implicit_vr: bool) -> bytes | None:
    stream = DicomBytesIO()
    stream.is_implicit_VR = is_implicit_vr
    stream.is_little_endian = True
    try:
        write_dataset(stream, data_set)
    except Exception:
        return None
    return stream.getvalue()


def read_by_pydicom(encoded: bytes, *, is_implicit_vr: bool) -> Dataset | None:
    try:
        return read_dataset(BytesIO(encoded), is_implicit_vr, True)
    except Exception:
        return None


def same(one: Dataset, other: Dataset) -> None:
    """Both are the same in all that pydicom keeps of a data set; no element of them has been decoded."""
    assert len(one) == len(other)
    assert vars(one) == vars(other)
    assert [type(element) for element in one.values()] == [type(element) for element in other.values()]
    assert type(one) is type(other)


@given(data_sets(), st.booleans())
@examples(150)
def test_encoded_as_pydicom_does(data_set: Dataset, is_implicit_vr: bool) -> None:
    encoded = flat_data_sets.encode(copy.deepcopy(data_set), is_implicit_vr=is_implicit_vr)
    if encoded is not None:
        assert encoded == by_pydicom(data_set, is_implicit_vr=is_implicit_vr)


@given(data_sets(), st.booleans())
@examples(150)
def test_decoded_as_pydicom_does(data_set: Dataset, is_implicit_vr: bool) -> None:
    encoded = by_pydicom(data_set, is_implicit_vr=is_implicit_vr) or b""
    decoded = flat_data_sets.decode(encoded, is_implicit_vr=is_implicit_vr)
    if decoded is not None:
        other = read_by_pydicom(encoded, is_implicit_vr=is_implicit_vr)
        assert other is not None
        same(decoded, other)


@given(data_sets(), st.booleans(), st.booleans(), st.data())
@examples(150)
def test_damaged_bytes_are_decoded_as_pydicom_does(
    data_set: Dataset, is_implicit_vr: bool, is_said_so: bool, data: st.DataObject
) -> None:
    encoded = bytearray(by_pydicom(data_set, is_implicit_vr=is_implicit_vr) or b"\0")
    for _ in range(data.draw(st.integers(0, 3))):
        encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(encoded[: data.draw(st.integers(0, len(encoded)))])
    implicit = is_implicit_vr == is_said_so
    decoded = flat_data_sets.decode(damaged, is_implicit_vr=implicit)
    if decoded is not None:
        other = read_by_pydicom(damaged, is_implicit_vr=implicit)
        assert other is not None
        same(decoded, other)


@given(data_sets(), st.booleans(), st.booleans(), st.lists(st.sampled_from(sorted(TAGS.values())), max_size=3))
@examples(150)
def test_what_was_decoded_is_encoded_again_as_pydicom_does(
    data_set: Dataset, was_implicit: bool, is_implicit_vr: bool, looked_at: list[int]
) -> None:
    encoded = by_pydicom(data_set, is_implicit_vr=was_implicit)
    one = read_by_pydicom(encoded or b"", is_implicit_vr=was_implicit)
    other = read_by_pydicom(encoded or b"", is_implicit_vr=was_implicit)
    assert one is not None
    assert other is not None
    for tag in looked_at:
        for received in (one, other):
            try:
                received.get(tag)
            except Exception:
                continue  # values that break the rules; both have looked
    again = flat_data_sets.encode(one, is_implicit_vr=is_implicit_vr)
    if again is not None:
        assert again == by_pydicom(other, is_implicit_vr=is_implicit_vr)


# -- what has to be plain -------------------------------------------------------------------------------------------


def identifier() -> Dataset:
    step = Dataset()
    step.Modality = "CT"
    step.ScheduledProcedureStepStartDate = "20261121"
    found = Dataset()
    found.SpecificCharacterSet = "ISO_IR 192"
    found.StudyDate = "20261121"
    found.StudyTime = ""
    found.ModalitiesInStudy = ["CT", "SR"]
    found.PatientName = "Grün^Åsa=漢字"
    found.PatientID = "4711"
    found.PatientWeight = "70.5"
    found.StudyInstanceUID = "2.25.1"
    found.NumberOfStudyRelatedInstances = 12
    found.Rows = 512
    found.ScheduledProcedureStepSequence = [step]
    found.ReferencedStudySequence = []
    return found


SYNTAXES = pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian], ids=["implicit", "explicit"]
)


@SYNTAXES
def test_an_identifier_is_plain(syntax: str) -> None:
    implicit = syntax == ImplicitVRLittleEndian
    encoded = flat_data_sets.encode(identifier(), is_implicit_vr=implicit)
    assert encoded == by_pydicom(identifier(), is_implicit_vr=implicit)
    assert encoded is not None
    decoded = flat_data_sets.decode(encoded, is_implicit_vr=implicit)
    assert decoded == identifier()
    assert flat_data_sets.encode(decoded, is_implicit_vr=implicit) == encoded


@SYNTAXES
@pytest.mark.parametrize("how", [copy.deepcopy, lambda ds: pickle.loads(pickle.dumps(ds))])
def test_a_decoded_identifier_is_a_data_set_like_any_other(syntax: str, how: Callable[[Dataset], Dataset]) -> None:
    implicit = syntax == ImplicitVRLittleEndian
    encoded = by_pydicom(identifier(), is_implicit_vr=implicit) or b""
    decoded = flat_data_sets.decode(encoded, is_implicit_vr=implicit)
    assert decoded is not None
    twin = how(decoded)
    assert twin == decoded == identifier()
    assert len(twin) == len(identifier())
    assert [element.tag for element in twin] == [element.tag for element in identifier()]
    assert str(twin.PatientName) == "Grün^Åsa=漢字"
    assert twin.original_encoding == (implicit, True)
    assert twin.original_character_set == ["UTF8"]
    twin.PatientID = "4712"
    assert twin != decoded
    assert decoded.PatientID == "4711"


def same_as_file(data_set: Dataset, *, is_first: bool = True) -> bool:
    file = FileDataset("", identifier())
    same = (data_set == file) if is_first else (file == data_set)
    assert same
    return same


LOOKS: dict[str, Callable[[Dataset], object]] = {
    "length": len,
    "truth": bool,
    "text": str,
    "elements": list,
    "tags": lambda ds: ds.keys(),
    "attribute": lambda ds: ds.PatientID,
    "no such attribute": lambda ds: hasattr(ds, "ContentDate"),
    "no attribute at all": lambda ds: hasattr(ds, "nothing"),
    "element": lambda ds: ds[0x00100020],
    "membership": lambda ds: "PatientID" in ds,
    "encoding": lambda ds: ds.original_encoding,
    "another's attribute": lambda ds: ds.is_decompressed,
    "equality": lambda ds: ds == identifier(),
    "equality to it": lambda ds: identifier() == ds,
    "equality with a file": same_as_file,
    "a file's equality to it": lambda ds: same_as_file(ds, is_first=False),
    "a data set of it": lambda ds: len(Dataset(ds)),
    "JSON": lambda ds: ds.to_json(),
    "copy": copy.copy,
    "deep copy": copy.deepcopy,
    "pickle": pickle.dumps,
    "an element of ours": lambda ds: setattr(ds, "StudyDate", "20261121"),
}


@SYNTAXES
@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_any_look_makes_it_a_data_set(syntax: str, look: Callable[[Dataset], object]) -> None:
    implicit = syntax == ImplicitVRLittleEndian
    encoded = by_pydicom(identifier(), is_implicit_vr=implicit) or b""
    decoded = flat_data_sets.decode(encoded, is_implicit_vr=implicit)
    other = read_by_pydicom(encoded, is_implicit_vr=implicit)
    assert isinstance(decoded, Dataset)
    assert other is not None
    assert type(decoded) is not Dataset
    look(decoded)
    look(other)
    assert type(decoded) is Dataset
    assert vars(decoded) == vars(other)
    assert decoded == other


def test_what_is_set_before_any_look_stays() -> None:
    decoded = flat_data_sets.decode(by_pydicom(identifier(), is_implicit_vr=False) or b"", is_implicit_vr=False)
    assert decoded is not None
    decoded.is_undefined_length_sequence_item = True
    decoded.ours = 1
    assert decoded.PatientID == "4711"
    assert decoded.is_undefined_length_sequence_item
    assert decoded.ours == 1


def test_two_undecoded_are_equal() -> None:
    encoded = by_pydicom(identifier(), is_implicit_vr=False) or b""
    one, other = (flat_data_sets.decode(encoded, is_implicit_vr=False) for _ in range(2))
    assert one == other
    assert (one != other) is False


def test_threads_that_look_at_once_see_one_data_set() -> None:
    encoded = by_pydicom(identifier(), is_implicit_vr=False) or b""
    for _ in range(50):
        decoded = flat_data_sets.decode(encoded, is_implicit_vr=False)
        start = threading.Barrier(4)

        def look(decoded: Any = decoded, start: threading.Barrier = start) -> int:
            start.wait(10)
            return id(decoded._dict)

        with ThreadPoolExecutor(4) as pool:
            assert len({future.result(10) for future in [pool.submit(look) for _ in range(4)]}) == 1


def test_an_element_is_made_as_pydicom_makes_it() -> None:
    element = flat_data_sets.element_of(BaseTag(0x00000900), "US", 0xFF00, config.WARN)
    other = DataElement(0x00000900, "US", 0xFF00, already_converted=True, validation_mode=config.WARN)
    assert vars(element) == vars(other)
    assert element == other


def test_two_data_sets_share_nothing() -> None:
    one, other = flat_data_sets.data_set_of({}), flat_data_sets.data_set_of({})
    same(one, Dataset())
    one.private_block(0x0009, "ours", create=True)
    one.PatientName = "A"
    same(other, Dataset())


@SYNTAXES
def test_cut_short_anywhere(syntax: str) -> None:
    implicit = syntax == ImplicitVRLittleEndian
    encoded = by_pydicom(identifier(), is_implicit_vr=implicit) or b""
    plain = 0
    for size in range(len(encoded)):
        decoded = flat_data_sets.decode(encoded[:size], is_implicit_vr=implicit)
        if decoded is not None:
            plain += 1
            other = read_by_pydicom(encoded[:size], is_implicit_vr=implicit)
            assert other is not None
            same(decoded, other)
    assert plain == len(identifier()) - 1  # where an element ends


def test_a_file_is_sent_on_with_what_was_never_looked_at() -> None:
    encoded = by_pydicom(identifier(), is_implicit_vr=False) or b""
    read = read_dataset(BytesIO(encoded), False, True)
    file = FileDataset("", read, is_implicit_VR=False, is_little_endian=True)
    file.set_original_encoding(False, True, read.original_character_set)
    assert file.StudyInstanceUID == "2.25.1"
    assert flat_data_sets.encode(file, is_implicit_vr=False) == encoded
    assert flat_data_sets.encode(file, is_implicit_vr=True) is None  # pydicom decodes all of it


@SYNTAXES
def test_peers_cannot_make_the_tables_of_tags_grow_for_ever(syntax: str) -> None:
    implicit = syntax == ImplicitVRLittleEndian
    for group in range(8, 28):
        data_set = Dataset()
        for number in range(1, 500):
            data_set.add(DataElement(group << 16 | number, "LO", "x", validation_mode=config.IGNORE))
        assert len(dsutils.decode_in(by_pydicom(data_set, is_implicit_vr=implicit) or b"", syntax)) == 499
    assert len(flat_data_sets._implicit if implicit else flat_data_sets._explicit) <= 4096
