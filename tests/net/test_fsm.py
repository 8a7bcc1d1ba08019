"""PS3.8 Table 9-10, cell by cell, against a second copy of it written by events instead of by states."""

from __future__ import annotations

from workstation.net.engine.fsm import NEXT_STATES, TABLE, Action, Event, State

# Per event: the states in which it may come, with the action; "*" stands for the states not named before.
BY_EVENT = {
    "Evt1": {"AE-1": [1]},
    "Evt2": {"AE-2": [4]},
    "Evt3": {"AA-1": [2], "AE-3": [5], "AA-6": [13], "AA-8": [3, 6, 7, 8, 9, 10, 11, 12]},
    "Evt4": {"AA-1": [2], "AE-4": [5], "AA-6": [13], "AA-8": [3, 6, 7, 8, 9, 10, 11, 12]},
    "Evt5": {"AE-5": [1]},
    "Evt6": {"AE-6": [2], "AA-7": [13], "AA-8": [3, 5, 6, 7, 8, 9, 10, 11, 12]},
    "Evt7": {"AE-7": [3]},
    "Evt8": {"AE-8": [3]},
    "Evt9": {"DT-1": [6], "AR-7": [8]},
    "Evt10": {"AA-1": [2], "DT-2": [6], "AR-6": [7], "AA-6": [13], "AA-8": [3, 5, 8, 9, 10, 11, 12]},
    "Evt11": {"AR-1": [6]},
    "Evt12": {"AA-1": [2], "AR-2": [6], "AR-8": [7], "AA-6": [13], "AA-8": [3, 5, 8, 9, 10, 11, 12]},
    "Evt13": {"AA-1": [2], "AR-3": [7, 11], "AR-10": [10], "AA-6": [13], "AA-8": [3, 5, 6, 8, 9, 12]},
    "Evt14": {"AR-4": [8, 12], "AR-9": [9]},
    "Evt15": {"AA-2": [4], "AA-1": [3, 5, 6, 7, 8, 9, 10, 11, 12]},
    "Evt16": {"AA-2": [2, 13], "AA-3": [3, 5, 6, 7, 8, 9, 10, 11, 12]},
    "Evt17": {"AA-5": [2], "AR-5": [13], "AA-4": [3, 4, 5, 6, 7, 8, 9, 10, 11, 12]},
    "Evt18": {"AA-2": [2, 13]},
    "Evt19": {"AA-1": [2], "AA-7": [13], "AA-8": [3, 5, 6, 7, 8, 9, 10, 11, 12]},
}
STA13_ACTIONS = {"AE-8", "AR-4", "AA-1", "AA-6", "AA-7", "AA-8"}
STA1_ACTIONS = {"AE-4", "AR-3", "AR-5", "AA-2", "AA-3", "AA-4", "AA-5"}


def test_every_cell() -> None:
    expected = {
        (f"Sta{state}", event): action
        for event, actions in BY_EVENT.items()
        for action, states in actions.items()
        for state in states
    }
    assert {(str(s), str(e)): str(a) for (s, e), a in TABLE.items()} == expected
    assert len(TABLE) == 123


def test_thirteen_states_nineteen_events_and_their_sentences() -> None:
    assert [str(s) for s in State] == [f"Sta{n}" for n in range(1, 14)]
    assert [str(e) for e in Event] == [f"Evt{n}" for n in range(1, 20)]
    assert all(member.meaning for kind in (State, Event, Action) for member in kind)


def test_next_states() -> None:
    assert set(NEXT_STATES) == set(Action)
    assert {str(a) for a, s in NEXT_STATES.items() if s == (State.STA13,)} == STA13_ACTIONS
    assert {str(a) for a, s in NEXT_STATES.items() if s == (State.STA1,)} == STA1_ACTIONS
    assert NEXT_STATES[Action.AE_6] == (State.STA3, State.STA13)
    assert NEXT_STATES[Action.AR_8] == (State.STA9, State.STA10)
