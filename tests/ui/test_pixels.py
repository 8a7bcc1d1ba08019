"""From objects to pictures: decoding, windows, tables, overlays, and the sentences when there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    RLELossless,
    SecondaryCaptureImageStorage,
    generate_uid,
)
from traffic_wire import CT, Wire

from workstation.net.codec.dimse import C_STORE_RQ
from workstation.net.part10 import read_head
from workstation.traffic.decoding.objects import DicomObject, FileObject, MessageObject
from workstation.traffic.log import TrafficLog
from workstation.ui.viewers.data_set import pixels as pixels_module
from workstation.ui.viewers.data_set.pixels import Level, Picture, PictureError, Window

Array = np.ndarray[Any, Any]


def image(pixels: Array, **values: object) -> Dataset:
    """An uncompressed image of these pixels."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID = SecondaryCaptureImageStorage
    data.SOPInstanceUID = generate_uid()
    is_colour = pixels.ndim == 3 and pixels.shape[-1] == 3
    data.SamplesPerPixel = 3 if is_colour else 1
    data.PhotometricInterpretation = "RGB" if is_colour else "MONOCHROME2"
    data.Rows, data.Columns = pixels.shape[:2] if is_colour or pixels.ndim == 2 else pixels.shape[1:]
    if is_colour:
        data.PlanarConfiguration = 0
    if pixels.ndim == 3 and not is_colour:
        data.NumberOfFrames = pixels.shape[0]
    data.BitsAllocated = data.BitsStored = 8 * pixels.dtype.itemsize
    data.HighBit = data.BitsStored - 1
    data.PixelRepresentation = int(pixels.dtype.kind == "i")
    for keyword, value in values.items():
        setattr(data, keyword, value)
    data.PixelData = pixels.tobytes() + b"\0" * (pixels.nbytes % 2)
    data["PixelData"].VR = "OW"
    return data


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[Dataset | str | Path], Picture]]:
    """Makes a picture of a data set, or of a file; all are closed in the end."""
    made: list[tuple[Picture | None, DicomObject]] = []

    def make(subject: Dataset | str | Path) -> Picture:
        if isinstance(subject, Dataset):
            path = tmp_path / f"{len(made)}.dcm"
            subject.save_as(path, enforce_file_format=True)
        else:
            path = Path(subject)
        found = FileObject(path)
        made.append((None, found))
        picture = Picture(found)
        made[-1] = (picture, found)
        return picture

    yield make
    for picture, found in made:
        if picture is not None:
            picture.close()
        found.close()


def test_file(name: str) -> str:
    path = get_testdata_file(name, download=False)
    assert isinstance(path, str)
    return path


test_file.__test__ = False  # type: ignore[attr-defined]


def grey(level: Level) -> list[list[int]]:
    assert level.colours == 1
    return np.frombuffer(level.data, np.uint8).reshape(level.height, level.width).tolist()  # type: ignore[no-any-return]


def shown(picture: Picture, window: Window | None = None, index: int = 0, *, inverted: bool = False) -> Any:
    frame = picture.frame(index)
    level = picture.render(frame, window or frame.windows[0], inverted=inverted)[0]
    if level.colours == 3:
        return np.frombuffer(level.data, np.uint8).reshape(level.height, level.width, 3).tolist()
    return grey(level)


# --- grey -------------------------------------------------------------------------------------------------------------


def test_a_window_maps_as_the_standard_says(opened: Callable[[Dataset], Picture]) -> None:
    # PS3.3 C.11.2.1.2.1: c 2048, w 4096 over 12 bits is the identity.
    values = np.array([[0, 1, 2047, 2048, 4094, 4095]], np.uint16)
    picture = opened(image(values, WindowCenter=2048, WindowWidth=4096, BitsStored=12, HighBit=11))
    assert shown(picture) == [[0, 0, 127, 128, 255, 255]]
    assert shown(picture, inverted=True) == [[255, 255, 128, 127, 0, 0]]
    (own, whole) = picture.frame(0).windows
    assert (own.name, own.centre, own.width, own.function) == ("Window", 2048, 4096, "LINEAR")
    assert (whole.name, whole.centre, whole.width) == ("Whole range", 2047.5, 4095)


def test_a_window_of_one_is_a_threshold(opened: Callable[[Dataset], Picture]) -> None:
    picture = opened(image(np.array([[98, 99, 100, 101]], np.uint8), WindowCenter=100, WindowWidth=1))
    assert shown(picture) == [[0, 0, 255, 255]]


