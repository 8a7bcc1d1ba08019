"""Events: what an association tells its user (notification) and what it asks (intervention), and their handlers.

A notification event has any number of handlers, whose exceptions are logged; an intervention event has exactly one, a
default if the user bound none, and its answer is what the association acts on. The services are those of PS3.7
sections 9 and 10, the negotiations those of PS3.7 Annex D.3.3. Knows nothing of sockets, threads or how a message is
decoded: what an event offers is decoded when it is looked at.

Documented names: ``from workstation.net import evt``.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.tag import BaseTag

    from workstation.net.association import Association
    from workstation.net.presentation import PresentationContextTuple

LOGGER = logging.getLogger(__name__)


class NotificationEvent(NamedTuple):
    """Something that happened; nothing is expected of its handlers."""

    name: str
    description: str
    is_intervention: bool = False
    is_notification: bool = True

    def __str__(self) -> str:
        return self.name


class InterventionEvent(NamedTuple):
    """Something that the association cannot answer without its handler."""

    name: str
    description: str
    is_intervention: bool = True
    is_notification: bool = False

    def __str__(self) -> str:
        return self.name


EventType: TypeAlias = NotificationEvent | InterventionEvent
Handler: TypeAlias = Callable[..., Any]
Binding: TypeAlias = tuple[Handler, list[Any] | None]
# What `evt_handlers` lists: (event, handler) or (event, handler, [arguments]).
EventHandler: TypeAlias = tuple[EventType, Handler] | tuple[EventType, Handler, list[Any]]

# Notification events
EVT_ABORTED: Final = NotificationEvent("EVT_ABORTED", "Association aborted")
EVT_ACCEPTED: Final = NotificationEvent("EVT_ACCEPTED", "Association request accepted")
EVT_ACSE_RECV: Final = NotificationEvent("EVT_ACSE_RECV", "ACSE received a primitive from the service provider")
EVT_ACSE_SENT: Final = NotificationEvent("EVT_ACSE_SENT", "ACSE sent a primitive to the service provider")
EVT_CONN_CLOSE: Final = NotificationEvent("EVT_CONN_CLOSE", "Connection with the remote closed")
EVT_CONN_OPEN: Final = NotificationEvent("EVT_CONN_OPEN", "Connection with the remote opened")
EVT_DATA_RECV: Final = NotificationEvent("EVT_DATA_RECV", "PDU data received from the remote")
EVT_DATA_SENT: Final = NotificationEvent("EVT_DATA_SENT", "PDU data sent to the remote")
EVT_DIMSE_RECV: Final = NotificationEvent("EVT_DIMSE_RECV", "Complete DIMSE message received and decoded")
EVT_DIMSE_SENT: Final = NotificationEvent("EVT_DIMSE_SENT", "DIMSE message encoded and sent")
EVT_ESTABLISHED: Final = NotificationEvent("EVT_ESTABLISHED", "Association established")
EVT_FSM_TRANSITION: Final = NotificationEvent("EVT_FSM_TRANSITION", "State machine transition occurred")
EVT_PDU_RECV: Final = NotificationEvent("EVT_PDU_RECV", "PDU received from the remote and decoded")
EVT_PDU_SENT: Final = NotificationEvent("EVT_PDU_SENT", "PDU encoded and sent to the remote")
EVT_REJECTED: Final = NotificationEvent("EVT_REJECTED", "Association request rejected")
EVT_RELEASED: Final = NotificationEvent("EVT_RELEASED", "Association released")
EVT_REQUESTED: Final = NotificationEvent("EVT_REQUESTED", "Association requested")

# Intervention events: negotiation (PS3.7 Annex D.3.3)
EVT_ASYNC_OPS: Final = InterventionEvent("EVT_ASYNC_OPS", "Asynchronous Operations Window negotiation requested")
EVT_SOP_COMMON: Final = InterventionEvent("EVT_SOP_COMMON", "SOP Class Common Extended negotiation requested")
EVT_SOP_EXTENDED: Final = InterventionEvent("EVT_SOP_EXTENDED", "SOP Class Extended negotiation requested")
EVT_USER_ID: Final = InterventionEvent("EVT_USER_ID", "User Identity negotiation requested")
# Intervention events: services (PS3.7 sections 9 and 10)
EVT_C_ECHO: Final = InterventionEvent("EVT_C_ECHO", "C-ECHO request received")
EVT_C_FIND: Final = InterventionEvent("EVT_C_FIND", "C-FIND request received")
EVT_C_GET: Final = InterventionEvent("EVT_C_GET", "C-GET request received")
EVT_C_MOVE: Final = InterventionEvent("EVT_C_MOVE", "C-MOVE request received")
EVT_C_STORE: Final = InterventionEvent("EVT_C_STORE", "C-STORE request received")
EVT_N_ACTION: Final = InterventionEvent("EVT_N_ACTION", "N-ACTION request received")
EVT_N_CREATE: Final = InterventionEvent("EVT_N_CREATE", "N-CREATE request received")
EVT_N_DELETE: Final = InterventionEvent("EVT_N_DELETE", "N-DELETE request received")
EVT_N_EVENT_REPORT: Final = InterventionEvent("EVT_N_EVENT_REPORT", "N-EVENT-REPORT request received")
EVT_N_GET: Final = InterventionEvent("EVT_N_GET", "N-GET request received")
EVT_N_SET: Final = InterventionEvent("EVT_N_SET", "N-SET request received")

NOTIFICATION_EVENTS: Final[tuple[NotificationEvent, ...]] = (
    EVT_ABORTED,
    EVT_ACCEPTED,
    EVT_ACSE_RECV,
    EVT_ACSE_SENT,
    EVT_CONN_CLOSE,
    EVT_CONN_OPEN,
    EVT_DATA_RECV,
    EVT_DATA_SENT,
    EVT_DIMSE_RECV,
    EVT_DIMSE_SENT,
    EVT_ESTABLISHED,
    EVT_FSM_TRANSITION,
    EVT_PDU_RECV,
    EVT_PDU_SENT,
    EVT_REJECTED,
    EVT_RELEASED,
    EVT_REQUESTED,
)
NEGOTIATION_EVENTS: Final[tuple[InterventionEvent, ...]] = (
    EVT_ASYNC_OPS,
    EVT_SOP_COMMON,
    EVT_SOP_EXTENDED,
    EVT_USER_ID,
)
SERVICE_EVENTS: Final[tuple[InterventionEvent, ...]] = (
    EVT_C_ECHO,
    EVT_C_FIND,
    EVT_C_GET,
    EVT_C_MOVE,
    EVT_C_STORE,
    EVT_N_ACTION,
    EVT_N_CREATE,
    EVT_N_DELETE,
    EVT_N_EVENT_REPORT,
    EVT_N_GET,
    EVT_N_SET,
)
INTERVENTION_EVENTS: Final[tuple[InterventionEvent, ...]] = (*NEGOTIATION_EVENTS, *SERVICE_EVENTS)

# The status that answers a service request whose handler is not bound, or raises.
UNHANDLED_STATUS: Final[Mapping[InterventionEvent, int]] = {
    # PS3.4 A.4: verification says that we are there, which is true whatever the handler did.
    EVT_C_ECHO: 0x0000,
    EVT_C_STORE: 0xC211,
    EVT_C_FIND: 0xC311,
    EVT_C_GET: 0xC411,
    EVT_C_MOVE: 0xC511,
    EVT_N_ACTION: 0x0110,
    EVT_N_CREATE: 0x0110,
    EVT_N_DELETE: 0x0110,
    EVT_N_EVENT_REPORT: 0x0110,
    EVT_N_GET: 0x0110,
    EVT_N_SET: 0x0110,
}


def _not_implemented(event: InterventionEvent) -> Handler:
    def handler(event_: Event) -> Any:
        raise NotImplementedError(f"No handler has been bound to '{event}'")

    handler.__name__ = handler.__qualname__ = f"default_{event.name.removeprefix('EVT_').lower()}_handler"
    return handler


def _default_c_echo_handler(event: Event) -> int:
    return 0x0000


def _default_sop_common_handler(event: Event) -> dict[Any, Any]:
    return {}


def _default_sop_extended_handler(event: Event) -> dict[Any, bytes]:
    return {}


def _default_user_id_handler(event: Event) -> tuple[bool, bytes | None]:
    return True, None


_DEFAULTS: Final[dict[str, Handler]] = {
    **{event.name: _not_implemented(event) for event in INTERVENTION_EVENTS},
    EVT_C_ECHO.name: _default_c_echo_handler,
    EVT_SOP_COMMON.name: _default_sop_common_handler,
    EVT_SOP_EXTENDED.name: _default_sop_extended_handler,
    EVT_USER_ID.name: _default_user_id_handler,
}


def get_default_handler(event: InterventionEvent) -> Handler:
    """Return the handler of an intervention event to which the user bound none.

    C-ECHO is answered with Success, extended negotiation is left unanswered and user identities are accepted; the
    others raise NotImplementedError, which `UNHANDLED_STATUS` turns into a status.
    """
    return _DEFAULTS[event.name]


class LogHandler:
    """A handler that writes to a log; while the log takes no lines of its level, nobody is there to hear of the event.

    Args:
        logger: The log.
        level: Of what is written.
        write: Called as ``write(event)``.

    Attributes:
        hears: Says whether the log takes what it writes; asked for each message.
    """

    __slots__ = ("_write", "hears")

    def __init__(self, logger: logging.Logger, level: int, write: Callable[[Event], None]) -> None:
        self.hears: Callable[[], bool] = partial(logger.isEnabledFor, level)
        self._write = write

    def __call__(self, event: Event) -> None:
        """Write, if the log takes it."""
        if self.hears():
            self._write(event)

    def __repr__(self) -> str:
        return f"<LogHandler {self._write.__name__}>"


_WIRE = frozenset({"EVT_DATA_RECV", "EVT_DATA_SENT", "EVT_FSM_TRANSITION", "EVT_PDU_RECV", "EVT_PDU_SENT"})


class Handlers:
    """The handlers of one association or server.

    Reading takes no lock: each change replaces the tuple of its event.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()  # one change at a time
        self._notification: dict[str, tuple[Binding, ...]] = {}
        self._intervention: dict[str, Binding] = {}

    def bind(self, event: EventType, handler: Handler, args: Iterable[Any] | None = None) -> None:
        """Bind `handler`; an intervention event's previous one is replaced.

        Args:
            event: The event.
            handler: Called as ``handler(event, *args)``.
            args: Further arguments.

        Raises:
            TypeError: if `event` is no event, or `handler` cannot be called.
        """
        if not callable(handler):
            raise TypeError(f"A handler of {event} must be callable, not '{type(handler).__name__}'")
        binding = (handler, None if args is None else list(args))
        with self._lock:
            if isinstance(event, InterventionEvent):
                self._intervention[event.name] = binding
            elif isinstance(event, NotificationEvent):
                bound = self._notification.get(event.name, ())
                if binding not in bound:
                    self._notification[event.name] = (*bound, binding)
            else:
                raise TypeError(f"{event!r} is not an event")

    def add(self, table: Handlers) -> None:
        """Bind the handlers of notification events that another table has."""
        with self._lock:
            for name, bindings in table._notification.items():
                bound = self._notification.get(name)
                if bound is not None:
                    bindings = (*bound, *(binding for binding in bindings if binding not in bound))
                self._notification[name] = bindings

    def bind_all(self, evt_handlers: Iterable[EventHandler] | None) -> None:
        """Bind what ``associate(evt_handlers=...)`` and ``start_server(evt_handlers=...)`` take.

        Raises:
            ValueError: if an entry is neither (event, handler) nor (event, handler, [arguments]).
        """
        for entry in evt_handlers or ():
            if not 2 <= len(entry) <= 3:
                raise ValueError(f"evt_handlers takes (event, handler) or (event, handler, [args]), not {entry!r}")
            self.bind(*entry)

    def unbind(self, event: EventType, handler: Handler) -> None:
        """Unbind `handler` if it is bound; an intervention event gets its default handler back."""
        with self._lock:
            if event.is_intervention:
                if event.name in self._intervention and self._intervention[event.name][0] == handler:
                    del self._intervention[event.name]
                return
            bound = tuple(binding for binding in self._notification.get(event.name, ()) if binding[0] != handler)
            if bound:
                self._notification[event.name] = bound
            else:
                self._notification.pop(event.name, None)

    def get_events(self) -> list[EventType]:
        """Return the events that have a handler, sorted by name; intervention events always have one."""
        bound: list[EventType] = [event for event in NOTIFICATION_EVENTS if event.name in self._notification]
        return sorted([*bound, *INTERVENTION_EVENTS], key=lambda event: event.name)

    def get_handlers(self, event: EventType) -> list[Binding] | Binding:
        """Return ``[(handler, args or None), ...]`` of a notification event, the one pair of an intervention event."""
        if isinstance(event, InterventionEvent):
            return self.intervention(event)
        return list(self._notification.get(event.name, ()))

    def notification(self, event: EventType) -> tuple[Binding, ...]:
        """Return the handlers of a notification event; an intervention event has none such."""
        return self._notification.get(event.name, ())

    def intervention(self, event: InterventionEvent) -> Binding:
        """Return the handler of an intervention event."""
        return self._intervention.get(event.name) or (_DEFAULTS[event.name], None)

    def has(self, event: EventType) -> bool:
        """Return whether a handler would hear; the default of an intervention event and a silent log do not count."""
        bound = self._notification.get(event.name)
        if bound is None:
            return event.name in self._intervention
        handler = bound[0][0]
        return len(bound) > 1 or not isinstance(handler, LogHandler) or handler.hears()

    @property
    def has_wire(self) -> bool:
        """Return whether there may be a handler of what goes over the wire; almost never, and asked for each PDU."""
        return not _WIRE.isdisjoint(self._notification)

    def copy(self) -> Handlers:
        """Return an independent table with the same handlers."""
        twin = Handlers()
        with self._lock:
            twin._notification = dict(self._notification)
            twin._intervention = dict(self._intervention)
        return twin


