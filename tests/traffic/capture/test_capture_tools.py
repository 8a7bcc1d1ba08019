"""Captures as the tools of Wireshark write them: other formats, cut, merged, put in order, made from a dump."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest
from capture_wire import Talk, bytes_of, frames_of, p_data, pcap, pdus_of
from peers import require_program
from test_capture_reading import AC, RQ, SAID, stored, talk

from workstation.traffic.capture.reading import CaptureReport, read_capture
from workstation.traffic.log import TrafficLog


def run(program: str, *arguments: object) -> None:
    subprocess.run([require_program(program), *map(str, arguments)], check=True, capture_output=True, timeout=30)


def opened(path: Path) -> tuple[TrafficLog, CaptureReport]:
    log = TrafficLog()
    return log, read_capture(path, log)


@pytest.fixture
def source(tmp_path: Path) -> tuple[Path, list[tuple[bool, bytes]]]:
    one, said = stored()
    path = tmp_path / "source.pcap"
    path.write_bytes(pcap(frames_of(one)))
    return path, said


@pytest.mark.parametrize("form", ["pcap", "pcapng", "nsecpcap", "modpcap"])
def test_formats(tmp_path: Path, source: tuple[Path, list[tuple[bool, bytes]]], form: str) -> None:
    target = tmp_path / "target"
    run("editcap", "-F", form, source[0], target)
    log, report = opened(target)
    assert bytes_of(log.conversations[0]) == source[1]
    assert report.problems == ()


def test_snapshot_length(tmp_path: Path, source: tuple[Path, list[tuple[bool, bytes]]]) -> None:
    target = tmp_path / "target.pcapng"
    run("editcap", "-s", 200, source[0], target)
    log, report = opened(target)
    assert any("snapshot length" in problem for problem in report.problems)
    whole = {data for _, data in source[1]}
    for pdu in pdus_of(log.conversations[0]):
        assert any(data.startswith(pdu.data) and len(data) == pdu.length for data in whole)


def test_frames_left_out(tmp_path: Path, source: tuple[Path, list[tuple[bool, bytes]]]) -> None:
    target = tmp_path / "target.pcapng"
    run("editcap", source[0], target, 12, 20)
    log, report = opened(target)
    whole = source[1]
    assert all(any(data.startswith(pdu.data) for _, data in whole) for pdu in pdus_of(log.conversations[0]))
    assert any("The capture lacks" in problem for problem in report.problems)


def test_merged_and_disordered(tmp_path: Path) -> None:
    first, second = talk(), talk(client=("2001:db8::1", 40001), server=("2001:db8::2", 104))
    paths = [tmp_path / "first.pcap", tmp_path / "second.pcap"]
    for path, one in zip(paths, (first, second), strict=True):
        path.write_bytes(pcap(frames_of(one)))
    for order in ((), ("-a",)):
        target = tmp_path / "merged.pcapng"
        run("mergecap", *order, "-w", target, *paths)
        log, report = opened(target)
        assert [bytes_of(conversation) for conversation in log.conversations] == [SAID, SAID]
        assert report.problems == ()


def test_put_in_order(tmp_path: Path) -> None:
    one, said = stored()
    frames = frames_of(one)
    random.Random(3).shuffle(frames)
    shuffled, ordered = tmp_path / "shuffled.pcap", tmp_path / "ordered.pcap"
    shuffled.write_bytes(pcap(frames))
    run("reordercap", shuffled, ordered)
    for path in (shuffled, ordered):
        log, _ = opened(path)
        assert bytes_of(log.conversations[0]) == said


def test_made_from_a_dump(tmp_path: Path) -> None:
    """text2pcap gives each text a TCP header of its own, without handshake."""
    dump, target = tmp_path / "dump.txt", tmp_path / "target.pcapng"
    said = [RQ, p_data(bytes(500))]
    lines = []
    for data in said:
        for at in range(0, len(data), 16):
            lines.append(f"{at:06x} {data[at : at + 16].hex(' ')}")
        lines.append("")
    dump.write_text("\n".join(lines))
    run("text2pcap", "-T", "40001,104", dump, target)
    log, _ = opened(target)
    (conversation,) = log.conversations
    assert bytes_of(conversation) == [(True, data) for data in said]
    assert conversation.facts.port == 104


def test_a_talk_is_what_wireshark_says_it_is(tmp_path: Path) -> None:
    """The frames made for these tests are whole conversations for Wireshark too."""
    one = Talk()
    one.connect()
    one.send(True, RQ)
    one.send(False, AC)
    path = tmp_path / "talk.pcap"
    path.write_bytes(pcap(frames_of(one)))
    command = [require_program("tshark"), "-r", str(path), "-Y", "dicom", "-T", "fields", "-e", "dicom.pdu.type"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30)
    assert done.stdout.split() == ["0x01", "0x02"]
