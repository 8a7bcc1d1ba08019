"""Makes the sample objects in `samples/`: synthetic pictures and people, so that everything can be tried.

    python resources/make_samples.py [FOLDER]

Nothing here comes from a patient or a device. Every run gives the same bytes: UIDs are derived from names,
dates are fixed, noise is integer arithmetic. Needs the development environment (numpy and the encoders);
the program itself only reads the files.
"""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from phantoms import beating_heart, chest, chest_projection, grey_wedge, head
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    BasicTextSRStorage,
    ComputedRadiographyImageStorage,
    CTImageStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    MRImageStorage,
    RLELossless,
    SecondaryCaptureImageStorage,
    UltrasoundMultiFrameImageStorage,
)

# UIDs under 2.25 are UUIDs in decimal (PS3.5 B.2); version 5 UUIDs make them a function of their name.
_NAMESPACE = uuid.UUID("6f9d3a52-6e0a-5c1e-9a77-1d8c5b0a4e21")


def uid(*name: object) -> UID:
    """The UID that belongs to that name, the same in every run."""
    return UID(f"2.25.{uuid.uuid5(_NAMESPACE, '/'.join(map(str, name))).int}")


# -- people and studies ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Patient:
    """A made-up person."""

    patient_id: str
    name: str
    born: str
    sex: str
    character_set: str | list[str] = "ISO_IR 100"


@dataclass(frozen=True)
class Study:
    """One visit of a person."""

    patient: Patient
    key: str
    date: str
    time: str
    accession: str
    description: str
    physician: str = "Weber^Clara"
    age: str = field(default="", kw_only=True)


ASE = Patient("DW-1001", "Nørgaard^Åse^^Fru", "19610417", "F")
TARO_2022 = Patient("DW-1002", "Yamada^Tarou=山田^太郎=やまだ^たろう", "19750903", "M", ["", "ISO 2022 IR 87"])
HANAKO_UTF8 = Patient("DW-1003", "Sato^Hanako=佐藤^花子=さとう^はなこ", "19890221", "F", "ISO_IR 192")
MARIA = Patient("DW-1004", "Иванова^Мария^Сергеевна", "19480730", "F", "ISO_IR 144")
ELENI = Patient("DW-1005", "Παπαδοπούλου^Ελένη", "19930112", "F", "ISO_IR 126")
OMAR = Patient("DW-1006", "الفارسي^عمر", "19820605", "M", "ISO_IR 127")
RIVKA = Patient("DW-1007", "כהן^רבקה", "19700228", "F", "ISO_IR 138")
WANG = Patient("DW-1008", "Wang^XiaoDong=王^小东", "20010909", "M", "GB18030")
GILDONG = Patient("DW-1009", "Hong^Gildong=洪^吉洞=홍^길동", "19551111", "M", ["", "ISO 2022 IR 149"])
SOMCHAI = Patient("DW-1010", "ใจดี^สมชาย", "19660315", "M", "ISO_IR 166")

ASE_PRIOR = Study(ASE, "prior", "20230116", "081500", "A230042", "MR head, headache", age="061Y")
ASE_CHEST = Study(ASE, "chest", "20240312", "103045.5", "A240117", "CT chest, follow-up", age="062Y")
TARO_HEAD = Study(TARO_2022, "head", "20240312", "141210", "A240123", "MR head", "Mueller^Jörg", age="048Y")
HANAKO_HEART = Study(HANAKO_UTF8, "heart", "20240405", "093000", "A240188", "Echocardiography", age="035Y")
MARIA_CHEST = Study(MARIA, "chest", "20231130", "160200", "A230977", "Chest PA", age="075Y")
ELENI_CT = Study(ELENI, "ct", "20240405", "112233", "A240191", "CT chest, single slice", age="031Y")
OMAR_MR = Study(OMAR, "mr", "20240501", "180000", "A240230", "MR head, single slice", age="041Y")

NAMED = {
    "hebrew": Study(RIVKA, "sc", "20240502", "090000", "A240240", "Secondary capture", age="054Y"),
    "chinese": Study(WANG, "sc", "20240502", "091500", "A240241", "Secondary capture", age="022Y"),
    "korean": Study(GILDONG, "sc", "20240503", "093000", "A240250", "Secondary capture", age="068Y"),
    "thai": Study(SOMCHAI, "sc", "20240503", "094500", "A240251", "Secondary capture", age="058Y"),
}


