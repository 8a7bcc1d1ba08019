"""Captures as people have them: every file and link layer, missing beginnings, loss, damage, other traffic."""

from __future__ import annotations

import gc
import gzip
import os
import random
import struct
from dataclasses import replace
from pathlib import Path

import pytest
from capture_wire import (
    ACK,
    COOKED,
    COOKED_2,
    ETHERNET,
    FIN,
    IPV4,
    IPV6,
    LOOP,
    NULL,
    RAW,
    RELEASE_RP,
    RELEASE_RQ,
    RST,
    START,
    SYN,
    Frame,
    Talk,
    block,
    bytes_of,
    enhanced,
    framed,
    frames_of,
    interface,
    ip,
    p_data,
    pcap,
    pcapng,
    pdus_of,
    read,
    section,
)
from traffic_wire import ACCEPT, ECHO_RQ, ECHO_RSP, REQUEST, store_rq

from workstation.net.codec.dimse import encode_command
from workstation.net.codec.pdu import A_ABORT_RQ, AbortSource, encode_pdu
from workstation.traffic.capture.reading import CaptureError, read_capture
from workstation.traffic.log import TrafficLog

RQ, AC = encode_pdu(REQUEST), encode_pdu(ACCEPT)
ECHO = p_data(encode_command(ECHO_RQ), command=True)
ECHOED = p_data(encode_command(ECHO_RSP), command=True)
STORE = p_data(encode_command(store_rq()), command=True, context=3)
SAID = [(True, RQ), (False, AC), (True, ECHO), (False, ECHOED), (True, RELEASE_RQ), (False, RELEASE_RP)]


def talk(**ends: tuple[str, int]) -> Talk:
    """An echo, from SYN to FIN."""
    one = Talk(**ends)  # type: ignore[arg-type]
    one.connect()
    for client, data in SAID:
        one.send(client, data, 100)
    one.close()
    return one


def stored(size: int = 20_000, fragment: int = 4_000) -> tuple[Talk, list[tuple[bool, bytes]]]:
    """A store in PDUs of which most are in several segments."""
    pieces = [random.Random(at).randbytes(fragment) for at in range(0, size, fragment)]
    parts = [p_data(piece, last=piece is pieces[-1], context=3) for piece in pieces]
    said = [(True, RQ), (False, AC), (True, STORE), *((True, part) for part in parts), *SAID[2:]]
    one = Talk()
    one.connect()
    for client, data in said:
        one.send(client, data, 1000)
    one.close()
    return one, said


# -- files -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("link", [NULL, ETHERNET, RAW, 12, 14, LOOP, COOKED, COOKED_2])
@pytest.mark.parametrize("addresses", [("10.0.0.1", "10.0.0.2"), ("fe80::1", "2001:db8::2")])
def test_each_link_layer_and_ip_version(tmp_path: Path, link: int, addresses: tuple[str, str]) -> None:
    one = talk(client=(addresses[0], 40001), server=(addresses[1], 11112))
    log, report = read(tmp_path, pcap(frames_of(one, link), link))
    (conversation,) = log.conversations
    assert bytes_of(conversation) == SAID
    assert report.problems == ()
    facts = conversation.facts
    assert (facts.mode, facts.address, facts.port) == ("requestor", addresses[1], 11112)
    assert (facts.local_address, facts.local_port) == (addresses[0], 40001)
    assert (conversation.calling, conversation.called) == ("MODALITY", "PACS")


@pytest.mark.parametrize(("link", "address"), [(IPV4, "10.0.0.{}"), (IPV6, "fe80::{}")])
def test_link_types_of_one_ip_version(tmp_path: Path, link: int, address: str) -> None:
    one = talk(client=(address.format(1), 40001), server=(address.format(2), 104))
    log, _ = read(tmp_path, pcap(frames_of(one, link), link))
    assert bytes_of(log.conversations[0]) == SAID


@pytest.mark.parametrize("vlans", [1, 2])
@pytest.mark.parametrize("link", [ETHERNET, COOKED])
def test_vlan_tags(tmp_path: Path, link: int, vlans: int) -> None:
    log, _ = read(tmp_path, pcap(frames_of(talk(), link, vlans=vlans), link))
    assert bytes_of(log.conversations[0]) == SAID


