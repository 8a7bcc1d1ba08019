"""What four readers say about one PDU, in one vocabulary: the standard's names for its fields, in wire order.

The readers are our decoder, our dissector, pynetdicom's decoder and Wireshark's. A fact is the name of a field and its
value; who knows where a field lies says that too. Reserved bytes are nobody's fact.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from pynetdicom import pdu as peer_pdu
from pynetdicom import pdu_items as peer_items
from tshark import TsharkField, TsharkPdu

from workstation.net.codec.field import Field
from workstation.net.codec.pdu import (
    A_ABORT_RQ,
    A_ASSOCIATE_AC,
    A_ASSOCIATE_RJ,
    A_ASSOCIATE_RQ,
    P_DATA_TF,
    PDU,
    AnsweredContext,
    AsynchronousOperationsWindow,
    ImplementationClassUID,
    ImplementationVersionName,
    MaximumLength,
    PDUType,
    ProposedContext,
    RoleSelection,
    SOPClassCommonExtendedNegotiation,
    SOPClassExtendedNegotiation,
    UnknownItem,
    UserIdentityAC,
    UserIdentityRQ,
    UserItem,
    dissect_pdu,
)


class Fact(NamedTuple):
    name: str
    value: object


class Placed(NamedTuple):
    """A fact with its bytes."""

    fact: Fact
    offset: int
    raw: bytes


# Types and lengths: a decoder uses them up, a dissector shows them.
STRUCTURE = frozenset(
    {
        "PDU Type",
        "PDU Length",
        "Item Type",
        "Item Length",
        "UID Length",
        "SOP Class UID Length",
        "Service Class UID Length",
        "Related General SOP Class Identification Length",
        "Related General SOP Class UID Length",
        "Primary Field Length",
        "Secondary Field Length",
        "Server Response Length",
    }
)
# What the dissector hides or does not repeat, though it says where it is.
_RAW = frozenset({"Primary Field", "Secondary Field", "Server Response", "Presentation Data Value"})


# -- our dissector -----------------------------------------------------------------------------------------------


def leaves(field: Field) -> Iterator[Field]:
    """The innermost fields."""
    if not field.children:
        yield field
    for child in field.children:
        yield from leaves(child)


@lru_cache(maxsize=2048)
def dissected(data: bytes) -> tuple[Placed, ...]:
    """What `dissect_pdu` shows; asked again by each comparison."""
    found = []
    for leaf in leaves(dissect_pdu(data)):
        if leaf.name == "Reserved":
            continue
        raw = data[leaf.offset : leaf.offset + leaf.length]
        found.append(Placed(Fact(leaf.name, raw if leaf.name in _RAW else leaf.value), leaf.offset, raw))
    return tuple(found)


def facts_of_bytes(data: bytes, *, structure: bool) -> list[Fact]:
    """What `dissect_pdu` shows, without the places, and without types and lengths on demand."""
    return [placed.fact for placed in dissected(data) if structure or placed.fact.name not in STRUCTURE]


# -- our decoder -------------------------------------------------------------------------------------------------


def facts_of(pdu: PDU) -> list[Fact]:
    """What a decoded PDU says, its unknown items last."""
    return [Fact(*one) for one in _pdu_facts(pdu)]


def _pdu_facts(pdu: PDU) -> Iterator[tuple[str, object]]:
    match pdu:
        case A_ASSOCIATE_RQ() | A_ASSOCIATE_AC():
            yield "Protocol Version", pdu.protocol_version
            yield "Called AE Title", pdu.called_ae_title
            yield "Calling AE Title", pdu.calling_ae_title
            yield "Application Context Name", pdu.application_context_name
            for context in pdu.presentation_contexts:
                yield from _context_facts(context)
            for item in pdu.user_information:
                yield from _item_facts(item)
            yield from _unknown_facts(pdu.unknown)
        case A_ASSOCIATE_RJ(result, source, reason):
            yield "Result", result
            yield "Source", source
            yield "Reason/Diag.", reason
        case P_DATA_TF(pdvs):
            for pdv in pdvs:
                yield "Presentation Context ID", pdv.context_id
                yield "Message Control Header", pdv.is_command | pdv.is_last << 1
                yield "Presentation Data Value", bytes(pdv.data)
        case A_ABORT_RQ(source, reason):
            yield "Source", source
            yield "Reason/Diag.", reason


def _context_facts(context: ProposedContext | AnsweredContext) -> Iterator[tuple[str, object]]:
    yield "Presentation Context ID", context.context_id
    match context:
        case ProposedContext():
            yield "Abstract Syntax Name", context.abstract_syntax
            for uid in context.transfer_syntaxes:
                yield "Transfer Syntax Name", uid
        case AnsweredContext():
            yield "Result/Reason", context.result
            yield "Transfer Syntax Name", context.transfer_syntax
    yield from _unknown_facts(context.unknown)


def _item_facts(item: UserItem) -> Iterator[tuple[str, object]]:
    match item:
        case MaximumLength(value):
            yield "Maximum Length Received", value
        case ImplementationClassUID(uid):
            yield "Implementation Class UID", uid
        case AsynchronousOperationsWindow(invoked, performed):
            yield "Maximum Number Operations Invoked", invoked
            yield "Maximum Number Operations Performed", performed
        case RoleSelection(uid, scu_role, scp_role):
            yield "SOP Class UID", uid
            yield "SCU Role", int(scu_role)
            yield "SCP Role", int(scp_role)
        case ImplementationVersionName(name):
            yield "Implementation Version Name", name
        case SOPClassExtendedNegotiation(uid, information):
            yield "SOP Class UID", uid
            yield "Service Class Application Information", information
        case SOPClassCommonExtendedNegotiation(uid, service, related, _):
            yield "SOP Class UID", uid
            yield "Service Class UID", service
            for name in related:
                yield "Related General SOP Class UID", name
        case UserIdentityRQ(identity_type, response, primary, secondary):
            yield "User Identity Type", identity_type
            yield "Positive Response Requested", int(response)
            yield "Primary Field", primary
            yield "Secondary Field", secondary
        case UserIdentityAC(response):
            yield "Server Response", response
        case UnknownItem():
            yield from _unknown_facts((item,))


def _unknown_facts(items: tuple[UnknownItem, ...]) -> Iterator[tuple[str, object]]:
    for item in items:
        yield "Data", item.data


# -- pynetdicom --------------------------------------------------------------------------------------------------

_PEER_PDUS: dict[int, type[Any]] = {
    PDUType.A_ASSOCIATE_RQ: peer_pdu.A_ASSOCIATE_RQ,
    PDUType.A_ASSOCIATE_AC: peer_pdu.A_ASSOCIATE_AC,
    PDUType.A_ASSOCIATE_RJ: peer_pdu.A_ASSOCIATE_RJ,
    PDUType.P_DATA_TF: peer_pdu.P_DATA_TF,
    PDUType.A_RELEASE_RQ: peer_pdu.A_RELEASE_RQ,
    PDUType.A_RELEASE_RP: peer_pdu.A_RELEASE_RP,
    PDUType.A_ABORT: peer_pdu.A_ABORT_RQ,
}


def pynetdicom_reads(data: bytes) -> list[Fact]:
    """What pynetdicom's decoder makes of a PDU, types and lengths included."""
    pdu = _PEER_PDUS[data[0]]()
    pdu.decode(data)
    return [Fact("PDU Type", pdu.pdu_type), Fact("PDU Length", pdu.pdu_length)] + [Fact(*one) for one in _peer_pdu(pdu)]


