"""What a fault does to the wire is seen in the traffic: the bytes that left, read by everything that looks at them."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from fault_wire import PATIENCE, converse, pdus_of, server, usual

from workstation.scp.rules.faults import FAULTS
from workstation.scp.rules.rule import ASSOCIATION, Fault
from workstation.traffic.decoding.dissect import dissect
from workstation.traffic.expert.experts import notes_of
from workstation.traffic.log import TrafficLog
from workstation.traffic.recorder import Recorder

VALUES: dict[str, dict[str, Any]] = {
    "abort": {"point": "middle", "bytes": 33},
    "drop": {"point": "middle", "bytes": 33},
    "slow-read": {"rate": 1_000_000},
    "slow-write": {"rate": 100_000},
}
CASES = [
    (event, kind)
    for kind, spec in FAULTS.items()
    for event in (ASSOCIATION, "EVT_C_FIND", "EVT_C_GET")
    if spec.applies_to(event) and kind != "reject"  # which is an answer like others
]


@pytest.mark.parametrize(("event", "kind"), CASES)
def test_the_traffic_shows_what_left(event: str, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    recorder = Recorder(lambda: None)
    log = TrafficLog()
    fault = Fault(kind=kind, values=VALUES.get(kind, {}))
    with server() as scp, caplog.at_level(logging.WARNING):
        for notification, handler in recorder.handlers():
            scp.server.bind(notification, handler)
        scp.misbehave(event, fault)
        answer = pdus_of(usual(event))[0]
        silent_after = len(answer) if kind == "silence" else None
        heard = converse(scp, event, silent_after=silent_after)
        assert scp.associations[0].over.wait(PATIENCE)
    log.add(recorder.drain())
    conversation = log.conversations[0]
    assert b"".join(pdu.data for row in conversation.rows for pdu in row.pdus if pdu.sent) == bytes(heard.data)
    for row in conversation.rows:
        assert dissect(row).data
        assert row.name
    for note in notes_of(conversation):
        assert note is None or note.sentence
    assert not [record for record in caplog.records if record.exc_info]
