"""Small objects for the archive of a window's test."""

from __future__ import annotations

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from workstation.scp.archive.archive import Archive


def one_object(number: int = 1, **values: object) -> Dataset:
    """A small CT image of a patient, study and series of its own."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPClassUID = CTImageStorage
    made.PatientID, made.PatientName = f"P{number}", f"Patient^{number:03}"
    made.StudyInstanceUID, made.SeriesInstanceUID = f"1.2.7.{number}", f"1.2.7.{number}.1"
    made.SOPInstanceUID = f"1.2.7.{number}.1.1"
    made.Modality, made.StudyDate, made.SeriesNumber, made.InstanceNumber = "CT", "20240101", 1, 1
    for keyword, value in values.items():
        setattr(made, keyword, value)
    if "StudyInstanceUID" in values:
        made.SeriesInstanceUID = f"{made.StudyInstanceUID}.1"
        made.SOPInstanceUID = f"{made.StudyInstanceUID}.1.1"
    return made


def store_directly(archive: Archive, data_set: Dataset) -> None:
    """As the network does, without one."""
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = False, True
    write_dataset(buffer, data_set)
    sink = archive.new_sink(str(data_set.SOPClassUID), str(data_set.SOPInstanceUID), ExplicitVRLittleEndian)
    sink.write(memoryview(buffer.getvalue()))
    sink.finish()
    result = archive.commit(sink)
    assert result.status == 0, result


def patients(archive: Archive, count: int) -> None:
    """So many, with one object each."""
    for number in range(count):
        store_directly(archive, one_object(number))
