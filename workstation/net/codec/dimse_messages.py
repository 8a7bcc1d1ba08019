"""The 23 DIMSE messages (PS3.7 sections 9 and 10: service tables; 9.3 and 10.3 for their elements).

Each class is one message and each attribute one command element, by its DICOM keyword. Frozen and checked when
made. Optional elements, and mandatory ones that a peer left out, are None.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields
from io import BytesIO
from typing import ClassVar, Protocol

from workstation.net.codec.dimse_base import CommandField, CompositeResponse, Message, Request, Response
from workstation.net.codec.dimse_elements import ELEMENTS, NUMBERS


class _HasData(Protocol):
    @property
    def data(self) -> bytes | memoryview | None: ...


def _stream(message: _HasData) -> BytesIO | None:
    return None if message.data is None else BytesIO(message.data)


# The data set of a message goes by another name in each service; documented handlers ask for it by that name.


class _DataSet:
    @property
    def DataSet(self: _HasData) -> BytesIO | None:
        """The encoded data set, when it is held in memory."""
        return _stream(self)


class _Identifier:
    @property
    def Identifier(self: _HasData) -> BytesIO | None:
        """The encoded data set, when it is held in memory."""
        return _stream(self)


class _EventInformation:
    @property
    def EventInformation(self: _HasData) -> BytesIO | None:
        """The encoded data set, when it is held in memory."""
        return _stream(self)


class _EventReply:
    @property
    def EventReply(self: _HasData) -> BytesIO | None:
        """The encoded data set, when it is held in memory."""
        return _stream(self)


class _ModificationList:
    @property
    def ModificationList(self: _HasData) -> BytesIO | None:
        """The encoded data set, when it is held in memory."""
        return _stream(self)


class _ActionInformation:
    @property
    def ActionInformation(self: _HasData) -> BytesIO | None:
        """The encoded data set, when it is held in memory."""
        return _stream(self)


class _ActionReply:
    @property
    def ActionReply(self: _HasData) -> BytesIO | None:
        """The encoded data set, when it is held in memory."""
        return _stream(self)


# Documented requests have the attributes of their responses as well, which are None in a request.


class _NoCounters:
    NumberOfRemainingSuboperations: ClassVar[None] = None
    NumberOfCompletedSuboperations: ClassVar[None] = None
    NumberOfFailedSuboperations: ClassVar[None] = None
    NumberOfWarningSuboperations: ClassVar[None] = None


class _NoAffected:
    AffectedSOPClassUID: ClassVar[None] = None
    AffectedSOPInstanceUID: ClassVar[None] = None


class _AttributeList:
    @property
    def AttributeList(self: _HasData) -> BytesIO | None:
        """The encoded data set, when it is held in memory."""
        return _stream(self)


# -- C services (PS3.7 section 9) ---------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class C_STORE_RQ(_DataSet, Request):
    """Stores a composite object (PS3.7 section 9.3.1)."""

    command_field: ClassVar[CommandField] = CommandField.C_STORE_RQ
    mandatory: ClassVar[tuple[str, ...]] = ("AffectedSOPClassUID", "AffectedSOPInstanceUID", "Priority")
    needs_data_set: ClassVar[bool] = True

    AffectedSOPClassUID: str | None = None
    AffectedSOPInstanceUID: str | None = None
    Priority: int | None = None
    MoveOriginatorApplicationEntityTitle: str | None = None
    MoveOriginatorMessageID: int | None = None


@dataclass(frozen=True, kw_only=True)
class C_STORE_RSP(CompositeResponse):
    """Answers a C-STORE-RQ."""

    command_field: ClassVar[CommandField] = CommandField.C_STORE_RSP

    AffectedSOPInstanceUID: str | None = None


@dataclass(frozen=True, kw_only=True)
class C_FIND_RQ(_Identifier, Request):
    """Asks for matches of an identifier (PS3.7 section 9.3.2)."""

    command_field: ClassVar[CommandField] = CommandField.C_FIND_RQ
    mandatory: ClassVar[tuple[str, ...]] = ("AffectedSOPClassUID", "Priority")
    needs_data_set: ClassVar[bool] = True

    AffectedSOPClassUID: str | None = None
    Priority: int | None = None


@dataclass(frozen=True, kw_only=True)
class C_FIND_RSP(_Identifier, CompositeResponse):
    """One match while pending, or the end of a C-FIND."""

    command_field: ClassVar[CommandField] = CommandField.C_FIND_RSP


@dataclass(frozen=True, kw_only=True)
class C_GET_RQ(_NoCounters, _Identifier, Request):
    """Retrieves over this association (PS3.7 section 9.3.3)."""

    command_field: ClassVar[CommandField] = CommandField.C_GET_RQ
    mandatory: ClassVar[tuple[str, ...]] = ("AffectedSOPClassUID", "Priority")
    needs_data_set: ClassVar[bool] = True

    AffectedSOPClassUID: str | None = None
    Priority: int | None = None


@dataclass(frozen=True, kw_only=True)
class _Retrieval(_Identifier, CompositeResponse):
    """The counters of sub-operations that C-GET and C-MOVE share; they saturate at 65535."""

    NumberOfRemainingSuboperations: int | None = None
    NumberOfCompletedSuboperations: int | None = None
    NumberOfFailedSuboperations: int | None = None
    NumberOfWarningSuboperations: int | None = None

    def __post_init__(self) -> None:
        for keyword in _COUNTERS:
            value = getattr(self, keyword)
            if isinstance(value, int) and value > 0xFFFF:
                object.__setattr__(self, keyword, 0xFFFF)
        Message.__post_init__(self)


_COUNTERS = (
    "NumberOfRemainingSuboperations",
    "NumberOfCompletedSuboperations",
    "NumberOfFailedSuboperations",
    "NumberOfWarningSuboperations",
)


@dataclass(frozen=True, kw_only=True)
class C_GET_RSP(_Retrieval):
    """Progress or the end of a C-GET."""

    command_field: ClassVar[CommandField] = CommandField.C_GET_RSP


@dataclass(frozen=True, kw_only=True)
class C_MOVE_RQ(_NoCounters, _Identifier, Request):
    """Has objects sent to a third AE (PS3.7 section 9.3.4)."""

    command_field: ClassVar[CommandField] = CommandField.C_MOVE_RQ
    mandatory: ClassVar[tuple[str, ...]] = ("AffectedSOPClassUID", "Priority", "MoveDestination")
    needs_data_set: ClassVar[bool] = True

    AffectedSOPClassUID: str | None = None
    Priority: int | None = None
    MoveDestination: str | None = None


@dataclass(frozen=True, kw_only=True)
class C_MOVE_RSP(_Retrieval):
    """Progress or the end of a C-MOVE."""

    command_field: ClassVar[CommandField] = CommandField.C_MOVE_RSP


@dataclass(frozen=True, kw_only=True)
class C_ECHO_RQ(Request):
    """Asks whether the peer is there (PS3.7 section 9.3.5)."""

    command_field: ClassVar[CommandField] = CommandField.C_ECHO_RQ
    mandatory: ClassVar[tuple[str, ...]] = ("AffectedSOPClassUID",)

    AffectedSOPClassUID: str | None = None


@dataclass(frozen=True, kw_only=True)
class C_ECHO_RSP(CompositeResponse):
    """Answers a C-ECHO-RQ."""

    command_field: ClassVar[CommandField] = CommandField.C_ECHO_RSP


@dataclass(frozen=True, kw_only=True)
class C_CANCEL_RQ(Message):
    """Ends a C-FIND, C-GET or C-MOVE early (PS3.7 section 9.3.2.3); it has no response of its own."""

    command_field: ClassVar[CommandField] = CommandField.C_CANCEL_RQ
    Status: ClassVar[None] = None

    MessageIDBeingRespondedTo: int


# -- N services (PS3.7 section 10): Affected in what the SCP reports and creates, Requested in the other requests --


@dataclass(frozen=True, kw_only=True)
class N_EVENT_REPORT_RQ(_EventInformation, Request):
    """Reports an event of an SOP instance (PS3.7 section 10.3.1)."""

    command_field: ClassVar[CommandField] = CommandField.N_EVENT_REPORT_RQ
    EventReply: ClassVar[None] = None
    mandatory: ClassVar[tuple[str, ...]] = ("AffectedSOPClassUID", "AffectedSOPInstanceUID", "EventTypeID")

    AffectedSOPClassUID: str | None = None
    AffectedSOPInstanceUID: str | None = None
    EventTypeID: int | None = None


@dataclass(frozen=True, kw_only=True)
class N_EVENT_REPORT_RSP(_EventReply, Response):
    """Answers an N-EVENT-REPORT-RQ."""

    command_field: ClassVar[CommandField] = CommandField.N_EVENT_REPORT_RSP

    AffectedSOPInstanceUID: str | None = None
    EventTypeID: int | None = None


@dataclass(frozen=True, kw_only=True)
class N_GET_RQ(_NoAffected, Request):
    """Asks for attributes of an SOP instance (PS3.7 section 10.3.2)."""

    command_field: ClassVar[CommandField] = CommandField.N_GET_RQ
    AttributeList: ClassVar[None] = None
    mandatory: ClassVar[tuple[str, ...]] = ("RequestedSOPClassUID", "RequestedSOPInstanceUID")

    RequestedSOPClassUID: str | None = None
    RequestedSOPInstanceUID: str | None = None
    AttributeIdentifierList: tuple[int, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class N_GET_RSP(_AttributeList, Response):
    """Answers an N-GET-RQ."""

    command_field: ClassVar[CommandField] = CommandField.N_GET_RSP

    AffectedSOPInstanceUID: str | None = None
    AttributeIdentifierList: tuple[int, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class N_SET_RQ(_NoAffected, _ModificationList, Request):
    """Changes attributes of an SOP instance (PS3.7 section 10.3.3)."""

    command_field: ClassVar[CommandField] = CommandField.N_SET_RQ
    AttributeList: ClassVar[None] = None
    mandatory: ClassVar[tuple[str, ...]] = ("RequestedSOPClassUID", "RequestedSOPInstanceUID")
    needs_data_set: ClassVar[bool] = True

    RequestedSOPClassUID: str | None = None
    RequestedSOPInstanceUID: str | None = None


@dataclass(frozen=True, kw_only=True)
class N_SET_RSP(_AttributeList, Response):
    """Answers an N-SET-RQ."""

    command_field: ClassVar[CommandField] = CommandField.N_SET_RSP

    AffectedSOPInstanceUID: str | None = None
    AttributeIdentifierList: tuple[int, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class N_ACTION_RQ(_NoAffected, _ActionInformation, Request):
    """Has an SOP instance act (PS3.7 section 10.3.4)."""

    command_field: ClassVar[CommandField] = CommandField.N_ACTION_RQ
    ActionReply: ClassVar[None] = None
    mandatory: ClassVar[tuple[str, ...]] = ("RequestedSOPClassUID", "RequestedSOPInstanceUID", "ActionTypeID")

    RequestedSOPClassUID: str | None = None
    RequestedSOPInstanceUID: str | None = None
    ActionTypeID: int | None = None


@dataclass(frozen=True, kw_only=True)
class N_ACTION_RSP(_ActionReply, Response):
    """Answers an N-ACTION-RQ."""

    command_field: ClassVar[CommandField] = CommandField.N_ACTION_RSP

    AffectedSOPInstanceUID: str | None = None
    ActionTypeID: int | None = None


@dataclass(frozen=True, kw_only=True)
class N_CREATE_RQ(_AttributeList, Request):
    """Creates an SOP instance (PS3.7 section 10.3.5)."""

    command_field: ClassVar[CommandField] = CommandField.N_CREATE_RQ
    mandatory: ClassVar[tuple[str, ...]] = ("AffectedSOPClassUID",)

    AffectedSOPClassUID: str | None = None
    AffectedSOPInstanceUID: str | None = None


@dataclass(frozen=True, kw_only=True)
class N_CREATE_RSP(_AttributeList, Response):
    """Answers an N-CREATE-RQ."""

    command_field: ClassVar[CommandField] = CommandField.N_CREATE_RSP

    AffectedSOPInstanceUID: str | None = None


@dataclass(frozen=True, kw_only=True)
class N_DELETE_RQ(_NoAffected, Request):
    """Deletes an SOP instance (PS3.7 section 10.3.6)."""

    command_field: ClassVar[CommandField] = CommandField.N_DELETE_RQ
    mandatory: ClassVar[tuple[str, ...]] = ("RequestedSOPClassUID", "RequestedSOPInstanceUID")

    RequestedSOPClassUID: str | None = None
    RequestedSOPInstanceUID: str | None = None


@dataclass(frozen=True, kw_only=True)
class N_DELETE_RSP(Response):
    """Answers an N-DELETE-RQ."""

    command_field: ClassVar[CommandField] = CommandField.N_DELETE_RSP

    AffectedSOPInstanceUID: str | None = None


MESSAGES: dict[CommandField, type[Message]] = {
    message.command_field: message
    for message in (
        C_STORE_RQ,
        C_STORE_RSP,
        C_FIND_RQ,
        C_FIND_RSP,
        C_GET_RQ,
        C_GET_RSP,
        C_MOVE_RQ,
        C_MOVE_RSP,
        C_ECHO_RQ,
        C_ECHO_RSP,
        C_CANCEL_RQ,
        N_EVENT_REPORT_RQ,
        N_EVENT_REPORT_RSP,
        N_GET_RQ,
        N_GET_RSP,
        N_SET_RQ,
        N_SET_RSP,
        N_ACTION_RQ,
        N_ACTION_RSP,
        N_CREATE_RQ,
        N_CREATE_RSP,
        N_DELETE_RQ,
        N_DELETE_RSP,
    )
}

for _message in MESSAGES.values():
    _elements = [(one.name, NUMBERS[one.name]) for one in fields(_message) if one.name in NUMBERS]
    _message.elements = tuple(sorted(_elements, key=lambda element: element[1]))
    _message._numbers = tuple(keyword for keyword, number in _message.elements if ELEMENTS[number][0] == "US")
    _message._others = tuple(keyword for keyword, number in _message.elements if ELEMENTS[number][0] != "US")
    _message._defaults = {one.name: None if one.default is MISSING else one.default for one in fields(_message)}
    _message.name = _message.command_field.text
    _message.msg_type = _message.name.rpartition("-")[0]


def response_class(request: type[Message]) -> type[Response]:
    """The class of the answers to a class of requests.

    Raises:
        KeyError: It is a C-CANCEL-RQ or a response, which nobody answers.
    """
    response = _RESPONSES.get(request)
    if response is None:
        raise KeyError(f"{request.__name__} has no response")
    return response


_RESPONSES: dict[type[Message], type[Response]] = {
    MESSAGES[CommandField(response.command_field - 0x8000)]: response
    for response in MESSAGES.values()
    if issubclass(response, Response)
}
