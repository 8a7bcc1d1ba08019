"""Import: files, folders and DICOMDIRs are copied into the archive; each that is not says why."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path
from types import SimpleNamespace

import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.fileset import FileSet
from scp_objects import EXPLICIT, IMPLICIT, encode, files_of, make_object, store

from workstation.scp.archive.archive import Archive
from workstation.scp.archive.browse import Browser
from workstation.scp.archive.importing import FileOutcome, Imported, ImportJob, ImportProgress, Outcome
from workstation.scp.query.levels import Level


def write(path: Path, data_set: Dataset, transfer_syntax: str = EXPLICIT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    data_set.file_meta = FileMetaDataset()
    data_set.file_meta.TransferSyntaxUID = transfer_syntax
    data_set["PixelData"].VR = "OW"
    data_set.save_as(path, enforce_file_format=True)
    return path


def make_files(folder: Path, count: int) -> list[Path]:
    return [write(folder / f"sub{n % 3}" / f"image{n}", make_object(n)) for n in range(1, count + 1)]


def run(archive: Archive, *paths: Path) -> tuple[Imported, dict[str, FileOutcome]]:
    outcomes: list[FileOutcome] = []
    result = ImportJob(archive, paths, on_file=outcomes.append).run()
    assert sum(result.counts.values()) == len(outcomes)
    return result, {outcome.path.name: outcome for outcome in outcomes}


def test_a_folder(archive: Archive, tmp_path: Path) -> None:
    files = make_files(tmp_path / "in", 9)
    before = {path: path.read_bytes() for path in files}
    progress: list[ImportProgress] = []
    result = ImportJob(archive, [tmp_path / "in"], progress.append).run()
    assert (result.stored, result.cancelled, result.stopped, result.problems) == (9, False, "", ())
    assert archive.counts()[Level.IMAGE] == 9
    assert {path: path.read_bytes() for path in files} == before
    assert [each.done for each in progress if each.total is not None] == list(range(10))
    assert progress[-1].total == progress[-1].stored == 9
    stored = Browser(archive).objects([row.key for row in Browser(archive).page().rows])
    # The same data set, byte for byte.
    for one in stored:
        assert encode(pydicom.dcmread(one.path)) in {encode(pydicom.dcmread(path)) for path in files}


def test_twice_is_said(archive: Archive, tmp_path: Path) -> None:
    make_files(tmp_path / "in", 5)
    assert run(archive, tmp_path / "in")[0].stored == 5
    write(tmp_path / "in" / "sub0" / "image3", make_object(3, PatientName="Corrected"))
    result, outcomes = run(archive, tmp_path / "in")
    assert result.counts[Outcome.DUPLICATE] == 4
    assert outcomes["image3"].outcome is Outcome.REPLACED
    assert archive.counts()[Level.IMAGE] == len(files_of(archive)) == 5


def test_what_is_received_and_then_imported_is_a_duplicate(archive: Archive, tmp_path: Path) -> None:
    store(archive, make_object(1))
    path = tmp_path / "one"
    path.write_bytes(files_of(archive)[0].read_bytes())
    assert run(archive, path)[1]["one"].outcome is Outcome.DUPLICATE


def test_each_file_that_is_none(archive: Archive, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    make_files(folder, 1)
    (folder / "README.txt").write_text("Insert the disc and wait. " * 20)
    (folder / "LOOKS.md").write_text("# DICOM begins like an element of a group that is not there")
    (folder / "empty").touch()
    os.mkfifo(folder / "pipe")
    (folder / "dangling").symlink_to(folder / "nowhere")
    whole = (folder / "sub1" / "image1").read_bytes()
    (folder / "cut").write_bytes(whole[:-20])
    bare = make_object(5)
    (folder / "bare").write_bytes(encode(bare, IMPLICIT))
    no_study = make_object(6)
    del no_study.StudyInstanceUID
    write(folder / "nostudy", no_study)
    result, outcomes = run(archive, folder)
    told = {name: (outcome.outcome, outcome.sentence) for name, outcome in outcomes.items()}
    assert told["image1"] == (Outcome.STORED, "")
    assert told["README.txt"][0] is Outcome.OTHER
    assert told["README.txt"][1].startswith("This is no DICOM file: ")
    assert told["LOOKS.md"] == told["README.txt"]
    assert told["empty"] == (Outcome.OTHER, "The file is empty.")
    assert told["pipe"] == (Outcome.OTHER, "This is no regular file.")
    assert told["dangling"] == (Outcome.FAILED, "The file cannot be read: No such file or directory.")
    assert told["cut"][0] is Outcome.FAILED
    assert told["cut"][1]
    assert told["bare"] == (Outcome.STORED, "")
    assert told["nostudy"] == (Outcome.FAILED, "The data set has no StudyInstanceUID.")
    assert {problem.path.name for problem in result.problems} == {
        "README.txt",
        "LOOKS.md",
        "empty",
        "pipe",
        "dangling",
        "cut",
        "nostudy",
    }
    assert len(files_of(archive)) == 2


def test_the_data_set_counts_not_its_head(archive: Archive, tmp_path: Path) -> None:
    made = make_object(1)
    path = write(tmp_path / "one", made)
    data = path.read_bytes().replace(b"1.2.0.0.1", b"1.2.0.0.7", 1)
    path.write_bytes(data)
    assert pydicom.dcmread(path).file_meta.MediaStorageSOPInstanceUID == "1.2.0.0.7"
    assert run(archive, path)[0].stored == 1
    (stored,) = files_of(archive)
    assert pydicom.dcmread(stored).file_meta.MediaStorageSOPInstanceUID == "1.2.0.0.1"


def test_one_file_under_two_names_is_read_once(archive: Archive, tmp_path: Path) -> None:
    path = make_files(tmp_path / "in", 1)[0]
    result, _ = run(archive, path, path, path.parent, tmp_path / "in")
    assert sum(result.counts.values()) == 1


def test_links_to_folders_are_not_followed(archive: Archive, tmp_path: Path) -> None:
    make_files(tmp_path / "elsewhere", 3)
    folder = tmp_path / "in"
    make_files(folder, 1)
    (folder / "loop").symlink_to(folder)
    (folder / "out").symlink_to(tmp_path / "elsewhere")
    assert run(archive, folder)[0].stored == 1


# ----------------------------------------------------------------------------------------------- DICOMDIR
def make_dicomdir(folder: Path, count: int) -> Path:
    file_set = FileSet()
    for number in range(1, count + 1):
        made = make_object(number, StudyID="1", AccessionNumber="")
        made.file_meta = FileMetaDataset()
        made.file_meta.TransferSyntaxUID = EXPLICIT
        made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID
        made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
        made["PixelData"].VR = "OW"
        file_set.add(made)
    file_set.write(folder)
    return folder / "DICOMDIR"


def test_a_dicomdir(archive: Archive, tmp_path: Path) -> None:
    path = make_dicomdir(tmp_path / "disc", 7)
    write(tmp_path / "disc" / "NOTLISTE", make_object(30))
    assert run(archive, path)[0].stored == 7
    # Its folder has all files; the DICOMDIR itself is no object.
    result, outcomes = run(archive, tmp_path / "disc")
    assert result.counts == {
        Outcome.STORED: 1,
        Outcome.REPLACED: 0,
        Outcome.DUPLICATE: 7,
        Outcome.OTHER: 1,
        Outcome.FAILED: 0,
    }
    assert outcomes["DICOMDIR"].sentence == "This is a DICOMDIR; the files that it lists are imported."


def test_a_dicomdir_whose_files_have_small_letters(archive: Archive, tmp_path: Path) -> None:
    """As Linux shows many discs."""
    path = make_dicomdir(tmp_path / "disc", 2)
    small = tmp_path / "small"
    for file in (tmp_path / "disc").rglob("*"):
        if file.is_file():
            target = small / str(file.relative_to(tmp_path / "disc")).lower()
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)
    assert path.exists()
    assert run(archive, small / "dicomdir")[0].stored == 2


@pytest.mark.parametrize(
    "names", [["..", "secret"], ["/etc/passwd"], ["", "secret"], ["a/../../secret"], ["link"], ["C:\\secret"]]
)
def test_a_dicomdir_leads_nowhere_else(archive: Archive, tmp_path: Path, names: list[str]) -> None:
    path = make_dicomdir(tmp_path / "disc", 1)
    secret = write(tmp_path / "secret", make_object(9))
    (tmp_path / "disc" / "link").symlink_to(secret)
    directory = pydicom.dcmread(path)
    record = next(each for each in directory.DirectoryRecordSequence if "ReferencedFileID" in each)
    with pydicom.config.disable_value_validation():
        record.ReferencedFileID = names
        directory.save_as(path)
    result, outcomes = run(archive, path)
    assert result.stored == 0
    assert archive.counts()[Level.IMAGE] == 0
    assert outcomes["DICOMDIR"].sentence.startswith("The DICOMDIR lists ")


def test_a_dicomdir_that_lists_what_is_not_there_and_one_that_is_damaged(archive: Archive, tmp_path: Path) -> None:
    path = make_dicomdir(tmp_path / "disc", 3)
    gone = next(file for file in (tmp_path / "disc").rglob("*") if file.is_file() and file.name != "DICOMDIR")
    gone.unlink()
    result, outcomes = run(archive, path)
    assert result.stored == 2
    assert outcomes["DICOMDIR"].sentence.endswith(", which is not there.")
    path.write_bytes(path.read_bytes()[:600])
    _, outcomes = run(archive, path)
    assert outcomes["DICOMDIR"].sentence == "This DICOMDIR lists no file, or is cut short."
    path.write_bytes(path.read_bytes()[:150])
    _, outcomes = run(archive, path)
    assert outcomes["DICOMDIR"].outcome in (Outcome.FAILED, Outcome.OTHER)


# --------------------------------------------------------------------------------------- cancelled, full, gone
def test_cancel(archive: Archive, tmp_path: Path) -> None:
    make_files(tmp_path / "in", 60)
    stored = threading.Event()
    job = ImportJob(archive, [tmp_path / "in"], on_file=lambda _outcome: (stored.set(), job.cancel()))
    result = job.run()
    assert result.cancelled
    assert 1 <= result.stored < 60
    assert archive.counts()[Level.IMAGE] == len(files_of(archive)) == result.stored


def test_cancelled_before_it_began(archive: Archive, tmp_path: Path) -> None:
    make_files(tmp_path / "in", 3)
    job = ImportJob(archive, [tmp_path / "in"])
    job.cancel()
    assert (job.run().stored, files_of(archive)) == (0, [])


def test_a_full_disk_stops_it(archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_files(tmp_path / "in", 40)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(total=1 << 40, free=1000))
    result, outcomes = run(archive, tmp_path / "in")
    assert result.stopped == "The archive's disk has 1.0 kB left, less than 1.1 GB."
    assert result.stored == 0
    # Those under way in each thread, not all forty.
    assert 1 <= len(outcomes) <= 8


def test_what_does_not_exist(archive: Archive, tmp_path: Path) -> None:
    result, outcomes = run(archive, tmp_path / "nowhere", Path("/tmp/a\0b"))
    assert result.counts[Outcome.FAILED] == 2
    assert outcomes["nowhere"].sentence == "The file cannot be read: No such file or directory."
