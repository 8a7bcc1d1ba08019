"""Unified procedure steps against pynetdicom, in both roles (PS3.4 Annex CC).

Instances are always of the Push SOP class; its requests may go over any of the five accepted contexts.
"""

from __future__ import annotations

from typing import Any

import pytest
from data_sets import Plain, data_set, plain
from dimse_n_talk import WAIT, Talk, step
from pydicom.uid import PYDICOM_ROOT_UID

PUSH, WATCH, PULL, EVENT, QUERY = (
    f"UnifiedProcedureStep{name}" for name in ("Push", "Watch", "Pull", "Event", "Query")
)
ALL = [PUSH, WATCH, PULL, EVENT, QUERY]
SCHEDULED: Plain = {"ProcedureStepState": "SCHEDULED", "ProcedureStepLabel": "Contour", "Rows": 3}
GLOBAL = "1.2.840.10008.5.1.4.34.5"
KEY, OTHER_KEY = f"{PYDICOM_ROOT_UID}8.1", f"{PYDICOM_ROOT_UID}8.2"


def a_step(talk: Talk, number: int) -> str:
    """A scheduled step that no other test has; what the provider heard of it is dropped."""
    uid = f"{PYDICOM_ROOT_UID}8.3.{number}{talk.mark}"
    ((status, reply),) = talk([PUSH], step("N-CREATE", PUSH, uid, data=SCHEDULED))
    assert status["Status"] == 0x0000
    assert reply == plain(data_set({**SCHEDULED, "SOPInstanceUID": uid}))
    heard = talk.heard()
    assert (heard["class"], heard["context"], heard["data"]) == (PUSH, PUSH, plain(data_set(SCHEDULED)))
    return uid


def change(uid: str, state: str, key: str = KEY) -> Plain:
    return step("N-ACTION", PUSH, uid, type=1, data={"ProcedureStepState": state, "TransactionUID": key})


def codes(answers: list[Any]) -> list[int]:
    return [status["Status"] for status, _ in answers]


def test_the_work_of_a_performer(talk: Talk) -> None:
    uid = a_step(talk, 1)
    progress = {"TransactionUID": KEY, "ProcedureStepLabel": "Half"}
    answers = talk(
        [PULL],
        step("N-SET", PUSH, uid, data={"ProcedureStepLabel": "Soon"}),
        change(uid, "COMPLETED"),
        change(uid, "IN PROGRESS"),
        change(uid, "IN PROGRESS"),
        step("N-SET", PUSH, uid, data={"ProcedureStepLabel": "Not mine"}),
        step("N-SET", PUSH, uid, data=progress),
        change(uid, "COMPLETED", OTHER_KEY),
        step("N-GET", PUSH, uid, tags=[0x00741000, 0x00741204]),
        change(uid, "COMPLETED"),
        change(uid, "COMPLETED"),
        change(uid, "CANCELED"),
    )
    # PS3.4 Table CC.1.1-2 and section CC.2.1.3
    expected = [0x0000, 0xC310, 0x0000, 0xC302, 0xC301, 0x0000, 0xC301, 0x0000, 0x0000, 0xB306, 0xC300]
    assert codes(answers) == expected
    assert answers[5][1] == progress
    assert answers[7][1] == {"ProcedureStepState": "IN PROGRESS", "ProcedureStepLabel": "Half"}
    assert all(reply is None for (status, reply) in answers if status["Status"] >= 0xC000)
    for _ in answers:
        heard = talk.heard()
        assert (heard["class"], heard["context"], heard["instance"]) == (PUSH, PULL, uid)


@pytest.mark.parametrize("context", ALL)
def test_push_requests_over_each_context(talk: Talk, context: str) -> None:
    uid = f"{PYDICOM_ROOT_UID}8.4.{ALL.index(context)}{talk.mark}"
    answers = talk(
        [context],
        step("N-CREATE", PUSH, uid, data=SCHEDULED),
        step("N-GET", PUSH, uid, tags=[0x00741000]),
        step("N-SET", PUSH, uid, data={"Rows": 4}),
        step("N-ACTION", PUSH, uid, type=3),
        step("N-ACTION", PUSH, uid, type=7),
    )
    assert codes(answers) == [0x0000, 0x0000, 0x0000, 0x0000, 0x0123]
    assert answers[1][1] == {"ProcedureStepState": "SCHEDULED"}
    for _ in answers:
        heard = talk.heard()
        assert (heard["class"], heard["context"]) == (PUSH, context)


def test_the_context_is_pushs_own_if_there_is_one(talk: Talk) -> None:
    uid = a_step(talk, 2)
    talk([EVENT, PUSH, PULL], step("N-GET", PUSH, uid), step("N-GET", PUSH, uid, via=PULL), step("N-GET", PULL, uid))
    assert [talk.heard()["context"] for _ in range(3)] == [PUSH, PULL, PULL]