def _peer_pdu(pdu: Any) -> Iterator[tuple[str, object]]:
    match pdu:
        case peer_pdu.A_ASSOCIATE_RQ() | peer_pdu.A_ASSOCIATE_AC():
            called, calling = (
                (pdu.called_ae_title, pdu.calling_ae_title)
                if isinstance(pdu, peer_pdu.A_ASSOCIATE_RQ)
                else (pdu.reserved_aet, pdu.reserved_aec)
            )
            yield "Protocol Version", pdu.protocol_version
            yield "Called AE Title", called.strip()
            yield "Calling AE Title", calling.strip()
            for item in pdu.variable_items:
                yield from _peer_item(item)
        case peer_pdu.A_ASSOCIATE_RJ():
            yield "Result", pdu.result
            yield "Source", pdu.source
            yield "Reason/Diag.", pdu.reason_diagnostic
        case peer_pdu.P_DATA_TF():
            for pdv in pdu.presentation_data_value_items:
                value = pdv.presentation_data_value or b""
                yield "Item Length", pdv.item_length
                yield "Presentation Context ID", pdv.presentation_context_id
                yield "Message Control Header", value[0]
                yield "Presentation Data Value", value[1:]
        case peer_pdu.A_ABORT_RQ():
            yield "Source", pdu.source
            yield "Reason/Diag.", pdu.reason_diagnostic


