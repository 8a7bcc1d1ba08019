"""The items of A-ASSOCIATE PDUs: presentation contexts and user information.

PS3.8 section 9.3.2, 9.3.3 and Annex D.1; PS3.7 Annex D.3.3. Pure: bytes to objects and back. What a peer may
get wrong without harm (padding, over-long UIDs, missing sub-items, types that nobody knows) is accepted and
kept; what we send is checked when it is encoded. Does not know the PDUs that carry the items.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from struct import pack
from typing import TypeAlias, assert_never

from workstation.net.cursor import Cursor, ItemKind
from workstation.net.errors import LocalProtocolError
from workstation.net.wire_text import encode_uid

IMPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2"


class ContextResult(IntEnum):
    """Result of a presentation context negotiation (PS3.8 Table 9-18)."""

    ACCEPTANCE = 0
    USER_REJECTION = 1
    NO_REASON = 2
    ABSTRACT_SYNTAX_NOT_SUPPORTED = 3
    TRANSFER_SYNTAXES_NOT_SUPPORTED = 4


_RESULT_TEXT = (
    "acceptance",
    "user-rejection",
    "no-reason (provider rejection)",
    "abstract-syntax-not-supported (provider rejection)",
    "transfer-syntaxes-not-supported (provider rejection)",
)

_IDENTITY_TEXT = {
    1: "Username",
    2: "Username and passcode",
    3: "Kerberos service ticket",
    4: "SAML assertion",
    5: "JSON Web Token",
}


@dataclass(frozen=True, slots=True)
class UnknownItem:
    """An item or sub-item that this codec does not interpret, kept to be shown and sent on as it came."""

    item_type: int
    data: bytes
    reserved: int = 0

    def __post_init__(self) -> None:
        check_number("item type", self.item_type, 0xFF)
        check_number("reserved byte of an item", self.reserved, 0xFF)


@dataclass(frozen=True, slots=True)
class ApplicationContext:
    """Application Context Item (10H). Inside a PDU object it is `application_context_name`."""

    name: str


@dataclass(frozen=True, slots=True)
class UserInformation:
    """User Information Item (50H). Inside a PDU object it is `user_information`."""

    items: tuple[UserItem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedContext:
    """Presentation Context Item of an A-ASSOCIATE-RQ (20H)."""

    context_id: int
    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...]
    unknown: tuple[UnknownItem, ...] = ()

    def __post_init__(self) -> None:
        check_context_id(self.context_id)
        check_tuple("transfer syntaxes", self.transfer_syntaxes, str)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredContext:
    """Presentation Context Item of an A-ASSOCIATE-AC (21H).

    Attributes:
        context_id: The proposed context that this answers.
        result: A `ContextResult`, or what else the peer sent (0-255).
        transfer_syntax: Means something only when `result` is acceptance.
        unknown: Further sub-items.
    """

    context_id: int
    result: int
    transfer_syntax: str = ""
    unknown: tuple[UnknownItem, ...] = ()

    def __post_init__(self) -> None:
        check_context_id(self.context_id)
        check_number("result of a presentation context", self.result, 0xFF)

    @property
    def result_text(self) -> str:
        """The result in the standard's words."""
        return result_text(self.result)


@dataclass(frozen=True, slots=True)
class MaximumLength:
    """Maximum Length Sub-Item (51H): the longest P-DATA-TF the sender of the item receives; 0 is no limit."""

    value: int

    def __post_init__(self) -> None:
        check_number("maximum length", self.value, 0xFFFFFFFF)


@dataclass(frozen=True, slots=True)
class ImplementationClassUID:
    """Implementation Class UID Sub-Item (52H)."""

    uid: str


@dataclass(frozen=True, slots=True)
class AsynchronousOperationsWindow:
    """Asynchronous Operations Window Sub-Item (53H); 0 is unlimited."""

    invoked: int
    performed: int

    def __post_init__(self) -> None:
        check_number("maximum number of operations invoked", self.invoked, 0xFFFF)
        check_number("maximum number of operations performed", self.performed, 0xFFFF)


@dataclass(frozen=True, slots=True)
class RoleSelection:
    """SCP/SCU Role Selection Sub-Item (54H): the roles of the association-requestor."""

    sop_class_uid: str
    scu_role: bool
    scp_role: bool


@dataclass(frozen=True, slots=True)
class ImplementationVersionName:
    """Implementation Version Name Sub-Item (55H)."""

    name: str


@dataclass(frozen=True, slots=True)
class SOPClassExtendedNegotiation:
    """SOP Class Extended Negotiation Sub-Item (56H)."""

    sop_class_uid: str
    application_information: bytes


@dataclass(frozen=True, slots=True)
class SOPClassCommonExtendedNegotiation:
    """SOP Class Common Extended Negotiation Sub-Item (57H), of a request only."""

    sop_class_uid: str
    service_class_uid: str
    related_general_sop_class_uids: tuple[str, ...] = ()
    version: int = 0

    def __post_init__(self) -> None:
        check_tuple("related general SOP class UIDs", self.related_general_sop_class_uids, str)
        check_number("sub-item version", self.version, 0xFF)


