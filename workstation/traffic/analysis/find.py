"""Searching traffic: bytes in what the Bytes pane shows of a message, words in its decoded fields.

A search is a generator that yields a hit, or None between small steps, so that a window can look through a whole log
in slices of its time. What is searched is what is shown: passcodes are asterisks here too, and bytes that were let go
are not there. Knows rows, nothing of views.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from workstation.net.codec.field import Field
from workstation.traffic.conversation import Conversation
from workstation.traffic.decoding.dissect import MAX_BYTES, dissect
from workstation.traffic.decoding.field_text import uid_of, value_text
from workstation.traffic.rows import MessageRow

__all__ = ["FindError", "Hit", "Needle", "Words", "find_bytes", "find_fields", "find_in_bytes", "find_in_fields"]

_BLOCK = 512 << 10
_STEPS = 200
# Of each message, when many are looked through: what fits in a few milliseconds.
_MOST_ELEMENTS = 600
_HEX_NOISE = re.compile(r"0x|\\x|[\s:,;-]", re.IGNORECASE)

Place = tuple[int, ...]
"""Of bytes their offset, of a field the way to it."""


class FindError(ValueError):
    """A sentence on why nothing can be searched for."""


class Hit(NamedTuple):
    """Something found."""

    conversation: Conversation
    row: MessageRow
    place: Place
    """In the dissection of the row."""
    length: int = 0
    """Of bytes."""

    @property
    def key(self) -> tuple[int, int, Place]:
        """Orders hits as they stand in the log."""
        return self.conversation.number, self.row.number, self.place


@dataclass(frozen=True, slots=True)
class Needle:
    """Bytes to look for.

    Attributes:
        patterns: any of them.
        fold: whether ASCII letters of either case are the same.
    """

    patterns: tuple[bytes, ...]
    fold: bool = False

    @classmethod
    def of_text(cls, text: str, *, case: bool = False) -> Needle:
        """The bytes of a text in UTF-8 and, where it has them, in Latin-1.

        Raises:
            FindError: There is no text.
        """
        if not text:
            raise FindError("Type what to look for")
        forms = [text] if case else [text, text.lower(), text.upper()]
        patterns: dict[bytes, None] = {}
        for form in forms:
            for encoding in ("utf-8", "latin-1"):
                try:
                    pattern = form.encode(encoding)
                except UnicodeEncodeError:
                    continue
                patterns[pattern if case else pattern.lower()] = None
        if not patterns:
            raise FindError("This text has no bytes to look for")
        return cls(tuple(patterns), fold=not case)

    @classmethod
    def of_hex(cls, text: str) -> Needle:
        """Bytes as hexadecimal digits, however they are set apart: "04 00", "0400", "0x04,0x00".

        Raises:
            FindError: They are none.
        """
        digits = _HEX_NOISE.sub("", text)
        if not digits:
            raise FindError("Type bytes like 08 00 05 00")
        wrong = re.search(r"[^0-9a-fA-F]", digits)
        if wrong is not None:
            raise FindError(f"“{wrong.group()}” is no hexadecimal digit")
        if len(digits) % 2:
            raise FindError("A byte has two digits: one is missing")
        return cls((bytes.fromhex(digits),))

    @property
    def longest(self) -> int:
        """Bytes of its longest pattern."""
        return max(map(len, self.patterns))

    def places(self, data: bytes, start: int = 0) -> Iterator[tuple[int, int]]:
        """Offset and length of each occurrence from `start`, in order; those of one pattern do not overlap."""
        searched = data.lower() if self.fold else data
        if len(self.patterns) == 1:
            yield from _occurrences(searched, self.patterns[0], start)
            return
        found: dict[int, int] = {}
        for pattern in self.patterns:
            for offset, length in _occurrences(searched, pattern, start):
                found[offset] = max(length, found.get(offset, 0))
        yield from sorted(found.items())


def _occurrences(data: bytes, pattern: bytes, start: int) -> Iterator[tuple[int, int]]:
    offset = data.find(pattern, start)
    while offset >= 0:
        yield offset, len(pattern)
        offset = data.find(pattern, offset + len(pattern))


@dataclass(frozen=True, slots=True)
class Words:
    """Words to look for in the names and values of fields."""

    text: str
    case: bool = False

    @classmethod
    def of_text(cls, text: str, *, case: bool = False) -> Words:
        """The words as they were typed.

        Raises:
            FindError: There are none.
        """
        if not text.strip():
            raise FindError("Type what to look for")
        return cls(text if case else text.casefold(), case)

    def are_in(self, field: Field) -> bool:
        """Whether a field's line has them."""
        line = f"{field.name}: {value_text(field)} {uid_of(field)}"
        return self.text in (line if self.case else line.casefold())