# -- data sets -------------------------------------------------------------------------------------


def _code(value: str, scheme: str, meaning: str) -> Sequence:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return Sequence([item])


def _object(study: Study, modality: str, sop_class: UID, series: int, number: int, description: str) -> FileDataset:
    """An object with everything above the picture: patient, study, series, equipment."""
    patient = study.patient
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = uid(patient.patient_id, study.key, series, number)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = uid("implementation")
    meta.ImplementationVersionName = "DW_SAMPLES_1"
    ds = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    ds.SpecificCharacterSet = patient.character_set
    ds.InstanceCreationDate, ds.InstanceCreationTime = study.date, study.time
    ds.SOPClassUID, ds.SOPInstanceUID = sop_class, meta.MediaStorageSOPInstanceUID
    ds.StudyDate = ds.SeriesDate = ds.ContentDate = study.date
    ds.StudyTime = ds.SeriesTime = ds.ContentTime = study.time
    ds.AccessionNumber = study.accession
    ds.Modality = modality
    ds.Manufacturer = "DICOM Workstation samples"
    ds.InstitutionName = "Institute for Phantoms"
    ds.ManufacturerModelName = "Phantom maker"
    ds.DeviceSerialNumber, ds.SoftwareVersions = "1", "1"
    # Names other than the patient's are Latin; every character set here can write ASCII.
    plain = patient.character_set in ("ISO_IR 100", "ISO_IR 192")
    ds.ReferringPhysicianName = study.physician if plain else study.physician.replace("ö", "oe")
    ds.StudyDescription, ds.SeriesDescription = study.description, description
    ds.PatientName, ds.PatientID = patient.name, patient.patient_id
    ds.PatientBirthDate, ds.PatientSex, ds.PatientAge = patient.born, patient.sex, study.age
    ds.PatientIdentityRemoved = "YES"
    ds.DeidentificationMethod = "Synthetic: no person"
    ds.StudyInstanceUID = uid(patient.patient_id, study.key)
    ds.SeriesInstanceUID = uid(patient.patient_id, study.key, series)
    ds.StudyID, ds.SeriesNumber, ds.InstanceNumber = study.accession[-4:], series, number
    return ds


def _slices(ds: FileDataset, z: float, spacing: float, thickness: float, position: str) -> None:
    ds.PatientPosition = position
    ds.FrameOfReferenceUID = uid(ds.PatientID, ds.StudyInstanceUID, "frame of reference")
    ds.PositionReferenceIndicator = ""
    ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    ds.PixelSpacing = [spacing, spacing]
    half = round(spacing * 127 / 2, 3)
    ds.ImagePositionPatient = [-half, -half, z]
    ds.SliceThickness, ds.SliceLocation = thickness, z


def _pixels(ds: FileDataset, picture: npt.NDArray[Any], stored: int, frames: int = 0) -> None:
    colour = picture.dtype == np.uint8 and picture.shape[-1] == 3
    rows_at = 1 if frames else 0
    ds.SamplesPerPixel = 3 if colour else 1
    ds.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        ds.PlanarConfiguration = 0
    if frames:
        ds.NumberOfFrames = frames
    ds.Rows, ds.Columns = picture.shape[rows_at], picture.shape[rows_at + 1]
    ds.BitsAllocated = picture.dtype.itemsize * 8
    ds.BitsStored, ds.HighBit = stored, stored - 1
    ds.PixelRepresentation = 1 if picture.dtype.kind == "i" else 0
    ds.PixelData = np.ascontiguousarray(picture).astype(picture.dtype.newbyteorder("<")).tobytes()
    ds["PixelData"].VR = "OW" if ds.BitsAllocated == 16 else "OB"


