"""States derived from bytes: the playbook of PS3.8 Table 9-10 as either side goes through it."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from traffic_wire import ACCEPT, ECHO_RQ, ECHO_RSP, REQUEST, Wire, store_rq

from workstation.net.codec.pdu import (
    A_ABORT_RQ,
    A_ASSOCIATE_RJ,
    A_RELEASE_RP,
    A_RELEASE_RQ,
    AbortSource,
    encode_pdu,
)
from workstation.net.engine.fsm import TABLE
from workstation.traffic.analysis.derive import DerivedPath, PathDeriver, Role, derive_path
from workstation.traffic.conversation import Conversation
from workstation.traffic.log import TrafficLog
from workstation.traffic.record import Record

RQ, AC = encode_pdu(REQUEST), encode_pdu(ACCEPT)
DATA = b"\4\0\0\0\0\x08\0\0\0\4\1\0\0\0"
RELEASE_RQ, RELEASE_RP = encode_pdu(A_RELEASE_RQ()), encode_pdu(A_RELEASE_RP())
ABORT = encode_pdu(A_ABORT_RQ(source=AbortSource.SERVICE_USER, reason=0))
PROVIDER_ABORT = encode_pdu(A_ABORT_RQ(source=AbortSource.SERVICE_PROVIDER, reason=2))
REJECT = encode_pdu(A_ASSOCIATE_RJ(result=1, source=1, reason=7))
PROVIDER_REJECT = encode_pdu(A_ASSOCIATE_RJ(result=1, source=2, reason=2))
UNKNOWN = b"\x0a\0\0\0\0\4\0\0\0\0"

Q, A = True, False  # who sends: requestor, acceptor
OPEN = [(Q, RQ), (A, AC)]
TO_STA6: dict[str, str] = {
    "requestor": "Evt1 AE-1 Sta4, Evt2 AE-2 Sta5, Evt3 AE-3 Sta6",
    "acceptor": "Evt5 AE-5 Sta2, Evt6 AE-6 Sta3, Evt7 AE-7 Sta6",
}


def steps(role: Role, said: list[tuple[bool, bytes]], *, closed: bool = True) -> str:
    deriver = PathDeriver(role)
    taken = deriver.opened(0.0)
    for at, (by_requestor, data) in enumerate(said, 1):
        taken += deriver.pdu(data[0], by_requestor == (role == "requestor"), float(at), data)
    if closed:
        taken += deriver.closed(100.0)
    state = "Sta1"
    for _, step in taken:
        assert step.state == state
        state = step.next_state
    assert [one.time for one in taken] == sorted(one.time for one in taken)
    return ", ".join(f"{step.event} {step.action} {step.next_state}" for _, step in taken)


@pytest.mark.parametrize(
    ("said", "requestor", "acceptor"),
    [
        pytest.param([], "Evt1 AE-1 Sta4, Evt17 AA-4 Sta1", "Evt5 AE-5 Sta2, Evt17 AA-5 Sta1", id="nothing"),
        pytest.param(
            [*OPEN, (Q, DATA), (A, DATA), (Q, RELEASE_RQ), (A, RELEASE_RP)],
            "*, Evt9 DT-1 Sta6, Evt10 DT-2 Sta6, Evt11 AR-1 Sta7, Evt13 AR-3 Sta1",
            "*, Evt10 DT-2 Sta6, Evt9 DT-1 Sta6, Evt12 AR-2 Sta8, Evt14 AR-4 Sta13, Evt17 AR-5 Sta1",
            id="released",
        ),
        pytest.param(
            [*OPEN, (A, RELEASE_RQ), (Q, RELEASE_RP)],
            "*, Evt12 AR-2 Sta8, Evt14 AR-4 Sta13, Evt17 AR-5 Sta1",
            "*, Evt11 AR-1 Sta7, Evt13 AR-3 Sta1",
            id="released by the acceptor",
        ),
        pytest.param(
            [*OPEN, (Q, RELEASE_RQ), (A, DATA), (A, RELEASE_RP)],
            "*, Evt11 AR-1 Sta7, Evt10 AR-6 Sta7, Evt13 AR-3 Sta1",
            "*, Evt12 AR-2 Sta8, Evt9 AR-7 Sta8, Evt14 AR-4 Sta13, Evt17 AR-5 Sta1",
            id="data while releasing",
        ),
        pytest.param(
            [*OPEN, (Q, RELEASE_RQ), (A, RELEASE_RQ), (Q, RELEASE_RP), (A, RELEASE_RP)],
            "*, Evt11 AR-1 Sta7, Evt12 AR-8 Sta9, Evt14 AR-9 Sta11, Evt13 AR-3 Sta1",
            "*, Evt11 AR-1 Sta7, Evt12 AR-8 Sta10, Evt13 AR-10 Sta12, Evt14 AR-4 Sta13, Evt17 AR-5 Sta1",
            id="release collision",
        ),
        pytest.param(
            [(Q, RQ), (A, REJECT)],
            "Evt1 AE-1 Sta4, Evt2 AE-2 Sta5, Evt4 AE-4 Sta1",
            "Evt5 AE-5 Sta2, Evt6 AE-6 Sta3, Evt8 AE-8 Sta13, Evt17 AR-5 Sta1",
            id="rejected by the user",
        ),
        pytest.param(
            [(Q, RQ), (A, PROVIDER_REJECT)],
            "Evt1 AE-1 Sta4, Evt2 AE-2 Sta5, Evt4 AE-4 Sta1",
            "Evt5 AE-5 Sta2, Evt6 AE-6 Sta13, Evt17 AR-5 Sta1",
            id="rejected by the provider",
        ),
        pytest.param(
            [*OPEN, (Q, ABORT)],
            "*, Evt15 AA-1 Sta13, Evt17 AR-5 Sta1",
            "*, Evt16 AA-3 Sta1",
            id="aborted by the requestor",
        ),
        pytest.param(
            [*OPEN, (Q, UNKNOWN), (A, PROVIDER_ABORT)],
            "*, Evt16 AA-3 Sta1",
            "*, Evt19 AA-8 Sta13, Evt17 AR-5 Sta1",
            id="aborted for what was sent",
        ),
        pytest.param(
            [*OPEN, (Q, RELEASE_RQ), (A, RELEASE_RQ), (Q, ABORT)],
            "*, Evt11 AR-1 Sta7, Evt12 AR-8 Sta9, Evt15 AA-1 Sta13, Evt17 AR-5 Sta1",
            "*, Evt11 AR-1 Sta7, Evt12 AR-8 Sta10, Evt16 AA-3 Sta1",
            id="aborted in a collision",
        ),
        pytest.param([*OPEN, (Q, DATA)], "*, Evt9 DT-1 Sta6, Evt17 AA-4 Sta1", "*, Evt10 DT-2 Sta6, Evt17 AA-4 Sta1"),
    ],
)
def test_both_sides(said: list[tuple[bool, bytes]], requestor: str, acceptor: str) -> None:
    assert steps("requestor", said) == requestor.replace("*", TO_STA6["requestor"])
    assert steps("acceptor", said) == acceptor.replace("*", TO_STA6["acceptor"])


def test_data_before_an_association() -> None:
    said = [(Q, DATA), (A, PROVIDER_ABORT)]
    assert steps("acceptor", said) == "Evt5 AE-5 Sta2, Evt10 AA-1 Sta13, Evt17 AR-5 Sta1"


def test_a_side_that_went_on_was_not_in_a_wrong_state() -> None:
    """The acceptor answers data that came while it waited for the release: it did not follow the table."""
    said = [*OPEN, (Q, RELEASE_RQ), (Q, DATA), (A, RELEASE_RP)]
    assert steps("acceptor", said).endswith("Evt12 AR-2 Sta8, Evt14 AR-4 Sta13, Evt17 AR-5 Sta1")


def test_what_is_seen_may_begin_in_the_midst() -> None:
    for role in get_args(Role):
        deriver = PathDeriver(role)
        ((_, step),) = deriver.pdu(4, True, 1.0, DATA)
        assert (step.state, step.event) == ("Sta6", "Evt9")
    deriver = PathDeriver("requestor")
    assert [step.action for _, step in deriver.pdu(6, False, 1.0, RELEASE_RP)] == ["AR-3"]


def test_a_gap_may_hide_what_led_to_the_next_state() -> None:
    deriver = PathDeriver("requestor")
    deriver.opened(0.0)
    deriver.pdu(1, True, 1.0, RQ)
    deriver.gap()
    ((_, step),) = deriver.pdu(4, False, 2.0, DATA)
    assert (step.state, step.action) == ("Sta6", "DT-2")


PIECES = [
    RQ,
    AC,
    DATA,
    RELEASE_RQ,
    RELEASE_RP,
    ABORT,
    PROVIDER_ABORT,
    REJECT,
    PROVIDER_REJECT,
    UNKNOWN,
    b"\5\0\0\0\0\1x",
]


@given(
    st.sampled_from(["requestor", "acceptor"]),
    st.lists(st.one_of(st.none(), st.tuples(st.booleans(), st.sampled_from(PIECES))), max_size=12),
    st.booleans(),
)
def test_every_step_is_a_cell_of_the_table(role: Role, said: list[tuple[bool, bytes] | None], opened: bool) -> None:
    deriver = PathDeriver(role)
    taken = deriver.opened(0.0) if opened else []
    for at, one in enumerate(said, 1):
        if one is None:
            deriver.gap()
        else:
            taken += deriver.pdu(one[1][0], one[0], float(at), one[1])
    taken += deriver.closed(100.0)
    cells = {(str(state), str(event)): str(action) for (state, event), action in TABLE.items()}
    assert all(cells[step.state, step.event] == step.action for _, step in taken)


# -- of conversations --------------------------------------------------------------------------------------------


def folded(records: list[Record]) -> Conversation:
    log = TrafficLog()
    log.add(records)
    return log.conversations[0]


def whole(wire: Wire) -> list[Record]:
    return [
        *wire.established(),
        *wire.echo(),
        *wire.message(store_rq(), bytes(1000), sent=True, fragment=100),
        wire.step("Sta6", "Evt11", "AR-1", "Sta7"),
        wire.pdu(A_RELEASE_RQ(), sent=True),
        wire.pdu(A_RELEASE_RP(), sent=False),
        wire.step("Sta7", "Evt13", "AR-3", "Sta1"),
        wire.close(),
    ]


def test_the_derived_path_of_the_own_side_is_the_real_one() -> None:
    conversation = folded(whole(Wire()))
    derived = derive_path(conversation, "requestor")
    assert [step.step for step in derived] == [step.step for step in conversation.path]


def test_the_other_side_of_a_conversation() -> None:
    conversation = folded(whole(Wire()))
    path = derive_path(conversation, "acceptor")
    assert [f"{step.event} x{step.count}" for step in path] == [
        "Evt5 x1",
        "Evt6 x1",
        "Evt7 x1",
        "Evt10 x13",
        "Evt9 x1",
        "Evt12 x1",
        "Evt14 x1",
        "Evt17 x1",
    ]


def test_a_path_derived_while_it_goes_on_is_that_derived_at_the_end() -> None:
    records = whole(Wire())
    log = TrafficLog()
    log.add(records[:1])
    followed = DerivedPath(log.conversations[0], "acceptor")
    for record in records[1:]:
        log.add([record])
        while followed.advance(3):
            pass
    at_once = derive_path(log.conversations[0], "acceptor")
    assert [(one.step, one.count, one.time) for one in followed.path] == [
        (one.step, one.count, one.time) for one in at_once
    ]
    assert followed.state == "Sta1"


def test_slices_take_in_everything() -> None:
    wire = Wire()
    records = wire.established()
    for _ in range(200):
        records += wire.message(ECHO_RQ, sent=True) + wire.message(ECHO_RSP, sent=False)
    derived = DerivedPath(folded(records), "requestor")
    rounds = 0
    while derived.advance(50):
        rounds += 1
    assert rounds >= 7
    assert [step.count for step in derived.path[-2:]] == [200, 200]


def test_a_capture_that_ended_adds_no_end() -> None:
    """Closed in the log because the capture ended, while the connection was open."""
    wire = Wire()
    conversation = folded([*wire.established(), *wire.echo(), wire.close()])
    assert conversation.finished
    for role in get_args(Role):
        assert derive_path(conversation, role)[-1].next_state == "Sta6"
