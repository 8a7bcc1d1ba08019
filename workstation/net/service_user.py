"""The two ends of an association as their users see them: who they are and what they negotiated (PS3.7 Annex D)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pydicom.uid import UID

from workstation.net._globals import DEFAULT_MAX_LENGTH, MODE_ACCEPTOR, MODE_REQUESTOR
from workstation.net.codec.pdu import (
    A_ASSOCIATE_AC,
    A_ASSOCIATE_RQ,
    ImplementationClassUID,
    ImplementationVersionName,
    MaximumLength,
    UserItem,
    find_item,
)
from workstation.net.pdu_primitives import (
    A_ASSOCIATE,
    AsynchronousOperationsWindowNegotiation,
    ImplementationClassUIDNotification,
    ImplementationVersionNameNotification,
    MaximumLengthNotification,
    NegotiationItem,
    SCP_SCU_RoleSelectionNegotiation,
    SOPClassCommonExtendedNegotiation,
    SOPClassExtendedNegotiation,
    UserIdentityNegotiation,
    negotiation_item,
)
from workstation.net.presentation import PresentationContext
from workstation.net.shell.address import AddressInformation
from workstation.net.utils import received_uid, set_uid, validate_ae_title

if TYPE_CHECKING:
    from workstation.net.association import Association

_UNIQUE = (AsynchronousOperationsWindowNegotiation, UserIdentityNegotiation)


class ServiceUser:
    """One end of an association.

    What it says of itself can be changed until it has been said; what the other end says, cannot.

    Attributes:
        writeable: Whether negotiation has not begun yet: afterwards setting anything is a RuntimeError.
        address_info: Where it is, or None while not known.
        pdu: What it said on the wire, or None before.
    """

    def __init__(self, assoc: Association, mode: str) -> None:
        if mode not in (MODE_REQUESTOR, MODE_ACCEPTOR):
            raise ValueError(f"a service user is 'requestor' or 'acceptor', not {mode!r}")
        self.assoc = assoc
        self._mode = mode
        self._is_local = assoc.mode == mode
        self.writeable = True
        self.address_info: AddressInformation | None = None
        self.pdu: A_ASSOCIATE_RQ | A_ASSOCIATE_AC | None = None
        self._ae_title = ""
        self._maximum_length = DEFAULT_MAX_LENGTH
        self._implementation_class_uid: UID | None = None
        self._implementation_version_name: str | None = None
        self._own_contexts: list[PresentationContext] = []
        self._proposed: list[PresentationContext] = []
        self._answered: list[PresentationContext] = []
        self._items: list[NegotiationItem] = []
        self._accepted_common: dict[UID, tuple[UID, list[UID]]] = {}

    # ------------------------------------------------------------------- who and where
    @property
    def mode(self) -> str:
        """'requestor' or 'acceptor'."""
        return self._mode

    @property
    def is_requestor(self) -> bool:
        """Whether this end asked for the association."""
        return self._mode == MODE_REQUESTOR

    @property
    def is_acceptor(self) -> bool:
        """Whether this end was asked."""
        return self._mode == MODE_ACCEPTOR

    @property
    def address(self) -> str:
        """The IP address.

        Raises:
            ValueError: It is not known yet.
        """
        return self._known().address

    @property
    def port(self) -> int:
        """The TCP port.

        Raises:
            ValueError: It is not known yet.
        """
        return self._known().port

    def _known(self) -> AddressInformation:
        if self.address_info is None:
            raise ValueError(f"the address of the {self._mode} is not known yet")
        return self.address_info

    @property
    def info(self) -> dict[str, Any]:
        """AE title, address, port and mode, and after negotiation `pdv_size`."""
        where = self.address_info
        info: dict[str, Any] = {
            "ae_title": self._ae_title,
            "address": where.address if where else None,
            "port": where.port if where else None,
            "mode": self._mode,
        }
        if not self.writeable:
            info["pdv_size"] = self._maximum_length
        return info

    @property
    def primitive(self) -> A_ASSOCIATE | None:
        """The A-ASSOCIATE request or response that it sent, or None before."""
        return None if self.pdu is None else A_ASSOCIATE(pdu=self.pdu)

    # ------------------------------------------------------------------- what it says of itself
    def _check_writeable(self) -> None:
        if not self.writeable:
            raise RuntimeError(f"the {self._mode} cannot be changed once negotiation has begun")

    @property
    def ae_title(self) -> str:
        """The AE title; "" while not known."""
        return self._ae_title

    @ae_title.setter
    def ae_title(self, value: str | bytes) -> None:
        self._check_writeable()
        self._ae_title = validate_ae_title(value)

    @property
    def maximum_length(self) -> int:
        """The largest P-DATA-TF length that this end takes, in bytes; 0 is no limit (PS3.8 D.1)."""
        return self._maximum_length

    @maximum_length.setter
    def maximum_length(self, value: int) -> None:
        self._check_writeable()
        if not isinstance(value, int) or not 0 <= value <= 0xFFFFFFFF:
            raise ValueError(f"the maximum length is 0 to 4294967295 bytes, not {value!r}")
        self._maximum_length = value

    @property
    def implementation_class_uid(self) -> UID | None:
        """The Implementation Class UID (PS3.7 D.3.3.2); None while not known."""
        return self._implementation_class_uid

    @implementation_class_uid.setter
    def implementation_class_uid(self, value: str | bytes) -> None:
        self._check_writeable()
        self._implementation_class_uid = set_uid(value, "implementation_class_uid", allow_empty=False, allow_none=False)

    @property
    def implementation_version_name(self) -> str | None:
        """The Implementation Version Name, or None (PS3.7 D.3.3.2)."""
        return self._implementation_version_name

    @implementation_version_name.setter
    def implementation_version_name(self, value: str | None) -> None:
        self._check_writeable()
        self._implementation_version_name = value

    def introduce(self, ae_title: str, class_uid: UID, version_name: str | None) -> None:
        """Say who this end is; the AE has checked what it says of itself."""
        self._ae_title = ae_title
        self._implementation_class_uid = class_uid
        self._implementation_version_name = version_name

    # ------------------------------------------------------------------- contexts
    @property
    def requested_contexts(self) -> list[PresentationContext]:
        """What the requestor proposes."""
        return (self._own_contexts or self._proposed) if self.is_requestor else []

    @requested_contexts.setter
    def requested_contexts(self, contexts: list[PresentationContext]) -> None:
        if not self.is_requestor:
            raise AttributeError("an acceptor has no requested contexts")
        self._check_writeable()
        self._own_contexts = contexts

    @property
    def supported_contexts(self) -> list[PresentationContext]:
        """What the acceptor supports."""
        return self._own_contexts if self.is_acceptor else []

    @supported_contexts.setter
    def supported_contexts(self, contexts: list[PresentationContext]) -> None:
        if not self.is_acceptor:
            raise AttributeError("a requestor has no supported contexts")
        self._check_writeable()
        self._own_contexts = contexts

    def get_contexts(self, cx_type: str) -> list[PresentationContext]:
        """The contexts of one kind.

        Args:
            cx_type: 'requested' or 'supported': what the local end was given. After negotiation also 'pcdl': the
                Presentation Context Definition List that the requestor sent, and 'pcdrl': the acceptor's Definition
                Result List, with rejected ones (PS3.8 sections 7.1.1.13, 7.1.1.14).

        Raises:
            ValueError: This end has no contexts of that kind (yet).
        """
        own = "requested" if self.is_requestor else "supported"
        said, name = (self._proposed, "pcdl") if self.is_requestor else (self._answered, "pcdrl")
        if cx_type == own and self._is_local:
            return self._own_contexts
        if cx_type == name and not self.writeable:
            return said
        raise ValueError(f"the {self._mode} has no {cx_type!r} contexts")

    def propose(self, contexts: list[PresentationContext]) -> None:
        """The requestor has proposed these: its side is fixed."""
        self._proposed = contexts
        self.writeable = False

    def answer(self, contexts: list[PresentationContext]) -> None:
        """The acceptor has answered these: its side is fixed."""
        self._answered = contexts
        self.writeable = False

    # ------------------------------------------------------------------- negotiation items
    @property
    def user_information(self) -> list[NegotiationItem]:
        """All that this end says in its User Information, in the standard's order."""
        items: list[NegotiationItem] = [MaximumLengthNotification(self._maximum_length)]
        if self._implementation_class_uid is not None:
            items.append(ImplementationClassUIDNotification(self._implementation_class_uid))
        if self._implementation_version_name:
            items.append(ImplementationVersionNameNotification(self._implementation_version_name))
        return items + self._items

    @property
    def extended_negotiation(self) -> list[NegotiationItem]:
        """The negotiation items beyond maximum length and implementation."""
        return list(self._items)

    def add_negotiation_item(self, item: NegotiationItem) -> None:
        """Send one more item in the A-ASSOCIATE request.

        Raises:
            TypeError: It is no negotiation item.
            RuntimeError: Negotiation has begun.
        """
        self._check_writeable()
        if not isinstance(item, NegotiationItem):
            raise TypeError(f"{type(item).__name__} is no negotiation item")
        if isinstance(item, _UNIQUE):
            self._items = [other for other in self._items if type(other) is not type(item)]
        self._items.append(item)

    def remove_negotiation_item(self, item: NegotiationItem) -> None:
        """Take one item back."""
        self._check_writeable()
        self._items = [other for other in self._items if other is not item and other != item]

    def reset_negotiation_items(self) -> None:
        """Take all items back."""
        self._check_writeable()
        self._items = []

    def _of(self, kind: type[NegotiationItem]) -> Sequence[Any]:
        return [item for item in self._items if isinstance(item, kind)]

    @property
    def role_selection(self) -> dict[UID, SCP_SCU_RoleSelectionNegotiation]:
        """The role selection items by SOP Class UID."""
        return {item.sop_class_uid: item for item in self._of(SCP_SCU_RoleSelectionNegotiation)}

    @property
    def sop_class_extended(self) -> dict[UID, bytes]:
        """The service class application information by SOP Class UID."""
        return {
            item.sop_class_uid: item.service_class_application_information
            for item in self._of(SOPClassExtendedNegotiation)
        }

    @property
    def sop_class_common_extended(self) -> dict[UID, SOPClassCommonExtendedNegotiation]:
        """The common extended negotiation items by SOP Class UID."""
        return {item.sop_class_uid: item for item in self._of(SOPClassCommonExtendedNegotiation)}

    @property
    def accepted_common_extended(self) -> dict[UID, tuple[UID, list[UID]]]:
        """What the acceptor accepted: {SOP Class UID: (Service Class UID, related general SOP classes)}."""
        if self.is_requestor:
            raise RuntimeError("only an acceptor accepts common extended negotiation")
        return self._accepted_common

    @property
    def asynchronous_operations(self) -> tuple[int, int]:
        """Operations invoked and performed at once; (1, 1) if not negotiated."""
        for item in self._of(AsynchronousOperationsWindowNegotiation):
            return item.maximum_number_operations_invoked, item.maximum_number_operations_performed
        return 1, 1

    @property
    def user_identity(self) -> UserIdentityNegotiation | None:
        """The user identity item, if there is one."""
        for item in self._of(UserIdentityNegotiation):
            assert isinstance(item, UserIdentityNegotiation)
            return item
        return None

    # ------------------------------------------------------------------- on the wire
    def user_items(self) -> tuple[UserItem, ...]:
        """The User Information to send."""
        assert self._implementation_class_uid is not None
        own = _own_items(self._maximum_length, self._implementation_class_uid, self._implementation_version_name)
        return (*own, *(item.to_item() for item in self._items))

    def learn(self, pdu: A_ASSOCIATE_RQ | A_ASSOCIATE_AC) -> None:
        """Take what the peer said of itself."""
        self.pdu = pdu
        items = pdu.user_information
        maximum = find_item(items, MaximumLength)
        self._maximum_length = maximum.value if maximum is not None else 0
        uid = find_item(items, ImplementationClassUID)
        self._implementation_class_uid = received_uid(uid.uid) if uid is not None else None
        version = find_item(items, ImplementationVersionName)
        self._implementation_version_name = version.name if version is not None else None
        self._items = [known for item in items if (known := negotiation_item(item)) is not None]
        if isinstance(pdu, A_ASSOCIATE_RQ):
            self._ae_title = pdu.calling_ae_title


@lru_cache(maxsize=64)
def _own_items(maximum_length: int, class_uid: UID, version_name: str | None) -> tuple[UserItem, ...]:
    """What an AE says of itself in each association (PS3.8 D.1, PS3.7 D.3.3.2)."""
    maximum, uid = MaximumLength(maximum_length), ImplementationClassUID(str(class_uid))
    return (maximum, uid, ImplementationVersionName(version_name)) if version_name else (maximum, uid)
