"""Reading PDU fields one after the other, and, for those who want to see, where each one was.

The decoders of `pdu` and `pdu_items` read through a `Cursor`. The same decoders with a `TracingCursor` leave
a tree of `Field`: one truth for the engine and for the person who looks at the bytes. All PDU fields are
big-endian (PS3.8 section 9.3.1). Knows the shape of an item's header, but no item.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from struct import Struct
from typing import Generic, NamedTuple, TypeVar

from workstation.net.codec.field import Field
from workstation.net.codec.wire_text import ae_title_of, text_of, uid_of
from workstation.net.errors import AbortReason, RemoteProtocolError
from workstation.net.uids import uid_name

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_ITEM_HEADER = Struct(">BBH")
_NOT_DECODED = "Not Decoded"
_NO_SUMMARY = frozenset({"Item Type", "Item Length", "Reserved", _NOT_DECODED})


MAXIMUM_ITEMS = 16384
"""Items in one PDU. 128 contexts with 60 transfer syntaxes each are half of it; a mebibyte of empty ones is not."""

_SHORT = 512
"""Bytes of an item that is remembered at most: a presentation context with a dozen transfer syntaxes."""

MAXIMUM_TRACED_PARTS = 20_000
"""Parts that a trace keeps apart; what follows is shown as one field."""


class Cursor:
    """Reads the fields of a buffer in order; every read past the end is the peer's error."""

    __slots__ = ("_data", "_end", "_items", "_offset")

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._offset = 0
        self._end = len(data)
        self._items = 0

    @property
    def remaining(self) -> int:
        """How many bytes are left in the innermost bounded part."""
        return self._end - self._offset

    def number(self, name: str, size: int, meaning: Callable[[int], str] | None = None) -> int:
        """An unsigned number of `size` bytes."""
        value = int.from_bytes(self._take(name, size), "big")
        self._note(name, size, value, meaning)
        return value

    def uid(self, name: str, length: int) -> str:
        """A UID without trailing NULs and spaces; its form is not tested."""
        value = uid_of(self._take(name, length))
        self._note(name, length, value, uid_name)
        return value

    def ae_title(self, name: str) -> str:
        """A 16-byte AE title, cut at its first NUL and stripped of spaces."""
        value = ae_title_of(self._take(name, 16))
        self._note(name, 16, value)
        return value

    def text(self, name: str, length: int) -> str:
        """Text without trailing NULs and spaces."""
        value = text_of(self._take(name, length)).rstrip("\0 ")
        self._note(name, length, value)
        return value

    def octets(self, name: str, length: int, *, hidden: bool = False, shown: bool = True) -> bytes:
        """Bytes as they are. `hidden` keeps a secret, and `shown=False` a bulk, out of the trace."""
        value = bytes(self._take(name, length))
        if hidden:
            self._note(name, length, f"hidden ({length} bytes)")
        elif shown:
            self._note(name, length, value)
        else:
            self._note(name, length, None, lambda _: f"{length} bytes")
        return value

    def reserved(self, length: int) -> None:
        """Bytes that the standard reserves and forbids to test."""
        self.octets("Reserved", length)

    def item_header(self) -> tuple[int, int, int]:
        """Item type, the byte after it, item length: read at once, for an association may have hundreds."""
        start = self._offset
        self._take("Item Header", 4)
        item_type, second, length = _ITEM_HEADER.unpack_from(self._data, start)
        return item_type, second, length

    def enter(self, length: int, name: str) -> int:
        """Bounds the reads that follow to `length` bytes; returns what `leave` wants back."""
        outer = self._end
        stop = self._offset + length
        if stop > outer:
            self.complain(f"{name}: its length is {length}, but {self.remaining} bytes are left")
            stop = outer
        self._end = stop
        return outer

    def leave(self, outer: int, name: str) -> None:
        """Ends a bounded part, which must have been read whole."""
        if self._offset != self._end:
            raise RemoteProtocolError(f"{name}: {self.remaining} bytes too many")
        self._end = outer

    def part(self, name: str, decode: Callable[[Cursor], T], found: list[T]) -> None:
        """Decodes one part that has its own length and appends it to `found`."""
        found.append(decode(self))

    def items(self, kinds: Mapping[int, ItemKind[T]], other: ItemKind[T]) -> list[T]:
        """Decodes items until the bounds are reached; a type that is not in `kinds` is of kind `other`."""
        found: list[T] = []
        while self._offset < self._end:
            self.count()
            self.item(kinds.get(self._data[self._offset], other), found)
        return found

    def item(self, kind: ItemKind[T], found: list[T]) -> None:
        """Decodes one item and appends it to `found`."""
        if kind.recurs:
            start = self._offset
            stop = start + 4 + int.from_bytes(self._data[start + 2 : start + 4], "big")
            if stop <= self._end and stop - start <= _SHORT:
                item, inside = _decode_recurring(kind, bytes(self._data[start:stop]))
                self._offset = stop
                self.count(inside)
                found.append(item)
                return
        found.append(_decode_item(kind, self))

    def count(self, more: int = 1) -> None:
        """Counts items, and entries of a list inside one, so that no PDU costs more than some work."""
        self._items += more
        if self._items > MAXIMUM_ITEMS:
            raise RemoteProtocolError(f"the PDU has more than {MAXIMUM_ITEMS} items")

    def complain(self, problem: str, reason: AbortReason = AbortReason.INVALID_PDU_PARAMETER_VALUE) -> None:
        """Something is wrong, but what follows can still be read by one who only looks."""
        raise RemoteProtocolError(problem, reason)

    def _take(self, name: str, length: int) -> memoryview:
        start = self._offset
        stop = start + length
        if stop > self._end:
            raise RemoteProtocolError(f"{name}: {length} bytes expected, {self._end - start} are left")
        self._offset = stop
        return self._data[start:stop]

    def _note(self, name: str, length: int, value: T, meaning: Callable[[T], str] | None = None) -> None:
        """Called after each field was read. Nobody looks at this cursor."""


