"""Captures exported by the program without a window: files, sentences and exit statuses."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pydicom import dcmread
from traffic_wire import CT, EXPLICIT, Wire, store_rq

from workstation.__main__ import main
from workstation.net.codec.pdu import A_RELEASE_RP, A_RELEASE_RQ
from workstation.traffic.capture.writing import write_log
from workstation.traffic.log import TrafficLog
from workstation.traffic.record import ConversationFacts, Record


class Ended(NamedTuple):
    """What a run of the program came to."""

    status: int
    sentences: list[str]


Run = Callable[..., Ended]


@pytest.fixture
def ends(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the program in this process."""

    def run(*arguments: object) -> Ended:
        status = main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        assert said.out == ""
        return Ended(status, said.err.splitlines())

    return run


def associations(count: int, data: bytes = b"") -> list[Record]:
    """Associations one after the other that echo, perhaps store, and are released."""
    records: list[Record] = []
    for number in range(1, count + 1):
        wire = Wire(number)
        wire.time += 10 * number
        facts = ConversationFacts("requestor", "MODALITY", "PACS", "192.0.2.2", 104, "192.0.2.1", 40000 + number)
        records += [wire.open()._replace(facts=facts), *wire.established()[3:5], *wire.echo()]
        if data:
            records += wire.message(store_rq(), data, sent=True, fragment=10_000)
        records += [wire.pdu(A_RELEASE_RQ(), sent=True), wire.pdu(A_RELEASE_RP(), sent=False), wire.close()]
    return [record for record in records if record.transition is None]


def capture(path: Path, records: list[Record]) -> Path:
    log = TrafficLog()
    log.add(records)
    write_log(path, log.conversations)
    return path


