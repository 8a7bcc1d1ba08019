"""C-STORE of every transfer syntax and kind of class, in both roles against pynetdicom."""

from __future__ import annotations

import shutil
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dimse_c_objects import NON_PATIENT
from dimse_c_pair import Pair, said
from pydicom import dcmread, dcmwrite
from pydicom.filereader import read_file_meta_info
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLSLossless,
)

LITTLE = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian)
SAMPLES = (
    "rle-chest.dcm",
    "jpegls-chest.dcm",
    "jpeg2000-head.dcm",
    "us-heart.dcm",
    "sr-report.dcm",
    "names/chinese.dcm",
    "names/hebrew.dcm",
)


@pytest.fixture
def pair(pair: Pair, tmp_path: Path) -> Iterator[Pair]:
    """The provider writes what it is sent into the test's folder."""
    pair.provider.call("keep", folder=str(tmp_path))
    yield pair
    pair.provider.call("keep", folder=None)
    for agent in (pair.user, pair.provider):
        agent.call("configure", STORE_SEND_CHUNKED_DATASET=False, STORE_RECV_CHUNKED_DATASET=False)


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A CT slice in each uncompressed syntax, and samples of the others."""
    folder = tmp_path_factory.mktemp("objects")
    samples = Path(__file__).resolve().parents[2] / "resources" / "samples"
    paths = []
    for number, syntax in enumerate((*LITTLE, ExplicitVRBigEndian), 1):
        path = folder / f"{syntax.keyword}.dcm"
        ds = dcmread(samples / "ct-chest" / f"{number:02}.dcm")
        if syntax == ExplicitVRBigEndian:
            words = array("H", ds.PixelData)
            words.byteswap()
            ds.PixelData = words.tobytes()
        ds.file_meta.TransferSyntaxUID = syntax
        dcmwrite(path, ds, implicit_vr=syntax.is_implicit_VR, little_endian=syntax.is_little_endian)
        paths.append(path)
    for name in SAMPLES:
        paths.append(folder / Path(name).name)
        shutil.copyfile(samples / name, paths[-1])
    return paths


def body(path: Path) -> bytes:
    """The data set's bytes as the file has them: after preamble, DICM, group length and group."""
    return path.read_bytes()[132 + 12 + int(read_file_meta_info(path).FileMetaInformationGroupLength) :]


CHUNKED = [(True, False, False), (False, False, False), (False, True, False), (True, False, True), (False, True, True)]


@pytest.mark.parametrize(("read", "send_chunked", "receive_chunked"), CHUNKED)
def test_objects_arrive_as_they_were(
    pair: Pair, objects: list[Path], tmp_path: Path, read: bool, send_chunked: bool, receive_chunked: bool
) -> None:
    pair.user.call("configure", STORE_SEND_CHUNKED_DATASET=send_chunked)
    pair.provider.call("configure", STORE_RECV_CHUNKED_DATASET=receive_chunked)
    result = pair.store([str(path) for path in objects], read=read)
    assert [said([status]) for status in result["statuses"]] == [{"Status": 0x0000}] * len(objects)
    assert result["end"] == "released"
    for path, heard in zip(objects, pair.provider.call("take"), strict=True):
        original, copy = dcmread(path), dcmread(tmp_path / f"{heard['uid']}.dcm")
        assert copy == original
        assert heard["sop_class"] == original.SOPClassUID
        assert heard["syntax"] == copy.file_meta.TransferSyntaxUID == original.file_meta.TransferSyntaxUID
        assert copy.file_meta.MediaStorageSOPInstanceUID == original.SOPInstanceUID
        assert heard["from_file"] == receive_chunked
        if send_chunked:
            assert body(tmp_path / f"{heard['uid']}.dcm") == body(path)


@pytest.mark.parametrize("wanted", LITTLE, ids=lambda uid: uid.keyword)
def test_uncompressed_objects_are_converted(pair: Pair, objects: list[Path], tmp_path: Path, wanted: str) -> None:
    """Between little endian syntaxes; the others need their own context."""
    result = pair.store([str(path) for path in objects[:5]], syntaxes=[wanted])
    assert [s if isinstance(s, str) else s["Status"] for s in result["statuses"]] == [
        0,
        0,
        0,
        "ValueError",
        "ValueError",
    ]
    stored = pair.provider.call("take")
    assert [heard["syntax"] for heard in stored] == [wanted] * 3
    for path, heard in zip(objects, stored, strict=False):
        assert dcmread(tmp_path / f"{heard['uid']}.dcm") == dcmread(path)


def test_exact_context_is_preferred(pair: Pair, objects: list[Path]) -> None:
    pair.store([str(path) for path in objects[:3]], syntaxes=[*LITTLE, ExplicitVRBigEndian, JPEGLSLossless])
    assert [heard["syntax"] for heard in pair.provider.call("take")] == list(LITTLE)


