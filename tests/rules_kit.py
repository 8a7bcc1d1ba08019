"""Rules that many tests need, made in a word."""

from __future__ import annotations

from workstation.scp.rules.rule import Action, Fault, Match, Rule


def answering(event: str, status: int) -> Rule:
    """Answer every such event with a status."""
    return Rule(
        name=f"{event} {status:04X}", match=Match(events=(event,)), action=Action(answer="status", status=status)
    )


def delaying(event: str, seconds: float) -> Rule:
    """Answer as built in, later."""
    return Rule(name=f"{event} later", match=Match(events=(event,)), action=Action(before=seconds))


def faulty(event: str, kind: str, **values: object) -> Rule:
    """Answer as built in, with a fault."""
    return Rule(
        name=f"{event} {kind}", match=Match(events=(event,)), action=Action(fault=Fault(kind=kind, values=values))
    )