def read(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(path.read_bytes())
    return found


def test_pdus_as_json(ends: Run, tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    ended = ends("--open", capture(tmp_path / "in.pcapng", associations(2)), "--export", target)
    assert (ended.status, ended.sentences) == (0, [])
    found = read(target)
    assert [pdu["type"] for pdu in found[:6]] == [
        "A-ASSOCIATE-RQ",
        "A-ASSOCIATE-AC",
        "P-DATA-TF",
        "P-DATA-TF",
        "A-RELEASE-RQ",
        "A-RELEASE-RP",
    ]
    assert [pdu["association"] for pdu in found] == [1] * 6 + [2] * 6
    assert [pdu["message"]["name"] for pdu in found if "message" in pdu] == ["C-ECHO-RQ", "C-ECHO-RSP"] * 2
    assert found[0]["requestor"] == "192.0.2.1:40001"


def test_several_captures_in_one_file_are_told_apart(ends: Run, tmp_path: Path) -> None:
    first = capture(tmp_path / "first.pcapng", associations(2))
    second = capture(tmp_path / "second.pcapng", associations(1))
    ended = ends("--open", first, "--open", second, "--export", tmp_path / "out.json")
    assert ended.status == 0
    found = read(tmp_path / "out.json")
    assert [pdu["association"] for pdu in found] == [1] * 6 + [2] * 6 + [3] * 6
    assert [pdu["file"] for pdu in found] == [str(first)] * 12 + [str(second)] * 6


@pytest.mark.parametrize("kept", [0.3, 0.5, 0.8])
def test_a_file_that_was_cut_gives_what_is_there_and_says_so(ends: Run, tmp_path: Path, kept: float) -> None:
    whole = capture(tmp_path / "whole.pcapng", associations(3))
    ends("--open", whole, "--export", tmp_path / "whole.json")
    data = whole.read_bytes()
    cut = tmp_path / "cut.pcapng"
    cut.write_bytes(data[: int(len(data) * kept) - 3])
    ended = ends("--open", cut, "--export", tmp_path / "cut.json")
    assert ended.status == 0
    assert ended.sentences
    assert all(sentence.startswith(f"{cut}: ") for sentence in ended.sentences)
    found = read(tmp_path / "cut.json")
    assert 0 < len(found) < 18
    assert found == read(tmp_path / "whole.json")[: len(found)]


def test_a_file_with_damage_in_it_gives_what_is_before_and_behind(ends: Run, tmp_path: Path) -> None:
    path = capture(tmp_path / "in.pcapng", associations(9))
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 500] = b"\xa5" * 500
    path.write_bytes(data)
    ended = ends("--open", path, "--export", tmp_path / "out.json")
    assert ended.status == 0
    assert ended.sentences
    numbers = {pdu["requestor"] for pdu in read(tmp_path / "out.json")}
    assert {"192.0.2.1:40001", "192.0.2.1:40009"} <= numbers


def test_what_is_no_capture_is_a_sentence_and_no_file(ends: Run, tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    target.write_text("old")
    ended = ends("--open", Path(__file__), "--export", target)
    assert ended.status == 1
    assert len(ended.sentences) == 1
    assert Path(__file__).name in ended.sentences[0]
    assert target.read_text() == "old"


def test_one_that_is_no_capture_does_not_hinder_the_others(ends: Run, tmp_path: Path) -> None:
    good = capture(tmp_path / "in.pcapng", associations(1))
    ended = ends("--open", Path(__file__), "--open", good, "--export", tmp_path / "out.json")
    assert (ended.status, len(ended.sentences)) == (0, 1)
    assert len(read(tmp_path / "out.json")) == 6


def test_a_capture_without_dicom_is_an_empty_array_and_a_sentence(ends: Run, tmp_path: Path) -> None:
    path = capture(tmp_path / "in.pcapng", [])
    ended = ends("--open", path, "--export", tmp_path / "out.json")
    assert (ended.status, ended.sentences) == (1, [f"{path}: there is no DICOM PDU in it."])
    assert read(tmp_path / "out.json") == []


def test_a_place_that_cannot_be_written_is_a_sentence(ends: Run, tmp_path: Path) -> None:
    path = capture(tmp_path / "in.pcapng", associations(1))
    target = tmp_path / ("x" * 250)
    ended = ends("--open", path, "--export", target)
    assert (ended.status, ended.sentences) == (1, [f"{target} cannot be written: File name too long."])


def test_objects_come_out_as_they_went_in(ends: Run, tmp_path: Path, samples: Path) -> None:
    sample = dcmread(samples / "ct-chest" / "01.dcm")
    assert (sample.SOPClassUID, sample.file_meta.TransferSyntaxUID) == (CT, EXPLICIT)
    raw = (samples / "ct-chest" / "01.dcm").read_bytes()
    # Preamble, prefix, group length element and what it counts: what is left is the data set.
    data = raw[128 + 4 + 12 + sample.file_meta.FileMetaInformationGroupLength :]
    path = capture(tmp_path / "in.pcapng", associations(3, data))
    folder, pdus = tmp_path / "objects", tmp_path / "out.json"
    ended = ends("--open", path, "--export-objects", folder, "--export", pdus)
    assert (ended.status, ended.sentences) == (0, [])
    (file,) = folder.iterdir()  # the same object three times
    assert dcmread(file) == sample
    assert file.read_bytes().endswith(data)
    assert len(read(pdus)) == 3 * (7 + -(-len(data) // 10_000))
    assert ends("--open", path, "--export-objects", folder).status == 0, "they are there already"


def test_a_capture_without_objects_says_so(ends: Run, tmp_path: Path) -> None:
    path = capture(tmp_path / "in.pcapng", associations(1))
    ended = ends("--open", path, "--export-objects", tmp_path / "objects")
    assert (ended.status, ended.sentences) == (1, ["No DICOM object was found."])


def test_neither_display_nor_home_is_needed(tmp_path: Path) -> None:
    path = capture(tmp_path / "in.pcapng", associations(1))
    command = [sys.executable, "-m", "workstation", "--open", path, "--export", tmp_path / "out.json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, env={})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert len(read(tmp_path / "out.json")) == 6


@pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="this system has no such file")
def test_standard_output_can_be_the_file(tmp_path: Path) -> None:
    path = capture(tmp_path / "in.pcapng", associations(1))
    command = [sys.executable, "-m", "workstation", "--open", path, "--export", "/dev/stdout"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(json.loads(done.stdout)) == 6


def test_qt_is_not_loaded(tmp_path: Path) -> None:
    path = capture(tmp_path / "in.pcapng", associations(1))
    arguments = ["--open", str(path), "--export", str(tmp_path / "out.json"), "--export-objects", str(tmp_path)]
    code = f"""
import sys
from workstation.__main__ import main
main({arguments!r})
sys.exit(any(name.split(".")[0] in ("PySide6", "qasync", "sqlalchemy") for name in sys.modules))
"""
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=30).returncode == 0
    assert (tmp_path / "out.json").exists()