def test_what_is_rare_goes_through_dpkt(tmp_path: Path) -> None:
    def pppoe(packet: bytes) -> bytes:
        return bytes(12) + struct.pack(">HBBHHH", 0x8864, 0x11, 0, 1, len(packet) + 2, 0x0021) + packet

    frames = [Frame(time, pppoe(packet), len(packet) + 22) for time, packet in talk().packets]
    log, report = read(tmp_path, pcap(frames))
    assert bytes_of(log.conversations[0]) == SAID
    assert report.problems == ()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("nano", "modified"), [(False, False), (True, False), (False, True)])
def test_each_form_of_pcap(tmp_path: Path, order: str, nano: bool, modified: bool) -> None:
    one = talk()
    log, report = read(tmp_path, pcap(frames_of(one), order=order, nano=nano, modified=modified))
    assert bytes_of(log.conversations[0]) == SAID
    assert log.conversations[0].start_time == pytest.approx(START + 0.001, abs=1e-6)
    assert report.kind == ("pcap, nanoseconds" if nano else "pcap")
    assert report.frames == len(one.packets)


@pytest.mark.parametrize("order", ["<", ">"])
def test_pcapng_of_either_byte_order(tmp_path: Path, order: str) -> None:
    log, report = read(tmp_path, pcapng(frames_of(talk()), order=order))
    assert bytes_of(log.conversations[0]) == SAID
    assert (report.kind, report.problems, report.truncated) == ("pcapng", (), False)


def test_pcapng_sections_interfaces_and_times(tmp_path: Path) -> None:
    frames = frames_of(talk(), RAW)
    half = len(frames) // 2
    offset = int(START) - 1000
    data = b"".join(
        [
            section("<"),
            block(0x0BAD, b"a block of tomorrow"),
            interface(ETHERNET),
            interface(RAW, resolution=9, offset=offset),
            *(enhanced(frame, number=1, units=1e9, offset=offset) for frame in frames[:half]),
            section(">"),
            interface(RAW, ">", resolution=0x80 | 20),
            *(enhanced(frame, ">", units=2**20) for frame in frames[half:]),
            block(5, struct.pack(">III", 0, 0, 0) + struct.pack(">HHQI", 5, 8, 17, 0), ">"),
        ]
    )
    log, report = read(tmp_path, data)
    pdus = pdus_of(log.conversations[0])
    assert [(pdu.sent, pdu.data) for pdu in pdus] == SAID
    assert all(START < pdu.time < START + 1 for pdu in pdus)
    assert [pdu.time for pdu in pdus] == sorted(pdu.time for pdu in pdus)
    assert report.problems == ("The capturing program says that it missed 17 frames.",)


def test_old_and_simple_packet_blocks(tmp_path: Path) -> None:
    frames = frames_of(talk(), RAW)
    parts = [section(), interface(RAW)]
    for number, (_, data, length) in enumerate(frames):
        if number % 2:
            parts.append(block(3, struct.pack("<I", length) + data))
        else:
            parts.append(block(2, struct.pack("<HHIIII", 0, 0, 0, number, len(data), length) + data))
    log, _ = read(tmp_path, b"".join(parts))
    assert bytes_of(log.conversations[0]) == SAID


def test_compressed_with_gzip_and_cut(tmp_path: Path) -> None:
    packed = gzip.compress(pcap(frames_of(talk())))
    log, report = read(tmp_path, packed)
    assert bytes_of(log.conversations[0]) == SAID
    assert report.kind == "pcap, compressed with gzip"
    log, report = read(tmp_path, packed[: len(packed) // 2])
    assert report.truncated
    assert any("cannot be read beyond frame" in problem for problem in report.problems)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is empty"),
        (b"DICM", "no pcap or pcapng file: it begins with 44 49 43 4d"),
        (b"snoop\0\0\0" + bytes(100), "Wireshark can save it as pcapng"),
        (b"PK\x03\x04" + bytes(100), "ZIP"),
        (b"\x1f\x8b" + bytes(100), "cannot be read"),
    ],
)
def test_what_is_no_capture_is_refused_in_a_sentence(tmp_path: Path, data: bytes, says: str) -> None:
    with pytest.raises(CaptureError, match=says):
        read(tmp_path, data)


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.pcap"
    os.mkfifo(pipe)
    for path in (tmp_path / "nothing.pcap", tmp_path, Path("a\0b"), pipe, Path("/dev/null")):
        with pytest.raises(CaptureError, match="cannot be"):
            read_capture(path, TrafficLog())


