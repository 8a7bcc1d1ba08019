"""The two sides of one association on one clock: the requestor's path and the acceptor's, step by step.

Each side's steps stay in their order. Between the sides time decides, and where that cannot be, the wire: what one side
received the other had sent before, even when the clock, read in two threads, says otherwise. Pure; knows no bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

from workstation.traffic.path import Transition

__all__ = ["ACCEPTOR", "REQUESTOR", "Moment", "merge_sides"]

REQUESTOR: Final = 0
ACCEPTOR: Final = 1


class Moment(NamedTuple):
    """A step of one side.

    Attributes:
        side: `REQUESTOR` or `ACCEPTOR`.
        at: its index in that side's path.
    """

    side: int
    at: int


# The actions of PS3.8 Tables 9-6 to 9-9 that send what an event receives, or close what it finds closed.
_CAUSES: Final[dict[str, frozenset[str]]] = {
    "Evt3": frozenset({"AE-7"}),
    "Evt4": frozenset({"AE-6", "AE-8"}),
    "Evt5": frozenset({"AE-1"}),
    "Evt6": frozenset({"AE-2"}),
    "Evt10": frozenset({"DT-1", "AR-7"}),
    "Evt12": frozenset({"AR-1"}),
    "Evt13": frozenset({"AR-4", "AR-9"}),
    "Evt16": frozenset({"AA-1", "AA-7", "AA-8"}),
    "Evt17": frozenset({"AE-4", "AR-3", "AA-2", "AA-3"}),
}


def _sends(step: Transition, event: str) -> bool:
    if step.action not in _CAUSES[event]:
        return False
    # AE-6 hands the request to the user, or rejects it at once: PS3.8 Table 9-6.
    return step.action != "AE-6" or step.next_state == "Sta13"


def merge_sides(requestor: Sequence[Transition], acceptor: Sequence[Transition]) -> list[Moment]:
    """All steps of both sides in the order in which they happened."""
    paths = (requestor, acceptor)
    at = [0, 0]
    received: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    sent: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    merged: list[Moment] = []

    def waits(side: int) -> bool:
        """Whether a side's next step receives what the other has still to send."""
        event, other = paths[side][at[side]].event, 1 - side
        if event not in _CAUSES or received[side][event] < sent[other][event]:
            return False
        return any(_sends(step, event) for step in paths[other][at[other] :])

    while at[0] < len(requestor) or at[1] < len(acceptor):
        if at[0] >= len(requestor) or at[1] >= len(acceptor):
            side = int(at[0] >= len(requestor))
        else:
            first, second = requestor[at[0]], acceptor[at[1]]
            # At the same moment, whoever receives comes second, and the end last.
            keys = [(step.time, step.event in _CAUSES, step.event == "Evt17") for step in (first, second)]
            side = int(keys[1] < keys[0])
            if waits(side) and not waits(1 - side):
                side = 1 - side
        step = paths[side][at[side]]
        if step.event in _CAUSES:
            received[side][step.event] += 1
        for event in _CAUSES:
            if _sends(step, event):
                sent[side][event] += 1
        merged.append(Moment(side, at[side]))
        at[side] += 1
    return merged
