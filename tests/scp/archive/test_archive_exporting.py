"""Export: copies with names that are ours or UIDs, nothing overwritten; a DICOMDIR that other programs read."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

import pydicom
import pytest
from peers import run as run_program
from pydicom.fileset import FileSet
from scp_objects import encode, files_of, make_object, store

from workstation.scp.archive.archive import Archive
from workstation.scp.archive.browse import Browser
from workstation.scp.archive.exporting import Exported, ExportJob, ExportProgress, safe_name
from workstation.scp.archive.importing import ImportJob
from workstation.scp.archive.tree import NO_PATIENT, Key


def fill(archive: Archive, count: int = 9) -> list[Key]:
    for number in range(1, count + 1):
        store(archive, make_object(number, StudyID="1", AccessionNumber=""))
    return [row.key for row in Browser(archive).page().rows]


def export(archive: Archive, keys: list[Key], folder: Path, *, dicomdir: bool = False) -> Exported:
    return ExportJob(archive, keys, folder, dicomdir=dicomdir).run()


def written(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_copies(archive: Archive, tmp_path: Path) -> None:
    progress: list[ExportProgress] = []
    out = tmp_path / "out" / "deeper"
    result = ExportJob(archive, fill(archive), out, on_progress=progress.append).run()
    assert (result.written, result.failed, result.there, result.stopped) == (9, 0, 0, "")
    assert written(out)[:2] == ["1.2.0/1.2.0.0/1.2.0.0.1.dcm", "1.2.0/1.2.0.1/1.2.0.1.2.dcm"]
    assert {path.read_bytes() for path in out.rglob("*.dcm")} == {path.read_bytes() for path in files_of(archive)}
    assert result.bytes == sum(path.stat().st_size for path in out.rglob("*.dcm"))
    assert [(each.done, each.total) for each in progress] == [(done, 9) for done in range(10)]


def test_part_of_it(archive: Archive, tmp_path: Path) -> None:
    browser = Browser(archive)
    study = browser.page(fill(archive)[0]).rows[0]
    series = browser.page(study.key).rows[1]
    assert export(archive, [series.key], tmp_path / "out").written == 2
    assert written(tmp_path / "out") == ["1.2.0/1.2.0.1/1.2.0.1.2.dcm", "1.2.0/1.2.0.1/1.2.0.1.3.dcm"]


def test_nothing_is_overwritten(archive: Archive, tmp_path: Path) -> None:
    keys = fill(archive, 2)
    other = tmp_path / "1.2.0" / "1.2.0.0" / "1.2.0.0.1.dcm"
    other.parent.mkdir(parents=True)
    other.write_bytes(b"mine")
    assert export(archive, keys, tmp_path).written == 2
    assert other.read_bytes() == b"mine"
    again = export(archive, keys, tmp_path)
    assert (again.written, again.there) == (0, 2)
    assert len(written(tmp_path / "1.2.0")) == 3


@pytest.mark.parametrize("uid", ["../../evil", "/etc/passwd", "a" * 100, "CON", "1.2.", "", "1.2.3\n", "ä"])
def test_a_text_of_a_peer_is_no_path(uid: str) -> None:
    name = safe_name(uid)
    assert name.startswith("no-uid-")
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert name == safe_name(uid)


def test_odd_uids_and_objects_of_no_patient(archive: Archive, tmp_path: Path) -> None:
    with pydicom.config.disable_value_validation():
        odd = make_object(1, StudyInstanceUID="../../up", SeriesInstanceUID="..", SOPInstanceUID="../x")
        assert store(archive, odd).status == 0
    protocol = make_object(50, SOPClassUID="1.2.840.10008.5.1.4.38.1")
    del protocol.StudyInstanceUID, protocol.SeriesInstanceUID
    store(archive, protocol)
    result = export(archive, [row.key for row in Browser(archive).page().rows], tmp_path / "out")
    assert result.written == 2
    names = written(tmp_path / "out")
    assert f"{protocol.SOPInstanceUID}.dcm" in names
    assert [name.count("no-uid-") for name in names] == [0, 3]
    assert export(archive, [NO_PATIENT], tmp_path / "other").written == 1


def test_what_was_deleted_meanwhile(archive: Archive, tmp_path: Path) -> None:
    keys = fill(archive, 3)
    files_of(archive)[0].unlink()
    result = export(archive, keys, tmp_path / "out")
    assert (result.written, result.failed) == (2, 1)
    assert result.problems[0].endswith(": it was deleted meanwhile.")
    assert not list((tmp_path / "out").rglob("*.part"))


def test_a_full_disk_stops_it(archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = fill(archive, 3)

    def full(_source: Path, target: Path) -> None:
        Path(target).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    result = export(archive, keys, tmp_path / "out")
    assert result.stopped == f"{tmp_path / 'out'} cannot be written: No space left on device."
    assert written(tmp_path / "out") == []


def test_cancel(archive: Archive, tmp_path: Path) -> None:
    keys = fill(archive)
    job = ExportJob(archive, keys, tmp_path / "out", on_progress=lambda each: each.done == 3 and job.cancel())
    result = job.run()
    assert result.cancelled
    assert result.written == len(written(tmp_path / "out")) == 4


def test_a_folder_that_cannot_be_made(archive: Archive, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = export(archive, fill(archive, 1), tmp_path / "file" / "out")
    assert "cannot be written" in result.stopped


# ----------------------------------------------------------------------------------------------- DICOMDIR
def test_a_dicomdir(archive: Archive, tmp_path: Path) -> None:
    keys = fill(archive)
    out = tmp_path / "disc"
    result = export(archive, keys, out, dicomdir=True)
    assert (result.written, result.failed, result.stopped) == (9, 0, "")
    assert len(FileSet(out / "DICOMDIR")) == 9
    # DCMTK reads it, and so do we.
    listed = run_program("dcmdump", out / "DICOMDIR")
    assert listed.returncode == 0
    assert listed.stdout.count("ReferencedFileID") == 9
    again = Archive(tmp_path / "again", durable=False)
    assert ImportJob(again, [out / "DICOMDIR"]).run().stored == 9
    sent = {encode(pydicom.dcmread(path)) for path in files_of(archive)}
    assert {encode(pydicom.dcmread(path)) for path in files_of(again)} == sent
    again.close()


def test_a_dicomdir_is_not_mixed_with_what_is_there(archive: Archive, tmp_path: Path) -> None:
    keys = fill(archive, 1)
    (tmp_path / "DICOMDIR").write_bytes(b"mine")
    result = export(archive, keys, tmp_path, dicomdir=True)
    assert result.stopped == "A DICOMDIR is written into an empty folder; this one has something in it."
    assert (tmp_path / "DICOMDIR").read_bytes() == b"mine"


def test_an_object_that_no_dicomdir_can_list(archive: Archive, tmp_path: Path) -> None:
    keys = fill(archive, 2)
    without = make_object(3)
    del without.StudyDate
    store(archive, without)
    result = export(archive, keys, tmp_path / "out", dicomdir=True)
    assert (result.written, result.failed) == (2, 1)
    assert result.problems[0].startswith("1.2.0.1.3 cannot be listed in a DICOMDIR: ")