def _peer_item(item: Any) -> Iterator[tuple[str, object]]:
    yield "Item Type", item.item_type
    yield "Item Length", item.item_length
    match item:
        case peer_items.ApplicationContextItem():
            yield "Application Context Name", item.application_context_name
        case peer_items.PresentationContextItemRQ():
            yield "Presentation Context ID", item.presentation_context_id
            for syntax in item.abstract_transfer_syntax_sub_items:
                yield from _peer_item(syntax)
        case peer_items.PresentationContextItemAC():
            yield "Presentation Context ID", item.presentation_context_id
            yield "Result/Reason", item.result_reason
            for syntax in item.transfer_syntax_sub_item:
                yield from _peer_item(syntax)
        case peer_items.AbstractSyntaxSubItem():
            yield "Abstract Syntax Name", item.abstract_syntax_name
        case peer_items.TransferSyntaxSubItem():
            yield "Transfer Syntax Name", item.transfer_syntax_name
        case peer_items.UserInformationItem():
            for sub_item in item.user_data:
                yield from _peer_item(sub_item)
        case _:
            yield from _peer_user_item(item)


def _peer_user_item(item: Any) -> Iterator[tuple[str, object]]:
    match item:
        case peer_items.MaximumLengthSubItem():
            yield "Maximum Length Received", item.maximum_length_received
        case peer_items.ImplementationClassUIDSubItem():
            yield "Implementation Class UID", item.implementation_class_uid
        case peer_items.ImplementationVersionNameSubItem():
            yield "Implementation Version Name", item.implementation_version_name
        case peer_items.AsynchronousOperationsWindowSubItem():
            yield "Maximum Number Operations Invoked", item.maximum_number_operations_invoked
            yield "Maximum Number Operations Performed", item.maximum_number_operations_performed
        case peer_items.SCP_SCU_RoleSelectionSubItem():
            yield "UID Length", item.uid_length
            yield "SOP Class UID", item.sop_class_uid
            yield "SCU Role", item.scu_role
            yield "SCP Role", item.scp_role
        case peer_items.SOPClassExtendedNegotiationSubItem():
            yield "SOP Class UID Length", item.sop_class_uid_length
            yield "SOP Class UID", item.sop_class_uid
            yield "Service Class Application Information", item.service_class_application_information
        case peer_items.SOPClassCommonExtendedNegotiationSubItem():
            yield "SOP Class UID Length", item.sop_class_uid_length
            yield "SOP Class UID", item.sop_class_uid
            yield "Service Class UID Length", item.service_class_uid_length
            yield "Service Class UID", item.service_class_uid
            length = item.related_general_sop_class_identification_length
            yield "Related General SOP Class Identification Length", length
            for uid in item.related_general_sop_class_identification:
                yield "Related General SOP Class UID Length", len(uid)
                yield "Related General SOP Class UID", uid
        case peer_items.UserIdentitySubItemRQ():
            yield "User Identity Type", item.user_identity_type
            yield "Positive Response Requested", item.positive_response_requested
            yield "Primary Field Length", item.primary_field_length
            yield "Primary Field", item.primary_field
            yield "Secondary Field Length", item.secondary_field_length
            yield "Secondary Field", item.secondary_field or b""
        case peer_items.UserIdentitySubItemAC():
            yield "Server Response Length", item.server_response_length
            yield "Server Response", item.server_response
        case _:
            raise AssertionError(f"pynetdicom made a {type(item).__name__}")


# -- Wireshark ---------------------------------------------------------------------------------------------------