@pytest.mark.parametrize(
    ("function", "expected"), [("LINEAR_EXACT", [0, 64, 128, 191, 255]), ("SIGMOID", [30, 69, 128, 186, 225])]
)
def test_other_window_functions(opened: Callable[[Dataset], Picture], function: str, expected: list[int]) -> None:
    values = np.array([[0, 25, 50, 75, 100]], np.uint8)
    picture = opened(image(values, WindowCenter=50, WindowWidth=100, VOILUTFunction=function))
    assert shown(picture) == [expected]


def test_without_a_window_the_whole_range_is_shown(opened: Callable[[Dataset], Picture]) -> None:
    picture = opened(image(np.array([[-100, 0, 100]], np.int16)))
    assert shown(picture) == [[0, 128, 255]]
    assert shown(opened(image(np.full((1, 2), 7, np.uint8)))) == [[128, 128]]


def test_padding_does_not_darken_the_picture(opened: Callable[[Dataset], Picture]) -> None:
    picture = opened(image(np.array([[-2000, 0, 50, 100]], np.int16), PixelPaddingValue=-2000))
    assert shown(picture) == [[0, 0, 128, 255]]


def test_monochrome1_has_white_for_the_smallest(opened: Callable[[Dataset], Picture]) -> None:
    picture = opened(image(np.array([[0, 255]], np.uint8), PhotometricInterpretation="MONOCHROME1"))
    assert shown(picture) == [[255, 0]]
    assert shown(picture, inverted=True) == [[0, 255]]


def test_rescaled_values_are_windowed_and_told(opened: Callable[[Dataset], Picture]) -> None:
    values = np.array([[0, 1024, 2048]], np.uint16)
    data = image(values, RescaleSlope=1, RescaleIntercept=-1024, WindowCenter=0.5, WindowWidth=2049, Modality="CT")
    picture = opened(data)
    assert shown(picture) == [[0, 128, 255]]
    assert picture.value_at(picture.frame(0), 0, 0) == "-1024 HU"


def test_a_modality_table_is_looked_up(opened: Callable[[Dataset], Picture]) -> None:
    item = Dataset()
    item.LUTDescriptor = [3, 10, 16]
    item.add_new(0x00283006, "US", [100, 0, 50])
    item.ModalityLUTType = "US"
    picture = opened(image(np.array([[0, 10, 11, 12, 200]], np.uint8), ModalityLUTSequence=[item]))
    frame = picture.frame(0)
    assert [picture.value_at(frame, column, 0) for column in range(5)] == ["100", "100", "0", "50", "50"]


def test_voi_tables_are_offered_behind_the_windows(opened: Callable[[Dataset], Picture]) -> None:
    item = Dataset()
    item.LUTDescriptor = [4, 0, 8]
    item.add_new(0x00283006, "US", [255, 128, 64, 0])
    item.LUTExplanation = "Bones"
    picture = opened(image(np.array([[0, 1, 2, 3]], np.uint8), VOILUTSequence=[item]))
    assert [window.name for window in picture.frame(0).windows] == ["Bones", "Whole range"]
    assert shown(picture) == [[255, 128, 64, 0]]
    assert shown(picture, picture.frame(0).windows[1]) == [[0, 85, 170, 255]]


def test_several_windows_keep_their_names(samples: Path, opened: Callable[[Path], Picture]) -> None:
    picture = opened(samples / "ct-chest" / "01.dcm")
    assert [window.name for window in picture.frame(0).windows] == ["Soft tissue", "Lung", "Whole range"]


def test_frames_have_their_own_windows_and_slopes(opened: Callable[[Dataset], Picture]) -> None:
    def group(centre: float, slope: float) -> Dataset:
        item, voi, transformation = Dataset(), Dataset(), Dataset()
        voi.WindowCenter, voi.WindowWidth = centre, 10
        transformation.RescaleSlope, transformation.RescaleIntercept = slope, 0
        item.FrameVOILUTSequence, item.PixelValueTransformationSequence = [voi], [transformation]
        return item

    data = image(
        np.array([[[1, 2]], [[1, 2]]], np.uint8), PerFrameFunctionalGroupsSequence=[group(5, 1), group(15, 10)]
    )
    picture = opened(data)
    assert picture.facts.frames == 2
    assert [picture.frame(index).windows[0].centre for index in (0, 1)] == [5, 15]
    assert [picture.value_at(picture.frame(index), 1, 0) for index in (0, 1)] == ["2", "20"]


