"""The handlers of an association, and the notifications that wait for theirs to run.

Notifications are remembered under the connection's lock, in wire order, and run without it, one at a time for each
association, by whichever thread comes by.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from workstation.net import events
from workstation.net.codec.pdu import PDU, decode_pdu
from workstation.net.events import Event, event_from

if TYPE_CHECKING:
    from workstation.net.association import Association


MOST_NOTES = 1000  # notifications that wait before whoever adds more has to wait as well


class WirePDU:
    """A PDU that came or leaves, as its events show it: put together and decoded when a handler looks at it.

    Args:
        pieces: What it is made of; copied if it can change.
    """

    __slots__ = ("_pieces",)

    def __init__(self, pieces: tuple[bytes | memoryview, ...]) -> None:
        for piece in pieces:
            if type(piece) is not bytes and not (type(piece) is memoryview and type(piece.obj) is bytes):
                pieces = (b"".join(pieces),)
                break
        self._pieces = pieces

    def data(self) -> bytes:
        """Its bytes."""
        pieces = self._pieces
        if len(pieces) > 1 or type(pieces[0]) is not bytes:
            self._pieces = pieces = (b"".join(pieces),)
        return bytes(pieces[0])

    def pdu(self) -> PDU:
        """The PDU itself."""
        return decode_pdu(self.data())


OF_DATA = {"data": WirePDU.data}
"""The attributes of EVT_DATA_RECV and EVT_DATA_SENT, whose source is a `WirePDU`."""
OF_PDU = {"pdu": WirePDU.pdu}
"""The attributes of EVT_PDU_RECV and EVT_PDU_SENT, in the same way."""


class Notifier:
    """What an association has of events."""

    def __init__(self) -> None:
        self._handlers = events.Handlers()
        self._notes: deque[Event] = deque()
        self._turn = threading.Lock()  # held by whoever runs notification handlers
        self._turn_owner: int | None = None

    def bind(self, event: events.EventType, handler: Callable[..., Any], args: list[Any] | None = None) -> None:
        """Bind a handler; an intervention event has one, a notification event any number."""
        self._handlers.bind(event, handler, args)

    def unbind(self, event: events.EventType, handler: Callable[..., Any]) -> None:
        """Unbind a handler; an intervention event gets its default back."""
        self._handlers.unbind(event, handler)

    def get_events(self) -> list[events.EventType]:
        """The events with handlers."""
        return self._handlers.get_events()

    def get_handlers(self, event: events.EventType) -> Any:
        """The handlers of an event, as the documented API gives them."""
        return self._handlers.get_handlers(event)

    @property
    def handlers(self) -> events.Handlers:
        """The handler table."""
        return self._handlers

    def use_handlers(self, handlers: events.Handlers) -> None:
        """Start with a copy of a server's handlers."""
        self._handlers = handlers.copy()

    @property
    def has_told(self) -> bool:
        """Whether no notification waits for its handlers, and none of them runs."""
        return not self._notes and self._turn_owner is None

    def notify(self, event: events.NotificationEvent, **attrs: Any) -> None:
        """Remember a notification; without a handler it costs a look-up."""
        if self._handlers.has(event):
            self.remember(event, attrs)

    def remember(self, event: events.NotificationEvent, attrs: Mapping[str, Any], source: Any = None) -> None:
        """As `notify`, of what somebody is known to hear; arguments as of `events.event_from`."""
        self._notes.append(event_from(cast("Association", self), event, attrs, source))

    def run_notifications(self, *, settle: bool = False) -> None:
        """Run what was remembered, in order, unless another thread is at it (it then runs these too).

        Args:
            settle: Wait, a second at most, for that other thread: what led to here has then been heard.
        """
        if not self._notes and not settle:
            return
        if settle and self._turn_owner != threading.get_ident() and self._turn.acquire(timeout=1.0):
            self._turn.release()
        while self._notes:
            # a peer can send faster than a handler hears: then it has to wait, a second for each read
            crowded = len(self._notes) > MOST_NOTES and self._turn_owner != threading.get_ident()
            if not self._turn.acquire(timeout=1.0 if crowded else 0.0):
                return
            self._turn_owner = threading.get_ident()
            try:
                while self._notes:
                    events.run_notification(self._handlers, self._notes.popleft())
            finally:
                self._turn_owner = None
                self._turn.release()
