"""The fields of display filters: their names, what they mean, where they are read, which values they take.

`access` is an expression of ours over `row` (a MessageRow) and `conversation`, never text that a person typed. What
has no attribute of its own is read by a function of `filter_reading`. This table is also the help that a person sees.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from functools import cache
from typing import Final

from workstation.net import uids
from workstation.net.codec.dimse import MESSAGES

__all__ = [
    "FIELDS",
    "MESSAGE_NAMES",
    "PDU_TYPES",
    "STATUS_WORDS",
    "FilterField",
    "Guard",
    "Kind",
    "all_names",
    "field_named",
    "keywords_like",
    "operators_of",
    "suggestion",
    "uid_keywords",
    "uids_named",
]


class Kind(Enum):
    """What a field's values are; decides which comparisons and which spellings it takes."""

    NUMBER = "number"
    SECONDS = "duration"
    SIZE = "size"
    MOMENT = "date or time"
    TEXT = "text"
    NAME = "name"
    MESSAGE = "message"
    PDU_TYPE = "PDU type"
    UID = "UID or its name"
    STATUS = "status"
    DIRECTION = "direction"
    FLAG = "yes or no"
    BYTES = "bytes"
    ELEMENT = "element"


class Guard(Enum):
    """When a field "is there"."""

    ALWAYS = "always"
    NOT_NONE = "not None"
    TRUE = "not empty"


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterField:
    """A field.

    Attributes:
        access: expressions; the field has the values of all of them.
        each: an expression over whose elements, called `item`, `access` is taken; "" for the row itself.
        of_association: the same for all rows of a conversation.
        cost: 0 for an attribute, 1 for what must be looked up, 2 for what must be decoded, 3 for a search of bytes.
    """

    name: str
    kind: Kind
    help: str
    access: tuple[str, ...]
    example: str
    guard: Guard = Guard.ALWAYS
    each: str = ""
    of_association: bool = False
    cost: int = 0
    values: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()


MESSAGE_NAMES: Final = tuple(message.__name__.replace("_", "-") for message in MESSAGES.values())
PDU_TYPES: Final = {
    "A-ASSOCIATE-RQ": 1,
    "A-ASSOCIATE-AC": 2,
    "A-ASSOCIATE-RJ": 3,
    "P-DATA-TF": 4,
    "A-RELEASE-RQ": 5,
    "A-RELEASE-RP": 6,
    "A-ABORT": 7,
}
STATUS_WORDS: Final = {
    "success": "Success",
    "pending": "Pending",
    "warning": "Warning",
    "failure": "Failure",
    "cancel": "Cancel",
    "cancelled": "Cancel",
    "unknown": "Unknown",
}
_STATES: Final = tuple(f"Sta{number}" for number in range(1, 14))
_SERVICES: Final = tuple(dict.fromkeys(name.rsplit("-", 1)[0] for name in MESSAGE_NAMES))


def _of_association(
    name: str, kind: Kind, help_: str, access: str | tuple[str, ...], example: str, **more: object
) -> FilterField:
    paths = (access,) if isinstance(access, str) else access
    return FilterField(name=name, kind=kind, help=help_, access=paths, example=example, of_association=True, **more)  # type: ignore[arg-type]


def _of_row(
    name: str, kind: Kind, help_: str, access: str | tuple[str, ...], example: str, **more: object
) -> FilterField:
    paths = (access,) if isinstance(access, str) else access
    return FilterField(name=name, kind=kind, help=help_, access=paths, example=example, **more)  # type: ignore[arg-type]


def _count(name: str, place: int, help_: str) -> FilterField:
    return _of_row(
        name,
        Kind.NUMBER,
        help_,
        f"(row.counts[{place}] if row.counts else None)",
        f"{name} > 0",
        guard=Guard.NOT_NONE,
    )


