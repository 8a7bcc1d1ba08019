"""The process that decodes: it answers, and what ends it does not end us."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.encaps import generate_frames

from workstation.ui.viewers.data_set import decoder_program
from workstation.ui.viewers.data_set.decoding import DecoderProcess, DecodingError

JPEG_LS = "1.2.840.10008.1.2.4.80"
LOSSLESS = "1.2.840.10008.1.2.4.70"


@pytest.fixture(scope="module")
def decoder() -> Iterator[DecoderProcess]:
    made = DecoderProcess()
    yield made
    made.close()


def compressed(name: str) -> tuple[str, dict[str, Any], bytes]:
    """Transfer syntax, options and first frame of one of pydicom's files."""
    path = get_testdata_file(name, download=False)
    assert isinstance(path, str)
    data = dcmread(path)
    options = {
        "rows": data.Rows,
        "columns": data.Columns,
        "samples_per_pixel": data.SamplesPerPixel,
        "bits_allocated": data.BitsAllocated,
        "bits_stored": data.BitsStored,
        "pixel_representation": data.PixelRepresentation,
        "photometric_interpretation": data.PhotometricInterpretation,
        "pixel_keyword": "PixelData",
        "number_of_frames": 1,
    }
    if data.SamplesPerPixel > 1:
        options["planar_configuration"] = data.PlanarConfiguration
    return str(data.file_meta.TransferSyntaxUID), options, next(generate_frames(data.PixelData, number_of_frames=1))


def test_a_frame_comes_back_as_it_is(decoder: DecoderProcess) -> None:
    syntax, options, frame = compressed("MR_small_jpeg_ls_lossless.dcm")
    pixels, photometric = decoder.decode(syntax, options, frame)
    path = get_testdata_file("MR_small.dcm", download=False)
    assert isinstance(path, str)
    assert (pixels == dcmread(path).pixel_array).all()
    assert photometric == "MONOCHROME2"


def test_what_cannot_be_decoded_is_said_and_the_next_one_is(decoder: DecoderProcess) -> None:
    syntax, options, frame = compressed("MR_small_jpeg_ls_lossless.dcm")
    with pytest.raises(DecodingError, match="pyjpegls"):
        decoder.decode(syntax, options, b"\xff\xd8" + bytes(100))
    assert decoder.decode(syntax, options, frame)[0].shape == (64, 64)


def test_a_decoder_that_dies_does_not_take_us_along(
    decoder: DecoderProcess, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # What GDCM does over damaged streams; which ones depends on its version.
    (tmp_path / "dying.py").write_text("import os, sys\nsys.stdin.buffer.readline()\nos.abort()\n")
    syntax, options, frame = compressed("SC_rgb_jpeg_gdcm.dcm")
    decoder.close()
    with monkeypatch.context() as patched:
        patched.setenv("PYTHONPATH", str(tmp_path))
        patched.setattr("workstation.ui.viewers.data_set.decoding.PROGRAM", "dying")
        with pytest.raises(DecodingError, match="its decoder crashed over it"):
            decoder.decode(syntax, options, frame)
    assert decoder.decode(syntax, options, frame)[0].shape == (100, 100, 3)


def test_damaged_streams_are_survived(decoder: DecoderProcess) -> None:
    syntax, options, frame = compressed("SC_rgb_jpeg_gdcm.dcm")
    for seed in range(12):
        damaged, dice = bytearray(frame), random.Random(seed)
        for _ in range(8):
            damaged[dice.randrange(2, 700)] = dice.randrange(256)
        with suppress(DecodingError):
            decoder.decode(syntax, options, bytes(damaged))
    assert decoder.decode(syntax, options, frame)[0].shape == (100, 100, 3)


def test_a_decoder_that_does_not_end_is_stopped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "endless.py").write_text("import sys\nfor line in sys.stdin.buffer:\n    pass\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr("workstation.ui.viewers.data_set.decoding.PROGRAM", "endless")
    slow = DecoderProcess(patience=0.2)
    with pytest.raises(DecodingError, match=r"did not end in 0\.2 s and was stopped"):
        slow.decode(LOSSLESS, {"rows": 1, "columns": 1, "samples_per_pixel": 1}, b"")
    slow.close()


@pytest.mark.parametrize(
    "head",
    [
        {"shape": [1 << 30, 1 << 30], "type": "|u1", "photometric": "RGB", "length": 0},
        {"shape": [2, 2], "type": "O", "photometric": "RGB", "length": 0},
        {"shape": [2, 2], "type": "<f8", "photometric": "RGB", "length": 0},
    ],
)
def test_an_answer_is_not_believed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, head: dict[str, object]) -> None:
    program = f"import sys\nsys.stdin.buffer.readline()\nprint({json.dumps(head)!r}, flush=True)\nsys.stdin.read()\n"
    (tmp_path / "liar.py").write_text(program)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr("workstation.ui.viewers.data_set.decoding.PROGRAM", "liar")
    liar = DecoderProcess()
    with pytest.raises(DecodingError, match="not a frame of this image"):
        liar.decode(LOSSLESS, {"rows": 2, "columns": 2, "samples_per_pixel": 1}, b"")
    liar.close()


def test_the_program_serves_until_its_input_ends() -> None:
    syntax, options, frame = compressed("JPEG-lossy.dcm")
    request = json.dumps({"syntax": syntax, "plugin": "", "options": options, "length": len(frame)}).encode() + b"\n"
    wrong = json.dumps({"syntax": "1.2.3", "plugin": "", "options": options, "length": 3}).encode() + b"\n"
    sink = io.BytesIO()
    decoder_program.serve(io.BytesIO(request + frame + wrong + b"abc"), sink)
    sink.seek(0)
    head = json.loads(sink.readline())
    assert (head["shape"], head["type"], head["length"]) == ([1024, 256], "<u2", 2 * 1024 * 256)
    sink.seek(head["length"], io.SEEK_CUR)
    assert "error" in json.loads(sink.readline())
    assert sink.read() == b""