def test_the_other_classes_have_no_such_freedom(talk: Talk) -> None:
    steps = [step("N-GET", name, GLOBAL) for name in (WATCH, PULL, EVENT, QUERY)]
    assert talk([PUSH], *steps) == ["ValueError"] * 4


@pytest.mark.parametrize("context", [PULL, WATCH, QUERY])
def test_find(talk: Talk, context: str) -> None:
    uid = a_step(talk, 3 + ALL.index(context))
    (found,) = talk([context], step("C-FIND", context, data={"ProcedureStepState": "SCHEDULED"}))
    assert talk.heard() == {"service": "C-FIND", "context": context}
    *matches, (last, nothing) = found
    assert {status["Status"] for status, _ in matches} == {0xFF00}
    assert {"SOPInstanceUID": uid, "ProcedureStepState": "SCHEDULED"} in [match for _, match in matches]
    assert (last["Status"], nothing) == (0x0000, None)
    (none,) = talk([context], step("C-FIND", context, data={"ProcedureStepState": "NEVER"}))
    assert [(status["Status"], match) for status, match in none] == [(0x0000, None)]


def test_a_new_step_has_to_be_scheduled(talk: Talk) -> None:
    begun = {**SCHEDULED, "ProcedureStepState": "IN PROGRESS"}
    uid = a_step(talk, 9)
    begins, again = step("N-CREATE", PUSH, f"{uid}.1", data=begun), step("N-CREATE", PUSH, uid, data=SCHEDULED)
    refused, duplicate = talk([PUSH], begins, again)
    assert (refused[0]["Status"], refused[1]) == (0xC309, None)
    assert (duplicate[0]["Status"], duplicate[0]["ErrorComment"], duplicate[1]) == (0x0111, "Duplicate", None)


def test_request_to_cancel(talk: Talk) -> None:
    uid, busy = a_step(talk, 10), a_step(talk, 11)
    why: Plain = {"ReasonForCancellation": "The patient left", "ContactDisplayName": "Desk"}
    answers = talk(
        [WATCH, PULL],
        step("N-ACTION", PUSH, uid, via=WATCH, type=2, data=why),
        step("N-ACTION", PUSH, uid, via=WATCH, type=2, data=why),
        change(busy, "IN PROGRESS"),
        step("N-ACTION", PUSH, busy, via=WATCH, type=2, data=why),
        step("N-GET", PUSH, uid, via=WATCH, tags=[0x00741000]),
    )
    assert codes(answers) == [0x0000, 0xB304, 0x0000, 0xC312, 0x0000]
    assert answers[4][1] == {"ProcedureStepState": "CANCELED"}
    heard = talk.heard()
    assert (heard["class"], heard["context"], heard["type"], heard["data"]) == (PUSH, WATCH, 2, why)


def test_subscribers_are_told(talk: Talk) -> None:
    uid = a_step(talk, 12)
    subscription = {"ReceivingAE": "ASKS", "DeletionLock": "FALSE"}
    subscribed, changed, first, again, second, everything = talk(
        [WATCH, PULL, EVENT],
        step("N-ACTION", PUSH, uid, via=WATCH, type=3, data=subscription),
        change(uid, "IN PROGRESS"),
        WAIT,
        change(uid, "COMPLETED"),
        WAIT,
        step("N-ACTION", PUSH, GLOBAL, via=WATCH, type=3, data=subscription),
    )
    assert codes([subscribed, changed, again, everything]) == [0x0000] * 4
    for event, state in ((first, "IN PROGRESS"), (second, "COMPLETED")):
        assert (event["class"], event["instance"], event["type"]) == (PUSH, uid, 1)
        assert event["context"] == EVENT
        assert event["data"] == {"ProcedureStepState": state, "InputReadinessState": "READY"}
    for _ in range(2):
        reported = talk.heard_of("reported")
        assert reported["how"] == "same"
        assert (reported["answer"][0]["Status"], reported["answer"][0]["EventTypeID"]) == (0x0000, 1)


def test_an_event_on_an_association_of_its_own(talk: Talk) -> None:
    about: Plain = {"ProcedureStepState": "SCHEDULED", "ReasonForCancellation": "Please"}
    uid = f"{PYDICOM_ROOT_UID}8.5"
    reports = [step("N-EVENT-REPORT", PUSH, uid, type=kind, data=about) for kind in range(1, 6)]
    answers = talk([EVENT], *reports, roles={EVENT: [False, True]})
    for kind, (status, reply) in enumerate(answers, start=1):
        assert (status["Status"], status["EventTypeID"], reply) == (0x0000, kind, about)
        heard = talk.heard()
        assert (heard["class"], heard["context"], heard["type"], heard["data"]) == (PUSH, EVENT, kind, about)
