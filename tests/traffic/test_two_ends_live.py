"""Both ends of real associations over loopback: their times, and their steps on one clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from pydicom.dataset import Dataset

from workstation.net import AE, evt
from workstation.traffic.analysis.derive import derive_path
from workstation.traffic.analysis.timing import Stage, Timing
from workstation.traffic.analysis.two_sides import merge_sides
from workstation.traffic.conversation import Conversation
from workstation.traffic.log import TrafficLog
from workstation.traffic.recorder import Recorder

VERIFICATION = "1.2.840.10008.1.1"
FIND = "1.2.840.10008.5.1.4.1.2.2.1"
MATCHES = 5


def find(event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
    for number in range(MATCHES):
        found = Dataset()
        found.QueryRetrieveLevel = "PATIENT"
        found.PatientID = str(number)
        yield 0xFF00, found


@pytest.fixture(scope="module")
def ends() -> tuple[TrafficLog, Conversation, Conversation]:
    """An association with an echo, a query and a release, seen from both ends: (log, requestor, acceptor)."""
    woken = threading.Event()
    recorder = Recorder(woken.set)
    server = AE(ae_title="SERVER")
    client = AE(ae_title="CLIENT")
    for abstract in (VERIFICATION, FIND):
        server.add_supported_context(abstract)
        client.add_requested_context(abstract)
    handlers: list[Any] = [*recorder.handlers(), (evt.EVT_C_FIND, find)]
    listening = server.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    try:
        association = client.associate("127.0.0.1", listening.server_address[1], evt_handlers=recorder.handlers())
        assert association.is_established
        association.send_c_echo()
        wanted = Dataset()
        wanted.QueryRetrieveLevel = "PATIENT"
        assert len(list(association.send_c_find(wanted, FIND))) == MATCHES + 1
        association.release()
        log = TrafficLog()
        deadline = time.monotonic() + 10
        while len(log) < 2 or not all(each.finished for each in log.conversations):
            assert woken.wait(max(deadline - time.monotonic(), 0)), "the association did not end"
            woken.clear()
            log.add(recorder.drain())
    finally:
        listening.shutdown()
    requestor, acceptor = sorted(log.conversations, key=lambda each: each.mode, reverse=True)
    return log, requestor, acceptor


def read(conversation: Conversation) -> Timing:
    timing = Timing(conversation)
    for _ in timing.read():
        pass
    return timing


def test_each_moment_is_spent_on_one_thing(ends: tuple[TrafficLog, Conversation, Conversation]) -> None:
    for conversation in ends[1:]:
        timing = read(conversation)
        assert sum(timing.spent().values()) == pytest.approx(timing.duration)
        assert timing.unanswered == 0
        names = [timing.exchange(place).name for place in timing.shown]
        assert names == ["A-ASSOCIATE", "C-ECHO", "C-FIND", "A-RELEASE"]
        assert all(timing.exchange(place).done for place in timing.shown)
        assert timing.exchange(2).responses == MATCHES + 1


def test_what_one_end_waits_for_the_other_end_thinks_about(
    ends: tuple[TrafficLog, Conversation, Conversation],
) -> None:
    asking, answering = read(ends[1]), read(ends[2])
    assert asking.spent()[Stage.PEER] > 0
    assert asking.spent()[Stage.OURS] == 0
    assert answering.spent()[Stage.OURS] > 0
    assert answering.spent()[Stage.PEER] == 0
    for place in asking.shown:
        one, other = asking.exchange(place), answering.exchange(place)
        assert (one.name, one.size, one.answer_size) == (other.name, other.size, other.answer_size)
        assert one.sent is not other.sent


def test_the_steps_of_both_ends_make_one_story(ends: tuple[TrafficLog, Conversation, Conversation]) -> None:
    log, requestor, acceptor = ends
    assert log.twin(requestor) is acceptor
    paths = (requestor.path, acceptor.path)
    story = [paths[side][at].action for side, at in merge_sides(*paths)]
    for cause, effect in (("AE-2", "AE-6"), ("AE-7", "AE-3"), ("AR-1", "AR-2"), ("AR-4", "AR-3"), ("AR-3", "AR-5")):
        assert story.index(cause) < story.index(effect), story
    assert story.index("DT-1") < story.index("DT-2")


@pytest.mark.parametrize("role", ["requestor", "acceptor"])
def test_a_derived_side_goes_the_way_that_the_real_one_went(
    ends: tuple[TrafficLog, Conversation, Conversation], role: Any
) -> None:
    _, requestor, acceptor = ends
    real, seen_by = (acceptor, requestor) if role == "acceptor" else (requestor, acceptor)
    derived = [(step.step, step.count) for step in derive_path(seen_by, role)]
    assert derived == [(step.step, step.count) for step in real.path]