FIELDS: Final[tuple[FilterField, ...]] = (
    # of the association
    _of_association(
        "association",
        Kind.NUMBER,
        "Number of the association",
        "conversation.number",
        "association == 12",
        aliases=("assoc", "dicom.assoc.id", "tcp.stream"),
    ),
    _of_association(
        "calling",
        Kind.TEXT,
        "Calling AE title: who asked for the association",
        "conversation.calling",
        'calling == "CT1"',
        guard=Guard.TRUE,
        aliases=("calling_ae", "aet", "dicom.assoc.ae.calling", "dicom.assoc.calling"),
    ),
    _of_association(
        "called",
        Kind.TEXT,
        "Called AE title: who was asked",
        "conversation.called",
        'called == "PACS"',
        guard=Guard.TRUE,
        aliases=("called_ae", "aec", "dicom.assoc.ae.called", "dicom.assoc.called"),
    ),
    _of_association(
        "address",
        Kind.TEXT,
        "The peer's address, alone or with its port; in a capture the acceptor's",
        ("conversation.facts.address", "conversation.peer_address"),
        'address == "10.1.2.3"',
        guard=Guard.TRUE,
        aliases=("peer", "ip.addr", "ipv6.addr", "ip.dst", "host"),
    ),
    _of_association(
        "port",
        Kind.NUMBER,
        "The peer's TCP port; in a capture the acceptor's",
        "conversation.facts.port",
        "port == 104",
        guard=Guard.TRUE,
        aliases=("tcp.port", "tcp.dstport"),
    ),
    _of_association(
        "local_address",
        Kind.TEXT,
        "Our address; in a capture the requestor's",
        "conversation.facts.local_address",
        'local_address == "10.1.2.9"',
        guard=Guard.TRUE,
        aliases=("ip.src",),
    ),
    _of_association(
        "local_port",
        Kind.NUMBER,
        "Our TCP port; in a capture the requestor's",
        "conversation.facts.local_port",
        "local_port == 11112",
        guard=Guard.TRUE,
        aliases=("tcp.srcport",),
    ),
    _of_association(
        "state",
        Kind.NAME,
        "The state of PS3.8 it is in, or how it stands in a word",
        ("conversation.state", "conversation.state_word"),
        "state == Sta6",
        values=("Established", "Releasing", "Closed", "Open at the end", *_STATES),
    ),
    _of_association(
        "outcome",
        Kind.NAME,
        "How it ended",
        "conversation.outcome",
        'outcome contains "Aborted"',
        guard=Guard.TRUE,
        values=(
            "Released",
            "Aborted by us",
            "Aborted by the peer",
            "Aborted by the requestor",
            "Aborted by the acceptor",
            "Rejected by us",
            "Rejected by the peer",
            "Rejected by the acceptor",
            "Connection lost",
            "Connection failed",
            "Timed out",
        ),
    ),
    _of_association(
        "end_reason",
        Kind.TEXT,
        "The sentence on how it ended",
        "conversation.end_reason",
        'end_reason contains "timeout"',
        guard=Guard.TRUE,
    ),
    _of_association(
        "mode",
        Kind.NAME,
        "Which side we are; in a capture always requestor",
        "conversation.mode",
        "mode == acceptor",
        guard=Guard.TRUE,
        values=("requestor", "acceptor"),
        aliases=("role",),
    ),
    _of_association(
        "established",
        Kind.FLAG,
        "It was accepted",
        "conversation.established",
        "not established",
    ),
    _of_association(
        "finished",
        Kind.FLAG,
        "Its connection is over",
        "conversation.finished",
        "not finished",
    ),
    _of_association(
        "implementation",
        Kind.TEXT,
        "Implementation version name or class UID of either side",
        (
            "conversation.requestor.implementation_version_name",
            "conversation.acceptor.implementation_version_name",
            "conversation.requestor.implementation_class_uid",
            "conversation.acceptor.implementation_class_uid",
        ),
        'implementation contains "DCMTK"',
        guard=Guard.TRUE,
    ),
    _of_association(
        "remark",
        Kind.TEXT,
        "What the capture lacks of it, in sentences",
        "reading.remarks(conversation)",
        'remark contains "lost"',
        guard=Guard.TRUE,
    ),
    # of the message
    _of_row(
        "number",
        Kind.NUMBER,
        "Number of the row in its association",
        "row.number",
        "number in 10..20",
        aliases=("no", "frame.number"),
    ),
    _of_row(
        "time",
        Kind.SECONDS,
        "Since the association began; a number alone is seconds",
        "row.time - start",
        "time > 2.5 s",
        aliases=("frame.time_relative",),
    ),
    _of_row(
        "clock",
        Kind.MOMENT,
        "When, on this computer's clock: a time of day, a date, or both",
        "row.time",
        "clock >= 13:05",
        cost=1,
        aliases=("frame.time",),
    ),
    _of_row(
        "delta",
        Kind.SECONDS,
        "Since the row before",
        "row.delta",
        "delta > 100 ms",
        aliases=("frame.time_delta",),
    ),
    _of_row(
        "dimse",
        Kind.MESSAGE,
        "Name of the message; a service stands for its request and its response. Alone: a message of DIMSE",
        "row.name",
        "dimse == C-STORE",
        values=(*_SERVICES, *MESSAGE_NAMES),
        aliases=("message", "dicom.pdata.command"),
    ),
    _of_row(
        "direction",
        Kind.DIRECTION,
        "Which way it went",
        "row.sent",
        "direction == received",
        values=("sent", "received", "to-acceptor", "to-requestor"),
    ),
    _of_row(
        "context",
        Kind.NUMBER,
        "Presentation Context ID",
        "row.context_id",
        "context == 3",
        guard=Guard.TRUE,
        aliases=("dicom.pctx.id", "dicom.pdv.ctx"),
    ),
    _of_row(
        "sop_class",
        Kind.UID,
        "Affected or Requested SOP Class, by UID, keyword or name",
        "row.sop_class_uid",
        "sop_class == CTImageStorage",
        guard=Guard.TRUE,
        aliases=("abstract_syntax",),
    ),
    _of_row(
        "sop_instance",
        Kind.TEXT,
        "Affected or Requested SOP Instance UID",
        "reading.sop_instance(row)",
        'sop_instance == "1.2.840.1"',
        guard=Guard.TRUE,
        cost=2,
    ),
    _of_row(
        "transfer_syntax",
        Kind.UID,
        "Transfer syntax of its context, by UID, keyword or name",
        "row.transfer_syntax",
        "transfer_syntax == JPEGBaseline8Bit",
        guard=Guard.TRUE,
        aliases=("dicom.pctx.xfer.syntax",),
    ),
    _of_row(
        "message_id",
        Kind.NUMBER,
        "Message ID, or Message ID Being Responded To",
        "row.message_id",
        "message_id == 7",
        guard=Guard.NOT_NONE,
    ),
    _of_row(
        "request",
        Kind.NUMBER,
        "Number of the row that it answers or cancels",
        "row.request",
        "request == 3",
        guard=Guard.TRUE,
    ),
    _of_row(
        "status",
        Kind.STATUS,
        "Status of a response: a number, four digits as the standard writes them, or a word. "
        "A row without a status passes no test of it but not status",
        "row.status",
        "status != 0",
        guard=Guard.NOT_NONE,
        values=("success", "pending", "warning", "failure", "cancel", "0xA700", "0xC000", "0x0122"),
        aliases=("dicom.status",),
    ),
    _of_row(
        "error_comment",
        Kind.TEXT,
        "Error Comment of a response",
        "row.error_comment",
        'error_comment contains "disk"',
        guard=Guard.TRUE,
    ),
    _of_row(
        "detail",
        Kind.TEXT,
        "What the Detail column says of it, problems apart",
        "row.detail",
        'detail contains "accepted"',
        guard=Guard.TRUE,
        cost=1,
    ),
    _of_row(
        "problem",
        Kind.TEXT,
        "What is wrong with it",
        "row.problem",
        "problem",
        guard=Guard.TRUE,
    ),
    _of_row("complete", Kind.FLAG, "All of it has arrived", "row.complete", "not complete"),
    _of_row("size", Kind.SIZE, "Bytes of all its PDUs", "row.size", "size > 1 MB"),
    _of_row(
        "data_size",
        Kind.SIZE,
        "Bytes of its data set",
        "row.data_size",
        "data_size > 512 KiB",
        guard=Guard.TRUE,
    ),
    _of_row(
        "duration",
        Kind.SECONDS,
        "From its first PDU to its last",
        "row.end_time - row.time",
        "duration > 1 s",
    ),
    _of_row(
        "response_time",
        Kind.SECONDS,
        "From the end of the request to this response",
        "row.response_time",
        "response_time > 500 ms",
        guard=Guard.NOT_NONE,
    ),
    _count("remaining", 0, "Remaining sub-operations of a C-GET or C-MOVE response"),
    _count("completed", 1, "Completed sub-operations of a C-GET or C-MOVE response"),
    _count("failed", 2, "Failed sub-operations of a C-GET or C-MOVE response"),
    _count("warnings", 3, "Sub-operations with a warning of a C-GET or C-MOVE response"),
    # of its PDUs
    _of_row(
        "pdu.type",
        Kind.PDU_TYPE,
        "Type of its PDUs, by name or number",
        "(row.pdus[0].pdu_type if row.pdus else 0)",
        "pdu.type == A-ABORT",
        guard=Guard.TRUE,
        values=tuple(PDU_TYPES),
        aliases=("pdu", "dicom.pdu.type", "pdu_type"),
    ),
    _of_row(
        "pdu.length",
        Kind.SIZE,
        "Bytes of any of its PDUs, header included",
        "item.length",
        "pdu.length > 128 KiB",
        each="row.pdus",
        cost=1,
        aliases=("dicom.pdu.len", "dicom.pdu.length", "pdu_length"),
    ),
    _of_row(
        "pdu.count",
        Kind.NUMBER,
        "How many PDUs carried it",
        "len(row.pdus) + row.omitted",
        "pdu.count > 10",
        aliases=("pdu_count",),
    ),
    # searches
    _of_row(
        "text",
        Kind.TEXT,
        "Anything shown of the row, and what is kept of its bytes, read as text; case does not count. "
        "A text in quotes alone means this. Looks through 16 MiB of a message; matches through its first 16 KiB",
        "",
        'text contains "DOE"',
        cost=3,
    ),
    _of_row(
        "bytes",
        Kind.BYTES,
        "Bytes in what is kept of its PDUs, in hexadecimal digits; looks through 16 MiB of a message",
        "",
        'bytes contains "10 00 20 00"',
        cost=3,
    ),
)

