"""Decoded fields in words: what a list shows of one, what is copied, and a whole tree as text.

Everything that a peer wrote is made printable here. Knows fields, nothing of rows or views.
"""

from __future__ import annotations

import re

from workstation.net.codec.field import Field
from workstation.traffic.text import hex_bytes, printable

__all__ = ["raw_text", "tree_text", "uid_of", "value_text"]

_UID = re.compile(r"[0-2](\.(0|[1-9][0-9]*)){2,}")
# The elements of data sets carry their VR in front of what the value means: "UI, CT Image Storage".
_VR = re.compile(r"[A-Z]{2}(, |$)")


def uid_of(field: Field) -> str:
    """The UID that a field holds, "" if it holds none."""
    value = field.value
    return value if isinstance(value, str) and _UID.fullmatch(value) and len(value) <= 64 else ""


def value_text(field: Field) -> str:
    """What a field holds, in words: a UID by its name, a number with its meaning."""
    value, meaning = field.value, printable(field.meaning, 1024)
    name = _VR.sub("", meaning, count=1) if uid_of(field) else ""
    if value is None or name:
        text = name or meaning
    else:
        if isinstance(value, bytes | bytearray | memoryview):
            shown = hex_bytes(bytes(value[:33]), 32)
        else:
            shown = printable(str(value), 1024)
        text = f"{shown} ({meaning})" if meaning and meaning != shown else shown
    if field.problem:
        problem = printable(field.problem, 1024)
        return f"⚠ {problem} · {text}" if text else f"⚠ {problem}"
    return text


def raw_text(field: Field) -> str:
    """The value alone, for copying."""
    if field.value is None:
        return field.meaning
    if isinstance(field.value, bytes | bytearray | memoryview):
        return bytes(field.value).hex(" ")
    return str(field.value)


def tree_text(field: Field) -> str:
    """A field and what is in it, one a line, indented by depth."""
    lines: list[str] = []
    stack = [(field, 0)]
    while stack:
        one, depth = stack.pop()
        uid = uid_of(one)
        value = f"{uid} ({printable(one.meaning, 1024)})" if uid and one.meaning else value_text(one)
        lines.append(f"{'  ' * depth}{printable(one.name)}: {value}".rstrip(": "))
        stack.extend((child, depth + 1) for child in reversed(one.children))
    return "\n".join(lines)