def test_bits_floats_and_long_numbers(opened: Callable[[Dataset | str], Picture]) -> None:
    bits = opened(test_file("liver_1frame.dcm"))
    assert bits.frame(0).pixels.max() == 1
    assert {value for row in shown(bits) for value in row} == {0, 255}
    doses = opened(test_file("rtdose.dcm"))
    assert doses.facts.frames == 15
    expected = dcmread(test_file("rtdose.dcm")).pixel_array[14]
    assert (doses.frame(14).pixels == expected).all()
    data = image(np.zeros((1, 3), np.uint8))
    del data.PixelData, data.BitsStored, data.HighBit, data.PixelRepresentation
    data.BitsAllocated = 32
    data.FloatPixelData = np.array([0.0, np.nan, 2.0], np.float32).tobytes()
    assert shown(opened(data)) == [[0, 0, 255]]


@pytest.mark.parametrize("order", ["little", "big"])
def test_byte_order(opened: Callable[[str], Picture], order: str) -> None:
    name = "MR_small.dcm" if order == "little" else "MR_small_bigendian.dcm"
    assert (opened(test_file(name)).frame(0).pixels == dcmread(test_file("MR_small.dcm")).pixel_array).all()


# --- colour -----------------------------------------------------------------------------------------------------------


def test_colours_are_shown_as_stored_and_can_be_windowed(opened: Callable[[Dataset], Picture]) -> None:
    pixels = np.array([[[255, 0, 0], [0, 128, 0], [10, 20, 30]]], np.uint8)
    picture = opened(image(pixels))
    assert picture.facts.is_colour
    assert shown(picture) == pixels.tolist()
    assert shown(picture, inverted=True) == (255 - pixels).tolist()
    assert shown(picture, Window("By hand", 64, 128)) == [[[255, 0, 0], [0, 255, 0], [20, 40, 60]]]
    assert picture.value_at(picture.frame(0), 2, 0) == "10 20 30"


def test_sixteen_bits_of_colour(opened: Callable[[Dataset], Picture]) -> None:
    picture = opened(image(np.array([[[65535, 0, 32768]]], np.uint16)))
    assert shown(picture) == [[[255, 0, 128]]]


@pytest.mark.parametrize("bits", [8, 16])
def test_palettes_of_bytes_and_words(opened: Callable[[Dataset], Picture], bits: int) -> None:
    data = image(np.array([[0, 1, 2, 9]], np.uint8), PhotometricInterpretation="PALETTE COLOR")
    for place, colour in enumerate(("Red", "Green", "Blue")):
        setattr(data, f"{colour}PaletteColorLookupTableDescriptor", [3, 0, bits])
        entries = [255 if place == entry else 0 for entry in range(3)]
        table = bytes(entries) + b"\0" if bits == 8 else np.array([entry * 257 for entry in entries], "<u2").tobytes()
        setattr(data, f"{colour}PaletteColorLookupTableData", table)
    picture = opened(data)
    assert shown(picture) == [[[255, 0, 0], [0, 255, 0], [0, 0, 255], [0, 0, 255]]]


STRIPES = [(255, 0, 0), (255, 128, 128), (0, 255, 0), (128, 255, 128), (0, 0, 255), (128, 128, 255)]


@pytest.mark.parametrize(
    "name",
    [
        "SC_rgb_rle.dcm",
        "SC_rgb_rle_16bit.dcm",
        "SC_rgb_rle_32bit.dcm",
        "SC_rgb_jpeg_gdcm.dcm",
        "SC_rgb_jpeg_lossy_gdcm.dcm",
        "SC_rgb_jpeg_dcmtk.dcm",
        "SC_rgb_dcmtk_+eb+cr.dcm",
        "SC_rgb_dcmtk_+eb+cy+np.dcm",
        "SC_rgb_dcmtk_+eb+cy+s2.dcm",
        "SC_rgb_gdcm_KY.dcm",
        "SC_rgb_jls_lossy_line.dcm",
        "SC_rgb_jls_lossy_sample.dcm",
        "SC_ybr_full_422_uncompressed.dcm",
    ],
)
def test_the_same_stripes_in_every_encoding(opened: Callable[[str], Picture], name: str) -> None:
    rows = np.array(shown(opened(test_file(name))))
    for stripe, colour in enumerate(STRIPES):
        assert np.abs(rows[10 * stripe + 5, 50] - np.array(colour)).max() <= 5, (stripe, rows[10 * stripe + 5, 50])


