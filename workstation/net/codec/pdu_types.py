"""The seven PDUs of the DICOM upper layer as values, and what their codes mean (PS3.8 section 9.3).

Frozen and checked when made. Knows nothing of bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TypeAlias, TypeVar

from workstation.net.codec.pdu_items import (
    AnsweredContext,
    ProposedContext,
    UnknownItem,
    UserItem,
    check_kind,
    check_number,
    check_tuple,
)

APPLICATION_CONTEXT_NAME = "1.2.840.10008.3.1.1.1"

T = TypeVar("T")


class PDUType(IntEnum):
    """First byte of a PDU."""

    A_ASSOCIATE_RQ = 1
    A_ASSOCIATE_AC = 2
    A_ASSOCIATE_RJ = 3
    P_DATA_TF = 4
    A_RELEASE_RQ = 5
    A_RELEASE_RP = 6
    A_ABORT = 7


class AbortSource(IntEnum):
    """Who aborts (PS3.8 Table 9-26)."""

    SERVICE_USER = 0
    RESERVED = 1
    SERVICE_PROVIDER = 2


# PS3.8 Table 9-21
_REJECT_RESULT_TEXT = {1: "rejected-permanent", 2: "rejected-transient"}
_REJECT_SOURCE_TEXT = {
    1: "DICOM UL service-user",
    2: "DICOM UL service-provider (ACSE related function)",
    3: "DICOM UL service-provider (Presentation related function)",
}
_REJECT_REASON_TEXT = {
    (1, 1): "no-reason-given",
    (1, 2): "application-context-name-not-supported",
    (1, 3): "calling-AE-title-not-recognized",
    (1, 7): "called-AE-title-not-recognized",
    (2, 1): "no-reason-given",
    (2, 2): "protocol-version-not-supported",
    (3, 1): "temporary-congestion",
    (3, 2): "local-limit-exceeded",
}

# PS3.8 Table 9-26
_ABORT_SOURCE_TEXT = {
    0: "DICOM UL service-user",
    1: "reserved",
    2: "DICOM UL service-provider",
}
_ABORT_REASON_TEXT = {
    0: "reason-not-specified",
    1: "unrecognized-PDU",
    2: "unexpected-PDU",
    3: "reserved",
    4: "unrecognized-PDU parameter",
    5: "unexpected-PDU parameter",
    6: "invalid-PDU-parameter value",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class A_ASSOCIATE_RQ:
    """A-ASSOCIATE-RQ (PS3.8 section 9.3.2).

    Attributes:
        called_ae_title: Stripped; empty if the peer sent nothing but padding.
        calling_ae_title: As above.
        presentation_contexts: In the order of the wire; their IDs are odd and differ.
        user_information: In the order of the wire.
        application_context_name: Empty if the peer sent none.
        protocol_version: Receivers test bit 0 only.
        reserved: The 32 bytes that an A-ASSOCIATE-AC has to repeat.
        unknown: Items that nobody knows.
    """

    called_ae_title: str
    calling_ae_title: str
    presentation_contexts: tuple[ProposedContext, ...]
    user_information: tuple[UserItem, ...]
    application_context_name: str = APPLICATION_CONTEXT_NAME
    protocol_version: int = 1
    reserved: bytes = field(default=bytes(32), repr=False)
    unknown: tuple[UnknownItem, ...] = ()

    def __post_init__(self) -> None:
        _check_associate(self)
        check_tuple("presentation contexts", self.presentation_contexts, ProposedContext)


@dataclass(frozen=True, slots=True, kw_only=True)
class A_ASSOCIATE_AC:
    """A-ASSOCIATE-AC (PS3.8 section 9.3.3).

    The AE titles and `reserved` repeat the request's and shall not be tested by who receives them.
    """

    called_ae_title: str
    calling_ae_title: str
    presentation_contexts: tuple[AnsweredContext, ...]
    user_information: tuple[UserItem, ...]
    application_context_name: str = APPLICATION_CONTEXT_NAME
    protocol_version: int = 1
    reserved: bytes = field(default=bytes(32), repr=False)
    unknown: tuple[UnknownItem, ...] = ()

    def __post_init__(self) -> None:
        _check_associate(self)
        check_tuple("presentation contexts", self.presentation_contexts, AnsweredContext)


@dataclass(frozen=True, slots=True)
class A_ASSOCIATE_RJ:
    """A-ASSOCIATE-RJ (PS3.8 section 9.3.4). Values that the standard reserves are kept."""

    result: int
    source: int
    reason: int

    def __post_init__(self) -> None:
        check_number("result", self.result, 0xFF)
        check_number("source", self.source, 0xFF)
        check_number("reason/diagnostic", self.reason, 0xFF)

    @property
    def result_text(self) -> str:
        """The result in the standard's words."""
        return _REJECT_RESULT_TEXT.get(self.result, "reserved")

    @property
    def source_text(self) -> str:
        """The source in the standard's words."""
        return _REJECT_SOURCE_TEXT.get(self.source, "reserved")

    @property
    def reason_text(self) -> str:
        """The reason, which depends on the source, in the standard's words."""
        return _REJECT_REASON_TEXT.get((self.source, self.reason), "reserved")


