"""Presentation contexts: what one association may carry, and in which transfer syntax.

PS3.8 7.1.1.13 and 9.3.2.2; the result values are those of Table 9-18. Negotiation itself is in `negotiation`.
Knows nothing of sockets or associations.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pydicom.uid import UID

from workstation.net import uids
from workstation.net._globals import DEFAULT_TRANSFER_SYNTAXES
from workstation.net.utils import received_uid, set_uid

if TYPE_CHECKING:
    from workstation.net.pdu_primitives import SCP_SCU_RoleSelectionNegotiation

LOGGER = logging.getLogger(__name__)


class PresentationContextTuple(NamedTuple):
    """An accepted presentation context: what `event.context` is."""

    context_id: int
    abstract_syntax: UID
    transfer_syntax: UID


# PS3.8 Table 9-18
RESULT_TEXT: Final = {
    None: "Pending",
    0: "Accepted",
    1: "User Rejected",
    2: "Provider Rejected",
    3: "Abstract Syntax Not Supported",
    4: "Transfer Syntax(es) Not Supported",
}


class PresentationContext:
    """A presentation context, from what is proposed to what was negotiated.

    Attributes:
        result: None until negotiated, then the result of PS3.8 Table 9-18: 0 acceptance, 1 user rejection,
            2 no reason (provider rejection), 3 abstract syntax not supported, 4 transfer syntaxes not supported.
    """

    def __init__(self) -> None:
        self.result: int | None = None
        self._context_id: int | None = None
        self._abstract_syntax: UID | None = None
        self._transfer_syntax: list[UID] = []
        self._scu_role: bool | None = None
        self._scp_role: bool | None = None
        self._as_scu: bool | None = None
        self._as_scp: bool | None = None

    @classmethod
    def as_received(cls, context_id: int, abstract_syntax: str, transfer_syntax: Iterable[str]) -> PresentationContext:
        """Return a context with a peer's UIDs as they came, valid or not; empty ones count as absent."""
        context = cls()
        context.context_id = context_id
        context._abstract_syntax = received_uid(abstract_syntax) if abstract_syntax else None
        context._transfer_syntax = [received_uid(uid) for uid in dict.fromkeys(transfer_syntax) if uid]
        return context

    @property
    def context_id(self) -> int | None:
        """The Presentation Context ID: an odd integer, 1 to 255."""
        return self._context_id

    @context_id.setter
    def context_id(self, value: int | None) -> None:
        if value is not None and (not isinstance(value, int) or not 1 <= value <= 255 or value % 2 == 0):
            raise ValueError(f"'context_id' must be an odd integer between 1 and 255, not {value!r}")
        self._context_id = value

    @property
    def abstract_syntax(self) -> UID | None:
        """The Abstract Syntax Name: the UID of a SOP class or Meta SOP class."""
        return self._abstract_syntax

    @abstract_syntax.setter
    def abstract_syntax(self, value: str | bytes | None) -> None:
        self._abstract_syntax = set_uid(value, "abstract_syntax", allow_empty=False)

    @property
    def transfer_syntax(self) -> list[UID]:
        """The Transfer Syntax Names: those proposed or supported, and exactly one once accepted."""
        return self._transfer_syntax

    @transfer_syntax.setter
    def transfer_syntax(self, values: list[str] | list[UID]) -> None:
        if not isinstance(values, list):
            raise TypeError(f"'transfer_syntax' must be a list, not '{type(values).__name__}'")
        self._transfer_syntax = []
        for value in values:
            self.add_transfer_syntax(value)

    def add_transfer_syntax(self, syntax: str | bytes | None) -> None:
        """Append a transfer syntax unless it is there already. None has no effect.

        Raises:
            TypeError: if `syntax` is neither str, bytes nor UID.
            ValueError: if it is not a valid UID.
        """
        uid = set_uid(syntax, "transfer_syntax", allow_empty=False)
        if uid is None or uid in self._transfer_syntax:
            return
        if not _is_transfer_syntax(uid) and not uid.is_private and uids.uid_name(uid):
            LOGGER.warning("'%s' (%s) is not a transfer syntax", uid, uids.uid_name(uid))
        self._transfer_syntax.append(uid)

    @property
    def scu_role(self) -> bool | None:
        """Whether the association requestor proposes, or the acceptor allows it, to be SCU; None: not negotiated."""
        return self._scu_role

    @scu_role.setter
    def scu_role(self, value: bool | None) -> None:
        self._scu_role = _role(value, "scu_role")

    @property
    def scp_role(self) -> bool | None:
        """Whether the association requestor proposes, or the acceptor allows it, to be SCP; None: not negotiated."""
        return self._scp_role

    @scp_role.setter
    def scp_role(self, value: bool | None) -> None:
        self._scp_role = _role(value, "scp_role")

    @property
    def as_scu(self) -> bool | None:
        """Whether the local AE may act as SCU in this context; None until negotiated."""
        return self._as_scu

    @property
    def as_scp(self) -> bool | None:
        """Whether the local AE may act as SCP in this context; None until negotiated."""
        return self._as_scp

    def set_outcome(self, result: int, as_scu: bool, as_scp: bool) -> None:
        """Record what negotiation made of the context; for `negotiation`."""
        self.result = result
        self._as_scu = as_scu
        self._as_scp = as_scp

    def negotiated(
        self, result: int, transfer_syntax: list[UID], *, as_scu: bool = False, as_scp: bool = False
    ) -> PresentationContext:
        """Return a copy with what negotiation made of the context; for `negotiation`."""
        twin = self.copy()
        twin._transfer_syntax = transfer_syntax
        twin.set_outcome(result, as_scu, as_scp)
        return twin

    @property
    def status(self) -> str:
        """The result in words; "Pending" until negotiated."""
        return RESULT_TEXT.get(self.result, "Unknown")

    @property
    def as_tuple(self) -> PresentationContextTuple:
        """The context as `event.context` has it.

        Raises:
            ValueError: if the context lacks an ID or an abstract syntax, or has not exactly one transfer syntax.
        """
        if self._context_id is None or self._abstract_syntax is None or len(self._transfer_syntax) != 1:
            raise ValueError(
                "A context ID, an abstract syntax and exactly one transfer syntax are needed, this context has "
                f"{self._context_id}, {self._abstract_syntax} and {len(self._transfer_syntax)} transfer syntaxes"
            )
        return PresentationContextTuple(self._context_id, self._abstract_syntax, self._transfer_syntax[0])

    def copy(self) -> PresentationContext:
        """Return an independent context with the same values."""
        # One by one: to look at `__dict__` would make a dictionary for each of an association's hundreds of contexts.
        twin = PresentationContext.__new__(PresentationContext)
        twin.result = self.result
        twin._context_id = self._context_id
        twin._abstract_syntax = self._abstract_syntax
        twin._transfer_syntax = self._transfer_syntax.copy()
        twin._scu_role = self._scu_role
        twin._scp_role = self._scp_role
        twin._as_scu = self._as_scu
        twin._as_scp = self._as_scp
        return twin

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PresentationContext):
            return NotImplemented
        return self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        # Equal contexts have equal abstract syntaxes; the rest changes in negotiation.
        return hash(self._abstract_syntax)

    def __repr__(self) -> str:
        if self._abstract_syntax is None:
            return "(no abstract syntax)"
        return uids.uid_name(self._abstract_syntax) or self._abstract_syntax.name

    def __str__(self) -> str:
        lines = []
        if self._context_id is not None:
            lines.append(f"ID: {self._context_id}")
        if self._abstract_syntax is not None:
            lines.append(f"Abstract Syntax: {_named(self._abstract_syntax)}")
        lines.append("Transfer Syntax(es):")
        lines += [f"    ={_named(syntax)}" for syntax in self._transfer_syntax]
        if self._scu_role is not None or self._scp_role is not None:
            lines.append(f"SCP/SCU Role: {bool(self._scp_role):d}/{bool(self._scu_role):d}")
        if self.result is not None:
            lines.append(f"Result: {self.status}")
        return "\n".join(lines)


