"""Help with writing display filters: completion while a person types, and filters made from what a person points at."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from workstation.net.codec.dimse import MESSAGES
from workstation.net.uids import uid_name
from workstation.traffic.conversation import Conversation
from workstation.traffic.filters.fields import (
    FIELDS,
    MESSAGE_NAMES,
    PDU_TYPES,
    FilterField,
    Kind,
    field_named,
    keywords_like,
    operators_of,
    uid_keywords,
)
from workstation.traffic.filters.language import FilterError, Not, Or, Test, Token, parse, quoted, tokens_of
from workstation.traffic.rows import MessageRow, PduRow

__all__ = ["Completion", "combine", "complete", "filter_on", "filter_on_field"]

How = Literal["and", "or", "and not"]

MESSAGE_COLUMNS: Final = ("number", "time", "delta", "name", "context", "status", "detail", "size")
"""The columns of the list of messages, in its order."""
ASSOCIATION_COLUMNS: Final = (
    "number",
    "parties",
    "peer",
    "state",
    "contexts",
    "sent",
    "received",
    "pdus",
    "started",
    "duration",
)
"""The columns of the list of associations, in its order."""

_MOST_OFFERED: Final = 60
_SYNTAXES: Final = "1.2.840.10008.1.2"
_WORD: Final = re.compile(r"[\w.-]*")

_RELATION_HELP: Final = {
    "==": "is",
    "!=": "is there and is not",
    "<": "is less than",
    "<=": "is at most",
    ">": "is more than",
    ">=": "is at least",
    "contains": "has this text in it; upper and lower case are the same",
    "matches": "matches a regular expression",
    "in": "is one of several: {1, 2, 5..9}",
}
_LOGIC_HELP: Final = {"and": "and also", "or": "or instead", "not": "the opposite of what follows"}
_TYPICAL: Final = {
    Kind.SECONDS: (("10 ms", "ten milliseconds"), ("500 ms", "half a second"), ("2 s", "two seconds")),
    Kind.SIZE: (("16 KiB", "16,384 bytes"), ("1 MB", "1,000,000 bytes"), ("1 MiB", "1,048,576 bytes")),
    Kind.FLAG: (("true", "it is so"), ("false", "it is not")),
}


@dataclass(frozen=True, slots=True)
class Completion:
    """What may stand in place of the characters from `start` to `end`."""

    start: int
    end: int
    text: str
    help: str


def complete(text: str, cursor: int, known: Callable[[str], Iterable[str]] | None = None) -> list[Completion]:
    """What may be written at the cursor, the likeliest first.

    Args:
        text: The filter as far as it is typed.
        cursor: Before which character the person types.
        known: For a field's name the values that the traffic has, such as its AE titles.
    """
    cursor = max(0, min(cursor, len(text)))
    before = tokens_of(text[:cursor], lenient=True)
    partial = _partial(before, cursor)
    if partial is not None:
        before = before[:-1]
    start = partial.position if partial is not None else cursor
    end = cursor
    in_quotes = partial is not None and partial.kind == "open text"
    if partial is not None and not in_quotes:
        found = _WORD.match(text, cursor)
        end = found.end() if found is not None else cursor
    elif in_quotes and partial is not None and text[cursor : cursor + 1] == partial.text[:1]:
        end += 1
    typed = "" if partial is None else partial.value if in_quotes else partial.text
    where, field = _place(before)
    if in_quotes and where != "value":
        return []
    offered: Iterator[tuple[str, str]]
    match where:
        case "field":
            offered = _fields(typed)
        case "relation" if field is not None:
            offered = _relations(field)
        case "value" if field is not None:
            offered = _values(field, typed, known)
        case "logic" | "relation":
            offered = ((word, _LOGIC_HELP[word]) for word in ("and", "or"))
        case _:
            return []
    wanted = typed.lower()
    begun: list[Completion] = []
    within: list[Completion] = []
    for word, help_ in offered:
        plain = word.strip('"').lower()
        if plain.startswith(wanted):
            begun.append(Completion(start, end, word, help_))
        elif len(wanted) > 1 and wanted in plain:
            within.append(Completion(start, end, word, help_))
    made = begun + within
    if len(made) == 1 and made[0].text == text[start:end]:
        return []
    return made[:_MOST_OFFERED]


def _partial(before: list[Token], cursor: int) -> Token | None:
    """What is being typed at the cursor, if anything."""
    if not before:
        return None
    last = before[-1]
    if last.kind == "open text":
        return last
    is_word = last.kind in ("word", "number", "moment") or (last.kind in ("logic", "relation") and last.text.isalpha())
    return last if last.end == cursor and is_word else None


def _place(before: list[Token]) -> tuple[str, FilterField | None]:
    """What belongs behind these: "field", "relation", "value", "set" or "logic"; and the field that it is about."""
    where, field = "field", None
    in_set = False
    for token in before:
        match where:
            case "field" if token.kind in ("word", "tag"):
                field = field_named(token.value or token.text)
                where = "relation"
            case "field" if token.kind in ("text", "number", "moment", ")"):
                where = "logic"
            case "relation" if token.kind == "relation":
                where = "value"
            case "value" if token.kind == "{":
                in_set = True
            case "value":
                where = "set" if in_set else "logic"
            case "set" if token.kind in (",", ".."):
                where = "value"
            case "set" if token.kind == "}":
                where, in_set = "logic", False
            case "logic" if token.kind == "..":
                where = "value"
            case "relation" | "logic" if token.kind == "logic":
                where, field = "field", None
            case "relation" if token.kind == ")":
                where = "logic"
    return where, field


def _fields(typed: str) -> Iterator[tuple[str, str]]:
    for field in FIELDS:
        yield field.name, field.help
    yield "not", _LOGIC_HELP["not"]
    if len(typed) > 3 or (len(typed) > 1 and typed[0].isupper()):
        for keyword in keywords_like(typed, 20):
            element = field_named(keyword)
            if element is not None and element.kind is Kind.ELEMENT:
                yield keyword, element.help


def _relations(field: FilterField) -> Iterator[tuple[str, str]]:
    alone = ""
    for relation in operators_of(field):
        if relation:
            yield relation, _RELATION_HELP[relation]
        else:
            alone = field.name
    if alone:
        for word in ("and", "or"):
            yield word, _LOGIC_HELP[word]


def _values(field: FilterField, typed: str, known: Callable[[str], Iterable[str]] | None) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for value in known(field.name) if known is not None else ():
        word = _keyword(value) if field.kind is Kind.UID else value
        if word not in seen:
            seen.add(word)
            yield _written(field, word), uid_name(value) or "seen in this traffic"
    for value in field.values:
        if value not in seen:
            yield _written(field, value), ""
    yield from _TYPICAL.get(field.kind, ())
    if field.kind is Kind.UID and len(typed) > 1:
        for uid, (keyword, name) in uid_keywords().items():
            of_syntaxes = uid == _SYNTAXES or uid.startswith(f"{_SYNTAXES}.")
            if keyword and keyword not in seen and of_syntaxes == (field.name == "transfer_syntax"):
                yield keyword, f"{name} ({uid})"


def _keyword(uid: str) -> str:
    entry = uid_keywords().get(uid)
    return entry[0] if entry is not None and entry[0] else uid


def _written(field: FilterField, value: str) -> str:
    """A value as it stands in a filter: texts in quotes, other words only where they need them."""
    if field.kind in (Kind.TEXT, Kind.ELEMENT) or not re.fullmatch(r"[A-Za-z0-9_][\w.-]*", value):
        return quoted(value)
    return value


# --- filters on what a person points at -----------------------------------------------------------------------------


def filter_on(conversation: Conversation, row: MessageRow | PduRow | None, column: int | str) -> str:
    """The filter that keeps what has the same in a column; "" when a column says nothing to filter on.

    Args:
        conversation: The association.
        row: A row of its messages or PDUs; None for the row of the association itself.
        column: One of `MESSAGE_COLUMNS`, or of `ASSOCIATION_COLUMNS` without a row; by name or place.
    """
    columns = ASSOCIATION_COLUMNS if row is None else MESSAGE_COLUMNS
    if isinstance(column, int):
        if not 0 <= column < len(columns):
            return ""
        column = columns[column]
    if row is None:
        return _on_association(conversation, column)
    if isinstance(row, PduRow):
        if column == "name":
            return f"pdu.type == {row.name if row.pdu_type in PDU_TYPES.values() else row.pdu_type}"
        if column == "size":
            return f"pdu.length == {row.length}"
        if row.message is None:
            return ""
        row = row.message
    return _on_message(conversation, row, column)


def _on_association(conversation: Conversation, column: str) -> str:
    match column:
        case "parties" if conversation.calling or conversation.called:
            pairs = (("calling", conversation.calling), ("called", conversation.called))
            return " and ".join(f"{name} == {quoted(value)}" for name, value in pairs if value)
        case "peer" if conversation.facts.address:
            return f"address == {quoted(conversation.facts.address)}"
        case "state":
            return f"state == {quoted(conversation.state_word)}"
        case "started":
            return f'clock >= "{datetime.fromtimestamp(conversation.start_time):%Y-%m-%d %H:%M:%S}"'
    return f"association == {conversation.number}"


def _on_message(conversation: Conversation, row: MessageRow, column: str) -> str:
    match column:
        case "time":
            # Rounded down, so that the row itself passes.
            return f"time >= {int((row.time - conversation.start_time) * 1000) / 1000:.3f} s"
        case "delta":
            return f"delta >= {int(row.delta * 10_000) / 10:.1f} ms"
        case "name":
            return f"dimse == {row.name if re.fullmatch('[A-Z-]+', row.name) else quoted(row.name)}"
        case "context":
            return f"context == {row.context_id}" if row.context_id else "not dimse"
        case "status":
            return f"status == 0x{row.status:04X}" if row.status is not None else "not status"
        case "detail":
            return _on_detail(row)
        case "size":
            return f"size == {row.size}"
    return f"association == {conversation.number} and number == {row.number}"


def _on_detail(row: MessageRow) -> str:
    if row.problem:
        return f"problem == {quoted(row.problem)}"
    if row.detail_text:
        return f"detail == {quoted(row.detail_text)}"
    if row.error_comment:
        return f"error_comment == {quoted(row.error_comment)}"
    if row.sop_class_uid:
        return f"sop_class == {_uid_written(row.sop_class_uid)}"
    return "not sop_class"


def _uid_written(uid: str) -> str:
    keyword = _keyword(uid)
    return keyword if re.fullmatch(r"[A-Za-z]\w*", keyword) else quoted(uid)


_FIELDS_OF_PDUS: Final = {
    "Called AE Title": "called",
    "Calling AE Title": "calling",
    "Presentation Context ID": "context",
    "Implementation Class UID": "implementation",
    "Implementation Version Name": "implementation",
    "Abstract Syntax Name": "sop_class",
    "Transfer Syntax Name": "transfer_syntax",
}
_OF_COMMAND: Final = {
    "(0000,0002)": "sop_class",
    "(0000,0003)": "sop_class",
    "(0000,0110)": "message_id",
    "(0000,0120)": "message_id",
    "(0000,0900)": "status",
    "(0000,0902)": "error_comment",
    "(0000,1000)": "sop_instance",
    "(0000,1001)": "sop_instance",
    "(0000,1020)": "remaining",
    "(0000,1021)": "completed",
    "(0000,1022)": "failed",
    "(0000,1023)": "warnings",
}
_COMMAND_FIELD: Final = "(0000,0100)"
_TAGGED: Final = re.compile(r"\([0-9A-Fa-f]{4},[0-9A-Fa-f]{4}\)")


def filter_on_field(field_name: str, value: object) -> str:
    """The filter that keeps messages with the same in a decoded field.

    Args:
        field_name: A field's name as it is decoded: "Calling AE Title", "(0010,0020) Patient ID"; or a filter's own.
        value: Its value as it is decoded.
    """
    tag = _TAGGED.match(field_name)
    if tag is not None:
        name = _OF_COMMAND.get(tag[0])
        if tag[0] == _COMMAND_FIELD and isinstance(value, int):
            message = next((message for code, message in MESSAGES.items() if int(code) == value), None)
            if message is not None:
                return f"dimse == {message.__name__.replace('_', '-')}"
        field = field_named(name or tag[0].upper())
    elif field_name == "PDU Type" and isinstance(value, int):
        kind = next((name for name, number in PDU_TYPES.items() if number == value), str(value))
        return f"pdu.type == {kind}"
    elif field_name == "PDU Length" and isinstance(value, int):
        return f"pdu.length == {value + 6}"  # ours has the header in it
    else:
        field = field_named(_FIELDS_OF_PDUS.get(field_name, field_name))
    if isinstance(value, bytes):
        return f'bytes contains "{value[:64].hex(" ")}"' if value else ""
    shown = str(value if value is not None else "")
    if field is None:
        return f"text contains {quoted(shown)}" if shown else ""
    return _on_value(field, shown.removesuffix("…"), cut=shown.endswith("…"))


def _on_value(field: FilterField, shown: str, *, cut: bool) -> str:
    if not shown:
        return field.name
    match field.kind:
        case Kind.STATUS if shown.isdigit():
            return f"{field.name} == 0x{int(shown):04X}"
        case Kind.NUMBER | Kind.SIZE | Kind.SECONDS | Kind.PDU_TYPE | Kind.STATUS:
            return f"{field.name} == {shown}"
        case Kind.UID:
            return f"{field.name} == {_uid_written(shown)}"
        case Kind.MESSAGE if shown in MESSAGE_NAMES:
            return f"{field.name} == {shown}"
        case Kind.BYTES:
            return f"{field.name} contains {quoted(shown)}"
    relation = "contains" if cut or field.name == "text" else "=="
    return f"{field.name} {relation} {quoted(shown)}"


def combine(old: str, new: str, how: How) -> str:
    """Both filters as one.

    Args:
        old: The filter in force; "" for none. One that is broken is left out.
        new: What comes in addition.
        how: "and", "or" or "and not".
    """
    old, new = old.strip(), new.strip()
    try:
        old_tree = parse(old)
    except FilterError:
        return new if how != "and not" else f"not {_tight(new)}"
    if how == "and not":
        addition = f"not {_tight(new)}"
    else:
        addition = f"({new})" if how == "and" and isinstance(parse(new), Or) else new
    if how == "or":
        return old if old == new else f"{old} or {new}"
    if isinstance(old_tree, Or):
        old = f"({old})"
    elif old == addition or old.endswith(f" and {addition}") or old.startswith(f"{addition} and "):
        return old
    return f"{old} and {addition}"


def _tight(text: str) -> str:
    """A filter as it stands behind `not`."""
    return text if isinstance(parse(text), Test | Not) else f"({text})"
