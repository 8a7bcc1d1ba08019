"""Data sets to answer with: DICOM files, bare data sets, DICOM JSON, with digits in place of each @."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import config
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from workstation.net import dsutils
from workstation.scp.rules.answer_files import LARGEST, AnswerFileError, answer_problem, load_answers

EXPLICIT, IMPLICIT, DEFLATED = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.1.99"


def digits() -> object:
    counting = itertools.cycle(range(1, 10))
    return lambda: next(counting)


def example(character_set: str = "ISO_IR 192") -> Dataset:
    step = Dataset()
    step.ScheduledProcedureStepID = "S@"
    data_set = Dataset()
    data_set.SpecificCharacterSet = character_set
    data_set.PatientName = "山田^@@"
    data_set.PatientID = "P@@@"
    data_set[0x0020000D] = DataElement(0x0020000D, "UI", "1.2.@@", validation_mode=config.IGNORE)
    data_set[0x00201206] = DataElement(0x00201206, "UI", "1@", validation_mode=config.IGNORE)
    data_set.ScheduledProcedureStepSequence = Sequence([step])
    return data_set


def write(path: Path, data_set: Dataset, syntax: str, *, bare: bool = False) -> None:
    encoded = dsutils.encode_in(data_set, syntax)
    assert encoded is not None
    # pydicom writes no IS like this; a person does.
    encoded = encoded.replace(b"\x20\x00\x06\x12UI", b"\x20\x00\x06\x12IS")
    if bare:
        path.write_bytes(encoded)
        return
    meta = dsutils.create_file_meta(sop_class_uid="1.2", sop_instance_uid="1.2.3", transfer_syntax=syntax)
    path.write_bytes(bytes(128) + b"DICM" + dsutils.encode_file_meta(meta) + encoded)


def check(data_set: Dataset) -> None:
    assert str(data_set.PatientName) == "山田^12"
    assert data_set.PatientID == "P345"
    assert data_set.StudyInstanceUID == "1.2.67"
    assert data_set.NumberOfStudyRelatedSeries == 18
    assert data_set.ScheduledProcedureStepSequence[0].ScheduledProcedureStepID == "S9"


@pytest.mark.parametrize("bare", [False, True])
@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_a_dicom_file_is_read_and_its_digits_thrown(tmp_path: Path, syntax: str, bare: bool) -> None:
    write(tmp_path / "a.dcm", example(), syntax, bare=bare)
    (data_set,) = load_answers(["a.dcm"], tmp_path, digits())
    check(data_set)
    assert dsutils.encode_in(data_set, EXPLICIT)


def test_a_deflated_file_is_read(tmp_path: Path) -> None:
    data_set = Dataset()
    data_set.PatientID = "@"
    write(tmp_path / "a.dcm", data_set, DEFLATED)
    assert load_answers(["a.dcm"], tmp_path, digits())[0].PatientID == "1"


def test_dicom_json_is_read_and_its_digits_thrown(tmp_path: Path) -> None:
    model = {
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "山田^@@"}]},
        "00100020": {"vr": "LO", "Value": ["P@@@"]},
        "0020000D": {"vr": "UI", "Value": ["1.2.@@"]},
        "00201206": {"vr": "IS", "Value": ["1@"]},
        "00400100": {"vr": "SQ", "Value": [{"00400009": {"vr": "SH", "Value": ["S@"]}}]},
        "00281052": {"vr": "DS", "Value": [1.5]},
        "00080016": {"vr": "UI"},
    }
    (tmp_path / "one.json").write_text(json.dumps(model), encoding="utf-8")
    (tmp_path / "two.json").write_text("\ufeff " + json.dumps([model, {}]), encoding="utf-8")
    assert len(load_answers(["one.json", "two.json"], tmp_path)) == 3
    (data_set,) = load_answers(["one.json"], tmp_path, digits())
    check(data_set)
    encoded = dsutils.encode_in(data_set, EXPLICIT)
    assert encoded is not None
    assert "山田".encode() in encoded


def test_an_at_within_a_character_of_two_bytes_is_no_digit(tmp_path: Path) -> None:
    data_set = Dataset()
    data_set.SpecificCharacterSet = "GB18030"
    data_set.PatientName = "丂@"  # 81 40 in GB18030
    write(tmp_path / "a.dcm", data_set, EXPLICIT)
    assert str(load_answers(["a.dcm"], tmp_path, digits())[0].PatientName) == "丂1"


def test_a_component_of_a_uid_begins_with_no_zero(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"0020000D": {"vr": "UI", "Value": ["1.2.@@@.@.@"]}}')
    (data_set,) = load_answers(["a.json"], tmp_path, lambda: 0)
    assert data_set.StudyInstanceUID == "1.2.100.0.0"


def test_each_use_throws_again_and_sees_a_changed_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"00100020": {"vr": "LO", "Value": ["@@@@@@@@@@@@"]}}')
    assert load_answers([path], tmp_path)[0].PatientID != load_answers([path], tmp_path)[0].PatientID
    path.write_text('{"00100020": {"vr": "LO", "Value": ["changed"]}}')
    assert load_answers([str(path)], Path("/nowhere"))[0].PatientID == "changed"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "neither a DICOM file nor a data set nor DICOM JSON"),
        (b"hello, world, this is no data set at all", "neither a DICOM file nor a data set nor DICOM JSON"),
        (b"{", "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b"[5]", "has 5 in place of a data set"),
        (b'{"Nonsense": {"vr": "PN"}}', "is no DICOM JSON"),
        (b'{"00100010": 5}', "is no DICOM JSON"),
        (b'{"00280010": {"vr": "US", "Value": ["many"]}}', "is no DICOM JSON"),
        (b'{"00100020": "\xff"}', "is not UTF-8 text"),
        (bytes(128) + b"DICM" + b"\x02\x00\x10\x00UI\xff\xff", "longer than 64 KiB"),
        (b"x" * (LARGEST + 1), "has more than"),
    ],
)
def test_what_cannot_be_answered_with_is_explained(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "a.dcm").write_bytes(content)
    with pytest.raises(AnswerFileError, match=r"a\.dcm") as caught:
        load_answers(["a.dcm"], tmp_path)
    assert sentence in str(caught.value)
    assert answer_problem(["a.dcm"], tmp_path) == str(caught.value)


@pytest.mark.parametrize("name", ["gone.dcm", ".", "\0", "a" * 5000])
def test_what_is_no_file_is_explained(tmp_path: Path, name: str) -> None:
    with pytest.raises(AnswerFileError):
        load_answers([name], tmp_path)


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_bytes_give_data_sets_or_a_sentence(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.dcm"
    path.write_bytes(content)
    if not answer_problem([path], path.parent):
        assert all(isinstance(one, Dataset) for one in load_answers([path], path.parent))
