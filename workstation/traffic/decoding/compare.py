"""Two data sets side by side: which elements differ, by tag and not by place.

Values are equal when they mean the same: padding, byte order and whether a length is written do not count. Pure; runs
in a job of whoever wants to know.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from workstation.traffic.decoding.data_set import DataSetTree, Element, value_text
from workstation.traffic.decoding.elements import MAX_DEPTH, NUMBER_FORMATS, TEXT

__all__ = ["Comparison", "Pair", "Sign", "compare_trees", "read_tags"]

MAX_PAIRS: Final = 200_000
_STRETCH: Final = 1 << 20
# What a person compares by meaning; longer ones by their bytes.
_LONGEST_TEXT: Final = 1 << 20


class Sign(Enum):
    """How two elements compare; the value is what a row shows."""

    SAME = "="
    CHANGED = "≠"
    LEFT = "◀"
    RIGHT = "▶"
    IGNORED = "·"

    @property
    def words(self) -> str:
        """The sign in words."""
        return {
            Sign.SAME: "the same",
            Sign.CHANGED: "different",
            Sign.LEFT: "only left",
            Sign.RIGHT: "only right",
            Sign.IGNORED: "ignored",
        }[self]


@dataclass(slots=True, eq=False)
class Pair:
    """The elements at one place of both data sets, None where one has nothing.

    Attributes:
        sign: how they compare; of a sequence whether anything in it differs.
        depth: how many others they stand in.
    """

    left: Element | None
    right: Element | None
    depth: int
    above: Pair | None
    sign: Sign = Sign.SAME

    @property
    def either(self) -> Element:
        """The left one, or the right one where there is no left one."""
        found = self.left or self.right
        assert found is not None
        return found


@dataclass(slots=True)
class Comparison:
    """All pairs in the order of their tags, and how many leaves compare how."""

    pairs: list[Pair] = field(default_factory=list)
    changed: int = 0
    only_left: int = 0
    only_right: int = 0
    ignored: int = 0
    is_cut: bool = False

    @property
    def differences(self) -> int:
        """How many elements differ."""
        return self.changed + self.only_left + self.only_right

    @property
    def words(self) -> str:
        """The counts in a sentence."""
        if not self.differences:
            text = "No differences"
        else:
            noun = "difference" if self.differences == 1 else "differences"
            counts = (
                (self.changed, "changed"),
                (self.only_left, "only left"),
                (self.only_right, "only right"),
            )
            details = ", ".join(f"{count:,} {what}" for count, what in counts if count)
            text = f"{self.differences:,} {noun}: {details}"
        if self.ignored:
            text += f" ({self.ignored:,} ignored)"
        return f"{text}; only the first {MAX_PAIRS:,} elements were compared" if self.is_cut else text


def read_tags(text: str) -> tuple[frozenset[tuple[int, int]], list[str]]:
    """The tags in a text, by (gggg,eeee), ggggeeee or keyword, and the words that are none."""
    from pydicom.datadict import tag_for_keyword

    tags: set[tuple[int, int]] = set()
    unknown: list[str] = []
    for word in re.findall(r"\([^)]*\)|[^\s,;]+", text):
        digits = re.sub(r"[(),\s]", "", word)
        if re.fullmatch(r"[0-9A-Fa-f]{8}", digits):
            tags.add((int(digits[:4], 16), int(digits[4:], 16)))
            continue
        found = tag_for_keyword(word)
        if found is None:
            unknown.append(word)
        else:
            tags.add((found >> 16, found & 0xFFFF))
    return frozenset(tags), unknown


def compare_trees(
    left: DataSetTree,
    right: DataSetTree,
    ignored: Collection[tuple[int, int]] = (),
    cancelled: Callable[[], bool] = lambda: False,
) -> Comparison:
    """Compare two data sets, sequences item by item.

    Args:
        left: One.
        right: The other.
        ignored: Tags that do not count, wherever they are. Group lengths and padding never do.
        cancelled: Asked now and then; what has been compared by then is returned.
    """
    result = Comparison()
    stack: list[Iterator[Pair]] = [_matched(left.top(), right.top(), None)]
    while stack:
        pair = next(stack[-1], None)
        if pair is None:
            stack.pop()
            continue
        if len(result.pairs) >= MAX_PAIRS or cancelled():
            result.is_cut = True
            break
        result.pairs.append(pair)
        tag = pair.either.tag
        if pair.either.kind == "element" and (tag in ignored or tag[1] == 0 or tag == (0xFFFC, 0xFFFC)):
            pair.sign = Sign.IGNORED
            result.ignored += tag in ignored
            continue
        first, second = pair.left, pair.right
        if first is None or second is None:
            pair.sign = Sign.RIGHT if first is None else Sign.LEFT
            result.only_right += first is None
            result.only_left += second is None
            _mark_above(pair)
        elif first.level and second.level == first.level and len(stack) < MAX_DEPTH:
            stack.append(_matched(left.below(first), right.below(second), pair))
        elif not _equal(left, first, right, second):
            pair.sign = Sign.CHANGED
            result.changed += 1
            _mark_above(pair)
    return result


def _mark_above(pair: Pair) -> None:
    above = pair.above
    while above is not None and above.sign is Sign.SAME:
        above.sign = Sign.CHANGED
        above = above.above


def _matched(left: list[Element], right: list[Element], above: Pair | None) -> Iterator[Pair]:
    """Those of two levels that belong together, in the order of tags, or of items."""
    keyed = [_keyed(left), _keyed(right)]
    depth = above.depth + 1 if above is not None else 0
    for key in sorted(keyed[0].keys() | keyed[1].keys()):
        yield Pair(keyed[0].get(key), keyed[1].get(key), depth, above)


def _keyed(elements: list[Element]) -> dict[tuple[int, int, str, int], Element]:
    """Elements by tag (private ones by their creator, whatever block they have), items by number."""
    found: dict[tuple[int, int, str, int], Element] = {}
    for element in elements:
        group, number = element.tag
        if element.creator:
            number &= 0xFF
        key = (group, number, element.creator, element.number)
        if element.kind == "rest":
            key = (0x10000, 0, "", 0)
        while key in found:
            key = (*key[:3], key[3] + 1)
        found[key] = element
    return found


def _equal(left: DataSetTree, first: Element, right: DataSetTree, second: Element) -> bool:
    one, other = first.read_as or first.vr, second.read_as or second.vr
    largest = max(first.size, second.size)
    is_meant = one in TEXT or one in NUMBER_FORMATS or one == "AT"
    if one == other and is_meant and largest <= _LONGEST_TEXT:
        texts = [
            value_text(each, tree.raw(each, _LONGEST_TEXT), everything=True).strip()
            for tree, each in ((left, first), (right, second))
        ]
        return texts[0] == texts[1]
    if first.size != second.size:
        return (
            left.raw(first, largest).rstrip(b"\0 ") == right.raw(second, largest).rstrip(b"\0 ")
            if (largest <= _LONGEST_TEXT)
            else False
        )
    swap = first.little_endian is not second.little_endian and one == "OW"
    for offset in range(0, first.size, _STRETCH):
        count = min(_STRETCH, first.size - offset)
        piece = left.source.read(first.value_offset + offset, count)
        against = right.source.read(second.value_offset + offset, count)
        if swap and len(against) % 2 == 0:
            swapped = bytearray(against)
            swapped[0::2], swapped[1::2] = against[1::2], against[0::2]
            against = bytes(swapped)
        if piece != against:
            return False
    return True
