"""Rules in words, and the statuses that a service may answer."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from rule_strategies import RULES

from workstation.net.status import GENERAL_STATUS
from workstation.scp.rules.faults import FAULTS
from workstation.scp.rules.rule import EVENTS, NEGOTIATION_EVENTS, Action, Fault, Match, Rule
from workstation.scp.rules.statuses import GENERAL_OF_SERVICE, status_name, statuses_of
from workstation.scp.rules.words import action_words, fault_words, match_words, ordinal, seconds_words

CT = "1.2.840.10008.5.1.4.1.1.2"


@pytest.mark.parametrize(
    ("match", "words"),
    [
        (Match(), "Everything"),
        (Match(events=("EVT_C_STORE",)), "C-STORE"),
        (
            Match(
                events=("EVT_C_STORE",),
                calling="CT1",
                sop_class="1.2.840.10008.5.1.4.1.1.2",
                keys={"PatientName": "DOE*"},
            ),
            "C-STORE from CT1, CT Image Storage, PatientName=DOE*",
        ),
        (Match(events=("A-ASSOCIATE",), address="10.0.0.0/8"), "Association request from 10.0.0.0/8"),
        (
            Match(calling="CT1", address="10.0.0.1", called="US", user="jane"),
            "Everything from CT1 at 10.0.0.1 to US, user jane",
        ),
        (
            Match(events=EVENTS[:5]),
            "Association request, Asynchronous operations window, SOP class common extended negotiation and 2 more",
        ),
        (Match(keys={"PatientID": ""}), "Everything, PatientID empty"),
        (Match(events=("EVT_C_STORE",), every=10, first=2), "C-STORE, every 10th, only the first 2"),
        (Match(first=1, probability=0.25), "Everything, only the first, 25 % of the time"),
        (Match(calling="A\nB\u202e"), "Everything from A\\nB\\u202e"),
    ],
)
def test_when(match: Match, words: str) -> None:
    assert match_words(match) == match_words(Rule(name="a", match=match)) == words


STORE = Match(events=("EVT_C_STORE",))


@pytest.mark.parametrize(
    ("match", "action", "words"),
    [
        (Match(), Action(), "built in"),
        (Match(every=10), Action(before=0.5), "built in, after 500 ms"),
        (STORE, Action(answer="status", status=0xA700), "0xA700 Refused: out of resources"),
        (STORE, Action(answer="status", status=0x1234), "0x1234"),
        (
            STORE,
            Action(answer="status", status=0xB000, comment="Well", keep=True),
            "0xB000 Warning: coercion of data elements, object stored, “Well”",
        ),
        (
            Match(events=("EVT_C_FIND",)),
            Action(answer="status", data_sets=("a", "b"), between=2, after=150),
            "0x0000 Success with 2 data sets, 2 s between responses, 2.5 min before the last",
        ),
        (
            Match(events=("EVT_C_FIND",)),
            Action(fault=Fault(kind="abort", values={"source": 2, "reason": 2, "point": "between", "count": 3})),
            "built in, abort (service provider, 2) after 3 responses",
        ),
        (STORE, Action(before=1, fault=Fault(kind="drop")), "close the connection, after 1 s"),
        (
            STORE,
            Action(fault=Fault(kind="reset", values={"point": "receiving", "bytes": 5000})),
            "reset the connection after 5,000 bytes of the object",
        ),
        (Match(), Action(answer="ask"), "ask me"),
        (Match(first=1), Action(answer="script", script="store.py"), "script store.py"),
        (
            Match(probability=0.25),
            Action(answer="script", script="a.py", function="f"),
            "script a.py, f",
        ),
        (Match(events=("EVT_USER_ID",)), Action(answer="status", negotiation={"verified": False}), "user refused"),
        (Match(events=("EVT_SOP_COMMON",)), Action(answer="status"), "built in"),
        (
            Match(events=("EVT_SOP_COMMON",)),
            Action(answer="status", negotiation={"accepted": []}),
            "no SOP classes accepted",
        ),
        (
            Match(events=("A-ASSOCIATE",)),
            Action(fault=Fault(kind="reject", values={"result": 2, "source": 3, "reason": 2})),
            "reject (transient, service provider, 2)",
        ),
        (
            Match(events=("A-ASSOCIATE",)),
            Action(fault=Fault(kind="contexts", values={"refuse": ("CT*",), "syntaxes": ("1.2.840.10008.1.2",)})),
            "refuse CT* and only in Implicit VR Little Endian",
        ),
    ],
)
def test_what(match: Match, action: Action, words: str) -> None:
    assert action_words(Rule(name="a", match=match, action=action)) == words


@given(RULES)
@settings(max_examples=60, deadline=None)
def test_every_rule_has_words(rule: Rule) -> None:
    for words in (match_words(rule), action_words(rule), match_words(rule.match), action_words(rule.action)):
        assert words
        assert "\n" not in words


@pytest.mark.parametrize("kind", FAULTS)
def test_every_fault_has_words(kind: str) -> None:
    assert fault_words(Fault(kind=kind))


def test_numbers() -> None:
    assert [ordinal(number) for number in (1, 2, 3, 4, 11, 12, 13, 21, 102, 111)] == [
        "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "111th"
    ]  # fmt: skip
    assert [seconds_words(seconds) for seconds in (0.0005, 0.25, 1, 90, 3600)] == [
        "0.5 ms",
        "250 ms",
        "1 s",
        "90 s",
        "60 min",
    ]


# --- statuses


def test_success_is_first_and_pending_last() -> None:
    for event in EVENTS:
        statuses = statuses_of(event)
        if event == "A-ASSOCIATE" or event in NEGOTIATION_EVENTS:
            assert statuses == ()
            continue
        assert statuses[0] == (0x0000, "Success")
        assert len({code for code, _ in statuses}) == len(statuses)
        assert all(name for _, name in statuses)
    assert [code for code, _ in statuses_of("EVT_C_FIND")][-2:] == [0xFF00, 0xFF01]


def test_each_services_own_come_before_the_general_ones() -> None:
    codes = [code for code, _ in statuses_of("EVT_C_STORE")]
    assert codes[:7] == [0x0000, 0xB000, 0xB006, 0xB007, 0xA700, 0xA900, 0xC000]
    assert set(codes[7:]) == set(GENERAL_OF_SERVICE["C-STORE"])
    assert all(code in GENERAL_STATUS for general in GENERAL_OF_SERVICE.values() for code in general)


def test_a_sop_class_has_its_own() -> None:
    film = dict(statuses_of("EVT_N_ACTION", "1.2.840.10008.5.1.1.2"))
    assert 0xC613 in film
    assert 0xC300 not in film
    assert 0xC300 in dict(statuses_of("EVT_N_ACTION", "Unified Procedure Step*"))
    worklist = dict(statuses_of("EVT_C_FIND", "UnifiedProcedureStepPull"))
    assert 0xFF00 in worklist
    assert 0xC300 not in worklist
    assert 0xA801 in dict(statuses_of("EVT_C_MOVE"))
    assert 0xA801 not in dict(statuses_of("EVT_C_GET"))
    # What nobody knows gets all.
    assert statuses_of("EVT_N_SET", "1.2.3.4") == statuses_of("EVT_N_SET")


def test_a_range_is_named_whatever_the_code() -> None:
    assert status_name("EVT_C_STORE", 0xC123) == "Error: cannot understand"
    assert status_name("EVT_C_FIND", 0xC123) == "Unable to process"
    assert status_name("EVT_C_STORE", 0x1234) == ""
    assert status_name("EVT_USER_ID", 0x0000) == ""
