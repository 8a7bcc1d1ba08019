"""What all services share: asking the handler, making statuses into responses, refusing what is malformed."""

from __future__ import annotations

import logging
from collections.abc import Iterator, MutableSequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from pydicom.datadict import keyword_for_tag
from pydicom.dataset import Dataset
from pydicom.uid import UID

from workstation.net import events
from workstation.net.dimse import Message, response_class
from workstation.net.dimse_elements import check_value
from workstation.net.events import Event
from workstation.net.status import code_to_category

if TYPE_CHECKING:
    from workstation.net.association import Association
    from workstation.net.exchange import Operation

_log = logging.getLogger("workstation.net.services")

NO_STATUS_ELEMENT = 0xC001
BAD_STATUS_TYPE = 0xC002
_FIELDS: dict[type[Message], frozenset[str]] = {}


class Asked:
    """One operation and the handler that is to answer it.

    Attributes:
        event: What the handler gets.
    """

    def __init__(self, assoc: Association, operation: Operation, event: events.InterventionEvent) -> None:
        self.assoc = assoc
        self.operation = operation
        self.request = operation.message
        context = assoc.accepted_context(self.request.context_id)
        assert context is not None  # the assembler lets no other message through
        self.context = context
        self.handler, self.args = assoc.handlers.intervention(event)
        self.event = Event(
            assoc,
            event,
            {
                "request": self.request,
                "context": context.as_tuple,
                "_is_cancelled": operation.is_cancelled,
                "over": operation.over,
                "sink": operation.sink,
            },
        )

    def call(self) -> Any:
        """Call the handler."""
        return self.handler(self.event, *(self.args or ()))

    def failure(self, unhandled: int, undecodable: int, attribute: str) -> int:
        """The status for a handler that raised: what the peer sent may be at fault.

        Args:
            unhandled: The handler is.
            undecodable: The request's data set is.
            attribute: Of the event, that decodes the data set.
        """
        try:
            getattr(self.event, attribute)
        except Exception:
            return undecodable
        return unhandled

    @property
    def syntax(self) -> UID:
        """The context's transfer syntax."""
        return UID(self.context.transfer_syntax[0])

    def respond(self, status: Any, data: bytes | None = None, **elements: Any) -> str:
        """Send one response.

        Args:
            status: An int, or a data set with Status and elements that go with it.
            data: The encoded data set of the response.
            elements: More elements of the response.

        Returns:
            The category of the status that was sent.
        """
        kind = response_class(type(self.request))
        code, extra = status_elements(status, kind)
        values: dict[str, Any] = {
            **self._identity(kind),
            **extra,
            **elements,
            "context_id": self.request.context_id,
            "MessageIDBeingRespondedTo": self.request.MessageID,
            "Status": code,
            "data": data,
        }
        self.assoc.send(kind(**values))
        self.assoc.run_notifications()
        return code_to_category(code)

    def _identity(self, kind: type[Message]) -> dict[str, Any]:
        """SOP class and instance of the request, which a response repeats as Affected."""
        known = _known(kind)
        identity: dict[str, Any] = {}
        for wanted, sources in (
            ("AffectedSOPClassUID", ("AffectedSOPClassUID", "RequestedSOPClassUID")),
            ("AffectedSOPInstanceUID", ("AffectedSOPInstanceUID", "RequestedSOPInstanceUID")),
            ("EventTypeID", ("EventTypeID",)),
            ("ActionTypeID", ("ActionTypeID",)),
        ):
            if wanted in known:
                value = next((v for name in sources if (v := getattr(self.request, name, None)) is not None), None)
                if value is not None:
                    identity[wanted] = value
        return identity

    @property
    def alive(self) -> bool:
        """Whether there is anybody to answer."""
        return self.assoc.is_established


def status_elements(status: Any, kind: type[Message]) -> tuple[int, dict[str, Any]]:
    """Check what a handler gave as status.

    Returns:
        The code, and the other elements that the response has a place for.
    """
    if isinstance(status, Dataset):
        if "Status" not in status:
            _log.error("The handler gave a status data set without (0000,0900) Status")
            return NO_STATUS_ELEMENT, {}
        try:
            code = int(status.Status)
        except (TypeError, ValueError):
            _log.error("The handler gave a status data set whose (0000,0900) Status is %r", status.Status)
            return BAD_STATUS_TYPE, {}
        extra = _elements(status, kind)
    elif isinstance(status, int):
        code, extra = int(status), {}
    else:
        _log.error("The handler gave a %s as status; it must be an int or a data set", type(status).__name__)
        return BAD_STATUS_TYPE, {}
    if not 0 <= code <= 0xFFFF:
        _log.error("The handler gave the status %s, which is no 16-bit number", code)
        return BAD_STATUS_TYPE, {}
    if code_to_category(code) == "Unknown":
        _log.warning("The handler gave the status 0x%04X, which the standard does not define", code)
    return code, extra


def _elements(status: Dataset, kind: type[Message]) -> dict[str, Any]:
    """The elements of a status data set that the response has a place for, and that can be sent."""
    extra: dict[str, Any] = {}
    known = _known(kind)
    for tag in status.keys():  # noqa: SIM118 - iterating over the data set itself would decode all of it at once
        name = keyword_for_tag(tag)
        if name == "Status":
            continue
        if name not in known:
            _log.warning("The status element %s has no place in the response and is left out", tag)
            continue
        try:
            value = status[tag].value
            if name in ("OffendingElement", "AttributeIdentifierList"):
                several = isinstance(value, list | tuple | MutableSequence)
                value = tuple(int(item) for item in (value if several else [value]))
            check_value(name, value)
        except Exception as error:
            # whatever a value of the handler's raises: the status matters more than what goes with it
            _log.warning("The status element %s cannot be sent and is left out: %s", name, error)
        else:
            extra[name] = value
    return extra


def _known(kind: type[Message]) -> frozenset[str]:
    known = _FIELDS.get(kind)
    if known is None:
        known = _FIELDS[kind] = frozenset(field.name for field in fields(kind))
    return known


def answers(asked: Asked, name: str) -> Iterator[Any]:
    """What a yielding handler gives, one by one; a handler that returns instead gives nothing.

    Raises:
        HandlerError: The handler raised.
    """
    try:
        given = asked.call()
        iterator = iter(given) if given is not None else iter(())
    except Exception as error:
        _log.exception("%s: the handler of evt.%s failed", asked.assoc.name, name)
        raise HandlerError from error
    while True:
        try:
            item = next(iterator)
        except StopIteration:
            return
        except Exception as error:
            _log.exception("%s: the handler of evt.%s failed", asked.assoc.name, name)
            raise HandlerError from error
        yield item


class HandlerError(Exception):
    """A handler of the user's raised; it has been logged."""
