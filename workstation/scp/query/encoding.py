"""From a match's texts to bytes: the identifier of a C-FIND response as it leaves.

The same bytes that come of `answer.build_answer`, at a small part of its cost: what all answers to a request have in
common is encoded once, a text that many rows have once as well, and a plain text without pydicom. What is not plain is
left to pydicom, one element at a time. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from struct import Struct
from typing import Any

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from workstation.net import dsutils
from workstation.scp.archive.extract import UNICODE_VRS
from workstation.scp.query.answer import CHARACTER_SET, UTF_8, absent_element, level_element, made_element, text_element
from workstation.scp.query.levels import VR_OF_TAG, FindRequest

# Of each attribute: most have few texts, and to encode a UID takes little longer than to find it again.
MOST_REMEMBERED = 1000
LONGEST_REMEMBERED = 256

_LONG_VRS = frozenset({"UC", "UR", "UT"})
# Written as they are; of other values of these VRs pydicom may make another text, or none.
_TEXT, _ASCII = re.compile(r"[^\ud800-\udfff]*"), re.compile(r"[\0-\x7f]*")
_PLAIN = {
    **dict.fromkeys(UNICODE_VRS, _TEXT),
    **dict.fromkeys(("AE", "AS", "CS", "DA", "DT", "TM", "UR"), _ASCII),
    "PN": re.compile(r"[^=\ud800-\udfff]*"),
    "UI": re.compile(r"[0-9.\\]*"),
    "IS": re.compile(r"-?[0-9]{1,9}"),
    "DS": re.compile(r"-?[0-9]{1,6}(?:\.[0-9]{1,6})?"),
}
# The VR of other elements may follow from it.
_PIXEL_REPRESENTATION = 0x00280103


class NotEncodableError(ValueError):
    """An element that cannot be encoded."""


class ElementEncoder:
    """Encodes elements in one transfer syntax, whose texts are ASCII or UTF-8.

    Args:
        transfer_syntax: Its UID.
    """

    def __init__(self, transfer_syntax: str) -> None:
        self._is_implicit, self._is_little_endian, self._is_deflated = dsutils.encoding_of(transfer_syntax)
        order = "<" if self._is_little_endian else ">"
        self._tag, self._short, self._long = (Struct(order + code).pack for code in ("HH", "H", "L"))

    def texts(self, tag: int, vr: str, before: bytes = b"") -> Callable[[str], bytes | None]:
        """Return what encodes an attribute's texts: the element, after what is `before`; None if it is not plain."""
        if vr not in _PLAIN:
            return lambda _: None
        is_plain = _PLAIN[vr].fullmatch
        padding = b"\0" if vr == "UI" else b" "
        head = before + self._tag(tag >> 16, tag & 0xFFFF)
        length, most = self._long, 0xFFFFFFFF
        if not self._is_implicit:
            head += vr.encode()
            if vr in _LONG_VRS:
                head += b"\0\0"
            else:
                length, most = self._short, 0xFFFF

        def encoded(text: str) -> bytes | None:
            if not is_plain(text):
                return None
            value = text.encode()
            if len(value) % 2:
                value += padding
            return head + length(len(value)) + value if len(value) <= most else None

        return encoded

    def element(self, element: DataElement) -> bytes | None:
        """Return any element; None if it cannot be encoded."""
        data_set = Dataset()
        data_set[element.tag] = element
        buffer = DicomBytesIO()
        buffer.is_implicit_VR, buffer.is_little_endian = self._is_implicit, self._is_little_endian
        try:
            write_dataset(buffer, data_set, UTF_8)
        except Exception:
            # Almost any exception; whoever encodes the whole answer logs it.
            return None
        encoded: bytes = buffer.getvalue()
        return encoded

    def whole(self, elements: bytes) -> bytes:
        """Return the data set of elements."""
        return dsutils.deflate(elements) if self._is_deflated else elements


class AnswerEncoder:
    """Encodes the answers to one request. For one thread.

    Args:
        request: What is asked for.
        transfer_syntax: Of the presentation context.
        shown: Gives the text of what a row has of an attribute, by its tag.
        filled_in: Elements of every answer that are no keys.
    """

    def __init__(
        self,
        request: FindRequest,
        transfer_syntax: str,
        shown: Callable[[int, Any], str],
        filled_in: Iterable[DataElement] = (),
    ) -> None:
        self._elements = elements = ElementEncoder(transfer_syntax)
        common = {int(element.tag): element for element in (level_element(request), *filled_in)}
        common |= {tag: absent_element(request, tag) for tag in request.asked if tag not in request.answered}
        self._can_encode = not any(
            " or " in element.VR or tag == _PIXEL_REPRESENTATION for tag, element in common.items()
        )
        encoded = {tag: elements.element(element) for tag, element in common.items()}
        self._can_encode = self._can_encode and None not in encoded.values()
        self._head = b"".join(encoded[tag] or b"" for tag in sorted(common) if tag < CHARACTER_SET)
        self._character_set = elements.element(made_element(CHARACTER_SET, "CS", UTF_8)) or b""
        self._columns: list[_Column] = []
        run = b""
        for tag in sorted({*request.answered, *common}):
            if tag in request.answered:
                self._columns.append(_Column(self, elements, tag, shown, run))
                run = b""
            elif tag > CHARACTER_SET:
                run += encoded[tag] or b""
        self._tail = run
        self.is_wide = False

    def encode(self, row: Iterable[Any]) -> bytes | None:
        """Return the identifier of a row, which begins with what is answered in the order of the tags.

        None if it has to be encoded as a whole, which may fail as well.
        """
        if not self._can_encode:
            return None
        self.is_wide = False
        try:
            body = b"".join([column[value] for column, value in zip(self._columns, row, strict=False)])
        except NotEncodableError:
            return None
        head = self._head + self._character_set if self.is_wide else self._head
        return self._elements.whole(head + body + self._tail)


class _Column(dict[Any, bytes]):
    """One attribute of the answers: what a row has of it -> its element, after those that are always before it."""

    def __init__(
        self,
        encoder: AnswerEncoder,
        elements: ElementEncoder,
        tag: int,
        shown: Callable[[int, Any], str],
        before: bytes,
    ) -> None:
        self._encoder = encoder
        self._elements = elements
        self._tag = tag
        self._plain = elements.texts(tag, VR_OF_TAG[tag], before)
        self._shown = shown
        self._before = before

    def __missing__(self, value: Any) -> bytes:
        text = self._shown(self._tag, value)
        encoded = self._plain(text)
        if encoded is None:
            element = self._elements.element(text_element(self._tag, text))
            if element is None:
                raise NotEncodableError
            encoded = self._before + element
        if not text.isascii():
            self._encoder.is_wide = True
        elif len(self) < MOST_REMEMBERED and len(encoded) <= LONGEST_REMEMBERED:
            self[value] = encoded
        return encoded