_BY_NAME: Final = {name: field for field in FIELDS for name in (field.name, *field.aliases)}

_ORDERED: Final = (Kind.NUMBER, Kind.SECONDS, Kind.SIZE, Kind.MOMENT, Kind.STATUS, Kind.ELEMENT)
_WORDY: Final = (Kind.TEXT, Kind.NAME, Kind.UID, Kind.ELEMENT, Kind.MESSAGE)


def operators_of(field: FilterField) -> tuple[str, ...]:
    """The relations that a field takes; "" is the field alone."""
    if field.kind is Kind.BYTES:
        return ("contains",)
    if field.name == "text":
        return ("contains", "matches")
    if field.kind is Kind.FLAG:
        return ("", "==", "!=")
    if field.kind is Kind.DIRECTION:
        return ("==", "!=")
    relations = ["", "==", "!="]
    if field.kind in _ORDERED:
        relations += ["<", "<=", ">", ">="]
    if field.kind in _WORDY:
        relations += ["contains", "matches"]
    return (*relations, "in")


def field_named(name: str) -> FilterField | None:
    """The field of that name, or the element with that DICOM keyword or tag "(0010,0020)"."""
    field = _BY_NAME.get(name.lower())
    if field is not None:
        return field
    tag = _tag_of(name)
    return _element(tag) if tag is not None else None