def ct(study: Study, number: int, count: int, series: int = 2) -> FileDataset:
    """One slice of a CT series."""
    z = 2 * (number - 1) / (count - 1) - 1 if count > 1 else 0.1
    ds = _object(study, "CT", CTImageStorage, series, number, "Chest 5 mm")
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.BodyPartExamined = "CHEST"
    ds.AcquisitionNumber, ds.KVP = 1, 120
    _slices(ds, round(-100 * z, 3), 2.8, 5, "HFS")
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = -1024, 1, "HU"
    ds.WindowCenter, ds.WindowWidth = [40, -600], [400, 1500]
    ds.WindowCenterWidthExplanation = ["Soft tissue", "Lung"]
    _pixels(ds, np.clip(np.rint(chest(z)) + 1024, 0, 4095).astype(np.uint16), 12)
    return ds


def mr(study: Study, number: int, count: int, series: int, t2: bool) -> FileDataset:
    """One slice of an MR series."""
    z = 1.6 * (number - 1) / (count - 1) - 0.8 if count > 1 else 0.2
    ds = _object(study, "MR", MRImageStorage, series, number, "T2 axial" if t2 else "T1 axial")
    ds.ImageType = ["ORIGINAL", "PRIMARY", "OTHER"]
    ds.BodyPartExamined = "HEAD"
    ds.ScanningSequence, ds.SequenceVariant, ds.ScanOptions = "SE", "NONE", ""
    ds.MRAcquisitionType = "2D"
    ds.RepetitionTime, ds.EchoTime = (4000, 95) if t2 else (500, 12)
    ds.EchoTrainLength, ds.MagneticFieldStrength = 1, 1.5
    _slices(ds, round(60 * z, 3), 1.8, 6, "HFS")
    ds.WindowCenter, ds.WindowWidth = 480, 960
    _pixels(ds, np.rint(head(z, t2)).astype(np.uint16), 12)
    return ds


def ultrasound(study: Study, frames: int = 12) -> FileDataset:
    """A multi-frame echocardiogram in colour."""
    ds = _object(study, "US", UltrasoundMultiFrameImageStorage, 1, 1, "Four chambers")
    ds.ImageType = ["ORIGINAL", "PRIMARY", "", "0001"]
    ds.Laterality = ""
    ds.FrameTime = 60
    ds.FrameIncrementPointer = 0x00181063
    ds.CineRate, ds.RecommendedDisplayFrameRate = 17, 17
    ds.PatientOrientation = ""
    ds.LossyImageCompression = "00"
    region = Dataset()
    region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = 1, 1, 0
    region.RegionLocationMinX0, region.RegionLocationMinY0 = 0, 0
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = 127, 119
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
    region.PhysicalDeltaX = region.PhysicalDeltaY = 0.125
    ds.SequenceOfUltrasoundRegions = Sequence([region])
    ds.HeartRate = 83
    picture: npt.NDArray[Any] = np.stack([beating_heart(frame, frames) for frame in range(frames)])
    _pixels(ds, picture, 8, frames)
    return ds


def radiograph(study: Study) -> FileDataset:
    """A computed radiograph of the chest."""
    ds = _object(study, "CR", ComputedRadiographyImageStorage, 1, 1, "Chest PA")
    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    ds.BodyPartExamined, ds.ViewPosition = "CHEST", "PA"
    ds.PatientOrientation = ["L", "F"]
    ds.ImagerPixelSpacing = [2.5, 2.5]
    ds.WindowCenter, ds.WindowWidth = 1900, 3200
    _pixels(ds, np.rint(chest_projection()).astype(np.uint16), 12)
    return ds


def capture(study: Study, seed: int) -> FileDataset:
    """A secondary capture, small: its point is the name."""
    ds = _object(study, "OT", SecondaryCaptureImageStorage, 1, 1, "Test card")
    ds.ConversionType, ds.Laterality = "SYN", ""
    ds.PatientOrientation = ""
    _pixels(ds, grey_wedge(seed), 8)
    return ds


