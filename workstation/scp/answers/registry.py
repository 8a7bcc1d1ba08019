"""All built-in answers together: which contexts they serve, and who answers what arrives in which."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from workstation.net import events
from workstation.net.events import Event, EventHandler, InterventionEvent
from workstation.net.presentation import PresentationContext
from workstation.scp.query.answer import status_of
from workstation.scp.surroundings import Answering, Handler

# PS3.7 C.5.6: what the SOP class of the context does not have.
NO_SUCH_OPERATION = 0x0211


class Registry:
    """The built-in answers, found by event and abstract syntax.

    Args:
        answering: The service classes; a pair of event and abstract syntax belongs to the first that names it.
    """

    def __init__(self, answering: Iterable[Answering]) -> None:
        self._answering = tuple(answering)
        self._handlers: dict[tuple[InterventionEvent, str], Handler] = {}
        for one in self._answering:
            for key, handler in one.handlers().items():
                self._handlers.setdefault(key, handler)

    def contexts(self) -> list[PresentationContext]:
        """Everything that is supported."""
        return [context for one in self._answering for context in one.contexts()]

    def resume(self) -> None:
        """The server has started."""
        for one in self._answering:
            one.resume()

    def stop(self) -> None:
        """The server has stopped, its associations have ended: what services do on their own ends too."""
        for one in self._answering:
            # Few do anything on their own.
            stop = getattr(one, "stop", None)
            if stop is not None:
                stop()

    def handler(self, event: InterventionEvent, abstract_syntax: str) -> Handler:
        """Who answers the event in a context of that abstract syntax."""
        return self._handlers.get((event, abstract_syntax), _UNANSWERED[event])

    def handlers(self) -> list[EventHandler]:
        """One handler for each service event, that asks the right one; for `AE.start_server`."""
        return [(event, self._asking(event)) for event in events.SERVICE_EVENTS]

    def _asking(self, event: InterventionEvent) -> Callable[[Event], Any]:
        def handler(happened: Event) -> Any:
            return self.handler(event, str(happened.context.abstract_syntax))(happened)

        return handler


def _refuse(_: Event) -> Any:
    return status_of(NO_SUCH_OPERATION, "The test server has no answer to this built in.")


def _refuse_with_data(event: Event) -> Any:
    return _refuse(event), None


def _refuse_yielding(event: Event) -> Any:
    yield _refuse(event), None


_YIELDING = (events.EVT_C_FIND, events.EVT_C_GET, events.EVT_C_MOVE)
_SINGLE = (events.EVT_C_ECHO, events.EVT_C_STORE, events.EVT_N_DELETE)
_UNANSWERED: dict[InterventionEvent, Handler] = {
    event: _refuse_yielding if event in _YIELDING else _refuse if event in _SINGLE else _refuse_with_data
    for event in events.SERVICE_EVENTS
}
