"""CT objects of a given size for benchmarks and load tests."""

from __future__ import annotations

import random
from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian


def make_objects(folder: Path, count: int, size: int) -> list[Path]:
    """Write `count` CT objects of one series with `size` bytes of pixel data each.

    The same UIDs and bytes each time; the pixels are noise, so that nothing on the way can cheat.
    """
    folder.mkdir(parents=True, exist_ok=True)
    columns = 512
    while size // 2 // columns > 1 << 15:
        columns *= 2  # Rows and Columns are 16 bits each
    rows = size // 2 // columns
    noise = random.Random(size)
    wanted, piece = rows * columns * 2, 1 << 20
    pixels = b"".join(noise.randbytes(min(piece, wanted - start)) for start in range(0, wanted, piece))
    paths = []
    for number in range(1, count + 1):
        uid = f"2.25.4711.{size}.{number}"
        data_set = Dataset()
        data_set.file_meta = FileMetaDataset()
        data_set.file_meta.MediaStorageSOPClassUID = data_set.SOPClassUID = CTImageStorage
        data_set.file_meta.MediaStorageSOPInstanceUID = data_set.SOPInstanceUID = uid
        data_set.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data_set.Modality = "CT"
        data_set.StudyDate, data_set.StudyTime = "20240501", "120000"
        data_set.PatientName, data_set.PatientID = "Load^Test", "LOAD"
        data_set.StudyInstanceUID, data_set.SeriesInstanceUID = f"2.25.4711.{size}", f"2.25.4711.{size}.0"
        data_set.StudyID, data_set.AccessionNumber = "1", "LOAD1"
        data_set.SeriesNumber, data_set.InstanceNumber = 1, number
        data_set.Rows, data_set.Columns, data_set.SamplesPerPixel = rows, columns, 1
        data_set.PhotometricInterpretation = "MONOCHROME2"
        data_set.BitsAllocated, data_set.BitsStored, data_set.HighBit = 16, 16, 15
        data_set.PixelRepresentation = 0
        data_set.PixelData = pixels[number:] + pixels[:number]
        path = folder / f"{number:05}.dcm"
        data_set.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths
