"""Objects in traffic: read where they lie, saved and exported as the bytes that crossed the wire."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.filewriter import dcmwrite
from traffic_wire import CT, Wire, store_rq

from workstation.net.codec.dimse import C_FIND_RSP, C_STORE_RQ
from workstation.net.part10 import read_head
from workstation.traffic.conversation import Conversation
from workstation.traffic.decoding import objects
from workstation.traffic.decoding.objects import (
    FileObject,
    MessageObject,
    ObjectError,
    Stretches,
    data_set_reader,
    export_objects,
    is_uid,
    save_object,
)
from workstation.traffic.log import TrafficLog
from workstation.traffic.rows import MessageRow


@pytest.fixture
def data_set(samples: Path) -> bytes:
    path = samples / "ct-chest" / "01.dcm"
    return path.read_bytes()[read_head(path).offset :]


def stored(
    data: bytes, *, number: int = 1, instance: str = "1.2.3.4.5", fragment: int = 1000, kept: int | None = None
) -> Conversation:
    """An association in which one object was stored."""
    wire = Wire(number)
    message = C_STORE_RQ(
        context_id=3,
        MessageID=1,
        AffectedSOPClassUID=CT,
        AffectedSOPInstanceUID=instance,
        Priority=0,
        has_data_set=True,
    )
    log = TrafficLog()
    log.add([*wire.established(), *wire.message(message, data, sent=True, fragment=fragment, kept=kept)])
    conversation = log.conversation(number)
    assert conversation is not None
    return conversation


def only_message(conversation: Conversation) -> MessageRow:
    (row,) = [row for row in conversation.rows if row.is_dimse]
    return row


@pytest.mark.parametrize("fragment", [1000, 7, 1 << 20])
def test_the_data_set_is_read_across_fragments(data_set: bytes, fragment: int) -> None:
    data = data_set[:5000]
    row = only_message(stored(data, fragment=fragment))
    with data_set_reader(row) as file:
        assert file.read() == data
        file.seek(990)
        assert file.read(20) == data[990:1010]
        file.seek(-3, os.SEEK_END)
        assert file.read() == data[-3:]
    source = Stretches(row)
    assert source.length == len(data)
    assert source.read(997, 7) == data[997:1004]
    assert source.read(len(data), 5) == b""
    assert source.gap == ""


def test_a_saved_object_is_what_was_sent(tmp_path: Path, data_set: bytes) -> None:
    conversation = stored(data_set)
    target = tmp_path / "saved.dcm"
    size = save_object(conversation, only_message(conversation), target)
    assert target.stat().st_size == size
    head = read_head(target)
    assert (head.sop_class_uid, head.sop_instance_uid, head.transfer_syntax_uid) == (
        CT,
        "1.2.3.4.5",
        "1.2.840.10008.1.2.1",
    )
    assert target.read_bytes()[head.offset :] == data_set
    assert dcmread(target).file_meta.SourceApplicationEntityTitle == "MODALITY"
    assert dcmread(target).pixel_array.shape == (128, 128)
    assert [path.name for path in tmp_path.iterdir()] == ["saved.dcm"]


def test_the_open_file_equals_the_saved_one(tmp_path: Path, data_set: bytes) -> None:
    conversation = stored(data_set)
    row = only_message(conversation)
    save_object(conversation, row, tmp_path / "saved.dcm")
    with MessageObject(conversation, row).open() as file:
        assert file.read() == (tmp_path / "saved.dcm").read_bytes()


def test_bytes_let_go_meanwhile_stay_for_who_reads(data_set: bytes) -> None:
    conversation = stored(data_set)
    row = only_message(conversation)
    found = MessageObject(conversation, row)
    conversation.trim(len(conversation.rows))
    with found.open() as file:
        assert file.read().endswith(data_set)


def test_an_incomplete_object_is_refused_and_said(tmp_path: Path, data_set: bytes) -> None:
    conversation = stored(data_set, kept=256)
    row = only_message(conversation)
    with pytest.raises(ObjectError, match=r"not complete: .* bytes are not kept"):
        save_object(conversation, row, tmp_path / "cut.dcm")
    assert list(tmp_path.iterdir()) == []
    save_object(conversation, row, tmp_path / "cut.dcm", incomplete=True)
    head = read_head(tmp_path / "cut.dcm")
    beginning = (tmp_path / "cut.dcm").read_bytes()[head.offset :]
    assert 0 < len(beginning) < 1000
    assert data_set.startswith(beginning)


def test_an_object_whose_end_has_not_arrived_is_refused(data_set: bytes, tmp_path: Path) -> None:
    wire = Wire()
    log = TrafficLog()
    log.add([*wire.established(), *wire.message(store_rq(), data_set, sent=True, fragment=1000)[:-1]])
    (conversation,) = log.conversations
    row = only_message(conversation)
    assert Stretches(row).gap == "its end has not arrived"
    assert Stretches(row).missing == "not arrived yet"
    with pytest.raises(ObjectError, match="its end has not arrived"):
        save_object(conversation, row, tmp_path / "x.dcm")


def test_lost_pdus_within_are_said(data_set: bytes) -> None:
    wire = Wire()
    records = wire.message(store_rq(), data_set, sent=True, fragment=1000)
    del records[5:7]
    records[5] = records[5]._replace(lost=2)
    log = TrafficLog()
    log.add([*wire.established(), *records])
    (conversation,) = log.conversations
    source = Stretches(only_message(conversation))
    assert source.gap == "PDUs within it were not recorded"
    assert source.length == 4000
    assert source.open_ended


def test_messages_without_a_data_set_are_no_objects() -> None:
    wire = Wire()
    log = TrafficLog()
    log.add([*wire.established(), *wire.echo()])
    (conversation,) = log.conversations
    associate, _, echo = conversation.rows[:3]
    with pytest.raises(ObjectError, match="A-ASSOCIATE-RQ carries no data set"):
        MessageObject(conversation, associate)
    with pytest.raises(ObjectError, match="This C-ECHO-RQ has no data set"):
        MessageObject(conversation, echo)


def test_an_identifier_becomes_a_file_too(tmp_path: Path) -> None:
    wire = Wire()
    message = C_FIND_RSP(
        context_id=1, MessageIDBeingRespondedTo=1, AffectedSOPClassUID="1.2.3", Status=0xFF00, has_data_set=True
    )
    log = TrafficLog()
    identifier = b"\x10\x00\x20\x00\x04\x00\x00\x004711"
    log.add([*wire.established(), *wire.message(message, identifier, sent=False)])
    (conversation,) = log.conversations
    save_object(conversation, only_message(conversation), tmp_path / "a.dcm")
    saved = dcmread(tmp_path / "a.dcm")
    assert saved.PatientID == "4711"
    assert saved.file_meta.MediaStorageSOPInstanceUID.startswith("2.25.")
    assert saved.file_meta.MediaStorageSOPInstanceUID.is_valid
    assert export_objects(log.conversations, tmp_path / "none").files == 0
    assert export_objects(log.conversations, tmp_path / "all", identifiers=True).files == 1
    assert [path.name for path in (tmp_path / "all").iterdir()] == ["association-1-message-3-c-find-rsp.dcm"]


@pytest.mark.parametrize(
    "instance", ["../../../etc/passwd", "1.2.3/4", "1..2", "1.2.03", "CON", "1.2.3\\..\\4", ".1.2", "1.2."]
)
def test_a_peers_uid_never_becomes_a_path(tmp_path: Path, data_set: bytes, instance: str) -> None:
    assert not is_uid(instance)
    folder = tmp_path / "out"
    exported = export_objects([stored(data_set, instance=instance)], folder)
    assert exported.files == 1
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.dcm")] == [
        "out/association-1-message-3-c-store-rq.dcm"
    ]


def test_export_writes_each_object_once_and_changes_no_file(tmp_path: Path, data_set: bytes) -> None:
    seen: list[tuple[int, int]] = []
    other = data_set[:-2] + b"\1\1"
    conversations = [
        stored(data_set, number=1),
        stored(data_set, number=2),  # the same at the other end
        stored(other, number=3),  # another with the same UID
        stored(data_set, number=4, instance="1.2.3.4.6"),
        stored(data_set, number=5, kept=256),
    ]
    exported = export_objects(conversations, tmp_path, progress=lambda done, total: seen.append((done, total)))
    assert (exported.files, exported.duplicates, exported.skipped, exported.cancelled) == (3, 1, 1, False)
    names = ["1.2.3.4.5-2.dcm", "1.2.3.4.5.dcm", "1.2.3.4.6.dcm"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert exported.bytes == sum(path.stat().st_size for path in tmp_path.iterdir())
    assert len(exported.problems) == 1
    assert exported.problems[0].startswith("Association 5, message 3 (C-STORE-RQ, CT Image Storage) is not exported.")
    assert seen == [(0, 5), (1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    again = export_objects(conversations, tmp_path)
    assert (again.files, again.duplicates) == (0, 4)
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}


def test_export_stops_when_it_is_told_to(tmp_path: Path, data_set: bytes) -> None:
    conversations = [stored(data_set, number=number, instance=f"1.2.{number}") for number in range(1, 5)]
    answers = iter([False, False, True])
    exported = export_objects(conversations, tmp_path, cancelled=lambda: next(answers))
    assert exported.cancelled
    assert exported.files == len(list(tmp_path.iterdir())) == 2


def test_many_problems_are_counted(tmp_path: Path, data_set: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "MAX_PROBLEMS", 2)
    conversations = [stored(data_set, number=number, kept=256) for number in range(1, 6)]
    exported = export_objects(conversations, tmp_path)
    assert exported.skipped == 5
    assert len(exported.problems) == 3
    assert exported.problems[-1] == "3 more objects not exported."


def test_a_disk_that_takes_nothing_ends_the_export(
    tmp_path: Path, data_set: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(objects, "_write", full)
    exported = export_objects([stored(data_set), stored(data_set, number=2)], tmp_path)
    assert (exported.files, exported.skipped) == (0, 2)
    assert exported.problems == ("Writing stopped: No space left on device.",)


def test_a_file_is_read_where_it_lies(samples: Path) -> None:
    path = samples / "mr-head" / "t1-01.dcm"
    found = FileObject(path)
    assert found.title == "t1-01.dcm"
    offset = read_head(path).offset
    assert found.head + found.source.read(0, found.source.length) == path.read_bytes()
    assert found.source.read(10, 4) == path.read_bytes()[offset + 10 : offset + 14]
    found.close()


def test_a_preamble_without_file_meta_information(tmp_path: Path, samples: Path) -> None:
    path = samples / "mr-head" / "t1-01.dcm"
    offset = read_head(path).offset
    (tmp_path / "bare").write_bytes(bytes(128) + b"DICM" + path.read_bytes()[offset:])
    found = FileObject(tmp_path / "bare")
    assert found.transfer_syntax == "1.2.840.10008.1.2.1"
    assert found.source.read(0, 100) == path.read_bytes()[offset : offset + 100]
    found.close()


@pytest.mark.parametrize("implicit", [True, False])
def test_a_file_without_its_head_is_guessed(tmp_path: Path, samples: Path, implicit: bool) -> None:
    data = dcmread(samples / "mr-head" / "t1-01.dcm")
    del data.file_meta
    path = tmp_path / "bare"
    stream = BytesIO()
    dcmwrite(stream, data, implicit_vr=implicit, little_endian=True, force_encoding=True)
    path.write_bytes(stream.getvalue().removeprefix(b"\0" * 128 + b"DICM"))
    found = FileObject(path)
    assert found.transfer_syntax == ("1.2.840.10008.1.2" if implicit else "1.2.840.10008.1.2.1")
    with found.open() as file:
        assert dcmread(file).PatientName == data.PatientName
    found.close()


def test_what_is_no_object_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("This is a letter, not an image.")
    with pytest.raises(ObjectError, match=r"a\.txt: no DICOM file"):
        FileObject(tmp_path / "a.txt")
    with pytest.raises(ObjectError, match="cannot be read: No such file"):
        FileObject(tmp_path / "absent")
