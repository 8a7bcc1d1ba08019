"""The seven PDUs of the DICOM upper layer: bytes to objects and back (PS3.8 section 9.3).

Pure: no socket, clock or logger, and nothing of the state machine. Wire input raises `RemoteProtocolError`
only, in time linear to its length. The engine's way through P-DATA (`check_header`, `iter_pdvs`,
`p_data_header`) makes no objects; everything else, and `dissect_pdu`, goes through one set of decoders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from struct import Struct, pack
from typing import assert_never

from workstation.net.codec.cursor import Cursor, TracingCursor
from workstation.net.codec.field import Field
from workstation.net.codec.pdu_item_codec import (
    ACCEPT_ITEMS,
    REQUEST_ITEMS,
    UNKNOWN_ITEM,
    encode_answered_context,
    encode_item,
    encode_proposed_context,
    encode_unknown,
    encode_user_item,
)
from workstation.net.codec.pdu_items import (
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
)
from workstation.net.codec.pdu_types import (
    A_ABORT_RQ,
    A_ASSOCIATE_AC,
    A_ASSOCIATE_RJ,
    A_ASSOCIATE_RQ,
    A_RELEASE_RP,
    A_RELEASE_RQ,
    APPLICATION_CONTEXT_NAME,
    P_DATA_TF,
    PDU,
    PDV,
    AbortSource,
    PDUType,
    find_item,
    find_items,
)
from workstation.net.codec.wire_text import encode_ae_title, encode_uid
from workstation.net.errors import AbortReason, LocalProtocolError, RemoteProtocolError

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

HEADER_LENGTH = 6
MAXIMUM_ASSOCIATE_LENGTH = 1 << 20
"""No negotiation limits A-ASSOCIATE PDUs; more than this is an attack or a mistake."""
MAXIMUM_P_DATA_LENGTH = 16 << 20
"""Holds when no limit was advertised."""


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


def parse_pdv_header(body: memoryview) -> tuple[int, int, int]:
    """Item length, presentation context ID and message control header of the first PDV; six bytes must be there."""
    length, context_id, control = _PDV_HEADER.unpack_from(body)
    return length, context_id, control


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
    return _NAMES.get(pdu_type, "Unrecognized PDU")


_NAMES: dict[int, str] = {pdu_type: pdu_type.name.replace("_", "-") for pdu_type in PDUType}

_BODIES: dict[int, Callable[[Cursor], PDU]] = {
    PDUType.A_ASSOCIATE_RQ: _decode_request,
    PDUType.A_ASSOCIATE_AC: _decode_accept,
    PDUType.A_ASSOCIATE_RJ: _decode_reject,
    PDUType.P_DATA_TF: _decode_p_data,
    PDUType.A_RELEASE_RQ: _decode_release_request,
    PDUType.A_RELEASE_RP: _decode_release_response,
    PDUType.A_ABORT: _decode_abort,
}
