"""Rules to begin with: what people want most often of a test server, ready to be changed."""

from __future__ import annotations

from collections.abc import Collection

from workstation.scp.rules.rule import ASSOCIATION, LONGEST_NAME, Action, Fault, Match, Rule

BLANK = Rule(name="New rule")

TEMPLATES: tuple[tuple[str, tuple[Rule, ...]], ...] = (
    (
        "Statuses",
        (
            Rule(
                name="Refuse every 10th C-STORE",
                match=Match(events=("EVT_C_STORE",), every=10),
                action=Action(answer="status", status=0xA700),
            ),
            Rule(
                name="Warn, and store anyway",
                match=Match(events=("EVT_C_STORE",)),
                action=Action(answer="status", status=0xB000, keep=True),
            ),
            Rule(
                name="Fail every C-FIND",
                match=Match(events=("EVT_C_FIND",)),
                action=Action(answer="status", status=0xC000, comment="The database is not available"),
            ),
        ),
    ),
    (
        "Delays",
        (
            Rule(
                name="Slow C-FIND",
                match=Match(events=("EVT_C_FIND",)),
                action=Action(before=2.0, between=0.5),
            ),
            Rule(
                name="Slow C-ECHO",
                match=Match(events=("EVT_C_ECHO",)),
                action=Action(before=5.0),
            ),
        ),
    ),
    (
        "Ask me",
        (
            Rule(
                name="Ask me for each C-MOVE",
                match=Match(events=("EVT_C_MOVE",)),
                action=Action(answer="ask"),
            ),
            Rule(
                name="Ask me for each association",
                match=Match(events=(ASSOCIATION,)),
                action=Action(answer="ask"),
            ),
        ),
    ),
    (
        "Faults",
        (
            Rule(
                name="Reject who is not known",
                match=Match(events=(ASSOCIATION,), calling="UNKNOWN*"),
                action=Action(fault=Fault(kind="reject", values={"reason": 3})),
            ),
            Rule(
                name="Abort in the middle of every 5th object",
                match=Match(events=("EVT_C_STORE",), every=5),
                action=Action(fault=Fault(kind="abort", values={"source": 2, "point": "receiving", "bytes": 65536})),
            ),
            Rule(
                name="Close the connection after 3 matches",
                match=Match(events=("EVT_C_FIND",)),
                action=Action(fault=Fault(kind="drop", values={"point": "between", "count": 3})),
            ),
            Rule(
                name="Never answer C-ECHO",
                match=Match(events=("EVT_C_ECHO",)),
                action=Action(fault=Fault(kind="never")),
            ),
        ),
    ),
)
"""Group: rules."""


def free_name(name: str, taken: Collection[str]) -> str:
    """The name, or with a number behind it the first that nobody has."""
    number, free = 1, name
    while free in taken:
        number += 1
        ending = f" {number}"
        free = name[: LONGEST_NAME - len(ending)] + ending
    return free
