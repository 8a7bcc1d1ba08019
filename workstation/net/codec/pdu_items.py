"""The items of A-ASSOCIATE PDUs: presentation contexts and user information.

PS3.8 section 9.3.2, 9.3.3 and Annex D.1; PS3.7 Annex D.3.3. Values only, checked when they are made for what
cannot be written at all; what must not be sent is refused when it is encoded, since peers send it nevertheless.
Knows neither their bytes nor the PDUs that carry them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TypeAlias


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
        check_kind("data of an item", self.data, bytes)
        check_number("item type", self.item_type, 0xFF)
        check_number("reserved byte of an item", self.reserved, 0xFF)


@dataclass(frozen=True, slots=True)
class ApplicationContext:
    """Application Context Item (10H). Inside a PDU object it is `application_context_name`."""

    name: str


@dataclass(frozen=True, slots=True)
class AbstractSyntax:
    """Abstract Syntax Sub-Item (30H)."""

    uid: str


@dataclass(frozen=True, slots=True)
class TransferSyntax:
    """Transfer Syntax Sub-Item (40H)."""

    uid: str


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
        check_kind("abstract syntax", self.abstract_syntax, str)
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
        check_kind("transfer syntax", self.transfer_syntax, str)
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

    def __post_init__(self) -> None:
        check_kind("implementation class UID", self.uid, str)


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

    def __post_init__(self) -> None:
        check_kind("SOP class UID", self.sop_class_uid, str)
        check_kind("SCU role", self.scu_role, bool)
        check_kind("SCP role", self.scp_role, bool)


@dataclass(frozen=True, slots=True)
class ImplementationVersionName:
    """Implementation Version Name Sub-Item (55H)."""

    name: str

    def __post_init__(self) -> None:
        check_kind("implementation version name", self.name, str)


@dataclass(frozen=True, slots=True)
class SOPClassExtendedNegotiation:
    """SOP Class Extended Negotiation Sub-Item (56H)."""

    sop_class_uid: str
    application_information: bytes

    def __post_init__(self) -> None:
        check_kind("SOP class UID", self.sop_class_uid, str)
        check_kind("service class application information", self.application_information, bytes)


@dataclass(frozen=True, slots=True)
class SOPClassCommonExtendedNegotiation:
    """SOP Class Common Extended Negotiation Sub-Item (57H), of a request only."""

    sop_class_uid: str
    service_class_uid: str
    related_general_sop_class_uids: tuple[str, ...] = ()
    version: int = 0

    def __post_init__(self) -> None:
        check_kind("SOP class UID", self.sop_class_uid, str)
        check_kind("service class UID", self.service_class_uid, str)
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
        check_kind("positive response requested", self.positive_response_requested, bool)
        check_kind("primary field", self.primary, bytes)
        check_kind("secondary field", self.secondary, bytes)
        check_number("user identity type", self.identity_type, 0xFF)

    @property
    def identity_type_text(self) -> str:
        """What the primary field is."""
        return identity_type_text(self.identity_type)


@dataclass(frozen=True, slots=True)
class UserIdentityAC:
    """User Identity Sub-Item of an acceptance (59H). The response may be a ticket: not in `repr`."""

    server_response: bytes = field(repr=False)

    def __post_init__(self) -> None:
        check_kind("server response", self.server_response, bytes)


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

AssociateItem: TypeAlias = ApplicationContext | ProposedContext | AnsweredContext | UserInformation | UnknownItem


def result_text(result: int) -> str:
    """Result of a presentation context in the standard's words."""
    return _RESULT_TEXT[result] if result < len(_RESULT_TEXT) else "reserved"


def identity_type_text(identity_type: int) -> str:
    """What a user identity type stands for (PS3.7 Table D.3-14)."""
    return _IDENTITY_TEXT.get(identity_type, "reserved")


def check_kind(name: str, value: object, kind: type) -> None:
    """Raises TypeError unless `value` is a `kind`."""
    if not isinstance(value, kind):
        raise TypeError(f"{name} is {type(value).__name__}, not {kind.__name__}")


def check_number(name: str, value: int, maximum: int) -> None:
    """Raises ValueError or TypeError unless `value` is a number from 0 to `maximum`."""
    check_kind(name, value, int)
    if not 0 <= value <= maximum:
        raise ValueError(f"{name} is {value}, not 0 to {maximum}")


def check_tuple(name: str, value: object, kind: type) -> None:
    """Raises TypeError unless `value` is a tuple of `kind`. A lone string is the likely mistake."""
    if isinstance(value, tuple):
        for entry in value:
            if not isinstance(entry, kind):
                break
        else:
            return
    raise TypeError(f"{name} must be a tuple of {kind.__name__}")


def check_context_id(value: int) -> None:
    """Presentation context IDs are odd, 1 to 255 (PS3.8 Table 9-13)."""
    check_number("presentation context ID", value, 255)
    if not value & 1:
        raise ValueError(f"presentation context ID is {value}, not an odd number")
