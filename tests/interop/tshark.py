"""Wireshark's opinion of a pcap: every DICOM PDU with the fields its dissector found, their bytes and their places."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from peers import require_program
from recording import FIRST_CLIENT_PORT, SERVER_PORT

TIMEOUT = 60
_OPTIONS = ("-o", "dicom.tag_tree:TRUE", "-o", "tcp.desegment_tcp_streams:TRUE", "-d", f"tcp.port=={SERVER_PORT},dicom")
# Expert notes that say what the PDU means, not that anything is wrong with it.
_NO_FAULT = frozenset({"dicom.assoc.reject", "dicom.assoc.abort", "dicom.status_msg"})


class TsharkField(NamedTuple):
    """One field of a PDU.

    Attributes:
        name: Wireshark's filter name.
        shown: The value in Wireshark's words.
        offset: Counted from the first byte of the PDU; of a field in a reassembled data set, from its first byte.
        raw: The bytes of the field.
    """

    name: str
    shown: str
    offset: int
    raw: bytes


@dataclass(slots=True)
class TsharkPdu:
    """One PDU.

    Attributes:
        conversation: Index of the conversation that the file was written from.
        from_client: Whether the side that opened the connection sent it.
        time: Of the packet that completed it, in seconds since 1970.
        fields: In the order of the dissector, which is that of the bytes.
        problems: Names of the expert notes that find fault with it.
    """

    conversation: int
    from_client: bool
    time: float = 0.0
    fields: list[TsharkField] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def elements(self) -> list[tuple[int, bytes]]:
        """Place and bytes of each tag, length and value; a list of tags, many fields of Wireshark's, as one value."""
        found: list[tuple[int, bytes]] = []
        previous = ""
        for one in self.fields:
            if one.name not in ("dicom.tag", "dicom.tag.vl") and not one.name.startswith("dicom.tag.value."):
                continue
            if one.name == previous:
                offset, raw = found.pop()
                assert offset + len(raw) == one.offset
                found.append((offset, raw + one.raw))
            else:
                found.append((one.offset, one.raw))
            previous = one.name
        return found


def dissect_file(path: Path) -> list[TsharkPdu]:
    """All PDUs of a file in its order."""
    arguments = ("-Y", "dicom", "-T", "json", "-x", "-J", "frame tcp dicom")
    # Names repeat in one object, so it has to stay a list of pairs; texts of data sets are in any character set.
    packets = json.loads(_tshark(path, *arguments).decode("utf-8", "replace"), object_pairs_hook=_Pairs)
    found: list[TsharkPdu] = []
    for packet in packets:
        layers = packet.first("_source").first("layers")
        tcp = layers.first("tcp")
        from_client = int(tcp.first("tcp.dstport")) == SERVER_PORT
        time = float(layers.first("frame").first("frame.time_epoch"))
        client_port = int(tcp.first("tcp.srcport" if from_client else "tcp.dstport"))
        base = 0
        for name, value, raw in _flat(layers):
            if name == "dicom.pdu.type" and raw is not None:
                found.append(TsharkPdu(client_port - FIRST_CLIENT_PORT, from_client, time))
                base = raw[1]
            if raw is not None:
                found[-1].fields.append(TsharkField(name, value, raw[1] - base, bytes.fromhex(raw[0])))
            elif name.startswith(("dicom.", "_ws.malformed")) and name not in _NO_FAULT and not value:
                found[-1].problems.append(name)
    return found


def check_connections(path: Path, expected: int) -> None:
    """Wireshark finds nothing wrong below DICOM, and each connection whole, from SYN to the FIN of both sides."""
    columns = ("tcp.stream", "tcp.completeness", "tcp.analysis.flags", "tcp.checksum.status", "ip.checksum.status")
    arguments = [part for column in columns for part in ("-e", column)]
    checks = ("-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE")
    rows = [line.split("\t") for line in _tshark(path, *checks, "-T", "fields", *arguments).decode().splitlines()]
    wrong = [row for row in rows if row[2:] != ["", "1", "1"]]
    assert not wrong, f"{columns}: {wrong[:5]}"
    # Wireshark's bit mask of what it has seen so far: SYN 1, SYN-ACK 2, ACK 4, data 8, FIN 16
    seen = {row[0]: row[1] for row in rows}
    assert len(seen) == expected
    assert set(seen.values()) == {"31"}, f"not seen from SYN to FIN: {seen}"


class _Pairs(list[tuple[str, Any]]):
    """A JSON object whose names may repeat."""

    def first(self, name: str) -> Any:
        return next(value for key, value in self if key == name)


def _flat(layers: _Pairs) -> Iterator[tuple[str, Any, list[Any] | None]]:
    """(name, value, raw or None) of every field in the DICOM layers, depth first."""
    for name, value in layers:
        if name.split(":")[0] == "dicom" and isinstance(value, _Pairs):
            yield from _inside(value)


def _inside(pairs: _Pairs) -> Iterator[tuple[str, Any, list[Any] | None]]:
    raw: tuple[str, Any] = ("", None)
    for name, value in pairs:
        if name.endswith("_raw"):
            raw = (name[:-4], value)
            continue
        mine = raw[1] if raw[0] == name else None
        if isinstance(value, _Pairs):
            yield from _inside(value)
        else:
            yield name, value, mine


def _tshark(path: Path, *arguments: str) -> bytes:
    command = [require_program("tshark"), "-n", "-r", str(path), *_OPTIONS, *arguments]
    done = subprocess.run(command, capture_output=True, check=False, timeout=TIMEOUT)
    assert done.returncode == 0, f"{command}:\n{done.stderr.decode(errors='replace')}"
    return done.stdout
