"""Reading PDU fields one after the other, and, for those who want to see, where each one was.

The decoders of `pdu` and `pdu_items` read through a `Cursor`. The same decoders with a `TracingCursor` leave
a tree of `Field`: one truth for the engine and for the person who looks at the bytes. All PDU fields are
big-endian (PS3.8 section 9.3.1). Knows the shape of an item's header, but no item.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Generic, NamedTuple, TypeVar

from pydicom.config import IGNORE
from pydicom.uid import UID

from workstation.net.errors import AbortReason, RemoteProtocolError
from workstation.net.field import Field
from workstation.net.wire_text import ae_title_of, text_of, uid_of

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_NOT_DECODED = "Not Decoded"
_NO_SUMMARY = frozenset({"Item Type", "Item Length", "Reserved", _NOT_DECODED})


def uid_name(uid: str) -> str:
    """The registered name of a UID (PS3.6 Annex A), or an empty text."""
    name = UID(uid, validation_mode=IGNORE).name
    return "" if name == uid else name


class Cursor:
    """Reads the fields of a buffer in order; every read past the end is the peer's error."""

    __slots__ = ("_data", "_end", "_offset")

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._offset = 0
        self._end = len(data)

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

    def enter(self, length: int, name: str) -> int:
        """Bounds the reads that follow to `length` bytes; returns what `leave` wants back."""
        if length > self.remaining:
            self.complain(f"{name}: its length is {length}, but {self.remaining} bytes are left")
        outer, self._end = self._end, min(self._offset + length, self._end)
        return outer

    def leave(self, outer: int, name: str) -> None:
        """Ends a bounded part, which must have been read whole."""
        if self.remaining:
            raise RemoteProtocolError(f"{name}: {self.remaining} bytes too many")
        self._end = outer

    def part(self, name: str, decode: Callable[[Cursor], T], found: list[T]) -> None:
        """Decodes one part that has its own length and appends it to `found`."""
        found.append(decode(self))

    def items(self, kinds: Mapping[int, ItemKind[T]], other: ItemKind[T]) -> list[T]:
        """Decodes items until the bounds are reached; a type that is not in `kinds` is of kind `other`."""
        found: list[T] = []
        while self.remaining:
            kind = kinds.get(self._data[self._offset], other)
            self.part(kind.name, partial(_decode_item, kind), found)
        return found

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
    """

    name: str
    decode: Callable[[Cursor, int, int], T_co]


def _decode_item(kind: ItemKind[T], cursor: Cursor) -> T:
    """Item header (type, reserved, length) and contents (PS3.8 Tables 9-12 to 9-22)."""
    item_type = cursor.number("Item Type", 1, "{:02X}H".format)
    second = cursor.number("Reserved", 1)
    outer = cursor.enter(cursor.number("Item Length", 2), kind.name)
    try:
        item = kind.decode(cursor, item_type, second)
    except ValueError as error:
        raise RemoteProtocolError(str(error)) from error
    cursor.leave(outer, kind.name)
    return item


class TracingCursor(Cursor):
    """Keeps a `Field` for all it reads. Damage costs the part it is in, not the rest of the PDU."""

    __slots__ = ("_fields", "_problems")

    def __init__(self, data: memoryview) -> None:
        super().__init__(data)
        self._fields: list[Field] = []
        self._problems: list[str] = []

    def part(self, name: str, decode: Callable[[Cursor], T], found: list[T]) -> None:
        """As the plain cursor's, but an error becomes the `problem` of the part's field."""
        start, outer = self._offset, self._end
        fields, problems = self._fields, self._problems
        self._fields, self._problems = [], []
        try:
            found.append(decode(self))
        except RemoteProtocolError as error:
            self._problems.append(str(error))
            self._undecoded()
            self._end = outer
        children, problem = tuple(self._fields), "; ".join(self._problems)
        self._fields, self._problems = fields, problems
        value, meaning = _summary(children)
        self._fields.append(Field(name, value, start, self._offset - start, children, meaning, problem))

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