def _role(value: bool | None, name: str) -> bool | None:
    if value is not None and not isinstance(value, bool):
        raise TypeError(f"'{name}' must be bool or None, not '{type(value).__name__}'")
    return value


def _is_transfer_syntax(uid: UID) -> bool:
    # The prefix first: a server has ten thousand to look at when it starts, and pydicom cannot tell for private ones.
    return uid.startswith("1.2.840.10008.1.2.") or (not uid.is_private and uid.is_transfer_syntax)


def _named(uid: UID) -> str:
    name = uids.uid_name(uid)
    return f"{uid} ({name})" if name else str(uid)


def build_context(
    abstract_syntax: str | UID, transfer_syntax: str | UID | list[str] | list[UID] | None = None
) -> PresentationContext:
    """Return a context for `abstract_syntax`.

    Args:
        abstract_syntax: The SOP Class UID.
        transfer_syntax: One transfer syntax or a list of them; default: `DEFAULT_TRANSFER_SYNTAXES`.
    """
    context = PresentationContext()
    context.abstract_syntax = abstract_syntax
    context.transfer_syntax = transfer_syntax_list(transfer_syntax)
    return context


def transfer_syntax_list(transfer_syntax: str | UID | Iterable[str | UID] | None) -> list[str]:
    """Return what a caller may give as transfer syntaxes (one, several, None for the default) as a list."""
    if transfer_syntax is None:
        return list(DEFAULT_TRANSFER_SYNTAXES)
    if isinstance(transfer_syntax, str | bytes):
        return [transfer_syntax]
    return list(transfer_syntax)


