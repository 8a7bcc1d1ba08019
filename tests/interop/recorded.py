"""The conversations of a group of peers as files and as Wireshark reads them: made once, for all tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from conversations import GROUPS
from recording import PORTS, Conversation, RecordedPdu, write_pcap
from tcpdump import can_capture, tcpdump
from tshark import TsharkPdu, dissect_file


@dataclass(slots=True)
class Recording:
    """The conversations of one group of peers, and what Wireshark says of each.

    Attributes:
        group: Its name in `GROUPS`.
        conversations: As the proxy between the peers heard them.
        pcap: They as packets that the test made.
        dump: The packets themselves, by tcpdump; not there on a machine where that may not listen.
    """

    group: str
    conversations: list[Conversation]
    pcap: Path
    dump: Path
    tshark: list[list[TsharkPdu]] = field(default_factory=list)

    @property
    def pdus(self) -> Iterator[tuple[Conversation, RecordedPdu]]:
        for conversation in self.conversations:
            for pdu in conversation.pdus:
                yield conversation, pdu

    @property
    def pairs(self) -> Iterator[tuple[RecordedPdu, TsharkPdu]]:
        """Each PDU beside Wireshark's."""
        for conversation, theirs in zip(self.conversations, self.tshark, strict=True):
            yield from zip(conversation.pdus, theirs, strict=True)


def record(group: str, folder: Path) -> Recording:
    """Let the peers of a group talk."""
    dump = folder / "tcpdump.pcap"
    listening = tcpdump(dump, f"tcp portrange {PORTS[0]}-{PORTS[-1]}") if can_capture() else nullcontext()
    with listening:
        conversations = GROUPS[group](folder)
    made = Recording(group, conversations, folder / "recorded.pcap", dump)
    write_pcap(made.pcap, conversations)
    made.tshark = by_conversation(made.pcap, len(conversations))
    return made


def by_conversation(path: Path, count: int) -> list[list[TsharkPdu]]:
    """What Wireshark says of each conversation of a file."""
    found: list[list[TsharkPdu]] = [[] for _ in range(count)]
    for pdu in dissect_file(path):
        found[pdu.conversation].append(pdu)
    return found