# -- beginnings and ends -----------------------------------------------------------------------------------------


def test_the_states_of_the_requestor(tmp_path: Path) -> None:
    log, _ = read(tmp_path, pcap(frames_of(talk())))
    path = log.conversations[0].path
    assert [step.step for step in path] == [
        ("Sta1", "Evt1", "AE-1", "Sta4"),
        ("Sta4", "Evt2", "AE-2", "Sta5"),
        ("Sta5", "Evt3", "AE-3", "Sta6"),
        ("Sta6", "Evt9", "DT-1", "Sta6"),
        ("Sta6", "Evt10", "DT-2", "Sta6"),
        ("Sta6", "Evt11", "AR-1", "Sta7"),
        ("Sta7", "Evt13", "AR-3", "Sta1"),
    ]
    assert log.conversations[0].state_word == "Released"


def test_a_pdu_has_the_time_of_its_last_byte(tmp_path: Path) -> None:
    one = Talk()
    one.connect()
    one.say(True, ACK, RQ[:50])
    one.time += 2
    one.say(True, ACK, RQ[50:])
    log, _ = read(tmp_path, pcap(frames_of(one)))
    (pdu,) = pdus_of(log.conversations[0])
    assert pdu.time == pytest.approx(one.time, abs=1e-5)


def test_segments_of_one_byte(tmp_path: Path) -> None:
    one = Talk()
    one.connect()
    for client, data in SAID:
        one.send(client, data, 1)
    log, _ = read(tmp_path, pcap(frames_of(one)))
    assert bytes_of(log.conversations[0]) == SAID


def test_many_pdus_in_one_segment(tmp_path: Path) -> None:
    one = Talk()
    one.connect()
    one.send(True, RQ)
    one.send(False, AC)
    one.send(True, ECHO * 50, 60_000)
    one.send(False, ECHOED * 50, 60_000)
    log, _ = read(tmp_path, pcap(frames_of(one)))
    assert len(bytes_of(log.conversations[0])) == 102


@pytest.mark.parametrize("missing", range(1, 16))
def test_a_capture_that_begins_within_an_association(tmp_path: Path, missing: int) -> None:
    one, said = stored()
    one.packets = one.packets[missing:]
    log, report = read(tmp_path, pcap(frames_of(one)))
    (conversation,) = log.conversations
    got = bytes_of(conversation)
    assert got == said[-len(got) :]
    assert len(got) >= len(said) - 4
    # The handshake may be missing without a loss: what is said then are the PDUs.
    assert conversation.facts.port == 11112
    assert conversation.state_word == "Released"
    if len(got) < len(said):
        assert any("begins within this association" in remark for remark in conversation.remarks)
        assert any("begins within" in problem for problem in report.problems)


def test_a_beginning_in_the_midst_without_a_known_port(tmp_path: Path) -> None:
    one = talk(client=("10.0.0.9", 50_000), server=("10.0.0.2", 51_000))
    one.packets = [packet for packet in one.packets if RQ[:90] not in packet[1] and AC[:90] not in packet[1]][3:]
    log, _ = read(tmp_path, pcap(frames_of(one)))
    (conversation,) = log.conversations
    assert [data for sent, data in bytes_of(conversation) if sent][:1] == [ECHO]
    assert conversation.facts.port == 51_000


def test_a_capture_that_ends_within_an_association(tmp_path: Path) -> None:
    one = talk()
    one.packets = one.packets[:-12]
    log, report = read(tmp_path, pcap(frames_of(one)))
    (conversation,) = log.conversations
    assert conversation.remarks == ["The capture ends before this association does."]
    assert conversation.state == "Sta6"
    assert report.problems == ("Association 1: The capture ends before this association does.",)


def test_abort_and_reset(tmp_path: Path) -> None:
    abort = encode_pdu(A_ABORT_RQ(source=AbortSource.SERVICE_USER, reason=0))
    aborted, reset = Talk(), Talk(client=("10.0.0.1", 40002))
    for one in (aborted, reset):
        one.connect()
        one.send(True, RQ)
        one.send(False, AC)
    aborted.send(True, abort)
    aborted.close()
    reset.say(False, RST | ACK)
    log, _ = read(tmp_path, pcap(frames_of([aborted, reset])))
    first, second = log.conversations
    assert (first.state_word, first.path[-1].step) == ("Aborted by the requestor", ("Sta13", "Evt17", "AR-5", "Sta1"))
    assert (second.state_word, second.path[-1].step) == ("Connection lost", ("Sta6", "Evt17", "AA-4", "Sta1"))
    reset_early = "The TCP connection was reset by the acceptor, without A-RELEASE or A-ABORT before."
    assert (first.remarks, second.remarks) == ([], [])
    assert (first.end_reason, second.end_reason) == ("", reset_early)