def build_role(uid: str | UID, scu_role: bool = False, scp_role: bool = False) -> SCP_SCU_RoleSelectionNegotiation:
    """Return a role selection item (PS3.7 D.3.3.4) for `associate(ext_neg=...)`.

    Args:
        uid: The SOP Class UID.
        scu_role: Whether the association requestor proposes to be SCU.
        scp_role: Whether the association requestor proposes to be SCP.
    """
    from workstation.net.pdu_primitives import SCP_SCU_RoleSelectionNegotiation

    item = SCP_SCU_RoleSelectionNegotiation()
    item.sop_class_uid = uid
    item.scu_role = scu_role
    item.scp_role = scp_role
    return item


def build_contexts(sop_classes: Mapping[str, str]) -> list[PresentationContext]:
    """Return a context with the default transfer syntaxes for each UID of a table of `uids`, sorted by UID."""
    return [build_context(uid) for uid in sorted(sop_classes.values())]


_PREBUILT: Final[dict[str, Mapping[str, str]]] = {
    "AllStoragePresentationContexts": uids.STORAGE,
    "ApplicationEventLoggingPresentationContexts": uids.APPLICATION_EVENT_LOGGING,
    "BasicWorklistManagementPresentationContexts": uids.BASIC_WORKLIST_MANAGEMENT,
    "ColorPalettePresentationContexts": uids.COLOR_PALETTE,
    "DefinedProcedureProtocolPresentationContexts": uids.DEFINED_PROCEDURE_PROTOCOL,
    "DisplaySystemPresentationContexts": uids.DISPLAY_SYSTEM,
    "HangingProtocolPresentationContexts": uids.HANGING_PROTOCOL,
    "ImplantTemplatePresentationContexts": uids.IMPLANT_TEMPLATE,
    "InstanceAvailabilityPresentationContexts": uids.INSTANCE_AVAILABILITY,
    "MediaCreationManagementPresentationContexts": uids.MEDIA_CREATION_MANAGEMENT,
    "MediaStoragePresentationContexts": uids.MEDIA_STORAGE,
    "ModalityPerformedPresentationContexts": uids.PROCEDURE_STEP,
    "NonPatientObjectPresentationContexts": uids.NON_PATIENT_OBJECT,
    "PrintManagementPresentationContexts": uids.PRINT_MANAGEMENT,
    "ProcedureStepPresentationContexts": uids.PROCEDURE_STEP,
    "ProtocolApprovalPresentationContexts": uids.PROTOCOL_APPROVAL,
    "QueryRetrievePresentationContexts": uids.QUERY_RETRIEVE,
    "RelevantPatientInformationPresentationContexts": uids.RELEVANT_PATIENT_INFORMATION,
    "RTMachineVerificationPresentationContexts": uids.RT_MACHINE_VERIFICATION,
    "StorageCommitmentPresentationContexts": uids.STORAGE_COMMITMENT,
    "StoragePresentationContexts": {k: v for k, v in uids.STORAGE.items() if k not in uids.RARELY_STORED}
    | uids.RETIRED_STORAGE,
    "SubstanceAdministrationPresentationContexts": uids.SUBSTANCE_ADMINISTRATION,
    "UnifiedProcedurePresentationContexts": uids.UNIFIED_PROCEDURE_STEP,
    "VerificationPresentationContexts": uids.VERIFICATION,
}
PREBUILT_NAMES: Final = tuple(_PREBUILT)


def __getattr__(name: str) -> Any:
    # Made when first asked for: nearly 400 contexts that most programs never look at. Kept in the module, so that
    # each name is one list, as it would be if it had been made on import.
    if name in _PREBUILT:
        contexts = globals()[name] = build_contexts(_PREBUILT[name])
        return contexts
    if name in ("negotiate_as_acceptor", "negotiate_as_requestor"):
        from workstation.net import negotiation

        return getattr(negotiation, name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *_PREBUILT, "negotiate_as_acceptor", "negotiate_as_requestor"})
