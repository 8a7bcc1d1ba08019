"""Comparing two data sets by what their elements mean."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from workstation.traffic.decoding.compare import Comparison, Sign, compare_trees, read_tags
from workstation.traffic.decoding.data_set import DataSetTree, tree_of
from workstation.traffic.decoding.elements import BytesSource, Encoding
from workstation.traffic.decoding.objects import FileObject


def encoded(data: Dataset, *, implicit: bool = False, little_endian: bool = True) -> DataSetTree:
    stream = DicomBytesIO()
    stream.is_implicit_VR, stream.is_little_endian = implicit, little_endian
    write_dataset(stream, data)
    return DataSetTree(BytesSource(stream.getvalue()), Encoding(implicit, little_endian))


def patient(**values: object) -> Dataset:
    data = Dataset()
    data.PatientName = "Doe^Jane"
    data.PatientID = "4711"
    data.Rows = 64
    for keyword, value in values.items():
        setattr(data, keyword, value)
    return data


def signs(comparison: Comparison) -> list[tuple[str, Sign]]:
    return [(pair.either.tag_text, pair.sign) for pair in comparison.pairs]


def test_what_differs_is_told_apart() -> None:
    left = patient(PatientSex="F", StudyID="1")
    right = patient(PatientID="4712", StudyID="1", PatientAge="042Y")
    comparison = compare_trees(encoded(left), encoded(right))
    assert signs(comparison) == [
        ("(0010,0010)", Sign.SAME),
        ("(0010,0020)", Sign.CHANGED),
        ("(0010,0040)", Sign.LEFT),
        ("(0010,1010)", Sign.RIGHT),
        ("(0020,0010)", Sign.SAME),
        ("(0028,0010)", Sign.SAME),
    ]
    assert comparison.words == "3 differences: 1 changed, 1 only left, 1 only right"


@pytest.mark.parametrize(("implicit", "little_endian"), [(True, True), (False, False)])
def test_encoding_and_padding_are_no_difference(implicit: bool, little_endian: bool) -> None:
    one = patient(PixelData=b"\1\2\3\4", ImagePositionPatient=[1, 2, 3])
    one["PixelData"].VR = "OW"
    other = patient(PixelData=b"\1\2\3\4" if little_endian else b"\2\1\4\3", ImagePositionPatient=[1, 2, 3])
    other["PixelData"].VR = "OW"
    comparison = compare_trees(encoded(one), encoded(other, implicit=implicit, little_endian=little_endian))
    assert comparison.differences == 0
    assert comparison.words == "No differences"


def test_items_are_compared_one_by_one_and_mark_their_sequence() -> None:
    def codes(*meanings: str) -> Dataset:
        data = patient()
        data.ProcedureCodeSequence = []
        for meaning in meanings:
            item = Dataset()
            item.CodeMeaning = meaning
            data.ProcedureCodeSequence.append(item)
        return data

    comparison = compare_trees(encoded(codes("Head", "Neck")), encoded(codes("Head", "Arm", "Leg")))
    sequence, *rest = comparison.pairs[:6]
    assert (sequence.either.name, sequence.sign) == ("Procedure Code Sequence", Sign.CHANGED)
    assert [(pair.either.name, pair.sign, pair.depth) for pair in rest] == [
        ("Item 1", Sign.SAME, 1),
        ("Code Meaning", Sign.SAME, 2),
        ("Item 2", Sign.CHANGED, 1),
        ("Code Meaning", Sign.CHANGED, 2),
        ("Item 3", Sign.RIGHT, 1),
    ]
    assert comparison.differences == 2


def test_ignored_tags_do_not_count_wherever_they_are() -> None:
    def referring(uid: str) -> Dataset:
        item = Dataset()
        item.ReferencedSOPInstanceUID = uid
        return patient(PatientID=uid, ReferencedImageSequence=[item])

    ignored, unknown = read_tags("PatientID, (0008,1155)")
    comparison = compare_trees(encoded(referring("1.2")), encoded(referring("1.3")), ignored)
    assert unknown == []
    assert comparison.differences == 0
    assert comparison.ignored == 2
    assert comparison.words == "No differences (2 ignored)"


def test_tags_are_read_as_people_write_them() -> None:
    tags, unknown = read_tags("PatientID (0008, 0018) 00100010; Blub")
    assert tags == {(0x10, 0x20), (0x08, 0x18), (0x10, 0x10)}
    assert unknown == ["Blub"]


def test_private_blocks_may_move() -> None:
    one, other = patient(), patient()
    one.private_block(0x0009, "VENDOR", create=True).add_new(0x01, "LO", "same")
    other.private_block(0x0009, "SOMEBODY", create=True)
    other.private_block(0x0009, "VENDOR", create=True).add_new(0x01, "LO", "same")
    comparison = compare_trees(encoded(one), encoded(other))
    moved = [pair for pair in comparison.pairs if pair.either.creator == "VENDOR"]
    assert [pair.sign for pair in moved] == [Sign.SAME]


def test_large_values_are_compared_to_their_last_byte() -> None:
    one = bytes(3 << 20)
    other = one[:-1] + b"\1"
    left, right = patient(PixelData=one), patient(PixelData=other)
    left["PixelData"].VR = right["PixelData"].VR = "OW"
    assert compare_trees(encoded(left), encoded(left)).differences == 0
    assert compare_trees(encoded(left), encoded(right)).changed == 1


def test_it_stops_when_told_to() -> None:
    comparison = compare_trees(encoded(patient()), encoded(patient()), cancelled=lambda: True)
    assert comparison.pairs == []
    assert comparison.is_cut


def test_the_same_image_in_three_encodings() -> None:
    trees = []
    for name in ("MR_small.dcm", "MR_small_implicit.dcm", "MR_small_bigendian.dcm"):
        path = get_testdata_file(name, download=False)
        assert isinstance(path, str)
        found = FileObject(path)
        trees.append(tree_of(BytesSource(found.source.read(0, found.source.length)), found.transfer_syntax))
        found.close()
    little, implicit, big = trees
    for other in (implicit, big):
        changed = [pair.either.name for pair in compare_trees(little, other).pairs if pair.sign is not Sign.SAME]
        assert "Pixel Data" not in changed
        assert "Rows" not in changed
        assert len(changed) <= 3, changed


def test_samples_of_one_series_differ_in_little(samples: Path) -> None:
    first, second = (FileObject(samples / "ct-chest" / name) for name in ("01.dcm", "02.dcm"))
    comparison = compare_trees(*(tree_of(each.source, each.transfer_syntax) for each in (first, second)))
    names = {pair.either.name for pair in comparison.pairs if pair.sign is Sign.CHANGED}
    assert {"SOP Instance UID", "Instance Number", "Pixel Data"} <= names
    assert "Patient ID" not in names
    first.close()
    second.close()