# --------------------------------------------------------------------------- bytes
def find_in_bytes(data: bytes, needle: Needle) -> Iterator[tuple[int, int] | None]:
    """Offset and length of each occurrence; None between steps."""
    step = max(_BLOCK, needle.longest)
    pieces = (data[start : start + step] for start in range(0, len(data), step))
    return _search(pieces, needle)


def find_bytes(conversations: Iterable[Conversation], needle: Needle) -> Iterator[Hit | None]:
    """Each occurrence in the messages of some associations, in order; None between steps.

    A place counts in the dissection of the message: command set and data set joined, or the PDU of association control.
    """
    for conversation, row in _rows(conversations):
        yield None
        for found in _search(_pieces(row, needle), needle):
            yield None if found is None else Hit(conversation, row, (found[0],), found[1])


def _search(pieces: Iterable[bytes], needle: Needle) -> Iterator[tuple[int, int] | None]:
    """Occurrences in pieces that lie one behind the other, also across their borders."""
    overlap = needle.longest - 1
    tail, base, end = b"", 0, 0
    for piece in pieces:
        block = tail + piece if tail else piece
        for offset, length in needle.places(block, max(end - base, 0)):
            # A longer pattern may have found what a shorter one finds in the middle of it.
            if base + offset >= end:
                end = base + offset + length
                yield base + offset, length
        kept = min(overlap, len(block))
        tail = block[len(block) - kept :] if kept else b""
        base += len(block) - kept
        yield None


def _pieces(row: MessageRow, needle: Needle) -> Iterator[bytes]:
    """What the Bytes pane shows of a message, as far as it is kept."""
    if not row.is_dimse:
        pdu = row.pdus[0] if row.pdus else None
        if pdu is None:
            return
        # Passcodes are found by dissecting, which is slow: only for a PDU that seems to have what is looked for.
        if next(needle.places(pdu.data), None) is not None:
            yield dissect(pdu).data
        return
    left = MAX_BYTES
    for command in (True, False):
        joined: list[bytes] = []
        size = 0
        for fragment in row.fragments(command=command):
            if fragment.pdu.lost and fragment.pdu is not row.pdus[0]:
                break
            piece = fragment.pdu.data[fragment.offset : fragment.offset + min(fragment.length, left)]
            joined.append(piece)
            size += len(piece)
            left -= len(piece)
            if size >= _BLOCK:
                yield b"".join(joined)
                joined, size = [], 0
            if len(piece) < fragment.length or left <= 0:
                left = 0
                break
        if joined:
            yield b"".join(joined)
        if left <= 0:
            return


def _rows(conversations: Iterable[Conversation]) -> Iterator[tuple[Conversation, MessageRow]]:
    """The messages of associations, which may grow and lose rows meanwhile."""
    for conversation in conversations:
        number = conversation.trimmed + 1
        while True:
            place = conversation.index_of(number)
            if place < 0:
                number, place = conversation.trimmed + 1, 0
            if place >= len(conversation.rows):
                break
            yield conversation, conversation.rows[place]
            number += 1


# --------------------------------------------------------------------------- fields
def find_in_fields(fields: tuple[Field, ...], words: Words) -> Iterator[Place | None]:
    """The way to each field that has the words, in the order of the tree; None between steps."""
    stack: list[tuple[Place, Field]] = [((place,), field) for place, field in enumerate(fields)]
    stack.reverse()
    count = 0
    while stack:
        path, field = stack.pop()
        if words.are_in(field):
            yield path
        children = field.children
        if children and children[0].name == "Tag":
            children = ()  # tag, length and value of a command element, which its own line says
        stack.extend(((*path, place), children[place]) for place in range(len(children) - 1, -1, -1))
        count += 1
        if count % _STEPS == 0:
            yield None


def find_fields(conversations: Iterable[Conversation], words: Words) -> Iterator[Hit | None]:
    """Each field of the messages of some associations that has the words, in order; None between steps."""
    for conversation, row in _rows(conversations):
        yield None
        if not row.pdus:
            continue
        for path in find_in_fields(dissect(row, _MOST_ELEMENTS).fields, words):
            yield None if path is None else Hit(conversation, row, path)
