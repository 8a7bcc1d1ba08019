"""Items of A-ASSOCIATE PDUs: bytes to values and back (PS3.8 sections 9.3.2, 9.3.3 and D.1, PS3.7 D.3.3).

Pure. What a peer may get wrong without harm (padding, over-long UIDs, missing sub-items, types that nobody
knows) is accepted and kept; what we send is checked. Does not know the PDUs that carry the items.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from struct import pack
from typing import assert_never

from workstation.net.codec.cursor import Cursor, ItemKind
from workstation.net.codec.pdu_items import (
    AbstractSyntax,
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
    TransferSyntax,
    UnknownItem,
    UserIdentityAC,
    UserIdentityRQ,
    UserInformation,
    UserItem,
    identity_type_text,
    result_text,
)
from workstation.net.codec.wire_text import encode_uid
from workstation.net.errors import LocalProtocolError

IMPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2"


# -- encoding ----------------------------------------------------------------------------------------------------


def encode_item(item_type: int, body: bytes, second: int = 0) -> bytes:
    """Item header and contents."""
    if len(body) > 0xFFFF:
        raise LocalProtocolError(f"item {item_type:02X}H has {len(body)} bytes, more than 65535")
    return pack(">BBH", item_type, second, len(body)) + body


def encode_unknown(items: tuple[UnknownItem, ...]) -> bytes:
    """Items as they came."""
    return b"".join(encode_item(item.item_type, item.data, item.reserved) for item in items)


@lru_cache(maxsize=1024)  # each association proposes the same ones
def encode_proposed_context(context: ProposedContext) -> bytes:
    """Item 20H with its 30H and 40H."""
    if not context.transfer_syntaxes:
        raise LocalProtocolError(f"presentation context {context.context_id} proposes no transfer syntax")
    body = [pack(">B3x", context.context_id)]
    body.append(encode_item(0x30, encode_uid("abstract syntax", context.abstract_syntax)))
    body += [encode_item(0x40, encode_uid("transfer syntax", uid)) for uid in context.transfer_syntaxes]
    body.append(encode_unknown(context.unknown))
    return encode_item(0x20, b"".join(body))


@lru_cache(maxsize=1024)
def encode_answered_context(context: AnsweredContext) -> bytes:
    """Item 21H with its 40H.

    A rejected context without a transfer syntax gets Implicit VR Little Endian: the field must be there, its
    content is not significant, and some requestors choke on an empty one.
    """
    uid = context.transfer_syntax
    if not uid and context.result != ContextResult.ACCEPTANCE:
        uid = IMPLICIT_VR_LITTLE_ENDIAN
    body = pack(">BxBx", context.context_id, context.result)
    body += encode_item(0x40, encode_uid("transfer syntax", uid))
    return encode_item(0x21, body + encode_unknown(context.unknown))


def encode_user_item(item: UserItem) -> bytes:
    """One sub-item of User Information.

    Raises:
        LocalProtocolError: The standard does not allow it to be sent.
    """
    match item:
        case MaximumLength(value):
            return encode_item(0x51, pack(">I", value))
        case ImplementationClassUID(uid):
            return encode_item(0x52, encode_uid("implementation class UID", uid))
        case AsynchronousOperationsWindow(invoked, performed):
            return encode_item(0x53, pack(">HH", invoked, performed))
        case RoleSelection(uid, scu_role, scp_role):
            return encode_item(0x54, _counted(_sop_class(uid)) + bytes((bool(scu_role), bool(scp_role))))
        case ImplementationVersionName(name):
            if not 1 <= len(name) <= 16 or not name.isascii() or not name.isprintable():
                raise LocalProtocolError(f"implementation version name is {name!r}, not 1 to 16 characters")
            return encode_item(0x55, name.encode("ascii"))
        case SOPClassExtendedNegotiation(uid, information):
            return encode_item(0x56, _counted(_sop_class(uid)) + information)
        case SOPClassCommonExtendedNegotiation(uid, service, related, version):
            names = b"".join(_counted(encode_uid("related general SOP class UID", name)) for name in related)
            service_class = encode_uid("service class UID", service)
            return encode_item(0x57, _counted(_sop_class(uid)) + _counted(service_class) + _counted(names), version)
        case UserIdentityRQ(identity_type, response, primary, secondary):
            header = bytes((identity_type, bool(response)))
            return encode_item(0x58, header + _counted(primary) + _counted(secondary))
        case UserIdentityAC(response):
            return encode_item(0x59, _counted(response))
        case UnknownItem():
            return encode_unknown((item,))
        case _:
            assert_never(item)


def _sop_class(uid: str) -> bytes:
    return encode_uid("SOP class UID", uid)


def _counted(value: bytes) -> bytes:
    if len(value) > 0xFFFF:
        raise LocalProtocolError(f"a field has {len(value)} bytes, more than 65535")
    return pack(">H", len(value)) + value


# -- decoding: one function for each type of item, and the tables that name them ---------------------------------


def _unknown(cursor: Cursor, item_type: int, second: int) -> UnknownItem:
    return UnknownItem(item_type, cursor.octets("Data", cursor.remaining), second)


def _application_context(cursor: Cursor, item_type: int, second: int) -> ApplicationContext:
    return ApplicationContext(cursor.uid("Application Context Name", cursor.remaining))


def _proposed_context(cursor: Cursor, item_type: int, second: int) -> ProposedContext:
    context_id = cursor.number("Presentation Context ID", 1)
    cursor.reserved(3)
    abstract_syntax: str | None = None
    transfer_syntaxes = []
    unknown = []
    for item in cursor.items(_SYNTAX_ITEMS, UNKNOWN_ITEM):
        match item:
            case AbstractSyntax(uid) if abstract_syntax is None:
                abstract_syntax = uid
            case AbstractSyntax(uid):  # one is allowed; the others are nothing we interpret
                unknown.append(UnknownItem(0x30, uid.encode("latin-1")))
            case TransferSyntax(uid):
                transfer_syntaxes.append(uid)
            case UnknownItem():
                unknown.append(item)
            case _:
                assert_never(item)
    return ProposedContext(
        context_id=context_id,
        abstract_syntax=abstract_syntax or "",
        transfer_syntaxes=tuple(transfer_syntaxes),
        unknown=tuple(unknown),
    )


def _answered_context(cursor: Cursor, item_type: int, second: int) -> AnsweredContext:
    context_id = cursor.number("Presentation Context ID", 1)
    cursor.reserved(1)
    result = cursor.number("Result/Reason", 1, result_text)
    cursor.reserved(1)
    transfer_syntax: str | None = None
    unknown = []
    for item in cursor.items(_SYNTAX_ITEMS, UNKNOWN_ITEM):
        match item:
            case TransferSyntax(uid) if transfer_syntax is None:
                transfer_syntax = uid
            case TransferSyntax(uid):
                unknown.append(UnknownItem(0x40, uid.encode("latin-1")))
            case AbstractSyntax(uid):
                unknown.append(UnknownItem(0x30, uid.encode("latin-1")))
            case UnknownItem():
                unknown.append(item)
            case _:
                assert_never(item)
    return AnsweredContext(
        context_id=context_id, result=result, transfer_syntax=transfer_syntax or "", unknown=tuple(unknown)
    )


def _abstract_syntax(cursor: Cursor, item_type: int, second: int) -> AbstractSyntax:
    return AbstractSyntax(cursor.uid("Abstract Syntax Name", cursor.remaining))


def _transfer_syntax(cursor: Cursor, item_type: int, second: int) -> TransferSyntax:
    return TransferSyntax(cursor.uid("Transfer Syntax Name", cursor.remaining))


def _user_information(cursor: Cursor, item_type: int, second: int) -> UserInformation:
    return UserInformation(tuple(cursor.items(_USER_ITEMS, UNKNOWN_ITEM)))


def _maximum_length(cursor: Cursor, item_type: int, second: int) -> MaximumLength:
    return MaximumLength(cursor.number("Maximum Length Received", 4, _no_limit))


def _implementation_class_uid(cursor: Cursor, item_type: int, second: int) -> ImplementationClassUID:
    return ImplementationClassUID(cursor.uid("Implementation Class UID", cursor.remaining))


def _asynchronous_operations_window(cursor: Cursor, item_type: int, second: int) -> AsynchronousOperationsWindow:
    invoked = cursor.number("Maximum Number Operations Invoked", 2, _count("invoked"))
    performed = cursor.number("Maximum Number Operations Performed", 2, _count("performed"))
    return AsynchronousOperationsWindow(invoked, performed)


def _role_selection(cursor: Cursor, item_type: int, second: int) -> RoleSelection:
    uid = cursor.uid("SOP Class UID", cursor.number("UID Length", 2))
    scu_role = cursor.number("SCU Role", 1, _support("SCU role"))
    scp_role = cursor.number("SCP Role", 1, _support("SCP role"))
    # Other values than 0 and 1 are undefined: a role not granted does less harm than one not meant.
    return RoleSelection(uid, scu_role == 1, scp_role == 1)


def _implementation_version_name(cursor: Cursor, item_type: int, second: int) -> ImplementationVersionName:
    return ImplementationVersionName(cursor.text("Implementation Version Name", cursor.remaining))


def _extended_negotiation(cursor: Cursor, item_type: int, second: int) -> SOPClassExtendedNegotiation:
    uid = cursor.uid("SOP Class UID", cursor.number("SOP Class UID Length", 2))
    return SOPClassExtendedNegotiation(uid, cursor.octets("Service Class Application Information", cursor.remaining))


def _common_extended_negotiation(cursor: Cursor, item_type: int, second: int) -> SOPClassCommonExtendedNegotiation:
    uid = cursor.uid("SOP Class UID", cursor.number("SOP Class UID Length", 2))
    service = cursor.uid("Service Class UID", cursor.number("Service Class UID Length", 2))
    name = "Related General SOP Class Identification"
    outer = cursor.enter(cursor.number(f"{name} Length", 2), name)
    related = []
    while cursor.remaining:
        cursor.count()
        length = cursor.number("Related General SOP Class UID Length", 2)
        related.append(cursor.uid("Related General SOP Class UID", length))
    cursor.leave(outer, name)
    if cursor.remaining:
        cursor.reserved(cursor.remaining)  # room for later versions of the sub-item
    return SOPClassCommonExtendedNegotiation(uid, service, tuple(related), second)


def _user_identity_rq(cursor: Cursor, item_type: int, second: int) -> UserIdentityRQ:
    identity_type = cursor.number("User Identity Type", 1, identity_type_text)
    response = cursor.number("Positive Response Requested", 1, lambda value: "requested" if value == 1 else "")
    length = cursor.number("Primary Field Length", 2)
    primary = cursor.octets("Primary Field", length, hidden=identity_type != 1)
    length = cursor.number("Secondary Field Length", 2)
    secondary = cursor.octets("Secondary Field", length, hidden=True)
    return UserIdentityRQ(identity_type, response == 1, primary, secondary)


def _user_identity_ac(cursor: Cursor, item_type: int, second: int) -> UserIdentityAC:
    length = cursor.number("Server Response Length", 2)
    return UserIdentityAC(cursor.octets("Server Response", length, hidden=True))


def _no_limit(value: int) -> str:
    return "" if value else "no limit"


def _count(what: str) -> Callable[[int], str]:
    return lambda value: f"{value or 'unlimited'} {what}"


def _support(role: str) -> Callable[[int], str]:
    return lambda value: role if value == 1 else f"no {role}"


UNKNOWN_ITEM: ItemKind[UnknownItem] = ItemKind("Unknown Item", _unknown)

_SYNTAX_ITEMS: dict[int, ItemKind[AbstractSyntax | TransferSyntax | UnknownItem]] = {
    0x30: ItemKind("Abstract Syntax Sub-Item", _abstract_syntax),
    0x40: ItemKind("Transfer Syntax Sub-Item", _transfer_syntax),
}

_USER_ITEMS: dict[int, ItemKind[UserItem]] = {
    0x51: ItemKind("Maximum Length Sub-Item", _maximum_length, recurs=True),
    0x52: ItemKind("Implementation Class UID Sub-Item", _implementation_class_uid, recurs=True),
    0x53: ItemKind("Asynchronous Operations Window Sub-Item", _asynchronous_operations_window),
    0x54: ItemKind("SCP/SCU Role Selection Sub-Item", _role_selection),
    0x55: ItemKind("Implementation Version Name Sub-Item", _implementation_version_name, recurs=True),
    0x56: ItemKind("SOP Class Extended Negotiation Sub-Item", _extended_negotiation),
    0x57: ItemKind("SOP Class Common Extended Negotiation Sub-Item", _common_extended_negotiation),
    0x58: ItemKind("User Identity Sub-Item (RQ)", _user_identity_rq),
    0x59: ItemKind("User Identity Sub-Item (AC)", _user_identity_ac),
}

REQUEST_ITEMS: dict[int, ItemKind[AssociateItem]] = {
    0x10: ItemKind("Application Context Item", _application_context, recurs=True),
    0x20: ItemKind("Presentation Context Item (RQ)", _proposed_context, recurs=True),
    0x50: ItemKind("User Information Item", _user_information),
}

ACCEPT_ITEMS: dict[int, ItemKind[AssociateItem]] = {
    0x10: ItemKind("Application Context Item", _application_context, recurs=True),
    0x21: ItemKind("Presentation Context Item (AC)", _answered_context, recurs=True),
    0x50: ItemKind("User Information Item", _user_information),
}
