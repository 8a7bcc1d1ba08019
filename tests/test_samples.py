import importlib
import sys
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.charset import decode_bytes
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless

from workstation.paths import resource

SAMPLES = sorted(resource("samples").rglob("*.dcm"))
NAMES = [str(path.relative_to(resource("samples"))) for path in SAMPLES]

# Their compressed bytes are the encoder's business and may change with its version; their content may not.
BY_CONTENT = {"jpegls-chest.dcm", "jpeg2000-head.dcm"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("samples")
    sys.path.insert(0, str(resource("make_samples.py").parent))
    try:
        importlib.import_module("make_samples").make(folder)
    finally:
        sys.path.pop(0)
    return folder


def test_the_script_makes_these_files_and_no_others(made: Path) -> None:
    assert sorted(str(path.relative_to(made)) for path in made.rglob("*.dcm")) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_script_makes_the_same_bytes(made: Path, name: str) -> None:
    new, old = made / name, resource("samples") / name
    if name not in BY_CONTENT:
        assert new.read_bytes() == old.read_bytes()
        return
    first, second = dcmread(new), dcmread(old)
    assert (first.pixel_array == second.pixel_array).all()
    del first.PixelData, second.PixelData
    assert first == second


@pytest.mark.parametrize("path", SAMPLES, ids=NAMES)
def test_each_reads_and_its_picture_decodes(path: Path) -> None:
    ds = dcmread(path)
    assert ds.file_meta.MediaStorageSOPClassUID == ds.SOPClassUID
    assert ds.file_meta.MediaStorageSOPInstanceUID == ds.SOPInstanceUID
    for keyword in ("PatientID", "PatientName", "StudyInstanceUID", "SeriesInstanceUID", "AccessionNumber"):
        assert ds[keyword].value, keyword
    if ds.Modality == "SR":
        assert "PixelData" not in ds
        return
    frames = int(ds.get("NumberOfFrames", 1))
    shape = ((frames,) if frames > 1 else ()) + (ds.Rows, ds.Columns) + ((3,) if ds.SamplesPerPixel == 3 else ())
    picture = ds.pixel_array
    assert picture.shape == shape
    assert picture.min() != picture.max()
    assert picture.max() < 2**ds.BitsStored


def test_identifiers_are_consistent() -> None:
    objects = [dcmread(path, stop_before_pixels=True) for path in SAMPLES]
    assert len({ds.SOPInstanceUID for ds in objects}) == len(objects)
    for child, parents in (
        ("SeriesInstanceUID", ("StudyInstanceUID", "Modality", "SeriesNumber")),
        ("StudyInstanceUID", ("PatientID", "AccessionNumber", "StudyDate", "StudyTime", "StudyDescription")),
        ("PatientID", ("PatientName", "PatientBirthDate", "PatientSex", "SpecificCharacterSet")),
    ):
        seen: dict[str, tuple[str, ...]] = {}
        for ds in objects:
            values = tuple(str(ds[keyword].value) for keyword in parents)
            assert seen.setdefault(str(ds[child].value), values) == values
    assert len({ds.PatientID for ds in objects}) == 10
    assert len({ds.StudyInstanceUID for ds in objects}) == 11


def test_the_kinds_that_a_tester_needs() -> None:
    objects = {name: dcmread(path, stop_before_pixels=True) for name, path in zip(NAMES, SAMPLES, strict=True)}
    syntaxes = {ds.file_meta.TransferSyntaxUID for ds in objects.values()}
    assert {RLELossless, JPEGLSLossless, JPEG2000Lossless} <= syntaxes
    assert {ds.Modality for ds in objects.values()} >= {"CT", "MR", "US", "SR", "CR", "OT"}
    assert objects["us-heart.dcm"].NumberOfFrames == 12
    assert sum(name.startswith("ct-chest/") for name in NAMES) == 10
    positions = [ds.ImagePositionPatient[2] for name, ds in objects.items() if name.startswith("ct-chest/")]
    assert positions == sorted(positions, reverse=True)
    assert sum(path.stat().st_size for path in SAMPLES) < 3_000_000


@pytest.mark.parametrize(
    ("name", "encodings", "text"),
    [
        ("mr-head/t1-01.dcm", ["iso8859", "iso2022_jp"], "山田^太郎"),
        ("us-heart.dcm", ["utf8"], "佐藤^花子"),
        ("rle-chest.dcm", ["iso_ir_144"], "Иванова^Мария^Сергеевна"),
        ("names/korean.dcm", ["iso8859", "euc_kr"], "홍^길동"),
    ],
)
def test_names_are_encoded_as_their_character_set_says(name: str, encodings: list[str], text: str) -> None:
    raw = dcmread(resource("samples") / name).get_item("PatientName")
    assert raw is not None
    assert text in decode_bytes(raw.value, encodings, {0x5E, 0x3D}).rstrip()
    assert text in str(dcmread(resource("samples") / name).PatientName)
