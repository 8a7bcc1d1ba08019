"""The archive: what is acknowledged is on disk, whole and found; what is not leaves nothing behind."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from scp_objects import BIG_ENDIAN, CT, EXPLICIT, IMPLICIT, encode, files_of, make_object, store
from sqlalchemy.exc import OperationalError

from workstation.scp.archive import archive as archive_module
from workstation.scp.archive import index as index_module
from workstation.scp.archive import schema
from workstation.scp.archive import sink as sink_module
from workstation.scp.archive.archive import Archive
from workstation.scp.archive.disk import set_apart
from workstation.scp.archive.index import Index
from workstation.scp.archive.search import Located
from workstation.scp.archive.tree import Key
from workstation.scp.archive.writing import Entry, Writer
from workstation.scp.query.levels import Level, Model, WrongIdentifierError

PATIENCE = 30.0


def find(
    archive: Archive, level: Level = Level.STUDY, model: Model = Model.STUDY_ROOT, **keys: object
) -> list[Dataset]:
    identifier = Dataset()
    for keyword, value in keys.items():
        setattr(identifier, keyword, value)
    return list(archive.find(level, model, identifier))


def located(archive: Archive, number: int = 1) -> list[Path]:
    identifier = Dataset()
    identifier.StudyInstanceUID = f"1.2.{number // 10}"
    return [found.path for found in archive.matches_for_retrieve(Level.STUDY, Model.STUDY_ROOT, identifier)]


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG_ENDIAN])
def test_a_stored_object_is_a_dicom_file_with_the_bytes_as_received(archive: Archive, syntax: str) -> None:
    image = make_object(3, PatientName="Müller^Jürgen", SpecificCharacterSet="ISO_IR 100")
    assert store(archive, image, syntax).status == 0x0000
    (path,) = located(archive)
    assert path.read_bytes().endswith(encode(image, syntax))
    read = pydicom.dcmread(path)
    assert read == image
    assert read.preamble == bytes(128)
    meta = read.file_meta
    assert (meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID) == (CT, image.SOPInstanceUID)
    assert (meta.TransferSyntaxUID, meta.SourceApplicationEntityTitle) == (syntax, "MODALITY")


def test_no_name_comes_from_the_peer(archive: Archive) -> None:
    hostile = "../../../../tmp/evil\0"
    image = make_object(1, PatientID="../x", PatientName="..\\..\\y")
    image["SOPInstanceUID"].value = hostile
    store(archive, image, sop_instance_uid=hostile.strip("\0"))
    (path,) = files_of(archive)
    assert path.parent.parent == archive.folder / "objects"
    assert path.suffix == ".dcm"
    assert all(character in "0123456789abcdef" for character in path.stem)


def test_the_same_object_again_keeps_the_first_file(archive: Archive) -> None:
    store(archive, make_object(1))
    before = files_of(archive)
    assert store(archive, make_object(1)).status == 0x0000
    assert files_of(archive) == before
    assert archive.counts()[Level.IMAGE] == 1


def test_other_bytes_replace_the_object(archive: Archive) -> None:
    store(archive, make_object(1, PatientName="Old"))
    store(archive, make_object(2, PatientName="Old"))
    before = files_of(archive)
    assert store(archive, make_object(1, PatientName="New")).status == 0x0000
    after = files_of(archive)
    assert len(after) == 2
    assert len(set(after) & set(before)) == 1
    assert [pydicom.dcmread(path).PatientName for path in located(archive)].count("New") == 1
    # The last one received speaks for the study.
    assert find(archive, PatientName="")[0].PatientName == "New"


def test_what_is_remembered_of_a_series_is_checked(archive: Archive, tmp_path: Path) -> None:
    """Two processes: the other one removes a series, and its row's id goes to another series."""
    other = Archive(archive.folder, durable=False)
    store(archive, make_object(1))
    store(archive, make_object(2))
    store(other, make_object(1, StudyInstanceUID="1.2.77", SeriesInstanceUID="1.2.77.1", PatientID="other"))
    store(archive, make_object(1, InstanceNumber=7))
    assert {pydicom.dcmread(path).SeriesInstanceUID for path in located(archive)} == {"1.2.0.0", "1.2.0.1"}
    assert archive.counts() == {Level.PATIENT: 1, Level.STUDY: 1, Level.SERIES: 2, Level.IMAGE: 2}
    other.close()


