"""Pictures in every encoding that DCMTK writes, pixel for pixel as DCMTK decodes them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

from workstation.traffic.decoding.data_set import line_of, tree_of
from workstation.traffic.decoding.objects import FileObject
from workstation.ui.viewers.data_set.pixels import Frame, Picture

# The encoder, and what decodes it; "" where nothing is compressed.
ENCODERS = (
    ("dcmcrle", "", "dcmdrle"),
    ("dcmcjpeg", "+e1", "dcmdjpeg"),  # lossless, selection value 1
    ("dcmcjpeg", "+el", "dcmdjpeg"),  # lossless
    ("dcmcjpeg", "+eb", "dcmdjpeg"),  # baseline, 8 bits
    ("dcmcjpeg", "+ee", "dcmdjpeg"),  # extended, 12 bits
    ("dcmcjpls", "+el", "dcmdjpls"),
    ("dcmcjpls", "+en", "dcmdjpls"),
    ("dcmconv", "+ti", ""),
    ("dcmconv", "+tb", ""),
    ("dcmconv", "+td", ""),
)
IMAGES = ("grey", "frames", "palette", "overlay")


def _source(image: str, samples: Path) -> Path:
    match image:
        case "grey":
            return samples / "ct-chest" / "01.dcm"
        case "frames":
            return samples / "us-heart.dcm"
    path = get_testdata_file(f"examples_{image}.dcm", download=False)
    assert isinstance(path, str)
    return Path(path)


def _last_frame(path: Path) -> Frame:
    found = FileObject(path)
    picture = Picture(found)
    try:
        return picture.frame(picture.facts.frames - 1)
    finally:
        picture.close()
        found.close()


@pytest.mark.parametrize(("encoder", "option", "decoder"), ENCODERS)
@pytest.mark.parametrize("image", IMAGES)
def test_every_pixel_is_as_dcmtk_decodes_it(
    program: Callable[[str], str], samples: Path, tmp_path: Path, image: str, encoder: str, option: str, decoder: str
) -> None:
    if image == "palette" and option == "+en":
        # Near-lossless has no meaning for indices, and DCMTK refuses it: lossless then.
        option = "+el"
    source, encoded, reference = _source(image, samples), tmp_path / "encoded.dcm", tmp_path / "decoded.dcm"
    subprocess.run([program(encoder), *filter(None, [option]), source, encoded], check=True, capture_output=True)
    if decoder:
        subprocess.run([program(decoder), encoded, reference], check=True, capture_output=True)
    ours, theirs = _last_frame(encoded), _last_frame(reference if decoder else source)
    assert ours.pixels.shape == theirs.pixels.shape
    assert (ours.pixels == theirs.pixels).all()


@pytest.mark.parametrize("option", ["+ti", "+te", "+tb", "+td"])
def test_the_tree_is_the_same_in_every_encoding(
    program: Callable[[str], str], samples: Path, tmp_path: Path, option: str
) -> None:
    converted = tmp_path / "converted.dcm"
    source = samples / "sr-report.dcm"
    subprocess.run([program("dcmconv"), option, "+e", source, converted], check=True, capture_output=True)

    def lines(path: Path) -> list[str]:
        found = FileObject(path)
        try:
            elements = tree_of(found.source, found.transfer_syntax).walk()
            return [f"{len(around)} {each.tag} {each.name} {line_of(each)}" for around, each in elements]
        finally:
            found.close()

    assert lines(converted) == lines(source)
