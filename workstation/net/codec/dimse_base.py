"""What all DIMSE messages have in common (PS3.7 section 6.3, Annex E).

Knows no single message, and nothing of bytes but that a message may have a data set, encoded, in `data` or
elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from io import BytesIO
from typing import TYPE_CHECKING, Any, ClassVar, Self

from workstation.net.codec.dimse_elements import ELEMENTS, NUMBERS, Value, check_value

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


class CommandField(IntEnum):
    """Which message a command set is (PS3.7 Annex E.1). A response is its request plus 8000H."""

    C_STORE_RQ = 0x0001
    C_GET_RQ = 0x0010
    C_FIND_RQ = 0x0020
    C_MOVE_RQ = 0x0021
    C_ECHO_RQ = 0x0030
    N_EVENT_REPORT_RQ = 0x0100
    N_GET_RQ = 0x0110
    N_SET_RQ = 0x0120
    N_ACTION_RQ = 0x0130
    N_CREATE_RQ = 0x0140
    N_DELETE_RQ = 0x0150
    C_CANCEL_RQ = 0x0FFF
    C_STORE_RSP = 0x8001
    C_GET_RSP = 0x8010
    C_FIND_RSP = 0x8020
    C_MOVE_RSP = 0x8021
    C_ECHO_RSP = 0x8030
    N_EVENT_REPORT_RSP = 0x8100
    N_GET_RSP = 0x8110
    N_SET_RSP = 0x8120
    N_ACTION_RSP = 0x8130
    N_CREATE_RSP = 0x8140
    N_DELETE_RSP = 0x8150

    @property
    def text(self) -> str:
        """As the standard writes it: "C-STORE-RQ"."""
        return _COMMAND_TEXTS[self]


_COMMAND_TEXTS = {one: one.name.replace("_", "-") for one in CommandField}


class Priority(IntEnum):
    """Priority (0000,0700)."""

    MEDIUM = 0
    HIGH = 1
    LOW = 2


MESSAGE_IDS = frozenset({"MessageID", "MessageIDBeingRespondedTo"})

NO_DATA_SET = 0x0101
"""Command Data Set Type of a message without a data set; any other value means that one follows."""


@dataclass(frozen=True, slots=True)
class UnknownElement:
    """A command element that is no part of its message, kept to be shown and sent on as it came."""

    tag: int
    value: bytes


@dataclass(frozen=True, kw_only=True)
class Message:
    """What all messages have.

    Attributes:
        context_id: Presentation context ID that it came on or goes to; 0 when not known.
        data: The encoded data set when it is held in memory.
        has_data_set: Whether a data set follows the command set; always when there is `data`.
        unknown: Elements that are no part of the message.
        command_field: Which message this is.
        name: As the standard writes it: "C-STORE-RQ".
        msg_type: The service: "C-STORE".
        mandatory: Keywords of elements (beside the message IDs) that have to be there.
        needs_data_set: Whether the standard demands a data set.
        elements: (keyword, number) of the class's elements, ascending by number.
    """

    command_field: ClassVar[CommandField]
    name: ClassVar[str]
    msg_type: ClassVar[str]
    mandatory: ClassVar[tuple[str, ...]] = ()
    needs_data_set: ClassVar[bool] = False
    elements: ClassVar[tuple[tuple[str, int], ...]] = ()
    _numbers: ClassVar[tuple[str, ...]] = ()  # keywords by what has to be checked
    _others: ClassVar[tuple[str, ...]] = ()
    _defaults: ClassVar[dict[str, Any]] = {}

    context_id: int = 0
    data: bytes | memoryview | None = field(default=None, repr=False)
    has_data_set: bool = False
    unknown: tuple[UnknownElement, ...] = ()

    def __post_init__(self) -> None:
        if self.data is not None and not self.has_data_set:
            object.__setattr__(self, "has_data_set", True)
        for keyword in self._numbers:
            value = getattr(self, keyword)
            if type(value) is int and 0 <= value <= 0xFFFF:
                continue
            if value is not None:
                check_value(keyword, value)
            elif keyword in MESSAGE_IDS:
                raise TypeError(f"{keyword} is None")
        for keyword in self._others:
            value = getattr(self, keyword)
            if value is not None and not isinstance(value, str):
                check_value(keyword, value)

    @classmethod
    def of_checked(cls, values: Mapping[str, Any]) -> Self:
        """A message of values that are known to be right; what is not among them has its default."""
        message = object.__new__(cls)
        message.__dict__.update(cls._defaults)
        message.__dict__.update(values)
        return message

    def with_values(self, **values: Any) -> Self:
        """The same message with other values, that are known to be right."""
        message = object.__new__(type(self))
        message.__dict__.update(self.__dict__)
        message.__dict__.update(values)
        return message

    def with_data(self, data: bytes | memoryview) -> Self:
        """The same message with its data set."""
        return self.with_values(data=data, has_data_set=True)

    @property
    def is_request(self) -> bool:
        """Whether it asks; a C-CANCEL-RQ does too."""
        return self.command_field < 0x8000

    @property
    def is_response(self) -> bool:
        """Whether it answers."""
        return self.command_field >= 0x8000

    @property
    def missing(self) -> tuple[str, ...]:
        """Keywords of mandatory elements that are not there."""
        return tuple(keyword for keyword in self.mandatory if getattr(self, keyword) is None)

    @property
    def is_valid_request(self) -> bool:
        """Whether it is a request with all that its service demands."""
        return self.is_request and self._is_whole

    @property
    def is_valid_response(self) -> bool:
        """Whether it is a response with all that its service demands."""
        return self.is_response and self._is_whole

    @property
    def data_set(self) -> BytesIO:
        """The encoded data set, empty when there is none in memory."""
        return BytesIO(self.data if self.data is not None else b"")

    @property
    def command_set(self) -> Dataset:
        """The command set as a pydicom data set, without group length, made anew at each call."""
        from pydicom.config import IGNORE
        from pydicom.dataelem import DataElement
        from pydicom.dataset import Dataset

        command_set = Dataset()
        values: dict[int, Value | list[int]] = {
            NUMBERS["CommandField"]: int(self.command_field),
            NUMBERS["CommandDataSetType"]: 0x0001 if self.has_data_set else NO_DATA_SET,
        }
        for keyword, number in self.elements:
            value = getattr(self, keyword)
            if value is not None:
                values[number] = list(value) if isinstance(value, tuple) else value
        for number in sorted(values):
            vr = ELEMENTS[number][0]
            command_set.add(DataElement(number, vr, values[number], validation_mode=IGNORE))
        for unknown in self.unknown:
            # Not UN: pydicom would try what its dictionary knows of retired elements on bytes that nobody checked.
            command_set.add(DataElement(unknown.tag, "OB", unknown.value))
        return command_set

    @property
    def _is_whole(self) -> bool:
        return not self.missing and (self.has_data_set or not self.needs_data_set)


@dataclass(frozen=True, kw_only=True)
class Request(Message):
    """A request that is answered under its Message ID."""

    MessageIDBeingRespondedTo: ClassVar[None] = None
    Status: ClassVar[None] = None

    MessageID: int


@dataclass(frozen=True, kw_only=True)
class Response(Message):
    """An answer; the last two elements say more about a failure."""

    mandatory: ClassVar[tuple[str, ...]] = ("Status",)

    MessageIDBeingRespondedTo: int
    Status: int | None = None
    AffectedSOPClassUID: str | None = None
    ErrorComment: str | None = None
    ErrorID: int | None = None


@dataclass(frozen=True, kw_only=True)
class CompositeResponse(Response):
    """An answer of a DIMSE-C service, which can name the elements of the request that are at fault."""

    OffendingElement: tuple[int, ...] | None = None
