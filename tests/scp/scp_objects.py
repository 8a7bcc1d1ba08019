"""Objects for the archive, made in memory, and how they are stored."""

from __future__ import annotations

from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from workstation.scp.archive.archive import Archive, StoreResult

IMPLICIT, EXPLICIT, BIG_ENDIAN = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
CT = "1.2.840.10008.5.1.4.1.1.2"


def make_object(number: int = 1, **values: object) -> Dataset:
    """Return a small CT image; objects 1 to 9 are of study 1.2.0, 10 to 19 of study 1.2.1, two a series."""
    study, series = number // 10, number // 2
    image = Dataset()
    image.SOPClassUID = CT
    image.SOPInstanceUID = f"1.2.{study}.{series}.{number}"
    image.StudyInstanceUID = f"1.2.{study}"
    image.SeriesInstanceUID = f"1.2.{study}.{series}"
    image.PatientID = f"P{study}"
    image.PatientName = f"Doe^Number {study}"
    image.StudyDate = f"2024{study % 12 + 1:02}01"
    image.StudyTime = "101500"
    image.Modality = "MR" if series % 2 else "CT"
    image.SeriesNumber = series
    image.InstanceNumber = number
    image.Rows = image.Columns = 4
    image.BitsAllocated = 16
    image.PixelData = bytes(range(32))
    for keyword, value in values.items():
        setattr(image, keyword, value)
    return image


def encode(data_set: Dataset, transfer_syntax: str = EXPLICIT) -> bytes:
    buffer = DicomBytesIO()
    buffer.is_implicit_VR = transfer_syntax == IMPLICIT
    buffer.is_little_endian = transfer_syntax != BIG_ENDIAN
    if "PixelData" in data_set:
        data_set["PixelData"].VR = "OW"
    write_dataset(buffer, data_set)
    return buffer.getvalue()


def store(
    archive: Archive,
    data_set: Dataset,
    transfer_syntax: str = EXPLICIT,
    *,
    data: bytes | None = None,
    fragment: int = 100,
    sop_class_uid: str | None = None,
    sop_instance_uid: str | None = None,
) -> StoreResult:
    """Store as the network does: command first, then fragments, then the handler's commit."""
    sink = archive.new_sink(
        sop_class_uid or str(data_set.get("SOPClassUID", CT)),
        sop_instance_uid or str(data_set.get("SOPInstanceUID", "1.2.3")),
        transfer_syntax,
        "MODALITY",
    )
    encoded = encode(data_set, transfer_syntax) if data is None else data
    for place in range(0, len(encoded), fragment):
        sink.write(memoryview(encoded)[place : place + fragment])
    sink.finish()
    return archive.commit(sink)


def files_of(archive: Archive) -> list[Path]:
    return sorted(path for path in (archive.folder / "objects").rglob("*") if path.is_file())
