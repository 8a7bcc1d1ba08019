"""The head of a DICOM file, whole and cut short."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workstation.net import part10
from workstation.net.part10 import FileHead, NotDicomFileError, encode_head, read_head

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


def read(path: Path) -> FileHead | str:
    try:
        return read_head(path)
    except NotDicomFileError as error:
        return str(error)


@pytest.fixture(scope="module")
def one_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("heads") / "object.dcm"


INSTANCE = b"\x02\x00\x03\x00UI"
places = st.integers(132, len(HEAD) + 20)
pieces = st.sampled_from([b"\x02\x00", INSTANCE, b"\0", b"\xff", b"OB", b"\x10"])
changes = st.lists(st.tuples(places, pieces), max_size=3)


@given(st.integers(0, 30), st.binary(max_size=12), changes, st.booleans(), st.none() | places)
@settings(max_examples=200)
def test_what_is_like_another_head_is_read_as_if_it_were_the_first(
    one_path: Path, digits: int, after: bytes, changed: list[tuple[int, bytes]], inserts: bool, length: int | None
) -> None:
    head = encode_head(
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        sop_instance_uid="1.2." + "3" * digits,
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        implementation_class_uid="1.2.4",
        source_ae_title="MODALITY",
    )
    file = bytearray(head + after)
    for place, value in changed:
        file[place : place if inserts else place + len(value)] = value
    one_path.write_bytes(file[:length])
    found = read(one_path)
    assert read(one_path) == found
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(part10, "_like_others", lambda _: None)
        assert read(one_path) == found
