"""A decoded field and the bytes it came from: what a tree of a PDU or command set is made of.

Pure data. Does not know what decoded it nor who shows it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Field:
    """One field, or one item with its fields as children.

    Attributes:
        name: In the standard's words, "Called AE Title".
        value: The decoded value; of an item, the value that tells it apart; None where there is none.
        offset: Of the first byte, counted from the first byte of the buffer that was dissected.
        length: In bytes, header included for an item.
        children: The fields inside, in the order of the wire.
        meaning: What the value stands for: a UID's name, "acceptance", "Pending".
        problem: Why this part could not be decoded; empty when it could.
    """

    name: str
    value: object
    offset: int
    length: int
    children: tuple[Field, ...] = ()
    meaning: str = ""
    problem: str = ""
