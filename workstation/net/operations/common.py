"""What all operations share: refusing what has no place, asking the handler, making statuses into responses."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, MutableSequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

from pydicom.datadict import keyword_for_tag
from pydicom.dataset import Dataset
from pydicom.uid import UID

from workstation.net import _config, events
from workstation.net.codec.dimse import (
    C_ECHO_RQ,
    C_FIND_RQ,
    C_GET_RQ,
    C_MOVE_RQ,
    C_STORE_RQ,
    N_ACTION_RQ,
    N_CREATE_RQ,
    N_DELETE_RQ,
    N_EVENT_REPORT_RQ,
    N_GET_RQ,
    N_SET_RQ,
    Message,
    Response,
    response_class,
)
from workstation.net.codec.dimse_elements import check_value
from workstation.net.events import Event
from workstation.net.status import code_to_category
from workstation.net.utils import printable

if TYPE_CHECKING:
    from workstation.net.association import Association
    from workstation.net.exchange import Operation

_log = logging.getLogger("workstation.net.operations")

SUCCESS = 0x0000
SOP_CLASS_NOT_SUPPORTED = 0x0122
UNRECOGNIZED_OPERATION = 0x0211
NO_STATUS_ELEMENT = 0xC001
BAD_STATUS_TYPE = 0xC002
_FIELDS: dict[type[Message], frozenset[str]] = {}

EVENTS: Final[dict[type[Message], events.InterventionEvent]] = {
    C_ECHO_RQ: events.EVT_C_ECHO,
    C_STORE_RQ: events.EVT_C_STORE,
    C_FIND_RQ: events.EVT_C_FIND,
    C_GET_RQ: events.EVT_C_GET,
    C_MOVE_RQ: events.EVT_C_MOVE,
    N_ACTION_RQ: events.EVT_N_ACTION,
    N_CREATE_RQ: events.EVT_N_CREATE,
    N_DELETE_RQ: events.EVT_N_DELETE,
    N_EVENT_REPORT_RQ: events.EVT_N_EVENT_REPORT,
    N_GET_RQ: events.EVT_N_GET,
    N_SET_RQ: events.EVT_N_SET,
}

# {request: [(element of its response, element of the request that it repeats)]}: a response names SOP class and
# instance as Affected, however the request does (PS3.7 section 10.1).
_REPEATS: Final = {
    "AffectedSOPClassUID": ("AffectedSOPClassUID", "RequestedSOPClassUID"),
    "AffectedSOPInstanceUID": ("AffectedSOPInstanceUID", "RequestedSOPInstanceUID"),
    "EventTypeID": ("EventTypeID",),
    "ActionTypeID": ("ActionTypeID",),
}
_REPEATED: Final = {
    request: [
        (keyword, source)
        for keyword, sources in _REPEATS.items()
        if keyword in dict(response_class(request).elements)
        for source in sources
        if source in dict(request.elements)
    ]
    for request in EVENTS
}


def refusal(asked: Asked) -> bool:
    """Answer a request that does not belong into its presentation context; whether it was refused.

    The context's service class may not have the DIMSE service at all (0211H), or the peer may ask us to be SCP of what
    it negotiated to be SCP of itself (0122H, PS3.7 D.3.3.4). An N-EVENT-REPORT goes from SCP to SCU, but whoever
    opens an association to deliver one often forgets to negotiate that: it is taken in either role.
    """
    service, context = asked.request.msg_type, asked.context
    is_known = service in asked.service_class.services
    if is_known and (
        context.as_scp or service == "N-EVENT-REPORT" or (service == "C-STORE" and _config.UNRESTRICTED_STORAGE_SERVICE)
    ):
        return False
    name = context.abstract_syntax.name if context.abstract_syntax else ""
    if is_known:
        status, comment = SOP_CLASS_NOT_SUPPORTED, f"We are not SCP of {name}"
    else:
        status, comment = UNRECOGNIZED_OPERATION, f"{name} has no {service}"
    _log.error("%s: the %s is refused: %s", asked.assoc.name, asked.request.name, printable(comment))
    if asked.operation.sink is not None:
        asked.operation.sink.discard()  # nobody will look at it
    asked.respond(status, ErrorComment=comment[:64])
    return True


class Asked:
    """One operation and the handler that is to answer it.

    Attributes:
        event: What the handler gets.
    """

    def __init__(self, assoc: Association, operation: Operation) -> None:
        event = EVENTS[type(operation.message)]
        self.assoc = assoc
        self.operation = operation
        self.request = operation.message
        self.context, described, self.service_class = assoc.served(self.request.context_id)
        self.handler, self.args = assoc.handlers.intervention(event)
        self.event = Event(
            assoc,
            event,
            {
                "request": self.request,
                "context": described,
                "_is_cancelled": operation.is_cancelled,
                "over": operation.get_over,
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
        response = self.response(status, data, **elements)
        assert response.Status is not None
        category = code_to_category(response.Status)
        self.operation.answered = category != "Pending"
        self.assoc.send(response)
        self.assoc.run_notifications()
        return category

    def succeed(self, command: bytes, make: Callable[[], Message]) -> None:
        """Say Success, in a response that is like those before it.

        Args:
            command: Its command set.
            make: Makes the message; called when somebody looks at it.
        """
        self.operation.answered = True
        self.assoc.send_encoded(self.request.context_id, command, make)
        self.assoc.run_notifications()

    def response(self, status: Any, data: bytes | None = None, **elements: Any) -> Response:
        """One response; arguments as of `respond`."""
        kind = response_class(type(self.request))
        code, extra = status_elements(status, kind)
        values = {keyword: getattr(self.request, source) for keyword, source in _REPEATED[type(self.request)]}
        fixed = {
            "context_id": self.request.context_id,
            "MessageIDBeingRespondedTo": self.request.MessageID,
            "Status": code,
            "data": data,
            "has_data_set": data is not None,
        }
        if extra or elements:
            return kind(**(values | extra | elements | fixed))
        return kind.of_checked(values | fixed)

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


class Answers:
    """What a yielding handler gives, one by one; a handler that returns instead of yielding gives nothing.

    Args:
        asked: Whom to ask.

    Attributes:
        are_over: Whether the handler has come to its end.

    Raises:
        HandlerError: The handler raised when it was called; `__next__` raises it for one that raises later.
    """

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self.are_over = False
        try:
            given = asked.call()
            self._given = given
            self._iterator: Iterator[Any] = iter(given) if given is not None else iter(())
        except Exception as error:
            raise self._failed() from error

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            return next(self._iterator)
        except StopIteration:
            self.are_over = True
            raise
        except Exception as error:
            raise self._failed() from error

    def close(self) -> None:
        """Let the handler clean up after itself; it may have been left where it yielded."""
        close = getattr(self._given, "close", None)
        if callable(close):
            try:
                close()
            except Exception:
                _log.exception(
                    "%s: the handler of %s failed at its end", self._asked.assoc.name, self._asked.event.name
                )

    def _failed(self) -> HandlerError:
        """Log the exception that is being handled."""
        _log.exception("%s: the handler of evt.%s failed", self._asked.assoc.name, self._asked.event.name)
        return HandlerError()


class HandlerError(Exception):
    """A handler of the user's raised; it has been logged."""
