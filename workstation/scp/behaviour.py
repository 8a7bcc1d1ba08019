"""How a person makes the test server answer differently: a chosen status, a refusal, a delay.

Wraps a built-in handler; which behaviour applies is looked up for each request, so that changes act at once. A delay
waits on the operation's own event: a C-CANCEL, an abort or a lost connection ends it at once. Knows no archive.

A chosen status replaces the answer. For C-STORE the object is kept if the status says that it was stored (Success and
Warning, PS3.4 B.2.3) and let go if not; queries and retrievals with a chosen status find nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from workstation.net.events import Event
from workstation.net.status import code_to_category
from workstation.scp.query.answer import status_of
from workstation.settings import Behaviour

SOP_CLASS_NOT_SUPPORTED = 0x0122
CANCEL = 0xFE00

Lookup = Callable[[str], Behaviour]


def wait(event: Event, seconds: float) -> bool:
    """Wait before answering. Return False if the peer cancelled or left meanwhile: there is nothing to do any more."""
    return seconds <= 0 or not event.over.wait(seconds)


def fixed_status(behaviour: Behaviour) -> int | None:
    """Return the status that a behaviour answers whatever is asked, or None for the built-in answer."""
    match behaviour.kind:
        case "status":
            return behaviour.status
        case "refuse":
            return SOP_CLASS_NOT_SUPPORTED
        case _:
            return None


def keeps_object(behaviour: Behaviour) -> bool:
    """Return True if a C-STORE with this behaviour stores the object."""
    status = fixed_status(behaviour)
    return status is None or code_to_category(status) in ("Success", "Warning")


def answering(name: str, built_in: Callable[[Event], Any], behaviour_of: Lookup) -> Callable[[Event], Any]:
    """Return a handler that answers once (C-ECHO), wrapped around the built-in one."""

    def handler(event: Event) -> Any:
        behaviour = behaviour_of(name)
        wait(event, behaviour.delay)
        status = fixed_status(behaviour)
        return built_in(event) if status is None else _chosen(status)

    return handler


def yielding(
    name: str, built_in: Callable[[Event], Iterator[Any]], behaviour_of: Lookup
) -> Callable[[Event], Iterator[Any]]:
    """Return a handler that answers many times (C-FIND, C-GET, C-MOVE), wrapped around the built-in one."""

    def handler(event: Event) -> Iterator[Any]:
        behaviour = behaviour_of(name)
        if not wait(event, behaviour.delay):
            if event.is_cancelled:
                yield CANCEL, None
            return
        status = fixed_status(behaviour)
        if status is None:
            yield from built_in(event)
        else:
            yield _chosen(status), None

    return handler


def _chosen(status: int) -> Any:
    if code_to_category(status) != "Failure":
        return status
    return status_of(status, "Chosen in the settings of the test server.")