# Attributes that may be given as a function to be called once, when a handler first looks at them.
_LAZY: Final = frozenset({"data", "pdu", "message", "primitive", "over"})
_NOTHING: Final[Mapping[str, Any]] = {}


class Event:
    """What a handler is given.

    Beside the attributes below an event has those of its kind: `address` (EVT_CONN_*); `data` (EVT_DATA_*); `pdu`
    (EVT_PDU_*); `message` (EVT_DIMSE_*); `primitive` (EVT_ACSE_*); `current_state`, `next_state`, `fsm_event`, `action`
    (EVT_FSM_TRANSITION); `request`, `context` and `message_id` (services); `invoked`, `performed` (EVT_ASYNC_OPS);
    `items` (EVT_SOP_COMMON); `app_info` (EVT_SOP_EXTENDED); `user_id_type`, `primary_field`, `secondary_field`
    (EVT_USER_ID). An attribute of another kind of event raises AttributeError.

    Args:
        assoc: The association.
        event: What happened.
        attrs: The attributes of its kind; `data`, `pdu`, `message`, `primitive` and `over` may be functions that make
            them. `_is_cancelled` is a function that says whether a C-CANCEL arrived, `sink` the DataSink that took the
            data set of a C-STORE request, `path` the file that has it. They stay as they are given until somebody
            looks: several events are made for each PDU, and most are looked at by nobody.

    Attributes:
        assoc: The association.
        time: When the event was made, in seconds since the epoch.
        data: The bytes of one PDU.
        pdu: The PDU, one of the classes of `pdu`.
        message: The DIMSE message, one of the classes of `dimse`.
        primitive: The ACSE primitive: A_ASSOCIATE, A_RELEASE, A_ABORT or A_P_ABORT.
        over: Set when the peer cancelled the operation or is gone: what a handler that waits, waits on.
    """

    address: tuple[str, int]
    current_state: str
    next_state: str
    fsm_event: str
    action: str
    request: Any
    context: PresentationContextTuple
    sink: Any
    invoked: int
    performed: int
    items: Mapping[Any, Any]
    app_info: Mapping[Any, bytes]
    user_id_type: int
    primary_field: bytes
    secondary_field: bytes | None

    data: bytes
    pdu: Any
    message: Any
    primitive: Any
    over: threading.Event

    _attrs: Mapping[str, Any] = _NOTHING
    _source: Any = None
    _cache: tuple[Any, Dataset] | None = None

    def __init__(self, assoc: Association, event: EventType, attrs: Mapping[str, Any] | None = None) -> None:
        self.assoc = assoc
        self.time = time.time()
        self._event = event
        if attrs:
            self._attrs = attrs

    def __getattr__(self, name: str) -> Any:
        """An attribute of its kind, when it is first looked at; from then on it is the event's own."""
        try:
            value = self._attrs[name]
        except KeyError:
            raise AttributeError(f"'{self._event}' has no attribute '{name}'") from None
        if name in _LAZY and callable(value):
            value = value() if self._source is None else value(self._source)
        setattr(self, name, value)
        return value

    @property
    def event(self) -> EventType:
        """What happened."""
        return self._event

    @property
    def name(self) -> str:
        """The event's name, such as "EVT_C_STORE"."""
        return self._event.name

    @property
    def description(self) -> str:
        """The event in words."""
        return self._event.description

    @property
    def timestamp(self) -> datetime:
        """When the event was made, in local time."""
        return datetime.fromtimestamp(self.time)

    def __repr__(self) -> str:
        return f"<Event {self._event.name}>"

    # ------------------------------------------------------------------- negotiation
    @property
    def nr_invoked(self) -> int:
        """`invoked`, by its name in running code of version 3 of the documented API."""
        self._require("nr_invoked", EVT_ASYNC_OPS)
        return self.invoked

    @property
    def nr_performed(self) -> int:
        """`performed`, by its name in running code of version 3 of the documented API."""
        self._require("nr_performed", EVT_ASYNC_OPS)
        return self.performed

    # ------------------------------------------------------------------- services
    def _require(self, attribute: str, *events: InterventionEvent) -> None:
        if self._event not in events:
            raise AttributeError(f"'{self._event}' has no attribute '{attribute}'")

    def _decoded(self, attribute: str) -> Dataset:
        """The request's data set, decoded once as long as its encoded bytes are the same ones."""
        encoded = self.request.data
        cached = self._cache
        if cached is not None and cached[0] is encoded:
            dataset: Dataset = cached[1]
            return dataset
        from pydicom.dataset import Dataset as EmptyDataset

        from workstation.net import dsutils

        dataset = EmptyDataset() if not encoded else dsutils.decode_in(encoded, self.context.transfer_syntax)
        self._cache = (encoded, dataset)
        return dataset

    @property
    def message_id(self) -> int:
        """The request's (0000,0110) Message ID."""
        self._require("message_id", *SERVICE_EVENTS)
        message_id: int = self.request.MessageID
        return message_id

    @property
    def is_cancelled(self) -> bool:
        """Whether a C-CANCEL for this request arrived (PS3.7 9.3.2.3); False where there is nothing to cancel."""
        is_cancelled = self._attrs.get("_is_cancelled")
        return is_cancelled is not None and bool(is_cancelled())

    @property
    def identifier(self) -> Dataset:
        """The Identifier of a C-FIND, C-GET or C-MOVE request."""
        self._require("identifier", EVT_C_FIND, EVT_C_GET, EVT_C_MOVE)
        return self._decoded("identifier")

    @property
    def move_destination(self) -> str | None:
        """The (0000,0600) Move Destination of a C-MOVE request; None if the peer sent none."""
        self._require("move_destination", EVT_C_MOVE)
        destination: str | None = self.request.MoveDestination
        return destination

    @property
    def attribute_list(self) -> Dataset:
        """The Attribute List of an N-CREATE request."""
        self._require("attribute_list", EVT_N_CREATE)
        return self._decoded("attribute_list")

    @property
    def modification_list(self) -> Dataset:
        """The Modification List of an N-SET request."""
        self._require("modification_list", EVT_N_SET)
        return self._decoded("modification_list")

    @property
    def event_information(self) -> Dataset:
        """The Event Information of an N-EVENT-REPORT request."""
        self._require("event_information", EVT_N_EVENT_REPORT)
        return self._decoded("event_information")

    @property
    def event_type(self) -> int | None:
        """The (0000,1002) Event Type ID of an N-EVENT-REPORT request; None if the peer sent none."""
        self._require("event_type", EVT_N_EVENT_REPORT)
        event_type: int | None = self.request.EventTypeID
        return event_type

    @property
    def action_information(self) -> Dataset:
        """The Action Information of an N-ACTION request."""
        self._require("action_information", EVT_N_ACTION)
        return self._decoded("action_information")

    @property
    def action_type(self) -> int | None:
        """The (0000,1008) Action Type ID of an N-ACTION request; None if the peer sent none."""
        self._require("action_type", EVT_N_ACTION)
        action_type: int | None = self.request.ActionTypeID
        return action_type

    @property
    def attribute_identifiers(self) -> list[BaseTag]:
        """The (0000,1005) Attribute Identifier List of an N-GET request; empty if there is none."""
        self._require("attribute_identifiers", EVT_N_GET)
        from pydicom.tag import Tag

        tags = self.request.AttributeIdentifierList
        if tags is None:
            return []
        return [Tag(tag) for tag in ([tags] if isinstance(tags, int) else tags)]

    # ------------------------------------------------------------------- C-STORE
    @property
    def dataset(self) -> Dataset:
        """The Data Set of a C-STORE request, read from its file if it was spooled."""
        self._require("dataset", EVT_C_STORE)
        path = self._path()
        if path is None:
            return self._decoded("dataset")
        cached = self._cache
        if cached is not None and cached[0] == path:
            dataset: Dataset = cached[1]
            return dataset
        from workstation.net import dsutils

        dataset = dsutils.read_file(path, self.context.transfer_syntax, self._offset())
        self._cache = (path, dataset)
        return dataset

    @property
    def dataset_path(self) -> Path | None:
        """The file with a C-STORE request's Data Set, if it was written to one while it arrived.

        None if it was collected in memory: that is so without `_config.STORE_RECV_CHUNKED_DATASET` and a sink that
        writes a file.
        """
        self._require("dataset_path", EVT_C_STORE)
        return self._path()

    def _path(self) -> Path | None:
        path = self._attrs.get("path")
        if path is None:
            path = getattr(self._attrs.get("sink"), "path", None)
        return path if path is None or isinstance(path, Path) else Path(path)

    def _offset(self) -> int | None:
        """Where the data set begins in its file, if its sink knows."""
        return getattr(self._attrs.get("sink"), "offset", None)

    @property
    def file_meta(self) -> FileMetaDataset:
        """The File Meta Information (PS3.10 7.1) to write before a C-STORE request's Data Set."""
        self._require("file_meta", EVT_C_STORE)
        from workstation.net import dsutils

        return dsutils.create_file_meta(
            sop_class_uid=self.request.AffectedSOPClassUID,
            sop_instance_uid=self.request.AffectedSOPInstanceUID,
            transfer_syntax=self.context.transfer_syntax,
        )

    def encoded_dataset(self, include_meta: bool = True) -> bytes:
        """Return the Data Set of a C-STORE request as it was received, not decoded.

        Args:
            include_meta: Put the preamble, "DICM" and `file_meta` before it, as in a file (PS3.10 7.1).
        """
        self._require("encoded_dataset", EVT_C_STORE)
        from workstation.net import _globals, dsutils, part10

        path = self._path()
        data = bytes(self.request.data or b"") if path is None else dsutils.read_encoded(path, self._offset())
        if not include_meta:
            return data
        head = part10.encode_head(
            sop_class_uid=self.request.AffectedSOPClassUID,
            sop_instance_uid=self.request.AffectedSOPInstanceUID,
            transfer_syntax_uid=self.context.transfer_syntax,
            implementation_class_uid=_globals.PYNETDICOM_IMPLEMENTATION_UID,
            implementation_version_name=_globals.PYNETDICOM_IMPLEMENTATION_VERSION,
        )
        return head + data


