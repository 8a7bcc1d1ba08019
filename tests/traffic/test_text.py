"""Wire text made safe."""

from __future__ import annotations

import pytest

from workstation.traffic.text import element_name, hex_bytes, printable, quantity


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Doe^John", "Doe^John"),
        ("山田^太郎", "山田^太郎"),
        ("a\nb\r\t\0", "a\\nb\\r\\t\\0"),
        ("\x1b[31m\x9b", "\\x1b[31m\\x9b"),
        ("a\u202eb\u2066c\u200f", "a\\u202eb\\u2066c\\u200f"),
        ("\u2028\ufeff", "\\u2028\\ufeff"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
        ("<b>&amp;</b>", "<b>&amp;</b>"),
        ("one\\two", "one\\two"),
        (b"caf\xe9\x00", "café\\0"),
        ("", ""),
    ],
)
def test_each_kind_of_character(text: str | bytes, shown: str) -> None:
    assert printable(text) == shown


def test_the_limit_holds_whatever_is_escaped() -> None:
    assert printable("x" * 256) == "x" * 256
    assert printable("x" * 257) == "x" * 255 + "…"
    assert len(printable("\0" * 10_000_000)) == 256
    assert printable(b"x" * 1000, limit=10) == "xxxxxxxxx…"


def test_every_character_below_and_above_ascii_is_one_visible_line() -> None:
    for code in range(0x3000):
        shown = printable(chr(code))
        assert len(shown.splitlines()) <= 1
        assert shown


def test_names() -> None:
    assert element_name(0x0010, 0x0010) == "Patient's Name"
    assert element_name(0x0009, 0x0010) == "Private Creator"
    assert element_name(0x0009, 0x1010) == "Private Data Element"
    assert element_name(0x0008, 0x0000) == "Group Length"
    assert element_name(0x0008, 0xFFFE) == ""


def test_small_things() -> None:
    assert hex_bytes(b"\0\xff") == "00 ff"
    assert hex_bytes(bytes(17)).endswith("00 …")
    assert quantity(1, "byte") == "1 byte"
    assert quantity(2048, "byte") == "2,048 bytes"
    assert quantity(2, "entry", "entries") == "2 entries"