def test_what_another_series_said_last_is_not_forgotten(archive: Archive) -> None:
    store(archive, make_object(1, StudyDescription="first"))
    store(archive, make_object(2, StudyDescription="second"))
    store(archive, make_object(0, StudyDescription="first"))
    assert find(archive, StudyDescription="")[0].StudyDescription == "first"


def test_what_another_study_said_of_the_patient_last_is_not_forgotten(archive: Archive) -> None:
    store(archive, make_object(1, PatientID="P", PatientName="First"))
    store(archive, make_object(11, PatientID="P", PatientName="Second"))
    store(archive, make_object(0, PatientID="P", PatientName="First"))
    assert find(archive, PatientName="")[0].PatientName == "First"


def test_the_next_object_of_a_series_needs_no_look_at_it(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    store(archive, make_object(2))
    monkeypatch.setattr(Writer, "put", lambda *_: pytest.fail("looked at patient, study and series again"))
    assert store(archive, make_object(3, InstanceNumber=7)).status == 0x0000
    monkeypatch.undo()
    (series,) = find(archive, Level.SERIES, StudyInstanceUID="1.2.0", NumberOfSeriesRelatedInstances="")
    assert series.NumberOfSeriesRelatedInstances == 2


def rows_of(archive: Archive) -> int:
    """What another process sees."""
    with closing(sqlite3.connect(archive.folder / "index.sqlite")) as connection:
        return int(connection.execute("SELECT count(*) FROM instance").fetchone()[0])


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that follow wait until somebody looks."""
    monkeypatch.setattr(index_module, "_MOMENT", 3600.0)


@pytest.mark.usefixtures("patient")
def test_rows_that_wait_are_written_for_whoever_looks(archive: Archive) -> None:
    store(archive, make_object(2))
    store(archive, make_object(3))
    assert rows_of(archive) == 1
    assert len(located(archive, 3)) == 2
    assert rows_of(archive) == 2


@pytest.mark.usefixtures("patient")
def test_rows_that_wait_are_written_when_they_are_many(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "_MANY", 3)
    for number in range(4):
        assert rows_of(archive) == min(number, 1)
        store(archive, make_object(2, SOPInstanceUID=f"1.2.3.{number}"))
    assert rows_of(archive) == 4


def test_rows_that_wait_are_written_when_nobody_looks(archive: Archive) -> None:
    store(archive, make_object(2))
    store(archive, make_object(3))
    wait_for(lambda: rows_of(archive) == 2)


@pytest.mark.usefixtures("patient")
def test_rows_that_wait_are_written_at_the_end(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    store(archive, make_object(2))
    store(archive, make_object(3))
    archive.close()
    assert rows_of(archive) == 2


@pytest.mark.usefixtures("patient")
def test_an_object_whose_row_waits_is_kept_or_replaced_like_any_other(archive: Archive) -> None:
    store(archive, make_object(2))
    store(archive, make_object(3))
    assert store(archive, make_object(3)).was_there
    assert store(archive, make_object(3, InstanceNumber=7)).has_replaced
    assert files_of(archive) == sorted(located(archive, 3))


def test_rows_wait_for_an_index_that_cannot_be_written(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "_PAUSE", 0.01)
    store(archive, make_object(2))
    with monkeypatch.context() as patched:

        def fail(*_: object, **__: object) -> None:
            raise OperationalError("BEGIN", {}, Exception("database or disk is full"))

        patched.setattr(schema, "begin_to_write", fail)
        assert store(archive, make_object(3)).status == 0x0000
        assert archive.counts()[Level.IMAGE] == 1
        # Whoever stores now hears of it.
        assert store(archive, make_object(2, SOPInstanceUID="1.2.3.4")).status == 0xA700
        assert rows_of(archive) == 1
    wait_for(lambda: rows_of(archive) == 2)
    assert store(archive, make_object(2, SOPInstanceUID="1.2.3.4")).status == 0x0000
    assert sorted(located(archive)) == files_of(archive)
    assert len(files_of(archive)) == 3


@pytest.mark.usefixtures("patient")
def test_of_two_processes_that_store_an_object_at_once_one_has_stored_it(tmp_path: Path) -> None:
    one, other = Archive(tmp_path, durable=False), Archive(tmp_path, durable=False)
    assert store(one, make_object(2)).status == 0x0000
    assert store(other, make_object(2, SOPInstanceUID="1.2.3.4", InstanceNumber=1)).status == 0x0000
    assert store(one, make_object(3, InstanceNumber=8)).status == 0x0000
    assert store(other, make_object(3, InstanceNumber=9)).status == 0x0000
    one.counts()
    other.counts()
    assert sorted(pydicom.dcmread(path).InstanceNumber for path in located(one)) == [1, 2, 9]
    one.close()
    other.close()
    # What nobody knows any more goes with the next start.
    last = Archive(tmp_path)
    assert files_of(last) == sorted(located(last))
    assert len(files_of(last)) == 3
    last.close()


def test_the_same_object_in_another_transfer_syntax_replaces_it(archive: Archive) -> None:
    store(archive, make_object(1), EXPLICIT)
    store(archive, make_object(1), IMPLICIT)
    (path,) = located(archive)
    assert pydicom.dcmread(path).file_meta.TransferSyntaxUID == IMPLICIT


def test_an_identical_object_replaces_one_whose_file_was_damaged(archive: Archive) -> None:
    store(archive, make_object(1))
    located(archive)[0].unlink()
    store(archive, make_object(1))
    assert pydicom.dcmread(located(archive)[0]).PatientID == "P0"


def test_an_identical_object_replaces_one_whose_file_was_changed(archive: Archive) -> None:
    store(archive, make_object(1))
    (path,) = located(archive)
    damaged = bytearray(path.read_bytes())
    damaged[-1] ^= 1
    path.write_bytes(damaged)
    assert store(archive, make_object(1)).has_replaced
    assert located(archive)[0].read_bytes().endswith(encode(make_object(1)))
    assert store(archive, make_object(1)).was_there


def test_a_replaced_object_of_another_study_leaves_no_empty_study(archive: Archive) -> None:
    store(archive, make_object(1))
    moved = make_object(1, StudyInstanceUID="1.2.77", SeriesInstanceUID="1.2.77.1", PatientID="other")
    store(archive, moved)
    assert [study.StudyInstanceUID for study in find(archive, StudyInstanceUID="")] == ["1.2.77"]
    assert archive.counts() == dict.fromkeys(Level, 1)


def test_a_study_of_a_corrected_patient_moves(archive: Archive) -> None:
    store(archive, make_object(1))
    store(archive, make_object(2, PatientID="corrected"))
    patients = find(archive, Level.PATIENT, Model.PATIENT_ROOT, PatientID="", NumberOfPatientRelatedInstances=None)
    assert [(one.PatientID, one.NumberOfPatientRelatedInstances) for one in patients] == [("corrected", 2)]


@pytest.mark.parametrize(
    ("change", "status", "comment"),
    [
        ({"sop_instance_uid": "1.9"}, 0xA900, "SOPInstanceUID differs"),
        ({"sop_class_uid": "1.9"}, 0xA900, "SOPClassUID differs"),
        ({"sop_instance_uid": "1." * 100 + "1"}, 0xA900, "more than 128"),
        ({"data": b""}, 0xA900, "no SOPClassUID"),
        ({"data": encode(make_object(1))[:-5]}, 0xC000, "ends inside"),
        ({"data": encode(make_object(1), IMPLICIT)}, 0xC000, "no VR"),
        ({"data": b"GET / HTTP/1.0\r\n\r\n"}, 0xC000, ""),
    ],
)
def test_what_cannot_be_kept_is_refused_and_leaves_nothing(
    archive: Archive, change: dict[str, object], status: int, comment: str
) -> None:
    result = store(archive, make_object(1), **change)  # type: ignore[arg-type]
    assert result.status == status
    assert comment in result.comment
    assert files_of(archive) == []
    assert archive.counts()[Level.IMAGE] == 0


def test_an_object_needs_its_place_in_the_hierarchy_unless_it_has_none(archive: Archive) -> None:
    homeless = make_object(1)
    del homeless.StudyInstanceUID
    assert store(archive, homeless) == archive_module.StoreResult(0xA900, "The data set has no StudyInstanceUID.")
    protocol = Dataset()
    protocol.SOPClassUID, protocol.SOPInstanceUID = "1.2.840.10008.5.1.4.38.1", "1.2.3.4"
    assert store(archive, protocol).status == 0x0000
    assert archive.counts() == {Level.PATIENT: 0, Level.STUDY: 0, Level.SERIES: 0, Level.IMAGE: 1}


def test_a_discarded_object_leaves_nothing(archive: Archive) -> None:
    sink = archive.new_sink(CT, "1.2.3", EXPLICIT)
    sink.write(memoryview(b"half of it"))
    assert len(files_of(archive)) == 1
    sink.discard()
    assert files_of(archive) == []


class FullDisk:
    """A disk that has room for some bytes."""

    def __init__(self, room: int) -> None:
        self.room = room

    def write_pieces(self, descriptor: int, pieces: tuple[memoryview, ...]) -> None:
        whole = b"".join(pieces)
        self.room -= os.write(descriptor, whole[: self.room])
        if self.room == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("room", [0, 100, 400, 500])
def test_a_full_disk_is_answered_and_recovers(archive: Archive, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    store(archive, make_object(1))
    with monkeypatch.context() as patched:
        patched.setattr(sink_module, "write_pieces", FullDisk(room).write_pieces)
        result = store(archive, make_object(2))
    assert (result.status, result.comment) == (0xA700, "The archive's disk is full.")
    assert len(files_of(archive)) == 1
    assert store(archive, make_object(2)).status == 0x0000


@pytest.mark.parametrize("call", ["os.fsync", "os.rename"])
def test_a_failing_disk_is_never_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    archive = Archive(tmp_path)

    def fail(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patched:
        patched.setattr(call, fail)
        result = store(archive, make_object(1))
    assert result.status == 0xA700
    assert "Input/output error" in result.comment
    assert files_of(archive) == []
    assert archive.counts()[Level.IMAGE] == 0
    archive.close()


def test_a_failing_index_is_never_success(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OperationalError("INSERT", {}, Exception("database or disk is full"))

    with monkeypatch.context() as patched:
        patched.setattr("workstation.scp.archive.writing.Writer.put", fail)
        assert store(archive, make_object(1)).status == 0xA700
    assert files_of(archive) == []
    assert store(archive, make_object(1)).status == 0x0000


def test_an_object_beyond_the_limit_is_refused(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = archive.new_sink(CT, "1.2.3", EXPLICIT)
    monkeypatch.setattr(sink, "_maximum_size", 1000)
    for _ in range(20):
        sink.write(memoryview(bytes(100)))
    assert archive.commit(sink).status == 0xA700
    assert files_of(archive) == []


def test_memory_stays_flat(archive: Archive) -> None:
    image = make_object(1)
    del image.PixelData
    head = encode(image) + b"\xe0\x7f\x10\x00OW\0\0" + (64 << 20).to_bytes(4, "little")
    fragment = memoryview(bytes(1 << 20))
    tracemalloc.start()
    sink = archive.new_sink(CT, image.SOPInstanceUID, EXPLICIT)
    sink.write(memoryview(head))
    for _ in range(64):
        sink.write(fragment)
    assert archive.commit(sink).status == 0x0000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 << 20


def test_sinks_that_somebody_keeps_hold_no_bytes(archive: Archive) -> None:
    """The past requests that rules are tried against keep theirs."""
    kept = []
    tracemalloc.start()
    for number in range(40):
        image = make_object(number, PixelData=bytes(100_000))
        sink = archive.new_sink(CT, image.SOPInstanceUID, EXPLICIT)
        sink.write(memoryview(encode(image)))
        assert archive.commit(sink).status == 0x0000
        kept.append(sink)
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert held < 1 << 20


def test_bytes_name_and_row_are_safe_before_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    archive = Archive(tmp_path)
    flush, rename, index_add = os.fsync, os.rename, Index.add

    def note_flush(descriptor: int) -> None:
        flush(descriptor)
        steps.append("folder" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "file")  # noqa: PTH112

    def note_rename(before: str, after: str) -> None:
        steps.append("rename")
        rename(before, after)

    def note_row(index: Index, entry: Entry) -> Located | None:
        found = index_add(index, entry)
        steps.append("row")
        return found

    monkeypatch.setattr(os, "fsync", note_flush)
    monkeypatch.setattr(os, "rename", note_rename)
    monkeypatch.setattr(Index, "add", note_row)

    def steps_of(number: int) -> list[str]:
        steps.clear()
        assert store(archive, make_object(number)).status == 0x0000
        return list(steps)

    first, again, second = steps_of(1), steps_of(1), steps_of(2)
    archive.durable = False
    third = steps_of(3)
    archive.close()
    if sys.platform == "linux":
        # The first time what the folder lies in is flushed, too.
        assert first == ["file", "rename", "folder", "folder", "row"]
        assert second == ["file", "rename", "folder", "row"]
        # What is there already may have come while nobody waited for the disk.
        assert again == ["file", "rename", "folder", "row", "file", "folder"]
        assert third == ["rename", "row"]


def test_a_folder_that_cannot_be_flushed_is_no_success_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = Archive(tmp_path)
    store(archive, make_object(1))

    def fail(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patched:
        patched.setattr("workstation.scp.archive.folders.sync_folder", fail)
        new, again = store(archive, make_object(2)), store(archive, make_object(1))
    assert [new.status, again.status] == [0xA700, 0xA700]
    assert "Input/output error" in new.comment
    assert archive.counts()[Level.IMAGE] == len(files_of(archive)) == 1
    assert store(archive, make_object(2)).status == 0x0000
    archive.close()
    # After the end, too: somebody's last object may still be on its way.
    assert store(archive, make_object(3)).status == 0x0000


def test_what_a_power_failure_takes_of_the_index_is_made_again(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    store(archive, make_object(1))
    archive.close()
    before = {path: path.read_bytes() for path in tmp_path.glob("index.sqlite*")}
    archive = Archive(tmp_path)
    for number in (2, 3, 11):
        store(archive, make_object(number))
    archive.close()
    for path in tmp_path.glob("index.sqlite*"):
        path.unlink()
    for path, content in before.items():
        path.write_bytes(content)
    again = Archive(tmp_path)
    assert again.counts() == {Level.PATIENT: 2, Level.STUDY: 2, Level.SERIES: 3, Level.IMAGE: 4}
    assert len(files_of(again)) == 4
    again.close()


def test_only_rows_that_can_be_made_again_are_not_flushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = Archive(tmp_path)
    modes: list[str] = []
    begin = schema.begin_to_write

    def note(execute: Callable[[str], object], *arguments: object, **options: bool) -> None:
        def noted(statement: str) -> object:
            modes.append(statement)
            return execute(statement)

        begin(noted, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(schema, "begin_to_write", note)

    def modes_of(act: Callable[[], object]) -> list[str]:
        modes.clear()
        act()
        return [mode.rpartition(" ")[2] for mode in modes if mode.startswith("PRAGMA")]

    assert modes_of(lambda: store(archive, make_object(2))) == ["NORMAL"]
    assert modes_of(lambda: (store(archive, make_object(3)), archive.counts())) == ["NORMAL"]
    assert modes_of(lambda: store(archive, make_object(3, PatientName="New")))[-1] == "FULL"
    assert set(modes_of(lambda: archive.delete([Key(Level.PATIENT, 1, "")]))) == {"FULL"}
    archive.durable = False
    assert modes_of(lambda: store(archive, make_object(2))) == ["OFF"]
    archive.close()


def test_a_row_that_was_quicker_than_the_name_gets_its_file_back(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    store(archive, make_object(1))
    archive.close()
    (path,) = files_of(archive)
    path.rename(path.with_suffix(".part"))
    again = Archive(tmp_path)
    assert located(again) == [path]
    assert path.exists()
    again.close()


@pytest.mark.skipif(shutil.which("lsattr") is None, reason="no lsattr here")
def test_folders_are_set_apart_where_the_file_system_can(tmp_path: Path) -> None:
    store_in = tmp_path / "objects"
    Archive(tmp_path).close()
    flags = subprocess.run(["lsattr", "-d", store_in], capture_output=True, text=True, check=False).stdout.split(" ")[0]
    if "e" not in flags:
        pytest.skip("the temporary folder is not on ext4")
    assert "T" in flags


def test_folders_that_cannot_be_set_apart_are_left(tmp_path: Path) -> None:
    set_apart(tmp_path / "absent")


def test_folders_are_made_when_they_are_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workstation.scp.archive.folders.MOST_IN_ONE", 4)
    archive = Archive(tmp_path)
    for number in range(10):
        store(archive, make_object(number))
    sizes = sorted(len(list(folder.iterdir())) for folder in (tmp_path / "objects").iterdir())
    assert sizes == [2, 4, 4]
    archive.close()
    for path in files_of(archive):
        path.unlink()
    Archive(tmp_path).close()
    assert list((tmp_path / "objects").iterdir()) == []


def test_a_folder_that_cannot_be_made_is_an_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = Archive(tmp_path)

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr("pathlib.Path.mkdir", fail)
        result = store(archive, make_object(1))
    assert (result.status, result.comment) == (0xA700, "The archive's disk is full.")
    assert store(archive, make_object(1)).status == 0x0000
    archive.close()


def test_many_threads_store_at_once(archive: Archive) -> None:
    results: list[int] = []

    def send(first: int) -> None:
        for number in range(first, first + 25):
            results.append(store(archive, make_object(number)).status)
            results.append(store(archive, make_object(number // 2)).status)

    threads = [threading.Thread(target=send, args=(first,)) for first in range(0, 200, 25)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [0] * 400
    assert archive.counts() == {Level.PATIENT: 20, Level.STUDY: 20, Level.SERIES: 100, Level.IMAGE: 200}
    assert len(files_of(archive)) == 200


# after a crash


def test_the_next_start_sweeps_what_was_not_finished(tmp_path: Path) -> None:
    archive = Archive(tmp_path, durable=False)
    store(archive, make_object(1))
    archive.new_sink(CT, "1.2.3", EXPLICIT).write(memoryview(b"half"))
    archive.close()
    again = Archive(tmp_path, durable=False)
    assert files_of(again) == located(again)
    again.close()


def test_nothing_is_swept_while_another_uses_the_archive(tmp_path: Path) -> None:
    first = Archive(tmp_path, durable=False)
    sink = first.new_sink(CT, make_object(1).SOPInstanceUID, EXPLICIT)
    second = Archive(tmp_path, durable=False)
    sink.write(memoryview(encode(make_object(1))))
    assert first.commit(sink).status == 0x0000
    assert len(located(second)) == 1
    first.close()
    second.close()


def test_who_comes_while_the_first_one_sweeps_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recover, is_stored = Archive._recover, threading.Event()

    def come_second() -> None:
        archive = Archive(tmp_path, durable=False)
        if store(archive, make_object(1)).status == 0x0000:
            is_stored.set()
        archive.close()

    second = threading.Thread(target=come_second)

    def sweep(archive: Archive, *, sweeps: bool) -> None:
        monkeypatch.undo()
        second.start()
        assert not is_stored.wait(0.2)
        recover(archive, sweeps=sweeps)

    monkeypatch.setattr(Archive, "_recover", sweep)
    first = Archive(tmp_path, durable=False)
    second.join(30)
    assert is_stored.is_set()
    assert files_of(first) == located(first)
    assert len(files_of(first)) == 1
    first.close()


def test_a_finished_file_without_a_row_is_read_into_the_index(tmp_path: Path) -> None:
    archive = Archive(tmp_path, durable=False)
    for number in range(25):
        store(archive, make_object(number))
    archive.close()
    for file in tmp_path.glob("index.sqlite*"):
        file.unlink()
    again = Archive(tmp_path, durable=False)
    assert again.counts() == {Level.PATIENT: 3, Level.STUDY: 3, Level.SERIES: 13, Level.IMAGE: 25}
    assert store(again, make_object(3)).status == 0x0000
    assert len(files_of(again)) == 25
    again.close()


def test_an_old_file_that_was_replaced_does_not_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = Archive(tmp_path, durable=False)
    store(archive, make_object(1, PatientName="Old"))
    with monkeypatch.context() as patched:
        patched.setattr(Archive, "_remove", lambda *_: None)  # as if the power failed here
        store(archive, make_object(1, PatientName="New"))
    assert len(files_of(archive)) == 2
    archive.close()
    again = Archive(tmp_path, durable=False)
    assert files_of(again) == located(again)
    assert find(again, PatientName="")[0].PatientName == "New"
    again.close()


def test_an_index_of_another_version_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = Archive(tmp_path, durable=False)
    store(archive, make_object(1))
    archive.close()
    monkeypatch.setattr("workstation.scp.archive.schema.fingerprint", lambda: "next version")
    again = Archive(tmp_path, durable=False)
    assert len(located(again)) == 1
    again.close()


def test_foreign_files_are_left_alone(tmp_path: Path) -> None:
    Archive(tmp_path, durable=False).close()
    (tmp_path / "objects" / "ab").mkdir()
    for name in ("ab/notes.txt", "ab/damaged.dcm"):
        (tmp_path / "objects" / name).write_text("mine")
    Archive(tmp_path, durable=False).close()
    assert {path.name for path in (tmp_path / "objects" / "ab").iterdir()} == {"notes.txt", "damaged.dcm"}


KILLED = """
    import sys
    sys.path.insert(0, {tests!r})
    from pathlib import Path
    from scp_objects import make_object, store
    from workstation.scp.archive.archive import Archive
    archive = Archive(Path({folder!r}))
    for number in range(10_000):
        if store(archive, make_object(number)).status == 0:
            print(number, flush=True)
"""


@pytest.mark.parametrize("kills", [3])
def test_what_was_acknowledged_survives_a_kill(tmp_path: Path, kills: int) -> None:
    acknowledged: set[int] = set()
    program = textwrap.dedent(KILLED.format(tests=str(Path(__file__).parent), folder=str(tmp_path / "archive")))
    for kill in range(kills):
        with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                acknowledged.add(int(line))
                if len(acknowledged) >= 8 * (kill + 1):
                    process.send_signal(signal.SIGKILL)
                    break
            acknowledged.update(int(line) for line in process.stdout.read().split())
    archive = Archive(tmp_path / "archive")
    paths = {str(pydicom.dcmread(path).SOPInstanceUID) for path in files_of(archive)}
    assert {make_object(number).SOPInstanceUID for number in acknowledged} <= paths
    assert archive.counts()[Level.IMAGE] == len(paths)
    archive.close()


# finding


def test_find_answers_what_was_asked(archive: Archive) -> None:
    for number in (1, 2, 3, 11):
        store(archive, make_object(number))
    matches = find(
        archive,
        PatientName="doe*",
        StudyInstanceUID="",
        StudyDate="20240101-20240131",
        ModalitiesInStudy="MR",
        NumberOfStudyRelatedSeries=None,
        NumberOfStudyRelatedInstances=None,
        SOPClassesInStudy="",
        ReferringPhysicianName="",
        Modality="",
        ProcedureCodeSequence=None,
    )
    assert len(matches) == 1
    assert json.loads(matches[0].to_json()) == {
        "00080020": {"vr": "DA", "Value": ["20240101"]},
        "00080052": {"vr": "CS", "Value": ["STUDY"]},
        "00080060": {"vr": "CS"},
        "00080061": {"vr": "CS", "Value": ["CT", "MR"]},
        "00080062": {"vr": "UI", "Value": [CT]},
        "00080090": {"vr": "PN"},
        "00081032": {"vr": "SQ", "Value": []},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Doe^Number 0"}]},
        "0020000D": {"vr": "UI", "Value": ["1.2.0"]},
        "00201206": {"vr": "IS", "Value": [2]},
        "00201208": {"vr": "IS", "Value": [3]},
    }


@pytest.fixture(scope="module")
def matched(new_archive: Callable[[], Archive]) -> Archive:
    archive = new_archive()
    for number in (1, 2, 3, 12):
        store(archive, make_object(number))
    return archive


@pytest.mark.parametrize(
    ("level", "keys", "numbers"),
    [
        (Level.STUDY, {"ModalitiesInStudy": "CT"}, {0, 1}),
        (Level.STUDY, {"ModalitiesInStudy": ["SR", "MR"]}, {0}),
        (Level.STUDY, {"ModalitiesInStudy": "M?"}, {0}),
        (Level.STUDY, {"ModalitiesInStudy": "SR"}, set()),
        (Level.STUDY, {"PatientID": "P1"}, {1}),
        (Level.STUDY, {"PatientID": "p1"}, set()),
        (Level.STUDY, {"PatientID": "?1"}, {1}),
        (Level.STUDY, {"PatientID": "%1"}, set()),
        (Level.STUDY, {"StudyInstanceUID": ["1.2.1", "1.2.5"]}, {1}),
        (Level.STUDY, {"StudyInstanceUID": [f"1.2.{number}" for number in range(1, 600)]}, {1}),
        (Level.STUDY, {"StudyDate": "20240102-"}, {1}),
        (Level.STUDY, {"StudyDate": "-20240131"}, {0}),
        (Level.STUDY, {"StudyTime": "10-11"}, {0, 1}),
        (Level.STUDY, {"StudyTime": "1016-"}, set()),
        (Level.STUDY, {"PatientName": "DOE^NUMBER 1"}, {1}),
        (Level.STUDY, {"PatientName": "*number*"}, {0, 1}),
        (Level.STUDY, {"AccessionNumber": "A*"}, set()),
        (Level.STUDY, {"NumberOfStudyRelatedInstances": 3}, {0}),
    ],
)
def test_studies_are_matched(matched: Archive, level: Level, keys: dict[str, object], numbers: set[int]) -> None:
    found = find(matched, level, **{"StudyInstanceUID": "", **keys})
    assert {int(match.StudyInstanceUID.split(".")[-1]) for match in found} == numbers


def test_each_level_answers_its_own(archive: Archive) -> None:
    for number in range(20):
        store(archive, make_object(number))
    root = Model.PATIENT_ROOT
    assert len(find(archive, Level.PATIENT, root, PatientID="")) == 2
    assert len(find(archive, Level.STUDY, root, PatientID="P1")) == 1
    series = find(archive, Level.SERIES, root, PatientID="P1", StudyInstanceUID="1.2.1", Modality="MR")
    assert len(series) == 3
    images = find(
        archive,
        Level.IMAGE,
        root,
        PatientID="P1",
        StudyInstanceUID="1.2.1",
        SeriesInstanceUID="1.2.1.7",
        InstanceNumber=None,
        Rows=None,
    )
    assert [(image.InstanceNumber, image.Rows) for image in images] == [(14, 4), (15, 4)]


def test_names_of_all_writings_are_kept_and_found(archive: Archive) -> None:
    japanese = make_object(
        1, SpecificCharacterSet=["", "ISO 2022 IR 87"], PatientName="Yamada^Tarou=山田^太郎=やまだ^たろう"
    )
    greek = make_object(11, SpecificCharacterSet="ISO_IR 126", PatientName="Διονυσιος")
    ascii_only = make_object(21)
    for image in (japanese, greek, ascii_only):
        assert store(archive, image).status == 0x0000
    for key, study in (("山田*", "1.2.0"), ("διονυσιοσ", "1.2.1"), ("ΔΙΟΝ*", "1.2.1"), ("yamada*=*太郎", "1.2.0")):
        (match,) = find(archive, PatientName=key, StudyInstanceUID="")
        assert (match.StudyInstanceUID, match.SpecificCharacterSet) == (study, "ISO_IR 192")
    (plain,) = find(archive, PatientName="doe*")
    assert "SpecificCharacterSet" not in plain
    (match,) = find(archive, PatientName="yamada*")
    decoded = pydicom.dcmread(io.BytesIO(encode(match)), force=True)
    assert decoded.PatientName == "Yamada^Tarou=山田^太郎=やまだ^たろう"


def test_sequences_are_kept_and_matched(archive: Archive) -> None:
    item = Dataset()
    item.ScheduledProcedureStepID, item.RequestedProcedureID = "S1", "R1"
    store(archive, make_object(1, RequestAttributesSequence=Sequence([item])))
    key = Dataset()
    key.RequestedProcedureID, key.ScheduledProcedureStepID = "R*", ""
    keys = {"StudyInstanceUID": "1.2.0", "RequestAttributesSequence": Sequence([key])}
    (match,) = find(archive, Level.SERIES, **keys)
    assert match.RequestAttributesSequence == Sequence([item])
    key.RequestedProcedureID = "Q*"
    assert find(archive, Level.SERIES, **keys) == []


def test_values_that_break_their_vr_do_no_harm(archive: Archive) -> None:
    image = make_object(1)
    for keyword, vr, value in (("InstanceNumber", "LO", "one"), ("StudyDate", "LO", "yesterday")):
        image.add_new(keyword, vr, value)
        image[keyword].VR = "LO"
    data = encode(image).replace(b"LO\x04\x00one ", b"IS\x04\x00one ")
    assert store(archive, image, data=data).status in (0x0000, 0xC000)
    assert [match.get("StudyDate") for match in find(archive, StudyDate="")] in (["yesterday"], [])


def test_retrieval_names_the_objects(archive: Archive) -> None:
    for number in range(20):
        store(archive, make_object(number))
    identifier = Dataset()
    identifier.StudyInstanceUID, identifier.SeriesInstanceUID = "1.2.0", "1.2.0.2"
    found = archive.matches_for_retrieve(Level.SERIES, Model.STUDY_ROOT, identifier)
    assert [one.sop_instance_uid for one in found] == ["1.2.0.2.4", "1.2.0.2.5"]
    assert all(one.path.is_file() and one.transfer_syntax_uid == EXPLICIT for one in found)
    identifier.SOPInstanceUID = ["1.2.0.2.5", *(f"9.{number}" for number in range(1000))]
    found = archive.matches_for_retrieve(Level.IMAGE, Model.STUDY_ROOT, identifier)
    assert [one.sop_instance_uid for one in found] == ["1.2.0.2.5"]
    with pytest.raises(WrongIdentifierError):
        archive.matches_for_retrieve(Level.IMAGE, Model.STUDY_ROOT, Dataset())


def test_the_sinks_failures_are_sentences() -> None:
    for number in (errno.ENOSPC, errno.EACCES, errno.EMFILE, errno.EIO):
        result = sink_module.disk_failure(OSError(number, os.strerror(number)))
        assert result.status == 0xA700
        assert result.comment.endswith(".")
