"""Text from the wire made safe to show, and names for UIDs.

Everything that a peer wrote passes through `printable` before a person sees it: control characters, line breaks and
the characters that reorder or hide text are escaped, and the length is bounded. The result is plain text and must be
shown as such. This module knows neither markup nor Qt.
"""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["element_name", "hex_bytes", "printable", "quantity"]

# C0, DEL, C1 and NEL; soft hyphen; Arabic letter mark; zero-width and directional marks; line and paragraph separators;
# bidirectional embeddings, overrides and isolates; invisible operators; surrogates; BOM; interlinear annotation and
# the tag characters. Each either breaks a row, reorders what stands beside it, or cannot be seen.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u115f\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff"
    "\ufff0-\ufffb\U000e0000-\U000e0fff]"
)
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\0"}


class _Shown(dict[int, str]):
    """What is shown for a character, for `str.translate`: many times faster than a substitution for each.

    Remembers each character that it was asked for; there are only so many in all that is ever shown.
    """

    def __missing__(self, code: int) -> str:
        character = chr(code)
        if not _UNSAFE.match(character):
            shown = character
        elif character in _SHORT:
            shown = _SHORT[character]
        elif code < 0x100:
            shown = f"\\x{code:02x}"
        else:
            shown = f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
        if len(self) < _REMEMBERED:
            self[code] = shown
        return shown


# More than the writings of the world have in daily use; a peer could send all of Unicode.
_REMEMBERED = 30_000
_SHOWN = _Shown()


def printable(text: str | bytes, limit: int = 256) -> str:
    """The text as one safe line of at most `limit` characters, a cut one ending in "…".

    Bytes are read as Latin-1, so that each byte stays visible. A backslash is left as it is: it separates the values of
    an element, and doubling it would mislead more often than it would help.
    """
    if isinstance(text, bytes):
        text = text[: limit + 1].decode("latin-1")
    shown = text[: limit + 1]
    if _UNSAFE.search(shown):
        shown = shown.translate(_SHOWN)
    if len(text) <= limit and len(shown) <= limit:
        return shown
    return shown[: max(limit - 1, 0)] + "…"


def hex_bytes(data: bytes | memoryview, limit: int = 16) -> str:
    """The first bytes in hexadecimal, "…" when there are more."""
    shown = bytes(data[:limit]).hex(" ")
    return shown + " …" if len(data) > limit else shown


def quantity(count: int, noun: str, plural: str = "") -> str:
    """A count with its noun: "1 byte", "2,048 bytes"."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


@lru_cache(maxsize=4096)
def endpoint(host: str, port: int) -> str:
    """ "host:port" as people write it, an IPv6 address in brackets; "" without a host."""
    if not host:
        return ""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def element_name(group: int, element: int) -> str:
    """The name of a data element from the dictionary, "" when it has none; private creators are named as such."""
    # Imported here so that listing traffic does not pay for the dictionary before an element is shown.
    from pydicom.datadict import dictionary_description

    if element == 0:
        return "Group Length"
    if group % 2:
        return "Private Creator" if 0x10 <= element <= 0xFF else "Private Data Element"
    try:
        return dictionary_description((group << 16) | element)
    except KeyError:
        return ""
