"""What it takes to ask again for what was asked in an association: who, where, on which context, with which data set.

A row that is no request leads to one: a response to what it answers, C-CANCEL-RQ to what it cancels, an object that
came during a C-GET to the C-GET. What cannot be repeated as it was is said in `remarks`, in words that are all ours:
they become comments of scripts. Knows rows, neither shells nor Python's syntax.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from workstation.net.codec.dimse import Message
from workstation.net.codec.pdu import (
    A_ASSOCIATE_RQ,
    AsynchronousOperationsWindow,
    RoleSelection,
    SOPClassCommonExtendedNegotiation,
    SOPClassExtendedNegotiation,
    UserIdentityRQ,
    decode_pdu,
    find_item,
)
from workstation.net.errors import RemoteProtocolError
from workstation.traffic.contexts import ContextRow
from workstation.traffic.conversation import Conversation
from workstation.traffic.decoding.objects import ObjectError, data_set_reader
from workstation.traffic.rows import MessageRow, PduRow

__all__ = ["Repeatable", "harmless", "repeatable"]

_PORT = 104
_HOST = "PEER"
_NOT_HARMLESS = re.compile(r"[^A-Za-z0-9 .,:/_-]+")
# Scripts are read and mailed by people; more than that belongs in a file.
MOST_INLINE = 64 << 10
# Rows, for the one that a request belongs to.
_LOOKED_AT = 5000


def harmless(text: str, limit: int = 300) -> str:
    """A text of letters, digits and a few signs: nothing in it ends a comment or means anything to a shell.

    In particular to one that takes `#` for a command, as zsh does with what is pasted.
    """
    return _NOT_HARMLESS.sub(" ", text[:limit]).strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeatable:
    """A request to be made again.

    Attributes:
        name: of the message, "C-FIND-RQ"; of the association alone "A-ASSOCIATE-RQ".
        message: None if only the association can be, or shall be, opened again.
        calling: our AE title.
        called: the peer's.
        host: the peer's address, "PEER" where it is not known.
        port: the peer's port; 104 where it is not known.
        context: on which it was made.
        contexts: all that were proposed.
        data: the request's data set, None where it has none or not all of it is kept.
        has_data_set: whether there was one.
        roles: SOP Class UID, SCU role, SCP role as they were proposed.
        ends_with_abort: the association was to be aborted.
        from_acceptor: it came from the side that was asked.
        remarks: what is not as it was.
    """

    name: str = "A-ASSOCIATE-RQ"
    message: Message | None = None
    calling: str = ""
    called: str = ""
    host: str = _HOST
    port: int = _PORT
    context: ContextRow | None = None
    contexts: tuple[ContextRow, ...] = ()
    data: bytes | None = field(default=None, repr=False)
    has_data_set: bool = False
    roles: tuple[tuple[str, bool, bool], ...] = ()
    ends_with_abort: bool = False
    from_acceptor: bool = False
    remarks: tuple[str, ...] = ()

    @property
    def service(self) -> str:
        """The message's name without its ending: "C-FIND"; "" of an association."""
        return self.name.rpartition("-")[0] if self.message is not None else ""

    @property
    def transfer_syntax(self) -> str:
        """Of the context."""
        return self.context.transfer_syntax if self.context is not None else ""


def repeatable(conversation: Conversation, row: MessageRow | PduRow | None) -> Repeatable:
    """What to ask so that what a row shows happens again; without a row the first request of the association."""
    remarks: list[str] = []
    host, port = _acceptor_of(conversation, remarks)
    base = Repeatable(
        calling=conversation.calling,
        called=conversation.called,
        host=host,
        port=port,
        contexts=tuple(conversation.contexts.values()),
        roles=_negotiated(conversation, remarks),
    )
    message_row = row.message if isinstance(row, PduRow) else row
    if row is None:
        message_row = next((one for one in conversation.rows[:_LOOKED_AT] if _is_request(conversation, one)), None)
    request = _request_of(conversation, message_row, remarks) if message_row is not None else None
    message = request.message if request is not None else None
    if request is None or message is None:
        aborted = message_row is not None and message_row.name == "A-ABORT"
        return replace(base, ends_with_abort=aborted, remarks=tuple(remarks))
    context = conversation.contexts.get(request.context_id)
    if context is None:
        remarks.append("The negotiation was not seen, so the context is a guess")
        syntax = request.transfer_syntax or "1.2.840.10008.1.2"
        context = ContextRow(1, request.sop_class_uid, (syntax,), 0, syntax)
    data, missing = _data_set(request, has_one=message.has_data_set)
    if missing:
        remarks.append(missing)
    from_acceptor = not _from_requestor(conversation, request)
    if from_acceptor:
        remarks.append(
            "This request came from the side that had been asked. It is made over an association of its own, "
            "whose other end listens on a port that traffic does not tell"
        )
        facts = conversation.facts
        as_requestor = conversation.mode == "requestor"
        host = (facts.local_address if as_requestor else facts.address) or _HOST
        base = replace(base, host=host, port=_PORT, calling=base.called, called=base.calling)
    return replace(
        base,
        name=request.name,
        message=message,
        context=context,
        data=data,
        has_data_set=message.has_data_set,
        from_acceptor=from_acceptor,
        remarks=tuple(remarks),
    )