class ItemKind(NamedTuple, Generic[T_co]):
    """How to decode one type of item.

    Attributes:
        name: In the standard's words.
        decode: From (cursor bounded to the item's contents, item type, the byte after the type).
        recurs: Whether peers send the same bytes time after time: then what they say is remembered.
    """

    name: str
    decode: Callable[[Cursor, int, int], T_co]
    recurs: bool = False


def _decode_item(kind: ItemKind[T], cursor: Cursor) -> T:
    """Item header (type, reserved, length) and contents (PS3.8 Tables 9-12 to 9-22)."""
    item_type, second, length = cursor.item_header()
    outer = cursor.enter(length, kind.name)
    try:
        item = kind.decode(cursor, item_type, second)
    except ValueError as error:
        raise RemoteProtocolError(str(error)) from error
    cursor.leave(outer, kind.name)
    return item


@lru_cache(maxsize=1024)
def _decode_recurring(kind: ItemKind[T], data: bytes) -> tuple[T, int]:
    """One item, and how many there are inside it. An error is not remembered."""
    cursor = Cursor(memoryview(data))
    return _decode_item(kind, cursor), cursor._items


class TracingCursor(Cursor):
    """Keeps a `Field` for all it reads. Damage costs the part it is in, not the rest of the PDU."""

    __slots__ = ("_fields", "_part_end", "_parts", "_problems")

    def __init__(self, data: memoryview) -> None:
        super().__init__(data)
        self._fields: list[Field] = []
        self._problems: list[str] = []
        self._part_end: int | None = None
        self._parts = 0

    def part(self, name: str, decode: Callable[[Cursor], T], found: list[T]) -> None:
        """As the plain cursor's, but an error becomes the `problem` of the part's field."""
        self._parts += 1
        if self._parts > MAXIMUM_TRACED_PARTS:
            raise RemoteProtocolError(f"more than {MAXIMUM_TRACED_PARTS} parts; the rest is not shown")
        start, outer = self._offset, self._end
        around = self._fields, self._problems, self._part_end
        self._fields, self._problems, self._part_end = [], [], None
        try:
            found.append(decode(self))
        except RemoteProtocolError as error:
            self._problems.append(str(error))
            self._end = outer if self._part_end is None else self._part_end
            self._undecoded()
            self._end = outer
        children, problem = tuple(self._fields), "; ".join(self._problems)
        self._fields, self._problems, self._part_end = around
        value, meaning = _summary(children)
        self._fields.append(Field(name, value, start, self._offset - start, children, meaning, problem))

    def item(self, kind: ItemKind[T], found: list[T]) -> None:
        """As the plain cursor's, as a part."""
        self.part(kind.name, partial(_decode_item, kind), found)

    def enter(self, length: int, name: str) -> int:
        """As the plain cursor's; the first bounds within a part are the part's own."""
        outer = super().enter(length, name)
        if self._part_end is None:
            self._part_end = self._end
        return outer

    def item_header(self) -> tuple[int, int, int]:
        """As the plain cursor's, field by field."""
        item_type = self.number("Item Type", 1, "{:02X}H".format)
        return item_type, self.number("Reserved", 1), self.number("Item Length", 2)

    def complain(self, problem: str, reason: AbortReason = AbortReason.INVALID_PDU_PARAMETER_VALUE) -> None:
        """Noted on the part that is being read."""
        self._problems.append(problem)

    def whole(self, name: str, problem: str = "") -> Field:
        """The tree of all that was read; bytes that nobody read become a field of their own."""
        self._end = len(self._data)
        self._undecoded()
        problems = [*self._problems, problem] if problem else self._problems
        return Field(name, None, 0, len(self._data), tuple(self._fields), "", "; ".join(problems))

    def _undecoded(self) -> None:
        if self.remaining:
            self.octets(_NOT_DECODED, self.remaining, shown=False)

    def _note(self, name: str, length: int, value: T, meaning: Callable[[T], str] | None = None) -> None:
        words = meaning(value) if meaning else ""
        self._fields.append(Field(name, value, self._offset - length, length, (), words))


def _summary(children: tuple[Field, ...]) -> tuple[object, str]:
    """What an item says in one line: its first own value, and what all of its values mean."""
    own = [child for child in children if child.name not in _NO_SUMMARY and not child.name.endswith(" Length")]
    if not own or (len(own) > 1 and all(child.children for child in own)):
        return None, ""
    return own[0].value, ", ".join(child.meaning for child in own if child.meaning)
