"""Pairs of elements as rows: a sign, what they are, and both values."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QObject

from workstation.traffic.decoding.compare import Comparison, Pair, Sign
from workstation.traffic.decoding.data_set import Element, line_of
from workstation.traffic.text import printable
from workstation.ui.parts.row_model import CENTRE, LEFT, Index, RowModel, Shown
from workstation.ui.theme import Theme

SIGN, TAG, NAME, FIRST, SECOND = range(5)

_COLOURS = {
    Sign.SAME: "dimmed",
    Sign.CHANGED: "warning",
    Sign.LEFT: "sent",
    Sign.RIGHT: "received",
    Sign.IGNORED: "dimmed",
}


class CompareModel(RowModel):
    """The pairs in sight, in one flat list."""

    titles = ("", "Tag", "Name", "Left", "Right")
    title_tips = (
        "= the same, ≠ different, ◀ only left, ▶ only right, · ignored",
        "Group and element, hexadecimal",
        "From the dictionary of DICOM",
        "The value in the data set on the left",
        "The value in the data set on the right",
    )
    alignments = (CENTRE, LEFT, LEFT, LEFT, LEFT)
    branch_column = NAME

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(theme, parent)
        self._comparison = Comparison()
        self._pairs: list[Pair] = []
        self._only_differences = True

    def set_comparison(self, comparison: Comparison) -> None:
        """Show another comparison."""
        self._comparison = comparison
        self._choose()

    def set_only_differences(self, only: bool) -> None:
        """Leave out what is the same, or show all."""
        self._only_differences = only
        self._choose()

    def _choose(self) -> None:
        self.beginResetModel()
        pairs = self._comparison.pairs
        if self._only_differences:
            pairs = [pair for pair in pairs if pair.sign not in (Sign.SAME, Sign.IGNORED)]
        self._pairs = pairs
        self.endResetModel()

    def pair_at(self, index: Index) -> Pair | None:
        """The row's pair."""
        return self._pairs[index.row()] if index.isValid() and index.row() < len(self._pairs) else None

    def next_difference(self, row: int, step: int) -> int:
        """The next row in a direction that differs itself, not by what is in it; -1 if there is none."""
        row += step
        while 0 <= row < len(self._pairs):
            pair = self._pairs[row]
            is_leaf = pair.left is None or pair.right is None or not pair.left.level
            if is_leaf and pair.sign not in (Sign.SAME, Sign.IGNORED):
                return row
            row += step
        return -1

    def rowCount(self, parent: Index = QModelIndex()) -> int:
        return 0 if parent.isValid() else len(self._pairs)

    def shown(self, row: int) -> Shown:
        pair = self._pairs[row]
        element = pair.either
        name = printable(element.name, 128)
        if element.creator:
            name = f"[{name}]"
        tag = element.tag_text if element.kind == "element" else ""
        colour = _COLOURS[pair.sign]
        is_dim = colour if pair.sign in (Sign.SAME, Sign.IGNORED) else ""
        value = is_dim or colour
        return Shown(
            (pair.sign.value, tag, name, _side(pair.left, pair.right), _side(pair.right, pair.left)),
            (colour, is_dim, is_dim, value, value),
            depth=pair.depth,
        )

    def tip(self, row: int, column: int) -> str:
        pair = self._pairs[row]
        lines = [f"{pair.either.tag_text} {printable(pair.either.name, 128)}: {pair.sign.words}"]
        for side, element in (("Left", pair.left), ("Right", pair.right)):
            if element is not None:
                length = "undefined length" if element.length is None else f"{element.length:,} bytes"
                lines.append(f"{side}: {line_of(element)} ({', '.join(filter(None, (element.vr, length)))})")
        return "\n".join(lines)


def _side(element: Element | None, other: Element | None) -> str:
    """A value; where it looks like the other one although it differs, with what differs."""
    if element is None:
        return "–"
    if element.kind == "item":
        return "present" if other is None else ""
    text = line_of(element)
    if not element.size and not element.level:
        return "(empty)"
    if other is not None and not element.level and text == line_of(other) and element.vr != other.vr:
        return f"{text} ({element.vr})"
    return text