def _tag_of(name: str) -> int | None:
    if name.startswith("("):
        return int(name[1:5] + name[6:10], 16)
    if not name[:1].isupper() or "." in name:
        return None
    from pydicom.datadict import tag_for_keyword

    return tag_for_keyword(name)


@cache
def _element(tag: int) -> FilterField:
    from pydicom.datadict import dictionary_description, keyword_for_tag

    shown = f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
    try:
        description = dictionary_description(tag)
    except KeyError:
        description = "Private data element" if tag >> 16 & 1 else "Data element"
    return FilterField(
        name=keyword_for_tag(tag) or f"tag{shown}",
        kind=Kind.ELEMENT,
        help=f"{description} {shown}, at any depth of the data set or in the command set",
        access=(f"reading.element(row, {tag})",),
        example=f'tag{shown} == "..."',
        cost=2,
    )


def suggestion(wrong: str, right: Iterator[str] | tuple[str, ...] | list[str]) -> str:
    """` Do you mean X?` for the nearest of the right words, "" when none is near."""
    by_lower = {word.lower(): word for word in right}
    near = get_close_matches(wrong.lower()[:64], by_lower, n=1, cutoff=0.6)
    return f" Do you mean {by_lower[near[0]]}?" if near else ""


@cache
def _keywords() -> tuple[str, ...]:
    from pydicom.datadict import keyword_dict

    return tuple(sorted(filter(None, keyword_dict)))


def keywords_like(beginning: str, most: int) -> list[str]:
    """DICOM keywords that begin so, whatever the case, and behind them those that have it within."""
    wanted = beginning.lower()
    begun = [keyword for keyword in _keywords() if keyword.lower().startswith(wanted)]
    if len(begun) < most and len(wanted) > 3:
        begun += [keyword for keyword in _keywords() if wanted in keyword.lower()[1:] and keyword not in begun]
    return begun[:most]


def all_names() -> list[str]:
    """The names of all fields, without those of elements."""
    return list(_BY_NAME)


# --- UIDs by name ---------------------------------------------------------------------------------------------------


@cache
def uid_keywords() -> dict[str, tuple[str, str]]:
    """Of each UID of the standard its keyword and its name."""
    from pydicom._uid_dict import UID_dictionary

    known = {uid: (entry[4], entry[0]) for uid, entry in UID_dictionary.items()}
    for uid, entry in uids.MISSING_IN_PYDICOM.items():
        known.setdefault(uid, (str(entry[-1]), str(entry[0])))
    return known


@cache
def _uids_by_name() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for uid, (keyword, name) in uid_keywords().items():
        for text in (keyword, name):
            found.setdefault(_squeezed(text), set()).add(uid)
    for table in (uids.VERIFICATION, uids.STORAGE):
        for keyword, uid in table.items():
            found.setdefault(_squeezed(keyword), set()).add(uid)
    found.pop("", None)
    return {name: frozenset(those) for name, those in found.items()}


def _squeezed(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())


def uids_named(name: str) -> frozenset[str]:
    """The UIDs with that keyword or name; spaces, marks and case do not count. Empty when there is none."""
    wanted = _squeezed(name)
    by_name = _uids_by_name()
    return by_name.get(wanted) or by_name.get(wanted + "sopclass") or by_name.get(wanted + "storage") or frozenset()
