"""The upper layer's state machine, PS3.8 section 9.2: states, events, actions and Table 9-10.

This module is the standard's table and the look-up in it, nothing else: what an action does stands in
`upper_layer`. The grid below can be laid beside the standard and checked by eye; a test checks every cell.
"""

from __future__ import annotations

from enum import Enum


class _Named(Enum):
    """An enum whose value is the standard's name and whose `meaning` is a sentence."""

    meaning: str

    def __new__(cls, name: str, meaning: str) -> _Named:
        """Keep the name as the value, the sentence beside it."""
        member = object.__new__(cls)
        member._value_ = name
        member.meaning = meaning
        return member

    def __str__(self) -> str:
        return str(self._value_)

    __hash__ = object.__hash__  # there is one of each; Enum's own looks the name up, and tables are asked all the time


class State(_Named):
    """The thirteen states of PS3.8 section 9.2.1."""

    STA1 = ("Sta1", "Idle")
    STA2 = ("Sta2", "Transport connection open, awaiting A-ASSOCIATE-RQ")
    STA3 = ("Sta3", "Awaiting the local A-ASSOCIATE response")
    STA4 = ("Sta4", "Awaiting the opening of the transport connection")
    STA5 = ("Sta5", "Awaiting A-ASSOCIATE-AC or A-ASSOCIATE-RJ")
    STA6 = ("Sta6", "Association established, ready for data transfer")
    STA7 = ("Sta7", "Awaiting A-RELEASE-RP")
    STA8 = ("Sta8", "Awaiting the local A-RELEASE response")
    STA9 = ("Sta9", "Release collision, requestor side: awaiting the local A-RELEASE response")
    STA10 = ("Sta10", "Release collision, acceptor side: awaiting A-RELEASE-RP")
    STA11 = ("Sta11", "Release collision, requestor side: awaiting A-RELEASE-RP")
    STA12 = ("Sta12", "Release collision, acceptor side: awaiting the local A-RELEASE response")
    STA13 = ("Sta13", "Awaiting the close of the transport connection")


class Event(_Named):
    """The nineteen events of PS3.8 section 9.2.2."""

    EVT1 = ("Evt1", "A-ASSOCIATE request (local user)")
    EVT2 = ("Evt2", "Transport connection opened (local transport)")
    EVT3 = ("Evt3", "A-ASSOCIATE-AC PDU received")
    EVT4 = ("Evt4", "A-ASSOCIATE-RJ PDU received")
    EVT5 = ("Evt5", "Transport connection indication (incoming connection)")
    EVT6 = ("Evt6", "A-ASSOCIATE-RQ PDU received")
    EVT7 = ("Evt7", "A-ASSOCIATE response: accept (local user)")
    EVT8 = ("Evt8", "A-ASSOCIATE response: reject (local user)")
    EVT9 = ("Evt9", "P-DATA request (local user)")
    EVT10 = ("Evt10", "P-DATA-TF PDU received")
    EVT11 = ("Evt11", "A-RELEASE request (local user)")
    EVT12 = ("Evt12", "A-RELEASE-RQ PDU received")
    EVT13 = ("Evt13", "A-RELEASE-RP PDU received")
    EVT14 = ("Evt14", "A-RELEASE response (local user)")
    EVT15 = ("Evt15", "A-ABORT request (local user)")
    EVT16 = ("Evt16", "A-ABORT PDU received")
    EVT17 = ("Evt17", "Transport connection closed")
    EVT18 = ("Evt18", "ARTIM timer expired")
    EVT19 = ("Evt19", "Unrecognized or invalid PDU received")


class Action(_Named):
    """The actions of PS3.8 Tables 9-6 to 9-9."""

    AE_1 = ("AE-1", "Open the transport connection")
    AE_2 = ("AE-2", "Send A-ASSOCIATE-RQ")
    AE_3 = ("AE-3", "Tell the user that the association was accepted")
    AE_4 = ("AE-4", "Tell the user that the association was rejected; close the transport connection")
    AE_5 = ("AE-5", "Accept the transport connection; start ARTIM")
    AE_6 = ("AE-6", "Stop ARTIM; pass the request to the user, or reject it and start ARTIM")
    AE_7 = ("AE-7", "Send A-ASSOCIATE-AC")
    AE_8 = ("AE-8", "Send A-ASSOCIATE-RJ; start ARTIM")
    DT_1 = ("DT-1", "Send P-DATA-TF")
    DT_2 = ("DT-2", "Pass the data to the user")
    AR_1 = ("AR-1", "Send A-RELEASE-RQ")
    AR_2 = ("AR-2", "Tell the user that the peer asks for release")
    AR_3 = ("AR-3", "Confirm the release to the user; close the transport connection")
    AR_4 = ("AR-4", "Send A-RELEASE-RP; start ARTIM")
    AR_5 = ("AR-5", "Stop ARTIM")
    AR_6 = ("AR-6", "Pass the data to the user")
    AR_7 = ("AR-7", "Send P-DATA-TF")
    AR_8 = ("AR-8", "Tell the user of the release collision")
    AR_9 = ("AR-9", "Send A-RELEASE-RP")
    AR_10 = ("AR-10", "Confirm the release to the user")
    AA_1 = ("AA-1", "Send A-ABORT (service user); start or restart ARTIM")
    AA_2 = ("AA-2", "Stop ARTIM; close the transport connection")
    AA_3 = ("AA-3", "Tell the user of the abort; close the transport connection")
    AA_4 = ("AA-4", "Tell the user that the connection was lost (A-P-ABORT)")
    AA_5 = ("AA-5", "Stop ARTIM")
    AA_6 = ("AA-6", "Ignore the PDU")
    AA_7 = ("AA-7", "Send A-ABORT")
    AA_8 = ("AA-8", "Send A-ABORT (service provider); tell the user; start ARTIM")


