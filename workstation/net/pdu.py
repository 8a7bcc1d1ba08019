"""The seven PDUs of the DICOM upper layer: bytes to objects and back (PS3.8 section 9.3).

Pure: no socket, clock or logger, and nothing of the state machine. Wire input raises `RemoteProtocolError`
only, in time linear to its length. The engine's way through P-DATA (`check_header`, `iter_pdvs`,
`p_data_header`) makes no objects; everything else, and `dissect_pdu`, goes through one set of decoders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from struct import Struct, pack
from typing import TypeAlias, TypeVar, assert_never

from workstation.net.cursor import Cursor, TracingCursor
from workstation.net.errors import AbortReason, LocalProtocolError, RemoteProtocolError
from workstation.net.field import Field
from workstation.net.pdu_items import (
    ACCEPT_ITEMS,
    REQUEST_ITEMS,
    UNKNOWN_ITEM,
    AnsweredContext,
    ApplicationContext,
    AssociateItem,
    AsynchronousOperationsWindow,
    ContextResult,
    ImplementationClassUID,
    ImplementationVersionName,
    MaximumLength,
    ProposedContext,
    RoleSelection,
    SOPClassCommonExtendedNegotiation,
    SOPClassExtendedNegotiation,
    UnknownItem,
    UserIdentityAC,
    UserIdentityRQ,
    UserInformation,
    UserItem,
    check_number,
    check_tuple,
    encode_answered_context,
    encode_item,
    encode_proposed_context,
    encode_unknown,
    encode_user_item,
)
from workstation.net.wire_text import encode_ae_title, encode_uid

__all__ = [
    "APPLICATION_CONTEXT_NAME",
    "A_ABORT_RQ",
    "A_ASSOCIATE_AC",
    "A_ASSOCIATE_RJ",
    "A_ASSOCIATE_RQ",
    "A_RELEASE_RP",
    "A_RELEASE_RQ",
    "HEADER_LENGTH",
    "MAXIMUM_ASSOCIATE_LENGTH",
    "MAXIMUM_P_DATA_LENGTH",
    "PDU",
    "PDV",
    "P_DATA_TF",
    "AbortReason",
    "AbortSource",
    "AnsweredContext",
    "AsynchronousOperationsWindow",
    "ContextResult",
    "ImplementationClassUID",
    "ImplementationVersionName",
    "MaximumLength",
    "PDUType",
    "ProposedContext",
    "RoleSelection",
    "SOPClassCommonExtendedNegotiation",
    "SOPClassExtendedNegotiation",
    "UnknownItem",
    "UserIdentityAC",
    "UserIdentityRQ",
    "UserItem",
    "check_header",
    "decode_pdu",
    "dissect_pdu",
    "encode_pdu",
    "find_item",
    "find_items",
    "iter_pdvs",
    "p_data_header",
    "parse_header",
]

APPLICATION_CONTEXT_NAME = "1.2.840.10008.3.1.1.1"
HEADER_LENGTH = 6
MAXIMUM_ASSOCIATE_LENGTH = 1 << 20
"""No negotiation limits A-ASSOCIATE PDUs; more than this is an attack or a mistake."""
MAXIMUM_P_DATA_LENGTH = 16 << 20
"""Holds when no limit was advertised."""

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


# -- the PDUs ----------------------------------------------------------------------------------------------------


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
    reserved: bytes = bytes(32)
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
    reserved: bytes = bytes(32)
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
    for name, title in (("called", pdu.called_ae_title), ("calling", pdu.calling_ae_title)):
        if not isinstance(title, str):
            raise TypeError(f"{name} AE title is {type(title).__name__}, not str")
        if len(title) > 16:
            raise ValueError(f"{name} AE title {title!r} has more than 16 characters")
    check_number("protocol version", pdu.protocol_version, 0xFFFF)
    if len(pdu.reserved) != 32:
        raise ValueError(f"the reserved field has {len(pdu.reserved)} bytes, not 32")
    check_tuple("unknown items", pdu.unknown, UnknownItem)
    if not isinstance(pdu.user_information, tuple):
        raise TypeError("user information must be a tuple of sub-items")
    # Unique and odd, so there are at most 128 of them.
    ids = [context.context_id for context in pdu.presentation_contexts]
    if len(set(ids)) != len(ids):
        twice = next(context_id for context_id in ids if ids.count(context_id) > 1)
        raise ValueError(f"presentation context ID {twice} is used more than once")


# -- headers and P-DATA, the engine's fast way -------------------------------------------------------------------

_HEADER = Struct(">BxI")
_PDV_HEADER = Struct(">IBB")
_P_DATA_HEADER = Struct(">BxIIBB")


def parse_header(data: bytes | bytearray | memoryview, offset: int = 0) -> tuple[int, int]:
    """PDU type and length; six bytes must be there."""
    pdu_type, length = _HEADER.unpack_from(data, offset)
    return pdu_type, length


def check_header(pdu_type: int, length: int, maximum_length: int) -> None:
    """Refuses a PDU before any of its body is read.

    Args:
        pdu_type: First byte of the PDU.
        length: The PDU length it claims.
        maximum_length: The longest P-DATA-TF that we advertised; 0 for no limit.

    Raises:
        RemoteProtocolError: Reason 1 for a type that does not exist, 6 for a length that cannot be.
    """
    if pdu_type == 4:
        maximum = maximum_length or MAXIMUM_P_DATA_LENGTH
        if HEADER_LENGTH <= length <= maximum:
            return
        limits = f"{HEADER_LENGTH} to {maximum}"
    elif pdu_type in (1, 2):
        if 68 <= length <= MAXIMUM_ASSOCIATE_LENGTH:
            return
        limits = f"68 to {MAXIMUM_ASSOCIATE_LENGTH}"
    elif pdu_type in (3, 5, 6, 7):
        if length == 4:
            return
        limits = "4"
    else:
        raise RemoteProtocolError(f"PDU type {pdu_type:02X}H does not exist", AbortReason.UNRECOGNIZED_PDU)
    raise RemoteProtocolError(f"{_name(pdu_type)}: PDU length is {length}, not {limits}")


def p_data_header(context_id: int, is_command: bool, is_last: bool, fragment_length: int) -> bytes:
    """The 12 bytes before the fragment of a P-DATA-TF with one PDV, for gathered writing."""
    return _P_DATA_HEADER.pack(4, fragment_length + 6, fragment_length + 2, context_id, is_command | is_last << 1)


def iter_pdvs(body: memoryview) -> Iterator[tuple[int, int, memoryview]]:
    """The PDVs in what follows the header of a P-DATA-TF.

    Yields:
        Presentation context ID, message control header (bit 0 command, bit 1 last) and a view of the fragment.

    Raises:
        RemoteProtocolError: An item length is under 2 or reaches over the end.
    """
    offset = 0
    end = len(body)
    while offset < end:
        if end - offset < 6:
            raise RemoteProtocolError(f"P-DATA-TF: {end - offset} bytes are left, too few for a PDV header")
        length, context_id, control = _PDV_HEADER.unpack_from(body, offset)
        start = offset + 6
        offset += 4 + length
        if length < 2 or offset > end:
            raise RemoteProtocolError(f"P-DATA-TF: PDV length is {length}, not 2 to {end - start + 2}")
        yield context_id, control, body[start:offset]


# -- encoding ----------------------------------------------------------------------------------------------------


def encode_pdu(pdu: PDU) -> bytes:
    """The bytes of a PDU.

    Raises:
        LocalProtocolError: The PDU holds something that the standard does not allow to be sent; a decoded one
            may, because much is tolerated on receipt.
    """
    match pdu:
        case P_DATA_TF(pdvs):
            body = b"".join(part for pdv in pdvs for part in _pdv(pdv))
            return _pdu(PDUType.P_DATA_TF, body)
        case A_ASSOCIATE_RQ():
            return _pdu(PDUType.A_ASSOCIATE_RQ, _encode_request(pdu))
        case A_ASSOCIATE_AC():
            return _pdu(PDUType.A_ASSOCIATE_AC, _encode_accept(pdu))
        case A_ASSOCIATE_RJ(result, source, reason):
            return _pdu(PDUType.A_ASSOCIATE_RJ, bytes((0, result, source, reason)))
        case A_RELEASE_RQ():
            return _pdu(PDUType.A_RELEASE_RQ, bytes(4))
        case A_RELEASE_RP():
            return _pdu(PDUType.A_RELEASE_RP, bytes(4))
        case A_ABORT_RQ(source, reason):
            return _pdu(PDUType.A_ABORT, bytes((0, 0, source, reason)))
        case _:
            assert_never(pdu)


def _pdu(pdu_type: PDUType, body: bytes) -> bytes:
    return _HEADER.pack(pdu_type, len(body)) + body


def _pdv(pdv: PDV) -> tuple[bytes, bytes | memoryview]:
    if not pdv.context_id & 1:
        raise LocalProtocolError(f"presentation context ID is {pdv.context_id}, not an odd number")
    header = _PDV_HEADER.pack(len(pdv.data) + 2, pdv.context_id, pdv.is_command | pdv.is_last << 1)
    return header, pdv.data


def _encode_request(pdu: A_ASSOCIATE_RQ) -> bytes:
    if not pdu.presentation_contexts:
        raise LocalProtocolError("an A-ASSOCIATE-RQ proposes at least one presentation context")
    called = encode_ae_title("called AE title", pdu.called_ae_title)
    calling = encode_ae_title("calling AE title", pdu.calling_ae_title)
    titles = called.ljust(16) + calling.ljust(16)
    contexts = b"".join(map(encode_proposed_context, pdu.presentation_contexts))
    return _associate(pdu, titles, contexts)


def _encode_accept(pdu: A_ASSOCIATE_AC) -> bytes:
    # Whatever the request had comes back, so nothing but the length is asked of these titles.
    titles = b"".join(
        title.encode("latin-1", "replace").ljust(16) for title in (pdu.called_ae_title, pdu.calling_ae_title)
    )
    contexts = b"".join(map(encode_answered_context, pdu.presentation_contexts))
    return _associate(pdu, titles, contexts)


def _associate(pdu: A_ASSOCIATE_RQ | A_ASSOCIATE_AC, titles: bytes, contexts: bytes) -> bytes:
    name = encode_item(0x10, encode_uid("application context name", pdu.application_context_name))
    user_information = encode_item(0x50, b"".join(map(encode_user_item, pdu.user_information)))
    header = pack(">HH", pdu.protocol_version, 0) + titles + pdu.reserved
    return header + name + contexts + user_information + encode_unknown(pdu.unknown)


# -- decoding ----------------------------------------------------------------------------------------------------


def decode_pdu(data: bytes | bytearray | memoryview) -> PDU:
    """The PDU in `data`, which holds exactly one. Nothing of `data` is kept; fragments are copied.

    Raises:
        RemoteProtocolError: With the reason for the A-ABORT.
    """
    return _decode(Cursor(memoryview(data)))


def dissect_pdu(data: bytes | bytearray | memoryview) -> Field:
    """The fields of a PDU, or of what is left of one, with their places in `data`.

    Never raises: what cannot be decoded becomes a field with a `problem`. Secrets are not in it.
    """
    view = memoryview(data)
    cursor = TracingCursor(view)
    problem = ""
    try:
        _decode(cursor)
    except RemoteProtocolError as error:
        problem = str(error)
    return cursor.whole(_name(view[0]) if view else "PDU", problem)


def _decode(cursor: Cursor) -> PDU:
    pdu_type = cursor.number("PDU Type", 1, _name)
    decode = _BODIES.get(pdu_type)
    if decode is None:
        raise RemoteProtocolError(f"PDU type {pdu_type:02X}H does not exist", AbortReason.UNRECOGNIZED_PDU)
    cursor.reserved(1)
    length = cursor.number("PDU Length", 4)
    if length != cursor.remaining:
        cursor.complain(f"PDU length is {length}, but {cursor.remaining} bytes follow")
    outer = cursor.enter(min(length, cursor.remaining), "PDU")
    try:
        pdu = decode(cursor)
    except ValueError as error:
        raise RemoteProtocolError(f"{_name(pdu_type)}: {error}") from error
    cursor.leave(outer, _name(pdu_type))
    return pdu


def _decode_request(cursor: Cursor) -> A_ASSOCIATE_RQ:
    version, called, calling, reserved = _decode_fixed(cursor)
    name: str | None = None
    contexts: list[ProposedContext] = []
    user_items: list[UserItem] = []
    unknown: list[UnknownItem] = []
    for item in cursor.items(REQUEST_ITEMS, UNKNOWN_ITEM):
        match item:
            case ProposedContext():
                contexts.append(item)
            case _:
                name = _common_item(item, name, user_items, unknown)
    return A_ASSOCIATE_RQ(
        called_ae_title=called,
        calling_ae_title=calling,
        presentation_contexts=tuple(contexts),
        user_information=tuple(user_items),
        application_context_name=name or "",
        protocol_version=version,
        reserved=reserved,
        unknown=tuple(unknown),
    )


def _decode_accept(cursor: Cursor) -> A_ASSOCIATE_AC:
    version, called, calling, reserved = _decode_fixed(cursor)
    name: str | None = None
    contexts: list[AnsweredContext] = []
    user_items: list[UserItem] = []
    unknown: list[UnknownItem] = []
    for item in cursor.items(ACCEPT_ITEMS, UNKNOWN_ITEM):
        match item:
            case AnsweredContext():
                contexts.append(item)
            case _:
                name = _common_item(item, name, user_items, unknown)
    return A_ASSOCIATE_AC(
        called_ae_title=called,
        calling_ae_title=calling,
        presentation_contexts=tuple(contexts),
        user_information=tuple(user_items),
        application_context_name=name or "",
        protocol_version=version,
        reserved=reserved,
        unknown=tuple(unknown),
    )


def _decode_fixed(cursor: Cursor) -> tuple[int, str, str, bytes]:
    version = cursor.number("Protocol Version", 2)
    cursor.reserved(2)
    called = cursor.ae_title("Called AE Title")
    calling = cursor.ae_title("Calling AE Title")
    return version, called, calling, cursor.octets("Reserved", 32)


def _common_item(
    item: AssociateItem, name: str | None, user_items: list[UserItem], unknown: list[UnknownItem]
) -> str | None:
    """Files an item that requests and acceptances share; returns the application context name so far."""
    match item:
        case ApplicationContext(first) if name is None:
            return first
        case ApplicationContext(again):  # one is allowed; the others are nothing we interpret
            unknown.append(UnknownItem(0x10, again.encode("latin-1")))
        case UserInformation(items):
            user_items += items
        case UnknownItem():
            unknown.append(item)
    return name


def _decode_reject(cursor: Cursor) -> A_ASSOCIATE_RJ:
    cursor.reserved(1)
    result = cursor.number("Result", 1, lambda value: A_ASSOCIATE_RJ(value, 0, 0).result_text)
    source = cursor.number("Source", 1, lambda value: A_ASSOCIATE_RJ(0, value, 0).source_text)
    reason = cursor.number("Reason/Diag.", 1, lambda value: A_ASSOCIATE_RJ(0, source, value).reason_text)
    return A_ASSOCIATE_RJ(result, source, reason)


def _decode_p_data(cursor: Cursor) -> P_DATA_TF:
    pdvs: list[PDV] = []
    while cursor.remaining:
        cursor.part("Presentation Data Value Item", _decode_pdv, pdvs)
    return P_DATA_TF(tuple(pdvs))


def _decode_pdv(cursor: Cursor) -> PDV:
    outer = cursor.enter(cursor.number("Item Length", 4), "PDV")
    context_id = cursor.number("Presentation Context ID", 1)
    control = cursor.number("Message Control Header", 1, _control_text)
    data = cursor.octets("Presentation Data Value", cursor.remaining, shown=False)
    cursor.leave(outer, "PDV")
    return PDV(context_id, bool(control & 1), bool(control & 2), data)


def _decode_release_request(cursor: Cursor) -> A_RELEASE_RQ:
    cursor.reserved(4)
    return A_RELEASE_RQ()


def _decode_release_response(cursor: Cursor) -> A_RELEASE_RP:
    cursor.reserved(4)
    return A_RELEASE_RP()


def _decode_abort(cursor: Cursor) -> A_ABORT_RQ:
    cursor.reserved(2)
    source = cursor.number("Source", 1, lambda value: A_ABORT_RQ(value).source_text)
    reason = cursor.number("Reason/Diag.", 1, lambda value: A_ABORT_RQ(source, value).reason_text)
    return A_ABORT_RQ(source, reason)


def _control_text(value: int) -> str:
    return f"{'command' if value & 1 else 'data set'}, {'last fragment' if value & 2 else 'more follow'}"


def _name(pdu_type: int) -> str:
    """A PDU type in the standard's spelling."""
    if pdu_type not in _BODIES:
        return "Unrecognized PDU"
    return PDUType(pdu_type).name.replace("_", "-")


_BODIES: dict[int, Callable[[Cursor], PDU]] = {
    PDUType.A_ASSOCIATE_RQ: _decode_request,
    PDUType.A_ASSOCIATE_AC: _decode_accept,
    PDUType.A_ASSOCIATE_RJ: _decode_reject,
    PDUType.P_DATA_TF: _decode_p_data,
    PDUType.A_RELEASE_RQ: _decode_release_request,
    PDUType.A_RELEASE_RP: _decode_release_response,
    PDUType.A_ABORT: _decode_abort,
}
