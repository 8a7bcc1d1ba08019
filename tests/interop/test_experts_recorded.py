"""The expert notes on what real peers said to each other: ordinary traffic is not remarked on, what failed is."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from pathlib import Path

import pytest
from conversations import GROUPS
from recording import Conversation as Recorded

from workstation.traffic.conversation import Conversation
from workstation.traffic.expert.experts import Severity, failure_of, notes_of
from workstation.traffic.log import TrafficLog
from workstation.traffic.record import ConversationFacts, Record

# What the peers were asked to do wrong, and what is remarkable in what they do right.
EXPECTED = {
    # echoscu --abort and storescp --abort-after; findscu, which closes when no context is accepted; a passcode;
    # storescp --refuse and dcmqrscp asked by a wrong name; an unknown move destination
    "DCMTK": {"aborted", "connection-lost", "contexts-none", "identity-in-clear", "rejected", "status", "unanswered"},
    # an abort and an unknown move destination
    "Orthanc": {"aborted", "status"},
    "pynetdicom": {
        "aborted",
        "contexts-rejected",
        "identity-in-clear",
        "identity-unanswered",
        "needed-rejected",
        "nothing-done",
        "rejected",
        "status",
    },
}
SILENT = {"DCMTK": 12, "Orthanc": 8, "pynetdicom": 1}
# How long a peer thinks on a busy machine is no matter of this test; pynetdicom answers a role for each context.
FREE = {"slow-answer", "pause", "role-twice"}


def fold(recorded: Iterable[Recorded]) -> list[Conversation]:
    """Recorded conversations as their requestor saw them."""
    log, numbers = TrafficLog(1_000_000, 1 << 30), count(1)
    for association, one in enumerate(recorded, 1):
        facts = ConversationFacts("requestor", "", "", "192.0.2.2", 11112)
        log.add([Record(next(numbers), one.started, association, "EVT_CONN_OPEN", facts=facts)])
        waiting = {True: bytearray(), False: bytearray()}
        time = one.started
        for time, from_client, data in one.chunks:
            buffer = waiting[from_client]
            buffer += data
            while len(buffer) >= 6 and len(buffer) >= (end := 6 + int.from_bytes(buffer[2:6], "big")):
                pdu = bytes(buffer[:end])
                del buffer[:end]
                event = "EVT_DATA_SENT" if from_client else "EVT_DATA_RECV"
                log.add([Record(next(numbers), time, association, event, data=pdu, length=len(pdu), pdu_type=pdu[0])])
        log.add([Record(next(numbers), time, association, "EVT_CONN_CLOSE")])
    return log.conversations


@pytest.mark.parametrize("group", GROUPS)
def test_only_what_is_remarkable_is_remarked_on(group: str, tmp_path: Path) -> None:
    conversations = fold(GROUPS[group](tmp_path))
    notes = [note for conversation in conversations for note in notes_of(conversation) if note is not None]
    found = {note.rule for note in notes} - FREE
    shown = "\n".join(f"#{note.conversation} {note.rule}: {note.sentence} {note.evidence}" for note in notes)
    assert found == EXPECTED[group], shown
    # of those that were in order nothing is said
    silent = {conversation.number for conversation in conversations} - {note.conversation for note in notes}
    assert len(silent) >= SILENT[group], shown
    for conversation in conversations:
        verdict = failure_of(conversation)
        failed = {note.rule for note in notes if note.conversation == conversation.number and note.severity > 0}
        assert (verdict is not None) == bool(failed - {"identity-in-clear", "slow-answer"}), (
            conversation.number,
            failed,
        )
        if verdict is not None:
            assert verdict.remedy
    assert max(note.severity for note in notes) in (Severity.ERROR, Severity.WARNING)
