"""Deleting from the archive: files and rows, at each level, also when the program dies in between."""

from __future__ import annotations

import threading

import pydicom
import pytest
from scp_objects import files_of, make_object, store

from workstation.scp.archive import archive as archive_module
from workstation.scp.archive.archive import Archive, Change
from workstation.scp.archive.browse import Browser
from workstation.scp.archive.tree import NO_PATIENT, Key
from workstation.scp.query.levels import Level, Model


def fill(archive: Archive) -> None:
    for number in range(1, 14):
        store(archive, make_object(number))


def keys_below(archive: Archive, *steps: int) -> Key:
    """The key reached by going to so manieth row at each level, patients by their time of arrival."""
    browser = Browser(archive)
    rows = tuple(reversed(browser.page().rows))
    for place in steps[:-1]:
        rows = browser.page(rows[place].key).rows
    return rows[steps[-1]].key


@pytest.mark.parametrize(
    ("steps", "left"),
    [
        ((0,), (1, 1, 2, 4)),
        ((1, 0), (1, 1, 5, 9)),
        ((0, 0, 1), (2, 2, 6, 11)),
        ((0, 0, 1, 0), (2, 2, 7, 12)),
        # The only object of its series: the series goes with it.
        ((0, 0, 0, 0), (2, 2, 6, 12)),
    ],
)
def test_each_level(archive: Archive, steps: tuple[int, ...], left: tuple[int, ...]) -> None:
    fill(archive)
    key = keys_below(archive, *steps)
    size = Browser(archive).totals([key]).bytes
    deleted = archive.delete([key])
    assert (deleted.objects, deleted.bytes, deleted.cancelled) == (13 - left[3], size, False)
    assert tuple(archive.counts().values()) == left
    assert len(files_of(archive)) == left[3]
    assert archive.index.doomed() == []
    assert archive.delete([key]).objects == 0


def test_what_was_deleted_can_be_stored_again(archive: Archive) -> None:
    fill(archive)
    archive.delete([keys_below(archive, 0), keys_below(archive, 1)])
    assert files_of(archive) == []
    fill(archive)
    assert archive.counts()[Level.IMAGE] == 13


def test_objects_of_no_patient(archive: Archive) -> None:
    fill(archive)
    protocol = make_object(50, SOPClassUID="1.2.840.10008.5.1.4.38.1")
    del protocol.StudyInstanceUID, protocol.SeriesInstanceUID
    store(archive, protocol)
    assert archive.delete([NO_PATIENT]).objects == 1
    assert archive.counts()[Level.IMAGE] == 13


def test_more_than_go_at_once(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_module, "_AT_ONCE", 4)
    fill(archive)
    told: list[int] = []
    changes: list[Change] = []
    archive.listen(changes.append)
    assert archive.delete([keys_below(archive, 0)], on_progress=told.append).objects == 9
    assert told == [4, 8, 9]
    assert [change.removed for change in changes] == [4, 4, 1]


def test_a_cancelled_deletion_keeps_the_rest(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_module, "_AT_ONCE", 4)
    fill(archive)
    told: list[int] = []
    both = [keys_below(archive, 0), keys_below(archive, 1)]
    deleted = archive.delete(both, on_progress=told.append, cancelled=lambda: bool(told))
    assert (deleted.objects, deleted.cancelled) == (4, True)
    assert archive.counts()[Level.IMAGE] == len(files_of(archive)) == 9


def test_a_crash_between_rows_and_files_brings_nothing_back(archive: Archive) -> None:
    fill(archive)
    # What a deletion has done when the power fails before the files are gone.
    removed = archive.index.remove(keys_below(archive, 0), 100)
    assert len(removed) == 9
    assert len(files_of(archive)) == 13
    archive.close()
    again = Archive(archive.folder, durable=False)
    assert len(files_of(again)) == again.counts()[Level.IMAGE] == 4
    assert again.index.doomed() == []
    again.close()


def test_a_file_that_cannot_go_now_goes_at_the_next_start(archive: Archive) -> None:
    """As on Windows, where somebody who reads it keeps it: here a folder stands in its place."""
    store(archive, make_object(1))
    (path,) = files_of(archive)
    path.unlink()
    path.mkdir()
    assert archive.delete([keys_below(archive, 0)]).objects == 1
    assert [archive.folder / file for file in archive.index.doomed()] == [path]
    path.rmdir()
    archive.close()
    again = Archive(archive.folder, durable=False)
    assert again.index.doomed() == []
    again.close()


def test_whoever_reads_a_file_goes_on(archive: Archive) -> None:
    store(archive, make_object(1))
    identifier = pydicom.Dataset()
    identifier.PatientID = "P0"
    (found,) = archive.matches_for_retrieve(Level.PATIENT, Model.PATIENT_ROOT, identifier)
    with found.path.open("rb") as file:
        archive.delete([keys_below(archive, 0)])
        assert pydicom.dcmread(file).PatientID == "P0"


def test_deleting_while_others_store(archive: Archive) -> None:
    """The series that the writer remembers goes away under it again and again; only what was deleted is lost."""
    stored = threading.Event()

    def send() -> None:
        for number in range(120):
            made = make_object(1, SOPInstanceUID=f"1.2.9.{number}")
            assert store(archive, made, fragment=10_000).status == 0
            stored.set()

    sender = threading.Thread(target=send)
    sender.start()
    assert stored.wait(10)
    deleted = 0
    while sender.is_alive():
        deleted += archive.delete([row.key for row in Browser(archive).page().rows]).objects
    sender.join()
    assert deleted > 0
    assert archive.counts()[Level.IMAGE] == len(files_of(archive)) == 120 - deleted


def test_listeners(archive: Archive, caplog: pytest.LogCaptureFixture) -> None:
    changes: list[Change] = []

    def broken(_change: Change) -> None:
        raise RuntimeError("a mistake")

    end_broken = archive.listen(broken)
    end = archive.listen(changes.append)
    assert store(archive, make_object(1)).status == 0
    assert "A listener of the archive failed" in caplog.text
    end_broken()
    store(archive, make_object(1))  # the same bytes: nothing changed
    store(archive, make_object(1, PatientName="Other"))
    store(archive, make_object(2), data=b"damaged")
    archive.delete([keys_below(archive, 0)])
    end()
    store(archive, make_object(1))
    assert changes == [Change(stored=1), Change(stored=1), Change(removed=1)]