@pytest.mark.parametrize("answered", [True, False])
def test_a_connection_that_failed_is_an_association(tmp_path: Path, answered: bool) -> None:
    one = Talk()
    for _ in range(1 if answered else 3):
        one.say(True, SYN, at=77)
    if answered:
        one.say(False, RST | ACK)
    other = Talk(server=("10.0.0.3", 8080))
    other.say(True, SYN)
    log, _ = read(tmp_path, pcap(frames_of([one, other])))
    (conversation,) = log.conversations
    assert conversation.state_word == "Connection failed"
    how = "was refused (RST)" if answered else "was not answered (3 SYNs)"
    assert conversation.remarks == [f"The TCP connection {how}."]


def test_somebody_who_looks_for_ports_pushes_nothing_out(tmp_path: Path) -> None:
    scans = [Talk(client=("10.9.0.1", 1000 + number), time=START + number) for number in range(700)]
    for one in scans:
        one.say(True, SYN)
    log, report = read(tmp_path, pcap(frames_of([talk(), *scans])))
    assert len(log) == 501
    left_out = "200 connections to DICOM ports that were refused or not answered, beyond the first 500"
    assert f"Left out: {left_out}." in report.problems


def test_ports_that_come_again(tmp_path: Path) -> None:
    talks = [talk() for _ in range(3)]
    for number, one in enumerate(talks):
        one.packets = [(time + number, packet) for time, packet in one.packets]
    # The second has other sequence numbers, the third those of the first.
    second = Talk(time=START + 1, sequences={True: 9, False: 9})
    second.connect()
    for client, data in SAID:
        second.send(client, data)
    log, _ = read(tmp_path, pcap(frames_of([talks[0], second, talks[2]])))
    assert [bytes_of(conversation) for conversation in log.conversations] == [SAID] * 3


# -- what TCP does -----------------------------------------------------------------------------------------------


def test_sent_again_and_captured_twice(tmp_path: Path) -> None:
    one, said = stored()
    frames = [frame for frame in frames_of(one) for _ in range(2)]
    log, report = read(tmp_path, pcap(frames))
    assert bytes_of(log.conversations[0]) == said
    assert any("Sent again or captured twice" in problem for problem in report.problems)


@pytest.mark.parametrize("width", [4, 6, 12])
@pytest.mark.parametrize("keep_times", [True, False])
def test_out_of_order(tmp_path: Path, width: int, keep_times: bool) -> None:
    one, said = stored()
    frames = frames_of(one)
    shuffle = random.Random(width)
    # The handshake and the farewell stay where they are.
    order = sorted(range(6, len(frames) - 3), key=lambda at: at + shuffle.random() * width)
    order = [*range(6), *order, *range(len(frames) - 3, len(frames))]
    mixed = [frames[at]._replace(time=frames[at if keep_times else place].time) for place, at in enumerate(order)]
    log, report = read(tmp_path, pcap(mixed))
    assert bytes_of(log.conversations[0]) == said
    assert any("Out of order" in problem for problem in report.problems) is not keep_times


def test_overlapping_segments(tmp_path: Path) -> None:
    one = Talk()
    one.connect()
    start = one.sequences[True]
    for begin, end in ((0, 40), (20, 60), (50, 51), (100, len(RQ)), (30, 120)):
        one.say(True, ACK, RQ[begin:end], at=start + begin)
    log, _ = read(tmp_path, pcap(frames_of(one)))
    assert bytes_of(log.conversations[0]) == [(True, RQ)]


def test_a_hole_within_a_pdu_keeps_the_others(tmp_path: Path) -> None:
    one, said = stored()
    gone = next(at for at, (_, packet) in enumerate(one.packets) if said[4][1][2500:2600] in packet)
    del one.packets[gone]
    log, report = read(tmp_path, pcap(frames_of(one)))
    pdus = pdus_of(log.conversations[0])
    assert [(pdu.sent, pdu.length) for pdu in pdus] == [(sent, len(data)) for sent, data in said]
    assert pdus[4].data == said[4][1][:2000]
    assert [pdu.data for pdu in pdus[:4] + pdus[5:]] == [data for _, data in said[:4] + said[5:]]
    assert any("lacks 1,000 bytes from the requestor, in 1 place" in problem for problem in report.problems)