def event_from(assoc: Association, event: EventType, attrs: Mapping[str, Any], source: Any) -> Event:
    """Make an event whose functions among the attributes are called with their source."""
    happened = Event(assoc, event, attrs)
    happened._source = source
    return happened


def run_notification(handlers: Handlers, event: Event) -> None:
    """Call the handlers bound to a notification event, one after the other. Their exceptions are logged."""
    _call(handlers.notification(event._event), event)


def _call(bound: Iterable[Binding], event: Event) -> None:
    for handler, args in bound:
        try:
            if args is None:
                handler(event)
            else:
                handler(event, *args)
        except Exception:
            # Whatever a user's handler raises, the association goes on.
            LOGGER.exception("The handler %r bound to %s raised an exception", handler, event.name)


def trigger(assoc: Association, event: EventType, attrs: Mapping[str, Any] | None = None) -> Any:
    """Call the handlers that are bound to `event` in `assoc`.

    Args:
        assoc: The association, or whatever has its `get_handlers`.
        event: The event.
        attrs: The attributes of the event.

    Returns:
        What an intervention event's handler returns; its exceptions are the caller's. None for notifications, whose
        handlers' exceptions are logged.
    """
    bound = assoc.get_handlers(event)
    if isinstance(event, InterventionEvent):
        handler, args = bound
        return handler(Event(assoc, event, attrs), *(args or ()))
    if not bound:
        return None
    _call(bound, Event(assoc, event, attrs))
    return None
