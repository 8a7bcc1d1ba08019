"""The head of a DICOM file, whole and cut short."""

from pathlib import Path

import pytest

from workstation.net.part10 import NotDicomFileError, encode_head, read_head

HEAD = encode_head(
    sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
    sop_instance_uid="1.2.3",
    transfer_syntax_uid="1.2.840.10008.1.2.1",
    implementation_class_uid="1.2.4",
    source_ae_title="MODALITY",
)


def test_a_head_says_what_it_was_made_of(tmp_path: Path) -> None:
    path = tmp_path / "object.dcm"
    path.write_bytes(HEAD + b"\x08\x00")
    head = read_head(path)
    assert (head.sop_class_uid, head.sop_instance_uid) == ("1.2.840.10008.5.1.4.1.1.2", "1.2.3")
    assert (head.transfer_syntax_uid, head.offset, head.size) == ("1.2.840.10008.1.2.1", len(HEAD), len(HEAD) + 2)


def test_a_head_that_ends_early_is_none_or_says_less(tmp_path: Path) -> None:
    path = tmp_path / "object.dcm"
    for length in range(len(HEAD)):
        path.write_bytes(HEAD[:length])
        try:
            head = read_head(path)
        except NotDicomFileError:
            continue
        # It ends between two elements, or before it can be told that there is another.
        assert length - head.offset < 2


def test_what_is_no_dicom_file_is_said_to_be_none(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(bytes(200))
    with pytest.raises(NotDicomFileError, match="DICM"):
        read_head(path)