def test_a_hole_over_a_header_is_passed_and_said(tmp_path: Path) -> None:
    one, said = stored()
    first = next(at for at, (_, packet) in enumerate(one.packets) if said[5][1][:100] in packet)
    del one.packets[first]
    log, _ = read(tmp_path, pcap(frames_of(one)))
    (conversation,) = log.conversations
    assert bytes_of(conversation) == said[:5] + said[6:]
    (remark,) = [remark for remark in conversation.remarks if remark.startswith("Before")]
    assert "the capture lacks 1,000 bytes from the requestor; 3,012 bytes" in remark


def test_frames_that_were_cut(tmp_path: Path) -> None:
    one, said = stored()
    log, report = read(tmp_path, pcap(frames_of(one, snap=120)))
    pdus = pdus_of(log.conversations[0])
    assert pdus[0].data == RQ[: 46 + 20]
    assert pdus[0].length == len(RQ)
    assert all(pdu.data == data[: len(pdu.data)] for pdu, (_, data) in zip(pdus, said, strict=False))
    assert any("snapshot length" in problem for problem in report.problems)


def test_keep_alive_probes(tmp_path: Path) -> None:
    one = Talk()
    one.connect()
    one.send(True, RQ)
    for data in (b"", b"\0"):
        one.say(True, ACK, data, at=one.sequences[True] - 1)
        one.say(False)
    one.send(False, AC)
    log, _ = read(tmp_path, pcap(frames_of(one)))
    (conversation,) = log.conversations
    assert bytes_of(conversation) == SAID[:2]
    assert any(remark.startswith("Keep-alive: 2 probes from the requestor") for remark in conversation.remarks)


def test_only_one_direction_was_captured(tmp_path: Path) -> None:
    one, said = stored()
    one.packets = [packet for packet in one.packets if packet[1][12:16] == bytes([10, 0, 0, 1])]
    log, _ = read(tmp_path, pcap(frames_of(one)))
    assert bytes_of(log.conversations[0]) == [(sent, data) for sent, data in said if sent]


# -- what is not DICOM -------------------------------------------------------------------------------------------


def test_other_traffic_is_left_out(tmp_path: Path) -> None:
    web = Talk(server=("10.0.0.2", 80))
    web.connect()
    web.send(True, b"GET / HTTP/1.1\r\n\r\n")
    web.send(False, b"HTTP/1.1 200 OK\r\n\r\n" + bytes(5000))
    web.close()
    mail = Talk(server=("10.0.0.2", 25))
    mail.connect()
    mail.send(False, b"220 hello\r\n")
    datagram = Frame(START, framed(ip("10.0.0.1", "10.0.0.2", bytes(100), 17)), 134)
    fragment = bytearray(framed(ip("10.0.0.1", "10.0.0.2", bytes(100))))
    fragment[20] = 0x20  # more fragments
    arp = Frame(START, bytes(12) + b"\x08\x06" + bytes(46), 60)
    frames = [datagram, Frame(START, bytes(fragment), len(fragment)), arp, *frames_of([web, mail, talk()])]
    log, report = read(tmp_path, pcap(frames))
    (conversation,) = log.conversations
    assert bytes_of(conversation) == SAID
    assert report.problems == ("IP fragments are not put together: 1; their bytes are missing.",)


def test_other_bytes_on_a_dicom_port_are_shown(tmp_path: Path) -> None:
    one = Talk()
    one.connect()
    one.send(True, b"GET / HTTP/1.1\r\nHost: pacs\r\n\r\n")
    one.close()
    log, _ = read(tmp_path, pcap(frames_of(one)))
    (pdu,) = pdus_of(log.conversations[0])
    assert pdu.data == b"GET / HTTP/1.1\r\nHost: pacs\r\n\r\n"
    assert pdu.name == "Unrecognized bytes"


def client_hello(alpn: bool = False) -> bytes:
    extensions = b"\0\x0a\0\2\0\0" + (b"\0\x10\0\5\0\3\2h2" if alpn else b"")
    hello = b"\3\3" + bytes(32) + b"\0" + b"\0\2\x13\1" + b"\1\0" + struct.pack(">H", len(extensions)) + extensions
    body = b"\1" + len(hello).to_bytes(3, "big") + hello
    return b"\x16\3\1" + struct.pack(">H", len(body)) + body


