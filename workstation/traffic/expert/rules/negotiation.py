"""Rules on A-ASSOCIATE-RQ and -AC: AE titles, UIDs, contexts, user information (PS3.8 9.3, PS3.7 D.3.3)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from workstation.net.codec.pdu import (
    A_ASSOCIATE_AC,
    A_ASSOCIATE_RQ,
    APPLICATION_CONTEXT_NAME,
    AsynchronousOperationsWindow,
    ImplementationClassUID,
    ImplementationVersionName,
    MaximumLength,
    RoleSelection,
    UserIdentityAC,
    UserIdentityRQ,
    find_item,
    find_items,
)
from workstation.traffic.expert.rules.note import Severity
from workstation.traffic.expert.rules.scene import Findings, Scene, named
from workstation.traffic.rows import MessageRow
from workstation.traffic.text import hex_bytes, printable, quantity

__all__ = ["UID_FORM", "accept_rules", "request_rules"]

# PS3.5 section 9.1
UID_FORM: Final = re.compile(r"(?=.{1,64}\Z)(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))*\Z")
_EXPLICIT, _IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
_TITLES: Final = (("called", 10), ("calling", 26))  # offsets in the PDU


def request_rules(scene: Scene, row: MessageRow, request: A_ASSOCIATE_RQ) -> Findings:
    """What is remarkable in a request."""
    data = row.pdus[0].data
    yield from _titles(scene, row, data)
    if not request.protocol_version & 1:
        yield scene.note(
            Severity.ERROR,
            "protocol-version",
            "Protocol version 1 is not offered",
            f"{scene.requestor} does not offer version 1 of the protocol, the only one there is",
            row=row,
            evidence=f"Protocol Version {request.protocol_version:#06x}: bit 0 is not set",
            clause="PS3.8 9.3.2",
            place=(6, 2),
        )
    if request.application_context_name != APPLICATION_CONTEXT_NAME:
        shown = printable(request.application_context_name, 64) or "none"
        yield scene.note(
            Severity.ERROR,
            "application-context",
            "Not the DICOM application context",
            f"{scene.requestor} names another application context than DICOM's; most acceptors reject that",
            row=row,
            evidence=f"Application Context Name: {shown}",
            clause="PS3.7 A.2.1",
        )
    if not request.presentation_contexts:
        yield scene.note(
            Severity.ERROR,
            "contexts-absent",
            "No presentation context is offered",
            f"{scene.requestor} offers no presentation context, so nothing can be done on this association",
            row=row,
            clause="PS3.8 9.3.2.2",
        )
    yield None
    yield from _wire_form(scene, row, data)
    yield from _user_information(scene, row, request)
    yield from _identity(scene, row, request)


def accept_rules(scene: Scene, row: MessageRow, accept: A_ASSOCIATE_AC) -> Findings:
    """What is remarkable in an acceptance."""
    yield from _wire_form(scene, row, row.pdus[0].data)
    yield from _user_information(scene, row, accept)
    if scene.request is not None:
        yield from _contexts(scene, row, scene.request, accept)
        yield from _answers(scene, row, scene.request, accept)


# --------------------------------------------------------------------------- AE titles and UIDs as they are written
def _titles(scene: Scene, row: MessageRow, data: bytes) -> Findings:
    for which, offset in _TITLES:
        raw = data[offset : offset + 16]
        title = raw.partition(b"\0")[0].strip(b" ")
        place = (offset, 16)
        shown = f'{which} AE title "{printable(raw, 32)}"'
        clause = "PS3.8 9.3.2"
        if len(raw) < 16:
            return
        if not title:
            yield scene.note(
                Severity.ERROR,
                "title-empty",
                f"The {which} AE title is empty",
                f"the {which} AE title has nothing but padding, which is not allowed",
                row=row,
                key=which,
                evidence=hex_bytes(raw),
                clause=clause,
                remedy=f"Configure the {which} AE title in {scene.requestor}.",
                place=place,
            )
            continue
        if b"\0" in raw:
            yield scene.note(
                Severity.WARNING,
                "title-nul",
                f"The {which} AE title is padded with NUL",
                f"the {which} AE title is padded with NUL bytes instead of spaces; who compares all 16 bytes takes it "
                "for another one",
                row=row,
                key=which,
                evidence=f"{shown}: {hex_bytes(raw)}",
                clause=clause,
                remedy="Most systems tolerate it; if the title is not recognized, this is why.",
                place=place,
            )
        elif raw[:1] == b" ":
            yield scene.note(
                Severity.REMARK,
                "title-leading-space",
                f"The {which} AE title begins with a space",
                f"the {which} AE title begins with spaces; they mean nothing, but not every system strips them",
                row=row,
                key=which,
                evidence=shown,
                clause=clause,
                remedy=f"Remove the spaces from the title in the configuration of {scene.requestor}.",
                place=place,
            )
        if any(byte < 0x20 or byte > 0x7E or byte == 0x5C for byte in title):
            yield scene.note(
                Severity.WARNING,
                "title-characters",
                f"The {which} AE title has characters that are not allowed",
                f"the {which} AE title has characters outside of what an AE title may have: printable ASCII without "
                "the backslash",
                row=row,
                key=which,
                evidence=f"{shown}: {hex_bytes(raw)}",
                clause="PS3.5 6.2, VR AE",
                place=place,
            )
        elif title != title.upper():
            yield scene.note(
                Severity.REMARK,
                "title-case",
                f"The {which} AE title has small letters",
                f"the {which} AE title {printable(title, 32)} has small letters; capital and small letters count, and "
                "some systems turn all of them into capitals",
                row=row,
                key=which,
                evidence=shown,
                clause="PS3.5 6.2, VR AE",
                remedy="If the title is not recognized although it looks right, compare its letters on both sides.",
                place=place,
            )


# Items that hold items, and how many bytes of their own stand before those (PS3.8 9.3.2, 9.3.3).
_CONTAINERS: Final = {0x20: 4, 0x21: 4, 0x50: 0}
_UID_ITEMS: Final = {
    0x10: "Application Context Name",
    0x30: "Abstract Syntax Name",
    0x40: "Transfer Syntax Name",
    0x52: "Implementation Class UID",
}
# A UID with its length before it (PS3.7 D.3.3.4, D.3.3.5, D.3.3.6).
_COUNTED_UID_ITEMS: Final = frozenset((0x54, 0x56, 0x57))
_FIRST_ITEM: Final = 74


def _uids(data: bytes) -> Iterator[tuple[str, int, bytes]]:
    """The UIDs in the items of an A-ASSOCIATE PDU: what they are, where, and their bytes.

    Straight through the headers: a tree of fields of 128 contexts takes as long as a picture of the window.
    """
    offset, end = _FIRST_ITEM, len(data)
    while offset + 4 <= end:
        kind, length = data[offset], int.from_bytes(data[offset + 2 : offset + 4], "big")
        start = offset + 4
        if kind in _CONTAINERS:
            offset = start + _CONTAINERS[kind]
            continue
        name = _UID_ITEMS.get(kind)
        if name is not None:
            yield name, start, data[start : start + length]
        elif kind in _COUNTED_UID_ITEMS and length >= 2:
            size = int.from_bytes(data[start : start + 2], "big")
            yield "SOP Class UID", start + 2, data[start + 2 : start + 2 + size]
        offset = start + length


def _wire_form(scene: Scene, row: MessageRow, data: bytes) -> Findings:
    """UIDs as they stand in the items."""
    who = scene.sender(row.sent)
    for count, (name, offset, raw) in enumerate(_uids(data)):
        if count % 200 == 199:
            yield None
        place = (offset, len(raw))
        stripped = raw.rstrip(b"\0 ")
        if raw != stripped:
            with_what = "spaces" if raw.endswith(b" ") else "NUL"
            yield scene.note(
                Severity.WARNING,
                "uid-padded",
                f"A UID is padded with {with_what}",
                f"{who} pads UIDs in PDU items with {with_what}; they have the length that they have, even or odd, "
                "and a strict peer will not recognize them",
                row=row,
                key=f"{who} {with_what}",
                evidence=f"{name}: {printable(raw, 80)}",
                clause="PS3.8 Annex F",
                place=place,
            )
        if stripped and not UID_FORM.match(stripped.decode("latin-1")):
            yield scene.note(
                Severity.WARNING,
                "uid-form",
                "A UID is not well-formed",
                f"{who} names a UID that breaks the rules: numbers without leading zeros, parted by full stops, at "
                "most 64 characters",
                row=row,
                key=f"{who} {name}",
                evidence=f"{name}: {printable(stripped, 80)}",
                clause="PS3.5 9.1",
                place=place,
            )


# --------------------------------------------------------------------------- user information
def _user_information(scene: Scene, row: MessageRow, pdu: A_ASSOCIATE_RQ | A_ASSOCIATE_AC) -> Findings:
    who, items = scene.sender(row.sent), pdu.user_information
    length = find_item(items, MaximumLength)
    if length is None:
        yield scene.note(
            Severity.WARNING,
            "maximum-length-absent",
            "No maximum length is given",
            f"{who} does not say the longest P-DATA-TF it takes; the other side has to guess",
            row=row,
            key=who,
            clause="PS3.8 D.1",
        )
    elif 0 < length.value < 1024:
        yield scene.note(
            Severity.WARNING,
            "maximum-length-tiny",
            "The maximum length is tiny",
            f"{who} takes P-DATA-TF PDUs of at most {length.value:,} bytes: an image becomes thousands of them, and "
            "some systems cannot send so little at a time",
            row=row,
            key=who,
            evidence=f"Maximum Length Received {length.value:,}",
            clause="PS3.8 D.1",
            remedy="Raise the maximum PDU length in its configuration; 16 KiB to 128 KiB are usual.",
        )
    if find_item(items, ImplementationClassUID) is None:
        yield scene.note(
            Severity.WARNING,
            "implementation-absent",
            "No Implementation Class UID",
            f"{who} does not send its Implementation Class UID, which has to be there",
            row=row,
            key=who,
            clause="PS3.7 D.3.3.2",
        )
    name = find_item(items, ImplementationVersionName)
    if name is not None and not 1 <= len(name.name) <= 16:
        yield scene.note(
            Severity.REMARK,
            "implementation-name",
            "The Implementation Version Name has a length that is not allowed",
            f"the Implementation Version Name of {who} has {quantity(len(name.name), 'character')}, not 1 to 16",
            row=row,
            key=who,
            evidence=printable(name.name, 64),
            clause="PS3.7 D.3.3.2",
        )
    for uid, count in Counter(item.sop_class_uid for item in find_items(items, RoleSelection)).items():
        if count > 1:
            yield scene.note(
                Severity.REMARK,
                "role-twice",
                "The roles of a SOP class are given twice",
                f"{who} gives the roles of {named(uid)} {count} times",
                row=row,
                key=who,
                clause="PS3.7 D.3.3.4",
            )


def _identity(scene: Scene, row: MessageRow, request: A_ASSOCIATE_RQ) -> Findings:
    identity = find_item(request.user_information, UserIdentityRQ)
    if identity is None or identity.identity_type == 1:
        return
    # True, False, or None where nobody said.
    encrypted = getattr(scene.conversation.facts, "tls", None)
    if encrypted:
        return
    secret = {2: "passcode", 3: "Kerberos ticket", 4: "SAML assertion", 5: "JSON Web Token"}.get(
        identity.identity_type, "credential"
    )
    yield scene.note(
        Severity.WARNING,
        "identity-in-clear",
        f"A {secret} is sent, readable without TLS",
        f"{scene.requestor} sends a {secret}; unless the connection is encrypted with TLS, everybody on the way can "
        "read it and use it again",
        row=row,
        evidence=f"User Identity, {identity.identity_type_text}; its value is not shown",
        clause="PS3.7 D.3.3.7",
        remedy="Use TLS for this connection, and another passcode from now on if there was none.",
    )


# --------------------------------------------------------------------------- contexts
_WHY: Final = {
    1: "refused by the user",
    2: "refused without a reason",
    3: "abstract syntax not supported",
    4: "none of the transfer syntaxes supported",
}


def _contexts(scene: Scene, row: MessageRow, request: A_ASSOCIATE_RQ, accept: A_ASSOCIATE_AC) -> Findings:
    proposed = {context.context_id: context for context in request.presentation_contexts}
    answered = {context.context_id: context for context in accept.presentation_contexts}
    accepted = [context for context in accept.presentation_contexts if context.result == 0]
    rejected = [
        context for context in accept.presentation_contexts if context.result and context.context_id in proposed
    ]
    reasons = Counter(_WHY.get(context.result, f"result {context.result}") for context in rejected)
    counts = ", ".join(f"{count} × {why}" for why, count in reasons.most_common())
    names = [named(proposed[context.context_id].abstract_syntax) for context in rejected]
    listed = "; ".join(dict.fromkeys(names[:6])) + (" …" if len(names) > 6 else "")
    if proposed and not accepted:
        only_syntaxes = rejected and all(context.result == 4 for context in rejected)
        yield scene.note(
            Severity.ERROR,
            "contexts-none",
            "No presentation context was accepted",
            f"{scene.acceptor} accepted the association but none of the contexts offered ({len(proposed)}): "
            "nothing can be done on it",
            row=row,
            key="syntaxes" if only_syntaxes else "",
            evidence=f"{counts}: {listed}" if counts else "",
            clause="PS3.8 9.3.3.2, Table 9-18",
            remedy=(
                "Offer Implicit VR Little Endian, which everybody takes, or turn the transfer syntax on there."
                if only_syntaxes
                else f"Turn the service on in {scene.acceptor}, or ask another AE title or port of the same system."
            ),
        )
    elif rejected:
        taken = {proposed[context.context_id].abstract_syntax for context in accepted if context.context_id in proposed}
        lost = {proposed[context.context_id].abstract_syntax for context in rejected} - taken
        if lost:
            shown = "; ".join(named(uid) for uid in sorted(lost)[:6]) + (" …" if len(lost) > 6 else "")
            yield scene.note(
                Severity.REMARK,
                "contexts-rejected",
                f"{quantity(len(rejected), 'context')} of {len(proposed)} rejected",
                f"of the SOP classes offered, {scene.acceptor} takes {len(lost)} in no transfer syntax: {shown}",
                row=row,
                evidence=counts,
                clause="PS3.8 9.3.3.2, Table 9-18",
                remedy="Of no consequence as long as the service is not needed.",
            )
    unanswered = [context_id for context_id in proposed if context_id not in answered]
    if unanswered:
        shown = ", ".join(map(str, unanswered[:10])) + (" …" if len(unanswered) > 10 else "")
        yield scene.note(
            Severity.WARNING,
            "contexts-unanswered",
            "Contexts were not answered",
            f"{scene.acceptor} did not answer {quantity(len(unanswered), 'context')} that {scene.requestor} offered; "
            "an A-ASSOCIATE-AC answers each of them",
            row=row,
            evidence=f"Presentation Context ID {shown}",
            clause="PS3.8 9.3.3.2",
        )
    yield None
    for context in accepted:
        offer = proposed.get(context.context_id)
        if offer is not None and context.transfer_syntax not in offer.transfer_syntaxes:
            yield scene.note(
                Severity.ERROR,
                "syntax-not-offered",
                "A transfer syntax was accepted that was not offered",
                f"{scene.acceptor} chose {named(context.transfer_syntax)} in context {context.context_id}, which "
                f"{scene.requestor} did not offer there",
                row=row,
                evidence="offered: " + ", ".join(named(uid) for uid in offer.transfer_syntaxes[:6]),
                clause="PS3.8 9.3.3.2",
                remedy="A fault of the acceptor's negotiation; objects on this context may be unreadable.",
            )
        elif context.transfer_syntax and not context.transfer_syntax.startswith("1.2.840.10008."):
            yield scene.note(
                Severity.REMARK,
                "syntax-private",
                "A private transfer syntax was agreed on",
                f"context {context.context_id} uses the private transfer syntax "
                f"{printable(context.transfer_syntax, 64)}; only systems of the same maker can read it",
                row=row,
                key=context.transfer_syntax,
                clause="PS3.5 Annex A",
            )


def _answers(scene: Scene, row: MessageRow, request: A_ASSOCIATE_RQ, accept: A_ASSOCIATE_AC) -> Findings:
    """Sub-items that answer others."""
    asked = {item.sop_class_uid: item for item in find_items(request.user_information, RoleSelection)}
    for item in find_items(accept.user_information, RoleSelection):
        offer = asked.get(item.sop_class_uid)
        if offer is None or item.scu_role > offer.scu_role or item.scp_role > offer.scp_role:
            yield scene.note(
                Severity.WARNING,
                "role-not-offered",
                "A role was granted that was not asked for",
                f"{scene.acceptor} grants a role for {named(item.sop_class_uid)} that {scene.requestor} did not "
                "propose; it does not count",
                row=row,
                evidence=_roles(item) + (f"; proposed {_roles(offer)}" if offer is not None else "; nothing proposed"),
                clause="PS3.7 D.3.3.4",
            )
    window = find_item(accept.user_information, AsynchronousOperationsWindow)
    offered = find_item(request.user_information, AsynchronousOperationsWindow)
    if window is not None and (
        offered is None or _more(window.invoked, offered.invoked) or _more(window.performed, offered.performed)
    ):
        yield scene.note(
            Severity.WARNING,
            "window-not-offered",
            "A larger asynchronous window was granted than proposed",
            f"{scene.acceptor} answers with an asynchronous operations window that goes beyond the one proposed",
            row=row,
            evidence=f"{window.invoked}/{window.performed}, proposed "
            + (f"{offered.invoked}/{offered.performed}" if offered is not None else "none"),
            clause="PS3.7 D.3.3.3",
        )
    identity = find_item(request.user_information, UserIdentityRQ)
    if (
        identity is not None
        and identity.positive_response_requested
        and find_item(accept.user_information, UserIdentityAC) is None
    ):
        yield scene.note(
            Severity.REMARK,
            "identity-unanswered",
            "The user identity was not confirmed",
            f"{scene.requestor} asked for a confirmation of the user's identity and got none: {scene.acceptor} "
            "probably ignores who the user is",
            row=row,
            clause="PS3.7 D.3.3.7",
        )


def _roles(item: RoleSelection) -> str:
    return f"SCU {int(item.scu_role)}, SCP {int(item.scp_role)}"


def _more(granted: int, offered: int) -> bool:
    """Whether a window goes beyond another; 0 is no limit."""
    return offered != 0 and (granted == 0 or granted > offered)