@pytest.mark.parametrize(
    "name",
    ["MR_small_RLE.dcm", "MR_small_jp2klossless.dcm", "MR_small_jpeg_ls_lossless.dcm", "MR_small_implicit.dcm"],
)
def test_lossless_encodings_are_lossless(opened: Callable[[str], Picture], name: str) -> None:
    assert (opened(test_file(name)).frame(0).pixels == dcmread(test_file("MR_small.dcm")).pixel_array).all()


def test_jpeg_of_twelve_bits(opened: Callable[[str], Picture]) -> None:
    frame = opened(test_file("JPEG-lossy.dcm")).frame(0)
    assert frame.pixels.shape == (1024, 256)
    assert (frame.low, frame.high) == (0, 264)


def test_frames_of_a_compressed_object_one_by_one(opened: Callable[[str], Picture]) -> None:
    picture = opened(test_file("examples_ybr_color.dcm"))
    assert (picture.facts.frames, picture.facts.rows, picture.facts.columns) == (30, 240, 320)
    first, last = picture.frame(0), picture.frame(29)
    assert first.pixels.shape == (240, 320, 3)
    assert (first.pixels != last.pixels).any()
    assert picture.frame(0) is first


def test_old_frames_are_let_go(opened: Callable[[str], Picture], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixels_module, "_KEPT_FRAMES", 3 * 240 * 320 * 3)
    picture = opened(test_file("examples_ybr_color.dcm"))
    frames = [picture.frame(index) for index in range(5)]
    assert picture.frame(4) is frames[4]
    assert picture.frame(0) is not frames[0]


# --- around the picture -----------------------------------------------------------------------------------------------


def test_facts(opened: Callable[[Dataset], Picture]) -> None:
    data = image(np.zeros((3, 4, 5), np.uint16), BitsStored=12, HighBit=11, PixelSpacing=[2, 1], FrameTime=40)
    facts = opened(data).facts
    assert facts.summary == "5 × 4 · 3 frames · 12 of 16 bits · MONOCHROME2"
    assert facts.aspect == 2
    assert facts.frames_per_second == 25
    assert opened(image(np.zeros((4, 5), np.uint8), PixelAspectRatio=[1, 0])).facts.aspect == 1


def test_overlays_lie_where_they_say(opened: Callable[[Dataset | str], Picture]) -> None:
    data = image(np.zeros((4, 8), np.uint8))
    data.add_new(0x60000010, "US", 2)
    data.add_new(0x60000011, "US", 8)
    data.add_new(0x60000040, "CS", "G")
    data.add_new(0x60000050, "SS", [2, 1])
    data.add_new(0x60000100, "US", 1)
    data.add_new(0x60000102, "US", 0)
    data.add_new(0x60003000, "OW", bytes([0b00000001, 0b10000000]))
    picture = opened(data)
    assert picture.facts.overlays == 1
    level = picture.overlays(0)
    assert level is not None
    assert [(row, column) for row in range(4) for column in range(8) if grey(level)[row][column]] == [(1, 0), (2, 7)]
    assert opened(test_file("CT_small.dcm")).overlays(0) is None
    real = opened(test_file("examples_overlay.dcm")).overlays(0)
    assert real is not None
    assert (real.width, real.height) == (484, 300)


def test_levels_halve_down_to_a_thumbnail(opened: Callable[[Dataset], Picture]) -> None:
    pixels = np.zeros((1000, 700), np.uint8)
    pixels[:, ::2] = 200
    picture = opened(image(pixels))
    frame = picture.frame(0)
    levels = picture.render(frame, frame.windows[0])
    assert [(level.width, level.height) for level in levels] == [(700, 1000), (350, 500), (175, 250)]
    assert set(levels[1].data) == {128}


def test_a_message_is_shown_as_well_as_a_file(samples: Path) -> None:
    path = samples / "jpeg2000-head.dcm"
    data = path.read_bytes()[read_head(path).offset :]
    wire, log = Wire(), TrafficLog()
    message = C_STORE_RQ(
        context_id=3, MessageID=1, AffectedSOPClassUID=CT, AffectedSOPInstanceUID="1.2", Priority=0, has_data_set=True
    )
    log.add([*wire.established(), *wire.message(message, data, sent=True, fragment=777)])
    (conversation,) = log.conversations
    row = next(row for row in conversation.rows if row.is_dimse)
    row.transfer_syntax = read_head(path).transfer_syntax_uid
    picture = Picture(MessageObject(conversation, row))
    assert (picture.frame(0).pixels == dcmread(path).pixel_array).all()
    picture.close()