def test_encrypted_associations_are_named(tmp_path: Path) -> None:
    dicom, refused = Talk(server=("10.0.0.2", 2762)), Talk(server=("10.0.0.2", 22762))
    web, other = Talk(server=("10.0.0.2", 443)), Talk(server=("10.0.0.2", 9000))
    for one in (dicom, refused, web, other):
        one.connect()
        one.send(True, client_hello(alpn=one is other))
    dicom.send(False, b"\x16\3\3\0\2\2\0" + b"\x17\3\3\1\0" + bytes(256))
    refused.send(False, b"\x15\3\3\0\2\2\x30")
    for one in (dicom, refused, web, other):
        one.close()
    log, report = read(tmp_path, pcap(frames_of([dicom, refused, web, other])))
    first, second = log.conversations
    assert first.remarks[0] == "The association is encrypted with TLS; its PDUs cannot be seen."
    assert first.finished
    assert "TLS alert from the acceptor: unknown certificate authority." in second.remarks
    assert "Left out: 2 encrypted connections for something else than DICOM (ports 443, 9000)." in report.problems


# -- damage ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["pcap", "pcapng"])
def test_cut_at_any_place_gives_what_is_before(tmp_path: Path, kind: str) -> None:
    frames = frames_of(talk())
    whole = (pcap if kind == "pcap" else pcapng)(frames)
    for length in range(24 if kind == "pcap" else 48, len(whole), 7):
        log, report = read(tmp_path, whole[:length])
        got = bytes_of(log.conversations[0]) if len(log) else []
        assert got == SAID[: len(got)]
        assert report.frames <= len(frames)
        assert report.truncated or report.frames < len(frames)


@pytest.mark.parametrize("kind", ["pcap", "pcapng"])
def test_damage_is_passed_over(tmp_path: Path, kind: str) -> None:
    one, said = stored(200_000)
    frames = frames_of(one)
    early = (pcap if kind == "pcap" else pcapng)(frames[:40])
    whole = (pcap if kind == "pcap" else pcapng)(frames)
    damaged = whole[: len(early)] + b"\xa5" * 3000 + whole[len(early) + 1500 :]
    log, report = read(tmp_path, damaged)
    assert len(log) == 1
    got = pdus_of(log.conversations[0])
    assert len(got) > len(said) - 4
    assert (got[-1].sent, got[-1].data) == said[-1]
    assert any(f"is damaged at byte {len(early):,}" in problem for problem in report.problems)


def test_a_wrong_length_of_a_record_costs_one_frame(tmp_path: Path) -> None:
    one, said = stored()
    frames = frames_of(one)
    before = len(pcap(frames[:30]))
    data = bytearray(pcap(frames))
    struct.pack_into("<I", data, before + 8, len(frames[30].data) + 500)
    log, report = read(tmp_path, bytes(data))
    assert bytes_of(log.conversations[0]) == said
    assert report.frames == len(frames)
    assert any("is damaged" in problem for problem in report.problems)


def test_random_damage_never_raises(tmp_path: Path) -> None:
    one, _ = stored()
    sources = [pcap(frames_of(one)), pcapng(frames_of(one)), pcap(frames_of(one, snap=100), nano=True)]
    chance = random.Random(4)
    for _ in range(150):
        data = bytearray(chance.choice(sources))
        for _ in range(chance.choice([1, 5, 50, 500])):
            data[chance.randrange(24, len(data))] = chance.randrange(256)
        if chance.random() < 0.3:
            data = data[: chance.randrange(24, len(data))]
        if chance.random() < 0.3:
            at = chance.randrange(24, len(data))
            data[at:at] = chance.randbytes(chance.choice([1, 2, 100, 5000]))
        log, report = read(tmp_path, bytes(data))
        assert report.associations >= len(log)


# -- bounds ------------------------------------------------------------------------------------------------------