def _acceptor_of(conversation: Conversation, remarks: list[str]) -> tuple[str, int]:
    """Where the acceptor listens: the peer, or we."""
    facts = conversation.facts
    if conversation.mode == "acceptor":
        host, port = facts.local_address, facts.local_port
    else:
        host, port = facts.address, facts.port
    if not host or not port:
        remarks.append("The address is not known")
    return host or _HOST, port or _PORT


def _from_requestor(conversation: Conversation, row: MessageRow) -> bool:
    return row.sent == (conversation.mode != "acceptor")


def _is_request(conversation: Conversation, row: MessageRow) -> bool:
    return row.is_dimse and row.name.endswith("-RQ") and _from_requestor(conversation, row)


def _request_of(conversation: Conversation, row: MessageRow, remarks: list[str]) -> MessageRow | None:
    if not row.is_dimse:
        return None
    message = row.message
    if message is None:
        remarks.append("The command set cannot be read, so only the association is opened again")
        return None
    if row.name == "C-CANCEL-RQ" or not message.is_request:
        kind = "cancelled" if message.is_request else "answered"
        found = _row(conversation, row.request)
        if found is None:
            remarks.append(f"The request that it {kind} is not kept, so only the association is opened again")
            return None
        remarks.append(f"Row {row.number} is no request to be made alone. What it {kind} is row {found.number}")
        return found
    if row.name == "C-STORE-RQ" and not _from_requestor(conversation, row):
        place = conversation.index_of(row.number)
        for earlier in reversed(conversation.rows[max(place - _LOOKED_AT, 0) : place]):
            if earlier.name == "C-GET-RQ":
                remarks.append(f"Row {row.number} came because of row {earlier.number}, which is what is repeated")
                return earlier
    return row


def _row(conversation: Conversation, number: int) -> MessageRow | None:
    place = conversation.index_of(number)
    return conversation.rows[place] if number and 0 <= place < len(conversation.rows) else None


def _data_set(row: MessageRow, *, has_one: bool) -> tuple[bytes | None, str]:
    """The data set as a whole if it is here and small; why not."""
    if not has_one:
        return None, ""
    if not row.complete or row.omitted:
        return None, "Its data set is not complete in the traffic that is kept"
    if row.data_size > MOST_INLINE:
        return None, ""
    try:
        with data_set_reader(row) as file:
            data = file.read()
    except ObjectError:
        data = b""
    if len(data) != row.data_size:
        return None, "Its data set is not complete in the traffic that is kept"
    return data, ""


def _negotiated(conversation: Conversation, remarks: list[str]) -> tuple[tuple[str, bool, bool], ...]:
    """The roles that were proposed; what else was negotiated is said, for nobody repeats it."""
    for row in conversation.rows[:4]:
        if row.name != "A-ASSOCIATE-RQ" or not row.pdus or row.pdus[0].cut:
            continue
        try:
            pdu = decode_pdu(row.pdus[0].data)
        except RemoteProtocolError:
            return ()
        if not isinstance(pdu, A_ASSOCIATE_RQ):
            return ()
        items = pdu.user_information
        if find_item(items, UserIdentityRQ) is not None:
            remarks.append("The user identity that was sent is not repeated: passcodes are not copied")
        window = find_item(items, AsynchronousOperationsWindow)
        if window is not None:
            remarks.append("The asynchronous operations window that was proposed is not repeated")
        if find_item(items, SOPClassExtendedNegotiation) or find_item(items, SOPClassCommonExtendedNegotiation):
            remarks.append("The SOP class extended negotiation is not repeated")
        roles = [item for item in items if isinstance(item, RoleSelection)]
        return tuple((item.sop_class_uid, bool(item.scu_role), bool(item.scp_role)) for item in roles)
    return ()