# --- why there is none ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("test-SR.dcm", r"No pixel data: this is no image \(Comprehensive SR Storage\)\."),
        ("badVR.dcm", r"NumberOfFrames is '1A', not a number\."),
        ("nested_priv_SQ.dcm", r"Rows or Columns is missing"),
    ],
)
def test_why_there_is_no_picture(opened: Callable[[str], Picture], name: str, sentence: str) -> None:
    with pytest.raises(PictureError, match=sentence):
        opened(test_file(name))


def test_a_damaged_frame_is_said(opened: Callable[[str], Picture]) -> None:
    picture = opened(test_file("JPEG2000-embedded-sequence-delimiter.dcm"))
    with pytest.raises(PictureError, match="JPEG 2000 Image Compression: it cannot be decoded"):
        picture.frame(0)


def test_missing_pixels_are_shown_as_zeros_and_said(opened: Callable[[str], Picture]) -> None:
    frame = opened(test_file("MR_truncated.dcm")).frame(0)
    assert frame.remark == "62 bytes of 8,192 are missing and shown as zeros."
    whole = dcmread(test_file("MR_small.dcm")).pixel_array
    assert (frame.pixels[:-1] == whole[:-1]).all()
    assert (frame.pixels[-1, -31:] == 0).all()


def test_sizes_that_nobody_can_mean_take_no_memory(opened: Callable[[Dataset], Picture]) -> None:
    data = image(np.zeros((2, 2), np.uint16), Rows=65535, Columns=65535)
    with pytest.raises(PictureError, match="larger than what is shown here"):
        opened(data)


def test_more_frames_than_there_are(opened: Callable[[Dataset], Picture]) -> None:
    picture = opened(image(np.zeros((2, 2), np.uint8), NumberOfFrames=1000))
    assert picture.frame(0).pixels.shape == (2, 2)
    with pytest.raises(PictureError, match="None of its pixels are here"):
        picture.frame(999)


def test_unknown_and_private_syntaxes(tmp_path: Path, opened: Callable[[Path], Picture]) -> None:
    data = image(np.zeros((2, 2), np.uint8))
    data.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    whole = (tmp_path / "a.dcm").read_bytes()
    for syntax, sentence in (
        ("1.2.840.10008.1.2.4.102", "There is no decoder for MPEG-4 .* It is a video"),
        ("1.2.3.4.5.6.7.8.9", "not a transfer syntax of the standard"),
    ):
        old, new = ExplicitVRLittleEndian.encode(), syntax.encode()
        padded = new.ljust((len(new) + 1) // 2 * 2, b"\0")
        place = whole.index(b"\x02\0\x10\0UI")
        changed = whole[: place + 6] + len(padded).to_bytes(2, "little") + padded
        changed += whole[place + 8 + (len(old) + 1) // 2 * 2 :]
        (tmp_path / "b.dcm").write_bytes(changed)
        with pytest.raises(PictureError, match=sentence):
            opened(tmp_path / "b.dcm").frame(0)


def test_hostile_tables_are_refused_in_words(opened: Callable[[Dataset], Picture]) -> None:
    data = image(np.zeros((2, 2), np.uint8), PhotometricInterpretation="PALETTE COLOR")
    with pytest.raises(PictureError, match="Its colour palette cannot be read"):
        opened(data).frame(0)
    item = Dataset()
    item.LUTDescriptor = [0, 0, 16]
    picture = opened(image(np.zeros((2, 2), np.uint8), VOILUTSequence=[item]))
    frame = picture.frame(0)
    with pytest.raises(PictureError, match="Table 1 cannot be used"):
        picture.render(frame, frame.windows[0])


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless])
def test_any_damage_becomes_a_sentence_or_a_picture(tmp_path: Path, syntax: str) -> None:
    name = {ExplicitVRBigEndian: "MR_small_bigendian.dcm", RLELossless: "MR_small_RLE.dcm"}.get(syntax, "MR_small.dcm")
    whole = Path(test_file(name)).read_bytes()
    random = np.random.default_rng(4711)
    pictures: list[Picture] = []
    for attempt in range(25):
        damaged = bytearray(whole)
        for _ in range(12):
            damaged[int(random.integers(400, len(damaged)))] = int(random.integers(0, 256))
        path = tmp_path / f"{attempt}.dcm"
        path.write_bytes(damaged[: int(random.integers(600, len(damaged)))] if attempt % 3 == 0 else damaged)
        found = FileObject(path)
        # Anything else that is raised fails the test.
        with suppress(PictureError):
            picture = Picture(found)
            pictures.append(picture)
            frame = picture.frame(0)
            picture.render(frame, frame.windows[0])
        found.close()
    assert pictures
    for picture in pictures:
        picture.close()