def test_chunked_objects_are_not_converted(pair: Pair, objects: list[Path]) -> None:
    pair.user.call("configure", STORE_SEND_CHUNKED_DATASET=True)
    result = pair.store([str(path) for path in objects[:3]], syntaxes=[ExplicitVRLittleEndian], read=False)
    assert [s if isinstance(s, str) else s["Status"] for s in result["statuses"]] == ["ValueError", 0, "ValueError"]
    assert result["end"] == "released"


def instance(answer: Any = None, sop_class: str = "CTImageStorage", uid: str = "1.2.3") -> dict[str, Any]:
    answers = {} if answer is None else {"answer": answer}
    return {"class": sop_class, "SOPInstanceUID": uid, "PatientName": "A^B", **answers}


@pytest.mark.parametrize("sop_class", NON_PATIENT)
def test_non_patient_objects(pair: Pair, sop_class: str) -> None:
    failure = {"Status": 0xA900, "ErrorComment": "not one of these"}
    objects = [instance(None, sop_class), instance([{"status": failure}], sop_class, "1.2.4")]
    objects.append(instance(["raise"], sop_class, "1.2.5"))
    result = pair.store(objects, priority=0)
    assert [said([s]) for s in result["statuses"]] == [{"Status": 0x0000}, failure, {"Status": 0xC211}]
    stored = pair.provider.call("take")
    assert [heard["uid"] for heard in stored] == ["1.2.3", "1.2.4", "1.2.5"]
    assert len({heard["sop_class"] for heard in stored}) == 1
    assert {heard["priority"] for heard in stored} == {0}


COMMENT = {"Status": 0xA701, "ErrorComment": "disk full", "OffendingElement": 0x00100010}
OUTCOMES: dict[str, tuple[Any, dict[str, Any]]] = {
    **{
        f"{code:04X}": ([{"status": code}], {"Status": code})
        for code in (0x0000, 0x0122, 0x0124, 0xB000, 0xB006, 0xB007, 0xA700, 0xA9FF, 0xC000, 0xCFFF, 0x3333)
    },
    "with a comment": ([{"status": COMMENT}], COMMENT),
    "elements that have no place": ([{"status": {"Status": 0xB000, "PatientID": "1"}}], {"Status": 0xB000}),
    "a data set without Status": ([{"status": {"ErrorComment": "?"}}], {"Status": 0xC001}),
    "a status of another type": ([{"status": "fine"}], {"Status": 0xC002}),
    "no status": ([{"status": None}], {"Status": 0xC002}),
    "the handler raises": (["raise"], {"Status": 0xC211}),
}


@pytest.mark.parametrize("name", OUTCOMES)
def test_outcome(pair: Pair, name: str) -> None:
    answer, status = OUTCOMES[name]
    # the next one is answered as if nothing had been
    result = pair.store([instance(answer), instance(None, uid="1.2.4")], msg_id=65535)
    assert [said([s]) for s in result["statuses"]] == [status, {"Status": 0x0000}]
    assert result["end"] == "released"
    assert [heard["message_id"] for heard in pair.provider.call("take")] == [65535] * 2


def test_originator_of_a_move(pair: Pair) -> None:
    pair.store([instance()], originator_aet="WHO ASKED", originator_id=65535)
    pair.store([instance()])
    assert [h["originator"] for h in pair.provider.call("take")] == [["WHO ASKED", 65535], [None, None]]


@pytest.mark.parametrize("receive_chunked", [False, True])
def test_data_set_that_cannot_be_decoded(
    pair: Pair, objects: list[Path], tmp_path: Path, receive_chunked: bool
) -> None:
    deflated = objects[2]
    garbage = tmp_path / "garbage.dcm"
    garbage.write_bytes(deflated.read_bytes().removesuffix(body(deflated)) + b"not deflated")
    pair.user.call("configure", STORE_SEND_CHUNKED_DATASET=True)
    pair.provider.call("configure", STORE_RECV_CHUNKED_DATASET=receive_chunked)
    result = pair.store([str(garbage), str(deflated)], read=False)
    # pynetdicom says that the handler raised
    code = 0xC211 if pair.is_ours_asking else 0xC210
    assert [s["Status"] for s in result["statuses"]] == [code, 0x0000]


@pytest.mark.parametrize("answer", [["abort"], ["hold"]])
def test_no_answer_gives_an_empty_status(pair: Pair, answer: list[str]) -> None:
    result = pair.store([instance(answer)], timeout=0.3)
    pair.provider.call("let_go")
    assert result == {"statuses": [{}], "end": "aborted"}