# Wireshark's filter name: the standard's name for the field.
TSHARK_NUMBERS = {
    "dicom.pdu.type": "PDU Type",
    "dicom.pdu.len": "PDU Length",
    "dicom.assoc.version": "Protocol Version",
    "dicom.assoc.item.type": "Item Type",
    "dicom.assoc.item.len": "Item Length",
    "dicom.assoc.reject.result": "Result",
    "dicom.assoc.reject.source": "Source",
    "dicom.assoc.reject.reason": "Reason/Diag.",
    "dicom.assoc.abort.source": "Source",
    "dicom.assoc.abort.reason": "Reason/Diag.",
    "dicom.pctx.id": "Presentation Context ID",
    "dicom.pctx.result": "Result/Reason",
    "dicom.max_pdu_len": "Maximum Length Received",
    "dicom.userinfo.asyncneg.maxnumopsinv": "Maximum Number Operations Invoked",
    "dicom.userinfo.asyncneg.maxnumopsper": "Maximum Number Operations Performed",
    "dicom.userinfo.rolesel.sopclassuid.len": "UID Length",
    "dicom.userinfo.rolesel.scurole": "SCU Role",
    "dicom.userinfo.rolesel.scprole": "SCP Role",
    "dicom.userinfo.extneg.sopclassuid.len": "SOP Class UID Length",
    "dicom.userinfo.user_identify.type": "User Identity Type",
    "dicom.userinfo.user_identify.response_requested": "Positive Response Requested",
    "dicom.userinfo.user_identify.primary_field_length": "Primary Field Length",
    "dicom.userinfo.user_identify.secondary_field_length": "Secondary Field Length",
    "dicom.pdv.len": "Item Length",
    "dicom.pdv.ctx": "Presentation Context ID",
    "dicom.pdv.flags": "Message Control Header",
}
TSHARK_TEXTS = {
    "dicom.assoc.ae.called": "Called AE Title",
    "dicom.assoc.ae.calling": "Calling AE Title",
    "dicom.actx": "Application Context Name",
    "dicom.pctx.abss.syntax": "Abstract Syntax Name",
    "dicom.pctx.xfer.syntax": "Transfer Syntax Name",
    "dicom.userinfo.uid": "Implementation Class UID",
    "dicom.userinfo.version": "Implementation Version Name",
    "dicom.userinfo.rolesel.sopclassuid": "SOP Class UID",
    "dicom.userinfo.extneg.sopclassuid": "SOP Class UID",
}
TSHARK_BYTES = {
    "dicom.userinfo.user_identify.primary_field": "Primary Field",
    "dicom.userinfo.user_identify.secondary_field": "Secondary Field",
}
# Wireshark decodes the contents of these items as bytes only, or not as the standard cuts them.
NOT_TSHARKS = frozenset({0x57, 0x59})
WITH_PASSCODE = 2  # the identity type of which it shows the second field


# Wireshark takes AE titles for ISO 646 without the characters that nations may replace, and shows those as unknown.
_NATIONAL = dict.fromkeys(map(ord, "#$@[\\]^`{|}~"), "\N{REPLACEMENT CHARACTER}")


def tshark_reads(pdu: TsharkPdu) -> list[Placed]:
    """What Wireshark makes of a PDU: the fields that it and we both cut out of the bytes."""
    found = []
    for one in pdu.fields:
        fact = _tshark_fact(one)
        if fact is not None:
            found.append(Placed(fact, one.offset, one.raw))
    return found


def _tshark_fact(one: TsharkField) -> Fact | None:
    if one.name in TSHARK_NUMBERS:
        return Fact(TSHARK_NUMBERS[one.name], int(one.shown, 0))
    if one.name in TSHARK_TEXTS:
        text = one.raw.decode("latin-1").partition("\0")[0].strip(" ")
        assert text.translate(_NATIONAL) in one.shown.translate(_NATIONAL), (
            f"{one.name}: {one.shown!r} is shown for {one.raw!r}"
        )
        return Fact(TSHARK_TEXTS[one.name], text)
    if one.name in TSHARK_BYTES:
        return Fact(TSHARK_BYTES[one.name], one.raw)
    return None


TSHARK_NAMES = frozenset({*TSHARK_NUMBERS.values(), *TSHARK_TEXTS.values(), *TSHARK_BYTES.values()})


def comparable_with_tshark(shown: Iterable[Placed]) -> list[Placed]:
    """Of what our dissector shows that which Wireshark can show too."""
    found = []
    skipping = 0  # up to this offset the fields belong to an item that Wireshark does not take apart
    item_type = identity_type = 0
    for placed in shown:
        name, value = placed.fact
        if placed.offset < skipping:
            continue
        match name, value:
            case "Item Type", int(number):
                item_type = number
            case "Item Length", int(length) if item_type in NOT_TSHARKS:
                skipping = placed.offset + len(placed.raw) + length
                item_type = 0
            case "User Identity Type", int(number):
                identity_type = number
        if name.startswith("Secondary Field") and identity_type != WITH_PASSCODE:
            continue
        if name in TSHARK_NAMES and placed.raw:
            found.append(placed)
    return found
