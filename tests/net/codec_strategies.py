"""Hypothesis strategies for everything the codec writes: PDUs, items, PDVs, messages; and for bytes gone wrong.

What they make is what we may send. `HYPOTHESIS_PROFILE=thorough` takes fifty times as many examples; give pytest
`-o timeout=0` with it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeAlias

from hypothesis import settings
from hypothesis import strategies as st

from workstation.net.codec.dimse import ELEMENTS, MESSAGES, CommandField, Message, UnknownElement
from workstation.net.codec.field import Field
from workstation.net.codec.pdu import (
    A_ABORT_RQ,
    A_ASSOCIATE_AC,
    A_ASSOCIATE_RJ,
    A_ASSOCIATE_RQ,
    A_RELEASE_RP,
    A_RELEASE_RQ,
    P_DATA_TF,
    PDU,
    PDV,
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

Strategy: TypeAlias = st.SearchStrategy[Any]

THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"


def examples(count: int) -> Callable[[Any], Any]:
    """So many examples as a rule. No deadline: the machine may be busy, and work is bounded by counting it."""
    return settings(max_examples=count * 50 if THOROUGH else count, deadline=None)


# -- values ------------------------------------------------------------------------------------------------------

byte = st.integers(0, 0xFF)
short = st.integers(0, 0xFFFF)
uid = st.text("0123456789.", min_size=1, max_size=64)
ae_title = st.text([chr(code) for code in range(0x21, 0x7F) if chr(code) != "\\"], min_size=1, max_size=16)
blob = st.binary(max_size=200)
context_id = st.integers(0, 127).map(lambda number: number * 2 + 1)

# -- items -------------------------------------------------------------------------------------------------------

# What a type means depends on where it stands: these mean something in the user information, or there and in a context.
USER_ITEM_TYPES = range(0x51, 0x5A)


def unknown_items(*known: int) -> st.SearchStrategy[UnknownItem]:
    """Items of every type but the `known` ones."""
    return st.builds(UnknownItem, byte.filter(lambda item_type: item_type not in known), blob, byte)


def _few(items: st.SearchStrategy[UnknownItem]) -> st.SearchStrategy[tuple[UnknownItem, ...]]:
    return st.lists(items, max_size=2).map(tuple)


USER_ITEMS: dict[type[Any], st.SearchStrategy[UserItem]] = {
    MaximumLength: st.builds(MaximumLength, st.integers(0, 0xFFFFFFFF)),
    ImplementationClassUID: st.builds(ImplementationClassUID, uid),
    AsynchronousOperationsWindow: st.builds(AsynchronousOperationsWindow, short, short),
    RoleSelection: st.builds(RoleSelection, uid, st.booleans(), st.booleans()),
    ImplementationVersionName: st.builds(ImplementationVersionName, ae_title),
    SOPClassExtendedNegotiation: st.builds(SOPClassExtendedNegotiation, uid, blob),
    SOPClassCommonExtendedNegotiation: st.builds(
        SOPClassCommonExtendedNegotiation, uid, uid, st.lists(uid, max_size=4).map(tuple), byte
    ),
    UserIdentityRQ: st.builds(UserIdentityRQ, byte, st.booleans(), blob, blob),
    UserIdentityAC: st.builds(UserIdentityAC, blob),
    UnknownItem: unknown_items(*USER_ITEM_TYPES),
}
user_item: st.SearchStrategy[UserItem] = st.one_of(*USER_ITEMS.values())

in_context = _few(unknown_items(0x30, 0x40))
proposed = st.builds(
    ProposedContext,
    context_id=context_id,
    abstract_syntax=uid,
    transfer_syntaxes=st.lists(uid, min_size=1, max_size=4).map(tuple),
    unknown=in_context,
)
answered = st.builds(AnsweredContext, context_id=context_id, result=byte, transfer_syntax=uid, unknown=in_context)

# -- PDUs --------------------------------------------------------------------------------------------------------


def associate(
    kind: Any,
    context: Strategy,
    user_information: Strategy | None = None,
    unknown: Strategy | None = None,
) -> Strategy:
    """Association requests or answers with contexts of a strategy, whose IDs are made to differ."""
    if user_information is None:
        user_information = st.lists(user_item, max_size=6).map(tuple)
    contexts = st.lists(context, min_size=1, max_size=5, unique_by=lambda one: one.context_id).map(tuple)
    return st.builds(
        kind,
        called_ae_title=ae_title,
        calling_ae_title=ae_title,
        presentation_contexts=contexts,
        user_information=user_information
        if user_information is not None
        else st.lists(user_item, max_size=6).map(tuple),
        application_context_name=uid,
        protocol_version=short,
        reserved=st.binary(min_size=32, max_size=32),
        unknown=unknown if unknown is not None else _few(unknown_items(0x10, 0x20, 0x21, 0x50)),
    )


pdv = st.builds(PDV, context_id, st.booleans(), st.booleans(), blob)
p_data = st.builds(P_DATA_TF, st.lists(pdv, min_size=1, max_size=5).map(tuple))
PDUS: dict[PDUType, Strategy] = {
    PDUType.A_ASSOCIATE_RQ: associate(A_ASSOCIATE_RQ, proposed),
    PDUType.A_ASSOCIATE_AC: associate(A_ASSOCIATE_AC, answered),
    PDUType.A_ASSOCIATE_RJ: st.builds(A_ASSOCIATE_RJ, byte, byte, byte),
    PDUType.P_DATA_TF: p_data,
    PDUType.A_RELEASE_RQ: st.just(A_RELEASE_RQ()),
    PDUType.A_RELEASE_RP: st.just(A_RELEASE_RP()),
    PDUType.A_ABORT: st.builds(A_ABORT_RQ, byte, byte),
}
pdus: st.SearchStrategy[PDU] = st.one_of(*PDUS.values())

# Without what only we keep (items that nobody knows) and without an empty user name, which nobody sends and pynetdicom
# takes for one up to the end of the item.
_known_items = st.lists(
    st.one_of(*(items for kind, items in USER_ITEMS.items() if kind not in (UnknownItem, UserIdentityRQ)))
    | st.builds(UserIdentityRQ, byte, st.booleans(), st.binary(min_size=1, max_size=200), blob),
    max_size=6,
).map(tuple)
_nothing: st.SearchStrategy[tuple[UnknownItem, ...]] = st.just(())
_plain_proposed = st.builds(
    ProposedContext,
    context_id=context_id,
    abstract_syntax=uid,
    transfer_syntaxes=st.lists(uid, min_size=1, max_size=4).map(tuple),
)
_plain_answered = st.builds(AnsweredContext, context_id=context_id, result=byte, transfer_syntax=uid)
KNOWN_PDUS = {
    **PDUS,
    PDUType.A_ASSOCIATE_RQ: associate(A_ASSOCIATE_RQ, _plain_proposed, _known_items, _nothing),
    PDUType.A_ASSOCIATE_AC: associate(A_ASSOCIATE_AC, _plain_answered, _known_items, _nothing),
}

# -- messages ----------------------------------------------------------------------------------------------------

# PS3.5 section 9.1: for those who look at the form of a UID, which we do not
formal_uid = st.lists(st.integers(0, 10**6), min_size=1, max_size=8).map(
    lambda parts: ".".join(map(str, (1, 2, *parts)))
)

_VALUES: dict[str, Strategy] = {
    "US": short,
    "UI": uid,
    "AE": ae_title,
    "LO": st.text("abcdefg -0123456789", max_size=64).map(str.rstrip).filter(bool),
    "AT": st.lists(st.integers(0, 0xFFFFFFFF), max_size=4).map(tuple),
}
RETIRED = [0x0001, 0x0010, 0x0200, 0x0300, 0x0400, 0x0850, 0x0860, 0x4000, 0x51B0]
_unknown_elements = st.lists(
    st.builds(UnknownElement, st.sampled_from(RETIRED), blob), max_size=2, unique_by=lambda one: one.tag
).map(lambda found: tuple(sorted(found, key=lambda one: one.tag)))


@st.composite
def messages_of(draw: st.DrawFn, kind: type[Message], *, formal: bool = False) -> Message:
    """Messages of one class, with a data set or without; optional elements may be absent.

    `formal` ones have UIDs of the right form and no elements that are not their own.
    """
    values: dict[str, Any] = {}
    strategies = {**_VALUES, "UI": formal_uid} if formal else _VALUES
    required = {"MessageID", "MessageIDBeingRespondedTo", *kind.mandatory}
    for keyword, number in kind.elements:
        value = strategies[ELEMENTS[number][0]]
        values[keyword] = draw(value if keyword in required else st.none() | value)
    if not formal:
        values["unknown"] = draw(_unknown_elements)
    values["has_data_set"] = draw(st.booleans())
    return kind(context_id=draw(context_id), **values)


MESSAGES_OF: dict[CommandField, st.SearchStrategy[Message]] = {
    field: messages_of(kind) for field, kind in MESSAGES.items()
}
messages: st.SearchStrategy[Message] = st.one_of(*MESSAGES_OF.values())

# -- bytes gone wrong --------------------------------------------------------------------------------------------

Change: TypeAlias = tuple[str, int, int]
changes: st.SearchStrategy[list[Change]] = st.lists(
    st.tuples(
        st.sampled_from(["overwrite", "cut out", "put in", "cut off", "copy", "swap"]), st.integers(0, 1 << 20), byte
    ),
    min_size=1,
    max_size=6,
)


def mutate(data: bytes, changes: list[Change]) -> bytes:
    """Bytes changed at places that depend on the length."""
    changed = bytearray(data)
    for kind, place, value in changes:
        if not changed:
            break
        index = place % len(changed)
        size = value % 8
        match kind:
            case "overwrite":
                changed[index] = value
            case "cut out":
                del changed[index : index + size]
            case "put in":
                changed[index:index] = bytes([value]) * size
            case "cut off":
                del changed[index:]
            case "copy":  # a field or an item twice
                changed[index:index] = changed[index : index + value]
            case "swap":
                other = (index + value) % len(changed)
                changed[index], changed[other] = changed[other], changed[index]
    return bytes(changed)


def splice(first: bytes, second: bytes, place: int) -> bytes:
    """The beginning of one and the end of another."""
    return first[: place % (len(first) + 1)] + second[place % (len(second) + 1) :]


def length_fields(data: bytes) -> list[tuple[int, int]]:
    """(offset, size) of every length in a PDU, whole PDU, items and what is counted inside them."""
    found = []
    waiting: list[Field] = [dissect_pdu(data)]
    while waiting:
        field = waiting.pop()
        waiting += field.children
        if field.name.endswith(" Length") and not field.children:
            found.append((field.offset, field.length))
    return sorted(found)


def with_length(data: bytes, which: int, value: int) -> bytes:
    """One of the length fields set to a value that is probably wrong."""
    lengths = length_fields(data)
    if not lengths:
        return data
    offset, size = lengths[which % len(lengths)]
    return data[:offset] + (value % (1 << 8 * size)).to_bytes(size, "big") + data[offset + size :]