# PS3.8 Table 9-10. Columns are Sta1 to Sta13; a dot is a cell that the standard leaves empty.
_GRID = """
Evt1   AE-1 .    .    .    .    .    .    .    .    .     .    .    .
Evt2   .    .    .    AE-2 .    .    .    .    .    .     .    .    .
Evt3   .    AA-1 AA-8 .    AE-3 AA-8 AA-8 AA-8 AA-8 AA-8  AA-8 AA-8 AA-6
Evt4   .    AA-1 AA-8 .    AE-4 AA-8 AA-8 AA-8 AA-8 AA-8  AA-8 AA-8 AA-6
Evt5   AE-5 .    .    .    .    .    .    .    .    .     .    .    .
Evt6   .    AE-6 AA-8 .    AA-8 AA-8 AA-8 AA-8 AA-8 AA-8  AA-8 AA-8 AA-7
Evt7   .    .    AE-7 .    .    .    .    .    .    .     .    .    .
Evt8   .    .    AE-8 .    .    .    .    .    .    .     .    .    .
Evt9   .    .    .    .    .    DT-1 .    AR-7 .    .     .    .    .
Evt10  .    AA-1 AA-8 .    AA-8 DT-2 AR-6 AA-8 AA-8 AA-8  AA-8 AA-8 AA-6
Evt11  .    .    .    .    .    AR-1 .    .    .    .     .    .    .
Evt12  .    AA-1 AA-8 .    AA-8 AR-2 AR-8 AA-8 AA-8 AA-8  AA-8 AA-8 AA-6
Evt13  .    AA-1 AA-8 .    AA-8 AA-8 AR-3 AA-8 AA-8 AR-10 AR-3 AA-8 AA-6
Evt14  .    .    .    .    .    .    .    AR-4 AR-9 .     .    AR-4 .
Evt15  .    .    AA-1 AA-2 AA-1 AA-1 AA-1 AA-1 AA-1 AA-1  AA-1 AA-1 .
Evt16  .    AA-2 AA-3 .    AA-3 AA-3 AA-3 AA-3 AA-3 AA-3  AA-3 AA-3 AA-2
Evt17  .    AA-5 AA-4 AA-4 AA-4 AA-4 AA-4 AA-4 AA-4 AA-4  AA-4 AA-4 AR-5
Evt18  .    AA-2 .    .    .    .    .    .    .    .     .    .    AA-2
Evt19  .    AA-1 AA-8 .    AA-8 AA-8 AA-8 AA-8 AA-8 AA-8  AA-8 AA-8 AA-7
"""

# The "Next State" column of Tables 9-6 to 9-9. AE-6 and AR-8 have two: the engine chooses.
NEXT_STATES: dict[Action, tuple[State, ...]] = {
    Action.AE_1: (State.STA4,),
    Action.AE_2: (State.STA5,),
    Action.AE_3: (State.STA6,),
    Action.AE_4: (State.STA1,),
    Action.AE_5: (State.STA2,),
    Action.AE_6: (State.STA3, State.STA13),
    Action.AE_7: (State.STA6,),
    Action.AE_8: (State.STA13,),
    Action.DT_1: (State.STA6,),
    Action.DT_2: (State.STA6,),
    Action.AR_1: (State.STA7,),
    Action.AR_2: (State.STA8,),
    Action.AR_3: (State.STA1,),
    Action.AR_4: (State.STA13,),
    Action.AR_5: (State.STA1,),
    Action.AR_6: (State.STA7,),
    Action.AR_7: (State.STA8,),
    Action.AR_8: (State.STA9, State.STA10),
    Action.AR_9: (State.STA11,),
    Action.AR_10: (State.STA12,),
    Action.AA_1: (State.STA13,),
    Action.AA_2: (State.STA1,),
    Action.AA_3: (State.STA1,),
    Action.AA_4: (State.STA1,),
    Action.AA_5: (State.STA1,),
    Action.AA_6: (State.STA13,),
    Action.AA_7: (State.STA13,),
    Action.AA_8: (State.STA13,),
}


def _read_grid() -> dict[tuple[State, Event], Action]:
    """Turn the grid into a look-up from (state, event) to action."""
    events = {str(event): event for event in Event}
    actions = {str(action): action for action in Action}
    table: dict[tuple[State, Event], Action] = {}
    for line in _GRID.split("\n"):
        if not line:
            continue
        name, *cells = line.split()
        for state, cell in zip(State, cells, strict=True):
            if cell != ".":
                table[state, events[name]] = actions[cell]
    return table


TABLE: dict[tuple[State, Event], Action] = _read_grid()
"""PS3.8 Table 9-10: the 123 cells that are not empty."""
