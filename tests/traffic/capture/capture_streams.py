"""What is in a pcapng file, read by dpkt: its packets, and the TCP streams that they make."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dpkt

FIN, SYN, RST, ACK = dpkt.tcp.TH_FIN, dpkt.tcp.TH_SYN, dpkt.tcp.TH_RST, dpkt.tcp.TH_ACK
Ends = tuple[bytes, int, bytes, int]


@dataclass(slots=True)
class Stream:
    """One connection as packets show it; the keys say whether the client sent it.

    Attributes:
        data: the bytes of each direction that are there, joined.
        gaps: for each direction, (offset in `data`, bytes that are missing there).
        order: (time, from client, flags, bytes on the wire, bytes in the file) of each packet.
    """

    ends: Ends
    data: dict[bool, bytes] = field(default_factory=lambda: {True: b"", False: b""})
    gaps: dict[bool, list[tuple[int, int]]] = field(default_factory=lambda: {True: [], False: []})
    order: list[tuple[float, bool, int, int, int]] = field(default_factory=list)
    next: dict[bool, int] = field(default_factory=dict)

    @property
    def closed_by(self) -> bool | None:
        """Whether the client was the first to say its last; None if nobody was."""
        return next((from_client for _, from_client, flags, _, _ in self.order if flags & (FIN | RST)), None)


def streams_of(path: Path) -> list[Stream]:
    """The connections of a file in the order of their first packets."""
    found: dict[Ends, Stream] = {}
    done: list[Stream] = []
    for time, ip in packets_of(path):
        tcp = ip.data
        ends = (ip.src, tcp.sport, ip.dst, tcp.dport)
        from_client = ends in found
        if tcp.flags & SYN and not tcp.flags & ACK:
            from_client = True
            if ends in found:
                done.append(found.pop(ends))
            found[ends] = Stream(ends)
        elif not from_client and (*ends[2:], *ends[:2]) not in found:
            found[ends], from_client = Stream(ends), True  # the first to speak
        stream = found[ends] if from_client else found[(*ends[2:], *ends[:2])]
        _add(stream, time, from_client, ip, tcp)
    done += found.values()
    return sorted(done, key=lambda stream: stream.order[0][0])


def _add(stream: Stream, time: float, from_client: bool, ip: Any, tcp: Any) -> None:
    length = (ip.len - 20 if isinstance(ip, dpkt.ip.IP) else ip.plen) - tcp.off * 4
    data = bytes(tcp.data)
    stream.order.append((time, from_client, tcp.flags, length, len(data)))
    start = bool(tcp.flags & SYN)
    if not start:
        missing = (tcp.seq - stream.next.get(from_client, tcp.seq)) % 2**32
        if missing:
            stream.gaps[from_client].append((len(stream.data[from_client]), missing))
    stream.data[from_client] += data
    if len(data) < length:
        stream.gaps[from_client].append((len(stream.data[from_client]), length - len(data)))
    stream.next[from_client] = (tcp.seq + length + start + bool(tcp.flags & FIN)) % 2**32


def packets_of(path: Path) -> Iterator[tuple[float, Any]]:
    """(time, IP packet) of each packet; only as much of a cut one as there is."""
    with path.open("rb") as file:
        reader = dpkt.pcapng.Reader(file)
        assert reader.datalink() == 101  # LINKTYPE_RAW
        for time, raw in reader:
            yield time, dpkt.ip.IP(raw) if raw[0] >> 4 == 4 else dpkt.ip6.IP6(raw)


def comments_of(path: Path) -> list[str]:
    """The comments beside packets."""
    found = []
    with path.open("rb") as file:
        data = file.read()
    position = 0
    while position < len(data):
        kind, length = (int.from_bytes(data[position + at : position + at + 4], "little") for at in (0, 4))
        if kind == 6:
            kept = int.from_bytes(data[position + 20 : position + 24], "little")
            option = position + 28 + kept + -kept % 4
            if data[option : option + 2] == b"\1\0":
                size = int.from_bytes(data[option + 2 : option + 4], "little")
                found.append(data[option + 4 : option + 4 + size].decode())
        position += length
    return found