def test_progress_and_cancel(tmp_path: Path) -> None:
    one, _ = stored(8_000_000, 64_000)
    file = tmp_path / "large.pcap"
    file.write_bytes(pcap(frames_of(one)))
    size = file.stat().st_size
    seen: list[tuple[int, int]] = []
    report = read_capture(file, TrafficLog(), progress=lambda done, whole: seen.append((done, whole)))
    assert not report.cancelled
    assert seen[-1] == (size, size)
    assert len(seen) >= size >> 20
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    log = TrafficLog()
    seen.clear()
    stopped = read_capture(
        file, log, progress=lambda done, whole: seen.append((done, whole)), cancelled=lambda: len(seen) > 2
    )
    assert stopped.cancelled
    assert 0 < stopped.pdus < report.pdus
    assert len(log) == 1


def test_the_garbage_collector_is_left_as_it_was(tmp_path: Path) -> None:
    before = gc.get_threshold()
    during: list[tuple[int, int, int]] = []
    file = tmp_path / "file.pcap"
    file.write_bytes(pcap(frames_of(talk())))
    read_capture(file, TrafficLog(), progress=lambda *_: during.append(gc.get_threshold()))
    assert during[0] != before
    assert gc.get_threshold() == before


def test_problems_are_bounded(tmp_path: Path) -> None:
    talks = [talk(client=("10.0.0.1", 20_000 + number)) for number in range(300)]
    talks = [replace(one, packets=one.packets[:-12]) for one in talks]
    _, report = read(tmp_path, pcap(frames_of(talks)))
    assert len(report.problems) == 201
    assert report.problems[-1] == "… 100 more"


def test_connections_without_end_are_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workstation.traffic.capture.reading._CONNECTIONS", 50)
    talks = [talk(client=(f"10.1.{number >> 8}.{number & 255}", 40001)) for number in range(400)]
    for number, one in enumerate(talks):
        one.packets = [(time + number, packet) for time, packet in one.packets[:-8]]
    _, report = read(tmp_path, pcap(frames_of(talks)))
    assert report.associations == 400
    assert "connections at once" in report.problems[0]


def test_what_waits_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PDUs that claim megabytes and never end, and gaps that are never filled."""
    monkeypatch.setattr("workstation.traffic.capture.reading._BUDGET", 100_000)
    talks = []
    for number in range(20):
        one = Talk(client=("10.0.0.1", 20_000 + number))
        one.connect()
        one.send(True, RQ)
        one.send(False, AC)
        one.send(True, b"\4\0\0\xff\xff\xff" + bytes(80_000), 8_000)
        one.say(True, ACK, bytes(1000), at=one.sequences[True] + 500)
        talks.append(one)
    log, report = read(tmp_path, pcap(frames_of(talks)))
    assert report.associations == 20
    assert all(bytes_of(conversation)[:2] == SAID[:2] for conversation in log.conversations)
    assert all(
        any("A PDU of 16,777,221 bytes from the requestor was not completed" in remark for remark in one.remarks)
        for one in log.conversations
    )


def test_a_fin_whose_acknowledgement_came_first_is_no_byte(tmp_path: Path) -> None:
    one = talk()
    fin = next(at for at, (_, packet) in enumerate(one.packets) if packet[33] & FIN)
    times = [time for time, _ in one.packets]
    packets = [packet for _, packet in one.packets]
    packets[fin], packets[fin + 1] = packets[fin + 1], packets[fin]
    one.packets = list(zip(times, packets, strict=True))
    _, report = read(tmp_path, pcap(frames_of(one)))
    assert report.problems == ()


@pytest.mark.parametrize(
    ("resolution", "offset"), [(6, None), (0, 2**63 - 1), (0, -(2**63)), (6, -10_000_000_000), (0x80, 0)]
)
def test_times_that_no_calendar_has_are_said_and_left_out(tmp_path: Path, resolution: int, offset: int | None) -> None:
    frames = frames_of(talk())
    good = [enhanced(frame) for frame in frames]
    bad = [block(6, struct.pack("<5I", 1, 0xFFFF_FFFF, 0, len(one.data), one.length) + one.data) for one in frames]
    interfaces = [interface(), interface(resolution=resolution, offset=offset)]
    if offset == -10_000_000_000:
        bad = [block(6, struct.pack("<5I", 1, 0, 0, len(one.data), one.length) + one.data) for one in frames]
    log, report = read(tmp_path, b"".join([section(), *interfaces, *good[:4], *bad[4:]]))
    assert report.problems == (
        f"Of no time between 1970 and 3000, so told as when the one before came: {len(frames) - 4} frames.",
    )
    (conversation,) = log.conversations
    assert all(START <= pdu.time <= frames[4].time for pdu in pdus_of(conversation))
    assert bytes_of(conversation) == SAID
