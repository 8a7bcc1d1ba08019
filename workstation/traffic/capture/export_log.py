"""What a log has kept, as the JSON of `export`: the PDUs of all associations in the order of time. No Qt.

May run in any thread while the log goes on, for what is written is taken hold of first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from workstation.traffic.capture.export import JsonWriter, pdu_object
from workstation.traffic.capture.whole_file import GivenUp, whole_file
from workstation.traffic.conversation import Conversation

__all__ = ["export_log"]

_TOLD_EVERY = 256


def export_log(
    path: Path,
    conversations: Sequence[Conversation],
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> int | None:
    """Write each PDU with its fields; the file is there as a whole or not at all.

    Returns:
        How many PDUs were written; None if it was cancelled.

    Raises:
        OSError: It cannot be written.
    """
    kept = []
    for conversation in conversations:
        seen: set[int] = set()
        for row in tuple(conversation.rows):
            for pdu in tuple(row.pdus):
                # One that carries several messages stands in each of their rows.
                if pdu.number not in seen:
                    seen.add(pdu.number)
                    kept.append((pdu.time, conversation.number, pdu.number, conversation, pdu))
    kept.sort(key=lambda entry: entry[:3])
    try:
        with whole_file(path) as file:
            writer = JsonWriter(file)
            for done, (*_, conversation, pdu) in enumerate(kept):
                if done % _TOLD_EVERY == 0:
                    progress(done, len(kept))
                    if cancelled():
                        raise GivenUp
                writer.add(pdu_object(conversation, pdu))
            writer.end()
    except GivenUp:
        return None
    return writer.count
