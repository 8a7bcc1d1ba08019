"""Display filters over a million rows: how long each kind of test takes.

    python tests/benchmarks/filter.py [--rows 1000000]

The rows are those of one association: C-STORE requests and responses, every thousandth with a warning.
"""

from __future__ import annotations

import argparse
import gc
import time

from workstation.traffic.conversation import Conversation
from workstation.traffic.filters.filter import Filter
from workstation.traffic.rows import MessageRow, PduRow

CT = "1.2.840.10008.5.1.4.1.1.2"
FILTERS = (
    "status != 0",
    "status == warning",
    "dimse == C-STORE-RQ",
    "dimse and status != 0",
    'calling == "CT1" and status != 0',
    "status != 0 or size > 1 MB",
    "time > 60 s",
    "response_time > 5 ms",
    "direction == sent and size > 100 kB",
    "sop_class == CTImageStorage",
    'sop_class contains "CT"',
    "number in 1000..2000",
    "pdu.type == P-DATA-TF",
    "pdu.count > 2",
    'calling == "CT1"',
    "clock >= 12:00",
    'dimse matches "^c-(store|find)"',
    "pdu.length > 128 KiB",
)


def conversation_of(rows: int) -> Conversation:
    """An association with so many rows, made directly: to fold their PDUs would take longer than all that follows."""
    conversation = Conversation(1, 1_700_000_000.0)
    conversation.calling, conversation.called = "CT1", "PACS"
    made = conversation.rows
    now = conversation.start_time
    for number in range(1, rows + 1):
        is_request = bool(number % 2)
        now += 0.0004
        row = MessageRow(number, "C-STORE-RQ" if is_request else "C-STORE-RSP", is_request, now, 0.0004)
        row.context_id = 1
        row.sop_class_uid = CT
        row.message_id = number // 2
        row.size = 525_000 if is_request else 128
        row.pdus = [PduRow(number, now, is_request, 4, row.size, b"", 0)]
        row.pdus[0].pdvs = (number, 3, 12, 100)
        row.complete = row.command_complete = True
        if not is_request:
            row.status = 0xB000 if number % 1000 == 0 else 0
            row.request, row.response_time = number - 1, 0.0004
        made.append(row)
    return conversation


def measure(rows: int) -> None:
    """Print the time of each filter."""
    conversation = conversation_of(rows)
    gc.collect()
    gc.freeze()
    for text in FILTERS:
        wanted = Filter.of(text)
        began = time.perf_counter()
        found = wanted.rows(conversation)
        taken = time.perf_counter() - began
        longest = 0.0
        pieces: list[int] = []
        work = wanted.search(conversation, pieces)
        while True:
            step = time.perf_counter()
            if next(work, 0) == 0:
                break
            longest = max(longest, time.perf_counter() - step)
        assert pieces == found
        print(
            f"{taken * 1000:6.0f} ms  {len(found):9,} of {rows:,} rows  longest step {longest * 1000:4.1f} ms  {text}"
        )
    began = time.perf_counter()
    for _ in range(100):
        Filter.of('calling == "CT1" and (status != 0 or response_time > 2 s)')
    print(f"{(time.perf_counter() - began) * 10:6.2f} ms  to compile one")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    measure(parser.parse_args().rows)