def report(study: Study, evidence: list[FileDataset]) -> FileDataset:
    """A Basic Text SR about the images in `evidence`."""
    ds = _object(study, "SR", BasicTextSRStorage, 9, 1, "Report")
    ds.ReferencedPerformedProcedureStepSequence = Sequence()
    ds.PerformedProcedureCodeSequence = Sequence()
    ds.CompletionFlag, ds.VerificationFlag = "COMPLETE", "UNVERIFIED"
    images = []
    for image in evidence:
        reference = Dataset()
        reference.ReferencedSOPClassUID = image.SOPClassUID
        reference.ReferencedSOPInstanceUID = image.SOPInstanceUID
        images.append(reference)
    series = Dataset()
    series.ReferencedSOPSequence = Sequence(images)
    series.SeriesInstanceUID = evidence[0].SeriesInstanceUID
    referenced = Dataset()
    referenced.ReferencedSeriesSequence = Sequence([series])
    referenced.StudyInstanceUID = ds.StudyInstanceUID
    ds.CurrentRequestedProcedureEvidenceSequence = Sequence([referenced])
    ds.ValueType = "CONTAINER"
    ds.ConceptNameCodeSequence = _code("18782-3", "LN", "Radiology Study observation (narrative)")
    ds.ContinuityOfContent = "SEPARATE"
    content = []
    for code, meaning, sentence in (
        ("18834-2", "Radiology Comparison study (narrative)", "None."),
        ("59776-5", "Procedure findings", "Round nodule of 9 mm in the right lung. No effusion."),
        ("19005-8", "Radiology Imaging study [Impression] (narrative)", "A phantom in good health."),
    ):
        item = Dataset()
        item.RelationshipType, item.ValueType = "CONTAINS", "TEXT"
        item.ConceptNameCodeSequence = _code(code, "LN", meaning)
        item.TextValue = sentence
        content.append(item)
    shown = Dataset()
    shown.RelationshipType, shown.ValueType = "CONTAINS", "IMAGE"
    shown.ConceptNameCodeSequence = _code("121112", "DCM", "Source of Measurement")
    shown.ReferencedSOPSequence = Sequence(images[4:5])
    ds.ContentSequence = Sequence([*content, shown])
    return ds


def samples() -> Iterator[tuple[str, FileDataset]]:
    """Each sample's file name and data set."""
    slices = [ct(ASE_CHEST, number, 10) for number in range(1, 11)]
    yield from ((f"ct-chest/{number:02}.dcm", ds) for number, ds in enumerate(slices, start=1))
    yield "sr-report.dcm", report(ASE_CHEST, slices)
    for number in range(1, 4):
        ds = mr(ASE_PRIOR, number, 3, 1, t2=False)
        _transfer(ds, ImplicitVRLittleEndian)
        yield f"mr-head-prior/{number:02}.dcm", ds
    for number in range(1, 7):
        yield f"mr-head/t1-{number:02}.dcm", mr(TARO_HEAD, number, 6, 1, t2=False)
    for number in range(1, 7):
        yield f"mr-head/t2-{number:02}.dcm", mr(TARO_HEAD, number, 6, 2, t2=True)
    yield "us-heart.dcm", ultrasound(HANAKO_HEART)
    compressed: tuple[tuple[str, Callable[[], FileDataset], UID, str], ...] = (
        ("rle-chest.dcm", lambda: radiograph(MARIA_CHEST), RLELossless, "pydicom"),
        ("jpegls-chest.dcm", lambda: ct(ELENI_CT, 1, 1), JPEGLSLossless, "pyjpegls"),
        ("jpeg2000-head.dcm", lambda: mr(OMAR_MR, 1, 1, 1, t2=True), JPEG2000Lossless, "pylibjpeg"),
    )
    for name, make_one, syntax, plugin in compressed:
        ds = make_one()
        # The encoder is named, so that the bytes do not depend on which others are installed.
        ds.compress(syntax, encoding_plugin=plugin, generate_instance_uid=False)
        yield name, ds
    for seed, (language, study) in enumerate(NAMED.items()):
        yield f"names/{language}.dcm", capture(study, seed)


def _transfer(ds: FileDataset, syntax: UID) -> None:
    """Have an uncompressed little-endian object written in another such syntax."""
    ds.file_meta.TransferSyntaxUID = syntax
    ds["PixelData"].VR = "OW"


def make(folder: Path) -> list[Path]:
    """Write every sample below `folder` and return their paths."""
    written = []
    for name, ds in samples():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        dcmwrite(path, ds, enforce_file_format=True)
        written.append(path)
    return written


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent / "samples"
    made = make(target)
    print(f"{len(made)} objects, {sum(path.stat().st_size for path in made):,} bytes in {target}")