@dataclass(frozen=True, slots=True)
class UserIdentityRQ:
    """User Identity Sub-Item of a request (58H). The fields are secrets: not in `repr`, never in a log."""

    identity_type: int
    positive_response_requested: bool
    primary: bytes = field(repr=False)
    secondary: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        check_number("user identity type", self.identity_type, 0xFF)

    @property
    def identity_type_text(self) -> str:
        """What the primary field is."""
        return _IDENTITY_TEXT.get(self.identity_type, "reserved")


@dataclass(frozen=True, slots=True)
class UserIdentityAC:
    """User Identity Sub-Item of an acceptance (59H). The response may be a ticket: not in `repr`."""

    server_response: bytes = field(repr=False)


UserItem: TypeAlias = (
    MaximumLength
    | ImplementationClassUID
    | AsynchronousOperationsWindow
    | RoleSelection
    | ImplementationVersionName
    | SOPClassExtendedNegotiation
    | SOPClassCommonExtendedNegotiation
    | UserIdentityRQ
    | UserIdentityAC
    | UnknownItem
)


def result_text(result: int) -> str:
    """Result of a presentation context in the standard's words."""
    return _RESULT_TEXT[result] if result < len(_RESULT_TEXT) else "reserved"


# -- checks: ValueError for what cannot be an object, LocalProtocolError for what must not be sent ---------------


def check_number(name: str, value: int, maximum: int) -> None:
    """Raises ValueError or TypeError unless `value` is a number from 0 to `maximum`."""
    if not isinstance(value, int):
        raise TypeError(f"{name} is {type(value).__name__}, not int")
    if not 0 <= value <= maximum:
        raise ValueError(f"{name} is {value}, not 0 to {maximum}")


def check_tuple(name: str, value: object, kind: type) -> None:
    """Raises TypeError unless `value` is a tuple of `kind`. A lone string is the likely mistake."""
    if not isinstance(value, tuple) or not all(isinstance(entry, kind) for entry in value):
        raise TypeError(f"{name} must be a tuple of {kind.__name__}")


def check_context_id(value: int) -> None:
    """Presentation context IDs are odd, 1 to 255 (PS3.8 Table 9-13)."""
    check_number("presentation context ID", value, 255)
    if not value & 1:
        raise ValueError(f"presentation context ID is {value}, not an odd number")


# -- encoding ----------------------------------------------------------------------------------------------------


def encode_item(item_type: int, body: bytes, second: int = 0) -> bytes:
    """Item header and contents."""
    if len(body) > 0xFFFF:
        raise LocalProtocolError(f"item {item_type:02X}H has {len(body)} bytes, more than 65535")
    return pack(">BBH", item_type, second, len(body)) + body


def encode_unknown(items: tuple[UnknownItem, ...]) -> bytes:
    """Items as they came."""
    return b"".join(encode_item(item.item_type, item.data, item.reserved) for item in items)


def encode_proposed_context(context: ProposedContext) -> bytes:
    """Item 20H with its 30H and 40H."""
    if not context.transfer_syntaxes:
        raise LocalProtocolError(f"presentation context {context.context_id} proposes no transfer syntax")
    body = [pack(">B3x", context.context_id)]
    body.append(encode_item(0x30, encode_uid("abstract syntax", context.abstract_syntax)))
    body += [encode_item(0x40, encode_uid("transfer syntax", uid)) for uid in context.transfer_syntaxes]
    body.append(encode_unknown(context.unknown))
    return encode_item(0x20, b"".join(body))


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


@dataclass(frozen=True, slots=True)
class AbstractSyntax:
    """Abstract Syntax Sub-Item (30H)."""

    uid: str


@dataclass(frozen=True, slots=True)
class TransferSyntax:
    """Transfer Syntax Sub-Item (40H)."""

    uid: str


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
    identity_type = cursor.number("User Identity Type", 1, lambda value: _IDENTITY_TEXT.get(value, "reserved"))
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
    0x51: ItemKind("Maximum Length Sub-Item", _maximum_length),
    0x52: ItemKind("Implementation Class UID Sub-Item", _implementation_class_uid),
    0x53: ItemKind("Asynchronous Operations Window Sub-Item", _asynchronous_operations_window),
    0x54: ItemKind("SCP/SCU Role Selection Sub-Item", _role_selection),
    0x55: ItemKind("Implementation Version Name Sub-Item", _implementation_version_name),
    0x56: ItemKind("SOP Class Extended Negotiation Sub-Item", _extended_negotiation),
    0x57: ItemKind("SOP Class Common Extended Negotiation Sub-Item", _common_extended_negotiation),
    0x58: ItemKind("User Identity Sub-Item (RQ)", _user_identity_rq),
    0x59: ItemKind("User Identity Sub-Item (AC)", _user_identity_ac),
}

AssociateItem: TypeAlias = ApplicationContext | ProposedContext | AnsweredContext | UserInformation | UnknownItem

REQUEST_ITEMS: dict[int, ItemKind[AssociateItem]] = {
    0x10: ItemKind("Application Context Item", _application_context),
    0x20: ItemKind("Presentation Context Item (RQ)", _proposed_context),
    0x50: ItemKind("User Information Item", _user_information),
}

ACCEPT_ITEMS: dict[int, ItemKind[AssociateItem]] = {
    0x10: ItemKind("Application Context Item", _application_context),
    0x21: ItemKind("Presentation Context Item (AC)", _answered_context),
    0x50: ItemKind("User Information Item", _user_information),
}