@dataclass(frozen=True, slots=True)
class PDV:
    """Presentation Data Value: one fragment of a command set or data set (PS3.8 section 9.3.5.1, Annex E)."""

    context_id: int
    is_command: bool
    is_last: bool
    data: bytes | memoryview

    def __post_init__(self) -> None:
        check_number("presentation context ID", self.context_id, 0xFF)


@dataclass(frozen=True, slots=True)
class P_DATA_TF:
    """P-DATA-TF (PS3.8 section 9.3.5)."""

    pdvs: tuple[PDV, ...]

    def __post_init__(self) -> None:
        check_tuple("presentation data values", self.pdvs, PDV)
        if not self.pdvs:
            raise ValueError("a P-DATA-TF has at least one presentation data value")


@dataclass(frozen=True, slots=True)
class A_RELEASE_RQ:
    """A-RELEASE-RQ (PS3.8 section 9.3.6)."""


@dataclass(frozen=True, slots=True)
class A_RELEASE_RP:
    """A-RELEASE-RP (PS3.8 section 9.3.7)."""


@dataclass(frozen=True, slots=True)
class A_ABORT_RQ:
    """A-ABORT (PS3.8 section 9.3.8). Reserved values are kept; source 1 means the same as 2."""

    source: int
    reason: int = 0

    def __post_init__(self) -> None:
        check_number("source", self.source, 0xFF)
        check_number("reason/diagnostic", self.reason, 0xFF)

    @property
    def source_text(self) -> str:
        """The source in the standard's words."""
        return _ABORT_SOURCE_TEXT.get(self.source, "reserved")

    @property
    def reason_text(self) -> str:
        """The reason in the standard's words; a service-user's is not significant."""
        if self.source == AbortSource.SERVICE_USER:
            return "not significant"
        return _ABORT_REASON_TEXT.get(self.reason, "reserved")


PDU: TypeAlias = A_ASSOCIATE_RQ | A_ASSOCIATE_AC | A_ASSOCIATE_RJ | P_DATA_TF | A_RELEASE_RQ | A_RELEASE_RP | A_ABORT_RQ


def find_item(user_information: tuple[UserItem, ...], kind: type[T]) -> T | None:
    """The first user information sub-item of a class."""
    return next((item for item in user_information if isinstance(item, kind)), None)


def find_items(user_information: tuple[UserItem, ...], kind: type[T]) -> tuple[T, ...]:
    """All user information sub-items of a class."""
    return tuple(item for item in user_information if isinstance(item, kind))


def _check_associate(pdu: A_ASSOCIATE_RQ | A_ASSOCIATE_AC) -> None:
    for name, title in (("called AE title", pdu.called_ae_title), ("calling AE title", pdu.calling_ae_title)):
        check_kind(name, title, str)
        if len(title) > 16:
            raise ValueError(f"{name} {title!r} has more than 16 characters")
    check_number("protocol version", pdu.protocol_version, 0xFFFF)
    if len(pdu.reserved) != 32:
        raise ValueError(f"the reserved field has {len(pdu.reserved)} bytes, not 32")
    check_tuple("unknown items", pdu.unknown, UnknownItem)
    check_kind("application context name", pdu.application_context_name, str)
    check_kind("user information", pdu.user_information, tuple)
    # Unique and odd, so there are at most 128 of them.
    ids = [context.context_id for context in pdu.presentation_contexts]
    if len(set(ids)) != len(ids):
        twice = next(context_id for context_id in ids if ids.count(context_id) > 1)
        raise ValueError(f"presentation context ID {twice} is used more than once")
