import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import DeflatedExplicitVRLittleEndian

from workstation.paths import resource
from workstation.scu.failure import Layer
from workstation.scu.files import FoundFile, ScanJob, inspect, scan

SAMPLES = resource("samples")
CT = SAMPLES / "ct-chest" / "01.dcm"


def collect(*paths: Path | str, cancelled: Callable[[], bool] = lambda: False) -> list[FoundFile]:
    found: list[FoundFile] = []
    scan(paths, found.append, cancelled)
    return found


def test_what_is_read_of_a_file() -> None:
    found = inspect(CT)
    ds = dcmread(CT)
    assert found.sendable
    assert found.sentence == ""
    assert found.size == CT.stat().st_size
    assert found.sop_class_uid == ds.SOPClassUID
    assert found.sop_instance_uid == ds.SOPInstanceUID
    assert found.transfer_syntax_uid == ds.file_meta.TransferSyntaxUID
    assert found.study_instance_uid == ds.StudyInstanceUID
    assert (found.patient_name, found.patient_id, found.modality) == ("Nørgaard^Åse^^Fru", "DW-1001", "CT")
    assert (found.series_number, found.instance_number, found.study_date) == ("2", "1", "20240312")


def test_the_samples_are_all_found_in_order() -> None:
    found = collect(SAMPLES)
    assert sum(file.sendable for file in found) == 34
    (readme,) = [file for file in found if not file.sendable]
    assert readme.path.name == "README.md"
    assert readme.problem is not None
    assert readme.problem.layer is Layer.FILE
    assert "no DICOM file" in readme.sentence
    slices = [file.path.name for file in found if file.path.parent.name == "ct-chest"]
    assert slices == sorted(slices)
    assert {file.patient_name for file in found} >= {"Παπαδοπούλου^Ελένη", "Hong^Gildong=洪^吉洞=홍^길동"}


def test_a_file_is_found_once() -> None:
    assert len(collect(CT, CT.parent, CT.parent / ".." / "ct-chest")) == 10


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "The file is empty"),
        (b"short", "no DICOM file"),
        (b"\0" * 128 + b"DICX" + b"\0" * 100, "no DICOM file"),
        (b"\0" * 128 + b"DICM", "no DICOM file"),
        (b"\0" * 128 + b"DICM" + b"\x02\x00\x02\x00UI\xff\xff", "no DICOM file"),
        (b"\0" * 128 + b"DICM\x02\x00\x02\x00UI\x04\x001.2\0", "no Media Storage SOP Instance UID and no Transfer"),
    ],
)
def test_files_that_are_not_dicom(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "file.dcm"
    path.write_bytes(content)
    (found,) = collect(path)
    assert not found.sendable
    assert sentence in found.sentence
    assert found.sentence.startswith("File: ")


@pytest.mark.parametrize("cut", [400, 700, 30000])
def test_a_truncated_file_is_noticed(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "cut.dcm"
    path.write_bytes(CT.read_bytes()[:cut])
    found = inspect(path)
    assert not found.sendable
    assert found.problem is not None
    assert found.problem.layer is Layer.FILE


def test_a_file_that_lacks_pixels_says_how_much(tmp_path: Path) -> None:
    path = tmp_path / "cut.dcm"
    path.write_bytes(CT.read_bytes()[:-1000])
    assert "ends too early" in inspect(path).sentence
    assert "1,000 are missing" in inspect(path).sentence


def test_a_deflated_file_is_read(tmp_path: Path) -> None:
    ds = dcmread(CT)
    ds.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    path = tmp_path / "deflated.dcm"
    ds.save_as(path)
    found = inspect(path)
    assert found.sendable
    assert found.patient_id == "DW-1001"


def test_garbage_after_the_meta_information_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "garbage.dcm"
    whole = CT.read_bytes()
    path.write_bytes(whole[:400] + bytes(range(1, 256)) * 40)
    assert isinstance(inspect(path).sentence, str)


def test_a_dicomdir_is_left_out_with_a_note(tmp_path: Path) -> None:
    ds = dcmread(CT)
    del ds.PixelData
    ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.1.3.10"
    ds.save_as(tmp_path / "DICOMDIR")
    (found,) = collect(tmp_path)
    assert "DICOMDIR" in found.sentence
    assert not found.sendable


def test_what_is_not_there_or_may_not_be_read(tmp_path: Path) -> None:
    (missing,) = collect(tmp_path / "missing.dcm")
    assert "It cannot be read (No such file" in missing.sentence


@contextlib.contextmanager
def as_anybody() -> Iterator[None]:
    """Root reads everything: as root, be somebody else for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such permissions")
def test_folders_without_permission() -> None:
    collect(SAMPLES / "ct-chest")  # all that has to be imported is imported before
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        closed = folder / "closed"
        closed.mkdir(mode=0)
        with as_anybody():
            (found,) = collect(folder)
        closed.chmod(stat.S_IRWXU)
    assert found.path == closed
    assert "Permission denied" in found.sentence


def test_an_unreadable_folder_does_not_end_the_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    shutil.copy(CT, tmp_path / "b")
    real = os.scandir

    def scandir(path: Path) -> object:
        if Path(path).name == "a":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    closed, found = collect(tmp_path)
    assert closed.path.name == "a"
    assert "Permission denied" in closed.sentence
    assert found.sendable


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (found,) = collect(tmp_path)
    assert "no regular file" in found.sentence


def test_links_that_lead_round_in_circles_end(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "back").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "file.dcm").symlink_to(CT)
    assert [file.path.name for file in collect(tmp_path)] == ["file.dcm"]


def test_cancelling_ends_the_search() -> None:
    found: list[FoundFile] = []
    scan([SAMPLES], found.append, lambda: len(found) >= 5)
    assert len(found) == 5


def test_the_job_counts_and_can_be_cancelled() -> None:
    found: list[FoundFile] = []
    progress = []
    result = ScanJob([SAMPLES], found.append, progress.append).run()
    assert (result.found, result.unfit, result.cancelled) == (34, 1, False)
    assert result.bytes == sum(file.size for file in found if file.sendable)
    assert progress[-1].done == 34

    job: ScanJob = ScanJob([SAMPLES], lambda _: job.cancel())
    assert job.run().cancelled
