"""The steps of two sides in one order: time's, and where clocks disagree the wire's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workstation.traffic.analysis.two_sides import ACCEPTOR, REQUESTOR, Moment, merge_sides
from workstation.traffic.path import Transition, extend_path
from workstation.traffic.record import Step

Steps = list[tuple[str, str, str, str]]

ASKING: Steps = [
    ("Sta1", "Evt1", "AE-1", "Sta4"),
    ("Sta4", "Evt2", "AE-2", "Sta5"),
    ("Sta5", "Evt3", "AE-3", "Sta6"),
    ("Sta6", "Evt9", "DT-1", "Sta6"),
    ("Sta6", "Evt10", "DT-2", "Sta6"),
    ("Sta6", "Evt11", "AR-1", "Sta7"),
    ("Sta7", "Evt13", "AR-3", "Sta1"),
]
ANSWERING: Steps = [
    ("Sta1", "Evt5", "AE-5", "Sta2"),
    ("Sta2", "Evt6", "AE-6", "Sta3"),
    ("Sta3", "Evt7", "AE-7", "Sta6"),
    ("Sta6", "Evt10", "DT-2", "Sta6"),
    ("Sta6", "Evt9", "DT-1", "Sta6"),
    ("Sta6", "Evt12", "AR-2", "Sta8"),
    ("Sta8", "Evt14", "AR-4", "Sta13"),
    ("Sta13", "Evt17", "AR-5", "Sta1"),
]
# As the wire orders them: what is received after what was sent.
ORDER = ["AE-1", "AE-5", "AE-2", "AE-6", "AE-7", "AE-3", "DT-1", "DT-2", "DT-1", "DT-2"]
ORDER += ["AR-1", "AR-2", "AR-4", "AR-3", "AR-5"]


def path(steps: Steps, times: list[float]) -> list[Transition]:
    found: list[Transition] = []
    for step, time in zip(steps, times, strict=True):
        extend_path(found, Step(*step), time)
    return found


def actions(requestor: list[Transition], acceptor: list[Transition]) -> list[str]:
    return [(requestor, acceptor)[side][at].action for side, at in merge_sides(requestor, acceptor)]


def test_time_orders_the_steps_of_both_sides() -> None:
    requestor = path(ASKING, [0, 2, 5, 6, 9, 10, 13])
    acceptor = path(ANSWERING, [1, 3, 4, 7, 8, 11, 12, 14])
    assert actions(requestor, acceptor) == ORDER


def test_at_the_same_moment_what_was_sent_comes_first() -> None:
    requestor = path(ASKING, [0, 2, 4, 6, 8, 10, 12])
    acceptor = path(ANSWERING, [0, 2, 4, 6, 8, 10, 12, 12])
    assert actions(requestor, acceptor) == ORDER


def test_two_threads_that_note_the_clock_late_do_not_turn_cause_and_effect_round() -> None:
    # The requestor notes what it sent only after the acceptor has noted that it came.
    requestor = path(ASKING, [0, 2.5, 3.9, 5.5, 6.4, 10.5, 11.2])
    acceptor = path(ANSWERING, [1, 2.1, 4.2, 5.1, 7, 10.1, 11.8, 12])
    assert actions(requestor, acceptor) == ORDER


@given(st.lists(st.floats(0, 0.4), min_size=15, max_size=15))
def test_every_step_comes_once_and_never_before_its_cause(late: list[float]) -> None:
    requestor = path(ASKING, [at + late[n] for n, at in enumerate((0, 2, 5, 6, 9, 10, 13))])
    acceptor = path(ANSWERING, [at + late[7 + n] for n, at in enumerate((1, 3, 4, 7, 8, 11, 12, 14))])
    merged = merge_sides(requestor, acceptor)
    for side, steps in ((REQUESTOR, requestor), (ACCEPTOR, acceptor)):
        assert [moment.at for moment in merged if moment.side == side] == list(range(len(steps)))
    assert actions(requestor, acceptor) == ORDER


@given(
    st.lists(st.sampled_from(ASKING + ANSWERING), max_size=12),
    st.lists(st.sampled_from(ASKING + ANSWERING), max_size=12),
    st.data(),
)
def test_paths_that_do_not_fit_each_other_are_merged_all_the_same(
    one: Steps, other: Steps, data: st.DataObject
) -> None:
    times = st.lists(st.floats(0, 100), min_size=12, max_size=12)
    requestor = [Transition(Step(*step), time, time) for step, time in zip(one, data.draw(times), strict=False)]
    acceptor = [Transition(Step(*step), time, time) for step, time in zip(other, data.draw(times), strict=False)]
    merged = merge_sides(requestor, acceptor)
    assert len(merged) == len(set(merged)) == len(one) + len(other)


@pytest.mark.parametrize("side", [REQUESTOR, ACCEPTOR])
def test_one_side_alone_stays_as_it_is(side: int) -> None:
    alone = path(ASKING, [0, 1, 2, 3, 4, 5, 6])
    paths = (alone, []) if side == REQUESTOR else ([], alone)
    assert merge_sides(*paths) == [Moment(side, at) for at in range(len(alone))]
