"""What is negotiated besides presentation contexts, as a program gives and reads it, and the ACSE primitives.

PS3.7 Annex D.3.3 (negotiation items), PS3.8 section 7 (A-ASSOCIATE, A-RELEASE, A-ABORT, A-P-ABORT). The items here
are mutable and forgiving while they are filled in; `to_item` makes the frozen sub-item of `pdu` that goes on the wire
and `from_item` the reverse. Knows nothing of sockets or associations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self, cast

from pydicom.uid import UID

from workstation.net._globals import DEFAULT_MAX_LENGTH
from workstation.net.codec import pdu as wire
from workstation.net.utils import received_uid, set_uid

_SECRET: Final = frozenset({"_primary", "_secondary", "_server_response"})


class NegotiationItem:
    """An item of the User Information that `associate(ext_neg=[...])` takes."""

    def to_item(self) -> wire.UserItem:
        """Return the sub-item to send.

        Raises:
            ValueError: if a field that the standard requires is not set.
        """
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self.__dict__ == other.__dict__

    def __repr__(self) -> str:
        # a passcode or token has no place in a log
        fields = (f"{name.lstrip('_')}={value!r}" for name, value in self.__dict__.items() if name not in _SECRET)
        return f"{type(self).__name__}({', '.join(fields)})"

    # Mutable and compared by value.
    __hash__ = None  # type: ignore[assignment]

    def _required(self, **fields: object) -> None:
        missing = [name for name, value in fields.items() if value is None]
        if missing:
            raise ValueError(f"{type(self).__name__} cannot be sent without {', '.join(missing)}")


def _sop_class_uid(value: str | bytes | None, name: str) -> UID | None:
    return set_uid(value, name, allow_empty=False)


class MaximumLengthNotification(NegotiationItem):
    """Maximum Length (PS3.8 Annex D.1).

    Attributes:
        maximum_length_received: The largest P-DATA-TF length that its sender takes, in bytes; 0 is no limit.
    """

    def __init__(self, maximum_length_received: int = DEFAULT_MAX_LENGTH) -> None:
        self.maximum_length_received = maximum_length_received

    def to_item(self) -> wire.MaximumLength:
        """Return sub-item 51H."""
        return wire.MaximumLength(value=self.maximum_length_received)


class ImplementationClassUIDNotification(NegotiationItem):
    """Implementation Class UID (PS3.7 D.3.3.2.1).

    Attributes:
        implementation_class_uid: The UID.
    """

    def __init__(self, implementation_class_uid: UID | None = None) -> None:
        self.implementation_class_uid = implementation_class_uid

    def to_item(self) -> wire.ImplementationClassUID:
        """Return sub-item 52H."""
        self._required(implementation_class_uid=self.implementation_class_uid)
        return wire.ImplementationClassUID(uid=str(self.implementation_class_uid))


class ImplementationVersionNameNotification(NegotiationItem):
    """Implementation Version Name (PS3.7 D.3.3.2.3).

    Attributes:
        implementation_version_name: The name, 1 to 16 characters.
    """

    def __init__(self, implementation_version_name: str | None = None) -> None:
        self.implementation_version_name = implementation_version_name

    def to_item(self) -> wire.ImplementationVersionName:
        """Return sub-item 55H."""
        self._required(implementation_version_name=self.implementation_version_name)
        return wire.ImplementationVersionName(name=str(self.implementation_version_name))


class SCP_SCU_RoleSelectionNegotiation(NegotiationItem):
    """SCP/SCU Role Selection (PS3.7 D.3.3.4): which roles the association requestor proposes for a SOP class."""

    def __init__(self) -> None:
        self._sop_class_uid: UID | None = None
        self._scu_role: bool | None = None
        self._scp_role: bool | None = None

    @property
    def sop_class_uid(self) -> UID | None:
        """The SOP Class UID."""
        return self._sop_class_uid

    @sop_class_uid.setter
    def sop_class_uid(self, value: str | bytes | None) -> None:
        self._sop_class_uid = _sop_class_uid(value, "sop_class_uid")

    @property
    def scu_role(self) -> bool | None:
        """Whether the requestor proposes, or the acceptor accepts it, to be SCU."""
        return self._scu_role

    @scu_role.setter
    def scu_role(self, value: bool | None) -> None:
        self._scu_role = _role(value, "scu_role")

    @property
    def scp_role(self) -> bool | None:
        """Whether the requestor proposes, or the acceptor accepts it, to be SCP."""
        return self._scp_role

    @scp_role.setter
    def scp_role(self, value: bool | None) -> None:
        self._scp_role = _role(value, "scp_role")

    def to_item(self) -> wire.RoleSelection:
        """Return sub-item 54H. An unset role is sent as 0 if the other one is set; neither role says nothing."""
        self._required(sop_class_uid=self._sop_class_uid)
        if not (self._scu_role or self._scp_role):
            raise ValueError("SCP_SCU_RoleSelectionNegotiation cannot be sent without scu_role or scp_role")
        return wire.RoleSelection(
            sop_class_uid=str(self._sop_class_uid), scu_role=bool(self._scu_role), scp_role=bool(self._scp_role)
        )

    @classmethod
    def from_item(cls, item: wire.RoleSelection) -> Self:
        """Return what a received sub-item says."""
        new = cls()
        new._sop_class_uid = received_uid(item.sop_class_uid)
        new._scu_role = bool(item.scu_role)
        new._scp_role = bool(item.scp_role)
        return new


class SOPClassExtendedNegotiation(NegotiationItem):
    """SOP Class Extended Negotiation (PS3.7 D.3.3.5): bytes whose meaning the service class defines."""

    def __init__(self) -> None:
        self._sop_class_uid: UID | None = None
        self._information: bytes | None = None

    @property
    def sop_class_uid(self) -> UID | None:
        """The SOP Class UID."""
        return self._sop_class_uid

    @sop_class_uid.setter
    def sop_class_uid(self, value: str | bytes | None) -> None:
        self._sop_class_uid = _sop_class_uid(value, "sop_class_uid")

    @property
    def service_class_application_information(self) -> bytes | None:
        """The Service Class Application Information."""
        return self._information

    @service_class_application_information.setter
    def service_class_application_information(self, value: bytes | None) -> None:
        self._information = _octets(value, "service_class_application_information")

    def to_item(self) -> wire.SOPClassExtendedNegotiation:
        """Return sub-item 56H."""
        self._required(sop_class_uid=self._sop_class_uid, service_class_application_information=self._information)
        return wire.SOPClassExtendedNegotiation(
            sop_class_uid=str(self._sop_class_uid), application_information=cast(bytes, self._information)
        )

    @classmethod
    def from_item(cls, item: wire.SOPClassExtendedNegotiation) -> Self:
        """Return what a received sub-item says."""
        new = cls()
        new._sop_class_uid = received_uid(item.sop_class_uid)
        new._information = item.application_information
        return new


class SOPClassCommonExtendedNegotiation(NegotiationItem):
    """SOP Class Common Extended Negotiation (PS3.7 D.3.3.6): what to treat an unknown SOP class like."""

    def __init__(self) -> None:
        self._sop_class_uid: UID | None = None
        self._service_class_uid: UID | None = None
        self._related: list[UID] = []

    @property
    def sop_class_uid(self) -> UID | None:
        """The SOP Class UID."""
        return self._sop_class_uid

    @sop_class_uid.setter
    def sop_class_uid(self, value: str | bytes | None) -> None:
        self._sop_class_uid = _sop_class_uid(value, "sop_class_uid")

    @property
    def service_class_uid(self) -> UID | None:
        """The Service Class UID."""
        return self._service_class_uid

    @service_class_uid.setter
    def service_class_uid(self, value: str | bytes | None) -> None:
        self._service_class_uid = _sop_class_uid(value, "service_class_uid")

    @property
    def related_general_sop_class_identification(self) -> list[UID]:
        """The Related General SOP Class UIDs."""
        return self._related

    @related_general_sop_class_identification.setter
    def related_general_sop_class_identification(self, values: list[str] | list[UID]) -> None:
        name = "related_general_sop_class_identification"
        if not isinstance(values, list):
            raise TypeError(f"'{name}' must be a list of UIDs, not '{type(values).__name__}'")
        related = [set_uid(value, name, allow_empty=False, allow_none=False) for value in values]
        self._related = [uid for uid in related if uid is not None]

    def to_item(self) -> wire.SOPClassCommonExtendedNegotiation:
        """Return sub-item 57H."""
        self._required(sop_class_uid=self._sop_class_uid, service_class_uid=self._service_class_uid)
        return wire.SOPClassCommonExtendedNegotiation(
            sop_class_uid=str(self._sop_class_uid),
            service_class_uid=str(self._service_class_uid),
            related_general_sop_class_uids=tuple(str(uid) for uid in self._related),
        )

    @classmethod
    def from_item(cls, item: wire.SOPClassCommonExtendedNegotiation) -> Self:
        """Return what a received sub-item says."""
        new = cls()
        new._sop_class_uid = received_uid(item.sop_class_uid)
        new._service_class_uid = received_uid(item.service_class_uid)
        new._related = [received_uid(uid) for uid in item.related_general_sop_class_uids]
        return new


class AsynchronousOperationsWindowNegotiation(NegotiationItem):
    """Asynchronous Operations Window (PS3.7 D.3.3.3): how many operations may be outstanding; 0 is unlimited."""

    def __init__(self) -> None:
        self._invoked = 1
        self._performed = 1

    @property
    def maximum_number_operations_invoked(self) -> int:
        """How many the association requestor may have outstanding."""
        return self._invoked

    @maximum_number_operations_invoked.setter
    def maximum_number_operations_invoked(self, value: int) -> None:
        self._invoked = _count(value, "maximum_number_operations_invoked")

    @property
    def maximum_number_operations_performed(self) -> int:
        """How many the association acceptor may have outstanding towards the requestor."""
        return self._performed

    @maximum_number_operations_performed.setter
    def maximum_number_operations_performed(self, value: int) -> None:
        self._performed = _count(value, "maximum_number_operations_performed")

    def to_item(self) -> wire.AsynchronousOperationsWindow:
        """Return sub-item 53H."""
        return wire.AsynchronousOperationsWindow(invoked=self._invoked, performed=self._performed)

    @classmethod
    def from_item(cls, item: wire.AsynchronousOperationsWindow) -> Self:
        """Return what a received sub-item says."""
        new = cls()
        new._invoked = item.invoked
        new._performed = item.performed
        return new


class UserIdentityNegotiation(NegotiationItem):
    """User Identity (PS3.7 D.3.3.7): who uses the requestor, and what the acceptor answered.

    The fields may be passwords, tickets and assertions: none of them is in `repr`.
    """

    def __init__(self) -> None:
        self._type: int | None = None
        self._positive_response_requested = False
        self._primary: bytes | None = None
        self._secondary: bytes | None = None
        self._server_response: bytes | None = None

    @property
    def user_identity_type(self) -> int | None:
        """1 user name, 2 user name and passcode, 3 Kerberos service ticket, 4 SAML assertion, 5 JSON Web Token."""
        return self._type

    @user_identity_type.setter
    def user_identity_type(self, value: int | None) -> None:
        if value is not None:
            if not isinstance(value, int) or isinstance(value, bool):
                raise TypeError(f"'user_identity_type' must be int, not '{type(value).__name__}'")
            if not 1 <= value <= 5:
                raise ValueError(f"'user_identity_type' must be 1 to 5, not {value}")
        self._type = value

    @property
    def positive_response_requested(self) -> bool:
        """Whether the acceptor shall say that it accepted the identity."""
        return self._positive_response_requested

    @positive_response_requested.setter
    def positive_response_requested(self, value: bool) -> None:
        if not isinstance(value, bool):
            raise TypeError(f"'positive_response_requested' must be bool, not '{type(value).__name__}'")
        self._positive_response_requested = value

    @property
    def primary_field(self) -> bytes | None:
        """User name, ticket, assertion or token."""
        return self._primary

    @primary_field.setter
    def primary_field(self, value: bytes | None) -> None:
        self._primary = _octets(value, "primary_field")

    @property
    def secondary_field(self) -> bytes | None:
        """The passcode, with type 2 only."""
        return self._secondary

    @secondary_field.setter
    def secondary_field(self, value: bytes | None) -> None:
        self._secondary = _octets(value, "secondary_field")

    @property
    def server_response(self) -> bytes | None:
        """What the acceptor answered; None if it did not."""
        return self._server_response

    @server_response.setter
    def server_response(self, value: bytes | None) -> None:
        self._server_response = _octets(value, "server_response")

    def to_item(self) -> wire.UserIdentityRQ | wire.UserIdentityAC:
        """Return sub-item 58H, or 59H when there is a `server_response`."""
        if self._server_response is not None:
            return wire.UserIdentityAC(server_response=self._server_response)
        self._required(user_identity_type=self._type, primary_field=self._primary)
        if self._type == 2 and self._secondary is None:
            raise ValueError("UserIdentityNegotiation of type 2 cannot be sent without secondary_field (passcode)")
        return wire.UserIdentityRQ(
            identity_type=cast(int, self._type),
            positive_response_requested=self._positive_response_requested,
            primary=cast(bytes, self._primary),
            # PS3.7 Table D.3-14: only type 2 has a secondary field.
            secondary=(self._secondary or b"") if self._type == 2 else b"",
        )

    @classmethod
    def from_item(cls, item: wire.UserIdentityRQ | wire.UserIdentityAC) -> Self:
        """Return what a received sub-item says."""
        new = cls()
        if isinstance(item, wire.UserIdentityAC):
            new._server_response = item.server_response
            return new
        new._type = item.identity_type
        new._positive_response_requested = bool(item.positive_response_requested)
        new._primary = item.primary
        new._secondary = item.secondary or None
        return new


_FROM_ITEM: Final[dict[type, Callable[..., NegotiationItem]]] = {
    wire.RoleSelection: SCP_SCU_RoleSelectionNegotiation.from_item,
    wire.SOPClassExtendedNegotiation: SOPClassExtendedNegotiation.from_item,
    wire.SOPClassCommonExtendedNegotiation: SOPClassCommonExtendedNegotiation.from_item,
    wire.AsynchronousOperationsWindow: AsynchronousOperationsWindowNegotiation.from_item,
    wire.UserIdentityRQ: UserIdentityNegotiation.from_item,
    wire.UserIdentityAC: UserIdentityNegotiation.from_item,
}


def negotiation_item(item: wire.UserItem) -> NegotiationItem | None:
    """Return a received sub-item as negotiation item; None for what is no negotiation (maximum length, unknown)."""
    make = _FROM_ITEM.get(type(item))
    return make(item) if make is not None else None


def _role(value: bool | None, name: str) -> bool | None:
    if value is not None and not isinstance(value, bool):
        raise TypeError(f"'{name}' must be bool or None, not '{type(value).__name__}'")
    return value


def _octets(value: bytes | None, name: str) -> bytes | None:
    if value is not None and not isinstance(value, bytes):
        raise TypeError(f"'{name}' must be bytes or None, not '{type(value).__name__}'")
    if value is not None and len(value) > 0xFFFF:
        raise ValueError(f"'{name}' has {len(value)} bytes, the sub-item takes at most 65535")
    return value


def _count(value: int, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"'{name}' must be int, not '{type(value).__name__}'")
    if not 0 <= value <= 0xFFFF:
        raise ValueError(f"'{name}' must be 0 to 65535, not {value}")
    return value


@dataclass(frozen=True, slots=True)
class A_ASSOCIATE:
    """The A-ASSOCIATE primitive (PS3.8 7.1): request/indication, or response/confirmation once `result` is set.

    Attributes:
        pdu: The PDU that carries it: where its other parameters are.
    """

    pdu: wire.A_ASSOCIATE_RQ | wire.A_ASSOCIATE_AC | wire.A_ASSOCIATE_RJ

    @property
    def result(self) -> int | None:
        """None for a request, 0 accepted, 1 rejected permanent, 2 rejected transient."""
        match self.pdu:
            case wire.A_ASSOCIATE_RJ(result=result):
                return result
            case wire.A_ASSOCIATE_AC():
                return 0
        return None

    @property
    def result_source(self) -> int | None:
        """Who rejected (PS3.8 Table 9-21); None unless rejected."""
        return self.pdu.source if isinstance(self.pdu, wire.A_ASSOCIATE_RJ) else None

    @property
    def diagnostic(self) -> int | None:
        """Why it was rejected (PS3.8 Table 9-21); None unless rejected."""
        return self.pdu.reason if isinstance(self.pdu, wire.A_ASSOCIATE_RJ) else None

    @property
    def calling_ae_title(self) -> str | None:
        """The Calling AE Title; None for a rejection."""
        return None if isinstance(self.pdu, wire.A_ASSOCIATE_RJ) else self.pdu.calling_ae_title

    @property
    def called_ae_title(self) -> str | None:
        """The Called AE Title; None for a rejection."""
        return None if isinstance(self.pdu, wire.A_ASSOCIATE_RJ) else self.pdu.called_ae_title

    @property
    def user_information(self) -> tuple[wire.UserItem, ...]:
        """The User Information; empty for a rejection."""
        return () if isinstance(self.pdu, wire.A_ASSOCIATE_RJ) else self.pdu.user_information


@dataclass(frozen=True, slots=True)
class A_RELEASE:
    """The A-RELEASE primitive (PS3.8 7.2): request/indication, or response/confirmation.

    Attributes:
        result: None for a request, "affirmative" (the only result there is) for a response.
    """

    result: str | None = None

    @property
    def is_response(self) -> bool:
        """Whether it answers."""
        return self.result is not None


@dataclass(frozen=True, slots=True)
class A_ABORT:
    """The A-ABORT primitive (PS3.8 7.3): an end by the service-user."""

    abort_source: int = wire.AbortSource.SERVICE_USER


@dataclass(frozen=True, slots=True)
class A_P_ABORT:
    """The A-P-ABORT primitive (PS3.8 7.4): an end by the service-provider, or of the transport connection."""

    provider_reason: int = 0
